#!/bin/sh
# Leave five processes without a parent, and look what becomes of them.
#
# When the parent of a process dies, PID 1 becomes its parent.  When the process
# ends, PID 1 has to ask for its exit status; until then it stays in the table of
# processes as a zombie.  Here PID 1 becomes sleep(1), which asks for nothing.
# A container whose only program is a database or a script has such a PID 1.  In
# the first years of Docker servers stopped after some weeks: their table was
# full of zombies, and nobody could fork.
#
#     ./cage run --without=init rootfs sh -c "$(cat tests/attacks/zombies.sh)"

# After two seconds, count them.  (This runs beside what follows.)
(sleep 2; echo "zombies: $(cat /proc/[0-9]*/status | grep -c '^State:.Z')") &

# Each (command &) is an orphan: its parent, the bracket, ends at once.
for _ in 1 2 3 4 5; do
    (sleep 1 &)
done
exec sleep 3
