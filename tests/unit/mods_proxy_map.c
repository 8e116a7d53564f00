/* From a request to a backend's URL: which ProxyPass, how paths join, what is decided before a connection. */
#include "mods_proxy.h"
#include "proxying.h"

struct row {
    const char *conf, *head;
    const char *url; /* canonical; NULL: not proxied */
    int status;
};

static void check(const struct row *row)
{
    struct request *r = bench_request(bench_must_load(row->conf), row->head);
    int status = proxy_translate(r);
    if (!status)
        status = proxy_prepare(r);
    if (status != row->status)
        fail_msg("%s\n%s: status %d, not %d", row->conf, row->head, status, row->status);
    if (status)
        return;
    const char *url = r->proxy ? r->proxy->url : NULL;
    if (!url != !row->url || (url && strcmp(url, row->url) != 0))
        fail_msg("%s\n%s: %s, not %s", row->conf, row->head, url ? url : "none", row->url ? row->url : "none");
}

static void check_all(const struct row *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        check(&rows[i]);
}

#define GET(path) "GET " path " HTTP/1.1\nHost: h"

static void prefixes_match_whole_segments_and_are_joined_literally(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass /app http://b/x", GET("/app"), "http://b/x", 0 },
        { "ProxyPass /app http://b/x", GET("/app/y"), "http://b/x/y", 0 },
        { "ProxyPass /app http://b/x", GET("/apple"), NULL, 0 },
        { "ProxyPass /app/ http://b/x", GET("/app"), NULL, 0 },
        { "ProxyPass /app/ http://b/x", GET("/app/y"), "http://b/xy", 0 },
        { "ProxyPass /app http://b/", GET("/app/y"), "http://b//y", 0 },
        { "ProxyPass /a//b/ http://b/", GET("/a/b/c"), "http://b/c", 0 },
        { "ProxyPass /App http://b/", GET("/app"), NULL, 0 },
        { "ProxyPass \"\" http://b/", GET("/app"), NULL, 0 },
        { "ProxyPass / http://b", GET("/x"), "http://bx/", 0 },
    };
    (void)state;
    check_all(rows, 8);
    /* nothing inserts a slash: the path runs into the host, as in httpd */
    struct request *r = bench_request(bench_must_load("ProxyPass /ws/ ws://b:3000"), GET("/ws/a"));
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 0);
    assert_string_equal(r->proxy->host, "b:3000a");
    check_all(rows + 8, 2);
}

static void the_first_line_wins_and_exclusions_count_in_order(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass /a/b !\nProxyPass /a http://b", GET("/a/b/c"), NULL, 0 },
        { "ProxyPass /a http://b/a\nProxyPass /a/b !", GET("/a/b/c"), "http://b/a/b/c", 0 },
        { "ProxyPass /a http://one/\nProxyPass /a/b http://two/", GET("/a/b"), "http://one//b", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void a_location_goes_before_every_line_of_the_server(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass /x !\n<Location /x>\nProxyPass http://b/\n</Location>", GET("/x"), "http://b/", 0 },
        { "ProxyPass /x http://server/\n<Location /x>\nProxyPass !\n</Location>", GET("/x"), NULL, 0 },
        { "<Location /x/long>\nProxyPass http://one/\n</Location>\n<Location /x>\nProxyPass http://two/\n</Location>",
          GET("/x/long/y"), "http://two//long/y", 0 },
        { "<Location /x>\nProxyPass http://b\n</Location>", GET("/x/y"), "http://b/y", 0 },
        { "<Location \"/x/*\">\nProxyPass http://b\n</Location>", GET("/x/y"), "http://b/x/y", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void patterns_substitute_or_append(void **state)
{
    static const struct row rows[] = {
        { "ProxyPassMatch ^/x/(.*)$ http://b/y/$1", GET("/x/1?q"), "http://b/y/1?q", 0 },
        { "ProxyPassMatch ^/x http://b", GET("/x/1"), "http://b/x/1", 0 },
        { "ProxyPassMatch x$ http://b/p", GET("/a/x"), "http://b/p/a/x", 0 },
        { "ProxyPass ~ ^/(\\w+)/ws$ ws://b/$1", GET("/cool/ws"), "ws://b/cool", 0 },
        { "ProxyPassMatch \\.gif$ !\nProxyPass / http://b/", GET("/x.gif"), NULL, 0 },
        { "ProxyPassMatch ^/(a|b)(/.*)? http://b:81$2", GET("/a/z"), "http://b:81/z", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void paths_are_encoded_again(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass / http://b/", GET("/a%20b%5e%7E%2B;x=1/%C3%A4?a=%20&b"), "http://b/a%20b%5E~+;x=1/%C3%A4?a=%20&b",
          0 },
        { "ProxyPass / http://b/", GET("/a?"), "http://b/a?", 0 },
        { "ProxyPass / http://b/", GET("/a%3Fb"), "http://b/a%3Fb", 0 },
        { "AllowEncodedSlashes NoDecode\nProxyPass / http://b/", GET("/a%2Fb"), "http://b/a%2Fb", 0 },
        { "AllowEncodedSlashes On\nProxyPass / http://b/", GET("/a%2Fb"), "http://b/a/b", 0 },
        { "ProxyPass / http://B:80/", GET("/"), "http://b/", 0 },
        { "ProxyPass / HTTP://b:8080/", GET("/"), "http://b:8080/", 0 },
        { "ProxyPass / http://[::1]:81/", GET("/x"), "http://[::1]:81/x", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void nocanon_sends_what_came_while_that_is_safe(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass / http://b/ nocanon", GET("/a%20b%5e?q=1"), "http://b/a%20b%5e?q=1", 0 },
        { "ProxyPass /x http://b nocanon", GET("/x//y/../z"), "http://b//y/../z", 0 },
        { "ProxyPass /x http://b nocanon", GET("/%78/y%5e?q"), "http://b/y%5E?q", 0 }, /* matched only once decoded */
        { "ProxyPassMatch ^/x/(.*)$ http://b/$1 nocanon", GET("/x/%5e"), "http://b/%5e", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void a_blank_that_was_missed_is_403(void **state)
{
    (void)state;
    struct request *r = bench_request(bench_must_load("ProxyPass / http://b/"), GET("/x"));
    assert_int_equal(proxy_translate(r), 0);
    r->args = SPAN("a b"); /* a rewrite may leave one */
    assert_int_equal(proxy_prepare(r), 403);
    r = bench_request(bench_must_load("ProxyPass / http://b/ nocanon"), GET("/x"));
    r->unparsed_uri = SPAN("/x\ty");
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 403);
}

static void a_path_that_ran_into_the_host_cannot_break_a_head(void **state)
{
    static const struct row rows[] = {
        { "ProxyPass /ws/ ws://b:3000", GET("/ws/%0d%0aX:%20y"), NULL, 500 },
        { "ProxyPass /ws/ ws://b:3", GET("/ws/000"), "ws://b:3000/", 0 },
        { "ProxyPass /ws/ ws://b:3", GET("/ws/99999"), NULL, 400 },
        { "ProxyPass /ws/ ws://b", GET("/ws/:"), "ws://[b:]/", 0 },
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void no_proxy_in_the_environment_turns_it_off(void **state)
{
    (void)state;
    struct request *r = bench_request(bench_must_load("ProxyPass / http://b/"), GET("/x"));
    request_set_env(r, "no-proxy", "1");
    assert_int_equal(proxy_translate(r), 0);
    assert_null(r->proxy);
}

static void variables_need_both_the_word_and_the_switch(void **state)
{
    static const char *const confs[] = { "ProxyPass / http://${B}/ interpolate",
                                         "ProxyPassInterpolateEnv On\nProxyPass / http://${B}/",
                                         "ProxyPassInterpolateEnv On\nProxyPass / http://${B}x/ interpolate" };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(confs); i++) {
        struct request *r = bench_request(bench_must_load(confs[i]), GET("/x"));
        request_set_env(r, "B", "back");
        assert_int_equal(proxy_translate(r), 0);
        assert_string_equal(r->proxy->url, i < 2 ? "http://${B}/x" : "http://backx/x");
    }
}

/* ---- before a connection ------------------------------------------------------------------------ */

static struct request *prepared(const char *conf, const char *head, int status)
{
    struct request *r = bench_request(bench_must_load(conf), head);
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), status);
    return r;
}

static void other_schemes_load_and_answer_500(void **state)
{
    (void)state;
    prepared("ProxyPass / fcgi://b:9000/", GET("/x"), 500);
    prepared("ProxyPass / h2c://b/", GET("/x"), 500);
}

static void max_forwards_is_counted(void **state)
{
    (void)state;
    struct request *r = prepared("ProxyMaxForwards 7\nProxyPass / http://b/", GET("/x"), 0);
    assert_true(span_ieq_str(http_fields_get(&r->head.fields, "Max-Forwards"), "7"));
    r = prepared("ProxyPass / http://b/", GET("/x") "\nMax-Forwards: 3", 0);
    assert_true(span_ieq_str(http_fields_get(&r->head.fields, "Max-Forwards"), "2"));
    r = prepared("ProxyPass / http://b/", GET("/x") "\nMax-Forwards: 0", 400);
    assert_string_equal(r->reason, "Proxy Error");
    assert_string_equal(r->error_text, "Max-Forwards has reached zero - proxy loop?");
    prepared("ProxyPass / http://b/", GET("/x") "\nMax-Forwards: -1", 400);
    prepared("ProxyPass / http://b/", GET("/x") "\nMax-Forwards: 99999999999999999999", 400);
    r = prepared("ProxyPass / http://b/", "OPTIONS /x HTTP/1.1\nHost: h\nMax-Forwards: 0", 0);
    assert_null(r->proxy); /* ours to answer */
}

static void trace_is_forwarded_unless_forbidden(void **state)
{
    (void)state;
    prepared("ProxyPass / http://b/", "TRACE /x HTTP/1.1\nHost: h", 0);
    prepared("TraceEnable Off\nProxyPass / http://b/", "TRACE /x HTTP/1.1\nHost: h", 405);
    prepared("ProxyPass / http://b/", "TRACE /x HTTP/1.1\nHost: h\nContent-Length: 3", 413);
    prepared("TraceEnable extended\nProxyPass / http://b/", "TRACE /x HTTP/1.1\nHost: h\nContent-Length: 3", 0);
}

static void the_worker_is_the_longest_name(void **state)
{
    static const char conf[] =
        "ProxyPass /a/b http://b/one/two timeout=2\nProxyPass /a http://b/one timeout=1\nProxyPass /u http://u:p@b/";
    (void)state;
    assert_string_equal(prepared(conf, GET("/a/x"), 0)->proxy->worker->name, "http://b/one");
    assert_string_equal(prepared(conf, GET("/a/two"), 0)->proxy->worker->name, "http://b/one/two");
    assert_null(prepared(conf, GET("/u/x"), 0)->proxy->worker); /* the user's name is not in the final URL */
}

static void a_disabled_worker_is_503(void **state)
{
    (void)state;
    prepared("ProxyPass / http://b/ status=D", GET("/x"), 503);
}

static void a_socket_comes_with_its_worker(void **state)
{
    (void)state;
    struct request *r = prepared("ProxyPass / unix:/run/s|http://b:81/", GET("/x"), 0);
    assert_string_equal(r->proxy->unix_path, "/run/s");
    assert_string_equal(r->proxy->host, "b");
    assert_int_equal(r->proxy->port, 81);
}

#define UPGRADE(value) GET("/x") "\nConnection: Upgrade\nUpgrade: " value

static void upgrades_are_asked_for_as_the_worker_allows(void **state)
{
    static const struct {
        const char *target, *head, *protocol;
    } rows[] = {
        { "ws://b/", UPGRADE("WebSocket"), "WebSocket" },
        { "ws://b/", UPGRADE("websocket"), "websocket" },
        { "ws://b/", UPGRADE("h2c, websocket"), NULL },
        { "ws://b/", GET("/x"), NULL },
        { "http://b/", UPGRADE("websocket"), NULL },
        { "http://b/ upgrade=websocket", UPGRADE("WebSocket"), "WebSocket" },
        { "http://b/ upgrade=ANY", UPGRADE("irc"), "irc" },
        { "http://b/ upgrade=NONE", UPGRADE("websocket"), NULL },
        { "http://b/ upgrade=foo,bar", UPGRADE("bar"), "bar" },
        { "http://b/ upgrade=foo,bar", UPGRADE("foo, bar"), "foo, bar" },
        { "http://b/ upgrade=foo,bar", UPGRADE("x, bar"), NULL },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct request *r = prepared(arena_concat(bench_arena, "ProxyPass / ", rows[i].target, NULL), rows[i].head, 0);
        assert_int_equal(r->proxy->upgrade, rows[i].protocol != NULL);
        if (rows[i].protocol)
            assert_string_equal(r->proxy->upgrade_protocol, rows[i].protocol);
        assert_int_equal(proxy_may_reuse(r), rows[i].protocol == NULL);
    }
}

static void without_the_fallback_ws_lines_take_handshakes_only(void **state)
{
    static const char conf[] = "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://b/\nProxyPass / http://c/";
    (void)state;
    assert_string_equal(prepared(conf, GET("/x"), 0)->proxy->url, "http://c/x");
    struct request *r = prepared(conf, UPGRADE("websocket"), 0);
    assert_string_equal(r->proxy->url, "ws://b/x");
    assert_true(r->proxy->tunnel_only && r->proxy->upgrade);
    assert_string_equal(r->proxy->upgrade_protocol, "WebSocket");
    r = prepared(conf, UPGRADE("h2c"), 426);
    assert_true(span_ieq_str(http_fields_get(&r->err_out, "Upgrade"), "WebSocket"));
    assert_true(span_ieq_str(http_fields_get(&r->err_out, "Connection"), "Upgrade"));
}

static void times_come_from_worker_then_proxytimeout_then_timeout(void **state)
{
    static const struct {
        const char *conf;
        unsigned answer, connect, idle;
    } rows[] = {
        { "Timeout 20\nProxyPass / http://b/", 20000, 20000, 20000 },
        { "Timeout 20\nProxyTimeout 5\nProxyPass / http://b/", 5000, 5000, 20000 },
        { "Timeout 20\nProxyPass / http://b/\nProxyTimeout 50", 50000, 50000, 50000 },
        { "Timeout 20\nProxyTimeout 5\nProxyPass / http://b/ timeout=7 connectiontimeout=300ms", 7000, 300, 20000 },
        { "Timeout 20\nProxyPass / http://b/ timeout=86400", 86400000, 86400000, 86400000 },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        const struct proxy_target *t = prepared(rows[i].conf, GET("/x"), 0)->proxy;
        assert_int_equal(t->timeout_ms, rows[i].answer);
        assert_int_equal(t->connect_timeout_ms, rows[i].connect);
        assert_int_equal(t->tunnel_idle_ms, rows[i].idle);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prefixes_match_whole_segments_and_are_joined_literally),
        TEST(the_first_line_wins_and_exclusions_count_in_order),
        TEST(a_location_goes_before_every_line_of_the_server),
        TEST(patterns_substitute_or_append),
        TEST(paths_are_encoded_again),
        TEST(nocanon_sends_what_came_while_that_is_safe),
        TEST(a_blank_that_was_missed_is_403),
        TEST(a_path_that_ran_into_the_host_cannot_break_a_head),
        TEST(no_proxy_in_the_environment_turns_it_off),
        TEST(variables_need_both_the_word_and_the_switch),
        TEST(other_schemes_load_and_answer_500),
        TEST(max_forwards_is_counted),
        TEST(trace_is_forwarded_unless_forbidden),
        TEST(the_worker_is_the_longest_name),
        TEST(a_disabled_worker_is_503),
        TEST(a_socket_comes_with_its_worker),
        TEST(upgrades_are_asked_for_as_the_worker_allows),
        TEST(without_the_fallback_ws_lines_take_handshakes_only),
        TEST(times_come_from_worker_then_proxytimeout_then_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
