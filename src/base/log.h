/* The error log in Apache's form, and the writer thread behind every log. */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { /* Apache's order, http_log.h: lower is graver */
                 LEVEL_EMERG,
                 LEVEL_ALERT,
                 LEVEL_CRIT,
                 LEVEL_ERROR,
                 LEVEL_WARN,
                 LEVEL_NOTICE,
                 LEVEL_INFO,
                 LEVEL_DEBUG,
                 LEVEL_TRACE1,
                 LEVEL_TRACE2,
                 LEVEL_TRACE3,
                 LEVEL_TRACE4,
                 LEVEL_TRACE5,
                 LEVEL_TRACE6,
                 LEVEL_TRACE7,
                 LEVEL_TRACE8
};

enum log_module { /* those that speak; the names are in log_module_name */
                  LOG_CORE,
                  LOG_HTTP,
                  LOG_HTTP2,
                  LOG_PROXY,
                  LOG_PROXY_HTTP,
                  LOG_PROXY_WSTUNNEL,
                  LOG_PROXY_BALANCER,
                  LOG_SSL,
                  LOG_AUTHZ_CORE,
                  LOG_AUTHZ_HOST,
                  LOG_AUTHZ_USER,
                  LOG_AUTHZ_GROUPFILE,
                  LOG_ACCESS_COMPAT,
                  LOG_ALLOWMETHODS,
                  LOG_AUTHN_CORE,
                  LOG_AUTHN_FILE,
                  LOG_AUTH_BASIC,
                  LOG_AUTH_DIGEST,
                  LOG_REWRITE,
                  LOG_ALIAS,
                  LOG_AUTOINDEX,
                  LOG_HEADERS,
                  LOG_SETENVIF,
                  LOG_ENV,
                  LOG_LOG_CONFIG,
                  LOG_MPM_EVENT,
                  LOG_REQTIMEOUT,
                  LOG_REMOTEIP,
                  LOG_FILTER,
                  LOG_DEFLATE,
                  LOG_BROTLI,
                  LOG_SUBSTITUTE,
                  LOG_SO,
                  LOG_UNIXD,
                  LOG_MACRO,
                  LOG_MODULES
};
const char *log_module_name(enum log_module m); /* "proxy_http" */
/* Accepts "proxy", "proxy_module" and "mod_proxy.c"; -1 when none of ours. */
int log_module_find(const char *name);
const char *log_level_name(enum log_level l);
int log_level_find(const char *name); /* Apache's words, case ignored; -1 when unknown */

struct log_levels { /* a level for each module */
    signed char of[LOG_MODULES];
};

/* One thing that happened, before it is a line. Strings are borrowed for the call. */
struct log_event {
    enum log_level level;
    enum log_module module;
    int ah;           /* AH number, 0 for none */
    int os_error;     /* errno, 0 for none; below 0 a code of getaddrinfo: "(EAI 2)…" */
    const char *file; /* source, printed from debug on */
    int line;
    const char *client;                                                     /* "192.0.2.1:5000" or NULL */
    const char *local;                                                      /* "192.0.2.9:80" or NULL */
    const char *connection_id, *request_id, *referer, *server_name, *vhost; /* or NULL; ErrorLogFormat */
    unsigned keepalives;
    const void *request; /* opaque: what ErrorLogFormat's %{..}e, n, i read through the render function */
    const char *message;
    int64_t wall_us; /* filled in when 0 */
};

/* ---- sinks: where bytes of a log go; one for each file, pipe or syslog of the process ---------- */

struct log_sink; /* counted; shared by every snapshot that names it */
enum log_sink_kind { LOG_SINK_ERROR, LOG_SINK_ACCESS };
/* spec: an absolute path, "|program" ("|$program" by shell), "||program", "syslog[:facility[:tag]]"; "/dev/stderr",
 * "/dev/stdout" and "/proc/self/fd/1|2" mean the open descriptor, which may be a socket or no longer ours to open.
 * Opens now; NULL with *error (malloc'd) when that fails. */
struct log_sink *log_sink_hold(const char *spec, enum log_sink_kind kind, char **error);
struct log_sink *
log_sink_again(struct log_sink *s);     /* one more reference to a sink one holds; NULL stays NULL; no lock */
void log_sink_drop(struct log_sink *s); /* closed once the lines before it are written */
const char *log_sink_spec(const struct log_sink *s);
bool log_sink_is_syslog(const struct log_sink *s); /* stamps its lines itself */
/* How files are opened: set by the keeper of privileges (serve); default open(2) O_APPEND 0644. */
void log_set_opener(int (*open_append)(const char *path));
/* Queue one line (with its newline): never blocks, never locks. What exceeds the bound is counted and said. s NULL:
 * stderr. */
void log_sink_write(struct log_sink *s, const char *line, size_t n, enum log_level level_for_syslog);
void log_sink_set_buffered(struct log_sink *s, bool on); /* BufferedLogs: written when full or each second */

void log_writer_start(void); /* before it, and after stop, lines are written at once by the caller */
void log_writer_stop(void);  /* writes all that is queued */
void log_reopen_all(void);   /* USR1/HUP: lines queued before go to the old files, later ones to the new */
size_t log_lines_lost(void);

/* ---- targets: the error log of one site or location -------------------------------------------- */

struct log_target {
    struct log_sink *sink; /* NULL: stderr */
    struct log_levels levels;
    /* Renders a line without newline into out, returns its length; NULL: Apache's default format. */
    size_t (*render)(const void *format, const struct log_event *e, char *out, size_t size);
    const void *format;
};
extern struct log_target log_main; /* start-up and what belongs to no site: replaced by each snapshot */

/* The most talkative level that any LogLevel of this process has named: what lies deeper is left without a look. */
extern _Atomic int log_deepest;
void log_deepen(enum log_level level);
static inline bool log_is_heard(enum log_level l)
{
    return (int)l <= atomic_load_explicit(&log_deepest, memory_order_relaxed);
}
static inline bool log_wants(const struct log_target *t, enum log_module m, enum log_level l)
{
    return (int)l <= t->levels.of[m] || l == LEVEL_NOTICE; /* notices always pass, as in httpd */
}
/* Apache's escapes of the error log: \n, \xHH …; returns the length, cuts what does not fit. For render functions. */
size_t log_escape(const char *text, char *out, size_t size);
/* Apache's default line: [time] [module:level] [pid N:tid N] file(line): (os)text: [client a:p] AHnnnnn: message */
size_t log_render_default(const struct log_event *e, char *out, size_t size);
void log_event_write(const struct log_target *t, struct log_event *e); /* level already checked */
void log_say(const struct log_target *t, struct log_event e, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

/* LOG_AT(&site->log, LOG_PROXY_HTTP, LEVEL_ERROR, 1114, errno, client, "…", …): nothing is formatted below the level.
 */
#define LOG_AT(target, mod, lvl, number, oserr, cl, ...)                                                               \
    do {                                                                                                               \
        if (log_is_heard(lvl) && log_wants((target), (mod), (lvl)))                                                    \
            log_say((target),                                                                                          \
                    (struct log_event){ .level = (lvl),                                                                \
                                        .module = (mod),                                                               \
                                        .ah = (number),                                                                \
                                        .os_error = (oserr),                                                           \
                                        .client = (cl),                                                                \
                                        .file = __FILE__,                                                              \
                                        .line = __LINE__ },                                                            \
                    __VA_ARGS__);                                                                                      \
    } while (0)
/* Of the server itself, no client. */
#define LOG_SERVER(mod, lvl, number, ...) LOG_AT(&log_main, mod, lvl, number, 0, NULL, __VA_ARGS__)

#endif
