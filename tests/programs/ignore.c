/* ignore COMMAND [ARGUMENT]...: run COMMAND with all 64 signals ignored, also
 * the two that libc keeps for itself, and with all of them blocked. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    unsigned long ignored[4] = { 1 /* SIG_IGN */ }, all[1] = { ~0UL };
    for (int n = 1; n <= 64; n++)           /* fails for SIGKILL and SIGSTOP */
        syscall(SYS_rt_sigaction, n, ignored, NULL, sizeof all);
    syscall(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, all, NULL, sizeof all);
    if (argc > 1)
        execvp(argv[1], argv + 1);
    perror("execvp");
    return 127;
}
