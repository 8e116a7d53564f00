/* A request as the modules see it, and whom it is from. */
#ifndef WEIR_REQUEST_H
#define WEIR_REQUEST_H

#include "conf.h"

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
    const struct place *place;                /* merged settings as far as walked */
    uint64_t sections;                        /* which ones they are of */
    bool located, within, named, conditional; /* a <Location>, <Directory>, <Files>, <If> is among them */
    const struct peer_info *peer;
    struct http_request_head head; /* head.fields: request headers, as modules change them */
    struct span unparsed_uri;      /* r->unparsed_uri: path?query as sent */
    const char *uri;               /* r->uri: decoded, normalised, starts with "/" */
    const char *encoded;   /* the same with its escapes, for ProxyPass … mapping=encoded to look at first; or NULL */
    bool undecodable;      /* with it: no path but the encoded one comes of what was sent */
    struct span args;      /* r->args; p NULL without "?" */
    const char *filename;  /* r->filename: the file that translate_name chose; NULL before, and when proxied */
    const char *path_info; /* r->path_info: what is left of filename behind a file or a missing name; NULL before */
    const char *context_prefix, *context_root; /* %{CONTEXT_…}: what an Alias mapped from and to; NULL: DocumentRoot */
    struct resource file;                      /* what is there, once files_map has looked */
    struct vec locals;                         /* struct section *: of the .htaccess files on the way, by files_map */
    const struct htaccess_known *htaccess;     /* which files of that kind were asked for */
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
    bool errs_anew;                               /* what it ends with is told, not the error that it is the page of */
    const char *error_text;                       /* proxy's "Reason", goes into the error page */
    bool rewrite_ended;                           /* [END]: no more rules, not even after an internal redirect */
    bool keeps_vary;                              /* over the internal redirect asked for */
    bool upgrade_written;                         /* a RequestHeader line acted on Upgrade */
    struct http_fields joined; /* names whose lines of the client have become one, for rules add to them */
    struct vec cookies_set;    /* char *: names that [CO] has set */
    const char *forced_type, *forced_handler; /* [T], [H] */
    const char *redirect;                     /* a module asks for an internal redirect: path?query; NULL */
    bool off_loop;                            /* what blocks may be done now */
    bool redirect_fast;                       /* as if it had been asked for at once: no REDIRECT_… of it */
    const struct request *looked_from;        /* until the fix-ups: it goes where a look went, and as that did; who
                                                 looked. NULL */
    const char *content_type, *content_encoding, *content_language; /* of the file by its name; NULL */
    bool type_settled;                   /* content_type is the answer's, whatever out says */
    const char *filters;                 /* those that its extensions name, ";" between; NULL none */
    struct request *main;                /* whose look ahead this is, and who gets its cookies; NULL */
    int (*look_up)(struct request *sub); /* request_look_at; NULL: there is nobody to ask */
    unsigned looks;                      /* begun for it, and for its looks ahead */
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
/* The request's field as httpd's table gives it: a client's lines of one name are one, those that rules added stand
 * behind it on their own and are not seen. */
static inline struct span request_field(const struct request *r, const char *name)
{
    return http_fields_find(&r->joined, name) ? http_fields_get(&r->head.fields, name)
                                              : http_fields_join(r->arena, &r->head.fields, name);
}
/* What that table has in the place of a line; p NULL: it is part of an earlier one. */
struct span request_field_at(const struct request *r, const struct http_field *line);
void request_set_env(struct request *r, const char *name, const char *value);
/* After an internal redirect: each NAME becomes REDIRECT_NAME, and REDIRECT_STATUS is what was (rename_original_env).
 */
void request_rename_env(struct request *r);
/* Whom a look ahead is for in the end; r itself when it is none. */
static inline struct request *request_first(const struct request *r)
{
    while (r->main)
        r = r->main;
    return (struct request *)(uintptr_t)r;
}
/* What led here: a look, an internal redirect, or whose look ahead it is; NULL for what a client asked. */
static inline const struct request *request_before(const struct request *r)
{
    return r->looked_from ? r->looked_from : r->previous ? r->previous : r->main;
}
/* r->uri and r->encoded of a path as it was sent, or written by a rule. 0, 400 or 404, which is said; with the latter
 * there is a path all the same. */
int request_take_path(struct request *r, struct span raw);
int request_refuse_path(const struct request *r);  /* 404, for an encoded slash */
size_t request_directory_length(const char *path); /* with its last slash; 0 without one, and of NULL */
/* httpd's subrequests: what would become of another path or file, as far as the fix-ups; ->status is 200 or the answer.
 * May block (authentication). */
bool request_may_look(const struct request *r); /* no look ahead may look for itself */
bool request_may_nest(const struct request *r); /* nor too deep, nor too often for one request */
struct request *request_look_at(const struct request *r, const char *path);
struct request *request_look_at_file(const struct request *r, const char *name);
const char *request_filename(const struct request *r); /* as httpd has it: "proxy:URL", or r->filename */
/* An event with the request's client, names, ids and Referer, for ErrorLogFormat and the default form. */
COLD struct log_event request_event(const struct request *r, struct log_event e);
#define REQUEST_LOG(r, mod, lvl, number, ...) REQUEST_LOG_OS(r, mod, lvl, number, 0, __VA_ARGS__)
#define REQUEST_LOG_OS(r, mod, lvl, number, err, ...)                                                                  \
    do {                                                                                                               \
        const struct log_target *request_log_target = log_is_heard(lvl) ? request_log(r) : NULL;                       \
        if (request_log_target && log_wants(request_log_target, (mod), (lvl)))                                         \
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

#endif
