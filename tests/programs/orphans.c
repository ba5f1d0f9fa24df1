/* orphans: make ten processes whose parents die before them, and look whether
 * they are buried when they have ended themselves: count the zombies. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int zombies(void)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *d; proc && (d = readdir(proc)) != NULL;) {
        char path[300], name[64], state = '?';
        if (!isdigit((unsigned char)d->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", d->d_name);
        FILE *stat = fopen(path, "r");
        if (stat && fscanf(stat, "%*d (%63[^)]) %c", name, &state) == 2)
            count += state == 'Z';
        if (stat)
            fclose(stat);
    }
    return count;
}

int main(void)
{
    enum { ORPHANS = 10 };
    int ends[2];
    if (pipe(ends) == -1)
        return 1;
    for (int i = 0; i < ORPHANS; i++) {
        if (fork() == 0) {
            if (fork() == 0) {                  /* the orphan */
                usleep(20000);
                _exit(0);
            }
            _exit(0);
        }
        wait(NULL);
    }
    /* The pipe ends when the last of them has. */
    char byte;
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 0)
        return 1;
    usleep(100000);                             /* PID 1 needs a moment, too */
    printf("%d zombies\n", zombies());
    return 0;
}
