# The step nnp: no program can ever give more rights than there are.
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "no_new_privs is set, for the command and all that it starts" {
    has "$(inside grep ^NoNewPrivs: /proc/self/status)" $'NoNewPrivs:\t1'
    has "$(inside sh -c 'sh -c "grep ^NoNewPrivs: /proc/self/status"')" $'NoNewPrivs:\t1'
}

@test "without nnp it is not set; seccomp goes too, and cage says so" {
    run inside --without=nnp awk '/^(NoNewPrivs|Seccomp:)/ { print $2 }' /proc/self/status
    has "$output" "cage: without nnp: seccomp "
    equal "0 0" "$(tail -n 2 <<< "$output" | xargs)"
}

# A layer whose program /as is set-uid root, as sudo is.
set_uid_layer() {
    program as
    layer top && cp "$BATS_FILE_TMPDIR/programs/as" top/set-uid && chmod "$1" top/set-uid
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
}

@test "a set-uid program of root's does not make user 1000 root" {
    root_only
    set_uid_layer 4755
    equal 4755 "$(inside stat -c %a /set-uid)"
    run inside -u1000 /set-uid 0 id -u
    has "$output" "Operation not permitted"
    equal 0 "$(inside --without=nnp -u1000 /set-uid 0 id -u 2> /dev/null)"
}

@test "a set-gid program does not give its group" {
    root_only
    set_uid_layer 2755
    equal 1000 "$(inside -u1000 /set-uid - sh -c 'awk "/^Gid/ { print \$4 }" /proc/self/status')"
    equal 0 "$(inside --without=nnp -u1000 /set-uid - awk '/^Gid/ { print $4 }' /proc/self/status 2> /dev/null)"
}

@test "a program with file capabilities does not get them" {
    root_only
    need setcap
    set_uid_layer 755
    setcap cap_setuid=ep top/set-uid || skip "no file capabilities in the temporary folder"
    run inside -u1000 /set-uid 0 id -u
    has "$output" "Operation not permitted"
    equal 0 "$(inside --without=nnp,user -u1000 /set-uid 0 id -u 2> /dev/null)"
}
