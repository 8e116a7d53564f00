/* Response heads as backends send them: what Apache's proxy lets pass and what it calls bad. */
#include "http.h"
#include <setjmp.h>
#include <stdlib.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct reading {
    struct arena *arena;
    struct http_response_head head;
    struct http_fault fault;
    size_t used;
    enum http_parse result;
};

static struct reading read_lines(struct span bytes, size_t most, enum http_bad_header mode, size_t step)
{
    struct reading r = { .arena = arena_new(), .result = HTTP_MORE };
    struct http_scan scan = { .bad_header = mode };

    for (size_t n = 0; r.result == HTTP_MORE && n < bytes.n;) {
        char *copy;

        n = n + step < bytes.n ? n + step : bytes.n;
        copy = malloc(n);
        memcpy(copy, bytes.p, n);
        r.result = http_parse_response(r.arena, (struct span){ copy, n }, most, &scan, &r.head, &r.used, &r.fault);
        free(copy);
    }
    return r;
}

static struct reading read_by(struct span bytes, enum http_bad_header mode, size_t step)
{
    return read_lines(bytes, 8192, mode, step);
}

static struct reading read_head(const char *text)
{
    return read_by(span_of(text), HTTP_HEADER_REFUSE, strlen(text));
}

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void a_switch_of_protocols_leaves_the_bytes_behind_it(void **state)
{
    static const char text[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi";

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct reading r = read_by((struct span){ text, sizeof(text) - 1 }, HTTP_HEADER_REFUSE, step);

        assert_int_equal(r.result, HTTP_DONE);
        assert_int_equal(r.used, sizeof(text) - 1 - 4);
        assert_int_equal(r.head.version, 11);
        assert_int_equal(r.head.status, 101);
        assert_span(r.head.reason, "Switching Protocols");
        assert_int_equal(r.head.fields.n, 2);
        arena_free(r.arena);
    }
}

static void status_lines_of_the_field_are_understood(void **state)
{
    static const struct {
        const char *line;
        int version, status;
        const char *reason;
    } lines[] = {
        { "HTTP/1.1 200", 11, 200, NULL },
        { "HTTP/1.1 200 ", 11, 200, "" },
        { "HTTP/1.0 404 Not Found", 10, 404, "Not Found" },
        { "HTTP/1.1 200OK", 11, 200, NULL },
        { "HTTP/1.1 999 x", 11, 999, "x" },
        { "HTTP/1.1 200 \xe9", 11, 200, "\xe9" },
        { "HTTP/1.1 200 O\x01K", 11, 200, NULL },
        { "HTTP/1.1 200 O\rK", 11, 200, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char text[100];
        struct reading r;

        strcpy(stpcpy(text, lines[i].line), "\n\n");
        r = read_head(text);
        assert_int_equal(r.result, HTTP_DONE);
        assert_int_equal(r.head.version, lines[i].version);
        assert_int_equal(r.head.status, lines[i].status);
        if (lines[i].reason)
            assert_span(r.head.reason, lines[i].reason);
        else
            assert_null(r.head.reason.p);
        arena_free(r.arena);
    }
}

static void corrupt_status_lines_are_refused(void **state)
{
    static const char *const lines[] = { "HTTP/2.0 200 x\r\n", "HTTP/1.1  200 x\r\n", "HTTP/1.1 2x\r\n",
                                         "HTTP/1.1 099 x\r\n", "HTTP/1.1 2000\r\n",   "HTTP/1.10 200 x\r\n" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct reading r = read_head(lines[i]);

        assert_int_equal(r.result, HTTP_BAD);
        assert_int_equal(r.fault.status, 502);
        assert_int_equal(r.fault.ah, 898);
        assert_string_equal(r.fault.reason, "Corrupt status line returned by remote server");
        arena_free(r.arena);
    }
}

static void anything_else_is_a_body_without_a_head_as_in_apache(void **state)
{
    static const char *const texts[] = { "garbage\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "SSH-2.0-x\r\n", "x" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct reading r = read_head(texts[i]);

        assert_int_equal(r.result, HTTP_DONE);
        assert_int_equal(r.head.version, 9);
        assert_int_equal(r.head.status, 200);
        assert_int_equal(r.used, 0);
        arena_free(r.arena);
    }
}

static void one_stray_empty_line_is_forgiven(void **state)
{
    struct reading r = read_by(SPAN("\r\nHTTP/1.1 204 No Content\r\n\r\n"), HTTP_HEADER_REFUSE, 1);

    (void)state;
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.used, 29);
    arena_free(r.arena);
    r = read_by(SPAN("\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), HTTP_HEADER_REFUSE, 1);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.ah, 1102);
    arena_free(r.arena);
}

static void fields_are_checked_as_apache_does_before_it_sends_them_on(void **state)
{
    static const struct {
        const char *field;
        int status, ah;
    } fields[] = {
        { "A: b", 0, 0 },         { "A b", 502, 1106 },   { "A : b", 500, 2429 },
        { "A b: c", 500, 2429 },  { ": c", 500, 2428 },   { "A: \x01", 500, 2430 },
        { "A: b\rc", 500, 2430 }, { " A: b", 500, 2429 }, { "HTTP/1.0 200 OK", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char text[100];
        struct reading r;

        strcpy(stpcpy(stpcpy(text, "HTTP/1.1 200 OK\r\n"), fields[i].field), "\r\n\r\n");
        r = read_head(text);
        assert_int_equal(r.result, fields[i].status ? HTTP_BAD : HTTP_DONE);
        assert_int_equal(r.fault.status, fields[i].status);
        assert_int_equal(r.fault.ah, fields[i].ah);
        arena_free(r.arena);
    }
}

static void folded_lines_become_one(void **state)
{
    struct reading r = read_head("HTTP/1.1 200 OK\r\nA: b\r\n   c\n\td\r\nB: e\r\n \r\n\r\n");

    (void)state;
    assert_int_equal(r.result, HTTP_DONE);
    assert_span(http_fields_get(&r.head.fields, "A"), "b c d");
    assert_span(http_fields_get(&r.head.fields, "B"), "e");
    arena_free(r.arena);
}

static void proxy_bad_header_decides_about_lines_without_colon(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nA: b\r\nno colon\r\nC: d\r\n\r\n";
    struct reading r = read_by(span_of(text), HTTP_HEADER_REFUSE, 5);

    (void)state;
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.ah, 1106);
    assert_string_equal(r.fault.detail, "no colon");
    arena_free(r.arena);

    r = read_by(span_of(text), HTTP_HEADER_IGNORE, 5);
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.fields.n, 2);
    assert_int_equal(r.used, sizeof(text) - 1);
    arena_free(r.arena);

    r = read_by(span_of(text), HTTP_HEADER_BODY, 5);
    assert_int_equal(r.result, HTTP_DONE);
    assert_int_equal(r.head.fields.n, 1);
    assert_int_equal(r.used, strlen("HTTP/1.1 200 OK\r\nA: b\r\n"));
    arena_free(r.arena);
}

static struct reading read_sized(unsigned lines, unsigned size, bool folded)
{
    struct buf b = { 0 };
    struct reading r;

    buf_adds(&b, "HTTP/1.1 200 OK\r\nA: b\r\n");
    for (unsigned i = 0; i < lines; i++)
        buf_printf(&b, "%s%0*d\r\n", folded ? " " : "X: ", (int)size - (folded ? 1 : 3), 0);
    buf_adds(&b, "\r\n");
    r = read_by(buf_span(&b), HTTP_HEADER_REFUSE, 50000);
    buf_release(&b);
    return r;
}

static void a_backend_cannot_make_us_hold_without_end(void **state)
{
    static const struct {
        unsigned lines, size;
        bool folded, good;
    } heads[] = { { 1, 8191, false, true },   { 1, 8192, false, false }, { 998, 10, false, true },
                  { 1001, 10, false, false }, { 60, 8000, false, true }, { 66, 8000, false, false },
                  { 3, 2000, true, true },    { 3, 3000, true, false } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct reading r = read_sized(heads[i].lines, heads[i].size, heads[i].folded);

        assert_int_equal(r.result, heads[i].good ? HTTP_DONE : HTTP_BAD);
        arena_free(r.arena);
    }
}

static void an_endless_line_is_refused_without_its_end(void **state)
{
    char text[9000] = "HTTP/1.1 200 ";
    struct reading r;

    (void)state;
    memset(text + 13, 'a', sizeof(text) - 13);
    r = read_by((struct span){ text, sizeof(text) }, HTTP_HEADER_REFUSE, 100);
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.status, 502);
    arena_free(r.arena);
}

/* It is shorter than what the log would show of it. */
static void what_a_short_limit_refuses_is_shown_to_its_last_byte(void **state)
{
    struct reading r = read_lines(SPAN("HTTP/1.1 200 OK\r\nA: 123456789012345678"), 20, HTTP_HEADER_REFUSE, 100);

    (void)state;
    assert_int_equal(r.result, HTTP_BAD);
    assert_int_equal(r.fault.ah, 10124);
    assert_string_equal(r.fault.detail, "A: 123456789012345678");
    arena_free(r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_of_protocols_leaves_the_bytes_behind_it),
        cmocka_unit_test(status_lines_of_the_field_are_understood),
        cmocka_unit_test(corrupt_status_lines_are_refused),
        cmocka_unit_test(anything_else_is_a_body_without_a_head_as_in_apache),
        cmocka_unit_test(one_stray_empty_line_is_forgiven),
        cmocka_unit_test(fields_are_checked_as_apache_does_before_it_sends_them_on),
        cmocka_unit_test(folded_lines_become_one),
        cmocka_unit_test(proxy_bad_header_decides_about_lines_without_colon),
        cmocka_unit_test(a_backend_cannot_make_us_hold_without_end),
        cmocka_unit_test(an_endless_line_is_refused_without_its_end),
        cmocka_unit_test(what_a_short_limit_refuses_is_shown_to_its_last_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
