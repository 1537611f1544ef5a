/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rperun.c - the two modes of rpe-scan, see rperun.h; rpelook.c has the rest.
 */
#include <config.h>

#include "rpe/rperun.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "model/kernel.h"
#include "model/model.h"
#include "probe/split.h"
#include "rpe/probevalue.h"
#include "rpe/surprise.h"
#include "rpe/tdscan.h"
#include "stream/input.h"

/* A scan at work. */
struct scan {
    const struct hs_rpe_options *o;
    const struct hs_rpe_watch *watch;
    struct hs_td_options td;
    struct hs_probes probes; /* of --probe */
    struct hs_trajset set;
    struct hs_team *team;
    struct hs_model *model; /* NULL: no text is looked at */
    struct hs_steps steps;
    uint32_t *layers; /* (n_layers): to be scanned, as the set's indices */
    size_t n_layers;
    enum hs_znorm znorm;
    bool own_split; /* not that of the probes */
    json_t *notes;  /* array: what was said of the split */
    uint64_t n_fits, all_fits;
    struct hs_writer *w;
};

/* ---- what is read ---- */

/* The layers that are to be read: those asked for, and the probe's. */
static void
wanted_layers(const struct hs_rpe_options *o, struct hs_list *out)
{
    const struct hs_list *asked = &o->rank.layers;
    size_t n = 0;

    *out = (struct hs_list){.all = asked->all};
    if (asked->all)
        return;
    out->v = hs_calloc(asked->n + 1, sizeof *out->v);
    for (size_t i = 0; i < asked->n; i++) {
        if (o->probe_layer_given && o->probe_layer < asked->v[i] &&
            (n == 0 || out->v[n - 1] < o->probe_layer))
            out->v[n++] = o->probe_layer;
        if (n == 0 || out->v[n - 1] < asked->v[i])
            out->v[n++] = asked->v[i];
    }
    if (o->probe_layer_given && out->v[n - 1] < o->probe_layer)
        out->v[n++] = o->probe_layer;
    out->n = n;
}

static void
choose_layers(struct scan *k)
{
    const struct hs_list *asked = &k->o->rank.layers;

    k->layers = hs_calloc(k->set.n_layers, sizeof *k->layers);
    for (size_t l = 0; l < k->set.n_layers; l++)
        if (asked->all || hs_list_has(asked, k->set.layers[l]))
            k->layers[k->n_layers++] = (uint32_t)l;
}

static void
note(struct scan *k, const char *text)
{
    hs_warn("%s", text);
    json_array_append_new(k->notes, json_string(text));
}

/* Holds out what the probes held out where that can be found again, so that
 * no value and no score is of what either was fitted on. */
static int
split(struct scan *k, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    const json_t *j = json_object_get(k->probes.head.run, "split");
    bool given = hs_rpe_given(o, HS_RPE_OPT_VAL) ||
                 hs_rpe_given(o, HS_RPE_OPT_SPLIT_SEED);
    struct hs_error why = {{0}};

    k->own_split = true;
    if (o->probe != NULL && !given) {
        if (j != NULL && hs_split_again(&k->set, j, &why) == 0) {
            k->own_split = false;
            note(k, o->task == HS_RPE_DO_TD
                        ? "the held-out problems are those of the probes"
                    : o->use_all
                        ? "all problems are used, those that the probes were "
                          "fitted on too: their values know the reward"
                        : "only the problems that the probes did not see are "
                          "used (--use=all takes all)");
            return 0;
        }
        hs_warn(
            "the probes' held-out problems cannot be found in this stream "
            "(%s): it is divided anew",
            j != NULL ? why.text : "they do not say which these are");
    }
    return hs_trajset_split(&k->set, o->val, o->split_seed, err);
}

static int
open_model(struct scan *k, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    char *dir;

    if (!o->step_given || !hs_step_reads(&o->step))
        return 0;
    dir = o->model != NULL ? hs_strdup(o->model) : hs_model_default_dir(err);
    if (dir == NULL)
        return -1;
    k->model = hs_model_open(dir, err);
    free(dir);
    if (k->model == NULL)
        return -1;
    if (strcmp(k->model->fingerprint, k->set.head.fingerprint) != 0)
        return hs_fail(err,
                       "the states are of another model than --model "
                       "(fingerprint %s, not %s)",
                       k->set.head.fingerprint, k->model->fingerprint);
    return k->model->tok != NULL
               ? 0
               : hs_fail(err, "the model has no tokenizer.json");
}

static int
read_all(struct scan *k, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_reader *r;
    struct hs_list layers;
    int rc;

    if (o->probe != NULL && hs_probes_load(&k->probes, o->probe, err) < 0)
        return -1;
    r = hs_input_open("-", err);
    if (r == NULL)
        return -1;
    wanted_layers(o, &layers);
    rc = hs_trajset_read(&k->set, r, hs_input_name("-"), &layers,
                         o->rank.memory, err);
    hs_list_free(&layers);
    hs_reader_close(r);
    if (rc < 0 || split(k, err) < 0 || open_model(k, err) < 0)
        return -1;
    choose_layers(k);
    k->team = hs_team_new((size_t)o->rank.threads, err);
    if (k->team == NULL)
        return -1;
    hs_trajset_stats(&k->set, k->team);
    return 0;
}

/* ---- what is written ---- */

static json_t *
td_json(const struct scan *k)
{
    const struct hs_rpe_options *o = k->o;
    json_t *j = json_object(), *ratios = json_array();

    for (size_t i = 0; i < k->td.n_ratios; i++)
        json_array_append_new(ratios, json_real(k->td.ratios[i]));
    json_object_set_new(j, "gamma", json_real(k->td.gamma));
    json_object_set_new(j, "threshold", json_real(k->td.threshold));
    json_object_set_new(j, "fit", hs_rpe_fit_json(&k->td.fit));
    json_object_set_new(j, "seeds", json_integer((json_int_t)k->td.n_seeds));
    json_object_set_new(j, "by", json_string(hs_rank_by_name(k->td.by)));
    json_object_set_new(j, "top",
                        k->td.top.count > 0
                            ? json_integer((json_int_t)k->td.top.count)
                            : json_real(k->td.top.share));
    json_object_set_new(j, "ratios", ratios);
    json_object_set_new(j, "random", json_integer((json_int_t)k->td.n_random));
    json_object_set_new(j, "bootstrap",
                        json_integer((json_int_t)k->td.bootstrap));
    if (o->step_given) {
        struct hs_buf b = {0};

        hs_step_name(&o->step, &b);
        json_object_set_new(j, "step", json_string(hs_buf_cstr(&b)));
        hs_buf_free(&b);
    }
    return j;
}

/* The stream's head, of kind "rpe", with all that the records depend on. */
static void
make_head(const struct scan *k, const struct hs_rpe_out *to,
          struct hs_head *head)
{
    const struct hs_rpe_options *o = k->o;
    json_t *run = json_object();

    hs_head_copy(head, &k->set.head);
    hs_head_set(&head->kind, "rpe");
    head->dtype = HS_F32;
    free(head->layers.v);
    head->layers.n = k->n_layers;
    head->layers.v = hs_calloc(k->n_layers, sizeof *head->layers.v);
    for (size_t i = 0; i < k->n_layers; i++)
        head->layers.v[i] = k->set.layers[k->layers[i]];
    json_object_set_new(run, "input", head->run);
    head->run = run;
    json_object_set_new(
        run, "mode", json_string(o->task == HS_RPE_DO_TD ? "td" : "surprise"));
    json_object_set_new(run, "value",
                        json_string(o->probe != NULL ? "probe" : "rollouts"));
    json_object_set_new(run, "znorm", json_string(hs_znorm_name(k->znorm)));
    json_object_set_new(run, "alpha", json_real(o->alpha));
    json_object_set_new(run, "seed",
                        json_integer((json_int_t)o->rank.prune.seed));
    if (o->task == HS_RPE_DO_TD)
        json_object_set_new(run, "td", td_json(k));
    json_object_set_new(
        run, "split",
        k->own_split
            ? hs_split_json(&k->set, o->val, o->split_seed, false)
            : json_incref(json_object_get(k->probes.head.run, "split")));
    json_object_set(run, "notes", k->notes);
    json_object_set_new(run, "trajectories",
                        json_integer((json_int_t)k->set.n));
    json_object_set_new(run, "undecided",
                        json_integer((json_int_t)k->set.n_undecided));
    json_object_set_new(run, "kernel", json_string(hs_kern()->name));
    if (to->no_history)
        hs_head_drop_history(head);
    else
        hs_head_add_history(head, to->argc, to->argv);
}

static int
write_out(struct scan *k, struct hs_encoded *e, struct hs_error *err)
{
    int rc = hs_write_encoded(k->w, e);

    hs_encoded_free(e);
    return rc == 0 ? 0 : hs_fail(err, "%s", hs_writer_error(k->w));
}

/* ---- mode td ---- */

static void
fit_done(void *ud)
{
    struct scan *k = ud;

    k->n_fits++;
    if (k->watch != NULL)
        k->watch->fit(k->watch->ud, k->n_fits, k->all_fits, k->set.n_states);
}

/* The probes' value at layer index l, or that of --probe-layer. */
static int
open_value(const struct scan *k, size_t l, struct hs_probe_value *v,
           struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;

    return hs_probe_value_open(
        v, &k->probes, &k->set,
        o->probe_layer_given ? o->probe_layer : k->set.layers[l],
        o->probe_target_given ? &o->probe_target : NULL, k->team, err);
}

/* The steps as layer index l has them; rollouts have the same for all. */
static int
make_steps(struct scan *k, size_t l, struct hs_error *err)
{
    struct hs_probe_value v = {0};
    struct hs_steps_options so = {.gamma = k->td.gamma,
                                  .threshold = k->td.threshold,
                                  .rule = k->o->step_given ? &k->o->step : NULL,
                                  .tok = k->model ? k->model->tok : NULL};
    int rc = 0;

    if (k->steps.n > 0 && (k->o->probe == NULL || k->o->probe_layer_given))
        return 0;
    hs_steps_free(&k->steps);
    if (k->o->probe != NULL) {
        rc = open_value(k, l, &v, err);
        so.probe = &v;
    }
    if (rc == 0)
        rc = hs_steps_make(&k->steps, &k->set, &so, err);
    hs_probe_value_free(&v);
    return rc;
}

/* How the first answer with rollouts was divided, or how --step says. */
static void
name_rule(const struct scan *k, struct hs_td *q, struct hs_buf *b)
{
    q->min_tokens = k->o->step.min_tokens;
    if (k->o->step_given)
        hs_step_name(&k->o->step, b);
    for (size_t j = 0; j < k->set.n && !k->o->step_given; j++)
        if (k->set.traj[j].rollouts != NULL) {
            hs_buf_str(b, k->set.traj[j].rollouts->rule);
            q->min_tokens = k->set.traj[j].rollouts->min_tokens;
            break;
        }
    q->rule = hs_buf_cstr(b);
}

static int
scan_td(struct scan *k, struct hs_error *err)
{
    struct hs_td q = {.s = &k->set,
                      .steps = &k->steps,
                      .o = &k->td,
                      .team = k->team,
                      .value = k->o->probe != NULL ? "probe" : "rollouts",
                      .done = fit_done,
                      .ud = k};
    struct hs_buf rule = {0};
    int rc = 0;

    k->all_fits = k->n_layers * hs_td_fits(&k->td, k->set.dim);
    name_rule(k, &q, &rule);
    for (size_t i = 0; i < k->n_layers && rc == 0; i++) {
        struct hs_encoded e = {0};

        q.quiet = i > 0 && (k->o->probe == NULL || k->o->probe_layer_given);
        rc = make_steps(k, k->layers[i], err);
        if (rc == 0)
            rc = hs_td_layer(&q, k->layers[i], &e, err);
        if (rc == 0)
            rc = write_out(k, &e, err);
        hs_encoded_free(&e);
    }
    hs_buf_free(&rule);
    return rc;
}

/* ---- mode surprise ---- */

/* V(s_0) of all trajectories, and V of all states where a probe has them; NaN
 * where the probe was fitted on it. */
static int
take_values(struct scan *k, size_t l, double *v0, double **v_t,
            struct hs_error *err)
{
    struct hs_trajset *s = &k->set;
    struct hs_probe_value v;
    struct hs_which *w;
    int rc;

    *v_t = NULL;
    if (k->o->probe == NULL)
        return hs_rpe_v0_rollouts(s, v0) > 0
                   ? 0
                   : hs_fail(err,
                             "no V(s_0): the stream has no rollouts, and "
                             "there is no --probe");
    rc = open_value(k, l, &v, err);
    if (rc == 0) {
        *v_t = hs_calloc(s->n_states, sizeof **v_t);
        w = hs_calloc(s->n_states, sizeof *w);
        for (size_t j = 0; j < s->n; j++)
            for (size_t i = 0; i < s->traj[j].n_states; i++)
                w[s->traj[j].first + i] = (struct hs_which){j, i};
        hs_probe_value_ask(&v, w, s->n_states, *v_t);
        free(w);
    }
    hs_probe_value_free(&v);
    for (size_t j = 0; j < s->n && rc == 0; j++) {
        bool known = s->t[s->traj[j].first] == 0 &&
                     (k->own_split || k->o->use_all || s->traj[j].val);

        v0[j] = known ? (*v_t)[s->traj[j].first] : (double)NAN;
    }
    return rc;
}

/* What is held against what, as a record "rpe-steps". */
static int
encode_summary(const struct scan *k, uint32_t layer, json_t *summary,
               struct hs_encoded *e, struct hs_error *err)
{
    json_t *j = json_object();
    int rc;

    json_object_set_new(j, "type", json_string("rpe-steps"));
    json_object_set_new(j, "mode", json_string("surprise"));
    json_object_set_new(j, "layer", json_integer(layer));
    json_object_set_new(
        j, "value", json_string(k->o->probe != NULL ? "probe" : "rollouts"));
    json_object_set_new(j, "held_out_only",
                        json_boolean(!k->own_split && !k->o->use_all));
    json_object_update(j, summary);
    rc = hs_encode_json(e, j, err);
    json_decref(j);
    return rc;
}

static int
surprise_layer(struct scan *k, size_t l, const struct hs_surprise_options *so,
               struct hs_encoded *e, struct hs_error *err)
{
    double *v0 = hs_calloc(k->set.n, sizeof *v0), *v_t = NULL;
    struct hs_rpe_coordinates c = {0};
    json_t *summary = NULL;
    int rc = take_values(k, l, v0, &v_t, err);

    if (rc == 0)
        rc = hs_rpe_surprise(&k->set, l, v0, v_t, so, k->team, &c, &summary,
                             err);
    if (rc == 0) {
        const json_t *warnings = json_object_get(summary, "warnings"), *w;
        size_t i;

        json_array_foreach(warnings, i, w) hs_warn(
            "layer %" PRIu32 ": %s", k->set.layers[l], json_string_value(w));
        rc = encode_summary(k, k->set.layers[l], summary, e, err);
    }
    if (rc == 0)
        rc = hs_encode_rpe_coordinates(e, &c, err);
    hs_rpe_coordinates_free(&c);
    json_decref(summary);
    free(v0);
    free(v_t);
    return rc < 0 ? hs_fail_prefix(err, "layer %" PRIu32, k->set.layers[l]) : 0;
}

static int
scan_surprise(struct scan *k, struct hs_error *err)
{
    const struct hs_rpe_options *o = k->o;
    struct hs_surprise_options so;
    int rc = 0;

    hs_surprise_options_init(&so);
    so.quantile = o->quantile;
    so.window = (size_t)o->window;
    so.znorm = k->znorm;
    so.n_permutations = (size_t)o->permutations;
    so.alpha = o->alpha;
    so.seed = o->rank.prune.seed;
    for (size_t i = 0; i < k->n_layers && rc == 0; i++) {
        struct hs_encoded e = {0};

        rc = surprise_layer(k, k->layers[i], &so, &e, err);
        if (rc == 0)
            rc = write_out(k, &e, err);
        hs_encoded_free(&e);
    }
    return rc;
}

/* ---- both ---- */

static int
scan(struct scan *k, const struct hs_rpe_out *to, struct hs_error *err)
{
    struct hs_head head;
    struct hs_writer *w;
    int rc;

    if (read_all(k, err) < 0)
        return -1;
    make_head(k, to, &head);
    k->w = hs_writer_open(to->fd, to->name, &head, to->level, err);
    hs_head_free(&head);
    if (k->w == NULL)
        return -1;
    rc = k->o->task == HS_RPE_DO_TD ? scan_td(k, err) : scan_surprise(k, err);
    if (rc < 0)
        return -1;
    w = k->w;
    k->w = NULL;
    return hs_writer_close(w, err);
}

int
hs_rpe_scan(const struct hs_rpe_options *o, const struct hs_rpe_out *to,
            const struct hs_rpe_watch *watch, struct hs_error *err)
{
    struct scan k = {.o = o, .watch = watch, .notes = json_array()};
    int rc;

    hs_rpe_td_options(o, &k.td);
    k.znorm = o->task == HS_RPE_DO_SURPRISE && !o->znorm_given ? HS_ZNORM_TRAIN
                                                               : o->znorm;
    rc = scan(&k, to, err);
    hs_writer_abort(k.w);
    hs_steps_free(&k.steps);
    hs_model_free(k.model);
    hs_trajset_free(&k.set);
    hs_team_free(k.team);
    hs_probes_free(&k.probes);
    json_decref(k.notes);
    free(k.layers);
    return rc;
}
