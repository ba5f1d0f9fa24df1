# The step proc: a /proc that shows the processes of the container.
load helper
load helper-files

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() {
    [ -z "${BAIT:-}" ] || remove_bait
    [ -z "${marker:-}" ] || kill "$marker" 2> /dev/null || :
}

# A process of the host that is easily recognised.
start_marker() {
    sleep 54.321 &
    marker=$!
    wait_for 30 grep -q 54.321 "/proc/$marker/cmdline"
}

show_processes='for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done'

@test "only the container's processes are seen" {
    start_marker
    seen=$(inside sh -c "$show_processes")
    has "$seen" "cage: init"
    hasnt "$seen" "54.321"
    equal "1 2" "$(inside sh -c 'cd /proc; echo [0-9]*')"
}

@test "without pid it is the host's /proc, and shows the host's processes" {
    start_marker
    has "$(inside --without=pid sh -c "$show_processes")" "sleep 54.321"
}

@test "without proc there is none" {
    equal "" "$(inside --without=proc ls /proc)"
}

@test "a program finds itself in /proc/self, and ps works" {
    equal "cat" "$(inside cat /proc/self/comm)"
    has "$(inside ps)" "ps"
}

@test "no program, set-uid bit or device counts in it" {
    seen=$(inside awk '$5 == "/proc" { print $6 " " $9 }' /proc/self/mountinfo)
    has "$seen" "nosuid,nodev,noexec"
    has "$seen" "proc"
}

@test "/proc is made if ROOTFS has none" {
    cp -a "$ROOTFS" copy && rmdir copy/proc
    equal sh "$(cage run copy sh -c 'read -r name < /proc/self/comm; echo $name')"
    [ ! -e copy/proc ]
}

@test "a link in the place of /proc is refused" {
    make_bait
    layer top && ln -s "$BAIT" top/proc
    for inside in "top$BAIT" ""; do
        [ -z "$inside" ] || mkdir -p "$inside"
        run cage run "top:$ROOTFS" true
        refused "proc: /proc is a link in ROOTFS"
        bait_untouched
    done
}

@test "a file in the place of /proc is refused" {
    layer top && touch top/proc
    run cage run "top:$ROOTFS" true
    refused "proc: "
    has "$output" "Not a directory"
}

@test "where the host's /proc has covers, as in Docker, proc is refused with a hint" {
    root_only
    run unshare -m --propagation private sh -c 'mount -t tmpfs none /proc/irq &&
        "$0" run "$1" true' "$CAGE" "$ROOTFS"
    refused "proc: mount("
    has "$output" "Operation not permitted"
    has "$output" "hint: /proc has covers"
}
