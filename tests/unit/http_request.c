/* Request heads: what Apache's strict mode takes and refuses is taken and refused here, under the same AH number. The
 * tables were tried against httpd 2.4. */
#include "http.h"
#include <setjmp.h>
#include <stdlib.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct http_limits strict = { 8190, 100, 8190, false, true, true };
static const struct http_limits unsafe = { 8190, 100, 8190, true, true, true };

struct reading {
    struct arena *arena;
    struct http_request_head head;
    struct http_fault fault;
    size_t used;
    enum http_parse result;
};

/* Feeds the bytes `step` at a time, from memory that ends where they end. */
static struct reading read_by(struct span bytes, const struct http_limits *limits, size_t step)
{
    struct reading r = { .arena = arena_new(), .result = HTTP_MORE };
    struct http_scan scan = { 0 };

    for (size_t n = 0; r.result == HTTP_MORE && n < bytes.n;) {
        char *copy;

        n = n + step < bytes.n ? n + step : bytes.n;
        copy = malloc(n);
        memcpy(copy, bytes.p, n);
        r.result = http_parse_request(r.arena, (struct span){ copy, n }, limits, &scan, &r.head, &r.used, &r.fault);
        free(copy);
    }
    return r;
}

static struct reading read_head(const char *text, const struct http_limits *limits)
{
    return read_by(span_of(text), limits, strlen(text));
}

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

#define REST "Host: a.test\r\n\r\n"

static void a_browser_handshake_is_taken_apart_and_kept_as_it_came(void **state)
{
    static const char text[] = "GET /chat?room=1 HTTP/1.1\r\nhOST: example.com\r\nUpgrade: websocket\r\n"
                               "Connection:  keep-alive, Upgrade \t\r\nX-Empty:\r\n\r\nbytes of the next";

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct reading r = read_by((struct span){ text, sizeof(text) - 1 }, &strict, step);

        assert_int_equal(r.result, HTTP_DONE);
        assert_int_equal(r.used, sizeof(text) - 1 - strlen("bytes of the next"));
        assert_span(r.head.method, "GET");
        assert_span(r.head.target, "/chat?room=1");
        assert_span(r.head.line, "GET /chat?room=1 HTTP/1.1");
        assert_int_equal(r.head.version, 11);
        assert_int_equal(r.head.fields.n, 4);
        assert_span(r.head.fields.items[0].name, "hOST");
        assert_span(http_fields_get(&r.head.fields, "Connection"), "keep-alive, Upgrade");
        assert_span(http_fields_get(&r.head.fields, "X-Empty"), "");
        arena_free(r.arena);
    }
}

static void request_lines_get_the_answers_of_apache(void **state)
{
    static const struct {
        const char *text;
        int strict_ah, unsafe_ah; /* 0: taken */
    } lines[] = {
        { "GET / HTTP/1.1\r\n" REST, 0, 0 },
        { "GET  / HTTP/1.1\r\n" REST, 3448, 0 },
        { "GET /  HTTP/1.1\r\n" REST, 3448, 0 },
        { "GET / HTTP/1.1 \r\n" REST, 3448, 0 },
        { " GET / HTTP/1.1\r\n" REST, 3447, 3447 },
        { "GET\t/ HTTP/1.1\r\n" REST, 3447, 3447 },
        { "GET / HTTP/1.1\n" REST, 566, 0 },
        { "\nGET / HTTP/1.1\r\n" REST, 566, 0 },
        { "GET / HTTP/1.1 x\r\n" REST, 3448, 3449 },
        { "GET / HTTP/1.2\r\n" REST, 0, 0 },
        { "GET / HTTP/3.7\r\n" REST, 0, 0 },
        { "GET / HTTP/0.9\r\n" REST, 2418, 2418 },
        { "GET / http/1.1\r\n" REST, 2418, 0 },
        { "GET / HTTP/1.10\r\n" REST, 2418, 2418 },
        { "GET / FOO\r\n" REST, 2418, 2418 },
        { "GET\r\n" REST, 3454, 3454 },
        { "G@T / HTTP/1.1\r\n" REST, 3445, 0 },
        { "GET /\x01 HTTP/1.1\r\n" REST, 3454, 3454 },
        { "GET /a\x7f HTTP/1.1\r\n" REST, 3454, 3454 },
        { "GET /\xe9\"<> HTTP/1.1\r\n" REST, 0, 0 },
        { "GET /a#b HTTP/1.1\r\n" REST, 2421, 0 },
        { "GET http://u:p@a.test/ HTTP/1.1\r\n" REST, 2422, 0 },
        { "GET * HTTP/1.1\r\n" REST, 3450, 3450 },
        { "OPTIONS * HTTP/1.1\r\n" REST, 0, 0 },
        { "GET foo HTTP/1.1\r\n" REST, 3450, 3450 },
        { "GET ws://b.test/x HTTP/1.1\r\n" REST, 3450, 3450 },
        { "CONNECT a:80 HTTP/1.1\r\n" REST, 0, 0 },
        { "CONNECT a HTTP/1.1\r\n" REST, 3450, 3450 },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 3450, 3450 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct reading r = read_head(lines[i].text, &strict);
        struct reading lax = read_head(lines[i].text, &unsafe);

        assert_int_equal(r.result, lines[i].strict_ah ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(r.fault.ah, lines[i].strict_ah);
        assert_int_equal(lax.result, lines[i].unsafe_ah ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(lax.fault.ah, lines[i].unsafe_ah);
        arena_free(r.arena);
        arena_free(lax.arena);
    }
}

static void a_refused_line_is_known_before_the_fields_come(void **state)
{
    struct reading r = read_head("GET / HTTP/1.1 \r\nHost: a", &strict);

    (void)state;
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.status, 400);
    assert_span(r.head.line, "GET / HTTP/1.1 ");
    arena_free(r.arena);

    r = read_head("GET foo HTTP/1.1\r\nHost: a", &strict);
    assert_int_equal(r.result, HTTP_BAD);
    assert_span(r.head.method, "GET");
    assert_string_equal(r.fault.detail, "foo");
    arena_free(r.arena);
}

static void parts_of_a_refused_line_are_those_before_the_fault(void **state)
{
    struct reading r = read_head(" /x HTTP/1.1\r\n" REST, &strict);

    (void)state;
    assert_int_equal(r.result, HTTP_BAD);
    assert_null(r.head.method.p);
    arena_free(r.arena);

    r = read_head("GET  /x HTTP/1.1\r\n" REST, &strict);
    assert_int_equal(r.result, HTTP_BAD);
    assert_span(r.head.method, "GET");
    assert_null(r.head.target.p);
    arena_free(r.arena);
}

static void a_password_in_a_refused_target_is_known_as_such_to_the_log(void **state)
{
    static const char text[] = "GET http://user:secret@a.test/x HTTP/1.1\r\n" REST;

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct reading r = read_by(span_of(text), &strict, step);

        assert_int_equal(r.fault.ah, 2422);
        assert_span(r.head.parts.user, "user:secret");
        assert_ptr_equal(r.head.parts.user.p, r.head.line.p + strlen("GET http://"));
        arena_free(r.arena);
    }
}

static void a_nul_is_refused_wherever_it_stands(void **state)
{
    static const char text[] = "GET /index HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n";

    (void)state;
    for (size_t at = 0; at < sizeof(text) - 5; at++) {
        char copy[sizeof(text)];
        struct reading r;

        memcpy(copy, text, sizeof(text));
        copy[at] = '\0';
        r = read_by((struct span){ copy, sizeof(text) - 1 }, &strict, sizeof(text));
        assert_int_equal(r.result, HTTP_BAD);
        assert_int_equal(r.fault.status, 400);
        arena_free(r.arena);
    }
}

static void fields_get_the_answers_of_apache(void **state)
{
    static const struct {
        const char *field;
        int strict_ah, unsafe_ah;
    } fields[] = {
        { "A: b", 0, 0 },          { "A:b", 0, 0 },         { "A : b", 2426, 3452 }, { "A b", 2426, 564 },
        { ": b", 2426, 3453 },     { "A: \x01", 2427, 0 },  { "A: \x7f", 2427, 0 },  { "A: \xff", 0, 0 },
        { "A: b\rc", 2427, 3451 }, { "A\x80: b", 2426, 0 }, { "A(: b", 2426, 0 },    { "A: b\tc", 0, 0 },
        { "A: b\n", 567, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char text[200];
        struct reading r, lax;

        strcpy(stpcpy(stpcpy(text, "GET / HTTP/1.1\r\n"), fields[i].field), "\r\n\r\n");
        r = read_head(text, &strict);
        lax = read_head(text, &unsafe);
        assert_int_equal(r.result, fields[i].strict_ah ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(r.fault.ah, fields[i].strict_ah);
        assert_int_equal(lax.result, fields[i].unsafe_ah ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(lax.fault.ah, fields[i].unsafe_ah);
        arena_free(r.arena);
        arena_free(lax.arena);
    }
}

static void folded_fields_are_refused_or_joined_when_unsafe(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nA: b  \r\n \t c\r\n\td  e \r\nB:\r\n f\r\n\r\n";
    struct reading r = read_head(text, &strict);

    (void)state;
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.status, 400);
    arena_free(r.arena);

    r = read_head(text, &unsafe);
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.fields.n, 2);
    assert_span(http_fields_get(&r.head.fields, "A"), "b c d  e");
    assert_span(http_fields_get(&r.head.fields, "B"), "f");
    arena_free(r.arena);

    r = read_head("GET / HTTP/1.1\r\n A: b\r\n\r\n", &unsafe);
    assert_int_equal(r.fault.ah, 3442);
    arena_free(r.arena);
    r = read_head("GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", &unsafe);
    assert_int_equal(r.fault.ah, 3443);
    arena_free(r.arena);
}

/* "GET /aaa… HTTP/1.1" of n bytes, then a field line of m bytes, then the same name again with k bytes of value. */
static struct reading read_sized(size_t n, size_t m, size_t k)
{
    struct buf b = { 0 };
    struct reading r;

    buf_printf(&b, "GET /%0*d HTTP/1.1\r\n", (int)n - 14, 0);
    buf_printf(&b, "X: %0*d\r\n", (int)m - 3, 0);
    if (k)
        buf_printf(&b, "x: %0*d\r\n", (int)k, 0);
    buf_adds(&b, "\r\n");
    r = read_by(buf_span(&b), &strict, 1000);
    buf_release(&b);
    return r;
}

static void sizes_are_limited_to_the_byte_as_in_apache(void **state)
{
    static const struct {
        size_t line, field, again;
        int status, ah;
    } sizes[] = {
        { 8191, 100, 0, 0, 0 },        { 8192, 100, 0, 414, 565 }, { 100, 8191, 0, 0, 0 },
        { 100, 8192, 0, 400, 561 },    { 100, 4000, 4000, 0, 0 },  { 100, 4003, 4188, 0, 0 },
        { 100, 4003, 4189, 400, 560 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct reading r = read_sized(sizes[i].line, sizes[i].field, sizes[i].again);

        assert_int_equal(r.result, sizes[i].status ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(r.fault.status, sizes[i].status);
        assert_int_equal(r.fault.ah, sizes[i].ah);
        if (r.fault.status == 400)
            assert_string_equal(r.fault.note, "Size of a request header field exceeds server limit.");
        arena_free(r.arena);
    }
}

static void an_endless_line_is_refused_without_its_end(void **state)
{
    char text[9000];
    struct reading r;

    (void)state;
    memset(text, 'a', sizeof(text));
    r = read_by((struct span){ text, sizeof(text) }, &strict, 100);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.status, 414);
    assert_int_equal(r.head.line.n, 8191);
    arena_free(r.arena);

    memcpy(text, "GET / HTTP/1.1\r\n", 16);
    r = read_by((struct span){ text, sizeof(text) }, &strict, 100);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.ah, 561);
    arena_free(r.arena);
}

static struct reading read_count(unsigned fields, const struct http_limits *limits)
{
    struct buf b = { 0 };
    struct reading r;

    buf_adds(&b, "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < fields; i++)
        buf_printf(&b, "X%u: y\r\n", i);
    buf_adds(&b, "\r\n");
    r = read_by(buf_span(&b), limits, 5000);
    buf_release(&b);
    return r;
}

static void fields_are_counted(void **state)
{
    struct http_limits none = strict;
    struct reading r = read_count(100, &strict);

    (void)state;
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.fields.n, 100);
    arena_free(r.arena);
    for (int lax = 0; lax < 2; lax++) {
        r = read_count(101, lax ? &unsafe : &strict);
        assert_int_equal(r.result, HTTP_BAD);
        assert_int_equal(r.fault.ah, 563);
        assert_string_equal(r.fault.note, "The number of request header fields exceeds this server's limit.");
        arena_free(r.arena);
    }
    none.fields = 0;
    r = read_count(3000, &none);
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.fields.n, 3000);
    arena_free(r.arena);
}

static void ten_empty_lines_may_come_first(void **state)
{
    char text[100] = "";
    struct reading r;

    (void)state;
    for (int i = 0; i < 10; i++)
        strcat(text, "\r\n");
    strcat(text, "GET / HTTP/1.1\r\n" REST);
    r = read_by(span_of(text), &strict, 3);
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.used, strlen(text));
    arena_free(r.arena);

    memmove(text + 2, text, strlen(text) + 1);
    r = read_by(span_of(text), &strict, 3);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.ah, 3445);
    arena_free(r.arena);
}

static void http_09_is_one_line_for_get_alone(void **state)
{
    struct http_limits without = strict;
    struct reading r = read_head("GET /old\r\nbytes", &strict);

    (void)state;
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.version, 9);
    assert_int_equal(r.used, 10);
    arena_free(r.arena);
    r = read_head("POST /old\r\n", &strict);
    assert_int_equal(r.fault.ah, 3444);
    arena_free(r.arena);
    without.allow_09 = false;
    r = read_head("GET /old\r\n", &without);
    assert_int_equal(r.fault.ah, 2401);
    arena_free(r.arena);
}

static void registered_methods_alone_when_asked(void **state)
{
    struct http_limits registered = strict;
    struct reading r;

    (void)state;
    registered.any_method = false;
    r = read_head("FOO / HTTP/1.1\r\n" REST, &registered);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.status, 501);
    assert_int_equal(r.fault.ah, 2423);
    arena_free(r.arena);
    r = read_head("get / HTTP/1.1\r\n" REST, &registered);
    assert_int_equal(r.fault.status, 501);
    arena_free(r.arena);
    r = read_head("PROPFIND / HTTP/1.1\r\n" REST, &registered);
    assert_int_equal(r.result, HTTP_DONE);
    arena_free(r.arena);
}

static void details_are_short_and_printable(void **state)
{
    char text[300] = "GET / HTTP/1.1\r\n\x01\"";
    struct reading r;

    (void)state;
    memset(text + 18, 'x', 200);
    strcpy(text + 218, "\r\n\r\n");
    r = read_head(text, &strict);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(strlen(r.fault.detail), 80);
    assert_memory_equal(r.fault.detail, "\\x01\\\"xxx", 9);
    arena_free(r.arena);
}

static void trailers_are_fields_until_an_empty_line(void **state)
{
    struct arena *a = arena_new();
    struct http_fields fields = { 0 };
    struct http_fault fault;
    size_t used;

    (void)state;
    assert_int_equal(http_parse_trailers(a, SPAN("X: 1\r\n"), &strict, &fields, &used, &fault), HTTP_MORE);
    assert_int_equal(http_parse_trailers(a, SPAN("X: 1\r\nY: 2\r\n\r\nGET"), &strict, &fields, &used, &fault),
                     HTTP_DONE);
    assert_int_equal(used, 14);
    assert_int_equal(fields.n, 2);
    assert_span(http_fields_get(&fields, "Y"), "2");
    assert_int_equal(http_parse_trailers(a, SPAN("\r\n"), &strict, &fields, &used, &fault), HTTP_DONE);
    assert_int_equal(used, 2);
    assert_int_equal(http_parse_trailers(a, SPAN("X 1\r\n\r\n"), &strict, &fields, &used, &fault), HTTP_BAD);
    assert_int_equal(fault.ah, 2426);
    assert_int_equal(http_parse_trailers(a, SPAN("X: 1\n\r\n"), &strict, &fields, &used, &fault), HTTP_BAD);
    arena_free(a);
}

static void trailers_without_end_are_refused(void **state)
{
    static const struct http_limits none = { 8190, 0, 8190, false, true, true };
    struct arena *a = arena_new();
    struct http_fields fields = { 0 };
    struct http_fault fault;
    struct buf b = { 0 };
    size_t used;

    (void)state;
    while (buf_len(&b) <= 65536 - 8) {
        buf_adds(&b, "X: 345\r\n");
        assert_int_equal(http_parse_trailers(a, buf_span(&b), &none, &fields, &used, &fault), HTTP_MORE);
    }
    buf_adds(&b, "X");
    assert_int_equal(http_parse_trailers(a, buf_span(&b), &none, &fields, &used, &fault), HTTP_BAD);
    assert_int_equal(fault.status, 400);
    buf_release(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_handshake_is_taken_apart_and_kept_as_it_came),
        cmocka_unit_test(request_lines_get_the_answers_of_apache),
        cmocka_unit_test(a_refused_line_is_known_before_the_fields_come),
        cmocka_unit_test(parts_of_a_refused_line_are_those_before_the_fault),
        cmocka_unit_test(a_password_in_a_refused_target_is_known_as_such_to_the_log),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(fields_get_the_answers_of_apache),
        cmocka_unit_test(folded_fields_are_refused_or_joined_when_unsafe),
        cmocka_unit_test(sizes_are_limited_to_the_byte_as_in_apache),
        cmocka_unit_test(an_endless_line_is_refused_without_its_end),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(ten_empty_lines_may_come_first),
        cmocka_unit_test(http_09_is_one_line_for_get_alone),
        cmocka_unit_test(registered_methods_alone_when_asked),
        cmocka_unit_test(details_are_short_and_printable),
        cmocka_unit_test(trailers_are_fields_until_an_empty_line),
        cmocka_unit_test(trailers_without_end_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
