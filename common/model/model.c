/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * model.c - see model.h.
 */
#include <config.h>

#include "model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"

enum {
    MAX_TOKENIZER_BYTES = 256 << 20
};

static void
add_hash(void *ud, const void *p, size_t n)
{
    (void)XXH3_128bits_update(ud, p, n);
}

static char *
in_dir(const char *dir, const char *name)
{
    struct hs_buf b = {0};

    hs_buf_printf(&b, "%s/%s", dir, name);
    return hs_buf_cstr(&b);
}

/* Adds a file's bytes to the hash and hands them out; NULL if it cannot be
 * read. */
static char *
read_hashed(const char *path, size_t max, XXH3_state_t *h, size_t *len,
            struct hs_error *err)
{
    char *text = hs_read_file(path, max, len, err);

    if (text != NULL) {
        uint64_t n = *len;

        add_hash(h, &n, sizeof n);
        add_hash(h, text, *len);
    }
    return text;
}

static int
open_tokenizer(struct hs_model *m, XXH3_state_t *h, struct hs_error *err)
{
    char *path = in_dir(m->dir, "tokenizer.json"), *text;
    size_t len;
    int rc = 0;

    if (access(path, F_OK) < 0 && errno == ENOENT) {
        free(path);
        return 0;
    }
    text = read_hashed(path, MAX_TOKENIZER_BYTES, h, &len, err);
    if (text != NULL)
        m->tok = hs_tokenizer_parse(text, len, path, err);
    if (m->tok == NULL)
        rc = -1;
    else if (hs_tokenizer_size(m->tok) > m->cfg.n_vocab)
        rc = hs_fail(err, "%s: ids up to %zu, config.json has vocab_size %zu",
                     path, hs_tokenizer_size(m->tok) - 1, m->cfg.n_vocab);
    free(text);
    free(path);
    return rc;
}

static int
open_parts(struct hs_model *m, XXH3_state_t *h, struct hs_error *err)
{
    char *path = in_dir(m->dir, "config.json"), *text;
    size_t len;

    if (hs_config_load(&m->cfg, m->dir, err) < 0) {
        free(path);
        return -1;
    }
    text = read_hashed(path, MAX_TOKENIZER_BYTES, h, &len, err);
    free(path);
    if (text == NULL)
        return -1;
    free(text);
    /* of generation_config.json, only what changes completions */
    add_hash(h, m->cfg.eos, m->cfg.n_eos * sizeof *m->cfg.eos);
    if (open_tokenizer(m, h, err) < 0)
        return -1;
    m->files = hs_safetens_open_dir(m->dir, err);
    if (m->files == NULL)
        return -1;
    hs_safetens_sample(m->files, add_hash, h);
    return hs_weights_load(&m->w, &m->cfg, m->files, err);
}

struct hs_model *
hs_model_open(const char *dir, struct hs_error *err)
{
    struct hs_model *m = hs_calloc(1, sizeof *m);
    XXH3_state_t *h = XXH3_createState();
    XXH128_hash_t sum;
    int rc;

    m->dir = hs_strdup(dir);
    (void)XXH3_128bits_reset(h);
    rc = open_parts(m, h, err);
    sum = XXH3_128bits_digest(h);
    (void)XXH3_freeState(h);
    if (rc < 0) {
        hs_model_free(m);
        return NULL;
    }
    (void)snprintf(m->fingerprint, sizeof m->fingerprint, "%016llx%016llx",
                   (unsigned long long)sum.high64,
                   (unsigned long long)sum.low64);
    return m;
}

void
hs_model_free(struct hs_model *m)
{
    if (m == NULL)
        return;
    hs_weights_free(&m->w);
    hs_safetens_close(m->files);
    hs_tokenizer_free(m->tok);
    free(m->dir);
    free(m);
}

bool
hs_model_is_eos(const struct hs_model *m, uint32_t token)
{
    for (size_t i = 0; i < m->cfg.n_eos; i++)
        if (m->cfg.eos[i] == token)
            return true;
    return false;
}

/* dir/config.json exists. */
static bool
is_model(const char *dir)
{
    char *path = in_dir(dir, "config.json");
    bool yes = access(path, R_OK) == 0;

    free(path);
    return yes;
}

char *
hs_model_default_dir(struct hs_error *err)
{
    static const char *const near_me[] = {"examples/reasoner",
                                          "../examples/reasoner"};
    const char *env = getenv("HSTOOLS_MODEL");
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (env != NULL && env[0] != '\0')
        return hs_strdup(env);
    exe[n > 0 ? n : 0] = '\0';
    if (strrchr(exe, '/') != NULL)
        *strrchr(exe, '/') = '\0';
    /* A program in a build tree is tried beside its sources first, so that
     * it does not pick up an older installation. */
    for (size_t i = 0; n > 0 && i < 2; i++) {
        char *dir = in_dir(exe, near_me[i]);

        if (is_model(dir))
            return dir;
        free(dir);
    }
    if (is_model(HS_DATADIR "/reasoner"))
        return hs_strdup(HS_DATADIR "/reasoner");
    hs_fail(err, "no default model in %s; give -m FOLDER or set HSTOOLS_MODEL",
            HS_DATADIR "/reasoner");
    return NULL;
}
