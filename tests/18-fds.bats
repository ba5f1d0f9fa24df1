# The step fds: no open file of the host gets in, nor a directory outside.
load helper
load helper-files
load helper-programs

setup() {
    cd "$BATS_TEST_TMPDIR"
    make_bait
}
teardown() { remove_bait; }

# The descriptors of the command itself: nothing is opened to look at them.
descriptors='for fd in /proc/self/fd/*; do fd=${fd##*/}; [ ! -e /proc/$$/fd/$fd ] || echo $fd; done'

@test "the command gets standard input, output and error, and nothing else" {
    equal "0 1 2" "$(inside sh -c "$descriptors" 7< "$BAIT" 8>> file 99< "$BAIT/file" | xargs)"
}

@test "without fds what was open outside is open inside, and leads out" {
    seen=$(inside --without=fds sh -c "$descriptors" 7< "$BAIT" | xargs)
    has " $seen " " 7 "
    equal precious "$(inside --without=fds cat /proc/self/fd/7/file 7< "$BAIT")"
    run inside cat /proc/self/fd/7/file 7< "$BAIT"
    has "$output" "No such file"
}

@test "it starts in /, wherever cage was started" {
    cd "$BAIT"
    equal "/ /" "$(inside sh -c 'pwd; readlink /proc/self/cwd' | xargs)"
}

@test "--workdir is a folder inside, also through a link in ROOTFS" {
    equal /home "$(inside --workdir=/home pwd)"
    layer top && ln -s /home top/link
    equal /home "$(cage run -w/link "top:$ROOTFS" pwd -P)"
    equal /bin "$(cage run -wbin "top:$ROOTFS" pwd)"
}

@test "--workdir through a descriptor that was left open is refused (CVE-2024-21626)" {
    run inside --workdir=/proc/self/fd/7 cat file 7< "$BAIT"
    refused "cage: fds: "
    # The same folder by a name that ROOTFS made up for it.
    layer top && ln -s /proc/self/fd/7 top/app
    run cage run --workdir=/app "top:$ROOTFS" cat file 7< "$BAIT"
    refused "cage: fds: "
    # And one above it.
    run cage run --workdir=/app/.. "top:$ROOTFS" cat file 7< "$BAIT"
    refused "fds: "
}

@test "without fds the container starts on the host" {
    equal precious "$(inside --without=fds --workdir=/proc/self/fd/7 cat file 7< "$BAIT")"
    layer top && ln -s /proc/self/fd/7 top/app
    equal precious "$(cage run --without=fds --workdir=/app "top:$ROOTFS" cat file 7< "$BAIT")"
}

# What cage itself has open while it starts: the host's /proc, for one.
@test "no descriptor of cage's own leads out either" {
    out=0
    for fd in {3..16}; do
        # Does the path below it lead to a process of the host?
        run inside --workdir=/proc/self/fd/$fd cat $$/comm
        hasnt "$output" "$(cat /proc/$$/comm)"
        run inside --without=fds --workdir=/proc/self/fd/$fd cat $$/comm
        [ "$output" != "$(cat /proc/$$/comm)" ] || out=1
    done
    equal 1 $out        # without fds there is one that does
}

@test "--workdir that is not there, or no folder, is refused" {
    run inside --workdir=/nowhere true
    refused 'chdir("/nowhere"): No such file or directory'
    run inside --workdir=/etc/passwd true
    refused 'chdir("/etc/passwd"): Not a directory'
}

@test "standard input, output or error that is closed stays closed" {
    equal "1 2" "$(inside sh -c "$descriptors" <&- | xargs)"
    equal "0 1" "$(inside sh -c "$descriptors" 2>&- | xargs)"
    inside sh -c '[ ! -e /proc/$$/fd/1 ]' >&-
}
