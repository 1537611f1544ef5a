#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/ref/surprise.sh RPEWORLD [DRAWS [POWER]]: where the surprise scan finds
# dopamine neurons, and how often it finds any where there are none, for
# RPEWORLD, a built tests/rpeworld.  Worlds are of consecutive seeds.
# tests/surprise.sh runs a few of each.
#
# The stated world is the first of the second table: 128 coordinates, 8 value
# neurons, 6 dopamine neurons of effect 1.5, 8 confounds, 1000 answers.
rpeworld=${1:?usage: surprise.sh RPEWORLD [DRAWS [POWER]]}
draws=${2:-200}
power=${3:-10}

echo '# none planted: worlds with a false discovery'
null="--width=64 --value=8 --dopamine=0 --confounds=16 --known=0.4 --step-every=4 --length=10:40
    --trajectories=400 --permutations=1499 --draws=$draws"
# none NAME OPTIONS...
none() {
    name=$1
    shift
    # shellcheck disable=SC2086 # words
    echo "$name	$("$rpeworld" $null "$@" | tail -n 1)"
}
none 'V(s_0) as planted, strong confounds' --confound-effect=2 --confounding=0.95
none 'V(s_0) of 8 rollouts, strong value neurons' --v0=rollouts --rollouts=8 --effect=3
none 'V(s_0) of 4 rollouts, 4 samples a problem' --v0=rollouts --rollouts=4 --samples=4
none 'most of it known' --known=0.9
none 'no value neurons that matter' --effect=0 --dopamine-effect=1

echo '# planted: precision and recall'
world="--width=128 --value=8 --dopamine=6 --confounds=8 --known=0.4 --step-every=4 --length=10:40
    --trajectories=1000 --effect=1.5 --permutations=2999 --draws=$power"
# planted NAME OPTIONS...
planted() {
    name=$1
    shift
    # shellcheck disable=SC2086 # words
    echo "$name	$("$rpeworld" $world "$@" | tail -n 1)"
}
planted 'the stated world'
planted 'V(s_0) of 8 rollouts' --v0=rollouts --rollouts=8
planted 'effect 1' --effect=1
planted 'effect 0.5' --effect=0.5
planted '500 answers' --trajectories=500
planted '300 answers' --trajectories=300
planted 'known 0.9' --known=0.9
planted 'known 0.2' --known=0.2
planted 'reward rate 0.1' --reward-rate=0.1
planted 'noise shared' --shared-noise=0.8
planted 'noise that a problem keeps' --noise-static=0.9
planted '4 samples a problem' --samples=4
planted 'confounds as strong' --confound-effect=2 --confounding=0.95
planted 'long answers' --length=100:200 --step-every=10
planted 'long answers, 4000 of them' --length=100:200 --step-every=10 --trajectories=4000
planted 'z by the response' --znorm=response
planted 'causal z' --znorm=causal
