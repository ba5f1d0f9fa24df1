# The two commands of a newcomer, and what else the Makefile offers: cage is
# built, rootfs/ is filled, and a shell is open in it.
load helper
load helper-machine

# A copy of the project as git has it, with a rootfs/ that is not filled yet; but
# cage is built, as that may take long.
setup() {
    need make "${CC:-cc}"
    before=$(machine)
    project=$BATS_TEST_TMPDIR/project
    mkdir "$project"
    cp -Rp "$REPO/Makefile" "$REPO/cage.c" "$REPO/rootfs" "$project"
    cp "$CAGE" "$project/cage"
    cd "$project"
    rootfs/.fill clean
    skeleton=$(ls -A rootfs | xargs)
}
teardown() { machine_unchanged; }

# run_here COMMAND...: in the rootfs that make has filled, by the cage that
# it has built.
run_here() { timeout -k 1 20 ./cage run --name="$NAME" rootfs "$@"; }

# without PROGRAM: let PATH be a folder with all of this machine but that.  $path
# is what it was.
without() {
    local dir
    path=$PATH
    mkdir "$BATS_TEST_TMPDIR/bin"
    IFS=: read -ra dirs <<< "$PATH:/usr/sbin:/sbin"
    for dir in "${dirs[@]}"; do
        find "$dir/" -maxdepth 1 ! -type d ! -name "$1" \
            -exec ln -sf -t "$BATS_TEST_TMPDIR/bin" {} + 2> /dev/null || true
    done
    PATH=$BATS_TEST_TMPDIR/bin
}

@test "make builds a program that needs no library, and fills rootfs with busybox" {
    need busybox readelf
    hasnt "$skeleton" bin
    rm cage
    make
    has "$(readelf -hW cage)" "ELF"
    hasnt "$(readelf -lW cage)" INTERP
    equal busybox "$(cat rootfs/.filled)"
    equal "root cage" "$(run_here sh -c 'id -un; hostname' | xargs)"
    # There is nothing more to do.
    equal "" "$(make -s)"
}

@test "where there is no busybox, make fills rootfs with the machine's own tools" {
    need ldd ps
    ! [[ $(readlink -f "$(command -v ls)") == *busybox* ]] ||
        skip "this machine's own tools are busybox"
    without busybox
    ! PATH=$PATH:/usr/sbin:/sbin command -v busybox || skip "there is a busybox in /sbin"
    make -s
    PATH=$path
    equal host "$(cat rootfs/.filled)"
    [ ! -e rootfs/bin/busybox ]
    equal "HELLO root 3" "$(run_here sh -c \
        'echo hello | tr a-z A-Z; id -un; seq 3 | tail -n 1' | xargs)"
    has "$(run_here ps -e)" PID
}

@test "where there is neither busybox nor ldd, make says what to do" {
    without busybox
    ! PATH=$PATH:/usr/sbin:/sbin command -v busybox || skip "there is a busybox in /sbin"
    rm -f "$PATH/ldd"
    run make -s
    [ "$status" != 0 ]
    has "$output" "rootfs: no ldd"
    equal "$skeleton" "$(ls -A rootfs | xargs)"
}

@test "make run opens a shell in a container" {
    equal "root cage" "$(echo 'id -un; hostname' |
        make -s run 2> /dev/null | tail -n 2 | xargs)"
}

@test "make rootfs FROM=IMAGE.tar unpacks an image, FROM=host and clean take it away again" {
    mkdir -p image/etc image/bin
    echo "from an image" > image/etc/motd
    tar -C image -cf image.tar .
    make -s rootfs FROM=image.tar
    equal "from an image" "$(cat rootfs/etc/motd)"
    [ ! -e rootfs/etc/passwd ]                  # ours is put aside
    make -s rootfs                              # it stays as it is
    equal "from an image" "$(cat rootfs/etc/motd)"
    make -s rootfs FROM=host
    [ ! -e rootfs/etc/motd ]
    has "$(cat rootfs/etc/passwd)" root
    make -s clean
    equal "$skeleton" "$(ls -A rootfs | xargs)"
    [ ! -e cage ]
}

@test "make rootfs refuses what is no image, and leaves rootfs as it was" {
    echo nonsense > nonsense.tar
    mkdir save
    touch save/manifest.json
    tar -C save -cf save.tar .
    for from in nosuch.tar nonsense.tar save.tar; do
        run make -s rootfs FROM="$from"
        [ "$status" != 0 ]
        has "$output" "rootfs: *$from"
        equal "$skeleton" "$(ls -A rootfs | xargs)"
    done
}

@test "make rootfs does not empty what somebody has mounted in rootfs" {
    need unshare mount
    mkdir precious
    touch precious/file
    export skeleton
    # shellcheck disable=SC2016
    try unshare --user --map-root-user --mount sh -euc '
        make -s rootfs
        mount --bind precious rootfs/mnt
        make -s rootfs FROM=host && exit 1; make -s clean && exit 1; exit 0'
    equal 0 "$status"
    has "$output" "mounted on *rootfs/mnt: umount it first"
    [ -e precious/file ]
}

@test "make CC=musl-gcc builds one that runs" {
    need musl-gcc
    rm cage
    make -s CC=musl-gcc
    equal ran "$(run_here echo ran)"
}
