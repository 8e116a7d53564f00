/* Arenas and the lists in them: zeroed, aligned, counted, cleaned newest first; and what a broken invariant does. */
#include "base.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void bytes_are_zeroed_and_aligned_even_when_reused(void **state)
{
    static const char zero[5000];

    (void)state;
    for (int round = 0; round < 3; round++) {
        struct arena *a = arena_new();

        for (size_t size = 0; size < 5000; size += 313) {
            char *p = arena_alloc(a, size);

            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            assert_memory_equal(p, zero, size);
            memset(p, 0xee, size);
        }
        arena_free(a);
    }
}

static void a_request_costs_one_block_and_a_big_body_its_size(void **state)
{
    struct arena *a = arena_new();
    size_t before;

    (void)state;
    arena_alloc(a, 3000);
    assert_int_equal(arena_size(a), 8192);
    before = arena_size(a);
    arena_alloc(a, 1000000);
    assert_in_range(arena_size(a) - before, 1000000, 1000064);
    arena_alloc(a, 500); /* the small block is still in use beside it */
    assert_in_range(arena_size(a) - before, 1000000, 1000064);
    arena_free(a);
}

static void many_small_pieces_stay_apart(void **state)
{
    enum { PIECES = 20000 };
    struct arena *a = arena_new();
    unsigned **piece = base_alloc(PIECES * sizeof(*piece));

    (void)state;
    for (unsigned i = 0; i < PIECES; i++) {
        piece[i] = arena_alloc(a, (i % 50 + 1) * sizeof(unsigned));
        for (unsigned k = 0; k <= i % 50; k++)
            piece[i][k] = i;
    }
    for (unsigned i = 0; i < PIECES; i++)
        for (unsigned k = 0; k <= i % 50; k++)
            assert_int_equal(piece[i][k], i);
    free(piece);
    arena_free(a);
}

static void text_is_copied_and_joined(void **state)
{
    struct arena *a = arena_new();
    char text[] = "ws://host";
    char *copy = arena_strdup(a, text);

    (void)state;
    text[0] = 'X';
    assert_string_equal(copy, "ws://host");
    assert_string_equal(arena_strndup(a, text + 5, 2), "ho");
    assert_string_equal(arena_span(a, span_of(NULL)), "");
    assert_string_equal(arena_concat(a, "a", "", "bc", NULL), "abc");
    assert_string_equal(arena_concat(a, NULL), "");
    assert_string_equal(arena_printf(a, "%s:%05d", "port", 80), "port:00080");
    assert_int_equal(strlen(arena_printf(a, "%9000s", "x")), 9000);
    arena_free(a);
}

static char order[8];

static void on_clean(void *arg)
{
    strcat(order, arg);
}

static struct arena *dying;

static void on_clean_more(void *arg)
{
    strcat(order, arg);
    arena_on_free(dying, on_clean, arena_strdup(dying, "!")); /* the arena still serves its clean-ups */
}

static void clean_ups_run_newest_first(void **state)
{
    char one[] = "1", two[] = "2", three[] = "3";

    (void)state;
    order[0] = '\0';
    dying = arena_new();
    arena_on_free(dying, on_clean, one);
    arena_on_free(dying, on_clean_more, two);
    arena_on_free(dying, on_clean, three);
    assert_string_equal(order, "");
    arena_free(dying);
    assert_string_equal(order, "32!1");
}

static void *live_and_die(void *arg)
{
    struct arena *arenas[100];

    (void)arg;
    for (unsigned i = 0; i < COUNT_OF(arenas); i++)
        arenas[i] = arena_new();
    for (unsigned i = 0; i < COUNT_OF(arenas); i++)
        arena_free(arenas[i]);
    return NULL;
}

static void a_thread_leaves_no_cached_block_behind(void **state)
{
    pthread_t thread;

    (void)state;
    for (int i = 0; i < 8; i++) { /* LeakSanitizer is the judge: 64 of the 100 blocks were kept for the next request */
        assert_int_equal(pthread_create(&thread, NULL, live_and_die, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void lists_grow_and_append_to_themselves(void **state)
{
    struct arena *a = arena_new();
    struct vec v = { 0 }, empty = { 0 };
    char item[100];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(item); i++)
        vec_add(a, &v, &item[i]);
    vec_append(a, &v, &v);
    vec_append(a, &v, &empty);
    assert_int_equal(v.n, 200);
    for (unsigned i = 0; i < v.n; i++)
        assert_ptr_equal(v.items[i], &item[i % 100]);
    arena_free(a);
}

/* The child breaks the invariant; the parent reads its last words. */
static void what_cannot_happen_says_so_and_aborts(void **state)
{
    char said[256] = "";
    int pipes[2], status;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        struct rlimit none = { 0, 0 };

        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        dup2(pipes[1], STDERR_FILENO);
        ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(pipes[1]);
    assert_true(read(pipes[0], said, sizeof(said) - 1) > 0);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(said, "[crit] weir: what cannot happen: 1 + 1 == 3 ("));
    assert_non_null(strstr(said, "base_arena.c:"));
    assert_int_equal(said[strlen(said) - 1], '\n');
}

static void clocks_go_forward(void **state)
{
    uint64_t before = base_now_ms();

    (void)state;
    usleep(3000);
    assert_in_range(base_now_ms() - before, 2, 10000);
    assert_true(base_wall_us() > INT64_C(1600000000000000)); /* after 2020 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_zeroed_and_aligned_even_when_reused),
        cmocka_unit_test(a_request_costs_one_block_and_a_big_body_its_size),
        cmocka_unit_test(many_small_pieces_stay_apart),
        cmocka_unit_test(text_is_copied_and_joined),
        cmocka_unit_test(clean_ups_run_newest_first),
        cmocka_unit_test(a_thread_leaves_no_cached_block_behind),
        cmocka_unit_test(lists_grow_and_append_to_themselves),
        cmocka_unit_test(what_cannot_happen_says_so_and_aborts),
        cmocka_unit_test(clocks_go_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
