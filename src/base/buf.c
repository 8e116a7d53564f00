/* Bytes on their way: appended at the end, consumed at the start, moved down before they grow. */
#include "blocks.h"

#include <stdio.h>
#include <stdlib.h>

#define SMALLEST 1024 /* a head fits, and malloc hands it out at once */

/* Only when enough was consumed to pay for it: else a slow reader of a long queue makes each append a copy of all. */
static void move_down(struct buf *b)
{
    if (b->start == 0 || b->start < buf_len(b) / 4)
        return;
    memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
}

char *buf_reserve_growing(struct buf *b, size_t n)
{
    size_t cap = b->cap ? b->cap : SMALLEST;

    ASSERT(b->start <= b->end && b->end <= b->cap && n < SIZE_MAX / 4);
    if (n <= b->cap - b->end && b->data)
        return b->data + b->end;
    if (!b->data && n > SMALLEST && n <= BLOCK_SIZE) { /* to read into */
        b->cap = BLOCK_SIZE;
        return b->data = block_take();
    }
    move_down(b);
    while (cap - b->end < n)
        cap *= 2;
    if (cap != b->cap) {
        b->data = base_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->end;
}

void buf_add_growing(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    b->end += n;
}

void buf_add_number(struct buf *b, uint64_t n)
{
    b->end += span_put_number(buf_reserve(b, 20), n, 10);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    char *out = buf_reserve(b, 1);
    size_t room = b->cap - b->end;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(out, room, format, args);
    va_end(args);
    ASSERT(n >= 0);
    if ((size_t)n >= room) {
        va_start(args, format);
        vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, args);
        va_end(args);
    }
    b->end += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    ASSERT(n <= buf_len(b));
    b->start += n;
    if (b->start == b->end)
        b->start = b->end = 0;
}

void buf_release(struct buf *b)
{
    if (b->cap == BLOCK_SIZE)
        block_give(b->data);
    else
        free(b->data);
    *b = (struct buf){ 0 };
}
