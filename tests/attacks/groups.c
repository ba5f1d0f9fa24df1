/* groups FILE: leave all groups, and read FILE.
 *
 * A file of mode 604 can be read by everybody but the members of its group: a
 * way to shut out a few (-rw----r--).  Leaving a group then opens a door, and
 * until 2014 whoever made a user namespace could leave every group in there
 * (CVE-2014-8989).  Since then an ordinary user who maps one id has to write
 * "deny" into /proc/PID/setgroups first. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char text[100];
    if (argc != 2)
        return 2;
    if (setgroups(0, NULL) == -1)
        perror("setgroups");
    int file = open(argv[1], O_RDONLY);
    if (file == -1) {
        perror("open");
        return 1;
    }
    ssize_t size = read(file, text, sizeof text);
    return write(1, text, (size_t)size) != size;
}
