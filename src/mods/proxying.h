/* The proxy as its callers see it: workers and balancers as configured, and a request's way to a backend. */
#ifndef WEIR_PROXYING_H
#define WEIR_PROXYING_H

#include "request.h"

/* ---- proxy.c, proxy_worker.c: directives ---- */

struct proxy_origin {          /* where URLs lead: what is the same for all paths there; immutable */
    const char *scheme, *host; /* lower case; without brackets */
    enum { SPEAKS_OTHER, SPEAKS_HTTP, SPEAKS_WS } speaks;
    bool tls; /* https: or wss: */
    int port;
    bool port_written;      /* it is not the scheme's own */
    struct span base, name; /* "ws://h:3000" of canonical URLs, and what Host says of it */
};
struct proxy_worker {             /* identity and parameters; immutable */
    const char *name;             /* normalised URL: "ws://h:3000/", what people see in logs */
    const struct conf_node *line; /* that made it */
    const struct proxy_origin *origin;
    const char *scheme, *host, *unix_path;
    int port; /* as connected to */
    bool port_written;
    bool bad_port; /* beyond 65535: what is sent there is answered with 400, as in httpd */
    bool dynamic;  /* of ProxyPassMatch: its name may hold $n, which match anything */
    bool any_host; /* $n in host or port: the address differs by request */
    bool fresh;    /* disablereuse, any_host or addressttl=0: no connection is kept */
    int64_t timeout_us, connect_timeout_us, ping_us, acquire_us; /* 0: not set */
    int64_t ttl_us; /* idle life of a pooled connection; 0: Apache keeps, we bound */
    int max, smax, min, retry_s, flush_packets, flush_wait_ms;
    bool keepalive, ping_set;
    int response_field_size, io_buffer, receive_buffer; /* 0: default */
    const char *upgrade;                                /* list; "*" any; NULL none */
    int address_ttl_s; /* how long a resolved address is kept; -1: as long as the snapshot */
    unsigned status;   /* WORKER_… of status=; E, a member's error, passes with its first look as in httpd */
    bool finished;
    /* of a balancer's member */
    const char *route, *redirect; /* "" none */
    int load_factor, set;         /* in hundredths; lbset= */
    struct proxy_share *share;    /* NULL: a worker of its own */
};
enum {                            /* status=, of a worker */
       WORKER_IGNORES_ERRORS = 1, /* I */
       WORKER_DRAINS = 2,         /* N: its own sessions only */
       WORKER_SHUT_DOWN = 4,      /* U */
       WORKER_DISABLED = 8,       /* D */
       WORKER_STOPPED = 16,       /* S */
       WORKER_UNHEALTHY = 32,     /* C */
       WORKER_STANDBY = 64,       /* H: when no other is there */
       WORKER_SPARE = 128,        /* R: in the place of one that fails */
       WORKER_UNUSABLE = WORKER_SHUT_DOWN | WORKER_DISABLED | WORKER_STOPPED | WORKER_UNHEALTHY
};
/* What all threads know of one member, each count on its own; reloads keep it by the names of site, balancer, member.
 */
struct proxy_share {
    _Atomic int lb_status;     /* how urgent its turn is */
    _Atomic bool in_error;     /* for retry= seconds from error_ms on */
    _Atomic uint64_t error_ms; /* base_now_ms */
    _Atomic uint64_t elected, busy, sent, received;
};
struct proxy_share *proxy_share_hold(const char *key); /* the one of that name; new: all zero */
struct proxy_share *proxy_share_again(struct proxy_share *s);
void proxy_share_drop(struct proxy_share *s);
enum { BALANCE_BY_REQUESTS, BALANCE_BY_TRAFFIC, BALANCE_BY_BUSYNESS };
struct proxy_balancer { /* <Proxy balancer://name>; ints are -1 where no line says it, until the end of reading */
    const char *name;   /* "balancer://name", lower case */
    const char *path;   /* of the ProxyPass that named it, for people */
    struct vec members; /* struct proxy_worker * */
    int method;         /* BALANCE_… */
    const char *cookie, *parameter; /* stickysession=COOKIE|PARAMETER; NULL none */
    int separator;                  /* between session and route; 0 the value is the route */
    int no_failover, semicolon, force_recovery, fail_on_timeout, max_attempts;
    int wait_s;                   /* timeout=: how long a request waits for a usable member; 0 not */
    struct vec fail_on;           /* int *: failonstatus= */
    const struct conf_node *line; /* that made it */
    bool finished;
};
const char *proxy_balancer_method(const struct proxy_balancer *b);
struct proxy_alias;
struct ssl_proxy_part; /* ssl.h */
struct proxy_reverse {
    const char *fake, *real;
    bool interpolate;
};
enum { VIA_OFF, VIA_ON, VIA_FULL, VIA_BLOCK };
struct proxy_site {
    struct vec aliases;                    /* struct proxy_alias *, main's first */
    struct vec workers;                    /* struct proxy_worker * */
    struct vec balancers;                  /* struct proxy_balancer * */
    int inherit_balancers, inherit_passes; /* BalancerInherit, ProxyPassInherit; on */
    int64_t timeout_us;
    int via, max_forwards, bad_header /* enum http_bad_header */;
    int receive_buffer;                         /* ProxyReceiveBufferSize; 0: the system's */
    const char *source_address;                 /* numeric, or NULL */
    int http_loaded, tunnel_loaded, ssl_loaded; /* mod_proxy_http, mod_proxy_wstunnel, mod_ssl */
    int balancer_loaded;                        /* mod_proxy_balancer */
    int maps_encoded;                           /* a ProxyPass has mapping=encoded or servlet */
};
struct proxy_place {
    const struct proxy_alias *alias;                  /* ProxyPass inside <Location> */
    struct vec reverse, cookie_paths, cookie_domains; /* struct proxy_reverse * */
    int preserve_host, add_headers, error_override, interpolate, continue_100 /* Proxy100Continue */;
    struct vec override_codes; /* int *; empty: all >= 400 */
};
extern struct module proxy_module, proxy_http_module, proxy_wstunnel_module;
static inline const struct proxy_site *proxy_site_of(const struct site *s)
{
    return site_part(s, &proxy_module);
}
static inline const struct proxy_place *proxy_place_of(const struct place *p)
{
    return place_part(p, &proxy_module);
}

/* ---- proxy_map.c: from a request to a worker ---- */

struct proxy_target {
    const struct proxy_worker *worker;     /* NULL: no worker of that name, the generic reverse one (no pooling) */
    const struct proxy_balancer *balancer; /* whose member the worker is to be; NULL */
    const char *member_path;               /* with it: what follows a member's name, after the slash, not encoded */
    const char *balancer_path;             /* with it: the path there and the query, encoded: a session may be in it */
    const char *url;                       /* "ws://h:3000/chat?x", canonical */
    const struct proxy_origin *origin;     /* NULL: only the URL, not looked at yet, knows */
    size_t origin_length;                  /* with one before the URL is canonical: its bytes before the path there */
    const char *scheme, *host, *unix_path; /* host without brackets */
    int port;
    bool port_written;
    struct span path;             /* what goes on the request line: path and query */
    bool upgrade;                 /* tunnel when the backend agrees */
    bool names_upgrade;           /* the backend is told: with upgrade, or because a RequestHeader line says so */
    const char *upgrade_protocol; /* what Upgrade asks for: the client's value, verbatim */
    uint64_t timeout_ms, connect_timeout_ms, tunnel_idle_ms;
    bool nocanon;                     /* url is raw: not to be encoded again, and holds its query */
    bool encoded;                     /* url is encoded already, and has no query yet */
    bool tunnel_only;                 /* mod_proxy_wstunnel without its fallback is in charge */
    bool awaits_continue;             /* the head sent carries Expect: 100-continue */
    bool tls;                         /* https: or wss:, with SSLProxyEngine on */
    const struct ssl_proxy_part *ssl; /* with tls: the place's, a <Proxy> section's merged in */
    const char *tls_name;             /* whom the certificate is to name, be it an address; NULL: no Host to preserve */
    const char *sni;                  /* the same; NULL for an address */
};
/* translate_name: which ProxyPass. 0 and r->proxy set (worker and url as mapped, nothing else yet); 0 and r->proxy
 * NULL: not proxied; or a status. Needs r->place after WALK_LOCATION. */
int proxy_translate(struct request *r);
/* The same for those with mapping=encoded and servlet: r->uri is r->encoded, and becomes what the latter makes of it.
 */
int proxy_translate_encoded(struct request *r);
/* fixups and proxy_handler, after authz_check and once every module has edited the request: canonical url,
 * Max-Forwards, TRACE, worker, upgrade, time-outs. 0, or a status (400, 403, 405, 413, 426, 500, 503). May set r->proxy
 * to NULL: TRACE or OPTIONS with Max-Forwards: 0 is to be answered here. Sets it for a handler "proxy:URL". */
int proxy_prepare(struct request *r);
/* ap_proxyerror: AH00898 "MESSAGE returned by URI", "Proxy Error" as the reason, r->error_text; returns status. */
int proxy_error(struct request *r, int status, const char *message);
/* With a balancer: the request goes to this member. 0, or a status as of proxy_prepare. May be called again, for
 * another one. */
int proxy_use_member(struct request *r, const struct proxy_worker *member);
struct proxy_session { /* of a sticky balancer */
    const char *name;  /* the cookie's or the parameter's */
    const char *route; /* NULL none; "" an empty one */
};
struct proxy_session proxy_session(const struct request *r);
/* The worker's name with its socket. */
const char *proxy_worker_label(struct arena *a, const struct proxy_worker *w);
bool proxy_may_reuse(const struct request *r);   /* may this connection be a pooled one, before and after? */
bool proxy_wants_fresh(const struct request *r); /* a connection of its own, though what is left of it may be pooled */
/* A chunked body is to be sent with its length: proxy-sendcl, force-proxy-request-1.0. */
bool proxy_wants_length(const struct request *r);
/* The key=value words of <Proxy URL k=v …> and <ProxyMatch>: for the section's set. NULL or the fault. */
const char *proxy_section_params(struct conf_cmd *cmd, const char *url, const char *words, bool match);

/* ---- proxy_headers.c: what a proxy adds and takes away ---- */

/* The head for the backend into out: request line, Host first, client's fields in order less hop-by-hop ones,
 * X-Forwarded-*, Via, Connection. body: how the request's body is framed to the backend (HTTP_NO_BODY, HTTP_LENGTH with
 * left bytes, HTTP_CHUNKED but where proxy_wants_length). reuse: the connection is to be kept (what proxy_may_reuse
 * denies is not). 0, or 500: AH01093, another coding than chunked. */
int proxy_build_head(struct request *r, const struct http_body *body, bool reuse, struct buf *out);
/* The backend's fields -> r->out: hop-by-hop removed (Transfer-Encoding too, and Content-Length beside it),
 * ProxyPassReverse and cookies mapped, Via added, Upgrade kept only when it may; Date and Server when missing. 0, or
 * 502 (proxy_error has set the reason): a 101 to another Upgrade than was asked for. May be called for each 1xx and
 * then for the final one. */
int proxy_take_head(struct request *r, const struct http_response_head *h);
bool proxy_overrides_error(const struct request *r, int status); /* ProxyErrorOverride */

#endif
