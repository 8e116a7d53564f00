/* One thread: a loop, its listeners, clients, upstreams and tunnels. Other threads speak to it through loop_call only.
 */
#include "control.h"
#include "tls_sites.h"
#include "upstream.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SWEEP_MS  5000
#define TRIM_MS   250
#define TRIM_REST 1000 /* ms between two */
#define TRIM_FROM 256  /* clients and tunnels: what fewer leave behind is not worth the walk */

/* ---- epochs: which snapshot, and who still reads it ---- */

static struct epoch *epoch_new(struct worker *w, struct snapshot *s, struct tls_sites *tls)
{
    struct epoch *e = base_alloc(sizeof(*e));
    e->snapshot = s;
    e->tls = tls;
    e->memo = place_memo_new(s);
    e->worker = w;
    e->users = 1;
    return e;
}

struct epoch *epoch_hold(struct epoch *e)
{
    e->users++;
    return e;
}

void epoch_drop(struct epoch *e)
{
    ASSERT(e->users > 0);
    if (--e->users)
        return;
    place_memo_free(e->memo);
    tls_sites_drop(e->tls);
    snapshot_drop(e->snapshot);
    free(e);
}

/* ---- memory ---- */

static uint64_t connections(const struct worker *w)
{
    return atomic_load_explicit(&w->counts->clients, memory_order_relaxed) +
           atomic_load_explicit(&w->counts->tunnels, memory_order_relaxed);
}

/* By itself malloc gives back only what lies above the last piece in use. */
static void on_trim(struct timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, trim);

    w->most = connections(w);
    w->may_trim_ms = loop_now(w->loop) + TRIM_REST;
    malloc_trim(0);
}

void worker_gained(struct worker *w)
{
    uint64_t now = connections(w);

    if (now > w->most)
        w->most = now;
}

/* When a quarter of them is gone: a walk through the heap for many that ended. The worker stands still for 10 ms while
 * 100 MB go back, so clients that come and go all the time cause no more than one a second. */
static void check_trim(struct worker *w)
{
    uint64_t now = connections(w), gone = w->most > now ? w->most - now : 0, ms = loop_now(w->loop);

    if (gone >= TRIM_FROM && gone >= w->most / 4 && !timer_armed(&w->trim))
        timer_set(w->loop, &w->trim, w->may_trim_ms > ms + TRIM_MS ? w->may_trim_ms - ms : TRIM_MS);
}

/* ---- messages from the control thread ---- */

struct message { /* one loop_call's argument; freed by the receiver */
    struct worker *worker;
    struct snapshot *snapshot;
    struct tls_sites *tls;
    struct addr addr;
    int fd;
};

static void send_message(struct worker *w, void (*fn)(void *), struct message m)
{
    struct message *copy = base_alloc(sizeof(*copy));
    *copy = m;
    copy->worker = w;
    loop_call(w->loop, fn, copy);
}

static void visit_clients(struct worker *w, void (*visit)(struct client *))
{
    struct link *next;
    for (struct link *i = w->clients.next; i != &w->clients; i = next) {
        next = i->next; /* visit may close it */
        visit(CONTAINER_OF(i, struct client, link));
    }
}

static void take_snapshot(void *arg)
{
    struct message *m = arg;
    struct epoch *old = m->worker->epoch;

    m->worker->epoch = epoch_new(m->worker, m->snapshot, m->tls);
    epoch_drop(old);
    upstream_refresh_names(m->worker);
    free(m);
}

void worker_publish(struct worker *w, struct snapshot *s, struct tls_sites *tls)
{
    send_message(w, take_snapshot, (struct message){ .snapshot = snapshot_hold(s), .tls = tls_sites_hold(tls) });
}

static void take_listener(void *arg)
{
    struct message *m = arg;
    listener_open(m->worker, m->fd, &m->addr);
    free(m);
}

void worker_listen(struct worker *w, int fd, const struct addr *a)
{
    send_message(w, take_listener, (struct message){ .fd = fd, .addr = *a });
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static void close_listeners(struct worker *w, const struct addr *only)
{
    struct link *next;
    for (struct link *i = w->listeners.next; i != &w->listeners; i = next) {
        struct listener *l = CONTAINER_OF(i, struct listener, link);
        next = i->next;
        if (!only || same_addr(&l->addr, only))
            listener_close(l);
    }
}

static void drop_listener(void *arg)
{
    struct message *m = arg;
    close_listeners(m->worker, &m->addr);
    free(m);
}

void worker_unlisten(struct worker *w, const struct addr *a)
{
    send_message(w, drop_listener, (struct message){ .addr = *a });
}

static void post(void *arg)
{
    sem_post(arg);
}

void worker_tell(struct worker *w, sem_t *there)
{
    loop_call(w->loop, post, there);
}

static void check_drained(struct worker *w)
{
    if (w->draining && link_empty(&w->clients) && tunnels_count(w->tunnels) == 0)
        loop_stop(w->loop);
}

void worker_lost(struct worker *w)
{
    check_drained(w);
    check_trim(w);
}

static void begin_drain(void *arg)
{
    struct message *m = arg;
    struct worker *w = m->worker;

    free(m);
    w->draining = true;
    close_listeners(w, NULL);
    visit_clients(w, client_stop_idle);
    check_drained(w);
}

void worker_drain(struct worker *w)
{
    send_message(w, begin_drain, (struct message){ 0 });
}

static void stop_tunnel(struct tunnel *t, void *arg)
{
    (void)arg;
    tunnel_stop(t);
}

static void stop_now(void *arg)
{
    struct worker *w = arg;
    loop_stop(w->loop);
}

/* Nothing is allocated: a worker that has ended by itself will not receive it. */
void worker_stop(struct worker *w)
{
    loop_call(w->loop, stop_now, w);
}

/* ---- the thread ---- */

static void on_sweep(struct timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, sweep);
    upstream_sweep(w);
    timer_set(w->loop, t, SWEEP_MS);
}

static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void end_all(struct worker *w)
{
    close_listeners(w, NULL);
    tunnels_each(w->tunnels, stop_tunnel, NULL);
    w->draining = true;
    visit_clients(w, client_close);
    if (!link_empty(&w->clients)) /* whose exchanges are away, until the last is back */
        loop_run(w->loop);
    upstream_close_all(w);
    timer_cancel(w->loop, &w->sweep);
    timer_cancel(w->loop, &w->accept_pause);
    timer_cancel(w->loop, &w->trim);
    epoch_drop(w->epoch);
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    uint64_t one = 1;

    block_signals();
    loop_run(w->loop);
    end_all(w);
    w->server->running--;
    ASSERT(write(w->server->done_fd, &one, sizeof(one)) == sizeof(one));
    return NULL;
}

struct worker *worker_start(struct server *server, unsigned id)
{
    struct worker *w = base_alloc(sizeof(*w));

    w->magic = WORKER_MAGIC;
    w->id = id;
    w->server = server;
    w->counts = status_join();
    w->loop = loop_new();
    w->resolver = resolver_new(w->loop);
    w->tunnels = tunnels_new(w->loop, upgrade_on_end, w);
    w->origins = map_new(MAP_EXACT);
    w->epoch = epoch_new(w, snapshot_hold(server->snapshot), tls_sites_hold(server->tls));
    link_init(&w->clients);
    link_init(&w->listeners);
    w->accept_pause.on_time = listener_on_resume;
    w->sweep.on_time = on_sweep;
    w->trim.on_time = on_trim;
    timer_set(w->loop, &w->sweep, SWEEP_MS);
    server->running++;
    ASSERT(pthread_create(&w->thread, NULL, run_worker, w) == 0);
    return w;
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
    tunnels_free(w->tunnels);
    resolver_free(w->resolver);
    map_free(w->origins);
    loop_free(w->loop);
    free(w);
}
