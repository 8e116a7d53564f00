/* Virtual hosts: their address words and the names of those that were given none (vhost.c, ap_parse_vhost_addrs,
 * ap_fini_vhost_config; util.c, ap_get_local_host). */
#include "build.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

struct address_word {
    char *host; /* NULL: the word is a port only */
    int port;
};

static bool port_of(const char *digits, int *port)
{
    uint64_t value;
    if (!span_to_u64(span_of(digits), &value) || value < 1 || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

static bool unbracket(char *host)
{
    struct in6_addr ip;
    size_t n = strlen(host);
    if (n < 3 || host[n - 1] != ']')
        return false;
    host[n - 1] = '\0';
    memmove(host, host + 1, n - 1);
    return inet_pton(AF_INET6, host, &ip) == 1;
}

/* apr_parse_addr_port: digits alone are a port, digits after the last colon too. */
static bool split_address(char *word, struct address_word *out)
{
    char *digits = word + strlen(word);
    while (digits > word && isdigit((unsigned char)digits[-1]))
        digits--;
    if (digits == word)
        return *digits && port_of(digits, &out->port);
    if (digits[-1] == ':' && *digits) {
        if (digits - 1 == word || !port_of(digits, &out->port))
            return false;
        digits[-1] = '\0';
    }
    out->host = word;
    return *word != '[' || unbracket(word);
}

static struct site_address *add_address(struct conf_cmd *cmd, struct vec *to, const char *text,
                                        const struct address_word *w)
{
    struct site_address *a = arena_alloc(cmd->arena, sizeof(*a));
    a->text = arena_strdup(cmd->arena, text);
    a->host = arena_strdup(cmd->arena, w->host);
    a->port = w->port;
    vec_add(cmd->arena, to, a);
    return a;
}

static void fill_ip(struct site_address *a, const struct sockaddr *from)
{
    static const unsigned char zero[16];
    a->family = from->sa_family == AF_INET6 ? 6 : 4;
    if (a->family == 6)
        memcpy(a->ip, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else
        memcpy(a->ip, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    a->any_ip = memcmp(a->ip, zero, 16) == 0; /* 0.0.0.0 and [::] are Apache's "*" too */
    if (a->any_ip)
        a->family = 0;
}

static struct addrinfo *look_up(const char *host)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    return getaddrinfo(host, NULL, &hints, &found) == 0 ? found : NULL;
}

static void add_host(struct conf_cmd *cmd, struct vec *to, const char *text, const struct address_word *w)
{
    struct addrinfo *found = look_up(w->host);
    if (!found)
        conf_note(cmd, LEVEL_ERROR, LOG_CORE, 547, "Could not resolve host name %s -- ignoring!", w->host);
    for (const struct addrinfo *i = found; i; i = i->ai_next)
        if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
            fill_ip(add_address(cmd, to, text, w), i->ai_addr);
    if (found)
        freeaddrinfo(found);
}

static const char *add_word(struct conf_cmd *cmd, const char *word, int default_port, struct vec *to)
{
    size_t n = strlen(word);
    struct address_word w = { NULL, 0 };
    char *copy = arena_strdup(cmd->arena, word);
    bool any_port = n && copy[n - 1] == '*' && (n == 1 || copy[n - 2] == ':');
    if (any_port && n > 1)
        copy[n - 2] = '\0';
    if (!split_address(copy, &w))
        return "The address or port is invalid";
    if (!w.host)
        return "Missing address for VirtualHost";
    if (!w.port && !any_port)
        w.port = default_port;
    if (strcmp(w.host, "*") == 0 || strcasecmp(w.host, "_default_") == 0)
        add_address(cmd, to, word, &w)->any_ip = true;
    else
        add_host(cmd, to, word, &w);
    return NULL;
}

struct site *site_new(struct loading *l, const char *file, int line)
{
    struct site *s = arena_alloc(l->arena, sizeof(*s));
    s->snapshot = l->snapshot;
    s->n_parts = l->n_modules;
    s->parts = parts_new(l->arena, l->site_layouts, l->n_modules);
    s->place = (struct place){ parts_new(l->arena, l->place_layouts, l->n_modules), l->n_modules };
    s->file = file;
    s->line = line;
    return s;
}

const char *conf_open_site(struct conf_cmd *cmd, const char *args)
{
    struct snapshot *snapshot = cmd->snapshot;
    struct site *s = site_new(cmd->loading, cmd->node->file, cmd->node->line);
    const char *fault = NULL, *rest = args;
    char *word;
    if (!args[strspn(args, " \t")])
        return conf_fault(cmd, "%s> directive requires additional arguments", cmd->row->name);
    while (!fault && (word = conf_word(cmd->arena, &rest)))
        fault = *word ? add_word(cmd, word, snapshot->main->server_port, &s->addresses) : NULL;
    if (fault)
        return fault;
    const struct site_address *first = s->addresses.n ? s->addresses.items[0] : NULL;
    s->server_port = first && first->port ? first->port : snapshot->main->server_port;
    vec_add(cmd->arena, &snapshot->sites, s);
    s->id = snapshot->sites.n;
    cmd->site = s;
    cmd->section = NULL;
    cmd->place = &s->place;
    cmd->open = true;
    return NULL;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void note(struct loading *l, enum log_level level, int ah, const char *text)
{
    struct conf_notice *n = arena_alloc(l->arena, sizeof(*n));
    *n = (struct conf_notice){ .level = level, .module = LOG_CORE, .ah = ah, .text = text };
    vec_add(l->arena, &l->reading->notices, n);
}

/* The machine's name with a dot in it, else its address. */
static const char *name_of_host(struct loading *l, const char *host)
{
    char name[NI_MAXHOST];
    struct addrinfo *found = look_up(host);
    const char *result = NULL;
    if (!found)
        return NULL;
    if (getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof(name), NULL, 0, NI_NAMEREQD) == 0 &&
        strchr(name, '.'))
        result = arena_strdup(l->arena, name);
    freeaddrinfo(found);
    return result;
}

/* A loopback address is no help to whoever is told it in X-Forwarded-Server or a link: its name is. */
static const char *address_of_host(struct loading *l, const char *host)
{
    char name[NI_MAXHOST];
    struct addrinfo *found = look_up(host);
    if (!found)
        return "localhost";
    bool good = getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof(name), NULL, 0, NI_NUMERICHOST) == 0;
    freeaddrinfo(found);
    if (!good || strncmp(name, "127.", 4) == 0 || strcmp(name, "::1") == 0)
        return "localhost";
    return arena_strdup(l->arena, name);
}

static const char *local_name(struct loading *l)
{
    char host[HOST_NAME_MAX + 1] = "";
    bool known = gethostname(host, sizeof(host) - 1) == 0;
    const char *name = known ? name_of_host(l, host) : NULL;
    if (name)
        return name;
    if (known && strchr(host, '.'))
        name = arena_strdup(l->arena, host);
    else
        name = known ? address_of_host(l, host) : "localhost";
    note(l, LEVEL_ALERT, 558,
         arena_concat(l->arena, "Could not reliably determine the server's fully qualified domain name, using ", name,
                      ". Set the 'ServerName' directive globally to suppress this message", NULL));
    return name;
}

static const char *reverse_name(struct loading *l, const struct site_address *a)
{
    char name[NI_MAXHOST], ip[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    memcpy(&v6.sin6_addr, a->ip, 16);
    memcpy(&v4.sin_addr, a->ip, 4);
    const struct sockaddr *from = a->family == 6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    socklen_t size = a->family == 6 ? sizeof(v6) : sizeof(v4);
    if (getnameinfo(from, size, name, sizeof(name), NULL, 0, NI_NAMEREQD) == 0)
        return arena_strdup(l->arena, name);
    inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof(ip));
    note(l, LEVEL_ERROR, 549,
         arena_concat(l->arena, "Failed to resolve server name for ", ip,
                      " (check DNS) -- or specify an explicit ServerName", NULL));
    return "bogus_host_without_reverse_dns";
}

static const char *name_for(struct loading *l, const struct site *s)
{
    for (unsigned i = 0; i < s->addresses.n; i++)
        if (((const struct site_address *)s->addresses.items[i])->any_ip)
            return l->snapshot->main->server_name;
    if (!s->addresses.n)
        return "bogus_host_without_forward_dns";
    return reverse_name(l, s->addresses.items[0]);
}

void sites_name(struct loading *l)
{
    struct snapshot *snapshot = l->snapshot;
    if (!snapshot->main->server_name)
        snapshot->main->server_name = local_name(l);
    for (unsigned i = 0; i < snapshot->sites.n; i++) {
        struct site *s = snapshot->sites.items[i];
        if (!s->server_name)
            s->server_name = name_for(l, s);
    }
}
