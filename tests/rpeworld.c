/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpeworld.c - how many of the dopamine neurons of a world surprise.h finds,
 * and what else, over draws of the world.
 *
 * usage: rpeworld [options of hs-synth] [--draws=N] [--v0=truth|rollouts]
 *     [--value-known] [--quantile=Q] [--window=W] [--znorm=Z]
 *     [--permutations=P] [--alpha=A]
 *
 * Prints a line for each world: how many of the dopamine neurons are found, how
 * many others, and the same of score_q and of adj_q; then the names of what was
 * found falsely.  The last line has precision, recall, and in how many worlds
 * anything was found falsely.  --value-known takes the planted V(s_t) out of z
 * for the adjusted score.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"
#include "base/tempfile.h"
#include "probe/synthopt.h"
#include "rpe/surprise.h"

struct options {
    struct hs_synth_options world;
    struct hs_surprise_options scan;
    uint64_t draws;
    bool rollouts, value_known;
};

struct counts {
    size_t found, others;
};

static const char *
role_of(const struct hs_synth_coord *c)
{
    static const char *const roles[] = {"plain", "value", "dopamine",
                                        "distractor"};
    static const char *const confounds[] = {"prompt", "response", "position",
                                            "difficulty"};

    return c->role == HS_SYNTH_CONFOUND ? confounds[c->which] : roles[c->role];
}

static int
read_world(const struct hs_synth *w, struct hs_trajset *s, struct hs_team *team,
           struct hs_error *err)
{
    struct hs_list all = {.all = true};
    FILE *f = hs_tempfile(NULL, err);
    struct hs_head head;
    struct hs_writer *writer;
    struct hs_reader *r;
    int fd, rc;

    if (f == NULL)
        return -1;
    hs_synth_head(w, &head);
    writer = hs_writer_open(fileno(f), "world", &head, 1, err);
    hs_head_free(&head);
    if (writer == NULL)
        return -1;
    if (hs_synth_write(w, writer, team, NULL, err) < 0 ||
        hs_writer_close(writer, err) < 0)
        return -1;
    fd = dup(fileno(f));
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return hs_fail(err, "%s", strerror(errno));
    r = hs_reader_open(fd, "world");
    rc = hs_trajset_read(s, r, "world", &all, (uint64_t)1 << 32, err);
    hs_reader_close(r);
    (void)fclose(f);
    return rc;
}

/* V as it was planted. */
static void
take_truth(const struct hs_synth *w, const struct hs_trajset *s, double *v0,
           double *v_t)
{
    struct hs_synth_path p = {0};

    for (size_t j = 0; j < s->n; j++) {
        const struct hs_traj *t = &s->traj[j];

        hs_synth_path(w, j, &p);
        if (p.length != t->length)
            hs_die(HS_EXIT_FAIL, "trajectory %zu is another one", j);
        v0[j] = p.v[0];
        for (size_t i = 0; i < t->n_states; i++)
            v_t[t->first + i] = p.v[s->t[t->first + i]];
    }
    hs_synth_path_free(&p);
}

static struct counts
count(const struct hs_synth *w, const float *q, double alpha)
{
    struct counts c = {0, 0};

    for (size_t j = 0; j < w->o.width; j++)
        if ((double)q[j] <= alpha) {
            if (w->coord[j].role == HS_SYNTH_DOPAMINE)
                c.found++;
            else
                c.others++;
        }
    return c;
}

static struct counts
scan(const struct options *o, struct hs_team *team)
{
    struct hs_error err;
    struct hs_synth w;
    struct hs_trajset s = {0};
    struct hs_rpe_coordinates c;
    struct counts n[3];
    json_t *summary;
    double *v0, *v_t;

    if (hs_synth_init(&w, &o->world, &err) < 0 ||
        read_world(&w, &s, team, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    hs_trajset_stats(&s, team);
    v0 = hs_calloc(s.n, sizeof *v0);
    v_t = hs_calloc(s.n_states, sizeof *v_t);
    take_truth(&w, &s, v0, v_t);
    if (o->rollouts)
        (void)hs_rpe_v0_rollouts(&s, v0);
    if (hs_rpe_surprise(&s, 0, v0, o->value_known ? v_t : NULL, &o->scan, team,
                        &c, &summary, &err) < 0)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    n[0] = count(&w, c.q, o->scan.alpha);
    n[1] = count(&w, c.score_q, o->scan.alpha);
    n[2] = count(&w, c.adj_q, o->scan.alpha);
    printf(
        "seed %llu\tpleasant %lld unpleasant %lld\tfound %zu+%zu\tscore "
        "%zu+%zu\tadjusted %zu+%zu",
        (unsigned long long)o->world.seed,
        (long long)json_integer_value(json_object_get(summary, "pleasant")),
        (long long)json_integer_value(json_object_get(summary, "unpleasant")),
        n[0].found, n[0].others, n[1].found, n[1].others, n[2].found,
        n[2].others);
    for (size_t j = 0; j < w.o.width; j++)
        if (c.found[j] && w.coord[j].role != HS_SYNTH_DOPAMINE)
            printf("\t%s %zu", role_of(&w.coord[j]), j);
    for (size_t j = 0; j < w.o.width; j++)
        if (c.found[j] && w.coord[j].role == HS_SYNTH_DOPAMINE &&
            hs_rpe_sign(&c, j) * w.coord[j].effect < 0)
            hs_die(HS_EXIT_FAIL, "dopamine neuron %zu has the wrong sign", j);
    putchar('\n');
    json_decref(summary);
    hs_rpe_coordinates_free(&c);
    free(v0);
    free(v_t);
    hs_trajset_free(&s);
    hs_synth_free(&w);
    return n[0];
}

static void
parse_options(struct options *o, int argc, char **argv)
{
    static const struct option own[] = {
        {"draws", 1, NULL, 1},
        {"v0", 1, NULL, 2},
        {"value-known", 0, NULL, 3},
        {"quantile", 1, NULL, 4},
        {"window", 1, NULL, 5},
        {"znorm", 1, NULL, 6},
        {"permutations", 1, NULL, 7},
        {"alpha", 1, NULL, 8},
        {"confound-effect", 1, NULL, HS_SYNTH_OPT_CONFOUND_EFFECT},
        {"confounding", 1, NULL, HS_SYNTH_OPT_CONFOUNDING},
        {"confounds", 1, NULL, HS_SYNTH_OPT_CONFOUNDS},
        {"distractors", 1, NULL, HS_SYNTH_OPT_DISTRACTORS},
        {"dopamine", 1, NULL, HS_SYNTH_OPT_DOPAMINE},
        {"dopamine-at", 1, NULL, HS_SYNTH_OPT_DOPAMINE_AT},
        {"dopamine-effect", 1, NULL, HS_SYNTH_OPT_DOPAMINE_EFFECT},
        {"draw", 1, NULL, HS_SYNTH_OPT_DRAW},
        {"dtype", 1, NULL, HS_SYNTH_OPT_DTYPE},
        {"effect", 1, NULL, HS_SYNTH_OPT_EFFECT},
        {"factor-share", 1, NULL, HS_SYNTH_OPT_FACTOR_SHARE},
        {"factors", 1, NULL, HS_SYNTH_OPT_FACTORS},
        {"known", 1, NULL, HS_SYNTH_OPT_KNOWN},
        {"layers", 1, NULL, HS_SYNTH_OPT_LAYERS},
        {"length", 1, NULL, HS_SYNTH_OPT_LENGTH},
        {"massive", 1, NULL, HS_SYNTH_OPT_MASSIVE},
        {"massive-at", 1, NULL, HS_SYNTH_OPT_MASSIVE_AT},
        {"noise-static", 1, NULL, HS_SYNTH_OPT_NOISE_STATIC},
        {"positions", 1, NULL, HS_SYNTH_OPT_POSITIONS},
        {"prompt", 1, NULL, HS_SYNTH_OPT_PROMPT},
        {"reward-rate", 1, NULL, HS_SYNTH_OPT_REWARD_RATE},
        {"rollouts", 1, NULL, HS_SYNTH_OPT_ROLLOUTS},
        {"samples", 1, NULL, HS_SYNTH_OPT_SAMPLES},
        {"scales", 1, NULL, HS_SYNTH_OPT_SCALES},
        {"shared-noise", 1, NULL, HS_SYNTH_OPT_SHARED_NOISE},
        {"sink-at", 1, NULL, HS_SYNTH_OPT_SINK_AT},
        {"sinks", 1, NULL, HS_SYNTH_OPT_SINKS},
        {"step-every", 1, NULL, HS_SYNTH_OPT_STEP_EVERY},
        {"trajectories", 1, NULL, HS_SYNTH_OPT_TRAJECTORIES},
        {"value", 1, NULL, HS_SYNTH_OPT_VALUE},
        {"value-at", 1, NULL, HS_SYNTH_OPT_VALUE_AT},
        {"value-layers", 1, NULL, HS_SYNTH_OPT_VALUE_LAYERS},
        {"width", 1, NULL, HS_SYNTH_OPT_WIDTH},
        {"seed", 1, NULL, 's'},
        {NULL, 0, NULL, 0}};
    int c;

    hs_synth_options_init(&o->world);
    hs_surprise_options_init(&o->scan);
    o->draws = 1;
    while ((c = getopt_long(argc, argv, "s:", own, NULL)) != -1)
        if (c == 1)
            o->draws = hs_parse_u64("--draws", optarg, 1, 100000);
        else if (c == 2)
            o->rollouts = strcmp(optarg, "rollouts") == 0;
        else if (c == 3)
            o->value_known = true;
        else if (c == 4)
            o->scan.quantile = hs_parse_f64("--quantile", optarg, 0, 0.5);
        else if (c == 5)
            o->scan.window = hs_parse_u64("--window", optarg, 1, 999);
        else if (c == 6) {
            if (hs_znorm_parse(optarg, &o->scan.znorm) < 0)
                hs_die(HS_EXIT_USAGE, "--znorm: '%s'", optarg);
        } else if (c == 7)
            o->scan.n_permutations =
                hs_parse_u64("--permutations", optarg, 1, 10000000);
        else if (c == 8)
            o->scan.alpha = hs_parse_f64("--alpha", optarg, 0, 1);
        else if (!hs_parse_synth_option(&o->world, c, optarg))
            hs_die_usage();
}

int
main(int argc, char **argv)
{
    struct options o = {.draws = 0};
    struct hs_error err;
    struct hs_team *team;
    size_t found = 0, others = 0, with_others = 0, planted;

    hs_init(argv);
    parse_options(&o, argc, argv);
    team = hs_team_new(1, &err);
    if (team == NULL)
        hs_die(HS_EXIT_FAIL, "%s", err.text);
    for (uint64_t k = 0; k < o.draws; k++) {
        struct counts c = scan(&o, team);

        found += c.found;
        others += c.others;
        with_others += c.others > 0;
        o.world.seed++; /* other neurons, other answers */
    }
    planted = (o.world.dopamine.at.n > 0 ? o.world.dopamine.at.n
                                         : o.world.dopamine.n) *
              o.draws;
    printf("precision %.4f recall %.4f false %zu/%llu\n",
           found + others > 0 ? (double)found / (double)(found + others) : 1,
           planted > 0 ? (double)found / (double)planted : 1, with_others,
           (unsigned long long)o.draws);
    hs_synth_options_free(&o.world);
    hs_team_free(team);
    return hs_finish(HS_EXIT_OK);
}
