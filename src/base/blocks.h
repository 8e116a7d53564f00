/* A thread's free blocks, of one size each: they go round with each request and message, stay warm, and cost no malloc.
 */
#ifndef WEIR_BASE_BLOCKS_H
#define WEIR_BASE_BLOCKS_H

#include "base.h"

enum { BLOCKS_MOST = 16 };

/* A _Thread_local of the file that uses them, with the first three set. Blocks come from malloc in the end: they may be
 * given to realloc and free, and come back in another thread. */
struct blocks {
    size_t size, align;
    unsigned most, n; /* that may lie here, and that do */
    bool known;       /* to the key, which frees them at thread exit */
    struct blocks *next;
    void *block[BLOCKS_MOST]; /* an array and no chain: the blocks are poisoned while they lie here */
};

/* A block of which n bytes are to be used; NULL when there is no memory. */
void *blocks_take(struct blocks *b, size_t n);
void blocks_give(struct blocks *b, void *block);

/* An arena's first block, a buffer to read into. */
#define BLOCK_SIZE ((size_t)8192)
void *block_take(void);
void block_give(void *block);

#endif
