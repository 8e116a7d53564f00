/* Merged places of one thread, kept as a tree: each node is its parent's place with one more section over it. Requests
 * that share their first sections share the work. */
#include "build.h"

#include <stdlib.h>

#define NODES_MAX  1024u
#define BUCKETS    2048u /* a power of two, twice the nodes */
#define MEMO_MAGIC 0x4d454d4fu

struct node {
    const struct place *parent;
    const struct section *section;
    struct place place;
};
struct place_memo {
    uint32_t magic;
    const struct snapshot *snapshot;
    struct arena *arena;
    unsigned n;
    struct node *nodes[BUCKETS];
};

struct place_memo *place_memo_new(const struct snapshot *s)
{
    CHECK_MAGIC(s, SNAPSHOT_MAGIC);
    struct place_memo *m = base_alloc(sizeof(*m));
    m->magic = MEMO_MAGIC;
    m->snapshot = s;
    m->arena = arena_new();
    return m;
}

void place_memo_free(struct place_memo *m)
{
    if (!m)
        return;
    CHECK_MAGIC(m, MEMO_MAGIC);
    arena_free(m->arena);
    m->magic = 0;
    free(m);
}

/* The slot that holds the node, or the empty one where it belongs; never full, being twice as large as the bound. */
static struct node **slot_for(struct place_memo *m, const struct place *parent, const struct section *section)
{
    uint64_t key = (uint64_t)(uintptr_t)parent / 16 * 1000003u + section->id;
    unsigned i = (unsigned)((key * 0x9e3779b97f4a7c15u) >> 32) % BUCKETS;
    while (m->nodes[i] && (m->nodes[i]->parent != parent || m->nodes[i]->section != section))
        i = (i + 1) % BUCKETS;
    return &m->nodes[i];
}

static const struct place *merge_one(struct place_memo *m, struct arena *exchange, const struct place *below,
                                     const struct section *section)
{
    struct node **slot = slot_for(m, below, section);
    ASSERT(!section->local);
    if (*slot)
        return &(*slot)->place;
    bool keep = m->n < NODES_MAX;
    struct arena *a = keep ? m->arena : exchange;
    struct node *node = arena_alloc(a, sizeof(*node));
    node->parent = below;
    node->section = section;
    place_merge_into(a, m->snapshot->modules, &node->place, below, &section->place);
    if (keep) {
        *slot = node;
        m->n++;
    }
    return &node->place;
}

static const struct place *merge_afresh(struct arena *a, const struct place *below, const struct section *section,
                                        const struct module *const *modules)
{
    struct place *merged = arena_alloc(a, sizeof(*merged));
    place_merge_into(a, modules, merged, below, &section->place);
    return merged;
}

const struct place *place_merge(struct place_memo *m, struct arena *exchange, const struct site *site,
                                const struct walk *w)
{
    const struct place *place = &site->place;
    bool known = m != NULL;
    if (m)
        CHECK_MAGIC(m, MEMO_MAGIC);
    ASSERT(!m || site->snapshot == m->snapshot);
    for (unsigned i = 0; i < w->n; i++) {
        const struct section *s = walk_at(w, i);
        known = known && !s->local;
        place = known ? merge_one(m, exchange, place, s) : merge_afresh(exchange, place, s, site->snapshot->modules);
    }
    return place;
}
