# Make an exercise of cage.c: the body of step_NAME() becomes its comments
# (level=blank), or its statements in a wrong order (level=order).
#
#     awk -v step=NAME -v level=LEVEL -f exercise.awk cage.c
#
# Ends with 1 if there is no such step, with 3 if no other order is possible.

# Look at a line: sets code, what is code of it, without comments and strings;
# and note, where a comment begins that follows code (else 0).
function look(s,    place) {
    code = ""; note = 0; place = 1
    while (s != "") {
        n = 1
        if (inside) {
            n = index(s, "*/") ? index(s, "*/") + 1 : length(s)
            inside = !index(s, "*/")
        } else if (match(s, /^"([^"\\]|\\.)*"/) || match(s, /^'([^'\\]|\\.)*'/)) {
            n = RLENGTH
            code = code "\"\""
        } else if (substr(s, 1, 2) == "/*") {
            inside = 1
            n = 2
            if (code ~ /[^ ]/ && !note) note = place
        } else
            code = code substr(s, 1, 1)
        s = substr(s, n + 1)
        place += n
    }
    sub(/ +$/, "", code)
}

# Print a comment whose first line stands at this column as if it stood at 4.
function comment(s, column) {
    if (column > 4) s = substr(s, 1, column) ~ /^ *$/ ? substr(s, column - 3) : s
    print s
}

function blank(    i) {
    print "    /* Yours to write. */"
    for (i = 1; i <= lines; i++) {
        if (Code[i] == "" && !goes_on[i]) column = match(line[i], /[^ ]/) - 1
        # Those of a list, one below the other, stay together.
        if (note_at[i] ? !note_at[i - 1] : Code[i] == "" && line[i] != "" && !goes_on[i]) print ""
        if (note_at[i]) {
            column = note_at[i] - 1
            print "    " substr(line[i], note_at[i])
        } else if (Code[i] == "" && line[i] != "")
            comment(line[i], column)
    }
}

# The names in a piece of code that may be variables: neither called nor fields.
function names(s, found,    word) {
    while (match(s, /[a-zA-Z_][a-zA-Z_0-9]*/)) {
        word = substr(s, RSTART, RLENGTH)
        if (substr(s, RSTART + RLENGTH, 1) != "(" && word != "c" &&
            (RSTART == 1 || substr(s, RSTART - 1, 1) !~ /[.>]/ ))
            found[word] = 1
        s = " " substr(s, RSTART + RLENGTH)
    }
}

# Cut the body into statements, each with the comments before it.  Then put them
# together from the last to the first, but a declaration before what uses it.
function order(    i, k, n, depth, ended, put, last, word, mine) {
    for (i = 1; i <= lines; i++) {
        if (line[i] == "") continue
        # A comment that goes on beside or below the code belongs to it.
        if (ended && line[i] ~ /^    [^ ]/ && !goes_on[i] && Code[i] !~ /^ *else/) {
            n++
            ended = 0
        }
        if (!n) n = 1
        if (Code[i] ~ /[^ ]/) ended = 0
        text[n] = text[n] line[i] "\n"
        all[n] = all[n] " " Code[i]
        depth += gsub(/[({]/, "&", Code[i]) - gsub(/[)}]/, "&", Code[i])
        if (depth == 0 && Code[i] ~ /[;}]$/) ended = 1
    }
    for (k = 1; k <= n; k++) {
        split("", mine)
        names(all[k], mine)
        for (word in mine) {
            if (word in declared) leans_on[k, declared[word]] = 1
            else if (all[k] ~ /^ +(static|const|unsigned|struct|int|char|bool|s?size_t|ssize_t|[a-z0-9]+_t) /)
                declared[word] = k
        }
    }
    for (put = 1; put <= n; put++) {
        for (k = n; k > 0; k--) {
            if (done[k]) continue
            for (i = 1; i <= n; i++)
                if (leans_on[k, i] && !done[i]) break
            if (i > n) break
        }
        done[k] = 1
        result = result text[k]
        if (k < last) changed = 1
        last = k
    }
    if (!changed) exit code_of_end = 3
    printf "    /* These lines are right, but not their order. */\n%s", result
}

NR == 1 {
    print "/* An exercise: the step " step " is yours to write, in step_" step "(), below.\n" \
        " *\n" \
        " *     make grade                   how far are you?\n" \
        " *     make hint STEP=" step "\n" \
        " *     make solution STEP=" step " */\n" \
        "#ifndef __clang__      /* Do not warn of what is not used or set yet. */\n" \
        "#pragma GCC diagnostic ignored \"-Wmaybe-uninitialized\"\n" \
        "#endif\n" \
        "#pragma GCC diagnostic ignored \"-Wuninitialized\"\n" \
        "#pragma GCC diagnostic ignored \"-Wunused-function\"\n" \
        "#pragma GCC diagnostic ignored \"-Wunused-parameter\"\n" \
        "#pragma GCC diagnostic ignored \"-Wunused-const-variable\"\n"
}
$0 == "static void step_" step "(struct cage *c) {" { print; found = body = 1; next }
body && /^}/ {
    if (level == "order") order(); else blank()
    body = 0
}
body {
    goes_on[++lines] = inside
    look($0)
    line[lines] = $0; Code[lines] = code; note_at[lines] = note
    next
}
{ print }
END { exit code_of_end ? code_of_end : !found }
