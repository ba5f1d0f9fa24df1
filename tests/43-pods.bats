# Containers that share namespaces, by --join: pods.  And containers that share
# files: layers, made by --save.
# shellcheck disable=SC2016 # what stands in '' is for the shell inside
bats_require_minimum_version 1.5.0
load helper
load helper-files
load helper-machine
load helper-programs
load helper-steps
load helper-life

# ----------------------------------------------------------------------- pods

# joined NAME [OPTION]... COMMAND...: run a container that shares with NAME, to
# its end.
joined() {
    local with=$1 options=()
    shift
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    cage run --join "$with" "${options[@]}" "$ROOTFS" "$@"
}

namespace() { readlink "/proc/$1/ns/$2"; }

@test "--join: user, net, ipc and uts are shared, the others are not" {
    launch one --hostname=pod sleep 60; one=$command
    launch two --join="$name" sleep 60; two=$command
    for kind in user net ipc uts; do
        equal "$kind $(namespace "$one" $kind)" "$kind $(namespace "$two" $kind)"
        differ "$(namespace self $kind)" "$(namespace "$two" $kind)"
    done
    for kind in pid mnt cgroup time; do
        differ "$kind $(namespace "$one" $kind)" "$kind $(namespace "$two" $kind)"
        differ "$kind $(namespace self $kind)" "$kind $(namespace "$two" $kind)"
    done
    equal pod "$(cage exec "$base.two" hostname)"
    equal "$(cat "/proc/$one/uid_map")" "$(cat "/proc/$two/uid_map")"
    # Of its files and processes there is nothing to be seen.
    cage exec "$base.one" touch /tmp/mine
    run cage exec "$base.two" ls /tmp/mine
    has "$output" "No such file"
    run cage exec "$base.two" ps
    equal 3 "$(grep -c root <<< "$output")"
}

@test "--join: the rights are those of any container" {
    launch one sleep 60; one=$command
    launch two --join="$name" sleep 60
    rights='/^(Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp|Seccomp_filters):/'
    equal "$(awk "$rights" "/proc/$one/status")" "$(awk "$rights" "/proc/$command/status")"
    equal "0" "$(cage exec "$name" id -u)"
}

@test "--join: one reaches the other's web server on 127.0.0.1, a third does not" {
    need_inside httpd
    need_inside wget
    launch web sh -c 'mkdir /www; echo "I am the web" > /www/index.html
        exec httpd -f -p 127.0.0.1:80 -h /www'
    ask=(wget -q -O - http://127.0.0.1/)
    answers() { [ "$(joined "$base.web" "${ask[@]}")" = "I am the web" ]; }
    wait_for 10 answers
    # In the other direction, too.
    launch other --join="$base.web" sh -c 'mkdir /www; echo "I am the other" > /www/index.html
        exec httpd -f -p 127.0.0.1:81 -h /www'
    answers() { [ "$(cage exec "$base.web" "${ask[@]/127.0.0.1/127.0.0.1:81}")" = "I am the other" ]; }
    wait_for 10 answers
    run inside "${ask[@]/-q/-S}"
    [ "$status" != 0 ]
    has "$output" "refused"
}

@test "--join: one reads the other's System V shared memory, a third does not" {
    program shm
    launch one /shm 4711 "in memory"
    wait_for 5 grep -q ready "$output_file"
    equal "in memory" "$(joined "$base.one" /shm 4711)"
    run inside /shm 4711
    has "$output" "No such file"
    # What the joined one makes stays when it has ended.
    launch two --join="$base.one" /shm 4712 "from the other"
    wait_for 5 grep -q ready "$output_file"
    cage stop "$base.two"
    equal "from the other" "$(cage exec "$base.one" /shm 4712)"
}

@test "--join: if these namespaces were not entered, nothing would be shared" {
    program shm
    mutant 's#"ns/ipc ns/net ns/user ns/uts"#"ns/user ns/uts"#'
    launch one /shm 4711 "in memory"
    wait_for 5 grep -q ready "$output_file"
    run joined "$base.one" /shm 4711
    has "$output" "No such file"
    CAGE=$original
}

@test "--join: the pod ends with NAME, however that ends" {
    for how in stop TERM KILL init; do
        launch "one.$how" sleep 60; one=$host first=$command first_init=$init
        launch "two.$how" --join="$name" sleep 60
        case $how in
            stop) cage stop "$base.one.$how" ;;
            init) kill -9 "$first_init" ;;
            *) kill -"$how" "$one" ;;
        esac
        ended "$host" 137
        is_gone "$command"
        wait_for 5 is_gone "$first"
        equal "" "$(cat "$output_file")"
    done
}

@test "--join: NAME goes on when the others end" {
    launch one sleep 60; one=$command
    launch two --join="$name" sleep 60
    cage stop "$name"
    ended "$host" 143
    equal 7 "$(status=0; joined "$base.one" sh -c 'exit 7' || status=$?; echo $status)"
    lives "$one"
    listed "$base.one"
}

@test "--join: a third joins by the name of any of them" {
    launch one --hostname=pod sleep 60
    launch two --join="$name" sleep 60
    launch three --join="$name" sleep 60; three=$command
    equal "$(namespace "$(column "$base.one" 2)" net)" "$(namespace "$three" net)"
    equal pod "$(cage exec "$name" hostname)"
}

@test "--join: it has a cgroup of its own, with its own limits" {
    need_cgroup
    launch one --pids=50 sleep 60; one=$command
    launch two --pids=20 --join="$name" sleep 60
    differ "$(group_of "$one" pids)" "$(group_of "$command" pids)"
    equal "50 20" "$(cat "$(group_of "$one" pids)/pids.max") $(cat "$(group_of "$command" pids)/pids.max")"
}

@test "--join: --save, volumes and -u are as always" {
    need_volumes
    mkdir -m 777 "$BATS_TEST_TMPDIR/volume"
    launch one sleep 60
    joined "$name" -v"$BATS_TEST_TMPDIR/volume:/mnt" sh -c 'echo hello > /mnt/greeting'
    equal "hello $(id -u)" "$(cat "$BATS_TEST_TMPDIR/volume/greeting") $(stat -c %u "$BATS_TEST_TMPDIR/volume/greeting")"
    [ "$(id -u)" != 0 ] || equal 1000 "$(joined "$name" -u1000 id -u)"
}

@test "--join: one on the host's network shares that" {
    launch one --net=host sleep 60
    launch two --join="$name" sleep 60
    equal "$(namespace self net)" "$(namespace "$command" net)"
    equal "$(namespace "$(column "$base.one" 2)" ipc)" "$(namespace "$command" ipc)"
}

@test "--join: root's container without user namespace" {
    root_only
    launch one --without=user sleep 60; one=$command
    launch two --join="$name" sleep 60
    for kind in user net ipc uts; do
        equal "$(namespace "$one" $kind)" "$(namespace "$command" $kind)"
    done
}

@test "--join: one that does not run is refused" {
    for no_such in "$base.none" "" ../x; do
        run cage run --join="$no_such" "$ROOTFS" echo "it runs"
        refused "cage: "
        hasnt "$output" "it runs"
    done
    run cage run --join="$base.none" "$ROOTFS" echo "it runs"
    refused "cage: $base.none: no container of this name is running"
    # Nor itself.
    run "$CAGE" run --name="$base.me" --join="$base.me" "$ROOTFS" echo "it runs"
    refused "cage: "
}

@test "--join, and exec: by another file than the container's they are refused" {
    launch one sleep 60
    cp "$CAGE" "$BATS_TEST_TMPDIR/other"
    run timeout 20 "$BATS_TEST_TMPDIR/other" run --join "$name" "$ROOTFS" true
    refused "$name was started by another cage file"
    run timeout 20 "$BATS_TEST_TMPDIR/other" exec "$name" true
    refused "$name was started by another cage file"
    joined "$name" true
    mutant 's/if (strcmp(fact(c, 0, "exe"), .*) != 0)/if (0)/'
    joined "$name" true
}

@test "--join: a paused one is refused" {
    need_cgroup
    launch one sleep 60
    cage pause "$name"
    run joined "$name" echo "it runs"
    refused "cage: $name is paused (see cage resume)"
    cage resume "$name"
    equal fine "$(joined "$name" echo fine)"
}

@test "--join: together with what comes from NAME it is refused" {
    launch one sleep 60
    for option in --net=none --net=host --net=true --hostname=x --without=user \
        --without=net --without=ipc --without=uts --without=pid,uts; do
        # No more can be asked for than what is so anyway.
        [ "$option" != --net=none ] || continue
        run joined "$name" "$option" echo "it runs"
        refused "cage: --join: user, net, ipc, uts and host name come from there"
    done
    run joined "$name" --without=pivot,pid echo "it runs"
    equal "0 it runs" "$status $output"
}

@test "--join: 30 containers that end while they are joined: never a riddle" {
    they_end_while_joined 30 joined
}

# --------------------------------------------------------------------- layers

# of LAYERS COMMAND...: run a command in a container of these layers.
of() {
    local layers=$1
    shift
    cage run "$layers" "$@"
}

@test "--save: an image of three layers, a file changed and one deleted on the way" {
    need_id_mapped_mounts
    need_tmpfs_attributes
    cd "$BATS_TEST_TMPDIR"
    printed=$(cd "$ROOTFS" && find . | sort; cat "$ROOTFS/etc/passwd")
    cage run --save=one "$ROOTFS" sh -c 'echo first > /greeting; echo 1 > /only-in-one
        mkdir -p /srv/folder; echo a > /srv/folder/a; echo b > /srv/folder/b'
    cage run --save=two "one/upper:$ROOTFS" sh -c 'echo second >> /greeting
        rm /only-in-one /srv/folder/a /etc/hosts; echo x:x:9:9::/: >> /etc/passwd'
    cage run --save=three "two/upper:one/upper:$ROOTFS" sh -c 'echo third >> /greeting
        rm -r /srv/folder; mkdir /srv/folder; echo c > /srv/folder/c'
    all=three/upper:two/upper:one/upper:$ROOTFS
    equal "first second third" "$(of "$all" cat /greeting | xargs)"
    equal "c" "$(of "$all" ls /srv/folder)"
    equal 1 "$(of "$all" grep -c x:x:9:9 /etc/passwd)"
    for gone in /only-in-one /etc/hosts; do
        run of "$all" ls $gone
        has "$output" "No such file"
    done
    # Each of the layers below is still what it was.
    equal "first second" "$(of "two/upper:one/upper:$ROOTFS" cat /greeting | xargs)"
    equal "b" "$(of "two/upper:one/upper:$ROOTFS" ls /srv/folder)"
    equal "first 1 a b" "$(of "one/upper:$ROOTFS" sh -c 'cat /greeting /only-in-one; ls /srv/folder' | xargs)"
    equal "$printed" "$(cd "$ROOTFS" && find . | sort; cat "$ROOTFS/etc/passwd")"
    # The order counts: the upper one wins.
    equal "first" "$(of "one/upper:two/upper:$ROOTFS" cat /greeting)"
}

@test "--save: what is not saved is gone, in DIR only its owner can look" {
    need_id_mapped_mounts
    cd "$BATS_TEST_TMPDIR"
    cage run --save=one "$ROOTFS" sh -c 'echo first > /greeting'
    cage run "one/upper:$ROOTFS" sh -c 'echo lost > /greeting; echo lost > /lost'
    equal first "$(of "one/upper:$ROOTFS" cat /greeting)"
    [ ! -e one/upper/lost ]
    equal "700 $(id -u)" "$(stat -c '%a %u' one)"
    equal "$(id -u)" "$(stat -c %u one/upper/greeting)"
    # The same DIR once more: goes on where the last one ended.
    cage run --save=one "$ROOTFS" sh -c 'echo more >> /greeting'
    equal "first more" "$(of "one/upper:$ROOTFS" cat /greeting | xargs)"
    rm -r one
}

# kilobytes PATH...: what they take on the disk, all together.
kilobytes() { du -ck "$@" | tail -n 1 | cut -f 1; }

@test "100 containers on one base: du shows the base once" {
    need_id_mapped_mounts
    cd "$BATS_TEST_TMPDIR"
    cp -r "$ROOTFS" layer
    head -c 2000000 /dev/urandom > layer/large
    chmod 755 layer
    ROOTFS=$PWD/layer
    need_inside md5sum
    alone=$(kilobytes .)
    for i in {1..100}; do
        begin "$i" --save="$PWD/saved.$i" sh -c "md5sum < /large; echo $i > /number; exec sleep 600"
    done
    sum=$(md5sum < layer/large | words)
    all_there() { [ "$(cat saved.*/upper/number 2> /dev/null | sort -n | xargs)" = "$(seq 100 | xargs)" ]; }
    wait_for 100 all_there
    equal "100 $sum" "$(cat "$base."* | sort | uniq -c | words)"
    # Some folders for each, and not 2 MB.
    [ $(($(kilobytes .) - alone)) -lt 10000 ]
    kill "${hosts[@]}"
    for host in "${hosts[@]}"; do ended "$host" 143; done
    # And so it would be if each had a copy.
    for i in {1..5}; do cp -r layer "copy.$i"; done
    [ $(($(kilobytes .) - alone)) -gt 10000 ]
}

@test "--save DIR is for one container at a time" {
    need_id_mapped_mounts
    launch first --save="$BATS_TEST_TMPDIR/saved" sleep 60
    run cage run --save="$BATS_TEST_TMPDIR/saved" "$ROOTFS" true
    refused "cage: rootfs: --save $BATS_TEST_TMPDIR/saved: flock(): *hint: another container"
    kill "$host"
    ended "$host" 143
    cage run --save="$BATS_TEST_TMPDIR/saved" "$ROOTFS" true
}
