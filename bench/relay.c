/* bench-relay: what any relay must pay to the kernel. Bytes from a port go to a backend's and back, nothing looks at
 * them and nothing guards them: no time-outs, no limits, no log. In three ways: `epoll` with one shared buffer,
 * `splice` through pooled pipes, `io_uring` (relay_ring.c). One thread, edge-triggered, no call that is not needed. */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, PIPE_BYTES = 1024 * 1024, ROUNDS = 16 /* then others have their turn */, BACKLOG = 65535 };
enum { ALL_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

struct pipe {
    struct pipe *next; /* in the pool */
    int in, out;
    size_t n; /* bytes in it */
};
struct end {
    int fd;
    bool ending; /* its FIN, or worse, has been seen */
    struct end *peer;
    struct buf held;   /* of its bytes, what the peer does not take yet; nothing is read until it is gone */
    struct pipe *pipe; /* or in a pipe */
};
struct pair {
    struct pair *next; /* among the dead, until no event may name it */
    bool over;
    struct end end[2];
};
enum moved { MOVED, MOVED_LAST /* most likely */, FULL, DRY, OVER };

static int loop;
static enum moved (*move)(struct end *from);
static struct pair *dead;

int relay_dial(const struct relay *r, int flags)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
        (connect(fd, &r->backend.sa, r->backend.len) == 0 || errno == EINPROGRESS))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static enum moved stopped(void)
{
    return errno == EAGAIN ? DRY : OVER;
}

/* ---- through memory -----------------------------------------------------------------------------------------------
 */

static enum moved send_held(struct end *from)
{
    ssize_t went = send(from->peer->fd, buf_head(&from->held), buf_len(&from->held), MSG_NOSIGNAL);

    if (went < 0)
        return errno == EAGAIN ? FULL : OVER;
    buf_consume(&from->held, (size_t)went);
    if (buf_len(&from->held))
        return FULL;
    buf_release(&from->held);
    return MOVED;
}

static enum moved copy(struct end *from)
{
    static char buffer[BUFFER];

    if (buf_len(&from->held))
        return send_held(from);
    ssize_t n = recv(from->fd, buffer, sizeof(buffer), 0);
    if (n <= 0)
        return n == 0 ? OVER : stopped();
    ssize_t went = send(from->peer->fd, buffer, (size_t)n, MSG_NOSIGNAL);
    if (went == n)
        return n < BUFFER ? MOVED_LAST : MOVED;
    if (went < 0 && errno != EAGAIN)
        return OVER;
    went = went < 0 ? 0 : went;
    buf_add(&from->held, buffer + went, (size_t)(n - went));
    return FULL;
}

/* ---- through pipes ------------------------------------------------------------------------------------------------
 */

static struct pipe *idle_pipes;

static struct pipe *take_pipe(void)
{
    struct pipe *p = idle_pipes;
    int fd[2];

    if (p) {
        idle_pipes = p->next;
        return p;
    }
    p = base_alloc(sizeof(*p));
    ASSERT(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
    fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES); /* refused beyond a user's share: the default does as well */
    p->out = fd[0];
    p->in = fd[1];
    return p;
}

static void give_pipe(struct pipe *p)
{
    p->next = idle_pipes;
    idle_pipes = p;
}

static void close_pipe(struct pipe *p)
{
    close(p->in);
    close(p->out);
    free(p);
}

static enum moved empty_pipe(struct end *from)
{
    struct pipe *p = from->pipe;
    ssize_t went = splice(p->out, NULL, from->peer->fd, NULL, p->n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (went < 0)
        return errno == EAGAIN ? FULL : OVER;
    p->n -= (size_t)went;
    if (p->n == 0) {
        give_pipe(p);
        from->pipe = NULL;
    }
    return MOVED;
}

static enum moved pass(struct end *from)
{
    if (from->pipe)
        return empty_pipe(from);
    struct pipe *p = take_pipe();
    ssize_t n = splice(from->fd, NULL, p->in, NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n <= 0) {
        give_pipe(p);
        return n == 0 ? OVER : stopped();
    }
    p->n = (size_t)n;
    from->pipe = p;
    return empty_pipe(from);
}

/* ---- pairs --------------------------------------------------------------------------------------------------------
 */

static bool watch(struct end *e, int how)
{
    struct epoll_event event = { .events = ALL_EVENTS, .data.ptr = e };

    return epoll_ctl(loop, how, e->fd, &event) == 0;
}

static struct pair *pair_of(struct end *e)
{
    return e < e->peer ? CONTAINER_OF(e, struct pair, end[0]) : CONTAINER_OF(e, struct pair, end[1]);
}

static void finish(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->end[i].fd >= 0)
            close(p->end[i].fd);
        buf_release(&p->end[i].held);
        if (p->end[i].pipe)
            close_pipe(p->end[i].pipe);
    }
    p->over = true;
    p->next = dead;
    dead = p;
}

static void free_dead(void)
{
    while (dead) {
        struct pair *p = dead;
        dead = p->next;
        free(p);
    }
}

/* Moves what is there. Edge-triggered: it must end with nothing there, with no room, or be looked at again. */
static void pump(struct end *from)
{
    for (int i = 0; i < ROUNDS; i++) {
        enum moved m = move(from);
        if (m == OVER)
            finish(pair_of(from));
        if (m > MOVED_LAST || (m == MOVED_LAST && !from->ending))
            return;
    }
    watch(from, EPOLL_CTL_MOD);
    watch(from->peer, EPOLL_CTL_MOD);
}

static void react(struct end *e, uint32_t events)
{
    struct pair *p = pair_of(e);

    e->ending |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!p->over && events & EPOLLOUT && (buf_len(&e->peer->held) || e->peer->pipe))
        pump(e->peer);
    if (!p->over && events & ~(uint32_t)EPOLLOUT)
        pump(e);
}

static void welcome(const struct relay *r)
{
    for (int fd; (fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct pair *p = base_alloc(sizeof(*p));
        p->end[0] = (struct end){ .fd = fd, .peer = &p->end[1] };
        p->end[1] = (struct end){ .fd = relay_dial(r, SOCK_NONBLOCK), .peer = &p->end[0] };
        if (p->end[1].fd < 0 || !watch(&p->end[0], EPOLL_CTL_ADD) || !watch(&p->end[1], EPOLL_CTL_ADD))
            finish(p);
    }
}

static int relay_epoll(const struct relay *r)
{
    struct epoll_event events[RELAY_EVENTS], at_door = { .events = EPOLLIN };

    loop = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(loop >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, r->listener, &at_door) == 0);
    for (;;) {
        int n = epoll_wait(loop, events, RELAY_EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                react(events[i].data.ptr, events[i].events);
            else
                welcome(r);
        free_dead();
    }
}

/* ---- the command line -----------------------------------------------------------------------------------------------
 */

static bool read_port(const char *text, struct addr *a)
{
    uint64_t port;

    return span_to_u64(span_of(text), &port) && port > 0 && port < 65536 && addr_parse("127.0.0.1", (int)port, a);
}

static int refuse(const char *what)
{
    fprintf(stderr, "bench-relay: %s: %s\n", what, strerror(errno));
    return 1;
}

static const char *begin_ring(const char *how)
{
#ifdef WITH_URING
    if (strcmp(how, "io_uring") == 0)
        return relay_ring_begin();
#endif
    errno = ENOTSUP; /* built where liburing-dev was not installed */
    return how;
}

int main(int argc, char **argv)
{
    struct relay r;
    struct addr here;
    const char *refused = NULL;

    signal(SIGPIPE, SIG_IGN);
    if (argc != 4 || !read_port(argv[2], &here) || !read_port(argv[3], &r.backend)) {
        fputs("usage: bench-relay epoll|splice|io_uring PORT BACKEND-PORT\n", stderr);
        return 64;
    }
    sock_raise_files();
    move = strcmp(argv[1], "splice") == 0 ? pass : strcmp(argv[1], "epoll") == 0 ? copy : NULL;
    if (!move)
        refused = begin_ring(argv[1]);
    if (refused)
        return refuse(refused); /* who connects must not find it there a moment before */
    r.listener = sock_listen(&here, BACKLOG);
    if (r.listener < 0)
        return refuse("listen");
#ifdef WITH_URING
    if (!move)
        relay_ring(&r);
#endif
    return relay_epoll(&r);
}
