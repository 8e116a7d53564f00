/* Request heads and trailers (RFC 9112 sections 2 to 5; httpd: read_request_line, ap_parse_request_line). What is
 * refused and by which AH number was tried against httpd 2.4 with HttpProtocolOptions Strict and Unsafe. */
#include "bytes.h"
#include "head.h"

#define BLANK_LINES          10    /* before a request line; httpd's DEFAULT_LIMIT_BLANK_LINES */
#define FIELDS_WITHOUT_LIMIT 10000 /* for LimitRequestFields 0: what a peer may make us hold needs an end */
#define TRAILERS_MAX         65536

#define REFUSAL(name, status, ah, text)                                                                                \
    static const struct http_fault name = { status, ah, LEVEL_DEBUG, text, NULL, NULL }

REFUSAL(bad_method, 400, 3445, "HTTP Request Line; Invalid method token");
REFUSAL(bad_method_09, 400, 3444, "HTTP Request Line; Only GET is allowed for HTTP/0.9 requests");
REFUSAL(bad_uri, 400, 3454, "HTTP Request Line; URI incorrectly encoded");
REFUSAL(bad_space, 400, 3447, "HTTP Request Line; Invalid whitespace");
REFUSAL(excess_space, 400, 3448, "HTTP Request Line; Excess whitespace (disallowed by HttpProtocolOptions Strict)");
REFUSAL(trailing_text, 400, 3449, "HTTP Request Line; Extraneous text found (perhaps whitespace was injected?)");
REFUSAL(bad_protocol, 400, 2418, "HTTP Request Line; Unrecognized protocol (perhaps whitespace was injected?)");
REFUSAL(rejected_09, 400, 2401, "HTTP Request Line; Rejected HTTP/0.9 request");
REFUSAL(unknown_method, 501, 2423, "HTTP Request Line; Unrecognized HTTP method (disallowed by RegisteredMethods)");
REFUSAL(bad_target, 400, 3450, "HTTP Request Line; Unable to parse URI");
REFUSAL(has_fragment, 400, 2421, "HTTP Request Line; URI must not contain a fragment");
REFUSAL(has_user, 400, 2422, "HTTP Request Line; URI must not contain a username/password");
REFUSAL(malformed_line, 400, 566, "request failed: malformed request line");
REFUSAL(malformed_fields, 400, 567, "request failed: error reading the headers");

static const struct http_fault line_too_long = {
    414, 565, LEVEL_INFO, "request failed: client's request-line exceeds LimitRequestLine", NULL, NULL
};

static const struct span nothing = { NULL, 0 };

struct reader { /* the arguments of http_parse_request, and the parts of its request line */
    struct arena *arena;
    struct span in;
    const struct http_limits *limits;
    struct http_scan *scan;
    struct http_request_head *head;
    struct http_fault *fault;
    struct span protocol;
};

static bool refuse(struct reader *r, const struct http_fault *model, struct span detail)
{
    return head_refuse(r->arena, r->fault, model, detail);
}

/* ---- the request line -------------------------------------------------------------------------- */

static struct span take_while(struct span *rest, unsigned kinds)
{
    struct span taken = { rest->p, kinds == BYTE_VISIBLE ? bytes_visible(rest->p, rest->n) : 0 };

    while (taken.n < rest->n && byte_is(rest->p[taken.n], kinds))
        taken.n++;
    rest->p += taken.n, rest->n -= taken.n;
    return taken;
}

/* White space between two parts: one SP, or SPs when lax. Nothing at all is for the caller to judge. */
static bool take_gap(struct reader *r, struct span *rest)
{
    struct span gap = take_while(rest, BYTE_SPACE);

    if (gap.n > 1 && !r->limits->unsafe)
        return refuse(r, &excess_space, nothing);
    for (size_t i = 0; i < gap.n; i++)
        if (gap.p[i] != ' ')
            return refuse(r, &bad_space, nothing);
    return true;
}

/* "GET /path HTTP/1.1" and nothing else. */
static bool split_usual_line(struct reader *r)
{
    static const struct span end = { " HTTP/1.1", 9 };
    struct span rest = r->head->line, method;

    if (rest.n <= end.n || memcmp(rest.p + rest.n - end.n, end.p, end.n) != 0)
        return false;
    rest.n -= end.n;
    method = take_while(&rest, BYTE_TOKEN);
    if (method.n == 0 || rest.n < 2 || *rest.p != ' ' || bytes_visible(rest.p + 1, rest.n - 1) < rest.n - 1)
        return false;
    r->head->method = method;
    r->head->target = (struct span){ rest.p + 1, rest.n - 1 };
    r->protocol = (struct span){ rest.p + rest.n + 1, end.n - 1 };
    return true;
}

static bool split_request_line(struct reader *r)
{
    struct http_request_head *h = r->head;
    struct span rest = h->line;

    if (split_usual_line(r))
        return true;
    if (rest.n && byte_is(*rest.p, BYTE_SPACE))
        return refuse(r, &bad_space, nothing);
    h->method = take_while(&rest, r->limits->unsafe ? BYTE_VISIBLE : BYTE_TOKEN);
    if (h->method.n == 0 || (rest.n && !byte_is(*rest.p, BYTE_SPACE)))
        return refuse(r, &bad_method, (struct span){ h->method.p, h->line.n });
    if (!take_gap(r, &rest))
        return false;
    h->target = take_while(&rest, BYTE_VISIBLE);
    if (h->target.n == 0 || (rest.n && !byte_is(*rest.p, BYTE_SPACE)))
        return refuse(r, &bad_uri, (struct span){ h->target.p, h->target.n + rest.n });
    if (!take_gap(r, &rest))
        return false;
    r->protocol = take_while(&rest, BYTE_VISIBLE);
    if (rest.n && !byte_is(*rest.p, BYTE_SPACE))
        return refuse(r, &bad_protocol, r->protocol);
    if (rest.n && !r->limits->unsafe)
        return refuse(r, &excess_space, nothing);
    return take_gap(r, &rest) && (rest.n == 0 || refuse(r, &trailing_text, rest));
}

/* "HTTP/1.1" -> 11; any major version but 0 is served as it is in httpd, which never answers 505. */
static int parse_version(struct span s, bool unsafe)
{
    bool name = s.n == 8 && (memcmp(s.p, "HTTP/", 5) == 0 || (unsafe && span_istarts(s, SPAN("HTTP/"))));

    if (!name || !is_digit(s.p[5]) || s.p[5] == '0' || s.p[6] != '.' || !is_digit(s.p[7]))
        return 0;
    return (s.p[5] - '0') * 10 + (s.p[7] - '0');
}

static bool check_version(struct reader *r)
{
    r->head->version = r->protocol.n ? parse_version(r->protocol, r->limits->unsafe) : 9;
    if (r->head->version == 0)
        return refuse(r, &bad_protocol, r->protocol);
    if (r->head->version > 9)
        return true;
    if (!r->limits->allow_09)
        return refuse(r, &rejected_09, nothing);
    return r->limits->unsafe || span_eq(r->head->method, SPAN("GET")) || refuse(r, &bad_method_09, r->head->method);
}

static bool check_target(struct reader *r)
{
    if (!http_parse_target(r->head->method, r->head->target, &r->head->parts))
        return refuse(r, &bad_target, r->head->target);
    if (r->head->parts.fragment.p && !r->limits->unsafe)
        return refuse(r, &has_fragment, nothing);
    return !r->head->parts.user.p || r->limits->unsafe || refuse(r, &has_user, nothing);
}

static bool parse_request_line(struct reader *r, struct span line)
{
    r->head->line = line;
    r->protocol = nothing;
    if (line.n && memchr(line.p, '\0', line.n))
        return refuse(r, &malformed_line, nothing);
    if (!split_request_line(r) || !check_version(r))
        return false;
    if (!r->limits->any_method && !http_registered_method(r->head->method, r->limits->methods))
        return refuse(r, &unknown_method, r->head->method);
    return check_target(r);
}

/* ---- finding the end of the head ----------------------------------------------------------------- */

/* The line limits count a line without its end plus one byte, as Apache's buffers of limit + 2 do. */
static bool check_line_size(struct reader *r, struct span line)
{
    if (line.n <= (size_t)r->limits->line + 1)
        return true;
    line.n = (size_t)r->limits->line + 1;
    r->head->line = (struct span){ arena_copy(r->arena, line.p, line.n), line.n };
    return refuse(r, &line_too_long, nothing);
}

static struct head_fields fields_of(struct reader *r)
{
    return (struct head_fields){ r->arena, r->limits, &r->head->fields, r->fault };
}

/* A line that ends in LF alone is refused before anything else is known of it. */
static bool check_line_end(struct reader *r, bool bare)
{
    if (!bare || r->limits->unsafe)
        return true;
    return refuse(r, r->scan->started ? &malformed_fields : &malformed_line, nothing);
}

/* The first line, checked at once when it may be HTTP/0.9, which has no other. */
static enum http_parse start(struct reader *r, struct span line)
{
    struct http_scan *s = r->scan;

    if (line.n == 0 && s->blank < BLANK_LINES) {
        s->blank++;
        s->head = s->line;
        return HTTP_MORE;
    }
    s->started = true;
    s->lines = 1;
    if (!check_line_size(r, line))
        return HTTP_BAD;
    if (line.n > 9 && memcmp(line.p + line.n - 9, " HTTP/", 6) == 0)
        return HTTP_MORE;
    s->checked = true;
    if (!parse_request_line(r, line))
        return HTTP_BAD;
    return r->head->version == 9 ? HTTP_DONE : HTTP_MORE;
}

static bool within_count(struct reader *r, const struct head_fields *fields)
{
    unsigned limit = r->limits->fields ? r->limits->fields : FIELDS_WITHOUT_LIMIT;
    size_t bytes = ((size_t)limit + 1) * ((size_t)r->limits->field_size + 3) + r->limits->line + 3;

    /* Folded lines are not fields, so lax mode counts bytes here and fields once they are parsed. */
    return (r->scan->seen - r->scan->head <= bytes && (r->limits->unsafe || r->scan->lines <= limit + 1)) ||
           head_too_many(fields);
}

/* HTTP_DONE: the head ends at scan->line. */
static enum http_parse find_end(struct reader *r)
{
    struct head_fields fields = fields_of(r);
    struct span line;
    bool bare;

    while (head_next_line(r->in, r->scan, &line, &bare)) {
        if (!check_line_end(r, bare))
            return HTTP_BAD;
        if (!r->scan->started) {
            enum http_parse result = start(r, line);

            if (result != HTTP_MORE)
                return result;
            continue;
        }
        if (line.n == 0)
            return HTTP_DONE;
        r->scan->lines++;
        if (!head_check_size(&fields, line) || !within_count(r, &fields))
            return HTTP_BAD;
    }
    return HTTP_MORE;
}

/* What came of the line under way: too long is said before its end is seen, unlike in Apache, which waits. One byte
 * more may still prove to be the CR. */
static bool check_partial(struct reader *r)
{
    struct head_fields fields = fields_of(r);
    struct span line = { r->in.p + r->scan->line, r->in.n - r->scan->line };

    if (line.n)
        line.n--;
    if (r->scan->started ? !head_check_size(&fields, line) || !within_count(r, &fields) : !check_line_size(r, line))
        return false;
    if (!r->scan->started || r->scan->checked)
        return true;
    r->scan->checked = true;
    line = (struct span){ r->in.p + r->scan->head, r->in.n - r->scan->head };
    line.n = (size_t)((const char *)memchr(line.p, '\n', line.n) - line.p);
    return parse_request_line(r, line.n && line.p[line.n - 1] == '\r' ? (struct span){ line.p, line.n - 1 } : line);
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static bool parse_head(struct reader *r)
{
    size_t n = r->scan->line - r->scan->head;
    char *copy = arena_copy(r->arena, r->in.p + r->scan->head, n);
    struct head_lines lines = { .next = copy, .end = copy + n };
    struct head_fields fields = fields_of(r);
    struct span line;
    unsigned folded;

    ASSERT(head_take_line(&lines, false, &line, &folded));
    if (!parse_request_line(r, line))
        return false;
    return r->head->version == 9 || head_parse_fields(&fields, lines);
}

void http_note_request_line(struct arena *a, struct span in, const struct http_limits *limits,
                            const struct http_scan *scan, struct http_request_head *head)
{
    struct http_fault fault;
    struct reader r = { .arena = a, .in = in, .limits = limits, .head = head, .fault = &fault };
    const char *from = in.p + scan->head, *lf;

    if (!scan->started || head->line.p || !(lf = memchr(from, '\n', in.n - scan->head)))
        return;
    in = (struct span){ from, (size_t)(lf - from) - (lf > from && lf[-1] == '\r') };
    parse_request_line(&r, (struct span){ arena_copy(a, in.p, in.n), in.n });
}

/* The log and the answer name what was read of a refused line: it has to outlive `in`. */
static void keep_line(struct reader *r)
{
    struct http_request_head *h = r->head;
    const char *from = h->line.p, *to;

    /* of a whole head it is kept already */
    if (!from || from < r->in.p || from >= r->in.p + r->in.n)
        return;
    to = arena_copy(r->arena, from, h->line.n);
    h->line.p = to;
    if (h->method.p)
        h->method.p = to + (h->method.p - from);
    if (h->target.p)
        h->target.p = to + (h->target.p - from);
    http_parse_target(h->method, h->target, &h->parts); /* its password is not for the log */
}

/* Within all limits, as none of its lines can be longer than it is. */
static bool take_usual(struct reader *r, size_t *used)
{
    const struct http_limits *l = r->limits;
    struct head_usual usual;

    if (r->scan->seen || l->unsafe ||
        !head_take_usual(r->arena, r->in, l->line < l->field_size ? l->line : l->field_size, &usual) ||
        usual.fields.n > (l->fields ? l->fields : FIELDS_WITHOUT_LIMIT) || !parse_request_line(r, usual.first) ||
        r->head->version == 9)
        return false;
    r->head->fields = usual.fields;
    r->scan->line = r->scan->seen = *used = usual.bytes.n;
    return true;
}

enum http_parse http_parse_request(struct arena *a, struct span in, const struct http_limits *limits,
                                   struct http_scan *scan, struct http_request_head *head, size_t *used,
                                   struct http_fault *fault)
{
    struct reader r = { .arena = a, .in = in, .limits = limits, .scan = scan, .head = head, .fault = fault };
    enum http_parse result;

    ASSERT(scan->seen <= in.n);
    *head = (struct http_request_head){ 0 };
    if (take_usual(&r, used))
        return HTTP_DONE;
    *head = (struct http_request_head){ 0 };
    *used = 0;
    result = find_end(&r);
    if (result == HTTP_DONE && !parse_head(&r))
        result = HTTP_BAD;
    if (result == HTTP_MORE && !check_partial(&r))
        result = HTTP_BAD;
    if (result == HTTP_DONE)
        *used = scan->line;
    if (result == HTTP_BAD) {
        keep_line(&r);
        http_note_request_line(a, in, limits, scan, head);
    }
    return result;
}

enum http_parse http_parse_trailers(struct arena *a, struct span in, const struct http_limits *limits,
                                    struct http_fields *fields, size_t *used, struct http_fault *fault)
{
    struct head_fields to = { a, limits, fields, fault };
    struct http_scan scan = { 0 };
    struct span line;
    bool bare;

    *used = 0;
    while (head_next_line(in, &scan, &line, &bare)) {
        if (bare && !limits->unsafe) {
            head_refuse(a, fault, &malformed_fields, nothing);
            return HTTP_BAD;
        }
        if (!head_check_size(&to, line))
            return HTTP_BAD;
        if (line.n == 0) {
            char *copy = arena_copy(a, in.p, scan.line);

            *used = scan.line;
            return head_parse_fields(&to, (struct head_lines){ copy, copy + scan.line, false }) ? HTTP_DONE : HTTP_BAD;
        }
    }
    if (in.n > TRAILERS_MAX) {
        head_too_many(&to);
        return HTTP_BAD;
    }
    return HTTP_MORE;
}
