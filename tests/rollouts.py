# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of a model whose every token is a fair die (mkmodel dice=...),
against the chances that follow: usage: rollouts.py FACES WIN EOS NEED MAX K

Reads "hs-view" of a stream on standard input: a completion is right if WIN (a
byte) came NEED times among its at most MAX tokens; it ends behind EOS (a token,
-1: never). FACES is how many sides the die has, WIN and EOS are one of them.
Of what hstools compute nothing is used here but counts.
"""
import json
import math
import sys
from functools import lru_cache

faces, win, eos, need, most, k = (int(x) for x in sys.argv[1:])
Z95 = 1.959963984540054


@lru_cache(maxsize=None)
def chance(left, missing):
    """Of a right completion with so many tokens to come."""
    if missing <= 0:
        return 1.0
    if left == 0:
        return 0.0
    ends = 1 if eos >= 0 else 0
    return (chance(left - 1, missing - 1)
            + (faces - 1 - ends) * chance(left - 1, missing)) / faces


def wilson(s, n):
    """The textbook form, not that of the C code."""
    p, z2 = s / n, Z95 * Z95
    mid = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return mid - half, mid + half


def covers(s, n, p):
    lo, hi = wilson(s, n)
    return lo <= p <= hi


def coverage(p, n):
    return sum(math.comb(n, s) * p ** s * (1 - p) ** (n - s)
               for s in range(n + 1) if covers(s, n, p))


class Sum:
    """A sum of independent terms of known mean and variance."""

    def __init__(self, name):
        self.name, self.got, self.mean, self.var, self.n = name, 0, 0, 0, 0

    def add(self, got, mean, var):
        self.got += got
        self.mean += mean
        self.var += var
        self.n += 1

    def report(self):
        z = (self.got - self.mean) / math.sqrt(self.var)
        good = abs(z) <= 3.29  # 1 of 1000
        print(f"{'ok' if good else 'BAD'} {self.name}: {self.got:.6g} of "
              f"{self.n}, expected {self.mean:.6g}, z {z:.2f}")
        return good


sums = {n: Sum(n) for n in ("all", "even", "odd", "even times odd", "covered",
                            "next boundary")}
by_p = [Sum(f"chance {i / 5:.1f} to {(i + 1) / 5:.1f}") for i in range(5)]
bad = 0
for line in sys.stdin:
    t = json.loads(line)
    if t["type"] != "trajectory":
        continue
    r, n_prompt = t["rollouts"], t["n_prompt"]
    tokens = t["tokens"]["values"][n_prompt:]
    fed = [x for x in tokens if x != eos]
    if r["at"][0] != 0 or r["at"][-1] != len(fed):
        print(f"BAD at of {t['id']}: {r['at']}")
        bad = 1
    right = sum(x == win for x in fed) >= need
    if t["reward"] != right or r["value"][-1] != right:
        print(f"BAD reward of {t['id']}")
        bad = 1
    before = 0
    for i, at in enumerate(r["at"][:-1]):
        p = chance(most - at, need - sum(x == win for x in fed[:at]))
        s, h = r["successes"][i], r["half_successes"][i]
        n_h = r["half_k"][i]
        if r["k"][i] != k or n_h != (k + 1) // 2 or r["undecided"][i]:
            print(f"BAD k of {t['id']}")
            bad = 1
        if p in (0.0, 1.0):
            if s != p * k:
                print(f"BAD value of {t['id']} at {at}: {s}, always {p * k}")
                bad = 1
            continue
        v = p * (1 - p)
        sums["all"].add(s, k * p, k * v)
        by_p[min(4, int(5 * p))].add(s, k * p, k * v)
        even, odd = h - n_h * p, s - h - (k - n_h) * p
        sums["even"].add(h, n_h * p, n_h * v)
        sums["odd"].add(s - h, (k - n_h) * p, (k - n_h) * v)
        sums["even times odd"].add(even * odd, 0, n_h * (k - n_h) * v * v)
        if before:
            sums["next boundary"].add(before * (s - k * p) / math.sqrt(k * v),
                                      0, 1)
        before = (s - k * p) / math.sqrt(k * v)
        c = coverage(p, k)
        sums["covered"].add(covers(s, k, p), c, c * (1 - c))
        for x, y in zip(wilson(s, k), (r["lo"][i], r["hi"][i])):
            if not abs(x - y) <= 1e-12:
                print(f"BAD interval of {t['id']} at {at}")
                bad = 1
good = [s.report() for s in [*sums.values(), *by_p] if s.var > 0]
c = sums["covered"]
print(f"coverage {c.got / c.n:.4f} of {c.n}, exact {c.mean / c.n:.4f}")
if c.n < 500 or not 0.93 <= c.mean / c.n <= 0.975:
    print("BAD: too few, or not the nominal rate")
    bad = 1
sys.exit(bad or not all(good))
