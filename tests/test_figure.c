/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_figure.c - from figures to scripts for gnuplot.
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

#include "base/mem.h"
#include "plot/figtext.h"
#include "plot/figure.h"
#include "plot/gnuplot.h"

static void
text_is_quoted(void **state)
{
    static const struct {
        const char *text, *quoted, *tic;
    } cases[] = {
        {"plain", "'plain'", "'plain'"},
        {"it's", "'it''s'", "'it''s'"},
        {"50%", "'50%'", "'50%%'"},
        {"a\nb\tc\001", "'a b c '", "'a b c '"},
        {"\\n \"q\" `x`", "'\\n \"q\" `x`'", "'\\n \"q\" `x`'"},
        {"\xc3\xa9", "'\xc3\xa9'", "'\xc3\xa9'"},
        {"a\xff\xc3\xa9.", "'a???.'", "'a???.'"},
        {"\xef\xbf\xbf.\xef\xbf\xbe", "'?.?'", "'?.?'"},
        {"", "''", "''"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_buf b = {0};

        hs_fig_quoted(&b, cases[i].text, false);
        assert_string_equal(hs_buf_cstr(&b), cases[i].quoted);
        b.len = 0;
        hs_fig_quoted(&b, cases[i].text, true);
        assert_string_equal(hs_buf_cstr(&b), cases[i].tic);
        hs_buf_free(&b);
    }
}

static void
numbers_come_back(void **state)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0, "0"},          {0.1, "0.1"},     {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"}, {-2.5, "-2.5"},   {0.1 + 0.2, "0.30000000000000004"},
        {NAN, "NaN"},      {INFINITY, "NaN"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_buf b = {0};

        hs_fig_number(&b, cases[i].x);
        assert_string_equal(hs_buf_cstr(&b), cases[i].text);
        hs_buf_free(&b);
    }
}

/* The script of one panel with a line at y, lo and hi. */
static char *
script_of(double y, double lo, double hi, enum hs_picture picture)
{
    const struct hs_canvas c = {.picture = picture};
    struct hs_figure f = {0};
    struct hs_panel *p = hs_figure_add(&f, "panel");
    struct hs_series *s = hs_panel_add(p, "line", HS_ROLE_MAIN);
    struct hs_buf b = {0};

    p->y.from = 0.4;
    p->y.to = 1;
    p->x.from = 0;
    p->x.to = 2;
    hs_series_put(s, 1, y, lo, hi);
    hs_figure_script(&f, &c, &b);
    hs_figure_free(&f);
    return hs_buf_cstr(&b);
}

static void
expect(double y, double lo, double hi, const char *words)
{
    char *script = script_of(y, lo, hi, HS_PICTURE_SVG);

    assert_non_null(strstr(script, words));
    free(script);
}

static void
ranges_hold_the_data(void **state)
{
    (void)state;
    expect(0.7, 0.6, 0.8, "set yrange [0.4:1]\n");
    expect(0.4, 0.4, 1, "set yrange [0.4:1]\n");
    /* 4 % of what the data span beyond them. */
    expect(0.5, 0.25, 0.75, "set yrange [0.23:1]\n");
    expect(0.5, NAN, 0.75, "set yrange [0.4:1]\n");
    expect(NAN, 0.1, 0.2, "set yrange [0.4:1]\n");
    expect(0.7, 0.6, 0.8, "using 1:2:3:4 with yerrorlines ls 1");
    expect(0.7, NAN, NAN, "using 1:2 with linespoints ls 1");
    expect(NAN, NAN, NAN, "title 'line (no values)'");
    expect(0.7, 0.6, 0.8, "1 0.7 0.6 0.8\nEND\n");
}

/* Panels whose x is logarithmic, from low to high. */
static void
expect_tics(double low, double high, const char *words)
{
    const struct hs_canvas c = {.picture = HS_PICTURE_PNG};
    struct hs_figure f = {0};
    struct hs_panel *p = hs_figure_add(&f, "panel");
    struct hs_series *s = hs_panel_add(p, "line", HS_ROLE_PLAIN);
    struct hs_buf b = {0};

    p->x.log = true;
    hs_series_put(s, low, 1, NAN, NAN);
    hs_series_put(s, high, 2, NAN, NAN);
    /* On no place of the axis. */
    hs_series_put(s, 0, 3, NAN, NAN);
    hs_figure_script(&f, &c, &b);
    hs_figure_free(&f);
    assert_non_null(strstr(hs_buf_cstr(&b), words));
    hs_buf_free(&b);
}

static void
logarithms_have_tics(void **state)
{
    (void)state;
    /* At least a factor of 4 is shown. */
    expect_tics(5, 5,
                "set xrange [2.5:10]\nset xtics ('3' 3, '4' 4, '5' 5, "
                "'6' 6, '7' 7, '8' 8, '9' 9, '10' 10)\n");
    expect_tics(0.023, 23,
                "set xrange [0.02:26.45]\nset xtics ('0.02' 0.02, "
                "'0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, "
                "'1' 1, '2' 2, '5' 5, '10' 10, '20' 20)\n");
    expect_tics(1, 1e6, "set xtics autofreq\n");
}

/* ---- what ablations need ---- */

static void
expect_words(const struct hs_figure *f, enum hs_picture picture, size_t height,
             const char *const *words)
{
    const struct hs_canvas c = {.picture = picture, .height = height};
    struct hs_buf b = {0};

    hs_figure_script(f, &c, &b);
    for (size_t i = 0; words[i] != NULL; i++)
        if (strstr(hs_buf_cstr(&b), words[i]) == NULL)
            fail_msg("the script lacks: %s", words[i]);
    hs_buf_free(&b);
}

static void
panels_lie_sideways(void **state)
{
    static const char *const picture[] = {
        "set xlabel 'accuracy'\nset ylabel ''\n",
        "unset logscale x\nset xrange [0.23:0.77]\n",
        "unset logscale y\nset yrange [3:0]\nset ytics ('a' 1, 'b%%' 2)\n",
        "$p1s1 using 2:1:3:4 with xerrorbars ls 1 notitle",
        "$p1s2 using 2:1 with points ls 2 notitle",
        "$p1s3 using 2:1:3:4:(0):(3) every ::0::0 with boxxyerror fc",
        "$p1s3 using 2:1 with lines ls 3 notitle",
        /* 20 pixels for each of 3 distances, beside what is around. */
        "set terminal svg size 493,152 ", NULL};
    static const char *const text[] = {
        /* One line from row to row; title, frame, tics, label and legend. */
        "set terminal dumb nofeed noenhanced size 80,9\n",
        "set tmargin 1\nset bmargin 4\nset bars 0\n",
        "$p1s1 using 2:1:3:4 with xerrorbars ls 1 notitle",
        "$p1s1 using 2:1 with points ls 1 title 'arms'",
        "$p1s3 using 3:1 with lines lt 0 notitle",
        "$p1s3 using 4:1 with lines lt 0 notitle",
        NULL};
    static const char *const high[] = {"size 80,15\n", NULL};
    struct hs_figure f = {0};
    struct hs_panel *p = hs_figure_add(&f, "panel");
    struct hs_series *s;

    (void)state;
    p->sideways = true;
    p->x.from = 0;
    p->x.to = 3;
    hs_axis_label(&p->y, "accuracy");
    hs_axis_tic(&p->x, 1, "a");
    hs_axis_tic(&p->x, 2, "b%");
    s = hs_panel_add(p, "arms", HS_ROLE_MAIN);
    hs_series_put(s, 1, 0.5, 0.25, 0.75);
    hs_series_put(s, 2, 0.5, 0.4, 0.6);
    s = hs_panel_add(p, "draws", HS_ROLE_SPOTS);
    hs_series_put(s, 2, 0.5, NAN, NAN);
    s = hs_panel_add(p, "none", HS_ROLE_BAND);
    hs_series_put(s, 0, 0.5, 0.45, 0.55);
    hs_series_put(s, 3, 0.5, 0.45, 0.55);
    expect_words(&f, HS_PICTURE_SVG, 0, picture);
    expect_words(&f, HS_PICTURE_TEXT, 0, text);
    expect_words(&f, HS_PICTURE_TEXT, 5, text);
    expect_words(&f, HS_PICTURE_TEXT, 17, high);
    hs_figure_free(&f);
}

static void
panels_share_a_range(void **state)
{
    static const char *const apart[] = {"set yrange [0.48:1.02]\n",
                                        "set yrange [1.96:3.04]\n", NULL};
    static const char *const together[] = {"set yrange [0.4:3.1]\n", NULL};
    struct hs_figure f = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hs_series *s =
            hs_panel_add(hs_figure_add(&f, "panel"), "line", HS_ROLE_PLAIN);

        hs_series_put(s, 1, i == 0 ? 0.5 : 2, NAN, NAN);
        hs_series_put(s, 2, i == 0 ? 1 : 3, NAN, NAN);
    }
    expect_words(&f, HS_PICTURE_SVG, 0, apart);
    f.same_y = true;
    expect_words(&f, HS_PICTURE_SVG, 0, together);
    hs_figure_free(&f);
}

static void
shares_are_logarithmic(void **state)
{
    static const char *const words[] = {
        "set logscale x\nset xrange [0.005:0.02]\nset xtics ('100%%' 1, ",
        /* Apart by a factor. */
        "$p1s1 using ($1*0.6065):2:3:4 with yerrorlines ls 1",
        "$p1s2 using ($1*1.649):2:3:4 with yerrorlines ls 2",
        /* A band of one point would not be seen. */
        "$p1s3 using 1:2:3:4 with yerrorlines ls 3 notitle", NULL};
    static const char *const text[] = {
        "$p1s3 using 1:2:3:4 with yerrorbars ls 3 notitle, \\\n"
        "  $p1s3 using 1:2 with points ls 3 title 'c'",
        NULL};
    static const enum hs_role roles[] = {HS_ROLE_MAIN, HS_ROLE_MAIN,
                                         HS_ROLE_BAND};
    struct hs_figure f = {0};
    struct hs_panel *p = hs_figure_add(&f, "panel");

    (void)state;
    hs_axis_share(&p->x, "share");
    p->dodge = 1;
    for (size_t i = 0; i < 3; i++) {
        const char name[] = {(char)('a' + i), '\0'};

        hs_series_put(hs_panel_add(p, name, roles[i]), 0.01, 0.5, 0.4, 0.6);
    }
    expect_words(&f, HS_PICTURE_PNG, 0, words);
    expect_words(&f, HS_PICTURE_TEXT, 0, text);
    hs_figure_free(&f);
}

static void
pages_are_trimmed(void **state)
{
    static const struct {
        const char *page, *trimmed;
    } cases[] = {{"", ""},
                 {"\f\n \n  a  \n\n b", "  a\n\n b\n"},
                 {"  \n\n", ""},
                 {"a\n\f\nb\n", "a\n\nb\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hs_buf b = {0};

        hs_buf_str(&b, cases[i].page);
        hs_trim_page(&b);
        assert_string_equal(hs_buf_cstr(&b), cases[i].trimmed);
        hs_buf_free(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_quoted),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(ranges_hold_the_data),
        cmocka_unit_test(logarithms_have_tics),
        cmocka_unit_test(panels_lie_sideways),
        cmocka_unit_test(panels_share_a_range),
        cmocka_unit_test(shares_are_logarithmic),
        cmocka_unit_test(pages_are_trimmed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
