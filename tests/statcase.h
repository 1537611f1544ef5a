/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statcase.h - the functions of common/stats by name, on a row of numbers.
 */
#ifndef STATCASE_H
#define STATCASE_H

#include <stddef.h>

/* Runs the function on arg (n_arg), where lengths come first and arrays behind
 * them (the table in statcase.c says which), and writes its results to out
 * (cap).  Returns their number, 0 when the function reported an error, or -1
 * when there is no such function or the arguments do not fit it. */
int statcase_run(const char *name, const double *arg, size_t n_arg, double *out,
                 size_t cap);

#endif
