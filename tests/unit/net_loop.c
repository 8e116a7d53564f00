/* The loop's promises: order of timers, tasks, calls from threads, releases, and silence after unwatch. */
#include "net.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct loop *l;
static char story[4096]; /* what happened, a word each */

static void tell(const char *word)
{
    size_t n = strlen(story);
    assert_true(n + strlen(word) + 1 < sizeof(story));
    strcpy(story + n, word);
}

static int start(void **state)
{
    (void)state;
    l = loop_new();
    story[0] = '\0';
    return 0;
}

static int finish(void **state)
{
    (void)state;
    loop_free(l);
    return 0;
}

/* ---- timers ---- */

struct named {
    struct timer timer;
    const char *name;
};

static void on_named(struct timer *t)
{
    tell(CONTAINER_OF(t, struct named, timer)->name);
}
static void on_stop(struct timer *t)
{
    (void)t;
    loop_stop(l);
}
static struct timer stop = { .on_time = on_stop };

static void timers_fire_in_order_of_time_not_of_setting(void **state)
{
    (void)state;
    struct named a = { { .on_time = on_named }, "a" }, b = { { .on_time = on_named }, "b" },
                 c = { { .on_time = on_named }, "c" }, d = { { .on_time = on_named }, "d" };
    timer_set(l, &c.timer, 30);
    timer_set(l, &a.timer, 10);
    timer_set(l, &b.timer, 1);
    timer_set(l, &d.timer, 5);
    timer_set(l, &stop, 40);
    timer_set(l, &b.timer, 20); /* moved later */
    timer_cancel(l, &d.timer);
    assert_false(timer_armed(&d.timer));
    timer_cancel(l, &d.timer); /* twice does no harm */
    loop_run(l);
    assert_string_equal(story, "abc");
    assert_false(timer_armed(&a.timer));
}

static void timer_waits_its_time(void **state)
{
    (void)state;
    uint64_t before = base_now_ms();
    timer_set(l, &stop, 30);
    loop_run(l);
    uint64_t took = base_now_ms() - before;
    assert_in_range(took, 29, 20000);
}

enum { CROWD = 1000 };
static struct timer crowd[CROWD];
static uint64_t last_when;
static unsigned fired;

static void on_crowd(struct timer *t)
{
    assert_true(t->when >= last_when);
    last_when = t->when;
    fired++;
}

static void a_thousand_timers_moved_and_cancelled_keep_the_heap_in_order(void **state)
{
    (void)state;
    srandom(7);
    last_when = fired = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct timer){ .on_time = on_crowd };
        timer_set(l, &crowd[i], (uint64_t)random() % 20);
    }
    for (unsigned i = 0; i < CROWD; i += 3)
        timer_set(l, &crowd[i], (uint64_t)random() % 20);
    for (unsigned i = 1; i < CROWD; i += 3)
        timer_cancel(l, &crowd[i]);
    timer_set(l, &stop, 25);
    loop_run(l);
    assert_int_equal(fired, CROWD - CROWD / 3);
}

static void on_again(struct timer *t)
{
    tell("t");
    timer_set(l, t, 0);
}

/* A timer set to 0 in its own call runs again next turn: the stop timer behind it still gets its turn. */
static void timer_of_zero_does_not_starve_the_loop(void **state)
{
    (void)state;
    struct timer again = { .on_time = on_again };
    timer_set(l, &again, 0);
    timer_set(l, &stop, 0);
    loop_run(l);
    assert_string_equal(story, "t");
    timer_cancel(l, &again);
}

/* ---- tasks ---- */

static struct task first, second, third;

static void run_first(struct task *t)
{
    (void)t;
    tell("1");
    task_cancel(&second);
    loop_post(l, &third);
}
static void run_second(struct task *t)
{
    (void)t;
    tell("2");
}
static void run_third(struct task *t)
{
    (void)t;
    tell("3");
    loop_stop(l);
}

static void tasks_run_once_and_can_be_cancelled_by_one_another(void **state)
{
    (void)state;
    first = (struct task){ .run = run_first };
    second = (struct task){ .run = run_second };
    third = (struct task){ .run = run_third };
    task_cancel(&first); /* never posted: nothing */
    loop_post(l, &first);
    loop_post(l, &first);
    loop_post(l, &second);
    loop_run(l); /* hangs if the task posted by a task does not keep the loop awake */
    assert_string_equal(story, "13");
}

/* ---- calls from threads ---- */

enum { THREADS = 4, CALLS = 2000 };
static unsigned called, next_of[THREADS];

static void on_call(void *arg)
{
    unsigned value = (unsigned)(uintptr_t)arg, thread = value / CALLS;
    assert_int_equal(value % CALLS, next_of[thread]++); /* each thread's own order is kept */
    if (++called == THREADS * CALLS)
        loop_stop(l);
}

static void *caller(void *arg)
{
    for (unsigned i = 0; i < CALLS; i++)
        loop_call(l, on_call, (void *)((uintptr_t)arg * CALLS + i));
    return NULL;
}

static void calls_of_four_threads_all_arrive_in_their_order(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    called = 0;
    memset(next_of, 0, sizeof(next_of));
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller, (void *)i), 0);
    loop_run(l);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(called, THREADS * CALLS);
}

/* ---- descriptors ---- */

struct end {
    struct watch watch;
    int fd;
    struct end *other;
};

static struct end *survivor;

static void on_kill_other(struct watch *w, uint32_t events)
{
    struct end *e = CONTAINER_OF(w, struct end, watch);
    if (!(events & EPOLLIN))
        return;
    assert_true(loop_has_event(l, &e->other->watch)); /* fetched, and not yet handed over */
    assert_false(loop_has_event(l, w));
    loop_unwatch(l, &e->other->watch, e->other->fd);
    assert_false(loop_has_event(l, &e->other->watch));
    loop_defer(l, free, e->other);
    survivor = e;
    tell("k");
    timer_set(l, &stop, 5);
}

static const struct watch_kind killer = { on_kill_other };

/* Both have an event in the same batch; whoever is first takes the other away, whose event must not come. */
static void unwatch_takes_back_events_already_fetched(void **state)
{
    (void)state;
    int one[2], two[2];
    assert_int_equal(pipe(one), 0);
    assert_int_equal(pipe(two), 0);
    struct end *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    *a = (struct end){ .watch = { &killer }, .fd = one[0], .other = b };
    *b = (struct end){ .watch = { &killer }, .fd = two[0], .other = a };
    assert_true(loop_watch(l, &a->watch, a->fd));
    assert_true(loop_watch(l, &b->watch, b->fd));
    assert_int_equal(write(one[1], "x", 1), 1);
    assert_int_equal(write(two[1], "x", 1), 1);
    loop_run(l);
    assert_string_equal(story, "k");
    free(survivor);
    close(one[0]), close(one[1]), close(two[0]), close(two[1]);
}

static struct watch level;
static int level_fd;

static void on_level(struct watch *w, uint32_t events)
{
    (void)w;
    assert_true(events & EPOLLIN);
    tell("e");
    if (strlen(story) == 3)
        assert_true(loop_watch_level(l, &level, level_fd, 0));
}

static const struct watch_kind level_kind = { on_level };

/* The byte is never read: a level watch tells each turn, until its mask is emptied. */
static void level_watch_repeats_until_it_is_paused(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    level.kind = &level_kind;
    level_fd = fds[0];
    assert_true(loop_watch_level(l, &level, level_fd, EPOLLIN));
    assert_int_equal(write(fds[1], "x", 1), 1);
    timer_set(l, &stop, 10);
    loop_run(l);
    assert_string_equal(story, "eee");
    loop_unwatch(l, &level, level_fd);
    close(fds[0]), close(fds[1]);
}

static void on_release(void *p)
{
    tell(p);
}
static void run_and_defer(struct task *t)
{
    (void)t;
    static char released[] = "r";
    loop_defer(l, on_release, released);
    tell("t");
    loop_stop(l);
}

static void deferred_release_comes_after_the_tasks_of_the_turn(void **state)
{
    (void)state;
    struct task one = { .run = run_and_defer }, two = { .run = run_second };
    loop_post(l, &one);
    loop_post(l, &two);
    loop_run(l);
    assert_string_equal(story, "t2r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_in_order_of_time_not_of_setting, start, finish),
        cmocka_unit_test_setup_teardown(timer_waits_its_time, start, finish),
        cmocka_unit_test_setup_teardown(a_thousand_timers_moved_and_cancelled_keep_the_heap_in_order, start, finish),
        cmocka_unit_test_setup_teardown(timer_of_zero_does_not_starve_the_loop, start, finish),
        cmocka_unit_test_setup_teardown(tasks_run_once_and_can_be_cancelled_by_one_another, start, finish),
        cmocka_unit_test_setup_teardown(calls_of_four_threads_all_arrive_in_their_order, start, finish),
        cmocka_unit_test_setup_teardown(unwatch_takes_back_events_already_fetched, start, finish),
        cmocka_unit_test_setup_teardown(level_watch_repeats_until_it_is_paused, start, finish),
        cmocka_unit_test_setup_teardown(deferred_release_comes_after_the_tasks_of_the_turn, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
