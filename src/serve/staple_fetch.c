/* Asking an OCSP responder: HTTP/1.0 POST (RFC 6960 appendix A), in the stapler's loop. httpd: ssl_util_ocsp.c. */
#include "staple_fetch.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

enum { ANSWER_MOST = 65536, LINE_MOST = 8192 };

struct staple_fetch {
    struct staple_want want;
    struct http_url url;
    struct arena *arena;
    struct query *query;
    struct addr *addrs;
    unsigned n_addrs, tried;
    struct stream *stream;
    struct timer timer;
    struct task end;
    struct buf out, in, payload;
    struct http_scan scan;
    struct http_body body;
    bool connected, headed, good;
};

#define SAY(f, level, number, error, ...) LOG_AT((f)->want.log, LOG_SSL, level, number, error, NULL, __VA_ARGS__)

/* ---- the end ---- */

static void release(struct staple_fetch *f)
{
    timer_cancel(f->want.loop, &f->timer);
    task_cancel(&f->end);
    if (f->query)
        query_cancel(f->query);
    if (f->stream)
        stream_close(f->stream);
    buf_release(&f->out);
    buf_release(&f->in);
    buf_release(&f->payload);
    free(f->addrs);
    arena_free(f->arena);
    free(f);
}

void staple_fetch_cancel(struct staple_fetch *f)
{
    release(f);
}

static void on_end(struct task *t)
{
    struct staple_fetch *f = CONTAINER_OF(t, struct staple_fetch, end);
    struct span body = { 0 };

    if (f->good)
        body = buf_span(&f->payload);
    f->want.done(f->want.arg, body);
    release(f);
}

/* From within an event of its own: told once the turn's events are over. */
static void end(struct staple_fetch *f, bool good)
{
    timer_cancel(f->want.loop, &f->timer);
    if (f->stream)
        stream_close(f->stream);
    f->stream = NULL;
    f->good = good;
    loop_post(f->want.loop, &f->end);
}

static void on_timeout(struct timer *t)
{
    struct staple_fetch *f = CONTAINER_OF(t, struct staple_fetch, timer);

    if (f->query)
        query_cancel(f->query);
    f->query = NULL;
    SAY(f, LEVEL_ERROR, 1985, ETIMEDOUT, "error reading response from OCSP server");
    end(f, false);
}

/* ---- the answer ---- */

/* false, for the caller to return: the fetch has ended. */
static bool refuse(struct staple_fetch *f, const char *why)
{
    SAY(f, LEVEL_ERROR, 1980, 0, "bad response from OCSP server: %s", why);
    end(f, false);
    return false;
}

/* false: the head is not whole, or the fetch has ended. */
static bool read_head(struct staple_fetch *f)
{
    struct http_response_head head = { 0 };
    struct http_fault fault = { 0 };
    size_t used = 0;
    enum http_parse result = http_parse_response(f->arena, buf_span(&f->in), LINE_MOST, &f->scan, &head, &used, &fault);

    if (result == HTTP_MORE)
        return false;
    if (result == HTTP_BAD || head.version == 9)
        return refuse(f, result == HTTP_BAD && fault.reason ? fault.reason : "not HTTP");
    if (head.status != 200)
        return refuse(f, arena_printf(f->arena, "%d %.*s", head.status, (int)head.reason.n, head.reason.p));
    if (!http_response_framing(&head, SPAN("POST"), &f->body, &fault))
        return refuse(f, fault.reason ? fault.reason : "bad framing");
    buf_consume(&f->in, used);
    f->headed = true;
    return true;
}

static bool read_body(struct staple_fetch *f)
{
    struct span piece;
    size_t used = 1;

    while (used > 0 && !f->body.done) {
        if (http_body_decode(&f->body, buf_span(&f->in), &piece, &used) == HTTP_BAD)
            return refuse(f, "bad body");
        buf_add(&f->payload, piece.p, piece.n);
        buf_consume(&f->in, used);
    }
    return true;
}

/* What has come so far. */
static void take(struct staple_fetch *f, bool eof)
{
    if ((f->headed || read_head(f)) && read_body(f) &&
        (f->body.done || f->body.framing == HTTP_NO_BODY || (eof && f->body.framing == HTTP_UNTIL_CLOSE)))
        end(f, buf_len(&f->payload) > 0);
    else if (eof && f->stream)
        refuse(f, "it ends too soon");
}

static void receive(struct staple_fetch *f)
{
    while (f->stream && f->stream->ready & STREAM_READABLE) {
        ssize_t n = stream_read(f->stream, buf_reserve(&f->in, 4096), 4096);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            SAY(f, LEVEL_ERROR, 1985, errno, "error reading response from OCSP server");
            end(f, false);
            return;
        }
        f->in.end += (size_t)n;
        if (buf_len(&f->in) + buf_len(&f->payload) > ANSWER_MOST) {
            SAY(f, LEVEL_ERROR, 1986, 0, "OCSP response size exceeds %u byte limit", (unsigned)ANSWER_MOST);
            end(f, false);
            return;
        }
        take(f, n == 0);
    }
}

/* ---- the question ---- */

static void write_request(struct staple_fetch *f)
{
    const struct http_url *u = &f->url;
    bool v6 = memchr(u->host.p, ':', u->host.n) != NULL;

    buf_printf(&f->out, "POST %.*s%s%.*s HTTP/1.0\r\nHost: %s%.*s%s:%d\r\n", (int)u->path.n, u->path.n ? u->path.p : "",
               u->query.n  ? "?"
               : u->path.n ? ""
                           : "/",
               (int)u->query.n, u->query.n ? u->query.p : "", v6 ? "[" : "", (int)u->host.n, u->host.p, v6 ? "]" : "",
               u->port ? u->port : 80);
    buf_printf(&f->out, "Content-Type: application/ocsp-request\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               f->want.request.n);
    buf_add(&f->out, f->want.request.p, f->want.request.n);
}

static void dial(struct staple_fetch *f);

static void next_address(struct staple_fetch *f, int error)
{
    char text[ADDR_TEXT];

    SAY(f, LEVEL_ERROR, 1974, error, "could not connect to OCSP responder '%s'",
        addr_text(&f->addrs[f->tried], text, sizeof(text)));
    if (f->stream)
        stream_close(f->stream);
    f->stream = NULL;
    if (++f->tried < f->n_addrs)
        dial(f);
    else
        end(f, false);
}

static bool is_connected(struct staple_fetch *f)
{
    int error = f->connected ? 0 : stream_error(f->stream);

    if (!f->connected && (error || f->stream->ready & STREAM_FAILED))
        next_address(f, error ? error : ECONNREFUSED);
    else
        f->connected = !f->stream->connecting;
    return f->connected;
}

static void on_ready(struct stream *s)
{
    struct staple_fetch *f = s->owner;

    if (!is_connected(f))
        return;
    if (stream_flush(s, &f->out) < 0) {
        SAY(f, LEVEL_ERROR, 1976, errno, "failed to send request to OCSP responder '%s'", f->want.url);
        end(f, false);
        return;
    }
    receive(f);
}

static void dial(struct staple_fetch *f)
{
    f->stream = stream_connect(f->want.loop, &f->addrs[f->tried], NULL, false, on_ready, f);
    if (!f->stream)
        next_address(f, errno);
}

static void on_resolved(void *arg, const struct addr *addrs, unsigned n, const char *error)
{
    struct staple_fetch *f = arg;

    f->query = NULL;
    if (n == 0) {
        SAY(f, LEVEL_ERROR, 1972, 0, "could not resolve address of OCSP responder %.*s: %s", (int)f->url.host.n,
            f->url.host.p, error ? error : "");
        end(f, false);
        return;
    }
    f->addrs = base_alloc(n * sizeof(*addrs));
    memcpy(f->addrs, addrs, n * sizeof(*addrs));
    f->n_addrs = n;
    dial(f);
}

struct staple_fetch *staple_fetch(const struct staple_want *w)
{
    struct staple_fetch *f = base_alloc(sizeof(*f));
    struct addr a;
    char *host;
    int port;

    f->want = *w;
    f->arena = arena_new();
    f->timer.on_time = on_timeout;
    f->end.run = on_end;
    ASSERT(http_parse_url(span_of(w->url), &f->url));
    host = arena_span(f->arena, f->url.host);
    port = f->url.port ? f->url.port : 80;
    write_request(f);
    timer_set(w->loop, &f->timer, w->timeout_ms);
    if (addr_parse(host, port, &a))
        on_resolved(f, &a, 1, NULL);
    else
        f->query = resolver_ask(w->resolver, host, port, on_resolved, f);
    return f;
}
