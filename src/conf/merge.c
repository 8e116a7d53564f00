/* One part over another: words that a line set replace, lists append, the module's own function does the rest. */
#include "build.h"

#define WORD 4u

typedef void merge_fn(struct arena *a, void *merged, const void *base, const void *over);

static void copy_words(void *to, const struct part *over, const void *from)
{
    unsigned size = over->layout->size;
    for (unsigned at = 0; at < size; at += WORD) {
        unsigned word = at / WORD;
        if (over->set[word / 8] >> (word % 8) & 1)
            memcpy((char *)to + at, (const char *)from + at, size - at < WORD ? size - at : WORD);
    }
}

static void append_list(struct arena *a, struct vec *to, const struct vec *base, const struct vec *over)
{
    *to = *base;
    to->cap = to->n; /* the items are shared: the next addition must move them */
    if (over->n)
        vec_append(a, to, over);
}

/* out is neither base nor over, and already has base's layout. */
static void merge_part(struct arena *a, merge_fn *merge, struct settings *out, const struct settings *base,
                       const struct settings *over)
{
    struct part *o = part_of(out->data);
    const struct part *b = part_of(base->data), *v = part_of(over->data);
    const struct layout *l = o->layout;
    ASSERT(l == b->layout && l == v->layout);
    memcpy(out->data, base->data, l->size);
    copy_words(out->data, v, over->data);
    for (unsigned i = 0; i < l->n_lists; i++) {
        size_t at = l->lists[i];
        append_list(a, (struct vec *)((char *)out->data + at), (const struct vec *)((const char *)base->data + at),
                    (const struct vec *)((const char *)over->data + at));
    }
    for (unsigned byte = 0; byte * 8 * WORD < l->size; byte++)
        o->set[byte] = b->set[byte] | v->set[byte];
    o->touched = b->touched || v->touched;
    if (merge)
        merge(a, out->data, base->data, over->data);
}

void place_merge_into(struct arena *a, const struct module *const *modules, struct place *out, const struct place *base,
                      const struct place *over)
{
    struct settings *parts = arena_alloc(a, (base->n + 1) * sizeof(*parts));
    for (unsigned i = 0; i < base->n; i++) {
        const struct settings *b = &base->parts[i], *v = &over->parts[i];
        parts[i] = *b; /* shared as it is when no line of the section speaks to this module */
        if (!v->data || !part_of(v->data)->touched)
            continue;
        parts[i] = part_new(a, part_of(b->data)->layout);
        merge_part(a, modules[i]->merge_place, &parts[i], b, v);
    }
    *out = (struct place){ parts, base->n };
}

static void inherit(struct arena *a, merge_fn *merge, struct settings *part, const struct settings *base)
{
    if (!part->data)
        return;
    const struct part *p = part_of(part->data);
    struct settings over = part_new(a, p->layout);
    memcpy(over.data, part->data, p->layout->size);
    for (unsigned byte = 0; byte * 8 * WORD < p->layout->size; byte++)
        over.set[byte] = p->set[byte];
    part_of(over.data)->touched = p->touched;
    merge_part(a, merge, part, base, &over);
}

static void inherit_sections(struct arena *a, struct vec *own, const struct vec *base)
{
    struct vec all = { 0 };
    vec_append(a, &all, base);
    vec_append(a, &all, own);
    *own = all;
}

void site_inherit(struct arena *a, const struct module *const *modules, struct site *site, const struct site *base)
{
    for (unsigned i = 0; i < site->n_parts; i++) {
        inherit(a, modules[i]->merge_site, &site->parts[i], &base->parts[i]);
        inherit(a, modules[i]->merge_place, &site->place.parts[i], &base->place.parts[i]);
    }
    inherit_sections(a, &site->directories, &base->directories);
    inherit_sections(a, &site->files, &base->files);
    inherit_sections(a, &site->locations, &base->locations);
    inherit_sections(a, &site->proxies, &base->proxies);
    inherit_sections(a, &site->ifs, &base->ifs);
}
