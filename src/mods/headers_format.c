/* Values of Header and RequestHeader: httpd's mod_headers.c (parse_format_string, process_tags). */
#include "headers.h"
#include "proxy.h"
#include "ssl.h"

#include <stdlib.h>
#include <unistd.h>

struct item {
    char kind; /* a letter of `letters`, or 0: arg is text */
    const char *arg;
};
struct header_format {
    const struct expr *expr; /* or NULL */
    struct vec items;        /* struct item * */
};

static const char letters[] = "Dtelibs";

static void add_item(struct arena *a, struct header_format *f, char kind, const char *arg)
{
    struct item *item = arena_alloc(a, sizeof(*item));

    *item = (struct item){ kind, arg };
    vec_add(a, &f->items, item);
}

/* Text up to the next "%"; of the escapes only \\, \r, \n and \t mean something. */
static const char *read_text(struct arena *a, struct header_format *f, const char *p)
{
    static const char from[] = "\\rnt", to[] = "\\\r\n\t";
    char *text = arena_alloc(a, strcspn(p, "%") + 1), *end = text;

    while (*p && *p != '%') {
        const char *known = p[0] == '\\' && p[1] ? strchr(from, p[1]) : NULL;

        *end++ = known ? to[known - from] : *p;
        p += known ? 2 : 1;
    }
    add_item(a, f, 0, text);
    return p;
}

/* p is behind the "%"; NULL and *fault when it is no item. */
static const char *read_item(struct arena *a, struct header_format *f, const char *p, const char **fault)
{
    const char *arg = "";

    if (!*p || *p == '%') {
        add_item(a, f, 0, "%");
        return *p ? p + 1 : p;
    }
    if (*p == '{') { /* ap_getword: the braces that follow at once are skipped */
        size_t n = strcspn(++p, "}");

        arg = arena_strndup(a, p, n);
        p += n;
        p += strspn(p, "}");
    }
    if (!*p || !strchr(letters, *p)) {
        *fault = arena_printf(a, "Unrecognized header format %%%.1s", p);
        return NULL;
    }
    add_item(a, f, *p, arg);
    return p + 1;
}

const char *header_format_compile(struct conf_cmd *cmd, const char *text, const struct header_format **format)
{
    struct header_format *f = arena_alloc(cmd->arena, sizeof(*f));
    const char *fault = NULL;

    *format = f;
    if (strncmp(text, "expr=", 5) == 0) {
        f->expr = vars_compile(cmd, text + 5, EXPR_STRING, &fault);
        return f->expr ? NULL : conf_fault(cmd, "Can't parse value expression : %s", fault);
    }
    for (const char *p = text; p && *p;)
        p = *p == '%' ? read_item(cmd->arena, f, p + 1, &fault) : read_text(cmd->arena, f, p);
    return fault;
}

/* ---- for a request ---- */

/* httpd counts idle and busy threads of a hundred; here the machine's load tells how busy its cores are. */
static int busy_share(void)
{
    double load = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (getloadavg(&load, 1) < 1 || cores < 1 || load >= (double)cores)
        return load > 0 ? 100 : 0;
    return (int)(load * 100 / (double)cores);
}

static const char *load_text(struct arena *a)
{
    double load[3] = { 0 };

    if (getloadavg(load, 3) < 3)
        load[0] = load[1] = load[2] = 0;
    return arena_printf(a, "l=%.2f/%.2f/%.2f", load[0], load[1], load[2]);
}

static const char *one_line(struct arena *a, struct span value)
{
    char *text = arena_span(a, value);

    for (char *p = text; *p; p++)
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    return text;
}

static const char *item_text(const struct request *r, const struct item *item)
{
    struct span value = { NULL, 0 };

    switch (item->kind) {
    case 0: return item->arg;
    case 'D': return arena_printf(r->arena, "D=%lld", (long long)(base_wall_us() - r->begun_us));
    case 't': return arena_printf(r->arena, "t=%lld", (long long)r->begun_us);
    case 'l': return load_text(r->arena);
    case 'i': return arena_printf(r->arena, "i=%d", 100 - busy_share());
    case 'b': return arena_printf(r->arena, "b=%d", busy_share());
    case 'e': value = http_fields_get(&r->env, item->arg); return value.p ? one_line(r->arena, value) : "(null)";
    default: break;
    }
    if (proxy_site_of(r->snapshot->main)->ssl_loaded) /* mod_ssl is whom httpd asks */
        value = ssl_variable(r, item->arg);
    return value.n ? one_line(r->arena, value) : "(null)";
}

static const char *expr_value(const struct request *r, const struct expr *e)
{
    const char *fault = NULL;
    struct span text = vars_text(r, e, &fault);

    if (text.p)
        return arena_span(r->arena, text);
    REQUEST_LOG(r, LOG_HEADERS, LEVEL_ERROR, 2557, "Can't evaluate value expression: %s", fault);
    return "";
}

const char *header_format_text(const struct request *r, const struct header_format *f)
{
    const char *text = "";

    if (f->expr)
        return expr_value(r, f->expr);
    for (unsigned i = 0; i < f->items.n; i++) {
        const char *piece = item_text(r, f->items.items[i]);
        text = i ? arena_concat(r->arena, text, piece, NULL) : piece;
    }
    return text;
}
