/* The URL a request is sent to, canonical and in parts (proxy_util.c, ap_proxy_canon_netloc; proxy_http_canon). */
#include "proxy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- host and port ------------------------------------------------------------------------------ */

/* "3000" behind a final colon; a text that only looks like one ("h:3000a") is a host. 0: none written; -1: bad. */
static int take_port(const char *text, size_t *n)
{
    size_t digits = 0;
    while (digits < *n && isdigit((unsigned char)text[*n - digits - 1]))
        digits++;
    if (digits == *n)
        return -1;
    if (!digits || text[*n - digits - 1] != ':')
        return 0;
    long port = digits > 9 ? -1 : strtol(text + *n - digits, NULL, 10);
    *n -= digits + 1;
    return port < 1 || port > 65535 || !*n ? -1 : (int)port;
}

static char *take_host(struct arena *a, const char *text, size_t n)
{
    unsigned char ip[16];
    char *host;

    if (*text != '[') {
        host = arena_strndup(a, text, n);
    } else {
        if (text[n - 1] != ']')
            return NULL;
        host = arena_strndup(a, text + 1, n - 2);
        if (inet_pton(AF_INET6, host, ip) != 1)
            return NULL;
    }
    for (char *c = host; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return host;
}

const char *proxy_split_netloc(struct arena *a, const char *text, struct proxy_netloc *n)
{
    if (strncmp(text, "//", 2) != 0)
        return "Malformed URL";
    text += 2;
    size_t size = strcspn(text, "/");
    n->path = text[size] ? text + size + 1 : "";
    const char *at = memrchr(text, '@', size);
    if (at) { /* a name and password in the URL are not used by the HTTP handler */
        size -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    n->port = take_port(text, &size);
    n->host = n->port < 0 ? NULL : take_host(a, text, size);
    return n->host ? NULL : "Invalid host/port";
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static bool is_clean(struct span text) /* ap_scan_vchar_obstext */
{
    return !span_has_control(text) && !memchr(text.p ? text.p : "", ' ', text.n);
}

static int forbid(struct request *r, const char *what)
{
    bool tunnel = r->proxy->scheme[0] == 'w' && proxy_tunnel_alone(r);
    bool path = strcmp(what, "path") == 0;
    REQUEST_LOG(r, tunnel ? LOG_PROXY_WSTUNNEL : LOG_PROXY_HTTP, LEVEL_ERROR,
                tunnel ? (path ? 10419 : 10409) : (path ? 10415 : 10408),
                "To be forwarded %s contains control characters or spaces", what);
    return 403;
}

/* NoDecode is a place's in httpd, and each section begins anew with Off as none can have the line: "%2F" then goes on
 * as "%252F", which is what people write nocanon against. <Proxy> does so when a line of the core stands in it. */
static bool keeps_slash(const struct request *r)
{
    return core_site_of(r->site)->encoded_slashes == HTTP_SLASHES_NODECODE && !r->located && !r->within && !r->named &&
           !r->conditional && core_place_of(r->place) == core_place_of(&r->site->place);
}

/* What follows the host's slash as it goes on the request line, and the query where it has one of its own. */
struct tail {
    struct span path, query; /* query.p NULL: none */
};

static int encode(struct request *r, struct span rest, struct tail *tail)
{
    bool as_it_is = r->proxy->nocanon || r->proxy->encoded;

    *tail = (struct tail){ .path = as_it_is ? rest : http_encode_path(r->arena, rest, keeps_slash(r)) };
    if (as_it_is && !is_clean(rest))
        return forbid(r, "path");
    if (r->proxy->nocanon)
        return 0;
    if (!tail->path.p)
        return 400;
    tail->query = r->args;
    return is_clean(tail->query) ? 0 : forbid(r, "query string");
}

/* base "/" path, and "?" query. */
static char *join(struct arena *a, struct span base, const struct tail *tail)
{
    const struct span parts[] = { base, SPAN("/"), tail->path, SPAN("?"), tail->query };

    return arena_join_spans(a, parts, tail->query.p ? COUNT_OF(parts) : 3);
}

static bool is_http_like(const char *scheme)
{
    static const char *const all[] = { "http", "https", "ws", "wss" };
    for (unsigned i = 0; i < COUNT_OF(all); i++)
        if (strcasecmp(scheme, all[i]) == 0)
            return true;
    return false;
}

const struct proxy_origin *proxy_origin_of(struct arena *a, const char *scheme, const char *host, int port)
{
    struct proxy_origin *o = arena_alloc(a, sizeof(*o));
    int standard = http_default_port(span_of(scheme));
    bool v6 = strchr(host, ':') != NULL, written = port && port != standard;
    const char *text = v6 ? arena_concat(a, "[", host, "]", NULL) : host;
    char digits[24] = ":";

    digits[1 + span_put_number(digits + 1, (uint64_t)port, 10)] = '\0';
    *o = (struct proxy_origin){ .scheme = scheme, .host = host, .port = port ? port : standard };
    o->port_written = written;
    o->tls = strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0;
    o->speaks = !is_http_like(scheme) ? SPEAKS_OTHER : *scheme == 'w' ? SPEAKS_WS : SPEAKS_HTTP;
    o->base = span_of(arena_concat(a, scheme, "://", text, written ? digits : "", NULL));
    o->name = span_of(arena_concat(a, text, written && port != 80 ? digits : "", NULL));
    return o;
}

static int set_url(struct request *r, const struct proxy_origin *o, const char *rest)
{
    struct proxy_target *t = r->proxy;
    struct tail tail;
    int status;

    t->origin = o;
    t->scheme = o->scheme;
    t->host = o->host;
    t->port = o->port;
    t->port_written = o->port_written;
    status = encode(r, span_of(rest), &tail);
    if (status)
        return status;
    t->url = join(r->arena, o->base, &tail);
    t->path = span_of(t->url + o->base.n);
    return 0;
}

static char *take_scheme(struct arena *a, const char *url, size_t n)
{
    char *scheme = arena_strndup(a, url, n);
    if (is_http_like(scheme))
        for (char *c = scheme; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    return scheme;
}

const struct proxy_origin *proxy_origin_ahead(struct arena *a, const char *real, size_t *n)
{
    const char *colon = strchr(real, ':'), *scheme = colon ? take_scheme(a, real, (size_t)(colon - real)) : "";
    const char *slash = colon && strncmp(colon, "://", 3) == 0 ? strchr(colon + 3, '/') : NULL;
    struct proxy_netloc net;

    if (!slash || !is_http_like(scheme) || proxy_split_netloc(a, colon + 1, &net) || !is_clean(span_of(net.host)) ||
        strpbrk(net.host, "?#"))
        return NULL;
    *n = (size_t)(slash + 1 - real);
    return proxy_origin_of(a, scheme, net.host, net.port);
}

/* As far as its host goes, where it has one. */
static int refuse_url(struct request *r, bool balanced, const char *url, const char *fault)
{
    const char *host = strstr(url, "//");
    size_t n = host ? (size_t)(host + 2 - url) + strcspn(host + 2, "/") : strlen(url);

    REQUEST_LOG(r, balanced ? LOG_PROXY_BALANCER : LOG_PROXY_HTTP, LEVEL_ERROR, balanced ? 1157 : 1083,
                "error parsing URL %.*s: %s", (int)n, url, fault);
    return 400;
}

/* Of a balancer's member: its own path and then the one that was mapped to the balancer, encoded together. */
int proxy_set_member_url(struct request *r)
{
    struct proxy_target *t = r->proxy;
    const struct proxy_worker *w = t->worker;
    const char *own = strchr(w->name + strlen(w->scheme) + 3, '/');
    int status;

    if (w->bad_port)
        return refuse_url(r, false, w->name, "Invalid host/port");
    status = set_url(r, w->origin, own ? arena_concat(r->arena, own + 1, "/", t->member_path, NULL) : t->member_path);

    if (is_http_like(w->scheme))
        return status;
    REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 934, "all workers are busy.  Unable to serve %s%s", t->balancer->name,
                t->balancer_path);
    return 503;
}

static int find_balancer(struct request *r, const struct proxy_netloc *net)
{
    struct proxy_target *t = r->proxy;
    const char *name = arena_concat(r->arena, "balancer://", net->host, NULL);
    struct tail tail;
    int status = encode(r, span_of(net->path), &tail);

    t->balancer = proxy_balancer_find(&proxy_site_of(r->site)->balancers, name);
    t->member_path = net->path;
    t->balancer_path = status ? NULL : join(r->arena, SPAN(""), &tail);
    return status;
}

/* A decoded path may have run into the host: nothing that could break a head, or end the host, comes further. */
static int check_host(struct request *r)
{
    const struct proxy_target *t = r->proxy;

    if (strpbrk(t->host, "?#"))
        return proxy_error(r, 400, arena_concat(r->arena, "URI cannot be parsed: ", t->url, NULL));
    if (!is_clean(span_of(t->host)))
        return proxy_error(r, 500, arena_concat(r->arena, "DNS lookup failure for: ", t->host, NULL));
    return 0;
}

/* As httpd's canon_handler, where the URL did not come from a ProxyPass line alone. */
static int canonicalise(struct request *r, const char *url)
{
    const char *colon = strchr(url, ':'), *fault;
    bool balanced = proxy_is_balancer(url) && proxy_site_of(r->site)->balancer_loaded;
    struct proxy_netloc net;
    int status;

    if (strncasecmp(url, "unix:", 5) == 0 && strchr(url, '|')) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 10292, "Invalid proxy UDS filename (proxy:%s)", url);
        return 400;
    }
    if (!colon || colon == url)
        return 400;
    r->proxy->scheme = take_scheme(r->arena, url, (size_t)(colon - url));
    if (!is_http_like(r->proxy->scheme) && !balanced)
        return 0; /* no handler will want it */
    fault = proxy_split_netloc(r->arena, colon + 1, &net);
    if (fault)
        return refuse_url(r, balanced, balanced ? colon + 1 : url, fault);
    if (balanced)
        return find_balancer(r, &net);
    status = set_url(r, proxy_origin_of(r->arena, r->proxy->scheme, net.host, net.port), net.path);
    return status ? status : check_host(r);
}

int proxy_canonicalise(struct request *r)
{
    const struct proxy_target *t = r->proxy;

    return t->origin ? set_url(r, t->origin, t->url + t->origin_length) : canonicalise(r, t->url);
}
