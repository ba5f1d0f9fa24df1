#!/bin/sh
# links: an image whose folders are links to folders of the host.  Whoever
# mounts something at ROOTFS/proc and follows the link mounts it on the host.
#
# runc has been caught twice: by an image with a link in the place of /proc
# (CVE-2019-19921), and by a folder that somebody inside exchanged for a link
# between the look and the mount (CVE-2021-30465).  cage is in a chroot of ROOTFS
# when it mounts, so that `/...` in a link means the container's own root.
#
# Run it in the folder of the project.  The host of the first attempt is a mount
# namespace that is thrown away; nothing outside it is touched.
set -u
cage=${CAGE:-./cage} rootfs=${ROOTFS:-rootfs}
place=$(mktemp -d) || exit 2
trap 'rm -rf "$place"' EXIT
mkdir "$place/trap" "$place/image"
echo "a file of the host" > "$place/trap/file"

# The image: a link in the place of the folder for the volume, and no more.
ln -s "$place/trap" "$place/image/mnt"

# shellcheck disable=SC2016 # it is for the inner shell
unshare --user --map-root-user --mount sh -c '
    mount -t tmpfs cover "$1/image/mnt" || exit 2
    if [ -e "$1/trap/file" ]; then echo "by hand: the file of the host is still there"
    else echo "by hand, mount follows the link: the file of the host is covered"; fi' \
    sh "$place"

# In the container, look whether the volume has arrived; outside, whether the
# file is still there while it runs.
mkdir "$place/volume" && touch "$place/volume/arrived"
chmod 755 "$place" && mkfifo "$place/go"
"$cage" run -v "$place/volume:/mnt" "$place/image:$rootfs" sh -c \
    'ls /mnt; read -r _' < "$place/go" > "$place/seen" &
exec 3> "$place/go"
tries=0
until [ -s "$place/seen" ] || [ $tries -ge 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
if grep -q arrived "$place/seen" && [ -e "$place/trap/file" ]; then
    echo "cage: the volume is inside, and the file of the host is untouched"
else
    echo "cage: it was mounted on the host, or not at all"
fi
echo > "$place/go"
exec 3>&-
wait
