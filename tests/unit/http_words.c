/* Reason phrases, dates, tokens, methods, and bytes made fit for logs and pages. */
#include "http.h"
#include <setjmp.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reasons_are_apaches(void **state)
{
    (void)state;
    assert_string_equal(http_reason(101), "Switching Protocols");
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(413), "Request Entity Too Large");
    assert_string_equal(http_reason(504), "Gateway Timeout");
    assert_string_equal(http_reason(299), "Unknown Reason");
    assert_string_equal(http_reason(-1), "Unknown Reason");
}

static void dates_have_the_form_of_rfc_9110(void **state)
{
    char out[32];

    (void)state;
    assert_int_equal(http_date(784111777, out), 29);
    assert_string_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT");
    http_date(0, out);
    assert_string_equal(out, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_int_equal(http_date(INT64_MAX, out), 29);
    assert_string_equal(out, "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_int_equal(http_date(INT64_MIN, out), 29);
}

static void tokens_are_tokens(void **state)
{
    (void)state;
    assert_true(http_is_token(SPAN("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(http_is_token(SPAN("")));
    assert_false(http_is_token(SPAN("a b")));
    assert_false(http_is_token(SPAN("a:")));
    assert_false(http_is_token(SPAN("\x80")));
    assert_false(http_is_token((struct span){ "a\0b", 3 }));
}

static void methods_are_those_of_httpd_without_mod_dav_and_more_that_were_registered(void **state)
{
    const char *items[] = { "SEARCH" };
    const struct vec more = { .items = (void **)(uintptr_t)items, .n = 1 };

    (void)state;
    assert_true(http_registered_method(SPAN("GET"), NULL));
    assert_true(http_registered_method(SPAN("BASELINE-CONTROL"), NULL));
    assert_false(http_registered_method(SPAN("get"), NULL));
    assert_false(http_registered_method(SPAN("SEARCH"), NULL));
    assert_false(http_registered_method(SPAN(""), NULL));
    assert_true(http_registered_method(SPAN("SEARCH"), &more));
    assert_false(http_registered_method(SPAN("search"), &more));
}

static void bytes_of_a_peer_cannot_forge_a_log_line_or_a_page(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    assert_string_equal(http_escape_log(a, SPAN("a\"b\\c\r\n\t\v\b\x01\x7f\xe9 d")),
                        "a\\\"b\\\\c\\r\\n\\t\\v\\b\\x01\\x7f\\xe9 d");
    assert_string_equal(http_escape_log(a, (struct span){ "a\0b", 3 }), "a\\x00b");
    assert_string_equal(http_escape_log(a, SPAN("")), "");
    assert_string_equal(http_escape_html(a, SPAN("<a href=\"x\">&'\xe9")), "&lt;a href=&quot;x&quot;&gt;&amp;'\xe9");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_are_apaches),
        cmocka_unit_test(dates_have_the_form_of_rfc_9110),
        cmocka_unit_test(tokens_are_tokens),
        cmocka_unit_test(methods_are_those_of_httpd_without_mod_dav_and_more_that_were_registered),
        cmocka_unit_test(bytes_of_a_peer_cannot_forge_a_log_line_or_a_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
