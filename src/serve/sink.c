/* Where the body of every answer goes, whatever its source: framed for the client as reply_head chose (RFC 9112 6, 7).
 */
#include "reply.h"

void chunk_add(struct buf *out, struct span payload)
{
    char head[20];
    size_t n = http_chunk_head(payload.n, head);

    buf_add(out, head, n);
    buf_add(out, payload.p, payload.n);
    buf_add(out, "\r\n", 2);
}

/* Fields that frame, route or authenticate have no meaning after the body (RFC 9110 6.5.1). */
static bool may_trail(struct span name)
{
    static const char *const never[] = { "Content-Length",
                                         "Transfer-Encoding",
                                         "Host",
                                         "Connection",
                                         "Trailer",
                                         "TE",
                                         "Upgrade",
                                         "Keep-Alive",
                                         "Content-Encoding",
                                         "Content-Type",
                                         "Content-Range",
                                         "Authorization",
                                         "Set-Cookie",
                                         "Cookie",
                                         "Forwarded",
                                         "Via",
                                         "X-Real-IP",
                                         "Expect",
                                         "Range" };
    if (span_istarts(name, SPAN("X-Forwarded-")) || span_istarts(name, SPAN("Proxy-")))
        return false;
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (span_ieq_str(name, never[i]))
            return false;
    return true;
}

void chunk_add_last(struct buf *out, const struct http_fields *trailers)
{
    buf_adds(out, "0\r\n");
    HTTP_EACH_FIELD(f, trailers)
    if (may_trail(f->name))
        http_field_write(out, f->name, f->value);
    buf_adds(out, "\r\n");
}

static void put(struct exchange *ex, struct span payload)
{
    struct buf *out = &ex->client->out;
    size_t before = buf_len(out);

    if (!payload.n)
        return;
    if (ex->chunked)
        chunk_add(out, payload);
    else
        buf_add(out, payload.p, payload.n);
    ex->r.bytes_out += buf_len(out) - before;
    ex->r.body_out += payload.n;
}

static void code(struct exchange *ex, struct span payload, enum coder_flush how)
{
    struct buf coded = { 0 };

    ex->coder->code(ex->coder, payload, how, &coded);
    if (!ex->coder->failed)
        put(ex, buf_span(&coded));
    buf_release(&coded);
    ex->unflushed = how == CODER_MORE;
}

/* A HEAD or a 304 tells what the whole answer would be, and has no body to code. */
void sink_choose(struct exchange *ex)
{
    const struct http_body *body = &ex->answer_body;
    uint64_t known = body->framing == HTTP_LENGTH ? body->left : body->framing == HTTP_NO_BODY ? 0 : UINT64_MAX;
    struct coder *coder = filter_choose(&ex->r, known);

    ex->coder = ex->r.header_only || ex->r.status == 304 ? NULL : coder;
}

bool sink_is_plain(const struct exchange *ex)
{
    return !ex->coder && !ex->chunked && !ex->r.header_only;
}

void sink_write(struct exchange *ex, struct span payload)
{
    if (!payload.n || ex->r.header_only)
        return;
    if (ex->coder)
        code(ex, payload, CODER_MORE);
    else
        put(ex, payload);
}

void sink_push(struct exchange *ex)
{
    if (ex->coder && ex->unflushed)
        code(ex, (struct span){ 0 }, CODER_FLUSH);
}

void sink_end(struct exchange *ex, const struct http_fields *trailers)
{
    struct buf *out = &ex->client->out;
    size_t before;

    ex->r.trailers_out = *trailers;
    if (ex->coder && !ex->r.header_only)
        code(ex, (struct span){ 0 }, CODER_END);
    if (ex->coder && ex->coder->failed) /* the client learns it from an end without the last chunk */
        ex->keep = ex->chunked = false;
    before = buf_len(out);
    if (ex->chunked)
        chunk_add_last(out, trailers);
    ex->r.bytes_out += buf_len(out) - before;
    ex->reply = REPLY_COMPLETE;
}
