/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * replay.c - runs a fuzz target once on each file named; libFuzzer's main does
 * the rest.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
    struct hs_error err;

    hs_init(argv);
    for (int i = 1; i < argc; i++) {
        size_t n;
        char *data = hs_read_file(argv[i], (size_t)1 << 26, &n, &err);

        if (data == NULL)
            hs_die(HS_EXIT_FAIL, "%s", err.text);
        (void)LLVMFuzzerTestOneInput((const uint8_t *)data, n);
        free(data);
    }
    printf("%d files\n", argc - 1);
    return hs_finish(HS_EXIT_OK);
}
