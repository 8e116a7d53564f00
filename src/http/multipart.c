/* multipart/byteranges (RFC 9110 14.6), in httpd's words (byterange_filter.c). */
#include "http.h"

void http_part_head(struct buf *out, const struct http_multipart *m, const struct http_range *range)
{
    buf_printf(out, "\r\n--%s\r\n", m->boundary);
    if (m->type.n)
        buf_printf(out, "Content-type: %.*s\r\n", (int)m->type.n, m->type.p);
    buf_printf(out, "Content-range: bytes %llu-%llu/%llu\r\n\r\n", (unsigned long long)range->first,
               (unsigned long long)range->last, (unsigned long long)m->whole);
}

void http_part_end(struct buf *out, const struct http_multipart *m)
{
    buf_printf(out, "\r\n--%s--\r\n", m->boundary);
}

uint64_t http_parts_length(const struct http_multipart *m, const struct http_ranges *ranges)
{
    struct buf scratch = { 0 };
    uint64_t n = 0;

    for (unsigned i = 0; i < ranges->n; i++) {
        http_part_head(&scratch, m, &ranges->items[i]);
        n += buf_len(&scratch) + ranges->items[i].last - ranges->items[i].first + 1;
        buf_consume(&scratch, buf_len(&scratch));
    }
    http_part_end(&scratch, m);
    n += buf_len(&scratch);
    buf_release(&scratch);
    return n;
}
