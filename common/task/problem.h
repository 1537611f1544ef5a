/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * problem.h - problems as JSON lines.
 *
 * One JSON object a line:
 *
 *   id           string or integer; without it the number of the line in
 *                this input, from 1, as text
 *   question     text that goes through the template, or
 *   prompt       text that is used as it is, or
 *   tokens       token ids that are used as they are (exactly one of three)
 *   choices      texts; appended to the question as lines "A. text", and an
 *                answer that is an integer becomes the letter it counts to
 *                (0 is A)
 *   answer       the gold answer: string, integer or number; may be absent
 *   completion   text or array of texts to replay, or
 *   completion_tokens  array of ids or array of such arrays,
 *                which may be empty ones (where [] alone is refused)
 *
 * All other members are kept in meta.  A member that is null is absent.
 * Lines of white space are skipped but counted as lines.  The reader streams:
 * it holds one line, of at most HS_PROBLEM_LINE_MAX bytes.
 *
 *   struct hs_problem p = {0};
 *   while ((rc = hs_problem_read(r, &p, &err)) > 0)
 *       use(&p);
 *   if (rc < 0)
 *       hs_die(HS_EXIT_FAIL, "%s", err.text);
 */
#ifndef HS_PROBLEM_H
#define HS_PROBLEM_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HS_PROBLEM_LINE_MAX ((size_t)64 << 20)

enum hs_problem_kind {
    HS_PROBLEM_QUESTION, /* text, for the template */
    HS_PROBLEM_PROMPT,   /* text, verbatim */
    HS_PROBLEM_TOKENS    /* tokens, verbatim */
};

/* A completion given for replay: text, or tokens when text is NULL. */
struct hs_completion {
    char *text; /* owned; no NUL inside */
    size_t len;
    uint32_t *tokens; /* owned, (n_tokens) */
    size_t n_tokens;
};

struct hs_problem {
    uint64_t line; /* where it stood, from 1 */
    char *id;      /* owned, never empty */
    enum hs_problem_kind kind;
    char *text; /* owned; NULL for HS_PROBLEM_TOKENS; no NUL inside */
    size_t len;
    uint32_t *tokens; /* owned, (n_tokens); NULL for the other kinds */
    size_t n_tokens;
    char *answer;                      /* owned; NULL when absent */
    struct hs_completion *completions; /* owned, (n_completions) */
    size_t n_completions;              /* 0 when none was given */
    json_t *meta; /* owned object, never NULL after a read */
};

/* Renames of fields, {0} is none.  A field that is renamed must be there in
 * every line (null counts), and no longer stands under its own name. */
struct hs_map {
    struct {
        char *name;  /* owned: one of ours, "question" */
        char *field; /* owned: the input's, "problem" */
    } * v;           /* owned */
    size_t n;
};

/* Reads "question=problem,answer=gold": our name, the input's field.  Dies
 * with HS_EXIT_USAGE on an unknown or repeated name or an empty part. */
void hs_parse_map(const char *opt, const char *s, struct hs_map *out);
/* The same with an error: returns 0, or -1 and *out is {0}. */
HS_MUST_CHECK int hs_map_scan(const char *s, struct hs_map *out,
                              struct hs_error *err);
void hs_map_free(struct hs_map *m);

struct hs_problem_reader;

/* Reads problems from fd, which stays the caller's.  name is for messages
 * ("<stdin>"); map may be NULL, else it is borrowed until the reader is
 * freed.  Never NULL. */
struct hs_problem_reader *hs_problem_reader_new(int fd, const char *name,
                                                const struct hs_map *map);
/* Puts n bytes that were read from fd already in front of what is left to read.
 * Before the first problem. */
void hs_problem_reader_unread(struct hs_problem_reader *r, const uint8_t *bytes,
                              size_t n);
/* Takes NULL. */
void hs_problem_reader_free(struct hs_problem_reader *r);

/* Reads the next problem into *p, releasing what it held; p must be {0} or
 * hold an earlier problem.  Returns 1, 0 at the end of input, or -1 with
 * "name: line N: reason" in err and *p = {0}.  Both 0 and -1 are sticky. */
HS_MUST_CHECK int hs_problem_read(struct hs_problem_reader *r,
                                  struct hs_problem *p, struct hs_error *err);

/* Releases what p owns and makes it {0}. */
void hs_problem_free(struct hs_problem *p);

/* Lines from where fd stands to its end, for progress; 0 when it is no file. */
uint64_t hs_problem_lines(int fd);

#endif
