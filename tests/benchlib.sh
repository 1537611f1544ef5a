# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034 # what is set here is read there
#
# benchlib.sh - what the scripts of tests/bench share; they set build and
# python, and read kernel and dir.

say() {
    # shellcheck disable=SC2059 # the format is the first argument
    printf "$@"
}

# calc EXPRESSION: its value, three digits
calc() {
    awk "BEGIN { printf \"%.3g\", ($1) }"
}

# median FILE: of its first column
median() {
    sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# row TEXT VALUE TARGET: a ratio, and what it should be
row() {
    say '  %-58s %8s   (target %s)\n' "$1" "$2" "$3"
}

# seconds COMMAND...: how long it takes
seconds() {
    s_start=$(date +%s.%N)
    "$@" || exit 1
    s_end=$(date +%s.%N)
    awk "BEGIN { print $s_end - $s_start }"
}

# with_kernel NAME COMMAND...: by another kernel of OpenBLAS, or its own choice
with_kernel() (
    case $1 in
    own) shift ;;
    *)
        OPENBLAS_CORETYPE=$1
        export OPENBLAS_CORETYPE
        shift
        ;;
    esac
    "$@"
)

# The kernel of OpenBLAS that is fastest here. Debian's OpenBLAS falls back to
# an old one on processors that it does not know: PyTorch and sgemm both get
# the best.
find_kernel() {
    best=0
    kernel=own
    for core in own Haswell SkylakeX; do
        peak=$(with_kernel $core "$build/tests/bench/enginespeed" peak 2 \
            2>/dev/null) || continue
        say 'sgemm of OpenBLAS, kernel %s: %s GFLOP/s\n' \
            "${peak#* }" "${peak% *}"
        if [ "$(calc "${peak% *} > $best")" = 1 ]; then
            best=${peak% *}
            kernel=$core
        fi
    done
}

# A Python that has torch, or none.
find_python() {
    python=
    for try in "${PYTHON:-python3}" /usr/bin/python3; do
        if "$try" -c 'import torch' 2>/dev/null; then
            python=$try
            return
        fi
    done
    say 'no rows of PyTorch: no Python here has torch (python3-torch)\n'
}
