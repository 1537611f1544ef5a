/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * logistic.c - hs_logistic() of linear.h.
 *
 * Newton's method with conjugate gradients for the step (Lin, Weng and Keerthi
 * 2008), preconditioned by the Hessian's diagonal.  Parameters are w (d), then
 * the intercept, for columns about their means: since it is not penalised this
 * changes nothing but the conditioning.
 */
#include <config.h>

#include "stats/linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/mem.h"
#include "stats/centred.h"

enum {
    MAX_ROUNDS = 100,
    MAX_HALVINGS = 40
};

struct logistic {
    struct hs_centred c;
    const uint8_t *label; /* (n) */
    double lambda;
    size_t n, p;    /* rows; parameters, d + 1 */
    double *block;  /* owned: all below */
    double *theta;  /* (p) */
    double *grad;   /* (p) */
    double *step;   /* (p) */
    double *rest;   /* (p): residual of the step's equation */
    double *dir;    /* (p) */
    double *curve;  /* (p): Hessian times dir */
    double *scale;  /* (p): 1 / the Hessian's diagonal */
    double *trial;  /* (p) */
    double *z;      /* (n): X w + b */
    double *weight; /* (n): p (1 - p) */
    double *u;      /* (n): scratch */
};

static double
dot(const double *a, const double *b, size_t n)
{
    return cblas_ddot((int)n, a, 1, b, 1);
}

static double
norm(const double *a, size_t n)
{
    return cblas_dnrm2((int)n, a, 1);
}

static void
carve(struct logistic *m)
{
    double **of_p[] = {&m->theta, &m->grad,  &m->step,  &m->rest,
                       &m->dir,   &m->curve, &m->scale, &m->trial};
    double **of_n[] = {&m->z, &m->weight, &m->u};
    size_t n_p = sizeof of_p / sizeof *of_p, n_n = sizeof of_n / sizeof *of_n;
    double *at;

    m->block = at =
        hs_calloc(hs_mul(n_p, m->p) + hs_mul(n_n, m->n), sizeof *at);
    for (size_t i = 0; i < n_p; i++, at += m->p)
        *of_p[i] = at;
    for (size_t i = 0; i < n_n; i++, at += m->n)
        *of_n[i] = at;
}

/* The objective at theta; z is left as it is there.  log(1 + exp(-s z)) by its
 * larger half, so that nothing overflows. */
static double
objective(struct logistic *m, const double *theta)
{
    size_t d = m->p - 1;
    double sum = 0;

    hs_centred_mul(&m->c, theta, m->z);
    for (size_t i = 0; i < m->n; i++) {
        double sz;

        m->z[i] += theta[d];
        sz = m->label[i] ? m->z[i] : -m->z[i];
        sum += fmax(0, -sz) + log1p(exp(-fabs(sz)));
    }
    return sum + m->lambda / 2 * dot(theta, theta, d);
}

/* Gradient, weights and the preconditioner, from z. */
static void
differentiate(struct logistic *m)
{
    size_t d = m->p - 1;
    double sum = 0, total = 0;

    for (size_t i = 0; i < m->n; i++) {
        double e = exp(-fabs(m->z[i])), small = e / (1 + e);
        double prob = m->z[i] > 0 ? 1 / (1 + e) : small;

        /* p - 1 as -(1 - p), without its cancellation */
        if (m->label[i])
            m->u[i] = m->z[i] > 0 ? -small : prob - 1;
        else
            m->u[i] = prob;
        m->weight[i] = small / (1 + e);
        sum += m->u[i];
        total += m->weight[i];
    }
    hs_centred_tmul(&m->c, m->u, m->grad);
    hs_centred_power(&m->c, m->weight, m->scale);
    for (size_t j = 0; j < d; j++) {
        m->grad[j] += m->lambda * m->theta[j];
        m->scale[j] = 1 / (m->scale[j] + m->lambda);
    }
    m->grad[d] = sum;
    m->scale[d] = 1 / (total + DBL_MIN);
}

/* curve = Hessian dir. */
static void
bend(struct logistic *m)
{
    size_t d = m->p - 1;
    double sum = 0;

    hs_centred_curve(&m->c, m->weight, m->dir, m->dir[d], m->u, m->curve);
    for (size_t i = 0; i < m->n; i++)
        sum += m->u[i];
    for (size_t j = 0; j < d; j++)
        m->curve[j] += m->lambda * m->dir[j];
    m->curve[d] = sum;
}

/* step: Hessian step = -grad, until the residual is that part of grad. */
static void
find_step(struct logistic *m, double part)
{
    double goal = part * norm(m->grad, m->p), rho = 0, next;

    memset(m->step, 0, m->p * sizeof *m->step);
    for (size_t j = 0; j < m->p; j++) {
        m->rest[j] = -m->grad[j];
        m->dir[j] = m->scale[j] * m->rest[j];
        rho += m->rest[j] * m->dir[j];
    }
    for (size_t round = 0; round < 10 * m->p + 100; round++) {
        double bent, alpha;

        bend(m);
        bent = dot(m->dir, m->curve, m->p);
        if (!(bent > 0))
            return;
        alpha = rho / bent;
        cblas_daxpy((int)m->p, alpha, m->dir, 1, m->step, 1);
        cblas_daxpy((int)m->p, -alpha, m->curve, 1, m->rest, 1);
        if (norm(m->rest, m->p) <= goal)
            return;
        next = 0;
        for (size_t j = 0; j < m->p; j++)
            next += m->rest[j] * m->scale[j] * m->rest[j];
        for (size_t j = 0; j < m->p; j++)
            m->dir[j] = m->scale[j] * m->rest[j] + next / rho * m->dir[j];
        rho = next;
    }
}

/* theta += t step with t = 1, 1/2, 1/4... until the objective falls as a slope
 * of a ten-thousandth says (Armijo), or differs by rounding alone.  Returns
 * the objective there, or NaN when no t does. */
static double
advance(struct logistic *m, double now)
{
    double slope = dot(m->grad, m->step, m->p), t = 1;
    double rounding = 8 * DBL_EPSILON * now;

    for (int half = 0; half < MAX_HALVINGS; half++, t /= 2) {
        double there;

        memcpy(m->trial, m->theta, m->p * sizeof *m->trial);
        cblas_daxpy((int)m->p, t, m->step, 1, m->trial, 1);
        there = objective(m, m->trial);
        if (there <= now + 1e-4 * t * slope + rounding) {
            memcpy(m->theta, m->trial, m->p * sizeof *m->theta);
            return there;
        }
    }
    return NAN;
}

/* What a gradient of nothing but rounding may come to: the sizes of its sums
 * of n terms of at most 1 times x. */
static double
noise(struct logistic *m)
{
    for (size_t i = 0; i < m->n; i++)
        m->weight[i] = (double)m->n;
    /* the sum of |x| is at most the root of n times the sum of squares */
    hs_centred_power(&m->c, m->weight, m->trial);
    m->trial[m->p - 1] = (double)m->n * (double)m->n;
    for (size_t j = 0; j < m->p; j++)
        m->trial[j] = sqrt(m->trial[j]);
    return DBL_EPSILON * norm(m->trial, m->p);
}

static int
minimise(struct logistic *m, struct hs_error *err)
{
    double floor_norm = noise(m), first, now, goal, size;

    now = objective(m, m->theta);
    differentiate(m);
    first = norm(m->grad, m->p);
    goal = fmax(1e-10 * first, floor_norm);
    size = first;
    for (int round = 0; size > goal; round++) {
        if (round == MAX_ROUNDS || !isfinite(size))
            return hs_fail(err,
                           "logistic regression: not converged: gradient "
                           "%g of %g after %d rounds",
                           size, first, round);
        /* loosely while far away, then ever more digits: the last rounds
         * converge quadratically */
        find_step(m, fmin(0.1, fmax(size / first, 1e-6)));
        now = advance(m, now);
        if (isnan(now))
            return hs_fail(err,
                           "logistic regression: no progress: gradient "
                           "%g of %g after %d rounds",
                           size, first, round);
        differentiate(m);
        size = norm(m->grad, m->p);
    }
    return isnan(size) ? hs_fail(err, "logistic regression: not finite") : 0;
}

int
hs_logistic(const double *x, const uint8_t *label, size_t n, size_t d,
            double lambda, double *w, double *b, struct hs_error *err)
{
    struct logistic m = {.label = label, .lambda = lambda, .n = n, .p = d + 1};
    size_t n1 = 0;
    int status;

    for (size_t i = 0; i < n; i++)
        n1 += label[i] != 0;
    if (n1 == 0 || n1 == n)
        return hs_fail(err, "logistic regression: one class only");
    if (!(lambda > 0))
        return hs_fail(err, "logistic regression: lambda %g is not above 0",
                       lambda);
    if (hs_centred_init(&m.c, x, n, d, err) != 0)
        return -1;
    carve(&m);
    m.theta[d] = log((double)n1 / (double)(n - n1));
    status = minimise(&m, err);
    if (status == 0) {
        memcpy(w, m.theta, d * sizeof *w);
        *b = m.theta[d] - dot(m.c.mean, w, d);
    }
    free(m.block);
    hs_centred_free(&m.c);
    return status;
}
