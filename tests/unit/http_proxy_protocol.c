/* PROXY headers, both versions: who they name, how many bytes they take, and what is wrong with the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http.h"

static struct http_proxy_peer peer;
static struct http_proxy_fault fault;
static size_t used;

static enum http_parse parse(const char *bytes, size_t n)
{
    fault = (struct http_proxy_fault){ 0 };
    return http_parse_proxy_header((struct span){ bytes, n }, &peer, &used, &fault);
}
#define PARSE(text) parse(text, sizeof(text) - 1)
#define SIG         "\r\n\r\n\0\r\nQUIT\n"
#define V4          "\x01\x02\x03\x04\x05\x06\x07\x08\x03\xe8\x07\xd0"

static void a_line_names_the_client(void **state)
{
    (void)state;
    assert_int_equal(PARSE("PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\nGET"), HTTP_DONE);
    assert_true(peer.known && peer.family == 4 && peer.port == 1000);
    assert_string_equal(peer.text, "1.2.3.4");
    assert_int_equal(used, strlen("PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n"));
    assert_int_equal(PARSE("PROXY TCP6 2001:DB8::1 ::1 1 2\r\n"), HTTP_DONE);
    assert_string_equal(peer.text, "2001:db8::1");
    assert_int_equal(PARSE("PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n"), HTTP_BAD); /* as in httpd: no dots there */
    assert_int_equal(PARSE("PROXY TCP6 ::ffff:102:304 ::1 1 2\r\n"), HTTP_DONE);
    assert_string_equal(peer.text, "1.2.3.4");
}

static void unknown_and_local_leave_the_connections_own_address(void **state)
{
    (void)state;
    assert_int_equal(PARSE("PROXY UNKNOWN\r\n"), HTTP_DONE);
    assert_false(peer.known);
    assert_int_equal(used, 15);
    assert_int_equal(PARSE("PROXY UNKNOWN what ever\r\n"), HTTP_DONE);
    assert_int_equal(PARSE(SIG "\x20\x00\x00\x00"), HTTP_DONE);
    assert_false(peer.known);
    assert_int_equal(used, 16);
}

static void the_binary_form_names_the_client_and_skips_what_follows(void **state)
{
    (void)state;
    assert_int_equal(PARSE(SIG "\x21\x11\x00\x0c" V4 "GET"), HTTP_DONE);
    assert_string_equal(peer.text, "1.2.3.4");
    assert_int_equal(peer.port, 1000);
    assert_int_equal(used, 28);
    assert_int_equal(PARSE(SIG "\x21\x11\x00\x12" V4 "\x04\x00\x03"
                               "abc"),
                     HTTP_DONE);
    assert_int_equal(used, 34);
}

static void every_part_of_a_header_wants_more(void **state)
{
    static const char line[] = "PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n", binary[] = SIG "\x21\x11\x00\x0c" V4;

    (void)state;
    for (size_t n = 0; n < sizeof(line) - 1; n++)
        assert_int_equal(parse(line, n), HTTP_MORE);
    for (size_t n = 0; n < sizeof(binary) - 1; n++)
        assert_int_equal(parse(binary, n), HTTP_MORE);
}

static void what_is_wrong_has_httpds_number(void **state)
{
    static const struct {
        const char *text;
        int ah;
    } rows[] = {
        { "PROXY  \r\n           ", 3497 },
        { "PROXY TCP4 1.2.3.4 5.6.7.8\r\n", 3497 },
        { "PROXY TCP4 1.2.3.4\r\n", 3497 },
        { "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", 3499 },
        { "PROXY TCP4 ::1 ::1 1 2\r\n", 3500 },
        { "PROXY TCP4 1.2.3.4 5.6.7.8 x 2\r\n", 3501 },
        { "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", 3501 },
        { "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", 3502 },
        { "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 0 },
        { "GET / HTTP/1.1\r\n", 0 },
        { "PROXX", 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text)), HTTP_BAD);
        assert_int_equal(fault.ah, rows[i].ah);
        assert_true(fault.text[0]);
    }
    assert_int_equal(PARSE(SIG "\x22\x11\x00\x0c" V4), HTTP_BAD);
    assert_int_equal(fault.ah, 3507);
    assert_int_equal(PARSE(SIG "\x21\x31\x00\x0c" V4), HTTP_BAD);
    assert_int_equal(fault.ah, 10183);
    assert_int_equal(PARSE(SIG "\x21\x11\x00\x04\x01\x02\x03\x04"), HTTP_BAD);
    assert_int_equal(fault.ah, 10597);
    assert_int_equal(PARSE(SIG "\x21\x11\x01\x00"), HTTP_BAD);
    assert_int_equal(fault.ah, 10186);
    assert_int_equal(PARSE(SIG "\x31"), HTTP_BAD);
}

static void a_line_without_end_is_refused_at_its_bound(void **state)
{
    char line[HTTP_PROXY_MOST];

    (void)state;
    memset(line, '1', sizeof(line));
    memcpy(line, "PROXY TCP4 ", 11);
    assert_int_equal(parse(line, 106), HTTP_MORE);
    assert_int_equal(parse(line, 107), HTTP_BAD);
    assert_int_equal(fault.ah, 10185);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_the_client),
        cmocka_unit_test(unknown_and_local_leave_the_connections_own_address),
        cmocka_unit_test(the_binary_form_names_the_client_and_skips_what_follows),
        cmocka_unit_test(every_part_of_a_header_wants_more),
        cmocka_unit_test(what_is_wrong_has_httpds_number),
        cmocka_unit_test(a_line_without_end_is_refused_at_its_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
