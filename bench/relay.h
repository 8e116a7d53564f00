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
/* Comes back, with what was refused in errno, only where the kernel or the container allows no io_uring. */
const char *relay_ring(struct relay *r);

#endif
