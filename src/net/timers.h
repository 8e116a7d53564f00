/* net, inside: what loop.c and timer.c share. */
#ifndef WEIR_TIMERS_H
#define WEIR_TIMERS_H

#include "net.h"

struct timers { /* a 4-ary heap on `when`; a timer's slot is its place + 1 */
    struct timer **heap;
    unsigned n, cap;
};
struct timers *loop_timers(struct loop *l);
void timers_run(struct timers *t, uint64_t now); /* calls what is due */
/* For epoll_wait: milliseconds from now to the first timer, -1 without one. */
int timers_wait(const struct timers *t, uint64_t now);

#endif
