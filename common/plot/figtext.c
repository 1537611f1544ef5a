/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figtext.c - see figtext.h.
 */
#include <config.h>

#include "plot/figtext.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/mp.h"

void
hs_fig_number(struct hs_buf *b, double x)
{
    char text[40];
    int digits = 15;

    if (!isfinite(x)) {
        hs_buf_str(b, "NaN");
        return;
    }
    do
        (void)snprintf(text, sizeof text, "%.*g", digits, x);
    while (strtod(text, NULL) != x && digits++ < 17);
    hs_buf_str(b, text);
}

void
hs_fig_text(struct hs_buf *b, const char *s)
{
    size_t n = strlen(s);
    bool valid = hs_mp_is_text(s, n);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c < 0x20 || c == 0x7f)
            hs_buf_str(b, " ");
        else if (c >= 0x80 && !valid)
            hs_buf_str(b, "?");
        else if (strncmp(s + i, "\xef\xbf\xbe", 3) == 0 ||
                 strncmp(s + i, "\xef\xbf\xbf", 3) == 0) {
            hs_buf_str(b, "?");
            i += 2;
        } else
            hs_buf_add(b, s + i, 1);
    }
}

void
hs_fig_quoted(struct hs_buf *b, const char *s, bool tic)
{
    struct hs_buf plain = {0};

    hs_fig_text(&plain, s);
    hs_buf_str(b, "'");
    for (size_t i = 0; i < plain.len; i++) {
        char c = (char)plain.data[i];

        hs_buf_add(b, &c, 1);
        if (c == '\'' || (tic && c == '%'))
            hs_buf_add(b, &c, 1);
    }
    hs_buf_str(b, "'");
    hs_buf_free(&plain);
}

void
hs_fig_setting(struct hs_buf *b, const char *what, const char *text)
{
    hs_buf_printf(b, "set %s ", what);
    hs_fig_quoted(b, text ? text : "", false);
    hs_buf_str(b, "\n");
}
