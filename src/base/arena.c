/* Arenas: bytes that end together. Blocks of 8 KiB doubling to 64 KiB; what is big gets a block of its own.
 * The first block is one of the thread's, and most requests need no second one. */
#include "blocks.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAGIC 0xa7e4a001u
#define LARGEST     ((size_t)65536)
#define BIG         ((size_t)16384) /* from here on a block of its own: growing for it would waste the current one */
#define ALIGNMENT   _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t size; /* with this header */
    _Alignas(ALIGNMENT) char bytes[];
};

struct cleanup {
    struct cleanup *next;
    void (*clean)(void *);
    void *arg;
};

struct arena { /* lives in its own oldest block */
    uint32_t magic;
    struct block *blocks; /* the current one first */
    char *next;           /* free in the current block, aligned, and how much */
    size_t left;
    size_t held;
    struct cleanup *cleanups;
};

/* ---- blocks --------------------------------------------------------------------------------------------- */

/* The unused part of a block is poisoned, so that AddressSanitizer sees into arenas as it sees into malloc. */
static struct block *block_new(size_t size)
{
    struct block *b = size == BLOCK_SIZE ? block_take() : malloc(size);

    ASSERT(b != NULL);
    b->next = NULL, b->size = size;
    ASAN_POISON_MEMORY_REGION(b->bytes, size - sizeof(*b));
    return b;
}

static void block_free(struct block *b)
{
    if (b->size == BLOCK_SIZE)
        block_give(b);
    else
        free(b);
}

static void *take(void *p, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    (void)size;
    return p;
}

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void start_in(struct arena *a, struct block *b, size_t used)
{
    a->blocks = b;
    a->next = b->bytes + used;
    a->left = b->size - sizeof(*b) - used;
    a->held += b->size;
}

static void *own_block(struct arena *a, size_t size)
{
    struct block *b = block_new(sizeof(*b) + size);

    b->next = a->blocks->next;
    a->blocks->next = b;
    a->held += b->size;
    return take(b->bytes, size);
}

static void grow(struct arena *a, size_t need)
{
    size_t size = a->blocks->size;
    struct block *b;

    do
        size = size < LARGEST ? size * 2 : LARGEST;
    while (size < need + sizeof(*b));
    b = block_new(size);
    b->next = a->blocks;
    start_in(a, b, 0);
}

struct arena *arena_new(void)
{
    struct block *b = block_new(BLOCK_SIZE);
    struct arena *a = take(b->bytes, sizeof(*a));

    *a = (struct arena){ .magic = ARENA_MAGIC };
    start_in(a, b, aligned(sizeof(*a)));
    return a;
}

void arena_free(struct arena *a)
{
    struct cleanup *c;
    struct block *b;

    CHECK_MAGIC(a, ARENA_MAGIC);
    while ((c = a->cleanups)) {
        a->cleanups = c->next;
        c->clean(c->arg);
    }
    a->magic = 0;
    b = a->blocks;
    while (b) { /* the arena itself goes with the oldest block, some time in this loop */
        struct block *next = b->next;

        block_free(b);
        b = next;
    }
}

static void *alloc_growing(struct arena *a, size_t size)
{
    ASSERT(size < SIZE_MAX / 2);
    if (aligned(size) >= BIG)
        return own_block(a, size);
    grow(a, aligned(size));
    a->left -= aligned(size);
    a->next += aligned(size);
    return take(a->next - aligned(size), size);
}

static inline void *alloc_unset(struct arena *a, size_t size)
{
    size_t need = size ? aligned(size) : ALIGNMENT;
    char *p = a->next;

    CHECK_MAGIC(a, ARENA_MAGIC);
    if (size > a->left || need > a->left)
        return alloc_growing(a, size);
    a->next = p + need;
    a->left -= need;
    return take(p, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(alloc_unset(a, size), 0, size);
}

void *arena_room(struct arena *a, size_t size)
{
    return alloc_unset(a, size);
}

void *arena_copy(struct arena *a, const void *p, size_t size)
{
    void *copy = alloc_unset(a, size);

    return size ? memcpy(copy, p, size) : copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *s = alloc_unset(a, n + 1);

    s[n] = '\0';
    return n ? memcpy(s, p, n) : s;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    char *s;

    va_start(args, format);
    s = arena_vprintf(a, format, args);
    va_end(args);
    return s;
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
    char most[256];
    va_list again;
    char *s;
    int n;

    va_copy(again, args);
    n = vsnprintf(most, sizeof(most), format, again);
    va_end(again);
    ASSERT(n >= 0);
    s = alloc_unset(a, (size_t)n + 1);
    if ((size_t)n < sizeof(most))
        memcpy(s, most, (size_t)n + 1);
    else
        vsnprintf(s, (size_t)n + 1, format, args);
    return s;
}

char *arena_join(struct arena *a, const char *const *parts)
{
    size_t n = 0;
    char *s, *end;

    for (const char *const *part = parts; *part; part++)
        n += strlen(*part);
    s = end = alloc_unset(a, n + 1);
    *end = '\0';
    for (const char *const *part = parts; *part; part++)
        end = stpcpy(end, *part);
    return s;
}

char *arena_join_spans(struct arena *a, const struct span *parts, unsigned n)
{
    size_t size = 1;
    char *s, *end;

    for (unsigned i = 0; i < n; i++)
        size += parts[i].n;
    s = end = alloc_unset(a, size);
    for (unsigned i = 0; i < n; i++)
        end = span_put(end, parts[i]);
    *end = '\0';
    return s;
}

void arena_on_free(struct arena *a, void (*clean)(void *), void *arg)
{
    struct cleanup *c = arena_alloc(a, sizeof(*c));

    *c = (struct cleanup){ a->cleanups, clean, arg };
    a->cleanups = c;
}

size_t arena_size(const struct arena *a)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    return a->held;
}
