/* What proxy_handler decides once a request is mapped and before a connection is made: hops, TRACE, worker, upgrade,
 * times (mod_proxy.c, proxy_handler; mod_proxy_http.c and mod_proxy_wstunnel.c, the beginnings of their handlers). */
#include "proxy.h"
#include "ssl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

/* ---- what the handler decides ------------------------------------------------------------------- */

int proxy_error(struct request *r, int status, const char *message)
{
    REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 898, "%s returned by %s", message, r->uri);
    r->error_text = message;
    r->reason = "Proxy Error";
    return status;
}

static bool is_method(const struct request *r, const char *name)
{
    return span_eq(r->head.method, span_of(name));
}

static void set_hops(struct request *r, long long hops)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", hops);
    http_fields_set(r->arena, &r->head.fields, "Max-Forwards",
                    (struct span){ arena_strndup(r->arena, text, (size_t)n), (size_t)n });
}

static int count_hops(struct request *r)
{
    struct span given = http_fields_get(&r->head.fields, "Max-Forwards");
    int configured = proxy_site_of(r->site)->max_forwards;
    uint64_t hops;

    if (!given.p) {
        if (configured >= 0)
            set_hops(r, configured);
        return 0;
    }
    if (!span_to_u64(given, &hops) || hops >= INT64_MAX) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_WARN, 10188, "Max-Forwards value '%s' could not be parsed",
                    arena_span(r->arena, given));
        return proxy_error(r, 400, "Max-Forwards request header could not be parsed");
    }
    if (hops) {
        set_hops(r, (long long)hops - 1);
        return 0;
    }
    if (!is_method(r, "TRACE") && !is_method(r, "OPTIONS"))
        return proxy_error(r, 400, "Max-Forwards has reached zero - proxy loop?");
    r->proxy = NULL;
    r->allow = core_site_of(r->site)->trace == TRACE_OFF ? "" : "TRACE"; /* all that a proxy takes for itself */
    return 0;
}

static bool has_body(const struct request *r)
{
    uint64_t length;
    struct span written = http_fields_get(&r->head.fields, "Content-Length");
    return http_fields_get(&r->head.fields, "Transfer-Encoding").p || (span_to_u64(written, &length) && length);
}

static int check_trace(struct request *r)
{
    int allowed = core_site_of(r->site)->trace;

    if (!is_method(r, "TRACE"))
        return 0;
    if (allowed == TRACE_OFF) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 1139, "TRACE forbidden by server configuration");
        r->allow = ""; /* what the backend allows is not known */
        return 405;
    }
    if (allowed != TRACE_EXTENDED && has_body(r)) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 1140, "TRACE with request body is not allowed");
        return 413;
    }
    return 0;
}

/* ---- upgrading ---------------------------------------------------------------------------------- */

/* What the client asks for first is what counts (ap_find_token, which compares as far as the list's word goes). */
static bool asks_for_one_of(struct span upgrade, struct span list)
{
    struct span token;

    while (span_next_token(&list, &token))
        if (token.n && span_istarts(upgrade, token))
            return true;
    return false;
}

bool proxy_worker_upgrades(const struct proxy_target *t, struct span upgrade)
{
    const char *list = t->worker ? t->worker->upgrade : NULL;
    if (!upgrade.p)
        return false;
    if (list)
        return strcmp(list, "*") == 0 || span_ieq_str(upgrade, list) || asks_for_one_of(upgrade, span_of(list));
    return t->scheme[0] == 'w' && span_ieq_str(upgrade, "WebSocket");
}

/* mod_proxy_wstunnel: a handshake or nothing. It asks the backend for its own protocol, not for what the client wrote.
 */
static int require_upgrade(struct request *r, struct span upgrade)
{
    struct proxy_target *t = r->proxy;
    const char *list = t->worker && t->worker->upgrade ? t->worker->upgrade : "WebSocket";
    const char *given = upgrade.p ? arena_span(r->arena, upgrade) : "missing";

    if (!proxy_worker_upgrades(t, upgrade)) {
        REQUEST_LOG(r, LOG_PROXY_WSTUNNEL, LEVEL_INFO, 2900,
                    "require upgrade for URL %s (Upgrade header is %s, expecting %s)", t->url, given, list);
        http_fields_set(r->arena, &r->err_out, "Connection", SPAN("Upgrade"));
        http_fields_set(r->arena, &r->err_out, "Upgrade", span_of(list));
        return 426;
    }
    t->upgrade = true;
    t->upgrade_protocol = strcmp(list, "*") == 0 ? given : strcasecmp(list, "NONE") == 0 ? "WebSocket" : list;
    return 0;
}

/* A browser asked for a WebSocket and will not get one: what stands in its way? Nobody else would tell. */
static void explain_no_upgrade(struct request *r, struct span upgrade)
{
    const struct proxy_target *t = r->proxy;

    if (r->upgrade_written || !http_fields_find(&r->head.fields, "Sec-WebSocket-Key"))
        return;
    if (!upgrade.p)
        REQUEST_LOG(
            r, LOG_PROXY_HTTP, LEVEL_WARN, 0,
            "a WebSocket handshake without its Upgrade field, which may have been lost on the way here (a proxy or "
            "CDN in front?): forwarded as an ordinary request / "
            "Upgrade ヘッダーが無いため(手前のプロキシや CDN で失われた可能性あり)通常の要求として転送します");
    else if (span_ieq_str(upgrade, "websocket") && t->scheme[0] != 'w' && !(t->worker && t->worker->upgrade))
        REQUEST_LOG(r, LOG_PROXY_HTTP, LEVEL_WARN, 0,
                    "a WebSocket handshake to %s, whose line has neither ws: nor upgrade=websocket: forwarded as an "
                    "ordinary request / ws: も upgrade=websocket も無いため通常の要求として転送します",
                    t->url);
}

static int choose_upgrade(struct request *r)
{
    struct proxy_target *t = r->proxy;
    struct span upgrade = http_fields_join(r->arena, &r->head.fields, "Upgrade");

    t->tunnel_only = t->scheme[0] == 'w' && proxy_tunnel_alone(r);
    if (t->tunnel_only)
        return require_upgrade(r, upgrade);
    t->upgrade = !request_env(r, "force-proxy-request-1.0") && proxy_worker_upgrades(t, upgrade);
    if (t->upgrade)
        t->upgrade_protocol = arena_span(r->arena, upgrade);
    else
        explain_no_upgrade(r, upgrade);
    return 0;
}

/* ---- worker and times --------------------------------------------------------------------------- */

/* mod_proxy_wstunnel on its own polls without a time-out: a year is that. */
#define NO_IDLE_LIMIT_MS (365ull * 24 * 3600 * 1000)

static uint64_t milliseconds(int64_t us)
{
    return (uint64_t)(us + 999) / 1000;
}

static void choose_times(struct request *r)
{
    struct proxy_target *t = r->proxy;
    const struct proxy_worker *w = t->worker;
    int64_t client = core_site_of(r->site)->timeout_us, own = proxy_site_of(r->site)->timeout_us;
    int64_t backend = w && w->timeout_us ? w->timeout_us : own ? own : client;

    t->timeout_ms = milliseconds(backend);
    t->connect_timeout_ms = milliseconds(w && w->connect_timeout_us ? w->connect_timeout_us : backend);
    t->tunnel_idle_ms = t->tunnel_only ? NO_IDLE_LIMIT_MS : milliseconds(backend > client ? backend : client);
}

static int choose_worker(struct request *r)
{
    struct proxy_target *t = r->proxy;
    const struct vec *workers = &proxy_site_of(r->site)->workers;
    const struct proxy_worker *w = proxy_worker_find(r->arena, workers, t->url, WORKER_PREFIX | WORKER_MATCH);

    t->worker = w;
    if (w && w->unix_path) /* else what the URL itself named */
        t->unix_path = w->unix_path;
    REQUEST_LOG(r, LOG_PROXY, LEVEL_TRACE2, 0,
                w ? "%s: found worker for %s" : "*: using default reverse proxy worker for %s%s (no keepalive)",
                w ? w->name : "", t->url);
    return 0;
}

static bool is_handled(const struct request *r)
{
    const struct proxy_origin *o = r->proxy->origin;
    const struct proxy_site *site = proxy_site_of(r->site);
    bool http = site->http_loaded && (!o || !o->tls || site->ssl_loaded);

    if (!o || o->speaks == SPEAKS_OTHER)
        return false;
    return http || (o->speaks == SPEAKS_WS && proxy_tunnel_alone(r));
}

static int check_scheme(struct request *r)
{
    if (is_handled(r))
        return 0;
    REQUEST_LOG(
        r, LOG_PROXY, LEVEL_WARN, 1144,
        "No protocol handler was valid for the URL %s (scheme '%s'). If you are using a DSO version of mod_proxy, make "
        "sure the proxy submodules are included in the configuration using LoadModule.",
        r->uri, r->proxy->balancer ? "balancer" : r->proxy->scheme);
    return 500;
}

static int check_usable(const struct request *r)
{
    const struct proxy_worker *w = r->proxy->worker;
    if (!w || !(w->status & WORKER_UNUSABLE))
        return 0;
    LOG_AT(request_log(r), LOG_PROXY, LEVEL_ERROR, 940, 0, NULL, "%s: disabled connection for (%s:%d)",
           r->proxy->scheme, w->host, w->port);
    return 503;
}

/* ---- TLS ------------------------------------------------------------------------------------------ */

static bool is_address(const char *host)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* ap_proxy_determine_connection: the name for SNI and for the certificate's check. httpd finds out that SSLProxyEngine
 * is off once it has connected; nothing is connected to for nothing here. */
static int choose_tls(struct request *r)
{
    struct proxy_target *t = r->proxy;

    if (!t->origin->tls)
        return 0;
    t->ssl = &ssl_place_of(r->place)->proxy;
    t->tls = t->ssl->engine != 0;
    t->tls_name = proxy_place_of(r->place)->preserve_host ? r->hostname : t->host;
    t->sni = t->tls_name && !is_address(t->tls_name) ? t->tls_name : NULL;
    if (t->tls)
        return 0;
    LOG_AT(request_log(r), LOG_CORE, LEVEL_ERROR, 1961, 0, NULL,
           " failed to enable ssl support [Hint: if using mod_ssl, see SSLProxyEngine]");
    LOG_AT(request_log(r), LOG_PROXY, LEVEL_ERROR, 961, 0, NULL, "%s: failed to enable ssl support for %s:%d (%s)",
           t->scheme, t->host, t->port, t->host);
    return 500;
}

/* What its worker's handler decides first. */
static int begin_handler(struct request *r)
{
    int status = check_scheme(r);

    if (status || (status = choose_upgrade(r)))
        return status;
    r->proxy->names_upgrade = r->proxy->upgrade;
    choose_times(r);
    status = check_usable(r);
    return status ? status : choose_tls(r);
}

/* SetHandler "proxy:URL": what the path was mapped to follows the URL. One that no protocol takes stays a file's, and
 * is told there. */
static int take_handler(struct request *r)
{
    const char *handler = r->handler, *url;
    int status;

    if (!handler || strncmp(handler, "proxy:", 6) != 0 || !r->filename)
        return 0;
    if (handler[6] == ':' || !strchr(handler + 6, ':')) /* no scheme: of a variable that is not set */
        return 0;
    url = arena_concat(r->arena, handler + 6, r->filename, NULL);
    proxy_accept(r, url, false);
    r->handler = handler;
    status = proxy_canonicalise(r);
    if (!status && (r->proxy->balancer_path || is_handled(r)))
        r->filename = NULL;
    else
        r->proxy = NULL;
    return status;
}

int proxy_prepare(struct request *r)
{
    int status = r->proxy ? proxy_canonicalise(r) : take_handler(r);

    if (!status && r->proxy)
        status = count_hops(r);
    if (status || !r->proxy || (status = check_trace(r)) || r->proxy->balancer)
        return status; /* a balancer's worker is chosen when it is connected to */
    status = choose_worker(r);
    return status ? status : begin_handler(r);
}

int proxy_use_member(struct request *r, const struct proxy_worker *member)
{
    struct proxy_target *t = r->proxy;

    t->worker = member;
    t->unix_path = member->unix_path;
    t->upgrade = t->tls = t->tunnel_only = t->awaits_continue = false;
    int status = proxy_set_member_url(r);
    if (status)
        return status;
    REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1172, "%s: worker (%s) rewritten to %s", t->balancer->name,
                member->name, t->url);
    return begin_handler(r);
}

bool proxy_may_reuse(const struct request *r)
{
    const struct proxy_worker *w = r->proxy->worker;
    return w && !w->fresh && !r->proxy->names_upgrade && !request_env(r, "proxy-nokeepalive") &&
           !request_env(r, "force-proxy-request-1.0");
}

bool proxy_wants_fresh(const struct request *r)
{
    return !proxy_may_reuse(r) || (r->peer->served == 0 && request_env(r, "proxy-initial-not-pooled"));
}

bool proxy_wants_length(const struct request *r)
{
    if (request_env(r, "force-proxy-request-1.0"))
        return true;
    return request_env(r, "proxy-sendcl") && !request_env(r, "proxy-sendchunks") &&
           !request_env(r, "proxy-sendchunked");
}
