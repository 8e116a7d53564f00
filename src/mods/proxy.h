/* What the proxy's files share; nothing here is for others. */
#ifndef WEIR_PROXY_H
#define WEIR_PROXY_H

#include "mods.h"
#include "proxying.h"

enum { ALIAS_NOCANON = 1, ALIAS_INTERPOLATE = 2, ALIAS_ENCODED = 4, ALIAS_SERVLET = 8 };

struct proxy_alias {     /* one ProxyPass */
    const char *fake;    /* path prefix, or the pattern's text */
    const char *real;    /* URL without "unix:…|", or "!" */
    struct regex *regex; /* NULL: prefix */
    unsigned flags;
    const struct proxy_origin *origin; /* of all URLs that it gives, whatever the path; NULL: it depends */
    size_t origin_length;              /* bytes of `real` up to the path and its slash */
};

/* ---- proxy.c ------------------------------------------------------------------------------------ */

/* mod_proxy_wstunnel alone is in charge of ws: (ProxyWebsocketFallbackToProxyHttp Off, or no mod_proxy_http). */
bool proxy_tunnel_alone(const struct request *r);

/* ---- proxy_param.c: words of a line ------------------------------------------------------------- */

struct proxy_param {
    char *key, *value;
};
/* One for each key; the last value wins. */
void proxy_keep_param(struct conf_cmd *cmd, struct vec *params, char *key, char *value);

/* ---- proxy_pass.c: directives that take a path and a URL ---------------------------------------- */

conf_set_fn proxy_set_pass, proxy_set_pass_match, proxy_set_reverse, proxy_set_cookie_path, proxy_set_cookie_domain;
conf_set_fn proxy_set_param; /* proxy_set.c */

/* ---- proxy_worker.c, proxy_param.c -------------------------------------------------------------- */

enum { WORKER_PREFIX = 1, WORKER_MATCH = 2, WORKER_MEMBER = 4 /* not the site's own: a balancer's */ };

/* "unix:/path|http://host/x" -> "http://host/x"; "unix:/path|http:" -> "http://localhost". NULL: malformed. */
const char *proxy_without_socket(struct arena *a, const char *url);
/* The worker whose name is the longest prefix of the URL (ap_proxy_get_worker_ex); kinds: WORKER_*. */
struct proxy_worker *proxy_worker_find(struct arena *a, const struct vec *workers, const char *url, unsigned kinds);
/* A new worker of the site; NULL or the fault without the directive's name. */
const char *proxy_worker_define(struct conf_cmd *cmd, const char *url, unsigned kind, struct proxy_worker **worker);
const char *proxy_worker_set(struct conf_cmd *cmd, struct proxy_worker *w, const char *key, const char *value);
void proxy_worker_finish(struct snapshot_build *b, const struct proxy_site *s, struct proxy_worker *w);
/* The module that would speak the URL's scheme is contained, and not loaded. */
void proxy_note_unloaded(struct snapshot_build *b, const struct conf_node *line, const char *url, const char *module);

/* ---- proxy_balancer.c ------------------------------------------------------------------------- */

conf_set_fn proxy_add_member, proxy_set_growth;
bool proxy_is_balancer(const char *url);
/* The site's balancer of that URL's host; NULL. */
struct proxy_balancer *proxy_balancer_find(const struct vec *balancers, const char *url);
/* The same, or a new one; NULL or the fault. path: of the ProxyPass around it, or NULL. */
const char *proxy_balancer_need(struct conf_cmd *cmd, const char *url, const char *path, struct proxy_balancer **b);
const char *proxy_balancer_set(struct conf_cmd *cmd, struct proxy_balancer *b, const char *key, const char *value);
void proxy_balancers_merge(struct arena *a, struct vec *to, const struct vec *base, const struct vec *over);
const char *proxy_balancers_finish(struct snapshot_build *b, const struct site *site);

/* ---- proxy_session.c ---------------------------------------------------------------------------- */

const char *proxy_session_in_url(struct arena *a, const char *url, const char *name, bool semicolon);
const char *proxy_session_in_cookie(struct arena *a, const char *cookies, const char *name);

/* ---- proxy_map.c -------------------------------------------------------------------------------- */

/* ap_proxy_interpolate: ${VAR} from the request's environment. */
const char *proxy_interpolate(const struct request *r, const char *text);
/* r->proxy: the URL as mapped; raw: it is not to be encoded again and holds its query. */
void proxy_accept(struct request *r, const char *url, bool raw);
/* How much of the path the alias takes, runs of "/" being one; 0: no match. */
size_t proxy_alias_match(const char *uri, const char *alias);

/* ---- proxy_servlet.c ---------------------------------------------------------------------------- */

/* As proxy_alias_match, of the path as a servlet container sees it, which becomes *uri. */
size_t proxy_servlet_match(struct arena *a, const char **uri, const char *alias);

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
const struct proxy_origin *proxy_origin_of(struct arena *a, const char *scheme, const char *host, int port);
/* Of all URLs that begin so, and how much of them it takes; NULL: what follows may change it. */
const struct proxy_origin *proxy_origin_ahead(struct arena *a, const char *real, size_t *n);
int proxy_set_member_url(struct request *r);

/* ---- proxy_reverse.c ---------------------------------------------------------------------------- */

const char *proxy_map_location(const struct request *r, const char *url);
const char *proxy_map_cookie(const struct request *r, const char *cookie);

/* ---- proxy_headers.c ---------------------------------------------------------------------------- */

const char *proxy_via(const struct request *r);
/* Removes what Connection names, and Connection itself (ap_proxy_clear_connection). */
void proxy_strip_connection(struct http_fields *f);

#endif
