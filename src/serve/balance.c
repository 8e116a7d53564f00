/* A request's way to a member of a balancer, and to another one when it fails (mod_proxy_balancer.c,
 * proxy_balancer_pre_request and _post_request; mod_proxy.c, the loop of proxy_handler). */
#include "balance.h"

#include <stdatomic.h>

struct balance { /* in the exchange's arena */
    struct exchange *ex;
    const struct proxy_worker *member;
    struct proxy_share *busy; /* whose count has this request; its snapshot is held by the exchange */
    struct proxy_session session;
    unsigned attempts; /* that failed */
    bool timed_out, judged;
    struct timer wait;
    uint64_t wait_until_ms;
};

static struct pick pick_of(const struct exchange *ex)
{
    return (struct pick){ ex->r.proxy->balancer, request_log(&ex->r), base_now_ms() };
}

static uint64_t wait_step(const struct proxy_balancer *b)
{
    return (uint64_t)b->wait_s * 10; /* a hundredth of timeout=, as httpd looks again */
}

/* ---- the choice --------------------------------------------------------------------------------- */

static void set_session_env(struct request *r, const struct proxy_session *s)
{
    http_fields_set(r->arena, &r->notes, "session-sticky", span_of(s->name));
    http_fields_set(r->arena, &r->notes, "session-route", span_of(s->route));
    request_set_env(r, "BALANCER_SESSION_STICKY", s->name);
    request_set_env(r, "BALANCER_SESSION_ROUTE", s->route);
}

static enum step_result take(struct balance *b, const struct proxy_worker *member)
{
    struct exchange *ex = b->ex;

    b->member = member;
    b->busy = member->share;
    b->busy->busy++;
    request_set_env(&ex->r, "BALANCER_NAME", ex->r.proxy->balancer->name);
    request_set_env(&ex->r, "BALANCER_WORKER_NAME", member->name);
    request_set_env(&ex->r, "BALANCER_WORKER_ROUTE", member->route);
    ex->r.status = proxy_use_member(&ex->r, member);
    if (b->session.route)
        set_session_env(&ex->r, &b->session);
    return ex->r.status ? STEP_REPLY : STEP_NEXT;
}

/* The method's choice; with sticky sessions the client has a new route. */
static enum step_result take_best(struct balance *b, const struct proxy_worker *best)
{
    if (b->ex->r.proxy->balancer->cookie)
        request_set_env(&b->ex->r, "BALANCER_ROUTE_CHANGED", "1");
    return take(b, best);
}

static enum step_result say_nobody(struct exchange *ex)
{
    const struct proxy_balancer *b = ex->r.proxy->balancer;

    if (b->members.n)
        REQUEST_LOG(&ex->r, LOG_PROXY_BALANCER, LEVEL_ERROR, 1170, "%s: All workers are in error state", b->name);
    else
        REQUEST_LOG(&ex->r, LOG_PROXY_BALANCER, LEVEL_ERROR, 1171, "%s: No workers in balancer", b->name);
    ex->r.status = 503;
    return STEP_REPLY;
}

static void on_wait(struct timer *t)
{
    struct balance *b = CONTAINER_OF(t, struct balance, wait);
    struct exchange *ex = b->ex;
    struct pick p = pick_of(ex);
    const struct proxy_worker *best = pick_best(&p);

    if (best)
        exchange_resume(ex, take_best(b, best));
    else if (loop_now(ex->worker->loop) >= b->wait_until_ms)
        exchange_resume(ex, say_nobody(ex));
    else
        timer_set(ex->worker->loop, t, wait_step(p.balancer));
}

static enum step_result choose_best(struct balance *b)
{
    struct loop *l = b->ex->worker->loop;
    struct pick p = pick_of(b->ex);
    const struct proxy_worker *best = pick_best(&p);

    if (best)
        return take_best(b, best);
    if (!p.balancer->wait_s)
        return say_nobody(b->ex);
    b->wait_until_ms = loop_now(l) + (uint64_t)p.balancer->wait_s * 1000;
    timer_set(l, &b->wait, wait_step(p.balancer));
    return STEP_WAIT;
}

static bool has_route(const struct proxy_balancer *b, const char *route)
{
    for (unsigned i = 0; i < b->members.n; i++)
        if (strcmp(((const struct proxy_worker *)b->members.items[i])->route, route) == 0)
            return *route;
    return false;
}

static enum step_result choose(struct balance *b)
{
    struct request *r = &b->ex->r;
    const struct proxy_balancer *balancer = r->proxy->balancer;
    struct pick p = pick_of(b->ex);
    const struct proxy_worker *member = NULL;

    pick_recover(&p);
    b->session = proxy_session(r);
    if (b->session.route && *b->session.route)
        member = pick_route(&p, b->session.route);
    if (!member && b->session.route && balancer->no_failover && has_route(balancer, b->session.route)) {
        REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_ERROR, 1167, "%s: All workers are in error state for route (%s)",
                    balancer->name, b->session.route);
        r->status = 503;
        return STEP_REPLY;
    }
    if (!member)
        return choose_best(b);
    if (strcmp(member->route, b->session.route) != 0) {
        request_set_env(r, "BALANCER_ROUTE_CHANGED", "1");
        REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1162, "Route changed from %s to %s", b->session.route,
                    member->route);
    }
    return take(b, member);
}

static void stop_counting(struct balance *b)
{
    if (b->busy)
        b->busy->busy--;
    b->busy = NULL;
    b->member = NULL;
}

enum step_result balance_choose(struct exchange *ex)
{
    if (!ex->r.proxy->balancer)
        return STEP_NEXT;
    if (!ex->balance) {
        ex->balance = arena_alloc(ex->arena, sizeof(*ex->balance));
        ex->balance->ex = ex;
        ex->balance->wait.on_time = on_wait;
    }
    stop_counting(ex->balance); /* of the member that failed */
    return choose(ex->balance);
}

bool balance_waits(const struct exchange *ex)
{
    return ex->balance && timer_armed(&ex->balance->wait);
}

/* ---- what became of it -------------------------------------------------------------------------- */

static struct balance *at_member(const struct exchange *ex)
{
    return ex->balance && ex->balance->member ? ex->balance : NULL;
}

static void disable(struct balance *b)
{
    struct pick p = pick_of(b->ex);
    pick_disable(&p, b->member);
}

void balance_unreachable(struct exchange *ex)
{
    struct balance *b = at_member(ex);

    if (!b || !pick_is_usable(b->member) || (b->member->status & WORKER_IGNORES_ERRORS))
        return;
    disable(b);
    LOG_AT(request_log(&ex->r), LOG_PROXY, LEVEL_ERROR, 959, 0, NULL,
           "ap_proxy_connect_backend disabling worker for (%s:%d) for %ds", b->member->host, b->member->port,
           b->member->retry_s);
}

void balance_timed_out(struct exchange *ex)
{
    if (ex->balance)
        ex->balance->timed_out = true;
}

static bool is_listed(const struct vec *statuses, int status)
{
    for (unsigned i = 0; i < statuses->n; i++)
        if (*(const int *)statuses->items[i] == status)
            return true;
    return false;
}

void balance_answered(struct exchange *ex, int status)
{
    struct balance *b = at_member(ex);

    if (!b || b->judged || (b->member->status & WORKER_IGNORES_ERRORS))
        return;
    const struct proxy_balancer *balancer = ex->r.proxy->balancer;
    const char *label = proxy_worker_label(ex->arena, b->member);
    b->judged = true;
    if (is_listed(&balancer->fail_on, status)) {
        REQUEST_LOG(&ex->r, LOG_PROXY_BALANCER, LEVEL_ERROR, 1174,
                    "%s: Forcing worker (%s) into error state due to status code %d matching 'failonstatus' balancer "
                    "parameter",
                    balancer->name, label, status);
        disable(b);
    }
    if (balancer->fail_on_timeout && b->timed_out) {
        REQUEST_LOG(&ex->r, LOG_PROXY_BALANCER, LEVEL_ERROR, 2460,
                    "%s: Forcing worker (%s) into error state due to timeout and 'failontimeout' parameter being set",
                    balancer->name, label);
        disable(b);
    }
}

bool balance_fails_over(struct exchange *ex, int status)
{
    struct balance *b = at_member(ex);

    if (!b)
        return false;
    if (status == 503 || status == 500)
        disable(b);
    if (status == 503 && !ex->body.taken && !pick_is_usable(b->member) &&
        (unsigned)ex->r.proxy->balancer->max_attempts > b->attempts) {
        b->attempts++;
        request_choose_again(ex);
        return true;
    }
    balance_answered(ex, status);
    return false;
}

/* ---- counting ----------------------------------------------------------------------------------- */

void balance_count(struct exchange *ex, uint64_t sent, uint64_t received)
{
    struct balance *b = at_member(ex);

    if (!b || !b->busy)
        return;
    b->busy->sent += sent;
    b->busy->received += received;
}

void balance_release(struct exchange *ex)
{
    if (!ex->balance)
        return;
    timer_cancel(ex->worker->loop, &ex->balance->wait);
    stop_counting(ex->balance);
    ex->balance = NULL;
}

struct proxy_share *balance_keep(struct exchange *ex)
{
    struct proxy_share *member = ex->balance ? ex->balance->busy : NULL;

    if (!member)
        return NULL;
    ex->balance->busy = NULL;
    return proxy_share_again(member);
}

void balance_tunnel_over(struct proxy_share *member)
{
    if (!member)
        return;
    member->busy--;
    proxy_share_drop(member);
}
