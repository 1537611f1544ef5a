#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what is missing, builds in build/ and runs every test. The last line
# is "N passed, N failed"; the exit status is 0 only if some test passed and
# none failed.
#
# usage: sh tests/run.sh [make check arguments, such as TESTS=tests/docs.sh]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

# Results of a kind, over all tests: each .trs holds one line a test point.
count() {
    find build -name '*.trs' -exec cat {} + | grep -c "^:test-result: *$1"
}

# The logs of the tests that did not pass.
print_failures() {
    find build -name '*.trs' | sort | while read -r trs; do
        grep -Eq '^:test-result: *(FAIL|ERROR|XPASS)' "$trs" || continue
        printf '\n==== %s\n' "${trs%.trs}"
        cat "${trs%.trs}.log"
    done
}

# What was skipped, and why.
print_skips() {
    echo "$skipped skipped:"
    find build -name '*.log' -path '*tests*' | sort | while read -r log; do
        grep -E '^(ok|1\.\.0) .*# SKIP' "$log" |
            sed "s,^,    ${log#build/}: ,"
    done
}

give_up() {
    echo "$1"
    echo '0 passed, 1 failed'
    exit 1
}

sh tests/deps.sh build run tests || give_up 'packages are missing'
build_tools || give_up 'the build failed'

find build -name '*.trs' -exec rm -f {} +
echo 'testing'
make -C build -k -j"$(jobs_here)" check "$@" >build/check.log 2>&1
status=$?

passed=$(count '\(PASS\|XFAIL\)')
failed=$(count '\(FAIL\|ERROR\|XPASS\)')
skipped=$(count SKIP)
print_failures
if [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo 'make check failed outside the tests:'
    tail -n 40 build/check.log
    failed=1
fi
[ "$skipped" -eq 0 ] || print_skips
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
