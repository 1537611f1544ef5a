// SPDX-License-Identifier: GPL-3.0-or-later
//
// Trains a small Qwen2-shaped decoder on the CPU: AdamW over batches of
// sequences, of which each thread takes one at a time; OpenBLAS multiplies
// matrices. It is how the default model was made, not a part of hstools.
//
//   cc -O3 -march=native -fopenmp -o trainer trainer.c learner.c -lopenblas -lm

#include "learner.h"

#include <cblas.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARMUP_STEPS 200.0
#define LAST_RATE    0.03 /* of the highest */
#define WEIGHT_DECAY 0.05f
#define BETA1        0.9f
#define BETA2        0.95f
#define PI           3.14159265358979323846

static const char usage[] =
    "usage: trainer [options] SEQUENCES WEIGHTS\n"
    "       trainer --check\n"
    "\n"
    "Train on SEQUENCES (of sequences.py) and save WEIGHTS (for export.py).\n"
    "\n"
    "  --minutes N     how long to train (27)\n"
    "  --steps N       how many steps to train, instead of minutes\n"
    "  --init FILE     start from these weights\n"
    "  --rate X        highest learning rate (0.001)\n"
    "  --batch N       sequences a step (64)\n"
    "  --seed N        of the first weights and the order (1)\n"
    "  --report N      seconds between reports, which also save (60)\n"
    "  --dim N  --layers N  --heads N  --kv-heads N  --ffn N  --vocab N\n"
    "                  the shape (256 4 4 2 640 472)\n"
    "  --check         compare gradients with finite differences, on a small\n"
    "                  random model\n"
    "  --help          print this help\n";

struct options {
    double minutes, report, rate;
    long steps, batch, seed;
    struct shape shape;
    const char *init, *input, *output;
    bool check;
};

struct sequences {
    uint16_t *data;
    size_t *start; /* (count): of length, prompt length, ids */
    size_t *order; /* (count): the shuffled order of this epoch */
    size_t count, next;
};

struct trainer {
    struct model model;
    struct worker **workers; /* (n_workers) */
    int n_workers;
    float *mean, *square; /* (n_params): AdamW's running moments */
    double loss, n_targets, n_hits, norm; /* since the last report */
};

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- files ---- */

static void *
read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(path, strerror(errno));
    long length = ftell(file);
    if (length <= 0)
        die(path, "is empty or has no length");
    rewind(file);
    void *data = allocate((size_t)length, 1);
    if (fread(data, 1, (size_t)length, file) != (size_t)length)
        die(path, "cannot be read");
    fclose(file);
    *size = (size_t)length;
    return data;
}

/* Checks the sequence at data and returns how many integers it takes. */
static size_t
sequence_size(const char *path, const uint16_t *data, size_t left, int n_vocab)
{
    if (left < 2 || data[0] < 2 || data[0] > MAX_TOKENS || data[0] > left - 2 ||
        data[1] >= data[0])
        die(path, "is not a file of sequences");
    for (size_t i = 0; i < data[0]; i++)
        if (data[2 + i] >= n_vocab)
            die(path, "has a token beyond the vocabulary");
    return (size_t)data[0] + 2;
}

static struct sequences
read_sequences(const char *path, int n_vocab)
{
    struct sequences s = {0};
    size_t size;
    s.data = read_file(path, &size);
    size /= sizeof *s.data;
    for (size_t at = 0; at < size; s.count++)
        at += sequence_size(path, s.data + at, size - at, n_vocab);
    s.start = allocate(s.count, sizeof *s.start);
    s.order = allocate(s.count, sizeof *s.order);
    for (size_t i = 0, at = 0; i < s.count; i++) {
        s.start[i] = at;
        s.order[i] = i;
        at += (size_t)s.data[at] + 2;
    }
    s.next = s.count;
    return s;
}

static void
read_params(struct model *m, const char *path)
{
    size_t size;
    float *params = read_file(path, &size);
    if (size != m->at.n_params * sizeof *params)
        die(path, "weights do not fit the shape");
    free(m->params);
    m->params = params;
}

static void
save_params(const struct model *m, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        die(path, strerror(errno));
    size_t n = fwrite(m->params, sizeof(float), m->at.n_params, file);
    if (fclose(file) || n != m->at.n_params)
        die(path, "cannot be written");
}

/* ---- training ---- */

static struct trainer
make_trainer(struct shape shape)
{
    struct trainer t = {.model = make_model(shape)};
    t.n_workers = omp_get_max_threads();
    t.workers = allocate((size_t)t.n_workers, sizeof(struct worker *));
    for (int i = 0; i < t.n_workers; i++)
        t.workers[i] = make_worker(&t.model);
    t.mean = allocate(t.model.at.n_params, sizeof(float));
    t.square = allocate(t.model.at.n_params, sizeof(float));
    return t;
}

/* The next batch of this epoch, or the first of a newly shuffled one. */
static const size_t *
next_batch(struct sequences *s, size_t batch)
{
    if (s->next + batch > s->count) {
        for (size_t i = s->count - 1; i > 0; i--) {
            size_t j = random_below(i + 1), other = s->order[i];
            s->order[i] = s->order[j];
            s->order[j] = other;
        }
        s->next = 0;
    }
    s->next += batch;
    return s->order + s->next - batch;
}

/* Leaves the summed gradient and counts in each worker. */
static void
learn_batch(struct trainer *t, const struct sequences *s, const size_t *batch,
            long count)
{
#pragma omp parallel
    {
        struct worker *w = t->workers[omp_get_thread_num()];
        memset(w->grad, 0, t->model.at.n_params * sizeof(float));
        w->loss = w->n_targets = w->n_hits = w->objective = 0;
#pragma omp for schedule(dynamic, 1)
        for (long i = 0; i < count; i++)
            learn_sequence(w, &t->model, s->data + s->start[batch[i]]);
    }
}

/* The workers' gradients, averaged over targets, into the first worker's;
   returns the norm. */
static double
gather_gradient(struct trainer *t)
{
    float *grad = t->workers[0]->grad;
    double n_targets = 0, norm = 0;
    for (int k = 0; k < t->n_workers; k++) {
        n_targets += t->workers[k]->n_targets;
        t->loss += t->workers[k]->loss;
        t->n_targets += t->workers[k]->n_targets;
        t->n_hits += t->workers[k]->n_hits;
    }
#pragma omp parallel for reduction(+ : norm) schedule(static)
    for (size_t i = 0; i < t->model.at.n_params; i++) {
        float sum = 0;
        for (int k = 0; k < t->n_workers; k++)
            sum += t->workers[k]->grad[i];
        grad[i] = (float)(sum / n_targets);
        norm += (double)grad[i] * (double)grad[i];
    }
    return sqrt(norm);
}

/* One AdamW step, with the gradient's norm clipped at 1. */
static void
update(struct trainer *t, float rate, long step)
{
    const float *grad = t->workers[0]->grad;
    float *p = t->model.params;
    float clip = (float)fmin(1, 1 / (t->norm + 1e-6));
    float fix1 = 1 - powf(BETA1, (float)step);
    float fix2 = 1 - powf(BETA2, (float)step);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < t->model.at.n_params; i++) {
        float g = grad[i] * clip;
        t->mean[i] = BETA1 * t->mean[i] + (1 - BETA1) * g;
        t->square[i] = BETA2 * t->square[i] + (1 - BETA2) * g * g;
        float move = t->mean[i] / fix1 / (sqrtf(t->square[i] / fix2) + 1e-8f);
        p[i] -= rate * (move + WEIGHT_DECAY * p[i]);
    }
}

/* Linear warm-up, then a cosine over the whole of training. */
static double
learning_rate(double highest, double done, long step)
{
    double warm = fmin(1, (double)(step + 1) / WARMUP_STEPS);
    double cosine = 0.5 * (1 + cos(PI * done));
    return highest * warm * (cosine * (1 - LAST_RATE) + LAST_RATE);
}

static void
report(struct trainer *t, long step, double elapsed)
{
    fprintf(stderr, "step %ld %.0f s loss %.4f accuracy %.4f norm %.3f\n", step,
            elapsed, t->loss / t->n_targets, t->n_hits / t->n_targets, t->norm);
    t->loss = t->n_targets = t->n_hits = 0;
}

static void
train(const struct options *opt)
{
    random_seed(opt->seed);
    struct sequences s = read_sequences(opt->input, opt->shape.n_vocab);
    if ((size_t)opt->batch > s.count)
        die(opt->input, "has fewer sequences than a batch");
    struct trainer t = make_trainer(opt->shape);
    if (opt->init)
        read_params(&t.model, opt->init);
    fprintf(stderr, "%zu parameters, %zu sequences, %d threads\n",
            t.model.at.n_params, s.count, t.n_workers);
    double start = seconds(), reported = 0, done = 0;
    for (long step = 0; done < 1;) {
        double rate = learning_rate(opt->rate, done, step++);
        learn_batch(&t, &s, next_batch(&s, (size_t)opt->batch), opt->batch);
        t.norm = gather_gradient(&t);
        if (!isfinite(t.norm))
            die("gradient", "is not finite");
        update(&t, (float)rate, step);
        double elapsed = seconds() - start;
        done = opt->steps ? (double)step / (double)opt->steps
                          : elapsed / 60 / opt->minutes;
        if (elapsed - reported >= opt->report || done >= 1) {
            reported = elapsed;
            report(&t, step, elapsed);
            save_params(&t.model, opt->output);
        }
    }
}

/* ---- the gradient against finite differences ---- */

static double
objective(struct worker *w, const struct model *m, const uint16_t *sequence)
{
    w->objective = 0;
    learn_sequence(w, m, sequence);
    return w->objective;
}

/* The slope of the objective along a direction, by central difference. */
static double
slope(struct worker *w, struct model *m, const uint16_t *sequence, size_t start,
      const float *direction, size_t count)
{
    const float h = 0.01f;
    double side[2];
    float *saved = allocate(count, sizeof(float)), *p = m->params + start;
    memcpy(saved, p, count * sizeof(float));
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < count; i++)
            p[i] = saved[i] + (k ? h : -h) * direction[i];
        side[k] = objective(w, m, sequence);
    }
    memcpy(p, saved, count * sizeof(float));
    free(saved);
    return (side[1] - side[0]) / (2 * (double)h);
}

/* One tensor, along directions of random length-1 vectors. */
static bool
check_tensor(struct worker *w, struct model *m, const uint16_t *sequence,
             const float *grad, const char *name, size_t start, size_t end)
{
    size_t count = end - start;
    float *direction = allocate(count, sizeof(float));
    double worst = 0, scale = 0;
    for (size_t i = start; i < end; i++)
        scale += (double)grad[i] * (double)grad[i];
    scale = sqrt(scale / (double)count);
    for (int trial = 0; trial < 8; trial++) {
        double length = 0, expected = 0;
        for (size_t i = 0; i < count; i++) {
            direction[i] = random_normal();
            length += (double)direction[i] * (double)direction[i];
        }
        for (size_t i = 0; i < count; i++) {
            direction[i] /= (float)sqrt(length);
            expected += (double)direction[i] * (double)grad[start + i];
        }
        double found = slope(w, m, sequence, start, direction, count);
        double error = fabs(found - expected) / scale;
        if (!(error <= worst)) /* also if it is not a number */
            worst = error;
    }
    free(direction);
    bool good = worst < 0.02;
    printf("%-16s %6zu values, gradient %.2e, worst error %.1e: %s\n", name,
           count, scale, worst, good ? "ok" : "WRONG");
    return good;
}

static int
check(void)
{
    struct shape s = {.dim = 24,
                      .n_layers = 2,
                      .n_heads = 4,
                      .n_kv_heads = 2,
                      .ffn_dim = 40,
                      .n_vocab = 31};
    random_seed(1);
    struct model m = make_model(s);
    struct worker *w = make_worker(&m);
    /* The first weights are too small, and biases zero, for a hard test. */
    for (size_t i = 0; i < m.at.n_params; i++)
        m.params[i] += 0.2f * random_normal();
    uint16_t sequence[2 + 40] = {40, 15};
    for (int i = 0; i < 40; i++)
        sequence[2 + i] = (uint16_t)random_below((size_t)s.n_vocab);

    objective(w, &m, sequence);
    float *grad = allocate(m.at.n_params, sizeof(float));
    memcpy(grad, w->grad, m.at.n_params * sizeof(float));
    const struct layout *at = &m.at;
    const struct {
        const char *name;
        size_t start, end;
    } parts[] = {{"embedding", at->embedding, at->norm},
                 {"final norm", at->norm, at->layers},
                 {"attention norm", at->norm1, at->norm2},
                 {"ffn norm", at->norm2, at->wq},
                 {"wq", at->wq, at->bq},
                 {"bq", at->bq, at->wk},
                 {"wk", at->wk, at->bk},
                 {"bk", at->bk, at->wv},
                 {"wv", at->wv, at->bv},
                 {"bv", at->bv, at->wo},
                 {"wo", at->wo, at->w_gate},
                 {"gate", at->w_gate, at->w_up},
                 {"up", at->w_up, at->w_down},
                 {"down", at->w_down, at->layer_size}};
    bool good = true;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int layers = i < 2 ? 1 : s.n_layers;
        for (int l = 0; l < layers; l++) {
            size_t base = i < 2 ? 0 : at->layers + (size_t)l * at->layer_size;
            good &= check_tensor(w, &m, sequence, grad, parts[i].name,
                                 base + parts[i].start, base + parts[i].end);
        }
    }
    return good ? 0 : 1;
}

/* ---- the command line ---- */

static double
parse_number(const char *name, const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max)) {
        fprintf(stderr, "trainer: --%s: '%s' is not a number from %g to %g\n",
                name, text, min, max);
        exit(2);
    }
    return value;
}

static const struct option longopts[] = {
    {"minutes", 1, NULL, 'm'},  {"steps", 1, NULL, 't'},
    {"init", 1, NULL, 'i'},     {"rate", 1, NULL, 'r'},
    {"batch", 1, NULL, 'b'},    {"seed", 1, NULL, 's'},
    {"report", 1, NULL, 'p'},   {"dim", 1, NULL, 'd'},
    {"layers", 1, NULL, 'l'},   {"heads", 1, NULL, 'n'},
    {"kv-heads", 1, NULL, 'k'}, {"ffn", 1, NULL, 'f'},
    {"vocab", 1, NULL, 'v'},    {"check", 0, NULL, 'c'},
    {"help", 0, NULL, 'h'},     {0}};

static void
parse_option(struct options *opt, int c, const char *name)
{
    struct shape *s = &opt->shape;
    switch (c) {
    case 'm':
        opt->minutes = parse_number(name, optarg, 0.001, 1e6);
        break;
    case 't':
        opt->steps = (long)parse_number(name, optarg, 1, 1e9);
        break;
    case 'i':
        opt->init = optarg;
        break;
    case 'r':
        opt->rate = parse_number(name, optarg, 0, 1);
        break;
    case 'b':
        opt->batch = (long)parse_number(name, optarg, 1, 1e6);
        break;
    case 's':
        opt->seed = (long)parse_number(name, optarg, 0, 1e9);
        break;
    case 'p':
        opt->report = parse_number(name, optarg, 0, 1e6);
        break;
    case 'd':
        s->dim = (int)parse_number(name, optarg, 2, 8192);
        break;
    case 'l':
        s->n_layers = (int)parse_number(name, optarg, 1, 256);
        break;
    case 'n':
        s->n_heads = (int)parse_number(name, optarg, 1, 256);
        break;
    case 'k':
        s->n_kv_heads = (int)parse_number(name, optarg, 1, 256);
        break;
    case 'f':
        s->ffn_dim = (int)parse_number(name, optarg, 1, 65536);
        break;
    case 'v':
        s->n_vocab = (int)parse_number(name, optarg, 1, 65535);
        break;
    case 'c':
        opt->check = true;
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        exit(2);
    }
}

static struct options
parse_options(int argc, char **argv)
{
    struct options opt = {.minutes = 27,
                          .report = 60,
                          .rate = 0.001,
                          .batch = 64,
                          .seed = 1,
                          .shape = {.dim = 256,
                                    .n_layers = 4,
                                    .n_heads = 4,
                                    .n_kv_heads = 2,
                                    .ffn_dim = 640,
                                    .n_vocab = 472}};
    int c, index = 0;
    while ((c = getopt_long(argc, argv, "", longopts, &index)) != -1)
        parse_option(&opt, c, longopts[index].name);
    const struct shape *s = &opt.shape;
    if (s->dim % s->n_heads || s->dim / s->n_heads % 2 ||
        s->n_heads % s->n_kv_heads) {
        fputs("trainer: the heads do not divide the shape\n", stderr);
        exit(2);
    }
    if (!opt.check && argc - optind != 2) {
        fputs("trainer: needs SEQUENCES and WEIGHTS; try --help\n", stderr);
        exit(2);
    }
    opt.input = argv[optind];
    opt.output = opt.check ? NULL : argv[optind + 1];
    return opt;
}

int
main(int argc, char **argv)
{
    openblas_set_num_threads(1);
    struct options opt = parse_options(argc, argv);
    if (opt.check)
        return check();
    train(&opt);
    return 0;
}
