/* Parts of a whole answer, for a request with Range (RFC 9110 14): httpd's byterange_filter.c. Of a backend's, which
 * httpd cuts when all of it is in memory, what lies outside is dropped as it comes; a file's are read from where they
 * lie. */
#include "reply.h"

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

static bool within(int most, unsigned n)
{
    return most < 0 || n <= (unsigned)most;
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

    if (r->status != 200 || r->head.version <= 9 || ex->coder || ex->answer_body.framing != HTTP_LENGTH)
        return false;
    if (http_fields_find(&r->out, "Content-Range") || span_istarts(type, SPAN("multipart/byteranges")))
        return false;
    return http_range_applies(r->arena, &r->head.fields, &is);
}

enum http_ranges_result parts_asked(struct exchange *ex, struct http_ranges *ranges)
{
    const struct core_place *place = core_place_of(ex->r.place);
    struct span field = request_field(&ex->r, "Range");
    enum http_ranges_result result;

    if (!field.p || !may_be_cut(ex))
        return HTTP_RANGES_NONE;
    result = http_parse_ranges(ex->arena, field, ex->answer_body.left, ranges);
    if (result == HTTP_RANGES_SOME && within(place->max_ranges, ranges->n) &&
        within(place->max_overlaps, ranges->overlaps) && within(place->max_reversals, ranges->reversals))
        return HTTP_RANGES_SOME;
    return result == HTTP_RANGES_BEYOND ? result : HTTP_RANGES_NONE;
}

static void set(struct request *r, const char *name, const char *value)
{
    http_fields_set(r->arena, &r->out, name, span_of(value));
}

uint64_t parts_head(struct exchange *ex, const struct http_ranges *ranges, struct http_multipart *m)
{
    struct request *r = &ex->r;
    const struct http_range *first = &ranges->items[0];
    uint64_t length = ranges->sum;

    *m = (struct http_multipart){ .whole = ex->answer_body.left, .type = http_fields_get(&r->out, "Content-Type") };
    m->boundary =
        arena_printf(ex->arena, "%016llx", (unsigned long long)r->begun_us * 0x9e3779b97f4a7c15u ^ ex->worker->id);
    if (ranges->n == 1) {
        set(r, "Content-Range",
            arena_printf(ex->arena, "bytes %llu-%llu/%llu", (unsigned long long)first->first,
                         (unsigned long long)first->last, (unsigned long long)m->whole));
    } else {
        length = http_parts_length(m, ranges);
        set(r, "Content-Type", arena_concat(ex->arena, "multipart/byteranges; boundary=", m->boundary, NULL));
    }
    set(r, "Content-Length", arena_printf(ex->arena, "%llu", (unsigned long long)length));
    r->status = 206;
    r->reason = NULL;
    return length;
}

int parts_choose(struct exchange *ex)
{
    struct http_ranges ranges;
    struct parts *p;

    if (!ex->upstream || ex->r.header_only)
        return 0;
    switch (parts_asked(ex, &ranges)) {
    case HTTP_RANGES_NONE: return 0;
    case HTTP_RANGES_BEYOND: ex->r.reason = NULL; return 416;
    case HTTP_RANGES_SOME: break;
    }
    if (!is_ascending(&ranges))
        return 0;
    p = arena_alloc(ex->arena, sizeof(*p));
    *p = (struct parts){ .coder = { .code = code, .counted = true }, .ranges = ranges };
    p->coder.length = parts_head(ex, &ranges, &p->multipart);
    ex->coder = &p->coder;
    return 0;
}
