/* Where a body ends, and chunked coding (RFC 9112 sections 6 and 7; httpd: ap_read_request, ap_http_filter and its
 * parse_chunk_size). */
#include "bytes.h"
#include "head.h"
#include <stdio.h>

#define SIZE_LINE_MAX 8190 /* LimitRequestFieldSize's default bounds a chunk's size line in httpd */
#define BLANKS_MAX    10   /* after a size: a legacy of RFC 2616's implied LWS */

enum chunk_state {
    CHUNK_START,
    CHUNK_SIZE,
    CHUNK_BLANK,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF, /* the size line */
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_BAD,
    CHUNK_TOO_BIG
};

static const struct http_fault bad_length = {
    400, 10242, LEVEL_DEBUG, "client sent invalid Content-Length", NULL, NULL
};
static const struct http_fault bad_coding = { 400,  2539, LEVEL_DEBUG, "client sent unknown Transfer-Encoding",
                                              NULL, NULL };
static const struct http_fault unknown_coding = { 501,  1093, LEVEL_ERROR, "Transfer-Encoding is not supported",
                                                  NULL, NULL };
static const struct http_fault bad_response_length = { 502, 1587, LEVEL_INFO, "Invalid Content-Length", NULL, NULL };

static bool refuse(struct http_fault *fault, const struct http_fault *model)
{
    *fault = *model;
    return false;
}

/* ---- framing -------------------------------------------------------------------------------------- */

struct codings { /* of all Transfer-Encoding lines together */
    unsigned lines, chunked, others;
    bool chunked_last;
};

/* Elements are taken as they stand between commas: an empty or a quoted one is an unknown coding, for the next hop may
 * read it otherwise. */
static void count_codings(struct span list, struct codings *c)
{
    c->lines++;
    for (;;) {
        const char *comma = list.n ? memchr(list.p, ',', list.n) : NULL;
        struct span coding = { list.p, comma ? (size_t)(comma - list.p) : list.n };

        c->chunked_last = span_ieq_str(span_trim(coding), "chunked");
        *(c->chunked_last ? &c->chunked : &c->others) += 1;
        if (!comma)
            return;
        list.n -= coding.n + 1;
        list.p = comma + 1;
    }
}

static struct codings find_codings(const struct http_fields *fields)
{
    struct codings c = { 0 };

    if (!http_fields_may_have(fields, "Transfer-Encoding"))
        return c;
    HTTP_EACH_FIELD(f, fields)
    {
        if (span_ieq_str(f->name, "Transfer-Encoding"))
            count_codings(f->value, &c);
    }
    return c;
}

static bool parse_length(struct span s, uint64_t *length)
{
    return span_to_u64(s, length) && *length <= INT64_MAX;
}

static void set_length(struct http_body *b, uint64_t length)
{
    *b = (struct http_body){ .framing = HTTP_LENGTH, .left = length, .done = length == 0 };
}

bool http_request_framing(const struct http_request_head *h, struct http_body *b, struct http_fault *fault)
{
    struct codings codings = find_codings(&h->fields);
    unsigned lengths = 0;
    uint64_t length = 0;

    *b = (struct http_body){ .framing = HTTP_NO_BODY, .done = true };
    if (http_fields_may_have(&h->fields, "Content-Length"))
        HTTP_EACH_FIELD(f, &h->fields)
        {
            /* Even the same length twice is refused, as httpd's joined "5, 5" is no number. */
            if (span_ieq_str(f->name, "Content-Length") && (lengths++ || !parse_length(f->value, &length)))
                return refuse(fault, &bad_length);
        }
    if (codings.lines == 0) {
        if (lengths)
            set_length(b, length);
        return true;
    }
    if (!codings.chunked_last || codings.chunked > 1)
        return refuse(fault, &bad_coding);
    if (codings.others)
        return refuse(fault, &unknown_coding);
    *b = (struct http_body){ .framing = HTTP_CHUNKED, .close = lengths > 0 || h->version < 11 };
    return true;
}

static bool without_body(const struct http_response_head *h, struct span method)
{
    return span_eq(method, SPAN("HEAD")) || h->status < 200 || h->status == 204 || h->status == 304;
}

bool http_response_framing(const struct http_response_head *h, struct span method, struct http_body *b,
                           struct http_fault *fault)
{
    struct codings codings = find_codings(&h->fields);
    unsigned lengths = 0;
    uint64_t length = 0;

    *b = (struct http_body){ .framing = HTTP_NO_BODY, .done = true };
    if (without_body(h, method))
        return true;
    HTTP_EACH_FIELD(f, &h->fields)
    {
        uint64_t value = 0;

        if (!span_ieq_str(f->name, "Content-Length"))
            continue;
        if (codings.lines == 0 && (!parse_length(f->value, &value) || (lengths && value != length)))
            return refuse(fault, &bad_response_length);
        length = value;
        lengths++;
    }
    if (codings.lines)
        *b = (struct http_body){ .framing = codings.chunked_last ? HTTP_CHUNKED : HTTP_UNTIL_CLOSE,
                                 .close = lengths > 0 || h->version < 11 || !codings.chunked_last };
    else if (lengths)
        set_length(b, length);
    else
        *b = (struct http_body){ .framing = HTTP_UNTIL_CLOSE, .close = true };
    return true;
}

/* ---- chunks ------------------------------------------------------------------------------------------ */

static bool add_digit(struct http_body *b, char c)
{
    if (b->left > INT64_MAX >> 4) {
        b->state = CHUNK_TOO_BIG;
        return false;
    }
    b->left = b->left << 4 | hex_value(c);
    b->state = CHUNK_SIZE;
    return true;
}

static bool end_size_line(struct http_body *b)
{
    b->state = CHUNK_DATA;
    b->line = 0;
    b->blanks = 0;
    b->done = b->left == 0;
    return true;
}

static bool take_blank(struct http_body *b)
{
    b->state = CHUNK_BLANK;
    return ++b->blanks <= BLANKS_MAX;
}

static bool take_size_byte(struct http_body *b, char c)
{
    if (++b->line > SIZE_LINE_MAX) {
        b->state = CHUNK_TOO_BIG;
        return false;
    }
    if (b->state == CHUNK_SIZE_LF)
        return c == '\n' && end_size_line(b);
    if (b->state <= CHUNK_SIZE && byte_is(c, BYTE_HEX))
        return add_digit(b, c);
    if (b->state == CHUNK_START)
        return false;
    if (c == '\n')
        return b->lax && end_size_line(b);
    if (c == '\r')
        b->state = CHUNK_SIZE_LF;
    else if (c == ';')
        b->state = CHUNK_EXTENSION;
    else if (b->state == CHUNK_EXTENSION)
        return !byte_is(c, BYTE_CONTROL);
    else
        return (c == ' ' || c == '\t') && take_blank(b);
    return true;
}

static bool take_data_end(struct http_body *b, char c)
{
    if (b->state == CHUNK_DATA_CR && c == '\r') {
        b->state = CHUNK_DATA_LF;
        return true;
    }
    if (c != '\n' || (b->state == CHUNK_DATA_CR && !b->lax))
        return false;
    b->state = CHUNK_START;
    return true;
}

static void take_payload(struct http_body *b, struct span in, struct span *payload, size_t *used)
{
    size_t n = in.n - *used;

    if (b->framing != HTTP_UNTIL_CLOSE && n > b->left)
        n = (size_t)b->left;
    *payload = (struct span){ in.p + *used, n };
    *used += n;
    b->taken += n;
    if (b->framing != HTTP_UNTIL_CLOSE)
        b->left -= n;
}

static enum http_parse decode_chunked(struct http_body *b, struct span in, struct span *payload, size_t *used)
{
    while (*used < in.n) {
        char c = in.p[*used];

        if (b->state == CHUNK_DATA) {
            take_payload(b, in, payload, used);
            if (b->left == 0)
                b->state = CHUNK_DATA_CR;
            return HTTP_MORE;
        }
        ++*used;
        if (!(b->state < CHUNK_DATA ? take_size_byte(b, c) : b->state < CHUNK_BAD && take_data_end(b, c))) {
            if (b->state < CHUNK_BAD)
                b->state = CHUNK_BAD;
            return HTTP_BAD;
        }
        if (b->done)
            return HTTP_DONE;
    }
    return HTTP_MORE;
}

enum http_parse http_body_decode(struct http_body *b, struct span in, struct span *payload, size_t *used)
{
    *payload = (struct span){ in.p, 0 };
    *used = 0;
    if (b->done)
        return HTTP_DONE;
    if (b->framing == HTTP_CHUNKED)
        return decode_chunked(b, in, payload, used);
    take_payload(b, in, payload, used);
    b->done = b->framing == HTTP_LENGTH && b->left == 0;
    return b->done ? HTTP_DONE : HTTP_MORE;
}

void http_body_fault(const struct http_body *b, struct http_fault *fault)
{
    *fault = (struct http_fault){ .status = b->state == CHUNK_TOO_BIG ? 413 : 400,
                                  .ah = 1590,
                                  .level = LEVEL_INFO,
                                  .reason = b->state == CHUNK_TOO_BIG ? "Error reading/parsing chunk (overflow)"
                                                                      : "Error reading/parsing chunk" };
}

size_t http_chunk_head(uint64_t n, char out[20])
{
    size_t digits = span_put_number(out, n, 16);

    memcpy(out + digits, "\r\n", 3);
    return digits + 2;
}
