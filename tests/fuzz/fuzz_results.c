/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_results.c - the readers of probes and of rankings on hostile records.
 *
 * The input is records, put behind a good head and before a good end.  Probes
 * that are read must be ranked, or refused, and written again.  Input that
 * begins with a bracket is the arms of a run: those that are read must come
 * back from what is written of them.
 */
#include <config.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zstd.h>

#include "ablate/arms.h"
#include "base/json.h"
#include "base/outfile.h"
#include "probe/proberec.h"
#include "probe/rankrec.h"
#include "probe/report.h"
#include "stream/mp.h"
#include "stream/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hs_reader *
reader_of(const struct hs_buf *b)
{
    size_t bound = ZSTD_compressBound(b->len), got;
    uint8_t *frame = hs_malloc(bound);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    got = ZSTD_compress2(z, frame, bound, b->data, b->len);
    if (ZSTD_isError(got) || fd < 0 || hs_write_all(fd, frame, got) < 0 ||
        lseek(fd, 0, SEEK_SET) != 0)
        abort();
    ZSTD_freeCCtx(z);
    free(frame);
    return hs_reader_open(fd, "fuzz");
}

/* A stream of that kind around the records. */
static struct hs_reader *
stream_of(const char *kind, const uint8_t *data, size_t n)
{
    struct hs_buf b = {0};
    struct hs_counts counts = {0};
    struct hs_head h;
    struct hs_reader *r;

    hs_head_init(&h, kind);
    h.n_layers = 1;
    h.dim = 8;
    hs_pack_head(&b, &h);
    hs_head_free(&h);
    hs_buf_add(&b, data, n);
    for (size_t at = 0, size; at < n; at += size) {
        size = hs_mp_scan(data + at, n - at);
        if (size == 0)
            break;
        hs_count_object(&counts, data + at, size);
    }
    hs_pack_end(&b, &counts);
    r = reader_of(&b);
    hs_buf_free(&b);
    return r;
}

static void
use_probes(const struct hs_probes *p)
{
    struct hs_encoded e = {0};
    struct hs_buf b = {0};
    struct hs_error err;

    for (size_t i = 0; i < p->n_found; i++)
        if (hs_encode_probe(&e, &p->found[i].probe, p->found[i].gradient,
                            p->found[i].eval, &err) < 0)
            abort();
    hs_report(&b, p, "tsv");
    hs_encoded_free(&e);
    hs_buf_free(&b);
}

static void
use_arms(const char *text, size_t n)
{
    struct hs_error err;
    json_t *j = hs_json_parse(text, n, "fuzz", &err), *written;
    struct hs_armset arms, again;

    if (j != NULL && hs_armset_read(&arms, j, &err) == 0) {
        written = hs_armset_json(&arms);
        if (hs_armset_read(&again, written, &err) < 0 || again.n != arms.n)
            abort();
        json_decref(written);
        hs_armset_free(&again);
        hs_armset_free(&arms);
    }
    json_decref(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hs_reader *r = stream_of("probes", data, size);
    struct hs_probes probes;
    struct hs_rankings ranks;
    struct hs_error err;

    if (size > 0 && data[0] == '[')
        use_arms((const char *)data, size);
    if (hs_probes_read(&probes, r, "fuzz", &err) == 0)
        use_probes(&probes);
    hs_probes_free(&probes);
    hs_reader_close(r);
    r = stream_of("rankings", data, size);
    if (hs_rankings_read(&ranks, r, "fuzz", &err) == 0)
        for (size_t i = 0; i < ranks.n; i++)
            json_decref(hs_ranking_json(&ranks.v[i]));
    hs_rankings_free(&ranks);
    hs_reader_close(r);
    return 0;
}
