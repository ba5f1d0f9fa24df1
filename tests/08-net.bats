# The step net, and --net: interfaces, addresses and ports of its own.
load helper
load helper-steps

# build: make the small program below, $probe.  `with_probe` runs it inside: it is
# in a layer of its own, on top of the rootfs.
build() {
    need cc
    mkdir "$BATS_TEST_TMPDIR/layer"
    probe=$BATS_TEST_TMPDIR/layer/probe
    cc -static -o "$probe" -x c - << 'END' || skip "cc cannot make a static program"
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* probe ping: send one to 127.0.0.1, without the right to send any packet, and
 * wait for the answer.  probe listen|connect NAME: on an abstract Unix socket. */
int main(int argc, char **argv)
{
    alarm(10);
    if (strcmp(argv[1], "ping") == 0) {
        int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct icmphdr echo = { .type = ICMP_ECHO }, answer;
        if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof to) == -1
            || send(fd, &echo, sizeof echo, 0) == -1
            || recv(fd, &answer, sizeof answer, 0) != sizeof answer)
            return perror("ping"), 1;
        return puts(answer.type == ICMP_ECHOREPLY ? "pong" : "?"), 0;
    }
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[2]);
    strcpy(name.sun_path + 1, argv[2]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argv[1][0] == 'l') {
        bind(fd, (struct sockaddr *)&name, size);
        listen(fd, 1);
        alarm(0);
        return pause();
    }
    if (connect(fd, (struct sockaddr *)&name, size) == -1)
        return perror("connect"), 1;
    return puts("connected"), 0;
}
END
}

with_probe() {  # with_probe [OPTION]... ARGUMENT...
    local options=()
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    cage run "${options[@]}" "$BATS_TEST_TMPDIR/layer:$ROOTFS" /probe "$@"
}

# net_command: a COMMAND for --net that notes down what it is told.
log=$BATS_TEST_TMPDIR/log
net_command="echo \"\$CAGE_EVENT \$CAGE_NAME \$CAGE_PID\" >> '$log'"

@test "there is one interface, lo, and it is up" {
    equal lo "$(inside ls /sys/class/net)"
    # 9 is IFF_UP and IFF_LOOPBACK.
    equal 0x9 "$(inside cat /sys/class/net/lo/flags)"
    has "$(inside cat /proc/net/fib_trie)" 127.0.0.1
    equal lo "$(inside --net=none ls /sys/class/net)"
    differ "$(readlink /proc/$$/ns/net)" "$(inside readlink /proc/self/ns/net)"
}

@test "without net, and with --net host, it has the host's interfaces" {
    for option in --without=net --net=host; do
        equal "$(ls /sys/class/net)" "$(inside "$option" ls /sys/class/net)"
        equal "$(readlink /proc/$$/ns/net)" "$(inside "$option" readlink /proc/self/ns/net)"
    done
}

@test "without net also works where all cgroups are of version 2" {
    # There /sys/fs/cgroup of the host already is what is to be mounted inside.
    root_only
    need unshare
    only_version_2() {
        unshare --mount --propagation private sh -c 'umount -R -l /sys/fs/cgroup
            mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh \
            "$CAGE" run "$@" "$ROOTFS" sh -c 'ls /sys/class/net; cat /sys/fs/cgroup/cgroup.procs'
    }
    for list in net net,cgroupns; do
        run only_version_2 --without=$list
        equal 0 "$status"
        has "$output" "$(ls /sys/class/net)"
    done
}

@test "what listens on the host's 127.0.0.1 cannot be reached, but with --net host" {
    need perl
    # Says its port, answers one who connects.
    perl -MIO::Socket::INET -e '
        $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
        $| = 1; print $s->sockport, "\n"; alarm 30;
        while ($c = $s->accept) { print $c "hello\n"; close $c }' \
        > "$BATS_TEST_TMPDIR/port" 3>&- &
    other=$!
    wait_for 30 test -s "$BATS_TEST_TMPDIR/port"
    port=$(cat "$BATS_TEST_TMPDIR/port")
    talk=(nc 127.0.0.1 "$port")
    inside sh -c 'command -v nc' > /dev/null \
        || talk=(bash -c "exec 3<> /dev/tcp/127.0.0.1/$port && cat <&3")
    run inside "${talk[@]}"
    [ "$status" != 0 ]
    has "$output" refused
    equal hello "$(inside --net=host "${talk[@]}" < /dev/null)"
}

@test "an abstract socket of the host cannot be reached, but with --net host" {
    build
    "$probe" listen "$name" 3>&- &
    other=$!
    wait_for 30 grep -q "@$name" /proc/net/unix
    run with_probe connect "$name"
    [ "$status" != 0 ]
    has "$output" "Connection refused"
    for option in --net=host --without=net; do
        equal connected "$(with_probe "$option" connect "$name")"
    done
}

@test "the abstract sockets of the host are not even listed" {
    start sleep 60                  # cage has one itself, with its name
    has "$(cat /proc/net/unix)" "/$name"
    equal "" "$(inside grep @ /proc/net/unix || true)"
    has "$(inside --net=host cat /proc/net/unix)" "/$name"
}

@test "all groups inside may ping" {
    range=$(inside cat /proc/sys/net/ipv4/ping_group_range | words)
    if [ "$(id -u)" != 0 ] && ! has_subids; then
        equal "0 0" "$range"        # there is no other group
    else
        equal "0 65535" "$range"
    fi
}

@test "the one group may, where somebody else has made the map of ids" {
    need unshare
    unshare --map-root-user --mount true 2> /dev/null || skip "no user namespace can be made here"
    equal "0 0" "$(timeout -k 1 20 unshare --map-root-user --mount "$CAGE" run --without=user,id \
        "$ROOTFS" cat /proc/sys/net/ipv4/ping_group_range | words)"
}

@test "ping works, though nobody inside may send just any packet" {
    build
    equal pong "$(with_probe ping)"
}

@test "ping works for an ordinary user inside" {
    root_only
    build
    equal pong "$(with_probe --user=1000:1000 ping)"
}

@test "with --net host it has the host's resolv.conf, and cannot write it" {
    [ -e /etc/resolv.conf ] || skip "this machine has no /etc/resolv.conf"
    before=$(cat /etc/resolv.conf)
    equal "$before" "$(inside --net=host cat /etc/resolv.conf)"
    run inside --net=host sh -c 'echo nameserver 192.0.2.1 >> /etc/resolv.conf'
    [ "$status" != 0 ]
    has "$(inside --net=host cat /proc/self/mountinfo)" " /etc/resolv.conf ro"
    equal "$before" "$(cat /etc/resolv.conf)"
    run inside cat /etc/resolv.conf
    differ "$before" "$output"
}

@test "--net host also works without a resolv.conf, or with one that is a link to elsewhere" {
    root_only
    need unshare
    # In a copy of the table of mounts, with another /etc and a file on a tmpfs,
    # where most of today's machines have it.
    etc=$BATS_TEST_TMPDIR/etc
    mkdir "$etc"
    cp /etc/passwd /etc/group "$etc"
    elsewhere() {
        unshare --mount --propagation private sh -c '
            mount -t tmpfs tmpfs /mnt && echo nameserver 192.0.2.53 > /mnt/resolv.conf
            mount --bind "$1" /etc && shift && exec "$@"' sh "$etc" \
            timeout 20 "$CAGE" run --net=host "$ROOTFS" "$@"
    }
    run elsewhere echo fine
    equal fine "$output"
    ln -s ../mnt/resolv.conf "$etc/resolv.conf"
    run elsewhere cat /etc/resolv.conf
    equal "nameserver 192.0.2.53" "$output"
}

@test "--net COMMAND runs COMMAND before and after, and tells it what it needs" {
    inside --name="$name" --net="$net_command" sh -c 'echo inside; echo $$' > "$BATS_TEST_TMPDIR/out"
    equal inside "$(head -n 1 "$BATS_TEST_TMPDIR/out")"
    equal 2 "$(wc -l < "$log")"
    read -r event who pid < "$log"
    equal "up $name" "$event $who"
    has "$(tail -n 1 "$log")" "down $name "
}

@test "CAGE_PID is PID 1 of the container, in its network but not yet in its root" {
    start --net="$net_command; readlink /proc/\$CAGE_PID/ns/net >> '$log'" sleep 60
    { read -r event who pid; read -r network; } < "$log"
    equal "$init" "$pid"
    equal "$(readlink "/proc/$command/ns/net")" "$network"
    differ "$(readlink /proc/$$/ns/net)" "$network"
}

@test "COMMAND can make a network: the command starts when it is there" {
    need nsenter ip
    enter='nsenter --target "$CAGE_PID" --net'
    [ "$(id -u)" = 0 ] || enter="$enter --user --preserve-credentials"
    for network in "ip address add 192.0.2.7/32 dev lo" "ip link add cage0 type bridge"; do
        run inside --net="[ \$CAGE_EVENT = down ] || $enter $network" sh -c 'ls /sys/class/net; cat /proc/net/fib_trie'
        equal 0 "$status"
        case $network in
            *address*) has "$output" 192.0.2.7 ;;
            *link*) has "$output" cage0 ;;
        esac
    done
}

@test "a COMMAND that fails ends the run: the command never starts, and down is run" {
    run inside --name="$name" --net="$net_command; [ \$CAGE_EVENT = down ]" \
        sh -c 'echo the command runs'
    equal 125 "$status"
    has "$output" "cage: net: "
    has "$output" "status 1"
    hasnt "$output" "the command runs"
    equal "up down" "$(cut -d ' ' -f 1 "$log" | words)"
    hasnt "$(cat /proc/net/unix)" "/$name"
    equal "" "$(find /sys/fs/cgroup -maxdepth 6 -name "cage.$name" 2> /dev/null)"
}

@test "a COMMAND that does not exist ends the run" {
    run inside --net=no-such-command true
    equal 125 "$status"
    has "$output" "cage: net: "
    has "$output" 127
}

@test "a COMMAND that fails only at the end is told of, and the status stays" {
    run inside --net='[ $CAGE_EVENT = up ]' sh -c 'exit 7'
    equal 7 "$status"
    has "$output" "cage: net: "
    has "$output" down
}

@test "down is run also when the command is killed, or the step after net fails" {
    start --net="$net_command" sleep 60
    finish
    equal 143 "$status"
    equal "up down" "$(cut -d ' ' -f 1 "$log" | words)"
    rm "$log"
    run inside --net="$net_command" --workdir=/no/such/folder true
    equal 125 "$status"
    equal "up down" "$(cut -d ' ' -f 1 "$log" | words)"
}

@test "a run can be ended while COMMAND is still at work" {
    "$CAGE" run --net="touch '$log'; [ \$CAGE_EVENT = down ] || exec sleep 60" \
        "$ROOTFS" true > /dev/null 2>&1 3>&- &
    host=$!
    wait_for 30 test -e "$log"
    other=$(pgrep -P "$host" -x sleep || pgrep -P "$host" -x sh)
    kill "$host"
    wait_for 30 is_gone "$host"
    wait_for 30 is_gone "$other"
}

@test "a run ends if PID 1 dies while COMMAND is still at work" {
    for _ in 1 2 3; do
        run timeout 30 "$CAGE" run --net="[ \$CAGE_EVENT = down ] || { kill -9 \$CAGE_PID; sleep 0.1; }" \
            "$ROOTFS" true
        equal 137 "$status"
    done
}

@test "--net COMMAND and --without=net do not go together" {
    run inside --net=true --without=net true
    refused net
    run inside --without=net --net=true true
    refused net
}

@test "if the kernel refuses, the error says which step it was" {
    says_who_refused net CLONE_NEWNET
    run traced -o /dev/null -e trace=ioctl \
        -e inject=ioctl:error=ENODEV "$CAGE" run "$ROOTFS" true
    refused "cage: net: ioctl("
    has "$output" "No such device"
}
