/* What a thread keeps of its free blocks, and what becomes of them at its exit. */
#include "blocks.h"

#include <malloc.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

static _Thread_local struct blocks plain = { .size = BLOCK_SIZE, .align = _Alignof(max_align_t), .most = BLOCKS_MOST };
static _Thread_local struct blocks *all;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_thread_exit(void *arg)
{
    struct blocks **first = arg;

    for (struct blocks *b = *first; b; b = b->next) {
        while (b->n)
            free(b->block[--b->n]);
        b->known = false;
    }
    *first = NULL;
}

static void make_key(void)
{
    ASSERT(pthread_key_create(&key, on_thread_exit) == 0);
}

static bool is_known(struct blocks *b)
{
    if (b->known)
        return true;
    pthread_once(&once, make_key);
    if (pthread_setspecific(key, &all) != 0)
        return false;
    b->next = all;
    all = b;
    return b->known = true;
}

void *blocks_take(struct blocks *b, size_t n)
{
    void *block = b->n ? b->block[--b->n] : memalign(b->align, b->size);

    if (block)
        ASAN_UNPOISON_MEMORY_REGION(block, n);
    return block;
}

void blocks_give(struct blocks *b, void *block)
{
    if (b->n == b->most || !is_known(b)) {
        free(block);
        return;
    }
    ASAN_POISON_MEMORY_REGION(block, b->size);
    b->block[b->n++] = block;
}

void *block_take(void)
{
    void *block = blocks_take(&plain, BLOCK_SIZE);

    ASSERT(block != NULL);
    return block;
}

void block_give(void *block)
{
    blocks_give(&plain, block);
}
