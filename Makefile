# cage: make, make run, make test.  All it needs is a C compiler and make.

CFLAGS = -O2 -g
# A static program starts sooner, and runs where there is no libc.
LDFLAGS = -static
STANDARD = -std=c17 -Wall -Wextra

# musl-gcc does not look where the kernel's headers are.
ifneq (,$(findstring musl-gcc,$(CC)))
HEADERS = $(addprefix -idirafter ,/usr/include $(wildcard /usr/include/$(shell gcc -print-multiarch)))
endif

all: cage rootfs

cage exercise/cage: %: %.c
	$(CC) $(STANDARD) $(HEADERS) $(CFLAGS) -o $@ $< $(LDFLAGS)

# Fill rootfs/ with programs: busybox, or the machine's own; FROM=image.tar
# unpacks an image instead, FROM=host and FROM=busybox say which.
rootfs:
	@rootfs/.fill "$(FROM)"

run: all
	./cage run rootfs /bin/sh

# The tests, as root also once more as an ordinary user.  TESTS=tests/06-uts.bats
test: all
	tests/run $(strip $(TESTS))

# Every attack, and what came of it, as a table.
attacks: all
	tests/attacks/table

# The same in a virtual machine with a pure cgroup v2.  KERNEL=6.1, 6.12 or 6.12-arm64
test-vm: all
	tests/vm/run $(KERNEL) $(strip $(TESTS))

# Every system call that cage makes fails once, also in the clean-up of a failure,
# and what comes of it (minutes).
faults: all
	tests/faults/all

# With sanitizers and valgrind; random input, SECONDS=180; 5,000 runs, 300 at once.
sanitize fuzz endurance: all
	tests/$@ $(strip $(TESTS) $(SECONDS))

# How long a container takes, beside others (on a quiet machine).
bench: all
	tests/bench/run

# Warnings and analysers: whatever of them the machine has.
check:
	tests/check

# For gdb: not optimised, so that every line is where it seems to be.
debug: cage-debug
	@sed -n 's/^# *//p' tutorial/steps.gdb
cage-debug: cage.c
	$(CC) $(STANDARD) $(HEADERS) -O0 -g3 -o $@ cage.c $(LDFLAGS)

# Write a step yourself: make exercise lists them.  STEP=uts LEVEL=order|blank
exercise hint solution grade:
	@tutorial/exercise $@ "$(STEP)" "$(LEVEL)" || true
grade: all

# What the tutorial quotes of cage.c, anew.
quotes:
	@tests/quotes --write README.md $(wildcard tutorial/*.md tutorial/*/README.md)

# What this machine refuses, and the cure.
doctor: all
	@tests/doctor

clean:
	rm -f cage cage-debug
	rootfs/.fill clean

.PHONY: all rootfs run test attacks faults test-vm bench check debug doctor clean \
	sanitize fuzz endurance exercise hint solution grade quotes
