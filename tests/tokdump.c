/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokdump.c - texts to ids, for comparison with other tokenizers.
 *
 * usage: tokdump [-s] [-t REPEATS] tokenizer.json < lines > ids
 *
 * Each line is a JSON string, or an object whose "question" or "problem" is the
 * text.  A line of ids is printed for each, after it was decoded again and
 * compared; -s lets the post-processor add its tokens.  -t prints megabytes a
 * second.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/json.h"
#include "base/msg.h"
#include "base/num.h"
#include "model/tokenizer.h"
#include "model/unicode.h"

struct texts {
    json_t **v; /* owned; strings */
    size_t n, cap, bytes;
};

static double
now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
read_texts(struct texts *all)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_error_t je;
        json_t *v =
            json_loadb(line, (size_t)n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
        json_t *text = json_is_object(v) ? json_object_get(v, "question") : v;

        if (text == NULL)
            text = json_object_get(v, "problem");

        if (!json_is_string(text))
            hs_die(HS_EXIT_FAIL, "line %zu: no text: %s", all->n + 1, je.text);
        all->v = hs_grow(all->v, &all->cap, all->n + 1, sizeof *all->v);
        all->v[all->n++] = json_incref(text);
        all->bytes += json_string_length(text);
        json_decref(v);
    }
    free(line);
}

/* Dies unless ids are text, or its NFC form, again. */
static void
check_round_trip(const struct hs_tokenizer *t, const char *text, size_t n,
                 const struct hs_ids *ids, size_t line)
{
    struct hs_buf back = {0}, nfc = {0};
    struct hs_error err = {{0}};

    if (hs_tokenizer_decode(t, ids->v, ids->n, false, &back, &err) < 0 ||
        hs_nfc(text, n, &nfc, &err) < 0)
        hs_die(HS_EXIT_FAIL, "line %zu: %s", line, err.text);
    if ((back.len != n || (n > 0 && memcmp(back.data, text, n) != 0)) &&
        (back.len != nfc.len || memcmp(back.data, nfc.data, nfc.len) != 0))
        hs_die(HS_EXIT_FAIL, "line %zu: decodes to something else", line);
    hs_buf_free(&back);
    hs_buf_free(&nfc);
}

static void
dump(const struct hs_tokenizer *t, const struct texts *all, bool special)
{
    struct hs_ids ids = {0};
    struct hs_error err = {{0}};

    for (size_t i = 0; i < all->n; i++) {
        const char *text = json_string_value(all->v[i]);
        size_t n = json_string_length(all->v[i]);

        ids.n = 0;
        if (hs_tokenizer_encode(t, text, n, special, &ids, &err) < 0)
            hs_die(HS_EXIT_FAIL, "line %zu: %s", i + 1, err.text);
        for (size_t k = 0; k < ids.n; k++)
            printf("%s%" PRIu32, k ? " " : "", ids.v[k]);
        putchar('\n');
        if (!special)
            check_round_trip(t, text, n, &ids, i + 1);
    }
    hs_ids_free(&ids);
}

static void
measure(const struct hs_tokenizer *t, const struct texts *all, uint64_t repeats)
{
    for (uint64_t r = 0; r < repeats; r++) {
        struct hs_ids ids = {0};
        struct hs_error err = {{0}};
        double start = now();

        for (size_t i = 0; i < all->n; i++)
            if (hs_tokenizer_encode(t, json_string_value(all->v[i]),
                                    json_string_length(all->v[i]), false, &ids,
                                    &err) < 0)
                hs_die(HS_EXIT_FAIL, "line %zu: %s", i + 1, err.text);
        printf("%.2f\n", 1e-6 * (double)all->bytes / (now() - start));
        hs_ids_free(&ids);
    }
}

int
main(int argc, char **argv)
{
    struct texts all = {0};
    struct hs_error err = {{0}};
    struct hs_tokenizer *t;
    uint64_t repeats = 0;
    bool special = false;
    double start;
    int c;

    hs_init(argv);
    while ((c = getopt(argc, argv, "st:")) != -1) {
        if (c == 's')
            special = true;
        else if (c == 't')
            repeats = hs_parse_u64("-t", optarg, 1, 1000);
        else
            hs_die(HS_EXIT_USAGE, "usage: tokdump [-s] [-t N] tokenizer.json");
    }
    if (optind + 1 != argc)
        hs_die(HS_EXIT_USAGE, "usage: tokdump [-s] [-t N] tokenizer.json");
    read_texts(&all);
    start = now();
    t = hs_tokenizer_open(argv[optind], &err);
    if (t == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    if (repeats > 0) {
        printf("open %.3f s\n", now() - start);
        measure(t, &all, repeats);
    } else {
        dump(t, &all, special);
    }
    hs_tokenizer_free(t);
    for (size_t i = 0; i < all.n; i++)
        json_decref(all.v[i]);
    free(all.v);
    return hs_finish(HS_EXIT_OK);
}
