/* SSLRequire: an Apache expression whose comparisons are mod_ssl's own (strcmplex in httpd's util_expr_eval.c): of two
 * texts the longer is the greater, of two as long the one whose bytes are. "a op b", whichever operator is written, is
 * compiled as "order(a) OP order(b)", where order() puts the length before the text and OP compares bytes. */
#include "names.h"
#include "ssl_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define ORDER "order"

/* ---- words of an expression: NULL where there is none, which expr_compile then says ---------------------------------
 */

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\n");
}

static const char *skip_braces(const char *p) /* at "%{" */
{
    unsigned depth = 1;

    for (p += 2; depth; p++) {
        if (!*p)
            return NULL;
        if (*p == '\\' && p[1])
            p++;
        else if (p[0] == '%' && p[1] == '{')
            depth++;
        else if (*p == '}')
            depth--;
    }
    return p;
}

static const char *skip_quoted(const char *p)
{
    char quote = *p++;

    while (p && *p && *p != quote) {
        if (p[0] == '%' && p[1] == '{')
            p = skip_braces(p);
        else
            p += *p == '\\' && p[1] ? 2 : 1;
    }
    return p && *p ? p + 1 : NULL;
}

static size_t name_length(const char *p)
{
    size_t n = 0;

    while (isalnum((unsigned char)p[n]) || p[n] == '_')
        n++;
    return n;
}

static const char *skip_single(const char *p, unsigned depth);

static const char *skip_word(const char *p, unsigned depth)
{
    for (;;) {
        const char *next;

        p = depth ? skip_single(skip_blanks(p), depth - 1) : NULL;
        if (!p)
            return NULL;
        next = skip_blanks(p);
        if (*next != '.')
            return p;
        p = next + 1;
    }
}

static const char *skip_call(const char *p, unsigned depth)
{
    p = skip_blanks(p + name_length(p));
    if (*p != '(')
        return NULL;
    p = skip_word(p + 1, depth);
    p = p ? skip_blanks(p) : NULL;
    return p && *p == ')' ? p + 1 : NULL;
}

static const char *skip_single(const char *p, unsigned depth)
{
    if (*p == '"' || *p == '\'')
        return skip_quoted(p);
    if (p[0] == '%' && p[1] == '{')
        return skip_braces(p);
    if (p[0] == '$' && isdigit((unsigned char)p[1]))
        return p + 2;
    if (isdigit((unsigned char)*p) || (*p == '-' && isdigit((unsigned char)p[1])))
        return p + 1 + strspn(p + 1, "0123456789");
    return isalpha((unsigned char)*p) ? skip_call(p, depth) : NULL;
}

/* ---- operators ----------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *written, *compiled;
} operators[] = {
    /* the longer first */
    { "==", "==" },  { "!=", "!=" }, { "<=", "<=" },  { ">=", ">=" }, { "-eq", "==" }, { "-ne", "!=" }, { "-lt", "<" },
    { "-le", "<=" }, { "-gt", ">" }, { "-ge", ">=" }, { "eq", "==" }, { "ne", "!=" },  { "lt", "<" },   { "le", "<=" },
    { "gt", ">" },   { "ge", ">=" }, { "=", "==" },   { "<", "<" },   { ">", ">" },
};

static const char *find_operator(const char **p)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        const char *op = operators[i].written;
        size_t n = strlen(op);
        bool named = isalpha((unsigned char)op[n - 1]);

        if (strncmp(*p, op, n) != 0 || (named && name_length(*p + n)))
            continue;
        if (*op == '=' && (*p)[1] == '~')
            return NULL;
        *p += n;
        return operators[i].compiled;
    }
    return NULL;
}

/* ---- the whole -----------------------------------------------------------------------------------------------------
 */

static void add_order(struct buf *out, const char *from, const char *to)
{
    buf_adds(out, ORDER "(");
    buf_add(out, from, (size_t)(to - from));
    buf_adds(out, ")");
}

/* One comparison, or one word alone; where it ended. */
static const char *rewrite_word(struct buf *out, const char *p, const char *end)
{
    const char *next = skip_blanks(end), *op = find_operator(&next);
    const char *other = op ? skip_blanks(next) : NULL, *other_end = other ? skip_word(other, 100) : NULL;

    if (!other_end) {
        buf_add(out, p, (size_t)(end - p));
        return end;
    }
    add_order(out, p, end);
    buf_printf(out, " %s ", op);
    add_order(out, other, other_end);
    return other_end;
}

/* After =~ or !~: the pattern as it is. */
static const char *copy_regex(struct buf *out, const char *p)
{
    const char *begin = p, *pattern = skip_blanks(p + 2), *end;

    if (*pattern == 'm')
        pattern++;
    end = *pattern ? strchr(pattern + 1, *pattern) : NULL;
    end = end ? end + 1 : p + 2;
    buf_add(out, begin, (size_t)(end - begin));
    return end;
}

static void rewrite(struct buf *out, const char *p)
{
    while (*p) {
        const char *end = skip_word(p, 100);
        size_t name = isalpha((unsigned char)*p) ? name_length(p) : 1;

        if (!isspace((unsigned char)*p) && end) {
            p = rewrite_word(out, p, end);
        } else if (p[1] == '~' && (*p == '=' || *p == '!')) {
            p = copy_regex(out, p);
        } else { /* a keyword, a sign, a blank */
            buf_add(out, p, name);
            p += name;
        }
    }
}

static bool known(const char *kind, const char *name)
{
    return (strcmp(kind, "function") == 0 && strcmp(name, ORDER) == 0) || vars_known(kind, name);
}

static const struct expr *compile(struct conf_cmd *cmd, const char *text, const char **error)
{
    struct buf compiled = { 0 };
    const struct expr *e;

    rewrite(&compiled, text);
    e = expr_compile(cmd->arena, arena_span(cmd->arena, buf_span(&compiled)), vars_flags(cmd), known, error);
    buf_release(&compiled);
    return e;
}

const char *ssl_set_require(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_place *p = settings;
    struct ssl_requirement *q = arena_alloc(cmd->arena, sizeof(*q));
    const char *error = "";

    (void)argc;
    q->text = argv[0];
    q->expr = compile(cmd, argv[0], &error);
    if (!q->expr && strstr(error, "'PeerExtList' does not exist"))
        return names_refuse(cmd);
    if (!q->expr)
        return conf_fault(cmd, "SSLRequire: %s", error);
    vec_add(cmd->arena, &p->require, q);
    return NULL;
}

/* ---- a request ------------------------------------------------------------------------------------------------------
 */

static struct span call_function(void *ctx, struct arena *a, const char *name, struct span arg)
{
    struct expr_env plain;

    if (strcmp(name, ORDER) == 0)
        return span_of(arena_printf(a, "%016zx%.*s", arg.n, (int)arg.n, arg.n ? arg.p : ""));
    vars_env(ctx, &plain);
    return plain.function(ctx, a, name, arg);
}

int ssl_requirement_met(const struct request *r, const struct ssl_requirement *q, const char **error)
{
    struct expr_env env;

    vars_env(r, &env);
    env.function = call_function;
    return expr_true(q->expr, &env, error);
}
