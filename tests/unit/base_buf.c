/* Bytes on their way: nothing lost, nothing kept, no quadratic copying. */
#include "base.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_empty_buffer_holds_nothing(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_span(&b).n, 0);
    buf_add(&b, NULL, 0);
    assert_null(b.data);
    buf_release(&b);
}

static void what_goes_in_comes_out_in_order(void **state)
{
    struct buf b = { 0 };
    unsigned char in = 0, out = 0;

    (void)state;
    for (int round = 0; round < 2000; round++) { /* in steps of 37, out in steps of 36: it grows slowly */
        for (int i = 0; i < 37; i++, in++)
            buf_add(&b, &in, 1);
        for (int i = 0; i < 36; i++, out++) {
            assert_int_equal((unsigned char)*buf_head(&b), out);
            buf_consume(&b, 1);
        }
    }
    assert_int_equal(buf_len(&b), 2000);
    assert_true(b.cap <= 8192);
    buf_release(&b);
}

static void reserve_promises_room_at_the_end(void **state)
{
    struct buf b = { 0 };
    char *room;

    (void)state;
    buf_adds(&b, "head");
    room = buf_reserve(&b, 100000);
    memset(room, 'x', 100000);
    b.end += 100000;
    assert_int_equal(buf_len(&b), 100004);
    assert_memory_equal(buf_head(&b), "headxxx", 7);
    buf_release(&b);
}

static void an_emptied_buffer_starts_again_at_the_front(void **state)
{
    struct buf b = { 0 };
    char *data;

    (void)state;
    buf_adds(&b, "frame");
    data = b.data;
    buf_consume(&b, 5);
    assert_int_equal(b.start, 0);
    buf_adds(&b, "next");
    assert_ptr_equal(b.data, data);
    assert_memory_equal(buf_head(&b), "next", 4);
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
    buf_adds(&b, "again"); /* released is empty, not dead */
    assert_int_equal(buf_len(&b), 5);
    buf_release(&b);
}

static void a_slow_reader_does_not_make_appends_dear(void **state)
{
    struct buf b = { 0 };
    unsigned moves = 0;

    (void)state;
    memset(buf_reserve(&b, 1 << 20), 'q', 1 << 20);
    b.end += 1 << 20;
    for (int i = 0; i < 10000; i++) { /* a byte out, a byte in, behind a queue of 1 MiB */
        const char *data = b.data;
        size_t start;

        buf_consume(&b, 1);
        start = b.start;
        buf_add(&b, "r", 1);
        moves += b.data != data || b.start != start;
    }
    assert_in_range(moves, 0, 3);
    assert_int_equal(buf_len(&b), 1 << 20);
    buf_release(&b);
}

static void formatted_text_is_appended_without_its_terminator(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_printf(&b, "HTTP/1.1 %d ", 101);
    buf_printf(&b, "%s", "Switching Protocols");
    buf_printf(&b, "%1000s", "");
    assert_int_equal(buf_len(&b), 32 + 1000);
    assert_memory_equal(buf_head(&b), "HTTP/1.1 101 Switching Protocols", 32);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_holds_nothing),
        cmocka_unit_test(what_goes_in_comes_out_in_order),
        cmocka_unit_test(reserve_promises_room_at_the_end),
        cmocka_unit_test(an_emptied_buffer_starts_again_at_the_front),
        cmocka_unit_test(a_slow_reader_does_not_make_appends_dear),
        cmocka_unit_test(formatted_text_is_appended_without_its_terminator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
