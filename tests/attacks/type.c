/* type TEXT: put TEXT into the input of the terminal, as if it had been typed.
 *
 * The call is ioctl TIOCSTI, "simulate terminal input".  What is in the input
 * waits there for whoever reads next.  If a program in a container holds the
 * host's terminal, that is the host's shell, after the container has ended: it
 * obeys.  Sandboxes of many kinds had this hole (CVE-2017-5226 in bubblewrap,
 * CVE-2019-10063 in Flatpak, whose filter could be got around by one bit).
 *
 * Since Linux 6.2 a machine can switch it off: sysctl dev.tty.legacy_tiocsti.
 *
 *     cc -static -o type type.c */
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv) {
    for (const char *c = argc > 1 ? argv[1] : ""; *c; c++)
        if (ioctl(0, TIOCSTI, c) == -1) {
            perror("type");
            return 1;
        }
    return 0;
}
