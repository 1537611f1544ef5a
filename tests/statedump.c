/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statedump.c - all states and logits of sequences, for tests/ref/parity.py.
 *
 * A line of input is a sequence of token ids with blanks between them.  Its
 * output is f32, as the host stores them: states (n_layers + 1, n, dim), then
 * logits (n, n_vocab).
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/num.h"
#include "model/model.h"
#include "model/tokenizer.h"
#include "modeldir.h"

static void
read_ids(const struct hs_model *m, char *line, struct hs_ids *ids)
{
    char *save = NULL;

    for (char *w = strtok_r(line, " \n", &save); w != NULL;
         w = strtok_r(NULL, " \n", &save))
        hs_ids_add(ids, (uint32_t)hs_parse_u64("id", w, 0, m->cfg.n_vocab - 1));
    if (ids->n == 0 || ids->n > m->cfg.max_positions)
        hs_die(HS_EXIT_FAIL, "a line has %zu ids", ids->n);
}

int
main(int argc, char **argv)
{
    struct hs_error err;
    struct hs_model *m;
    char *line = NULL;
    size_t cap = 0;

    hs_init(argv);
    if (argc != 2)
        hs_die(HS_EXIT_USAGE, "usage: statedump FOLDER < IDS > STATES");
    m = hs_model_open(argv[1], &err);
    if (m == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    while (getline(&line, &cap, stdin) > 0) {
        struct hs_ids ids = {0};
        size_t n_states, n_logits;
        float *x;

        read_ids(m, line, &ids);
        n_states = (m->cfg.n_layers + 1) * ids.n * m->cfg.dim;
        n_logits = ids.n * m->cfg.n_vocab;
        x = hs_calloc(n_states + n_logits, sizeof *x);
        all_states(m, ids.v, ids.n, (struct feeding){0}, x, x + n_states);
        if (fwrite(x, sizeof *x, n_states + n_logits, stdout) !=
            n_states + n_logits)
            hs_die(HS_EXIT_FAIL, "cannot write");
        free(x);
        hs_ids_free(&ids);
    }
    free(line);
    hs_model_free(m);
    return hs_finish(HS_EXIT_OK);
}
