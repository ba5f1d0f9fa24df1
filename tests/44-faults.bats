# Whatever fails, cage fails closed: each of these runs has one system call that
# fails, or in which a process is killed.  `make faults` tries all of them.
load helper
load helper-programs

# (An emulated machine needs the time.)
faults() { timeout -k 5 900 "$REPO/tests/faults/run" "$@"; }

need_faults() {
    need "${CC:-cc}" tar awk
    cage run "$ROOTFS" true 2> /dev/null || skip "no container can be made here"
}

# finds KIND PLANS EDIT [SCENARIO [--pairs]]: the harness finds this fault with the
# mutant (each line of EDIT is a change), and with cage as it is finds none.
finds() {
    ! has_subids || skip "PID 1 is not the third process: newuidmap is"
    local scenario=${4:-run} changes
    # shellcheck disable=SC2086 # an option, or none
    set -- "$1" "$2" "$3" ${5-} --only "$2" "$scenario"
    run faults "${@:4}"
    equal 0 "$status"
    mapfile -t changes <<< "$3"
    mutant "${changes[@]}"
    export CAGE
    run faults "${@:4}"
    echo "$output"
    equal 1 "$status"
    has "$output" "
$1: $scenario "
}

@test "150 of the faults: the container is as strong as asked, or it is refused" {
    need_faults
    run faults --sample 150
    echo "$output"
    equal 0 "$status"
    has "$output" " all "
}

@test "80 faults in the clean-up of a fault: nothing is left" {
    need_faults
    run faults --pairs --sample 80
    echo "$output"
    equal 0 "$status"
    has "$output" " pairs "
}

@test "60 of the faults and 60 pairs for a user with granted ids" {
    root_only
    need_faults
    need newuidmap newgidmap setpriv unshare
    run timeout -k 5 900 "$REPO/tests/as-user" --granted faults/run --pairs --sample 60 net full
    echo "$output"
    equal 0 "$status"
    has "$output" "
granted all "
}

@test "kill -9 of the host side at 100 random moments of a start leaves nothing" {
    need_faults
    run faults --kills 100
    echo "$output"
    equal 0 "$status"
    has "$output" "100 host sides killed*: 0 left something"
}

@test "the harness sees a check that is missing: a mask is not made read-only" {
    need_faults
    finds weaker '3:mount_setattr:*:E*' \
        's/KERNEL(mount_setattr, tree, "", \(.*\));/syscall(SYS_mount_setattr, tree, "", \1);/'
}

@test "the harness sees a check that is missing: no_new_privs" {
    need_faults
    finds weaker '3:prctl:*:EPERM' 's/TRY(prctl(PR_SET_NO_NEW_PRIVS, \(.*\)));/prctl(PR_SET_NO_NEW_PRIVS, \1);/
        s/KERNEL(seccomp, \(.*\));/syscall(SYS_seccomp, \1);/'
}

@test "the harness sees a message without a reason, and none" {
    need_faults
    finds unclear '3:move_mount:3:E*' 's/^    say(c, error, message);$/    if (0) say(c, error, message);/'
}

@test "the harness sees that it hangs" {
    need_faults
    finds hung '3:pivot_root:1:EPERM' 's/^    _exit(EXIT_CAGE);$/    pause(); _exit(EXIT_CAGE);/'
}

@test "the harness sees what is left: a process that does not die with the host side" {
    need_faults
    finds left '1:?(p)poll:*:KILL' 's/TRY(prctl(PR_SET_PDEATHSIG, SIGKILL));/(void)0;/
        s/if (TRY(poll(.*host_pidfd.*/if (0)/'
}

@test "the harness sees what is left after two faults: --net is not told to undo it" {
    need_faults
    finds left '1:listen:1:EPERM+1:kill:*:E*' \
        's/if (c->init > 0 && kill(c->init, SIGKILL) == 0)/if (c->init > 0 \&\& TRY(kill(c->init, SIGKILL)) == 0)/' \
        net --pairs
}
