/* mod_rewrite: rows, settings and how they merge (mod_rewrite.c: command_table, config_server_merge,
 * config_perdir_merge). The rules are in rewrite_rule.c, what they do in rewrite_apply.c, where that leads in
 * rewrite_go.c. */
#include "rewrite.h"
#include "names.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

extern struct module rewrite_module;

const struct rewrite_site *rewrite_site_of(const struct site *s)
{
    return site_part(s, &rewrite_module);
}

const struct rewrite_place *rewrite_place_of(const struct place *p)
{
    return place_part(p, &rewrite_module);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* cmd->path of httpd: what per-directory patterns have taken off. */
static const char *directory_of(struct arena *a, const struct section *s)
{
    const char *path = s->kind == SECTION_IF ? "*If" : s->pattern;
    size_t n = strlen(path);

    return n && path[n - 1] == '/' ? path : arena_concat(a, path, "/", NULL);
}

static struct rewrite_site *own_site(struct conf_cmd *cmd)
{
    struct rewrite_site *site = site_part(cmd->site, cmd->module);

    site->owner = cmd->site;
    conf_touch(cmd, site, &site->owner);
    return site;
}

struct rewrite_list *rewrite_list_of(struct conf_cmd *cmd, void *settings)
{
    struct rewrite_site *site = own_site(cmd);
    struct rewrite_place *place = settings;

    if (!cmd->section)
        return &site->list;
    place->directory = directory_of(cmd->arena, cmd->section);
    conf_touch(cmd, place, &place->directory);
    return &place->list;
}

static const char *set_engine(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_place *place = settings;

    (void)argc;
    rewrite_list_of(cmd, settings);
    place->enabled = strcasecmp(argv[0], "on") == 0;
    return NULL;
}

static const struct {
    const char *word;
    int option;
} options[] = {
    { "inherit", OPTION_INHERIT },
    { "inheritbefore", OPTION_INHERIT_BEFORE },
    { "inheritdown", OPTION_INHERIT_DOWN },
    { "inheritdownbefore", OPTION_INHERIT_DOWN_BEFORE },
    { "ignoreinherit", OPTION_IGNORE_INHERIT },
    { "allownoslash", OPTION_NO_SLASH },
    { "allowanyuri", OPTION_ANY_URI },
    { "mergebase", OPTION_MERGE_BASE },
    { "ignorecontextinfo", OPTION_IGNORE_CONTEXT },
    { "legacyprefixdocroot", OPTION_LEGACY_PREFIX },
    { "unsafeprefixstat", OPTION_ANY_PREFIX },
};

static const char *read_option(struct conf_cmd *cmd, const char *word, int *all)
{
    for (unsigned i = 0; i < COUNT_OF(options); i++) {
        if (strcasecmp(word, options[i].word) == 0) {
            *all |= options[i].option;
            return NULL;
        }
    }
    if (strncasecmp(word, "MaxRedirects=", 13) != 0)
        return conf_fault(cmd, "RewriteOptions: unknown option '%s'", word);
    conf_note(cmd, LEVEL_WARN, LOG_REWRITE, 664,
              "RewriteOptions: MaxRedirects option has been removed in favor of the global LimitInternalRecursion "
              "directive and will be ignored.");
    return NULL;
}

static const char *set_options(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_place *place = settings;
    struct rewrite_site *site = own_site(cmd);
    const char *rest = argv[0], *word, *fault;
    int all = 0;

    (void)argc;
    while (*rest && (word = conf_word(cmd->arena, &rest)))
        if ((fault = read_option(cmd, word, &all)))
            return fault;
    rewrite_list_of(cmd, settings);
    place->options |= all;
    if (!cmd->section) {
        site->options |= all;
        conf_touch(cmd, site, &site->options);
    }
    return NULL;
}

static const char *set_base(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_place *place = settings;

    (void)argc;
    if (!cmd->section)
        return "RewriteBase: only valid in per-directory config files";
    if (argv[0][0] != '/')
        return argv[0][0] ? "RewriteBase: argument is not a valid URL" : "RewriteBase: empty URL not allowed";
    rewrite_list_of(cmd, settings);
    place->base = argv[0];
    return NULL;
}

static const struct directive rewrite_directives[] = {
    { "RewriteEngine", OR_FILEINFO, ARGS_FLAG, set_engine, PLACE_SLOT(SLOT_CUSTOM, struct rewrite_place, enabled),
      "On or Off to enable or disable (default) the whole rewriting engine", CONF_WORKS, NULL },
    { "RewriteOptions", OR_FILEINFO, ARGS_ITERATE, set_options, PLACE_SLOT(SLOT_CUSTOM, struct rewrite_place, options),
      "List of option strings to set", CONF_WORKS, NULL },
    { "RewriteBase", OR_FILEINFO, ARGS_1, set_base, PLACE_SLOT(SLOT_CUSTOM, struct rewrite_place, base),
      "the base URL of the per-directory context", CONF_WORKS, NULL },
    { "RewriteCond", OR_FILEINFO, ARGS_RAW, rewrite_set_cond, PLACE_SLOT(SLOT_CUSTOM, struct rewrite_place, list),
      "an input string and a to be applied regexp-pattern", CONF_WORKS, NULL },
    { "RewriteRule", OR_FILEINFO, ARGS_RAW, rewrite_set_rule, PLACE_SLOT(SLOT_CUSTOM, struct rewrite_place, list),
      "an URL-applied regexp-pattern and a substitution URL", CONF_WORKS, NULL },
    { "RewriteMap", IN_SITES, ARGS_23, rewrite_set_map, SITE_SLOT(SLOT_CUSTOM, struct rewrite_site, maps),
      "a mapname and a filename and options", CONF_WORKS, NULL },
    { 0 },
};

/* ---- merging ----------------------------------------------------------------------------------------------------- */

enum order { OWN_ONLY, OWN_FIRST, OWN_LAST };

static enum order order_of(int merged_options, int base_options)
{
    bool open = !(merged_options & OPTION_IGNORE_INHERIT);

    if (merged_options & OPTION_INHERIT || (open && base_options & OPTION_INHERIT_DOWN))
        return OWN_FIRST;
    if (merged_options & OPTION_INHERIT_BEFORE || (open && base_options & OPTION_INHERIT_DOWN_BEFORE))
        return OWN_LAST;
    return OWN_ONLY;
}

static struct vec join(struct arena *a, const struct vec *first, const struct vec *second)
{
    struct vec all = { 0 };

    vec_append(a, &all, first);
    vec_append(a, &all, second);
    return all;
}

static void merge_list(struct arena *a, enum order order, struct rewrite_list *merged, const struct rewrite_list *base,
                       const struct rewrite_list *over)
{
    *merged = *over;
    if (order == OWN_ONLY)
        return;
    merged->rules = order == OWN_FIRST ? join(a, &over->rules, &base->rules) : join(a, &base->rules, &over->rules);
    merged->asks_map |= base->asks_map;
    merged->looks_ahead |= base->looks_ahead;
}

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct rewrite_site *b = base, *o = over;
    struct rewrite_site *m = merged;
    enum order order = order_of(m->options, b->options);

    if (!o->owner)
        return;
    merge_list(a, order, &m->list, &b->list, &o->list);
    if (order == OWN_FIRST) /* of two maps of one name the last one counts */
        m->maps = join(a, &b->maps, &o->maps);
    else
        m->maps = order == OWN_LAST ? join(a, &o->maps, &b->maps) : o->maps;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct rewrite_place *b = base, *o = over;
    struct rewrite_place *m = merged;

    merge_list(a, order_of(m->options, b->options), &m->list, &b->list, &o->list);
    m->directory = o->directory;
    if (!(m->options & OPTION_MERGE_BASE))
        m->base = o->base;
}

/* ---- once all is read ---------------------------------------------------------------------------------------------
 */

/* httpd starts the programs as root, or as whom the third word names; here everything runs as User. */
static const char *check_program(struct snapshot_build *b, const struct rewrite_map *m)
{
    const char *user = core_site_of(b->snapshot->main)->user;

    if (m->user && (!user || strcmp(m->user, user) != 0))
        return arena_printf(b->arena,
                            "RewriteMap %s: refused: programs run as User, not as %s / "
                            "RewriteMap %s: プログラムは User の権限で動きます (%s では動かせません)",
                            m->name, m->user, m->name, m->user);
    if (access(m->path, X_OK) != 0)
        return arena_printf(b->arena, "AH00654: mod_rewrite: could not start RewriteMap program %s: %s", m->path,
                            strerror(errno));
    return NULL;
}

static const char *finish_site(struct snapshot_build *b, struct site *site)
{
    struct rewrite_site *own = site_part(site, &rewrite_module);
    bool runs = own->owner == site && rewrite_place_of(&site->place)->enabled;
    const char *fault = NULL;

    own->proxy_loaded = conf_module_present(b->snapshot->reading, "mod_proxy.c");
    for (unsigned i = 0; i < own->maps.n && !fault; i++) {
        struct rewrite_map *m = own->maps.items[i];
        own->asks_program |= m->kind == MAP_PROGRAM;
        m->started |= m->kind == MAP_PROGRAM && runs;
        fault = m->kind == MAP_PROGRAM ? check_program(b, m) : NULL;
    }
    return fault;
}

struct module rewrite_module = {
    .name = "rewrite_module",
    .source = "mod_rewrite.c",
    .directives = rewrite_directives,
    .site_size = sizeof(struct rewrite_site),
    .place_size = sizeof(struct rewrite_place),
    .merge_site = merge_site,
    .merge_place = merge_place,
    .finish_site = finish_site,
};

/* ---- programs, and who waits for them ------------------------------------------------------------------------------
 */

static void start_programs(const struct site *site)
{
    const struct vec *maps = &rewrite_site_of(site)->maps;

    for (unsigned i = 0; i < maps->n; i++) {
        const struct rewrite_map *m = maps->items[i];
        int error = m->started ? rewrite_program_start(m->program) : 0;
        if (error)
            LOG_AT(&site->log, LOG_REWRITE, LEVEL_ERROR, 654, error, NULL,
                   "mod_rewrite: could not start RewriteMap program %s", m->path);
    }
}

void rewrite_start(const struct snapshot *s)
{
    for (unsigned i = 0; i < snapshot_sites(s); i++)
        start_programs(snapshot_site(s, i));
}

static bool blocks(const struct request *r, const struct rewrite_list *list)
{
    return list->looks_ahead || (list->asks_map && rewrite_site_of(r->site)->asks_program);
}

bool rewrite_translate_blocks(const struct request *r)
{
    return rewrite_place_of(r->place)->enabled && blocks(r, &rewrite_site_of(r->site)->list);
}

bool rewrite_place_blocks(const struct request *r)
{
    const struct rewrite_place *place = rewrite_place_of(r->place);

    return place->enabled && place->directory && blocks(r, &place->list);
}

/* ---- for the log ---------------------------------------------------------------------------------------------------
 */

const char *rewrite_log_prefix(const struct request *r, const char *directory)
{
    const char *user = !r->user ? "-" : *r->user ? r->user : "\"\"";
    unsigned redirects = 0;

    for (const struct request *p = r->previous; p; p = p->previous)
        redirects++;
    return arena_printf(r->arena, "%s - %s [%s/sid#%lx][rid#%lx/%s%s] %s%s%s", r->client_ip, user,
                        request_server_name(r), (unsigned long)(uintptr_t)r->site, (unsigned long)(uintptr_t)r,
                        r->main || r->looked_from ? "subreq" : "initial",
                        redirects ? arena_printf(r->arena, "/redir#%u", redirects) : "", directory ? "[perdir " : "",
                        directory ? directory : "", directory ? "] " : "");
}
