/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * colscore.c - see colscore.h.
 */
#include <config.h>

#include "ablate/colscore.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/kernel.h"

enum {
    MOST_READERS = 5
};

/* A matrix that reads the layer, and the norm before it. */
struct column_reader {
    const struct hs_matrix *w; /* (w->rows, dim) */
    const float *norm;         /* (dim) */
};

static size_t
find_readers(const struct hs_model *m, size_t layer,
             struct column_reader out[MOST_READERS])
{
    const struct hs_layer *l;

    if (layer >= m->w.n_layers) {
        out[0] = (struct column_reader){&m->w.head, m->w.final_norm};
        return 1;
    }
    l = &m->w.layers[layer];
    out[0] = (struct column_reader){&l->q, l->attn_norm};
    out[1] = (struct column_reader){&l->k, l->attn_norm};
    out[2] = (struct column_reader){&l->v, l->attn_norm};
    out[3] = (struct column_reader){&l->gate, l->ffn_norm};
    out[4] = (struct column_reader){&l->up, l->ffn_norm};
    return MOST_READERS;
}

/* sum (w->cols) = sum over rows of |w|; row (w->cols) is scratch. */
static void
column_sums(const struct hs_matrix *w, float *row, double *sum)
{
    memset(sum, 0, w->cols * sizeof *sum);
    for (size_t i = 0; i < w->rows; i++) {
        uint32_t id = (uint32_t)i;

        hs_gather(row, w->cols, w, &id, 1);
        for (size_t j = 0; j < w->cols; j++)
            sum[j] += (double)fabsf(row[j]);
    }
}

/* normed: (dim), or NULL for magnitudes. */
static void
column_scores(const struct hs_model *m, size_t layer, const double *normed,
              double *out)
{
    struct column_reader readers[MOST_READERS];
    size_t n = find_readers(m, layer, readers), dim = m->cfg.dim;
    float *row = hs_calloc(dim, sizeof *row);
    double *sum = hs_calloc(dim, sizeof *sum);

    memset(out, 0, dim * sizeof *out);
    for (size_t r = 0; r < n; r++) {
        double rows = (double)readers[r].w->rows;

        column_sums(readers[r].w, row, sum);
        for (size_t j = 0; j < dim; j++) {
            double g = fabs((double)readers[r].norm[j]);

            out[j] +=
                normed != NULL ? sum[j] / rows * g * normed[j] : sum[j] * g;
        }
    }
    free(sum);
    free(row);
}

void
hs_column_magnitude(const struct hs_model *m, size_t layer, double *out)
{
    column_scores(m, layer, NULL, out);
}

void
hs_column_wanda(const struct hs_model *m, size_t layer, const double *normed,
                double *out)
{
    column_scores(m, layer, normed, out);
}
