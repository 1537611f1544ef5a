/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fitkern.c - see fitkern.h.  Compiled several times with other -m flags and
 * another HS_FITKERN, the name of the table.
 *
 * Both products keep a block of sums in registers, some rows of one operand by
 * some vectors of the other, and broadcast single numbers of the first.  The
 * forward's sums are states by units, the gradient's inputs by units: the same
 * packed rows serve both, states apart by a constant, RUN inputs together.
 */
#include <config.h>

#include "probe/fitkern.h"

#include <string.h>

#include "model/lanes.h"
#include "probe/fitrow.h"

/* ROWS by VECS registers of sums, VECS of weights, and one to broadcast.  RUN
 * is a multiple of ROWS; RUN inputs of a panel take a third of the nearest
 * cache. */
#if defined __AVX512F__
enum {
    ROWS = 14,
    VECS = 2,
    RUN = 112
};
#elif defined __AVX__
enum {
    ROWS = 6,
    VECS = 2,
    RUN = 96
};
#else
enum {
    ROWS = 4,
    VECS = 2,
    RUN = 96
};
#endif

enum {
    WIDE = HS_FIT_LANES,
    PART = VECS * LANES, /* units of a block of sums */
    TURN_GROUPS = 12     /* groups whose gates stay in the nearest cache */
};

static size_t
runs_of(size_t d)
{
    return (d + RUN - 1) / RUN;
}

/* (runs, ROWS, RUN) */
static size_t
group_size(size_t d)
{
    return (runs_of(d) * ROWS * RUN * sizeof(float) + 63) / 64 * 64;
}

static void
nothing(void)
{
}

static void
pack(void *group, const float *x, size_t stride, size_t n_rows, size_t d)
{
    float *to = group;

    for (size_t k = 0; k < d; k += RUN) {
        size_t n = d - k < RUN ? d - k : RUN;

        for (size_t r = 0; r < ROWS; r++) {
            size_t have = r < n_rows ? n : 0;

            if (have > 0)
                memcpy(to, x + r * stride + k, have * sizeof *to);
            memset(to + have, 0, (RUN - have) * sizeof *to);
            to += RUN;
        }
    }
}

/* A block of sums goes where those before it are: short sums that are added up
 * lose less than a long one. */
static inline __attribute__((always_inline)) void
add_sums(float *to, const vec *acc, int first)
{
    UNROLL
    for (int i = 0; i < ROWS * VECS; i++) {
        float *p = to + i / VECS * WIDE + i % VECS * LANES;

        store(p, first ? acc[i] : load(p) + acc[i]);
    }
}

/* ROWS states by PART units over n inputs. */
static inline void
forward_block(float *z, const float *x, const float *w, size_t n, int first)
{
    vec acc[ROWS * VECS];

    UNROLL
    for (int i = 0; i < ROWS * VECS; i++)
        acc[i] = (vec){0};
    for (size_t k = 0; k < n; k++) {
        vec wv[VECS];

        UNROLL
        for (int i = 0; i < VECS; i++)
            wv[i] = load(w + k * WIDE + (size_t)i * LANES);
        UNROLL
        for (int r = 0; r < ROWS; r++) {
            vec xv = splat(x[(size_t)r * RUN + k]);

            UNROLL
            for (int i = 0; i < VECS; i++)
                acc[r * VECS + i] += xv * wv[i];
        }
    }
    add_sums(z, acc, first);
}

static void
forward(float *z, size_t z_stride, const void *groups, size_t n_groups,
        const float *w, size_t w_stride, size_t n_panels, size_t d,
        void *scratch)
{
    size_t group = group_size(d) / sizeof(float);

    (void)scratch;
    for (size_t k = 0; k < d; k += RUN) {
        size_t n = d - k < RUN ? d - k : RUN;

        for (size_t p = 0; p < n_panels; p++) {
            const float *x = (const float *)groups + k * ROWS;
            const float *wp = w + p * w_stride + k * WIDE;
            float *to = z + p * z_stride;

            for (size_t g = 0; g < n_groups; g++) {
                for (size_t i = 0; i < WIDE; i += PART)
                    forward_block(to + i, x, wp + i, n, k == 0);
                x += group;
                to += ROWS * WIDE;
            }
        }
    }
}

/* The gates carry du here. */
static void
turn(void *group, const float *du, size_t d)
{
    (void)group;
    (void)du;
    (void)d;
}

static void
gate(float *a, const float *du, size_t n_groups)
{
    for (size_t r = 0; r < n_groups * ROWS; r++) {
        vec v = splat(du[r]);

        for (size_t i = 0; i < WIDE; i += LANES, a += LANES)
            store(a, blend(load(a) > 0.0f, v, (vec){0}));
    }
}

/* ROWS inputs by PART units over the rows of n groups. */
static inline void
gradient_block(float *g, const float *x, size_t group, const float *gates,
               size_t n_groups, int first)
{
    vec acc[ROWS * VECS];

    UNROLL
    for (int i = 0; i < ROWS * VECS; i++)
        acc[i] = (vec){0};
    for (size_t n = 0; n < n_groups; n++) {
        for (size_t r = 0; r < ROWS; r++) {
            vec gv[VECS];

            UNROLL
            for (int i = 0; i < VECS; i++)
                gv[i] = load(gates + (size_t)i * LANES);
            UNROLL
            for (int j = 0; j < ROWS; j++) {
                vec xv = splat(x[r * RUN + (size_t)j]);

                UNROLL
                for (int i = 0; i < VECS; i++)
                    acc[j * VECS + i] += xv * gv[i];
            }
            gates += WIDE;
        }
        x += group;
    }
    add_sums(g, acc, first);
}

static void
adamw(float *w, float *m, float *v, const float *g, const float *scale,
      size_t n, const struct hs_fit_rate *rate)
{
    for (size_t r = 0; r < n; r++)
        adamw_row(w + r * WIDE, m + r * WIDE, v + r * WIDE, g + r * WIDE, scale,
                  rate);
}

static void
gradient(float *g, const void *groups, size_t n_groups, const float *gates,
         size_t gate_stride, size_t n_panels, size_t d, size_t j0, size_t n_j,
         const struct hs_fit_update *update)
{
    size_t group = group_size(d) / sizeof(float), stride = RUN * WIDE;

    for (size_t first = 0; first < n_groups; first += TURN_GROUPS) {
        size_t n =
            n_groups - first < TURN_GROUPS ? n_groups - first : TURN_GROUPS;
        const float *x = (const float *)groups + first * group + j0 * ROWS;

        for (size_t p = 0; p < n_panels; p++)
            for (size_t j = 0; j < n_j; j += ROWS)
                for (size_t i = 0; i < WIDE; i += PART)
                    gradient_block(g + p * stride + j * WIDE + i, x + j, group,
                                   gates + p * gate_stride +
                                       first * ROWS * WIDE + i,
                                   n, first == 0);
    }
    for (size_t p = 0; update != NULL && p < n_panels; p++) {
        size_t at = p * update->stride + j0 * WIDE;

        adamw(update->w + at, update->m + at, update->v + at, g + p * stride,
              update->gain + p * WIDE, n_j, update->rate);
    }
}

static const struct hs_fit_product product = {
    .rows = ROWS,
    .run = RUN,
    .group_size = group_size,
    .begin = nothing,
    .end = nothing,
    .pack = pack,
    .forward = forward,
    .turn = turn,
    .gate = gate,
    .gradient = gradient,
};

static float
taint(const float *x, size_t n)
{
    vec acc = {0};
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        acc += load(x + i) * 0.0f;
    if (i < n)
        acc += load_part(x + i, n - i) * 0.0f;
    return reduce(acc);
}

/* max(0, a + b), and their share of u in each lane. */
static inline vec
activate_row(float *a, const float *b, const float *w2)
{
    vec sum = {0};

    UNROLL
    for (int i = 0; i < WIDE; i += LANES) {
        vec z = load(a + i) + load(b + i);

        z = blend(z <= 0.0f, (vec){0}, z);
        store(a + i, z);
        sum += z * load(w2 + i);
    }
    return sum;
}

static void
activate(float *a, float *u, size_t n_rows, const float *b, const float *w2)
{
    size_t r = 0;

    for (; r + 4 <= n_rows; r += 4) {
        vec s[4];

        UNROLL
        for (size_t i = 0; i < 4; i++)
            s[i] = activate_row(a + (r + i) * WIDE, b, w2);
        reduce4(u + r, s[0], s[1], s[2], s[3]);
    }
    for (; r < n_rows; r++)
        u[r] = reduce(activate_row(a + r * WIDE, b, w2));
}

static void
head(const float *a, const float *du, size_t n_rows, float *db, float *dw2)
{
    for (size_t i = 0; i < WIDE; i += LANES) {
        vec sb = {0}, sw = {0};

        for (size_t r = 0; r < n_rows; r++) {
            vec av = load(a + r * WIDE + i), dv = splat(du[r]);

            sb += blend(av > 0.0f, dv, (vec){0});
            sw += av * dv;
        }
        store(db + i, load(db + i) + sb);
        store(dw2 + i, load(dw2 + i) + sw);
    }
}

const struct hs_fitkern HS_FITKERN = {
    .name = HS_KERN_NAME,
    .product = &product,
    .taint = taint,
    .activate = activate,
    .head = head,
    .adamw = adamw,
};
