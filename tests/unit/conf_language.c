/* The words that act while a file is read: Define, LoadModule, ServerRoot and the conditions. */
#include "conf_text.h"

#define MAIN "/etc/weir/main.conf"

/* ---- Define ---------------------------------------------------------------------------------------------------- */

static void a_define_reaches_out_of_its_section(void **state)
{
    (void)state;
    assert_read("<VirtualHost *:80>\nDefine port 80\n</VirtualHost>\nListen ${port}\n",
                "1: <VirtualHost *:80>\n4: Listen 80\n");
}

static void undefine_takes_it_back(void **state)
{
    (void)state;
    assert_read("Define A x\nUnDefine A\n<IfDefine A>\nX\n</IfDefine>\nY ${A}",
                "6: Y ${A}\nAH00111: Config variable ${A} is not defined\n");
    assert_read("UnDefine never\n", "");
}

static void a_second_define_without_value_keeps_the_first(void **state)
{
    (void)state;
    assert_read("Define A x\nDefine A\nX ${A}\nDefine A z\nX ${A}", "3: X x\n5: X z\n");
}

static void defines_have_case_in_conditions_only(void **state)
{
    (void)state;
    assert_read("Define Name x\n<IfDefine NAME>\nX\n</IfDefine>\nY ${NAME}", "5: Y x\n");
}

static void names_have_no_colon(void **state)
{
    (void)state;
    assert_read("Define a:b c", "line 1 of " MAIN ": Variable name must not contain ':'\n");
    assert_read("UnDefine a:b", "line 1 of " MAIN ": Variable name must not contain ':'\n");
    assert_read("Define", "line 1 of " MAIN ": Define takes 1-2 arguments, Define a variable, optionally to a value.  "
                          "Same as passing -D to the command line.\n");
}

static void the_command_line_defines_names(void **state)
{
    (void)state;
    text_defines[0] = "SSL";
    assert_read("<IfDefine SSL>\nListen 443\n</IfDefine>\n<IfDefine !SSL>\nX\n</IfDefine>", "2: Listen 443\n");
}

/* ---- modules ------------------------------------------------------------------------------------------------------
 */

static void without_loadmodule_all_of_ours_is_there(void **state)
{
    (void)state;
    assert_read("<IfModule mod_ssl.c>\nA\n</IfModule>\n<IfModule ssl_module>\nB\n</IfModule>\n"
                "<IfModule !mod_php.c>\nC\n</IfModule>\n<IfModule \"so_module\" >\nD\n</IfModule>",
                "2: A\n5: B\n8: C\n11: D\n");
    assert_null(text_reading.loaded);
    assert_read("<IfModule MOD_SSL.C>\nA\n</IfModule>", "");
}

static void after_loadmodule_only_what_was_loaded(void **state)
{
    (void)state;
    assert_read("LoadModule macro_module modules/mod_macro.so\nLoadModule mpm_event_module x\n"
                "<IfModule mod_ssl.c>\nA\n</IfModule>\n"
                "<IfModule mod_macro.c>\nB\n</IfModule>\n<IfModule mod_so.c>\nC\n</IfModule>",
                "7: B\n10: C\n");
    assert_non_null(map_get(text_reading.loaded, "macro_module"));
    assert_read("LoadModule mpm_event_module x\n<IfModule mod_ssl.c>\nA\n</IfModule>", "");
}

static void a_part_of_a_file_loads_what_it_needs_and_has_the_rest(void **state)
{
    (void)state;
    assert_read("<VirtualHost *>\nLoadModule macro_module x\n</VirtualHost>\n<IfModule mod_ssl.c>\nA\n</IfModule>",
                "1: <VirtualHost *>\n5: A\n");
}

static void loading_twice_is_a_warning(void **state)
{
    (void)state;
    assert_read("LoadModule ssl_module a\nLoadModule ssl_module b\n",
                "AH01574: module ssl_module is already loaded, skipping\n");
}

static void what_other_builds_load_may_be_loaded(void **state)
{
    (void)state;
    assert_read("LoadModule version_module modules/mod_version.so\nX", "2: X\n");
}

static void a_module_nobody_knows_is_refused_by_name(void **state)
{
    (void)state;
    assert_read("LoadModule security2_module modules/mod_security2.so\n",
                "line 1 of " MAIN ": LoadModule security2_module: refused: Weir does not contain this module: it may "
                "protect something, or run files that would be shown as text; take the line out if nothing needs it / "
                "LoadModule security2_module: 受け付けません: Weir はこのモジュールを含みません: "
                "保護のためのもの、または実行すべきファイルがそのまま表示されてしまうものかもしれません。"
                "不要ならこの行を外してください\n");
    assert_read("LoadModule mod_userdir.so x\n" /* an identifier is meant */,
                "line 1 of " MAIN ": LoadModule mod_userdir.so: refused: Weir does not contain this module: it may "
                "protect something, or run files that would be shown as text; take the line out if nothing needs it / "
                "LoadModule mod_userdir.so: 受け付けません: Weir はこのモジュールを含みません: "
                "保護のためのもの、または実行すべきファイルがそのまま表示されてしまうものかもしれません。"
                "不要ならこの行を外してください\n");
    assert_read("LoadModule php_module\n", "line 1 of " MAIN ": LoadModule takes two arguments, a module name and the "
                                           "name of a shared object file to load it from\n");
    assert_read("<IfModule mod_php.c>\nLoadModule php_module x\n</IfModule>", "");
}

static void a_module_without_which_files_are_shown_is_refused_for_that(void **state)
{
    (void)state;
    assert_read("LoadModule php7_module modules/libphp7.so\n",
                "line 1 of " MAIN ": LoadModule php7_module: refused: Weir does not contain this module: it would be "
                "shown / LoadModule php7_module: 受け付けません: Weir はこのモジュールを含みません: 見えます\n");
    assert_read("<IfModule php7_module>\nA\n</IfModule>", "");
}

#define USERDIR_IS_NOT_HERE                                                                                            \
    "AH00000: LoadModule userdir_module: Weir does not contain this module: what it would do is not done / "           \
    "LoadModule userdir_module: Weir はこのモジュールを含みません: その機能は働きません\n"

static void a_known_module_loads_and_is_said_not_to_be_here(void **state)
{
    (void)state;
    assert_read("LoadModule userdir_module x\n", USERDIR_IS_NOT_HERE);
    assert_read("LoadModule unique_id_module x\n",
                "AH00000: LoadModule unique_id_module: Weir does not contain this module: no names / LoadModule "
                "unique_id_module: Weir はこのモジュールを含みません: 名なし\n");
    assert_read("LoadModule userdir_module x\nLoadModule userdir_module y\n",
                USERDIR_IS_NOT_HERE "AH01574: module userdir_module is already loaded, skipping\n");
    assert_read("<IfDefine no>\nLoadModule userdir_module x\n</IfDefine>\n", "");
}

static void conditions_see_a_known_module_once_it_is_loaded(void **state)
{
    (void)state;
    assert_read("<IfModule mod_userdir.c>\nA\n</IfModule>\n<IfModule !userdir_module>\nB\n</IfModule>\n"
                "<IfDirective UserDir>\nC\n</IfDirective>\n"
                "LoadModule userdir_module x\n"
                "<IfModule mod_userdir.c>\nD\n</IfModule>\n<IfModule userdir_module>\nE\n</IfModule>\n"
                "<IfModule !mod_userdir.c>\nF\n</IfModule>\n<IfDirective userdir>\nG\n</IfDirective>\n"
                "<IfModule mod_unique_id.c>\nH\n</IfModule>\n",
                "5: B\n12: D\n15: E\n21: G\n" USERDIR_IS_NOT_HERE);
    assert_true(conf_other_loaded(&text_reading, "userdir_module"));
    assert_false(conf_module_present(&text_reading, "userdir_module")); /* who asks for what acts is not told of it */
}

static void a_known_module_does_not_make_a_part_of_a_file_a_whole_one(void **state)
{
    (void)state;
    assert_read("LoadModule userdir_module x\n<IfModule mod_ssl.c>\nA\n</IfModule>", "3: A\n" USERDIR_IS_NOT_HERE);
    assert_read("LoadModule mpm_event_module x\nLoadModule userdir_module x\n<IfModule mod_ssl.c>\nA\n</IfModule>\n"
                "<IfModule mod_userdir.c>\nB\n</IfModule>",
                "7: B\n" USERDIR_IS_NOT_HERE);
}

static void words_of_a_module_need_the_module(void **state)
{
    (void)state;
    assert_read("LoadModule mpm_event_module x\nUse a b\n", "2: Use a b\n"); /* the rows say that they do not know it */
    assert_read("LoadModule mpm_event_module x\n<IfVersion >= 2>\nX\n</IfVersion>", "3: X\n");
}

/* ---- sections that are skipped or not
 * -------------------------------------------------------------------------------- */

static void a_false_condition_hides_any_nonsense_but_crossed_sections(void **state)
{
    (void)state;
    assert_read("<IfDefine no>\nUse nothing\n<IfModule x>\nInclude nosuch\n</ifmodule>\n# </IfDefine>\n</IfDefine>\nX",
                "8: X\n");
    assert_read("<IfDefine no>\n<Location />\n</IfDefine>\n",
                "line 1 of " MAIN ": Expected </Location> but saw </IfDefine>\n");
    assert_read("<IfDefine no>\n<Location />\n",
                "line 1 of " MAIN ": Expected </Location> before end of configuration\n");
    assert_read("<IfDefine no>\n", "line 1 of " MAIN ": Expected </IfDefine> before end of configuration\n");
}

static void a_true_condition_closes_only_its_own_sections(void **state)
{
    (void)state;
    assert_read("<VirtualHost *:80>\n<IfModule core.c>\n</VirtualHost>\n</IfModule>",
                "line 3 of " MAIN ": </VirtualHost> without matching <VirtualHost> section\n");
    assert_read("<IfModule core.c>\n<VirtualHost *:80>\n</IfModule>",
                "line 3 of " MAIN ": Expected </VirtualHost> but saw </IfModule>\n");
    assert_read("</IfModule>", "line 1 of " MAIN ": </IfModule> without matching <IfModule> section\n");
}

static void a_true_condition_may_stay_open(void **state)
{
    (void)state;
    assert_read("<IfModule core.c>\nX", "2: X\n");
    assert_read("<VirtualHost *:80>\n<IfModule core.c>\n",
                "line 1 of " MAIN ": " MAIN ":1: <VirtualHost> was not closed.\n");
}

static void lines_of_a_condition_belong_to_the_section_around(void **state)
{
    (void)state;
    assert_read(
        "<VirtualHost *:80>\nA\n<IfModule core.c>\n<IfDefine !x>\nB\n</IfDefine>\n<Location />\nC\n</Location>\n"
        "</IfModule>\nD\n</VirtualHost>\nE",
        "1: <VirtualHost *:80>\n  2: A\n  5: B\n  7: <Location />\n    8: C\n  11: D\n13: E\n");
}

static void a_condition_needs_something_to_test(void **state)
{
    (void)state;
    assert_read("<IfModule>\n</IfModule>", "line 1 of " MAIN ": <IfModule> directive requires additional arguments\n");
    assert_read("<IfModule !>\n</IfModule>",
                "line 1 of " MAIN ": <IfModule> directive requires additional arguments\n");
    assert_read("<ifmodule core.c\n</IfModule>", "line 1 of " MAIN ": <IfModule> directive missing closing '>'\n");
}

static void conditions_nest_only_so_deep(void **state)
{
    char text[20 * 300 + 1] = "";
    (void)state;
    for (int i = 0; i < 300; i++)
        memcpy(text + 20 * i, "<IfModule core.c>  \n", 21);
    assert_read(text, "line 129 of " MAIN ": Sections are nested too deeply\n");
}

static void files_and_directives_can_be_asked_for(void **state)
{
    (void)state;
    text_files[0] = (struct text_file){ "/etc/weir/cert.pem", "" };
    assert_read("<IfFile cert.pem>\nA\n</IfFile>\n<IfFile \"/nosuch\">\nB\n</IfFile>\n<IfFile !/nosuch>\nC\n</IfFile>",
                "2: A\n8: C\n");
    assert_read("<IfDirective servername>\nA\n</IfDirective>\n<IfDirective Include>\nB\n</IfDirective>\n"
                "<IfDirective !NoSuch>\nC\n</IfDirective>\n<IfSection VirtualHost>\nD\n</IfSection>\n"
                "<IfSection IfFile>\nE\n</IfSection>\n<IfSection ServerName>\nF\n</IfSection>",
                "2: A\n5: B\n8: C\n11: D\n14: E\n");
    assert_read("<IfDirective SSLEngine>\nA\n</IfDirective>\nLoadModule mpm_event_module x\n"
                "<IfDirective SSLEngine>\nB\n</IfDirective>",
                "2: A\n");
}

/* ---- <IfVersion>
 * ------------------------------------------------------------------------------------------------------- */

static bool holds(const char *condition)
{
    char text[200];
    snprintf(text, sizeof(text), "<IfVersion %s>\nX\n</IfVersion>\n", condition);
    const char *result = text_read(text);
    assert_true(*result == '\0' || strcmp(result, "2: X\n") == 0);
    return *result;
}

static void versions_are_compared_by_number(void **state)
{
    (void)state; /* ours is 2.4.62 */
    assert_true(holds("2.4.62"));
    assert_true(holds("= 2.4.62"));
    assert_true(holds("== 2.4.62"));
    assert_false(holds("2.4"));
    assert_true(holds(">= 2.4"));
    assert_true(holds("> 2.4.7"));
    assert_false(holds("< 2.4.7"));
    assert_true(holds("<= 2.4.62"));
    assert_true(holds("<= 3"));
    assert_false(holds("!= 2.4.62"));
    assert_false(holds("!< 3"));
    assert_true(holds(">= 2.4.62."));
    assert_true(holds("\">=\" \"2.4\" "));
}

static void versions_are_matched_by_expression(void **state)
{
    (void)state;
    assert_true(holds("~ ^2\\.[0-4]\\."));
    assert_true(holds("= /^2/"));
    assert_true(holds("!~ ^3"));
    assert_false(holds("~ ^3"));
}

static void malformed_versions(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        { "x>",
          "Version appears to be invalid. It must have the format major[.minor[.patch]] where major, minor and patch "
          "are numbers.\n" },
        { "2.4.62.1>",
          "Version appears to be invalid. It must have the format major[.minor[.patch]] where major, minor "
          "and patch are numbers.\n" },
        { "? 2.4>", "unrecognized operator '?'\n" },
        { "! 2.4>", "unrecognized operator '!'\n" },
        { "= /2>", "Missing delimiting / of regular expression.\n" },
        { "~ 2.[4>", "Unable to compile regular expression\n" },
        { "2.4", "<IfVersion> directive missing closing '>'\n" },
        { "a b c d>",
          "<IfVersion takes one, two or three arguments, a comparison operator, a version (and a delimiter)\n" },
    };
    char text[200], expected[300];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), "<IfVersion %s\n</IfVersion>", cases[i].text);
        snprintf(expected, sizeof(expected), "line 1 of " MAIN ": %s", cases[i].fault);
        assert_read(text, expected);
    }
}

/* ---- ServerRoot
 * ---------------------------------------------------------------------------------------------------------- */

static void server_root_counts_from_its_line_on(void **state)
{
    (void)state;
    text_files[0] = (struct text_file){ "/etc/weir/a", "A" };
    text_files[1] = (struct text_file){ "/srv/a", "B" };
    assert_read("Include a\nServerRoot \"/srv/\"\nInclude a\n", "1: A\n2: ServerRoot \"/srv/\"\n1: B\n");
    assert_string_equal(text_reading.root, "/srv/");
    assert_read("<VirtualHost *:80>\nServerRoot /srv\n</VirtualHost>\nInclude a", "1: <VirtualHost *:80>\n1: B\n");
}

static void the_words_can_be_listed(void **state)
{
    const char *help, *module, *name;
    unsigned n = 0, locals = 0;
    bool local;
    (void)state;
    while ((name = conf_language(n, &help, &module, &local))) {
        assert_false(local && strcmp(name, "Include") == 0);
        locals += local;
        assert_non_null(strstr(module, "_module"));
        assert_true(*help);
        n++;
    }
    assert_true(n > 10 && locals > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TELLS(a_define_reaches_out_of_its_section),
        TELLS(undefine_takes_it_back),
        TELLS(a_second_define_without_value_keeps_the_first),
        TELLS(defines_have_case_in_conditions_only),
        TELLS(names_have_no_colon),
        TELLS(the_command_line_defines_names),
        TELLS(without_loadmodule_all_of_ours_is_there),
        TELLS(after_loadmodule_only_what_was_loaded),
        TELLS(a_part_of_a_file_loads_what_it_needs_and_has_the_rest),
        TELLS(loading_twice_is_a_warning),
        TELLS(what_other_builds_load_may_be_loaded),
        TELLS(a_module_nobody_knows_is_refused_by_name),
        TELLS(a_module_without_which_files_are_shown_is_refused_for_that),
        TELLS(a_known_module_loads_and_is_said_not_to_be_here),
        TELLS(conditions_see_a_known_module_once_it_is_loaded),
        TELLS(a_known_module_does_not_make_a_part_of_a_file_a_whole_one),
        TELLS(words_of_a_module_need_the_module),
        TELLS(a_false_condition_hides_any_nonsense_but_crossed_sections),
        TELLS(a_true_condition_closes_only_its_own_sections),
        TELLS(a_true_condition_may_stay_open),
        TELLS(lines_of_a_condition_belong_to_the_section_around),
        TELLS(a_condition_needs_something_to_test),
        TELLS(conditions_nest_only_so_deep),
        TELLS(files_and_directives_can_be_asked_for),
        TELLS(versions_are_compared_by_number),
        TELLS(versions_are_matched_by_expression),
        TELLS(malformed_versions),
        TELLS(server_root_counts_from_its_line_on),
        TELLS(the_words_can_be_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
