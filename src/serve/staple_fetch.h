/* One POST to an OCSP responder, in a loop. */
#ifndef WEIR_STAPLE_FETCH_H
#define WEIR_STAPLE_FETCH_H

#include "http.h"
#include "net.h"

struct staple_want { /* copied; what it points to outlives the fetch */
    struct loop *loop;
    struct resolver *resolver;
    const char *url; /* http://…, checked by staple_url_fault */
    struct span request;
    uint64_t timeout_ms; /* for all of it */
    const struct log_target *log;
    void (*done)(void *arg,
                 struct span body); /* p NULL: it failed, which is logged. Never before staple_fetch returned */
    void *arg;
};
struct staple_fetch;
struct staple_fetch *staple_fetch(const struct staple_want *w);
void staple_fetch_cancel(struct staple_fetch *f); /* not after done */

#endif
