/* What workers count for the status page: each writes its own numbers, anyone reads them, nobody waits. */
#include "server.h"

#include <stdatomic.h>

static _Atomic(struct worker_counts *) all; /* newest first; as long as the process lives */
static int64_t started_us;

struct worker_counts *status_join(void)
{
    struct worker_counts *mine = base_alloc(sizeof(*mine));

    if (!started_us)
        started_us = base_wall_us();
    mine->next = atomic_load(&all);
    atomic_store(&all, mine);
    return mine;
}

static void collect(struct status_report *report)
{
    struct worker_counts *first = atomic_load(&all);
    unsigned n = 0;

    for (const struct worker_counts *c = first; c; c = c->next)
        n++;
    report->workers = arena_alloc(report->arena, n * sizeof(*report->workers));
    report->n_workers = n;
    report->started_us = started_us;
    for (const struct worker_counts *c = first; c; c = c->next)
        report->workers[--n] = (struct status_worker){
            .requests = atomic_load_explicit(&c->requests, memory_order_relaxed),
            .bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed),
            .duration_ms = atomic_load_explicit(&c->duration_ms, memory_order_relaxed),
            .clients = (unsigned)atomic_load_explicit(&c->clients, memory_order_relaxed),
            .busy = (unsigned)atomic_load_explicit(&c->busy, memory_order_relaxed),
            .closing = (unsigned)atomic_load_explicit(&c->closing, memory_order_relaxed),
            .tunnels = (unsigned)atomic_load_explicit(&c->tunnels, memory_order_relaxed),
        };
}

void status_begin(void)
{
    status_source = collect;
}
