/* A .htaccess: read while the server runs, into an arena of its own (config.c, ap_parse_htaccess). Its lines are those
 * of a <Directory> of its directory, as far as AllowOverride lets them be. */
#include "build.h"

#define MOST_BYTES ((size_t)4 << 20) /* its macros and variables expanded */

static bool copy_entry(void *to, const char *key, void *value)
{
    map_set(to, key, value);
    return true;
}

/* What the configuration defined is known in the file; a macro of its own is no one else's. */
static struct conf_reading *begin_reading(struct arena *a, const struct snapshot *s, const struct conf_overrides *o)
{
    struct conf_reading *r = arena_copy(a, s->reading, sizeof(*r));
    struct conf_options *options = arena_copy(a, r->options, sizeof(*options));
    options->max_bytes = MOST_BYTES;
    options->on_notice = NULL;
    r->options = options;
    r->arena = a;
    r->overrides = o;
    r->includes = r->notices = (struct vec){ 0 };
    r->asked_files = false;
    r->error = (struct conf_error){ 0 };
    if (s->reading->macros) {
        r->macros = loading_map(a, MAP_EXACT);
        map_each(s->reading->macros, copy_entry, r->macros);
    }
    return r;
}

static struct loading *begin_loading(struct arena *a, const struct snapshot *s, struct conf_reading *r)
{
    struct loading *l = arena_copy(a, s->loading, sizeof(*l));
    l->arena = a;
    l->reading = r;
    l->noted = loading_map(a, MAP_EXACT);
    l->sections = (struct vec){ 0 };
    return l;
}

/* For the functions that look at their site: what they write there is dropped with the file. */
static struct site *copy_site(struct arena *a, const struct site *site)
{
    struct site *copy = arena_copy(a, site, sizeof(*site));
    copy->parts = arena_copy(a, site->parts, (site->n_parts + 1) * sizeof(*site->parts));
    for (unsigned i = 0; i < site->n_parts; i++) {
        const struct settings *from = &site->parts[i];
        if (!from->data)
            continue;
        const struct layout *l = part_of(from->data)->layout;
        copy->parts[i] = part_new(a, l);
        memcpy(copy->parts[i].data, from->data, l->size);
        for (unsigned k = 0; k < l->n_lists; k++) {
            struct vec *list = (struct vec *)((char *)copy->parts[i].data + l->lists[k]);
            list->cap = list->n; /* the items are shared: an addition must move them */
        }
    }
    return copy;
}

static struct section *new_section(struct loading *l, const char *directory, const char *file)
{
    struct section *s = arena_alloc(l->arena, sizeof(*s));
    s->kind = SECTION_DIRECTORY;
    s->pattern = arena_strdup(l->arena, directory);
    s->length = strlen(directory);
    s->local = true;
    s->file = arena_strdup(l->arena, file);
    s->place = (struct place){ parts_new(l->arena, l->place_layouts, l->n_modules), l->n_modules };
    vec_add(l->arena, &l->sections, s);
    return s;
}

void conf_read_local(struct conf_local *local, struct arena *a, const struct site *site,
                     const struct conf_overrides *overrides, const char *directory, const char *file, struct span bytes)
{
    struct conf_reading *r = begin_reading(a, site->snapshot, overrides);
    struct loading *l = begin_loading(a, site->snapshot, r);
    struct section *s = new_section(l, directory, file);
    const struct conf_node *root = read_bytes(r, s->file, bytes);
    struct conf_cmd top = { .arena = a, .snapshot = site->snapshot, .site = copy_site(a, site), .section = s };

    top.place = &s->place;
    top.reading = r;
    top.methods = ~(uint64_t)0;
    top.overrides = overrides;
    top.loading = l;
    *local = (struct conf_local){ .section = s };
    local->fault = root ? apply_lines(&top, root->children) : r->error.text;
    if (local->fault)
        local->section = NULL;
    local->notices = r->notices;
    local->asked_files = r->asked_files;
    for (unsigned i = 0; i < l->sections.n; i++) {
        struct section *each = l->sections.items[i];
        parts_seal(each->place.parts, each->place.n);
    }
}
