# The step private: no mount or unmount passes between the container and us.
load helper
load helper-steps

# mounts_a_tmpfs LIST: start a container without these steps that mounts a file
# system of a name that is to be found nowhere else.
mounts_a_tmpfs() {
    start --without="$1" sh -c "mount -t tmpfs $name /mnt; exec sleep 60"
    wait_for 30 grep -q " tmpfs $name " "/proc/$command/mountinfo"
}

@test "what is mounted inside is mounted nowhere else" {
    shared_machine
    need_inside mount
    for list in caps,seccomp pivot,caps,seccomp user,caps,seccomp user,pivot,caps,seccomp; do
        mounts_a_tmpfs "$list"
        hasnt "$(mounts_of "$machine")" " tmpfs $name "
        hasnt "$(mounts_of "$host")" " tmpfs $name "
        finish
    done
}

@test "without private and user it is mounted outside as well: in a cell, not on the machine" {
    shared_machine
    need_inside mount
    before=$(mounts_of "$machine")
    mounts_a_tmpfs private,user,pivot,caps,seccomp
    has "$(mounts_of "$host")" " tmpfs $name "
    equal "$before" "$(mounts_of "$machine")"
    finish
    equal "$before" "$(mounts_of "$machine")"
}

@test "without private alone it is not: mounts do not leave a user namespace" {
    shared_machine
    need_inside mount
    for list in private,caps,seccomp private,pivot,caps,seccomp; do
        mounts_a_tmpfs "$list"
        hasnt "$(mounts_of "$host")" " tmpfs $name "
        hasnt "$(mounts_of "$machine")" " tmpfs $name "
        finish
    done
}

@test "no mount of the container is shared, or follows one outside" {
    equal "" "$(inside sh -c 'grep -E " (shared|master):" /proc/self/mountinfo; true')"
}

@test "not even where all mounts outside are shared, but without private" {
    shared_machine
    start sleep 60
    hasnt "$(mounts_of "$command")" shared:
    hasnt "$(mounts_of "$command")" master:
    finish
    start --without=private,user,pivot sleep 60
    has "$(mounts_of "$command")" shared:
}

@test "pivot_root does not work where mounts are shared" {
    lists=("private,mount")
    [ "$(id -u)" != 0 ] || lists+=("private,user")
    for list in "${lists[@]}"; do
        run inside --without="$list" true
        refused "cage: pivot: pivot_root(\".\", \".\"): Invalid argument"
        has "$output" "hint: "
        has "$output" shared
        has "$output" private
    done
    inside --without=private,mount,pivot true
    inside --without=mount true
}

@test "what is mounted outside later does not come in" {
    shared_machine
    need_volumes
    volume=$BATS_TEST_TMPDIR/volume
    mkdir -p "$volume/later"
    start --volume="$volume:/mnt" sleep 60
    nsenter --target "$machine" --mount mount -t tmpfs "$name" "$volume/later"
    has "$(mounts_of "$machine")" " tmpfs $name "
    hasnt "$(mounts_of "$command")" " tmpfs $name "
}

@test "leaving private out does not harm the machine" {
    before=$(mounts_of $$)
    lists=(private "private,pivot")
    if [ "$(id -u)" = 0 ]; then
        shared_machine
        before=$(mounts_of "$machine")
        lists+=("private,user,pivot" "private,mount,user,pivot" "private,rootfs,user,pivot")
    fi
    for list in "${lists[@]}"; do
        start --without="$list" sleep 60
        equal "$before" "$(mounts_of "${machine-$$}")"
        finish
        equal "$before" "$(mounts_of "${machine-$$}")"
    done
}

@test "if the kernel refuses, the error says which step it was" {
    need_strace
    # The first of all calls of mount(2) is that of this step.
    run traced -o /dev/null -e trace=mount \
        -e inject=mount:error=EPERM:when=1 "$CAGE" run "$ROOTFS" true
    refused "cage: private: mount("
    has "$output" "MS_REC | MS_PRIVATE"
    has "$output" "Operation not permitted"
}
