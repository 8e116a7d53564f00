/* Range and conditional fields: parts lie inside of the whole, apart from each other, and together are no larger; a
 * condition is one of three answers, and dates stay within their calendar. The first byte is the length. */
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_ranges(struct arena *a, struct span field, uint64_t length)
{
    struct http_ranges ranges;
    uint64_t sum = 0;

    if (http_parse_ranges(a, field, length, &ranges) != HTTP_RANGES_SOME)
        return;
    ASSERT(ranges.n > 0);
    for (unsigned i = 0; i < ranges.n; i++) {
        ASSERT(ranges.items[i].first <= ranges.items[i].last && ranges.items[i].last < length);
        sum += ranges.items[i].last - ranges.items[i].first + 1;
    }
    ASSERT(sum == ranges.sum && sum <= length && ranges.reversals <= ranges.overlaps);
}

static void run_conditions(struct arena *a, struct span value)
{
    static const char *const names[] = { "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                                         "If-Range" };
    const struct http_validators is = { "\"5-abc\"", 784111777, 784115377 };

    for (unsigned set = 1; set < 32; set++) {
        struct http_fields fields = { 0 };
        int status;
        for (unsigned i = 0; i < 5; i++)
            if (set >> i & 1)
                http_fields_add(a, &fields, span_of(names[i]), value);
        http_fields_add(a, &fields, SPAN("Range"), SPAN("bytes=0-1"));
        status = http_conditions(a, &fields, set & 1, &is);
        ASSERT(status == 0 || status == 304 || status == 412);
        http_range_applies(a, &fields, &is);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { size ? (const char *)data + 1 : "", size ? size - 1 : 0 };
    struct arena *a = arena_new();
    int64_t date = http_parse_date(in);

    ASSERT(date >= 0 && date < 253402300801);
    run_ranges(a, in, size ? data[0] : 0);
    run_ranges(a, in, INT64_MAX);
    run_conditions(a, in);
    arena_free(a);
    return 0;
}
