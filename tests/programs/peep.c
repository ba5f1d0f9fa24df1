/* peep END: look at all other processes, again and again, until there is a file
 * END; say what of the host can be seen in them.  (HOST_SECRET is a variable of
 * whoever calls cage.) */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void look_at(const char *pid)
{
    char path[300], text[4096];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text);
    if (n > 0 && memmem(text, (size_t)n, "HOST_SECRET", 11))
        puts("sees environ");
    close(fd);

    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    n = readlink(path, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    if (n > 0 && !strstr(text, "/bin/") && !strstr(text, "/peep"))
        printf("sees exe %s\n", text);

    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *all = opendir(path);
    for (struct dirent *d; all && (d = readdir(all)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%s/fd/%s", pid, d->d_name);
        n = readlink(path, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "pidfd"))
            printf("sees fd %s\n", text);
    }
    if (all)
        closedir(all);
}

int main(int argc, char **argv)
{
    int looked = 0;
    DIR *proc = opendir("/proc");
    if (argc != 2 || !proc)
        return 2;
    while (access(argv[1], F_OK) == -1) {
        rewinddir(proc);
        for (struct dirent *d; (d = readdir(proc)) != NULL;)
            if (isdigit((unsigned char)d->d_name[0]) && atoi(d->d_name) > 1
                && atoi(d->d_name) != getpid()) {
                look_at(d->d_name);
                if (looked++ == 0) {
                    puts("looked at one");
                    fflush(stdout);
                }
            }
    }
    return 0;
}
