/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armfiles.h - where arms take rankings and lists from.
 */
#ifndef HS_ARMFILES_H
#define HS_ARMFILES_H

#include <stdbool.h>
#include <stdint.h>

#include "ablate/armlist.h"
#include "ablate/arms.h"

/* The rankings of one target in a stream; all borrowed. */
struct hs_rank_source {
    const struct hs_rankings *all;
    const char *name; /* for messages; NULL: "the ranking" */
    bool one_target;  /* else all must be of one */
    enum hs_target target;
};

/* Whether they are rankings of that model and of one target.  Returns 0, or
 * -1. */
HS_MUST_CHECK int hs_rank_source_check(const struct hs_rank_source *s,
                                       const struct hs_model *m,
                                       struct hs_error *err);

/* The ranking of a layer.  Returns 0, or -1: there is none, or several. */
HS_MUST_CHECK int hs_rank_source_find(const struct hs_rank_source *s,
                                      uint32_t layer,
                                      const struct hs_ranking **out,
                                      struct hs_error *err);

/* What stands in the file of a word of --arms; empty for a word without. */
struct hs_arm_file {
    const char *path;         /* borrowed; NULL: none */
    struct hs_arm_list list;  /* of file */
    struct hs_rankings ranks; /* of ntp and terminal */
    enum hs_target target;
};

/* Returns 0, or -1: the file is not to be read, or has no ranking of that
 * target for one of layers. */
HS_MUST_CHECK int hs_arm_file_read(struct hs_arm_file *f,
                                   const struct hs_arm_spec *spec,
                                   const struct hs_model *m,
                                   const struct hs_list *layers,
                                   struct hs_error *err);
void hs_arm_file_free(struct hs_arm_file *f);

/* The ranking of one of these layers; NULL for a file without. */
const struct hs_ranking *hs_arm_file_ranking(const struct hs_arm_file *f,
                                             uint32_t layer);

#endif
