/* Addresses as text and back; what is no address is refused. */
#include "net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_text(const char *ip, int port, const char *text)
{
    struct addr a;
    char out[ADDR_TEXT];
    assert_true(addr_parse(ip, port, &a));
    assert_string_equal(addr_text(&a, out, sizeof(out)), text);
    assert_int_equal(addr_port(&a), port);
}

static void numeric_addresses_print_as_apache_prints_them(void **state)
{
    (void)state;
    assert_text("192.0.2.1", 80, "192.0.2.1:80");
    assert_text("::1", 8080, "[::1]:8080");
    assert_text("2001:DB8:0:0::1", 65535, "[2001:db8::1]:65535");
    assert_text("::ffff:192.0.2.7", 5000, "192.0.2.7:5000"); /* v4-mapped */
}

static void names_and_nonsense_are_no_addresses(void **state)
{
    (void)state;
    struct addr a;
    const char *const bad[] = {
        "",          "localhost",      "1.2.3",
        "256.1.1.1", "1.2.3.4 ",       "[::1]",
        ":::1",      "::1%no-such-if", "11111111111111111111111111111111111111111111111111111111111111111111%lo"
    };
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_false(addr_parse(bad[i], 1, &a));
    assert_false(addr_parse("1.2.3.4", 65536, &a));
    assert_false(addr_parse("1.2.3.4", -1, &a));
}

static void unix_paths_fit_or_are_refused(void **state)
{
    (void)state;
    struct addr a;
    char out[ADDR_TEXT], path[200];
    assert_true(addr_unix("/run/app.sock", &a));
    assert_string_equal(addr_text(&a, out, sizeof(out)), "/run/app.sock");
    memset(path, 'x', sizeof(path));
    path[107] = '\0';
    assert_true(addr_unix(path, &a));
    assert_string_equal(addr_ip(&a, out, sizeof(out)), path);
    path[107] = 'x', path[108] = '\0';
    assert_false(addr_unix(path, &a));
    assert_false(addr_unix("", &a));
}

static void unnamed_unix_peer_prints_empty(void **state)
{
    (void)state;
    struct addr a = { .len = sizeof(sa_family_t), .un = { .sun_family = AF_UNIX } };
    char out[ADDR_TEXT] = "before";
    assert_string_equal(addr_text(&a, out, sizeof(out)), "");
}

static void a_small_endpoint_keeps_family_address_and_port(void **state)
{
    (void)state;
    struct addr a;
    assert_true(addr_parse("192.0.2.1", 443, &a));
    struct addr_small s = addr_shrink(&a);
    assert_int_equal(s.family, 4);
    assert_int_equal(s.port, 443);
    assert_memory_equal(s.ip, "\xc0\x00\x02\x01", 4);
    assert_true(addr_parse("2001:db8::5", 80, &a));
    s = addr_shrink(&a);
    assert_int_equal(s.family, 6);
    assert_int_equal(s.port, 80);
    assert_memory_equal(s.ip, &a.in6.sin6_addr, 16);
    assert_true(sizeof(struct addr_small) <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_addresses_print_as_apache_prints_them),
        cmocka_unit_test(names_and_nonsense_are_no_addresses),
        cmocka_unit_test(unix_paths_fit_or_are_refused),
        cmocka_unit_test(unnamed_unix_peer_prints_empty),
        cmocka_unit_test(a_small_endpoint_keeps_family_address_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
