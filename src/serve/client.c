/* A client connection of HTTP/1: reads heads, hands requests to exchanges, keeps alive, lingers. */
#include "tls_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_STEP      4096
#define BODY_STEP      (32 * 1024)
#define LINGER_IDLE_MS 2000  /* SECONDS_TO_LINGER */
#define LINGER_MOST_MS 30000 /* MAX_SECS_TO_LINGER */
#define READS_A_TURN   8     /* then others have their turn */

static void on_client_ready(struct stream *s);
static void on_client_time(struct timer *t);
static void on_next(struct task *t);

static uint64_t us_to_ms(int64_t us)
{
    return us > 0 ? (uint64_t)(us + 999) / 1000 : 0;
}

/* ---- time ---- */

/* RequestReadTimeout header=FIRST-MAX,MinRate=R: each R bytes give a second more, up to MAX. 0: no limit. */
static uint64_t head_deadline(const struct client *c)
{
    const struct core_site *core = core_site_of(c->site);
    uint64_t first = us_to_ms(core->header_first_us), most = us_to_ms(core->header_max_us);
    uint64_t allowed = first;

    if (!first)
        return core->timeout_us ? c->head_begun_ms + us_to_ms(core->timeout_us) : 0;
    if (core->header_rate > 0)
        allowed += c->head_bytes * 1000 / (unsigned)core->header_rate;
    if (most && allowed > most)
        allowed = most;
    return c->head_begun_ms + allowed;
}

/* RequestReadTimeout handshake=; Timeout where it says nothing. */
static uint64_t handshake_time(const struct client *c)
{
    const struct core_site *core = core_site_of(c->site);
    int64_t us = core->handshake_max_us ? core->handshake_max_us : core->handshake_first_us;

    return us_to_ms(us ? us : core->timeout_us);
}

static void arm_head_timer(struct client *c)
{
    uint64_t now = loop_now(c->worker->loop), at = head_deadline(c);

    if (at)
        timer_set(c->worker->loop, &c->timer, at > now ? at - now : 0);
    else
        timer_cancel(c->worker->loop, &c->timer);
}

/* ---- from accept to close ---- */

void client_set_local(struct peer_info *p, const struct addr *local)
{
    struct addr_small small = addr_shrink(local);

    addr_ip(local, p->local_ip, sizeof(p->local_ip));
    p->local_family = small.family;
    memcpy(p->local_address, small.ip, sizeof(small.ip));
    p->local_port = (unsigned short)addr_port(local);
}

static void set_peer(struct client *c, const struct listener *l, int fd, const struct addr *peer)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    struct addr local;
    uint64_t id = (uint64_t)c->worker->accepted << 10 | c->worker->id << 2;
    struct addr_small small = addr_shrink(peer);

    c->peer = l->peer;
    addr_ip(peer, c->peer.ip, sizeof(c->peer.ip));
    addr_with_port(peer, c->peer.ip, c->peer.text, sizeof(c->peer.text));
    c->peer.port = small.port;
    c->peer.family = small.family;
    memcpy(c->peer.address, small.ip, sizeof(small.ip));
    for (int i = 0; i < 11; i++, id >>= 6)
        c->peer.id[i] = digits[id & 63];
    if (addr_is_any(&l->addr) && sock_local(fd, &local))
        client_set_local(&c->peer, &local);
}

/* The first site of the local address: its limits hold until a Host is known, as in Apache. */
static void set_site(struct client *c)
{
    if (c->epoch)
        epoch_drop(c->epoch);
    c->epoch = epoch_hold(c->worker->epoch);
    c->choice = snapshot_choose(c->epoch->snapshot, c->peer.local_family, c->peer.local_address, c->peer.local_port);
    c->site = site_choose(c->choice, NULL, 0);
    if (c->tls_site) /* a reload: the handshake's name again, among the new sites */
        c->tls_site = site_choose(c->choice, tls_sni(c->stream), c->peer.local_port);
}

void client_start(struct client *c, int fd)
{
    struct worker *w = c->worker;
    struct tls_context *tls = tls_sites_of(c->epoch->tls, c->site);

    c->state = tls ? CLIENT_HANDSHAKING : CLIENT_READING;
    c->stream = tls ? secure_accept(c, fd, tls, on_client_ready) : stream_tcp(w->loop, fd, on_client_ready, c);
    if (!c->stream)
        client_close(c);
    else if (tls)
        timer_set(w->loop, &c->timer, handshake_time(c));
    else
        arm_head_timer(c);
}

void client_accept(struct listener *l, int fd, const struct addr *peer)
{
    struct worker *w = l->worker;
    struct client *c = base_alloc(sizeof(*c));

    c->magic = CLIENT_MAGIC;
    c->worker = w;
    set_peer(c, l, fd, peer);
    set_site(c);
    c->timer.on_time = on_client_time;
    c->next.run = on_next;
    c->head_begun_ms = loop_now(w->loop);
    link_push(&w->clients, &c->link);
    counter_add(&w->counts->clients, 1);
    worker_gained(w);
    if (!remoteip_expects_header(c->epoch->snapshot, &c->peer)) {
        client_start(c, fd);
        return;
    }
    c->state = CLIENT_INTRODUCING;
    c->stream = stream_tcp(w->loop, fd, on_client_ready, c);
    if (c->stream)
        arm_head_timer(c);
    else
        client_close(c);
}

void client_begin(struct client *c)
{
    c->state = CLIENT_READING;
    c->head_begun_ms = loop_now(c->worker->loop);
    arm_head_timer(c);
    loop_post(c->worker->loop, &c->next);
}

/* Everything of the connection but its stream. */
static void free_client(struct client *c)
{
    struct worker *w = c->worker;

    c->magic = 0;
    counter_add(&w->counts->clients, -1);
    if (c->state == CLIENT_LINGERING)
        counter_add(&w->counts->closing, -1);
    timer_cancel(w->loop, &c->timer);
    task_cancel(&c->next);
    buf_release(&c->in);
    buf_release(&c->out);
    free(c->claim);
    epoch_drop(c->epoch);
    link_remove(&c->link);
    loop_defer(w->loop, free, c);
}

void client_close(struct client *c)
{
    struct worker *w = c->worker;

    CHECK_MAGIC(c, CLIENT_MAGIC);
    if (c->exchange && c->state == CLIENT_BUSY) {
        exchange_abort(c->exchange); /* comes back here without it */
        return;
    }
    if (c->exchange)
        exchange_free(c->exchange);
    if (c->stream)
        stream_close(c->stream);
    free_client(c);
    worker_lost(w);
}

struct stream *client_release(struct client *c)
{
    struct stream *s = c->stream;

    CHECK_MAGIC(c, CLIENT_MAGIC);
    ASSERT(!c->exchange);
    c->stream = NULL;
    free_client(c);
    return s;
}

/* ---- bytes ---- */

bool client_fill(struct client *c)
{
    size_t step = c->state == CLIENT_READING ? HEAD_STEP : BODY_STEP;
    ssize_t n = stream_read(c->stream, buf_reserve(&c->in, step), step);

    if (n > 0) {
        c->in.end += (size_t)n;
        return true;
    }
    if (n == 0)
        c->half_closed = true;
    return n < 0 && errno == EAGAIN;
}

int client_flush(struct client *c)
{
    int result = buf_len(&c->out) ? stream_flush(c->stream, &c->out) : 1;
    if (result == 1)
        buf_release(&c->out);
    return result;
}

/* ---- reading a head ---- */

static void start_exchange(struct client *c, enum http_parse result, const struct http_fault *fault)
{
    struct exchange *ex = c->exchange;

    timer_cancel(c->worker->loop, &c->timer);
    c->state = CLIENT_BUSY;
    c->scan = (struct http_scan){ 0 };
    if (result == HTTP_DONE)
        exchange_begin(ex);
    else
        exchange_refuse(ex, fault);
}

static void note_first_byte(struct client *c)
{
    if (c->exchange)
        return;
    if (c->peer.served) /* on a fresh connection time has run since accept */
        c->head_begun_ms = loop_now(c->worker->loop);
    if (c->epoch != c->worker->epoch) /* a reload came by */
        set_site(c);
    c->head_bytes = 0;
    c->exchange = exchange_new(c);
    arm_head_timer(c);
}

void client_refuse(struct client *c, const struct http_fault *fault)
{
    c->exchange = exchange_new(c);
    start_exchange(c, HTTP_BAD, fault);
}

/* True when a request was begun (or refused); false when more bytes are needed. */
static bool parse_head(struct client *c)
{
    const struct http_limits *limits;
    struct http_fault fault = { 0 };
    enum http_parse result;
    size_t used = 0;

    if (!buf_len(&c->in))
        return false;
    note_first_byte(c);
    limits = &core_site_of(c->site)->limits; /* of the site that it may have changed */
    c->head_bytes = buf_len(&c->in);
    result =
        http_parse_request(c->exchange->arena, buf_span(&c->in), limits, &c->scan, &c->exchange->r.head, &used, &fault);
    if (result == HTTP_MORE)
        return false;
    c->exchange->r.bytes_in = result == HTTP_DONE ? used : buf_len(&c->in);
    if (result == HTTP_DONE)
        buf_consume(&c->in, used);
    else
        buf_release(&c->in); /* where a bad head ends nobody knows */
    start_exchange(c, result, &fault);
    return true;
}

static void read_heads(struct client *c)
{
    while (c->state == CLIENT_READING) {
        if (parse_head(c))
            return;
        if (!(c->stream->ready & STREAM_READABLE))
            break;
        if (!client_fill(c) || c->half_closed) {
            client_close(c);
            return;
        }
    }
    if (!buf_len(&c->in))
        buf_release(&c->in);
    else if (c->exchange)
        arm_head_timer(c); /* bytes may have earned time */
}

static void linger_on(struct client *c)
{
    uint64_t now = loop_now(c->worker->loop);
    unsigned reads = 0;

    while ((c->stream->ready & STREAM_READABLE) && reads++ < READS_A_TURN) {
        bool alive = client_fill(c);
        buf_release(&c->in);
        if (!alive || c->half_closed || now >= c->linger_until_ms) {
            client_close(c);
            return;
        }
    }
    timer_set(c->worker->loop, &c->timer, LINGER_IDLE_MS);
    if (c->stream->ready & STREAM_READABLE)
        loop_post(c->worker->loop, &c->next);
}

static void on_client_ready(struct stream *s)
{
    struct client *c = s->owner;

    CHECK_MAGIC(c, CLIENT_MAGIC);
    switch (c->state) {
    case CLIENT_INTRODUCING: introduce_read(c); break;
    case CLIENT_HANDSHAKING: secure_handshake_over(c); break;
    case CLIENT_READING: read_heads(c); break;
    case CLIENT_BUSY: exchange_on_client(c->exchange); break;
    case CLIENT_LINGERING: linger_on(c); break;
    }
}

/* What came of the head is in the log: who asked for what so slowly. */
static void refuse_late(struct client *c)
{
    static const struct http_fault late = { .status = 408,
                                            .ah = 1382,
                                            .module = LOG_REQTIMEOUT,
                                            .level = LEVEL_INFO,
                                            .reason = "Request header read timeout" };
    const struct http_limits *limits = &core_site_of(c->site)->limits;

    c->exchange->r.bytes_in = buf_len(&c->in);
    http_note_request_line(c->exchange->arena, buf_span(&c->in), limits, &c->scan, &c->exchange->r.head);
    start_exchange(c, HTTP_BAD, &late);
}

static void on_client_time(struct timer *t)
{
    struct client *c = CONTAINER_OF(t, struct client, timer);

    if (c->state == CLIENT_INTRODUCING)
        introduce_late(c);
    if (c->state == CLIENT_HANDSHAKING)
        LOG_AT(&c->site->log, LOG_REQTIMEOUT, LEVEL_INFO, 1382, 0, c->peer.text, "Request handshake read timeout");
    if (c->state == CLIENT_READING && c->exchange) {
        refuse_late(c);
        return;
    }
    if (c->state == CLIENT_READING)
        stream_shutdown(c->stream);
    client_close(c);
}

/* ---- after a request ---- */

static void on_next(struct task *t)
{
    on_client_ready(CONTAINER_OF(t, struct client, next)->stream);
}

static void await_next(struct client *c)
{
    const struct core_site *core = core_site_of(c->site);

    c->state = CLIENT_READING;
    c->peer.served++;
    timer_set(c->worker->loop, &c->timer, us_to_ms(core->keepalive_timeout_us));
    loop_post(c->worker->loop, &c->next);
}

void client_set_closing(struct client *c)
{
    c->state = CLIENT_LINGERING;
    counter_add(&c->worker->counts->closing, 1);
}

/* What the client still sends must not meet a closed socket: RST would destroy the answer on its way. */
static void linger(struct client *c)
{
    client_set_closing(c);
    stream_shutdown(c->stream);
    if (c->half_closed) {
        client_close(c);
        return;
    }
    c->linger_until_ms = loop_now(c->worker->loop) + LINGER_MOST_MS;
    linger_on(c);
}

void client_finish_exchange(struct client *c, bool keep)
{
    ASSERT(!c->exchange);
    if (keep && !c->worker->draining && !c->half_closed)
        await_next(c);
    else
        linger(c);
}

void client_stop_idle(struct client *c)
{
    if (c->state != CLIENT_INTRODUCING && (c->state != CLIENT_READING || c->exchange))
        return;
    stream_shutdown(c->stream);
    client_close(c);
}
