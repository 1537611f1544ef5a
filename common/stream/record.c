/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.c - see record.h.
 */
#include <config.h>

#include "stream/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/msg.h"
#include "stream/plane.h"

static const char *const dtype_names[] = {"f16", "bf16", "f32"};

const char *
hs_dtype_name(enum hs_dtype d)
{
    return dtype_names[d];
}

int
hs_dtype_parse(const char *s, enum hs_dtype *out)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(s, dtype_names[i]) == 0) {
            *out = (enum hs_dtype)i;
            return 0;
        }
    }
    return -1;
}

size_t
hs_dtype_size(enum hs_dtype d)
{
    return d == HS_F32 ? 4 : 2;
}

void
hs_head_init(struct hs_head *h, const char *kind)
{
    *h = (struct hs_head){0};
    h->kind = hs_strdup(kind);
    h->fingerprint = hs_strdup("");
    h->family = hs_strdup("");
    h->positions = hs_strdup("all");
    h->run = json_object();
    h->history = json_array();
}

void
hs_head_set(char **member, const char *value)
{
    char *copy = hs_strdup(value);

    free(*member);
    *member = copy;
}

void
hs_head_copy(struct hs_head *to, const struct hs_head *from)
{
    *to = *from;
    to->kind = hs_strdup(from->kind);
    to->fingerprint = hs_strdup(from->fingerprint);
    to->family = hs_strdup(from->family);
    to->positions = hs_strdup(from->positions);
    to->layers.v = hs_calloc(from->layers.n, sizeof *to->layers.v);
    if (from->layers.n > 0)
        memcpy(to->layers.v, from->layers.v,
               from->layers.n * sizeof *to->layers.v);
    to->run = json_deep_copy(from->run);
    to->history = json_deep_copy(from->history);
}

void
hs_head_free(struct hs_head *h)
{
    free(h->kind);
    free(h->fingerprint);
    free(h->family);
    free(h->positions);
    hs_list_free(&h->layers);
    json_decref(h->run);
    json_decref(h->history);
    *h = (struct hs_head){0};
}

/* An argument as JSON; bytes that are not UTF-8 are shown in hex. */
static json_t *
argument(const char *s)
{
    json_t *j = json_string(s);
    struct hs_buf b = {0};

    if (j != NULL)
        return j;
    for (; *s != '\0'; s++)
        hs_buf_printf(&b, (unsigned char)*s < 0x80 ? "%c" : "\\x%02x",
                      (unsigned char)*s);
    j = json_string(hs_buf_cstr(&b));
    hs_buf_free(&b);
    return j;
}

void
hs_head_add_history(struct hs_head *h, int argc, char *const *argv)
{
    json_t *args = json_array(), *entry = json_object();

    for (int i = 1; i < argc; i++)
        json_array_append_new(args, argument(argv[i]));
    json_object_set_new(entry, "tool", json_string(hs_progname()));
    json_object_set_new(entry, "version", json_string(PACKAGE_VERSION));
    json_object_set_new(entry, "args", args);
    json_array_append_new(h->history, entry);
}

void
hs_head_drop_history(struct hs_head *h)
{
    json_array_clear(h->history);
}

static int
same_text(const char *what, const char *a, const char *b, struct hs_error *err)
{
    if (strcmp(a, b) == 0)
        return 0;
    return hs_fail(err, "%s is '%s', was '%s'", what, b, a);
}

static int
same_number(const char *what, uint64_t a, uint64_t b, struct hs_error *err)
{
    if (a == b)
        return 0;
    return hs_fail(err, "%s is %" PRIu64 ", was %" PRIu64, what, b, a);
}

static int
same_layers(const struct hs_list *a, const struct hs_list *b,
            struct hs_error *err)
{
    if (same_number("the number of layers", a->n, b->n, err) < 0)
        return -1;
    for (size_t i = 0; i < a->n; i++)
        if (same_number("a layer", a->v[i], b->v[i], err) < 0)
            return -1;
    return 0;
}

int
hs_head_compatible(const struct hs_head *a, const struct hs_head *b,
                   struct hs_error *err)
{
    if (same_text("kind", a->kind, b->kind, err) < 0 ||
        same_text("the model's fingerprint", a->fingerprint, b->fingerprint,
                  err) < 0 ||
        same_text("the model's family", a->family, b->family, err) < 0 ||
        same_number("the model's n_layers", a->n_layers, b->n_layers, err) <
            0 ||
        same_number("the model's n_vocab", a->n_vocab, b->n_vocab, err) < 0 ||
        same_number("dim", a->dim, b->dim, err) < 0 ||
        same_layers(&a->layers, &b->layers, err) < 0 ||
        same_text("dtype", hs_dtype_name(a->dtype), hs_dtype_name(b->dtype),
                  err) < 0 ||
        same_text("positions", a->positions, b->positions, err) < 0)
        return -1;
    return 0;
}

void
hs_trajectory_free(struct hs_trajectory *t)
{
    char *owned[] = {t->id,         t->problem, t->prompt, t->prompt_hash,
                     t->completion, t->finish,  t->gold,   t->parsed,
                     t->grader,     t->reason,  t->arm,    t->part};

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    free(t->tokens);
    free(t->logprob);
    free(t->entropy);
    free(t->positions);
    json_decref(t->meta);
    json_decref(t->rollouts);
    *t = (struct hs_trajectory){0};
}

void
hs_trajectory_set(char **member, const char *value)
{
    char *copy = value ? hs_strdup(value) : NULL;

    free(*member);
    *member = copy;
}

void
hs_digest_text(unsigned __int128 digest, char out[33])
{
    (void)snprintf(out, 33, "%016" PRIx64 "%016" PRIx64,
                   (uint64_t)(digest >> 64), (uint64_t)digest);
}

void
hs_trajectory_hash_prompt(struct hs_trajectory *t)
{
    XXH128_hash_t h = XXH3_128bits(t->tokens, t->n_prompt * sizeof *t->tokens);
    char text[33];

    hs_digest_text((unsigned __int128)h.high64 << 64 | h.low64, text);
    hs_trajectory_set(&t->prompt_hash, text);
}

void
hs_states_decode(const struct hs_states *s, float *out)
{
    hs_plane_join(s->dtype, s->data, s->n_rows * s->dim, out);
}
