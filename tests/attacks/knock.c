/* knock NAME: connect to a Unix socket with an abstract name.
 *
 * Such a name, which begins with a 0 byte, is in no file system: who may connect
 * is not decided by any file, and chroot does not matter.  It belongs to the
 * network namespace.  containerd, which starts the containers of Docker, listened
 * on such a socket for orders; root in a container that had been given the host's
 * network could connect to it, and order a container without any walls
 * (CVE-2020-15257). */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv) {
    static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (argc != 2 || strlen(argv[1]) >= sizeof name.sun_path - 1)
        return 2;
    strcpy(name.sun_path + 1, argv[1]);
    size_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1]);
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_UNIX, types[i], 0);
        if (connect(fd, (struct sockaddr *)&name, (socklen_t)size) == 0) {
            puts("connected");
            return 0;
        }
    }
    perror("knock");
    return 1;
}
