/* Backends as one worker knows them: origins with their addresses, and pooled connections. Nothing is shared with other
 * workers. */
#include "upstream.h"
#include "tls_sites.h"

#include <errno.h>
#include <stdlib.h>

#define IDLE_TTL_MS    60000  /* a pooled connection's idle life where ttl= says nothing */
#define IDLE_MOST      64     /* pooled a backend where smax= and max= say nothing */
#define FRESH_MS       100    /* so long a pooled connection counts as just used */
#define ORIGIN_LIFE_MS 600000 /* an origin without connections is forgotten */

/* ---- origins ---- */

static const char *digits(struct exchange *ex, uint64_t n)
{
    char *text = arena_alloc(ex->arena, 21);
    span_put_number(text, n, 16);
    return text;
}

/* What makes two connections different. A TLS context stands for all SSLProxy… settings of its snapshot. */
static char *origin_key(struct exchange *ex)
{
    const struct proxy_target *t = ex->r.proxy;
    const struct proxy_worker *w = t->worker;
    const char *source = proxy_site_of(ex->r.site)->source_address;
    const void *context = t->tls ? tls_sites_towards(ex->epoch->tls, t->ssl) : NULL;

    return arena_concat(ex->arena, t->unix_path ? t->unix_path : "", "|", t->host, "|", digits(ex, (uint64_t)t->port),
                        "|", source ? source : "", w && w->keepalive ? "|1|" : "|0|",
                        digits(ex, w ? (uint64_t)w->max : 0), "|", digits(ex, (uintptr_t)context), "|",
                        t->tls && t->tls_name ? t->tls_name : "", NULL);
}

static void on_slot_free(struct task *t)
{
    connect_next(CONTAINER_OF(t, struct origin, next));
}

static struct origin *new_origin(struct loop *l, const struct proxy_target *t, const char *key)
{
    struct origin *o = base_alloc(sizeof(*o));

    o->loop = l;
    o->key = base_strdup(key);
    o->host = base_strdup(t->host);
    o->unix_path = t->unix_path ? base_strdup(t->unix_path) : NULL;
    o->port = t->port;
    link_init(&o->idle);
    link_init(&o->waiting);
    o->next.run = on_slot_free;
    return o;
}

static struct origin *find_origin(struct exchange *ex)
{
    char *key = origin_key(ex);
    struct origin *o = map_get(ex->worker->origins, key);

    if (!o) {
        o = new_origin(ex->worker->loop, ex->r.proxy, key);
        map_set(ex->worker->origins, key, o);
    }
    return o;
}

static bool leads_there(const struct origin *o, const struct proxy_target *t)
{
    bool same_path =
        o->unix_path && t->unix_path ? strcmp(o->unix_path, t->unix_path) == 0 : o->unix_path == t->unix_path;

    return o->port == t->port && same_path && strcmp(o->host, t->host) == 0;
}

/* Without TLS an address, a ProxyPass and a ProxySourceAddress are all that the key is made of: what was found for them
 * last is found again. */
struct origin *origin_of(struct exchange *ex)
{
    const struct proxy_target *t = ex->r.proxy;
    const char *source = proxy_site_of(ex->r.site)->source_address;
    struct origin_memo *m = &ex->epoch->origins[(uintptr_t)t->worker / 64 % COUNT_OF(ex->epoch->origins)];
    struct origin *o = m->origin;

    if (t->tls || !o || m->worker != t->worker || m->source != source || m->freed != ex->worker->origins_freed ||
        !leads_there(o, t))
        o = find_origin(ex);
    if (!t->tls)
        *m = (struct origin_memo){ t->worker, source, o, ex->worker->origins_freed };
    o->used_ms = loop_now(ex->worker->loop);
    return o;
}

static void free_origin(struct worker *w, struct origin *o)
{
    task_cancel(&o->next);
    if (o->sessions)
        tls_session_cache_free(o->sessions);
    map_remove(w->origins, o->key);
    w->origins_freed++;
    free(o->key);
    free(o->host);
    free(o->unix_path);
    free(o->addrs);
    free(o);
}

void origin_release(struct origin *o)
{
    ASSERT(o->n_open > 0);
    o->n_open--;
    if (!link_empty(&o->waiting))
        loop_post(o->loop, &o->next);
}

static void close_idle(struct origin *o)
{
    while (!link_empty(&o->idle))
        upstream_close(CONTAINER_OF(o->idle.next, struct upstream, link));
}

/* Connections made before are not used again: the name may lead elsewhere now, as after a restart of httpd. */
static bool refresh(void *arg, const char *key, void *value)
{
    struct origin *o = value;
    (void)arg, (void)key;
    o->stale = true;
    o->generation++;
    close_idle(o);
    return true;
}

void upstream_refresh_names(struct worker *w)
{
    map_each(w->origins, refresh, NULL);
}

/* ---- connections ---- */

struct upstream *upstream_new(struct exchange *ex, struct origin *o, struct stream *s)
{
    struct upstream *u = base_alloc(sizeof(*u));

    u->magic = UPSTREAM_MAGIC;
    u->worker = ex->worker;
    u->origin = o;
    u->generation = o->generation;
    u->stream = s;
    u->look.run = answer_on_look;
    link_init(&u->link);
    s->owner = u;
    s->on_ready = answer_on_ready;
    return u;
}

static void leave_pool(struct upstream *u)
{
    if (!link_empty(&u->link)) {
        link_remove(&u->link);
        u->origin->n_idle--;
    }
}

/* All but the stream and the slot. */
static void free_upstream(struct upstream *u)
{
    if (u->exchange)
        u->exchange->upstream = NULL;
    leave_pool(u);
    task_cancel(&u->look);
    buf_release(&u->in);
    buf_release(&u->out);
    u->magic = 0;
    loop_defer(u->worker->loop, free, u);
}

void upstream_close(struct upstream *u)
{
    struct origin *o = u->origin;

    CHECK_MAGIC(u, UPSTREAM_MAGIC);
    stream_close(u->stream);
    free_upstream(u);
    origin_release(o);
}

struct stream *upstream_release(struct upstream *u)
{
    struct stream *s = u->stream;

    CHECK_MAGIC(u, UPSTREAM_MAGIC);
    free_upstream(u);
    return s;
}

void upstream_attach(struct exchange *ex, struct upstream *u)
{
    const struct proxy_worker *w = ex->r.proxy->worker;

    CHECK_MAGIC(u, UPSTREAM_MAGIC);
    leave_pool(u);
    u->exchange = ex;
    REQUEST_LOG(&ex->r, LOG_PROXY, LEVEL_DEBUG, 942, "%s: has acquired connection for (%s:%d)%s", ex->r.proxy->scheme,
                u->origin->host, u->origin->port, u->reused ? ", kept alive" : "");
    u->scan = (struct http_scan){ 0 };
    u->ttl_ms = w && w->ttl_us ? (uint64_t)w->ttl_us / 1000 : IDLE_TTL_MS;
    u->idle_most = w && w->smax > 0 ? (unsigned)w->smax : w && w->max > 0 ? (unsigned)w->max : IDLE_MOST;
    ex->upstream = u;
    u->spoke_first =
        u->stream->ready & STREAM_READABLE; /* before it was asked: one answer, and no more of this connection */
    if (u->spoke_first)
        loop_post(u->worker->loop, &u->look);
}

/* Nothing may wait on a connection between two requests: an end, or bytes that would pass for the next answer. The loop
 * may not have told of them yet, so the socket itself is asked, as ap_proxy_is_socket_connected does. */
static bool is_quiet(struct upstream *u)
{
    char byte;
    ssize_t n = stream_read(u->stream, &byte, 1);
    return n < 0 && errno == EAGAIN;
}

/* Looked at again when it is taken; here only what is known already counts, and a flag that a full read left behind. */
static bool may_pool(struct upstream *u)
{
    const struct origin *o = u->origin;

    if (o->n_idle >= u->idle_most || u->generation != o->generation)
        return false;
    return !(u->stream->ready & STREAM_READABLE) || is_quiet(u);
}

void upstream_keep(struct upstream *u)
{
    struct origin *o = u->origin;

    CHECK_MAGIC(u, UPSTREAM_MAGIC);
    if (!may_pool(u)) {
        upstream_close(u);
        return;
    }
    REQUEST_LOG(&u->exchange->r, LOG_PROXY, LEVEL_DEBUG, 943, "%s: has released connection for (%s:%d)",
                u->exchange->r.proxy->scheme, o->host, o->port);
    u->exchange->upstream = NULL;
    u->exchange = NULL;
    u->served++;
    u->reused = true;
    u->idle_since_ms = loop_now(u->worker->loop);
    buf_release(&u->in);
    buf_release(&u->out);
    link_push(&o->idle, &u->link);
    o->n_idle++;
    if (!link_empty(&o->waiting))
        loop_post(o->loop, &o->next);
}

/* Of one that was used a moment ago the loop has told, or has in hand, all that came before its last wait, and backends
 * end those that lie idle: a busy one costs no further call. */
static bool is_known_quiet(const struct upstream *u)
{
    const struct loop *l = u->worker->loop;

    return loop_now(l) - u->idle_since_ms < FRESH_MS &&
           !(u->stream->ready & (STREAM_READABLE | STREAM_EOF | STREAM_FAILED)) &&
           !loop_has_event(l, &u->stream->watch);
}

/* The one used last is the likeliest to be alive. */
struct upstream *upstream_pooled(struct origin *o)
{
    while (!link_empty(&o->idle)) {
        struct upstream *u = CONTAINER_OF(o->idle.prev, struct upstream, link);
        if (is_known_quiet(u) || is_quiet(u))
            return u;
        upstream_close(u);
    }
    return NULL;
}

/* ---- sweeping ---- */

static void sweep_idle(struct origin *o, uint64_t now)
{
    while (!link_empty(&o->idle)) {
        struct upstream *u = CONTAINER_OF(o->idle.next, struct upstream, link);
        if (now - u->idle_since_ms < u->ttl_ms)
            return;
        upstream_close(u);
    }
}

struct sweep {
    struct worker *worker;
    uint64_t now;
    struct origin *unused; /* one a round: a map is not changed while it is walked */
};

static bool sweep_origin(void *arg, const char *key, void *value)
{
    struct sweep *s = arg;
    struct origin *o = value;

    (void)key;
    sweep_idle(o, s->now);
    if (!o->n_open && !o->n_idle && link_empty(&o->waiting) && s->now - o->used_ms > ORIGIN_LIFE_MS)
        s->unused = o;
    return true;
}

void upstream_sweep(struct worker *w)
{
    struct sweep s = { w, loop_now(w->loop), NULL };

    map_each(w->origins, sweep_origin, &s);
    if (s.unused)
        free_origin(w, s.unused);
}

static bool pick_first(void *arg, const char *key, void *value)
{
    (void)key;
    *(struct origin **)arg = value;
    return false;
}

void upstream_close_all(struct worker *w)
{
    for (struct origin *o = NULL;; o = NULL) {
        map_each(w->origins, pick_first, &o);
        if (!o)
            return;
        close_idle(o);
        free_origin(w, o);
    }
}
