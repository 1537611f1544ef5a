/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * split.c - see split.h.
 */
#include <config.h>

#include "probe/split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"

static size_t
held_out(const struct hs_trajset *s, char digest[17])
{
    uint64_t sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n_problems; i++) {
        if (!s->problem_val[i])
            continue;
        sum += XXH3_64bits(s->problems[i], strlen(s->problems[i]));
        n++;
    }
    (void)snprintf(digest, 17, "%016" PRIx64, sum);
    return n;
}

json_t *
hs_split_json(const struct hs_trajset *s, double share, uint64_t seed,
              bool from_file)
{
    json_t *j = json_object();
    char digest[17];
    size_t n = held_out(s, digest);

    json_object_set_new(j, "val", from_file ? json_null() : json_real(share));
    json_object_set_new(j, "seed", json_integer((json_int_t)seed));
    json_object_set_new(j, "n_problems",
                        json_integer((json_int_t)s->n_problems));
    json_object_set_new(j, "n_val", json_integer((json_int_t)n));
    json_object_set_new(j, "digest", json_string(digest));
    return j;
}

int
hs_split_again(struct hs_trajset *s, const json_t *j, struct hs_error *err)
{
    double share = 0;
    uint64_t seed = 0, n = 0, n_val = 0;
    const char *digest = NULL;
    char now[17];
    int has_share = hs_json_f64(j, "val", "split", &share, err);

    if (has_share < 0 ||
        hs_json_u64(j, "seed", "split", 0, INT64_MAX, &seed, err) < 0 ||
        hs_json_u64(j, "n_problems", "split", 0, INT64_MAX, &n, err) < 0 ||
        hs_json_u64(j, "n_val", "split", 0, INT64_MAX, &n_val, err) < 0 ||
        hs_json_str(j, "digest", "split", &digest, err) < 0)
        return -1;
    if (digest == NULL)
        return hs_fail(err, "split: digest is missing");
    if (n != s->n_problems)
        return hs_fail(err,
                       "%zu problems with a reward, where the probes had "
                       "%" PRIu64,
                       s->n_problems, n);
    if (has_share && hs_trajset_split(s, share, seed, err) < 0)
        return -1;
    if (held_out(s, now) != n_val || strcmp(now, digest) != 0)
        return hs_fail(err,
                       "the held-out problems are not those of the "
                       "probes");
    return 0;
}
