/* The BIO between OpenSSL and the socket: at most one recv and one send for a small message. What OpenSSL writes during
 * one call is collected in a buffer of the thread and sent when the call is over; what the socket does not take stays
 * with the stream. */
#include "tls_impl.h"

#include <errno.h>

enum {
    COLLECT = 72 * 1024,      /* 64 KiB of data in small records */
    UNSENT_MOST = 256 * 1024, /* beyond: TLS's own answers (key updates) wait for the peer to read */
    HELLO_MOST = 128 * 1024   /* a ClientHello of one-byte records and a little more */
};

static _Thread_local struct {
    size_t n;
    char bytes[COLLECT];
} out;
static _Thread_local struct tls_io_counts counts;

struct tls_io_counts tls_io_counts(void)
{
    return counts;
}

static void socket_failed(struct tls_stream *t)
{
    t->os_error = errno;
    t->s.ready |= STREAM_FAILED | STREAM_READABLE;
}

/* How many went; those that did not are the caller's to keep. */
static size_t send_some(struct tls_stream *t, const char *p, size_t n)
{
    bool more = t->s.ending || t->s.shut; /* the FIN follows: it shares the packet */
    ssize_t sent;
    do
        sent = send(t->s.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    counts.sends++;
    if (sent < 0 && errno != EAGAIN) {
        socket_failed(t);
        return n; /* to nobody */
    }
    size_t went = sent > 0 ? (size_t)sent : 0;
    if (went < n)
        t->writable = false;
    return went;
}

void tls_bio_flush(struct tls_stream *t)
{
    size_t n = out.n, sent;
    out.n = 0;
    if (!n || t->os_error)
        return;
    sent = buf_len(&t->unsent) || !t->writable ? 0 : send_some(t, out.bytes, n);
    if (sent < n) {
        buf_add(&t->unsent, out.bytes + sent, n - sent);
        t->s.ready &= ~STREAM_WRITABLE;
    }
}

void tls_bio_resume(struct tls_stream *t)
{
    if (!buf_len(&t->unsent) || !t->writable)
        return;
    buf_consume(&t->unsent, send_some(t, buf_head(&t->unsent), buf_len(&t->unsent)));
    if (!buf_len(&t->unsent))
        buf_release(&t->unsent);
}

void tls_bio_keep_ticket(struct tls_stream *t)
{
    if (!out.n || !t->server || SSL_version(t->ssl) != TLS1_3_VERSION || buf_len(&t->unsent) ||
        !SSL_has_pending(t->ssl))
        return;
    buf_add(&t->ticket, out.bytes, out.n);
    out.n = 0;
}

static void take_ticket(struct tls_stream *t)
{
    ASSERT(!out.n);
    out.n = buf_len(&t->ticket); /* it was in there before */
    memcpy(out.bytes, buf_head(&t->ticket), out.n);
    buf_release(&t->ticket);
}

static int on_write(BIO *b, const char *p, int n)
{
    struct tls_stream *t = BIO_get_data(b);
    size_t size = n > 0 ? (size_t)n : 0;

    BIO_clear_retry_flags(b);
    if (t->os_error)
        return -1;
    if (buf_len(&t->unsent) + out.n + size > UNSENT_MOST) {
        BIO_set_retry_write(b);
        return -1;
    }
    if (buf_len(&t->ticket))
        take_ticket(t);
    if (out.n + size > COLLECT)
        tls_bio_flush(t);
    if (size > COLLECT)
        buf_add(&t->unsent, p, size);
    else
        memcpy(out.bytes + out.n, p, size), out.n += size;
    return n;
}

static ssize_t receive(struct tls_stream *t, void *p, size_t n)
{
    ssize_t got;
    do
        got = recv(t->s.fd, p, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    counts.recvs++;
    /* As for plain streams: after a short read comes a new edge, unless that of the FIN was seen. */
    if (got > 0 && (size_t)got < n && !(t->s.ready & (STREAM_EOF | STREAM_FAILED)))
        t->drained = true;
    if (got == 0) /* where close_notify was due: a tunnel then ends without our own, as httpd's do */
        t->fin_seen = t->s.drained = true;
    if (got < 0 && errno == EAGAIN)
        t->drained = true;
    else if (got < 0)
        socket_failed(t);
    return got;
}

/* First what an earlier context has read already. */
static ssize_t receive_or_replay(struct tls_stream *t, void *p, size_t n)
{
    struct tls_handshake *h = t->handshake;
    ssize_t got;

    if (h && h->chosen && buf_len(&h->hello)) {
        size_t kept = buf_len(&h->hello) < n ? buf_len(&h->hello) : n;
        memcpy(p, buf_head(&h->hello), kept);
        buf_consume(&h->hello, kept);
        return (ssize_t)kept;
    }
    if (t->drained) {
        errno = EAGAIN;
        return -1;
    }
    got = receive(t, p, n);
    if (got > 0 && h && h->choose && !h->chosen) {
        if (buf_len(&h->hello) + (size_t)got > HELLO_MOST) {
            errno = EMSGSIZE;
            return -1;
        }
        buf_add(&h->hello, p, (size_t)got);
    }
    return got;
}

static int on_read(BIO *b, char *p, int n)
{
    struct tls_stream *t = BIO_get_data(b);
    ssize_t got;

    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    got = receive_or_replay(t, p, (size_t)n);
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(b);
    return (int)got;
}

static long on_ctrl(BIO *b, int command, long number, void *p)
{
    (void)number;
    (void)p;
    switch (command) {             /* asked a dozen times a record whether the kernel does TLS */
    case BIO_CTRL_FLUSH: return 1; /* tls_bio_flush does, after the call */
    case BIO_CTRL_EOF: return ((const struct tls_stream *)BIO_get_data(b))->fin_seen;
    default: return 0;
    }
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    ASSERT(method && BIO_meth_set_write(method, on_write) && BIO_meth_set_read(method, on_read) &&
           BIO_meth_set_ctrl(method, on_ctrl));
}

BIO *tls_bio_new(struct tls_stream *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *b;

    pthread_once(&once, make_method);
    b = BIO_new(method);
    ASSERT(b);
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    return b;
}
