# The command line: every form of an option, and everything that one can get
# wrong.  Whatever is wrong gets one line `cage: ...` that names it and quotes
# it, status 125, and the command is never started.
load helper
load helper-machine

setup() { before=$(machine); }
teardown() {
    [ -z "${host-}" ] || stop 2> /dev/null
    machine_unchanged
}

# bad TEXT OPTION...: with these options cage run refuses, saying TEXT.  (If the
# command were started, `ran` would be one line more than `refused` allows.)
bad() {
    local text=$1; shift
    echo "cage run ${*:0:100}"
    try cage run --name="$NAME" "$@" "$ROOTFS" echo ran
    refused "$text"
}

@test "no command, an unknown one, and no ROOTFS are refused" {
    try cage;                   refused "cage --help"
    try cage nosuch;            refused "nosuch: no such command"
    try cage --nosuch;          refused "--nosuch"
    try cage "";                refused "no such command"
    try cage run;               refused "ROOTFS is missing"
    try cage run --explain;     refused "ROOTFS is missing"
    try cage run --;            refused "ROOTFS is missing"
}

@test "a command of cage that takes no argument is given none" {
    try cage steps pid;         refused "cage --help"
    try cage --version x;       refused "cage --help"
}

@test "unknown options and missing arguments are refused" {
    bad "nosuch" --nosuch
    bad "z" -z
    bad "read-only" --read-only=yes
    for option in name hostname memory cpus pids cgroup volume env workdir user \
                  save net without; do
        try cage run --$option;     refused "$option"
    done
    for letter in n m v e w u; do
        try cage run -$letter;      refused "option requires an argument *$letter"
    done
}

@test "an option may stand in any of its forms" {
    for form in "-e A=1" "-eA=1" "--env A=1" "--env=A=1"; do
        # shellcheck disable=SC2086 # two words
        equal 1 "$(cage run $form "$ROOTFS" sh -c 'echo $A')"
    done
    equal "1 2=3 " "$(inside -eA=1 -eB=2=3 -eC= sh -c 'echo $A $B "$C"')"
    equal "2" "$(inside -eA=1 -eA=2 sh -c 'echo $A')"
}

@test "options after ROOTFS belong to the command" {
    equal "-m -x --explain --without=pid" \
        "$(inside echo -m -x --explain --without=pid)"
    equal "-- x" "$(cage run -- "$ROOTFS" echo -- x)"
}

@test "without a COMMAND it is /bin/sh" {
    equal "/bin/sh 1" "$(echo 'echo $0 $((7 - 6))' | cage run "$ROOTFS")"
}

@test "--help, --version and steps print what they are asked for" {
    try cage --help
    equal 0 "$status"
    has "$output" "usage: cage run"
    for option in name hostname memory cpus pids cgroup volume env workdir user \
                  read-only save net explain step without; do
        has "$output" "--$option"
    done
    try cage --version
    equal 0 "$status"
    has "$output" "cage [0-9]"
    try cage steps
    equal 0 "$status"
    equal exec "$(tail -1 <<< "$output" | cut -d' ' -f1)"
}

@test "a list that cannot be written is an error" {
    for command in ps steps --help --version; do
        try sh -c '"$0" "$1" > /dev/full' "$CAGE" "$command"
        equal 125 "$status"
        equal "cage: fflush(stdout): No space left on device" "$output"
    done
}

@test "what is no size is refused as a memory limit" {
    for size in banana -5 0 -0 1x 64MB 64M- 1..5M 1,5G +5M 0.5 " 5M" "" \
                99999999999999999999 1000000000T 1e30G 0x10 1e3 nan inf; do
        bad "--memory $size: " --memory="$size"
    done
    bad "--memory banana: " -m banana
}

@test "sizes: 64M, 1.5G, 65536K, 100000000" {
    root_only
    need_limits
    for pair in 64M:65536 64m:65536 1.5G:1572864 65536K:65536 67108864:65536; do
        # The file system for writes is as large as the limit.
        try cage run --name="$NAME" -m "${pair%:*}" "$ROOTFS" df -k /
        equal 0 "$status"
        has "$output" " ${pair#*:} "
    done
}

@test "what is no number of processors or processes is refused" {
    for number in banana -1 1x nan inf 0x1 1e1 "" " 1"; do
        bad "--cpus $number: " --cpus="$number"
        bad "--pids $number: " --pids="$number"
    done
    # Of these it may be the kernel who says that they are too small or large.
    for number in 0 0.001 99999999999999999999; do
        bad "cage: @(--cpus $number|cgroup): " --cpus="$number"
    done
    for number in 0 1.5 99999999999999999999; do
        bad "cage: @(--pids $number|cgroup|pid): " --pids="$number"
    done
}

@test "a name has 1 to 64 harmless characters" {
    long=$(printf 'x%.0s' {1..300})
    for name in a/b ../b "" . .. -x "a b" é "a*b" "${long:0:65}" "$long"; do
        try cage run --name="$name" "$ROOTFS" echo ran
        refused "--name ${name:0:20}"
    done
    try cage run --name="$NAME${long:0:50}" "$ROOTFS" echo ran
    equal ran "$output"
}

@test "a name that is taken is refused, and free again afterwards" {
    start
    bad "bind(cage/*$NAME): Address *in use*hint: a container of this name is running"
    stop
    try cage run --name="$NAME" "$ROOTFS" echo ran
    equal ran "$output"
}

@test "a bad ROOTFS is refused" {
    cd "$BATS_TEST_TMPDIR"
    mkfifo fifo
    ln -s nowhere link
    echo "not an archive" > text
    head -c 100000 /dev/zero > zeros
    : > empty
    for rootfs in nosuch nosuch/x "" fifo link text zeros empty /dev/null text/x \
                  "$ROOTFS:nosuch"; do
        try cage run "$rootfs" echo ran
        refused "${rootfs##*:}"
    done
    for rootfs in : "$ROOTFS:" ":$ROOTFS" "$ROOTFS::$ROOTFS"; do
        try cage run "$rootfs" echo ran
        refused "ROOTFS"
    done
    many=$(printf "$ROOTFS:%.0s" {1..40})
    try cage run "${many%:}" echo ran
    refused "[1-9]"
}

@test "a cut-off tarball is refused, and the message tells the reason" {
    need tar gzip
    cd "$BATS_TEST_TMPDIR"
    tar -C "$ROOTFS" -cf whole.tar .
    gzip -1 -k whole.tar
    for kind in tar tar.gz; do
        size=$(stat -c %s whole.$kind)
        for part in $((size / 2)) 600; do
            head -c $part whole.$kind > "cut.$kind"
            try cage run "cut.$kind" /bin/echo ran
            refused "cage: *: *[a-z]"
        done
    done
    try cage run whole.tar.gz /bin/echo ran
    equal ran "$output"
}

@test "a folder that the user may not read is refused" {
    user_only
    [ ! -r /root ] || skip "this user may read /root"
    try cage run /root echo ran
    refused "cage: rootfs: access(/root): Permission denied"
    try cage run /root/x echo ran
    refused "cage: rootfs: open_tree(/root/x): Permission denied"
    # One's own folder one may always read: inside, one is root of it.
    mkdir "$BATS_TEST_TMPDIR/closed"
    chmod 0 "$BATS_TEST_TMPDIR/closed"
    equal 127 "$(cage run "$BATS_TEST_TMPDIR/closed" echo ran 2> /dev/null || echo $?)"
    chmod 700 "$BATS_TEST_TMPDIR/closed"
}

@test "a variable needs a name and a value" {
    for variable in "" x = =x; do
        bad "--env $variable: not NAME=VALUE" --env="$variable"
    done
}

@test "a bad volume is refused, and the message quotes it" {
    cd "$BATS_TEST_TMPDIR"
    mkdir folder
    touch file
    for volume in "" : :: /tmp /tmp: :/mnt /tmp:mnt /tmp:/mnt:rw /tmp:/mnt:ro:x \
                  /tmp:/mnt: :/mnt:ro; do
        bad "--volume $volume: not SRC:/DST" --volume="$volume"
    done
    bad "volumes: *nosuch*No such file" -v nosuch:/mnt
    # A folder cannot be shown at a file, nor a file at a folder.
    # (Read-only, since not every file system can be a volume that is written.)
    bad "volumes: */etc/passwd*folder*file" -v "$PWD/folder:/etc/passwd:ro"
    bad "volumes: */etc*folder*file" -v "$PWD/file:/etc:ro"
    bad "/etc/passwd/x*Not a directory" -v "$PWD/folder:/etc/passwd/x:ro"
    name=/$(printf 'x%.0s' {1..250})
    bad "name too long" -v "$PWD/folder:$name$name$name${name}x${name:1}:ro"
    bad "name too long" -v "$PWD/folder:$(printf "$name%.0s" {1..20}):ro"
}

@test "a bad user is refused" {
    for user in "" banana -1 1.5 0x0 1x 1e1 " 1"; do
        bad "--user *$user: " --user="$user"
        bad "--user *$user: " --user="0:$user"
    done
    for user in 131072 4294967295 4294967296 18446744073709551616; do
        bad "cage: @(--user *$user|id|user): " --user="$user"
        bad "cage: @(--user *$user|id|user): " --user="0:$user"
    done
    bad "2:3: " --user=1:2:3
    bad "--user" --user=:1
}

@test "a user who does not exist inside is refused, with a hint" {
    user_only
    equal 1 "$(inside sh -c 'cut -c 23- /proc/self/uid_map' | tr -d ' ')" ||
        skip "this user was granted ids in /etc/subuid"
    bad "id: *1000*hint: no such id inside*" --user=1000
}

@test "a folder to start in must be there" {
    for folder in /nosuch nosuch /etc/passwd; do
        bad "\"$folder\"" --workdir="$folder"
    done
    bad "dir" --workdir=
    equal /tmp "$(inside -w/tmp pwd)"
    equal /etc "$(inside -wetc pwd)"
}

@test "a host name that is too long is refused" {
    long=$(printf 'x%.0s' {1..65})
    bad "host*name*$long" --hostname="$long"
    equal "${long:1}" "$(inside --hostname="${long:1}" hostname)"
}

@test "a folder for --save must be one" {
    touch "$BATS_TEST_TMPDIR/file"
    bad "$BATS_TEST_TMPDIR/file" --save="$BATS_TEST_TMPDIR/file"
    bad "/proc/nosuch" --save=/proc/nosuch
    bad "--save" --save=
}

@test "--cgroup takes a file of a controller and a value" {
    for setting in "" x cpu.weight cpu.weight= =5 .max=5 ../memory.max=5 \
                   cgroup.procs=1 cgroup.kill=1 memory/x.max=5 /memory.max=5; do
        bad "--cgroup $setting: " --cgroup="$setting"
    done
}

@test "a cgroup file that is not there or refuses the value is refused" {
    root_only
    need_limits
    bad "cgroup: *nosuch.max" --cgroup=nosuch.max=1
    bad "cgroup: *pids.nosuch" --cgroup=pids.nosuch=1
    bad "cgroup: *pids.max" --cgroup=pids.max=banana
    bad "cgroup: *cpu." --cgroup="cpu.max=1 1"
}

@test "a limit that cannot be set here is refused, with a hint" {
    user_only
    if inside -m64M true 2> /dev/null; then
        # Then there must be a group.
        has "$(inside -m64M --without=cgroupns cat /proc/self/cgroup)" "/cage."
        skip "this user may set limits"
    fi
    bad "cgroup: *hint: *Delegate=yes*" -m 64M
    bad "cgroup: *hint: *Delegate=yes*" --pids 10
    bad "cgroup: *hint: *Delegate=yes*" --cpus 0.5
}

@test "a step that does not exist cannot be left out, nor exec" {
    for list in nosuch "" pid, ,pid pid,nosuch "pid net" PID; do
        bad "--without *: " --without="$list"
    done
    bad "--without nosuch" --without=pid,nosuch
    bad "exec" --without=exec
}

@test "more of an option than cage has room for is refused, and it says so" {
    many=()
    for i in {1..70}; do many+=(-e "V$i=1"); done
    bad "more than [0-9]*" "${many[@]}"
    many=()
    for i in {1..40}; do many+=(-v "/tmp:/mnt/$i"); done
    bad "more than [0-9]* volumes" "${many[@]}"
    many=()
    for i in {1..40}; do many+=(--cgroup "pids.max=$i"); done
    bad "more than [0-9]*" "${many[@]}"
}

@test "a very long argument is refused, and the reason is still told" {
    long=$(printf 'x%.0s' {1..100000})
    bad "--memory *: [a-z]" -m "$long"
    bad "--env *: [a-z]" -e "$long"
    bad "--user *: [a-z]" -u "$long"
    bad "too long" -w "$long"
    try cage run "$long" echo ran
    refused "too long"
}

@test "127 if the command is not found, 126 if it cannot be run" {
    for command in nosuch /nosuch ./nosuch bin/nosuch ""; do
        try inside "$command"
        equal 127 "$status"
        has "$output" "cage: exec: *\"$command\"*No such file"
    done
    for command in /etc/passwd /etc ./etc/passwd; do
        try inside "$command"
        equal 126 "$status"
        has "$output" "cage: exec: *\"$command\"*Permission denied"
    done
}

@test "the exit status is the command's, and 128+n if signal n killed it" {
    for code in 0 1 7 124 125 126 127 128 255; do
        try inside sh -c "exit $code"
        equal "$code" "$status"
        equal "" "$output"
    done
    for signal in 1 2 9 11 15; do
        # shellcheck disable=SC2016 # the shell inside expands it
        try inside sh -c 'kill -$0 $$' $signal
        equal $((128 + signal)) "$status"
    done
}

# Words that are wrong, right, or right elsewhere.  No --net COMMAND and no
# ROOTFS of value among them: this makes up commands and runs them.
@test "300 random command lines: no crash, no hang, nothing left" {
    mkdir "$BATS_TEST_TMPDIR/root"
    cd "$BATS_TEST_TMPDIR"
    words=(run steps -- - -n -m -v -e -w -u --name --hostname --memory
           --cpus --pids --cgroup --volume --env --workdir --user --read-only
           --explain --without --without=pid --without=user --without=mount,pid
           --without=rootfs --net=none --help --version -z --nosuch --nosuch=1
           -nx -eA=1 -m1G -u0 -u1:1 --memory=1.5G --pids=5 --hostname=x
           root root root ./root nosuch root:root : = =x A=1 /tmp:/mnt /tmp /mnt
           64M banana -5 0 1 1:2 0.5 nan pid net,uts true /bin/true "" " " %s%n
           é "$(printf 'x%.0s' {1..5000})" $'\n' '*' '$(id)')
    RANDOM=${SEED:=$RANDOM}
    for i in {1..300}; do
        line=(run)
        [ $((RANDOM % 8)) != 0 ] || line=()
        for ((n = RANDOM % 7; n > 0; n--)); do
            line+=("${words[RANDOM % ${#words[@]}]}")
        done
        code=0
        out=$(cage "${line[@]:0:1}" ${line[1]+--name="$NAME"} "${line[@]:1}" \
              2>&1 < /dev/null) || code=$?
        # 127 and 126: an empty ROOTFS has no programs.  timeout's own: 124, 137.
        case $code in
            125) has "$out" "cage: " ;;
            126 | 127) has "$out" "cage: exec: " ;;
            0) has "$out" "[a-z]" ;;            # steps, --help
            137) has "$out" "killed: memory limit" ;;   # --memory 1
            *) echo "SEED=$SEED, line $i, status $code: ${line[*]:0:200}"
               echo "$out"
               false ;;
        esac
    done
}
