/* The bare relay over io_uring: one multishot receive for each end that fills buffers which the kernel picks, and for
 * each direction one send under way, so that bytes stay in order. What was received waits in its own buffer: with all
 * of them taken nothing is received until some are back, which is all that holds a fast sender. */
#include "relay.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENTRIES = 1024, COMPLETIONS = 8192, BUFFERS = 256, BUFFER = 32 * 1024, GROUP = 0, NONE = -1 };
enum what { RECEIVED, SENT }; /* in the low bit of a completion's user data, the rest is the way; 0: accepted */

struct way { /* from one end to the other */
    struct link starved;
    struct pair *pair;
    int from, to;
    int first, last; /* buffers to be sent */
    unsigned sent;   /* of the first */
    bool ended;      /* nothing more comes: the pair is over once all is sent */
};
struct pair {
    struct way way[2];
    unsigned under_way; /* completions that will name it */
    bool over;
};

static struct relay *relay;
static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *bytes;
static int next_buffer[BUFFERS], n_back;
static unsigned length[BUFFERS];
static struct link starved;

static struct io_uring_sqe *take_entry(struct pair *p)
{
    struct io_uring_sqe *e = io_uring_get_sqe(&ring);

    while (!e) {
        io_uring_submit(&ring);
        e = io_uring_get_sqe(&ring);
    }
    if (p)
        p->under_way++;
    return e;
}

static char *buffer_at(int i)
{
    return bytes + (size_t)i * BUFFER;
}

/* The kernel sees those of a turn together. */
static void give_buffer(int i)
{
    io_uring_buf_ring_add(buffers, buffer_at(i), BUFFER, (unsigned short)i, io_uring_buf_ring_mask(BUFFERS), n_back++);
}

/* ---- a way ----------------------------------------------------------------------------------------------------------
 */

static void receive(struct way *w)
{
    struct io_uring_sqe *e = take_entry(w->pair);

    io_uring_prep_recv(e, w->from, NULL, 0, 0);
    e->ioprio |= IORING_RECV_MULTISHOT;
    e->flags |= IOSQE_BUFFER_SELECT;
    e->buf_group = GROUP;
    io_uring_sqe_set_data64(e, (uintptr_t)w | RECEIVED);
}

static void send_first(struct way *w)
{
    struct io_uring_sqe *e = take_entry(w->pair);

    io_uring_prep_send(e, w->to, buffer_at(w->first) + w->sent, length[w->first] - w->sent, MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_data64(e, (uintptr_t)w | SENT);
}

static void drop_first(struct way *w)
{
    int i = w->first;

    w->first = next_buffer[i];
    w->sent = 0;
    give_buffer(i);
}

static void end(struct pair *p)
{
    if (p->over)
        return;
    p->over = true;
    for (int i = 0; i < 2; i++) { /* its receives and sends come back now */
        shutdown(p->way[i].from, SHUT_RDWR);
        link_remove(&p->way[i].starved);
    }
}

static void put_last(struct way *w, int i, unsigned n)
{
    length[i] = n;
    next_buffer[i] = NONE;
    if (w->first == NONE)
        w->first = i;
    else
        next_buffer[w->last] = i;
    w->last = i;
}

static void on_received(struct way *w, int result, unsigned flags)
{
    struct pair *p = w->pair;
    bool goes_on = flags & IORING_CQE_F_MORE, idle = w->first == NONE;
    int i = (int)(flags >> IORING_CQE_BUFFER_SHIFT);

    p->under_way -= !goes_on;
    if (result > 0 && p->over)
        give_buffer(i);
    if (p->over)
        return;
    if (result > 0) {
        put_last(w, i, (unsigned)result);
        if (idle)
            send_first(w);
        if (!goes_on)
            receive(w);
    } else if (result == -ENOBUFS) {
        link_push(&starved, &w->starved);
    } else {
        w->ended = true;
        if (idle)
            end(p);
    }
}

static void on_sent(struct way *w, int result)
{
    struct pair *p = w->pair;

    p->under_way--;
    if (result <= 0)
        end(p);
    if (p->over) {
        while (w->first != NONE)
            drop_first(w);
        return;
    }
    w->sent += (unsigned)result;
    if (w->sent == length[w->first])
        drop_first(w);
    if (w->first != NONE)
        send_first(w);
    else if (w->ended)
        end(p);
}

/* ---- pairs ----------------------------------------------------------------------------------------------------------
 */

static void accept_more(void)
{
    struct io_uring_sqe *e = take_entry(NULL);

    io_uring_prep_multishot_accept(e, relay->listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(e, 0);
}

static void welcome(int client, unsigned flags)
{
    int backend = client >= 0 ? relay_dial(relay, 0) : -1;

    if (!(flags & IORING_CQE_F_MORE))
        accept_more();
    if (backend < 0) {
        if (client >= 0)
            close(client);
        return;
    }
    struct pair *p = base_alloc(sizeof(*p));
    int fd[2] = { client, backend };
    for (int i = 0; i < 2; i++) {
        p->way[i] = (struct way){ .pair = p, .from = fd[i], .to = fd[!i], .first = NONE };
        link_init(&p->way[i].starved);
        receive(&p->way[i]);
    }
}

static void finish_if_over(struct pair *p)
{
    if (!p->over || p->under_way)
        return;
    close(p->way[0].from);
    close(p->way[1].from);
    free(p);
}

static void complete(const struct io_uring_cqe *c)
{
    struct way *w = (struct way *)(uintptr_t)(c->user_data & ~(uint64_t)1);

    if (!w) {
        welcome(c->res, c->flags);
        return;
    }
    struct pair *p = w->pair;
    if ((c->user_data & 1) == SENT)
        on_sent(w, c->res);
    else
        on_received(w, c->res, c->flags);
    finish_if_over(p);
}

/* As many as there is something for, and in their turn. */
static void feed_starved(void)
{
    io_uring_buf_ring_advance(buffers, n_back);
    for (; n_back && !link_empty(&starved); n_back--) {
        struct way *w = CONTAINER_OF(starved.next, struct way, starved);
        link_remove(&w->starved);
        receive(w);
    }
    n_back = 0;
}

const char *relay_ring_begin(void)
{
    struct io_uring_params how = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                            IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE,
                                   .cq_entries = COMPLETIONS };
    size_t size = BUFFERS * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg which = { .ring_entries = BUFFERS, .bgid = GROUP };

    errno = -io_uring_queue_init_params(ENTRIES, &ring, &how);
    if (errno)
        return "io_uring";
    io_uring_register_ring_fd(&ring); /* a little cheaper where the kernel has it */
    ASSERT(posix_memalign((void **)&buffers, 4096, size) == 0);
    bytes = base_alloc((size_t)BUFFERS * BUFFER);
    which.ring_addr = (uintptr_t)buffers;
    errno = -io_uring_register_buf_ring(&ring, &which, 0);
    if (errno)
        return "io_uring's provided buffers";
    io_uring_buf_ring_init(buffers);
    for (int i = 0; i < BUFFERS; i++)
        give_buffer(i);
    return NULL;
}

void relay_ring(struct relay *r)
{
    struct io_uring_cqe *c;
    unsigned head, n;

    relay = r;
    link_init(&starved);
    accept_more();
    for (;;) {
        feed_starved();
        io_uring_submit_and_wait(&ring, 1);
        n = 0;
        io_uring_for_each_cqe(&ring, head, c)
        {
            complete(c);
            n++;
        }
        io_uring_cq_advance(&ring, n);
    }
}
