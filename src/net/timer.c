/* Timers: a 4-ary heap of pointers; each timer knows its slot, so that moving and cancelling need no search. */
#include "timers.h"

#include <limits.h>
#include <stdlib.h>

static void put(struct timers *t, unsigned at, struct timer *timer)
{
    t->heap[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(struct timers *t, unsigned at, struct timer *timer)
{
    while (at > 0) {
        unsigned parent = (at - 1) / 4;
        if (t->heap[parent]->when <= timer->when)
            break;
        put(t, at, t->heap[parent]);
        at = parent;
    }
    put(t, at, timer);
}

static unsigned earliest_child(const struct timers *t, unsigned at)
{
    unsigned first = at * 4 + 1, end = first + 4 < t->n ? first + 4 : t->n, best = first;
    for (unsigned i = first + 1; i < end; i++)
        if (t->heap[i]->when < t->heap[best]->when)
            best = i;
    return best;
}

static void sift_down(struct timers *t, unsigned at, struct timer *timer)
{
    while (at * 4 + 1 < t->n) {
        unsigned child = earliest_child(t, at);
        if (timer->when <= t->heap[child]->when)
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, timer);
}

static void grow(struct timers *t)
{
    if (t->n < t->cap)
        return;
    t->cap = t->cap ? t->cap * 2 : 64;
    t->heap = base_realloc(t->heap, t->cap * sizeof(*t->heap));
}

static void take_out(struct timers *t, struct timer *timer)
{
    unsigned at = timer->slot - 1;
    ASSERT(at < t->n && t->heap[at] == timer);
    struct timer *last = t->heap[--t->n];
    timer->slot = 0;
    if (last == timer)
        return;
    if (last->when < timer->when)
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

void timer_set(struct loop *l, struct timer *timer, uint64_t in_ms)
{
    struct timers *t = loop_timers(l);
    uint64_t now = loop_now(l), old = timer->when;
    timer->when = in_ms < UINT64_MAX - now ? now + in_ms : UINT64_MAX;
    if (!timer->slot) {
        grow(t);
        sift_up(t, t->n++, timer);
    } else if (timer->when < old) {
        sift_up(t, timer->slot - 1, timer);
    } else {
        sift_down(t, timer->slot - 1, timer);
    }
}

void timer_cancel(struct loop *l, struct timer *timer)
{
    if (timer->slot)
        take_out(loop_timers(l), timer);
}

void timers_run(struct timers *t, uint64_t now)
{
    /* As many as there were: a timer that arms itself with 0 must not starve the descriptors. */
    for (unsigned budget = t->n; budget > 0 && t->n > 0 && t->heap[0]->when <= now; budget--) {
        struct timer *timer = t->heap[0];
        take_out(t, timer);
        timer->on_time(timer);
    }
}

int timers_wait(const struct timers *t, uint64_t now)
{
    if (t->n == 0)
        return -1;
    uint64_t when = t->heap[0]->when;
    if (when <= now)
        return 0;
    return when - now < INT_MAX ? (int)(when - now) : INT_MAX;
}
