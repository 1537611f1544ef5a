/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * actstream.h - made-up streams of activations whose every state is known, for
 * the tests of common/ablate.
 */
#ifndef HS_ACTSTREAM_H
#define HS_ACTSTREAM_H

#include "stream/stream.h"

/* A trajectory; its tokens are n_prompt + n_new, its states those of positions
 * first, first + 1, ... (or every so many, if that is not 0). */
struct acttraj {
    const char *problem;
    uint32_t sample;
    size_t n_prompt, n_new, first, every;
};

/* Coordinate j of the state at a position of trajectory k. */
typedef float act_value(size_t k, uint32_t layer, size_t pos, size_t j);

/* Multiples of 1/64 within -8 and 8, which every type holds. */
float act_plain(size_t k, uint32_t layer, size_t pos, size_t j);

/* A stream with that head. */
struct hs_buf act_stream(const struct hs_head *h, const struct acttraj *t,
                         size_t n, act_value *value);

#endif
