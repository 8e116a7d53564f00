/* Request heads, byte by byte and whole: the same answer both ways, and what is taken holds what it promises. The first
 * byte of an input chooses the limits: U unsafe, R registered methods only, T trailers, anything else strict. */
#include "heads.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(const struct http_fields *fields, const struct http_limits *limits)
{
    ASSERT(limits->fields == 0 || fields->n <= limits->fields);
    HTTP_EACH_FIELD(f, fields)
    {
        ASSERT(f->name.n > 0 && f->name.n + f->value.n <= limits->field_size + 1);
        ASSERT(limits->unsafe || http_is_token(f->name));
        ASSERT(span_eq(f->value, span_trim(f->value)));
        for (size_t i = 0; i < f->value.n; i++)
            ASSERT(!strchr("\r\n", f->value.p[i])); /* finds NUL too */
    }
}

static void check_head(struct arena *a, const struct http_request_head *head, const struct http_limits *limits)
{
    struct http_target target;
    struct http_host host = { .scheme = "http", .strict = !limits->unsafe };
    struct http_fault fault;
    struct http_body body;
    char *path;

    check_fields(&head->fields, limits);
    ASSERT(head->version >= 9 && head->version <= 99);
    ASSERT(limits->unsafe || http_is_token(head->method));
    ASSERT(http_parse_target(head->method, head->target, &target) && span_eq(target.path, head->parts.path));
    ASSERT(limits->unsafe || (!target.user.p && !target.fragment.p));
    if (http_request_framing(head, &body, &fault))
        ASSERT(body.framing != HTTP_UNTIL_CLOSE);
    if (http_request_host(a, head, &host, &fault))
        ASSERT(host.name ? host.name[0] : head->version < 11);
    if (http_normalize_path(a, target.path, HTTP_SLASHES_OFF, true, &path) == HTTP_PATH_OK && *path == '/')
        ASSERT(!strstr(path, "/../") && !strstr(path, "//"));
}

static enum http_parse read_by(struct arena *a, struct span in, const struct http_limits *limits, size_t step,
                               struct http_request_head *head, size_t *used)
{
    enum http_parse result = HTTP_MORE;
    struct http_scan scan = { 0 };
    struct http_fault fault;

    for (size_t n = 0; n < in.n && result == HTTP_MORE;) {
        char *copy;

        n = n + step < in.n ? n + step : in.n;
        copy = malloc(n);
        memcpy(copy, in.p, n);
        result = http_parse_request(a, (struct span){ copy, n }, limits, &scan, head, used, &fault);
        free(copy);
    }
    if (result == HTTP_BAD)
        ASSERT(fault.status >= 400 && fault.reason && (!fault.detail || strlen(fault.detail) <= 80));
    return result;
}

static void run_trailers(struct arena *a, struct span in, const struct http_limits *limits)
{
    struct http_fields fields = { 0 };
    struct http_fault fault;
    size_t used;

    if (http_parse_trailers(a, in, limits, &fields, &used, &fault) == HTTP_DONE) {
        ASSERT(used >= 1 && used <= in.n && in.p[used - 1] == '\n');
        check_fields(&fields, limits);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char mode = size ? (char)data[0] : 'S';
    /* small, so that inputs of a fuzzer's size reach them */
    struct http_limits limits = { 200, 8, 120, mode == 'U', mode != 'R', mode != 'R' };
    struct span in = { (const char *)data + (size > 0), size - (size > 0) };
    struct http_request_head whole, bytes;
    struct arena *a = arena_new();
    size_t used_whole = 0, used_bytes = 0;
    enum http_parse result;

    if (mode == 'T') {
        run_trailers(a, in, &limits);
    } else {
        result = read_by(a, in, &limits, in.n, &whole, &used_whole);
        if (result == HTTP_DONE) {
            check_head(a, &whole, &limits);
            ASSERT(read_by(a, in, &limits, 1, &bytes, &used_bytes) == HTTP_DONE);
            ASSERT(used_whole == used_bytes && whole.version == bytes.version && span_eq(whole.line, bytes.line));
            ASSERT(span_eq(whole.method, bytes.method) && span_eq(whole.target, bytes.target));
            assert_same_fields(&whole.fields, &bytes.fields);
        } else {
            ASSERT(read_by(a, in, &limits, 1, &bytes, &used_bytes) == result);
        }
    }
    arena_free(a);
    return 0;
}
