/* Balancers at work: which member a request goes to, who failed, when to try again. */
#ifndef WEIR_BALANCE_H
#define WEIR_BALANCE_H

#include "server.h"

/* ---- balance_pick.c: the members alone ---------------------------------------------------------- */

struct pick {
    const struct proxy_balancer *balancer;
    const struct log_target *log;
    uint64_t now_ms; /* base_now_ms */
};
bool pick_is_usable(const struct proxy_worker *member);
void pick_disable(const struct pick *p, const struct proxy_worker *member); /* an error: for retry= seconds */
/* Where all are in an error they are tried again, the time over or not (forcerecovery=). */
void pick_recover(const struct pick *p);
/* The method's choice, counted as elected; NULL: none is usable. */
const struct proxy_worker *pick_best(const struct pick *p);
/* The one with that route, else the one its redirect= names; NULL. Counted as elected. */
const struct proxy_worker *pick_route(const struct pick *p, const char *route);

/* ---- balance.c: a request's member -------------------------------------------------------------- */

struct balance;
/* The step: STEP_NEXT with the member in r.proxy (at once without a balancer), STEP_WAIT for a usable one (timeout=),
 * or STEP_REPLY. */
enum step_result balance_choose(struct exchange *ex);
bool balance_waits(const struct exchange *ex);
void balance_unreachable(struct exchange *ex); /* no connection could be made */
void balance_timed_out(struct exchange *ex);   /* no answer came in time */
/* An attempt ended with this status and no answer. True: the exchange stands at the choice of another member again. */
bool balance_fails_over(struct exchange *ex, int status);
void balance_answered(struct exchange *ex, int status); /* failonstatus= */
void balance_count(struct exchange *ex, uint64_t sent, uint64_t received);
void balance_release(struct exchange *ex); /* the member has one request less */
/* The same, but a tunnel goes on there: it ends with balance_tunnel_over. NULL without a balancer. */
struct proxy_share *balance_keep(struct exchange *ex);
void balance_tunnel_over(struct proxy_share *member);

#endif
