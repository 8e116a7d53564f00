/* mod_remoteip: who a request is from when proxies that are trusted say so, in a header (remoteip_modify_request) or
 * before the connection's first byte (RemoteIPProxyProtocol; what that says is read by http/proxy_protocol.c). */
#include "mods.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

struct trusted {
    struct subnet net;
    bool internal;
};
struct proxied_address { /* of a virtual host with RemoteIPProxyProtocol */
    struct site_address address;
    const struct site *site;
};
struct remoteip_site {
    const char *header, *proxies_header;
    struct vec trusted;                       /* struct trusted *: a site's own replace the main server's */
    struct vec enabled, disabled, exceptions; /* struct proxied_address *, struct subnet *; main server only */
};

static struct remoteip_site *main_part(const struct snapshot *s)
{
    return site_part(s->main, &remoteip_module);
}

/* ---- rows: whom to trust ---- */

static bool looks_like_ip(const char *text)
{
    return strchr(text, ':') || strspn(text, "0123456789.") == strlen(text);
}

static void trust(struct conf_cmd *cmd, struct remoteip_site *site, const struct subnet *net)
{
    struct trusted *t = arena_alloc(cmd->arena, sizeof(*t));

    *t = (struct trusted){ *net, strncmp(cmd->row->name, "RemoteIPInternal", 16) == 0 };
    vec_add(cmd->arena, &site->trusted, t);
    conf_touch(cmd, site, &site->trusted);
}

/* A name stands for all its addresses, as they are when the file is read. */
static const char *trust_name(struct conf_cmd *cmd, struct remoteip_site *site, const char *name)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int error = getaddrinfo(name, NULL, &hints, &found);

    if (error)
        return conf_fault(cmd, "RemoteIP: Error parsing IP %s (%s error) for %s", name, gai_strerror(error),
                          cmd->row->name);
    for (const struct addrinfo *i = found; i; i = i->ai_next) {
        char text[INET6_ADDRSTRLEN];
        struct subnet net;
        if (getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0 &&
            subnet_parse(text, &net))
            trust(cmd, site, &net);
    }
    freeaddrinfo(found);
    return NULL;
}

/* apr's sentence for a network that is none. */
static const char *network_fault(struct arena *a, const char *text)
{
    const char *slash = strchr(text, '/');
    struct subnet net;

    return slash && subnet_parse(arena_strndup(a, text, (size_t)(slash - text)), &net)
               ? "The specified network mask is invalid."
               : "The specified IP address is invalid.";
}

static const char *trust_word(struct conf_cmd *cmd, struct remoteip_site *site, const char *word)
{
    const char *slash = strchr(word, '/');
    struct subnet net;

    if (!looks_like_ip(slash ? arena_strndup(cmd->arena, word, (size_t)(slash - word)) : word)) {
        if (slash)
            return conf_fault(cmd, "RemoteIP: Error parsing IP %s the subnet %s is invalid for %s", word, slash,
                              cmd->row->name);
        return trust_name(cmd, site, word);
    }
    if (!subnet_parse(word, &net))
        return conf_fault(cmd, "RemoteIP: Error parsing IP %s (%s error) for %s", word, network_fault(cmd->arena, word),
                          cmd->row->name);
    trust(cmd, site, &net);
    return NULL;
}

static const char *set_trusted(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return trust_word(cmd, settings, argv[0]);
}

static const char *take_line(struct conf_cmd *cmd, struct remoteip_site *site, const char *line)
{
    const char *fault = NULL, *word;

    while (!fault && (word = conf_word(cmd->arena, &line)) && *word && *word != '#')
        fault = trust_word(cmd, site, word);
    return fault;
}

static const char *set_trusted_list(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *path = conf_path(cmd->arena, cmd->reading->root, argv[0]), *why, *fault;
    struct span text, rest;

    (void)argc;
    why = path ? conf_read_file(cmd, path, &text) : "Invalid argument";
    if (why)
        return conf_fault(cmd, "%s: Could not open file %s: %s", cmd->row->name, path ? path : argv[0], why);
    rest = text;
    for (int line = 1; rest.n; line++) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;

        fault = take_line(cmd, settings, arena_span(cmd->arena, span_trim((struct span){ rest.p, n })));
        if (fault)
            return conf_fault(cmd, "%s at line %d of %s", fault, line, path);
        n += end ? 1 : 0;
        rest = (struct span){ rest.p + n, rest.n - n };
    }
    return NULL;
}

/* ---- rows: where the PROXY protocol is spoken ---- */

static bool same_ip(const struct site_address *a, const struct site_address *b)
{
    return a->any_ip == b->any_ip &&
           (a->any_ip || (a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0));
}

/* One stands for the other, as far as a wildcard goes. */
static bool covers(const struct site_address *a, const struct site_address *b)
{
    bool port = a->port == b->port || !a->port || !b->port;

    if (same_ip(a, b) && port)
        return true;
    return (a->any_ip && (!a->port || a->port == b->port)) || (b->any_ip && (!b->port || b->port == a->port));
}

static bool is_listed(const struct vec *list, const struct site_address *a)
{
    for (unsigned i = 0; i < list->n; i++)
        if (covers(&((const struct proxied_address *)list->items[i])->address, a))
            return true;
    return false;
}

/* A later line for the same address wins. */
static void unlist(struct conf_cmd *cmd, struct vec *list, const struct site_address *a, const char *now)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct proxied_address *p = list->items[i];
        if (!same_ip(&p->address, a) || p->address.port != a->port)
            continue;
        conf_note(cmd, LEVEL_NOTICE, LOG_REMOTEIP, 3491,
                  "RemoteIPProxyProtocol: previous setting for %s:%d from virtual host {%s in %s:%d} is being "
                  "overridden by virtual host {%s in %s:%d}; new setting is '%s'",
                  a->any_ip ? "0.0.0.0" : a->host, a->port, p->site->server_name ? p->site->server_name : "",
                  p->site->file, p->site->line, cmd->site->server_name ? cmd->site->server_name : "", cmd->site->file,
                  cmd->site->line, now);
        memmove(&list->items[i], &list->items[i + 1], (list->n - i - 1) * sizeof(*list->items));
        list->n--;
        return;
    }
}

static void list_address(struct conf_cmd *cmd, const struct site_address *a, bool on)
{
    struct remoteip_site *part = main_part(cmd->snapshot);
    struct vec *list = on ? &part->enabled : &part->disabled;
    struct proxied_address *p;

    unlist(cmd, on ? &part->disabled : &part->enabled, a, on ? "On" : "Off");
    if (is_listed(list, a))
        return;
    p = arena_alloc(cmd->arena, sizeof(*p));
    *p = (struct proxied_address){ *a, cmd->site };
    vec_add(cmd->arena, list, p);
}

static const char *set_proxy_protocol(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct site_address everywhere = { .any_ip = true };
    const struct vec *addresses = &cmd->site->addresses;
    bool on = strcmp(argv[0], "on") == 0;

    (void)settings, (void)argc;
    for (unsigned i = 0; i < addresses->n; i++)
        list_address(cmd, addresses->items[i], on);
    if (cmd->site->main)
        list_address(cmd, &everywhere, on);
    return NULL;
}

static const char *set_exceptions(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct remoteip_site *part = main_part(cmd->snapshot);
    struct subnet net;

    (void)settings;
    if (argc == 0)
        return conf_fault(cmd, "%s requires an argument", cmd->row->name);
    for (int i = 0; i < argc; i++) {
        size_t n = strcspn(argv[i], "/");
        if (!subnet_parse(argv[i], &net)) {
            const char *fault = network_fault(cmd->arena, argv[i]);
            return conf_fault(cmd, "ip address '%.*s' appears to be invalid%s%s", (int)n, argv[i],
                              looks_like_ip(arena_strndup(cmd->arena, argv[i], n)) ? ": " : "",
                              looks_like_ip(arena_strndup(cmd->arena, argv[i], n)) ? fault : "");
        }
        vec_add(cmd->arena, &part->exceptions, arena_copy(cmd->arena, &net, sizeof(net)));
    }
    return NULL;
}

static const char *finish(struct snapshot_build *b)
{
    const struct vec *enabled = &main_part(b->snapshot)->enabled;

    for (unsigned i = 0; i < enabled->n; i++) {
        const struct site_address *a = &((const struct proxied_address *)enabled->items[i])->address;

        snapshot_note(b, LEVEL_NOTICE, LOG_REMOTEIP, 3492, "RemoteIPProxyProtocol: enabled on %s:%d",
                      a->any_ip ? "0.0.0.0" : a->host, a->port);
    }
    return NULL;
}

/* ---- a connection ---- */

bool remoteip_expects_header(const struct snapshot *s, const struct peer_info *peer)
{
    const struct remoteip_site *part = main_part(s);
    struct site_address local = { .family = peer->local_family, .port = peer->local_port };

    if (!part->enabled.n)
        return false;
    memcpy(local.ip, peer->local_address, sizeof(local.ip));
    if (!is_listed(&part->enabled, &local) || is_listed(&part->disabled, &local))
        return false;
    for (unsigned i = 0; i < part->exceptions.n; i++)
        if (subnet_holds(part->exceptions.items[i], span_of(peer->ip)))
            return false;
    return true;
}

/* ---- a request ---- */

struct trail { /* the header's addresses, from the last to the first */
    struct request *r;
    const struct remoteip_site *site;
    struct span rest;    /* what is not taken yet */
    const char *ip;      /* of whoever said the next one */
    const char *proxies; /* external ones that were passed; NULL */
    struct span address;
    bool internal, moved;
};

/* An external proxy may not name another as internal; nobody configured: all are external and trusted. */
static bool is_trusted(struct trail *t)
{
    const struct vec *all = &t->site->trusted;

    for (unsigned i = 0; i < all->n; i++) {
        const struct trusted *one = all->items[i];
        if (!subnet_holds(&one->net, span_of(t->ip)))
            continue;
        t->internal = t->internal && one->internal;
        return true;
    }
    return all->n == 0;
}

static struct span trim_blanks(struct span s)
{
    while (s.n && s.p[0] == ' ')
        s.p++, s.n--;
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* Private and local networks mean nothing across the internet: RFC 3330's, and all but 2000::/3. */
static bool is_private(const unsigned char *ip, size_t n)
{
    if (n == 16)
        return (ip[0] & 0xe0) != 0x20;
    return ip[0] == 10 || ip[0] == 127 || (ip[0] == 169 && ip[1] == 254) || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
           (ip[0] == 192 && ip[1] == 168);
}

/* 4 or 16 bytes into ip and its text as it is written everywhere; 0: no address. Names are not looked up. */
static size_t read_address(struct span word, unsigned char ip[16], char text[INET6_ADDRSTRLEN])
{
    struct subnet net;

    if (word.n >= INET6_ADDRSTRLEN || memchr(word.p, '\0', word.n) || memchr(word.p, '/', word.n))
        return 0;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    if (inet_pton(AF_INET, text, ip) != 1 && (inet_pton(AF_INET6, text, ip) != 1 || !subnet_parse(text, &net)))
        return 0;
    if (!strchr(text, ':'))
        return 4;
    memcpy(ip, net.ip, sizeof(net.ip)); /* a mapped address is its IPv4 address */
    inet_ntop(net.family == 4 ? AF_INET : AF_INET6, ip, text, INET6_ADDRSTRLEN);
    return net.family == 4 ? 4 : 16;
}

static bool accept_word(struct trail *t, struct span word)
{
    struct request *r = t->r;
    char text[INET6_ADDRSTRLEN];
    unsigned char ip[16];
    size_t n;

    if (!word.n)
        return false;
    n = read_address(word, ip, text);
    if (!n) {
        REQUEST_LOG_OS(r, LOG_REMOTEIP, LEVEL_DEBUG, 1568, EAI_NONAME,
                       "RemoteIP: Header %s value of %.*s cannot be parsed as a client IP", t->site->header,
                       (int)word.n, word.p);
        return false;
    }
    if (!t->internal && is_private(ip, n)) {
        REQUEST_LOG(r, LOG_REMOTEIP, LEVEL_DEBUG, 1569,
                    "RemoteIP: Header %s value of %.*s appears to be a private IP or nonsensical.  Ignored",
                    t->site->header, (int)word.n, word.p);
        return false;
    }
    if (!t->internal)
        t->proxies = t->proxies ? arena_concat(r->arena, t->proxies, ", ", t->ip, NULL) : t->ip;
    t->ip = arena_strdup(r->arena, text);
    t->address = (struct span){ arena_copy(r->arena, ip, n), n };
    t->moved = true;
    return true;
}

/* Takes the last address off; what is refused stays, with all before it. */
static bool take_last(struct trail *t)
{
    const char *comma = memrchr(t->rest.p, ',', t->rest.n);
    const char *start = comma ? comma + 1 : t->rest.p;
    struct span word = trim_blanks((struct span){ start, (size_t)(t->rest.p + t->rest.n - start) });

    if (accept_word(t, word)) {
        t->rest = comma ? (struct span){ t->rest.p, (size_t)(comma - t->rest.p) } : (struct span){ 0 };
        return true;
    }
    t->rest = comma ? (struct span){ t->rest.p, (size_t)(word.p + word.n - t->rest.p) } : word;
    return false;
}

static void set_client(struct request *r, const char *ip, struct span address, unsigned port)
{
    r->client_ip = ip;
    r->client_address = address;
    r->client_port = (unsigned short)port;
    r->client_text = arena_printf(r->arena, address.n == 16 ? "[%s]:%u" : "%s:%u", ip, port);
}

static void store(struct trail *t)
{
    struct request *r = t->r;

    if (t->rest.p)
        http_fields_set(r->arena, &r->head.fields, t->site->header, t->rest);
    else
        http_fields_remove(&r->head.fields, t->site->header);
    if (t->proxies) {
        http_fields_set(r->arena, &r->notes, "remoteip-proxy-ip-list", span_of(t->proxies));
        if (t->site->proxies_header)
            http_fields_set(r->arena, &r->head.fields, t->site->proxies_header, span_of(t->proxies));
    }
    set_client(r, t->ip, t->address, 0); /* its port nobody knows */
    REQUEST_LOG(r, LOG_REMOTEIP, LEVEL_TRACE1, 0, "Using %s as client's IP by %s%s", t->ip,
                t->proxies ? "proxies " : "internal proxies", t->proxies ? t->proxies : "");
}

void remoteip_take(struct request *r)
{
    const struct remoteip_site *site = site_part(r->site, &remoteip_module);
    const struct http_proxy_peer *claim = r->peer->claim;
    struct trail t = { .r = r, .site = site, .ip = r->client_ip, .internal = site->trusted.n != 0 };

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (claim) { /* what a PROXY header said goes before what a field says */
        if (claim->known)
            set_client(r, claim->text, (struct span){ (const char *)claim->ip, claim->family == 4 ? 4 : 16 },
                       claim->port);
        return;
    }
    if (site->header)
        t.rest = request_field(r, site->header);
    while (t.rest.p && is_trusted(&t) && take_last(&t))
        ;
    if (t.moved)
        store(&t);
}

/* ---- */

#define TEXT(field) SITE_SLOT(SLOT_STRING, struct remoteip_site, field)
#define SITE_PART                                                                                                      \
    {                                                                                                                  \
        SLOT_NONE, PART_SITE, 0, 0                                                                                     \
    }

static const struct directive rows[] = {
    { "RemoteIPHeader", IN_SITES, ARGS_1, NULL, TEXT(header),
      "Specifies a request header to trust as the client IP, e.g. X-Forwarded-For" },
    { "RemoteIPProxiesHeader", IN_SITES, ARGS_1, NULL, TEXT(proxies_header),
      "Specifies a request header to record proxy IP's, e.g. X-Forwarded-By; if not given then do not record" },
    { "RemoteIPTrustedProxy", IN_SITES, ARGS_ITERATE, set_trusted, SITE_PART,
      "Specifies one or more proxies which are trusted to present IP headers" },
    { "RemoteIPInternalProxy", IN_SITES, ARGS_ITERATE, set_trusted, SITE_PART,
      "Specifies one or more internal (transparent) proxies which are trusted to present IP headers" },
    { "RemoteIPTrustedProxyList", IN_SITES, ARGS_1, set_trusted_list, SITE_PART,
      "The filename to read the list of trusted proxies, see the RemoteIPTrustedProxy directive" },
    { "RemoteIPInternalProxyList", IN_SITES, ARGS_1, set_trusted_list, SITE_PART,
      "The filename to read the list of internal proxies, see the RemoteIPInternalProxy directive" },
    { "RemoteIPProxyProtocol", IN_SITES, ARGS_FLAG, set_proxy_protocol, SITE_PART,
      "Enable PROXY protocol handling ('on', 'off')" },
    { "RemoteIPProxyProtocolExceptions", IN_SITES, ARGS_LIST, set_exceptions, SITE_PART,
      "Disable PROXY protocol handling for this list of networks in CIDR format" },
    { 0 },
};

struct module remoteip_module = {
    .name = "remoteip_module",
    .source = "mod_remoteip.c",
    .directives = rows,
    .site_size = sizeof(struct remoteip_site),
    .finish = finish,
};
