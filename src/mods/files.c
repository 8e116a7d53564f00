/* From a path to a file: httpd's core.c (ap_core_translate) and request.c (ap_directory_walk, resolve_symlink). Each
 * directory on the way is looked at under the Options that hold there, so that no link leads out unseen. */
#include "htaccess.h"

#include <errno.h>
#include <sys/stat.h>

/* What has been decoded and normalised holds no such segment: one here comes of a module's own doing. */
bool files_climb(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '/' || !p[2]))
            return true;
    return false;
}

int files_translate(struct request *r)
{
    const char *root = core_site_of(r->site)->document_root, *path = r->uri + strspn(r->uri, "/");

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!files_climb(path))
        r->filename = conf_path(r->arena, root, path);
    if (r->filename)
        return 0;
    REQUEST_LOG_OS(r, LOG_CORE, LEVEL_ERROR, 127, files_climb(path) ? EINVAL : ENAMETOOLONG, "Cannot map %s to file",
                   http_escape_log(r->arena, r->head.line));
    return 403;
}

/* ---- the walk ---- */

struct way {
    struct request *r;
    char *path;            /* the whole, with room for one more "/" */
    size_t n;              /* of it gone so far: up to a "/" or its end */
    struct resource whole; /* what lies at its end: no need to look at each directory when links may be followed */
    unsigned sections, depth;
    struct core_options options;
    struct override override;
    struct resource at; /* what path[0..n) is */
};

static enum resource_kind kind_of(const struct stat *st)
{
    return S_ISREG(st->st_mode) ? RESOURCE_FILE : S_ISDIR(st->st_mode) ? RESOURCE_DIRECTORY : RESOURCE_NONE;
}

void files_take(struct resource *at, const struct stat *st)
{
    *at = (struct resource){ .kind = kind_of(st),
                             .size = (uint64_t)st->st_size,
                             .inode = st->st_ino,
                             .mtime_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000 };
}

static unsigned count_slashes(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == '/';
    return n;
}

static void add_place(struct way *w, const struct place *place)
{
    const struct core_place *over = core_place_of(place);

    core_merge_options(&w->options, &over->options);
    if (part_has(over, &over->override)) {
        w->override.classes = over->override;
        w->override.options = over->override_options;
    }
    if (over->override_names)
        w->override.names = over->override_names;
}

/* <Directory> sections of this directory; those of longer names and patterns come later, as they are sorted. */
static void add_sections(struct way *w, struct span name)
{
    const struct vec *all = &w->r->site->directories;

    for (; w->sections < all->n; w->sections++) {
        const struct section *s = all->items[w->sections];
        if (s->regex || count_slashes(s->pattern) > w->depth)
            return;
        if (section_matches(s, name, NULL))
            add_place(w, &s->place);
    }
}

/* The file of settings in this directory, after its sections. */
static int read_settings(struct way *w, struct span directory)
{
    struct request *r = w->r;
    const struct section *section;
    int status;

    if (!w->override.classes && !(w->override.names && w->override.names->n))
        return 0;
    status = htaccess_find(r, &w->override, directory, &section);
    if (status || !section)
        return status;
    if (r->locals.n == HTACCESS_DEPTH_MOST) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_ALERT, 0,
                    "%s: more than %d such files lie on the way to one file / 1 つのファイルに対する数の上限は %d です",
                    section->file, HTACCESS_DEPTH_MOST, HTACCESS_DEPTH_MOST);
        return 500;
    }
    core_merge_options(&w->options, &core_place_of(&section->place)->options);
    vec_add(r->arena, &r->locals, (void *)(uintptr_t)section);
    return 0;
}

/* path[0..n) is a directory. */
static int enter(struct way *w)
{
    bool ends = !w->path[w->n];
    struct span name = { w->path, w->n + 1 };
    int status;

    w->path[w->n] = '/';
    w->depth++;
    add_sections(w, name);
    status = read_settings(w, name);
    if (ends)
        w->path[w->n] = '\0';
    return status;
}

static int deny(struct way *w, int ah, int error, const char *name)
{
    struct request *r = w->r;

    if (ah == 35)
        REQUEST_LOG_OS(r, LOG_CORE, LEVEL_ERROR, 35, error,
                       "access to %s denied (filesystem path '%s') because search permissions are missing on a "
                       "component of the path",
                       r->uri, name);
    else if (ah == 36)
        REQUEST_LOG_OS(r, LOG_CORE, LEVEL_ERROR, 36, error, "access to %s failed (filesystem path '%s')", r->uri, name);
    else if (ah == 37)
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 37, "Symbolic link not allowed or link target not accessible: %s", name);
    else
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 38, "Forbidden: %s doesn't point to a file or directory", name);
    return 403;
}

/* SymLinksIfOwnerMatch has the last word, with FollowSymLinks or without. */
static bool may_follow(const struct way *w, const char *name, const struct stat *link, struct stat *target)
{
    if (!(w->options.bits & (OPTION_FOLLOW | OPTION_OWNER)) || stat(name, target) != 0)
        return false;
    return !(w->options.bits & OPTION_OWNER) || target->st_uid == link->st_uid;
}

/* What lies at path[0..n): 0 with w->at set, or 403. */
static int look(struct way *w)
{
    const char *name = arena_strndup(w->r->arena, w->path, w->n);
    struct stat st, target;

    w->at = (struct resource){ 0 };
    if (lstat(name, &st) != 0)
        return errno == ENOENT ? 0 : deny(w, errno == EACCES ? 35 : 36, errno, name);
    if (S_ISLNK(st.st_mode)) {
        if (!may_follow(w, name, &st, &target))
            return deny(w, 37, 0, name);
        st = target;
    }
    files_take(&w->at, &st);
    return w->at.kind == RESOURCE_NONE ? deny(w, 38, 0, name) : 0;
}

static bool may_skip_looking(const struct way *w)
{
    return w->whole.kind != RESOURCE_NONE && (w->options.bits & (OPTION_FOLLOW | OPTION_OWNER)) == OPTION_FOLLOW;
}

static int go(struct way *w)
{
    int status;

    for (;;) {
        status = enter(w);
        if (status || !w->path[w->n])
            return status;
        if (!w->path[w->n + 1]) { /* the path ends with a slash */
            w->n++;
            return 0;
        }
        w->n += 1 + strcspn(w->path + w->n + 1, "/");
        if (may_skip_looking(w)) {
            if (!w->path[w->n] && w->whole.kind == RESOURCE_FILE)
                return 0;
            continue;
        }
        status = look(w);
        if (status || w->at.kind != RESOURCE_DIRECTORY)
            return status;
    }
}

/* The whole path at once: most are there, and then links need no look when they may be followed. */
static void look_ahead(struct way *w)
{
    struct stat st;

    if (stat(w->path, &st) == 0)
        files_take(&w->whole, &st);
}

int files_map(struct request *r)
{
    const struct core_place *site = core_place_of(&r->site->place);
    struct way w = { .r = r,
                     .options = site->options,
                     .override = { site->override, site->override_options, site->override_names } };
    const char *path = r->filename ? conf_path(r->arena, "/", r->filename) : NULL;
    int status;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!path) {
        REQUEST_LOG_OS(r, LOG_CORE, LEVEL_ERROR, 30, ENAMETOOLONG, "Request filename path %s is invalid for uri %s",
                       r->filename ? r->filename : "-", r->uri);
        return 403;
    }
    w.path = arena_alloc(r->arena, strlen(path) + 2);
    memcpy(w.path, path, strlen(path));
    r->locals = (struct vec){ 0 };
    look_ahead(&w);
    status = go(&w);
    if (status == FILES_AWAY)
        return status;
    r->filename = arena_strndup(r->arena, w.path, w.n);
    r->path_info = arena_strdup(r->arena, w.path + w.n);
    r->file = w.whole.kind != RESOURCE_NONE ? w.whole : w.at;
    r->file.link = w.options.bits & (OPTION_FOLLOW | OPTION_OWNER);
    return status;
}
