/* Response heads, byte by byte and whole. The first byte of an input chooses ProxyBadHeader: I ignore, B start of the
 * body, anything else refuse. */
#include "heads.h"
#include <stdlib.h>

#define LINE_MAX_HERE 150

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const struct http_response_head *head)
{
    struct http_fault fault;
    struct http_body body;

    if (head->version == 9) {
        ASSERT(head->status == 200 && head->fields.n == 0);
        return;
    }
    ASSERT(head->version >= 10 && head->version <= 19 && head->status >= 100 && head->status <= 999);
    for (size_t i = 0; i < head->reason.n; i++)
        ASSERT(!strchr("\r\n", head->reason.p[i])); /* finds NUL too */
    HTTP_EACH_FIELD(f, &head->fields)
    {
        ASSERT(http_is_token(f->name) && f->name.n + f->value.n < LINE_MAX_HERE);
        for (size_t i = 0; i < f->value.n; i++)
            ASSERT(!strchr("\r\n", f->value.p[i]));
    }
    if (http_response_framing(head, SPAN("HEAD"), &body, &fault))
        ASSERT(body.framing == HTTP_NO_BODY && body.done);
    if (http_response_framing(head, SPAN("GET"), &body, &fault) && head->status != 204 && head->status != 304)
        ASSERT(head->status < 200 || body.framing != HTTP_NO_BODY);
}

static enum http_parse read_by(struct arena *a, struct span in, enum http_bad_header mode, size_t step,
                               struct http_response_head *head, size_t *used)
{
    enum http_parse result = HTTP_MORE;
    struct http_scan scan = { .bad_header = mode };
    struct http_fault fault;

    for (size_t n = 0; n < in.n && result == HTTP_MORE;) {
        char *copy;

        n = n + step < in.n ? n + step : in.n;
        copy = malloc(n);
        memcpy(copy, in.p, n);
        result = http_parse_response(a, (struct span){ copy, n }, LINE_MAX_HERE, &scan, head, used, &fault);
        free(copy);
    }
    if (result == HTTP_BAD)
        ASSERT(fault.status >= 500 && fault.reason && (!fault.detail || strlen(fault.detail) <= 80));
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char letter = size ? (char)data[0] : 'R';
    enum http_bad_header mode = letter == 'I'   ? HTTP_HEADER_IGNORE
                                : letter == 'B' ? HTTP_HEADER_BODY
                                                : HTTP_HEADER_REFUSE;
    struct span in = { (const char *)data + (size > 0), size - (size > 0) };
    struct http_response_head whole, bytes;
    struct arena *a = arena_new();
    size_t used_whole = 0, used_bytes = 0;
    enum http_parse result = read_by(a, in, mode, in.n, &whole, &used_whole);
    enum http_parse slowly = read_by(a, in, mode, 1, &bytes, &used_bytes);
    /* what is no status line is an answer of HTTP/0.9 at once, unless a NUL is in sight by then */
    bool seen_later = slowly == HTTP_DONE && bytes.version == 9 && memchr(in.p, '\0', in.n);

    ASSERT(slowly == result || seen_later);
    if (result == HTTP_DONE) {
        check_head(&whole);
        ASSERT(used_whole == used_bytes && used_whole <= in.n);
        ASSERT(whole.version == bytes.version && whole.status == bytes.status && span_eq(whole.reason, bytes.reason));
        assert_same_fields(&whole.fields, &bytes.fields);
    }
    arena_free(a);
    return 0;
}
