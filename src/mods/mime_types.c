/* TypesConfig: what the file of types says, read once for all the configurations that name it while it stays as it is.
 * A thousand lines are most of what a reload would have to read. */
#include "mime.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define TYPES_CONFIG "/etc/mime.types" /* Debian's */

struct mime_types {
    _Atomic int refs;
    struct arena *arena;
    struct map *types; /* extension -> type */
    const char *path;
    struct stat file; /* as it was when it was read */
    time_t read_at;
};
/* The one read last; only who loads configurations looks here, one at a time. */
static struct mime_types *latest;

/* ---- who holds it ---- */

static struct mime_types *hold(struct mime_types *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

static void drop(void *types)
{
    struct mime_types *t = types;

    if (t && atomic_fetch_sub(&t->refs, 1) == 1)
        arena_free(t->arena);
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A file that changed in the second when it was read may have changed again without a trace. */
static bool is_current(const struct mime_types *t, const char *path, const struct stat *now)
{
    const struct stat *then = &t->file;

    return strcmp(t->path, path) == 0 && then->st_dev == now->st_dev && then->st_ino == now->st_ino &&
           then->st_size == now->st_size && is_same_time(then->st_mtim, now->st_mtim) &&
           is_same_time(then->st_ctim, now->st_ctim) && t->read_at > then->st_ctim.tv_sec + 1;
}

/* ---- reading ---- */

static void read_line(struct mime_types *t, char *line)
{
    const char *rest = line, *type;
    char *extension;

    if (*line == '#')
        return;
    type = conf_word(t->arena, &rest);
    while (type && (extension = conf_word(t->arena, &rest)) && *extension) {
        for (char *p = extension; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        map_set(t->types, extension, (void *)(uintptr_t)type);
    }
}

static struct mime_types *read_types(FILE *file, const char *path, const struct stat *st)
{
    struct arena *a = arena_new();
    struct mime_types *t = arena_alloc(a, sizeof(*t));
    char *line = NULL;
    size_t size = 0;

    *t = (struct mime_types){ .refs = 1, .arena = a, .types = mime_map(a), .path = arena_strdup(a, path), .file = *st };
    t->read_at = time(NULL);
    while (getline(&line, &size, file) >= 0) {
        struct span text = span_of(line);
        while (text.n && isspace((unsigned char)text.p[text.n - 1]))
            text.n--;
        line[text.n] = '\0';
        read_line(t, line + strspn(line, " \t"));
    }
    free(line);
    return t;
}

static struct mime_types *take(FILE *file, const char *path)
{
    struct stat st;

    if (fstat(fileno(file), &st))
        return NULL;
    if (!latest || !is_current(latest, path, &st)) {
        drop(latest);
        latest = read_types(file, path, &st);
    }
    return hold(latest);
}

/* Only the main server's is read, as in httpd; without a file of the default name there are no types. */
const char *mime_load_types(struct snapshot_build *b)
{
    struct mime_site *main = site_part(b->snapshot->main, &mime_module);
    const struct conf_reading *reading = b->snapshot->reading;
    const char *path = main->types_config ? conf_path(b->arena, reading->root, main->types_config) : TYPES_CONFIG;
    FILE *file;

    main->loaded = conf_module_present(reading, "mime_module");
    if (!main->loaded || reading->options->load) /* nothing of the file system is to be touched */
        return NULL;
    file = path ? fopen(path, "re") : NULL;
    if (!file && main->types_config)
        return arena_printf(b->arena, "AH01597: could not open mime types config file %s.",
                            path ? path : main->types_config);
    if (!file)
        return NULL;
    main->types = take(file, path);
    arena_on_free(b->arena, drop, main->types);
    fclose(file);
    return NULL;
}

const char *mime_type_of(const struct mime_types *types, const char *extension)
{
    return types ? map_get(types->types, extension) : NULL;
}
