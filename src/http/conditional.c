/* Conditional requests (RFC 9110 13), in httpd's order and with its weak minute (http_protocol.c: ap_meets_conditions,
 * ap_condition_if_*; util.c: ap_find_etag_*): what changed less than a minute ago may change again unseen. */
#include "http.h"

#define WEAK_SECONDS 60

enum condition { NONE, NO_MATCH, WEAK, STRONG };
struct asked {
    struct span if_match, if_none_match, if_modified, if_unmodified, if_range, range;
    bool get;
    const struct http_validators *is;
};

static struct asked read_fields(struct arena *a, const struct http_fields *f, bool get,
                                const struct http_validators *is)
{
    return (struct asked){ .if_match = http_fields_join(a, f, "If-Match"),
                           .if_none_match = http_fields_join(a, f, "If-None-Match"),
                           .if_modified = http_fields_join(a, f, "If-Modified-Since"),
                           .if_unmodified = http_fields_join(a, f, "If-Unmodified-Since"),
                           .if_range = http_fields_join(a, f, "If-Range"),
                           .range = http_fields_join(a, f, "Range"),
                           .get = get,
                           .is = is };
}

/* ---- entity tags ---- */

static void skip(struct span *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind the tag's closing quote; the whole when there is none. */
static size_t tag_length(struct span s)
{
    size_t n = 1;

    while (n < s.n && s.p[n] != '"')
        n++;
    return n < s.n ? n + 1 : s.n;
}

/* Is the tag one of the list? What is no tag, or a weak one where a strong one is wanted, ends the search. */
static bool has_tag(struct span list, struct span tag, bool weak)
{
    if (weak && span_istarts(tag, SPAN("W/\"")) && tag.p[0] == 'W')
        skip(&tag, 2);
    if (!tag.n || *tag.p != '"')
        return false;
    for (;;) {
        size_t n;
        while (list.n && (*list.p == ',' || is_space(*list.p)))
            skip(&list, 1);
        if (weak && list.n > 2 && memcmp(list.p, "W/\"", 3) == 0)
            skip(&list, 2);
        if (!list.n || *list.p != '"')
            return false;
        n = tag_length(list);
        bool same = span_eq((struct span){ list.p, n }, tag);
        skip(&list, n);
        while (list.n && is_space(*list.p))
            skip(&list, 1);
        if (same && (!list.n || *list.p == ','))
            return true;
        while (list.n && *list.p != ',')
            skip(&list, *list.p == '"' ? tag_length(list) : 1);
    }
}

static struct span tag_of(const struct asked *q)
{
    return span_of(q->is->etag);
}

/* ---- each field ---- */

static enum condition if_match(const struct asked *q)
{
    if (!q->if_match.p)
        return NONE;
    return (q->if_match.n && *q->if_match.p == '*') || has_tag(q->if_match, tag_of(q), false) ? STRONG : NO_MATCH;
}

static enum condition if_none_match(const struct asked *q)
{
    bool weak = q->get && !q->range.p;

    if (!q->if_none_match.p)
        return NONE;
    if (q->if_none_match.n && *q->if_none_match.p == '*')
        return STRONG;
    return !has_tag(q->if_none_match, tag_of(q), weak) ? NO_MATCH : weak ? WEAK : STRONG;
}

/* A date is a weak validator while the resource is young; ranges take strong ones only. */
static enum condition strength(const struct asked *q)
{
    if (q->is->now >= q->is->modified + WEAK_SECONDS)
        return STRONG;
    return q->range.p ? NO_MATCH : WEAK;
}

static enum condition if_modified(const struct asked *q)
{
    int64_t since = http_parse_date(q->if_modified);

    if (!q->if_modified.p)
        return NONE;
    return since >= q->is->modified && since <= q->is->now ? strength(q) : NO_MATCH;
}

static enum condition if_unmodified(const struct asked *q)
{
    int64_t since = http_parse_date(q->if_unmodified);

    if (!q->if_unmodified.p)
        return NONE;
    return since && q->is->modified > since ? strength(q) : NO_MATCH;
}

static enum condition if_range(const struct asked *q)
{
    if (!q->if_range.p || !q->range.p)
        return NONE;
    if (q->if_range.n && *q->if_range.p == '"')
        return span_eq(q->if_range, tag_of(q)) ? STRONG : NO_MATCH;
    return http_parse_date(q->if_range) == q->is->modified ? strength(q) : NO_MATCH;
}

/* ---- together ---- */

int http_conditions(struct arena *a, const struct http_fields *request, bool get, const struct http_validators *is)
{
    struct asked q = read_fields(a, request, get, is);
    enum condition unmodified = if_unmodified(&q), none_match = if_none_match(&q), modified = if_modified(&q);
    bool changed = unmodified == NO_MATCH || none_match == NO_MATCH || modified == NO_MATCH;

    if (if_match(&q) == NO_MATCH || unmodified >= WEAK || (none_match >= WEAK && !get))
        return 412;
    if (if_range(&q) != NONE || changed)
        return 0;
    return get && (none_match >= WEAK || modified >= WEAK) ? 304 : 0;
}

bool http_range_applies(struct arena *a, const struct http_fields *request, const struct http_validators *is)
{
    struct asked q = read_fields(a, request, true, is);

    return if_range(&q) != NO_MATCH;
}
