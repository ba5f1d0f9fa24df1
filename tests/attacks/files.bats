# Attacks on the walls between the container's files and the host's.
#
# Each case is played twice: with cage as it is, and without what stops it, when it
# has to succeed; else the first would prove nothing.  Where the steps have such
# tests already, this table says where.  (make attacks prints it with the results.)
# (root): only the real root can leave that out, so only root sees it succeed.
#
#   case                                | succeeds without             | test
#   walking out of chroot               | pivot, caps, seccomp         | 17-pivot: walking out of a chroot
#   walking out of chroot, through exec | pivot, caps, seccomp         | here
#   old root left mounted               | the unmount in pivot         | here
#   its mounts left in the table        | the unmount in pivot         | 17-pivot: if the old root is not unmounted
#   mount leak                          | private, user                | here
#   mount leak, on a shared machine     | private, user                | 05-private: without private and user it is mounted outside
#   inherited descriptors               | fds                          | 18-fds: without fds what was open outside
#   cwd (CVE-2024-21626)                | fds                          | 18-fds: without fds the container starts on the host
#   cwd, of cage's own descriptors      | fds                          | 18-fds: no descriptor of cage's own
#   descriptors and cwd, through exec   | fds                          | here
#   command through /proc/self/fd       | the closing in step exec     | here
#   core_pattern                        | mask, user (root)            | here
#   files of the kernel                 | mask, user (root)            | 16-mask: without mask and user the host's settings
#   files in /sys                       | MS_RDONLY in sys             | here
#   taking a mask off                   | caps, seccomp                | 16-mask: a mask cannot be taken off
#   /dev/null is a link (CVE-2025-31133) | the host's device in mask, user | here
#   /dev/null is something else         | the check in mask            | 16-mask: if the host's /dev/null is not
#   /dev/null is a link, in dev         | the check in dev             | 12-dev: without that check the fake
#   volume through a symlink (CVE-2021-30465) | the chroot around it   | 15-volumes: if the place is looked up
#   volume through /proc                | (see above)                  | 15-volumes: a link into /proc does not lead
#   volume through /proc/self/fd, to make a folder | RESOLVE_NO_MAGICLINKS | here
#   volume through /proc/self/fd, to be the root | RESOLVE_NO_MAGICLINKS   | here
#   masks, by links for /proc and /sys  | the refusal in mount_new     | here
#   clean-up of --save, by a link       | chmod only after the mount   | here
#   links in the folder of --save       | the read-only mounts below   | here
#   a link for /proc                    | (as masks, by links)         | 13-proc: a link in the place of /proc is refused
#   block device                        | caps, user, nodev (root)     | here
#   device file in the rootfs           | nodev, user                  | 11-rootfs: without its nodev the device
#   device file in a volume             | nodev, user                  | 15-volumes: a device file in a volume
#   open_by_handle_at (shocker)         | caps, seccomp, user (root)   | here
#   tarball: names and links            | tar's own care, and          | 11-rootfs: no member of a hostile archive
#   tarball: tar itself is led astray   | the read-only layers         | 11-rootfs: a tar that is led astray
#   tarball: devices                    | -                            | 11-rootfs: device files in the /dev of an archive
#   tarball: sizes                      | -                            | 11-rootfs: a member with a size
#   tarball: 1 TiB of nothing           | -                            | 11-rootfs: a file of 1 TiB
#   tarball: cut off                    | -                            | 11-rootfs: an archive that is cut off
#   tarball: bad checksum               | -                            | 11-rootfs: an archive with a damaged
load ../helper
load ../helper-files
load ../helper-programs
load helper

@test "walking out of chroot, through exec" {
    make_bait
    program walk-out
    start
    run enter /walk-out "$BAIT/file"
    has "$output" "chroot: Operation not permitted"
    end
    weak_enter
    start
    run enter --without=caps,seccomp /walk-out "$BAIT/file"
    has "$output" "$BAIT/file: No such file"
    end
    start --without=pivot
    run enter /walk-out "$BAIT/file"
    has "$output" "chroot: Operation not permitted"
    equal precious "$(enter --without=caps,seccomp /walk-out "$BAIT/file")"
}

# A path that ends at the root by `..` goes on to what is mounted over the root.
@test "old root left mounted" {
    make_bait
    run inside cat "/..$BAIT/file"
    has "$output" "No such file"
    start
    run enter cat "/..$BAIT/file"
    has "$output" "No such file"
    end
    mutant 's/umount2(".", MNT_DETACH)/0/'
    equal precious "$(inside cat "/..$BAIT/file")"
    start
    equal precious "$(enter cat "/..$BAIT/file")"
}

# What leaks stays where it leaked to, so it can be looked for afterwards: by the
# command of --net, which the host side runs at the end.
@test "mount leak" {
    leak() { lab '$cage run --net="[ \$CAGE_EVENT = up ] || cat /proc/self/mountinfo" "$@" "$ROOTFS" \
        sh -c "mount -t tmpfs a-leak /mnt && echo mounted"' "$@"; }
    for without in caps,seccomp private,pivot,caps,seccomp $no_user,pivot,caps,seccomp; do
        run leak --without=$without
        has "$output" mounted
        has "$output" " / "
        hasnt "$output" a-leak
    done
    run leak --without=private,$no_user,pivot,caps,seccomp
    has "$output" mounted
    has "$output" a-leak
    # And with nothing left out there is nothing to leak.
    run leak
    has "$output" denied
    hasnt "$output" "- tmpfs a-leak"
}

@test "descriptors and cwd, through exec" {
    make_bait
    layer top
    ln -s /proc/self/fd/7 top/app
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    start
    run enter cat /proc/self/fd/7/file 7< "$BAIT"
    has "$output" "No such file"
    for workdir in /proc/self/fd/7 /app /app/..; do
        run enter --workdir=$workdir cat file 7< "$BAIT"
        refused "cage: fds: "
    done
    # What cage itself has open: the host's /proc, for one.
    for fd in {3..16}; do
        run enter --workdir=/proc/self/fd/$fd cat $$/comm
        hasnt "$output" "$(cat /proc/$$/comm)"
    done
    end
    weak_enter
    start
    equal precious "$(enter --without=fds cat /proc/self/fd/7/file 7< "$BAIT")"
    equal precious "$(enter --without=fds --workdir=/app cat file 7< "$BAIT")"
    out=0
    for fd in {3..16}; do
        run enter --without=fds --workdir=/proc/self/fd/$fd cat $$/comm
        [ "$output" != "$(cat /proc/$$/comm)" ] || out=1
    done
    equal 1 $out
}

# cage has the host's /proc open, and `..` of that is the host's root.  A link in
# ROOTFS that leads there is followed when the command is looked for.
@test "command through /proc/self/fd" {
    make_bait
    outside "$BAIT"
    layer top
    # Nobody needs to know which number it has: there is a name for each.
    for fd in {3..16}; do ln -s "/proc/self/fd/$fd/..$BAIT/outside" "top/tool$fd"; done
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    # tools COMMAND...: run all of them, and tell what was not "not found" (127).
    tools() {
        for fd in {3..16}; do
            output=$("$@" "/tool$fd" 2>&1) && status=0 || status=$?
            [ $status = 127 ] || echo "$status: $output"
        done
    }
    equal "" "$(tools inside)"
    start
    equal "" "$(tools enter)"
    end
    mutant '/^static void step_exec/,/^}/s/? ~0U : 3, ~0U,/? ~0U : ~0U, ~0U,/'
    has "$(tools inside)" "0: outside: I run"
    start
    has "$(tools enter)" "0: outside: I run"
}

# What glibc and what musl calls it.
ELOOP="@(Too many levels of symbolic links|Symbolic link loop)"

# A chroot does not hold a path that goes through what is open: by the host's /proc
# as above, or by a folder of cage's own.
no_magic='s/0, RESOLVE_NO_MAGICLINKS/0, 0/'

# on_each VOLUME:PLACE COMMAND: a container each with /data in ROOTFS as a link to
# TARGET, in which N stands for a number that may be open.
on_each() {
    layer top
    for fd in {3..16}; do
        ln -sfn "/proc/self/fd/${TARGET/N/$fd}" top/data
        cage run "-v$1" "top:$ROOTFS" "$2" 2>&1 || :
    done
}

@test "volume through /proc/self/fd, to make a folder" {
    make_bait
    layer volume
    TARGET=N/..$BAIT
    seen=$(on_each volume:/data/made true)
    has "$seen" "cage: volumes: openat2(/data/made): $ELOOP"
    bait_untouched
    mutant "$no_magic"
    on_each volume:/data/made true
    equal "$BAIT/made" "$(find "$BAIT" -name made)"
}

# The new root is ./root in a folder that cage has open, and mounted there later.
# If that folder becomes the volume, ./root is what it says in the volume: a link.
@test "volume through /proc/self/fd, to be the root" {
    layer volume
    ln -s . volume/root
    mkdir volume/empty          # the step mask shall find what it needs there
    outside volume
    TARGET=N/tmp
    seen=$(on_each volume:/data /outside)
    has "$seen" "cage: volumes: openat2(/data): $ELOOP"
    hasnt "$seen" "outside: I run"
    mutant "$no_magic"
    has "$(on_each volume:/data /outside)" "outside: I run"
}

# What is mounted on /proc would land in /realproc.  Then /sys is mounted, and in it
# is no such link: /proc leads to nothing, and of nothing can be masked what is in it.
@test "masks, by links for /proc and /sys" {
    layer top
    mkdir top/realproc top/sys
    ln -s /realproc top/sys/link
    ln -s /sys/link top/proc
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    # What is covered, and what is made read-only (root of the container may write
    # to this, as its network is its own).
    masks='for proc in /proc /realproc; do
        [ ! -e $proc/1 ] || echo "mounted: $proc"
        [ -z "$(head -c 1 $proc/interrupts)" ] || echo "read: $proc/interrupts"
        { true >> $proc/sys/net/ipv4/ip_forward; } && echo "open: $proc/sys"
        done 2> /dev/null || :'
    run inside sh -c "$masks"
    equal 125 "$status"
    has "$output" "proc: /proc is a link in ROOTFS"
    mutant '/^static void mount_new/,/^}/s/if (readlink(.*/if (0)/'
    seen=$(inside --without=caps sh -c "$masks")
    has "$seen" "mounted: /realproc"
    has "$seen" "open: /realproc/sys"
    [ -z "$(head -c 1 /proc/interrupts 2> /dev/null)" ] || has "$seen" "read: /realproc/interrupts"
}

# A folder of --save may come from somebody else, and it is the host side, with all
# rights of the caller, that once made a folder in there accessible in the end.
@test "clean-up of --save, by a link" {
    need_id_mapped_mounts
    echo precious > secret
    mkdir folder
    # by_link MODE VICTIM: the status, and the victim's mode afterwards.
    by_link() {
        rm -rf saved
        mkdir -p -m 700 saved saved/work
        ln -s "$BATS_TEST_TMPDIR/$2" saved/work/work
        chmod "$1" saved
        chmod 400 secret folder
        run cage run --save=saved "$ROOTFS" true
        echo "$status $(stat -c %a "$2")"
    }
    for victim in secret folder; do
        equal "125 400" "$(by_link 755 $victim)"        # not closed: refused
        equal "0 400" "$(by_link 700 $victim)"          # the link is replaced
    done
    mutant '/^static void step_rootfs/,/^}/s/TRY(chmod("writes.*//
        /^static void clean_up/,/^}/s/shutdown(c->name_socket, SHUT_RDWR);/&\n    if (c->save)\n        chmod(text("%s\/work\/work", c->save), 0700);/'
    for victim in secret folder; do
        equal "125 700" "$(by_link 755 $victim)"
    done
}

# If upper/ and work/ are links, what the container writes would go where they lead,
# and what is there would be seen inside.
@test "links in the folder of --save" {
    need_id_mapped_mounts
    make_bait
    mkdir -m 777 "$BAIT/upper" "$BAIT/work"
    mv "$BAIT/file" "$BAIT/upper"
    mkdir -m 700 saved
    ln -s "$BAIT/upper" "$BAIT/work" saved
    look='cat /file; echo mine > /made'
    run inside --save=saved sh -c "$look"
    refused "cage: rootfs: mount(overlay, "
    equal "" "$(find "$BAIT" -name made)"
    # What can be written then is a tmpfs; not this.
    mutant '/^static void gather_layers/,/^}/s/KERNEL(mount_setattr, AT_FDCWD, "\/", AT_RECURSIVE, .*//'
    equal precious "$(inside --save=saved sh -c "$look")"
    equal mine "$(cat "$BAIT/upper/made")"
}

@test "core_pattern" {
    attack core-pattern.sh
    has "$(inside /core-pattern.sh)" refused
    start
    has "$(enter /core-pattern.sh)" refused
    has "$(inside --without=user /core-pattern.sh 2>&1 || :)" "@(refused|only root)"
    has "$(inside --without=mask,caps,seccomp /core-pattern.sh)" refused
    end
    # It belongs to the real root.
    [ "$(id -u)" != 0 ] || {
        has "$(inside --without=mask,user /core-pattern.sh)" open
        start --without=mask,user
        has "$(enter /core-pattern.sh)" open
    }
}

# Which files in /sys can be opened for writing?  Inside root owns those of its
# own network.
try_sys='n=0; for f in $(find /sys/class/net/lo/ /sys/kernel -type f -perm -200 2> /dev/null | head -n 300); do
    true 2> /dev/null >> "$f" && n=$((n + 1)); done 2> /dev/null; echo $n'

@test "files in /sys" {
    equal 0 "$(inside sh -c "$try_sys")"
    equal 0 "$(inside --without=caps,seccomp sh -c "$try_sys")"
    # Each of these alone is no way to make it writable.
    run inside mount -o remount,bind,rw /sys
    has "$output" denied
    has "$(inside --without=caps,seccomp sh -c 'mount -o remount,bind,rw /sys && '"$try_sys" 2>&1)" "[0-9]"
    start
    equal 0 "$(enter sh -c "$try_sys")"
    end
    mutant '/^static void step_sys/,/^}/s/MS_RDONLY/0/'
    [ "$(inside sh -c "$try_sys")" -gt 0 ]
    start
    [ "$(enter sh -c "$try_sys")" -gt 0 ]
}

# runc took the container's /dev/null to cover files with, and mounted what it was
# a link to, writable.  What the image wants to have is core_pattern.
@test "/dev/null is a link (CVE-2025-31133)" {
    attack core-pattern.sh
    layer top && mkdir top/dev && ln -s /proc/sys/kernel/core_pattern top/dev/null
    ROOTFS=$BATS_TEST_TMPDIR/top:$ROOTFS
    masked=$(for f in /proc/interrupts /proc/keys /proc/timer_list; do
        [ ! -e $f ] || { echo $f; break; }; done)
    [ -n "$masked" ] || skip "this kernel has no file to hide"
    for without in dev dev,caps; do
        equal "" "$(inside --without=$without cat "$masked" 2> /dev/null)"
        equal "1:3" "$(inside --without=$without stat -c %t:%T "$masked" 2> /dev/null)"
    done
    link=('/^static void bind_mount/,/^}/s/c->host_root/strcmp(path, "dev\/null") == 0 ? AT_FDCWD : c->host_root/'
        's/if (device && .*/if (0)/')
    mutant "${link[@]}"
    equal "$(cat /proc/sys/kernel/core_pattern)" "$(inside --without=dev cat "$masked" 2> /dev/null)"
    if [ "$(id -u)" = 0 ]; then
        # What covers a file is read-only, too; that of runc was not.
        equal "" "$(inside --without=dev,user sh -c "true >> $masked && echo open" 2> /dev/null)"
        mutant "${link[@]}" '/^static void step_mask/,/^}/s/MOUNT_ATTR_RDONLY/0/'
        equal open "$(inside --without=dev,user sh -c "true >> $masked && echo open" 2> /dev/null)"
    fi
}

@test "block device" {
    read_marker='mknod /disk b $0 $1 && head -c 6 /disk'
    run inside sh -c "$read_marker" 7 0
    has "$output" "Operation not permitted"
    # No user of any user namespace can do that, whatever is left out.
    run inside --without=caps,seccomp sh -c "$read_marker" 7 0
    has "$output" "Operation not permitted"
    start
    run enter sh -c "$read_marker" 7 0
    has "$output" "Operation not permitted"
    end
    [ "$(id -u)" = 0 ] || return 0
    need losetup
    { echo marker; head -c 100000 /dev/zero; } > disk
    device=$(losetup --find --show disk) || skip "this machine has no free loop device"
    number=$(stat -c '%t %T' "$device" | { read -r a b; echo $((0x$a)) $((0x$b)); })
    # shellcheck disable=SC2086 # two numbers
    {
        first=$(inside --without=user sh -c "$read_marker" $number 2>&1 || :)
        second=$(inside --without=user,caps sh -c "$read_marker" $number 2>&1 || :)
        mutant 's/"overlay", MS_NODEV, /"overlay", 0, /'
        third=$(inside --without=user,caps sh -c "$read_marker" $number 2>&1 || :)
        fourth=$(inside sh -c "$read_marker" $number 2>&1 || :)
    }
    losetup --detach "$device"
    has "$first" "Operation not permitted"
    has "$second" "Permission denied"
    equal marker "$third"
    has "$fourth" "Operation not permitted"
}

@test "open_by_handle_at (shocker)" {
    need_id_mapped_mounts
    make_bait
    layer folder
    attack shocker.c
    path=${BAIT#"$(stat -c %m "$BAIT")"}/file
    run inside -vfolder:/mnt /shocker /mnt "$path"
    has "$output" "shocker: Operation not permitted"
    start -vfolder:/mnt
    run enter /shocker /mnt "$path"
    has "$output" "shocker: Operation not permitted"
    end
    run inside -vfolder:/mnt --without=seccomp /shocker /mnt "$path"
    hasnt "$output" precious
    run inside -vfolder:/mnt --without=caps,seccomp /shocker /mnt "$path"
    hasnt "$output" precious
    [ "$(id -u)" = 0 ] || return 0
    run inside -vfolder:/mnt --without=user,seccomp /shocker /mnt "$path"
    has "$output" "shocker: Operation not permitted"
    [ "$(stat -c %m "$BAIT")" = "$(stat -c %m folder)" ] || skip "the bait is on another file system"
    [[ $(stat -f -c %T folder) = ext* ]] || skip "the root of this file system does not have the number 2"
    equal precious "$(inside -vfolder:/mnt --without=caps,seccomp,user /shocker /mnt "$path")"
}
