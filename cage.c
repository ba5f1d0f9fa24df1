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
 *     ./cage run --without=pid rootfs ps       leave one out: what was it for?
 *     ./cage steps                             the list of the steps
 *
 * WHAT THE STEPS ARE MADE OF
 *
 * Four things that the kernel offers, each older and smaller than the word
 * "container":
 *
 *     namespaces    what a process sees: names that mean something else inside
 *                   (cgroupns, user, mount, uts, ipc, net, time, pid)
 *     cgroups       what it may use: memory, processor time, processes
 *     a root        which files are there at all (rootfs, dev, proc, sys,
 *                   volumes, mask, pivot)
 *     privileges    what it may ask of the kernel (caps, id, nnp, seccomp)
 *
 * and a few habits of careful programs around them (fds, init, tty, exec).
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
 *   writes id maps, <--> (waits)
 *   opens ROOTFS and     cgroupns mount
 *   the volumes          private uts ipc
 *        |               net time
 *        |               pid: clone ---------> (waits)
 *   --net COMMAND <----- its pid, and exits      |
 *        |                                     rootfs dev proc
 *        |                                     sys volumes mask
 *        |                                     pivot fds caps
 *        |                                     id nnp seccomp
 *        |                                     init: fork -------> tty
 *   terminal <---------------------------------|------------------ exec
 *   waits, copies                              reaps, forwards     your program
 *   the terminal,                              signals             runs
 *   forwards signals,                            |                   |
 *   cleans up <--------- exit status ------------+ <-- exit status --+
 *
 * The host side keeps the rights of whoever typed the command.  The child gives
 * up that identity in the step `user`, and cannot do without the host side what
 * only that identity may do: write its id maps, open the root file system.  So
 * it asks for it, over a pair of connected sockets, through which the answers
 * come as open files (see ask(), below).
 *
 * Between them the processes hold these descriptors, and at the end none of
 * them is left to the command:
 *
 *   host side   talk   one end of the socket pair; end of file on it means that
 *                      everybody inside has closed the other: it has started
 *               signals, above and group (the cgroup), name and ids (sockets
 *               that hold a name), master (the other end of the terminal)
 *   inside      talk   the other end, until PID 1 lets go and execve closes it
 *               proc, host_root, host_pidfd: the last looks at the host
 *
 * HOW TO READ
 *
 * From here down.  First some tools that every step uses, then Part I: the
 * steps, one banner and one function each, and run(), which calls them.  There
 * you can stop reading.  Part II is the fine print of some steps (the terminal,
 * id-mapped mounts, tarballs, old cgroups, --explain), and then come the
 * options.  A function is declared here and there before it is written, so
 * that the story comes first.
 *
 * Under the banner of a step stands what it is for and what goes wrong without
 * it; then `By hand`, the same with the tools of the shell (some need root);
 * `Try`, something to do with cage; and `See`, where to read on: name(7) is the
 * manual page that `man 7 name` shows, Documentation/... is in the sources of
 * the kernel and on docs.kernel.org.
 *
 * To walk through it in gdb: make debug.  Every step is a function step_NAME().
 *
 * WHAT IS LEFT OUT, and why
 *
 * Images and registries (tar files do), networks other than a lo interface
 * (`--net COMMAND` runs the tools that make them), checkpoints, SELinux and
 * AppArmor profiles (each needs a policy of the whole system), device rules in
 * the cgroup (inside a user namespace no device can be made anyway).  What a
 * step leaves out beside what runc does is said where it stands.
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
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <mntent.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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
 * The one list of them.  Everything that names a step takes it from here: the
 * enum just below, `cage steps`, the words that --without understands, and the
 * first word of every error.  (This form is called an X-macro: a list that
 * takes the macro to apply to each of its rows.) */

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
    X(dev,      "init",    "a /dev with the few devices that are harmless")  \
    X(proc,     "init",    "a /proc that shows its own processes")           \
    X(sys,      "init",    "a /sys of its own network, read-only")           \
    X(volumes,  "init",    "folders of the host that you hand in")           \
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
    FACTS = 22, FACT_SIZE = 160, TEXTS = 16,
    IDS = 65536,            /* how many user ids a container has under root */
    EXIT_CAGE = 125,        /* cage itself failed: the number docker uses */
    EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL = 128
};

/* What /proc says about a process at one moment: one line of text for each row
 * of the table `facts` in Part II. */
struct snapshot {
    char value[FACTS][FACT_SIZE];
};

/* A line to write to a file of the cgroup, and what to write instead where the
 * controller is still with version 1 (NULL: there is no such file). */
struct setting {
    const char *file, *value, *v1_file, *v1_value;
};

/* How folders are opened.  O_CLOEXEC, here and everywhere: the descriptor is
 * closed by execve(2), so that no program that we start inherits it. */
enum { FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

struct cage {
    /* What was asked for: the table `options`, near the end, explains it. */
    const char *name, *hostname, *workdir, *net, *save, *memory;
    char **command, *env[MAX_ENV];
    struct layer { const char *path; int archive; } layer[MAX_LAYERS];
    struct volume { char *source, *target; uint64_t flags; }
        volume[MAX_VOLUMES];
    struct setting setting[MAX_SETTINGS];
    int layers, volumes, settings, envs;
    long long bytes;                /* of memory; 0: no limit was asked for */
    uid_t uid;
    gid_t gid;
    bool read_only, explain, pause, left_out[STEP_COUNT];

    /* Where we are. */
    enum step step;                 /* the step being run: for error messages */
    bool on_host_side;              /* this process has things to clean up */
    bool id_mapped;                 /* under root: the container has IDS ids */
    bool one_id;                    /* for a user: perhaps only 0 is inside */
    struct snapshot before;         /* for --explain */
    char *arguments;                /* our own command line in memory, which */
    size_t arguments_size;          /* PID 1 wipes: ps inside would show it */
    char text[TEXTS][PATH_MAX];     /* see text() */
    unsigned texts;

    /* Descriptors; 0 is none. */
    int errors;                     /* where messages go, even after step tty */
    int keyboard;                   /* where --step waits for Enter */
    int proc;                       /* the host's /proc: pivot hides it */
    int host_pidfd;                 /* the host side: does it still live? */
    int talk;                       /* our end of the socket pair, see ask() */
    int name_socket, ids_socket;    /* see claim() */
    int host_root, root;            /* the old root directory and the new one */
    int tree[MAX_TREES];            /* what goes into it, see open_trees() */

    /* Known to the host side only. */
    pid_t child, init, copier;
    int signals;                    /* signals, read like a file: signalfd(2) */
    int status;                     /* how it ended; -1 while it runs */
    bool net_up;                    /* --net COMMAND has run */

    /* The cgroup: the folder in which ours is made, ours, and (Part II) the
     * folders of version 1 for those controllers that are still there. */
    int above, group, v1[3];
    char group_name[80], group_path[PATH_MAX];

    /* The terminal (Part II): the real one; both ends of the new one. */
    int terminal, master, slave;
    bool raw, translates;           /* the real one is raw; the new adds \r */
    struct termios cooked;          /* how it was before */
    char typed[4096];               /* typed, but not yet taken: */
    size_t typed_size;              /* so many bytes */
};

/* without(c, pid): was --without=pid given? */
#define without(c, name) ((c)->left_out[STEP_##name])

/* --------------------------- errors and messages ---------------------------
 * Every message is `cage: STEP: text`, one line, perhaps with a second one that
 * is a hint.  It is printed by a single write(2), so that the lines of two
 * processes do not mix.  A system call tells by returning -1 that it has failed
 * and by the variable errno why; see errno(3). */

static void clean_up(struct cage *c);
static const char *hint_for(const struct cage *c, int error);

/* A path or a message, put together as by printf.  It is good until TEXTS more
 * of them have been made. */
__attribute__((format(printf, 2, 3)))
static const char *text(struct cage *c, const char *format, ...) {
    char *place = c->text[c->texts++ % TEXTS];
    va_list all;
    va_start(all, format);
    vsnprintf(place, PATH_MAX, format, all);
    va_end(all);
    return place;
}

/* Print MESSAGE; if ERROR is not 0, also what that number means, and a hint
 * where its usual meaning misleads. */
static void say(const struct cage *c, int error, const char *message) {
    const char *step = c->step == STEP_none ? "" : steps[c->step].name;
    const char *hint = error ? hint_for(c, error) : NULL;
    dprintf(c->errors, "cage: %s%s%s%s%s%s%s\n", step, *step ? ": " : "",
            message, error ? ": " : "", error ? strerror(error) : "",
            hint ? "\nhint: " : "", hint ? hint : "");
}

/* End this process, and with it the run.  Only the host side has something to
 * clean up; the others just go, and the host side notices. */
static _Noreturn void leave(struct cage *c, int status) {
    if (c->on_host_side)
        clean_up(c);
    _exit(status);
}

/* Say so, and end with the status that says: not the command, cage itself. */
static _Noreturn void fail(struct cage *c, int error, const char *message) {
    say(c, error, message);
    leave(c, EXIT_CAGE);
}

/* note: tell the user something that does not end the run.  refuse: end it, for
 * the reason that the text gives. */
#define note(c, ...) say((c), 0, text((c), __VA_ARGS__))
#define refuse(c, ...) fail((c), 0, text((c), __VA_ARGS__))

/* Fail closed: a step that fails ends the run, so that a command never starts
 * in a weaker container than the one that was asked for.  Nearly every call to
 * the kernel below therefore stands in `must`, or in one of its two short
 * forms.
 *
 * RESULT is what the call returned: -1 if the kernel refused, with the reason
 * in errno.  The text names the call for the error message.  Returns RESULT. */
__attribute__((format(printf, 3, 4)))
static int must(struct cage *c, long result, const char *format, ...) {
    char message[PATH_MAX];
    int error = errno;
    if (result != -1)
        return (int)result;
    va_list all;
    va_start(all, format);
    vsnprintf(message, sizeof message, format, all);
    va_end(all);
    fail(c, error, message);
}

/* The same, for a call that says it all: the error message is the line of code
 * (#call makes a string of it). */
#define TRY(call) must(c, (call), "%s", #call)

/* And for a system call for which libc may have no function (many are younger
 * than the libc of this machine): syscall(2) takes its number. */
#define KERNEL(name, ...) \
    must(c, syscall(SYS_##name, __VA_ARGS__), "%s(%s)", #name, #__VA_ARGS__)

/* Close FD and return -1, with the errno of what failed before. */
static int give_up(int fd) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* ------------------------------- small files -------------------------------
 * Most of what follows is done by writing a line into a file that is not a
 * file: under /proc and in the cgroup file system, write(2) hands the text to
 * the kernel, which acts upon it at once or refuses. */

/* Write a line into the file PATH in directory DIR.  0, or -1 with errno. */
__attribute__((format(printf, 3, 4)))
static int write_file(int dir, const char *path, const char *format, ...) {
    char line[1024];
    va_list all;
    va_start(all, format);
    int size = vsnprintf(line, sizeof line, format, all);
    va_end(all);
    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd == -1)
        return -1;
    /* One write: the kernel takes each as a whole message. */
    if (write(fd, line, (size_t)size) != size)
        return give_up(fd);
    close(fd);
    return 0;
}

/* Read the file PATH in DIR into RESULT, as much as fits, as a string.  If it
 * cannot be read, the string is empty. */
static void read_file(int dir, const char *path, char *result, size_t size) {
    size_t total = 0;
    ssize_t n = 0;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    while (fd != -1 && (n = read(fd, result + total, size - 1 - total)) > 0)
        total += (size_t)n;
    result[total] = '\0';
    close(fd);
}

/* ------------------------------ other programs -----------------------------
 * Run ARGV, with descriptor INPUT as its standard input (0: with none: what is
 * piped into cage is for the command), and wait for it.
 * Returns its exit status, 128+n if signal n killed it, 127 if there is no such
 * program.  A TOOL is one whose failure ends the run: then what it has said on
 * its standard error is part of our message. */
static int exit_status(int how) {       /* HOW: what waitpid(2) has told */
    return WIFSIGNALED(how) ? EXIT_SIGNAL + WTERMSIG(how) : WEXITSTATUS(how);
}

static int run_program(struct cage *c, const char *const argv[], int input,
                       bool tool) {
    char says[FACT_SIZE] = "";
    int how, errors = tool ? TRY(memfd_create("stderr", MFD_CLOEXEC)) : 2;
    pid_t pid = TRY(fork());
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);         /* cage waits for signals, others do not */
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (input == 0)
            input = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (dup2(input, 0) != -1 && dup2(errors, 2) != -1)
            /* execvp changes no argument, it is only declared as if. */
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(2, "%s", strerror(errno));
        _exit(EXIT_NOT_FOUND);
    }
    /* Signals for us are meant for it as well.  (SIGCHLD wakes us when it ends;
     * before prepare() has made c->signals, no program is run.) */
    struct signalfd_siginfo signal;
    while (TRY(waitpid(pid, &how, WNOHANG)) == 0)
        if (read(c->signals, &signal, sizeof signal) > 0
            && signal.ssi_signo != SIGCHLD)
            kill(pid, (int)signal.ssi_signo);
    /* Several SIGCHLD become one: it may have been about others as well. */
    kill(getpid(), SIGCHLD);
    int status = exit_status(how);
    if (tool && status != 0 && pread(errors, says, FACT_SIZE - 1, 0) >= 0)
        refuse(c, "%s: status %d: %.*s", argv[0], status,
               (int)strcspn(says + strspn(says, "\n"), "\n"),
               says + strspn(says, "\n"));
    return status;
}

/* --------------------------- running one step ------------------------------
 * DO(c, uts) runs step_uts(c), unless --without=uts was given; with --explain
 * it is announced before, and its effect is shown after. */

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
    WRITE_MY_ID_MAPS,   /* the answer tells one_id, and under root it carries */
                        /* copies of mounts, see open_trees() */
    THIS_IS_INIT,       /* pid: the process that will be PID 1 */
    TAKE_THE_TERMINAL   /* carries a new terminal: its master and its slave */
};

struct message {
    enum question what;
    pid_t pid;
    bool one_id;
    int fds, fd[MAX_TREES];         /* descriptors that travel along */
};

/* These two are in Part II, as is all that is declared below without a body. */
static void send_message(struct cage *c, const struct message *m);
static bool receive_message(struct cage *c, struct message *m);

/* Send the question M and wait for the answer, which replaces it. */
static void ask(struct cage *c, struct message *m) {
    send_message(c, m);
    if (!receive_message(c, m))
        leave(c, EXIT_CAGE);    /* the host side is gone, and has said why */
}

/* Die when the host side dies, even by SIGKILL, which nobody can catch.  The
 * kernel forgets this wish whenever the process changes its ids (see
 * PR_SET_PDEATHSIG in prctl(2)), so it is said again after each such change.
 * And the host side may have died just before it was said: getppid() would
 * tell, but in a new PID namespace it returns 0 for every parent outside, so we
 * look at a descriptor of the process instead, opened before the first fork. */
static void die_with_host(struct cage *c) {
    struct pollfd host = { .fd = c->host_pidfd, .events = POLLIN };
    TRY(prctl(PR_SET_PDEATHSIG, SIGKILL));
    TRY(poll(&host, 1, 0));
    if (host.revents)
        _exit(EXIT_CAGE);
}

/* ========================================================================== *
 *                            PART I: THE STEPS
 * ========================================================================== */

static void prepare(struct cage *c);
static void lab_cell(struct cage *c);
static void find_group_above(struct cage *c);
static void remove_stale_groups(struct cage *c);
static void enable_controller(struct cage *c, const char *file);
static void set_v1_limit(struct cage *c, const struct setting *s);
static int clone_mount(struct cage *c, int dir, const char *path, int flags,
                       uint64_t attributes, int user_namespace);
static int clone_device(struct cage *c, const char *path, dev_t device);
static void attach(struct cage *c, int tree, const char *path);
static void make_place(struct cage *c, const char *path, bool folder);
static void gather_layers(struct cage *c);
static void enter_root(struct cage *c);
static void leave_root(struct cage *c);
static void show_host(struct cage *c, const char *path, uint64_t attributes);
static void make_read_only(struct cage *c, const char *path, int flags);
static _Noreturn void be_pid_1(struct cage *c, pid_t command, int ready);
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
static void step_cgroup(struct cage *c) {
    find_group_above(c);
    remove_stale_groups(c);

    if (mkdirat(c->above, c->group_name, 0755) == -1) {
        /* An ordinary user may make groups only in a part of the tree that was
         * delegated to him or her.  Where there is none the container can live
         * without: it is not weaker than asked for, unless a limit was. */
        bool refused = errno == EACCES || errno == EPERM || errno == EROFS;
        if (c->settings > 0 || !refused)
            must(c, -1, "mkdir(%s)", c->group_path);
        if (c->explain)
            note(c, "no group: mkdir(%s): %s", c->group_path, strerror(errno));
        return;
    }
    c->group = TRY(openat(c->above, c->group_name, FOLDER));

    for (int i = 0; i < c->settings; i++) {
        const struct setting *s = &c->setting[i];
        enable_controller(c, s->file);
        if (write_file(c->group, s->file, "%s", s->value) == 0)
            continue;
        if (errno != ENOENT)
            must(c, -1, "write(\"%s\" to %s)", s->value, s->file);
        /* There is no such file.  Some kernels have no swap, and need no limit
         * of it; on others this controller is still with version 1. */
        if (strcmp(s->file, "memory.swap.max") != 0 || c->v1[0])
            set_v1_limit(c, s);
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
static void step_user(struct cage *c) {
    TRY(unshare(CLONE_NEWUSER));

    /* From here on we are nobody, 65534, until the maps are written. */
    struct message m = { .what = WRITE_MY_ID_MAPS };
    ask(c, &m);
    c->one_id = m.one_id;
    memcpy(c->tree, m.fd, sizeof c->tree);      /* see gather_layers() */

    /* Drop the groups of the user who started us.  With one id the kernel
     * forbids it: a group can also serve to *deny* a file to its members, and
     * leaving it would open that file (CVE-2014-8989). */
    if (!c->one_id)
        TRY(setgroups(0, NULL));
    TRY(setresgid(0, 0, 0));
    TRY(setresuid(0, 0, 0));

    /* Whoever changes ids might carry secrets of the old one in memory, so the
     * kernel now gives our /proc files to the real root.  We carry none, and
     * must write one of these files in the step `time`. */
    TRY(prctl(PR_SET_DUMPABLE, 1));
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
 *   See:      group_namespaces(7) */
static void step_cgroupns(struct cage *c) {
    TRY(unshare(CLONE_NEWCGROUP));
}

/* =============================== child: mount ==============================
 *
 * A mount namespace is a table of mounts: which file system is seen at which
 * directory.  Ours starts as a copy of the host's.  Nothing looks different
 * yet, but from now on it can.
 *
 * Without it every mount below happens on the host, for all to see, and
 * pivot_root would move the root directory of the whole machine.  (When you
 * leave it out, cage first makes a namespace all the same, in which the damage
 * stays: see lab_cell().)
 *
 * It comes after `user`, because a mount namespace belongs to the user
 * namespace in which it was made, and only who is root there may mount in it.
 *
 *   By hand:  unshare --mount sh -c 'mount -t tmpfs x /mnt; findmnt /mnt'
 *             findmnt /mnt
 *   Try:      ./cage run --explain --without=mount rootfs true
 *   See:      mount_namespaces(7) */
static void step_mount(struct cage *c) {
    TRY(unshare(CLONE_NEWNS));
}

/* ============================== child: private =============================
 *
 * The copy is not yet independent.  Mounts can be *shared*: then what is
 * mounted below one copy appears below the other, in both directions.  systemd
 * makes every mount of the machine shared.
 *
 * Without this step our mounts appear on the host, and that is how people have
 * lost their /proc or their /dev.  Where a new user namespace was made before,
 * the kernel has turned the copy into a mere receiver (a "slave"), but what the
 * host mounts still comes in.  And pivot_root(2) refuses to work on shared
 * mounts.
 *
 *   By hand:  mount --make-rprivate /      (unshare --mount does it unasked)
 *   Try:      grep -c shared: /proc/self/mountinfo
 *             ./cage run --explain rootfs true | less
 *   See:      mount_namespaces(7), SHARED SUBTREES */
static void step_private(struct cage *c) {
    /* MS_REC: not only "/", all that is mounted below it as well. */
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* ================================ child: uts ===============================
 *
 * The smallest of the namespaces: two strings, the name of the machine and the
 * name of its NIS domain (an old network service).  "UTS" comes from the struct
 * in which uname(2) returns them, utsname: "UNIX Time-sharing System".
 *
 * Without it the container has the host's name; and where user, caps and
 * seccomp are left out as well, `hostname lab` inside renames the machine.
 *
 *   By hand:  unshare --uts sh -c 'hostname lab; hostname'; hostname
 *   Try:      ./cage run --hostname lab rootfs hostname
 *   See:      uts_namespaces(7), sethostname(2) */
static void step_uts(struct cage *c) {
    TRY(unshare(CLONE_NEWUTS));
    must(c, sethostname(c->hostname, strlen(c->hostname)),
         "sethostname(\"%s\")", c->hostname);
    /* The other string is the NIS domain; "(none)" is what the kernel has when
     * it starts. */
    TRY(setdomainname("(none)", 6));
}

/* ================================ child: ipc ===============================
 *
 * System V shared memory, semaphores and message queues, and POSIX message
 * queues, are found by a number or a name, not by a path: so a new root
 * directory does not hide them.
 *
 * Without it a program inside can attach to the shared memory of a program
 * outside, if it knows its number and has the same user id or finds it open to
 * all; databases keep their data there.
 *
 *   By hand:  ipcmk -M 4096; ipcs -m; unshare --ipc ipcs -m; ipcrm -a
 *   Try:      ./cage run rootfs ipcs -m
 *   See:      ipc_namespaces(7), sysvipc(7) */
static void step_ipc(struct cage *c) {
    TRY(unshare(CLONE_NEWIPC));
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
static void step_net(struct cage *c) {
    TRY(unshare(CLONE_NEWNET));

    /* ip link set lo up: any socket will do to talk to the kernel about an
     * interface. */
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int any = TRY(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    TRY(ioctl(any, SIOCSIFFLAGS, &lo));
    close(any);

    /* ping(8) used to need the right to forge packets.  The members of these
     * groups may send just pings.  A group that is not in our map is refused,
     * and if there is a single id, that is every one but 0. */
    const char *groups = "sys/net/ipv4/ping_group_range";
    if (write_file(c->proc, groups, "0 65535") == -1)
        TRY(write_file(c->proc, groups, "0 0"));
}

/* =============================== child: time ===============================
 *
 * The clocks that count from boot, CLOCK_MONOTONIC and CLOCK_BOOTTIME, get an
 * offset.  (The time of day does not: there is one for the whole machine.)
 *
 * Without it `uptime` inside is that of the host.  What the namespace was made
 * for is moving a running container to another machine, whose clocks count from
 * another boot: inside, they must not jump.  runc and crun make one only when
 * they are asked to.
 *
 *   By hand:  unshare --time --boottime -$(cut -d. -f1 /proc/uptime) uptime
 *   Try:      ./cage run rootfs uptime
 *   See:      time_namespaces(7), clock_gettime(2) */
static void step_time(struct cage *c) {
    /* The namespace is for the children of this process; it cannot itself be
     * put into another time.  Offsets can be set until the first one enters. */
    TRY(unshare(CLONE_NEWTIME));

    struct timespec up, boot;
    clock_gettime(CLOCK_MONOTONIC, &up);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    TRY(write_file(c->proc, "self/timens_offsets",
                   "monotonic -%lld 0\nboottime -%lld 0\n",
                   (long long)up.tv_sec, (long long)boot.tv_sec));
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
 * same user id, and a program that was started with & lives on after the end.
 *
 *   By hand:  unshare --pid --fork --mount-proc ps
 *   Try:      ./cage run rootfs ps
 *             ./cage run --without=pid rootfs ps
 *   See:      pid_namespaces(7), clone(2) */
static void step_pid(struct cage *c) {
    /* A process cannot change its own number, so this too is for children. */
    TRY(unshare(CLONE_NEWPID));

    /* fork(2), but with CLONE_PARENT: the new process becomes a child of the
     * host side, not ours, so that the host side can wait for it, and we can
     * leave.  (Its parent has no number inside: getppid() there is 0.) */
    pid_t init = KERNEL(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (init > 0) {
        send_message(c, &(struct message){ .what = THIS_IS_INIT, .pid = init });
        _exit(0);
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
 *       upper: its writes             |        hostname        whiteout
 *       lower: ROOTFS              bin/sh      hostname          motd
 *
 * Without it `rm -rf /` inside deletes ROOTFS.  And a thousand containers of
 * one image would need a thousand copies of it.
 *
 * A file of the lower layer is copied up whole when it is first written to.  A
 * deleted one is covered by a "whiteout", a device file with the number 0:0.
 *
 *   By hand:  mkdir l u w m; mount -t overlay x -o
 *                 lowerdir=l,upperdir=u,workdir=w m
 *   Try:      ./cage run rootfs sh -c 'rm -rf /bin; pwd'; ls rootfs/bin
 *   See:      Documentation/filesystems/overlayfs.rst, tmpfs(5)
 *
 * The layers were put in their places just before, by gather_layers(). */
static void step_rootfs(struct cage *c) {
    const char *upper = c->save ? "save/upper" : "upper";
    const char *work = c->save ? "save/work" : "work";
    char options[512] = "userxattr,lowerdir=lower/0";
    size_t end = strlen(options), size = sizeof options;
    for (int i = 1; i < c->layers; i++)     /* :lower/1:lower/2, top first */
        end += (size_t)snprintf(options + end, size - end, ":lower/%d", i);
    snprintf(options + end, size - end, ",upperdir=%s,workdir=%s", upper, work);

    /* Overlayfs marks a folder that replaces one of a lower layer with an
     * extended attribute.  Before Linux 6.6 tmpfs has no such attributes. */
    if (!c->save && setxattr(upper, "user.cage", "", 0, 0) == -1 && c->explain)
        note(c, "this kernel's tmpfs has no user attributes (Linux 6.6 has): "
             "removing a folder of ROOTFS will fail with EIO");

    /* userxattr: use such attributes as an ordinary user may set, since the
     * others are only for the real root.  MS_NODEV: a device file that somebody
     * put into ROOTFS opens nothing. */
    must(c, mount("overlay", "root", "overlay", MS_NODEV, options),
         "mount(overlay, \"%s\")", options);
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
 * user namespace.  So those of the host are bound, each on an empty file. */
static void step_dev(struct cage *c) {
    static const struct device { const char *path; unsigned major, minor; }
        devices[] = {       /* the numbers are those in null(4), random(4)... */
        { "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 },
        { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
    };
    /* mode=0755: a tmpfs is by default writable by all and sticky, as /tmp is.
     * In such a folder the kernel refuses O_CREAT on a device file of somebody
     * else (may_create_in_sticky() in fs/namei.c), and these belong to the root
     * of the host: `> /dev/null` would fail even for root. */
    make_place(c, "/dev", true);
    TRY(mount("dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC,
              "mode=0755,size=64k,nr_inodes=64"));

    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        const char *path = devices[i].path;
        dev_t device = makedev(devices[i].major, devices[i].minor);
        make_place(c, path, false);
        attach(c, clone_device(c, path, device), path);
    }

    /* newinstance: its terminals are numbered from 0 and are not the host's. */
    TRY(mkdir("/dev/pts", 0755));
    TRY(mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"));
    TRY(symlink("pts/ptmx", "/dev/ptmx"));
    TRY(mkdir("/dev/shm", 0755));
    TRY(mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=1777,size=64m,nr_inodes=16k"));
    TRY(symlink("/proc/self/fd", "/dev/fd"));
    TRY(symlink("/proc/self/fd/0", "/dev/stdin"));
    TRY(symlink("/proc/self/fd/1", "/dev/stdout"));
    TRY(symlink("/proc/self/fd/2", "/dev/stderr"));
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
static void step_proc(struct cage *c) {
    make_place(c, "/proc", true);
    if (without(c, pid))            /* EPERM: the PID namespace is not ours */
        show_host(c, "/proc", 0);
    else
        TRY(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  NULL));
}

/* ================================ init: sys ================================
 *
 * sysfs shows devices and drivers, and the interfaces of one network namespace:
 * of whoever mounts it.  In it is the place where cgroups are usually mounted.
 *
 * Without it programs that count processors or look for their memory limit (the
 * C library, Java) find nothing.  It is read-only: many of its files change the
 * machine when they are written.
 *
 *   By hand:  mount -t sysfs -o ro sys rootfs/sys
 *             mount -t cgroup2 -o ro cgroup rootfs/sys/fs/cgroup
 *   Try:      ./cage run rootfs ls /sys/class/net /sys/fs/cgroup
 *   See:      sysfs(5), group_namespaces(7) */
static void step_sys(struct cage *c) {
    const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    make_place(c, "/sys", true);
    if (without(c, net))            /* EPERM: the network is not ours */
        show_host(c, "/sys", MOUNT_ATTR_RDONLY);
    else
        TRY(mount("sysfs", "/sys", "sysfs", flags, NULL));

    /* The host's /sys brings a cgroup2 with it, and the kernel refuses to mount
     * a file system on its own root (EBUSY): so another one goes in between. */
    if (without(c, net))
        TRY(mount("cgroup", "/sys/fs/cgroup", "tmpfs", flags, "nr_inodes=2"));
    if (without(c, cgroupns))       /* EPERM again */
        show_host(c, "/sys/fs/cgroup", MOUNT_ATTR_RDONLY);
    else
        TRY(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", flags, NULL));
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
 * on the host's /etc.  runc looked the path up first and used it afterwards,
 * and in between somebody inside could exchange a folder for a link
 * (CVE-2021-30465).  Here nothing has to be looked up: by enter_root() the new
 * root is already what "/" means to this process, and no link leads out of it.
 *
 * (It comes after dev, proc and sys, so that a volume below them is seen.) */
static void step_volumes(struct cage *c) {
    for (int i = 0; i < c->volumes; i++) {
        int tree = c->tree[c->layers + (c->save != NULL) + i];
        struct stat st, place, root;
        must(c, fstat(tree, &st), "fstat(%s)", c->volume[i].source);
        make_place(c, c->volume[i].target, S_ISDIR(st.st_mode));
        /* What is mounted over / would stay behind in the step pivot. */
        TRY(fstat(c->root, &root));
        must(c, stat(c->volume[i].target, &place), "stat(%s)",
             c->volume[i].target);
        if (place.st_dev == root.st_dev && place.st_ino == root.st_ino)
            refuse(c, "--volume %s: is the root", c->volume[i].target);
        attach(c, tree, c->volume[i].target);
    }
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
static const struct mask {
    const char *path;
    bool hide;                  /* or else: make it read-only */
} masks[] = {
    { "/proc/acpi", true },                     /* hardware, and its switches */
    { "/proc/asound", true },                   /* sound cards */
    { "/proc/interrupts", true },               /* times of the host's keys */
    { "/proc/kcore", true },                    /* the memory of the machine */
    { "/proc/keys", true },                     /* keys of other users */
    { "/proc/latency_stats", true },            /* the host's processes */
    { "/proc/sched_debug", true },              /* the same */
    { "/proc/scsi", true },                     /* can remove disks */
    { "/proc/timer_list", true },               /* addresses in the kernel */
    { "/sys/devices/virtual/powercap", true },  /* power use betrays keys */
    { "/sys/firmware", true },                  /* tables with serial numbers */
    { "/proc/bus", false },                     /* registers of PCI devices */
    { "/proc/fs", false },                      /* settings of file systems */
    { "/proc/irq", false },                     /* which CPU serves what */
    { "/proc/sys", false },                     /* settings of the kernel */
    { "/proc/sysrq-trigger", false },           /* reboot, crash, kill all */
};

static void step_mask(struct cage *c) {
    const struct mask *end = masks + sizeof masks / sizeof masks[0];
    for (const struct mask *m = masks; m < end; m++) {
        struct stat st;
        if (stat(m->path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR))
            continue;                           /* not in this kernel */
        if (m->hide && S_ISDIR(st.st_mode)) {
            must(c, mount("mask", m->path, "tmpfs", MS_RDONLY | MS_NOSUID
                          | MS_NODEV | MS_NOEXEC, "mode=0555,nr_inodes=2"),
                 "mount(tmpfs, %s)", m->path);
            continue;
        }
        if (m->hide)
            attach(c, clone_device(c, "/dev/null", makedev(1, 3)), m->path);
        else
            attach(c, clone_mount(c, AT_FDCWD, m->path, AT_RECURSIVE,
                                  MOUNT_ATTR_RDONLY, -1), m->path);
    }
}

/* =============================== init: pivot ===============================
 *
 * pivot_root(new, old) makes `new` the root of the mount namespace and moves
 * what was the root to `old`, from where it is then unmounted.  After that no
 * path leads to the host's files: they are not mounted in this namespace.
 *
 * Without it there is chroot(2), from 1979, which changes only what "/" means
 * to one process.  The host's files are still mounted, and whoever may call
 * chroot walks out: mkdir x, chroot x, and `..` of the folder one is still in
 * now leads up to the real root.  We have just done it ourselves, in
 * leave_root().
 *
 *   By hand:  cd rootfs && pivot_root . . && umount -l .
 *   Try:      ./cage run rootfs cat /proc/self/mountinfo
 *             ./cage run --without=pivot rootfs cat /proc/self/mountinfo
 *   See:      pivot_root(2), which explains the two dots
 *
 * It is refused with EINVAL where the mounts are shared (see `private`), with
 * EBUSY or EINVAL if the new root is not a mount point, and on the initramfs of
 * a machine that is just booting, since nothing is mounted below that. */
static void step_pivot(struct cage *c) {
    /* Both are ".": the old root is put on top of the new one... */
    TRY(fchdir(c->root));
    KERNEL(pivot_root, ".", ".");
    /* ...and taken off at once.  MNT_DETACH: although processes (we too, by
     * descriptors) still use files in it.  It vanishes from this namespace with
     * all that is mounted below it. */
    TRY(umount2(".", MNT_DETACH));
    TRY(chdir("/"));
}

/* ================================ init: fds ================================
 *
 * An open file stays open whatever the root directory is, and a process stays
 * in the directory in which it is.
 *
 * Without it a folder of the host that somebody left open leads to all of the
 * host's files: openat(7, "../../etc/shadow").  runc once had such a folder
 * open when it went to the working directory that the image asked for; an image
 * that asked for /proc/self/fd/7 started on the host (CVE-2024-21626).
 *
 *   By hand:  exec 7>&-
 *   Try:      ./cage run rootfs ls -l /proc/self/fd 7</etc
 *             ./cage run --without=fds rootfs ls -l /proc/self/fd 7</etc
 *   See:      close_range(2), getcwd(3) */
static void step_fds(struct cage *c) {
    /* Every descriptor from 3 up shall be closed by execve(2).  Until then we
     * need some of them. */
    KERNEL(close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);

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
 * Without it root inside may mount, make devices, set the clock, debug.  The
 * user namespace refuses what concerns the whole machine to a root who is not
 * the real one; but it opens a large part of the kernel to ordinary users, and
 * where that has a hole, or where there is no user namespace, this is what
 * holds.
 *
 *   By hand:  capsh --drop=cap_sys_admin -- -c 'mount -t tmpfs x /mnt'
 *   Try:      ./cage run rootfs grep Cap /proc/self/status
 *   See:      capabilities(7)
 *
 * Docker keeps 14.  These six are not here: MKNOD, NET_RAW (forge packets),
 * SYS_CHROOT, SETFCAP, SETPCAP, AUDIT_WRITE. */
static void step_caps(struct cage *c) {
    const uint64_t keep = 0
        | UINT64_C(1) << CAP_CHOWN          /* give a file to another user */
        | UINT64_C(1) << CAP_DAC_OVERRIDE   /* read, write whatever the mode */
        | UINT64_C(1) << CAP_FOWNER         /* chmod files of others */
        | UINT64_C(1) << CAP_FSETID         /* chmod g+s for a foreign group */
        | UINT64_C(1) << CAP_KILL           /* signal processes of others */
        | UINT64_C(1) << CAP_SETGID         /* su, and servers that give up */
        | UINT64_C(1) << CAP_SETUID         /* being root */
        | UINT64_C(1) << CAP_NET_BIND_SERVICE;  /* ports below 1024 */

    /* The bounding set first, while we may still change it.  PR_CAPBSET_READ
     * fails for a number beyond the last capability of this kernel. */
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (!(keep >> cap & 1))
            must(c, prctl(PR_CAPBSET_DROP, cap), "prctl(PR_CAPBSET_DROP, %d)",
                 cap);
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));

    /* Then the sets that count now, each in two halves of 32 bits.  Nothing is
     * inheritable: that set adds rights to programs (CVE-2022-24769). */
    const uint32_t low = (uint32_t)keep, high = (uint32_t)(keep >> 32);
    struct __user_cap_header_struct version = {
        .version = _LINUX_CAPABILITY_VERSION_3
    };
    struct __user_cap_data_struct sets[2] = {
        { .effective = low, .permitted = low, .inheritable = 0 },
        { .effective = high, .permitted = high, .inheritable = 0 },
    };
    KERNEL(capset, &version, sets);
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
static void step_id(struct cage *c) {
    if (!c->one_id)
        TRY(setgroups(0, NULL));
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
static void step_nnp(struct cage *c) {
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* ============================== init: seccomp ==============================
 *
 * A small program that the kernel runs before each system call, with its number
 * and arguments, to learn whether it is allowed.  It is written in the machine
 * language of packet filters, BPF.
 *
 * Without it each of some 370 system calls is there to be tried, and many of
 * the holes in the kernel through which containers were left were in calls that
 * no ordinary program makes.
 *
 *   By hand:  no common command does it (systemd: SystemCallFilter=)
 *   Try:      ./cage run rootfs unshare --user true
 *             ./cage run --without=seccomp rootfs unshare --user true
 *   See:      seccomp(2), Documentation/userspace-api/seccomp_filter.rst
 *
 * Docker has a list of the calls that are allowed, some 350; this is a list of
 * those that are not, because it can be read.  What makes up for it is that a
 * call newer than this file does not exist inside: it fails with ENOSYS, as on
 * a kernel that is too old for it, and programs know what to do then.
 *
 * The kernel runs the filter once for every call number when it is installed.
 * Where the answer does not depend on arguments and is "allow", it remembers
 * that and will not run it again, so most calls cost what they cost outside. */
#if defined __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "cage knows the system calls of x86-64 and arm64"
#endif
enum { NEWEST_CALL = 462 };     /* mseal, Linux 6.10; the same number on both */
#define NEW_NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID             \
    | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* The calls that fail with EPERM whatever their arguments are. */
static const unsigned denied_calls[] = {
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
    SYS_quotactl, 443 /* quotactl_fd, which musl does not know */,
    /* Large engines in the kernel that have been broken out of many times. */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    /* Open a file by its number instead of by a path that leads to it. */
    SYS_open_by_handle_at, SYS_fanotify_init,
    /* Look into and reach into other processes. */
    SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    /* Move memory between the nodes of a large machine: slows others down. */
    SYS_move_pages, SYS_mbind, SYS_set_mempolicy, SYS_migrate_pages,
    450 /* set_mempolicy_home_node, which older headers do not know */,
    /* Names: ours are set.  The others are old, or for terminals of others. */
    SYS_sethostname, SYS_setdomainname, SYS_vhangup, SYS_nfsservctl,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_uselib, SYS_sysfs, SYS_ustat,
#endif
};
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

/* The first part of the filter: calls whose arguments matter. */
static const struct sock_filter filter_head[] = {
    /* A 32-bit program (int 0x80) has other numbers for the calls: a filter
     * that does not look at this first can be walked around. */
    LOAD(arch),
    JUMP(BPF_JEQ, OUR_ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),

    /* Too new; or the x32 variant of x86-64, which sets bit 30. */
    LOAD(nr),
    JUMP(BPF_JGT, NEWEST_CALL, 0, 1), FAIL_WITH(ENOSYS),

    /* clone3 has its flags in memory, where a filter cannot look.  When it does
     * not exist, libc takes clone, whose flags are an argument.  (clone cannot
     * make a time namespace: that bit of its flags means something else.) */
    JUMP(BPF_JEQ, SYS_clone3, 0, 1), FAIL_WITH(ENOSYS),
    JUMP(BPF_JEQ, SYS_clone, 0, 4), LOAD(args[0]),
    JUMP(BPF_JSET, NEW_NAMESPACES, 0, 1), FAIL_WITH(EPERM),
    RETURN(SECCOMP_RET_ALLOW),

    /* Two that type into a terminal.  LOAD takes the low 32 bits of the
     * argument, as the kernel does; who compares all 64 is got around by one
     * high bit more (CVE-2019-10063). */
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
enum { HEAD = sizeof filter_head / sizeof filter_head[0] };

static void step_seccomp(struct cage *c) {
    struct sock_filter filter[HEAD + 2 * DENIED + 1];
    size_t n = HEAD;
    memcpy(filter, filter_head, sizeof filter_head);
    for (size_t i = 0; i < DENIED; i++) {
        filter[n++] = (struct sock_filter)JUMP(BPF_JEQ, denied_calls[i], 0, 1);
        filter[n++] = (struct sock_filter)FAIL_WITH(EPERM);
    }
    filter[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);

    struct sock_fprog program = { .len = (unsigned short)n, .filter = filter };
    KERNEL(seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
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
 * Without it `sleep 30` inside cannot be stopped by Ctrl-C, and zombies pile up
 * until no process can be made.
 *
 *   By hand:  unshare --pid --fork --kill-child sleep 30    (try Ctrl-C)
 *   Try:      ./cage run --without=init rootfs sleep 30     (and here)
 *   See:      pid_namespaces(7), wait(2); tini and catatonit do the same */
static void step_init(struct cage *c) {
    /* Leave the session of the terminal: now Ctrl-C there reaches only the host
     * side, which passes it on, and /dev/tty inside is not that terminal. */
    TRY(setsid());

    /* The command waits until PID 1 has locked its doors (see there). */
    uint64_t one;
    int ready = TRY(eventfd(0, EFD_CLOEXEC));
    pid_t command = TRY(fork());
    if (command > 0)
        be_pid_1(c, command, ready);    /* for the rest of its life */
    die_with_host(c);
    TRY(read(ready, &one, sizeof one));
}

static _Noreturn void be_pid_1(struct cage *c, pid_t command, int ready) {
    /* Nobody may look into this process: it holds the environment and open
     * files of the host side.  Not dumpable means that its /proc files belong
     * to the real root, and that ptrace(2) is refused (CVE-2016-9962).  (After
     * the fork, or gdb could not go on from here to the command.) */
    TRY(prctl(PR_SET_DUMPABLE, 0));

    /* It needs no file at all, and a pipe that it held open would never end.
     * ps inside shall not show the command line typed outside. */
    TRY(dup2(ready, 0));
    KERNEL(close_range, 1, ~0U, 0);
    memset(c->arguments, 0, c->arguments_size);
    snprintf(c->arguments, c->arguments_size, "cage: init");
    TRY(eventfd_write(0, 1));
    close(0);

    sigset_t all;
    sigfillset(&all);               /* all are blocked, by prepare() */
    for (;;) {
        int how, number = sigwaitinfo(&all, NULL);
        if (number != SIGCHLD) {
            /* What a keyboard sends goes to all of the command's group. */
            bool typed = number == SIGINT || number == SIGQUIT;
            if (!typed || kill(-command, number) == -1)
                kill(command, number);
            continue;
        }
        /* One SIGCHLD can stand for many children. */
        for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;)
            if (pid == command)
                _exit(exit_status(how));
    }
}

/* =============================== command: tty ==============================
 *
 * A terminal is a device with two ends: what a program writes to the slave
 * comes out of the master, which is held by the window you look at.  A session
 * of processes can have one as its *controlling* terminal, which turns Ctrl-C
 * into a signal.
 *
 * Without it the command has the host's terminal in its hands.  It can change
 * its modes, and put characters into its input as if they had been typed
 * (TIOCSTI), which the shell of the host then reads and obeys.  And a shell
 * inside says "can't access tty; job control turned off", since that terminal
 * is not the controlling one of its session.
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
/* `cage run rootfs ls | less`: the keyboard belongs to the program at the end of
 * the pipe.  The command may read from it, as it could outside. */
static bool keyboard_is_ours(void) {
    struct stat out;
    return isatty(0) && (fstat(1, &out) == -1 || !S_ISFIFO(out.st_mode));
}

static void step_tty(struct cage *c) {
    /* Leave the old session (if PID 1 has not: `init` may be left out). */
    TRY(setsid());
    const bool replace[3] = { keyboard_is_ours(), isatty(1), isatty(2) };
    if (!replace[0] && !replace[1] && !replace[2])
        return;

    /* From the container's own devpts.  A new terminal is locked until its
     * maker says otherwise. */
    int unlocked = 0;
    int master = TRY(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    TRY(ioctl(master, TIOCSPTLCK, &unlocked));
    int slave = TRY(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    TRY(ioctl(slave, TIOCSCTTY, 0));        /* the session's controlling one */

    struct message m = { TAKE_THE_TERMINAL, .fds = 2, .fd = { master, slave } };
    ask(c, &m);
    for (int fd = 0; fd <= 2; fd++)
        if (replace[fd])
            TRY(dup2(slave, fd));
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
static void step_exec(struct cage *c) {
    char *term = getenv("TERM"), *keep = term ? strdup(term) : NULL;
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
           "/sbin:/bin", 1);
    setenv("HOME", c->uid == 0 ? "/root" : "/", 1);
    if (keep)
        setenv("TERM", keep, 1);
    for (int i = 0; i < c->envs; i++)
        putenv(c->env[i]);

    sigset_t none;
    for (int n = 1; n < NSIG; n++)
        signal(n, SIG_DFL);         /* refused for SIGKILL and SIGSTOP */
    sigemptyset(&none);
    TRY(sigprocmask(SIG_SETMASK, &none, NULL));
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
 * Each of the next three functions is one actor of the picture at the top of
 * this file; each ends by becoming the next one, or by leaving it to it. */

/* Here we are the process that will be the command: confined like PID 1, and
 * its child (or, without the step `init`, still PID 1 itself). */
static _Noreturn void command_side(struct cage *c) {
    prctl(PR_SET_NAME, "cage: command");
    DO(c, tty);
    DO(c, exec);
    abort();                        /* step_exec does not come back */
}

/* Here we are PID 1, the first process of the PID namespace; without the step
 * `pid`, still the child.  Since `user` we are root, but only of the namespaces
 * that were made since then. */
static _Noreturn void init_side(struct cage *c) {
    struct message go;
    prctl(PR_SET_NAME, "cage: init");
    die_with_host(c);
    /* Wait until the host side knows us and has run the --net COMMAND. */
    if (!receive_message(c, &go))
        leave(c, EXIT_CAGE);

    gather_layers(c);
    DO(c, rootfs);
    enter_root(c);
    DO(c, dev);
    DO(c, proc);
    DO(c, sys);
    DO(c, volumes);
    DO(c, mask);
    if (c->read_only)
        make_read_only(c, "/", 0);
    if (!without(c, pivot))
        leave_root(c);
    DO(c, pivot);
    c->step = STEP_fds;
    must(c, chdir(c->workdir), "chdir(\"%s\")", c->workdir);
    DO(c, fds);
    DO(c, caps);
    DO(c, id);
    DO(c, nnp);
    DO(c, seccomp);
    DO(c, init);
    command_side(c);                /* PID 1 has stayed behind in be_pid_1() */
}

/* Here we are a child of the host side, with all the rights of whoever typed
 * the command, until the step `user`. */
static _Noreturn void child_side(struct cage *c) {
    prctl(PR_SET_NAME, "cage: child");      /* what ps(1) calls us */
    c->on_host_side = false;
    die_with_host(c);
    umask(0);                       /* the modes below are meant exactly */
    if (!without(c, cgroup))
        end_step(c);                /* it began on the host side */

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
    if (without(c, pid))
        send_message(c, &(struct message){ THIS_IS_INIT, .pid = getpid() });
    DO(c, pid);
    init_side(c);                   /* in the new process, if there is one */
}

/* cage run: the whole of it, seen from the host side.  Returns the status to
 * exit with. */
static int run(struct cage *c) {
    prepare(c);
    if (without(c, private) && !without(c, mount) && geteuid() == 0)
        lab_cell(c);
    if (begin_step(c, STEP_cgroup))
        step_cgroup(c);             /* and it ends in the child, in the group */

    /* clone3(2) is fork(2) with choices.  This one, CLONE_INTO_CGROUP, lets the
     * child start in its cgroup: there is no moment in which it is not limited.
     * exit_signal: tell us by SIGCHLD when it ends, as fork does. */
    struct clone_args how = { .exit_signal = SIGCHLD };
    if (c->group) {
        how.flags = CLONE_INTO_CGROUP;
        how.cgroup = (unsigned)c->group;
    }
    int ends[2];
    TRY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
    c->child = KERNEL(clone3, &how, sizeof how);
    c->talk = ends[c->child == 0];
    close(ends[c->child != 0]);
    if (c->child == 0)
        child_side(c);

    supervise(c);
    clean_up(c);
    return c->status;
}

/* ----------------------- You can stop reading here. ----------------------- */

/* ========================================================================== *
 *                         PART II: THE FINE PRINT
 * ========================================================================== */

/* ------------------------ messages between processes -----------------------
 * Descriptors travel as "control data" beside the bytes of the message; the
 * kernel opens the same files under new numbers in the receiver.  See unix(7)
 * on SCM_RIGHTS, and cmsg(3). */

union control {
    struct cmsghdr header;                  /* a union, for its alignment */
    char space[CMSG_SPACE(sizeof(int) * MAX_TREES)];
};

static void send_message(struct cage *c, const struct message *m) {
    struct message copy = *m;               /* iovec is not const */
    struct iovec bytes = { .iov_base = &copy, .iov_len = sizeof copy };
    union control control = { 0 };
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
    size_t size = sizeof(int) * (size_t)m->fds;
    if (m->fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&control.header), m->fd, size);
    }
    /* If the other side is gone (EPIPE), we notice when we read. */
    if (sendmsg(c->talk, &message, MSG_NOSIGNAL) == -1 && errno != EPIPE)
        must(c, -1, "sendmsg()");
}

/* Returns false if there is nobody left who could send anything. */
static bool receive_message(struct cage *c, struct message *m) {
    struct iovec bytes = { .iov_base = m, .iov_len = sizeof *m };
    union control control;
    struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    ssize_t size = recvmsg(c->talk, &message, MSG_CMSG_CLOEXEC);
    if (size == 0 || (size == -1 && errno == ECONNRESET))
        return false;
    must(c, size, "recvmsg()");
    if (m->fds > 0 && (message.msg_controllen == 0
                       || message.msg_flags & MSG_CTRUNC))
        refuse(c, "too many open files (see ulimit -n)");
    memcpy(m->fd, CMSG_DATA(&control.header), sizeof(int) * (size_t)m->fds);
    return true;
}

/* --------------------------------- names -----------------------------------
 * A name is claimed by binding an "abstract" Unix socket to it: one that has a
 * name but no file.  bind(2) makes it unique, and the kernel gives it free when
 * the process ends, however it ends.  A lock file would have to be removed.
 * (Such names are per network namespace.)
 *
 * Returns the socket, or -1 with errno, EADDRINUSE if somebody has the name. */
static int claim(const char *name) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };     /* starts with 0 */
    size_t room = sizeof address.sun_path - 1, size = sizeof address.sun_family + 1;
    size += (size_t)snprintf(address.sun_path + 1, room, "cage/%s", name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, (struct sockaddr *)&address, (socklen_t)size) == -1
        || listen(fd, 8) == -1)
        return give_up(fd);
    return fd;
}

static void check_layer(struct cage *c, int i);
static void prepare_save(struct cage *c);
static void take_snapshot(struct cage *c, struct snapshot *s);

/* Everything that the host side does before the first step.  Whatever is wrong
 * with the arguments shall be found here, while nothing is done yet. */
static void prepare(struct cage *c) {
    sigset_t all;
    /* What the caller has left open is not for us.  (A link in ROOTFS could lead
     * there, by way of /proc/self/fd.  Only the lesson --without=fds needs it.) */
    if (!without(c, fds))
        KERNEL(close_range, 3, ~0U, 0);
    c->errors = TRY(fcntl(2, F_DUPFD_CLOEXEC, 3));
    c->name_socket = claim(text(c, "%u/%s", getuid(), c->name));
    if (c->name_socket == -1 && errno == EADDRINUSE)
        refuse(c, "--name %s: a container of this name is running", c->name);
    must(c, c->name_socket, "bind(@cage/%u/%s)", getuid(), c->name);
    snprintf(c->group_name, sizeof c->group_name, "cage.%s", c->name);

    for (int i = 0; i < c->layers; i++)
        check_layer(c, i);
    for (int i = 0; i < c->volumes; i++)
        must(c, access(c->volume[i].source, F_OK), "--volume %s",
             c->volume[i].source);
    if (c->save)
        prepare_save(c);

    c->proc = TRY(open("/proc", FOLDER));
    c->host_pidfd = KERNEL(pidfd_open, getpid(), 0);
    if (c->pause)
        c->keyboard = TRY(open("/dev/tty", O_RDONLY | O_CLOEXEC));

    /* From now on signals wait until supervise() reads them, as if they came
     * from a file; the processes to come inherit that.  Only Ctrl-Z of the
     * shell that started us still stops us at once. */
    sigfillset(&all);
    sigdelset(&all, SIGTSTP);
    TRY(sigprocmask(SIG_SETMASK, &all, NULL));
    c->signals = TRY(signalfd(-1, &all, SFD_CLOEXEC));
    c->on_host_side = true;         /* from now on there is something to undo */
    if (c->explain)
        take_snapshot(c, &c->before);
}

/* -------------------------------- lab cell ---------------------------------
 * Leaving out `mount` or `private` lets mounts loose, and shall not cost you
 * your machine.  So the experiment runs in one mount namespace more, a cell: no
 * mount passes its walls (MS_PRIVATE), but inside it all is shared, as systemd
 * makes it on a real machine.  It vanishes with its last process. */
static void lab_cell(struct cage *c) {
    c->step = STEP_mount;
    TRY(unshare(CLONE_NEWNS));
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    TRY(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
}

/* --------------------------- id maps (step user) ---------------------------
 * A line of a map reads: first id inside, first id outside, how many. */

/* Under root: 65536 ids that nobody on the machine has, and no other container.
 * systemd's list of who uses which ids leaves 0x70000000 to 0x7ffdffff to
 * nobody (UIDS-GIDS.md in its sources): 4094 places.  A place is claimed by its
 * number in the way that names are. */
static unsigned pick_ids(struct cage *c) {
    enum { FIRST = 0x70000000, PLACES = 4094 };
    unsigned place = (unsigned)getpid() % PLACES;
    for (int tries = 0; tries < PLACES; tries++, place = (place + 1) % PLACES) {
        c->ids_socket = claim(text(c, "ids/%u", place));
        if (c->ids_socket != -1)
            return FIRST + place * IDS;
        if (errno != EADDRINUSE)
            must(c, -1, "bind(@cage/ids/%u)", place);
    }
    refuse(c, "all %d ranges of ids are in use", PLACES);
}

/* The ids that FILE, /etc/subuid or /etc/subgid, grants to the user, who stands
 * there by number or by NAME: `name:first:count`, see subuid(5). */
static bool find_grant(struct cage *c, const char *file, const char *name,
                       unsigned long *first, unsigned long *count) {
    char line[256], who[64];
    bool found = false;
    FILE *grants = fopen(file, "re");
    while (grants && !found && fgets(line, sizeof line, grants))
        found = sscanf(line, "%63[^:]:%lu:%lu", who, first, count) == 3
            && (!strcmp(who, name) || !strcmp(who, text(c, "%u", getuid())));
    if (grants)
        fclose(grants);
    return found;
}

/* For an ordinary user: let newuidmap(1) and newgidmap(1), which are set-uid
 * root, write maps of two lines.  0 is our own id, and after it come the ids
 * that are granted to us.  False if there are none, or no such programs. */
static bool write_granted_maps(struct cage *c) {
    const char *name = "", *child = text(c, "%d", (int)c->child);
    unsigned long first[2], count[2];
    FILE *users = fopen("/etc/passwd", "re");
    for (struct passwd *p; users && (p = fgetpwent(users)) != NULL;)
        if (p->pw_uid == getuid())
            name = text(c, "%s", p->pw_name);
    if (users)
        fclose(users);
    if (access("/usr/bin/newuidmap", X_OK) == -1
        || !find_grant(c, "/etc/subuid", name, &first[0], &count[0])
        || !find_grant(c, "/etc/subgid", name, &first[1], &count[1]))
        return false;
    for (int i = 0; i < 2; i++) {
        const char *const argv[] = { i == 0 ? "newuidmap" : "newgidmap", child,
            "0", text(c, "%u", i == 0 ? getuid() : getgid()), "1",
            "1", text(c, "%lu", first[i]), text(c, "%lu", count[i]), NULL };
        run_program(c, argv, 0, true);
    }
    return true;
}

/* A pipe belongs to the user who made it, here the real root, and what is open
 * already can be used by all; but programs inside that open /dev/stdout by its
 * name would be refused.  So pipes are given to the user of the container. */
static void give_pipes(uid_t uid, gid_t gid) {
    struct statfs where;
    for (int fd = 0; fd <= 2; fd++)
        if (fstatfs(fd, &where) == 0 && where.f_type == PIPEFS_MAGIC
            && fchown(fd, uid, gid) == -1)
            continue;               /* then they are refused, no more */
}

static int open_trees(struct cage *c, int user_namespace);

/* The child is in its user namespace: write its maps.  Sets c->one_id; under
 * root it fills c->tree as well.  Returns how many descriptors are there. */
static int write_id_maps(struct cage *c) {
    int dir = TRY(openat(c->proc, text(c, "%d", (int)c->child), FOLDER));
    if (c->id_mapped) {
        unsigned first = pick_ids(c);
        TRY(write_file(dir, "uid_map", "0 %u %d", first, IDS));
        TRY(write_file(dir, "gid_map", "0 %u %d", first, IDS));
        give_pipes(first + c->uid, first + c->gid);
        return open_trees(c, TRY(openat(dir, "ns/user", O_RDONLY | O_CLOEXEC)));
    }
    if (!write_granted_maps(c)) {
        /* One id, our own.  Before a user may map a group, the right to leave
         * groups has to be given up for good. */
        TRY(write_file(dir, "setgroups", "deny"));
        TRY(write_file(dir, "uid_map", "0 %u 1", getuid()));
        TRY(write_file(dir, "gid_map", "0 %u 1", getgid()));
        c->one_id = true;
    }
    return 0;
}

/* ------------------------------ copies of mounts ----------------------------
 * mount(2) makes a new mount of a kind of file system.  To show something that
 * is mounted already in a second place (`mount --bind` does that), we take a
 * copy of its mount, a "tree", which is nowhere at first; change it while nobody
 * can see it; and then attach it. */

static int set_attributes(int dir, const char *path, int flags,
                          struct mount_attr *change) {
    return (int)syscall(SYS_mount_setattr, dir, path, flags, change, sizeof *change);
}

/* Take a copy of the mount that PATH in DIR is on, from PATH downwards.  FLAGS
 * can be AT_RECURSIVE: with what is mounted below.  ATTRIBUTES (such as
 * MOUNT_ATTR_RDONLY) are added to those it has; none is taken away, which in a
 * user namespace could be refused.  If USER_NAMESPACE is not -1, owners of
 * files are translated by its map.  Returns a descriptor, or -1 if the file
 * system cannot do that. */
static int clone_mount(struct cage *c, int dir, const char *path, int flags,
                       uint64_t attributes, int user_namespace) {
    unsigned clone = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (unsigned)flags;
    int tree = must(c, syscall(SYS_open_tree, dir, path, clone), "open_tree(%s)", path);
    /* Private, as in the step private: a copy made by the host side belongs to
     * the host's mounts, and what is mounted on it would appear there. */
    struct mount_attr change = { .attr_set = attributes, .propagation = MS_PRIVATE };
    if (user_namespace != -1) {
        change.attr_set |= MOUNT_ATTR_IDMAP;
        change.userns_fd = (unsigned)user_namespace;
    }
    if (set_attributes(tree, "", AT_EMPTY_PATH | flags, &change) == 0)
        return tree;
    if (user_namespace == -1 || errno != EINVAL)
        must(c, -1, "mount_setattr(%s)", path);
    return give_up(tree);
}

/* Attach TREE at PATH.  Its descriptor is then no longer needed. */
static void attach(struct cage *c, int tree, const char *path) {
    const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
    must(c, syscall(SYS_move_mount, tree, "", AT_FDCWD, path, flags),
         "move_mount(tree, %s)", path);
    close(tree);
}

/* Make the mount at PATH read-only; FLAGS can be AT_RECURSIVE. */
static void make_read_only(struct cage *c, const char *path, int flags) {
    struct mount_attr change = { .attr_set = MOUNT_ATTR_RDONLY };
    must(c, set_attributes(AT_FDCWD, path, flags, &change), "read-only(%s)", path);
}

/* Copy the mount of PATH, a device file of the host, and make sure that it is
 * DEVICE and not something put in its place. */
static int clone_device(struct cage *c, const char *path, dev_t device) {
    struct stat st;
    int tree = clone_mount(c, c->host_root, path + 1, 0, 0, -1);
    must(c, fstat(tree, &st), "fstat(%s)", path);
    if (!S_ISCHR(st.st_mode) || st.st_rdev != device)
        refuse(c, "%s of the host is not the device %u:%u", path, major(device),
               minor(device));
    return tree;
}

/* Show PATH of the host, with all that is mounted below, at the same place.  (A
 * user namespace may not leave out what is mounted below: it could cover
 * something.) */
static void show_host(struct cage *c, const char *path, uint64_t attributes) {
    attach(c, clone_mount(c, c->host_root, path + 1, AT_RECURSIVE, attributes, -1),
           path);
}

/* Make PATH, a folder or an empty file, and the folders on the way to it, as
 * far as they are not there.  A link that leads to nothing is replaced. */
static void make_place(struct cage *c, const char *path, bool folder) {
    struct stat st;
    for (const char *end = path; (end = strchr(end + 1, '/')) != NULL;)
        mkdir(text(c, "%.*s", (int)(end - path), path), 0755);
    if (stat(path, &st) == 0)
        return;
    unlink(path);
    must(c, folder ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0),
         "create(%s)", path);
}

/* ------------------- the trees: ROOTFS, --save, volumes --------------------
 * c->tree[] holds first the layers, then the folder of --save, if any, then the
 * volumes.
 *
 * Under root the files of ROOTFS belong to 0, 1, ..., and the ids of the
 * container are 1879048192 and up: it would own none of them.  So the copies of
 * the mounts are id-mapped: they show each owner translated by the map of the
 * container's user namespace.  That takes the rights of the real root, and
 * therefore the host side. */

/* A file system that cannot be id-mapped (overlayfs, NFS, 9p) is copied: this
 * returns a pipe from which the folder PATH comes as a tar archive. */
static int copy_as_archive(struct cage *c, const char *path) {
    int ends[2];
    note(c, "%s is on a file system that cannot be id-mapped: it is copied into "
         "memory", path);
    TRY(pipe2(ends, O_CLOEXEC));
    c->copier = TRY(fork());
    if (c->copier == 0) {
        dup2(ends[1], 1);
        execlp("tar", "tar", "-C", path, "--one-file-system", "-c", "-f", "-", ".",
               (char *)NULL);
        _exit(EXIT_NOT_FOUND);
    }
    close(ends[1]);
    return ends[0];
}

/* Open them all; USER_NAMESPACE is the one to id-map them for, or -1.  Returns
 * how many there are. */
static int open_trees(struct cage *c, int user_namespace) {
    int n = 0, tree, below = without(c, rootfs) ? AT_RECURSIVE : 0;
    c->step = STEP_rootfs;
    for (struct layer *l = c->layer; l < c->layer + c->layers; l++) {
        tree = l->archive ? l->archive
            : clone_mount(c, AT_FDCWD, l->path, below, 0, user_namespace);
        c->tree[n++] = tree != -1 ? tree : copy_as_archive(c, l->path);
    }
    if (c->save) {
        tree = clone_mount(c, AT_FDCWD, c->save, 0, 0, user_namespace);
        c->tree[n++] = must(c, tree, "id-map(%s)", c->save);
    }
    c->step = STEP_volumes;
    for (struct volume *v = c->volume; v < c->volume + c->volumes; v++) {
        int all = AT_RECURSIVE;
        tree = clone_mount(c, AT_FDCWD, v->source, all, v->flags, user_namespace);
        if (tree == -1 && v->flags & MOUNT_ATTR_RDONLY)     /* owners matter less */
            tree = clone_mount(c, AT_FDCWD, v->source, all, v->flags, -1);
        c->tree[n++] = must(c, tree, "id-map(%s)", v->source);
    }
    c->step = STEP_rootfs;
    return n;
}

static void unpack(struct cage *c, int archive, const char *place);

/* Put the layers into their places: a tmpfs is mounted over /tmp, which nobody
 * else sees in our namespace, and becomes
 *
 *     lower/0      the first folder of ROOTFS, or the tarball, unpacked
 *     lower/1      the second, ...
 *     upper, work  what the container writes (or save/upper, save/work)
 *     root         all of it put together, by the step rootfs
 *
 * It has a size, so that no container fills the memory of the machine, and a
 * limit to the number of files, each of which costs the kernel memory. */
static void gather_layers(struct cage *c) {
    c->step = STEP_rootfs;
    if (!c->id_mapped)
        open_trees(c, -1);          /* else the host side has done it already */

    /* All that comes from the host has been copied.  The rest of what is
     * mounted here can only be read from now on: if a link in a tarball leads
     * tar(1) astray, it finds nothing to write. */
    make_read_only(c, "/", AT_RECURSIVE);

    long long size = c->bytes ? c->bytes : 1LL << 30;
    TRY(mount("cage", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
              text(c, "mode=0755,size=%lld,nr_inodes=%lld", size, size / 4096 + 64)));
    TRY(chdir("/tmp"));
    TRY(mkdir("lower", 0755));
    TRY(mkdir("root", 0755));
    TRY(mkdir("upper", 0755));
    TRY(mkdir("work", 0755));
    for (int i = 0; i < c->layers; i++) {
        struct stat st;
        const char *place = text(c, "lower/%d", i);
        TRY(mkdir(place, 0755));
        TRY(fstat(c->tree[i], &st));
        if (S_ISDIR(st.st_mode))
            attach(c, c->tree[i], place);
        else
            unpack(c, c->tree[i], place);
    }
    if (c->save) {
        TRY(mkdir("save", 0700));
        attach(c, c->tree[c->layers], "save");
    }
}

/* The new root is complete.  Make it our root by chroot(2) for now: every path
 * in the next steps then means what it will mean inside, and a symbolic link in
 * ROOTFS, whatever it says, leads to no file of the host. */
static void enter_root(struct cage *c) {
    const char *place = "root";
    if (without(c, rootfs)) {
        /* ROOTFS itself.  An unpacked tarball is not yet a mount point. */
        place = "lower/0";
        attach(c, clone_mount(c, AT_FDCWD, place, AT_RECURSIVE, 0, -1), place);
    }
    c->host_root = TRY(open("/", FOLDER));
    c->root = TRY(open(place, FOLDER));
    TRY(fchdir(c->root));
    TRY(chroot("."));
    if (c->explain)                 /* it shows fewer mounts from now on: that is */
        take_snapshot(c, &c->before);   /* not the work of the next step */
}

/* Walk out of that chroot again.  All it takes is a descriptor of a folder
 * outside of it, and the right to call chroot: this is why it is not a wall. */
static void leave_root(struct cage *c) {
    TRY(fchdir(c->host_root));
    TRY(chroot("."));
    if (c->explain)
        take_snapshot(c, &c->before);
}

/* ---------------------------- layers and tarballs --------------------------- */

/* What tar(1) is told for an archive that begins with these bytes.  (It finds
 * out by itself for a file, but not when reading from a descriptor.)  NULL if
 * it is none. */
static const char *archive_option(int fd) {
    static const struct { const char *bytes; size_t at, size; const char *option; }
        kinds[] = {
        { "ustar", 257, 5, "-p" },              { "\x1f\x8b", 0, 2, "-z" },
        { "BZh", 0, 3, "-j" },                 { "\xfd" "7zXZ", 0, 5, "-J" },
        { "\x28\xb5\x2f\xfd", 0, 4, "--zstd" },
    };
    char head[512] = "";
    if (pread(fd, head, sizeof head, 0) == -1)
        return "-p";                    /* a pipe, from copy_as_archive() */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memcmp(head + kinds[i].at, kinds[i].bytes, kinds[i].size) == 0)
            return kinds[i].option;
    return NULL;
}

/* Is layer number I a folder, or a whole archive?  A tar archive ends with two
 * blocks of zeros, and tar(1) does not mind if they are missing. */
static void check_layer(struct cage *c, int i) {
    static const char zeros[1024];
    char tail[sizeof zeros];
    struct stat st;
    const char *path = c->layer[i].path;
    int fd = must(c, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), "open(%s)",
                  path);
    must(c, fstat(fd, &st), "fstat(%s)", path);
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return;
    }
    const char *option = S_ISREG(st.st_mode) ? archive_option(fd) : NULL;
    if (option == NULL)
        refuse(c, "%s is neither a folder nor a tar archive", path);
    if (strcmp(option, "-p") == 0
        && (pread(fd, tail, sizeof tail, st.st_size - 1024) != sizeof tail
            || memcmp(tail, zeros, sizeof tail) != 0))
        refuse(c, "%s is cut off: a tar archive ends with 1024 zeros", path);
    c->layer[i].archive = fd;
}

/* Unpack ARCHIVE, an open file, into the folder PLACE.  tar runs as root of the
 * container, so it can give files to any id that exists there; with one id only
 * (-o) they all belong to root.  Devices cannot be made, and /dev is ours. */
static void unpack(struct cage *c, int archive, const char *place) {
    const char *const argv[] = {
        "tar", "-x", archive_option(archive), "-p", "-C", place, "--exclude=./dev/*",
        "--exclude=dev/*", "--numeric-owner", c->one_id ? "-of" : "-f", "-", NULL
    };
    /* Only GNU tar reads this variable.  Else the second pattern would also
     * match below other folders. */
    setenv("TAR_OPTIONS", "--anchored", 1);
    run_program(c, argv, archive, true);
}

/* --save DIR: nobody else may look in, or a set-uid program that the container
 * has made would be one on the host. */
static void prepare_save(struct cage *c) {
    struct stat st;
    int made = mkdir(c->save, 0700);
    int dir = must(c, open(c->save, FOLDER), "--save %s", c->save);
    TRY(fstat(dir, &st));
    if (made == -1 && (st.st_uid != getuid() || (st.st_mode & 077) != 0))
        refuse(c, "--save %s: must be yours alone (chmod 700)", c->save);
    mkdirat(dir, "upper", 0755);
    TRY(fchmodat(dir, "upper", 0755, 0));       /* whatever the umask */
    if (mkdirat(dir, "work", 0755) == -1 && errno != EEXIST)
        must(c, -1, "mkdir(%s/work)", c->save);
    close(dir);
}

/* ------------------------- fine print of cgroups --------------------------- */

/* Version 1 of cgroups has one tree for each controller.  On a machine in the
 * middle of the way to version 2, these three may still be there. */
static const char *const v1_controllers[3] = { "memory", "cpu", "pids" };

/* Open the folder on which a file system of TYPE, with the option WORD if that
 * is not NULL, is mounted.  -1 if there is none. */
static int open_mounted(const char *type, const char *word) {
    int dir = -1;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    for (struct mntent *m; mounts && dir == -1 && (m = getmntent(mounts));)
        if (strcmp(m->mnt_type, type) == 0 && (!word || hasmntopt(m, word)))
            dir = open(m->mnt_dir, FOLDER);
    if (mounts)
        endmntent(mounts);
    return dir;
}

/* Open the folder in which our group is to be made, c->above, and put together
 * c->group_path: root makes its group at the top of the tree, an ordinary user
 * in the group in which cage was started. */
static void find_group_above(struct cage *c) {
    char groups[4096], *own = NULL, *leaf;
    int top = open_mounted("cgroup2", NULL);
    if (top == -1)
        refuse(c, "no cgroup2 file system is mounted here");
    read_file(c->proc, "self/cgroup", groups, sizeof groups);
    if (geteuid() != 0 && (own = strstr(groups, "0::/")) != NULL) {
        own[strcspn(own, "\n")] = '\0';
        leaf = strrchr(own, '/');
        if (strcmp(leaf, "/cage-host") == 0)    /* see enable_controller() */
            *leaf = '\0';
    }
    c->above = must(c, openat(top, own ? text(c, ".%s", own + 3) : ".", FOLDER),
                    "open(cgroup %s)", own ? own : "");
    close(top);
    readlinkat(c->proc, text(c, "self/fd/%d", c->above), c->group_path, PATH_MAX - 100);
    strcat(strcat(c->group_path, "/"), c->group_name);
}

/* Have the controller of FILE (of memory.max: memory) handed down to the groups
 * in above.  A group that hands controllers down may hold no processes
 * itself (only the topmost may), and a group delegated to a user usually holds
 * the shell that started us.  So its processes are first moved into a group
 * beside ours, cage-host.  If there is no such controller, FILE will be missing
 * in our group. */
static void enable_controller(struct cage *c, const char *file) {
    char pids[4096], *rest = pids;
    const char *list = "cgroup.subtree_control";
    const char *add = text(c, "+%.*s", (int)strcspn(file, "."), file);
    if (write_file(c->above, list, "%s", add) == 0 || errno != EBUSY)
        return;
    mkdirat(c->above, "cage-host", 0755);
    read_file(c->above, "cgroup.procs", pids, sizeof pids);
    for (char *pid; (pid = strsep(&rest, "\n")) != NULL && *pid;)
        write_file(c->above, "cage-host/cgroup.procs", "%s", pid);
    must(c, write_file(c->above, list, "%s", add), "write(%s to %s)", add,
         list);
}

/* Set a limit in a group of version 1 with the same name as ours.  Version 2 is
 * the story; this keeps -m, --cpus and --pids working meanwhile. */
static void set_v1_limit(struct cage *c, const struct setting *s) {
    int i = 0;
    while (i < 2 && strncmp(s->file, v1_controllers[i], 3) != 0)
        i++;
    if (s->v1_file && !c->v1[i])
        c->v1[i] = open_mounted("cgroup", v1_controllers[i]);
    if (!s->v1_file || c->v1[i] == -1)
        refuse(c, "there is no file %s in %s", s->file, c->group_path);
    if (mkdirat(c->v1[i], c->group_name, 0755) == -1 && errno != EEXIST)
        must(c, -1, "mkdir(%s, version 1)", c->group_name);
    const char *path = text(c, "%s/%s", c->group_name, s->v1_file);
    if (s->v1_value && write_file(c->v1[i], path, "%s", s->v1_value) == -1
        && (errno != ENOENT || strcmp(s->file, "memory.swap.max") != 0))
        must(c, -1, "write(\"%s\" to %s)", s->v1_value, path);
}

/* Remove every group whose container is gone, because its host side was killed:
 * nobody holds its name any more.  Only a group without processes can be
 * removed, so a mistake here would do no harm. */
static void remove_stale_groups(struct cage *c) {
    DIR *groups = fdopendir(TRY(openat(c->above, ".", FOLDER)));
    for (struct dirent *d; groups && (d = readdir(groups)) != NULL;) {
        if (strncmp(d->d_name, "cage.", 5) != 0)
            continue;
        int name = strcmp(d->d_name, c->group_name) == 0 ? c->name_socket
            : claim(text(c, "%u/%s", getuid(), d->d_name + 5));
        if (name == -1)
            continue;                   /* it runs */
        unlinkat(c->above, d->d_name, AT_REMOVEDIR);
        for (int i = 0; i < 3; i++) {
            int v1 = open_mounted("cgroup", v1_controllers[i]);
            unlinkat(v1, d->d_name, AT_REMOVEDIR);
            close(v1);
        }
        if (name != c->name_socket)
            close(name);
    }
    closedir(groups);
}

/* The number after KEY in FILE of our group in PARENT, such as memory.events; 0
 * if there is none. */
static long count(struct cage *c, int parent, const char *file, const char *key) {
    char events[1024] = "";
    if (parent)
        read_file(parent, text(c, "%s/%s", c->group_name, file), events,
                  sizeof events);
    const char *found = strstr(events, key);
    return found ? atol(found + strlen(key)) : 0;
}

/* If a limit ended the command, say which. */
static void say_why(struct cage *c) {
    long killed = count(c, c->above, "memory.events", "oom_kill ")
        + count(c, c->v1[0], "memory.oom_control", "oom_kill ");
    long refused = count(c, c->above, "pids.events", "max ")
        + count(c, c->v1[2], "pids.events", "max ");
    c->step = STEP_none;
    if (killed)
        note(c, "killed: memory limit %s reached", c->memory ? c->memory : "");
    if (refused)
        note(c, "the limit of processes was reached, %ld times", refused);
}

/* Kill what is left in our group, and remove it. */
static void remove_groups(struct cage *c) {
    if (!c->group)
        return;
    struct pollfd changed = { .events = POLLPRI };
    changed.fd = openat(c->group, "cgroup.events", O_RDONLY | O_CLOEXEC);
    write_file(c->group, "cgroup.kill", "1");
    /* Busy: the kernel takes some microseconds to see the last process out.  It
     * tells us by the file cgroup.events that something has changed. */
    for (int tries = 0; tries < 50; tries++)
        if (unlinkat(c->above, c->group_name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            break;
        else
            poll(&changed, 1, 40);
    for (int i = 0; i < 3; i++)
        if (c->v1[i])
            unlinkat(c->v1[i], c->group_name, AT_REMOVEDIR);
}

/* ---------------------- snapshots: --explain and --step --------------------
 * What /proc says about a process before and after a step is the evidence of
 * what the step did: not what we hope, what is. */

/* Files and links below /proc/PID, or (capital letters) lines of its `status`,
 * or settings below /proc/sys. */
static const char *const facts[FACTS] = {
    "cgroup", "ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/pid",
    "ns/time_for_children", "ns/user", "ns/uts", "sys/kernel/hostname",
    "uid_map", "gid_map", "Uid", "Gid", "NSpid", "NSsid", "CapEff", "CapBnd",
    "NoNewPrivs", "Seccomp", "fd/0", "mountinfo",
};

/* How many mounts there are, how many are shared, and of what type the root is.
 */
static void count_mounts(struct cage *c, char *value) {
    char line[PATH_MAX], where[PATH_MAX], root[32] = "?";
    int total = 0, shared = 0;
    FILE *mounts = fdopen(openat(c->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC),
                          "r");
    for (; mounts && fgets(line, sizeof line, mounts); total++) {
        shared += strstr(line, " shared:") != NULL;
        if (sscanf(line, "%*s %*s %*s %*s %s", where) == 1 && !strcmp(where, "/")
            && strstr(line, " - "))
            sscanf(strstr(line, " - "), " - %31s", root);
    }
    snprintf(value, FACT_SIZE, "%d mounts (%d shared), / is %s", total, shared, root);
    if (mounts)
        fclose(mounts);
}

/* Fill S with what the host's /proc says about this process now. */
static void take_snapshot(struct cage *c, struct snapshot *s) {
    char status[4096], file[4096];
    memset(s, 0, sizeof *s);
    read_file(c->proc, "self/status", status, sizeof status);
    for (int i = 0; i < FACTS; i++) {
        char *value = s->value[i], *to = value;
        bool setting = strncmp(facts[i], "sys/", 4) == 0;
        const char *path = text(c, "%s/%s", setting ? "." : "self", facts[i]);
        const char *line = strstr(status, text(c, "\n%s:", facts[i]));
        if (strcmp(facts[i], "mountinfo") == 0)
            count_mounts(c, value);
        else if (line)
            sscanf(line, "%*[^:]:%155[^\n]", value);
        else if (readlinkat(c->proc, path, value, FACT_SIZE - 1) == -1) {
            read_file(c->proc, path, file, sizeof file);
            line = strstr(file, "0::");     /* of groups, that of version 2 */
            snprintf(value, FACT_SIZE, "%.150s", line ? line : file);
        }
        for (char *from = value; *from; from++)     /* one space between words */
            if (!isspace((unsigned char)*from))
                *to++ = *from;
            else if (to > value && from[1] && !isspace((unsigned char)from[1]))
                *to++ = ' ';
        *to = '\0';
    }
}

/* Say which step comes.  False if it is to be left out. */
static bool begin_step(struct cage *c, enum step step) {
    c->step = step;
    if (c->explain)
        dprintf(c->errors, "%-9s%s%s\n", steps[step].name, steps[step].why,
                c->left_out[step] ? "   (left out)" : "");
    return !c->left_out[step];
}

/* The step is done: show what it has changed. */
static void end_step(struct cage *c) {
    struct snapshot now;
    char enter[64];
    if (!c->explain)
        return;
    take_snapshot(c, &now);
    for (int i = 0; i < FACTS; i++)
        if (strcmp(c->before.value[i], now.value[i]) != 0)
            dprintf(c->errors, "         %-21s%s -> %s\n", facts[i],
                    c->before.value[i], now.value[i]);
    c->before = now;
    if (c->pause) {
        dprintf(c->errors, "         [Enter] ");
        TRY(read(c->keyboard, enter, sizeof enter));
    }
}

/* ------------------- the terminal, seen from the host side ------------------
 * The command has a terminal of its own, whose master end came to us.  What is
 * typed on the real one goes in there, and what comes out is written to the
 * real one.  For that the real one is made *raw*: no echo, no signals, no
 * editing of lines, since the new one does all that.  See termios(3). */

/* One of the two terminals turns \n into \r\n, and not both.  The real one does
 * as long as it is not raw. */
static void translate_newlines(struct cage *c, bool on) {
    struct termios modes;
    if (c->translates == on || tcgetattr(c->slave, &modes) == -1)
        return;
    modes.c_oflag ^= OPOST;
    tcsetattr(c->slave, TCSANOW, &modes);
    c->translates = on;
}

/* Take the keyboard, if we are in the foreground (a job in the background must
 * not touch it: it belongs to the shell, or to another job), and make the new
 * terminal as large as the real one. */
static void adapt_terminal(struct cage *c) {
    struct winsize size;
    struct termios raw;
    if (c->master && !c->talk && !c->raw && keyboard_is_ours()
        && tcgetpgrp(0) == getpgrp() && tcgetattr(0, &c->cooked) == 0) {
        raw = c->cooked;
        cfmakeraw(&raw);
        c->raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
        translate_newlines(c, true);
    }
    if (c->master && ioctl(c->terminal, TIOCGWINSZ, &size) == 0)
        ioctl(c->master, TIOCSWINSZ, &size);
}

/* The new terminal has come.  (We keep its slave end open: reading the master
 * would be an error whenever nobody has.) */
static void take_terminal(struct cage *c, int master, int slave) {
    c->terminal = isatty(1) ? 1 : isatty(2) ? 2 : 0;
    c->master = master;
    c->slave = slave;
    TRY(fcntl(master, F_SETFL, O_NONBLOCK));
    c->translates = true;               /* as a new terminal does */
    translate_newlines(c, keyboard_is_ours() && tcgetpgrp(0) == getpgrp());
    adapt_terminal(c);
}

/* Write out what has come from the command.  False if there was nothing. */
static bool copy_output(struct cage *c) {
    char text[8192];
    ssize_t size = read(c->master, text, sizeof text), done = 0, n = 0;
    while (done < size && n != -1) {
        n = write(c->terminal, text + done, (size_t)(size - done));
        done += n;
    }
    return size > 0 && n != -1;
}

/* Hand in what was typed, as much of it as the new terminal takes now. */
static void copy_input(struct cage *c) {
    ssize_t n;
    if (c->typed_size == 0) {
        n = read(0, c->typed, sizeof c->typed);
        c->raw = n > 0;                 /* else the window has been closed */
        c->typed_size = n > 0 ? (size_t)n : 0;
    }
    if ((n = write(c->master, c->typed, c->typed_size)) > 0) {
        c->typed_size -= (size_t)n;
        memmove(c->typed, c->typed + n, c->typed_size);
    }
}

/* ------------------------- the host side at work --------------------------- */

/* Run the command of --net, with CAGE_EVENT=up or =down.  Returns its status.
 */
static int run_net_command(struct cage *c, const char *event) {
    const char *const argv[] = { "/bin/sh", "-c", c->net, NULL };
    setenv("CAGE_PID", text(c, "%d", (int)c->init), 1);
    setenv("CAGE_NAME", c->name, 1);
    setenv("CAGE_EVENT", event, 1);
    c->step = STEP_net;
    int status = run_program(c, argv, 0, false);
    if (status != 0)
        note(c, "--net %s: ended with status %d (CAGE_EVENT=%s)", c->net, status,
             event);
    return status;
}

/* PID 1 is there, and waits for us before it goes on: put it into the groups of
 * version 1, if there are any, and connect its network. */
static void meet_init(struct cage *c, pid_t pid) {
    c->init = pid;
    c->step = STEP_cgroup;
    for (int i = 0; i < 3; i++)
        if (c->v1[i])
            TRY(write_file(c->v1[i], text(c, "%s/cgroup.procs",
                                                 c->group_name), "%d", (int)pid));
    c->net_up = c->net != NULL;
    if (c->net && run_net_command(c, "up") != 0)
        leave(c, EXIT_CAGE);
}

/* Answer a question of the inner processes (see `enum question`). */
static void answer(struct cage *c) {
    struct message m;
    if (!receive_message(c, &m)) {
        /* The last of them has closed its end: the command has started, since
         * execve closed it, or it never will.  Now the keyboard is its. */
        close(c->talk);
        c->talk = 0;
        adapt_terminal(c);
        return;
    }
    switch (m.what) {
    case WRITE_MY_ID_MAPS:
        c->step = STEP_user;
        m.fds = write_id_maps(c);
        m.one_id = c->one_id;
        memcpy(m.fd, c->tree, sizeof m.fd);
        break;
    case THIS_IS_INIT:
        meet_init(c, m.pid);
        break;
    case TAKE_THE_TERMINAL:
        c->step = STEP_tty;
        take_terminal(c, m.fd[0], m.fd[1]);
        m.fds = 0;
        break;
    }
    send_message(c, &m);
    for (int i = 0; i < m.fds; i++)
        close(m.fd[i]);             /* they have arrived on the other side */
}

/* Processes have ended.  PID 1 takes the container with it, and its status is
 * ours.  The child ends well as soon as PID 1 exists. */
static void reap(struct cage *c) {
    int how;
    for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;) {
        int status = exit_status(how);
        if (pid == c->copier && status != 0)
            refuse(c, "tar, copying ROOTFS, ended with status %d", status);
        if (pid == c->init || (pid == c->child && status != 0))
            c->status = status;
        if (pid == c->init)
            c->init = 0;
        if (pid == c->child)
            c->child = 0;
    }
}

/* A signal has arrived. */
static void handle_signal(struct cage *c) {
    struct signalfd_siginfo signal;
    if (read(c->signals, &signal, sizeof signal) != (ssize_t)sizeof signal)
        return;
    int number = (int)signal.ssi_signo;
    if (number == SIGCHLD)
        return;                         /* see reap() */
    if (number == SIGWINCH || number == SIGCONT)   /* the shell's `fg` */
        adapt_terminal(c);
    else if (c->talk)
        c->status = EXIT_SIGNAL + number;   /* not started yet: then never */
    else if (c->init > 0)
        kill(c->init, number);      /* which passes it on to the command */
}

/* Wait until it is over: serve the inner processes, the terminal and signals.
 * Sets c->status. */
static void supervise(struct cage *c) {
    while (reap(c), c->status == -1) {
        bool typed = c->typed_size > 0;
        bool background = c->master && !c->talk && !c->raw && keyboard_is_ours();
        struct pollfd events[] = {
            { .fd = c->talk ? c->talk : -1, .events = POLLIN },
            { .fd = c->signals, .events = POLLIN },
            { .fd = c->master ? c->master : -1, .events = typed ? POLLIN | POLLOUT : POLLIN },
            { .fd = c->raw && !typed ? 0 : -1, .events = POLLIN },
        };
        /* In the background: look now and then whether we still are. */
        poll(events, 4, background ? 200 : -1);
        if (background)
            adapt_terminal(c);
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

/* Undo everything, however the run has ended.  Only the host side does this,
 * and only once. */
static void clean_up(struct cage *c) {
    c->on_host_side = false;
    if (c->child > 0 && kill(c->child, SIGKILL) == 0)
        waitpid(c->child, NULL, 0);
    if (c->init > 0 && kill(c->init, SIGKILL) == 0)
        waitpid(c->init, NULL, 0);
    while (c->master && copy_output(c))
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
 * What an error in a step most likely means, where strerror(3) does not say. */
static const char *hint_for(const struct cage *c, int error) {
    static const struct { enum step step; int error; const char *hint; } hints[] = {
        { STEP_cgroup, EACCES, "ordinary users need a group delegated to them: "
          "systemd-run --user --scope -p Delegate=yes ./cage run ..." },
        { STEP_cgroup, EROFS, "is this a container, whose cgroups are read-only?" },
        { STEP_user, EPERM, "ordinary users may be forbidden to do this: sysctl "
          "kernel.unprivileged_userns_clone=1; or this is a container" },
        { STEP_rootfs, EACCES, "may you enter each folder on the way to it?" },
        { STEP_rootfs, EINVAL, "an ordinary user cannot take a folder without what "
          "is mounted below it" },
        { STEP_volumes, EINVAL, "a folder goes on a folder, a file on a file; and "
          "under root overlayfs, NFS and 9p cannot be id-mapped" },
        { STEP_proc, EPERM, "a /proc with nothing covered must be seen; in Docker "
          "it is covered (--security-opt systempaths=unconfined)" },
        { STEP_pivot, EINVAL, "the old root is a shared mount (was the step private "
          "left out?), or no mount at all, or the initramfs" },
        { STEP_id, EINVAL, "this id does not exist in the container; with a single "
          "id there is only 0 (newuidmap and /etc/subuid give more)" },
    };
    if (error == ENOSPC && c->step <= STEP_pid)
        return "the limits are in /proc/sys/user/max_*_namespaces";
    if (error == EPERM && without(c, user) && geteuid() != 0)
        return "without the step user, only root may do this";
    char rule[2];
    read_file(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
              rule, sizeof rule);
    if (c->step >= STEP_user && (error == EPERM || error == EACCES)
        && rule[0] == '1' && getuid() != 0)
        return "AppArmor takes the powers of user namespaces away (Ubuntu): sudo "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].step == c->step && hints[i].error == error)
            return hints[i].hint;
    return NULL;
}

/* ========================================================================== *
 *                            MAIN: THE OPTIONS
 * ========================================================================== */

/* The options: what getopt_long(3) needs to know, what --help says, and the form
 * of a good value, as a regular expression (regex(7)); NULL: it has no value. */
static const struct { char letter; const char *name, *value, *help, *form; }
    options[] = {
    { 'n', "name", "NAME", "what it is called",
      "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" },
    { 'H', "hostname", "NAME", "its host name (cage)", "^.{1,64}$" },
    { 'm', "memory", "SIZE", "at most so much memory: 64M, 1.5G",
      "^[0-9]+([.][0-9]+)?[KMGTkmgt]?$" },
    { 'C', "cpus", "N", "at most so many processors: 0.5, 2",
      "^[0-9]{1,4}([.][0-9]+)?$" },
    { 'P', "pids", "N", "at most so many processes", "^[1-9][0-9]{0,6}$" },
    { 'G', "cgroup", "FILE=VALUE", "any limit of its cgroup: cpu.weight=50",
      "^[a-z_]+[.][^/=]+=." },
    { 'v', "volume", "SRC:DST[:ro]", "show SRC of the host at DST",
      "^[^:]+:/+[^:/][^:]*(:ro)?$" },
    { 'e', "env", "NAME=VALUE", "set a variable", "^[^=]+=" },
    { 'w', "workdir", "DIR", "start in DIR (/)", "." },
    { 'u', "user", "UID[:GID]", "be this user inside (0:0)",
      "^[0-9]{1,9}(:[0-9]{1,9})?$" },
    { 'R', "read-only", "", "nothing of its root can be written", NULL },
    { 'S', "save", "DIR", "keep what is written, in DIR/upper", "." },
    { 'N', "net", "none|host|COMMAND", "only lo; the host's; or let COMMAND (told by "
      "CAGE_EVENT,\n                              CAGE_PID, CAGE_NAME) connect it", "." },
    { 'E', "explain", "", "show what every step changes", NULL },
    { 'T', "step", "", "the same, and wait for Enter after each", NULL },
    { 'W', "without", "STEP,...", "leave steps out", "^[a-z,]+$" },
    { 'h', "help", "", "this text", NULL },
};
enum { OPTIONS = sizeof options / sizeof options[0] };

static void print_help(void) {
    puts("usage: cage run [OPTION]... ROOTFS [COMMAND [ARG]...]   (COMMAND: /bin/sh)\n"
         "       cage steps | --help | --version\n\n"
         "ROOTFS is a folder, several joined by ':' (upper layers first), or a\n"
         "tarball.  Options end at ROOTFS; what follows it belongs to COMMAND.\n");
    for (int i = 0; i < OPTIONS; i++) {
        char letter[] = "    ";
        if (islower(options[i].letter))
            memcpy(letter, (char[]){ '-', options[i].letter, ',' }, 3);
        printf("  %s--%s %-*s %s\n", letter, options[i].name,
               (int)(20 - strlen(options[i].name)), options[i].value,
               options[i].help);
    }
    puts("\nExit status: that of COMMAND, 128+n if signal n killed it, 127 not found,\n"
         "126 not executable, 125 cage itself failed.");
}

/* Refuse a VALUE that has not the form that the table says. */
static void check_value(struct cage *c, int letter, const char *value) {
    regex_t form;
    int i = 0;
    while (options[i].letter != letter)
        i++;
    if (options[i].form
        && (regcomp(&form, options[i].form, REG_EXTENDED | REG_NOSUB) != 0
            || regexec(&form, value, 0, NULL, 0) != 0))
        refuse(c, "--%s %.200s: not %s (%s)", options[i].name, value,
               options[i].value, options[i].help);
}

/* Note down a line for a file of the cgroup. */
static void add_setting(struct cage *c, const char *file, const char *value,
                        const char *v1_file, const char *v1_value) {
    if (c->settings == MAX_SETTINGS)
        refuse(c, "more than %d settings of the cgroup", MAX_SETTINGS);
    c->setting[c->settings++] = (struct setting){ file, value, v1_file, v1_value };
}

/* --memory.  memory.swap.max: else what does not fit goes to the disk, and the
 * limit is never felt.  (Version 1 limits the sum of both.)  memory.oom.group:
 * when it is reached, end all of the container, not one process that the others
 * wait for.  (Version 1 has nothing like it.) */
static void option_memory(struct cage *c, const char *size) {
    char *unit;
    double value = strtod(size, &unit);
    const char *units = "KMGT", *found = strchr(units, toupper((unsigned char)*unit));
    for (const char *u = units; *unit && u <= found; u++)
        value *= 1024;
    if (value < 1 || value > 1e18)
        refuse(c, "--memory %s: out of range", size);
    c->memory = size;
    c->bytes = (long long)value;
    const char *bytes = strdup(text(c, "%lld", c->bytes));
    add_setting(c, "memory.max", bytes, "memory.limit_in_bytes", bytes);
    add_setting(c, "memory.swap.max", "0", "memory.memsw.limit_in_bytes", bytes);
    add_setting(c, "memory.oom.group", "1", "none", NULL);
}

/* --cgroup.  The files cgroup.* are no limits: a number written to cgroup.procs
 * would move a process of the host into the container's group. */
static void option_cgroup(struct cage *c, char *setting) {
    if (strncmp(setting, "cgroup.", strlen("cgroup.")) == 0)
        refuse(c, "--cgroup %s: cgroup.* are no limits", setting);
    const char *file = strsep(&setting, "=");
    add_setting(c, file, setting, NULL, NULL);
}

/* --volume */
static void option_volume(struct cage *c, char *volume) {
    if (c->volumes == MAX_VOLUMES)
        refuse(c, "more than %d volumes", MAX_VOLUMES);
    struct volume *v = &c->volume[c->volumes++];
    v->source = strsep(&volume, ":");
    v->target = strsep(&volume, ":");
    v->flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (volume ? MOUNT_ATTR_RDONLY : 0);
}

/* --without */
static void option_without(struct cage *c, char *list) {
    for (char *name; (name = strsep(&list, ",")) != NULL;) {
        int i = 0;
        while (i < STEP_COUNT && strcmp(name, steps[i].name) != 0)
            i++;
        if (i == STEP_COUNT)
            refuse(c, "--without %.200s: no such step (see cage steps)", name);
        c->left_out[i] = true;
    }
}

/* --net: none; host, with the host's name servers; or a command. */
static void option_net(struct cage *c, char *what) {
    static char name_servers[] = "/etc/resolv.conf:/etc/resolv.conf:ro";
    c->left_out[STEP_net] = strcmp(what, "host") == 0;
    c->net = strcmp(what, "none") && strcmp(what, "host") ? what : NULL;
    if (without(c, net) && access("/etc/resolv.conf", R_OK) == 0)
        option_volume(c, name_servers);
}

/* ROOTFS: layers, joined by ':' */
static void take_layers(struct cage *c, char *list) {
    for (char *path; (path = strsep(&list, ":")) != NULL;) {
        if (*path == '\0' || c->layers == MAX_LAYERS)
            refuse(c, "ROOTFS: not 1 to %d folders or tarballs", MAX_LAYERS);
        c->layer[c->layers++].path = path;
    }
}

/* What leans on a step that is left out is refused, or goes with it. */
static void check_together(struct cage *c) {
    char map[64];
    if (without(c, exec))
        refuse(c, "--without exec: then there is nothing to run");
    if (without(c, cgroup) && c->settings > 0)
        refuse(c, "--without cgroup: a limit needs the cgroup");
    if (without(c, rootfs) && (c->layers > 1 || c->save))
        refuse(c, "--without rootfs: several layers and --save need it");
    if (without(c, net) && c->net)
        refuse(c, "--without net: then --net has nothing to connect");
    if (without(c, rootfs))
        note(c, "without rootfs: what is written goes into ROOTFS, and stays");
    if (without(c, nnp) && !without(c, seccomp))
        note(c, "without nnp: seccomp needs it, and is left out as well");
    if (without(c, dev) && !without(c, tty))
        note(c, "without dev: tty needs its devpts, and is left out as well");
    c->left_out[STEP_seccomp] |= without(c, nnp);
    c->left_out[STEP_tty] |= without(c, dev);

    /* Root of a user namespace (as in rootless podman) does not have all ids to
     * give away, and goes the way of an ordinary user. */
    read_file(AT_FDCWD, "/proc/self/uid_map", map, sizeof map);
    c->id_mapped = geteuid() == 0 && !without(c, user) && strstr(map, "4294967295");
}

static int command_run(struct cage *c, int argc, char **argv) {
    static char us[] = "cage: run", shell[] = "/bin/sh", *no_command[] = { shell, NULL };
    struct option long_options[OPTIONS + 1] = { 0 };
    for (int i = 0; i < OPTIONS; i++)
        long_options[i] = (struct option){ options[i].name, options[i].form != NULL,
                                           NULL, options[i].letter };
    argv[0] = us;                       /* getopt begins its messages with it */
    /* "+": stop at the first word that is not an option.  Without it getopt
     * would take the -l of `cage run rootfs ls -l` for itself. */
    const char *letters = "+n:m:v:e:w:u:h";
    for (int o; (o = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
        if (o == '?')
            return EXIT_CAGE;           /* getopt has said why */
        check_value(c, o, optarg);
        switch (o) {
        case 'n': c->name = optarg; break;
        case 'H': c->hostname = optarg; break;
        case 'm': option_memory(c, optarg); break;
        case 'C':                       /* microseconds of every 100000 */
            optarg = strdup(text(c, "%.0f", atof(optarg) * 100000));
            add_setting(c, "cpu.max", optarg, "cpu.cfs_quota_us", optarg);
            break;
        case 'P': add_setting(c, "pids.max", optarg, "pids.max", optarg); break;
        case 'G': option_cgroup(c, optarg); break;
        case 'v': option_volume(c, optarg); break;
        case 'e':
            if (c->envs == MAX_ENV)
                refuse(c, "more than %d variables", MAX_ENV);
            c->env[c->envs++] = optarg;
            break;
        case 'w': c->workdir = optarg; break;
        case 'u':
            c->uid = c->gid = (uid_t)atoi(strsep(&optarg, ":"));
            c->gid = optarg ? (gid_t)atoi(optarg) : c->gid;
            break;
        case 'R': c->read_only = true; break;
        case 'S': c->save = optarg; break;
        case 'N': option_net(c, optarg); break;
        case 'T': c->pause = c->explain = true; break;
        case 'E': c->explain = true; break;
        case 'W': option_without(c, optarg); break;
        case 'h': print_help(); return 0;
        }
    }
    if (optind == argc)
        refuse(c, "run: ROOTFS is missing (see cage --help)");
    take_layers(c, argv[optind]);
    c->command = argv[optind + 1] ? argv + optind + 1 : no_command;
    check_together(c);
    return run(c);
}

int main(int argc, char **argv) {
    static struct cage cage = { .hostname = "cage", .workdir = "/", .errors = 2,
                                .step = STEP_none, .status = -1 };
    struct cage *c = &cage;
    c->name = strdup(text(c, "%d", (int)getpid()));
    c->arguments = argv[0];             /* the strings stand one after another */
    c->arguments_size = (size_t)(strchr(argv[argc - 1], '\0') - argv[0]) + 1;

    /* If standard input, output or error is closed, the next file to be opened
     * would take its number. */
    int fd;
    while ((fd = TRY(open("/dev/null", O_RDWR | O_CLOEXEC))) <= 2)
        ;
    close(fd);

    const char *command = argc > 1 ? argv[1] : "";
    if (getuid() != geteuid())
        refuse(c, "must not be set-uid: it needs no more rights than you have");
    if (strcmp(command, "run") == 0)
        return command_run(c, argc - 1, argv + 1);
    if (argc != 2)
        refuse(c, "one command, please (see cage --help)");
    if (strcmp(command, "steps") == 0)
        for (int i = 0; i < STEP_COUNT; i++)
            printf("%-9s %-8s %s\n", steps[i].name, steps[i].who, steps[i].why);
    else if (strcmp(command, "--help") == 0)
        print_help();
    else if (strcmp(command, "--version") == 0)
        puts("cage 0.1");
    else
        refuse(c, "%.200s: no such command (see cage --help)", command);
    return 0;
}
