/* Streams over TCP and unix sockets. Edge-triggered: a bit of `ready` stands until the socket itself takes it back. */
#include "net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <unistd.h>

static ssize_t tcp_read(struct stream *s, void *out, size_t n)
{
    ssize_t got;
    do
        got = recv(s->fd, out, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        /* A short read emptied the socket: what comes later is a new edge. Not so when the edge of the FIN was seen. */
        s->drained = (size_t)got < n;
        if (s->drained && !(s->ready & (STREAM_EOF | STREAM_FAILED)))
            s->ready &= ~STREAM_READABLE;
    } else if (got == 0) {
        s->ready |= n ? STREAM_EOF : 0;
        s->drained = true;
    } else if (errno == EAGAIN) {
        s->ready &= ~STREAM_READABLE;
    } else {
        s->ready |= STREAM_FAILED;
    }
    return got;
}

ssize_t stream_peek(struct stream *s, void *out, size_t n)
{
    ssize_t got;

    ASSERT(stream_is_plain(s));
    do
        got = recv(s->fd, out, n, MSG_DONTWAIT | MSG_PEEK);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        s->ready &= ~STREAM_READABLE;
    return got;
}

static size_t total(const struct iovec *v, int n)
{
    size_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += v[i].iov_len;
    return sum;
}

static ssize_t tcp_write(struct stream *s, const struct iovec *v, int n)
{
    struct msghdr m = { .msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n };
    int how = MSG_NOSIGNAL | MSG_DONTWAIT | (s->ending ? MSG_MORE : 0);
    ssize_t sent;
    do
        sent = n == 1 ? send(s->fd, v->iov_base, v->iov_len, how) : sendmsg(s->fd, &m, how);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        if ((size_t)sent < total(v, n))
            s->ready &= ~STREAM_WRITABLE;
    } else if (errno == EAGAIN) {
        s->ready &= ~STREAM_WRITABLE;
    } else {
        s->ready |= STREAM_FAILED;
    }
    return sent;
}

/* Less than asked for may be the file's end as well as a full socket: the next call tells. */
static ssize_t tcp_send_file(struct stream *s, int fd, uint64_t at, size_t n)
{
    off_t offset = (off_t)at;
    ssize_t sent;
    do
        sent = sendfile(s->fd, fd, &offset, n);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        s->ready &= ~STREAM_WRITABLE;
    else if (sent < 0 && errno != EIO)
        s->ready |= STREAM_FAILED;
    return sent;
}

static int tcp_shutdown(struct stream *s)
{
    return shutdown(s->fd, SHUT_WR);
}

static void tcp_close(struct stream *s)
{
    loop_unwatch(s->loop, &s->watch, s->fd);
    close(s->fd);
    s->fd = -1;
    loop_defer(s->loop, free, s);
}

static void on_event(struct watch *w, uint32_t events);
_Static_assert(sizeof(struct stream) <= 40, "an idle tunnel keeps two");

static const struct stream_kind tcp_kind = { { on_event }, "tcp",     tcp_read,     tcp_write,
                                             tcp_shutdown, tcp_close, tcp_send_file };

bool stream_is_plain(const struct stream *s)
{
    return stream_kind(s) == &tcp_kind;
}

/* A hang-up without an error is an end like another: unix peers that close send it along with their last bytes. */
static unsigned bits_of(uint32_t events)
{
    unsigned bits = 0;
    if (events & EPOLLIN)
        bits |= STREAM_READABLE;
    if (events & EPOLLOUT)
        bits |= STREAM_WRITABLE;
    if (events & EPOLLRDHUP)
        bits |= STREAM_READABLE | STREAM_EOF;
    if (events & EPOLLHUP)
        bits |= STREAM_READABLE | STREAM_WRITABLE | STREAM_EOF;
    if (events & EPOLLERR)
        bits |= STREAM_READABLE | STREAM_WRITABLE | STREAM_FAILED;
    return bits;
}

static void on_event(struct watch *w, uint32_t events)
{
    struct stream *s = CONTAINER_OF(w, struct stream, watch);
    unsigned bits = bits_of(events);
    if (s->connecting) {
        if (!(bits & STREAM_WRITABLE))
            return;
        if (events & EPOLLHUP)
            bits |= STREAM_FAILED;
        s->connecting = false;
    }
    bool gained = (bits & ~s->ready) != 0 || (events & EPOLLERR);
    if (events & EPOLLIN)
        s->drained = false;
    s->ready |= (unsigned char)bits;
    if (gained)
        s->on_ready(s);
}

/* Before any edge has come the socket's buffer is empty: writable. */
static struct stream *new_stream(struct loop *l, int fd, void (*on_ready)(struct stream *), void *owner)
{
    struct stream *s = base_alloc(sizeof(*s));
    *s = (struct stream){ .watch = { &tcp_kind.watch }, .loop = l, .on_ready = on_ready, .owner = owner, .fd = fd };
    if (loop_watch(l, &s->watch, s->fd))
        return s;
    int error = errno;
    close(fd);
    free(s);
    errno = error;
    return NULL;
}

struct stream *stream_tcp(struct loop *l, int fd, void (*on_ready)(struct stream *), void *owner)
{
    struct stream *s = new_stream(l, fd, on_ready, owner);
    if (s)
        s->ready = STREAM_WRITABLE;
    return s;
}

static void set_option(int fd, int level, int name)
{
    int on = 1;
    setsockopt(fd, level, name, &on, sizeof(on));
}

/* 0, or -1 when the connect cannot even begin. A unix socket is connected when this returns. */
static int begin_connect(int fd, const struct addr *a, const struct addr *bind_to)
{
    if (a->sa.sa_family != AF_UNIX)
        set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (bind_to) {
        if (addr_port(bind_to) == 0) /* the port is chosen for the pair, at the connect: far more of them */
            set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
        if (bind(fd, &bind_to->sa, bind_to->len) != 0)
            return -1;
    }
    return connect(fd, &a->sa, a->len) == 0 || errno == EINPROGRESS ? 0 : -1;
}

struct stream *stream_connect(struct loop *l, const struct addr *a, const struct addr *bind_to, bool keepalive,
                              void (*on_ready)(struct stream *), void *owner)
{
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (!sock_is_spare(fd)) {
        close(fd);
        errno = EMFILE;
        return NULL;
    }
    if (keepalive)
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
    if (begin_connect(fd, a, bind_to) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return NULL;
    }
    /* One that stands already is told by the first edge as well: epoll reports the state it finds. */
    struct stream *s = new_stream(l, fd, on_ready, owner);
    if (s)
        s->connecting = true;
    return s;
}

int stream_error(struct stream *s)
{
    int error = 0;
    socklen_t n = sizeof(error);
    return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 ? error : errno;
}

int stream_release(struct stream *tcp)
{
    int fd = tcp->fd;
    loop_unwatch(tcp->loop, &tcp->watch, tcp->fd);
    tcp->fd = -1;
    loop_defer(tcp->loop, free, tcp);
    return fd;
}

int stream_shutdown(struct stream *s)
{
    if (s->shut)
        return 0;
    s->shut = true;
    return stream_kind(s)->shutdown(s);
}

void stream_reset(struct stream *s)
{
    struct linger now = { .l_onoff = 1 };
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    stream_close(s);
}

int stream_flush(struct stream *s, struct buf *b)
{
    while (buf_len(b) > 0) {
        if (!(s->ready & STREAM_WRITABLE))
            return 0;
        struct iovec v = { buf_head(b), buf_len(b) };
        ssize_t sent = stream_write(s, &v, 1);
        if (sent < 0)
            return errno == EAGAIN ? 0 : -1;
        buf_consume(b, (size_t)sent);
    }
    return 1;
}
