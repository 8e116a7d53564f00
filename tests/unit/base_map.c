/* Maps: case, order, replacement, removal while visiting, growth. */
#include "base.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static int one = 1, two = 2, three = 3;

static void a_value_replaced_is_handed_back(void **state)
{
    struct map *m = map_new(MAP_EXACT);

    (void)state;
    assert_null(map_get(m, "a"));
    assert_null(map_set(m, "a", &one));
    assert_ptr_equal(map_set(m, "a", &two), &one);
    assert_ptr_equal(map_get(m, "a"), &two);
    assert_null(map_get(m, "A"));
    assert_ptr_equal(map_remove(m, "a"), &two);
    assert_null(map_remove(m, "a"));
    assert_null(map_get(m, "a"));
    map_free(m);
    map_free(NULL);
}

static void names_without_case_are_one_key(void **state)
{
    struct map *m = map_new(MAP_NOCASE);

    (void)state;
    map_set(m, "ProxyPassReverse", &one);
    assert_ptr_equal(map_get(m, "proxypassreverse"), &one);
    assert_ptr_equal(map_set(m, "PROXYPASSREVERSE", &two), &one);
    assert_null(map_get(m, "proxypass"));
    map_set(m, "@", &one); /* not a letter: '`' is another key */
    assert_null(map_get(m, "`"));
    map_free(m);
}

static void keys_are_copied(void **state)
{
    struct map *m = map_new(MAP_EXACT);
    char key[] = "host";

    (void)state;
    map_set(m, key, &one);
    key[0] = 'm';
    assert_ptr_equal(map_get(m, "host"), &one);
    assert_null(map_get(m, "most"));
    map_free(m);
}

static bool on_join(void *arg, const char *key, void *value)
{
    (void)value;
    strcat(arg, key);
    return true;
}

static bool on_first(void *arg, const char *key, void *value)
{
    on_join(arg, key, value);
    return false;
}

static void visits_follow_the_order_of_insertion(void **state)
{
    struct map *m = map_new(MAP_EXACT);
    char seen[32] = "", first[32] = "";

    (void)state;
    map_set(m, "z", &one);
    map_set(m, "a", &two);
    map_set(m, "m", &three);
    map_set(m, "z", &three); /* replacing keeps the place */
    map_remove(m, "a");
    map_set(m, "a", &one); /* coming back goes last */
    map_each(m, on_join, seen);
    map_each(m, on_first, first);
    assert_string_equal(seen, "zma");
    assert_string_equal(first, "z");
    map_free(m);
}

static bool on_remove(void *arg, const char *key, void *value)
{
    (void)value;
    map_remove(arg, key);
    return true;
}

static void a_visitor_may_remove_what_it_sees(void **state)
{
    struct map *m = map_new(MAP_EXACT);
    char seen[32] = "";

    (void)state;
    map_set(m, "a", &one);
    map_set(m, "b", &two);
    map_each(m, on_remove, m);
    map_each(m, on_join, seen);
    assert_string_equal(seen, "");
    map_free(m);
}

static bool on_count(void *arg, const char *key, void *value)
{
    (void)key, (void)value;
    (*(unsigned *)arg)++;
    return true;
}

static void thousands_come_and_go(void **state)
{
    enum { KEYS = 5000 };
    static int values[KEYS];
    struct map *m = map_new(MAP_EXACT);
    unsigned left = 0;
    char key[16];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof(key), "key-%d", i);
            map_set(m, key, &values[i]);
        }
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof(key), "key-%d", i);
            assert_ptr_equal(i % 2 ? map_remove(m, key) : map_get(m, key), &values[i]);
        }
    }
    map_each(m, on_count, &left);
    assert_int_equal(left, KEYS / 2);
    assert_null(map_get(m, "key-1"));
    assert_ptr_equal(map_get(m, "key-4998"), &values[4998]);
    map_free(m);
}

static void a_queue_of_one_does_not_fill_the_map(void **state)
{
    struct map *m = map_new(MAP_EXACT);
    char key[16];

    (void)state;
    for (int i = 0; i < 100000; i++) { /* each removed at once: gaps must be reclaimed, lookups must end */
        snprintf(key, sizeof(key), "%d", i);
        map_set(m, key, &one);
        assert_ptr_equal(map_remove(m, key), &one);
    }
    assert_null(map_get(m, "99999"));
    map_free(m);
}

static void keys_of_each_length_differ(void **state)
{
    struct map *m = map_new(MAP_EXACT);
    static int values[64];
    char key[65] = "";

    (void)state;
    for (int n = 0; n < 64; n++, key[n - 1] = 'a', key[n] = '\0') /* the hash takes eight bytes at a time */
        map_set(m, key, &values[n]);
    memset(key, 0, sizeof(key));
    for (int n = 0; n < 64; n++, key[n - 1] = 'a')
        assert_ptr_equal(map_get(m, key), &values[n]);
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_replaced_is_handed_back),
        cmocka_unit_test(names_without_case_are_one_key),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(visits_follow_the_order_of_insertion),
        cmocka_unit_test(a_visitor_may_remove_what_it_sees),
        cmocka_unit_test(thousands_come_and_go),
        cmocka_unit_test(a_queue_of_one_does_not_fill_the_map),
        cmocka_unit_test(keys_of_each_length_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
