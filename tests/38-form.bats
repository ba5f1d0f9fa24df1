# The form of cage.c.  It is there to be read: a step has one name, the same
# everywhere; and the file is short, explained, and cut into small pieces.
load helper

setup_file() { awk -f "$REPO/tests/form.awk" "$REPO/cage.c" > "$BATS_FILE_TMPDIR/facts"; }

# fact NAME: what tests/form.awk has found out about it.
fact() { sed -n "s/^$1 //p" "$BATS_FILE_TMPDIR/facts"; }

# none TEXT: fail, and show it, if there is any.
none() { [ -z "$1" ] || { echo "$1" >&2; return 1; }; }

# at_most LIMIT NUMBER
at_most() { [ "$2" -le "$1" ] || { echo "$2 is more than $1" >&2; return 1; }; }

# ------------------------------------------------- a step has one name everywhere

steps=$("$CAGE" steps | sed 's/ .*//')

@test "every step has a banner that says who runs it, in the order of cage steps" {
    has "$steps" seccomp
    equal "$("$CAGE" steps | awk '{ print $2, $1 }')" "$(fact banner)"
}

@test "every step is a function step_NAME, in the same order" {
    equal "$steps" "$(fact step)"
}

@test "every step has its tests, tests/NN-NAME.bats, and NN is its number" {
    number=0
    for step in $steps; do
        number=$((number + 1))
        [ -e "$REPO/tests/$(printf %02d $number)-$step.bats" ] ||
            { echo "there is no $(printf %02d $number)-$step.bats"; return 1; }
    done
    # And the numbers of steps are not given to anything else.
    cd "$REPO/tests"
    equal "$number" "$(printf '%s\n' [0-9][0-9]-*.bats | awk -v n=$number '$0 + 0 <= n' | wc -l)"
}

@test "the README's table of steps is that of cage steps" {
    equal "$("$CAGE" steps | awk '{ name = $1; who = $2; $1 = $2 = ""
                                    print "| `" name "` | " who " |" substr($0, 2) " |" }')" \
        "$(sed -n '/^## The steps/,/^## [^T]/p' "$REPO/README.md" | grep '^| `')"
}

@test "--without knows every step by this name" {
    for step in ${steps%exec}; do       # exec cannot be left out
        run cage run --without="$step" --without=nosuch "$ROOTFS" true
        has "$output" nosuch            # what it complains of is not this one
        hasnt "$output" "$step: no such"
    done
}

# -------------------------------------------------------------- how long it is

@test "at most 1500 lines of code" { at_most 1500 "$(fact code)"; }

@test "at most 800 lines of code to where you can stop reading" {
    [ "$(fact part1)" -gt 0 ]
    at_most 800 "$(fact part1)"
}

@test "no function is longer than 50 lines, and half of them at most 20" {
    none "$(fact function | awk '$1 > 50')"
    at_most 20 "$(fact function | sort -n | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }')"
}

@test "no line is longer than 80 columns" {
    none "$(fact long | sed 's/ / has /; s/^/line /')"
}

@test "the Makefile has at most 80 lines" {
    at_most 80 "$(wc -l < "$REPO/Makefile")"
}

# ----------------------------------------------------------------- explanations

@test "at least as many lines explain as do" {
    at_most "$(fact comment)" "$(fact code)"
}

@test "a comment stands before every function" {
    none "$(fact bare)"
}

@test "no tabs, no spaces at the end of a line, no comments with //" {
    none "$(fact ugly)"
}

@test "what cage.c takes for the name of a step is one" {
    # (A name that is none would be a step that is never left out.)
    named=$(grep -oE '\b(without|DO)\(c, [a-z]+\)|(begin_step\(c, |step = |number_of\()"[a-z]+"' \
        "$REPO/cage.c" | grep -oE '[a-z]+"?\)?$' | tr -d '")' | sort -u)
    has "$named" seccomp
    none "$(grep -vxF "$steps" <<< "$named" | grep -vx name)"
}
