/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * linear.c - see linear.h; the logistic model is in logistic.c.
 */
#include <config.h>

#include "stats/linear.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>

#include "base/mem.h"
#include "stats/centred.h"

enum {
    N_REFINE = 2
};

/* LAPACK, of which OpenBLAS brings its own; Fortran passes addresses and, last,
 * the lengths of strings.  Columns are contiguous: "L" is the upper triangle of
 * our rows. */
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda,
                    int *info, size_t uplo_len);
extern void dpotrs_(const char *uplo, const int *n, const int *n_rhs,
                    const double *a, const int *lda, double *b, const int *ldb,
                    int *info, size_t uplo_len);
extern void dsyevr_(const char *jobz, const char *range, const char *uplo,
                    const int *n, double *a, const int *lda, const double *vl,
                    const double *vu, const int *il, const int *iu,
                    const double *abstol, int *m, double *w, double *z,
                    const int *ldz, int *isuppz, double *work, const int *lwork,
                    int *iwork, const int *liwork, int *info, size_t jobz_len,
                    size_t range_len, size_t uplo_len);

/* ---- ridge ---- */

struct ridge {
    struct hs_centred c;
    double *y; /* (n), owned: less its mean */
    double y_mean;
    bool dual;      /* more columns than rows */
    size_t m;       /* of the system: d, or n if dual */
    double *rows;   /* (n, d), owned: centred x, if dual */
    double *gram;   /* (m, m), owned: X'X or XX' */
    double *factor; /* (m, m), owned */
    double *left;   /* (n), owned: scratch */
    double *right;  /* (m), owned: right-hand sides and steps */
    double *dual_w; /* (n), owned: coefficients of rows, if dual */
};

static void
ridge_free(struct ridge *r)
{
    free(r->y);
    free(r->rows);
    free(r->gram);
    free(r->factor);
    free(r->left);
    free(r->right);
    free(r->dual_w);
    hs_centred_free(&r->c);
}

static int
ridge_init(struct ridge *r, const double *x, const double *y, size_t n,
           size_t d, struct hs_error *err)
{
    *r = (struct ridge){.dual = d > n, .m = d > n ? n : d};
    if (hs_centred_init(&r->c, x, n, d, err) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        r->y_mean += y[i] - y[0];
    r->y_mean = y[0] + r->y_mean / (double)n;
    if (!isfinite(r->y_mean)) {
        hs_centred_free(&r->c);
        return hs_fail(err, "ridge: a target is not finite");
    }
    r->y = hs_malloc(hs_mul(n, sizeof *r->y));
    for (size_t i = 0; i < n; i++)
        r->y[i] = y[i] - r->y_mean;
    r->gram = hs_malloc(hs_mul(hs_mul(r->m, r->m), sizeof *r->gram));
    r->factor = hs_malloc(hs_mul(hs_mul(r->m, r->m), sizeof *r->factor));
    r->left = hs_malloc(hs_mul(n, sizeof *r->left));
    r->right = hs_malloc(hs_mul(r->m, sizeof *r->right));
    if (r->dual) {
        r->rows = hs_malloc(hs_mul(hs_mul(n, d), sizeof *r->rows));
        r->dual_w = hs_malloc(hs_mul(n, sizeof *r->dual_w));
        hs_centred_outer(&r->c, r->rows, r->gram);
    } else {
        hs_centred_gram(&r->c, r->gram);
    }
    return 0;
}

/* Cholesky of the system with lambda on its diagonal.  Without a penalty a
 * column that the others explain up to the rounding of the sums has no weight
 * of its own. */
static int
factorise(struct ridge *r, double lambda, struct hs_error *err)
{
    double rounding = 16 * DBL_EPSILON * (sqrt((double)r->c.n) + (double)r->m);
    int m = (int)r->m, info = 0;

    if (lambda == 0 && r->c.d >= r->c.n)
        return hs_fail(err,
                       "ridge: lambda 0 with %zu columns needs more than "
                       "%zu rows",
                       r->c.d, r->c.n);
    memcpy(r->factor, r->gram, r->m * r->m * sizeof *r->gram);
    for (size_t j = 0; j < r->m; j++)
        r->factor[j * r->m + j] += lambda;
    dpotrf_("L", &m, r->factor, &m, &info, 1);
    for (size_t j = 0; info == 0 && j < r->m; j++) {
        double root = r->factor[j * r->m + j], own = r->gram[j * r->m + j];

        if (!(root * root > (lambda > 0 ? 0 : rounding * own)) ||
            !isfinite(root))
            info = (int)j + 1;
    }
    if (info != 0)
        return hs_fail(err,
                       "ridge: lambda %g: the system is singular at row "
                       "%d",
                       lambda, info);
    return 0;
}

/* right = system^-1 right. */
static void
solve(struct ridge *r)
{
    int m = (int)r->m, one = 1, info;

    dpotrs_("L", &m, &one, r->factor, &m, r->right, &m, &info, 1);
}

/* w = (X'X + lambda)^-1 X'y, then steps for the residual, which is computed
 * from x itself and not from the squares of the Gram matrix: digits that
 * squaring lost come back (Bjorck 1987, corrected semi-normal equations). */
static void
solve_primal(struct ridge *r, double lambda, double *w)
{
    size_t n = r->c.n, d = r->c.d;

    memset(w, 0, d * sizeof *w);
    for (int round = 0; round <= N_REFINE; round++) {
        memset(r->left, 0, n * sizeof *r->left);
        if (round > 0)
            hs_centred_mul(&r->c, w, r->left);
        for (size_t i = 0; i < n; i++)
            r->left[i] = r->y[i] - r->left[i];
        hs_centred_tmul(&r->c, r->left, r->right);
        for (size_t j = 0; j < d; j++)
            r->right[j] -= lambda * w[j];
        solve(r);
        for (size_t j = 0; j < d; j++)
            w[j] += r->right[j];
    }
}

/* w = X'a with (XX' + lambda) a = y, refined likewise. */
static void
solve_dual(struct ridge *r, double lambda, double *w)
{
    size_t n = r->c.n, d = r->c.d;
    double *a = r->dual_w;

    memset(a, 0, n * sizeof *a);
    memset(w, 0, d * sizeof *w);
    for (int round = 0; round <= N_REFINE; round++) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)d, 1, r->rows,
                    (int)d, w, 1, 0, r->left, 1);
        for (size_t i = 0; i < n; i++)
            r->right[i] = r->y[i] - lambda * a[i] - r->left[i];
        solve(r);
        for (size_t i = 0; i < n; i++)
            a[i] += r->right[i];
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)n, (int)d, 1, r->rows,
                    (int)d, a, 1, 0, w, 1);
    }
}

int
hs_ridge_path(const double *x, const double *y, size_t n, size_t d,
              const double *lambdas, size_t n_lambdas, double *w, double *b,
              struct hs_error *err)
{
    struct ridge r;
    int status = 0;

    if (ridge_init(&r, x, y, n, d, err) != 0)
        return -1;
    for (size_t l = 0; status == 0 && l < n_lambdas; l++) {
        double *wl = w + l * d;

        status = factorise(&r, lambdas[l], err);
        if (status != 0)
            break;
        if (r.dual)
            solve_dual(&r, lambdas[l], wl);
        else
            solve_primal(&r, lambdas[l], wl);
        b[l] = r.y_mean - cblas_ddot((int)d, r.c.mean, 1, wl, 1);
        if (!isfinite(b[l]))
            status = hs_fail(err, "ridge: lambda %g: not finite", lambdas[l]);
    }
    ridge_free(&r);
    return status;
}

int
hs_ridge(const double *x, const double *y, size_t n, size_t d, double lambda,
         double *w, double *b, struct hs_error *err)
{
    return hs_ridge_path(x, y, n, d, &lambda, 1, w, b, err);
}

/* ---- principal components ---- */

/* The k largest eigenvalues of the symmetric a (m, m), which is destroyed,
 * descending to value (k), and their vectors to vector (k, m).  Returns 0, or
 * -1 when LAPACK found none. */
static int
largest_eigen(double *a, size_t m, size_t k, double *value, double *vector,
              struct hs_error *err)
{
    int order = (int)m, first = (int)(m - k + 1), found = 0, info = 0;
    int lwork = -1, liwork = -1, int_size = 0;
    int *support = hs_malloc(hs_mul(2 * m, sizeof *support)), *iwork;
    double none = 0, size = 0, *work;
    double *up = hs_malloc(hs_mul(m, sizeof *up)); /* ascending */
    double *z = hs_malloc(hs_mul(hs_mul(m, k), sizeof *z));

    dsyevr_("V", "I", "L", &order, a, &order, &none, &none, &first, &order,
            &none, &found, up, z, &order, support, &size, &lwork, &int_size,
            &liwork, &info, 1, 1, 1);
    lwork = (int)size;
    liwork = int_size;
    work = hs_malloc(hs_mul((size_t)lwork, sizeof *work));
    iwork = hs_malloc(hs_mul((size_t)liwork, sizeof *iwork));
    dsyevr_("V", "I", "L", &order, a, &order, &none, &none, &first, &order,
            &none, &found, up, z, &order, support, work, &lwork, iwork, &liwork,
            &info, 1, 1, 1);
    if (info == 0 && (size_t)found == k) {
        for (size_t i = 0; i < k; i++) {
            value[i] = up[k - 1 - i];
            memcpy(vector + i * m, z + (k - 1 - i) * m, m * sizeof *z);
        }
    }
    free(iwork);
    free(work);
    free(z);
    free(up);
    free(support);
    if (info != 0 || (size_t)found != k)
        return hs_fail(err, "principal components: LAPACK's dsyevr: %d", info);
    return 0;
}

/* Takes from v what lies along the rows of basis (k, d), twice, for what
 * rounding left of it; returns the length of the rest. */
static double
reject(double *v, const double *basis, size_t k, size_t d)
{
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < k; i++) {
            const double *e = basis + i * d;

            cblas_daxpy((int)d, -cblas_ddot((int)d, v, 1, e, 1), e, 1, v, 1);
        }
    }
    return cblas_dnrm2((int)d, v, 1);
}

/* Makes row k of basis a unit vector at right angles to those above it.  Where
 * x has no more directions, the first axis that has enough left will do. */
static void
orthonormalise(double *basis, size_t k, size_t d)
{
    double *v = basis + k * d, length = cblas_dnrm2((int)d, v, 1);
    double rest = length > 0 ? reject(v, basis, k, d) : 0;

    for (size_t axis = 0; !(rest > length / 2) && axis < d; axis++) {
        memset(v, 0, d * sizeof *v);
        v[axis] = 1;
        rest = reject(v, basis, k, d);
        /* of d axes one keeps at least this much outside of k < d vectors */
        length = 1 / sqrt((double)d);
    }
    cblas_dscal((int)d, 1 / rest, v, 1);
}

static void
fix_sign(double *v, size_t d)
{
    size_t most = 0;

    for (size_t j = 1; j < d; j++) {
        if (fabs(v[j]) > fabs(v[most]))
            most = j;
    }
    if (v[most] < 0)
        cblas_dscal((int)d, -1, v, 1);
}

/* From the eigenvectors of XX' (k, n) to those of X'X: X'u, longest first. */
static void
from_dual(const struct hs_centred *c, const double *rows, const double *u,
          size_t k, double *components)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)k, (int)c->d,
                (int)c->n, 1, u, (int)c->n, rows, (int)c->d, 0, components,
                (int)c->d);
    for (size_t i = 0; i < k; i++)
        orthonormalise(components, i, c->d);
}

static int
components_of(const struct hs_centred *c, size_t k, double *components,
              double *variance, struct hs_error *err)
{
    bool dual = c->d > c->n;
    size_t m = dual ? c->n : c->d;
    double *g = hs_malloc(hs_mul(hs_mul(m, m), sizeof *g));
    double *rows, *u;
    int status;

    if (!dual) {
        hs_centred_gram(c, g);
        status = largest_eigen(g, m, k, variance, components, err);
        free(g);
        return status;
    }
    rows = hs_malloc(hs_mul(hs_mul(c->n, c->d), sizeof *rows));
    u = hs_malloc(hs_mul(hs_mul(k, m), sizeof *u));
    hs_centred_outer(c, rows, g);
    status = largest_eigen(g, m, k, variance, u, err);
    if (status == 0)
        from_dual(c, rows, u, k, components);
    free(u);
    free(rows);
    free(g);
    return status;
}

int
hs_pca(const double *x, size_t n, size_t d, size_t k, double *mean,
       double *components, double *variance, struct hs_error *err)
{
    struct hs_centred c;
    int status = 0;

    if (n < 2)
        return hs_fail(err, "principal components: %zu rows, at least 2", n);
    if (k > d || k > n - 1)
        return hs_fail(err, "principal components: %zu of %zu x %zu values", k,
                       n, d);
    if (hs_centred_init(&c, x, n, d, err) != 0)
        return -1;
    memcpy(mean, c.mean, d * sizeof *mean);
    if (k > 0)
        status = components_of(&c, k, components, variance, err);
    for (size_t i = 0; status == 0 && i < k; i++) {
        variance[i] = fmax(0, variance[i]) / (double)(n - 1);
        fix_sign(components + i * d, d);
    }
    hs_centred_free(&c);
    return status;
}
