/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plots.c - see plots.h.
 */
#include <config.h>

#include "plot/plots.h"

#include <string.h>

static const char *const evaluated[] = {"probe", "baseline", NULL};
static const char *const probes[] = {"probe", NULL};
static const char *const curves[] = {"curve", NULL};
static const char *const rankings[] = {"ranking", NULL};
static const char *const traces[] = {"trace", NULL};
static const char *const coordinates[] = {"rpe-coordinates", NULL};
static const char *const rpe_curves[] = {"rpe-curve", NULL};
static const char *const dependence[] = {"dependence", NULL};
static const char *const overlaps[] = {"overlap", NULL};

static const struct hs_plot plots[] = {
    {.name = "auc",
     .kind = "probes",
     .maker = "probe-fit",
     .types = evaluated,
     .draw = hs_plot_auc},
    {.name = "layers",
     .kind = "probes",
     .maker = "probe-fit",
     .types = evaluated,
     .takes_at = true,
     .draw = hs_plot_layers},
    {.name = "training",
     .kind = "probes",
     .maker = "probe-fit",
     .types = probes,
     .draw = hs_plot_training},
    {.name = "pruning",
     .kind = "rankings",
     .maker = "neuron-rank --curve",
     .types = curves,
     .takes_at = true,
     .draw = hs_plot_pruning},
    {.name = "importance",
     .kind = "rankings",
     .maker = "neuron-rank",
     .types = rankings,
     .takes_rms = true,
     .draw = hs_plot_importance},
    {.name = "overlap",
     .kind = "overlaps",
     .maker = "neuron-rank --iou",
     .types = overlaps,
     .draw = hs_plot_overlap},
    {.name = "ablation",
     .kind = "arms",
     .maker = "ablate-eval",
     .draw = hs_plot_ablation},
    {.name = "dose",
     .kind = "arms",
     .maker = "ablate-eval",
     .draw = hs_plot_dose},
    {.name = "trace",
     .kind = "rpe",
     .maker = "rpe-scan --trace",
     .types = traces,
     .takes_id = true,
     .draw = hs_plot_trace},
    {.name = "volcano",
     .kind = "rpe",
     .maker = "rpe-scan",
     .types = coordinates,
     .draw = hs_plot_volcano},
    {.name = "rpe-pruning",
     .kind = "rpe",
     .maker = "rpe-scan --mode=td",
     .types = rpe_curves,
     .takes_figure = true,
     .draw = hs_plot_rpe_pruning},
    {.name = "dependence",
     .kind = "rpe",
     .maker = "rpe-scan --dependence",
     .types = dependence,
     .draw = hs_plot_dependence},
};

const struct hs_plot *
hs_plot_find(const char *name)
{
    for (size_t i = 0; i < sizeof plots / sizeof plots[0]; i++)
        if (strcmp(plots[i].name, name) == 0)
            return &plots[i];
    return NULL;
}
