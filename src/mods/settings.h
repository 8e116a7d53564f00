/* What core.c's directives say: of a server or virtual host, and of a place. */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "request.h"

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
    struct http_limits limits; /* these, and what HttpProtocolOptions says, for the parser: once all is read */
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
    struct htaccess_cache *htaccess;            /* .htaccess files that were read; main server only */
    struct vec methods; /* char *: beyond httpd's own, of RegisterHttpMethod and <Limit>; main server only */
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
/* AllowOverride beside the classes: Nonfatal=, and what httpd has where nobody wrote any: .htaccess is looked for, and
 * may say nothing. */
enum { OVERRIDE_SKIPS_FORBIDDEN = 1, OVERRIDE_SKIPS_UNKNOWN = 2, OVERRIDE_NOT_WRITTEN = 4 };
enum { ETAG_NONE = 1, ETAG_MTIME = 2, ETAG_INODE = 4, ETAG_SIZE = 8 };
struct core_etag { /* FileETag: as Options; bits 0: the default */
    int bits, add, remove;
};
enum { PATH_INFO_DEFAULT, PATH_INFO_ON, PATH_INFO_OFF };
struct core_handler {
    const char *name;        /* "none": that of the file's name; NULL: it differs by request */
    const struct expr *text; /* then what makes it */
};
struct core_place {
    struct vec error_documents; /* struct error_document *: the last of a status wins */
    struct log_levels levels;   /* whole in a request's place, its site's where no section wrote any */
    int has_levels;             /* a section wrote some */
    int64_t limit_body;         /* LimitRequestBody; 0 none */
    int canonical_name, signature;
    const struct core_handler *handler; /* SetHandler; NULL not written */
    const char *output_filters;         /* SetOutputFilter: names with ";" between; NULL none */
    struct core_options options;
    int override;                     /* AllowOverride: OVERRIDE_…; 0 None */
    int override_options;             /* of which words of Options a .htaccess may speak */
    const struct vec *override_names; /* char *: AllowOverrideList; NULL not written */
    struct core_etag etag;
    int accept_path_info, sendfile;              /* the latter a flag */
    int max_ranges, max_overlaps, max_reversals; /* of a Range; 0 none at all, -1 any number */
    const char *force_type, *default_charset;    /* NULL: not said; off */
};
extern struct module core_module;
static inline const struct core_site *core_site_of(const struct site *s)
{
    return site_part(s, &core_module);
}
static inline const struct core_place *core_place_of(const struct place *p)
{
    return place_part(p, &core_module);
}
/* The site's log with the levels of the request's place: valid until the next call on this thread. */
const struct log_target *request_log_of_place(const struct request *r);
/* Where lines about the request go; asked at every step, so here. */
static inline const struct log_target *request_log(const struct request *r)
{
    if (!r->site)
        return &log_main;
    return core_place_of(r->place ? r->place : &r->site->place)->has_levels ? request_log_of_place(r) : &r->site->log;
}
/* Walks <Location>, <Directory>/<Files> (only when not proxied), <Proxy>, <If> and sets r->place. `stage` says how far.
 */
enum walk_stage { WALK_LOCATION /* before translate */, WALK_FINAL /* after translate, before authz */ };
/* 0 or a status. An <If> that fails to evaluate is not taken (AH00039). May be called again for the next stage. */
int core_walk(struct request *r, struct place_memo *memo, enum walk_stage stage);

#endif
