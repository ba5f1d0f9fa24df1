# The step init: PID 1 passes signals on and buries the dead.
bats_require_minimum_version 1.5.0
load helper
load helper-programs
load helper-steps

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() { [ -z "${started:-}" ] || kill_started; }

# start [OPTION]... COMMAND [ARGUMENT]...: run it in the background, and wait for
# its first line of output.  Sets $started; the output goes to the file out.
start() {
    local options=()
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    rm -f out
    "$CAGE" run "${options[@]}" "$ROOTFS" "$@" > out 2>&1 < /dev/null &
    started=$!
    wait_for 30 test -s out
}

# ended: how the container that `start` started has ended.
ended() {
    local status=0
    wait_for 30 gone "$started"
    wait "$started" || status=$?
    started=
    equal "$1" "$status"
}
kill_started() {
    kill -9 "$started" 2> /dev/null || :
    wait "$started" 2> /dev/null || :
    started=
}
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:	Z' "/proc/$1/status"; }

# ------------------------------------------------------------------ processes

@test "PID 1 is cage, the command is its child" {
    equal "cage: init 2 1" "$(inside sh -c 'cat /proc/1/comm; echo $$; awk "{ print \$4 }" /proc/$$/stat' | xargs)"
}

@test "PID 1 leads a session of its own: the caller's terminal is not in sight" {
    equal "1 1" "$(inside sed 's/.*) //' /proc/1/stat | cut -d' ' -f3,4)"
    seen=$(on_terminal '"$CAGE" run --without=tty "$ROOTFS" sh -c ": < /dev/tty"' || :)
    has "$seen" "No such device or address"
}

@test "a command on a terminal runs, and its status comes out" {
    equal "hello 7" "$(on_terminal '"$CAGE" run "$ROOTFS" sh -c "echo hello; exit 7"; echo $?' | xargs)"
}

@test "without init the command itself is PID 1" {
    equal "sh 1" "$(inside --without=init sh -c 'cat /proc/1/comm; echo $$' | xargs)"
}

@test "processes that have lost their parent leave no zombie behind" {
    program orphans
    equal "0 zombies" "$(inside /orphans)"
    equal "10 zombies" "$(inside --without=init /orphans)"
}

@test "when the command ends all ends, whatever else is running" {
    # (Else timeout, in cage of helper.bash, ends it with 124.)
    run inside sh -c 'sleep 1000 & sleep 1000 & exit 3'
    equal 3 "$status"
}

@test "PID 1 holds no file open: a pipe would never end" {
    root_only
    start sh -c 'echo ready; exec sleep 30'
    init=$(pgrep -P "$started")
    equal "cage: init" "$(cat "/proc/$init/comm")"
    equal "" "$(ls "/proc/$init/fd")"
    equal 3 "$(ls "/proc/$(pgrep -P "$init")/fd" | wc -l)"
}

# -------------------------------------------------------------------- statuses

@test "the exit status is the command's" {
    for expected in 0 1 2 42 124 125 126 127 128 129 137 254 255; do
        run "-$expected" inside sh -c "exit $expected"
    done
}

@test "killed by signal n it is 128 + n, with or without init" {
    for signal in 1 2 6 9 10 11 15; do
        run inside sh -c "kill -$signal \$\$"
        equal $((128 + signal)) "$status"
    done
    # PID 1 cannot be killed from inside: without init the command goes on.
    run inside --without=init sh -c 'kill -9 $$; kill -15 $$; exit 5'
    equal 5 "$status"
}

# --------------------------------------------------------------------- signals

trap_all='for s in HUP INT QUIT USR1 USR2 TERM WINCH CONT; do trap "echo $s" $s; done
    trap "echo TERM; exit 7" TERM; echo ready; while :; do sleep 0.05; done'

@test "signals to cage reach the command" {
    start sh -c "$trap_all"
    for signal in HUP INT QUIT USR1 USR2; do
        kill -$signal "$started"
        wait_for 30 grep -x $signal out
    done
    kill -TERM "$started"
    ended 7
}

@test "a signal that the command does not catch ends it: 128 + n" {
    for signal in INT TERM USR1; do
        start sh -c 'echo ready; exec sleep 30'
        kill -$signal "$started"
        ended $((128 + $(kill -l $signal)))
    done
}

@test "without init such a signal is lost: the kernel spares PID 1" {
    start --without=init sh -c 'echo ready; exec sleep 30'
    kill -TERM "$started"
    sleep 0.3
    [ -e "/proc/$started" ]
    # What it has a handler for comes through.
    kill_started
    start --without=init sh -c "$trap_all"
    kill -TERM "$started"
    ended 7
}

@test "a signal to PID 1 from inside is passed on too, and does not harm it" {
    equal "USR1 5" "$(inside sh -c 'trap "echo USR1" USR1; kill -USR1 1; sleep 0.1; kill -9 1; kill -STOP 1
        echo 5' | xargs)"
}

@test "nothing inside outlives cage, not even when it is killed" {
    start sh -c 'echo ready; sleep 12.21 & sleep 12.21'
    inner=$(wait_for 30 pgrep -f '^sleep 12\.21' && pgrep -f '^sleep 12\.21' | xargs)
    equal 2 "$(wc -w <<< "$inner")"
    kill_started
    for pid in $inner; do wait_for 30 gone "$pid"; done
}

@test "nor does the command when it is in no PID namespace, with which it would end" {
    start --without=pid sh -c 'echo $$; exec sleep 30'
    command=$(cat out)
    kill_started
    wait_for 10 gone "$command" || { kill -9 "$command"; return 1; }
}

# -------------------------------------------------------------- what is secret

@test "the command does not start before nobody can look into PID 1" {
    need_strace
    # PID 1 says by one byte that it is so far.  Here its call comes late.
    traced -o trace -e trace=write,execve -e inject=write:delay_enter=100000 "$CAGE" run "$ROOTFS" true
    # (For an ordinary user strace cannot see which byte, as nobody may look.)
    said=$(grep -nE '("\\0"|0x[0-9a-f]+), 1[ )]' trace | tail -n 1)
    pid=$(cut -d: -f2 <<< "$said" | cut -d' ' -f1)
    [[ $said != *unfinished* ]] || said=$(grep -n "^$pid  *<... write resumed" trace | tail -n 1)
    starts=$(grep -n 'execve("[^"]*true"' trace | tail -n 1)
    [ "${said%%:*}" -lt "${starts%%:*}" ]
}

@test "nobody inside can look into PID 1: the caller's environment is in it" {
    export SECRET=hunter2
    for file in environ mem maps auxv stack syscall; do
        run inside sh -c "head -c 10000 /proc/1/$file"
        [ "$status" != 0 ]
        hasnt "$output" hunter2
    done
    for link in exe cwd root fd ns/mnt; do
        run inside ls "/proc/1/$link/"
        has "$output" "ermission denied"
        run inside readlink "/proc/1/$link"
        [ "$status" != 0 ]
    done
}

@test "if PID 1 were dumpable its environment could be read" {
    export SECRET=hunter2
    mutant 's/prctl(PR_SET_DUMPABLE, 0)/0/'
    has "$(inside sh -c 'tr "\0" " " < /proc/1/environ')" "SECRET=hunter2"
}

@test "ps inside does not show the command line that was typed outside" {
    equal "cage: init" "$(inside --env=SECRET=hunter2 --hostname=secret sh -c 'tr "\0" "\n" < /proc/1/cmdline')"
    hasnt "$(inside --hostname=secret ps)" secret
}

@test "the command can be looked into: it is dumpable again, so gdb works" {
    equal "HELLO=world" "$(inside --env=HELLO=world sh -c 'tr "\0" "\n" < /proc/$$/environ; :' | grep HELLO)"
    equal "/" "$(inside sh -c 'readlink /proc/$$/root')"
}
