/* The virtual hosts as httpd -S shows them (vhost.c, dump_vhost_config). */
#include "build.h"

#include <arpa/inet.h>
#include <stdio.h>

static void render_address(const struct site_address *a, char *out, size_t size)
{
    char ip[INET6_ADDRSTRLEN] = "*", port[12] = "*";
    if (!a->any_ip)
        inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof(ip));
    if (a->port)
        snprintf(port, sizeof(port), "%d", a->port);
    bool brackets = !a->any_ip && a->family == 6;
    snprintf(out, size, "%s%s%s:%s", brackets ? "[" : "", ip, brackets ? "]" : "", port);
}

static void dump_candidate(const struct candidate *c, struct buf *out)
{
    const struct site *s = c->site;
    if (c->address->port)
        buf_printf(out, "%8s port %d ", "", c->address->port);
    else
        buf_printf(out, "%8s port * ", "");
    buf_printf(out, "namevhost %s (%s:%d)\n", s->server_name, s->file, s->line);
    for (unsigned i = 0; i < s->aliases.n; i++)
        buf_printf(out, "%16s alias %s\n", "", (const char *)s->aliases.items[i]);
    for (unsigned i = 0; i < s->wild_aliases.n; i++)
        buf_printf(out, "%16s wild alias %s\n", "", (const char *)s->wild_aliases.items[i]);
}

static void dump_choice(const struct site_choice *c, struct buf *out)
{
    char address[INET6_ADDRSTRLEN + 20];
    const struct site *s = c->first;
    render_address(c->address, address, sizeof(address));
    if (c->n == 1) {
        buf_printf(out, "%-22s %s (%s:%d)\n", address, s->server_name, s->file, s->line);
        return;
    }
    buf_printf(out, "%-22s is a NameVirtualHost\n%8s default server %s (%s:%d)\n", address, "", s->server_name, s->file,
               s->line);
    for (unsigned i = 0; i < c->n; i++)
        dump_candidate(&c->candidates[i], out);
}

void snapshot_dump_sites(const struct snapshot *s, struct buf *out)
{
    CHECK_MAGIC(s, SNAPSHOT_MAGIC);
    buf_adds(out, "VirtualHost configuration:\n");
    for (unsigned i = 0; i + 1 < s->n_choices; i++)
        dump_choice(&s->choices[i], out);
}
