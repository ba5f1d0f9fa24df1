/* no-mkdir COMMAND...: run COMMAND, to which the kernel refuses mkdir(2).
 *
 * The smallest filter that does something.  It has a mistake, and chapter 14
 * is about it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mkdir               /* arm64 has only the newer one */
#define SYS_mkdir SYS_mkdirat
#endif

int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        /* Load the number of the call. */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        /* Is it mkdir's?  If not, skip one line. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    /* The step nnp, then the step seccomp. */
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
        perror("no-mkdir");
    else
        execvp(argv[1], argv + 1);
    return 1;
}
