/* Who may see what: Require all granted|denied, containers, <Limit>, AuthMerging, as httpd's mod_authz_core decides. */
#include "mods_proxy.h"

static int check(struct snapshot *s, const char *head)
{
    struct request *r = bench_request(s, head);
    struct place_memo *memo = place_memo_new(s);

    arena_on_free(bench_arena, bench_forget, memo);
    assert_int_equal(files_translate(r), 0);
    assert_int_equal(core_walk(r, memo, WALK_FINAL), 0);
    return authz_check(r);
}

static int check_text(const char *config, const char *head)
{
    return check(bench_must_load(config), head);
}

#define faults_with(config, message)                                                                                   \
    do {                                                                                                               \
        assert_null(bench_load(config));                                                                               \
        assert_string_equal(bench_fault.text, message);                                                                \
    } while (0)

static void without_a_word_everything_is_granted(void **state)
{
    (void)state;
    assert_int_equal(check_text("", "GET /x HTTP/1.1\nHost: h"), 0);
}

static void denied_is_403_and_says_so_in_the_log(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-log-XXXXXX", line[512] = "";
    int fd = mkstemp(path);
    const char *text = arena_printf(
        bench_arena, "DocumentRoot /tmp\nErrorLog %s\n<Location /no>\nRequire all denied\n</Location>", path);

    assert_int_equal(check_text(text, "GET /no/way HTTP/1.1\nHost: h"), 403);
    assert_true(read(fd, line, sizeof(line) - 1) > 0);
    assert_non_null(strstr(line, "[authz_core:error]"));
    assert_non_null(strstr(line, "AH01630: client denied by server configuration: /tmp/no/way"));
    close(fd);
    unlink(path);
}

/* The commonest shape of all: closed by default, opened for one path. */
static void a_later_section_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("DocumentRoot /tmp\n<Directory />\nRequire all denied\n</Directory>\n"
                                         "<Location /ws/>\nRequire all granted\n</Location>");

    assert_int_equal(check(s, "GET /ws/x HTTP/1.1\nHost: h"), 0);
    assert_int_equal(check(s, "GET /other HTTP/1.1\nHost: h"), 403);
}

static void a_section_without_rules_keeps_those_before(void **state)
{
    (void)state;
    assert_int_equal(check_text("<Location />\nRequire all denied\n</Location>\n"
                                "<Location /a>\nServerSignature On\n</Location>",
                                "GET /a HTTP/1.1\nHost: h"),
                     403);
}

static void one_grant_is_enough_without_a_container(void **state)
{
    (void)state;
    assert_int_equal(
        check_text("<Location />\nRequire all denied\nRequire all granted\n</Location>", "GET / HTTP/1.1\nHost: h"), 0);
}

static void all_of_them_must_grant_inside_require_all(void **state)
{
    (void)state;
    assert_int_equal(check_text("<Location />\n<RequireAll>\nRequire all granted\nRequire all denied\n</RequireAll>\n"
                                "</Location>",
                                "GET / HTTP/1.1\nHost: h"),
                     403);
    assert_int_equal(
        check_text("<Location />\n<RequireAll>\nRequire all granted\nRequire not all denied\n</RequireAll>\n"
                   "</Location>",
                   "GET / HTTP/1.1\nHost: h"),
        0);
    assert_int_equal(check_text("<Location />\n<RequireAll>\nRequire all granted\nRequire not all granted\n"
                                "</RequireAll>\n</Location>",
                                "GET / HTTP/1.1\nHost: h"),
                     403);
}

static void require_none_refuses_and_never_grants(void **state)
{
    (void)state;
    const char *shape =
        "<Location />\n<RequireAll>\nRequire all granted\n<RequireNone>\nRequire all %s\n</RequireNone>\n"
        "</RequireAll>\n</Location>";

    assert_int_equal(check_text(arena_printf(bench_arena, shape, "granted"), "GET / HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check_text(arena_printf(bench_arena, shape, "denied"), "GET / HTTP/1.1\nHost: h"), 0);
}

static void limits_are_for_their_methods_only(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<Location /a>\n<LimitExcept GET OPTIONS>\nRequire all denied\n</LimitExcept>\n"
                        "</Location>\n<Location /b>\n<Limit POST BREW>\nRequire all denied\n</Limit>\n"
                        "</Location>");

    assert_int_equal(check(s, "GET /a HTTP/1.1\nHost: h"), 0);
    assert_int_equal(check(s, "HEAD /a HTTP/1.1\nHost: h"), 0);
    assert_int_equal(check(s, "POST /a HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check(s, "UNHEARD /a HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check(s, "POST /b HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check(s, "BREW /b HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check(s, "brew /b HTTP/1.1\nHost: h"), 0);
    assert_int_equal(check(s, "GET /b HTTP/1.1\nHost: h"), 0);
}

static void merging_joins_both_sections(void **state)
{
    (void)state;
    const char *shape = "<Location />\nRequire all %s\n</Location>\n"
                        "<Location /a>\nAuthMerging %s\nRequire all %s\n</Location>";
    static const struct {
        const char *first, *merging, *second;
        int status;
    } cases[] = {
        { "denied", "Off", "granted", 0 },   { "denied", "And", "granted", 403 }, { "granted", "And", "granted", 0 },
        { "denied", "Or", "granted", 0 },    { "denied", "Or", "denied", 403 },   { "granted", "Or", "denied", 0 },
        { "granted", "And", "denied", 403 }, { "granted", "off", "denied", 403 },
    };

    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const char *text = arena_printf(bench_arena, shape, cases[i].first, cases[i].merging, cases[i].second);
        assert_int_equal(check_text(text, "GET /a HTTP/1.1\nHost: h"), cases[i].status);
    }
}

static void a_condition_may_close_a_place(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("<If \"%{REQUEST_URI} =~ m#secret#\">\nRequire all denied\n</If>");

    assert_int_equal(check(s, "GET /the/secret HTTP/1.1\nHost: h"), 403);
    assert_int_equal(check(s, "GET /the/open HTTP/1.1\nHost: h"), 0);
}

static void faults_are_httpds(void **state)
{
    (void)state;
    faults_with("Require all granted", "Require not allowed here");
    faults_with("<Location />\nRequire all\n</Location>", "Argument for 'Require all' must be 'granted' or 'denied'");
    faults_with("<Location />\nRequire all granted too\n</Location>",
                "Argument for 'Require all' must be 'granted' or 'denied'");
    faults_with("<Location />\nRequire nobody\n</Location>", "Unknown Authz provider: nobody");
    faults_with("<Location />\nRequire not all granted\n</Location>",
                "negative Require directive has no effect in <RequireAny> directive");
    faults_with("<Location />\n<RequireNone>\nRequire all granted\n</RequireNone>\n</Location>",
                "<RequireNone> directive has no effect in <RequireAny> directive");
    faults_with("<Location />\n<RequireAll>\n</RequireAll>\n</Location>",
                "<RequireAll> directive contains no authorization directives");
    faults_with("<Location />\n<RequireAny x>\n</RequireAny>\n</Location>",
                "<RequireAny> directive doesn't take additional arguments");
    faults_with("<Location />\n<RequireAll>\nRequire not all denied\n</RequireAll>\n</Location>",
                "AH01624: <RequireAll> directive contains only negative authorization directives");
    faults_with("<Location />\nAuthMerging Xor\n</Location>", "AuthMerging must be one of: Off | And | Or");
}

static void other_providers_are_refused_by_name(void **state)
{
    static const char *const providers[] = { "file-owner", "file-group", "dbm-group staff", "not ldap-group g" };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(providers); i++) {
        assert_null(bench_load(arena_printf(bench_arena, "<Location />\nRequire %s\n</Location>", providers[i])));
        assert_non_null(strstr(bench_fault.text, providers[i]));
        assert_non_null(strstr(bench_fault.text, "refused"));
    }
}

/* From 192.0.2.1 without any user. */
static void each_provider_decides(void **state)
{
    static const struct {
        const char *line;
        int status;
    } cases[] = {
        { "ip 192.0.2.1", 0 },
        { "ip 192.0", 0 },
        { "ip 10.1 192.0.2.0/24", 0 },
        { "ip 192.0.2.0/255.255.255.254", 0 },
        { "ip 192.0.2.2", 403 },
        { "ip 2001:db8::/32", 403 },
        { "local", 403 },
        { "method GET POST", 0 },
        { "method POST", 403 },
        { "env there", 0 },
        { "env missing", 403 },
        { "env missing there", 0 },
        { "expr true", 0 },
        { "expr \"%{REQUEST_METHOD} == 'PUT'\"", 403 },
        { "expr \"file('/no') == ''\"", 500 },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct snapshot *s =
            bench_must_load(arena_printf(bench_arena, "<Location />\nRequire %s\n</Location>", cases[i].line));
        struct request *r = bench_request(s, "GET / HTTP/1.1\nHost: h");

        request_set_env(r, "there", "");
        if (authz_check(r) != cases[i].status)
            fail_msg("Require %s", cases[i].line);
    }
}

/* Then it goes to the threads that may wait. */
static void what_may_wait_is_told_beforehand(void **state)
{
    static const struct {
        const char *lines, *fields;
        bool blocks;
    } cases[] = {
        { "Require all granted", "", false },
        { "Require all granted", "\nAuthorization: Basic eDp5", false },
        { "AuthType Basic\nAuthName r\nRequire valid-user", "", false },
        { "AuthType Basic\nAuthName r\nRequire valid-user", "\nAuthorization: Basic eDp5", true },
        { "Require host example.com", "", true },
        { "Require forward-dns example.com", "", true },
        { "Require group g", "", true },
        { "<RequireAll>\nRequire ip 10.1\nRequire host h\n</RequireAll>", "", true },
        { "Allow from 10.1", "", false },
        { "Deny from example.com", "", true },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct snapshot *s =
            bench_must_load(arena_printf(bench_arena, "<Location />\n%s\n</Location>", cases[i].lines));
        struct request *r =
            bench_request(s, arena_concat(bench_arena, "GET / HTTP/1.1\nHost: h", cases[i].fields, NULL));

        if (authz_may_block(r) != cases[i].blocks)
            fail_msg("%s", cases[i].lines);
    }
}

/* Order's default is deny,allow with nobody denied; the last word is Order's second. */
static void order_says_whose_word_is_the_last(void **state)
{
    static const struct {
        const char *order, *allow, *deny;
        int status;
    } cases[] = {
        { "allow,deny", "all", "none", 0 },     { "allow,deny", "none", "none", 403 },
        { "allow,deny", "all", "all", 403 },    { "deny,allow", "none", "none", 0 },
        { "deny,allow", "none", "all", 403 },   { "deny,allow", "192.0.2", "all", 0 },
        { "mutual-failure", "all", "none", 0 }, { "mutual-failure", "all", "all", 403 },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        const char *text = arena_printf(bench_arena, "<Location />\nOrder %s\nAllow from %s\nDeny from %s\n</Location>",
                                        cases[i].order, strcmp(cases[i].allow, "none") ? cases[i].allow : "env=never",
                                        strcmp(cases[i].deny, "none") ? cases[i].deny : "env=never");
        assert_int_equal(check_text(text, "GET / HTTP/1.1\nHost: h"), cases[i].status);
    }
}

static void a_section_of_the_old_style_replaces_one_whole(void **state)
{
    (void)state;
    assert_int_equal(check_text("<Location />\nOrder allow,deny\nDeny from all\n</Location>\n"
                                "<Location /a>\nSatisfy All\n</Location>",
                                "GET /a HTTP/1.1\nHost: h"),
                     0);
}

static void methods_that_are_not_allowed_are_405(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("<Location />\nAllowMethods GET POST\n</Location>\n"
                                         "<Location /all>\nAllowMethods reset\n</Location>");
    struct request *r = bench_request(s, "PUT / HTTP/1.1\nHost: h");

    assert_int_equal(authz_check(r), 405);
    assert_string_equal(r->allow, "GET,POST");
    assert_int_equal(check(s, "HEAD / HTTP/1.1\nHost: h"), 0);
    assert_int_equal(check(s, "PUT /all HTTP/1.1\nHost: h"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_word_everything_is_granted),
        TEST(denied_is_403_and_says_so_in_the_log),
        TEST(a_later_section_replaces_an_earlier_one),
        TEST(a_section_without_rules_keeps_those_before),
        TEST(one_grant_is_enough_without_a_container),
        TEST(all_of_them_must_grant_inside_require_all),
        TEST(require_none_refuses_and_never_grants),
        TEST(limits_are_for_their_methods_only),
        TEST(merging_joins_both_sections),
        TEST(a_condition_may_close_a_place),
        TEST(faults_are_httpds),
        TEST(other_providers_are_refused_by_name),
        TEST(each_provider_decides),
        TEST(what_may_wait_is_told_beforehand),
        TEST(order_says_whose_word_is_the_last),
        TEST(a_section_of_the_old_style_replaces_one_whole),
        TEST(methods_that_are_not_allowed_are_405),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
