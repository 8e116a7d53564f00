/* mods: one file = one Apache module: its rows, its settings, and plain functions that the way of a request calls. */
#ifndef WEIR_MODS_H
#define WEIR_MODS_H

#include "conf.h"

/* ---- a request as the modules see it -------------------------------------------------------------------- */

struct peer_info { /* a client connection */
    char ip[46], local_ip[46];
    unsigned short port, local_port;
    unsigned char family, local_family; /* 4 or 6; 0 unix */
    unsigned char address[16], local_address[16];
    const struct http_proxy_peer *claim; /* what its PROXY header said; NULL: none was asked for */
    bool tls;
    unsigned served; /* requests before this one on the connection */
    char id[16];     /* %{c}L: short, unique in the process */
    char text[64];   /* "192.0.2.1:5000" for logs */
};
/* What a path leads to on disk; link followed. */
enum resource_kind { RESOURCE_NONE, RESOURCE_FILE, RESOURCE_DIRECTORY };
struct resource {
    enum resource_kind kind;
    uint64_t size, inode;
    int64_t mtime_us;
    int link; /* its name may be a link */
};
struct proxy_target;
struct digest_answer;
#define REQUEST_MAGIC 0x52455131u
struct request {
    uint32_t magic;
    struct arena *arena;
    const struct snapshot *snapshot;
    const struct site *site;
    const struct place *place; /* merged settings as far as walked */
    const struct peer_info *peer;
    struct http_request_head head; /* head.fields: request headers, as modules change them */
    struct http_target target;
    struct span unparsed_uri; /* r->unparsed_uri: path?query as sent */
    const char *uri;          /* r->uri: decoded, normalised, starts with "/" */
    struct span args;         /* r->args; p NULL without "?" */
    const char *filename;     /* r->filename: the file that translate_name chose; NULL before, and when proxied */
    const char *path_info;    /* r->path_info: what is left of filename behind a file or a missing name; NULL before */
    const char *context_prefix, *context_root; /* %{CONTEXT_…}: what an Alias mapped from and to; NULL: DocumentRoot */
    struct resource file;                      /* what is there, once files_map has looked */
    const char *hostname;                      /* of Host or the absolute form, lower case; NULL when none */
    int host_port;                             /* written in Host; 0 */
    struct http_fields env, notes;
    struct http_fields *varies; /* where a condition under way notes the fields that it reads; or NULL */
    const char *user, *auth_type;
    const char *handler;                          /* "proxy-server", … */
    struct proxy_target *proxy;                   /* set by proxy_translate */
    int status;                                   /* final status; 0 while open; 101 for tunnels */
    const char *reason;                           /* when it is not the status's own */
    struct http_fields out, err_out;              /* response headers: onsuccess and always tables */
    struct http_fields trailers_in, trailers_out; /* %{..}^ti, %{..}^to */
    const char *error_text;                       /* proxy's "Reason", goes into the error page */
    bool rewrite_ended;                           /* [END]: no more rules, not even after an internal redirect */
    bool keeps_vary;                              /* over the internal redirect asked for */
    bool upgrade_written;                         /* a RequestHeader line acted on Upgrade */
    struct vec cookies_set;                       /* char *: names that [CO] has set */
    const char *forced_type, *forced_handler;     /* [T], [H] */
    const char *redirect;                         /* a module asks for an internal redirect: path?query; NULL */
    bool off_loop;                                /* what blocks may be done now */
    bool redirect_fast;                           /* as if it had been asked for at once: no REDIRECT_… of it */
    const char *content_type, *content_encoding, *content_language; /* of the file by its name; NULL */
    const char *filters;                 /* those that its extensions name, ";" between; NULL none */
    const struct request *main;          /* whose look ahead this is; NULL */
    int (*look_up)(struct request *sub); /* request_look_at; NULL: there is nobody to ask */
    const struct request *previous;      /* before an internal redirect or ErrorDocument; NULL */
    const char *client_ip;               /* whom the request is from: the peer, or whom mod_remoteip found */
    const char *client_text;             /* the same with its port, for logs */
    unsigned short client_port;          /* 0: nobody said */
    struct span client_address;          /* the same, 4 or 16 bytes; p NULL for a unix socket */
    const char *client_name;             /* its name, once it was looked up; "" when it has none */
    bool authorised;                     /* authz_check let it pass with the place that it then had */
    struct digest_answer *digest;        /* the Digest answer of its Authorization field; NULL */
    const char *allow;                   /* what Allow says with a 405; NULL: what it always says */
    char id[28];                         /* what %L and the error log call it */
    bool *logged;                        /* becomes true with its first line in the error log; or NULL */
    int64_t begun_us;                    /* wall clock, first byte of the request */
    uint64_t begun_ms, ended_ms;         /* loop clock */
    uint64_t first_byte_ms;              /* response's first byte to the client; 0 */
    uint64_t bytes_in, bytes_out;        /* on the wire for this request, heads and tunnel bytes included: %I %O */
    uint64_t body_out;                   /* payload sent: %B */
    bool keepalive, aborted;             /* %X */
    bool header_only;                    /* HEAD */
};
void request_set_peer(struct request *r,
                      const struct peer_info *peer); /* who is the client, too, until a module knows better */
static inline const char *request_env(const struct request *r, const char *name) /* NULL when unset */
{
    struct span value = http_fields_get(&r->env, name);
    return value.p ? arena_span(r->arena, value) : NULL;
}
void request_set_env(struct request *r, const char *name, const char *value);
/* After an internal redirect: each NAME becomes REDIRECT_NAME, and REDIRECT_STATUS is what was (rename_original_env).
 */
void request_rename_env(struct request *r);
/* The site's, or the place's LogLevel on it: then valid until the next call on this thread. */
const struct log_target *request_log(const struct request *r);
/* httpd's subrequests: what would become of another path or file, as far as the fix-ups; ->status is 200 or the answer.
 * May block (authentication). */
bool request_may_look(const struct request *r); /* no look ahead may look for itself */
struct request *request_look_at(const struct request *r, const char *path);
struct request *request_look_at_file(const struct request *r, const char *name);
const char *request_filename(const struct request *r); /* as httpd has it: "proxy:URL", or r->filename */
/* An event with the request's client, names, ids and Referer, for ErrorLogFormat and the default form. */
struct log_event request_event(const struct request *r, struct log_event e);
#define REQUEST_LOG(r, mod, lvl, number, ...) REQUEST_LOG_OS(r, mod, lvl, number, 0, __VA_ARGS__)
#define REQUEST_LOG_OS(r, mod, lvl, number, err, ...)                                                                  \
    do {                                                                                                               \
        const struct log_target *request_log_target = request_log(r);                                                  \
        if (log_wants(request_log_target, (mod), (lvl)))                                                               \
            log_say(request_log_target,                                                                                \
                    request_event((r), (struct log_event){ .level = (lvl),                                             \
                                                           .module = (mod),                                            \
                                                           .ah = (number),                                             \
                                                           .os_error = (err),                                          \
                                                           .file = __FILE__,                                           \
                                                           .line = __LINE__ }),                                        \
                    __VA_ARGS__);                                                                                      \
    } while (0)
int request_server_port(const struct request *r); /* ap_get_server_port: UseCanonicalName, UseCanonicalPhysicalPort */
const char *request_server_name(const struct request *r);           /* ap_get_server_name */
const char *request_url(const struct request *r, const char *path); /* ap_construct_url: scheme://name[:port]path */
const char *request_scheme(const struct request *r);        /* "https" on TLS, and where ServerName says https:// */
int request_default_port(const struct request *r);          /* of that scheme */
const char *request_server_banner(const struct request *r); /* what Server: says, by ServerTokens */

extern const struct module *const all_modules[]; /* mods.c, NULL-terminated */
#define APACHE_VERSION "2.4.71"
#define WEIR_VERSION   "0.1.0"

/* ---- core.c, sections.c: the server itself ------------------------------------------------------------------ */

struct listener_setting {
    const char *text;
    struct site_address address;
    const char *protocol;
};
enum { KEEP_OFF, KEEP_ON };
enum { TOKENS_FULL, TOKENS_OS, TOKENS_MINIMAL, TOKENS_MINOR, TOKENS_MAJOR, TOKENS_PROD };
enum { TRACE_OFF, TRACE_ON, TRACE_EXTENDED };
enum { CANONICAL_OFF, CANONICAL_ON, CANONICAL_DNS };
enum { SIGNATURE_OFF, SIGNATURE_ON, SIGNATURE_EMAIL };
struct core_site {        /* ints are flags or enums of the words above; µs where named so */
    struct vec listeners; /* struct listener_setting *; main server only */
    const char *server_root, *pid_file, *runtime_dir, *user, *group, *server_admin, *document_root;
    const char *error_log;        /* as written; what log_sink_hold takes is in site->log. NULL: stderr */
    const char *error_log_format; /* as written; compiled into site->log */
    struct log_levels levels;     /* LogLevel's words; -1 not written: site->log.levels has them all */
    int64_t timeout_us, keepalive_timeout_us, shutdown_timeout_us;
    int keepalive, max_keepalive, backlog, threads /* ThreadsPerChild, 0 auto */, tokens, trace;
    int limit_line, limit_fields, limit_field_size;
    int merge_slashes, encoded_slashes /* enum http_slashes */, http_unsafe, methods_registered, no_http09, strict_host;
    int canonical_physical_port, buffered_logs;
    int extended_status; /* the status page tells totals */
    int max_redirects;   /* LimitInternalRecursion: internal redirects of one request */
    int64_t header_first_us, header_max_us, body_first_us, body_max_us; /* RequestReadTimeout; 0 none */
    int64_t handshake_first_us, handshake_max_us;
    int header_rate, body_rate, handshake_rate; /* bytes a second that extend it */
    struct vec protocols;                       /* char *: Protocols, in order; empty: http/1.1 */
    const char *protocol;                       /* Protocol, lower case; NULL: the listener's */
    struct vec access_names;                    /* char *: AccessFileName */
    struct vec limit_methods; /* char *: names beyond httpd's own that <Limit> wrote; main server only */
};
struct error_document {
    int status;
    enum { ERROR_TEXT, ERROR_PATH, ERROR_URL, ERROR_DEFAULT } kind;
    const char *value;
    const struct expr *text; /* the value with its %{…}; NULL for ERROR_DEFAULT */
};
/* Options: httpd's allow_options_t */
enum {
    OPTION_INDEXES = 1,
    OPTION_INCLUDES = 2,
    OPTION_FOLLOW = 4,
    OPTION_EXEC = 8,
    OPTION_OWNER = 16,
    OPTION_VIEWS = 32,
    OPTION_INCLUDES_EXEC = 64,
    OPTION_ALL = OPTION_INDEXES | OPTION_INCLUDES | OPTION_INCLUDES_EXEC | OPTION_FOLLOW | OPTION_EXEC
};
struct core_options {
    int bits, add, remove; /* the words without sign so far; those with one */
    int absolute;          /* written without signs: what was before is forgotten */
};
enum { ETAG_NONE = 1, ETAG_MTIME = 2, ETAG_INODE = 4, ETAG_SIZE = 8 };
struct core_etag { /* FileETag: as Options; bits 0: the default */
    int bits, add, remove;
};
enum { PATH_INFO_DEFAULT, PATH_INFO_ON, PATH_INFO_OFF };
struct core_place {
    struct vec error_documents; /* struct error_document *: the last of a status wins */
    struct log_levels levels;   /* whole in a request's place, its site's where no section wrote any */
    int has_levels;             /* a section wrote some */
    int64_t limit_body;         /* LimitRequestBody; 0 none */
    int canonical_name, signature;
    const char *handler;        /* SetHandler; NULL none */
    const char *output_filters; /* SetOutputFilter: names with ";" between; NULL none */
    struct core_options options;
    int override;      /* AllowOverride: 0 None; httpd looks for .htaccess where nothing was written, too */
    int override_list; /* AllowOverrideList names some */
    struct core_etag etag;
    int accept_path_info, sendfile;              /* the latter a flag */
    int max_ranges, max_overlaps, max_reversals; /* of a Range; 0 none at all, -1 any number */
    const char *force_type, *default_charset;    /* NULL: not said; off */
};
extern struct module core_module;
const struct core_site *core_site_of(const struct site *s);
const struct core_place *core_place_of(const struct place *p);
/* Walks <Location>, <Directory>/<Files> (only when not proxied), <Proxy>, <If> and sets r->place. `stage` says how far.
 */
enum walk_stage { WALK_LOCATION /* before translate */, WALK_FINAL /* after translate, before authz */ };
/* 0 or a status. An <If> that fails to evaluate is not taken (AH00039). May be called again for the next stage. */
int core_walk(struct request *r, struct place_memo *memo, enum walk_stage stage);

/* ---- files.c: from a path to a file ----------------------------------------------------------------------------- */

/* translate_name, when nothing else took it: r->filename below DocumentRoot. 0, 400 or 403. */
int files_translate(struct request *r);
/* ap_directory_walk: goes down r->filename, link by link as Options allow, until a file, a missing name or the end;
 * sets r->filename, r->path_info and r->file. 0, 403, or 500 where a .htaccess lies that would have to be read. */
int files_map(struct request *r);

/* ---- rewrite.c, rewrite_go.c: the rules of a server and of sections
 * ---------------------------------------------------- */

int rewrite_translate(struct request *r); /* 0 with r->proxy or r->filename set where rules say so, or r->uri another */
int rewrite_place(struct request *r);     /* fixups; may set r->proxy or r->redirect */
void rewrite_kind(struct request *r);     /* [T], [H]: last of the fixups */
bool rewrite_translate_blocks(const struct request *r); /* asks a program or looks ahead: not in a worker's loop */
bool rewrite_place_blocks(const struct request *r);
void rewrite_start(const struct snapshot *s); /* the programs of RewriteMap */

/* default_handler: the file opened and r->out filled in for it, r->status 200, or 304 or 412 and then *fd is -1. Or a
 * status to answer with instead. */
int files_open(struct request *r, int *fd);

/* ---- mime.c: what a file is ------------------------------------------------------------------------------------ */

void mime_find(struct request *r);          /* type_checker: r->content_…, r->handler */
void core_override_type(struct request *r); /* the first of the fixups: ForceType, SetHandler */
void mime_answer(struct request *r);        /* the first edit of r->out: type, encoding, language */
void mime_charset(struct request *r);       /* the last: AddDefaultCharset */

/* ---- dir.c: DirectoryIndex, DirectorySlash, FallbackResource ------------------------------------------------- */

int dir_fixup(struct request *r);              /* the last of the fixups: 0, a status, or r->redirect */
bool dir_fixup_looks(const struct request *r); /* ahead, at what stands for a directory: may block */
int dir_answer(struct request *r, bool get);   /* a directory that shows nothing: 403 or 404 */

/* ---- alias.c, alias_map.c: Alias, Redirect ---------------------------------------------------------------------- */

int alias_translate(struct request *r); /* 0, r->filename set where one applies; or a status, with Location */
int alias_fixup(struct request *r);     /* Redirect in sections: 0 or a status */

/* ---- authz_check.c: AllowMethods, mod_ssl's checks, Order/Allow/Deny, Require, who it is --------------------------
 */

/* 0 with r->user when one was asked for, or a status: 401, 403, 405, 500 … with its fields and log lines. */
int authz_check(struct request *r);
/* May it wait (passwords, files, names)? Then it is to be called off the loop. */
bool authz_may_block(const struct request *r);
/* auth_basic.c, auth_digest.c: AuthBasicFake's Authorization for the backend, Digest's Authentication-Info. 0 or 500.
 */
int auth_fixup(struct request *r);
/* ---- env.c: SetEnv, PassEnv, UnsetEnv into r->env ---- */
void env_fixup(struct request *r);
/* ---- setenvif.c: SetEnvIf and its kin; 0, or 500 when a pattern gave up ---- */
int setenvif_site(struct request *r);  /* lines outside of sections, before anything is decided */
int setenvif_place(struct request *r); /* lines in sections, once the place is known */

/* ---- headers.c, headers_format.c: Header, RequestHeader; 0, or 500 when a pattern gave up ----------------------- */

int headers_early(struct request *r);   /* the lines with `early`: before anything is decided */
int headers_request(struct request *r); /* RequestHeader, once the place is known: the last of the fixups */
int headers_answer(struct request *r);  /* Header: a backend's answer, a file, a 2xx of our own */
int headers_error(struct request *r);   /* Header always: an error page, a redirect */
/* Names and values that may go out as they are (check_headers of http_filters.c); false: said in the log. */
bool headers_sound(const struct request *r);

/* ---- remoteip.c: who the client is, when trusted proxies stand between --------------------------------------- */
extern struct module remoteip_module;
void remoteip_take(struct request *r); /* sets r->client_*, rewrites the fields */
bool remoteip_expects_header(const struct snapshot *s, const struct peer_info *peer); /* RemoteIPProxyProtocol */

/* ---- proxy.c, proxy_worker.c: directives ------------------------------------------------------------------------ */

struct proxy_worker { /* identity and parameters; immutable */
    const char *name; /* normalised URL: "ws://h:3000/", what people see in logs */
    const char *scheme, *host, *unix_path;
    int port; /* as connected to */
    bool port_written;
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
    int wait_s;         /* timeout=: how long a request waits for a usable member; 0 not */
    struct vec fail_on; /* int *: failonstatus= */
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
};
struct proxy_place {
    const struct proxy_alias *alias;                  /* ProxyPass inside <Location> */
    struct vec reverse, cookie_paths, cookie_domains; /* struct proxy_reverse * */
    int preserve_host, add_headers, error_override, interpolate, continue_100 /* Proxy100Continue */;
    struct vec override_codes; /* int *; empty: all >= 400 */
};
extern struct module proxy_module, proxy_http_module, proxy_wstunnel_module;
const struct proxy_site *proxy_site_of(const struct site *s);
const struct proxy_place *proxy_place_of(const struct place *p);

/* ---- proxy_map.c: from a request to a worker ------------------------------------------------------------------- */

struct proxy_target {
    const struct proxy_worker *worker;     /* NULL: no worker of that name, the generic reverse one (no pooling) */
    const struct proxy_balancer *balancer; /* whose member the worker is to be; NULL */
    const char *member_path;               /* with it: what follows a member's name, after the slash, not encoded */
    const char *balancer_path;             /* with it: the path there and the query, encoded: a session may be in it */
    const char *url;                       /* "ws://h:3000/chat?x", canonical */
    const char *scheme, *host, *unix_path; /* host without brackets */
    int port;
    bool port_written;
    struct span path;             /* what goes on the request line: path and query */
    bool upgrade;                 /* tunnel when the backend agrees */
    bool names_upgrade;           /* the backend is told: with upgrade, or because a RequestHeader line says so */
    const char *upgrade_protocol; /* what Upgrade asks for: the client's value, verbatim */
    uint64_t timeout_ms, connect_timeout_ms, tunnel_idle_ms;
    bool nocanon;                     /* url is raw: not to be encoded again, and holds its query */
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
/* fixups and proxy_handler, after authz_check and once every module has edited the request: canonical url,
 * Max-Forwards, TRACE, worker, upgrade, time-outs. 0, or a status (400, 403, 405, 413, 426, 500, 503). May set r->proxy
 * to NULL: TRACE or OPTIONS with Max-Forwards: 0 is to be answered here. */
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

/* ---- proxy_headers.c: what a proxy adds and takes away ---------------------------------------------------- */

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

/* ---- filter.c, compress.c, deflate.c, brotli.c: output filters ----------------------------------------------------
 */

enum coder_flush { CODER_MORE, CODER_FLUSH /* all so far is to be readable */, CODER_END };
struct coder { /* what an answer's body goes through; lives as long as the request's arena */
    void (*code)(struct coder *c, struct span in, enum coder_flush flush, struct buf *out);
    bool counted; /* it gives length bytes in all */
    uint64_t length;
    bool full; /* what still comes makes no difference */
};
/* What the filters of r->place make of the answer whose head is r->status and r->out: NULL, or how its body is coded,
 * its fields changed accordingly. body: its bytes when they are known, UINT64_MAX else. */
struct coder *filter_choose(struct request *r, uint64_t body);
extern struct module filter_module, deflate_module, brotli_module;

/* ---- expires.c: Expires and max-age of an answer that is no error ---- */
void expires_edit(struct request *r);
extern struct module expires_module;

/* ---- status.c: SetHandler server-status -------------------------------------------------------------------- */

struct status_worker { /* one thread's */
    uint64_t requests, bytes, duration_ms;
    unsigned clients /* connections of HTTP */, busy, closing, tunnels;
};
struct status_report {
    struct arena *arena;           /* where the workers are to be */
    struct status_worker *workers; /* n_workers */
    unsigned n_workers;
    int64_t started_us; /* wall clock */
};
extern void (*status_source)(struct status_report *report); /* set by whoever runs the workers; NULL: none */

/* ---- pages.c: answers that Weir itself gives --------------------------------------------------------------- */

/* Sets out the answer to an error or redirect: r->status, Content-Type, Content-Length, body. Returns a local path
 * instead when ErrorDocument names one (internal redirect), NULL otherwise. */
const char *pages_answer(struct request *r, int status, struct buf *body);
/* A page that SetHandler names: body and Content-Type of its 200. NULL: no such handler. */
typedef void page_fn(struct request *r, struct buf *body);
page_fn *pages_of_handler(const char *handler);
page_fn status_page;                                   /* status.c */
page_fn proxy_balancer_manager;                        /* balancer_manager.c */
void pages_trace(struct request *r, struct buf *body); /* TRACE: the request back as message/http */
struct span pages_allow(const struct request *r);      /* what Allow says of what is not proxied */

/* ---- logs.c, log_format.c: mod_log_config, mod_logio; error_format.c: ErrorLogFormat ---------------------- */

extern struct module log_config_module;
void logs_access(const struct request *r); /* every CustomLog, TransferLog, GlobalLog of the site */
/* A tunnel's lines, ready but for what its end tells: malloc'd, holds its sinks, needs neither request nor snapshot any
 * more. Conditions are decided here. NULL when no log applies. */
struct access_record;
struct access_record *logs_prepare(const struct request *r);
/* Writes and frees. bytes: of the whole exchange with both heads, as %I and %O; lasted_us: since logs_prepare. */
void logs_finish(struct access_record *rec, uint64_t bytes_in, uint64_t bytes_out, uint64_t lasted_us,
                 int64_t end_wall_us, bool aborted);
size_t logs_record_size(const struct access_record *rec); /* bytes it takes */
/* Adds the spec of every access log (const char *): what the keeper of privileges may have to open again. */
void logs_each_path(const struct snapshot *s, struct arena *a, struct vec *paths);
/* ErrorLogFormat. kind: NULL the main format, "connection" or "request" the lines once for each. NULL, or the fault. */
const char *error_format_compile(struct arena *a, const char *format, const char *kind, const void **out);
size_t error_format_render(const void *format, const struct log_event *e, char *out, size_t size);

/* ---- vars.c: expressions over a request ----------------------------------------------------------------- */

void vars_env(const struct request *r, struct expr_env *env); /* r lives as long as env is used */
bool vars_known(const char *kind, const char *name);          /* for expr_compile */
/* One variable or function by itself, found once; called with its name, or with the argument. NULL: unknown. */
typedef struct span vars_fn(const struct request *r, const char *name);
vars_fn *vars_find(const char *name);
vars_fn *vars_find_function(const char *name);
/* An expression of a line: EXPR_… flags; NULL and *fault (ap_expr_parse_cmd). */
const struct expr *vars_compile(struct conf_cmd *cmd, const char *text, unsigned flags, const char **fault);
/* 1, 0, or -1 and *fault, which is in the log then. A condition's fields of the request go into the answer's Vary. m:
 * the captures of its last match; may be NULL. */
int vars_holds(const struct request *r, const struct expr *e, struct regex_match *m, const char **fault); /* no Vary */
int vars_true(struct request *r, const struct expr *e, struct regex_match *m, const char **fault);
/* p NULL and *fault: logged too. The text may hold bytes of the client. */
struct span vars_text(const struct request *r, const struct expr *e, const char **fault);

#endif
