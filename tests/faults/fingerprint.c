/* fingerprint: print how strong the container is in which this runs.
 *
 *     fingerprint [NAMESPACE]... [FILE]...      or      fingerprint wait
 *
 * Two containers of the same strength print the same text: what is another
 * number in each of them (inodes, the range of ids) is left out or replaced by
 * a word.  A NAMESPACE is one of the host's, as the links in /proc/self/ns have
 * it; a FILE, which begins with /, is printed as it is.  It ends with status 42,
 * which is no status of cage itself. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

/* Print TEXT, but for numbers that are ids of a container under root. */
static void print(const char *text) {
    while (*text) {
        char *end;
        if (*text >= '0' && *text <= '9') {
            unsigned long long n = strtoull(text, &end, 10);
            if (n >= 0x70000000 && n <= 0x7fffffff)
                printf("ID");
            else
                printf("%.*s", (int)(end - text), text);
            text = end;
        } else
            putchar(*text++);
    }
}

static void print_file(const char *path) {
    char line[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        printf("%s: %s\n", path, strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        printf("%s: ", path);
        print(line);
        putchar('\n');
    }
    fclose(file);
}

/* Can it be opened like this?  (Nothing is ever written.) */
static void try_open(const char *path, int flags) {
    errno = 0;
    int fd = open(path, flags | O_CLOEXEC);
    printf("open %s %s: %s\n", path, flags & O_ACCMODE ? "for writing" : "",
           fd == -1 ? strerror(errno) : "yes");
    if (fd != -1)
        close(fd);
}

static void result(const char *what, int result_of_it) {
    printf("%s: %s\n", what, result_of_it == -1 ? strerror(errno) : "yes");
}

static void print_folder(const char *path) {
    struct dirent **files;
    int n = scandir(path, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char name[512];
        struct stat st;
        struct statvfs fs;
        snprintf(name, sizeof name, "%s/%s", path, files[i]->d_name);
        if (strcmp(files[i]->d_name, "..") == 0 || lstat(name, &st) == -1)
            continue;
        /* ... and then it belongs to nobody. */
        if (statvfs(name, &fs) == 0 && fs.f_flag & ST_RDONLY)
            st.st_uid = st.st_gid = 0;
        printf("file %s %o %u:%u device %u:%u\n", name, st.st_mode, st.st_uid,
               st.st_gid, major(st.st_rdev), minor(st.st_rdev));
    }
}

/* The lines of /proc/self/mountinfo, without the numbers of mounts, devices and
 * peer groups. */
static void print_mounts(void) {
    char line[4096];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        char *rest = line;
        strsep(&rest, " "), strsep(&rest, " "), strsep(&rest, " ");
        for (char *s = rest; (s = strchr(s, ':')) != NULL;)
            for (s++; *s >= '0' && *s <= '9'; s++)
                *s = '#';
        /* A read-only volume that cannot be id-mapped is shown as it is. */
        char *mapped = strstr(rest, ",idmapped");
        if (strstr(rest, " ro,") && mapped)
            memmove(mapped, mapped + 9, strlen(mapped + 9) + 1);
        printf("mount ");
        print(rest);
    }
    if (file)
        fclose(file);
}

static void print_namespaces(int argc, char **argv) {
    static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid",
        "time", "user", "uts" };
    for (int i = 0; i < 8; i++) {
        char path[64], link[64] = "";
        const char *whose = "own";
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        if (readlink(path, link, sizeof link - 1) == -1)
            whose = strerror(errno);
        for (int k = 1; k < argc; k++)
            if (strcmp(argv[k], link) == 0)
                whose = "THE HOST'S";
        printf("namespace %s: %s\n", names[i], whose);
    }
}

/* Those lines of /proc/self/status that tell of rights and signals.  (That it
 * leads a group and a session is told, but not its number.) */
static void print_status(void) {
    static const char *const wanted = " Umask: Uid: Gid: Groups: SigPnd: ShdPnd: SigBlk: SigIgn: SigCgt: CapInh: CapPrm: CapEff:"
        " CapBnd: CapAmb: NoNewPrivs: Seccomp: Seccomp_filters: PPid: ";
    char line[4096], name[64], word[80];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%60s", name) != 1)
            continue;
        snprintf(word, sizeof word, " %s ", name);
        if (strstr(wanted, word))
            printf("status %s", line);
    }
    if (file)
        fclose(file);
    printf("leads its group: %d, session: %d\n", getpgrp() == getpid(),
           getsid(0) == getpid());
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "wait") == 0)
        for (;;)
            pause();
    /* All or nothing, if we are killed: by then others may be dying, too. */
    static char all[1 << 16];
    setvbuf(stdout, all, _IOFBF, sizeof all);
    /* First what this program itself would change. */
    for (int fd = 0; fd < 1024; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0)
            printf("descriptor %d: type %o, flags %o, %s\n", fd,
                   st.st_mode & S_IFMT, fcntl(fd, F_GETFL) & ~O_LARGEFILE,
                   isatty(fd) ? ttyname(fd) ? ttyname(fd) : "a terminal" : "-");
    }
    for (char **e = environ; *e; e++)
        printf("variable %s\n", *e);
    char here[4096] = "";
    printf("folder %s\n", getcwd(here, sizeof here) ? here : strerror(errno));
    int death = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    printf("dies with its parent: signal %d, dumpable %d\n", death,
           prctl(PR_GET_DUMPABLE));
    print_status();
    print_namespaces(argc, argv);
    print_file("/proc/self/uid_map");
    print_file("/proc/self/gid_map");
    print_file("/proc/self/setgroups");
    print_file("/proc/self/cgroup");
    print_file("/proc/self/oom_score_adj");
    print_file("/proc/1/comm");
    print_file("/proc/1/cmdline");
    print_mounts();

    struct utsname names;
    uname(&names);
    printf("host name %s, domain %s\n", names.nodename, names.domainname);
    /* Two lines, a clock and its offset each: some seconds less than the host. */
    char offsets[200] = "";
    int clocks = open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC);
    if (read(clocks, offsets, sizeof offsets - 1) > 0)
        printf("clocks: %s\n", strchr(offsets, '-') != strrchr(offsets, '-')
               ? "set back" : "THE HOST'S");
    close(clocks);
    struct ifreq lo = { .ifr_name = "lo" };
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    printf("lo: %s\n", ioctl(any, SIOCGIFFLAGS, &lo) == -1 ? strerror(errno)
           : lo.ifr_flags & IFF_UP ? "up" : "down");
    close(any);
    print_file("/proc/sys/net/ipv4/ping_group_range");

    print_folder("/");
    print_folder("/dev");
    print_folder("/dev/pts");
    print_folder("/tmp");
    struct dirent **files;
    int n = scandir("/proc", &files, NULL, alphasort);
    for (int i = 0; i < n; i++)
        if (files[i]->d_name[0] >= '1' && files[i]->d_name[0] <= '9') {
            char path[512];
            char name[64] = "?";
            snprintf(path, sizeof path, "/proc/%s/comm", files[i]->d_name);
            FILE *file = fopen(path, "re");
            if (file && fgets(name, sizeof name, file))
                printf("process %s", name);
            if (file)
                fclose(file);
        }

    try_open("/proc/1/environ", O_RDONLY);
    try_open("/proc/1/mem", O_RDWR);
    try_open("/proc/1/root", O_RDONLY);
    try_open("/proc/kcore", O_RDONLY);
    try_open("/proc/keys", O_RDONLY);
    try_open("/proc/sysrq-trigger", O_WRONLY);
    try_open("/proc/sys/vm/swappiness", O_WRONLY);
    try_open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
    try_open("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
    try_open("/dev/null", O_RDWR);
    try_open("/dev/tty", O_RDWR);
    try_open("/made-inside", O_RDWR | O_CREAT);
    unlink("/made-inside");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '/')
            print_file(argv[i]);

    /* What the filter answers.  (EPERM can have other reasons, too.) */
    result("unshare(user)", unshare(CLONE_NEWUSER));
    result("mount", mount("x", "/", "tmpfs", 0, NULL));
    result("chroot", chroot("/"));
    result("socket(vsock)", socket(AF_VSOCK, SOCK_STREAM, 0));
    result("setuid(0)", setuid(0));
    /* When PID 1 ends so do we, but a moment later.  What was read of it may then
     * be wrong (its command line is empty): so print nothing.  The 7th word after
     * its name is its flags: 4 is PF_EXITING, see include/linux/sched.h. */
    char stat[1024] = "";
    unsigned flags = 0;
    int of_pid_1 = open("/proc/1/stat", O_RDONLY | O_CLOEXEC);
    if (read(of_pid_1, stat, sizeof stat - 1) > 0 && strrchr(stat, ')'))
        sscanf(strrchr(stat, ')'), ") %*c %*d %*d %*d %*d %*d %u", &flags);
    if (flags & 4)
        _exit(1);
    return 42;
}
