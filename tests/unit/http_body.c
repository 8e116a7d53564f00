/* Framing: no two hops may disagree where a message ends. Chunked coding against httpd's own tables. */
#include "http.h"
#include <setjmp.h>
#include <stdlib.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void add(struct arena *a, struct http_fields *f, const char *name, const char *value)
{
    if (value)
        http_fields_add(a, f, span_of(name), span_of(value));
}

struct outcome {
    bool good;
    struct http_body body;
    struct http_fault fault;
};

static struct outcome frame_request(int version, const char *te, const char *te2, const char *cl, const char *cl2)
{
    struct arena *a = arena_new();
    struct http_request_head h = { .version = version };
    struct outcome o = { 0 };

    add(a, &h.fields, "Transfer-Encoding", te);
    add(a, &h.fields, "transfer-encoding", te2);
    add(a, &h.fields, "Content-Length", cl);
    add(a, &h.fields, "CONTENT-LENGTH", cl2);
    o.good = http_request_framing(&h, &o.body, &o.fault);
    arena_free(a);
    return o;
}

static void requests_without_length_have_no_body(void **state)
{
    struct outcome o = frame_request(11, NULL, NULL, NULL, NULL);

    (void)state;
    assert_true(o.good);
    assert_int_equal(o.body.framing, HTTP_NO_BODY);
    assert_true(o.body.done);
}

static void lengths_are_digits_and_one(void **state)
{
    static const struct {
        const char *value, *again;
        uint64_t length;
        bool good;
    } lengths[] = {
        { "5", NULL, 5, true },    { "0", NULL, 0, true },
        { "05", NULL, 5, true },   { "9223372036854775807", NULL, INT64_MAX, true },
        { "+5", NULL, 0, false },  { "-5", NULL, 0, false },
        { "", NULL, 0, false },    { "9223372036854775808", NULL, 0, false },
        { "5 5", NULL, 0, false }, { "5, 5", NULL, 0, false },
        { "0x5", NULL, 0, false }, { "18446744073709551616", NULL, 0, false },
        { "5", "5", 0, false },    { "5", "6", 0, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct outcome o = frame_request(11, NULL, NULL, lengths[i].value, lengths[i].again);

        assert_int_equal(o.good, lengths[i].good);
        if (o.good) {
            assert_int_equal(o.body.framing, HTTP_LENGTH);
            assert_int_equal(o.body.left, lengths[i].length);
            assert_int_equal(o.body.done, lengths[i].length == 0);
        } else {
            assert_int_equal(o.fault.status, 400);
            assert_int_equal(o.fault.ah, 10242);
        }
    }
}

static void only_chunked_alone_is_a_coding(void **state)
{
    static const struct {
        const char *value, *again;
        int status;
    } codings[] = {
        { "chunked", NULL, 0 },
        { "CHUNKED", NULL, 0 },
        { "gzip", NULL, 400 },
        { "identity", NULL, 400 },
        { "", NULL, 400 },
        { "chunked, gzip", NULL, 400 },
        { "xchunked", NULL, 400 },
        { "chunked;q=1", NULL, 400 },
        { "\"chunked\"", NULL, 400 },
        { "chunked,", NULL, 400 },
        { "chunked, chunked", NULL, 400 },
        { "chunked", "chunked", 400 },
        { "chunked", "gzip", 400 },
        { "gzip, chunked", NULL, 501 },
        { "gzip", "chunked", 501 },
        { ",chunked", NULL, 501 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        struct outcome o = frame_request(11, codings[i].value, codings[i].again, NULL, NULL);

        assert_int_equal(o.good, codings[i].status == 0);
        assert_int_equal(o.fault.status, codings[i].status);
        if (o.good)
            assert_int_equal(o.body.framing, HTTP_CHUNKED);
    }
}

static void doubtful_framing_closes_the_connection(void **state)
{
    struct outcome o = frame_request(11, "chunked", NULL, "5", NULL);

    (void)state;
    assert_true(o.good && o.body.framing == HTTP_CHUNKED && o.body.close);
    o = frame_request(10, "chunked", NULL, NULL, NULL);
    assert_true(o.good && o.body.close);
    o = frame_request(11, "chunked", NULL, NULL, NULL);
    assert_true(o.good && !o.body.close);
    o = frame_request(11, "chunked", NULL, "x", NULL);
    assert_false(o.good);
}

static struct outcome frame_response(int status, const char *method, const char *te, const char *cl, const char *cl2)
{
    struct arena *a = arena_new();
    struct http_response_head h = { .version = 11, .status = status };
    struct outcome o = { 0 };

    add(a, &h.fields, "Transfer-Encoding", te);
    add(a, &h.fields, "Content-Length", cl);
    add(a, &h.fields, "Content-Length", cl2);
    o.good = http_response_framing(&h, span_of(method), &o.body, &o.fault);
    arena_free(a);
    return o;
}

static void responses_end_where_rfc_9112_says(void **state)
{
    static const struct {
        int status;
        const char *method, *te, *cl, *cl2;
        int framing; /* -1: refused */
    } responses[] = {
        { 200, "GET", NULL, "5", NULL, HTTP_LENGTH },
        { 200, "HEAD", NULL, "5", NULL, HTTP_NO_BODY },
        { 204, "GET", NULL, "5", NULL, HTTP_NO_BODY },
        { 304, "GET", "chunked", NULL, NULL, HTTP_NO_BODY },
        { 101, "GET", NULL, NULL, NULL, HTTP_NO_BODY },
        { 200, "GET", NULL, NULL, NULL, HTTP_UNTIL_CLOSE },
        { 200, "GET", "chunked", NULL, NULL, HTTP_CHUNKED },
        { 200, "GET", "identity", "5", NULL, HTTP_UNTIL_CLOSE },
        { 200, "GET", "gzip, chunked", NULL, NULL, HTTP_CHUNKED },
        { 200, "GET", "chunked", "x", NULL, HTTP_CHUNKED },
        { 200, "GET", NULL, "5", "5", HTTP_LENGTH },
        { 200, "GET", NULL, "5", "6", -1 },
        { 200, "GET", NULL, "5, 5", NULL, -1 },
        { 200, "GET", NULL, "x", NULL, -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(responses); i++) {
        struct outcome o = frame_response(responses[i].status, responses[i].method, responses[i].te, responses[i].cl,
                                          responses[i].cl2);

        assert_int_equal(o.good, responses[i].framing >= 0);
        if (o.good)
            assert_int_equal(o.body.framing, responses[i].framing);
        else
            assert_int_equal(o.fault.status, 502);
    }
}

/* Decodes `text` in steps; the payload is gathered in `out`. */
static enum http_parse decode(struct http_body *b, const char *text, size_t step, struct buf *out, size_t *taken)
{
    enum http_parse result = HTTP_MORE;
    size_t n = strlen(text);

    for (*taken = 0; *taken < n && result == HTTP_MORE;) {
        struct span in = { text + *taken, n - *taken < step ? n - *taken : step }, payload;
        size_t used;

        result = http_body_decode(b, in, &payload, &used);
        buf_add(out, payload.p, payload.n);
        *taken += used;
        assert_true(used > 0 && used <= in.n);
    }
    return result;
}

static void chunks_are_decoded_however_they_are_cut(void **state)
{
    static const char text[] = "5\r\nhello\r\n00A ;name=\"v\"\r\n, world of!\r\n1\t\r\n\n\r\n0\r\n";
    static const char trailers[] = "X: y\r\n\r\n";
    char all[100];

    (void)state;
    strcpy(stpcpy(all, text), trailers);
    for (size_t step = 1; step < sizeof(all); step++) {
        struct http_body b = { .framing = HTTP_CHUNKED };
        struct buf out = { 0 };
        size_t taken;

        assert_int_equal(decode(&b, all, step, &out, &taken), HTTP_BAD);
        assert_int_equal(b.taken, 15);
        buf_release(&out);
    }
    memcpy(strstr(all, "00A"), "00B", 3);
    for (size_t step = 1; step < sizeof(all); step++) {
        struct http_body b = { .framing = HTTP_CHUNKED };
        struct buf out = { 0 };
        size_t taken;

        assert_int_equal(decode(&b, all, step, &out, &taken), HTTP_DONE);
        assert_int_equal(taken, sizeof(text) - 1);
        assert_true(b.done);
        assert_int_equal(b.taken, 17);
        assert_memory_equal(buf_head(&out), "hello, world of!\n", 17);
        buf_release(&out);
    }
}

static void size_lines_get_the_answers_of_apache(void **state)
{
    static const struct {
        const char *line;
        int strict, lax; /* 0: taken */
    } lines[] = {
        { "5;a=b\r\n", 0, 0 },
        { "5;a=\x01\r\n", 400, 400 },
        { "5          \r\n", 0, 0 },
        { "5           \r\n", 400, 400 },
        { "5\n", 400, 0 },
        { "5;a\n", 400, 0 },
        { "5;a\rb\r\n", 400, 400 },
        { "0x5\r\n", 400, 400 },
        { "-5\r\n", 400, 400 },
        { "\r\n", 400, 400 },
        { " 5\r\n", 400, 400 },
        { "5g\r\n", 400, 400 },
        { "5 5\r\n", 400, 400 },
        { "5 ; x\r\n", 0, 0 },
        { "7fffffffffffffff\r\n", 0, 0 },
        { "8000000000000000\r\n", 413, 413 },
        { "ffffffffffffffffff\r\n", 413, 413 },
        { "00000000000000000000000000000005\r\n", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(lines); i++) {
        int expected = i & 1 ? lines[i / 2].lax : lines[i / 2].strict;
        struct http_body b = { .framing = HTTP_CHUNKED, .lax = i & 1 };
        struct http_fault fault;
        struct buf out = { 0 };
        size_t taken;

        assert_int_equal(decode(&b, lines[i / 2].line, 100, &out, &taken), expected ? HTTP_BAD : HTTP_MORE);
        http_body_fault(&b, &fault);
        if (expected)
            assert_int_equal(fault.status, expected);
        buf_release(&out);
    }
}

static void a_size_line_ends(void **state)
{
    struct http_body b = { .framing = HTTP_CHUNKED };
    struct http_fault fault;
    struct span payload;
    size_t used, total = 0;

    (void)state;
    assert_int_equal(http_body_decode(&b, SPAN("5;"), &payload, &used), HTTP_MORE);
    while (http_body_decode(&b, SPAN("extension"), &payload, &used) == HTTP_MORE)
        assert_true((total += used) < 8190);
    http_body_fault(&b, &fault);
    assert_int_equal(fault.status, 413);
    /* and a decoder that refused once does so for good */
    assert_int_equal(http_body_decode(&b, SPAN("0\r\n"), &payload, &used), HTTP_BAD);
}

static void lengths_are_kept(void **state)
{
    struct http_body b = { .framing = HTTP_LENGTH, .left = 7 };
    struct span payload;
    size_t used;

    (void)state;
    assert_int_equal(http_body_decode(&b, SPAN("hel"), &payload, &used), HTTP_MORE);
    assert_int_equal(payload.n, 3);
    assert_int_equal(http_body_decode(&b, SPAN("lo, next request"), &payload, &used), HTTP_DONE);
    assert_int_equal(payload.n, 4);
    assert_int_equal(used, 4);
    assert_int_equal(http_body_decode(&b, SPAN("more"), &payload, &used), HTTP_DONE);
    assert_int_equal(used, 0);

    b = (struct http_body){ .framing = HTTP_UNTIL_CLOSE };
    assert_int_equal(http_body_decode(&b, SPAN("all"), &payload, &used), HTTP_MORE);
    assert_int_equal(payload.n, 3);
}

static void chunk_heads_are_hex(void **state)
{
    char out[20];

    (void)state;
    assert_int_equal(http_chunk_head(26, out), 4);
    assert_string_equal(out, "1a\r\n");
    assert_int_equal(http_chunk_head(UINT64_MAX, out), 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_without_length_have_no_body),
        cmocka_unit_test(lengths_are_digits_and_one),
        cmocka_unit_test(only_chunked_alone_is_a_coding),
        cmocka_unit_test(doubtful_framing_closes_the_connection),
        cmocka_unit_test(responses_end_where_rfc_9112_says),
        cmocka_unit_test(chunks_are_decoded_however_they_are_cut),
        cmocka_unit_test(size_lines_get_the_answers_of_apache),
        cmocka_unit_test(a_size_line_ends),
        cmocka_unit_test(lengths_are_kept),
        cmocka_unit_test(chunk_heads_are_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
