/* Connections to backends, as one worker has them. */
#ifndef WEIR_UPSTREAM_H
#define WEIR_UPSTREAM_H

#include "server.h"

#define UPSTREAM_MAGIC 0x55505331u
struct origin { /* one backend address as this worker knows it */
    char *key;  /* "host:port" or the socket's path, and what makes connections differ */
    char *host, *unix_path;
    int port;
    struct addr *addrs; /* as resolved */
    unsigned n_addrs, last_good;
    bool stale;                         /* ask the name again: a connect failed, or a reload */
    struct link idle;                   /* struct upstream, newest last */
    struct link waiting;                /* struct connect, waiting for a slot (max=) */
    struct tls_session_cache *sessions; /* to resume with; NULL */
    struct task next;                   /* gives a free slot to the first of them */
    struct loop *loop;
    unsigned n_idle, n_open;
    uint64_t used_ms, resolved_ms;
    unsigned generation; /* counts reloads */
};
struct upstream {
    uint32_t magic;
    struct worker *worker;
    struct origin *origin;
    struct stream *stream;
    struct buf in, out;
    struct http_scan scan;
    struct link link;          /* in origin->idle */
    struct exchange *exchange; /* NULL while pooled */
    uint64_t idle_since_ms, ttl_ms;
    unsigned generation; /* of the origin when it was made */
    unsigned idle_most;  /* pooled connections of its origin */
    unsigned served;
    bool may_keep;    /* disablereuse, upgrades and proxy-nokeepalive say no */
    struct task look; /* readiness to be looked at again */
    bool spoke_first;
    bool reused; /* it carried a request before this one */
};
/* Finds or makes a connection for ex->r.proxy: ex->upstream is set and exchange_resume called with STEP_NEXT, or an
 * answer (502, 503) chosen and STEP_REPLY. May resume before it returns. */
void upstream_get(struct exchange *ex, bool fresh);
void connect_cancel(struct connect *c);
void connect_next(struct origin *o); /* a slot is free: the first waiting one takes it */
struct origin *origin_of(struct exchange *ex);
struct upstream *upstream_new(struct exchange *ex, struct origin *o, struct stream *s);
void upstream_attach(struct exchange *ex, struct upstream *u); /* out of the pool, for this exchange */
struct upstream *upstream_pooled(struct origin *o);
void upstream_keep(struct upstream *u); /* to the pool */
void upstream_close(struct upstream *u);
struct stream *
upstream_release(struct upstream *u);  /* its stream goes to a tunnel; the slot stays taken until origin_release */
void origin_release(struct origin *o); /* a slot is free again */
void upstream_sweep(struct worker *w); /* idle ones past their ttl */
void upstream_close_all(struct worker *w);
void upstream_refresh_names(struct worker *w); /* after a reload */

#endif
