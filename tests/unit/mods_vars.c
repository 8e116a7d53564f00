/* Variables and functions of expressions over a request, and the request's own names: server name, port, URL, banner.
 */
#include "mods_request.h"

static const char *text_of(const struct request *r, const char *template)
{
    struct expr_env env;
    const char *error = NULL;
    struct expr *e = expr_compile(arena, template, EXPR_STRING, vars_known, &error);

    if (!e)
        fail_msg("%s: %s", template, error);
    vars_env(r, &env);
    return arena_span(arena, expr_text(e, &env, &error));
}

static void check(const struct request *r, const char *const rows[][2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text_of(r, rows[i][0]), rows[i][1]))
            fail_msg("%s\n  gives %s\n  wants %s", rows[i][0], text_of(r, rows[i][0]), rows[i][1]);
}

static void variables(void **state)
{
    static const char *const rows[][2] = {
        { "%{REQUEST_METHOD} %{REQUEST_SCHEME} %{REQUEST_URI}?%{QUERY_STRING}", "GET http /a\"b?x=\"1" },
        { "%{THE_REQUEST}", "GET /a%22b?x=\"1 HTTP/1.1" },
        { "%{request_uri} %{Document_Uri}", "/a\"b /a\"b" },
        { "%{REQUEST_FILENAME} %{SCRIPT_FILENAME}", "/usr/a\"b /usr/a\"b" },
        { "%{DOCUMENT_ROOT}|%{CONTEXT_PREFIX}|%{CONTEXT_DOCUMENT_ROOT}", "/usr||/usr" },
        { "%{REQUEST_STATUS} %{REQUEST_LOG_ID} %{CONN_LOG_ID}", "200 REQ-1 conn1" },
        { "%{LAST_MODIFIED}|%{PATH_INFO}|%{SCRIPT_USER}|%{SCRIPT_GROUP}", "19700101000000|||" },
        { "%{IS_SUBREQ}|%{AUTH_TYPE}|%{REMOTE_USER}|%{REMOTE_IDENT}", "false|Basic|joe|" },
        { "%{REMOTE_ADDR} %{REMOTE_HOST} %{CONN_REMOTE_ADDR}:%{REMOTE_PORT}", "192.0.2.1 192.0.2.1 192.0.2.1:5000" },
        { "%{HTTPS} %{HTTP2} %{IPV6}", "off off off" },
        { "%{SERVER_NAME}:%{SERVER_PORT} %{SERVER_ADMIN}", "ho.st:99 me@example.org" },
        { "%{SERVER_PROTOCOL} %{SERVER_PROTOCOL_VERSION}", "HTTP/1.1 1001" },
        { "%{SERVER_PROTOCOL_VERSION_MAJOR}.%{SERVER_PROTOCOL_VERSION_MINOR}", "1.1" },
        { "%{SERVER_SOFTWARE} %{API_VERSION}", "Weir/" WEIR_VERSION " (Unix) 20120211" },
        { "%{CONTENT_TYPE} %{HANDLER}", "text/html ; charset=utf-8 proxy-server" },
        { "%{HTTP_HOST}|%{HTTP_REFERER}|%{HTTP_COOKIE}|%{HTTP_ACCEPT}", "Ho.St:99|http://ref/|a = 1 ; b=2;c;a=3|" },
        { "[%{SSL_PROTOCOL}%{ssl_client_s_dn}]", "[]" },
    };
    struct snapshot *s = must_load("DocumentRoot /usr\nServerAdmin me@example.org");
    struct request *r = make_request(s, s->main);

    (void)state;
    r->user = "joe";
    r->auth_type = "Basic";
    check(r, rows, COUNT_OF(rows));
    r->status = 0;
    assert_string_equal(text_of(r, "%{REQUEST_STATUS}"), "200");
    snapshot_drop(s);
}

static void the_time(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);
    time_t now = time(NULL);
    char year[8];

    (void)state;
    strftime(year, sizeof(year), "%Y", gmtime(&now));
    assert_string_equal(text_of(r, "%{TIME_YEAR}"), year);
    assert_int_equal(strlen(text_of(r, "%{TIME}")), 14);
    assert_int_equal(strlen(text_of(r, "%{TIME_MON}%{TIME_DAY}%{TIME_HOUR}%{TIME_MIN}%{TIME_SEC}%{TIME_WDAY}")), 11);
    snapshot_drop(s);
}

static void functions(void **state)
{
    static const char *const rows[][2] = {
        { "%{req:x-dup}|%{http:Nope}|%{HTTP:Referer}|%{req_novary:Host}", "1, 2||http://ref/|Ho.St:99" },
        { "%{resp:X-O}|%{resp:content-type}", "1|text/html ; charset=utf-8" },
        { "%{reqenv:foo}|%{note:note}|%{env:FOO}|%{env:note}|%{env:WEIR_TEST}", "b\"ar|n|b\"ar|n|here" },
        { "%{osenv:WEIR_TEST}|%{osenv:WEIR_NO_SUCH}", "here|" },
        { "%{md5:$0}", "d41d8cd98f00b204e9800998ecf8427e" },
        { "%{md5:abc}", "900150983cd24fb0d6963f7d28e17f72" },
        { "%{md5:12345678901234567890123456789012345678901234567890123456789012345678901234567890}",
          "57edf4a22be3c955ac49da2e2107b67a" },
        { "%{sha1:abc}", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "%{sha1:abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq}",
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
        { "%{tolower:%{req:Host}}", "ho.st:99" },
    };
    struct snapshot *s = must_load("");

    (void)state;
    setenv("WEIR_TEST", "here", 1);
    check(make_request(s, s->main), rows, COUNT_OF(rows));
    snapshot_drop(s);
}

static void names_that_exist(void **state)
{
    (void)state;
    assert_true(vars_known("variable", "Remote_Addr"));
    assert_true(vars_known("variable", "SSL_ANYTHING"));
    assert_true(vars_known("function", "REQ"));
    assert_false(vars_known("variable", "HTTP_UPGRADE")); /* only the seven that Apache lists */
    assert_false(vars_known("variable", "req"));
    assert_false(vars_known("function", "REMOTE_ADDR"));
    assert_false(vars_known("list", "PeerExtList"));
}

static void server_name_and_port(void **state)
{
    struct snapshot *s = must_load("<VirtualHost *:80>\nServerName on.example:81\nUseCanonicalName On\n</VirtualHost>");
    struct request *r = make_request(s, s->main);

    (void)state;
    assert_string_equal(request_url(r, "/x"), "http://ho.st:99/x");
    r->host_port = 0;
    assert_string_equal(request_url(r, "/x"), "http://ho.st:8080/x");
    r->hostname = NULL;
    assert_string_equal(request_url(r, "/x"), "http://main.example:8080/x");
    r->hostname = "2001:db8::1";
    assert_string_equal(request_url(r, "/x"), "http://[2001:db8::1]:8080/x");
    r = make_request(s, s->sites.items[0]);
    assert_string_equal(request_url(r, "/x"), "http://on.example:81/x");
    assert_int_equal(request_server_port(r), 81);
    snapshot_drop(s);
}

static void the_physical_port(void **state)
{
    struct snapshot *s = must_load("UseCanonicalPhysicalPort On");
    struct request *r = make_request(s, s->main);

    (void)state;
    r->host_port = 0;
    assert_string_equal(request_url(r, "/x"), "http://ho.st/x");
    snapshot_drop(s);
}

static void the_banner(void **state)
{
    static const char *const rows[][2] = {
        { "Full", "Weir/" WEIR_VERSION " (Unix)" },
        { "OS", "Weir/" WEIR_VERSION " (Unix)" },
        { "Minimal", "Weir/" WEIR_VERSION },
        { "Minor", "Weir/0.1" },
        { "Major", "Weir/0" },
        { "Prod", "Weir" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct snapshot *s = must_load(arena_concat(arena, "ServerTokens ", rows[i][0], NULL));

        assert_string_equal(request_server_banner(make_request(s, s->main)), rows[i][1]);
        snapshot_drop(s);
    }
}

static void the_environment(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);

    (void)state;
    assert_string_equal(request_env(r, "foo"), "b\"ar");
    assert_null(request_env(r, "bar"));
    request_set_env(r, "bar", "1");
    request_set_env(r, "Foo", "2");
    assert_string_equal(request_env(r, "BAR"), "1");
    assert_string_equal(request_env(r, "FOO"), "2");
    request_set_env(r, "bar", NULL);
    assert_null(request_env(r, "bar"));
    snapshot_drop(s);
}

static void the_log_of_a_place(void **state)
{
    struct snapshot *s = must_load("LogLevel warn\n<Location /a>\nLogLevel debug\n</Location>");
    struct place_memo *memo = place_memo_new(s);
    struct request *r = make_request(s, s->main);

    (void)state;
    assert_ptr_equal(request_log(r), &s->main->log);
    r->uri = "/a";
    assert_int_equal(core_walk(r, memo, WALK_LOCATION), 0);
    assert_true(log_wants(request_log(r), LOG_PROXY, LEVEL_DEBUG));
    assert_false(log_wants(&s->main->log, LOG_PROXY, LEVEL_DEBUG));
    place_memo_free(memo);
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(variables, begin, end),
        cmocka_unit_test_setup_teardown(the_time, begin, end),
        cmocka_unit_test_setup_teardown(functions, begin, end),
        cmocka_unit_test_setup_teardown(names_that_exist, begin, end),
        cmocka_unit_test_setup_teardown(server_name_and_port, begin, end),
        cmocka_unit_test_setup_teardown(the_physical_port, begin, end),
        cmocka_unit_test_setup_teardown(the_banner, begin, end),
        cmocka_unit_test_setup_teardown(the_environment, begin, end),
        cmocka_unit_test_setup_teardown(the_log_of_a_place, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
