/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * modeldir.h - what the tests of the engine share: model folders that mkmodel
 * makes, made-up prompts, and all the states of a sequence.
 */
#ifndef HS_MODELDIR_H
#define HS_MODELDIR_H

#include <stddef.h>
#include <stdint.h>

#include "model/edit.h"
#include "model/model.h"

/* A new temporary folder, owned by the caller until modeldir_free(). */
char *modeldir_empty(void);

/* The same, filled by mkmodel; args are its KEY=VALUE words with blanks
 * between them.  Ends the program when mkmodel fails. */
char *modeldir_new(const char *args);

/* Removes the folder, the files in it, and the name. */
void modeldir_free(char *dir);

/* n tokens below n_vocab that depend on seed only; as prompt() in
 * tests/ref/parity.py.  Owned by the caller. */
uint32_t *modeldir_prompt(uint32_t seed, size_t n, size_t n_vocab);

/* How all_states() feeds a sequence. */
struct feeding {
    size_t chunk; /* rows of it in one pass, at most; 0: all of them */
    size_t other; /* rows of another sequence before and behind them */
    const struct hs_edit *edit; /* of its rows, none of them prompt; or NULL */
};

/* Runs n tokens: states (n_layers + 1, n, dim), logits (n, n_vocab) or
 * NULL. */
void all_states(const struct hs_model *m, const uint32_t *tokens, size_t n,
                struct feeding how, float *states, float *logits);

#endif
