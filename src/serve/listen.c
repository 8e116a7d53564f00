/* Listeners of one worker: accept in bounded batches, and rest while descriptors are out. */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define TURNS_TO_GROW  8 /* connections that come singly fill a batch of one each time: to try two costs a call */
#define PAUSE_MS       250

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static bool is_gone_peer(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
}

static void rest(struct listener *l, int error)
{
    LOG_AT(&l->worker->epoch->snapshot->main->log, LOG_CORE, LEVEL_ERROR, 0, error, NULL,
           "accept: out of descriptors or memory, new connections wait / 記述子不足のため新規接続は待機します");
    listener_pause(l->worker);
}

/* Takes what waits in the queue, at most `most`. False: there was less, or descriptors are out. */
static bool accept_some(struct listener *l, unsigned most)
{
    while (most--) {
        struct addr peer;
        int fd = sock_accept(l->fd, &peer);
        if (fd >= 0) {
            l->worker->accepted++;
            client_accept(l, fd, &peer);
            if (sock_is_last_client(fd)) {
                rest(l, EMFILE);
                return false;
            }
        } else if (is_shortage(errno)) {
            rest(l, errno);
            return false;
        } else if (!is_gone_peer(errno)) {
            return false;
        }
    }
    return true;
}

static void on_connection(struct watch *w, uint32_t events)
{
    struct listener *l = CONTAINER_OF(w, struct listener, watch);

    (void)events;
    if (!accept_some(l, l->batch)) {
        l->batch = l->batch > 1 ? l->batch / 2 : 1;
        l->full_turns = 0;
    } else if (++l->full_turns == TURNS_TO_GROW) {
        l->batch *= l->batch < ACCEPTS_A_TURN ? 2 : 1;
        l->full_turns = 0;
    }
}

static const struct watch_kind listener_kind = { on_connection };

void listener_open(struct worker *w, int fd, const struct addr *a)
{
    struct listener *l = base_alloc(sizeof(*l));

    l->watch.kind = &listener_kind;
    l->fd = fd;
    l->worker = w;
    l->addr = *a;
    l->batch = 1;
    if (!addr_is_any(a))
        client_set_local(&l->peer, a);
    link_push(&w->listeners, &l->link);
    if (!loop_watch_level(w->loop, &l->watch, fd, EPOLLIN))
        LOG_AT(&w->epoch->snapshot->main->log, LOG_CORE, LEVEL_CRIT, 0, errno, NULL, "cannot watch a listener");
}

void listener_close(struct listener *l)
{
    accept_some(l, 4096); /* those whose handshake the kernel has already done */
    loop_unwatch(l->worker->loop, &l->watch, l->fd);
    close(l->fd);
    link_remove(&l->link);
    loop_defer(l->worker->loop, free, l);
}

static void watch_all(struct worker *w, uint32_t events)
{
    for (struct link *i = w->listeners.next; i != &w->listeners; i = i->next) {
        struct listener *l = CONTAINER_OF(i, struct listener, link);

        loop_watch_level(w->loop, &l->watch, l->fd, events);
    }
}

void listener_pause(struct worker *w)
{
    watch_all(w, 0);
    timer_set(w->loop, &w->accept_pause, PAUSE_MS);
}

void listener_on_resume(struct timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, accept_pause);

    if (link_empty(&w->listeners))
        return;
    if (!link_empty(&w->clients) && !sock_takes_clients(CONTAINER_OF(w->listeners.next, struct listener, link)->fd)) {
        timer_set(w->loop, t, PAUSE_MS);
        return;
    }
    LOG_AT(&w->epoch->snapshot->main->log, LOG_CORE, LEVEL_NOTICE, 0, 0, NULL,
           "accept: new connections are taken again / 新規接続の受け付けを再開します");
    watch_all(w, EPOLLIN);
}
