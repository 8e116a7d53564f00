/* The choice of a member: sequences that apache2 2.4.71 gave, errors and their time, many threads at once. */
#include "mods_proxy.h"

#include <pthread.h>

#include "balance.h"

static const char *const hosts[] = { "a", "b", "c", "d" };
static unsigned pools; /* each test's members count for themselves */

/* A balancer whose members a, b, … have these parameters. */
static struct pick members(const char *const *params, unsigned n, const char *settings)
{
    char *text = arena_printf(bench_arena, "<Proxy balancer://p%u>\n", pools);
    for (unsigned i = 0; i < n; i++)
        text = arena_printf(bench_arena, "%sBalancerMember http://%s %s\n", text, hosts[i], params[i]);
    text = arena_printf(bench_arena, "%s%s%s\n</Proxy>\n", text, *settings ? "ProxySet " : "", settings);
    struct snapshot *s = bench_must_load(text);
    pools++;
    return (struct pick){ proxy_site_of(s->main)->balancers.items[0], &s->main->log, 1000 };
}

static const struct proxy_worker *at(const struct pick *p, unsigned i)
{
    return p->balancer->members.items[i];
}

static const char *host_of(const struct proxy_worker *w)
{
    return w ? w->host : "-";
}

static const char *turns(const struct pick *p, unsigned n)
{
    char *all = arena_strdup(bench_arena, "");
    for (unsigned i = 0; i < n; i++)
        all = arena_concat(bench_arena, all, host_of(pick_best(p)), NULL);
    return all;
}

static void turns_are_as_apache2_gave_them(void **state)
{
    static const struct {
        const char *params[4];
        unsigned n;
        const char *settings, *turns;
    } rows[] = {
        { { "", "", "" }, 3, "", "abcabcabc" },
        { { "loadfactor=1", "loadfactor=2.5", "loadfactor=1" }, 3, "", "babcbabcbbabcbabcb" },
        { { "loadfactor=5", "loadfactor=1", "loadfactor=1" }, 3, "", "aabacaaaabacaa" },
        { { "lbset=1", "", "lbset=1" }, 3, "", "bbbb" },
        { { "", "status=+D", "", "" }, 4, "", "acdacd" },
        { { "status=+R", "", "status=+D", "" }, 4, "", "bdabda" },
        { { "status=+R", "status=+D", "status=+R", "" }, 4, "", "dadada" },
        { { "status=+H", "status=+D", "status=+H", "status=+S" }, 4, "", "acac" },
        { { "status=+N", "", "", "" }, 4, "", "bcdbcd" },
        { { "loadfactor=2", "", "" }, 3, "lbmethod=bybusyness", "abcaabcaab" },
        { { "status=+D", "status=+S" }, 2, "", "--" },
        { { "status=+D lbset=0", "lbset=99" }, 2, "", "bb" },
    };
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct pick p = members(rows[i].params, rows[i].n, rows[i].settings);
        assert_string_equal(turns(&p, (unsigned)strlen(rows[i].turns)), rows[i].turns);
    }
}

static void the_least_busy_is_chosen(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "", "", "" }, 3, "lbmethod=bybusyness");
    at(&p, 0)->share->busy = 2;
    at(&p, 1)->share->busy = 1;
    at(&p, 2)->share->busy = 1;
    assert_string_equal(turns(&p, 4), "bcbc");
    at(&p, 2)->share->busy = 0;
    assert_string_equal(turns(&p, 2), "cc");
}

static void traffic_is_weighed_by_the_factor(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "loadfactor=4", "" }, 2, "lbmethod=bytraffic");
    assert_string_equal(turns(&p, 2), "aa"); /* nothing moved yet: the first */
    at(&p, 0)->share->sent = 700;
    at(&p, 0)->share->received = 900;
    at(&p, 1)->share->sent = 300;
    assert_string_equal(turns(&p, 1), "a"); /* 700 / 400 + 900 / 400 is 3, and so is 300 / 100: the earlier one */
    at(&p, 0)->share->sent = 800;
    assert_string_equal(turns(&p, 1), "b");
}

static void a_session_takes_a_turn(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "route=a", "route=b", "route=c" }, 3, "");
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(host_of(pick_route(&p, "a")), "a");
    assert_string_equal(turns(&p, 8), "bcbcbcab");
    assert_int_equal(at(&p, 0)->share->elected, 4);
    assert_null(pick_route(&p, "z"));
}

static void an_error_lasts_for_retry_seconds(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "retry=5", "" }, 2, "");
    pick_disable(&p, at(&p, 0));
    p.now_ms += 4999;
    assert_string_equal(turns(&p, 2), "bb");
    assert_false(pick_is_usable(at(&p, 0)));
    p.now_ms++;
    assert_string_equal(turns(&p, 1), "a");
    assert_true(pick_is_usable(at(&p, 0)));
}

static void what_ignores_errors_has_none(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "status=+I" }, 1, "");
    pick_disable(&p, at(&p, 0));
    assert_true(pick_is_usable(at(&p, 0)));
}

static void only_when_all_are_in_an_error_they_are_forced(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "", "" }, 2, "");
    pick_disable(&p, at(&p, 0));
    pick_recover(&p);
    assert_false(pick_is_usable(at(&p, 0)));
    pick_disable(&p, at(&p, 1));
    pick_recover(&p);
    assert_true(pick_is_usable(at(&p, 0)) && pick_is_usable(at(&p, 1)));

    struct pick never = members((const char *[]){ "", "" }, 2, "forcerecovery=off");
    pick_disable(&never, at(&never, 0));
    pick_disable(&never, at(&never, 1));
    pick_recover(&never);
    assert_string_equal(turns(&never, 1), "-");
}

static void a_spare_stands_in_while_the_error_lasts(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "retry=5", "", "status=+R" }, 3, "");
    assert_string_equal(turns(&p, 2), "ab");
    pick_disable(&p, at(&p, 0));
    assert_string_equal(turns(&p, 4), "bcbc");
    p.now_ms += 5000;
    assert_non_null(strchr(turns(&p, 2), 'a'));
}

static void a_redirect_leads_on_and_circles_end(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "route=a redirect=b retry=9", "route=b redirect=c", "route=c" }, 3, "");
    assert_string_equal(host_of(pick_route(&p, "a")), "a");
    pick_disable(&p, at(&p, 0));
    assert_string_equal(host_of(pick_route(&p, "a")), "b");
    pick_disable(&p, at(&p, 1));
    assert_string_equal(host_of(pick_route(&p, "a")), "c");
    struct pick circle =
        members((const char *[]){ "route=a redirect=b status=+D", "route=b redirect=a status=+D" }, 2, "");
    assert_null(pick_route(&circle, "a"));
}

static void a_standbys_route_comes_after_the_others(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "route=a status=+H", "route=a" }, 2, "");
    assert_string_equal(host_of(pick_route(&p, "a")), "b");
    pick_disable(&p, at(&p, 1));
    assert_string_equal(host_of(pick_route(&p, "a")), "a");
}

/* ---- threads ------------------------------------------------------------------------------------ */

enum { THREADS = 4, TURNS = 3000 };

static void *choose_often(void *arg)
{
    for (unsigned i = 0; i < TURNS; i++)
        assert_non_null(pick_best(arg));
    return NULL;
}

static void no_turn_is_lost_between_threads(void **state)
{
    (void)state;
    struct pick p = members((const char *[]){ "loadfactor=1", "loadfactor=2", "loadfactor=3" }, 3, "");
    pthread_t threads[THREADS];
    uint64_t elected = 0;
    int sum = 0;

    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, choose_often, &p), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 3; i++) {
        elected += at(&p, i)->share->elected;
        sum += at(&p, i)->share->lb_status;
    }
    assert_int_equal(elected, THREADS * TURNS);
    assert_int_equal(sum, 0);
    for (unsigned i = 0; i < 3; i++) { /* their shares, give or take what was chosen at the same instant */
        uint64_t fair = (uint64_t)THREADS * TURNS * (i + 1) / 6;
        assert_in_range(at(&p, i)->share->elected, fair - 3 * THREADS, fair + 3 * THREADS);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(turns_are_as_apache2_gave_them),
        TEST(the_least_busy_is_chosen),
        TEST(traffic_is_weighed_by_the_factor),
        TEST(a_session_takes_a_turn),
        TEST(an_error_lasts_for_retry_seconds),
        TEST(what_ignores_errors_has_none),
        TEST(only_when_all_are_in_an_error_they_are_forced),
        TEST(a_spare_stands_in_while_the_error_lasts),
        TEST(a_redirect_leads_on_and_circles_end),
        TEST(a_standbys_route_comes_after_the_others),
        TEST(no_turn_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
