/* Alias and Redirect: how they are written and merged. httpd's mod_alias.c. */
#include "alias.h"
#include "core.h"
#include "names.h"
#include "proxy.h"

#include <ctype.h>
#include <strings.h>

static const char *compile(struct conf_cmd *cmd, struct alias *alias)
{
    const char *error;

    alias->regex = regex_compile(cmd->arena, alias->fake, cmd->reading->regex_flags, &error);
    return alias->regex ? NULL : "Regular expression could not be compiled.";
}

/* ---- Alias, AliasMatch ---- */

static void warn_of_overlap(struct conf_cmd *cmd, const struct vec *aliases, const char *fake)
{
    for (unsigned i = 0; i < aliases->n; i++) {
        const struct alias *a = aliases->items[i];
        if (a->regex ? regex_search(a->regex, span_of(fake), NULL) != REGEX_YES : !proxy_alias_match(fake, a->fake))
            continue;
        conf_note(cmd, LEVEL_WARN, LOG_ALIAS, 671,
                  "The %s directive in %s at line %d will probably never match because it overlaps an earlier Alias%s.",
                  cmd->row->name, cmd->node->file, cmd->node->line, a->regex ? "Match" : "");
        return;
    }
}

static const char *add_alias(struct conf_cmd *cmd, char **argv, bool match)
{
    struct alias_site *site = site_part(cmd->site, &alias_module);
    struct alias *alias = arena_alloc(cmd->arena, sizeof(*alias));
    const char *fault;

    if (cmd->section)
        return conf_fault(cmd, "%s cannot occur within directory context", cmd->row->name);
    *alias = (struct alias){ .fake = argv[0], .real = argv[1] };
    fault = match ? compile(cmd, alias) : NULL;
    if (fault)
        return fault;
    if (!match)
        warn_of_overlap(cmd, &site->aliases, alias->fake);
    vec_add(cmd->arena, &site->aliases, alias);
    conf_touch(cmd, site, &site->aliases);
    return NULL;
}

/* A file that has such a line for its stock of programs can be taken all the same; they are not run, nor shown. */
static const char *add_script_alias(struct conf_cmd *cmd, char **argv, bool match)
{
    struct alias_site *site = site_part(cmd->site, &alias_module);
    const char *fault = add_alias(cmd, argv, match);

    if (fault)
        return fault;
    ((struct alias *)site->aliases.items[site->aliases.n - 1])->script = true;
    core_note_scripts(cmd, argv[0]);
    return NULL;
}

static const char *set_script_alias(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return argv[1] ? add_script_alias(cmd, argv, false) : names_refuse(cmd);
}

static const char *set_script_alias_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add_script_alias(cmd, argv, true);
}

/* The whole place at once, by an expression. */
static const char *set_place_alias(struct conf_cmd *cmd, const char *text)
{
    static const char *const names[] = {
        [SECTION_DIRECTORY] = "Directory", [SECTION_FILES] = "Files", [SECTION_IF] = "If", [SECTION_PROXY] = "Proxy"
    };
    struct alias_place *place = place_part(cmd->place, &alias_module);
    const char *error = NULL;

    if (!cmd->section)
        return "Alias must have two arguments when used globally";
    if (cmd->section->kind != SECTION_LOCATION)
        return conf_fault(cmd, "Alias cannot occur within <%s> section", names[cmd->section->kind]);
    place->alias = vars_compile(cmd, text, EXPR_STRING, &error);
    if (!place->alias)
        return conf_fault(cmd, "Cannot parse alias expression '%s': %s", text, error);
    place->alias_fake = cmd->section->regex ? NULL : cmd->section->pattern;
    conf_touch(cmd, place, &place->alias);
    conf_touch(cmd, place, &place->alias_fake);
    return NULL;
}

static const char *set_alias(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return argv[1] ? add_alias(cmd, argv, false) : set_place_alias(cmd, argv[0]);
}

static const char *set_alias_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add_alias(cmd, argv, true);
}

/* ---- Redirect and its kin ---- */

enum first_word { OTHER, REDIRECTS, ENDS /* a status without a URL */ };

static enum first_word read_status(const char *word, int *status)
{
    static const struct core_word words[] = {
        { "permanent", 301 }, { "temp", 302 }, { "seeother", 303 }, { "gone", 410 }
    };

    if (isdigit((unsigned char)*word))
        *status = core_number(word);
    else if (!core_find_word(words, COUNT_OF(words), word, status))
        return OTHER;
    return core_is_redirect(*status) ? REDIRECTS : ENDS;
}

static const char *set_place_redirect(struct conf_cmd *cmd, const char *text, int status)
{
    struct alias_place *place = place_part(cmd->place, &alias_module);
    const char *error = NULL;

    place->redirect = text ? vars_compile(cmd, text, EXPR_STRING, &error) : NULL;
    if (text && !place->redirect)
        return conf_fault(cmd, "Cannot parse redirect expression '%s': %s", text, error);
    place->redirect_status = status;
    conf_touch(cmd, place, &place->redirect);
    conf_touch(cmd, place, &place->redirect_status);
    return NULL;
}

static const char *add_to_list(struct conf_cmd *cmd, struct alias *alias)
{
    struct alias_site *site = site_part(cmd->site, &alias_module);
    struct alias_place *place = place_part(cmd->place, &alias_module);

    if (cmd->section) {
        vec_add(cmd->arena, &place->redirects, alias);
        conf_touch(cmd, place, &place->redirects);
    } else {
        vec_add(cmd->arena, &site->redirects, alias);
        conf_touch(cmd, site, &site->redirects);
    }
    return NULL;
}

static const char *check_target(const struct alias *alias, bool match)
{
    if (!core_is_redirect(alias->status))
        return alias->real ? "Redirect URL not valid for this status" : NULL;
    if (!alias->real)
        return "URL to redirect to is missing";
    return match || *alias->real == '/' || core_is_url(alias->real) ? NULL : "Redirect to non-URL";
}

/* [status] path [url], and inside a section [status] url or a status alone. */
static const char *add_redirect(struct conf_cmd *cmd, char **argv, int status, bool match)
{
    struct alias *alias = arena_alloc(cmd->arena, sizeof(*alias));
    enum first_word first = read_status(argv[0], &status);
    const char *fault;

    if (argv[1] && argv[2] && first == OTHER)
        return "Redirect: invalid first argument (of three)";
    if (cmd->section && first == OTHER && !argv[1])
        return set_place_redirect(cmd, argv[0], status);
    if (cmd->section && first == REDIRECTS && argv[1] && !argv[2])
        return set_place_redirect(cmd, argv[1], status);
    if (cmd->section && first == ENDS && !argv[1])
        return set_place_redirect(cmd, NULL, status);
    *alias = (struct alias){ .fake = argv[first != OTHER], .status = status };
    alias->real = first == OTHER ? argv[1] : alias->fake ? argv[2] : NULL;
    fault = match && alias->fake ? compile(cmd, alias) : NULL;
    if (!fault)
        fault = check_target(alias, match);
    return fault || !alias->fake ? fault : add_to_list(cmd, alias);
}

static const char *set_redirect(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add_redirect(cmd, argv, 302, false);
}

static const char *set_redirect_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return add_redirect(cmd, argv, 302, true);
}

static const char *set_two(struct conf_cmd *cmd, char **argv, int status)
{
    char *three[] = { argv[0], argv[1], NULL };
    return add_redirect(cmd, three, status, false);
}

static const char *set_temporary(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_two(cmd, argv, 302);
}

static const char *set_permanent(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_two(cmd, argv, 301);
}

/* ---- merging: what is nearer comes first ---- */

static void prepend(struct arena *a, struct vec *merged, const struct vec *base, const struct vec *over)
{
    *merged = (struct vec){ 0 };
    vec_append(a, merged, over);
    vec_append(a, merged, base);
}

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct alias_site *b = base, *o = over;
    struct alias_site *m = merged;

    prepend(a, &m->aliases, &b->aliases, &o->aliases);
    prepend(a, &m->redirects, &b->redirects, &o->redirects);
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct alias_place *b = base, *o = over;

    prepend(a, &((struct alias_place *)merged)->redirects, &b->redirects, &o->redirects);
}

#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }

static const struct directive rows[] = {
    { "Alias", IN_ANY | IN_LIMIT, ARGS_12, set_alias, NO_SLOT,
      "a fakename and a realname, or a realname in a Location" },
    { "AliasMatch", IN_SITES, ARGS_2, set_alias_match, NO_SLOT, "a regular expression and a filename" },
    { "AliasPreservePath", OR_FILEINFO, ARGS_FLAG, NULL, PLACE_SLOT(SLOT_FLAG, struct alias_place, preserve_path),
      "Set to ON to map the full path after the fakename to the realname." },
    { "Redirect", OR_FILEINFO, ARGS_123, set_redirect, NO_SLOT,
      "an optional status, then document to be redirected and destination URL" },
    { "RedirectMatch", OR_FILEINFO, ARGS_23, set_redirect_match, NO_SLOT,
      "an optional status, then a regular expression and destination URL" },
    { "RedirectPermanent", OR_FILEINFO, ARGS_2, set_permanent, NO_SLOT,
      "a document to be redirected, then the destination URL" },
    { "RedirectTemp", OR_FILEINFO, ARGS_2, set_temporary, NO_SLOT,
      "a document to be redirected, then the destination URL" },
    { "RedirectRelative", OR_FILEINFO, ARGS_FLAG, NULL, PLACE_SLOT(SLOT_FLAG, struct alias_place, relative),
      "Set to ON to allow relative redirect targets to be issued as-is" },
    { "ScriptAlias", IN_ANY | IN_LIMIT, ARGS_12, set_script_alias, NO_SLOT,
      "a fakename and a realname, or a realname in a Location", CONF_WORKS, WHY_SCRIPTS },
    { "ScriptAliasMatch", IN_SITES, ARGS_2, set_script_alias_match, NO_SLOT, "a regular expression and a filename" },
    { 0 },
};

struct module alias_module = {
    .name = "alias_module",
    .source = "mod_alias.c",
    .directives = rows,
    .site_size = sizeof(struct alias_site),
    .place_size = sizeof(struct alias_place),
    .merge_site = merge_site,
    .merge_place = merge_place,
};
