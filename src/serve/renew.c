/* A renewed certificate is noticed by itself: inotify(7) on every folder and link of the way to each file, and a look
 * at the files once a minute for what inotify does not tell (network file systems, folders that User may not read). */
#include "renew.h"
#include "control.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SETTLE_MS = 2000, LOOK_MS = 60000, LINKS_MOST = 16 };

/* What tells one state of a file from another. */
struct print {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
    int error;
};

struct watched {
    const char *path;
    struct print print; /* when it was read */
};

struct renewal {
    int fd;
    struct arena *arena; /* of the files */
    struct vec files;    /* struct watched * */
    struct map *folders; /* path -> its watch, and one; kept over reloads: without rights it could not be had again */
    struct map *names;   /* "WATCH/NAME": an entry of a folder that leads to a file */
    uint64_t settle_ms;  /* when what changed will be read; 0: nothing did */
    uint64_t look_ms;
};

struct renewal *renewal_new(void)
{
    struct renewal *r = base_alloc(sizeof(*r));

    r->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    r->arena = arena_new();
    r->folders = map_new(MAP_EXACT);
    r->names = map_new(MAP_EXACT);
    r->look_ms = base_now_ms() + LOOK_MS;
    return r;
}

void renewal_free(struct renewal *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    map_free(r->folders);
    map_free(r->names);
    arena_free(r->arena);
    free(r);
}

int renewal_fd(const struct renewal *r)
{
    return r->fd;
}

int renewal_wait_ms(const struct renewal *r)
{
    uint64_t now = base_now_ms(), when = r->settle_ms && r->settle_ms < r->look_ms ? r->settle_ms : r->look_ms;

    if (r->files.n == 0)
        return -1;
    return when > now ? (int)(when - now) : 0;
}

/* ---- the state of files ---- */

static struct print take_print(const char *path)
{
    struct stat st;
    int fd, failed = stat(path, &st);

    if (failed && errno == EACCES && (fd = keeper_read(path)) >= 0) {
        failed = fstat(fd, &st);
        close(fd);
    }
    if (failed)
        return (struct print){ .error = errno };
    return (struct print){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, 0 };
}

static bool same_print(const struct print *a, const struct print *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec && a->error == b->error;
}

static bool any_changed(const struct renewal *r)
{
    for (unsigned i = 0; i < r->files.n; i++) {
        const struct watched *w = r->files.items[i];
        struct print now = take_print(w->path);
        if (!same_print(&now, &w->print))
            return true;
    }
    return false;
}

/* ---- watches ---- */

static int watch_folder(struct renewal *r, const char *folder)
{
    int watch = inotify_add_watch(r->fd, folder,
                                  IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
    if (watch < 0)
        return (int)(intptr_t)map_get(r->folders, folder) - 1;
    map_set(r->folders, folder, (void *)(intptr_t)(watch + 1));
    return watch;
}

/* From the root on, each step of the way: a folder that is replaced and a link that is moved are seen where they are
 * named. */
static void watch_way(struct renewal *r, struct arena *a, const char *path, unsigned links)
{
    const char *slash = path, *end;

    for (; slash && slash[0]; slash = end) {
        const char *folder = slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path)), *name, *entry;
        char target[PATH_MAX];
        ssize_t n;
        int watch;
        end = strchr(slash + 1, '/');
        name = end ? arena_strndup(a, slash + 1, (size_t)(end - slash - 1)) : slash + 1;
        if (!name[0])
            continue;
        watch = watch_folder(r, folder);
        if (watch >= 0)
            map_set(r->names, arena_printf(a, "%d/%s", watch, name), r);
        entry = arena_concat(a, slash == path ? "" : folder, "/", name, NULL);
        n = readlink(entry, target, sizeof(target) - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        if (links < LINKS_MOST)
            watch_way(r, a,
                      arena_concat(a, target[0] == '/' ? "" : folder, target[0] == '/' ? "" : "/", target, end, NULL),
                      links + 1);
        return;
    }
}

static void watch_ways(struct renewal *r)
{
    struct arena *a = arena_new();

    for (unsigned i = 0; r->fd >= 0 && i < r->files.n; i++) {
        const struct watched *w = r->files.items[i];
        watch_way(r, a, w->path, 0);
    }
    arena_free(a);
}

struct collecting {
    struct renewal *renewal;
    struct map *seen;
};

static void add_file(void *arg, const char *path)
{
    struct collecting *c = arg;
    struct renewal *r = c->renewal;
    struct watched *w;

    if (map_set(c->seen, path, c))
        return;
    w = arena_alloc(r->arena, sizeof(*w));
    w->path = arena_strdup(r->arena, path);
    w->print = take_print(path);
    vec_add(r->arena, &r->files, w);
}

void renewal_watch(struct renewal *r, const struct snapshot *s, const struct tls_sites *t)
{
    struct collecting c = { r, map_new(MAP_EXACT) };

    arena_free(r->arena);
    r->arena = arena_new();
    r->files = (struct vec){ 0 };
    tls_sites_each_file(s, t, add_file, &c);
    map_free(c.seen);
    watch_ways(r);
}

/* ---- events ---- */

static bool matters(const struct renewal *r, const struct inotify_event *e)
{
    char key[NAME_MAX + 32];

    if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF))
        return true;
    if (e->len == 0)
        return false;
    snprintf(key, sizeof(key), "%d/%s", e->wd, e->name);
    return map_get(r->names, key) != NULL;
}

static bool read_events(const struct renewal *r)
{
    _Alignas(struct inotify_event) char bytes[4096];
    bool something = false;
    ssize_t n;

    while (r->fd >= 0 && (n = read(r->fd, bytes, sizeof(bytes))) > 0)
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *e = (const void *)p;
            something = matters(r, e) || something;
            p += sizeof(*e) + e->len;
        }
    return something;
}

/* ---- what changed ---- */

static struct map *take_changes(struct renewal *r)
{
    struct map *changed = map_new(MAP_EXACT);
    bool any = false;

    for (unsigned i = 0; i < r->files.n; i++) {
        struct watched *w = r->files.items[i];
        struct print now = take_print(w->path);
        if (same_print(&now, &w->print))
            continue;
        w->print = now;
        map_set(changed, w->path, r);
        any = true;
    }
    if (any)
        return changed;
    map_free(changed);
    return NULL;
}

static void say_leaf(const struct site *s, const char *file, const struct tls_leaf *leaf)
{
    time_t end = (time_t)leaf->not_after;
    char when[32];
    struct tm tm;

    gmtime_r(&end, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    LOG_AT(&s->log, LOG_SSL, LEVEL_NOTICE, 0, 0, NULL,
           "certificate %s was read anew for %s: serial %s, until %s; new handshakes use it, tunnels go on / "
           "証明書を読み込み直しました(接続中のトンネルは継続)",
           file, s->server_name, leaf->serial, when);
}

static void say_site(const struct site *s, struct tls_context *before, struct tls_context *now)
{
    const struct vec *files = &ssl_site_of(s)->certs;
    struct tls_leaf leaf;

    if (before == now)
        return;
    for (unsigned i = 0; i < files->n && tls_context_leaf(now, i, &leaf); i++) {
        say_leaf(s, files->items[i], &leaf);
        tls_leaf_release(&leaf);
    }
}

static void say_changes(const struct snapshot *s, const struct tls_sites *before, const struct tls_sites *now)
{
    for (unsigned i = 0; i < snapshot_sites(s); i++) {
        const struct site *site = snapshot_site(s, i);
        say_site(site, tls_sites_of(before, site), tls_sites_of(now, site));
    }
}

struct tls_sites *renewal_turn(struct renewal *r, const struct snapshot *s, const struct tls_sites *t)
{
    uint64_t now = base_now_ms();
    bool look = now >= r->look_ms;
    struct tls_sites *next;
    struct map *changed;

    if (look)
        r->look_ms = now + LOOK_MS;
    if (read_events(r) || (look && !r->settle_ms && any_changed(r)))
        r->settle_ms = now + SETTLE_MS;
    if (!r->settle_ms || now < r->settle_ms)
        return NULL;
    r->settle_ms = 0;
    watch_ways(r);
    changed = take_changes(r);
    if (!changed)
        return NULL;
    next = tls_sites_renew(s, t, changed);
    map_free(changed);
    say_changes(s, t, next);
    return next;
}
