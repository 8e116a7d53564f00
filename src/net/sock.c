/* Listening and accepting sockets, and the limit on descriptors. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES_FOR_US = 16, FILES_FOR_BACKENDS = 1024 };

static bool is_inet(const struct addr *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* "::" takes IPv4 as well, whatever the machine's bindv6only says: httpd on Linux does so. Accepted sockets inherit
 * TCP_NODELAY from here. */
static bool set_listen_options(int fd, const struct addr *a)
{
    if (!is_inet(a))
        return true;
    if (a->sa.sa_family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0))
        return false;
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

int sock_listen(const struct addr *a, int backlog)
{
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (set_listen_options(fd, a) && bind(fd, &a->sa, a->len) == 0 && listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int sock_accept(int fd, struct addr *peer)
{
    int got;
    do { /* a peer that left while it waited in the queue is no fault of the listener */
        peer->len = sizeof(struct sockaddr_un);
        got = accept4(fd, &peer->sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (got < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (got < 0)
        return -1;
    if (peer->len < sizeof(peer->sa.sa_family))
        peer->sa.sa_family = AF_UNIX;
    return got;
}

bool sock_local(int fd, struct addr *a)
{
    memset(a, 0, sizeof(*a));
    a->len = sizeof(struct sockaddr_un);
    return getsockname(fd, &a->sa, &a->len) == 0;
}

ssize_t sock_peek(int fd, void *out, size_t n)
{
    ssize_t got;
    do
        got = recv(fd, out, n, MSG_PEEK | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got;
}

uint64_t sock_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
}

/* ---- who may have the last ones ---- */

static int files_for_peers = INT_MAX, files_for_clients = INT_MAX; /* set before there are threads */

/* Descriptors are given out from the lowest, so that a number says how many there are. -1: none is left. */
static int lowest_free(int fd)
{
    int lowest = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lowest >= 0)
        close(lowest);
    return lowest;
}

static int at_most(int n, int most)
{
    return n < most ? n : most;
}

void sock_share_files(uint64_t limit, int fd)
{
    int lowest = lowest_free(fd);
    if (limit > INT_MAX || lowest < 0)
        return;
    int eighth = ((int)limit - lowest) / 8;
    files_for_peers = (int)limit - at_most(eighth, FILES_FOR_US);
    files_for_clients = files_for_peers - at_most(eighth, FILES_FOR_BACKENDS);
}

bool sock_is_spare(int fd)
{
    return fd < files_for_peers;
}

bool sock_is_last_client(int fd)
{
    return fd >= files_for_clients;
}

bool sock_takes_clients(int fd)
{
    int lowest = lowest_free(fd);
    return lowest >= 0 && !sock_is_last_client(lowest);
}
