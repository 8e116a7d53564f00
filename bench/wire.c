/* A socket with or without TLS, random messages and their frames, for both ends of the bench. */
#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <unistd.h>

/* ---- wire --------------------------------------------------------------------------------------------------- */

static ssize_t tls_result(struct wire *w, int n)
{
    int error;

    if (n > 0)
        return n;
    error = SSL_get_error(w->ssl, n);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return WIRE_WAIT;
    return error == SSL_ERROR_ZERO_RETURN ? WIRE_END : WIRE_FAULT;
}

static ssize_t socket_result(ssize_t n)
{
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? WIRE_WAIT : WIRE_FAULT;
}

ssize_t wire_read(struct wire *w, void *out, size_t n)
{
    errno = 0;
    return w->ssl ? tls_result(w, SSL_read(w->ssl, out, (int)n)) : socket_result(recv(w->fd, out, n, 0));
}

ssize_t wire_write(struct wire *w, const void *p, size_t n)
{
    size_t done = 0;

    errno = 0;
    while (done < n) {
        ssize_t went = w->ssl ? tls_result(w, SSL_write(w->ssl, (const char *)p + done, (int)(n - done)))
                              : socket_result(send(w->fd, (const char *)p + done, n - done, MSG_NOSIGNAL));
        if (went == WIRE_WAIT)
            break;
        if (went <= 0)
            return WIRE_FAULT;
        done += (size_t)went;
    }
    return (ssize_t)done;
}

bool wire_pending(const struct wire *w)
{
    return w->ssl && SSL_has_pending(w->ssl);
}

void wire_close(struct wire *w)
{
    if (w->ssl) { /* without a word, and the session stays good for resumption */
        SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(w->ssl);
    }
    close(w->fd);
    *w = (struct wire){ .fd = -1 };
}

SSL_CTX *wire_tls(const SSL_METHOD *method)
{
    SSL_CTX *tls = SSL_CTX_new(method);

    ASSERT(tls && SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1);
    ASSERT(SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") == 1);
    ASSERT(SSL_CTX_set1_groups_list(tls, "X25519") == 1);
    SSL_CTX_set_mode(tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, 65536);
    return tls;
}

/* ---- messages ------------------------------------------------------------------------------------------------- */

enum { WINDOWS = 4096, STEP = 4 /* so that the mask fits each of them */ };
static const unsigned char mask[4] = { 0x5a, 0xc3, 0x17, 0x8e };

/* Both ends make the same one (xorshift64). */
static void fill_table(char *table, size_t n)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        table[i] = (char)(x >> 24);
    }
}

const char *message_table(void)
{
    static char table[WINDOWS * STEP + MESSAGE_MAX];

    if (!table[0] && !table[1] && !table[2])
        fill_table(table, sizeof(table));
    return table;
}

static const char *masked_table(void)
{
    static char table[WINDOWS * STEP + MESSAGE_MAX];

    memcpy(table, message_table(), sizeof(table));
    ws_mask(table, sizeof(table), mask, 0);
    return table;
}

void frames_init(struct frames *f, size_t size, bool masked)
{
    struct ws_frame frame = { .opcode = WS_BINARY, .fin = true, .masked = masked, .length = size };

    ASSERT(size <= MESSAGE_MAX);
    memcpy(frame.mask, mask, sizeof(mask));
    *f = (struct frames){ .size = size, .table = masked ? masked_table() : message_table() };
    f->n_header = ws_build_frame(&frame, f->header);
}

const char *message_bytes(const char *table, uint32_t who, uint64_t seq)
{
    return table + ((who * 2654435761u + (uint32_t)seq * 40503u) >> 4) % WINDOWS * STEP;
}

static size_t less(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t frames_fill(const struct frames *f, uint32_t who, struct cursor at, uint64_t end, struct span out)
{
    size_t n = 0;

    while (at.seq < end && n < out.n) {
        bool in_header = at.at < f->n_header;
        size_t piece = less(out.n - n, (in_header ? f->n_header : frames_length(f)) - at.at);
        const char *from =
            in_header ? (const char *)f->header + at.at : message_bytes(f->table, who, at.seq) + (at.at - f->n_header);
        memcpy((char *)out.p + n, from, piece);
        n += piece;
        cursor_advance(&at, f, piece);
    }
    return n;
}

void cursor_advance(struct cursor *c, const struct frames *f, size_t n)
{
    c->at += n;
    c->seq += c->at / frames_length(f);
    c->at %= frames_length(f);
}

enum http_parse inlet_take(struct inlet *i, struct span *in)
{
    enum http_parse result = HTTP_MORE;

    while (in->n && result == HTTP_MORE) {
        i->head[i->n_head++] = (unsigned char)*in->p;
        in->p++, in->n--;
        result = ws_parse_frame((struct span){ (const char *)i->head, i->n_head }, &i->frame);
    }
    if (result == HTTP_DONE) {
        i->n_head = 0;
        i->left = i->frame.length;
        i->inside = true;
    }
    return result;
}
