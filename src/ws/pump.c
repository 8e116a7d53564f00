/* One pump for both directions of a tunnel. Bytes are read and written to the other side at once; only what that side
 * does not take is kept, and nothing more is read until it is gone: memory is bounded by one read a direction.
 *
 * Two strategies move them: `move_copied` through the worker's shared buffer, and `move_spliced`, which lets the kernel
 * move the payload of large frames by way of a pipe while headers are still looked at. */
#include "tunnel_impl.h"

#include <errno.h>
#include <stdlib.h>

#define READS_A_TURN 8 /* then other tunnels have their turn */

enum flow { FLOW_MORE, FLOW_DRY /* nothing to read now */, FLOW_BLOCKED /* the other side takes no more */, FLOW_GONE };

/* One side failed: what it still sent is lost with it, the other is closed. */
static enum flow fail(struct tunnel *t, enum tunnel_side side)
{
    int error = errno;
    tunnel_end_now(t, side == TUNNEL_CLIENT ? TUNNEL_CLIENT_ERROR : TUNNEL_BACKEND_ERROR, side, error);
    return FLOW_GONE;
}

/* ---- what a side does not take ---- */

struct held *tunnel_hold(struct end *e)
{
    if (!e->held)
        e->held = base_alloc(sizeof(*e->held));
    return e->held;
}

void tunnel_drop_held(struct tunnel *t, struct end *e)
{
    if (!e->held)
        return;
    buf_release(&e->held->bytes);
    if (e->held->pipe)
        pipe_give(t->all->pipes, e->held->pipe);
    free(e->held);
    e->held = NULL;
}

static size_t owed(const struct end *e)
{
    if (!e->held)
        return 0;
    return buf_len(&e->held->bytes) + (e->held->pipe ? pipe_len(e->held->pipe) : 0);
}

/* Empties a side's pipe into it as far as it takes: 1 all gone, 0 some left, -1 errno. */
static int drain_pipe(struct stream *to, struct pipe *p)
{
    while (pipe_len(p)) {
        if (!(to->ready & STREAM_WRITABLE))
            return 0;
        if (stream_splice_out(to, p) < 0)
            return errno == EAGAIN ? 0 : -1;
    }
    return 1;
}

/* Sends what the side is owed. */
static enum flow flush(struct tunnel *t, enum tunnel_side side)
{
    struct end *e = &t->end[side];
    size_t before = owed(e);
    int result;

    if (!e->held)
        return FLOW_MORE;
    result = e->held->pipe ? drain_pipe(e->stream, e->held->pipe) : stream_flush(e->stream, &e->held->bytes);
    if (result < 0)
        return fail(t, side);
    if (owed(e) < before)
        t->moved = tick_of(loop_now(t->all->loop));
    if (result)
        tunnel_drop_held(t, e);
    return result ? FLOW_MORE : FLOW_BLOCKED;
}

/* ---- ends ---- */

/* The side's FIN was read and all it sent is delivered: pass the FIN on, or end when both are down. */
static enum flow pass_end(struct tunnel *t, enum tunnel_side from)
{
    struct end *to = &t->end[!from];

    if (!t->half_close || (to->ended && !owed(&t->end[from]))) {
        tunnel_end_now(t, TUNNEL_CLOSED, from, 0);
        return FLOW_GONE;
    }
    return stream_shutdown(to->stream) < 0 && errno != ENOTCONN ? fail(t, !from) : FLOW_DRY;
}

static bool both_said_close(const struct tunnel *t)
{
    const struct end *a = &t->end[0], *b = &t->end[1];
    return a->scan.closed && b->scan.closed && !owed(a) && !owed(b);
}

static bool end_after_close(struct tunnel *t, enum tunnel_side from)
{
    if (!both_said_close(t))
        return false;
    tunnel_end_now(t, TUNNEL_CLOSE_FRAMES, from, 0);
    return true;
}

/* ---- copied ---- */

/* Counts n bytes as moved from this side; returns how many of them the scanner has had, of a header looked at ahead. */
static size_t count_moved(struct end *e, size_t n)
{
    size_t known = e->ahead < n ? e->ahead : n;

    e->bytes += n;
    e->ahead -= (unsigned char)known;
    return known;
}

static void look_at(struct tunnel *t, struct end *e, struct span bytes)
{
    size_t known = count_moved(e, bytes.n);

    if (t->websocket)
        ws_scan(&e->scan, (struct span){ bytes.p + known, bytes.n - known });
}

bool tunnel_hand_over(struct tunnel *t, enum tunnel_side from, struct span bytes)
{
    struct end *to = &t->end[!from];
    struct iovec v = { (void *)bytes.p, bytes.n };
    ssize_t n = 0;

    look_at(t, &t->end[from], bytes);
    to->stream->ending = both_said_close(t);
    if (!to->held && (n = stream_write(to->stream, &v, 1)) < 0) {
        if (errno != EAGAIN)
            return fail(t, !from) != FLOW_GONE;
        n = 0;
    }
    if ((size_t)n < bytes.n)
        buf_add(&tunnel_hold(to)->bytes, bytes.p + n, bytes.n - (size_t)n);
    return !end_after_close(t, from);
}

/* What a read returned that gave no bytes, the end among them. */
static enum flow read_nothing(struct tunnel *t, enum tunnel_side from, ssize_t n)
{
    if (n < 0)
        return errno == EAGAIN ? FLOW_DRY : fail(t, from);
    t->end[from].ended = true;
    return FLOW_DRY;
}

static void note_heard(struct tunnel *t, struct end *e)
{
    t->moved = e->heard = tick_of(loop_now(t->all->loop));
}

/* most: READ_SIZE, or less to stop before the next frame's header. */
static enum flow move_copied(struct tunnel *t, enum tunnel_side from, size_t most)
{
    struct end *e = &t->end[from];
    ssize_t n = stream_read(e->stream, t->all->buffer, most);

    if (n <= 0)
        return read_nothing(t, from, n);
    note_heard(t, e);
    if (!tunnel_hand_over(t, from, (struct span){ t->all->buffer, (size_t)n }))
        return FLOW_GONE;
    e->bulk = (size_t)n == most && (e->bulk || !t->websocket || e->scan.big || e->scan.lost);
    return t->end[!from].held ? FLOW_BLOCKED : FLOW_MORE;
}

/* ---- spliced ---- */

/* Between frames: the next one's header, without taking it. When it is large it may go by. FLOW_DRY: nothing is there.
 */
static enum flow look_ahead(struct end *e)
{
    char head[14];
    struct ws_frame f;
    ssize_t n = stream_peek(e->stream, head, sizeof(head));

    if (n < 0 && errno == EAGAIN)
        return FLOW_DRY;
    if (n > 0 && ws_parse_frame((struct span){ head, (size_t)n }, &f) == HTTP_DONE && f.length >= WS_BIG) {
        ws_scan(&e->scan, (struct span){ head, f.header });
        e->ahead = (unsigned char)f.header;
    }
    return FLOW_MORE; /* an end or a failure is for the read that follows */
}

/* How much of what comes next need not be looked at. */
static uint64_t unseen(const struct tunnel *t, const struct end *e)
{
    uint64_t rest = t->websocket ? ws_scan_unseen(&e->scan) : UINT64_MAX;
    return rest < UINT64_MAX - e->ahead ? rest + e->ahead : rest;
}

static enum flow move_spliced(struct tunnel *t, enum tunnel_side from, struct pipe *p)
{
    struct end *e = &t->end[from], *to = &t->end[!from];
    uint64_t most = unseen(t, e);
    ssize_t n = stream_splice_in(e->stream, p, most < PIPE_SIZE ? (size_t)most : PIPE_SIZE);
    size_t known;
    int result;

    if (n <= 0) {
        pipe_give(t->all->pipes, p); /* empty: no call that could touch errno */
        return read_nothing(t, from, n);
    }
    note_heard(t, e);
    known = count_moved(e, (size_t)n);
    if (t->websocket)
        ws_scan_skip(&e->scan, (uint64_t)n - known);
    result = drain_pipe(to->stream, p);
    if (result <= 0)
        tunnel_hold(to)->pipe = p;
    if (result < 0)
        return fail(t, !from); /* the pipe and what is in it go with the tunnel */
    if (result == 0)
        return FLOW_BLOCKED;
    pipe_give(t->all->pipes, p);
    return FLOW_MORE;
}

/* ---- the pump ---- */

static enum flow move_some(struct tunnel *t, enum tunnel_side from)
{
    struct end *e = &t->end[from];
    uint64_t rest;
    struct pipe *p;

    if (!e->bulk || !stream_is_plain(e->stream) || !stream_is_plain(t->end[!from].stream))
        return move_copied(t, from, READ_SIZE);
    rest = unseen(t, e);
    if (rest == 0 && !e->scan.n_head) {
        if (look_ahead(e) == FLOW_DRY)
            return FLOW_DRY;
        rest = unseen(t, e);
    }
    if (rest >= WS_BIG && (p = pipe_take(t->all->pipes)))
        return move_spliced(t, from, p);
    return move_copied(t, from, rest && rest < READ_SIZE ? (size_t)rest : READ_SIZE);
}

/* Moves bytes from one side to the other until one of them has enough. */
static enum flow pump(struct tunnel *t, enum tunnel_side from)
{
    struct end *e = &t->end[from];
    enum flow flow = flush(t, !from);

    if (flow != FLOW_MORE)
        return flow;
    if (end_after_close(t, from))
        return FLOW_GONE;
    for (int i = 0; i < READS_A_TURN && flow == FLOW_MORE && !e->ended && (e->stream->ready & STREAM_READABLE); i++)
        flow = move_some(t, from);
    if (flow == FLOW_GONE || flow == FLOW_BLOCKED)
        return flow;
    if (e->ended)
        return pass_end(t, from);
    if (e->stream->ready & STREAM_READABLE)
        tunnel_again(t);
    return flow;
}

bool tunnel_pump_both(struct tunnel *t, enum tunnel_side first)
{
    CHECK_MAGIC(t, TUNNEL_MAGIC);
    return pump(t, first) != FLOW_GONE && pump(t, !first) != FLOW_GONE;
}

/* ---- those that have more to read, after the others ---- */

void tunnel_again(struct tunnel *t)
{
    struct tunnels *all = t->all;

    if (t->again)
        return;
    t->again = true;
    if (all->n_agains == all->cap_agains) {
        all->cap_agains = all->cap_agains ? all->cap_agains * 2 : 32;
        all->agains = base_realloc(all->agains, all->cap_agains * sizeof(struct tunnel *));
    }
    all->agains[all->n_agains++] = t;
    loop_post(all->loop, &all->again);
}

void tunnel_forget_again(struct tunnel *t)
{
    struct tunnels *all = t->all;

    for (unsigned i = 0; t->again && i < all->n_agains; i++)
        if (all->agains[i] == t)
            all->agains[i] = NULL;
}

/* Those that want it once more stand behind the first n, for the next turn. */
void tunnel_on_again(struct task *task)
{
    struct tunnels *all = CONTAINER_OF(task, struct tunnels, again);
    unsigned n = all->n_agains;

    for (unsigned i = 0; i < n; i++) {
        struct tunnel *t = all->agains[i];

        all->agains[i] = NULL;
        if (!t)
            continue;
        t->again = false;
        tunnel_pump_both(t, TUNNEL_CLIENT);
    }
    all->n_agains -= n;
    memmove(all->agains, all->agains + n, all->n_agains * sizeof(struct tunnel *));
}
