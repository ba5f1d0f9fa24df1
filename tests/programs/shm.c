/* shm KEY [TEXT]: System V shared memory.  With TEXT: make the piece KEY, put
 * TEXT in it and wait for ever.  Without: print what is in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    int id = shmget((key_t)atoi(argv[1]), 100, argc > 2 ? IPC_CREAT | 0600 : 0);
    char *memory = id == -1 ? (void *)-1 : shmat(id, NULL, 0);
    if (memory == (void *)-1) {
        perror("shm");
        return 1;
    }
    if (argc > 2) {
        strncpy(memory, argv[2], 99);
        puts("ready");
        fflush(stdout);
        for (;;)
            pause();
    }
    puts(memory);
    return 0;
}
