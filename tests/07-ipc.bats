# The step ipc: message queues and shared memory of its own.
load helper
load helper-steps

# A piece of shared memory, a queue and a semaphore of the host.
setup() {
    need ipcmk ipcrm
    memory=$(ipcmk -M 4096 | awk '{ print $NF }')
    queue=$(ipcmk -Q | awk '{ print $NF }')
    semaphore=$(ipcmk -S 1 | awk '{ print $NF }')
}
teardown() {
    stop
    [ -z "${memory-}" ] || ipcrm -m "$memory" -q "$queue" -s "$semaphore"
}

# What is there, without the line of titles.
look='for kind in shm msg sem; do tail -n +2 /proc/sysvipc/$kind; done'

@test "the host's shared memory, queues and semaphores are not there" {
    has "$(sh -c "$look")" " $memory "
    equal "" "$(inside sh -c "$look")"
}

@test "without ipc they are" {
    seen=$(inside --without=ipc sh -c "$look")
    has "$seen" " $memory "
    has "$seen" " $queue "
    has "$seen" " $semaphore "
    equal "$(readlink /proc/$$/ns/ipc)" "$(inside --without=ipc readlink /proc/self/ns/ipc)"
}

@test "what is made inside is not there outside, and gone at the end" {
    root_only
    need nsenter
    size=$((100000 + $$))           # that nobody else has
    start sleep 60
    nsenter --target "$command" --ipc ipcmk -M $size > /dev/null
    has "$(nsenter --target "$command" --ipc sh -c "$look")" " $size "
    hasnt "$(sh -c "$look")" " $size "
    equal "" "$(inside sh -c "$look")"
    finish
    hasnt "$(sh -c "$look")" " $size "
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused ipc CLONE_NEWIPC
}
