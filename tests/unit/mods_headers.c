/* Header and RequestHeader: how lines read, Apache's faults, and what each action leaves in the tables. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "mods_request.h"

/* ---- faults ---- */

static void lines_at_fault_get_apaches_words(void **state)
{
    static const struct line_fault cases[] = {
        { "Header", "first argument must be 'add'" },
        { "Header frob X a", "first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', "
                             "'note', 'edit', or 'edit*'." },
        { "Header set X", "Header requires three arguments" },
        { "Header add", "Header requires three arguments" },
        { "Header set X a b", "Unknown parameter: b" },
        { "Header set X a early b", "Too many arguments to directive" },
        { "Header set X a b c d e", "Header has too many arguments" },
        { "RequestHeader edit X a b c d", "RequestHeader has too many arguments" },
        { "Header unset X a", "Unknown parameter: a" },
        { "Header unset X early b", "header unset takes two arguments" },
        { "Header echo ^X early b", "Header echo takes two arguments" },
        { "Header echo (", "Header echo regex could not be compiled" },
        { "RequestHeader echo ^X", "Header echo only valid on Header directives" },
        { "RequestHeader note X n", "RequestHeader does not support the 'note' action" },
        { "RequestHeader always set X a", "first argument must be 'add'" },
        { "Header edit X a", "Header edit requires a match and a substitution" },
        { "Header edit X ( b", "Header edit regex could not be compiled" },
        { "Header set X a env=",
          "error: missing environment variable name. envclause should be in the form env=envar " },
        { "Header set X a env=!", "error: missing environment variable name." },
        { "Header set X a \"expr=%{NO_SUCH} == 'a'\"", "Can't parse envclause/expression: Variable 'NO_SUCH'" },
        { "Header set X expr=%{NO_SUCH}", "Can't parse value expression : Variable 'NO_SUCH'" },
        { "Header set X a%qb", "Unrecognized header format %q" },
        { "Header set X %{a", "Unrecognized header format %" },
    };

    (void)state;
    check_faults(cases, COUNT_OF(cases));
}

/* ---- actions ---- */

static const char *text_of(const struct http_fields *fields, const char *name)
{
    const char *text = "";

    HTTP_EACH_FIELD(f, fields)
    if (span_ieq_str(f->name, name))
        text = arena_concat(arena, text, "[", arena_span(arena, f->value), "]", NULL);
    return text;
}

enum where { OUT, ERR, IN };

/* What is left of the name in a table after the lines have run over the made-up request. */
static const char *after(const char *lines, int (*run)(struct request *), enum where where, const char *name)
{
    struct snapshot *s = must_load(lines);
    struct request *r = make_request(s, s->main);
    const char *text;

    assert_int_equal(run(r), 0);
    text = text_of(where == OUT ? &r->out : where == ERR ? &r->err_out : &r->head.fields, name);
    snapshot_drop(s);
    return text;
}

#define ANSWERED(lines, name) after(lines, headers_answer, OUT, name)
#define ALWAYS(lines, name)   after(lines, headers_answer, ERR, name)
#define ASKED(lines, name)    after(lines, headers_request, IN, name)

static void each_action_edits_its_table(void **state)
{
    (void)state;
    assert_string_equal(ANSWERED("Header set X-O 2", "X-O"), "[2]");
    assert_string_equal(ANSWERED("Header add X-O 2", "X-O"), "[1][2]");
    assert_string_equal(ANSWERED("Header append X-O 2", "X-O"), "[1, 2]");
    assert_string_equal(ANSWERED("Header merge X-O 1\nHeader merge X-O 2\nHeader merge X-O 2", "X-O"), "[1, 2]");
    assert_string_equal(ANSWERED("Header setifempty X-O 2\nHeader setifempty X-P 3", "X-O"), "[1]");
    assert_string_equal(ANSWERED("Header unset x-o", "X-O"), "");
    assert_string_equal(ANSWERED("Header edit Set-Cookie = :", "Set-Cookie"), "[a:1][b:2]");
    assert_string_equal(ANSWERED("Header edit* X-O . <$0$0>", "X-O"), "[<11>]");
    assert_string_equal(ANSWERED("Header echo ^X-D", "X-Dup"), "[1, 2]");
    assert_string_equal(ANSWERED("Header note X-O n\nHeader set Y expr=%{note:n}", "Y"), "[1]");
    assert_string_equal(ALWAYS("Header set X-O 2", "X-O"), "[0]");
    assert_string_equal(ALWAYS("Header always set X-O 2", "X-O"), "[2]");
}

static void an_empty_match_steps_on(void **state)
{
    (void)state;
    assert_string_equal(ANSWERED("Header set X abc\nHeader edit* X x* -", "X"), "[-a-b-c]");
    assert_string_equal(ANSWERED("Header set X \"\"\nHeader edit* X ^ -", "X"), "[-]");
}

static void values_are_formatted(void **state)
{
    (void)state;
    assert_string_equal(ANSWERED("Header set X \"100%% %{FOO}e %{NONE}e\"", "X"), "[100% b\"ar (null)]");
    assert_string_equal(ANSWERED("Header set X \"t\\\\tx\"", "X"), "[t\tx]");
    assert_string_equal(ANSWERED("Header set X %t", "X"), "[t=1772600767089012]");
    assert_string_equal(ANSWERED("Header set X expr=%{REQUEST_METHOD}-%{req:X-Dup}", "X"), "[GET-1, 2]");
}

static void conditions_choose(void **state)
{
    (void)state;
    assert_string_equal(ANSWERED("Header set X-O 2 env=FOO", "X-O"), "[2]");
    assert_string_equal(ANSWERED("Header set X-O 2 env=!FOO", "X-O"), "[1]");
    assert_string_equal(ANSWERED("Header unset X-O env=!BAR", "X-O"), "");
    assert_string_equal(ANSWERED("Header set X-O 2 \"expr=%{HTTP_COOKIE} =~ /zz/\"", "X-O"), "[1]");
    assert_string_equal(ANSWERED("Header set X-O 2 \"expr=%{HTTP_COOKIE} =~ /zz/\"", "Vary"), "[Cookie]");
    assert_string_equal(ANSWERED("Header set X-O 2 early", "X-O"), "[1]");
    assert_string_equal(after("Header set X-O 2 early", headers_early, OUT, "X-O"), "[2]");
}

static void an_error_sees_always_alone(void **state)
{
    const char *lines = "Header set X-O 2\nHeader always set X-E 3\nHeader always set Content-Type text/x";

    (void)state;
    assert_string_equal(after(lines, headers_error, OUT, "X-O"), "[1]");
    assert_string_equal(after(lines, headers_error, ERR, "X-E"), "[3]");
    assert_string_equal(after(lines, headers_error, OUT, "Content-Type"), "[text/x]");
}

static void requests_are_edited_as_if_their_lines_were_one(void **state)
{
    (void)state;
    assert_string_equal(ASKED("RequestHeader append X-Dup 3", "X-Dup"), "[1, 2, 3]");
    assert_string_equal(ASKED("RequestHeader edit X-Dup .* <$0>", "X-Dup"), "[<1, 2>]");
    assert_string_equal(ASKED("RequestHeader unset X-Dup", "X-Dup"), "");
    assert_string_equal(ASKED("RequestHeader set X \"expr=%{unescape:a%0d%0ab}\"", "X"), "[a  b]");
}

static void a_pattern_that_gives_up_is_an_error(void **state)
{
    struct snapshot *s = must_load("RequestHeader edit X ^(a+)+$ b");
    struct request *r = make_request(s, s->main);
    char *value = arena_alloc(arena, 4001);

    (void)state;
    memset(value, 'a', 4000);
    value[3999] = '!';
    add(&r->head.fields, "X", value);
    assert_int_equal(headers_request(r), 500);
    snapshot_drop(s);
}

static void what_would_split_an_answer_is_not_sound(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);

    (void)state;
    r->out = r->err_out = (struct http_fields){ 0 };
    add(&r->out, "X", "\xe6\x97\xa5\t");
    assert_true(headers_sound(r, (struct span){ 0 }));
    add(&r->err_out, "Y", "a\nb");
    assert_false(headers_sound(r, (struct span){ 0 }));
    r->err_out = (struct http_fields){ 0 };
    add(&r->err_out, "a b", "c");
    assert_false(headers_sound(r, (struct span){ 0 }));
    snapshot_drop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_at_fault_get_apaches_words),
        TEST(each_action_edits_its_table),
        TEST(an_empty_match_steps_on),
        TEST(values_are_formatted),
        TEST(conditions_choose),
        TEST(an_error_sees_always_alone),
        TEST(requests_are_edited_as_if_their_lines_were_one),
        TEST(a_pattern_that_gives_up_is_an_error),
        TEST(what_would_split_an_answer_is_not_sound),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
