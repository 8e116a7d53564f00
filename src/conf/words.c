/* Words of a raw argument string and paths below ServerRoot (util.c, ap_getword_conf; config.c,
 * ap_server_root_relative). */
#include "reader.h"

#include <unistd.h>

#define PATH_BYTES 4096

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* A backslash stands for itself unless it is before another one or the quote in use. */
static bool is_escape(const char *p, char quote)
{
    return p[0] == '\\' && (p[1] == '\\' || (quote && p[1] == quote));
}

static char *unescape(struct arena *a, const char *p, const char *end, char quote)
{
    char *word = arena_strndup(a, p, (size_t)(end - p)), *out = word;
    for (; p < end; p++) {
        if (p + 1 < end && is_escape(p, quote))
            p++;
        *out++ = *p;
    }
    *out = '\0';
    return word;
}

static char *quoted_word(struct arena *a, const char **rest)
{
    char quote = **rest;
    const char *begin = *rest + 1, *end = begin;
    while (*end && *end != quote)
        end += is_escape(end, quote) ? 2 : 1;
    *rest = skip_space(*end ? end + 1 : end);
    return unescape(a, begin, end, quote);
}

char *conf_word(struct arena *a, const char **rest)
{
    const char *begin = skip_space(*rest), *end = begin;
    *rest = begin;
    if (!*begin)
        return NULL;
    if (*begin == '"' || *begin == '\'')
        return quoted_word(a, rest);
    while (*end && !is_space(*end))
        end++;
    *rest = skip_space(end);
    return unescape(a, begin, end, '\0');
}

void words_quote(struct buf *out, const char *value)
{
    buf_adds(out, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_adds(out, "\\");
        buf_add(out, value, 1);
    }
    buf_adds(out, "\"");
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

/* Appends the segments of path to out, dots removed as they come; ".." at the root stays at the root. */
static bool add_segments(char *out, size_t *n, const char *path)
{
    while (*path) {
        size_t slashes = strspn(path, "/"), len = strcspn(path + slashes, "/");
        const char *segment = path + slashes;
        path = segment + len;
        if (slashes && (*n == 0 || out[*n - 1] != '/'))
            out[(*n)++] = '/';
        if (len == 1 && segment[0] == '.')
            continue;
        if (len == 2 && segment[0] == '.' && segment[1] == '.') {
            while (*n > 1 && out[*n - 1] == '/')
                (*n)--;
            while (*n > 1 && out[*n - 1] != '/')
                (*n)--;
            continue;
        }
        if (*n + len + 2 > PATH_BYTES)
            return false;
        memcpy(out + *n, segment, len);
        *n += len;
    }
    return true;
}

char *conf_path(struct arena *a, const char *root, const char *path)
{
    char out[PATH_BYTES], here[PATH_BYTES];
    size_t n = 0;
    if (*path != '/') {
        if (!root || *root != '/') {
            if (!getcwd(here, sizeof(here)) || !add_segments(out, &n, here) || !add_segments(out, &n, "/"))
                return NULL;
        }
        if ((root && !add_segments(out, &n, root)) || !add_segments(out, &n, "/"))
            return NULL;
    }
    return add_segments(out, &n, path) ? arena_strndup(a, out, n) : NULL;
}
