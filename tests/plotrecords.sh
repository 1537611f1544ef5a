#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Made-up records for the tests of hs-plot, as lines of JSON for mkrecords:
#     sh plotrecords.sh probes|rankings|overlaps|arms
# The numbers follow from layer, target, seed and place by formulas that the
# tests know; nothing here was measured.
set -e

probes() {
    awk 'BEGIN {
        n = split("s0 25% 50% 75% sT", place)
        n_targets = split("td mc", target)
        n_baselines = split("prompt length,logistic", baseline, ",")
        for (layer = 2; layer <= 5; layer++) {
            for (t = 1; t <= n_targets; t++)
                for (seed = 1; seed <= 2; seed++) {
                    printf "{\"type\":\"probe\",\"layer\":%d,\"seed\":%d,", layer, seed
                    printf "\"target\":\"%s\",\"curve\":{\"epoch\":[", target[t]
                    list("1")
                    printf "],\"loss\":["; list("loss")
                    printf "],\"auc\":["; list("auc")
                    printf "],\"spread\":["; list("spread")
                    printf "]},"
                    eval(0.52 + 0.02 * layer + 0.01 * seed - 0.04 * (t - 1), 0.05)
                }
            for (k = 1; k <= n_baselines; k++) {
                printf "{\"type\":\"baseline\",\"layer\":%d,", layer
                printf "\"name\":\"%s\",", baseline[k]
                eval(0.44 + 0.08 * k, 0.01)
            }
        }
    }
    function list(what,  e) {
        for (e = 1; e <= 10; e++) {
            x = e
            if (what == "loss") x = 0.25 / t / t * exp(-e * 0.08) + seed / 1000
            if (what == "auc") x = 0.5 + 0.015 * e + seed / 100
            if (what == "spread") x = e == 1 ? "null" : 0.02 * e
            printf "%s%s", (e > 1 ? "," : ""), x
        }
    }
    function eval(at, step,  i, x) {
        printf "\"eval\":{\"n\":400,\"n_positive\":220,\"n_problems\":400,\"places\":{"
        for (i = 1; i <= n; i++) {
            x = at + step * (i - 1)
            printf "%s\"%s\":{\"auc\":%g,\"se\":0.025,\"lo\":%g,\"hi\":%g,", (i > 1 ? "," : ""), place[i], x, x - 0.05, x + 0.05 * (1 - x)
            printf "\"boot_lo\":%g,\"boot_hi\":%g,\"spread\":0.1,\"brier\":null,\"ece\":null}", x - 0.06, x + 0.03
        }
        print "}}}"
    }'
}

rankings() {
    awk 'BEGIN {
        n = split("0 0.5 0.8 0.9 0.95 0.98 0.99", ratio)
        for (layer = 2; layer <= 3; layer++) {
            ranking(64)
            for (i = 1; i <= n; i++)
                for (at = 0; at < 2; at++) {
                    curve("top", "null", 0.72 + 0.1 * at - 0.05 * ratio[i])
                    for (draw = 0; draw < 3; draw++)
                        curve("random", draw, 0.7 + 0.1 * at - (0.12 + 0.03 * draw) * ratio[i])
                    curve("rms", "null", 0.71 + 0.1 * at - 0.1 * ratio[i])
                }
        }
    }
    function curve(set, draw, auc) {
        printf "{\"type\":\"curve\",\"layer\":%d,\"target\":\"td\",\"eval\":\"retrain\",", layer
        printf "\"set\":\"%s\",\"draw\":%s,\"ratio\":%s,\"kept\":%d,", set, draw, ratio[i], 64 * (1 - ratio[i]) + 0.5
        printf "\"at\":\"%s\",\"auc\":%g,\"se\":0.02,\"lo\":%g,\"hi\":%g}\n", at ? "sT" : "s0", auc, auc - 0.04, auc + 0.04
    }
    # Coordinate j has rank d - j; the last but one is a sink.
    function ranking(d,  j) {
        printf "{\"type\":\"ranking\",\"layer\":%d,\"target\":\"td\",\"n_top\":4,", layer
        printf "\"order\":{\"u32\":["
        for (j = d - 1; j >= 0; j--) printf "%d%s", j, j ? "," : "]},"
        printf "\"importance\":{\"f32\":["
        for (j = 0; j < d; j++) printf "%g%s", exp(j / 8) / layer, j < d - 1 ? "," : "]},"
        printf "\"rms\":{\"f32\":["
        for (j = 0; j < d; j++) printf "%g%s", j == d - 2 ? 500 : 1 + j % 7, j < d - 1 ? "," : "]},"
        printf "\"sink\":{\"u32\":["
        for (j = 0; j < d; j++) printf "%d%s", j == d - 2, j < d - 1 ? "," : "]}}\n"
    }'
}

overlaps() {
    awk 'BEGIN {
        n = split("0 0.5 0.8 0.9 0.95 0.99", ratio)
        for (a = 2; a <= 3; a++)
            for (b = a + 1; b <= 4; b++)
                for (i = 1; i <= n; i++) {
                    p = 1 - ratio[i]
                    e = p / (2 - p)
                    printf "{\"type\":\"overlap\",\"a\":\"gsm8k.hsz\",\"b\":\"gsm8k.hsz\",\"layer_a\":%d,\"layer_b\":%d,", a, b
                    printf "\"target_a\":\"td\",\"target_b\":\"td\",\"ratio\":%s,\"k\":%d,\"shared\":%d,", ratio[i], 512 * p + 0.5, 512 * p / 2
                    printf "\"iou\":%g,\"expected\":%g,\"lo\":%g,\"hi\":%g,\"p\":0.01,\"spearman\":0.4,", e + (1 - e) / (1 + b - a) / 2, e, e * 0.8, e + 0.2 * (1 - e) * e
                    printf "\"seed_iou_a\":%s,\"seed_iou_b\":%g}\n", a == 2 ? e + (1 - e) * 0.8 : "null", e + (1 - e) * 0.7
                }
    }'
}

# Arms in a model of width 200: 2 layers, 3 sizes, 6 draws; 40 problems each.
arms() {
    awk 'BEGIN {
        d = 200
        n_problems = 40
        arm("none", "null", "null", "null", 0, 32)
        for (layer = 2; layer <= 3; layer++) arm("noop", layer, "null", "null", 0, 32)
        n = split("1% 5% 20%", size)
        split("2 10 40", k)
        for (layer = 2; layer <= 3; layer++) {
            for (i = 1; i <= n; i++) {
                arm("value", layer, size[i], "null", k[i], 30 - 8 * i + 2 * layer)
                arm("value-sinks", layer, size[i], "null", k[i], -1)
                for (draw = 1; draw <= 6; draw++)
                    arm("random", layer, size[i], draw, k[i], 32 - i - draw % 3)
                for (draw = 1; draw <= 6; draw++)
                    arm("rms", layer, size[i], draw, k[i], 31 - 2 * i - draw)
                arm("wanda", layer, size[i], "null", k[i], 28 - 4 * i)
                arm("bottom", layer, size[i], "null", k[i], 32 + (i == 2))
                arm("ntp:runs/ntp.hsz", layer, size[i], "null", k[i], 29 - 2 * i)
            }
            arm("file:lists/td.txt", layer, "null", "null", 7, 17)
        }
        printf "{\"type\":\"head\",\"dim\":%d,\"run\":{\"top\":\"1%%,5%%,20%%\",\"arms\":[", d
        for (a = 1; a <= n_arms; a++) printf "%s%s", json[a], a < n_arms ? "," : "]}}\n"
        for (p = 1; p <= n_problems; p++)
            for (a = 1; a <= n_arms; a++)
                if (right[a] >= 0) item(a, p)
    }
    # right of the problems are answered rightly; -1: it equals the arm before.
    function arm(word, layer, size, draw, k, right_now,  kind, label, coords, j) {
        kind = word
        sub(/:.*/, "", kind)
        label = kind == "none" ? word : "L" layer "/" word
        if (draw != "null") label = label "." draw
        if (size != "null") label = label "@" size
        for (j = 0; j < k; j++) coords = coords (j ? "," : "") j
        a = ++n_arms
        json[a] = sprintf("{\"label\":\"%s\",\"kind\":\"%s\",\"layer\":%s,\"size\":%s,\"draw\":%s,", label, kind, layer, size == "null" ? size : "\"" size "\"", draw)
        json[a] = json[a] sprintf("\"mode\":\"%s\",\"where\":\"all\",\"n_coords\":%d,\"coords\":[%s],", k ? "zero" : "", k, coords)
        json[a] = json[a] sprintf("\"same_as\":%s,\"n_sinks\":0,\"n_value\":%d,\"rms_ratio\":1}", right_now < 0 ? "\"" last "\"" : "null", k)
        right[a] = right_now
        coords_of[a] = k
        name[a] = last = label
    }
    # 3 tokens of prompt, 2 of completion; all are fed.
    function item(a, p) {
        printf "{\"type\":\"trajectory\",\"id\":\"%s/p%d\",\"problem\":\"p%d\",", name[a], p, p
        printf "\"arm\":\"%s\",\"part\":\"problems\",\"reward\":%d,", name[a], p <= right[a]
        printf "\"tokens\":[1,2,3,4,5],\"n_prompt\":3,\"positions\":[],\"completion\":\"a\",\"finish\":\"length\","
        printf "\"logprob\":[-1,-1],\"entropy\":[1,1],\"edits\":%d}\n", 5 * coords_of[a]
    }'
}

case ${1-} in
probes | rankings | overlaps | arms) "$1" ;;
*)
    echo 'usage: plotrecords.sh probes|rankings|overlaps|arms' >&2
    exit 2
    ;;
esac
