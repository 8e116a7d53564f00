/* A thread's free blocks: an arena's first one, a buffer to read into. They go round with each request, stay warm, and
 * cost no malloc. */
#include "blocks.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#define MOST 16

struct block_cache {
    void *block[MOST]; /* an array and no chain: the blocks are poisoned while they lie here */
    unsigned n;
    bool known; /* to the key, which empties it at thread exit */
};

static _Thread_local struct block_cache cache;
static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void on_thread_exit(void *arg)
{
    struct block_cache *c = arg;

    while (c->n)
        free(c->block[--c->n]);
    c->known = false;
}

static void make_key(void)
{
    ASSERT(pthread_key_create(&cache_key, on_thread_exit) == 0);
}

static bool is_known(void)
{
    if (cache.known)
        return true;
    pthread_once(&cache_once, make_key);
    cache.known = pthread_setspecific(cache_key, &cache) == 0;
    return cache.known;
}

void *block_take(void)
{
    void *block = cache.n ? cache.block[--cache.n] : malloc(BLOCK_SIZE);

    ASSERT(block != NULL);
    ASAN_UNPOISON_MEMORY_REGION(block, BLOCK_SIZE);
    return block;
}

void block_give(void *block)
{
    if (cache.n == MOST || !is_known()) {
        free(block);
        return;
    }
    ASAN_POISON_MEMORY_REGION(block, BLOCK_SIZE);
    cache.block[cache.n++] = block;
}
