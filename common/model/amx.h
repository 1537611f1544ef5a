/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * amx.h - what all products on tiles begin and end with; for files that are
 * compiled for AMX.
 */
#ifndef HS_AMX_H
#define HS_AMX_H

#include <immintrin.h>
#include <stdint.h>

/* gcc 12 does not tell itself that tile instructions read memory: without this
 * it drops or moves the stores that come before them. */
static inline void
hs_amx_stored(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

/* The unit's configuration: eight tiles of 16 rows of 64 bytes. */
static inline void
hs_amx_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } c = {.palette = 1};

    for (int i = 0; i < 8; i++) {
        c.row_bytes[i] = 64;
        c.rows[i] = 16;
    }
    hs_amx_stored(&c);
    _tile_loadconfig(&c);
}

static inline void
hs_amx_end(void)
{
    _tile_release();
}

#endif
