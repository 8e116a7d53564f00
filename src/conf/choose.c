/* From a local address and a Host name to a site (vhost.c, ap_fini_vhost_config, ap_update_vhost_given_ip,
 * update_server_from_aliases). */
#include "build.h"

#include <stdlib.h>

#define BUCKETS 256u

/* An address set while it is put together: sites are seen last first, as httpd's list has them. */
struct set {
    const struct site_address *address;
    struct vec candidates; /* struct candidate *, last first */
    unsigned bucket, order;
};

static bool same_ip(const struct site_address *a, unsigned char family, const unsigned char ip[16])
{
    return !a->any_ip && a->family == family && memcmp(a->ip, ip, family == 6 ? 16 : 4) == 0;
}

static bool same_address(const struct site_address *a, const struct site_address *b)
{
    if (a->port != b->port || a->any_ip != b->any_ip)
        return false;
    return a->any_ip || same_ip(a, b->family, b->ip);
}

static struct set *find_set(const struct vec *sets, const struct site_address *address)
{
    for (unsigned i = 0; i < sets->n; i++)
        if (same_address(((struct set *)sets->items[i])->address, address))
            return sets->items[i];
    return NULL;
}

/* httpd lists addresses by its hash's buckets, and -S shows that order. */
static unsigned bucket_of(const struct site_address *a)
{
    unsigned key;
    if (a->any_ip)
        return BUCKETS;
    memcpy(&key, a->ip + (a->family == 6 ? 12 : 0), sizeof(key));
    key ^= key >> 16;
    return ((key >> 8) ^ key) % BUCKETS;
}

static void add_candidate(struct arena *a, struct vec *sets, struct site *site, const struct site_address *address)
{
    struct set *set = find_set(sets, address);
    if (!set) {
        set = arena_alloc(a, sizeof(*set));
        *set = (struct set){ .address = address, .bucket = bucket_of(address), .order = sets->n };
        vec_add(a, sets, set);
    }
    struct candidate *c = arena_alloc(a, sizeof(*c));
    *c = (struct candidate){ site, address };
    vec_add(a, &set->candidates, c);
}

static void add_site(struct arena *a, struct vec *sets, struct site *site)
{
    const struct site_address *before = NULL;
    for (unsigned i = 0; i < site->addresses.n; i++) {
        const struct site_address *address = site->addresses.items[i];
        bool repeated = before && address->any_ip && same_address(address, before);
        if (!repeated)
            add_candidate(a, sets, site, address);
        before = address;
    }
}

/* By bucket, the wildcard ones last; of one bucket the latest made comes first. */
static int compare_sets(const void *va, const void *vb)
{
    const struct set *a = *(struct set *const *)va, *b = *(struct set *const *)vb;
    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    return a->order > b->order ? -1 : 1;
}

/* ---- the tables read while running ------------------------------------------------------------------------------- */

static void index_name(struct site_choice *c, const char *name, unsigned i)
{
    if (!map_get(c->names, name))
        map_set(c->names, name, &c->candidates[i]);
}

static void free_names(void *names)
{
    map_free(names);
}

static void index_names(struct arena *a, struct site_choice *c)
{
    c->names = map_new(MAP_NOCASE);
    arena_on_free(a, free_names, c->names);
    c->wild = arena_alloc(a, (c->n + 1) * sizeof(*c->wild));
    for (unsigned i = 0; i < c->n; i++) {
        const struct site *s = c->candidates[i].site;
        index_name(c, s->server_name, i);
        for (unsigned k = 0; k < s->aliases.n; k++)
            index_name(c, s->aliases.items[k], i);
        if (s->wild_aliases.n)
            c->wild[c->n_wild++] = i;
    }
}

static void fill_choice(struct arena *a, struct site_choice *c, const struct set *set)
{
    unsigned n = set->candidates.n;
    c->address = set->address;
    c->n = n;
    c->candidates = arena_alloc(a, n * sizeof(*c->candidates));
    for (unsigned i = 0; i < n; i++)
        c->candidates[i] = *(struct candidate *)set->candidates.items[n - 1 - i];
    c->first = c->candidates[0].site;
    if (n > 1) /* one site alone takes every name */
        index_names(a, c);
}

void choices_build(struct loading *l)
{
    struct snapshot *s = l->snapshot;
    struct vec sets = { 0 };
    for (unsigned i = s->sites.n; i-- > 0;)
        add_site(l->arena, &sets, s->sites.items[i]);
    if (sets.n)
        qsort(sets.items, sets.n, sizeof(*sets.items), compare_sets);
    struct site_choice *all = arena_alloc(l->arena, (sets.n + 1) * sizeof(*all));
    for (unsigned i = 0; i < sets.n; i++)
        fill_choice(l->arena, &all[i], sets.items[i]);
    all[sets.n].first = s->main;
    s->choices = all;
    s->n_choices = sets.n + 1;
}

/* ---- choosing -------------------------------------------------------------------------------------------------------
 */

static const struct site_choice *find_choice(const struct snapshot *s, unsigned char family, const unsigned char *ip,
                                             int port)
{
    const struct site_choice *any_port = NULL;
    for (unsigned i = 0; i + 1 < s->n_choices; i++) {
        const struct site_choice *c = &s->choices[i];
        if (ip ? !same_ip(c->address, family, ip) : !c->address->any_ip)
            continue;
        if (c->address->port == port)
            return c;
        if (!any_port && c->address->port == 0)
            any_port = c;
    }
    return any_port;
}

const struct site_choice *snapshot_choose(const struct snapshot *s, unsigned char family, const unsigned char ip[16],
                                          int port)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    CHECK_MAGIC(s, SNAPSHOT_MAGIC);
    if (family == 6 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
        family = 4; /* a v4 client on a v6 socket */
        ip += sizeof(mapped);
    }
    const struct site_choice *c = family ? find_choice(s, family, ip, port) : NULL;
    if (!c)
        c = find_choice(s, 0, NULL, port);
    return c ? c : &s->choices[s->n_choices - 1];
}

static bool wild_alias_matches(const struct site *s, const char *host)
{
    for (unsigned i = 0; i < s->wild_aliases.n; i++)
        if (glob_match(s->wild_aliases.items[i], span_of(host), GLOB_NAME))
            return true;
    return false;
}

bool site_is_named(const struct site *s, const char *host)
{
    if (strcasecmp(s->server_name, host) == 0 || wild_alias_matches(s, host))
        return true;
    for (unsigned i = 0; i < s->aliases.n; i++)
        if (strcasecmp(s->aliases.items[i], host) == 0)
            return true;
    return false;
}

struct site *site_choose(const struct site_choice *c, const char *host, int port)
{
    if (!host || !*host || c->n < 2)
        return c->first;
    const struct candidate *found = map_get(c->names, host);
    for (unsigned i = 0; i < c->n_wild; i++) {
        const struct candidate *w = &c->candidates[c->wild[i]];
        if (found && w >= found)
            break; /* an earlier site's wildcard wins over a later one's name, and no other way */
        if (wild_alias_matches(w->site, host))
            return w->site;
    }
    if (found)
        return found->site;
    for (unsigned i = 0; i < c->n; i++) {
        const struct site_address *a = c->candidates[i].address;
        if ((a->port == 0 || a->port == port) && strcasecmp(a->host, host) == 0)
            return c->candidates[i].site;
    }
    return c->first;
}
