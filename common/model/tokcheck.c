/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tokcheck.c - see tokcheck.h.
 */
#include <config.h>

#include "model/tokcheck.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"

int
hs_tok_known(const json_t *obj, const char *where, const char *const *known,
             struct hs_error *err)
{
    void *it = json_object_iter((json_t *)(uintptr_t)obj);

    for (; it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)obj, it)) {
        size_t i = 0;

        while (known[i] != NULL &&
               strcmp(known[i], json_object_iter_key(it)) != 0)
            i++;
        if (known[i] == NULL)
            return hs_fail(err, "%s: \"%.64s\" is not supported", where,
                           json_object_iter_key(it));
    }
    return 0;
}

const char *
hs_tok_type(const json_t *part, const char *where, struct hs_error *err)
{
    const char *type = NULL;

    if (!json_is_object(part))
        hs_fail(err, "%s: not an object", where);
    else if (hs_json_str(part, "type", where, &type, err) == 0)
        hs_fail(err, "%s: type: missing", where);
    return type;
}

int
hs_tok_refuse_type(const char *where, const char *type, struct hs_error *err)
{
    return hs_fail(err, "%s: type \"%.64s\" is not supported", where, type);
}

int
hs_tok_bool(const json_t *obj, const char *key, const char *where, bool *out,
            struct hs_error *err)
{
    int rc = hs_json_bool(obj, key, where, out, err);

    return rc != 0 ? rc : hs_fail(err, "%s: %s: missing", where, key);
}

int
hs_tok_refuse_true(const json_t *obj, const char *key, const char *where,
                   struct hs_error *err)
{
    bool v = false;

    if (hs_json_bool(obj, key, where, &v, err) < 0)
        return -1;
    return v ? hs_fail(err, "%s: %s true is not supported", where, key) : 0;
}

int
hs_tok_list(const json_t *v, const char *where, struct hs_error *err)
{
    return json_is_array(v) ? 0 : hs_fail(err, "%s: not a list", where);
}
