# The steps as cage shows them: `cage steps`, --explain (what /proc says before
# and after each), --step (wait after each), and `make doctor`.
load helper
load helper-machine

setup() {
    before=$(machine)
    export CAGE ROOTFS NAME
}
teardown() {
    [ -z "${host-}" ] || stop 2> /dev/null
    machine_unchanged
}

names() { cage steps | cut -d' ' -f1; }

# below STEP: what --explain has printed below it, lines `fact  old -> new`.
below() { awk -v step="$1" '/^[a-z]+ / { on = $1 == step; next } on' <<< "$said"; }

@test "cage steps lists the functions of cage.c in their order, who runs each, and why" {
    try cage steps
    equal 0 "$status"
    equal "$(sed -n 's/^static.* step_\([a-z]*\)(struct cage \*c).*/\1/p' "$REPO/cage.c")" \
          "$(cut -d' ' -f1 <<< "$output")"
    equal "host child init command" \
          "$(awk '{ print $2 }' <<< "$output" | uniq | tr '\n' ' ' | sed 's/ $//')"
    equal "$(names | wc -l)" "$(grep -cE '^[a-z]+ +[a-z]+ +.*[a-z]{2}' <<< "$output")"
    equal "" "$(names | sort | uniq -d)"
}

@test "--explain tells every step in that order, and why" {
    try inside --explain true
    equal 0 "$status"
    equal "$(cage steps | awk '{ $2 = ""; print }' | tr -s ' ')" \
          "$(grep '^[a-z]' <<< "$output" | grep -v '^cage: ' | tr -s ' ')"
}

@test "--explain writes to standard error, and without it cage is silent" {
    equal hello "$(inside --explain echo hello 2> /dev/null)"
    try inside echo hello
    equal hello "$output"
}

@test "what --explain says of a namespace is what can be seen from outside" {
    start --explain 2> "$BATS_TEST_TMPDIR/said"
    said=$(tr -d '[]' < "$BATS_TEST_TMPDIR/said")
    for pair in user:user cgroupns:cgroup mount:mnt uts:uts ipc:ipc net:net \
                pid:pid time:time; do
        here=$(readlink "/proc/self/ns/${pair#*:}" | tr -d '[]')
        there=$(readlink "/proc/$command/ns/${pair#*:}" | tr -d '[]')
        has "$(below "${pair%:*}")" " $here -> $there"
        hasnt "$here" "$there"
    done
    has "$(below uts)" " $(hostname) -> cage"
    for map in uid gid; do
        has "$(below user)" " -> $(xargs < "/proc/$command/${map}_map")"
    done
    fact() { sed -n "s/^$1:\t//p" "/proc/$command/status"; }
    has "$(below caps)" " -> $(fact CapEff)"
    has "$(below caps)" " -> $(fact CapBnd)"
    has "$(below nnp)" " 0 -> $(fact NoNewPrivs)"
    has "$(below seccomp)" " 0 -> $(fact Seccomp)"
    has "$(below pivot)" " -> $(wc -l < "/proc/$command/mountinfo") "
    # Its number here, and in its own namespace.
    has "$(below init)" " -> $command 2"
}

@test "what a step changes is shown below that step" {
    said=$(inside --explain -v/tmp:/mnt:ro true 2>&1)
    # (Of private only where something was shared; of fds there is no trace in
    # these files; of id only with --user; of tty only in a terminal.)
    for step in user cgroupns mount uts ipc net time pid rootfs volumes dev proc \
                sys mask pivot caps nnp seccomp init; do
        has "$(below $step)" " -> " || { echo "nothing below $step"; false; }
    done
    hasnt "$(below uts)" "mnt"
    hasnt "$(below seccomp)" "Cap"
}

@test "--explain shows the cgroup before and after, if there is one" {
    root_only
    try inside --name="$NAME" --explain true
    said=$output
    has "$(below cgroup)" "cgroup *0::/* -> 0::/*cage.$NAME"
    has "$(below cgroupns)" "cgroup *0::/*cage.$NAME -> 0::/"
}

@test "a step that is left out is marked so, and changes nothing" {
    try inside --explain --without=uts,net true
    equal 0 "$status"
    equal "uts net" "$(grep '(left out)' <<< "$output" | cut -d' ' -f1 |
                       tr '\n' ' ' | sed 's/ $//')"
    said=$output
    equal "" "$(below uts; below net)"
    has "$(below ipc)" " -> "
}

@test "when a step fails, it is the last one that --explain has named" {
    try inside --explain -v/tmp:/etc/passwd:ro echo ran        # a folder on a file
    equal 125 "$status"
    equal volumes "$(grep '^[a-z]' <<< "$output" | grep -v '^cage: \|^hint: ' | tail -1 |
                     cut -d' ' -f1)"
    has "$output" "cage: volumes: "
    hasnt "$output" "ran"
}

# at_terminal TCL: cage run --step in a terminal that the Tcl commands drive.
# `enter` waits for the next [Enter] and answers it.  Prints what was seen.
at_terminal() {
    need expect
    expect -c '
        set timeout 10
        proc enter {} { expect -re {\[Enter\] $} { send "\r" } }
        spawn -noecho $env(CAGE) run --name=$env(NAME) --step $env(ROOTFS) echo "r-a-n"
        expect_before timeout { puts "TIMEOUT"; exit 1 }
        '"$1"'
        expect eof
        puts "status [lindex [wait] 3]"
    ' | tr -d '\r'
}

@test "--step waits for Enter after each step but the last, also after the pivot" {
    try at_terminal '
        set count 0
        expect -re {\[Enter\] $} { incr count; send "\r"; exp_continue } eof {}
        puts "count $count"
        puts "status [lindex [wait] 3]"
        exit'
    has "$output" "count $(($(names | wc -l) - 1))"
    has "$output" "r-a-n"
    has "$output" "status 0"
    # Each prompt stands after the lines of its own step.
    equal "$(names | sed '$!s/$/ [Enter]/' | xargs)" \
          "$(grep -oE '^[a-z]+ |\[Enter\]' <<< "$output" | grep -v '^status' | xargs |
             sed 's/ count.*//')"
}

@test "--step does nothing more until Enter is pressed" {
    try at_terminal '
        enter; enter
        expect -re {\[Enter\] $} {}
        expect_before
        set timeout 1
        expect -re "mount .*table" { puts "WENT ON" } timeout { puts "waits" }
        set timeout 10
        send "\r"
        expect -re "mount .*table" { puts "goes on" }
        send "\x03"'
    has "$output" "waits*goes on"
    hasnt "$output" "WENT ON"
    hasnt "$output" "r-a-n"
}

@test "Ctrl-C during --step ends it at once, whichever process waits" {
    for presses in 0 1 5 10 17 23; do
        try at_terminal "
            for {set i 0} {\$i < $presses} {incr i} { enter }
            expect -re {\[Enter\] \$} { send \"\x03\" }"
        has "$output" "status 130"
        hasnt "$output" "r-a-n"
    done
    machine_unchanged
}

@test "closing the window during --step ends it, and leaves nothing" {
    at_terminal 'enter; enter; enter; enter; close; exit'
    machine_unchanged
}

@test "--step without a terminal is refused" {
    need setsid
    try timeout 10 setsid -w "$CAGE" run --step "$ROOTFS" echo ran < /dev/null
    refused "/dev/tty"
}

# ---- make doctor

@test "the doctor says that every step can be done, if so" {
    inside true || skip "this machine does refuse something"
    try "$REPO/tests/doctor"
    equal 0 "$status"
    equal "this machine can do every step" "$(tail -1 <<< "$output")"
    has "$output" "kernel: Linux $(uname -r)"
    has "$output" "cgroups: version 2"
    has "$output" "ids: "
    if inside -m64M true 2> /dev/null; then
        has "$output" "limits: can be set"
    else
        has "$output" "limits: *hint: "
    fi
}

@test "the doctor finds the steps that are refused, and leaves each out" {
    # A machine in which something covers a part of /proc, and that allows
    # nobody another host name.  (Its own, so that nothing happens to ours.)
    lab='mount -t tmpfs cover /proc/tty &&
         echo 0 > /proc/sys/user/max_uts_namespaces && exec "$REPO/tests/doctor"'
    export REPO
    # The limit of root's own user namespace is the whole machine's.
    [ "$(id -u)" != 0 ] || lab=${lab/echo*&& exec/exec}
    own_mounts "$lab"
    [ "$(id -u)" = 0 ] || has "$output" "refused: uts: unshare(CLONE_NEWUTS): No space left"
    has "$output" "refused: proc: mount(*): Operation not permitted"
    has "$output" "hint: "
    equal 0 "$status"
    if [ "$(id -u)" = 0 ]; then
        equal "this machine refuses: proc" "$(tail -1 <<< "$output")"
    else
        equal "this machine refuses: uts,proc" "$(tail -1 <<< "$output")"
    fi
}

@test "the doctor gives up when leaving steps out does not help" {
    mkdir "$BATS_TEST_TMPDIR/empty"
    export ROOTFS=$BATS_TEST_TMPDIR/empty
    try timeout 20 "$REPO/tests/doctor"
    equal 1 "$status"
    has "$output" "refused: exec: *No such file"
    equal "nothing works here" "$(tail -1 <<< "$output")"
}
