/* The bare relay's parts: epoll and splice (relay.c), io_uring (relay_ring.c). */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include "net.h"

enum { RELAY_EVENTS = 256 };

struct relay {
    int listener;
    struct addr backend;
};

int relay_dial(const struct relay *r, int flags); /* SOCK_*; TCP_NODELAY set; -1 with errno */
/* Before it listens: NULL, or what was refused, with errno, where the kernel or the container allows no io_uring. */
const char *relay_ring_begin(void);
_Noreturn void relay_ring(struct relay *r);

#endif
