/* What arenas and buffers share: blocks that a thread keeps for its next request. Private to base. */
#ifndef WEIR_BASE_BLOCKS_H
#define WEIR_BASE_BLOCKS_H

#include "base.h"

#define BLOCK_SIZE ((size_t)8192)

void *block_take(void); /* from malloc in the end: may be given to realloc and free */
void block_give(void *block);

#endif
