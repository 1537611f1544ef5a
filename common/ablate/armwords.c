/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armwords.c - what follows from the figures of arms, in words, see armsum.h.
 *
 * A line claims no more than its test: no effect is said together with the drop
 * that would have been found, a set below its draws with how many of them there
 * are.
 */
#include <config.h>

#include "ablate/armsum.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ablate/armdata.h"

enum {
    FEW_DRAWS = 20,
    FEW_PROBLEMS = 100
};

struct words {
    const struct hs_armsum *s;
    const struct hs_arm_result *none;
    json_t *lines;
    struct hs_buf b; /* the line being written */
};

static void
end_line(struct words *w)
{
    if (w->b.len > 0)
        (void)json_array_append_new(w->lines, json_string(hs_buf_cstr(&w->b)));
    w->b.len = 0;
}

static void
say_p(struct hs_buf *b, double p)
{
    if (p < 1e-4)
        hs_buf_str(b, "p < 0.0001");
    else
        hs_buf_printf(b, "p = %.2g", p);
}

static const struct hs_arm_result *
result(const struct words *w, size_t i)
{
    return hs_armsum_result(w->s, i);
}

static bool
has_effect(const struct words *w, const struct hs_arm_result *r)
{
    return r->main.p_holm <= w->s->o.alpha;
}

static bool
has_fallen(const struct words *w, const struct hs_arm_result *r)
{
    return has_effect(w, r) && r->main.diff.value < 0;
}

/* A set that was chosen, not drawn. */
static bool
is_chosen(const struct hs_arm_result *r)
{
    return hs_arm_is_edited(r->arm) && !hs_arm_is_drawn(r->arm->kind);
}

/* ---- the unedited model ---- */

static void
say_accuracy(struct words *w, const struct hs_arm_task *t)
{
    hs_buf_printf(&w->b,
                  "%.1f %% of %" PRIu64 " right (%g %% interval %.1f to %.1f)",
                  100 * t->accuracy.value, t->n, 100 * w->s->o.level,
                  100 * t->accuracy.lo, 100 * t->accuracy.hi);
    if (t->n_undecided > 0)
        hs_buf_printf(&w->b, ", %" PRIu64 " undecided", t->n_undecided);
}

static void
say_unedited(struct words *w)
{
    if (w->none->main.n == 0) {
        hs_buf_str(&w->b,
                   "Nothing is known of the unedited model: it has no "
                   "decided answers.");
        end_line(w);
        return;
    }
    hs_buf_str(&w->b, "Unedited: ");
    say_accuracy(w, &w->none->main);
    if (w->none->also.n > 0) {
        hs_buf_str(&w->b, "; of the unrelated task ");
        say_accuracy(w, &w->none->also);
    }
    hs_buf_str(&w->b, ".");
    end_line(w);
}

static void
say_noop(struct words *w)
{
    if (w->s->n_noop == 0)
        return;
    hs_buf_printf(&w->b,
                  "The tap alone changes nothing: noop equals none bit for bit "
                  "in all %" PRIu64 " records",
                  w->s->n_noop);
    if (w->s->n_noop_arms > 1)
        hs_buf_printf(&w->b, " of %zu layers", w->s->n_noop_arms);
    hs_buf_str(&w->b, ".");
    end_line(w);
}

/* ---- an arm ---- */

/* "all 20 random sets", "the one random set". */
static void
say_all(struct hs_buf *b, const struct hs_arm_place *p, const char *draws)
{
    if (p->n_draws == 1)
        hs_buf_printf(b, "the one %s set", draws);
    else
        hs_buf_printf(b, "all %zu %s sets", p->n_draws, draws);
}

static void
say_place(struct words *w, const struct hs_arm_place *p, double accuracy,
          const char *draws)
{
    struct hs_buf *b = &w->b;
    double mean = 100 * p->mean;

    if (isnan(p->p))
        return;
    if (accuracy > p->highest) {
        hs_buf_str(b, " Above ");
        say_all(b, p, draws);
        hs_buf_printf(b, " (mean %.1f %%, highest %.1f %%).", mean,
                      100 * p->highest);
        return;
    }
    if (p->p > w->s->o.alpha && p->n_as_low > 0) {
        hs_buf_printf(b, " Not distinguishable from %s sets (", draws);
        say_p(b, p->p);
        hs_buf_printf(b, ", %zu draw%s, mean %.1f %%).", p->n_draws,
                      p->n_draws == 1 ? "" : "s", mean);
        return;
    }
    hs_buf_str(b, " Below ");
    if (p->n_as_low == 0)
        say_all(b, p, draws);
    else
        hs_buf_printf(b, "%zu of %zu %s sets", p->n_draws - p->n_as_low,
                      p->n_draws, draws);
    hs_buf_printf(b, " (mean %.1f %%, lowest %.1f %%; ", mean, 100 * p->lowest);
    say_p(b, p->p);
    hs_buf_str(b, p->p > w->s->o.alpha ? ", too few draws to tell)." : ").");
}

static void
say_effect(struct words *w, const struct hs_arm_result *r)
{
    const struct hs_armsum_power *power = hs_armsum_power(w->s);
    double alpha = w->s->o.alpha;

    if (has_effect(w, r))
        return;
    if (r->main.p <= alpha) {
        hs_buf_str(&w->b, " Alone this would be an effect (");
        say_p(&w->b, r->main.p);
        hs_buf_str(&w->b, "), among so many arms it is none.");
        return;
    }
    hs_buf_str(&w->b, " No effect found");
    if (isnan(power->smallest_drop))
        hs_buf_str(&w->b, "; no drop would have been.");
    else
        hs_buf_printf(&w->b,
                      "; a test at %g would have found a drop of %.1f points "
                      "or more (power %.0f %%).",
                      alpha, 100 * power->smallest_drop, 100 * power->power);
}

static double
neutral_ratio(const struct words *w, const struct hs_arm_result *r)
{
    return r->neutral_ppl / w->none->neutral_ppl;
}

static double
own_ratio(const struct words *w, const struct hs_arm_result *r)
{
    return r->own_ppl / w->none->own_ppl;
}

static void
say_share(struct hs_buf *b, const char *name, double now, double before)
{
    if (!isnan(now))
        hs_buf_printf(b, "%s %.2f (unedited %.2f), ", name, now, before);
}

/* Whether the model cannot speak, or cannot reason. */
static void
say_speech(struct words *w, const struct hs_arm_result *r)
{
    static const char *const how[] = {
        "It still speaks: ", "It speaks worse: ", "It hardly speaks: "};
    const struct hs_arm_result *none = w->none;
    double neutral = neutral_ratio(w, r), own = own_ratio(w, r);
    int worst = hs_armspeech_damage(none, r);
    struct hs_buf *b = &w->b;

    /* Without a text, what ended and what was found does not tell enough. */
    if (isnan(neutral) && isnan(own) && worst == 0)
        hs_buf_str(b, " Its texts: ");
    else
        hs_buf_printf(b, " %s", how[worst]);
    if (!isnan(neutral))
        hs_buf_printf(b, "neutral text x%.3g%s, ", neutral,
                      none->neutral_ppl < HS_KNOWN_TEXT ? ""
                                                        : " (unknown to it)");
    if (!isnan(own))
        hs_buf_printf(b, "own text x%.3g, ", own);
    say_share(b, "EOS", r->eos, none->eos);
    say_share(b, "cut", r->length, none->length);
    say_share(b, "parsed", r->parsed, none->parsed);
    say_share(b, "repetition", r->repetition, none->repetition);
    hs_buf_printf(b, "%.0f tokens (%.0f).", r->mean_tokens, none->mean_tokens);
}

static void
say_also(struct words *w, const struct hs_arm_result *r)
{
    struct hs_buf *b = &w->b;

    if (r->also.n_pairs == 0)
        return;
    hs_buf_printf(b, " Unrelated task: %.1f %% (difference %+.1f points, ",
                  100 * r->also.accuracy.value, 100 * r->also.diff.value);
    say_p(b, r->also.p_holm);
    hs_buf_str(b, ").");
}

static void
say_arm(struct words *w, const struct hs_arm_result *r)
{
    const struct hs_arm_task *t = &r->main;
    struct hs_buf *b = &w->b;

    hs_buf_printf(b, "%s: ", r->arm->label);
    if (r->same) {
        hs_buf_printf(b, "the same set as %s.", r->arm->same_as);
        end_line(w);
        return;
    }
    if (t->n_pairs == 0) {
        hs_buf_str(b, "no decided answers beside the unedited model's.");
        end_line(w);
        return;
    }
    hs_buf_printf(b,
                  "%.1f %% right, difference %+.1f points (%g %% interval "
                  "%+.1f to %+.1f), ",
                  100 * t->accuracy.value, 100 * t->diff.value,
                  100 * w->s->o.level, 100 * t->diff.lo, 100 * t->diff.hi);
    say_p(b, t->p_holm);
    hs_buf_str(b, " (Holm).");
    say_effect(w, r);
    say_place(w, &r->rms, t->accuracy.value, "RMS-matched");
    say_place(w, &r->random, t->accuracy.value, "random");
    say_place(w, &r->random_sinks, t->accuracy.value, "sink-free random");
    if (has_fallen(w, r))
        say_speech(w, r);
    say_also(w, r);
    end_line(w);
}

/* ---- across arms ---- */

/* Of all arms that lower accuracy where a value set does not, the worst. */
static const struct hs_arm_result *
worst_other(const struct words *w, const struct hs_arm_result *value)
{
    const struct hs_arm_result *worst = NULL;

    for (size_t i = 0; i < hs_armsum_count(w->s); i++) {
        const struct hs_arm_result *r = result(w, i);
        bool near = hs_arm_is_peer(r->arm, value->arm) ||
                    (r->arm->kind == HS_ARM_FILE &&
                     r->arm->edit.layer == value->arm->edit.layer);

        if (is_chosen(r) && !r->same && near && has_fallen(w, r) &&
            (worst == NULL || r->main.diff.value < worst->main.diff.value))
            worst = r;
    }
    return worst;
}

/* What else there is to say where a value set does not stand out. */
static void
say_other(struct words *w, const struct hs_arm_result *value)
{
    const struct hs_arm_result *r = worst_other(w, value);
    const struct hs_arm_place *rms = &value->rms;

    if (value->main.n_pairs == 0 || value->same)
        return;
    if (!has_effect(w, value) && r != NULL)
        hs_buf_printf(&w->b,
                      "What matters here is not the value set: %s changes "
                      "accuracy by %+.1f points, %s by %+.1f.",
                      r->arm->label, 100 * r->main.diff.value,
                      value->arm->label, 100 * value->main.diff.value);
    if (has_fallen(w, value) && rms->n_as_low > 0 && rms->p > w->s->o.alpha)
        hs_buf_printf(&w->b,
                      "The size of activations explains what %s does as well "
                      "as the ranking: sets of the same RMS are %.1f %% right, "
                      "it is %.1f %%.",
                      value->arm->label, 100 * rms->mean,
                      100 * value->main.accuracy.value);
    end_line(w);
}

static const struct hs_arm_place *
place_of(const struct hs_arm_result *r, enum hs_arm_kind kind)
{
    if (kind == HS_ARM_RMS)
        return &r->rms;
    return kind == HS_ARM_RANDOM ? &r->random : &r->random_sinks;
}

static const char *
draws_name(enum hs_arm_kind kind)
{
    if (kind == HS_ARM_RMS)
        return "RMS-matched";
    return kind == HS_ARM_RANDOM ? "random" : "sink-free random";
}

/* A set as good as a draw is below N others with probability 1 / (N + 1), less
 * where there are ties. */
static void
say_multiplicity(struct words *w, enum hs_arm_kind kind)
{
    size_t n = 0, below = 0;
    double chance = 0;

    for (size_t i = 0; i < hs_armsum_count(w->s); i++) {
        const struct hs_arm_result *r = result(w, i);
        const struct hs_arm_place *p = place_of(r, kind);

        if (r->arm->kind != HS_ARM_VALUE || isnan(p->p))
            continue;
        n++;
        below += p->n_as_low == 0;
        chance += 1 / (double)(p->n_draws + 1);
    }
    if (n < 2)
        return;
    hs_buf_printf(&w->b,
                  "%zu of %zu value sets %s below all their %s sets; by chance "
                  "at most %.2g would.",
                  below, n, below == 1 ? "stands" : "stand", draws_name(kind),
                  chance);
    end_line(w);
}

/* ---- warnings ---- */

static void
warn_of_problems(struct words *w)
{
    const struct hs_armitems *items = &w->s->items[HS_ARMPART_PROBLEMS];

    if (items->n_problems < FEW_PROBLEMS) {
        hs_buf_printf(&w->b, "Warning: there are only %zu problems.",
                      items->n_problems);
        end_line(w);
    }
    if (items->n > items->n_problems) {
        hs_buf_str(&w->b,
                   "Several samples a problem: tests and intervals are over "
                   "problems; the drop that would have been found takes "
                   "samples as independent.");
        end_line(w);
    }
}

/* Lists arms, the first few by name. */
struct list {
    struct words *w;
    size_t n;
};

static void
name_arm(struct list *l, const char *before, const struct hs_arm *a)
{
    if (l->n < 3)
        hs_buf_printf(&l->w->b, "%s%s", l->n == 0 ? before : ", ", a->label);
    l->n++;
}

static void
end_list(struct list *l, const char *after)
{
    if (l->n > 3)
        hs_buf_printf(&l->w->b, " and %zu more", l->n - 3);
    if (l->n > 0)
        hs_buf_str(&l->w->b, after);
    end_line(l->w);
}

static bool
is_short(const struct words *w, size_t i)
{
    for (size_t p = 0; p < HS_N_ARMPARTS; p++)
        if (w->s->tally[i].part[p].sum.n_items !=
            w->s->tally[w->s->none].part[p].sum.n_items)
            return true;
    return false;
}

static void
warn_of_missing(struct words *w)
{
    struct list few = {.w = w}, empty = {.w = w};

    for (size_t i = 0; i < hs_armsum_count(w->s); i++)
        if (!result(w, i)->same && result(w, i)->n_items > 0 && is_short(w, i))
            name_arm(&few, "Warning: items are missing of none or of ",
                     result(w, i)->arm);
    end_list(&few,
             ": the run is not finished, or its parts are not all here; "
             "differences are over what both have, accuracies and "
             "perplexities are not.");
    for (size_t i = 0; i < hs_armsum_count(w->s); i++)
        if (!result(w, i)->same && result(w, i)->n_items == 0)
            name_arm(&empty, "Warning: there are no answers of ",
                     result(w, i)->arm);
    end_list(&empty, ".");
}

static void
warn_of_undecided(struct words *w)
{
    uint64_t n = 0;

    for (size_t i = 0; i < hs_armsum_count(w->s); i++)
        if (!result(w, i)->same)
            n += result(w, i)->main.n_undecided;
    if (n == 0)
        return;
    hs_buf_printf(&w->b,
                  "Warning: %" PRIu64
                  " answers are undecided and count "
                  "nowhere.",
                  n);
    end_line(w);
}

static void
warn_of_draws(struct words *w)
{
    static const enum hs_arm_kind kinds[] = {HS_ARM_RMS, HS_ARM_RANDOM,
                                             HS_ARM_RANDOM_SINKS};
    struct list bare = {.w = w};

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        size_t least = SIZE_MAX;

        for (size_t i = 0; i < hs_armsum_count(w->s); i++) {
            size_t n = place_of(result(w, i), kinds[k])->n_draws;

            least = n > 0 && n < least ? n : least;
        }
        if (least >= FEW_DRAWS)
            continue;
        hs_buf_printf(&w->b,
                      "Warning: only %zu %s set%s: no p beside them is below "
                      "%.2g.",
                      least, draws_name(kinds[k]), least == 1 ? "" : "s",
                      1 / (double)(least + 1));
        end_line(w);
    }
    for (size_t i = 0; i < hs_armsum_count(w->s); i++) {
        const struct hs_arm_result *r = result(w, i);

        if (r->arm->kind == HS_ARM_VALUE &&
            r->random.n_draws + r->random_sinks.n_draws + r->rms.n_draws == 0)
            name_arm(&bare, "Warning: there are no random sets beside ",
                     r->arm);
    }
    end_list(&bare, ": any set of that size may do the same.");
}

static void
warn_of_sinks(struct words *w, const struct hs_arm_result *r)
{
    if (r->arm->kind != HS_ARM_VALUE || r->arm->n_sinks == 0)
        return;
    hs_buf_printf(&w->b,
                  "Warning: %zu of the %zu coordinates of %s %s attention "
                  "sink%s, which most models cannot do without.",
                  r->arm->n_sinks, r->arm->edit.n, r->arm->label,
                  r->arm->n_sinks == 1 ? "is an" : "are",
                  r->arm->n_sinks == 1 ? "" : "s");
    end_line(w);
}

/* Whether matched sets do match, said once for each value set. */
static void
warn_of_match(struct words *w, const struct hs_arm_result *value)
{
    double sum = 0;
    size_t n = 0;

    if (value->arm->kind != HS_ARM_VALUE)
        return;
    for (size_t i = 0; i < hs_armsum_count(w->s); i++) {
        const struct hs_arm *a = result(w, i)->arm;

        if (a->kind == HS_ARM_RMS && hs_arm_is_peer(value->arm, a)) {
            sum += a->rms_ratio;
            n++;
        }
    }
    sum /= (double)n;
    if (n == 0 || isnan(sum) || (sum >= 0.8 && sum <= 1.25))
        return;
    hs_buf_printf(&w->b,
                  "Warning: the RMS-matched sets beside %s have %.2f times its "
                  "RMS: they do not match.",
                  value->arm->label, sum);
    end_line(w);
}

json_t *
hs_armsum_verdict(const struct hs_armsum *s)
{
    struct words w = {.s = s, .lines = json_array()};
    size_t n = hs_armsum_count(s);

    w.none = hs_armsum_result(s, s->none);
    say_unedited(&w);
    for (size_t i = 0; i < n; i++)
        if (is_chosen(result(&w, i)))
            say_arm(&w, result(&w, i));
    for (size_t i = 0; i < n; i++)
        if (result(&w, i)->arm->kind == HS_ARM_VALUE)
            say_other(&w, result(&w, i));
    say_multiplicity(&w, HS_ARM_RMS);
    say_multiplicity(&w, HS_ARM_RANDOM);
    say_multiplicity(&w, HS_ARM_RANDOM_SINKS);
    say_noop(&w);
    warn_of_problems(&w);
    warn_of_missing(&w);
    warn_of_undecided(&w);
    warn_of_draws(&w);
    for (size_t i = 0; i < n; i++) {
        warn_of_sinks(&w, result(&w, i));
        warn_of_match(&w, result(&w, i));
    }
    hs_buf_free(&w.b);
    return w.lines;
}
