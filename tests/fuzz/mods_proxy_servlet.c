/* A path as a servlet container sees it: below the root, without parameters, in the line's own path when it is taken
 * there, and what is left lies in the path as it was sent. The first line is the ProxyPass's path, the second what
 * came. */
#include "proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct arena *a, const char *sent, const char *alias)
{
    const char *kept = sent;
    size_t n = proxy_servlet_match(a, &kept, alias), taken;

    if (!n) {
        ASSERT(kept == sent);
        return;
    }
    ASSERT(n <= strlen(sent) && strlen(kept) <= strlen(sent));
    ASSERT(*kept == '/' && !strpbrk(kept, ";") && !strstr(kept, "//"));
    ASSERT(!strstr(kept, "/../") && !strstr(kept, "/./"));
    taken = proxy_alias_match(kept, alias);
    ASSERT(taken && (n == strlen(sent) || sent[n] == ';' || sent[n] == '/' || sent[n - 1] == '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct span in = { (const char *)data, size };
    const char *end = size ? memchr(in.p, '\n', size) : NULL;
    size_t n = end ? (size_t)(end - in.p) : 0;
    char *path = NULL;

    if (n &&
        http_normalize_path(a, (struct span){ end + 1, size - n - 1 }, HTTP_ENCODED, false, &path) == HTTP_PATH_OK &&
        *path == '/')
        check(a, path, arena_strndup(a, in.p, n));
    arena_free(a);
    return 0;
}
