/* Connections of the load generator: connect, TLS, handshake (RFC 6455 4.1), then messages that are sent as they are
 * allowed and compared byte by byte, in order, as they come back. */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, CHUNK = 64 * 1024, ENOUGH_FAULTS = 1000 };
/* 28,000 ports and more to one address: a source for so many connections at most, 64 of them for short ones. */
enum { TO_A_SOURCE = 16384, SOURCES = 64 };
#define FIRST_SOURCE 0x7f0a0001u /* 127.10.0.1 */

static char in[BUFFER], out[CHUNK];

void load_note(struct load *l, const struct conn *c, const char *what)
{
    if (!l->fault[0])
        snprintf(l->fault, sizeof(l->fault), "%s (connection %u, sent %llu, received %llu%s%s)", what, c ? c->id : 0,
                 c ? (unsigned long long)c->sent.seq : 0, c ? (unsigned long long)c->got.seq : 0, errno ? ", " : "",
                 errno ? strerror(errno) : "");
}

static void end(struct conn *c)
{
    c->load->open -= c->state >= CONN_OPEN;
    wire_close(&c->wire);
    buf_release(&c->head);
    c->state = CONN_NONE;
}

/* A slot for short connections goes on with the next. */
static void next(struct conn *c)
{
    end(c);
    if (c->load->mode == MODE_CONNECT && c->load->errors + c->load->wrong < ENOUGH_FAULTS)
        conn_start(c);
}

static void fail(struct conn *c, uint64_t *counter, const char *what)
{
    ++*counter;
    load_note(c->load, c, what);
    c->load->failed += c->state < CONN_OPEN;
    next(c);
}

static void broken(struct conn *c, const char *what)
{
    fail(c, &c->load->errors, what);
}

static void wrong(struct conn *c, const char *what)
{
    errno = 0;
    fail(c, &c->load->wrong, what);
}

static void wait_for_room(struct conn *c, bool waiting)
{
    struct epoll_event e = { .events = EPOLLIN | (waiting ? EPOLLOUT : 0u), .data.ptr = c };

    if (c->waiting != waiting)
        ASSERT(epoll_ctl(c->load->loop, EPOLL_CTL_MOD, c->wire.fd, &e) == 0);
    c->waiting = waiting;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void bind_source(struct conn *c)
{
    uint32_t k = c->load->mode == MODE_CONNECT ? c->load->serial % SOURCES : c->id / TO_A_SOURCE;
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(FIRST_SOURCE + (k / 250 << 8) + k % 250) };
    int one = 1;

    setsockopt(c->wire.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    ASSERT(bind(c->wire.fd, (struct sockaddr *)&from, sizeof(from)) == 0);
}

static void start_tls(struct conn *c)
{
    struct load *l = c->load;

    c->wire.ssl = SSL_new(l->context);
    ASSERT(c->wire.ssl && SSL_set_fd(c->wire.ssl, c->wire.fd) == 1);
    SSL_set_connect_state(c->wire.ssl);
    SSL_set_tlsext_host_name(c->wire.ssl, "localhost");
    if (l->n_tickets) { /* else a copy: OpenSSL spoils a ticket that was used, and others begin with it meanwhile */
        SSL_SESSION *newest = l->tickets[l->n_tickets - 1], *mine = l->once ? newest : SSL_SESSION_dup(newest);
        l->n_tickets -= l->once;
        ASSERT(mine && SSL_set_session(c->wire.ssl, mine) == 1);
        SSL_SESSION_free(mine);
    }
}

void conn_start(struct conn *c)
{
    struct load *l = c->load;
    struct addr to;
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
    int one = 1;

    ASSERT(addr_parse("127.0.0.1", (int)l->port, &to));
    c->began = now();
    c->wire.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT(c->wire.fd >= 0);
    setsockopt(c->wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    bind_source(c);
    l->serial++;
    c->inlet = (struct inlet){ 0 };
    c->answered = false;
    c->waiting = true;
    c->state = CONN_CONNECTING;
    ASSERT(epoll_ctl(l->loop, EPOLL_CTL_ADD, c->wire.fd, &e) == 0);
    if (connect(c->wire.fd, &to.sa, to.len) != 0 && errno != EINPROGRESS)
        broken(c, "connect");
}

/* false: and gone again. */
static bool opened(struct conn *c)
{
    static const unsigned char bye[] = { 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8 }; /* 1000, masked with nothing */
    struct load *l = c->load;

    c->state = CONN_OPEN;
    l->open++;
    l->resumed += c->wire.ssl && SSL_session_reused(c->wire.ssl);
    if (l->mode != MODE_CONNECT)
        return true;
    l->total++;
    l->count += l->measuring;
    if (l->measuring)
        histogram_add(&l->latency, now() - c->began);
    c->state = CONN_CLOSING;
    if (wire_write(&c->wire, bye, sizeof(bye)) == sizeof(bye))
        return true;
    broken(c, "write a Close");
    return false;
}

static void send_request(struct conn *c)
{
    struct load *l = c->load;

    wait_for_room(c, false);
    if (l->mode == MODE_HTTP) {
        opened(c);
        conn_pump(c);
        return;
    }
    c->state = CONN_HEAD;
    if (wire_write(&c->wire, l->request, l->n_request) != (ssize_t)l->n_request)
        broken(c, "write the handshake");
}

static void shake_hands(struct conn *c)
{
    errno = 0;
    int result = SSL_do_handshake(c->wire.ssl);
    int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(c->wire.ssl, result);

    if (result == 1)
        send_request(c);
    else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        wait_for_room(c, error == SSL_ERROR_WANT_WRITE);
    else
        broken(c, "TLS handshake");
}

static void connected(struct conn *c)
{
    int error = 0;
    socklen_t n = sizeof(error);

    getsockopt(c->wire.fd, SOL_SOCKET, SO_ERROR, &error, &n);
    errno = error;
    if (error) {
        broken(c, "connect");
        return;
    }
    if (!c->load->tls) {
        send_request(c);
        return;
    }
    c->state = CONN_TLS;
    start_tls(c);
    shake_hands(c);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

void conn_allow(struct conn *c, int64_t due)
{
    c->due[c->allowed % c->load->ring] = due;
    c->allowed++;
}

static size_t fill(struct conn *c)
{
    struct load *l = c->load;

    if (l->mode != MODE_HTTP)
        return frames_fill(&l->frames, c->id, c->sent, c->allowed, (struct span){ out, sizeof(out) });
    memcpy(out, l->request, l->n_request);
    return l->n_request;
}

static void advance(struct conn *c, size_t n)
{
    if (c->load->mode == MODE_HTTP)
        c->sent.seq++;
    else
        cursor_advance(&c->sent, &c->load->frames, n);
}

void conn_pump(struct conn *c)
{
    while (c->sent.seq < c->allowed) {
        size_t n = fill(c);
        ssize_t went = wire_write(&c->wire, out, n);
        if (went < 0 || (c->load->mode == MODE_HTTP && (size_t)went < n)) {
            broken(c, "write");
            return;
        }
        advance(c, (size_t)went);
        if ((size_t)went < n) {
            wait_for_room(c, true);
            return;
        }
    }
    wait_for_room(c, false);
}

/* ---- receiving: each returns false when the connection is gone ------------------------------------------------------
 */

static void count_message(struct conn *c, int64_t t)
{
    struct load *l = c->load;

    l->total++;
    if (l->measuring) {
        l->count++;
        l->bytes += l->size;
        if (l->mode != MODE_PUSH)
            histogram_add(&l->latency, t - c->due[c->got.seq % l->ring]);
    }
    c->got = (struct cursor){ .seq = c->got.seq + 1 };
    if ((l->mode == MODE_ECHO || l->mode == MODE_HTTP) && !l->draining)
        conn_allow(c, t);
}

static bool is_as_sent(const struct conn *c, const char *p, size_t n)
{
    const struct load *l = c->load;
    uint32_t who = l->mode == MODE_PUSH ? 0 : c->id;

    if (l->mode != MODE_PUSH && c->got.seq > c->sent.seq)
        return false;
    return c->got.at + n <= l->size && memcmp(p, message_bytes(message_table(), who, c->got.seq) + c->got.at, n) == 0;
}

static bool take_payload(struct conn *c, struct span *bytes, int64_t t)
{
    struct inlet *i = &c->inlet;
    size_t n = bytes->n < i->left ? bytes->n : (size_t)i->left;
    bool data = i->frame.opcode <= WS_BINARY;

    if (data && !is_as_sent(c, bytes->p, n)) {
        wrong(c, "a payload came back changed");
        return false;
    }
    c->got.at += data ? n : 0;
    i->left -= n;
    bytes->p += n, bytes->n -= n;
    if (i->left)
        return true;
    i->inside = false;
    if (!data || !i->frame.fin)
        return true;
    if (c->got.at != c->load->size) {
        wrong(c, "a payload came back short");
        return false;
    }
    count_message(c, t);
    return true;
}

static bool take_frames(struct conn *c, struct span bytes, int64_t t)
{
    while (bytes.n) {
        enum http_parse result = c->inlet.inside ? HTTP_DONE : inlet_take(&c->inlet, &bytes);
        if (result == HTTP_MORE)
            return true;
        if (result == HTTP_BAD || c->inlet.frame.masked || c->inlet.frame.rsv) {
            wrong(c, "not a server's frame");
            return false;
        }
        if (c->inlet.frame.opcode == WS_CLOSE) {
            errno = 0;
            c->state == CONN_CLOSING ? next(c) : broken(c, "a Close came");
            return false;
        }
        if (!take_payload(c, &bytes, t))
            return false;
    }
    return true;
}

static bool is_upgrade(const struct http_response_head *head)
{
    return head->status == 101 && ws_check_response(head, SPAN("websocket"), SPAN(CONN_KEY)) == WS_OK;
}

/* The whole answer must be there: it is small. *used 0: not yet. */
static bool is_answer(struct conn *c, const struct http_response_head *head, struct span bytes, size_t *used)
{
    struct http_body body;
    struct http_fault fault;
    struct span piece;
    size_t n = *used;
    size_t step = 0;

    if (head->status != 200 || !http_response_framing(head, SPAN("GET"), &body, &fault))
        return false;
    do {
        if (http_body_decode(&body, (struct span){ bytes.p + n, bytes.n - n }, &piece, &step) == HTTP_BAD)
            return false;
        if (c->got.at + piece.n > c->load->size || memcmp(piece.p, message_table() + c->got.at, piece.n) != 0)
            return false;
        c->got.at += piece.n;
        n += step;
    } while (step && !body.done);
    if (!body.done)
        c->got.at = 0;
    *used = body.done ? n : 0;
    return !body.done || (c->got.at == c->load->size && body.framing == HTTP_LENGTH);
}

static bool judge(struct conn *c, const struct http_response_head *head, struct span bytes, size_t *used)
{
    char what[60];

    if (c->state == CONN_HEAD ? is_upgrade(head) : is_answer(c, head, bytes, used))
        return true;
    snprintf(what, sizeof(what), c->state == CONN_HEAD ? "no upgrade: %d" : "not the answer: %d", head->status);
    errno = 0;
    fail(c, head->status < 400 ? &c->load->wrong : &c->load->errors, what);
    return false;
}

static bool take_head(struct conn *c, struct span *bytes)
{
    struct arena *a = arena_new();
    struct http_scan scan = { 0 };
    struct http_response_head head = { 0 };
    struct http_fault fault;
    size_t used = 0;
    enum http_parse result = http_parse_response(a, *bytes, 8192, &scan, &head, &used, &fault);
    bool good = result == HTTP_MORE || (result == HTTP_DONE && judge(c, &head, *bytes, &used));

    if (result == HTTP_BAD)
        wrong(c, "not a response");
    if (good && used == 0)
        buf_add(&c->head, bytes->p, bytes->n);
    if (good)
        bytes->p += used ? used : bytes->n, bytes->n -= used ? used : bytes->n;
    arena_free(a);
    return good && (!used || c->state != CONN_HEAD || opened(c));
}

static bool take_answers(struct conn *c, struct span bytes, int64_t t)
{
    while (bytes.n) {
        if (!take_head(c, &bytes))
            return false;
        c->answered = true;
        if (!buf_len(&c->head))
            count_message(c, t);
    }
    return true;
}

static bool take(struct conn *c, struct span bytes, int64_t t)
{
    if (buf_len(&c->head)) {
        buf_add(&c->head, bytes.p, bytes.n);
        bytes.n = buf_len(&c->head);
        ASSERT(bytes.n <= sizeof(in));
        memcpy(in, buf_head(&c->head), bytes.n);
        bytes.p = in;
        buf_release(&c->head);
    }
    if (c->load->mode == MODE_HTTP)
        return take_answers(c, bytes, t);
    if (c->state == CONN_HEAD && !take_head(c, &bytes))
        return false;
    return take_frames(c, bytes, t);
}

/* A server may end a connection that is kept alive between two answers: then the request goes out anew. */
static void ended(struct conn *c)
{
    if (c->state == CONN_CLOSING) {
        next(c);
    } else if (c->load->mode == MODE_HTTP && c->answered && !buf_len(&c->head)) {
        c->load->reconnects++;
        end(c);
        c->sent.seq = c->got.seq;
        conn_start(c);
    } else {
        broken(c, "the stream ended");
    }
}

static void receive(struct conn *c)
{
    do {
        ssize_t n = wire_read(&c->wire, in, sizeof(in) / 2);
        if (n == WIRE_WAIT)
            break;
        if (n <= 0) {
            ended(c);
            return;
        }
        if (!take(c, (struct span){ in, (size_t)n }, now()))
            return;
    } while (wire_pending(&c->wire));
    if (c->state == CONN_OPEN && c->sent.seq < c->allowed && !c->waiting)
        conn_pump(c);
}

void conn_event(struct conn *c, uint32_t events)
{
    if (c->state == CONN_CONNECTING) {
        connected(c);
        return;
    }
    if (c->state == CONN_TLS) {
        shake_hands(c);
        return;
    }
    if (events & EPOLLOUT && c->state == CONN_OPEN)
        conn_pump(c);
    if (c->state != CONN_NONE && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(c);
}
