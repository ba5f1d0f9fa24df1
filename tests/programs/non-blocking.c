/* non-blocking COMMAND...: run it in a new terminal whose other users have made it
 * O_NONBLOCK, and which nobody reads for half a second.  Then print all that it has
 * written there, and end with its status.
 *
 * O_NONBLOCK is a property of what was opened, not of the process: one program can
 * set it for all others that have inherited the same terminal.  A write to it then
 * fails (EAGAIN) where it would have had to wait. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int master, status;
    char text[4096];
    pid_t child = forkpty(&master, NULL, NULL, NULL);

    if (argc < 2 || child == -1) {
        perror(argv[0]);
        return 125;
    }
    if (child == 0) {
        fcntl(0, F_SETFL, O_RDWR | O_NONBLOCK);     /* 1 and 2 are the same */
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    usleep(500000);
    /* When the last one has closed it, read fails (EIO). */
    for (ssize_t n; (n = read(master, text, sizeof text)) > 0;)
        fwrite(text, 1, (size_t)n, stdout);
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
