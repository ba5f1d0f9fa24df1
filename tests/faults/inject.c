/* inject: run a program, and let one system call of one of its processes fail,
 * or one and then another.
 *
 *     inject [-t] [-l] [-r REPORT] [-s SECONDS] PLAN COMMAND [ARGUMENT]...
 *
 * PLAN is PROCESS:CALL:N:FAULT, or two of these joined by +, or
 * KILL:MICROSECONDS, or - for none.  `3:openat:5:ENOMEM` means: of the third
 * process (1 is the COMMAND itself, the others are numbered as they are born)
 * the fifth openat is not done, and returns ENOMEM.  Some FAULTs are signals,
 * sent at this point, and then the call goes on:
 *
 *     KILL   SIGKILL to this process
 *     TERM   SIGTERM to the COMMAND, as kill(1) does
 *     INT    SIGINT to the COMMAND's process group, as Ctrl-C does
 *
 * In `3:mount:2:EPERM+1:rmdir:1:EBUSY` the calls of the second are counted from
 * the first fault on: it is the first rmdir of process 1 after that.
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
 *     -l   write all calls to REPORT, or those after the (first) fault, N counted
 *          from there: PROCESS CALL N NAME-OF-THE-PROCESS
 *     -s   so long until it is said to hang (10)
 *
 * The last line of REPORT: hit= how many of the faults, status= as a shell has it,
 * hung=, left= (processes), raw=1 if the terminal has other modes than before.
 * See ptrace(2); syscall(2) for the registers. */

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
#include <termios.h>
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

/* PLAN, and how much of it has happened. */
static struct fault {
    int who, error, signal;         /* one of the last two is not 0 */
    unsigned when;
    char call[64];
} fault[2];
static int faults, hits;

static struct process {
    pid_t pid;
    bool followed, gone;
    const struct fault *failing;    /* the call that it is in */
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

/* Read PLAN, as above.  False if it is none. */
static bool read_plan(char *plan) {
    char what[16];
    for (char *one; (one = strsep(&plan, "+")) != NULL; faults++) {
        struct fault *f = &fault[faults];
        if (faults == 2
            || sscanf(one, "%d:%63[^:]:%u:%15s", &f->who, f->call, &f->when, what) != 4)
            return false;
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
            if (strcmp(errors[i].name, what) == 0)
                f->error = errors[i].number;
        f->signal = strcmp(what, "KILL") == 0 ? SIGKILL
            : strcmp(what, "TERM") == 0 ? SIGTERM
            : strcmp(what, "INT") == 0 ? SIGINT : 0;
        if (!f->error && !f->signal)
            return false;
    }
    return true;
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
    bool terminal = false, list = false, started = false;
    const char *report = "/dev/null";
    double seconds = 10;
    char tty[64];
    struct termios before = { 0 }, after = { 0 };
    int status = -1, hung = 0, left = 0, raw = 0;
    unsigned moment = 0;
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
    if (traced && strcmp(argv[optind], "-") != 0 && !read_plan(argv[optind]))
        return 2;
    FILE *out = fopen(report, "we");
    if (out == NULL)
        die(report);
    int master = terminal ? open_terminal(tty, sizeof tty) : -1;
    /* To ask one end of a terminal is to ask the other. */
    if (terminal && tcgetattr(master, &before) == -1)
        die(tty);

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
        } else
            setpgid(0, 0);              /* as a shell does it; and INT is not for us */
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
        hits = kill(first, SIGKILL) == 0;
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
            const struct fault *f = &fault[hits];
            if (p->failing) {
                set_error(pid, strcmp(p->failing->call, "brk") == 0 ? 0 : p->failing->error);
                p->failing = NULL;
            } else if (started && nr < CALLS && call_names[nr]) {
                unsigned n = ++p->count[nr];
                int number = (int)(p - process) + 1;
                /* TCGETS asks for the modes of a terminal, and that is how
                 * isatty(3) finds out whether it is one: it cannot fail but for
                 * what is none, or has hung up. */
                bool asks = nr == SYS_ioctl && info.entry.args[1] == TCGETS;
                if (list && (hits || !faults) && !asks)
                    fprintf(out, "%d %s %u %s\n", number, call_names[nr], n, name_of(pid));
                if (hits < faults && number == f->who && n == f->when
                    && strcmp(call_names[nr], f->call) == 0) {
                    hits++;
                    for (int i = 0; i < PROCESSES; i++)
                        memset(process[i].count, 0, sizeof process[i].count);
                    if (f->error) {
                        /* Who waits for an answer fails after the wait. */
                        if (strcmp(f->call, "recvfrom") != 0)
                            skip_call(pid);
                        p->failing = f;
                    } else
                        kill(f->signal == SIGKILL ? pid : f->signal == SIGTERM ? first : -first,
                             f->signal);
                }
            }
        } else if (event == 0)
            pass = signal;
        /* No call is of interest any more: go on without stopping at each. */
        bool done = faults && hits == faults && !list && !p->failing;
        ptrace(done ? PTRACE_CONT : PTRACE_SYSCALL, pid, 0, pass);
    }
    if (terminal)
        raw = tcgetattr(master, &after) == -1 || memcmp(&before, &after, sizeof after) != 0;
    fprintf(out, "hit=%d status=%d hung=%d left=%d raw=%d\n", hits, status, hung, left, raw);
    fclose(out);
    return status;
}
