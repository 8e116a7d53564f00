/* What the targets that read heads have in common: read at once or byte by byte, a head is the same. A usual one that
 * is here as a whole goes another way through the parsers. */
#ifndef WEIR_FUZZ_HEADS_H
#define WEIR_FUZZ_HEADS_H

#include "http.h"

static inline void assert_same_fields(const struct http_fields *one, const struct http_fields *other)
{
    ASSERT(one->n == other->n && one->tags == other->tags);
    for (unsigned i = 0; i < one->n; i++) {
        ASSERT(span_eq(one->items[i].name, other->items[i].name));
        ASSERT(span_eq(one->items[i].value, other->items[i].value));
    }
}

#endif
