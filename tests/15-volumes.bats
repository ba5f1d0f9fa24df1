# The step volumes: folders and files of the host that are handed in.
load helper
load helper-files
load helper-programs

setup() {
    cd "$BATS_TEST_TMPDIR"
    layer folder
    echo from outside > folder/file
    # What root may do as a matter of course needs id-mapped mounts here.
    need_id_mapped_mounts
}
teardown() { [ -z "${BAIT:-}" ] || remove_bait; }

# mount_options PATH [OPTION]...: as mountinfo has them for PATH inside.
mount_options() {
    local path=$1
    shift
    inside "$@" cat /proc/self/mountinfo | awk -v path="$path" '$5 == path { print $6 }'
}

@test "a folder is seen inside, and what is written there stays outside" {
    equal "from outside" "$(inside -vfolder:/mnt sh -c 'cat /mnt/file; echo new > /mnt/new')"
    equal new "$(cat folder/new)"
}

@test "without volumes it is not there" {
    run inside --without=volumes -vfolder:/mnt sh -c 'cat /mnt/file'
    has "$output" "No such file"
}

@test "a single file can be a volume" {
    equal "from outside" "$(inside -vfolder/file:/etc/passwd sh -c \
        'cat /etc/passwd; echo from inside > /etc/passwd')"
    equal "from inside" "$(cat folder/file)"
}

@test "several volumes, one within another, in the order given" {
    layer second && mkdir folder/sub && echo second > second/file
    equal "from outside second" "$(inside -vfolder:/mnt -vsecond:/mnt/sub -vsecond:/other sh -c \
        'cmp /mnt/sub/file /other/file && echo $(cat /mnt/file /mnt/sub/file)')"
}

@test "the place for it is made if it is not there, for folders and for files" {
    equal "from outside from outside" "$(inside -vfolder:/a/b/c -vfolder/file:/d/e sh -c \
        'echo $(cat /a/b/c/file /d/e)')"
    [ ! -e "$ROOTFS/a" ]
    [ ! -e "$ROOTFS/d" ]
}

@test "a slash at the end of the place changes nothing, is it there or not" {
    for place in /new/ /a/new/ /mnt/; do
        equal "$place"file "$(inside "-v$PWD/folder:$place" ls -d "$place"file)"
    done
}

@test "spaces and commas are nothing special, nor are links and relative paths" {
    layer "my folder, mine" && echo hello > "my folder, mine/file"
    equal hello "$(inside "-vmy folder, mine:/my place, here" cat "/my place, here/file")"
    ln -s folder link
    equal "from outside" "$(inside -v./link:/mnt cat /mnt/file)"
    cd folder
    equal "from outside" "$(inside -v.:/mnt/../mnt/./x cat /mnt/x/file)"
}

@test "with :ro it cannot be written" {
    run inside -vfolder:/mnt:ro sh -c 'cat /mnt/file; echo new > /mnt/new'
    has "$output" "from outside"
    has "$output" "Read-only file system"
    [ ! -e folder/new ]
}

@test "what is mounted in the folder comes along, and :ro holds for it too" {
    root_only
    kernel 6.3 || skip "a tmpfs cannot be id-mapped before Linux 6.3"
    mkdir folder/sub
    seen=$(unshare -m --propagation private sh -c 'mount -t tmpfs none folder/sub
        echo deep > folder/sub/file
        "$0" run -v folder:/mnt "$1" sh -c "cat /mnt/sub/file; echo written > /mnt/sub/new"
        cat folder/sub/new
        "$0" run -v folder:/mnt:ro "$1" sh -c "echo again > /mnt/sub/new" 2>&1' "$CAGE" "$ROOTFS" || :)
    equal "deep written" "$(head -n 2 <<< "$seen" | xargs)"
    has "$seen" "Read-only file system"
}

@test "a set-uid program or a device file in a volume is only a file" {
    options=$(mount_options /mnt -vfolder:/mnt)
    has ",$options," ",nosuid,"
    has ",$options," ",nodev,"
}

@test "a device file in a volume cannot be opened, even without user" {
    root_only
    mknod -m 666 folder/zero c 1 5
    head -c 1 folder/zero > /dev/null || skip "device files do not work in the temporary folder"
    for without in none user; do
        options=(-vfolder:/mnt)
        [ $without = none ] || options+=(--without=$without)
        run inside "${options[@]}" head -c 1 /mnt/zero
        has "$output" "Permission denied"
    done
    mutant 's/| MOUNT_ATTR_NODEV |/|/'
    equal 1 "$(inside -vfolder:/mnt --without=user head -c 1 /mnt/zero | wc -c)"
}

@test "a file made by root inside is root's outside, one made by 1000 is 1000's" {
    root_only
    chmod 777 folder
    inside -vfolder:/mnt touch /mnt/of-root
    inside -vfolder:/mnt -u1000:1001 touch /mnt/of-1000
    equal "0:0 1000:1001" "$(stat -c %u:%g folder/of-root folder/of-1000 | xargs)"
}

@test "a file has inside the owner that it has outside" {
    root_only
    chown 1000:1001 folder/file
    equal 1000:1001 "$(inside -vfolder:/mnt stat -c %u:%g /mnt/file)"
    equal 1000:1001 "$(inside --without=user -vfolder:/mnt stat -c %u:%g /mnt/file)"
}

@test "an ordinary user's files are root's inside, and the user's outside" {
    user_only
    equal "0" "$(inside -vfolder:/mnt sh -c 'stat -c %u /mnt/file; touch /mnt/new')"
    equal "$(id -u)" "$(stat -c %u folder/new)"
}

@test "root inside cannot write what belongs to somebody else outside" {
    user_only
    [ ! -w /etc/passwd ]
    run inside -v/etc/passwd:/mnt/file sh -c 'echo x >> /mnt/file'
    has "$output" "Permission denied"
}

@test "a file system that is read-only or noexec outside is so inside" {
    root_only
    seen=$(unshare -m --propagation private sh -c 'mount --bind folder folder
        mount -o remount,bind,ro,noexec folder
        "$0" run -v folder:/mnt "$1" sh -c "echo x > /mnt/new" 2>&1
        "$0" run -v folder:/mnt "$1" grep " /mnt " /proc/self/mountinfo' "$CAGE" "$ROOTFS")
    has "$seen" "Read-only file system"
    has "$seen" " /mnt ro,nosuid,nodev,noexec"
    has "$(inside -vfolder:/mnt grep ' /mnt ' /proc/self/mountinfo)" " /mnt rw,nosuid,nodev,@(rel|no)atime"
}

@test "an ordinary user's volume keeps the flags of the mount it is from" {
    user_only
    while read -r _ _ _ _ place flags _; do
        [[ $flags = ro,* || $flags = *noexec* ]] && [ -d "$place" ] && [ -r "$place" ] && break
        place=
    done < /proc/self/mountinfo
    [ -n "$place" ] || skip "there is no mount that is read-only or noexec here"
    seen=,$(mount_options /mnt "-v$place:/mnt" | head -n 1),
    for flag in ro noexec; do
        [[ ,$flags, != *,$flag,* ]] || has "$seen" ",$flag,"
    done
}

@test "an ordinary user can hand in the whole file system of the host" {
    user_only
    equal "$(head -n 1 /etc/passwd)" "$(inside -v/:/host head -n 1 /host/etc/passwd)"
    run inside -v/:/host:ro touch "/host$BATS_TEST_TMPDIR/new"
    has "$output" "Read-only file system"
}

# ------------------------------------------- the place is in a hostile ROOTFS

# The volume is to go to /link/new/place; in ROOTFS /link is a way out, to a
# folder of the host.  It means the folder of the same name inside.
@test "a symbolic link in ROOTFS does not lead a volume out of it" {
    make_bait
    layer top
    mkdir -p "top$BAIT" top/deep
    touch "top$BAIT/file"
    ln -s "$BAIT" top/absolute
    ln -s "../../../../../../../../../../..$BAIT" top/dots
    ln -s "../..$BAIT" top/deep/relative
    ln -s absolute top/twice
    for link in absolute dots deep/relative twice; do
        equal "from outside" "$(cage run "-vfolder:/$link/new/place" "top:$ROOTFS" \
            cat "/$link/new/place/file" "$BAIT/new/place/file" | uniq)"
        equal "from outside" "$(cage run "-vfolder/file:/$link/file" "top:$ROOTFS" cat "$BAIT/file")"
        bait_untouched
    done
}

@test "if the place is looked up from the host's root, the link leads out" {
    make_bait
    layer top
    ln -s "$BAIT" top/link
    # A cage that does not go into the new root to put it together, but names
    # the places in it by a path from the host's.
    mutant '/^static _Noreturn void init_side.*{/,/^}/s/TRY(chroot("root"));//' \
        '/^static void step_volumes.*{/,/^}/s/c->[a-z]*\[i\]\.target/text("\/tmp\/root%s", &)/' \
        's/KERNEL(mount_setattr, AT_FDCWD, "\/", AT_RECURSIVE/if (0) &/'
    run cage run --without=dev,proc,sys,mask -vfolder:/link/new/place "top:$ROOTFS" true
    [ -d "$BAIT/new/place" ]
}

@test "a link into /proc does not lead a volume out of ROOTFS" {
    make_bait
    layer top
    ln -s /proc/self/cwd top/cwd
    ln -s /proc/1/root top/root
    for link in cwd root; do
        run cage run "-vfolder:/$link$BAIT/new" "top:$ROOTFS" true
        bait_untouched
    done
    # A folder that the caller has open, and all that cage itself has.
    for fd in {3..16}; do
        ln -sfn "/proc/self/fd/$fd" top/fd
        run cage run -vfolder:/fd/new "top:$ROOTFS" true 7< "$BAIT"
        run cage run "-vfolder:/fd$BAIT/new" "top:$ROOTFS" true 7< "$BAIT"
        bait_untouched
    done
}

@test "a place that is a link to nothing is replaced, and nothing made outside" {
    make_bait
    layer top && ln -s "$BAIT/new" top/link
    # Before Linux 6.6 no folder can take the place of what was removed.
    if kernel 6.6; then
        equal "from outside" "$(cage run -vfolder:/link "top:$ROOTFS" cat /link/file)"
    else
        run cage run -vfolder:/link "top:$ROOTFS" true
        refused "volumes: create(/link): Input/output error"
    fi
    equal "from outside" "$(cage run -vfolder/file:/link "top:$ROOTFS" cat /link)"
    bait_untouched
    [ -L top/link ]
    run cage run -vfolder:/link/below "top:$ROOTFS" true
    refused "volumes: "
    bait_untouched
}

# ------------------------------------------------------- places of their own

@test "a volume can go below /dev, and /dev/shm can be one" {
    equal "from outside" "$(inside -vfolder:/dev/mine cat /dev/mine/file)"
    equal "from outside" "$(inside -vfolder:/dev/shm cat /dev/shm/file)"
}

@test "a volume in the place of / is refused" {
    run inside -vfolder:/ true
    refused "folder:/"
}

@test "and so it is if a link in ROOTFS or another name leads to /" {
    for name in /.. /. /tmp/..; do
        run inside -vfolder:$name true
        refused "volumes: --volume $name: is the root"
    done
    layer top && ln -s / top/link
    run cage run -vfolder:/link "top:$ROOTFS" true
    refused "volumes: --volume /link: is the root"
}

@test "a folder on a file, or a file on a folder, is refused, with a hint" {
    run inside -vfolder:/etc/passwd true
    refused "volumes: "
    has "$output" "hint: a folder goes on a folder, a file on a file"
    run inside -vfolder/file:/etc true
    refused "volumes: "
    has "$output" "hint: a folder goes on a folder, a file on a file"
    run inside -vfolder:/etc/passwd/x true
    refused "/etc/passwd/x): Not a directory"
}

# ------------------------------------------------------------------- errors

@test "a source that is not there, or that one may not read, is refused" {
    run inside -vnowhere:/mnt true
    refused "volumes: open_tree(nowhere): No such file or directory"
}

@test "a source in a folder that is closed to one is refused" {
    user_only
    [ ! -x /root ] || skip "/root is open here"
    run inside -v/root/folder:/mnt true
    refused "/root/folder): Permission denied"
}

@test "under root a file system without id-mapped mounts is refused with a hint" {
    root_only
    run unshare -m --propagation private sh -c 'mkdir fs lower up && mount -t tmpfs none up &&
        mkdir up/u up/w && mount -t overlay none -o lowerdir=lower,upperdir=up/u,workdir=up/w fs &&
        "$0" run -v fs:/mnt "$1" true' "$CAGE" "$ROOTFS"
    refused "volumes: "
    has "$output" "fs): Invalid argument"
    has "$output" "cannot be id-mapped"
}
