# The step id: become the user that was asked for.
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }

# All four user ids, all four group ids, and the other groups.
ids='awk "/^(Uid|Gid|Groups)/ { \$1 = \"\"; print }" /proc/self/status | xargs echo'

# need_ids: skip if there is but one id inside.
need_ids() { [ "$(count_ids)" != 1 ] || skip "this user has a single id"; }

@test "unless asked otherwise it is root, in no group but root's" {
    equal "0 0 0 0 0 0 0 0" "$(inside sh -c "$ids")"
}

@test "-u UID and -u UID:GID set every one of the ids" {
    need_ids
    equal "1000 1000 1000 1000 1000 1000 1000 1000" "$(inside -u1000 sh -c "$ids")"
    equal "1000 1000 1000 1000 5 5 5 5" "$(inside -u1000:5 sh -c "$ids")"
    equal "65535 65535 65535 65535 0 0 0 0" "$(inside -u65535:0 sh -c "$ids")"
    equal "0 0 0 0 7 7 7 7" "$(inside --user=0:7 sh -c "$ids")"
}

@test "without id it stays root" {
    need_ids
    equal "0 0 0 0 0 0 0 0" "$(inside --without=id -u1000:5 sh -c "$ids")"
}

@test "the groups of the caller do not get in, not even without user" {
    root_only
    need setpriv
    for without in none user; do
        options=(-u1000)
        [ $without = none ] || options+=(--without=$without)
        equal "1000 1000 1000 1000 1000 1000 1000 1000" "$(setpriv --groups 4,24,27 \
            "$CAGE" run "${options[@]}" "$ROOTFS" sh -c "$ids")"
    done
    # What would have come in:
    has "$(setpriv --groups 4,24,27 "$CAGE" run --without=user,id "$ROOTFS" sh -c "$ids")" "4 24 27"
}

@test "the user can do nothing as root any more: not go back, not read root's files" {
    need_ids
    layer top && echo secret > top/secret && chmod 600 top/secret
    run cage run -u1000 "top:$ROOTFS" cat /secret
    has "$output" "Permission denied"
    equal secret "$(cage run "top:$ROOTFS" cat /secret)"
    program as
    run inside -u1000 /as 0 id -u
    has "$output" "Operation not permitted"
    equal 0 "$(inside /as 0 id -u)"
}

@test "the home folder goes with the user" {
    equal /root "$(inside sh -c 'echo $HOME')"
    need_ids
    equal / "$(inside -u1000 sh -c 'echo $HOME')"
}

@test "with a single id there is only root: another is refused, with a hint" {
    user_only
    ids=$(count_ids)
    [ "$ids" = 1 ] || skip "this user has a range of ids, by newuidmap"
    run inside -u1000 true
    refused "id: setresgid(1000): Invalid argument"
    has "$output" "hint: no such id inside"
}

@test "with a single id groups cannot be changed: they may deny (CVE-2014-8989)" {
    user_only
    ids=$(count_ids)
    [ "$ids" = 1 ] || skip "this user has a range of ids, by newuidmap"
    equal deny "$(inside cat /proc/self/setgroups)"
    program calls
    equal "setgroups(0): EPERM" "$(inside /calls setgroups)"
    equal "setgroups(0): EPERM" "$(inside --without=caps,seccomp /calls setgroups)"
}

@test "with a range of ids the groups can be changed" {
    need_ids
    equal allow "$(inside cat /proc/self/setgroups)"
    program calls
    equal "setgroups(0): 0" "$(inside /calls setgroups)"
}
