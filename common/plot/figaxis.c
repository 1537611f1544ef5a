/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figaxis.c - see figaxis.h.
 */
#include <config.h>

#include "plot/figaxis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot/figtext.h"

enum {
    LOG_SPAN = 4,       /* a logarithmic axis spans a factor of so much */
    FEW_DECADES = 10000 /* up to here, tics at 1, 2, 5 */
};

struct range {
    double from, to;
};

static void
include(struct range *r, double x)
{
    if (!isfinite(x))
        return;
    if (!(r->from <= x))
        r->from = x;
    if (!(r->to >= x))
        r->to = x;
}

/* What the data take, widened so that nothing lies on the frame. */
static struct range
widen(const struct hs_axis *a, struct range data)
{
    struct range r = data;
    double span;

    if (!isfinite(r.from) && !(isfinite(a->from) && isfinite(a->to)))
        return a->log ? (struct range){0.1, 1} : (struct range){0, 1};
    if (a->log) {
        double factor = fmax(1.15, sqrt(LOG_SPAN * r.from / r.to));

        r.from /= factor;
        r.to *= factor;
    } else {
        span = r.to > r.from ? r.to - r.from : 1;
        r.from -= 0.04 * span;
        r.to += 0.04 * span;
    }
    if (isfinite(a->from) && !(data.from < a->from))
        r.from = a->from;
    if (isfinite(a->to) && !(data.to > a->to))
        r.to = a->to;
    return r;
}

/* Includes what is drawn in the panel. */
static void
include_panel(const struct hs_panel *p, struct range *x, struct range *y)
{
    for (size_t k = 0; k < p->n; k++)
        for (size_t j = 0; j < p->series[k]->n; j++) {
            const struct hs_series *s = p->series[k];

            if (p->x.log && !p->x.rest && !(s->x[j] > 0))
                continue;
            include(x, p->x.rest ? 1 - s->x[j] : s->x[j]);
            include(y, s->y[j]);
            if (isfinite(s->y[j]) &&
                (s->role == HS_ROLE_MAIN || s->role == HS_ROLE_BAND)) {
                include(y, s->lo[j]);
                include(y, s->hi[j]);
            }
        }
}

static void
find_ranges(const struct hs_figure *f, const struct hs_panel *p,
            struct range *x, struct range *y)
{
    struct range other = {NAN, NAN};

    *x = *y = other;
    include_panel(p, x, y);
    for (size_t i = 0; f->same_y && i < f->n; i++)
        include_panel(f->panels[i], &other, y);
    *x = widen(&p->x, *x);
    *y = widen(&p->y, *y);
}

static void
put_tic(struct hs_buf *b, size_t i, const char *label, double at)
{
    hs_buf_str(b, i == 0 ? "(" : ", ");
    hs_fig_quoted(b, label, true);
    hs_buf_str(b, " ");
    hs_fig_number(b, at);
}

/* Tics of a logarithmic axis at these digits; those of gnuplot, one a decade,
 * are too few for what spans less than some decades.  Returns how many. */
static size_t
put_digits(struct hs_buf *b, struct range r, const char *digits)
{
    size_t n = 0;

    for (int decade = (int)floor(log10(r.from)); decade <= log10(r.to);
         decade++)
        for (const char *d = digits; *d != '\0'; d++) {
            double at = (*d - '0') * pow(10, decade);
            char label[32];

            if (at < r.from || at > r.to)
                continue;
            (void)snprintf(label, sizeof label, "%.6g", at);
            put_tic(b, n++, label, at);
        }
    return n;
}

static void
put_log_tics(struct hs_buf *b, struct range r)
{
    static const char *const digits[] = {"125", "123456789"};
    size_t start = b->len, n = 0;

    for (size_t i = 0; i < 2 && n < 3; i++) {
        b->len = start;
        n = put_digits(b, r, digits[i]);
    }
    hs_buf_str(b, n > 0 ? ")\n" : "autofreq\n");
}

bool
hs_fig_has_words(const struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->panels[i]->x.words)
            return true;
    return false;
}

/* Columns that text takes: continuation bytes take none. */
static size_t
columns_of(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Words, as many as have room: every so many-th one in pictures, where all take
 * as much; as text those that do not run into the one before. */
static void
put_words(struct hs_buf *b, const struct hs_axis *a, struct range r,
          size_t room, bool text)
{
    size_t apart = room > 0 ? (a->n_tics + room - 1) / room : 1, n = 0;
    double end = 0;

    for (size_t i = 0; i < a->n_tics; i++) {
        double width = (double)columns_of(a->tics[i].label),
               at = (a->tics[i].at - r.from) / (r.to - r.from) * (double)room,
               start = at - width / 2;

        if (text ? n > 0 && start < end + 0.5 : i % apart != 0)
            continue;
        end = start + width;
        put_tic(b, n++, a->tics[i].label, a->tics[i].at);
    }
    hs_buf_str(b, ")\n");
}

/* Down: the axis begins with its largest value. */
static void
put_axis(struct hs_buf *b, char name, const struct hs_axis *a, struct range r,
         bool down, size_t room, bool text)
{
    hs_buf_printf(b, "%s logscale %c\nset %crange [", a->log ? "set" : "unset",
                  name, name);
    hs_fig_number(b, down ? r.to : r.from);
    hs_buf_str(b, ":");
    hs_fig_number(b, down ? r.from : r.to);
    hs_buf_printf(b, "]\nset %ctics ", name);
    if (a->words && a->n_tics > 0) {
        put_words(b, a, r, room, text);
        return;
    }
    for (size_t i = 0; i < a->n_tics; i++)
        put_tic(b, i, a->tics[i].label, a->tics[i].at);
    if (a->n_tics > 0)
        hs_buf_str(b, ")\n");
    else if (a->log && r.to < FEW_DECADES * r.from)
        put_log_tics(b, r);
    else
        hs_buf_str(b, "autofreq\n");
}

void
hs_fig_axes(struct hs_buf *b, const struct hs_figure *f,
            const struct hs_panel *p, size_t room, bool text)
{
    struct range x, y;

    find_ranges(f, p, &x, &y);
    if (!text && hs_fig_has_words(f))
        hs_buf_str(b, p->x.words ? "set xtics rotate by 90 right\n"
                                 : "set xtics norotate\n");
    if (p->sideways) {
        put_axis(b, 'x', &p->y, y, p->y.rest, room, text);
        put_axis(b, 'y', &p->x, x, !p->x.rest, room, text);
    } else {
        put_axis(b, 'x', &p->x, x, p->x.rest, room, text);
        put_axis(b, 'y', &p->y, y, p->y.rest, room, text);
    }
}
