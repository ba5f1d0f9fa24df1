# A real terminal, as you sit in front of one: what is typed gets in, what comes
# out is whole, job control works, and however it ends the terminal is as it was.
# shellcheck disable=SC2016 # what is typed is for the shell in the terminal
load helper
load helper-programs
load helper-terminal

setup() {
    open_terminal
    before=$(modes)
}
teardown() { close_terminal; }

# inside_has PROGRAM: or skip.
inside_has() { [ -e "$ROOTFS/bin/$1" ] || skip "there is no $1 in the rootfs"; }

# As long as a container has the keyboard, the terminal of the host is raw: each
# key goes in as it is.  Else it must be as it was.
raw() { [ "$before" != "$(modes)" ]; }

# gone PID: that process is no more.
gone() { [ ! -e "/proc/$1" ]; }

# asleep: the command inside runs a `sleep`, in the foreground.
asleep() { pgrep -P "$(inner)" -x sleep; }

# ------------------------------------------------------------ a shell inside

@test "a shell inside has job control: the terminal is its own" {
    go_inside
    hasnt "$(screen)" "job control turned off"
    hasnt "$(screen)" "can't access tty"
    type_line 'sleep 1000 & jobs'
    sees 'Running*sleep 1000'
}

@test "without tty the shell complains that it cannot control jobs" {
    go_inside --without=tty
    has "$(screen)" "job control"
}

@test "Ctrl-C ends what runs in the foreground and not the shell" {
    go_inside
    type_line 'sleep 1000'
    wait_for 30 asleep
    type_key C-c
    until_prompt in
    type_line 'echo status $?'
    sees 'status 130'
}

@test "Ctrl-C ends a container that runs but one program" {
    type_line '$CAGE run $ROOTFS sleep 1000; echo status $?'
    wait_for 30 inner
    type_key C-c
    sees 'status 130'
}

@test "Ctrl-Z stops what runs in the foreground, and fg goes on with it" {
    go_inside
    type_line 'sleep 1000'
    wait_for 30 asleep
    pid=$(asleep)
    type_key C-z
    sees 'Stopped'
    until_prompt in
    type_line 'clear; fg'
    wait_for 30 goes_on "$pid"
    type_key C-c
    until_prompt in
    type_line 'echo status $?'
    sees 'status 130'
}
goes_on() { grep '^State:.S' "/proc/$1/status"; }

@test "Ctrl-D ends the shell, with the status of its last command" {
    go_inside
    type_line '(exit 42)'
    until_prompt in
    type_key C-d
    until_prompt host
    type_line 'echo status $?'
    sees 'status 42'
}

@test "what was typed before the container was ready is not lost" {
    type_line "\$CAGE run -e PS1='in> ' \$ROOTFS sh; echo status \$?"
    type_line 'echo early $((40 + 2))'
    type_line 'exit 3'
    sees 'early 42'
    sees 'status 3'
}

# ------------------------------------------------------- the size of the window

@test "the window inside is as large as the real one, also after a resize" {
    # A program that prints the size at the start and when it is told (SIGWINCH)
    # that it has changed.
    type_line "clear; \$CAGE run \$ROOTFS sh -c \
        'trap \"stty size\" WINCH; stty size; while sleep 0.05; do :; done'"
    sees '24 80'
    tmux resize-window -x 100 -y 30
    sees '30 100'
    type_key C-c
    until_prompt host
}

@test "vi: edit a file on the whole screen" {
    inside_has vi
    type_line "\$CAGE run \$ROOTFS sh -c 'vi /tmp/f; cat /tmp/f; wc /tmp/f'"
    sees $'~\n~'
    type_key -l 'ihello'
    type_key Enter
    type_key -l 'world'
    sees $'\nI /tmp/f'  # busybox's vi says by the first letter how it is
    type_key Escape
    sees $'\n- /tmp/f'  # else Escape and : are one key, Alt-:
    type_key -l ':wq'
    type_key Enter
    sees '2*2*12 /tmp/f'
    until_prompt host
}

@test "less: a page, the next page, quit" {
    inside_has less
    type_line '$CAGE run $ROOTFS sh -c "seq 100 | less"'
    sees $'\n23'
    hasnt "$(screen)" $'\n24'
    type_key Space
    sees $'\n46'
    type_key q
    until_prompt host
}

# ------------------------------------------------------------- which terminal

@test "the terminal inside is /dev/pts/0 of a devpts of its own" {
    go_inside
    type_line 'tty'
    sees '/dev/pts/0'
    type_line 'echo device $(stat -Lc %d /proc/self/fd/0)'
    sees 'device [0-9]'
    hasnt "$(screen)" "device $(stat -c %d "$TTY")"
}

@test "without tty the terminal inside is the host's" {
    go_inside --without=tty
    type_line 'echo device $(stat -Lc %d /proc/self/fd/0)'
    sees "device $(stat -c %d "$TTY")"
}

# ------------------------------------------- what comes out: no byte more or less

@test "a line ends with one CR and one LF on the terminal, as always" {
    on_host '$CAGE run $ROOTFS echo one line'
    has "$(cat written)" $'one line\r\n'
    hasnt "$(cat written)" $'one line\r\r'
}

@test "echo hi | cage run rootfs cat: no doubled CR" {
    on_host 'echo hi there | $CAGE run $ROOTFS cat'
    has "$(cat written)" $'\nhi there\r\n'
}

@test "only standard error is the terminal: no doubled CR" {
    on_host '$CAGE run $ROOTFS sh -c "echo to stderr >&2" < /dev/null > /dev/null'
    has "$(cat written)" $'to stderr\r\n'
}

@test "what goes to a file gets no CR, and what is no terminal is not made one" {
    on_host '$CAGE run $ROOTFS sh -c "test -t 0; echo in \$?; test -t 1; echo out \$?; test -t 2; echo err \$?" > file'
    equal $'in 0\nout 1\nerr 0' "$(cat file)"
    on_host '$CAGE run $ROOTFS sh -c "test -t 0; echo in \$? >&2; test -t 1; echo out \$? >&2; echo to the terminal" < /dev/null 2> file'
    equal $'in 1\nout 0' "$(cat file)"
    has "$(cat written)" $'to the terminal\r\n'
}

@test "100000 lines at once come out complete and in order" {
    on_host '$CAGE run $ROOTFS seq 100000'
    equal "$(seq 100000 | cksum)" "$(tr -d '\r' < written | grep -E '^[0-9]+$' | cksum)"
}

# ------------------------------------------------------------ in the background

@test "in the background it is not stopped, and its output arrives" {
    type_line '$CAGE run $ROOTFS sh -c "echo from behind; sleep 1000" &'
    wait_for 30 grep -q $'from behind\r' written
    hasnt "$(screen)" Stopped
    equal "$before" "$(modes)"
    type_line jobs
    sees 'Running'
}

# keyboard_until_fg: what is typed is for the shell of the host; and after fg for the
# container, whose command is $say_line.
say_line='sh -c "read line; echo got \$line"'
keyboard_until_fg() {
    type_line 'echo mine $((1 + 1))'
    sees 'mine 2'
    type_line fg
    wait_for 30 raw
    type_line 'for the container'
    sees 'got for the container'
}

@test "in the background, the keyboard stays the shell's; fg hands it over" {
    type_line "\$CAGE run \$ROOTFS $say_line &"
    wait_for 30 inner
    keyboard_until_fg
    # Now that one is raw, the other one has to put the CR there.
    until_prompt host
    was_written $'got for the container\r\n'
    hasnt "$(cat written)" $'got for the container\r\r'
    equal "$before" "$(modes)"
}

@test "a container that ends in the background leaves the keyboard with another" {
    type_line '$CAGE run $ROOTFS sleep 1 & background=$!'
    go_inside
    during=$(modes)
    wait_for 30 only_one
    equal "$during" "$(modes)"
    type_line 'echo alive $((1 + 1))'
    sees 'alive 2'
}

only_one() { [ "$(host_side | wc -l)" = 1 ]; }

@test "stopped by Ctrl-Z before it has the keyboard, fg goes on with it" {
    # With no terminal to read from, Ctrl-Z is the host's.
    type_line '$CAGE run $ROOTFS sh -c "trap \"exit 7\" INT; while :; do sleep 0.1; done" < /dev/null'
    wait_for 30 inner
    pid=$(host_side)
    type_key C-z
    sees Stopped
    until_prompt host
    type_line fg
    wait_for 30 goes_on "$pid"
    type_key C-c
    until_prompt host
    type_line 'echo status $?'
    sees 'status 7'
}

@test "stopped by SIGSTOP, it goes on in the background, and fg gives it the keyboard" {
    type_line "\$CAGE run \$ROOTFS $say_line"
    wait_for 30 raw
    kill -STOP "$(host_side)"
    until_prompt host
    type_line bg
    until_prompt host
    # A key for the shell is no reason to end.
    keyboard_until_fg
    until_prompt host
    type_line 'echo status $?'
    sees 'status 0'
    equal "$before" "$(modes)"
}

# --------------------------------------------------------------- in a pipeline

@test "Ctrl-C also reaches a container that reads from a pipe" {
    type_line 'sleep 1000 | $CAGE run $ROOTFS sleep 1001'
    wait_for 30 inner
    type_key C-c
    until_prompt host
    type_line 'echo status $?'
    sees 'status 130'
}

@test "Ctrl-C reaches all that runs in the foreground, as on any terminal" {
    # The shell here only waits: it is sleep that must be ended.
    for stdin in '<&0' '< /dev/null'; do
        type_line "clear; \$CAGE run \$ROOTFS sh -c 'trap : INT; sleep 1000; echo after \$?' $stdin"
        wait_for 30 asleep
        type_key C-c
        sees 'after 130'
        until_prompt host
    done
}

@test "at the head of a pipeline it does not disturb the terminal of the others" {
    on_host '$CAGE run $ROOTFS sh -c "seq 1000 1003; sleep 0.3" | cat'
    for line in 1000 1001 1002 1003; do has "$(cat written)" "$line"$'\r\n'; done
    on_host '$CAGE run $ROOTFS sh -c "seq 2000 2003; sleep 0.3" | $CAGE run $ROOTFS cat'
    for line in 2000 2001 2002 2003; do has "$(cat written)" "$line"$'\r\n'; done
}

@test "cage run ... | less: the keyboard is for less" {
    need less
    # It goes on while less runs, as a long listing does.
    type_line 'clear; $CAGE run $ROOTFS sh -c "seq 1000 1999; exec sleep 1000" | less'
    sees $'1000\n1001*1022'
    for page in 1023 1046 1069 1092; do
        type_key Space
        sees "$page"$'\n'
    done
    type_key q
    type_key C-c
    until_prompt host
}

@test "in a pipeline the command does not get the terminal of the host" {
    # It could read what is typed, and even in the background: job control does
    # not hold for a process of another session.
    type='stat -Lc "device %d" /proc/self/fd/0'
    on_host "\$CAGE run \$ROOTFS $type | cat > file"
    hasnt "$(cat file)" "device $(stat -c %d "$TTY")"
    on_host "\$CAGE run --without=tty \$ROOTFS $type | cat > file"
    equal "device $(stat -c %d "$TTY")" "$(cat file)"
    on_host '$CAGE run $ROOTFS stty -echo | cat'
    equal "$before" "$(modes)"
}

@test "what is typed goes into a file: cage run rootfs cat > file" {
    type_line '$CAGE run $ROOTFS cat > file'
    wait_for 30 raw
    type_line 'a line'
    type_key C-d
    until_prompt host
    equal 'a line' "$(cat file)"
    equal 7 "$(wc -c < file)"
}

# lines_on_non_blocking: how many lines of 20,000 arrive on such a terminal.
lines_on_non_blocking() {
    "$BATS_TEST_TMPDIR/non-blocking" "$CAGE" run "$ROOTFS" seq 100001 120000 | grep -c '^1'
}

@test "nothing is lost on a terminal that another program has made O_NONBLOCK" {
    need cc
    inside_has seq
    cc -Wall -o "$BATS_TEST_TMPDIR/non-blocking" "$REPO/tests/programs/non-blocking.c" -lutil
    equal 20000 "$(lines_on_non_blocking)"
    # Without poll(2) it is.
    mutant 's/^ *&& poll(&(struct pollfd){ c->terminal, POLLOUT, 0 }, 1, -1); done += n)/; done += n)/'
    [ "$(lines_on_non_blocking)" -lt 20000 ]
}

# ---------------------------------------------------------- the host's terminal

@test "/dev/tty inside is the container's terminal, or nothing, never the host's" {
    on_host '$CAGE run $ROOTFS sh -c "echo by /dev/tty > /dev/tty"'
    equal 0 "$STATUS"
    on_host '$CAGE run $ROOTFS sh -c "echo leaked > /dev/tty" < /dev/null > file 2>&1'
    hasnt "$(cat written)" $'leaked\r'
    [ "$STATUS" != 0 ]
    # What stops it are the new sessions, in init and in tty.
    on_host '$CAGE run --without=init,tty $ROOTFS sh -c "echo leaked > /dev/tty" < /dev/null > file 2>&1'
    has "$(cat written)" $'leaked\r'
}

# ------------------------------------------------------------------ both at once

@test "typing while output comes: both arrive" {
    type_line '$CAGE run $ROOTFS sh -c "read a; seq 30000; read b; echo; echo \$a \$b"'
    wait_for 30 raw
    type_line 'first'
    type_line 'second'
    until_prompt host
    has "$(screen)" $'\nfirst second'
}

@test "a paste of 100 kB arrives complete" {
    go_inside
    type_line 'stty -echo; clear; wc -c'
    wait_for 30 silent
    seq -w 1 20000 | head -c 102400 | tmux load-buffer -
    tmux paste-buffer
    type_key C-d C-d
    sees 102400
}

silent() { [ -z "$(screen)" ]; }

@test "a program that never reads does not stop the rest" {
    type_line '$CAGE run $ROOTFS sh -c "stty -echo; sleep 1; echo still here; sleep 1000"'
    wait_for 30 raw
    seq -w 1 20000 | head -c 102400 | tmux load-buffer -
    tmux paste-buffer
    sees $'\nstill here'
    host=$(host_side)
    kill -TERM "$host"
    wait_for 30 gone "$host"
}

# ------------------------------------------------- the terminal as it was before

# run_until_raw: start a container, and wait until it has the keyboard.
run_until_raw() {
    type_line '$CAGE run $ROOTFS sleep 1000; echo status $?'
    wait_for 30 raw
}

@test "while a container has the keyboard the terminal is raw, and then again as before" {
    type_line '$CAGE run $ROOTFS sh -c "read line; exit 5"; echo status $?'
    wait_for 30 raw
    type_line ''
    sees 'status 5'
    equal "$before" "$(modes)"
}

@test "modes that were set before are kept: no echo" {
    on_host 'stty -echo'
    before=$(modes)
    run_until_raw
    type_key C-c
    sees 'status 130'
    equal "$before" "$(modes)"
}

@test "the terminal is as before when the command crashes" {
    run_until_raw
    kill -SEGV "$(inner)"
    sees 'status 139'
    equal "$before" "$(modes)"
}

@test "the terminal is as before after kill -9 of the command" {
    run_until_raw
    kill -KILL "$(inner)"
    sees 'status 137'
    equal "$before" "$(modes)"
}

@test "the terminal is as before after kill -9 of PID 1" {
    run_until_raw
    kill -KILL "$(init)"
    sees 'status 137'
    equal "$before" "$(modes)"
}

@test "the terminal is as before when the host side gets TERM or HUP" {
    for signal in TERM HUP; do
        run_until_raw
        kill -"$signal" "$(host_side)"
        sees "status $((128 + $(kill -l "$signal")))"
        equal "$before" "$(modes)"
    done
}

@test "the terminal is as before when a late step fails" {
    on_host '$CAGE run -w /none $ROOTFS true'
    equal 125 "$STATUS"
    equal "$before" "$(modes)"
    on_host '$CAGE run $ROOTFS /none'
    equal 127 "$STATUS"
    equal "$before" "$(modes)"
}

@test "the terminal is as before when a limit kills the command" {
    root_only
    type_line '$CAGE run -m 20M $ROOTFS sh -c "read line; tail /dev/zero"; echo status $?'
    wait_for 30 raw
    type_line ''
    sees 'status 137'
    equal "$before" "$(modes)"
    was_written $'\ncage: killed: memory limit 20M reached\r\n'
}

# Whoever is killed by kill -9 cannot tidy up: the terminal stays raw, `stty
# sane` or `reset` helps.  But nobody stays behind to read from it.
@test "after kill -9 of the host side the container is gone" {
    # (That the terminal is gone tells it too, but by a signal one can ignore.)
    type_line '$CAGE run $ROOTFS sh -c "trap \"\" HUP; sleep 1000"'
    wait_for 30 raw
    pid_1=$(init) command=$(inner)
    kill -KILL "$(host_side)"
    wait_for 30 gone "$pid_1"
    wait_for 30 gone "$command"
    tmux send-keys 'stty sane' C-j
    type_line 'clear; echo alive $((1 + 1))'
    sees 'alive 2'
}
@test "when the window is closed the container ends" {
    run_until_raw
    host=$(host_side) pid_1=$(init) command=$(inner)
    tmux kill-server
    for pid in "$host" "$pid_1" "$command"; do wait_for 30 gone "$pid"; done
}

@test "where there are no jobs, as in su -c, the keys get in, and it ends with the window" {
    type_line "clear; setsid --wait \$CAGE run -e PS1='in> ' \$ROOTFS sh"
    until_prompt in
    type_line 'echo 1$((1 + 1))3'
    sees 123
    host=$(pgrep -P "$(pgrep -P "$SHELL_PID" -x setsid)")
    # Nobody sends it SIGHUP: it is in no session of this terminal.
    tmux kill-server
    wait_for 30 gone "$host"
}

@test "a command that outlives the window keeps nothing busy" {
    type_line '$CAGE run $ROOTFS sh -c "trap : HUP; while :; do sleep 1; done"'
    wait_for 30 raw
    host=$(host_side)
    tmux kill-server
    sleep 1
    ticks=$(awk '{ print $14 + $15 }' "/proc/$host/stat")
    kill -KILL "$host"
    [ "$ticks" -lt 30 ]
}

# --------------------------------------------------------------------- --step

@test "--step waits for Enter after each step, also after pivot and tty" {
    steps=$("$CAGE" steps | wc -l)
    type_line '$CAGE run --step $ROOTFS echo done'
    for n in $(seq $((steps - 1))); do          # exec, the last, does not end
        wait_for 30 asked "$n"
        hasnt "$(screen)" $'\ndone'
        type_key Enter
    done
    sees $'\ndone'
    asked $((steps - 1))
}
asked() { [ "$(grep -o '\[Enter\]' written | wc -l)" = "$1" ]; }
