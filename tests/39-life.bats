# Living with a container: exec, ps, show, stop, pause, resume, and limits that
# are changed while it runs.  (Pods and layers: 43-pods.bats.)
# shellcheck disable=SC2016 # what stands in '' is for the shell inside
bats_require_minimum_version 1.5.0
load helper
load helper-machine
load helper-programs
load helper-steps
load helper-terminal
load helper-life

# --------------------------------------------------------------------- exec

# namespaces_of PID: its eight, as text.
namespaces_of() {
    local kind
    for kind in cgroup ipc mnt net pid time user uts; do
        echo "$kind $(readlink "/proc/$1/ns/$kind")"
    done
}
root_of() { stat -L -c %d:%i "/proc/$1/root"; }

@test "exec: it is in all eight namespaces, the cgroup and the root of the container" {
    launch one sleep 60
    join_in "$name" sleep 50
    equal "$(namespaces_of "$command")" "$(namespaces_of "$inner")"
    equal 8 "$(namespaces_of "$inner" | grep -c '\[')"
    equal 0 "$(namespaces_of "$inner" | grep -cFf <(namespaces_of self))"
    equal "$(cat "/proc/$command/cgroup")" "$(cat "/proc/$inner/cgroup")"
    equal "$(root_of "$command")" "$(root_of "$inner")"
    differ "$(root_of self)" "$(root_of "$inner")"
}

@test "exec: the command and what was exec'd see each other's processes and files" {
    launch one sh -c 'echo hello > /tmp/greeting; exec sleep 60'
    run cage exec "$name" ps
    has "$output" "sleep 60"
    equal hello "$(cage exec "$name" cat /tmp/greeting)"
    cage exec "$name" touch /tmp/answer
    [ -e "/proc/$command/root/tmp/answer" ]
    equal 0 "$(cage exec "$name" sh -c 'kill -0 2; echo $?')"
}

@test "exec: it counts for the limits of the container" {
    need_cgroup
    launch one --pids=10 sleep 60
    join_in "$name" sleep 50
    equal "$(group_of "$command" pids)" "$(group_of "$inner" pids)"
    has "$(group_of "$inner" pids)" "/cage.$name"
    run cage exec "$name" sh -c 'for i in $(seq 20); do sleep 5 & done; wait'
    [ "$status" != 0 ]
    has "$output" fork
}

@test "exec: it has the rights of the command, no more" {
    rights='/^(Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp|Seccomp_filters|Sig(Ign|Blk)):/'
    users=(0)
    [ "$(id -u)" != 0 ] || users+=(1000)
    for user in "${users[@]}"; do
        launch "$user" -u"$user" sleep 60
        of_command=$(awk "$rights" "/proc/$command/status")
        join_in -u "$user" "$name" sleep 50
        equal "$of_command" "$(awk "$rights" "/proc/$inner/status")"
        has "$of_command" "NoNewPrivs:	1"
        has "$of_command" "Seccomp:	2"
        kill "$joiner"
        ended "$joiner" 143
    done
}

@test "exec: the filter refuses what it refuses the command" {
    program denied
    launch one sleep 60
    equal "$(inside /denied)" "$(cage exec "$name" /denied)"
    differ "$(inside --without=seccomp /denied)" "$(cage exec "$name" /denied)"
}

@test "exec: without the steps caps, nnp and seccomp it would have other rights" {
    launch one sleep 60
    rights='/^(Cap(Eff|Bnd)|NoNewPrivs|Seccomp):/ { print $2 }'
    equal "00000000000004fb 00000000000004fb 1 2" \
        "$(cage exec "$name" awk "$rights" /proc/self/status | xargs)"
    for step in caps nnp seccomp; do
        mutant "/^static _Noreturn void give_up_rights/,/^}/ s/DO(c, $step);//"
        differ "00000000000004fb 00000000000004fb 1 2" \
            "$("$CAGE" exec "$name" awk "$rights" /proc/self/status 2>&1 | xargs)"
        CAGE=$original
    done
}

@test "exec: the environment is clean, the umask 022, no file of ours is open" {
    launch one sleep 60
    equal "HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=vt100" \
        "$(TERM=vt100 SECRET=x cage exec "$name" env | sort | xargs)"
    equal 0022 "$(umask 077; cage exec "$name" sh -c umask)"
    equal "0 1 2" "$(cage exec "$name" sh -c 'cd /proc/self/fd; echo [0-2] [4-9]*' \
        5< /etc/passwd 3>&- | sed 's/ \[.*//')"
}

@test "exec: -e, -w and -u are as in run" {
    launch one sh -c 'mkdir /tmp/here; exec sleep 60'
    wait_for 5 [ -d "/proc/$command/root/tmp/here" ]
    equal "a b /tmp/here" "$(cage exec -e "A=a b" -w /tmp/here "$name" sh -c 'echo $A $PWD')"
    equal "/tmp/here" "$(cage exec --workdir /tmp/here --env X=1 "$name" pwd)"
    equal / "$(cage exec "$name" pwd)"
    run cage exec -w /none "$name" pwd
    refused 'cage: fds: --workdir: chdir("/none"): No such file or directory'
    if [ "$(id -u)" = 0 ]; then
        equal "1000 1001" "$(cage exec -u 1000:1001 "$name" sh -c 'id -u; id -g' | xargs)"
    fi
    for option in -m64M --read-only --net=host --without=pid -v/tmp:/mnt -nx --join=x; do
        run cage exec "$option" "$name" echo "it runs"
        refused "exec: knows only --env, --workdir and --user"
    done
}

@test "exec: pipes: all arrives, in both directions, and what is no pipe as well" {
    launch one sleep 60
    head -c 3000000 /dev/urandom > "$BATS_TEST_TMPDIR/in"
    cage exec "$name" cat < "$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/in"
    cat "$BATS_TEST_TMPDIR/in" | cage exec "$name" cat /dev/stdin > "$BATS_TEST_TMPDIR/out"
    cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
    equal "out" "$(cage exec "$name" sh -c 'echo out; echo err >&2' 2> "$BATS_TEST_TMPDIR/err")"
    equal "err" "$(cat "$BATS_TEST_TMPDIR/err")"
    # It takes nothing of what is for the next command.
    equal "a b c" "$(printf '%s\n' a b c | while read -r line; do
        cage exec "$name" echo "$line" < /dev/null; done | xargs)"
}

@test "exec: the exit status is that of the command" {
    launch one sleep 60
    run cage exec "$name" sh -c 'exit 7'
    equal 7 "$status"
    run cage exec "$name" sh -c 'kill -9 $$'
    equal 137 "$status"
    run -127 cage exec "$name" no-such-command
    has "$output" 'cage: exec: execve("no-such-command"): No such file'
    run -126 cage exec "$name" /etc/passwd
    has "$output" 'cage: exec: execve("/etc/passwd"): Permission denied'
    ! is_gone "$command"
}

@test "exec: a signal to cage is for the command; kill -9 ends the command as well" {
    launch one sleep 60
    join_in "$name" sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'
    wait_for 5 grep -q ready "$BATS_TEST_TMPDIR/joined"
    kill "$joiner"
    ended "$joiner" 9
    join_in "$name" sleep 50
    kill -9 "$joiner"
    wait_for 5 is_gone "$inner"
    joiner=
    ! is_gone "$command"
}

@test "exec: with the container ends what was exec'd in it" {
    launch one sleep 60
    join_in "$name" sleep 50
    cage stop "$name"
    ended "$joiner" 137
    is_gone "$inner"
    equal "" "$(cat "$BATS_TEST_TMPDIR/joined")"
}

@test "exec: on a terminal there is one inside, with job control, and it is given back" {
    launch one sleep 60
    open_terminal
    modes=$(modes)
    type_line "clear; \$CAGE exec -e PS1='in> ' $name sh"
    until_prompt in
    hasnt "$(screen)" "job control turned off"
    type_line 'tty; stty size; sleep 1000'
    sees "/dev/pts/"
    sees "24 80"
    differ "$modes" "$(modes)"
    type_key C-c
    until_prompt in
    type_line 'echo status $?'
    sees "status 130"
    type_line 'exit 3'
    until_prompt host
    equal "$modes" "$(modes)"
    on_host "\$CAGE exec $name sh -c 'exit 4'"
    equal 4 "$STATUS"
    # Two at once, each has its own.
    on_host "\$CAGE exec $name tty > first; \$CAGE exec $name sh -c 'test -t 0 && ! test -t 1' | cat"
    close_terminal
}

# -------------------------------------------- exec: nothing inside gets out by it

# slow_exec [SED-SCRIPT]: a cage whose exec waits before each of its last steps;
# it can be looked at then.
slow_exec() {
    mutant "/^static _Noreturn void exec_side/,/^}/ s/give_up_rights(c);/usleep(300000); &/
        /^static _Noreturn void give_up_rights/,/^}/ s/^    DO(c,/    usleep(50000); &/
        ${1-}"
}

# spied: what a program inside has seen of those who came in: pieces of their
# environment, the program they run, the files they have open.
spy='touch /tmp/ready
    while [ ! -e /tmp/end ]; do
        for p in /proc/[0-9]*; do
            case $p in /proc/1 | /proc/$$) continue ;; esac
            grep -qs HOST_SECRET $p/environ && echo "sees environ"
            case $(readlink $p/exe) in "" | */busybox) ;; *) echo "sees exe" ;; esac
            for fd in $p/fd/*; do case $(readlink $fd) in *pidfd*) echo "sees fd" ;; esac; done
            [ "$(readlink $p/cwd)" ] && ls $p/cwd/../tests/helper.bash && echo "sees cwd"
        done
    done 2> /dev/null'
spied() {
    launch one --hostname=spied sh -c "$spy"
    wait_for 5 [ -e "/proc/$command/root/tmp/ready" ]
    for _ in 1 2 3; do
        HOST_SECRET=1 "$CAGE" exec "$name" true
    done
    HOST_SECRET=1 "$CAGE" exec "$name" touch /tmp/end
    ended "$host" 0
    sort -u "$output_file"
}

@test "exec: a program inside cannot look into the cage that comes in" {
    slow_exec
    equal "" "$(spied)"
}

@test "exec: were it not for PR_SET_DUMPABLE it could" {
    slow_exec '/^static _Noreturn void exec_side/,/^}/ s/TRY(prctl(PR_SET_DUMPABLE, 0));//'
    seen=$(spied)
    has "$seen" "sees environ"
    has "$seen" "sees exe"
    has "$seen" "sees fd"
}

@test "exec: nor can it at full speed, in 200 tries" {
    program peep
    launch one sh -c 'exec /peep /tmp/end'
    for _ in $(seq 200); do HOST_SECRET=1 "$CAGE" exec "$name" /bin/true; done
    HOST_SECRET=1 cage exec "$name" touch /tmp/end
    ended "$host" 0
    # It did look, at some of those who came in.
    has "$(cat "$output_file")" "looked at"
    hasnt "$(cat "$output_file")" "sees"
}

# ----------------------------------------------------------- exec: what goes wrong

@test "exec: a name that does not run is refused" {
    for no_such in "$base.none" "" .. / a/b "x y" "$(printf 'n%.0s' {1..90})"; do
        run cage exec "$no_such" true
        refused "no container of this name is running"
    done
    run cage exec
    refused "exec: NAME or COMMAND is missing"
    run cage exec "$base.none"
    refused "exec: NAME or COMMAND is missing"
}

@test "exec: one that has just been started in the background is waited for" {
    for i in $(seq 10); do
        begin "$i" sleep 60
        equal fine "$(cage exec "$name" echo fine)"
    done
    # Also if that takes some time.
    begin slow --net='test $CAGE_EVENT = down || sleep 1' sleep 60
    equal fine "$(cage exec "$name" echo fine)"
}

@test "exec: a container that ends while it is joined is refused, wherever exec is" {
    for place in '/^static void open_other/,/^}/ s/^    pid_t pid = /raise(SIGSTOP);\n&/' \
        '/^static int run(/,/^}/ s/^    struct clone_args/raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void child_side/,/^}/ s/^    if (c->pod_namespaces)/raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void exec_side/,/^}/ s/^    TRY(fchdir/raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void exec_side/,/^}/ s/^    next_process/raise(SIGSTOP);\n&/'; do
        CAGE=$original
        launch "$((++n))" sleep 60
        mutant "$place"
        "$CAGE" exec "$name" echo "it runs" > "$BATS_TEST_TMPDIR/joined" 2>&1 3>&- &
        joiner=$!
        wait_for 5 stands_still
        cage stop "$name"
        # Once it is in the cgroup or the PID namespace, it is killed with it.
        is_gone "$stopped" || kill -CONT "$stopped"
        wait_for 15 is_gone "$joiner"
        status=0
        wait "$joiner" || status=$?
        output=$(cat "$BATS_TEST_TMPDIR/joined")
        if [ "$n$status" != 1137 ] && [ "$n$status" != 2137 ] && [ "$status" = 137 ]; then
            equal "" "$output"
        else
            refused "cage: "
            has "$output" "ended"
        fi
        joiner=
    done
}
# Which of the two that a cage exec is at first stands still?
stands_still() {
    stopped=
    for pid in "$joiner" $(pgrep -P "$joiner"); do
        ! grep -q '^State:.T' "/proc/$pid/status" || stopped=$pid
    done
    [ -n "$stopped" ]
}

@test "exec: 60 containers that end while they are joined: never a riddle" {
    for i in $(seq 60); do
        begin "$i" sleep "0.0$((i % 10))"
        status=0
        output=$(cage exec "$name" echo "it ran" 2>&1) || status=$?
        case $status in
            0) equal "it ran" "$output" ;;
            137) [[ $output = "it ran" || $output = "" ]] ;;
            125) refused "cage: "
                [[ $output = *"no container of this name is running" || $output = *ended* ]] ||
                    { echo "$output"; false; } ;;
            *) echo "$status: $output"; false ;;
        esac
        wait "$host"
    done
}

@test "exec: into a paused container is refused, and after resume it goes" {
    need_cgroup
    launch one sleep 60
    cage pause "$name"
    run cage exec "$name" true
    refused "cage: $name is paused (see cage resume)"
    cage resume "$name"
    equal fine "$(cage exec "$name" echo fine)"
}

@test "exec: into containers with a step left out" {
    steps=(pid init pivot cgroup cgroupns mount uts ipc time proc dev nnp)
    [ "$(id -u)" != 0 ] || steps+=(user)
    for step in "${steps[@]}"; do
        begin "$step" --hostname=of-$step --without="$step" \
            sh -c 'echo here > /tmp/greeting; cat > /dev/null; exec sleep 60'
        # Which is seen by the namespaces, and by the files.
        wait_for 10 listed "$name"
        command=$(column "$name" 2)
        wait_for 5 [ -e "/proc/$command/root/tmp/greeting" ]
        equal here "$(cage exec "$name" cat /tmp/greeting)" || { echo "without $step"; return 1; }
        join_in "$name" sleep 50
        equal "$step $(namespaces_of "$command")" "$step $(namespaces_of "$inner")"
        kill "$joiner"
        ended "$joiner" 143
        joiner=
    done
}
