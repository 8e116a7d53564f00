/* The conditions of a rule (mod_rewrite.c, apply_rewrite_cond and the loop around it). */
#include "rewrite.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- files and paths
 * -------------------------------------------------------------------------------------------------- */

static bool test_file(char letter, const char *path)
{
    struct stat st;

    if ((letter == 'l' ? lstat(path, &st) : stat(path, &st)) != 0)
        return false;
    switch (letter) {
    case 'd': return S_ISDIR(st.st_mode);
    case 'f': return S_ISREG(st.st_mode);
    case 'l': return S_ISLNK(st.st_mode);
    case 's': return S_ISREG(st.st_mode) && st.st_size > 0;
    default: return (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
    }
}

static bool test_url(struct rewriting *w, const char *path)
{
    const struct request *sub;

    if (!*path || !request_may_look(w->r))
        return false;
    sub = request_look_at(w->r, path);
    REWRITE_LOG(w, 5, "RewriteCond URI (-U check: path=%s -> status=%d", path, sub->status);
    return sub->status < 400;
}

static bool test_path(struct rewriting *w, const char *path)
{
    const struct request *sub;
    struct stat st;

    if (!*path || !request_may_look(w->r))
        return false;
    sub = request_look_at_file(w->r, path);
    REWRITE_LOG(w, 5, "RewriteCond file (-F check: path=%s -> file=%s status=%d", path, sub->filename, sub->status);
    return sub->status < 300 && stat(sub->filename, &st) == 0;
}

/* ---- comparisons
 * ------------------------------------------------------------------------------------------------------ */

/* Not strcmp's order: the longer text is the greater. */
static int compare(const struct rewrite_cond *c, const char *input)
{
    size_t n = strlen(input), other = strlen(c->pattern);

    if (c->no_case)
        return strcasecmp(input, c->pattern);
    return n == other ? strcmp(input, c->pattern) : n > other ? 1 : -1;
}

static int compare_numbers(const struct rewrite_cond *c, const char *input)
{
    int a = atoi(input), b = atoi(c->pattern); /* what overflows included */

    return (a > b) - (a < b);
}

static bool holds_order(enum rewrite_test test, int order)
{
    switch (test) {
    case TEST_LESS:
    case TEST_NUMBER_LESS: return order < 0;
    case TEST_LESS_EQUAL:
    case TEST_NUMBER_LESS_EQUAL: return order <= 0;
    case TEST_GREATER:
    case TEST_NUMBER_GREATER: return order > 0;
    case TEST_GREATER_EQUAL:
    case TEST_NUMBER_GREATER_EQUAL: return order >= 0;
    default: return order == 0;
    }
}

/* ---- patterns
 * ---------------------------------------------------------------------------------------------------------- */

int rewrite_gave_up(struct rewriting *w, const char *pattern)
{
    REQUEST_LOG(
        w->r, LOG_REWRITE, LEVEL_ERROR, 0,
        "pattern '%s' needs too many steps for this request: gave up / 正規表現の照合が上限を超えたため中止しました",
        pattern);
    return w->status = 500;
}

static bool test_regex(struct rewriting *w, const struct rewrite_cond *c, struct span input)
{
    struct regex_match m;
    enum regex_result found = regex_search(c->regex, input, &m);

    if (found == REGEX_LIMIT)
        rewrite_gave_up(w, c->pattern);
    if (found == REGEX_YES && !c->negated)
        w->cond_groups = m;
    return found == REGEX_YES;
}

static bool test_expr(struct rewriting *w, const struct rewrite_cond *c)
{
    struct regex_match m;
    const char *error = NULL;
    int found = c->no_vary ? vars_holds(w->r, c->expr, &m, &error) : vars_true(w->r, c->expr, &m, &error);

    if (found < 0)
        REWRITE_LOG(w, 1, "RewriteCond: expr='%s' evaluation failed: %s", c->written, error);
    if (found > 0 && !c->negated)
        w->cond_groups = m;
    return found > 0;
}

/* ---- one, and all of a rule
 * --------------------------------------------------------------------------------------------- */

static bool test_text(struct rewriting *w, const struct rewrite_cond *c, const char *input)
{
    switch (c->test) {
    case TEST_FILE: return test_file(c->letter, input);
    case TEST_URL: return test_url(w, input);
    case TEST_PATH: return test_path(w, input);
    default: break;
    }
    return holds_order(c->test, c->test <= TEST_GREATER_EQUAL ? compare(c, input) : compare_numbers(c, input));
}

static bool test(struct rewriting *w, const struct rewrite_cond *c, struct span input)
{
    switch (c->test) {
    case TEST_REGEX: return test_regex(w, c, input);
    case TEST_EXPR: return test_expr(w, c);
    default: return test_text(w, c, arena_span(w->arena, input));
    }
}

static bool holds(struct rewriting *w, const struct rewrite_cond *c)
{
    struct span input = c->test == TEST_EXPR ? SPAN("(null)") : rewrite_expand_span(w, c->input);
    bool found = w->status ? false : test(w, c, input) != c->negated;

    REWRITE_LOG(w, 4, "RewriteCond: input='%.*s' pattern='%s'%s => %s", (int)input.n, input.n ? input.p : "",
                c->written, c->no_case ? " [NC]" : "", found ? "matched" : "not-matched");
    return found;
}

static void note_vary(struct rewriting *w, bool counts)
{
    if (counts && w->vary_test)
        w->vary = w->vary ? arena_concat(w->r->arena, w->vary, ", ", w->vary_test, NULL) : w->vary_test;
    w->vary_test = NULL;
}

bool rewrite_conds_hold(struct rewriting *w)
{
    const struct vec *conds = &w->rule->conds;

    for (unsigned i = 0; i < conds->n; i++) {
        const struct rewrite_cond *c = conds->items[i];
        bool found = holds(w, c);

        if (w->status)
            return false;
        if (!found && c->or_next) {
            w->vary_test = NULL;
            continue;
        }
        if (!found)
            return false;
        note_vary(w, !c->no_vary);
        while (c->or_next && i + 1 < conds->n) /* the others of the OR need not be asked */
            c = conds->items[++i];
    }
    return true;
}
