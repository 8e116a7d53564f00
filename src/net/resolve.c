/* Names: c-ares in the loop. /etc/hosts first, then DNS, the answers in getaddrinfo's order (RFC 6724). */
#include "net.h"

#include <ares.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>

enum { TRY_MS = 2000, TRIES = 2, MOST_ADDRESSES = 64 };

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct timer timer;
    bool answering;             /* inside c-ares: the channel must stay */
    struct timespec servers_of; /* resolv.conf's time when the channel was made */
    struct link queries;        /* not answered yet */
    struct link sockets;        /* c-ares's own, watched */
};

struct query {
    struct link link;
    struct resolver *resolver;
    resolve_fn *fn; /* NULL: cancelled */
    void *arg;
    int port;
    bool asking, answered; /* resolver_ask has not returned; c-ares has called back */
};

struct ares_socket {
    struct link link;
    struct watch watch;
    int fd;
    struct resolver *resolver;
};

/* ---- c-ares's descriptors and time-outs ---- */

static void arm_timer(struct resolver *r)
{
    struct timeval tv, *next = ares_timeout(r->channel, NULL, &tv);
    if (next)
        timer_set(r->loop, &r->timer, (uint64_t)next->tv_sec * 1000 + (uint64_t)(next->tv_usec + 999) / 1000);
    else
        timer_cancel(r->loop, &r->timer);
}

static void on_time(struct timer *t)
{
    struct resolver *r = CONTAINER_OF(t, struct resolver, timer);
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(r);
}

static void on_event(struct watch *w, uint32_t events)
{
    struct ares_socket *s = CONTAINER_OF(w, struct ares_socket, watch);
    struct resolver *r = s->resolver; /* c-ares may close the socket, and so release s, below */
    bool broken = events & (EPOLLERR | EPOLLHUP);
    ares_process_fd(r->channel, broken || (events & EPOLLIN) ? s->fd : ARES_SOCKET_BAD,
                    broken || (events & EPOLLOUT) ? s->fd : ARES_SOCKET_BAD);
    arm_timer(r);
}

static const struct watch_kind socket_kind = { on_event };

static struct ares_socket *find_socket(struct resolver *r, int fd)
{
    for (struct link *at = r->sockets.next; at != &r->sockets; at = at->next) {
        struct ares_socket *s = CONTAINER_OF(at, struct ares_socket, link);
        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;
    struct ares_socket *s = find_socket(r, fd);
    if (!readable && !writable) {
        if (!s)
            return;
        loop_unwatch(r->loop, &s->watch, fd);
        link_remove(&s->link);
        loop_defer(r->loop, free, s);
        return;
    }
    if (!s) {
        s = base_alloc(sizeof(*s));
        *s = (struct ares_socket){ .watch = { &socket_kind }, .fd = fd, .resolver = r };
        link_push(&r->sockets, &s->link);
    }
    loop_watch_level(r->loop, &s->watch, fd, (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0));
}

/* ---- questions and answers ---- */

static unsigned copy_addresses(const struct ares_addrinfo *info, int port, struct addr *out)
{
    unsigned n = 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node && n < MOST_ADDRESSES; node = node->ai_next) {
        struct addr *a = &out[n];
        if ((node->ai_family != AF_INET && node->ai_family != AF_INET6) || node->ai_addrlen > sizeof(a->in6))
            continue;
        memset(a, 0, sizeof(*a));
        memcpy(&a->sa, node->ai_addr, node->ai_addrlen);
        a->len = node->ai_addrlen;
        if (node->ai_family == AF_INET)
            a->in.sin_port = htons((uint16_t)port);
        else
            a->in6.sin6_port = htons((uint16_t)port);
        n++;
    }
    return n;
}

static void answer(struct query *q, int status, const struct ares_addrinfo *info)
{
    struct addr addrs[MOST_ADDRESSES];
    unsigned n = status == ARES_SUCCESS && info ? copy_addresses(info, q->port, addrs) : 0;
    const char *error = n ? NULL : ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status);
    q->fn(q->arg, addrs, n, error);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct query *q = arg;
    struct resolver *r = q->resolver;
    bool nested = r->answering;
    link_remove(&q->link);
    r->answering = true;
    if (q->fn)
        answer(q, status, info);
    r->answering = nested;
    if (info)
        ares_freeaddrinfo(info);
    if (q->asking)
        q->answered = true;
    else
        free(q);
}

/* ---- the channel ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    ASSERT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
}

static struct timespec servers_time(void)
{
    struct stat st;
    return stat("/etc/resolv.conf", &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static void open_channel(struct resolver *r)
{
    char files_then_dns[] = "fb";
    struct ares_options options = { .timeout = TRY_MS,
                                    .tries = TRIES,
                                    .lookups = files_then_dns,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = r };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    r->servers_of = servers_time();
    ASSERT(ares_init_options(&r->channel, &options, mask) == ARES_SUCCESS);
}

/* c-ares reads resolv.conf once; a machine that changes its network would ask the old servers for ever. */
static void follow_servers(struct resolver *r)
{
    if (r->answering || !link_empty(&r->queries))
        return;
    struct timespec now = servers_time();
    if (now.tv_sec == r->servers_of.tv_sec && now.tv_nsec == r->servers_of.tv_nsec)
        return;
    ares_destroy(r->channel);
    open_channel(r);
}

/* ---- asking ---- */

struct query *resolver_ask(struct resolver *r, const char *name, int port, resolve_fn *fn, void *arg)
{
    follow_servers(r);
    struct query *q = base_alloc(sizeof(*q));
    *q = (struct query){ .resolver = r, .fn = fn, .arg = arg, .port = port, .asking = true };
    link_push(&r->queries, &q->link);
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    ares_getaddrinfo(r->channel, name, NULL, &hints, on_answer, q);
    q->asking = false;
    if (q->answered) {
        free(q);
        return NULL;
    }
    arm_timer(r);
    return q;
}

/* c-ares cannot forget one question alone: its answer is thrown away when it comes. */
void query_cancel(struct query *q)
{
    q->fn = NULL;
}

/* ---- life ---- */

struct resolver *resolver_new(struct loop *l)
{
    pthread_once(&library_once, start_library);
    struct resolver *r = base_alloc(sizeof(*r));
    r->loop = l;
    r->timer.on_time = on_time;
    link_init(&r->queries);
    link_init(&r->sockets);
    open_channel(r);
    return r;
}

static void destroy(void *p)
{
    struct resolver *r = p;
    ares_destroy(r->channel); /* answers what is pending: on_answer frees the queries */
    timer_cancel(r->loop, &r->timer);
    ASSERT(link_empty(&r->queries) && link_empty(&r->sockets));
    free(r);
}

/* Deferred: the caller may stand inside an answer of this very channel. */
void resolver_free(struct resolver *r)
{
    for (struct link *at = r->queries.next; at != &r->queries; at = at->next)
        query_cancel(CONTAINER_OF(at, struct query, link));
    timer_cancel(r->loop, &r->timer);
    loop_defer(r->loop, destroy, r);
}
