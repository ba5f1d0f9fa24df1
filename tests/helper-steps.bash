# What the tests of the first ten steps use, beside helper.bash: a container
# that goes on running while the test looks at it from outside.

# A name that no other test has.
name=test.$$.$BATS_TEST_NUMBER

through=()      # what `start` starts cage with, see shared_machine

# start [OPTION]... COMMAND [ARGUMENT]...: start a container in the background
# and wait until its command runs.  (Fails if that never happens.)  What it
# prints goes to the file $output_file.  Sets, as numbers of the host:
#   host      the host side
#   init      PID 1; without the step pid, what stands in its place
#   command   the command
start() {
    local options=()
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    output_file=$BATS_TEST_TMPDIR/output
    "${through[@]}" "$CAGE" run --name="$name" "${options[@]}" "$ROOTFS" "$@" \
        > "$output_file" 2>&1 < /dev/null 3>&- &
    host=$!
    wait_for 30 is_running_or_gone
    is_running || { cat "$output_file" >&2; return 1; }
}

# Has the last of the three processes become the command?
is_running() {
    init=$(pgrep -P "$host") && command=$(pgrep -P "$init") || return
    command=${command%%$'\n'*}
    [[ $(< "/proc/$command/comm") != cage* ]]
}
is_running_or_gone() { is_running || is_gone "$host"; }

# finish: ask the container to end, and wait for it.  Sets `status`.
finish() {
    kill "$host"
    status=0
    wait "$host" || status=$?
    host=
}

is_gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*zombie' "/proc/$1/status"; }

# At the end: the container, the machine of shared_machine, and $other, where a
# test has started one more process.
teardown() { stop; }
stop() {
    if [ -n "${host-}" ] && kill "$host" 2> /dev/null; then
        wait_for 3 is_gone "$host" || kill -9 "$host"
        wait "$host" || true
    fi
    [ -z "${machine-}" ] || kill "$machine"
    [ -z "${other-}" ] || kill "$other" 2> /dev/null || true
}

# shared_machine: from here on `start` runs cage where all mounts are shared, as
# they are on a machine with systemd: in a copy of the machine's table of mounts
# that can take no harm.  Its number, for mounts_of, is $machine.
shared_machine() {
    root_only
    need unshare nsenter
    unshare --mount --propagation private \
        sh -c 'mount --make-rshared / && exec sleep 300' 3>&- &
    machine=$!
    wait_for 30 grep -qx sleep "/proc/$machine/comm"
    through=(nsenter --target "$machine" --mount)
}

# need_volumes: skip if no folder of a test can be a volume of root's.
need_volumes() {
    local old
    old=$(printf '%s\n' 6.3 "$(uname -r)" | sort -V | head -n 1)
    if [ "$(id -u)" = 0 ] && [ "$old" != 6.3 ] \
        && [ "$(stat -f -c %T "$BATS_TEST_TMPDIR")" = tmpfs ]; then
        skip "a tmpfs cannot be id-mapped before Linux 6.3"
    fi
}

# mounts_of PID: the table of mounts of a process, without the numbers.
mounts_of() { cut -d ' ' -f 4- "/proc/$1/mountinfo" | sort; }

# need_inside PROGRAM: skip if our rootfs does not have it.
# (125: it is cage that has failed.)
need_inside() {
    local code=0
    inside sh -c "command -v $1" > /dev/null || code=$?
    [ $code != 125 ] || return $code
    [ $code = 0 ] || skip "the rootfs has no $1"
}

# group_of PID CONTROLLER: the folder of the cgroup in which that controller
# counts the process: its own tree in version 1 of cgroups, else the one tree.
group_of() {
    local v1 line
    v1=$(awk -v word="$2" '{ split($0, half, " - "); split(half[1], m, " ")
            n = split(half[2], fs, " "); k = split(fs[n], options, ",")
            if (fs[1] == "cgroup")
                for (i = 1; i <= k; i++) if (options[i] == word) print m[5] }' \
        /proc/self/mountinfo | head -n 1)
    if [ -n "$v1" ]; then
        line=$(grep -E "^[0-9]+:([^:]*,)?$2(,[^:]*)?:" "/proc/$1/cgroup")
        echo "$v1${line##*:}"
    else
        line=$(grep '^0::' "/proc/$1/cgroup")
        echo "$(cgroup2)${line#0::}"
    fi
}

# Where the tree of version 2 is mounted.
cgroup2() { awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo; }

# in_cgroup2 CONTROLLER: is it one of version 2 here, and ours to hand down?
in_cgroup2() {
    local dir
    dir=$(cgroup2)
    [ "$(id -u)" = 0 ] || dir=$(group_of self none)
    grep -qw "$1" "${dir%/cage-host}/cgroup.controllers"
}

# need_cgroup: skip if we may not make groups: root may, and an ordinary user
# to whom a group was delegated.
need_cgroup() { may_make_groups || skip "no cgroup is delegated to this user"; }
may_make_groups() { [ "$(id -u)" = 0 ] || [ -w "$(group_of self none)" ]; }

# words: what comes in, on one line, with one space between the words.
words() { tr -s ' \t\n' ' ' | sed 's/^ //; s/ $//'; }

# differ ONE OTHER: fail if they are the same text.  (hasnt would take the
# brackets of a namespace, such as uts:[4026531838], for a pattern.)
differ() {
    [ "$1" = "$2" ] || return 0
    printf 'both are: %s\n' "$1" >&2
    return 1
}

# need_strace: skip if we cannot watch cage with strace.
need_strace() {
    need strace
    ! has_subids \
        || skip "newuidmap is set-uid, and cannot work while it is traced"
}

# traced [OPTION-OF-STRACE]... CAGE...: run cage under strace.
traced() { timeout -k 1 20 strace -f "$@"; }

# refuse_unshare ERROR STEP [OPTION]...: cage run, in which the kernel (really
# strace) answers the call unshare(2) of this step with this error.
refuse_unshare() {
    local error=$1 step=$2 number=1 other
    shift 2
    for other in user cgroupns mount uts ipc net time pid; do
        [ "$other" != "$step" ] || break
        number=$((number + 1))
    done
    traced -o /dev/null -e trace=unshare -e "inject=unshare:error=$error:when=$number" \
        "$CAGE" run "$@" "$ROOTFS" true
}

# says_who_refused STEP FLAG: if the kernel refuses to make the namespace, the
# error names step and call; and it is this step that makes it.
says_who_refused() {
    need_strace
    run refuse_unshare EPERM "$1"
    refused "cage: $1: unshare($2): Operation not permitted"
    run refuse_unshare EPERM "$1" --without="$1"
    hasnt "$output" "cage: $1: unshare"
}

# no_call_is_ignored STEP CALL...: if one of these calls is refused, that ends the
# run.  (In cage itself `make faults` does it with all of them.)
no_call_is_ignored() {
    local step=$1 call
    need_strace
    shift
    for call; do
        run traced -o /dev/null -e "trace=$call" -e "inject=$call:error=EPERM" \
            "$CAGE" run "$ROOTFS" true
        refused "cage: $step: "
    done
}

# Uses 40 MB of memory: dd reads all of it at once.
# shellcheck disable=SC2034 # for who loads this
hog='dd if=/dev/zero of=/dev/null bs=40000000 count=1 2> /dev/null'
