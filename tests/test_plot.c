/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_plot.c - from records to figures.
 */
#include <config.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "plot/plots.h"

/* NaN is equal to NaN only. */
static bool
near(double a, double b)
{
    return isnan(a) || isnan(b) ? isnan(a) && isnan(b) : fabs(a - b) <= 1e-12;
}

/* ---- records ---- */

/* Adds a record, single quotes standing for double ones. */
static void
add(struct hs_plotdata *d, size_t file, const char *text)
{
    char *json = hs_strdup(text);
    struct hs_error err;
    json_t *j;

    for (char *p = json; *p != '\0'; p++)
        *p = *p == '\'' ? '"' : *p;
    j = hs_json_parse(json, strlen(json), "test", &err);
    assert_non_null(j);
    free(json);
    while (d->n_files <= file) {
        static const char *const names[] = {"a.hsz", "x/b.hsz", "y/b.hsz"};

        d->files =
            hs_grow(d->files, &d->cap_files, d->n_files + 1, sizeof *d->files);
        d->files[d->n_files] = hs_strdup(names[d->n_files]);
        d->n_files++;
    }
    d->v = hs_grow(d->v, &d->cap, d->n + 1, sizeof *d->v);
    d->v[d->n] = (struct hs_plot_record){
        .j = j,
        .type = json_string_value(json_object_get(j, "type")),
        .file = file,
        .number = d->n + 1};
    d->n++;
}

static void
add_probe(struct hs_plotdata *d, size_t file, int layer, const char *target,
          int seed, const char *auc, const char *lo)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b,
                  "{'type':'probe','layer':%d,'target':'%s','seed':%d,"
                  "'eval':{'places':{'s0':{'auc':%s,'lo':%s,'hi':0.9},"
                  "'end':{'auc':0.75,'lo':0.5,'hi':1}}}}",
                  layer, target, seed, auc, lo);
    add(d, file, hs_buf_cstr(&b));
    hs_buf_free(&b);
}

static const struct hs_series *
find(const struct hs_panel *p, const char *name)
{
    for (size_t k = 0; k < p->n; k++)
        if (strcmp(p->series[k]->name, name) == 0)
            return p->series[k];
    return NULL;
}

static void
check_point(const struct hs_series *s, size_t i, double x, double y, double lo,
            double hi)
{
    assert_non_null(s);
    assert_true(i < s->n);
    assert_true(near(s->x[i], x));
    assert_true(near(s->y[i], y));
    assert_true(near(s->lo[i], lo));
    assert_true(near(s->hi[i], hi));
}

static void
seeds_are_averaged(void **state)
{
    static char at[] = "s0";
    char *const places[] = {at, NULL};
    const struct hs_plot_options o = {.at = places};
    struct hs_plotdata d = {0};
    struct hs_figure f = {0};
    const struct hs_series *s;
    struct hs_error err;

    (void)state;
    add_probe(&d, 0, 7, "td", 1, "0.5", "0.25");
    add_probe(&d, 0, 3, "td", 1, "0.5", "0.25");
    add_probe(&d, 0, 3, "td", 2, "0.75", "0.5");
    add_probe(&d, 0, 3, "mc", 1, "0.5", "0.25");
    add_probe(&d, 0, 3, "mc", 2, "null", "null");
    add(&d, 0,
        "{'type':'baseline','name':'length','eval':{'places':{"
        "'s0':{'auc':0.3,'lo':0.2,'hi':0.4},"
        "'end':{'auc':1,'lo':null,'hi':null}}}}");
    add(&d, 0,
        "{'type':'baseline','layer':7,'name':'shuffled','target':'td',"
        "'eval':{'places':{'s0':{'auc':0.55,'lo':0.5,'hi':0.6},"
        "'end':{'auc':0.5,'lo':null,'hi':null}}}}");
    add(&d, 0,
        "{'type':'baseline','layer':7,'name':'td',"
        "'eval':{'places':{'s0':{'auc':0.1,'lo':0.5,'hi':0.6},"
        "'end':{'auc':0.2,'lo':null,'hi':null}}}}");
    assert_int_equal(hs_plot_auc(&d, &o, &f, &err), 0);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.panels[0]->title, "layer 3");
    check_point(find(f.panels[0], "td"), 0, 0, 0.625, 0.375, 0.9);
    check_point(find(f.panels[0], "td"), 1, 1, 0.75, 0.5, 1);
    check_point(find(f.panels[0], "mc"), 0, 0, NAN, NAN, 0.9);
    assert_null(find(f.panels[1], "mc"));
    check_point(find(f.panels[1], "length"), 0, 0, 0.3, 0.2, 0.4);
    check_point(find(f.panels[1], "length"), 1, 1, 1, NAN, NAN);
    /* A baseline may be called like a target, or belong to one. */
    s = find(f.panels[1], "shuffled td");
    check_point(s, 0, 0, 0.55, 0.5, 0.6);
    assert_int_equal(s->role, HS_ROLE_OTHER);
    s = find(f.panels[1], "td");
    check_point(s, 0, 0, 0.5, 0.25, 0.9);
    assert_int_equal(s->role, HS_ROLE_MAIN);
    assert_int_equal(f.panels[1]->n, 4);
    hs_figure_free(&f);

    assert_int_equal(hs_plot_layers(&d, &o, &f, &err), 0);
    assert_int_equal(f.n, 1);
    check_point(find(f.panels[0], "td"), 0, 3, 0.625, 0.375, 0.9);
    check_point(find(f.panels[0], "td"), 1, 7, 0.5, 0.25, 0.9);
    assert_int_equal(find(f.panels[0], "mc")->n, 1);
    assert_int_equal(find(f.panels[0], "length")->n, 2);
    hs_figure_free(&f);
    hs_plotdata_free(&d);
}

static void
files_are_told_apart(void **state)
{
    const struct hs_plot_options o = {.at = NULL};
    struct hs_plotdata d = {0};
    struct hs_figure f = {0};
    struct hs_error err;

    (void)state;
    add_probe(&d, 0, 3, "td", 1, "0.5", "0.25");
    add_probe(&d, 1, 4, "td", 1, "0.6", "0.25");
    assert_int_equal(hs_plot_auc(&d, &o, &f, &err), 0);
    assert_non_null(find(f.panels[0], "td"));
    hs_figure_free(&f);
    add_probe(&d, 2, 4, "td", 1, "0.7", "0.25");
    assert_int_equal(hs_plot_auc(&d, &o, &f, &err), 0);
    check_point(find(f.panels[0], "a.hsz: td"), 0, 0, 0.5, 0.25, 0.9);
    check_point(find(f.panels[1], "x/b.hsz: td"), 0, 0, 0.6, 0.25, 0.9);
    check_point(find(f.panels[1], "y/b.hsz: td"), 0, 0, 0.7, 0.25, 0.9);
    hs_figure_free(&f);
    add_probe(&d, 0, 3, "td", 1, "0.5", "0.25");
    assert_int_equal(hs_plot_auc(&d, &o, &f, &err), -1);
    assert_non_null(strstr(err.text,
                           "record 4: probe: is about the same as "
                           "record 1"));
    hs_figure_free(&f);
    hs_plotdata_free(&d);
}

static void
records_are_chosen(void **state)
{
    static char td[] = "td", ntp[] = "ntp";
    char *const one[] = {td, NULL}, *const none[] = {td, ntp, NULL};
    struct hs_plotdata d = {0};
    struct hs_list layers = {0};
    struct hs_error err;

    (void)state;
    add(&d, 0,
        "{'type':'overlap','layer_a':2,'layer_b':3,'target_a':'td',"
        "'target_b':'td'}");
    add(&d, 0,
        "{'type':'overlap','layer_a':2,'layer_b':4,'target_a':'td',"
        "'target_b':'td'}");
    add(&d, 0,
        "{'type':'overlap','layer_a':2,'layer_b':3,'target_a':'td',"
        "'target_b':'mc'}");
    add(&d, 0, "{'type':'baseline'}");
    hs_parse_list("test", "2,3", &layers);
    assert_int_equal(hs_plotdata_filter(&d, &layers, one, &err), 0);
    assert_int_equal(d.n, 2);
    assert_int_equal(d.v[0].number, 1);
    assert_int_equal(d.v[1].number, 4);
    assert_int_equal(hs_plotdata_filter(&d, NULL, none, &err), -1);
    assert_string_equal(err.text, "--target: no record is of 'ntp'");
    hs_list_free(&layers);
    hs_plotdata_free(&d);
}

static void
add_curve(struct hs_plotdata *d, const char *set, const char *draw,
          const char *ratio, const char *auc)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b,
                  "{'type':'curve','layer':2,'target':'td','eval':'mask',"
                  "'set':'%s','draw':%s,'ratio':%s,'at':'s0','auc':%s,"
                  "'lo':0.1,'hi':0.9}",
                  set, draw, ratio, auc);
    add(d, 0, hs_buf_cstr(&b));
    hs_buf_free(&b);
}

static void
draws_are_a_band(void **state)
{
    static char at[] = "s0";
    char *const places[] = {at, NULL};
    const struct hs_plot_options o = {.at = places};
    const struct hs_series *s;
    struct hs_plotdata d = {0};
    struct hs_figure f = {0};
    struct hs_error err;

    (void)state;
    add_curve(&d, "random", "0", "0.9", "0.5");
    add_curve(&d, "random", "1", "0.9", "0.75");
    add_curve(&d, "random", "0", "0", "0.7");
    add_curve(&d, "random", "1", "0", "null");
    add_curve(&d, "top", "null", "0.9", "0.8");
    add_curve(&d, "top", "null", "0", "0.6");
    assert_int_equal(hs_plot_pruning(&d, &o, &f, &err), 0);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.panels[0]->title, "layer 2, td, mask, s0");
    s = find(f.panels[0], "random, 2 draws");
    assert_non_null(s);
    assert_int_equal(s->role, HS_ROLE_BAND);
    check_point(s, 0, 0, NAN, NAN, NAN);
    check_point(s, 1, 0.9, 0.625, 0.5, 0.75);
    check_point(find(f.panels[0], "top"), 0, 0, 0.6, 0.1, 0.9);
    check_point(find(f.panels[0], "top"), 1, 0.9, 0.8, 0.1, 0.9);
    hs_figure_free(&f);
    add_curve(&d, "top", "null", "0.9", "0.8");
    assert_int_equal(hs_plot_pruning(&d, &o, &f, &err), -1);
    hs_figure_free(&f);
    hs_plotdata_free(&d);
}

static void
add_overlap(struct hs_plotdata *d, const char *b, const char *ratio,
            const char *iou, const char *expected)
{
    struct hs_buf t = {0};

    hs_buf_printf(&t,
                  "{'type':'overlap','a':'p/r','b':'%s','layer_a':2,"
                  "'layer_b':2,'target_a':'td','target_b':'td','ratio':%s,"
                  "'iou':%s,'expected':%s,'lo':0,'hi':0.5,'seed_iou_a':0.6,"
                  "'seed_iou_b':null}",
                  b, ratio, iou, expected);
    add(d, 0, hs_buf_cstr(&t));
    hs_buf_free(&t);
}

static void
pairs_share_chance(void **state)
{
    const struct hs_plot_options o = {.at = NULL};
    const struct hs_panel *p;
    struct hs_plotdata d = {0};
    struct hs_figure f = {0};
    struct hs_error err;

    (void)state;
    add_overlap(&d, "q/r", "0.5", "0.4", "0.3");
    add_overlap(&d, "q/r", "0.9", "0.2", "0.1");
    add_overlap(&d, "s", "0.9", "0.3", "0.1");
    add_overlap(&d, "s", "0.5", "0.5", "0.3");
    add_overlap(&d, "wide", "0.5", "0.5", "0.25");
    assert_int_equal(hs_plot_overlap(&d, &o, &f, &err), 0);
    p = f.panels[0];
    /* Three pairs, one ranking with several seeds, two kinds of chance. */
    assert_int_equal(p->n, 6);
    check_point(find(p, "p/r / q/r"), 1, 0.9, 0.2, NAN, NAN);
    check_point(find(p, "p/r / s"), 0, 0.5, 0.5, NAN, NAN);
    check_point(find(p, "seeds of p/r"), 0, 0.5, 0.6, NAN, NAN);
    assert_int_equal(find(p, "seeds of p/r")->n, 2);
    check_point(find(p, "chance"), 1, 0.9, 0.1, 0, 0.5);
    check_point(find(p, "chance, p/r / wide"), 0, 0.5, 0.25, 0, 0.5);
    hs_figure_free(&f);
    hs_plotdata_free(&d);
}

static void
coordinates_are_marked(void **state)
{
    struct hs_plot_options o = {.at = NULL};
    const struct hs_panel *p;
    struct hs_plotdata d = {0};
    struct hs_figure f = {0};
    struct hs_error err;

    (void)state;
    add(&d, 0,
        "{'type':'ranking','layer':2,'target':'td','n_top':2,"
        "'order':{'dtype':'u32','values':[3,0,2,1]},"
        "'importance':[0.5,-1,0.25,2],'rms':[4,0,1,9],'sink':[1,1,2,0]}");
    assert_int_equal(hs_plot_importance(&d, &o, &f, &err), 0);
    p = f.panels[0];
    check_point(find(p, "all coordinates"), 0, 1, 2, NAN, NAN);
    check_point(find(p, "all coordinates"), 3, 4, -1, NAN, NAN);
    check_point(find(p, "the top 2"), 1, 2, 0.5, NAN, NAN);
    assert_int_equal(find(p, "the top 2")->n, 2);
    assert_int_equal(find(p, "sinks")->n, 2);
    check_point(find(p, "sinks"), 0, 2, 0.5, NAN, NAN);
    hs_figure_free(&f);
    o.rms = true;
    assert_int_equal(hs_plot_importance(&d, &o, &f, &err), 0);
    p = f.panels[0];
    check_point(find(p, "all coordinates"), 0, 9, 2, NAN, NAN);
    /* A coordinate that is always 0 has no place on the axis. */
    check_point(find(p, "all coordinates"), 3, 0, NAN, NAN, NAN);
    hs_figure_free(&f);
    hs_plotdata_free(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_averaged),
        cmocka_unit_test(files_are_told_apart),
        cmocka_unit_test(records_are_chosen),
        cmocka_unit_test(draws_are_a_band),
        cmocka_unit_test(pairs_share_chance),
        cmocka_unit_test(coordinates_are_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
