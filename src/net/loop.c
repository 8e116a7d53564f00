/* The loop: one epoll descriptor, and around each wait timers, posted tasks, calls from other threads and releases. */
#include "timers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 256 };

struct call {
    struct call *next;
    void (*fn)(void *);
    void *arg;
};

struct release {
    void (*fn)(void *);
    void *p;
};

struct loop {
    int epoll;
    bool running;
    uint64_t now;
    int64_t wall_us;
    struct timers timers;
    struct link posted;
    struct release *releases;
    unsigned n_releases, cap_releases;
    struct watch wake;            /* calls has something */
    int wake_fd;                  /* an eventfd */
    _Atomic(struct call *) calls; /* newest first; pushed by any thread, taken whole by ours */
    int next_event, n_events;     /* those of the batch not yet handled */
    struct epoll_event events[BATCH];
};

/* The wall clock is read when a turn first asks for it: most turns carry messages and never do. */
static void read_clock(struct loop *l)
{
    l->now = base_now_ms();
    l->wall_us = 0;
}

static void on_wake(struct watch *w, uint32_t events)
{
    (void)events;
    struct loop *l = CONTAINER_OF(w, struct loop, wake);
    uint64_t count;
    ssize_t n = read(l->wake_fd, &count, sizeof(count));
    (void)n; /* the count says nothing that the list does not */
    struct call *newest = atomic_exchange_explicit(&l->calls, NULL, memory_order_acquire), *oldest = NULL;
    while (newest) {
        struct call *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct call *c = oldest;
        oldest = c->next;
        c->fn(c->arg);
        free(c);
    }
}

static const struct watch_kind wake_kind = { on_wake };

struct loop *loop_new(void)
{
    struct loop *l = base_alloc(sizeof(*l));
    link_init(&l->posted);
    read_clock(l);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake.kind = &wake_kind;
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ASSERT(l->epoll >= 0 && l->wake_fd >= 0);
    ASSERT(loop_watch(l, &l->wake, l->wake_fd));
    return l;
}

struct timers *loop_timers(struct loop *l)
{
    return &l->timers;
}
uint64_t loop_now(const struct loop *l)
{
    return l->now;
}
int64_t loop_wall_us(struct loop *l)
{
    if (!l->wall_us)
        l->wall_us = base_wall_us();
    return l->wall_us;
}
void loop_stop(struct loop *l)
{
    l->running = false;
}

bool loop_watch(struct loop *l, struct watch *w, int fd)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w };
    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool loop_watch_level(struct loop *l, struct watch *w, int fd, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = w };
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) == 0)
        return true;
    return errno == ENOENT && epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* Not left to close(): a child between fork and exec may hold the same open file a moment longer. */
void loop_unwatch(struct loop *l, struct watch *w, int fd)
{
    if (fd >= 0)
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
    for (int i = l->next_event; i < l->n_events; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
}

bool loop_has_event(const struct loop *l, const struct watch *w)
{
    int i = l->next_event;

    while (i < l->n_events && l->events[i].data.ptr != w)
        i++;
    return i < l->n_events;
}

void loop_defer(struct loop *l, void (*fn)(void *), void *p)
{
    if (l->n_releases == l->cap_releases) {
        l->cap_releases = l->cap_releases ? l->cap_releases * 2 : 32;
        l->releases = base_realloc(l->releases, l->cap_releases * sizeof(*l->releases));
    }
    l->releases[l->n_releases++] = (struct release){ fn, p };
}

static bool queued(const struct task *t)
{
    return t->link.next && !link_empty(&t->link);
}

void loop_post(struct loop *l, struct task *t)
{
    if (!queued(t))
        link_push(&l->posted, &t->link);
}

void task_cancel(struct task *t)
{
    if (queued(t))
        link_remove(&t->link);
}

void loop_call(struct loop *l, void (*fn)(void *), void *arg)
{
    struct call *c = base_alloc(sizeof(*c));
    *c = (struct call){ .fn = fn, .arg = arg };
    struct call *head = atomic_load_explicit(&l->calls, memory_order_relaxed);
    do
        c->next = head;
    while (!atomic_compare_exchange_weak_explicit(&l->calls, &head, c, memory_order_release, memory_order_relaxed));
    if (head)
        return; /* who found the list empty has woken the loop */
    uint64_t one = 1;
    ssize_t n = write(l->wake_fd, &one, sizeof(one));
    (void)n; /* fails only when the counter is full, and then the loop is awake */
}

static void wait_for_events(struct loop *l)
{
    int ms = 0;
    if (link_empty(&l->posted) && l->n_releases == 0)
        ms = timers_wait(&l->timers, l->now); /* the turn's own work makes a timer late by that much at most */
    int n = epoll_wait(l->epoll, l->events, BATCH, ms);
    ASSERT(n >= 0 || errno == EINTR);
    l->n_events = n > 0 ? n : 0;
    l->next_event = 0;
    read_clock(l);
}

static void handle_events(struct loop *l)
{
    while (l->next_event < l->n_events) {
        const struct epoll_event *e = &l->events[l->next_event++];
        struct watch *w = e->data.ptr;
        if (w)
            w->kind->on_event(w, e->events);
    }
}

/* Those posted meanwhile wait for the next turn, which then does not sleep. */
static void run_posted(struct loop *l)
{
    if (link_empty(&l->posted))
        return;
    struct link batch = l->posted;
    batch.next->prev = batch.prev->next = &batch;
    link_init(&l->posted);
    while (!link_empty(&batch)) {
        struct task *t = CONTAINER_OF(batch.next, struct task, link);
        link_remove(&t->link);
        t->run(t);
    }
}

static void release_deferred(struct loop *l)
{
    for (unsigned i = 0; i < l->n_releases; i++) { /* the list may grow and move under us */
        struct release r = l->releases[i];
        r.fn(r.p);
    }
    l->n_releases = 0;
}

void loop_run(struct loop *l)
{
    l->running = true;
    while (l->running) {
        wait_for_events(l);
        handle_events(l);
        timers_run(&l->timers, l->now);
        run_posted(l);
        release_deferred(l);
    }
}

void loop_free(struct loop *l)
{
    release_deferred(l);
    for (struct call *c = atomic_load(&l->calls), *next; c; c = next) {
        next = c->next;
        free(c);
    }
    close(l->wake_fd);
    close(l->epoll);
    free(l->releases);
    free(l->timers.heap);
    free(l);
}
