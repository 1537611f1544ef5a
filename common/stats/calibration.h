/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calibration.h - whether predicted probabilities mean what they say.
 */
#ifndef HS_CALIBRATION_H
#define HS_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

/* Mean of (p - label)^2 (Brier 1950).  NaN for n = 0. */
double hs_brier(const double *p, const uint8_t *label, size_t n);

/* Expected calibration error (Naeini et al. 2015): predictions fall into n_bins
 * equal parts of [0, 1], the last closed; the mean over items of
 * |mean prediction - mean label| of their bin.  Edges are k / n_bins as
 * doubles divide.  Predictions outside of [0, 1]
 * (a linear head) belong to the bin at that end.  NaN for n = 0. */
double hs_ece(const double *p, const uint8_t *label, size_t n, size_t n_bins);

#endif
