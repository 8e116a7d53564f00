/* The language's own words, which act while the file is read (core.c, mod_so.c and the EXEC_ON_READ rows of httpd). */
#include "build.h"
#include "reader.h"

#include <strings.h>

/* ---- Define, UnDefine ------------------------------------------------------------------------------------- */

static bool define(struct reader *r, const struct word *w, char **argv)
{
    const char *value = argv[1] ? argv[1] : "";
    (void)w;
    if (strchr(argv[0], ':'))
        return reader_fault(r, "Variable name must not contain ':'");
    if (*value || !map_get(r->out->defines, argv[0]))
        map_set(r->out->defines, argv[0], arena_strdup(r->arena, value));
    if (*value)
        map_set(r->out->variables, argv[0], arena_strdup(r->arena, value));
    return true;
}

static bool undefine(struct reader *r, const struct word *w, char **argv)
{
    (void)w;
    if (strchr(argv[0], ':'))
        return reader_fault(r, "Variable name must not contain ':'");
    map_remove(r->out->defines, argv[0]);
    map_remove(r->out->variables, argv[0]);
    return true;
}

/* ---- ServerRoot, LoadModule ---------------------------------------------------------------------------------- */

static bool server_root(struct reader *r, const struct word *w, char **argv)
{
    const char *path = conf_path(r->arena, NULL, argv[0]);
    if (!path || (!r->out->options->load && files_kind(r, path) != FILE_DIRECTORY))
        return reader_fault(r, "ServerRoot must be a valid directory");
    r->out->root = path;
    /* Its row stores it too; inside a section, where httpd takes it as well, there is nothing to store. */
    if (r->parent->parent)
        return true;
    struct buf args = { 0 };
    words_quote(&args, path);
    bool ok = reader_add(r, w->name, arena_span(r->arena, buf_span(&args)));
    buf_release(&args);
    return ok;
}

static void free_map(void *map)
{
    map_free(map);
}

static const struct module *find_module(const struct reader *r, const char *identifier)
{
    const struct module *const *m = r->out->options->modules;
    for (; m && *m; m++)
        if ((*m)->name && strcmp((*m)->name, identifier) == 0)
            return *m;
    return NULL;
}

static const struct other_module *find_other(const struct conf_reading *out, const char *name)
{
    const struct other_module *o = out->options->others;
    for (; o && o->name; o++)
        if (strcmp(o->name, name) == 0 || strcmp(o->source, name) == 0)
            return o;
    return NULL;
}

/* Debian's way to take the line out, where it is in a file of mods-enabled. */
static const char *how_to_disable(struct reader *r)
{
    const char *file = r->at.file ? strstr(r->at.file, "/mods-enabled/") : NULL;
    const char *name = file ? file + strlen("/mods-enabled/") : "";
    size_t n = strcspn(name, "/");
    if (n <= 5 || strcmp(name + n - 5, ".load") != 0)
        return "";
    return arena_printf(r->arena, " (a2dismod %.*s)", (int)(n - 5), name);
}

/* What a module did may have been to protect, and what it ran may lie there as a file: nobody knows. */
static bool refuse_module(struct reader *r, const char *name, const struct other_module *other)
{
    const char *why =
        other ? other->lacks
              : "it may protect something, or run files that would be shown as text; take the line out "
                "if nothing needs it / 保護のためのもの、または実行すべきファイルがそのまま表示されてしまうもの"
                "かもしれません。不要ならこの行を外してください";
    int english = (int)(strstr(why, " / ") - why);
    const char *how = how_to_disable(r);
    return reader_fault(r,
                        "LoadModule %s: refused: Weir does not contain this module: %.*s%s / LoadModule %s: "
                        "受け付けません: Weir はこのモジュールを含みません: %s%s",
                        name, english, why, how, name, why + english + 3, how);
}

static void note_other(struct reader *r, const struct other_module *other)
{
    const char *lacks = other->lacks ? other->lacks : "what it would do is not done / その機能は働きません";
    int english = (int)(strstr(lacks, " / ") - lacks);
    reader_note(r, LOG_SO, 0,
                "LoadModule %s: Weir does not contain this module: %.*s / LoadModule %s: Weir "
                "はこのモジュールを含みません: %s",
                other->name, english, lacks, other->name, lacks + english + 3);
}

/* Other builds of httpd load what Debian's has built in: such a line is good here, whatever the file came from. */
static bool load_module(struct reader *r, const struct word *w, char **argv)
{
    const char *name = argv[0];
    const struct module *module = find_module(r, name);
    const struct other_module *other = module ? NULL : find_other(r->out, name);
    (void)w;
    if (!module && (!other || other->refused))
        return refuse_module(r, name, other);
    if (!r->out->loaded) {
        r->out->loaded = map_new(MAP_EXACT);
        arena_on_free(r->arena, free_map, r->out->loaded);
    }
    r->out->loads_all |= module && module->in_whole_files;
    if (map_set(r->out->loaded, name, r->out))
        reader_note(r, LOG_SO, 1574, "module %s is already loaded, skipping", name);
    else if (other)
        note_other(r, other);
    return true;
}

static bool has_module(const struct conf_reading *out, const struct module *m)
{
    return !out->loads_all || m->static_in_httpd || (m->name && map_get(out->loaded, m->name));
}

bool language_has_row(const struct conf_reading *out, const struct module *m, const struct directive *d)
{
    return d->other ? conf_other_loaded(out, d->other) : has_module(out, m);
}

bool conf_module_present(const struct conf_reading *out, const char *name)
{
    const struct module *const *m = out->options->modules;
    for (; m && *m; m++) {
        bool named = ((*m)->name && strcmp((*m)->name, name) == 0) || ((*m)->source && strcmp((*m)->source, name) == 0);
        if (named && has_module(out, *m))
            return true;
    }
    return false;
}

bool conf_other_loaded(const struct conf_reading *out, const char *name)
{
    const struct other_module *other = find_other(out, name);
    return other && out->loaded && map_get(out->loaded, other->name);
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

static bool test_module(struct reader *r, const char *name)
{
    return conf_module_present(r->out, name) || conf_other_loaded(r->out, name);
}

static bool test_define(struct reader *r, const char *name)
{
    return map_get(r->out->defines, name) != NULL;
}

static bool test_file(struct reader *r, const char *name)
{
    const char *path = conf_path(r->arena, r->out->root, name);
    r->out->asked_files = true;
    return path && files_kind(r, path) != FILE_NONE;
}

static const char *known_directive(const struct reader *r, const char *name)
{
    const struct module *const *m = r->out->options->modules;
    const struct word *w = language_find(r, name);
    for (; !w && m && *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++)
            if (strcasecmp(d->name, name) == 0 && language_has_row(r->out, *m, d))
                return d->name;
    return w ? w->name : NULL;
}

const char *language_canonical(const struct reader *r, const char *name)
{
    const char *known = known_directive(r, name);
    return known ? known : name;
}

static bool test_directive(struct reader *r, const char *name)
{
    return known_directive(r, name) != NULL;
}

static bool test_section(struct reader *r, const char *name)
{
    return known_directive(r, arena_concat(r->arena, "<", name, NULL)) != NULL;
}

/* Skips to the end of <name, sections inside balanced by name (config.c, ap_soak_end_container). */
static bool skip(struct reader *r, const char *name)
{
    struct vec open = { 0 };
    char *line;
    enum line_result got;
    vec_add(r->arena, &open, (void *)name);
    while ((got = reader_next(r, &line)) == LINE_YES) {
        const char *rest = line, *innermost = open.items[open.n - 1];
        if (*line == '#')
            continue;
        char *word = conf_word(r->arena, &rest);
        if (!word || word[0] != '<')
            continue;
        size_t n = strlen(word);
        if (word[1] != '/') {
            if (!*rest && word[n - 1] == '>')
                word[n - 1] = '\0';
            vec_add(r->arena, &open, word);
            continue;
        }
        word[n - 1] = '\0';
        if (strlen(word) < 2 || strcasecmp(word + 2, innermost + 1) != 0)
            return reader_fault(r, "Expected </%s> but saw %s>", innermost + 1, word);
        if (--open.n == 0)
            return true;
    }
    if (got == LINE_FAULT)
        return false;
    return reader_fault(r, "Expected </%s> before end of configuration", (char *)open.items[open.n - 1] + 1);
}

/* The end of the file ends a condition that holds, too, and closes what was opened in it: httpd does not mind. */
static bool read_inside(struct reader *r, const char *name)
{
    struct conf_node *floor = r->floor, *parent = r->parent;
    unsigned nesting = r->nesting;
    if (++r->nesting > NESTING_MAX)
        return reader_fault(r, "Sections are nested too deeply");
    r->floor = parent;
    bool ok = reader_lines(r, arena_concat(r->arena, "</", name + 1, ">", NULL));
    while (ok && r->parent != parent) {
        r->last = r->parent;
        r->parent = r->parent->parent;
    }
    r->floor = floor;
    r->nesting = nesting;
    return ok;
}

bool language_condition(struct reader *r, const char *name, bool holds)
{
    return holds ? read_inside(r, name) : skip(r, name);
}

static bool condition(struct reader *r, const struct word *w, char **argv)
{
    const char *args = argv[0], *end = strrchr(args, '>');
    bool negated = args[0] == '!';
    if (!end)
        return reader_fault(r, "%s> directive missing closing '>'", w->name);
    args = arena_strndup(r->arena, args, (size_t)(end - args));
    args += negated && *args;
    const char *name = conf_word(r->arena, &args);
    if (!name || !*name)
        return reader_fault(r, "%s> directive requires additional arguments", w->name);
    return language_condition(r, w->name, w->test(r, name) != negated);
}

/* ---- the table
 * -------------------------------------------------------------------------------------------------------- */

static const struct word words[] = {
    { "Include", "core_module", ARGS_1, include_files, NULL,
      "Name(s) of the config file(s) to be included; fails if the wildcard does not match at least one file" },
    { "IncludeOptional", "core_module", ARGS_1, include_optional, NULL,
      "Name or pattern of the config file(s) to be included; ignored if the file does not exist or the pattern does "
      "not match any files" },
    { "Define", "core_module", ARGS_12, define, NULL,
      "Define a variable, optionally to a value.  Same as passing -D to the command line." },
    { "UnDefine", "core_module", ARGS_1, undefine, NULL, "Undefine the existence of a variable. Undo a Define." },
    { "ServerRoot", "core_module", ARGS_1, server_root, NULL,
      "Common directory of server-related files (logs, confs, etc.)" },
    { "<IfModule", "core_module", ARGS_RAW, condition, test_module,
      "Container for directives based on existence of specified modules", true },
    { "<IfDefine", "core_module", ARGS_RAW, condition, test_define,
      "Container for directives based on existence of command line defines", true },
    { "<IfFile", "core_module", ARGS_RAW, condition, test_file,
      "Container for directives based on existence of files on disk", true },
    { "<IfDirective", "core_module", ARGS_RAW, condition, test_directive,
      "Container for directives based on existence of named directive", true },
    { "<IfSection", "core_module", ARGS_RAW, condition, test_section,
      "Container for directives based on existence of named section", true },
    { "<IfVersion", "version_module", ARGS_123, version_section, NULL,
      "a comparison operator, a version (and a delimiter)", true },
    { "LoadModule", "so_module", ARGS_2, load_module, NULL,
      "a module name and the name of a shared object file to load it from" },
    { "<Macro", "macro_module", ARGS_RAW, macro_section, NULL, "Beginning of a macro definition section.", true },
    { "Use", "macro_module", ARGS_RAW, macro_use, NULL, "Use of a macro.", true },
    { "UndefMacro", "macro_module", ARGS_1, macro_undef, NULL, "Remove a macro definition.", true },
};

const struct word *language_find(const struct reader *r, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcasecmp(words[i].name, name) != 0)
            continue;
        const struct module *m = find_module(r, words[i].module);
        return !m || strcmp(words[i].module, "core_module") == 0 || has_module(r->out, m) ? &words[i] : NULL;
    }
    return NULL;
}

bool language_has_word(const struct conf_reading *out, const char *name, bool *local)
{
    const struct reader r = { .out = (struct conf_reading *)(uintptr_t)out };
    const struct word *w = language_find(&r, name);
    *local = w && w->local;
    return w != NULL;
}

/* In a .htaccess: what AllowOverride does not cover is a fault, or with Nonfatal=Override no line at all. */
bool language_allowed(struct reader *r, const struct word *w, bool *skip)
{
    const struct conf_overrides *o = r->out->overrides;
    *skip = false;
    if (!o || (w->local && overrides_allow(o, w->name, IN_HTACCESS)))
        return true;
    *skip = o->skips_forbidden;
    if (!*skip)
        return reader_fault(r, "%s not allowed here", w->name);
    reader_note(r, LOG_CORE, 2295, "%s in .htaccess forbidden by AllowOverride", w->name);
    return true;
}

bool language_run(struct reader *r, const struct word *w, const char *args)
{
    struct counted counted;
    char *raw[] = { arena_strdup(r->arena, args), NULL };
    if (!args_count(w->args, r->arena, args, &counted))
        return w->run(r, w, raw);
    if (counted.fault)
        return reader_fault(r, "%s takes %s, %s", w->name, counted.fault, w->help);
    return w->run(r, w, counted.word);
}

/* For -L and the manual: the words as rows; where they stand is not checked, they act wherever they are read. */
const char *conf_language(unsigned i, const char **help, const char **module, bool *local)
{
    if (i >= COUNT_OF(words))
        return NULL;
    *help = words[i].help;
    *module = words[i].module;
    *local = words[i].local;
    return words[i].name;
}
