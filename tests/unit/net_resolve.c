/* Names: the hosts file, a name that is none, and answers nobody waits for any more. */
#include "loop.h"

#include <netdb.h>
#include <stdio.h>

static struct resolver *r;
static unsigned answers, n_found;
static struct addr found[8];
static char fault[128];

static void on_answer(void *arg, const struct addr *addrs, unsigned n, const char *error)
{
    assert_ptr_equal(arg, &answers);
    answers++;
    n_found = n < COUNT_OF(found) ? n : COUNT_OF(found);
    if (n)
        memcpy(found, addrs, n_found * sizeof(*addrs));
    assert_true((n == 0) == (error != NULL));
    snprintf(fault, sizeof(fault), "%s", error ? error : "");
    loop_stop(l);
}

static int start_resolver(void **state)
{
    int failed = start(state);
    r = resolver_new(l);
    answers = n_found = 0;
    return failed;
}

static void ask_and_wait(const char *name, uint64_t patience)
{
    if (resolver_ask(r, name, 3000, on_answer, &answers))
        run_for(patience);
    assert_int_equal(answers, 1);
}

static void localhost_is_what_getaddrinfo_says_first(void **state)
{
    (void)state;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *info;
    assert_int_equal(getaddrinfo("localhost", "3000", &hints, &info), 0);
    ask_and_wait("localhost", 5000);
    assert_true(n_found >= 1);
    assert_int_equal(found[0].len, info->ai_addrlen);
    assert_memory_equal(&found[0].sa, info->ai_addr, info->ai_addrlen);
    freeaddrinfo(info);
    resolver_free(r);
}

static void invalid_name_fails_with_a_reason_in_good_time(void **state)
{
    (void)state;
    uint64_t before = base_now_ms();
    ask_and_wait("no-such-host.invalid", 15000);
    assert_int_equal(n_found, 0);
    assert_string_not_equal(fault, "");
    assert_true(base_now_ms() - before < 14000);
    resolver_free(r);
}

static void malformed_name_fails_too(void **state)
{
    (void)state;
    char longest[400];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    ask_and_wait(longest, 15000);
    assert_int_equal(n_found, 0);
    resolver_free(r);
}

static void cancelled_query_never_answers(void **state)
{
    (void)state;
    struct query *q = resolver_ask(r, "cancelled.invalid", 1, on_answer, &answers);
    if (q)
        query_cancel(q);
    else
        answers--; /* answered within the call: nothing to cancel */
    resolver_free(r);
    run_for(50);
    assert_int_equal(answers, 0);
}

static void pending_query_ends_silently_with_the_resolver(void **state)
{
    (void)state;
    if (!resolver_ask(r, "pending.invalid", 1, on_answer, &answers))
        answers--;
    resolver_free(r); /* released by loop_free, without another turn */
    assert_int_equal(answers, 0);
}

int main(void)
{
#define STORY(f) cmocka_unit_test_setup_teardown(f, start_resolver, finish)
    const struct CMUnitTest tests[] = {
        STORY(localhost_is_what_getaddrinfo_says_first),
        STORY(invalid_name_fails_with_a_reason_in_good_time),
        STORY(malformed_name_fails_too),
        STORY(cancelled_query_never_answers),
        STORY(pending_query_ends_silently_with_the_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
