/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report.h - a stream of probes as a table.
 */
#ifndef HS_REPORT_H
#define HS_REPORT_H

#include "base/mem.h"
#include "probe/proberec.h"

/* "table": aligned, for each layer its probes and baselines, AUC at each place,
 * interval, spread, Brier score and calibration error at s_0.  "tsv": a line
 * for each probe or baseline and place, with a first line of names.  "json":
 * the same as JSON lines. */
void hs_report(struct hs_buf *b, const struct hs_probes *p, const char *how);

#endif
