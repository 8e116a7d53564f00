/* Byte ranges asked for (RFC 9110 14.2), read and merged as httpd does it (byterange_filter.c, ap_set_byterange):
 * neighbours that overlap or touch become one; one that is malformed voids the whole field. */
#include "http.h"

/* "5-9", "5-" or "-5" of length bytes. False: malformed. last may lie beyond the end, first may not lie before 0. */
static bool parse_one(struct span text, uint64_t length, struct http_range *range)
{
    const char *dash = text.n ? memchr(text.p, '-', text.n) : NULL;
    struct span left = { text.p, dash ? (size_t)(dash - text.p) : 0 }, right;
    uint64_t suffix;

    if (!dash)
        return false;
    right = (struct span){ dash + 1, text.n - left.n - 1 };
    *range = (struct http_range){ .last = length - 1 };
    if (!left.n) {
        if (!span_to_u64(right, &suffix) || !suffix || suffix > INT64_MAX)
            return false;
        range->first = suffix < length ? length - suffix : 0;
        return true;
    }
    if (!span_to_u64(left, &range->first) || range->first > INT64_MAX)
        return false;
    if (!right.n)
        return true;
    return span_to_u64(right, &range->last) && range->last <= INT64_MAX && range->first <= range->last;
}

static void add(struct arena *a, struct http_ranges *out, struct http_range range)
{
    if (out->n == out->cap) {
        unsigned cap = out->cap ? out->cap * 2 : 8;
        struct http_range *items = arena_alloc(a, cap * sizeof(*items));
        if (out->n)
            memcpy(items, out->items, out->n * sizeof(*items));
        out->items = items;
        out->cap = cap;
    }
    out->items[out->n++] = range;
    out->sum += range.last - range.first + 1;
}

/* Widens the one under way by its neighbour; false when they lie apart. */
static bool join(struct http_ranges *out, struct http_range *open, struct http_range next)
{
    bool joined = next.first >= open->first && next.last <= open->last;

    if (next.first < open->first && next.last + 1 >= open->first) {
        open->first = next.first;
        out->reversals++;
        joined = true;
    }
    if (next.last >= open->last && next.first <= open->last + 1) {
        open->last = next.last;
        joined = true;
    }
    out->overlaps += joined;
    return joined;
}

/* Takes the next element; runs of commas are one, an empty element ends the list. */
static bool next_element(struct span *rest, struct span *element)
{
    const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    size_t n = comma ? (size_t)(comma - rest->p) : rest->n;

    *element = (struct span){ rest->p, n };
    while (n < rest->n && rest->p[n] == ',')
        n++;
    *rest = (struct span){ rest->p + n, rest->n - n };
    return element->n > 0;
}

enum http_ranges_result http_parse_ranges(struct arena *a, struct span field, uint64_t length, struct http_ranges *out)
{
    struct span rest = field, element;
    struct http_range open = { 0 }, range;
    bool has_open = false, beyond = false;

    *out = (struct http_ranges){ 0 };
    if (!length || !span_istarts(field, SPAN("bytes=")))
        return HTTP_RANGES_NONE;
    rest = (struct span){ field.p + 6, field.n - 6 };
    while (next_element(&rest, &element)) {
        if (!parse_one(element, length, &range))
            return HTTP_RANGES_NONE;
        if (range.first == 0 && element.n == 2 && element.p[0] == '0') { /* "0-": all of it, whatever else is asked */
            out->n = 0, out->sum = 0;
            open = range;
            has_open = true;
            break;
        }
        if (range.first >= length) {
            beyond = true;
            continue;
        }
        if (range.last >= length)
            range.last = length - 1;
        if (has_open && join(out, &open, range))
            continue;
        if (has_open)
            add(a, out, open);
        open = range;
        has_open = true;
    }
    if (has_open)
        add(a, out, open);
    if (!out->n)
        return beyond ? HTTP_RANGES_BEYOND : HTTP_RANGES_NONE;
    return out->sum > length ? HTTP_RANGES_NONE : HTTP_RANGES_SOME;
}
