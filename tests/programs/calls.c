/* calls NAME...: make system calls, and print for each how it ended.
 *
 * All of them are harmless: either they do something only to this process, or
 * their arguments are such that nothing can be done. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *what, long result)
{
    int error = result == -1 ? errno : 0;
    const char *name = error == 0 ? "0" : error == EPERM ? "EPERM"
        : error == ENOSYS ? "ENOSYS" : error == EINVAL ? "EINVAL"
        : error == ENOTTY ? "ENOTTY" : error == EXDEV ? "EXDEV"
        : strerror(error);
    printf("%s: %s\n", what, name);
    fflush(stdout);
}

/* The system call of clone, by which fork and threads are made.  The child that
 * it makes leaves at once. */
static void try_clone(const char *what, unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    report(what, pid);
    if (pid > 0)
        waitpid((pid_t)pid, NULL, 0);
}

static void *thread(void *argument) { return argument; }

static void try_thread(void)
{
    pthread_t id;
    errno = pthread_create(&id, NULL, thread, NULL);
    report("pthread_create", errno ? -1 : pthread_join(id, NULL));
}

#ifdef __x86_64__
/* The call getpid as a 32-bit program makes it: number 20. */
static long getpid32(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L)
                     : "r8", "r9", "r10", "r11", "memory");
    return result;
}
#endif

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
#define NAMED(text) else if (strcmp(name, text) == 0)
        if (0)
            ;
        NAMED("raw") report("socket(AF_INET, SOCK_RAW)", socket(AF_INET, SOCK_RAW, 1));
        NAMED("setgroups") report("setgroups(0)", setgroups(0, NULL));

        /* Namespaces. */
        NAMED("unshare") report("unshare(CLONE_NEWUSER)", unshare(CLONE_NEWUSER));
        NAMED("unshare-nothing") report("unshare(0)", unshare(0));
        NAMED("fork") try_clone("clone(0)", 0);
        NAMED("clone") {
            try_clone("clone(CLONE_NEWUSER)", CLONE_NEWUSER);
            try_clone("clone(CLONE_NEWNS)", CLONE_NEWNS);
            try_clone("clone(CLONE_NEWPID)", CLONE_NEWPID);
            try_clone("clone(CLONE_NEWNET)", CLONE_NEWNET);
            try_clone("clone(CLONE_NEWIPC)", CLONE_NEWIPC);
            try_clone("clone(CLONE_NEWUTS)", CLONE_NEWUTS);
            try_clone("clone(CLONE_NEWCGROUP)", CLONE_NEWCGROUP);
        }
        NAMED("clone3") report("clone3", syscall(SYS_clone3, NULL, 0L));
        NAMED("thread") try_thread();

        /* Terminals: what types into them, also with a bit too many. */
        NAMED("tiocsti") report("ioctl(TIOCSTI)", syscall(SYS_ioctl, 0, TIOCSTI, "x"));
        NAMED("tiocsti-high") report("ioctl(TIOCSTI + 2^32)",
                syscall(SYS_ioctl, 0, TIOCSTI | UINT64_C(1) << 32, "x"));
        NAMED("tioclinux") report("ioctl(TIOCLINUX)", syscall(SYS_ioctl, 0, TIOCLINUX, "\003"));
        NAMED("tiocgwinsz") {
            struct winsize size;
            report("ioctl(TIOCGWINSZ)", syscall(SYS_ioctl, 0, TIOCGWINSZ, &size));
        }

        /* Kinds of sockets. */
        NAMED("vsock") report("socket(AF_VSOCK)", socket(AF_VSOCK, SOCK_STREAM, 0));
        NAMED("alg") report("socket(AF_ALG)", socket(AF_ALG, SOCK_SEQPACKET, 0));
        NAMED("inet") report("socket(AF_INET)", socket(AF_INET, SOCK_STREAM, 0));
        NAMED("unix") report("socket(AF_UNIX)", socket(AF_UNIX, SOCK_STREAM, 0));
        NAMED("netlink") report("socket(AF_NETLINK)", socket(AF_NETLINK, SOCK_RAW, 0));

        /* Other ways to make a system call; calls that are yet to come. */
        NAMED("new") {
            for (long n = 463; n < 600; n++)
                if (syscall(n, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != ENOSYS)
                    report("a call newer than cage", -1);
            report("calls newer than cage", syscall(600));
        }
#ifdef __x86_64__
        NAMED("x32") report("getpid of x32", syscall(0x40000000 | SYS_getpid) > 0 ? 0 : -1);
        NAMED("int80") report("getpid of i386", getpid32() > 0 ? 0 : -1);
#endif
        else
            printf("%s: no such test\n", name);
    }
    return 0;
}
