/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * team.h - the threads of a forward pass, and how they wait for each other.
 *
 * Why not OpenMP: libgomp's threads spin for milliseconds at the end of every
 * loop.  That is best on an idle machine, but where another program wants the
 * same processors a pass of some thirty loops takes a hundred times as long,
 * and nothing short of the environment can change it.  These spin for as long
 * as a wake-up takes, then sleep.
 *
 * A job runs on all threads of a team at the same time:
 *
 *     static void
 *     job(void *ud, struct hs_team *team, size_t thread)
 *     {
 *         size_t i, behind;
 *
 *         hs_team_share(team, thread, n, &i, &behind);
 *         for (; i < behind; i++)
 *             ...first half...
 *         hs_team_wait(team);
 *         while ((i = hs_team_take(team)) < n)
 *             ...second half, whoever comes first...
 *     }
 *
 *     hs_team_run(team, job, ud);
 */
#ifndef HS_TEAM_H
#define HS_TEAM_H

#include <stddef.h>

#include "base/error.h"

struct hs_team;

typedef void hs_team_job(void *ud, struct hs_team *team, size_t thread);

/* Starts n - 1 threads; the caller of hs_team_run() is the n-th.  Returns NULL
 * with the reason. */
HS_MUST_CHECK struct hs_team *hs_team_new(size_t n, struct hs_error *err);

/* Ends the threads.  Takes NULL. */
void hs_team_free(struct hs_team *t);

size_t hs_team_size(const struct hs_team *t);

/* Processors that this process may run on: what -j is by default. */
size_t hs_processors(void);

/* Runs job on all threads, thread 0 being the caller's; returns when all are
 * done.  Not from within a job. */
void hs_team_run(struct hs_team *t, hs_team_job *job, void *ud);

/* ---- within a job ---- */

/* Waits until all threads of the team have called it. */
void hs_team_wait(struct hs_team *t);

/* The share of one thread of n indices: begin <= i < behind.  It depends on n,
 * the thread and the size of the team only. */
void hs_team_share(const struct hs_team *t, size_t thread, size_t n,
                   size_t *begin, size_t *behind);

/* Hands out 0, 1, 2... to whichever thread asks; begins anew behind each
 * hs_team_wait().  All threads go on until the index is too large. */
size_t hs_team_take(struct hs_team *t);

#endif
