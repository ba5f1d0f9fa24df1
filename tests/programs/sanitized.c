/* Linked to the cage that tests/sanitize builds: whatever a sanitizer finds in
 * one of its processes is counted, and told, in the file REPORTS.
 *
 * A log file would not do: after pivot nothing of the host can be opened, after
 * fds no descriptor is left, and standard error goes wherever a test wants it.
 * So the file is mapped when the program starts: what is written into shared
 * memory comes out on the host, whatever namespace, user or filter one is in. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef REPORTS
#define REPORTS "/dev/null"         /* (only for make check) */
#endif
enum { SIZE = 1 << 20 };
static char *reports;

/* (MAP_SHARED; two processes may write at once, then a line is lost, but never
 * all of them.) */
static void tell(const char *what) {
    char who[17] = "";
    if (reports == NULL)
        return;
    prctl(PR_GET_NAME, who);
    size_t end = strnlen(reports, SIZE - 1);
    snprintf(reports + end, SIZE - end, "in \"%s\" (process %d): %s\n", who,
             (int)getpid(), what);
}

/* What the runtimes of gcc and clang call: these names are theirs. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__msan_default_options(void);
void __ubsan_on_report(void);
__attribute__((weak)) void __asan_set_error_report_callback(void (*)(const char *));
__attribute__((weak)) void __sanitizer_set_death_callback(void (*)(void));
__attribute__((weak)) void __ubsan_get_current_report_data(const char **,
    const char **, const char **, unsigned *, unsigned *, char **);

/* Strings are never freed, and PID 1 cannot be looked into: leaks are for
 * tests/endurance.  99 is a status that cage does not have. */
#define OPTIONS "exitcode=99:detect_leaks=0:allocator_may_return_null=1"
const char *__asan_default_options(void) {
    return OPTIONS ":detect_stack_use_after_return=1:strict_string_checks=1"
        ":check_initialization_order=1";
}
const char *__ubsan_default_options(void) { return OPTIONS ":print_stacktrace=1"; }
const char *__msan_default_options(void) { return OPTIONS; }

void __ubsan_on_report(void) {
    const char *kind = "?", *message = "?", *file = "?";
    unsigned line = 0, column = 0;
    char *address, *all;
    if (__ubsan_get_current_report_data)
        __ubsan_get_current_report_data(&kind, &message, &file, &line, &column,
                                        &address);
    if (asprintf(&all, "%s:%u: %s: %s", file, line, kind, message) != -1)
        tell(all);
}

static void at_death(void) { tell("a sanitizer has ended this process"); }

__attribute__((constructor))
static void begin(void) {
    int fd = open(REPORTS, O_RDWR | O_CLOEXEC);
    if (fd != -1) {
        void *place = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (place != MAP_FAILED)
            reports = place;
        close(fd);
    }
    if (__asan_set_error_report_callback)
        __asan_set_error_report_callback(tell);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(at_death);
}
