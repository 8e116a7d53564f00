/* Rows about files: Options, AllowOverride, AccessFileName, AcceptPathInfo, FileETag … httpd's core.c. */
#include "core.h"

#include <strings.h>

static const struct core_word option_words[] = {
    { "Indexes", OPTION_INDEXES },
    { "Includes", OPTION_INCLUDES | OPTION_INCLUDES_EXEC },
    { "IncludesNOEXEC", OPTION_INCLUDES },
    { "FollowSymLinks", OPTION_FOLLOW },
    { "SymLinksIfOwnerMatch", OPTION_OWNER },
    { "ExecCGI", OPTION_EXEC },
    { "MultiViews", OPTION_VIEWS },
    { "RunScripts", OPTION_VIEWS | OPTION_EXEC },
    { "None", 0 },
    { "All", OPTION_ALL },
};

void core_merge_options(struct core_options *under, const struct core_options *over)
{
    if (over->absolute) {
        *under = *over;
        return;
    }
    under->add = (under->add & ~over->remove) | over->add;
    under->remove = (under->remove & ~over->add) | over->remove;
    under->bits = (under->bits & ~under->remove) | under->add;
}

static void set_option(struct core_options *o, char action, int bits)
{
    if (action == '-') {
        o->remove |= bits, o->add &= ~bits, o->bits &= ~bits;
    } else {
        o->bits |= bits;
        if (action == '+')
            o->add |= bits, o->remove &= ~bits;
    }
}

static const char *check_alone(const char *word, bool first, bool relative)
{
    bool none = strcasecmp(word, "None") == 0;

    if (!none && strcasecmp(word, "All") != 0)
        return NULL;
    if (!first)
        return none ? "'Options None' must be the first Option given."
                    : "'Options All' must be the first option given.";
    if (relative)
        return none ? "You may not use 'Options +None' or 'Options -None'."
                    : "You may not use 'Options +All' or 'Options -All'.";
    return NULL;
}

static void note_views(struct conf_cmd *cmd, char action, int bits)
{
    if ((bits & OPTION_VIEWS) && action != '-')
        conf_note(cmd, LEVEL_NOTICE, LOG_CORE, 0,
                  "Options %s: MultiViews has no effect: Weir negotiates no contents / MultiViews "
                  "は機能しません: Weir はコンテントネゴシエーションをしません",
                  cmd->node->args);
}

const char *core_set_options(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char mixed[] = "Either all Options must start with + or -, or no Option may.";
    struct core_options *o = &((struct core_place *)settings)->options;
    const char *rest = argv[0], *fault;
    bool first = true, relative = false, alone = false;
    char *word;
    int bits;

    (void)argc;
    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        char action = *word == '+' || *word == '-' ? *word++ : '\0';
        if (action ? !relative && !first && !alone : relative)
            return mixed;
        relative |= action != '\0';
        if (first && !action)
            *o = (struct core_options){ .absolute = 1 };
        if ((fault = check_alone(word, first, relative)))
            return fault;
        if (!core_find_word(option_words, COUNT_OF(option_words), word, &bits))
            return conf_fault(cmd, "Illegal option %s", word);
        if (cmd->overrides && (unsigned)bits & ~cmd->overrides->options)
            return conf_fault(cmd, "Option %s not allowed here", word);
        alone |= bits == 0 || bits == OPTION_ALL;
        set_option(o, action, bits);
        note_views(cmd, action, bits);
        first = false;
    }
    return NULL;
}

/* ---- what a .htaccess may say ---- */

static void warn_useless(struct conf_cmd *cmd)
{
    if (!(cmd->section && (cmd->section->kind == SECTION_LOCATION || cmd->section->kind == SECTION_FILES)))
        return;
    if (strcasecmp(cmd->row->name, "AllowOverride") == 0)
        conf_note(cmd, LEVEL_WARN, LOG_CORE, 114, "Useless use of AllowOverride in line %d of %s.", cmd->node->line,
                  cmd->node->file);
    else
        conf_note(cmd, LEVEL_WARN, LOG_CORE, 115, "Useless use of AllowOverrideList at %s:%d", cmd->node->file,
                  cmd->node->line);
}

/* Options, or Options=Indexes,FollowSymLinks: which of them. An empty list leaves what was. */
static const char *read_allowed_options(struct conf_cmd *cmd, const char *list, int *allowed)
{
    char *copy = arena_strdup(cmd->arena, list ? list : "All"), *rest = copy, *word;
    int bits, all = 0;

    while ((word = strsep(&rest, ",")))
        if (*word && !core_find_word(option_words, COUNT_OF(option_words), word, &bits))
            return conf_fault(cmd, "Illegal option %s", word);
        else if (*word)
            all |= bits;
    if (!list || list[strspn(list, ",")])
        *allowed = all;
    return NULL;
}

static const char *read_nonfatal(struct conf_cmd *cmd, const char *what, int *override)
{
    static const struct core_word words[] = { { "Override", OVERRIDE_SKIPS_FORBIDDEN },
                                              { "Unknown", OVERRIDE_SKIPS_UNKNOWN },
                                              { "All", OVERRIDE_SKIPS_FORBIDDEN | OVERRIDE_SKIPS_UNKNOWN } };
    int bits = 0;

    if (!what)
        return conf_fault(cmd, "=Override, =Unknown or =All expected after Nonfatal");
    core_find_word(words, COUNT_OF(words), what, &bits);
    *override |= bits;
    return NULL;
}

const char *core_set_override(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    enum { NONFATAL = -1, NONE = 0 };
    static const struct core_word words[] = {
        { "Limit", OVERRIDE_LIMIT },
        { "Options", OVERRIDE_OPTIONS },
        { "FileInfo", OVERRIDE_FILEINFO },
        { "AuthConfig", OVERRIDE_AUTHCFG },
        { "Indexes", OVERRIDE_INDEXES },
        { "Nonfatal", NONFATAL },
        { "None", NONE },
        { "All", IN_HTACCESS },
    };
    struct core_place *place = settings;
    const char *rest = argv[0];
    char *word;
    int value;

    (void)argc;
    warn_useless(cmd);
    place->override = 0;
    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        char *equals = strchr(word, '=');
        const char *fault = NULL;
        if (equals)
            *equals++ = '\0';
        if (!core_find_word(words, COUNT_OF(words), word, &value))
            return conf_fault(cmd, "Illegal override option %s", word);
        if (value == OVERRIDE_OPTIONS)
            fault = read_allowed_options(cmd, equals, &place->override_options);
        if (value == NONFATAL)
            fault = read_nonfatal(cmd, equals, &place->override);
        else
            place->override = value == NONE || value == IN_HTACCESS ? value : place->override | value;
        if (fault)
            return fault;
    }
    return NULL;
}

const char *core_set_override_list(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;
    struct vec *names = arena_alloc(cmd->arena, sizeof(*names));

    warn_useless(cmd);
    place->override_names = names;
    for (int i = 0; i < argc; i++) {
        if (strcasecmp(argv[i], "None") == 0) {
            if (argc != 1)
                return "'None' not allowed with other directives in AllowOverrideList";
            return NULL;
        }
        switch (conf_may_list(cmd, argv[i])) {
        case LISTED_YES: vec_add(cmd->arena, names, argv[i]); break;
        case LISTED_NEVER:
            conf_note(cmd, LEVEL_WARN, LOG_CORE, 2304,
                      "Discarding directive `%s' not allowed in AllowOverrideList at %s:%d", argv[i], cmd->node->file,
                      cmd->node->line);
            break;
        default:
            conf_note(cmd, LEVEL_WARN, LOG_CORE, 116,
                      "Discarding unrecognized directive `%s' in AllowOverrideList at %s:%d", argv[i], cmd->node->file,
                      cmd->node->line);
        }
    }
    return NULL;
}

const char *core_set_access_names(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *site = settings;
    const char *rest = argv[0];
    char *word;

    (void)argc;
    site->access_names = (struct vec){ 0 };
    while ((word = conf_word(cmd->arena, &rest)) && *word)
        vec_add(cmd->arena, &site->access_names, word);
    return NULL;
}

/* ---- entity tags ---- */

static const struct core_word etag_words[] = {
    { "None", ETAG_NONE },   { "All", ETAG_MTIME | ETAG_INODE | ETAG_SIZE },
    { "Size", ETAG_SIZE },   { "LMTime", ETAG_MTIME },
    { "MTime", ETAG_MTIME }, { "LastModified", ETAG_MTIME },
    { "INode", ETAG_INODE },
};

void core_merge_etag(struct core_etag *under, const struct core_etag *over)
{
    if (over->bits) {
        *under = *over;
    } else {
        under->add = (under->add & ~over->remove) | over->add;
        under->remove = (under->remove & ~over->add) | over->remove;
        under->bits = (under->bits & ~under->remove) | under->add;
    }
    if (under->bits != ETAG_NONE)
        under->bits &= ~ETAG_NONE;
}

static const char *add_etag_word(struct conf_cmd *cmd, struct core_etag *e, const char *word, bool first)
{
    char action = *word == '+' || *word == '-' ? *word++ : '\0';
    int bit;

    if (strcasecmp(word, "Digest") == 0)
        return conf_fault(cmd,
                          "FileETag Digest: refused: the whole file would have to be read for each answer / FileETag "
                          "Digest: 受け付けません: 応答ごとにファイル全体を読む必要があります");
    if (!core_find_word(etag_words, COUNT_OF(etag_words), word, &bit))
        return conf_fault(cmd, "Unknown keyword '%s' for %s directive", word, cmd->row->name);
    if (action && (strcasecmp(word, "None") == 0 || strcasecmp(word, "All") == 0))
        return conf_fault(cmd, "%s keyword '%s' cannot be used with '+' or '-'", cmd->row->name, word);
    if (first && !action)
        *e = (struct core_etag){ 0 };
    if (action == '+')
        e->add |= bit, e->remove &= ~bit;
    else if (action == '-')
        e->remove |= bit, e->add &= ~bit;
    else
        *e = (struct core_etag){ .bits = strcasecmp(word, "None") == 0 ? ETAG_NONE : e->bits | bit };
    return NULL;
}

const char *core_set_etag(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_etag *e = &((struct core_place *)settings)->etag;
    const char *rest = argv[0], *fault = NULL;
    bool first = true;
    char *word;

    (void)argc;
    while (!fault && (word = conf_word(cmd->arena, &rest)) && *word) {
        fault = add_etag_word(cmd, e, word, first);
        first &= *word == '+' || *word == '-';
    }
    return fault;
}

/* ---- words ---- */

const char *core_set_path_info(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", PATH_INFO_ON },
                                              { "off", PATH_INFO_OFF },
                                              { "default", PATH_INFO_DEFAULT } };

    (void)cmd, (void)argc;
    return core_find_word(words, COUNT_OF(words), argv[0], &((struct core_place *)settings)->accept_path_info)
               ? NULL
               : "AcceptPathInfo must be set to on, off or default";
}

const char *core_set_sendfile(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", 1 }, { "off", 0 } };

    (void)cmd, (void)argc;
    return core_find_word(words, COUNT_OF(words), argv[0], &((struct core_place *)settings)->sendfile)
               ? NULL
               : "parameter must be 'on' or 'off'";
}

/* MaxRanges, MaxRangeOverlaps and MaxRangeReversals: the row says where it goes, and its default. */
const char *core_set_max_ranges(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int *field = (int *)((char *)settings + cmd->row->slot.offset);
    const struct core_word words[] = { { "none", 0 },
                                       { "default", strcmp(cmd->row->name, "MaxRanges") == 0 ? 200 : 20 },
                                       { "unlimited", -1 } };

    (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], field))
        return NULL;
    *field = core_number(argv[0]);
    return *field > 0
               ? NULL
               : conf_fault(cmd, "%s requires 'none', 'default', 'unlimited' or a positive integer", cmd->row->name);
}

const char *core_set_default_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    if (strcasecmp(argv[0], "none") != 0)
        conf_note(cmd, LEVEL_WARN, LOG_CORE, 117, "Ignoring deprecated use of DefaultType in line %d of %s.",
                  cmd->node->line, cmd->node->file);
    return NULL;
}

const char *core_set_default_charset(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_place *place = settings;

    (void)cmd, (void)argc;
    place->default_charset = strcasecmp(argv[0], "off") == 0  ? NULL
                             : strcasecmp(argv[0], "on") == 0 ? "iso-8859-1"
                                                              : argv[0];
    return NULL;
}
