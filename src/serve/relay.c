/* Bodies in both directions. A side is read only while the other has little unsent: that is the back-pressure. What
 * goes out is framed anew, so nothing of one connection's framing reaches the other (RFC 9112 11.2). */
#include "balance.h"
#include "reply.h"
#include "upstream.h"

#include <errno.h>

#define HIGH_WATER   (64 * 1024)
#define READ_STEP    (32 * 1024)
#define READS_A_TURN 8 /* then others have their turn */

static const struct http_limits trailer_limits = { .line = 8190, .fields = 100, .field_size = 8190 };

/* One piece out of `in`: payload, or the end with its trailers. HTTP_MORE: nothing to be had without more bytes. */
static enum http_parse take_piece(struct arena *a, struct http_body *body, struct buf *in, struct span *payload,
                                  struct http_fields *trailers)
{
    struct http_fault fault;
    size_t used = 0;
    enum http_parse result;

    *payload = (struct span){ 0 };
    if (!body->done) {
        result = http_body_decode(body, buf_span(in), payload, &used);
        if (result == HTTP_BAD || (used == 0 && !body->done))
            return result == HTTP_BAD ? HTTP_BAD : HTTP_MORE;
        in->start += used; /* the payload still points there: buf_consume would rewind */
        return HTTP_DONE;
    }
    if (body->framing != HTTP_CHUNKED)
        return HTTP_DONE;
    result = http_parse_trailers(a, buf_span(in), &trailer_limits, trailers, &used, &fault);
    if (result == HTTP_DONE)
        in->start += used;
    return result;
}

static bool is_end(const struct http_body *body, bool was_done)
{
    return body->done && (was_done || body->framing != HTTP_CHUNKED);
}

static void rewind_empty(struct buf *b)
{
    buf_consume(b, 0);
}

/* ---- the request's body: client -> backend ---- */

static void bad_request_body(struct exchange *ex)
{
    struct http_fault fault = { 0 };

    http_body_fault(&ex->body, &fault);
    REQUEST_LOG(&ex->r, LOG_HTTP, fault.level, fault.ah, "%s / チャンク形式の要求本文が壊れています", fault.reason);
    ex->r.keepalive = false;
    exchange_fail(ex, fault.status);
}

/* Moves one piece on. HTTP_DONE: moved. */
static enum http_parse move_request_piece(struct exchange *ex)
{
    struct client *c = ex->client;
    struct buf *out = &ex->upstream->out;
    struct http_fields trailers = { 0 };
    struct span payload;
    bool was_done = ex->body.done;
    size_t before = buf_len(out);
    enum http_parse result = take_piece(ex->arena, &ex->body, &c->in, &payload, &trailers);

    if (result != HTTP_DONE)
        return result;
    if (payload.n && ex->body.framing == HTTP_CHUNKED)
        chunk_add(out, payload);
    else
        buf_add(out, payload.p, payload.n);
    ex->r.bytes_in += payload.n;
    rewind_empty(&c->in);
    if (is_end(&ex->body, was_done)) {
        ex->body_done = true;
        ex->r.trailers_in = trailers;
        if (ex->body.framing == HTTP_CHUNKED)
            chunk_add_last(out, &trailers);
    }
    balance_count(ex, buf_len(out) - before, 0);
    return HTTP_DONE;
}

static void backend_turned_deaf(struct exchange *ex)
{
    struct upstream *u = ex->upstream;

    if (!ex->answer_seen && (ex->body.framing != HTTP_NO_BODY))
        REQUEST_LOG_OS(&ex->r, LOG_PROXY, LEVEL_ERROR, 1084, errno, "pass request body failed to %s:%d (%s)",
                       u->origin->host, u->origin->port, u->origin->host);
    ex->deaf = true;
    buf_release(&u->out);
    u->stream->ready |= STREAM_READABLE; /* an answer may have come before the reset */
    loop_post(ex->worker->loop, &u->look);
}

/* True while more may be read from the client for the backend. */
static bool flush_upstream(struct exchange *ex)
{
    struct upstream *u = ex->upstream;

    if (ex->deaf)
        return false;
    if (buf_len(&u->out) && stream_flush(u->stream, &u->out) < 0) {
        backend_turned_deaf(ex);
        return false;
    }
    if (!buf_len(&u->out))
        buf_release(&u->out);
    return buf_len(&u->out) < HIGH_WATER;
}

bool relay_request(struct exchange *ex)
{
    struct client *c = ex->client;
    unsigned reads = 0;

    while (flush_upstream(ex) && !ex->body_done && !ex->hold_body) {
        enum http_parse result = move_request_piece(ex);
        while (result == HTTP_DONE && !ex->body_done && buf_len(&ex->upstream->out) < HIGH_WATER)
            result = move_request_piece(ex);
        if (result == HTTP_BAD) {
            bad_request_body(ex);
            return false;
        }
        if (result == HTTP_DONE)
            continue;
        if (!(c->stream->ready & STREAM_READABLE)) {
            flush_upstream(ex);
            return true;
        }
        if (reads++ == READS_A_TURN) {
            loop_post(ex->worker->loop, &c->next);
            return true;
        }
        if (!client_fill(c) || c->half_closed) { /* the body will never be whole */
            exchange_abort(ex);
            return false;
        }
    }
    return true;
}

/* ---- the whole of it before anything is sent ---- */

#define COLLECT_MOST (16 * 1024 * 1024)
#define COUNT_MOST   (16 * 1024)

static bool is_too_much(const struct exchange *ex)
{
    int64_t limit = core_place_of(ex->r.place)->limit_body;
    size_t most = limit && limit < COLLECT_MOST ? (size_t)limit : COLLECT_MOST;

    if (buf_len(&ex->collected) <= most)
        return false;
    REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 0,
                "a chunked body of more than %zu bytes is not collected to be counted (proxy-sendcl, "
                "force-proxy-request-1.0) / 本文が長すぎて Content-Length を付けられません",
                most);
    return true;
}

/* What was chunked stands before the next request's bytes now, with a length: the relay finds it there. */
static void put_back(struct exchange *ex)
{
    struct buf *in = &ex->client->in;

    ex->body = (struct http_body){ .framing = HTTP_LENGTH, .left = buf_len(&ex->collected) };
    ex->body_done = ex->body.left == 0;
    buf_add(&ex->collected, buf_head(in), buf_len(in));
    buf_release(in);
    *in = ex->collected;
    ex->collected = (struct buf){ 0 };
    ex->collecting = false;
}

static enum http_parse collect_piece(struct exchange *ex)
{
    struct http_fields trailers = { 0 };
    struct span payload;
    bool was_done = ex->body.done;
    enum http_parse result = take_piece(ex->arena, &ex->body, &ex->client->in, &payload, &trailers);

    if (result != HTTP_DONE)
        return result;
    buf_add(&ex->collected, payload.p, payload.n);
    rewind_empty(&ex->client->in);
    if (is_end(&ex->body, was_done)) {
        ex->body_done = true;
        ex->r.trailers_in = trailers;
    }
    return HTTP_DONE;
}

/* ap_proxy_http_prefetch: a small body that is all here goes on with its length, for backends that know no chunks.
 * One with trailers stays as it is. */
bool relay_count_whole(struct exchange *ex)
{
    struct http_body body = ex->body;
    struct buf in = ex->client->in;
    struct http_fields trailers = { 0 };
    struct span payload;
    bool was_done, whole = false;

    do {
        was_done = body.done;
        if (take_piece(ex->arena, &body, &in, &payload, &trailers) != HTTP_DONE)
            break;
        buf_add(&ex->collected, payload.p, payload.n);
        whole = is_end(&body, was_done);
    } while (!whole && buf_len(&ex->collected) <= COUNT_MOST);
    if (whole && !trailers.n) {
        ex->client->in.start = in.start;
        put_back(ex);
        return true;
    }
    buf_release(&ex->collected);
    return false;
}

bool relay_collect(struct exchange *ex)
{
    struct client *c = ex->client;
    unsigned reads = 0;

    while (!ex->body_done) {
        enum http_parse result = collect_piece(ex);
        if (result == HTTP_BAD) {
            bad_request_body(ex);
            return false;
        }
        if (is_too_much(ex)) {
            ex->r.keepalive = false;
            exchange_fail(ex, 413);
            return false;
        }
        if (result == HTTP_DONE)
            continue;
        if (!(c->stream->ready & STREAM_READABLE))
            return true;
        if (reads++ == READS_A_TURN) {
            loop_post(ex->worker->loop, &c->next);
            return true;
        }
        if (!client_fill(c) || c->half_closed) {
            exchange_abort(ex);
            return false;
        }
    }
    put_back(ex);
    exchange_resume(ex, STEP_NEXT);
    return false;
}

void relay_discard_request(struct exchange *ex)
{
    struct http_fields trailers = { 0 };
    struct span payload;

    while (!ex->body_done && ex->body.framing != HTTP_NO_BODY) {
        bool was_done = ex->body.done;
        if (take_piece(ex->arena, &ex->body, &ex->client->in, &payload, &trailers) != HTTP_DONE)
            return;
        ex->body_done = is_end(&ex->body, was_done);
    }
}

/* ---- the answer's body: backend -> client ---- */

static bool answer_allows_reuse(const struct exchange *ex)
{
    const struct http_response_head *h = &ex->answer;

    if (ex->answer_body.framing == HTTP_UNTIL_CLOSE || ex->answer_body.close ||
        http_fields_has_token(&h->fields, "Connection", "close"))
        return false;
    return h->version >= 11 || http_fields_has_token(&h->fields, "Connection", "keep-alive");
}

static void let_upstream_go(struct exchange *ex)
{
    struct upstream *u = ex->upstream;

    if (ex->answer_body.done && ex->body_done && !buf_len(&u->out) && !buf_len(&u->in) && answer_allows_reuse(ex) &&
        !ex->deaf && u->may_keep)
        upstream_keep(u);
    else
        upstream_close(u);
    balance_release(ex); /* before the client can know of the end, and ask again */
}

static void end_answer(struct exchange *ex, const struct http_fields *trailers)
{
    sink_end(ex, trailers);
    let_upstream_go(ex);
}

/* The parts asked for are sent: a short rest is read, so that the connection may be kept, a long one is not. Nothing
 * is read for an answer that is broken off. */
static bool is_enough(const struct exchange *ex)
{
    return ex->coder && (ex->coder->failed || (ex->coder->full && ex->answer_body.left > HIGH_WATER));
}

static enum http_parse move_answer_piece(struct exchange *ex)
{
    struct http_fields trailers = { 0 };
    struct span payload;
    bool was_done = ex->answer_body.done;
    enum http_parse result = take_piece(ex->arena, &ex->answer_body, &ex->upstream->in, &payload, &trailers);

    if (result != HTTP_DONE)
        return result;
    balance_count(ex, 0, payload.n);
    sink_write(ex, payload);
    rewind_empty(&ex->upstream->in);
    if (is_end(&ex->answer_body, was_done) || is_enough(ex))
        end_answer(ex, &trailers);
    return HTTP_DONE;
}

/* The backend ended too early: the client learns it from an end without the last chunk or the missing bytes. */
static void truncated(struct exchange *ex, int os_error)
{
    REQUEST_LOG_OS(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1110, os_error, "error reading response");
    client_flush(ex->client);
    exchange_abort(ex);
}

/* Reads from the backend. False: the exchange went on without it (ended or aborted), or there is nothing now (*wait).
 */
static bool read_answer(struct exchange *ex, bool *wait)
{
    struct upstream *u = ex->upstream;
    ssize_t n = -1;

    *wait = !(u->stream->ready & STREAM_READABLE);
    if (*wait)
        return false;
    n = stream_read(u->stream, buf_reserve(&u->in, READ_STEP), READ_STEP);
    if (n > 0) {
        u->in.end += (size_t)n;
        return true;
    }
    if (n < 0 && errno == EAGAIN) {
        *wait = true;
    } else if (n == 0 && ex->answer_body.framing == HTTP_UNTIL_CLOSE) {
        end_answer(ex, &(struct http_fields){ 0 });
    } else {
        truncated(ex, n < 0 ? errno : 0);
    }
    return false;
}

bool relay_has_room(struct exchange *ex)
{
    if (buf_len(&ex->client->out) < HIGH_WATER)
        return true;
    return client_flush(ex->client) >= 0 && buf_len(&ex->client->out) < HIGH_WATER;
}

bool relay_response(struct exchange *ex)
{
    bool wait = false;
    unsigned reads = 0;

    if (ex->answer_body.framing == HTTP_NO_BODY || (ex->answer_body.framing == HTTP_LENGTH && !ex->answer_body.left))
        end_answer(ex, &(struct http_fields){ 0 });
    while (ex->reply != REPLY_COMPLETE && !wait && relay_has_room(ex)) {
        enum http_parse result = move_answer_piece(ex);
        if (result == HTTP_BAD) {
            truncated(ex, EPROTO);
            return false;
        }
        if (result == HTTP_MORE && reads++ == READS_A_TURN) {
            loop_post(ex->worker->loop, &ex->upstream->look);
            break;
        }
        if (result == HTTP_MORE && !read_answer(ex, &wait) && ex->magic != EXCHANGE_MAGIC)
            return false;
    }
    if (ex->upstream && !buf_len(&ex->upstream->in))
        buf_release(&ex->upstream->in);
    if (wait) /* an event stream, a long poll: what came is not to lie in a coder */
        sink_push(ex);
    if (client_flush(ex->client) < 0) {
        exchange_abort(ex);
        return false;
    }
    return true;
}
