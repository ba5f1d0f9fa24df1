/* set-uid: say who I am, and with whose rights I run.
 *
 * A program with the set-user-ID bit runs with the rights of its owner, not of
 * whoever starts it: su and sudo work like that.  If such a program has a hole,
 * whoever starts it becomes its owner.  In pkexec, which is set-uid root on most
 * desktops, there was one for twelve years (CVE-2021-4034, "PwnKit").
 *
 * An image may bring such programs along.  With no_new_privs the bit means
 * nothing.   cc -static -o set-uid set-uid.c; chmod 4755 set-uid  (as root) */
#include <stdio.h>
#include <unistd.h>

int main(void) {
    printf("started by user %d, with the rights of user %d\n",
           (int)getuid(), (int)geteuid());
    return 0;
}
