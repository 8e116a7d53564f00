/* A worker: one thread, one loop, its listeners. Share-nothing: what it has of a configuration, and what it counts. */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include "mods.h"
#include "net.h"
#include "ws.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* A snapshot as one worker uses it: its merged places, and how many exchanges still read it (no atomics a request). */
struct epoch {
    struct snapshot *snapshot;
    struct tls_sites *tls;
    struct place_memo *memo;
    struct origin_memo { /* upstream.c: found last for this ProxyPass */
        const struct proxy_worker *worker;
        const char *source;
        struct origin *origin;
        unsigned freed; /* the worker's count when it was noted */
    } origins[16];
    struct worker *worker;
    unsigned users; /* exchanges, and one while it is the current one */
};
struct server; /* control.h */
struct epoch *epoch_hold(struct epoch *e);
void epoch_drop(struct epoch *e);

/* What the status page tells of a worker: written by that worker alone. */
struct worker_counts {
    _Atomic uint64_t requests, bytes, duration_ms;
    _Atomic uint64_t clients, busy, closing, tunnels;
    struct worker_counts *next; /* status.c */
};
static inline void counter_add(_Atomic uint64_t *n, int64_t more)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + (uint64_t)more, memory_order_relaxed);
}
struct worker_counts *status_join(void); /* the control thread, for a worker that is to start */
void status_begin(void);                 /* once: the page shows what the workers count */

#define WORKER_MAGIC 0x574b5231u
struct worker {
    uint32_t magic;
    unsigned id;
    pthread_t thread;
    struct loop *loop;
    struct resolver *resolver;
    struct tunnels *tunnels;
    struct epoch *epoch;       /* the current one */
    struct map *origins;       /* key -> struct origin */
    unsigned origins_freed;    /* so far */
    struct link clients;       /* struct client by link */
    struct link listeners;     /* struct listener by link */
    struct timer accept_pause; /* descriptors ran out */
    struct timer sweep;        /* keep-alive connections of upstreams, origins out of use */
    struct server *server;
    bool draining;        /* graceful-stop: no new work, ends when the last tunnel and client are gone */
    struct timer trim;    /* many clients and tunnels are gone: their memory goes back */
    uint64_t most;        /* clients and tunnels since it was last given back */
    uint64_t may_trim_ms; /* not before */
    unsigned long accepted;
    struct worker_counts *counts;
};

struct worker *worker_start(struct server *server, unsigned id);
void worker_publish(struct worker *w, struct snapshot *s,
                    struct tls_sites *tls);                         /* any thread; takes references of its own */
void worker_listen(struct worker *w, int fd, const struct addr *a); /* any thread; takes fd */
void worker_unlisten(struct worker *w, const struct addr *a);       /* any thread */
void worker_tell(struct worker *w, sem_t *there); /* any thread: posted when all sent before is done */
void worker_drain(struct worker *w);              /* any thread: graceful-stop */
void worker_stop(struct worker *w);               /* any thread: everything ends now */
void worker_join(struct worker *w);
void worker_gained(struct worker *w); /* a client */
void worker_lost(struct worker *w);   /* a client or tunnel ended */

/* listen.c */
struct listener {
    struct watch watch;
    int fd;
    struct link link;
    struct addr addr;
    struct worker *worker;
    struct peer_info peer; /* what a client's begins as: where it was accepted, unless `addr` stands for many */
    unsigned batch;      /* accepted at once: one when they come singly, for it costs a call to find the queue empty */
    unsigned full_turns; /* in a row, since the batch became what it is */
};
void listener_open(struct worker *w, int fd, const struct addr *a);
void listener_close(struct listener *l); /* what is in its queue is accepted first */
void listener_pause(struct worker *w);   /* out of descriptors: look again in a while */
void listener_on_resume(struct timer *t);

#endif
