/* Listening sockets: one an address for each worker (SO_REUSEPORT), opened before privileges go, kept over reloads. */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool same_addr(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

static bool holds(const struct vec *addrs, const struct addr *a)
{
    for (unsigned i = 0; i < addrs->n; i++)
        if (same_addr(addrs->items[i], a))
            return true;
    return false;
}

static bool have_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* "Listen 80" is both families on one socket where there is IPv6, as Debian's httpd does it. */
static void to_addr(const struct site_address *s, struct addr *a)
{
    *a = (struct addr){ 0 };
    if (s->any_ip ? have_ipv6() : s->family == 6) {
        a->len = sizeof(a->in6);
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons((uint16_t)s->port);
        if (!s->any_ip)
            memcpy(&a->in6.sin6_addr, s->ip, 16);
    } else {
        a->len = sizeof(a->in);
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)s->port);
        if (!s->any_ip)
            memcpy(&a->in.sin_addr, s->ip, 4);
    }
}

static bool is_any(const struct addr *a)
{
    static const unsigned char zero[16];
    return a->sa.sa_family == AF_INET6 ? memcmp(&a->in6.sin6_addr, zero, 16) == 0 : a->in.sin_addr.s_addr == INADDR_ANY;
}

/* 0.0.0.0:80 beside [::]:80: the latter's socket takes IPv4 as well, a second one would find its port in use. */
static bool is_covered(const struct vec *addrs, const struct addr *a)
{
    for (unsigned i = 0; i < addrs->n; i++) {
        const struct addr *b = addrs->items[i];
        if (b != a && b->sa.sa_family == AF_INET6 && is_any(b) && addr_port(a) == addr_port(b) &&
            a->sa.sa_family == AF_INET && is_any(a))
            return true;
    }
    return false;
}

static struct vec without_covered(struct arena *arena, const struct vec *addrs)
{
    struct vec left = { 0 };

    for (unsigned i = 0; i < addrs->n; i++)
        if (!is_covered(addrs, addrs->items[i]))
            vec_add(arena, &left, addrs->items[i]);
    return left;
}

static struct vec wanted(struct arena *arena, const struct snapshot *s)
{
    const struct vec *settings = &core_site_of(s->main)->listeners;
    struct vec addrs = { 0 };

    for (unsigned i = 0; i < settings->n; i++) {
        const struct listener_setting *l = settings->items[i];
        struct addr a;
        to_addr(&l->address, &a);
        if (!holds(&addrs, &a))
            vec_add(arena, &addrs, arena_copy(arena, &a, sizeof(a)));
    }
    return without_covered(arena, &addrs);
}

/* SO_REUSEPORT would let a second server of ours share the port unseen: ask without it first. */
static bool is_free(const struct addr *a)
{
    int one = 1, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error;
    bool free_port;

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    free_port = bind(fd, &a->sa, a->len) == 0 || (errno != EADDRINUSE && errno != EADDRNOTAVAIL);
    error = errno;
    close(fd);
    errno = error;
    return free_port;
}

static int open_one(const struct addr *a, int backlog)
{
    int fd = sock_listen(a, backlog);
    return fd < 0 && errno == EACCES ? keeper_listen(a, backlog) : fd;
}

/* The sockets of one address, one for each worker; false with errno: none stays open. */
static bool open_all(struct server *s, const struct addr *a, int backlog, int *fds)
{
    int given = notify_take_socket(a);

    if (given < 0 && !is_free(a))
        return false;
    for (unsigned i = 0; i < s->n_workers; i++) {
        fds[i] = given < 0 ? open_one(a, backlog) : i == 0 ? given : dup(given);
        if (fds[i] < 0) {
            int error = errno;
            while (i--)
                close(fds[i]);
            errno = error;
            return false;
        }
    }
    return true;
}

struct opened {
    struct addr *addr;
    int *fds;
};

static void close_opened(const struct vec *list, unsigned n_workers)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct opened *o = list->items[i];
        for (unsigned k = 0; k < n_workers; k++)
            close(o->fds[k]);
    }
}

static void hand_out(struct server *s, const struct vec *list)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct opened *o = list->items[i];
        for (unsigned k = 0; k < s->n_workers; k++)
            worker_listen(s->workers[k], o->fds[k], o->addr);
    }
}

struct sockets { /* opened, not yet in use */
    struct arena *arena;
    struct vec opened;
    struct vec wanted;
};

void sockets_cancel(struct server *s, struct sockets *k)
{
    close_opened(&k->opened, s->n_workers);
    arena_free(k->arena);
}

struct sockets *sockets_open(struct server *s, const struct snapshot *next, char **error)
{
    struct arena *arena = arena_new();
    struct sockets *k = arena_alloc(arena, sizeof(*k));
    int backlog = core_site_of(next->main)->backlog;

    k->arena = arena;
    k->wanted = wanted(arena, next);
    for (unsigned i = 0; i < k->wanted.n; i++) {
        struct addr *a = k->wanted.items[i];
        struct opened *o = arena_alloc(arena, sizeof(*o));
        char text[ADDR_TEXT];
        if (s->sockets && holds(&s->sockets->wanted, a))
            continue;
        o->addr = a;
        o->fds = arena_alloc(arena, s->n_workers * sizeof(int));
        if (!open_all(s, a, backlog, o->fds)) {
            int code = errno;
            *error = base_alloc(ADDR_TEXT + 128);
            snprintf(*error, ADDR_TEXT + 128, "(%d)%s: AH00072: make_sock: could not bind to address %s", code,
                     strerror(code), addr_text(a, text, sizeof(text)));
            sockets_cancel(s, k);
            return NULL;
        }
        vec_add(arena, &k->opened, o);
    }
    return k;
}

/* New ones are handed to the workers, those no longer named are closed, the others are not touched. */
void sockets_use(struct server *s, struct sockets *k)
{
    hand_out(s, &k->opened);
    for (unsigned i = 0; s->sockets && i < s->sockets->wanted.n; i++) {
        const struct addr *old = s->sockets->wanted.items[i];
        for (unsigned w = 0; w < s->n_workers && !holds(&k->wanted, old); w++)
            worker_unlisten(s->workers[w], old);
    }
    if (s->sockets)
        arena_free(s->sockets->arena);
    k->opened = (struct vec){ 0 };
    s->sockets = k;
}

unsigned sockets_count(const struct sockets *k)
{
    return k->wanted.n;
}

void sockets_free(struct sockets *k)
{
    if (k)
        arena_free(k->arena);
}
