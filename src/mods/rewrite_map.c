/* RewriteMap: text files, random choices, functions, programs (mod_rewrite.c: cmd_rewritemap, lookup_map…). A text file
 * is read whole when it changed, and each thread looks it up without a lock. */
#include "core.h"
#include "rewrite.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LINE_SIZE    1024  /* httpd reads that much of a line at once */
#define PROGRAM_WAIT 10000 /* ms, when Timeout is not less */

/* ---- text files
 * ------------------------------------------------------------------------------------------------------ */

struct table { /* a file's lines as they were at a time */
    struct timespec changed;
    off_t size;
    struct arena *arena;
    struct map *values;
    struct table *older; /* replaced, and perhaps still looked at */
};
struct rewrite_file {
    pthread_mutex_t lock; /* who reads the file anew; those that find it taken use what is there */
    _Atomic(struct table *) table;
    atomic_uint readers;
};

static void table_free(struct table *t)
{
    while (t) {
        struct table *older = t->older;
        map_free(t->values);
        arena_free(t->arena);
        free(t);
        t = older;
    }
}

static void file_free(void *arg)
{
    struct rewrite_file *f = arg;

    table_free(atomic_load(&f->table));
    pthread_mutex_destroy(&f->lock);
}

static struct rewrite_file *file_new(struct arena *a)
{
    struct rewrite_file *f = arena_alloc(a, sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    arena_on_free(a, file_free, f);
    return f;
}

static char *skip_blanks(char *p)
{
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

static char *end_word(char *p)
{
    while (*p && !isspace((unsigned char)*p))
        p++;
    return p;
}

/* "key value …": the first line of a key counts; lines that begin with "#" or a blank are none. */
static void add_line(struct table *t, char *line)
{
    char *key_end = end_word(line), *value, *value_end;

    if (*line == '#' || !*line || isspace((unsigned char)*line) || !*key_end)
        return;
    value = skip_blanks(key_end);
    value_end = end_word(value);
    *key_end = *value_end = '\0';
    if (*value && !map_get(t->values, line))
        map_set(t->values, line, arena_strdup(t->arena, value));
}

static struct table *read_table(const char *path, const struct stat *st)
{
    FILE *in = fopen(path, "re");
    char line[LINE_SIZE + 1];
    struct table *t;

    if (!in)
        return NULL;
    t = base_alloc(sizeof(*t));
    *t = (struct table){
        .changed = st->st_mtim, .size = st->st_size, .arena = arena_new(), .values = map_new(MAP_EXACT)
    };
    while (fgets(line, sizeof(line), in))
        add_line(t, line);
    fclose(in);
    return t;
}

static bool is_current(const struct table *t, const struct stat *st)
{
    return t && t->changed.tv_sec == st->st_mtim.tv_sec && t->changed.tv_nsec == st->st_mtim.tv_nsec &&
           t->size == st->st_size;
}

static void replace(struct rewrite_file *f, struct table *t)
{
    t->older = atomic_load(&f->table);
    atomic_store(&f->table, t);
    if (atomic_load(&f->readers) == 0) { /* whoever comes from now on sees t */
        table_free(t->older);
        t->older = NULL;
    }
}

/* False: there is no file. Who finds another thread at it looks at what was there before. */
static bool refresh(struct rewriting *w, const struct rewrite_map *m)
{
    struct stat st;
    struct table *t = NULL;

    if (stat(m->path, &st) != 0) {
        REQUEST_LOG_OS(w->r, LOG_REWRITE, LEVEL_ERROR, 661, errno, "mod_rewrite: can't access text RewriteMap file %s",
                       m->path);
        return false;
    }
    if (pthread_mutex_trylock(&m->file->lock) != 0)
        return true;
    if (!is_current(atomic_load(&m->file->table), &st)) {
        REWRITE_LOG(w, 6, "cache lookup FAILED, forcing new map lookup");
        t = S_ISREG(st.st_mode) ? read_table(m->path, &st) : NULL; /* a FIFO would hold the worker */
        if (t)
            replace(m->file, t);
        else
            REQUEST_LOG_OS(w->r, LOG_REWRITE, LEVEL_ERROR, 655, errno,
                           "mod_rewrite: can't open text RewriteMap file %s", m->path);
    }
    pthread_mutex_unlock(&m->file->lock);
    return true;
}

static const char *look_in_file(struct rewriting *w, const struct rewrite_map *m, const char *key)
{
    struct rewrite_file *f = m->file;
    const struct table *t;
    const char *value;

    if (!refresh(w, m))
        return NULL;
    atomic_fetch_add(&f->readers, 1);
    t = atomic_load(&f->table);
    value = t ? map_get(t->values, key) : NULL;
    value = value ? arena_strdup(w->arena, value) : NULL;
    atomic_fetch_sub(&f->readers, 1);
    return value;
}

/* One of "a|b|c". */
static const char *choose(struct rewriting *w, const char *value)
{
    unsigned n = 1, pick = 0;

    if (!value)
        return NULL;
    for (const char *p = value; (p = strchr(p, '|')); p++)
        n++;
    if (n > 1)
        ASSERT(getrandom(&pick, sizeof(pick), 0) == sizeof(pick));
    for (pick %= n; pick; pick--)
        value = strchr(value, '|') + 1;
    value = arena_strndup(w->arena, value, strcspn(value, "|"));
    REWRITE_LOG(w, 5, "randomly chosen the subvalue `%s'", value);
    return *value ? value : NULL;
}

/* ---- functions
 * ------------------------------------------------------------------------------------------------------- */

static const char *to_upper(struct arena *a, const char *key)
{
    char *out = arena_strdup(a, key);

    for (char *p = out; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    return out;
}

static const char *to_lower(struct arena *a, const char *key)
{
    char *out = arena_strdup(a, key);

    for (char *p = out; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    return out;
}

static const char *escape(struct arena *a, const char *key)
{
    return http_escape_path(a, span_of(key));
}

static const char *unescape(struct arena *a, const char *key)
{
    char *out = arena_strdup(a, key);

    http_unescape(out);
    return out;
}

static const struct {
    const char *name;
    const char *(*call)(struct arena *a, const char *key);
} functions[] = { { "toupper", to_upper }, { "tolower", to_lower }, { "escape", escape }, { "unescape", unescape } };

/* ---- lookups
 * ---------------------------------------------------------------------------------------------------------- */

const struct rewrite_map *rewrite_map_find(const struct vec *maps, const char *name)
{
    for (unsigned i = maps->n; i-- > 0;)
        if (strcmp(((const struct rewrite_map *)maps->items[i])->name, name) == 0)
            return maps->items[i];
    return NULL;
}

/* A key with a line end would make the program answer twice: httpd finds nothing then. */
static const char *ask_program(struct rewriting *w, const struct rewrite_map *m, const char *key)
{
    int64_t timeout = core_site_of(w->r->site)->timeout_us / 1000;
    unsigned wait_ms = (unsigned)(timeout < PROGRAM_WAIT ? timeout : PROGRAM_WAIT);
    const char *answer;

    if (!m->started || strchr(key, '\n'))
        return NULL;
    switch (rewrite_program_ask(m->program, w->arena, key, wait_ms, &answer)) {
    case PROGRAM_ANSWERED: return answer;
    case PROGRAM_NONE: return NULL;
    default: break;
    }
    REQUEST_LOG(w->r, LOG_REWRITE, LEVEL_ERROR, 0, "RewriteMap %s: the program %s %s / プログラムが応答しません",
                m->name, m->path, answer);
    w->status = 500;
    return NULL;
}

static const char *look(struct rewriting *w, const struct rewrite_map *m, const char *key)
{
    switch (m->kind) {
    case MAP_TEXT: return look_in_file(w, m, key);
    case MAP_RANDOM: return choose(w, look_in_file(w, m, key));
    case MAP_PROGRAM: return ask_program(w, m, key);
    default: return m->function(w->arena, key);
    }
}

const char *rewrite_map_look(struct rewriting *w, const struct rewrite_map *m, const char *key)
{
    const char *value = look(w, m, key), *kind = m->kind <= MAP_RANDOM ? "[txt]" : "";

    if (value)
        REWRITE_LOG(w, 5, "map lookup OK: map=%s%s key=%s -> val=%s", m->name, kind, key, value);
    else
        REWRITE_LOG(w, 5, "map lookup FAILED: map=%s%s key=%s", m->name, kind, key);
    return value;
}

/* ---- RewriteMap
 * --------------------------------------------------------------------------------------------------------- */

static const char *set_file(struct conf_cmd *cmd, struct rewrite_map *m, const char *kind, const char *path)
{
    m->path = conf_path(cmd->arena, cmd->reading->root, path);
    if (!m->path)
        return conf_fault(cmd, "RewriteMap: bad path to %s map: %s", kind, path);
    m->kind = strcmp(kind, "rnd") == 0 ? MAP_RANDOM : MAP_TEXT;
    m->file = file_new(cmd->arena);
    return NULL;
}

/* As apr_tokenize_to_argv; the program's own name is below ServerRoot. */
static const char *set_program(struct conf_cmd *cmd, struct rewrite_map *m, const char *command, const char *who)
{
    struct vec words = { 0 };
    const char *rest = command, *colon = who ? strchr(who, ':') : NULL;
    char *word;

    while (*rest && (word = conf_word(cmd->arena, &rest)))
        vec_add(cmd->arena, &words, word);
    if (!words.n)
        vec_add(cmd->arena, &words, arena_strdup(cmd->arena, ""));
    m->kind = MAP_PROGRAM;
    m->path = conf_path(cmd->arena, cmd->reading->root, words.items[0]);
    if (!m->path)
        return conf_fault(cmd, "RewriteMap: bad path to prg map: %s", (char *)words.items[0]);
    words.items[0] = arena_strdup(cmd->arena, m->path);
    vec_add(cmd->arena, &words, NULL);
    m->program = rewrite_program_new(cmd->arena, (char **)words.items);
    if (who)
        m->user = colon ? arena_strndup(cmd->arena, who, (size_t)(colon - who)) : who;
    return NULL;
}

static const char *set_function(struct conf_cmd *cmd, struct rewrite_map *m, const char *name)
{
    m->kind = MAP_FUNCTION;
    for (unsigned i = 0; i < COUNT_OF(functions); i++)
        if (strcmp(name, functions[i].name) == 0)
            m->function = functions[i].call;
    return m->function ? NULL : conf_fault(cmd, "RewriteMap: internal map not found:%s", name);
}

static const char *refuse_kind(struct conf_cmd *cmd, const char *spec)
{
    return conf_fault(cmd,
                      "RewriteMap %s: refused: maps in databases are not read; write them as txt: / "
                      "RewriteMap %s: データベースのマップには対応していません。txt: を使ってください",
                      spec, spec);
}

static const char *set_source(struct conf_cmd *cmd, struct rewrite_map *m, char **argv)
{
    const char *spec = argv[1];

    if (strncasecmp(spec, "dbm", 3) == 0 && spec[3] != ':' && spec[3] != '=')
        return conf_fault(cmd, "RewriteMap: bad map:%s", spec);
    if (strncasecmp(spec, "dbm", 3) == 0 || strncasecmp(spec, "dbd:", 4) == 0 || strncasecmp(spec, "fastdbd:", 8) == 0)
        return refuse_kind(cmd, spec);
    if (strncasecmp(spec, "prg:", 4) == 0)
        return set_program(cmd, m, spec + 4, argv[2]);
    if (strncasecmp(spec, "int:", 4) == 0)
        return set_function(cmd, m, spec + 4);
    if (strncasecmp(spec, "rnd:", 4) == 0)
        return set_file(cmd, m, "rnd", spec + 4);
    return set_file(cmd, m, "txt", strncasecmp(spec, "txt:", 4) == 0 ? spec + 4 : spec);
}

const char *rewrite_set_map(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_site *site = settings;
    struct rewrite_map *m = arena_alloc(cmd->arena, sizeof(*m));
    const char *fault = set_source(cmd, m, argv);
    struct stat st;

    (void)argc;
    if (!fault && m->path && stat(m->path, &st) != 0)
        return conf_fault(cmd, "RewriteMap: file for map %s not found:%s", argv[0], m->path);
    if (fault)
        return fault;
    m->name = argv[0];
    site->owner = cmd->site;
    conf_touch(cmd, site, &site->owner);
    vec_add(cmd->arena, &site->maps, m);
    return NULL;
}
