/* ProxyPassReverse and the cookie maps. */
#include "mods_proxy.h"
#include "proxying.h"

static const char *mapped(const char *conf, const char *name, const char *value)
{
    struct snapshot *s = bench_must_load(arena_concat(bench_arena, "ProxyPass / http://b/\n", conf, NULL));
    struct request *r = bench_request(s, "GET /x HTTP/1.1\nHost: www.example.com");
    struct http_response_head h = { .version = 11, .status = 302 };

    request_set_env(r, "B", "http://b/env/");
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 0);
    http_fields_add(bench_arena, &h.fields, span_of(name), span_of(value));
    assert_int_equal(proxy_take_head(r, &h), 0);
    struct span out = http_fields_get(&r->out, name);
    return out.p ? arena_span(bench_arena, out) : NULL;
}

static void locations_are_the_clients(void **state)
{
    static const struct {
        const char *conf, *value, *expected;
    } rows[] = {
        { "ProxyPassReverse / http://b/", "http://b/login?x", "http://www.example.com/login?x" },
        { "ProxyPassReverse /app http://b", "http://b/login", "http://www.example.com/app/login" },
        { "ProxyPassReverse / http://B", "HTTP://b/login", "http://www.example.com//login" }, /* as in httpd */
        { "ProxyPassReverse / http://b/", "http://other/", "http://other/" },
        { "ProxyPassReverse / http://b/", "/login", "/login" },
        { "ProxyPassReverse /app/ /", "/login", "http://www.example.com/app/login" },
        { "ProxyPassReverse /app/ /in/", "http://any:99/in/x", "http://www.example.com/app/x" },
        { "ProxyPassReverse / ws://b/\nProxyPassReverse / http://b/", "http://b/x", "http://www.example.com/x" },
        { "ProxyPassReverse /one/ http://b/\nProxyPassReverse /two/ http://b/", "http://b/x",
          "http://www.example.com/one/x" },
        { "ProxyPassReverse http://cdn.example/ http://b/", "http://b/x", "http://cdn.example/x" },
        { "<Location /x>\nProxyPassReverse http://b/in\n</Location>", "http://b/in/y", "http://www.example.com/x/y" },
        { "<Location /y>\nProxyPassReverse http://b/in\n</Location>", "http://b/in/y", "http://b/in/y" },
        { "ProxyPassReverse / balancer://pool/", "http://b/x", "http://b/x" },
        { "ProxyPassReverse /v/ ${B} interpolate", "http://b/env/x", "http://b/env/x" },
        { "ProxyPassInterpolateEnv On\nProxyPassReverse /v/ ${B} interpolate", "http://b/env/x",
          "http://www.example.com/v/x" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(mapped(rows[i].conf, "Location", rows[i].value), rows[i].expected);
}

static void other_fields_with_urls_are_mapped_too(void **state)
{
    static const char *const names[] = { "content-location", "URI", "Destination" };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(mapped("ProxyPassReverse / http://b/", names[i], "http://b/x"), "http://www.example.com/x");
    assert_string_equal(mapped("ProxyPassReverse / http://b/", "Link", "http://b/x"), "http://b/x");
}

static void cookies_get_new_paths_and_domains(void **state)
{
    static const char conf[] =
        "ProxyPassReverseCookiePath /app /pub\nProxyPassReverseCookiePath / /all/\n"
        "ProxyPassReverseCookieDomain 127.0.0.1 chat.example\nProxyPassReverseCookieDomain B.internal example.com\n";
    static const struct {
        const char *value, *expected;
    } rows[] = {
        { "a=1", "a=1" },
        { "a=1; Path=/app", "a=1; Path=/pub" },
        { "a=1; path=/app/deep; Secure", "a=1; path=/pub; Secure" }, /* the whole value gives way, as in httpd */
        { "a=1; Path=/x", "a=1; Path=/all/" },
        { "a=1; Domain=b.INTERNAL; Path=/app; HttpOnly", "a=1; Domain=example.com; Path=/pub; HttpOnly" },
        { "a=1;Path=/app;Domain=127.0.0.1", "a=1;Path=/pub;Domain=chat.example" },
        { "a=1; Domain=other; Path=none", "a=1; Domain=other; Path=none" },
        { "path=/app; x=1", "path=/pub; x=1" },
        { "a=1; Path=", "a=1; Path=" },
        { "a=/app;;; Path=/app;", "a=/app;;; Path=/pub;" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(mapped(conf, "Set-Cookie", rows[i].value), rows[i].expected);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(locations_are_the_clients),
        TEST(other_fields_with_urls_are_mapped_too),
        TEST(cookies_get_new_paths_and_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
