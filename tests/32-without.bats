# --without: what leans on a step that is left out goes with it or is refused,
# and the machine comes to no harm.
load helper
load helper-machine

setup() { before=$(machine); }
teardown() {
    [ -z "${host-}" ] || stop 2> /dev/null
    machine_unchanged
}

names() { cage steps | cut -d' ' -f1; }

# in_cell FUNCTION: run it where every mount is shared, as on a machine that
# systemd has started, so that a mount that gets loose can be seen.  Only root
# can make such a place; mounts of ordinary users never get loose.
in_cell() {
    export -f "$1" tried cage machine hasnt has equal
    export CAGE ROOTFS OUTSIDE NAME
    if [ "$(id -u)" = 0 ]; then
        unshare --mount --propagation private bash -c '
            set -eu
            mount --make-rshared / && grep -q " / / .* shared:" /proc/self/mountinfo
            '"$1"
    else
        bash -euc "$1"
    fi
}

# tried LIST: run true without the steps in LIST.  It works, or cage refuses and
# names a step; if it was the kernel that said no there is a hint.  Sets code.
tried() {
    code=0
    said=$(cage run --name="$NAME" --without="$1" "$ROOTFS" true 2>&1 < /dev/null) ||
        code=$?
    case $code in
        0) hasnt "$said" "hint: " ;;
        125) step=$(sed -En 's/^cage: (--without )?([a-z]+): .*/\2/p' <<< "$said" | tail -n 1)
             has "$all" " ${step:-?} " &&
                 has "$said" "$([[ $said == *"--without "* ]] || echo "hint: ")" ;;
        *) false ;;
    esac || { echo "without $1: status $code, $said" >&2; return 1; }
}

# Try every two steps (and each with itself, which is one).  After each the
# machine is as it was.  Prints the pairs that were refused.
every_pair() {
    mounts=$(< /proc/self/mountinfo) hostname=$(< /proc/sys/kernel/hostname)
    now=$(machine)
    for one in $all; do
        for other in $all; do
            [[ ! $one > $other ]] || continue
            tried "$one,$other"
            [ $code = 0 ] || echo "$one,$other"
            echo "after --without=$one,$other:" > "$BATS_TEST_TMPDIR/last"
            equal "$mounts" "$(< /proc/self/mountinfo)"
            equal "$hostname" "$(< /proc/sys/kernel/hostname)"
        done
        # (On a busy machine the child, the process before PID 1, may be ending yet.)
        for _ in {1..50}; do [ "$now" != "$(machine)" ] || break; sleep 0.1; done
        equal "$now" "$(machine)"
    done
    echo all > "$BATS_TEST_TMPDIR/last"
}

@test "each step, and each two, can be left out: it works, or is refused with a reason" {
    need unshare
    all=" $(names | xargs) "
    export all
    refused=$(in_cell every_pair) || cat "$BATS_TEST_TMPDIR/last"
    equal all "$(cat "$BATS_TEST_TMPDIR/last")"
    # Refused are only: exec; an ordinary user without `user`; pivot_root where
    # mounts are shared.
    has "$refused" "exec"
    [ "$(id -u)" = 0 ] || has "$refused" "net,user"
    equal "" "$(grep -v exec <<< "$refused" |
                if [ "$(id -u)" = 0 ]; then cat; else grep -v user; fi |
                grep -vx "mount,private\|private,rootfs\|private,user" || true)"
}

@test "no mount gets loose, whatever is left out, also not below a volume" {
    root_only
    need unshare
    need_volumes
    loose() {
        now=$(machine)
        for list in volumes mount private rootfs mount,user private,user,pivot; do
            cage run --name="$NAME" --without=$list -v "$DIR/a:/mnt" \
                -v "$DIR/b:/mnt/inner" "$ROOTFS" true
            equal "$now" "$(machine)"
        done
    }
    mkdir -p "$BATS_TEST_TMPDIR/a/inner" "$BATS_TEST_TMPDIR/b"
    DIR=$BATS_TEST_TMPDIR in_cell loose
}

# kind -> step: which step makes which namespace.
@test "without its step a namespace is the machine's" {
    for pair in uts:uts ipc:ipc net:net time:time pid:pid cgroup:cgroupns; do
        kind=${pair%:*} step=${pair#*:}
        host=$(readlink /proc/self/ns/$kind)
        equal "$host" "$(inside --without=$step readlink /proc/self/ns/$kind)"
        own=$(inside readlink /proc/self/ns/$kind)
        has "$own" "$kind:"
        [ "$own" != "$host" ]
    done
}

@test "without mount there is still another one around it, not the machine's" {
    seen=$(inside --without=mount readlink /proc/self/ns/mnt)
    has "$seen" "mnt:"
    [ "$seen" != "$(readlink /proc/self/ns/mnt)" ]
}

@test "without user, root inside is the real one" {
    root_only
    all_ids="0 0 4294967295"
    equal "$all_ids" "$(inside --without=user cat /proc/self/uid_map | xargs)"
    hasnt "$(inside cat /proc/self/uid_map | xargs)" "$all_ids"
    # Seen from outside:
    start --without=user
    equal 0 "$(stat -c %u "/proc/$command")"
    stop
    start
    [ "$(stat -c %u "/proc/$command")" -gt 1000000 ]
    stop
}

@test "without user a file in a volume belongs to whom it says" {
    root_only
    need_volumes
    mkdir "$BATS_TEST_TMPDIR/v"
    for option in "" --without=user; do
        # shellcheck disable=SC2086 # one word or none
        inside $option --volume="$BATS_TEST_TMPDIR/v:/mnt" \
            sh -c 'rm -f /mnt/x && touch /mnt/x && chown 7 /mnt/x'
        equal 7 "$(stat -c %u "$BATS_TEST_TMPDIR/v/x")"
    done
}

@test "without user an ordinary user is refused, with a hint" {
    user_only
    for list in user user,cgroupns user,cgroupns,mount user,mount; do
        try inside --without=$list echo ran
        refused "hint: *user"
    done
}

@test "without cgroup there is no group, and so no limit" {
    if [ "$(id -u)" = 0 ] && inside -m64M true 2> /dev/null; then
        group=$(inside --name="$NAME" --without=cgroupns tail -n1 /proc/self/cgroup)
        has "$group" "/cage.$NAME"
    fi
    equal "$(tail -n1 /proc/self/cgroup)" \
          "$(inside --without=cgroup,cgroupns tail -n1 /proc/self/cgroup)"
    for limit in -m64M --pids=10 --cpus=1 --cgroup=pids.max=10; do
        try inside --without=cgroup $limit echo ran
        refused "cgroup: *limit"
    done
}

@test "without cgroupns the host's cgroups are seen, but not written" {
    equal "$(ls $OUTSIDE | grep -v cage)" \
          "$(inside --without=cgroupns ls $OUTSIDE | grep -v cage)"
    try inside --without=cgroupns sh -c "mkdir $OUTSIDE/$NAME"
    has "$output" "Read-only"
    has "$(inside cat /proc/self/cgroup)" "0::/"
    equal "0::/" "$(inside grep 0:: /proc/self/cgroup)"
}

@test "without net the host's interfaces are there, in a /sys that is read-only" {
    host=$(ls /sys/class/net | sort)
    [ "$host" != lo ] || skip "this machine has no interface but lo"
    equal "$host" "$(inside --without=net ls /sys/class/net | sort)"
    equal "$host" "$(inside --net=host ls /sys/class/net | sort)"
    equal lo "$(inside ls /sys/class/net)"
    for option in --without=net --net=host; do
        mounts=$(inside $option cut -d' ' -f5,6 /proc/self/mountinfo | grep ^/sys)
        has "$mounts" "/sys ro"
        hasnt "$mounts" " rw"
    done
}

@test "without pid the host's processes are there" {
    has "$(inside --without=pid cat /proc/$$/cmdline | tr '\0' ' ')" bats
    try inside cat /proc/$$/cmdline
    equal 1 "$status"
    # shellcheck disable=SC2016
    [ "$(inside --without=pid sh -c 'echo $$')" -gt 2 ]
    # shellcheck disable=SC2016
    equal 2 "$(inside sh -c 'echo $$')"
}

@test "without pid, what the command leaves running ends with its cgroup" {
    root_only
    need_limits
    leave="sleep 1000$$ > /dev/null 2>&1 & echo started"
    left() { pgrep -f "^sleep 1000$$"; }
    equal started "$(inside --without=pid sh -c "$leave")"
    equal "" "$(left)"
    equal started "$(inside --without=cgroup sh -c "$leave")"
    equal "" "$(left)"
    equal started "$(inside --without=pid,cgroup sh -c "$leave")"
    left=$(left)
    kill $left
}

@test "without time the clock is the machine's" {
    now=$(cut -d. -f1 /proc/uptime)
    [ "$now" -gt 20 ] || skip "this machine has just started"
    [ "$(inside --without=time cut -d. -f1 /proc/uptime)" -ge "$now" ]
    [ "$(inside cut -d. -f1 /proc/uptime)" -lt 10 ]
}

@test "without rootfs the writes stay, and cage says so" {
    cp -a "$ROOTFS" "$BATS_TEST_TMPDIR/copy"
    ROOTFS=$BATS_TEST_TMPDIR/copy
    try inside touch /written
    equal 0 "$status"
    hasnt "$output" "stays"
    [ ! -e "$ROOTFS/written" ]
    try inside --without=rootfs touch /written
    equal 0 "$status"
    has "$output" "cage: *rootfs*stays"
    [ -e "$ROOTFS/written" ]
    equal "$(id -u)" "$(stat -c %u "$ROOTFS/written")"
}

@test "without rootfs there are no layers, and nothing to save" {
    try cage run --without=rootfs "$ROOTFS:$ROOTFS" echo ran
    refused "rootfs"
    mkdir "$BATS_TEST_TMPDIR/save"
    try inside --without=rootfs --save="$BATS_TEST_TMPDIR/save" echo ran
    refused "rootfs"
}

@test "without volumes, dev, proc or sys the folder is that of ROOTFS" {
    mkdir "$BATS_TEST_TMPDIR/v"
    touch "$BATS_TEST_TMPDIR/v/seen"
    for pair in volumes:/mnt dev:/dev proc:/proc sys:/sys; do
        see=(-v "$BATS_TEST_TMPDIR/v:/mnt:ro" "$ROOTFS" ls "${pair#*:}")
        [ -n "$(cage run "${see[@]}")" ]
        equal "" "$(cage run --without=${pair%:*} "${see[@]}" 2> /dev/null)"
    done
    # A terminal comes from dev.
    try inside --without=dev echo ran
    has "$output" "cage: *dev*tty*left out*ran"
}

@test "without mask the settings of the kernel are not read-only" {
    sys=" /proc/sys ro"
    hasnt "$(inside --without=mask cut -d' ' -f5,6 /proc/self/mountinfo)" "${sys# }"
    has "$(inside cut -d' ' -f5,6 /proc/self/mountinfo)" "${sys# }"
}

@test "without pivot it is only chroot: the root is not that of the mounts" {
    start
    equal / "$(readlink "/proc/$command/root")"
    has "$(grep " / / " "/proc/$command/mountinfo")" " - overlay "
    stop
    start --without=pivot
    has "$(readlink "/proc/$command/root")" "/?"
    has "$(grep " / / " "/proc/$command/mountinfo")" " - overlay "
    stop
}

@test "without fds an open folder of the host gets in" {
    equal "$(ls -d /usr/share)" \
          "$(inside --without=fds readlink /proc/self/fd/7 7< /usr/share)"
    try inside readlink /proc/self/fd/7 7< /usr/share
    equal "1 " "$status $output"
}

@test "without caps root keeps all of them" {
    full=$(inside --without=caps grep CapBnd /proc/self/status)
    kept=$(inside grep CapBnd /proc/self/status)
    equal "CapBnd: 00000000000004fb" "$(echo $kept)"
    has "$full" "ffff"
}

@test "without id the command stays root" {
    root_only
    equal 1000 "$(inside -u1000 id -u)"
    equal 0 "$(inside -u1000 --without=id id -u)"
}

@test "without nnp seccomp goes too, and cage says so" {
    state() { grep -E '^(NoNewPrivs|Seccomp):' | tr -s '\n\t' ' '; }
    equal "NoNewPrivs: 1 Seccomp: 2 " "$(inside cat /proc/self/status | state)"
    equal "NoNewPrivs: 1 Seccomp: 0 " \
          "$(inside --without=seccomp cat /proc/self/status | state)"
    try inside --without=nnp cat /proc/self/status
    equal "NoNewPrivs: 0 Seccomp: 0 " "$(state <<< "$output")"
    has "$output" "cage: *nnp*seccomp*left out"
    try inside --without=nnp,seccomp true
    equal "" "$output"
}

@test "without init the command itself is PID 1" {
    # shellcheck disable=SC2016
    equal 1 "$(inside --without=init sh -c 'echo $$')"
    # shellcheck disable=SC2016
    equal 2 "$(inside sh -c 'echo $$')"
    try inside --without=init sh -c 'exit 7'
    equal 7 "$status"
}

@test "exec cannot be left out" {
    try inside --without=exec echo ran
    refused "exec: "
    try inside --without=pid,exec,net echo ran
    refused "exec: "
}
