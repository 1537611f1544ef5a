/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkrpe.c - a stream of kind "rpe" with a made-up dopamine probe, for tests of
 * what asks one.
 *
 * Weights are uniform in (-1, 1), 8 hidden units; z-scores of train are
 * (x - 0.1) * 0.5.
 */
#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/rng.h"
#include "model/model.h"
#include "rpe/rperec.h"

enum {
    HIDDEN = 8,
    WEIGHTS = 2000 /* stream of the generator */
};

static const char usage[] = "usage: mkrpe MODEL LAYER ZNORM SEED > RPE\n";

static float *
fill(size_t n, uint64_t seed, uint32_t which)
{
    float *x = hs_calloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] =
            (float)(2 * hs_rng_uniform(seed, WEIGHTS, which, (uint32_t)i) - 1);
    return x;
}

static float *
constant(size_t n, float v)
{
    float *x = hs_calloc(n, sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = v;
    return x;
}

static void
make(struct hs_rpe_probe *p, size_t d, uint64_t seed)
{
    hs_rpe_fit_options_init(&p->o);
    p->o.hidden = HIDDEN;
    p->d = d;
    p->w1 = fill(HIDDEN * d, seed, 0);
    p->b1 = fill(HIDDEN, seed, 1);
    p->w2 = fill(HIDDEN, seed, 2);
    p->b2 = 0.25f;
    p->init_l1 = constant(d, 1);
    if (p->znorm == HS_ZNORM_TRAIN) {
        p->mean = constant(d, 0.1f);
        p->scale = constant(d, 0.5f);
    }
}

static void
write_all(const struct hs_model *m, const struct hs_rpe_probe *p)
{
    struct hs_encoded e = {0};
    struct hs_error err;
    struct hs_head h;
    json_t *eval = json_object();
    struct hs_writer *w;

    hs_head_init(&h, "rpe");
    hs_head_set(&h.fingerprint, m->fingerprint);
    hs_head_set(&h.family, hs_family_name(m->cfg.family));
    h.n_layers = m->cfg.n_layers;
    h.n_vocab = m->cfg.n_vocab;
    h.dim = m->cfg.dim;
    w = hs_writer_open(STDOUT_FILENO, "<stdout>", &h, HS_LEVEL_DEFAULT, &err);
    if (w == NULL || hs_encode_rpe_probe(&e, p, eval, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    if (hs_write_encoded(w, &e) < 0)
        hs_die(HS_EXIT_FAIL, "%s", hs_writer_error(w));
    if (hs_writer_close(w, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_encoded_free(&e);
    hs_head_free(&h);
    json_decref(eval);
}

int
main(int argc, char **argv)
{
    struct hs_rpe_probe p = {0};
    struct hs_error err;
    struct hs_model *m;

    hs_init(argv);
    if (argc != 5 || hs_znorm_parse(argv[3], &p.znorm) < 0)
        hs_die(HS_EXIT_USAGE, "%s", usage);
    m = hs_model_open(argv[1], &err);
    if (m == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    p.layer = (uint32_t)hs_parse_u64("LAYER", argv[2], 0, m->cfg.n_layers);
    make(&p, m->cfg.dim, hs_parse_u64("SEED", argv[4], 0, 1000000));
    write_all(m, &p);
    hs_rpe_probe_free(&p);
    hs_model_free(m);
    return hs_finish(HS_EXIT_OK);
}
