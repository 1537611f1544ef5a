/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * figure.c - see figure.h; the script is in figscript.c.
 */
#include <config.h>

#include "plot/figure.h"

#include <math.h>
#include <stdlib.h>

static void
free_axis(struct hs_axis *a)
{
    free(a->label);
    for (size_t i = 0; i < a->n_tics; i++)
        free(a->tics[i].label);
    free(a->tics);
}

static void
free_series(struct hs_series *s)
{
    free(s->name);
    free(s->x);
    free(s->y);
    free(s->lo);
    free(s->hi);
    free(s);
}

static void
free_panel(struct hs_panel *p)
{
    for (size_t i = 0; i < p->n; i++)
        free_series(p->series[i]);
    for (size_t i = 0; i < p->n_notes; i++)
        free(p->notes[i].text);
    free(p->notes);
    free(p->series);
    free(p->title);
    free_axis(&p->x);
    free_axis(&p->y);
    free(p);
}

void
hs_figure_free(struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        free_panel(f->panels[i]);
    free(f->panels);
    free(f->title);
    *f = (struct hs_figure){0};
}

struct hs_panel *
hs_figure_add(struct hs_figure *f, const char *title)
{
    struct hs_panel *p = hs_calloc(1, sizeof *p);

    p->title = hs_strdup(title);
    p->x.from = p->x.to = p->y.from = p->y.to = p->guide = NAN;
    f->panels = hs_grow(f->panels, &f->cap, f->n + 1, sizeof *f->panels);
    f->panels[f->n++] = p;
    return p;
}

struct hs_series *
hs_panel_add(struct hs_panel *p, const char *name, enum hs_role role)
{
    struct hs_series *s = hs_calloc(1, sizeof *s);

    s->name = hs_strdup(name);
    s->role = role;
    p->series = hs_grow(p->series, &p->cap, p->n + 1, sizeof *p->series);
    p->series[p->n++] = s;
    return s;
}

void
hs_panel_drop(struct hs_panel *p)
{
    free_series(p->series[--p->n]);
}

void
hs_panel_note(struct hs_panel *p, double x, double y, unsigned above,
              const char *text)
{
    p->notes =
        hs_grow(p->notes, &p->cap_notes, p->n_notes + 1, sizeof *p->notes);
    p->notes[p->n_notes++] = (struct hs_note){x, y, above, hs_strdup(text)};
}

void
hs_axis_label(struct hs_axis *a, const char *label)
{
    free(a->label);
    a->label = hs_strdup(label);
}

void
hs_axis_tic(struct hs_axis *a, double at, const char *label)
{
    a->tics = hs_grow(a->tics, &a->cap_tics, a->n_tics + 1, sizeof *a->tics);
    a->tics[a->n_tics++] = (struct hs_tic){at, hs_strdup(label)};
}

void
hs_axis_share(struct hs_axis *a, const char *label)
{
    static const struct {
        double at;
        const char *label;
    } shares[] = {{1, "100%"},      {0.5, "50%"},      {0.2, "20%"},
                  {0.1, "10%"},     {0.05, "5%"},      {0.02, "2%"},
                  {0.01, "1%"},     {0.005, "0.5%"},   {0.002, "0.2%"},
                  {0.001, "0.1%"},  {0.0005, "0.05%"}, {0.0002, "0.02%"},
                  {0.0001, "0.01%"}};

    hs_axis_label(a, label);
    a->log = true;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        hs_axis_tic(a, shares[i].at, shares[i].label);
}

void
hs_axis_kept(struct hs_axis *a)
{
    hs_axis_share(a, "coordinates kept");
    a->rest = true;
}

void
hs_series_put(struct hs_series *s, double x, double y, double lo, double hi)
{
    if (s->n == s->cap) {
        s->x = hs_grow(s->x, &s->cap, s->n + 1, sizeof *s->x);
        s->y = hs_realloc(s->y, hs_mul(s->cap, sizeof *s->y));
        s->lo = hs_realloc(s->lo, hs_mul(s->cap, sizeof *s->lo));
        s->hi = hs_realloc(s->hi, hs_mul(s->cap, sizeof *s->hi));
    }
    s->x[s->n] = x;
    s->y[s->n] = y;
    s->lo[s->n] = lo;
    s->hi[s->n] = hi;
    s->n++;
}

bool
hs_figure_has_values(const struct hs_figure *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->panels[i]->n; k++)
            for (size_t j = 0; j < f->panels[i]->series[k]->n; j++)
                if (isfinite(f->panels[i]->series[k]->y[j]))
                    return true;
    return false;
}
