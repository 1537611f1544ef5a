/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spill.c - see spill.h.  Each record is compressed alone, so that memory is
 * that of one record however long a trajectory is.
 */
#include <config.h>

#include "stream/spill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/mem.h"
#include "base/tempfile.h"

struct unit {
    uint64_t key[2], number;
    off_t offset;
    uint32_t n_records, part;
};

/* What stands in the file before the bytes of a record. */
struct prefix {
    uint32_t packed, plain, type, dtype;
};

struct hs_spill {
    FILE *file;
    off_t end;
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    struct unit *units; /* owned */
    size_t n, cap;
    struct hs_buf packed, plain;
};

struct hs_spill *
hs_spill_new(struct hs_error *err)
{
    FILE *file = hs_tempfile(NULL, err);
    struct hs_spill *s;

    if (file == NULL)
        return NULL;
    s = hs_calloc(1, sizeof *s);
    s->file = file;
    s->pack = ZSTD_createCCtx();
    s->unpack = ZSTD_createDCtx();
    if (s->pack == NULL || s->unpack == NULL) {
        hs_fail(err, "zstd: out of memory");
        hs_spill_free(s);
        return NULL;
    }
    return s;
}

void
hs_spill_free(struct hs_spill *s)
{
    if (s == NULL)
        return;
    (void)fclose(s->file);
    ZSTD_freeCCtx(s->pack);
    ZSTD_freeDCtx(s->unpack);
    free(s->units);
    hs_buf_free(&s->packed);
    hs_buf_free(&s->plain);
    free(s);
}

static int
fail(struct hs_error *err)
{
    return hs_fail(err, "temporary file: %s",
                   errno ? strerror(errno) : "cut short");
}

int
hs_spill_add(struct hs_spill *s, const struct hs_record *rec,
             const uint64_t key[2], uint32_t part, struct hs_error *err)
{
    size_t bound = ZSTD_compressBound(rec->raw_len), n;
    struct prefix p = {.plain = (uint32_t)rec->raw_len,
                       .type = (uint32_t)rec->type};

    if (rec->type == HS_REC_STATES)
        p.dtype = (uint32_t)rec->states.dtype;
    n = ZSTD_compressCCtx(s->pack, hs_buf_reserve(&s->packed, bound), bound,
                          rec->raw, rec->raw_len, 1);
    if (ZSTD_isError(n))
        return hs_fail(err, "zstd: %s", ZSTD_getErrorName(n));
    p.packed = (uint32_t)n;
    if (rec->type != HS_REC_STATES) {
        s->units = hs_grow(s->units, &s->cap, s->n + 1, sizeof *s->units);
        s->units[s->n] = (struct unit){.key = {key[0], key[1]},
                                       .number = s->n,
                                       .offset = s->end,
                                       .part = part};
        s->n++;
    }
    s->units[s->n - 1].n_records++;
    errno = 0;
    if (fwrite(&p, sizeof p, 1, s->file) != 1 ||
        fwrite(s->packed.data, 1, n, s->file) != n)
        return fail(err);
    s->end += (off_t)(sizeof p + n);
    return 0;
}

static int
by_key(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;

    for (int i = 0; i < 2; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

void
hs_spill_sort(struct hs_spill *s)
{
    if (s->n > 0)
        qsort(s->units, s->n, sizeof *s->units, by_key);
}

size_t
hs_spill_count(const struct hs_spill *s)
{
    return s->n;
}

uint32_t
hs_spill_part(const struct hs_spill *s, size_t i)
{
    return s->units[i].part;
}

int
hs_spill_write(struct hs_spill *s, size_t i, struct hs_writer *w,
               struct hs_error *err)
{
    errno = 0;
    if (fseeko(s->file, s->units[i].offset, SEEK_SET) < 0)
        return fail(err);
    for (uint32_t k = 0; k < s->units[i].n_records; k++) {
        struct hs_record rec = {0};
        struct prefix p;
        size_t n;

        if (fread(&p, sizeof p, 1, s->file) != 1 ||
            fread(hs_buf_reserve(&s->packed, p.packed), 1, p.packed, s->file) !=
                p.packed)
            return fail(err);
        n = ZSTD_decompressDCtx(s->unpack, hs_buf_reserve(&s->plain, p.plain),
                                p.plain, s->packed.data, p.packed);
        if (ZSTD_isError(n) || n != p.plain)
            return hs_fail(err, "temporary file: not what was written");
        rec.type = (enum hs_record_type)p.type;
        rec.states.dtype = (enum hs_dtype)p.dtype;
        rec.raw = s->plain.data;
        rec.raw_len = n;
        if (hs_write_raw(w, &rec) < 0)
            return hs_fail(err, "%s", hs_writer_error(w));
    }
    return 0;
}
