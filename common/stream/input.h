/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * input.h - the streams that a program's operands name.
 */
#ifndef HS_INPUT_H
#define HS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/stream.h"

/* What messages call the operand: "<stdin>" for "-". */
const char *hs_input_name(const char *path);

/* Opens a file, or standard input for "-"; path must outlive the reader.  A
 * terminal ends the program as hs_refuse_terminal() does.  Returns NULL with
 * the reason. */
HS_MUST_CHECK struct hs_reader *hs_input_open(const char *path,
                                              struct hs_error *err);

/* What an input begins with. */
struct hs_ahead {
    uint8_t bytes[4]; /* (n) read, and to be unread by who reads the rest */
    size_t n;
    bool is_stream; /* it begins as frames of zstd do */
};

/* Looks at the first bytes of fd, which may be a pipe: waits for 4 of them or
 * its end.  Where fd can seek it stands where it stood, and n is 0.  Returns 0,
 * or -1 with the reason. */
HS_MUST_CHECK int hs_input_ahead(int fd, const char *name, struct hs_ahead *out,
                                 struct hs_error *err);

/* The layers asked for, "all" being those of the stream.  Returns 0, or -1
 * when one is not in the stream.  *out is the caller's. */
HS_MUST_CHECK int hs_layers_choose(const struct hs_head *head,
                                   const struct hs_list *asked,
                                   struct hs_list *out, struct hs_error *err);

#endif
