/* Lines and sections: what becomes of them in the tree, and Apache's words when they do not fit. */
#include "conf_text.h"
#include "folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN "/etc/weir/main.conf"

/* ---- lines -------------------------------------------------------------------------------------------------- */

static void a_line_is_a_name_and_the_rest(void **state)
{
    (void)state;
    assert_read("ServerName  \t a.example  \n\n\t Listen 80\n", "1: ServerName a.example\n3: Listen 80\n");
    assert_read("ProxyPass \"/a b\" 'x'", "1: ProxyPass \"/a b\" 'x'\n");
    assert_read("ServerName a\r\nListen 80\r\n", "1: ServerName a\n2: Listen 80\n");
    assert_read("", "");
}

static void comments_are_whole_lines(void **state)
{
    (void)state;
    assert_read("# one\n   # two\n#\n", "");
    assert_read("ServerName a # not a comment\n", "1: ServerName a # not a comment\n");
}

static void a_backslash_joins_lines_in_comments_too(void **state)
{
    (void)state;
    assert_read("ServerAlias a \\\n  b \\\r\nc\nX", "3: ServerAlias a   b c\n4: X\n");
    assert_read("# note \\\nServerName hidden\nX", "3: X\n");
    assert_read("Server\\\nName a", "2: ServerName a\n");
    assert_read("X a\\\\\nb", "2: X a\\b\n");     /* a second backslash is no escape */
    assert_read("X a\\ \nY", "1: X a\\\n2: Y\n"); /* a blank behind it */
    assert_read("X a\\", "1: X a\\\n");
    assert_read("X a\\\n", "2: X a\n");
}

static void a_line_may_be_sixteen_megabytes_and_no_more(void **state)
{
    size_t size = 17u << 20;
    char *text = malloc(size);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', size);
    text[15u << 20] = '\0';
    assert_non_null(strstr(text_read(text), "1: aaaa"));
    text[15u << 20] = 'a';
    text[size - 1] = '\0';
    assert_read(text, "Error reading " MAIN " at line 1: Line too long\n");
    free(text);
}

/* ---- sections ------------------------------------------------------------------------------------------------ */

static void sections_hold_their_lines(void **state)
{
    (void)state;
    assert_read("<VirtualHost *:80>\nServerName a\n<Location /ssh >\nX\n</Location>\nY\n</VirtualHost>\nZ",
                "1: <VirtualHost *:80>\n  2: ServerName a\n  3: <Location /ssh >\n    4: X\n  6: Y\n8: Z\n");
}

static void names_of_sections_have_no_case(void **state)
{
    (void)state;
    assert_read("<virtualhost *:80>\n</VIRTUALHOST>\n", "1: <virtualhost *:80>\n");
}

static void a_bare_section_has_its_bracket_as_argument(void **state)
{
    (void)state;
    assert_read("<RequireAny>\n</RequireAny>", "1: <RequireAny >\n");
    assert_read("<RequireAny\n</RequireAny>", "1: <RequireAny >\n");
    assert_read("<VirtualHost *:80\n</VirtualHost>", "1: <VirtualHost *:80\n"); /* its row says what is missing */
}

static void a_section_that_was_never_opened(void **state)
{
    (void)state;
    assert_read("X\n</VirtualHost>\n", "line 2 of " MAIN ": </VirtualHost> without matching <VirtualHost> section\n");
    assert_read("</>", "line 1 of " MAIN ": </> without matching <> section\n");
}

static void sections_that_cross(void **state)
{
    (void)state;
    assert_read("<virtualHost *:80>\n<Location />\n</VirtualHost>\n",
                "line 3 of " MAIN ": Expected </Location> but saw </VirtualHost>\n");
    assert_read("<virtualHost *:80>\n</location>\n",
                "line 2 of " MAIN
                ": Expected </VirtualHost> but saw </location>\n"); /* httpd's spelling, then as written */
}

static void an_end_without_its_bracket(void **state)
{
    (void)state;
    assert_read("<Location />\n</Location\n", "line 2 of " MAIN ": </Location> directive missing closing '>'\n");
    assert_read("<Location />\n</Location >\n", "line 2 of " MAIN ": </Location> directive missing closing '>'\n");
    assert_read("<Location />\n</Location> trailing\nX", "1: <Location />\n3: X\n");
}

static void every_section_left_open_is_named(void **state)
{
    (void)state;
    assert_read("X\n<VirtualHost *:80>\n<foo>\n",
                "line 2 of " MAIN ": " MAIN ":3: <foo> was not closed.\n" MAIN ":2: <VirtualHost> was not closed.\n");
}

static void sections_may_not_be_nested_without_end(void **state)
{
    char text[8 * 300 + 1] = "";
    (void)state;
    for (int i = 0; i < 300; i++)
        memcpy(text + 8 * i, "<Foo a>\n", 9);
    assert_read(text, "line 129 of " MAIN ": Sections are nested too deeply\n");
}

/* ---- variables -------------------------------------------------------------------------------------------------- */

static void variables_come_from_defines_then_the_environment(void **state)
{
    (void)state;
    setenv("WEIR_TEST_PORT", "8080", 1);
    assert_read("Listen ${WEIR_TEST_PORT}\nDefine WEIR_TEST_PORT 9090\nListen [::]:${WEIR_TEST_PORT}\n",
                "1: Listen 8080\n3: Listen [::]:9090\n");
    assert_read("Define a x\nDefine b ${a}${a}\n${b} ${B}", "3: xx xx\n");
    assert_read("Define n ServerName\n${n} a\n", "2: ServerName a\n");
    assert_read("Define s \"<Location /x>\"\n${s}\n</Location>", "2: <Location /x>\n");
    unsetenv("WEIR_TEST_PORT");
}

static void what_is_no_variable_stays(void **state)
{
    (void)state;
    assert_read("X $a $ {b} ${c $", "1: X $a $ {b} ${c $\n");
    assert_read("X ${HTTP:Upgrade}\n", "1: X ${HTTP:Upgrade}\n"); /* a rewrite map */
    assert_read("X ${NOPE}/y\n", "1: X ${NOPE}/y\nAH00111: Config variable ${NOPE} is not defined\n");
    assert_read("#X ${NOPE}/y\n", "");
}

static void a_value_is_not_searched_again(void **state)
{
    (void)state;
    assert_read("Define a $\\\n{b}\nDefine b x\nDefine c ${a}\nX ${c}",
                "5: X ${b}\nAH00111: Config variable ${b} is not defined\n");
}

/* ---- size ---------------------------------------------------------------------------------------------------------
 */

static void doubling_variables_are_bounded(void **state)
{
    struct buf text = { 0 };
    (void)state;
    text_max_bytes = 4 << 20;
    buf_adds(&text, "Define v aaaaaaaaaaaaaaaa\n");
    for (int i = 0; i < 40; i++)
        buf_adds(&text, "Define v ${v}${v}\n");
    buf_add(&text, "", 1);
    assert_non_null(strstr(text_read(buf_head(&text)), "The configuration is larger than 4194304 bytes"));
    buf_release(&text);
}

static void doubling_includes_are_bounded(void **state)
{
    (void)state;
    text_max_bytes = 1 << 20;
    text_files[0] = (struct text_file){ "/etc/weir/a", "Include b\nInclude b\nInclude b\nInclude b\nInclude b\n" };
    text_files[1] = (struct text_file){ "/etc/weir/b", "Include c\nInclude c\nInclude c\nInclude c\nInclude c\n" };
    text_files[2] = (struct text_file){ "/etc/weir/c", "Include d\nInclude d\nInclude d\nInclude d\nInclude d\n" };
    text_files[3] = (struct text_file){ "/etc/weir/d", "Include e\nInclude e\nInclude e\nInclude e\nInclude e\n" };
    text_files[4] = (struct text_file){ "/etc/weir/e", "Include f\nInclude f\nInclude f\nInclude f\nInclude f\n" };
    text_files[5] = (struct text_file){ "/etc/weir/f", "X\nX\nX\nX\nX\n" };
    assert_non_null(strstr(text_read("Include a\n"), "The configuration is larger than 1048576 bytes"));
}

/* ---- Include ------------------------------------------------------------------------------------------------------
 */

static void an_included_file_stands_in_place_of_its_line(void **state)
{
    (void)state;
    text_files[0] = (struct text_file){ "/etc/weir/sub/a.conf", "A1\nInclude /b.conf\nA3\n" };
    text_files[1] = (struct text_file){ "/b.conf", "\nB2" };
    assert_read("<VirtualHost *:80>\nInclude sub/a.conf\nX\n</VirtualHost>",
                "1: <VirtualHost *:80>\n  1: A1\n  2: B2\n  3: A3\n  3: X\n");
    const struct conf_include *f = text_reading.includes.items[2];
    assert_int_equal(text_reading.includes.n, 3);
    assert_string_equal(f->file, "/b.conf");
    assert_int_equal(f->depth, 2);
    assert_int_equal(f->line, 2);
}

static void a_file_closes_only_its_own_sections(void **state)
{
    (void)state;
    text_files[0] = (struct text_file){ "/etc/weir/end", "X\n</VirtualHost>\n" };
    text_files[1] = (struct text_file){ "/etc/weir/open", "<Location />\n" };
    assert_read("<VirtualHost *:80>\nInclude end\n",
                "line 2 of /etc/weir/end: </VirtualHost> without matching <VirtualHost> section\n");
    assert_read("Include open\n</Location>\n",
                "line 1 of /etc/weir/open: /etc/weir/open:1: <Location> was not closed.\n");
}

static void a_missing_file_is_a_fault_unless_optional(void **state)
{
    (void)state;
    assert_read("X\nInclude nosuch.conf\n",
                "line 2 of " MAIN ": Could not open configuration file /etc/weir/nosuch.conf: No such file or "
                "directory\n");
    assert_read("IncludeOptional nosuch.conf\nX", "2: X\n");
    assert_read("IncludeOptional nosuch/*.conf\nX", "2: X\n");
}

static void include_wants_one_word(void **state)
{
    static const char fault[] =
        "line 1 of " MAIN ": Include takes one argument, Name(s) of the config file(s) to be included; fails if "
        "the wildcard does not match at least one file\n";
    (void)state;
    assert_read("Include\n", fault);
    assert_read("Include a b\n", fault);
    assert_read("Include \"\"\n", fault);
}

static void a_file_that_includes_itself(void **state)
{
    (void)state;
    assert_read("X\nInclude main.conf\n",
                "line 2 of " MAIN ": Exceeded maximum include depth of 128, There appears to be a recursion.\n");
}

/* ---- the file system
 * ------------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/weir-read-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_directory(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static const char *read_disk(const char *text)
{
    struct conf_options o = { .file = "main.conf", .root = dir, .modules = text_modules };
    struct buf out = { 0 };
    put("main.conf", text);
    struct arena *a = arena_new();
    struct conf_reading r = { .options = &o, .arena = a };
    const struct conf_node *root = conf_read(&r);
    if (root)
        text_render(root->children, 0, &out);
    else
        buf_printf(&out, "%s", r.error.text);
    snprintf(text_result, sizeof(text_result), "%.*s", (int)buf_len(&out), out.data ? buf_head(&out) : "");
    buf_release(&out);
    arena_free(a);
    return text_result;
}

static int make_tree(void **state)
{
    char from[256];
    (void)state;
    assert_non_null(mkdtemp(dir));
    make_directory("d");
    make_directory("d/s");
    make_directory("d/empty");
    put("d/b.conf", "B\n");
    put("d/a.conf", "A\n");
    put("d/.hidden", "Hidden\n");
    put("d/s/x.conf", "SX\n");
    snprintf(from, sizeof(from), "%s/link", dir);
    assert_int_equal(symlink("d/a.conf", from), 0);
    snprintf(from, sizeof(from), "%s/d/t", dir);
    assert_int_equal(symlink("s", from), 0);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    return folder_remove(dir) != 0;
}

static void wildcards_find_files_in_order(void **state)
{
    (void)state;
    assert_string_equal(read_disk("Include d/*.conf\n"), "1: A\n1: B\n");
    assert_string_equal(read_disk("Include d/[!a].conf\nInclude l?nk\n"), "1: B\n1: A\n");
    assert_string_equal(read_disk("Include */s/*.conf\n"), "1: SX\n");
    assert_string_equal(read_disk("Include */[st]/*.conf\n"), "1: SX\n"); /* a link in the middle is not followed */
    assert_string_equal(read_disk("Include d/.h*\n"), "1: Hidden\n");
    assert_string_equal(read_disk("IncludeOptional d/*.nosuch\n"), "");
}

static void a_wildcard_that_finds_nothing(void **state)
{
    char expected[300];
    (void)state;
    snprintf(expected, sizeof(expected), "Include/IncludeOptional: No matches for the wildcard 'x*' in '%s/d', failing",
             dir);
    assert_string_equal(read_disk("Include d/x*\n"), expected);
    snprintf(expected, sizeof(expected),
             "Include/IncludeOptional: Could not open directory %s/nosuch: No such file or directory", dir);
    assert_string_equal(read_disk("Include nosuch/x*\n"), expected);
}

static void a_directory_means_all_below_it(void **state)
{
    (void)state;
    assert_string_equal(read_disk("Include d\n"), "1: Hidden\n1: A\n1: B\n1: SX\n1: SX\n");
    assert_string_equal(read_disk("Include d/empty\n"), "");
}

static void only_regular_files_are_read(void **state)
{
    char expected[400], fifo[256];
    (void)state;
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    snprintf(expected, sizeof(expected), "Could not open configuration file %s: Bad file descriptor", fifo);
    assert_string_equal(read_disk("Include fifo\n"), expected);
    unlink(fifo);
    assert_string_equal(read_disk("Include /dev/null\nX"), "2: X\n");
}

/* ---- -C and -c
 * ------------------------------------------------------------------------------------------------------- */

static void lines_of_the_command_line_stand_around_the_file(void **state)
{
    (void)state;
    text_before[0] = "Define p 80";
    text_before[1] = "User a\\";
    text_after[0] = "Listen ${p}";
    text_after[1] = "X\nY";
    assert_read("Group ${p}\n", "2: User a\\\n1: Group 80\n1: Listen 80\n2: X Y\n");
}

static void a_fault_on_the_command_line_says_so(void **state)
{
    (void)state;
    text_before[0] = "<VirtualHost *:80>";
    assert_read("X", "Syntax error in -C/-c directive: -c/-C directives:1: <VirtualHost> was not closed.\n");
    text_before[0] = "Include a";
    text_files[0] = (struct text_file){ "/etc/weir/a", "\n</x>" };
    assert_read("X",
                "Syntax error in -C/-c directive: Syntax error on line 2 of /etc/weir/a: </x> without matching <x> "
                "section\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TELLS(a_line_is_a_name_and_the_rest),
        TELLS(comments_are_whole_lines),
        TELLS(a_backslash_joins_lines_in_comments_too),
        TELLS(a_line_may_be_sixteen_megabytes_and_no_more),
        TELLS(sections_hold_their_lines),
        TELLS(names_of_sections_have_no_case),
        TELLS(a_bare_section_has_its_bracket_as_argument),
        TELLS(a_section_that_was_never_opened),
        TELLS(sections_that_cross),
        TELLS(an_end_without_its_bracket),
        TELLS(every_section_left_open_is_named),
        TELLS(sections_may_not_be_nested_without_end),
        TELLS(variables_come_from_defines_then_the_environment),
        TELLS(what_is_no_variable_stays),
        TELLS(a_value_is_not_searched_again),
        TELLS(doubling_variables_are_bounded),
        TELLS(doubling_includes_are_bounded),
        TELLS(an_included_file_stands_in_place_of_its_line),
        TELLS(a_file_closes_only_its_own_sections),
        TELLS(a_missing_file_is_a_fault_unless_optional),
        TELLS(include_wants_one_word),
        TELLS(a_file_that_includes_itself),
        TELLS(wildcards_find_files_in_order),
        TELLS(a_wildcard_that_finds_nothing),
        TELLS(a_directory_means_all_below_it),
        TELLS(only_regular_files_are_read),
        TELLS(lines_of_the_command_line_stand_around_the_file),
        TELLS(a_fault_on_the_command_line_says_so),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
