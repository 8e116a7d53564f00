/* What a client reads when Weir itself answers: pages, ErrorDocument in all its forms, TRACE. */
#include "mods_proxy.h"

struct answer {
    struct request *r;
    const char *path; /* an ErrorDocument to fetch */
    const char *body;
};

static struct answer answer_to(struct request *r, int status)
{
    struct buf body = { 0 };
    struct answer a = { r, pages_answer(r, status, &body), NULL };

    a.body = arena_span(bench_arena, buf_span(&body));
    buf_release(&body);
    return a;
}

static struct answer answer(const char *config, int status)
{
    struct request *r = bench_request(bench_must_load(config), "GET /room HTTP/1.1\nHost: front.example");

    r->hostname = "front.example";
    return answer_to(r, status);
}

static const char *field(const struct answer *a, const char *name)
{
    struct span value = http_fields_get(&a->r->out, name);
    return value.p ? arena_span(bench_arena, value) : NULL;
}

#define assert_in(text, part)                                                                                          \
    do {                                                                                                               \
        if (!strstr((text), (part)))                                                                                   \
            fail_msg("\"%s\" is not in: %s", (part), (text));                                                          \
    } while (0)
#define assert_not_in(text, part) assert_null(strstr((text), (part)))

static void a_page_has_status_and_reason(void **state)
{
    (void)state;
    struct answer a = answer("", 404);

    assert_null(a.path);
    assert_int_equal(a.r->status, 404);
    assert_string_equal(field(&a, "Content-Type"), "text/html; charset=iso-8859-1");
    assert_in(a.body, "<title>404 Not Found</title>");
    assert_in(a.body, "<h1>Not Found</h1>");
    assert_not_in(a.body, "<address>");
}

static void a_proxys_reason_is_shown_and_harmless(void **state)
{
    (void)state;
    struct request *r = bench_request(bench_must_load(""), "GET / HTTP/1.1\nHost: h");
    r->reason = "Proxy Error";
    r->error_text = "DNS lookup failure for: <script>";
    struct answer a = answer_to(r, 502);

    assert_in(a.body, "<title>502 Proxy Error</title>");
    assert_in(a.body, "Reason: <strong>DNS lookup failure for: &lt;script&gt;</strong>");
}

static void the_signature_is_httpds(void **state)
{
    (void)state;
    struct answer on = answer("ServerSignature On\n", 404),
                  mail = answer("ServerSignature EMail\nServerAdmin a@b\n", 404);

    assert_in(on.body, " Server at front.example Port 80</address>");
    assert_in(mail.body, " Server at <a href=\"mailto:a@b\">front.example</a> Port 80</address>");
}

static void a_hostile_host_stays_text(void **state)
{
    (void)state;
    struct request *r = bench_request(bench_must_load("ServerSignature On"), "GET / HTTP/1.1\nHost: h");
    r->hostname = "\"><script>";
    struct answer a = answer_to(r, 404);

    assert_not_in(a.body, "<script>");
}

static void text_takes_the_pages_place(void **state)
{
    (void)state;
    struct answer a = answer("ErrorDocument 503 \"Back at noon: %{REQUEST_URI}\"", 503);

    assert_string_equal(a.body, "Back at noon: /room");
    assert_int_equal(a.r->status, 503);
    assert_string_equal(field(&a, "Content-Type"), "text/html; charset=iso-8859-1");
}

static void a_path_is_fetched_and_a_url_is_a_redirect(void **state)
{
    (void)state;
    struct answer path = answer("ErrorDocument 404 /lost.html", 404);
    struct answer url = answer("ErrorDocument 404 https://help.example/lost", 404);

    assert_string_equal(path.path, "/lost.html");
    assert_null(url.path);
    assert_int_equal(url.r->status, 302);
    assert_string_equal(field(&url, "Location"), "https://help.example/lost");
    assert_in(url.body, "<title>302 Found</title>");
    assert_in(url.body, "<a href=\"https://help.example/lost\">");
}

static void the_innermost_document_counts_and_default_takes_it_back(void **state)
{
    (void)state;
    const char *config = "ErrorDocument 404 outer\nErrorDocument 500 kept\n"
                         "<Location /room>\nErrorDocument 404 default\nErrorDocument 403 \"no entry\"\n</Location>";

    assert_in(answer(config, 404).body, "<h1>Not Found</h1>");
    assert_string_equal(answer(config, 403).body, "no entry");
    assert_string_equal(answer(config, 500).body, "kept");
}

/* The document for a 403 is not there: the 403 is told, not followed again. */
static void a_document_that_fails_leads_back_to_the_first_error(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("ErrorDocument 403 /sorry.html\nErrorDocument 404 /sorry.html");
    struct request *first = bench_request(s, "GET /room HTTP/1.1\nHost: h");
    first->status = 403;
    struct request *second = bench_request(s, "GET /sorry.html HTTP/1.1\nHost: h");
    second->previous = first;
    struct answer a = answer_to(second, 404);

    assert_null(a.path);
    assert_int_equal(second->status, 403);
    assert_in(a.body, "<title>403 Forbidden</title>");
    assert_in(a.body, "404 Not Found");
}

static void refused_methods_are_told_which_are_allowed(void **state)
{
    (void)state;
    struct answer with = answer("", 405), without = answer("TraceEnable Off", 501);

    assert_string_equal(field(&with, "Allow"), "POST,OPTIONS,HEAD,GET,TRACE");
    assert_string_equal(field(&without, "Allow"), "POST,OPTIONS,HEAD,GET");
}

static void some_statuses_have_no_body(void **state)
{
    (void)state;
    struct answer a = answer("ErrorDocument 304 x", 304);

    assert_string_equal(a.body, "");
    assert_null(field(&a, "Content-Type"));
}

static void trace_gives_the_request_back(void **state)
{
    (void)state;
    struct request *r = bench_request(bench_must_load(""), "TRACE /x HTTP/1.1\nHost: h\nX-Way: there");
    struct buf body = { 0 };

    pages_trace(r, &body);
    assert_string_equal(arena_span(bench_arena, buf_span(&body)),
                        "TRACE /x HTTP/1.1\r\nHost: h\r\nX-Way: there\r\n\r\n");
    assert_true(span_eq(http_fields_get(&r->out, "Content-Type"), SPAN("message/http")));
    buf_release(&body);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_has_status_and_reason),
        TEST(a_proxys_reason_is_shown_and_harmless),
        TEST(the_signature_is_httpds),
        TEST(a_hostile_host_stays_text),
        TEST(text_takes_the_pages_place),
        TEST(a_path_is_fetched_and_a_url_is_a_redirect),
        TEST(the_innermost_document_counts_and_default_takes_it_back),
        TEST(a_document_that_fails_leads_back_to_the_first_error),
        TEST(refused_methods_are_told_which_are_allowed),
        TEST(some_statuses_have_no_body),
        TEST(trace_gives_the_request_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
