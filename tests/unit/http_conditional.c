/* Conditional requests and the dates in them. */
#include "http.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define OLD      "Sun, 06 Nov 1994 08:49:36 GMT"
#define MODIFIED "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER    "Sun, 06 Nov 1994 08:49:38 GMT"
#define FUTURE   "Sun, 06 Nov 2094 08:49:37 GMT"
#define TIME     784111777

static const struct http_validators aged = { "\"a-1\"", TIME, TIME + 3600 };
static const struct http_validators young = { "\"a-1\"", TIME, TIME + 30 };
static const struct http_validators weak = { "W/\"a-1\"", TIME, TIME + 1 };

static const struct row {
    const char *fields; /* "Name: value\n…" */
    bool get;
    const struct http_validators *is;
    int status;
    bool range; /* may parts be sent */
} rows[] = {
    { "", true, &aged, 0, true },
    { "If-None-Match: \"a-1\"", true, &aged, 304, true },
    { "If-None-Match: W/\"a-1\"", true, &aged, 304, true },
    { "If-None-Match: \"b\", W/\"c\" , \"a-1\"", true, &aged, 304, true },
    { "If-None-Match: \"b\"\nIf-None-Match: \"a-1\"", true, &aged, 304, true },
    { "If-None-Match: \"a\"", true, &aged, 0, true },
    { "If-None-Match: \"a-1\"x", true, &aged, 0, true },
    { "If-None-Match: a-1", true, &aged, 0, true },
    { "If-None-Match: *", true, &aged, 304, true },
    { "If-None-Match: *", false, &aged, 412, true },
    { "If-None-Match: \"a-1\"", false, &aged, 412, true },
    { "If-None-Match: W/\"a-1\"", false, &aged, 0, true },
    { "If-None-Match: \"a-1\"", true, &weak, 304, true },
    { "If-None-Match: \"a-1\"\nRange: bytes=0-1", true, &weak, 0, true },
    { "If-None-Match: \"a-1\"\nRange: bytes=0-1", true, &aged, 304, true },
    { "If-Match: \"a-1\"", true, &aged, 0, true },
    { "If-Match: \"b\", \"a-1\"", true, &aged, 0, true },
    { "If-Match: *", true, &aged, 0, true },
    { "If-Match: \"b\"", true, &aged, 412, true },
    { "If-Match: W/\"a-1\"", true, &aged, 412, true },
    { "If-Match: \"a-1\"", true, &weak, 412, true },
    { "If-Match: ", true, &aged, 412, true },
    { "If-Modified-Since: " MODIFIED, true, &aged, 304, true },
    { "If-Modified-Since: " LATER, true, &aged, 304, true },
    { "If-Modified-Since: " OLD, true, &aged, 0, true },
    { "If-Modified-Since: " FUTURE, true, &aged, 0, true },
    { "If-Modified-Since: yesterday", true, &aged, 0, true },
    { "If-Modified-Since: " MODIFIED, false, &aged, 0, true },
    { "If-Modified-Since: " MODIFIED, true, &young, 304, true },
    { "If-Modified-Since: " MODIFIED "\nRange: bytes=0-1", true, &young, 0, true },
    { "If-None-Match: \"b\"\nIf-Modified-Since: " MODIFIED, true, &aged, 0, true },
    { "If-None-Match: \"a-1\"\nIf-Modified-Since: " OLD, true, &aged, 0, true },
    { "If-None-Match: \"a-1\"\nIf-Modified-Since: " MODIFIED, true, &aged, 304, true },
    { "If-Unmodified-Since: " MODIFIED, true, &aged, 0, true },
    { "If-Unmodified-Since: " OLD, true, &aged, 412, true },
    { "If-Unmodified-Since: never", true, &aged, 0, true },
    { "If-Unmodified-Since: " LATER "\nIf-Modified-Since: " MODIFIED, true, &aged, 0, true },
    { "If-Range: \"a-1\"\nRange: bytes=0-1", true, &aged, 0, true },
    { "If-Range: \"b\"\nRange: bytes=0-1", true, &aged, 0, false },
    { "If-Range: W/\"a-1\"\nRange: bytes=0-1", true, &aged, 0, false },
    { "If-Range: " MODIFIED "\nRange: bytes=0-1", true, &aged, 0, true },
    { "If-Range: " MODIFIED "\nRange: bytes=0-1", true, &young, 0, false },
    { "If-Range: " LATER "\nRange: bytes=0-1", true, &aged, 0, false },
    { "If-Range: \"b\"", true, &aged, 0, true },
    { "If-Range: \"b\"\nRange: bytes=0-1\nIf-None-Match: \"a-1\"", true, &aged, 0, false },
};

static void read_fields(struct arena *a, const char *text, struct http_fields *fields)
{
    while (*text) {
        const char *end = strchrnul(text, '\n'), *colon = strchr(text, ':');
        http_fields_add(a, fields, (struct span){ text, (size_t)(colon - text) },
                        span_trim((struct span){ colon + 1, (size_t)(end - colon) - 1 }));
        text = end + (*end == '\n');
    }
}

static void each_field_alone_and_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *a = arena_new();
        struct http_fields fields = { 0 };

        read_fields(a, row->fields, &fields);
        if (http_conditions(a, &fields, row->get, row->is) != row->status)
            fail_msg("row %zu: %s: %d", i, row->fields, http_conditions(a, &fields, row->get, row->is));
        if (http_range_applies(a, &fields, row->is) != row->range)
            fail_msg("row %zu: %s: range", i, row->fields);
        arena_free(a);
    }
}

static void dates_of_all_forms(void **state)
{
    (void)state;
    assert_int_equal(http_parse_date(SPAN(MODIFIED)), TIME);
    assert_int_equal(http_parse_date(SPAN("  x, 06 Nov 1994 08:49:37 whatever")), TIME);
    assert_int_equal(http_parse_date(SPAN("Sun, 6 Nov 1994 08:49:37 GMT")), TIME);
    assert_int_equal(http_parse_date(SPAN("Sunday, 06-Nov-94 08:49:37 GMT")), TIME);
    assert_int_equal(http_parse_date(SPAN("Sun Nov  6 08:49:37 1994")), TIME);
    assert_int_equal(http_parse_date(SPAN("Thu, 29 Feb 2024 23:59:59 GMT")), 1709251199);
    assert_int_equal(http_parse_date(SPAN("Friday, 01-Jan-27 00:00:00 GMT")), 1798761600);
}

static void what_is_no_date(void **state)
{
    static const char *const texts[] = { "",
                                         " ",
                                         "0",
                                         "Sun,",
                                         "Sun, ",
                                         "Sun, 31 Apr 1994 08:49:37 GMT",
                                         "Sun, 29 Feb 2023 08:49:37 GMT",
                                         "Sun, 00 Nov 1994 08:49:37 GMT",
                                         "Sun, 06 Foo 1994 08:49:37 GMT",
                                         "Sun, 06 Nov 1994 24:49:37 GMT",
                                         "Sun, 06 Nov 1994 08:49:37",
                                         "Sun, 06 Nov 1969 08:49:37 GMT",
                                         "Sun, 06 Nov 19" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (http_parse_date(span_of(texts[i])))
            fail_msg("%s", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_alone_and_together),
        cmocka_unit_test(dates_of_all_forms),
        cmocka_unit_test(what_is_no_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
