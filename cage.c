/* cage.c: a container, step by step.
 *
 * There is no container in the Linux kernel.  What people call a container is
 * an ordinary process that has gone through some twenty small steps, each of
 * which takes something away from it or gives it something of its own: its own
 * process ids, its own mounts, its own root directory, fewer privileges.  This
 * file is those steps, in the order in which they happen.  Nothing else is
 * needed: no daemon, no library but libc.
 *
 *     make
 *     ./cage run rootfs /bin/sh                a container
 *     ./cage run --explain rootfs /bin/true    what each step really changed
 *     ./cage run --without=pid rootfs ps       leave a step out: what was it for?
 *     ./cage steps                             the list of the steps
 *
 * WHO DOES WHAT
 *
 * Four actors, three of which are alive while your command runs.  Time goes
 * down; each column is one process.
 *
 *   host side            child                 init (PID 1)        command
 *   ---------            -----                 ------------        -------
 *   cgroup
 *   clone3 ------------> user
 *   writes id maps <---> (waits)
 *        |               cgroupns mount
 *        |               private uts ipc
 *        |               net time
 *        |               pid: clone ---------> (waits)
 *   --net COMMAND <------ its pid, and exits     |
 *   opens ROOTFS and     .                     rootfs volumes
 *   the volumes <--------.-------------------> dev proc sys mask
 *        |               .                     pivot fds caps
 *        |               .                     id nnp seccomp
 *        |               .                     init: fork -------> tty
 *   terminal <-----------.---------------------|------------------ exec
 *   waits, copies        .                     reaps, forwards     your program
 *   the terminal,                              signals             runs
 *   forwards signals,                            |                   |
 *   cleans up <--------- exit status ------------+ <-- exit status --+
 *
 * The host side keeps the rights of whoever typed the command.  The child has
 * given up that identity in its second step, and cannot do without the host
 * side what only that identity may do: write its id maps, open the root file
 * system.  So it asks for it, over a pair of connected sockets.
 *
 * HOW TO READ
 *
 * From here down.  First some tools that every step uses, then Part I: the
 * steps, one banner and one function each, and run(), which calls them.  There
 * you can stop reading.  Part II is the fine print of some steps (the terminal,
 * id-mapped mounts, tarballs, old cgroups, --explain), and then come the
 * options.  A function is declared here and there before it is written, so
 * that the story comes first.  "See: name(7)" is a manual page: `man 7 name`.
 *
 * To walk through it in gdb: make debug.  Every step is a function step_NAME().
 *
 * WHAT IS LEFT OUT, and why
 *
 * Images and registries (tar files do), networks other than a lo interface
 * (`--net COMMAND` runs the tools that make them), checkpoints, SELinux and
 * AppArmor profiles (each needs a policy of the whole system).  What a step
 * leaves out beside what runc does is said where it stands.
 *
 * Linux 5.19 or later; 6.6 or later for everything.  x86-64 and arm64.
 * MIT licence, see LICENSE. */

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* ========================================================================== *
 *                                   TOOLS
 * ========================================================================== */

/* ------------------------------- the steps --------------------------------
 * The one list of them.  Everything that names a step takes it from here: this
 * table is turned into an enum just below, into `cage steps`, into the words
 * that --without understands, and into the first word of every error.  (The
 * form is called an X-macro: a list that takes the macro to apply to each of
 * its rows.) */

#define STEPS(X)                                                             \
    X(cgroup,   "host",    "what it uses is counted together, and limited")  \
    X(user,     "child",   "root inside is nobody outside")                  \
    X(cgroupns, "child",   "its own cgroup looks like the top of the tree")  \
    X(mount,    "child",   "a table of mounts of its own")                   \
    X(private,  "child",   "no mount or unmount passes between it and us")   \
    X(uts,      "child",   "a host name of its own")                         \
    X(ipc,      "child",   "message queues and shared memory of its own")    \
    X(net,      "child",   "interfaces, addresses and ports of its own")     \
    X(time,     "child",   "its clock since boot starts at zero")            \
    X(pid,      "child",   "process ids of its own: the next one is PID 1")  \
    X(rootfs,   "init",    "its files: ROOTFS below, its own writes above")  \
    X(volumes,  "init",    "folders of the host that you hand in")           \
    X(dev,      "init",    "a /dev with the few devices that are harmless")  \
    X(proc,     "init",    "a /proc that shows its own processes")           \
    X(sys,      "init",    "a /sys of its own network, read-only")           \
    X(mask,     "init",    "hide what /proc and /sys tell about the host")   \
    X(pivot,    "init",    "its files become /, and the host's are gone")    \
    X(fds,      "init",    "no open file of the host gets in")               \
    X(caps,     "init",    "of root's powers, the 8 that programs need")     \
    X(id,       "init",    "become the user that was asked for")             \
    X(nnp,      "init",    "no program can ever give more rights")           \
    X(seccomp,  "init",    "system calls that can hurt are refused")         \
    X(init,     "init",    "PID 1: passes signals on, buries the dead")      \
    X(tty,      "command", "a terminal of its own")                          \
    X(exec,     "command", "become the program that was asked for")

enum step {
    STEP_none = -1,
#define X(name, who, why) STEP_##name,
    STEPS(X)
#undef X
    STEP_COUNT
};

static const struct {
    const char *name, *who, *why;
} steps[STEP_COUNT] = {
#define X(name, who, why) { #name, who, why },
    STEPS(X)
#undef X
};

/* ------------------------------ struct cage -------------------------------
 * Everything there is to know about the container being made.  There are no
 * other variables that change: each process has its copy of this, made when it
 * was forked, and what one of them learns later the others do not know. */

enum {
    MAX_LAYERS = 16, MAX_VOLUMES = 32, MAX_SETTINGS = 32, MAX_ENV = 64,
    MAX_TREES = MAX_LAYERS + 1 + MAX_VOLUMES,
    MAX_FACTS = 24, FACT_SIZE = 160,
    IDS = 65536,            /* how many user ids a container has under root */
    EXIT_CAGE = 125,        /* cage itself failed: as env(1) and docker do */
    EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL = 128
};

/* What /proc says about a process at one moment: one line of text for each row
 * of the table `facts`, further down. */
struct snapshot {
    char value[MAX_FACTS][FACT_SIZE];
};

struct cage {
    /* What was asked for (see usage() for the options). */
    const char *name, *hostname, *workdir, *net, *save, *memory_text;
    char **command;
    struct { const char *path; int archive; } layer[MAX_LAYERS];
    struct { char *source, *target; bool read_only; } volume[MAX_VOLUMES];
    struct { const char *file; char *value; bool optional; }
        setting[MAX_SETTINGS];
    char *env[MAX_ENV];
    int layers, volumes, settings, envs;
    long long memory;               /* bytes, 0 if no limit was asked for */
    uid_t uid;
    gid_t gid;
    bool read_only, explain, pause, left_out[STEP_COUNT];

    /* Where we are. */
    enum step step;                 /* the step being run: for error messages */
    bool on_host_side;              /* this process is the host side */
    struct snapshot before;         /* for --explain */
    char *arguments;                /* our own command line in memory, */
    size_t arguments_size;          /* which PID 1 wipes: it would show inside */

    /* Descriptors.  -1 is none. */
    int errors;         /* where messages go, even after the tty step */
    int keyboard;       /* where --step waits for Enter */
    int proc;           /* the host's /proc, which we lose sight of at pivot */
    int host_pidfd;     /* the host side: tells whether it still lives */
    int talk;           /* our end of the sockets host side <-> the others */
    int name_socket, ids_socket;    /* see claim() */
    int root;           /* the new root directory, once it is mounted */
    int tree[MAX_TREES];            /* the mounts that go into it, see there */

    /* Known to the host side only. */
    pid_t child, init, copier;
    int signals;                    /* signalfd */
    int status;                     /* how it ended; -1 while it runs */
    bool net_up, cleaning;
    bool one_id;                    /* only 0 exists inside */
    bool id_mapped;                 /* started by root: IDS ids, see open_trees */

    /* The cgroup: the directory in which ours is made, and ours. */
    int cgroup_parent, cgroup;
    char cgroup_name[80], cgroup_path[PATH_MAX];
    int v1_groups, v1_parent[3];    /* and those of version 1, if need be */
    char v1_controller[3][16];

    /* The terminal (Part II). */
    int terminal, master, slave;
    bool raw;
    struct termios cooked;
    char typed[4096];
    size_t typed_size;
};

/* without(c, pid): was --without=pid given? */
#define without(c, name) ((c)->left_out[STEP_##name])

/* --------------------------- errors and messages --------------------------- */

static void clean_up(struct cage *c);
static const char *hint_for(struct cage *c, int error);

/* Print one line, `cage: STEP: message`, with one write(2), so that lines of
 * two processes do not mix. */
static void say(const struct cage *c, const char *format, va_list arguments)
{
    char text[PATH_MAX + 256];
    vsnprintf(text, sizeof text, format, arguments);
    if (c->step == STEP_none)
        dprintf(c->errors, "cage: %s\n", text);
    else
        dprintf(c->errors, "cage: %s: %s\n", steps[c->step].name, text);
}

/* Tell the user something that does not end the run. */
__attribute__((format(printf, 2, 3)))
static void note(const struct cage *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(c, format, arguments);
    va_end(arguments);
}

/* End this process, and with it the run.  Only the host side has something to
 * clean up; the others just leave, and the host side notices. */
static _Noreturn void leave(struct cage *c, int status)
{
    if (c->on_host_side && !c->cleaning)
        clean_up(c);
    _exit(status);
}

/* Refuse to go on: the message says it all. */
__attribute__((format(printf, 2, 3)))
static _Noreturn void refuse(struct cage *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(c, format, arguments);
    va_end(arguments);
    leave(c, EXIT_CAGE);
}

/* A system call failed: print what was called, with what, and why it failed
 * (errno), and where errno misleads, a hint.  Fail closed: a step that fails
 * ends the run, so a command never starts in a weaker container than the one
 * that was asked for. */
__attribute__((format(printf, 2, 3)))
static _Noreturn void die(struct cage *c, const char *format, ...)
{
    int error = errno;
    const char *hint = hint_for(c, error);
    char text[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    note(c, "%s: %s%s%s", text, strerror(error), hint ? "\nhint: " : "",
         hint ? hint : "");
    leave(c, EXIT_CAGE);
}

/* Most lines of this file call the kernel and cannot go on if it says no.
 * RESULT is what the call returned: -1 for no, with the reason in errno.  The
 * text names the call in the error message.  Returns RESULT. */
__attribute__((format(printf, 3, 4)))
static int must(struct cage *c, long result, const char *format, ...)
{
    if (result != -1)
        return (int)result;
    int error = errno;
    char text[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    errno = error;
    die(c, "%s", text);
}

/* ------------------------------- small files -------------------------------
 * Most of what follows is done by writing a line into a file that is not a
 * file: under /proc and in the cgroup file system, write(2) hands the text to
 * the kernel, which acts upon it at once or refuses. */

/* Write a line into the file PATH in directory DIR.  0, or -1 with errno. */
__attribute__((format(printf, 3, 4)))
static int write_file(int dir, const char *path, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof text)
        return errno = EOVERFLOW, -1;

    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd == -1)
        return -1;
    /* One write, not two: the kernel takes each write as a whole message. */
    ssize_t written = write(fd, text, (size_t)size);
    int error = errno;
    close(fd);
    errno = error;
    return written == size ? 0 : -1;
}

/* Read the file PATH in DIR, as far as it fits, into TEXT as a string.  Returns
 * its length, or -1 with errno, and then TEXT is empty. */
static ssize_t read_file(int dir, const char *path, char *text, size_t size)
{
    text[0] = '\0';
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return -1;
    ssize_t total = 0, n = 0;
    while ((size_t)total < size - 1
           && (n = read(fd, text + total, size - 1 - (size_t)total)) > 0)
        total += n;
    int error = errno;
    close(fd);
    errno = error;
    text[total] = '\0';
    return n == -1 ? -1 : total;
}

/* ------------------------------ other programs -----------------------------
 * Run ARGV, with descriptor INPUT as its standard input (-1: ours), and wait
 * for it.  Returns its exit status, 128+n if a signal killed it, 127 if there
 * is no such program.  If SAYS is not NULL, the first line that it writes to
 * its standard error goes there (a buffer of 160) instead of to ours. */
static int run_program(struct cage *c, const char *const argv[], int input,
                       char *says)
{
    int errors = says ? memfd_create("stderr", MFD_CLOEXEC) : c->errors;
    must(c, errors, "memfd_create()");
    pid_t pid = fork();
    must(c, pid, "fork()");
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if ((input != -1 && dup2(input, 0) == -1) || dup2(errors, 2) == -1)
            _exit(EXIT_NOT_EXECUTABLE);
        /* execvp does not change the strings, it is only declared so. */
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(2, "%s", strerror(errno));
        _exit(EXIT_NOT_FOUND);
    }
    int status;
    while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR)
            die(c, "waitpid(%d)", (int)pid);
    if (says) {
        ssize_t size = pread(errors, says, FACT_SIZE - 1, 0);
        says[size > 0 ? size : 0] = '\0';
        says[strcspn(says, "\n")] = '\0';
        close(errors);
    }
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status)
                               : WEXITSTATUS(status);
}

/* --------------------------- running one step ------------------------------
 * DO(c, uts) runs step_uts(c), unless `--without=uts` was given. */

static bool begin_step(struct cage *c, enum step step);
static void end_step(struct cage *c);

#define DO(c, name)                             \
    do {                                        \
        if (begin_step((c), STEP_##name)) {     \
            step_##name(c);                     \
            end_step(c);                        \
        }                                       \
    } while (0)

/* ---------------------- asking the host side for help ----------------------
 * What the inner processes need from the host side goes over a pair of sockets,
 * because a socket can carry open files to another process (SCM_RIGHTS, see
 * unix(7)).  The pair is of type SEQPACKET: a message arrives whole, and when
 * one side dies the other reads "end of file" and does not wait for ever. */

enum question {
    PUT_ME_IN_GROUPS,   /* the old, v1 cgroups: only as root, hybrid machines */
    WRITE_MY_ID_MAPS,
    THIS_IS_INIT,       /* pid: the process that will be PID 1 */
    OPEN_THE_TREES,     /* answered with descriptors of mounts */
    TAKE_THE_TERMINAL   /* fd: a new terminal, its master and its slave */
};

struct message {
    enum question what;
    pid_t pid;
    bool one_id;
    int fds, fd[MAX_TREES];         /* descriptors that travel along */
};

static void send_message(struct cage *c, const struct message *m);
static bool receive_message(struct cage *c, struct message *m);

/* Send the question M and wait for the answer, which replaces it. */
static void ask(struct cage *c, struct message *m)
{
    send_message(c, m);
    if (!receive_message(c, m))
        leave(c, EXIT_CAGE);    /* the host side is gone and has said why */
}

/* Die when the host side dies, even by SIGKILL, which nobody can catch.  The
 * kernel forgets this wish whenever the process changes its ids (see
 * PR_SET_PDEATHSIG in prctl(2)), so it is said again after each such change.
 * And the host side may have died just before it was said: getppid() would
 * tell, but in a new PID namespace it returns 0 for every parent outside, so we
 * look at a descriptor of the process instead, opened before the first fork. */
static void die_with_host(struct cage *c)
{
    must(c, prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl(PR_SET_PDEATHSIG)");
    struct pollfd host = { .fd = c->host_pidfd, .events = POLLIN };
    must(c, poll(&host, 1, 0), "poll(host side)");
    if (host.revents)
        _exit(EXIT_CAGE);
}

/* ------------------------- calls that libc may lack ------------------------ */

static pid_t sys_clone3(struct clone_args *args)
{
    return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}

static int sys_open_tree(int dir, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir, path, flags);
}

static int sys_mount_setattr(int dir, const char *path, unsigned flags,
                             struct mount_attr *attributes)
{
    return (int)syscall(SYS_mount_setattr, dir, path, flags, attributes,
                        sizeof *attributes);
}

/* ========================================================================== *
 *                            PART I: THE STEPS
 * ========================================================================== */

/* Written in Part II; here is all that Part I needs to know of each. */
static bool find_cgroup_parent(struct cage *c);
static void remove_stale_groups(struct cage *c);
static bool has_word(int dir, const char *file, const char *word);
static void enable_controller(struct cage *c, const char *controller);
static void set_v1_limit(struct cage *c, const char *file, const char *value,
                         const char *controller);
static void open_trees(struct cage *c, int user_namespace);
static void unpack(struct cage *c, int archive, const char *directory);
static void prepare(struct cage *c);
static void lab_cell(struct cage *c);
static void cover(struct cage *c, int target, const char *path, bool hide);
static void open_root(struct cage *c, const char *place);
static void make_read_only(struct cage *c);
static void change_root(struct cage *c);
static void go_to_workdir(struct cage *c);
static void clean_up(struct cage *c);
static void supervise(struct cage *c);

/* =============================== host: cgroup ==============================
 *
 * A cgroup is a group of processes that the kernel counts and limits together.
 * It is made with mkdir in a file system of type cgroup2; the kernel fills the
 * new directory with files, and every limit is one of them: write 64M into
 * memory.max and the processes of the group together get no more.
 *
 * Without it one container could take all the memory and all the process ids
 * of the machine (a fork bomb does), and nobody could say what it used.
 *
 *   By hand:  mkdir /sys/fs/cgroup/lab
 *             echo 64M > /sys/fs/cgroup/lab/memory.max
 *             echo $$  > /sys/fs/cgroup/lab/cgroup.procs
 *   Try:      ./cage run --pids 10 rootfs sh -c 'for i in $(seq 20); do
 *                 sleep 1 & done'
 *   See:      cgroups(7), Documentation/admin-guide/cgroup-v2.rst
 *
 * A group can be given a limit of, say, memory only if the group above has
 * handed the memory "controller" down, by its file cgroup.subtree_control.
 * The child is later started inside the group, by clone3; moving a running
 * process into a group, as above, takes the kernel milliseconds. */
static void step_cgroup(struct cage *c)
{
    if (!find_cgroup_parent(c))
        refuse(c, "no cgroup2 file system is mounted here");
    remove_stale_groups(c);

    if (mkdirat(c->cgroup_parent, c->cgroup_name, 0755) == -1) {
        /* An ordinary user may make groups only in a part of the tree that was
         * delegated to him or her.  Where there is none the container can live
         * without: it is not weaker than asked for, unless a limit was. */
        if (c->settings == 0
            && (errno == EACCES || errno == EPERM || errno == EROFS)) {
            if (c->explain)
                note(c, "no group: mkdir(%s): %s", c->cgroup_path,
                     strerror(errno));
            return;
        }
        die(c, "mkdir(%s)", c->cgroup_path);
    }
    c->cgroup = openat(c->cgroup_parent, c->cgroup_name,
                       O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(c, c->cgroup, "open(%s)", c->cgroup_path);

    for (int i = 0; i < c->settings; i++) {
        const char *file = c->setting[i].file, *value = c->setting[i].value;
        char controller[32];
        snprintf(controller, sizeof controller, "%.*s",
                 (int)strcspn(file, "."), file);

        /* On a machine in the middle of the way to version 2 of cgroups, some
         * controllers still belong to version 1. */
        if (!has_word(c->cgroup_parent, "cgroup.controllers", controller)) {
            set_v1_limit(c, file, value, controller);
            continue;
        }
        enable_controller(c, controller);
        /* A kernel without swap has no memory.swap.max, and needs none. */
        if (write_file(c->cgroup, file, "%s", value) == -1
            && !(c->setting[i].optional && errno == ENOENT))
            die(c, "write(\"%s\" to %s)", value, file);
    }
}

/* =============================== child: user ===============================
 *
 * A user namespace is a translation of user ids.  Inside, the process is user
 * 0, root, and has all of root's powers, but only over what belongs to the
 * namespace.  Outside it is somebody who owns nothing.
 *
 *       inside     0 ............ 65535
 *                  |                |         /proc/PID/uid_map:
 *       outside    1879048192 ... 1879113727         0 1879048192 65536
 *
 * Without it root inside *is* root outside: any hole in the other steps is the
 * end of the machine.  And an ordinary user could not run cage at all, since
 * the namespaces below ask for root's powers; here is where they come from.
 *
 *   By hand:  unshare --user --map-root-user sh
 *   Try:      ./cage run rootfs sleep 100 &    ps -o user,args -C sleep
 *   See:      user_namespaces(7), credentials(7)
 *
 * The map is written from outside, by the host side.  As root it picks 65536
 * ids that nobody else has.  As an ordinary user it can give away only what is
 * the user's: one id, or, with the set-uid program newuidmap(1), the range that
 * /etc/subuid grants. */
static void step_user(struct cage *c)
{
    must(c, unshare(CLONE_NEWUSER), "unshare(CLONE_NEWUSER)");

    /* From here on we are nobody, 65534, until the maps are written. */
    struct message m = { .what = WRITE_MY_ID_MAPS };
    ask(c, &m);
    c->one_id = m.one_id;

    /* Drop the groups of the user who started us.  With one id the kernel
     * forbids it: a group can also serve to *deny* a file to its members, and
     * leaving it would open that file (CVE-2014-8989). */
    if (!c->one_id && setgroups(0, NULL) == -1)
        die(c, "setgroups(0)");
    must(c, setresgid(0, 0, 0), "setresgid(0)");
    must(c, setresuid(0, 0, 0), "setresuid(0)");

    /* Whoever changes ids might carry secrets of the old one in memory, so the
     * kernel now gives our /proc files to the real root.  We carry none, and
     * must write one of these files in the step `time`. */
    must(c, prctl(PR_SET_DUMPABLE, 1), "prctl(PR_SET_DUMPABLE, 1)");
    die_with_host(c);
}

/* ============================= child: cgroupns =============================
 *
 * In a cgroup namespace the group that the process is in when it makes the
 * namespace looks like the root of the tree.
 *
 * Without it /proc/self/cgroup tells the container where on the host it lives,
 * and the cgroup file system that is mounted inside would be the host's.
 *
 *   By hand:  unshare --cgroup cat /proc/self/cgroup
 *   Try:      ./cage run rootfs cat /proc/self/cgroup
 *             ./cage run --without=cgroupns rootfs cat /proc/self/cgroup
 *   See:      cgroup_namespaces(7) */
static void step_cgroupns(struct cage *c)
{
    must(c, unshare(CLONE_NEWCGROUP), "unshare(CLONE_NEWCGROUP)");
}

/* =============================== child: mount ==============================
 *
 * A mount namespace is a table of mounts: which file system is seen at which
 * directory.  Ours starts as a copy of the host's.  Nothing looks different
 * yet, but from now on it can.
 *
 * Without it every mount below happens on the host, for all to see, and
 * pivot_root would move the root directory of the whole machine.  (When you
 * leave it out, cage first makes a namespace in which the damage stays.)
 *
 *   By hand:  unshare --mount sh -c 'mount -t tmpfs x /mnt; findmnt /mnt'
 *             findmnt /mnt
 *   Try:      ./cage run --explain --without=mount rootfs true
 *   See:      mount_namespaces(7) */
static void step_mount(struct cage *c)
{
    must(c, unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
}

/* ============================== child: private =============================
 *
 * The copy is not yet independent.  Mounts can be *shared*: then what is
 * mounted below one copy appears below the other, in both directions.  systemd
 * makes every mount of the machine shared.
 *
 * Without this step our mounts appear on the host, and that is how people have
 * lost their /proc or their /dev.  Even where a new user namespace makes the
 * copy a mere receiver, what the host mounts still comes in.  pivot_root(2)
 * refuses to work where mounts are shared.
 *
 *   By hand:  mount --make-rprivate /      (unshare --mount does it unasked)
 *   Try:      grep -c shared: /proc/self/mountinfo
 *             ./cage run --explain rootfs true | less
 *   See:      mount_namespaces(7), SHARED SUBTREES */
static void step_private(struct cage *c)
{
    /* MS_REC: not only "/", all that is mounted below it as well. */
    must(c, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL),
         "mount(\"/\", MS_REC | MS_PRIVATE)");
}

/* ================================ child: uts ===============================
 *
 * UTS is a struct of 1970s Unix, the "Unix Time-sharing System", that holds the
 * name of the machine.  Here is the smallest of the namespaces: two strings.
 *
 * Without it `hostname lab` inside renames the machine.
 *
 *   By hand:  unshare --uts sh -c 'hostname lab; hostname'; hostname
 *   Try:      ./cage run --hostname lab rootfs hostname
 *   See:      uts_namespaces(7), sethostname(2) */
static void step_uts(struct cage *c)
{
    must(c, unshare(CLONE_NEWUTS), "unshare(CLONE_NEWUTS)");
    must(c, sethostname(c->hostname, strlen(c->hostname)),
         "sethostname(\"%s\")", c->hostname);
    /* The other string is the NIS domain; "(none)" is what the kernel has when
     * it starts. */
    must(c, setdomainname("(none)", strlen("(none)")),
         "setdomainname(\"(none)\")");
}

/* ================================ child: ipc ===============================
 *
 * System V shared memory, semaphores and message queues, and POSIX message
 * queues, are found by a number or a name, not by a path: so a new root
 * directory does not hide them.
 *
 * Without it a program inside can attach to the shared memory of a program
 * outside that has the same user id, or lets everybody.
 *
 *   By hand:  ipcmk -M 4096; unshare --ipc ipcs -m
 *   Try:      ./cage run rootfs ipcs -m
 *   See:      ipc_namespaces(7), sysvipc(7) */
static void step_ipc(struct cage *c)
{
    must(c, unshare(CLONE_NEWIPC), "unshare(CLONE_NEWIPC)");
}

/* ================================ child: net ===============================
 *
 * A network namespace has its own interfaces, addresses, routes, ports and
 * firewall.  A new one holds nothing but `lo`, and that is down.
 *
 * Without it the container sees the host's interfaces, and can connect to what
 * listens on its 127.0.0.1.  Also to "abstract" Unix sockets, which have a name
 * but no file: one of them was enough to take over a host (CVE-2020-15257).
 *
 *   By hand:  unshare --net sh -c 'ip link set lo up; ip addr'
 *   Try:      ./cage run rootfs ip addr
 *             ./cage run --net host rootfs ip addr
 *   See:      network_namespaces(7), netdevice(7), icmp(7) */
static void step_net(struct cage *c)
{
    must(c, unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");

    /* ip link set lo up: any socket will do to talk to the kernel about an
     * interface. */
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(c, any, "socket(AF_INET)");
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    must(c, ioctl(any, SIOCSIFFLAGS, &lo), "ioctl(SIOCSIFFLAGS, lo, IFF_UP)");
    close(any);

    /* ping(8) used to need the right to send any packet.  The members of these
     * groups may send just pings.  A group that is not in our map would be
     * refused, and with a single id only 0 is. */
    if (write_file(c->proc, "sys/net/ipv4/ping_group_range",
                   c->one_id ? "0 0" : "0 65535") == -1)
        die(c, "write(/proc/sys/net/ipv4/ping_group_range)");
}

/* =============================== child: time ===============================
 *
 * The clocks that count from boot, CLOCK_MONOTONIC and CLOCK_BOOTTIME, get an
 * offset.  (The time of day does not: there is one for the whole machine.)
 *
 * Without it `uptime` inside is that of the host.  What the namespace was made
 * for is moving a running container to another machine: its clocks must not
 * jump.  runc has it since 1.2, and uses it only when asked.
 *
 *   By hand:  unshare --time --boottime -$(cut -d. -f1 /proc/uptime) uptime
 *   Try:      ./cage run rootfs uptime
 *   See:      time_namespaces(7), clock_gettime(2) */
static void step_time(struct cage *c)
{
    /* The namespace is for the children of this process; it cannot itself be
     * put into another time.  Offsets can be set until the first one enters. */
    must(c, unshare(CLONE_NEWTIME), "unshare(CLONE_NEWTIME)");

    struct timespec up, boot;
    clock_gettime(CLOCK_MONOTONIC, &up);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    if (write_file(c->proc, "self/timens_offsets",
                   "monotonic -%lld 0\nboottime -%lld 0\n",
                   (long long)up.tv_sec, (long long)boot.tv_sec) == -1)
        die(c, "write(/proc/self/timens_offsets)");
}

/* ================================ child: pid ===============================
 *
 * The first process in a PID namespace is number 1 there, and has another
 * number outside.  From inside, no other process can be seen or signalled:
 * there is no number to call it by.  When PID 1 ends, the kernel kills every
 * other process of the namespace, so nothing can be left behind.
 *
 *       outside         4710 host side     4712     4713
 *       inside                              1        2
 *
 * Without it `kill -9 -1` inside reaches every process of the host that has the
 * same user id, and a program that has left its terminal lives on.
 *
 *   By hand:  unshare --pid --fork --mount-proc ps
 *   Try:      ./cage run rootfs ps
 *             ./cage run --without=pid rootfs ps
 *   See:      pid_namespaces(7), clone(2) */
static void step_pid(struct cage *c)
{
    /* A process cannot change its own number, so this too is for children. */
    must(c, unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");

    /* fork(2), but with CLONE_PARENT: the new process becomes a child of the
     * host side, not ours, so that the host side can wait for it, and we can
     * leave.  (Its parent has no number inside: getppid() there is 0.) */
    pid_t init = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    must(c, init, "clone(CLONE_PARENT)");
    if (init > 0) {
        send_message(c, &(struct message){ .what = THIS_IS_INIT, .pid = init });
        _exit(0);
    }
}

/* ----------------- tools for putting the new root together -----------------
 * What is mounted and where: these few are used by the steps that follow.
 *
 * Mounting can be done in two ways.  mount(2) makes a new mount of a kind of
 * file system.  To show something that is mounted already in a second place (a
 * bind mount) we take a copy of its mount, a "tree", which is nowhere at first,
 * change its flags while nobody can see it, and then attach it. */

/* Take a copy of the mount that PATH in DIR is on, from PATH downwards, or from
 * DIR itself if PATH is empty.  FLAGS may be AT_RECURSIVE: with what is mounted below.  ATTRIBUTES (MOUNT_ATTR_RDONLY,
 * ...) are added to those it has.  If USER_NAMESPACE is not -1, owners of files
 * are translated by its id map.  Returns a descriptor, or -1 with errno. */
static int clone_mount(int dir, const char *path, unsigned flags,
                       uint64_t attributes, int user_namespace)
{
    int tree = sys_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
                             | AT_EMPTY_PATH | flags);
    if (tree == -1)
        return -1;
    struct mount_attr change = { .attr_set = attributes };
    if (user_namespace != -1) {
        change.attr_set |= MOUNT_ATTR_IDMAP;
        change.userns_fd = (unsigned)user_namespace;
    }
    if (change.attr_set != 0
        && sys_mount_setattr(tree, "", AT_EMPTY_PATH | flags, &change) == -1) {
        int error = errno;
        close(tree);
        errno = error;
        return -1;
    }
    return tree;
}

/* Attach TREE at PATH in directory DIR, or at DIR itself if PATH is empty. */
static void attach(struct cage *c, int tree, int dir, const char *path)
{
    if (syscall(SYS_move_mount, tree, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH
                | MOVE_MOUNT_T_EMPTY_PATH) == -1)
        die(c, "move_mount(tree, \"%s\")", path);
}

/* Open PATH of the container, such as /mnt/data, before it is the root: links
 * and `..` in it are followed as they will be from inside, never out of the new
 * root (RESOLVE_IN_ROOT, see openat2(2)).  If CREATE is S_IFDIR or S_IFREG,
 * what is missing of the path is made, the last part as a folder or an empty
 * file; if it is 0, nothing is made.  Returns an O_PATH descriptor, good as a
 * place to mount at, or -1 with errno. */
static int open_inside(struct cage *c, const char *path, mode_t create)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                            .resolve = RESOLVE_IN_ROOT };
    char part[PATH_MAX];
    int parent = c->root, fd = -1;
    for (const char *end = path; *end;) {       /* /mnt, then /mnt/data */
        const char *name = end + strspn(end, "/");
        end = name + strcspn(name, "/");
        bool last = end[strspn(end, "/")] == '\0';
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        fd = (int)syscall(SYS_openat2, c->root, part, &how, sizeof how);
        if (fd == -1 && errno == ENOENT && create) {
            snprintf(part, sizeof part, "%.*s", (int)(end - name), name);
            if (last && create == S_IFREG ? mknodat(parent, part, S_IFREG | 0644,
                                                    0) == -1
                                          : mkdirat(parent, part, 0755) == -1)
                die(c, "create(%.*s)", (int)(end - path), path);
            snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
            fd = (int)syscall(SYS_openat2, c->root, part, &how, sizeof how);
        }
        int error = errno;
        if (parent != c->root)
            close(parent);
        errno = error;
        if (fd == -1)
            return -1;
        parent = fd;
    }
    return fd;
}

/* Go to the folder PATH of the container, and make it if it is not there.
 * mount(2) can then say "." and needs no path that could lead elsewhere. */
static void enter(struct cage *c, const char *path)
{
    int fd = open_inside(c, path, S_IFDIR);
    if (fd == -1 || fchdir(fd) == -1)
        die(c, "open(%s)", path);
    close(fd);
}

/* Show PATH of the host, with what is mounted below, at the same place inside.
 * (A user namespace may not take the mounts below away: they could hide
 * something.  So AT_RECURSIVE is a must.) */
static void attach_host(struct cage *c, const char *path, uint64_t attributes)
{
    int tree = clone_mount(AT_FDCWD, path, AT_RECURSIVE, attributes, -1);
    must(c, tree, "open_tree(%s)", path);
    int target = open_inside(c, path, S_IFDIR);
    must(c, target, "open(%s)", path);
    attach(c, tree, target, "");
    close(target);
    close(tree);
}

/* Take a copy of the mount of a device file of the host, and make sure that it
 * is the device MAJOR, MINOR and not something put in its place. */
static int clone_device(struct cage *c, const char *path, unsigned major_id,
                        unsigned minor_id)
{
    struct stat st;
    int tree = clone_mount(AT_FDCWD, path, 0, 0, -1);
    if (tree == -1 || fstat(tree, &st) == -1)
        die(c, "open_tree(%s)", path);
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_id, minor_id))
        refuse(c, "%s of the host is not the device %u:%u", path, major_id,
               minor_id);
    return tree;
}

/* Put the layers into their places: a tmpfs is mounted over /tmp, which in our
 * namespace nobody else sees, and becomes
 *
 *     lower/0      the first folder of ROOTFS, or the tarball, unpacked
 *     lower/1      the second, ...
 *     upper, work  what the container writes (or save/upper, save/work)
 *     root         all of it put together, by the step rootfs
 *
 * It has a size, so that no container fills the memory of the machine, and a
 * limit to the number of its files, each of which costs the kernel memory. */
static void gather_layers(struct cage *c)
{
    c->step = STEP_rootfs;
    /* All copies of mounts are taken now, while every path of the host can
     * still be seen. */
    if (c->id_mapped) {
        struct message m = { .what = OPEN_THE_TREES };
        ask(c, &m);
        memcpy(c->tree, m.fd, sizeof c->tree);
    } else
        open_trees(c, -1);

    long long size = c->memory ? c->memory : 1LL << 30;
    char options[96];
    snprintf(options, sizeof options, "mode=0755,size=%lld,nr_inodes=%lld",
             size, size / 4096 + 64);
    must(c, mount("cage", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options),
         "mount(tmpfs, /tmp, \"%s\")", options);
    if (chdir("/tmp") == -1 || mkdir("lower", 0755) == -1)
        die(c, "mkdir(/tmp/lower)");

    for (int i = 0; i < c->layers; i++) {
        char place[16];
        struct stat st;
        snprintf(place, sizeof place, "lower/%d", i);
        if (mkdir(place, 0755) == -1 || fstat(c->tree[i], &st) == -1)
            die(c, "mkdir(%s)", place);
        if (S_ISDIR(st.st_mode))
            attach(c, c->tree[i], AT_FDCWD, place);
        else
            unpack(c, c->tree[i], place);
    }
    if (c->save) {
        must(c, mkdir("save", 0700), "mkdir(save)");
        attach(c, c->tree[c->layers], AT_FDCWD, "save");
    }
}

/* =============================== init: rootfs ==============================
 *
 * The files of the container.  ROOTFS is the lower layer of an overlay: it is
 * read, never written.  What the container writes goes into an upper layer, a
 * tmpfs in memory, and is gone at the end.
 *
 *       what the container sees    /bin/sh   /etc/hostname   (rm /etc/motd)
 *                                     |           |               |
 *       upper: its writes             |        hostname      a "whiteout"
 *       lower: ROOTFS              bin/sh      hostname          motd
 *
 * Without it `rm -rf /` inside deletes ROOTFS.  And a thousand containers of
 * one image would need a thousand copies of it.
 *
 *   By hand:  mkdir l u w m; mount -t overlay x -o
 *                 lowerdir=l,upperdir=u,workdir=w m
 *   Try:      ./cage run rootfs sh -c 'rm -rf /bin; pwd'; ls rootfs/bin
 *   See:      Documentation/filesystems/overlayfs.rst, tmpfs(5)
 *
 * The layers were put in their places just before, by gather_layers(). */
static void step_rootfs(struct cage *c)
{
    const char *upper = c->save ? "save/upper" : "upper";
    must(c, mkdir("root", 0755), "mkdir(root)");
    if (!c->save && (mkdir("upper", 0755) == -1 || mkdir("work", 0700) == -1))
        die(c, "mkdir(upper, work)");

    /* Overlayfs marks a folder that replaces one of a lower layer with an
     * extended attribute.  Before Linux 6.6 tmpfs has no such attributes. */
    if (!c->save && setxattr(upper, "user.cage", "", 0, 0) == -1 && c->explain)
        note(c, "this kernel's tmpfs has no user attributes (Linux 6.6 has): "
             "removing a folder of ROOTFS will fail with EIO");

    char options[512] = "userxattr,lowerdir=lower/0";
    size_t end = strlen(options), size = sizeof options;
    for (int i = 1; i < c->layers; i++)         /* :lower/1:lower/2, top first */
        end += (size_t)snprintf(options + end, size - end, ":lower/%d", i);
    snprintf(options + end, size - end, ",upperdir=%s,workdir=%s", upper,
             c->save ? "save/work" : "work");

    /* userxattr: mark with "user." attributes, since the "trusted." ones that
     * overlayfs uses otherwise are only for the real root.  MS_NODEV: a device
     * file that somebody put into ROOTFS stays a file. */
    must(c, mount("overlay", "root", "overlay", MS_NODEV, options),
         "mount(overlay, %s)", options);
}

/* ============================== init: volumes ==============================
 *
 * A volume is a folder or file of the host that is also seen inside: a bind
 * mount.  It is the one way in which a container changes something that stays.
 *
 * Without it nothing that the container makes outlives it.
 *
 *   By hand:  mount --bind /some/folder rootfs/mnt
 *   Try:      ./cage run -v /tmp:/mnt rootfs ls /mnt
 *   See:      mount(8), openat2(2), mount_setattr(2)
 *
 * The place where it goes is named by a path in ROOTFS, and ROOTFS is not to be
 * trusted: if /mnt in it is a symbolic link to /etc, the volume must not land
 * on the host's /etc (CVE-2021-30465).  open_inside() looks the path up as if
 * the new root were already the root, and what it has found is then used by
 * descriptor: a path looked up twice can mean two things. */
static void step_volumes(struct cage *c)
{
    for (int i = 0; i < c->volumes; i++) {
        int tree = c->tree[c->layers + (c->save != NULL) + i];
        struct stat st;
        must(c, fstat(tree, &st), "fstat(%s)", c->volume[i].source);
        int target = open_inside(c, c->volume[i].target,
                                 S_ISDIR(st.st_mode) ? S_IFDIR : S_IFREG);
        must(c, target, "open(%s)", c->volume[i].target);
        attach(c, tree, target, "");
        close(target);
    }
}

/* ================================ init: dev ================================
 *
 * Device files are doors into the kernel: /dev/sda is the disk, whatever root
 * directory it is opened from.  So the container gets a /dev of its own with
 * the few that are harmless, and a devpts of its own, which is where terminals
 * come from.
 *
 * Without it /dev is what ROOTFS has: mostly nothing, so `> /dev/null` makes a
 * file.  With the host's /dev (a devtmpfs, which is one and the same wherever
 * it is mounted) the container would have the host's disks.
 *
 *   By hand:  mount -t tmpfs -o mode=0755 dev rootfs/dev
 *             touch rootfs/dev/null; mount --bind /dev/null rootfs/dev/null
 *   Try:      ./cage run rootfs ls -l /dev
 *   See:      null(4), pts(4), Documentation/filesystems/devpts.rst
 *
 * mknod(2), which makes device files, is not for a root who is one only in a
 * user namespace.  Those of the host are bound instead. */
static void step_dev(struct cage *c)
{
    static const struct {
        const char *path;
        unsigned major, minor;          /* what it must really be, see null(4) */
    } devices[] = {
        { "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 },
        { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
    };
    /* mode=0755: the usual mode of a tmpfs, sticky and writable by all, makes
     * the kernel refuse O_CREAT on a file of another owner (see
     * fs.protected_regular in proc(5)), so `> /dev/null` would fail. */
    enter(c, "/dev");
    if (mount("dev", ".", "tmpfs", MS_NOSUID | MS_NOEXEC,
              "mode=0755,size=64k") == -1)
        die(c, "mount(tmpfs, /dev)");
    enter(c, "/dev");       /* once more: into what is now mounted there */

    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        int tree = clone_device(c, devices[i].path, devices[i].major,
                                devices[i].minor);
        const char *name = strrchr(devices[i].path, '/') + 1;
        must(c, mknod(name, S_IFREG | 0666, 0), "mknod(%s)", name);
        attach(c, tree, AT_FDCWD, name);
        close(tree);
    }

    /* newinstance: its terminals are numbered from 0 and are not the host's. */
    if (mkdir("pts", 0755) == -1 || mkdir("shm", 0755) == -1)
        die(c, "mkdir(/dev/pts, /dev/shm)");
    if (mount("devpts", "pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620") == -1)
        die(c, "mount(devpts)");
    if (mount("shm", "shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=1777,size=64m") == -1)
        die(c, "mount(tmpfs, /dev/shm)");
    if (symlink("pts/ptmx", "ptmx") == -1
        || symlink("/proc/self/fd", "fd") == -1
        || symlink("/proc/self/fd/0", "stdin") == -1
        || symlink("/proc/self/fd/1", "stdout") == -1
        || symlink("/proc/self/fd/2", "stderr") == -1)
        die(c, "symlink(/dev/...)");
}

/* ================================ init: proc ===============================
 *
 * ps(1) reads /proc.  A new proc file system shows the processes of the PID
 * namespace of whoever mounts it, and that is why it is PID 1 who does.
 *
 * Without it programs that look at themselves fail: ps, top, a shell's <(...).
 * With the host's /proc they would see the host.
 *
 *   By hand:  mount -t proc proc rootfs/proc
 *   Try:      ./cage run rootfs ls /proc
 *   See:      proc(5), mount_namespaces(7) on why it needs another /proc
 *
 * In a user namespace the kernel allows this only while another /proc, with
 * nothing of it covered, can be seen: else it would uncover what somebody has
 * covered for a reason.  So it comes before pivot, and fails inside a Docker
 * container, whose /proc has covers. */
static void step_proc(struct cage *c)
{
    enter(c, "/proc");
    if (without(c, pid))
        attach_host(c, "/proc", 0);     /* EPERM: the namespace is not ours */
    else if (mount("proc", ".", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                   NULL) == -1)
        die(c, "mount(proc)");
}

/* ================================ init: sys ================================
 *
 * sysfs shows devices and drivers, and the interfaces of one network namespace:
 * of whoever mounts it.  In it is the place where cgroups are usually mounted.
 *
 * Without it programs that count processors or look for their memory limit
 * (Java, Go, nproc) find nothing.  It is read-only: many of its files change
 * the machine when written.
 *
 *   By hand:  mount -t sysfs -o ro sys rootfs/sys
 *             mount -t cgroup2 -o ro cgroup rootfs/sys/fs/cgroup
 *   Try:      ./cage run rootfs ls /sys/class/net /sys/fs/cgroup
 *   See:      sysfs(5), cgroup_namespaces(7) */
static void step_sys(struct cage *c)
{
    const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    enter(c, "/sys");
    if (without(c, net))
        attach_host(c, "/sys", MOUNT_ATTR_RDONLY);  /* EPERM, as above */
    else if (mount("sysfs", ".", "sysfs", flags, NULL) == -1)
        die(c, "mount(sysfs)");

    enter(c, "/sys/fs/cgroup");
    if (without(c, cgroupns))
        attach_host(c, "/sys/fs/cgroup", MOUNT_ATTR_RDONLY);
    else if (mount("cgroup2", ".", "cgroup2", flags, NULL) == -1)
        die(c, "mount(cgroup2)");
}

/* ================================ init: mask ===============================
 *
 * Not all of /proc and /sys is about processes and namespaces.  Some files tell
 * or change something of the whole machine: /proc/sysrq-trigger reboots it,
 * /proc/kcore is its memory.  Those that tell are covered, by /dev/null or by
 * an empty folder; those that change something are made read-only.
 *
 * Without it root inside may write them, and where the step `user` is left out
 * too, one line into /proc/sys/kernel/core_pattern runs a program on the host.
 *
 *   By hand:  mount --bind /dev/null rootfs/proc/kcore
 *             mount --bind rootfs/proc/sys rootfs/proc/sys
 *             mount -o remount,bind,ro rootfs/proc/sys
 *   Try:      ./cage run rootfs sh -c 'echo x > /proc/sys/vm/swappiness'
 *   See:      the OCI runtime spec on maskedPaths and readonlyPaths
 *
 * runc does this after pivot_root, with the /dev/null of the container, and had
 * to learn that it may be something else (CVE-2025-31133).  Here the host's
 * /dev/null is still there to be taken, and is checked. */
static void step_mask(struct cage *c)
{
    static const struct {
        const char *path;
        bool cover;             /* or else: make it read-only */
    } masks[] = {
        { "/proc/acpi", true },             /* hardware, and switches for it */
        { "/proc/asound", true },           /* sound cards */
        { "/proc/interrupts", true },       /* timing of the host's keyboard */
        { "/proc/kcore", true },            /* the memory of the machine */
        { "/proc/keys", true },             /* keys of other users */
        { "/proc/latency_stats", true },
        { "/proc/sched_debug", true },      /* the host's processes */
        { "/proc/scsi", true },             /* disks can be removed by it */
        { "/proc/timer_list", true },       /* addresses in the kernel */
        { "/sys/devices/virtual/powercap", true },  /* leaks keys by power use */
        { "/sys/firmware", true },          /* tables with the machine's ids */
        { "/proc/bus", false },             /* PCI devices can be written */
        { "/proc/fs", false },
        { "/proc/irq", false },
        { "/proc/sys", false },             /* the settings of the kernel */
        { "/proc/sysrq-trigger", false },   /* reboot, crash, kill all */
    };
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        int target = open_inside(c, masks[i].path, 0);
        if (target == -1 && (errno == ENOENT || errno == ENOTDIR))
            continue;                       /* this kernel does not have it */
        must(c, target, "open(%s)", masks[i].path);
        cover(c, target, masks[i].path, masks[i].cover);
        close(target);
    }
}

/* =============================== init: pivot ===============================
 *
 * pivot_root(new, old) makes `new` the root of the mount namespace and moves
 * what was the root to `old`, from where it is then unmounted.  After that no
 * path leads to the host's files: they are not mounted in this namespace.
 *
 * Without it there is chroot(2), older than most of us, which changes only what
 * "/" means to one process.  The host's files are still there, and root walks
 * out: mkdir, chroot into it, and `..` now leads up without end.
 *
 *   By hand:  cd rootfs && pivot_root . . && umount -l .
 *   Try:      ./cage run rootfs cat /proc/self/mountinfo
 *             ./cage run --without=pivot rootfs cat /proc/self/mountinfo
 *   See:      pivot_root(2), which explains the two dots
 *
 * It is refused with EINVAL where the mounts are shared (see `private`), with
 * EBUSY if the new root is not a mount point, and on the initramfs of a machine
 * that is just booting, which has nothing below it. */
static void step_pivot(struct cage *c)
{
    must(c, fchdir(c->root), "fchdir(new root)");
    /* Both are ".": the old root is put on top of the new one... */
    must(c, syscall(SYS_pivot_root, ".", "."), "pivot_root(\".\", \".\")");
    /* ...and taken off at once.  MNT_DETACH: although processes (we too, by
     * descriptors) still use files in it.  It vanishes from this namespace with
     * all that is mounted below it. */
    must(c, umount2(".", MNT_DETACH), "umount2(old root, MNT_DETACH)");
    must(c, chdir("/"), "chdir(\"/\")");
}

/* ================================ init: fds ================================
 *
 * An open file stays open whatever the root directory is.  So does the
 * directory in which a process is.
 *
 * Without it a folder of the host that somebody left open leads to all of the
 * host's files.  runc once had such a one open when it went to the directory
 * given by --workdir: with /proc/self/fd/7 the container started on the host
 * (CVE-2024-21626).
 *
 *   By hand:  exec 7>&-
 *   Try:      ./cage run rootfs ls -l /proc/self/fd 7</etc
 *             ./cage run --without=fds rootfs ls -l /proc/self/fd 7</etc
 *   See:      close_range(2), getcwd(3) */
static void step_fds(struct cage *c)
{
    /* Every descriptor from 3 up shall be closed by execve(2).  Until then we
     * need some of them. */
    must(c, syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC),
         "close_range(3, ~0, CLOSE_RANGE_CLOEXEC)");

    /* From a directory that is not below our root, the kernel finds no path. */
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == NULL || here[0] != '/')
        refuse(c, "--workdir %s is not inside the container", c->workdir);
}

/* ================================ init: caps ===============================
 *
 * What root may do is cut into some forty capabilities.  A process has several
 * sets of them; "bounding" is the limit to what it can ever get back.
 *
 * Without it root inside may mount, load modules, set the clock, debug.  The
 * user namespace refuses most of it to a root who is not the real one; if there
 * is a hole in that, or no user namespace, this is what holds.
 *
 *   By hand:  capsh --drop=cap_sys_admin,cap_net_raw -- -c 'mount -t tmpfs x /mnt'
 *   Try:      ./cage run rootfs grep Cap /proc/self/status
 *   See:      capabilities(7)
 *
 * Docker keeps 14.  These six are not here: MKNOD, NET_RAW (forge packets),
 * SYS_CHROOT, SETFCAP, SETPCAP, AUDIT_WRITE. */
static void step_caps(struct cage *c)
{
    static const int kept[] = {
        CAP_CHOWN,              /* give a file to another user */
        CAP_DAC_OVERRIDE,       /* read and write whatever the modes say */
        CAP_FOWNER,             /* chmod files of others */
        CAP_FSETID,             /* chmod g+s on files of groups one is not in */
        CAP_KILL,               /* signal processes of other users */
        CAP_SETGID,             /* su, login and servers that drop root */
        CAP_SETUID,
        CAP_NET_BIND_SERVICE,   /* listen on ports below 1024 */
    };
    uint64_t keep = 0;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        keep |= UINT64_C(1) << kept[i];

    /* The bounding set first, while we may still change it.  PR_CAPBSET_READ
     * fails for a number beyond the last capability of this kernel. */
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) == -1)
            die(c, "prctl(PR_CAPBSET_DROP, %d)", cap);
    must(c, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
         "prctl(PR_CAP_AMBIENT_CLEAR_ALL)");

    /* Then the sets that count now.  Each is 64 bits, in two halves.  Nothing
     * is inheritable: that set adds rights to programs (CVE-2022-24769). */
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3
    };
    uint32_t low = (uint32_t)keep, high = (uint32_t)(keep >> 32);
    struct __user_cap_data_struct sets[2] = {
        { .effective = low, .permitted = low, .inheritable = 0 },
        { .effective = high, .permitted = high, .inheritable = 0 },
    };
    must(c, syscall(SYS_capset, &header, sets), "capset()");
}

/* ================================= init: id ================================
 *
 * Become the user that --user asked for; without it, root of the container.
 *
 * Without it a server that needs no root has it all the same.
 *
 *   By hand:  setpriv --reuid 1000 --regid 1000 --clear-groups id
 *   Try:      ./cage run -u 1000 rootfs id        (as root)
 *   See:      credentials(7), setresuid(2)
 *
 * The order is groups, group, user.  After setresuid() the right to change the
 * groups is gone, and programs that did it in the other order stayed in root's
 * group. */
static void step_id(struct cage *c)
{
    if (!c->one_id && setgroups(0, NULL) == -1)
        die(c, "setgroups(0)");
    must(c, setresgid(c->gid, c->gid, c->gid), "setresgid(%u)", c->gid);
    must(c, setresuid(c->uid, c->uid, c->uid), "setresuid(%u)", c->uid);
    die_with_host(c);       /* the change of ids has cancelled it */
}

/* ================================ init: nnp ================================
 *
 * no_new_privs: from now on, and for all descendants, execve(2) gives no rights
 * that the process does not have already.  The set-user-ID bit of a file and
 * its file capabilities are ignored.  It cannot be undone.
 *
 * Without it a set-uid program in ROOTFS makes user 1000 root again.
 *
 *   By hand:  setpriv --no-new-privs sudo true
 *   Try:      ./cage run rootfs grep NoNewPrivs /proc/self/status
 *   See:      PR_SET_NO_NEW_PRIVS in prctl(2)
 *
 * It is also the condition for the next step: else a filter that makes a
 * set-uid program's setuid() fail unnoticed would leave it running as root. */
static void step_nnp(struct cage *c)
{
    must(c, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
         "prctl(PR_SET_NO_NEW_PRIVS)");
}

/* ============================== init: seccomp ==============================
 *
 * A small program that the kernel runs before each system call, with its number
 * and arguments, to learn whether it is allowed.  It is written in the machine
 * language of packet filters, BPF.
 *
 * Without it every one of some 450 system calls is there to be tried, and most
 * holes through which containers were left were in calls that no ordinary
 * program makes.
 *
 *   By hand:  there is no command for it
 *   Try:      ./cage run rootfs unshare --user true
 *             ./cage run --without=seccomp rootfs unshare --user true
 *   See:      seccomp(2), Documentation/userspace-api/seccomp_filter.rst
 *
 * Docker has a list of the calls that are allowed, some 350; this is a list of
 * those that are not, because it can be read.  What makes up for it is that a
 * call newer than this file does not exist inside. */
#if defined __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "cage knows the system calls of x86-64 and arm64"
#endif
enum { NEWEST_CALL = 462 };     /* mseal, Linux 6.10; the same number on both */

static const int denied_calls[] = {
    /* Keyrings belong to a user id, not to a namespace. */
    SYS_add_key, SYS_keyctl, SYS_request_key,
    /* The container's mounts and root are as we made them. */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount,
    SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
    SYS_mount_setattr,
    /* A new user namespace gives all capabilities in it, and with them a way to
     * the half of the kernel where the holes are. */
    SYS_setns, SYS_unshare,
    /* The whole machine: swap, another kernel, modules, clocks, quotas, log. */
    SYS_swapon, SYS_swapoff, SYS_reboot, SYS_kexec_load, SYS_kexec_file_load,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_acct, SYS_syslog,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
    SYS_quotactl, 443 /* quotactl_fd, which musl lacks */,
    /* Large engines in the kernel that have been broken out of many times. */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    /* Open a file by its number instead of by a path that leads to it. */
    SYS_open_by_handle_at, SYS_fanotify_init,
    /* Look into and reach into other processes. */
    SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    /* Move memory between the nodes of a large machine: slows others down. */
    SYS_move_pages, SYS_mbind, SYS_set_mempolicy, SYS_migrate_pages,
    450 /* set_mempolicy_home_node, which older headers lack */,
    /* Names: ours are set.  Others: old, unused, or for terminals of others. */
    SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_nfsservctl,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_uselib, SYS_sysfs, SYS_ustat,
#endif
};

static void step_seccomp(struct cage *c)
{
    enum { NEW_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID
        | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };
    enum { DENIED = sizeof denied_calls / sizeof denied_calls[0] };

/* The filter has one register.  LOAD puts a field of struct seccomp_data into
 * it.  JUMP tests it against a value and skips `yes` instructions if the test
 * holds, `no` instructions if not.  RETURN ends with a verdict. */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                       \
                             (uint32_t)offsetof(struct seccomp_data, field))
#define JUMP(test, value, yes, no)                                           \
    BPF_JUMP(BPF_JMP | (test) | BPF_K, (uint32_t)(value), yes, no)
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(verdict))
#define FAIL_WITH(number) RETURN(SECCOMP_RET_ERRNO | (number))

    const struct sock_filter head[] = {
        /* A 32-bit program (int 0x80) has other numbers for the calls: a filter
         * that does not look at this first can be walked around. */
        LOAD(arch),
        JUMP(BPF_JEQ, OUR_ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),

        /* Too new; and the x32 variant of x86-64, which sets bit 30. */
        LOAD(nr),
        JUMP(BPF_JGT, NEWEST_CALL, 0, 1), FAIL_WITH(ENOSYS),

        /* clone3 has its flags in memory, where a filter cannot look.  When it
         * does not exist libc takes clone, whose flags are an argument.  (Time
         * namespaces cannot be made by clone: their bit means a signal.) */
        JUMP(BPF_JEQ, SYS_clone3, 0, 1), FAIL_WITH(ENOSYS),
        JUMP(BPF_JEQ, SYS_clone, 0, 4), LOAD(args[0]),
        JUMP(BPF_JSET, NEW_NAMESPACES, 0, 1), FAIL_WITH(EPERM),
        RETURN(SECCOMP_RET_ALLOW),

        /* Two that type into a terminal.  LOAD takes the low 32 bits of the
         * argument, as the kernel does: bubblewrap once compared all 64, and
         * one high bit more got by (CVE-2019-10063). */
        JUMP(BPF_JEQ, SYS_ioctl, 0, 5), LOAD(args[1]),
        JUMP(BPF_JEQ, TIOCSTI, 1, 0),
        JUMP(BPF_JEQ, TIOCLINUX, 0, 1), FAIL_WITH(EPERM),
        RETURN(SECCOMP_RET_ALLOW),

        /* Sockets to the host of a virtual machine, which know no network
         * namespace, and the kernel's cryptography. */
        JUMP(BPF_JEQ, SYS_socket, 0, 5), LOAD(args[0]),
        JUMP(BPF_JEQ, AF_VSOCK, 1, 0),
        JUMP(BPF_JEQ, AF_ALG, 0, 1), FAIL_WITH(EPERM),
        RETURN(SECCOMP_RET_ALLOW),
    };
    enum { HEAD = sizeof head / sizeof head[0] };
    struct sock_filter filter[HEAD + 2 * DENIED + 1];
    size_t n = HEAD;
    memcpy(filter, head, sizeof head);
    for (size_t i = 0; i < DENIED; i++) {
        filter[n++] = (struct sock_filter)JUMP(BPF_JEQ, denied_calls[i], 0, 1);
        filter[n++] = (struct sock_filter)FAIL_WITH(EPERM);
    }
    filter[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);

    struct sock_fprog program = { .len = (unsigned short)n, .filter = filter };
    must(c, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program),
         "seccomp(SECCOMP_SET_MODE_FILTER)");
}

/* ================================ init: init ===============================
 *
 * PID 1 has two duties.  A process whose parent has died becomes its child, and
 * when that ends too somebody has to ask for its exit status (reap it), or it
 * stays in the table as a zombie.  And signals sent to the container arrive at
 * it.  The kernel spares it: a signal for which PID 1 has no handler is thrown
 * away, even Ctrl-C.  A program that was not written to be PID 1 knows nothing
 * of this, so we stay as PID 1, and the command will be our child.
 *
 * Without it `sleep 100` inside cannot be stopped by Ctrl-C, and zombies pile
 * up until no process can be made.
 *
 *   By hand:  unshare --pid --fork --kill-child sleep 100    (try Ctrl-C)
 *   Try:      ./cage run --without=init rootfs sleep 100
 *   See:      pid_namespaces(7), wait(2); tini and catatonit do the same */
static _Noreturn void be_pid_1(struct cage *c, pid_t command);

static void step_init(struct cage *c)
{
    /* Nobody may look into this process: it holds the environment and the open
     * files of the host side.  Not dumpable means that its /proc files belong
     * to the real root, and that ptrace(2) is refused (CVE-2016-9962).  The
     * command inherits it until its execve. */
    must(c, prctl(PR_SET_DUMPABLE, 0), "prctl(PR_SET_DUMPABLE, 0)");

    /* Leave the session of the terminal: now Ctrl-C there reaches only the host
     * side, which passes it on, and /dev/tty inside is not that terminal. */
    must(c, setsid(), "setsid()");

    pid_t command = fork();
    must(c, command, "fork()");
    if (command > 0)
        be_pid_1(c, command);
    die_with_host(c);           /* for the command: here its parent is PID 1 */
    prctl(PR_SET_NAME, "cage: command");
}

/* What PID 1 does for the rest of its life. */
static _Noreturn void be_pid_1(struct cage *c, pid_t command)
{
    /* It needs no file at all.  (A pipe that it held open would never end.)
     * ps inside shall not show the command line typed outside. */
    syscall(SYS_close_range, 0, ~0U, 0);
    memset(c->arguments, 0, c->arguments_size);
    snprintf(c->arguments, c->arguments_size, "cage: PID 1");

    sigset_t all;
    sigfillset(&all);           /* they are blocked since the start */
    for (;;) {
        siginfo_t signal;
        if (sigwaitinfo(&all, &signal) == -1)
            continue;
        if (signal.si_signo != SIGCHLD) {
            kill(command, signal.si_signo);
            continue;
        }
        /* One SIGCHLD can stand for many children. */
        pid_t pid;
        int status;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == command)
                _exit(WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status)
                                          : WEXITSTATUS(status));
    }
}

/* =============================== command: tty ==============================
 *
 * A terminal is a device with two ends: what a program writes to the slave
 * comes out of the master, which is held by the window you look at.  A session
 * of processes can have one as its *controlling* terminal, which turns Ctrl-C
 * into a signal.
 *
 * Without it the command has the host's terminal in its hands.  It can put
 * characters into its input, which the shell of the host then reads (TIOCSTI).
 * And a shell says "can't access tty; job control turned off", because the
 * session of that terminal has no number in this PID namespace.
 *
 *       your terminal <---> host side <---> master | slave <---> command
 *                           copies bytes
 *
 *   By hand:  script -qc sh /dev/null
 *   Try:      ./cage run rootfs tty      ./cage run --without=tty rootfs tty
 *   See:      pty(7), credentials(7) on sessions, ioctl_tty(2)
 *
 * Only those of standard input, output and error that are terminals are
 * replaced: a pipe or a file goes straight to the command. */
static void step_tty(struct cage *c)
{
    /* Leave the old session (if PID 1 has not: `init` may be left out). */
    must(c, setsid(), "setsid()");
    if (!isatty(0) && !isatty(1) && !isatty(2))
        return;

    /* From the container's own devpts. */
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(c, master, "open(/dev/ptmx)");
    int lock = 0;
    must(c, ioctl(master, TIOCSPTLCK, &lock), "ioctl(TIOCSPTLCK)");
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    must(c, slave, "ioctl(TIOCGPTPEER)");
    must(c, ioctl(slave, TIOCSCTTY, 0), "ioctl(TIOCSCTTY)");

    struct message m = { .what = TAKE_THE_TERMINAL, .fds = 2,
                         .fd = { master, slave } };
    ask(c, &m);
    for (int fd = 0; fd <= 2; fd++)
        if (isatty(fd) && dup2(slave, fd) == -1)
            die(c, "dup2(terminal, %d)", fd);
    close(master);
    close(slave);
}

/* ============================== command: exec ==============================
 *
 * execve(2) replaces the program that this process runs, cage, by another one.
 * The process stays the same, and keeps all that the steps have done to it:
 * that is the whole secret.
 *
 * What execve does not reset has to be made clean here: the environment (yours
 * may hold passwords), ignored and blocked signals, the umask.
 *
 *   By hand:  env -i PATH=$PATH sh
 *   Try:      SECRET=x ./cage run -e HELLO=y rootfs env
 *   See:      execve(2), environ(7), exec(3) on how PATH is searched
 *
 * It cannot be left out. */
static void step_exec(struct cage *c)
{
    const char *terminal = getenv("TERM");
    char *term = terminal ? strdup(terminal) : NULL;
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
           ":/sbin:/bin", 1);
    setenv("HOME", c->uid == 0 ? "/root" : "/", 1);
    if (term && isatty(0))
        setenv("TERM", term, 1);
    for (int i = 0; i < c->envs; i++)
        putenv(c->env[i]);

    for (int n = 1; n < NSIG; n++)
        signal(n, SIG_DFL);         /* fails for those that nobody may set */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);

    execvp(c->command[0], c->command);
    int error = errno;
    note(c, "execve(\"%s\"): %s%s", c->command[0], strerror(error),
         error == ENOENT && strchr(c->command[0], '/') ?
         "\nhint: if the file is there, what is missing is the interpreter or "
         "the loader that it names" : "");
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* ============================ all steps together ===========================
 * The child, and then the process that it forks, which goes on here as PID 1,
 * and then the one that PID 1 forks, which becomes the command. */
static _Noreturn void go_inside(struct cage *c)
{
    c->on_host_side = false;
    prctl(PR_SET_NAME, "cage: child");
    die_with_host(c);
    umask(0);                       /* the modes given below are meant exactly */
    if (c->v1_groups)
        ask(c, &(struct message){ .what = PUT_ME_IN_GROUPS });
    if (!without(c, cgroup))
        end_step(c);                /* that of the host side */

    DO(c, user);
    DO(c, cgroupns);
    if (without(c, mount))
        lab_cell(c);
    DO(c, mount);
    DO(c, private);
    DO(c, uts);
    DO(c, ipc);
    DO(c, net);
    DO(c, time);
    DO(c, pid);

    /* From here on: PID 1.  (Without the step `pid` still the child.)  It waits
     * until the host side knows it and has run the --net COMMAND. */
    prctl(PR_SET_NAME, "cage: init");
    die_with_host(c);
    if (without(c, pid))
        send_message(c, &(struct message){ .what = THIS_IS_INIT,
                                           .pid = getpid() });
    struct message go;
    if (!receive_message(c, &go))
        leave(c, EXIT_CAGE);

    gather_layers(c);
    DO(c, rootfs);
    open_root(c, without(c, rootfs) ? "lower/0" : "root");
    DO(c, volumes);
    DO(c, dev);
    DO(c, proc);
    DO(c, sys);
    DO(c, mask);
    if (c->read_only)
        make_read_only(c);
    if (without(c, pivot))
        change_root(c);
    DO(c, pivot);
    go_to_workdir(c);
    DO(c, fds);
    DO(c, caps);
    DO(c, id);
    DO(c, nnp);
    DO(c, seccomp);
    DO(c, init);

    /* From here on: the command.  PID 1 has stayed behind in be_pid_1(). */
    DO(c, tty);
    DO(c, exec);
    _exit(EXIT_CAGE);               /* not reached: step_exec does not return */
}

/* cage run: the whole of it, seen from the host side.  Returns the status to
 * exit with. */
static int run(struct cage *c)
{
    prepare(c);
    if (without(c, private) && !without(c, mount) && geteuid() == 0)
        lab_cell(c);
    if (begin_step(c, STEP_cgroup))     /* it ends in the child, inside the group */
        step_cgroup(c);

    /* The child starts in its cgroup: no moment in which it is not limited. */
    struct clone_args how = { .exit_signal = SIGCHLD };
    if (c->cgroup != -1) {
        how.flags = CLONE_INTO_CGROUP;
        how.cgroup = (unsigned)c->cgroup;
    }
    int ends[2];
    must(c, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends),
         "socketpair()");
    c->child = must(c, sys_clone3(&how), "clone3(%s)",
                    c->cgroup == -1 ? "" : "CLONE_INTO_CGROUP");
    c->talk = ends[c->child == 0];
    close(ends[c->child != 0]);
    if (c->child == 0)
        go_inside(c);

    supervise(c);
    clean_up(c);
    return c->status;
}

/* ------------------------ You can stop reading here. ----------------------- */

/* ========================================================================== *
 *                         PART II: THE FINE PRINT
 * ========================================================================== */

/* ------------------------ messages between processes -----------------------
 * Descriptors travel as "control data" beside the bytes of the message; the
 * kernel opens the same files under new numbers in the receiver.  See unix(7),
 * SCM_RIGHTS, and cmsg(3). */

union control {
    struct cmsghdr header;                  /* for its alignment */
    char space[CMSG_SPACE(sizeof(int) * MAX_TREES)];
};

static void send_message(struct cage *c, const struct message *m)
{
    struct message copy = *m;
    struct iovec bytes = { .iov_base = &copy, .iov_len = sizeof copy };
    union control control = { 0 };
    struct msghdr header = { .msg_iov = &bytes, .msg_iovlen = 1 };
    size_t size = sizeof(int) * (size_t)m->fds;
    if (m->fds > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), m->fd, size);
    }
    /* MSG_NOSIGNAL: if the other side is gone, it has said why. */
    if (sendmsg(c->talk, &header, MSG_NOSIGNAL) == -1 && errno != EPIPE
        && errno != ECONNRESET)
        die(c, "sendmsg()");
}

/* Returns false if there is nobody left who could send anything. */
static bool receive_message(struct cage *c, struct message *m)
{
    struct iovec bytes = { .iov_base = m, .iov_len = sizeof *m };
    union control control;
    struct msghdr header = { .msg_iov = &bytes, .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control };
    ssize_t size = recvmsg(c->talk, &header, MSG_CMSG_CLOEXEC);
    if (size == -1 && errno != ECONNRESET)
        die(c, "recvmsg()");
    if (size != (ssize_t)sizeof *m)
        return false;
    struct cmsghdr *sent = CMSG_FIRSTHDR(&header);
    if (m->fds > 0 && (sent == NULL || header.msg_flags & MSG_CTRUNC))
        refuse(c, "too many open files");
    if (m->fds > 0)
        memcpy(m->fd, CMSG_DATA(sent), sizeof(int) * (size_t)m->fds);
    return true;
}

/* --------------------------------- names -----------------------------------
 * A name is claimed by binding an "abstract" Unix socket to it, one that has a
 * name but no file.  bind(2) makes it unique, the kernel gives it free when the
 * process ends, however it ends: there is no lock file that could be stale.
 * Returns the socket, or -1 with errno EADDRINUSE if somebody has it.  (Such
 * names are per network namespace.) */
static int claim(struct cage *c, const char *kind, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                          "cage/%s/%s", kind, name);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1
                                 + (size_t)length);
    int fd = must(c, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
                  "socket(AF_UNIX)");
    if (bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 8) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Everything that the host side needs before the first step. */
static void take_snapshot(struct cage *c, struct snapshot *s);
static void check_archive(struct cage *c, int fd, const char *path);

static void prepare(struct cage *c)
{
    char uid[16];
    c->on_host_side = true;         /* there is something to clean up now */
    snprintf(uid, sizeof uid, "%u", getuid());
    c->name_socket = claim(c, uid, c->name);
    if (c->name_socket == -1 && errno == EADDRINUSE)
        refuse(c, "--name %s: a container of this name is running", c->name);
    must(c, c->name_socket, "bind(@cage/%s/%s)", uid, c->name);
    snprintf(c->cgroup_name, sizeof c->cgroup_name, "cage.%s", c->name);

    c->proc = must(c, open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC),
                   "open(/proc)");
    c->host_pidfd = must(c, syscall(SYS_pidfd_open, getpid(), 0),
                         "pidfd_open()");
    if (c->pause)
        c->keyboard = must(c, open("/dev/tty", O_RDONLY | O_CLOEXEC),
                           "open(/dev/tty)");
    for (int i = 0; i < c->layers; i++) {
        struct stat st;
        const char *path = c->layer[i].path;
        int fd = must(c, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                      "open(%s)", path);
        must(c, fstat(fd, &st), "fstat(%s)", path);
        if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
            refuse(c, "%s is neither a folder nor a tarball", path);
        c->layer[i].archive = -1;
        if (S_ISREG(st.st_mode)) {
            check_archive(c, fd, path);
            c->layer[i].archive = fd;
        } else
            close(fd);
    }
    for (int i = 0; i < c->volumes; i++)
        must(c, access(c->volume[i].source, F_OK), "--volume %s",
             c->volume[i].source);

    /* From now on signals wait until supervise() reads them as if they came
     * from a file.  The processes to come inherit that. */
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGTSTP);           /* the shell's Ctrl-Z stops us */
    must(c, sigprocmask(SIG_SETMASK, &all, NULL), "sigprocmask()");
    c->signals = must(c, signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK),
                      "signalfd()");
    if (c->explain)
        take_snapshot(c, &c->before);
}

/* -------------------------------- lab cell ---------------------------------
 * Leaving out `mount` or `private` lets mounts loose, and shall not cost you
 * your machine.  So the experiment runs in a mount namespace more, a cell: no
 * mount passes its walls (MS_PRIVATE), but inside all is shared, as systemd
 * makes it on a real machine.  It ends with its last process. */
static void lab_cell(struct cage *c)
{
    c->step = STEP_mount;
    must(c, unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    must(c, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL),
         "mount(\"/\", MS_REC | MS_PRIVATE)");
    must(c, mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL),
         "mount(\"/\", MS_REC | MS_SHARED)");
}

/* --------------------------- id maps (step user) ---------------------------
 * A line of a map reads: first id inside, first id outside, how many. */

/* 65536 ids that nobody on the machine has, and no other container.  systemd's
 * list of who uses which ids leaves 0x70000000 to 0x7ffdffff to nobody (see
 * UIDS-GIDS.md of systemd).  That is room for 4094 containers.  Each takes a
 * place by claiming its number as it does its name. */
static uid_t pick_ids(struct cage *c)
{
    enum { FIRST = 0x70000000, PLACES = 4094 };
    for (int i = 0; i < PLACES; i++) {
        int place = (getpid() + i) % PLACES;
        char number[16];
        snprintf(number, sizeof number, "%d", place);
        c->ids_socket = claim(c, "ids", number);
        if (c->ids_socket != -1)
            return (uid_t)(FIRST + place * IDS);
        if (errno != EADDRINUSE)
            die(c, "bind(@cage/ids/%d)", place);
    }
    refuse(c, "all %d ranges of ids are in use", PLACES);
}

/* The line of FILE, /etc/subuid or /etc/subgid, that grants ids to our user:
 * `name:first:count`, see subuid(5).  The name can be the number of the user. */
static bool find_subids(const char *file, const char *user, long *first,
                        long *count)
{
    char line[256], uid[16];
    snprintf(uid, sizeof uid, "%u", getuid());
    FILE *grants = fopen(file, "re");
    bool found = false;
    while (grants && !found && fgets(line, sizeof line, grants)) {
        char name[64];
        found = sscanf(line, "%63[^:]:%ld:%ld", name, first, count) == 3
            && (strcmp(name, uid) == 0 || strcmp(name, user) == 0);
    }
    if (grants)
        fclose(grants);
    return found;
}

/* Let newuidmap(1), which is set-uid root, write the map: our own id becomes 0,
 * and 1 and up come from the range granted to us.  Returns false if there is no
 * such program or no such range. */
static bool write_granted_maps(struct cage *c)
{
    static const char *const files[2] = { "/etc/subuid", "/etc/subgid" };
    static const char *const programs[2] = { "newuidmap", "newgidmap" };
    char user[64] = "", text[5][16], says[FACT_SIZE];
    FILE *users = fopen("/etc/passwd", "re");
    for (struct passwd *p; users && (p = fgetpwent(users)) != NULL;)
        if (p->pw_uid == getuid())
            snprintf(user, sizeof user, "%s", p->pw_name);
    if (users)
        fclose(users);

    for (int i = 0; i < 2; i++) {
        long first, count;
        if (!find_subids(files[i], user, &first, &count))
            return false;
        snprintf(text[0], 16, "%d", (int)c->child);
        snprintf(text[1], 16, "%u", i == 0 ? getuid() : getgid());
        snprintf(text[2], 16, "%ld", first);
        snprintf(text[3], 16, "%ld", count);
        const char *const argv[] = { programs[i], text[0], "0", text[1], "1",
                                     "1", text[2], text[3], NULL };
        int status = run_program(c, argv, -1, says);
        if (status == EXIT_NOT_FOUND && i == 0)
            return false;
        if (status != 0)
            refuse(c, "%s ended with status %d: %s", programs[i], status, says);
    }
    return true;
}

/* The child is in its user namespace: write its maps.  Sets c->one_id. */
static void write_id_maps(struct cage *c)
{
    char path[4][64];
    static const char *const names[] = { "uid_map", "gid_map", "setgroups",
                                         "ns/user" };
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%d/%s", (int)c->child, names[i]);
    if (c->id_mapped) {
        uid_t first = pick_ids(c);
        for (int i = 0; i < 2; i++)
            must(c, write_file(c->proc, path[i], "0 %u %d\n", first, IDS),
                 "write(\"0 %u %d\" to %s)", first, IDS, path[i]);
    } else if (!write_granted_maps(c)) {
        /* One id, our own.  Before a user may map groups, the right to change
         * them has to be given up for good. */
        must(c, write_file(c->proc, path[2], "deny"), "write(%s)", path[2]);
        must(c, write_file(c->proc, path[0], "0 %u 1\n", getuid()),
             "write(%s)", path[0]);
        must(c, write_file(c->proc, path[1], "0 %u 1\n", getgid()),
             "write(%s)", path[1]);
        c->one_id = true;
    }
}

/* ------------------- the trees: ROOTFS, --save, volumes --------------------
 * c->tree[] holds first the layers, then the folder of --save, if any, then the
 * volumes.
 *
 * Under root the files of ROOTFS belong to 0, 1, ..., and the ids of the
 * container are 1879048192 and up: to it they would be files of strangers.  So
 * the copies of the mounts are id-mapped: they show every owner translated by
 * the map of the container's user namespace.  That takes the rights of the real
 * root, and therefore the host side. */

/* A file system that cannot be id-mapped (overlayfs, NFS, 9p) is copied: this
 * returns a pipe from which the folder PATH comes as a tar archive. */
static int copy_as_archive(struct cage *c, const char *path)
{
    int ends[2];
    note(c, "%s is on a file system without id-mapped mounts: it is copied "
         "into memory", path);
    must(c, pipe2(ends, O_CLOEXEC), "pipe()");
    c->copier = must(c, fork(), "fork()");
    if (c->copier == 0) {
        dup2(ends[1], 1);
        execlp("tar", "tar", "-C", path, "-c", "-f", "-", ".", (char *)NULL);
        _exit(EXIT_NOT_FOUND);
    }
    close(ends[1]);
    return ends[0];
}

static void open_trees(struct cage *c, int user_namespace)
{
    int n = 0;
    for (int i = 0; i < c->layers; i++) {
        const char *path = c->layer[i].path;
        int tree = c->layer[i].archive;
        if (tree == -1)
            tree = clone_mount(AT_FDCWD, path,
                               without(c, rootfs) ? AT_RECURSIVE : 0, 0,
                               user_namespace);
        if (tree == -1 && errno == EINVAL && user_namespace != -1)
            tree = copy_as_archive(c, path);
        c->tree[n++] = must(c, tree, "open_tree(%s)", path);
    }
    if (c->save)
        c->tree[n++] = must(c, clone_mount(AT_FDCWD, c->save, 0, 0,
                                           user_namespace),
                            "open_tree(%s)", c->save);

    /* nosuid, nodev: in a folder that somebody else can write to, no program
     * that makes root, no door to a disk. */
    c->step = STEP_volumes;
    for (int i = 0; i < c->volumes; i++) {
        uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
            | (c->volume[i].read_only ? MOUNT_ATTR_RDONLY : 0);
        const char *path = c->volume[i].source;
        c->tree[n++] = must(c, clone_mount(AT_FDCWD, path, AT_RECURSIVE,
                                           attributes, user_namespace),
                            "open_tree(%s)", path);
    }
}

/* -------------------------------- tarballs --------------------------------- */

/* What tar(1) is told to unpack an archive that begins with these bytes.  (It
 * finds out by itself for a file, but not when reading from a descriptor.) */
static const char *archive_option(int fd)
{
    static const struct { const char *bytes; size_t at, size;
                          const char *option; } kinds[] = {
        { "ustar", 257, 5, "-x" },      { "\x1f\x8b", 0, 2, "-xz" },
        { "BZh", 0, 3, "-xj" },         { "\xfd" "7zXZ", 0, 5, "-xJ" },
        { "\x28\xb5\x2f\xfd", 0, 4, "--zstd" },
    };
    char head[512] = "";
    ssize_t size = pread(fd, head, sizeof head, 0);
    if (size == -1)
        return "-x";                    /* a pipe, from copy_as_archive() */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memcmp(head + kinds[i].at, kinds[i].bytes, kinds[i].size) == 0)
            return kinds[i].option;
    return NULL;
}

/* Is it an archive at all, and complete?  A tar archive ends with two blocks of
 * zeros, and tar(1) does not mind if they are missing. */
static void check_archive(struct cage *c, int fd, const char *path)
{
    static const char zeros[1024];
    char tail[1024];
    struct stat st;
    const char *option = archive_option(fd);
    if (option == NULL)
        refuse(c, "%s is neither a folder nor a tar archive", path);
    must(c, fstat(fd, &st), "fstat(%s)", path);
    if (strcmp(option, "-x") == 0
        && (pread(fd, tail, sizeof tail, st.st_size - 1024) != sizeof tail
            || memcmp(tail, zeros, sizeof tail) != 0))
        refuse(c, "%s is cut off: a tar archive ends with 1024 zeros", path);
}

/* Unpack ARCHIVE, an open file, into the folder PLACE.  tar runs as root of the
 * container, so it can give files to any id that exists there; with one id only
 * (-o) they all belong to root.  Devices cannot be made, and /dev is ours. */
static void unpack(struct cage *c, int archive, const char *place)
{
    char says[FACT_SIZE];
    const char *option = archive_option(archive);
    const char *const argv[] = {
        "tar", "-C", place, "-p", "--numeric-owner", "--exclude=./dev/*",
        "--exclude=dev/*", option, c->one_id ? "-of" : "-f", "-", option[1] == '-'
        ? "-x" : NULL, NULL
    };
    /* Only GNU tar reads this variable.  Else the second pattern would also
     * match below other folders. */
    setenv("TAR_OPTIONS", "--anchored", 1);
    int status = run_program(c, argv, archive, says);
    if (status != 0)
        refuse(c, "tar ended with status %d: %s", status, says);
}

/* ------------------------- fine print of the root -------------------------- */

/* The root is complete, or with --without=rootfs it is ROOTFS itself. */
static void open_root(struct cage *c, const char *place)
{
    c->step = STEP_rootfs;
    if (without(c, rootfs)) {
        /* pivot_root wants a mount point; an unpacked tarball is not one. */
        int tree = must(c, clone_mount(AT_FDCWD, place, AT_RECURSIVE, 0, -1),
                        "open_tree(%s)", place);
        attach(c, tree, AT_FDCWD, place);
    }
    c->root = must(c, open(place, O_PATH | O_DIRECTORY | O_CLOEXEC), "open(%s)",
                   place);
}

/* Hide TARGET below an empty folder or /dev/null (if COVER), or put a read-only
 * copy of its own mount over it. */
static void cover(struct cage *c, int target, const char *path, bool hide)
{
    struct stat st;
    must(c, fstat(target, &st), "fstat(%s)", path);
    if (hide && S_ISDIR(st.st_mode)) {
        must(c, fchdir(target), "fchdir(%s)", path);
        must(c, mount("mask", ".", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV
                      | MS_NOEXEC, "mode=0555,nr_inodes=2"),
             "mount(tmpfs, %s)", path);
        return;
    }
    int tree = hide ? clone_device(c, "/dev/null", 1, 3)
        : must(c, clone_mount(target, "", AT_RECURSIVE, MOUNT_ATTR_RDONLY, -1),
               "open_tree(%s, read-only)", path);
    attach(c, tree, target, "");
    close(tree);
}

/* --read-only: now that all places to mount at exist. */
static void make_read_only(struct cage *c)
{
    struct mount_attr change = { .attr_set = MOUNT_ATTR_RDONLY };
    c->step = STEP_rootfs;
    must(c, sys_mount_setattr(c->root, "", AT_EMPTY_PATH, &change),
         "mount_setattr(/, read-only)");
}

/* Instead of pivot_root, with --without=pivot. */
static void change_root(struct cage *c)
{
    c->step = STEP_pivot;
    must(c, fchdir(c->root), "fchdir(new root)");
    must(c, chroot("."), "chroot(\".\")");
}

/* --workdir.  Whether it is inside is looked at by the step fds. */
static void go_to_workdir(struct cage *c)
{
    c->step = STEP_fds;
    must(c, chdir(c->workdir), "chdir(\"%s\")", c->workdir);
}

/* ------------------------- fine print of cgroups --------------------------- */

/* Find a mounted file system of type TYPE, whose options hold WORD if that is
 * not NULL.  ROOT is the part of it that is mounted, WHERE the place. */
static bool find_mount(struct cage *c, const char *type, const char *word,
                       char root[PATH_MAX], char where[PATH_MAX])
{
    char *line = NULL, kind[64], options[256], wanted[40];
    size_t size = 0;
    bool found = false;
    FILE *mounts = fdopen(must(c, openat(c->proc, "self/mountinfo",
                                         O_RDONLY | O_CLOEXEC),
                               "open(/proc/self/mountinfo)"), "r");
    while (mounts && !found && getline(&line, &size, mounts) != -1) {
        /* 31 23 0:28 ROOT WHERE rw,... [shared:1] - TYPE source OPTIONS */
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, where) != 2
            || sscanf(rest, " - %63s %*s %254s", kind, options + 1) != 2)
            continue;
        options[0] = ',';
        strcat(options, ",");
        snprintf(wanted, sizeof wanted, ",%s,", word ? word : "");
        found = strcmp(kind, type) == 0 && (!word || strstr(options, wanted));
    }
    free(line);
    if (mounts)
        fclose(mounts);
    return found;
}

/* Where our group is to be made.  Root makes it at the top of the tree, an
 * ordinary user in the group in which cage was started.  Sets cgroup_parent and
 * cgroup_path. */
static bool find_cgroup_parent(struct cage *c)
{
    char root[PATH_MAX], where[PATH_MAX], own[PATH_MAX] = "", *path = own;
    if (!find_mount(c, "cgroup2", NULL, root, where))
        return false;
    if (geteuid() != 0) {
        read_file(c->proc, "self/cgroup", own, sizeof own);
        path = strstr(own, "0::/");         /* the line of version 2 */
        path = path ? path + strlen("0::") : own;
        path[strcspn(path, "\n")] = '\0';
        /* If only a part of the tree is mounted, the path starts above it. */
        if (strncmp(path, root, strlen(root)) == 0 && strcmp(root, "/") != 0)
            path += strlen(root);
        /* We moved there ourselves, see enable_controller(). */
        char *last = strrchr(path, '/');
        if (last && strcmp(last, "/cage-host") == 0)
            *last = '\0';
    }
    int size = snprintf(c->cgroup_path, sizeof c->cgroup_path, "%s%s", where,
                        strcmp(path, "/") == 0 ? "" : path);
    c->cgroup_parent = must(c, open(c->cgroup_path, O_RDONLY | O_DIRECTORY
                                    | O_CLOEXEC), "open(%s)", c->cgroup_path);
    snprintf(c->cgroup_path + size, sizeof c->cgroup_path - (size_t)size, "/%s",
             c->cgroup_name);
    return true;
}

/* Does FILE in DIR, a list like "cpu memory pids", hold WORD? */
static bool has_word(int dir, const char *file, const char *word)
{
    char text[512], *rest = text;
    read_file(dir, file, text, sizeof text);
    for (char *w; (w = strsep(&rest, " \n")) != NULL;)
        if (strcmp(w, word) == 0)
            return true;
    return false;
}

/* Have CONTROLLER handed down to the groups in cgroup_parent.  A group (but the
 * top one) that hands controllers down may hold no processes itself, and a
 * group delegated to a user usually holds the shell that started us.  So its
 * processes are first moved into a group beside ours, cage-host. */
static void enable_controller(struct cage *c, const char *controller)
{
    char pids[4096], *rest = pids;
    const char *file = "cgroup.subtree_control";
    if (has_word(c->cgroup_parent, file, controller)
        || write_file(c->cgroup_parent, file, "+%s", controller) == 0)
        return;
    if (errno == EBUSY) {
        if (mkdirat(c->cgroup_parent, "cage-host", 0755) == -1
            && errno != EEXIST)
            die(c, "mkdir(cage-host)");
        read_file(c->cgroup_parent, "cgroup.procs", pids, sizeof pids);
        for (char *pid; (pid = strsep(&rest, "\n")) != NULL;)
            if (*pid)
                write_file(c->cgroup_parent, "cage-host/cgroup.procs", "%s",
                           pid);
    }
    must(c, write_file(c->cgroup_parent, file, "+%s", controller),
         "write(\"+%s\" to %s)", controller, file);
}

/* Version 1 of cgroups has one tree for each controller.  These are the names
 * that the limits have there; version 2 is the story, this only keeps -m,
 * --cpus and --pids working on machines that have not yet moved. */
static void set_v1_limit(struct cage *c, const char *file, const char *value,
                         const char *controller)
{
    static const struct { const char *v2, *v1; } names[] = {
        { "memory.max", "memory.limit_in_bytes" },
        { "memory.swap.max", "memory.memsw.limit_in_bytes" },   /* both */
        { "cpu.max", "cpu.cfs_quota_us" },
        { "pids.max", "pids.max" },
        { "memory.oom.group", NULL },           /* there is nothing like it */
    };
    enum { NAMES = sizeof names / sizeof names[0] };
    char root[PATH_MAX], where[PATH_MAX];
    int i = 0, group = 0;
    while (i < NAMES && strcmp(names[i].v2, file) != 0)
        i++;
    if (i == NAMES || !find_mount(c, "cgroup", controller, root, where))
        refuse(c, "%s: the controller \"%s\" is not to be had in %s", file,
               controller, c->cgroup_path);
    if (names[i].v1 == NULL)
        return;

    while (group < c->v1_groups
           && strcmp(c->v1_controller[group], controller) != 0)
        group++;
    if (group == c->v1_groups) {
        c->v1_parent[group] = must(c, open(where, O_RDONLY | O_DIRECTORY
                                           | O_CLOEXEC), "open(%s)", where);
        if (mkdirat(c->v1_parent[group], c->cgroup_name, 0755) == -1
            && errno != EEXIST)
            die(c, "mkdir(%s/%s)", where, c->cgroup_name);
        snprintf(c->v1_controller[c->v1_groups++], 16, "%s", controller);
    }
    char path[PATH_MAX], total[32];
    snprintf(path, sizeof path, "%s/%s", c->cgroup_name, names[i].v1);
    snprintf(total, sizeof total, "%lld", c->memory);
    if (strcmp(file, "memory.swap.max") == 0)
        value = total;
    if (write_file(c->v1_parent[group], path, "%.*s", (int)strcspn(value, " "),
                   value) == -1
        && !(errno == ENOENT && strcmp(file, "memory.swap.max") == 0))
        die(c, "write(\"%s\" to %s/%s)", value, where, path);
}

/* A group whose container is gone, because its host side was killed: nobody
 * holds its name any more.  Only an empty group can be removed, so a mistake
 * here could do no harm. */
static void remove_stale_groups(struct cage *c)
{
    static const char *const v1[] = { "memory", "cpu", "pids" };
    char uid[16], root[PATH_MAX], where[PATH_MAX], path[PATH_MAX + 300];
    snprintf(uid, sizeof uid, "%u", getuid());
    DIR *groups = fdopendir(must(c, openat(c->cgroup_parent, ".", O_RDONLY
                                           | O_DIRECTORY | O_CLOEXEC),
                                 "open(%s)", c->cgroup_path));
    for (struct dirent *d; groups && (d = readdir(groups)) != NULL;) {
        if (strncmp(d->d_name, "cage.", 5) != 0)
            continue;
        int name = strcmp(d->d_name, c->cgroup_name) == 0 ? -1
            : claim(c, uid, d->d_name + 5);
        if (name == -1 && strcmp(d->d_name, c->cgroup_name) != 0)
            continue;                   /* it runs */
        unlinkat(c->cgroup_parent, d->d_name, AT_REMOVEDIR);
        for (int i = 0; i < 3; i++)
            if (find_mount(c, "cgroup", v1[i], root, where)) {
                snprintf(path, sizeof path, "%s/%s", where, d->d_name);
                rmdir(path);
            }
        if (name != -1)
            close(name);
    }
    if (groups)
        closedir(groups);
}

/* The number after KEY in a file of the cgroup such as memory.events, or 0. */
static long long count_events(int dir, const char *file, const char *key)
{
    char text[1024], *found;
    read_file(dir, file, text, sizeof text);
    found = strstr(text, key);
    return found ? atoll(found + strlen(key)) : 0;
}

/* If a limit ended the command, say which. */
static void say_why(struct cage *c)
{
    char path[PATH_MAX];
    long long killed = 0, refused = 0;
    if (c->cgroup != -1) {
        killed = count_events(c->cgroup, "memory.events", "oom_kill ");
        refused = count_events(c->cgroup, "pids.events", "max ");
    }
    for (int i = 0; i < c->v1_groups; i++) {
        snprintf(path, sizeof path, "%s/memory.oom_control", c->cgroup_name);
        killed += count_events(c->v1_parent[i], path, "oom_kill ");
        snprintf(path, sizeof path, "%s/pids.events", c->cgroup_name);
        refused += count_events(c->v1_parent[i], path, "max ");
    }
    c->step = STEP_none;
    if (killed && c->memory_text)
        note(c, "killed: memory limit %s reached", c->memory_text);
    else if (killed)
        note(c, "killed: out of memory");
    if (refused && c->status != 0)
        note(c, "the limit of processes was reached (%lld times)", refused);
}

/* Kill what is left in the group, and remove it. */
static void remove_groups(struct cage *c)
{
    if (c->cgroup == -1)
        return;
    int events = openat(c->cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
    write_file(c->cgroup, "cgroup.kill", "1");
    for (int tries = 0; tries < 50; tries++) {
        if (unlinkat(c->cgroup_parent, c->cgroup_name, AT_REMOVEDIR) == 0
            || errno == ENOENT)
            break;
        /* Busy: it takes the kernel some microseconds to see the last process
         * out.  It tells us by this file (POLLPRI) that something changed. */
        struct pollfd changed = { .fd = events, .events = POLLPRI };
        poll(&changed, 1, 40);
        if (tries == 49)
            note(c, "rmdir(%s): %s", c->cgroup_path, strerror(errno));
    }
    close(events);
    for (int i = 0; i < c->v1_groups; i++)
        unlinkat(c->v1_parent[i], c->cgroup_name, AT_REMOVEDIR);
}

/* ----------------- snapshots: --explain, --step (and show) -----------------
 * What /proc says about a process before and after a step is the evidence of
 * what the step did: not what we hope, what is. */

enum fact_kind { LINK, WHOLE_FILE, STATUS, MOUNTS, HOST_NAME, SESSION };

static const struct {
    const char *label;
    enum fact_kind kind;
    const char *where;          /* file below /proc/PID, or line of its status */
} facts[] = {
    { "cgroup", WHOLE_FILE, "cgroup" },
    { "user ns", LINK, "ns/user" }, { "cgroup ns", LINK, "ns/cgroup" },
    { "mount ns", LINK, "ns/mnt" }, { "uts ns", LINK, "ns/uts" },
    { "ipc ns", LINK, "ns/ipc" },   { "net ns", LINK, "ns/net" },
    { "time ns of children", LINK, "ns/time_for_children" },
    { "pid ns", LINK, "ns/pid" },   { "pid (by namespace)", STATUS, "NSpid" },
    { "uid map", WHOLE_FILE, "uid_map" }, { "gid map", WHOLE_FILE, "gid_map" },
    { "user id", STATUS, "Uid" },   { "group id", STATUS, "Gid" },
    { "groups", STATUS, "Groups" },
    { "host name", HOST_NAME, "" }, { "mounts", MOUNTS, "" },
    { "capabilities", STATUS, "CapEff" }, { "bounding set", STATUS, "CapBnd" },
    { "no_new_privs", STATUS, "NoNewPrivs" }, { "seccomp", STATUS, "Seccomp" },
    { "session, terminal", SESSION, "stat" },
};
enum { FACTS = sizeof facts / sizeof facts[0] };

/* How many mounts there are, of what type the root is, how many are shared. */
static void describe_mounts(struct cage *c, char *value)
{
    char *line = NULL, type[32] = "?";
    size_t size = 0;
    int total = 0, shared = 0;
    int fd = openat(c->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    FILE *mounts = fd == -1 ? NULL : fdopen(fd, "r");
    while (mounts && getline(&line, &size, mounts) != -1) {
        char where[PATH_MAX];
        const char *rest = strstr(line, " - ");
        total++;
        shared += strstr(line, " shared:") != NULL;
        if (rest && sscanf(line, "%*s %*s %*s %*s %4095s", where) == 1
            && strcmp(where, "/") == 0)
            sscanf(rest, " - %31s", type);
    }
    free(line);
    if (mounts)
        fclose(mounts);
    snprintf(value, FACT_SIZE, "%d (%d shared), root is %s", total, shared, type);
}

/* Fill in what /proc says about this process now. */
static void take_snapshot(struct cage *c, struct snapshot *s)
{
    char text[4096], path[64], status[4096], *line;
    read_file(c->proc, "self/status", status, sizeof status);
    for (int i = 0; i < FACTS; i++) {
        char *value = s->value[i];
        value[0] = '\0';
        snprintf(path, sizeof path, "self/%s", facts[i].where);
        switch (facts[i].kind) {
        case LINK: {
            ssize_t n = readlinkat(c->proc, path, value, FACT_SIZE - 1);
            value[n > 0 ? n : 0] = '\0';
            break;
        }
        case WHOLE_FILE:
            read_file(c->proc, path, text, sizeof text);
            /* of the groups, that of version 2 */
            line = strstr(text, "0::");
            snprintf(value, FACT_SIZE, "%.120s", line ? line : text);
            break;
        case STATUS:
            line = strstr(status, facts[i].where);
            while (line && line[strlen(facts[i].where)] != ':')
                line = strstr(line + 1, facts[i].where);
            if (line) {
                line += strlen(facts[i].where) + 1;
                snprintf(value, FACT_SIZE, "%.*s", (int)strcspn(line, "\n"),
                         line);
            }
            break;
        case MOUNTS:
            describe_mounts(c, value);
            break;
        case HOST_NAME:
            gethostname(value, FACT_SIZE - 1);
            break;
        case SESSION:
            read_file(c->proc, path, text, sizeof text);
            line = strrchr(text, ')');      /* the name may hold anything */
            long session, terminal;
            if (line && sscanf(line, ") %*c %*d %*d %ld %ld", &session,
                               &terminal) == 2)
                snprintf(value, FACT_SIZE, "%ld, %s", session,
                         terminal ? "has one" : "none");
            break;
        }
        /* One line, one space between words. */
        char *to = value;
        for (char *from = value; *from; from++)
            if (!isspace((unsigned char)*from))
                *to++ = *from;
            else if (to > value && to[-1] != ' ')
                *to++ = ' ';
        if (to > value && to[-1] == ' ')
            to--;
        *to = '\0';
    }
}

/* Say which step comes.  False if it is to be left out. */
static bool begin_step(struct cage *c, enum step step)
{
    c->step = step;
    if (c->explain)
        dprintf(c->errors, "%-9s%s%s\n", steps[step].name, steps[step].why,
                c->left_out[step] ? "   (left out)" : "");
    return !c->left_out[step];
}

/* The step is done: print what it changed. */
static void end_step(struct cage *c)
{
    struct snapshot now;
    bool changed = false;
    if (!c->explain)
        return;
    take_snapshot(c, &now);
    for (int i = 0; i < FACTS; i++)
        if (strcmp(c->before.value[i], now.value[i]) != 0) {
            dprintf(c->errors, "         %-20s%s -> %s\n", facts[i].label,
                    c->before.value[i], now.value[i]);
            changed = true;
        }
    if (!changed)
        dprintf(c->errors, "         nothing that these files of /proc show\n");
    c->before = now;
    if (c->pause) {
        char enter[64];
        dprintf(c->errors, "         [Enter] ");
        if (read(c->keyboard, enter, sizeof enter) == -1)
            die(c, "read(/dev/tty)");
    }
}

/* ------------------- the terminal, seen from the host side ------------------
 * The command has a terminal of its own, whose master end came to us.  What is
 * typed on the real one goes in there, what comes out is written to the real
 * one.  For that the real one is made *raw*: no echo, no signals, no editing of
 * lines, since the other one does all that.  See termios(3), cfmakeraw. */

/* Make the size of the new terminal that of the real one. */
static void copy_window_size(struct cage *c)
{
    struct winsize size;
    if (c->master != -1 && ioctl(c->terminal, TIOCGWINSZ, &size) == 0)
        ioctl(c->master, TIOCSWINSZ, &size);
}

/* Take the keyboard, if we are in the foreground.  A job in the background must
 * not touch it: it belongs to the shell, or to another job. */
static void take_keyboard(struct cage *c)
{
    if (c->raw || c->master == -1 || !isatty(0)
        || tcgetpgrp(0) != getpgrp() || tcgetattr(0, &c->cooked) == -1)
        return;
    struct termios raw = c->cooked;
    cfmakeraw(&raw);
    c->raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
    copy_window_size(c);
}

/* The new terminal has come: master and slave.  (We keep the slave open, or the
 * master would report an error whenever nobody else has it open.) */
static void take_terminal(struct cage *c, int master, int slave)
{
    c->terminal = isatty(1) ? 1 : isatty(2) ? 2 : 0;
    c->master = master;
    c->slave = slave;
    must(c, fcntl(master, F_SETFL, O_NONBLOCK), "fcntl(O_NONBLOCK)");
    if (!isatty(0)) {
        /* Only output: the real terminal stays as it is, and turns \n into
         * \r\n.  The new one must not do so as well. */
        struct termios modes;
        if (tcgetattr(slave, &modes) == 0) {
            modes.c_oflag &= ~(tcflag_t)OPOST;
            tcsetattr(slave, TCSANOW, &modes);
        }
    }
    copy_window_size(c);
}

/* Write out what has come from the command.  False if there was nothing. */
static bool copy_output(struct cage *c)
{
    char text[8192];
    ssize_t size = read(c->master, text, sizeof text), done = 0;
    while (done < size) {
        ssize_t n = write(c->terminal, text + done, (size_t)(size - done));
        if (n == -1 && errno != EINTR)
            break;                  /* the window was closed */
        done += n > 0 ? n : 0;
    }
    return size > 0;
}

/* Hand in what was typed, as much as the new terminal takes now. */
static void copy_input(struct cage *c)
{
    if (c->typed_size == 0) {
        ssize_t n = read(0, c->typed, sizeof c->typed);
        c->typed_size = n > 0 ? (size_t)n : 0;
    }
    ssize_t n = write(c->master, c->typed, c->typed_size);
    if (n > 0) {
        c->typed_size -= (size_t)n;
        memmove(c->typed, c->typed + n, c->typed_size);
    }
}

/* ------------------------- the host side at work --------------------------- */

/* Run the command of --net, with CAGE_EVENT=up or =down. */
static bool run_net_command(struct cage *c, const char *event)
{
    const char *const argv[] = { "/bin/sh", "-c", c->net, NULL };
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)c->init);
    setenv("CAGE_PID", pid, 1);
    setenv("CAGE_NAME", c->name, 1);
    setenv("CAGE_EVENT", event, 1);
    c->step = STEP_net;
    int status = run_program(c, argv, -1, NULL);
    if (status != 0)
        note(c, "--net %s: ended with status %d (CAGE_EVENT=%s)", c->net,
             status, event);
    return status == 0;
}

/* Answer a question of the inner processes (see `enum question`). */
static void answer(struct cage *c)
{
    struct message m;
    char path[64];
    if (!receive_message(c, &m)) {
        /* The last of them has closed its end: the command has started, since
         * execve closed it, or it will never.  Now the keyboard is its. */
        close(c->talk);
        c->talk = -1;
        take_keyboard(c);
        return;
    }
    switch (m.what) {
    case PUT_ME_IN_GROUPS:
        c->step = STEP_cgroup;
        for (int i = 0; i < c->v1_groups; i++) {
            snprintf(path, sizeof path, "%.48s/cgroup.procs", c->cgroup_name);
            must(c, write_file(c->v1_parent[i], path, "%d", (int)c->child),
                 "write(%s of %s)", path, c->v1_controller[i]);
        }
        break;
    case WRITE_MY_ID_MAPS:
        c->step = STEP_user;
        write_id_maps(c);
        m.one_id = c->one_id;
        break;
    case THIS_IS_INIT:
        c->init = m.pid;
        if (c->net) {
            c->net_up = true;
            if (!run_net_command(c, "up"))
                leave(c, EXIT_CAGE);
        }
        break;
    case OPEN_THE_TREES:
        c->step = STEP_rootfs;
        snprintf(path, sizeof path, "%d/ns/user", (int)c->init);
        int ids = must(c, openat(c->proc, path, O_RDONLY | O_CLOEXEC),
                       "open(/proc/%s)", path);
        open_trees(c, ids);
        close(ids);
        m.fds = c->layers + (c->save != NULL) + c->volumes;
        memcpy(m.fd, c->tree, sizeof m.fd);
        break;
    case TAKE_THE_TERMINAL:
        c->step = STEP_tty;
        take_terminal(c, m.fd[0], m.fd[1]);
        m.fds = 0;
        break;
    }
    send_message(c, &m);
    for (int i = 0; m.what == OPEN_THE_TREES && i < m.fds; i++)
        close(m.fd[i]);             /* they have arrived on the other side */
}

/* A process has ended.  PID 1 takes the container with it, and its status is
 * ours.  The child ends well as soon as PID 1 exists. */
static void reap(struct cage *c)
{
    pid_t pid;
    int how;
    while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
        int status = WIFSIGNALED(how) ? EXIT_SIGNAL + WTERMSIG(how)
                                      : WEXITSTATUS(how);
        if (pid == c->init || (pid == c->child && status != 0))
            c->status = status;
        else if (pid == c->copier && status != 0)
            refuse(c, "tar, copying ROOTFS, ended with status %d", status);
        if (pid == c->child)
            c->child = 0;
        if (pid == c->init)
            c->init = 0;
    }
}

/* A signal has arrived. */
static void handle_signal(struct cage *c)
{
    struct signalfd_siginfo signal;
    if (read(c->signals, &signal, sizeof signal) != (ssize_t)sizeof signal)
        return;
    int number = (int)signal.ssi_signo;
    if (number == SIGCHLD)
        reap(c);
    else if (number == SIGWINCH)
        copy_window_size(c);
    else if (number == SIGCONT)
        take_keyboard(c);           /* the shell's `fg` */
    else if (c->talk != -1)
        c->status = EXIT_SIGNAL + number;   /* not started yet: then never */
    else if (c->init > 0)
        kill(c->init, number);      /* which passes it on to the command */
}

/* Wait until it is over: serve the inner processes, the terminal and signals.
 * Sets c->status. */
static void supervise(struct cage *c)
{
    while (c->status == -1) {
        bool typing = c->typed_size > 0;
        struct pollfd events[] = {
            { .fd = c->talk, .events = POLLIN },
            { .fd = c->signals, .events = POLLIN },
            { .fd = c->master, .events = typing ? POLLIN | POLLOUT : POLLIN },
            { .fd = c->raw && !typing ? 0 : -1, .events = POLLIN },
        };
        /* In the background: look now and then whether we still are. */
        bool waiting = c->master != -1 && !c->raw && c->talk == -1 && isatty(0);
        if (poll(events, 4, waiting ? 200 : -1) == -1 && errno != EINTR)
            die(c, "poll()");
        if (waiting)
            take_keyboard(c);
        if (events[0].revents)
            answer(c);
        if (events[2].revents & (POLLIN | POLLHUP))
            copy_output(c);
        if ((events[2].revents & POLLOUT) || events[3].revents)
            copy_input(c);
        if (events[1].revents)
            handle_signal(c);
    }
}

/* Undo everything.  The host side calls this once, however the run ends. */
static void clean_up(struct cage *c)
{
    c->cleaning = true;
    pid_t ours[] = { c->child, c->init };
    for (int i = 0; i < 2; i++)
        if (ours[i] > 0 && kill(ours[i], SIGKILL) == 0)
            waitpid(ours[i], NULL, 0);
    while (c->master != -1 && copy_output(c))
        ;                           /* the last words */
    if (c->raw)
        tcsetattr(0, TCSADRAIN, &c->cooked);
    if (c->status > 0)
        say_why(c);
    if (c->net_up)
        run_net_command(c, "down");
    remove_groups(c);
}

/* ---------------------------------- hints ----------------------------------
 * What a step's error most likely means where strerror(3) does not say it. */
static const char *hint_for(struct cage *c, int error)
{
    static const struct { enum step step; int error; const char *hint; } hints[] = {
        { STEP_cgroup, EACCES, "ordinary users need a group delegated to them: "
          "systemd-run --user --scope -p Delegate=yes ./cage run ..." },
        { STEP_cgroup, EPERM, "is this a container itself, with a read-only or "
          "foreign cgroup tree?" },
        { STEP_cgroup, EROFS, "is this a container itself, with a read-only "
          "cgroup tree?" },
        { STEP_cgroup, EBUSY, "other processes live in the group above; start "
          "cage in one of its own: systemd-run --scope -p Delegate=yes ..." },
        { STEP_cgroup, EINVAL, "the kernel does not take this value; see "
          "Documentation/admin-guide/cgroup-v2.rst" },
        { STEP_user, EPERM, "user namespaces may be switched off for ordinary "
          "users: sysctl kernel.unprivileged_userns_clone=1; or this is a "
          "container whose seccomp filter forbids them" },
        { STEP_user, ENOSPC, "the limit is in /proc/sys/user/"
          "max_user_namespaces" },
        { STEP_mount, EPERM, "without `user` only root may do this" },
        { STEP_rootfs, EACCES, "may the user who started cage read every folder "
          "on the way to it?" },
        { STEP_rootfs, EOVERFLOW, "a file there belongs to a user id that does "
          "not exist in the container" },
        { STEP_volumes, EINVAL, "under root a volume must be on a file system "
          "that can be id-mapped (not overlayfs, NFS, 9p)" },
        { STEP_proc, EPERM, "a /proc with nothing covered must be visible; "
          "inside Docker it is not (--security-opt systempaths=unconfined)" },
        { STEP_pivot, EINVAL, "is the root mount shared (was `private` left "
          "out?), or the initramfs?" },
        { STEP_id, EINVAL, "this id does not exist in the container; with one "
          "id there is only 0 (see tutorial, user)" },
        { STEP_seccomp, EACCES, "a filter needs no_new_privs" },
    };
    char text[8];
    if (c->step > STEP_user && (error == EPERM || error == EACCES)
        && geteuid() != 0
        && read_file(AT_FDCWD, "/proc/sys/kernel/"
                     "apparmor_restrict_unprivileged_userns", text, 8) > 0
        && text[0] == '1')
        return "Ubuntu's AppArmor takes the powers of user namespaces away: "
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0";
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].step == c->step && hints[i].error == error)
            return hints[i].hint;
    return NULL;
}

/* ========================================================================== *
 *                            MAIN: THE OPTIONS
 * ========================================================================== */

static void usage(void)
{
    puts("usage: cage run [OPTION]... ROOTFS [COMMAND [ARG]...]   (COMMAND: "
         "/bin/sh)\n"
"       cage steps | --help | --version\n"
"\n"
"ROOTFS is a folder, several joined by ':' (the top layer first), or a tarball.\n"
"Options end at ROOTFS; what follows it belongs to COMMAND.\n"
"\n"
"  -n, --name NAME          what the container is called\n"
"      --hostname NAME      its host name (cage)\n"
"  -m, --memory SIZE        at most so much memory: 64M, 1.5G\n"
"      --cpus N             at most so much processor time: 0.5, 2\n"
"      --pids N             at most so many processes\n"
"      --cgroup FILE=VALUE  write any file of its cgroup: cpu.weight=50\n"
"  -v, --volume SRC:DST[:ro]  show SRC of the host at DST\n"
"  -e, --env NAME=VALUE     set a variable\n"
"  -w, --workdir DIR        start in DIR (/)\n"
"  -u, --user UID[:GID]     become this user (0:0)\n"
"      --read-only          its root cannot be written\n"
"      --save DIR           keep what it writes, in DIR/upper: a new layer\n"
"      --net none           only lo (this is so without --net)\n"
"      --net host           the host's network\n"
"      --net COMMAND        run COMMAND to connect it (CAGE_PID, CAGE_NAME,\n"
"                           CAGE_EVENT=up and =down)\n"
"      --explain            say what every step changed\n"
"      --step               the same, and wait for Enter after each\n"
"      --without STEP,...   leave steps out\n"
"\n"
"Exit status: that of COMMAND, 128+n if signal n killed it, 127 not found, 126\n"
"not executable, 125 cage itself failed.");
}

/* 64M, 1.5G, 4096: the number of bytes. */
static long long parse_size(struct cage *c, const char *option, const char *text)
{
    char *end;
    double number = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    const char *units = "KMGT", *unit = NULL;
    if (number > 0 && *end != '\0') {
        unit = strchr(units, toupper((unsigned char)*end));
        number = unit && end[1] == '\0' ? number : -1;
    }
    for (long i = unit ? unit - units + 1 : 0; i > 0; i--)
        number *= 1024;
    if (!(number >= 1 && number < 9e18) || strpbrk(text, "xXpP"))
        refuse(c, "%s %s: not a size, such as 64M or 1.5G", option, text);
    return (long long)number;
}

/* A whole number from LOW to HIGH that ends at one of the characters of ENDS.
 * Sets *TEXT to where it ends. */
static long parse_number(struct cage *c, const char *option, const char **text,
                         const char *ends, long low, long high)
{
    char *end;
    errno = 0;
    long number = strtol(*text, &end, 10);
    if (!isdigit((unsigned char)**text) || errno != 0 || number < low
        || number > high || (*end && !strchr(ends, *end)))
        refuse(c, "%s %s: not a number from %ld to %ld", option, *text, low,
               high);
    *text = end;
    return number;
}

/* Note down that VALUE is to be written to FILE of the cgroup. */
static void add_setting(struct cage *c, const char *file, char *value,
                        bool optional)
{
    if (c->settings == MAX_SETTINGS)
        refuse(c, "more than %d limits", MAX_SETTINGS);
    if (value == NULL)
        refuse(c, "out of memory");
    c->setting[c->settings].file = file;
    c->setting[c->settings].value = value;
    c->setting[c->settings++].optional = optional;
}

static char *format(const char *how, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *how, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, how);
    int size = vasprintf(&text, how, arguments);
    va_end(arguments);
    return size == -1 ? NULL : text;
}

static void option_memory(struct cage *c, const char *text)
{
    c->memory = parse_size(c, "--memory", text);
    c->memory_text = text;
    add_setting(c, "memory.max", format("%lld", c->memory), false);
    /* Else what does not fit goes to the disk, and the limit is never felt. */
    add_setting(c, "memory.swap.max", format("0"), true);
    /* Out of memory: kill all of it, not one process that others wait for. */
    add_setting(c, "memory.oom.group", format("1"), false);
}

/* Half a processor is 50000 microseconds of every 100000. */
static void option_cpus(struct cage *c, const char *text)
{
    char *end;
    double cpus = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    if (!(cpus >= 0.01 && cpus <= 4096) || *end || strpbrk(text, "xXpP"))
        refuse(c, "--cpus %s: not a number from 0.01 to 4096", text);
    add_setting(c, "cpu.max", format("%.0f 100000", cpus * 100000), false);
}

/* FILE=VALUE.  The files cgroup.* are not limits: writing a number to
 * cgroup.procs would put a process of the host into the container's group. */
static void option_cgroup(struct cage *c, char *text)
{
    char *value = strchr(text, '=');
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    if (!value || text + name != value || !value[1] || !strchr(text, '.')
        || strchr(text, '.') > value || text[0] == '.'
        || strncmp(text, "cgroup.", 7) == 0)
        refuse(c, "--cgroup %s: not CONTROLLER.FILE=VALUE, such as "
               "cpu.weight=50", text);
    *value = '\0';
    add_setting(c, text, value + 1, false);
}

/* SRC:DST or SRC:DST:ro */
static void option_volume(struct cage *c, char *text, bool read_only)
{
    char *target = strchr(text, ':'), *flag = NULL;
    if (target)
        flag = strchr(target + 1, ':');
    if (!target || target == text || target[1] != '/'
        || (flag && strcmp(flag, ":ro") != 0))
        refuse(c, "--volume %s: not SRC:DST or SRC:DST:ro, with DST from /",
               text);
    if (c->volumes == MAX_VOLUMES)
        refuse(c, "more than %d volumes", MAX_VOLUMES);
    *target = '\0';
    if (flag)
        *flag = '\0';
    c->volume[c->volumes].source = text;
    c->volume[c->volumes].target = target + 1;
    c->volume[c->volumes++].read_only = read_only || flag != NULL;
}

static void option_user(struct cage *c, const char *text)
{
    const char *rest = text;
    c->gid = c->uid = (uid_t)parse_number(c, "--user", &rest, ":", 0, IDS - 1);
    if (*rest++ == ':')
        c->gid = (gid_t)parse_number(c, "--user", &rest, "", 0, IDS - 1);
}

static void option_without(struct cage *c, char *list)
{
    for (char *name; (name = strsep(&list, ",")) != NULL;) {
        int i = 0;
        while (i < STEP_COUNT && strcmp(name, steps[i].name) != 0)
            i++;
        if (i == STEP_COUNT)
            refuse(c, "--without %s: no such step (see cage steps)", name);
        c->left_out[i] = true;
    }
}

static bool good_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return size > 0 && size <= 64 && name[size] == '\0' && name[0] != '.'
        && name[0] != '-';
}

/* What leans on a step that is left out goes with it, and we say so. */
static void check_together(struct cage *c)
{
    if (without(c, exec))
        refuse(c, "--without exec: then there is nothing to run");
    if (without(c, cgroup) && c->settings > 0)
        refuse(c, "--without cgroup: a limit needs the cgroup");
    if (without(c, rootfs) && (c->layers > 1 || c->save))
        refuse(c, "--without rootfs: layers and --save need it");
    if (c->net && without(c, net))
        refuse(c, "--net COMMAND needs the step net");
    if (without(c, rootfs))
        note(c, "without rootfs: what is written goes into ROOTFS and stays");
    if (without(c, nnp) && !without(c, seccomp)) {
        note(c, "without nnp: seccomp needs it and is left out too");
        c->left_out[STEP_seccomp] = true;
    }
    if (without(c, dev) && !without(c, tty)) {
        note(c, "without dev: tty needs its devpts and is left out too");
        c->left_out[STEP_tty] = true;
    }
    c->id_mapped = geteuid() == 0 && !without(c, user);
}

/* ROOTFS: one or more layers. */
static void parse_layers(struct cage *c, char *text)
{
    for (char *path; (path = strsep(&text, ":")) != NULL;) {
        if (c->layers == MAX_LAYERS)
            refuse(c, "more than %d layers", MAX_LAYERS);
        if (*path == '\0')
            refuse(c, "ROOTFS: an empty name of a layer");
        c->layer[c->layers++].path = path;
    }
}

static int command_run(struct cage *c, int argc, char **argv)
{
    enum { HOSTNAME = 256, CPUS, PIDS, CGROUP, READ_ONLY, SAVE, NET, EXPLAIN,
           STEP, WITHOUT, HELP };
    static const struct option options[] = {
        { "name", required_argument, NULL, 'n' },
        { "hostname", required_argument, NULL, HOSTNAME },
        { "memory", required_argument, NULL, 'm' },
        { "cpus", required_argument, NULL, CPUS },
        { "pids", required_argument, NULL, PIDS },
        { "cgroup", required_argument, NULL, CGROUP },
        { "volume", required_argument, NULL, 'v' },
        { "env", required_argument, NULL, 'e' },
        { "workdir", required_argument, NULL, 'w' },
        { "user", required_argument, NULL, 'u' },
        { "read-only", no_argument, NULL, READ_ONLY },
        { "save", required_argument, NULL, SAVE },
        { "net", required_argument, NULL, NET },
        { "explain", no_argument, NULL, EXPLAIN },
        { "step", no_argument, NULL, STEP },
        { "without", required_argument, NULL, WITHOUT },
        { "help", no_argument, NULL, HELP },
        { NULL, 0, NULL, 0 },
    };
    static char shell[] = "/bin/sh", resolver[] = "/etc/resolv.conf:"
        "/etc/resolv.conf";
    static char *default_command[] = { shell, NULL };
    int option;
    const char *rest;
    /* "+": stop at the first word that is not an option.  Without it getopt
     * would take -l of `cage run rootfs ls -l` for itself. */
    while ((option = getopt_long(argc, argv, "+n:m:v:e:w:u:", options, NULL))
           != -1)
        switch (option) {
        case 'n': c->name = optarg; break;
        case HOSTNAME: c->hostname = optarg; break;
        case 'm': option_memory(c, optarg); break;
        case CPUS: option_cpus(c, optarg); break;
        case PIDS:
            rest = optarg;
            add_setting(c, "pids.max", format("%ld", parse_number(c, "--pids",
                        &rest, "", 1, 4194304)), false);
            break;
        case CGROUP: option_cgroup(c, optarg); break;
        case 'v': option_volume(c, optarg, false); break;
        case 'e':
            if (c->envs == MAX_ENV || optarg[0] == '=' || !strchr(optarg, '='))
                refuse(c, "--env %s: not NAME=VALUE", optarg);
            c->env[c->envs++] = optarg;
            break;
        case 'w': c->workdir = optarg; break;
        case 'u': option_user(c, optarg); break;
        case READ_ONLY: c->read_only = true; break;
        case SAVE: c->save = optarg; break;
        case NET:
            c->net = strcmp(optarg, "none") && strcmp(optarg, "host") ? optarg
                : NULL;
            if (strcmp(optarg, "host") == 0) {
                c->left_out[STEP_net] = true;
                option_volume(c, resolver, true);
            }
            break;
        case STEP: c->pause = true; /* fall through */
        case EXPLAIN: c->explain = true; break;
        case WITHOUT: option_without(c, optarg); break;
        case HELP: usage(); return 0;
        default: return EXIT_CAGE;      /* getopt has said why */
        }
    if (optind == argc)
        refuse(c, "run: ROOTFS is missing (see cage --help)");
    parse_layers(c, argv[optind]);
    c->command = optind + 1 < argc ? argv + optind + 1 : default_command;
    if (!good_name(c->name))
        refuse(c, "--name %.80s: not 1 to 64 letters, digits, _ . -", c->name);
    check_together(c);
    return run(c);
}

int main(int argc, char **argv)
{
    char name[16];
    struct cage c = {
        .name = name, .hostname = "cage", .workdir = "/",
        .step = STEP_none, .status = -1, .errors = 2,
        .keyboard = -1, .proc = -1, .talk = -1, .root = -1, .signals = -1,
        .cgroup = -1, .cgroup_parent = -1, .master = -1, .slave = -1,
        .name_socket = -1, .ids_socket = -1,
    };
    snprintf(name, sizeof name, "%d", (int)getpid());
    c.arguments = argv[0];
    c.arguments_size = (size_t)(argv[argc - 1] - argv[0])
        + strlen(argv[argc - 1]) + 1;
    /* If standard input, output or error is closed, the next file we open would
     * take its number. */
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    close(fd);
    c.errors = fcntl(2, F_DUPFD_CLOEXEC, 3);

    if (getuid() != geteuid())
        refuse(&c, "cage is not made to be set-uid: its own user namespace "
               "gives it what it needs");
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return command_run(&c, argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "steps") == 0) {
        for (int i = 0; i < STEP_COUNT; i++)
            printf("%-9s %-8s %s\n", steps[i].name, steps[i].who, steps[i].why);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("cage 0.1"), 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(), 0;
    refuse(&c, argc < 2 ? "a command is missing (see cage --help)"
           : "%s: no such command (see cage --help)", argv[1]);
}
