#!/usr/bin/awk -f
# What cage.c is like, for 38-form.bats: one fact a line.
#
#     code N        lines on which there is anything but comment
#     comment N     lines on which there is any comment; one can be both
#     part1 N       lines of code up to "You can stop reading here"
#     banner WHO NAME        /* ====== WHO: NAME ====== in the order of the file
#     step NAME              static void step_NAME(...) {
#     function LENGTH NAME   from its first line to its } in column one
#     bare NAME              a function with no comment since the one before it
#     long LINE LENGTH       a line of more than 80 columns
#     ugly LINE WHAT         a tab, a space at the end, a comment with //
{
    rest = $0
    is_code = 0
    is_comment = inside
    while (rest != "") {
        if (inside) {
            is_comment = 1
            end = index(rest, "*/")
            rest = end ? substr(rest, end + 2) : ""
            inside = !end
        } else if (match(rest, /^"([^"\\]|\\.)*"/) || match(rest, /^'([^'\\]|\\.)*'/)) {
            is_code = 1                 # a string can hold what looks like one
            rest = substr(rest, RLENGTH + 1)
        } else if (substr(rest, 1, 2) == "/*") {
            is_comment = inside = 1
            rest = substr(rest, 3)
        } else {
            if (substr(rest, 1, 2) == "//")
                print "ugly", FNR, "//"
            if (substr(rest, 1, 1) !~ /[ \t]/)
                is_code = 1
            rest = substr(rest, 2)
        }
    }
    code += is_code
    comment += is_comment
    explained += is_comment && !start
}
/^\/\* -+ You can stop reading here/ { part1 = code }
match($0, /^\/\* =+ (host|child|init|command): [a-z]+ =+$/) { print "banner", substr($3, 1, length($3) - 1), $4 }

# A function begins on a line that begins with a word, has a ( and no ; at its
# end, and ends with a } at the beginning of a line.
/^[a-zA-Z_].*\(/ && !/;[ \t]*$/ && !/=/ && !/^__attribute__/ && !start {
    start = FNR
    name = $0
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
}
start && /;[ \t]*$/ && !body { start = 0 }      # no: only its declaration
start && /[{]$/ { body = 1 }
/^}/ && start {
    print "function", FNR - start + 1, name
    if (name ~ /^step_/)
        print "step", substr(name, 6)
    if (!explained)
        print "bare", name
    start = body = explained = 0
}
length($0) > 80 { print "long", FNR, length($0) }
/[ \t]$/ { print "ugly", FNR, "space at the end" }
/\t/ { print "ugly", FNR, "tab" }
END { print "code", code; print "comment", comment; print "part1", part1 + 0 }
