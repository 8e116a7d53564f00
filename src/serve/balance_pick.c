/* Which member of a balancer: httpd's proxy_util.c (ap_proxy_balancer_get_best_worker, ap_proxy_retry_worker),
 * mod_proxy_balancer.c (find_route_worker, force_recovery) and mod_lbmethod_*.c. Counters are shared by the threads and
 * change by atomic additions: two choices at once may be the same, but no turn is lost. */
#include "balance.h"

#include <stdatomic.h>

static const struct proxy_worker *member_at(const struct pick *p, unsigned i)
{
    return p->balancer->members.items[i];
}

/* ---- errors ------------------------------------------------------------------------------------- */

bool pick_is_usable(const struct proxy_worker *member)
{
    return !(member->status & WORKER_UNUSABLE) && !member->share->in_error;
}

void pick_disable(const struct pick *p, const struct proxy_worker *member)
{
    if (member->status & WORKER_IGNORES_ERRORS)
        return;
    member->share->error_ms = p->now_ms;
    member->share->in_error = true;
}

static void say_retry(const struct pick *p, const struct proxy_worker *w, int ah, const char *what)
{
    LOG_AT(p->log, LOG_PROXY, LEVEL_DEBUG, ah, 0, NULL, "BALANCER: %s (%s:%d)%s", what, w->host, w->port,
           ah == 932    ? " has been marked for retry"
           : ah == 3305 ? ": stopped"
                        : "");
}

/* A member in an error becomes usable when its time is over. */
static void retry(const struct pick *p, const struct proxy_worker *w)
{
    if (!w->share->in_error)
        return;
    if (w->status & WORKER_STOPPED) {
        say_retry(p, w, 3305, "Won't retry worker");
    } else if ((w->status & WORKER_IGNORES_ERRORS) || p->now_ms >= w->share->error_ms + (uint64_t)w->retry_s * 1000) {
        w->share->in_error = false;
        say_retry(p, w, 932, "worker for");
    } else {
        say_retry(p, w, 933, "too soon to retry worker for");
    }
}

static bool is_usable_now(const struct pick *p, const struct proxy_worker *w)
{
    if (!pick_is_usable(w))
        retry(p, w);
    return pick_is_usable(w);
}

void pick_recover(const struct pick *p)
{
    unsigned n = p->balancer->members.n;

    for (unsigned i = 0; i < n; i++) {
        retry(p, member_at(p, i));
        if (!member_at(p, i)->share->in_error)
            return;
    }
    for (unsigned i = 0; i < n && p->balancer->force_recovery; i++) {
        member_at(p, i)->share->in_error = false;
        LOG_AT(p->log, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1165, 0, NULL, "%s: Forcing recovery for worker (%s)",
               p->balancer->name, member_at(p, i)->host);
    }
}

/* ---- methods ------------------------------------------------------------------------------------ */

struct best { /* so far */
    const struct proxy_worker *worker;
    int total;     /* of all load factors considered */
    int lb_status; /* the best one's */
    uint64_t load; /* bytes or requests at the best one */
};

static uint64_t load_of(const struct pick *p, const struct proxy_worker *w)
{
    switch (p->balancer->method) {
    case BALANCE_BY_TRAFFIC:
        return w->share->sent / (unsigned)w->load_factor + w->share->received / (unsigned)w->load_factor;
    case BALANCE_BY_BUSYNESS: return w->share->busy;
    default: return 0;
    }
}

/* The sum of all lb_status stays what it is: each is given its factor, the chosen one pays for all. */
static void consider(const struct pick *p, struct best *b, const struct proxy_worker *w)
{
    bool by_traffic = p->balancer->method == BALANCE_BY_TRAFFIC;
    int lb_status = by_traffic ? 0 : atomic_fetch_add(&w->share->lb_status, w->load_factor) + w->load_factor;
    uint64_t load = load_of(p, w);

    b->total += by_traffic ? 0 : w->load_factor;
    if (b->worker && (load > b->load || (load == b->load && lb_status <= b->lb_status)))
        return;
    b->worker = w;
    b->load = load;
    b->lb_status = lb_status;
}

static bool is_plain(const struct proxy_worker *w)
{
    return !(w->status & (WORKER_SPARE | WORKER_STANDBY));
}

/* A set's ordinary members; returns how many of them are out. */
static unsigned consider_plain(const struct pick *p, struct best *b, int set)
{
    unsigned out = 0;

    for (unsigned i = 0; i < p->balancer->members.n; i++) {
        const struct proxy_worker *w = member_at(p, i);
        if (w->set != set)
            continue;
        bool usable = !(w->status & WORKER_DRAINS) && is_usable_now(p, w);
        if (is_plain(w) && usable)
            consider(p, b, w);
        else if (is_plain(w))
            out++;
    }
    return out;
}

static void consider_kind(const struct pick *p, struct best *b, int set, unsigned kind, unsigned most)
{
    for (unsigned i = 0; i < p->balancer->members.n && most; i++) {
        const struct proxy_worker *w = member_at(p, i);
        bool is_kind = kind == WORKER_SPARE ? w->status & WORKER_SPARE
                                            : (w->status & (WORKER_STANDBY | WORKER_SPARE)) == WORKER_STANDBY;
        if (w->set != set || !is_kind || (w->status & WORKER_DRAINS) || !pick_is_usable(w))
            continue;
        consider(p, b, w);
        most--;
    }
}

static int highest_set(const struct pick *p)
{
    int highest = 0;
    for (unsigned i = 0; i < p->balancer->members.n; i++)
        if (member_at(p, i)->set > highest)
            highest = member_at(p, i)->set;
    return highest;
}

/* Sets in their order; in each the ordinary members, a spare for each of those that is out, and standbys when nobody
 * else is there. */
const struct proxy_worker *pick_best(const struct pick *p)
{
    int highest = highest_set(p);
    struct best b = { 0 };

    LOG_AT(p->log, LOG_PROXY, LEVEL_DEBUG, 10122, 0, NULL, "proxy: Entering %s for BALANCER (%s)",
           proxy_balancer_method(p->balancer), p->balancer->name);
    for (int set = 0; set <= highest && !b.worker; set++) {
        unsigned out = consider_plain(p, &b, set);
        consider_kind(p, &b, set, WORKER_SPARE, out);
        if (!b.worker)
            consider_kind(p, &b, set, WORKER_STANDBY, p->balancer->members.n);
    }
    if (!b.worker)
        return NULL;
    LOG_AT(p->log, LOG_PROXY, LEVEL_DEBUG, 10123, 0, NULL, "proxy: %s selected worker \"%s\" : busy %llu : lbstatus %d",
           proxy_balancer_method(p->balancer), b.worker->name, (unsigned long long)b.worker->share->busy, b.lb_status);
    b.worker->share->lb_status -= b.total;
    b.worker->share->elected++;
    return b.worker;
}

/* ---- routes ------------------------------------------------------------------------------------- */

static const struct proxy_worker *find_route(const struct pick *p, const char *route, unsigned depth);

/* The member itself, else the one that its redirect= names; as many steps as there are members, against circles. */
static const struct proxy_worker *usable_or_redirect(const struct pick *p, const struct proxy_worker *w, unsigned depth)
{
    if (is_usable_now(p, w))
        return w;
    if (!*w->redirect || depth >= p->balancer->members.n)
        return NULL;
    const struct proxy_worker *other = find_route(p, w->redirect, depth + 1);
    return other && is_usable_now(p, other) ? other : NULL;
}

static const struct proxy_worker *find_route(const struct pick *p, const char *route, unsigned depth)
{
    for (unsigned standby = 0; standby < 2; standby++) {
        for (unsigned i = 0; i < p->balancer->members.n; i++) {
            const struct proxy_worker *w = member_at(p, i), *found;
            if (((w->status & WORKER_STANDBY) != 0) != standby || !*w->route || strcmp(w->route, route) != 0)
                continue;
            if ((found = usable_or_redirect(p, w, depth)))
                return found;
        }
    }
    return NULL;
}

/* A session's request takes a turn like any other. */
const struct proxy_worker *pick_route(const struct pick *p, const char *route)
{
    const struct proxy_worker *found = find_route(p, route, 1);
    int total = 0;

    for (unsigned i = 0; i < p->balancer->members.n && found; i++) {
        const struct proxy_worker *w = member_at(p, i);
        if (!pick_is_usable(w))
            continue;
        w->share->lb_status += w->load_factor;
        total += w->load_factor;
    }
    if (found) {
        found->share->lb_status -= total;
        found->share->elected++;
    }
    return found;
}
