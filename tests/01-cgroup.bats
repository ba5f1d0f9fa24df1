# The step cgroup: what the container uses is counted together, and limited.
# On a machine where a controller still belongs to version 1 of cgroups, the
# same is true of its files there.
load helper
load helper-steps

# value FILE [V1]: what a file of the container's group holds; V1 is what it is
# called in version 1.  Where there is no file there is no limit: "max".
value() {
    local dir
    dir=$(group_of "$init" "${1%%.*}")
    cat "$dir/$1" 2> /dev/null || cat "$dir/${2-}" 2> /dev/null || echo max
}

# The folders of all groups of containers with this name.
groups_named() { find /sys/fs/cgroup -maxdepth 6 -type d -name "cage.$1" 2> /dev/null; }

@test "the container has a group of its own while it runs, and then it is gone" {
    need_cgroup
    start sleep 60
    dir=$(group_of "$init" none)
    equal "cage.$name" "${dir##*/}"
    has " $(words < "$dir/cgroup.procs") " " $command "
    hasnt " $(words < "$dir/cgroup.procs") " " $host "
    finish
    [ ! -e "$dir" ]
}

@test "without cgroup it stays in the group of whoever started it" {
    start --without=cgroup sleep 60
    equal "$(cat /proc/$$/cgroup)" "$(cat "/proc/$init/cgroup")"
}

@test "the first process starts in the group: nobody is moved into it" {
    need_cgroup
    need_strace
    trace=$BATS_TEST_TMPDIR/trace
    traced -o "$trace" -e trace=clone3,openat "$CAGE" run "$ROOTFS" true
    has "$(grep clone3 "$trace")" CLONE_INTO_CGROUP
    hasnt "$(grep -v ENOENT "$trace")" cgroup.procs
    traced -o "$trace" -e trace=clone3 "$CAGE" run --without=cgroup "$ROOTFS" true
    hasnt "$(cat "$trace")" CLONE_INTO_CGROUP
}

@test "the group is found wherever the tree is mounted" {
    root_only
    tree=$BATS_TEST_TMPDIR/tree
    mkdir "$tree"
    run unshare --mount --propagation private sh -c '
        umount -R -l /sys/fs/cgroup && mount -t cgroup2 cgroup "$1" &&
        "$2" run --explain --without=cgroupns "$3" true' sh "$tree" "$CAGE" "$ROOTFS"
    equal 0 "$status"
    has "$output" "-> 0::/cage."
}

@test "who is not of the container may look at its group, but only when it is in use" {
    need_cgroup
    need_strace
    start sleep 60
    equal 755 "$(stat -c %a "$(group_of "$init" none)")"
    # Who opens it first could lock it.
    trace=$BATS_TEST_TMPDIR/trace
    traced -o "$trace" -e trace=mkdir,mkdirat,chmod,fchmodat,flock "$CAGE" run --name="$name.2" "$ROOTFS" true
    has "$(grep "mkdir.*cage.$name.2\"" "$trace" | head -n 1)" ", 0700)"
    equal "LOCK_SH chmod" "$(grep -o -e LOCK_SH -e "chmod.*cage.$name.2\"" "$trace" |
        sed 's/(.*//' | xargs)"
}

@test "several limits at once" {
    need_cgroup
    start -m64M --cpus=0.5 --pids=20 sleep 60
    equal $((64 << 20)) "$(value memory.max memory.limit_in_bytes)"
    has "$(value cpu.max cpu.cfs_quota_us)" 50000
    equal 20 "$(value pids.max)"
}

@test "--memory is the limit of memory" {
    need_cgroup
    start --memory=64M sleep 60
    equal $((64 << 20)) "$(value memory.max memory.limit_in_bytes)"
    finish
    start -m1.5G sleep 60
    equal $((3 << 29)) "$(value memory.max memory.limit_in_bytes)"
}

@test "with --memory nothing goes to the swap, and all processes die together" {
    need_cgroup
    in_cgroup2 memory || skip "the controller memory belongs to version 1 here"
    start -m64M sleep 60
    dir=$(group_of "$init" memory)
    equal 1 "$(cat "$dir/memory.oom.group")"
    [ ! -e "$dir/memory.swap.max" ] || equal 0 "$(cat "$dir/memory.swap.max")"
    finish
    start sleep 60
    dir=$(group_of "$init" memory)
    [ ! -e "$dir/memory.oom.group" ] || equal 0 "$(cat "$dir/memory.oom.group")"
    finish
    run inside -m20M sh -c "($hog); echo lives on"
    equal 137 "$status"
    hasnt "$output" "lives on"
}

@test "--cpus is the limit of processor time" {
    need_cgroup
    start --cpus=0.5 sleep 60
    has "$(value cpu.max cpu.cfs_quota_us)" 50000
    finish
    start --cpus=2 sleep 60
    has "$(value cpu.max cpu.cfs_quota_us)" 200000
}

@test "a program that spins is slowed down by --cpus, and not without" {
    need_cgroup
    start --cpus=0.1 sh -c 'while :; do :; done'
    wait_for 30 grep -q '^nr_throttled [1-9]' "$(group_of "$init" cpu)/cpu.stat"
    finish
    start --cpus=64 sh -c 'while :; do :; done'
    sleep 0.5
    has "$(cat "$(group_of "$init" cpu)/cpu.stat")" "nr_throttled 0"
}

# ticks: how long the machine runs, and how much processor time the command has
# had, both in hundredths of a second.
ticks() {
    awk '{ print int($1 * 100 + 0.5) }' /proc/uptime
    awk '{ print $14 + $15 }' "/proc/$command/stat"
}

@test "--cpus is kept within a tenth" {
    need_cgroup
    start --cpus=0.3 sh -c 'while :; do :; done'
    # More than that it never gets.  Less it may, while the machine is busy.
    within() {
        local from to share
        mapfile -t from < <(ticks)
        sleep 4
        mapfile -t to < <(ticks)
        share=$(((to[1] - from[1]) * 1000 / (to[0] - from[0])))
        echo "thousandths of a processor: $share"
        too_much=$((share > 330))
        [ "$too_much" = 1 ] || [ "$share" -ge 270 ]
    }
    within || within || within
    equal 0 "$too_much"
}

@test "--pids is the limit of the number of processes" {
    need_cgroup
    start --pids=20 sleep 60
    equal 20 "$(value pids.max)"
}

@test "without a limit there is none" {
    need_cgroup
    start sleep 60
    for file in memory.max cpu.max pids.max; do
        if in_cgroup2 "${file%%.*}"; then
            has "$(value $file)" max
        else
            equal "$(group_of self "${file%%.*}")" "$(group_of "$init" "${file%%.*}")"
        fi
    done
}

@test "who takes more memory than allowed is killed, and cage says why" {
    need_cgroup
    run inside -m20M sh -c "$hog"
    equal 137 "$status"
    has "$output" "cage: killed: memory limit 20M reached"
    run inside -m200M sh -c "$hog"
    equal 0 "$status"
    equal "" "$output"
}

@test "where only a part was killed, it is not said of the command" {
    need_cgroup
    # On version 2 the limit ends all of it; on version 1 the shell goes on.
    run inside -m20M sh -c "sh -c '$hog'; exit 3"
    [ "$status" = 137 ] || equal 3 "$status"
    [ "$status" = 137 ] || hasnt "$output" "cage: killed"
}

@test "who dies of something else is not said to have reached a limit" {
    need_cgroup
    run inside -m200M --pids=100 sh -c 'kill -9 $$'
    equal 137 "$status"
    equal "" "$output"
}

@test "what is written to files counts as memory too" {
    need_cgroup
    run inside -m20M sh -c 'dd if=/dev/zero of=/root/big bs=1000000 count=40 2> /dev/null'
    [ "$status" != 0 ]
    run inside sh -c 'dd if=/dev/zero of=/root/big bs=1000000 count=40 2> /dev/null'
    equal 0 "$status"
}

@test "a fork bomb is stopped, and cage says why" {
    need_cgroup
    bomb='for i in $(seq 40); do sleep 0.3 & done; wait'
    run inside --pids=10 sh -c "$bomb"
    [ "$status" != 0 ]
    has "$output" fork          # what the shell could not do
    has "$output" "cage: the limit of processes was reached"
    run inside --pids=100 sh -c "$bomb"
    equal 0 "$status"
    equal "" "$output"
}

@test "after a run that has filled its group the next one is as always" {
    need_cgroup
    run inside --name="$name" --pids=20 sh -c 'for i in $(seq 15); do setsid sleep 60 & done'
    equal 0 "$status"
    equal "" "$(groups_named "$name")"
    equal fine "$(inside --name="$name" --pids=20 echo fine)"
}

@test "--cgroup writes any other file of the group" {
    need_cgroup
    found=
    for setting in pids.max=17 cpu.weight=50 memory.high=67108864 \
        cpuset.cpus=0 hugetlb.2MB.max=4194304; do
        file=${setting%%=*}
        in_cgroup2 "${file%%.*}" || continue
        found="$found $file"
        start --cgroup="$setting" sleep 60
        equal "${setting#*=}" "$(value "$file")"
        finish
    done
    [ -n "$found" ] || skip "no controller belongs to version 2 of cgroups here"
}

@test "--cgroup understands sizes as the kernel does: memory.high=64M" {
    need_cgroup
    in_cgroup2 memory || skip "the controller memory belongs to version 1 here"
    start --cgroup=memory.high=64M sleep 60
    equal $((64 << 20)) "$(value memory.high)"
}

@test "--cgroup io.max limits what is written to a disk" {
    need_cgroup
    in_cgroup2 io || skip "the controller io is not one of version 2 here, or not this user's"
    disk=$(cat /sys/block/[hsv]d*/dev 2> /dev/null | head -n 1)
    [ -n "$disk" ] || skip "this machine has no disk"
    start --cgroup="io.max=$disk wbps=1048576" sleep 60
    has "$(value io.max)" "$disk rbps=max wbps=1048576 "
}

@test "--cgroup io.max slows down what a volume writes to its disk" {
    need_cgroup
    need findmnt
    in_cgroup2 io || skip "the controller io is not one of version 2 here, or not this user's"
    disk=$(findmnt -n -r -o MAJ:MIN -T /var/tmp)
    # The limit is that of a disk, not of a partition of it.
    [ ! -e "/sys/dev/block/$disk/partition" ] || disk=$(cat "/sys/dev/block/$disk/../dev")
    [ -e "/sys/dev/block/$disk" ] || skip "/var/tmp is not on a disk"
    folder=$(mktemp -d /var/tmp/volume.XXXXXX)
    inside --volume="$folder:/mnt" true || { rmdir "$folder"; skip "/var/tmp cannot be a volume"; }
    # milliseconds [OPTION]...: how long 4 MiB take.
    milliseconds() {
        local from
        from=$(date +%s%N)
        inside "$@" --volume="$folder:/mnt" dd if=/dev/zero of=/mnt/file bs=256k count=16 oflag=direct
        echo $((($(date +%s%N) - from) / 1000000))
    }
    without=$(milliseconds 2> "$BATS_TEST_TMPDIR/dd") &&
        with=$(milliseconds --cgroup="io.max=$disk wbps=1048576" 2> "$BATS_TEST_TMPDIR/dd") ||
        cat "$BATS_TEST_TMPDIR/dd"
    rm -r "$folder"
    echo "without: $without ms, with: $with ms"
    [ "$with" -gt 3000 ]
    [ "$with" -gt $((without * 2)) ]
}

@test "--cgroup does not write to cgroup.procs and its like" {
    for setting in cgroup.procs=999999999 cgroup.kill=1 cgroup.subtree_control=+pids; do
        run inside --cgroup="$setting" true
        refused "--cgroup $setting: "
    done
}

@test "--cgroup does not leave the folder of the group" {
    for setting in ../pids.max=1 /pids.max=1 pids/../../pids.max=1 .pids.max=1 \
        pids.max= pids.max =1 pids=1; do
        run inside --cgroup="$setting" true
        refused "--cgroup $setting: "
    done
}

@test "a controller or file that does not exist is refused, and nothing is left" {
    need_cgroup
    for file in nothing.max pids.nothing hugetlb.nothing; do
        run inside --name="$name" --cgroup="$file=1" true
        refused "cage: cgroup: "
        has "$output" "$file"
        equal "" "$(groups_named "$name")"
    done
}

@test "a value that the kernel does not take is refused, and nothing is left" {
    need_cgroup
    file=pids.max
    in_cgroup2 pids || file=hugetlb.2MB.max
    in_cgroup2 ${file%%.*} || skip "no controller belongs to version 2 of cgroups here"
    run inside --name="$name" --cgroup=$file=banana true
    refused "cage: cgroup: write(\"banana\" to "
    has "$output" "$file): Invalid argument"
    equal "" "$(groups_named "$name")"
}

# in_fresh_group SCRIPT: run a bash script in a group of its own, one that has
# handed nothing down yet, as on a user's first day.  "$@" in it is `cage run`.
in_fresh_group() {
    local top fresh
    inside -m64M --cpus=1 --pids=20 true    # now our group hands all of them down
    top=$(group_of self none)
    fresh=${top%/cage-host}/fresh.$BASHPID
    mkdir "$fresh"
    # At the end it leaves the group, which can then be removed.
    run bash -c "echo \$\$ > '$fresh/cgroup.procs' || exit
        $1
        echo 0 > '$top/cgroup.procs'" bash timeout 20 "$CAGE" run
    [ ! -e "$fresh/cage-host" ] || wait_for 30 rmdir "$fresh/cage-host"
    wait_for 30 rmdir "$fresh"
}

@test "a user's first limit can be any of them" {
    user_only
    need_cgroup
    in_cgroup2 pids || skip "the controller pids belongs to version 1 here"
    for limit in --pids=20 --cpus=1 -m64M; do
        in_fresh_group "\"\$@\" $limit '$ROOTFS' echo fine"
        equal fine "$output"
    done
}

@test "an ordinary user gets limits in the part of the tree that is delegated, no other" {
    root_only
    need setpriv
    in_cgroup2 pids || skip "the controller pids belongs to version 1 here"
    part=$(cgroup2)/part.$name
    mkdir "$part"
    # Where this user can surely get at them.
    copy=$(mktemp -d /var/tmp/copy.XXXXXX)
    cp -r "$CAGE" "$ROOTFS" "$copy"
    chown -R 54321:54321 "$copy"
    in_part() {
        run bash -c 'echo $$ > "$0/cgroup.procs" && exec setpriv --reuid 54321 \
            --regid 54321 --clear-groups --inh-caps=-all "$@"' \
            "$part" timeout 20 "$copy/cage" run --pids=20 "$copy/rootfs" sh -c \
            'for i in $(seq 40); do sleep 0.3 & done; wait'
    }
    in_part
    before="$status $output"
    # What systemd does to delegate a group: the folder and these are the user's.
    chown 54321:54321 "$part" "$part"/cgroup.{procs,subtree_control,threads}
    in_part
    rm -r "$copy"
    rmdir "$part/cage-host"
    wait_for 30 rmdir "$part"
    has "$before" "125 cage: cgroup: mkdir("
    has "$output" "cage: the limit of processes was reached"
}

@test "what stands in the way of a limit is moved aside, even if it keeps forking" {
    user_only
    need_cgroup
    in_cgroup2 memory || skip "the controller memory belongs to version 1 here"
    for limit in -m64M --pids=20; do
        in_fresh_group "for _ in 1 2 3; do while :; do /bin/true; done & done
            \"\$@\" $limit '$ROOTFS' echo fine
            kill \$(jobs -p); wait"
        equal fine "$output"
    done
}

@test "a limit and --without=cgroup do not go together" {
    for limit in -m20M --cpus=1 --pids=5 --cgroup=pids.max=5; do
        run inside "$limit" --without=cgroup true
        refused "cage: --without cgroup: "
    done
}

@test "who may make no group gets no limit, but a hint" {
    ! may_make_groups || skip "this user may make groups"
    for limit in -m20M --cpus=1 --pids=5; do
        run inside "$limit" true
        refused "cage: cgroup: mkdir("
        has "$output" "Permission denied"
        has "$output" "hint: "
        has "$output" "systemd-run --user --scope -p Delegate=yes"
    done
}

@test "who may make no group and asks for no limit runs without, and is told" {
    ! may_make_groups || skip "this user may make groups"
    run inside --explain true
    equal 0 "$status"
    has "$output" "cage: cgroup: no group: access("
}

# no_tree COMMAND: run it with sh where no cgroup2 is mounted; $1 is cage, $2 ROOTFS.
no_tree() {
    unshare --mount --propagation private sh -c 'umount -R -l /sys/fs/cgroup &&
        ! grep -q cgroup2 /proc/self/mounts || exit 99; '"$1" sh "$CAGE" "$ROOTFS"
}

@test "where no cgroup2 is mounted all works but what needs a group" {
    root_only
    run no_tree '"$1" run --explain "$2" echo it runs'
    equal 0 "$status"
    has "$output" "it runs"
    has "$output" "cage: cgroup: no group: access(/proc/no-cgroup2-mounted): No such file"
    run no_tree '"$1" run -m 20M "$2" true'
    refused "cage: cgroup: no cgroup2 file system is mounted here"
    run no_tree '"$1" run -n '"no-tree.$$"' "$2" sleep 99 &
        "$1" exec '"no-tree.$$"' echo it is there; "$1" ps; "$1" stop '"no-tree.$$"
    equal 0 "$status"
    has "$output" "it is there"
    has "$output" "no-tree.$$ * - * - * 2 *sleep 99"
}

@test "what a killed host side leaves is removed by the next cage" {
    need_cgroup
    start -m64M --pids=20 sleep 60
    kill -9 "$host"
    wait_for 30 is_gone "$command"
    inside true
    equal "" "$(groups_named "$name")"
}

@test "a new container of the same name takes the place of a killed one" {
    need_cgroup
    start -m64M --pids=20 sleep 60
    kill -9 "$host"
    wait_for 30 is_gone "$command"
    wait "$host" || true
    start sleep 60
    equal max "$(value pids.max)"
}

@test "the group of a container that runs is not taken for stale" {
    need_cgroup
    need_strace
    start --pids=20 sleep 60
    trace=$BATS_TEST_TMPDIR/trace
    traced -o "$trace" -e trace=rmdir,unlinkat "$CAGE" run --name="$name.2" "$ROOTFS" true
    has "$(cat "$trace")" "/cage.$name.2\""      # at the end, its own
    hasnt "$(cat "$trace")" "/cage.$name\""
    equal "cage.$name" "$(basename "$(group_of "$init" pids)")"
}
