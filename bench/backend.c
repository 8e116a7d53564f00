/* The backend of the bench: echoes messages on any path, streams them on /push?size=N, answers other requests with
 * ?size=N bytes. One thread, level-triggered epoll; an idle connection keeps no buffer. For loopback alone: it does not
 * defend itself. Echoes go out as they come in, so that a message of any size takes no memory here. */
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { BUFFER = 256 * 1024, HEAD_MAX = 16384, BACKLOG = 65535, ACCEPTS = 256, EVENTS = 512 };

struct push {
    struct frames frames;
    struct cursor at;
};
enum state { LISTENING, LISTENING_TLS, HEAD, ECHO, PUSH };
struct peer {
    struct wire wire;
    enum state state;
    bool last;        /* what is owed is the last, then it is closed */
    uint32_t events;  /* it is watched for */
    struct buf early; /* of a head that came in pieces */
    struct buf owed;  /* that the socket did not take; nothing is read until it is gone */
    struct inlet inlet;
    struct push *push;
};

static int loop = -1;
static SSL_CTX *tls;
static char in[BUFFER], out[BUFFER];

static void watch(struct peer *p, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = p };

    if (p->events != events)
        ASSERT(epoll_ctl(loop, p->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, p->wire.fd, &e) == 0);
    p->events = events;
}

static void drop(struct peer *p)
{
    wire_close(&p->wire);
    buf_release(&p->early);
    buf_release(&p->owed);
    free(p->push);
    free(p);
}

/* false: the connection is broken. */
static bool put(struct peer *p, const char *bytes, size_t n)
{
    ssize_t went = buf_len(&p->owed) ? 0 : wire_write(&p->wire, bytes, n);

    if (went < 0)
        return false;
    if ((size_t)went < n) {
        buf_add(&p->owed, bytes + went, n - (size_t)went);
        watch(p, EPOLLOUT);
    }
    return true;
}

/* false: broken, or done. */
static bool put_owed(struct peer *p)
{
    ssize_t went = wire_write(&p->wire, buf_head(&p->owed), buf_len(&p->owed));

    if (went < 0)
        return false;
    buf_consume(&p->owed, (size_t)went);
    if (buf_len(&p->owed))
        return true;
    buf_release(&p->owed);
    watch(p, p->state == PUSH ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return !p->last;
}

/* ---- heads ------------------------------------------------------------------------------------------------------ */

static size_t asked_size(struct span target)
{
    const char *found = memmem(target.p, target.n, "size=", 5);
    uint64_t size;

    if (!found)
        return 0;
    found += 5;
    if (!span_to_u64((struct span){ found, (size_t)(target.p + target.n - found) }, &size))
        return 0;
    return size < MESSAGE_MAX ? (size_t)size : MESSAGE_MAX;
}

static bool answer(struct peer *p, const struct http_request_head *head)
{
    size_t size = asked_size(head->target);
    int n = snprintf(out, sizeof(out),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n", size);

    if (size > sizeof(out) - (size_t)n)
        return false;
    memcpy(out + n, message_table(), size);
    p->last = head->version < 11 || http_fields_has_token(&head->fields, "connection", "close");
    return put(p, out, (size_t)n + size) && (!p->last || buf_len(&p->owed));
}

static bool upgrade(struct peer *p, const struct http_request_head *head, struct span key)
{
    char accept[WS_ACCEPT_SIZE];
    int n;

    ws_accept(key, accept);
    n = snprintf(out, sizeof(out),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    p->state = ECHO;
    if (memmem(head->target.p, head->target.n, "/push?", 6)) {
        p->state = PUSH;
        p->push = base_alloc(sizeof(*p->push));
        frames_init(&p->push->frames, asked_size(head->target), false);
        watch(p, EPOLLIN | EPOLLOUT);
    }
    return put(p, out, (size_t)n);
}

static bool dispatch(struct peer *p, const struct http_request_head *head)
{
    struct span key = http_fields_get(&head->fields, "sec-websocket-key");

    return key.n ? upgrade(p, head, key) : answer(p, head);
}

/* Takes one head off `bytes`, or keeps them until the rest is there. */
static bool take_head(struct peer *p, struct span *bytes)
{
    struct arena *a = arena_new();
    struct http_limits limits = { .line = 8190, .fields = 100, .field_size = 8190, .any_method = true };
    struct http_scan scan = { 0 };
    struct http_request_head head = { 0 };
    struct http_fault fault;
    size_t used = 0;
    enum http_parse result = http_parse_request(a, *bytes, &limits, &scan, &head, &used, &fault);
    bool good = result == HTTP_DONE ? dispatch(p, &head) : result == HTTP_MORE && bytes->n < HEAD_MAX;

    arena_free(a);
    if (result == HTTP_MORE) {
        buf_add(&p->early, bytes->p, bytes->n);
        used = bytes->n;
    }
    bytes->p += used, bytes->n -= used;
    return good;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static void unmask(char *to, const char *from, size_t n, const struct inlet *i)
{
    unsigned phase = (unsigned)(i->frame.length - i->left) & 3;
    unsigned char mask[8];
    uint64_t wide, v;
    size_t k = 0;

    for (unsigned j = 0; j < 8; j++)
        mask[j] = i->frame.mask[(phase + j) & 3];
    memcpy(&wide, mask, 8);
    for (; k + 8 <= n; k += 8) {
        memcpy(&v, from + k, 8);
        v ^= wide;
        memcpy(to + k, &v, 8);
    }
    for (; k < n; k++)
        to[k] = (char)(from[k] ^ mask[k & 7]);
}

static size_t frame_head(const struct ws_frame *came, char *to)
{
    struct ws_frame back = *came;

    back.masked = false;
    if (back.opcode == WS_PING)
        back.opcode = WS_PONG;
    return ws_build_frame(&back, (unsigned char *)to);
}

/* What comes goes back without its mask: never longer than it came, so `out` holds it. */
static bool echo(struct peer *p, struct span bytes)
{
    struct inlet *i = &p->inlet;
    size_t n = 0;

    while (bytes.n && !p->last) {
        if (!i->inside) {
            enum http_parse result = inlet_take(i, &bytes);
            if (result == HTTP_BAD || (result == HTTP_DONE && !i->frame.masked))
                return false;
            if (result == HTTP_MORE)
                break;
            n += frame_head(&i->frame, out + n);
        }
        size_t piece = bytes.n < i->left ? bytes.n : (size_t)i->left;
        unmask(out + n, bytes.p, piece, i);
        n += piece, i->left -= piece;
        bytes.p += piece, bytes.n -= piece;
        i->inside = i->left > 0;
        p->last = !i->inside && i->frame.opcode == WS_CLOSE;
    }
    return put(p, out, n) && (!p->last || buf_len(&p->owed));
}

static bool push_more(struct peer *p)
{
    size_t n = frames_fill(&p->push->frames, 0, p->push->at, UINT64_MAX, (struct span){ out, sizeof(out) });
    ssize_t went = wire_write(&p->wire, out, n);

    if (went < 0)
        return false;
    cursor_advance(&p->push->at, &p->push->frames, (size_t)went);
    return true;
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static bool take(struct peer *p, struct span bytes)
{
    if (buf_len(&p->early)) {
        buf_add(&p->early, bytes.p, bytes.n);
        ASSERT(buf_len(&p->early) <= sizeof(in));
        bytes.n = buf_len(&p->early);
        memcpy(in, buf_head(&p->early), bytes.n);
        bytes.p = in;
        buf_release(&p->early);
    }
    while (bytes.n && p->state == HEAD)
        if (!take_head(p, &bytes))
            return false;
    if (p->state == PUSH) /* whatever a client says there, it is its Close */
        return bytes.n == 0;
    return bytes.n == 0 || echo(p, bytes);
}

static bool receive(struct peer *p)
{
    do {
        ssize_t n = wire_read(&p->wire, in, sizeof(in) - HEAD_MAX);
        if (n == WIRE_WAIT)
            return true;
        if (n <= 0 || !take(p, (struct span){ in, (size_t)n }))
            return false;
    } while (wire_pending(&p->wire) && !buf_len(&p->owed));
    return true;
}

static bool react(struct peer *p, uint32_t events)
{
    if (buf_len(&p->owed))
        return events & EPOLLOUT ? put_owed(p) : !(events & (EPOLLERR | EPOLLHUP));
    if (p->state == PUSH && events & EPOLLOUT && !push_more(p))
        return false;
    return !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)) || receive(p);
}

static void welcome(struct peer *listener)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct addr from;
        int fd = sock_accept(listener->wire.fd, &from);
        if (fd < 0)
            return;
        struct peer *p = base_alloc(sizeof(*p));
        *p = (struct peer){ .wire = { .fd = fd }, .state = HEAD };
        if (listener->state == LISTENING_TLS) {
            p->wire.ssl = SSL_new(tls);
            ASSERT(p->wire.ssl && SSL_set_fd(p->wire.ssl, fd) == 1);
            SSL_set_accept_state(p->wire.ssl);
        }
        watch(p, EPOLLIN);
    }
}

static void serve(void)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            if (p->state <= LISTENING_TLS)
                welcome(p);
            else if (!react(p, events[i].events))
                drop(p);
        }
    }
}

static bool listen_at(const char *port, enum state kind)
{
    struct addr a;
    uint64_t number;
    struct peer *p = base_alloc(sizeof(*p));

    if (!span_to_u64(span_of(port), &number) || number > 65535 || !addr_parse("127.0.0.1", (int)number, &a))
        return false;
    *p = (struct peer){ .wire = { .fd = sock_listen(&a, BACKLOG) }, .state = kind };
    if (p->wire.fd < 0)
        return false;
    watch(p, EPOLLIN);
    return true;
}

static bool load_certificate(const char *file)
{
    tls = wire_tls(TLS_server_method());
    return SSL_CTX_use_certificate_chain_file(tls, file) == 1 &&
           SSL_CTX_use_PrivateKey_file(tls, file, SSL_FILETYPE_PEM) == 1;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    sock_raise_files();
    loop = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(loop >= 0);
    for (int c; (c = getopt(argc, argv, "p:c:T:")) >= 0;) {
        bool good = c == 'p'   ? listen_at(optarg, LISTENING)
                    : c == 'c' ? load_certificate(optarg)
                               : c == 'T' && tls && listen_at(optarg, LISTENING_TLS);
        if (!good) {
            fprintf(stderr, "usage: bench-backend [-p PORT]... [-c CERTIFICATE-AND-KEY -T PORT]...  (%s)\n",
                    strerror(errno));
            return 2;
        }
    }
    serve();
}
