/* denied: print the names of the system calls that a filter refuses.
 *
 * None of them is really made.  This program adds a filter of its own, which
 * hands every call to a tracer; there is no tracer, and so the kernel answers
 * ENOSYS without doing anything.  Of two filters the stricter verdict counts: a
 * refusal (EPERM) goes before a tracer.  What fails with EPERM all the same is
 * therefore refused by the filter that was there before.  See seccomp(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { long number; const char *name; } names[] = {
#define NAME(call) { SYS_##call, #call }
    NAME(add_key), NAME(keyctl), NAME(request_key), NAME(mount), NAME(umount2),
    NAME(pivot_root), NAME(chroot), NAME(move_mount), NAME(open_tree),
    NAME(fsopen), NAME(fsconfig), NAME(fsmount), NAME(fspick),
    NAME(mount_setattr), NAME(setns), NAME(unshare), NAME(swapon),
    NAME(swapoff), NAME(reboot), NAME(kexec_load), NAME(kexec_file_load),
    NAME(init_module), NAME(finit_module), NAME(delete_module), NAME(acct),
    NAME(syslog), NAME(settimeofday), NAME(clock_settime), NAME(clock_adjtime),
    NAME(adjtimex), NAME(quotactl), { 443, "quotactl_fd" }, NAME(bpf),
    NAME(perf_event_open), NAME(userfaultfd), NAME(io_uring_setup),
    NAME(io_uring_enter), NAME(io_uring_register), NAME(open_by_handle_at),
    NAME(fanotify_init), NAME(kcmp), NAME(pidfd_getfd), NAME(process_madvise),
    NAME(move_pages), NAME(mbind), NAME(set_mempolicy), NAME(migrate_pages),
    { 450, "set_mempolicy_home_node" }, NAME(sethostname), NAME(setdomainname),
    NAME(vhangup), NAME(nfsservctl), NAME(ptrace), NAME(clone),
#ifdef __x86_64__
    NAME(iopl), NAME(ioperm), NAME(uselib), NAME(sysfs), NAME(ustat),
#endif
};

static void print(const char *text)
{
    if (write(1, text, strlen(text)) == -1)
        _exit(1);
}

int main(void)
{
    /* Only write and exit_group, with which the result is told, are allowed. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1
        || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1)
        return 1;

    for (long n = 0; n < 1024; n++) {
        /* From 335 to 423 there are none, but two that belong to debuggers:
         * they go past all filters, and end a program that makes them. */
        if (n == SYS_write || n == SYS_exit_group || (n >= 335 && n < 424))
            continue;
        long result = syscall(n, 0, 0, 0, 0, 0, 0);
        if (result == -1 && errno == ENOSYS)
            continue;
        char text[64];
        snprintf(text, sizeof text, "number-%ld", n);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (names[i].number == n)
                snprintf(text, sizeof text, "%s", names[i].name);
        print(text);
        print(result == -1 && errno == EPERM ? "\n" : " made!\n");
    }
    return 0;
}
