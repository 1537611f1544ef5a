/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpereport.h - what rpe-scan found, as text.
 */
#ifndef HS_RPEREPORT_H
#define HS_RPEREPORT_H

#include "base/error.h"
#include "base/mem.h"
#include "base/num.h"
#include "rpe/rperec.h"

/* Appends to b: "table", a page to be read; "tsv", a line for each coordinate;
 * "json", that and a line for each record of another type.  Layers that are not
 * in the list are left out.  Returns 0, or -1: a record that is malformed. */
HS_MUST_CHECK int hs_rpe_report(struct hs_buf *b, const struct hs_rpe *s,
                                const char *how, const struct hs_list *layers,
                                struct hs_error *err);

/* The coordinates that were found, ascending: a list between commas, and in
 * front of it the layer and a tab if there are several layers. */
void hs_rpe_print_found(struct hs_buf *b, const struct hs_rpe *s,
                        const struct hs_list *layers);

/* A report behind another one: without its first line if that is a line of
 * names, which begins with #, and equal to *names.  Another line of names
 * becomes *names, the caller's; NULL before the first. */
const char *hs_rpe_report_go_on(const char *report, char **names);

#endif
