#!/bin/sh
# release-agent.sh: from inside, can we name a program that the kernel runs?
#
# A tree of cgroups of version 1 has in its top folder a file, release_agent, with
# the path of a program.  When the last process of a group is gone the kernel runs
# that, as the real root, in the namespaces of the host.  So whoever can mount such
# a tree and write one line is root of the host; it takes two processes and a shell.
# It was published in 2019 as "a container escape in a tweet", for containers with
# CAP_SYS_ADMIN.  In 2022 it was found that the kernel did not ask for that right
# at all: after unshare --user --cgroup everybody could (CVE-2022-0492).
#
# Nothing is written here, and no group is made.
mkdir -p /tmp/tree
# A tree that is there; a name of our own would make a new one.
sed -n 's/^[1-9][0-9]*:\([a-z_,]*\):.*/\1/p' /proc/self/cgroup > /tmp/trees
while read -r controller; do
    mount -t cgroup -o "$controller" none /tmp/tree 2> /tmp/why && break
done < /tmp/trees
if [ ! -e /tmp/tree/cgroup.procs ]; then
    echo "not mounted: $(cat /tmp/why 2> /dev/null)"
elif true >> /tmp/tree/release_agent; then
    echo "open: the kernel would run my program, as root"
else
    echo "mounted, but refused"
fi 2>&1
umount /tmp/tree 2> /dev/null || true
