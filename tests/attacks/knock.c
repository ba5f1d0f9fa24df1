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
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc != 2 || strlen(argv[1]) >= sizeof name.sun_path)
        return 2;
    strcpy(name.sun_path + 1, argv[1]);
    if (connect(fd, (struct sockaddr *)&name,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1
                            + strlen(argv[1])))) {
        perror("knock");
        return 1;
    }
    puts("connected");
    return 0;
}
