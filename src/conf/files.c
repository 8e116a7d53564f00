/* Where configuration comes from: the file system, or the caller's own store, and then nothing else is touched. */
#include "build.h"
#include "reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

static const char *read_all(struct reader *r, int fd, struct buf *bytes)
{
    ssize_t n;
    while ((n = read(fd, buf_reserve(bytes, CHUNK), CHUNK)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return strerror(errno);
        bytes->end += (size_t)n;
        if (buf_len(bytes) > (r->out->options->max_bytes ? r->out->options->max_bytes : (size_t)1 << 30))
            return strerror(EFBIG);
    }
    return NULL;
}

/* Not to wait for a FIFO's writer: what is not a regular file is turned down, as in httpd. */
static const char *load_file(struct reader *r, const char *path, struct buf *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return strerror(errno);
    const char *why = NULL;
    if (fstat(fd, &st) < 0) {
        why = strerror(errno);
    } else if (!S_ISREG(st.st_mode) && strcmp(path, "/dev/null") != 0) {
        reader_note(r, LOG_CORE, 554, "Access to file %s denied by server: not a regular file", path);
        why = strerror(EBADF);
    } else {
        why = read_all(r, fd, bytes);
    }
    close(fd);
    return why;
}

const char *files_load(struct reader *r, const char *path, struct buf *bytes)
{
    const struct conf_options *o = r->out->options;
    size_t n = 0;
    if (!o->load)
        return load_file(r, path, bytes);
    const char *held = o->load(o->load_ctx, path, &n);
    if (!held)
        return strerror(ENOENT);
    buf_add(bytes, held, n);
    return NULL;
}

const char *conf_read_file(struct conf_cmd *cmd, const char *path, struct span *text)
{
    struct reader r = { .out = cmd->reading, .arena = cmd->arena };
    struct buf bytes = { 0 };
    const char *why = files_load(&r, path, &bytes);
    *text = why ? (struct span){ 0 } : (struct span){ arena_span(cmd->arena, buf_span(&bytes)), buf_len(&bytes) };
    buf_release(&bytes);
    return why;
}

enum file_kind files_kind(const struct reader *r, const char *path)
{
    const struct conf_options *o = r->out->options;
    struct stat st;
    size_t n;
    if (o->load)
        return o->load(o->load_ctx, path, &n) ? FILE_PLAIN : FILE_NONE;
    if (stat(path, &st) < 0)
        return FILE_NONE;
    return S_ISDIR(st.st_mode) ? FILE_DIRECTORY : FILE_PLAIN;
}

static bool wanted(const struct dirent *e, const char *pattern)
{
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
        return false;
    if (!pattern)
        return true;
    if (e->d_name[0] == '.' && pattern[0] != '.')
        return false;
    return glob_match(pattern, span_of(e->d_name), 0);
}

static bool is_directory(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *files_list(struct reader *r, const char *directory, const char *pattern, bool only_directories,
                       struct vec *out)
{
    const struct dirent *e;
    errno = ENOENT;
    DIR *d = r->out->options->load ? NULL : opendir(directory);
    if (!d)
        return strerror(errno);
    size_t n = strlen(directory);
    const char *slash = n && directory[n - 1] == '/' ? "" : "/";
    while ((e = readdir(d))) {
        if (!wanted(e, pattern))
            continue;
        char *path = arena_concat(r->arena, directory, slash, e->d_name, NULL);
        if (!only_directories || is_directory(path))
            vec_add(r->arena, out, path);
    }
    closedir(d);
    if (out->n)
        qsort(out->items, out->n, sizeof(*out->items), by_name);
    return NULL;
}
