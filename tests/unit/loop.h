/* A loop for each story that needs one: it waits no longer than a minute. */
#ifndef WEIR_TEST_LOOP_H
#define WEIR_TEST_LOOP_H

#include "net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct loop *l;

static void on_late(struct timer *t)
{
    (void)t;
    fail_msg("the loop waited a minute for something that did not come");
}
static struct timer late = { .on_time = on_late };

static int start(void **state)
{
    (void)state;
    l = loop_new();
    timer_set(l, &late, 60000);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    timer_cancel(l, &late);
    loop_free(l);
    return 0;
}

static void on_pause(struct timer *t)
{
    (void)t;
    loop_stop(l);
}

static void run_for(uint64_t ms)
{
    struct timer pause = { .on_time = on_pause };
    timer_set(l, &pause, ms);
    loop_run(l);
    timer_cancel(l, &pause);
}

#endif
