/* other-abi FOLDER: make a folder, by a call that looks like getpid.
 *
 * An x86-64 processor runs 32-bit programs as well, and they call the kernel
 * with int 0x80 and with other numbers: there 39 is mkdir, while for a 64-bit
 * program 39 is getpid and mkdir is 83.  A 64-bit program may use int 0x80, too.
 * So a filter that looks at the number, but not at the architecture that it
 * belongs to, refuses 83 and lets this 39 pass.
 *
 * The kernel itself made this mistake in the first seccomp, before there were
 * filters: CVE-2009-0835.  seccomp(2) has a warning about it.
 *
 *     cc -static -no-pie -o other-abi other-abi.c     (x86-64 only) */
#include <stdio.h>
#include <string.h>

static char folder[4096];   /* below 4 GiB: a 32-bit call takes 32-bit pointers */

int main(int argc, char **argv) {
    long result = -1;
    if (argc != 2 || strlen(argv[1]) >= sizeof folder)
        return 2;
    strcpy(folder, argv[1]);
#ifdef __x86_64__
    __asm__ volatile("int $0x80" : "=a"(result)
                     : "a"(39L), "b"((long)folder), "c"(0755L)
                     : "r8", "r9", "r10", "r11", "memory");
#endif
    /* The kernel returns 0, or an error number with a minus. */
    printf(result == 0 ? "made %s\n" : "%s: refused\n", folder);
    return result != 0;
}
