/* Text -> pointer: entries in order of insertion, and an open-addressed table of their numbers.
 * Keys may come from peers, so they are hashed with SipHash-1-3 under a key drawn once a process. */
#include "base.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#define MAP_MAGIC  0x3a9b5e11u
#define FIRST_SIZE 8
#define FREE       0u /* of the table; entry i is i + 1 */

struct entry {
    char *key; /* NULL once removed: its place in the table stays taken until the next rebuild */
    void *value;
    uint64_t hash;
};

struct map {
    uint32_t magic;
    enum map_case mode;
    struct entry *entries; /* in order of insertion, with gaps */
    uint32_t *table;       /* size is a power of two and at least 4/3 of used */
    unsigned used, alive, size;
};

/* ---- SipHash-1-3 (Aumasson, Bernstein 2012) ---------------------------------------------------------------- */

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    ASSERT(getrandom(seed, sizeof(seed), 0) == sizeof(seed));
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static uint64_t hash(const struct map *m, const char *key)
{
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261,
                      seed[1] ^ 0x7465646279746573 };
    uint64_t word = 0;
    size_t n;

    for (n = 0; key[n]; n++) {
        unsigned char c = (unsigned char)key[n];

        if (m->mode == MAP_NOCASE && c >= 'A' && c <= 'Z')
            c |= 0x20;
        word |= (uint64_t)c << (n % 8 * 8);
        if (n % 8 == 7)
            sip_word(v, word), word = 0;
    }
    sip_word(v, word | (uint64_t)n << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static bool same_key(const struct map *m, const char *a, const char *b)
{
    return m->mode == MAP_EXACT ? strcmp(a, b) == 0 : span_ieq(span_of(a), span_of(b));
}

static struct entry *find(const struct map *m, const char *key, uint64_t h)
{
    unsigned mask = m->size - 1;

    for (unsigned i = (unsigned)h & mask; m->table[i] != FREE; i = (i + 1) & mask) {
        struct entry *e = &m->entries[m->table[i] - 1];

        if (e->key && e->hash == h && same_key(m, e->key, key))
            return e;
    }
    return NULL;
}

static void place(struct map *m, unsigned number)
{
    unsigned mask = m->size - 1, i = (unsigned)m->entries[number].hash & mask;

    while (m->table[i] != FREE)
        i = (i + 1) & mask;
    m->table[i] = number + 1;
}

/* Closes the gaps and makes the table fit what is alive, with as much room again. */
static void rebuild(struct map *m)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < m->used; i++)
        if (m->entries[i].key)
            m->entries[kept++] = m->entries[i];
    ASSERT(kept == m->alive && kept < UINT32_MAX / 8);
    m->used = kept;
    m->size = FIRST_SIZE;
    while (m->size / 4 * 3 < kept * 2)
        m->size *= 2;
    m->entries = base_realloc(m->entries, m->size / 4 * 3 * sizeof(*m->entries));
    free(m->table);
    m->table = base_alloc(m->size * sizeof(*m->table));
    for (unsigned i = 0; i < kept; i++)
        place(m, i);
}

struct map *map_new(enum map_case mode)
{
    struct map *m = base_alloc(sizeof(*m));

    pthread_once(&seed_once, draw_seed);
    m->magic = MAP_MAGIC;
    m->mode = mode;
    rebuild(m);
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    CHECK_MAGIC(m, MAP_MAGIC);
    for (unsigned i = 0; i < m->used; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->table);
    m->magic = 0;
    free(m);
}

void *map_get(const struct map *m, const char *key)
{
    const struct entry *e;

    CHECK_MAGIC(m, MAP_MAGIC);
    e = find(m, key, hash(m, key));
    return e ? e->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    uint64_t h;
    struct entry *e;
    void *old;

    CHECK_MAGIC(m, MAP_MAGIC);
    h = hash(m, key);
    e = find(m, key, h);
    if (e) {
        old = e->value;
        e->value = value;
        return old;
    }
    if (m->used == m->size / 4 * 3)
        rebuild(m);
    m->entries[m->used] = (struct entry){ base_strdup(key), value, h };
    place(m, m->used++);
    m->alive++;
    return NULL;
}

void *map_remove(struct map *m, const char *key)
{
    struct entry *e;

    CHECK_MAGIC(m, MAP_MAGIC);
    e = find(m, key, hash(m, key));
    if (!e)
        return NULL;
    free(e->key);
    e->key = NULL;
    m->alive--;
    return e->value;
}

/* The visitor may remove what it sees: gaps are closed only when a key is added. */
void map_each(const struct map *m, bool (*visit)(void *arg, const char *key, void *value), void *arg)
{
    CHECK_MAGIC(m, MAP_MAGIC);
    for (unsigned i = 0; i < m->used; i++)
        if (m->entries[i].key && !visit(arg, m->entries[i].key, m->entries[i].value))
            return;
}
