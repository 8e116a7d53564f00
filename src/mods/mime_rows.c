/* mod_mime's lines: what a file's extensions mean, and how sections merge it. httpd's mod_mime.c. */
#include "core.h"
#include "mime.h"
#include "names.h"

#include <ctype.h>
#include <strings.h>

static char *lower(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static void free_map(void *map)
{
    map_free(map);
}

struct map *mime_map(struct arena *a)
{
    struct map *map = map_new(MAP_EXACT);

    arena_on_free(a, free_map, map);
    return map;
}

/* ---- rows ---- */

static const char *add(struct conf_cmd *cmd, enum mime_kind kind, const char *value, const char *extension)
{
    struct mime_place *place = place_part(cmd->place, &mime_module);
    const char *key = lower(cmd->arena, extension + (*extension == '.'));
    struct mime_extension *known;

    if (!place->extensions)
        place->extensions = mime_map(cmd->arena);
    known = map_get(place->extensions, key);
    if (!known) {
        known = arena_alloc(cmd->arena, sizeof(*known));
        map_set(place->extensions, key, known);
    }
    known->of[kind] = lower(cmd->arena, value);
    conf_touch(cmd, place, &place->extensions);
    return NULL;
}

static const char *take_away(struct conf_cmd *cmd, enum mime_kind kind, const char *extension)
{
    struct mime_place *place = place_part(cmd->place, &mime_module);
    struct mime_removal *removal = arena_alloc(cmd->arena, sizeof(*removal));

    *removal = (struct mime_removal){ lower(cmd->arena, extension + (*extension == '.')), kind };
    vec_add(cmd->arena, &place->removals, removal);
    conf_touch(cmd, place, &place->removals);
    return NULL;
}

#define ADDS(name, kind)                                                                                               \
    static const char *name(struct conf_cmd *cmd, void *settings, int argc, char **argv)                               \
    {                                                                                                                  \
        (void)settings, (void)argc;                                                                                    \
        return add(cmd, kind, argv[0], argv[1]);                                                                       \
    }
#define REMOVES(name, kind)                                                                                            \
    static const char *name(struct conf_cmd *cmd, void *settings, int argc, char **argv)                               \
    {                                                                                                                  \
        (void)settings, (void)argc;                                                                                    \
        return take_away(cmd, kind, argv[0]);                                                                          \
    }
ADDS(add_charset, MIME_CHARSET)
ADDS(add_language, MIME_LANGUAGE)
ADDS(add_encoding, MIME_ENCODING)
REMOVES(remove_charset, MIME_CHARSET)
REMOVES(remove_language, MIME_LANGUAGE)
REMOVES(remove_encoding, MIME_ENCODING)
REMOVES(remove_handler, MIME_HANDLER)
REMOVES(remove_filters, MIME_FILTERS)

/* PHP's type is a handler's name too. */
static const char *add_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    core_note_handler(cmd, argv[0]);
    return add(cmd, MIME_TYPE, argv[0], argv[1]);
}

static const char *remove_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add(cmd, MIME_TYPE, "", argv[0]);
}

static const char *add_filters(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add(cmd, MIME_FILTERS, lower(cmd->arena, filter_read_names(cmd, argv[0])), argv[1]);
}

/* One that would run files, or choose among them, answers with an error, for they are not to be sent as they are. */
static const char *add_handler(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    if (!core_note_handler(cmd, argv[0]) && !core_is_handler(lower(cmd->arena, argv[0])))
        return names_refuse(cmd);
    return add(cmd, MIME_HANDLER, argv[0], argv[1]);
}

static const char *set_views_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = {
        { "Any", 1 }, { "NegotiatedOnly", 1 }, { "Filters", 1 }, { "Handlers", 1 }
    };
    int value;

    (void)settings, (void)argc;
    return core_find_word(words, COUNT_OF(words), argv[0], &value)
               ? NULL
               : conf_fault(cmd, "Unrecognized option '%s'", argv[0]);
}

/* ---- merging ---- */

struct copying {
    struct arena *arena;
    struct map *to;
};

static bool overlay(void *arg, const char *key, void *value)
{
    struct copying *c = arg;
    const struct mime_extension *over = value;
    struct mime_extension *both = arena_alloc(c->arena, sizeof(*both)), *under = map_get(c->to, key);

    if (under)
        *both = *under;
    for (int i = 0; i < MIME_KINDS; i++)
        if (over->of[i])
            both->of[i] = over->of[i];
    map_set(c->to, key, both);
    return true;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct mime_place *b = base, *o = over;
    struct mime_place *m = merged;
    struct copying c = { a, NULL };

    m->removals = (struct vec){ 0 };
    m->extensions = b->extensions;
    if (!o->extensions && !(o->removals.n && b->extensions))
        return;
    m->extensions = c.to = mime_map(a);
    if (b->extensions)
        map_each(b->extensions, overlay, &c);
    if (o->extensions)
        map_each(o->extensions, overlay, &c);
    for (unsigned i = 0; i < o->removals.n; i++) {
        const struct mime_removal *removal = o->removals.items[i];
        struct mime_extension *known = map_get(c.to, removal->extension);
        if (known)
            known->of[removal->kind] = NULL;
    }
}

#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define EXTENSIONS "one or more file extensions"

static const struct directive rows[] = {
    { "AddCharset", OR_FILEINFO, ARGS_ITERATE2, add_charset, NO_SLOT,
      "a charset (e.g., iso-2022-jp), followed by one or more file extensions" },
    { "AddEncoding", OR_FILEINFO, ARGS_ITERATE2, add_encoding, NO_SLOT,
      "an encoding (e.g., gzip), followed by one or more file extensions" },
    { "AddHandler", OR_FILEINFO, ARGS_ITERATE2, add_handler, NO_SLOT,
      "a handler name followed by one or more file extensions", CONF_WORKS, WHY_HANDLER },
    REFUSED("AddInputFilter", OR_FILEINFO, WHY_NO_INPUT),
    { "AddLanguage", OR_FILEINFO, ARGS_ITERATE2, add_language, NO_SLOT,
      "a language (e.g., fr), followed by one or more file extensions" },
    { "AddOutputFilter", OR_FILEINFO, ARGS_ITERATE2, add_filters, NO_SLOT,
      "output filter name (or ; delimited names) followed by one or more file extensions" },
    { "AddType", OR_FILEINFO, ARGS_ITERATE2, add_type, NO_SLOT, "a mime type followed by one or more file extensions" },
    { "DefaultLanguage", OR_FILEINFO, ARGS_1, NULL, PLACE_SLOT(SLOT_STRING, struct mime_place, default_language),
      "language to use for documents with no other language file extension" },
    { "ModMimeUsePathInfo", IN_PLACES, ARGS_FLAG, NULL, PLACE_SLOT(SLOT_FLAG, struct mime_place, use_path_info),
      "Set to 'yes' to allow mod_mime to use path info for type checking" },
    { "MultiviewsMatch", OR_FILEINFO, ARGS_ITERATE, set_views_match, NO_SLOT,
      "NegotiatedOnly (default), Handlers and/or Filters, or Any", CONF_NO_EFFECT, WHY_VIEWS },
    { "RemoveCharset", OR_FILEINFO, ARGS_ITERATE, remove_charset, NO_SLOT, EXTENSIONS },
    { "RemoveEncoding", OR_FILEINFO, ARGS_ITERATE, remove_encoding, NO_SLOT, EXTENSIONS },
    { "RemoveHandler", OR_FILEINFO, ARGS_ITERATE, remove_handler, NO_SLOT, EXTENSIONS },
    INERT("RemoveInputFilter", OR_FILEINFO, ARGS_ITERATE, EXTENSIONS, WHY_FILTERS),
    { "RemoveLanguage", OR_FILEINFO, ARGS_ITERATE, remove_language, NO_SLOT, EXTENSIONS },
    { "RemoveOutputFilter", OR_FILEINFO, ARGS_ITERATE, remove_filters, NO_SLOT, EXTENSIONS },
    { "RemoveType", OR_FILEINFO, ARGS_ITERATE, remove_type, NO_SLOT, EXTENSIONS },
    { "TypesConfig", IN_SITES, ARGS_1, NULL, SITE_SLOT(SLOT_STRING, struct mime_site, types_config),
      "the MIME types config file" },
    { 0 },
};

struct module mime_module = {
    .name = "mime_module",
    .source = "mod_mime.c",
    .directives = rows,
    .site_size = sizeof(struct mime_site),
    .place_size = sizeof(struct mime_place),
    .merge_place = merge_place,
    .finish = mime_load_types,
};
