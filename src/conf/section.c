/* Sections: opened by a line, kept in their site or in the section around them, Directory sections put in Apache's
 * order. */
#include "build.h"

#include <stdlib.h>

static unsigned kind_bit(enum section_kind kind)
{
    switch (kind) {
    case SECTION_DIRECTORY: return IN_DIRECTORY;
    case SECTION_FILES: return IN_FILES;
    case SECTION_LOCATION: return IN_LOCATION;
    case SECTION_PROXY: return IN_PROXY;
    default: return IN_IF;
    }
}

static struct vec *list_for(struct conf_cmd *cmd, enum section_kind kind)
{
    bool inner = cmd->section && (kind == SECTION_FILES || kind == SECTION_IF);
    if (inner)
        return &cmd->section->inner;
    switch (kind) {
    case SECTION_DIRECTORY: return &cmd->site->directories;
    case SECTION_FILES: return &cmd->site->files;
    case SECTION_LOCATION: return &cmd->site->locations;
    case SECTION_PROXY: return &cmd->site->proxies;
    default: return &cmd->site->ifs;
    }
}

/* A directory is compared with names that end in "/", so that /www is no prefix of /www2. */
static const char *pattern_for(struct conf_cmd *cmd, enum section_kind kind, const char *pattern, bool regex)
{
    size_t n = strlen(pattern);
    if (kind != SECTION_DIRECTORY || regex || (n && pattern[n - 1] == '/'))
        return arena_strdup(cmd->arena, pattern);
    return arena_concat(cmd->arena, pattern, "/", NULL);
}

struct section *conf_open(struct conf_cmd *cmd, enum section_kind kind, const char *pattern, struct regex *regex)
{
    ASSERT(kind != SECTION_SITE && !cmd->open);
    struct loading *l = cmd->loading;
    struct section *s = arena_alloc(cmd->arena, sizeof(*s));
    s->kind = kind;
    s->pattern = pattern_for(cmd, kind, pattern, regex != NULL);
    s->length = strlen(s->pattern);
    s->regex = regex;
    s->wildcard = !regex && kind != SECTION_IF && glob_has_wildcard(s->pattern);
    s->file = cmd->node->file;
    s->line = cmd->node->line;
    s->id = l->sections.n;
    s->local = cmd->overrides != NULL;
    s->place = (struct place){ parts_new(cmd->arena, l->place_layouts, l->n_modules), l->n_modules };
    vec_add(cmd->arena, &l->sections, s);
    vec_add(cmd->arena, list_for(cmd, kind), s);
    cmd->section = s;
    cmd->place = &s->place;
    cmd->opens = kind_bit(kind);
    cmd->open = true;
    return s;
}

struct section *conf_last_if(const struct conf_cmd *cmd)
{
    const struct vec *list = cmd->section ? &cmd->section->inner : &cmd->site->ifs;
    for (unsigned i = list->n; i-- > 0;) {
        struct section *s = list->items[i];
        if (s->kind == SECTION_IF)
            return s->condition ? s : NULL; /* nothing follows an <Else> */
    }
    return NULL;
}

/* ---- core.c, ap_core_reorder_directories ------------------------------------------------------------------------ */

struct ranked {
    struct section *section;
    unsigned depth, order;
};

static unsigned count_slashes(const struct section *s)
{
    unsigned n = 0;
    if (strcmp(s->pattern, "/") == 0)
        return 0;
    for (const char *p = s->pattern; *p; p++)
        n += *p == '/';
    return n;
}

static int compare_ranked(const void *va, const void *vb)
{
    const struct ranked *a = va, *b = vb;
    if (!a->section->regex != !b->section->regex)
        return a->section->regex ? 1 : -1;
    if (a->depth != b->depth)
        return a->depth < b->depth ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

void directories_sort(struct arena *a, struct vec *directories)
{
    unsigned n = directories->n;
    if (n < 2)
        return;
    struct ranked *ranked = arena_alloc(a, n * sizeof(*ranked));
    for (unsigned i = 0; i < n; i++) {
        struct section *s = directories->items[i];
        ranked[i] = (struct ranked){ s, count_slashes(s), i };
    }
    qsort(ranked, n, sizeof(*ranked), compare_ranked);
    for (unsigned i = 0; i < n; i++)
        directories->items[i] = ranked[i].section;
}
