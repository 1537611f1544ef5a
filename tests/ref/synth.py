#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes synth.txt: constants of hs-synth's value process, by SciPy.

usage: synth.py > synth.txt

Z = m0 + tau u + sigma B(1) with u and B(1) standard normal, reward = 1{Z > 0},
V_0 = P(reward | u).  A line is

    p tau^2 T m0 z0_sd auc0 delta_sd

z0_sd: standard deviation of (V_0 - p) / sqrt(p (1 - p)).  auc0: the probability
that u of a success is above u of a failure.  delta_sd: root of the mean square
of V_t - V_(t-1) over the T tokens of a response; the squares of a martingale's
steps add up to the variance of what they lead to.
"""
import math

from scipy.integrate import quad
from scipy.special import owens_t
from scipy.stats import multivariate_normal, norm


def both_below(h, k, rho):
    """P(X < h, Y < k) for normal X, Y of correlation rho, by Owen's T."""
    h, k = h or 1e-13, k or 1e-13
    s = math.sqrt(1 - rho * rho)
    d = 0.5 if h * k < 0 else 0
    return (norm.cdf(h) + norm.cdf(k)) / 2 - d - \
        owens_t(h, (k / h - rho) / s) - owens_t(k, (h / k - rho) / s)


for p in (0.001, 0.1, 0.31, 0.5, 0.8, 0.999):
    for known in (0.0, 0.05, 0.5, 0.9, 0.999):
        length = 20
        m0, tau, sigma = norm.ppf(p), math.sqrt(known), math.sqrt(1 - known)
        # E[V_0^2]: two answers to one problem are both right
        both = both_below(m0, m0, known) if known > 0 else p * p
        check = multivariate_normal.cdf([m0, m0], cov=[[1, known], [known, 1]])
        assert abs(both - check) < 1e-6, (p, known, both, check)
        var0 = both - p * p

        def pairs(u):
            right = norm.pdf(u) * norm.cdf((m0 + tau * u) / sigma)
            wrong_below = norm.cdf(u) - both_below(m0, u, -tau)
            return right * wrong_below

        auc = 0.5
        if known > 0:
            auc = quad(pairs, -9, 9, points=[-m0 / tau], epsabs=1e-12,
                       epsrel=1e-10, limit=500)[0] / (p * (1 - p))
        print(p, known, length, f"{m0:.15g}",
              f"{math.sqrt(max(0, var0) / (p * (1 - p))):.10g}", f"{auc:.9g}",
              f"{math.sqrt((p * (1 - p) - var0) / length):.10g}")
