/* Heads to the client, and whole answers of our own. RFC 9112 6, httpd's ap_set_keepalive and ap_http_header_filter. */
#include "reply.h"

#include <stdio.h>

/* Of the two tables as they go out. Inline, so that the name's tag costs nothing. */
static inline __attribute__((always_inline)) struct span sent_field(const struct request *r, const char *name)
{
    struct span value = http_fields_get(&r->err_out, name);

    return value.p ? value : http_fields_get(&r->out, name);
}

static bool is_framing(struct span name)
{
    return span_ieq_str(name, "Content-Length") || span_ieq_str(name, "Transfer-Encoding") ||
           span_ieq_str(name, "Connection") || span_ieq_str(name, "Keep-Alive");
}

/* ---- Date, Server, Vary ---- */

/* basic_http_header: those of a backend, as `Header` left them; ours where there is none, and on what is not proxied.
 */
static void add_origin(struct exchange *ex, struct buf *out)
{
    struct request *r = &ex->r;
    struct span date = { 0 }, server = { 0 };
    char now[32];

    if (r->proxy) {
        date = sent_field(r, "Date");
        server = sent_field(r, "Server");
    }
    if (!date.p)
        date = (struct span){ now, http_date(loop_wall_us(ex->worker->loop) / 1000000, now) };
    if (!server.p)
        server = span_of(request_server_banner(r));
    http_field_write(out, SPAN("Date"), date);
    if (server.n)
        http_field_write(out, SPAN("Server"), server);
}

static bool holds_name(const struct http_fields *names, struct span name)
{
    HTTP_EACH_FIELD(f, names)
    if (span_ieq(f->name, name))
        return true;
    return false;
}

static void collect_names(struct arena *a, struct http_fields *names, const struct http_fields *fields)
{
    HTTP_EACH_FIELD(f, fields)
    {
        const char *p = f->value.p, *end = p + f->value.n;

        for (; span_ieq_str(f->name, "Vary") && p < end; p++) {
            struct span name = { p, 0 };

            while (p < end && *p != ' ' && *p != '\t' && *p != ',')
                p++;
            name.n = (size_t)(p - name.p);
            if (name.n && !holds_name(names, name))
                http_fields_add(a, names, name, SPAN(""));
        }
    }
}

static void add_fields_of(struct buf *out, const struct http_fields *fields, const char *name)
{
    HTTP_EACH_FIELD(f, fields)
    if (span_ieq_str(f->name, name))
        http_field_write(out, f->name, f->value);
}

/* fixup_vary: each name once, in one line; what names nothing goes out as it is. */
static void add_vary(struct exchange *ex, struct buf *out)
{
    struct http_fields names = { 0 };
    const char *before = "Vary: ";

    if (!sent_field(&ex->r, "Vary").p)
        return;
    collect_names(ex->arena, &names, &ex->r.err_out);
    collect_names(ex->arena, &names, &ex->r.out);
    HTTP_EACH_FIELD(f, &names)
    {
        buf_adds(out, before);
        buf_add(out, f->name.p, f->name.n);
        before = ",";
    }
    if (names.n) {
        buf_adds(out, "\r\n");
        return;
    }
    add_fields_of(out, &ex->r.err_out, "Vary");
    add_fields_of(out, &ex->r.out, "Vary");
}

static bool is_written_apart(struct span name)
{
    return span_ieq_str(name, "Date") || span_ieq_str(name, "Server") || span_ieq_str(name, "Vary") || is_framing(name);
}

static void add_fields(struct buf *out, const struct http_fields *fields)
{
    HTTP_EACH_FIELD(f, fields)
    if (!is_written_apart(f->name))
        http_field_write(out, f->name, f->value);
}

/* ---- framing ---- */

static bool has_no_body(const struct exchange *ex)
{
    int s = ex->r.status;
    return ex->r.header_only || s == 204 || s == 304 || s < 200;
}

/* How the client learns where the body ends: chosen here, once. A length is what will be sent, whatever a Header line
 * says. */
static void choose_framing(struct exchange *ex, struct buf *out, int version)
{
    enum http_framing framing =
        ex->coder ? (ex->coder->counted ? HTTP_LENGTH : HTTP_UNTIL_CLOSE) : ex->answer_body.framing;
    uint64_t counted = ex->coder ? ex->coder->length : ex->answer_body.left;
    struct span length = sent_field(&ex->r, "Content-Length");

    if (has_no_body(ex)) {
        /* A 304 tells of the length of what the client holds, which is never none (RFC 9110 8.6). */
        if (length.p && ex->r.status != 204 && !(ex->r.status == 304 && span_eq(length, SPAN("0"))))
            http_field_write(out, SPAN("Content-Length"), length);
    } else if (framing == HTTP_LENGTH) {
        buf_adds(out, "Content-Length: "), buf_add_number(out, counted), buf_adds(out, "\r\n");
    } else if (framing == HTTP_NO_BODY) {
        http_field_write(out, SPAN("Content-Length"), SPAN("0"));
    } else if (version >= 11) {
        ex->chunked = true;
        http_field_write(out, SPAN("Transfer-Encoding"), SPAN("chunked"));
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

/* nokeepalive is for clients that get it wrong: a proxy before them does not. */
static bool is_refused_to_keep(const struct request *r)
{
    return request_env(r, "nokeepalive") && !http_fields_find(&r->head.fields, "Via");
}

static bool may_keep(const struct exchange *ex)
{
    const struct core_site *core = core_site_of(ex->r.site);

    if (!ex->r.keepalive || !core->keepalive || ex->worker->draining || is_refused_to_keep(&ex->r))
        return false;
    if (http_fields_has_token(&ex->r.out, "Connection", "close") ||
        http_fields_has_token(&ex->r.err_out, "Connection", "close") ||
        http_fields_has_token(&ex->r.head.fields, "Connection", "close")) /* a RequestHeader line's word */
        return false;
    if (!ex->body_done || drops_connection(ex->r.status))
        return false;
    return core->max_keepalive == 0 || ex->r.peer->served < (unsigned)core->max_keepalive;
}

/* What the answer says of the connection (an Upgrade that it offers, a Header line), and then what becomes of it. */
static void add_connection(struct exchange *ex, struct buf *out)
{
    const struct core_site *core = core_site_of(ex->r.site);
    struct span said = sent_field(&ex->r, "Connection");
    bool asked = http_fields_has_token(&ex->r.head.fields, "Connection", "keep-alive");
    const char *ours = ex->keep ? (asked ? "Keep-Alive" : "") : "close";

    if (ex->keep && asked) {
        buf_adds(out, "Keep-Alive: timeout=");
        buf_add_number(out, (uint64_t)core->keepalive_timeout_us / 1000000);
        if (core->max_keepalive) {
            buf_adds(out, ", max=");
            buf_add_number(out, (unsigned)core->max_keepalive - ex->r.peer->served);
        }
        buf_adds(out, "\r\n");
    }
    if (!ex->keep && span_has_token(said, SPAN("close")))
        ours = "";
    if (said.n || *ours) {
        buf_adds(out, "Connection: ");
        buf_add(out, said.p, said.n);
        buf_adds(out, said.n && *ours ? ", " : "");
        buf_adds(out, ours);
        buf_adds(out, "\r\n");
    }
}

/* basic_http_header_check: what the client may be answered in, and what the status line says. */
struct version {
    int answer, line;
};

static struct version choose_version(struct request *r)
{
    struct version v = { .answer = r->head.version, .line = 11 };
    bool forced = request_env(r, "force-response-1.0") != NULL;

    if (request_env(r, "force-no-vary")) {
        http_fields_remove(&r->out, "Vary");
        http_fields_remove(&r->err_out, "Vary");
        v.answer = 10;
        forced = true;
    }
    if (v.answer > 10 && request_env(r, "downgrade-1.0"))
        v.answer = 10;
    if (v.answer == 10 && forced)
        v.line = 10;
    return v;
}

static void add_status_line(struct exchange *ex, struct buf *out, int version)
{
    const struct request *r = &ex->r;

    buf_adds(out, version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    buf_add_number(out, (unsigned)r->status);
    buf_adds(out, " ");
    buf_adds(out, r->reason ? r->reason : http_reason(r->status));
    buf_adds(out, "\r\n");
}

static bool keeps_at(const struct exchange *ex, int version)
{
    return version >= 11 || http_fields_has_token(&ex->r.head.fields, "Connection", "keep-alive");
}

void reply_head(struct exchange *ex)
{
    struct buf *out = &ex->client->out;
    size_t before = buf_len(out);
    struct version version = choose_version(&ex->r);

    buf_reserve(out, BUF_HEAD);
    ex->reply = REPLY_BEGUN;
    ex->r.first_byte_ms = loop_now(ex->worker->loop);
    ex->keep = may_keep(ex) && version.line > 10 && keeps_at(ex, version.answer);
    if (ex->r.head.version <= 9) { /* HTTP/0.9 knows no head */
        ex->keep = false;
        return;
    }
    add_status_line(ex, out, version.line);
    add_origin(ex, out);
    add_fields(out, &ex->r.err_out);
    add_fields(out, &ex->r.out);
    add_vary(ex, out);
    choose_framing(ex, out, version.answer);
    add_connection(ex, out);
    buf_adds(out, "\r\n");
    ex->r.bytes_out += buf_len(out) - before;
}

/* ---- what modules change ---- */

static void forget_fields(struct request *r)
{
    r->out = r->err_out = (struct http_fields){ 0 };
}

/* What codes the body is chosen before Header lines act, so that they see what it says (Vary, Content-Encoding). */
int reply_edit(struct exchange *ex)
{
    mime_answer(&ex->r);
    expires_edit(&ex->r);
    sink_choose(ex);
    if (!headers_answer(&ex->r) && headers_sound(&ex->r, ex->answer.bytes)) {
        mime_charset(&ex->r);
        return parts_choose(ex);
    }
    ex->coder = NULL;
    forget_fields(&ex->r);
    ex->r.reason = NULL;
    return 500;
}

/* An error page sees `Header always` alone. False: it cannot go out so, and is forgotten. */
static bool edit_error(struct exchange *ex, struct buf *page)
{
    struct request *r = &ex->r;

    expires_edit(r); /* a redirect's too */
    if (!headers_error(r) && headers_sound(r, ex->answer.bytes))
        return true;
    forget_fields(r);
    r->status = 500;
    r->reason = NULL;
    buf_release(page);
    return false;
}

/* ---- our own ---- */

static bool is_own_trace(const struct exchange *ex)
{
    return ex->r.status == 200 && span_eq(ex->r.head.method, SPAN("TRACE"));
}

static bool is_own_options(const struct exchange *ex)
{
    return ex->r.status == 200 && span_eq(ex->r.head.method, SPAN("OPTIONS"));
}

/* TRACE, OPTIONS and pages that handlers show are answers like a backend's. False: it is an error page's turn. */
static bool fill_success(struct exchange *ex, struct buf *page)
{
    struct request *r = &ex->r;
    page_fn *shown = r->status == 200 ? pages_of_handler(r->handler) : NULL;

    if (is_own_trace(ex))
        pages_trace(r, page);
    else if (is_own_options(ex) && r->uri[0] == '/')
        http_fields_set(r->arena, &r->out, "Allow", pages_allow(r));
    else if (shown && !is_own_options(ex))
        shown(r, page);
    else if (!is_own_options(ex))
        return false;
    ex->answer_body = (struct http_body){ .framing = HTTP_LENGTH, .left = buf_len(page) };
    if (is_own_trace(ex) && !r->authorised) /* answered on the way to a file: httpd has no filters in place yet */
        return true;
    r->status = reply_edit(ex);
    if (r->status)
        return false;
    r->status = 200;
    return true;
}

bool reply_refuses_body(struct exchange *ex)
{
    const struct request *r = &ex->r;
    int64_t most = core_place_of(r->place)->limit_body;

    if (r->proxy || !most || ex->body.framing != HTTP_LENGTH || ex->body.left <= (uint64_t)most)
        return false;
    REQUEST_LOG(r, LOG_HTTP, LEVEL_INFO, 1588,
                "Requested content-length of %llu is larger than the configured limit of %lld",
                (unsigned long long)ex->body.left, (long long)most);
    return true;
}

/* A page of our own takes in what is left of the request first, unless the connection ends with it; which it does even
 * when a page of an earlier error, or a redirect, is what is shown. */
static const char *fill_error(struct exchange *ex, struct buf *page)
{
    struct request *r = &ex->r;
    const char *path;

    r->keepalive = r->keepalive && !drops_connection(r->status);
    path = pages_answer(r, r->status, page);
    if (path || drops_connection(r->status) || !reply_refuses_body(ex))
        return path;
    buf_release(page);
    r->reason = NULL;
    return pages_answer(r, 413, page);
}

static const char *fill_page(struct exchange *ex, struct buf *page)
{
    const char *path;

    if (fill_success(ex, page))
        return NULL;
    buf_release(page);
    path = fill_error(ex, page);
    if (path || edit_error(ex, page))
        return path;
    pages_plain(&ex->r, 500, page);
    edit_error(ex, page); /* what cannot go out even so is a bare 500 */
    return NULL;
}

const char *reply_own(struct exchange *ex)
{
    struct buf page = { 0 };
    const char *path = fill_page(ex, &page);

    if (path) {
        buf_release(&page);
        return path;
    }
    ex->answer_body = (struct http_body){ .framing = HTTP_LENGTH, .left = buf_len(&page) };
    http_fields_set(ex->arena, &ex->r.out, "Content-Length", span_of(arena_printf(ex->arena, "%zu", buf_len(&page))));
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
        http_field_write(out, f->name, f->value);
    buf_adds(out, "\r\n");
    ex->r.bytes_out += buf_len(out) - before;
}
