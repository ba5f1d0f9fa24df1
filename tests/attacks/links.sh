#!/bin/sh
# links: an image in which a folder is a link to a folder of the host.  Whoever
# mounts something there and follows the link mounts it over the host's files,
# and what was to be covered or shown in the container is not.
#
# Links have misled runc more than once: an image whose /proc was a link to a
# volume, in which another container exchanged what the link led to
# (CVE-2019-19921); a folder for a volume, exchanged for a link between the look
# and the mount (CVE-2021-30465).  cage is in a chroot of ROOTFS when it mounts, so
# that a link, whenever it comes, leads only to the container's own files.
#
# Run it in the folder of the project.  The first attempt, by hand, is made in a
# mount namespace that is thrown away; nothing outside it is touched.
set -u
cage=${CAGE:-./cage} rootfs=${ROOTFS:-rootfs}
place=$(mktemp -d) || exit 2
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
mkdir "$place/trap" "$place/image" "$place/volume"
echo "a file of the host" > "$place/trap/file"
touch "$place/volume/arrived"

# The image: a link in the place of the folder /mnt.  Followed inside, it leads to a
# folder of the image that has the same path.
ln -s "$place/trap" "$place/image/mnt"
mkdir -p "$place/image$place/trap"

# shellcheck disable=SC2016 # it is for the inner shell
unshare --user --map-root-user --mount sh -c '
    mount --bind "$1/volume" "$1/image/mnt" || exit 2
    [ -e "$1/trap/file" ] || echo "by hand: it is mounted over the host'\''s files"' \
    sh "$place"

if "$cage" run -v "$place/volume:/mnt" "$place/image:$rootfs" ls /mnt |
    grep -q arrived; then
    echo "cage: it is mounted in the container"
else
    echo "cage: it is mounted somewhere else"
fi
