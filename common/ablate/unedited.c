/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unedited.c - see unedited.h.
 */
#include <config.h>

#include "ablate/unedited.h"

#include <inttypes.h>
#include <string.h>

static int
check_run(const struct hs_head *head, const char *name, struct hs_error *err)
{
    const json_t *edit = json_object_get(head->run, "edit");

    if (edit != NULL && !json_is_null(edit))
        return hs_fail(err,
                       "%s: states of an edited model (run.edit), where those "
                       "of the unedited one are needed",
                       name);
    return 0;
}

int
hs_unedited_check(struct hs_reader *r, const char *name,
                  const struct hs_list *layers, struct hs_error *err)
{
    const struct hs_head *head = hs_reader_head(r);

    if (head == NULL)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (strcmp(head->kind, "activations") != 0)
        return hs_fail(err, "%s: a stream of %s, not of activations", name,
                       head->kind);
    if (head->dim == 0)
        return hs_fail(err, "%s: states of width 0", name);
    for (size_t i = 0; i < layers->n; i++)
        if (!hs_list_has(&head->layers, layers->v[i]))
            return hs_fail(err, "%s: layer %" PRIu32 " is not in the stream",
                           name, layers->v[i]);
    return check_run(head, name, err);
}

int
hs_unedited_read(struct hs_reader *r, const char *name, struct hs_record *rec,
                 uint64_t *segments, struct hs_error *err)
{
    int rc = hs_read(r, rec);

    if (rc < 0)
        return hs_fail(err, "%s", hs_reader_error(r));
    if (rc > 0 && hs_reader_segments(r) != *segments) {
        *segments = hs_reader_segments(r);
        if (check_run(hs_reader_head(r), name, err) < 0)
            return -1;
    }
    return rc;
}
