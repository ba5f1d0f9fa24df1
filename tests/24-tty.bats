# The step tty: a terminal of its own.  (More about terminals in 34-terminal.)
load helper

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "on a terminal the command has one of the container's own" {
    equal /dev/pts/0 "$(on_terminal '"$CAGE" run "$ROOTFS" tty')"
    equal "0 ptmx" "$(on_terminal '"$CAGE" run "$ROOTFS" ls /dev/pts' | xargs)"
}

@test "without tty it has the host's, which has no name inside" {
    seen=$(on_terminal '"$CAGE" run --without=tty "$ROOTFS" sh -c "tty; ls /dev/pts"' || :)
    hasnt "$seen" /dev/pts/
    equal ptmx "$(tail -n 1 <<< "$seen")"
}

@test "it is the controlling terminal: job control works, /dev/tty can be opened" {
    seen=$(on_terminal '"$CAGE" run "$ROOTFS" sh -ic "echo hello > /dev/tty; sleep 0 & jobs; exit"')
    has "$seen" hello
    hasnt "$seen" "job control turned off"
    hasnt "$seen" "can't access tty"
    run on_terminal '"$CAGE" run --without=tty "$ROOTFS" sh -c "echo hello > /dev/tty"'
    hasnt "$output" hello
}

@test "only what is a terminal is replaced: a pipe or a file stays as it is" {
    equal "pipe file" "$(on_terminal 'echo pipe | "$CAGE" run "$ROOTFS" sh -c "cat; echo file >&2" 2> file
        cat file' | xargs)"
    on_terminal '"$CAGE" run "$ROOTFS" sh -c "echo one; echo two" > file'
    equal $'one\ntwo' "$(cat file)"            # and no \r
}

@test "without a terminal there is none inside, and /dev/tty cannot be opened" {
    run inside sh -c 'tty; echo x > /dev/tty' < /dev/null
    has "$output" "not a tty"
    has "$output" "/dev/tty: No such device or address"
}

@test "the command leads a session of its own" {
    equal "2 2" "$(inside sh -c 'awk "{ print \$5, \$6 }" /proc/$$/stat')"
}

@test "with one of them a pipe, the others are still the terminal" {
    equal "/dev/pts/0 /dev/pts/0" "$(on_terminal 'echo x |
        "$CAGE" run "$ROOTFS" sh -c "tty <&1; tty <&2"' | xargs)"
}

@test "when the output goes into a pipe the keyboard is not for the command" {
    equal /dev/null "$(on_terminal '"$CAGE" run "$ROOTFS" readlink /proc/self/fd/0 | cat')"
}

@test "a second one inside has a terminal of its own" {
    export name=tty.$$.$BATS_TEST_NUMBER
    equal /dev/pts/1 "$(on_terminal '"$CAGE" run --name="$name" "$ROOTFS" sleep 20 &
        "$CAGE" exec "$name" tty
        "$CAGE" stop "$name"')"
}
