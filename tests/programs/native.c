/* Linked to the cage that tests/sanitize runs in valgrind (x86-64 only), which
 * does not run a program, but plays the processor to it.  So it has to know every
 * system call; and it knows fork(2) only in its plain form, and neither clone3 nor
 * pidfd_open nor the new calls for mounts.
 *
 * But a program may ask it to let the real processor call one function.  So those
 * system calls are made there; and the child that clone3 makes there does not come
 * back to valgrind: from there on it runs on the real processor, as ever.  The
 * host side, of which this is about, stays in valgrind all the time.
 *
 *     gcc -g -Wl,-z,now -Wl,--wrap=syscall cage.c native.c
 *
 * (-z now: the dynamic linker has nothing more to do when the child has left.) */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined __x86_64__ && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* A call, and how a child of it goes on: where, with which signals blocked, and
 * with which FS register, by which libc finds the variables of a thread. */
struct call {
    long number, argument[6];
    void *back[5], *fs;
    unsigned long blocked;
};

/* No libc in here: FS is that of valgrind. */
static long raw(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall" : "=a"(result)
        : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
        : "rcx", "r11", "memory");
    return result;
}

__attribute__((noinline, optimize("no-stack-protector")))
static long on_the_real_processor(long thread, struct call *call) {
    (void)thread;
    long *a = call->argument;
    long result = raw(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (call->number != SYS_clone3 || result != 0)
        return result;
    /* The child.  The handlers of signals that it has are valgrind's. */
    struct { void *handler; unsigned long flags, restorer, mask; } action,
        none = { 0 };
    for (int i = 1; i <= 64; i++)
        if (raw(SYS_rt_sigaction, i, 0, (long)&action, 8, 0, 0) == 0
            && (unsigned long)action.handler > 1)
            raw(SYS_rt_sigaction, i, (long)&none, 0, 8, 0, 0);
    raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&call->blocked, 0, 8, 0, 0);
    raw(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, (long)call->fs, 0, 0, 0, 0);
    __builtin_longjmp(call->back, 1);
}

long __wrap_syscall(long number, ...) {
    struct call call = { .number = number };
    va_list all;
    va_start(all, number);
    for (int i = 0; i < 6; i++)     /* as syscall(2) itself takes them */
        call.argument[i] = va_arg(all, long);
    va_end(all);
    long *a = call.argument;
    switch (number) {
    case SYS_clone3: case SYS_pidfd_open: case SYS_pidfd_send_signal:
    case SYS_open_tree: case SYS_move_mount: case SYS_mount_setattr: case SYS_openat2:
        if (RUNNING_ON_VALGRIND)
            break;
        /* fall through */
    default:
        return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    call.blocked = *(unsigned long *)&blocked;
    __asm__("mov %%fs:0, %0" : "=r"(call.fs));
    if (__builtin_setjmp(call.back))
        return 0;                   /* here the child begins */
    long result = (long)VALGRIND_NON_SIMD_CALL1(on_the_real_processor, &call);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}
#endif
