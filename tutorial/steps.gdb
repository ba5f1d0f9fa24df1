# Walk through cage in gdb.  Every step is a function, and gdb stops at each:
#
#   gdb -q -x tutorial/steps.gdb --args ./cage-debug run rootfs /bin/true
#
#   next (n)           one line further
#   step (s)           the same, but into the functions that the line calls
#   finish             out of the function again
#   continue (c)       to the next step
#   list (l)           the lines around here;  layout src: always show them
#   backtrace (bt)     who called this
#   print *c           all that cage knows;  print c->step: one thing
#   info proc status   what the kernel says about this process
#
# (A command that reads the keyboard waits in vain: gdb keeps it for itself.)

  # When cage forks, stay with the new process and let the old one run on.  The
  # host side makes the child, and goes on to answer it; the child makes PID 1,
  # and ends; PID 1 makes the command.
  #
  # To see PID 1 at work (as root: nobody else may look into it), `set
  # follow-fork-mode parent` when in step_init.  If ROOTFS is a tarball, tar is
  # one fork more: `parent` in step_pid, once past its clone, and `child` again
  # when in step_init.
  set follow-fork-mode child
  set detach-on-fork on

  # Stop at main, and at every function of cage.c whose name begins with step_.
  # (pagination: do not stop in the middle of the list of them.)
  set pagination off
  break main
  rbreak cage.c:^step_

  # At the last step no stop is left.  execve(2) puts another program into this
  # process, in which the places to stop at would mean nothing.
  tbreak step_exec
  commands
    delete
    echo \nThe last step: now this process becomes the command.\n
  end

  run
