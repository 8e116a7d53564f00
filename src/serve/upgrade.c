/* The handshake's two gates, and the hand-over from an exchange to a tunnel. Nothing of the client's is forwarded
 * before the backend's 101 stood the test; bytes that came early are kept and go first. */
#include "balance.h"
#include "upstream.h"

#include <stdio.h>
#include <stdlib.h>

/* What a tunnel needs for its last words; the exchange and the snapshot are gone by then. */
struct passage {
    struct origin *origin;
    struct proxy_share *member; /* of a balancer: one tunnel more there; or NULL */
    struct access_record *record;
    struct log_sink *sink;      /* the site's error log */
    uint32_t head_in, head_out; /* bytes of the two heads */
    signed char level;          /* LogLevel of mod_proxy there */
    uint16_t url;               /* where it begins in the text */
    char text[];                /* the client, NUL, the backend's URL */
};

static struct span upgrade_asked(const struct exchange *ex)
{
    return span_of(ex->r.proxy->upgrade_protocol);
}

/* ---- gates ---- */

bool upgrade_is_sane(struct exchange *ex)
{
    enum ws_fault fault;

    if (!ws_is_websocket(upgrade_asked(ex))) {
        if (ex->body_done)
            return true;
        REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_WARN, 0,
                    "Upgrade: %s with a body is forwarded as an ordinary request / "
                    "本文付きの Upgrade は通常の要求として転送します",
                    http_escape_log(ex->arena, upgrade_asked(ex)));
        return false;
    }
    fault = ws_check_request(&ex->r.head);
    if (fault == WS_OK)
        return true;
    REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, ex->r.upgrade_written ? LEVEL_DEBUG : LEVEL_WARN, 0,
                "no WebSocket handshake (%s): forwarded as an ordinary request / "
                "WebSocket ハンドシェイクではないため通常の要求として転送します",
                ws_fault_text(fault));
    return false;
}

static const char *describe(struct exchange *ex, enum ws_fault fault)
{
    struct span got = http_fields_get(&ex->answer.fields, "Upgrade");

    if (!ex->r.proxy->upgrade || fault == WS_WRONG_UPGRADE)
        return arena_printf(ex->arena, "Unexpected Upgrade: %s (expecting %s)",
                            got.p ? http_escape_log(ex->arena, got) : "n/a",
                            ex->r.proxy->upgrade ? ex->r.proxy->upgrade_protocol : "n/a");
    return arena_printf(ex->arena, "Unexpected Upgrade: %s", ws_fault_text(fault));
}

static enum ws_fault check_answer(const struct exchange *ex)
{
    struct span asked = upgrade_asked(ex);
    struct span key =
        ws_is_websocket(asked) ? http_fields_get(&ex->r.head.fields, "Sec-WebSocket-Key") : (struct span){ 0 };

    return ex->r.proxy->upgrade ? ws_check_response(&ex->answer, asked, key) : WS_NO_UPGRADE;
}

/* ---- the tunnel's end ---- */

/* The site may have gone with a reload; its log is held, its form is looked up in the snapshot of the day. */
static struct log_target log_of(const struct worker *w, const struct passage *p)
{
    const struct snapshot *now = w->epoch->snapshot;
    const struct vec *sites = &now->sites;
    const struct site *found = now->main->log.sink == p->sink ? now->main : NULL;
    struct log_target log = { .sink = p->sink };

    for (unsigned i = 0; !found && i < sites->n; i++) {
        const struct site *s = sites->items[i];
        if (s->log.sink == p->sink)
            found = s;
    }
    if (found)
        log = found->log;
    log.levels.of[LOG_PROXY] = p->level;
    return log;
}

static const char *who_was_silent(const struct tunnel_report *r)
{
    bool alike = r->idle_ms[TUNNEL_CLIENT] == r->idle_ms[TUNNEL_BACKEND] &&
                 !r->bytes[TUNNEL_CLIENT] == !r->bytes[TUNNEL_BACKEND];

    return alike ? "both silent alike" : r->who == TUNNEL_CLIENT ? "client silent longest" : "backend silent longest";
}

static void say_end(const struct worker *w, const struct passage *p, const struct tunnel_report *r)
{
    struct log_target log = log_of(w, p);
    const char *who = r->who == TUNNEL_CLIENT ? "client" : "backend";
    const char *url = p->text + p->url;
    double idle[2] = { (double)r->idle_ms[0] / 1000, (double)r->idle_ms[1] / 1000 };

    if (r->why == TUNNEL_IDLE)
        LOG_AT(&log, LOG_PROXY, LEVEL_INFO, 0, 0, p->text,
               "tunnel to %s closed: nothing moved for %.1f s (Timeout/ProxyTimeout); %s (client %.1f s, backend %.1f "
               "s) / "
               "無通信のためトンネルを閉じました",
               url, idle[0] < idle[1] ? idle[0] : idle[1], who_was_silent(r), idle[0], idle[1]);
    else if (r->why == TUNNEL_CLIENT_ERROR || r->why == TUNNEL_BACKEND_ERROR)
        LOG_AT(&log, LOG_PROXY, LEVEL_INFO, 0, r->os_error, p->text,
               "tunnel to %s closed: %s failed after %.1f s / %s側の障害でトンネルを閉じました", url, who,
               (double)r->lasted_ms / 1000, r->who == TUNNEL_CLIENT ? "クライアント" : "バックエンド");
    else
        LOG_AT(&log, LOG_PROXY, LEVEL_DEBUG, 0, 0, p->text, "tunnel to %s closed: %s after %.1f s", url,
               tunnel_end_text(r->why), (double)r->lasted_ms / 1000);
}

void upgrade_on_end(void *worker, const void *passage, const struct tunnel_report *r)
{
    struct worker *w = worker;
    const struct passage *p = passage;
    bool aborted = r->why == TUNNEL_CLIENT_ERROR;

    say_end(w, p, r);
    if (p->record)
        logs_finish(p->record, p->head_in + r->bytes[TUNNEL_CLIENT], p->head_out + r->bytes[TUNNEL_BACKEND],
                    r->lasted_ms * 1000, loop_wall_us(w->loop), aborted);
    log_sink_drop(p->sink);
    counter_add(&w->counts->tunnels, -1);
    counter_add(&w->counts->bytes, (int64_t)(p->head_out + r->bytes[TUNNEL_BACKEND]));
    origin_release(p->origin);
    balance_tunnel_over(p->member);
    worker_lost(w);
}

/* ---- the hand-over ---- */

/* The tunnel keeps a copy. */
static struct passage *new_passage(struct exchange *ex, size_t *size)
{
    const struct log_target *log = request_log(&ex->r);
    const struct proxy_target *t = ex->r.proxy;
    size_t client = strlen(ex->r.client_text) + 1;
    size_t n = strlen(t->url) < 200 ? strlen(t->url) : 200; /* a hint for people, not a record */
    struct passage *p = arena_alloc(ex->arena, *size = offsetof(struct passage, text) + client + n + 1);

    p->origin = ex->upstream->origin;
    p->member = balance_keep(ex);
    p->sink = log_sink_again(log->sink);
    p->level = log->levels.of[LOG_PROXY];
    p->record = logs_prepare(&ex->r);
    p->head_in = (uint32_t)ex->r.bytes_in;
    p->head_out = (uint32_t)ex->r.bytes_out;
    p->url = (uint16_t)client;
    memcpy(p->text, ex->r.client_text, client);
    memcpy(p->text + client, t->url, n);
    return p;
}

static void add_101(struct exchange *ex)
{
    struct buf *out = &ex->client->out;
    size_t before = buf_len(out);

    buf_reserve(out, BUF_HEAD);
    buf_adds(out, "HTTP/1.1 101 Switching Protocols\r\n");
    HTTP_EACH_FIELD(f, &ex->r.out)
    {
        if (span_ieq_str(f->name, "Upgrade") || span_ieq_str(f->name, "Connection") ||
            span_ieq_str(f->name, "Content-Length"))
            continue;
        http_field_write(out, f->name, f->value);
    }
    http_field_write(out, SPAN("Upgrade"), http_fields_get(&ex->answer.fields, "Upgrade"));
    buf_adds(out, "Connection: Upgrade\r\n\r\n");
    ex->r.bytes_out += buf_len(out) - before;
}

static struct buf take_buf(struct buf *b)
{
    struct buf taken = *b;
    *b = (struct buf){ 0 };
    return taken;
}

static void open_tunnel(struct exchange *ex)
{
    struct client *c = ex->client;
    struct upstream *u = ex->upstream;
    struct worker *w = ex->worker;
    struct tunnel_start start = { 0 };

    start.policy = (struct tunnel_policy){ .idle_ms = ex->r.proxy->tunnel_idle_ms,
                                           .half_close = !request_env(&ex->r, "proxy-nohalfclose"),
                                           .websocket = ws_is_websocket(upgrade_asked(ex)) };
    start.notes = new_passage(ex, &start.notes_size);
    start.owed = take_buf(&c->out);
    start.early[TUNNEL_CLIENT] = take_buf(&c->in);
    start.early[TUNNEL_BACKEND] = take_buf(&u->in);
    ex->upstream = NULL;
    start.backend = upstream_release(u);
    exchange_free(ex);
    start.client = client_release(c);
    counter_add(&w->counts->requests, 1);
    counter_add(&w->counts->tunnels, 1);
    tunnel_open(w->tunnels, &start);
}

void upgrade_refused(struct exchange *ex)
{
    REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_INFO, 0,
                "no tunnel to %s: the backend answered %d, not 101 / バックエンドが 101 以外を返しました",
                ex->r.proxy->url, ex->answer.status);
}

enum step_result upgrade_answered(struct exchange *ex)
{
    enum ws_fault fault = check_answer(ex);

    if (fault != WS_OK) {
        ex->r.status = proxy_error(&ex->r, 502, describe(ex, fault));
        upstream_close(ex->upstream);
        return STEP_REPLY;
    }
    ex->r.status = 101;
    if (proxy_take_head(&ex->r, &ex->answer)) {
        ex->r.status = 502;
        upstream_close(ex->upstream);
        return STEP_REPLY;
    }
    REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_DEBUG, 10239, "HTTP: tunneling protocol %s",
                ex->r.proxy->upgrade_protocol);
    ex->r.first_byte_ms = loop_now(ex->worker->loop);
    add_101(ex);
    if (client_flush(ex->client) < 0) {
        exchange_abort(ex);
        return STEP_DONE;
    }
    open_tunnel(ex);
    return STEP_DONE;
}
