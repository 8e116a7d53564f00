/* How many words a line may have and what Apache says when they are others; observed with apache2 -t. */
#include "conf_fake.h"

static void assert_says(const char *line, const char *expected)
{
    char text[512];
    snprintf(text, sizeof(text), "ServerName x\n%s\n", line);
    struct snapshot *s = load_good(text);
    assert_string_equal(said, expected);
    snapshot_drop(s);
}

static void assert_refuses(const char *line, const char *expected)
{
    char whole[512];
    snprintf(whole, sizeof(whole), "1: %s", expected);
    assert_fault(line, whole);
}

static void a_row_without_arguments_takes_none(void **state)
{
    (void)state;
    assert_says("Say0", "0\n");
    assert_refuses("Say0 x", "Say0 takes no arguments");
}

static void counted_words_are_counted(void **state)
{
    (void)state;
    assert_says("Say1 a", "1 [a]\n");
    assert_says("Say1 \"a b\"", "1 [a b]\n");
    assert_refuses("Say1", "Say1 takes one argument, help");
    assert_refuses("Say1 a b", "Say1 takes one argument, help");
    assert_refuses("Say1 \"\"", "Say1 takes one argument, help");
    assert_refuses("Say1Bare", "Say1Bare takes one argument");
    assert_says("Say2 a b", "2 [a] [b]\n");
    assert_refuses("Say2 a", "Say2 takes two arguments, help");
    assert_refuses("Say2 a b c", "Say2 takes two arguments, help");
    assert_refuses("Say2 a \"\"", "Say2 takes two arguments, help");
    assert_says("Say3 a b c", "3 [a] [b] [c]\n");
    assert_refuses("Say3 a b", "Say3 takes three arguments, help");
}

static void optional_words_may_be_left_out(void **state)
{
    (void)state;
    assert_says("Say12 a", "1 [a]\n");
    assert_says("Say12 a b", "2 [a] [b]\n");
    assert_says("Say12 a \"\"", "1 [a]\n");
    assert_refuses("Say12", "Say12 takes 1-2 arguments, help");
    assert_refuses("Say12 a b c", "Say12 takes 1-2 arguments, help");
    assert_says("Say13 a", "1 [a]\n");
    assert_says("Say13 a b c", "3 [a] [b] [c]\n");
    assert_refuses("Say13 a b", "Say13 takes one or three arguments, help");
    assert_says("Say23 a b", "2 [a] [b]\n");
    assert_says("Say23 a b c", "3 [a] [b] [c]\n");
    assert_refuses("Say23 a", "Say23 takes two or three arguments, help");
    assert_says("Say123 a", "1 [a]\n");
    assert_says("Say123 a b c", "3 [a] [b] [c]\n");
    assert_refuses("Say123 a b c d", "Say123 takes one, two or three arguments, help");
    assert_refuses("Say123", "Say123 takes one, two or three arguments, help");
}

static void a_flag_is_on_or_off_and_what_follows_is_not_read(void **state)
{
    (void)state;
    assert_says("SayFlag ON", "1 [on]\n");
    assert_says("SayFlag off # kept for later", "1 [off]\n");
    assert_refuses("SayFlag", "SayFlag must be On or Off");
    assert_refuses("SayFlag maybe", "SayFlag must be On or Off");
}

static void iterating_rows_are_called_for_each_word(void **state)
{
    (void)state;
    assert_says("SayEach a \"b c\" d", "1 [a]\n1 [b c]\n1 [d]\n");
    assert_refuses("SayEach", "SayEach requires at least one argument, help");
    assert_says("SayEach2 text/html .htm .html", "2 [text/html] [.htm]\n2 [text/html] [.html]\n");
    assert_refuses("SayEach2 text/html", "SayEach2 requires at least two arguments, help");
    assert_refuses("SayEach2", "SayEach2 requires at least two arguments, help");
}

static void lists_and_raw_text_come_whole(void **state)
{
    (void)state;
    assert_says("SayList a 'b c' \"\" d", "4 [a] [b c] [] [d]\n");
    assert_says("SayList", "0\n");
    assert_says("SayRaw a  \"b c\"   d", "1 [a  \"b c\"   d]\n");
    assert_says("SayRaw", "1 []\n");
}

static void names_of_rows_ignore_case(void **state)
{
    (void)state;
    assert_says("sAY1 a", "1 [a]\n");
    assert_refuses("say1", "Say1 takes one argument, help"); /* spelled as in the row, as Apache does */
}

static void slots_read_their_words(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName x\nFlag on\nNumber -3\nWide 123456789012\nTime 2\nString \"a b\"\n"
                                   "Path logs/x\nList a b\nAlsoList c\nCustom x\nCustom y\n");
    const struct fake_site *f = site_part(s->main, &fake_module);
    assert_int_equal(f->flag, 1);
    assert_int_equal(f->number, -3);
    assert_true(f->wide == 123456789012);
    assert_true(f->time_us == 2000000);
    assert_string_equal(f->string, "a b");
    assert_string_equal(f->path, "/tmp/logs/x");
    assert_int_equal(f->list.n, 3);
    assert_string_equal(f->list.items[2], "c");
    assert_int_equal(f->custom, 2);
    snapshot_drop(s);
}

static void slots_refuse_what_they_cannot_hold(void **state)
{
    (void)state;
    assert_refuses("Number 12x", "Invalid value for directive Number, expected integer");
    assert_refuses("Number 99999999999", "Invalid value for directive Number, expected integer");
    assert_refuses("Wide 99999999999999999999999", "Invalid value for directive Wide, expected integer");
    assert_refuses("Time 5parsecs", "Time has wrong format");
    assert_refuses("Custom bad", "Custom does not like bad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_without_arguments_takes_none),
        cmocka_unit_test(counted_words_are_counted),
        cmocka_unit_test(optional_words_may_be_left_out),
        cmocka_unit_test(a_flag_is_on_or_off_and_what_follows_is_not_read),
        cmocka_unit_test(iterating_rows_are_called_for_each_word),
        cmocka_unit_test(lists_and_raw_text_come_whole),
        cmocka_unit_test(names_of_rows_ignore_case),
        cmocka_unit_test(slots_read_their_words),
        cmocka_unit_test(slots_refuse_what_they_cannot_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
