/* From a file to a snapshot: read, apply, merge, finish; and the snapshot's life by references. */
#include "build.h"

#include <stdatomic.h>
#include <stdlib.h>

static void free_map(void *map)
{
    map_free(map);
}

struct map *loading_map(struct arena *a, enum map_case mode)
{
    struct map *m = map_new(mode);
    arena_on_free(a, free_map, m);
    return m;
}

static void add_row(struct loading *l, const struct directive *d, const struct module *m)
{
    struct row *row = arena_alloc(l->arena, sizeof(*row));
    *row = (struct row){ .directive = d, .module = m };
    struct row *last = map_get(l->rows, d->name);
    if (!last) {
        map_set(l->rows, d->name, row);
        return;
    }
    while (last->next)
        last = last->next;
    last->next = row;
}

static void index_rows(struct loading *l)
{
    const struct module *const *modules = l->snapshot->modules;
    for (unsigned i = 0; modules[i]; i++)
        for (const struct directive *d = modules[i]->directives; d && d->name; d++)
            add_row(l, d, modules[i]);
}

static struct loading *loading_new(struct snapshot *s)
{
    struct loading *l = arena_alloc(s->arena, sizeof(*l));
    l->snapshot = s;
    l->arena = s->arena;
    l->reading = s->reading;
    l->rows = loading_map(s->arena, MAP_NOCASE);
    l->noted = loading_map(s->arena, MAP_EXACT);
    while (s->modules[l->n_modules])
        l->n_modules++;
    l->site_layouts = layouts_new(s->arena, s->modules, PART_SITE);
    l->place_layouts = layouts_new(s->arena, s->modules, PART_PLACE);
    index_rows(l);
    s->loading = l;
    return l;
}

/* ---- steps --------------------------------------------------------------------------------------------------------
 */

static bool apply_all(struct loading *l)
{
    struct snapshot *s = l->snapshot;
    const struct conf_node *root = conf_read(l->reading);
    if (!root)
        return false;
    s->main = site_new(l, l->reading->options->file, 0);
    s->main->main = true;
    struct conf_cmd top = { .arena = s->arena, .snapshot = s, .site = s->main, .place = &s->main->place };
    top.reading = l->reading;
    top.methods = ~(uint64_t)0;
    top.loading = l;
    return apply_lines(&top, root->children) == NULL;
}

static void seal_site(struct site *s)
{
    parts_seal(s->parts, s->n_parts);
    parts_seal(s->place.parts, s->place.n);
}

static void seal_all(struct loading *l)
{
    for (unsigned i = 0; i < snapshot_sites(l->snapshot); i++)
        seal_site(snapshot_site(l->snapshot, i));
    for (unsigned i = 0; i < l->sections.n; i++) {
        struct section *s = l->sections.items[i];
        parts_seal(s->place.parts, s->place.n);
    }
}

static void merge_all(struct loading *l)
{
    struct snapshot *s = l->snapshot;
    for (unsigned i = 0; i < s->sites.n; i++) {
        struct site *site = s->sites.items[i];
        site_inherit(l->arena, s->modules, site, s->main);
        directories_sort(l->arena, &site->directories);
    }
    directories_sort(l->arena, &s->main->directories);
}

static const char *finish(struct snapshot_build *b, const struct module *m)
{
    const char *fault = m->finish ? m->finish(b) : NULL;
    for (unsigned i = 0; m->finish_site && !fault && i < snapshot_sites(b->snapshot); i++)
        fault = m->finish_site(b, snapshot_site(b->snapshot, i));
    return fault;
}

static bool finish_all(struct loading *l)
{
    struct snapshot *s = l->snapshot;
    struct conf_error *error = &l->reading->error;
    struct snapshot_build build = { s, l->arena, error, &l->reading->notices };
    for (unsigned i = 0; s->modules[i]; i++) {
        const char *fault = finish(&build, s->modules[i]);
        if (!fault)
            continue;
        if (!error->text)
            error->text = arena_strdup(l->arena, fault);
        return false;
    }
    return true;
}

static bool load_into(struct snapshot *s)
{
    struct loading *l = loading_new(s);
    if (!apply_all(l))
        return false;
    seal_all(l);
    merge_all(l);
    sites_name(l);
    choices_build(l);
    if (!finish_all(l))
        return false;
    seal_all(l); /* finish may have touched more */
    s->n_sections = l->sections.n;
    return true;
}

static void report(const struct conf_error *from, struct arena *a, struct conf_error *to)
{
    to->file = from->file ? arena_strdup(a, from->file) : NULL;
    to->line = from->line;
    to->text = arena_strdup(a, from->text);
}

struct snapshot *conf_load(const struct conf_options *o, struct arena *error_arena, struct conf_error *error)
{
    struct arena *a = arena_new();
    struct snapshot *s = arena_alloc(a, sizeof(*s));
    s->magic = SNAPSHOT_MAGIC;
    s->arena = a;
    s->modules = o->modules;
    s->reading = arena_alloc(a, sizeof(*s->reading));
    s->reading->options = arena_copy(a, o, sizeof(*o)); /* the caller's may lie on its stack */
    s->reading->arena = a;
    atomic_init(&s->refs, 1);
    if (load_into(s))
        return s;
    report(&s->reading->error, error_arena, error);
    snapshot_drop(s);
    return NULL;
}

struct snapshot *snapshot_hold(struct snapshot *s)
{
    CHECK_MAGIC(s, SNAPSHOT_MAGIC);
    int before = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return s;
}

void snapshot_drop(struct snapshot *s)
{
    if (!s)
        return;
    CHECK_MAGIC(s, SNAPSHOT_MAGIC);
    int before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    s->magic = 0;
    arena_free(s->arena);
}
