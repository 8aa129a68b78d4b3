# die MESSAGE...: tells why, and ends the hook with the status of the command before. dib's ends well where that command did, as in
# `if ...; then die ...; fi`; who calls it means something else.
die() {
    local status=$?
    set +o xtrace
    echo "$@"
    exit "$((status > 0 ? status : 1))"
}
export -f die
