/* A stream whose bytes go through OpenSSL. Readiness means the same as for plain ones: READABLE stands until neither
 * the socket nor OpenSSL holds anything, WRITABLE until the socket refuses. RFC 8446 5 (records), 6.1 (close_notify).
 */
#include "tls_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    WRITE_MOST = 64 * 1024, /* taken by one call */
    RECORD_MOST = 16 * 1024,
    RECORD_FIRST = 1300,     /* fits a packet: the peer need not wait for the rest to decrypt it */
    BURST_FIRST = 64 * 1024, /* of them after a pause of */
    PAUSE_MS = 1000,
    LAST_BYTES_MS = 30 * 1000 /* to send what was written before the owner closed */
};

struct tls_stream *tls_of(const struct stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;
    CHECK_MAGIC(t, TLS_STREAM_MAGIC);
    return t;
}

struct tls_stream *tls_of_ssl(const SSL *ssl)
{
    return tls_of(BIO_get_data(SSL_get_rbio(ssl)));
}

bool stream_is_tls(const struct stream *s)
{
    return stream_kind(s) == &tls_kind;
}

/* ---- reading ---- */

bool tls_more_to_read(const struct tls_stream *t)
{
    return !t->drained || SSL_has_pending(t->ssl);
}

static int broken_errno(const struct tls_stream *t)
{
    return t->os_error ? t->os_error : EPROTO;
}

/* What a call that gave nothing waits for, or how it failed. SSL_get_error takes whatever stands in the thread's queue
 * of errors for this call's; that it waits for bytes is told without. */
static int outcome(const SSL *ssl, int result)
{
    return SSL_want_read(ssl) && BIO_should_read(SSL_get_rbio(ssl)) ? SSL_ERROR_WANT_READ : SSL_get_error(ssl, result);
}

/* A call gave nothing: EAGAIN, the end or a failure, as stream_read returns them. */
static ssize_t read_nothing(struct tls_stream *t, int result)
{
    switch (outcome(t->ssl, result)) {
    case SSL_ERROR_WANT_WRITE: t->read_blocked = true; /* fall through */
    case SSL_ERROR_WANT_READ:
        t->s.ready &= ~STREAM_READABLE;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        t->ended = true;
        t->s.ready |= STREAM_EOF | STREAM_READABLE;
        return 0;
    default: tls_failed(t, TLS_OTHER, 0, NULL); return -1;
    }
}

static ssize_t tls_read(struct stream *s, void *out, size_t n)
{
    struct tls_stream *t = tls_of(s);
    size_t done = 0, got;
    ssize_t result = 0;

    if (t->ended)
        return 0;
    if (t->broken || s->connecting) {
        errno = s->connecting ? EAGAIN : broken_errno(t);
        return -1;
    }
    tls_expect_no_errors();
    while (done < n) {
        int r = SSL_read_ex(t->ssl, (char *)out + done, n - done, &got);
        if (r <= 0) {
            result = read_nothing(t, r);
            break;
        }
        done += got;
        if (!tls_more_to_read(t)) {
            s->ready &= ~STREAM_READABLE;
            break;
        }
    }
    tls_bio_flush(t);
    if (t->broken)
        errno = broken_errno(t);
    return done ? (ssize_t)done : result;
}

/* ---- writing ---- */

static size_t record_size(struct tls_stream *t)
{
    uint64_t now = loop_now(t->s.loop);
    if (now - t->wrote_ms > PAUSE_MS)
        t->burst = 0;
    t->wrote_ms = now;
    return t->burst < BURST_FIRST ? RECORD_FIRST : RECORD_MOST;
}

struct cursor { /* where in the vector the next record begins */
    const struct iovec *v;
    int n;
    size_t at;
};

static void skip_empty(struct cursor *c)
{
    while (c->n > 0 && c->at == c->v->iov_len)
        c->v++, c->n--, c->at = 0;
}

/* The next bytes, at most `most`: in place when one piece holds them, else joined in a buffer of the thread. */
static struct span next_bytes(struct cursor *c, size_t most)
{
    static _Thread_local char joined[RECORD_MOST];
    const char *p = (const char *)c->v->iov_base + c->at;
    size_t here = c->v->iov_len - c->at, n = 0;

    if (here >= most || c->n == 1) {
        n = here < most ? here : most;
        c->at += n;
        skip_empty(c);
        return (struct span){ p, n };
    }
    while (c->n > 0 && n < most) {
        here = c->v->iov_len - c->at;
        if (here > most - n)
            here = most - n;
        memcpy(joined + n, (const char *)c->v->iov_base + c->at, here);
        n += here, c->at += here;
        skip_empty(c);
    }
    return (struct span){ joined, n };
}

/* One record; false when it was not written. Want of room cannot be: the BIO takes all that one call writes. Want of
 * bytes can: half a ticket or half a client's certificate has come, and OpenSSL writes nothing before it has the rest.
 */
static bool write_record(struct tls_stream *t, struct span bytes)
{
    size_t went;
    int result;

    tls_expect_no_errors();
    result = SSL_write_ex(t->ssl, bytes.p, bytes.n, &went);
    if (result == 1) {
        ASSERT(went == bytes.n);
        t->burst += t->burst < BURST_FIRST ? (unsigned)went : 0;
        return true;
    }
    if (outcome(t->ssl, result) == SSL_ERROR_WANT_READ) {
        t->write_blocked = true;
        t->s.ready &= ~STREAM_WRITABLE;
    } else {
        tls_failed(t, TLS_OTHER, 0, NULL);
    }
    return false;
}

static ssize_t tls_write(struct stream *s, const struct iovec *v, int n)
{
    struct tls_stream *t = tls_of(s);
    struct cursor c = { v, n, 0 };
    size_t done = 0;

    if (t->broken || t->os_error || s->shut) {
        errno = s->shut ? EPIPE : broken_errno(t);
        return -1;
    }
    if (s->connecting || buf_len(&t->unsent) || t->write_blocked) {
        s->ready &= ~STREAM_WRITABLE;
        errno = EAGAIN;
        return -1;
    }
    skip_empty(&c);
    while (c.n > 0 && done < WRITE_MOST) {
        struct span bytes = next_bytes(&c, record_size(t));
        if (!write_record(t, bytes))
            break;
        done += bytes.n;
    }
    tls_bio_flush(t);
    if (!t->broken && !t->os_error && (done || !t->write_blocked))
        return (ssize_t)done;
    errno = t->broken || t->os_error ? broken_errno(t) : EAGAIN;
    return -1;
}

/* ---- the end ---- */

static int tls_shutdown(struct stream *s)
{
    struct tls_stream *t = tls_of(s);

    if (!s->connecting && !t->broken) {
        SSL_shutdown(t->ssl);
        tls_forget_errors();
        tls_bio_flush(t);
    }
    if (!buf_len(&t->unsent))
        return shutdown(s->fd, SHUT_WR);
    t->fin_later = true;
    return 0;
}

static void on_free(void *p)
{
    struct tls_stream *t = p;
    if (t->ssl && !t->broken)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or the session would count as spoilt */
    SSL_free(t->ssl);
    tls_context_drop(t->context);
    tls_session_cache_free(t->sessions);
    buf_release(&t->unsent);
    buf_release(&t->ticket);
    free(t->sni);
    free(t->error);
    t->magic = 0;
    free(t);
}

static void destroy(struct tls_stream *t)
{
    loop_unwatch(t->s.loop, &t->s.watch, t->s.fd);
    if (t->s.fd >= 0)
        close(t->s.fd);
    t->s.fd = -1;
    tls_handshake_free(t);
    loop_defer(t->s.loop, on_free, t);
}

struct farewell { /* what is owed to the peer after the owner has closed */
    struct timer limit;
    struct tls_stream *of;
};

static void end_farewell(struct farewell *f)
{
    timer_cancel(f->of->s.loop, &f->limit);
    destroy(f->of);
    free(f);
}

static void on_farewell_time(struct timer *timer)
{
    end_farewell(CONTAINER_OF(timer, struct farewell, limit));
}

static void on_farewell(struct tls_stream *t)
{
    if (!buf_len(&t->unsent) || (t->s.ready & STREAM_FAILED))
        end_farewell(t->s.owner);
}

static bool resets(const struct tls_stream *t)
{
    struct linger how = { 0 };
    socklen_t n = sizeof(how);
    return getsockopt(t->s.fd, SOL_SOCKET, SO_LINGER, &how, &n) == 0 && how.l_onoff;
}

/* A plain socket's kernel goes on sending after close(2); so do we, for a while. */
static void tls_close(struct stream *s)
{
    struct tls_stream *t = tls_of(s);

    if (!buf_len(&t->unsent) || s->connecting || (s->ready & STREAM_FAILED) || resets(t)) {
        destroy(t);
        return;
    }
    struct farewell *f = base_alloc(sizeof(*f));
    *f = (struct farewell){ .limit.on_time = on_farewell_time, .of = t };
    t->closing = true;
    s->owner = f;
    tls_handshake_free(t);
    timer_set(s->loop, &f->limit, LAST_BYTES_MS);
}

static void on_event(struct watch *w, uint32_t events);

const struct stream_kind tls_kind = { { on_event }, "tls", tls_read, tls_write, tls_shutdown, tls_close };

struct stream *stream_tls_to_plain(struct stream *s, void (*on_ready)(struct stream *), void *owner)
{
    struct tls_stream *t = tls_of(s);
    struct loop *l = s->loop;
    int fd = s->fd;

    loop_unwatch(l, &s->watch, s->fd);
    s->fd = -1;
    destroy(t);
    return stream_tcp(l, fd, on_ready, owner);
}

/* ---- events ---- */

/* Lets OpenSSL work on what has come; is there any data in it? A failure is the reader's to find. */
static bool look_ahead(struct tls_stream *t)
{
    char byte;
    size_t got;
    int result, error;

    if (t->broken || t->ended)
        return true;
    tls_expect_no_errors();
    result = SSL_peek_ex(t->ssl, &byte, 1, &got);
    error = result <= 0 ? outcome(t->ssl, result) : SSL_ERROR_NONE;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL)
        tls_failed(t, TLS_OTHER, 0, NULL);
    tls_bio_flush(t);
    if (!SSL_in_init(t->ssl))
        t->write_blocked = false;
    return error != SSL_ERROR_WANT_READ;
}

/* TLS 1.3 servers send tickets when they like: an owner is not to be woken for what holds no data. */
static bool may_be_tickets(const struct tls_stream *t)
{
    return !t->server && !(t->s.ready & (STREAM_READABLE | STREAM_EOF)) && SSL_version(t->ssl) == TLS1_3_VERSION;
}

static void note_events(struct tls_stream *t, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        t->drained = false;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        t->s.ready |= STREAM_EOF;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        t->writable = true;
    tls_bio_resume(t);
    if (t->fin_later && !buf_len(&t->unsent)) {
        t->fin_later = false;
        shutdown(t->s.fd, SHUT_WR);
    }
}

static unsigned gained_bits(struct tls_stream *t, uint32_t events)
{
    bool came = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR), looks = t->write_blocked || may_be_tickets(t);
    unsigned bits = events & EPOLLERR ? STREAM_FAILED : 0;

    if (came && (!looks || look_ahead(t)))
        bits |= STREAM_READABLE;
    if (t->writable && !buf_len(&t->unsent)) {
        bits |= t->write_blocked ? 0 : STREAM_WRITABLE;
        bits |= t->read_blocked ? STREAM_READABLE : 0;
        t->read_blocked = false;
    }
    return bits;
}

static void on_event(struct watch *w, uint32_t events)
{
    struct tls_stream *t = tls_of(CONTAINER_OF(w, struct stream, watch));
    unsigned before = t->s.ready;

    note_events(t, events);
    if (t->closing) {
        on_farewell(t);
    } else if (t->s.connecting) {
        /* a server has nothing to do before the first bytes */
        if (t->ssl || !t->server || !t->drained)
            tls_handshake_go_on(t);
    } else {
        unsigned bits = gained_bits(t, events);
        t->s.ready |= (unsigned char)bits;
        if ((t->s.ready & ~before) || (events & EPOLLERR))
            t->s.on_ready(&t->s);
    }
}

struct tls_stream *tls_stream_new(struct loop *l, int fd, struct tls_context *c)
{
    struct tls_stream *t = base_alloc(sizeof(*t));
    t->magic = TLS_STREAM_MAGIC;
    t->s = (struct stream){ .watch = { &tls_kind.watch }, .loop = l, .fd = fd, .connecting = true };
    t->server = c->server;
    t->drained = t->writable = true;
    t->context = tls_context_hold(c);
    if (loop_watch(l, &t->s.watch, t->s.fd)) {
        tls_handshake_new(t);
        return t;
    }
    int error = errno;
    close(fd);
    on_free(t);
    errno = error;
    return NULL;
}
