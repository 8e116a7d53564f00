/* The counters of balancers' members, for all threads and over reloads: found by name when a configuration is read,
 * held by snapshots and tunnels. A lock is taken where one is found or goes, never for a request. */
#include "proxying.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct named_share {
    struct proxy_share share; /* what is given out */
    _Atomic unsigned refs;    /* becomes 0 or rises from it under the lock only */
    char *key;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *all; /* key -> struct named_share; lives as long as the process */

static struct named_share *named(struct proxy_share *s)
{
    return CONTAINER_OF(s, struct named_share, share);
}

static struct named_share *find_or_add(const char *key)
{
    if (!all)
        all = map_new(MAP_EXACT);
    struct named_share *n = map_get(all, key);
    if (n)
        return n;
    n = base_alloc(sizeof(*n));
    n->key = base_strdup(key);
    map_set(all, key, n);
    return n;
}

struct proxy_share *proxy_share_hold(const char *key)
{
    pthread_mutex_lock(&lock);
    struct named_share *n = find_or_add(key);
    n->refs++;
    pthread_mutex_unlock(&lock);
    return &n->share;
}

struct proxy_share *proxy_share_again(struct proxy_share *s)
{
    ASSERT(named(s)->refs++ > 0);
    return s;
}

static bool drop_but_last(struct named_share *n)
{
    unsigned refs = n->refs;
    while (refs > 1)
        if (atomic_compare_exchange_weak(&n->refs, &refs, refs - 1))
            return true;
    return false;
}

void proxy_share_drop(struct proxy_share *s)
{
    struct named_share *n = named(s);

    if (drop_but_last(n))
        return;
    pthread_mutex_lock(&lock);
    bool last = --n->refs == 0; /* a reload may have found it meanwhile */
    if (last)
        map_remove(all, n->key);
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    free(n->key);
    free(n);
}
