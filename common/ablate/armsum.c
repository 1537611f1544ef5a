/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armsum.c - the figures of arms, see armsum.h.
 */
#include <config.h>

#include "ablate/armsum.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ablate/armdata.h"
#include "stats/paired.h"
#include "stats/pairedboot.h"

bool
hs_arm_is_edited(const struct hs_arm *a)
{
    return a->kind != HS_ARM_NONE && a->kind != HS_ARM_NOOP;
}

bool
hs_arm_is_peer(const struct hs_arm *a, const struct hs_arm *b)
{
    if (a->edit.layer != b->edit.layer || a->edit.where != b->edit.where ||
        strcmp(a->mode, b->mode) != 0)
        return false;
    return a->size != NULL && b->size != NULL ? strcmp(a->size, b->size) == 0
                                              : a->edit.n == b->edit.n;
}

/* ---- order ---- */

/* An arm, where it came from. */
struct place_of {
    const struct hs_arm *arm;
    size_t at;
};

static int
compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_arms(const void *va, const void *vb)
{
    const struct hs_arm *a = ((const struct place_of *)va)->arm;
    const struct hs_arm *b = ((const struct place_of *)vb)->arm;
    int d = compare_u64(a->kind != HS_ARM_NONE, b->kind != HS_ARM_NONE);

    d = d != 0 ? d : compare_u64(a->edit.layer, b->edit.layer);
    d = d != 0 ? d : compare_u64(hs_arm_is_edited(a), hs_arm_is_edited(b));
    d = d != 0 ? d : strcmp(a->mode, b->mode);
    d = d != 0 ? d : compare_u64(a->edit.where, b->edit.where);
    d = d != 0 ? d : compare_u64(a->edit.n, b->edit.n);
    if (d == 0 && a->size != NULL && b->size != NULL)
        d = strcmp(a->size, b->size);
    d = d != 0 ? d : compare_u64(a->kind, b->kind);
    d = d != 0 ? d : compare_u64(a->draw, b->draw);
    return d != 0 ? d : strcmp(a->label, b->label);
}

/* Puts arms where the order of streams has no say. */
static void
sort_arms(struct hs_armsum *s)
{
    size_t n = s->set.n;
    struct place_of *order = hs_calloc(n, sizeof *order);
    struct hs_arm *arms = hs_calloc(n, sizeof *arms);
    struct hs_armtally *tally = hs_calloc(n, sizeof *tally);

    for (size_t i = 0; i < n; i++)
        order[i] = (struct place_of){&s->set.v[i], i};
    qsort(order, n, sizeof *order, compare_arms);
    for (size_t i = 0; i < n; i++) {
        arms[i] = s->set.v[order[i].at];
        tally[i] = s->tally[order[i].at];
    }
    for (size_t i = 0; i < n; i++) {
        s->set.v[i] = arms[i];
        s->tally[i] = tally[i];
        (void)json_object_set_new(s->labels, arms[i].label,
                                  json_integer((json_int_t)i));
    }
    free(order);
    free(arms);
    free(tally);
}

/* A problem by name, and its number. */
struct name_of {
    const char *name;
    size_t at;
};

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_of *)a)->name,
                  ((const struct name_of *)b)->name);
}

/* The place of each problem of a part by name: the bootstrap must not depend on
 * the order of streams. */
static uint32_t *
rank_problems(const struct hs_armitems *items)
{
    struct name_of *names = hs_calloc(items->n_problems, sizeof *names);
    uint32_t *rank = hs_calloc(items->n_problems, sizeof *rank);
    const char *key;
    json_t *v;
    size_t n = 0;

    json_object_foreach(items->problems, key, v)
    {
        names[n++] = (struct name_of){key, (size_t)json_integer_value(v)};
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        rank[names[i].at] = (uint32_t)i;
    free(names);
    return rank;
}

/* ---- noop ---- */

static const char *
item_name(const struct hs_armitems *items, size_t i)
{
    const char *key;
    json_t *v;

    json_object_foreach(items->index, key, v)
    {
        if ((size_t)json_integer_value(v) == i)
            return key;
    }
    return "";
}

static int
check_noop(struct hs_armsum *s, size_t arm, struct hs_error *err)
{
    for (size_t p = 0; p < HS_N_ARMPARTS; p++) {
        const struct hs_armrecs *a = &s->tally[arm].part[p];
        const struct hs_armrecs *b = &s->tally[s->none].part[p];

        for (size_t i = 0; i < s->items[p].n; i++) {
            const char *name;

            if (!hs_armrecs_have(a, i) || !hs_armrecs_have(b, i))
                continue;
            s->n_noop++;
            if (a->hash[i] == b->hash[i])
                continue;
            name = item_name(&s->items[p], i);
            return hs_fail(
                err,
                "%s is not what none is: %s, problem %s, sample "
                "%.*s",
                s->set.v[arm].label, hs_armpart_name((enum hs_armpart)p),
                strchr(name, ':') + 1, (int)strcspn(name, ":"), name);
        }
    }
    s->n_noop_arms++;
    return 0;
}

/* ---- answers ---- */

/* Counts answers, and pairs; diff and count are those of problems, by name. */
static void
count_answers(const struct hs_armitems *items, const uint32_t *rank,
              const struct hs_armrecs *a, const struct hs_armrecs *none,
              int32_t *diff, uint32_t *count, struct hs_arm_task *t)
{
    for (size_t i = 0; i < items->n; i++) {
        size_t g = rank[items->problem[i]];

        if (!hs_armrecs_have(a, i))
            continue;
        t->n += a->reward[i] >= 0;
        t->n_right += a->reward[i] == 1;
        t->n_undecided += a->reward[i] < 0;
        if (!hs_armrecs_have(none, i) || a->reward[i] < 0 ||
            none->reward[i] < 0)
            continue;
        diff[g] += a->reward[i] - none->reward[i];
        count[g]++;
        t->n_pairs++;
        t->lost += a->reward[i] < none->reward[i];
        t->gained += a->reward[i] > none->reward[i];
    }
}

static struct hs_arm_task *
task_of(struct hs_arm_result *r, enum hs_armpart part)
{
    return part == HS_ARMPART_ALSO ? &r->also : &r->main;
}

static void
fill_tasks(struct hs_armsum *s, enum hs_armpart part)
{
    const struct hs_armitems *items = &s->items[part];
    uint32_t *rank = rank_problems(items);
    size_t n = items->n_problems, all = hs_mul(s->set.n, n);
    int32_t *diff = hs_calloc(all, sizeof *diff);
    uint32_t *count = hs_calloc(all, sizeof *count);
    struct hs_interval *boot = hs_calloc(s->set.n, sizeof *boot);

    for (size_t i = 0; i < s->set.n; i++) {
        struct hs_arm_task *t = task_of(&s->results[i], part);

        *t = (struct hs_arm_task){.p = NAN, .p_holm = NAN};
        count_answers(items, rank, &s->tally[i].part[part],
                      &s->tally[s->none].part[part], diff + i * n,
                      count + i * n, t);
        hs_wilson(t->n_right, t->n, s->o.level, &t->accuracy);
        if (t->n_pairs > 0 && i != s->none)
            t->p = items->n > n ? hs_sign_flip(diff + i * n, n)
                                : hs_mcnemar(t->lost, t->gained);
    }
    hs_paired_bootstraps(diff, count, s->set.n, n, s->o.n_boot, s->o.seed,
                         s->o.level, boot);
    for (size_t i = 0; i < s->set.n; i++)
        task_of(&s->results[i], part)->diff = boot[i];
    free(rank);
    free(diff);
    free(count);
    free(boot);
}

/* ---- texts ---- */

static double
share(uint64_t a, uint64_t n)
{
    return n > 0 ? (double)a / (double)n : NAN;
}

static double
perplexity(const struct hs_armsums *sum)
{
    double total = (double)sum->logprob * 0x1p-40 + sum->odd;

    return sum->n_scored > 0 ? exp(-total / (double)sum->n_scored) : NAN;
}

static void
fill_texts(const struct hs_armtally *t, struct hs_arm_result *r)
{
    const struct hs_armsums *sum = &t->part[HS_ARMPART_PROBLEMS].sum;

    r->n_items = sum->n_items;
    r->parsed = share(sum->n_parsed, sum->n_items);
    r->eos = share(sum->n_eos, sum->n_items);
    r->length = share(sum->n_length, sum->n_items);
    r->mean_tokens = share(sum->n_tokens, sum->n_items);
    r->repetition = sum->n_items > 0 ? (double)sum->repetition * 0x1p-40 /
                                           (double)sum->n_items
                                     : NAN;
    r->own_ppl = perplexity(&t->part[HS_ARMPART_OWN].sum);
    r->neutral_ppl = perplexity(&t->part[HS_ARMPART_NEUTRAL].sum);
    for (size_t p = 0; p < HS_N_ARMPARTS; p++)
        r->edits += t->part[p].sum.edits;
    if (r->arm->edit.n > 0)
        r->edited_rows = r->edits / r->arm->edit.n;
}

/* ---- arms that stand for others ---- */

static bool
has_records(const struct hs_armtally *t)
{
    for (size_t p = 0; p < HS_N_ARMPARTS; p++)
        if (t->part[p].sum.n_items > 0)
            return true;
    return false;
}

/* The arm whose figures are those of arm i: itself, or what it equals. */
static int
resolve(const struct hs_armsum *s, size_t i, size_t *out, struct hs_error *err)
{
    const struct hs_arm *a = &s->set.v[i];

    *out = i;
    for (size_t n = 0; n <= s->set.n; n++) {
        const char *other = s->set.v[*out].same_as;
        const json_t *at;

        if (other == NULL || has_records(&s->tally[*out]))
            return 0;
        at = json_object_get(s->labels, other);
        if (at == NULL)
            break;
        *out = (size_t)json_integer_value(at);
    }
    return hs_fail(err, "arm %s is the same as %s, which is not there",
                   a->label, a->same_as);
}

static int
resolve_all(struct hs_armsum *s, struct hs_error *err)
{
    for (size_t i = 0; i < s->set.n; i++) {
        size_t of;

        if (resolve(s, i, &of, err) < 0)
            return -1;
        if (of == i)
            continue;
        s->results[i] = s->results[of];
        s->results[i].arm = &s->set.v[i];
        s->results[i].same = true;
    }
    return 0;
}

/* ---- among others ---- */

/* Before arms that equal others get figures, so that none counts twice. */
static void
adjust(struct hs_armsum *s, enum hs_armpart part)
{
    double *p = hs_calloc(s->set.n, sizeof *p);

    for (size_t i = 0; i < s->set.n; i++)
        p[i] = hs_arm_is_edited(&s->set.v[i]) ? task_of(&s->results[i], part)->p
                                              : NAN;
    hs_holm(p, s->set.n, p);
    for (size_t i = 0; i < s->set.n; i++)
        task_of(&s->results[i], part)->p_holm = p[i];
    free(p);
}

static void
place_among(const struct hs_armsum *s, const struct hs_arm_result *r,
            enum hs_arm_kind kind, struct hs_arm_place *out)
{
    double *x = hs_calloc(s->set.n, sizeof *x), mine = r->main.accuracy.value;

    *out = (struct hs_arm_place){
        .mean = NAN, .lowest = NAN, .highest = NAN, .p = NAN};
    for (size_t i = 0; i < s->set.n; i++) {
        double draw = s->results[i].main.accuracy.value;

        if (s->set.v[i].kind != kind || isnan(draw) ||
            !hs_arm_is_peer(r->arm, &s->set.v[i]))
            continue;
        x[out->n_draws++] = draw;
        out->n_as_low += draw <= mine;
        out->lowest = fmin(out->lowest, draw);
        out->highest = fmax(out->highest, draw);
        out->mean = (isnan(out->mean) ? 0 : out->mean) + draw;
    }
    out->mean /= (double)out->n_draws;
    if (out->n_draws > 0)
        out->p = hs_rank_p(mine, x, out->n_draws);
    free(x);
}

static void
fill_places(struct hs_armsum *s)
{
    for (size_t i = 0; i < s->set.n; i++) {
        struct hs_arm_result *r = &s->results[i];

        r->random.p = r->random_sinks.p = r->rms.p = NAN;
        if (hs_arm_is_drawn(r->arm->kind))
            continue;
        place_among(s, r, HS_ARM_RANDOM, &r->random);
        place_among(s, r, HS_ARM_RANDOM_SINKS, &r->random_sinks);
        place_among(s, r, HS_ARM_RMS, &r->rms);
    }
}

/* The mean share of gained pairs of arms of a kind, of all edited arms for
 * HS_N_ARM_KINDS; NaN if there are none. */
static double
mean_gained(const struct hs_armsum *s, enum hs_arm_kind kind)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->set.n; i++) {
        const struct hs_arm_result *r = &s->results[i];

        if (r->same || !hs_arm_is_edited(r->arm) || r->main.n_pairs == 0 ||
            (kind != HS_N_ARM_KINDS && r->arm->kind != kind))
            continue;
        sum += share(r->main.gained, r->main.n_pairs);
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

static void
fill_power(struct hs_armsum *s)
{
    static const enum hs_arm_kind from[] = {HS_ARM_RANDOM, HS_ARM_RMS,
                                            HS_N_ARM_KINDS};
    uint64_t n = s->results[s->none].main.n_pairs;
    double gained = NAN;

    for (size_t i = 0; i < 3 && isnan(gained); i++)
        gained = mean_gained(s, from[i]);
    s->power.p_gained = isnan(gained) ? 0 : gained;
    s->power.power = 0.8;
    s->power.smallest_drop =
        n > 0
            ? hs_smallest_drop(n, s->power.p_gained, s->o.alpha, s->power.power)
            : NAN;
}

/* ---- all of it ---- */

static void
fill_run(struct hs_armsum *s)
{
    json_t *arms = json_array();

    for (size_t i = 0; i < s->set.n; i++)
        (void)json_array_append(arms, s->tally[i].json);
    s->run = json_copy(s->head.run);
    (void)json_object_set_new(s->run, "arms", arms);
}

static void
fill_figures(struct hs_armsum *s)
{
    static const enum hs_armpart tasks[] = {HS_ARMPART_PROBLEMS,
                                            HS_ARMPART_ALSO};

    for (size_t i = 0; i < s->set.n; i++) {
        s->results[i].arm = &s->set.v[i];
        fill_texts(&s->tally[i], &s->results[i]);
    }
    for (size_t k = 0; k < 2; k++) {
        fill_tasks(s, tasks[k]);
        adjust(s, tasks[k]);
    }
}

int
hs_armsum_finish(struct hs_armsum *s, struct hs_error *err)
{
    sort_arms(s);
    if (s->set.n == 0 || s->set.v[0].kind != HS_ARM_NONE)
        return hs_fail(err, "there is no unedited arm (none)");
    s->none = 0;
    for (size_t i = 0; i < s->set.n; i++)
        if (s->set.v[i].kind == HS_ARM_NOOP && check_noop(s, i, err) < 0)
            return -1;
    s->results = hs_calloc(s->set.n, sizeof *s->results);
    fill_run(s);
    fill_figures(s);
    if (resolve_all(s, err) < 0)
        return -1;
    fill_places(s);
    fill_power(s);
    return 0;
}

size_t
hs_armsum_count(const struct hs_armsum *s)
{
    return s->set.n;
}

const struct hs_arm_result *
hs_armsum_result(const struct hs_armsum *s, size_t i)
{
    return &s->results[i];
}

const json_t *
hs_armsum_run(const struct hs_armsum *s)
{
    return s->run;
}

const struct hs_armsum_power *
hs_armsum_power(const struct hs_armsum *s)
{
    return &s->power;
}
