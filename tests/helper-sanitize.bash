# What tests/sanitize and tests/fuzz share: a cage built with a sanitizer, and what
# that has found.  $here is the folder of the tests.

# build_sanitized KIND CAGE SOURCE REPORTS: build it.  What it finds goes into the
# file REPORTS, see tests/programs/sanitized.c; 1 if the compiler is not there.
build_sanitized() {
    local compiler
    case $1 in
        address) compiler="gcc -fsanitize=address,undefined -static-libasan -static-libubsan" ;;
        memory) compiler="clang -fsanitize=memory" ;;
    esac
    # As long as it is, it holds zeros: nothing was found.
    truncate -s 0 "$4" && truncate -s 1M "$4" && chmod 666 "$4" || return
    # shellcheck disable=SC2086 # words
    $compiler -std=c17 -w -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all \
        -DREPORTS="\"$4\"" -o "$2" "$3" "$here/programs/sanitized.c"
}

# reports FILE: print what was found; 1 if that is nothing.
reports() { tr -d '\0' < "$1" | grep .; }
