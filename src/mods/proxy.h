/* What the proxy's files share; nothing here is for others. */
#ifndef WEIR_PROXY_H
#define WEIR_PROXY_H

#include "mods.h"

enum { ALIAS_NOCANON = 1, ALIAS_INTERPOLATE = 2 };

struct proxy_alias {     /* one ProxyPass */
    const char *fake;    /* path prefix, or the pattern's text */
    const char *real;    /* URL without "unix:…|", or "!" */
    struct regex *regex; /* NULL: prefix */
    unsigned flags;
};

/* ---- proxy.c ------------------------------------------------------------------------------------ */

/* mod_proxy_wstunnel alone is in charge of ws: (ProxyWebsocketFallbackToProxyHttp Off, or no mod_proxy_http). */
bool proxy_tunnel_alone(const struct request *r);

/* ---- proxy_pass.c: directives that take a path and a URL ---------------------------------------- */

conf_set_fn proxy_set_pass, proxy_set_pass_match, proxy_set_reverse, proxy_set_cookie_path, proxy_set_cookie_domain,
    proxy_set_param;

/* ---- proxy_worker.c, proxy_param.c -------------------------------------------------------------- */

enum { WORKER_PREFIX = 1, WORKER_MATCH = 2 };

/* "unix:/path|http://host/x" -> "http://host/x"; "unix:/path|http:" -> "http://localhost". NULL: malformed. */
const char *proxy_without_socket(struct arena *a, const char *url);
bool proxy_is_balancer(const char *url);
/* The worker whose name is the longest prefix of the URL (ap_proxy_get_worker_ex); kinds: WORKER_*. */
struct proxy_worker *proxy_worker_find(struct arena *a, const struct vec *workers, const char *url, unsigned kinds);
/* A new worker of the site; NULL or the fault without the directive's name. */
const char *proxy_worker_define(struct conf_cmd *cmd, const char *url, unsigned kind, struct proxy_worker **worker);
const char *proxy_worker_set(struct conf_cmd *cmd, struct proxy_worker *w, const char *key, const char *value);
void proxy_worker_finish(struct snapshot_build *b, struct proxy_worker *w);
const char *proxy_worker_label(struct arena *a, const struct proxy_worker *w); /* with its "unix:…|" */

/* ---- proxy_map.c -------------------------------------------------------------------------------- */

/* ap_proxy_interpolate: ${VAR} from the request's environment. */
const char *proxy_interpolate(const struct request *r, const char *text);
/* How much of the path the alias takes, runs of "/" being one; 0: no match. */
size_t proxy_alias_match(const char *uri, const char *alias);

/* ---- proxy_prepare.c ---------------------------------------------------------------------------- */

/* ap_proxy_worker_can_upgrade: does the worker's list, or "WebSocket" for ws:, hold this protocol? */
bool proxy_worker_upgrades(const struct proxy_target *t, struct span upgrade);

/* ---- proxy_url.c -------------------------------------------------------------------------------- */

struct proxy_netloc { /* "//host:port/path" in parts */
    const char *host; /* lower case, without brackets */
    int port;         /* 0: not written */
    const char *path; /* after the first "/" */
};
const char *proxy_split_netloc(struct arena *a, const char *text, struct proxy_netloc *n); /* NULL or what is wrong */
/* Canonicalises r->proxy->url and takes it apart; 0 or a status. */
int proxy_canonicalise(struct request *r);

/* ---- proxy_reverse.c ---------------------------------------------------------------------------- */

const char *proxy_map_location(const struct request *r, const char *url);
const char *proxy_map_cookie(const struct request *r, const char *cookie);

/* ---- proxy_headers.c ---------------------------------------------------------------------------- */

const char *proxy_via(const struct request *r);
/* Removes what Connection names, and Connection itself (ap_proxy_clear_connection). */
void proxy_strip_connection(struct http_fields *f);

#endif
