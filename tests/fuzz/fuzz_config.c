/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_config.c - a config.json and a generation_config.json, both hostile.
 *
 * The input is the first up to the first NUL, then the second.  What is
 * accepted must be within the bounds that the rest of the engine relies on.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/hfconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct hs_config *c)
{
    double *f = hs_calloc(c->head_dim / 2, sizeof *f);

    if (c->dim == 0 || c->n_layers == 0 || c->n_heads == 0 ||
        c->n_kv_heads == 0 || c->ffn_dim == 0 || c->n_vocab == 0 ||
        c->max_positions == 0 || c->head_dim < 2 || c->head_dim % 2 != 0 ||
        c->n_heads % c->n_kv_heads != 0 || c->n_eos > HS_MAX_EOS ||
        c->max_positions > UINT32_MAX || !(c->norm_eps > 0))
        abort();
    for (size_t i = 0; i < c->n_eos; i++)
        if (c->eos[i] >= c->n_vocab)
            abort();
    hs_rope_inv_freq(c, f);
    for (size_t i = 0; i < c->head_dim / 2; i++)
        if (!isfinite(f[i]) || f[i] < 0)
            abort();
    free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *second = size ? memchr(data, 0, size) : NULL;
    size_t n = second ? (size_t)(second - data) : size;
    struct hs_config c;
    struct hs_error err;

    if (hs_config_parse(&c, (const char *)data, n, "fuzz", &err) < 0)
        return 0;
    check(&c);
    if (second != NULL &&
        hs_config_parse_generation(&c, (const char *)second + 1, size - n - 1,
                                   "fuzz", &err) == 0)
        check(&c);
    return 0;
}
