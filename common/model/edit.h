/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * edit.h - overwriting coordinates of the residual stream.
 *
 * An edit changes listed coordinates of one layer, before the states of that
 * layer are read and before the block behind it runs.
 */
#ifndef HS_EDIT_H
#define HS_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum hs_edit_mode {
    HS_EDIT_ZERO,    /* x = 0 */
    HS_EDIT_MEAN,    /* x = value, for example the coordinate's mean */
    HS_EDIT_SCALE,   /* x = value * x */
    HS_EDIT_ADD,     /* x = x + value */
    HS_EDIT_RESAMPLE /* x = what draw() says */
};

enum hs_edit_where {
    HS_EDIT_ALL,       /* every position */
    HS_EDIT_GENERATED, /* tokens of the completion only: not s_0 */
    HS_EDIT_NOT_FIRST  /* every position but 0 */
};

/* A row: a position of a sequence that has n_prompt prompt tokens, and whose it
 * is (struct hs_item). */
struct hs_edit_at {
    size_t pos, n_prompt;
    uint64_t problem;
    uint32_t sample;
};

struct hs_edit {
    enum hs_edit_mode mode;
    enum hs_edit_where where;
    uint32_t layer;
    uint32_t *coords; /* (n) distinct, owned */
    float *values;    /* (n) owned; unused by HS_EDIT_ZERO and _RESAMPLE */
    size_t n;
    /* Of HS_EDIT_RESAMPLE: writes all coordinates of e in x.  Called by several
     * threads at a time. */
    void (*draw)(const void *ud, const struct hs_edit *e, float *x,
                 const struct hs_edit_at *at);
    const void *draw_ud;
    const struct hs_edit *more; /* another one, of another layer, that comes
                                 * with it; borrowed; NULL: none.  Of those
                                 * that come with it too where is the same */
};

/* "zero", "mean", "scale", "add", "resample". */
const char *hs_edit_mode_name(enum hs_edit_mode m);
/* "all", "generated", "not-first". */
const char *hs_edit_where_name(enum hs_edit_where w);

/* Whether the edit reaches a position of a sequence with n_prompt prompt
 * tokens. */
bool hs_edit_reaches(enum hs_edit_where where, size_t pos, size_t n_prompt);

/* Changes one row x of the layer's residual stream.  Returns how many
 * coordinates were written: n or 0. */
size_t hs_edit_row(const struct hs_edit *e, float *x,
                   const struct hs_edit_at *at);

/* Reads "zero", "mean=A", "mean@FILE", "scale=A", "scale@FILE", "add=B" or
 * "add@FILE".  FILE has lines "coordinate value" and takes the place of coords,
 * which is then NULL; "=" gives one value to every entry of coords, which are a
 * list such as "3,7-9", or "@FILE" with a coordinate a line.  dim bounds what
 * may be named.  Returns 0, or -1 with the reason; e is then empty. */
HS_MUST_CHECK int hs_edit_parse(struct hs_edit *e, const char *spec,
                                const char *coords, size_t dim,
                                struct hs_error *err);

/* The part of this that needs no file and no model, for complaints about wrong
 * usage.  Returns 0, or -1 with the reason. */
HS_MUST_CHECK int hs_edit_check(const char *spec, const char *coords,
                                struct hs_error *err);

/* Reads "all", "generated" or "not-first".  Returns 0 or -1. */
HS_MUST_CHECK int hs_edit_parse_where(enum hs_edit_where *out, const char *s);

void hs_edit_free(struct hs_edit *e);

#endif
