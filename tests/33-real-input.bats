# Root file systems as people have them: the one that make fills, a Debian, an
# image of one program, odd places; and many containers one after another and
# at once.
load helper
load helper-machine

setup() { before=$(machine); }
teardown() {
    chmod -R u+w "$BATS_TEST_TMPDIR"        # or bats cannot remove it
    machine_unchanged
}

# works ROOTFS: the tools of every day do their work in it.
works() {
    local ROOTFS=$1
    equal HELLO "$(inside sh -c 'echo hello | tr a-z A-Z')"
    equal root "$(inside id -un)"
    equal 3 "$(inside sh -c 'seq 5 | tail -n +3 | grep -c .')"
    equal moved "$(inside sh -c 'echo moved > /tmp/a && mv /tmp/a /root/b && cat /root/b')"
    try inside cat /root/b
    hasnt "$output" moved
    has "$(inside ps)" "PID"
    equal 7 "$(inside sh -c 'sleep 0.1 & wait; exit 7' || echo $?)"
    [ ! -e "$ROOTFS/root/b" ]
}

# fill KIND: a copy of our rootfs, filled anew.
fill() {
    cp -a "$REPO/rootfs" "$BATS_TEST_TMPDIR/rootfs"
    "$BATS_TEST_TMPDIR/rootfs/.fill" "$1"
    equal "$1" "$(cat "$BATS_TEST_TMPDIR/rootfs/.filled")"
}

# image FOLDER: a small root file system, only a shell and nothing to mount on.
image() {
    mkdir -p "$1/bin"
    tar -C "$ROOTFS" --exclude='./.*' --exclude=./etc --exclude=./dev \
        --exclude=./proc --exclude=./sys --exclude=./tmp -c . |
        (cd "$1" && tar -x)
}

# mounting COMMANDS: as own_mounts, but the first that fails ends them.
mounting() { own_mounts "set -eu; $1"; }

# Take from output what cage says where the tests lie on a file system that root
# cannot id-map (tmpfs before Linux 6.3).
no_note() { output=$(grep -v '^cage: .* copied into memory$' <<< "$output" || true); }

@test "rootfs, as make has filled it" {
    works "$ROOTFS"
}

@test "rootfs filled with busybox" {
    need busybox
    fill busybox
    works "$BATS_TEST_TMPDIR/rootfs"
    has "$(readlink "$BATS_TEST_TMPDIR/rootfs/bin/ls")" busybox
}

@test "rootfs filled with the machine's own tools and their libraries" {
    need ldd ps
    case $(readlink -f "$(command -v ls)") in
        *busybox*) skip "this machine's own tools are busybox" ;;
    esac
    fill host
    works "$BATS_TEST_TMPDIR/rootfs"
    [ ! -e "$BATS_TEST_TMPDIR/rootfs/bin/busybox" ]
}

# ---- A real distribution.  CAGE_DEBIAN is a folder where it is kept from one
# run of the tests to the next (the ordinary user can use what root has made);
# without it, it is made and thrown away.  In CI that may take a minute.
debian() {
    DEBIAN=${CAGE_DEBIAN:-$BATS_FILE_TMPDIR}
    if [ ! -e "$DEBIAN/debian.tar" ]; then
        [ "$(id -u)" = 0 ] || skip "only root can make a Debian (and keep it in CAGE_DEBIAN)"
        need debootstrap unshare tar
        [ ! -e "$DEBIAN/failed" ] || skip "debootstrap has failed, or takes too long"
        mirror=$(grep -rhv '^ *#' /etc/apt/sources.list* 2> /dev/null |
                 grep -oE 'https?://[^ ]*/(debian|ubuntu)/?( |$)' | head -n 1)
        suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
        rm -rf "$DEBIAN/debian"
        # debootstrap mounts things: not where others see them.
        patience=300
        [ -z "${CI:-}" ] || patience=60
        timeout "$patience" unshare --mount --propagation private debootstrap \
            --variant=minbase "$suite" "$DEBIAN/debian" ${mirror:+"${mirror% }"} \
            > "$DEBIAN/log" 2>&1 < /dev/null 3>&- ||
            { touch "$DEBIAN/failed"
              skip "debootstrap has failed, or takes too long: $(tail -n 1 "$DEBIAN/log")"; }
        tar -C "$DEBIAN/debian" -cf "$DEBIAN/making" .
        mv "$DEBIAN/making" "$DEBIAN/debian.tar"
        chmod 755 "$DEBIAN"
    fi
}

is_debian() {
    try cage run "$1" dpkg -l
    equal 0 "$status"
    has "$output" "ii  bash "
    has "$(cage run "$1" apt-get --version)" "apt [0-9]"
    # shellcheck disable=SC2016 # Perl's variables
    equal "Perl says 42" "$(cage run "$1" perl -e '$x = 6; print "Perl says ", $x * 7')"
    equal "0" "$(cage run "$1" bash -c 'cat < <(id -u)')"
    equal "$(hostname)" "$(cage run --hostname="$(hostname)" "$1" hostname)"
    equal written "$(cage run "$1" sh -c 'echo written > /x; cat /x')"
}

@test "a Debian, as a folder" {
    debian
    is_debian "$DEBIAN/debian"
    [ ! -e "$DEBIAN/debian/x" ]
}

@test "a Debian, as a tarball" {
    debian
    is_debian "$DEBIAN/debian.tar"
}

@test "in a Debian, su makes somebody else of root" {
    debian
    [ "$(cage run "$DEBIAN/debian" cut -c 23- /proc/self/uid_map | xargs)" != 1 ] ||
        skip "inside there is only one id (see /etc/subuid)"
    # (In a folder that belongs to the real root, a user inside is not its root.)
    folder=$DEBIAN/debian
    [ "$(id -u)" = 0 ] || folder=
    for rootfs in $folder "$DEBIAN/debian.tar"; do
        equal "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)" \
              "$(cage run "$rootfs" su -s /bin/sh nobody -c id)"
        # Files belong to whom they belong.
        equal "0 42" "$(cage run "$rootfs" stat -c '%u %g' /etc/shadow | xargs)"
    done
}

# ---- Small and odd.

@test "an image of one static program and nothing else" {
    need cc
    mkdir "$BATS_TEST_TMPDIR/one"
    cat > "$BATS_TEST_TMPDIR/one.c" <<- 'END'
	#include <stdio.h>
	#include <unistd.h>
	int main(int argc, char **argv)
	{
	    char exe[100] = "", line[100] = "";
	    readlink("/proc/self/exe", exe, sizeof exe - 1);
	    FILE *null = fopen("/dev/null", "w");
	    fprintf(stderr, "%d", fputs(argv[1], null) >= 0);
	    printf("%d %d %s %s", getpid(), argc, exe, fgets(line, 100, stdin));
	    return 7;
	}
	END
    cc -static -w -o "$BATS_TEST_TMPDIR/one/program" "$BATS_TEST_TMPDIR/one.c" ||
        skip "cc cannot link statically here"
    for option in "" --read-only --without=init --without=rootfs; do
        [ "$option" != --without=init ] && pid=[2-9] || pid=1
        # shellcheck disable=SC2086 # one word or none
        try cage run $option "$BATS_TEST_TMPDIR/one" /program x < <(echo typed)
        equal 7 "$status"
        has "$output" "1$pid 2 /program typed"
        [ "$option" = --without=rootfs ] ||
            equal program "$(ls -A "$BATS_TEST_TMPDIR/one")"
    done
}

@test "an image without a shell: the message says what is missing" {
    mkdir "$BATS_TEST_TMPDIR/one"
    cp "$CAGE" "$BATS_TEST_TMPDIR/one/program"
    try cage run "$BATS_TEST_TMPDIR/one"
    equal 127 "$status"
    has "$output" "/bin/sh\"*No such file"
    try cage run "$BATS_TEST_TMPDIR/one" /program --version
    if ldd "$CAGE" > /dev/null 2>&1; then           # not a static program
        equal 127 "$status"
        has "$output" "hint: *loader"
    else
        equal 0 "$status"
        has "$output" "cage"
    fi
    equal program "$(ls -A "$BATS_TEST_TMPDIR/one")"
}

@test "a ROOTFS that is read-only, and without the folders to mount on" {
    image "$BATS_TEST_TMPDIR/image"
    if [ "$(id -u)" = 0 ]; then
        chown -R 12345:12345 "$BATS_TEST_TMPDIR/image"      # and another user's
    fi
    chmod -R a-w "$BATS_TEST_TMPDIR/image"
    export CAGE
    export IMAGE=$BATS_TEST_TMPDIR/image
    equal "x /proc/1" "$(cage run "$IMAGE" sh -c 'mkdir /new && echo x > /new/file &&
        cat /new/file && ls -d /proc/1' | xargs)"
    equal "$([ "$(id -u)" = 0 ] && echo 12345 || echo 0)" "$(cage run "$IMAGE" stat -c %u /bin)"
    mounting 'mount --bind "$IMAGE" "$IMAGE"; mount -o remount,bind,ro "$IMAGE"
              mkdir "$IMAGE/x" 2> /dev/null && exit 99
              "$CAGE" run "$IMAGE" sh -c "mkdir /new && echo x > /new/file && ls -d /new"'
    no_note
    equal "0 /new" "$status $output"
    for folder in new dev proc sys; do
        [ ! -e "$IMAGE/$folder" ]
    done
}

@test "a ROOTFS of somebody else, without the folders to mount on" {
    [ -L /bin ] && [ -x /usr/bin/true ] || skip "here /usr has no system of its own"
    [ ! -w /usr ] || [ "$(id -u)" = 0 ] || skip "/usr is ours"
    [ "$(id -u)" = 0 ] || ! grep -q " /usr/" /proc/self/mountinfo ||
        skip "something is mounted in /usr: only root may leave it out"
    equal 1 "$(cage run /usr /bin/sh -c 'cat /proc/self/stat | grep -c . ')"
}

@test "a ROOTFS on another file system: tmpfs" {
    image "$BATS_TEST_TMPDIR/image"
    export CAGE IMAGE=$BATS_TEST_TMPDIR/image
    # shellcheck disable=SC2016
    mounting 'mkdir "$IMAGE/../t"; mount -t tmpfs t "$IMAGE/../t"
              cp -a "$IMAGE" "$IMAGE/../t"; cd "$IMAGE/../t/image"
              "$CAGE" run . sh -c "echo x > /bin/new; ls /bin/new; stat -c %u /bin"'
    no_note
    equal "0 /bin/new 0" "$status $(xargs <<< "$output")"
}

@test "a ROOTFS on another file system: overlayfs, which under root is copied" {
    image "$BATS_TEST_TMPDIR/image"
    export CAGE IMAGE=$BATS_TEST_TMPDIR/image
    # shellcheck disable=SC2016
    mounting 'cd "$IMAGE/.."; mkdir t m; mount -t tmpfs t t; mkdir t/u t/w
              mount -t overlay o -o userxattr,lowerdir=image,upperdir=t/u,workdir=t/w m ||
                  exit 99
              echo y > m/y
              "$CAGE" run m sh -c "cat /y; echo x > /bin/new; ls /bin/new; stat -c %u /bin"'
    [ "$status" != 99 ] || skip "no overlayfs can be mounted here"
    equal 0 "$status"
    has "$(xargs <<< "$output")" "y /bin/new 0"
    if [ "$(id -u)" = 0 ]; then
        has "$output" "cage: *cannot be id-mapped*copied*memory"
    else
        hasnt "$output" "cage:"
    fi
}

@test "a ROOTFS on another file system: an image file of ext4, xfs, btrfs, squashfs" {
    root_only
    image "$BATS_TEST_TMPDIR/image"
    export CAGE IMAGE=$BATS_TEST_TMPDIR/image
    done=
    for kind in ext4 xfs btrfs squashfs; do
        file=$BATS_TEST_TMPDIR/$kind
        case $kind in
            squashfs) mksquashfs "$IMAGE" "$file" -quiet > /dev/null 2>&1 || continue ;;
            *)  truncate -s 400M "$file"
                "mkfs.$kind" -q "$file" > /dev/null 2>&1 || continue ;;
        esac
        grep -qw $kind /proc/filesystems || modprobe $kind 2> /dev/null || continue
        # shellcheck disable=SC2016
        KIND=$kind mounting 'cd "$IMAGE/.."; mkdir -p m; mount -o loop $KIND m || exit 99
              [ $KIND = squashfs ] || cp -a image/. m
              "$CAGE" run m sh -c "echo x > /bin/new; ls /bin/new; stat -c %u /bin"
              [ ! -e m/bin/new ]'
        [ "$status" != 99 ] || continue
        no_note
        equal "0 /bin/new 0" "$status $(xargs <<< "$output")"
        done+=" $kind"
    done
    echo "$done"
    [ "$done" ] || skip "no other file system can be made and mounted here"
}

@test "a ROOTFS whose path has spaces and worse" {
    for name in "  a b" "a,b\\c" "a\"'b%s" $'-ä\n='; do
        image "$BATS_TEST_TMPDIR/$name"
        equal ran "$(cage run "$BATS_TEST_TMPDIR/$name" echo ran)"
        tar -C "$BATS_TEST_TMPDIR/$name" -cf "$BATS_TEST_TMPDIR/$name.tar" .
        equal ran "$(cage run "$BATS_TEST_TMPDIR/$name.tar" echo ran)"
        equal bin "$(inside --volume="$BATS_TEST_TMPDIR/$name:/mnt:ro" ls -d /mnt/bin |
                     xargs basename)"
    done
}

@test "a ROOTFS given as . or .. or by a link" {
    image "$BATS_TEST_TMPDIR/image"
    mkdir "$BATS_TEST_TMPDIR/image/sub"
    ln -s image "$BATS_TEST_TMPDIR/link"
    cd "$BATS_TEST_TMPDIR/image"
    equal ran "$(cage run . echo ran)"
    cd sub
    equal ran "$(cage run .. echo ran)"
    equal ran "$(cage run ../../link echo ran)"
    cd "$BATS_TEST_TMPDIR"
    equal ran "$(cage run link echo ran)"
    equal ran "$(cage run image/ echo ran)"
    equal ran "$(cage run image//./ echo ran)"
}

@test "the machine's own / as ROOTFS, with its own programs" {
    case $(stat -f -c %T /) in
        ext2/ext3 | xfs | btrfs) ;;
        *) skip "/ is not on a disk, it would be copied" ;;
    esac
    file=$BATS_TEST_TMPDIR/written
    try cage run / sh -c "mkdir -p ${file%/*} && echo x > $file && ls $file"
    if [ "$(id -u)" = 0 ]; then
        equal "$file" "$output"
    else
        # The kernel does not let users see what other mounts hide.
        refused "rootfs: *hint: *mounted below"
    fi
    [ ! -e "$file" ]
}

@test "the caller's umask and folder do not matter" {
    image "$BATS_TEST_TMPDIR/image"
    cd /
    umask 077
    equal "755 1" "$(cage run "$BATS_TEST_TMPDIR/image" \
        sh -c 'mkdir /a; stat -c %a /a; ls /dev | grep -c null' | xargs)"
    umask 0
    equal "755 755" "$(cage run "$BATS_TEST_TMPDIR/image" stat -c %a /proc/.. /dev | xargs)"
}

# ---- Many.

@test "200 runs, one after another, leave the machine as it was" {
    for i in {1..200}; do
        "$CAGE" run --name="$NAME$i" "$ROOTFS" true < /dev/null
    done
    machine_unchanged
}

@test "50 at once work, and leave the machine as it was" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    exec 9<> "$BATS_TEST_TMPDIR/fifo"
    pids=()
    for i in {1..50}; do
        "$CAGE" run --name="$NAME$i" "$ROOTFS" sh -c 'echo up $(cat /proc/self/uid_map); read line; exit 5' \
            < "$BATS_TEST_TMPDIR/fifo" 3>&- 9>&- >> "$BATS_TEST_TMPDIR/up" 2>&1 &
        pids+=($!)
    done
    all_up() { equal 50 "$(grep -c '^up ' "$BATS_TEST_TMPDIR/up")"; }
    wait_for 30 all_up
    equal 50 "$(grep -c "@cage/$(id -u)/$NAME" /proc/net/unix)"
    printf '\n%.0s' {1..50} >&9
    for pid in "${pids[@]}"; do
        code=0
        wait "$pid" || code=$?
        equal 5 "$code"
    done
    exec 9>&-
    equal 50 "$(wc -l < "$BATS_TEST_TMPDIR/up")"
    # Under root each has user ids of its own.
    [ "$(id -u)" != 0 ] || equal 50 "$(sort -u "$BATS_TEST_TMPDIR/up" | wc -l)"
    machine_unchanged
}
