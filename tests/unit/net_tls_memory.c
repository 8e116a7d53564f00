/* The buffers of OpenSSL's records that a thread keeps: they go round, few of them, and any thread may give them back.
 */
#include "tls_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RECORD = 16 * 1024 + 332, MANY = 20 };

static void *record(void)
{
    void *p = OPENSSL_malloc(RECORD);
    assert_non_null(p);
    memset(p, 'x', RECORD);
    return p;
}

static void buffer_of_a_record_goes_round(void **state)
{
    (void)state;
    void *first = record(), *second = record();
    assert_ptr_not_equal(first, second);
    OPENSSL_free(second);
    OPENSSL_free(first);
    assert_ptr_equal(record(), first);
    void *longer = OPENSSL_malloc(17 * 1024); /* fits in it as well */
    assert_ptr_equal(longer, second);
    memset(longer, 'y', 17 * 1024);
    OPENSSL_free(longer);
    OPENSSL_free(first);
}

static void other_sizes_are_malloc_s(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 4096, 16 * 1024 - 1, 17 * 1024 + 1, 100000 };
    void *kept = record();
    OPENSSL_free(kept);
    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
        void *p = OPENSSL_malloc(sizes[i]);
        memset(p, 'z', sizes[i]);
        assert_ptr_not_equal(p, kept);
        p = OPENSSL_realloc(p, sizes[i] * 2);
        memset(p, 'z', sizes[i] * 2);
        OPENSSL_free(p);
    }
    OPENSSL_free(NULL);
    void *p = record();
    assert_ptr_equal(p, kept);
    p = OPENSSL_realloc(p, 40000);
    assert_memory_equal(p, "xxxx", 4);
    OPENSSL_free(p);
}

static void *give_all(void *arg)
{
    for (void **p = arg; *p; p++)
        OPENSSL_free(*p);
    OPENSSL_free(record());
    return NULL; /* what it kept goes with it: the leak checker looks */
}

static void another_thread_may_give_them_back(void **state)
{
    (void)state;
    void *all[MANY + 1] = { NULL };
    pthread_t other;

    for (int i = 0; i < MANY; i++)
        all[i] = record();
    assert_int_equal(pthread_create(&other, NULL, give_all, all), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    for (int i = 0; i < MANY; i++)
        all[i] = record();
    give_all(all);
}

int main(void)
{
    const struct CMUnitTest stories[] = {
        cmocka_unit_test(buffer_of_a_record_goes_round),
        cmocka_unit_test(other_sizes_are_malloc_s),
        cmocka_unit_test(another_thread_may_give_them_back),
    };
    tls_keep_buffers();
    return cmocka_run_group_tests(stories, NULL, NULL);
}
