/* OpenSSL takes 16 KiB to read a record and as much to write one, and gives both back when it is done
 * (SSL_MODE_RELEASE_BUFFERS): twice with each message. Blocks that large cost malloc and free hundreds of instructions,
 * so a thread keeps a few of them. What blocks.c says of blocks holds here too. */
#include "tls_impl.h"

#include <malloc.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

/* A page's beginning tells them from nearly all other blocks that are freed, without a look at their size. */
enum { PAGE = 4096, RECORD_LEAST = 16 * 1024, RECORD_MOST = 17 * 1024, KEPT = 4 };

struct spare {
    void *block[KEPT];
    unsigned n;
    bool known; /* to the key, which empties it at thread exit */
};

static _Thread_local struct spare spare;
static pthread_key_t key;

static void on_thread_exit(void *arg)
{
    struct spare *s = arg;

    while (s->n)
        free(s->block[--s->n]);
    s->known = false;
}

static void *take(size_t n, const char *file, int line)
{
    void *block;

    (void)file, (void)line;
    if (n < RECORD_LEAST || n > RECORD_MOST)
        return malloc(n);
    if (!spare.n)
        return posix_memalign(&block, PAGE, RECORD_MOST) == 0 ? block : NULL;
    block = spare.block[--spare.n];
    ASAN_UNPOISON_MEMORY_REGION(block, n);
    return block;
}

static void *move(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return realloc(p, n);
}

static bool is_record(void *p)
{
    size_t size = p ? malloc_usable_size(p) : 0;
    return size >= RECORD_MOST && size <= RECORD_MOST + 64;
}

static void give(void *p, const char *file, int line)
{
    (void)file, (void)line;
    if ((uintptr_t)p % PAGE || !is_record(p) || spare.n == KEPT) {
        free(p);
        return;
    }
    if (!spare.known)
        spare.known = pthread_setspecific(key, &spare) == 0;
    ASAN_POISON_MEMORY_REGION(p, RECORD_MOST);
    spare.block[spare.n++] = p;
}

void tls_keep_buffers(void)
{
    if (pthread_key_create(&key, on_thread_exit) == 0)
        CRYPTO_set_mem_functions(take, move, give);
}
