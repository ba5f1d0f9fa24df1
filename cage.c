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
 * The folder that holds the files of the container is called ROOTFS in this
 * text; here it is rootfs, which `make` fills with programs.
 *
 * WHAT THE STEPS ARE MADE OF
 *
 * Four things that the kernel offers, each smaller than the word "container".
 * The steps that use them stand in brackets:
 *
 *     namespaces    what a process sees: names that mean something else inside
 *                   (cgroupns, user, mount with private, uts, ipc, net, time,
 *                   pid)
 *     cgroups       what it may use: memory, processor time, processes (cgroup)
 *     a root        which files are there at all (rootfs, dev, proc, sys,
 *                   volumes, mask, pivot)
 *     privileges    what it may ask of the kernel (caps, id, nnp, seccomp)
 *
 * and a few habits of careful programs around them (fds, init, tty, exec).
 *
 * A process is in one namespace of each kind, together with others; at first in
 * those of the host.  unshare(2) makes a new one and puts the process into it,
 * or, for the kinds pid and time, the children that it makes later.  A child
 * begins in the namespaces of its parent.
 *
 * WHO DOES WHAT
 *
 * Four actors, three of which are alive while your command runs.  Time goes
 * down; each column is one process, and the short words are the steps that it
 * runs.  clone and clone3 are fork(2) with more choices; PID 1 is the process
 * with the number 1, the first one inside; an id map says which user outside is
 * root inside.  (When you leave out the step init, PID 1 and the command are
 * one process.)
 *
 *   host side            child                 init (PID 1)        command
 *   ---------            -----                 ------------        -------
 *   cgroup
 *   clone3 ------------> user
 *   writes id maps, <--> (waits)
 *   (root) opens ROOTFS, cgroupns mount
 *   and the volumes      private uts ipc
 *        |               net time
 *        |               pid: clone ---------> starts
 *        |               (exits)                 |
 *   --net COMMAND <--------------------------> its number; waits
 *        |                                     rootfs dev proc
 *        |                                     sys volumes mask
 *        |                                     pivot fds caps
 *        |                                     id nnp seccomp
 *        |                                     init: fork -------> (waits)
 *   takes the terminal <-----------------------|-----------------> tty
 *   notes: "it runs" <-------------------------|-----------------> exec
 *   waits, copies                              reaps, forwards     your program
 *   the terminal,                              signals             runs
 *   forwards signals,                            |                   |
 *   cleans up <--------- exit status ------------+ <-- exit status --+
 *
 * The host side keeps the rights of whoever typed the command.  The child gives
 * up that identity in the step `user`, and cannot do without the host side what
 * only that identity may do: have its id maps written and, when root runs cage,
 * open the root file system.  So it asks, over a pair of connected sockets; see
 * ask(), below.
 *
 * Until the command starts, all of them share one table of open files (see
 * "asking the host side for help").  What stands in it, and who uses it:
 *
 *   host side   talk   one end of a socket pair
 *               signals, group (the cgroup), name and ids (sockets that hold a
 *               name), master (our end of the command's terminal)
 *   inside      talk   the other end
 *               host_root (the way to the host's files), host_pidfd (does the
 *               host side still live?)
 *   both        proc   the host's /proc
 *
 * PID 1 closes its copy of all of them, and the command its own before it looks
 * for its program; the host side keeps them to the end.  (What a step has left
 * open there besides stays as well, to no effect.)
 *
 * HOW TO READ
 *
 * From here down.  First some tools that every step uses, then Part I: the
 * steps, one banner and one function each, and run(), which calls them.  There
 * you can stop reading.  Part II is the fine print of some steps (the terminal,
 * id-mapped mounts, tarballs, old cgroups, --explain), Part III what finds,
 * enters and stops a container; and then come the options.  A function is
 * declared here and there before it is written, so that the story comes first.
 *
 * Under the banner of a step stands what it is for and what goes wrong without
 * it.  Then come `By hand`, the same with the tools of the shell; `Try`,
 * something to do with cage; and `See`, where to read on: name(7) is the manual
 * page that `man 7 name` shows, Documentation/... is in the sources of the
 * kernel and on docs.kernel.org.
 *
 * Most of `By hand` needs root, and some of it leaves mounts behind.  So type
 * it in a shell that may mount and whose mounts are gone with it.  An ordinary
 * user can have one, too (of the steps, only `cgroup` and `id` need the real
 * root):
 *
 *     unshare --map-root-user --mount --ipc --net --pid --cgroup --fork \
 *         --mount-proc sh
 *
 * Now and then it says what others do.  runc and crun are the programs that
 * Docker, Podman and Kubernetes call to do what this file does; what they are
 * told is written down in the OCI runtime specification.  bubblewrap is the
 * sandbox of desktop programs (Flatpak).  A number such as CVE-2024-21626 names
 * a hole that was found in one of them, or in the kernel, and what it taught.
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
#include <poll.h>
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
#include <sys/file.h>
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
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* ========================================================================== *
 *                                   TOOLS
 * ========================================================================== */

/* ------------------------------- the steps --------------------------------
 * The one list of them.  Everything that names a step takes it from here: `cage
 * steps`, --explain, and the words that --without understands. */

static const struct { const char *name, *who, *why; } steps[] = {
    { "cgroup", "host", "what it uses is counted together, and limited" },
    { "user", "child", "root inside is not root outside" },
    { "cgroupns", "child", "its own cgroup looks like the top of the tree" },
    { "mount", "child", "a table of mounts of its own" },
    { "private", "child", "no mount or unmount passes between it and us" },
    { "uts", "child", "a host name of its own" },
    { "ipc", "child", "message queues and shared memory of its own" },
    { "net", "child", "interfaces, addresses and ports of its own" },
    { "time", "child", "its clock since boot starts at zero" },
    { "pid", "child", "process ids of its own: the next one is PID 1" },
    { "rootfs", "init", "its files: ROOTFS below, its own writes above" },
    { "dev", "init", "a /dev with the few devices that are harmless" },
    { "proc", "init", "a /proc that shows its own processes" },
    { "sys", "init", "a /sys of its own network, read-only" },
    { "volumes", "init", "folders of the host that you hand in" },
    { "mask", "init", "hide what /proc and /sys tell about the host" },
    { "pivot", "init", "its files become /, and the host's are gone" },
    { "fds", "init", "no open file of the host gets in" },
    { "caps", "init", "of root's powers, the 8 that programs need" },
    { "id", "init", "become the user that was asked for" },
    { "nnp", "init", "no program can ever give more rights" },
    { "seccomp", "init", "system calls that can hurt are refused" },
    { "init", "init", "PID 1: passes signals on, buries the dead" },
    { "tty", "command", "a terminal of its own" },
    { "exec", "command", "become the program that was asked for" },
};
enum { STEPS = sizeof steps / sizeof steps[0] };

/* The place of the step NAME in the list, from 0 on; STEPS if there is none. */
static int number_of(const char *name) {
    int i = 0;
    while (i < STEPS && strcmp(name, steps[i].name) != 0)
        i++;
    return i;
}

/* ------------------------------ struct cage -------------------------------
 * Everything there is to know about the container being made.  It is a variable
 * of main(), and no global one changes.  Each process has its copy of this,
 * made when it was forked, and what one of them learns later the others do not
 * know; only the table of open files behind the descriptors is one for all,
 * until the command starts.
 *
 * Many of these words are explained later, where they are needed.  Pass over
 * them now, and look here when you meet a c->something. */

enum {
    MOST = 32,              /* so many volumes, layers, variables, settings */
    ROOM = 2 * MOST + 4,    /* for all volumes, all layers, and --save */
    IDS = 65536,            /* how many user ids a container has under root */
    NAMESPACES = 8, FACTS = 22, V1_TREES = 3,   /* how long these lists are */
    /* 125: cage itself has failed; then 126, 127, and 128 + n if signal n has
     * killed the command.  docker uses the same numbers. */
    EXIT_CAGE = 125, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_SIGNAL
};

/* How files and folders are opened.  O_CLOEXEC, here and everywhere: execve(2)
 * closes the descriptor, so that no program that we start inherits it. */
enum { READ = O_RDONLY | O_CLOEXEC, FOLDER = READ | O_DIRECTORY };

struct cage {
    /* What was asked for: the table `options`, near the end, explains it. */
    const char *name, *hostname, *workdir, *net, *save, *join;
    char **command, *env[ROOM];
    char *setting[ROOM];            /* for the cgroup: "FILE=VALUE"; or */
                                    /* "-FILE=VALUE", if there is FILE */
    int sources, volumes, layers, settings, envs;   /* how many of each */
    long long bytes;                /* of memory, or 1 GiB: for the tmpfs */
    unsigned uid, gid;
    bool read_only, explain, pause, left_out[STEPS + 1];    /* see without() */
    /* First the volumes, then the layers of ROOTFS, then the folder of --save;
     * set: see clone_mount(). */
    struct source { const char *path, *target; uint64_t set; } source[ROOM];

    /* Where we are.
     *
     * step             being run, for messages; or ""
     * on_host_side     this process has things to clean up
     * id_mapped        under root: the container has IDS ids
     * one_id           only one id exists inside, 0: see step_user()
     * exec             cage exec: a process for a container that runs already
     * v1               a part of the cgroup may be in the trees of version 1
     * before           the last snapshot, for --explain
     * arguments        our own command line in memory, arguments_size bytes:
     *                  PID 1 wipes it, or ps inside would show it
     * result           what the last call in must() has returned
     * started          when PID 1 of the container `other` was: see find() */
    const char *step, *before[FACTS];
    bool on_host_side, id_mapped, one_id, exec, v1;
    size_t arguments_size;
    long result, started;
    char *arguments;

    /* Descriptors; 0 is none (0, 1 and 2 are always taken, see main()).
     *
     * keyboard         where --step waits for Enter
     * proc             the host's /proc: pivot hides it
     * host_pidfd       the host side: does it still live?  (A pidfd is the
     *                  descriptor of a process, see prepare().)
     * talk             our end of the socket pair, see ask()
     * name_socket      see the function of this name
     * host_root        the old root directory
     * userns           the user namespace for which ROOTFS and the volumes are
     *                  mapped
     * group            the folder of the cgroup
     * tree             source[] opened, see open_sources() */
    int keyboard, proc, host_pidfd, talk, name_socket, host_root;
    int userns, group, tree[ROOM];

    /* With --join and `cage exec`: the container to be entered (Part III), its
     * three processes; the command and the host side as pidfds; the command's
     * root directory; and which of its namespaces are not ours, CLONE_NEW... */
    struct container { pid_t host, init, command; } other;
    int pod, pod_host, pod_root, pod_namespaces;

    /* The cgroup: its name, its folder in the tree of version 2 ("": it has no
     * group of its own), and the one above, in which that is made; and what is
     * mounted on this machine, where that tree is looked up. */
    const char *group_name, *group_path, *above, *mounts;

    /* Known to the host side only.
     *
     * init             the child, and then PID 1
     * signals          signals, read like a file: signalfd(2)
     * status           how it ended; -1 until then
     * terminal         where the output of the command's terminal is shown
     * master           our end of that terminal (Part II)
     * runs             the command has been started
     * net_up           --net COMMAND has run
     * raw              the real terminal is raw: we read the keys
     * cooked           how it was before */
    pid_t init;
    int signals, status, terminal, master;
    bool runs, net_up, raw;
    struct termios cooked;
};

/* without(c, pid): was --without=pid given?  (#name makes a string of name.) */
#define without(c, name) ((c)->left_out[number_of(#name)])

/* --------------------------- errors and messages ---------------------------
 * Every message is `cage: STEP: text`, one line, perhaps with a second one that
 * is a hint.  It is printed by one call, so that the lines of two processes do
 * not mix.  A system call says by returning -1 that it has failed, and in the
 * variable errno why; see errno(3). */

static void clean_up(struct cage *c);
static const char *hint_for(struct cage *c, int error);

/* A path or a message, put together as by printf.  It is never freed: a run
 * needs some hundred of them, most before the command starts, and the kernel
 * takes all memory of a process back when it ends. */
__attribute__((format(printf, 1, 2)))
static char *text(const char *format, ...) {
    char *place;
    va_list all;
    va_start(all, format);
    if (vasprintf(&place, format, all) == -1)
        abort();                    /* no memory: then for no message either */
    va_end(all);
    return place;
}

/* Print MESSAGE; if ERROR is not 0, also what that number means, and a hint
 * where its usual meaning misleads. */
static void say(struct cage *c, int error, const char *message) {
    const char *hint = error ? hint_for(c, error) : NULL;
    dprintf(2, "cage: %s%s%s%s%s%s%s\n", c->step, *c->step ? ": " : "",
            message, error ? ": " : "", error ? strerror(error) : "",
            hint ? "\nhint: " : "", hint ? hint : "");
}

/* Print MESSAGE and end this process, and with it the run, with the status that
 * says: not the command, cage itself has failed.  Only the host side has
 * something to clean up; the others just go, and the host side notices. */
static _Noreturn void fail(struct cage *c, int error, const char *message) {
    say(c, error, message);
    if (c->on_host_side)
        clean_up(c);
    _exit(EXIT_CAGE);
}

/* note: tell the user something that does not end the run.  refuse: end it, for
 * the reason that the text gives. */
#define note(c, ...) say((c), 0, text(__VA_ARGS__))
#define refuse(c, ...) fail((c), 0, text(__VA_ARGS__))

/* Fail closed: a step that fails ends the run, so that a command never starts
 * in a weaker container than the one that was asked for.  Nearly every call to
 * the kernel below therefore stands in `must`, or in one of its two short
 * forms.
 *
 * CALL returns -1 if the kernel refuses, with the reason in errno.  The rest
 * names it, as for printf; that is put together only then.  The value of
 * must() is what CALL has returned. */
#define must(c, call, ...) ((c)->result = (call), (c)->result != -1            \
    ? (int)(c)->result : (fail((c), errno, text(__VA_ARGS__)), -1))

/* The same, for a call that says it all: the error message is the line of code
 * (#call makes a string of it). */
#define TRY(call) must(c, (call), "%s", #call)

/* And for a system call for which libc may have no function (many are younger
 * than the libc of this machine), or one that does more (glibc's setgroups asks
 * all threads, and there are none): syscall(2) takes its number. */
#define KERNEL(name, ...) \
    must(c, syscall(SYS_##name, __VA_ARGS__), "%s", #name "(" #__VA_ARGS__ ")")

/* ------------------------------- small files -------------------------------
 * Most of what follows is done by writing a line into a file that is not a
 * file: under /proc and in the cgroup file system, write(2) hands the text to
 * the kernel, which acts upon it at once or refuses. */

/* Write LINE into the file PATH in folder DIR.  Returns 0, or -1 with errno. */
static int write_file(int dir, const char *path, const char *line) {
    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
    if (fd == -1)
        return -1;
    /* One write: the kernel takes each as a whole message. */
    ssize_t size = write(fd, line, strlen(line));
    close(fd);                      /* errno stays that of write */
    return size == (ssize_t)strlen(line) ? 0 : -1;
}

/* The contents of the file PATH in DIR, as a string; the empty string if there
 * is no such file, or what it is about (a process, a cgroup) is gone.  Of a
 * link below /proc: where it leads to, such as "net:[4026531840]".  Any other
 * error ends the run: what could not be read must not pass for empty.  What is
 * longer than 8 MiB is cut off.  (A 0 byte, which stands between the words of a
 * command line, is read as a space: 0 ends a string.) */
static char *read_file(struct cage *c, int dir, const char *path) {
    /* More than is kept, for the last read; but the kernel gives a page only
     * when something is put into it.  At most MAX bytes at once: for what is
     * below /proc/sys it takes as much memory as is asked for. */
    static char file[1 << 24];
    size_t size = 0, max = 1 << 16;
    /* A link below /proc is read, not followed (ELOOP says that it is a link):
     * behind self/fd/0 can be a terminal, and we would take what is typed. */
    int fd = openat(dir, path, READ | (dir == c->proc ? O_NOFOLLOW : 0));
    ssize_t n = fd;                 /* -1, if it could not be opened */
    if (n == -1 && errno == ELOOP && (n = readlinkat(dir, path, file, max)) > 0)
        size = (size_t)n;
    while (fd >= 0 && (n = read(fd, file + size, size < 1 << 23 ? max : 0)) > 0)
        size += (size_t)n;
    if (n == -1 && errno != ENOENT && errno != ESRCH && errno != ENODEV
        && errno != ENOTDIR)
        must(c, -1, "read(%s)", path);
    file[size] = '\0';
    for (char *s = file; (s += strlen(s)) < file + size;)
        *s = ' ';
    close(fd);
    return text("%s", file);
}

/* Is there a file PATH?  (It ends the run if that cannot be found out.)  A link
 * in it may lead anywhere, but not through those in /proc/PID: fd/4, cwd, root.
 * They are no ordinary links: /proc/self/fd/4/.. leads by a folder that we have
 * open out of any root, and no path of ROOTFS needs them.  openat2(2) can
 * refuse that (ELOOP).  O_PATH: only find it, do not open it. */
static bool exists(struct cage *c, const char *path) {
    struct open_how how = { O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS };
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd == -1 && errno != ENOENT && errno != ENOTDIR)
        must(c, -1, "openat2(%s)", path);
    close(fd);
    return fd != -1;
}

/* ------------------------------ other programs -----------------------------
 * Some work is left to other programs, such as tar(1) and newuidmap(1). */

/* The exit status of a process of which waitpid(2) has told HOW it ended; 128+n
 * if signal n has killed it, as in a shell. */
static int exit_status(int how) {
    return WIFSIGNALED(how) ? EXIT_SIGNAL + WTERMSIG(how) : WEXITSTATUS(how);
}

/* Run ARGV, with descriptor INPUT as its standard input (0: with /dev/null, as
 * what is piped into cage is for the command), and wait for it.
 *
 * TOOL is what it is called for, if its failure is to end the run: then the
 * first line of its standard error becomes part of our message.  Else (NULL) it
 * writes to our standard error.  Returns exit_status(), or 127 if there is no
 * such program. */
static int run_program(struct cage *c, const char *const argv[], int input,
                       const char *tool) {
    char says[200] = " -";
    /* A tool's errors go into a nameless file in memory, memfd_create(2). */
    int how, errors = tool ? TRY(memfd_create("stderr", MFD_CLOEXEC)) : 2;
    pid_t pid = TRY(fork());
    if (pid == 0) {
        /* What undoes the network, in clean_up(), is not to be stopped half-way
         * (but by Ctrl-\).  A shell hands on what it finds ignored. */
        for (int i = 0; i < 3 && !tool && !c->on_host_side; i++)
            signal((int[]){ SIGHUP, SIGINT, SIGTERM }[i], SIG_IGN);
        /* We block signals: it shall not. */
        sigprocmask(SIG_SETMASK, &(sigset_t){ 0 }, NULL);
        input = input ? input : open("/dev/null", READ);
        if (dup2(input, 0) != -1 && dup2(errors, 2) != -1)
            /* execvp changes no argument, it is only declared as if. */
            execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(errors, "%s: %s\n", argv[0], strerror(errno));
        _exit(EXIT_NOT_FOUND);
    }
    /* Signals for us are meant for it as well.  (SIGCHLD wakes us when it ends;
     * before prepare() has made c->signals, no program is run.) */
    struct signalfd_siginfo signal;
    while (TRY(waitpid(pid, &how, WNOHANG)) == 0)
        if (read(c->signals, &signal, sizeof signal) > 0
            && signal.ssi_signo != SIGCHLD)
            kill(pid, (int)signal.ssi_signo);
    /* Several SIGCHLD can become one: what we have read may have stood for the
     * end of others as well.  So send ourselves one more, for reap(). */
    kill(getpid(), SIGCHLD);
    int status = exit_status(how);
    if (tool && status && TRY(pread(errors, says + 1, sizeof says - 2, 0)) >= 0)
        refuse(c, "%s: status %d:%s", tool, status, strtok(says, "\n"));
    return status;
}

/* --------------------------- running one step ------------------------------
 * DO(c, uts) runs step_uts(c), unless --without=uts was given (or --join: then
 * that namespace is there already).  With --explain it is announced before and
 * its effect is shown after: begin_step() (false: leave it out) and end_step(),
 * in Part II, compare what /proc says about this process then and now.  Not all
 * can be seen there: fds changes nothing in the list, and id only with --user.
 *
 * It is a macro, and not a table of functions with a loop that calls them: so
 * the order of the steps can be read where they run, and a debugger goes from
 * one to the next. */

static char *fact(struct cage *c, pid_t pid, const char *name);
static bool begin_step(struct cage *c, const char *step);
static void end_step(struct cage *c);

#define DO(c, name)                                                            \
    (begin_step((c), #name) ? (step_##name(c), end_step(c)) : (void)0)

/* ---------------------- asking the host side for help ----------------------
 * What the inner processes need from the host side they ask over a pair of
 * sockets.  It is of type SEQPACKET: a message arrives whole.
 *
 * One of the questions and one of the answers carry open files.  A descriptor,
 * the number of an open file, means something only in the table of the process
 * that has opened it; so the inner processes share the host side's table
 * (CLONE_FILES), as threads do, and the message holds just the numbers.  What
 * one opens, the other can use, whatever namespaces it is in, and what one
 * closes is closed for both.  To send a path instead would not do: whether it
 * may be opened depends on the rights of the process that opens it, and when
 * root runs cage the processes inside are, for the host, a user who owns
 * nothing.  For a file that is open already nobody asks that again.
 *
 * The sharing ends when the command starts: execve(2) gives every program a
 * table of its own.  PID 1 leaves the common table when it closes all its
 * files, and the command, in the step tty, before it replaces 0, 1 and 2.
 *
 * (runc sends such files from process to process by SCM_RIGHTS, see unix(7).
 * That works for any two processes; sharing a table, only for one that is made
 * by the other.) */

/* A question, and its answer, which is the same struct sent back:
 *
 * WRITE_MY_ID_MAPS     write my maps.  Under root back come the copies of the
 *                      mounts of ROOTFS and the volumes, see open_sources()
 * THIS_IS_INIT         I shall be PID 1, and this is my number outside.  The
 *                      answer: the network is ready
 * TAKE_THE_TERMINAL    a new terminal, its master and its slave
 * I_START              execve(2) comes next */
struct message {
    enum { WRITE_MY_ID_MAPS, THIS_IS_INIT, TAKE_THE_TERMINAL, I_START } what;
    int number[ROOM];               /* of files in the one table; or of PID 1 */
};

/* Ask the question M and wait for the answer, which is returned.  (If the host
 * side has died there will be none; but then we die as well: see below.) */
static struct message ask(struct cage *c, struct message m) {
    TRY(send(c->talk, &m, sizeof m, MSG_NOSIGNAL));
    TRY(recv(c->talk, &m, sizeof m, 0));
    return m;
}

/* Die when the host side dies, even by SIGKILL, which nobody can catch.  The
 * kernel forgets this wish whenever the process changes its ids (see
 * PR_SET_PDEATHSIG in prctl(2)), so it is said again after each such change.
 * And the host side may have died just before it was said: getppid() would
 * tell, but in a new PID namespace it returns 0 for every parent outside, so we
 * look at a descriptor of the process instead, opened before the first fork.
 * (The kernel means the parent.  That is the host side, but for the command it
 * is PID 1, which dies with the host side.) */
static void die_with_host(struct cage *c) {
    TRY(prctl(PR_SET_PDEATHSIG, SIGKILL));
    if (TRY(poll(&(struct pollfd){ c->host_pidfd, POLLIN, 0 }, 1, 0)) == 1)
        _exit(EXIT_CAGE);
}

/* ========================================================================== *
 *                            PART I: THE STEPS
 * ========================================================================== */

/* Helpers, which stand in Part II.  What they do is said where they are used;
 * you can look at them later. */
static void prepare(struct cage *c);
static void find_group(struct cage *c, const char *name, pid_t member);
static void remove_stale_groups(struct cage *c);
static void enable_controller(struct cage *c, const char *file);
static const char *group_file(struct cage *c, const char *file);
static void gather_layers(struct cage *c);
static void supervise(struct cage *c);

/* Where all distributions have the cgroups of version 1, the old ones: see the
 * fine print of cgroups, in Part II. */
static const char *const v1_trees[V1_TREES] = { "/sys/fs/cgroup/memory",
    "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids" };

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
 *   By hand:  cd $(findmnt -n -o TARGET -t cgroup2 | head -n 1); mkdir lab
 *             echo 64M > lab/memory.max
 *             echo $$  > lab/cgroup.procs
 *             echo $$  > cgroup.procs; rmdir lab          (and out again)
 *   Try:      ./cage run --pids 10 rootfs sh -c 'for i in $(seq 20); do
 *                 sleep 1 & done'
 *   See:      cgroups(7), Documentation/admin-guide/cgroup-v2.rst
 *
 * A group can be given a limit of, say, memory only if the group above has
 * handed the memory "controller" down, by its file cgroup.subtree_control.  (So
 * if lab has no memory.max, first: echo +memory > cgroup.subtree_control.)
 * The child is later started inside the group, by clone3; moving a running
 * process into a group, as above, can take the kernel milliseconds. */
static void step_cgroup(struct cage *c) {
    find_group(c, c->name, 0);      /* says where: group_path, in `above` */
    remove_stale_groups(c);         /* which killed containers have left */

    /* An ordinary user may make groups only in a part of the tree that was
     * delegated, which means given to that user (systemd does so).  Where there
     * is none the container can live without: it is not weaker than asked for,
     * unless a limit was. */
    if (c->settings == 0 && access(c->above, W_OK) == -1) {
        if (c->explain)
            note(c, "no group: access(%s): %s", c->above, strerror(errno));
        return;
    }
    /* The lock says that the group is in use.  Another cage that is just in
     * remove_stale_groups() may find it before it is locked, and remove it:
     * then once more.  (Mode 0700, until it is locked: no other user may open
     * the folder, and so none can lock it first.) */
    do {
        must(c, mkdir(c->group_path, 0700), "mkdir(%s)", c->group_path);
        c->group = open(c->group_path, FOLDER);
    } while (flock(c->group, LOCK_SH) == -1 || !exists(c, c->group_path));
    TRY(chmod(c->group_path, 0755));
    /* For limits the same in the trees of version 1, if there are any.  If this
     * fails, the file of the limit will be missing, below. */
    for (int i = 0; i < V1_TREES && c->v1; i++)
        mkdir(text("%s/%s", v1_trees[i], c->group_name), 0755);

    /* FILE=VALUE, or with a "-" in front: only if this kernel has FILE. */
    for (int i = 0; i < c->settings; i++) {
        char *value = c->setting[i], *file = strsep(&value, "=");
        bool optional = *file == '-';
        enable_controller(c, file + optional);
        const char *path = group_file(c, file + optional);
        if (!optional || exists(c, path))
            must(c, write_file(AT_FDCWD, path, value), "write(\"%s\" to %s)",
                 value, path);
    }
}

/* =============================== child: user ===============================
 *
 * A user namespace is a translation of user ids.  Inside, the process is user
 * 0, root, and has all of root's powers, but only over what belongs to the
 * namespace.  Outside it is an ordinary user: under root one who owns nothing
 * on the machine, else you.
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
 *   Try:      ./cage run rootfs sleep 9 & sleep 1; ps -o uid,args -C sleep
 *   See:      user_namespaces(7), credentials(7)
 *
 * The map is written from outside, by the host side.  As root it picks 65536
 * ids that nobody else has.  As an ordinary user it can give away only what is
 * the user's: one id, or the range that /etc/subuid grants.  For the latter it
 * needs newuidmap(1), a set-uid program: one that runs with the rights of its
 * owner, root, whoever starts it. */
static void step_user(struct cage *c) {
    if (!c->join)                   /* else we have joined one: Part III */
        TRY(unshare(CLONE_NEWUSER));

    /* From here on we are nobody, 65534, until the maps are written. */
    struct message m = ask(c, (struct message){ .what = WRITE_MY_ID_MAPS });
    /* Under root the answer is ROOTFS and the volumes, opened. */
    memcpy(c->tree, m.number, sizeof c->tree);

    /* Drop the groups of the user who started us.  With one id the kernel
     * forbids it: a group can also serve to *deny* a file to its members, and
     * leaving it would open that file (CVE-2014-8989). */
    c->one_id = *read_file(c, c->proc, "self/setgroups") == 'd';    /* deny */
    if (!c->one_id)
        KERNEL(setgroups, 0, NULL);
    /* Become 0 in the namespace.  The three numbers are the real, the effective
     * and the saved id: credentials(7). */
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
 *   See:      cgroup_namespaces(7) */
static void step_cgroupns(struct cage *c) {
    TRY(unshare(CLONE_NEWCGROUP));
}

/* =============================== child: mount ==============================
 *
 * A mount namespace is a table of mounts: which file system is seen at which
 * directory.  Ours starts as a copy of the host's.  Nothing looks different
 * yet, but from now on it can.
 *
 * Without it every mount below is refused, since after `user` the host's table
 * is not ours; and without `user`, it happens on the host, for all to see, and
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
 * Where `user` has not made a new user namespace before, our mounts would
 * appear on the host without this step, and that is how people have lost their
 * /proc or their /dev; and pivot_root(2) refuses to work on shared mounts.
 * After `user` the kernel has made the copy a mere receiver (a "slave"): then
 * only what the host mounts still comes in.
 *
 *   By hand:  unshare -m --propagation unchanged sh -c '
 *                 mount --make-rprivate /; findmnt -o TARGET,PROPAGATION'
 *   Try:      grep -c shared: /proc/self/mountinfo
 *             ./cage run --explain --without=user rootfs true     (as root)
 *   See:      mount_namespaces(7), SHARED SUBTREES */
static void step_private(struct cage *c) {
    /* MS_REC: not only "/", all that is mounted below it as well.  This changes
     * the flags of our copies only: on the host the mounts stay shared. */
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* ================================ child: uts ===============================
 *
 * This is the smallest namespace: two strings, the name of the machine and the
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
    TRY(sethostname(c->hostname, strlen(c->hostname)));
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
 *   By hand:  unshare -r --ipc sh -c 'ipcmk -M 4096; ipcs -m;
 *                 unshare --ipc ipcs -m'
 *   Try:      ipcmk -M 4096; ./cage run --without=ipc rootfs \
 *                 cat /proc/sysvipc/shm
 *             ./cage run rootfs cat /proc/sysvipc/shm      (ipcrm -m ID after)
 *   See:      ipc_namespaces(7), sysvipc(7) */
static void step_ipc(struct cage *c) {
    TRY(unshare(CLONE_NEWIPC));
}

/* ================================ child: net ===============================
 *
 * A network namespace has its own interfaces, addresses, routes, ports and
 * firewall.  A new one holds nothing but `lo`, by which a machine talks to
 * itself (127.0.0.1), and that is down.
 *
 * Without it the container sees the host's interfaces, and can connect to what
 * listens on the host's 127.0.0.1; also to "abstract" Unix sockets, which have
 * a name but no file: one was enough to take over a host (CVE-2020-15257).
 *
 *   By hand:  unshare --net sh -c 'ip link set lo up; ip addr'
 *   Try:      ./cage run rootfs ip addr
 *             ./cage run --net host rootfs ip addr
 *   See:      network_namespaces(7), netdevice(7), icmp(7) */
static void step_net(struct cage *c) {
    TRY(unshare(CLONE_NEWNET));

    /* ip link set lo up.  Programs that talk to themselves or to each other
     * over 127.0.0.1 need it; the address comes by itself when the interface
     * goes up.  Any socket will do to talk to the kernel about an interface. */
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int any = TRY(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    TRY(ioctl(any, SIOCSIFFLAGS, &lo));
    close(any);

    /* ping(8) used to need the right to forge packets.  The members of these
     * groups may send just pings.  A group that is not in our map is refused
     * (EINVAL), and if there is a single id, that is every one but 0.
     * It is the host's /proc, but what is below sys/net is always that of the
     * network namespace of whoever opens it: ours. */
    const char *groups = "sys/net/ipv4/ping_group_range";
    if (write_file(c->proc, groups, "0 65535") == -1)
        TRY(errno == EINVAL ? write_file(c->proc, groups, "0 0") : -1);
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
 *   By hand:  unshare --time --fork --boottime \
 *                 -$(cut -d. -f1 /proc/uptime) uptime
 *   Try:      ./cage run rootfs uptime
 *   See:      time_namespaces(7), clock_gettime(2) */
static void step_time(struct cage *c) {
    /* The namespace is for the children of this process; it stays itself in the
     * old one.  The offsets can be set until the first child enters. */
    TRY(unshare(CLONE_NEWTIME));

    /* Whole seconds are enough: inside, the clocks start between 0 and 1. */
    struct timespec up, boot;
    clock_gettime(CLOCK_MONOTONIC, &up);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    const char *offsets = text("monotonic -%lld 0\nboottime -%lld 0\n",
                               (long long)up.tv_sec, (long long)boot.tv_sec);
    TRY(write_file(c->proc, "self/timens_offsets", offsets));
}

/* Go on as a new process, the first in the PID namespace (or one more, with
 * cage exec), and leave this one: the rest of the run is in the new one.
 *
 * It is fork(2), but with CLONE_PARENT: the new process becomes a child of the
 * host side, not ours, so that the host side can wait for it, and we can leave.
 * (Its parent has no number inside: getppid() there is 0.)  CLONE_FILES: it
 * shares the table of open files, see "asking the host side for help". */
static void next_process(struct cage *c) {
    if (KERNEL(clone, CLONE_PARENT | CLONE_FILES | SIGCHLD, 0, 0, 0, 0) > 0)
        _exit(0);
    die_with_host(c);
    /* Tell the host side who we are: /proc/self is a link to the number of who
     * reads it, and in the host's /proc that is our number outside.  It answers
     * when it has run the --net COMMAND. */
    ask(c, (struct message){ THIS_IS_INIT, { atoi(fact(c, 0, "../self")) } });
}

/* ================================ child: pid ===============================
 *
 * The first process in a PID namespace is number 1 there, and has another
 * number outside.  From inside, no other process can be seen or signalled:
 * there is no number to call it by.  When PID 1 ends, the kernel kills every
 * other process of the namespace, so nothing can be left behind.
 *
 *       outside         4710 host side     4712 init     4713 command
 *       inside                                1             2
 *
 * Without it `kill -9 -1` inside reaches every process of the host that has the
 * same user id, and a program that was started with & lives on after the end
 * (unless its cgroup is killed, as cage does).
 *
 *   By hand:  unshare --pid --fork --mount-proc ps
 *   Try:      ./cage run rootfs ps
 *             ./cage run --without=pid rootfs ps
 *   See:      pid_namespaces(7), clone(2) */
static void step_pid(struct cage *c) {
    /* A process cannot change its own number, so this too is for its children.
     * (clone(2) with CLONE_NEWPID would do both at once, but then each error
     * could have many reasons.  unshare(1) and runc do as we do.) */
    TRY(unshare(CLONE_NEWPID));
    next_process(c);
}

/* --------------------------------- mounts ----------------------------------
 * The steps from here to `pivot` are mounts, and these are their tools.
 *
 * mount(2) makes a mount of a kind of file system: a new proc, a new tmpfs.  To
 * show something that is mounted already in a second place, one takes a copy of
 * its mount, as `mount --bind` does.  The new mount calls (since Linux 5.2, the
 * second since 5.12) do it in three moves:
 *
 *      open_tree       take a copy; it is attached nowhere, and a descriptor
 *                      is all that holds it
 *      mount_setattr   change it, while nobody can see it yet
 *      move_mount      attach it to a place
 *
 * By mount(2) it is two calls, bind and then remount to make it read-only, and
 * the first attaches it: until the second it can be written, and a program that
 * forgets to check the second has left it so.  Here a copy that is wrong is
 * never attached.  And since the host side and the container share a table of
 * open files, the former can take the copy and the latter attach it.
 *
 *   By hand:  mount --bind /some/folder /mnt; mount -o remount,bind,ro /mnt
 *   See:      mount_setattr(2), which has an example of all three; mount(8) */

/* Make PATH, a FOLDER or an empty file, and the folders on the way to it, as
 * far as they are not there.  A mount needs a place to be attached to, and an
 * image of one static program has neither /proc nor /dev. */
static void make_place(struct cage *c, const char *path, bool folder) {
    if (exists(c, path))
        return;
    /* One after another, as mkdir -p does.  Most of them are there already,
     * and of errors the last call will tell. */
    for (const char *end = path; (end = strchr(end + 1, '/')) && end[1];)
        mkdir(text("%.*s", (int)(end - path), path), 0755);
    /* There is nothing, or a link that leads to nothing: that is replaced. */
    unlink(path);
    must(c, folder ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0),
         "create(%s)", path);
}

/* What to add to a mount to make it read-only: see mount_setattr(2). */
static const struct mount_attr rdonly = { .attr_set = MOUNT_ATTR_RDONLY };

/* Mount a new file system of TYPE at PATH.  To FLAGS are added nosuid, nodev
 * and noexec: from all that is mounted by this function nobody needs to run a
 * program or to open a device, and where nobody needs it nobody should be able
 * to.  What is mounted shall be where PATH says, also later: with /proc as a
 * link to /sys/link, and that one to /realproc, the step sys would cover the
 * way, and the step mask find nothing to mask.  So a link is refused, as it is
 * in runc since CVE-2019-19921. */
static void mount_new(struct cage *c, const char *type, const char *path,
                      unsigned long flags, const char *options) {
    if (readlink(path, &(char){ 0 }, 1) != -1)
        refuse(c, "%s is a link in ROOTFS: it must be a folder", path);
    make_place(c, path, true);
    flags |= MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(c, mount(type, path, type, flags, options), "mount(%s)", path);
}

/* Take a copy of the mount that PATH in DIR is on, from PATH downwards.  FLAGS
 * can be AT_RECURSIVE: with what is mounted below.  ATTRIBUTES (such as
 * MOUNT_ATTR_RDONLY) are added to those it has; none is taken away, since in a
 * user namespace those of the host are locked (mount_namespaces(7)).  Returns a
 * descriptor of the copy. */
static int clone_mount(struct cage *c, int dir, const char *path, int flags,
                       uint64_t attributes) {
    /* Its fields: flags to add, flags to take away, how mounts pass, a map of
     * ids.  Private, as in the step private: else the copy of a shared mount is
     * shared with it, and what is mounted on the copy appears on the host. */
    struct mount_attr set = { attributes, 0, MS_PRIVATE, 0 };
    int how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags;
    int tree = must(c, syscall(SYS_open_tree, dir, path, how), "open_tree(%s)",
                    path);
    KERNEL(mount_setattr, tree, "", AT_EMPTY_PATH | flags, &set, sizeof set);
    return tree;
}

/* Attach TREE at PATH and close it: the mount stays without a descriptor.  The
 * place is made, if need be: a folder goes on a folder, a file on a file.
 *
 * If DEVICE is not 0, make sure that TREE is that device and not something put
 * in its place: that is how /dev/null became the way out of runc
 * (CVE-2025-31133).  What is looked at is the copy of the mount, not the path
 * again, which could mean something else by now. */
static void attach(struct cage *c, int tree, const char *path, dev_t device) {
    /* EMPTY_PATH: what is moved is the descriptor itself.  T_SYMLINKS: PATH may
     * be a symbolic link.  It cannot lead out of ROOTFS: when it could be one
     * of ROOTFS, "/" is the new root already (see init_side()). */
    const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
    struct stat st;
    must(c, fstat(tree, &st), "fstat(%s)", path);
    if (device && (!S_ISCHR(st.st_mode) || st.st_rdev != device))
        refuse(c, "what the host has for %s is not that device", path);
    make_place(c, path, S_ISDIR(st.st_mode));
    must(c, syscall(SYS_move_mount, tree, "", AT_FDCWD, path, flags),
         "move_mount(tree, %s)", path);
    close(tree);
}

/* Show PATH of the host, with all that is mounted below, at PLACE.  (A user
 * namespace may not leave out what is mounted below: it could cover something,
 * see mount_namespaces(7).)  HOW: what to add to the mount.  DEVICE: 0, or what
 * it has to be.  With a "/" in front, PATH does not begin at c->host_root, but
 * is one of the container: see openat(2). */
static void bind_mount(struct cage *c, const char *path, const char *place,
                       uint64_t how, dev_t device) {
    int tree = clone_mount(c, c->host_root, path, AT_RECURSIVE, how);
    attach(c, tree, place, device);
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
 * A file of the lower layer is copied up whole when it is first opened for
 * writing, or its mode or owner is changed.  A deleted one is covered by a
 * "whiteout", a device file with the number 0:0.
 *
 *   By hand:  mkdir l u w m
 *             mount -t overlay x -o lowerdir=l,upperdir=u,workdir=w m
 *   Try:      ./cage run rootfs sh -c 'cd /bin; rm *; echo *'; ls rootfs/bin
 *   See:      Documentation/filesystems/overlayfs.rst, tmpfs(5)
 *
 * Just before, gather_layers() has mounted a tmpfs on /tmp, which only we see,
 * made it the current directory, and filled it: lower/0 (ROOTFS), writes/upper,
 * writes/work, root, and an empty folder. */
static void step_rootfs(struct cage *c) {
    const char *options = "userxattr,upperdir=writes/upper,workdir=writes/work,"
                          "lowerdir=lower/0";
    for (int i = 1; i < c->layers; i++)     /* :lower/1:lower/2, top first */
        options = text("%s:lower/%d", options, i);

    /* Overlayfs marks a folder that replaces one of a lower layer with an
     * extended attribute.  Before Linux 6.6 tmpfs has no such attributes. */
    if (c->explain && syscall(SYS_setxattr, "writes/upper", "user.x", "", 0, 0))
        note(c, "no user attributes here: to remove a folder will fail (EIO)");

    /* userxattr: use such attributes as an ordinary user may set, since the
     * others are only for the real root.  MS_NODEV: a device file that somebody
     * put into ROOTFS opens nothing. */
    must(c, mount("overlay", "root", "overlay", MS_NODEV, options),
         "mount(overlay, \"%s\")", options);
    /* What it needs for itself has the mode 0: there rm -r of a user stops. */
    TRY(chmod("writes/work/work", 0700));
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
 * (From here to `pivot`, "/" is the new root already: init_side() has called
 * chroot(2), so "/dev" is the container's.  The host's files are reached only
 * by the descriptor c->host_root.)
 *
 * mknod(2), which makes device files, is not for a root who is one only in a
 * user namespace.  So those of the host are shown here by bind mounts: the same
 * file, seen at a second place.  Each goes on an empty file. */
static void step_dev(struct cage *c) {
    /* mode=0755: a tmpfs is by default writable by all and sticky, as /tmp is.
     * In such a folder the kernel refuses O_CREAT on a device file of somebody
     * else (may_create_in_sticky() in fs/namei.c), and these belong to the root
     * of the host: `> /dev/null` would fail even for root.  (That mount_new()
     * adds nodev does not hurt: each device below is a mount of its own.) */
    mount_new(c, "tmpfs", "/dev", 0, "mode=0755,size=64k,nr_inodes=64");
    /* The numbers are those in null(4), random(4) and tty(4). */
    bind_mount(c, "dev/null", "/dev/null", 0, makedev(1, 3));
    bind_mount(c, "dev/zero", "/dev/zero", 0, makedev(1, 5));
    bind_mount(c, "dev/full", "/dev/full", 0, makedev(1, 7));
    bind_mount(c, "dev/random", "/dev/random", 0, makedev(1, 8));
    bind_mount(c, "dev/urandom", "/dev/urandom", 0, makedev(1, 9));
    bind_mount(c, "dev/tty", "/dev/tty", 0, makedev(5, 0));

    /* newinstance: its terminals are numbered from 0 and are not the host's.
     * (Not by mount_new(): with nodev no terminal could be opened.) */
    TRY(mkdir("/dev/pts", 0755));
    TRY(mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620"));
    TRY(symlink("pts/ptmx", "/dev/ptmx"));
    /* Where shm_open(3) keeps the shared memory of POSIX. */
    mount_new(c, "tmpfs", "/dev/shm", 0, "mode=1777,size=64m,nr_inodes=16k");
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
 *   See:      proc(5), mount_too_revealing() in the kernel's fs/namespace.c
 *
 * In a user namespace the kernel allows this only while another /proc, with
 * nothing of it covered (but folders that are there to be mounted on), can be
 * seen: else it would uncover what somebody has covered for a reason.  So it
 * comes before pivot, and fails inside a Docker container, whose /proc has
 * covers. */
static void step_proc(struct cage *c) {
    if (without(c, pid))            /* EPERM: the PID namespace is not ours */
        bind_mount(c, "proc", "/proc", 0, 0);
    else
        mount_new(c, "proc", "/proc", 0, NULL);
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
 *   See:      sysfs(5), cgroup_namespaces(7) */
static void step_sys(struct cage *c) {
    if (without(c, net)) {          /* EPERM: the network is not ours */
        bind_mount(c, "sys", "/sys", MOUNT_ATTR_RDONLY, 0);
        /* The host's /sys brings a cgroup2 with it, and the kernel refuses to
         * mount a file system on its own root (EBUSY): so another one goes in
         * between. */
        mount_new(c, "tmpfs", "/sys/fs/cgroup", MS_RDONLY, "nr_inodes=2");
    } else
        mount_new(c, "sysfs", "/sys", MS_RDONLY, NULL);

    if (without(c, cgroupns))       /* EPERM again */
        bind_mount(c, "sys/fs/cgroup", "/sys/fs/cgroup", MOUNT_ATTR_RDONLY, 0);
    else
        mount_new(c, "cgroup2", "/sys/fs/cgroup", MS_RDONLY, NULL);
}

/* ============================== init: volumes ==============================
 *
 * A volume is a folder or file of the host that is also seen inside: a bind
 * mount.  Beside --save it is the one way in which a container changes
 * something that stays.
 *
 * Without it and --save nothing that the container makes outlives it.
 *
 *   By hand:  mount --bind /some/folder rootfs/mnt
 *   Try:      ./cage run -v /tmp:/mnt rootfs ls /mnt
 *   See:      mount(8), openat2(2), mount_setattr(2)
 *
 * The place where it goes is named by a path in ROOTFS, and ROOTFS is not to be
 * trusted: if /mnt in it is a symbolic link to /etc, the volume must not land
 * on the host's /etc.  runc looked the path up first and used it afterwards,
 * and in between somebody inside could exchange a folder for a link
 * (CVE-2021-30465).  Here, by init_side(), the new root is already what "/"
 * means to this process, and no link leads out of it; but for those in
 * /proc/PID, which exists() refuses.
 *
 * (It comes after dev, proc and sys, so that a volume below them is seen.) */
static void step_volumes(struct cage *c) {
    for (int i = 0; i < c->volumes; i++) {
        const char *target = c->source[i].target;
        attach(c, c->tree[i], target, 0);
        /* What is mounted over / would be taken for the root in step pivot. */
        const char *real = realpath(target, NULL);
        if (real == NULL || strcmp(real, "/") == 0)
            refuse(c, "--volume %s: is the root", target);
    }
}

/* ================================ init: mask ===============================
 *
 * Not all of /proc and /sys is about processes and namespaces.  Some files tell
 * or change something of the whole machine: /proc/sysrq-trigger reboots it,
 * /proc/kcore is its memory.  Those that nobody inside needs are covered, by
 * /dev/null or by an empty folder; those that programs read are made read-only.
 *
 * Without it all inside read those that are open to everybody, such as
 * /proc/interrupts; the others still belong to the host's root.  Where the step
 * `user` is left out too, that is root inside, and one line into
 * /proc/sys/kernel/core_pattern runs a program on the host.
 *
 *   By hand:  mount --bind /dev/null rootfs/proc/kcore
 *             mount --bind rootfs/proc/sys rootfs/proc/sys
 *             mount -o remount,bind,ro rootfs/proc/sys
 *   Try:      ./cage run rootfs sh -c 'echo x > /proc/sys/vm/swappiness'
 *   See:      the OCI runtime spec on maskedPaths and readonlyPaths
 *
 * runc does this after pivot_root (our next step), with the /dev/null of the
 * container, and had to learn that it may be something else (CVE-2025-31133).
 * Here the host's /dev/null can still be taken, and is checked. */
/* What is put over a path, in each case so that it can only be read: the host's
 * /dev/null over a file; over a folder an empty one, from gather_layers() (both
 * as seen from c->host_root); or (NULL) what is there already. */
static const struct { const char *path, *cover; } masks[] = {
    { "/proc/acpi", "tmp/empty" },          /* hardware, and its switches */
    { "/proc/asound", "tmp/empty" },        /* sound cards */
    { "/proc/interrupts", "dev/null" },     /* when a key is pressed */
    { "/proc/kcore", "dev/null" },          /* the memory of the machine */
    { "/proc/keys", "dev/null" },           /* keys of its user outside */
    { "/proc/latency_stats", "dev/null" },  /* what the host waits for */
    { "/proc/scsi", "tmp/empty" },          /* can remove disks */
    { "/proc/timer_list", "dev/null" },     /* all timers of the host */
    { "/sys/devices/virtual/powercap", "tmp/empty" },   /* betrays keys */
    { "/sys/firmware", "tmp/empty" },       /* tables with serial numbers */
    { "/proc/bus", NULL },                  /* registers of PCI devices */
    { "/proc/fs", NULL },                   /* settings of file systems */
    { "/proc/irq", NULL },                  /* which CPU serves what */
    { "/proc/sys", NULL },                  /* settings of the kernel */
    { "/proc/sysrq-trigger", NULL },        /* reboot, crash, kill all */
};

static void step_mask(struct cage *c) {
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        const char *path = masks[i].path, *cover = masks[i].cover;
        bool null = cover && strcmp(cover, "dev/null") == 0;
        /* Not every kernel has all of them. */
        if (exists(c, path))
            bind_mount(c, cover ? cover : path, path, MOUNT_ATTR_RDONLY,
                       null ? makedev(1, 3) : 0);
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
 * now leads up to the real root.  init_side() walks out of one in the same way
 * before this step, by a descriptor of a folder outside.
 *
 *   By hand:  unshare -r -m sh -c 'mount --rbind rootfs rootfs; cd rootfs;
 *                 pivot_root . .; umount -l .; cd /; ls'
 *   Try:      ./cage run --without=pivot,caps,seccomp rootfs \
 *                 nsenter --mount=/proc/self/ns/mnt ls /
 *             ./cage run --without=caps,seccomp rootfs \
 *                 nsenter --mount=/proc/self/ns/mnt ls /
 *   See:      pivot_root(2), which explains the two dots
 *
 * (setns(2) puts a process at the root of its mount namespace: the first time
 * those are the host's files.  To look into mountinfo would not tell: it lists
 * only what is below the root of whoever reads it, also a root by chroot.)
 *
 * It is refused with EINVAL where the mounts are shared (see `private`), with
 * EBUSY or EINVAL if the new root is not a mount point, and on the initramfs of
 * a machine that is just booting, since that stands on no other mount. */
static void step_pivot(struct cage *c) {
    /* Both are ".", the new root, in which we are and stay: the old root is put
     * on top of it... */
    TRY(chdir("/tmp/root"));
    KERNEL(pivot_root, ".", ".");
    /* ...and taken off at once.  MNT_DETACH: although processes (we too, by
     * descriptors) still use files in it.  It vanishes from this namespace with
     * all that is mounted below it. */
    TRY(umount2(".", MNT_DETACH));
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
    /* What the caller had left open has been closed by prepare() (but not if
     * this step is left out).  What is open now is ours, and still needed, up
     * to the step exec.  At the latest execve(2) shall close it, from 3 up.
     * All of it was opened with O_CLOEXEC; this line is for the one where that
     * is forgotten one day, and for what the libc opens. */
    KERNEL(close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);

    /* If the working directory is not below our root, it has no path.  The
     * kernel then says "(unreachable)/...", and some libraries, ENOENT. */
    char here[PATH_MAX] = "";
    must(c, getcwd(here, sizeof here) || errno == ENOENT ? 0 : -1, "getcwd()");
    if (here[0] != '/')
        refuse(c, "--workdir %s is not inside the container", c->workdir);
}

/* ================================ init: caps ===============================
 *
 * What root may do is cut into some forty capabilities.  A process has five
 * sets of them:
 *
 *     permitted     what it may switch on
 *     effective     what is switched on: this is where the kernel looks
 *     inheritable   what goes to a program that is marked for it
 *     ambient       what goes to a program without any mark
 *     bounding      the limit to what a program can be given by its marks
 *
 * (A mark is a set of capabilities that is stored with the file: setcap(8).)
 * A program that root starts gets all of the bounding set, so that is the one
 * that has to be made small; the others follow.
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
    const uint64_t keep = UINT64_C(1) << CAP_CHOWN  /* give a file away */
        | UINT64_C(1) << CAP_DAC_OVERRIDE   /* read, write whatever the mode */
        | UINT64_C(1) << CAP_FOWNER         /* chmod files of others */
        | UINT64_C(1) << CAP_FSETID         /* chmod g+s for a foreign group */
        | UINT64_C(1) << CAP_KILL           /* signal processes of others */
        | UINT64_C(1) << CAP_SETGID         /* become another group, and */
        | UINT64_C(1) << CAP_SETUID         /* user: su, and most servers */
        | UINT64_C(1) << CAP_NET_BIND_SERVICE;  /* ports below 1024 */

    /* The bounding set first, while we may still change it.  PR_CAPBSET_READ
     * fails for a number beyond the last capability of this kernel. */
    for (int n = 0; prctl(PR_CAPBSET_READ, n) != -1 || errno != EINVAL; n++)
        if (!(keep >> n & 1))
            TRY(prctl(PR_CAPBSET_DROP, n));
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));

    /* Then the sets that count now, each in two halves of 32 bits.  Nothing is
     * inheritable: that set adds rights to programs (CVE-2022-24769). */
    const uint32_t lo = (uint32_t)keep, hi = (uint32_t)(keep >> 32);
    struct __user_cap_header_struct form = { _LINUX_CAPABILITY_VERSION_3, 0 };
    /* effective, permitted, inheritable */
    struct __user_cap_data_struct sets[2] = { { lo, lo, 0 }, { hi, hi, 0 } };
    KERNEL(capset, &form, sets);
}

/* ================================= init: id ================================
 *
 * Become the user that --user asked for, or else root of the container.  (The
 * step caps has left SETUID and SETGID for this.)
 *
 * Left out, a server that needs no root has it all the same.  (Who changes
 * from 0 to another user loses all capabilities by that, also the 8.)
 *
 *   By hand:  setpriv --reuid 1000 --regid 1000 --clear-groups id
 *   Try:      ./cage run -u 1000 rootfs id        (as root)
 *   See:      credentials(7), setresuid(2)
 *
 * The order is groups, group, user.  After setresuid() the right to change the
 * groups is gone, and programs that did it in the other order stayed in root's
 * group. */
static void step_id(struct cage *c) {
    /* The three numbers of each are the real, the effective and the saved id:
     * if one of them stayed 0, the program could take root back. */
    if (!c->one_id)
        KERNEL(setgroups, 0, NULL);
    must(c, setresgid(c->gid, c->gid, c->gid), "setresgid(%u)", c->gid);
    must(c, setresuid(c->uid, c->uid, c->uid), "setresuid(%u)", c->uid);
    die_with_host(c);       /* a change of ids cancels it */
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
 * It is also the condition for the next step: without it the kernel lets only
 * CAP_SYS_ADMIN load a filter (so --without=nnp leaves out seccomp as well),
 * since one that makes a set-uid program's setuid() fail unnoticed would leave
 * it running as root. */
static void step_nnp(struct cage *c) {
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* ============================== init: seccomp ==============================
 *
 * A seccomp filter is a small program that the kernel runs before each system
 * call, with its number and arguments, to learn whether it is allowed.  It is
 * written in the machine language of packet filters, BPF.
 *
 * Without it each of some 370 system calls is there to be tried, and many of
 * the holes in the kernel through which containers were left were in calls that
 * no ordinary program makes.
 *
 *   By hand:  enosys -s unshare unshare --user true     (util-linux 2.40)
 *   Try:      ./cage run rootfs unshare --user true
 *             ./cage run --without=seccomp rootfs unshare --user true
 *   See:      seccomp(2), Documentation/userspace-api/seccomp_filter.rst
 *
 * Docker has a list of the calls that are allowed, some 350; this is a list of
 * those that are not, because it can be read.  What makes up for it is that a
 * call newer than this file, whose number is higher than those that were looked
 * at, does not exist inside: it fails with ENOSYS, as on a kernel that is too
 * old for it, and programs know what to do then.
 *
 * The kernel runs the filter once for every call number when it is installed.
 * Where the answer does not depend on arguments and is "allow", it remembers
 * that and will not run it again, so most calls cost what they cost outside. */
#if defined __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__           /* on any other this does not compile */
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

/* The filter has one register.  LOAD puts a field of struct seccomp_data into
 * it.  JUMP tests it against a value and skips `yes` instructions if the test
 * holds, `no` instructions if not.  RETURN ends with a verdict. */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                       \
                             (uint32_t)offsetof(struct seccomp_data, field))
#define JUMP(test, value, yes, no)                                           \
    BPF_JUMP(BPF_JMP | (test) | BPF_K, (uint32_t)(value), yes, no)
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, (uint32_t)(verdict))
#define FAIL_WITH(number) RETURN(SECCOMP_RET_ERRNO | (number))

/* DENY a system call, whatever its arguments are.  DENY_IF one of its arguments
 * passes the test against one value or the other; and if it passes neither, the
 * call is allowed.  LOAD takes the low 32 bits of an argument, as the kernel
 * does in these three calls; who compares all 64 is got around by one high bit
 * more (CVE-2019-10063). */
#define DENY(call) JUMP(BPF_JEQ, SYS_##call, 0, 1), FAIL_WITH(EPERM)
#define DENY_IF(call, argument, test, one, other)                            \
    JUMP(BPF_JEQ, SYS_##call, 0, 5), LOAD(args[argument]),                   \
    JUMP(test, one, 1, 0), JUMP(test, other, 0, 1), FAIL_WITH(EPERM),        \
    RETURN(SECCOMP_RET_ALLOW)

static const struct sock_filter filter[] = {
    /* A 32-bit program (int 0x80) has other numbers for the calls: a filter
     * that does not look at this first can be walked around. */
    LOAD(arch), JUMP(BPF_JEQ, OUR_ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS),

    /* Too new: the newest that was looked at is 462, mseal of Linux 6.10, with
     * the same number on both machines.  (Two that are newer have lower ones on
     * x86-64, 335 and 336: for probes, of no use without perf_event_open.)  Or
     * the x32 variant of x86-64, which sets bit 30. */
    LOAD(nr), JUMP(BPF_JGT, 462, 0, 1), FAIL_WITH(ENOSYS),

    /* clone3 has its flags in memory, where a filter cannot look.  When it does
     * not exist, libc takes clone, whose flags are an argument.  (clone cannot
     * make a time namespace: that bit of its flags means something else.) */
    JUMP(BPF_JEQ, SYS_clone3, 0, 1), FAIL_WITH(ENOSYS),
    DENY_IF(clone, 0, BPF_JSET, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
            CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP),
    /* Two that type into a terminal. */
    DENY_IF(ioctl, 1, BPF_JEQ, TIOCSTI, TIOCLINUX),
    /* Sockets to the host of a virtual machine, which know no network
     * namespace, and the kernel's cryptography. */
    DENY_IF(socket, 0, BPF_JEQ, AF_VSOCK, AF_ALG),

    /* A keyring is inherited from the caller, whatever the namespaces. */
    DENY(add_key), DENY(keyctl), DENY(request_key),
    /* The container's mounts and root are as we made them. */
    DENY(mount), DENY(umount2), DENY(pivot_root), DENY(chroot), DENY(open_tree),
    DENY(move_mount), DENY(fsopen), DENY(fsconfig), DENY(fsmount), DENY(fspick),
    DENY(mount_setattr),
    /* A new user namespace gives all capabilities in it, and with them a way to
     * the half of the kernel where the holes are. */
    DENY(setns), DENY(unshare),
    /* The whole machine: swap, another kernel, modules, clocks, quotas, log. */
    DENY(swapon), DENY(swapoff), DENY(reboot), DENY(acct), DENY(syslog),
    DENY(kexec_load), DENY(kexec_file_load), DENY(init_module),
    DENY(finit_module), DENY(delete_module), DENY(settimeofday), DENY(adjtimex),
    DENY(clock_settime), DENY(clock_adjtime), DENY(quotactl),
    /* Large engines in the kernel through which many have broken out. */
    DENY(bpf), DENY(perf_event_open), DENY(userfaultfd), DENY(io_uring_setup),
    DENY(io_uring_enter), DENY(io_uring_register),
    /* Open a file by its number instead of by a path that leads to it, and
     * watch all files of a mount. */
    DENY(open_by_handle_at), DENY(fanotify_init),
    /* Reach into other processes.  (Not ptrace: debuggers need it, and `pid`
     * and `user` leave it nobody but the container's own processes.) */
    DENY(kcmp), DENY(pidfd_getfd), DENY(process_madvise),
    /* Move memory between the nodes of a large machine: slows others down. */
    DENY(move_pages), DENY(mbind), DENY(migrate_pages), DENY(set_mempolicy),
    /* quotactl_fd and set_mempolicy_home_node, the same as two of these: not
     * all headers know their names. */
    JUMP(BPF_JEQ, 443, 1, 0), JUMP(BPF_JEQ, 450, 0, 1), FAIL_WITH(EPERM),
    /* Names: ours are set.  The others are old, hang up a terminal, or
     * drive the hardware (iopl, ioperm). */
    DENY(sethostname), DENY(setdomainname), DENY(vhangup), DENY(nfsservctl),
#ifdef __x86_64__
    DENY(iopl), DENY(ioperm), DENY(uselib), DENY(sysfs), DENY(ustat),
#endif
    RETURN(SECCOMP_RET_ALLOW),
};

static void step_seccomp(struct cage *c) {
    /* The kernel only reads the filter; its struct does not say so. */
    struct sock_fprog program = { sizeof filter / sizeof filter[0],
                                  (struct sock_filter *)(uintptr_t)filter };
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

/* What PID 1 does for the rest of its life.  COMMAND is its child that will be
 * the command, and waits for a byte out of the pipe LOCKED.  Ends with the
 * status of the command, and then the kernel ends all that is left in the PID
 * namespace.
 *
 * Signals are not caught by handlers: prepare() has blocked them, all but that
 * of Ctrl-Z, and sigwaitinfo(2) takes them one by one, when we are ready.  That
 * also makes the kernel keep them for us: what a process inside sends to PID 1
 * is thrown away if it would have its default effect, but not if it is blocked
 * (kernel/signal.c, sig_ignored()). */
static _Noreturn void be_pid_1(struct cage *c, pid_t command, int locked) {
    /* Nobody may look into this process: it holds the environment and open
     * files of the host side.  Not dumpable means that its /proc files belong
     * to the real root, and that ptrace(2) is refused (CVE-2016-9962).  (Only
     * after the fork: the command inherits it, and gdb could not follow it.) */
    TRY(prctl(PR_SET_DUMPABLE, 0));

    /* ps inside shall not show the command line typed outside.  (strncpy(3)
     * fills the rest with zeros; the last byte is one already.) */
    strncpy(c->arguments, "cage: init", c->arguments_size);
    TRY(write(locked, "", 1));
    /* PID 1 needs no file at all, and a pipe that it held open would never end.
     * UNSHARE: first take a copy of the table, and close all in the copy; the
     * host side and the command go on with the one they share. */
    KERNEL(close_range, 0, ~0U, CLOSE_RANGE_UNSHARE);

    sigset_t all;
    sigfillset(&all);
    for (;;) {
        int how, number = sigwaitinfo(&all, NULL);
        /* What a keyboard sends goes to all of the command's process group: a
         * negative number means that. */
        bool typed = number == SIGINT || number == SIGQUIT;
        if (number != SIGCHLD && (!typed || kill(-command, number) == -1))
            kill(command, number);
        /* One SIGCHLD can stand for many children.  0: no other has ended; -1:
         * we have none, so the command is lost, which should not happen. */
        for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) != 0;)
            if (pid == command || pid == -1)
                _exit(pid == -1 ? EXIT_CAGE : exit_status(how));
    }
}

/* Become two processes: PID 1, which stays behind, and the one that goes on to
 * become the command. */
static void step_init(struct cage *c) {
    /* Leave the session of the terminal: now Ctrl-C there reaches only the host
     * side, which passes it on, and /dev/tty inside is not that terminal. */
    TRY(setsid());

    /* The command waits until nobody can look into PID 1 any more (see
     * be_pid_1()): to read from a pipe is to wait until something comes.  The
     * clone is a fork(2), but the table of open files is shared: the step tty
     * has a terminal to hand to the host side. */
    int locked[2];
    TRY(pipe2(locked, O_CLOEXEC));
    pid_t command = KERNEL(clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (command > 0)
        be_pid_1(c, command, locked[1]);    /* for the rest of its life */
    die_with_host(c);
    TRY(read(locked[0], &(char){ 0 }, 1));
}

/* =============================== command: tty ==============================
 *
 * A terminal is a device with two ends: what a program writes to the slave
 * comes out of the master, which is held by the window you look at.  A session
 * of processes can have one as its *controlling* terminal, which turns Ctrl-C
 * into a signal.
 *
 * Without it the command has the host's terminal in its hands.  It can change
 * its modes; and where `init` and `seccomp` are left out as well, so that it
 * is in the terminal's session, it can put characters into the input as if
 * they had been typed (TIOCSTI), which the shell of the host then reads and
 * obeys (since Linux 6.2 only where dev.tty.legacy_tiocsti is 1).  And a shell
 * inside says "can't access tty; job control turned off", since that terminal
 * is not the controlling one of its session.
 *
 *       your terminal <---> host side <---> master | slave <---> command
 *                           copies bytes
 *
 *   By hand:  script -qc sh /dev/null
 *   Try:      ./cage run rootfs tty
 *             ./cage run --without=tty rootfs tty     (its name is not inside)
 *   See:      pty(7), credentials(7) on sessions, ioctl_tty(2)
 *
 * Only those of standard input, output and error that are terminals are
 * replaced: a pipe or a file goes straight to the command. */
/* Shall the host side read the keyboard, for the command?  Not if standard
 * input is no terminal, and not in `cage run rootfs ls | less`: there the keys
 * are for `less`, and if we read them too, each would miss half of them. */
static bool keyboard_is_ours(void) {
    struct stat out;
    return isatty(0) && (fstat(1, &out) == -1 || !S_ISFIFO(out.st_mode));
}

/* Make a terminal in the container, put its slave end into the place of those
 * of 0, 1 and 2 that are terminals, and hand the master to the host side, which
 * copies the bytes from then on (Part II). */
static void step_tty(struct cage *c) {
    /* Make a session.  Only the process that has made one, its leader, can give
     * it a controlling terminal, and in the old one we are not the leader. */
    TRY(setsid());
    if (!isatty(0) && !isatty(1) && !isatty(2))
        return;

    /* From the container's own devpts.  A new terminal is locked until its
     * maker says otherwise. */
    int master = TRY(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    TRY(ioctl(master, TIOCSPTLCK, &(int){ 0 }));
    int slave = TRY(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    /* TIOCGPTPEER opens the slave that belongs to this master.  To open it
     * by its name, /dev/pts/0, would be to trust that name.  TIOCSCTTY makes
     * it the controlling terminal of our session, which has just been made
     * for that. */
    TRY(ioctl(slave, TIOCSCTTY, 0));

    ask(c, (struct message){ TAKE_THE_TERMINAL, { master, slave } });
    /* The host side shall keep its own 0, 1 and 2, so leave the table that we
     * share.  unshare(2) is forbidden since `seccomp`, but this call can do it
     * as well; it closes nothing here. */
    KERNEL(close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE);
    int keys = keyboard_is_ours() ? slave : TRY(open("/dev/null", READ));
    for (int fd = 0; fd <= 2; fd++)
        if (isatty(fd))
            TRY(dup2(fd == 0 ? keys : slave, fd));
}

/* ============================== command: exec ==============================
 *
 * execve(2) replaces the program that this process runs, cage, by another one.
 * The process stays the same, and keeps all that the steps have done to it:
 * that is the whole secret.
 *
 * Some of what execve does not reset is made clean here: the environment (yours
 * may hold passwords), ignored and blocked signals, the umask.  (Resource
 * limits, niceness and the choice of processors stay those of the caller.)
 *
 *   By hand:  env -i PATH=$PATH sh
 *   Try:      SECRET=x ./cage run -e HELLO=y rootfs env
 *   See:      execve(2), environ(7), exec(3) on how PATH is searched
 *
 * It cannot be left out. */
static void step_exec(struct cage *c) {
    /* TERM tells programs what the window understands; it is the only variable
     * that is passed on.  (clearenv() forgets where the strings are but leaves
     * them there, so TERM is still valid after it.) */
    const char *term = getenv("TERM");
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
           "/sbin:/bin", 1);
    setenv("HOME", c->uid == 0 ? "/root" : "/", 1);
    if (term)
        setenv("TERM", term, 1);
    for (int i = 0; i < c->envs; i++)
        putenv(c->env[i]);

    /* A signal that is ignored or blocked stays so over execve: a program that
     * is started by nohup(1) does not notice SIGHUP, and the command would
     * notice none.  (The functions of libc keep some signals for themselves:
     * hence KERNEL.  All zeros is SIG_DFL in the kernel's struct for an action,
     * and an empty set of signals, which has a size of 64 bits.) */
    const unsigned long zeros[4] = { 0 };
    for (int n = 1; n < NSIG; n++)
        if (n != SIGKILL && n != SIGSTOP)       /* those cannot be ignored */
            KERNEL(rt_sigaction, n, zeros, NULL, sizeof(uint64_t));
    KERNEL(rt_sigprocmask, SIG_SETMASK, zeros, NULL, sizeof(uint64_t));
    umask(022);

    /* The host side takes the keyboard now. */
    ask(c, (struct message){ .what = I_START });
    /* CLOEXEC is too late.  To look for the command is to follow the links of
     * ROOTFS: one to /proc/self/fd/4/../bin/sh would lead by our /proc to the
     * host (the way of CVE-2024-21626).  So close all that is open, here, but
     * not for the host side, which may share the table.  (Returns 0: of the pod
     * there is nothing more to ask, see hint_for().) */
    c->pod = KERNEL(close_range, without(c, fds) ? ~0U : 3, ~0U,
                    CLOSE_RANGE_UNSHARE);
    /* execvp(3) looks the command up in the folders of PATH, those of the
     * container.  (glibc's hands a script without "#!" to /bin/sh, musl's does
     * not.)  If it succeeds it does not come back: the next instruction is the
     * command's. */
    execvp(c->command[0], c->command);
    int error = errno;
    say(c, error, text("execve(\"%s\")", c->command[0]));
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* ============================ all steps together ===========================
 * Who calls the steps, and when.  C wants to know a function before it is
 * called, so the order here is from the end to the beginning: start with
 * run(), the last one, and go upwards.  In the picture at the top of this file,
 * run() is the host side, child_side() the child, init_side() PID 1; in
 * give_up_rights() the command parts from PID 1. */

/* Here we are PID 1, or with `cage exec` one more process of the container, and
 * give up what the command shall not have. */
static _Noreturn void give_up_rights(struct cage *c) {
    /* --workdir, as a path inside.  That it is no way out is looked at in the
     * step fds. */
    c->step = "fds";
    must(c, chdir(c->workdir), "--workdir: chdir(\"%s\")", c->workdir);
    DO(c, fds);
    DO(c, caps);
    DO(c, id);
    DO(c, nnp);
    DO(c, seccomp);
    DO(c, init);
    /* PID 1 has stayed behind in be_pid_1().  Here we are its child (or PID 1
     * itself, without the step `init`) and will be the command. */
    prctl(PR_SET_NAME, "cage: command");
    DO(c, tty);
    DO(c, exec);
    abort();                        /* step_exec does not come back */
}

/* Here we are PID 1, the first process of the PID namespace.  (Without the step
 * `pid`, one of the host's.)  Since `user` we are root, but only of the
 * namespaces that were made since then. */
static _Noreturn void init_side(struct cage *c) {
    TRY(prctl(PR_SET_NAME, "cage: init"));      /* find() knows it by that */
    gather_layers(c);
    DO(c, rootfs);
    if (without(c, rootfs))         /* then it is ROOTFS itself */
        TRY(mount("lower/0", "root", NULL, MS_BIND | MS_REC, NULL));
    /* The new root is complete.  Make it our root by chroot(2) for now: every
     * path in the next steps then means what it will mean inside, and a
     * symbolic link in ROOTFS, whatever it says, leads to no file of the host.
     * (runc looks up each path by itself as if it were inside; a link that
     * changed between the look and the mount was CVE-2021-30465.) */
    c->host_root = TRY(open("/", FOLDER));
    TRY(chroot("root"));
    TRY(chdir("/"));
    DO(c, dev);
    DO(c, proc);
    DO(c, sys);
    DO(c, volumes);
    DO(c, mask);
    /* --read-only comes this late because until here folders to mount at had to
     * be made.  What is mounted below, /dev and the volumes, stays as it is. */
    if (c->read_only)
        KERNEL(mount_setattr, AT_FDCWD, "/", 0, &rdonly, sizeof rdonly);
    if (!without(c, pivot)) {
        /* Walk out of that chroot again: pivot_root(2) replaces the root that
         * its caller has, and must not find the new one there already.  All it
         * takes is a descriptor of a folder outside, and the right to call
         * chroot: this is why it is not a wall. */
        TRY(fchdir(c->host_root));
        TRY(chroot("."));
    }
    DO(c, pivot);
    give_up_rights(c);
}

/* cage exec: what child_side() and init_side() are for run.  We are in the
 * cgroup of the container already, by clone3, and in its namespaces. */
static _Noreturn void exec_side(struct cage *c) {
    DO(c, user);
    /* As soon as we are in its PID namespace, programs inside can see us.  We
     * still hold files of the host, and its memory: so nobody may look into
     * this process until execve.  (runc was entered here, CVE-2016-9962.) */
    TRY(prctl(PR_SET_DUMPABLE, 0));
    /* With the mount namespace comes its root directory; but where pivot was
     * left out, the root of the container is another one. */
    TRY(fchdir(c->pod_root));
    TRY(chroot("."));
    /* The process itself stays in its old PID namespace.  Its children are born
     * in that of the container. */
    next_process(c);
    give_up_rights(c);
}

/* When `mount` or `private` is left out, mounts get out of the container; they
 * shall not get out to your machine.  So the experiment runs in one mount
 * namespace more, a cell:
 *
 *      the machine   |   the cell            |   the container
 *                    |                       |
 *            MS_PRIVATE: nothing     MS_SHARED: mounts pass, as they
 *            passes this wall        would on a machine with systemd
 *
 * The kernel removes a mount namespace, and all that is mounted in it, with its
 * last process, so nothing has to be undone.  See mount_namespaces(7). */
static void lab_cell(struct cage *c) {
    c->step = "mount";
    TRY(unshare(CLONE_NEWNS));
    TRY(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    TRY(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
}

/* Here we are a child of the host side, with all the rights of whoever typed
 * the command, until the step `user`. */
static _Noreturn void child_side(struct cage *c) {
    /* The name that ps(1) shows: each process says which actor it is. */
    prctl(PR_SET_NAME, "cage: child");
    c->on_host_side = false;
    die_with_host(c);
    umask(0);                       /* the modes below are meant exactly */
    /* A process can be born into a group of version 2 only; those of version 1
     * it has to enter (0 means: who writes).  Its own children are born where
     * it is, so once is enough. */
    for (int i = 0; i < V1_TREES && c->v1 && c->group; i++) {
        const char *path = text("%s/%s/tasks", v1_trees[i], c->group_name);
        if (exists(c, path))
            must(c, write_file(AT_FDCWD, path, "0"), "write(0 to %s)", path);
    }
    if (!without(c, cgroup))
        end_step(c);                /* it began on the host side */
    if (c->pod_namespaces)          /* exec and --join: Part III */
        must(c, setns(c->pod, c->pod_namespaces), "setns(%s)", c->join);
    if (c->exec)
        exec_side(c);

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
    if (without(c, pid))
        next_process(c);            /* else the step has done it */
    init_side(c);
}

/* cage run: the whole of it, seen from the host side.  Returns the status to
 * exit with. */
static int run(struct cage *c) {
    prepare(c);
    /* When root leaves out `private`, and `user` as well, mounts could get out
     * to us: so we move into a cell first.  (With `user` they could not, and
     * the cell does no harm.) */
    if (without(c, private) && !without(c, mount) && geteuid() == 0)
        lab_cell(c);
    if (begin_step(c, "cgroup"))
        step_cgroup(c);             /* and it ends in the child, in the group */

    /* clone3(2) is fork(2) with choices.  This one, CLONE_INTO_CGROUP, lets the
     * child start in its cgroup: there is no moment in which it is not limited.
     * exit_signal: tell us by SIGCHLD when it ends, as fork does.  CLONE_FILES:
     * one table of open files for both, see "asking the host side for help". */
    struct clone_args how = { .exit_signal = SIGCHLD,
        .flags = CLONE_FILES | (c->group ? CLONE_INTO_CGROUP : 0),
        .cgroup = (unsigned)c->group };
    /* Two sockets that are connected to each other, one for each side.
     * (Neither closes the other's: in one table that would close it for both.)
     */
    int ends[2];
    TRY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
    c->init = KERNEL(clone3, &how, sizeof how);
    /* Here are two processes.  In the child, clone3 has returned 0. */
    c->talk = ends[c->init == 0];
    if (c->init == 0)
        child_side(c);

    supervise(c);
    clean_up(c);
    return c->status;
}

/* ----------------------- You can stop reading here. ----------------------- */

/* ========================================================================== *
 *                         PART II: THE FINE PRINT
 * ==========================================================================
 *
 * What the steps have left out: --explain, names, tarballs, the layers of
 * ROOTFS, id maps, cgroups old and new, what is prepared before the first step,
 * the terminal, the loop in which the host side spends the time while your
 * command runs, and the hints under its errors.  Each section can be read
 * alone. */

/* ---------------------- snapshots: --explain and --step --------------------
 * --explain shall not print what this file hopes to do, but what the kernel has
 * done.  Its evidence is /proc.  Before and after each step the same list of
 * facts is looked up there, and those that differ are printed:
 *
 *      uts      a host name of its own
 *               ns/uts               uts:[4026531838] -> uts:[4026532201]
 *               sys/kernel/hostname  lab -> cage
 *
 * The number of a namespace is the inode number of its file (namespaces(7));
 * two processes with the same number share it.  A step that was left out, or
 * that does nothing here, changes no fact, and that can be seen as well.
 *
 * It is read through c->proc, the host's /proc, opened before all steps: later
 * there is none in sight, or the container's.  `self` in it is whoever reads,
 * so each process sees itself.
 *
 * Some lines that need a word:
 *
 *      time_for_children   the namespace of the step time is for the children:
 *                          the process itself stays where it was
 *      Uid, Gid            four numbers each: real, effective, saved, and the
 *                          one for file systems (credentials(7))
 *      NSpid               the number of the process in each PID namespace, the
 *                          host's first: `4713 2`
 *      CapEff, CapBnd      one bit for each capability, in base 16
 *      Seccomp             0: none, 2: a filter
 *
 *   By hand:  ls -l /proc/self/ns; cat /proc/self/uid_map; findmnt
 *   Try:      ./cage run --step rootfs true, and look around in another window
 *   See:      proc(5), namespaces(7), lsns(8) */

/* The facts: files and links below /proc/PID; those that begin with a capital
 * letter are lines of /proc/PID/status; the last is a setting below /proc/sys.
 * The first eight are the namespaces, and `namespaces` has for each the flag
 * that unshare(2) and setns(2) know it by. */
static const int namespaces[NAMESPACES] = { CLONE_NEWCGROUP, CLONE_NEWIPC,
    CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER,
    CLONE_NEWUTS };
static const char *const facts[FACTS] = { "ns/cgroup", "ns/ipc", "ns/mnt",
    "ns/net", "ns/pid", "ns/time_for_children", "ns/user", "ns/uts", "cgroup",
    "uid_map", "gid_map", "Uid", "Gid", "NSpid", "NSsid", "CapEff", "CapBnd",
    "NoNewPrivs", "Seccomp", "mountinfo", "fd/0", "sys/kernel/hostname" };

/* Of the mounts in the file MOUNTINFO: how many there are, how many of them are
 * shared, and of what type the one at "/" is.  A line of it, see proc(5):
 *
 *      36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext3 /dev/root rw
 *                       place            optional   type */
static char *count_mounts(struct cage *c, const char *mountinfo) {
    char *lines = read_file(c, c->proc, mountinfo), type[32] = "?";
    int total = 0, shared = 0;
    for (char *line; (line = strsep(&lines, "\n")) != NULL && *line; total++) {
        shared += strstr(line, " shared:") != NULL;
        /* `/%*[ ]`: a place that is "/" and no more, or sscanf stops there and
         * leaves TYPE alone.  `%*[^-]-`: all to the dash.  The last counts: it
         * is mounted over those before. */
        sscanf(line, "%*s %*s %*s %*s /%*[ ]%*[^-]- %31s", type);
    }
    return text("%d mounts (%d shared), / is %s", total, shared, type);
}

/* What the host's /proc says about NAME, of process PID or (0) of this one: one
 * line with one space between words, since uid_map is full of them.  What is
 * not plain text becomes a space, too: in a command line it could be an order
 * to the terminal of whoever looks. */
static char *fact(struct cage *c, pid_t pid, const char *name) {
    const char *path = strncmp(name, "sys/", 4) == 0 ? name : text("%s/%s",
        pid ? text("%d", pid) : "self", isupper(*name) ? "status" : name);
    if (strcmp(name, "mountinfo") == 0)
        return count_mounts(c, path);
    char *found = read_file(c, c->proc, path);  /* "": not with this kernel */
    if (isupper(*name)) {           /* the line of that name, after its colon */
        found = strstr(found, text("\n%s:", name));
        found = found ? strtok(found + strlen(name) + 2, "\n") : text("%s", "");
    } else if (strcmp(name, "cgroup") == 0 && strstr(found, "0::"))
        found = strstr(found, "0::");       /* only that of version 2 */
    char *end = found;
    for (const char *s = found; *s; s++)
        if (isgraph((unsigned char)*s))
            *end++ = *s;
        else if (isgraph((unsigned char)s[1]) && end > found)
            *end++ = ' ';
    return text("%.*s", (int)(end - found), found);
}

/* DO() is about to run STEP: note it for error messages, announce it, and take
 * a snapshot of this process: all facts as they are now.  (Without --explain
 * nobody wants to know.)  Returns false if the step is to be left out. */
static bool begin_step(struct cage *c, const char *step) {
    bool joined = c->join && strstr("uts ipc net", step);
    bool run = !joined && !c->left_out[number_of(step)];
    c->step = step;
    if (c->explain)
        dprintf(2, "%-9s%s%s\n", step, steps[number_of(step)].why,
                run ? "" : joined ? "   (shared)" : "   (left out)");
    for (int i = 0; i < FACTS && c->explain; i++)
        c->before[i] = fact(c, 0, facts[i]);
    return run;
}

/* The step is done: show what it has changed, in the order of the table, and
 * with --step wait for Enter.  If a step begins in one process and ends in the
 * next, as `pid` does, c->before has been copied by fork like all of struct
 * cage: the new process compares itself with the old one. */
static void end_step(struct cage *c) {
    for (int i = 0; i < FACTS && c->explain; i++) {
        const char *now = fact(c, 0, facts[i]);
        if (strcmp(c->before[i], now) != 0)
            dprintf(2, "%9s%-21s%s -> %s\n", "", facts[i], c->before[i], now);
    }
    if (c->pause) {
        /* A line of the terminal that cage was started in, even when standard
         * input is something else.  After fork all share it, and only one
         * process at a time runs steps. */
        dprintf(2, "%9s[Enter] ", "");
        TRY(read(c->keyboard, &(char[4096]){ 0 }, 4096));
    }
}

/* ---------------------------------- names ----------------------------------
 * Two containers must not have the same name, and the name must be free again
 * when its container is gone.  A file, say /run/cage/NAME, is the obvious way
 * to note that a name is taken; but when the machine or cage is killed, the
 * file stays, and somebody has to find out whether it is still true.  (runc
 * keeps a folder for each container, and has a command to delete it.)
 *
 * So a name is an "abstract" Unix socket: one that has a name but no file.
 * bind(2) makes it unique, and the kernel frees it when the process ends,
 * however it ends.  Nothing has to be removed, and nothing can be out of date.
 *
 *      @cage/1000/web       the container `web` of the user with id 1000
 *      @cage/ids/17         the 18th range of user ids, see pick_ids()
 *
 * Nothing is ever said over it.  What there is to know is the state of the
 * socket, and the kernel tells it to whoever asks:
 *
 *      state           since                   connect(2)      the container
 *      bound           prepare()               ECONNREFUSED    is being made
 *      it listens      the command runs        succeeds        runs
 *      shut down       clean_up()              ECONNREFUSED    is over
 *      closed          the host side's end     ECONNREFUSED    name is free
 *
 * A connected socket can also be asked which process, and of which user, has
 * called listen(2) at the other end (SO_PEERCRED): that is the host side.
 *
 *   Try:  ./cage run -n web rootfs sleep 9 & sleep 1; grep @cage /proc/net/unix
 *         (a 1 in the 4th column, 00010000: it listens)
 *   See:  unix(7), "abstract" and SO_PEERCRED; proc(5) on /proc/net/unix
 *
 * (Such names belong to a network namespace, network_namespaces(7): what was
 * started in another one is not found.) */

/* Claim NAME: bind a socket to it, which is to be kept open as long as the name
 * shall be ours.  Or, if not CLAIM, connect one to the socket of whoever has
 * the name.  Returns it, or -1 with errno (EADDRINUSE: somebody has it). */
static int name_socket(struct cage *c, const char *name, bool claim) {
    /* What makes a socket abstract is that its path begins with a 0 byte.  Its
     * name is then all the bytes that we count, without a 0 at the end. */
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct sockaddr *where = (const struct sockaddr *)&address;
    size_t room = sizeof address.sun_path - 1, size = sizeof address - room;
    size += (size_t)snprintf(address.sun_path + 1, room, "cage/%s", name);
    const int kind = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = TRY(socket(AF_UNIX, kind, 0));
    if ((claim ? bind(fd, where, (socklen_t)size)
               : connect(fd, where, (socklen_t)size)) == 0)
        return fd;
    close(fd);                      /* errno stays as it is */
    return -1;
}

/* --------------------------- layers and tarballs ---------------------------
 * A tar archive is a row of blocks of 512 bytes: for each file one with its
 * name, owner and mode, then its contents; at the end two blocks of zeros.
 *
 *      | header | contents ...     | header | contents | ... | 0 | 0 |
 *        name, mode, "ustar" at 257
 *
 * `docker export` writes one, and an image in a registry is several, packed.
 * Reading them is left to tar(1), for two reasons: it knows all variants of the
 * format, and it can be run where a hostile archive can do no harm.  It is a
 * child of the container's PID 1: in its user and mount namespaces, as root of
 * the former, and with all mounts read-only but a new one, see gather_layers().
 * An archive with `../../etc/passwd` in it, or a link to /etc and then a file
 * below the link, finds a /etc that cannot be written.
 *
 *   By hand:  mkdir r; docker export NAME | tar -C r -x
 *   Try:      tar -C rootfs -cf r.tar . ; ./cage run r.tar ls /
 *             head -c 99999 r.tar > half.tar; ./cage run half.tar ls /
 *   See:      tar(5) of libarchive for the format; tar(1) */

/* Unpack the archive S where it is to be.  FD is a copy of the mount of that
 * file; or, if PIPE, it is what copy_as_archive() has returned.
 *
 * Half an archive is refused, since tar does not mind if the two blocks of
 * zeros at the end are missing: it would make a container with half of its
 * files.  (A packed one that is cut off is refused by the program that unpacks
 * it.)  What stands between the first block and the last is tar's business, and
 * so is what is no archive at all.
 *
 * If tar fails, the run ends: it does so for a device file, which a user
 * namespace may not make, and for an owner who does not exist inside.  So the
 * archive's /dev is left out (the container gets one of ours), and with one id
 * only (-o) all files belong to root.  -p: with the modes of the archive,
 * whatever the umask. */
static void unpack(struct cage *c, const struct source *s, int fd, bool pipe) {
    char head[512] = "", tail[1024] = "", zeros[1024] = "";
    /* A name, not "-", if it can be: to find out how a file is packed, tar
     * opens it, looks, and then opens it anew. */
    const char *const argv[] = { "tar", "-x", "-p", "-C", s->target,
        "--exclude=./dev/*", "--exclude=dev/*", "--numeric-owner",
        c->one_id ? "-of" : "-f", pipe ? "-" : "/proc/self/fd/0", NULL };
    if (!pipe) {
        /* The files in /proc/self/fd are no ordinary links: to open one is to
         * open what the descriptor stands for, whatever folders it is in.  So
         * the owners are seen through the map of ids of that mount, and a file
         * that only the real root may read can be read by the root inside. */
        fd = openat(c->proc, text("self/fd/%d", fd), READ);
        must(c, fd, "open(%s)", s->path);
        must(c, read(fd, head, sizeof head), "read(%s)", s->path);
        /* No first byte: an archive without any file, or not even that. */
        bool packed = memcmp(head + 257, "ustar", 5) != 0;
        off_t end = lseek(fd, -1024, SEEK_END);
        if (*head == '\0' || (!packed && (pread(fd, tail, 1024, end) != 1024
                                         || memcmp(tail, zeros, 1024) != 0)))
            refuse(c, "%s: empty, or cut off: no zeros at its end", s->path);
    }
    /* Only GNU tar reads this variable.  Without it the second pattern would
     * also match in other folders: usr/lib/udev/dev/... */
    setenv("TAR_OPTIONS", "--anchored", 1);
    make_place(c, s->target, true);
    run_program(c, argv, fd, s->path);
}

/* ------------------- the sources: ROOTFS, volumes, --save ------------------
 * All that comes from the host's files is in the list c->source: first the
 * volumes, then the layers of ROOTFS, then the folder of --save.  To open them
 * is to take copies of their mounts (a tarball is a mount of one file), and who
 * does that depends on who you are:
 *
 *   - an ordinary user: the container itself.  It has the rights of that user.
 *   - root: the host side, which tells the container their numbers.  The
 *     container is nobody by then, and could not even enter /root.
 *
 * Under root there is one thing more.  The files of ROOTFS belong to 0, 1, ...,
 * and the ids of the container are 1879048192 and up: it would own none of
 * them.  So the copies are *id-mapped*: whoever looks through them sees each
 * owner translated, and what is written is translated back.
 *
 *      on disk        0 ........... 1000 ........... 65535
 *                     |              |                 |     this mount only
 *      host's ids     1879048192     1879049192        1879113727
 *                     |              |                 |     user namespace
 *      inside         0 ........... 1000 ........... 65535
 *
 * The disk is not changed, and the same ROOTFS can serve many containers with
 * different ids at once.  Before there was this (Linux 5.12), other ids meant a
 * copy of all files with other owners.  It takes the right to administer the
 * user namespace in which the file system was mounted, and on a usual machine
 * that is real root's.
 *
 *   By hand:  mount --bind -o X-mount.idmap=b:0:1879048192:65536 rootfs /mnt
 *             ls -ln /mnt                           (util-linux 2.39 and later)
 *   Try:      ./cage run --save=kept rootfs touch /f; ls -ln kept/upper
 *   See:      mount_setattr(2), user_namespaces(7) */

/* A file system that cannot be id-mapped (NFS, 9p, overlayfs) is copied.
 * Returns a pipe from which the folder PATH comes as a tar archive; it is
 * unpacked like any other tarball.
 *
 * The program that writes it runs at the same time.  If it fails, it ends with
 * 125, and reap() ends the run.  --one-file-system: what is mounted below a
 * layer is never a part of it. */
static int copy_as_archive(struct cage *c, const char *path) {
    const char *tar = "tar -C \"$COPY\" --one-file-system -cf - . || exit 125";
    note(c, "%s cannot be id-mapped: it is copied into memory", path);
    /* The path goes by a variable: as a part of the text, one with a quote in
     * it would become a command of the shell. */
    setenv("COPY", path, 1);
    FILE *archive = popen(tar, "re");
    return must(c, archive ? fileno(archive) : -1, "popen(%s)", tar);
}

/* Open all sources, id-mapped for c->userns if there is one: c->tree[i]
 * becomes the descriptor of c->source[i], a copy of its mount, or a pipe out of
 * which it comes as an archive.
 *
 * Root of the container can make a set-uid program in the folder of --save.
 * When root runs cage, that file belongs to the real root on the disk, without
 * our id-mapped mount: any user of the host who could reach it would become
 * root by running it.  So the folder must be closed to all others.  (So should
 * be that of a volume, but people share their own folders: it is not checked,
 * and Docker does not either.) */
static void open_sources(struct cage *c) {
    struct mount_attr map = { MOUNT_ATTR_IDMAP, 0, 0, (unsigned)c->userns };
    for (int i = 0; i < c->sources; i++) {
        const struct source *s = &c->source[i];
        bool volume = i < c->volumes, save = s->path == c->save;
        /* What is mounted below a layer is not seen through an overlay. */
        int flags = volume ? AT_RECURSIVE : 0;
        struct stat st;
        c->step = volume ? "volumes" : "rootfs";
        if (save)
            mkdir(s->path, 0700);       /* it may be there */
        c->tree[i] = clone_mount(c, AT_FDCWD, s->path, flags, s->set);
        /* What may not be read would be noticed late, and by another step. */
        must(c, access(s->path, R_OK), "access(%s)", s->path);
        TRY(fstat(c->tree[i], &st));
        bool folder = S_ISDIR(st.st_mode);
        if (save && (!folder || st.st_uid != getuid() || st.st_mode & 077))
            refuse(c, "%s: not a folder of yours alone (chmod 700)", s->path);
        /* Two containers would spoil it for each other.  What is opened here
         * stays open in the one table, and so locked, as long as we live. */
        must(c, save ? flock(TRY(open(s->path, FOLDER)), LOCK_EX | LOCK_NB) : 0,
             "--save %s: flock()", s->path);
        if (!volume && !folder && !S_ISREG(st.st_mode))
            refuse(c, "%s is neither a folder nor a tar archive", s->path);
        if (c->userns == 0 || syscall(SYS_mount_setattr, c->tree[i], "",
                AT_EMPTY_PATH | flags, &map, sizeof map) == 0)
            continue;
        /* EINVAL: this file system cannot be id-mapped.  For what is written
         * there is no way around it.  Of what is only read, the folders below
         * an overlay are copied; for the rest the owners matter less: it then
         * belongs to nobody, and what everybody may read can be read. */
        if (errno != EINVAL || !(s->set & MOUNT_ATTR_RDONLY))
            must(c, -1, "id-map(%s)", s->path);
        if (!volume && folder)          /* the copy stays open, to no effect */
            c->tree[i] = copy_as_archive(c, s->path);
    }
}

/* Put the layers into their places.  We are PID 1 already, in a mount namespace
 * of our own.  A tmpfs is mounted over /tmp, which nobody else sees, and
 * becomes a workshop:
 *
 *     /tmp/lower/0      the first folder of ROOTFS, or the tarball, unpacked
 *     /tmp/lower/1      the second, ...
 *     /tmp/writes       the folder of --save, or else one in memory:
 *       upper             what the container writes
 *       work              what overlayfs needs for itself
 *     /tmp/root         all of it put together, by the step rootfs
 *     /tmp/empty        a folder with nothing in it, for the step mask
 *
 * In the end only /tmp/root stays in sight, as "/".  That the layers below it
 * cannot be seen any more does not matter: overlayfs has taken copies of their
 * mounts for itself when it was mounted. */
static void gather_layers(struct cage *c) {
    if (!c->id_mapped)
        open_sources(c);            /* else the host side has done it already */
    c->step = "rootfs";

    /* All that comes from the host has been copied.  The rest of what is
     * mounted here can only be read from now on: if a link in a tarball leads
     * tar(1) astray, it finds nothing to write. */
    KERNEL(mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &rdonly, sizeof rdonly);

    /* The tmpfs has a size, so that no container fills the memory of the
     * machine, and a limit to the number of files, each of which costs memory
     * of the kernel.  What is in it counts for --memory as well. */
    const char *options = text("mode=0755,size=%lld,nr_inodes=%lld", c->bytes,
                               c->bytes / 4096 + 64);
    TRY(mount("cage", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, options));
    TRY(chdir("/tmp"));
    /* The folder of --save is the last: while tar runs, what can be written is
     * only this tmpfs. */
    for (int i = c->volumes; i < c->sources; i++) {
        const struct source *s = &c->source[i];
        struct stat st;
        TRY(fstat(c->tree[i], &st));
        if (S_ISDIR(st.st_mode))
            attach(c, c->tree[i], s->target, 0);
        else
            unpack(c, s, c->tree[i], S_ISFIFO(st.st_mode));
    }
    /* With --save the first two may be there: it goes on where it was. */
    make_place(c, "writes/upper", true);
    make_place(c, "writes/work", true);
    make_place(c, "root", true);
    make_place(c, "empty", true);
}

/* --------------------------- id maps (step user) ---------------------------
 * A map is a file, /proc/PID/uid_map, and can be written once.  A line of it
 * reads: first id inside, first id outside, how many.  Three cases:
 *
 *    root runs cage              0 1879048192 65536    ids that nobody has
 *    a user, ids granted         0 1000 1              0 is the user, the
 *                                1 100000 65536        rest are granted ids
 *    a user                      0 1000 1              0 is the user: no more
 *
 * Without a map every id of the host reads as 65534, "nobody", inside, and the
 * process can become nobody else.  With two containers on the same ids, the
 * processes of one could, if they ever met those of the other, kill them and
 * read their files: Docker with userns-remap has that, one range for all of its
 * containers.  systemd-nspawn picks a range for each, as we do.  bubblewrap
 * has one id, too, which is mapped to itself: there is no root inside.
 *
 * Who writes the map matters: not the process in the namespace, but one outside
 * that has the rights to these ids.  So the child has to wait in between:
 *
 *      child                             host side
 *      unshare(CLONE_NEWUSER)
 *      WRITE_MY_ID_MAPS -------------->  write uid_map, gid_map
 *      setresuid(0) works now  <-------  the answer
 *
 *   By hand:  unshare --user sleep 100 &
 *             echo 0 $(id -u) 1 > /proc/$!/uid_map
 *             nsenter --preserve-credentials -t $! -U id -u
 *   Try:      ./cage run rootfs cat /proc/self/uid_map     (as root, as a user)
 *   See:      user_namespaces(7), newuidmap(1), UIDS-GIDS.md of systemd */

/* Under root: pick IDS ids that nobody on the machine has, and no other
 * container, and return the first.  systemd's list of who uses which ids leaves
 * 0x70000000 to 0x7ffdffff unused: room for 4094 ranges.  A range is claimed by
 * its number in the way that names are, and so it is free again when the host
 * side ends.  The search begins at the number of our process: so two
 * containers that start at the same time rarely try the same range. */
static unsigned pick_ids(struct cage *c) {
    /* FIRST is a multiple of IDS, and so are all ranges: the upper 16 bits of
     * an id tell the container, the lower ones who it is inside. */
    enum { FIRST = 0x70000000, PLACES = 4094 };
    for (unsigned tries = 0; tries < PLACES; tries++) {
        unsigned place = ((unsigned)getpid() + tries) % PLACES;
        /* The socket stays open, and closes when the host side ends. */
        if (name_socket(c, text("ids/%u", place), true) != -1)
            return FIRST + place * IDS;
        must(c, errno == EADDRINUSE ? 0 : -1, "bind(@cage/ids/%u)", place);
    }
    refuse(c, "all %d ranges of ids are in use", PLACES);
}

/* Find the ids that FILE grants to the user who runs cage: the first one and
 * how many become IDS[0] and [1].  False if it grants none.
 *
 * /etc/subuid and /etc/subgid grant them, in lines `NAME:FIRST:COUNT`, where
 * NAME can also be the number of the user (subuid(5)): a user without a name,
 * as in many containers, can still have a grant.
 *
 * (getpwuid(3) would find users who are in no file, but in a static program it
 * needs the shared libraries of the glibc that it was built with.) */
static bool granted(struct cage *c, const char *file, unsigned ids[2]) {
    const char *passwd = text("\n%s", read_file(c, AT_FDCWD, "/etc/passwd"));
    char name[64], *lines = read_file(c, AT_FDCWD, file);
    /* A line of passwd(5) is NAME:x:UID:..., the x for "see /etc/shadow". */
    for (char *line; (line = strsep(&lines, "\n")) != NULL;)
        if (sscanf(line, "%63[^:]:%u:%u", name, &ids[0], &ids[1]) == 3
            && (strcmp(name, text("%u", getuid())) == 0
                || strstr(passwd, text("\n%s:x:%u:", name, getuid()))))
            return true;
    return false;
}

/* For an ordinary user: have maps of two lines written, if ids are granted to
 * that user, and return true; else false.
 *
 * Only root may write a map of ids that are not the writer's own, so it is done
 * by two programs that are set-uid root and look into the files of grants
 * themselves: newuidmap(1) and newgidmap(1).  Podman without root does the
 * same. */
static bool write_granted_maps(struct cage *c) {
    unsigned u[2], g[2];
    /* Look at both files before: a map cannot be taken back. */
    if ((access("/usr/bin/newuidmap", X_OK) == -1 && errno != ENOMEM)
        || !granted(c, "/etc/subuid", u) || !granted(c, "/etc/subgid", g))
        return false;
    /* Two lines of a map each: 0 UID 1, and 1 FIRST COUNT. */
    const char *const argv[] = { "/bin/sh", "-ec", text(
        "/usr/bin/newuidmap %d 0 %u 1 1 %u %u\n"
        "/usr/bin/newgidmap %d 0 %u 1 1 %u %u", c->init, getuid(), u[0], u[1],
        c->init, getgid(), g[0], g[1]), NULL };
    return run_program(c, argv, 0, "id maps") == 0;     /* else it refuses */
}

/* The host side answers WRITE_MY_ID_MAPS: the child is in its user namespace,
 * and stays nobody there until we have written its maps.  Under root the answer
 * M gets the sources, opened. */
static void write_id_maps(struct cage *c, struct message *m) {
    c->step = "user";
    int dir = TRY(openat(c->proc, text("%d", c->init), FOLDER));
    /* With --join it has got the map of the container that it has joined. */
    if (c->id_mapped && !c->join) {
        const char *map = text("0 %u %d", pick_ids(c), IDS);
        TRY(write_file(dir, "uid_map", map));
        TRY(write_file(dir, "gid_map", map));
    } else if (!c->join && !write_granted_maps(c)) {
        /* One id, our own.  Before a user may map a group, the right to leave
         * groups has to be given up for good: user_namespaces(7) on setgroups,
         * CVE-2014-8989. */
        TRY(write_file(dir, "setgroups", "deny"));
        TRY(write_file(dir, "uid_map", text("0 %u 1", getuid())));
        TRY(write_file(dir, "gid_map", text("0 %u 1", getgid())));
    }
    if (c->id_mapped) {
        /* A pipe belongs to the user who made it, here the real root.  What is
         * open already can be used by all; but a program inside that opens
         * /dev/stdin by its name opens the pipe anew, and would be refused: not
         * `... cat`, but `... cat /dev/stdin`.  So those of 0, 1, 2 that are
         * pipes are given to the user of the container, as seen outside. */
        uid_t first = (uid_t)atoi(fact(c, c->init, "uid_map") + strlen("0 "));
        for (int fd = 0; fd <= 2; fd++)
            if (strncmp(fact(c, 0, text("fd/%d", fd)), "pipe:", 5) == 0)
                TRY(fchown(fd, first + c->uid, first + c->gid));
        /* A namespace can be named by its file here, as with nsenter(1). */
        c->userns = TRY(openat(dir, "ns/user", READ));
        open_sources(c);
        memcpy(m->number, c->tree, sizeof m->number);
    }
}

/* ------------------------- fine print of cgroups ---------------------------
 * Where our group is, for root and for a user to whom systemd has delegated
 * the part of the tree that begins with user@1000.service:
 *
 *      /sys/fs/cgroup                        (or wherever it is mounted)
 *        |-- cage.web                        root's container `web`
 *        `-- user.slice/.../user@1000.service/...
 *              `-- run-42.scope              where the user's shell was
 *                    |-- cage-host           where it is now, with cage itself
 *                    `-- cage.web            the user's container `web`
 *
 * Two rules of the kernel make this picture.  A controller works in a group
 * only if the group above has it in cgroup.subtree_control; and a group that
 * has one there may hold no processes of its own (the "no internal process
 * constraint"; only the top of the tree may).  So a user's processes have to
 * step aside first.
 *
 * All of this is version 2.  Version 1 has a tree for each controller, each
 * mounted somewhere, and a controller is in one tree only: on a machine that
 * is half on the way ("hybrid"), memory or cpu or pids may still be there.
 *
 *      c->group_path     /sys/fs/cgroup/unified/cage.web
 *      v1_trees          /sys/fs/cgroup/memory/cage.web, cpu/..., pids/...
 *
 * Some of its files have other names; some things it does not know.
 *
 *   By hand, as a user:   systemd-run --user --scope -p Delegate=yes bash
 *             cd /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
 *             mkdir cage-host; echo $$ > cage-host/cgroup.procs
 *             echo +pids > cgroup.subtree_control
 *             mkdir cage.web; echo 10 > cage.web/pids.max
 *   See:      cgroups(7), cgroup-v2.rst in the kernel's Documentation/
 *
 * runc and crun leave all of it to systemd, if asked to (a call over D-Bus), or
 * do it themselves as here.  bubblewrap has no cgroups. */

/* What files of version 2 are called in version 1, where that is not the same.
 * Both take the values that our options write, so limits can be set and read by
 * this table alone.
 * (memory.swappiness 0 keeps a group from swapping, too: memory.rst in
 * Documentation/admin-guide/cgroup-v1/.) */
static const struct { const char *file, *v1_file; } v1_files[] = {
    { "memory.max", "memory.limit_in_bytes" },
    { "memory.swap.max", "memory.swappiness" },
    { "memory.current", "memory.usage_in_bytes" },
    { "memory.events", "memory.oom_control" },
    { "cpu.max", "cpu.cfs_quota_us" },
};

/* The group of the container NAME, c->group_path.  If it runs, MEMBER is its
 * PID 1: then its group is where that process is, "" if that is none of ours.
 * Else (0) the group is to be made, and c->above is where: root makes it at the
 * top of the tree, an ordinary user in the group in which cage was started.
 *
 * Where the tree of version 2 is mounted is looked up, by its type: on a hybrid
 * machine it is /sys/fs/cgroup/unified, and others have it elsewhere.  If it is
 * nowhere, the place is one that does not exist and that nobody can make. */
static void find_group(struct cage *c, const char *name, pid_t member) {
    /* A line of this one is WHAT PLACE TYPE OPTIONS...: proc(5). */
    if (c->mounts == NULL)          /* once: `cage ps` comes here often */
        c->mounts = read_file(c, c->proc, "self/mounts");
    const char *type = strstr(c->mounts, " cgroup2 ");
    if (type == NULL && c->settings > 0)
        refuse(c, "no cgroup2 file system is mounted here");
    const char *place = strrchr(type == NULL ? " /proc/no-cgroup2-mounted"
        : text("%.*s", (int)(type - c->mounts), c->mounts), ' ') + 1;

    /* A line of /proc/PID/cgroup is NUMBER:CONTROLLERS:PATH; version 2 is 0. */
    char *path = strstr(fact(c, member, "cgroup"), "0::/");
    bool top = path == NULL || (!member && geteuid() == 0);
    path = top ? text("/") : path + strlen("0::");

    /* From the group of that process to the one above: leave out the last part
     * if it is the container's own group, or cage-host, where another cage may
     * have moved us (see enable_controller()).  The top, "/", becomes "". */
    char *last = strrchr(path, '/');
    c->group_name = text("cage.%s", name);
    bool own = type && strcmp(last + 1, c->group_name) == 0;
    if (last[1] == '\0' || own || strcmp(last, "/cage-host") == 0)
        *last = '\0';
    c->above = text("%s%s", place, path);
    c->group_path = member && !own ? "" : text("%s/cage.%s", c->above, name);
    /* Who is at the top here, root, is so in version 1, too.  A new group needs
     * one there only for its limits. */
    c->v1 = *path == '\0' && *c->group_path && (member || c->settings > 0);
}

/* The path of FILE of our group, or of what stands for it in version 1, if it
 * is only there.  The tree there has the name of the controller, with which
 * that of the file begins. */
static const char *group_file(struct cage *c, const char *file) {
    const char *path = text("%s/%s", c->group_path, file), *v1 = file;
    for (size_t i = 0; i < sizeof v1_files / sizeof v1_files[0]; i++)
        if (strcmp(file, v1_files[i].file) == 0)
            v1 = v1_files[i].v1_file;
    v1 = text("/sys/fs/cgroup/%.*s/%s/%s", (int)strcspn(file, "."), file,
              c->group_name, v1);
    return c->v1 && exists(c, v1) && !exists(c, path) ? v1 : path;
}

/* Have the controller of FILE handed down to ours (of memory.max: memory).
 *
 * Processes in the group above stand in the way: memory is then refused
 * (EBUSY), and cpu and pids make a "threaded" tree of it, in which our group
 * is good for nothing (clone3 says EOPNOTSUPP).  So they step aside first,
 * cage and your shell among them, into a group beside ours, until none is
 * left: some may just be making children.  The top of the tree may keep its
 * processes, and is the only group that has no file cgroup.type.
 *
 * Errors of the last line tell nothing that a missing FILE will not tell. */
static void enable_controller(struct cage *c, const char *file) {
    int tries = *read_file(c, c->group, "../cgroup.type") ? 10000 : 0;
    for (char *pid; tries > 0 && (pid = strtok(
         read_file(c, c->group, "../cgroup.procs"), "\n")) != NULL; tries--) {
        mkdirat(c->group, "../cage-host", 0755);
        write_file(c->group, "../cage-host/cgroup.procs", pid);
    }
    write_file(c->group, "../cgroup.subtree_control",
               text("+%.*s", (int)strcspn(file, "."), file));
}

/* Remove the group NAME, from all trees.  (What is not there, or not for us to
 * remove, stays.)  rmdir(2) says EBUSY while there are processes in it, and the
 * kernel takes some time to see the last one out: so wait a millisecond, up to
 * TRIES times.  (That cgroup.events then reads "populated 0" can be waited for
 * by poll(2), but in version 2 only; mostly the first try succeeds.) */
static void remove_group(struct cage *c, const char *name, int tries) {
    /* That of version 2 goes last: by it the others are found if we are killed
     * meanwhile. */
    for (int i = 0; i <= V1_TREES && tries > 0; i++) {
        const char *tree = i < V1_TREES ? v1_trees[i] : c->above;
        while (rmdir(text("%s/%s", tree, name)) == -1 && errno == EBUSY
               && --tries > 0)
            poll(NULL, 0, 1);
    }
}

/* Remove the groups whose container is gone because its host side was killed,
 * for one by SIGKILL or when the machine ran out of memory.
 *
 * Each host side locks its group, flock(2), as soon as it is made; the kernel
 * releases the lock when that process has ended, however that was.  So a group
 * that can be locked belongs to nobody.  (Or it has been made just now, and its
 * lock comes next: then that cage finds it gone, and makes it again.)
 *
 * Looked at are the one of our own name, since it would be in our way, and 64
 * others, from a place in the list that is another each time: no container
 * shall start later because a thousand run. */
static void remove_stale_groups(struct cage *c) {
    struct dirent **files;
    int n = scandir(c->above, &files, NULL, NULL), next = getpid();
    for (int i = -1, left = 65; i < n; i++) {
        const char *name = i < 0 ? c->group_name : files[next++ % n]->d_name;
        if (strncmp(name, "cage.", strlen("cage.")) != 0 || left-- <= 0)
            continue;
        int fd = open(text("%s/%s", c->above, name), FOLDER);
        /* For the one of our own name we have to wait. */
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_group(c, name, i < 0 ? 1000 : 1);
        close(fd);
    }
}

/* What FILE of our group says after KEY, to the end of the line; "-" if there
 * is no such thing.  Some files have a line for each kind of event, such as
 * `oom_kill 1`, others are a single number: then KEY is "".  (As a number, "-"
 * is 0: see atol(3).) */
static const char *of_group(struct cage *c, const char *file, const char *key) {
    char *found = strstr(read_file(c, AT_FDCWD, group_file(c, file)), key);
    found = found ? strtok(found + strlen(key), "\n") : NULL;
    return found ? found : "-";
}

/* ------------------------------ preparations -------------------------------
 * Before the first step the host side takes the name, opens what no path will
 * lead to later, and blocks signals.  What is wrong with the arguments shall be
 * found here, where nothing has to be undone: the name and all descriptors go
 * away by themselves when the process ends.
 *
 *   Try:  ./cage run -n web rootfs sleep 9 & sleep 1
 *         ./cage run -n web rootfs true                 the name is taken
 *         ls -l /proc/$!/fd                             what is open */

static void open_other(struct cage *c);

/* The order matters: what the caller has left open is closed before we open
 * files of our own, and signals are blocked last, since until then Ctrl-C may
 * just end us. */
static void prepare(struct cage *c) {
    sigset_t all;
    struct sigaction hangup;
    const char *id = text("%u/%s", getuid(), c->name);
    /* If the caller ignores SIGCHLD, we would learn of no end: wait(2). */
    signal(SIGCHLD, SIG_DFL);
    /* What the caller has left open is closed: a link in ROOTFS could lead
     * there by /proc/self/fd.  (Not for the lesson --without=fds, which is to
     * show just that.) */
    KERNEL(close_range, without(c, fds) ? ~0U : 3, ~0U, 0);
    if (!c->exec)
        c->name_socket = must(c, name_socket(c, id, true), "bind(cage/%s)", id);
    /* A folder that is open can still be used when no path leads to it any
     * more: for /proc that is the case after the step pivot. */
    c->proc = TRY(open("/proc", FOLDER));
    if (c->join)
        open_other(c);
    /* The real root has ids to give away: in the first user namespace the map
     * says that all 4294967295 exist.  Root of another one (as in podman
     * without root) has fewer, and goes the way of an ordinary user. */
    c->id_mapped = geteuid() == 0 && !without(c, user)
        && strstr(fact(c, 0, "uid_map"), "4294967295");

    /* A pidfd stands for one process for ever, whereas a number can be given to
     * another one.  It becomes readable when the process ends: die_with_host()
     * looks at that.  See pidfd_open(2). */
    c->host_pidfd = KERNEL(pidfd_open, getpid(), 0);
    if (c->pause)
        c->keyboard = TRY(open("/dev/tty", READ));

    /* From now on signals wait until supervise() reads them, as if they came
     * from a file (signalfd(2)), and so none can end us before we have cleaned
     * up; the processes to come inherit that.  Only Ctrl-Z, typed where we
     * were started, still stops us at once.  And a SIGHUP that we found ignored
     * stays so, as nohup(1) wants: blocked, it would be kept for us. */
    sigfillset(&all);
    sigdelset(&all, SIGTSTP);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
        sigdelset(&all, SIGHUP);
    TRY(sigprocmask(SIG_SETMASK, &all, NULL));
    c->signals = TRY(signalfd(-1, &all, SFD_CLOEXEC));
    c->on_host_side = true;         /* from now on there is something to undo */
}

/* ------------------- the terminal, seen from the host side ------------------
 * The command has a terminal of its own (see the step tty), whose master end is
 * open here, too.  What is typed on the real one goes in there, and what comes
 * out of it is written to the real one:
 *
 *      keys ---> | real     | ---> host ---> | master | slave | ---> command
 *      text <--- | terminal | <--- side <--- |        |       | <---
 *                  raw                         echo, Ctrl-C, lines
 *
 * A terminal is more than a wire: it echoes what is typed, collects it to lines
 * that can be edited, turns Ctrl-C into a signal, and \n into \r\n on the way
 * out (termios(3)).  Two in a row would do all that twice.  So the real one is
 * made *raw*, which means that it does nothing; and afterwards it must be put
 * back, or your shell would be without echo.
 *
 * The real one belongs to whichever job of your shell is in the foreground.
 * A job in the background that changes its modes is stopped by SIGTTOU, one
 * that reads from it by SIGTTIN (credentials(7)).  So a container started with
 * `&` leaves it alone until `fg`.
 *
 * What happens, in order:
 *
 *      command    opens the new terminal, and tells us (both ends)
 *      we         answer(): the size, and who turns \n into \r\n
 *      command    says that it starts now
 *      we         take_keyboard(): the real terminal becomes raw
 *                 copy_input() and copy_output(), until PID 1 ends
 *                 clean_up(): the rest of the output, then the old modes
 *
 *   Try:  tty; ./cage run rootfs sh      and then, in another window,
 *         stty -a -F /dev/pts/7          or whatever the first line has said
 *
 * runc and crun can hand the master to another program (--console-socket); for
 * Docker and podman there is one that copies the bytes as we do here.
 * bubblewrap has no terminal for its command: it gets yours. */

/* Make the new terminal as large as the real one.  The kernel then sends
 * SIGWINCH to the foreground job in it (ioctl_tty(2)), and editors draw
 * themselves anew. */
static void fit_window(struct cage *c) {
    struct winsize size;
    if (c->master && ioctl(c->terminal, TIOCGWINSZ, &size) == 0)
        ioctl(c->master, TIOCSWINSZ, &size);
}

/* Take the keyboard, if that can be done now: the command has its terminal and
 * runs (before that, Ctrl-C shall still end us), we have not got it already,
 * and ours is the process group in the foreground of the real terminal; or that
 * is no terminal with jobs for us (-1), as in su -c.  c->cooked keeps the modes
 * for clean_up(): those of the first time (no modes are all 0), since after a
 * SIGCONT it may still be raw. */
static void take_keyboard(struct cage *c) {
    if (!c->master || !c->runs || c->raw || !keyboard_is_ours()
        || (tcgetpgrp(0) != -1 && tcgetpgrp(0) != getpgrp())
        || (c->cooked.c_cflag == 0 && tcgetattr(0, &c->cooked) == -1))
        return;
    struct termios raw = c->cooked;
    cfmakeraw(&raw);
    /* DRAIN: only when what was written before has come out. */
    c->raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
}

/* Write out what has come from the command.  False if there was nothing, or if
 * the real terminal is gone. */
static bool copy_output(struct cage *c) {
    /* The master never makes us wait (O_NONBLOCK), the real terminal may: then
     * the command has to wait as well, in the end.  (Ctrl-S does that only
     * while the real one is not raw; else it goes in, to the new one.)  Another
     * program may have made that one O_NONBLOCK, too: hence poll. */
    char text[8192];
    ssize_t size = read(c->master, text, sizeof text), n = 0;
    for (ssize_t done = 0; done < size && n != -1
         && poll(&(struct pollfd){ c->terminal, POLLOUT, 0 }, 1, -1); done += n)
        n = write(c->terminal, text + done, (size_t)(size - done));
    return size > 0 && n != -1;
}

/* Hand in one byte that was typed.  If the command does not read, its terminal
 * is full at some point: then what is typed stays in the real one, and we look
 * again 100 times a second. */
static void copy_input(struct cage *c) {
    char key;
    if (poll(&(struct pollfd){ c->master, POLLOUT, 0 }, 1, 10) == 0)
        return;
    if (read(0, &key, 1) == 1)
        TRY(write(c->master, &key, 1));
    else
        /* No key for us.  Either we are in the background now (by `bg`, after a
         * SIGSTOP), and take_keyboard() waits for `fg`.  Or the window is
         * closed, and there are no modes to put back: then say to the command
         * what the kernel says to those whose terminal hangs up. */
        c->raw = tcgetpgrp(0) == -1 && kill(getpid(), SIGHUP) == -1;
}

/* ------------------------- the host side at work ---------------------------
 * While the container starts and runs, the host side sits in one loop, in
 * supervise(), and waits in poll(2) for whatever comes first:
 *
 *      c->signals   a signal for us          handle_signal()
 *      c->talk      a question from inside   answer()
 *      c->master    output of the command    copy_output()
 *      0            a key was pressed        copy_input()
 *      name_socket  somebody has asked who we are: take the connection
 *      c->pod       the container that we have joined has ended, and so do we
 *
 * The order of a run, seen from here: the child asks for its id maps, starts
 * PID 1, and ends; PID 1 says which number it has; the command says which
 * terminal it has made, and then that it starts; PID 1 ends with the command's
 * status, and that is the end.
 *
 * However a run ends, and at whatever point, clean_up() is called, once; that
 * is the only place where something is undone.  And if we die by SIGKILL, it
 * is the kernel that cleans up: all that we hold is descriptors, and processes
 * that die with us.  What stays is a cgroup, until a later cage removes it; a
 * terminal that is raw (type: reset); and what --net COMMAND has made.
 *
 * The status that cage ends with, c->status:
 *
 *      of the command      as PID 1 has passed it on (0 to 255)
 *      128 + n             signal n killed it, or PID 1, or us before it ran
 *      127, 126            step exec: not found, not executable
 *      125                 cage itself failed: fail() was called
 *
 * docker run and podman run use the same numbers.
 *
 *   Try:  strace -e trace=poll,read,sendto,recvfrom ./cage run rootfs true
 */

/* Run the command of --net, with CAGE_EVENT=up or =down; the other variables
 * tell it whose network it is (/proc/CAGE_PID/ns/net; at `down` that is gone,
 * and CAGE_PID may be 0: go by CAGE_NAME).  It runs outside the container, as
 * whoever has started cage: runc's hooks and the network plugins of Kubernetes
 * (CNI) work like this.  Returns its status. */
static int run_net_command(struct cage *c, const char *event) {
    c->step = "net";
    /* They stay in our environment.  What runs inside gets none of it. */
    setenv("CAGE_PID", text("%d", c->init), 1);
    setenv("CAGE_NAME", c->name, 1);
    setenv("CAGE_EVENT", event, 1);
    const char *const argv[] = { "/bin/sh", "-c", c->net, NULL };
    int status = run_program(c, argv, 0, NULL);
    /* One line is enough: not again after "up", when PID 1 still lived. */
    if (status != 0 && (c->status != EXIT_CAGE || c->init == 0))
        note(c, "--net %s: %s ended with status %d", c->net, event, status);
    return status;
}

/* Answer a question of the inner processes (see `struct message`).  The answer
 * is the same message, filled in, and says "go on".
 *
 * Can the container ask for something it should not have?  The questions come
 * from this file's own code: no program of ROOTFS has run yet, and the command
 * gets no end of the socket, since execve(2) closes it. */
static void answer(struct cage *c) {
    struct message m;
    TRY(recv(c->talk, &m, sizeof m, 0));
    if (m.what == WRITE_MY_ID_MAPS)
        write_id_maps(c, &m);
    else if (m.what == TAKE_THE_TERMINAL) {
        /* We keep the slave end open as well: to read the master is an error
         * (EIO) as long as nobody has the other end open, and that may be so
         * for a moment while programs inside come and go.  A command that does
         * not read must not bring us to a halt: O_NONBLOCK. */
        c->step = "tty";
        TRY(fcntl(m.number[0], F_SETFL, O_NONBLOCK));
        c->master = m.number[0];
        /* Where its output is shown: at least one of the three is one. */
        c->terminal = isatty(1) ? 1 : isatty(2) ? 2 : 0;
        /* Without OPOST, "output processing", a terminal leaves \n as it is.
         * If the real one will never be raw, it goes on making \r\n of it. */
        struct termios modes;
        TRY(tcgetattr(m.number[1], &modes));
        modes.c_oflag &= keyboard_is_ours() ? ~(tcflag_t)0 : ~(tcflag_t)OPOST;
        TRY(tcsetattr(m.number[1], TCSANOW, &modes));
        fit_window(c);
    } else if (m.what == I_START)
        /* Now our name can be connected to: "it runs".  See names. */
        c->runs = c->exec || TRY(listen(c->name_socket, SOMAXCONN)) == 0;
    else {
        /* THIS_IS_INIT, and it waits.  Connect its network, so that the command
         * finds it ready.  We note before COMMAND runs that it has to be told
         * when all is over: it may have done half of its work. */
        c->init = m.number[0];
        prctl(PR_SET_NAME, text("cage: %d", c->init));      /* for find() */
        c->net_up = c->net != NULL;
        if (c->net && run_net_command(c, "up") != 0)
            c->status = EXIT_CAGE;
    }
    if (c->status == -1)            /* else it is over */
        TRY(send(c->talk, &m, sizeof m, MSG_NOSIGNAL));
}

/* See which of our children have ended, without waiting.  With PID 1 the whole
 * container has ended, and its status becomes ours.  Before the command runs, 0
 * says that a child has done its part (the child, as soon as there is a PID 1;
 * the tar of copy_as_archive(), when all is copied), and everything else that
 * the run is over.  Later only that tar could still fail, with 125; what else
 * ends was there before us: a shell that becomes cage by exec leaves us its
 * children.
 *
 * The number of one that has ended is forgotten: the kernel may give it to
 * another process, and clean_up() must not kill a stranger. */
static void reap(struct cage *c) {
    int how, pid;
    while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
        if (c->runs ? pid == c->init || exit_status(how) == EXIT_CAGE
            : exit_status(how) != 0)
            c->status = exit_status(how);
        if (pid == c->init)
            c->init = 0;
    }
    if (pid == -1 && c->status == -1)   /* we would wait for ever */
        must(c, -1, "waitpid()");
}

/* A signal has arrived.  Signals for cage are meant for the command: before it
 * runs they end the run, with 128+n as if n had killed it (but a COMMAND of
 * --net gets those that come while it runs); then they go to PID 1, which
 * passes them on.  (Ctrl-C on a raw terminal is no signal but a byte, and
 * becomes one in the new terminal.) */
static void handle_signal(struct cage *c) {
    /* signalfd(2) gives one of these for each signal; reading takes it away. */
    struct signalfd_siginfo signal;
    TRY(read(c->signals, &signal, sizeof signal));
    int number = (int)signal.ssi_signo;
    /* SIGCONT: the shell's `fg` or `bg`.  The window may be another size by
     * now, and the real terminal is not raw any more, or not ours. */
    c->raw = c->raw && number != SIGCONT;
    if (number == SIGWINCH || number == SIGCONT)
        fit_window(c);
    /* SIGCHLD has done its work: it has ended poll(), and reap() comes next. */
    else if (number != SIGCHLD && !c->runs)
        c->status = EXIT_SIGNAL + number;   /* not started yet: then never */
    else if (number != SIGCHLD && c->init > 0)
        /* PID 1 passes it on, and what a keyboard sends (SIGINT, SIGQUIT) to
         * all of the command's group.  With `exec` there is no PID 1 between
         * us; and SIGHUP, from a window that is closed, is for all as well. */
        kill(c->exec && number <= SIGQUIT ? -c->init : c->init, number);
}

/* Wait until it is over: serve signals, the inner processes and the terminal.
 * Sets c->status, which is -1 as long as it is not over.
 *
 * poll(2) takes a list of descriptors, skips those that are -1, and returns
 * when one of them has something for us.
 *
 * In which of these states the run is can be told by three of our variables:
 *
 *      runs    master   raw
 *      no      0        no     the steps are being run
 *      no      open     no     the command has its terminal, execve comes
 *      yes     0        no     the command runs, without a terminal (pipes)
 *      yes     open     no     the command runs without the keyboard: in the
 *                              background, or `cage run ... | less`
 *      yes     open     yes    the command runs and has the keyboard
 */
static void supervise(struct cage *c) {
    while (reap(c), c->status == -1) {
        struct pollfd events[] = {
            /* descriptor, what we wait for, and room for what has happened */
            { c->signals, POLLIN, 0 },
            { c->talk, POLLIN, 0 },
            { c->master ? c->master : -1, POLLIN, 0 },
            { c->raw ? 0 : -1, POLLIN, 0 },
            { c->name_socket && c->runs ? c->name_socket : -1, POLLIN, 0 },
            { c->pod && c->runs ? c->pod : -1, POLLIN, 0 },
        };
        /* There is a terminal, but its keyboard is not taken: nobody tells us
         * when we come to the foreground, so look five times a second. */
        poll(events, 6, c->master && !c->raw && keyboard_is_ours() ? 200 : -1);
        /* Signals first: answer() may run a program, which reads them too, and
         * then we would wait here for one that is gone. */
        if (events[0].revents)
            handle_signal(c);
        if (events[1].revents)
            answer(c);
        take_keyboard(c);
        if (events[2].revents)
            copy_output(c);
        if (events[3].revents)
            copy_input(c);
        /* The kernel has answered; this is only to make room for the next. */
        if (events[4].revents)
            close(accept4(c->name_socket, NULL, NULL, SOCK_CLOEXEC));
        if (events[5].revents)
            c->status = EXIT_SIGNAL + SIGKILL;
    }
    /* On the way in, that is no status of the command. */
    if (c->join && !c->runs && c->status == EXIT_SIGNAL + SIGKILL)
        refuse(c, "%s has ended", c->join);
}

/* Undo everything, however the run has ended.  Only the host side does this,
 * and only once: what fails in here ends in fail(), and must not come back. */
static void clean_up(struct cage *c) {
    c->on_host_side = false;
    /* Make room for a file: that we may open no more can be why we are here. */
    close(c->host_pidfd);
    /* SIGKILL cannot be caught.  Whoever dies as PID 1 takes all processes of
     * its namespace along, and waitpid(2) returns only when they are gone
     * (pid_namespaces(7)): now their cgroup is empty.  If we do not know PID 1
     * yet, it dies with us: see die_with_host(). */
    if (c->init > 0 && kill(c->init, SIGKILL) == 0)
        waitpid(c->init, NULL, 0);
    /* What the command wrote last is still in its terminal.  It may be the
     * message that tells why it failed.  (A terminal does not hold 99 times
     * what copy_output() takes; but after `cage exec` others may still write.)
     */
    for (int i = 0; i < 99 && c->master && copy_output(c); i++)
        ;
    if (c->raw)
        tcsetattr(0, TCSADRAIN, &c->cooked);
    if (c->exec)
        return;                     /* the rest is the business of `run` */
    /* From here on nobody shall find us as a container that runs; but the name
     * stays ours until the end. */
    shutdown(c->name_socket, SHUT_RDWR);
    /* Before what can end in fail(): the network would stay as it is, while a
     * group that is left is removed by a later cage. */
    if (c->net_up)
        run_net_command(c, "down");
    if (c->group == 0)
        return;
    /* If a limit has ended the command, say which.  Without it all that is seen
     * is status 137 or, when no more processes can be made, "fork: Resource
     * temporarily unavailable".  oom_kill counts the processes of the group
     * that the kernel has killed for lack of memory, nearly always the group's;
     * max of pids.events, how often a fork was refused.  (137: killed by
     * SIGKILL.  A command that ended well, with 0, has not been ended by a
     * limit.) */
    c->step = "";
    if (c->status == 137 && atol(of_group(c, "memory.events", "oom_kill ")))
        note(c, "killed: memory limit %gM reached",
             atof(of_group(c, "memory.max", "")) / (1 << 20));
    if (c->status > 0 && atol(of_group(c, "pids.events", "max ")))
        note(c, "the limit of processes was reached (how often: %s)",
             of_group(c, "pids.events", "max "));
    /* With PID 1 all processes of its namespace have died; but --without=pid
     * there may be some left, and this sends SIGKILL to all of the group at
     * once, however fast they multiply (Linux 5.14). */
    write_file(AT_FDCWD, group_file(c, "cgroup.kill"), "1");
    remove_group(c, c->group_name, 1000);
}

/* ---------------------------------- hints ----------------------------------
 * The kernel has some 130 numbers to say why it refuses, and for "you may not"
 * mostly the same two, EPERM and EACCES.  The reason is often a setting that a
 * distribution has made; the same call works on the next machine.  Where the
 * number misleads, the second line of an error says what it most likely means
 * in that step, and what to do about it.  It is a guess, and says so: "hint".
 *
 *      $ ./cage run -m 64M rootfs true                    (as a user)
 *      cage: cgroup: mkdir(/sys/fs/cgroup/...): Permission denied
 *      hint: ordinary users need a group delegated to them: systemd-run ...
 *
 * Who meets such an error on the first day cannot know where the settings are.
 * `make doctor` tries the steps on this machine and prints what is refused. */

static const struct { int error; const char *step, *tip; } hints[] = {
    /* systemd delegates the group of the user's own service manager, but not
     * those of the sessions, in which the terminals are. */
    { EACCES, "cgroup", "ordinary users need a group delegated to them: "
        "systemd-run --user --scope -p Delegate=yes ./cage run ..." },
    /* Debian's own switch, 0 before Debian 11; and a seccomp filter such as
     * Docker's does not let a container make another. */
    { EPERM, "user", "this is a container, or ordinary users may not do it: "
        "sysctl kernel.unprivileged_userns_clone=1" },
    { EAGAIN, "rootfs", "another container has this folder now" },
    /* In a user namespace mounts come only together, see bind_mount(). */
    { EINVAL, "rootfs", "only root may leave out what is mounted below it" },
    /* move_mount(2) says only EINVAL, or the host side could not map it. */
    { EINVAL, "volumes", "a folder goes on a folder, a file on a file; and "
        "under root overlayfs, NFS and 9p cannot be id-mapped" },
    /* A new proc would show what the cover hides: mount_too_revealing() in the
     * kernel's fs/namespace.c.  (docker run --security-opt systempaths=...) */
    { EPERM, "proc", "/proc has covers; docker: systempaths=unconfined" },
    /* pivot_root(2) has more reasons for EINVAL; these are likely.  (The
     * initramfs of a machine that is just booting cannot be left either.) */
    { EINVAL, "pivot", "both roots must be mounts, not shared (see private)" },
    /* An id that no line of the map contains: setresuid(2), EINVAL. */
    { EINVAL, "id", "no such id inside; /etc/subuid can give more than one" },
    /* execve(2), ENOENT: the file, or the "#!" or the ELF interpreter in it. */
    { ENOENT, "exec", "it or its interpreter or loader is not inside (make?)" },
    { EADDRINUSE, "", "a container of this name is running (see cage ps)" },
};

/* Returns the hint for ERROR in the step that is being run, or NULL.
 * What holds for many steps is asked first. */
static const char *hint_for(struct cage *c, int error) {
    const char *rule = "sys/kernel/apparmor_restrict_unprivileged_userns";
    int step = number_of(c->step);
    char on = '0';
    /* If the container that we enter ends meanwhile, calls fail with ESRCH,
     * ENOMEM, ENODEV and others.  Its pidfd tells whether that is so: it can be
     * read when the process has ended, perhaps a moment after the call.  (ESRCH
     * before all steps: it had ended when its pidfd was to be opened.) */
    if ((error == ESRCH && *c->step == '\0')
        || (c->pod && poll(&(struct pollfd){ c->pod, POLLIN, 0 }, 1, 100) == 1))
        return "the container has ended meanwhile";
    if (error == ENOSPC && step > 0 && step <= number_of("pid"))
        return "the limits are in /proc/sys/user/max_*_namespaces";
    if (error == EPERM && without(c, user) && geteuid() != 0)
        return "without the step user, only root may do this";
    /* Ubuntu: AppArmor lets anybody make a user namespace, and then takes all
     * capabilities in it away.  It is a later step, one that uses them, which
     * fails; but exec needs none.  (The real root is spared, and cannot be told
     * by getuid(): in the namespace all are 0.  Not by read_file(): if that
     * failed, it would ask for a hint.) */
    if ((error == EPERM || error == EACCES) && !c->id_mapped && step > 0
        && step < number_of("exec") && !without(c, user)
        && read(openat(c->proc, rule, READ), &on, 1) == 1 && on == '1')
        return "AppArmor takes the powers of user namespaces away (Ubuntu): "
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0";
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].error == error && strcmp(hints[i].step, c->step) == 0)
            return hints[i].tip;
    return NULL;
}

/* ========================================================================== *
 *                         PART III: LIVING WITH IT
 * ==========================================================================
 *
 * A container that runs is processes, and the kernel knows everything about
 * them.  So the commands below need no daemon and no notes of their own: they
 * ask /proc and the cgroup, at the moment when you ask them.
 *
 *      @cage/1000/web, a socket      connect(2): whose?   the host side
 *      its /proc/PID/comm            `cage: 4712`         PID 1
 *      /proc/4712/task/4712/children its oldest child     the command
 *
 * Docker's daemon keeps a folder of files for each container, and so does runc,
 * below /run; they have to be mended when the machine has crashed in between.
 *
 *   exec      a process that is born on the host and walks in, by setns(2)
 *   ps, show  what /proc says of the processes
 *   stop      two signals
 *   pause     a 1, written into cgroup.freeze; resume: a 0
 *
 *   See:      setns(2), pidfd_open(2), proc(5), cgroup-v2.rst */

/* Find the three processes of the container ID, which is UID/NAME: c->other.
 * False if its command does not run: not yet, or no more.  Who wants to enter
 * also waits until it has become its program: "cage: command" still has the
 * caller's environment and our open files, and what `exec` starts inside may be
 * hostile, and look into it.
 *
 * Anybody can bind any name, but the kernel says who listens (SO_PEERCRED), and
 * only its own user is believed.  (If that process has handed the socket to
 * another one and ended, its number may by now be that of a stranger: hence the
 * second look at whose it is.)
 *
 * The host side has put the number of PID 1 into its own name, which ps(1)
 * shows and only it can change.  (It may have other children: COMMAND of --net
 * can leave some behind, or whoever has become cage by execve(2).)  That PID 1
 * is its child tells that the number has not been given to a stranger. */
static bool find(struct cage *c, const char *id) {
    struct ucred who = { 0 };
    struct stat owner;
    int fd = name_socket(c, id, false);
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &(socklen_t){ sizeof who });
    close(fd);
    if (fstatat(c->proc, text("%d", who.pid), &owner, 0) == -1
        || owner.st_uid != who.uid || strtoul(id, NULL, 10) != who.uid
        || sscanf(fact(c, who.pid, "comm"), "cage: %d", &c->other.init) != 1)
        return false;
    /* NUMBER (NAME) STATE PARENT ... and, as the 22nd, when it was started.  (A
     * `)` can be in the name as well.) */
    const char *stat = fact(c, c->other.init, "stat"), *at = strrchr(stat, ')');
    if (at == NULL || sscanf(at, ") %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s"
            " %*s %*s %*s %*s %*s %*s %*s %*s %ld", &c->other.host, &c->started)
        != 2 || c->other.host != who.pid)
        return false;
    /* Without the step init, PID 1 is the command itself. */
    c->other.command = strstr(stat, " (cage: init) ") == NULL ? c->other.init
        : atoi(fact(c, c->other.init, text("task/%d/children", c->other.init)));
    return c->other.command
        && !(c->join && strstr(fact(c, c->other.command, "comm"), "cage: c"));
}

/* Find the container NAME, or UID/NAME as `cage ps` shows it to root, and its
 * group; refuse if there is none.  One that is just being made is waited for,
 * up to 5 seconds, and 0.3 for its name: after `cage run -n web ... &` nothing
 * is there yet. */
static void find_running(struct cage *c, const char *name) {
    const char *id = strchr(name, '/') ? name : text("%u/%s", getuid(), name);
    for (int tries = 0; !find(c, id); poll(NULL, 0, 10))
        if (++tries == 500 || (tries >= 30 && !strstr(
            read_file(c, c->proc, "net/unix"), text("@cage/%s\n", id))))
            refuse(c, "%.200s: no container of this name is running", name);
    /* Who enters the container of another user is in that user's hands: a false
     * one could have the host's namespaces, and any files. */
    if (strtoul(id, NULL, 10) != getuid() && (c->join || getuid() != 0))
        refuse(c, "%s: only its own user may do this", name);
    /* From now on we mean processes, not numbers: a pidfd stands for one of
     * them for ever.  But just before it was opened that one may have ended,
     * and its number been given to another, so look again. */
    const struct container first = c->other;
    c->pod = KERNEL(pidfd_open, first.command, 0);
    c->pod_host = KERNEL(pidfd_open, first.host, 0);
    if (!find(c, id) || memcmp(&first, &c->other, sizeof first) != 0)
        refuse(c, "%.200s has ended", name);
    find_group(c, strchr(id, '/') + 1, first.init);
}

/* -------------------------- exec and --join: enter -------------------------
 * setns(2) is the opposite of unshare(2): it puts the process into a namespace
 * that is there already.  Which one is told by a pidfd: those of that process.
 *
 *   cage run            clone3 ---> unshare, unshare... ---> rights ---> execve
 *   cage exec           clone3 ---> setns ----------------->   "           "
 *   cage run --join     clone3 ---> setns, unshare... ----->   "           "
 *
 * So `exec` does what `run` does, with one call in place of most steps.  It
 * gives up the same rights by the same functions: what holds for the first
 * process of the container holds for all.
 *
 * Containers that share some namespaces are called a *pod*.  --join shares
 * those by which programs talk to each other, net and ipc, the host name (uts),
 * and the user namespace to which the other three belong.
 *
 *   By hand:  nsenter --target PID --all
 *   Try:      ./cage run -n web rootfs sleep 100 &
 *             ./cage exec web ps; ./cage run --join web rootfs ip addr
 *             ./cage stop web */

/* Open what is needed to enter the container c->join, and see which of its
 * namespaces are not ours: a process may not enter its own user namespace. */
static void open_other(struct cage *c) {
    find_running(c, c->join);
    /* Whoever enters would be frozen as well, or wait for frozen ones. */
    if (*of_group(c, "cgroup.events", "frozen ") == '1')
        refuse(c, "%s is paused (see cage resume)", c->join);
    pid_t pid = c->other.command;
    for (int i = 0; i < NAMESPACES; i++)
        /* A pod shares those by which programs talk, and their owner. */
        if ((c->exec || strstr("ns/ipc ns/net ns/user ns/uts", facts[i]))
            && strcmp(fact(c, 0, facts[i]), fact(c, pid, facts[i])) != 0)
            c->pod_namespaces |= namespaces[i];
    /* A command that begins with #!/proc/self/exe is our own file, and so a
     * program inside can get hold of it, and write to it as soon as nobody runs
     * it any more (CVE-2019-5736).  PID 1 runs its file as long as anything
     * inside lives: so ours has to be the same. */
    if (strcmp(fact(c, 0, "exe"), fact(c, c->other.host, "exe")) != 0)
        refuse(c, "%s was started by another cage file, or has ended", c->join);
    /* A step that was left out there is left out here. */
    without(c, user) |= !(c->pod_namespaces & CLONE_NEWUSER);
    without(c, net) |= !(c->pod_namespaces & CLONE_NEWNET);
    c->pod_root = TRY(openat(c->proc, text("%d/root", pid), READ | O_PATH));
    if (c->exec && *c->group_path)
        c->group = TRY(open(c->group_path, FOLDER));
}

/* --------------------------------- ps, show --------------------------------
 * Nothing is written down when a container starts, so nothing can be wrong
 * here: the list of names is /proc/net/unix, and the rest is asked when you
 * want to know it.
 *
 *      NAME        @cage/UID/NAME in /proc/net/unix
 *      PID         of the command, as it is numbered outside
 *      UP          /proc/uptime, less when PID 1 was started, which stands in
 *                  /proc/PID/stat, in ticks of 1/100 s since the machine was
 *      MEMORY      memory.current of the cgroup; - if nobody counts it
 *      CPU         usage_usec in cpu.stat of the cgroup
 *      PROCS       how many are in cgroup.procs; without a group, PID 1 and all
 *                  that descend from it
 *      COMMAND     /proc/PID/cmdline; (paused) if cgroup.events says "frozen 1"
 *
 * `show` is --explain for a container that runs: the same facts, but of two
 * processes at one moment.  What is the same is shared with the host.  The path
 * of the cgroup is there to be used:
 *
 *   Try:  ./cage run -n web -m 64M rootfs sleep 99 & sleep 1; ./cage show web
 *         echo 32M > FILE     the memory.max (or ..limit..) shown; as root
 *   See:  proc(5), lsns(8), systemd-cgls(1) */

/* Count the processes of the container; and if SHOW, print for each the number
 * of its parent (outside), its own outside and inside, and its command line.
 * With a group, its list tells them, also those that `cage exec` has brought
 * in, whose parents are outside.  Else the list grows as we go: it begins with
 * PID 1, and at its end are put the children of each.  (As a fork bomb may make
 * it grow for ever, only 999 are asked for their children.) */
static int processes(struct cage *c, bool show) {
    bool group = *c->group_path != '\0';
    char *list = group ? read_file(c, AT_FDCWD, group_file(c, "cgroup.procs"))
        : text("%d", c->other.init);
    int count = 0;
    for (pid_t pid; (pid = (pid_t)strtol(list, &list, 10)) != 0; count++) {
        if (!group && count < 999)
            list = text("%s %s", list,
                        fact(c, pid, text("task/%d/children", pid)));
        if (show)
            printf("%9s %16s  %.120s\n", fact(c, pid, "PPid"),
                   fact(c, pid, "NSpid"), fact(c, pid, "cmdline"));
    }
    return count;
}

/* cage ps: a line for each container of this user; for root, of all users. */
static void command_ps(struct cage *c) {
    unsigned uid;
    char name[80], *next = read_file(c, c->proc, "net/unix");
    double now = atof(read_file(c, c->proc, "uptime"));
    printf("%-16s %8s %8s %9s %9s %5s  %s\n", "NAME", "PID", "UP", "MEMORY",
           "CPU", "PROCS", "COMMAND");
    for (char *line; (line = strsep(&next, "\n")) != NULL;) {
        /* A line is Num RefCount Protocol Flags Type St Inode Path; the flag
         * 10000 says that it listens. */
        if (sscanf(line, "%*s %*s %*s 00010000 %*s %*s %*s @cage/%u/"
                   "%79[A-Za-z0-9_.-]", &uid, name) != 2)
            continue;
        const char *id = text("%u/%s", uid, name);
        if ((uid != getuid() && getuid() != 0) || !find(c, id))
            continue;                   /* not ours, or just ended */
        find_group(c, name, c->other.init);
        double up = now - (double)c->started / 100;
        double memory = atof(of_group(c, "memory.current", ""));
        double cpu = atof(of_group(c, "cpu.stat", "usage_usec ")) / 1e6;
        printf("%-16s %8d %7.0fs %9s %9s %5d  %s%.120s\n",
               uid == getuid() ? name : id, c->other.command, up,
               memory > 0 ? text("%.1fM", memory / (1 << 20)) : "-",
               *c->group_path ? text("%.2fs", cpu) : "-", processes(c, false),
               *of_group(c, "cgroup.events", "frozen ") == '1'
               ? "(paused) " : "", fact(c, c->other.command, "cmdline"));
    }
}

/* cage show NAME: host and container side by side. */
static void command_show(struct cage *c, const char *name) {
    static const char *const files[] = { "memory.max", "memory.current",
        "cpu.max", "cpu.stat", "pids.max", "pids.current", NULL };
    find_running(c, name);
    printf("%-20s %-7s %-36s %s\n", "", "", "host", name);
    /* Not the last two: fd/0 is a name, and /dev/pts/0 inside another terminal
     * than outside; what is below /proc/sys is always that of who reads it. */
    for (int i = 0; i < FACTS - 2; i++) {
        const char *here = fact(c, 0, facts[i]);
        const char *there = fact(c, c->other.command, facts[i]);
        printf("%-20s %-7s %-36s %s\n", facts[i],
               strcmp(here, there) == 0 ? "shared" : "own", here, there);
    }
    printf("\n%s\n", *c->group_path ? c->group_path : "no cgroup of its own");
    for (int i = 0; files[i]; i++)
        if (*of_group(c, files[i], "") != '-')
            printf("%-60s %s\n", group_file(c, files[i]),
                   of_group(c, files[i], ""));
    puts("\n   parent   outside inside  command");
    processes(c, true);
}

/* ---------------------------- stop, pause, resume --------------------------
 *   By hand:  cd (the folder of the cgroup, as show prints it)
 *             echo 1 > cgroup.freeze; echo 0 > cgroup.freeze
 *             kill -TERM PID      (of the command, as ps shows it)
 *   See:      cgroup-v2.rst on cgroup.freeze; pidfd_send_signal(2) */

/* Write 1 into cgroup.freeze if ON, else 0.  A frozen process does not run,
 * and does not know: SIGSTOP, which does the same to one process, can be seen
 * by its parent, and one that was forked meanwhile would be missed. */
static void freeze(struct cage *c, const char *name, bool on) {
    find_running(c, name);
    if (*c->group_path == '\0')
        refuse(c, "%s has no cgroup, and only a cgroup can be frozen", name);
    TRY(write_file(AT_FDCWD, group_file(c, "cgroup.freeze"), on ? "1" : "0"));
    /* It takes a moment until the last of them has stopped (or somebody else
     * has written another number meanwhile). */
    while (*of_group(c, "cgroup.events", "frozen ")
           != *of_group(c, "cgroup.freeze", ""))
        poll(NULL, 0, 1);
}

/* cage stop: SIGTERM is a request to the command, "end, please".  After 10
 * seconds SIGKILL is no request any more.  With the command ends PID 1, and
 * with it all the rest.  We return when the host side has ended, and cleaned
 * up. */
static void command_stop(struct cage *c, const char *name) {
    find_running(c, name);
    struct pollfd end = { .fd = c->pod_host, .events = POLLIN };
    /* A frozen process handles no signal, and a frozen PID 1 does not see that
     * the command has ended; and if the host side was stopped, by Ctrl-Z, it
     * could not clean up. */
    write_file(AT_FDCWD, group_file(c, "cgroup.freeze"), "0");
    KERNEL(pidfd_send_signal, c->pod_host, SIGCONT, NULL, 0);
    KERNEL(pidfd_send_signal, c->pod, SIGTERM, NULL, 0);
    if (poll(&end, 1, 10000) == 0)
        syscall(SYS_pidfd_send_signal, c->pod, SIGKILL, NULL, 0);
    poll(&end, 1, -1);
}

/* ========================================================================== *
 *                            MAIN: THE OPTIONS
 * ==========================================================================
 *
 * All that cage does begins with its command line.  What stands there is
 * trusted (whoever types it could run the command without cage), but not to be
 * free of errors: `--memory 64MB` must not become a limit of 64 bytes, or no
 * limit.  So a value is compared with the form it should have before anything
 * else.
 *
 * Here each word is only noted in struct cage.  Nothing is done before all of
 * them have been read and settle() has compared them.
 *
 *      cage run -m 64M -v /src:/mnt:ro --without=uts upper:lower sh -c 'a b'
 *               |      |               |             |           |
 *               |      |               left_out[]    |           c->command
 *               |      c->source[0]                  c->source[1], [2]
 *               c->setting[0] to [2]: memory.max and two more
 *
 * Most options are called as docker's are.  runc and crun have no such
 * options: they read a file, config.json, in which another program has written
 * down the same (the OCI runtime specification); `linux.resources.memory.limit`
 * is our -m.  bubblewrap has an option for every single mount, and carries them
 * out in the order given. */

/* The options, one a row: letter and name for getopt_long(3), the form of a
 * good value as an extended regular expression (regex(7); NULL: it takes none),
 * and what --help says: first what the value is.  A capital letter cannot be
 * typed, it is only what getopt returns: such an option has just its name. */
static const struct { char val; const char *name, *form, *help; } options[] = {
    /* Who it is.  A name becomes part of a file name, cage.NAME, and of a
     * socket's: so there is no / in it, and no - or . in front. */
    { 'n', "name", "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", "NAME (its name)" },
    { 'H', "hostname", "^.{1,64}$", "NAME (its host name, else cage)" },
    /* What it may use: files of its cgroup.  Not those of the group itself: a
     * number written to cgroup.procs would move a process of the host into the
     * container, to be killed with it.  So what begins with c is cpu. */
    { 'm', "memory", "^[0-9]+([.][0-9]+)?[KMGTkmgt]?$", "SIZE (64M, 1.5G)" },
    { 'C', "cpus", "^[0-9]{1,4}([.][0-9]+)?$", "N (processors: 0.5, 2)" },
    { 'P', "pids", "^[1-9][0-9]{0,6}$", "N (at most so many processes)" },
    { 'G', "cgroup", "^(cpu|[abd-z])[a-z_]*[.][^/=]+=.", "FILE=VALUE" },
    /* What it finds there.  DST begins with / and is more than that. */
    { 'v', "volume", "^[^:]+:/+[^:/][^:]*(:ro)?$", "SRC:/DST[:ro]" },
    { 'e', "env", "^[^=]+=", "NAME=VALUE (set a variable)" },
    { 'w', "workdir", ".", "DIR (to start in, else /)" },
    { 'u', "user", "^[0-9]{1,9}(:[0-9]{1,9})?$", "UID[:GID] (inside)" },
    { 'R', "read-only", NULL, "nothing of its root can be written" },
    { 'S', "save", ".", "DIR (keep what is written, in DIR/upper)" },
    { 'N', "net", ".", "none|host|COMMAND (only lo; the host's; connect it)" },
    { 'J', "join", ".", "NAME (share its user, net, ipc and uts: a pod)" },
    /* What you want to see. */
    { 'E', "explain", NULL, "show what every step changes" },
    { 'T', "step", NULL, "the same, and wait for Enter after each" },
    { 'W', "without", "^[a-z,]+$", "STEP,... (leave steps out)" },
    { 'h', "help", NULL, "this text" },
};
enum { OPTIONS = sizeof options / sizeof options[0] };

/* cage --help.  What it says of the options is made from the table, so that it
 * cannot be out of date. */
static void print_help(void) {
    puts("usage: cage run [OPTION]... ROOTFS [COMMAND [ARG]...]\n"
         "       cage exec [-e ...] [-w ...] [-u ...] NAME COMMAND [ARG]...\n"
         "       cage show NAME | stop NAME | pause NAME | resume NAME\n"
         "       cage ps | steps | --help | --version\n\n"
         "ROOTFS: a folder, several (UPPER:LOWER), or a tarball.\n");
    for (int i = 0; i < OPTIONS; i++)
        printf("  %3s --%-10s %s\n", islower(options[i].val)
               ? text("-%c,", options[i].val) : "", options[i].name,
               options[i].help);
}

/* --memory SIZE, a number with a unit of 1024 bytes, 1024 of those, and so on.
 * Three lines for the cgroup (Documentation/admin-guide/cgroup-v2.rst):
 *
 * memory.max: the limit.
 * memory.swap.max: what does not fit would else go to the disk, and the limit
 *     would be felt only as slowness.  (Version 1: swappiness, see v1_files.)
 * memory.oom.group: when the limit is reached, end all of the container, not
 *     one process for which the others then wait.  (Version 1: no such thing.)
 */
static void option_memory(struct cage *c, const char *size) {
    char unit = 'B';
    double value = 0;
    sscanf(size, "%lf%c", &value, &unit);
    /* How often 1024: as often as there are letters before it in this row. */
    for (const char *u = "BKMGT"; *u != toupper(unit); u++)
        value *= 1024;
    /* What is "0" or "0.5" has the right form, but is no limit one could mean;
     * and a long long ends at 9.2e18. */
    if (value < 1 || value > 1e18)
        refuse(c, "--memory %s: out of range", size);
    c->bytes = (long long)value;
    c->setting[c->settings++] = text("memory.max=%lld", c->bytes);
    c->setting[c->settings++] = text("-memory.swap.max=0");
    c->setting[c->settings++] = text("-memory.oom.group=1");
}

/* --volume SRC:DST or SRC:DST:ro.  nosuid and nodev: a set-uid program in it
 * runs without that bit, and a device file in it cannot be opened. */
static void option_volume(struct cage *c, char *volume) {
    const char *path = strsep(&volume, ":"), *target = strsep(&volume, ":");
    c->source[c->sources++] = (struct source){ path, target, MOUNT_ATTR_NOSUID
        | MOUNT_ATTR_NODEV | (volume ? MOUNT_ATTR_RDONLY : 0) };
}

/* All options have been read: now what they mean together, with ROOTFS, which
 * is layers joined by ':', the topmost first, as in overlayfs's own lowerdir=
 * (NULL for exec, which has none).  Refuse what contradicts itself.  What leans
 * on a step that is left out goes with it, and we say so: nobody shall think
 * that there is a filter where there is none.
 *
 * In the list of sources the layers come behind the volumes, and then comes the
 * folder of --save; where they go, see gather_layers().  An overlay only reads
 * its layers, and a tarball that is unpacked beside one shall find no way to
 * write into it. */
static void settle(struct cage *c, char *rootfs) {
    /* --net none: the step net, and nothing but lo in it.  host: no step net,
     * and with the network come its name servers.  (A copy, by text(), since
     * option_volume() cuts it to pieces.)  Else: a command for the shell. */
    bool host = c->net && strcmp(c->net, "host") == 0;
    without(c, net) |= host;
    if (host && access("/etc/resolv.conf", R_OK) == 0)
        option_volume(c, text("/etc/resolv.conf:/etc/resolv.conf:ro"));
    if (host || (c->net && strcmp(c->net, "none") == 0))
        c->net = NULL;

    c->volumes = c->sources;
    for (char *path; (path = strsep(&rootfs, ":")) != NULL;) {
        /* An empty name between two colons is a typing error, not ".". */
        if (*path == '\0' || c->layers == MOST)
            refuse(c, "ROOTFS: not 1 to %d folders or tarballs", MOST);
        c->source[c->sources++] = (struct source){ path,
            text("lower/%d", c->layers++), without(c, rootfs)
            ? MOUNT_ATTR_NODEV : MOUNT_ATTR_RDONLY };
    }
    if (c->save)
        c->source[c->sources++] = (struct source){ c->save, "writes", 0 };

    /* It would be ignored, and the container weaker than asked for. */
    if (without(c, cgroup) && c->settings > 0)
        refuse(c, "--without cgroup: a limit needs the cgroup");
    /* It is the overlay that joins layers and has an upper one. */
    if (without(c, rootfs) && (c->layers > 1 || c->save))
        refuse(c, "--without rootfs: several layers and --save need it");
    /* All of these come from the container NAME. */
    if (c->join && (without(c, user) || without(c, net) || without(c, uts)
        || without(c, ipc) || c->net || strcmp(c->hostname, "cage") != 0))
        refuse(c, "--join: user, net, ipc, uts and host name come from there");
    /* Its interface would be made in the host's own network. */
    if (without(c, net) && c->net)
        refuse(c, "--without net: then --net has nothing to connect");
    /* From here on: allowed, but said. */
    if (without(c, rootfs))
        note(c, "without rootfs: what is written goes into ROOTFS, and stays");
    /* Without no_new_privs only CAP_SYS_ADMIN may load a filter, and the step
     * caps drops that: seccomp(2), EACCES. */
    if (without(c, nnp) && !without(c, seccomp))
        note(c, "without nnp: seccomp needs it, and is left out as well");
    /* There is no /dev/ptmx to open. */
    if (without(c, dev) && !without(c, tty))
        note(c, "without dev: tty needs its devpts, and is left out as well");
    without(c, seccomp) |= without(c, nnp);
    without(c, tty) |= without(c, dev);
}

/* Act upon one option, which getopt has found: its LETTER, and its VALUE or
 * "".  (`--help` and an unknown option end cage here.)  A value that has not
 * the form which the table says is refused.  (The forms say by ^ and $ that the
 * whole of it has to fit, and "^[^=]+=" leaves open what comes after.  NOSUB:
 * it is enough to know whether it fits.)  The message quotes it, but no more
 * than 200 bytes.
 *
 * Then comes the order of the table.  What needs no more than an assignment is
 * done here; of an option given twice, the last counts, unless it is one of a
 * list (-v, -e, --cgroup, --without).
 *
 * cpu.max: so many microseconds of processor time for all of them in every
 * 100000, the kernel's period.  Two processors: 200000. */
static void take_option(struct cage *c, int letter, char *value) {
    regex_t form;
    int i = 0;
    if (letter == '?')
        exit(EXIT_CAGE);                /* getopt has said why */
    while (options[i].val != letter)
        i++;
    if (options[i].form
        && (regcomp(&form, options[i].form, REG_EXTENDED | REG_NOSUB)
            || regexec(&form, value, 0, NULL, 0)))
        refuse(c, "--%s %.200s: not %s", options[i].name, value,
               options[i].help);
    if (c->exec && !strchr("ewuh", letter))
        refuse(c, "exec: knows only --env, --workdir and --user");
    switch (letter) {
    case 'n': c->name = value; break;
    case 'H': c->hostname = value; break;
    case 'm': option_memory(c, value); break;
    case 'C':
        c->setting[c->settings++] = text("cpu.max=%.0f", atof(value) * 100000);
        break;
    case 'P': c->setting[c->settings++] = text("pids.max=%s", value); break;
    case 'G': c->setting[c->settings++] = value; break;
    case 'v': option_volume(c, value); break;
    case 'e': c->env[c->envs++] = value; break;
    case 'w': c->workdir = value; break;
    case 'u':   /* One number is both: most systems give each user a group. */
        if (sscanf(value, "%u:%u", &c->uid, &c->gid) == 1)
            c->gid = c->uid;
        break;
    case 'R': c->read_only = true; break;
    case 'S': c->save = value; break;
    case 'N': c->net = value; break;
    case 'J': c->join = value; break;
    case 'E': c->explain = true; break;
    case 'T': c->explain = c->pause = true; break;
    case 'W':   /* strsep(3) cuts the list at each comma: piece after piece. */
        for (char *s; (s = strsep(&value, ",")) != NULL;) {
            /* Not the last one, exec: nothing would come after it. */
            if (number_of(s) >= number_of("exec"))
                refuse(c, "--without %.99s: no step that can be left out", s);
            c->left_out[number_of(s)] = true;
        }
        break;
    case 'h': print_help(); exit(0);    /* exit(3): puts() has a buffer */
    }
    /* The arrays have room for what one option too many adds. */
    if (c->sources > MOST || c->settings > MOST || c->envs > MOST)
        refuse(c, "more than %d volumes, limits or variables", MOST);
}

/* cage run [OPTION]... ROOTFS [COMMAND [ARG]...], and cage exec [OPTION]...
 * NAME COMMAND [ARG]...: ARGV from `run` or `exec` on.  Returns the status to
 * exit with. */
static int command_run(struct cage *c, int argc, char **argv) {
    char *no_command[] = { text("/bin/sh"), NULL };
    /* getopt_long(3) wants a table of its own, with zeros in the last row. */
    struct option long_options[OPTIONS + 1] = { 0 };
    for (int i = 0; i < OPTIONS; i++)
        long_options[i] = (struct option){ options[i].name,
            options[i].form != NULL, NULL, options[i].val };
    argv[0] = text("cage");             /* getopt begins its messages with it */
    /* "+": stop at the first word that is not an option.  Without it getopt
     * would take the -l of `cage run rootfs ls -l` for itself. */
    const char *letters = "+n:m:v:e:w:u:h";
    for (int o; (o = getopt_long(argc, argv, letters, long_options, 0)) != -1;)
        take_option(c, o, optarg ? optarg : text("%s", ""));
    /* optind: the first word that is not an option, and not its value. */
    if (argc - optind < (c->exec ? 2 : 1))
        refuse(c, c->exec ? "NAME or COMMAND is missing" : "ROOTFS is missing");
    c->command = argv[optind + 1] ? argv + optind + 1 : no_command;
    settle(c, c->exec ? NULL : argv[optind]);
    if (c->exec) {
        c->join = argv[optind];         /* it has a group and a PID 1 */
        without(c, cgroup) = without(c, init) = true;
    }
    return run(c);
}

/* cage COMMAND ...: check how cage was started, and do what COMMAND says.  A
 * command with one word too many or too few is as unknown as one that there is
 * not: CALL is the command with the number of words that follow it.  Returns 0,
 * or what `run` and `exec` return; whatever fails ends cage with 125. */
int main(int argc, char **argv) {
    /* What is not named here is 0. */
    struct cage cage = { .hostname = "cage", .workdir = "/", .step = "",
        .bytes = 1 << 30, .status = -1, .group_path = "", .group_name = "" };
    struct cage *c = &cage;
    const char *command = argc > 1 ? argv[1] : "-", *name = argv[argc - 1];
    const char *call = text("%s %d", command, argc - 2);
    /* The name, if none is given: no other process has this number now. */
    c->name = text("%d", getpid());
    /* PID 1 wipes our arguments, see be_pid_1(): the kernel has put the strings
     * one after another, from the first to the end of the last. */
    c->arguments = argv[0];
    c->arguments_size = (size_t)(strchr(name, '\0') - argv[0]);
    /* If standard input, output or error is closed, the next file to be opened
     * would take its number: a message could then be written into, say, a
     * cgroup's file.  /dev/null fills the gap; CLOEXEC: for the command it is
     * closed again, as it was.  The one too many is closed by prepare(). */
    while (TRY(open("/dev/null", O_RDWR | O_CLOEXEC)) <= 2)
        ;
    /* Set-uid root, cage would do as root what the user says: mount any folder,
     * run any --net COMMAND. */
    if (getuid() != geteuid())
        refuse(c, "must not be set-uid: it needs no more rights than you have");
    c->exec = strcmp(command, "exec") == 0;
    if (c->exec || strcmp(command, "run") == 0)
        return command_run(c, argc - 1, argv + 1);
    c->proc = TRY(open("/proc", FOLDER));
    if (strcmp(call, "show 1") == 0)
        command_show(c, name);
    else if (strcmp(call, "stop 1") == 0)
        command_stop(c, name);
    else if (strcmp(call, "pause 1") == 0 || strcmp(call, "resume 1") == 0)
        freeze(c, name, *call == 'p');
    else if (strcmp(call, "ps 0") == 0)
        command_ps(c);
    else if (strcmp(call, "steps 0") == 0)
        for (int i = 0; i < STEPS; i++)
            printf("%-9s %-8s %s\n", steps[i].name, steps[i].who, steps[i].why);
    else if (strcmp(call, "--help 0") == 0 || strcmp(call, "-h 0") == 0)
        print_help();
    else if (strcmp(call, "--version 0") == 0)
        puts("cage 0.1");
    else
        refuse(c, "%s: no such command, or wrong words (cage --help)", command);
    TRY(fflush(stdout));            /* printf(3) has kept it up to here */
}
