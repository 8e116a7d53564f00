/* Two made-up modules with a field of every kind, rows named as Apache's where the message matters, and a loader of
 * text. */
#ifndef WEIR_CONF_FAKE_H
#define WEIR_CONF_FAKE_H

#include "conf.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fake_site {
    int flag, number;
    int64_t wide, time_us;
    const char *string, *path;
    struct vec list;
    int custom;
    struct {
        int x, y, z;
    } pair;     /* set through conf_touch alone */
    int merges; /* counts calls of merge_site */
};
struct fake_place {
    const char *colour;
    int size;
    struct vec marks;
    int merges, untouched;
};
struct other_place {
    int level;
};

extern struct module fake_module, other_module;
static const char *finish_fault; /* what the second module's finish says */
static int finish_calls;

static void fake_site_defaults(void *site)
{
    struct fake_site *s = site;
    s->number = 7;
    s->string = "default";
}

static void fake_place_defaults(void *place)
{
    ((struct fake_place *)place)->size = 1;
}

static void fake_merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    (void)a;
    ((struct fake_site *)merged)->merges = ((const struct fake_site *)base)->merges + 1;
    assert_ptr_not_equal(merged, over);
}

static void fake_merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    (void)a, (void)over;
    ((struct fake_place *)merged)->merges = ((const struct fake_place *)base)->merges + 1;
}

static const char *set_custom(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct fake_site *s = settings;
    s->custom += argc;
    if (strcmp(argv[0], "bad") == 0)
        return conf_fault(cmd, "%s does not like %s", cmd->row->name, argv[0]);
    return NULL;
}

static const char *set_pair(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct fake_site *s = site_part(cmd->site, cmd->module);
    (void)settings, (void)argc;
    s->pair.x = atoi(argv[0]);
    s->pair.z = atoi(argv[1]);
    conf_touch(cmd, s, &s->pair);
    return NULL;
}

static const char *set_name(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    cmd->site->server_name = argv[0];
    cmd->site->named = true;
    return NULL;
}

static const char *set_alias(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    vec_add(cmd->arena, strpbrk(argv[0], "*?") ? &cmd->site->wild_aliases : &cmd->site->aliases, argv[0]);
    return NULL;
}

static char said[4096]; /* what "Say" was called with, one call a line */

static const char *say(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    size_t n = strlen(said);
    (void)cmd;
    assert_null(settings);
    assert_null(argv[argc]);
    n += (size_t)snprintf(said + n, sizeof(said) - n, "%d", argc);
    for (int i = 0; i < argc; i++)
        n += (size_t)snprintf(said + n, sizeof(said) - n, " [%s]", argv[i]);
    snprintf(said + n, sizeof(said) - n, "\n");
    return NULL;
}

static const char *open_site(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return conf_open_site(cmd, argv[0]);
}

static const char *open_kind(struct conf_cmd *cmd, enum section_kind kind, const char *raw, bool match)
{
    const char *error = NULL;
    char *word = conf_word(cmd->arena, &raw);
    struct regex *regex = NULL;
    if (!word)
        return conf_fault(cmd, "%s> directive requires additional arguments", cmd->row->name);
    if (match && !(regex = regex_compile(cmd->arena, word, 0, &error)))
        return "Regex could not be compiled";
    conf_open(cmd, kind, word, regex);
    return NULL;
}

#define OPENER(name, kind, match)                                                                                      \
    static const char *name(struct conf_cmd *cmd, void *settings, int argc, char **argv)                               \
    {                                                                                                                  \
        (void)settings, (void)argc;                                                                                    \
        return open_kind(cmd, kind, argv[0], match);                                                                   \
    }
OPENER(open_location, SECTION_LOCATION, false)
OPENER(open_location_match, SECTION_LOCATION, true)
OPENER(open_directory, SECTION_DIRECTORY, false)
OPENER(open_directory_match, SECTION_DIRECTORY, true)
OPENER(open_files, SECTION_FILES, false)
OPENER(open_files_match, SECTION_FILES, true)
OPENER(open_proxy, SECTION_PROXY, false)

static const char *open_if(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    struct section *s = conf_open(cmd, SECTION_IF, argv[0], NULL);
    s->condition = (const struct expr *)(const void *)s->pattern; /* only looked at for being there */
    return NULL;
}

static const char *open_else(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    struct section *before = conf_last_if(cmd);
    if (!before)
        return "no if before";
    conf_open(cmd, SECTION_IF, "", NULL)->otherwise_of = before;
    return NULL;
}

static const char *open_limit(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    return conf_apply_inside(cmd, 2, cmd->group);
}

static const char *open_closed(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)cmd, (void)settings, (void)argc, (void)argv;
    return NULL;
}

#define SLOT(kind, field)  SITE_SLOT(kind, struct fake_site, field)
#define PLACE(kind, field) PLACE_SLOT(kind, struct fake_place, field)
static const struct directive fake_rows[] = {
    { "Flag", IN_SITES, ARGS_FLAG, NULL, SLOT(SLOT_FLAG, flag), "On or Off" },
    { "Number", IN_SITES, ARGS_1, NULL, SLOT(SLOT_INT, number), "a number" },
    { "Wide", IN_SITES, ARGS_1, NULL, SLOT(SLOT_INT, wide), "a number" },
    { "Time", IN_SITES, ARGS_1, NULL, SLOT(SLOT_SECONDS_US, time_us), "seconds" },
    { "String", IN_SITES, ARGS_1, NULL, SLOT(SLOT_STRING, string), "The email address of the server administrator" },
    { "Path", IN_SITES, ARGS_1, NULL, SLOT(SLOT_PATH, path), "a path" },
    { "List", IN_SITES, ARGS_ITERATE, NULL, SLOT(SLOT_LIST, list), "words" },
    { "AlsoList", IN_SITES, ARGS_1, NULL, SLOT(SLOT_LIST, list), "a word" },
    { "Custom", IN_SITES, ARGS_1, set_custom, SLOT(SLOT_CUSTOM, custom), "anything" },
    { "Pair", IN_SITES, ARGS_2, set_pair, { 0 }, "x z" },
    { "ServerName", IN_SITES, ARGS_1, set_name, { 0 }, "a name" },
    { "ServerAlias", IN_SITE, ARGS_ITERATE, set_alias, { 0 }, "names" },
    { "Colour", IN_ANY, ARGS_1, NULL, PLACE(SLOT_STRING, colour), "a colour" },
    { "Size", IN_PLACES, ARGS_1, NULL, PLACE(SLOT_INT, size), "a size" },
    { "Mark", IN_ANY, ARGS_ITERATE, NULL, PLACE(SLOT_LIST, marks), "marks" },
    { "ProxyPass", IN_SITES | IN_LOCATION | IN_PROXY, ARGS_RAW, say, { 0 }, NULL },
    { "Listen", IN_GLOBAL, ARGS_LIST, say, { 0 }, NULL },
    { "AllowOverride", IN_PLACES, ARGS_RAW, say, { 0 }, NULL },
    { "Say0", IN_ANY, ARGS_NONE, say, { 0 }, "help" },
    { "Say1", IN_ANY, ARGS_1, say, { 0 }, "help" },
    { "Say1Bare", IN_ANY, ARGS_1, say, { 0 }, NULL },
    { "Say2", IN_ANY, ARGS_2, say, { 0 }, "help" },
    { "Say3", IN_ANY, ARGS_3, say, { 0 }, "help" },
    { "Say12", IN_ANY, ARGS_12, say, { 0 }, "help" },
    { "Say13", IN_ANY, ARGS_13, say, { 0 }, "help" },
    { "Say23", IN_ANY, ARGS_23, say, { 0 }, "help" },
    { "Say123", IN_ANY, ARGS_123, say, { 0 }, "help" },
    { "SayFlag", IN_ANY, ARGS_FLAG, say, { 0 }, "help" },
    { "SayEach", IN_ANY, ARGS_ITERATE, say, { 0 }, "help" },
    { "SayEach2", IN_ANY, ARGS_ITERATE2, say, { 0 }, "help" },
    { "SayList", IN_ANY, ARGS_LIST, say, { 0 }, "help" },
    { "SayRaw", IN_ANY, ARGS_RAW, say, { 0 }, "help" },
    { "StartServers",
      IN_GLOBAL,
      ARGS_1,
      NULL,
      { 0 },
      "help",
      CONF_NO_EFFECT,
      "threads are counted otherwise / 別の方法" },
    { "SSLEngine", IN_ANY, ARGS_FLAG, NULL, { 0 }, "help", CONF_REFUSED, "TLS is not built in yet / TLS は未対応" },
    { "<Forbidden", IN_ANY, ARGS_SECTION, NULL, { 0 }, "help", CONF_REFUSED, "too dangerous" },
    { "<VirtualHost", IN_GLOBAL, ARGS_SECTION, open_site, { 0 }, "addresses" },
    { "<Location", IN_SITES, ARGS_SECTION, open_location, { 0 }, "a path" },
    { "<LocationMatch", IN_SITES, ARGS_SECTION, open_location_match, { 0 }, "a pattern" },
    { "<Directory", IN_SITES, ARGS_SECTION, open_directory, { 0 }, "a path" },
    { "<DirectoryMatch", IN_SITES, ARGS_SECTION, open_directory_match, { 0 }, "a pattern" },
    { "<Files", IN_SITES | IN_DIRECTORY | IN_PROXY | IN_IF, ARGS_SECTION, open_files, { 0 }, "a name" },
    { "<FilesMatch", IN_SITES | IN_DIRECTORY | IN_IF, ARGS_SECTION, open_files_match, { 0 }, "a pattern" },
    { "<Proxy", IN_SITES, ARGS_SECTION, open_proxy, { 0 }, "a URL" },
    { "<If", IN_ANY, ARGS_SECTION, open_if, { 0 }, "a condition" },
    { "<Else", IN_ANY, ARGS_SECTION, open_else, { 0 }, NULL },
    { "<Limit", IN_PLACES, ARGS_SECTION, open_limit, { 0 }, "methods" },
    { "<Closed", IN_ANY, ARGS_SECTION, open_closed, { 0 }, NULL },
    { 0 },
};
static const struct directive other_rows[] = {
    { "Level", IN_ANY, ARGS_1, NULL, PLACE_SLOT(SLOT_INT, struct other_place, level), "a level" },
    { "Size", IN_ANY, ARGS_1, NULL, PLACE_SLOT(SLOT_INT, struct other_place, level), "shared with the other module" },
    { 0 },
};

static const char *other_finish(struct snapshot_build *b)
{
    assert_non_null(b->snapshot->main->server_name);
    finish_calls++;
    return finish_fault;
}

struct module fake_module = {
    .name = "fake_module",
    .source = "mod_fake.c",
    .directives = fake_rows,
    .site_size = sizeof(struct fake_site),
    .place_size = sizeof(struct fake_place),
    .site_defaults = fake_site_defaults,
    .place_defaults = fake_place_defaults,
    .merge_site = fake_merge_site,
    .merge_place = fake_merge_place,
    .index = 0,
};
struct module other_module = {
    .name = "other_module",
    .source = "mod_other.c",
    .directives = other_rows,
    .place_size = sizeof(struct other_place),
    .finish = other_finish,
    .index = 1,
};
static const struct module *const fake_modules[] = { &fake_module, &other_module, NULL };

/* ---- loading text -------------------------------------------------------------------------------------------- */

static char fault[8192]; /* "LINE: TEXT" of the last load that failed */

static const char *give(void *ctx, const char *path, size_t *n)
{
    if (strcmp(path, "/fake.conf") != 0)
        return NULL;
    *n = strlen(ctx);
    return ctx;
}

static struct snapshot *load(const char *text)
{
    struct arena *a = arena_new();
    struct conf_error error = { 0 };
    struct conf_options o = { .file = "/fake.conf", .root = "/tmp", .modules = fake_modules, .version = "2.4.62" };
    o.load = give;
    o.load_ctx = (void *)(uintptr_t)text;
    said[0] = fault[0] = '\0';
    struct snapshot *s = conf_load(&o, a, &error);
    if (!s)
        snprintf(fault, sizeof(fault), "%d: %s", error.line, error.text);
    arena_free(a);
    return s;
}

static inline struct snapshot *load_good(const char *text)
{
    struct snapshot *s = load(text);
    if (!s)
        print_error("%s\n", fault);
    assert_non_null(s);
    return s;
}

static inline void assert_fault(const char *text, const char *expected)
{
    struct snapshot *s = load(text);
    if (s)
        print_error("loaded: %s\n", text);
    assert_null(s);
    assert_string_equal(fault, expected);
}

static inline const struct fake_site *site_at(const struct snapshot *s, unsigned i)
{
    return site_part(s->sites.items[i], &fake_module);
}

#endif
