# The step seccomp: system calls that can hurt are refused.
load helper
load helper-files
load helper-programs

setup() {
    cd "$BATS_TEST_TMPDIR"
    program calls denied
}

# The calls that are refused whatever their arguments.
policy="add_key keyctl request_key
    mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
    setns unshare
    swapon swapoff reboot kexec_load kexec_file_load init_module finit_module delete_module
    acct syslog settimeofday clock_settime clock_adjtime adjtimex quotactl quotactl_fd
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    open_by_handle_at fanotify_init kcmp pidfd_getfd process_madvise
    move_pages mbind set_mempolicy set_mempolicy_home_node migrate_pages
    sethostname setdomainname vhangup nfsservctl"
[ "$(uname -m)" != x86_64 ] || policy="$policy iopl ioperm uselib sysfs ustat"

@test "just these calls are refused, and no other" {
    # shellcheck disable=SC2086
    equal "$(printf '%s\n' $policy | sort)" "$(inside /denied | sort)"
}

@test "without seccomp none of them is" {
    equal "" "$(inside --without=seccomp /denied)"
    has "$(inside --without=seccomp grep ^Seccomp: /proc/self/status)" $'Seccomp:\t0'
    has "$(inside grep ^Seccomp: /proc/self/status)" $'Seccomp:\t2'
}

@test "no new user namespace, in which one would have every capability" {
    equal "unshare(CLONE_NEWUSER): EPERM" "$(inside /calls unshare)"
    equal "unshare(0): EPERM" "$(inside /calls unshare-nothing)"
    equal "unshare(CLONE_NEWUSER): 0" "$(inside --without=seccomp /calls unshare)"
}

@test "clone cannot make one either, nor any other namespace" {
    seen=$(inside /calls clone)
    equal 7 "$(grep -c ': EPERM$' <<< "$seen")"
    equal 7 "$(grep -c '^clone(CLONE_NEW' <<< "$seen")"
    seen=$(inside --without=seccomp,caps /calls clone)
    equal 7 "$(grep -c ': 0$' <<< "$seen")"
}

@test "clone3, whose flags no filter can see, does not exist; with it clone goes" {
    equal "clone3: ENOSYS" "$(inside /calls clone3)"
    equal "clone3: EINVAL" "$(inside --without=seccomp /calls clone3)"
}

@test "processes and threads still start" {
    equal "clone(0): 0 pthread_create: 0" "$(inside /calls fork thread | xargs)"
}

@test "a call that is newer than cage does not exist" {
    equal "calls newer than cage: ENOSYS" "$(inside /calls new)"
    seen=$(inside --without=seccomp /calls new)
    kernel 6.13 || skip "this kernel has none that is newer"
    has "$seen" "a call newer than cage: "
}

@test "nothing can be typed into a terminal, not even with a bit too many (CVE-2019-10063)" {
    equal "ioctl(TIOCSTI): EPERM ioctl(TIOCSTI + 2^32): EPERM ioctl(TIOCLINUX): EPERM" \
        "$(inside /calls tiocsti tiocsti-high tioclinux < /dev/null | xargs)"
    # What the kernel says when it is asked: this is no terminal.
    equal "ioctl(TIOCSTI): ENOTTY ioctl(TIOCSTI + 2^32): ENOTTY ioctl(TIOCLINUX): ENOTTY" \
        "$(inside --without=seccomp /calls tiocsti tiocsti-high tioclinux < /dev/null | xargs)"
}

@test "other calls to the terminal work: TIOCGWINSZ has all bits of TIOCSTI" {
    equal "ioctl(TIOCGWINSZ): ENOTTY" "$(inside /calls tiocgwinsz < /dev/null)"
}

@test "no socket to the hypervisor or to the kernel's cryptography, others are fine" {
    equal "socket(AF_VSOCK): EPERM socket(AF_ALG): EPERM" "$(inside /calls vsock alg | xargs)"
    hasnt "$(inside --without=seccomp /calls vsock alg)" EPERM
    seen=$(inside /calls inet unix netlink)
    equal 3 "$(grep -c ': 0$' <<< "$seen")"
}

@test "a 32-bit call, with other numbers for the same calls, is the end" {
    [ "$(uname -m)" = x86_64 ] || skip "only x86-64 has them"
    run inside --without=seccomp /calls int80
    equal 0 "$status"
    [ "$output" = "getpid of i386: 0" ] || skip "this kernel has no 32-bit calls: $output"
    run inside /calls int80
    equal 159 "$status"                         # 128 + SIGSYS
    hasnt "$output" "getpid"
}

@test "a 32-bit program on arm64, with other numbers as well, is the end" {
    [ "$(uname -m)" = aarch64 ] || skip "only arm64 has them"
    layer arm
    # The head of a program for a 32-bit ARM, and its code: exit(0).
    printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\50\0\1\0\0\0\124\0\1\0\64\0\0\0' > arm/exit
    printf '\0\0\0\0\0\0\0\5\64\0\40\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0' >> arm/exit
    printf '\0\0\1\0\0\0\1\0\140\0\0\0\140\0\0\0\5\0\0\0\0\20\0\0' >> arm/exit
    printf '\0\0\240\343\1\160\240\343\0\0\0\357' >> arm/exit
    chmod 755 arm/exit
    ROOTFS=$PWD/arm:$ROOTFS
    run inside --without=seccomp /exit
    [ "$status" = 0 ] || skip "this machine has no 32-bit calls: $output"
    run inside /exit
    equal 159 "$status"                         # 128 + SIGSYS
    mutant 's/JUMP(BPF_JEQ, OUR_ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),//'
    run inside /exit
    equal 0 "$status"
}

@test "a call of the x32 kind does not exist" {
    [ "$(uname -m)" = x86_64 ] || skip "only x86-64 has them"
    equal "getpid of x32: ENOSYS" "$(inside /calls x32)"
    # Also with the filter's test for new calls gone, if the kernel has no x32.
    mutant 's/JUMP(BPF_JGT, 462, 0, 1), FAIL_WITH(ENOSYS)/JUMP(BPF_JSET, 0x40000000, 0, 1), FAIL_WITH(EXDEV)/'
    equal "getpid of x32: EXDEV" "$(inside /calls x32)"
}

@test "ptrace is allowed: strace and gdb work inside" {
    hasnt "$(inside /denied)" ptrace
}

@test "the filter stays when the program adds one of its own, and in its children" {
    has "$(inside sh -c '/denied > /dev/null; sh -c "grep ^Seccomp: /proc/self/status"')" $'Seccomp:\t2'
    has "$(inside sh -c 'sh -c "/calls unshare"')" EPERM
}

@test "without no_new_privs the kernel would refuse the filter: so both go" {
    mutant 's/without(c, seccomp) |= without(c, nnp);//'
    run inside --without=nnp true
    equal 125 "$status"
    has "$output" "cage: seccomp: seccomp(SECCOMP_SET_MODE_FILTER"
    has "$output" "Permission denied"
}
