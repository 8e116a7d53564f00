/* Range fields: what they ask of a resource, merged as httpd merges. */
#include "http.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* "206 0-4,8-9 overlaps reversals", "200" or "416" */
static void check(const char *field, uint64_t length, const char *expected)
{
    struct arena *a = arena_new();
    struct http_ranges ranges;
    struct buf out = { 0 };

    switch (http_parse_ranges(a, span_of(field), length, &ranges)) {
    case HTTP_RANGES_NONE: buf_adds(&out, "200"); break;
    case HTTP_RANGES_BEYOND: buf_adds(&out, "416"); break;
    case HTTP_RANGES_SOME:
        buf_adds(&out, "206 ");
        for (unsigned i = 0; i < ranges.n; i++)
            buf_printf(&out, "%s%llu-%llu", i ? "," : "", (unsigned long long)ranges.items[i].first,
                       (unsigned long long)ranges.items[i].last);
        buf_printf(&out, " %u %u", ranges.overlaps, ranges.reversals);
    }
    buf_add(&out, "", 1);
    if (strcmp(buf_head(&out), expected) != 0)
        fail_msg("%s of %llu: %s, not %s", field, (unsigned long long)length, buf_head(&out), expected);
    buf_release(&out);
    arena_free(a);
}

static void one_range(void **state)
{
    (void)state;
    check("bytes=0-4", 10, "206 0-4 0 0");
    check("BYTES=9-9", 10, "206 9-9 0 0");
    check("bytes=5-", 10, "206 5-9 0 0");
    check("bytes=0-", 10, "206 0-9 0 0");
    check("bytes=-3", 10, "206 7-9 0 0");
    check("bytes=-30", 10, "206 0-9 0 0");
    check("bytes=5-100", 10, "206 5-9 0 0");
    check("bytes=0-0", 1, "206 0-0 0 0");
}

static void beyond_the_end(void **state)
{
    (void)state;
    check("bytes=10-", 10, "416");
    check("bytes=10-20,30-40", 10, "416");
    check("bytes=10-,3-4", 10, "206 3-4 0 0");
    check("bytes=9223372036854775807-", 10, "416");
}

static void what_is_malformed_is_not_asked(void **state)
{
    static const char *const fields[] = { "bytes=",
                                          "bytes=5",
                                          "bytes=a-b",
                                          "bytes=5-4",
                                          "bytes=-0",
                                          "bytes=-",
                                          "bytes=1-2,",
                                          "bytes= 1-2",
                                          "bytes=1-2, 4-5",
                                          "bytes=+1-2",
                                          "items=0-4",
                                          "bytes",
                                          "bytes=0-4,x",
                                          "bytes=--1",
                                          "bytes=1-2-3",
                                          "",
                                          "bytes=99999999999999999999-",
                                          "bytes=,1-2" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (strcmp(fields[i], "bytes=1-2,") != 0)
            check(fields[i], 10, "200");
    check("bytes=1-2,", 10, "206 1-2 0 0");
    check("bytes=0-4", 0, "200");
}

static void neighbours_become_one(void **state)
{
    (void)state;
    check("bytes=0-1,2-3", 10, "206 0-3 1 0");
    check("bytes=0-1,3-4", 10, "206 0-1,3-4 0 0");
    check("bytes=2-5,3-4", 10, "206 2-5 1 0");
    check("bytes=5-6,2-4", 10, "206 2-6 1 1");
    check("bytes=5-6,1-2", 10, "206 5-6,1-2 0 0");
    check("bytes=1-2,,4-5", 10, "206 1-2,4-5 0 0");
    check("bytes=3-4,0-,7-8", 10, "206 0-9 0 0");
    check("bytes=0-8,5-5,0-8", 10, "206 0-8 2 0");
}

static void more_than_the_whole_is_the_whole(void **state)
{
    (void)state;
    check("bytes=0-7,9-9,0-7", 10, "200");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range),
        cmocka_unit_test(beyond_the_end),
        cmocka_unit_test(what_is_malformed_is_not_asked),
        cmocka_unit_test(neighbours_become_one),
        cmocka_unit_test(more_than_the_whole_is_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
