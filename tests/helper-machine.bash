# What a run may leave behind, told apart from what others do on this machine.
# `load helper-machine` after `load helper`; in setup() say `before=$(machine)`,
# in teardown() `machine_unchanged`.

# Every container of these tests has a name that starts with this.
NAME=t$$.
cage() {
    local named=()
    [ "${1-}" != run ] || { shift; named=(run --name="$NAME$BASHPID"); }
    timeout -k 1 20 "$CAGE" "${named[@]}" "$@"
}

# The machine, as text: its mounts and name, and our groups, processes and names.
# (PID 1 hides from its user whose program it is, hence pgrep.)
machine() {
    cat /proc/self/mountinfo /proc/sys/kernel/hostname
    find "$OUTSIDE" -maxdepth 6 -type d -name "cage.$NAME*" 2> /dev/null | sort
    { find /proc/[0-9]*/exe -lname "$CAGE" 2> /dev/null | cut -d/ -f3
      [ "$(id -u)" = 0 ] || pgrep -x -u "$(id -u)" "cage: .*"; } | sort -u | sed 's/^/process /'
    grep -ao "@cage/$(id -u)/$NAME.*" /proc/net/unix | sort
}

# Fail, and show the difference, if the machine does not become what it was.
# (Not at once: others too may have mounted something for a moment.)
machine_unchanged() {
    wait_for 30 is_unchanged || diff <(echo "$before") <(machine)
}
is_unchanged() {
    # What was just ending when we looked first has ended.
    local line was
    was=$(while read -r line; do
        [[ $line != process\ * || -e /proc/${line#process } ]] && printf '%s\n' "$line"
    done <<< "$before" || true)
    [ "$(machine)" = "$was" ]
}

# Skip unless limits can be set here (not in most containers, nor for a user to
# whom no part of the cgroup tree was delegated).
need_limits() {
    cage run -m 64M --pids 100 --cpus 1 "$ROOTFS" true 2> /dev/null ||
        skip "no limits can be set here"
}

# Skip if volumes cannot be written to: under root their file system must know
# id-mapped mounts (tmpfs: since Linux 6.3).
need_volumes() {
    cage run -v "$BATS_TEST_TMPDIR:/mnt" "$ROOTFS" true 2> /dev/null ||
        skip "the file system of $BATS_TEST_TMPDIR cannot be id-mapped"
}

# start OPTION...: a container that sleeps.  Sets host, the host side, and
# command, the sleeping one, as they are numbered outside.  stop ends it.
start() {
    "$CAGE" run --name="$NAME" "$@" "$ROOTFS" sleep 60 3>&- &
    host=$!
    wait_for 30 sleeping
    command=$(sleeping)
}
sleeping() { pgrep -x sleep -P "$(pgrep -P "$host")"; }
stop() {
    kill "$host"
    wait "$host" || true
}

# try COMMAND...: what bats' `run` does, without its warning at status 127.
try() { status=0; output=$("$@" 2>&1) || status=$?; }
