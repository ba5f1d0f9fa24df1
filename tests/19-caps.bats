# The step caps: of root's powers, the 8 that programs need.
load helper
load helper-files
load helper-programs
load helper-steps

setup() { cd "$BATS_TEST_TMPDIR"; }

# The capability sets of the command: inheritable, permitted, effective,
# bounding, ambient, without leading zeros.
print_sets='/^Cap/ { sub("^0*", "", $2); print $2 "." }'
capabilities() { inside "$@" awk "$print_sets" /proc/self/status | xargs; }

# CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7,
# NET_BIND_SERVICE 10: 0x4fb.
@test "root inside has 8 capabilities, and can never get more" {
    equal ". 4fb. 4fb. 4fb. ." "$(capabilities)"
}

@test "PID 1 has no more than these either" {
    equal ". 4fb. 4fb. 4fb. ." "$(inside awk "$print_sets" /proc/1/status | xargs)"
}

@test "another user has none of them, but could not get more than these" {
    root_only
    equal ". . . 4fb. ." "$(capabilities -u1000)"
}

@test "without user they are the same, of the real root" {
    root_only
    equal ". 4fb. 4fb. 4fb. ." "$(capabilities --without=user)"
    equal ". . . 4fb. ." "$(capabilities --without=user -u1000)"
}

@test "without caps root inside has all that there are" {
    last=$(cat /proc/sys/kernel/cap_last_cap)
    all=$(printf '%x' $(((1 << (last + 1)) - 1)))
    equal ". $all. $all. $all. ." "$(capabilities --without=caps)"
}

@test "what the caller has to pass on, inheritable or ambient, does not get in" {
    need setpriv
    root_only
    for without in none user; do
        options=()
        [ $without = none ] || options=(--without=$without)
        equal ". 4fb. 4fb. 4fb. ." "$(setpriv --inh-caps=+net_admin,+chown --ambient-caps=+net_admin,+chown \
            "$CAGE" run "${options[@]}" "$ROOTFS" \
            awk "$print_sets" /proc/self/status | xargs)"
    done
}

@test "chown, chmod of another's file and ports below 1024 still work" {
    root_only
    equal 1000:1001 "$(inside sh -c 'touch /f; chown 1000:1001 /f; chmod 600 /f; echo x > /f; stat -c %u:%g /f')"
}

@test "kill, and becoming another user, still work" {
    root_only
    need setpriv
    seen=$(inside -u0 sh -c 'touch /mine; id -u; ls -ln /mine | awk "{ print \$3 }"' | xargs)
    equal "0 0" "$seen"
    program as
    equal "1000 137" "$(inside sh -c '/as 1000 id -u; /as 1000 sleep 30 & sleep 0.2
        kill -9 $!; wait $!; echo $?' | xargs)"
}

# tried STEPS COMMAND...: without seccomp and STEPS, was it permitted?
tried() {
    local steps=$1
    shift
    run inside --without="seccomp$steps" "$@"
    case $status:$output in
        0:*) echo yes ;;
        *"ermission denied"* | *"not permitted"* | *"must be superuser"* | *"must be root"*) echo no ;;
        *) echo "$output" ;;
    esac
}

@test "what needs another capability is refused, without caps it is not" {
    for command in "chroot / true" "mount -t tmpfs none /mnt" "umount /dev/shm" "hostname other" \
        "ip link set lo down" "nice -n -5 true"; do
        inside sh -c "command -v ${command%% *}" > /dev/null || continue
        # nice is about the real machine: in a user namespace it never works.
        [[ $command != nice* ]] || continue
        # shellcheck disable=SC2086
        equal "$command: no" "$command: $(tried "" $command)"
        # shellcheck disable=SC2086
        equal "$command: yes" "$command: $(tried ,caps $command)"
    done
}

@test "no raw packets: ping works by other means" {
    program calls
    equal "socket(AF_INET, SOCK_RAW): EPERM" "$(inside /calls raw)"
    equal "socket(AF_INET, SOCK_RAW): 0" "$(inside --without=caps /calls raw)"
}

@test "a device file cannot be made; as the real root it could" {
    run inside mknod /zero c 1 5
    has "$output" "Operation not permitted"
    root_only
    run inside --without=user mknod /zero c 1 5
    has "$output" "Operation not permitted"
    equal "" "$(inside --without=user,caps mknod /zero c 1 5)"
}

@test "capabilities that cannot be given up end the run" {
    no_call_is_ignored caps capset
}
