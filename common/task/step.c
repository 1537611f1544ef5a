/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * step.c - see step.h.
 */
#include <config.h>

#include "task/step.h"

#include <string.h>

static const char *const names[] = {
    [HS_STEP_PARAGRAPH] = "paragraph",
    [HS_STEP_LINE] = "line",
};

const char *
hs_step_name(enum hs_step_rule rule)
{
    return names[rule];
}

int
hs_step_parse(const char *s, enum hs_step_rule *out)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(s, names[i]) == 0) {
            *out = (enum hs_step_rule)i;
            return 0;
        }
    }
    return -1;
}

/* A newline.  Whether it ends a step. */
static bool
end_line(struct hs_step *st)
{
    bool ends;

    st->ticks = 0;
    if (st->newlines < 2)
        st->newlines++;
    ends = st->something &&
           (st->rule == HS_STEP_LINE || (st->newlines == 2 && !st->fenced));
    if (ends)
        st->something = false;
    return ends;
}

static bool
feed_byte(struct hs_step *st, char c)
{
    if (c == '\n')
        return end_line(st);
    if (c == ' ' || c == '\t' || c == '\r') {
        if (st->ticks > 0)
            st->ticks = -1;
        return false;
    }
    st->newlines = 0;
    st->something = true;
    if (c != '`') {
        st->ticks = -1;
    } else if (st->ticks >= 0 && ++st->ticks == 3) {
        st->fenced = !st->fenced;
        st->ticks = -1;
    }
    return false;
}

bool
hs_step_feed(struct hs_step *st, const char *bytes, size_t n)
{
    bool ends = false;

    for (size_t i = 0; i < n; i++)
        ends |= feed_byte(st, bytes[i]);
    return ends;
}
