# The step cgroupns: the container's cgroup looks like the top of the tree.
load helper
load helper-steps

# Whether the folder of the container's own group is seen in its /sys.
look='find /sys/fs/cgroup -type d -name "cage.*" 2> /dev/null; true'

@test "inside, its own group is the top" {
    equal 0::/ "$(inside grep ^0:: /proc/self/cgroup)"
    differ "$(inside readlink /proc/self/ns/cgroup)" "$(readlink /proc/$$/ns/cgroup)"
}

@test "without cgroupns it is in the namespace of the host" {
    equal "$(readlink /proc/$$/ns/cgroup)" "$(inside --without=cgroupns readlink /proc/self/ns/cgroup)"
}

@test "without cgroupns it sees where on the host it lives" {
    need_cgroup
    has "$(inside --name="$name" --without=cgroupns grep ^0:: /proc/self/cgroup)" "/cage.$name"
}

@test "the cgroup file system inside shows its own group and no other" {
    need_cgroup
    start sleep 60
    equal "" "$(inside sh -c "$look")"
    has "$(inside --without=cgroupns sh -c "$look")" "/cage.$name"
}

@test "the processes of its group are its own" {
    need_cgroup
    # PID 1, the shell and cat.  A process outside would have the number 0.
    equal 3 "$(inside sh -c 'cat /sys/fs/cgroup/cgroup.procs; true' | grep -c '[1-9]')"
    equal 0 "$(inside sh -c 'cat /sys/fs/cgroup/cgroup.procs; true' | grep -c '^0$')"
}

@test "the command can read its limit where programs look for it" {
    need_cgroup
    in_cgroup2 pids || skip "the controller pids belongs to version 1 here"
    equal 37 "$(inside --pids=37 cat /sys/fs/cgroup/pids.max)"
}

@test "the groups inside cannot be changed" {
    run inside mkdir /sys/fs/cgroup/new
    has "$output" "Read-only file system"
    run inside --without=cgroupns mkdir /sys/fs/cgroup/new
    has "$output" "Read-only file system"
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused cgroupns CLONE_NEWCGROUP
}
