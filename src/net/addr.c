/* Addresses: numeric text to sockaddr and back. */
#include "net.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>

static bool parse_v6(const char *ip, struct sockaddr_in6 *in6)
{
    const char *zone = strchr(ip, '%');
    if (!zone)
        return inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1;
    char bare[INET6_ADDRSTRLEN];
    if ((size_t)(zone - ip) >= sizeof(bare))
        return false;
    memcpy(bare, ip, (size_t)(zone - ip));
    bare[zone - ip] = '\0';
    in6->sin6_scope_id = if_nametoindex(zone + 1);
    return in6->sin6_scope_id != 0 && inet_pton(AF_INET6, bare, &in6->sin6_addr) == 1;
}

bool addr_parse(const char *ip, int port, struct addr *a)
{
    if (port < 0 || port > 65535)
        return false;
    memset(a, 0, sizeof(*a));
    if (inet_pton(AF_INET, ip, &a->in.sin_addr) == 1) {
        a->in.sin_family = AF_INET;
        a->in.sin_port = htons((uint16_t)port);
        a->len = sizeof(a->in);
        return true;
    }
    if (!parse_v6(ip, &a->in6))
        return false;
    a->in6.sin6_family = AF_INET6;
    a->in6.sin6_port = htons((uint16_t)port);
    a->len = sizeof(a->in6);
    return true;
}

bool addr_unix(const char *path, struct addr *a)
{
    size_t n = strlen(path);
    memset(a, 0, sizeof(*a));
    if (n == 0 || n >= sizeof(a->un.sun_path))
        return false;
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path, path, n + 1);
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return true;
}

int addr_port(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->in.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

bool addr_is_any(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* A unix peer that did not bind has no path; an abstract name begins with a zero byte, shown as "@". */
static const char *unix_path(const struct addr *a, char *out, size_t size)
{
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t n = a->len > start ? a->len - start : 0;
    if (n > 1 && a->un.sun_path[0] == '\0')
        snprintf(out, size, "@%.*s", (int)(n - 1), a->un.sun_path + 1);
    else
        snprintf(out, size, "%.*s", (int)n, a->un.sun_path);
    return out;
}

static const char *dotted(const unsigned char ip[4], char *out, size_t size)
{
    char text[16];
    size_t n = 0;

    for (int i = 0; i < 4; i++) {
        n += span_put_number(text + n, ip[i], 10);
        text[n++] = '.';
    }
    text[n - 1] = '\0';
    if (n <= size)
        memcpy(out, text, n);
    return out;
}

const char *addr_ip(const struct addr *a, char *out, size_t size)
{
    ASSERT(size > 0);
    out[0] = '\0';
    if (a->sa.sa_family == AF_UNIX)
        return unix_path(a, out, size);
    if (a->sa.sa_family == AF_INET)
        dotted((const unsigned char *)&a->in.sin_addr, out, size);
    else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        dotted(&a->in6.sin6_addr.s6_addr[12], out, size);
    else if (a->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->in6.sin6_addr, out, (socklen_t)size);
    return out;
}

const char *addr_with_port(const struct addr *a, const char *ip, char *out, size_t size)
{
    char text[ADDR_TEXT + 24];
    size_t n;
    bool v6;

    if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6) {
        snprintf(out, size, "%s", ip);
        return out;
    }
    v6 = strchr(ip, ':') != NULL;
    n = (size_t)(stpcpy(stpcpy(stpcpy(text, v6 ? "[" : ""), ip), v6 ? "]:" : ":") - text);
    n += span_put_number(text + n, (uint64_t)addr_port(a), 10);
    n = n < size ? n : size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
    return out;
}

const char *addr_text(const struct addr *a, char *out, size_t size)
{
    char ip[ADDR_TEXT];

    return addr_with_port(a, addr_ip(a, ip, sizeof(ip)), out, size);
}

struct addr_small addr_shrink(const struct addr *a)
{
    struct addr_small s = { .port = (unsigned short)addr_port(a) };
    if (a->sa.sa_family == AF_INET) {
        s.family = 4;
        memcpy(s.ip, &a->in.sin_addr, 4);
    } else if (a->sa.sa_family == AF_INET6) {
        s.family = 6;
        memcpy(s.ip, &a->in6.sin6_addr, 16);
    }
    return s;
}
