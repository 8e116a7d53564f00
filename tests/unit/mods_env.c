/* SetEnv, PassEnv, UnsetEnv: what a request's environment holds after the fixups, place over place as httpd merges
 * them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "mods_request.h"

static const char *value(const char *text, const char *name)
{
    struct snapshot *s = must_load(text);
    struct request *r = make_request(s, s->sites.n ? s->sites.items[0] : s->main);
    const char *v;

    r->env = (struct http_fields){ 0 };
    request_set_env(r, "before", "kept");
    env_fixup(r);
    v = request_env(r, name);
    v = v ? arena_strdup(arena, v) : NULL;
    snapshot_drop(s);
    return v;
}

#define SITE(inside) "<VirtualHost *:80>\nServerName a\n" inside "\n</VirtualHost>"

static void a_variable_is_set_with_and_without_a_value(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnv colour blue", "colour"), "blue");
    assert_string_equal(value("SetEnv proxy-nohalfclose", "proxy-nohalfclose"), "");
    assert_null(value("SetEnv colour blue", "taste"));
}

static void the_inner_place_wins(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnv colour blue\n" SITE("SetEnv colour red"), "colour"), "red");
    assert_string_equal(value("SetEnv colour blue\n" SITE("SetEnv taste sour"), "colour"), "blue");
}

static void unsetenv_takes_what_was_set_outside_and_above(void **state)
{
    (void)state;
    assert_null(value("SetEnv colour blue\n" SITE("UnsetEnv colour"), "colour"));
    assert_null(value("SetEnv colour blue\n" SITE("SetEnv colour red\nUnsetEnv Colour"), "colour"));
    assert_null(value("PassEnv PATH\nUnsetEnv PATH", "PATH"));
    assert_string_equal(value("UnsetEnv colour taste\nSetEnv colour blue", "colour"), "blue");
    assert_string_equal(value("SetEnv colour blue\n" SITE("UnsetEnv colour\nSetEnv colour red"), "colour"), "red");
}

static void what_is_set_already_stays(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnv before late", "before"), "kept");
    assert_string_equal(value("SetEnv colour blue\nSetEnv colour red", "colour"), "red");
}

static void passenv_takes_the_servers_own(void **state)
{
    (void)state;
    setenv("WEIR_TEST_COLOUR", "green", 1);
    unsetenv("WEIR_TEST_NOTHING");
    assert_string_equal(value("PassEnv WEIR_TEST_COLOUR", "WEIR_TEST_COLOUR"), "green");
    assert_null(value("PassEnv WEIR_TEST_NOTHING", "WEIR_TEST_NOTHING"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_variable_is_set_with_and_without_a_value, begin, end),
        cmocka_unit_test_setup_teardown(the_inner_place_wins, begin, end),
        cmocka_unit_test_setup_teardown(unsetenv_takes_what_was_set_outside_and_above, begin, end),
        cmocka_unit_test_setup_teardown(what_is_set_already_stays, begin, end),
        cmocka_unit_test_setup_teardown(passenv_takes_the_servers_own, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
