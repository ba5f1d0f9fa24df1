# Stepping through cage in gdb, which is what the file is for: `make debug`, and
# the recipe in tutorial/steps.gdb, get from main to every step, through the
# forks that make the child, PID 1 and the command.
load helper

# build: `make debug` in a folder of our own, once.  What it says is in `said`.
build() {
    need make "${CC:-cc}"
    cd "$BATS_FILE_TMPDIR"
    [ ! -e said ] || return 0
    mkdir tutorial
    cp "$REPO/Makefile" "$REPO/cage.c" .
    cp "$REPO/tutorial/steps.gdb" tutorial
    make debug > said
}

# in_gdb: run the recipe, which stops in main; then the commands that are on
# standard input.  Prints what gdb says.
in_gdb() {
    need gdb
    build
    cat > "$BATS_TEST_TMPDIR/more.gdb"
    # (The list of breakpoints is long and the same each time.)
    timeout -k 1 300 gdb -q -nx -batch -x tutorial/steps.gdb \
        -x "$BATS_TEST_TMPDIR/more.gdb" \
        --args ./cage-debug run "$ROOTFS" /bin/true < /dev/null 2>&1 |
        grep -Ev '^(Breakpoint [0-9]+ at|static void step_)'
}

# stops: of what gdb says, the functions at which it stopped, in order.
stops() { sed -En 's/.*[Bb]reakpoint [0-9.]+, (main|step_[a-z]+) \(.*/\1/p'; }

@test "make debug builds a program for gdb and says how to use it" {
    build
    said=$(cat said)
    has "$said" "gdb -q -x tutorial/steps.gdb --args ./cage-debug run rootfs"
    for word in next finish continue print backtrace; do has "$said" "$word"; done
    equal "$("$CAGE" --version)" "$(./cage-debug --version)"
}

@test "gdb gets from main to every step, in the order of cage steps" {
    steps=$("$CAGE" steps | sed 's/ .*//; s/^/step_/')
    has "$steps" step_exec
    # One more than there are stops: the last lets /bin/true run to its end.
    said=$(for _ in main $steps; do echo continue; done | in_gdb)
    equal "main
$steps" "$(stops <<< "$said")"
    has "$said" "exited normally"
}

# (Who it is there is asked of /proc.  To have the program call getpid, gdb would
# write all of its registers, and older ones do not know those of new processors:
# "Couldn't write extended state status: Bad address".)
@test "line by line, next leads through the forks, into PID 1 and the command" {
    said=$(in_gdb << 'END'
delete
define next_process
    set $here = $_inferior
    while $_inferior == $here
        next
    end
    info proc status
end
tbreak step_pid
continue
next_process
tbreak step_init
continue
next_process
continue
END
    )
    # The last of its numbers is the one inside.
    equal "1 2" "$(sed -n 's/^NSpid:.*[[:space:]]//p' <<< "$said" | xargs)"
    has "$said" "exited normally"
}

@test "what the recipe offers can be typed at any step" {
    said=$(in_gdb << 'END'
delete
tbreak step_nnp
continue
print *c
print c->step
backtrace
info proc status
finish
kill
END
    )
    has "$said" 'hostname = '
    has "$said" '= *"nnp"'
    has "$said" '#1 '*' in main (argc='
    has "$said" 'NoNewPrivs:*0x* in '
}
