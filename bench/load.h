/* The load generator's parts: connections that send and check (conn.c), clocks and figures (measure.c), and the ways
 * to load (load.c). One thread. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "wire.h"

#define SECOND ((int64_t)1000000000) /* in nanoseconds, as all times here */

/* ---- measure.c ------------------------------------------------------------------------------------------------- */

#define HISTOGRAM_STEPS 128 /* in each power of two: within 0.8 % */
struct histogram {
    uint64_t n, most, count[58 * HISTOGRAM_STEPS];
};
int64_t now(void);
void histogram_add(struct histogram *h, int64_t ns);
double histogram_us(const struct histogram *h, double quantile);

struct sample { /* of the clocks */
    int64_t at, cpu;
};
/* pids: "12,13", the processes whose CPU time is summed, ended threads included. */
struct sample sample_take(const char *pids);

/* ---- conn.c ----------------------------------------------------------------------------------------------------- */

enum mode { MODE_ECHO, MODE_RATE, MODE_PUSH, MODE_HTTP, MODE_CONNECT, MODE_IDLE };
enum conn_state { CONN_NONE, CONN_CONNECTING, CONN_TLS, CONN_HEAD, CONN_OPEN, CONN_CLOSING };

#define CONN_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455's own example will do */
#define CONN_HANDSHAKE                                                                                                 \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " CONN_KEY "\r\n"

struct conn {
    struct wire wire;
    struct load *load;
    enum conn_state state;
    uint32_t id;
    bool waiting;  /* for the socket to take more */
    bool answered; /* MODE_HTTP: this connection has brought an answer */
    struct buf head;
    struct inlet inlet;
    struct cursor sent, got; /* got.at: payload bytes of message got.seq */
    uint64_t allowed;        /* messages that may be sent in all */
    int64_t began, *due;     /* due: of message seq at seq % load->ring */
};

enum { TICKETS = 64 };

struct load {
    /* what was asked for */
    enum mode mode;
    unsigned port;
    const char *path, *pids;
    bool tls, resume, once; /* once: each ticket opens one connection, as RFC 8446 C.4 has it and browsers do */
    uint32_t connections, flight, parallel;
    size_t size;
    double seconds, warm, rate, open_rate;
    /* what it runs on */
    int loop;
    SSL_CTX *context;
    SSL_SESSION *tickets[TICKETS]; /* the newest last */
    unsigned n_tickets;
    struct frames frames;
    struct conn *conns;
    uint32_t ring, serial;
    char request[1024];
    size_t n_request;
    bool measuring, draining;
    /* what came of it */
    uint64_t open, failed; /* connections */
    uint64_t count, bytes; /* in the window */
    uint64_t total, resumed, reconnects, errors, wrong;
    struct histogram latency, late;
    struct sample from, to;
    char fault[200]; /* the first */
};

void conn_start(struct conn *c);
void conn_allow(struct conn *c, int64_t due); /* one more message, counted from `due`; conn_pump sends it */
void conn_pump(struct conn *c);
void conn_event(struct conn *c, uint32_t events);
void load_note(struct load *l, const struct conn *c, const char *what);

#endif
