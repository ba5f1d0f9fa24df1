# The step dev: a /dev with the few devices that are harmless.
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() { [ -z "${BAIT:-}" ] || remove_bait; }

@test "this is all there is in /dev, and nothing else" {
    equal "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero" \
        "$(inside ls /dev | sort | xargs)"
    equal ptmx "$(inside ls /dev/pts)"
    equal "" "$(inside ls -A /dev/shm)"
}

@test "each device is the one that it says, and all may use it" {
    devices="/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/pts/ptmx"
    # shellcheck disable=SC2086
    equal "1:3 666 1:5 666 1:7 666 1:8 666 1:9 666 5:0 666 5:2 666" \
        "$(inside stat -c '%t:%T %a' $devices | xargs)"
}

# What programs expect of them.
use_devices='echo x > /dev/null && echo y >> /dev/null && [ -z "$(cat /dev/null)" ] &&
    [ "$(head -c 5 /dev/zero | wc -c)" = 5 ] &&
    [ "$(head -c 5 /dev/urandom | wc -c)$(head -c 5 /dev/random | wc -c)" = 55 ] &&
    ! echo x 2> /dev/null > /dev/full && [ -c /dev/null ] && echo they work'

@test "the devices work, for root and for others" {
    equal "they work" "$(inside sh -c "$use_devices")"
    [ "$(id -u)" != 0 ] || equal "they work" "$(inside -u1000 sh -c "$use_devices")"
}

@test "/dev/fd, /dev/stdin, /dev/stdout and /dev/stderr are the command's own" {
    equal "one two" "$(echo one | inside sh -c 'cat /dev/stdin; echo two > /dev/stdout' | xargs)"
    equal three "$(echo three | inside cat /dev/fd/0)"
    equal four "$(inside sh -c 'echo four > /dev/stderr' 2>&1 > /dev/null)"
}

@test "/dev/shm can be written by all, and is not the host's" {
    equal "1777 hello" "$(inside sh -c 'stat -c %a /dev/shm; echo hello > /dev/shm/f; cat /dev/shm/f' | xargs)"
    [ "$(id -u)" != 0 ] || equal "" "$(inside -u1000 touch /dev/shm/f 2>&1)"
    [ ! -e /dev/shm/f ]
    equal 65536 "$(inside df -k /dev/shm | awk 'NR > 1 { print $2 }')"
}

@test "it is a tmpfs of its own, never the host's devtmpfs: no program can be in it" {
    seen=$(inside awk '$5 == "/dev" || $5 == "/dev/shm" || $5 == "/dev/pts"' /proc/self/mountinfo)
    equal "tmpfs devpts tmpfs" "$(sed 's/.* - \([a-z]*\) .*/\1/' <<< "$seen" | xargs)"
    equal 3 "$(grep -c "nosuid.*noexec" <<< "$seen")"
    run inside sh -c 'cp /bin/sh /dev/shm/sh; /dev/shm/sh -c "echo runs"'
    has "$output" "Permission denied"
}

@test "it cannot be used to fill the machine's memory" {
    equal 65536 "$(inside sh -c 'cat /dev/zero > /dev/file; stat -c %s /dev/file' 2> /dev/null)"
    for place in /dev /dev/shm; do
        files=$(inside df -i $place | awk 'NR > 1 { print $2 }')
        [ "$files" -lt 100000 ]
    done
}

@test "the devices of the host are not there" {
    for device in /dev/kmsg /dev/mem /dev/sda /dev/vda /dev/fuse /dev/kvm /dev/net/tun /dev/console; do
        run inside ls "$device"
        has "$output" "No such file"
    done
}

@test "terminals are its own: the first one inside is number 0" {
    seen=$(inside sh -c 'exec 3<> /dev/ptmx; ls /dev/pts' | xargs)
    equal "0 ptmx" "$seen"
}

@test "without dev /dev is what ROOTFS has, and > /dev/null makes a file" {
    run inside --without=dev sh -c 'echo hello > /dev/null; cat /dev/null; ls /dev'
    has "$output" "cage: without dev: tty "
    equal "hello null" "$(tail -n 2 <<< "$output" | xargs)"
}

@test "/dev is made if ROOTFS has none" {
    cp -a "$ROOTFS" copy && rmdir copy/dev
    equal "they work" "$(cage run copy sh -c "$use_devices")"
}

@test "a /dev or /dev/null that ROOTFS has put there is not used, nor written" {
    make_bait
    layer top && mkdir -p top/dev && ln -s "$BAIT/file" top/dev/null
    ln -s "$BAIT" top/dev/shm && echo file > top/dev/zero && ln -s "$BAIT" top/dev/pts
    equal "they work" "$(cage run "top:$ROOTFS" sh -c "$use_devices")"
    bait_untouched
}

@test "a /dev that is a link, and one that is a file, are refused" {
    make_bait
    layer top && ln -s "$BAIT" top/dev
    mkdir -p "top$BAIT"
    run cage run "top:$ROOTFS" true
    refused "dev: /dev is a link in ROOTFS"
    bait_untouched
    layer file && touch file/dev
    run cage run "file:$ROOTFS" true
    refused "dev: "
    has "$output" "Not a directory"
}

@test "if the host's /dev/null is something else, it is not taken" {
    root_only
    echo secret > fake
    run unshare -m --propagation private sh -c 'mount --bind fake /dev/null &&
        "$0" run "$1" true' "$CAGE" "$ROOTFS"
    refused "dev: what the host has for /dev/null is not that device"
    equal secret "$(cat fake)"
}

@test "without that check the fake would be taken" {
    root_only
    echo secret > fake
    mutant 's/if (device && .*/if (0)/'
    equal secret "$(unshare -m --propagation private sh -c 'mount --bind fake /dev/null &&
        "$0" run "$1" cat /dev/null' "$CAGE" "$ROOTFS")"
}
