/* Clocks, the CPU time of the processes that are measured, and a histogram of latencies. */
#include "load.h"

#include <stdlib.h>
#include <time.h>

enum { STEP_BITS = 7 };

static int64_t read_clock(clockid_t id)
{
    struct timespec t = { 0 };

    clock_gettime(id, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

int64_t now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static unsigned bucket(uint64_t v)
{
    unsigned octave = v < HISTOGRAM_STEPS ? 0 : 63u - (unsigned)__builtin_clzll(v) - STEP_BITS;

    return v < HISTOGRAM_STEPS ? (unsigned)v : (octave << STEP_BITS) + (unsigned)(v >> octave);
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned i)
{
    unsigned octave = i < 2 * HISTOGRAM_STEPS ? 0 : (i >> STEP_BITS) - 1;

    return ((uint64_t)(i - (octave << STEP_BITS)) << octave) + ((1u << octave) >> 1);
}

void histogram_add(struct histogram *h, int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : (uint64_t)ns;

    h->count[bucket(v)]++;
    h->n++;
    if (v > h->most)
        h->most = v;
}

double histogram_us(const struct histogram *h, double quantile)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < COUNT_OF(h->count); i++) {
        seen += h->count[i];
        if (h->n && (double)seen >= quantile * (double)h->n)
            return (double)(bucket_value(i) < h->most ? bucket_value(i) : h->most) / 1e3;
    }
    return 0;
}

struct sample sample_take(const char *pids)
{
    struct sample s = { .at = now() };

    for (char *end; pids && *pids; pids = *end ? end + 1 : end) {
        clockid_t clock;
        if (clock_getcpuclockid((pid_t)strtol(pids, &end, 10), &clock) == 0)
            s.cpu += read_clock(clock);
    }
    return s;
}
