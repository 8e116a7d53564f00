/* Where a line may stand, what unknown, refused and idle lines lead to; the sentences were observed with apache2 -t. */
#include "conf_fake.h"

static void an_unknown_name_is_apaches_own_fault(void **state)
{
    (void)state;
    assert_fault("ServerName x\nProxyPas / http://h/\n",
                 "2: Invalid command 'ProxyPas', perhaps misspelled or defined by a module not included in the server "
                 "configuration");
    assert_fault("<Foo /x>\n</Foo>\n",
                 "1: Invalid command '<Foo', perhaps misspelled or defined by a module not included "
                 "in the server configuration");
}

static void server_lines_are_not_allowed_in_sections(void **state)
{
    (void)state;
    assert_fault("<Location /x>\nServerName x\n</Location>\n", "2: ServerName not allowed in <Location> context");
    assert_fault("<Location /x>\n<Location /y>\n</Location>\n</Location>\n",
                 "2: <Location not allowed in <Location> context");
    assert_fault("<Location /x>\n<Limit GET>\nListen 1\n</Limit>\n</Location>\n",
                 "3: Listen not allowed in <Limit> context");
}

static void some_lines_cannot_occur_in_some_sections(void **state)
{
    (void)state;
    assert_fault("<Location /x>\n<Files y>\n</Files>\n</Location>\n",
                 "2: <Files> cannot occur within <Location> section");
    assert_fault("<Directory /x>\nProxyPass / http://x/\n</Directory>\n",
                 "2: ProxyPass cannot occur within <Directory> section");
    assert_fault("<DirectoryMatch /x>\nProxyPass / http://x/\n</DirectoryMatch>\n",
                 "2: ProxyPass cannot occur within <DirectoryMatch> section");
    assert_fault("<Location /x>\n<If \"true\">\nProxyPass http://x/\n</If>\n</Location>\n",
                 "3: ProxyPass cannot occur within <If> section");
    assert_fault("<Directory /x>\n<Files x>\nProxyPass / http://x\n</Files>\n</Directory>\n",
                 "3: ProxyPass cannot occur within <Directory> section");
    assert_fault("<Location /x>\n<Limit GET>\nColour red\nProxyPass http://x/\n</Limit>\n</Location>\n",
                 "4: ProxyPass cannot occur within <Limit> or <LimitExcept> section");
}

static void virtual_hosts_take_no_global_lines(void **state)
{
    (void)state;
    assert_fault("<VirtualHost *:80>\nListen 1\n</VirtualHost>\n",
                 "2: Listen cannot occur within <VirtualHost> section");
    assert_fault("<VirtualHost *:80>\n<VirtualHost *:90>\n</VirtualHost>\n</VirtualHost>\n",
                 "2: <VirtualHost> cannot occur within <VirtualHost> section");
    assert_fault("<VirtualHost *:80>\nAllowOverride None\n</VirtualHost>\n",
                 "2: AllowOverride not allowed in <VirtualHost> context");
}

static void place_lines_are_not_allowed_at_the_top(void **state)
{
    (void)state;
    assert_fault("AllowOverride None\n", "1: AllowOverride not allowed here");
    assert_fault("<Limit GET>\nColour red\n</Limit>\n", "1: <Limit not allowed here");
}

static void section_lines_need_their_bracket_and_their_words(void **state)
{
    (void)state;
    assert_fault("<Location /x\n</Location>\n", "1: <Location> directive missing closing '>'");
    assert_fault("<Location>\n</Location>\n", "1: <Location> directive requires additional arguments");
    assert_fault("<Else>\n</Else>\n", "1: no if before");
}

static void the_innermost_line_is_the_one_at_fault(void **state)
{
    (void)state;
    assert_fault("ServerName x\n<VirtualHost *:80>\n<Location /x>\nNumber 1\n</Location>\n</VirtualHost>\n",
                 "4: Number not allowed in <Location> context");
}

static void what_protects_is_refused_by_name_and_reason(void **state)
{
    (void)state;
    assert_fault("SSLEngine on\n",
                 "1: SSLEngine: refused: TLS is not built in yet / SSLEngine: 受け付けません: TLS は未対応");
    assert_fault("<Forbidden x>\n</Forbidden>\n",
                 "1: <Forbidden>: refused: too dangerous / <Forbidden>: 受け付けません: too dangerous");
}

static void what_does_nothing_is_said_once(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName x\nStartServers 2\nStartServers 3\nStartServers 4\n");
    assert_int_equal(s->reading->notices.n, 1);
    const struct conf_notice *n = s->reading->notices.items[0];
    assert_int_equal(n->level, LEVEL_NOTICE);
    assert_int_equal(n->line, 2);
    assert_string_equal(n->text, "StartServers is accepted and has no effect: threads are counted otherwise / "
                                 "StartServers は受け付けますが効果はありません: 別の方法");
    snapshot_drop(s);
    assert_fault("StartServers\n", "1: StartServers takes one argument, help");
}

static void a_section_left_closed_keeps_its_lines_to_itself(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName x\n<Closed>\nSay1 a\n</Closed>\n");
    assert_string_equal(said, "");
    snapshot_drop(s);
}

static void two_modules_may_share_a_name(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName x\n<Location /x>\nSize 5\n</Location>\n");
    const struct section *section = s->main->locations.items[0];
    assert_int_equal(((struct fake_place *)place_part(&section->place, &fake_module))->size, 5);
    assert_int_equal(((struct other_place *)place_part(&section->place, &other_module))->level, 5);
    snapshot_drop(s);
}

static void nesting_has_a_bottom(void **state)
{
    (void)state;
    enum { DEEP = 400 };
    struct buf b = { 0 };
    buf_adds(&b, "<Location /x>\n");
    for (int i = 0; i < DEEP; i++)
        buf_adds(&b, "<If \"true\">\n");
    for (int i = 0; i < DEEP; i++)
        buf_adds(&b, "</If>\n");
    buf_add(&b, "</Location>\n", sizeof("</Location>\n"));
    assert_null(load(buf_head(&b)));
    assert_non_null(strstr(fault, "nested too deeply"));
    buf_release(&b);
}

static void the_modules_have_the_last_word(void **state)
{
    (void)state;
    finish_fault = "AuthName is missing";
    finish_calls = 0;
    assert_fault("ServerName x\n", "0: AuthName is missing");
    assert_int_equal(finish_calls, 1);
    finish_fault = NULL;
}

static void a_snapshot_lives_until_its_last_reference(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName x\n");
    assert_ptr_equal(snapshot_hold(s), s);
    snapshot_drop(s);
    assert_string_equal(s->main->server_name, "x"); /* still ours: ASan would object */
    snapshot_drop(s);
    snapshot_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_name_is_apaches_own_fault),
        cmocka_unit_test(server_lines_are_not_allowed_in_sections),
        cmocka_unit_test(some_lines_cannot_occur_in_some_sections),
        cmocka_unit_test(virtual_hosts_take_no_global_lines),
        cmocka_unit_test(place_lines_are_not_allowed_at_the_top),
        cmocka_unit_test(section_lines_need_their_bracket_and_their_words),
        cmocka_unit_test(the_innermost_line_is_the_one_at_fault),
        cmocka_unit_test(what_protects_is_refused_by_name_and_reason),
        cmocka_unit_test(what_does_nothing_is_said_once),
        cmocka_unit_test(a_section_left_closed_keeps_its_lines_to_itself),
        cmocka_unit_test(two_modules_may_share_a_name),
        cmocka_unit_test(nesting_has_a_bottom),
        cmocka_unit_test(the_modules_have_the_last_word),
        cmocka_unit_test(a_snapshot_lives_until_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
