/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * input.c - see input.h.
 */
#include <config.h>

#include "stream/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/msg.h"

const char *
hs_input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

struct hs_reader *
hs_input_open(const char *path, struct hs_error *err)
{
    const char *name = hs_input_name(path);
    int fd = STDIN_FILENO;

    if (name == path) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            hs_fail(err, "%s: %s", path, strerror(errno));
            return NULL;
        }
    }
    hs_refuse_terminal(fd, name == path ? path : "standard input");
    return hs_reader_open(fd, name);
}

int
hs_input_ahead(int fd, const char *name, struct hs_ahead *out,
               struct hs_error *err)
{
    static const uint8_t magic[sizeof out->bytes] = {0x28, 0xb5, 0x2f, 0xfd};
    ssize_t n = 1;

    *out = (struct hs_ahead){0};
    while (n > 0 && out->n < sizeof out->bytes) {
        do
            n = read(fd, out->bytes + out->n, sizeof out->bytes - out->n);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return hs_fail(err, "%s: %s", name, strerror(errno));
        out->n += (size_t)n;
    }
    out->is_stream =
        out->n == sizeof magic && memcmp(out->bytes, magic, sizeof magic) == 0;
    if (lseek(fd, -(off_t)out->n, SEEK_CUR) >= 0)
        out->n = 0;
    return 0;
}

int
hs_layers_choose(const struct hs_head *head, const struct hs_list *asked,
                 struct hs_list *out, struct hs_error *err)
{
    const struct hs_list *from = asked->all ? &head->layers : asked;

    for (size_t i = 0; i < from->n; i++)
        if (!hs_list_has(&head->layers, from->v[i]))
            return hs_fail(err, "layer %" PRIu32 " is not in the stream",
                           from->v[i]);
    *out = (struct hs_list){.n = from->n};
    out->v = hs_calloc(from->n, sizeof *out->v);
    if (from->n > 0)
        memcpy(out->v, from->v, from->n * sizeof *out->v);
    return 0;
}
