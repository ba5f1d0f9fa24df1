# For tests that need a small C program inside, or a cage with one line less.

# program NAME...: build tests/programs/NAME.c; from now on it is /NAME inside.
# It comes in as a layer above ROOTFS, statically linked, so it needs nothing.
program() {
    need cc
    local name layer=$BATS_FILE_TMPDIR/programs
    mkdir -p "$layer"
    chmod 755 "$layer"
    for name; do
        [ -x "$layer/$name" ] ||
            cc -static -O1 -Wall -pthread -o "$layer/$name" "$REPO/tests/programs/$name.c" ||
            skip "cc cannot build a static program here"
    done
    case $ROOTFS in
        "$layer":*) ;;
        *) ROOTFS=$layer:$ROOTFS ;;
    esac
}

# mutant SED-SCRIPT...: from now on `cage` is one with these changes to cage.c.
mutant() {
    need cc
    local script
    cp "$REPO/cage.c" "$BATS_TEST_TMPDIR/mutant.c"
    for script; do
        sed "$script" "$BATS_TEST_TMPDIR/mutant.c" > "$BATS_TEST_TMPDIR/changed.c"
        run cmp -s "$BATS_TEST_TMPDIR/mutant.c" "$BATS_TEST_TMPDIR/changed.c"
        [ "$status" = 1 ] || { echo "this changes no line of cage.c: $script" >&2; return 1; }
        mv "$BATS_TEST_TMPDIR/changed.c" "$BATS_TEST_TMPDIR/mutant.c"
    done
    cc -std=c17 -w -o "$BATS_TEST_TMPDIR/mutant" "$BATS_TEST_TMPDIR/mutant.c" -static
    CAGE=$BATS_TEST_TMPDIR/mutant
}
