/* Fields of a head (RFC 9110 5): an ordered multimap, names and bytes kept as they came.
 * Names and values are borrowed: they live at least as long as the arena, or in it. What takes a name as text is
 * inline, so that the length of a constant costs nothing. */
#ifndef WEIR_HTTP_FIELDS_H
#define WEIR_HTTP_FIELDS_H

#include "base.h"

struct http_field {
    struct span name, value; /* value trimmed of OWS; name.p NULL when removed */
};
struct http_fields {
    struct http_field *items; /* in the arena */
    unsigned n, cap;
    uint64_t tags; /* a bit for each name's length and end letters: most names that are looked for are not there */
};
/* Names that differ in case alone have the same. */
static inline uint64_t http_field_tag(struct span name)
{
    size_t ends = name.n ? ((unsigned char)*name.p | 0x20u) + ((unsigned char)name.p[name.n - 1] | 0x20u) * 5u : 0;
    return 1ull << ((name.n * 7 + ends) % 64);
}
void http_fields_grow(struct arena *a, struct http_fields *f); /* room for one more */
static inline void http_fields_add(struct arena *a, struct http_fields *f, struct span name, struct span value)
{
    ASSERT(name.p);
    if (f->n == f->cap)
        http_fields_grow(a, f);
    f->items[f->n++] = (struct http_field){ name, value };
    f->tags |= http_field_tag(name);
}
/* False: none is there. Of a constant name without a call. */
static inline bool http_fields_may_have(const struct http_fields *f, const char *name)
{
    return (f->tags & http_field_tag(span_of(name))) != 0;
}
/* First field of that name (case ignored), or NULL. */
struct http_field *http_fields_named(const struct http_fields *f, struct span name);
static inline struct http_field *http_fields_find(const struct http_fields *f, const char *name)
{
    return http_fields_may_have(f, name) ? http_fields_named(f, span_of(name)) : NULL;
}
static inline struct span http_fields_get(const struct http_fields *f, const char *name) /* {NULL, 0} when absent */
{
    struct http_field *item = http_fields_find(f, name);
    return item ? item->value : (struct span){ NULL, 0 };
}
/* All values of that name joined by ", " as apr_table merges them; {NULL, 0} when absent. */
struct span http_fields_join_named(struct arena *a, const struct http_fields *f, struct span name);
static inline struct span http_fields_join(struct arena *a, const struct http_fields *f, const char *name)
{
    return http_fields_may_have(f, name) ? http_fields_join_named(a, f, span_of(name)) : (struct span){ NULL, 0 };
}
void http_fields_put(struct arena *a, struct http_fields *f, struct http_field *first, struct span name,
                     struct span value);
static inline void http_fields_set(struct arena *a, struct http_fields *f, const char *name,
                                   struct span value) /* replace all */
{
    http_fields_put(a, f, http_fields_find(f, name), span_of(name), value);
}
void http_fields_merge(struct arena *a, struct http_fields *f, const char *name, struct span value); /* "old, value" */
unsigned http_fields_remove_named(struct http_fields *f, struct span name);
static inline unsigned http_fields_remove(struct http_fields *f, const char *name)
{
    return http_fields_may_have(f, name) ? http_fields_remove_named(f, span_of(name)) : 0;
}
/* Does any line of that name hold the token (comma lists, case ignored)? */
bool http_fields_token_named(const struct http_fields *f, struct span name, struct span token);
static inline bool http_fields_has_token(const struct http_fields *f, const char *name, const char *token)
{
    return http_fields_may_have(f, name) && http_fields_token_named(f, span_of(name), span_of(token));
}
void http_fields_copy(struct arena *a, struct http_fields *to, const struct http_fields *from);
/* A list of its own, to be edited, of the same bytes. */
void http_fields_share(struct arena *a, struct http_fields *to, const struct http_fields *from);
/* "name: value" and CRLF; nothing when either holds CR, LF or NUL: the last gate against a head that is split. */
void http_field_write(struct buf *out, struct span name, struct span value);
#define HTTP_EACH_FIELD(f, fields)                                                                                     \
    for (struct http_field *f = (fields)->items, *f##_end = f ? f + (fields)->n : f; f != f##_end; f++)                \
        if (f->name.p)

#endif
