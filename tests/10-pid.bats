# The step pid: process ids of its own, and the next process is PID 1.
load helper
load helper-steps

numbers='cd /proc; echo [0-9]*'

@test "inside there are PID 1, the command and its children, and no others" {
    equal "1 2" "$(inside sh -c "$numbers")"
    equal 2 "$(inside sh -c 'echo $$')"
    # PID 1 is cage, and has no parent that could be seen.
    has "$(inside cat /proc/1/comm)" cage
    equal 0 "$(inside sed -n 's/^PPid:[ \t]*//p' /proc/1/status)"
    equal 1 "$(inside sed -n 's/^PPid:[ \t]*//p' /proc/self/status)"
}

@test "ps shows the container and nothing else" {
    need_inside ps
    # A line of titles, PID 1, sh and ps.
    equal 4 "$(inside sh -c 'ps -e 2> /dev/null || ps; true' | wc -l)"
    [ "$(inside --without=pid sh -c 'ps -e 2> /dev/null || ps; true' | wc -l)" -gt 5 ]
}

@test "without pid it sees the processes of the host" {
    sleep 60 3>&- &
    other=$!
    has " $(inside --without=pid sh -c "$numbers") " " $other "
    equal "$(readlink /proc/$$/ns/pid)" "$(inside --without=pid readlink /proc/self/ns/pid)"
    differ "$(readlink /proc/$$/ns/pid)" "$(inside readlink /proc/self/ns/pid)"
}

@test "a process of the host has no number by which to call it" {
    without=pid
    [ "$(id -u)" != 0 ] || without=pid,user         # to be the same user
    sleep 60 3>&- &
    other=$!
    run inside kill "$other"
    has "$output" "No such process"
    kill -0 "$other"
    inside --without="$without" kill "$other"
    wait_for 30 is_gone "$other"
}

@test "PID 1 is a child of the host side, which is told how it ended" {
    start sh -c 'sleep 60; true'
    equal "$host" "$(awk '/^PPid/ { print $2 }' "/proc/$init/status")"
    equal 1 "$(awk '/^NSpid/ { print $NF }' "/proc/$init/status")"
    equal 2 "$(awk '/^NSpid/ { print $NF }' "/proc/$command/status")"
    run inside sh -c 'exit 42'
    equal 42 "$status"
}

# leave_behind SECONDS: shell commands that start a process which leaves its
# session, wait until it runs, and end.  SECONDS is to find it by.
leave_behind() {
    echo "setsid sh -c '> /dev/shm/ready; exec sleep $1' > /dev/null 2>&1 < /dev/null &
        until [ -e /dev/shm/ready ]; do sleep 0.02; done"
}

@test "when the command ends, whatever it has started ends too" {
    inside sh -c "sleep 61.$$ & $(leave_behind 61.$$)"
    equal "" "$(pgrep -f "sleep 61.$$")"
}

@test "without pid, what has left its session lives on" {
    inside --without=pid,cgroup sh -c "$(leave_behind 62.$$)"
    other=$(pgrep -f "sleep 62.$$")
    [ -n "$other" ]
}

@test "kill -9 of the host side takes every process of the container with it" {
    sleepers() { [ "$(pgrep -c -f "^sleep 63.$$")" = "$1" ]; }
    start sh -c "sleep 63.$$ & setsid sleep 63.$$ & setsid sh -c 'sleep 63.$$ & wait' & wait"
    wait_for 30 sleepers 3
    kill -9 "$host"
    wait_for 30 sleepers 0
    wait_for 30 is_gone "$init"
    wait_for 30 is_gone "$command"
}

@test "kill -9 of PID 1 ends the container, and the status says so" {
    start sh -c 'setsid sleep 60 & sleep 60; true'
    kill -9 "$init"
    status=0
    wait "$host" || status=$?
    host=
    equal 137 "$status"
    wait_for 30 is_gone "$command"
}

@test "kill -9 of the command ends the container, and the status says so" {
    start sleep 60
    kill -9 "$command"
    status=0
    wait "$host" || status=$?
    host=
    equal 137 "$status"
    wait_for 30 is_gone "$init"
}

@test "two containers do not see each other" {
    start sleep 60
    equal "1 2" "$(inside sh -c "$numbers")"
    hasnt "$(inside sh -c 'cat /proc/*/cmdline')" sleep
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused pid CLONE_NEWPID
}

@test "if there can be no process more, the error says which step wanted one" {
    need_strace
    run traced -o /dev/null -e trace=clone \
        -e inject=clone:error=EAGAIN:when=1 "$CAGE" run "$ROOTFS" true
    refused "cage: pid: "
    has "$output" "Resource temporarily unavailable"
}
