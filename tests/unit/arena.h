/* An arena for each story. */
#ifndef WEIR_TEST_ARENA_H
#define WEIR_TEST_ARENA_H

#include "base.h"

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

#endif
