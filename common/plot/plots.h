/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plots.h - the plots of hs-plot(1): records in, a figure out.
 *
 * Each kind of stream has a file of its own, which alone knows what its records
 * look like: plotprobes.c, plotcurves.c, plotranks.c, plotoverlap.c, plotrpe.c,
 * plottrace.c, plotdepend.c.  Of arms a summary comes in, to plotarms.c.
 */
#ifndef HS_PLOTS_H
#define HS_PLOTS_H

#include "plot/figure.h"
#include "plot/plotdata.h"

struct hs_plot_options {
    char *const *at;                   /* places, ends with NULL */
    char *const *figures, *const *ids; /* likewise, or NULL */
    bool rms; /* importance: against the RMS, not the rank */
    /* Of arms: only these; lists end with NULL.  NULL: all. */
    const struct hs_list *layers;
    char *const *sizes, *const *modes, *const *wheres;
};

struct hs_plot {
    const char *name;
    const char *kind, *maker; /* of the stream, and who writes it */
    const char *const *types; /* of the records, ends with NULL; NULL: arms */
    /* The options that it heeds. */
    bool takes_at, takes_rms, takes_figure, takes_id;
    int (*draw)(const struct hs_plotdata *d, const struct hs_plot_options *o,
                struct hs_figure *f, struct hs_error *err);
};

/* The plot of this name, or NULL. */
const struct hs_plot *hs_plot_find(const char *name);

/* Each adds panels to f.  Returns 0, or -1: a record lacks something, two
 * records say the same thing twice, nothing is of a layer or the like that was
 * asked for. */
HS_MUST_CHECK int hs_plot_auc(const struct hs_plotdata *d,
                              const struct hs_plot_options *o,
                              struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_layers(const struct hs_plotdata *d,
                                 const struct hs_plot_options *o,
                                 struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_training(const struct hs_plotdata *d,
                                   const struct hs_plot_options *o,
                                   struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_pruning(const struct hs_plotdata *d,
                                  const struct hs_plot_options *o,
                                  struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_importance(const struct hs_plotdata *d,
                                     const struct hs_plot_options *o,
                                     struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_overlap(const struct hs_plotdata *d,
                                  const struct hs_plot_options *o,
                                  struct hs_figure *f, struct hs_error *err);

HS_MUST_CHECK int hs_plot_ablation(const struct hs_plotdata *d,
                                   const struct hs_plot_options *o,
                                   struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_dose(const struct hs_plotdata *d,
                               const struct hs_plot_options *o,
                               struct hs_figure *f, struct hs_error *err);

HS_MUST_CHECK int hs_plot_trace(const struct hs_plotdata *d,
                                const struct hs_plot_options *o,
                                struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_volcano(const struct hs_plotdata *d,
                                  const struct hs_plot_options *o,
                                  struct hs_figure *f, struct hs_error *err);
HS_MUST_CHECK int hs_plot_rpe_pruning(const struct hs_plotdata *d,
                                      const struct hs_plot_options *o,
                                      struct hs_figure *f,
                                      struct hs_error *err);
HS_MUST_CHECK int hs_plot_dependence(const struct hs_plotdata *d,
                                     const struct hs_plot_options *o,
                                     struct hs_figure *f, struct hs_error *err);

#endif
