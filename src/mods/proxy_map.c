/* Which ProxyPass takes a request, and the URL it gives (mod_proxy.c, alias_match, ap_proxy_trans_match, proxy_trans).
 */
#include "proxy.h"

#include <strings.h>

/* ---- matching ----------------------------------------------------------------------------------- */

const char *proxy_interpolate(const struct request *r, const char *text)
{
    const char *begin = strstr(text, "${");
    const char *end = begin ? strchr(begin + 2, '}') : NULL;
    if (!end)
        return text;
    const char *value = request_env(r, arena_strndup(r->arena, begin + 2, (size_t)(end - begin - 2)));
    return arena_concat(r->arena, arena_strndup(r->arena, text, (size_t)(begin - text)), value ? value : "",
                        proxy_interpolate(r, end + 1), NULL);
}

size_t proxy_alias_match(const char *uri, const char *alias)
{
    const char *u = uri, *a = alias;
    while (*a && *u) {
        if (*u != *a)
            return 0;
        if (*a == '/')
            while (a[1] == '/')
                a++;
        if (*u == '/')
            while (u[1] == '/')
                u++;
        a++, u++;
    }
    if (*a || a == alias)
        return 0;
    if (a[-1] != '/' && *u && *u != '/')
        return 0;
    return (size_t)(u - uri);
}

enum verdict { GO_ON, DECIDED };

struct attempt { /* one ProxyPass tried on one request */
    struct request *r;
    const char *fake, *real;
    bool nocanon, servlet;
    const char *servlet_uri; /* the path, when it was taken so */
    const char *found;       /* URL, or "!" */
    int status;
};

static void try_prefix(struct attempt *t)
{
    struct request *r = t->r;
    const char *path = r->uri, *servlet_uri = r->uri;
    size_t n = t->servlet ? proxy_servlet_match(r->arena, &servlet_uri, t->fake) : proxy_alias_match(r->uri, t->fake);

    if (!n)
        return;
    t->nocanon = t->nocanon && !t->servlet;
    t->servlet_uri = t->servlet ? servlet_uri : NULL;
    if (t->nocanon) {
        path = arena_span(r->arena, r->unparsed_uri);
        t->nocanon = proxy_alias_match(path, t->fake) == n;
        path = t->nocanon ? path : r->uri;
    }
    t->found = arena_concat(r->arena, t->real, path + n, NULL);
}

static void try_pattern(struct attempt *t, const struct regex *regex)
{
    struct request *r = t->r;
    const char *path = r->uri;
    struct regex_match m, raw;
    enum regex_result result = regex_search(regex, span_of(r->uri), &m);

    if (result == REGEX_NO)
        return;
    if (t->nocanon) {
        t->nocanon = regex_search(regex, r->unparsed_uri, &raw) == REGEX_YES;
        path = t->nocanon ? arena_span(r->arena, r->unparsed_uri) : r->uri;
    }
    t->found = result == REGEX_YES ? regex_substitute(r->arena, t->real, t->nocanon ? &raw : &m) : NULL;
    if (!t->found) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_CRIT, 1135, "Substitution in regular expression failed. Replacement too long?");
        t->status = 500;
    } else if (strcmp(t->found, t->real) == 0) {
        t->found = arena_concat(r->arena, t->real, path, NULL);
    }
}

/* ProxyPass /path ! */
static bool says_no(const char *real)
{
    return real[0] == '!' && !real[1];
}

static bool is_websocket_url(const char *url)
{
    return strncasecmp(url, "ws:", 3) == 0 || strncasecmp(url, "wss:", 4) == 0;
}

/* A URL to a socket needs no host: "http:/path", "http:///path". */
static const char *with_host(struct arena *a, const char *url)
{
    size_t scheme = strcspn(url, ":") + 1;
    size_t slashes = strspn(url + scheme, "/");
    const char *path = url + scheme + (slashes > 2 ? 2 : 0);

    if (slashes == 0 || slashes == 2)
        return url;
    return arena_concat(a, arena_strndup(a, url, scheme), "//localhost", path, NULL);
}

/* fixup_uds_filename: "unix:/path|http://host/x". */
static const char *take_socket(struct request *r, const char *url)
{
    const struct core_site *main = core_site_of(r->snapshot->main);
    const char *rest = proxy_without_socket(r->arena, url), *path = url + strlen("unix:");

    if (!rest || rest == url || *path == '|')
        return url;
    path = arena_strndup(r->arena, path, strcspn(path, "|"));
    r->proxy->unix_path = conf_path(r->arena, main->runtime_dir ? main->runtime_dir : main->server_root, path);
    return r->proxy->unix_path ? with_host(r->arena, rest) : url;
}

void proxy_accept(struct request *r, const char *url, bool raw)
{
    r->proxy = arena_alloc(r->arena, sizeof(*r->proxy));
    r->proxy->url = take_socket(r, url);
    r->proxy->nocanon = raw;
    r->handler = "proxy-server";
}

static enum verdict try_alias(struct request *r, const struct proxy_alias *alias, int *status)
{
    bool vars = proxy_place_of(r->place)->interpolate && (alias->flags & ALIAS_INTERPOLATE);
    bool wanted_raw = (alias->flags & ALIAS_NOCANON) != 0;
    struct attempt t = { .r = r, .fake = alias->fake, .real = alias->real, .nocanon = wanted_raw };

    t.servlet = (alias->flags & ALIAS_SERVLET) != 0;

    if (vars) {
        t.fake = proxy_interpolate(r, t.fake);
        t.real = proxy_interpolate(r, t.real);
    }
    if (says_no(t.real))
        t.nocanon = wanted_raw = false;
    if (alias->regex)
        try_pattern(&t, alias->regex);
    else
        try_prefix(&t);
    *status = t.status;
    if (t.status)
        return DECIDED;
    if (!t.found)
        return GO_ON;
    if (says_no(t.real)) {
        REQUEST_LOG(r, LOG_PROXY, LEVEL_TRACE1, 3463, "proxying is explicitly disabled for URI path '%s'; declining",
                    r->uri);
        return DECIDED;
    }
    if (wanted_raw && !t.nocanon && !t.servlet_uri)
        REQUEST_LOG(r, LOG_PROXY, LEVEL_WARN, 1136, "Unescaped URL path matched ProxyPass; ignoring unsafe nocanon");
    /* mod_proxy_wstunnel leaves what is no handshake to the next ProxyPass. */
    if (proxy_tunnel_alone(r) && is_websocket_url(t.found) && !http_fields_find(&r->head.fields, "Upgrade"))
        return GO_ON;
    proxy_accept(r, t.found, t.nocanon);
    r->proxy->encoded = (alias->flags & ALIAS_ENCODED) != 0;
    r->proxy->origin = alias->origin;
    r->proxy->origin_length = alias->origin_length;
    if (t.servlet_uri)
        REQUEST_LOG(r, LOG_PROXY, LEVEL_TRACE1, 10248, "Servlet path '%s' (%s) matches proxy handler 'proxy:%s'",
                    r->uri, t.servlet_uri, t.found);
    else
        REQUEST_LOG(r, LOG_PROXY, LEVEL_TRACE1, 3464, "URI path '%s' matches proxy handler 'proxy:%s'", r->uri,
                    t.found);
    r->uri = t.servlet_uri ? t.servlet_uri : r->uri;
    return DECIDED;
}

static int try_all(struct request *r, bool encoded)
{
    const struct proxy_place *place = proxy_place_of(r->place);
    const struct vec *aliases = &proxy_site_of(r->site)->aliases;
    const struct proxy_alias *alias = place->alias;
    int status = 0;

    r->proxy = NULL;
    if (!r->uri || r->uri[0] != '/' || request_env(r, "no-proxy"))
        return 0;
    for (unsigned i = 0; i <= aliases->n; alias = i < aliases->n ? aliases->items[i] : NULL, i++)
        if (alias && !(alias->flags & ALIAS_ENCODED) == !encoded && try_alias(r, alias, &status) == DECIDED)
            return status;
    return 0;
}

int proxy_translate(struct request *r)
{
    return try_all(r, false);
}

int proxy_translate_encoded(struct request *r)
{
    return try_all(r, true);
}
