/* .htaccess: found, read when it is not known as it is now, and held for the request (config.c, ap_parse_htaccess). A
 * file is known by its stamp, which is asked for with each request: one stat a directory and name, whether it is there
 * or not. */
#include "htaccess.h"
#include "access.h"

#include <errno.h>
#include <sys/stat.h>

#define NS_PER_SECOND ((int64_t)1000000000)
#define YOUNG_NS      (2 * NS_PER_SECOND)
#define TICKS_NS      (NS_PER_SECOND / 20)

struct htaccess_known { /* found for this request before: it stays the same over redirects and looks ahead */
    const char *path;
    struct override override;
    const struct htaccess *file;
    const struct htaccess_known *next;
};

struct search {
    struct request *r;
    const struct override *o;
    struct span directory; /* what path begins with */
    const char *path;
    struct htaccess_stamp stamp;
};

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

static bool is_near(int64_t a, int64_t b, int64_t ns)
{
    return a - b < ns && b - a < ns;
}

/* A file that changes twice within a tick of its clock keeps its stamp: it is not kept until that is over. The clock of
 * mtime may be another machine's, or tick by seconds; ctime tells of those who set mtime. */
static bool may_keep(const struct htaccess_stamp *stamp)
{
    int64_t now = base_wall_us() * 1000;

    return !is_near(now, stamp->modified_ns, YOUNG_NS) && !is_near(now, stamp->changed_ns, TICKS_NS);
}

static int cannot_check(const struct search *s, int error)
{
    REQUEST_LOG_OS(s->r, LOG_CORE, LEVEL_CRIT, 529, error,
                   "%s pcfg_openfile: unable to check htaccess file, ensure it is readable and that '%s' is executable",
                   s->path, arena_span(s->r->arena, s->directory));
    return 403;
}

static int not_regular(const struct search *s)
{
    LOG_AT(&s->r->snapshot->main->log, LOG_CORE, LEVEL_ERROR, 554, 0, NULL,
           "Access to file %s denied by server: not a regular file", s->path);
    return cannot_check(s, EBADF);
}

/* ---- reading ---- */

/* httpd's notices as they are; our own name the line. */
static void say_notices(const struct search *s, const struct vec *notices)
{
    for (unsigned i = 0; i < notices->n; i++) {
        const struct conf_notice *n = notices->items[i];
        const char *where = n->ah ? "" : arena_printf(s->r->arena, "%s:%d: ", n->file, n->line);
        REQUEST_LOG(s->r, n->module, n->level, n->ah, "%s%s", where, n->text);
    }
}

static const char *too_large(struct arena *a, size_t size)
{
    return arena_printf(a,
                        "the file is larger (%zu bytes) than the %zu bytes that are read / ファイルが大きすぎます "
                        "(%zu バイト、上限 %zu バイト)",
                        size, HTACCESS_BYTES_MOST, size, HTACCESS_BYTES_MOST);
}

static void parse(const struct search *s, struct htaccess *h, struct span bytes)
{
    const struct conf_overrides o = { .classes = (unsigned)s->o->classes & IN_HTACCESS,
                                      .skips_forbidden = s->o->classes & OVERRIDE_SKIPS_FORBIDDEN,
                                      .skips_unknown = s->o->classes & OVERRIDE_SKIPS_UNKNOWN,
                                      .options = (unsigned)s->o->options,
                                      .names = s->o->names };

    if (bytes.n > HTACCESS_BYTES_MOST)
        h->local.fault = too_large(h->arena, bytes.n);
    else
        conf_read_local(&h->local, h->arena, s->r->site, &o, arena_span(h->arena, s->directory), s->path, bytes);
}

/* A new file is held by whoever reads it; NULL with errno. */
static struct htaccess *read_file(const struct search *s, const char *key)
{
    struct arena *scratch = arena_new();
    struct htaccess *h = NULL;
    struct span bytes = { 0 };

    if (userfile_read(scratch, s->path, &bytes)) {
        h = htaccess_new(key, &s->stamp);
        parse(s, h, bytes);
        say_notices(s, &h->local.notices);
        if (may_keep(&s->stamp) && !h->local.asked_files)
            htaccess_put(core_site_of(s->r->snapshot->main)->htaccess, h);
    }
    arena_free(scratch);
    return h;
}

/* ---- one file ---- */

static const struct htaccess *known_before(const struct search *s)
{
    for (const struct htaccess_known *k = s->r->htaccess; k; k = k->next)
        if (k->override.classes == s->o->classes && k->override.options == s->o->options &&
            k->override.names == s->o->names && strcmp(k->path, s->path) == 0)
            return k->file;
    return NULL;
}

static void drop(void *h)
{
    htaccess_drop(h);
}

static void remember(const struct search *s, struct htaccess *h)
{
    struct request *r = s->r;
    struct htaccess_known *k = arena_alloc(r->arena, sizeof(*k));

    arena_on_free(r->arena, drop, h);
    *k = (struct htaccess_known){ s->path, *s->o, h, r->htaccess };
    r->htaccess = k;
}

/* In a worker's loop nothing is read from disk that takes time to understand; a look ahead from there has no other
 * place, and its directory is mostly the request's own. */
static bool may_read(const struct request *r)
{
    return r->off_loop || r->main;
}

static int take(const struct search *s, const struct htaccess *h, const struct section **section)
{
    *section = h->local.section;
    if (!h->local.fault)
        return 0;
    REQUEST_LOG(s->r, LOG_CORE, LEVEL_ALERT, 0, "%s: %s", s->path, h->local.fault);
    return 500;
}

/* The settings depend on the site, and on what AllowOverride lets in. */
static const char *key_of(const struct search *s)
{
    return arena_printf(s->r->arena, "%u %x %x %p %s", s->r->site->id, (unsigned)s->o->classes, (unsigned)s->o->options,
                        (const void *)s->o->names, s->path);
}

static int open_file(struct search *s, const struct stat *st, const struct section **section)
{
    const char *key = key_of(s);
    struct htaccess *h;

    s->stamp = (struct htaccess_stamp){ .device = st->st_dev,
                                        .inode = st->st_ino,
                                        .size = (uint64_t)st->st_size,
                                        .modified_ns = ns_of(st->st_mtim),
                                        .changed_ns = ns_of(st->st_ctim) };
    h = htaccess_get(core_site_of(s->r->snapshot->main)->htaccess, key, &s->stamp);
    if (!h && !may_read(s->r))
        return FILES_AWAY;
    if (!h)
        h = read_file(s, key);
    if (!h)
        return cannot_check(s, errno);
    remember(s, h);
    return take(s, h, section);
}

static const char *path_of(struct arena *a, struct span directory, struct span name)
{
    char *path = arena_alloc(a, directory.n + name.n + 1);

    memcpy(path, directory.p, directory.n);
    memcpy(path + directory.n, name.p, name.n);
    return path;
}

/* The first of AccessFileName's names that is there. */
int htaccess_find(struct request *r, const struct override *o, struct span directory, const struct section **section)
{
    const struct vec *names = &core_site_of(r->site)->access_names;
    struct search s = { .r = r, .o = o, .directory = directory };
    struct stat st;

    *section = NULL;
    for (unsigned i = 0; i < names->n; i++) {
        const struct htaccess *before;
        s.path = path_of(r->arena, directory, span_of(names->items[i]));
        if ((before = known_before(&s)))
            return take(&s, before, section);
        if (stat(s.path, &st) == 0)
            return !S_ISREG(st.st_mode) ? not_regular(&s) : st.st_size ? open_file(&s, &st, section) : 0;
        if (errno != ENOENT && errno != ENOTDIR)
            return cannot_check(&s, errno);
    }
    return 0;
}
