/* mod_alias: Apache's faults of its lines, and what a request is mapped or sent to. */
#include "mods_proxy.h"

static void faults_with(const char *config, const char *text)
{
    assert_null(bench_load(config));
    assert_non_null(bench_fault.text);
    assert_string_equal(bench_fault.text, text);
}

static void lines_have_httpds_faults(void **state)
{
    (void)state;
    faults_with("<Location /x>\nAlias /a /b\n</Location>", "Alias cannot occur within directory context");
    faults_with("<Directory /x>\nAlias /a\n</Directory>", "Alias cannot occur within <Directory> section");
    faults_with("<Files x>\nAlias /a\n</Files>", "Alias cannot occur within <Files> section");
    faults_with("<If true>\nAlias /a\n</If>", "Alias cannot occur within <If> section");
    faults_with("Alias /a", "Alias must have two arguments when used globally");
    faults_with("AliasMatch ( /x", "Regular expression could not be compiled.");
    faults_with("Redirect foo /a http://b", "Redirect: invalid first argument (of three)");
    faults_with("Redirect /a", "URL to redirect to is missing");
    faults_with("Redirect 301", "URL to redirect to is missing");
    faults_with("<Location /a>\nRedirect 301\n</Location>", "URL to redirect to is missing");
    faults_with("Redirect gone /a http://b", "Redirect URL not valid for this status");
    faults_with("Redirect /a b", "Redirect to non-URL");
    faults_with("RedirectMatch ( /b", "Regular expression could not be compiled.");
    faults_with("RedirectPermanent /a",
                "RedirectPermanent takes two arguments, a document to be redirected, then the destination URL");
    faults_with("RedirectRelative maybe", "RedirectRelative must be On or Off");
    assert_null(bench_load("<Location /a>\nRedirect \"%{FOO\"\n</Location>"));
    assert_non_null(strstr(bench_fault.text, "Cannot parse redirect expression '%{FOO': "));
    faults_with("<Location /a>\nScriptAlias /a /b\n</Location>", "ScriptAlias cannot occur within directory context");
    assert_null(bench_load("<Location /a>\nScriptAlias /b\n</Location>"));
    assert_non_null(strstr(bench_fault.text, "Weir runs no scripts"));
}

/* conf-available/serve-cgi-bin.conf of Debian: its ScriptAlias stands behind modules that are not here. */
static void debians_cgi_file_may_stay(void **state)
{
    (void)state;
    bench_must_load("<IfModule mod_alias.c>\n<IfModule mod_cgi.c>\nDefine ENABLE_USR_LIB_CGI_BIN\n</IfModule>\n"
                    "<IfDefine ENABLE_USR_LIB_CGI_BIN>\nScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\n"
                    "<Directory \"/usr/lib/cgi-bin\">\nAllowOverride None\nOptions +ExecCGI "
                    "-MultiViews +SymLinksIfOwnerMatch\nRequire all granted\n</Directory>\n</IfDefine>\n</IfModule>");
}

static void an_alias_that_cannot_match_is_said(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("Alias /a /b\nAlias /a/b /c\nAlias /ab /d");
    unsigned said = 0;

    for (unsigned i = 0; i < s->reading->notices.n; i++) {
        const struct conf_notice *n = s->reading->notices.items[i];
        said += n->ah == 671 && strstr(n->text, "overlaps an earlier Alias.") != NULL;
    }
    assert_int_equal(said, 1);
}

static const char *mapped(struct snapshot *s, const char *path)
{
    struct request *r = bench_request(s, arena_printf(bench_arena, "GET %s HTTP/1.1\nHost: h", path));
    int status = alias_translate(r);

    return status ? arena_printf(bench_arena, "%d", status) : r->filename;
}

static void paths_are_mapped(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("Alias /i/ /srv/i/\nAlias /j /srv/j\nAliasMatch ^/k(.*)\\.png$ /srv/k$1.gif\n"
                                         "AliasMatch ^/up(.*) /srv/up/$1\nAlias /rel rel\n"
                                         "<Location /e>\nAlias /srv/%{HTTP_HOST}\n</Location>\n"
                                         "<Location /f>\nAliasPreservePath On\nAlias /srv/f\n</Location>");

    assert_string_equal(mapped(s, "/i/x"), "/srv/i/x");
    assert_null(mapped(s, "/i"));
    assert_string_equal(mapped(s, "/j"), "/srv/j");
    assert_string_equal(mapped(s, "/j/x%20y/"), "/srv/j/x y/");
    assert_null(mapped(s, "/jx"));
    assert_string_equal(mapped(s, "/k/a.png"), "/srv/k/a.gif");
    assert_string_equal(mapped(s, "/rel/x"), "/tmp/rel/x");
    assert_string_equal(mapped(s, "/e/x/y"), "/srv/h");
    assert_string_equal(mapped(s, "/f/x/y"), "/srv/f/x/y");
}

/* As the stock file of httpd has it. */
static void scripts_are_told_from_files(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("ScriptAlias /cgi-bin/ /srv/cgi/\nScriptAliasMatch ^/run/(.*) /srv/run/$1\n"
                                         "Alias /cgi /srv/cgi\n");
    struct request *r = bench_request(s, "GET /cgi-bin/x HTTP/1.1\nHost: h");

    assert_int_equal(alias_translate(r), 0);
    assert_string_equal(r->filename, "/srv/cgi/x");
    assert_string_equal(r->forced_handler, "cgi-script");
    r = bench_request(s, "GET /run/x HTTP/1.1\nHost: h");
    assert_int_equal(alias_translate(r), 0);
    assert_string_equal(r->forced_handler, "cgi-script");
    r = bench_request(s, "GET /cgi/x HTTP/1.1\nHost: h");
    assert_int_equal(alias_translate(r), 0);
    assert_null(r->forced_handler);
    assert_int_equal(s->reading->notices.n, 2);
}

/* What a pattern took may begin with dots: they do not lead up. */
static void a_pattern_leads_nowhere_above_itself(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("AliasMatch ^/up(.*) /srv/up/$1\nAliasMatch ^/here /srv/a/../b");

    assert_string_equal(mapped(s, "/up../secret"), "403");
    assert_string_equal(mapped(s, "/up..%2e/secret"), "/srv/up/.../secret");
    assert_string_equal(mapped(s, "/here"), "/srv/b");
}

static void a_redirect_says_where(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("Redirect permanent /old http://new.example/x");
    struct request *r = bench_request(s, "GET /old/a%20b?q HTTP/1.1\nHost: h");

    assert_int_equal(alias_translate(r), 301);
    assert_true(span_eq(http_fields_get(&r->out, "Location"), SPAN("http://new.example/x/a%20b?q")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_have_httpds_faults, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(debians_cgi_file_may_stay, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(an_alias_that_cannot_match_is_said, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(paths_are_mapped, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(scripts_are_told_from_files, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_pattern_leads_nowhere_above_itself, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_redirect_says_where, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
