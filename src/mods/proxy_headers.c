/* The heads a proxy sends: to the backend and, from its answer, to the client (proxy_util.c, ap_proxy_create_hdrbrgd;
 * mod_proxy_http.c; RFC 9110 7.6). */
#include "proxy.h"

#include <ctype.h>
#include <time.h>

/* ---- hop-by-hop fields -------------------------------------------------------------------------- */

/* Next name in a Connection field: commas, semicolons and blanks part them, quotes are passed over (ap_get_token). */
static bool next_name(struct span *rest, struct span *name)
{
    while (rest->n && (isspace((unsigned char)*rest->p) || *rest->p == ',' || *rest->p == ';'))
        rest->p++, rest->n--;
    bool quoted = false;
    size_t n = 0;
    for (; n < rest->n; n++) {
        char c = rest->p[n];
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (isspace((unsigned char)c) || c == ',' || c == ';'))
            break;
    }
    *name = (struct span){ rest->p, n };
    *rest = (struct span){ rest->p + n, rest->n - n };
    return n > 0;
}

void proxy_strip_connection(struct http_fields *f)
{
    http_fields_remove(f, "Proxy-Connection");
    if (!http_fields_may_have(f, "Connection"))
        return;
    for (unsigned i = 0; i < f->n; i++) {
        struct http_field *line = &f->items[i];
        struct span rest = line->value, name;
        if (!line->name.p || !span_ieq_str(line->name, "Connection"))
            continue;
        while (next_name(&rest, &name))
            if ((f->tags & http_field_tag(name)) && !span_ieq_str(name, "Connection"))
                http_fields_remove_named(f, name);
    }
    http_fields_remove(f, "Connection");
}

/* Each on its own: of a constant name it is known without a call that it is not there. */
static void remove_hops(struct http_fields *f)
{
    http_fields_remove(f, "Transfer-Encoding");
    http_fields_remove(f, "Keep-Alive");
    http_fields_remove(f, "Upgrade");
    http_fields_remove(f, "Trailer");
    http_fields_remove(f, "TE");
}

/* ---- what we add -------------------------------------------------------------------------------- */

const char *proxy_via(const struct request *r)
{
    int via = proxy_site_of(r->site)->via, port = request_server_port(r), version = r->head.version;
    const char *written = port == request_default_port(r) ? "" : arena_printf(r->arena, ":%d", port);

    return arena_printf(r->arena, "%d.%d %s%s%s", version / 10, version % 10, r->site->server_name, written,
                        via == VIA_FULL ? " (Weir/" WEIR_VERSION ")" : "");
}

/* All lines of the name become one, with ours last: a client's second line must not come behind it. */
static void merge_all(struct arena *a, struct http_fields *f, struct span name, const char *value)
{
    struct http_field *first = f->tags & http_field_tag(name) ? http_fields_named(f, name) : NULL;
    struct span old, kept;

    if (!first) {
        http_fields_add(a, f, name, span_of(value));
        return;
    }
    old = http_fields_join_named(a, f, name);
    kept = first->name;
    http_fields_remove_named(f, name);
    first->name = kept;
    first->value = span_of(arena_printf(a, "%.*s, %s", (int)old.n, old.p, value));
}

static void add_forwarded(struct request *r, struct http_fields *f, struct span host)
{
    if (!proxy_place_of(r->place)->add_headers)
        return;
    merge_all(r->arena, f, SPAN("X-Forwarded-For"), r->client_ip);
    if (host.p)
        merge_all(r->arena, f, SPAN("X-Forwarded-Host"), arena_span(r->arena, host));
    merge_all(r->arena, f, SPAN("X-Forwarded-Server"), r->site->server_name);
}

static void add_via(struct request *r, struct http_fields *f)
{
    int via = proxy_site_of(r->site)->via;
    if (via == VIA_BLOCK)
        http_fields_remove(f, "Via");
    else if (via != VIA_OFF)
        merge_all(r->arena, f, SPAN("Via"), proxy_via(r));
}

static struct span choose_host(struct request *r, struct span sent)
{
    if (!proxy_place_of(r->place)->preserve_host)
        return r->proxy->origin->name;
    if (sent.p)
        return sent;
    REQUEST_LOG(r, LOG_PROXY, LEVEL_WARN, 1092,
                "no HTTP 0.9 request (with no host line) on incoming request and preserve host set forcing hostname to "
                "be %s for "
                "uri %s",
                r->site->server_name, r->uri);
    return span_of(r->site->server_name);
}

/* Expect: the client's when it is passed on, or ours as a test of the backend (ping=). */
static void settle_expect(struct request *r, struct http_fields *f, bool has_body, bool force10)
{
    const struct proxy_worker *w = r->proxy->worker;
    bool asked = r->head.version >= 11 && http_fields_has_token(&r->head.fields, "Expect", "100-continue");
    bool probe = w && w->ping_set && has_body;

    r->proxy->awaits_continue = !force10 && ((asked && proxy_place_of(r->place)->continue_100) || probe);
    if (!r->proxy->awaits_continue)
        http_fields_remove(f, "Expect");
    else if (!http_fields_has_token(f, "Expect", "100-continue"))
        merge_all(r->arena, f, SPAN("Expect"), "100-Continue");
}

/* ---- to the backend ----------------------------------------------------------------------------- */

static void write_framing(struct buf *out, const struct http_body *body)
{
    if (body->framing == HTTP_CHUNKED) {
        buf_adds(out, "Transfer-Encoding: chunked\r\n");
    } else if (body->framing == HTTP_LENGTH) {
        buf_adds(out, "Content-Length: ");
        buf_add_number(out, body->left);
        buf_add(out, "\r\n", 2);
    }
}

static void write_connection(struct buf *out, const struct proxy_target *t, bool reuse)
{
    if (t->names_upgrade && t->tunnel_only)
        http_field_write(out, SPAN("Upgrade"), span_of(t->upgrade_protocol));
    buf_adds(out, t->names_upgrade ? "Connection: Upgrade\r\n"
                  : reuse          ? "Connection: Keep-Alive\r\n"
                                   : "Connection: close\r\n");
    if (t->names_upgrade && !t->tunnel_only)
        http_field_write(out, SPAN("Upgrade"), span_of(t->upgrade_protocol));
}

static int check_coding(struct request *r)
{
    struct span coding = http_fields_get(&r->head.fields, "Transfer-Encoding");
    if (coding.p && !span_ieq_str(coding, "chunked")) {
        REQUEST_LOG(r, LOG_PROXY_HTTP, LEVEL_ERROR, 1093, "%s Transfer-Encoding is not supported",
                    arena_span(r->arena, coding));
        return 500;
    }
    return 0;
}

/* The client's fields as the backend is to see them: what the client may name is taken away before what we vouch for is
 * added. */
static void edit_fields(struct request *r, struct http_fields *f, struct span host, bool has_body, bool force10)
{
    proxy_strip_connection(f);
    remove_hops(f);
    http_fields_remove(f, "Content-Length");
    http_fields_remove(f, "Host");
    add_via(r, f);
    settle_expect(r, f, has_body, force10);
    add_forwarded(r, f, host);
    if (r->user && !request_env(r, "Proxy-Chain-Auth"))
        http_fields_remove(f, "Proxy-Authorization");
}

int proxy_build_head(struct request *r, const struct http_body *body, bool reuse, struct buf *out)
{
    const struct proxy_target *t = r->proxy;
    bool force10 = request_env(r, "force-proxy-request-1.0") != NULL;
    bool has_body = body->framing == HTTP_CHUNKED || (body->framing == HTTP_LENGTH && body->left);
    struct span host = http_fields_get(&r->head.fields, "Host");
    struct http_fields fields = { 0 };
    int status = check_coding(r);

    ASSERT(body->framing != HTTP_CHUNKED || !force10);
    if (status)
        return status;
    http_fields_share(r->arena, &fields, &r->head.fields);
    edit_fields(r, &fields, host, has_body, force10);
    buf_reserve(out, BUF_HEAD);
    buf_add(out, r->head.method.p, r->head.method.n);
    buf_add(out, " ", 1);
    buf_add(out, t->path.p, t->path.n);
    buf_adds(out, force10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    http_field_write(out, SPAN("Host"), choose_host(r, host));
    HTTP_EACH_FIELD(f, &fields)
    http_field_write(out, f->name, f->value);
    write_framing(out, body);
    if (!force10)
        write_connection(out, t, reuse && proxy_may_reuse(r));
    buf_add(out, "\r\n", 2);
    return 0;
}

/* ---- from the backend --------------------------------------------------------------------------- */

/* In the form of today already, weekday and all: nearly every date is, and most are the one that was seen last. */
static bool is_of_today(struct span value)
{
    static _Thread_local char seen[32];

    if (value.n != HTTP_DATE_LENGTH)
        return false;
    if (memcmp(value.p, seen, value.n) != 0)
        http_date(http_parse_date(value), seen);
    return memcmp(value.p, seen, value.n) == 0;
}

/* A date in an obsolete form becomes one of today's (RFC 9110 5.6.7); what is no date stays. */
static struct span renew_date(struct arena *a, struct span value)
{
    static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                         "%a %b %d %H:%M:%S %Y" };
    const char *text;
    char fresh[32];

    if (is_of_today(value))
        return value;
    text = arena_span(a, value);
    for (unsigned i = 0; i < COUNT_OF(forms); i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, forms[i], &tm);
        if (end && !*end) {
            size_t n = http_date(timegm(&tm), fresh);
            return (struct span){ arena_strndup(a, fresh, n), n };
        }
    }
    return value;
}

enum edit { EDIT_DATE, EDIT_URL, EDIT_COOKIE };
static const struct {
    struct span name;
    enum edit edit;
} edits[] = {
#define EDIT(name, what)                                                                                               \
    {                                                                                                                  \
        { name, sizeof(name) - 1 }, what                                                                               \
    }
    EDIT("Date", EDIT_DATE),       EDIT("Expires", EDIT_DATE),         EDIT("Last-Modified", EDIT_DATE),
    EDIT("Location", EDIT_URL),    EDIT("Content-Location", EDIT_URL), EDIT("URI", EDIT_URL),
    EDIT("Destination", EDIT_URL), EDIT("Set-Cookie", EDIT_COOKIE),
};

static struct span edit_value(const struct request *r, const struct http_field *f)
{
    for (unsigned i = 0; i < COUNT_OF(edits); i++) {
        if (!span_ieq(f->name, edits[i].name))
            continue;
        if (edits[i].edit == EDIT_DATE)
            return renew_date(r->arena, f->value);
        const char *value = arena_span(r->arena, f->value);
        return span_of(edits[i].edit == EDIT_URL ? proxy_map_location(r, value) : proxy_map_cookie(r, value));
    }
    return f->value;
}

/* Cookies that Weir has set before are kept; all else is the backend's word. */
static void start_fields(struct request *r)
{
    struct http_fields before = r->out;
    r->out = (struct http_fields){ 0 };
    HTTP_EACH_FIELD(f, &before)
    if (span_ieq_str(f->name, "Set-Cookie"))
        http_fields_add(r->arena, &r->out, f->name, f->value);
}

static void add_own(struct request *r, const struct http_response_head *h)
{
    char date[32];

    if (h->status < 200)
        return;
    if (!http_fields_find(&h->fields, "Date")) {
        http_date(base_wall_us() / 1000000, date);
        http_fields_add(r->arena, &r->out, SPAN("Date"), span_of(arena_strdup(r->arena, date)));
    }
    if (!http_fields_find(&h->fields, "Server"))
        http_fields_add(r->arena, &r->out, SPAN("Server"), span_of(request_server_banner(r)));
}

static int check_switch(struct request *r, const struct http_response_head *h, struct span upgrade)
{
    const struct proxy_target *t = r->proxy;
    const char *wanted = t->upgrade ? t->upgrade_protocol : NULL;

    if (h->status != 101 || (wanted && upgrade.p && span_ieq_str(upgrade, wanted)))
        return 0;
    return proxy_error(r, 502,
                       arena_concat(r->arena, "Unexpected Upgrade: ", upgrade.p ? arena_span(r->arena, upgrade) : "n/a",
                                    " (expecting ", wanted ? wanted : "n/a", ")", NULL));
}

static void add_upgrade(struct request *r, struct span upgrade)
{
    http_fields_set(r->arena, &r->out, "Connection", SPAN("Upgrade"));
    http_fields_set(r->arena, &r->out, "Upgrade", upgrade);
}

static void keep_challenge(struct request *r, const struct http_response_head *h)
{
    struct span challenge = http_fields_get(&h->fields, "WWW-Authenticate");
    if (h->status == 401 && challenge.p && proxy_overrides_error(r, 401))
        http_fields_set(r->arena, &r->err_out, "WWW-Authenticate", challenge);
}

int proxy_take_head(struct request *r, const struct http_response_head *h)
{
    struct span upgrade = http_fields_get(&h->fields, "Upgrade");
    int via = proxy_site_of(r->site)->via, status = check_switch(r, h, upgrade);

    if (status)
        return status;
    start_fields(r);
    add_own(r, h);
    HTTP_EACH_FIELD(f, &h->fields)
    http_fields_add(r->arena, &r->out, f->name, edit_value(r, f));
    if (http_fields_find(&h->fields, "Transfer-Encoding") && http_fields_remove(&r->out, "Content-Length"))
        REQUEST_LOG(r, LOG_PROXY_HTTP, LEVEL_DEBUG, 1107, "server %s:%d returned Transfer-Encoding and Content-Length",
                    r->proxy->host, r->proxy->port);
    proxy_strip_connection(&r->out);
    remove_hops(&r->out);
    http_fields_remove(&r->out, "Proxy-Authenticate");
    if (via == VIA_ON || via == VIA_FULL)
        http_fields_add(r->arena, &r->out, SPAN("Via"), span_of(proxy_via(r)));
    keep_challenge(r, h);
    if (h->status == 101 || (h->status >= 200 && proxy_worker_upgrades(r->proxy, upgrade)))
        add_upgrade(r, upgrade);
    return 0;
}

bool proxy_overrides_error(const struct request *r, int status)
{
    const struct proxy_place *place = proxy_place_of(r->place);
    const struct vec *codes = &place->override_codes;

    if (!place->error_override)
        return false;
    for (unsigned i = 0; i < codes->n; i++)
        if (*(const int *)codes->items[i] == status)
            return true;
    return codes->n == 0 && status >= 400 && status < 600;
}
