# The step exec: become the program that was asked for, with nothing of the
# caller's but its arguments.
bats_require_minimum_version 1.5.0
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }

# write_script PATH TEXT: an executable file in a layer above ROOTFS.
write_script() {
    layer top
    mkdir -p "top/$(dirname "$1")"
    printf '%s\n' "$2" > "top/$1"
    chmod 755 "top/$1"
    ROOTFS=$BATS_TEST_TMPDIR/top:${ROOTFS#"$BATS_TEST_TMPDIR/top:"}
}

# ----------------------------------------------------------------- environment

@test "the environment is clean: PATH and HOME, and of the caller's only TERM" {
    equal "HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=vt100" \
        "$(TERM=vt100 SECRET=hunter2 LD_PRELOAD='' inside env | sort | xargs)"
    equal "" "$(env -u TERM "$CAGE" run "$ROOTFS" env | grep TERM || :)"
}

@test "-e sets a variable, also PATH, an empty one, one with = and spaces" {
    equal "A=b c=d" "$(inside "-eA=b c=d" env | grep ^A)"
    equal "EMPTY=" "$(inside --env=EMPTY= env | grep EMPTY)"
    equal "PATH=/bin" "$(inside -ePATH=/bin -eX=1 env | grep PATH)"
    equal "two" "$(inside -eA=one -eA=two sh -c 'echo $A')"
    run -127 inside -ePATH=/nowhere ls
}

# -------------------------------------------------------- what execve would keep

@test "the umask is 022, whatever the caller has" {
    equal 0022 "$(umask 077; inside sh -c umask)"
    equal 644 "$(umask 000; inside sh -c 'echo > /f; stat -c %a /f')"
}

@test "signals that the caller ignores or blocks are not ignored or blocked" {
    program ignore
    ignore=$BATS_FILE_TMPDIR/programs/ignore
    awk='/^Sig(Ign|Blk)/ { print $2 }'
    equal "fffffffffffbfeff fffffffffffbfeff" "$("$ignore" awk "$awk" /proc/self/status | xargs)"
    equal "0000000000000000 0000000000000000" \
        "$(timeout -k 1 10 "$ignore" "$CAGE" run "$ROOTFS" awk "$awk" /proc/self/status | xargs)"
}

@test "if they were not reset the command would ignore them" {
    mutant 's/KERNEL(rt_sigaction, .*);/;/'
    hasnt "$(trap '' USR1; inside awk '/^SigIgn/ { print $2 }' /proc/self/status)" 0000000000000000
}

# ------------------------------------------------------------------- arguments

@test "the arguments arrive as they are: options, empty ones, spaces, newlines" {
    write_script show 'for a; do echo "<$a>"; done'
    equal $'<-l>\n<>\n<a b>\n<c\nd>\n<--name>\n<--without=pid>' \
        "$(inside sh /show -l "" "a b" $'c\nd' --name --without=pid)"
}

@test "without a command it is /bin/sh" {
    equal hello "$(echo 'echo hello' | cage run "$ROOTFS")"
}

@test "a name without / is searched in PATH, in its order" {
    write_script usr/local/bin/ls '#!/bin/sh
echo mine'
    equal mine "$(inside ls)"
    equal mine "$(inside /usr/local/bin/ls)"
    hasnt "$(inside /bin/ls)" mine
}

@test "a path is looked up in --workdir, if it is relative" {
    write_script home/hello '#!/bin/sh
echo hello'
    equal hello "$(inside --workdir=/home ./hello)"
    run -127 inside ./hello
}

# --------------------------------------------------------------- what goes wrong

# failed TEXT: after `run`: one line from the step exec.
failed() {
    has "$output" "cage: exec: execve($1"
    equal 1 "$(grep -vc '^hint: ' <<< "$output")"
}

@test "a command that is not there: 127" {
    run -127 inside no-such-command
    failed '"no-such-command"): No such file or directory'
    has "$output" "hint: it or its interpreter or loader is not inside"
    run -127 inside /no/such/command
    failed '"/no/such/command"): No such file or directory'
    run -127 inside ""
    failed '""): No such file or directory'
}

@test "a command that cannot be executed: 126" {
    run -126 inside /etc/passwd
    failed '"/etc/passwd"): Permission denied'
    run -126 inside /etc
    failed '"/etc"): Permission denied'
    run -126 inside /etc/passwd/x
    failed '"/etc/passwd/x"): Not a directory'
}

@test "a script whose interpreter is missing: 127, and a hint" {
    write_script hello '#!/no/such/shell
echo hello'
    run -127 inside /hello
    failed '"/hello"): No such file or directory'
    has "$output" "hint: it or its interpreter"
}

@test "a program whose loader is missing, as in an image without libc: the same hint" {
    need cc
    layer top
    printf 'int main(void) { return 0; }' > main.c
    cc -o top/main main.c -Wl,--dynamic-linker=/no/such/loader
    run -127 cage run "top:$ROOTFS" /main
    failed '"/main"): No such file or directory'
    has "$output" "or loader is not inside"
}

@test "a script without #! is run by /bin/sh, if the libc does that" {
    write_script hello 'echo "hello $1"'
    run inside /hello world
    # glibc's execvp(3) goes on with /bin/sh, musl's says what the kernel says.
    if grep -qi glibc "$CAGE"; then
        equal "hello world" "$output"
    else
        equal 'cage: exec: execve("/hello"): Exec format error' "$output"
    fi
}

@test "exec cannot be left out" {
    run inside --without=exec true
    refused "--without exec: no step that can be left out"
}
