/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_safetens.c - a hostile .safetensors file.
 *
 * Every byte of every tensor of a file that opens must be readable, and the
 * tensors must fill the file.
 */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
count(void *ud, const void *p, size_t n)
{
    const uint8_t *b = p;
    size_t *sum = ud;

    for (size_t i = 0; i < n; i++)
        *sum += b[i];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hs_error err;
    struct hs_safetens *s = hs_safetens_parse(data, size, "fuzz", &err);
    size_t sum = 0, bytes = 0;
    uint64_t header;

    if (s == NULL)
        return 0;
    for (size_t i = 0; i < hs_safetens_count(s); i++) {
        const struct hs_tensor *t = hs_safetens_at(s, i);
        size_t n = 1, at;

        if (hs_safetens_find(s, t->name, &at) != t || at != i)
            abort();
        for (size_t d = 0; d < t->n_dims; d++)
            n *= t->shape[d];
        if (t->n_dims > HS_TENSOR_DIMS ||
            (n == 0 ? t->bytes != 0 : t->bytes % n != 0))
            abort();
        count(&sum, t->data, t->bytes);
        bytes += t->bytes;
    }
    memcpy(&header, data, sizeof header);
    if (bytes != size - 8 - header)
        abort();
    hs_safetens_sample(s, count, &sum);
    hs_safetens_close(s);
    return sum == SIZE_MAX;
}
