/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * progress.c - see progress.h.
 */
#include <config.h>

#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/msg.h"

enum hs_progress_mode
hs_parse_progress(const char *s)
{
    static const char *const names[] = {"auto", "always", "never", "json"};
    int i = 0;

    while (i < 4 && strcmp(s, names[i]) != 0)
        i++;
    if (i == 4)
        hs_die(HS_EXIT_USAGE,
               "--progress: '%s' is not auto, always, never or json", s);
    return (enum hs_progress_mode)i;
}

static double
now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void
hs_progress_start(struct hs_progress *p, enum hs_progress_mode mode)
{
    p->mode = mode;
    p->on = mode == HS_PROGRESS_ALWAYS || mode == HS_PROGRESS_JSON ||
            (mode == HS_PROGRESS_AUTO && isatty(STDERR_FILENO));
    p->shown = false;
    p->start = now();
    p->last = p->start;
}

double
hs_progress_elapsed(const struct hs_progress *p)
{
    return now() - p->start;
}

/* One line; eta below 0 is unknown. */
static void
print(struct hs_progress *p, uint64_t items, uint64_t tokens, double seconds,
      double eta)
{
    double rate = seconds > 0 ? (double)tokens / seconds : 0;

    p->shown = true;
    if (p->mode == HS_PROGRESS_JSON) {
        fprintf(stderr,
                "{\"items\": %" PRIu64 ", \"tokens\": %" PRIu64
                ", \"seconds\": %.1f, \"tokens_per_second\": %.1f",
                items, tokens, seconds, rate);
        if (eta >= 0)
            fprintf(stderr, ", \"eta_seconds\": %.0f", eta);
        fputs("}\n", stderr);
        return;
    }
    fprintf(stderr,
            "\r%s: %" PRIu64 " items, %" PRIu64 " tokens, %.0f tokens/s",
            hs_progname(), items, tokens, rate);
    if (eta >= 0)
        fprintf(stderr, ", %.0f s left", eta);
    fputs("\033[K", stderr);
}

void
hs_progress_show(struct hs_progress *p, uint64_t items, uint64_t tokens,
                 double fraction)
{
    double t = now(), spent = t - p->start, eta = -1;

    if (!p->on || t - p->last < (p->mode == HS_PROGRESS_JSON ? 1.0 : 0.25))
        return;
    p->last = t;
    if (fraction > 0 && fraction <= 1)
        eta = spent * (1 - fraction) / fraction;
    print(p, items, tokens, spent, eta);
}

void
hs_progress_end(struct hs_progress *p, uint64_t items, uint64_t tokens)
{
    if (!p->on)
        return;
    print(p, items, tokens, now() - p->start, -1);
    if (p->mode != HS_PROGRESS_JSON)
        fputc('\n', stderr);
}
