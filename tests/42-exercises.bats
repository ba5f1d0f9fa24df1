# The exercises: a step that is empty, or whose lines are in disorder, compiles,
# fails its own tests, and no test of a step that it does not concern; the real
# code passes.  Hints help, and do not tell.
load helper

# A copy of the project, whose exercise/ is ours.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/tests"
    cd "$REPO"
    cp -Rp cage cage.c Makefile rootfs tutorial "$BATS_FILE_TMPDIR"
    cp -Rp tests/[!v]* "$BATS_FILE_TMPDIR/tests"
}
setup() {
    need make "${CC:-cc}"
    cd "$BATS_FILE_TMPDIR"
    rm -rf exercise
}

# clean COMMAND...: without what bats puts into the environment, or a bats in a
# bats would take itself for a part of this one.
clean() {
    env -i PATH="$(tr : '\n' <<< "$PATH" | grep -v bats-core | paste -sd :)" \
        TERM=dumb HOME="$BATS_FILE_TMPDIR" CAGE="${CAGE_IN_CELL-}" "$@"
}
exercise() { clean tutorial/exercise "$@" < /dev/null; }
steps() { "$CAGE" steps | sed 's/ .*//'; }

# tests_of STEP: the file.  names_in FILE: of the tests in it.
tests_of() { printf 'tests/%02d-%s.bats' "$(steps | grep -nx "$1" | cut -d: -f1)" "$1"; }
names_in() { sed -n 's/^@test "\(.*\)" {$/\1/p' "$1"; }

# in_cell CAGE FILE [NAME]: run these tests with this program, as grade does.
# Their last line is then in $output, one that begins with ok or not ok.
in_cell() {
    CAGE_IN_CELL=$1 run clean timeout -k 15 90 tests/cell --pids bats --tap \
        ${3:+--filter "^$(sed 's/[][\.*^$()+?{}|/]/\\&/g' <<< "$3")\$"} "$2"
}

# fails STEP: does the exercise, exercise/cage, fail a test of it that the real
# one passes?
fails() {
    local file name
    file=$(tests_of "$1")
    while read -r name; do
        in_cell "$PWD/exercise/cage" "$file" "$name" < /dev/null
        [[ $output != *$'\nok '* ]] || continue
        in_cell "$PWD/cage" "$file" "$name" < /dev/null
        has "$output" $'\nok '
        return
    done < <(names_in "$file")
    echo "no test of $1 fails"
    return 1
}

# compile: with the Makefile's warnings, of which there are none.
compile() {
    run make -s exercise/cage CFLAGS="-O2 -Werror"
    equal "0 " "$status $output"
}

# Two steps that STEP does not concern.
unconcerned() {
    case $1 in
        # Tests that have a call of unshare refused count these calls, so those
        # of a later step are concerned; and one of uts runs as the real root.
        uts) echo cgroupns id ;;
        ipc) echo cgroupns uts ;;
        private) echo cgroupns ipc ;;
        # Nearly all tests look into /proc, inside.
        proc) ;;
        # Those of ipc wait for the three processes of a container.
        init) echo uts id ;;
        *) echo uts ipc ;;
    esac
}

# is_exercise STEP: all of it.
is_exercise() {
    exercise exercise "$1"
    compile
    fails "$1"
    # One that cannot start a container at all concerns every step.
    if timeout -k 1 20 exercise/cage run rootfs true; then
        for other in $(unconcerned "$1"); do
            in_cell "$PWD/exercise/cage" "$(tests_of "$other")"
            hasnt "$output" $'\nnot ok '
            has "$output" $'\nok '
        done
    fi
    rm -r exercise
    run exercise exercise "$1" order
    [[ $output != "Nothing to sort"* ]] || return 0
    compile
    fails "$1"
}

@test "cgroup: empty or in disorder it fails its own tests, and no others" { is_exercise cgroup; }
@test "user: empty or in disorder it fails its own tests, and no others" { is_exercise user; }
@test "cgroupns: empty or in disorder it fails its own tests, and no others" { is_exercise cgroupns; }
@test "mount: empty or in disorder it fails its own tests, and no others" { is_exercise mount; }
@test "private: empty or in disorder it fails its own tests, and no others" { is_exercise private; }
@test "uts: empty or in disorder it fails its own tests, and no others" { is_exercise uts; }
@test "ipc: empty or in disorder it fails its own tests, and no others" { is_exercise ipc; }
@test "net: empty or in disorder it fails its own tests, and no others" { is_exercise net; }
@test "time: empty or in disorder it fails its own tests, and no others" { is_exercise time; }
@test "pid: empty or in disorder it fails its own tests, and no others" { is_exercise pid; }
@test "rootfs: empty or in disorder it fails its own tests, and no others" { is_exercise rootfs; }
@test "dev: empty or in disorder it fails its own tests, and no others" { is_exercise dev; }
@test "proc: empty or in disorder it fails its own tests, and no others" { is_exercise proc; }
@test "sys: empty or in disorder it fails its own tests, and no others" { is_exercise sys; }
@test "volumes: empty or in disorder it fails its own tests, and no others" { is_exercise volumes; }
@test "mask: empty or in disorder it fails its own tests, and no others" { is_exercise mask; }
@test "pivot: empty or in disorder it fails its own tests, and no others" { is_exercise pivot; }
@test "fds: empty or in disorder it fails its own tests, and no others" { is_exercise fds; }
@test "caps: empty or in disorder it fails its own tests, and no others" { is_exercise caps; }
@test "id: empty or in disorder it fails its own tests, and no others" { is_exercise id; }
@test "nnp: empty or in disorder it fails its own tests, and no others" { is_exercise nnp; }
@test "seccomp: empty or in disorder it fails its own tests, and no others" { is_exercise seccomp; }
@test "init: empty or in disorder it fails its own tests, and no others" { is_exercise init; }
@test "tty: empty or in disorder it fails its own tests, and no others" { is_exercise tty; }
@test "exec: empty or in disorder it fails its own tests, and no others" { is_exercise exec; }

@test "every step has its exercise here" {
    equal "$(steps)" "$(sed -n 's/^@test ".*{ is_exercise \([a-z]*\); }$/\1/p' "$BATS_TEST_FILENAME")"
}

# ----------------------------------------------------------------------- hints

# hints STEP: the paragraphs of its file but the first, one on a line.
hints() { awk -v RS= 'NR > 1 { gsub(/\n/, " "); print }' "tutorial/exercises/$1"; }

@test "every step has three hints or more, and says which steps it leans on" {
    equal "$(steps | sort)" "$(ls tutorial/exercises)"
    for step in $(steps); do
        [ "$(hints "$step" | wc -l)" -ge 3 ] || { echo "too few hints: $step"; return 1; }
        needs=$(sed -n 's/^needs: //p' "tutorial/exercises/$step")
        [[ $needs == nothing* ]] || has " $(steps | xargs) " " ${needs%%[!a-z]*} "
    done
}

# told STEP: the lines of its code that stand in its hints.
told() {
    sed -n "/^static void step_$1(/,/^}/{s/^ *//; /^\/\*/d; /^\* /d; p;}" cage.c |
        awk 'NR > 1 && length > 11' | while read -r line; do
            if tr -s '\n ' '  ' < "tutorial/exercises/$1" | grep -oF -- "$line"; then :; fi
        done
}

@test "no hint tells a line of the code" {
    for step in $(steps); do equal "" "$(told "$step")"; done
    echo 'Write TRY(unshare(CLONE_NEWUTS)); here.' >> tutorial/exercises/uts
    equal "TRY(unshare(CLONE_NEWUTS));" "$(told uts)"
    cp "$REPO/tutorial/exercises/uts" tutorial/exercises
}

@test "what the hints name of cage.c is there" {
    named=$(grep -ohE '\b[a-z_]+_[a-z_]+\(\)|c->[a-z0-9_]+|\b(TRY|KERNEL|JUMP|FAIL_WITH|RETURN)\b|\b[A-Z]+(_[A-Z]+)+\b' \
        tutorial/exercises/* | sort -u)
    has "$named" 'mount_new()*'
    for word in $named; do
        grep -qE -- "${word%()}\b" cage.c || { echo "cage.c has no $word"; return 1; }
    done
}

@test "each time there is one hint more, until there is none" {
    for given in 1 2 3 3; do
        run exercise hint uts
        equal "$(hints uts | head -n $given | xargs -0)" \
            "$(awk -v RS= '!/^\(/ { gsub(/\n/, " "); print }' <<< "$output" | xargs -0)"
        has "$output" "of 3 hints"
    done
    has "$output" "make solution STEP=uts"
    has "$(exercise hint ipc)" "(1 of 3 hints)"         # each step for itself
}

# ------------------------------------------------- what the four commands say

@test "exercise/cage.c is cage.c but for this step" {
    exercise exercise uts
    equal "$(diff <(sed '/^static void step_uts/,/^}/d' cage.c) \
                  <(sed '1,/^$/d; /^static void step_uts/,/^}/d' exercise/cage.c))" ""
    grep -q '^/\* cage.c: a container, step by step.$' exercise/cage.c
}

@test "an exercise is never overwritten without asking" {
    exercise exercise uts
    echo "/* mine */" >> exercise/cage.c
    before=$(< exercise/cage.c)
    for answer in '' n no '
'; do
        run tutorial/exercise exercise ipc <<< "$answer"
        equal 1 "$status"
        has "$output" "stays as it is"
        equal "$before" "$(< exercise/cage.c)"
    done
    run exercise exercise ipc                           # nobody there to answer
    equal "$before" "$(< exercise/cage.c)"
    # Who says yes does not lose it either, not even the second time.
    tutorial/exercise exercise ipc <<< y
    equal "$before" "$(< exercise/cage-uts.c)"
    tutorial/exercise exercise uts <<< y
    tutorial/exercise exercise uts <<< y
    equal 1 "$(cat exercise/* | grep -cF '/* mine */')"
    has "$(tutorial/exercise hint uts)" "1 of"
}

@test "grade: what is done, and what is next" {
    exercise exercise uts
    run exercise grade
    equal 1 "$status"
    has "$output" "uts: a host name of its own"
    has "$output" "FAIL  the host name inside is ours to choose"
    has "$output" "expected: lab*seen: *in: * tests/06-uts.bats, line [1-9]"
    has "$output" "uts_namespaces(7)"
    has "$output" "make hint STEP=uts"
    has "$(exercise hint)" "First a namespace of your own"     # STEP: the same
    cp cage.c exercise/cage.c
    run exercise grade
    equal 0 "$status"
    has "$output" "done: uts.  These are 1 of 25 steps."
    has "$output" "make exercise STEP=user"
    has "$(exercise exercise)" "x uts "
}

@test "grade: what does not compile is shown" {
    exercise exercise uts
    sed -i 's/Yours to write. \*\//&mistake/' exercise/cage.c
    run exercise grade
    equal 1 "$status"
    has "$output" "exercise/cage.c:*error:*mistake"
    has "$output" "It does not compile yet"
}

@test "grade: one that waits for ever is not waited for" {
    exercise exercise uts
    sed -i 's/Yours to write. \*\//&\n    pause();/' exercise/cage.c
    run exercise grade
    equal 1 "$status"
    has "$output" "has not ended after 5 seconds"
    hasnt "$output" FAIL            # no test has been tried
}

@test "grade: a wrong solution does no harm, and leaves nothing" {
    exercise exercise nnp
    # At the very beginning, as whoever typed the command: let it rename the
    # machine, mount on it, and leave a process.
    sed -i '/^static int run(struct cage/a\
        setenv("MARK", "86407", 1); if (fork() == 0) { setsid(); close_range(0, ~0U, 0); execlp("sleep", "sleep", "86407", NULL); }\
        mount("wrong", "/mnt", "tmpfs", 0, NULL); sethostname("wrong", 5);' exercise/cage.c
    before=$(hostname; cat /proc/self/mountinfo)
    run exercise grade
    has "$output" "FAIL"
    equal "$before" "$(hostname; cat /proc/self/mountinfo)"
    equal "" "$(pgrep -f 'sleep 86407')"
}

@test "solution: the difference, and the explanation" {
    exercise exercise uts
    run tutorial/exercise solution uts
    has "$output" "=== child: uts ===*See: *uts_namespaces(7)"
    has "$output" $'\n+    TRY(unshare(CLONE_NEWUTS));'
    run tutorial/exercise solution ipc                  # no exercise is begun
    has "$output" "static void step_ipc(struct cage \*c) {*TRY(unshare(CLONE_NEWIPC));"
    cp cage.c exercise
    has "$(tutorial/exercise solution uts)" "they are the same"
}

@test "make runs all of it, and a step that does not exist is named" {
    has "$(make exercise)" "uts *a host name of its own"
    has "$(make exercise STEP=uts LEVEL=order < /dev/null)" "exercise/cage.c: step_uts()"
    has "$(< exercise/cage.c)" "These lines are right, but not their order"
    has "$(make hint STEP=uts)" "(1 of 3 hints)"
    has "$(make solution STEP=uts)" "setdomainname"
    has "$(make exercise STEP=nosuch 2>&1)" "no step nosuch"
    rm -r exercise
    has "$(make exercise STEP=ipc LEVEL=order)" "Nothing to sort in ipc"
}
