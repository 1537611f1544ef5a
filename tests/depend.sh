#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rpe-scan --dependence on the default model, against PyTorch: every arm's
# traces and all figures of them.
. "$HS_SRCDIR/tests/lib.sh"

find_python numpy scipy torch || skip_all 'no python3 with numpy, scipy and torch'
"$python" "$HS_SRCDIR/tests/ref/depend.py" compare "$HS_SRCDIR" "$HS_BUILDDIR" \
    "$scratch/work" >lines 2>err
is 'all arms are those of PyTorch' $? 0
say <lines
tail -n 20 err | say
done_testing
