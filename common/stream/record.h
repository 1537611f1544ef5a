/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.h - what is in an activation stream: heads, trajectories, states.
 *
 * hs-stream(5) describes the bytes; this file their form in memory.
 */
#ifndef HS_RECORD_H
#define HS_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/num.h"

/* How states are stored. */
enum hs_dtype {
    HS_F16,
    HS_BF16,
    HS_F32
};

/* "f16", "bf16", "f32". */
const char *hs_dtype_name(enum hs_dtype d);
/* Returns 0, or -1 for another name. */
HS_MUST_CHECK int hs_dtype_parse(const char *s, enum hs_dtype *out);
size_t hs_dtype_size(enum hs_dtype d);

/* The head of a segment.  {0} is an empty head; all pointers are owned. */
struct hs_head {
    char *kind;        /* "activations", ... */
    char *fingerprint; /* of the model, hex; may be "" */
    char *family;      /* "qwen2", ...; may be "" */
    uint64_t n_layers, n_vocab;
    uint64_t dim;          /* width of the residual stream */
    struct hs_list layers; /* whose states are in the stream */
    enum hs_dtype dtype;
    char *positions; /* "all", "last", "s0", "step-ends", "tokens", "every:K" */
    json_t *run;     /* object: sampler, template, seed, edit, ... */
    json_t *history; /* array of {tool, version, args} */
};

/* An empty head of a kind, with an empty run and history. */
void hs_head_init(struct hs_head *h, const char *kind);
void hs_head_copy(struct hs_head *to, const struct hs_head *from);
void hs_head_free(struct hs_head *h);

/* Sets a string member, for example hs_head_set(&h->family, "qwen2"). */
void hs_head_set(char **member, const char *value);

/* Appends a program and its arguments, argv[1] on, to the history. */
void hs_head_add_history(struct hs_head *h, int argc, char *const *argv);
/* Empties the history, for files that must not depend on arguments. */
void hs_head_drop_history(struct hs_head *h);

/* Whether records of the two may stand in one file: same kind, model, layers,
 * width, dtype and positions.  Returns 0, or -1 naming the difference. */
HS_MUST_CHECK int hs_head_compatible(const struct hs_head *a,
                                     const struct hs_head *b,
                                     struct hs_error *err);

/* One answer to one problem.  {0} is an empty trajectory; all pointers are
 * owned and reused from one read to the next. */
struct hs_trajectory {
    char *id;      /* unique: the problem's id, "#k" added for sample k > 0 */
    char *problem; /* the problem's id */
    uint64_t sample;
    char *prompt;      /* as rendered; NULL if only its tokens are known */
    char *prompt_hash; /* XXH3-128 of the prompt's tokens, hex */
    uint32_t *tokens;  /* (n_tokens): prompt, completion */
    size_t n_tokens, n_prompt;
    char *completion;    /* text of the completion, without a final EOS */
    float *logprob;      /* (n_tokens - n_prompt), natural logarithm, at
                          * temperature 1 */
    float *entropy;      /* (n_tokens - n_prompt), nats, of the same */
    char *finish;        /* "eos", "length", "stop", "replay" */
    char *gold, *parsed; /* NULL if there is none */
    int reward;          /* 0, 1, or -1 for undecided */
    char *grader, *reason;
    uint32_t *positions; /* (n_states): positions of the stored states */
    size_t n_states;
    uint64_t edits;   /* coordinates that an edit wrote */
    json_t *meta;     /* object: other members of the problem */
    json_t *rollouts; /* object: what continuations of its steps came to, see
                       * task/rollouts.h; NULL if there were none */
    char *arm, *part; /* of a stream of kind "arms": which arm, and which part
                       * of it; both NULL otherwise */

    size_t cap_tokens, cap_completion, cap_positions; /* private */
};

void hs_trajectory_free(struct hs_trajectory *t);

/* Sets a string member; NULL is allowed. */
void hs_trajectory_set(char **member, const char *value);

/* Fills prompt_hash from the tokens. */
void hs_trajectory_hash_prompt(struct hs_trajectory *t);

/* Some rows of states of one trajectory and layer, as stored. */
struct hs_states {
    const char *id; /* of the trajectory; len bytes, no NUL */
    size_t id_len;
    uint32_t layer;
    size_t first; /* index into the trajectory's positions of row 0 */
    size_t n_rows, dim;
    enum hs_dtype dtype;
    const uint8_t *data; /* (n_rows, dim), 16-bit types as two planes */
};

/* Widens all rows to out (n_rows, dim). */
void hs_states_decode(const struct hs_states *s, float *out);

/* What a segment, or a stream, holds. */
struct hs_counts {
    uint64_t records, trajectories, states, f32_blocks;
    unsigned __int128 digest; /* sum of the records' XXH3-128 */
};

/* 32 hex digits and a NUL. */
void hs_digest_text(unsigned __int128 digest, char out[33]);

#endif
