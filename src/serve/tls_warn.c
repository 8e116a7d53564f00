/* Warnings about certificates: those that end soon, and those that do not name the site they are for, which browsers
 * call ERR_CERT_COMMON_NAME_INVALID. httpd: ssl_check_public_cert (AH01909). RFC 6125 6.4. */
#include "tls_warn.h"

#include <stdlib.h>
#include <time.h>

/* ---- what is to be said ---- */

int tls_warn_days(int64_t not_after, int64_t now)
{
    static const int steps[] = { 1, 7, 14, 30 };

    if (not_after <= now)
        return 0;
    for (unsigned i = 0; i < COUNT_OF(steps); i++)
        if (not_after - now <= steps[i] * 86400)
            return steps[i];
    return -1;
}

bool tls_warn_covered(const char *const *names, unsigned n, const char *asked)
{
    bool wildcard = strpbrk(asked, "*?") != NULL;

    if (wildcard && (strncmp(asked, "*.", 2) != 0 || strpbrk(asked + 2, "*?")))
        return true;
    for (unsigned i = 0; i < n; i++)
        if (wildcard ? strcasecmp(names[i], asked) == 0 : tls_name_matches(names[i], asked))
            return true;
    return false;
}

/* ---- every certificate ---- */

struct certificate {
    const struct site *site;
    const char *file;
    unsigned which;
    struct tls_leaf leaf;
};

struct visit {
    struct arena *arena;
    struct map *said;
    int64_t now;
};

static void visit_site(struct visit *v, const struct site *s, struct tls_context *t,
                       void (*visit)(struct visit *, const struct certificate *))
{
    const struct vec *files = &ssl_site_of(s)->certs;
    struct certificate c = { .site = s };

    for (; t && c.which < files->n && tls_context_leaf(t, c.which, &c.leaf); c.which++) {
        c.file = files->items[c.which];
        visit(v, &c);
        tls_leaf_release(&c.leaf);
    }
}

static void visit_all(struct map *said, const struct snapshot *s, const struct tls_sites *t,
                      void (*visit)(struct visit *, const struct certificate *))
{
    struct visit v = { arena_new(), said, base_wall_us() / 1000000 };

    for (unsigned i = 0; i < snapshot_sites(s); i++) {
        const struct site *site = snapshot_site(s, i);
        visit_site(&v, site, tls_sites_of(t, site), visit);
    }
    arena_free(v.arena);
}

/* ---- the end of a certificate ---- */

struct tls_warnings {
    struct map *said; /* log and certificate -> the days it was warned for, and one */
};

struct tls_warnings *tls_warnings_new(void)
{
    struct tls_warnings *w = base_alloc(sizeof(*w));
    w->said = map_new(MAP_EXACT);
    return w;
}

void tls_warnings_free(struct tls_warnings *w)
{
    if (!w)
        return;
    map_free(w->said);
    free(w);
}

/* A wildcard's certificate is of many sites: once in each log. */
static const char *key_of(struct arena *a, const struct certificate *c)
{
    const struct log_sink *sink = c->site->log.sink;
    return arena_printf(a, "%s\n%s\n%s\n%lld", sink ? log_sink_spec(sink) : "", c->file, c->leaf.serial,
                        (long long)c->leaf.not_after);
}

static void say_expiry(struct visit *v, const struct certificate *c)
{
    int days = tls_warn_days(c->leaf.not_after, v->now);
    time_t end = (time_t)c->leaf.not_after;
    char when[32];
    struct tm tm;

    if (days < 0 || map_set(v->said, key_of(v->arena, c), (void *)(intptr_t)(days + 1)) == (void *)(intptr_t)(days + 1))
        return;
    gmtime_r(&end, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    if (days == 0)
        LOG_AT(&c->site->log, LOG_SSL, LEVEL_ERROR, 0, 0, NULL,
               "%s: certificate %s (serial %s) expired at %s: browsers refuse it / 証明書の有効期限が切れました",
               ssl_site_name(v->arena, c->site), c->file, c->leaf.serial, when);
    else
        LOG_AT(&c->site->log, LOG_SSL, LEVEL_WARN, 0, 0, NULL,
               "%s: certificate %s (serial %s) expires within %d day%s, at %s: renew it / 証明書の有効期限まで %d "
               "日以内です",
               ssl_site_name(v->arena, c->site), c->file, c->leaf.serial, days, days == 1 ? "" : "s", when, days);
}

void tls_warn_expiry(struct tls_warnings *w, const struct snapshot *s, const struct tls_sites *t)
{
    visit_all(w->said, s, t, say_expiry);
}

/* ---- its names ---- */

static void add_missing(struct visit *v, const struct certificate *c, struct vec *missing, const struct vec *asked)
{
    for (unsigned i = 0; i < asked->n; i++)
        if (!tls_warn_covered((const char *const *)c->leaf.names, c->leaf.n_alternative, asked->items[i]))
            vec_add(v->arena, missing, asked->items[i]);
}

static const char *listed(struct arena *a, char *const *names, unsigned n)
{
    const char *list = n ? names[0] : "(none)";

    for (unsigned i = 1; i < n; i++)
        list = i < 20 ? arena_concat(a, list, ", ", names[i], NULL) : list;
    return n > 20 ? arena_concat(a, list, ", ...", NULL) : list;
}

static unsigned count(char *const *names)
{
    unsigned n = 0;
    while (names[n])
        n++;
    return n;
}

/* httpd looks at ServerName only and takes the CN for it, which browsers stopped to do in 2017. */
static void say_names(struct visit *v, const struct certificate *c)
{
    struct vec missing = { 0 }, name = { 0 };
    const char *names, *lacks;
    bool known = tls_warn_covered((const char *const *)c->leaf.names, count(c->leaf.names), c->site->server_name);

    vec_add(v->arena, &name, (void *)c->site->server_name);
    add_missing(v, c, &missing, &name);
    add_missing(v, c, &missing, &c->site->aliases);
    add_missing(v, c, &missing, &c->site->wild_aliases);
    if (missing.n == 0)
        return;
    names = listed(v->arena, c->leaf.names, c->leaf.n_alternative);
    lacks = listed(v->arena, (char *const *)missing.items, missing.n);
    LOG_AT(&c->site->log, LOG_SSL, LEVEL_WARN, known ? 0 : 1909, 0, NULL,
           "%s:%u server certificate does NOT include an ID which matches the %s: %s is for %s, not for %s "
           "(ERR_CERT_COMMON_NAME_INVALID in browsers) / 証明書 %s に次の名前が含まれていません: %s",
           ssl_site_name(v->arena, c->site), c->which, known ? "names asked for" : "server name", c->file, names, lacks,
           c->file, lacks);
}

void tls_warn_names(const struct snapshot *s, const struct tls_sites *t)
{
    visit_all(NULL, s, t, say_names);
}
