/* inject: run a program, and let one system call of one of its processes fail.
 *
 *     inject [-t] [-l] [-r REPORT] [-s SECONDS] PLAN COMMAND [ARGUMENT]...
 *
 * PLAN is PROCESS:CALL:N:FAULT, or KILL:MICROSECONDS, or - for none.  `3:openat:5:ENOMEM` means: of
 * the third process (1 is the COMMAND itself, the others are numbered as they
 * are born) the fifth openat is not done, and returns ENOMEM.  The fault KILL
 * sends SIGKILL at this point instead.
 *
 * Why not strace -f -e inject=openat:error=ENOMEM:when=5?  It counts for each
 * process by itself, as this does, but has no way to say for which of them: the
 * first to make a fifth openat gets the fault, and others after it get it, too.
 * What the host side, the child, PID 1 and the command all do, open, read and
 * close, could be failed only in the host side.  Apart from that it is the same.
 *
 * `KILL:3000` sends SIGKILL to the COMMAND after 3 ms; nothing is traced then.
 *
 * A process is followed until it becomes another program by execve(2).  What is
 * left of them after the COMMAND has ended is waited for, and then counted.
 *
 *     -t   standard input is a new terminal
 *     -l   write all calls to REPORT: PROCESS CALL N NAME-OF-THE-PROCESS
 *     -s   so long until it is said to hang (10)
 *
 * The last line of REPORT: hit=0 or 1, status= as a shell has it, hung=, left=
 * (processes).  See ptrace(2); syscall(2) for the registers. */

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

enum { PROCESSES = 64, CALLS = 512 };

/* Made by tests/faults/run out of sys/syscall.h: [SYS_read] = "read", ... */
static const char *const call_names[CALLS] = {
#include "calls.h"
};

static const struct { const char *name; int number; } errors[] = {
#define E(name) { #name, name }
    E(EACCES), E(EADDRINUSE), E(EAGAIN), E(EBADF), E(EBUSY), E(ECHILD), E(EDQUOT),
    E(EFAULT), E(EINTR), E(EINVAL), E(EIO), E(EMFILE), E(ENFILE), E(ENODEV),
    E(ENOENT), E(ENOMEM), E(ENOSPC), E(ENOTTY), E(EPERM), E(EROFS), E(ESRCH),
    E(EUSERS), E(ENOSYS), E(ELOOP), E(ENOTCONN), E(ECONNREFUSED), E(EPIPE),
    E(ECONNRESET), E(ENOEXEC), E(ENOBUFS), E(ENXIO),
};

static struct process {
    pid_t pid;
    bool followed, gone, failing;
    unsigned count[CALLS];
} process[PROCESSES];
static int processes;

static volatile sig_atomic_t late;
static void on_alarm(int number) { (void)number; late = 1; }

static void die(const char *what) { perror(what); exit(2); }

static void set_alarm(double seconds) {
    struct itimerval timer = { .it_value = { (time_t)seconds,
        (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) } };
    /* Again and again, in case it comes just before waitpid. */
    timer.it_interval.tv_usec = 100000;
    late = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* The process with this pid; a new one gets the next number. */
static struct process *find(pid_t pid) {
    for (int i = 0; i < processes; i++)
        if (process[i].pid == pid && !process[i].gone)
            return &process[i];
    if (processes == PROCESSES)
        exit(2);
    process[processes].pid = pid;
    process[processes].followed = true;
    return &process[processes++];
}

/* Let the kernel not do the call that this process is about to make. */
static void skip_call(pid_t pid) {
#ifdef __x86_64__
    struct user_regs_struct r;
    ptrace(PTRACE_GETREGS, pid, 0, &r);
    r.orig_rax = (unsigned long long)-1;
    ptrace(PTRACE_SETREGS, pid, 0, &r);
#else
    int none = -1;
    struct iovec part = { &none, sizeof none };
    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
#endif
}

/* Let the call, which is over, return -ERROR: that is errno, for libc.  (But
 * brk, with ERROR 0, returns where the memory ends: not as far as asked for.) */
static void set_error(pid_t pid, int error) {
    struct user_regs_struct r;
#ifdef __x86_64__
    ptrace(PTRACE_GETREGS, pid, 0, &r);
    r.rax = (unsigned long long)-error;
    ptrace(PTRACE_SETREGS, pid, 0, &r);
#else
    struct iovec part = { &r, sizeof r };
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part);
    r.regs[0] = (unsigned long long)-error;
    ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
#endif
}

static const char *name_of(pid_t pid) {
    static char name[32];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(name, sizeof name, file) == NULL)
        strcpy(name, "?");
    if (file)
        fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return name;
}

/* A terminal for standard input; its other end stays open here. */
static int open_terminal(char *name, size_t size) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1
        || ptsname_r(master, name, size) != 0)
        die("a new terminal");
    return master;
}

int main(int argc, char **argv)
{
    bool terminal = false, list = false, started = false, hit = false;
    const char *report = "/dev/null";
    double seconds = 10;
    char tty[64], call[64] = "", fault[64] = "";
    int who = 0, error = 0, status = -1, hung = 0, left = 0;
    unsigned when = 0, moment = 0;
    for (int o; (o = getopt(argc, argv, "+tlr:s:")) != -1;)
        switch (o) {
        case 't': terminal = true; break;
        case 'l': list = true; break;
        case 'r': report = optarg; break;
        case 's': seconds = atof(optarg); break;
        default: return 2;
        }
    if (argc - optind < 2)
        return 2;
    bool traced = sscanf(argv[optind], "KILL:%u", &moment) != 1;
    if (traced && strcmp(argv[optind], "-") != 0) {
        if (sscanf(argv[optind], "%d:%63[^:]:%u:%63s", &who, call, &when, fault) != 4)
            return 2;
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
            if (strcmp(errors[i].name, fault) == 0)
                error = errors[i].number;
        if (error == 0 && strcmp(fault, "KILL") != 0)
            return 2;
    }
    FILE *out = fopen(report, "we");
    if (out == NULL)
        die(report);
    int master = terminal ? open_terminal(tty, sizeof tty) : -1;

    /* Processes whose parent has died become ours: so none is overlooked. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) == -1)
        die("pipe2");
    pid_t first = fork();
    if (first == 0) {
        char nothing;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (terminal) {
            setsid();
            if (dup2(open(tty, O_RDWR), 0) == -1 || ioctl(0, TIOCSCTTY, 0) == -1)
                die(tty);
        }
        if (read(ready[0], &nothing, 1) == 1)
            execvp(argv[optind + 1], argv + optind + 1);
        _exit(127);
    }
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK
        | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC
        | PTRACE_O_EXITKILL;
    if (traced && ptrace(PTRACE_SEIZE, first, 0, options) == -1)
        die("ptrace");
    find(first);
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    set_alarm(seconds);
    if (write(ready[1], "", 1) != 1)
        die("write");
    if (!traced) {
        usleep(moment);
        hit = kill(first, SIGKILL) == 0;
    }

    for (;;) {
        int how;
        pid_t pid = waitpid(-1, &how, __WALL);
        if (pid == -1 && errno == ECHILD)
            break;
        if (late) {
            /* It hangs; or it has ended, and something of it still lives. */
            for (int i = 0; i < processes; i++)
                if (!process[i].gone && kill(process[i].pid, 0) == 0) {
                    if (status == -1)
                        hung++;
                    else
                        left++;
                    fprintf(out, "# still there: process %d, %s\n", i + 1,
                            name_of(process[i].pid));
                    kill(process[i].pid, SIGKILL);
                }
            if (status == -1)
                status = 128 + SIGALRM;
            set_alarm(2);
        }
        if (pid == -1)
            continue;
        struct process *p = find(pid);
        if (WIFEXITED(how) || WIFSIGNALED(how)) {
            if (pid == first && status == -1) {
                status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
                set_alarm(2);
            }
            p->gone = true;
            continue;
        }
        int signal = WSTOPSIG(how), event = how >> 16, pass = 0;
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK
            || event == PTRACE_EVENT_CLONE) {
            unsigned long born = 0;
            ptrace(PTRACE_GETEVENTMSG, pid, 0, &born);
            find((pid_t)born);
        } else if (event == PTRACE_EVENT_EXEC) {
            if (pid == first && !started)
                started = true;
            else {
                if (list)
                    fprintf(out, "# process %d becomes %s\n",
                            (int)(p - process) + 1, name_of(pid));
                p->followed = false;
                ptrace(PTRACE_DETACH, pid, 0, 0);
                continue;
            }
        } else if (event == PTRACE_EVENT_STOP) {
            if (signal != SIGTRAP) {
                ptrace(PTRACE_LISTEN, pid, 0, 0);
                continue;
            }
        } else if (signal == (SIGTRAP | 0x80)) {
            struct ptrace_syscall_info info;
            memset(&info, 0, sizeof info);
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
            uint64_t nr = info.op == PTRACE_SYSCALL_INFO_ENTRY ? info.entry.nr : CALLS;
            if (p->failing) {
                set_error(pid, strcmp(call, "brk") == 0 ? 0 : error);
                p->failing = false;
            } else if (started && nr < CALLS && call_names[nr]) {
                unsigned n = ++p->count[nr];
                int number = (int)(p - process) + 1;
                /* TCGETS asks for the modes of a terminal, and that is how
                 * isatty(3) finds out whether it is one: it cannot fail but for
                 * what is none, or has hung up. */
                if (list && !(nr == SYS_ioctl && info.entry.args[1] == TCGETS))
                    fprintf(out, "%d %s %u %s\n", number, call_names[nr], n, name_of(pid));
                if (number == who && n == when && strcmp(call_names[nr], call) == 0) {
                    hit = true;
                    if (error) {
                        /* Who waits for an answer fails after the wait. */
                        if (strcmp(call, "recvfrom") != 0)
                            skip_call(pid);
                        p->failing = true;
                    } else
                        kill(pid, SIGKILL);
                }
            }
        } else if (event == 0)
            pass = signal;
        ptrace(PTRACE_SYSCALL, pid, 0, pass);
    }
    if (master != -1)
        close(master);
    fprintf(out, "hit=%d status=%d hung=%d left=%d\n", hit, status, hung, left);
    fclose(out);
    return status;
}
