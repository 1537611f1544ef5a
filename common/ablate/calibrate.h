/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calibrate.h - unedited states, from a file or made here, for an ablation.
 */
#ifndef HS_CALIBRATE_H
#define HS_CALIBRATE_H

#include "ablate/ablation.h"

/* Fills a->calib from --acts, or from the first problems of the input, which
 * are solved without an edit, sample 0 of each, all states of the layers kept
 * as f32 in a temporary file.  The problems are rewound.  Returns 0 or -1. */
HS_MUST_CHECK int hs_calibrate(struct hs_ablation *a, struct hs_error *err);

/* Donors from the same states, for the arms that are there.  Returns NULL with
 * the reason. */
HS_MUST_CHECK struct hs_donors *hs_calibration_donors(struct hs_ablation *a,
                                                      struct hs_error *err);

#endif
