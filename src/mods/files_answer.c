/* A file as an answer, up to its first byte: httpd's core.c (default_handler), util_etag.c (ap_make_etag_ex) and
 * protocol.c (ap_rationalize_mtime). */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND 1000000

static const char *whole_name(const struct request *r)
{
    return arena_concat(r->arena, r->filename ? r->filename : "", r->path_info, NULL);
}

static bool is_get(const struct request *r)
{
    return span_eq(r->head.method, SPAN("GET")) || r->header_only;
}

/* It would have to be read or run, not sent. outside: why it is not; NULL what no loaded protocol takes. */
static int refuse_handler(struct request *r, const char *handler, const struct core_outside *outside)
{
    const char *why =
        outside ? arena_concat(r->arena, " (", outside->english, " / ", outside->japanese, ")", NULL) : "";

    REQUEST_LOG(r, LOG_CORE, LEVEL_WARN, 523, "handler \"%s\" not found for: %s%s", handler, r->filename, why);
    return 500;
}

/* POST to a file gives the file, as in httpd; what has no handler is its type's (config.c, ap_invoke_handler). */
static int check_request(struct request *r)
{
    const char *handler = r->handler ? r->handler : r->content_type;
    const struct core_outside *outside = handler ? core_find_outside(handler) : NULL;
    bool get = is_get(r);
    bool accepts = core_place_of(r->place)->accept_path_info == PATH_INFO_ON;

    if (!get && !span_eq(r->head.method, SPAN("POST")))
        return 405;
    if (outside && outside->page)
        return refuse_handler(r, handler, outside);
    if (r->file.kind == RESOURCE_DIRECTORY)
        return dir_answer(r, get);
    if (r->file.kind == RESOURCE_NONE) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 128, "File does not exist: %s", whole_name(r));
        return 404;
    }
    if (!accepts && r->path_info && *r->path_info) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 130, "File does not exist: %s", whole_name(r));
        return 404;
    }
    if (outside || (handler && strncmp(handler, "proxy:", 6) == 0))
        return refuse_handler(r, handler, outside);
    return 0;
}

/* What lies there now, be it another than was looked at: no link where none may be followed, no FIFO to wait at. */
static int open_file(struct request *r, int *fd)
{
    int no_link = r->file.link ? 0 : O_NOFOLLOW;
    struct stat st;

    *fd = open(r->filename, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | no_link);
    if (*fd >= 0 && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
        files_take(&r->file, &st);
        return 0;
    }
    REQUEST_LOG_OS(r, LOG_CORE, LEVEL_ERROR, 132, *fd < 0 ? errno : EACCES, "file permissions deny server access: %s",
                   r->filename);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return 403;
}

/* ---- the head ---- */

static const char *make_etag(const struct request *r)
{
    const struct core_etag *e = &core_place_of(r->place)->etag;
    int bits = (e->bits & ~e->remove) | e->add;
    bool weak = r->begun_us - r->file.mtime_us < SECOND; /* it may change again within the same tick */
    const char *text = "", *dash = "";

    if (bits & ETAG_NONE)
        return NULL;
    bits = bits ? bits : ETAG_MTIME | ETAG_SIZE;
    if (bits & ETAG_INODE) {
        text = arena_printf(r->arena, "%llx", (unsigned long long)r->file.inode);
        dash = "-";
    }
    if (bits & ETAG_SIZE) {
        text = arena_printf(r->arena, "%s%s%llx", text, dash, (unsigned long long)r->file.size);
        dash = "-";
    }
    if (bits & ETAG_MTIME)
        text = arena_printf(r->arena, "%s%s%llx", text, dash, (unsigned long long)r->file.mtime_us);
    return arena_concat(r->arena, weak ? "W/\"" : "\"", text, "\"", NULL);
}

static void set(struct request *r, const char *name, const char *value)
{
    http_fields_set(r->arena, &r->out, name, span_of(value));
}

static void set_head(struct request *r, const struct http_validators *is)
{
    char date[32];

    http_date(is->modified, date);
    set(r, "Last-Modified", arena_strdup(r->arena, date));
    if (is->etag)
        set(r, "ETag", is->etag);
    set(r, "Accept-Ranges", core_place_of(r->place)->max_ranges == 0 ? "none" : "bytes");
    set(r, "Content-Length", arena_printf(r->arena, "%llu", (unsigned long long)r->file.size));
}

/* The page of an error has the error's status. */
static int first_status(const struct request *r)
{
    for (const struct request *before = r->previous; before; before = before->previous)
        if (before->status >= 300)
            return before->status;
    return 200;
}

int files_open(struct request *r, int *fd)
{
    int64_t now = r->begun_us / SECOND;
    struct http_validators is = { .now = now };
    int status = check_request(r);

    CHECK_MAGIC(r, REQUEST_MAGIC);
    *fd = -1;
    if (!status)
        status = open_file(r, fd);
    if (status)
        return status;
    is.modified = r->file.mtime_us / SECOND < now ? r->file.mtime_us / SECOND : now;
    is.etag = make_etag(r);
    set_head(r, &is);
    r->status = first_status(r);
    status = r->status == 200 ? http_conditions(r->arena, &r->head.fields, is_get(r), &is) : 0;
    if (!status)
        return 0;
    close(*fd);
    *fd = -1;
    r->status = status;
    return 0;
}
