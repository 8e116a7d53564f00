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

static bool is_clean(const char *text) /* ap_scan_vchar_obstext */
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
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
 * as
 * "%252F", which is what people write nocanon against. <Proxy> does so when a line of the core stands in it. */
static bool keeps_slash(const struct request *r)
{
    return core_site_of(r->site)->encoded_slashes == HTTP_SLASHES_NODECODE && !r->located && !r->conditional &&
           core_place_of(r->place) == core_place_of(&r->site->place);
}

/* Path and query as they go on the request line, from what stands after the host. */
static int build_path(struct request *r, const char *rest, const char **path)
{
    const char *query = r->args.p ? arena_span(r->arena, r->args) : NULL;

    if (r->proxy->nocanon) {
        *path = arena_concat(r->arena, "/", rest, NULL);
        return is_clean(rest) ? 0 : forbid(r, "path");
    }
    const char *encoded = http_encode_path(r->arena, span_of(rest), keeps_slash(r));
    if (!encoded)
        return 400;
    if (query && !is_clean(query))
        return forbid(r, "query string");
    *path = arena_concat(r->arena, "/", encoded, query ? "?" : "", query ? query : "", NULL);
    return 0;
}

static void set_url(struct request *r, const struct proxy_netloc *net, const char *path)
{
    struct proxy_target *t = r->proxy;
    int standard = http_default_port(span_of(t->scheme));
    bool v6 = strchr(net->host, ':') != NULL;
    char port[24] = "";

    t->host = net->host;
    t->port_written = net->port && net->port != standard;
    t->port = net->port ? net->port : standard;
    t->path = span_of(path);
    if (t->port_written)
        port[1 + span_put_number(port + 1, (uint64_t)t->port, 10)] = '\0', port[0] = ':';
    t->url = arena_concat(r->arena, t->scheme, "://", v6 ? "[" : "", net->host, v6 ? "]" : "", port, path, NULL);
}

static bool is_http_like(const char *scheme)
{
    static const char *const all[] = { "http", "https", "ws", "wss" };
    for (unsigned i = 0; i < COUNT_OF(all); i++)
        if (strcasecmp(scheme, all[i]) == 0)
            return true;
    return false;
}

static char *take_scheme(struct request *r, size_t n)
{
    char *scheme = arena_strndup(r->arena, r->proxy->url, n);
    if (is_http_like(scheme))
        for (char *c = scheme; *c; c++)
            *c = (char)tolower((unsigned char)*c);
    return scheme;
}

/* Of a balancer's member: its own path and then the one that was mapped to the balancer, encoded together. */
int proxy_set_member_url(struct request *r)
{
    struct proxy_target *t = r->proxy;
    const struct proxy_worker *w = t->worker;
    const char *own = strchr(w->name + strlen(w->scheme) + 3, '/'), *path;
    struct proxy_netloc net = { .host = w->host, .port = w->port_written ? w->port : 0 };
    int status =
        build_path(r, own ? arena_concat(r->arena, own + 1, "/", t->member_path, NULL) : t->member_path, &path);

    if (!is_http_like(w->scheme)) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_ERROR, 934, "all workers are busy.  Unable to serve %s%s", t->balancer->name,
                    t->balancer_path);
        return 503;
    }
    t->scheme = w->scheme;
    if (!status)
        set_url(r, &net, path);
    return status;
}

static int find_balancer(struct request *r, const struct proxy_netloc *net)
{
    struct proxy_target *t = r->proxy;
    const char *path = NULL, *name = arena_concat(r->arena, "balancer://", net->host, NULL);
    int status = build_path(r, net->path, &path);

    t->balancer = proxy_balancer_find(&proxy_site_of(r->site)->balancers, name);
    t->member_path = net->path;
    t->balancer_path = path;
    return status;
}

/* A decoded path may have run into the host: nothing that could break a head, or end the host, comes further. */
static int check_host(struct request *r)
{
    const struct proxy_target *t = r->proxy;

    if (strpbrk(t->host, "?#"))
        return proxy_error(r, 400, arena_concat(r->arena, "URI cannot be parsed: ", t->url, NULL));
    if (!is_clean(t->host))
        return proxy_error(r, 500, arena_concat(r->arena, "DNS lookup failure for: ", t->host, NULL));
    return 0;
}

int proxy_canonicalise(struct request *r)
{
    const char *url = r->proxy->url, *colon = strchr(url, ':'), *path = NULL, *fault;
    bool balanced = proxy_is_balancer(url) && proxy_site_of(r->site)->balancer_loaded;
    struct proxy_netloc net;

    if (!colon || colon == url)
        return 400;
    r->proxy->scheme = take_scheme(r, (size_t)(colon - url));
    if (!is_http_like(r->proxy->scheme) && !balanced)
        return 0; /* no handler will want it */
    fault = proxy_split_netloc(r->arena, colon + 1, &net);
    if (fault) {
        REQUEST_LOG(r, balanced ? LOG_PROXY_BALANCER : LOG_PROXY_HTTP, LEVEL_ERROR, balanced ? 1157 : 1083,
                    "error parsing URL %s: %s", colon + 1, fault);
        return 400;
    }
    if (balanced)
        return find_balancer(r, &net);
    int status = build_path(r, net.path, &path);
    if (status)
        return status;
    set_url(r, &net, path);
    return check_host(r);
}
