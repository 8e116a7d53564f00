/* What the load generator and its backend share: a socket with or without TLS, and the messages that both know.
 * Framing, heads and listening are Weir's own rooms; the event loops here are not, so that what is measured and what
 * measures do not change together. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <openssl/ssl.h>

#include "ws.h"

/* ---- wire: a non-blocking socket, level-triggered ---------------------------------------------------------- */

enum { WIRE_END = 0, WIRE_FAULT = -1, WIRE_WAIT = -2 };
struct wire {
    int fd;
    SSL *ssl; /* NULL: plain */
};
ssize_t wire_read(struct wire *w, void *out, size_t n);      /* > 0, or WIRE_* */
ssize_t wire_write(struct wire *w, const void *p, size_t n); /* as much as goes now (0 to n), or WIRE_FAULT */
bool wire_pending(const struct wire *w);                     /* TLS holds bytes that no event will tell of */
void wire_close(struct wire *w);
SSL_CTX *wire_tls(const SSL_METHOD *method); /* TLS 1.3, so that all do the same work */

/* ---- messages: number `seq` of connection `who` is a window of a table of random bytes ---------------------- */

#define MESSAGE_MAX ((size_t)1 << 20)
struct frames { /* all of one size, binary, whole */
    size_t size, n_header;
    unsigned char header[14];
    const char *table; /* masked, when they are a client's */
};
struct cursor { /* where a stream of them stands */
    uint64_t seq;
    size_t at; /* bytes of frame seq, header included, that are past */
};
void frames_init(struct frames *f, size_t size, bool masked);
static inline size_t frames_length(const struct frames *f)
{
    return f->n_header + f->size;
}
const char *message_bytes(const char *table, uint32_t who, uint64_t seq);
const char *message_table(void); /* not masked */
/* The bytes of who's frames from `at` on, before frame `end`; at most cap. */
size_t frames_fill(const struct frames *f, uint32_t who, struct cursor at, uint64_t end, struct span out);
void cursor_advance(struct cursor *c, const struct frames *f, size_t n);

/* ---- inlet: frame headers out of a stream that breaks anywhere ---------------------------------------------- */

struct inlet {
    unsigned char head[14], n_head;
    struct ws_frame frame; /* the one under way */
    uint64_t left;         /* of its payload */
    bool inside;           /* the caller clears it when left is 0 and the frame was dealt with */
};
/* Takes a header, or a part of it, off `in`. HTTP_DONE: a frame is under way. */
enum http_parse inlet_take(struct inlet *i, struct span *in);

#endif
