# The step mount: a table of mounts of its own.
load helper
load helper-steps

# unharmed PID LIST...: run containers without these steps (each LIST is one for
# --without) and see that no mount comes or goes in the table of the process.
unharmed() {
    local table=$1 before list
    shift
    before=$(mounts_of "$table")
    for list; do
        start --without="$list" sleep 60
        equal "$before" "$(mounts_of "$table")"
        finish
        equal 143 "$status"
        equal "$before" "$(mounts_of "$table")"
    done
}

@test "the container has a table of mounts of its own" {
    differ "$(readlink /proc/$$/ns/mnt)" "$(inside readlink /proc/self/ns/mnt)"
    before=$(mounts_of $$)
    start sleep 60
    has "$(mounts_of "$command")" " / "
    has "$(mounts_of "$command")" "overlay"
    differ "$before" "$(mounts_of "$command")"
    equal "$before" "$(mounts_of $$)"
    finish
    equal "$before" "$(mounts_of $$)"
}

@test "where all is shared, as systemd has it, nothing is mounted on the machine" {
    shared_machine
    before=$(mounts_of "$machine")
    start sleep 60
    equal "$before" "$(mounts_of "$machine")"
    finish
    equal "$before" "$(mounts_of "$machine")"
}

@test "nor on this very machine, if all is shared on it" {
    grep -q '^[^ ]* [^ ]* [^ ]* / / .* shared:' /proc/self/mountinfo || skip "/ is not shared here"
    before=$(mounts_of $$)
    options=(--name="$name")
    # A user namespace alone would keep them in; then only the step private does.
    [ "$(id -u)" != 0 ] || options+=(--without=user --without=user,pivot)
    for option in "${options[@]}"; do
        start "$option" sleep 60
        equal "$before" "$(mounts_of $$)"
        finish
        equal "$before" "$(mounts_of $$)"
    done
}

@test "nor by one volume within another" {
    shared_machine
    need_volumes
    mkdir -p "$BATS_TEST_TMPDIR/one/two" "$BATS_TEST_TMPDIR/other"
    before=$(mounts_of "$machine")
    start --volume="$BATS_TEST_TMPDIR/one:/mnt" \
        --volume="$BATS_TEST_TMPDIR/other:/mnt/two" sleep 60
    has "$(mounts_of "$command")" " /mnt/two "
    equal "$before" "$(mounts_of "$machine")"
}

@test "leaving mount out does not harm the machine: it is done in a cell" {
    unharmed $$ mount mount,pivot
    differ "$(readlink /proc/$$/ns/mnt)" "$(inside --without=mount readlink /proc/self/ns/mnt)"
}

@test "nor does it with other steps, by root, where all is shared" {
    shared_machine
    unharmed "$machine" mount,user mount,private,pivot mount,private,pivot,user \
        mount,private,pivot,user,rootfs
}

@test "what root mounts and unmounts inside stays in the cell, too" {
    shared_machine
    need_inside mount
    before=$(mounts_of "$machine")
    start --without=mount,private,pivot,user,caps,seccomp sh -c \
        "mount -t tmpfs $name /mnt; umount -l /proc; umount -l /sys; exec sleep 60"
    wait_for 30 grep -q " tmpfs $name " "/proc/$command/mountinfo"
    equal "$before" "$(mounts_of "$machine")"
    hasnt "$(mounts_of "$command")" "/proc "
    finish
    equal "$before" "$(mounts_of "$machine")"
}

@test "if the kernel refuses, the error says which step it was" {
    need_strace
    # (Without the step it could still be refused: to the cell.)
    for list in time mount; do
        run refuse_unshare EPERM mount --without="$list"
        refused "cage: mount: unshare(CLONE_NEWNS): Operation not permitted"
    done
}
