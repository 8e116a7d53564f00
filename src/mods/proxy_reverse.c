/* ProxyPassReverse and its cookie forms: a backend's own URLs, paths and domains as the client knows them
 * (proxy_util.c, ap_proxy_location_reverse_map, ap_proxy_cookie_reverse_map). */
#include "proxy.h"

#include <ctype.h>
#include <strings.h>

static const char *text_of(const struct request *r, const struct proxy_reverse *entry, const char *text)
{
    bool vars = entry->interpolate && proxy_place_of(r->place)->interpolate;
    return vars ? proxy_interpolate(r, text) : text;
}

static bool is_url(const char *u) /* ap_is_url */
{
    size_t n = 0;
    while (isalnum((unsigned char)u[n]) || (u[n] && strchr("+-.", u[n])))
        n++;
    return n && u[n] == ':';
}

/* "/path" is compared with the path part of the field alone. */
static const char *comparable_part(const char *url, const char *real)
{
    const char *host = real[0] == '/' ? strstr(url, "://") : NULL;
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? path : url;
}

/* What follows "real" in the field; NULL: it does not begin so. */
static const char *after_plain(const char *url, const char *real)
{
    const char *part = comparable_part(url, real);
    size_t n = strlen(real);
    return n && strncasecmp(real, part, n) == 0 ? part + n : NULL;
}

static bool is_bare(const char *balancer_url)
{
    const char *path = strchr(balancer_url + strlen("balancer://"), '/');
    return !path || !path[1];
}

/* "balancer://name/path" stands for each member with that path behind it. */
static const char *after_member(const struct proxy_balancer *b, const char *url, const char *real)
{
    const char *path = is_bare(real) ? "" : strchr(real + strlen("balancer://"), '/');
    size_t n_path = strlen(path);

    for (unsigned i = 0; i < b->members.n; i++) {
        const struct proxy_worker *w = b->members.items[i];
        size_t n = strlen(w->name);
        if (n_path && w->name[n - 1] == '/')
            n--;
        if (strncasecmp(w->name, url, n) == 0 && strncmp(path, url + n, n_path) == 0)
            return url + n + n_path;
    }
    return NULL;
}

const char *proxy_map_location(const struct request *r, const char *url)
{
    const struct vec *entries = &proxy_place_of(r->place)->reverse;

    for (unsigned i = 0; i < entries->n; i++) {
        const struct proxy_reverse *e = entries->items[i];
        const char *real = text_of(r, e, e->real), *fake = text_of(r, e, e->fake), *rest;
        const struct proxy_balancer *b =
            proxy_is_balancer(real) ? proxy_balancer_find(&proxy_site_of(r->site)->balancers, real) : NULL;
        if (!(rest = b ? after_member(b, url, real) : after_plain(url, real)))
            continue;
        bool one_slash = b && is_bare(real) && strcmp(fake, "/") == 0 && *rest == '/';
        const char *mapped = one_slash ? rest : arena_concat(r->arena, fake, rest, NULL);
        return is_url(mapped) ? mapped : request_url(r, mapped);
    }
    return url;
}

/* ---- cookies ------------------------------------------------------------------------------------ */

struct attribute { /* one of a cookie's, and what to write instead of its value */
    const char *prefix;
    const struct vec *map;
    bool nocase;
    const char *instead;
    struct span value; /* the last one of that name */
};

static void find_replacement(const struct request *r, struct attribute *a)
{
    for (unsigned i = 0; i < a->map->n; i++) {
        const struct proxy_reverse *e = a->map->items[i];
        const char *fake = text_of(r, e, e->fake);
        size_t n = strlen(fake);
        if (a->value.n < n)
            continue;
        if ((a->nocase ? strncasecmp(fake, a->value.p, n) : strncmp(fake, a->value.p, n)) == 0) {
            a->instead = text_of(r, e, e->real);
            return;
        }
    }
}

static void read_attribute(const struct request *r, struct attribute *a, struct span token)
{
    size_t n = strlen(a->prefix);
    while (token.n && isspace((unsigned char)*token.p))
        token.p++, token.n--;
    if (!span_istarts(token, span_of(a->prefix)))
        return;
    a->value = (struct span){ token.p + n, token.n - n };
    find_replacement(r, a);
}

static void add_replaced(struct buf *out, const char **from, const struct attribute *a)
{
    buf_add(out, *from, (size_t)(a->value.p - *from));
    buf_adds(out, a->instead);
    *from = a->value.p + a->value.n;
}

static const char *rewrite(const struct request *r, const char *cookie, const struct attribute *first,
                           const struct attribute *second)
{
    struct buf out = { 0 };
    const char *from = cookie;

    if (first->instead)
        add_replaced(&out, &from, first);
    if (second->instead)
        add_replaced(&out, &from, second);
    buf_adds(&out, from);
    const char *text = arena_strndup(r->arena, buf_head(&out), buf_len(&out));
    buf_release(&out);
    return text;
}

/* As in httpd the whole value gives way to the new one, not only the part that matched. */
const char *proxy_map_cookie(const struct request *r, const char *cookie)
{
    const struct proxy_place *place = proxy_place_of(r->place);
    struct attribute path = { .prefix = "path=", .map = &place->cookie_paths };
    struct attribute domain = { .prefix = "domain=", .map = &place->cookie_domains, .nocase = true };

    for (const char *at = cookie; *at; at += strspn(at, ";")) {
        struct span token = { at, strcspn(at, ";") };
        read_attribute(r, &path, token);
        read_attribute(r, &domain, token);
        at += token.n;
    }
    if (!path.instead && !domain.instead)
        return cookie;
    return path.value.p < domain.value.p ? rewrite(r, cookie, &path, &domain) : rewrite(r, cookie, &domain, &path);
}
