/* htpasswd, htdigest and group files: the input is a user, a realm and the file, the first two a line each. What is
 * found was written there; a line is never longer than the file. */
#include "access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next_line(struct arena *a, struct span *rest)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    const char *line = arena_strndup(a, rest->p, n);

    n += end != NULL;
    *rest = (struct span){ rest->p + n, rest->n - n };
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct span rest = { (const char *)data, size }, file, line;
    const char *user = next_line(a, &rest), *realm = next_line(a, &rest), *found;
    struct vec groups = { 0 };

    file = rest;
    while (userfile_line(a, &rest, &line))
        ASSERT(line.n && line.n <= file.n && line.p[0] != '#');
    ASSERT(!rest.n);
    found = userfile_find(a, file, user, NULL);
    ASSERT(!found || strlen(found) <= file.n);
    found = userfile_find(a, file, user, realm);
    ASSERT(!found || strlen(found) <= file.n);
    userfile_groups(a, file, user, &groups);
    for (unsigned i = 0; i < groups.n; i++)
        ASSERT(strlen(groups.items[i]) <= file.n);
    arena_free(a);
    return 0;
}
