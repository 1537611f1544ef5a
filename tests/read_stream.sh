#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# examples/read_stream.py, which shares no code with the library, reads what
# was written: the states before they were rounded, rounded by NumPy.
. "$HS_SRCDIR/tests/lib.sh"

find_python msgpack numpy zstandard || skip_all 'no Python with msgpack, numpy and zstandard'
mkstream=$HS_BUILDDIR/tests/mkstream
reader=$HS_SRCDIR/examples/read_stream.py

cat >compare.py <<'END'
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import numpy as np
import read_stream

stream, dump, dtype, items, dim, n_layers = sys.argv[2:]
want, at, n = np.fromfile(dump, "<f4"), 0, 0


def rounded(x):
    if dtype == "f16":
        with np.errstate(over="ignore"):
            y = x.astype("<f2").astype("<f4")
        return x if np.isinf(y).any() else y  # this block was stored as f32
    if dtype == "bf16":
        u = x.view("<u4")
        return ((u + 0x7FFF + (u >> 16 & 1)) & 0xFFFF0000).view("<f4")
    return x


with open(stream, "rb") as f:
    for t in read_stream.read(f):
        assert len(t["x"]) == int(n_layers)
        n += 1
        positions = read_stream.tensor(t["positions"])
        tokens = read_stream.tensor(t["tokens"])
        assert len(read_stream.tensor(t["logprob"])) == len(tokens) - t["n_prompt"]
        for layer in sorted(t["x"]):
            x = t["x"][layer].astype("<f4")
            assert x.shape == (len(positions), int(dim))
            y = rounded(want[at:at + x.size])
            assert x.tobytes() == y.tobytes(), (t["id"], layer)
            at += x.size
assert n == int(items) and at == want.size
END

# compare NAME DTYPE ITEMS DIM LAYERS N_LAYERS OPTION...
compare() {
    name=$1 dtype=$2 items=$3 dim=$4 layers=$5 n_layers=$6
    shift 6
    "$mkstream" --dtype="$dtype" --items="$items" --dim="$dim" \
        --layers="$layers" --dump=dump "$@" >stream
    ok "$name" "$python" compare.py "$HS_SRCDIR/examples" stream dump \
        "$dtype" "$items" "$dim" "$n_layers"
}

for dtype in f16 bf16 f32; do
    compare "$dtype" $dtype 9 17 0-4 5
    compare "$dtype: one layer, one value" $dtype 5 1 3 1 --tokens=1
done
compare 'f16 with blocks of f32' f16 9 17 1,3 2 --over=40
compare 'f16: no trajectory' f16 0 4 0-4 5
compare 'f32: several blocks' f32 2 2000 0,2 2 --tokens=1200

"$mkstream" >a
"$mkstream" --seed=2 --items=3 >b
cat a b >stream
"$python" "$reader" <stream >out
is 'two segments' $? 0
is 'two segments: all trajectories' "$(wc -l <out)" 11
zstd -dcq a | head -c 20000 | zstd -q >short
"$python" "$reader" <short >out 2>err
is 'a stream without its end is refused' $? 1
done_testing
