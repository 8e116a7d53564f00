/* The error log: levels, modules and Apache's default line (httpd server/log.c). */
#include "log_sink.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 }; /* as httpd: longer lines are cut */

static const char *const level_names[] = { "emerg",  "alert",  "crit",   "error",  "warn",   "notice",
                                           "info",   "debug",  "trace1", "trace2", "trace3", "trace4",
                                           "trace5", "trace6", "trace7", "trace8" };

static const char *const module_names[LOG_MODULES] = {
    [LOG_CORE] = "core",
    [LOG_HTTP] = "http",
    [LOG_HTTP2] = "http2",
    [LOG_PROXY] = "proxy",
    [LOG_PROXY_HTTP] = "proxy_http",
    [LOG_PROXY_WSTUNNEL] = "proxy_wstunnel",
    [LOG_PROXY_BALANCER] = "proxy_balancer",
    [LOG_SSL] = "ssl",
    [LOG_AUTHZ_CORE] = "authz_core",
    [LOG_AUTHZ_HOST] = "authz_host",
    [LOG_AUTHZ_USER] = "authz_user",
    [LOG_AUTHZ_GROUPFILE] = "authz_groupfile",
    [LOG_ACCESS_COMPAT] = "access_compat",
    [LOG_ALLOWMETHODS] = "allowmethods",
    [LOG_AUTHN_CORE] = "authn_core",
    [LOG_AUTHN_FILE] = "authn_file",
    [LOG_AUTH_BASIC] = "auth_basic",
    [LOG_AUTH_DIGEST] = "auth_digest",
    [LOG_REWRITE] = "rewrite",
    [LOG_ALIAS] = "alias",
    [LOG_AUTOINDEX] = "autoindex",
    [LOG_HEADERS] = "headers",
    [LOG_SETENVIF] = "setenvif",
    [LOG_ENV] = "env",
    [LOG_LOG_CONFIG] = "log_config",
    [LOG_MPM_EVENT] = "mpm_event",
    [LOG_REQTIMEOUT] = "reqtimeout",
    [LOG_REMOTEIP] = "remoteip",
    [LOG_FILTER] = "filter",
    [LOG_DEFLATE] = "deflate",
    [LOG_BROTLI] = "brotli",
    [LOG_SUBSTITUTE] = "substitute",
    [LOG_SO] = "so",
    [LOG_UNIXD] = "unixd",
    [LOG_MACRO] = "macro",
};

_Atomic int log_deepest = LEVEL_NOTICE; /* which always passes */

void log_deepen(enum log_level level)
{
    int now = log_deepest;

    while (now < (int)level && !atomic_compare_exchange_weak(&log_deepest, &now, (int)level))
        ;
}

struct log_target log_main = { .levels = { .of = { [0 ... LOG_MODULES - 1] = LEVEL_WARN } } };

const char *log_module_name(enum log_module m)
{
    return module_names[m];
}
const char *log_level_name(enum log_level l)
{
    return level_names[l];
}

int log_level_find(const char *name)
{
    for (unsigned i = 0; i < COUNT_OF(level_names); i++)
        if (strcasecmp(name, level_names[i]) == 0)
            return (int)i;
    return -1;
}

/* Those whose source file is not mod_NAME.c. */
static const struct {
    const char *source;
    enum log_module module;
} sources[] = { { "core.c", LOG_CORE }, { "http_core.c", LOG_HTTP }, { "event.c", LOG_MPM_EVENT } };

/* Is name "NAME", "NAME_module" or "mod_NAME.c"? */
static bool names_module(const char *name, const char *module)
{
    size_t n = strlen(module);
    if (strncmp(name, "mod_", 4) == 0)
        return strncmp(name + 4, module, n) == 0 && strcmp(name + 4 + n, ".c") == 0;
    return strncmp(name, module, n) == 0 && (!name[n] || strcmp(name + n, "_module") == 0);
}

int log_module_find(const char *name)
{
    for (unsigned i = 0; i < COUNT_OF(sources); i++)
        if (strcmp(name, sources[i].source) == 0)
            return (int)sources[i].module;
    for (int i = 0; i < LOG_MODULES; i++)
        if (names_module(name, module_names[i]))
            return i;
    return -1;
}

/* ---- the line ---- */

struct out { /* what does not fit is cut off */
    char *p;
    size_t n, size;
};

static void put(struct out *o, const char *format, ...) PRINTF(2, 3);
static void put(struct out *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(o->p + o->n, o->size - o->n, format, args);
    va_end(args);
    if (n > 0)
        o->n = (size_t)n < o->size - o->n ? o->n + (size_t)n : o->size - 1;
}

static char escape_letter(unsigned char c)
{
    switch (c) {
    case '\b': return 'b';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    case '\\': return '\\';
    default: return 0;
    }
}

/* Length of the well-formed UTF-8 character at p (RFC 3629), 0 when it is none or a C1 control: our Japanese is to be
 * read, a peer's terminal escapes are not. */
static size_t utf8_length(const unsigned char *p)
{
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : p[0] >= 0xe0 && p[0] <= 0xef ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;

    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
        return 0;
    return n;
}

/* One character of the text, as it is or escaped, into piece; returns how many bytes of the text it was. */
static size_t escape_one(const unsigned char *p, char piece[5])
{
    char letter = escape_letter(*p);
    size_t n = utf8_length(p);

    if (n)
        memcpy(piece, p, n);
    else if (letter)
        snprintf(piece, 5, "\\%c", letter);
    else if (*p < ' ' || *p >= 0x7f)
        snprintf(piece, 5, "\\x%02x", *p);
    else
        piece[0] = (char)*p;
    return n ? n : 1;
}

size_t log_escape(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        char piece[5] = { 0 };
        p += escape_one(p, piece);
        size_t len = strlen(piece);
        if (n + len >= size)
            break;
        memcpy(out + n, piece, len);
        n += len;
    }
    out[n] = '\0';
    return n;
}

static void put_escaped(struct out *o, const char *text)
{
    o->n += log_escape(text, o->p + o->n, o->size - o->n);
}

/* Local time, as people compare it with their clock. localtime_r takes a lock: once a second is enough. */
static void put_time(struct out *o, int64_t wall_us)
{
    static _Thread_local time_t cached;
    static _Thread_local char day[24], year[8];
    time_t seconds = (time_t)(wall_us / 1000000);
    if (seconds != cached || !day[0]) {
        struct tm tm;
        localtime_r(&seconds, &tm);
        strftime(day, sizeof(day), "%a %b %d %H:%M:%S", &tm);
        strftime(year, sizeof(year), "%Y", &tm);
        cached = seconds;
    }
    put(o, "[%s.%06d %s] ", day, (int)(wall_us % 1000000), year);
}

/* Negative: of getaddrinfo, which apr numbers by itself. */
static void put_os_error(struct out *o, int error)
{
    char text[128];
    if (error < 0)
        put(o, "(EAI %d)%s: ", -error, gai_strerror(error));
    else if (error > 0)
        put(o, "(%d)%s: ", error, strerror_r(error, text, sizeof(text)));
}

static void put_rest(struct out *o, const struct log_event *e)
{
    put(o, "[%s:%s] [pid %d:tid %d] ", module_names[e->module], level_names[e->level], (int)getpid(), (int)gettid());
    if (e->level >= LEVEL_DEBUG && e->file) {
        const char *slash = strrchr(e->file, '/');
        put(o, "%s(%d): ", slash ? slash + 1 : e->file, e->line);
    }
    put_os_error(o, e->os_error);
    if (e->client)
        put(o, "[client %s] ", e->client);
    if (e->ah)
        put(o, "AH%05d: ", e->ah);
    put_escaped(o, e->message ? e->message : "");
    if (e->referer && *e->referer) {
        put(o, ", referer: ");
        put_escaped(o, e->referer);
    }
}

size_t log_render_default(const struct log_event *e, char *out, size_t size)
{
    struct out o = { out, 0, size };
    put_time(&o, e->wall_us ? e->wall_us : base_wall_us());
    put_rest(&o, e);
    return o.n;
}

size_t log_render_unstamped(const struct log_event *e, char *out, size_t size)
{
    struct out o = { out, 0, size };
    put_rest(&o, e);
    return o.n;
}

/* ---- targets ---- */

/* Notices pass whatever the level (they tell of starts and stops), but not to syslog: httpd's rule. */
static bool too_quiet_for_syslog(const struct log_target *t, const struct log_event *e)
{
    return log_sink_is_syslog(t->sink) && (int)e->level > t->levels.of[e->module];
}

void log_event_write(const struct log_target *t, struct log_event *e)
{
    char line[LINE_MAX_BYTES];
    size_t n, size = sizeof(line) - 1; /* for the newline */
    if (too_quiet_for_syslog(t, e))
        return;
    if (!e->wall_us)
        e->wall_us = base_wall_us();
    if (t->render)
        n = t->render(t->format, e, line, size);
    else if (log_sink_is_syslog(t->sink))
        n = log_render_unstamped(e, line, size);
    else
        n = log_render_default(e, line, size);
    ASSERT(n < sizeof(line));
    if (n == 0)
        return; /* a format may leave a whole line out */
    line[n++] = '\n';
    log_sink_write(t->sink, line, n, e->level);
}

void log_say(const struct log_target *t, struct log_event e, const char *format, ...)
{
    char message[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    e.message = message;
    log_event_write(t, &e);
}
