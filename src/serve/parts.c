/* Parts of a backend's whole answer, for a request with Range (RFC 9110 14): what lies outside is dropped as it comes.
 * httpd: byterange_filter.c, which does it when the whole is in memory. */
#include "server.h"

#define MOST_OVERLAPS 20 /* AP_DEFAULT_MAX_OVERLAPS */

struct parts {
    struct coder coder;
    struct http_ranges ranges;
    struct http_multipart multipart;
    unsigned at;  /* the range under way */
    uint64_t pos; /* of the whole: where the next byte stands */
};

static bool is_done(const struct parts *p)
{
    return p->at == p->ranges.n;
}

/* As much of `in` as lies before the range under way, or in it. */
static size_t step(struct parts *p, struct span in, struct buf *out)
{
    const struct http_range *range = &p->ranges.items[p->at];
    uint64_t until = p->pos < range->first ? range->first : range->last + 1;
    size_t n = in.n < until - p->pos ? in.n : (size_t)(until - p->pos);

    if (p->pos == range->first && p->ranges.n > 1)
        http_part_head(out, &p->multipart, range);
    if (p->pos >= range->first)
        buf_add(out, in.p, n);
    p->pos += n;
    if (p->pos == range->last + 1)
        p->at++;
    return n;
}

static void code(struct coder *c, struct span in, enum coder_flush flush, struct buf *out)
{
    struct parts *p = CONTAINER_OF(c, struct parts, coder);

    while (in.n && !is_done(p)) {
        size_t n = step(p, in, out);
        in.p += n;
        in.n -= n;
    }
    c->full = is_done(p);
    if (flush == CODER_END && p->ranges.n > 1)
        http_part_end(out, &p->multipart);
}

/* Bytes pass once: they can only be sent in their order. */
static bool is_ascending(const struct http_ranges *ranges)
{
    for (unsigned i = 1; i < ranges->n; i++)
        if (ranges->items[i].first <= ranges->items[i - 1].last)
            return false;
    return true;
}

static bool are_too_many(const struct exchange *ex, const struct http_ranges *ranges)
{
    int most = core_site_of(ex->r.site)->max_ranges; /* -1: none, 0: any number */

    return most < 0 || (most && ranges->n > (unsigned)most) || ranges->overlaps > MOST_OVERLAPS;
}

/* Seconds; where the field says nothing, the request's own time. */
static int64_t date_of(const struct request *r, const char *name)
{
    int64_t date = http_parse_date(http_fields_get(&r->out, name));

    return date ? date : r->begun_us / 1000000;
}

static bool may_be_cut(struct exchange *ex)
{
    const struct request *r = &ex->r;
    struct span type = http_fields_get(&r->out, "Content-Type"), tag = http_fields_get(&r->out, "ETag");
    struct http_validators is = { .etag = tag.p ? arena_span(r->arena, tag) : NULL,
                                  .modified = date_of(r, "Last-Modified"),
                                  .now = date_of(r, "Date") };

    if (r->status != 200 || r->header_only || r->head.version <= 9 || !ex->upstream || ex->coder ||
        ex->answer_body.framing != HTTP_LENGTH)
        return false;
    if (http_fields_find(&r->out, "Content-Range") || span_istarts(type, SPAN("multipart/byteranges")))
        return false;
    return http_range_applies(r->arena, &r->head.fields, &is);
}

static void start(struct exchange *ex, const struct http_ranges *ranges, uint64_t whole)
{
    struct request *r = &ex->r;
    const struct http_range *first = &ranges->items[0];
    struct parts *p = arena_alloc(ex->arena, sizeof(*p));

    *p = (struct parts){ .coder = { .code = code, .counted = true, .length = ranges->sum }, .ranges = *ranges };
    p->multipart = (struct http_multipart){ .whole = whole, .type = http_fields_get(&r->out, "Content-Type") };
    p->multipart.boundary =
        arena_printf(ex->arena, "%016llx", (unsigned long long)r->begun_us * 0x9e3779b97f4a7c15u ^ ex->worker->id);
    if (ranges->n == 1) {
        http_fields_set(ex->arena, &r->out, "Content-Range",
                        span_of(arena_printf(ex->arena, "bytes %llu-%llu/%llu", (unsigned long long)first->first,
                                             (unsigned long long)first->last, (unsigned long long)whole)));
    } else {
        p->coder.length = http_parts_length(&p->multipart, ranges);
        http_fields_set(
            ex->arena, &r->out, "Content-Type",
            span_of(arena_concat(ex->arena, "multipart/byteranges; boundary=", p->multipart.boundary, NULL)));
    }
    http_fields_set(ex->arena, &r->out, "Content-Length",
                    span_of(arena_printf(ex->arena, "%llu", (unsigned long long)p->coder.length)));
    ex->coder = &p->coder;
    r->status = 206;
    r->reason = NULL;
}

int parts_choose(struct exchange *ex)
{
    struct http_ranges ranges;
    struct span field = http_fields_get(&ex->r.head.fields, "Range");
    uint64_t whole = ex->answer_body.left;

    if (!field.p || !may_be_cut(ex))
        return 0;
    switch (http_parse_ranges(ex->arena, field, whole, &ranges)) {
    case HTTP_RANGES_NONE: return 0;
    case HTTP_RANGES_BEYOND: return are_too_many(ex, &ranges) ? 0 : 416;
    case HTTP_RANGES_SOME: break;
    }
    if (!are_too_many(ex, &ranges) && is_ascending(&ranges))
        start(ex, &ranges, whole);
    return 0;
}
