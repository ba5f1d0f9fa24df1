# Standard input, output and error when they are no terminal: pipes, files,
# /dev/null, closed.  What goes through them goes through unchanged.
load helper
load helper-machine

setup() {
    before=$(machine)
    cd "$BATS_TEST_TMPDIR"
}
teardown() { machine_unchanged; }

# ten_megabytes: into the file data, so that every byte occurs.
ten_megabytes() { head -c 10000000 /dev/urandom > data; }

@test "a container in the middle of a pipeline" {
    equal HI "$(echo hi | inside cat | tr a-z A-Z)"
    equal "a b" "$(printf 'b\na\nc\n' | inside sort | inside head -n 2 | xargs)"
}

@test "10 MB through pipes are unchanged" {
    ten_megabytes
    cat data | inside cat | cat > copy
    cmp data copy
}

@test "10 MB from a file into a file are unchanged" {
    ten_megabytes
    inside cat < data > copy
    cmp data copy
    inside cat < data 2> error | cmp data -
    equal "" "$(cat error)"
}

@test "10 MB are unchanged although standard error is a terminal" {
    need script
    ten_megabytes
    export CAGE ROOTFS
    script -qec '"$CAGE" run "$ROOTFS" cat < data > copy' /dev/null < /dev/null > /dev/null
    cmp data copy
}

@test "text is not changed: no CR, nothing before or after" {
    printf 'one\ntwo\n\tthree' > text
    inside cat < text > copy
    cmp text copy
    equal "$(printf 'x\n' | od -c)" "$(inside echo x | od -c)"
    equal "" "$(inside true)"
}

@test "standard error is separate from standard output" {
    inside sh -c 'echo out; echo error >&2' > out 2> error
    equal out "$(cat out)"
    equal error "$(cat error)"
    # What cage itself has to say goes to standard error.
    inside nosuch > out 2> error || code=$?
    equal "127 " "$code $(cat out)"
    has "$(cat error)" "cage: "
}

@test "the exit status comes out of a pipeline, and goes into one" {
    code=0
    echo x | inside sh -c 'cat > /dev/null; exit 7' || code=$?
    equal 7 "$code"
    set +e
    inside sh -c 'echo x; exit 5' | inside sh -c 'cat; exit 6' > out
    codes=${PIPESTATUS[*]}
    set -e
    equal "5 6" "$codes"
    equal x "$(cat out)"
}

@test "/dev/null as input is empty, as output swallows all" {
    equal 0 "$(inside wc -c < /dev/null)"
    try inside sh -c 'cat; echo $?; readlink /proc/self/fd/0' < /dev/null
    equal "0
/dev/null" "$output"
    inside sh -c 'echo x; echo y >&2; exit 3' > /dev/null 2>&1 < /dev/null || code=$?
    equal 3 "$code"
}

@test "a descriptor that is closed does not become another file" {
    # Inside it is closed as well, or /dev/null.  What must not be: that a file
    # which cage opens takes its number.
    echo text > text
    for closed in "<&-" ">&-" "2>&-" "<&- >&- 2>&-"; do
        eval 'start < text > out 2> error '"$closed"
        seen=$(for fd in 0 1 2; do
                   readlink "/proc/$command/fd/$fd" || echo closed
               done)
        stop
        equal "" "$(grep -vxE "closed|/dev/null|$PWD/(text|out|error)" <<< "$seen" || true)"
        has "$seen" "@(closed|/dev/null)"
    done
}

@test "with closed descriptors the exit status is right, and nothing is written elsewhere" {
    for closed in "<&-" ">&-" "2>&-" "<&- >&-" "<&- 2>&-" ">&- 2>&-" "<&- >&- 2>&-"; do
        echo "closed: $closed"
        code=0
        eval 'inside sh -c "exit 9" '"$closed" || code=$?
        equal 9 "$code"
        code=0
        eval 'cage run /nosuch true '"$closed" > out || code=$?
        equal "125 " "$code $(cat out)"
        code=0
        eval 'cage run /nosuch true '"$closed" 2> error || code=$?
        equal 125 "$code"
    done
    equal hi "$(inside echo hi <&- 2>&-)"
    equal hi "$(echo hi | inside cat 2>&-)"
}

@test "when the reader is gone the writer ends at once" {
    set +e
    timeout 10 "$CAGE" run "$ROOTFS" yes | head -n 1 > out
    codes=${PIPESTATUS[*]}
    set -e
    # 141: killed by SIGPIPE, as it would be without a container.
    equal "141 0" "$codes"
    equal y "$(cat out)"
}

@test "a pipe ends with the command, whatever else holds it inside" {
    export CAGE ROOTFS
    # shellcheck disable=SC2016
    run timeout 60 sh -c '"$CAGE" run "$ROOTFS" sh -c "
        sleep 1000 & sleep 1000 2> /dev/null & echo hi" | cat'
    equal "0 hi" "$status $output"
}

@test "input that the command does not read is left to others" {
    printf 'one\ntwo\n' > lines
    equal "one inside, two outside" "$(
        { inside sh -c 'read line; echo $line inside,'; read -r line; echo "$line outside"; } \
            < lines | xargs)"
    tar -C "$ROOTFS" -cf image.tar .
    equal "one" "$(echo one | cage run image.tar cat)"
    # Nor does the COMMAND of --net take it.
    equal "one" "$(echo one | inside --net='cat > /dev/null' cat)"
}

@test "a file is written to where the shell has opened it" {
    { inside echo 1; echo 2; inside echo 3; } > file
    inside echo 4 >> file
    equal "1 2 3 4" "$(xargs < file)"
}

@test "/dev/stdin, /dev/stdout and /dev/stderr can be opened" {
    equal in "$(echo in | inside cat /dev/stdin)"
    equal out "$(inside sh -c 'echo out > /dev/stdout' | cat)"
    equal error "$(inside sh -c 'echo error > /dev/stderr' 2>&1 > /dev/null | cat)"
    equal both "$(echo both | inside sh -c 'cat < /dev/fd/0 > /dev/fd/1' | cat)"
}

@test "a named pipe and a socket work as well" {
    mkfifo fifo
    (echo through > fifo) 3>&- &
    equal through "$(inside cat < fifo)"
    wait
    need python3
    equal socket "$(CAGE=$CAGE ROOTFS=$ROOTFS python3 - <<- 'END'
	import os, socket, subprocess
	ours, theirs = socket.socketpair()
	p = subprocess.Popen([os.environ["CAGE"], "run", os.environ["ROOTFS"], "cat"],
	                     stdin=theirs, stdout=theirs)
	theirs.close()
	ours.sendall(b"socket\n")
	ours.shutdown(socket.SHUT_WR)
	print(ours.makefile().read().strip())
	p.wait()
	END
    )"
}
