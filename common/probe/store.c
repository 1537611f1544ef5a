/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store.c - see store.h.
 *
 * A block's place is its offset in the order of adding, in memory and in the
 * file alike, so that moving from one to the other changes none.
 */
#include <config.h>

#include "probe/store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/tempfile.h"

enum {
    ALIGN = 64,
    CHUNK = 16 << 20
};

struct chunk {
    uint8_t *data; /* owned */
    uint64_t start;
    size_t used, size;
};

struct hs_store {
    uint64_t max_memory, bytes;
    struct chunk *chunks;
    size_t n_chunks, cap_chunks;
    FILE *file; /* NULL while all is in memory */
    const uint8_t *map;
    bool sealed;
};

struct hs_store *
hs_store_new(uint64_t max_memory)
{
    struct hs_store *s = hs_calloc(1, sizeof *s);

    s->max_memory = max_memory;
    return s;
}

static void
free_chunks(struct hs_store *s)
{
    for (size_t i = 0; i < s->n_chunks; i++)
        free(s->chunks[i].data);
    free(s->chunks);
    s->chunks = NULL;
    s->n_chunks = s->cap_chunks = 0;
}

void
hs_store_free(struct hs_store *s)
{
    if (s == NULL)
        return;
    free_chunks(s);
    if (s->map != NULL)
        (void)munmap((void *)(uintptr_t)s->map, (size_t)s->bytes);
    if (s->file != NULL)
        (void)fclose(s->file); /* nothing in it is wanted any more */
    free(s);
}

static int
write_out(struct hs_store *s, const void *data, size_t n, struct hs_error *err)
{
    if (fwrite(data, 1, n, s->file) != n)
        return hs_fail(err, "temporary file: %s", strerror(errno));
    return 0;
}

/* From now on everything is in the file. */
static int
move_to_file(struct hs_store *s, struct hs_error *err)
{
    s->file = hs_tempfile(NULL, err);
    if (s->file == NULL)
        return -1;
    for (size_t i = 0; i < s->n_chunks; i++)
        if (write_out(s, s->chunks[i].data, s->chunks[i].used, err) < 0)
            return -1;
    free_chunks(s);
    return 0;
}

/* Room for n bytes in one piece, behind what is there. */
static uint8_t *
memory_for(struct hs_store *s, size_t n)
{
    struct chunk *c = s->n_chunks > 0 ? &s->chunks[s->n_chunks - 1] : NULL;

    if (c == NULL || c->size - c->used < n) {
        s->chunks = hs_grow(s->chunks, &s->cap_chunks, s->n_chunks + 1,
                            sizeof *s->chunks);
        c = &s->chunks[s->n_chunks++];
        *c = (struct chunk){.start = s->bytes, .size = n > CHUNK ? n : CHUNK};
        c->data = hs_malloc(c->size);
    }
    c->used += n;
    return c->data + c->used - n;
}

int
hs_store_add(struct hs_store *s, const void *data, size_t n, uint64_t *where,
             struct hs_error *err)
{
    static const uint8_t zeros[ALIGN];
    size_t pad = (ALIGN - n % ALIGN) % ALIGN;

    if (s->file == NULL && s->bytes + n + pad > s->max_memory &&
        move_to_file(s, err) < 0)
        return -1;
    *where = s->bytes;
    if (s->file != NULL) {
        if (write_out(s, data, n, err) < 0 || write_out(s, zeros, pad, err) < 0)
            return -1;
    } else {
        uint8_t *to = memory_for(s, n + pad);

        memcpy(to, data, n);
        memset(to + n, 0, pad);
    }
    s->bytes += n + pad;
    return 0;
}

int
hs_store_seal(struct hs_store *s, struct hs_error *err)
{
    void *map;

    s->sealed = true;
    if (s->file == NULL || s->bytes == 0 || s->map != NULL)
        return 0;
    if (fflush(s->file) != 0)
        return hs_fail(err, "temporary file: %s", strerror(errno));
    map =
        mmap(NULL, (size_t)s->bytes, PROT_READ, MAP_SHARED, fileno(s->file), 0);
    if (map == MAP_FAILED)
        return hs_fail(err, "temporary file: mmap: %s", strerror(errno));
    s->map = map;
    return 0;
}

const void *
hs_store_at(const struct hs_store *s, uint64_t where)
{
    size_t lo = 0, hi = s->n_chunks;

    if (s->map != NULL)
        return s->map + where;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->chunks[mid].start <= where)
            lo = mid;
        else
            hi = mid;
    }
    return s->chunks[lo].data + (where - s->chunks[lo].start);
}

uint64_t
hs_store_bytes(const struct hs_store *s)
{
    return s->bytes;
}
