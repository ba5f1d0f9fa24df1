#!/bin/sh
# core-pattern: from inside, can we say which program runs when one crashes?
#
# If the line in /proc/sys/kernel/core_pattern begins with |, the kernel runs what
# follows, as the real root and in the host's namespaces, whenever a process
# crashes: core(5).  There is one such line for the whole machine.  Whoever may
# write it from a container writes the path of a program of the container (found
# through /proc/PID/root), lets something crash, and is root of the host.  That
# has been the last move of many escapes: of privileged containers, of holes
# that gave a write to one file, and of CVE-2025-31133, where runc was led to
# mount this very file, writable, in the place of a harmless one.
#
# Nothing is written here, and the line stays as it is: to be allowed to open the
# file for writing is enough to know.  It runs inside:
#
#     ./cage run rootfs sh -c "$(cat tests/attacks/core-pattern.sh)"
if true > /proc/sys/kernel/core_pattern; then
    echo "open: the next crash on the machine could run my program, as root"
else
    echo "refused"
fi 2>&1
