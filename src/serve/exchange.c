/* An exchange's life around its steps: made, resumed, timed, finished, aborted. The way itself is in request.c. */
#include "balance.h"
#include "reply.h"
#include "upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIN_GRACE_MS 1000

static void on_time(struct timer *t);
static void on_abort_time(struct timer *t);

/* The connection's id, a dash, and how many came before on it: %L. */
static void name_request(struct exchange *ex)
{
    char *end = stpncpy(ex->r.id, ex->client->peer.id, 11);

    *end++ = '-';
    end[span_put_number(end, ex->client->peer.served, 16)] = '\0';
}

struct exchange *exchange_new(struct client *c)
{
    struct arena *a = arena_new();
    struct exchange *ex = arena_alloc(a, sizeof(*ex));

    ex->magic = EXCHANGE_MAGIC;
    ex->arena = a;
    ex->client = c;
    ex->worker = c->worker;
    ex->epoch = epoch_hold(c->epoch);
    counter_add(&c->worker->counts->busy, 1);
    ex->timer.on_time = on_time;
    ex->abort.on_time = on_abort_time;
    ex->body_done = true;
    link_init(&ex->errand.link);
    ex->r.magic = REQUEST_MAGIC;
    ex->r.arena = a;
    ex->r.snapshot = ex->epoch->snapshot;
    ex->r.site = c->site;
    ex->r.place = &c->site->place;
    request_set_peer(&ex->r, &c->peer);
    ex->r.uri = "";
    ex->r.logged = &ex->logged;
    ex->r.look_up = request_look_up;
    ex->r.begun_ms = loop_now(c->worker->loop);
    ex->r.begun_us = loop_wall_us(c->worker->loop);
    name_request(ex);
    return ex;
}

void exchange_free(struct exchange *ex)
{
    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    ex->magic = 0;
    timer_cancel(ex->worker->loop, &ex->timer);
    timer_cancel(ex->worker->loop, &ex->abort);
    if (ex->connect)
        connect_cancel(ex->connect);
    if (ex->upstream)
        upstream_close(ex->upstream);
    balance_release(ex);
    buf_release(&ex->collected);
    file_close(ex);
    ex->client->exchange = NULL;
    counter_add(&ex->worker->counts->busy, -1);
    epoch_drop(ex->epoch);
    loop_defer(ex->worker->loop, (void (*)(void *))arena_free, ex->arena);
}

/* ---- steps ---- */

/* An ErrorDocument inside an ErrorDocument is not followed (as in ap_die): pages_answer sees r->previous. */
static void answer_here(struct exchange *ex)
{
    const char *path = reply_own(ex);
    if (path)
        request_show(ex, path);
}

static enum step_result take_steps(struct exchange *ex)
{
    enum step_result result = request_go(ex);

    if (result == STEP_DONE)
        return result;
    if (result == STEP_WAIT && ex->resumed) {
        result = ex->resume_how;
        ex->step += result == STEP_NEXT; /* STEP_AGAIN has set the step */
    }
    ex->resumed = false;
    if (result == STEP_REPLY)
        answer_here(ex);
    return result;
}

void exchange_run(struct exchange *ex)
{
    enum step_result result;

    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    ASSERT(!ex->running);
    ex->running = true;
    do {
        result = take_steps(ex);
        if (result == STEP_DONE)
            return;
    } while (result != STEP_WAIT && ex->reply != REPLY_COMPLETE);
    ex->running = false;
    exchange_settle(ex);
}

void exchange_resume(struct exchange *ex, enum step_result how)
{
    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    if (ex->running) {
        ex->resumed = true;
        ex->resume_how = how;
        return;
    }
    if (how == STEP_NEXT)
        ex->step++;
    else if (how == STEP_REPLY)
        answer_here(ex);
    if (ex->reply == REPLY_COMPLETE)
        exchange_complete(ex);
    else
        exchange_run(ex);
}

void exchange_begin(struct exchange *ex)
{
    ex->step = 0;
    exchange_run(ex);
}

void exchange_refuse(struct exchange *ex, const struct http_fault *fault)
{
    struct request *r = &ex->r;

    r->status = fault->status;
    r->keepalive = false;
    ex->body_done = false;    /* nobody knows where the next request begins: close */
    if (r->head.version < 10) /* HTTP/0.9 too, as in httpd */
        r->head.version = 10;
    r->error_text = fault->note;
    REQUEST_LOG(r, fault->module, fault->level, fault->ah, "%s%s%s", fault->reason, fault->detail ? ": " : "",
                fault->detail ? fault->detail : "");
    exchange_resume(ex, STEP_REPLY);
}

void exchange_fail(struct exchange *ex, int status)
{
    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    if (ex->connect)
        connect_cancel(ex->connect);
    if (ex->upstream)
        upstream_close(ex->upstream);
    if (ex->reply != REPLY_NONE) { /* a truncated answer is told by the end of the connection */
        exchange_abort(ex);
        return;
    }
    ex->r.status = status;
    exchange_resume(ex, balance_fails_over(ex, status) ? STEP_AGAIN : STEP_REPLY);
}

/* ---- time ---- */

bool exchange_waits_for_client(const struct exchange *ex)
{
    if (buf_len(&ex->client->out) || ex->reply == REPLY_COMPLETE || ex->collecting || ex->file)
        return true;
    return ex->upstream && !ex->body_done && !ex->hold_body && !ex->deaf && !ex->answer_seen &&
           !buf_len(&ex->upstream->out);
}

static uint64_t ms(int64_t us)
{
    return us > 0 ? (uint64_t)(us + 999) / 1000 : 0;
}

/* RequestReadTimeout body=: as the head's, counted from the body's first wait. */
static uint64_t body_wait(struct exchange *ex)
{
    const struct core_site *core = core_site_of(ex->r.site);
    uint64_t now = loop_now(ex->worker->loop), allowed = ms(core->body_first_us), most = ms(core->body_max_us);

    if (!allowed)
        return ms(core->timeout_us);
    if (core->body_rate > 0)
        allowed += ex->body.taken * 1000 / (unsigned)core->body_rate;
    if (most && allowed > most)
        allowed = most;
    if (!ex->body_begun_ms)
        ex->body_begun_ms = now;
    return ex->body_begun_ms + allowed > now ? ex->body_begun_ms + allowed - now : 0;
}

void exchange_arm(struct exchange *ex)
{
    const struct core_site *core = core_site_of(ex->r.site);
    struct loop *l = ex->worker->loop;

    if (ex->connect || balance_waits(ex))
        timer_cancel(l, &ex->timer); /* they have their own */
    else if (buf_len(&ex->client->out) || ex->reply == REPLY_COMPLETE || ex->file)
        timer_set(l, &ex->timer, ms(core->timeout_us));
    else if (exchange_waits_for_client(ex))
        timer_set(l, &ex->timer, body_wait(ex));
    else if (ex->hold_body)
        timer_set(l, &ex->timer, ms(ex->r.proxy->worker->ping_us));
    else if (ex->r.proxy)
        timer_set(l, &ex->timer, ex->r.proxy->timeout_ms);
}

static void client_too_slow(struct exchange *ex)
{
    if (ex->reply == REPLY_NONE && !ex->body_done) {
        REQUEST_LOG(&ex->r, LOG_REQTIMEOUT, LEVEL_INFO, 1382, "Request body read timeout");
        REQUEST_LOG_OS(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1095, ETIMEDOUT,
                       "request body failed to %s:%d from %s: the client sent nothing in time / "
                       "クライアントが本文を時間内に送りませんでした",
                       ex->r.proxy ? ex->r.proxy->host : "-", ex->r.proxy ? ex->r.proxy->port : 0, ex->r.client_ip);
        exchange_fail(ex, 408);
    } else {
        REQUEST_LOG_OS(&ex->r, LOG_CORE, LEVEL_INFO, 0, ETIMEDOUT,
                       "client does not take the answer / クライアントが応答を受け取りません");
        exchange_abort(ex);
    }
}

static void backend_too_slow(struct exchange *ex)
{
    const struct proxy_target *t = ex->r.proxy;

    if (ex->hold_body && !ex->retried) { /* ping=: once more, on a connection of its own */
        upstream_close(ex->upstream);
        ex->retried = true;
        ex->hold_body = false;
        request_reconnect(ex);
        return;
    }
    if (ex->hold_body) {
        exchange_fail(ex, proxy_error(&ex->r, 503, "Timeout on 100-Continue"));
        return;
    }
    if (ex->reply == REPLY_NONE) {
        REQUEST_LOG_OS(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1102, ETIMEDOUT,
                       "error reading status line from remote server %s:%d", t->unix_path ? "httpd-UDS" : t->host,
                       t->unix_path ? 0 : t->port);
        balance_timed_out(ex);
        proxy_error(&ex->r, 504, "Error reading from remote server");
        ex->r.reason = NULL; /* "504 Gateway Timeout", not "504 Proxy Error" */
    } else {
        REQUEST_LOG_OS(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1110, ETIMEDOUT, "error reading response");
    }
    exchange_fail(ex, 504);
}

static void on_time(struct timer *timer)
{
    struct exchange *ex = CONTAINER_OF(timer, struct exchange, timer);

    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    if (exchange_waits_for_client(ex))
        client_too_slow(ex);
    else
        backend_too_slow(ex);
}

/* ---- the client while busy ---- */

/* A FIN alone may be a half-close (a script that has said all) or a closed tab. One that asked for a single answer gets
 * it; for another the backend has a short while to answer before the request is called off. */
static void note_fin(struct exchange *ex)
{
    if (timer_armed(&ex->abort) || !ex->body_done || !ex->r.keepalive)
        return;
    if (ex->reply == REPLY_NONE)
        timer_set(ex->worker->loop, &ex->abort, FIN_GRACE_MS);
}

static void on_abort_time(struct timer *t)
{
    struct exchange *ex = CONTAINER_OF(t, struct exchange, abort);
    if (ex->reply == REPLY_NONE)
        exchange_abort(ex);
}

void exchange_on_client(struct exchange *ex)
{
    struct client *c = ex->client;

    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    if ((c->stream->ready & STREAM_FAILED) || (!ex->away && client_flush(c) < 0)) {
        exchange_abort(ex);
        return;
    }
    if (ex->away)
        return;
    if (ex->reply == REPLY_COMPLETE) {
        exchange_complete(ex);
        return;
    }
    if (ex->collecting && !relay_collect(ex))
        return;
    if (ex->file && !file_relay(ex))
        return;
    if (ex->upstream && !relay_request(ex))
        return;
    if (ex->upstream && ex->reply == REPLY_BEGUN && !relay_response(ex))
        return;
    exchange_settle(ex);
}

void exchange_settle(struct exchange *ex)
{
    if (ex->away)
        return;
    if (ex->reply == REPLY_COMPLETE) {
        exchange_complete(ex);
        return;
    }
    if (ex->client->stream->ready & STREAM_EOF)
        note_fin(ex);
    exchange_arm(ex);
}

/* ---- the end ---- */

static void finish(struct exchange *ex)
{
    struct worker_counts *counts = ex->worker->counts;

    ex->r.ended_ms = loop_now(ex->worker->loop);
    counter_add(&counts->requests, 1);
    counter_add(&counts->bytes, (int64_t)ex->r.bytes_out);
    counter_add(&counts->duration_ms, (int64_t)(ex->r.ended_ms - ex->r.begun_ms));
    logs_access(&ex->r);
    exchange_free(ex);
}

void exchange_abort(struct exchange *ex)
{
    struct client *c = ex->client;

    CHECK_MAGIC(ex, EXCHANGE_MAGIC);
    if (ex->away && !offload_leave(ex))
        return;
    ex->r.aborted = true;
    ex->r.bytes_out -= buf_len(&c->out) < ex->r.bytes_out ? buf_len(&c->out) : ex->r.bytes_out;
    if (!ex->r.status)
        ex->r.status = 499; /* no answer was chosen; nginx's number for it, Apache has none */
    finish(ex);
    client_set_closing(c);
    client_close(c);
}

void exchange_complete(struct exchange *ex)
{
    struct client *c = ex->client;
    int flushed = client_flush(c);
    bool keep;

    ex->reply = REPLY_COMPLETE;
    if (flushed < 0) {
        exchange_abort(ex);
        return;
    }
    if (flushed == 0) {
        exchange_arm(ex);
        return;
    }
    relay_discard_request(ex);
    keep = ex->keep && ex->body_done;
    ex->r.keepalive = keep;
    finish(ex);
    client_finish_exchange(c, keep);
}
