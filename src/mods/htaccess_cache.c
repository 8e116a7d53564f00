/* .htaccess files as they were last read: of one configuration, for all its threads. Who uses one holds it; the cache
 * holds the ones used last, within bounds that no tree of directories can exceed. */
#include "htaccess.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FILE_MAGIC  0x48544143u
#define CACHE_MAGIC 0x48544348u
#define BYTE_WEIGHS 32 /* of a file: its patterns' code lies outside of its arena */

struct htaccess_cache {
    uint32_t magic;
    pthread_mutex_t lock; /* of all below, and of the files' links */
    struct map *files;    /* by key: struct htaccess */
    struct link recent;   /* the one used last comes last */
    unsigned n;
    size_t weight;
};

/* ---- a file ------------------------------------------------------------------------------------------------ */

struct htaccess *htaccess_new(const char *key, const struct htaccess_stamp *stamp)
{
    struct arena *a = arena_new();
    struct htaccess *h = arena_alloc(a, sizeof(*h));

    h->magic = FILE_MAGIC;
    h->arena = a;
    h->key = arena_strdup(a, key);
    h->stamp = *stamp;
    atomic_init(&h->refs, 1);
    link_init(&h->link);
    return h;
}

struct htaccess *htaccess_hold(struct htaccess *h)
{
    CHECK_MAGIC(h, FILE_MAGIC);
    ASSERT(atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed) > 0);
    return h;
}

void htaccess_drop(struct htaccess *h)
{
    int before;

    CHECK_MAGIC(h, FILE_MAGIC);
    before = atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    h->magic = 0;
    arena_free(h->arena);
}

/* ---- the cache ---------------------------------------------------------------------------------------------- */

/* Out of the cache; let go of by let_go, without the lock: there may be much to free. */
static void forget(struct htaccess_cache *c, struct htaccess *h, struct link *gone)
{
    map_remove(c->files, h->key);
    link_remove(&h->link);
    link_push(gone, &h->link);
    c->n--;
    c->weight -= h->weight;
}

static void let_go(struct link *gone)
{
    while (!link_empty(gone)) {
        struct htaccess *h = CONTAINER_OF(gone->next, struct htaccess, link);
        link_remove(&h->link);
        htaccess_drop(h);
    }
}

static struct htaccess *oldest(struct htaccess_cache *c)
{
    return CONTAINER_OF(c->recent.next, struct htaccess, link);
}

static void free_cache(void *arg)
{
    struct htaccess_cache *c = arg;
    struct link gone;

    CHECK_MAGIC(c, CACHE_MAGIC);
    link_init(&gone);
    while (c->n)
        forget(c, oldest(c), &gone);
    let_go(&gone);
    map_free(c->files);
    pthread_mutex_destroy(&c->lock);
    c->magic = 0;
}

struct htaccess_cache *htaccess_cache_new(struct arena *a)
{
    struct htaccess_cache *c = arena_alloc(a, sizeof(*c));

    c->magic = CACHE_MAGIC;
    pthread_mutex_init(&c->lock, NULL);
    c->files = map_new(MAP_EXACT);
    link_init(&c->recent);
    arena_on_free(a, free_cache, c);
    return c;
}

static bool is_same(const struct htaccess_stamp *a, const struct htaccess_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->modified_ns == b->modified_ns &&
           a->changed_ns == b->changed_ns;
}

struct htaccess *htaccess_get(struct htaccess_cache *c, const char *key, const struct htaccess_stamp *stamp)
{
    struct link gone;
    struct htaccess *h;

    CHECK_MAGIC(c, CACHE_MAGIC);
    link_init(&gone);
    pthread_mutex_lock(&c->lock);
    h = map_get(c->files, key);
    if (h && !is_same(&h->stamp, stamp)) {
        forget(c, h, &gone);
        h = NULL;
    }
    if (h) {
        link_remove(&h->link);
        link_push(&c->recent, &h->link);
        htaccess_hold(h);
    }
    pthread_mutex_unlock(&c->lock);
    let_go(&gone);
    return h;
}

void htaccess_put(struct htaccess_cache *c, struct htaccess *h)
{
    struct htaccess *before;
    struct link gone;

    CHECK_MAGIC(c, CACHE_MAGIC);
    link_init(&gone);
    h->weight = arena_size(h->arena) + h->stamp.size * BYTE_WEIGHS;
    pthread_mutex_lock(&c->lock);
    before = map_get(c->files, h->key);
    if (before)
        forget(c, before, &gone);
    map_set(c->files, h->key, htaccess_hold(h));
    link_push(&c->recent, &h->link);
    c->n++;
    c->weight += h->weight;
    while (c->n > HTACCESS_FILES_MOST || c->weight > HTACCESS_WEIGHT_MOST)
        forget(c, oldest(c), &gone);
    pthread_mutex_unlock(&c->lock);
    let_go(&gone);
}

void htaccess_cache_size(struct htaccess_cache *c, unsigned *n, size_t *weight)
{
    pthread_mutex_lock(&c->lock);
    *n = c->n;
    *weight = c->weight;
    pthread_mutex_unlock(&c->lock);
}
