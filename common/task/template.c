/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * template.c - see template.h.
 */
#include <config.h>

#include "task/template.h"

#include <string.h>

static const char *const names[] = {
    [HS_TEMPLATE_NONE] = "none",
    [HS_TEMPLATE_CHATML] = "chatml",
    [HS_TEMPLATE_LLAMA3] = "llama3",
};

int
hs_template_init(struct hs_template *t, const char *name, const char *system,
                 const char *instruction, hs_has_token *has, void *ud,
                 struct hs_error *err)
{
    size_t kind = 0;

    *t = (struct hs_template){.system = system, .instruction = instruction};
    if (strcmp(name, "auto") == 0) {
        kind = has(ud, "<|im_start|>")          ? HS_TEMPLATE_CHATML
               : has(ud, "<|start_header_id|>") ? HS_TEMPLATE_LLAMA3
                                                : HS_TEMPLATE_NONE;
    } else {
        while (kind < 3 && strcmp(name, names[kind]) != 0)
            kind++;
        if (kind == 3)
            return hs_fail(err,
                           "template '%s' is not one of auto, chatml, llama3, "
                           "none",
                           name);
    }
    t->kind = (enum hs_template_kind)kind;
    if (t->kind == HS_TEMPLATE_NONE && system != NULL)
        return hs_fail(err,
                       "a system text needs a chat template, and the "
                       "template is none");
    return 0;
}

const char *
hs_template_name(const struct hs_template *t)
{
    return names[t->kind];
}

static void
add_turn(const struct hs_template *t, const char *role, struct hs_buf *out)
{
    if (t->kind == HS_TEMPLATE_CHATML)
        hs_buf_printf(out, "<|im_start|>%s\n", role);
    else if (t->kind == HS_TEMPLATE_LLAMA3)
        hs_buf_printf(out, "<|start_header_id|>%s<|end_header_id|>\n\n", role);
}

static void
end_turn(const struct hs_template *t, struct hs_buf *out)
{
    if (t->kind == HS_TEMPLATE_CHATML)
        hs_buf_str(out, "<|im_end|>\n");
    else if (t->kind == HS_TEMPLATE_LLAMA3)
        hs_buf_str(out, "<|eot_id|>");
}

void
hs_template_render(const struct hs_template *t, const char *question,
                   size_t len, struct hs_buf *out)
{
    if (t->kind == HS_TEMPLATE_LLAMA3)
        hs_buf_str(out, "<|begin_of_text|>");
    if (t->system != NULL) {
        add_turn(t, "system", out);
        hs_buf_str(out, t->system);
        end_turn(t, out);
    }
    add_turn(t, "user", out);
    hs_buf_add(out, question, len);
    if (t->instruction != NULL) {
        hs_buf_str(out, "\n");
        hs_buf_str(out, t->instruction);
    }
    end_turn(t, out);
    add_turn(t, "assistant", out);
}
