#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The fuzz targets once over their committed corpus.
. "$HS_SRCDIR/tests/lib.sh"

for program in "$HS_BUILDDIR"/tests/fuzz/replay_*; do
    [ -x "$program" ] || continue
    case $program in *.*) continue ;; esac
    name=${program##*/replay_}
    if "$program" "$HS_SRCDIR/tests/fuzz/corpus/$name"/* >log 2>&1; then
        pass "$name: $(cat log)"
    else
        say <log
        fail "$name"
    fi
done
done_testing
