# The step sys: a /sys of its own network, read-only, and its own cgroup in it.
load helper
load helper-files

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() { [ -z "${BAIT:-}" ] || remove_bait; }

# The interfaces that /proc tells of.
interfaces="awk -F: 'NR > 2 { print \$1 }' /proc/net/dev | sort | xargs"

@test "the interfaces in /sys are those of the container's network" {
    seen=$(inside sh -c "ls /sys/class/net | sort | xargs; $interfaces")
    equal "$(head -n 1 <<< "$seen")" "$(tail -n 1 <<< "$seen")"
    has " $seen" " lo"
}

@test "without net it is the host's /sys, read-only all the same" {
    equal "$(ls /sys/class/net | sort)" "$(inside --without=net ls /sys/class/net | sort)"
    run inside --without=net mkdir /sys/new
    has "$output" "Read-only file system"
}

@test "nothing in /sys can be written" {
    for place in /sys /sys/kernel /sys/fs/cgroup; do
        run inside mkdir $place/new
        has "$output" "Read-only file system"
    done
    run inside sh -c 'find /sys/kernel /sys/class/net/lo/ -type f -perm -200 | head -n 20 |
        while read -r file; do { : >> $file; } 2>&1; done'
    equal 0 "$(grep -vc "Read-only file system" <<< "$output")"
}

@test "mounts of its own: sysfs, and cgroup2 where it usually is" {
    seen=$(inside awk '$5 ~ "^/sys" { print $5, $6, $9 }' /proc/self/mountinfo)
    has "$seen" "/sys ro,nosuid,nodev,noexec,relatime sysfs"
    has "$seen" "/sys/fs/cgroup ro,nosuid,nodev,noexec,relatime cgroup2"
}

@test "in /sys/fs/cgroup is the container's own group and nothing above it" {
    root_only
    equal "1 2" "$(inside sh -c 'echo $(cat /sys/fs/cgroup/cgroup.procs)' | cut -d ' ' -f 1-2)"
    equal "" "$(inside find /sys/fs/cgroup -mindepth 1 -type d)"
}

@test "without cgroupns the host's /sys/fs/cgroup is shown, read-only" {
    equal "$(ls /sys/fs/cgroup | grep -v '^cage' | sort)" \
        "$(inside --without=cgroupns ls /sys/fs/cgroup | grep -v '^cage' | sort)"
    run inside --without=cgroupns mkdir /sys/fs/cgroup/new
    has "$output" "Read-only file system"
}

@test "without sys /sys is empty" {
    equal "" "$(inside --without=sys ls /sys)"
}

@test "programs count processors in it" {
    equal "$(ls -d /sys/devices/system/cpu/cpu[0-9]*)" \
        "$(inside sh -c 'ls -d /sys/devices/system/cpu/cpu[0-9]*')"
}

@test "/sys is made if ROOTFS has none, and a link is refused" {
    cp -a "$ROOTFS" copy && rmdir copy/sys
    equal lo "$(cage run copy ls /sys/class/net | grep -x lo)"
    make_bait
    layer top && ln -s "$BAIT" top/sys
    mkdir -p "top$BAIT"
    run cage run "top:$ROOTFS" true
    refused "sys: /sys is a link in ROOTFS"
    bait_untouched
}

@test "a file in the place of /sys is refused" {
    layer top && touch top/sys
    run cage run "top:$ROOTFS" true
    refused "sys: "
    has "$output" "Not a directory"
}
