/* Response heads of backends (RFC 9112 section 4; httpd: ap_proxy_http_process_response, ap_proxy_read_headers and the
 * check of ap_http_header_filter). Lenient in what servers in the field send, never in what frames a message. */
#include "bytes.h"
#include "head.h"

#define FIELDS_MAX 1000
#define HEAD_LINES 64 /* the head holds at most this many lines of full length */

#define REFUSAL(name, status, ah, level, text)                                                                         \
    static const struct http_fault name = { status, ah, level, text, NULL, NULL }

REFUSAL(corrupt_status, 502, 898, LEVEL_ERROR, "Corrupt status line returned by remote server");
REFUSAL(no_status, 502, 1102, LEVEL_ERROR, "error reading status line from remote server");
REFUSAL(line_too_long, 502, 10124, LEVEL_WARN, "header size is over the limit allowed by ResponseFieldSize");
REFUSAL(head_too_long, 502, 10404, LEVEL_WARN, "Error reading headers from backend, too many of them");
REFUSAL(nul_in_head, 502, 10404, LEVEL_WARN, "Error reading headers from backend, a NUL byte");
REFUSAL(no_colon, 502, 1106, LEVEL_WARN, "bad header line returned");
REFUSAL(empty_name, 500, 2428, LEVEL_ERROR, "Empty response header name, aborting request");
REFUSAL(bad_name, 500, 2429, LEVEL_ERROR, "Response header name contains invalid characters, aborting request");
REFUSAL(bad_value, 500, 2430, LEVEL_ERROR, "Response header value contains invalid characters, aborting request");

static const struct span nothing = { NULL, 0 };

struct reader {
    struct arena *arena;
    struct span in;
    size_t max_line;
    struct http_scan *scan;
    struct http_response_head *head;
    struct http_fault *fault;
};

static enum http_parse refuse(struct reader *r, const struct http_fault *model, struct span detail)
{
    head_refuse(r->arena, r->fault, model, detail);
    return HTTP_BAD;
}

/* "HTTP/#.# ###" and anything behind it, as apr_date_checkmask has it. */
static bool is_status_line(struct span s)
{
    return s.n >= 12 && memcmp(s.p, "HTTP/", 5) == 0 && is_digit(s.p[5]) && s.p[6] == '.' && is_digit(s.p[7]) &&
           s.p[8] == ' ' && is_digit(s.p[9]) && is_digit(s.p[10]) && is_digit(s.p[11]);
}

/* The phrase is for people: one that we would not dare to send on is left out. */
static struct span parse_reason(struct span rest)
{
    if (rest.n == 0 || *rest.p != ' ')
        return nothing;
    rest = span_trim(rest);
    return http_is_value(rest) ? rest : nothing;
}

static bool parse_status_line(struct http_response_head *head, struct span line)
{
    if (!is_status_line(line) || line.p[5] != '1' || line.p[9] == '0' || (line.n > 12 && is_digit(line.p[12])))
        return false;
    head->version = 10 + (line.p[7] - '0');
    head->status = (line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 + (line.p[11] - '0');
    return true;
}

/* One stray empty line is passed over. HTTP_DONE: what begins here is no status line and never will be. */
static enum http_parse look_at_start(struct reader *r)
{
    struct http_scan *s = r->scan;

    for (;;) {
        struct span rest = { r->in.p + s->head, r->in.n - s->head };
        size_t blank = rest.n && *rest.p == '\r';

        if (rest.n == blank)
            return HTTP_MORE;
        if (rest.p[blank] != '\n')
            return memcmp(rest.p, "HTTP/", rest.n < 5 ? rest.n : 5) == 0 ? HTTP_MORE : HTTP_DONE;
        if (s->blank++)
            return refuse(r, &no_status, nothing);
        s->head = s->line = s->seen = s->head + blank + 1;
    }
}

/* No text of any age: httpd's reader of lines stops at it. */
static bool first_line_has_nul(const struct reader *r)
{
    struct span rest = { r->in.p + r->scan->head, r->in.n - r->scan->head };
    const char *end = memchr(rest.p, '\n', rest.n);

    return memchr(rest.p, '\0', end ? (size_t)(end - rest.p) : rest.n) != NULL;
}

static bool start(struct reader *r, struct span line)
{
    r->scan->started = true;
    return (line.n + 1 < r->max_line && parse_status_line(r->head, line)) ||
           head_refuse(r->arena, r->fault, &corrupt_status, line);
}

static bool is_bogus(struct span line)
{
    return line.n == 0 || (!memchr(line.p, ':', line.n) && *line.p != ' ' && *line.p != '\t' && !is_status_line(line));
}

/* HTTP_DONE: the head ends at scan->line. */
static enum http_parse find_end(struct reader *r)
{
    struct http_scan *s = r->scan;
    struct span line;
    bool bare;

    while (head_next_line(r->in, s, &line, &bare)) {
        if (!s->started) {
            if (!start(r, line))
                return HTTP_BAD;
            continue;
        }
        if (line.n == 0)
            return HTTP_DONE;
        if (line.n >= r->max_line)
            return refuse(r, &line_too_long, line);
        if (s->bad_header == HTTP_HEADER_BODY && is_bogus(line)) {
            s->line = s->seen = (size_t)(line.p - r->in.p);
            return HTTP_DONE;
        }
        if (++s->lines > FIELDS_MAX || s->seen - s->head > HEAD_LINES * r->max_line)
            return refuse(r, &head_too_long, nothing);
    }
    line = (struct span){ r->in.p + s->line, r->in.n - s->line };
    if (line.n > r->max_line)
        return refuse(r, s->started ? &line_too_long : &corrupt_status, line);
    return HTTP_MORE;
}

static const struct http_fault *field_fault(enum head_field result, struct span line)
{
    if (result == HEAD_FIELD_OK)
        return NULL;
    if (result == HEAD_FIELD_VALUE)
        return &bad_value;
    return *line.p == ':' ? &empty_name : &bad_name;
}

static enum http_parse parse_fields(struct reader *r, struct head_lines *lines)
{
    struct span line;
    unsigned folded;

    while (head_take_line(lines, true, &line, &folded) && line.n) {
        struct http_field field;
        const struct http_fault *bad;
        enum head_field result;

        if (line.n >= r->max_line)
            return refuse(r, &line_too_long, line);
        result = head_split_field(line, &field);
        if (result == HEAD_FIELD_NAME && !memchr(line.p, ':', line.n)) {
            /* A second status line among the fields is an old server's slip that Apache forgives. */
            if (r->scan->bad_header == HTTP_HEADER_IGNORE || is_status_line(line)) {
                r->head->ignored += !is_status_line(line);
                continue;
            }
            return refuse(r, &no_colon, line);
        }
        bad = field_fault(result, line);
        if (bad)
            return refuse(r, bad, line);
        http_fields_add(r->arena, &r->head->fields, field.name, field.value);
    }
    return HTTP_DONE;
}

static enum http_parse parse_head(struct reader *r)
{
    size_t n = r->scan->line - r->scan->head;
    char *copy = arena_copy(r->arena, r->in.p + r->scan->head, n);
    struct head_lines lines = { .next = copy, .end = copy + n };
    struct span line;
    unsigned folded;

    r->head->bytes = (struct span){ copy, n };
    if (memchr(copy, '\0', n))
        return refuse(r, &nul_in_head, nothing);
    ASSERT(head_take_line(&lines, false, &line, &folded) && parse_status_line(r->head, line));
    r->head->reason = parse_reason((struct span){ line.p + 12, line.n - 12 });
    return parse_fields(r, &lines);
}

static bool take_usual(struct reader *r, size_t *used)
{
    struct http_response_head *h = r->head;
    struct head_usual usual;

    if (r->scan->seen || !head_take_usual(r->arena, r->in, r->max_line, &usual) || usual.fields.n > FIELDS_MAX ||
        !http_is_value(usual.first) || !parse_status_line(h, usual.first))
        return false;
    h->reason = parse_reason((struct span){ usual.first.p + 12, usual.first.n - 12 });
    h->bytes = usual.bytes;
    h->fields = usual.fields;
    *used = usual.bytes.n;
    return true;
}

enum http_parse http_parse_response(struct arena *a, struct span in, size_t max_line, struct http_scan *scan,
                                    struct http_response_head *head, size_t *used, struct http_fault *fault)
{
    struct reader r = { a, in, max_line, scan, head, fault };
    enum http_parse result;

    ASSERT(scan->seen <= in.n);
    *head = (struct http_response_head){ 0 };
    if (take_usual(&r, used))
        return HTTP_DONE;
    *head = (struct http_response_head){ 0 };
    *used = 0;
    result = scan->started ? HTTP_MORE : look_at_start(&r);
    if (result == HTTP_DONE && first_line_has_nul(&r))
        result = refuse(&r, &no_status, nothing);
    if (result == HTTP_DONE) {
        *head = (struct http_response_head){ .version = 9, .status = 200 };
        *used = scan->head;
        return HTTP_DONE;
    }
    if (result == HTTP_MORE)
        result = find_end(&r);
    if (result == HTTP_DONE)
        result = parse_head(&r);
    if (result == HTTP_DONE)
        *used = scan->line;
    return result;
}
