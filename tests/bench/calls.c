/* calls: how long three million system calls take, in ms.  (getppid(2), as it is
 * one that does nothing, and that no libc answers by itself.) */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < 3000000; i++)
        syscall(SYS_getppid);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.1f\n", (double)(end.tv_sec - start.tv_sec) * 1e3
                     + (double)(end.tv_nsec - start.tv_nsec) / 1e6);
}
