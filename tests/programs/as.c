/* as UID COMMAND [ARGUMENT]...: become user UID (- means: stay), run COMMAND. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (argv[1][0] != '-' && setuid((uid_t)atoi(argv[1])) == -1) {
        perror("setuid");
        return 1;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
