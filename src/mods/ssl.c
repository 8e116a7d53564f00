/* mod_ssl's settings: defaults and merging (ssl_engine_config.c), and what they come to. */
#include "names.h"
#include "ssl_parts.h"

const struct ssl_site *ssl_site_of(const struct site *s)
{
    return site_part(s, &ssl_module);
}

const struct ssl_place *ssl_place_of(const struct place *p)
{
    return place_part(p, &ssl_module);
}

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static void site_defaults(void *site)
{
    *(struct ssl_site *)site = (struct ssl_site){
        .verify = { .depth = 1 },
        .protocols = -1,
        .server_order = -1,
        .tickets = 1,
        .session_timeout_s = 300,
        .sni_policy = SSL_SNI_SECURE,
        .stapling = { .return_errors = 1,
                      .fake_try_later = 1,
                      .responder_timeout_s = 10,
                      .standard_timeout_s = 3600,
                      .error_timeout_s = 600,
                      .max_age_s = -1,
                      .skew_s = 300 },
    };
}

static void place_defaults(void *place)
{
    *(struct ssl_place *)place = (struct ssl_place){
        .options_relative = 1,
        .verify = -1,
        .depth = -1,
        .proxy = { .verify = { .depth = 1 }, .check_cn = -1, .check_name = -1, .check_expire = -1, .protocols = -1 },
    };
}

/* ---- merging ----------------------------------------------------------------------------------------------------- */

/* The first three of a virtual host knock out those of the main server at their place, others are added: as httpd has
 * it since it takes more than one key type. */
static struct vec merge_files(struct arena *a, const struct vec *base, const struct vec *over)
{
    unsigned knocked = over->n < 3 ? over->n : 3;
    struct vec merged = { 0 };

    for (unsigned i = 0; i < knocked; i++)
        vec_add(a, &merged, over->items[i]);
    for (unsigned i = knocked; i < base->n; i++)
        vec_add(a, &merged, base->items[i]);
    for (unsigned i = knocked; i < over->n; i++)
        vec_add(a, &merged, over->items[i]);
    return merged;
}

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    struct ssl_site *m = merged;
    const struct ssl_site *b = base, *o = over;

    m->certs = merge_files(a, &b->certs, &o->certs);
    m->keys = merge_files(a, &b->keys, &o->keys);
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    struct ssl_place *m = merged;
    const struct ssl_place *b = base, *o = over;

    (void)a;
    if (o->proxy.whole)
        m->proxy = o->proxy;
    if (!o->options_relative) {
        m->options = o->options;
        m->options_add = o->options_add;
        m->options_del = o->options_del;
        m->options_relative = 0;
        return;
    }
    m->options_add = (b->options_add & ~o->options_del) | o->options_add;
    m->options_del = (b->options_del & ~o->options_add) | o->options_del;
    m->options = (b->options & ~m->options_del) | m->options_add;
    m->options_relative = b->options_relative;
}

struct module ssl_module = {
    .name = "ssl_module",
    .source = "mod_ssl.c",
    .directives = ssl_directives,
    .site_size = sizeof(struct ssl_site),
    .place_size = sizeof(struct ssl_place),
    .site_defaults = site_defaults,
    .place_defaults = place_defaults,
    .merge_site = merge_site,
    .merge_place = merge_place,
    .finish_site = ssl_finish_site,
};

/* ---- towards backends -------------------------------------------------------------------------------------------- */

/* ssl_io_filter_handshake: the name is checked unless it, or the CN's check alone, was turned off. */
enum ssl_peer_check ssl_peer_check(const struct ssl_proxy_part *p)
{
    if (p->check_name == 1 || (p->check_name != 0 && p->check_cn != 0))
        return SSL_PEER_NAME;
    return p->check_cn == 1 ? SSL_PEER_CN : SSL_PEER_ANY;
}

_Static_assert(sizeof(struct ssl_proxy_part) == sizeof(struct ssl_verify) + 6 * sizeof(int) + 5 * sizeof(const char *),
               "settings towards backends are compared as bytes");

struct visitor {
    void (*visit)(void *arg, const struct site *s, const struct ssl_proxy_part *p);
    void *arg;
};

static void visit_site(const struct site *s, struct arena *a, const struct visitor *v)
{
    const struct ssl_proxy_part *own = &ssl_place_of(&s->place)->proxy;

    if (own->engine)
        v->visit(v->arg, s, own);
    for (unsigned i = 0; i < s->proxies.n; i++) {
        const struct section *section = s->proxies.items[i];
        const struct ssl_proxy_part *part;
        struct place merged;

        place_merge_into(a, s->snapshot->modules, &merged, &s->place, &section->place);
        part = &ssl_place_of(&merged)->proxy;
        if (part->engine && memcmp(part, own, sizeof(*own)) != 0)
            v->visit(v->arg, s, part);
    }
}

void ssl_each_proxy(const struct snapshot *s, struct arena *a,
                    void (*visit)(void *, const struct site *, const struct ssl_proxy_part *), void *arg)
{
    struct visitor v = { visit, arg };

    for (unsigned i = 0; i < snapshot_sites(s); i++)
        visit_site(snapshot_site(s, i), a, &v);
}
