/* A session in a URL or a cookie, from what a client sends: first line the name, second the text. */
#include "proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *found, const char *text, const char *never)
{
    ASSERT(!found || strlen(found) < strlen(text));
    ASSERT(!found || !strpbrk(found, never));
    ASSERT(!found || strstr(text, found));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *name = arena_strndup(a, (const char *)data, size);
    char *end = strchr(name, '\n');
    const char *text = end ? end + 1 : name;

    if (end)
        *end = '\0';
    check(proxy_session_in_url(a, text, name, false), text, "?&");
    check(proxy_session_in_url(a, text, name, true), text, ";?&");
    check(proxy_session_in_cookie(a, text, name), text, ";,");
    arena_free(a);
    return 0;
}
