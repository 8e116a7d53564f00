/* ErrorLogFormat: httpd's core.c (parse_errorlog_item) and log.c (do_errorlog_format). A blank separates fields: of a
 * field in which an item is empty nothing is written. */
#include "mods.h"

#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

struct item {
    char what;       /* the directive's letter; 'M' the message; 0 text */
    bool separates;  /* starts a field */
    bool required;   /* "+": without it the whole line is left out */
    bool hyphen;     /* "-": "-" when empty */
    unsigned level;  /* not in lines graver than this one */
    const char *arg; /* NULL without braces */
};
struct format {
    struct item *items;
    unsigned n;
};
struct parser {
    struct arena *arena;
    const char *p;
};

/* ---- compiling --------------------------------------------------------------------------------------------------- */

/* Text up to "%", or to a blank that does not lead it: the blank starts the next field. */
static void parse_text(struct parser *p, struct item *item)
{
    static const char from[] = "rnt", to[] = "\r\n\t";
    char *text = arena_alloc(p->arena, strlen(p->p) + 1), *end = text;
    bool leading = true;

    for (; *p->p && *p->p != '%' && (*p->p != ' ' || leading); p->p++) {
        const char *known = NULL;

        leading = leading && *p->p == ' ';
        if (*p->p == '\\' && p->p[1]) {
            p->p++;
            known = strchr(from, *p->p);
        }
        *end++ = known ? to[known - from] : *p->p;
    }
    item->arg = text;
}

static void parse_level(struct parser *p, struct item *item)
{
    for (; *p->p >= '0' && *p->p <= '9'; p->p++)
        item->level = item->level < 1000 ? item->level * 10 + (unsigned)(*p->p - '0') : item->level;
}

static void parse_braces(struct parser *p, struct item *item)
{
    size_t n = strcspn(p->p, "}");

    item->arg = arena_strndup(p->arena, p->p, n);
    p->p += n;
    p->p += strspn(p->p, "}");
}

/* p is behind the "%" and any flags of it are still to come. */
static const char *parse_directive(struct parser *p, struct item *item)
{
    while (*p->p) {
        if (*p->p >= '0' && *p->p <= '9') {
            parse_level(p, item);
            continue;
        }
        if (!strchr("{+-", *p->p)) {
            item->what = *p->p++;
            if (strchr("aAeEFiklLmMnPtTvV", item->what))
                return NULL;
            return arena_printf(p->arena, "Unrecognized error log format directive %%%c", item->what);
        }
        item->required |= *p->p == '+';
        item->hyphen |= *p->p == '-';
        if (*p->p++ == '{')
            parse_braces(p, item);
    }
    return "Ran off end of error log format parsing args to some directive";
}

static const char *parse_item(struct parser *p, struct item *item)
{
    while (p->p[0] == '%' && p->p[1] == ' ') { /* a separator that writes nothing */
        item->separates = true;
        p->p += 2;
    }
    if (*p->p != '%') {
        item->separates |= *p->p == ' ';
        parse_text(p, item);
        return NULL;
    }
    p->p++;
    if (*p->p != '%')
        return parse_directive(p, item);
    item->arg = "%";
    p->p++;
    return NULL;
}

static const char *check_item(const struct item *item, bool main_format)
{
    if (item->what == 'M' && !main_format)
        return "%M cannot be used in once-per-request or once-per-connection formats";
    if (main_format && item->required)
        return "The '+' flag cannot be used in the main error log format";
    if (!main_format && item->level)
        return "The loglevel cannot be used as a condition in once-per-request or once-per-connection formats";
    if (item->level > LEVEL_TRACE8)
        return "The specified loglevel modifier is out of range";
    return NULL;
}

const char *error_format_compile(struct arena *a, const char *format, const char *kind, const void **out)
{
    struct parser p = { a, format };
    struct format *f = arena_alloc(a, sizeof(*f));
    bool message = false;

    f->items = arena_alloc(a, (strlen(format) + 1) * sizeof(*f->items)); /* an item takes a byte at least */
    while (*p.p) {
        struct item *item = &f->items[f->n++];
        const char *fault = parse_item(&p, item);

        fault = fault ? fault : check_item(item, !kind);
        if (fault)
            return fault;
        message |= item->what == 'M';
    }
    if (!kind && !message)
        return "main ErrorLogFormat must contain message format string '%M'";
    *out = f;
    return NULL;
}

/* ---- rendering ----------------------------------------------------------------------------------------------------
 */

struct out {
    char *p;
    size_t n, size; /* size leaves room for the NUL that snprintf wants */
};

static void put(struct out *o, const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n > o->size - o->n)
        n = o->size - o->n;
    if (n)
        memcpy(o->p + o->n, text, n);
    o->n += n;
}

static PRINTF(2, 3) void put_formatted(struct out *o, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(o, text);
}

static void put_escaped(struct out *o, const char *text)
{
    if (text)
        o->n += log_escape(text, o->p + o->n, o->size - o->n + 1);
}

/* Tue Nov 24 10:00:00[.uuuuuu] 2026, with "c" 2026-11-24 10:00:00, with "z" the zone behind it. */
static void put_time(struct out *o, const char *options, int64_t us)
{
    time_t t = (time_t)(us / 1000000);
    bool compact = options && strchr(options, 'c');
    char text[256];
    struct tm tm;

    localtime_r(&t, &tm);
    if (options && strchr(options, '%')) {
        text[strftime(text, sizeof(text), options, &tm)] = '\0';
        put(o, text);
        return;
    }
    strftime(text, sizeof(text), compact ? "%Y-%m-%d %H:%M:%S" : "%a %b %d %H:%M:%S", &tm);
    put(o, text);
    if (options && strchr(options, 'u'))
        put_formatted(o, ".%06d", (int)(us % 1000000));
    if (!compact)
        put_formatted(o, " %d", tm.tm_year + 1900);
    if (options && strchr(options, 'z')) {
        strftime(text, sizeof(text), " %z", &tm);
        put(o, text);
    }
}

static void put_os_error(struct out *o, int error)
{
    char text[128];

    if (error > 0)
        put_formatted(o, "(%d)%s", error, strerror_r(error, text, sizeof(text)));
    else if (error < 0)
        put_formatted(o, "(EAI %d)", -error);
}

static void put_message(struct out *o, const struct log_event *e)
{
    if (e->ah)
        put_formatted(o, "AH%05d: ", e->ah);
    put_escaped(o, e->message);
}

static void put_field(struct out *o, const struct http_fields *fields, const struct request *r, const char *name)
{
    struct span value = http_fields_get(fields, name);

    if (value.p)
        put_escaped(o, arena_span(r->arena, value));
}

static void put_of_request(struct out *o, const struct item *item, const struct request *r)
{
    if (!r || !item->arg)
        return;
    put_field(o, item->what == 'i' ? &r->head.fields : item->what == 'e' ? &r->env : &r->notes, r, item->arg);
}

/* %L of the request; %{c}L and %{C}L of the connection, the latter only where no request is known. */
static void put_id(struct out *o, const char *which, const struct log_event *e)
{
    if (!which || strcasecmp(which, "c"))
        put(o, e->request_id);
    else if (*which == 'c' || !e->request)
        put(o, e->connection_id);
}

static void put_thread(struct out *o, const char *which)
{
    if (which && *which == 'g')
        put_formatted(o, "%d", (int)gettid());
    else
        put_formatted(o, "%lu", (unsigned long)pthread_self());
}

static void put_item(struct out *o, const struct item *item, const struct log_event *e)
{
    switch (item->what) {
    case 'a': put(o, e->client); break;
    case 'A': put(o, e->local); break;
    case 'E': put_os_error(o, e->os_error); break;
    case 'F':
        if (e->file)
            put_formatted(o, "%s(%d)", strrchr(e->file, '/') ? strrchr(e->file, '/') + 1 : e->file, e->line);
        break;
    case 'k':
        if (e->connection_id)
            put_formatted(o, "%u", e->keepalives);
        break;
    case 'l': put(o, log_level_name(e->level)); break;
    case 'L': put_id(o, item->arg, e); break;
    case 'm': put(o, log_module_name(e->module)); break;
    case 'M': put_message(o, e); break;
    case 'P': put_formatted(o, "%d", (int)getpid()); break;
    case 't': put_time(o, item->arg, e->wall_us ? e->wall_us : base_wall_us()); break;
    case 'T': put_thread(o, item->arg); break;
    case 'v': put(o, e->vhost); break;
    case 'V': put(o, e->server_name); break;
    case 0: put(o, item->arg); break;
    default: put_of_request(o, item, e->request); break;
    }
}

size_t error_format_render(const void *format, const struct log_event *e, char *out, size_t size)
{
    const struct format *f = format;
    struct out o = { out, 0, size > 2 ? size - 2 : 0 }; /* and the newline's */
    size_t field = 0;
    bool skipping = false;

    for (unsigned i = 0; i < f->n; i++) {
        const struct item *item = &f->items[i];
        size_t before = o.n;

        if (item->separates) {
            field = o.n;
            skipping = false;
        }
        if (skipping && item->what != 'M')
            continue;
        if (item->level <= (unsigned)e->level)
            put_item(&o, item, e);
        if (o.n > before || item->what == 'M')
            continue;
        if (item->required)
            return 0;
        if (item->hyphen && item->level <= (unsigned)e->level) {
            put(&o, "-");
        } else {
            o.n = field;
            skipping = true;
        }
    }
    return o.n;
}
