/* The head for the backend byte by byte, and what is kept of its answer. */
#include "mods_proxy.h"
#include "proxying.h"

#define GET(path) "GET " path " HTTP/1.1\nHost: www.example.com:8080"

static struct request *prepared(const char *conf, const char *head)
{
    struct request *r = bench_request(bench_must_load(conf), head);
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 0);
    return r;
}

/* The head without CRs, its last empty line left out. */
static const char *head_of(struct request *r, const struct http_body *body, bool reuse)
{
    struct buf out = { 0 };
    assert_int_equal(proxy_build_head(r, body, reuse, &out), 0);
    char *text = arena_strndup(bench_arena, buf_head(&out), buf_len(&out)), *to = text;
    buf_release(&out);
    for (const char *from = text; *from; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = '\0';
    assert_true(to - text > 2 && strcmp(to - 2, "\n\n") == 0);
    to[-2] = '\0';
    return text;
}

static const struct http_body nothing = { .framing = HTTP_NO_BODY };

static void sent(const char *conf, const char *head, const char *expected)
{
    assert_string_equal(head_of(prepared(conf, head), &nothing, true), expected);
}

#define OURS "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Host: www.example.com:8080\nX-Forwarded-Server: main.example\n"
#define PASS "ProxyPass / http://b:81/\n"

static void host_comes_first_and_the_rest_in_order(void **state)
{
    (void)state;
    sent(PASS, GET("/x?q=1") "\nX-b: 1\nuser-AGENT:  me \nCookie: a\nCookie: b",
         "GET /x?q=1 HTTP/1.1\nHost: b:81\nX-b: 1\nuser-AGENT: me\nCookie: a\nCookie: b\n" OURS
         "Connection: Keep-Alive");
}

static void the_backends_port_is_written_when_it_is_not_80(void **state)
{
    (void)state;
    sent("ProxyAddHeaders Off\nProxyPass / http://b:80/", GET("/"), "GET / HTTP/1.1\nHost: b\nConnection: Keep-Alive");
    sent("ProxyAddHeaders Off\nProxyPass / http://[::1]:81/", GET("/"),
         "GET / HTTP/1.1\nHost: [::1]:81\nConnection: Keep-Alive");
}

static void the_clients_host_is_preserved_when_asked(void **state)
{
    (void)state;
    sent("ProxyPreserveHost On\nProxyAddHeaders Off\n" PASS, GET("/"),
         "GET / HTTP/1.1\nHost: www.example.com:8080\nConnection: Keep-Alive");
    sent("ProxyPreserveHost On\nProxyAddHeaders Off\n" PASS, "GET / HTTP/1.0",
         "GET / HTTP/1.1\nHost: main.example\nConnection: Keep-Alive");
}

static void hop_by_hop_fields_go_before_ours_are_added(void **state)
{
    (void)state;
    sent("ProxyPreserveHost On\n" PASS,
         GET("/") "\nConnection: Host, X-Forwarded-For;x-one x-two , close\nX-Forwarded-For: 9.9.9.9\nX-One: 1\nX-Two: "
                  "2\nX-Three: 3\n"
                  "Keep-Alive: 5\nTE: trailers\nTrailer: x\nUpgrade: h2c\nProxy-Connection: close",
         "GET / HTTP/1.1\nHost: www.example.com:8080\nX-Three: 3\n" OURS "Connection: Keep-Alive");
    sent("ProxyAddHeaders Off\n" PASS, GET("/") "\nConnection: \"x, a\nX: 1\nA: 2",
         "GET / HTTP/1.1\nHost: b:81\nX: 1\nA: 2\nConnection: Keep-Alive");
    sent("ProxyAddHeaders Off\n" PASS, GET("/") "\nConnection: connection, connection\nConnection: a\nA: 2",
         "GET / HTTP/1.1\nHost: b:81\nConnection: Keep-Alive");
}

static void ours_stands_behind_everything_the_client_claims(void **state)
{
    (void)state;
    sent(PASS, GET("/") "\nX-Forwarded-For: 1.1.1.1\nB: 2\nX-Forwarded-For: 2.2.2.2\nX-Forwarded-Server: x",
         "GET / HTTP/1.1\nHost: b:81\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1\nB: 2\nX-Forwarded-Server: x, "
         "main.example\n"
         "X-Forwarded-Host: www.example.com:8080\nConnection: Keep-Alive");
}

static void via_is_added_merged_or_blocked(void **state)
{
    (void)state;
    sent("ProxyAddHeaders Off\nProxyVia On\n" PASS, GET("/") "\nVia: 1.0 a",
         "GET / HTTP/1.1\nHost: b:81\nVia: 1.0 a, 1.1 main.example:8080\nConnection: Keep-Alive");
    sent("ProxyAddHeaders Off\nProxyVia Full\n" PASS, "GET / HTTP/1.0\nHost: h",
         "GET / HTTP/1.1\nHost: b:81\nVia: 1.0 main.example (Weir/" WEIR_VERSION ")\nConnection: Keep-Alive");
    sent("ProxyAddHeaders Off\nProxyVia Block\n" PASS, GET("/") "\nVia: 1.0 a",
         "GET / HTTP/1.1\nHost: b:81\nConnection: Keep-Alive");
    sent("ProxyAddHeaders Off\n" PASS, GET("/") "\nVia: 1.0 a",
         "GET / HTTP/1.1\nHost: b:81\nVia: 1.0 a\nConnection: Keep-Alive");
}

static void the_body_is_framed_anew(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\nX: 1";
    static const char counted[] = "POST / HTTP/1.1\nHost: h\nContent-Length: 3\nX: 1";
    const struct http_body three = { .framing = HTTP_LENGTH, .left = 3 }, none = { .framing = HTTP_LENGTH };
    const struct http_body chunks = { .framing = HTTP_CHUNKED };
    const char *conf = "ProxyAddHeaders Off\n" PASS;
    assert_string_equal(head_of(prepared(conf, head), &chunks, true),
                        "POST / HTTP/1.1\nHost: b:81\nX: 1\nTransfer-Encoding: chunked\nConnection: Keep-Alive");
    assert_string_equal(head_of(prepared(conf, head), &three, true),
                        "POST / HTTP/1.1\nHost: b:81\nX: 1\nContent-Length: 3\nConnection: Keep-Alive");
    assert_string_equal(head_of(prepared(conf, counted), &none, false),
                        "POST / HTTP/1.1\nHost: b:81\nX: 1\nContent-Length: 0\nConnection: close");
    struct request *r = prepared(conf, "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: gzip, chunked");
    struct buf out = { 0 };
    assert_int_equal(proxy_build_head(r, &chunks, true, &out), 500);
    assert_int_equal(buf_len(&out), 0);
}

static void some_backends_are_to_get_a_length(void **state)
{
    (void)state;
    struct request *r = prepared(PASS, "POST / HTTP/1.1\nHost: h");
    assert_false(proxy_wants_length(r));
    request_set_env(r, "proxy-sendcl", "1");
    assert_true(proxy_wants_length(r));
    request_set_env(r, "proxy-sendchunked", "1");
    assert_false(proxy_wants_length(r));
    request_set_env(r, "force-proxy-request-1.0", "1");
    assert_true(proxy_wants_length(r));
}

static void an_upgrade_is_asked_for_in_apaches_words(void **state)
{
    (void)state;
    sent("ProxyAddHeaders Off\nProxyPass / ws://b/",
         GET("/") "\nConnection: keep-alive, Upgrade\nUpgrade: webSocket\nSec-WebSocket-Key: x",
         "GET / HTTP/1.1\nHost: b\nSec-WebSocket-Key: x\nConnection: Upgrade\nUpgrade: webSocket");
    sent("ProxyAddHeaders Off\nProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://b/",
         GET("/") "\nUpgrade: websocket", "GET / HTTP/1.1\nHost: b\nUpgrade: WebSocket\nConnection: Upgrade");
}

static void expect_is_passed_on_probed_or_kept_here(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\nHost: h\nContent-Length: 3\nExpect: 100-continue";
    static const char plain[] = "POST / HTTP/1.1\nHost: h\nContent-Length: 3";
    const struct http_body three = { .framing = HTTP_LENGTH, .left = 3 };
    struct request *r = prepared("ProxyAddHeaders Off\n" PASS, head);
    assert_string_equal(head_of(r, &three, true),
                        "POST / HTTP/1.1\nHost: b:81\nExpect: 100-continue\nContent-Length: 3\nConnection: Keep-Alive");
    assert_true(r->proxy->awaits_continue);
    r = prepared("ProxyAddHeaders Off\nProxy100Continue Off\n" PASS, head);
    assert_string_equal(head_of(r, &three, true),
                        "POST / HTTP/1.1\nHost: b:81\nContent-Length: 3\nConnection: Keep-Alive");
    assert_false(r->proxy->awaits_continue);
    r = prepared("ProxyAddHeaders Off\nProxyPass / http://b/ ping=1", plain);
    assert_string_equal(head_of(r, &three, true),
                        "POST / HTTP/1.1\nHost: b\nExpect: 100-Continue\nContent-Length: 3\nConnection: Keep-Alive");
    r = prepared("ProxyAddHeaders Off\nProxyPass / http://b/ ping=1", GET("/"));
    assert_string_equal(head_of(r, &nothing, true), "GET / HTTP/1.1\nHost: b\nConnection: Keep-Alive");
}

static void the_environment_has_its_say(void **state)
{
    (void)state;
    struct request *r = prepared("ProxyAddHeaders Off\n" PASS, GET("/"));
    request_set_env(r, "proxy-nokeepalive", "1");
    assert_string_equal(head_of(r, &nothing, true), "GET / HTTP/1.1\nHost: b:81\nConnection: close");
    request_set_env(r, "force-proxy-request-1.0", "1");
    assert_string_equal(head_of(r, &nothing, true), "GET / HTTP/1.0\nHost: b:81");
    r = prepared("ProxyAddHeaders Off\n" PASS, GET("/") "\nProxy-Authorization: x");
    assert_string_equal(head_of(r, &nothing, true),
                        "GET / HTTP/1.1\nHost: b:81\nProxy-Authorization: x\nConnection: Keep-Alive");
    r->user = "me";
    assert_string_equal(head_of(r, &nothing, true), "GET / HTTP/1.1\nHost: b:81\nConnection: Keep-Alive");
    request_set_env(r, "Proxy-Chain-Auth", "1");
    assert_string_equal(head_of(r, &nothing, true),
                        "GET / HTTP/1.1\nHost: b:81\nProxy-Authorization: x\nConnection: Keep-Alive");
}

/* ---- answers ------------------------------------------------------------------------------------ */

static const char *listed(const struct http_fields *fields)
{
    char *text = arena_strdup(bench_arena, "");
    HTTP_EACH_FIELD(f, fields)
    text = arena_concat(bench_arena, text, *text ? "\n" : "", arena_span(bench_arena, f->name), ": ",
                        arena_span(bench_arena, f->value), NULL);
    return text;
}

static int take(struct request *r, const char *head)
{
    struct http_response_head h = { 0 };
    struct http_scan scan = { 0 };
    struct http_fault fault = { 0 };
    struct buf bytes = { 0 };
    size_t used;

    for (; *head; head++)
        buf_add(&bytes, *head == '\n' ? "\r\n" : head, *head == '\n' ? 2 : 1);
    buf_adds(&bytes, "\r\n\r\n");
    assert_int_equal(http_parse_response(bench_arena, buf_span(&bytes), 8192, &scan, &h, &used, &fault), HTTP_DONE);
    buf_release(&bytes);
    return proxy_take_head(r, &h);
}

#define DATED "Date: Sun, 06 Nov 1994 08:49:37 GMT\nServer: b"

static void answered(const char *conf, const char *head, const char *expected)
{
    struct request *r = prepared(conf, GET("/"));
    assert_int_equal(take(r, head), 0);
    assert_string_equal(listed(&r->out), expected);
}

static void the_backends_fields_are_kept_as_they_are(void **state)
{
    (void)state;
    answered(PASS, "HTTP/1.1 200 OK\nX-a: 1\n" DATED "\nSet-Cookie: a\nset-cookie: b\nContent-Length: 3",
             "X-a: 1\n" DATED "\nSet-Cookie: a\nset-cookie: b\nContent-Length: 3");
}

static void hop_by_hop_answers_stay_here(void **state)
{
    (void)state;
    answered(PASS,
             "HTTP/1.1 200 OK\n" DATED
             "\nConnection: x-hop, close\nX-Hop: 1\nKeep-Alive: 5\nProxy-Authenticate: Basic\nTE: x\nTrailer: y\n"
             "Upgrade: h2c\nProxy-Connection: x\nTransfer-Encoding: chunked\nContent-Length: 3\nX-End: 1",
             DATED "\nX-End: 1");
}

static void date_and_server_are_added_when_missing(void **state)
{
    (void)state;
    struct request *r = prepared(PASS, GET("/"));
    assert_int_equal(take(r, "HTTP/1.1 204 No Content\nX: 1"), 0);
    assert_true(http_fields_get(&r->out, "Date").n == 29);
    assert_true(span_istarts(http_fields_get(&r->out, "Server"), SPAN("Weir")));
    assert_int_equal(take(r, "HTTP/1.1 103 Early Hints\nLink: x"), 0);
    assert_string_equal(listed(&r->out), "Link: x");
}

static void old_dates_are_renewed(void **state)
{
    (void)state;
    answered(PASS,
             "HTTP/1.1 200 OK\n" DATED "\nExpires: Sunday, 06-Nov-94 08:49:37 GMT\nLast-Modified: Sun Nov  6 08:49:37 "
             "1994\nX-Date: Sun Nov  6 08:49:37 1994",
             DATED "\nExpires: Sun, 06 Nov 1994 08:49:37 GMT\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nX-Date: "
                   "Sun Nov  6 08:49:37 1994");
    answered(PASS, "HTTP/1.1 200 OK\n" DATED "\nExpires: 0", DATED "\nExpires: 0");
}

static void via_is_a_line_of_its_own_in_answers(void **state)
{
    (void)state;
    answered("ProxyVia On\n" PASS, "HTTP/1.1 200 OK\n" DATED "\nVia: 1.1 x",
             DATED "\nVia: 1.1 x\nVia: 1.1 main.example:8080");
    answered("ProxyVia Block\n" PASS, "HTTP/1.1 200 OK\n" DATED "\nVia: 1.1 x", DATED "\nVia: 1.1 x");
}

static struct request *upgrading(void)
{
    return prepared("ProxyPass / ws://b/", "GET / HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket");
}

static void a_101_must_answer_what_was_asked(void **state)
{
    (void)state;
    struct request *r = upgrading();
    assert_int_equal(take(r, "HTTP/1.1 101 Switching\nConnection: upgrade\nUpgrade: WebSocket\nX: 1"), 0);
    assert_string_equal(listed(&r->out), "X: 1\nConnection: Upgrade\nUpgrade: WebSocket");
    r = upgrading();
    assert_int_equal(take(r, "HTTP/1.1 101 Switching\nUpgrade: h2c"), 502);
    assert_string_equal(r->error_text, "Unexpected Upgrade: h2c (expecting websocket)");
    r = upgrading();
    assert_int_equal(take(r, "HTTP/1.1 101 Switching\nX: 1"), 502);
    assert_string_equal(r->error_text, "Unexpected Upgrade: n/a (expecting websocket)");
    r = prepared(PASS, GET("/"));
    assert_int_equal(take(r, "HTTP/1.1 101 Switching\nUpgrade: websocket"), 502);
    assert_string_equal(r->error_text, "Unexpected Upgrade: websocket (expecting n/a)");
}

static void a_refusal_may_say_what_it_wants(void **state)
{
    (void)state;
    struct request *r = upgrading();
    assert_int_equal(take(r, "HTTP/1.1 426 Upgrade Required\n" DATED "\nUpgrade: websocket"), 0);
    assert_string_equal(listed(&r->out), DATED "\nConnection: Upgrade\nUpgrade: websocket");
}

static void error_override_chooses_by_code(void **state)
{
    (void)state;
    struct request *r = prepared(PASS, GET("/"));
    assert_false(proxy_overrides_error(r, 404));
    r = prepared("ProxyErrorOverride On\n" PASS, GET("/"));
    assert_true(proxy_overrides_error(r, 404) && proxy_overrides_error(r, 503));
    assert_false(proxy_overrides_error(r, 304));
    r = prepared("ProxyErrorOverride On 404 503\n" PASS, GET("/"));
    assert_true(proxy_overrides_error(r, 404) && proxy_overrides_error(r, 503));
    assert_false(proxy_overrides_error(r, 500));
    r = prepared("ProxyErrorOverride On 404\n" PASS "<Location />\nProxyErrorOverride On 410\n</Location>", GET("/"));
    assert_true(proxy_overrides_error(r, 404) && proxy_overrides_error(r, 410));
    r = prepared("ProxyErrorOverride On\n" PASS, GET("/"));
    assert_int_equal(take(r, "HTTP/1.1 401 No\nWWW-Authenticate: Basic realm=x"), 0);
    assert_string_equal(listed(&r->err_out), "WWW-Authenticate: Basic realm=x");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(host_comes_first_and_the_rest_in_order),
        TEST(the_backends_port_is_written_when_it_is_not_80),
        TEST(the_clients_host_is_preserved_when_asked),
        TEST(hop_by_hop_fields_go_before_ours_are_added),
        TEST(ours_stands_behind_everything_the_client_claims),
        TEST(via_is_added_merged_or_blocked),
        TEST(the_body_is_framed_anew),
        TEST(some_backends_are_to_get_a_length),
        TEST(an_upgrade_is_asked_for_in_apaches_words),
        TEST(expect_is_passed_on_probed_or_kept_here),
        TEST(the_environment_has_its_say),
        TEST(the_backends_fields_are_kept_as_they_are),
        TEST(hop_by_hop_answers_stay_here),
        TEST(date_and_server_are_added_when_missing),
        TEST(old_dates_are_renewed),
        TEST(via_is_a_line_of_its_own_in_answers),
        TEST(a_101_must_answer_what_was_asked),
        TEST(a_refusal_may_say_what_it_wants),
        TEST(error_override_chooses_by_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
