/* From an exchange to a connection: a pooled one, a free slot (max=, acquire=), the name, and each address in turn. */
#include "balance.h"
#include "tls_sites.h"
#include "upstream.h"

#include <errno.h>
#include <stdlib.h>

struct connect {
    struct exchange *ex;
    struct origin *origin;
    struct link link; /* in origin->waiting */
    struct query *query;
    struct stream *stream; /* the attempt under way */
    struct timer timer;    /* of the slot or of the attempt */
    unsigned tried;        /* addresses that failed */
    bool fresh;            /* no pooled one will do */
    bool has_slot;
};

static struct loop *loop_of(struct connect *c)
{
    return c->ex->worker->loop;
}

/* ---- the end of a connect ---- */

static void free_connect(struct connect *c)
{
    timer_cancel(loop_of(c), &c->timer);
    link_remove(&c->link);
    if (c->query)
        query_cancel(c->query);
    if (c->stream)
        stream_close(c->stream);
    c->ex->connect = NULL;
    loop_defer(loop_of(c), free, c);
}

void connect_cancel(struct connect *c)
{
    struct origin *o = c->origin;
    bool had = c->has_slot;

    free_connect(c);
    if (had)
        origin_release(o);
}

static void fail(struct connect *c, int status)
{
    struct exchange *ex = c->ex;

    connect_cancel(c);
    ex->r.status = status;
    exchange_resume(ex, balance_fails_over(ex, status) ? STEP_AGAIN : STEP_REPLY);
}

static void fail_unreachable(struct connect *c)
{
    balance_unreachable(c->ex);
    if (c->ex->r.proxy->tunnel_only)
        REQUEST_LOG(&c->ex->r, LOG_PROXY_WSTUNNEL, LEVEL_ERROR, 2452, "failed to make connection to backend: %s",
                    c->origin->host);
    else
        REQUEST_LOG(&c->ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1114, "HTTP: failed to make connection to backend: %s",
                    c->origin->host);
    c->origin->stale = true;
    fail(c, 503);
}

static const char *shown_host(const struct origin *o)
{
    return o->unix_path ? "httpd-UDS" : o->host;
}

static void say_connected(const struct connect *c)
{
    REQUEST_LOG(&c->ex->r, LOG_PROXY, LEVEL_DEBUG, 2824, "%s: connection established with %s:%d",
                c->ex->r.proxy->scheme, shown_host(c->origin), c->origin->port);
}

static void succeed(struct connect *c)
{
    struct exchange *ex = c->ex;
    struct upstream *u;

    if (c->origin->n_addrs)
        c->origin->last_good = (c->origin->last_good + c->tried) % c->origin->n_addrs;
    say_connected(c);
    u = upstream_new(ex, c->origin, c->stream);
    c->stream = NULL;
    free_connect(c); /* the slot is the connection's now */
    upstream_attach(ex, u);
    exchange_resume(ex, STEP_NEXT);
}

/* ---- one address after the other ---- */

static void dial(struct connect *c);

/* mod_proxy_wstunnel says it in capitals, mod_proxy_http as it is written. */
static const char *shown_scheme(const struct connect *c)
{
    const struct proxy_target *t = c->ex->r.proxy;

    if (!t->tunnel_only)
        return t->scheme;
    return strcmp(t->scheme, "wss") == 0 ? "WSS" : "WS";
}

static void say_failed(struct connect *c, const struct addr *a, int error)
{
    const struct request *r = &c->ex->r;
    const struct origin *o = c->origin;
    bool last = o->unix_path || c->tried + 1 >= o->n_addrs;
    char text[ADDR_TEXT];

    if (o->unix_path)
        LOG_AT(request_log(r), LOG_PROXY, LEVEL_ERROR, 2454, error, NULL,
               "%s: attempt to connect to Unix domain socket %s (%s:%d) failed", shown_scheme(c), o->unix_path, o->host,
               o->port);
    else
        LOG_AT(request_log(r), LOG_PROXY, last ? LEVEL_ERROR : LEVEL_DEBUG, 957, error, NULL,
               "%s: attempt to connect to %s (%s:%d) failed", shown_scheme(c), addr_text(a, text, sizeof(text)),
               o->host, o->port);
}

static const struct addr *address(const struct connect *c)
{
    const struct origin *o = c->origin;
    return &o->addrs[(o->last_good + c->tried) % o->n_addrs];
}

static void attempt_failed(struct connect *c, int error)
{
    say_failed(c, address(c), error);
    if (c->stream)
        stream_close(c->stream);
    c->stream = NULL;
    if (++c->tried >= c->origin->n_addrs)
        fail_unreachable(c);
    else
        dial(c);
}

static void on_secured(struct stream *s)
{
    struct connect *c = s->owner;

    if (s->connecting)
        return;
    if (tls_fault(s) == TLS_OK && !(s->ready & STREAM_FAILED))
        succeed(c);
    else
        fail(c, secure_connect_failed(c->ex, s));
}

/* The handshake's time is the connect's: the timer runs on. */
static void secure(struct connect *c)
{
    c->stream = secure_connect(c->ex, c->stream, c->origin, on_secured, c);
    if (!c->stream)
        attempt_failed(c, errno);
}

static void on_connected(struct stream *s)
{
    struct connect *c = s->owner;
    int error = s->ready & STREAM_FAILED ? stream_error(s) : 0; /* one that stands has nothing to say */

    if (s->ready & STREAM_FAILED)
        attempt_failed(c, error ? error : ECONNREFUSED);
    else if (!s->connecting && c->ex->r.proxy->tls)
        secure(c);
    else if (!s->connecting)
        succeed(c);
}

static bool source_address(const struct connect *c, struct addr *a)
{
    const char *source = proxy_site_of(c->ex->r.site)->source_address;
    return source && !c->origin->unix_path && addr_parse(source, 0, a);
}

static void set_receive_buffer(struct connect *c)
{
    const struct proxy_worker *w = c->ex->r.proxy->worker;
    int n = w && w->receive_buffer ? w->receive_buffer : proxy_site_of(c->ex->r.site)->receive_buffer;

    if (n > 0)
        setsockopt(c->stream->fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
}

static void dial(struct connect *c)
{
    const struct proxy_worker *w = c->ex->r.proxy->worker;
    struct addr source;

    REQUEST_LOG(&c->ex->r, LOG_PROXY, LEVEL_DEBUG, 944, "connecting %s to %s:%d", c->ex->r.proxy->url,
                shown_host(c->origin), c->origin->port);
    c->stream = stream_connect(loop_of(c), address(c), source_address(c, &source) ? &source : NULL, w && w->keepalive,
                               on_connected, c);
    if (!c->stream) {
        attempt_failed(c, errno);
        return;
    }
    set_receive_buffer(c);
    timer_set(loop_of(c), &c->timer, c->ex->r.proxy->connect_timeout_ms);
}

/* ---- the name ---- */

static void take_addresses(struct origin *o, const struct addr *addrs, unsigned n)
{
    free(o->addrs);
    o->addrs = base_alloc(n * sizeof(*addrs));
    memcpy(o->addrs, addrs, n * sizeof(*addrs));
    o->n_addrs = n;
    o->last_good = 0;
    o->stale = false;
    o->resolved_ms = base_now_ms();
}

/* Asked again after a failed connect, a reload, or addressttl= seconds. */
static bool has_addresses(const struct connect *c)
{
    const struct proxy_worker *w = c->ex->r.proxy->worker;
    const struct origin *o = c->origin;

    if (!o->n_addrs || o->stale)
        return false;
    return !w || w->address_ttl_s < 0 || base_now_ms() - o->resolved_ms < (uint64_t)w->address_ttl_s * 1000;
}

static void on_resolved(void *arg, const struct addr *addrs, unsigned n, const char *error)
{
    struct connect *c = arg;

    c->query = NULL;
    if (n)
        take_addresses(c->origin, addrs, n);
    if (c->origin->n_addrs) { /* an old answer is better than none */
        dial(c);
        return;
    }
    REQUEST_LOG(&c->ex->r, LOG_PROXY, LEVEL_DEBUG, 0, "resolving %s: %s", c->origin->host,
                error ? error : "no address");
    fail(c, proxy_error(&c->ex->r, 500, arena_printf(c->ex->arena, "DNS lookup failure for: %s", c->origin->host)));
}

static void find_addresses(struct connect *c)
{
    struct origin *o = c->origin;
    struct addr a;

    if (has_addresses(c)) {
        dial(c);
        return;
    }
    if (o->unix_path ? addr_unix(o->unix_path, &a) : addr_parse(o->host, o->port, &a)) {
        take_addresses(o, &a, 1);
        dial(c);
        return;
    }
    if (o->unix_path) {
        fail_unreachable(c);
        return;
    }
    timer_set(loop_of(c), &c->timer, c->ex->r.proxy->connect_timeout_ms);
    c->query = resolver_ask(c->ex->worker->resolver, o->host, o->port, on_resolved, c);
}

/* ---- the slot ---- */

static void start(struct connect *c)
{
    c->has_slot = true;
    c->origin->n_open++;
    timer_cancel(loop_of(c), &c->timer);
    find_addresses(c);
}

static bool is_full(const struct exchange *ex, const struct origin *o)
{
    const struct proxy_worker *w = ex->r.proxy->worker;
    return w && w->max > 0 && o->n_open >= (unsigned)w->max;
}

/* A connection that another request has finished with. */
static bool take_pooled(struct connect *c)
{
    struct upstream *pooled = c->fresh ? NULL : upstream_pooled(c->origin);
    struct exchange *ex = c->ex;

    if (!pooled)
        return false;
    free_connect(c);
    upstream_attach(ex, pooled);
    exchange_resume(ex, STEP_NEXT);
    return true;
}

static bool take_slot(struct connect *c)
{
    struct upstream *pooled = c->fresh ? upstream_pooled(c->origin) : NULL;

    if (pooled && is_full(c->ex, c->origin))
        upstream_close(pooled); /* its slot is needed for a fresh one */
    if (is_full(c->ex, c->origin))
        return false;
    link_remove(&c->link);
    start(c);
    return true;
}

void connect_next(struct origin *o)
{
    struct connect *c;

    if (link_empty(&o->waiting))
        return;
    c = CONTAINER_OF(o->waiting.next, struct connect, link);
    if (!take_pooled(c) && !take_slot(c))
        return;
    if (!link_empty(&o->waiting)) /* another slot may be free as well */
        loop_post(o->loop, &o->next);
}

static void on_connect_time(struct timer *t)
{
    struct connect *c = CONTAINER_OF(t, struct connect, timer);

    if (!c->has_slot) {
        LOG_AT(request_log(&c->ex->r), LOG_PROXY, LEVEL_ERROR, 941, 0, NULL,
               "%s: failed to acquire connection for (%s:%d)", c->ex->r.proxy->scheme, shown_host(c->origin),
               c->origin->port);
        fail(c, 503);
    } else if (c->query) {
        query_cancel(c->query);
        on_resolved(c, NULL, 0, "timeout");
    } else {
        attempt_failed(c, ETIMEDOUT);
    }
}

static void wait_for_slot(struct connect *c)
{
    const struct proxy_worker *w = c->ex->r.proxy->worker;

    link_push(&c->origin->waiting, &c->link);
    timer_set(loop_of(c), &c->timer,
              w->acquire_us ? (uint64_t)(w->acquire_us + 999) / 1000 : c->ex->r.proxy->timeout_ms);
}

static bool is_disabled(struct exchange *ex)
{
    const struct proxy_target *t = ex->r.proxy;

    if (!t->worker || !(t->worker->status & WORKER_UNUSABLE))
        return false;
    LOG_AT(request_log(&ex->r), LOG_PROXY, LEVEL_ERROR, 940, 0, NULL, "%s: disabled connection for (%s:%d)", t->scheme,
           t->host, t->port);
    ex->r.status = 503;
    exchange_resume(ex, STEP_REPLY);
    return true;
}

void upstream_get(struct exchange *ex, bool fresh)
{
    struct origin *o = origin_of(ex);
    struct upstream *pooled = upstream_pooled(o);
    const struct proxy_worker *w = ex->r.proxy->worker;
    struct connect *c;

    if (is_disabled(ex))
        return;
    if (pooled && !fresh && w && !w->fresh) {
        upstream_attach(ex, pooled);
        exchange_resume(ex, STEP_NEXT);
        return;
    }
    if (pooled && is_full(ex, o))
        upstream_close(pooled); /* its slot is needed for a fresh one */
    c = base_alloc(sizeof(*c));
    c->ex = ex;
    c->origin = o;
    c->fresh = fresh || !w || w->fresh;
    c->timer.on_time = on_connect_time;
    link_init(&c->link);
    ex->connect = c;
    if (is_full(ex, o))
        wait_for_slot(c);
    else
        start(c);
}
