/* Workers: their normalised names, which one a URL belongs to, sharing (proxy_util.c, ap_proxy_get_worker_ex and
 * ap_proxy_define_worker_ex). */
#include "proxy.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* ---- names -------------------------------------------------------------------------------------- */

static const char *after_socket(const char *url)
{
    const char *bar = strncasecmp(url, "unix:", 5) == 0 ? strchr(url + 5, '|') : NULL;
    return bar ? bar + 1 : NULL;
}

const char *proxy_without_socket(struct arena *a, const char *url)
{
    const char *rest = after_socket(url);
    const char *colon = rest ? strchr(rest, ':') : NULL;
    if (!rest)
        return url;
    if (!colon)
        return NULL;
    if (!colon[1])
        return arena_concat(a, rest, "//localhost", NULL);
    return strcmp(colon, "://") == 0 ? arena_concat(a, rest, "localhost", NULL) : rest;
}

const char *proxy_worker_label(struct arena *a, const struct proxy_worker *w)
{
    return w->unix_path ? arena_concat(a, "unix:", w->unix_path, "|", w->name, NULL) : w->name;
}

/* ---- looking one up ----------------------------------------------------------------------------- */

enum ematch { EMATCH_YES, EMATCH_NO, EMATCH_ABORT };

static bool is_reference(const char *s)
{
    return s[0] == '$' && isdigit((unsigned char)s[1]);
}

/* Does str begin as the name says, where $n stands for anything and \x for x? Aborting keeps it from trying every
 * split. */
static enum ematch match_name(const char *str, const char *name)
{
    for (; *name; name++, str++) {
        if (is_reference(name)) {
            while (is_reference(name))
                name += 2;
            if (!*name)
                return EMATCH_YES;
            for (; *str; str++) {
                enum ematch rest = match_name(str, name);
                if (rest != EMATCH_NO)
                    return rest;
            }
            return EMATCH_ABORT;
        }
        if (!*str || (*name == '\\' && !*++name))
            return EMATCH_ABORT;
        if (*str != *name)
            return EMATCH_NO;
    }
    return EMATCH_YES;
}

/* Scheme and host in any case, as names are in lower case. */
static bool begins_with(const char *url, size_t host_end, const struct proxy_worker *w, size_t n)
{
    return strncasecmp(url, w->name, host_end) == 0 && memcmp(url + host_end, w->name + host_end, n - host_end) == 0;
}

static bool matches(struct arena *a, const char *url, size_t host_end, const struct proxy_worker *w)
{
    char *copy = arena_strdup(a, url);

    for (size_t i = 0; i < host_end; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    return match_name(copy, w->name) == EMATCH_YES;
}

struct proxy_worker *proxy_worker_find(struct arena *a, const struct vec *workers, const char *url, unsigned kinds)
{
    const char *colon = strchr(url, ':');
    struct proxy_worker *best = NULL;
    size_t length = strlen(url), longest = 0;

    if (!colon || strncmp(colon, "://", 3) != 0 || !colon[3])
        return NULL;
    size_t host_end = strcspn(colon + 3, "/") + (size_t)(colon + 3 - url);
    for (unsigned i = 0; i < workers->n; i++) {
        struct proxy_worker *w = workers->items[i];
        size_t n = strlen(w->name);
        if (n > length || n < host_end || n <= longest || !(kinds & (w->dynamic ? WORKER_MATCH : WORKER_PREFIX)))
            continue;
        if (w->dynamic ? matches(a, url, host_end, w) : begins_with(url, host_end, w, n))
            best = w, longest = n;
    }
    return best;
}

/* ---- making one --------------------------------------------------------------------------------- */

struct parts { /* of a worker's URL, as apr_uri_parse has it */
    char *scheme, *host;
    const char *user, *port, *path; /* user with its "@"; port NULL: none written */
    bool any_host;
};

/* "host:8080$1/x" -> "host:8080/x" and "$1" moved into the path, so that the port can be read. */
static const char *move_references(struct arena *a, const char *url, struct parts *p)
{
    const char *pos = strstr(url, "://");
    if (!pos)
        return url;
    for (pos += 3; *pos && *pos != ':' && *pos != '/'; pos++)
        p->any_host |= *pos == '$';
    if (*pos != ':')
        return url;
    for (pos++; *pos && !is_reference(pos) && *pos != '/'; pos++)
        ;
    if (!is_reference(pos))
        return url;
    const char *path = pos + 2 + strcspn(pos + 2, "/");
    p->path = arena_strndup(a, pos, (size_t)(path - pos));
    p->any_host = true;
    return arena_concat(a, arena_strndup(a, url, (size_t)(pos - url)), path, NULL);
}

static bool split_port(struct arena *a, struct parts *p, const char *host, size_t n)
{
    const char *end = *host == '[' ? memchr(host, ']', n) : host;
    if (!end)
        return false;
    const char *colon = memchr(end, ':', n - (size_t)(end - host));
    size_t length = colon ? (size_t)(colon - host) : n;
    p->port = colon ? arena_strndup(a, colon + 1, n - length - 1) : NULL;
    p->host = *host == '[' ? arena_strndup(a, host + 1, (size_t)(end - host - 1)) : arena_strndup(a, host, length);
    return !p->port || p->port[strspn(p->port, "0123456789")] == '\0';
}

/* false: "Unable to parse URL". A missing scheme or host is NULL. */
static bool split_url(struct arena *a, const char *url, struct parts *p)
{
    size_t n = isalpha((unsigned char)*url)
                   ? strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.")
                   : 0;
    const char *rest = url;

    if (n && url[n] == ':') {
        p->scheme = arena_strndup(a, url, n);
        rest = url + n + 1;
    }
    if (strncmp(rest, "//", 2) == 0) {
        const char *authority = rest + 2;
        size_t size = strcspn(authority, "/?#");
        const char *at = memrchr(authority, '@', size);
        rest = authority + size;
        if (at) {
            p->user = arena_strndup(a, authority, (size_t)(at + 1 - authority));
            size -= (size_t)(at + 1 - authority);
            authority = at + 1;
        }
        if (!split_port(a, p, authority, size))
            return false;
    }
    p->path = arena_concat(a, p->path ? p->path : "", rest, NULL);
    return true;
}

static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static void name_worker(struct arena *a, struct proxy_worker *w, const struct parts *p)
{
    int standard = http_default_port(span_of(p->scheme));
    long given = p->port ? strtol(p->port, NULL, 10) : 0;
    int port = (unsigned short)given;
    bool v6 = strchr(p->host, ':') != NULL;
    bool written = port && port != standard;

    w->scheme = p->scheme;
    w->host = p->host;
    w->port = port ? port : standard;
    w->port_written = written;
    w->bad_port = written && given > 65535;
    w->origin = proxy_origin_of(a, p->scheme, p->host, port);
    w->name = arena_concat(a, p->scheme, "://", p->user ? p->user : "", v6 ? "[" : "", p->host, v6 ? "]" : "",
                           written ? ":" : "", written ? p->port : "", p->path, NULL);
}

/* ap_runtime_dir_relative of what stands between "unix:" and "|". */
static const char *socket_path(struct conf_cmd *cmd, const char *url)
{
    const char *path = url + 5;
    const struct core_site *core = site_part(cmd->snapshot->main, &core_module);
    size_t n = (size_t)(after_socket(url) - 1 - path);
    return conf_path(cmd->arena, core->runtime_dir ? core->runtime_dir : cmd->reading->root,
                     arena_strndup(cmd->arena, path, n));
}

static const char *read_url(struct conf_cmd *cmd, const char *url, unsigned kind, struct proxy_worker *w)
{
    struct parts p = { 0 };
    const char *rest = after_socket(url), *plain = rest ? rest : url;

    if (rest)
        w->unix_path = socket_path(cmd, url);
    if (kind & WORKER_MATCH)
        plain = move_references(cmd->arena, plain, &p);
    if (!split_url(cmd->arena, plain, &p))
        return conf_fault(cmd, "Unable to parse URL: %s", url);
    if (p.scheme && w->unix_path && (!p.host || !*p.host))
        p.host = arena_strdup(cmd->arena, "localhost");
    if (!p.scheme || !p.host || !*p.host)
        return conf_fault(cmd, "URL must be absolute!: %s", url);
    lower(p.scheme);
    lower(p.host);
    if (strlen(p.host) >= 256)
        return conf_fault(cmd, "worker hostname (%s) too long", p.host);
    if (w->unix_path && strlen(w->unix_path) >= 96)
        return conf_fault(cmd, "worker uds path (%s) too long", w->unix_path);
    w->any_host = p.any_host;
    name_worker(cmd->arena, w, &p);
    return NULL;
}

const char *proxy_worker_define(struct conf_cmd *cmd, const char *url, unsigned kind, struct proxy_worker **worker)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    struct proxy_worker *w = arena_alloc(cmd->arena, sizeof(*w));

    *w = (struct proxy_worker){ .line = cmd->node,
                                .address_ttl_s = -1,
                                .smax = -1,
                                .retry_s = 60,
                                .route = "",
                                .redirect = "",
                                .load_factor = 100 };
    const char *fault = read_url(cmd, url, kind, w);
    if (fault)
        return fault;
    w->dynamic = (kind & WORKER_MATCH) != 0;
    w->fresh = w->any_host || (w->dynamic && strchr(w->name, '$'));
    w->timeout_us = site->timeout_us; /* a ProxyTimeout above this line; one below acts at request time only */
    w->receive_buffer = site->receive_buffer;
    *worker = w;
    if (kind & WORKER_MEMBER)
        return NULL;
    vec_add(cmd->arena, &site->workers, w);
    conf_touch(cmd, site, &site->workers);
    return NULL;
}

static void name_line(struct conf_notice *note, const struct conf_node *line)
{
    note->file = line->file;
    note->line = line->line;
}

void proxy_note_unloaded(struct snapshot_build *b, const struct conf_node *line, const char *url, const char *module)
{
    int n = (int)strcspn(url, ":");

    name_line(snapshot_note(b, LEVEL_WARN, LOG_PROXY, 0,
                            "requests to %s are answered 500: no loaded module speaks %.*s (LoadModule %s_module, "
                            "a2enmod %s) / %s への要求には 500 を返します: %.*s を扱うモジュールがロードされていません "
                            "(LoadModule %s_module, a2enmod %s)",
                            url, n, url, module, module, url, n, url, module, module),
              line);
}

/* Of a scheme that Weir speaks: what of it was not loaded, as proxy_prepare asks again for each request. */
static const char *missing_module(const struct proxy_site *s, const struct proxy_origin *o)
{
    bool ws = o->speaks == SPEAKS_WS;

    if (!s->http_loaded && !(ws && s->tunnel_loaded))
        return ws ? "proxy_wstunnel" : "proxy_http";
    return o->tls && !s->ssl_loaded ? "ssl" : NULL;
}

static void note_unspoken(struct snapshot_build *b, const struct proxy_site *s, const struct proxy_worker *w)
{
    const char *label = proxy_worker_label(b->arena, w), *module;

    if (w->origin->speaks == SPEAKS_OTHER)
        name_line(snapshot_note(b, LEVEL_WARN, LOG_PROXY, 0,
                                "Weir does not speak %s: requests to %s are answered 500 / Weir は %s "
                                "に対応していません。要求には 500 を返します",
                                w->scheme, label, w->scheme),
                  w->line);
    else if (!w->bad_port && (module = missing_module(s, w->origin)))
        proxy_note_unloaded(b, w->line, w->name, module);
}

void proxy_worker_finish(struct snapshot_build *b, const struct proxy_site *s, struct proxy_worker *w)
{
    if (w->finished)
        return; /* the main server's, seen again in a virtual host */
    w->finished = true;
    if (w->any_host && !w->fresh)
        snapshot_note(b, LEVEL_WARN, LOG_PROXY, 10400, "enablereuse/disablereuse ignored for worker %s",
                      proxy_worker_label(b->arena, w));
    note_unspoken(b, s, w);
    if (w->bad_port)
        name_line(snapshot_note(b, LEVEL_WARN, LOG_PROXY, 0,
                                "%s: ports end at 65535: requests to it are answered 400 / "
                                "%s: ポート番号は 65535 までです。要求には 400 を返します",
                                w->name, w->name),
                  w->line);
    w->fresh |= w->any_host || w->address_ttl_s == 0;
}
