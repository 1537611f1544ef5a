/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.h - what a stream holds: its head, trajectories, blocks of states.
 *
 * hs-stream(5) says what each field means; here is who owns it.  Strings are
 * UTF-8 and end with a NUL.  A {0} struct is empty and may be freed.
 */
#ifndef HS_RECORD_H
#define HS_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"

enum hs_dtype {
    HS_F16,
    HS_BF16,
    HS_F32
};

/* "f16", "bf16" or "f32". */
const char *hs_dtype_name(enum hs_dtype d);
/* Bytes of one value: 2 or 4. */
size_t hs_dtype_size(enum hs_dtype d);
/* Returns 0, or -1 when name is none of the three. */
HS_MUST_CHECK int hs_dtype_parse(const char *name, enum hs_dtype *out);

/* Whose states these are. */
struct hs_model_id {
    char *fingerprint; /* owned */
    char *family;      /* owned */
    uint32_t n_layers; /* blocks; layers are 0 .. n_layers */
    uint32_t dim;
    uint32_t n_vocab;
};

struct hs_head {
    char *kind; /* owned; "activations", "probe", ... */
    struct hs_model_id model;
    struct hs_list layers;
    uint32_t dim; /* of a row of states */
    enum hs_dtype dtype;
    char *positions; /* owned; "all", "last", "s0", "step-ends", "every:K" */
    json_t *run;     /* owned; a map, what repeats the run; NULL is {} */
    json_t *history; /* owned; an array of {tool, version, args}; NULL is [] */
};

/* Deep copy: nothing is shared. */
void hs_head_copy(struct hs_head *dst, const struct hs_head *src);
void hs_head_free(struct hs_head *h);

/* Appends {tool, version, args} to the history, args being argv[1] and
 * following up to the NULL.  Invalid UTF-8 becomes U+FFFD. */
void hs_head_add_history(struct hs_head *h, const char *tool,
                         const char *version, char *const *argv);

/* Can the segments of a and b be one stream?  Returns 0, or -1 with the field
 * that differs and both values. */
HS_MUST_CHECK int hs_head_compatible(const struct hs_head *a,
                                     const struct hs_head *b,
                                     struct hs_error *err);

enum hs_finish_reason {
    HS_FINISH_EOS,
    HS_FINISH_LENGTH,
    HS_FINISH_STOP,
    HS_FINISH_REPLAY
};

const char *hs_finish_name(enum hs_finish_reason f);

/* One prompt with one completion. */
struct hs_trajectory {
    char *id; /* owned, at most HS_ID_MAX bytes; unique in the stream */
    char *problem;
    uint64_t sample;
    char *prompt;         /* NULL: nil */
    char prompt_hash[33]; /* see hs_hash_tokens(); "" when left to the writer */
    uint32_t *tokens;     /* prompt, then completion */
    size_t n_tokens, n_prompt;
    char *completion;      /* the one string that may hold NULs */
    size_t completion_len; /* bytes */
    float *logprob;        /* one for each token of the completion */
    float *entropy;        /* likewise */
    enum hs_finish_reason finish;
    char *gold, *parsed; /* NULL: nil */
    int reward;          /* 0, 1; -1: nil */
    char *grader, *reason;
    uint32_t *positions; /* ascending, < n_tokens: where states were taken */
    size_t n_positions;
    uint64_t edits; /* how many edits of states were applied */
    json_t *meta;   /* owned; a map; NULL is {} */

    /* capacities of the arrays, kept by hs_trajectory_room() */
    size_t cap_tokens, cap_logprob, cap_entropy, cap_positions;
};

enum {
    HS_ID_MAX = 2048
};

/* Makes room in the four arrays and sets n_tokens, n_prompt and n_positions;
 * contents of grown arrays are kept.  n_prompt <= n_tokens. */
void hs_trajectory_room(struct hs_trajectory *t, size_t n_tokens,
                        size_t n_prompt, size_t n_positions);
void hs_trajectory_free(struct hs_trajectory *t);

/* XXH3-128 of n ids as u32 LE, in 32 hexadecimal digits. */
void hs_hash_tokens(const uint32_t *ids, size_t n, char out[33]);

/* Rows [first, first + n_rows) of one trajectory at one layer, as stored.
 * All borrowed from the reader, until its next call. */
struct hs_states {
    const char *id;
    uint32_t layer;
    size_t first; /* index into the trajectory's positions */
    size_t n_rows, dim;
    enum hs_dtype dtype;
    const uint8_t *data; /* 16 bits: all high bytes, then all low bytes */
};

/* Writes n_rows * dim values. */
void hs_states_decode(const struct hs_states *s, float *out);

#endif
