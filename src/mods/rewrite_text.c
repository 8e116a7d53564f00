/* Test strings, substitutions and flags' values: taken apart once, then put together for each request in one pass, so
 * that nothing a client sent is ever read as %{…} or ${…} (mod_rewrite.c, do_expand). */
#include "rewrite.h"

#include <ctype.h>

#define NEST_MAX 32

/* ---- taking apart -------------------------------------------------------------------------------------------------
 */

struct reading {
    struct arena *arena;
    struct rewrite_text *text;
    unsigned cap, depth;
};

static struct rewrite_piece *add_piece(struct reading *t, enum rewrite_piece_kind kind)
{
    struct rewrite_text *text = t->text;

    if (text->n == t->cap) {
        struct rewrite_piece *more = arena_alloc(t->arena, (t->cap + 4) * 2 * sizeof(*more));
        if (text->n)
            memcpy(more, text->pieces, text->n * sizeof(*more));
        text->pieces = more;
        t->cap = (t->cap + 4) * 2;
    }
    text->pieces[text->n].kind = kind;
    return &text->pieces[text->n++];
}

static void add_text(struct reading *t, enum rewrite_piece_kind kind, const char *p, size_t n)
{
    struct rewrite_piece *before = t->text->n ? &t->text->pieces[t->text->n - 1] : NULL;

    if (n == 0)
        return;
    if (before && before->kind == kind && before->text.p + before->text.n == p)
        before->text.n += n;
    else
        add_piece(t, kind)->text = (struct span){ p, n };
}

/* From behind an opening brace: where its own closing one is, or `c` before that outside of inner braces; NULL. */
static const char *find_in_braces(const char *p, const char *end, char c)
{
    for (unsigned depth = 1; p < end; p++) {
        if (*p == c && depth == 1)
            return p;
        if (*p == '}' && --depth == 0)
            return NULL;
        depth += *p == '{';
    }
    return NULL;
}

static const struct rewrite_text *compile(struct arena *a, const char *source, unsigned depth);

static bool add_map(struct reading *t, const char *p, const char *colon, const char *end)
{
    const char *bar = find_in_braces(colon + 1, end, '|');
    struct rewrite_piece *piece = add_piece(t, PIECE_MAP);
    const struct rewrite_text *key, *otherwise = NULL;

    piece->map = arena_strndup(t->arena, p, (size_t)(colon - p));
    key = compile(t->arena, arena_strndup(t->arena, colon + 1, (size_t)((bar ? bar : end) - colon - 1)), t->depth + 1);
    if (bar && bar + 1 < end)
        otherwise = compile(t->arena, arena_strndup(t->arena, bar + 1, (size_t)(end - bar - 1)), t->depth + 1);
    if (!key || (bar && bar + 1 < end && !otherwise))
        return false;
    piece->key = key;
    piece->otherwise = otherwise;
    t->text->asks_map = true;
    t->text->looks_ahead |= key->looks_ahead || (otherwise && otherwise->looks_ahead);
    return true;
}

/* At "%{" or "${"; NULL: nested too deeply. */
static const char *add_braces(struct reading *t, const char *p)
{
    const char *end = find_in_braces(p + 2, p + strlen(p), '}');
    const char *colon = end && *p == '$' ? find_in_braces(p + 2, end, ':') : NULL;

    if (!end || (*p == '$' && !colon)) { /* not ours: as it stands */
        add_text(t, PIECE_TEXT, p, 2);
        return p + 2;
    }
    if (*p == '%')
        add_piece(t, PIECE_VARIABLE)->variable = rewrite_variable_find(
            t->arena, arena_strndup(t->arena, p + 2, (size_t)(end - p - 2)), &t->text->looks_ahead);
    else if (!add_map(t, p + 2, colon, end))
        return NULL;
    return end + 1;
}

/* At a backslash, "%" or "$". */
static const char *add_special(struct reading *t, const char *p)
{
    if (*p == '\\') {
        add_text(t, PIECE_ESCAPED, p[1] ? p + 1 : p, 1);
        return p[1] ? p + 2 : p + 1;
    }
    if (p[1] == '{')
        return add_braces(t, p);
    if (isdigit((unsigned char)p[1])) {
        add_piece(t, *p == '$' ? PIECE_RULE_GROUP : PIECE_COND_GROUP)->group = (unsigned)(p[1] - '0');
        return p + 2;
    }
    add_text(t, PIECE_TEXT, p, 1);
    return p + 1;
}

static const struct rewrite_text *compile(struct arena *a, const char *source, unsigned depth)
{
    struct reading t = { .arena = a, .text = arena_alloc(a, sizeof(*t.text)), .depth = depth };

    if (depth > NEST_MAX)
        return NULL;
    t.text->source = source;
    for (const char *p = source; p && *p;) {
        size_t plain = strcspn(p, "\\$%");
        add_text(&t, PIECE_TEXT, p, plain);
        p += plain;
        if (*p && !(p = add_special(&t, p)))
            return NULL;
    }
    return t.text;
}

const struct rewrite_text *rewrite_text_compile(struct arena *a, const char *source)
{
    return compile(a, source, 0);
}

/* ---- putting together ---------------------------------------------------------------------------------------------
 */

static struct span map_value(struct rewriting *w, const struct rewrite_piece *p)
{
    const struct rewrite_map *map = rewrite_map_find(&rewrite_site_of(w->r->site)->maps, p->map);
    const char *key = rewrite_expand(w, p->key), *value = NULL;

    if (map && !w->status)
        value = rewrite_map_look(w, map, key);
    if (!value && p->otherwise && !w->status)
        value = rewrite_expand(w, p->otherwise);
    return span_of(value ? value : "");
}

static struct span group_value(struct rewriting *w, const struct regex_match *m, unsigned group)
{
    struct span s = group < m->n ? m->group[group] : (struct span){ "", 0 };
    char *escaped;

    if (!s.n || !w->escapes)
        return s;
    escaped = rewrite_escape_group(w->arena, s, w->rule);
    REWRITE_LOG(w, 5, "escaping backreference '%.*s' to '%s'", (int)s.n, s.p, escaped);
    return span_of(escaped);
}

static struct span value_of(struct rewriting *w, const struct rewrite_piece *p)
{
    switch (p->kind) {
    case PIECE_VARIABLE: return rewrite_variable_get(w, p->variable);
    case PIECE_MAP: return map_value(w, p);
    case PIECE_RULE_GROUP: return group_value(w, &w->groups, p->group);
    case PIECE_COND_GROUP: return group_value(w, &w->cond_groups, p->group);
    default: return p->text;
    }
}

/* Which "?" begins the query: the first, or the last with QSL. *unsafe: it is not one that the file wrote. */
static bool note_query(const struct rewrite_piece *p, struct span value, bool *unsafe)
{
    if (p->kind == PIECE_ESCAPED || !value.n || !memchr(value.p, '?', value.n))
        return false;
    *unsafe = p->kind != PIECE_TEXT;
    return true;
}

static const char *join(struct rewriting *w, const struct span *values, unsigned n, size_t size)
{
    char *out = arena_alloc(w->arena, size + 1), *p = out;

    for (unsigned i = 0; i < n; i++)
        if (values[i].n)
            p = (char *)memcpy(p, values[i].p, values[i].n) + values[i].n;
    return out;
}

const char *rewrite_expand_checked(struct rewriting *w, const struct rewrite_text *t, bool *unsafe)
{
    struct span few[8], *values = t->n <= COUNT_OF(few) ? few : arena_alloc(w->arena, t->n * sizeof(*values));
    bool last = w->rule->flags & RULE_LAST_QUERY, found = false;
    size_t size = 0;

    *unsafe = false;
    for (unsigned i = 0; i < t->n; i++) {
        values[i] = value_of(w, &t->pieces[i]);
        size += values[i].n;
        if (last || !found)
            found |= note_query(&t->pieces[i], values[i], unsafe);
    }
    if (t->n == 1 && t->pieces[0].kind == PIECE_TEXT)
        return t->source;
    return join(w, values, t->n, size);
}

const char *rewrite_expand(struct rewriting *w, const struct rewrite_text *t)
{
    bool unsafe;

    return rewrite_expand_checked(w, t, &unsafe);
}

struct span rewrite_expand_span(struct rewriting *w, const struct rewrite_text *t)
{
    return t->n == 1 ? value_of(w, &t->pieces[0]) : span_of(rewrite_expand(w, t));
}
