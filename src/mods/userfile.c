/* Files of users and groups, as mod_authn_file.c and mod_authz_groupfile.c read them with ap_cfg_getline. The parsing
 * does no I/O; userfile_read does, and blocks. */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST ((size_t)64 << 20)

/* ---- lines ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span s)
{
    while (s.n && is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Up to the line's end; *rest begins behind it. */
static struct span cut_line(struct span *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    struct span line = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
    size_t used = line.n + (end != NULL);

    *rest = (struct span){ rest->p + used, rest->n - used };
    return line;
}

static bool is_continued(struct span line)
{
    return line.n && line.p[line.n - 1] == '\\';
}

/* The rest of a line that ends in a backslash, joined with it. */
static struct span join(struct arena *a, struct span line, struct span *rest)
{
    struct buf whole = { 0 };
    struct span result;

    while (is_continued(line) && rest->n) {
        buf_add(&whole, line.p, line.n - 1);
        line = cut_line(rest);
    }
    buf_add(&whole, line.p, line.n - is_continued(line));
    result = (struct span){ arena_span(a, buf_span(&whole)), buf_len(&whole) };
    buf_release(&whole);
    return result;
}

bool userfile_line(struct arena *a, struct span *rest, struct span *line)
{
    while (rest->n) {
        *line = cut_line(rest);
        if (is_continued(*line))
            *line = join(a, *line, rest);
        *line = trim(*line);
        if (line->n && line->p[0] != '#')
            return true;
    }
    return false;
}

/* ---- users ---- */

/* The text before the next colon; *line begins behind it, and behind further ones (ap_getword). */
static struct span cut_word(struct span *line)
{
    const char *colon = line->n ? memchr(line->p, ':', line->n) : NULL;
    struct span word = { line->p, colon ? (size_t)(colon - line->p) : line->n };

    *line = (struct span){ line->p + word.n, line->n - word.n };
    while (line->n && line->p[0] == ':')
        line->p++, line->n--;
    return word;
}

const char *userfile_find(struct arena *a, struct span file, const char *user, const char *realm)
{
    struct span line;

    while (userfile_line(a, &file, &line)) {
        bool same = span_eq(cut_word(&line), span_of(user));
        if (realm && !span_eq(cut_word(&line), span_of(realm)))
            continue;
        if (same)
            return arena_span(a, cut_word(&line));
    }
    return NULL;
}

/* ---- groups ---- */

static bool names_user(struct arena *a, const char *users, const char *user)
{
    const char *word;

    while ((word = conf_word(a, &users)))
        if (strcmp(word, user) == 0)
            return true;
    return false;
}

void userfile_groups(struct arena *a, struct span file, const char *user, struct vec *groups)
{
    struct arena *words = arena_new(); /* of all lines: not for the request to keep */
    struct span line;

    while (userfile_line(words, &file, &line)) {
        struct span name = trim(cut_word(&line));
        if (names_user(words, arena_span(words, line), user))
            vec_add(a, groups, arena_span(a, name));
    }
    arena_free(words);
}

/* ---- reading ---- */

static bool read_all(int fd, char *to, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, to + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got < 0 ? errno : EIO; /* it became shorter meanwhile */
            return false;
        }
        n += (size_t)got;
    }
    return true;
}

static bool take_file(struct arena *a, int fd, struct span *file)
{
    struct stat s;
    char *bytes;

    if (fstat(fd, &s) < 0)
        return false;
    if (!S_ISREG(s.st_mode) || (size_t)s.st_size > FILE_MOST) {
        errno = S_ISREG(s.st_mode) ? EFBIG : EBADF;
        return false;
    }
    bytes = arena_alloc(a, (size_t)s.st_size + 1);
    *file = (struct span){ bytes, (size_t)s.st_size };
    return read_all(fd, bytes, file->n);
}

bool userfile_read(struct arena *a, const char *path, struct span *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;
    bool good;

    if (fd < 0)
        return false;
    good = take_file(a, fd, file);
    error = errno;
    close(fd);
    errno = error;
    return good;
}
