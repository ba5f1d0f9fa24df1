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
    lives "$command"
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
    lives "$command"
}

@test "exec: INT, as from a keyboard, reaches all of the command's group" {
    launch one sleep 60
    # The shell here only waits: it is sleep that must be ended.
    join_in "$name" sh -c 'sleep 50; echo $?'
    kill -INT "$joiner"
    ended "$joiner" 130
    lives "$command"
    hasnt "$(cage exec "$name" ps)" "sleep 5"
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
    type_line 'tty; stty size; sleep 1001'
    sees "/dev/pts/"
    sees "24 80"
    # Between two commands Ctrl-C would be for the shell.
    wait_for 30 pgrep -xf "sleep 1001"
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

# slow_exec [SED-SCRIPT...]: a cage whose exec waits before each of its last steps;
# it can be looked at then.
slow_exec() {
    mutant "/^static _Noreturn void exec_side/,/^}/ s/give_up_rights(c);/usleep(300000); &/" \
        "/^static _Noreturn void give_up_rights/,/^}/ s/^    DO(c,/    usleep(50000); &/" \
        "$@"
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
    # With the file ends the container, perhaps before touch has.
    HOST_SECRET=1 "$CAGE" exec "$name" touch /tmp/end || true
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
    # On a busy machine it may not have its turn at the right moment: then go on.
    for try in $(seq 2000); do
        HOST_SECRET=1 "$CAGE" exec "$name" /bin/true
        [ "$try" -lt 200 ] || ! grep -q "looked at" "$output_file" || break
    done
    cage exec "$name" touch /tmp/end || true
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
    refused "NAME or COMMAND is missing"
    run cage exec "$base.none"
    refused "NAME or COMMAND is missing"
}

# What the host side leaves behind it may have to adopt, as PID 1 of a namespace: then
# PID 1 of the container is not its youngest child.
@test "ps, exec and stop find the container, whatever other children its host side has" {
    cat > "$BATS_TEST_TMPDIR/adopts" <<'EOF'
mount -t proc proc /proc
(until "$CAGE" ps | grep -q '^one '; do sleep 0.05; done
 "$CAGE" ps; "$CAGE" exec one hostname; "$CAGE" stop one) &
exec "$CAGE" run -n one --net '[ $CAGE_EVENT = down ] || (setsid sleep 3600 &)' "$ROOTFS" sleep 60
EOF
    export CAGE ROOTFS
    root=--map-root-user
    [ "$(id -u)" != 0 ] || root=
    # shellcheck disable=SC2086 # nothing, or one word
    run timeout 30 unshare $root --mount --pid --fork --kill-child \
        sh "$BATS_TEST_TMPDIR/adopts"
    equal 143 "$status"
    has "$output" "sleep 60"
    hasnt "$output" "sleep 3600"
    has "$output" $'\ncage'
}

# `exec cage` in a shell hands it the children that the shell had.
@test "children that the caller had do not end the container" {
    equal "the end" "$(sh -c '(sleep 0.2; exit 7) & exec "$@"' sh \
        "$CAGE" run "$ROOTFS" sh -c 'sleep 1; echo the end')"
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
    for place in '/^static void open_other/,/^}/ s/^    pid_t pid = /if (c->exec) raise(SIGSTOP);\n&/' \
        '/^static int run(/,/^}/ s/^    struct clone_args/if (c->exec) raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void child_side/,/^}/ s/^    if (c->pod_namespaces)/if (c->exec) raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void exec_side/,/^}/ s/^    TRY(fchdir/if (c->exec) raise(SIGSTOP);\n&/' \
        '/^static _Noreturn void exec_side/,/^}/ s/^    next_process/if (c->exec) raise(SIGSTOP);\n&/'; do
        mutant "$place"
        launch "$((++n))" sleep 60
        "$CAGE" exec "$name" echo "it runs" > "$BATS_TEST_TMPDIR/joined" 2>&1 3>&- &
        joiner=$!
        wait_for 5 stands_still
        cage stop "$name"
        # Once it is on its way in, it is killed with the container.
        kill -CONT "$stopped" 2> /dev/null || true
        wait_for 15 is_gone "$joiner"
        status=0
        wait "$joiner" || status=$?
        output=$(cat "$BATS_TEST_TMPDIR/joined")
        refused "cage: "
        has "$output" "ended"
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

@test "exec: a container that ends just when it has been found: the reason is said" {
    need strace
    launch one sleep 60
    for nth in 1 2; do
        run strace -qq -o /dev/null -e trace=pidfd_open \
            -e inject=pidfd_open:error=ESRCH:when=$nth "$CAGE" exec "$name" true
        equal 125 "$status"
        has "$output" "cage: pidfd_open(*): No such process*hint: the container has ended"
    done
}

@test "exec: 60 containers that end while they are joined: never a riddle" {
    they_end_while_joined 60 cage exec
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
    local steps=(pid init pivot cgroup cgroupns mount uts ipc "time" proc dev nnp)
    [ "$(id -u)" != 0 ] || steps+=(user)
    for step in "${steps[@]}"; do
        begin "$step" --hostname=of-$step --without="$step" \
            sh -c 'trap exit TERM; echo here > /tmp/greeting; while sleep 0.05; do :; done'
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
        cage stop "$name"
        ended "$host" 0
    done
}

# ------------------------------------------------------------------------- ps

# seconds PID: for how long that process has been running, at this moment.
seconds() {
    local start
    start=$(sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20)
    awk -v start="$start" -v hz="$(getconf CLK_TCK)" \
        '{ printf "%.0f\n", $1 - start / hz }' /proc/uptime
}

@test "ps: a line for each container: name, pid, uptime, processes, command" {
    launch one sleep 60 ; one=$command
    launch two sh -c 'sleep 60; :'; two=$command
    wait_for 5 pgrep -P "$two" -x sleep
    run cage ps
    equal "NAME PID UP MEMORY CPU PROCS COMMAND" "$(words <<< "${lines[0]}")"
    line=$(grep "^$base.one " <<< "$output" | words)
    has "$line" "$base.one $one "
    has "$line" " 2 sleep 60"
    line=$(grep "^$base.two " <<< "$output" | words)
    has "$line" "$base.two $two "
    has "$line" " 3 sh -c sleep 60; :"
    equal 2 "$(grep -c "^$base" <<< "$output")"
    cage stop "$base.one"
    unlisted "$base.one"
    listed "$base.two"
}

@test "ps: what exec has brought in is one process more, where there is a cgroup" {
    need_cgroup
    launch one sleep 60
    equal 2 "$(column "$name" 6)"
    join_in "$name" sleep 50
    equal 3 "$(column "$name" 6)"
}

@test "ps: for how long it has been running" {
    # Also if the command has a name that looks like the numbers in /proc/PID/stat.
    layer=$BATS_TEST_TMPDIR/top
    mkdir "$layer"
    chmod 755 "$layer"
    [ -x "$ROOTFS/bin/busybox" ] || skip "the rootfs is not made from busybox"
    cp "$ROOTFS/bin/busybox" "$layer/busybox) 1 2"
    ROOTFS=$layer:$ROOTFS
    # Without the step time, uptime(1) says inside what it says outside.
    begin one --without=init,time "/busybox) 1 2" sleep 60
    wait_for 10 listed "$name"
    command=$(column "$name" 2)
    sleep 1.2
    early=$(seconds "$command")
    up=$(column "$name" 3)
    late=$(seconds "$command")
    [ "$early" -ge 1 ]
    [ "${up%s}" -ge "$early" ]
    [ "${up%s}" -le $((late + 1)) ]
    # As PID 1 a sleep does not hear TERM.
    kill -9 "$host"
    wait "$host" 2> /dev/null || true
}

@test "ps: memory and processor time, or - if nobody counts" {
    launch one --without=cgroup sleep 60
    equal "- -" "$(column "$name" 4) $(column "$name" 5)"
    need_cgroup
    launch two -m64M sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done
        x=$(head -c 8000000 /dev/zero | tr "\0" x); echo done; while :; do sleep 60; done'
    wait_for 80 grep -q done "$output_file"
    [[ $(column "$name" 4) =~ ^([0-9]+)\.[0-9]M$ ]]
    [ "${BASH_REMATCH[1]}" -ge 7 ]
    [ "${BASH_REMATCH[1]}" -lt 64 ]
    [[ $(column "$name" 5) =~ ^[0-9]+\.[0-9][0-9]s$ ]]
    differ "0.00s" "$(column "$name" 5)"
}

@test "ps: another user's containers are shown to root only, as UID/NAME" {
    stranger
    name=$base.theirs
    "${as_stranger[@]}" "$STRANGER/cage" run --name="$name" "$STRANGER/rootfs" sleep 60 3>&- &
    hosts+=($!)
    wait_for 10 listed "54322/$name"
    launch mine sleep 60
    run "${as_stranger[@]}" "$STRANGER/cage" ps
    has "$output" "$base.theirs "
    hasnt "$output" "$base.mine"
    run cage exec "54322/$base.theirs" true
    refused "only its own user may do this"
    run cage run --join "54322/$base.theirs" "$ROOTFS" true
    refused "only its own user may do this"
    run "${as_stranger[@]}" "$STRANGER/cage" exec "$base.mine" true
    refused "no container of this name is running"
    run "${as_stranger[@]}" "$STRANGER/cage" stop "0/$base.mine"
    refused "only its own user may do this"
    has "$(cage show "54322/$base.theirs")" "54322/$base.theirs"
    cage stop "54322/$base.theirs"
    unlisted "54322/$base.theirs"
    lives "$command"
}

@test "ps: a stranger who takes a name of ours is not believed" {
    mutant 's/\*id = text("%u\/%s", getuid(), c->name)/*id = text("0\/%s", c->name)/'
    stranger "$CAGE"
    CAGE=$original
    name=$base.false
    "${as_stranger[@]}" "$STRANGER/cage" run --name="$name" "$STRANGER/rootfs" sleep 60 3>&- &
    hosts+=($!)
    is_bound() { grep -q "00010000.*@cage/0/$name\$" /proc/net/unix; }
    wait_for 10 is_bound
    unlisted "$name"
    run cage exec "$name" true
    refused "cage: "
    run cage stop "$name"
    refused "cage: "
    kill "${hosts[0]}"
}

@test "ps: after kill -9 of the host side it is not shown, its name is free, its group goes" {
    launch one sleep 60
    listed "$name"
    [ "$(group_of "$command" none)" = "$(group_of self none)" ] || group=$(group_of "$command" none)
    kill -9 "$host"
    wait_for 5 is_gone "$command"
    unlisted "$name"
    run cage exec "$name" true
    refused "no container of this name is running"
    if may_make_groups; then
        [ -n "$group" ]
        group_goes() { inside true && [ ! -e "$group" ]; }
        wait_for 10 group_goes
    fi
    equal fine "$("$CAGE" run --name="$name" "$ROOTFS" echo fine)"
}

@test "ps and show: control characters of a command do not reach the terminal" {
    launch one sh -c 'sleep 60; :' $'\e[31mred\a\r\n\x9b1mline' $'\u202e'
    for call in ps "show $name"; do
        run cage $call
        has "$output" "[31mred 1mline"
        equal "" "$(tr -d '\n' <<< "$output" | LC_ALL=C tr -d '\040-\176')"
    done
    equal 1 "$(cage ps | grep -c red)"
}

@test "ps: a long command is cut off" {
    launch one sh -c 'sleep 60; :' "$(printf 'x%.0s' {1..5000})"
    line=$(cage ps | grep "^$name ")
    has "$line" xxxxx
    [ ${#line} -lt 200 ]
}

# ----------------------------------------------------------------------- show

# shown NAME FACT: own or shared, and the two sides of it, with single spaces.
shown() { "$CAGE" show "$1" | awk -v fact="$2" '$1 == fact' | words; }

@test "show: every namespace, own or shared, with its numbers on both sides" {
    launch one sleep 60
    launch two --without=uts,ipc --net=host sleep 60
    for kind in cgroup ipc mnt net pid user uts; do
        equal "ns/$kind own $(readlink /proc/self/ns/$kind) $(in_one=$base.one
            readlink "/proc/$(column "$in_one" 2)/ns/$kind")" "$(shown "$base.one" ns/$kind)"
    done
    equal "ns/time_for_children own $(readlink /proc/self/ns/time) \
$(readlink "/proc/$(column "$base.one" 2)/ns/time")" "$(shown "$base.one" ns/time_for_children)"
    for kind in uts ipc net; do
        here=$(readlink /proc/self/ns/$kind)
        equal "ns/$kind shared $here $here" "$(shown "$base.two" ns/$kind)"
    done
    has "$(shown "$base.two" ns/pid)" "ns/pid own"
}

@test "show: ids, rights and mounts of the command" {
    launch one sleep 60
    of_command() { awk -v key="$1:" '$1 == key { $1 = ""; print }' "/proc/$command/status" | words; }
    has "$(shown "$name" uid_map)" " $(words < "/proc/$command/uid_map")"
    for fact in Uid CapEff CapBnd NoNewPrivs Seccomp; do
        has "$(shown "$name" $fact)." "$(awk -v key="$fact:" \
            '$1 == key { $1 = ""; print }' /proc/self/status | words) $(of_command $fact)."
    done
    has "$(shown "$name" CapEff)" 00000000000004fb
    has "$(shown "$name" Seccomp)." " 2."
    has "$(shown "$name" NoNewPrivs)." " 1."
    has "$(shown "$name" mountinfo)" "$(wc -l < "/proc/$command/mountinfo") mounts (0 shared), / is overlay"
    launch two --without=caps,nnp sleep 60
    hasnt "$(shown "$name" CapEff)" 00000000000004fb
    equal "Seccomp shared 0 0" "$(shown "$name" Seccomp)"
}

@test "show: the path of its cgroup, its limits and what is used" {
    need_cgroup
    launch one -m64M --cpus=0.5 --pids=17 sleep 60
    run cage show "$name"
    dir=$(group_of "$command" none)
    equal "$dir" "$(grep "^$dir\$" <<< "$output")"
    [ -d "$dir" ]
    for limit in "memory.max $((64 << 20))" "cpu.max 50000*" "pids.max 17"; do
        path=$(limit "${limit% *}")
        [ -e "$path" ]
        has "$path" "/cage.$name/"
        has "$(grep "^$path " <<< "$output" | words)" "$path ${limit#* }"
        has "$(cat "$path")" "${limit#* }"
    done
    equal 2 "$(grep -E "/pids.current +2\$" <<< "$output" | awk '{ print $2 }')"
}

@test "show: without a cgroup it says so" {
    launch one --without=cgroup sleep 60
    has "$(cage show "$name")" "no cgroup of its own"
    equal "cgroup shared" "$(shown "$name" cgroup | cut -d' ' -f1,2)"
}

@test "show: its processes, with their numbers outside and inside" {
    launch one sh -c 'sleep 60 & sleep 61; :'
    wait_for 5 pgrep -P "$command" -f "sleep 61"
    run cage show "$name"
    list=$(sed '1,/outside inside/d' <<< "$output" | words)
    has "$list" "$host $init 1 cage: init $init $command 2 sh -c sleep 60 & sleep 61; :"
    for n in 60 61; do
        pid=$(pgrep -P "$command" -f "sleep $n")
        has "$list" "$(awk '/^NSpid/ { print $2, $3 }' "/proc/$pid/status") sleep $n"
    done
    equal 4 "$(sed '1,/outside inside/d' <<< "$output" | wc -l)"
}

# ----------------------------------------------------------------------- stop

@test "stop: TERM to the command, which decides; then nothing of it is left" {
    launch one sh -c 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'
    wait_for 5 grep -q ready "$output_file"
    group=$(group_of "$command" none)
    cage stop "$name"
    # When stop comes back, all is over.
    is_gone "$host"
    is_gone "$command"
    unlisted "$name"
    [ "${group##*/}" != "cage.$name" ] || [ ! -e "$group" ]
    ended "$host" 7
    launch two sleep 60
    cage stop "$name"
    ended "$host" 143
}

@test "stop: one that ignores TERM is killed after 10 seconds" {
    # And stop comes back only when the host side, too, has done its last work.
    launch one --net='test $CAGE_EVENT = up || sleep 0.5' \
        sh -c 'trap "" TERM; echo ready; while :; do sleep 0.05; done'
    wait_for 5 grep -q ready "$output_file"
    start=$SECONDS
    cage stop "$name"
    [ $((SECONDS - start)) -ge 9 ]
    is_gone "$host"
    ended "$host" 137
}

@test "stop twice: the second time there is none; two at once: both come back" {
    launch one sleep 60
    cage stop "$name"
    run cage stop "$name"
    refused "cage: $name: no container of this name is running"
    launch two sh -c 'trap "sleep 0.3; exit 7" TERM; echo ready; while :; do sleep 0.05; done'
    wait_for 5 grep -q ready "$output_file"
    "$CAGE" stop "$name" 3>&- & other=$!
    cage stop "$name"
    ended "$other" 0
    other=
    ended "$host" 7
}

@test "stop: of one whose host side was stopped, as by Ctrl-Z" {
    launch one sleep 60
    kill -STOP "$host"
    wait_for 5 grep -q '^State:.T' "/proc/$host/status"
    cage stop "$name"
    ended "$host" 143
}

@test "stop: of a paused one" {
    need_cgroup
    launch one sleep 60
    cage pause "$name"
    cage stop "$name"
    ended "$host" 143
}

@test "stop, pause, resume and show want one name of a container that runs" {
    for call in stop pause resume show; do
        run cage $call "$base.none"
        refused "cage: $base.none: no container of this name is running"
        run cage $call
        refused "$call: no such command, or wrong words"
        run cage $call a b
        refused "$call: no such command, or wrong words"
    done
    run cage ps a
    refused "ps: no such command, or wrong words"
}

# -------------------------------------------------------------- pause, resume

# size: how much the container has written until now.
size() { stat -c %s "$output_file"; }
grown() { [ "$(size)" -gt "$1" ]; }

@test "pause: nothing of it runs any more, until resume" {
    need_cgroup
    launch one sh -c 'while echo a; do sleep 0.01; done & while echo b; do sleep 0.01; done'
    join_in "$name" sh -c 'while echo c; do sleep 0.01; done'
    wait_for 5 grown 100
    cage pause "$name"
    equal "frozen 1" "$(grep frozen "$(group_of "$command" none)/cgroup.events")"
    paused="$(size) $(stat -c %s "$BATS_TEST_TMPDIR/joined")"
    sleep 0.3
    equal "$paused" "$(size) $(stat -c %s "$BATS_TEST_TMPDIR/joined")"
    # It is listed, and can be looked at.
    listed "$name"
    has "$(cage ps)" "  (paused) sh -c while echo a"
    has "$(cage show "$name")" "while echo a"
    cage pause "$name"
    cage resume "$name"
    hasnt "$(cage ps)" "[(]paused"
    equal "frozen 0" "$(grep frozen "$(group_of "$command" none)/cgroup.events")"
    wait_for 5 grown "${paused% *}"
    cage resume "$name"
    kill "$joiner"
    ended "$joiner" 143
    joiner=
}

@test "pause: one that forks without end is still stopped" {
    need_cgroup
    launch one --pids=60 sh -c 'for i in 1 2 3 4; do (while :; do /bin/true; done) & done
        while echo a; do /bin/true; done'
    wait_for 5 grown 20
    cage pause "$name"
    paused=$(size)
    usage() { grep usage "$(group_of "$command" none)/cpu.stat"; }
    used=$(usage)
    sleep 0.3
    equal "$paused" "$(size)"
    equal "$used" "$(usage)"
    cage resume "$name"
    wait_for 5 grown "$paused"
}

@test "pause: a paused one can be killed, and nothing is left" {
    need_cgroup
    launch one sleep 60
    cage pause "$name"
    kill -9 "$host"
    wait_for 5 is_gone "$command"
    unlisted "$name"
}

@test "pause and resume at the same time: neither waits for ever" {
    need_cgroup
    launch one sleep 60
    for _ in $(seq 10); do
        cage pause "$name" & pause=$!
        cage resume "$name"
        wait $pause
    done
    cage resume "$name"
    cage stop "$name"
}

@test "pause and resume: without a cgroup they say that it needs one" {
    launch one --without=cgroup sleep 60
    for call in pause resume; do
        run cage $call "$name"
        refused "cage: $name has no cgroup, and only a cgroup can be frozen"
    done
    if ! may_make_groups; then
        launch two sleep 60
        run cage pause "$name"
        refused "cage: $name has no cgroup, and only a cgroup can be frozen"
    fi
}

# --------------------------------------------- limits, changed while it runs

hog="$hog && echo took 40000000"

@test "limits: less memory, by the file that show prints" {
    need_cgroup
    launch one -m200M sleep 60
    equal "took 40000000" "$(cage exec "$name" sh -c "$hog")"
    echo 20M > "$(limit memory.max)"
    run cage exec "$name" sh -c "$hog"
    hasnt "$output" "took 40000000"
}

@test "limits: more memory, by the file that show prints" {
    need_cgroup
    launch one -m20M sleep 60
    echo 200M > "$(limit memory.max)"
    equal "took 40000000" "$(cage exec "$name" sh -c "$hog")"
}

# throttled: how often the container has been kept from running.
throttled() { awk '/^nr_throttled/ { print $2 }' "$(group_of "$command" cpu)/cpu.stat"; }
more_throttled() { [ "$(throttled)" -gt "$1" ]; }

@test "limits: less processor time, by the file that show prints" {
    need_cgroup
    launch one --cpus=64 sh -c 'while :; do :; done'
    sleep 0.3
    equal 0 "$(throttled)"
    echo 10000 > "$(limit cpu.max)"
    wait_for 10 more_throttled 2
    equal 10000 "$(cut -d' ' -f1 "$(limit cpu.max)")"
}

@test "limits: more processes, and fewer, by the file that show prints" {
    need_cgroup
    launch one --pids=10 sleep 60
    bomb='for i in $(seq 20); do sleep 0.5 & done; wait; echo done'
    run cage exec "$name" sh -c "$bomb"
    has "$output" fork
    echo 100 > "$(limit pids.max)"
    equal done "$(cage exec "$name" sh -c "$bomb")"
    echo 10 > "$(limit pids.max)"
    run cage exec "$name" sh -c "$bomb"
    has "$output" fork
}

@test "limits: memory.high slows down, and does not kill" {
    need_cgroup
    in_cgroup2 memory || skip "the controller memory belongs to version 1 here"
    launch one -m200M sleep 60
    dir=$(group_of "$command" memory)
    echo 20M > "$dir/memory.high"
    join_in "$name" sh -c "$hog"
    wait_for 20 grep -q '^high [1-9]' "$dir/memory.events"
    sleep 1
    lives "$joiner"
    has "$(cat "$dir/memory.events")" "oom_kill 0"
    echo max > "$dir/memory.high"
    ended "$joiner" 0
    joiner=
    equal "took 40000000" "$(cat "$BATS_TEST_TMPDIR/joined")"
}

# shares: of how much processor time the groups $one and $two have had.  Sets
# ratio, ten times that of the second to the first.
shares() {
    local from now
    used() { awk '/^usage_usec/ { print $2 }' "$one/cpu.stat" "$two/cpu.stat"; }
    mapfile -t from < <(used)
    # As long as it takes until the two have had 4 s together.
    enough() {
        mapfile -t now < <(used)
        [ $((now[0] + now[1] - from[0] - from[1])) -gt 4000000 ]
    }
    wait_for 60 enough
    ratio=$(((now[1] - from[1]) * 10 / (now[0] - from[0])))
    echo "ten times the ratio is $ratio"
}

@test "limits: cpu.weight shares a processor 1 to 3, and the other way round" {
    need_cgroup
    need taskset
    in_cgroup2 cpu || skip "the controller cpu belongs to version 1 here"
    # Both on one processor.
    through=(taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')")
    launch one --cgroup=cpu.weight=100 sh -c 'while :; do :; done'
    one=$(group_of "$command" cpu)
    launch two --cgroup=cpu.weight=300 sh -c 'while :; do :; done'
    two=$(group_of "$command" cpu)
    # Once more if the processor was busy with something else as well.
    three_times() { shares; [ $ratio -gt 20 ] && [ $ratio -lt 45 ]; }
    three_times || three_times || three_times
    echo 300 > "$one/cpu.weight"
    echo 100 > "$two/cpu.weight"
    a_third() { shares; [ $ratio -ge 2 ] && [ $ratio -lt 5 ]; }
    a_third || a_third || a_third
}

# ------------------------------------------------------------------- 50 at once

# all CALL: call cage for each of the 50, all at once; say what they print.
all() {
    local i pids=()
    for i in {1..50}; do
        "$CAGE" "$1" "$base.$i" "${@:2}" 2>&1 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || echo "status $?"; done
}

@test "50 containers: started, entered, paused, resumed and stopped, all at once" {
    for i in {1..50}; do begin "$i" sh -c 'while sleep 2; do :; done'; done
    equal 50 "$(all exec echo fine | grep -cx fine)"
    equal 50 "$(cage ps | grep -c "^$base\.[0-9]* .*while sleep 2")"
    equal 50 "$(all show | grep -c "1 *cage: init")"
    if may_make_groups; then
        equal "" "$(all pause)"
        frozen() {
            find "$OUTSIDE" -maxdepth 7 -path "*/cage.$base.*/cgroup.events" \
                -exec cat {} + | grep -c "frozen $1"
        }
        equal 50 "$(frozen 1)"
        equal 50 "$(all exec true | grep -c "is paused")"
        equal "" "$(all resume)"
        equal 50 "$(frozen 0)"
    fi
    equal "" "$(all stop)"
    for host in "${hosts[@]}"; do ended "$host" 143; done
    equal 0 "$(cage ps | grep -c "^$base")"
    equal "" "$(cat "$BATS_TEST_TMPDIR/$base."*)"
    machine_unchanged
}

@test "50 containers: kill -9 of all host sides; then all names are free" {
    for i in {1..50}; do begin "$i" sleep 60; done
    all exec true
    {   # Quietly: the shell would tell of each.
        kill -9 "${hosts[@]}"
        wait "${hosts[@]}" || true
    } 2> /dev/null
    free() { [ "$("$CAGE" ps | grep -c "^$base")" = 0 ]; }
    wait_for 10 free
    for i in {1..50}; do begin "$i" true; done
    for host in "${hosts[@]:50}"; do
        ended "$host" 0 || { cat "$BATS_TEST_TMPDIR/$base."*; false; }
    done
}
