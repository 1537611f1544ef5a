/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * neutral.c - see neutral.h.
 */
#include <config.h>

#include "ablate/neutral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "stream/record.h"

enum {
    TEXT_MAX = 1 << 20
};

/* Written for this program. */
static const char text_here[] =
    "The path to the mill begins behind the last house of the village and "
    "follows the stream for about a mile. In spring the meadows on both sides "
    "are wet, and people who know the place walk on the stones along the "
    "edge. The old wheel has not turned for many years, but the roof was "
    "mended last autumn, and a family from the town now lives there during "
    "the summer. They keep a few hens and a grey dog that barks at everyone "
    "and is afraid of the geese. On warm evenings the windows stand open, and "
    "one can hear somebody practising the same piece on the piano, slowly at "
    "first, then faster, until it goes wrong again. Farther up, where the "
    "valley becomes narrow, there is a small bridge made of two logs. From "
    "there the forest climbs to the ridge, first beeches, then firs, and "
    "above them only grass and the wind. Shepherds used to bring their flocks "
    "here in June and stay until the first snow. Some of their huts can still "
    "be found, without doors, with nettles growing where the fire had been. "
    "Whoever sits down on one of the walls sees the whole country as far as "
    "the sea, which looks like a thin bright line on clear days and cannot be "
    "told from the sky on all others.";

int
hs_neutral_tokens(const struct hs_model *m, const char *path,
                  struct hs_ids *out, char hash[33], struct hs_error *err)
{
    size_t len = sizeof text_here - 1;
    const char *name = path != NULL ? path : "the neutral text";
    char *file = NULL;
    XXH128_hash_t h;
    int rc;

    if (m->tok == NULL)
        return hs_fail(err,
                       "%s: no tokenizer.json: --neutral=none does "
                       "without",
                       m->dir);
    if (path != NULL &&
        (file = hs_read_file(path, TEXT_MAX, &len, err)) == NULL)
        return -1;
    h = XXH3_128bits(file != NULL ? file : text_here, len);
    hs_digest_text((unsigned __int128)h.high64 << 64 | h.low64, hash);
    rc = hs_tokenizer_encode(m->tok, file != NULL ? file : text_here, len,
                             false, out, err);
    free(file);
    if (rc == 0 && out->n < 2)
        rc = hs_fail(err, "there are fewer than two tokens");
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        if (out->v[i] >= m->cfg.n_vocab)
            rc = hs_fail(err, "a token is not in the model's vocabulary");
    return rc < 0 ? hs_fail_prefix(err, "%s", name) : 0;
}
