/* Lines and fields of heads (RFC 9112 sections 2.2 and 5; httpd: ap_get_mime_headers_core). */
#include "head.h"
#include "bytes.h"

#define SIZE_NOTE  "Size of a request header field exceeds server limit."
#define COUNT_NOTE "The number of request header fields exceeds this server's limit."

bool head_refuse(struct arena *a, struct http_fault *fault, const struct http_fault *model, struct span detail)
{
    *fault = *model;
    if (detail.p) {
        char *text = http_escape_log(a, (struct span){ detail.p, detail.n < 80 ? detail.n : 80 });

        if (strlen(text) > 80)
            text[80] = '\0';
        fault->detail = text;
    }
    return false;
}

static struct span strip_cr(struct span line, bool *bare)
{
    *bare = line.n == 0 || line.p[line.n - 1] != '\r';
    return (struct span){ line.p, line.n - !*bare };
}

bool head_next_line(struct span in, struct http_scan *scan, struct span *line, bool *bare)
{
    const char *lf = in.n > scan->seen ? memchr(in.p + scan->seen, '\n', in.n - scan->seen) : NULL;

    if (!lf) {
        scan->seen = in.n;
        return false;
    }
    *line = strip_cr((struct span){ in.p + scan->line, (size_t)(lf - in.p) - scan->line }, bare);
    scan->seen = scan->line = (size_t)(lf - in.p) + 1;
    return true;
}

static struct span cut_line(struct head_lines *lines)
{
    char *start = lines->next, *lf = memchr(start, '\n', (size_t)(lines->end - start));
    bool bare;

    ASSERT(lf);
    lines->next = lf + 1;
    return strip_cr((struct span){ start, (size_t)(lf - start) }, &bare);
}

static struct span trim_end(struct span s)
{
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool goes_on(const struct head_lines *lines, struct span line)
{
    return line.n && lines->next < lines->end && (*lines->next == ' ' || *lines->next == '\t');
}

static void unfold(struct head_lines *lines, struct span *line, unsigned *folded)
{
    do {
        struct span more = span_trim(cut_line(lines));
        char *to;

        *line = trim_end(*line);
        to = (char *)line->p + line->n;
        *to = ' '; /* over the line end, which is at least one byte: nothing of `more` is lost */
        memmove(to + 1, more.p, more.n);
        line->n += more.n ? 1 + more.n : 0;
        lines->empty_fold = lines->empty_fold || more.n == 0;
        ++*folded;
    } while (goes_on(lines, *line));
}

bool head_take_line(struct head_lines *lines, bool fold, struct span *line, unsigned *folded)
{
    *folded = 0;
    if (lines->next == lines->end)
        return false;
    *line = cut_line(lines);
    if (fold && goes_on(lines, *line))
        unfold(lines, line, folded);
    return true;
}

static size_t token_length(struct span line)
{
    size_t n = line.n >= LANES ? lanes_first(lanes_not_word(lanes_load(line.p))) : 0;

    while (n < line.n && byte_is(line.p[n], BYTE_TOKEN))
        n++;
    return n;
}

enum head_field head_split_field(struct span line, struct http_field *field)
{
    size_t n = token_length(line);

    if (n == 0 || n == line.n || line.p[n] != ':')
        return HEAD_FIELD_NAME;
    field->name = (struct span){ line.p, n };
    field->value = span_trim((struct span){ line.p + n + 1, line.n - n - 1 });
    return http_is_value(field->value) ? HEAD_FIELD_OK : HEAD_FIELD_VALUE;
}

/* ---- the usual ---------------------------------------------------------------------------------- */

static lanes line_feeds(const char *p)
{
    return (lanes)(lanes_load(p) == '\n');
}

/* Behind the first LF, any byte, LF; 0: there is none. */
static size_t end_of_lines(struct span in)
{
    size_t i = 0;

    for (; i + LANES + 2 <= in.n; i += LANES) {
        unsigned at = lanes_first(line_feeds(in.p + i) & line_feeds(in.p + i + 2));

        if (at < LANES)
            return i + at + 3;
    }
    for (; i + 2 < in.n; i++)
        if (in.p[i] == '\n' && in.p[i + 2] == '\n')
            return i + 3;
    return 0;
}

/* Its line end is cut off, which is CRLF; false: it is not. */
static bool take_usual_line(struct span *rest, struct span *line)
{
    const char *lf = memchr(rest->p, '\n', rest->n);
    size_t n = (size_t)(lf - rest->p);

    if (n == 0 || lf[-1] != '\r')
        return false;
    *line = (struct span){ rest->p, n - 1 };
    *rest = (struct span){ lf + 1, rest->n - n - 1 };
    return true;
}

bool head_take_usual(struct arena *a, struct span in, size_t most, struct head_usual *head)
{
    size_t n = end_of_lines((struct span){ in.p, in.n < most ? in.n : most });
    struct span rest, line;

    if (n == 0)
        return false;
    *head = (struct head_usual){ .bytes = { arena_copy(a, in.p, n), n } };
    rest = head->bytes;
    if (!take_usual_line(&rest, &head->first) || head->first.n == 0)
        return false;
    while (take_usual_line(&rest, &line)) {
        struct http_field field;

        if (line.n == 0)
            return rest.n == 0;
        if (head_split_field(line, &field) != HEAD_FIELD_OK)
            return false;
        http_fields_add(a, &head->fields, field.name, field.value);
    }
    return false;
}

/* ---- fields of requests ------------------------------------------------------------------------- */

/* Unsafe: any name without white space, any value without line ends; a NUL never (httpd's PR 43039). */
static const struct http_fault *split_unsafe(struct span line, struct http_field *field)
{
    static const struct http_fault no_colon = { 400,  564, LEVEL_DEBUG, "Request header field is missing ':' separator",
                                                NULL, NULL };
    static const struct http_fault no_name = {
        400, 3453, LEVEL_DEBUG, "Request header field name was empty", NULL, NULL
    };
    static const struct http_fault space_in_name = {
        400, 3452, LEVEL_DEBUG, "Request header field name presented invalid whitespace", NULL, NULL
    };
    static const struct http_fault space_in_value = {
        400, 3451, LEVEL_DEBUG, "Request header field value presented bad whitespace", NULL, NULL
    };
    const char *colon = memchr(line.p, ':', line.n);

    if (!colon)
        return &no_colon;
    if (colon == line.p)
        return &no_name;
    field->name = (struct span){ line.p, (size_t)(colon - line.p) };
    field->value = span_trim((struct span){ colon + 1, line.n - field->name.n - 1 });
    for (size_t i = 0; i < field->name.n; i++)
        if (byte_is(field->name.p[i], BYTE_SPACE) || field->name.p[i] == '\0')
            return &space_in_name;
    for (size_t i = 0; i < field->value.n; i++)
        if (field->value.p[i] == '\0' ||
            (byte_is(field->value.p[i], BYTE_CONTROL) && byte_is(field->value.p[i], BYTE_SPACE)))
            return &space_in_value;
    return NULL;
}

static const struct http_fault *split_request_field(struct span line, bool unsafe, struct http_field *field)
{
    static const struct http_fault bad_name = { 400,  2426, LEVEL_DEBUG, "Request header field name is malformed",
                                                NULL, NULL };
    static const struct http_fault bad_value = {
        400, 2427, LEVEL_DEBUG, "Request header value is malformed", NULL, NULL
    };

    if (unsafe)
        return split_unsafe(line, field);
    switch (head_split_field(line, field)) {
    case HEAD_FIELD_NAME: return &bad_name;
    case HEAD_FIELD_VALUE: return &bad_value;
    default: return NULL;
    }
}

static const struct http_fault *check_fold(const struct head_fields *to, const struct head_lines *lines,
                                           struct span line, unsigned folded)
{
    static const struct http_fault fold_first = { 400,         3442,
                                                  LEVEL_DEBUG, "Line folding encountered before first header line",
                                                  NULL,        NULL };
    static const struct http_fault fold_strict = {
        400, 0, LEVEL_DEBUG, "Request header field is folded (refused by RFC 9112 5.2)", NULL, NULL
    };
    static const struct http_fault fold_empty = { 400, 3443, LEVEL_DEBUG, "Empty folded line encountered", NULL, NULL };
    static const struct http_fault fold_size = {
        400, 562, LEVEL_INFO, "Request header exceeds LimitRequestFieldSize after folding", SIZE_NOTE, NULL
    };

    if (*line.p == ' ' || *line.p == '\t')
        return to->fields->n == 0 ? &fold_first : &fold_strict;
    if (lines->empty_fold)
        return &fold_empty;
    return folded && line.n >= to->limits->field_size ? &fold_size : NULL;
}

bool head_check_size(const struct head_fields *to, struct span line)
{
    static const struct http_fault too_long = { 400,        561,
                                                LEVEL_INFO, "Request header exceeds LimitRequestFieldSize",
                                                SIZE_NOTE,  NULL };
    const char *colon;

    if (line.n <= (size_t)to->limits->field_size + 1)
        return true;
    if ((colon = memchr(line.p, ':', line.n)))
        line.n = (size_t)(colon - line.p);
    return head_refuse(to->arena, to->fault, &too_long, line);
}

bool head_too_many(const struct head_fields *to)
{
    static const struct http_fault too_many = { 400,        563,
                                                LEVEL_INFO, "Number of request headers exceeds LimitRequestFields",
                                                COUNT_NOTE, NULL };

    return head_refuse(to->arena, to->fault, &too_many, (struct span){ NULL, 0 });
}

/* LimitRequestFieldSize holds for the fields of one name together, too, as Apache joins them. */
static bool check_merged(const struct head_fields *to)
{
    static const struct http_fault too_long = {
        400, 560, LEVEL_INFO, "Request header exceeds LimitRequestFieldSize after merging", SIZE_NOTE, NULL
    };
    size_t total = 0;

    HTTP_EACH_FIELD(f, to->fields) total += 2 + f->value.n;
    if (total <= (size_t)to->limits->field_size + 2)
        return true;
    HTTP_EACH_FIELD(f, to->fields)
    {
        size_t merged = 0;

        for (struct http_field *g = f; g < to->fields->items + to->fields->n; g++)
            if (span_ieq(g->name, f->name))
                merged += (merged ? 2 : 0) + g->value.n;
        if (merged > to->limits->field_size)
            return head_refuse(to->arena, to->fault, &too_long, f->name);
    }
    return true;
}

bool head_parse_fields(const struct head_fields *to, struct head_lines lines)
{
    struct span line;
    unsigned folded;

    while (head_take_line(&lines, to->limits->unsafe, &line, &folded) && line.n) {
        struct http_field field;
        const struct http_fault *bad = check_fold(to, &lines, line, folded);

        if (!bad && to->limits->fields && to->fields->n >= to->limits->fields)
            return head_too_many(to);
        if (!bad)
            bad = split_request_field(line, to->limits->unsafe, &field);
        if (bad)
            return head_refuse(to->arena, to->fault, bad, line);
        http_fields_add(to->arena, to->fields, field.name, field.value);
    }
    return check_merged(to);
}
