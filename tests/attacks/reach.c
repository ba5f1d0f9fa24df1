/* reach PID: do what can be done to the process PID: send it a signal, look into
 * it as a debugger does, move into its namespaces.
 *
 * `nsenter --target 1 --all` is the whole of an escape when the process with the
 * number 1 is the host's, and one may: what people run who are given a privileged
 * pod with `hostPID: true` in Kubernetes.  Without that right a number is still
 * good to kill with.  In a PID namespace of its own the container has no number
 * for a process of the host, and the kernel answers: no such process. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *what, long result) {
    if (result == -1)
        perror(what);
    else
        printf("%s: done\n", what);
    fflush(stdout);
}

int main(int argc, char **argv) {
    pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
    setbuf(stderr, NULL);
    if (pid <= 1)
        return 2;
    tell("kill", kill(pid, 0));         /* signal 0 does nothing but ask */
    /* SEIZE, not ATTACH: it does not stop PID, and ends with us. */
    tell("ptrace", ptrace(PTRACE_SEIZE, pid, 0, 0));
    long pidfd = syscall(SYS_pidfd_open, pid, 0);
    if (pidfd == -1)
        tell("pidfd_open", -1);
    else
        tell("setns", setns((int)pidfd, CLONE_NEWUTS));
    return 0;
}
