# Attacks on the kernel, and by the rights that a program has.  See files.bats.
#
#   case                                | succeeds without             | test
#   release_agent (CVE-2022-0492)       | caps, seccomp, cgroupns, user (root) | here
#   clock, modules, bpf, io_uring, ...  | caps, seccomp, user (root)   | here
#   every call that is refused          | seccomp                      | 22-seccomp: without seccomp none of them
#   a call newer than cage              | seccomp                      | 22-seccomp: a call that is newer
#   new user namespace: unshare         | seccomp                      | 22-seccomp: no new user namespace
#   new namespaces: clone               | seccomp, caps                | 22-seccomp: clone cannot make one
#   new namespaces: clone3              | seccomp                      | 22-seccomp: clone3, whose flags
#   threads still start                 | -                            | 22-seccomp: processes and threads
#   new namespaces, through exec        | seccomp                      | here
#   another ABI: int 0x80               | seccomp's arch check         | here
#   another ABI: x32                    | seccomp's test of the number | 22-seccomp: a call of the x32 kind
#   AF_VSOCK, AF_ALG                    | seccomp                      | 22-seccomp: no socket to the hypervisor
#   raw packets                         | caps                         | 19-caps: no raw packets
#   sockets, through exec               | seccomp, caps                | here
#   set-uid program                     | nnp                          | 21-nnp: a set-uid program of root
#   set-gid program                     | nnp                          | 21-nnp: a set-gid program
#   program with file capabilities      | nnp, user                    | 21-nnp: a program with file capabilities
#   set-uid program, through exec       | nnp                          | here
#   setgroups (CVE-2014-8989)           | setgroups deny               | here
#   setgroups, of a rootless user       | -                            | 20-id: with a single id groups cannot
load ../helper
load ../helper-files
load ../helper-programs
load helper

@test "release_agent (CVE-2022-0492)" {
    attack release-agent.sh
    has "$(inside /release-agent.sh)" "not mounted"
    start
    has "$(enter /release-agent.sh)" "not mounted"
    end
    for without in caps caps,seccomp caps,seccomp,cgroupns; do
        hasnt "$(inside --without=$without /release-agent.sh)" open
    done
    [ "$(id -u)" = 0 ] || return 0
    grep -q '^[1-9][0-9]*:[a-z]' /proc/self/cgroup || skip "this machine has no cgroups of version 1"
    hasnt "$(inside --without=user /release-agent.sh 2> /dev/null)" open
    has "$(inside --without=caps,seccomp,cgroupns,user /release-agent.sh)" open
}

@test "clock, modules, bpf, io_uring, ..." {
    attack kernel.c
    seen=$(inside /kernel)
    has "$seen" "bpf: refused"
    equal "" "$(grep -v ': refused$' <<< "$seen")"
    start
    equal "$seen" "$(enter /kernel)"
    end
    # Some are stopped twice, by caps or the user namespace too.
    has "$(inside --without=seccomp /kernel)" "swapon: refused"
    has "$(inside --without=caps,seccomp /kernel)" "swapon: refused"
    hasnt "$(inside --without=seccomp /kernel)" "io_uring_setup: refused"
    [ "$(id -u)" = 0 ] || return 0
    # With none of the three, all get as far as on the host.
    on_host=$("$ATTACKS/kernel")
    has "$on_host" "swapon: No such file"
    equal "$on_host" "$(inside --without=caps,seccomp,user /kernel)"
}

@test "new namespaces, through exec" {
    program calls
    start
    seen=$(enter /calls unshare clone clone3 fork thread)
    equal 8 "$(grep -c ': EPERM$' <<< "$seen")"
    has "$seen" "clone3: ENOSYS"
    has "$seen" "clone(0): 0"
    has "$seen" "pthread_create: 0"
    end
    weak_enter
    start
    seen=$(enter --without=seccomp,caps /calls clone unshare)
    equal 8 "$(grep -c ': 0$' <<< "$seen")"
}

@test "another ABI: int 0x80" {
    [ "$(uname -m)" = x86_64 ] || skip "only x86-64 has it"
    attack other-abi.c
    run inside --without=seccomp /other-abi /made
    [ "$status" = 0 ] || skip "this kernel has no 32-bit calls"
    run inside /other-abi /made
    equal 159 "$status"                         # 128 + SIGSYS
    start
    run enter /other-abi /made
    equal 159 "$status"
    end
    mutant 's/LOAD(arch), JUMP(BPF_JEQ, OUR_ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),//'
    equal "made /made" "$(inside /other-abi /made)"
    start
    equal "made /made" "$(enter /other-abi /made)"
}

@test "sockets, through exec" {
    program calls
    start
    equal "socket(AF_VSOCK): EPERM socket(AF_ALG): EPERM socket(AF_INET, SOCK_RAW): EPERM" \
        "$(enter /calls vsock alg raw | xargs)"
    equal 3 "$(enter /calls inet unix netlink | grep -c ': 0$')"
    end
    weak_enter
    start
    hasnt "$(enter --without=seccomp,caps /calls vsock alg raw)" EPERM
}

@test "set-uid program, through exec" {
    attack set-uid.c
    [ "$(count_ids)" != 1 ] || skip "with a single id there is no other user inside"
    layer top
    cp "$ATTACKS/set-uid" top/set-uid
    chmod 4755 top/set-uid
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    start
    equal "started by user 1000, with the rights of user 1000" "$(enter -u1000 /set-uid)"
    end
    weak_enter
    start
    equal "started by user 1000, with the rights of user 0" "$(enter -u1000 --without=nnp /set-uid 2> /dev/null)"
}

# The real root plays an ordinary user, in a group that is shut out of a file.
@test "setgroups (CVE-2014-8989)" {
    root_only
    need setpriv
    need_id_mapped_mounts
    attack groups.c
    layer shared
    echo secret > shared/file
    chown 12345:4242 shared/file
    chmod 604 shared/file
    shut_out() { setpriv --groups 4242 "$CAGE" run -v shared:/mnt "$@" "$ROOTFS" /groups /mnt/file; }
    single=('s/c->id_mapped = .*/c->id_mapped = false \&\& 0/'
        '/^static bool write_granted_maps.*{/s/$/ return false;/')
    mutant "${single[@]}"
    for without in nnp caps,seccomp; do
        run shut_out --without=$without
        hasnt "$output" secret
        has "$output" "setgroups: Operation not permitted"
        has "$output" "open: Permission denied"
    done
    mutant "${single[@]}" 's/TRY(write_file(dir, "setgroups", "deny"));//'
    equal secret "$(shut_out)"
}
