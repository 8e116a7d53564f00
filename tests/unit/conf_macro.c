/* Macros: definitions, uses, and mod_macro's words about both. */
#include "conf_text.h"

#define MAIN    "/etc/weir/main.conf"
#define DEFINED "macro 'm' (defined on line 1 of \"" MAIN "\")"

static void a_use_becomes_the_body_with_its_arguments(void **state)
{
    (void)state;
    assert_read(
        "<Macro VHost $name $port>\n<VirtualHost *:$port>\nServerName $name\n</VirtualHost>\n</Macro>\n"
        "Use VHost a.example 80\nuse vhost b.example 81\nX",
        "1: <VirtualHost *:80>\n  2: ServerName a.example\n1: <VirtualHost *:81>\n  2: ServerName b.example\n8: "
        "X\n");
}

static void nodes_know_which_use_they_came_from(void **state)
{
    (void)state;
    assert_read("<Macro m>\n# comments are not kept\n\nX\n</Macro>\nUse m\n</x>",
                "line 7 of " MAIN ": </x> without matching <x> section\n");
    assert_read("<Macro m>\n# comments are not kept\n\n</x>\n</Macro>\nUse m\n",
                "AH02793: bad (negative) nesting on line 4 of " DEFINED "\n"
                "AH02795: bad cumulated nesting (-1) in " DEFINED "\n"
                "line 2 of " DEFINED " used on line 6 of \"" MAIN "\": </x> without matching <x> section\n");
}

static void an_at_argument_is_quoted(void **state)
{
    (void)state;
    assert_read("<Macro m @a %b>\nX @a %b\n</Macro>\nUse m \"one \\\"two\\\" \\\\\" \"one two\"\n",
                "1: X \"one \\\"two\\\" \\\\\" one two\n");
}

static void the_longest_argument_wins_where_several_start(void **state)
{
    (void)state;
    assert_read("<Macro m $a $ab>\nX $ab $abc $a$a\n</Macro>\nUse m 1 2\n",
                "1: X 2 2c 11\nAH02797: " DEFINED
                ": argument name prefix conflict ($a #1 and $ab #2), be careful about "
                "your macro definition!\n");
}

static void macros_use_macros(void **state)
{
    (void)state;
    assert_read("<Macro inner $x>\nX $x\n</Macro>\n<Macro outer $y>\nUse inner $y$y\nY\n</Macro>\nUse outer a\nZ",
                "1: X aa\n2: Y\n9: Z\n");
    assert_read("<Macro m>\n<Macro n>\nX\n</Macro>\n</Macro>\nUse m\nUse n\n", "1: X\n");
}

static void variables_in_a_body_are_those_of_the_use(void **state)
{
    (void)state;
    assert_read("Define v 1\n<Macro m>\nX ${v}\n</Macro>\nDefine v 2\nUse m\n", "1: X 2\n");
}

static void a_body_may_open_what_the_file_closes(void **state)
{
    (void)state;
    assert_read("<Macro m>\n<Location />\n</Macro>\nUse m\nX\n</Location>\n",
                "1: <Location />\n  5: X\nAH02795: bad cumulated nesting (+1) in " DEFINED "\n");
}

static void a_condition_holds_across_the_end_of_a_body(void **state)
{
    (void)state;
    assert_read("<Macro m>\n<IfDefine no>\n</Macro>\nUse m\nX\n</IfDefine>\nY",
                "7: Y\nAH02795: bad cumulated nesting (+1) in " DEFINED "\n");
}

static void definitions_that_fail(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { "<Macro>\n</Macro>", "<Macro macro definition: empty name\n" },
        { "<Macro \"\">\n</Macro>", "<Macro macro definition: name not found\n" },
        { "<Macro m\n</Macro>", "<Macro> directive missing closing '>'\n" },
        { "<Macro m $a $a>\n</Macro>",
          "argument name conflict in " DEFINED ": argument '$a': #1 and #2, change argument names!\n" },
        { "<Macro m \"\">\n</Macro>", DEFINED ": empty argument #1 name\n" },
        { "<Macro m>\nX\n", DEFINED "\n\tcontents error: expected token not found: </Macro>\n" },
        { "<Macro m>\nX\n</Macro\n", DEFINED "\n\tcontents error: expected token not found: </Macro>\n" },
    };
    char expected[500];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(expected, sizeof(expected), "line 1 of " MAIN ": %s", cases[i].fault);
        assert_read(cases[i].text, expected);
    }
}

static void uses_that_fail(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { "\n\n\nUse m", "no macro defined before Use\n" },
        { "\n\n\nUndefMacro m", "no macro defined before UndefMacro\n" },
        { "<Macro m>\nX\n</Macro>\nUse n", "macro 'n' undefined\n" },
        { "<Macro m>\nX\n</Macro>\nUse", "no macro name specified with Use\n" },
        { "<Macro m>\nX\n</Macro>\nUndefMacro N", "cannot remove undefined macro 'n'\n" },
        { "<Macro m>\nX\n</Macro>\nUndefMacro", "UndefMacro takes one argument, Remove a macro definition.\n" },
        { "<Macro m %a>\nX %a\n</Macro>\nUse m", DEFINED " used with 0 arguments instead of 1\n" },
        { "<Macro m>\nX\n</Macro>\nUse m 1 2", DEFINED " used with 2 arguments instead of 0\n" },
    };
    char expected[500];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(expected, sizeof(expected), "line 4 of " MAIN ": %s", cases[i].fault);
        assert_read(cases[i].text, expected);
    }
}

static void a_removed_macro_is_unknown(void **state)
{
    (void)state;
    assert_read("<Macro m>\nX\n</Macro>\nUndefMacro M\nUse m", "line 5 of " MAIN ": macro 'm' undefined\n");
}

static void a_macro_cannot_use_itself(void **state)
{
    (void)state;
    assert_read("<Macro m>\nUse m\n</Macro>\nUse m\n",
                "line 1 of " DEFINED " used on line 4 of \"" MAIN "\": recursive use of macro 'm' is invalid\n");
    assert_read("<Macro m>\nUse n\n</Macro>\n<Macro n>\nUse m\n</Macro>\nUse m\n",
                "line 1 of macro 'n' (defined on line 4 of \"" MAIN "\") used on line 1 of \"" DEFINED
                " used on line 7 of \"" MAIN "\"\": recursive use of macro 'm' is invalid\n");
}

static void suspicious_definitions_are_warned_of(void **state)
{
    (void)state;
    assert_read(
        "<Macro m a $b>\nX a\n</Macro>\n<Macro m> junk\n</Macro> more\n<Macro $n>\nX\n</Macro> # fine\n",
        "AH02796: " DEFINED " argument name 'a' (#1) without expected prefix, better prefix argument names with one "
        "of '$%@'.\n"
        "AH02800: " DEFINED ": argument '$b' (#2) never used\n"
        "AH02989: AH02801: non blank chars found after <Macro closing '>' on line 4 of " MAIN ":  junk\n"
        "AH02802: macro 'm' multiply defined: defined on line 1 of \"" MAIN "\", redefined on line 4 of \"" MAIN "\"\n"
        "AH02989: AH02794: non blank chars found after directive closing on line 5 of " MAIN ":  more\n"
        "AH02799: macro 'm' (defined on line 4 of \"" MAIN "\"): empty contents!\n"
        "AH02803: macro '$n' (defined on line 6 of \"" MAIN "\") better prefix a macro name with any of '$%@'\n");
}

static void an_empty_value_is_warned_of(void **state)
{
    (void)state;
    assert_read("<Macro m $a>\nX [$a]\n</Macro>\nUse m \"\"\n",
                "1: X []\nAH02798: " DEFINED " used on line 4 of \"" MAIN "\": empty argument #1\n");
}

/* ---- bounds -------------------------------------------------------------------------------------------------------
 */

static void a_line_of_a_body_has_httpds_length(void **state)
{
    char text[13000], value[4001];
    (void)state;
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    snprintf(text, sizeof(text), "<Macro m $a>\nX $a$a\n</Macro>\nUse m %s", value);
    assert_non_null(strstr(text_read(text), "1: X vvvv"));
    snprintf(text, sizeof(text), "<Macro m $a>\nX $a$a$a\n</Macro>\nUse m %s", value);
    assert_non_null(strstr(text_read(text),
                           "error while substituting: while processing line 1 of macro 'm' (defined on "
                           "line 1 of \"" MAIN "\") cannot substitute, buffer size too small"));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "<Macro m>\n", 10);
    assert_non_null(strstr(text_read(text), "expected token not found: </Macro>"));
}

static void doubling_macros_are_bounded(void **state)
{
    struct buf text = { 0 };
    (void)state;
    text_max_bytes = 4 << 20;
    for (int i = 0; i < 30; i++)
        buf_printf(&text, "<Macro m%dx>\nUse m%dx\nUse m%dx\n</Macro>\n", i + 1, i, i);
    buf_adds(&text, "<Macro m0x>\nX\n</Macro>\nUse m30x\n");
    buf_add(&text, "", 1);
    assert_non_null(strstr(text_read(buf_head(&text)), "The configuration is larger than 4194304 bytes"));
    buf_release(&text);
}

/* Its source's name would double with each step: macro 'n' (defined on line 1 of "N") used on line 3 of "N". */
static void macros_defined_in_uses_are_bounded(void **state)
{
    struct buf text = { 0 };
    (void)state;
    for (int i = 0; i < 40; i++)
        buf_printf(&text, "<Macro d%dx>\n", i);
    for (int i = 39; i >= 0; i--) {
        buf_adds(&text, "</Macro>\n");
        buf_printf(&text, "Use d%dx\n", i);
    }
    buf_add(&text, "", 1);
    assert_non_null(strstr(text_read(buf_head(&text)), "Sections are nested too deeply"));
    buf_release(&text);
}

static void a_macro_takes_so_many_arguments(void **state)
{
    struct buf text = { 0 };
    (void)state;
    buf_adds(&text, "<Macro m");
    for (int i = 0; i < 300; i++)
        buf_printf(&text, " $%03d", i);
    buf_adds(&text, ">\n</Macro>\n");
    buf_add(&text, "", 1);
    assert_non_null(strstr(text_read(buf_head(&text)), "Macros take at most 256 arguments"));
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TELLS(a_use_becomes_the_body_with_its_arguments),
        TELLS(nodes_know_which_use_they_came_from),
        TELLS(an_at_argument_is_quoted),
        TELLS(the_longest_argument_wins_where_several_start),
        TELLS(macros_use_macros),
        TELLS(variables_in_a_body_are_those_of_the_use),
        TELLS(a_body_may_open_what_the_file_closes),
        TELLS(a_condition_holds_across_the_end_of_a_body),
        TELLS(definitions_that_fail),
        TELLS(uses_that_fail),
        TELLS(a_removed_macro_is_unknown),
        TELLS(a_macro_cannot_use_itself),
        TELLS(suspicious_definitions_are_warned_of),
        TELLS(an_empty_value_is_warned_of),
        TELLS(a_line_of_a_body_has_httpds_length),
        TELLS(doubling_macros_are_bounded),
        TELLS(macros_defined_in_uses_are_bounded),
        TELLS(a_macro_takes_so_many_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
