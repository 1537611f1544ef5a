/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitspeed.c - steps of a probe on random states.
 *
 *   fitspeed D HIDDEN THREADS SECONDS [LENGTH]
 *       states/s of hs_mlp_step(), and states for each second of a processor,
 *       with batches of 4 trajectories of about LENGTH states (200), after a
 *       few steps that are not timed
 */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/team.h"
#include "probe/mlp.h"

enum {
    BATCH = 4,
    TRAJECTORIES = 32,
    WARM = 3
};

/* The trajectories, one behind the other, and those of a batch. */
struct states {
    size_t d, first[TRAJECTORIES + 1];
    float *x; /* (first[TRAJECTORIES], d) */
    size_t batch[BATCH];
    size_t n;
};

static double
seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void
get_row(void *ud, size_t row, float *out)
{
    const struct states *s = ud;

    for (size_t i = 0; i < BATCH; i++) {
        const size_t *first = s->first + s->batch[i];

        if (row < first[1] - first[0]) {
            memcpy(out, s->x + (first[0] + row) * s->d, s->d * sizeof *out);
            return;
        }
        row -= first[1] - first[0];
    }
}

/* Half the mean squared distance from 0 or 1. */
static void
loss(void *ud, const float *u, float *du)
{
    const struct states *s = ud;

    for (size_t i = 0; i < s->n; i++)
        du[i] = (u[i] - (float)(i % 2)) / (float)s->n;
}

/* Lengths are within a half of the given one, as in fit.py. */
static void
make(struct states *s, size_t d, size_t length)
{
    s->d = d;
    for (size_t i = 0; i < TRAJECTORIES; i++) {
        double part = fmod((double)i * 0.6180339887, 1);

        s->first[i + 1] =
            s->first[i] + (size_t)((double)length * (0.5 + part)) + 1;
    }
    s->x = hs_calloc64(hs_mul(s->first[TRAJECTORIES], d), sizeof *s->x);
    for (size_t i = 0; i < s->first[TRAJECTORIES] * d; i++) {
        uint32_t h = (uint32_t)i * 2654435761u;

        h ^= h >> 15;
        s->x[i] = (float)(h * 2246822519u) * 0x1p-31f - 1;
    }
}

static void
choose_batch(struct states *s, uint64_t step)
{
    s->n = 0;
    for (size_t i = 0; i < BATCH; i++) {
        s->batch[i] = (step * BATCH + i) % TRAJECTORIES;
        s->n += s->first[s->batch[i] + 1] - s->first[s->batch[i]];
    }
}

int
main(int argc, char **argv)
{
    const struct hs_adamw adamw = {1e-4, 0.9, 0.999, 1e-8, 0.01};
    struct states s = {0};
    struct hs_error err;
    struct hs_team *team;
    struct hs_mlp *m;
    size_t d, hidden, total = 0;
    double limit, start = 0, cpu = 0;

    hs_init(argv);
    if (argc < 5)
        hs_die(HS_EXIT_USAGE, "see the head of fitspeed.c");
    d = hs_parse_u64("D", argv[1], 1, 1 << 20);
    hidden = hs_parse_u64("HIDDEN", argv[2], 1, 1 << 20);
    team = hs_team_new(hs_parse_u64("THREADS", argv[3], 1, 1024), &err);
    if (team == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    limit = hs_parse_f64("SECONDS", argv[4], 0, 1e6);
    make(&s, d, argc > 5 ? hs_parse_u64("LENGTH", argv[5], 1, 1 << 20) : 200);
    m = hs_mlp_new(d, hidden, team);
    hs_mlp_init(m, 1);
    for (uint64_t step = 0;; step++) {
        struct hs_rows rows = {get_row, &s, 0};

        if (step == WARM) {
            start = seconds(CLOCK_MONOTONIC);
            cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        }
        if (step > WARM && seconds(CLOCK_MONOTONIC) - start >= limit)
            break;
        choose_batch(&s, step);
        rows.n = s.n;
        hs_mlp_step(m, &rows, loss, &s, &adamw);
        total += step < WARM ? 0 : s.n;
    }
    printf("%.1f %.1f\n", (double)total / (seconds(CLOCK_MONOTONIC) - start),
           (double)total / (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu));
    hs_mlp_free(m);
    hs_team_free(team);
    free(s.x);
    return hs_finish(0);
}
