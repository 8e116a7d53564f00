/* The reader over hostile files, held in memory: nothing of the file system is touched. The input is up to three files,
 * parted by bytes of 1: the main one, then what "a" and "b" name. The tree must hang together. */
#include "conf.h"

#define MODULE(ident, file)                                                                                            \
    {                                                                                                                  \
        .name = ident "_module", .source = file                                                                        \
    }
static const struct directive rows[] = { { "ServerName", IN_SITES, ARGS_1, NULL, { 0 }, NULL, 0, NULL },
                                         { "<VirtualHost", IN_SITES, ARGS_SECTION, NULL, { 0 }, NULL, 0, NULL },
                                         { 0 } };
static const struct module core = { "core_module", "core.c", rows, .static_in_httpd = true };
static const struct module contained[] = { MODULE("so", "mod_so.c"), MODULE("version", "mod_version.c"),
                                           MODULE("macro", "mod_macro.c"), MODULE("ssl", "mod_ssl.c") };
static const struct module *const modules[] = {
    &core, &contained[0], &contained[1], &contained[2], &contained[3], NULL
};
static const struct other_module others[] = { { "sed_module", "mod_sed.c", NULL, false },
                                              { "php_module", "mod_php.c", "shown / 見えます", true },
                                              { 0 } };

struct files {
    struct span file[3];
};

static struct files split(const char *p, size_t n)
{
    struct files f = { 0 };
    for (int i = 0; i < 3; i++) {
        const char *end = i < 2 && n ? memchr(p, 1, n) : NULL;
        f.file[i] = (struct span){ p, end ? (size_t)(end - p) : n };
        if (!end)
            break;
        n -= f.file[i].n + 1;
        p = end + 1;
    }
    return f;
}

static const char *on_load(void *ctx, const char *path, size_t *n)
{
    static const char *const names[] = { "/conf/main", "/conf/a", "/conf/b" };
    const struct files *f = ctx;
    for (int i = 0; i < 3; i++)
        if (strcmp(path, names[i]) == 0 && f->file[i].p) {
            *n = f->file[i].n;
            return f->file[i].p;
        }
    return NULL;
}

static void check_tree(const struct conf_node *parent, int depth)
{
    ASSERT(depth <= 130);
    for (const struct conf_node *n = parent->children; n; n = n->next) {
        ASSERT(n->parent == parent && n->name && n->args && n->file && n->line > 0);
        ASSERT(n->section == (n->name[0] == '<') && (n->section || !n->children));
        check_tree(n, depth + 1);
    }
}

static void check_words(struct arena *a, const struct conf_node *parent)
{
    for (const struct conf_node *n = parent->children; n; n = n->next) {
        const char *rest = n->args, *end = rest + strlen(rest);
        int64_t us;
        char *word;
        while ((word = conf_word(a, &rest))) {
            ASSERT(rest <= end);
            ASSERT(!conf_time(word, "s", &us) || us >= 0);
            const char *path = conf_path(a, "/conf", word);
            ASSERT(!path || path[0] == '/');
        }
        ASSERT(rest == end);
        check_words(a, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct files files = split((const char *)data, size);
    const char *before[] = { "Define DEFINED value" };
    struct conf_options o = { .file = "main", .root = "/conf", .modules = modules, .version = "2.4.71" };
    o.others = others;
    o.load = on_load;
    o.load_ctx = &files;
    o.max_bytes = 1 << 20;
    o.before = before;
    o.n_before = 1;
    struct arena *a = arena_new();
    struct conf_reading r = { .options = &o, .arena = a };
    const struct conf_node *root = conf_read(&r);
    ASSERT((root != NULL) == (r.error.text == NULL));
    if (root) {
        check_tree(root, 0);
        check_words(a, root);
    } else {
        ASSERT(*conf_error_text(a, &r.error));
    }
    arena_free(a);
    return 0;
}
