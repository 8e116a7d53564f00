/* A module's part of a site or place: its fields, the bits that say which were set, and how a row's slot stores a word.
 */
#include "build.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define PART_MAGIC 0x50415254u
#define WORD       4u
#define HEAD_SIZE  ((sizeof(struct part) + 15u) & ~(size_t)15u)

static size_t set_bytes(unsigned size)
{
    return (size + 8 * WORD - 1) / (8 * WORD);
}

static bool has_list(const struct layout *l, unsigned short offset)
{
    for (unsigned i = 0; i < l->n_lists; i++)
        if (l->lists[i] == offset)
            return true;
    return false;
}

/* Several rows may fill one list (CustomLog, TransferLog): each list is merged once. */
static void find_lists(struct arena *a, struct layout *l, const struct directive *rows, enum conf_part which)
{
    unsigned n = 0;
    for (const struct directive *d = rows; d && d->name; d++)
        n += d->slot.kind == SLOT_LIST && d->slot.part == which;
    l->lists = arena_alloc(a, (n + 1) * sizeof(*l->lists));
    for (const struct directive *d = rows; d && d->name; d++) {
        if (d->slot.part != which || d->slot.kind == SLOT_NONE)
            continue;
        ASSERT(d->slot.offset + d->slot.size <= l->size);
        ASSERT(d->slot.kind != SLOT_LIST || d->slot.size == sizeof(struct vec));
        ASSERT(d->slot.kind != SLOT_CUSTOM || d->set);
        if (d->slot.kind == SLOT_LIST && !has_list(l, d->slot.offset))
            l->lists[l->n_lists++] = d->slot.offset;
    }
}

struct layout *layouts_new(struct arena *a, const struct module *const *modules, enum conf_part which)
{
    unsigned n = 0;
    while (modules[n])
        n++;
    struct layout *all = arena_alloc(a, (n + 1) * sizeof(*all));
    for (unsigned i = 0; i < n; i++) {
        const struct module *m = modules[i];
        void (*defaults)(void *) = which == PART_SITE ? m->site_defaults : m->place_defaults;
        ASSERT(m->index == (int)i);
        all[i].size = which == PART_SITE ? m->site_size : m->place_size;
        all[i].defaults = arena_alloc(a, all[i].size + 1);
        if (defaults && all[i].size)
            defaults(all[i].defaults);
        find_lists(a, &all[i], m->directives, which);
    }
    return all;
}

struct part *part_of(const void *data)
{
    struct part *p = (struct part *)((char *)(uintptr_t)data - HEAD_SIZE);
    CHECK_MAGIC(p, PART_MAGIC);
    return p;
}

struct settings part_new(struct arena *a, const struct layout *l)
{
    if (!l->size)
        return (struct settings){ NULL, NULL };
    size_t data = HEAD_SIZE + ((l->size + 15u) & ~(size_t)15u);
    struct part *p = arena_alloc(a, data + set_bytes(l->size));
    *p = (struct part){ PART_MAGIC, false, l, (unsigned char *)p + data };
    void *fields = (char *)p + HEAD_SIZE;
    memcpy(fields, l->defaults, l->size);
    return (struct settings){ fields, p->set };
}

struct settings *parts_new(struct arena *a, const struct layout *layouts, unsigned n)
{
    struct settings *parts = arena_alloc(a, (n + 1) * sizeof(*parts));
    for (unsigned i = 0; i < n; i++)
        parts[i] = part_new(a, &layouts[i]);
    return parts;
}

void parts_seal(struct settings *parts, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!parts[i].data)
            continue;
        struct part *p = part_of(parts[i].data);
        p->touched = memcmp(parts[i].data, p->layout->defaults, p->layout->size) != 0;
        /* A line may have written the default's own value: that overrides too. */
        for (size_t b = 0; b < set_bytes(p->layout->size); b++)
            p->touched |= p->set[b] != 0;
    }
}

static unsigned offset_in(const struct part *p, const void *data, const void *field)
{
    ptrdiff_t offset = (const char *)field - (const char *)data;
    ASSERT(offset >= 0 && (size_t)offset < p->layout->size);
    return (unsigned)offset;
}

static bool bit_at(const unsigned char *set, unsigned offset)
{
    unsigned word = offset / WORD;
    return set[word / 8] >> (word % 8) & 1;
}

void conf_touch_bytes(struct conf_cmd *cmd, const void *settings, const void *field, size_t size)
{
    (void)cmd;
    struct part *p = part_of(settings);
    unsigned offset = offset_in(p, settings, field);
    ASSERT(size && size <= p->layout->size - offset);
    for (unsigned word = offset / WORD; word <= (offset + size - 1) / WORD; word++)
        p->set[word / 8] |= (unsigned char)(1u << (word % 8));
    p->touched = true;
}

bool part_has(const void *part, const void *field)
{
    const struct part *p = part_of(part);
    return bit_at(p->set, offset_in(p, part, field));
}

bool part_touched(const void *part)
{
    return part_of(part)->touched;
}

/* ---- what a slot does with a word when its row has no function --------------------------------------------- */

static const char *store_int(struct conf_cmd *cmd, void *field, const char *word)
{
    char *end;
    errno = 0;
    long long value = strtoll(word, &end, 10);
    bool wide = cmd->row->slot.size == sizeof(int64_t);
    if (end == word || *end || errno || (!wide && (value < INT_MIN || value > INT_MAX)))
        return conf_fault(cmd, "Invalid value for directive %s, expected integer", cmd->row->name);
    if (wide)
        *(int64_t *)field = value;
    else
        *(int *)field = (int)value;
    return NULL;
}

static const char *store_path(struct conf_cmd *cmd, const char **field, const char *word)
{
    *field = conf_path(cmd->arena, cmd->reading->root, word);
    return *field ? NULL : conf_fault(cmd, "Invalid %s path %s", cmd->row->name, word);
}

static const char *store_time(struct conf_cmd *cmd, int64_t *field, const char *word)
{
    return conf_time(word, "s", field) ? NULL : conf_fault(cmd, "%s has wrong format", cmd->row->name);
}

const char *slot_store(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const struct conf_slot *slot = &cmd->row->slot;
    if (slot->kind == SLOT_NONE)
        return NULL;
    ASSERT(settings && slot->kind != SLOT_CUSTOM);
    if (argc == 0)
        return conf_fault(cmd, "%s requires at least one argument", cmd->row->name);
    void *field = (char *)settings + slot->offset;
    switch (slot->kind) {
    case SLOT_FLAG: *(int *)field = strcasecmp(argv[0], "on") == 0; return NULL;
    case SLOT_INT: return store_int(cmd, field, argv[0]);
    case SLOT_STRING: *(const char **)field = argv[0]; return NULL;
    case SLOT_PATH: return store_path(cmd, field, argv[0]);
    case SLOT_SECONDS_US: return store_time(cmd, field, argv[0]);
    default:
        for (int i = 0; i < argc; i++)
            vec_add(cmd->arena, field, argv[i]);
        return NULL;
    }
}
