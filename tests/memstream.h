/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memstream.h - made-up streams in memory, for the tests of common/stream.
 */
#ifndef HS_MEMSTREAM_H
#define HS_MEMSTREAM_H

#include "stream/stream.h"

/* A descriptor that reads n bytes from the beginning. */
int memory_file(const void *data, size_t n);
/* The bytes of fd, which is closed. */
struct hs_buf contents(int fd);

/* Layers 1 .. n_layers, width dim. */
struct hs_head test_head(enum hs_dtype d, size_t dim, uint32_t n_layers);
/* Trajectory k with rows positions, and its states at all layers. */
void make_trajectory(struct hs_trajectory *t, uint32_t k, size_t rows);
float value_at(uint32_t k, uint32_t layer, size_t i);
float *make_rows(uint32_t k, uint32_t layer, size_t n);
void encode_item(struct hs_encoded *e, const struct hs_head *h, uint32_t k,
                 size_t rows);
/* A stream of trajectories first .. last - 1. */
struct hs_buf make_stream(const struct hs_head *h, uint32_t first,
                          uint32_t last, size_t rows);

/* What reading all of n bytes gave. */
struct outcome {
    int rc;
    struct hs_counts counts;
    uint64_t segments;
    char error[512];
};

struct outcome read_all(const void *data, size_t n);

struct hs_buf joined(const struct hs_buf *a, const struct hs_buf *b);

#endif
