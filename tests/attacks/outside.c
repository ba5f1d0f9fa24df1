/* outside: a program that is nowhere in ROOTFS.  It says where it was found.
 *
 * A program of the host that runs inside is more than one program too many: its
 * own file is a file of the host, and /proc/self/exe, which leads to it, a way
 * out.  By that way a container could overwrite runc (CVE-2019-5736). */
#include <stdio.h>
#include <unistd.h>

int main(void) {
    char path[4096] = "";
    if (readlink("/proc/self/exe", path, sizeof path - 1) == -1)
        perror("/proc/self/exe");
    printf("outside: I run, and my file is %s\n", path);
    return 0;
}
