# What every test uses.  Load it with `load helper`.
#
# A test runs as root or as an ordinary user, whoever calls bats; tests/run does
# both.  It says root_only or user_only if it is only for one of them.

REPO=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
CAGE=${CAGE:-$REPO/cage}
ROOTFS=${ROOTFS:-$REPO/rootfs}
OUTSIDE=/sys/fs/cgroup

# cage ARGUMENTS...: the program under test, never for longer than 20 s.
cage() { timeout -k 1 20 "$CAGE" "$@"; }

# inside [OPTION]... COMMAND [ARGUMENT]...: run a command in our rootfs.
# Options are passed to cage run; all of the form --name=value or -x.
inside() {
    local options=()
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    cage run "${options[@]}" "$ROOTFS" "$@"
}

root_only() { [ "$(id -u)" = 0 ] || skip "only root may do this"; }
user_only() { [ "$(id -u)" != 0 ] || skip "this is about ordinary users"; }

# has_subids: was this user granted a range of ids?  (Root needs no grant.)
has_subids() {
    [ "$(id -u)" != 0 ] && command -v newuidmap > /dev/null \
        && grep -qE "^($(id -un 2> /dev/null || true)|$(id -u)):" /etc/subuid
}

# need PROGRAM...: skip if the machine does not have it.
need() {
    local program
    for program; do
        command -v "$program" > /dev/null || skip "$program is not installed"
    done
}

# equal EXPECTED SEEN: fail, and show both, unless they are the same text.
equal() {
    [ "$1" = "$2" ] && return
    printf 'expected: %s\nseen:     %s\n' "$1" "$2" >&2
    return 1
}

# has TEXT PATTERN: fail, and show the text, unless it matches (bash pattern).
has() {
    # shellcheck disable=SC2053 # the right side is meant as a pattern
    [[ $1 == *$2* ]] && return
    printf 'expected: *%s*\nseen:     %s\n' "$2" "$1" >&2
    return 1
}
hasnt() {
    # shellcheck disable=SC2053
    [[ $1 != *$2* ]] && return
    printf 'did not expect: *%s*\nseen:           %s\n' "$2" "$1" >&2
    return 1
}

# refused STATUS-TEXT: after `run`: cage refused with 125 and one line (plus
# perhaps a hint) that holds the text.
refused() {
    equal 125 "$status"
    has "$output" "$1"
    equal 1 "$(grep -vc '^hint: ' <<< "$output")"
    has "$output" "cage: "
}

# on_terminal COMMAND: run it on a terminal of its own; what that would show.
on_terminal() {
    need script
    export CAGE ROOTFS
    timeout -k 1 15 script -qec "$1" typescript < /dev/null > /dev/null
    # Without the lines of script itself, and the Ctrl-D that it types.
    sed '/^Script/d; s/\^[@D]//g' typescript | tr -d '\r\b'
}

# own_mounts COMMANDS [ARGUMENT]...: have sh run them where mounting is allowed and
# is not seen by anybody else.  An ordinary user can have that in a user namespace,
# and there nobody can grant ids: so /etc/subuid is empty.
own_mounts() {
    need unshare mount
    local options=(--propagation private) first=:
    if [ "$(id -u)" != 0 ]; then
        options=(--user --map-user="$(id -u)" --map-group="$(id -g)" --keep-caps)
        first='[ ! -e /etc/subuid ] || mount --bind /dev/null /etc/subuid'
    fi
    unshare "${options[@]}" --mount true 2> /dev/null || skip "unshare has no --keep-caps"
    run timeout 60 unshare "${options[@]}" --mount sh -c "$first
        $1" "${@:2}"
}

# What a container could leave behind, as text: mounts, cgroups, processes, names.
# (Of mounts and processes only the number or those of cage: others come and go.)
left_behind() {
    wc -l < /proc/self/mountinfo
    find "$OUTSIDE" -maxdepth 6 -type d -name "cage.*" 2> /dev/null | sort
    pgrep -x -u "$(id -u)" "cage|cage: child|cage: init" | sort
    grep -ao "@cage/$(id -u)/.*" /proc/net/unix | sort
}

# cage_pid NAME-PATTERN: wait until a process with these arguments is there.
wait_for() {    # wait_for SECONDS COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "waited in vain for: $*" >&2; return 1; }
        sleep 0.05
    done
}
