/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * statcalc.c - common/stats on numbers from the standard input.
 *
 * usage: statcalc < cases > results
 *
 * A case is a line: the name of a function and its numbers (statcase.c lists
 * both), "nan" and "inf" among them.  A line of results is printed for each, or
 * "error" where the function reported one.  tests/ref/stats.py --check compares
 * with SciPy and scikit-learn.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/msg.h"
#include "statcase.h"

enum {
    MAX_RESULTS = 1 << 20
};

/* Reads the numbers behind the name. */
static size_t
read_numbers(char *text, double **v, size_t *cap)
{
    size_t n = 0;

    for (;;) {
        char *end;
        double x = strtod(text, &end);

        if (end == text)
            return n;
        *v = hs_grow(*v, cap, n + 1, sizeof **v);
        (*v)[n++] = x;
        text = end;
    }
}

int
main(void)
{
    double *arg = NULL, *out = hs_calloc(MAX_RESULTS, sizeof *out);
    size_t n_arg, arg_cap = 0, cap = 0, number = 0;
    char *line = NULL;

    while (getline(&line, &cap, stdin) > 0) {
        char *rest = line + strcspn(line, " \n");
        int n;

        number++;
        if (*rest != '\0')
            *rest++ = '\0';
        n_arg = read_numbers(rest, &arg, &arg_cap);
        n = statcase_run(line, arg, n_arg, out, MAX_RESULTS);
        if (n < 0)
            hs_die(HS_EXIT_FAIL, "line %zu: %s: no such case", number, line);
        if (n == 0)
            printf("error");
        for (int i = 0; i < n; i++)
            printf("%s%.17g", i > 0 ? " " : "", out[i]);
        putchar('\n');
    }
    free(line);
    free(out);
    free(arg);
    return fflush(stdout) == 0 ? 0 : HS_EXIT_FAIL;
}
