/* Words, paths and times of Apache's language. */
#include "arena.h"
#include "conf.h"

#include <setjmp.h>
#include <stdint.h>

#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Words joined by "|". */
static const char *words(const char *text)
{
    const char *word, *all = "";
    while ((word = conf_word(arena, &text)))
        all = arena_concat(arena, all, word, "|", NULL);
    assert_string_equal(text, "");
    return all;
}

static void words_end_at_blanks(void **state)
{
    (void)state;
    assert_string_equal(words(""), "");
    assert_string_equal(words(" \t "), "");
    assert_string_equal(words("  a\tb  c "), "a|b|c|");
    assert_string_equal(words("a\vb\fc\rd"), "a|b|c|d|");
}

static void quotes_hold_blanks_and_the_other_quote(void **state)
{
    (void)state;
    assert_string_equal(words("\"a b\" 'c \"d\"' e"), "a b|c \"d\"|e|");
    assert_string_equal(words("\"\" x ''"), "|x||");
    assert_string_equal(words("a\"b c\""), "a\"b|c\"|");
    assert_string_equal(words("\"a\"b"), "a|b|");
}

static void an_open_quote_goes_to_the_end(void **state)
{
    (void)state;
    assert_string_equal(words("\"a b"), "a b|");
    assert_string_equal(words("'"), "|");
    assert_string_equal(words("\"a\\"), "a\\|");
}

static void a_backslash_escapes_itself_and_the_quote_in_use(void **state)
{
    (void)state;
    assert_string_equal(words("\"a\\\"b\""), "a\"b|");
    assert_string_equal(words("'a\\'b'"), "a'b|");
    assert_string_equal(words("\"a\\'b\""), "a\\'b|");
    assert_string_equal(words("\"^\\.ht\\d\""), "^\\.ht\\d|");
    assert_string_equal(words("a\\\\b c\\d"), "a\\b|c\\d|");
    assert_string_equal(words("\"a\\\\\" b"), "a\\|b|");
    assert_string_equal(words("a\\ b"), "a\\|b|");
}

static void the_rest_is_behind_the_word_and_its_blanks(void **state)
{
    const char *rest = "  On   # note";
    (void)state;
    assert_string_equal(conf_word(arena, &rest), "On");
    assert_string_equal(rest, "# note");
}

static void paths_are_below_the_root_unless_absolute(void **state)
{
    (void)state;
    assert_string_equal(conf_path(arena, "/etc/apache2", "ports.conf"), "/etc/apache2/ports.conf");
    assert_string_equal(conf_path(arena, "/etc/apache2/", "sites-enabled/*.conf"), "/etc/apache2/sites-enabled/*.conf");
    assert_string_equal(conf_path(arena, "/etc/apache2", "/var/x"), "/var/x");
    assert_string_equal(conf_path(arena, "/", "x"), "/x");
    assert_string_equal(conf_path(arena, "/etc", ""), "/etc/");
}

static void dots_and_double_slashes_go(void **state)
{
    (void)state;
    assert_string_equal(conf_path(arena, "/a/b", "../c/./d"), "/a/c/d");
    assert_string_equal(conf_path(arena, "/a", "//b//c//"), "/b/c/");
    assert_string_equal(conf_path(arena, "/a", "../../../etc"), "/etc");
    assert_string_equal(conf_path(arena, "/a", "/.."), "/");
    assert_string_equal(conf_path(arena, "/a", "b/.."), "/a/");
    assert_string_equal(conf_path(arena, "/a", "..b/...c"), "/a/..b/...c");
}

static void a_path_that_no_system_takes_is_malformed(void **state)
{
    char path[5000];
    (void)state;
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_null(conf_path(arena, "/etc", path));
    assert_null(conf_path(arena, path, "x"));
}

static void assert_time(const char *text, const char *unit, int64_t expected)
{
    int64_t us = -1;
    assert_true(conf_time(text, unit, &us));
    assert_int_equal(us, expected);
}

static void times_have_units_or_the_default(void **state)
{
    (void)state;
    assert_time("5", "s", 5000000);
    assert_time("5", "ms", 5000);
    assert_time("5s", "ms", 5000000);
    assert_time("500ms", "s", 500000);
    assert_time("2mi", "s", 120000000);
    assert_time("2minutes", "s", 120000000);
    assert_time("1h", "s", 3600000000);
    assert_time("0", "s", 0);
    assert_time("s", "s", 0); /* httpd takes it, too */
    assert_time("9223372036854", "s", 9223372036854000000);
}

static void other_times_are_refused(void **state)
{
    static const char *const bad[] = {
        "-1", "5m", "5S", "5x", "1.5s", "99999999999999999999", "9223372036855", "5 s5", "abc", "9223372036854775807h"
    };
    int64_t us = 42;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(conf_time(bad[i], "s", &us));
    assert_int_equal(us, 42);
}

static void a_fault_names_its_place(void **state)
{
    char file[] = "/etc/x.conf", text[] = "ProxyPass is wrong";
    struct conf_error e = { file, 7, text };
    (void)state;
    assert_string_equal(conf_error_text(arena, &e),
                        "AH00526: Syntax error on line 7 of /etc/x.conf:\nProxyPass is wrong");
    e.file = NULL;
    assert_string_equal(conf_error_text(arena, &e), "ProxyPass is wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_end_at_blanks),
        cmocka_unit_test(quotes_hold_blanks_and_the_other_quote),
        cmocka_unit_test(an_open_quote_goes_to_the_end),
        cmocka_unit_test(a_backslash_escapes_itself_and_the_quote_in_use),
        cmocka_unit_test(the_rest_is_behind_the_word_and_its_blanks),
        cmocka_unit_test(paths_are_below_the_root_unless_absolute),
        cmocka_unit_test(dots_and_double_slashes_go),
        cmocka_unit_test(a_path_that_no_system_takes_is_malformed),
        cmocka_unit_test(times_have_units_or_the_default),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(a_fault_names_its_place),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
