/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trajset.c - reading a stream into a set of trajectories, see trajset.h.
 */
#include <config.h>

#include "probe/trajset.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"
#include "model/kernel.h"
#include "probe/trajstats.h"
#include "stream/input.h"
#include "stream/plane.h"

/* One stream being read. */
struct intake {
    struct hs_trajset *s;
    struct hs_trajstats *stats; /* NULL: not wanted, of a second stream */
    const char *name;
    bool val;       /* its problems are held out */
    bool taken;     /* the trajectory being read is */
    size_t skip;    /* its positions before s_0 */
    size_t layer;   /* index of the layer whose blocks come */
    uint16_t *rows; /* a block as 16-bit numbers */
    size_t cap_rows;
    float *wide; /* (rows, dim): a block as floats, for statistics */
    size_t cap_wide;
};

/* The number of a problem, new or not. */
static int
find_problem(struct intake *in, const char *id, uint32_t *out,
             struct hs_error *err)
{
    struct hs_trajset *s = in->s;
    const json_t *known = json_object_get(s->index, id);

    if (known != NULL) {
        *out = (uint32_t)json_integer_value(known);
        return 0;
    }
    *out = (uint32_t)s->n_problems;
    if (s->n_problems == s->cap_problems) {
        size_t cap = s->cap_problems ? 2 * s->cap_problems : 64;

        s->problems = hs_realloc(s->problems, hs_mul(cap, sizeof *s->problems));
        s->problem_val =
            hs_realloc(s->problem_val, hs_mul(cap, sizeof *s->problem_val));
        s->cap_problems = cap;
    }
    s->problems[s->n_problems] = hs_strdup(id);
    s->problem_val[s->n_problems++] = in->val;
    if (json_object_set_new(s->index, id, json_integer(*out)) < 0)
        return hs_fail(err, "%s: problem '%s': no text", in->name, id);
    return 0;
}

/* No problem is on both sides. */
static int
check_side(const struct intake *in, const char *id, struct hs_error *err)
{
    const json_t *known = json_object_get(in->s->index, id);

    if (known == NULL ||
        in->s->problem_val[json_integer_value(known)] == in->val)
        return 0;
    return hs_fail(err, "%s: problem '%s' is among those for training too",
                   in->name, id);
}

static void
grow_states(struct hs_trajset *s, size_t need)
{
    size_t cap = s->cap_states ? s->cap_states : 1024;

    if (need <= s->cap_states)
        return;
    while (cap < need)
        cap = hs_mul(cap, 2);
    s->t = hs_realloc(s->t, hs_mul(cap, sizeof *s->t));
    s->token = hs_realloc(s->token, hs_mul(cap, sizeof *s->token));
    s->logprob = hs_realloc(s->logprob, hs_mul(cap, sizeof(float)));
    s->entropy = hs_realloc(s->entropy, hs_mul(cap, sizeof(float)));
    s->logprob_sum = hs_realloc(s->logprob_sum, hs_mul(cap, sizeof(float)));
    s->entropy_sum = hs_realloc(s->entropy_sum, hs_mul(cap, sizeof(float)));
    s->cap_states = cap;
}

/* Times and token scores of the states of a trajectory. */
static void
take_scores(struct intake *in, const struct hs_trajectory *t, struct hs_traj *j)
{
    struct hs_trajset *s = in->s;
    double logprob = 0, entropy = 0;
    size_t next = 0; /* tokens of the completion in the sums */

    grow_states(s, s->n_states + j->n_states);
    for (size_t i = 0; i < j->n_states; i++) {
        size_t k = s->n_states++;
        uint32_t time =
            t->positions[in->skip + i] - (uint32_t)(t->n_prompt - 1);

        s->t[k] = time;
        s->token[k] = t->tokens[t->positions[in->skip + i]];
        for (; next < time && next < j->n_new; next++) {
            logprob += t->logprob[next];
            entropy += t->entropy[next];
        }
        s->logprob[k] = time < j->n_new ? t->logprob[time] : NAN;
        s->entropy[k] = time < j->n_new ? t->entropy[time] : NAN;
        s->logprob_sum[k] = (float)logprob;
        s->entropy_sum[k] =
            (float)(entropy + (time < j->n_new ? t->entropy[time] : 0));
    }
}

/* T: what the last stored state says where the last state is stored, else the
 * tokens that have one. */
static uint32_t
length_of(const struct hs_trajset *s, const struct hs_trajectory *t,
          const struct hs_traj *j)
{
    const char *positions = s->head.positions;
    uint32_t n = j->n_new;

    if (j->n_states > 0 && strcmp(positions, "s0") != 0 &&
        strncmp(positions, "every:", 6) != 0)
        return s->t[j->first + j->n_states - 1];
    if (n > 0 && strcmp(t->finish, "eos") == 0)
        n--;
    return n;
}

static int
read_rollouts(const struct intake *in, const struct hs_trajectory *t,
              struct hs_traj *j, struct hs_error *err)
{
    if (t->rollouts == NULL)
        return 0;
    j->rollouts = hs_calloc(1, sizeof *j->rollouts);
    if (hs_rollouts_read(j->rollouts, t->rollouts, j->length, t->reward, err) ==
        0)
        return 0;
    hs_rollouts_free(j->rollouts);
    free(j->rollouts);
    return hs_fail_prefix(err, "%s: trajectory '%s'", in->name, t->id);
}

static int
take_trajectory(struct intake *in, const struct hs_trajectory *t,
                struct hs_error *err)
{
    struct hs_trajset *s = in->s;
    struct hs_traj j = {.n_prompt = (uint32_t)t->n_prompt,
                        .n_new = (uint32_t)(t->n_tokens - t->n_prompt),
                        .first = s->n_states};

    in->taken = false;
    if (check_side(in, t->problem, err) < 0)
        return -1;
    if (!hs_idset_add(&s->ids, t->id, strlen(t->id)))
        return hs_fail(err, "%s: trajectory '%s' comes twice", in->name, t->id);
    if (t->reward < 0) {
        s->n_undecided++;
        return 0;
    }
    if (t->n_prompt == 0)
        return hs_fail(err, "%s: trajectory '%s' has no prompt: no s_0",
                       in->name, t->id);
    for (in->skip = 0;
         in->skip < t->n_states && t->positions[in->skip] + 1 < t->n_prompt;)
        in->skip++;
    j.n_states = t->n_states - in->skip;
    if (j.n_states == 0)
        return hs_fail(err, "%s: trajectory '%s' has no states from s_0 on",
                       in->name, t->id);
    if (find_problem(in, t->problem, &j.problem, err) < 0)
        return -1;
    take_scores(in, t, &j);
    j.length = length_of(s, t, &j);
    if (read_rollouts(in, t, &j, err) < 0)
        return -1;
    j.reward = (uint8_t)t->reward;
    j.val = in->val;
    j.id = hs_strdup(t->id);
    s->traj = hs_grow(s->traj, &s->cap_traj, s->n + 1, sizeof *s->traj);
    s->first_block =
        hs_grow(s->first_block, &s->cap_first, (s->n + 1) * s->n_layers + 1,
                sizeof *s->first_block);
    s->traj[s->n++] = j;
    in->taken = true;
    in->layer = 0;
    s->first_block[(s->n - 1) * s->n_layers] = s->n_blocks;
    return 0;
}

/* Undoes the planes: rows from skip on, as they are in memory. */
static const void *
plain_rows(struct intake *in, const struct hs_states *b, size_t skip)
{
    size_t n = b->n_rows * b->dim, from = skip * b->dim;

    if (b->dtype == HS_F32)
        return b->data + from * 4;
    if (n > in->cap_rows) {
        free(in->rows);
        in->rows = hs_calloc(n, sizeof *in->rows);
        in->cap_rows = n;
    }
    for (size_t i = from; i < n; i++)
        in->rows[i - from] = (uint16_t)(b->data[i] << 8 | b->data[n + i]);
    return in->rows;
}

/* The states of a layer come in order; which of the chosen ones this is. */
static void
find_layer(struct intake *in, uint32_t layer)
{
    struct hs_trajset *s = in->s;

    while (s->layers[in->layer] != layer)
        s->first_block[(s->n - 1) * s->n_layers + ++in->layer] = s->n_blocks;
}

static int
take_states(struct intake *in, const struct hs_trajectory *t,
            const struct hs_states *b, struct hs_error *err)
{
    struct hs_trajset *s = in->s;
    struct hs_stored k = {.dtype = b->dtype};
    size_t skip = b->first < in->skip ? in->skip - b->first : 0, n;

    if (!in->taken)
        return 0;
    find_layer(in, b->layer);
    if (in->stats != NULL) {
        if (b->n_rows * b->dim > in->cap_wide) {
            free(in->wide);
            in->cap_wide = b->n_rows * b->dim;
            in->wide = hs_calloc(in->cap_wide, sizeof *in->wide);
        }
        hs_states_decode(b, in->wide);
        hs_trajstats_add(in->stats, in->layer, in->wide,
                         t->positions + b->first, b->n_rows);
    }
    if (skip >= b->n_rows)
        return 0;
    k.row = b->first + skip - in->skip;
    k.n_rows = b->n_rows - skip;
    n = k.n_rows * b->dim * hs_dtype_size(b->dtype);
    if (hs_store_add(s->store, plain_rows(in, b, skip), n, &k.where, err) < 0)
        return -1;
    s->blocks =
        hs_grow(s->blocks, &s->cap_blocks, s->n_blocks + 1, sizeof *s->blocks);
    s->blocks[s->n_blocks++] = k;
    return 0;
}

/* All states of the last trajectory were read. */
static void
end_trajectory(struct intake *in)
{
    struct hs_trajset *s = in->s;

    if (!in->taken)
        return;
    for (size_t l = in->layer + 1; l <= s->n_layers; l++)
        s->first_block[(s->n - 1) * s->n_layers + l] = s->n_blocks;
    in->taken = false;
}

static int
take_records(struct intake *in, struct hs_reader *r, struct hs_error *err)
{
    struct hs_record rec = {0};
    int rc = 0;

    while (rc == 0 && (rc = hs_read(r, &rec)) > 0) {
        rc = 0;
        if (rec.type == HS_REC_TRAJECTORY) {
            end_trajectory(in);
            rc = take_trajectory(in, &rec.traj, err);
        } else if (rec.type == HS_REC_STATES) {
            rc = take_states(in, &rec.traj, &rec.states, err);
        }
    }
    end_trajectory(in);
    if (hs_reader_error(r)[0] != '\0')
        rc = hs_fail(err, "%s", hs_reader_error(r));
    hs_record_free(&rec);
    free(in->rows);
    free(in->wide);
    return rc;
}

/* Prepares an empty set for what a head announces. */
static int
begin(struct hs_trajset *s, const struct hs_head *head, const char *name,
      const struct hs_list *asked, uint64_t max_memory, struct hs_error *err)
{
    struct hs_list layers;

    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(err, "%s: a stream of %s, not of activations", name,
                       head->kind);
    if (head->layers.n == 0 || head->dim == 0)
        return hs_fail(err,
                       "%s: the stream has no states (%zu layers, width "
                       "%" PRIu64 ")",
                       name, head->layers.n, head->dim);
    if (hs_layers_choose(head, asked, &layers, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    hs_head_copy(&s->head, head);
    s->dim = (size_t)head->dim;
    s->n_layers = layers.n;
    s->layers = layers.v;
    s->index = json_object();
    s->store = hs_store_new(max_memory);
    s->first_block = hs_grow(NULL, &s->cap_first, 1, sizeof *s->first_block);
    s->first_block[0] = 0;
    return 0;
}

int
hs_trajset_read(struct hs_trajset *s, struct hs_reader *r, const char *name,
                const struct hs_list *layers, uint64_t max_memory,
                struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct intake in = {.s = s, .name = name};
    struct hs_list chosen;
    int rc;

    *s = (struct hs_trajset){0};
    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (begin(s, head, name, layers, max_memory, err) < 0)
        return -1;
    chosen = (struct hs_list){.v = s->layers, .n = s->n_layers};
    hs_reader_select(r, &chosen);
    in.stats = hs_trajstats_new(s->n_layers, s->dim);
    rc = take_records(&in, r, err);
    if (rc == 0 && s->n == 0)
        rc = s->n_undecided == 0
                 ? hs_fail(err, "%s: no trajectories", name)
                 : hs_fail(err,
                           "%s: no rewards: all %" PRIu64
                           " trajectories are undecided; hs-grade decides",
                           name, s->n_undecided);
    s->stats = hs_trajstats_end(in.stats);
    return rc;
}

int
hs_trajset_read_val(struct hs_trajset *s, struct hs_reader *r, const char *name,
                    struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);
    struct intake in = {.s = s, .name = name, .val = true};
    struct hs_list chosen = {.v = s->layers, .n = s->n_layers};
    size_t before = s->n;

    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (hs_head_compatible(&s->head, head, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    hs_reader_select(r, &chosen);
    if (take_records(&in, r, err) < 0)
        return -1;
    if (s->n == before)
        return hs_fail(err, "%s: no trajectories with a reward", name);
    return hs_store_seal(s->store, err);
}

static int
by_hash(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

size_t
hs_trajset_order(const struct hs_trajset *s, bool val, uint64_t seed,
                 uint32_t *out)
{
    uint64_t(*order)[2] = hs_calloc(s->n_problems, sizeof *order);
    size_t n = 0;

    for (size_t i = 0; i < s->n_problems; i++) {
        if (s->problem_val[i] != val)
            continue;
        order[n][0] =
            XXH3_64bits_withSeed(s->problems[i], strlen(s->problems[i]), seed);
        order[n++][1] = i;
    }
    qsort(order, n, sizeof *order, by_hash);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)order[i][1];
    free(order);
    return n;
}

int
hs_trajset_split(struct hs_trajset *s, double share, uint64_t seed,
                 struct hs_error *err)
{
    size_t n = s->n_problems, n_val = (size_t)llround(share * (double)n);
    uint32_t *order;

    if (share > 0 && n_val == 0)
        n_val = 1;
    if (n_val >= n)
        return hs_fail(err,
                       "%zu of %zu problems would be held out, none is left "
                       "for training",
                       n_val, n);
    order = hs_calloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        s->problem_val[i] = false;
    (void)hs_trajset_order(s, false, seed, order);
    for (size_t i = 0; i < n_val; i++)
        s->problem_val[order[i]] = true;
    for (size_t j = 0; j < s->n; j++)
        s->traj[j].val = s->problem_val[s->traj[j].problem];
    free(order);
    return hs_store_seal(s->store, err);
}

const void *
hs_trajset_stored(const struct hs_trajset *s, size_t l, size_t j, size_t i,
                  enum hs_dtype *dtype)
{
    size_t b = s->first_block[j * s->n_layers + l];

    while (i >= s->blocks[b].row + s->blocks[b].n_rows)
        b++;
    *dtype = s->blocks[b].dtype;
    return (const uint8_t *)hs_store_at(s->store, s->blocks[b].where) +
           (i - s->blocks[b].row) * s->dim * hs_dtype_size(*dtype);
}

void
hs_trajset_part(const struct hs_trajset *s, size_t l, size_t j, size_t i,
                size_t from, size_t n, float *out)
{
    enum hs_dtype type;
    const uint8_t *p = hs_trajset_stored(s, l, j, i, &type);

    p += from * hs_dtype_size(type);
    if (type == HS_F16)
        hs_kern()->widen_f16(out, p, n);
    else if (type == HS_BF16)
        hs_kern()->widen_bf16(out, p, n);
    else
        memcpy(out, p, n * sizeof *out);
}

void
hs_trajset_row(const struct hs_trajset *s, size_t l, size_t j, size_t i,
               float *out)
{
    hs_trajset_part(s, l, j, i, 0, s->dim, out);
}

/* Whether nothing between s_0 and s_T is stored. */
static bool
has_ends_only(const struct hs_trajset *s)
{
    const char *p = s->head.positions;

    return p != NULL && (strcmp(p, "s0") == 0 || strcmp(p, "last") == 0);
}

size_t
hs_traj_at(const struct hs_trajset *s, size_t j, double share)
{
    const struct hs_traj *q = &s->traj[j];
    const uint32_t *t = s->t + q->first;
    double want = share * (double)q->length;
    size_t best = 0;

    if (share > 0 && share < 1 && has_ends_only(s))
        return SIZE_MAX;
    for (size_t i = 1; i < q->n_states; i++)
        if (fabs(t[i] - want) < fabs(t[best] - want))
            best = i;
    if ((share <= 0 && t[best] != 0) || (share >= 1 && t[best] != q->length))
        return SIZE_MAX;
    return best;
}

void
hs_trajset_free(struct hs_trajset *s)
{
    for (size_t j = 0; j < s->n; j++) {
        if (s->traj[j].rollouts != NULL)
            hs_rollouts_free(s->traj[j].rollouts);
        free(s->traj[j].rollouts);
        free(s->traj[j].id);
    }
    for (size_t i = 0; i < s->n_problems; i++)
        free(s->problems[i]);
    hs_trajstats_free(s->stats, s->n_layers);
    free(s->traj);
    free(s->problems);
    free(s->problem_val);
    free(s->layers);
    free(s->t);
    free(s->token);
    free(s->logprob);
    free(s->entropy);
    free(s->logprob_sum);
    free(s->entropy_sum);
    free(s->blocks);
    free(s->first_block);
    hs_store_free(s->store);
    json_decref(s->index);
    hs_idset_free(&s->ids);
    hs_head_free(&s->head);
    *s = (struct hs_trajset){0};
}
