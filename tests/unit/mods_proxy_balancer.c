/* Balancers as they are read: members, parameters, what a virtual host inherits, shared counters, sessions, URLs of
 * members. */
#include "mods_proxy.h"

#include "proxy.h"

static const struct proxy_balancer *balancer(const struct site *s, const char *name)
{
    const struct proxy_balancer *b = proxy_balancer_find(&proxy_site_of(s)->balancers, name);
    assert_non_null(b);
    return b;
}

static const struct proxy_worker *member(const struct proxy_balancer *b, unsigned i)
{
    assert_true(i < b->members.n);
    return b->members.items[i];
}

static void members_keep_their_parameters(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<Proxy balancer://Pool>\n"
                        "BalancerMember http://H:81/x route=a redirect=b loadfactor=2.5 lbset=3 retry=7\n"
                        "BalancerMember unix:/run/a.sock|ws://h status=+H-H+D\n</Proxy>\n");
    const struct proxy_balancer *b = balancer(s->main, "balancer://POOL/any/path");
    assert_string_equal(b->name, "balancer://pool");
    assert_int_equal(b->members.n, 2);
    const struct proxy_worker *w = member(b, 0);
    assert_string_equal(w->name, "http://h:81/x");
    assert_string_equal(w->route, "a");
    assert_string_equal(w->redirect, "b");
    assert_int_equal(w->load_factor, 250);
    assert_int_equal(w->set, 3);
    assert_int_equal(w->retry_s, 7);
    assert_int_equal(member(b, 1)->status, WORKER_DISABLED);
    assert_int_equal(member(b, 1)->load_factor, 100);
    assert_string_equal(proxy_worker_label(bench_arena, member(b, 1)), "unix:/run/a.sock|ws://h");
    assert_int_equal(proxy_site_of(s->main)->workers.n, 0); /* a member is no worker of its own */
}

static void parameters_are_kept(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<Proxy balancer://p>\nProxySet stickysession=A|b stickysessionsep=! timeout=9\n"
                        "ProxySet lbmethod=bybusyness failonstatus=500,503 failontimeout=On\n</Proxy>\n"
                        "ProxyPass /app balancer://p/ nofailover=On scolonpathdelim=on maxattempts=4 "
                        "forcerecovery=off\n");
    const struct proxy_balancer *b = balancer(s->main, "balancer://p");
    assert_string_equal(b->cookie, "A");
    assert_string_equal(b->parameter, "b");
    assert_int_equal(b->separator, '!');
    assert_int_equal(b->wait_s, 9);
    assert_int_equal(b->method, BALANCE_BY_BUSYNESS);
    assert_int_equal(b->fail_on.n, 2);
    assert_int_equal(*(int *)b->fail_on.items[1], 503);
    assert_true(b->fail_on_timeout && b->no_failover && b->semicolon && !b->force_recovery);
    assert_int_equal(b->max_attempts, 4);
    assert_string_equal(b->path, "/app");
}

static void what_no_line_says_has_its_default(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("BalancerMember balancer://p http://a/\nBalancerMember balancer://p http://b/\n"
                        "BalancerMember balancer://p http://c/\nProxyPass / balancer://none/\n");
    const struct proxy_balancer *b = balancer(s->main, "balancer://p/");
    assert_null(b->cookie);
    assert_int_equal(b->separator, '.');
    assert_true(b->force_recovery && !b->no_failover && !b->semicolon && !b->fail_on_timeout);
    assert_int_equal(b->max_attempts, 2);
    assert_int_equal(b->method, BALANCE_BY_REQUESTS);
    assert_int_equal(balancer(s->main, "balancer://none")->members.n, 0);
    assert_int_equal(balancer(s->main, "balancer://none")->max_attempts, 0);
}

static void one_name_is_no_prefix_of_another(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load("ProxyPass / balancer://app_ws/\n");
    assert_null(proxy_balancer_find(&proxy_site_of(s->main)->balancers, "balancer://app"));
    assert_null(proxy_balancer_find(&proxy_site_of(s->main)->balancers, "balancer://app_wss/"));
}

static void a_virtual_host_inherits_members_but_not_the_method(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<Proxy balancer://p>\nBalancerMember http://a/\nBalancerMember http://b/\n"
                        "ProxySet lbmethod=bytraffic stickysession=S timeout=3 failonstatus=503\n</Proxy>\n"
                        "<VirtualHost *:80>\nServerName v\nProxyPass / balancer://p/ maxattempts=7 failonstatus=500\n"
                        "BalancerMember balancer://p http://dropped/\n</VirtualHost>\n<VirtualHost *:80>\nServerName "
                        "w\n</VirtualHost>\n");
    const struct proxy_balancer *main = balancer(s->main, "balancer://p");
    const struct proxy_balancer *v = balancer(s->sites.items[0], "balancer://p");
    assert_int_equal(main->method, BALANCE_BY_TRAFFIC);
    assert_int_equal(v->method, BALANCE_BY_REQUESTS);
    assert_int_equal(v->members.n, 2);
    assert_ptr_equal(member(v, 1), member(main, 1));
    assert_string_equal(v->cookie, "S");
    assert_int_equal(v->wait_s, 3);
    assert_int_equal(v->max_attempts, 7);
    assert_int_equal(main->max_attempts, 1);
    assert_int_equal(v->fail_on.n, 2);
    assert_ptr_equal(balancer(s->sites.items[1], "balancer://p"), main);
}

static void nothing_is_inherited_where_both_say_off(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("BalancerMember balancer://p http://a/\nProxyPass /w http://w/\n"
                        "<VirtualHost *:80>\nServerName v\nBalancerInherit Off\nProxyPassInherit Off\n"
                        "</VirtualHost>\n<VirtualHost *:80>\nServerName w\nBalancerInherit Off\n</VirtualHost>\n");
    const struct proxy_site *v = proxy_site_of(s->sites.items[0]), *w = proxy_site_of(s->sites.items[1]);
    assert_int_equal(v->balancers.n + v->workers.n, 0);
    assert_int_equal(v->aliases.n, 1); /* as in httpd */
    assert_int_equal(w->balancers.n + w->workers.n, 2);
}

static void a_longer_url_shares_the_member_before_it(void **state)
{
    (void)state;
    struct snapshot *s =
        bench_must_load("<Proxy balancer://p>\nBalancerMember http://h\nBalancerMember http://h/x retry=4\n"
                        "BalancerMember http://h:81\n</Proxy>\n");
    assert_int_equal(balancer(s->main, "balancer://p")->members.n, 2);
    const struct vec *notices = &s->reading->notices;
    assert_int_equal(notices->n, 2);
    assert_string_equal(((const struct conf_notice *)notices->items[0])->text,
                        "Sharing worker 'http://h' instead of creating new worker 'http://h/x'");
    assert_string_equal(((const struct conf_notice *)notices->items[1])->text,
                        "Ignoring parameter 'retry=4' for worker 'http://h' because of worker sharing");
}

/* ---- counters ----------------------------------------------------------------------------------- */

static const char two[] =
    "<Proxy balancer://p>\nBalancerMember http://a/ route=x\nBalancerMember http://b/\n</Proxy>\n";

static void counters_outlive_a_reload(void **state)
{
    (void)state;
    struct snapshot *before = bench_must_load(two);
    struct proxy_share *a = member(balancer(before->main, "balancer://p"), 0)->share;
    a->elected = 5;
    a->in_error = true;
    struct snapshot *after =
        bench_must_load("<Proxy balancer://p>\nBalancerMember http://c/\nBalancerMember http://a/\n</Proxy>\n");
    assert_int_equal(member(balancer(after->main, "balancer://p"), 0)->share->elected, 0);
    assert_ptr_equal(member(balancer(after->main, "balancer://p"), 1)->share, a);
}

static void the_same_member_elsewhere_counts_for_itself(void **state)
{
    (void)state;
    struct snapshot *s = bench_must_load(
        "<Proxy balancer://p>\nBalancerMember http://a/\n</Proxy>\n<Proxy balancer://q>\nBalancerMember "
        "http://a/\n</Proxy>\n"
        "<VirtualHost *:80>\nServerName v\n<Proxy balancer://r>\nBalancerMember http://a/\n</Proxy>\n</VirtualHost>\n"
        "<VirtualHost *:80>\nServerName w\n<Proxy balancer://r>\nBalancerMember http://a/\n</Proxy>\n</VirtualHost>\n");
    const struct proxy_share *all[] = { member(balancer(s->main, "balancer://p"), 0)->share,
                                        member(balancer(s->main, "balancer://q"), 0)->share,
                                        member(balancer(s->sites.items[0], "balancer://r"), 0)->share,
                                        member(balancer(s->sites.items[1], "balancer://r"), 0)->share };
    for (unsigned i = 0; i < COUNT_OF(all); i++)
        for (unsigned k = 0; k < i; k++)
            assert_ptr_not_equal(all[i], all[k]);
}

static void counters_end_with_the_last_who_holds_them(void **state)
{
    (void)state;
    struct proxy_share *s = proxy_share_hold("key");
    s->elected = 3;
    assert_ptr_equal(proxy_share_hold("key"), s);
    assert_ptr_equal(proxy_share_again(s), s);
    proxy_share_drop(s);
    proxy_share_drop(s);
    assert_int_equal(s->elected, 3);
    proxy_share_drop(s);
    s = proxy_share_hold("key");
    assert_int_equal(s->elected, 0);
    proxy_share_drop(s);
}

/* ---- sessions ----------------------------------------------------------------------------------- */

static void assert_text(const char *got, const char *wanted)
{
    if (!wanted)
        assert_null(got);
    else
        assert_string_equal(got, wanted);
}

static void a_session_is_found_in_the_url(void **state)
{
    static const struct {
        const char *url, *name;
        bool semicolon;
        const char *value;
    } rows[] = {
        { "/x?sid=1.a", "sid", false, "1.a" },
        { "/x?q=2&sid=1.a&r=3", "sid", false, "1.a" },
        { "/x;sid=1.a;v=2", "sid", false, "1.a;v=2" },
        { "/x;sid=1.a;v=2", "sid", true, "1.a" },
        { "/x;sid=1.a?q", "sid", false, "1.a" },
        { "/x;mysid=1.a", "sid", false, "1.a" },
        { "/sid/x?sid=1.a", "sid", false, "1.a" },
        { "/x?sid=", "sid", false, NULL },
        { "/x?sid", "sid", false, NULL },
        { "/x?SID=1.a", "sid", false, NULL },
        { "/x;sid=;;1.a", "sid", true, "1.a" },
        { "/x;sid=;;", "sid", true, NULL },
        { "/x?sid=1.a&sid=2.b", "sid", false, "1.a" },
        { "/a=b", "", false, "b" },
        { "/a", "", false, NULL },
        { "", "sid", false, NULL },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        assert_text(proxy_session_in_url(bench_arena, rows[i].url, rows[i].name, rows[i].semicolon), rows[i].value);
}

static void a_session_is_found_in_a_cookie(void **state)
{
    static const struct {
        const char *cookies, *value;
    } rows[] = {
        { "sid=1.a", "1.a" },
        { "a=b; sid=1.a; c=d", "1.a" },
        { "a=b,sid=1.a,c=d", "1.a" },
        { "a=b;sid = 1.a", " 1.a" },
        { "xsid=1.a", NULL },
        { "xsid=1.a; sid=2.b", "2.b" },
        { "sidx=1.a; sid=2.b", "2.b" },
        { "sid=; sid=2.b", "" },
        { "sid=", NULL },
        { "sid", NULL },
        { "sid =", NULL },
        { "", NULL },
        { "sid=\"1.a\"", "\"1.a\"" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        assert_text(proxy_session_in_cookie(bench_arena, rows[i].cookies, "sid"), rows[i].value);
}

/* ---- a request ---------------------------------------------------------------------------------- */

static struct request *prepared(const char *text, const char *head)
{
    struct request *r = bench_request(bench_must_load(text), head);
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 0);
    return r;
}

static void the_url_is_the_members_and_the_path_behind_it(void **state)
{
    static const struct {
        const char *member, *pass, *path, *url, *sent;
    } rows[] = {
        { "http://h", "/ balancer://p/", "/x?q=1", "http://h/x?q=1", "/x?q=1" },
        { "http://h/", "/ balancer://p/", "/x", "http://h//x", "//x" },
        { "http://h:81/in", "/app balancer://p/y", "/app/z", "http://h:81/in/y/z", "/in/y/z" },
        { "ws://h", "/app balancer://p", "/app", "ws://h/", "/" },
        { "http://[::1]:82", "/ balancer://P/", "/%20", "http://[::1]:82/%20", "/%20" },
        { "unix:/s|http://h/u", "/ balancer://p/", "/x", "http://h/u/x", "/u/x" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        const char *text = arena_concat(bench_arena, "BalancerMember balancer://p ", rows[i].member, "\nProxyPass ",
                                        rows[i].pass, NULL);
        struct request *r = prepared(text, arena_concat(bench_arena, "GET ", rows[i].path, " HTTP/1.1\nHost: x", NULL));
        assert_non_null(r->proxy->balancer);
        assert_null(r->proxy->worker);
        assert_int_equal(proxy_use_member(r, member(r->proxy->balancer, 0)), 0);
        assert_string_equal(r->proxy->url, rows[i].url);
        assert_string_equal(arena_span(bench_arena, r->proxy->path), rows[i].sent);
    }
}

static void another_member_begins_from_the_path_again(void **state)
{
    (void)state;
    struct request *r =
        prepared("<Proxy balancer://p>\nBalancerMember http://a/one\nBalancerMember unix:/s|ws://b/two\n"
                 "ProxySet stickysession=s\n</Proxy>\nProxyPass / balancer://p/",
                 "GET /x;s=1.r HTTP/1.1\nHost: x");
    assert_int_equal(proxy_use_member(r, member(r->proxy->balancer, 1)), 0);
    assert_string_equal(r->proxy->url, "ws://b/two/x;s=1.r");
    assert_string_equal(r->proxy->unix_path, "/s");
    assert_int_equal(proxy_use_member(r, member(r->proxy->balancer, 0)), 0);
    assert_string_equal(r->proxy->url, "http://a/one/x;s=1.r");
    assert_null(r->proxy->unix_path);
    assert_string_equal(proxy_session(r).route, "r");
}

static void a_member_of_a_scheme_without_handler_is_busy(void **state)
{
    (void)state;
    struct request *r =
        prepared("BalancerMember balancer://p ajp://h\nProxyPass / balancer://p/", "GET /x HTTP/1.1\nHost: x");
    assert_int_equal(proxy_use_member(r, member(r->proxy->balancer, 0)), 503);
}

static void a_balancer_nobody_wrote_is_a_scheme_nobody_handles(void **state)
{
    (void)state;
    struct request *r =
        bench_request(bench_must_load("ProxyPassMatch ^/(.*) balancer://$1/"), "GET /x HTTP/1.1\nHost: x");
    assert_int_equal(proxy_translate(r), 0);
    assert_int_equal(proxy_prepare(r), 500);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_keep_their_parameters),
        TEST(parameters_are_kept),
        TEST(what_no_line_says_has_its_default),
        TEST(one_name_is_no_prefix_of_another),
        TEST(a_virtual_host_inherits_members_but_not_the_method),
        TEST(nothing_is_inherited_where_both_say_off),
        TEST(a_longer_url_shares_the_member_before_it),
        TEST(counters_outlive_a_reload),
        TEST(the_same_member_elsewhere_counts_for_itself),
        TEST(counters_end_with_the_last_who_holds_them),
        TEST(a_session_is_found_in_the_url),
        TEST(a_session_is_found_in_a_cookie),
        TEST(the_url_is_the_members_and_the_path_behind_it),
        TEST(another_member_begins_from_the_path_again),
        TEST(a_member_of_a_scheme_without_handler_is_busy),
        TEST(a_balancer_nobody_wrote_is_a_scheme_nobody_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
