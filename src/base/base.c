/* What cannot happen, and memory that cannot run out. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One write(2), no stdio: the heap or a stream's lock may be what is broken. */
_Noreturn void base_panic(const char *what, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "[crit] weir: what cannot happen: %s (%s:%d)\n", what, file, line);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

    if (size == sizeof(text) - 1)
        text[size - 1] = '\n';
    if (write(STDERR_FILENO, text, size) < 0)
        abort();
    abort();
}

#define SMALL 1024 /* what glibc's malloc has at hand in the thread; its calloc does not look there */

void *base_alloc(size_t size)
{
    void *p = size <= SMALL ? malloc(size ? size : 1) : calloc(1, size);

    ASSERT(p != NULL);
    __asm__("" : "+r"(p)); /* the compiler knows no more whence it is: it would make a calloc of the two */
    return size <= SMALL ? memset(p, 0, size) : p;
}

void *base_realloc(void *p, size_t size)
{
    void *moved = realloc(p, size ? size : 1);

    ASSERT(moved != NULL);
    return moved;
}

char *base_strdup(const char *s)
{
    size_t size = strlen(s) + 1;

    return memcpy(base_alloc(size), s, size);
}
