/* Answers that Weir itself gives: error pages, ErrorDocument, TRACE. httpd's http_request.c (ap_die_r), http_protocol.c
 * (ap_send_error_response), http_filters.c (ap_send_http_trace); RFC 9110 15, 9.3.8. */
#include "core.h"

#define DOCTYPE "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n"

static const struct {
    int status;
    const char *text;
} sentences[] = {
    { 400, "This server did not understand the request that your client sent." },
    { 401, "This server could not verify that you may see the document that you asked for." },
    { 403, "You are not allowed to access this resource." },
    { 404, "There is nothing at this URL on this server." },
    { 405, "This URL does not answer requests of this method." },
    { 408, "The server waited for the request and did not receive all of it in time." },
    { 411, "A request of this method needs a Content-Length." },
    { 413, "The request is larger than this resource takes." },
    { 414, "The requested URL is longer than this server takes." },
    { 417, "This server cannot meet what the request's Expect field asks for." },
    { 421, "This connection does not lead to the host that was asked for." },
    { 426, "This resource is reached by an upgrade of the connection only." },
    { 429, "Too many requests came in too short a time." },
    { 431, "The request's header fields are larger than this server takes." },
    { 500, "The server met a fault or a misconfiguration and could not complete the request." },
    { 501, "This server does not implement the request's method." },
    { 502, "The proxy received no valid response from the server behind it." },
    { 503, "The service cannot be reached at present. Please try again later." },
    { 504, "The server behind this proxy did not answer in time." },
    { 505, "This server does not speak the request's version of HTTP." },
};

static const char *sentence(int status)
{
    for (unsigned i = 0; i < COUNT_OF(sentences); i++)
        if (sentences[i].status == status)
            return sentences[i].text;
    return status < 500 ? "This server could not answer the request as it came."
                        : "This server could not complete the request.";
}

static const struct core_place *place_of(const struct request *r)
{
    return core_place_of(r->place ? r->place : &r->site->place);
}

static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* ---- the page ---- */

/* ServerSignature: as ap_psignature. */
static void add_signature(struct request *r, struct buf *body)
{
    int signature = place_of(r)->signature;
    const char *name = http_escape_html(r->arena, span_of(request_server_name(r)));
    const char *banner = request_server_banner(r), *admin = core_site_of(r->site)->server_admin;

    if (signature == SIGNATURE_OFF)
        return;
    buf_printf(body, "<hr>\n<address>%s Server at ", banner);
    if (signature == SIGNATURE_EMAIL)
        buf_printf(body, "<a href=\"%s%s\">%s</a>",
                   strstr(admin, "://") ? "" : "mailto:", http_escape_html(r->arena, span_of(admin)), name);
    else
        buf_adds(body, name);
    buf_printf(body, " Port %d</address>\n", request_server_port(r));
}

static void add_explanation(struct request *r, struct buf *body)
{
    if (r->status >= 300 && r->status < 400) {
        struct span location = http_fields_get(&r->out, "Location");
        const char *link = http_escape_html(r->arena, location.p ? location : SPAN(""));
        buf_printf(body, "<p>The document is found <a href=\"%s\">here</a>.</p>\n", link);
        return;
    }
    buf_printf(body, "<p>%s</p>\n", sentence(r->status));
    if (r->error_text)
        buf_printf(body, "<p>Reason: <strong>%s</strong></p>\n", http_escape_html(r->arena, span_of(r->error_text)));
}

static const char *reason_of(const struct request *r)
{
    return r->reason ? r->reason : http_reason(r->status);
}

/* second: what went wrong while an ErrorDocument was fetched, 0 when nothing did. */
static void add_page(struct request *r, int second, struct buf *body)
{
    const char *reason = http_escape_html(r->arena, span_of(reason_of(r)));

    buf_printf(body, DOCTYPE "<html><head>\n<title>%d %s</title>\n</head><body>\n<h1>%s</h1>\n", r->status, reason,
               reason);
    add_explanation(r, body);
    if (second)
        buf_printf(body, "<p>The page meant for this error could not be given either: %d %s.</p>\n", second,
                   http_reason(second));
    add_signature(r, body);
    buf_adds(body, "</body></html>\n");
}

/* ---- ErrorDocument ---- */

static const struct error_document *find_document(const struct request *r, int status)
{
    const struct vec *all = &place_of(r)->error_documents;

    for (unsigned i = all->n; i-- > 0;) {
        const struct error_document *d = all->items[i];
        if (d->status == status)
            return d->kind == ERROR_DEFAULT ? NULL : d;
    }
    return NULL;
}

static const char *document_text(struct request *r, const struct error_document *d)
{
    const char *fault = NULL;
    struct span text = vars_text(r, d->text, &fault);

    if (text.p)
        return arena_span(r->arena, text);
    REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 2841, "core: ErrorDocument: can't evaluate require expression: %s",
                fault ? fault : "");
    return NULL;
}

static void set_out(struct request *r, const char *name, const char *value)
{
    http_fields_set(r->arena, &r->out, name, span_of(value));
}

struct span pages_allow(const struct request *r)
{
    if (r->allow)
        return span_of(r->allow);
    return core_site_of(r->site)->trace == TRACE_OFF ? SPAN("POST,OPTIONS,HEAD,GET")
                                                     : SPAN("POST,OPTIONS,HEAD,GET,TRACE");
}

static bool names_location(int status)
{
    return status == 201 || (status >= 300 && status < 400);
}

/* ap_send_error_response: of what was said before only err_out stays, which becomes the table of success, and where a
 * redirect leads. NULL: as r->out has it. */
static void start_over(struct request *r, const char *location)
{
    bool plain = request_env(r, "suppress-error-charset") != NULL;
    struct span target = location ? span_of(location) : http_fields_get(&r->out, "Location");

    r->out = r->err_out;
    r->err_out = (struct http_fields){ 0 };
    if (target.p && names_location(r->status))
        http_fields_set(r->arena, &r->out, "Location", target);
    set_out(r, "Content-Type", plain ? "text/html" : "text/html; charset=iso-8859-1");
    if (r->status == 405 || r->status == 501)
        http_fields_set(r->arena, &r->out, "Allow", pages_allow(r));
}

static const struct request *first_error(const struct request *r)
{
    const struct request *first = r;

    while (!first->errs_anew && first->previous && first->previous->status >= 400)
        first = first->previous;
    return first;
}

/* Documents that fail and have documents anew. */
static bool is_too_far(const struct request *r)
{
    int most = core_site_of(r->site)->max_redirects;

    for (const struct request *p = r->previous; p; p = p->previous)
        most--;
    return most <= 0;
}

/* The page of the error that came first: nobody asked for the document that was to explain it. */
static void answer_first(struct request *r, const struct request *first, struct buf *body)
{
    int second = r->status;

    r->status = first->status;
    r->reason = first->reason;
    r->error_text = first->error_text;
    r->place = first->place;
    start_over(r, NULL);
    add_page(r, second, body);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

/* ap_die_r: what is no status of HTTP, or none that httpd has a word for, is a fault of the configuration. */
static int known_status(struct request *r, int status)
{
    if (status < 100 || status >= 600)
        REQUEST_LOG(r, LOG_HTTP, LEVEL_ERROR, 1579, "Invalid response status %d", status);
    return r->reason || core_is_status(status) ? status : 500;
}

const char *pages_answer(struct request *r, int status, struct buf *body)
{
    const struct request *first = first_error(r);
    const struct error_document *d;
    const char *text;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    r->status = status = known_status(r, status);
    if (!has_body(status))
        return NULL;
    if (first != r) {
        answer_first(r, first, body);
        return NULL;
    }
    d = find_document(r, status);
    text = d ? document_text(r, d) : NULL;
    if (text && d->kind == ERROR_PATH && text[0] == '/' && !is_too_far(r))
        return text;
    if (text && d->kind == ERROR_PATH && text[0] == '/') { /* a loop, which httpd ends with a 500 */
        text = NULL;
        r->keepalive = false;
    }
    if (text && d->kind == ERROR_URL && has_control(text)) { /* of the request, by way of %{REQUEST_URI} and its like */
        REQUEST_LOG(r, LOG_HTTP, LEVEL_ERROR, 2430,
                    "Response header 'Location' value of '%s' contains invalid characters, aborting request", text);
        r->status = 500;
        r->reason = text = NULL;
    }
    if (text && d->kind == ERROR_URL) {
        r->status = 302;
        r->reason = NULL;
    }
    start_over(r, text && d->kind == ERROR_URL ? text : NULL);
    if (text && d->kind == ERROR_TEXT)
        buf_adds(body, text);
    else
        add_page(r, 0, body);
    return NULL;
}

void pages_plain(struct request *r, int status, struct buf *body)
{
    r->status = status;
    start_over(r, NULL);
    add_page(r, 0, body);
}

page_fn *pages_of_handler(const char *handler)
{
    static const struct {
        const char *handler;
        page_fn *page;
    } all[] = {
        { "balancer-manager", proxy_balancer_manager },
        { "server-status", status_page },
    };

    for (unsigned i = 0; handler && i < COUNT_OF(all); i++)
        if (strcmp(handler, all[i].handler) == 0)
            return all[i].page;
    return NULL;
}

void pages_trace(struct request *r, struct buf *body)
{
    CHECK_MAGIC(r, REQUEST_MAGIC);
    set_out(r, "Content-Type", "message/http");
    buf_add(body, r->head.line.p, r->head.line.n);
    buf_adds(body, "\r\n");
    HTTP_EACH_FIELD(f, &r->head.fields)
    buf_printf(body, "%.*s: %.*s\r\n", (int)f->name.n, f->name.p, (int)f->value.n, f->value.p);
    buf_adds(body, "\r\n");
}
