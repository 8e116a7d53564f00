/* The stapler: one thread with a loop of its own, a job for each certificate of sites with SSLUseStapling. httpd asks
 * during a handshake (ssl_util_stapling.c); here that never waits. What a responder's fault comes to is as there, but
 * for this: a good answer is shown as long as it is valid, and what is not signed by the issuer is never shown. */
#include "stapler.h"
#include "staple_fetch.h"

#include <signal.h>
#include <stdlib.h>

/* OCSPResponse { tryLater }: what SSLStaplingFakeTryLater answers for a silent responder. */
static const char try_later[] = { 0x30, 0x03, 0x0a, 0x01, 0x03 };

struct round { /* the contexts in use */
    struct arena *arena;
    struct snapshot *snapshot;
    struct tls_sites *tls;
    struct map *by_key;
    struct vec jobs;
};

struct destination { /* where an answer goes */
    struct tls_context *context;
    unsigned pair;
};

struct job {
    struct stapler *stapler;
    const struct site *site; /* the first that has this certificate: its settings and log */
    const struct ssl_stapling *how;
    struct vec destinations;
    struct tls_ocsp *ocsp;
    const char *url;
    struct staple_fetch *fetch;
    struct timer again;  /* the next fetch */
    struct timer expiry; /* the good answer ends */
    struct buf answer;   /* the good one; empty: none */
    int64_t valid_until; /* seconds since the epoch; 0: it does not say */
    uint64_t again_ms;   /* when `again` fires */
    bool good;           /* the answer says so: it is taken on by the next round */
};

struct stapler {
    pthread_t thread;
    struct loop *loop;
    struct resolver *resolver;
    struct round *round; /* of the thread */
};

#define SAY(j, level, number, ...) LOG_AT(&(j)->site->log, LOG_SSL, level, number, 0, NULL, __VA_ARGS__)

/* ---- one certificate ---- */

static int64_t now_s(void)
{
    return base_wall_us() / 1000000;
}

static void staple(struct job *j, struct span der)
{
    SAY(j, LEVEL_DEBUG, der.n ? 1956 : 1957,
        der.n ? "stapling_cb: setting response" : "stapling_cb: no suitable response available");
    for (unsigned i = 0; i < j->destinations.n; i++) {
        const struct destination *p = j->destinations.items[i];
        tls_context_staple(p->context, p->pair, der);
    }
}

static void ask_again(struct job *j, int64_t in_s)
{
    uint64_t ms = (uint64_t)(in_s < 1 ? 1 : in_s > 86400 * 30 ? 86400 * 30 : in_s) * 1000;

    j->again_ms = loop_now(j->stapler->loop) + ms;
    timer_set(j->stapler->loop, &j->again, ms);
}

/* Well before the answer ends, with time for a second try. */
static int64_t renewal_of(const struct job *j)
{
    int64_t wait = j->how->standard_timeout_s, left = j->valid_until - now_s() - j->how->skew_s;

    if (j->valid_until && left <= 0)
        return j->how->error_timeout_s;
    return j->valid_until && left * 3 / 4 < wait ? left * 3 / 4 : wait;
}

static void arm_expiry(struct job *j)
{
    int64_t left = j->valid_until - now_s();

    timer_cancel(j->stapler->loop, &j->expiry);
    if (j->valid_until)
        timer_set(j->stapler->loop, &j->expiry,
                  (uint64_t)(left < 0            ? 0
                             : left > 86400 * 30 ? 86400 * 30
                                                 : left) *
                      1000);
}

static void on_expiry(struct timer *t)
{
    struct job *j = CONTAINER_OF(t, struct job, expiry);

    if (j->valid_until > now_s()) {
        arm_expiry(j);
        return;
    }
    SAY(j, LEVEL_DEBUG, 1937, "stapling_check_response: cached response expired");
    buf_release(&j->answer);
    staple(j, (struct span){ 0 });
}

static void succeed(struct job *j, struct span der, int64_t next_update)
{
    buf_release(&j->answer);
    buf_add(&j->answer, der.p, der.n);
    j->valid_until = next_update ? next_update + j->how->skew_s : 0;
    j->good = true;
    SAY(j, LEVEL_DEBUG, 3040, "stapling_cb: success renewing response");
    staple(j, buf_span(&j->answer));
    arm_expiry(j);
    ask_again(j, renewal_of(j));
}

/* fault: the response that says so, or nothing. */
static void fail(struct job *j, struct span fault)
{
    if (!buf_len(&j->answer))
        staple(j, j->how->return_errors ? fault : (struct span){ 0 });
    ask_again(j, j->how->error_timeout_s);
}

static void fail_silent(struct job *j)
{
    struct span later = { try_later, sizeof(try_later) };

    SAY(j, LEVEL_ERROR, 1941, "stapling_renew_response: responder error");
    fail(j, j->how->fake_try_later ? later : (struct span){ 0 });
}

static void refuse(struct job *j, int ah, const char *why)
{
    SAY(j, LEVEL_ERROR, ah, "%s", why);
    SAY(j, LEVEL_ERROR, 1943, "stapling_renew_response: error in retrieved response!");
    fail(j, (struct span){ 0 });
}

/* Revoked or unknown: with SSLStaplingReturnResponderErrors that is what clients are to know. */
static void say_bad(struct job *j, struct span der, const struct tls_ocsp_answer *a)
{
    const struct destination *p = j->destinations.items[0];
    struct tls_leaf leaf = { 0 };

    tls_context_leaf(p->context, p->pair, &leaf);
    SAY(j, LEVEL_ERROR, 2969,
        "stapling_check_response: response has certificate status %s (reason: %s) for serial number %s", a->status,
        a->reason, leaf.serial ? leaf.serial : "");
    tls_leaf_release(&leaf);
    if (j->how->return_errors) {
        succeed(j, der, a->next_update);
        j->good = false; /* a responder may not know yet what was issued just now */
        ask_again(j, j->how->error_timeout_s < renewal_of(j) ? j->how->error_timeout_s : renewal_of(j));
    } else {
        buf_release(&j->answer); /* what was good before is so no more */
        SAY(j, LEVEL_ERROR, 1943, "stapling_renew_response: error in retrieved response!");
        fail(j, (struct span){ 0 });
    }
}

static void on_answer(void *arg, struct span der)
{
    struct job *j = arg;
    struct tls_ocsp_answer a;

    j->fetch = NULL;
    if (!der.p) {
        fail_silent(j);
        return;
    }
    SAY(j, LEVEL_DEBUG, 1942, "stapling_renew_response: query response received");
    a = tls_ocsp_read(j->ocsp, der, j->how->skew_s, j->how->max_age_s);
    switch (a.verdict) {
    case TLS_OCSP_GOOD: succeed(j, der, a.next_update); break;
    case TLS_OCSP_BAD_CERT: say_bad(j, der, &a); break;
    case TLS_OCSP_REFUSED:
        SAY(j, LEVEL_ERROR, 1944, "stapling_renew_response: responder error %s", a.status);
        fail(j, der);
        break;
    case TLS_OCSP_GARBAGE:
        SAY(j, LEVEL_ERROR, 1988, "failed to decode OCSP response data");
        fail_silent(j);
        break;
    case TLS_OCSP_BASIC: refuse(j, 1934, "stapling_check_response: Error Parsing Response!"); break;
    case TLS_OCSP_OTHER: refuse(j, 1935, "stapling_check_response: certificate ID not present in response!"); break;
    case TLS_OCSP_TIMES: refuse(j, 1936, "stapling_check_response: response times invalid"); break;
    case TLS_OCSP_FORGED: refuse(j, 1925, "failed to verify the OCSP response"); break;
    }
}

static void ask(struct job *j)
{
    struct staple_want w = {
        .loop = j->stapler->loop,
        .resolver = j->stapler->resolver,
        .url = j->url,
        .request = tls_ocsp_request(j->ocsp),
        .timeout_ms = (uint64_t)(j->how->responder_timeout_s > 0 ? j->how->responder_timeout_s : 1) * 1000,
        .log = &j->site->log,
        .done = on_answer,
        .arg = j,
    };

    SAY(j, LEVEL_DEBUG, 1938, "stapling_renew_response: querying responder");
    j->fetch = staple_fetch(&w);
}

static void on_again(struct timer *t)
{
    ask(CONTAINER_OF(t, struct job, again));
}

/* ---- all that are in use ---- */

/* NULL: it can be asked. */
static const char *url_fault(struct arena *a, const char *url, int *ah)
{
    struct http_url u;

    if (!http_parse_url(span_of(url), &u) || u.host.n == 0) {
        *ah = 1939;
        return arena_printf(a, "stapling_renew_response: Error parsing uri %s", url);
    }
    *ah = 1940;
    return span_ieq(u.scheme, SPAN("http")) ? NULL
                                            : arena_printf(a, "stapling_renew_response: Unsupported uri %s", url);
}

/* The question for a certificate of this site and, where the site says none, the URL to send it to; NULL: none, which
 * is logged. */
static struct tls_ocsp *usable(struct round *r, const struct site *s, const struct destination *p, const char **url)
{
    struct tls_ocsp *ocsp = tls_ocsp_new(p->context, p->pair);
    const char *fault = NULL;
    int ah = 2217;

    if (ocsp && !*url && tls_ocsp_url(ocsp))
        *url = arena_strdup(r->arena, tls_ocsp_url(ocsp));
    if (!ocsp)
        fault = "ssl_stapling_init_cert: can't retrieve issuer certificate!";
    else if (*url)
        fault = url_fault(r->arena, *url, &ah);
    else
        ah = 2218, fault = "ssl_stapling_init_cert: no OCSP URI in certificate and no SSLStaplingForceURL set";
    if (!fault)
        return ocsp;
    LOG_AT(&s->log, LOG_SSL, LEVEL_ERROR, ah, 0, NULL, "%s", fault);
    LOG_AT(&s->log, LOG_SSL, LEVEL_ERROR, 2604, 0, NULL, "Unable to configure certificate %s:%u for stapling",
           ssl_site_name(r->arena, s), p->pair);
    tls_ocsp_free(ocsp);
    return NULL;
}

static struct job *new_job(struct stapler *st, struct round *r, const struct site *s, struct tls_ocsp *ocsp,
                           const char *url)
{
    struct job *j = arena_alloc(r->arena, sizeof(*j));

    j->stapler = st;
    j->site = s;
    j->how = &ssl_site_of(s)->stapling;
    j->ocsp = ocsp;
    j->url = url;
    j->again.on_time = on_again;
    j->expiry.on_time = on_expiry;
    vec_add(r->arena, &r->jobs, j);
    return j;
}

static void add_pair(struct stapler *st, struct round *r, const struct site *s, const struct destination *p)
{
    const char *url = ssl_site_of(s)->stapling.force_url, *key;
    struct tls_ocsp *ocsp = usable(r, s, p, &url);
    struct job *j;

    if (!ocsp)
        return;
    key = arena_concat(r->arena, tls_ocsp_key(ocsp), " ", url, NULL);
    j = map_get(r->by_key, key);
    if (j)
        tls_ocsp_free(ocsp);
    else
        map_set(r->by_key, key, j = new_job(st, r, s, ocsp, url));
    vec_add(r->arena, &j->destinations, arena_copy(r->arena, p, sizeof(*p)));
}

static void add_site(struct stapler *st, struct round *r, const struct site *s)
{
    struct destination p = { tls_sites_of(r->tls, s), 0 };

    if (!p.context || !ssl_site_of(s)->stapling.on)
        return;
    for (; p.pair < ssl_site_of(s)->certs.n; p.pair++)
        add_pair(st, r, s, &p);
}

/* What the round before knows already is not asked for again. */
static bool start_job(void *arg, const char *key, void *value)
{
    const struct round *before = arg;
    struct job *j = value, *old = before ? map_get(before->by_key, key) : NULL;
    uint64_t now = loop_now(j->stapler->loop);

    if (!old || !old->good || !buf_len(&old->answer)) {
        ask(j);
        return true;
    }
    j->answer = old->answer;
    old->answer = (struct buf){ 0 };
    j->valid_until = old->valid_until;
    j->good = true;
    staple(j, buf_span(&j->answer));
    arm_expiry(j);
    ask_again(j, timer_armed(&old->again) && old->again_ms > now ? (int64_t)(old->again_ms - now) / 1000 : 1);
    return true;
}

static void free_round(struct round *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->jobs.n; i++) {
        struct job *j = r->jobs.items[i];
        if (j->fetch)
            staple_fetch_cancel(j->fetch);
        timer_cancel(j->stapler->loop, &j->again);
        timer_cancel(j->stapler->loop, &j->expiry);
        buf_release(&j->answer);
        tls_ocsp_free(j->ocsp);
    }
    map_free(r->by_key);
    tls_sites_drop(r->tls);
    snapshot_drop(r->snapshot);
    arena_free(r->arena);
    free(r);
}

struct message {
    struct stapler *stapler;
    struct snapshot *snapshot;
    struct tls_sites *tls;
};

static void begin_round(void *arg)
{
    struct message *m = arg;
    struct stapler *st = m->stapler;
    struct round *r = base_alloc(sizeof(*r)), *old = st->round;

    *r = (struct round){ .arena = arena_new(), .snapshot = m->snapshot, .tls = m->tls, .by_key = map_new(MAP_EXACT) };
    free(m);
    for (unsigned i = 0; i < snapshot_sites(r->snapshot); i++)
        add_site(st, r, snapshot_site(r->snapshot, i));
    map_each(r->by_key, start_job, old);
    st->round = r;
    free_round(old);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct stapler *st = arg;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    loop_run(st->loop);
    free_round(st->round);
    return NULL;
}

static struct stapler *start(void)
{
    struct stapler *st = base_alloc(sizeof(*st));

    st->loop = loop_new();
    st->resolver = resolver_new(st->loop);
    ASSERT(pthread_create(&st->thread, NULL, run, st) == 0);
    return st;
}

static bool is_wanted(const struct snapshot *s)
{
    for (unsigned i = 0; i < snapshot_sites(s); i++)
        if (ssl_site_of(snapshot_site(s, i))->stapling.on)
            return true;
    return false;
}

void stapler_use(struct stapler **st, struct snapshot *s, struct tls_sites *t)
{
    struct message *m;

    if (!*st && !is_wanted(s))
        return;
    if (!*st)
        *st = start();
    m = base_alloc(sizeof(*m));
    *m = (struct message){ *st, snapshot_hold(s), tls_sites_hold(t) };
    loop_call((*st)->loop, begin_round, m);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

void stapler_free(struct stapler *st)
{
    if (!st)
        return;
    loop_call(st->loop, stop, st->loop);
    pthread_join(st->thread, NULL);
    resolver_free(st->resolver);
    loop_free(st->loop);
    free(st);
}
