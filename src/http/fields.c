/* Field lines as an ordered multimap (RFC 9110 section 5; httpd's apr_table_t). Removed fields keep their place empty,
 * so that pointers to others stay good. */
#include "http.h"
#include "lanes.h"

/* Peers write names as we do: the same bytes are seen without a call. */
static inline bool is_name(struct span name, struct span wanted)
{
    if (name.n != wanted.n || !name.p)
        return false;
    if (name.n - 4 <= LANES - 4 && !lanes_any(lanes_of_few(name.p, name.n) ^ lanes_of_few(wanted.p, name.n)))
        return true;
    return span_ieq(name, wanted);
}

static struct http_field *next_named(const struct http_fields *f, struct span name, unsigned from)
{
    struct http_field *end = f->items + f->n;

    for (struct http_field *item = f->items + from; item < end; item++)
        if (is_name(item->name, name))
            return item;
    return NULL;
}

static unsigned after(const struct http_fields *f, const struct http_field *item)
{
    return (unsigned)(item - f->items) + 1;
}

void http_fields_grow(struct arena *a, struct http_fields *f)
{
    unsigned cap = f->cap ? f->cap * 2 : 16;
    struct http_field *items = arena_room(a, cap * sizeof(*items));

    if (f->n)
        memcpy(items, f->items, f->n * sizeof(*items));
    f->items = items;
    f->cap = cap;
}

struct http_field *http_fields_named(const struct http_fields *f, struct span name)
{
    return next_named(f, name, 0);
}

static struct span join_two(struct arena *a, struct span left, struct span right)
{
    size_t n = left.n + 2 + right.n;
    char *joined = arena_room(a, n + 1);

    memcpy(span_put(joined, left), ", ", 2);
    *span_put(joined + left.n + 2, right) = '\0';
    return (struct span){ joined, n };
}

/* The values from `first` on in one allocation: a peer may send hundreds of lines of one name. */
static struct span join_all(struct arena *a, const struct http_fields *f, struct span name,
                            const struct http_field *first)
{
    size_t n = first->value.n;
    char *joined, *end;

    for (const struct http_field *i = first; (i = next_named(f, name, after(f, i)));)
        n += 2 + i->value.n;
    joined = end = arena_alloc(a, n + 1);
    for (const struct http_field *i = first; i; i = next_named(f, name, after(f, i))) {
        if (i != first)
            end = (char *)memcpy(end, ", ", 2) + 2;
        end = span_put(end, i->value);
    }
    return (struct span){ joined, n };
}

struct span http_fields_join_named(struct arena *a, const struct http_fields *f, struct span name)
{
    struct http_field *first = next_named(f, name, 0);

    if (!first)
        return (struct span){ NULL, 0 };
    return next_named(f, name, after(f, first)) ? join_all(a, f, name, first) : first->value;
}

static unsigned remove_from(struct http_fields *f, struct span name, unsigned from)
{
    struct http_field *item;
    unsigned removed = 0;

    while ((item = next_named(f, name, from))) {
        from = after(f, item);
        *item = (struct http_field){ 0 };
        removed++;
    }
    return removed;
}

void http_fields_put(struct arena *a, struct http_fields *f, struct http_field *first, struct span name,
                     struct span value)
{
    if (!first) {
        http_fields_add(a, f, name, value);
        return;
    }
    first->value = value;
    remove_from(f, name, after(f, first));
}

void http_fields_merge(struct arena *a, struct http_fields *f, const char *name, struct span value)
{
    struct http_field *first = http_fields_find(f, name);

    if (first)
        first->value = join_two(a, first->value, value);
    else
        http_fields_add(a, f, span_of(name), value);
}

unsigned http_fields_remove_named(struct http_fields *f, struct span name)
{
    return remove_from(f, name, 0);
}

bool http_fields_token_named(const struct http_fields *f, struct span name, struct span token)
{
    struct http_field *item = next_named(f, name, 0);

    while (item && !span_has_token(item->value, token))
        item = next_named(f, name, after(f, item));
    return item != NULL;
}

void http_fields_copy(struct arena *a, struct http_fields *to, const struct http_fields *from)
{
    HTTP_EACH_FIELD(item, from)
    {
        struct span name = { arena_span(a, item->name), item->name.n };
        struct span value = { arena_span(a, item->value), item->value.n };

        http_fields_add(a, to, name, value);
    }
}

void http_fields_share(struct arena *a, struct http_fields *to, const struct http_fields *from)
{
    to->cap = from->n + 8; /* and what an edit adds */
    to->items = arena_room(a, to->cap * sizeof(*to->items));
    to->n = from->n;
    to->tags = from->tags;
    if (from->n)
        memcpy(to->items, from->items, from->n * sizeof(*to->items));
}

static bool is_one_line(const char *p, size_t n)
{
    return !span_has_control((struct span){ p, n }) ||
           (!memchr(p, '\n', n) && !memchr(p, '\r', n) && !memchr(p, '\0', n));
}

void http_field_write(struct buf *out, struct span name, struct span value)
{
    size_t n = name.n + 2 + value.n;
    char *line = buf_reserve(out, n + 2), *p = line;

    p = (char *)memcpy(span_put(p, name), ": ", 2) + 2;
    p = span_put(p, value);
    if (!is_one_line(line, n))
        return;
    memcpy(p, "\r\n", 2);
    out->end += n + 2;
}
