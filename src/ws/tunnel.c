/* A tunnel's life: opened after the 101, looked at by the wheel of idle time-outs, ended once with a report. What moves
 * its bytes is pump.c. */
#include "tls.h"
#include "tunnel_impl.h"

#include <stdlib.h>

#define SLOT_MS    256u
#define PIPES_MOST 32 /* of a worker: in flight at once; beyond them bytes are copied */

static void on_tick(struct timer *timer);

struct tunnels *tunnels_new(struct loop *l, tunnel_end_fn *on_end, void *owner)
{
    struct tunnels *t = base_alloc(sizeof(*t));

    t->loop = l;
    t->on_end = on_end;
    t->owner = owner;
    t->pipes = pipes_new(PIPES_MOST);
    t->tick.on_time = on_tick;
    t->again.run = tunnel_on_again;
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        link_init(&t->slots[i]);
    link_init(&t->unlimited);
    return t;
}

void tunnels_free(struct tunnels *t)
{
    ASSERT(t->count == 0);
    timer_cancel(t->loop, &t->tick);
    task_cancel(&t->again);
    free(t->agains);
    pipes_free(t->pipes);
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

/* ---- the end ---- */

/* Unread bytes at close(2) would make the kernel send RST, which can overtake the Close frame just sent. */
static void drain(struct tunnel *t, struct end *e)
{
    for (int i = 0; i < 4 && !e->ended; i++)
        if (stream_read(e->stream, t->all->buffer, READ_SIZE) <= 0)
            return;
}

/* A socket that holds nothing unread says FIN by being closed. */
static void close_end(struct tunnel *t, struct end *e, bool orderly)
{
    if (orderly && !stream_is_drained(e->stream)) {
        stream_shutdown(e->stream);
        drain(t, e);
    }
    stream_close(e->stream);
    tunnel_drop_held(t, e);
}

/* Who was heard in the same tick is told apart only when one never said anything. */
static enum tunnel_side silent_side(const struct tunnel_report *r)
{
    const uint64_t *idle = r->idle_ms;
    bool client = idle[TUNNEL_CLIENT] == idle[TUNNEL_BACKEND] ? !r->bytes[TUNNEL_CLIENT]
                                                              : idle[TUNNEL_CLIENT] > idle[TUNNEL_BACKEND];

    return client ? TUNNEL_CLIENT : TUNNEL_BACKEND;
}

static void fill_report(const struct tunnel *t, struct tunnel_report *r)
{
    uint64_t now = loop_now(t->all->loop);

    r->lasted_ms = now - t->begun_ms;
    for (int i = 0; i < 2; i++) {
        r->bytes[i] = t->end[i].bytes;
        r->messages[i] = t->end[i].scan.messages;
        r->idle_ms[i] = ms_since(now, t->end[i].heard);
    }
    if (r->why == TUNNEL_IDLE)
        r->who = silent_side(r);
}

void tunnel_end_now(struct tunnel *t, enum tunnel_end why, enum tunnel_side who, int os_error)
{
    struct tunnels *all = t->all;
    struct tunnel_report r = { .why = why, .who = who, .os_error = os_error };
    bool orderly = why != TUNNEL_CLIENT_ERROR && why != TUNNEL_BACKEND_ERROR;

    fill_report(t, &r);
    t->magic = 0;
    tunnel_forget_again(t);
    close_end(t, &t->end[TUNNEL_CLIENT], orderly);
    close_end(t, &t->end[TUNNEL_BACKEND], orderly);
    link_remove(&t->link);
    all->count--;
    all->on_end(all->owner, t->notes, &r);
    loop_defer(all->loop, free, t);
}

/* ---- idleness: a wheel, so that neither a message nor a tunnel costs a timer ---- */

static uint64_t slot_of(uint64_t ms)
{
    return ms / SLOT_MS;
}

/* Armed for the next slot that holds a tunnel. */
static void arm(struct tunnels *all)
{
    uint64_t now = loop_now(all->loop), at = all->wheel_at + 1;

    while (at < all->wheel_at + WHEEL_SLOTS && link_empty(&all->slots[at % WHEEL_SLOTS]))
        at++;
    if (link_empty(&all->slots[at % WHEEL_SLOTS]))
        timer_cancel(all->loop, &all->tick);
    else
        timer_set(all->loop, &all->tick, (at + 1) * SLOT_MS > now ? (at + 1) * SLOT_MS - now : 0);
}

static void put(struct tunnel *t, uint64_t in_ms)
{
    struct tunnels *all = t->all;
    uint64_t at = slot_of(loop_now(all->loop) + in_ms), last = all->wheel_at + WHEEL_SLOTS;

    if (at <= all->wheel_at)
        at = all->wheel_at + 1;
    if (at > last)
        at = last;
    link_push(&all->slots[at % WHEEL_SLOTS], &t->link);
}

static void check_idle(struct tunnel *t)
{
    uint64_t quiet = ms_since(loop_now(t->all->loop), t->moved);

    CHECK_MAGIC(t, TUNNEL_MAGIC);
    if (quiet >= t->idle_ms) {
        tunnel_end_now(t, TUNNEL_IDLE, TUNNEL_CLIENT, 0);
        return;
    }
    link_remove(&t->link);
    put(t, t->idle_ms - quiet);
}

static void on_tick(struct timer *timer)
{
    struct tunnels *all = CONTAINER_OF(timer, struct tunnels, tick);
    uint64_t now = slot_of(loop_now(all->loop));

    /* A slot is over when all of its time is. Beyond a whole turn each slot comes once. */
    if (now > all->wheel_at + WHEEL_SLOTS + 1)
        all->wheel_at = now - WHEEL_SLOTS - 1;
    while (all->wheel_at + 1 < now) {
        struct link *slot = &all->slots[++all->wheel_at % WHEEL_SLOTS], due;

        if (link_empty(slot))
            continue;
        due = *slot; /* put() may add to this very slot, for the next turn */
        due.next->prev = due.prev->next = &due;
        link_init(slot);
        while (!link_empty(&due))
            check_idle(CONTAINER_OF(due.next, struct tunnel, link));
    }
    arm(all);
}

static void watch_idle(struct tunnel *t, uint64_t idle_ms)
{
    struct tunnels *all = t->all;

    t->idle_ms = idle_ms < UINT32_MAX ? (uint32_t)idle_ms : 0; /* 49 days are no limit */
    if (!t->idle_ms) {
        link_push(&all->unlimited, &t->link);
        return;
    }
    if (!timer_armed(&all->tick))
        all->wheel_at = slot_of(loop_now(all->loop)) - 1;
    put(t, t->idle_ms);
    if (!timer_armed(&all->tick) || all->tick.when > loop_now(all->loop) + t->idle_ms + SLOT_MS)
        arm(all);
}

/* ---- the beginning ---- */

static void on_ready(struct stream *s)
{
    struct tunnel *t = s->owner;
    tunnel_pump_both(t, s == t->end[TUNNEL_CLIENT].stream ? TUNNEL_CLIENT : TUNNEL_BACKEND);
}

static void take_stream(struct tunnel *t, enum tunnel_side side, struct stream *s)
{
    s->owner = t;
    s->on_ready = on_ready;
    t->end[side].stream = s;
    t->end[side].heard = t->moved;
    if (stream_is_tls(s))
        stream_tls_settle(s);
}

/* Bytes that came with a head go first, as if read now. False: the tunnel is gone. */
static bool hand_early(struct tunnel *t, enum tunnel_side from, struct buf *early)
{
    bool alive = !buf_len(early) || tunnel_hand_over(t, from, buf_span(early));
    buf_release(early);
    return alive;
}

static void take_owed(struct tunnel *t, struct buf *owed)
{
    if (buf_len(owed))
        tunnel_hold(&t->end[TUNNEL_CLIENT])->bytes = *owed;
    else
        buf_release(owed);
    *owed = (struct buf){ 0 };
}

struct tunnel *tunnel_open(struct tunnels *all, struct tunnel_start *start)
{
    struct tunnel *t = base_alloc(sizeof(*t) + start->notes_size);

    t->magic = TUNNEL_MAGIC;
    t->all = all;
    t->half_close = start->policy.half_close;
    t->websocket = start->policy.websocket;
    t->begun_ms = loop_now(all->loop);
    t->moved = tick_of(t->begun_ms);
    if (start->notes_size)
        memcpy(t->notes, start->notes, start->notes_size);
    take_stream(t, TUNNEL_CLIENT, start->client);
    take_stream(t, TUNNEL_BACKEND, start->backend);
    take_owed(t, &start->owed);
    all->count++;
    watch_idle(t, start->policy.idle_ms);
    /* Readiness gained before the tunnel existed is not announced again: look at it after this turn's events. */
    tunnel_again(t);
    if (!hand_early(t, TUNNEL_BACKEND, &start->early[TUNNEL_BACKEND])) {
        buf_release(&start->early[TUNNEL_CLIENT]);
        return NULL;
    }
    return hand_early(t, TUNNEL_CLIENT, &start->early[TUNNEL_CLIENT]) ? t : NULL;
}

static void visit_all(struct link *list, void (*visit)(struct tunnel *, void *), void *arg)
{
    struct link *next;

    for (struct link *l = list->next; l != list; l = next) {
        next = l->next; /* visit may end the tunnel */
        visit(CONTAINER_OF(l, struct tunnel, link), arg);
    }
}

void tunnels_each(struct tunnels *all, void (*visit)(struct tunnel *, void *), void *arg)
{
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        visit_all(&all->slots[i], visit, arg);
    visit_all(&all->unlimited, visit, arg);
}

void tunnel_stop(struct tunnel *t)
{
    CHECK_MAGIC(t, TUNNEL_MAGIC);
    tunnel_end_now(t, TUNNEL_STOPPED, TUNNEL_CLIENT, 0);
}
