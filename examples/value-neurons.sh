#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Value neurons of the default model: for each of its three tasks, probes of two
# targets at every layer beside all baselines, rankings of the coordinates,
# pruning curves against random and large coordinates, and the overlap of
# rankings between tasks and seeds against chance. Tables and plots go to
# build/value-neurons; what was found is printed.
#
# usage: sh examples/value-neurons.sh [training problems per task, at most 2000]

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
. tests/build.sh

train=${1:-300}
case $train in
*[!0-9]* | '' | 0*) train=0 ;;
esac
if [ "$train" -lt 50 ] || [ "$train" -gt 2000 ]; then
    echo 'usage: sh examples/value-neurons.sh [training problems per task, 50 to 2000]' >&2
    exit 2
fi
sh tests/deps.sh build run || exit 1
build_tools || exit 1

PATH=$PWD/build:$PATH
HSTOOLS_MODEL=$PWD/examples/reasoner
problems=$PWD/examples/reasoner/problems
out=$PWD/build/value-neurons
export PATH HSTOOLS_MODEL
rm -rf "$out" && mkdir -p "$out" && cd "$out" || exit 1
started=$(date +%s)
tasks='chain expr choice'
targets='td mc'

# The settings that differ from the defaults, for the sake of time: a larger
# learning rate and fewer epochs.
fit='--epochs 15 --lr 3e-4'

say() {
    printf '%4d s  %s\n' $(($(date +%s) - started)) "$*"
}

# extract NAME [OPTION]... <problems: sampled at temperature 1, as the paper does
extract() {
    name=$1
    shift
    hs-extract -q --grader gsm8k --max-tokens 200 --temperature 1 --seed 1 \
        --progress never -o "$name.hsz" "$@" || exit 1
}

# study TASK: everything about one task
study() {
    cat "$problems/$1"-train-*.jsonl | head -n "$train" | extract "$1"
    extract "$1-test" <"$problems/$1-test.jsonl"
    head -n 30 "$problems/$1-test.jsonl" | extract "$1-audit" --positions tokens
    say "$1: $train problems for training, 500 held out; probes"
    # shellcheck disable=SC2086 # fit is several words
    probe-fit -q $fit --target td,mc --seeds 2 --val-file "$1-test.hsz" \
        --progress never -o "$1-probes.hsz" <"$1.hsz" || exit 1
    probe-fit --report <"$1-probes.hsz" >"$1-auc.txt" || exit 1
    probe-fit --report=tsv <"$1-probes.hsz" >"$1-auc.tsv" || exit 1
    for target in $targets; do
        say "$1: $target, ranking and pruning curves"
        neuron-rank -q --target $target --audit "$1-audit.hsz" \
            --curve "$1.hsz" --val-file "$1-test.hsz" --epochs 5 --random 3 \
            --progress never -o "$1-$target-rank.hsz" "$1-probes.hsz" || exit 1
    done
    for target in $targets; do
        neuron-rank -q --tsv "$1-$target-rank.hsz" >"$1-$target-rank.tsv" ||
            exit 1
    done
}

# draw NAME PLOT FILE [OPTION]...: a picture as SVG and PNG
draw() {
    name=$1
    shift
    for format in svg png; do
        hs-plot "$@" -o "$name.$format" || exit 1
    done
}

for task in $tasks; do
    study $task
    draw $task-auc auc $task-probes.hsz --title "$task"
    draw $task-training training $task-probes.hsz --title "$task"
    for target in $targets; do
        draw $task-$target-pruning pruning --at s0,sT $task-$target-rank.hsz \
            --title "$task, $target"
        draw $task-$target-importance importance $task-$target-rank.hsz \
            --title "$task, $target"
    done
done
for target in $targets; do
    say "$target: overlap of the rankings"
    for layer in 1 2 3 4; do
        neuron-rank -q --iou -l $layer -o overlap-$target-$layer.hsz \
            chain-$target-rank.hsz expr-$target-rank.hsz \
            choice-$target-rank.hsz || exit 1
        neuron-rank -q --iou --tsv -l $layer chain-$target-rank.hsz \
            expr-$target-rank.hsz choice-$target-rank.hsz \
            >overlap-$target-$layer.tsv || exit 1
        draw overlap-$target-$layer overlap overlap-$target-$layer.hsz \
            --title "$target, layer $layer"
    done
done

# AUC of each layer: probes, mean over seeds, and the best of the baselines that
# are no probe.
for task in $tasks; do
    printf '\n%s: AUC of V on held-out problems (shuffled: of the rewards)\n' $task
    awk -F '\t' '
        NR == 1 { next }
        { key = $1 SUBSEP $5 }
        !($1 in seen) { seen[$1] = 1; layers[++n] = $1 }
        $6 == "" { next }
        $4 != "" { sum[key, $2] += $6; count[key, $2]++; next }
        $2 == "shuffled" { shuffled[key, $3] = $6; next }
        !(key in best) || $6 > best[key] { best[key] = $6; name[key] = $2 }
        END {
            split("s0 50% sT", places, " ")
            for (p = 1; p <= 3; p++) {
                printf "%-6s%-6s%7s%7s%7s%10s%10s   %s\n", "place", "layer",
                    "td", "mc", "ntp", "shuf. td", "shuf. mc",
                    "best of the others"
                for (i = 1; i <= n; i++) {
                    key = layers[i] SUBSEP places[p]
                    printf "%-6s%-6s%7.3f%7.3f%7.3f%10.3f%10.3f   %.3f %s\n",
                        places[p], layers[i],
                        sum[key, "td"] / count[key, "td"],
                        sum[key, "mc"] / count[key, "mc"],
                        sum[key, "ntp"] / count[key, "ntp"],
                        shuffled[key, "td"], shuffled[key, "mc"],
                        best[key], name[key]
                }
            }
        }' "$task-auc.tsv" || exit 1
done

printf '\nThe top 1 %%, and AUC at s_0 when only so many coordinates are left\n'
printf '%-8s%-4s%-6s%-18s%22s%22s%22s\n' task '' layer 'top 1 %' \
    '5 % top (random)' '2 % top (random)' '1 % top (random)'
for task in $tasks; do
    for target in $targets; do
        awk -F '\t' -v task=$task -v target=$target '
            $1 == "#type" { delete at; for (i = 1; i <= NF; i++) at[$i] = i }
            $1 == "#type" { next }
            { layer = $2 }
            !(layer in seen) { seen[layer] = 1; layers[++n] = layer }
            $1 == "coordinate" && $at["top"] == 1 {
                top[layer] = top[layer] " " $at["coordinate"]
                if ($at["sink"] == "yes") top[layer] = top[layer] "(sink)"
            }
            $1 == "curve" && $at["at"] == "s0" {
                key = layer SUBSEP $at["ratio"]
                auc = $at["auc"]
                if ($at["set"] == "top") best[key] = auc
                if ($at["set"] == "random") {
                    if (!(key in low) || auc < low[key]) low[key] = auc
                    if (!(key in high) || auc > high[key]) high[key] = auc
                }
            }
            END {
                split("0.95 0.98 0.99", ratios, " ")
                for (i = 1; i <= n; i++) {
                    printf "%-8s%-4s%-6s%-18s", task, target, layers[i],
                        top[layers[i]]
                    for (r = 1; r <= 3; r++) {
                        key = layers[i] SUBSEP ratios[r]
                        if (!(key in best)) continue
                        printf "   %5.3f (%5.3f-%5.3f)", best[key], low[key],
                            high[key]
                    }
                    print ""
                }
            }' "$task-$target-rank.tsv" || exit 1
    done
done

printf '\nIoU of the top tenth between tasks (pairs of different seeds), between seeds\nof a task, and by chance\n'
cat overlap-*.tsv | awk -F '\t' '
    $1 == "#type" { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["ratio"] == "0.9" {
        a = $at["a"]; b = $at["b"]
        sub(/-.*/, "", a); sub(/-.*/, "", b)
        printf "%-3s layer %s  %-6s %-7s IoU %.3f  seeds %.3f  chance %.3f (%.3f-%.3f)\n",
            $at["target_a"], $at["layer_a"], a, b, $at["cross_iou"],
            $at["ceiling"], $at["expected"], $at["lo"], $at["hi"]
    }'
echo
hs-plot auc -l 2 chain-probes.hsz --width 78 --height 30 --title chain
say "done; tables and pictures are in $out"
