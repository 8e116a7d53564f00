/* Runs compiled expressions: httpd's util_expr_eval.c, first half, with its bound on nesting. A search that exceeds the
 * regex limits is an error, never "no match". */
#include <stdlib.h>
#include <strings.h>

#include "expr_impl.h"

#define NEST_MAX 20 /* AP_EXPR_MAX_RECURSION */

struct eval {
    struct expr_env *env;
    const char *error;
    unsigned nest;
};

static struct span word_of(struct eval *e, const struct expr_node *n);
static bool holds(struct eval *e, const struct expr_node *n);

static bool enter(struct eval *e)
{
    if (e->error)
        return false;
    if (e->nest == NEST_MAX) {
        e->error = "Recursion limit reached";
        return false;
    }
    e->nest++;
    return true;
}

/* What an absent value counts as; and a NUL ends a word, as in Apache. */
static struct span tidy(struct span s)
{
    if (!s.p)
        return SPAN("");
    s.n = strnlen(s.p, s.n);
    return s;
}

/* Lines that each name a value several times over would make it any length. */
#define TEXT_MOST (1024 * 1024)

static struct span concat(struct eval *e, const struct vec *kids)
{
    struct span parts[16], *all = parts;
    size_t n = 0;
    char *out;

    if (kids->n > COUNT_OF(parts))
        all = arena_alloc(e->env->arena, kids->n * sizeof(*all));
    for (unsigned i = 0; i < kids->n; i++) {
        all[i] = word_of(e, kids->items[i]);
        n += all[i].n;
    }
    if (n > TEXT_MOST && !e->error)
        e->error = "Result is longer than 1 MiB";
    if (e->error)
        return SPAN("");
    out = arena_alloc(e->env->arena, n + 1);
    n = 0;
    for (unsigned i = 0; i < kids->n; i++) {
        if (all[i].n)
            memcpy(out + n, all[i].p, all[i].n);
        n += all[i].n;
    }
    return (struct span){ out, n };
}

static struct span call(struct eval *e, const struct expr_node *n)
{
    struct expr_env *env = e->env;
    struct span arg = word_of(e, n->right);

    if (e->error)
        return SPAN("");
    if (n->function)
        return n->function->call(env->arena, arg, &e->error);
    return env->function ? env->function(env->ctx, env->arena, n->text, arg) : SPAN("");
}

static struct span capture(const struct expr_env *env, int i)
{
    return (unsigned)i < env->match.n ? env->match.group[i] : SPAN("");
}

static struct span word_of(struct eval *e, const struct expr_node *n)
{
    struct expr_env *env = e->env;
    struct span s = { NULL, 0 };

    if (!enter(e))
        return SPAN("");
    switch (n->op) {
    case EXPR_WORD: s = span_of(n->text); break;
    case EXPR_CONCAT: s = concat(e, &n->kids); break;
    case EXPR_VARIABLE: s = env->variable ? env->variable(env->ctx, env->arena, n->text) : s; break;
    case EXPR_CALL: s = call(e, n); break;
    case EXPR_CAPTURE: s = capture(env, n->number); break;
    default: base_panic("a condition where a word belongs", __FILE__, __LINE__);
    }
    e->nest--;
    return tidy(s);
}

/* strcmp over spans */
static int compare_text(struct span a, struct span b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_numbers(struct arena *arena, struct span a, struct span b)
{
    long long x = strtoll(arena_span(arena, a), NULL, 10), y = strtoll(arena_span(arena, b), NULL, 10);

    return (x > y) - (x < y);
}

static bool compare(struct eval *e, const struct expr_node *n)
{
    struct span left = word_of(e, n->left), right = word_of(e, n->right);
    bool numbers = n->number <= TOK_GE;
    int order = numbers ? compare_numbers(e->env->arena, left, right) : compare_text(left, right);

    switch (n->number) {
    case TOK_EQ:
    case TOK_STR_EQ: return order == 0;
    case TOK_NE:
    case TOK_STR_NE: return order != 0;
    case TOK_LT:
    case TOK_STR_LT: return order < 0;
    case TOK_LE:
    case TOK_STR_LE: return order <= 0;
    case TOK_GT:
    case TOK_STR_GT: return order > 0;
    default: return order >= 0;
    }
}

/* Captures of an earlier match are kept unless this expression has groups of its own. */
static bool match(struct eval *e, const struct expr_node *n)
{
    struct span subject = word_of(e, n->left);
    struct regex_match *m = regex_captures(n->regex) > 0 ? &e->env->match : NULL;
    enum regex_result result;

    if (e->error)
        return false;
    result = regex_search(n->regex, subject, m);
    if (result == REGEX_LIMIT)
        e->error = "Regular expression gave up: match limit exceeded";
    if (m && result != REGEX_YES)
        m->n = 0;
    return (result == REGEX_YES) == (n->op == EXPR_MATCH);
}

static bool in_words(struct eval *e, const struct expr_node *n)
{
    struct span needle = word_of(e, n->left);

    for (unsigned i = 0; i < n->kids.n; i++)
        if (span_eq(needle, word_of(e, n->kids.items[i])))
            return true;
    return false;
}

static bool in_list(struct eval *e, const struct expr_node *n)
{
    struct expr_env *env = e->env;
    struct span needle = word_of(e, n->left), arg = word_of(e, n->right), list = { NULL, 0 };

    if (!e->error && env->function)
        list = env->function(env->ctx, env->arena, n->text, arg);
    for (size_t at = 0; list.p && at < list.n;) {
        struct span item = { list.p + at, strnlen(list.p + at, list.n - at) };

        if (span_eq(needle, item))
            return true;
        at += item.n + 1;
    }
    return false;
}

static bool unary(struct eval *e, const struct expr_node *n)
{
    struct expr_env *env = e->env;
    struct span word = word_of(e, n->right);
    char op = (char)n->number;

    if (e->error)
        return false;
    switch (op) {
    case 'n': return word.n > 0;
    case 'z': return word.n == 0;
    case 'T': return expr_unary_truthy(word);
    case 'R': return env->variable && subnet_holds(n->subnet, env->variable(env->ctx, env->arena, "REMOTE_ADDR"));
    case 'U':
    case 'A':
    case 'F': return env->leads_somewhere && env->leads_somewhere(env->ctx, op, arena_span(env->arena, word));
    default: return expr_unary_file(op, arena_span(env->arena, word));
    }
}

static bool binary(struct eval *e, const struct expr_node *n)
{
    struct span left = word_of(e, n->left), right = word_of(e, n->right);

    if (e->error)
        return false;
    return n->subnet ? subnet_holds(n->subnet, left) : expr_binary_glob(e->env->arena, n->text, left, right);
}

/* || stops at the first that holds, && at the first that does not. */
static bool chain(struct eval *e, const struct expr_node *n, bool stop)
{
    for (unsigned i = 0; i < n->kids.n; i++)
        if (holds(e, n->kids.items[i]) == stop)
            return stop;
    return !stop;
}

static bool holds(struct eval *e, const struct expr_node *n)
{
    bool result = false;

    if (!enter(e))
        return false;
    switch (n->op) {
    case EXPR_TRUE: result = true; break;
    case EXPR_FALSE: break;
    case EXPR_NOT: result = !holds(e, n->right); break;
    case EXPR_OR: result = chain(e, n, true); break;
    case EXPR_AND: result = chain(e, n, false); break;
    case EXPR_COMPARE: result = compare(e, n); break;
    case EXPR_MATCH:
    case EXPR_NO_MATCH: result = match(e, n); break;
    case EXPR_IN: result = in_words(e, n); break;
    case EXPR_IN_CALL: result = in_list(e, n); break;
    case EXPR_UNARY: result = unary(e, n); break;
    case EXPR_BINARY: result = binary(e, n); break;
    default: base_panic("a word where a condition belongs", __FILE__, __LINE__);
    }
    e->nest--;
    return result;
}

int expr_true(const struct expr *e, struct expr_env *env, const char **error)
{
    struct eval eval = { .env = env };
    bool result;

    ASSERT(!(e->flags & EXPR_STRING));
    result = holds(&eval, e->root);
    *error = eval.error;
    return eval.error ? -1 : result;
}

struct span expr_text(const struct expr *e, struct expr_env *env, const char **error)
{
    struct eval eval = { .env = env };
    struct span s;

    ASSERT(e->flags & EXPR_STRING);
    s = word_of(&eval, e->root);
    *error = eval.error;
    return eval.error ? (struct span){ NULL, 0 } : s;
}
