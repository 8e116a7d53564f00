/* Listen: forms and messages of httpd's listen.c (ap_set_listener, apr_parse_addr_port). */
#include "core.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

struct listen_word { /* "host:port" in parts */
    char *host;      /* NULL: every address */
    int port;        /* 0: not written */
};

static bool read_port(const char *digits, int *port)
{
    uint64_t value;

    if (!span_to_u64(span_of(digits), &value) || value < 1 || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

static bool is_ip6(const char *host)
{
    struct in6_addr ip;
    return inet_pton(AF_INET6, host, &ip) == 1;
}

/* "[::1]" -> "::1"; a zone has no meaning for a server that moves between machines. */
static bool take_brackets(char *host)
{
    size_t n = strlen(host);

    if (n < 3 || host[n - 1] != ']')
        return false;
    host[n - 1] = '\0';
    memmove(host, host + 1, n - 1);
    return is_ip6(host);
}

/* Digits alone are a port; digits after the last colon too. */
static bool split(char *word, struct listen_word *out)
{
    char *digits = word + strlen(word);

    while (digits > word && isdigit((unsigned char)digits[-1]))
        digits--;
    if (digits == word)
        return read_port(word, &out->port);
    if (digits[-1] == ':' && *digits) {
        if (digits - 1 == word || !read_port(digits, &out->port))
            return false;
        digits[-1] = '\0';
    }
    if (*word == '[' && !take_brackets(word))
        return false;
    out->host = strcmp(word, "*") == 0 ? NULL : word;
    return true;
}

static bool same_listener(const struct listener_setting *a, const struct listener_setting *b)
{
    const struct site_address *x = &a->address, *y = &b->address;

    if (x->port != y->port || x->any_ip != y->any_ip)
        return false;
    return x->any_ip || (x->family == y->family && memcmp(x->ip, y->ip, sizeof(x->ip)) == 0);
}

static const char *add(struct conf_cmd *cmd, struct vec *all, const struct listener_setting *l)
{
    for (unsigned i = 0; i < all->n; i++)
        if (same_listener(all->items[i], l))
            return "Cannot define multiple Listeners on the same IP:port";
    vec_add(cmd->arena, all, arena_copy(cmd->arena, l, sizeof(*l)));
    return NULL;
}

static void fill_ip(struct site_address *a, const struct sockaddr *from)
{
    a->any_ip = false;
    a->family = from->sa_family == AF_INET6 ? 6 : 4;
    memset(a->ip, 0, sizeof(a->ip));
    if (a->family == 6)
        memcpy(a->ip, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else
        memcpy(a->ip, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
}

/* A name listens on each of its addresses. */
static const char *add_host(struct conf_cmd *cmd, struct vec *all, struct listener_setting *l)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int error = getaddrinfo(l->address.host, NULL, &hints, &found);
    const char *fault = NULL;

    if (error)
        return conf_fault(cmd, "Listen setup failed: AH00077: alloc_listener: failed to set up sockaddr for %s: %s",
                          l->address.host, gai_strerror(error));
    for (const struct addrinfo *i = found; i && !fault; i = i->ai_next) {
        if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
            continue;
        fill_ip(&l->address, i->ai_addr);
        fault = add(cmd, all, l);
    }
    freeaddrinfo(found);
    return fault;
}

static const char *protocol_of(struct conf_cmd *cmd, int argc, char **argv, int port)
{
    char *word;

    if (argc < 2)
        return port == 443 ? "https" : "http";
    word = arena_strdup(cmd->arena, argv[1]);
    for (char *p = word; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return word;
}

const char *core_set_listen(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *site = settings;
    struct listen_word word = { NULL, 0 };
    struct listener_setting l = { 0 };

    if (argc < 1 || argc > 2)
        return "Listen requires 1 or 2 arguments.";
    if (!split(arena_strdup(cmd->arena, argv[0]), &word))
        return "Invalid address or port";
    if (!word.port)
        return "Port must be specified";
    l.text = arena_strdup(cmd->arena, argv[0]);
    l.protocol = protocol_of(cmd, argc, argv, word.port);
    l.address = (struct site_address){ .any_ip = !word.host, .port = word.port, .text = l.text, .host = word.host };
    return word.host ? add_host(cmd, &site->listeners, &l) : add(cmd, &site->listeners, &l);
}
