/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figures.c - see figures.h.
 */
#include <config.h>

#include "rpe/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rpe/smooth.h"

enum {
    N_TERMS = 4 /* a constant, t / T, its square, V */
};

/* Orthonormal columns over the states of tokens, trajectory after trajectory:
 * what is taken out. */
struct terms {
    double *q[N_TERMS]; /* (n) */
    size_t k, n;
};

struct job {
    const struct hs_figures_input *in;
    const struct terms *terms;
    float *x, *adj; /* (n, d) */
};

/* What a thread works on: d coordinates from one on. */
struct part {
    const struct hs_figures_input *in;
    size_t from, d;
    struct hs_pooler *pooler;
    float *row, *z, *smooth; /* (d); (longest, d) */
};

size_t
hs_trace_states(const struct hs_trajset *s, size_t j)
{
    const struct hs_traj *t = &s->traj[j];

    return t->n_states - (t->n_states > 0 && s->t[t->first] == 0 ? 1 : 0);
}

/* ---- what is taken out ---- */

static double
dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Makes v orthogonal to the others, twice for the sake of rounding, and adds it
 * unless nothing is left. */
static void
add_term(struct terms *t, double *v)
{
    double before = sqrt(dot(v, v, t->n)), left;

    for (int round = 0; round < 2; round++)
        for (size_t k = 0; k < t->k; k++) {
            double c = dot(t->q[k], v, t->n);

            for (size_t i = 0; i < t->n; i++)
                v[i] -= c * t->q[k][i];
        }
    left = sqrt(dot(v, v, t->n));
    if (!(left > 1e-9 * before)) {
        free(v);
        return;
    }
    for (size_t i = 0; i < t->n; i++)
        v[i] /= left;
    t->q[t->k++] = v;
}

static void
make_terms(struct terms *t, const struct hs_figures_input *in)
{
    double *v[N_TERMS];
    size_t i = 0;

    *t = (struct terms){.k = 0};
    for (size_t k = 0; k < in->n; k++)
        t->n += hs_trace_states(in->s, in->traj[k]);
    for (size_t k = 0; k < N_TERMS; k++)
        v[k] = hs_calloc(t->n, sizeof(double));
    for (size_t k = 0; k < in->n; k++) {
        const struct hs_traj *traj = &in->s->traj[in->traj[k]];
        size_t end = traj->first + traj->n_states;
        size_t at = end - hs_trace_states(in->s, in->traj[k]);

        for (; at < end; at++, i++) {
            double share = (double)in->s->t[at] / (double)traj->length;

            v[0][i] = 1;
            v[1][i] = share;
            v[2][i] = share * share;
            v[3][i] = in->v_t ? in->v_t[at] : 0;
        }
    }
    for (size_t k = 0; k < N_TERMS; k++)
        add_term(t, v[k]);
}

/* ---- traces ---- */

/* z of the states of tokens of a trajectory into p->z; how many there are. */
static size_t
make_trace(struct part *p, size_t j)
{
    const struct hs_figures_input *in = p->in;
    size_t n = in->s->traj[j].n_states, m = hs_trace_states(in->s, j);

    hs_pooler_start(p->pooler);
    for (size_t i = n - m; i < n && in->znorm == HS_ZNORM_RESPONSE; i++) {
        hs_trajset_part(in->s, in->l, j, i, p->from, p->d, p->row);
        hs_pooler_look(p->pooler, p->row);
    }
    for (size_t i = 0; i < n; i++) {
        hs_trajset_part(in->s, in->l, j, i, p->from, p->d, p->row);
        hs_pooler_feed(p->pooler, p->row,
                       i < n - m ? NULL : p->z + (i - (n - m)) * p->d);
    }
    return m;
}

/* The figure of the trace of m states in p->z. */
static void
make_figure(struct part *p, size_t m, float *out)
{
    bool peak = p->in->znorm == HS_ZNORM_RESPONSE;

    hs_smooth(p->z, m, p->d, p->in->window, p->smooth);
    for (size_t c = 0; c < p->d; c++) {
        double sum = 0;
        float most = p->smooth[c], least = most;

        for (size_t i = 0; i < m; i++) {
            float y = p->smooth[i * p->d + c];

            sum += (double)y;
            most = y > most ? y : most;
            least = y < least ? y : least;
        }
        out[c] = peak ? most + least : (float)(sum / (double)m);
    }
}

/* Adds the products of the trace, whose first state is number at, with the
 * terms: b (k, d). */
static void
add_products(const struct part *p, const struct terms *t, size_t at, size_t m,
             double *b)
{
    for (size_t k = 0; k < t->k; k++)
        for (size_t i = 0; i < m; i++) {
            double q = t->q[k][at + i];

            for (size_t c = 0; c < p->d; c++)
                b[k * p->d + c] += q * (double)p->z[i * p->d + c];
        }
}

static void
take_out(struct part *p, const struct terms *t, size_t at, size_t m,
         const double *b)
{
    for (size_t i = 0; i < m; i++)
        for (size_t c = 0; c < p->d; c++) {
            double sum = (double)p->z[i * p->d + c];

            for (size_t k = 0; k < t->k; k++)
                sum -= t->q[k][at + i] * b[k * p->d + c];
            p->z[i * p->d + c] = (float)sum;
        }
}

static void
both_passes(struct part *p, const struct job *job)
{
    const struct hs_figures_input *in = job->in;
    double *b = hs_calloc(hs_mul(job->terms->k, p->d), sizeof *b);
    size_t d = in->s->dim, at = 0, m;

    for (size_t k = 0; k < in->n; k++, at += m) {
        m = make_trace(p, in->traj[k]);
        add_products(p, job->terms, at, m, b);
        make_figure(p, m, job->x + k * d + p->from);
    }
    at = 0;
    for (size_t k = 0; k < in->n; k++, at += m) {
        m = make_trace(p, in->traj[k]);
        take_out(p, job->terms, at, m, b);
        make_figure(p, m, job->adj + k * d + p->from);
    }
    free(b);
}

static void
work(void *ud, struct hs_team *team, size_t thread)
{
    const struct job *job = ud;
    const struct hs_figures_input *in = job->in;
    struct part p = {.in = in};
    size_t behind, longest = 0;

    hs_team_share(team, thread, in->s->dim, &p.from, &behind);
    p.d = behind - p.from;
    if (p.d == 0)
        return;
    for (size_t k = 0; k < in->n; k++) {
        size_t m = hs_trace_states(in->s, in->traj[k]);

        longest = m > longest ? m : longest;
    }
    p.row = hs_calloc(p.d, sizeof *p.row);
    p.z = hs_calloc(hs_mul(longest, p.d), sizeof *p.z);
    p.smooth = hs_calloc(hs_mul(longest, p.d), sizeof *p.smooth);
    p.pooler = hs_pooler_new(in->znorm, in->mean ? in->mean + p.from : NULL,
                             in->scale ? in->scale + p.from : NULL, p.d);
    both_passes(&p, job);
    hs_pooler_free(p.pooler);
    free(p.row);
    free(p.z);
    free(p.smooth);
}

void
hs_figures(const struct hs_figures_input *in, struct hs_team *team, float *x,
           float *adj)
{
    struct terms terms;
    struct job job = {in, &terms, x, adj};

    make_terms(&terms, in);
    hs_team_run(team, work, &job);
    for (size_t k = 0; k < terms.k; k++)
        free(terms.q[k]);
}
