# The step uts: a host name of its own.
load helper

@test "the host name inside is ours to choose, and the host keeps its own" {
    before=$(hostname)
    equal lab "$(inside --hostname=lab hostname)"
    equal cage "$(inside hostname)"
    equal "$before" "$(hostname)"
}

@test "without uts the container has the host's name" {
    equal "$(hostname)" "$(inside --without=uts hostname)"
}
