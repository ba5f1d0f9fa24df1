# The step time: the container's clock since boot starts at zero.
load helper
load helper-steps

# Seconds since boot.
uptime='cut -d . -f 1 /proc/uptime'
# The time that a container takes from the clock since boot.
offset='sed -n "s/^boottime  *-*\([0-9]*\) .*/\1/p" /proc/self/timens_offsets'

@test "the container's clock since boot starts when it does" {
    before=$(sh -c "$uptime")
    seen=$(inside sh -c "$uptime")
    after=$(sh -c "$uptime")
    # It can be off by one: only whole seconds are taken away.
    [ "$seen" -le $((after - before + 1)) ]
    [ "$seen" -ge 0 ]
}

@test "without time it has the clock of the host" {
    before=$(sh -c "$uptime")
    seen=$(inside --without=time sh -c "$uptime")
    [ "$seen" -ge "$before" ]
    equal "$(readlink /proc/$$/ns/time)" "$(inside --without=time readlink /proc/self/ns/time)"
    equal 0 "$(inside --without=time sh -c "$offset")"
}

@test "both clocks get an offset: monotonic and boottime" {
    before=$(sh -c "$uptime")
    offsets=$(inside cat /proc/self/timens_offsets)
    after=$(sh -c "$uptime")
    boottime=$(awk '$1 == "boottime" { print -$2 }' <<< "$offsets")
    monotonic=$(awk '$1 == "monotonic" { print -$2 }' <<< "$offsets")
    [ "$boottime" -ge "$before" ]
    [ "$boottime" -le "$after" ]
    # This one stands still while the machine sleeps.
    [ "$monotonic" -gt 0 ]
    [ "$monotonic" -le "$boottime" ]
    differ "$(readlink /proc/$$/ns/time)" "$(inside readlink /proc/self/ns/time)"
}

@test "the age of processes is counted from the same start" {
    # Field 22 of stat: when it started, in clock ticks since boot.
    started="cut -d ' ' -f 22 /proc/self/stat"
    second=$(getconf CLK_TCK)
    before=$(sh -c "$uptime")
    seen=$(inside sh -c "$started")
    after=$(sh -c "$uptime")
    [ "$seen" -le $(((after - before + 1) * second)) ]
    [ "$(inside --without=time sh -c "$started")" -ge $((before * second)) ]
}

@test "the time of day is the same everywhere" {
    before=$(date +%s)
    seen=$(inside date +%s)
    [ "$seen" -ge "$before" ]
    [ "$seen" -le "$(date +%s)" ]
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused time CLONE_NEWTIME
}
