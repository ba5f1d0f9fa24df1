# The text cannot drift: every command that the chapters and the README show is
# run, and what it prints compared; every piece of cage.c that they quote is
# compared with cage.c; and a step has the same name here as everywhere.
load helper

CHAPTERS="00-start 01-process 02-uts 03-user 04-pid 05-mount 06-rootfs 07-proc
    08-layers 09-net 10-time 11-cgroup 12-fds 13-caps 14-seccomp 15-tty 16-init
    17-life 18-beyond"

texts() { ls "$REPO"/README.md "$REPO"/tutorial/*.md "$REPO"/tutorial/*/README.md 2> /dev/null; }
all_written() {
    for chapter in $CHAPTERS; do [ -e "$REPO/tutorial/$chapter/README.md" ] || return; done
}

# ------------------------------------------------------------------ the commands

# runs FILE: do its commands print what it says?  What was left out, and why,
# goes to the terminal; if that was everything the test is skipped.
runs() {
    [ -e "$REPO/$1" ] || skip "it is not written yet"
    cd "$REPO"
    run tests/transcript "$1"
    echo "$output"
    [ "$status" = 0 ]
    sed -n 's/^.*: skipped: /# &/p' <<< "$output" >&3
    [[ $output != *": 0 commands, "[1-9]* ]] || skip "nothing of it can run here"
}

@test "README.md: every command prints what it says" { runs README.md; }
@test "00-start: every command prints what it says" { runs tutorial/00-start/README.md; }
@test "01-process: every command prints what it says" { runs tutorial/01-process/README.md; }
@test "02-uts: every command prints what it says" { runs tutorial/02-uts/README.md; }
@test "03-user: every command prints what it says" { runs tutorial/03-user/README.md; }
@test "04-pid: every command prints what it says" { runs tutorial/04-pid/README.md; }
@test "05-mount: every command prints what it says" { runs tutorial/05-mount/README.md; }
@test "06-rootfs: every command prints what it says" { runs tutorial/06-rootfs/README.md; }
@test "07-proc: every command prints what it says" { runs tutorial/07-proc/README.md; }
@test "08-layers: every command prints what it says" { runs tutorial/08-layers/README.md; }
@test "09-net: every command prints what it says" { runs tutorial/09-net/README.md; }
@test "10-time: every command prints what it says" { runs tutorial/10-time/README.md; }
@test "11-cgroup: every command prints what it says" { runs tutorial/11-cgroup/README.md; }
@test "12-fds: every command prints what it says" { runs tutorial/12-fds/README.md; }
@test "13-caps: every command prints what it says" { runs tutorial/13-caps/README.md; }
@test "14-seccomp: every command prints what it says" { runs tutorial/14-seccomp/README.md; }
@test "15-tty: every command prints what it says" { runs tutorial/15-tty/README.md; }
@test "16-init: every command prints what it says" { runs tutorial/16-init/README.md; }
@test "17-life: every command prints what it says" { runs tutorial/17-life/README.md; }
@test "18-beyond: every command prints what it says" { runs tutorial/18-beyond/README.md; }
@test "stepping: every command prints what it says" { runs tutorial/stepping.md; }
@test "the plan: every command prints what it says" { runs tutorial/README.md; }

@test "these are all the texts that have commands to run" {
    cd "$REPO"
    for text in tutorial/*.md tutorial/*/README.md; do
        ! grep -qs '^```console' "$text" || grep -q "{ runs $text; }" "$BATS_TEST_FILENAME" ||
            { echo "nobody runs the commands of $text"; return 1; }
    done
}

# ------------------------------------------------------------ code, names, form

@test "what is quoted of cage.c is as it is in cage.c" {
    run "$REPO/tests/quotes" $(texts)
    equal "" "$output"
}

@test "every step is quoted, and has its exercise, in a chapter" {
    all_written || skip "not all chapters are written yet"
    for step in $("$CAGE" steps | sed 's/ .*//'); do
        for what in "<!-- cage.c: step_$step" "exercise STEP=$step"; do
            cat "$REPO"/tutorial/*/README.md | grep -q "$what\\b" ||
                { echo "in no chapter: $what"; return 1; }
        done
    done
}

# steps_named TEXT...: what these texts take for a step.
steps_named() {
    grep -ohE -- '(--without[= ]|STEP=|\bstep_)[a-z]+(,[a-z]+)*' "$@" |
        sed -E 's/^(--without[= ]|STEP=|step_)//' | tr , '\n' | sort -u
}

@test "what the texts call a step is a step" {
    echo 'make hint STEP=uts, --without=pid,net, step_ipc()' > "$BATS_TEST_TMPDIR/text"
    equal "ipc net pid uts" "$(steps_named "$BATS_TEST_TMPDIR/text" | xargs)"
    for step in $(steps_named $(texts)); do
        "$CAGE" steps | grep -q "^$step " || { echo "no such step: $step"; return 1; }
    done
}

# form CHAPTER.md: what is not as it should be; nothing if it all is.
form() {
    [[ $(head -n 1 "$1") == "# "[0-9][0-9]\ * ]] || echo "the first line is not # NN NAME: ..."
    diff <(printf '## %s\n' Question Prediction Experiment "Break it" "The code" Why \
               Exercise "Read on") <(grep '^## ' "$1")
    # An address can rot; a manual page, or a file of the kernel, is named.
    grep -nE 'https?://' "$1" | sed 's/^/an address: /'
}

@test "every chapter has the same sections, in the same order" {
    for text in "$REPO"/tutorial/[0-9]*/README.md; do
        [ -e "$text" ] || skip "no chapter is written yet"
        equal "" "$(form "$text")" || { echo "in $text"; return 1; }
    done
}

@test "chapters are called and numbered as planned" {
    cd "$REPO/tutorial"
    for chapter in [0-9]*/; do
        [ -e "$chapter" ] || skip "no chapter is written yet"
        has " $(xargs <<< "$CHAPTERS") " " ${chapter%/} "
    done
}

# ---------------------------------------------- that these tests can fail at all

# sample: a small chapter, sample.md.  changed SED-SCRIPT: one that is not right.
sample() {
    cd "$BATS_TEST_TMPDIR"
    cat > sample.md
    cp sample.md changed.md
}
changed() {
    sed "$1" sample.md > changed.md
    run cmp -s sample.md changed.md
    [ "$status" = 1 ] || { echo "this changes nothing: $1"; return 1; }
    run "$REPO/tests/$2" changed.md
}
transcript() { run "$REPO/tests/transcript" "$1"; }
whole() {
    sample << 'END'
# 02 uts: a sample

```console
host$ ./cage run rootfs hostname
cage
host$ x=5; cd tests
host$ echo "$x ${PWD##*/}"; cd ..
5 tests
host$ ./cage run rootfs /bin/sh
cage# hostname
cage
cage# y="it's"
host2$ ./cage run --hostname=other rootfs hostname
other
cage# for i in 1 2; do
> echo "$i $y"
> done
1 it's
2 it's
cage# ps
PID USER ...
...
  1 ... init
...
cage# exit 3
host$ echo $?
3
```
END
}

@test "transcript: commands of three shells, and what they print" {
    whole
    transcript sample.md
    equal "sample.md: 11 commands, 0 blocks skipped" "$output"
    equal 0 "$status"
}

@test "transcript: also by dash and by busybox" {
    whole
    for shell in dash busybox; do
        need "$shell"
        mkdir "$shell"
        ln -s "$(command -v "$shell")" "$shell/sh"
        PATH=$PWD/$shell:$PATH transcript sample.md
        equal "sample.md: 11 commands, 0 blocks skipped" "$output"
    done
}

@test "transcript: a changed line of output makes it fail, and is named" {
    whole
    for change in '5s/cage/cag/' '8s/5/6/' '11s/^/x/' '14s/other/cage/' '18s/1/2/' \
        '19d' '23s/init/unit/' '27s/3/0/' '27p' '27d'; do
        changed "$change" transcript
        equal 1 "$status"
        has "$output" "changed.md:${change%%[!0-9]*}: *expected: *seen: " ||
            [[ $change == *[pd] ]]      # then it is the line before or after
    done
    equal "0 1" "$(transcript sample.md; echo -n "$status "; changed 5d transcript; echo "$status")"
}

@test "transcript: what ... stands for" {
    sample << 'END'
```console
host$ seq 5
1
...
4
...
host$ seq 1
...
1
...
host$ echo hello big world
hello ... w...d
host$ echo "  a   b"
a b
host$ echo
```
END
    transcript sample.md
    equal 0 "$status"
    for change in '5s/4/6/' '4d' '12s/d$/x/' '12s/hello/low/' '14s/ //'; do
        changed "$change" transcript
        equal 1 "$status"
    done
}

@test "transcript: a block is skipped with the reason, and the container it would open" {
    sample << 'END'
```console
host$ echo one
one
```
<!-- needs: nosuchprogram -->
```console
host$ ./cage run rootfs /bin/sh
```
```console
cage# echo two
wrong
```
<!-- not run: it would take a day -->
```console
host$ sleep 86400
```
<!-- as: user -->
```console
host$ test "$(id -u)" = 0; echo $?
1
```
```console
host# id -u
0
```
END
    transcript sample.md
    equal 0 "$status"
    has "$output" "sample.md:7: skipped: nosuchprogram is not installed"
    has "$output" "sample.md:15: skipped: it would take a day"
    if [ "$(id -u)" = 0 ]; then
        has "$output" "sample.md:19: skipped: it is for user"
    else
        has "$output" "sample.md:23: skipped: it is for root"
    fi
    has "$output" ": 2 commands, 3 blocks skipped"
    TIMEOUT=1 changed 's/needs/neds/' transcript
    equal 1 "$status"
    has "$output" "not understood"
}

@test "transcript: a command that does not end is ended, and nothing is left" {
    sample << 'END'
```console
host$ (trap '' TERM; sleep 86401) & sleep 86402 &
host$ ./cage run rootfs sleep 86403 &
host$ ./cage run rootfs /bin/sh
cage# sleep 86404
```
END
    TIMEOUT=2 TMPDIR=$PWD transcript sample.md
    equal 1 "$status"
    has "$output" "sample.md:5: has not ended after 2 s: sleep 86404"
    equal "" "$(pgrep -fl 'sleep 8640[1-4]')"
    equal "changed.md sample.md" "$(ls | xargs)"
}

@test "transcript: who interrupts it leaves nothing either" {
    sample << 'END'
```console
host$ ./cage run rootfs sleep 86405
```
END
    TMPDIR=$PWD "$REPO/tests/transcript" sample.md 3>&- &
    wait_for 30 pgrep -f '^sleep 86405'
    kill $!
    wait $! || status=$?
    equal 130 "$status"
    equal "" "$(pgrep -fl 'sleep 86405')"
    equal "changed.md sample.md" "$(ls | xargs)"
}

@test "transcript: what root mounts and renames there is not so on the machine" {
    root_only
    need unshare hostname
    sample << 'END'
```console
host# mount -t tmpfs x tests && mountpoint -q tests; echo $?
0
host# hostname sample; hostname
sample
```
END
    before=$(hostname; cat /proc/self/mountinfo)
    transcript sample.md
    equal 0 "$status"
    equal "$before" "$(hostname; cat /proc/self/mountinfo)"
}

@test "transcript: folders that an overlay leaves are removed, too" {
    sample << 'END'
```console
host$ ./cage run --save=kept rootfs sh -c 'rm -r /root'; ls kept
upper
work
```
END
    TMPDIR=$PWD transcript sample.md
    equal "sample.md: 1 commands, 0 blocks skipped" "$output"
    equal "changed.md sample.md" "$(ls | xargs)"
}

@test "quotes: written, compared, and a changed line is named" {
    sample << 'END'
<!-- cage.c: step_uts -->
```c
```
<!-- cage.c: banner uts -->
```c
```
<!-- cage.c: step_uts "unshare" 1 -->
```c
```
The end.
END
    run "$REPO/tests/quotes" sample.md
    equal 1 "$status"
    "$REPO/tests/quotes" --write sample.md
    run "$REPO/tests/quotes" sample.md
    equal "0 " "$status $output"
    has "$(< sample.md)" 'static void step_uts(struct cage \*c) {*
}
```'
    has "$(< sample.md)" '/\* ===* child: uts ===*See:*'
    has "$(< sample.md)" '```
The end.'
    for change in '4s/NEWUTS/NEWIPC/' '4d' '4p'; do
        changed "$change" quotes
        equal 1 "$status"
        has "$output" "changed.md:[45]: not as in cage.c: step_uts"
    done
    changed '1s/uts/nosuch/' quotes
    has "$output" "changed.md:2: cage.c has no step_nosuch"
}

@test "quotes: a change of cage.c makes it fail" {
    sample <<< '<!-- cage.c: step_uts -->
```c
```'
    "$REPO/tests/quotes" --write sample.md
    sed '/static void step_uts/,/^}/s/TRY(unshare/TRY( unshare/' "$REPO/cage.c" > cage.c
    SOURCE=$PWD/cage.c run "$REPO/tests/quotes" sample.md
    equal 1 "$status"
    has "$output" "sample.md:4: not as in cage.c: step_uts"
}

@test "a chapter without a section, or with an address, has not the form" {
    sample < <(echo "# 02 uts: a sample"
               printf '## %s\n' Question Prediction Experiment "Break it" "The code" Why \
                   Exercise "Read on")
    equal "" "$(form sample.md)"
    for change in 1d 3d '4s/.*/## More/' '5{h;d};6G' '$s|$|\nhttps://example.org|'; do
        sed "$change" sample.md > changed.md
        has "$(form changed.md)" "?"
    done
}
