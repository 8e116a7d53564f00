/* base: memory, bytes, maps, regular expressions and the log. Knows no protocol. */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* ---- what cannot happen --------------------------------------------------------------- */

#define COLD __attribute__((cold)) /* off the path of what goes well: its callers' branches to it lie apart, too */
/* Always on: a broken invariant ends the process before it harms a peer. */
#define ASSERT(e) ((e) ? (void)0 : base_panic(#e, __FILE__, __LINE__))
_Noreturn COLD void base_panic(const char *what, const char *file, int line);

/* Long-lived structs begin with `uint32_t magic`, checked at each entry. */
#define CHECK_MAGIC(p, m) ASSERT((p) != NULL && (p)->magic == (m))

#define COUNT_OF(a)                   (sizeof(a) / sizeof(*(a)))
#define PRINTF(f, a)                  __attribute__((format(printf, f, a)))
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* Allocate or panic; a proxy without memory has nothing sensible left to do. */
void *base_alloc(size_t size); /* zeroed; owned by the caller, released with free() */
void *base_realloc(void *p, size_t size);
char *base_strdup(const char *s);

/* Milliseconds of CLOCK_MONOTONIC; microseconds of CLOCK_REALTIME since the epoch. */
uint64_t base_now_ms(void);
int64_t base_wall_us(void);

/* ---- span: borrowed bytes, not terminated ----------------------------------------------- */

struct span {
    const char *p;
    size_t n;
};

#define SPAN(lit) ((struct span){ (lit), sizeof(lit) - 1 })
static inline struct span span_of(const char *s)
{
    return (struct span){ s, s ? strlen(s) : 0 };
}
bool span_eq(struct span a, struct span b);
bool span_istarts(struct span s, struct span prefix);     /* ASCII case ignored */
static inline bool span_ieq(struct span a, struct span b) /* ASCII case ignored */
{
    if (a.n != b.n)
        return false;
    return a.n == 0 || ((((*a.p ^ *b.p) | (a.p[a.n - 1] ^ b.p[a.n - 1])) & ~0x20) == 0 && span_istarts(a, b));
}
static inline bool span_ieq_str(struct span a, const char *b)
{
    return span_ieq(a, span_of(b));
}
/* Copies it to `to`, which has room, and tells where it ends. The usual lengths without a call. */
static inline char *span_put(char *to, struct span s)
{
    if (s.n - 8 <= 8) {
        uint64_t first, last;

        memcpy(&first, s.p, 8);
        memcpy(&last, s.p + s.n - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + s.n - 8, &last, 8);
    } else if (s.n) { /* p may be NULL otherwise */
        memcpy(to, s.p, s.n);
    }
    return to + s.n;
}
bool span_has_control(struct span s); /* a byte below SP, HTAB too, or DEL */
struct span span_trim(struct span s); /* SP and HTAB at both ends */
/* Next element of a comma list (RFC 9110 5.6.1), trimmed, empty ones skipped; quotes respected. */
bool span_next_token(struct span *rest, struct span *token);
/* Does a comma list hold the token, ASCII case ignored? */
bool span_has_token(struct span list, struct span token);
/* Decimal digits only, no sign, no blanks; false on overflow or anything else. */
bool span_to_u64(struct span s, uint64_t *value);
size_t span_put_number(char *out, uint64_t value,
                       unsigned base); /* base 10 or 16, lower case; 1 to 20 bytes, not terminated */

/* ---- arena: start-up, snapshot, exchange ------------------------------------------------ */

struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);                /* runs the clean-ups, newest first, then releases all */
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
void *arena_room(struct arena *a, size_t size);  /* the same, not zeroed: for who writes all that is read */
void *arena_copy(struct arena *a, const void *p, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *p, size_t n);
static inline char *arena_span(struct arena *a, struct span s)
{
    return arena_strndup(a, s.p, s.n);
}
char *arena_printf(struct arena *a, const char *format, ...) PRINTF(2, 3);
char *arena_vprintf(struct arena *a, const char *format, va_list args);
char *arena_join(struct arena *a, const char *const *parts); /* up to a NULL */
char *arena_join_spans(struct arena *a, const struct span *parts, unsigned n);
#define arena_concat(a, ...) arena_join((a), (const char *const[]){ __VA_ARGS__ })
void arena_on_free(struct arena *a, void (*clean)(void *), void *arg);
size_t arena_size(const struct arena *a); /* bytes held from malloc */

/* Base64; what is decoded ends before the first byte outside the alphabet. Both end in a NUL that does not count. */
struct span base64_encode(struct arena *a, struct span data);
struct span base64_decode(struct arena *a, struct span text);

/* ---- vec: a growing list of pointers in an arena ---------------------------------------- */

struct vec {
    void **items;
    unsigned n, cap;
};
void vec_add(struct arena *a, struct vec *v, void *item);
void vec_append(struct arena *a, struct vec *to, const struct vec *from);

/* ---- buf: bytes on their way, owned ----------------------------------------------------- */

struct buf {
    char *data; /* NULL when empty and released */
    size_t start, end, cap;
};
static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}
static inline char *buf_head(const struct buf *b)
{
    return b->data + b->start;
}
static inline struct span buf_span(const struct buf *b)
{
    return (struct span){ b->data ? b->data + b->start : "", buf_len(b) };
}
#define BUF_HEAD 2048 /* to be reserved for a head or a line at once: one of the thread's blocks */
char *buf_reserve_growing(struct buf *b, size_t n);
/* Room for n more at data+end; then advance end. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    return n < b->cap - b->end ? b->data + b->end : buf_reserve_growing(b, n);
}
void buf_add_growing(struct buf *b, const void *p, size_t n);
static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n >= b->cap - b->end) {
        buf_add_growing(b, p, n);
        return;
    }
    if (n) /* p may be NULL then */
        memcpy(b->data + b->end, p, n);
    b->end += n;
}
static inline void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}
void buf_add_number(struct buf *b, uint64_t n); /* in decimal */
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
void buf_consume(struct buf *b, size_t n); /* releases nothing; rewinds when empty */
void buf_release(struct buf *b);           /* frees the bytes; b is empty and reusable */

/* ---- map: text -> pointer --------------------------------------------------------------- */

struct map;
enum map_case { MAP_EXACT, MAP_NOCASE };
struct map *map_new(enum map_case mode); /* keys are copied */
void map_free(struct map *m);
void *map_get(const struct map *m, const char *key);        /* NULL when absent */
void *map_set(struct map *m, const char *key, void *value); /* returns the value replaced */
void *map_remove(struct map *m, const char *key);
/* Visits in order of insertion; stops when visit returns false. */
void map_each(const struct map *m, bool (*visit)(void *arg, const char *key, void *value), void *arg);

/* ---- regex: PCRE2 with match limits ------------------------------------------------------ */

struct regex;
enum { REGEX_NOCASE = 1, REGEX_DOTALL = 2, REGEX_MULTILINE = 4, REGEX_EXTENDED = 8, REGEX_DOLLAR_ENDONLY = 16 };
#define REGEX_DEFAULT (REGEX_DOTALL | REGEX_DOLLAR_ENDONLY) /* httpd's RegexDefaultOptions */
#define REGEX_GROUPS  10
struct regex_match {
    unsigned n;                      /* groups set, [0] the whole */
    struct span group[REGEX_GROUPS]; /* unset group: p NULL, n 0; points into the subject */
};
enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT /* gave up: backtracking limit or error */ };
/* Compiled into the arena; NULL and *error (in the arena) when the pattern is bad. */
struct regex *regex_compile(struct arena *a, const char *pattern, unsigned flags, const char **error);
enum regex_result regex_search(const struct regex *r, struct span subject, struct regex_match *m); /* m may be NULL */
unsigned regex_captures(const struct regex *r);
/* The i-th named group (0 based) and its number; NULL past the last. */
const char *regex_name(const struct regex *r, unsigned i, unsigned *group);
/* ap_pregsub: $0..$9, & is not special; "\$" is a literal dollar. */
void regex_expand(struct buf *out, const char *replacement, const struct regex_match *m); /* the same, appended */
char *regex_substitute(struct arena *a, const char *replacement, const struct regex_match *m);

/* ---- intrusive list ----------------------------------------------------------------------- */

struct link {
    struct link *next, *prev;
};
static inline void link_init(struct link *l)
{
    l->next = l->prev = l;
}
static inline bool link_empty(const struct link *l)
{
    return l->next == l;
}
static inline void link_push(struct link *head, struct link *l)
{
    l->prev = head->prev, l->next = head;
    head->prev->next = l, head->prev = l;
}
static inline void link_remove(struct link *l)
{
    l->prev->next = l->next, l->next->prev = l->prev;
    link_init(l);
}

#include "log.h"
#endif
