/* Borrowed bytes: comparison, trimming, comma lists (RFC 9110 5.6.1), numbers. */
#include "base.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_span(struct span s, const char *expected)
{
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void case_is_ascii_only(void **state)
{
    (void)state;
    assert_true(span_ieq(SPAN("WebSocket"), SPAN("websocket")));
    assert_false(span_ieq(SPAN("websocket"), SPAN("websockets")));
    assert_false(span_ieq(SPAN("\xc4"), SPAN("\xe4"))); /* Ä and ä in Latin-1 are other bytes */
    assert_false(span_ieq(SPAN("@["), SPAN("`{")));     /* the neighbours of A-Z do not fold */
    assert_true(span_eq(SPAN(""), span_of(NULL)));
    assert_false(span_eq(SPAN("a"), SPAN("A")));
    assert_true(span_ieq_str(SPAN("Upgrade"), "upgrade"));
}

static void a_prefix_may_not_be_longer_than_the_text(void **state)
{
    (void)state;
    assert_true(span_istarts(SPAN("WS://host"), SPAN("ws:")));
    assert_true(span_istarts(SPAN("x"), SPAN("")));
    assert_false(span_istarts(SPAN("ws"), SPAN("ws:")));
}

static void a_control_is_seen_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++)
        for (size_t at = 0; at < n; at++)
            for (unsigned c = 0; c < 256; c++) {
                char text[20] = " ~\x80\xffvalue of x size";
                text[at] = (char)c;
                assert_int_equal(span_has_control((struct span){ text, n }), c < ' ' || c == 0x7f);
            }
    assert_false(span_has_control((struct span){ NULL, 0 }));
}

static void only_blanks_are_trimmed(void **state)
{
    (void)state;
    assert_span(span_trim(SPAN(" \t a b\t ")), "a b");
    assert_span(span_trim(SPAN(" \t ")), "");
    assert_span(span_trim(SPAN("\r\na\n")), "\r\na\n"); /* line ends in a value are an attack, not a blank */
}

static void a_list_skips_what_is_empty(void **state)
{
    struct span rest = SPAN(" , keep-alive,,\tUpgrade ,");
    struct span token;

    (void)state;
    assert_true(span_next_token(&rest, &token));
    assert_span(token, "keep-alive");
    assert_true(span_next_token(&rest, &token));
    assert_span(token, "Upgrade");
    assert_false(span_next_token(&rest, &token));
    assert_int_equal(token.n, 0);
    assert_false(span_next_token(&rest, &token));
}

static void a_quoted_comma_divides_nothing(void **state)
{
    struct span rest = SPAN("a=\"1,\\\",2\", b, \"c, upgrade");
    struct span token;

    (void)state;
    assert_true(span_next_token(&rest, &token));
    assert_span(token, "a=\"1,\\\",2\"");
    assert_true(span_next_token(&rest, &token));
    assert_span(token, "b");
    assert_true(span_next_token(&rest, &token)); /* never closed: the rest is text, so no token hides in it */
    assert_span(token, "\"c, upgrade");
    assert_false(span_next_token(&rest, &token));
}

static void a_quote_that_ends_in_a_backslash_stays_in_bounds(void **state)
{
    struct span rest = { "\"a\\,b", 3 };
    struct span token;

    (void)state;
    assert_true(span_next_token(&rest, &token));
    assert_span(token, "\"a\\");
    assert_false(span_next_token(&rest, &token));
}

static void a_token_is_found_whole(void **state)
{
    (void)state;
    assert_true(span_has_token(SPAN("keep-alive, UPGRADE"), SPAN("upgrade")));
    assert_false(span_has_token(SPAN("upgrade-insecure, xupgrade"), SPAN("upgrade")));
    assert_false(span_has_token(SPAN(""), SPAN("upgrade")));
    assert_false(span_has_token(SPAN("\"upgrade\""), SPAN("upgrade")));
}

static void numbers_are_digits_and_fit(void **state)
{
    static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x10", "1.0", "18446744073709551616", "1\0" };
    uint64_t value = 7;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_false(span_to_u64((struct span){ bad[i], i == COUNT_OF(bad) - 1 ? 2 : strlen(bad[i]) }, &value));
    assert_int_equal(value, 7);
    assert_true(span_to_u64(SPAN("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_true(span_to_u64(SPAN("0000"), &value));
    assert_true(value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_ascii_only),
        cmocka_unit_test(a_prefix_may_not_be_longer_than_the_text),
        cmocka_unit_test(a_control_is_seen_wherever_it_stands),
        cmocka_unit_test(only_blanks_are_trimmed),
        cmocka_unit_test(a_list_skips_what_is_empty),
        cmocka_unit_test(a_quoted_comma_divides_nothing),
        cmocka_unit_test(a_quote_that_ends_in_a_backslash_stays_in_bounds),
        cmocka_unit_test(a_token_is_found_whole),
        cmocka_unit_test(numbers_are_digits_and_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
