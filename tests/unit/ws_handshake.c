/* The handshake's gates: RFC 6455 4.1 and 4.2, as the proxy holds both sides against them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct http_request_head request(struct arena *a, const char *text)
{
    struct http_limits limits = { 8190, 100, 8190, false, true, true };
    struct http_request_head h = { 0 };
    struct http_scan scan = { 0 };
    struct http_fault fault = { 0 };
    size_t used;
    assert_int_equal(http_parse_request(a, span_of(text), &limits, &scan, &h, &used, &fault), HTTP_DONE);
    return h;
}

#define HEAD(method, version, fields) method " /chat HTTP/" version "\r\nHost: h\r\n" fields "\r\n"
#define GOOD                                                                                                           \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: " KEY                                 \
    "\r\nSec-WebSocket-Version: 13\r\n"

static void test_requests(void **state)
{
    static const struct {
        const char *text;
        enum ws_fault expected;
    } table[] = {
        { HEAD("GET", "1.1", GOOD), WS_OK },
        { HEAD("GET", "1.1",
               "UPGRADE: WebSocket\r\nconnection: upgrade\r\nSec-WebSocket-Key: " KEY
               "\r\nSec-WebSocket-Version: 13\r\n"),
          WS_OK },
        { HEAD("POST", "1.1", GOOD), WS_NOT_GET },
        { HEAD("GET", "1.0", GOOD), WS_OLD_HTTP },
        { HEAD("GET", "1.1", GOOD "Content-Length: 3\r\n"), WS_HAS_BODY },
        { HEAD("GET", "1.1", GOOD "Content-Length: 0\r\n"), WS_OK },
        { HEAD("GET", "1.1", GOOD "Transfer-Encoding: chunked\r\n"), WS_HAS_BODY },
        { HEAD("GET", "1.1", "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"),
          WS_NO_UPGRADE },
        { HEAD("GET", "1.1", "Upgrade: h2c\r\nConnection: Upgrade\r\n"), WS_NO_UPGRADE },
        { HEAD("GET", "1.1", "Upgrade: websocket\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"),
          WS_NO_CONNECTION },
        { HEAD("GET", "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"),
          WS_BAD_KEY },
        { HEAD("GET", "1.1", GOOD "Sec-WebSocket-Key: " KEY "\r\n"), WS_BAD_KEY },
        { HEAD("GET", "1.1",
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: c2hvcnQ=\r\nSec-WebSocket-Version: "
               "13\r\n"),
          WS_BAD_KEY },
        { HEAD("GET", "1.1",
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
               "dGhlIHNhbXBsZSBub25jZR==\r\nSec-WebSocket-Version: 13\r\n"),
          WS_BAD_KEY },
        { HEAD("GET", "1.1",
               "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY
               "\r\nSec-WebSocket-Version: 8\r\n"),
          WS_BAD_VERSION },
        { HEAD("GET", "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"),
          WS_BAD_VERSION },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct arena *a = arena_new();
        struct http_request_head h = request(a, table[i].text);
        if (ws_check_request(&h) != table[i].expected)
            fail_msg("%s: %s, expected %s", table[i].text, ws_fault_text(ws_check_request(&h)),
                     ws_fault_text(table[i].expected));
        arena_free(a);
    }
}

static enum ws_fault judge(const char *fields, const char *upgrade, const char *key)
{
    struct arena *a = arena_new();
    char text[512] = "HTTP/1.1 101 Switching Protocols\r\n";
    struct http_response_head h = { 0 };
    struct http_scan scan = { 0 };
    struct http_fault fault = { 0 };
    enum ws_fault result;
    size_t used;

    strcat(strcat(text, fields), "\r\n");
    assert_int_equal(http_parse_response(a, span_of(text), 8192, &scan, &h, &used, &fault), HTTP_DONE);
    result = ws_check_response(&h, span_of(upgrade), key ? span_of(key) : (struct span){ 0 });
    arena_free(a);
    return result;
}

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(judge("Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT, "websocket", KEY), WS_OK);
    assert_int_equal(judge("Upgrade: WebSocket\r\nConnection: upgrade\r\n" ACCEPT, "websocket", KEY), WS_OK);
    assert_int_equal(judge("Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT, "h2c, websocket", KEY), WS_OK);
    assert_int_equal(judge("Connection: Upgrade\r\n" ACCEPT, "websocket", KEY), WS_WRONG_UPGRADE);
    assert_int_equal(judge("Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT, "websocket", KEY), WS_WRONG_UPGRADE);
    assert_int_equal(judge("Upgrade: websocket\r\n" ACCEPT, "websocket", KEY), WS_NO_CONNECTION_BACK);
    assert_int_equal(judge("Upgrade: websocket\r\nConnection: Upgrade\r\n", "websocket", KEY), WS_WRONG_ACCEPT);
    assert_int_equal(
        judge("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n", "websocket", KEY),
        WS_WRONG_ACCEPT);
    assert_int_equal(judge("Upgrade: websocket\r\nConnection: Upgrade\r\n" ACCEPT ACCEPT, "websocket", KEY),
                     WS_WRONG_ACCEPT);
    assert_int_equal(
        judge("Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n" ACCEPT, "websocket", KEY),
        WS_BODY_IN_101);
}

static void test_other_protocols_carry_no_proof(void **state)
{
    (void)state;
    assert_int_equal(judge("Upgrade: tcp\r\nConnection: Upgrade\r\n", "tcp", NULL), WS_OK);
    assert_int_equal(judge("Upgrade: udp\r\nConnection: Upgrade\r\n", "tcp", NULL), WS_WRONG_UPGRADE);
}

static void test_accept_of_the_rfc(void **state)
{
    char out[WS_ACCEPT_SIZE];
    (void)state;
    ws_accept(SPAN(KEY), out);
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_other_protocols_carry_no_proof),
        cmocka_unit_test(test_accept_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
