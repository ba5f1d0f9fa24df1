# Attacks on the host's processes, and on cage itself.  See files.bats.
#
#   case                                | succeeds without             | test
#   host processes                      | pid, user, caps, seccomp     | here
#   host processes, to kill one         | pid (root: user)             | 10-pid: a process of the host has no number
#   host name                           | uts, user, caps, seccomp     | here
#   shared memory and queues            | ipc                          | 07-ipc: without ipc they are
#   abstract socket (CVE-2020-15257)    | net                          | here
#   wait for a joiner (CVE-2016-9962)   | the not-dumpable line        | here
#   exec before the first command runs  | the waiting in find          | here
#   overwrite the tool (CVE-2019-5736)  | exec only by the same file; root: user | here
#   overwrite the tool, while it runs   | -                            | here
#   PID 1's environment                 | the not-dumpable line        | 23-init: if PID 1 were dumpable
#   environment, umask                  | exec's resets                | here
#   ignored and blocked signals         | exec's resets                | 25-exec: if they were not reset
#   signals, through exec               | exec's resets                | here
#   terminal injection                  | tty, seccomp                 | here
#   terminal injection, a bit too many (CVE-2019-10063) | seccomp      | 22-seccomp: nothing can be typed
#   the host's terminal                 | tty                          | 35-terminal: without tty the terminal inside
#   fork bomb                           | cgroup                       | 01-cgroup: a fork bomb is stopped
#   memory bomb                         | cgroup                       | 01-cgroup: who takes more memory
#   cpu hog                             | cgroup                       | 01-cgroup: a program that spins
#   fork bomb, through exec             | cgroup                       | here
#   a container that outlives its end   | pid                          | 10-pid: without pid, what has left
load ../helper
load ../helper-files
load ../helper-programs
load helper

@test "host processes" {
    attack reach.c
    sleeper
    run inside /reach "$victim"
    equal "kill: No such process
ptrace: No such process
pidfd_open: No such process" "$output"
    start
    run enter /reach "$victim"
    equal 3 "$(grep -c ': No such process$' <<< "$output")"
    end
    sleeper
    # With a number to call them by, it is the user namespace that stops it.
    run inside --without=pid,caps,seccomp /reach "$victim"
    has "$output" "ptrace: Operation not permitted"
    has "$output" "setns: Operation not permitted"
    # Without that, the host's processes are the container's.
    in_lab='sleep 100 & trap "kill $!" EXIT
        $cage run --without="$1" "$ROOTFS" /reach $!'
    run lab "$in_lab" pid,$no_user
    hasnt "$output" "setns: done"
    run lab "$in_lab" pid,$no_user,caps,seccomp
    equal "kill: done
ptrace: done
setns: done" "$output"
}

@test "host name" {
    run inside hostname other
    has "$output" "Operation not permitted"
    in_lab='hostname host; $cage run --without="$1" "$ROOTFS" hostname other 2>&1; hostname'
    equal host "$(lab "$in_lab" $no_user,caps,seccomp)"
    has "$(lab "$in_lab" uts,$no_user,seccomp)" host
    equal other "$(lab "$in_lab" uts,$no_user,caps,seccomp)"
    equal host "$(lab 'hostname host
        $cage run --name=a "$ROOTFS" sleep 30 & until grep -q "@cage/.*/a$" /proc/net/unix; do :; done
        $cage exec a hostname other 2> /dev/null; hostname; kill $!')"
}

@test "abstract socket (CVE-2020-15257)" {
    attack knock.c
    start               # cage has such a socket itself, and listens on it:
    socket=cage/$(id -u)/$name
    run inside /knock "$socket"
    has "$output" "Connection refused"
    run enter /knock "$socket"
    has "$output" "Connection refused"
    for option in --without=net --net=host; do
        equal connected "$(inside $option /knock "$socket")"
    done
    end
    start --net=host
    equal connected "$(enter /knock "$socket")"
}

# A newcomer that waits until it was looked at: not a hole, only time.
slow_newcomer='/^static void step_exec/,/^}/s/c->pod = KERNEL(/while (c->exec \&\& access("\/tmp\/looked", F_OK) == -1)\n        poll(NULL, 0, 10);\n    &/'

@test "wait for a joiner (CVE-2016-9962)" {
    attack joiner.sh
    # look: a newcomer arrives; what does the program inside find?
    look() {
        timeout -k 1 30 "$CAGE" run --name="$name" "$ROOTFS" /joiner.sh $$ > found 2>&1 3>&- &
        started+=($!)
        wait_for 30 runs "$name"
        SECRET=hunter2 enter true
        wait "${started[-1]}"
        cat found
    }
    mutant "$slow_newcomer"
    equal "open: nothing" "$(look)"
    mutant "$slow_newcomer" "/^static _Noreturn void exec_side/,/^}/s/TRY(prctl(PR_SET_DUMPABLE, 0));//"
    seen=$(look)
    has "$seen" "open: the host's /proc, and in it: $(cat /proc/$$/comm)"
    has "$seen" "its environment: readable"
}

# As long as the first command is not yet found in PATH it is a copy of cage, with the
# environment of the caller.  What `cage exec` starts may be the image's, and look into
# it; and the image can see to it that finding takes long (early.sh).
@test "exec before the first command runs" {
    layer top
    "$REPO/tests/attacks/early.sh" top
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    # early PATTERN: enter at once; again if what was seen does not have PATTERN.
    early() {
        for try in {1..10}; do
            SECRET=hunter2 "$CAGE" run --name="$name" --env=GIVEN=1 "$ROOTFS" sleep 300 \
                > /dev/null 2>&1 < /dev/null 3>&- &
            started+=($!)
            run enter cat
            end
            [[ $output != *$1* ]] || break
        done
    }
    for round in 1 2 3; do
        early GIVEN=1
        has "$output" GIVEN=1
        hasnt "$output" hunter2
    done
    # (In an emulated machine to find it does not take long, compared to all else.)
    mutant '/^static bool find(/,/^}/s/&& !(c->join && strstr(.*/;/' \
        's/^    execvp(c->command/    poll(NULL, 0, c->exec ? 0 : 2000);\n&/'
    early SECRET
    has "$output" SECRET=hunter2
}

# A cage that waits until it was looked at before it says: no such command.
slow_refusal='s/refuse(c, "%s: no such command/while (access("\/tmp\/looked", F_OK) == -1)\n            poll(NULL, 0, 10);\n        &/'

# overwritten CAGE [OPTION]...: a container is made by CAGE, and entered by $CAGE,
# with a command that is a trap.  Can $CAGE be written from inside?
overwritten() {
    local first=$1
    shift
    attack overwrite.sh
    printf '#!/proc/self/exe\n' > "$ATTACKS/tool"
    chmod 755 "$ATTACKS/tool"
    before=$(cksum < "$CAGE")
    rm -f found
    timeout -k 1 30 "$first" run --name="$name" "$@" "$ROOTFS" /overwrite.sh > found 2>&1 3>&- &
    started+=($!)
    wait_for 30 grep -q ready found
    enter /tool > said 2>&1 || :
    if grep -q "no such command" said; then wait "${started[-1]}" || :; fi
    end
    equal "$before" "$(cksum < "$CAGE")"
    # What the attacker says, or what cage said when it refused to go in.
    tail -n 1 found | grep "$CAGE" || cat said
}

@test "overwrite the tool, while it runs" {
    mutant "$slow_refusal"
    hasnt "$(overwritten "$CAGE")" "open for writing: $CAGE"
    # As long as the host side runs nobody can, not even the real root.
    [ "$(id -u)" != 0 ] ||
        hasnt "$(overwritten "$CAGE" --without=user)" "open for writing: $CAGE"
    # The processes of cage itself show nothing.
    for exe in 1/exe 1/root/ 1/fd/; do
        run inside sh -c "true < /proc/$exe"
        has "$output" "@(denied|directory)"
    done
}

# By another file, which nobody runs any more when the newcomer has ended: as when
# cage is built anew while the container runs.
@test "overwrite the tool (CVE-2019-5736)" {
    first=$CAGE
    mutant "$slow_refusal"
    hasnt "$(overwritten "$first")" "open for writing: $CAGE"
    without=()
    [ "$(id -u)" != 0 ] || without=(--without=user)
    mutant "$slow_refusal" 's/if (strcmp(fact(c, 0, "exe"), .*/if (0)/'
    equal "open for writing: $CAGE" "$(overwritten "$first" "${without[@]}")"
}

look='env; umask; awk "/^Sig(Ign|Blk)/ { print \$2 }" /proc/self/status'

@test "environment, umask" {
    export SECRET=hunter2
    for try in 1 2; do
        [ $try = 1 ] || start
        seen=$(umask 077
            if [ $try = 1 ]; then inside sh -c "$look"; else enter sh -c "$look"; fi)
        hasnt "$seen" hunter2
        has "$seen" 0022
    done
    end
    mutant '/^static void step_exec/,/^}/s/clearenv();//' \
        '/^static void step_exec/,/^}/s/umask(022);//'
    for try in 1 2; do
        [ $try = 1 ] || start
        seen=$(if [ $try = 1 ]; then inside sh -c "$look"; else enter sh -c "$look"; fi)
        has "$seen" hunter2
        has "$seen" 0000        # what cage itself sets, for the modes it makes
    done
}

@test "signals, through exec" {
    signals() { (trap '' USR1; enter awk '/^Sig(Ign|Blk)/ { print $2 }' /proc/self/status) | xargs; }
    start
    equal "0000000000000000 0000000000000000" "$(signals)"
    end
    mutant '/^static void step_exec/,/^}/s/[A-Za-z]*(\(SYS_\)*rt_sigaction, .*);/;/'
    start
    hasnt "$(signals)" "0000000000000000 0000000000000000"
}

# on_terminal COMMAND: a terminal on which COMMAND runs, and then a program of the
# host reads what waits to be read there.
on_terminal() {
    need script stty
    timeout -k 1 30 script -qec "$1; stty -icanon min 0 time 0; echo; echo \"host reads: \$(dd bs=1000 count=1 2> /dev/null)\"" \
        typescript < /dev/null > /dev/null || :
    # 4 is Ctrl-D: what script types at the end of its input.
    tr -d '\r\4' < typescript | sed -n 's/^host reads: *//p'
}

@test "terminal injection" {
    [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2> /dev/null || echo 1)" = 1 ] ||
        skip "this kernel lets nobody type into a terminal: dev.tty.legacy_tiocsti"
    attack type.c
    export name
    equal "" "$(on_terminal '"$CAGE" run "$ROOTFS" /type "rm -rf typed"')"
    # What is typed into a terminal of one's own is no danger.
    equal "" "$(on_terminal '"$CAGE" run --without=seccomp "$ROOTFS" /type "rm -rf typed"')"
    equal "" "$(on_terminal '"$CAGE" run --without=tty "$ROOTFS" /type "rm -rf typed"')"
    start
    equal "" "$(on_terminal '"$CAGE" exec "$name" /type "rm -rf typed"')"
    end
    # The kernel asks only whether it is one's controlling terminal; so the step
    # tty and the session of the step init are to be left out.
    mutant '/^static void step_init/,/^}/s/TRY(setsid());//'
    has "$(on_terminal '"$CAGE" run --without=tty,seccomp "$ROOTFS" /type "rm -rf typed"')" "rm -rf typed"
}

@test "fork bomb, through exec" {
    cage run --pids 20 "$ROOTFS" true 2> /dev/null || skip "no limits can be set here"
    bomb='for i in $(seq 40); do sleep 1 & done; wait'
    start --pids=20
    run enter sh -c "$bomb"
    [ "$status" != 0 ]
    has "$output" fork
    end
    start
    run enter sh -c "$bomb"
    equal 0 "$status"
}
