/* SetEnvIf and its kin: how lines read, Apache's faults, what they set and take away. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "mods_request.h"

static void lines_at_fault_get_apaches_words(void **state)
{
    static const struct line_fault cases[] = {
        { "SetEnvIf", "Missing header-field name for SetEnvIf" },
        { "SetEnvIf Host", "Missing regular expression for SetEnvIf" },
        { "SetEnvIf Host x", "Missing envariable expression for SetEnvIf" },
        { "SetEnvIfNoCase Host ( x", "SetEnvIfNoCase regex could not be compiled." },
        { "SetEnvIf ^Ho( x y", "SetEnvIfHeader name regex could not be compiled." },
        { "BrowserMatch", "Missing regular expression for BrowserMatch" },
        { "BrowserMatchNoCase x", "Missing envariable expression for BrowserMatchNoCase" },
        { "SetEnvIfExpr", "Missing expression for SetEnvIfExpr" },
        { "SetEnvIfExpr true", "Missing envariable expression for SetEnvIfExpr" },
        { "SetEnvIfExpr \"%{NO_SUCH} == 1\" x", "Could not parse expression \"%{NO_SUCH} == 1\": " },
    };

    (void)state;
    check_faults(cases, COUNT_OF(cases));
}

/* "-": not set */
static const char *value(const char *lines, const char *name)
{
    struct snapshot *s = must_load(lines);
    struct request *r = make_request(s, s->main);
    struct span text;

    r->env = (struct http_fields){ 0 };
    assert_int_equal(setenvif_site(r), 0);
    if (s->main->locations.n)
        r->place = &((struct section *)s->main->locations.items[0])->place;
    assert_int_equal(setenvif_place(r), 0);
    text = http_fields_get(&r->env, name);
    name = text.p ? arena_span(arena, text) : "-";
    snapshot_drop(s);
    return name;
}

static void variables_are_set_and_taken_away(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnvIf Host . A", "A"), "1");
    assert_string_equal(value("SetEnvIf Host . A=", "A"), "1");
    assert_string_equal(value("SetEnvIf Host . A=b=c", "A"), "b=c");
    assert_string_equal(value("SetEnvIf Host . A=b B=\"c d\"", "B"), "\"c");
    assert_string_equal(value("SetEnvIf Host . A=b \"B=c d\"", "B"), "c d");
    assert_string_equal(value("SetEnvIf Host . A\nSetEnvIf Host . !A", "A"), "-");
    assert_string_equal(value("SetEnvIf Host . A\nSetEnvIf Host . A=!", "A"), "-");
    assert_string_equal(value("SetEnvIf Host nowhere A", "A"), "-");
}

static void a_pattern_has_captures_and_a_plain_word_has_none(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnvIf Host ^(H.)[.](..) A=$2-$1", "A"), "St-Ho");
    assert_string_equal(value("SetEnvIf Host St A=$0", "A"), "$0");
    assert_string_equal(value("SetEnvIf Host Ho\\.St A=$0", "A"), "$0");
    assert_string_equal(value("SetEnvIf Host Ho\\.st A", "A"), "-");
    assert_string_equal(value("SetEnvIfNoCase Host ho\\.st A", "A"), "1");
    assert_string_equal(value("SetEnvIfNoCase Host ^HO[.]st A", "A"), "1");
    assert_string_equal(value("SetEnvIfExpr \"%{HTTP_HOST} =~ /^(..)/\" A=<$1>", "A"), "<Ho>");
}

static void attributes_are_of_the_request_and_the_connection(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnvIf Remote_Addr (.*) A=$1", "A"), "192.0.2.1");
    assert_string_equal(value("SetEnvIf remote_host (.*) A=$1", "A"), "192.0.2.1");
    assert_string_equal(value("SetEnvIf Server_Addr (.*) A=$1", "A"), "192.0.2.9");
    assert_string_equal(value("SetEnvIf Request_URI (.*) A=$1", "A"), "/a\"b");
    assert_string_equal(value("SetEnvIf Request_Method (.*) A=$1", "A"), "GET");
    assert_string_equal(value("SetEnvIf Request_Protocol (.*) A=$1", "A"), "HTTP/1.1");
    assert_string_equal(value("SetEnvIf X-Dup (.*) A=$1", "A"), "1, 2");
    assert_string_equal(value("SetEnvIf ^X-D (.*) A=$1", "A"), "1, 2");
    assert_string_equal(value("SetEnvIf None ^$ A", "A"), "1");
    assert_string_equal(value("SetEnvIf Host . B=x\nSetEnvIf B (.*) A=$1", "A"), "x");
    assert_string_equal(value("BrowserMatch ^q A", "A"), "1");
    assert_string_equal(value("BrowserMatchNoCase ^Q A", "A"), "1");
}

/* httpd takes the value once for lines of one name in a row. */
static void a_value_is_taken_once_for_a_run_of_lines(void **state)
{
    (void)state;
    assert_string_equal(value("SetEnvIf B ^$ B=x\nSetEnvIf B x A", "A"), "-");
    assert_string_equal(value("SetEnvIf B ^$ B=x\nSetEnvIf Host . C\nSetEnvIf B x A", "A"), "1");
}

static void lines_in_sections_act_later(void **state)
{
    (void)state;
    assert_string_equal(value("<Location />\nSetEnvIf B x A\n</Location>\nSetEnvIf Host . B=x", "A"), "1");
    assert_string_equal(value("SetEnvIf B x A\n<Location />\nSetEnvIf Host . B=x\n</Location>", "A"), "-");
}

static void a_pattern_that_gives_up_is_an_error(void **state)
{
    struct snapshot *s = must_load("SetEnvIf X ^(a+)+$ b");
    struct request *r = make_request(s, s->main);
    char *text = arena_alloc(arena, 4001);

    (void)state;
    memset(text, 'a', 4000);
    text[3999] = '!';
    add(&r->head.fields, "X", text);
    assert_int_equal(setenvif_site(r), 500);
    snapshot_drop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_at_fault_get_apaches_words),
        TEST(variables_are_set_and_taken_away),
        TEST(a_pattern_has_captures_and_a_plain_word_has_none),
        TEST(attributes_are_of_the_request_and_the_connection),
        TEST(a_value_is_taken_once_for_a_run_of_lines),
        TEST(lines_in_sections_act_later),
        TEST(a_pattern_that_gives_up_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
