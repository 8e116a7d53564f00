/* The echo backend's connections: accept, read heads (RFC 9112), answer the page or the handshake (RFC 6455 4.2.2). */
#include "backend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static const unsigned char page[] = {
#include "page.inc"
};

enum {
    HEAD_MS = 120000,  /* for a head, and between requests on a kept connection */
    END_MS = 3000,     /* for the last bytes to go and the peer's FIN to come */
    SHORTAGE_MS = 100, /* when descriptors ran out */
    READ_SIZE = 16 * 1024,
    OUT_SOFT = 64 * 1024, /* more unsent than this: no more is read from that peer */
    READS_A_TURN = 8,
};

struct backend_listener {
    struct watch watch;
    int fd;
    struct link link;
    struct backend *backend;
    struct timer pause;
};

/* ---- peers ---- */

static void leave_room(struct backend_peer *p)
{
    if (link_empty(&p->room))
        return;
    link_remove(&p->room);
    p->backend->n_room--;
}

static void drop(struct backend_peer *p)
{
    CHECK_MAGIC(p, PEER_MAGIC);
    leave_room(p);
    link_remove(&p->link);
    timer_cancel(p->backend->loop, &p->timer);
    task_cancel(&p->again);
    stream_close(p->stream);
    buf_release(&p->in);
    buf_release(&p->out);
    buf_release(&p->message);
    p->magic = 0;
    loop_defer(p->backend->loop, free, p);
}

void backend_finish(struct backend_peer *p)
{
    leave_room(p);
    p->state = PEER_CLOSING;
    buf_release(&p->message);
    timer_set(p->backend->loop, &p->timer, END_MS);
    loop_post(p->backend->loop, &p->again);
}

/* ---- HTTP ---- */

struct answer {
    int status;
    const char *type, *extra; /* extra: header lines, or "" */
    struct span body;
};

static void answer(struct backend_peer *p, const struct answer *a, bool head_only, bool keep)
{
    buf_printf(&p->out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n", a->status,
               http_reason(a->status), a->type, a->body.n, a->extra, keep ? "" : "Connection: close\r\n");
    if (!head_only)
        buf_add(&p->out, a->body.p, a->body.n);
    if (keep)
        timer_set(p->backend->loop, &p->timer, HEAD_MS);
    else
        backend_finish(p);
}

static void refuse(struct backend_peer *p, int status, const char *why, const char *extra)
{
    struct answer a = { status, "text/plain; charset=utf-8", extra, span_of(why) };
    answer(p, &a, false, false);
}

static void answer_plain(struct backend_peer *p, const struct http_request_head *h, struct span path)
{
    static const struct answer healthy = {
        200, "text/plain; charset=utf-8", "Cache-Control: no-store\r\n", { "ok\n", 3 }
    };
    static const struct answer home = { 200,
                                        "text/html; charset=utf-8",
                                        "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"
                                        "Content-Security-Policy: default-src 'none'; img-src data:; "
                                        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                                        "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'\r\n",
                                        { (const char *)page, sizeof(page) } };
    bool head_only = span_eq(h->method, SPAN("HEAD"));
    struct http_body body;
    struct http_fault fault;

    if (!head_only && !span_eq(h->method, SPAN("GET"))) {
        refuse(p, 405, "GET, or a WebSocket\n", "Allow: GET, HEAD\r\n");
        return;
    }
    /* A body is not read: what follows it cannot be found, so the connection ends here. */
    bool bare = http_request_framing(h, &body, &fault) && body.framing == HTTP_NO_BODY;
    bool keep = bare && h->version >= 11 && !http_fields_has_token(&h->fields, "Connection", "close");
    answer(p, span_eq(path, SPAN("/healthz")) ? &healthy : &home, head_only, keep);
}

/* The first protocol that is offered: clients that offer some give up when none is chosen. */
static struct span choose_protocol(struct arena *a, const struct http_request_head *h)
{
    struct span offered = http_fields_join(a, &h->fields, "Sec-WebSocket-Protocol"), first = { 0 };

    if (!offered.p || !span_next_token(&offered, &first) || !http_is_token(first))
        return (struct span){ 0 };
    return first;
}

static void accept_handshake(struct backend_peer *p, struct arena *a, const struct http_request_head *h,
                             struct span path)
{
    struct span protocol = choose_protocol(a, h), room = SPAN("/chat");
    char key[WS_ACCEPT_SIZE];

    ws_accept(http_fields_get(&h->fields, "Sec-WebSocket-Key"), key);
    buf_printf(&p->out,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               key);
    if (protocol.n)
        buf_printf(&p->out, "Sec-WebSocket-Protocol: %.*s\r\n", (int)protocol.n, protocol.p);
    buf_adds(&p->out, "\r\n");
    timer_cancel(p->backend->loop, &p->timer);
    backend_open(p, path.n >= room.n && memcmp(path.p + path.n - room.n, room.p, room.n) == 0);
}

static void take_request(struct backend_peer *p, struct arena *a, const struct http_request_head *h)
{
    struct http_target target;
    enum ws_fault fault = ws_check_request(h);

    if (!http_parse_target(h->method, h->target, &target))
        refuse(p, 400, "bad request target\n", "");
    else if (!http_fields_has_token(&h->fields, "Upgrade", "websocket"))
        answer_plain(p, h, target.path);
    else if (fault == WS_OK)
        accept_handshake(p, a, h, target.path);
    else
        refuse(p, fault == WS_BAD_VERSION ? 426 : 400, ws_fault_text(fault),
               fault == WS_BAD_VERSION ? "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                       : "");
}

static bool take_head(struct backend_peer *p)
{
    static const struct http_limits limits = { .line = 8190, .fields = 100, .field_size = 8190, .any_method = true };
    struct arena *a = arena_new();
    struct http_request_head head;
    struct http_fault fault;
    size_t used = 0;
    enum http_parse result = http_parse_request(a, buf_span(&p->in), &limits, &p->scan, &head, &used, &fault);

    if (result == HTTP_DONE) {
        buf_consume(&p->in, used);
        p->scan = (struct http_scan){ 0 };
        take_request(p, a, &head);
    } else if (result == HTTP_BAD) {
        refuse(p, fault.status, fault.reason, "");
    }
    arena_free(a);
    return result != HTTP_MORE;
}

/* ---- the pump ---- */

/* One step through what was read; false: nothing can be done without more. */
static bool take(struct backend_peer *p)
{
    if (p->state == PEER_CLOSING) {
        buf_consume(&p->in, buf_len(&p->in));
        return false;
    }
    if (buf_len(&p->in) == 0 && !p->in_frame)
        return false;
    return p->state == PEER_HEAD ? take_head(p) : backend_take_frames(p);
}

/* false: the peer is gone. */
static bool fill(struct backend_peer *p)
{
    ssize_t n = stream_read(p->stream, buf_reserve(&p->in, READ_SIZE), READ_SIZE);

    if (n > 0)
        p->in.end += (size_t)n;
    p->ended = n == 0;
    if (n >= 0 || errno == EAGAIN)
        return true;
    drop(p);
    return false;
}

/* Sends what is queued; false: nothing is to be read now, or the peer is gone. */
static bool flush(struct backend_peer *p)
{
    int sent = stream_flush(p->stream, &p->out);

    if (sent < 0) {
        drop(p);
        return false;
    }
    if (sent == 1) {
        buf_release(&p->out);
        if (p->state == PEER_CLOSING)
            stream_shutdown(p->stream);
    }
    return p->state == PEER_CLOSING || buf_len(&p->out) <= OUT_SOFT;
}

/* Its FIN came: it still gets what is queued. */
static void end_of_input(struct backend_peer *p)
{
    if (buf_len(&p->out) == 0)
        drop(p);
    else if (p->state != PEER_CLOSING)
        backend_finish(p);
}

static void pump(struct backend_peer *p)
{
    CHECK_MAGIC(p, PEER_MAGIC);
    for (unsigned reads = 0; flush(p);) {
        if (take(p))
            continue;
        if (p->ended) {
            end_of_input(p);
            return;
        }
        if (buf_len(&p->in) == 0)
            buf_release(&p->in);
        if (!(p->stream->ready & STREAM_READABLE))
            return;
        if (reads++ == READS_A_TURN) { /* the others' turn */
            loop_post(p->backend->loop, &p->again);
            return;
        }
        if (!fill(p))
            return;
    }
}

static void on_ready(struct stream *s)
{
    pump(s->owner);
}

static void on_again(struct task *t)
{
    pump(CONTAINER_OF(t, struct backend_peer, again));
}

static void on_time(struct timer *t)
{
    drop(CONTAINER_OF(t, struct backend_peer, timer));
}

static void accept_peer(struct backend *b, int fd)
{
    struct backend_peer *p = base_alloc(sizeof(*p));

    p->magic = PEER_MAGIC;
    p->backend = b;
    p->timer.on_time = on_time;
    p->again.run = on_again;
    link_init(&p->room);
    p->stream = stream_tcp(b->loop, fd, on_ready, p);
    if (!p->stream) {
        free(p);
        return;
    }
    link_push(&b->peers, &p->link);
    timer_set(b->loop, &p->timer, HEAD_MS);
}

/* ---- listeners ---- */

static void on_connection(struct watch *w, uint32_t events)
{
    struct backend_listener *l = CONTAINER_OF(w, struct backend_listener, watch);
    struct addr peer;
    int fd;

    (void)events;
    while ((fd = sock_accept(l->fd, &peer)) >= 0)
        accept_peer(l->backend, fd);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_watch_level(l->backend->loop, w, l->fd, 0);
        timer_set(l->backend->loop, &l->pause, SHORTAGE_MS);
    }
}

static void on_pause_over(struct timer *t)
{
    struct backend_listener *l = CONTAINER_OF(t, struct backend_listener, pause);
    loop_watch_level(l->backend->loop, &l->watch, l->fd, EPOLLIN);
}

static const struct watch_kind listener_kind = { on_connection };

void backend_init(struct backend *b, struct loop *l)
{
    *b = (struct backend){ .loop = l, .max_message = BACKEND_MAX_MESSAGE };
    link_init(&b->listeners);
    link_init(&b->peers);
    link_init(&b->room);
}

bool backend_listen(struct backend *b, int fd)
{
    struct backend_listener *l = base_alloc(sizeof(*l));

    l->watch.kind = &listener_kind;
    l->fd = fd;
    l->pause.on_time = on_pause_over;
    l->backend = b;
    link_push(&b->listeners, &l->link);
    return loop_watch_level(b->loop, &l->watch, fd, EPOLLIN);
}

void backend_end(struct backend *b)
{
    while (!link_empty(&b->peers)) {
        struct backend_peer *p = CONTAINER_OF(b->peers.next, struct backend_peer, link);
        if (p->state == PEER_OPEN)
            backend_close(p, 1001, "the backend ends");
        stream_flush(p->stream, &p->out);
        drop(p);
    }
    while (!link_empty(&b->listeners)) {
        struct backend_listener *l = CONTAINER_OF(b->listeners.next, struct backend_listener, link);
        timer_cancel(b->loop, &l->pause);
        loop_unwatch(b->loop, &l->watch, l->fd);
        close(l->fd);
        link_remove(&l->link);
        free(l);
    }
}
