/* mods: one file = one Apache module: its rows, its settings, and plain functions that the way of a request calls. */
#ifndef WEIR_MODS_H
#define WEIR_MODS_H

#include "settings.h"

extern const struct module *const all_modules[];  /* mods.c, NULL-terminated */
extern const struct other_module other_modules[]; /* mods.c: known, not contained; ends with a nameless one */
#define APACHE_VERSION "2.4.71"
#define WEIR_VERSION   "0.1.0"

/* ---- files.c: from a path to a file ---- */

/* translate_name, when nothing else took it: r->filename below DocumentRoot. 0, 400 or 403. */
int files_translate(struct request *r);
/* ap_directory_walk: goes down r->filename, link by link as Options allow, until a file, a missing name or the end;
 * sets r->filename, r->path_info, r->file and r->locals. 0; 403; 500 where a .htaccess is at fault; or FILES_AWAY, with
 * nothing set: one must be read first, off the loop. */
#define FILES_AWAY (-1)
int files_map(struct request *r);
/* default_handler: the file opened and r->out filled in for it, r->status 200, or 304 or 412 and then *fd is -1. Or a
 * status to answer with instead. */
int files_open(struct request *r, int *fd);

/* ---- rewrite.c, rewrite_go.c: the rules of a server and of sections ---- */

int rewrite_translate(struct request *r); /* 0 with r->proxy or r->filename set where rules say so, or r->uri another */
int rewrite_place(struct request *r);     /* fixups; may set r->proxy or r->redirect */
void rewrite_kind(struct request *r);     /* [T], [H]: last of the fixups */
bool rewrite_translate_blocks(const struct request *r); /* asks a program or looks ahead: not in a worker's loop */
bool rewrite_place_blocks(const struct request *r);
void rewrite_start(const struct snapshot *s); /* the programs of RewriteMap */

/* ---- mime.c: what a file is ---- */

void mime_find(struct request *r);         /* type_checker: r->content_…, r->handler */
int core_override_type(struct request *r); /* the first of the fixups: ForceType, SetHandler; 0 or 500 */
void mime_answer(struct request *r);       /* the first edit of r->out: type, encoding, language */
void mime_charset(struct request *r);      /* the last: AddDefaultCharset */

/* ---- dir.c: DirectoryIndex, DirectorySlash, FallbackResource ---- */

int dir_fixup(struct request *r);              /* the last of the fixups: 0, a status, or r->redirect */
bool dir_fixup_looks(const struct request *r); /* ahead, at what stands for a directory: may block */
int dir_answer(struct request *r, bool get);   /* a directory that shows nothing: 403 or 404 */

/* ---- alias.c, alias_map.c: Alias, Redirect ---- */

int alias_translate(struct request *r); /* 0, r->filename set where one applies; or a status, with Location */
int alias_fixup(struct request *r);     /* Redirect in sections: 0 or a status */

/* ---- authz_check.c: AllowMethods, mod_ssl's checks, Order/Allow/Deny, Require, who it is ---- */

/* 0 with r->user when one was asked for, or a status: 401, 403, 405, 500 … with its fields and log lines. */
int authz_check(struct request *r);
/* May it wait (passwords, files, names)? Then it is to be called off the loop. */
bool authz_may_block(const struct request *r);
bool authz_asks_names(const struct request *r); /* then others may keep it waiting: name servers */
/* auth_basic.c, auth_digest.c: AuthBasicFake's Authorization for the backend, Digest's Authentication-Info. 0 or 500.
 */
int auth_fixup(struct request *r);
/* ---- env.c: SetEnv, PassEnv, UnsetEnv into r->env ---- */
void env_fixup(struct request *r);
/* ---- setenvif.c: SetEnvIf and its kin; 0, or 500 when a pattern gave up ---- */
int setenvif_site(struct request *r);  /* lines outside of sections, before anything is decided */
int setenvif_place(struct request *r); /* lines in sections, once the place is known */

/* ---- headers.c, headers_format.c: Header, RequestHeader; 0, or 500 when a pattern gave up ---- */

int headers_early(struct request *r);   /* the lines with `early`: before anything is decided */
int headers_request(struct request *r); /* RequestHeader, once the place is known: the last of the fixups */
int headers_answer(struct request *r);  /* Header: a backend's answer, a file, a 2xx of our own */
int headers_error(struct request *r);   /* Header always: an error page, a redirect */
/* Names and values that may go out as they are (check_headers of http_filters.c); false: said in the log. */
bool headers_sound(const struct request *r, struct span checked);

/* ---- remoteip.c: who the client is, when trusted proxies stand between ---- */
extern struct module remoteip_module;
void remoteip_take(struct request *r); /* sets r->client_*, rewrites the fields */
bool remoteip_expects_header(const struct snapshot *s, const struct peer_info *peer); /* RemoteIPProxyProtocol */

/* ---- filter.c, compress.c, deflate.c, brotli.c, substitute.c: output filters ---- */

enum coder_flush { CODER_MORE, CODER_FLUSH /* all so far is to be readable */, CODER_END };
struct coder { /* what an answer's body goes through; lives as long as the request's arena */
    void (*code)(struct coder *c, struct span in, enum coder_flush flush, struct buf *out);
    bool counted; /* it gives length bytes in all */
    uint64_t length;
    bool full;   /* what still comes makes no difference */
    bool failed; /* said in the log: the answer is to be broken off */
};
/* What the filters of r->place make of the answer whose head is r->status and r->out: NULL, or how its body is coded,
 * its fields changed accordingly. body: its bytes when they are known, UINT64_MAX else. */
struct coder *filter_choose(struct request *r, uint64_t body);
extern struct module filter_module, deflate_module, brotli_module, substitute_module;

/* ---- expires.c: Expires and max-age of an answer that is no error ---- */
void expires_edit(struct request *r);
extern struct module expires_module;

/* ---- status.c: SetHandler server-status ---- */

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

/* ---- pages.c: answers that Weir itself gives ---- */

/* Sets out the answer to an error or redirect: r->status, Content-Type, Content-Length, body. Returns a local path
 * instead when ErrorDocument names one (internal redirect), NULL otherwise. */
const char *pages_answer(struct request *r, int status, struct buf *body);
void pages_plain(struct request *r, int status, struct buf *body); /* the same, whatever ErrorDocument says */
/* A page that SetHandler names: body and Content-Type of its 200. NULL: no such handler. */
typedef void page_fn(struct request *r, struct buf *body);
page_fn *pages_of_handler(const char *handler);
page_fn status_page;                                   /* status.c */
page_fn proxy_balancer_manager;                        /* balancer_manager.c */
void pages_trace(struct request *r, struct buf *body); /* TRACE: the request back as message/http */
struct span pages_allow(const struct request *r);      /* what Allow says of what is not proxied */

/* ---- logs.c, log_format.c: mod_log_config, mod_logio; error_format.c: ErrorLogFormat ---- */

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

/* ---- vars.c: expressions over a request ---- */

void vars_env(const struct request *r, struct expr_env *env); /* r lives as long as env is used */
bool vars_known(const char *kind, const char *name);          /* for expr_compile */
/* One variable or function by itself, found once; called with its name, or with the argument. NULL: unknown. */
typedef struct span vars_fn(const struct request *r, const char *name);
vars_fn *vars_find(const char *name);
vars_fn *vars_find_function(const char *name);
/* An expression of a line: EXPR_… flags; NULL and *fault (ap_expr_parse_cmd). */
const struct expr *vars_compile(struct conf_cmd *cmd, const char *text, unsigned flags, const char **fault);
unsigned vars_flags(const struct conf_cmd *cmd); /* what its place in the file says: EXPR_RESTRICTED, EXPR_PATTERNS */
/* 1, 0, or -1 and *fault, which is in the log then. A condition's fields of the request go into the answer's Vary. m:
 * the captures of its last match; may be NULL. */
int vars_holds(const struct request *r, const struct expr *e, struct regex_match *m, const char **fault); /* no Vary */
int vars_true(struct request *r, const struct expr *e, struct regex_match *m, const char **fault);
/* p NULL and *fault: logged too. The text may hold bytes of the client. */
struct span vars_text(const struct request *r, const struct expr *e, const char **fault);

#endif
