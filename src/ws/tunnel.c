/* Two ends and one pump. Bytes are read into the worker's shared buffer and written to the other side at once; only
 * what that side does not take is kept, and nothing more is read until it is gone: memory is bounded by one read for
 * each direction. */
#include "ws.h"

#include <errno.h>
#include <stdlib.h>

#define TUNNEL_MAGIC 0x54554e31u
#define READ_SIZE    (64 * 1024)
#define READS_A_TURN 8 /* then other tunnels have their turn */

struct end {
    struct stream *stream;
    struct buf unsent;   /* for this side */
    uint64_t bytes;      /* read from this side */
    uint64_t heard_ms;   /* last read from it */
    struct ws_scan scan; /* frames of what it sends */
    bool ended;          /* its FIN was read */
};

struct tunnel {
    uint32_t magic;
    bool half_close, websocket;
    struct tunnels *all;
    struct link link;
    struct task again; /* more to read, after the others */
    struct timer idle;
    uint64_t idle_ms, begun_ms, moved_ms;
    struct end end[2];
    void (*on_end)(void *owner, const struct tunnel_report *r);
    void *owner;
};

struct tunnels {
    struct loop *loop;
    struct link list;
    unsigned count;
    char *buffer; /* READ_SIZE, shared by all tunnels of the loop */
};

struct tunnels *tunnels_new(struct loop *l)
{
    struct tunnels *t = base_alloc(sizeof(*t));
    t->loop = l;
    t->buffer = base_alloc(READ_SIZE);
    link_init(&t->list);
    return t;
}

void tunnels_free(struct tunnels *t)
{
    ASSERT(link_empty(&t->list));
    free(t->buffer);
    free(t);
}

unsigned tunnels_count(const struct tunnels *t)
{
    return t->count;
}

const char *tunnel_end_text(enum tunnel_end why)
{
    static const char *const text[] = {
        [TUNNEL_CLOSED] = "both sides ended",
        [TUNNEL_CLOSE_FRAMES] = "close frames exchanged",
        [TUNNEL_IDLE] = "idle",
        [TUNNEL_CLIENT_ERROR] = "client failed",
        [TUNNEL_BACKEND_ERROR] = "backend failed",
        [TUNNEL_STOPPED] = "server stops",
    };
    return text[why];
}

/* Unread bytes at close(2) would make the kernel send RST, which can overtake the Close frame just sent. */
static void drain(struct tunnel *t, struct end *e)
{
    for (int i = 0; i < 4 && !e->ended; i++)
        if (stream_read(e->stream, t->all->buffer, READ_SIZE) <= 0)
            return;
}

static void close_end(struct tunnel *t, struct end *e, bool orderly)
{
    if (orderly) {
        stream_shutdown(e->stream);
        drain(t, e);
    }
    stream_close(e->stream);
    buf_release(&e->unsent);
}

static void fill_report(const struct tunnel *t, struct tunnel_report *r)
{
    uint64_t now = loop_now(t->all->loop);

    r->lasted_ms = now - t->begun_ms;
    for (int i = 0; i < 2; i++) {
        r->bytes[i] = t->end[i].bytes;
        r->messages[i] = t->end[i].scan.messages;
        r->idle_ms[i] = now - t->end[i].heard_ms;
    }
    if (r->why == TUNNEL_IDLE)
        r->who = r->idle_ms[TUNNEL_CLIENT] >= r->idle_ms[TUNNEL_BACKEND] ? TUNNEL_CLIENT : TUNNEL_BACKEND;
}

static void end_tunnel(struct tunnel *t, enum tunnel_end why, enum tunnel_side who, int os_error)
{
    struct tunnel_report r = { .why = why, .who = who, .os_error = os_error };
    bool orderly = why != TUNNEL_CLIENT_ERROR && why != TUNNEL_BACKEND_ERROR;

    fill_report(t, &r);
    t->magic = 0;
    timer_cancel(t->all->loop, &t->idle);
    task_cancel(&t->again);
    close_end(t, &t->end[TUNNEL_CLIENT], orderly);
    close_end(t, &t->end[TUNNEL_BACKEND], orderly);
    link_remove(&t->link);
    t->all->count--;
    t->on_end(t->owner, &r);
    loop_defer(t->all->loop, free, t);
}

/* One side failed: what it still sent is lost with it, the other is closed. */
static void fail(struct tunnel *t, enum tunnel_side side)
{
    int error = errno;
    end_tunnel(t, side == TUNNEL_CLIENT ? TUNNEL_CLIENT_ERROR : TUNNEL_BACKEND_ERROR, side, error);
}

/* The side's FIN was read and all it sent is delivered: pass the FIN on, or end when both are down. False: the tunnel
 * is gone. */
static bool pass_end(struct tunnel *t, enum tunnel_side from)
{
    struct end *to = &t->end[!from];

    if (!t->half_close || (to->ended && !buf_len(&t->end[from].unsent))) {
        end_tunnel(t, TUNNEL_CLOSED, from, 0);
        return false;
    }
    if (stream_shutdown(to->stream) < 0 && errno != ENOTCONN) {
        fail(t, !from);
        return false;
    }
    return true;
}

/* Sends what the side is owed. 1 all gone, 0 some left, -1 the tunnel is gone. */
static int flush(struct tunnel *t, enum tunnel_side side)
{
    struct end *e = &t->end[side];
    size_t before = buf_len(&e->unsent);
    int result;

    if (!before)
        return 1;
    result = stream_flush(e->stream, &e->unsent);
    if (result < 0) {
        fail(t, side);
        return -1;
    }
    if (buf_len(&e->unsent) < before)
        t->moved_ms = loop_now(t->all->loop);
    if (result)
        buf_release(&e->unsent);
    return result;
}

static bool both_said_close(const struct tunnel *t)
{
    const struct end *a = &t->end[0], *b = &t->end[1];
    return a->scan.closed && b->scan.closed && !buf_len(&a->unsent) && !buf_len(&b->unsent);
}

/* Hands n bytes of the shared buffer to the other side. False: the tunnel is gone. */
static bool hand_over(struct tunnel *t, enum tunnel_side from, struct span bytes)
{
    struct end *to = &t->end[!from];
    struct iovec v = { (void *)bytes.p, bytes.n };
    ssize_t n = 0;

    t->end[from].bytes += bytes.n;
    if (t->websocket)
        ws_scan(&t->end[from].scan, bytes);
    if (!buf_len(&to->unsent) && (n = stream_write(to->stream, &v, 1)) < 0) {
        if (errno != EAGAIN) {
            fail(t, !from);
            return false;
        }
        n = 0;
    }
    if ((size_t)n < bytes.n)
        buf_add(&to->unsent, bytes.p + n, bytes.n - (size_t)n);
    if (both_said_close(t)) {
        end_tunnel(t, TUNNEL_CLOSE_FRAMES, from, 0);
        return false;
    }
    return true;
}

/* Moves bytes from one side to the other until one of them has enough. False: the tunnel is gone. */
static bool tunnel_pump(struct tunnel *t, enum tunnel_side from)
{
    struct end *e = &t->end[from];
    int flushed = flush(t, !from);

    if (flushed <= 0)
        return flushed == 0;
    if (both_said_close(t)) {
        end_tunnel(t, TUNNEL_CLOSE_FRAMES, from, 0);
        return false;
    }
    for (int i = 0; i < READS_A_TURN && !e->ended && (e->stream->ready & STREAM_READABLE); i++) {
        ssize_t n = stream_read(e->stream, t->all->buffer, READ_SIZE);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0) {
            fail(t, from);
            return false;
        }
        t->moved_ms = e->heard_ms = loop_now(t->all->loop);
        e->ended = n == 0;
        if (n > 0 && !hand_over(t, from, (struct span){ t->all->buffer, (size_t)n }))
            return false;
        if (buf_len(&t->end[!from].unsent))
            return true;
    }
    if (e->ended)
        return pass_end(t, from);
    if (e->stream->ready & STREAM_READABLE)
        loop_post(t->all->loop, &t->again);
    return true;
}

static void pump_both(struct tunnel *t, enum tunnel_side first)
{
    CHECK_MAGIC(t, TUNNEL_MAGIC);
    if (tunnel_pump(t, first))
        tunnel_pump(t, !first);
}

static void on_ready(struct stream *s)
{
    struct tunnel *t = s->owner;
    pump_both(t, s == t->end[TUNNEL_CLIENT].stream ? TUNNEL_CLIENT : TUNNEL_BACKEND);
}

static void on_again(struct task *task)
{
    pump_both(CONTAINER_OF(task, struct tunnel, again), TUNNEL_CLIENT);
}

/* Armed once and looked at when it fires: a message costs no timer operation. */
static void on_idle(struct timer *timer)
{
    struct tunnel *t = CONTAINER_OF(timer, struct tunnel, idle);
    uint64_t quiet = loop_now(t->all->loop) - t->moved_ms;

    CHECK_MAGIC(t, TUNNEL_MAGIC);
    if (quiet >= t->idle_ms)
        end_tunnel(t, TUNNEL_IDLE, TUNNEL_CLIENT, 0);
    else
        timer_set(t->all->loop, &t->idle, t->idle_ms - quiet);
}

static void take_stream(struct tunnel *t, enum tunnel_side side, struct stream *s)
{
    s->owner = t;
    s->on_ready = on_ready;
    t->end[side].stream = s;
    t->end[side].heard_ms = t->begun_ms;
}

/* Bytes that came with a head go first, as if read now. False: the tunnel is gone. */
static bool hand_early(struct tunnel *t, enum tunnel_side from, struct buf *early)
{
    bool alive = !buf_len(early) || hand_over(t, from, buf_span(early));
    buf_release(early);
    return alive;
}

struct tunnel *tunnel_open(struct tunnels *all, struct tunnel_start *start)
{
    struct tunnel *t = base_alloc(sizeof(*t));

    t->magic = TUNNEL_MAGIC;
    t->all = all;
    t->half_close = start->policy.half_close;
    t->websocket = start->policy.websocket;
    t->idle_ms = start->policy.idle_ms;
    t->begun_ms = t->moved_ms = loop_now(all->loop);
    t->on_end = start->on_end;
    t->owner = start->owner;
    t->again.run = on_again;
    t->idle.on_time = on_idle;
    take_stream(t, TUNNEL_CLIENT, start->client);
    take_stream(t, TUNNEL_BACKEND, start->backend);
    t->end[TUNNEL_CLIENT].unsent = start->owed;
    start->owed = (struct buf){ 0 };
    link_push(&all->list, &t->link);
    all->count++;
    if (t->idle_ms)
        timer_set(all->loop, &t->idle, t->idle_ms);
    /* Readiness gained before the tunnel existed is not announced again: look at it after this turn's events. */
    loop_post(all->loop, &t->again);
    if (!hand_early(t, TUNNEL_BACKEND, &start->early[TUNNEL_BACKEND])) {
        buf_release(&start->early[TUNNEL_CLIENT]);
        return NULL;
    }
    return hand_early(t, TUNNEL_CLIENT, &start->early[TUNNEL_CLIENT]) ? t : NULL;
}

void tunnels_each(struct tunnels *all, void (*visit)(struct tunnel *, void *), void *arg)
{
    struct link *next;
    for (struct link *l = all->list.next; l != &all->list; l = next) {
        next = l->next; /* visit may end the tunnel */
        visit(CONTAINER_OF(l, struct tunnel, link), arg);
    }
}

void tunnel_stop(struct tunnel *t)
{
    CHECK_MAGIC(t, TUNNEL_MAGIC);
    end_tunnel(t, TUNNEL_STOPPED, TUNNEL_CLIENT, 0);
}
