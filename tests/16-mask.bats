# The step mask: what /proc and /sys tell about the host is hidden, and what
# changes it cannot be written.  (No test writes: to open is proof enough.)
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() { [ -z "${BAIT:-}" ] || remove_bait; }

# The paths that the OCI runtime specification and Docker name.
hidden="/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats
    /proc/sched_debug /proc/scsi /proc/timer_list /sys/devices/virtual/powercap /sys/firmware"
read_only="/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"

# Is each of the paths that this kernel has empty?  Prints those that are not.
# (Of a file, one that cannot be opened would not be empty but closed.)
show_filled='for path; do
    if [ -d $path ]; then [ -z "$(ls -A $path)" ] || echo $path
    elif [ -e $path ]; then [ -c $path ] && [ -z "$(head -c 1 $path)" ] || echo $path; fi; done'

@test "what tells about the host is empty" {
    # shellcheck disable=SC2086
    equal "" "$(inside sh -c "$show_filled" sh $hidden)"
}

@test "without mask it can be seen" {
    # shellcheck disable=SC2086
    filled=$(sh -c "$show_filled" sh $hidden)
    [ -n "$filled" ] || skip "this kernel has none of the files"
    # shellcheck disable=SC2086
    equal "$filled" "$(inside --without=mask sh -c "$show_filled" sh $hidden)"
}

# Is each of them on a mount that is read-only?
mount_flags='for path; do [ ! -e $path ] ||
    awk -v path=$path "\$5 == path { flags = \$6 } END { print path, substr(flags, 1, 3) }" \
        /proc/self/mountinfo; done'

@test "what changes the host is read-only" {
    # shellcheck disable=SC2086
    seen=$(inside sh -c "$mount_flags" sh $read_only)
    has "$seen" "/proc/sys ro,"
    equal 0 "$(grep -vc ' ro,$' <<< "$seen")"
    # And so is what covers the others, also those that are empty here anyhow.
    # shellcheck disable=SC2086
    equal "" "$(inside sh -c "$mount_flags" sh $hidden | grep -v ' ro,$')"
    # shellcheck disable=SC2086
    hasnt "$(inside --without=mask sh -c "$mount_flags" sh $read_only)" ro,
}

# try_open FILE OPTION...: open it for appending, and write nothing.
try_open() {
    local file=$1
    shift
    inside "$@" sh -c ': >> "$1"' sh "$file" 2>&1 && echo opened
}

@test "settings of the kernel cannot be opened for writing, not even one's own" {
    for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname /proc/sys/vm/swappiness \
        /proc/sys/net/ipv4/ip_forward /proc/sysrq-trigger; do
        [ -e $file ] || continue
        run try_open $file
        has "$output" "can*create"              # can't, or cannot: as the shell has it
        hasnt "$output" opened
    done
    has "$(try_open /proc/sys/net/ipv4/ip_forward --without=caps)" "Read-only file system"
}

@test "without mask and caps those of the container's own network can be" {
    equal opened "$(try_open /proc/sys/net/ipv4/ip_forward --without=mask,caps)"
}

@test "without mask and user the host's settings, even sysrq, are open for writing" {
    root_only
    for file in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sysrq-trigger; do
        [ -e $file ] || continue
        equal opened "$(try_open $file --without=mask,user)"
        has "$(try_open $file --without=user)" "Read-only file system"
    done
}

@test "a mask cannot be taken off, nor made writable" {
    for command in "umount /proc/sys" "umount /sys/firmware" "mount -o remount,bind,rw /proc/sys"; do
        # shellcheck disable=SC2086
        run inside $command
        has "$output" "$([[ $command == umount* ]] && echo "@(not permitted|superuser)" || echo "denied")"
    done
    # With the capabilities and the system calls it can: that is what those
    # steps are for.
    has "$(inside --without=caps,seccomp sh -c 'umount /proc/sys; : >> /proc/sys/net/ipv4/ip_forward &&
        echo opened' 2>&1)" opened
    has "$(inside --without=caps,seccomp sh -c 'mount -o remount,bind,rw /proc/sys;
        : >> /proc/sys/net/ipv4/ip_forward && echo opened' 2>&1)" opened
}

@test "what is needed of /proc and /sys is still there" {
    equal 1 "$(inside grep -c '^MemTotal:' /proc/meminfo)"
    equal cage "$(inside cat /proc/sys/kernel/hostname)"
    [ -n "$(inside cat /proc/cpuinfo /proc/uptime /proc/stat)" ]
}

@test "the mask is the real /dev/null, whatever lies at /dev/null in ROOTFS" {
    make_bait
    layer top && mkdir top/dev && ln -s "$BAIT/file" top/dev/null
    mkdir -p "top$BAIT" && echo fake > "top$BAIT/file"
    # Also without dev, when that link is still there.
    # shellcheck disable=SC2086
    equal "" "$(cage run "top:$ROOTFS" sh -c "$show_filled" sh $hidden)"
    # shellcheck disable=SC2086
    equal "" "$(cage run --without=dev "top:$ROOTFS" sh -c "$show_filled" sh $hidden)"
    bait_untouched
}

@test "if the host's /dev/null is not what it says, mask refuses it" {
    root_only
    file=$(for f in /proc/keys /proc/interrupts /proc/timer_list /proc/kcore; do
        [ ! -e $f ] || echo $f; done | head -n 1)
    [ -n "$file" ] || skip "this kernel has no file to hide"
    echo fake > fake
    run unshare -m --propagation private sh -c 'mount --bind fake /dev/null &&
        "$0" run --without=dev,tty "$1" true' "$CAGE" "$ROOTFS"
    refused "mask: what the host has for /proc/* is not that device"
    # A cage that does not check shows the fake.
    mutant 's/if (device \&\& .*/if (0)/'
    equal fake "$(unshare -m --propagation private sh -c 'mount --bind fake /dev/null &&
        "$0" run --without=dev,tty "$1" cat "$2"' "$CAGE" "$ROOTFS" "$file")"
}

@test "a mount that cannot be made read-only is an error, not ignored" {
    # A flag that no kernel knows: each of these calls fails.
    mutant '/^static void step_mask.*{/,/^}/s/MOUNT_ATTR_RDONLY/1ULL << 50/'
    run inside true
    refused "mask: "
    has "$output" "Invalid argument"
}
