/* OpenSSL takes 16 KiB to read a record and as much to write one, and gives both back when it is done
 * (SSL_MODE_RELEASE_BUFFERS): twice with each message. Blocks that large cost malloc and free hundreds of instructions,
 * so a thread keeps a few of them. */
#include "blocks.h"
#include "tls_impl.h"

#include <malloc.h>
#include <stdlib.h>

/* A page's beginning tells them from nearly all other blocks that are freed, without a look at their size. */
enum { PAGE = 4096, RECORD_LEAST = 16 * 1024, RECORD_MOST = 17 * 1024, KEPT = 4 };

static _Thread_local struct blocks records = { .size = RECORD_MOST, .align = PAGE, .most = KEPT };

static void *take(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return n < RECORD_LEAST || n > RECORD_MOST ? malloc(n) : blocks_take(&records, n);
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
    if ((uintptr_t)p % PAGE || !is_record(p))
        free(p);
    else
        blocks_give(&records, p);
}

void tls_keep_buffers(void)
{
    CRYPTO_set_mem_functions(take, move, give);
}
