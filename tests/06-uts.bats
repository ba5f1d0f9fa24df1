# The step uts: a host name of its own.
load helper
load helper-steps

@test "the host name inside is ours to choose, and the host keeps its own" {
    before=$(hostname)
    equal lab "$(inside --hostname=lab hostname)"
    equal cage "$(inside hostname)"
    equal "$before" "$(hostname)"
}

@test "without uts the container has the host's name" {
    equal "$(hostname)" "$(inside --without=uts hostname)"
}

@test "the other name, the NIS domain, is that of a kernel that has just started" {
    root_only
    need unshare
    # In another UTS namespace, so that the machine keeps its domain.
    run unshare --uts bash -c '
        echo example > /proc/sys/kernel/domainname
        "$1" run "$2" cat /proc/sys/kernel/domainname
        "$1" run --without=uts "$2" cat /proc/sys/kernel/domainname' \
        bash "$CAGE" "$ROOTFS"
    equal "(none)
example" "$output"
}

@test "a name may have 64 characters and no more" {
    long=$(printf '%064d' 0)
    equal "$long" "$(inside --hostname="$long" hostname)"
    run inside --hostname="${long}0" true
    refused "${long}0"
}

@test "who renames the container does not rename the host" {
    root_only
    need unshare
    rename() {
        unshare --uts bash -c 'hostname host
            "$@" || true
            hostname' bash "$CAGE" run "$@" "$ROOTFS" hostname renamed
    }
    equal host "$(rename --without=user,caps,seccomp)"
    equal renamed "$(rename --without=user,caps,seccomp,uts)"
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused uts CLONE_NEWUTS
}

@test "a name that cannot be set ends the run" {
    no_call_is_ignored uts sethostname setdomainname
}
