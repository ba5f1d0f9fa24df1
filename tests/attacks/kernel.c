/* kernel: knock at every door of the kernel behind which somebody has found a
 * hole, or that changes the whole machine.
 *
 * bpf: CVE-2020-8835 and many more; io_uring: in 2022 more than half of what was
 * reported to Google's reward programme; userfaultfd and keyrings: what exploits
 * stand on (CVE-2016-0728); perf: CVE-2013-2094; fsconfig: CVE-2022-0185, whose
 * finders broke out of Google's Kubernetes.  The clocks, modules, swap and kexec
 * belong to the machine, not to a namespace.
 *
 * For each it says "refused" (EPERM, or as if the call did not exist), or what
 * the kernel said when it was asked.  The arguments are wrong, so that whatever is
 * let through changes nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void knock(const char *name, long result) {
    printf("%s: %s\n", name, result != -1 ? "let through"
           : errno == EPERM || errno == ENOSYS ? "refused" : strerror(errno));
    fflush(stdout);
}
#define KNOCK(call, ...) knock(#call, syscall(SYS_##call, __VA_ARGS__))

int main(void) {
    long no_time[2] = { 0, -1 };        /* -1 nanoseconds: no such time */
    int none = -1;
    KNOCK(clock_settime, 0L, no_time);
    KNOCK(settimeofday, none, none);                    /* not an address */
    KNOCK(adjtimex, none);
    KNOCK(init_module, none, 0L, none);
    KNOCK(finit_module, none, none, 0L);
    KNOCK(delete_module, "no such module", 0L);
    KNOCK(kexec_load, 0L, 0L, 0L, 0xdeadL);             /* no such flags */
    KNOCK(reboot, 0L, 0L, 0L, 0L);                      /* no magic number */
    KNOCK(swapon, "/no/such/file", 0L);
    KNOCK(swapoff, "/no/such/file");
    KNOCK(acct, "/no/such/file");
    KNOCK(syslog, 99L, 0L, 0L);
    KNOCK(quotactl, 0L, 0L, 0L, 0L);
    KNOCK(mount, 0L, "/no/such/folder", 0L, 0L, 0L);
    KNOCK(umount2, "/no/such/folder", 0L);
    KNOCK(pivot_root, "/no/such/folder", "/no/such/folder");
    KNOCK(chroot, "/no/such/folder");
    KNOCK(fsopen, "no such type", 0L);
    KNOCK(fsconfig, none, 0L, 0L, 0L, 0L);
    KNOCK(open_tree, none, 0L, 0xffffL);
    KNOCK(bpf, 9999L, 0L, 0L);
    KNOCK(perf_event_open, 0L, 0L, none, none, 0L);
    KNOCK(userfaultfd, 0xffffL);
    KNOCK(io_uring_setup, 0L, 0L);
    KNOCK(keyctl, 9999L, 0L, 0L, 0L, 0L);
    KNOCK(add_key, 0L, 0L, 0L, 0L, 0L);
    KNOCK(open_by_handle_at, none, 0L, 0L);
    KNOCK(fanotify_init, 0xffffffffL, 0L);
    KNOCK(setns, none, 0L);
    KNOCK(unshare, 0xfL);                               /* no such flags */
    KNOCK(kcmp, 0L, 0L, 99L, 0L, 0L);
    return 0;
}
