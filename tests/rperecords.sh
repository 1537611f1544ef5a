#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made-up records of rpe-scan for the tests of hs-plot, as lines of JSON for
# mkrecords:
#     sh rperecords.sh traces|coordinates|curves|dependence
# The numbers follow from layer, coordinate and token by formulas that the tests
# know; nothing here was measured.
set -e

# Two answers: one of 12 tokens with a probe, one of 150 with rollouts.
traces() {
    jq -nc '
        def trace($id; $layer; $T; $probe; $rollouts): {
            type: "trace", layer: $layer, znorm: "train", window: 3,
            t: {u32: [range(0; $T + 1)]}, id: $id, problem: $id, sample: 0,
            surprise: (if $rollouts then "pleasant" else null end), reward: 1, v0: 0.25,
            tokens: {u32: [range(0; $T)]},
            text: (if $probe then [range(0; $T) | [" the", "\n", " ", "a longer word than fits", "é\"%"][. % 5]] else null end),
            v: (if $probe then {f32: [range(0; $T + 1) | . / $T]} else null end),
            at: null, value: null, lo: null, hi: null, delta: null,
            coordinates: {u32: [7, 3]}, sign: [1, -1],
            z: {f32: [(range(0; $T + 1) | . % 4), (range(0; $T + 1) | 1 - (. % 3))]}
        } | if $rollouts then
            [range(0; 4)] as $i |
            .at = {u32: [0, 50, 100, $T]} | .value = {f32: [0.25, null, 0.5, 1]} |
            .lo = {f32: [0.125, null, 0.25, 1]} | .hi = {f32: [0.5, null, 0.75, 1]} |
            .delta = {f32: [null, null, 0.5]}
        else . end;
        trace("short"; 1; 12; true; false), trace("long#1"; 1; 150; false; true), trace("short"; 2; 12; true; false)'
}

# Coordinate j of 40: found where j is 4, 5 or 6, with signs.
coordinates() {
    jq -nc '
        [range(0; 40)] as $j |
        {type: "rpe-coordinates", layer: 1, d: 40} + {
            score: {f32: [$j[] | (. - 5) / 10]}, score_p: {f32: [$j[] | 1 / (2 + .)]},
            r_out: {f32: [$j[] | if . == 5 then -0.5 elif . == 39 then null else 0.25 end]},
            p: {f32: [$j[] | if . >= 4 and . <= 6 then 0.001 elif . == 39 then null else 1 end]},
            q: {f32: [$j[] | if . >= 4 and . <= 6 then 0.02 else 1 end]},
            found: {u32: [$j[] | if . >= 4 and . <= 6 then 1 else 0 end]}
        } + ({mode: "td"}, {mode: "surprise"})'
}

curves() {
    jq -nc '
        (1, 2) as $layer | (0, 0.5, 0.9, 0.99) as $ratio | ("selected", "split_half", "all") as $figure |
        ({set: "top", draw: null, rho: (0.5 - $ratio / 4)},
         ({set: "random", draw: (0, 1, 2)} | .rho = 0.5 - (0.3 + 0.1 * .draw) * $ratio),
         ({set: "shuffled", draw: (0, 1)} | .rho = 0.02 * .draw - 0.01)) |
        {type: "rpe-curve", layer: $layer, ratio: $ratio, figure: $figure} + . +
            {lo: (.rho - 0.1), hi: (.rho + 0.1)}'
}

dependence() {
    jq -nc '
        def figure($x): {value: $x, random: {mean: 0.9, low: 0.8, high: 0.95}, rms: {mean: 0.7, low: 0.5, high: 0.8}};
        def figures($x): {corr: figure($x), ratio: figure($x), rho: (figure($x / 2) + {none: 0.6})};
        {type: "dependence", edit_layers: [1, 2], k: 20, n_random: 20, n_rms: 20, mean: figures(0.4),
         coordinates: [({layer: 3, index: (7, 9), sign: 1} + figures(0.3)), ({layer: 4, index: 2, sign: -1} + figures(0.5))]}'
}

case ${1-} in
traces | coordinates | curves | dependence) "$1" ;;
*)
    echo 'usage: rperecords.sh traces|coordinates|curves|dependence' >&2
    exit 2
    ;;
esac
