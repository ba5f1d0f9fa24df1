# Nothing is left behind, whoever of the three processes is killed, and whenever:
# no process, no mount, no name; and no cgroup once another cage has run.
# shellcheck disable=SC2086 # $SLEEP is two words
load helper

setup() {
    NAME=left-$$-$BATS_TEST_NUMBER      # and a number for each container
    COUNT=0
    SLEEP="sleep 10$$"          # a command that does not end, and is only ours
    BEFORE=()
    SEEN=()
    MOUNTS=$(cut -d' ' -f5- /proc/self/mountinfo)
}
teardown() {
    [ -z "${HOST-}" ] || kill -KILL "$HOST" 2> /dev/null || true
    pkill -KILL -x -f "$SLEEP" || true
}

# start [OPTION]... COMMAND...: a container in the background.  HOST is the pid
# of its host side.  All its processes but PID 1 hold the end of a pipe, of which
# $PIPE is the other end: there is nothing more to read when all are gone.
start() {
    COUNT=$((COUNT + 1))
    exec {PIPE}< <(
        options=()
        while [[ $1 == -* ]]; do options+=("$1"); shift; done
        exec "${BEFORE[@]}" "$CAGE" run --name="$NAME.$COUNT" "${options[@]}" \
            "${IMAGE:-$ROOTFS}" "$@" 2>&1
    )
    HOST=$!
}

# start_until STEP [OPTION]... COMMAND...: the same, as far as this step.
start_until() {
    local line step=$1
    shift
    start --explain "$@"
    while read -r line <&"$PIPE" && [[ $line != "$step "* ]]; do :; done
}

# The process on its way in, or PID 1; and the command.  (In the step pid the one
# takes over from the other, and pgrep may see both or, for a moment, none.)
init() { pgrep -P "$HOST" || { sleep 0.05; pgrep -P "$HOST"; }; }
inner() { pgrep -P "$(init | paste -sd,)"; }

# born PID: when that process began, which tells it from another of this number.
born() { sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d' ' -f20; }

# gone PID BORN: it is no more, or dead, and its parent has not noticed yet.
gone() {
    [ ! -e "/proc/$1" ] || [ "$(born "$1")" != "$2" ] ||
        grep -qs '^State:.Z' "/proc/$1/status"
}

# strike SIGNAL PID: note down all that are there, then send the signal.
strike() {
    local pid
    for pid in $HOST $(init) $(inner); do SEEN+=("$pid $(born "$pid")"); done
    kill -"$1" "$2"
}

# ends [STATUS]: all of it ends, and soon.  (STATUS can be a bash pattern.)
ends() {
    local status=0
    timeout 30 cat <&"$PIPE" > "$BATS_TEST_TMPDIR/said" ||
        { echo "processes are left"; return 1; }
    exec {PIPE}<&-
    wait "$HOST" || status=$?
    HOST=
    # shellcheck disable=SC2053
    [[ $status == ${1:-$status} ]] || equal "$1" "$status"
}

names() { grep "@cage/$(id -u)/$NAME" /proc/net/unix; }
no_names() { [ -z "$(names)" ]; }

# groups: the cgroups of these names, wherever.
groups() { find /sys/fs/cgroup -maxdepth 6 -type d -name "cage.$NAME*" 2> /dev/null; }

no_groups() { inside true && [ -z "$(groups)" ]; }

# nothing_left: after all of them have ended.
nothing_left() {
    for pid in "${SEEN[@]}"; do wait_for 30 gone $pid; done
    wait_for 30 no_names
    # The next cage removes a group that was left.  (A group is busy for a moment
    # after its last process has been seen to end.)
    wait_for 30 no_groups
    equal "" "$(groups)"
    equal "$MOUNTS" "$(cut -d' ' -f5- /proc/self/mountinfo)"
}

steps() { "$CAGE" steps | cut -d' ' -f1; }

# read_only COMMANDS: have sh run them where every file system of the machine that
# holds files is read-only (in a mount namespace that is thrown away).
read_only() {
    # shellcheck disable=SC2016
    own_mounts '
        sed "s/ - / /" /proc/self/mountinfo | awk "{ print \$5, \$6, \$0 }" |
        while read -r point flags line; do
            case " $line " in
                *" proc "*|*" sysfs "*|*" cgroup "*|*" cgroup2 "*|*" devpts "*) continue ;;
            esac
            mount -o "remount,bind,$flags,ro" "$(printf "%b" "$point")" 2> /dev/null
        done
        for folder in . "$HOME" /tmp /var/tmp /run /dev/shm; do
            if touch "$folder/$0" 2> /dev/null; then exit 99; fi
        done
        eval "$1"' "x.$NAME" "$1"
    [ "$status" != 99 ] || skip "here not every file system can be made read-only"
}

@test "no file is made on the machine: it runs where nothing can be written" {
    cd "$BATS_TEST_TMPDIR"
    tar -C "$ROOTFS" -czf image.tar.gz .
    mkdir -p image
    tar -C "$ROOTFS" -cf - . | tar -C image -xf -
    export CAGE ROOTFS NAME
    # shellcheck disable=SC2016
    for rootfs in "$ROOTFS" image.tar.gz image:image.tar.gz; do
        for with in "" --read-only --net=none --net=true --explain --without=rootfs; do
            [[ $with != --without=rootfs || $rootfs == "$ROOTFS" ]] || continue
            IMAGE=$rootfs WITH=$with read_only \
                '"$CAGE" run --name="$NAME" $WITH "$IMAGE" sh -c "echo ran; exit 7"'
            has "$status $output" "7 *ran"
        done
    done
    read_only '"$CAGE" run --name="$NAME" -w/none "$ROOTFS" true'
    equal 125 "$status"
    has "$output" "/none"
}

@test "kill -9 of the host side in any step: the container dies with it" {
    for step in $(steps); do
        start_until "$step" $SLEEP
        kill -KILL "$HOST"
        ends 137
    done
    nothing_left
}

@test "kill -9 of the host side in any step, the container being another user" {
    root_only       # the change of ids cancels the wish to die with the parent
    for step in $(steps); do
        start_until "$step" -u1000 $SLEEP
        kill -KILL "$HOST"
        ends 137
    done
    nothing_left
}

@test "kill -9 of the process on its way in, in any step: the run ends with 137" {
    for step in $(steps | tail -n +2); do
        start_until "$step" $SLEEP
        # (With PID 1 there may be the child, which is just ending, or only that for
        # a moment.)
        # shellcheck disable=SC2046
        while kill -KILL $(init) || true; pgrep -P "$HOST" > /dev/null; do :; done
        ends 137
    done
    nothing_left
}

@test "kill -9 of the command while it starts: the run ends with 137" {
    for step in tty exec; do
        start_until "$step" $SLEEP
        kill -KILL "$(inner)"
        ends 137
    done
    nothing_left
}

@test "kill -9 of any of the three while the command runs" {
    for victim in host command init; do
        start $SLEEP
        wait_for 30 inner
        case $victim in
            host) strike KILL "$HOST" ;;
            init) strike KILL "$(init)" ;;
            command) strike KILL "$(inner)" ;;
        esac
        ends 137
    done
    nothing_left
}

@test "kill -9 of any of the three at 60 random moments" {
    for _ in $(seq 60); do
        start $SLEEP
        sleep "0.$(printf %04d $((RANDOM % 150)))"
        pids=$HOST
        [ $((RANDOM % 2)) = 0 ] || pids=$(init || echo "$HOST")
        [ $((RANDOM % 2)) = 0 ] || pids=$(pgrep -P "$pids" || echo "$pids")
        # shellcheck disable=SC2086 # there can be two
        kill -KILL $pids 2> /dev/null || kill -KILL "$HOST"
        ends
    done
    nothing_left
}

@test "TERM, INT and HUP to the host side in any step: 128 and the signal, and clean" {
    signals=(TERM INT HUP)
    for step in $(steps); do
        signal=${signals[n++ % 3]}
        start_until "$step" $SLEEP
        kill -"$signal" "$HOST"
        # newuidmap is told as well, and if it ends by that it has failed: 125.
        expected=$((128 + $(kill -l "$signal")))
        [ "$step" != user ] || ! has_subids || expected="@($expected|125)"
        ends "$expected"
        equal "" "$(groups)"
    done
    nothing_left
}

@test "TERM, INT and HUP while the command runs: the command decides" {
    for signal in TERM INT HUP; do
        start sh -c "trap 'exit 7' $signal; echo ready; while :; do sleep 0.02; done"
        read -r ready <&"$PIPE"
        equal ready "$ready"
        strike "$signal" "$HOST"
        ends 7
        equal "" "$(groups)"
    done
    nothing_left
}

@test "HUP does not end what was started with nohup" {
    for before in nohup env; do
        BEFORE=($before)
        start sh -c 'echo ready; sleep 0.5; exit 7'
        until read -r ready <&"$PIPE" && [ "$ready" = ready ]; do :; done
        strike HUP "$HOST"
        # Without nohup it reaches the shell, which ends by it.
        if [ $before = nohup ]; then ends 7; else ends 129; fi
    done
    nothing_left
}

@test "with too few open files allowed it fails, and nothing is left" {
    for files in {5..20}; do
        BEFORE=(prlimit --nofile="$files")
        start true
        # From some number on there are enough.
        if [ "$files" = 5 ]; then ends 125; else ends '@(0|125)'; fi
        equal "" "$(groups)"
    done
    equal "" "$(cat "$BATS_TEST_TMPDIR/said")"          # of the last one
    nothing_left
}

@test "kill -9 of the host side whose output nobody reads" {
    start yes
    sleep 0.2                           # by then the pipe is full
    strike KILL "$HOST"
    ends 137
    nothing_left
}

@test "kill -9 of 50 host sides at once" {
    exec {PIPE}< <(
        for i in $(seq 50); do
            "$CAGE" run --name="$NAME.$i" "$ROOTFS" $SLEEP 2>&1 &
        done
        jobs -p | paste -sd' '
        wait
    )
    HOST=$!
    read -r hosts <&"$PIPE"
    equal 50 "$(wc -w <<< "$hosts")"
    sleep 0.3                           # some have started, some not yet
    # shellcheck disable=SC2086
    kill -KILL $hosts
    ends
    nothing_left
}

# ------------------------------------------------------- other ways to leave it out

@test "kill -9 of the host side ends the container with any step left out" {
    for step in $(steps); do
        case $step in
            exec) continue ;;
            user) [ "$(id -u)" = 0 ] || continue ;;
        esac
        start --without="$step" sh -c "echo ready; exec $SLEEP"
        while read -r line <&"$PIPE" && [ "$line" != ready ]; do :; done
        strike KILL "$HOST"
        ends 137 || { echo "without $step"; return 1; }
    done
    nothing_left
}

# ----------------------------------------------------------------- tarballs

# start_unpacking: a container from a tarball, in which tar(1) has not finished.
start_unpacking() {
    IMAGE=$BATS_TEST_TMPDIR/image.tar.gz
    if [ ! -e "$IMAGE" ]; then
        mkdir "$BATS_TEST_TMPDIR/image"
        truncate -s 200M "$BATS_TEST_TMPDIR/image/large"
        tar -C "$BATS_TEST_TMPDIR/image" -czf "$IMAGE" .
    fi
    start $SLEEP
    wait_for 30 stop_tar
}
tar_inside() { pgrep -P "$(init)" -x tar; }
stop_tar() { kill -STOP "$(tar_inside)"; }

@test "kill -9 of the host side or PID 1, or TERM, while a tarball is unpacked" {
    for how in "KILL host 137" "KILL init 137" "TERM host 143"; do
        read -r signal who status <<< "$how"
        start_unpacking
        if [ "$who" = host ]; then pid=$HOST; else pid=$(init); fi
        strike "$signal" "$pid"
        ends "$status"
    done
    nothing_left
}

@test "kill -9 of tar: the run ends with 125 and says so" {
    start_unpacking
    strike KILL "$(tar_inside)"
    ends 125
    has "$(cat "$BATS_TEST_TMPDIR/said")" "cage: rootfs: *image.tar.gz: status 137"
    nothing_left
}

@test "kill -9 of the host side while a rootfs is copied that cannot be id-mapped" {
    root_only
    IMAGE=$BATS_TEST_TMPDIR/overlay
    mkdir "$BATS_TEST_TMPDIR"/{lower,upper,work,overlay}
    truncate -s 500M "$BATS_TEST_TMPDIR/lower/large"
    # shellcheck disable=SC2016
    BEFORE=(unshare -m --propagation private sh -c 'cd "$0" && mount -t overlay overlay \
        -o lowerdir=lower,upperdir=upper,workdir=work overlay && exec "$@"' "$BATS_TEST_TMPDIR")
    start $SLEEP
    copying() { pgrep -P "$(pgrep -P "$HOST" -x sh)" -x tar; }
    wait_for 30 copying
    strike KILL "$HOST"
    ends 137
    nothing_left
}

# ------------------------------------------------------------ --net COMMAND

@test "the --net COMMAND is told down however the container ends" {
    log=$BATS_TEST_TMPDIR/log
    for how in "TERM host 143" "INT host 130" "KILL init 137" "KILL inner 137"; do
        read -r signal who status <<< "$how"
        rm -f "$log"
        start --net="echo \$CAGE_EVENT \$CAGE_NAME >> '$log'" $SLEEP
        wait_for 30 inner
        equal "up $NAME.$COUNT" "$(cat "$log")"
        if [ "$who" = host ]; then pid=$HOST; else pid=$("$who"); fi
        strike "$signal" "$pid"
        ends "$status"
        equal "up $NAME.$COUNT
down $NAME.$COUNT" "$(cat "$log")"
    done
    nothing_left
}

@test "the --net COMMAND is told down when a later step fails" {
    log=$BATS_TEST_TMPDIR/log
    run inside --net="echo \$CAGE_EVENT >> '$log'" -w/none true
    equal 125 "$status"
    equal "up
down" "$(cat "$log")"
}

@test "TERM while the --net COMMAND runs ends both" {
    start --net="[ \$CAGE_EVENT = down ] || { echo started; exec $SLEEP; }" true
    read -r line <&"$PIPE"
    equal started "$line"
    strike TERM "$HOST"
    ends
    nothing_left
}

# -------------------------------------------------------------------- cgroups

@test "the cgroups that a killed host side leaves, the next cage removes" {
    root_only
    start -m64M --cpus=1 --pids=50 $SLEEP
    wait_for 30 inner
    has "$(groups)" "/cage.$NAME"
    strike KILL "$HOST"
    ends 137
    inside true
    equal "" "$(groups)"
}

@test "another cage leaves the groups of one that runs alone" {
    root_only
    start -m64M $SLEEP
    wait_for 30 inner
    before=$(groups)
    has "$before" "/cage.$NAME"
    inside true
    equal "$before" "$(groups)"
    strike KILL "$HOST"
    ends 137
}

@test "of very many such groups each cage removes some, and that of its own name" {
    root_only
    local top
    top=$(findmnt --noheadings --output TARGET --types cgroup2 | head -n 1)
    mkdir "$top/cage.$NAME" "$top/cage.$NAME".{1..640}
    inside --name="$NAME" true
    # Those of others may be among the 64.
    n=$(groups | wc -l)
    [ "$n" -ge 576 ]
    [ "$n" -lt 640 ]
    equal "" "$(groups | grep "cage.$NAME\$")"
    wait_for 30 no_groups
}

# ------------------------------------------------------- what the command leaves

@test "what the command leaves running ends with it" {
    start sh -c "setsid $SLEEP & setsid sh -c 'trap : TERM HUP; $SLEEP' & exit 5"
    ends 5
    nothing_left
    # What ends it is the PID namespace, and under root the cgroup as well.
    start --without=pid,cgroup sh -c "setsid $SLEEP & echo \$!; exit 5"
    read -r pid <&"$PIPE"
    wait_for 30 gone "$HOST" "$(born "$HOST")"
    kill -KILL "$pid"                   # fails if it is not there
    ends 5
}
