/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * split.c - see split.h.
 */
#include <config.h>

#include "probe/split.h"

#include <inttypes.h>
#include <string.h>

#include <xxhash.h>

#include "base/json.h"

void
hs_split_digest(const struct hs_trajset *s, char out[33])
{
    unsigned __int128 sum = 0;

    for (size_t i = 0; i < s->n_problems; i++) {
        XXH128_hash_t h = XXH3_128bits_withSeed(
            s->problems[i], strlen(s->problems[i]), s->problem_val[i] ? 1 : 0);

        sum += (unsigned __int128)h.high64 << 64 | h.low64;
    }
    hs_digest_text(sum, out);
}

json_t *
hs_split_json(const struct hs_trajset *s, double share, uint64_t seed)
{
    json_t *j = json_object();
    char digest[33];

    hs_split_digest(s, digest);
    json_object_set_new(j, "share", json_real(share));
    json_object_set_new(j, "seed", json_integer((json_int_t)seed));
    json_object_set_new(j, "digest", json_string(digest));
    return j;
}

/* A seed beyond 2^53 was read back as a string. */
static int
read_seed(const json_t *split, uint64_t *seed, struct hs_error *err)
{
    const json_t *v = json_object_get(split, "seed");

    if (json_is_string(v))
        return hs_scan_u64(json_string_value(v), 0, UINT64_MAX, seed, err);
    return hs_json_u64(split, "seed", "split", 0, UINT64_MAX, seed, err) == 1
               ? 0
               : hs_fail(err, "split: seed is missing");
}

int
hs_split_repeat(struct hs_trajset *s, const json_t *run, const char *name,
                struct hs_error *err)
{
    const json_t *split = json_object_get(run, "split");
    const char *digest = NULL;
    uint64_t seed = 0;
    double share = 0;
    char now[33];

    if (!json_is_object(split) ||
        hs_json_f64(split, "share", "split", &share, err) != 1 ||
        hs_json_str(split, "digest", "split", &digest, err) != 1 ||
        read_seed(split, &seed, err) < 0)
        return hs_fail(err, "the probes do not say how problems were split");
    if (hs_trajset_split(s, share, seed, err) < 0)
        return hs_fail_prefix(err, "%s", name);
    hs_split_digest(s, now);
    if (strcmp(now, digest) != 0)
        return hs_fail(err,
                       "%s: its %zu problems are not those that the probes "
                       "were fitted to: split %s, not %s",
                       name, s->n_problems, now, digest);
    return 0;
}
