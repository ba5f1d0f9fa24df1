# The step pivot: the files of the container become /, and the host's are gone.
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() { [ -z "${BAIT:-}" ] || remove_bait; }

places_of_mounts='awk "{ print \$5 }" /proc/self/mountinfo'

@test "of the host's mounts none is left" {
    seen=$(inside sh -c "$places_of_mounts")
    equal 1 "$(grep -cx / <<< "$seen")"
    equal "" "$(grep -Ev '^/$|^/(dev|proc|sys)(/|$)' <<< "$seen")"
}

@test "if the old root is not unmounted, the host's mounts are still there" {
    mutant 's/umount2(".", MNT_DETACH)/0/'
    seen=$(inside sh -c "$places_of_mounts")
    equal 2 "$(grep -cx / <<< "$seen")"
    has "$seen" "/sys/"
    [ "$(grep -cx /proc <<< "$seen")" -gt 1 ]
}

@test "with pivot or with chroot / is ROOTFS, and a path leads no higher" {
    make_bait
    for options in "" --without=pivot; do
        # shellcheck disable=SC2086
        equal "/ root" "$(inside $options sh -c 'cd /../..; pwd; ls -d root' | xargs)"
        # shellcheck disable=SC2086
        run inside $options cat "/../..$BAIT/file"
        has "$output" "No such file"
    done
}

# The oldest way out: a root directory that is below the current directory does
# not stop `..`.
@test "walking out of a chroot: no way past pivot, even with every capability" {
    make_bait
    program walk-out
    run inside /walk-out "$BAIT/file"
    has "$output" "chroot: Operation not permitted"
    run inside --without=caps,seccomp /walk-out "$BAIT/file"
    has "$output" "$BAIT/file: No such file"
    # With chroot instead of pivot_root, what is between is caps or seccomp...
    run inside --without=pivot,caps /walk-out "$BAIT/file"
    has "$output" "chroot: Operation not permitted"
    run inside --without=pivot,seccomp /walk-out "$BAIT/file"
    has "$output" "chroot: Operation not permitted"
    # ... and with none of them left the host's file is read.
    equal precious "$(inside --without=pivot,caps,seccomp /walk-out "$BAIT/file")"
}

@test "the folder that cage was started in is out of reach" {
    echo secret > file
    run inside cat file
    has "$output" "No such file"
    equal / "$(inside pwd)"
    equal / "$(inside readlink /proc/self/cwd)"
    equal / "$(inside readlink /proc/self/root)"
}

@test "where mounts are shared pivot_root is refused, with a hint" {
    root_only
    run inside --without=private,user true
    refused 'pivot: pivot_root(".", "."): Invalid argument'
    has "$output" "hint: "
    has "$output" private
}

@test "the machine's mounts are the same before and after" {
    before=$(sort /proc/self/mountinfo)
    inside true
    inside --without=pivot true
    equal "$before" "$(sort /proc/self/mountinfo)"
}
