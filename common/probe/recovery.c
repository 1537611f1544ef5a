/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recovery.c - see recovery.h.
 */
#include <config.h>

#include "probe/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/tempfile.h"
#include "probe/proberec.h"
#include "probe/split.h"

static const uint64_t usual_sizes[] = {100, 200, 400, 800, 1600};

static const char scratch[] = "temporary file"; /* in messages */

void
hs_recovery_init(struct hs_recovery *q)
{
    *q = (struct hs_recovery){.draws = 3, .by = HS_BY_L1};
    hs_study_choice_init(&q->study);
    memset(q->study.baselines, 0, sizeof q->study.baselines);
    q->study.fit.targets[0] = HS_TARGET_MC;
    q->study.fit.fit.loss.target = HS_TARGET_MC;
    q->study.fit.fit.patience = 5;
    q->n_sizes = sizeof usual_sizes / sizeof usual_sizes[0];
    q->sizes = hs_malloc(sizeof usual_sizes);
    memcpy(q->sizes, usual_sizes, sizeof usual_sizes);
}

void
hs_recovery_free(struct hs_recovery *q)
{
    free(q->sizes);
    q->sizes = NULL;
    q->n_sizes = 0;
}

/* ---- one draw */

/* A draw on its way from the world to the ranking. */
struct draw {
    const struct hs_recovery *q;
    struct hs_synth world;
    uint32_t layer; /* the first that has neurons */
    struct hs_trajset set;
    struct hs_probes probes;
    struct hs_error *err;
};

/* Opens what was written to f for reading from its start. */
static struct hs_reader *
read_again(FILE *f, struct hs_error *err)
{
    int fd = dup(fileno(f));

    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        (void)hs_fail(err, "%s: %s", scratch, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    return hs_reader_open(fd, scratch);
}

/* Writes a stream to f: the states of the world, or with e these records.  The
 * head is freed. */
static int
write_stream(const struct draw *d, FILE *f, struct hs_head *head,
             const struct hs_encoded *e)
{
    struct hs_writer *w =
        hs_writer_open(fileno(f), scratch, head, HS_LEVEL_DEFAULT, d->err);
    int rc;

    hs_head_free(head);
    if (w == NULL)
        return -1;
    if (e == NULL)
        rc = hs_synth_write(&d->world, w, d->q->team, NULL, d->err);
    else if ((rc = hs_write_encoded(w, e)) < 0)
        (void)hs_fail(d->err, "%s", hs_writer_error(w));
    if (rc < 0) {
        hs_writer_abort(w);
        return -1;
    }
    return hs_writer_close(w, d->err);
}

/* The states of the world, read and split. */
static int
make_set(struct draw *d)
{
    const uint64_t most = (uint64_t)1 << 30; /* bytes in memory, no more */
    struct hs_study study = {.s = &d->set, .quiet = true};
    struct hs_list layers = {.v = &d->layer, .n = 1};
    FILE *f = hs_tempfile(NULL, d->err);
    struct hs_reader *r = NULL;
    struct hs_head head;
    int rc = -1;

    if (f == NULL)
        return -1;
    hs_synth_head(&d->world, &head);
    if (write_stream(d, f, &head, NULL) == 0)
        r = read_again(f, d->err);
    if (r != NULL)
        rc = hs_trajset_read(&d->set, r, scratch, &layers, most, d->err);
    hs_reader_close(r);
    (void)fclose(f);
    if (rc == 0)
        rc = hs_trajset_split(&d->set, d->q->study.val, d->q->study.split_seed,
                              d->err);
    if (rc == 0)
        rc = hs_study_check(&study, d->err);
    if (rc == 0)
        hs_trajset_stats(&d->set, d->q->team);
    return rc;
}

/* Probes of the set, written and read as those of probe-fit are. */
static int
make_probes(struct draw *d, uint64_t seed)
{
    const struct hs_study_choice *c = &d->q->study;
    struct hs_study study = hs_study_of(c, &d->set, d->q->team);
    struct hs_encoded e = {0};
    struct hs_reader *r = NULL;
    struct hs_head head;
    FILE *f;
    int rc = -1;

    study.quiet = true;
    study.fit.seed = seed;
    study.eval.seed = seed;
    if (hs_study_layer(&study, 0, &e, d->err) < 0 ||
        (f = hs_tempfile(NULL, d->err)) == NULL) {
        hs_encoded_free(&e);
        return -1;
    }
    hs_study_head(&study, hs_split_json(&d->set, c->val, c->split_seed, false),
                  &head);
    if (write_stream(d, f, &head, &e) == 0)
        r = read_again(f, d->err);
    if (r != NULL)
        rc = hs_probes_read(&d->probes, r, scratch, d->err);
    hs_reader_close(r);
    (void)fclose(f);
    hs_encoded_free(&e);
    return rc;
}

/* A number of an evaluation, NaN where it has none. */
static int
take(const json_t *place, const char *key, double *out, struct hs_error *err)
{
    *out = NAN;
    return hs_json_f64(place, key, "evaluation", out, err) < 0 ? -1 : 0;
}

/* The AUC of V(s_0) of the probe of a target. */
static int
take_auc(const struct draw *d, enum hs_target target, struct hs_recovered *out)
{
    const json_t *s0 = NULL;
    struct hs_interval *a = &out->delong, *b = &out->bootstrap;

    for (size_t i = 0; i < d->probes.n_found; i++)
        if (d->probes.found[i].probe.o.loss.target == target)
            s0 = json_object_get(
                json_object_get(d->probes.found[i].eval, "places"),
                hs_place_names[0]);
    if (take(s0, "auc", &a->value, d->err) < 0 ||
        take(s0, "se", &a->se, d->err) < 0 ||
        take(s0, "lo", &a->lo, d->err) < 0 ||
        take(s0, "hi", &a->hi, d->err) < 0 ||
        take(s0, "boot_se", &b->se, d->err) < 0 ||
        take(s0, "boot_lo", &b->lo, d->err) < 0 ||
        take(s0, "boot_hi", &b->hi, d->err) < 0)
        return -1;
    b->value = a->value;
    return 0;
}

/* What the test of single coordinates found, and what that is. */
static void
count_found(const struct draw *d, const struct hs_ranking *r,
            struct hs_recovered *out)
{
    /* p is kept as a float; so must be what it is compared with */
    float alpha = (float)d->q->study.alpha;

    for (size_t j = 0; j < r->d; j++) {
        const struct hs_synth_coord *c = &d->world.coord[j];

        if (!(r->auc_p[j] <= alpha))
            continue;
        if (c->role == HS_SYNTH_VALUE)
            out->n_found++;
        if (c->role == HS_SYNTH_CONFOUND)
            out->n_confounds++;
        if (d->world.o.effect_hi == 0 ||
            (c->role != HS_SYNTH_VALUE && c->role != HS_SYNTH_CONFOUND))
            out->n_false++;
    }
}

static int
judge(const struct draw *d, enum hs_target target, struct hs_recovered *out)
{
    struct hs_top top = {.count = d->world.o.value.at.n};
    struct hs_ranking r;
    size_t n = 0;

    *out = (struct hs_recovered){0};
    if (take_auc(d, target, out) < 0 ||
        hs_rank(&r, &d->probes, d->layer, target, d->q->by, &top, d->err) < 0)
        return -1;
    for (size_t i = 0; i < r.n_top; i++)
        n += d->world.coord[r.order[i]].role == HS_SYNTH_VALUE;
    out->recall = (double)n / (double)r.n_top;
    count_found(d, &r, out);
    hs_ranking_free(&r);
    return 0;
}

/* The world of a draw, and that there is something planted in it. */
static int
make_world(struct draw *d, uint64_t trajectories, uint64_t draw)
{
    struct hs_synth_options o = d->q->world;

    o.trajectories = trajectories;
    o.draw += draw;
    o.completion = true;
    if (hs_synth_init(&d->world, &o, d->err) < 0)
        return -1;
    if (d->world.o.value.at.n == 0 || d->world.o.value_layers.n == 0)
        return hs_fail(d->err, "recovery: there are no value neurons");
    d->layer = d->world.o.value_layers.v[0];
    return 0;
}

int
hs_recover(const struct hs_recovery *q, uint64_t trajectories, uint64_t draw,
           struct hs_recovered *out, struct hs_error *err)
{
    struct draw d = {.q = q, .err = err};
    const struct hs_fit_choice *f = &q->study.fit;
    int rc = make_world(&d, trajectories, draw);

    if (rc == 0)
        rc = make_set(&d);
    if (rc == 0)
        rc = make_probes(&d, draw);
    for (size_t i = 0; i < f->n_targets && rc == 0; i++)
        rc = judge(&d, f->targets[i], &out[i]);
    if (rc < 0)
        (void)hs_fail_prefix(err, "%" PRIu64 " trajectories, draw %" PRIu64,
                             trajectories, q->world.draw + draw);
    hs_probes_free(&d.probes);
    hs_trajset_free(&d.set);
    hs_synth_free(&d.world);
    return rc;
}

/* ---- the table */

/* All draws of a size and a target. */
struct row {
    double recall, least, auc, found, n_false, n_confounds;
};

static void
add(struct row *a, const struct hs_recovered *x, double share, size_t n_value)
{
    a->recall += share * x->recall;
    a->least = fmin(a->least, x->recall);
    a->auc += share * x->delong.value;
    a->found += share * (double)x->n_found / (double)n_value;
    a->n_false += share * (double)x->n_false;
    a->n_confounds += share * (double)x->n_confounds;
}

static void
print_row(const struct hs_recovery *q, uint64_t trajectories,
          enum hs_target target, const struct row *a, bool tabs, FILE *out)
{
    (void)fprintf(out,
                  tabs ? "%" PRIu64 "\t%s\t%" PRIu64
                         "\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\t%.4f\n"
                       : "%12" PRIu64 "  %-9s  %5" PRIu64
                         "  %6.3f  %5.3f  %5.3f  %5.3f  %5.2f  %9.2f\n",
                  trajectories, hs_target_name(target), q->draws, a->recall,
                  a->least, a->auc, a->found, a->n_false, a->n_confounds);
    (void)fflush(out);
}

static int
print_size(const struct hs_recovery *q, uint64_t trajectories, size_t n_value,
           bool tabs, FILE *out, struct hs_error *err)
{
    const struct hs_fit_choice *f = &q->study.fit;
    struct row rows[HS_TARGET_NTP + 1];

    for (size_t i = 0; i < f->n_targets; i++)
        rows[i] = (struct row){.least = 1};
    for (uint64_t k = 0; k < q->draws; k++) {
        struct hs_recovered x[HS_TARGET_NTP + 1];

        if (hs_recover(q, trajectories, k, x, err) < 0)
            return -1;
        for (size_t i = 0; i < f->n_targets; i++)
            add(&rows[i], &x[i], 1 / (double)q->draws, n_value);
    }
    for (size_t i = 0; i < f->n_targets; i++)
        print_row(q, trajectories, f->targets[i], &rows[i], tabs, out);
    return 0;
}

static void
print_json(FILE *out, const char *name, json_t *j)
{
    (void)fprintf(out, "# %s: ", name);
    (void)json_dumpf(j, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)fputc('\n', out);
    json_decref(j);
}

static void
print_settings(const struct draw *d, bool tabs, FILE *out)
{
    const struct hs_recovery *q = d->q;
    struct hs_head head;

    hs_synth_head(&d->world, &head);
    print_json(out, "world",
               json_incref(json_object_get(json_object_get(head.run, "synth"),
                                           "world")));
    hs_head_free(&head);
    print_json(out, "probe", hs_fit_options_json(&q->study.fit.fit));
    (void)fprintf(out,
                  "# draws %" PRIu64 " to %" PRIu64
                  ", seeds of probes from 0, held out %g of the problems\n"
                  "# recall: among the first %zu by %s; least: of the draws; "
                  "AUC of V(s_0): no probe can have more than %.3f\n"
                  "# found, false, confounds: by single coordinates at s_0, "
                  "family-wise level %g, %" PRIu64 " permutations\n",
                  q->world.draw, q->world.draw + q->draws - 1, q->study.val,
                  d->world.o.value.at.n, hs_rank_by_name(q->by), d->world.auc0,
                  q->study.alpha, q->study.permutations);
    (void)fputs(tabs ? "#trajectories\ttarget\tdraws\trecall\tleast\tauc\t"
                       "found\tfalse\tconfounds\n"
                     : "trajectories  target     draws  recall  least    auc  "
                       "found  false  confounds\n",
                out);
}

int
hs_recovery_print(const struct hs_recovery *q, bool tabs, FILE *out,
                  struct hs_error *err)
{
    struct draw d = {.q = q, .err = err};
    int rc = make_world(&d, 0, 0);
    size_t n_value = 0;

    if (rc == 0) {
        n_value = d.world.o.value.at.n;
        print_settings(&d, tabs, out);
    }
    hs_synth_free(&d.world);
    for (size_t i = 0; i < q->n_sizes && rc == 0; i++)
        rc = print_size(q, q->sizes[i], n_value, tabs, out, err);
    return rc;
}

/* ---- options */

static void
parse_sizes(struct hs_recovery *q, const char *arg)
{
    char **words = hs_parse_words("--recovery", arg);

    q->n_sizes = 0;
    while (words[q->n_sizes] != NULL)
        q->n_sizes++;
    q->sizes = hs_realloc(q->sizes, hs_mul(q->n_sizes, sizeof *q->sizes));
    for (size_t i = 0; i < q->n_sizes; i++)
        q->sizes[i] = hs_parse_u64("--recovery", words[i], 10, UINT32_MAX);
    hs_words_free(words);
}

bool
hs_parse_recovery_option(struct hs_recovery *q, int c, const char *arg)
{
    switch (c) {
    case HS_RECOVERY_OPT_RECOVERY:
        if (arg != NULL)
            parse_sizes(q, arg);
        return true;
    case HS_RECOVERY_OPT_DRAWS:
        q->draws = hs_parse_u64("--draws", arg, 1, 100000);
        return true;
    case HS_RECOVERY_OPT_BY:
        if (hs_rank_by_parse(arg, &q->by) < 0)
            hs_die(HS_EXIT_USAGE,
                   "--by: '%s' is not l1, l1-raw, l2, gradient or auc", arg);
        return true;
    case HS_FITOPT_PATIENCE:
        q->patience_given = true;
        return hs_parse_study_option(&q->study, c, arg);
    default:
        return hs_parse_study_option(&q->study, c, arg);
    }
}

void
hs_parse_recovery_end(struct hs_recovery *q)
{
    if (!q->patience_given && !q->study.fit.fit.keep_best)
        q->study.fit.fit.patience = 0;
    hs_parse_study_end(&q->study);
}
