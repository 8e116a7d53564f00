/* net: descriptors, epoll, timers, streams, names. One loop belongs to one thread; nothing here locks. */
#ifndef WEIR_NET_H
#define WEIR_NET_H

#include "base.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

struct loop;

/* ---- loop ---------------------------------------------------------------------------------------- */

struct loop *loop_new(void);
void loop_free(struct loop *l);
void loop_run(struct loop *l);           /* until loop_stop */
void loop_stop(struct loop *l);          /* from its own thread; loop_wake + a posted task from another */
uint64_t loop_now(const struct loop *l); /* ms, of this turn */
int64_t loop_wall_us(struct loop *l);    /* wall clock of this turn, µs */

/* Who is told of a descriptor's events. The descriptor is kept by who watches: so a stream is two words less. */
struct watch {
    const struct watch_kind *kind;
};
struct watch_kind {
    void (*on_event)(struct watch *w, uint32_t events); /* EPOLL* bits */
};
bool loop_watch(struct loop *l, struct watch *w, int fd); /* edge-triggered, all events at once; false: errno */
void loop_unwatch(struct loop *l, struct watch *w, int fd);
bool loop_has_event(const struct loop *l, const struct watch *w); /* this turn's, not yet handed over */
/* Level-triggered: listeners. Call again to change. */
bool loop_watch_level(struct loop *l, struct watch *w, int fd, uint32_t events);

/* Free p with fn after the events of this turn: an event already fetched never meets freed memory. */
void loop_defer(struct loop *l, void (*fn)(void *), void *p);

/* A task to be run once, at the end of this turn; linked at most once, removed by task_cancel. */
struct task {
    struct link link; /* zeroed or initialised: not queued */
    void (*run)(struct task *t);
};
void loop_post(struct loop *l, struct task *t);
void task_cancel(struct task *t);
/* From any thread: run fn(arg) in the loop's thread, soon. */
void loop_call(struct loop *l, void (*fn)(void *), void *arg);

/* ---- timers: a heap; 32 bytes each ---------------------------------------------------------------- */

struct timer {
    uint64_t when; /* loop_now milliseconds */
    unsigned slot; /* 0: not armed */
    void (*on_time)(struct timer *t);
};
void timer_set(struct loop *l, struct timer *t, uint64_t in_ms); /* arms or moves */
void timer_cancel(struct loop *l, struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->slot != 0;
}

/* ---- addresses --------------------------------------------------------------------------------------- */

struct addr {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};
struct addr_small { /* IPv4 or IPv6 endpoint in 20 bytes, for what lives long */
    unsigned char ip[16];
    unsigned short port;
    unsigned char family; /* 4, 6 or 0 (unix) */
};
bool addr_parse(const char *ip, int port, struct addr *a); /* numeric only */
bool addr_unix(const char *path, struct addr *a);          /* false: too long */
int addr_port(const struct addr *a);
bool addr_is_any(const struct addr *a); /* 0.0.0.0, :: */
/* "192.0.2.1", "::1" or the path; v4-mapped shown as v4. Returns out. */
const char *addr_ip(const struct addr *a, char *out, size_t size);
const char *addr_text(const struct addr *a, char *out, size_t size);                      /* ip:port, [ip]:port, path */
const char *addr_with_port(const struct addr *a, const char *ip, char *out, size_t size); /* the same from addr_ip's */
struct addr_small addr_shrink(const struct addr *a);
#define ADDR_TEXT 128

/* ---- sockets ------------------------------------------------------------------------------------------- */

/* Non-blocking, close-on-exec, SO_REUSEADDR and SO_REUSEPORT, listening; -1 with errno. */
int sock_listen(const struct addr *a, int backlog);
int sock_accept(int fd, struct addr *peer); /* TCP_NODELAY set; -1 with errno */
bool sock_local(int fd, struct addr *a);
ssize_t sock_peek(int fd, void *out, size_t n); /* what a read would give, left where it is; -1 with errno */
/* Raises RLIMIT_NOFILE to the hard limit; returns it. */
uint64_t sock_raise_files(void);
/* Once all that a server needs is open, before there are threads. Of what is left an eighth at most is held back twice:
 * the last 16 for our own files (reloads, logs, certificates), before them 1024 for backends of the clients that are
 * in. fd: any that is open. */
void sock_share_files(uint64_t limit, int fd);
bool sock_is_spare(int fd);       /* a backend's socket may have this number */
bool sock_is_last_client(int fd); /* after a client with this number none is taken for now */
bool sock_takes_clients(int fd);  /* and now again? fd: any that is open */

/* ---- stream: bytes both ways over TCP or unix now, TLS and HTTP/2 behind the same face later ------------- */

struct stream;
enum {
    STREAM_READABLE = 1,
    STREAM_WRITABLE = 2,
    STREAM_EOF = 4 /* peer sent FIN: read on to see it */,
    STREAM_FAILED = 8
};
struct stream_kind {
    struct watch_kind watch; /* first: a stream's watch leads to it */
    const char *name;
    ssize_t (*read)(struct stream *s, void *out, size_t n);           /* >0, 0 end, -1 errno (EAGAIN: wait) */
    ssize_t (*write)(struct stream *s, const struct iovec *v, int n); /* >=0, -1 errno (EAGAIN: wait) */
    int (*shutdown)(struct stream *s);                                /* send FIN/close_notify; 0 or -1 errno */
    void (*close)(struct stream *s);                                  /* and free, deferred to the end of the turn */
    /* As write, up to n bytes of a file from `at` on; 0: it ends before. NULL: its bytes are to be read and written. */
    ssize_t (*send_file)(struct stream *s, int fd, uint64_t at, size_t n);
};
struct stream { /* 40 bytes: an idle tunnel is little else than two of them */
    struct watch watch;
    struct loop *loop;
    void (*on_ready)(struct stream *s); /* something of `ready` was gained; the owner pumps */
    void *owner;
    int fd;
    unsigned char ready; /* STREAM_* bits; READABLE and WRITABLE are cleared by EAGAIN (and by a short read) */
    bool connecting : 1;
    bool shut : 1;   /* FIN sent */
    bool ending : 1; /* what is written now is the last: it may wait for the FIN and share its packet */
    bool drained;    /* a read emptied the socket, and no event has come since */
};
/* Takes the descriptor over (closed with the stream). It starts WRITABLE without a call, READABLE is told by one.
 * NULL with errno: the descriptor is closed then too. */
struct stream *stream_tcp(struct loop *l, int fd, void (*on_ready)(struct stream *), void *owner);
/* Starts a connect; on_ready comes with WRITABLE when it stands or FAILED when it does not: then ask stream_error.
 * NULL with errno when it fails at once (no route, no such unix socket, its queue full: EAGAIN). */
struct stream *stream_connect(struct loop *l, const struct addr *a, const struct addr *bind_to, bool keepalive,
                              void (*on_ready)(struct stream *), void *owner);
int stream_error(struct stream *s);     /* SO_ERROR */
int stream_release(struct stream *tcp); /* its descriptor; the stream is gone */
static inline const struct stream_kind *stream_kind(const struct stream *s)
{
    return (const struct stream_kind *)s->watch.kind;
}
static inline ssize_t stream_read(struct stream *s, void *out, size_t n)
{
    return stream_kind(s)->read(s, out, n);
}
static inline ssize_t stream_write(struct stream *s, const struct iovec *v, int n)
{
    return stream_kind(s)->write(s, v, n);
}
static inline ssize_t stream_send_file(struct stream *s, int fd, uint64_t at, size_t n)
{
    return stream_kind(s)->send_file(s, fd, at, n);
}
static inline void stream_close(struct stream *s)
{
    stream_kind(s)->close(s);
}
int stream_shutdown(struct stream *s); /* once; later calls do nothing */
void stream_reset(struct stream *s);   /* close with RST: what was sent is not to be trusted (SO_LINGER 0) */
/* Sends buf's bytes; consumes what went. 1 all gone, 0 some left, -1 errno. */
int stream_flush(struct stream *s, struct buf *b);

bool stream_is_plain(const struct stream *s); /* its bytes are the socket's: they may be peeked at and spliced */
static inline bool stream_is_drained(const struct stream *s)
{
    return s->drained;
}
ssize_t stream_peek(struct stream *s, void *out, size_t n); /* of a plain one; as stream_read, and the bytes stay */

/* ---- pipes: from a plain stream to another without a copy through our memory ---------------------------------- */

#define PIPE_SIZE (256 * 1024)
struct pipe;
struct pipes; /* a pool, of one thread */
struct pipes *pipes_new(unsigned most);
void pipes_free(struct pipes *all);
struct pipe *pipe_take(struct pipes *all); /* empty; NULL: as many are in use as there may be, or no descriptors */
void pipe_give(struct pipes *all, struct pipe *p);                    /* with what is still in it, which is lost */
size_t pipe_len(const struct pipe *p);                                /* bytes in it */
ssize_t stream_splice_in(struct stream *s, struct pipe *p, size_t n); /* into an empty pipe; as stream_read */
ssize_t stream_splice_out(struct stream *s,
                          struct pipe *p); /* out of it; as stream_write. The descriptor is O_NONBLOCK */

/* ---- names: c-ares in the loop ----------------------------------------------------------------------------- */

struct resolver;
struct resolver *resolver_new(struct loop *l);
void resolver_free(struct resolver *r); /* pending queries end without their callback */
struct query;
/* Answers with every address (A and AAAA, in getaddrinfo's order), n 0 and a text on failure. Numeric names and unix
 * paths never come here. The callback may run before this returns (hosts file). Returns NULL when it already ran. */
typedef void resolve_fn(void *arg, const struct addr *addrs, unsigned n, const char *error);
struct query *resolver_ask(struct resolver *r, const char *name, int port, resolve_fn *fn, void *arg);
void query_cancel(struct query *q);

#endif
