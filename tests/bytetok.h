/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bytetok.h - the tokenizer of the models that tests make: a token for each
 * byte, in byte order, then the three special tokens of chatml.
 */
#ifndef HS_BYTETOK_H
#define HS_BYTETOK_H

#include <stdio.h>

/* Writes tokenizer.json: vocab is put behind the bytes' entries (", \"ab\":
 * 259"), merges are the merges ("\"a b\""); both may be "". */
void bytetok_print(FILE *f, const char *vocab, const char *merges);

#endif
