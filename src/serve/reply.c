/* Heads to the client, and whole answers of our own. RFC 9112 6, httpd's ap_set_keepalive and ap_http_header_filter. */
#include "server.h"

#include <stdio.h>

/* The last gate against a split answer: whatever a value was made of, it stays one line. */
static bool is_one_line(struct span s)
{
    return s.n == 0 || (!memchr(s.p, '\n', s.n) && !memchr(s.p, '\r', s.n) && !memchr(s.p, '\0', s.n));
}

static void add_field(struct buf *out, struct span name, struct span value)
{
    if (!is_one_line(name) || !is_one_line(value))
        return;
    buf_add(out, name.p, name.n);
    buf_add(out, ": ", 2);
    buf_add(out, value.p, value.n);
    buf_add(out, "\r\n", 2);
}

static bool is_framing(struct span name)
{
    return span_ieq_str(name, "Content-Length") || span_ieq_str(name, "Transfer-Encoding") ||
           span_ieq_str(name, "Connection") || span_ieq_str(name, "Keep-Alive");
}

static void add_fields(struct buf *out, const struct http_fields *fields)
{
    HTTP_EACH_FIELD(f, fields)
    if (!is_framing(f->name))
        add_field(out, f->name, f->value);
}

static bool has_no_body(const struct exchange *ex)
{
    int s = ex->r.status;
    return ex->r.header_only || s == 204 || s == 304 || s < 200;
}

/* How the client learns where the body ends: chosen here, once. */
static void choose_framing(struct exchange *ex, struct buf *out)
{
    enum http_framing framing =
        ex->coder ? (ex->coder->counted ? HTTP_LENGTH : HTTP_UNTIL_CLOSE) : ex->answer_body.framing;
    const struct http_fields *fields = &ex->r.out;
    struct span length = http_fields_get(fields, "Content-Length");

    if (length.p && ex->r.status != 204 && (has_no_body(ex) || framing == HTTP_LENGTH))
        add_field(out, SPAN("Content-Length"), length);
    if (has_no_body(ex) || framing == HTTP_LENGTH)
        return;
    if (framing == HTTP_NO_BODY) {
        add_field(out, SPAN("Content-Length"), SPAN("0"));
    } else if (ex->r.head.version >= 11) {
        ex->chunked = true;
        add_field(out, SPAN("Transfer-Encoding"), SPAN("chunked"));
    } else {
        ex->keep = false; /* ends with the connection */
    }
}

/* ap_status_drops_connection: after these httpd trusts the connection no more. */
static bool drops_connection(int status)
{
    return status == 400 || status == 408 || status == 411 || status == 413 || status == 414 || status == 500 ||
           status == 501 || status == 503;
}

static bool may_keep(const struct exchange *ex)
{
    const struct core_site *core = core_site_of(ex->r.site);

    if (!ex->r.keepalive || !core->keepalive || ex->worker->draining || request_env(&ex->r, "nokeepalive"))
        return false;
    if (!ex->body_done || drops_connection(ex->r.status))
        return false;
    return core->max_keepalive == 0 || ex->r.peer->served < (unsigned)core->max_keepalive;
}

/* "Connection: Upgrade" stays with an Upgrade that offers something (426); the rest of the field is this connection's
 * own. */
static void add_connection(struct exchange *ex, struct buf *out)
{
    const struct core_site *core = core_site_of(ex->r.site);
    const char *offer = http_fields_has_token(&ex->r.out, "Connection", "upgrade") ||
                                http_fields_has_token(&ex->r.err_out, "Connection", "upgrade")
                            ? "Upgrade"
                            : NULL;

    if (!ex->keep) {
        buf_printf(out, "Connection: %sclose\r\n", offer ? "Upgrade, " : "");
        return;
    }
    if (offer)
        buf_adds(out, "Connection: Upgrade\r\n");
    if (!http_fields_has_token(&ex->r.head.fields, "Connection", "keep-alive"))
        return;
    buf_printf(out, "Keep-Alive: timeout=%d", (int)(core->keepalive_timeout_us / 1000000));
    if (core->max_keepalive)
        buf_printf(out, ", max=%d", core->max_keepalive - (int)ex->r.peer->served);
    buf_adds(out, "\r\nConnection: Keep-Alive\r\n");
}

static void add_status_line(struct exchange *ex, struct buf *out)
{
    const struct request *r = &ex->r;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", r->status, r->reason ? r->reason : http_reason(r->status));
}

void reply_head(struct exchange *ex)
{
    struct buf *out = &ex->client->out;
    size_t before = buf_len(out);

    ex->reply = REPLY_BEGUN;
    ex->r.first_byte_ms = loop_now(ex->worker->loop);
    ex->keep = may_keep(ex);
    if (ex->r.head.version <= 9) { /* HTTP/0.9 knows no head */
        ex->keep = false;
        return;
    }
    add_status_line(ex, out);
    add_fields(out, &ex->r.out);
    add_fields(out, &ex->r.err_out);
    choose_framing(ex, out);
    add_connection(ex, out);
    buf_adds(out, "\r\n");
    ex->r.bytes_out += buf_len(out) - before;
}

/* ---- what modules change ---- */

int reply_edit(struct exchange *ex)
{
    expires_edit(&ex->r);
    sink_choose(ex);
    return parts_choose(ex);
}

/* ---- our own ---- */

static void add_date_and_server(struct request *r, int64_t now_us)
{
    char date[32];
    size_t n = http_date(now_us / 1000000, date);
    struct http_fields theirs = r->out;

    r->out = (struct http_fields){ 0 };
    http_fields_add(r->arena, &r->out, SPAN("Date"), (struct span){ arena_strndup(r->arena, date, n), n });
    http_fields_add(r->arena, &r->out, SPAN("Server"), span_of(request_server_banner(r)));
    HTTP_EACH_FIELD(f, &theirs)
    if (!span_ieq_str(f->name, "Date") && !span_ieq_str(f->name, "Server"))
        http_fields_add(r->arena, &r->out, f->name, f->value);
}

static bool is_own_trace(const struct exchange *ex)
{
    return ex->r.status == 200 && span_eq(ex->r.head.method, SPAN("TRACE"));
}

static bool is_own_options(const struct exchange *ex)
{
    return ex->r.status == 200 && span_eq(ex->r.head.method, SPAN("OPTIONS"));
}

/* Of what an answer would have said only where to go instead stays with its error's page (ap_send_error_response). */
static void forget_fields(struct request *r)
{
    struct span location = http_fields_get(&r->out, "Location");

    r->out = (struct http_fields){ 0 };
    if (location.p && (r->status == 201 || (r->status >= 300 && r->status < 400)))
        http_fields_set(r->arena, &r->out, "Location", location);
}

static const char *fill_page(struct exchange *ex, struct buf *page)
{
    struct request *r = &ex->r;

    forget_fields(r);
    page_fn *shown = r->status == 200 ? pages_of_handler(r->handler) : NULL;
    if (is_own_trace(ex))
        pages_trace(r, page);
    else if (shown && !is_own_options(ex))
        shown(r, page);
    else if (is_own_options(ex) && r->uri[0] == '/')
        http_fields_add(r->arena, &r->out, SPAN("Allow"),
                        core_site_of(r->site)->trace == TRACE_OFF ? SPAN("POST,OPTIONS,HEAD,GET")
                                                                  : SPAN("POST,OPTIONS,HEAD,GET,TRACE"));
    else if (!is_own_options(ex))
        return pages_answer(r, r->status, page);
    return NULL;
}

const char *reply_own(struct exchange *ex)
{
    struct request *r = &ex->r;
    struct buf page = { 0 };
    const char *path = fill_page(ex, &page);

    if (path) {
        buf_release(&page);
        return path;
    }
    add_date_and_server(r, loop_wall_us(ex->worker->loop));
    http_fields_set(r->arena, &r->out, "Content-Length", span_of(arena_printf(r->arena, "%zu", buf_len(&page))));
    ex->answer_body.framing = HTTP_LENGTH;
    ex->coder = NULL;
    expires_edit(r);           /* a redirect's too */
    relay_discard_request(ex); /* what is here of a body need not cost the connection */
    reply_head(ex);
    if (!has_no_body(ex))
        sink_write(ex, buf_span(&page));
    sink_end(ex, &(struct http_fields){ 0 });
    buf_release(&page);
    return NULL;
}

/* An interim answer goes out as it came, less what belongs to the backend's connection. */
void reply_interim(struct exchange *ex, const struct http_response_head *h)
{
    struct buf *out = &ex->client->out;
    size_t before = buf_len(out);

    buf_printf(out, "HTTP/1.1 %d ", h->status);
    if (h->reason.n)
        buf_add(out, h->reason.p, h->reason.n);
    else
        buf_adds(out, http_reason(h->status));
    buf_adds(out, "\r\n");
    HTTP_EACH_FIELD(f, &h->fields)
    if (!is_framing(f->name) && !span_ieq_str(f->name, "Upgrade"))
        add_field(out, f->name, f->value);
    buf_adds(out, "\r\n");
    ex->r.bytes_out += buf_len(out) - before;
}
