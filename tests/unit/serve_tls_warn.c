/* When a certificate's end is worth a warning, and which names it covers. */
#include "tls_warn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DAY = 86400 };

static void warnings_come_at_thirty_fourteen_seven_and_one_day(void **state)
{
    const int64_t now = 1700000000;

    (void)state;
    assert_int_equal(tls_warn_days(now + 31 * DAY, now), -1);
    assert_int_equal(tls_warn_days(now + 30 * DAY + 1, now), -1);
    assert_int_equal(tls_warn_days(now + 30 * DAY, now), 30);
    assert_int_equal(tls_warn_days(now + 14 * DAY + 1, now), 30);
    assert_int_equal(tls_warn_days(now + 14 * DAY, now), 14);
    assert_int_equal(tls_warn_days(now + 7 * DAY, now), 7);
    assert_int_equal(tls_warn_days(now + 2 * DAY, now), 7);
    assert_int_equal(tls_warn_days(now + DAY, now), 1);
    assert_int_equal(tls_warn_days(now + 1, now), 1);
}

static void what_ended_is_expired_however_long_ago(void **state)
{
    (void)state;
    assert_int_equal(tls_warn_days(1000, 1000), 0);
    assert_int_equal(tls_warn_days(0, 1700000000), 0);
    assert_int_equal(tls_warn_days(-5, 1700000000), 0);
}

static void a_wildcard_covers_one_label_and_only_the_leftmost(void **state)
{
    const char *names[] = { "*.example.com", "other.test" };

    (void)state;
    assert_true(tls_warn_covered(names, 2, "www.example.com"));
    assert_true(tls_warn_covered(names, 2, "WWW.Example.COM"));
    assert_true(tls_warn_covered(names, 2, "other.test"));
    assert_false(tls_warn_covered(names, 2, "example.com"));
    assert_false(tls_warn_covered(names, 2, "a.b.example.com"));
    assert_false(tls_warn_covered(names, 2, "www.other.test"));
    assert_false(tls_warn_covered(names, 0, "other.test"));
}

static void part_of_a_label_is_no_wildcard(void **state)
{
    const char *names[] = { "w*.example.com" };

    (void)state;
    assert_false(tls_warn_covered(names, 1, "www.example.com"));
}

static void an_alias_with_a_wildcard_needs_the_same_in_the_certificate(void **state)
{
    const char *names[] = { "*.example.com", "www.other.test" };

    (void)state;
    assert_true(tls_warn_covered(names, 2, "*.example.com"));
    assert_false(tls_warn_covered(names, 2, "*.other.test"));
    assert_true(tls_warn_covered(names, 2, "www?.other.test")); /* no certificate can say this: not judged */
    assert_true(tls_warn_covered(names, 2, "*"));
}

static void an_address_is_compared_whole(void **state)
{
    const char *names[] = { "192.0.2.1", "2001:db8::1" };

    (void)state;
    assert_true(tls_warn_covered(names, 2, "192.0.2.1"));
    assert_false(tls_warn_covered(names, 2, "192.0.2.10"));
    assert_true(tls_warn_covered(names, 2, "2001:db8::1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warnings_come_at_thirty_fourteen_seven_and_one_day),
        cmocka_unit_test(what_ended_is_expired_however_long_ago),
        cmocka_unit_test(a_wildcard_covers_one_label_and_only_the_leftmost),
        cmocka_unit_test(part_of_a_label_is_no_wildcard),
        cmocka_unit_test(an_alias_with_a_wildcard_needs_the_same_in_the_certificate),
        cmocka_unit_test(an_address_is_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
