# A real terminal to type on: tmux, without a window.  Load it after helper.
# Call open_terminal first, and close_terminal in teardown.

tmux() { command tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null "$@"; }

# open_terminal: 80 columns, 24 lines, and in it a shell of the host, which says
# "host> " when it waits.  Its pid is then in SHELL_PID, its device in TTY.
# Every byte that is written to the terminal goes to the file `written` as well.
open_terminal() {
    need tmux stty
    cd "$BATS_TEST_TMPDIR"
    tmux new-session -d -x 80 -y 24 "exec env PS1='host> ' PATH='$PATH' \
        CAGE='$CAGE' ROOTFS='$ROOTFS' bash --norc --noprofile --noediting -i"
    SHELL_PID=$(tmux display -p '#{pane_pid}')
    TTY=$(tmux display -p '#{pane_tty}')
    until_prompt host
    tmux pipe-pane 'cat > written'
}

# What runs in the background would outlive it.
close_terminal() {
    [ -n "${SHELL_PID-}" ] || return 0
    pkill -KILL -P "$SHELL_PID" || true
    tmux kill-server 2> /dev/null || true
}

# type_line TEXT: type it, and Enter.  type_key KEY: C-c, C-z, Escape, ...
type_line() { tmux send-keys -l "$1" && tmux send-keys Enter; }
type_key() { tmux send-keys "$@"; }

# screen: what can be seen of it.  sees PATTERN: wait until that can be seen.
# (What is typed can be seen as well, so let PATTERN be something else.)
screen() { tmux capture-pane -p | grep -v '^$'; }
screen_has() { [[ $(screen) == *$1* ]]; }
sees() { wait_for 30 screen_has "$1" || { screen >&2; return 1; }; }

# until_prompt NAME: wait until the shell that says "NAME> " waits for a line.
prompts() { [[ $(screen | tail -n 1) == *"$1>" ]]; }
until_prompt() { wait_for 30 prompts "$1" || { screen >&2; return 1; }; }

# on_host COMMAND: have the host's shell run it, wait until it has ended.  Its
# status is then in STATUS.
on_host() {
    rm -f ended
    type_line "$1; echo \$? > ended"
    wait_for 30 [ -s ended ] || { screen >&2; return 1; }
    until_prompt host
    wait_for 30 caught_up
    STATUS=$(cat ended)
}

# The file `written` is written by another process, and may be a little late.
caught_up() { [ "$(tail -c 6 written)" = "host> " ]; }
was_written() { wait_for 30 written_has "$1" || { cat -v written >&2; return 1; }; }
written_has() { [[ $(cat written) == *"$1"* ]]; }

# go_inside [OPTION]...: open a shell in a container; it says "in> ".
go_inside() {
    type_line "clear; \$CAGE run -e PS1='in> ' $* \$ROOTFS sh"
    until_prompt in
}

# modes: how the terminal is set: echo, signals, ... as one word.
modes() { stty -g -F "$TTY"; }

# The three processes of the cage that runs in this terminal.
host_side() { pgrep -P "$SHELL_PID" -x "$(basename "$CAGE")|cage: [0-9]+"; }
init() { pgrep -P "$(host_side)"; }
inner() { pgrep -P "$(init)"; }
