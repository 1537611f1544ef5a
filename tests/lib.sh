# SPDX-License-Identifier: GPL-3.0-or-later
#
# Read by the shell tests: TAP output, and a scratch directory of its own, which
# becomes the current one. End a test with done_testing.
# shellcheck shell=sh

: "${HS_SRCDIR:?run through make check}" "${HS_BUILDDIR:?run through make check}"
scratch=$(mktemp -d) || exit 99
trap 'cd / && rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM
cd "$scratch" || exit 99
tests_run=0

# say: diagnostics from stdin, as TAP comments
say() {
    sed 's/^/# /'
}

# pass NAME, fail NAME: one test point
pass() {
    tests_run=$((tests_run + 1))
    echo "ok $tests_run - $1"
}

fail() {
    tests_run=$((tests_run + 1))
    echo "not ok $tests_run - $1"
}

# skip NAME REASON
skip() {
    tests_run=$((tests_run + 1))
    echo "ok $tests_run - $1 # SKIP $2"
}

# skip_all REASON: before any test point; ends the test
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# ok NAME COMMAND...: the command succeeds
ok() {
    ok_name=$1
    shift
    if "$@" >"$scratch/.out" 2>&1; then
        pass "$ok_name"
    else
        fail "$ok_name"
        tail -n 30 "$scratch/.out" | say
    fi
}

# is NAME GOT WANTED: two strings are equal
is() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1"
        printf '     got: %s\n  wanted: %s\n' "$2" "$3" | say
    fi
}

# status NAME WANTED COMMAND...: the command exits so; stdout and stderr are
# left in the files out and err
status() {
    status_name=$1
    status_wanted=$2
    shift 2
    "$@" >out 2>err </dev/null
    is "$status_name" $? "$status_wanted"
}

# find_python MODULE...: sets $python to a python3 that has them, or fails
find_python() {
    for python in /usr/bin/python3 python3; do
        for module in "$@"; do
            "$python" -c "import $module" 2>/dev/null || continue 2
        done
        "$python" -c '' 2>/dev/null && return 0
    done
    return 1
}

done_testing() {
    echo "1..$tests_run"
}
