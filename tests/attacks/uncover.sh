#!/bin/sh
# uncover: see what somebody has hidden by mounting something over it, and write
# to what somebody has made read-only.  Whoever is root in a new user namespace
# has a copy of all mounts, and may mount and unmount in it.
#
# In 2014 that was enough: `mount -o remount,rw` in a user namespace made a
# read-only mount writable again (CVE-2014-5206).  Since then the kernel locks
# what the copy has inherited: it can be neither unmounted nor made weaker
# (mount_namespaces(7), "Restrictions on mount namespaces").
#
# It needs no privilege, and what it mounts is gone at the end.  The first
# attempt stays in one user namespace and succeeds, the second goes into a new
# one and must fail.
set -u
# shellcheck disable=SC2016 # it is for the inner shell
attack='
    umount /mnt/box 2> /dev/null; cat /mnt/box/secret 2> /dev/null ||
        echo "the cover holds"
    mount -o remount,bind,rw /mnt/fixed 2> /dev/null; touch /mnt/fixed/mine \
        2> /dev/null && echo "written" || echo "read-only holds"'

# A playground: a tmpfs with two folders, one covered, one read-only.
# shellcheck disable=SC2016
exec unshare --user --map-root-user --mount sh -c '
    mount -t tmpfs playground /mnt
    mkdir /mnt/box /mnt/fixed
    echo "a secret" > /mnt/box/secret
    mount -t tmpfs cover /mnt/box
    mount --bind /mnt/fixed /mnt/fixed
    mount -o remount,bind,ro /mnt/fixed
    echo "in the same user namespace:"
    unshare --mount sh -c "$1"
    echo "in a new user namespace:"
    unshare --user --map-root-user --mount sh -c "$1"' sh "$attack"
