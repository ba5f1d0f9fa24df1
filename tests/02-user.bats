# The step user: root inside is nobody outside.
load helper
load helper-steps

FIRST=1879048192        # of the ids that nobody on a machine has

# Real, effective and saved id of a process, as the host sees them.
uid_of() { awk '/^Uid/ { print $2, $3, $4 }' "/proc/$1/status"; }

# as_ann SUBUID SUBGID COMMAND...: run a command as a user, ann (54321), who has
# these lines in /etc/subuid and /etc/subgid: in a copy of the machine's table of
# mounts.  With HIDE=yes there is no newuidmap.
HIDE=
as_ann() {
    HIDE=$HIDE unshare --mount --propagation private bash -e -c '
        cp /etc/passwd "$0/passwd"
        echo "ann:x:54321:54321::/:/bin/sh" >> "$0/passwd"
        echo "$1" > "$0/subuid"
        echo "$2" > "$0/subgid"
        [ -z "$HIDE" ] || mount --bind "$0/subuid" "$(command -v newuidmap)"
        for file in passwd subuid subgid; do
            chmod 644 "$0/$file"
            [ -e /etc/$file ] || continue
            mount --bind "$0/$file" /etc/$file
        done
        # Where ann can surely get at them.
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/rootfs
        mount --bind "$3" /mnt/rootfs
        cp "$4" /mnt/cage
        shift 4
        exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"' \
        "$BATS_TEST_TMPDIR" "$1" "$2" "$ROOTFS" "$CAGE" "${@:3}"
}
need_ann() {
    root_only
    need newuidmap newgidmap setpriv unshare
    [ -e /etc/subuid ] && [ -e /etc/subgid ] || skip "there is no /etc/subuid"
}

@test "started by root it has 65536 ids of its own, that nobody else has" {
    root_only
    start sleep 60
    read -r inside first count < "/proc/$init/uid_map"
    equal "0 65536" "$inside $count"
    [ "$first" -ge $FIRST ]
    [ $((first + count)) -le $((0x7ffe0000)) ]
    equal "$(cat "/proc/$init/uid_map")" "$(cat "/proc/$init/gid_map")"
}

@test "two containers of root at the same time share no id" {
    root_only
    start sleep 60
    read -r inside first count < "/proc/$init/uid_map"
    read -r inside second count <<< "$(inside cat /proc/self/uid_map)"
    [ $((first > second ? first - second : second - first)) -ge 65536 ]
}

@test "root inside is nobody outside" {
    root_only
    start sleep 60
    read -r inside first count < "/proc/$init/uid_map"
    equal "$first $first $first" "$(uid_of "$init")"
    equal "$first $first $first" "$(uid_of "$command")"
    finish
    start --user=1000 sleep 60
    read -r inside first count < "/proc/$init/uid_map"
    equal "$((first + 1000)) $((first + 1000)) $((first + 1000))" "$(uid_of "$command")"
}

@test "without user, root inside is root outside" {
    root_only
    start --without=user sleep 60
    equal "0 0 0" "$(uid_of "$command")"
    equal "0 0 4294967295" "$(words < "/proc/$init/uid_map")"
    equal "$(readlink /proc/$$/ns/user)" "$(readlink "/proc/$init/ns/user")"
}

@test "inside, everybody sees a root" {
    equal "0 0" "$(inside sh -c 'echo $(id -u) $(id -g)')"
    differ "$(inside readlink /proc/self/ns/user)" "$(readlink /proc/$$/ns/user)"
}

@test "root inside has no power over a process of root outside" {
    root_only
    run inside --without=pid sh -c "kill -0 $$"
    [ "$status" != 0 ]
    has "$output" "Operation not permitted"
    inside --without=pid,user sh -c "kill -0 $$"
}

@test "an ordinary user has a single id inside, and can give no group away" {
    user_only
    ! has_subids || skip "this user has more ids, by /etc/subuid"
    equal "0 $(id -u) 1" "$(inside cat /proc/self/uid_map | words)"
    equal "0 $(id -g) 1" "$(inside cat /proc/self/gid_map | words)"
    equal deny "$(inside cat /proc/self/setgroups)"
    start sleep 60
    equal "$(id -u) $(id -u) $(id -u)" "$(uid_of "$command")"
}

@test "with a single id there is only user 0" {
    user_only
    ! has_subids || skip "this user has more ids, by /etc/subuid"
    run inside --user=1000 true
    refused "cage: id: setresgid(1000): Invalid argument"
    has "$output" "hint: "
}

@test "an ordinary user with ids granted has these as well" {
    user_only
    has_subids || skip "no ids are granted to this user by /etc/subuid"
    IFS=: read -r who first count <<< \
        "$(grep -m 1 -E "^($(id -un)|$(id -u)):" /etc/subuid)"
    equal "0 $(id -u) 1 1 $first $count" "$(inside cat /proc/self/uid_map | words)"
    start --user=1000 sleep 60
    equal $((first + 999)) "$(uid_of "$command" | cut -d ' ' -f 1)"
}

@test "newuidmap gives an ordinary user the ids of /etc/subuid" {
    need_ann
    run as_ann ann:200000:65536 54321:300000:65536 /mnt/cage run /mnt/rootfs \
        sh -c 'echo $(cat /proc/self/uid_map) and $(cat /proc/self/gid_map)
            cat /proc/self/setgroups; echo x > /dev/shm/file; chown 7:8 /dev/shm/file; stat -c %u:%g /dev/shm/file'
    equal 0 "$status"
    equal "0 54321 1 1 200000 65536 and 0 54321 1 1 300000 65536
allow
7:8" "$output"
    equal "1000 1000" "$(as_ann ann:200000:65536 ann:200000:65536 /mnt/cage run \
        -u 1000:1000 /mnt/rootfs sh -c 'echo $(id -u) $(id -g)')"
}

@test "without a line in /etc/subuid or in /etc/subgid there is a single id" {
    need_ann
    for lines in "other:1:1 other:1:1" "ann:200000:65536 other:1:1" "other:1:1 ann:200000:65536"; do
        # shellcheck disable=SC2086 # two words
        run as_ann $lines /mnt/cage run /mnt/rootfs cat /proc/self/uid_map
        equal 0 "$status"
        equal "0 54321 1" "$(words <<< "$output")"
    done
}

@test "without newuidmap there is a single id, whatever /etc/subuid says" {
    need_ann
    HIDE=yes
    run as_ann ann:200000:65536 ann:200000:65536 /mnt/cage run /mnt/rootfs cat /proc/self/uid_map
    equal 0 "$status"
    equal "0 54321 1" "$(words <<< "$output")"
}

@test "a short range in /etc/subuid will do" {
    need_ann
    run as_ann ann:200000:10 ann:200000:10 /mnt/cage run /mnt/rootfs cat /proc/self/uid_map
    equal 0 "$status"
    has "$(words <<< "$output")" "1 200000 10"
}

@test "what newuidmap says when it refuses is passed on" {
    need_ann
    run as_ann ann:4294960000:65536 ann:4294960000:65536 /mnt/cage run /mnt/rootfs true
    refused "cage: user: id maps: status 1: "
    has "$output" "status 1: new"
}

@test "the groups of who started it are dropped" {
    root_only
    need setpriv
    with_groups() { setpriv --groups 4,27,4242 "$CAGE" run "$@" "$ROOTFS" sed -n 's/^Groups:[ \t]*//p' /proc/self/status; }
    equal "" "$(with_groups | words)"
    equal "4 27 4242" "$(with_groups --without=user,id | words)"
}

@test "the command can read what /proc says about itself" {
    # It could not, had the change of ids left it marked as not dumpable.
    start sleep 60
    equal "$(uid_of "$command" | cut -d ' ' -f 1)" "$(stat -c %u "/proc/$command/environ")"
}

@test "an ordinary user cannot do without this step, and is told so" {
    user_only
    run inside --without=user true
    refused "Operation not permitted"
    has "$output" "hint: "
    has "$output" "user, only root"
}

@test "it runs inside another user namespace, whose root is not the real one" {
    need unshare
    unshare --user --map-root-user true || skip "user namespaces are switched off here"
    run unshare --user --map-root-user "$CAGE" run "$ROOTFS" id -u
    equal 0 "$status"
    equal 0 "$output"
}

@test "where user namespaces are used up, it says where the limit is" {
    user_only
    need unshare
    unshare --user true || skip "user namespaces are switched off here"
    run unshare --map-current-user --keep-caps sh -c '
        echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"' sh "$CAGE" run "$ROOTFS" true
    refused "cage: user: unshare(CLONE_NEWUSER): No space left on device"
    has "$output" "hint: "
    has "$output" /proc/sys/user/max_
}

@test "where another kind of namespace is used up, it says so too" {
    need_strace
    # There may be space enough on every disk: this errno misleads.
    for step in cgroupns mount uts ipc net time pid; do
        run refuse_unshare ENOSPC $step
        refused "cage: $step: unshare(CLONE_NEW"
        has "$output" "No space left on device"
        has "$output" "hint: "
        has "$output" /proc/sys/user/max_
    done
}

@test "where user namespaces are switched off, it says how to switch them on" {
    need_strace
    run refuse_unshare EPERM user
    refused "cage: user: unshare(CLONE_NEWUSER): Operation not permitted"
    has "$output" "hint: "
    has "$output" kernel.unprivileged_userns_clone
}
