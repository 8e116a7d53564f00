/* TLS contexts of a snapshot's sites: built on the control thread before it is published, handed to the workers,
 * renewed alone when a certificate's file changes. httpd: ssl_init_ConfigureServer. */
#include "tls_sites.h"

#include "tls_phrase.h"

#include <stdlib.h>

/* Towards backends: one context for each distinct set of SSLProxy… directives. */
struct towards {
    struct towards *next;
    struct ssl_proxy_part part; /* only compared: its strings belong to the snapshot */
    char *name;                 /* of the first site that has them, for messages */
    struct tls_context *context;
};

struct tls_sites {
    _Atomic int refs;
    struct towards *towards;
    unsigned n;
    struct tls_context *of[]; /* by site->id; NULL: no TLS there */
};

/* ---- one site ---- */

/* Where SSLCipherSuite says nothing: forward secrecy and AEAD only, in our order. httpd's default still has CBC
 * (LUCKY13). */
#define SAFE_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static struct tls_pair *pairs_of(struct arena *a, const struct ssl_site *ssl)
{
    struct tls_pair *pairs = arena_alloc(a, (ssl->certs.n + 1) * sizeof(*pairs));

    for (unsigned i = 0; i < ssl->certs.n; i++)
        pairs[i] = (struct tls_pair){ ssl->certs.items[i], i < ssl->keys.n ? ssl->keys.items[i] : NULL };
    return pairs;
}

static struct tls_command *commands_of(struct arena *a, const struct ssl_site *ssl)
{
    struct tls_command *commands = arena_alloc(a, (ssl->commands.n + 1) * sizeof(*commands));

    for (unsigned i = 0; i < ssl->commands.n; i++) {
        const struct ssl_command *c = ssl->commands.items[i];
        commands[i] = (struct tls_command){ c->name, c->value };
    }
    return commands;
}

static void set_trust(struct tls_config *c, const struct ssl_verify *v)
{
    c->ca_file = v->ca_file;
    c->ca_path = v->ca_path;
    c->crl_file = v->crl_file;
    c->crl_path = v->crl_path;
    c->verify = (enum tls_verify)v->mode;
    c->depth = v->depth;
    c->crl = (enum tls_crl)v->crl;
    c->crl_missing_ok = v->crl_missing_ok;
}

static enum tls_order order_of(const struct ssl_site *ssl)
{
    if (ssl->server_order > 0)
        return TLS_ORDER_SERVER;
    return ssl->ciphers || ssl->server_order == 0 ? TLS_ORDER_CLIENT : TLS_ORDER_MIXED;
}

static struct tls_context *make(const struct site *s, struct arena *a, char **error)
{
    const struct ssl_site *ssl = ssl_site_of(s);
    const char *name = ssl_site_name(a, s);
    struct tls_phrase_asking asking = { name, &ssl->phrase };
    struct tls_config c = {
        .name = name,
        .server = true,
        .pairs = pairs_of(a, ssl),
        .n_pairs = ssl->certs.n,
        .chain_file = ssl->chain_file,
        .ca_names_file = ssl->ca_names_file,
        .ca_names_path = ssl->ca_names_path,
        .protocols = ssl->protocols < 0 ? TLS_1_2 | TLS_1_3 : (unsigned)ssl->protocols,
        .ciphers = ssl->ciphers ? ssl->ciphers : SAFE_CIPHERS,
        .suites = ssl->suites,
        .order = order_of(ssl),
        .tickets = ssl->tickets,
        .ticket_key_file = ssl->ticket_key_file,
        .session_timeout_s = ssl->session_timeout_s,
        .session_cache = ssl->session_cache,
        .commands = commands_of(a, ssl),
        .n_commands = ssl->commands.n,
        .alpn = "http/1.1",
        .passphrase = tls_phrase_ask,
        .passphrase_fits = tls_phrase_fits,
        .passphrase_ctx = &asking,
    };

    set_trust(&c, &ssl->verify);
    return tls_context_new(&c, error);
}

/* ---- all of them ---- */

static bool has_tls(const struct site *s)
{
    return ssl_site_of(s)
        ->engine; /* with certificates, or with SSLOpenSSLConfCmd Certificate: ssl_finish has seen to it */
}

static bool make_all(struct tls_sites *t, const struct snapshot *s, struct arena *a, char **error)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct site *site = snapshot_site(s, i);
        if (!has_tls(site))
            continue;
        t->of[site->id] = make(site, a, error);
        if (!t->of[site->id])
            return false;
    }
    return true;
}

/* ---- towards backends ---- */

struct building {
    struct tls_sites *sites;
    struct arena *arena;
    char *error;
};

struct tls_context *tls_sites_towards(const struct tls_sites *t, const struct ssl_proxy_part *part)
{
    for (const struct towards *i = t->towards; i; i = i->next)
        if (memcmp(&i->part, part, sizeof(*part)) == 0)
            return i->context;
    return NULL;
}

static struct tls_context *make_towards(const struct ssl_proxy_part *p, const char *name, char **error)
{
    struct tls_config c = {
        .name = name,
        .machine_file = p->machine_file,
        .machine_path = p->machine_path,
        .machine_chain = p->machine_chain,
        .protocols = p->protocols < 0 ? TLS_1_2 | TLS_1_3 : (unsigned)p->protocols,
        .ciphers = p->ciphers,
        .suites = p->suites,
        .session_cache = true,
        .tickets = true,
    };

    set_trust(&c, &p->verify);
    return tls_context_new(&c, error);
}

static void add_towards(void *arg, const struct site *site, const struct ssl_proxy_part *part)
{
    struct building *b = arg;
    struct towards *i;

    if (b->error || tls_sites_towards(b->sites, part))
        return;
    i = base_alloc(sizeof(*i));
    i->part = *part;
    i->name = base_strdup(ssl_site_name(b->arena, site));
    i->next = b->sites->towards;
    b->sites->towards = i;
    i->context = make_towards(part, i->name, &b->error);
}

static bool make_all_towards(struct tls_sites *t, const struct snapshot *s, struct arena *a, char **error)
{
    struct building b = { t, a, NULL };

    ssl_each_proxy(s, a, add_towards, &b);
    *error = b.error;
    return !b.error;
}

static struct tls_sites *empty(const struct snapshot *s)
{
    unsigned n = snapshot_sites(s);
    struct tls_sites *t = base_alloc(sizeof(*t) + n * sizeof(*t->of));

    t->refs = 1;
    t->n = n;
    return t;
}

struct tls_sites *tls_sites_new(const struct snapshot *s, char **error)
{
    struct tls_sites *t = empty(s);
    struct arena *a = arena_new();
    bool good = make_all(t, s, a, error) && make_all_towards(t, s, a, error);

    arena_free(a);
    if (good)
        return t;
    tls_sites_drop(t);
    return NULL;
}

/* ---- files, and the same sites made anew of them ---- */

static void visit_file(const char *path, tls_file_fn *visit, void *arg)
{
    if (path)
        visit(arg, path);
}

/* Folders change when a file in them is added, removed or renamed. */
static void visit_trust(const struct ssl_verify *v, tls_file_fn *visit, void *arg)
{
    visit_file(v->ca_file, visit, arg);
    visit_file(v->ca_path, visit, arg);
    visit_file(v->crl_file, visit, arg);
    visit_file(v->crl_path, visit, arg);
}

static void each_file_of_site(const struct ssl_site *ssl, tls_file_fn *visit, void *arg)
{
    for (unsigned i = 0; i < ssl->certs.n; i++)
        visit_file(ssl->certs.items[i], visit, arg);
    for (unsigned i = 0; i < ssl->keys.n; i++)
        visit_file(ssl->keys.items[i], visit, arg);
    visit_file(ssl->chain_file, visit, arg);
    visit_file(ssl->ticket_key_file, visit, arg);
    visit_file(ssl->ca_names_file, visit, arg);
    visit_trust(&ssl->verify, visit, arg);
}

static void each_file_towards(const struct ssl_proxy_part *p, tls_file_fn *visit, void *arg)
{
    visit_file(p->machine_file, visit, arg);
    visit_file(p->machine_chain, visit, arg);
    visit_file(p->machine_path, visit, arg);
    visit_trust(&p->verify, visit, arg);
}

void tls_sites_each_file(const struct snapshot *s, const struct tls_sites *t, tls_file_fn *visit, void *arg)
{
    for (unsigned i = 0; i < t->n; i++)
        if (has_tls(snapshot_site(s, i)))
            each_file_of_site(ssl_site_of(snapshot_site(s, i)), visit, arg);
    for (const struct towards *i = t->towards; i; i = i->next)
        each_file_towards(&i->part, visit, arg);
}

struct change {
    const struct map *files;
    bool here;
};

static void look_for_change(void *arg, const char *path)
{
    struct change *c = arg;
    c->here = c->here || map_get(c->files, path) != NULL;
}

static bool site_changed(const struct site *s, const struct map *files)
{
    struct change c = { files, false };
    each_file_of_site(ssl_site_of(s), look_for_change, &c);
    return c.here;
}

static void say_kept(const struct log_target *log, const char *fault)
{
    LOG_AT(log, LOG_SSL, LEVEL_ERROR, 0, 0, NULL,
           "a changed certificate or key is not used, the one before stays in charge / 新しい証明書・鍵は使えません。"
           "これまでのものを使い続けます: %s",
           fault);
}

static void renew_site(struct tls_sites *t, const struct tls_sites *old, const struct site *s, struct arena *a)
{
    char *why = NULL;

    t->of[s->id] = make(s, a, &why);
    if (t->of[s->id])
        return;
    say_kept(&s->log, why);
    t->of[s->id] = tls_context_hold(old->of[s->id]);
    free(why);
}

static void renew_towards(struct tls_sites *t, const struct towards *old, const struct map *files)
{
    struct towards *i = base_alloc(sizeof(*i));
    struct change c = { files, false };
    char *why = NULL;

    each_file_towards(&old->part, look_for_change, &c);
    i->part = old->part;
    i->name = base_strdup(old->name);
    i->context = c.here ? make_towards(&i->part, i->name, &why) : tls_context_hold(old->context);
    if (!i->context) {
        say_kept(&log_main, why);
        i->context = tls_context_hold(old->context);
    }
    free(why);
    i->next = t->towards;
    t->towards = i;
}

struct tls_sites *tls_sites_renew(const struct snapshot *s, const struct tls_sites *old, const struct map *changed)
{
    struct tls_sites *t = empty(s);
    struct arena *a = arena_new();

    for (unsigned i = 0; i < t->n; i++) {
        const struct site *site = snapshot_site(s, i);
        if (!old->of[site->id])
            continue;
        if (site_changed(site, changed))
            renew_site(t, old, site, a);
        else
            t->of[site->id] = tls_context_hold(old->of[site->id]);
    }
    for (const struct towards *i = old->towards; i; i = i->next)
        renew_towards(t, i, changed);
    arena_free(a);
    return t;
}

/* ---- life ---- */

struct tls_sites *tls_sites_hold(struct tls_sites *t)
{
    t->refs++;
    return t;
}

void tls_sites_drop(struct tls_sites *t)
{
    if (!t || --t->refs)
        return;
    for (unsigned i = 0; i < t->n; i++)
        if (t->of[i])
            tls_context_drop(t->of[i]);
    for (struct towards *i = t->towards, *next; i; i = next) {
        next = i->next;
        if (i->context)
            tls_context_drop(i->context);
        free(i->name);
        free(i);
    }
    free(t);
}

struct tls_context *tls_sites_of(const struct tls_sites *t, const struct site *s)
{
    return s->id < t->n ? t->of[s->id] : NULL;
}
