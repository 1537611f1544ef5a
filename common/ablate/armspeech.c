/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * armspeech.c - whether an arm can still speak, see armdata.h.
 */
#include <config.h>

#include "ablate/armdata.h"

#define STILL_SPEAKS  1.5 /* ratios of perplexity */
#define HARDLY_SPEAKS 5.0
#define A_TENTH       0.1 /* of answers */
#define HALF          0.5

/* 0, 1 or 2 as x is below a, below b or not; 0 if it is unknown. */
static int
grade_of(double x, double a, double b)
{
    return x >= b ? 2 : x >= a ? 1 : 0;
}

static int
worse(int a, int b)
{
    return a > b ? a : b;
}

/* How badly speech is damaged: the worst of what was measured.  A neutral text
 * that the model cannot score anyway says nothing. */
int
hs_armspeech_damage(const struct hs_arm_result *none,
                    const struct hs_arm_result *r)
{
    int worst =
        grade_of(r->own_ppl / none->own_ppl, STILL_SPEAKS, HARDLY_SPEAKS);

    if (none->neutral_ppl < HS_KNOWN_TEXT)
        worst = worse(worst, grade_of(r->neutral_ppl / none->neutral_ppl,
                                      STILL_SPEAKS, HARDLY_SPEAKS));
    worst = worse(worst, grade_of(none->eos - r->eos, A_TENTH, HALF));
    worst = worse(worst, grade_of(none->parsed - r->parsed, A_TENTH, HALF));
    return worse(worst,
                 grade_of(r->repetition - none->repetition, A_TENTH, HALF));
}
