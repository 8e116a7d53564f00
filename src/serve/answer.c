/* What a backend says: its head, interim answers, and its end before any of that. */
#include "balance.h"
#include "reply.h"
#include "upstream.h"

#include <errno.h>
#include <strings.h>

#define READ_STEP    8192
#define MOST_UNREAD  (64 * 1024) /* of interim answers that the client does not take */
#define MOST_INTERIM 10          /* AP_MAX_INTERIM_RESPONSES */
#define LINE_DEFAULT 8192        /* HUGE_STRING_LEN; responsefieldsize= */

/* A pooled connection that the backend closed just as it was taken: nothing of the request was seen there. */
static bool may_retry(const struct exchange *ex)
{
    static const char *const idempotent[] = { "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE" };
    const struct upstream *u = ex->upstream;

    if (ex->retried || !u->reused || buf_len(&u->in) || ex->body.taken || !ex->body_done)
        return false;
    for (size_t i = 0; i < COUNT_OF(idempotent); i++)
        if (span_eq(ex->r.head.method, span_of(idempotent[i])))
            return true;
    return false;
}

static void ended_without_answer(struct exchange *ex, int os_error)
{
    const struct origin *o = ex->upstream->origin;

    if (may_retry(ex)) {
        upstream_close(ex->upstream);
        ex->retried = true;
        request_reconnect(ex);
        return;
    }
    REQUEST_LOG_OS(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, 1102, os_error,
                   "error reading status line from remote server %s:%d", o->unix_path ? "httpd-UDS" : o->host,
                   o->unix_path ? 0 : o->port);
    exchange_fail(ex, proxy_error(&ex->r, 502, "Error reading from remote server"));
}

enum { AH_CORRUPT_STATUS = 898, AH_NO_STATUS = 1102, AH_BAD_LINE = 1106 };

static void say_bad_line(struct exchange *ex, const char *line)
{
    REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_WARN, AH_BAD_LINE, "bad HTTP/%d.%d header returned by %s (%s)",
                ex->answer.version / 10, ex->answer.version % 10, ex->r.uri, arena_span(ex->arena, ex->r.head.method));
    if (line)
        REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_DEBUG, 0, "the line at fault: %s", line);
}

/* A head that is none. A status line is told to the client as the proxy's reason; a bad field is a plain 502, as in
 * Apache. */
static void corrupt(struct exchange *ex, const struct http_fault *fault)
{
    const struct origin *o = ex->upstream->origin;
    int status = fault->status;

    if (fault->ah == AH_NO_STATUS) {
        REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_ERROR, AH_NO_STATUS,
                    "error reading status line from remote server %s:%d", o->unix_path ? "httpd-UDS" : o->host,
                    o->unix_path ? 0 : o->port);
        status = proxy_error(&ex->r, 502, "Error reading from remote server");
    } else if (fault->ah == AH_CORRUPT_STATUS) {
        status = proxy_error(&ex->r, 502,
                             arena_printf(ex->arena, "%s: %s", fault->reason, fault->detail ? fault->detail : ""));
    } else {
        if (fault->ah != AH_BAD_LINE)
            REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, fault->level, fault->ah, "%s%s%s", fault->reason,
                        fault->detail ? ": " : "", fault->detail ? fault->detail : "");
        if (status == 502)
            say_bad_line(ex, fault->detail);
    }
    exchange_fail(ex, status);
}

/* ---- heads ---- */

/* To the client or not: as it asked for them, or as the variable says. */
static bool may_pass_interim(struct exchange *ex)
{
    const char *policy = request_env(&ex->r, "proxy-interim-response");
    bool is_continue = ex->answer.status == 100;

    if (!policy)
        return is_continue ? ex->http_continue : ex->r.head.version >= 11;
    if (strcasecmp(policy, "RFC") == 0)
        return ex->r.head.version >= 11;
    if (strcasecmp(policy, "Suppress"))
        REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_WARN, 1108, "undefined proxy interim response policy");
    return false;
}

/* False: the exchange failed. */
static bool take_interim(struct exchange *ex)
{
    if (may_pass_interim(ex))
        reply_interim(ex, &ex->answer);
    if (client_flush(ex->client) < 0) { /* the client waits for it */
        exchange_abort(ex);
        return false;
    }
    if (++ex->interim >= MOST_INTERIM || buf_len(&ex->client->out) > MOST_UNREAD) {
        exchange_fail(ex, proxy_error(&ex->r, 502,
                                      arena_printf(ex->arena, "Too many (%u) interim responses from origin server",
                                                   ex->interim)));
        return false;
    }
    if (ex->answer.status != 100)
        return true;
    ex->hold_body = ex->http_continue = false;
    return relay_request(ex);
}

static bool take_final(struct exchange *ex)
{
    struct http_fault fault = { 0 };

    if (!http_response_framing(&ex->answer, ex->r.head.method, &ex->answer_body, &fault)) {
        corrupt(ex, &fault);
        return false;
    }
    if (ex->answer.ignored)
        REQUEST_LOG(&ex->r, LOG_PROXY_HTTP, LEVEL_WARN, 1100,
                    "%u bad header lines of the backend were left out (ProxyBadHeader Ignore)", ex->answer.ignored);
    balance_count(ex, 0, sizeof("HTTP/1.1 200 ") - 1 + ex->answer.reason.n);
    ex->answer_seen = true;
    ex->hold_body = false;
    exchange_resume(ex, STEP_NEXT);
    return false;
}

static enum http_parse parse_head(struct exchange *ex, struct http_fault *fault)
{
    struct upstream *u = ex->upstream;
    const struct proxy_worker *w = ex->r.proxy->worker;
    size_t used = 0;
    enum http_parse result;

    if (!buf_len(&u->in))
        return HTTP_MORE;
    ex->answer = (struct http_response_head){ 0 };
    u->scan.bad_header = (enum http_bad_header)proxy_site_of(ex->r.site)->bad_header;
    result = http_parse_response(ex->arena, buf_span(&u->in),
                                 w && w->response_field_size ? (size_t)w->response_field_size : LINE_DEFAULT, &u->scan,
                                 &ex->answer, &used, fault);
    if (result == HTTP_DONE) {
        buf_consume(&u->in, used);
        u->scan = (struct http_scan){ 0 };
    }
    return result;
}

/* Reads once. False: the exchange failed, or nothing to read now (*wait). */
static bool fill(struct exchange *ex, bool *wait)
{
    struct upstream *u = ex->upstream;
    ssize_t n;

    *wait = !(u->stream->ready & STREAM_READABLE);
    if (*wait)
        return false;
    n = stream_read(u->stream, buf_reserve(&u->in, READ_STEP), READ_STEP);
    if (n > 0) {
        u->in.end += (size_t)n;
        return true;
    }
    *wait = n < 0 && errno == EAGAIN;
    if (!*wait)
        ended_without_answer(ex, n < 0 ? errno : 0);
    return false;
}

bool answer_read(struct exchange *ex)
{
    struct http_fault fault = { 0 };
    bool wait = false;

    for (;;) {
        enum http_parse result = parse_head(ex, &fault);
        if (result == HTTP_BAD) {
            corrupt(ex, &fault);
            return false;
        }
        if (result == HTTP_DONE) {
            if (ex->answer.status >= 200 || ex->answer.status == 101)
                return take_final(ex);
            if (!take_interim(ex))
                return false;
        } else if (!fill(ex, &wait)) {
            return wait;
        }
    }
}

static void go_on(struct upstream *u)
{
    struct exchange *ex = u->exchange;

    CHECK_MAGIC(u, UPSTREAM_MAGIC);
    if (!ex) { /* pooled: an end, or bytes nobody asked for */
        upstream_close(u);
        return;
    }
    if (!relay_request(ex))
        return;
    if (!ex->answer_seen && !answer_read(ex))
        return;
    if (ex->upstream && ex->reply == REPLY_BEGUN && !relay_response(ex))
        return;
    exchange_settle(ex);
}

void answer_on_ready(struct stream *s)
{
    go_on(s->owner);
}

void answer_on_look(struct task *t)
{
    go_on(CONTAINER_OF(t, struct upstream, look));
}
