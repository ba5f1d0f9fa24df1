# The step rootfs: ROOTFS is read, never written; what the container writes
# goes into a layer above it.  ROOTFS can be a folder, several, or an archive.
load helper
load helper-files
load helper-programs

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() {
    chmod -f 700 saved/work/work || :       # overlayfs leaves it closed to all
    [ -z "${BAIT:-}" ] || remove_bait
}

# Every path below ROOTFS, with its time of change.
state_of() { find "$1" -printf '%p %s %C@ %m\n' | sort | cksum; }

# ---------------------------------------------------------- what is written

@test "what is written inside can be read there, and ROOTFS stays as it was" {
    before=$(state_of "$ROOTFS")
    equal "new changed" "$(inside sh -c 'echo new > /new; echo changed > /etc/passwd
        rm /etc/group; echo $(cat /new /etc/passwd)')"
    equal "$before" "$(state_of "$ROOTFS")"
}

@test "without rootfs the writes stay in ROOTFS, and cage says so" {
    need_id_mapped_mounts
    cp -a "$ROOTFS" copy
    run cage run --without=rootfs copy sh -c 'echo new > /new; cat /new'
    equal 0 "$status"
    has "$output" "cage: without rootfs: "
    has "$output" new
    equal new "$(cat copy/new)"
    equal 1 "$(grep -c . <<< "$(find copy -name new -user "$(id -u)")")"
}

# The file `inside` guards the rm: it is nowhere but in our layer.
remove_all='[ -e /inside ] && rm -rf /bin /etc /home /root /usr /var /inside; echo *'

@test "rm -rf inside removes everything there, and nothing of ROOTFS" {
    need_tmpfs_attributes
    layer top && touch top/inside
    before=$(state_of "$ROOTFS")
    seen=$(cage run "top:$ROOTFS" /bin/sh -c "$remove_all")
    hasnt " $seen " " etc "
    has " $seen " " proc "
    equal "$before" "$(state_of "$ROOTFS")"
    [ -e top/inside ]
}

@test "without rootfs rm -rf inside removes ROOTFS" {
    need_id_mapped_mounts
    cp -a "$ROOTFS" copy && touch copy/inside
    cage run --without=rootfs copy /bin/sh -c "$remove_all"
    [ ! -e copy/etc ]
}

@test "a folder of ROOTFS that is removed and made again is empty" {
    need_tmpfs_attributes
    equal "." "$(inside sh -c 'rm -r /etc; mkdir /etc; cd /etc; find .')"
}

@test "before Linux 6.6 --explain says that folders of ROOTFS cannot be removed" {
    run inside --explain sh -c 'rm -r /home 2> /dev/null; ls -d /home'
    if kernel 6.6; then
        hasnt "$output" "will fail (EIO)"
        has "$output" "No such file"
    else
        has "$output" "will fail (EIO)"
        equal /home "$(tail -n 1 <<< "$output")"
    fi
}

@test "two containers of one ROOTFS do not see each other's writes" {
    equal "" "$(inside sh -c 'echo a > /mine'; inside sh -c 'cat /mine 2> /dev/null')"
}

@test "with --read-only the root cannot be written, but /dev and volumes can" {
    equal written "$(inside sh -c 'echo written > /file; cat /file')"
    run inside --read-only sh -c 'echo x > /etc/passwd'
    has "$output" "Read-only file system"
    run inside --read-only sh -c 'echo x > /file'
    has "$output" "Read-only file system"
    equal shm "$(inside --read-only sh -c 'echo x > /dev/null; echo shm > /dev/shm/f; cat /dev/shm/f')"
}

@test "the writes have a size, 1 GiB, so no container fills the memory" {
    equal 1048576 "$(inside df -k / | awk 'NR > 1 { print $2 }')"
    inside sh -c 'command -v fallocate > /dev/null' || skip "there is no fallocate in ROOTFS"
    run inside fallocate -l 1030M /file
    has "$output" "No space left on device"
    run inside fallocate -l 8M /file
    equal 0 "$status"
}

@test "the writes have a number of files, too: each costs the kernel memory" {
    files=$(inside df -i / | awk 'NR > 1 { print $2 }')
    [ "$files" -gt 10000 ]
    [ "$files" -lt 300000 ]
}

# ------------------------------------------------------------------- layers

@test "of several folders the first is on top" {
    layer a && layer b
    echo a > a/both
    echo b > b/both
    echo b > b/lower
    equal "a b" "$(cage run "a:b:$ROOTFS" sh -c 'echo $(cat /both /lower)')"
    equal "b b" "$(cage run "b:a:$ROOTFS" sh -c 'echo $(cat /both /lower)')"
}

@test "what an upper layer has deleted is not seen, in a lower one it is there" {
    need_id_mapped_mounts
    cage run --save=saved "$ROOTFS" rm /etc/passwd
    run cage run "saved/upper:$ROOTFS" ls /etc/passwd
    has "$output" "No such file"
    equal /etc/passwd "$(cage run "$ROOTFS:saved/upper" ls /etc/passwd)"
}

@test "an empty name of a layer is refused, and so are more than 32" {
    run cage run "$ROOTFS:" true
    refused ROOTFS
    run cage run "$(printf "$ROOTFS:%.0s" {1..32})$ROOTFS" true
    refused ROOTFS
}

@test "without rootfs there can be but one layer" {
    layer top
    run cage run --without=rootfs "top:$ROOTFS" true
    refused "without rootfs"
}

# ------------------------------------------------------------------- --save

@test "--save keeps the writes: a run on DIR/upper:ROOTFS sees them" {
    need_id_mapped_mounts
    cage run --save=saved "$ROOTFS" sh -c 'echo kept > /file; rm /etc/group; mkdir /dir'
    equal kept "$(cat saved/upper/file)"
    equal "kept /dir" "$(cage run "saved/upper:$ROOTFS" sh -c \
        'echo $(cat /file) $(ls -d /dir /etc/group 2> /dev/null)')"
}

@test "--save goes on where it was: the second run sees the first one's writes" {
    need_id_mapped_mounts
    cage run --save=saved "$ROOTFS" sh -c 'echo one > /file'
    equal one "$(cage run --save=saved "$ROOTFS" sh -c 'cat /file; echo two > /file')"
    equal two "$(cage run "saved/upper:$ROOTFS" cat /file)"
}

@test "--save keeps that a folder was removed, or replaced by an empty one" {
    need_id_mapped_mounts
    layer top && mkdir top/gone top/again && touch top/gone/file top/again/file
    cage run --save=saved "top:$ROOTFS" sh -c 'rm -r /gone /again; mkdir /again'
    equal "/again" "$(cage run "saved/upper:top:$ROOTFS" sh -c 'find /gone /again 2> /dev/null')"
}

@test "--save DIR is for its owner only: a set-uid file in it is out of reach" {
    need_id_mapped_mounts
    cage run --save=saved "$ROOTFS" sh -c 'cp /bin/sh /tool; chmod 4755 /tool'
    equal 700 "$(stat -c %a saved)"
    equal "4755 $(id -u)" "$(stat -c '%a %u' saved/upper/tool)"
    equal "755 $(id -u)" "$(stat -c '%a %u' saved/upper)"
}

@test "--save DIR that was there and open to all is closed, or refused" {
    need_id_mapped_mounts
    mkdir -m 755 saved
    run cage run --save=saved "$ROOTFS" true
    [ "$status" = 125 ] || equal 700 "$(stat -c %a saved)"
}

@test "--save does not mind the umask" {
    need_id_mapped_mounts
    (umask 077; cage run --save=saved "$ROOTFS" true)
    equal "700 755" "$(echo $(stat -c %a saved saved/upper))"
}

@test "--save with a user of one's own id: the file outside is that user's" {
    root_only
    need_id_mapped_mounts
    cage run --save=saved -u 1000 "$ROOTFS" touch /tmp/file
    equal 1000 "$(stat -c %u saved/upper/tmp/file)"
}

@test "--save DIR that is a file, or in a folder that is not there, is refused" {
    touch file
    run cage run --save=file "$ROOTFS" true
    refused "file"
    run cage run --save=no/folder "$ROOTFS" true
    refused "No such file"
}

@test "without rootfs there is no --save" {
    run inside --without=rootfs --save=saved true
    refused "without rootfs"
    [ ! -e saved ]
}

# ----------------------------------------------------------------- archives

# archive NAME [TAR-OPTION]...: an archive with two files, to lie above ROOTFS.
archive() {
    local name=$1
    shift
    layer content
    echo hello > content/hello
    head -c 20000 /dev/urandom > content/random
    tar -C content "$@" -cf "$name" ./hello ./random
}

@test "an archive is a layer: plain, and packed by gzip, bzip2, xz and zstd" {
    for kind in "tar " "tgz gzip" "tar.bz2 bzip2" "tar.xz xz" "tar.zst zstd"; do
        packer=${kind#* }
        command -v ${packer:-tar} > /dev/null || continue
        archive "image.${kind% *}" ${packer:+--$packer}
        equal hello "$(cage run "image.${kind% *}:$ROOTFS" cat /hello)"
    done
    # It is what is in the file that counts, not what it is called.
    mv image.tgz image
    equal hello "$(cage run "image:$ROOTFS" cat /hello)"
}

@test "an archive can be all there is, and is not changed" {
    tar -C "$ROOTFS" -cf image.tar.gz --gzip .
    before=$(cksum image.tar.gz)
    equal "new root" "$(cage run image.tar.gz sh -c 'echo new > /etc/group; cat /etc/group
        id -un' | xargs)"
    equal "$before" "$(cksum image.tar.gz)"
    equal new "$(cage run --without=rootfs image.tar.gz sh -c 'echo new > /f; cat /f' 2> /dev/null)"
}

@test "an archive that only its owner may read can be used" {
    archive image.tar
    chmod 600 image.tar
    equal hello "$(cage run "image.tar:$ROOTFS" cat /hello)"
}

@test "the files of an archive keep their modes and, if the ids exist, owners" {
    layer content && touch content/a content/b
    tar -C content --owner=1234 --group=2345 --mode=4750 -cf image.tar a
    tar -C content --owner=0 --group=0 --mode=0604 -rf image.tar b
    ids=$(count_ids)
    if [ "$ids" = 1 ]; then expected="0:0 4750"; else expected="1234:2345 4750"; fi
    equal "$expected 0:0 604" "$(cage run "image.tar:$ROOTFS" stat -c '%u:%g %a' /a /b | xargs)"
}

@test "device files in the /dev of an archive do no harm: that /dev is not used" {
    tar -C / -cf one.tar dev/null
    tar -C / -cf two.tar ./dev/null ./dev/zero
    archive hello.tar
    equal hello "$(cage run "one.tar:two.tar:hello.tar:$ROOTFS" cat /hello)"
}

@test "only the dev/ at the top of an archive is left out" {
    layer content && mkdir -p content/usr/dev && echo here > content/usr/dev/file
    tar -C content -cf image.tar .
    equal here "$(cage run "image.tar:$ROOTFS" cat /usr/dev/file)"
}

@test "an archive that is cut off is refused, packed or not" {
    archive image.tar
    for kind in tar gzip bzip2 xz zstd; do
        command -v $kind > /dev/null || continue
        [ "$kind" = tar ] && cp image.tar whole || $kind -c < image.tar > whole
        size=$(stat -c %s whole)
        for end in $((size / 2)) $((size - 10)); do
            [ "$kind" = tar ] && end=$((end / 2))
            head -c "$end" whole > cut
            run cage run "cut:$ROOTFS" true
            refused "$([ "$kind" = tar ] && echo "cut off" || echo rootfs)"
        done
        equal hello "$(cage run "whole:$ROOTFS" cat /hello)"
    done
}

@test "an archive that ends between two files is cut off as well" {
    archive image.tar
    head -c 1024 image.tar > cut       # the whole of ./hello, and nothing more
    equal ./hello "$(tar -tf cut)"
    run cage run "cut:$ROOTFS" true
    refused "cut off"
}

@test "what is neither a folder nor an archive is refused" {
    echo "no archive" > text
    head -c 100000 /dev/zero > zeros
    : > empty
    mkfifo fifo
    run cage run text true              # that is for tar to find out
    refused "cage: rootfs: text: status 2: tar: "
    for file in fifo /dev/null; do
        run cage run "$file" true
        refused "cage: rootfs: $file is neither a folder nor a tar archive"
    done
    for file in empty zeros; do
        run cage run "$file" true
        refused "cage: rootfs: $file: empty, or cut off"
    done
    run cage run nowhere true
    refused 'open_tree(nowhere): No such file or directory'
}

@test "an archive with a damaged header is refused" {
    archive image.tar
    printf X | dd of=image.tar bs=1 seek=150 conv=notrunc 2> /dev/null   # its checksum
    run cage run "image.tar:$ROOTFS" true
    refused rootfs
}

# Archives of an attacker.  Names: absolute, with `..`, through a symbolic
# link, and a hard link to a file outside followed by a file of its name.
hostile_archives() {
    local up=../../../../../../../../../..
    mkdir evil evil/link
    echo evil > evil/new
    echo evil > evil/link/new
    ln -s "$BAIT" evil/symlink
    tar -P -C evil --transform="s,^new,$BAIT/new," -cf absolute.tar new
    tar -P -C evil --transform="s,^new,$up$BAIT/new," -cf dots.tar new
    tar -P -C evil --transform="s,^symlink,link,S" -cf symlink.tar symlink
    tar -P -C evil -rf symlink.tar link/new
    ln "$BAIT/file" "$BAIT/hardlink"
    tar -P -C "$BAIT" -cf hardlink.tar "$BAIT/file" hardlink
    tar -P --delete -f hardlink.tar "$BAIT/file"
    rm "$BAIT/hardlink"
    tar -P -C evil --transform='s,^new,hardlink,' -rf hardlink.tar new
    rm -r evil
}

@test "no member of a hostile archive gets out of the new root" {
    make_bait
    hostile_archives
    has "$(tar -P -tvf symlink.tar)" " -> $BAIT"
    has "$(tar -P -tf dots.tar)" "../..$BAIT/new"
    has "$(tar -P -tvf hardlink.tar)" "hardlink link to $BAIT/file"
    for attack in absolute dots symlink hardlink; do
        run cage run "$attack.tar:$ROOTFS" true
        bait_untouched
    done
}

# What tar does when an archive has led it astray: here it is another program, in
# a folder that the workshop on /tmp does not cover.
@test "a tar that is led astray finds nothing to write, not even the layer beside it" {
    need_id_mapped_mounts
    tar -C "$ROOTFS" -cf image.tar ./etc
    cp -a "$ROOTFS" copy
    bin=$(mktemp -d /var/tmp/cage.XXXXXX)
    chmod 755 "$bin"
    printf '#!/bin/sh\nfor f in /tmp/lower/0 "%s"; do echo x > "$f/new"; done\nexit 3\n' \
        "$bin" > "$bin/tar"
    chmod 755 "$bin/tar"
    PATH=$bin:$PATH run cage run --save=saved copy:image.tar true
    made=$(find "$bin/new" copy/new saved/upper saved/new 2> /dev/null || :)
    [ -n "$made" ] || refused "rootfs: image.tar: status 3: *Read-only file system"
    # Where a layer can be written, it is.
    mutant 's/? MOUNT_ATTR_NODEV : MOUNT_ATTR_RDONLY }/? 0 : 0 }/'
    PATH=$bin:$PATH cage run copy:image.tar true 2> /dev/null || :
    rm -r "$bin"
    equal "" "$made"
    [ -e copy/new ]
}

# set_size FILE BYTES: change the size of the first member of an archive, as
# 12 bytes given as for printf, and make its checksum right again.
set_size() {
    # shellcheck disable=SC2059
    printf "$2" | dd of="$1" bs=1 seek=124 conv=notrunc 2> /dev/null
    printf '        ' | dd of="$1" bs=1 seek=148 conv=notrunc 2> /dev/null
    sum=$(head -c 512 "$1" | od -An -v -tu1 | awk '{ for (i = 1; i <= NF; i++) n += $i } END { printf "%06o", n }')
    printf '%s\0 ' "$sum" | dd of="$1" bs=1 seek=148 conv=notrunc 2> /dev/null
}

@test "a member with a size of less than nothing, or of more than there is, is refused" {
    archive image.tar
    set_size image.tar '00000000006\0'
    equal hello "$(cage run "image.tar:$ROOTFS" cat /hello)"     # as it was
    set_size image.tar '\377\377\377\377\377\377\377\377\377\377\377\376'
    run cage run "image.tar:$ROOTFS" true
    refused rootfs
    set_size image.tar '77777777777\0'
    run cage run "image.tar:$ROOTFS" true
    refused rootfs
}

@test "a file of 1 TiB that is all hole takes no memory, or is refused" {
    layer content && truncate -s 1T content/big 2> /dev/null || skip "no file of 1 TiB here"
    tar -C content -S -cf image.tar big
    run cage run "image.tar:$ROOTFS" stat -c '%s %b' /big
    [ "$status" = 125 ] || equal "1099511627776 0" "$output"
}

# -------------------------------------------- ROOTFS in all kinds of places

@test "ROOTFS can have spaces and commas in its path, be a link, be relative" {
    ln -s "$ROOTFS" "my root, mine=\\1"
    equal hello "$(cage run "my root, mine=\\1" echo hello)"
    equal hello "$(cage run "./my root, mine=\\1/" echo hello)"
    cd "$ROOTFS"
    equal hello "$(cage run . echo hello)"
    cd bin
    equal hello "$(cage run .. echo hello)"
}

@test "ROOTFS can be on a tmpfs" {
    root_only
    seen=$(unshare -m --propagation private sh -c '
        mkdir fs && mount -t tmpfs none fs && cp -a "$0" fs/root &&
        "$1" run fs/root sh -c "echo x > /new; cat /new; ls -ld /root" 2>&1
        ls fs/root/new 2>&1 || :' "$ROOTFS" "$CAGE")
    has "$seen" "x"
    has "$seen" " root *root "
    has "$seen" "No such file"
    if kernel 6.3; then hasnt "$seen" "copied"; else has "$seen" "copied into memory"; fi
}

@test "ROOTFS can be on a read-only mount, and can be written inside" {
    root_only
    equal "x" "$(unshare -m --propagation private sh -c '
        mkdir fs && mount --bind "$0" fs && mount -o remount,bind,ro fs &&
        ! touch fs/new 2> /dev/null && "$1" run fs sh -c "echo x > /new; cat /new"' "$ROOTFS" "$CAGE")"
}

# overlay_of_rootfs COMMAND: run it where the folder fs is an overlay.
overlay_of_rootfs() {
    unshare -m --propagation private sh -c '
        mkdir fs up && mount -t tmpfs none up && mkdir up/upper up/work && mount -t overlay none -o \
            lowerdir="$ROOTFS",upperdir=up/upper,workdir=up/work fs && chown 1000 fs/home && '"$1"
}

@test "ROOTFS on an overlay, which cannot be id-mapped, is copied, and cage says so" {
    root_only
    export ROOTFS CAGE
    run overlay_of_rootfs '"$CAGE" run fs sh -c "echo x > /new; cat /new; stat -c %u /home"'
    equal 0 "$status"
    has "$output" "copied into memory"
    equal "x 1000" "$(tail -n 2 <<< "$output" | xargs)"
}

@test "of a ROOTFS that is copied, what is mounted in it is left out, as always" {
    root_only
    export ROOTFS CAGE
    run overlay_of_rootfs 'mount -t tmpfs none fs/mnt && mkdir fs/mnt/a &&
        mount -t proc none fs/home && "$CAGE" run fs sh -c "echo /mnt/* /home/*"'
    equal 0 "$status"
    equal "/mnt/* /home/*" "$(tail -n 1 <<< "$output")"
}

@test "a ROOTFS that one may not read is refused" {
    user_only
    [ ! -x /root ] || skip "/root is open here"
    run cage run /root true
    equal 125 "$status"
    has "$output" "Permission denied"
    run cage run /root/folder true
    refused "rootfs: open_tree(/root/folder): Permission denied"
}

@test "a ROOTFS that only root may read is one that root can use" {
    root_only
    need_id_mapped_mounts
    cp -a "$ROOTFS" copy && chmod 700 copy
    equal hello "$(cage run copy echo hello)"
}

@test "the files of ROOTFS have inside the owners that they have outside" {
    root_only
    layer top && touch top/a top/b && chown 1000:1001 top/a
    equal "1000:1001 0:0" "$(cage run "top:$ROOTFS" stat -c %u:%g /a /b | xargs)"
}

@test "a device file in ROOTFS cannot be opened, even without user" {
    root_only
    layer top && mknod -m 666 top/zero c 1 5
    head -c 1 top/zero > /dev/null || skip "device files do not work in the temporary folder"
    for without in none user; do
        options=()
        [ $without = none ] || options=(--without=$without)
        run cage run "${options[@]}" "top:$ROOTFS" head -c 1 /zero
        has "$output" "Permission denied"
    done
}

@test "without its nodev the device file opens, if user is left out too" {
    root_only
    layer top && mknod -m 666 top/zero c 1 5
    head -c 1 top/zero > /dev/null || skip "device files do not work in the temporary folder"
    mutant 's/"overlay", MS_NODEV, /"overlay", 0, /'
    equal 1 "$(cage run --without=user "top:$ROOTFS" head -c 1 /zero | wc -c)"
}

@test "without rootfs a device file in ROOTFS cannot be opened either" {
    root_only
    cp -a "$ROOTFS" copy && mknod -m 666 copy/zero c 1 5
    head -c 1 copy/zero > /dev/null || skip "device files do not work in the temporary folder"
    run cage run --without=rootfs copy head -c 1 /zero
    has "$output" "Permission denied"
    mutant 's/? MOUNT_ATTR_NODEV : MOUNT_ATTR_RDONLY }/? 0 : MOUNT_ATTR_RDONLY }/'
    equal 1 "$(cage run --without=rootfs copy head -c 1 /zero 2> /dev/null | wc -c)"
}

@test "an ordinary user who takes / as ROOTFS gets a hint: there are mounts in it" {
    user_only
    run cage run / true
    [ "$status" = 0 ] || { refused "rootfs: "; has "$output" "hint: "; }
}
