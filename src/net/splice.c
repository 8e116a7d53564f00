/* Bytes from one socket to another by way of a pipe, without a copy through our memory: splice(2). Pipes are few and
 * come from a pool: one is taken while bytes are in flight, and counts as two descriptors. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct pipe {
    struct pipe *next; /* in the pool */
    int in, out;       /* write end, read end */
    size_t n;          /* bytes in it */
};
struct pipes {
    struct pipe *idle;
    unsigned n, most;
};

struct pipes *pipes_new(unsigned most)
{
    struct pipes *all = base_alloc(sizeof(*all));
    all->most = most;
    return all;
}

static void close_pipe(struct pipes *all, struct pipe *p)
{
    close(p->in);
    close(p->out);
    free(p);
    all->n--;
}

void pipes_free(struct pipes *all)
{
    struct pipe *next;

    for (struct pipe *p = all->idle; p; p = next) {
        next = p->next;
        close_pipe(all, p);
    }
    ASSERT(all->n == 0);
    free(all);
}

static struct pipe *open_pipe(struct pipes *all)
{
    struct pipe *p;
    int fd[2];

    if (all->n == all->most || pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return NULL;
    fcntl(fd[1], F_SETPIPE_SZ, PIPE_SIZE); /* refused beyond a user's share: the default does as well */
    p = base_alloc(sizeof(*p));
    p->out = fd[0];
    p->in = fd[1];
    all->n++;
    return p;
}

struct pipe *pipe_take(struct pipes *all)
{
    struct pipe *p = all->idle;

    if (!p)
        return open_pipe(all);
    all->idle = p->next;
    p->next = NULL;
    return p;
}

void pipe_give(struct pipes *all, struct pipe *p)
{
    if (p->n) { /* what is left was for a socket that is gone */
        close_pipe(all, p);
        return;
    }
    p->next = all->idle;
    all->idle = p;
}

size_t pipe_len(const struct pipe *p)
{
    return p->n;
}

ssize_t stream_splice_in(struct stream *s, struct pipe *p, size_t n)
{
    ssize_t got;

    do
        got = splice(s->fd, NULL, p->in, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        p->n += (size_t)got;
    else if (got == 0)
        s->ready |= STREAM_EOF;
    else if (errno == EAGAIN)
        s->ready &= ~STREAM_READABLE;
    else
        s->ready |= STREAM_FAILED;
    return got;
}

ssize_t stream_splice_out(struct stream *s, struct pipe *p)
{
    ssize_t went;

    do
        went = splice(p->out, NULL, s->fd, NULL, p->n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (went < 0 && errno == EINTR);
    if (went >= 0)
        p->n -= (size_t)went;
    else if (errno == EAGAIN)
        s->ready &= ~STREAM_WRITABLE;
    else
        s->ready |= STREAM_FAILED;
    return went;
}
