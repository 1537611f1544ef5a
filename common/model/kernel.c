/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kernel.c - see kernel.h.  Why not a BLAS: it would have to be given f32
 * weights in tiles of one fixed height to be batch invariant, and Debian's
 * OpenBLAS runs its AVX2 kernels on processors that have AVX-512 but that it
 * does not know; tests/bench/extract.sh prints both.
 */
#include <config.h>

#include "model/kernel.h"

#ifdef HS_X86
#include <cpuid.h>
#endif
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef HS_X86
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/mem.h"

static const struct hs_kern *chosen;

#ifdef HS_X86
/* clang 14 does not know the name, gcc 12 does: ask the processor. */
static bool
has_f16c(void)
{
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

static bool
has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           has_f16c();
}

static bool
has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

/* Tiles of bf16, in the processor and in the kernel, which wants to be asked
 * once for each process since their state is large. */
static bool
has_amx(void)
{
    enum {
        REQUEST_PERMISSION = 0x1023,
        TILE_DATA = 18,
        BF16_AND_TILES = 1 << 22 | 1 << 24
    };
    unsigned a, b, c, d = 0;

    return has_avx512() && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (d & BF16_AND_TILES) == BF16_AND_TILES &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

/* The best table, or the one called ask if that comes before it. */
static const struct hs_kern *
choose(const char *ask)
{
    const struct hs_kern *best = &hs_kern_baseline;
#ifdef HS_X86
    static struct hs_kern amx;
    const struct {
        const struct hs_kern *kern;
        bool (*has)(void);
    } more[] = {{&hs_kern_avx2, has_avx2},
                {&hs_kern_avx512, has_avx512},
                {&amx, has_amx}};

    amx = hs_kern_avx512;
    amx.name = "amx";
    amx.tiles = &hs_tiles_amx;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (ask != NULL && strcmp(ask, best->name) == 0)
            break;
        if (more[i].has())
            best = more[i].kern;
    }
#endif
    (void)ask;
    return best;
}

const struct hs_kern *
hs_kern(void)
{
    if (chosen == NULL)
        chosen = choose(getenv("HSTOOLS_KERNEL"));
    return chosen;
}

bool
hs_kern_use(const char *name)
{
    const struct hs_kern *k = choose(name);

    if (strcmp(k->name, name) != 0)
        return false;
    chosen = k;
    return true;
}

static size_t
element_size(enum hs_wtype type)
{
    return type == HS_W_F32 ? 4 : 2;
}

/* Copies n values of row r from column c of w to out as f32. */
static void
widen(float *out, const struct hs_matrix *w, size_t r, size_t c, size_t n)
{
    const char *src =
        (const char *)w->data + (r * w->cols + c) * element_size(w->type);

    if (w->type == HS_W_BF16)
        hs_kern()->widen_bf16(out, src, n);
    else if (w->type == HS_W_F16)
        hs_kern()->widen_f16(out, src, n);
    else
        memcpy(out, src, n * sizeof *out);
}

enum {
    TILE_STRIDE = HS_K_BLOCK + HS_LANES,
    PACK_ROWS = 256, /* rows packed at a time: with PACK_RUN, what half of a */
    PACK_RUN = 640,  /* core's own cache holds */
    PACK_SCRATCH = HS_PARTS * HS_OUT_BLOCK * PACK_RUN / 2,
    THREAD_SCRATCH = HS_OUT_BLOCK * TILE_STRIDE > PACK_SCRATCH
                         ? HS_OUT_BLOCK *TILE_STRIDE
                         : PACK_SCRATCH
};

static size_t
round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Floats that take n_rows packed rows of k inputs. */
static size_t
packed_floats(size_t n_rows, size_t k)
{
    return round_up(n_rows, HS_GROUP) * round_up(k, HS_TILE_IN) * HS_PARTS / 2;
}

size_t
hs_product_scratch(size_t n_threads, size_t max_rows, size_t max_k)
{
    size_t rows = max_rows < PACK_ROWS ? max_rows : PACK_ROWS;

    return hs_mul(n_threads, THREAD_SCRATCH) +
           (hs_kern()->tiles != NULL ? packed_floats(rows, max_k) : 0);
}

/* Inputs are cut into equal runs of at most most, a function of their number
 * alone. */
static size_t
run_length(size_t k, size_t most)
{
    size_t runs = (k + most - 1) / most;

    return round_up((k + runs - 1) / runs, HS_TILE_IN);
}

/* Outputs [o, o + n_out) of one product. */
static void
product_block(const struct hs_product *p, size_t o, size_t n_out,
              const float *x, size_t x_stride, size_t n_rows, float *tile)
{
    const struct hs_matrix *w = p->w;
    size_t run = run_length(w->cols, HS_K_BLOCK);

    for (size_t c = 0; c < w->cols; c += run) {
        size_t n = w->cols - c < run ? w->cols - c : run;
        const float *wt = tile;
        size_t stride = TILE_STRIDE;

        if (w->type == HS_W_F32) {
            wt = (const float *)w->data + o * w->cols + c;
            stride = w->cols;
        } else {
            for (size_t i = 0; i < n_out; i++)
                widen(tile + i * TILE_STRIDE, w, o + i, c, n);
        }
        hs_kern()->dot_block(p->out + o, p->out_stride, x + c, x_stride, n_rows,
                             wt, stride, n_out, n, c == 0);
    }
    if (p->bias != NULL)
        for (size_t r = 0; r < n_rows; r++)
            for (size_t i = 0; i < n_out; i++)
                p->out[r * p->out_stride + o + i] += p->bias[o + i];
}

static size_t
blocks_of(const struct hs_matrix *w)
{
    return (w->rows + HS_OUT_BLOCK - 1) / HS_OUT_BLOCK;
}

/* Finds block b of a group of products: which product, which outputs. */
static const struct hs_product *
find_block(const struct hs_product *p, size_t b, size_t *o, size_t *n_out)
{
    size_t left;

    while (b >= blocks_of(p->w))
        b -= blocks_of(p++->w);
    *o = b * HS_OUT_BLOCK;
    left = p->w->rows - *o;
    *n_out = left < HS_OUT_BLOCK ? left : HS_OUT_BLOCK;
    return p;
}

static void
plain_products(struct hs_team *team, size_t thread, const struct hs_product *p,
               size_t total, const float *x, size_t x_stride, size_t n_rows,
               float *scratch)
{
    size_t b, behind;

    for (hs_team_share(team, thread, total, &b, &behind); b < behind; b++) {
        size_t o, n_out;
        const struct hs_product *q = find_block(p, b, &o, &n_out);

        product_block(q, o, n_out, x, x_stride, n_rows,
                      scratch + thread * THREAD_SCRATCH);
    }
    hs_team_wait(team);
}

/* Inputs c .. c + n of block b. */
static void
tile_block(const struct hs_product *p, size_t b, size_t first_row, size_t c,
           size_t n, const uint16_t *packed, size_t n_rows, float *scratch)
{
    size_t o, n_out;
    const struct hs_product *q = find_block(p, b, &o, &n_out);
    size_t size = element_size(q->w->type), cols = q->w->cols;
    struct hs_tile_weights w = {.data = (const char *)q->w->data +
                                        (o * cols + c) * size,
                                .type = q->w->type == HS_W_BF16  ? HS_TILE_BF16
                                        : q->w->type == HS_W_F16 ? HS_TILE_F16
                                                                 : HS_TILE_F32,
                                .stride = cols * size,
                                .more = o + 2 * HS_OUT_BLOCK <= q->w->rows};

    hs_kern()->tiles->product(q->out + first_row * q->out_stride + o,
                              q->out_stride, packed, n_rows, &w, n_out, n,
                              q->bias != NULL ? q->bias + o : NULL, c == 0,
                              (uint16_t *)(void *)scratch);
}

/* Rows as packed groups, each run of inputs by itself: (runs, groups, ...). */
static void
pack_rows(struct hs_team *team, size_t thread, uint16_t *packed, const float *x,
          size_t x_stride, size_t n_rows, size_t k, size_t run)
{
    size_t groups = (n_rows + HS_GROUP - 1) / HS_GROUP;
    size_t n_runs = (k + run - 1) / run, i, behind;

    hs_team_share(team, thread, n_runs * groups, &i, &behind);
    for (; i < behind; i++) {
        size_t c = i / groups * run, r = i % groups * HS_GROUP;
        size_t n = k - c < run ? k - c : run;
        size_t each = packed_floats(HS_GROUP, n) * 2;

        hs_kern()->tiles->pack(
            packed + c * HS_PARTS * groups * HS_GROUP + i % groups * each,
            x + r * x_stride + c, x_stride,
            n_rows - r < HS_GROUP ? n_rows - r : HS_GROUP, n);
    }
    hs_team_wait(team);
}

/* As many rows as are packed at a time.  The runs of a block are added up in
 * order, by the thread that has the block each time: a thread meets all its
 * blocks with one run of inputs in its cache. */
static void
tile_products(struct hs_team *team, size_t thread, const struct hs_product *p,
              size_t total, const float *x, size_t x_stride, size_t first_row,
              size_t n_rows, float *scratch)
{
    const struct hs_tiles *t = hs_kern()->tiles;
    size_t k = p->w->cols, run = run_length(k, PACK_RUN);
    size_t groups = (n_rows + HS_GROUP - 1) / HS_GROUP, begin, behind;
    float *shared = scratch + hs_team_size(team) * THREAD_SCRATCH;
    uint16_t *packed = (uint16_t *)(void *)shared;

    pack_rows(team, thread, packed, x + first_row * x_stride, x_stride, n_rows,
              k, run);
    t->begin();
    hs_team_share(team, thread, total, &begin, &behind);
    for (size_t c = 0; c < k; c += run)
        for (size_t b = begin; b < behind; b++)
            tile_block(p, b, first_row, c, k - c < run ? k - c : run,
                       packed + c * HS_PARTS * groups * HS_GROUP, n_rows,
                       scratch + thread * THREAD_SCRATCH);
    t->end();
    hs_team_wait(team);
}

void
hs_products(struct hs_team *team, size_t thread, const struct hs_product *p,
            size_t n, const float *x, size_t x_stride, size_t n_rows,
            float *scratch)
{
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += blocks_of(p[i].w);
    if (hs_kern()->tiles == NULL) {
        plain_products(team, thread, p, total, x, x_stride, n_rows, scratch);
        return;
    }
    for (size_t r = 0; r < n_rows; r += PACK_ROWS)
        tile_products(team, thread, p, total, x, x_stride, r,
                      n_rows - r < PACK_ROWS ? n_rows - r : PACK_ROWS, scratch);
}

void
hs_gather(float *out, size_t out_stride, const struct hs_matrix *w,
          const uint32_t *ids, size_t n_rows)
{
    for (size_t r = 0; r < n_rows; r++)
        widen(out + r * out_stride, w, ids[r], 0, w->cols);
}
