/* URLs as mod_rewrite tells them from paths, escapes, completes and reduces them (mod_rewrite.c: is_absolute_uri,
 * escape_absolute_uri, escape_backref, fully_qualify_uri, reduce_uri, subst_prefix_path). */
#include "rewrite.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    struct span prefix;
    bool takes_query;
} schemes[] = {
    { SPAN("http://"), true },     { SPAN("https://"), true },   { SPAN("ws://"), true },    { SPAN("wss://"), true },
    { SPAN("balancer://"), true }, { SPAN("h2://"), true },      { SPAN("h2c://"), true },   { SPAN("fcgi://"), true },
    { SPAN("scgi://"), true },     { SPAN("ajp://"), true },     { SPAN("unix://"), true },  { SPAN("unix:"), true },
    { SPAN("ftp://"), false },     { SPAN("gopher://"), false }, { SPAN("ldap://"), false }, { SPAN("mailto:"), true },
    { SPAN("news:"), false },      { SPAN("nntp://"), false },
};

unsigned rewrite_scheme(const char *uri, bool *takes_query)
{
    bool ignored;

    if (!takes_query)
        takes_query = &ignored;
    *takes_query = false;
    if (*uri == '/' || strnlen(uri, 6) <= 5)
        return 0;
    for (unsigned i = 0; i < COUNT_OF(schemes); i++) {
        if (strncasecmp(uri, schemes[i].prefix.p, schemes[i].prefix.n) == 0) {
            *takes_query = schemes[i].takes_query;
            return (unsigned)schemes[i].prefix.n;
        }
    }
    return 0;
}

/* The parts of an LDAP URL stand between question marks, which stay (RFC 2255). */
static char *escape_ldap(struct arena *a, const char *rest)
{
    char *out = NULL;

    for (unsigned part = 0;; part++) {
        const char *end = part < 4 ? strchrnul(rest, '?') : rest + strlen(rest);
        char *escaped = http_escape_path(a, (struct span){ rest, (size_t)(end - rest) });
        out = out ? arena_concat(a, out, "?", escaped, NULL) : escaped;
        if (!*end)
            return out;
        rest = end + 1;
    }
}

char *rewrite_escape_url(struct arena *a, const char *url, unsigned scheme)
{
    const char *rest = url + scheme;

    if (rest[-1] == '/') {
        rest += strcspn(rest, "/");
        if (!*rest || !*++rest)
            return arena_strdup(a, url);
        if (strncasecmp(url, "ldap", 4) == 0)
            return arena_concat(a, arena_strndup(a, url, (size_t)(rest - url)), escape_ldap(a, rest), NULL);
    }
    return arena_concat(a, arena_strndup(a, url, (size_t)(rest - url)), http_escape_path(a, span_of(rest)), NULL);
}

/* ---- what a client sent, put into a URL
 * ------------------------------------------------------------------------------ */

static bool is_escaped(const struct rewrite_rule *rule, char c)
{
    bool by_kind = rule->flags & RULE_ESCAPE_CONTROLS ? (unsigned char)c <= ' ' || c == 0x7f : !rule->escapes;

    if (!by_kind && !(rule->escapes && strchr(rule->escapes, c)))
        return false;
    return !(rule->no_escapes && strchr(rule->no_escapes, c));
}

char *rewrite_escape_group(struct arena *a, struct span group, const struct rewrite_rule *rule)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, 3 * group.n + 1), *to = out;

    for (size_t i = 0; i < group.n; i++) {
        char c = group.p[i];

        if (!is_escaped(rule, c) || (!((unsigned char)c & 0x80) && isalnum((unsigned char)c)) || c == '_') {
            *to++ = c;
        } else if (c == ' ' && !(rule->flags & RULE_NO_PLUS)) {
            *to++ = '+';
        } else {
            *to++ = '%', *to++ = digits[(unsigned char)c >> 4], *to++ = digits[(unsigned char)c & 15];
        }
    }
    return out;
}

/* ---- our own URLs
 * ----------------------------------------------------------------------------------------------------- */

const char *rewrite_qualify(const struct request *r, const char *path)
{
    if (span_eq(r->head.method, SPAN("CONNECT")) || rewrite_scheme(path, NULL))
        return path;
    return request_url(r, *path == '/' ? path : arena_concat(r->arena, "/", path, NULL));
}

/* ap_matches_request_vhost: one of its addresses as written, or with its port one of its names. */
static bool is_own(const struct request *r, const char *host, int port)
{
    for (unsigned i = 0; i < r->site->addresses.n; i++) {
        const struct site_address *a = r->site->addresses.items[i];
        if ((a->port == 0 || a->port == port) && strcasecmp(host, a->host) == 0)
            return true;
    }
    return port == r->site->server_port && site_is_named(r->site, host);
}

const char *rewrite_reduce(const struct request *r, const char *url)
{
    const char *scheme = request_scheme(r), *host, *end;
    size_t n = strlen(scheme);
    int port = request_default_port(r);

    if (strncasecmp(url, scheme, n) != 0 || strncmp(url + n, "://", 3) != 0 || !url[n + 3])
        return NULL;
    host = url + n + 3;
    end = host + strcspn(host, "/:");
    host = arena_strndup(r->arena, host, (size_t)(end - host));
    if (*end == ':') {
        port = (int)strtol(end + 1, NULL, 10) & 0xffff;
        end += strcspn(end, "/");
    }
    return is_own(r, host, port) ? (*end ? end : "/") : NULL;
}

const char *rewrite_replace_prefix(struct rewriting *w, const char *input, const char *match, const char *by)
{
    size_t n = strlen(match), end = strlen(by);
    const char *output;

    n -= n && match[n - 1] == '/';
    if (strncmp(input, match, n) != 0 || input[n] != '/')
        return input;
    output = arena_concat(w->r->arena, by, end && by[end - 1] != '/' ? "/" : "", input + n + 1, NULL);
    REWRITE_LOG(w, 5, "strip matching prefix: %s -> %s", input, input + n + 1);
    REWRITE_LOG(w, 4, "add subst prefix: %s -> %s", input + n + 1, output);
    return output;
}
