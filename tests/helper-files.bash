# For tests about files: ROOTFS, volumes, and what must not be reached outside.

# kernel VERSION: is this Linux at least that new?
kernel() { [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1)" = "$1" ]; }

# Root inside has the ids of nobody outside, so root's files are shown to it
# through id-mapped mounts.  Not every file system has those.
need_id_mapped_mounts() {
    [ "$(id -u)" = 0 ] || return 0
    case $(stat -f -c %T "$BATS_TEST_TMPDIR") in
        tmpfs) kernel 6.3 || skip "a tmpfs cannot be id-mapped before Linux 6.3" ;;
        overlayfs | nfs | v9fs) skip "the temporary folder cannot be id-mapped" ;;
    esac
}

# Before Linux 6.6 a folder of ROOTFS cannot be removed: cage --explain says so.
need_tmpfs_attributes() {
    kernel 6.6 || skip "tmpfs has no user attributes before Linux 6.6"
}

# How many ids are there inside?  An ordinary user may have but one.
count_ids() { inside awk '{ n += $3 } END { print n }' /proc/self/uid_map; }

# layer NAME: make a folder to be used as a layer, as root's umask may be 077.
layer() { mkdir -p "$BATS_TEST_TMPDIR/$1" && chmod 755 "$BATS_TEST_TMPDIR/$1"; }

# A folder of the host that everybody may write to.  Not below /tmp, where cage
# puts the layers together: there it would be out of sight, not out of reach.
make_bait() {
    BAIT=$(mktemp -d /var/tmp/bait.XXXXXX)
    chmod 777 "$BAIT"
    echo precious > "$BAIT/file"
    chmod 666 "$BAIT/file"
}
remove_bait() { rm -rf "${BAIT:?}"; }

# bait_untouched: it is as it was made.
bait_untouched() {
    equal "$BAIT $BAIT/file" "$(find "$BAIT" | sort | xargs)"
    equal "precious 1" "$(cat "$BAIT/file") $(stat -c %h "$BAIT/file")"
}
