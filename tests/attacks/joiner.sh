#!/bin/sh
# joiner.sh PID: wait for a process that comes into the container, and use the
# files that it has open.  PID is a process of the host, to tell whose /proc it is.
#
# `docker exec` starts a process outside and moves it in, step by step.  For a
# moment it is inside, where everybody can see it, and still holds what it had
# open outside.  In runc root of the container could debug it, and with the
# folders that it had open walk through the host's files (CVE-2016-9962).  Since
# then such a process marks itself as not dumpable before it gets in: then its
# files under /proc belong to the real root.
#
# (The tests make the newcomer wait for /tmp/looked, so that we never miss it.)
while :; do
    for p in /proc/[0-9]*; do
        [ "$(cat "$p/comm" 2> /dev/null)" != "cage: command" ] || break 2
    done
done
result="nothing"
for fd in "$p"/fd/*; do
    # Is it a folder in which the host's processes are?
    if [ -e "$fd/$1/comm" ]; then
        result="the host's /proc, and in it: $(cat "$fd/$1/comm")"
    fi
done
! { true < "$p/environ"; } 2> /dev/null || echo "its environment: readable"
echo "open: $result"
touch /tmp/looked
