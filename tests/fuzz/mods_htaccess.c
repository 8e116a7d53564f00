/* .htaccess: whatever bytes a file holds, under whatever AllowOverride, it is a section that merges or a fault that
 * says why; the configuration that it is read under stays as it was. The first byte chooses what is let in. */
#include "config.h"
#include "htaccess.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct snapshot *snapshot;

static void drop_snapshot(void)
{
    snapshot_drop(snapshot);
}

static void begin(void)
{
    snapshot = load_text("LoadModule speling_module x\nServerName s\nErrorLog /dev/null\nLogLevel emerg\nDefine KNOWN "
                         "value\n<Macro Main $x>\nHeader set $x "
                         "$x\nUse Main2 $x\n</Macro>\n<Directory />\nOptions None\nRewriteEngine On\nRewriteRule ^a "
                         "b\n</Directory>\n");
    ASSERT(snapshot);
    atexit(drop_snapshot);
}

static struct conf_overrides overrides_of(unsigned char c)
{
    static char *names[] = { (char *)"Header", (char *)"<Files", (char *)"AllowMethods" };
    static const struct vec list = { (void **)names, 3, 3 };
    unsigned classes = 0;

    for (unsigned bit = 0; bit < 5; bit++)
        classes |= c >> bit & 1 ? (unsigned)OVERRIDE_AUTHCFG << bit : 0;
    return (struct conf_overrides){ .classes = c ? classes : IN_HTACCESS,
                                    .skips_forbidden = c & 32,
                                    .skips_unknown = c & 64,
                                    .options = c & 128 ? OPTION_INDEXES : OPTION_ALL,
                                    .names = c & 128 ? &list : NULL };
}

static void merge(struct arena *a, const struct section *s)
{
    struct walk w = { 0 };
    const struct place *place;

    for (unsigned i = 0; i < snapshot->main->directories.n; i++)
        walk_add(a, &w, snapshot->main->directories.items[i]);
    walk_add(a, &w, s);
    for (unsigned i = 0; i < s->inner.n; i++)
        walk_add(a, &w, s->inner.items[i]);
    place = place_merge(NULL, a, snapshot->main, &w);
    ASSERT(core_place_of(place)->override == OVERRIDE_NOT_WRITTEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct conf_local local = { 0 };
    struct conf_overrides o = overrides_of(size ? data[0] : 0);
    struct span bytes = { size ? (const char *)data + 1 : "", size ? size - 1 : 0 };
    size_t before;

    if (!snapshot)
        begin();
    before = arena_size(snapshot->arena);
    if (bytes.n <= HTACCESS_BYTES_MOST)
        conf_read_local(&local, a, snapshot->main, &o, "/srv/www/", "/srv/www/.htaccess", bytes);
    ASSERT(bytes.n > HTACCESS_BYTES_MOST || !local.section == !!local.fault);
    ASSERT(arena_size(snapshot->arena) == before);
    if (local.section)
        merge(a, local.section);
    arena_free(a);
    return 0;
}
