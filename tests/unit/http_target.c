/* Targets, hosts and URLs: where a request says it goes, and which spellings Apache refuses. */
#include "http.h"
#include <setjmp.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_span(struct span s, const char *expected)
{
    if (!expected) {
        assert_null(s.p);
        return;
    }
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void targets_come_apart(void **state)
{
    static const struct {
        const char *method, *target;
        int form;
        const char *scheme, *host, *port, *path, *query;
    } targets[] = {
        { "GET", "/a/b?c?d", HTTP_ORIGIN_FORM, NULL, NULL, NULL, "/a/b", "c?d" },
        { "GET", "/a?", HTTP_ORIGIN_FORM, NULL, NULL, NULL, "/a", "" },
        { "GET", "///a//b", HTTP_ORIGIN_FORM, NULL, NULL, NULL, "/a//b", NULL },
        { "GET", "?x", HTTP_ORIGIN_FORM, NULL, NULL, NULL, "/", "x" },
        { "GET", "/a:b@c", HTTP_ORIGIN_FORM, NULL, NULL, NULL, "/a:b@c", NULL },
        { "GET", "http://a.test:81/x?y", HTTP_ABSOLUTE_FORM, "http", "a.test", "81", "/x", "y" },
        { "GET", "HTTPS://[::1]:8/x", HTTP_ABSOLUTE_FORM, "HTTPS", "[::1]", "8", "/x", NULL },
        { "GET", "http://a.test", HTTP_ABSOLUTE_FORM, "http", "a.test", NULL, "/", NULL },
        { "GET", "http://a.test?q", HTTP_ABSOLUTE_FORM, "http", "a.test", NULL, "/", "q" },
        { "GET", "http://a:/x", HTTP_ABSOLUTE_FORM, "http", "a", "", "/x", NULL },
        { "OPTIONS", "http://a.test", HTTP_ABSOLUTE_FORM, "http", "a.test", NULL, "*", NULL },
        { "OPTIONS", "*", HTTP_ASTERISK_FORM, NULL, NULL, NULL, "*", NULL },
        { "CONNECT", "a:80", HTTP_AUTHORITY_FORM, NULL, "a", "80", NULL, NULL },
        { "CONNECT", "[::1]:80", HTTP_AUTHORITY_FORM, NULL, "[::1]", "80", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct http_target t;

        assert_true(http_parse_target(span_of(targets[i].method), span_of(targets[i].target), &t));
        assert_int_equal(t.form, targets[i].form);
        assert_span(t.scheme, targets[i].scheme);
        assert_span(t.host, targets[i].host);
        assert_span(t.port, targets[i].port);
        assert_span(t.path, targets[i].path);
        assert_span(t.query, targets[i].query);
    }
}

static void bad_targets_are_refused(void **state)
{
    static const struct {
        const char *method, *target;
    } targets[] = {
        { "GET", "" },
        { "GET", "*" },
        { "GET", "foo" },
        { "GET", "a:80" },
        { "GET", "http:x" },
        { "GET", "http:///x" },
        { "GET", "http://" },
        { "GET", "http://:80/x" },
        { "GET", "ws://a/x" },
        { "GET", "1http://a/" },
        { "GET", "http//a" },
        { "GET", "http://a:b/x" },
        { "GET", "http://[::1/x" },
        { "GET", "http://[::1]x/y" },
        { "GET", "/a b" },
        { "GET", "/a\x7f" },
        { "GET", "?a:b" },
        { "CONNECT", "a" },
        { "CONNECT", "a:" },
        { "CONNECT", "/" },
        { "CONNECT", "a:80/x" },
        { "CONNECT", "http://a:80/" },
        { "CONNECT", ":80" },
        { "CONNECT", "u@a:80" },
    };
    struct http_target t;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++)
        assert_false(http_parse_target(span_of(targets[i].method), span_of(targets[i].target), &t));
}

static void what_a_strict_line_refuses_is_seen(void **state)
{
    struct http_target t;

    (void)state;
    assert_true(http_parse_target(SPAN("GET"), SPAN("/a?b#c"), &t));
    assert_span(t.query, "b");
    assert_span(t.fragment, "c");
    assert_true(http_parse_target(SPAN("GET"), SPAN("http://u:p@a/x"), &t));
    assert_span(t.user, "u:p");
    assert_span(t.host, "a");
}

static void hosts_are_checked_as_apache_does(void **state)
{
    static const struct {
        const char *text, *host; /* NULL: refused when strict */
        int port;
        const char *lax; /* NULL: refused at all */
    } hosts[] = {
        { "A.Test.", "a.test", 0, "a.test" },
        { "a:80", "a", 80, "a" },
        { "a.test:00000000080", "a.test", 80, "a.test" },
        { "a_b", "a_b", 0, "a_b" },
        { "1a", "1a", 0, "1a" },
        { "1.2.3.4", "1.2.3.4", 0, "1.2.3.4" },
        { "1.2.3.400", "1.2.3.400", 0, "1.2.3.400" },
        { "[::1]", "::1", 0, "::1" },
        { "[::FFFF:1.2.3.4]:99", "::ffff:1.2.3.4", 99, "::ffff:1.2.3.4" },
        { "", "", 0, "" },
        { "80", NULL, 0, "80" },
        { "a:", NULL, 0, "a:" },
        { "a:80x", NULL, 0, "a:80x" },
        { "::1", NULL, 1, ":" },
        { "1.2.3", NULL, 0, "1.2.3" },
        { "01.2.3.4", NULL, 0, "01.2.3.4" },
        { "1.2.3.04", NULL, 0, "1.2.3.04" },
        { "a.1", NULL, 0, "a.1" },
        { ".", NULL, 0, NULL }, /* unsafe httpd takes it for an empty name */
        { "a b", NULL, 0, "a b" },
        { "a,b", NULL, 0, "a,b" },
        { "a@b", NULL, 0, "a@b" },
        { "\xe4.test", NULL, 0, "\xe4.test" },
        { "a..b", NULL, 0, NULL },
        { "a.b..", NULL, 0, NULL },
        { "a/b", NULL, 0, NULL },
        { "a\\b", NULL, 0, NULL },
        { "a:0", NULL, 0, NULL },
        { "a:65536", NULL, 0, NULL },
        { "a:99999999999999999999", NULL, 0, NULL },
        { ":80", NULL, 0, NULL },
        { "[::1", NULL, 0, NULL },
        { "[::1]x", NULL, 0, NULL },
        { "[fe80::1%eth0]", NULL, 0, NULL },
        { "[v1.x]", NULL, 0, NULL },
        { "[]", NULL, 0, NULL },
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        char *host;
        int port;
        bool good = http_parse_host(a, span_of(hosts[i].text), true, &host, &port);

        assert_int_equal(good, hosts[i].host != NULL);
        if (good) {
            assert_string_equal(host, hosts[i].host);
            assert_int_equal(port, hosts[i].port);
        }
        good = http_parse_host(a, span_of(hosts[i].text), false, &host, &port);
        assert_int_equal(good, hosts[i].lax != NULL);
        if (good)
            assert_string_equal(host, hosts[i].lax);
    }
    assert_false(http_parse_host(a, (struct span){ "a\0b", 3 }, false, &(char *){ NULL }, &(int){ 0 }));
    arena_free(a);
}

static void a_request_names_its_host_once(void **state)
{
    static const struct {
        int version;
        const char *target, *field, *again, *name; /* name NULL: none */
        int ah;                                    /* 0: good */
    } requests[] = {
        { 11, "/", "A.test:81", NULL, "a.test", 0 },
        { 11, "/", NULL, NULL, NULL, 569 },
        { 11, "/", "", NULL, NULL, 569 },
        { 10, "/", NULL, NULL, NULL, 0 },
        { 12, "/", NULL, NULL, NULL, 569 },
        { 11, "/", "a.test", "b.test", NULL, 550 },
        { 11, "/", "a.test", "a.test", NULL, 550 },
        { 11, "/", "a..b", NULL, NULL, 550 },
        { 11, "http://b.test:9/x", "a.test", NULL, "b.test", 0 },
        { 11, "http://b.test/x", NULL, NULL, NULL, 569 },
        { 12, "http://b.test/x", NULL, NULL, "b.test", 0 },
        { 11, "https://b.test/x", "a.test", NULL, "a.test", 0 },
        { 11, "http://a,b/x", "a.test", NULL, NULL, 550 },
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct http_request_head h = { .version = requests[i].version,
                                       .method = SPAN("GET"),
                                       .target = span_of(requests[i].target) };
        struct http_host host = { .scheme = "http", .strict = true };
        struct http_fault fault = { 0 };
        bool good;

        if (requests[i].field)
            http_fields_add(a, &h.fields, SPAN("host"), span_of(requests[i].field));
        if (requests[i].again)
            http_fields_add(a, &h.fields, SPAN("Host"), span_of(requests[i].again));
        assert_true(http_parse_target(h.method, h.target, &h.parts));
        good = http_request_host(a, &h, &host, &fault);
        assert_int_equal(good, requests[i].ah == 0);
        assert_int_equal(fault.ah, requests[i].ah);
        if (good && requests[i].name)
            assert_string_equal(host.name, requests[i].name);
        else if (good)
            assert_null(host.name);
    }
    arena_free(a);
}

static void urls_come_apart(void **state)
{
    static const struct {
        const char *url, *scheme, *user, *host, *path, *query;
        int port;
    } urls[] = {
        { "ws://localhost:3000/a?b", "ws", NULL, "localhost", "/a", "b", 3000 },
        { "http://h", "http", NULL, "h", "", NULL, 0 },
        { "http://h?q", "http", NULL, "h", "", "q", 0 },
        { "https://u:p@h/x y", "https", "u:p", "h", "/x y", NULL, 0 },
        { "http://[::1]:80/", "http", NULL, "::1", "/", NULL, 80 },
        { "balancer://mycluster/", "balancer", NULL, "mycluster", "/", NULL, 0 },
        { "http://u@v@h/", "http", "u@v", "h", "/", NULL, 0 },
    };
    static const char *const bad[] = { "",
                                       "http",
                                       "http:/h/",
                                       "://h/",
                                       "http://",
                                       "http:///x",
                                       "http://h:/",
                                       "http://h:0/",
                                       "http://h:65536/",
                                       "http://h:3000a/",
                                       "http://h x/",
                                       "http://[::1/",
                                       "http://[::1]x/",
                                       "1http://h/",
                                       "/path" };
    struct http_url u;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_true(http_parse_url(span_of(urls[i].url), &u));
        assert_span(u.scheme, urls[i].scheme);
        assert_span(u.user, urls[i].user);
        assert_span(u.host, urls[i].host);
        assert_span(u.path, urls[i].path);
        assert_span(u.query, urls[i].query);
        assert_int_equal(u.port, urls[i].port);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(http_parse_url(span_of(bad[i]), &u));
    assert_int_equal(http_default_port(SPAN("WSS")), 443);
    assert_int_equal(http_default_port(SPAN("ws")), 80);
    assert_int_equal(http_default_port(SPAN("balancer")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_apart),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(what_a_strict_line_refuses_is_seen),
        cmocka_unit_test(hosts_are_checked_as_apache_does),
        cmocka_unit_test(a_request_names_its_host_once),
        cmocka_unit_test(urls_come_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
