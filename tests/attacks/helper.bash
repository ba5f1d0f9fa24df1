# What the tests of the attacks use, beside ../helper.bash.

name=attack$$.$BATS_TEST_NUMBER         # of the container, see start
export CAGE ROOTFS
started=()                              # processes of this test

setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() {
    [ -z "${BAIT:-}" ] || remove_bait
    end
}
end() {
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" 2> /dev/null || :
        wait "$pid" 2> /dev/null || :
    done
    started=()
}

# attack FILE...: bring a file of this folder into the container, in a layer
# above ROOTFS: a program in C as /NAME, built, a script as /NAME.sh.
attack() {
    local file layer=$BATS_FILE_TMPDIR/attacks
    mkdir -p "$layer"
    chmod 755 "$layer"
    for file; do
        if [[ $file != *.c ]]; then
            cp "$REPO/tests/attacks/$file" "$layer"
            chmod 755 "$layer/$file"
        elif [ ! -x "$layer/${file%.c}" ]; then
            need cc
            cc -static -no-pie -O1 -w -o "$layer/${file%.c}" "$REPO/tests/attacks/$file" ||
                skip "cc cannot build a static program here"
        fi
    done
    ATTACKS=$layer
    case $ROOTFS in
        "$layer":*) ;;
        *) ROOTFS=$layer:$ROOTFS ;;
    esac
}

# outside FOLDER: put a program into this folder, which is not part of ROOTFS.
outside() {
    need cc
    cc -static -O1 -w -o "$1/outside" "$REPO/tests/attacks/outside.c" ||
        skip "cc cannot build a static program here"
    chmod 755 "$1/outside"
}

# start [OPTION]...: a container in the background that does nothing, to be
# entered by `enter [OPTION]... COMMAND [ARGUMENT]...`.
start() {
    "$CAGE" run --name="$name" "$@" "$ROOTFS" sleep 300 > /dev/null 2>&1 < /dev/null 3>&- &
    started+=($!)
    wait_for 30 runs "$name"
}
# A name is there before the container is.  When that runs somebody listens.
runs() { grep -q "^[0-9a-f]*: [0-9]* [0-9]* 00010000 .* @cage/$(id -u)/$1\$" /proc/net/unix; }
enter() {
    local options=()
    while [[ $1 == -* ]]; do options+=("$1"); shift; done
    cage exec "${options[@]}" "$name" "$@"
}

# weak_enter [SED-SCRIPT]: from now on `enter` knows --without as well.  (Whatever
# has been left out in `run`, `cage exec` takes all the steps that it has.)
weak_enter() { mutant "s/strchr(\"ewuh\", letter)/strchr(\"ewuhW\", letter)/;${1-}"; }

# lab SCRIPT [ARGUMENT]...: run it, with bash, as root of a machine that can take
# no harm: for root that is tests/cell; an ordinary user becomes root of a user
# namespace, and plays in there what otherwise only root could.
no_user=user                            # --without=$no_user: be that root
[ "$(id -u)" = 0 ] || no_user=user,id   # (who alone cannot change groups)
lab() {
    need unshare timeout
    local user=() script=$1
    shift
    [ "$(id -u)" = 0 ] || user=(unshare --user --map-root-user --mount --net --uts --ipc)
    export cage="timeout -k 1 20 $CAGE"
    timeout -k 5 60 "$REPO/tests/cell" "${user[@]}" bash -c "mount --make-rshared / || exit 2
        $script" lab "$@"
}

# sleeper: a process of the host, for attackers.  Sets $victim.
sleeper() {
    sleep 300 3>&- &
    victim=$!
    started+=("$victim")
    wait_for 30 grep -qx sleep "/proc/$victim/comm"
}
