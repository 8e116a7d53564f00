/* A hostile configuration over a small table of rows: loaded, listed, walked and merged. No name is looked up. */
#include "conf.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_site {
    int flag, number;
    int64_t time_us;
    const char *string, *path;
    struct vec list;
};
struct fuzz_place {
    const char *string;
    struct vec list;
};

static const char *take_any(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    ASSERT(settings == NULL && argv[argc] == NULL);
    return argc > 9 ? conf_fault(cmd, "%s: %d words", cmd->row->name, argc) : NULL;
}

static const char *name_server(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    cmd->site->server_name = argv[0];
    return NULL;
}

static const char *add_alias(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    vec_add(cmd->arena, strpbrk(argv[0], "*?") ? &cmd->site->wild_aliases : &cmd->site->aliases, argv[0]);
    return NULL;
}

static const char *open_site(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    if (argv[0][strspn(argv[0], "0123456789.:[]*_default \t")])
        return "only numbers here";
    for (const char *p = argv[0]; *p; p++) /* letters only as _default_: others would be looked up */
        if (strchr("adeflut", *p) && !strstr(argv[0], "_default_"))
            return "only numbers here";
    const char *fault = conf_open_site(cmd, argv[0]);
    cmd->site->server_name = "fuzz.test";
    return fault;
}

static const char *open_section(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const enum section_kind kinds[] = { ['L'] = SECTION_LOCATION,
                                               ['D'] = SECTION_DIRECTORY,
                                               ['F'] = SECTION_FILES,
                                               ['P'] = SECTION_PROXY,
                                               ['I'] = SECTION_IF };
    (void)settings, (void)argc;
    const char *rest = argv[0];
    char *word = conf_word(cmd->arena, &rest);
    if (!word)
        return "requires additional arguments";
    struct section *s = conf_open(cmd, kinds[(unsigned char)cmd->row->name[1]], word, NULL);
    if (s->kind == SECTION_IF)
        s->condition = (const struct expr *)(const void *)s->pattern;
    return NULL;
}

static const char *open_else(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    struct section *before = conf_last_if(cmd);
    if (!before)
        return "no if";
    conf_open(cmd, SECTION_IF, "", NULL)->otherwise_of = before;
    return NULL;
}

static const char *open_limit(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    return conf_apply_inside(cmd, cmd->methods << 1, cmd);
}

#define SITE(kind, field)  SITE_SLOT(kind, struct fuzz_site, field)
#define PLACE(kind, field) PLACE_SLOT(kind, struct fuzz_place, field)
static const struct directive rows[] = {
    { "Flag", IN_SITES, ARGS_FLAG, NULL, SITE(SLOT_FLAG, flag), "flag" },
    { "Number", IN_SITES, ARGS_1, NULL, SITE(SLOT_INT, number), "number" },
    { "Time", IN_SITES, ARGS_1, NULL, SITE(SLOT_SECONDS_US, time_us), "time" },
    { "String", IN_SITES, ARGS_1, NULL, SITE(SLOT_STRING, string), "string" },
    { "Path", IN_SITES, ARGS_1, NULL, SITE(SLOT_PATH, path), "path" },
    { "List", IN_SITES, ARGS_LIST, NULL, SITE(SLOT_LIST, list), "list" },
    { "Mark", IN_ANY, ARGS_ITERATE, NULL, PLACE(SLOT_LIST, list), "marks" },
    { "Colour", IN_ANY, ARGS_1, NULL, PLACE(SLOT_STRING, string), "colour" },
    { "Any0", IN_ANY, ARGS_NONE, take_any, { 0 }, "none" },
    { "Any2", IN_ANY, ARGS_2, take_any, { 0 }, "two" },
    { "Any12", IN_ANY, ARGS_12, take_any, { 0 }, "some" },
    { "Any13", IN_ANY, ARGS_13, take_any, { 0 }, "some" },
    { "Any123", IN_ANY, ARGS_123, take_any, { 0 }, "some" },
    { "AnyEach2", IN_ANY, ARGS_ITERATE2, take_any, { 0 }, "some" },
    { "AnyRaw", IN_GLOBAL, ARGS_RAW, take_any, { 0 }, "raw" },
    { "ServerName", IN_SITES, ARGS_1, name_server, { 0 }, "name" },
    { "ServerAlias", IN_SITES, ARGS_ITERATE, add_alias, { 0 }, "names" },
    { "Idle", IN_ANY, ARGS_1, NULL, { 0 }, "idle", CONF_NO_EFFECT, "it is idle / 何もしません" },
    { "Refused", IN_ANY, ARGS_1, NULL, { 0 }, "refused", CONF_REFUSED, NULL },
    { "<VirtualHost", IN_GLOBAL, ARGS_SECTION, open_site, { 0 }, "addresses" },
    { "<Location", IN_SITES, ARGS_SECTION, open_section, { 0 }, "path" },
    { "<Directory", IN_SITES, ARGS_SECTION, open_section, { 0 }, "path" },
    { "<Files", IN_SITES | IN_DIRECTORY | IN_IF, ARGS_SECTION, open_section, { 0 }, "name" },
    { "<Proxy", IN_SITES, ARGS_SECTION, open_section, { 0 }, "URL" },
    { "<If", IN_ANY, ARGS_SECTION, open_section, { 0 }, "condition" },
    { "<Else", IN_ANY, ARGS_SECTION, open_else, { 0 }, NULL },
    { "<Limit", IN_PLACES, ARGS_SECTION, open_limit, { 0 }, "methods" },
    { 0 },
};
static struct module fuzz_module = {
    .name = "fuzz_module",
    .source = "mod_fuzz.c",
    .directives = rows,
    .site_size = sizeof(struct fuzz_site),
    .place_size = sizeof(struct fuzz_place),
};
static const struct module *const modules[] = { &fuzz_module, NULL };

static void walk_list(struct arena *a, struct walk *w, const struct vec *list, struct span text)
{
    for (unsigned i = 0; i < list->n; i++)
        if (section_matches(list->items[i], text, NULL))
            walk_add(a, w, list->items[i]);
}

static void use_site(struct place_memo *memo, const struct site *site, struct span text)
{
    struct arena *a = arena_new();
    struct walk w = { 0 };
    walk_list(a, &w, &site->directories, text);
    walk_list(a, &w, &site->files, text);
    walk_list(a, &w, &site->locations, text);
    walk_list(a, &w, &site->proxies, text);
    const struct place *p = place_merge(memo, a, site, &w);
    ASSERT(w.n > 0 || p == &site->place);
    arena_free(a);
}

/* The input's last line, a comment, is the name that is walked, and the Host that chooses. */
static void use(const struct snapshot *s, struct span last)
{
    static const unsigned char local[16] = { 127, 0, 0, 1 };
    struct place_memo *memo = place_memo_new(s);
    struct buf out = { 0 };
    char host[256];
    snprintf(host, sizeof(host), "%.*s", (int)(last.n < 255 ? last.n : 255), last.p);
    use_site(memo, site_choose(snapshot_choose(s, 4, local, 80), host, 80), last);
    use_site(memo, site_choose(snapshot_choose(s, 6, local, 443), NULL, 443), last);
    for (unsigned i = 0; i < s->sites.n; i++)
        use_site(memo, s->sites.items[i], last);
    snapshot_dump_sites(s, &out);
    buf_release(&out);
    place_memo_free(memo);
}

static const char *give(void *ctx, const char *path, size_t *n)
{
    const struct span *text = ctx;
    *n = text->n;
    return strcmp(path, "/fuzz.conf") == 0 ? text->p : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    const char *before[] = { "ServerName fuzz.test" }; /* else the machine's name is looked up */
    struct conf_options o = { .file = "/fuzz.conf", .root = "/", .modules = modules, .version = "2.4.62" };
    o.before = before;
    o.n_before = 1;
    o.load = give;
    o.load_ctx = &text;
    o.max_bytes = (size_t)1 << 20;
    struct arena *a = arena_new();
    struct conf_error error = { 0 };
    struct snapshot *s = conf_load(&o, a, &error);
    ASSERT(s || error.text);
    if (s) {
        const char *hash = size ? memrchr(text.p, '#', size) : NULL;
        use(s, hash ? (struct span){ hash + 1, (size_t)(text.p + size - hash - 1) } : text);
    }
    snapshot_drop(s);
    arena_free(a);
    return 0;
}
