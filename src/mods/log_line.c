/* A request's access line from a compiled format: httpd's mod_log_config.c (process_item and the log_* items). Values
 * from peers are escaped as ap_escape_logitem does, so that no NUL is in them: a NUL marks what a tunnel's end fills
 * in. */
#include "logs.h"
#include "ssl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

struct line {
    struct buf *out;
    const struct request *r;    /* whom this item is about */
    const struct request *last; /* the final one */
    const struct log_end *end;
};

const struct request *log_original(const struct request *r)
{
    while (r->previous)
        r = r->previous;
    return r;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static const bool plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

static void put_escaped_byte(struct buf *out, char c)
{
    static const char from[] = "\b\n\r\t\v\\\"", to[] = "bnrtv\\\"";
    const char *known = c ? strchr(from, c) : NULL;

    if (known)
        buf_printf(out, "\\%c", to[known - from]);
    else
        buf_printf(out, "\\x%02x", (unsigned char)c);
}

static void put_escaped(struct buf *out, struct span s)
{
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && plain[(unsigned char)s.p[n]])
            n++;
        buf_add(out, s.p, n);
        if (n < s.n)
            put_escaped_byte(out, s.p[n++]);
        s.p += n;
        s.n -= n;
    }
}

static void put_value(struct line *l, struct span s)
{
    if (s.p)
        put_escaped(l->out, s);
    else
        buf_adds(l->out, "-");
}

/* An empty one is none: mod_ssl's values, a method that could not be read. */
static void put_filled(struct line *l, struct span s)
{
    put_value(l, s.n ? s : (struct span){ NULL, 0 });
}

static void put_string(struct line *l, const char *s)
{
    put_value(l, span_of(s));
}

static void put_number(struct buf *out, uint64_t n)
{
    buf_add_number(out, n);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void put_clf_time(struct buf *out, int64_t seconds)
{
    static _Thread_local int64_t cached = INT64_MIN;
    static _Thread_local char text[96];
    static const char months[][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };

    if (seconds != cached) {
        time_t t = (time_t)seconds;
        struct tm tm;
        long zone;

        localtime_r(&t, &tm);
        zone = labs(tm.tm_gmtoff) / 60;
        snprintf(text, sizeof(text), "[%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld]", tm.tm_mday, months[tm.tm_mon],
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+', zone / 60,
                 zone % 60);
        cached = seconds;
    }
    buf_adds(out, text);
}

static void put_strftime(struct buf *out, const char *pattern, int64_t seconds)
{
    char text[1024];
    time_t t = (time_t)seconds;
    struct tm tm;

    localtime_r(&t, &tm);
    buf_add(out, text, strftime(text, sizeof(text), pattern, &tm));
}

static void put_time(struct buf *out, enum log_time_form form, const char *pattern, int64_t us)
{
    long long seconds = us / 1000000, fraction = us % 1000000;

    switch (form) {
    case TIME_CLF: put_clf_time(out, seconds); break;
    case TIME_STRFTIME: put_strftime(out, pattern, seconds); break;
    case TIME_SEC: put_number(out, (uint64_t)seconds); break;
    case TIME_MSEC: put_number(out, (uint64_t)us / 1000); break;
    case TIME_USEC: put_number(out, (uint64_t)us); break;
    case TIME_MSEC_FRAC: buf_printf(out, "%03lld", fraction / 1000); break;
    case TIME_USEC_FRAC: buf_printf(out, "%06lld", fraction); break;
    }
}

/* ---- what the end tells -------------------------------------------------------------------------------------------
 */

static void put_status_of_connection(struct buf *out, const struct log_end *end)
{
    buf_adds(out, end->aborted ? "X" : end->keepalive ? "+" : "-");
}

static void put_duration(struct buf *out, const char *unit, uint64_t us)
{
    put_number(out, us / (!strcasecmp(unit, "us") ? 1 : !strcasecmp(unit, "ms") ? 1000 : 1000000));
}

/* arg of 't': a letter of the form, then the pattern. */
static void put_end(struct buf *out, char what, const char *arg, const struct log_end *end)
{
    switch (what) {
    case 'I': put_number(out, end->bytes_in); break;
    case 'O': put_number(out, end->bytes_out); break;
    case 'S': put_number(out, end->bytes_in + end->bytes_out); break;
    case 'B': put_number(out, end->body); break;
    case 'b':
        if (end->body)
            put_number(out, end->body);
        else
            buf_adds(out, "-");
        break;
    case 'D': put_number(out, end->lasted_us); break;
    case 'T': put_duration(out, arg, end->lasted_us); break;
    case 'X': put_status_of_connection(out, end); break;
    case 't': put_time(out, (enum log_time_form)(*arg - 'a'), arg + 1, end->wall_us); break;
    default: base_panic("no such hole in an access line", __FILE__, __LINE__);
    }
}

static void put_or_leave(struct line *l, char what, const char *arg)
{
    if (l->end) {
        put_end(l->out, what, arg, l->end);
        return;
    }
    buf_add(l->out, "", 1);
    buf_add(l->out, &what, 1);
    buf_add(l->out, arg, strlen(arg) + 1);
}

void log_line_close(struct buf *out, struct span open, const struct log_end *end)
{
    while (open.n > 0) {
        size_t text = strnlen(open.p, open.n), arg;

        buf_add(out, open.p, text);
        if (text == open.n)
            return;
        ASSERT(text + 3 <= open.n);
        put_end(out, open.p[text + 1], open.p + text + 2, end);
        arg = strnlen(open.p + text + 2, open.n - text - 2);
        ASSERT(text + 3 + arg <= open.n);
        open.p += text + 3 + arg;
        open.n -= text + 3 + arg;
    }
}

/* ---- items ----------------------------------------------------------------------------------------------------------
 */

static void put_end_time(struct line *l, const struct log_item *item)
{
    char form[2] = { (char)('a' + item->form), '\0' };

    if (l->end)
        put_time(l->out, item->form, item->arg, l->end->wall_us);
    else
        put_or_leave(l, 't', arena_concat(l->r->arena, form, item->arg, NULL));
}

static void put_user(struct line *l)
{
    if (l->r->user && !*l->r->user)
        buf_adds(l->out, "\"\"");
    else
        put_string(l, l->r->user);
}

/* A password in the target is not for the log. */
static void put_request_line(struct line *l)
{
    const struct request *r = l->r;
    struct span line = r->head.line, user = r->head.parts.user;
    const char *colon = user.p ? memchr(user.p, ':', user.n) : NULL;
    const char *found = colon ? memmem(line.p, line.n, user.p, user.n) : NULL;
    size_t before;

    if (!found) {
        put_value(l, line);
        return;
    }
    before = (size_t)(found - line.p) + (size_t)(colon - user.p) + 1;
    put_escaped(l->out, (struct span){ line.p, before });
    buf_adds(l->out, "XXXXXXXX");
    before = (size_t)(found - line.p) + user.n;
    put_escaped(l->out, (struct span){ line.p + before, line.n - before });
}

static void put_protocol(struct line *l)
{
    int version = l->r->head.version ? l->r->head.version : 10; /* what could not be read */

    buf_adds(l->out, "HTTP/");
    put_number(l->out, (uint64_t)version / 10);
    buf_adds(l->out, ".");
    put_number(l->out, (uint64_t)version % 10);
}

/* Of a request that was refused before its path was made: as it was sent. */
static struct http_target target_of(const struct request *r)
{
    struct http_target t = { 0 };

    if (r->head.target.p && http_parse_target(r->head.method, r->head.target, &t))
        return t;
    return (struct http_target){ 0 };
}

static void put_path(struct line *l)
{
    if (*l->r->uri)
        put_string(l, l->r->uri);
    else
        put_value(l, target_of(l->r).path);
}

static void put_port(struct line *l, const char *which)
{
    const struct peer_info *peer = l->r->peer;

    if (!strcasecmp(which, "remote"))
        put_number(l->out, l->r->client_port);
    else if (!strcasecmp(which, "local"))
        put_number(l->out, peer->local_port);
    else if (l->r->site->server_port)
        put_number(l->out, (unsigned)l->r->site->server_port);
    else
        put_number(l->out, (unsigned)request_default_port(l->r));
}

static void put_process(struct line *l, const char *which)
{
    if (!strcasecmp(which, "tid"))
        put_number(l->out, (unsigned long)pthread_self());
    else if (!strcasecmp(which, "hextid"))
        buf_printf(l->out, "%lx", (unsigned long)pthread_self());
    else
        put_number(l->out, (unsigned)getpid());
}

/* httpd counts the requests that left the connection alive, and the one that reached MaxKeepAliveRequests. */
static void put_keepalives(struct line *l)
{
    const struct request *r = l->last;
    unsigned served = r->peer->served, most = (unsigned)core_site_of(r->site)->max_keepalive;
    bool counted = (r->keepalive && r->status != 101) || (most && served + 1 >= most);

    put_number(l->out, served && !counted ? served - 1 : served);
}

static void put_first_byte(struct line *l)
{
    const struct request *r = l->last;

    if (r->first_byte_ms)
        put_number(l->out, (r->first_byte_ms > r->begun_ms ? r->first_byte_ms - r->begun_ms : 0) * 1000);
    else
        buf_adds(l->out, "-");
}

static void put_request_header(struct line *l, const char *name)
{
    put_value(l, request_field(l->r, name));
}

/* httpd lays err_headers_out before headers_out when it sends a head. */
static void put_response_header(struct line *l, const char *name)
{
    const struct request *r = l->r;
    struct span always = http_fields_get(&r->err_out, name), value = always.p ? always : http_fields_get(&r->out, name);

    if (!strcasecmp(name, "Set-Cookie")) {
        struct span a = http_fields_join(r->arena, &r->err_out, name), b = http_fields_join(r->arena, &r->out, name);

        put_value(l, a.p ? a : b);
        if (a.p && b.p) {
            buf_adds(l->out, ", ");
            put_escaped(l->out, b);
        }
        return;
    }
    if (value.p && !strcasecmp(name, "Content-Type")) { /* without its parameters */
        const char *semicolon = memchr(value.p, ';', value.n);

        value.n = semicolon ? (size_t)(semicolon - value.p) : value.n;
        value = span_trim(value);
    }
    put_value(l, value);
}

/* The next piece before `stop`, empty ones skipped; false at the end. apr_strtok. */
static bool next_piece(struct span *rest, char stop, struct span *piece)
{
    const char *end;

    while (rest->n && *rest->p == stop)
        rest->p++, rest->n--;
    if (!rest->n)
        return false;
    end = memchr(rest->p, stop, rest->n);
    piece->p = rest->p;
    piece->n = end ? (size_t)(end - rest->p) : rest->n;
    rest->p += piece->n + (end != NULL);
    rest->n -= piece->n + (end != NULL);
    return true;
}

static void put_cookie(struct line *l, const char *name)
{
    struct span all = request_field(l->r, "Cookie"), pair, key;

    while (next_piece(&all, ';', &pair)) {
        if (!next_piece(&pair, '=', &key) || !pair.n || !span_ieq_str(span_trim(key), name))
            continue;
        put_value(l, span_trim(pair));
        return;
    }
    buf_adds(l->out, "-");
}

static void put_query(struct line *l)
{
    struct span query = *l->r->uri ? l->r->args : target_of(l->r).query;

    if (!query.p)
        return;
    buf_adds(l->out, "?");
    put_escaped(l->out, query);
}

/* As in httpd there is an id to look for only when the error log has a line with it. */
static void put_id(struct line *l, const char *which)
{
    const char *id = strcmp(which, "c") ? l->r->id : l->r->peer->id;

    put_string(l, l->r->logged && *l->r->logged && *id ? id : NULL);
}

static void put_number_or_dash(struct line *l, int n)
{
    if (n > 0)
        put_number(l->out, (unsigned)n);
    else
        buf_adds(l->out, "-");
}

static bool applies(const struct log_item *item, int status)
{
    bool listed = false;

    if (!item->n_statuses)
        return true;
    for (unsigned i = 0; i < item->n_statuses; i++)
        listed |= item->statuses[i] == status;
    return listed != item->negated;
}

static void put_item(struct line *l, const struct log_item *item)
{
    const struct request *r = l->r;

    switch (item->what) {
    case LOG_TEXT: buf_add(l->out, item->arg, item->n); break;
    case LOG_TRAILER_IN: put_value(l, http_fields_get(&r->trailers_in, item->arg)); break;
    case LOG_TRAILER_OUT: put_value(l, http_fields_get(&r->trailers_out, item->arg)); break;
    case LOG_FIRST_BYTE: put_first_byte(l); break;
    case 'a':
    case 'h': put_string(l, strcmp(item->arg, "c") == 0 ? r->peer->ip : r->client_ip); break;
    case 'A': put_string(l, r->peer->local_ip); break;
    case 'l': buf_adds(l->out, "-"); break; /* no identd is asked */
    case 'x': put_filled(l, ssl_variable(r, item->arg)); break;
    case 'c': put_filled(l, ssl_log_variable(r, item->arg)); break;
    case 'u': put_user(l); break;
    case 't':
        if (item->at_end)
            put_end_time(l, item);
        else
            put_time(l->out, item->form, item->arg, r->begun_us);
        break;
    case 'f': put_string(l, r->site ? request_filename(r) : NULL); break;
    case 'i': put_request_header(l, item->arg); break;
    case 'o': put_response_header(l, item->arg); break;
    case 'n': put_value(l, http_fields_get(&r->notes, item->arg)); break;
    case 'e': put_value(l, http_fields_get(&r->env, item->arg)); break;
    case 'C': put_cookie(l, item->arg); break;
    case 'L': put_id(l, item->arg); break;
    case 'V': put_string(l, request_server_name(r)); break;
    case 'v': put_string(l, r->site->server_name); break;
    case 'p': put_port(l, item->arg); break;
    case 'P': put_process(l, item->arg); break;
    case 'H': put_protocol(l); break;
    case 'm': put_filled(l, r->head.method); break;
    case 'q': put_query(l); break;
    case 'k': put_keepalives(l); break;
    case 'r': put_request_line(l); break;
    case 'U': put_path(l); break;
    case 's': put_number_or_dash(l, r->status); break;
    case 'R': put_string(l, r->handler); break;
    default: put_or_leave(l, (char)item->what, item->arg); break;
    }
}

void log_line_add(struct buf *out, const struct log_format *f, const struct request *r, const struct log_end *end)
{
    const struct request *original = log_original(r);
    struct line l = { .out = out, .last = r, .end = end };

    for (unsigned i = 0; i < f->n; i++) {
        l.r = f->items[i].original ? original : r;
        if (applies(&f->items[i], r->status))
            put_item(&l, &f->items[i]);
        else
            buf_adds(out, "-");
    }
}
