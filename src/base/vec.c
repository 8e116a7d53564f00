/* A growing list of pointers in an arena: outgrown arrays stay behind until the arena ends, at most as much again. */
#include "base.h"

static void reserve(struct arena *a, struct vec *v, unsigned more)
{
    unsigned need, cap = v->cap ? v->cap : 4;
    void **items;

    ASSERT(!__builtin_add_overflow(v->n, more, &need) && need <= UINT32_MAX / 2);
    if (need <= v->cap)
        return;
    while (cap < need)
        cap *= 2;
    items = arena_alloc(a, cap * sizeof(*items));
    if (v->n)
        memcpy(items, v->items, v->n * sizeof(*items));
    v->items = items;
    v->cap = cap;
}

void vec_add(struct arena *a, struct vec *v, void *item)
{
    reserve(a, v, 1);
    v->items[v->n++] = item;
}

void vec_append(struct arena *a, struct vec *to, const struct vec *from)
{
    unsigned n = from->n; /* from may be to itself */

    if (n == 0)
        return;
    reserve(a, to, n);
    memcpy(to->items + to->n, from->items, n * sizeof(*to->items));
    to->n += n;
}
