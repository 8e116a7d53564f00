/* systemd without its library: readiness (sd_notify(3)) and sockets handed over (sd_listen_fds(3)). */
#include "control.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_FD 3

void notify_state(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct addr a = { 0 };
    int fd;

    if (!path || (path[0] != '/' && path[0] != '@') || !addr_unix(path, &a))
        return;
    if (path[0] == '@') {
        a.un.sun_path[0] = '\0';
        a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, &a.sa, a.len);
    close(fd);
}

static int handed_over(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

    if (!pid || !n || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    return (int)strtol(n, NULL, 10);
}

/* So that no program that is started later holds them. */
void notify_begin(void)
{
    for (int fd = FIRST_FD, n = handed_over(); fd < FIRST_FD + n; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int notify_take_socket(const struct addr *a)
{
    int n = handed_over();

    for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
        struct addr have;
        if (!sock_local(fd, &have) || have.sa.sa_family != a->sa.sa_family || addr_port(&have) != addr_port(a))
            continue;
        if (have.len == a->len && memcmp(&have.sa, &a->sa, a->len) == 0) {
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            return dup(fd); /* the given one stays: a reload may ask again */
        }
    }
    return -1;
}
