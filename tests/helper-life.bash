# For tests about containers that run, and the commands that take their NAME.
# Load it after helper, helper-machine and helper-steps, in this order: then
# `start` is that of helper-steps, and `cage run` gives a name.

# What all names of this test begin with; `start` takes the first of them.
base=$NAME$BATS_TEST_NUMBER
name=$base
original=$CAGE      # the cage that is no mutant
hosts=()            # the host sides that the test has started

setup() { before=$(machine); }

# Nothing is left: no process, no mount, no name, no group.
teardown() {
    local pid
    for pid in "${hosts[@]}" ${joiner-} ${other-}; do
        kill -CONT "$pid" 2> /dev/null || continue
        kill "$pid" && wait_for 3 is_gone "$pid" || kill -9 "$pid"
        wait "$pid" || true
    done
    [ -z "${STRANGER-}" ] || rm -rf "$STRANGER"
    wait_for 10 no_groups
    machine_unchanged
}

# What was killed has left its group: the next cage removes it.  (But a group is
# busy for a moment after its last process has ended.)
no_groups() {
    "$original" run --name="$base.last" "$ROOTFS" true
    [ -z "$(find "$OUTSIDE" -maxdepth 6 -type d -name "cage.$base*" 2> /dev/null)" ]
}

# launch NAME [OPTION]... COMMAND...: start a container, beside those that the
# test has started before.  For how it is found see `start`.
launch() {
    name=$base.$1
    shift
    start "$@"
    hosts+=("$host")
}

# begin NAME [OPTION]... COMMAND...: the same, but wait for nothing.
begin() {
    local options=()
    name=$base.$1
    shift
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    output_file=$BATS_TEST_TMPDIR/$name
    "$CAGE" run --name="$name" "${options[@]}" "$ROOTFS" "$@" \
        > "$output_file" 2>&1 < /dev/null 3>&- &
    host=$!
    hosts+=("$host")
}

# join_in [OPTION]... NAME COMMAND...: cage exec in the background.  Sets joiner,
# the cage that was called, and inner, the process inside, as numbered outside.
join_in() {
    "$CAGE" exec "$@" > "$BATS_TEST_TMPDIR/joined" 2>&1 < /dev/null 3>&- &
    joiner=$!
    wait_for 10 is_inside || { cat "$BATS_TEST_TMPDIR/joined" >&2; return 1; }
}
is_inside() {
    local comm
    inner=$(pgrep -P "$joiner") && [[ $inner != *$'\n'* ]] &&
        comm=$(cat "/proc/$inner/comm") && [[ $comm != cage* ]]
}

# ended PID STATUS: that child of ours ends, with this status.
ended() {
    wait_for 15 is_gone "$1"
    status=0
    wait "$1" || status=$?
    equal "$2" "$status"
}

lives() { ! is_gone "$1"; }

# column NAME NUMBER: what cage ps says of it; nothing if it is not shown.
column() { "$CAGE" ps | awk -v name="$1" -v n="$2" '$1 == name { print $n }'; }
listed() { [ -n "$(column "$1" 1)" ]; }
unlisted() { ! listed "$1"; }

# limit FILE: the path that cage show prints for it, of the last container.  In
# version 1 of cgroups some have another name.
limit() {
    case $1 in
        memory.max) set -- "$1" memory.limit_in_bytes ;;
        cpu.max) set -- "$1" cpu.cfs_quota_us ;;
        *) set -- "$1" "$1" ;;
    esac
    "$CAGE" show "$name" | awk -v a="/$1" -v b="/$2" \
        'substr($1, length($1) - length(a) + 1) == a ||
         substr($1, length($1) - length(b) + 1) == b { print $1 }'
}

# stranger: a folder $STRANGER with a cage, and a ROOTFS, for another ordinary
# user; and "${as_stranger[@]}", which runs a command as that user.
stranger() {
    root_only
    need setpriv
    STRANGER=$(mktemp -d /var/tmp/stranger.XXXXXX)
    cp -r "$ROOTFS" "$STRANGER/rootfs"
    cp "${1:-$CAGE}" "$STRANGER/cage"
    chmod 755 "$STRANGER"
    chown -R 54322:54322 "$STRANGER"
    as_stranger=(env -i PATH="$PATH" setpriv --reuid 54322 --regid 54322
        --clear-groups --inh-caps=-all)
}

# they_end_while_joined COUNT COMMAND...: COMMAND NAME echo ... is called for
# containers that end at about that moment.  It has run; or it was killed with
# the container; or one line says what was the matter.  (If the newcomer is killed
# just when it has said so, with all of the container's group, the host side says
# that it has ended: only then there are two.)
they_end_while_joined() {
    local count=$1 i
    shift
    for i in $(seq "$count"); do
        begin "$i" sleep "0.0$((i % 10))"
        status=0
        output=$("$@" "$name" echo "it ran" 2>&1) || status=$?
        [[ $output != *$'\n'cage:*" $name has ended" ]] || output=${output%$'\n'cage:*}
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
