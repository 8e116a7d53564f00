/* Lines -> the tree of nodes, and what is read in which order: -C, the file, -c (config.c, ap_read_config and
 * ap_build_config). */
#include "build.h"
#include "reader.h"

#define COMMANDS "-c/-C directives"

static const struct place_in_file nowhere = { NULL, 0 };

/* ---- faults and notices ---------------------------------------------------------------------------------- */

bool reader_fault_at(struct reader *r, struct place_in_file at, const char *text)
{
    struct conf_error *e = &r->out->error;
    if (!e->text) {
        e->file = at.file ? arena_strdup(r->arena, at.file) : NULL;
        e->line = at.line;
        e->text = arena_strdup(r->arena, text);
    }
    return false;
}

bool reader_fault(struct reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(r->arena, format, args);
    va_end(args);
    return reader_fault_at(r, r->at, text);
}

void reader_note(struct reader *r, enum log_module module, int ah, const char *format, ...)
{
    struct conf_notice *note = arena_alloc(r->arena, sizeof(*note));
    va_list args;
    va_start(args, format);
    *note = (struct conf_notice){ LEVEL_WARN, module, ah, r->at.file, r->at.line, NULL };
    note->text = arena_vprintf(r->arena, format, args);
    va_end(args);
    vec_add(r->arena, &r->out->notices, note);
    if (r->out->options->on_notice)
        r->out->options->on_notice(r->out->options->notice_ctx, note);
    reader_spend(r, sizeof(*note) + strlen(note->text));
}

/* Macros and includes can double at each level: what they make of a small file is bounded in all. */
bool reader_spend(struct reader *r, size_t bytes)
{
    size_t max = r->out->options->max_bytes ? r->out->options->max_bytes : (size_t)1 << 30;
    if (bytes <= max && r->spent <= max - bytes) {
        r->spent += bytes;
        return true;
    }
    r->spent = max;
    return reader_fault(r,
                        "The configuration is larger than %zu bytes with its macros and includes / "
                        "マクロとインクルードを含めて設定が %zu バイトを超えています",
                        max, max);
}

/* ---- nodes ------------------------------------------------------------------------------------------------- */

static void link_node(struct reader *r, struct conf_node *node)
{
    node->parent = r->parent;
    if (r->last)
        r->last->next = node;
    else
        r->parent->children = node;
    r->last = node;
}

static bool open_section(struct reader *r, struct conf_node *node)
{
    if (++r->nesting > NESTING_MAX)
        return reader_fault(r, "Sections are nested too deeply");
    node->section = true;
    r->parent = node;
    r->last = NULL;
    return true;
}

static void close_section(struct reader *r)
{
    r->nesting--;
    r->last = r->parent;
    r->parent = r->parent->parent;
}

bool reader_add(struct reader *r, const char *name, const char *args)
{
    struct conf_node *node = arena_alloc(r->arena, sizeof(*node));
    node->name = name;
    node->args = args;
    node->file = r->at.file;
    node->line = r->at.line;
    link_node(r, node);
    return name[0] == '<' ? open_section(r, node) : true;
}

static bool end_section(struct reader *r, char *name)
{
    if (r->parent == r->floor)
        return reader_fault(r, "%s without matching <%s section", name, name + 2);
    size_t n = strlen(name);
    if (name[n - 1] != '>')
        return reader_fault(r, "%s> directive missing closing '>'", name);
    name[n - 1] = '\0';
    if (!span_ieq_str(span_of(name + 2), r->parent->name + 1))
        return reader_fault(r, "Expected </%s> but saw %s>", language_canonical(r, r->parent->name) + 1, name);
    close_section(r);
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------------------- */

static bool build_line(struct reader *r, const char *line)
{
    r->at = (struct place_in_file){ r->source->name, r->source->line };
    const char *rest = reader_resolve(r, line);
    if (!rest)
        return reader_fault_at(
            r, nowhere, arena_printf(r->arena, "Error reading %s at line %d: Line too long", r->at.file, r->at.line));
    if (!reader_spend(r, strlen(rest)))
        return false;
    char *name = conf_word(r->arena, &rest);
    if (!name || !*name)
        return true;
    if (name[0] == '<' && name[1] == '/')
        return end_section(r, name);
    size_t n = strlen(name);
    if (name[n - 1] == '>' && name[1] != '/')
        name[n - 1] = '\0';
    if (name[0] == '<' && !*rest)
        rest = ">";
    const struct word *w = language_find(r, name);
    bool skip = false;
    if (!w)
        return reader_add(r, name, rest);
    return language_allowed(r, w, &skip) && (skip || language_run(r, w, rest));
}

/* The line that ends a condition is compared before anything is replaced in it, and must be nothing else. */
static bool ends(const struct reader *r, const char *line, const char *until)
{
    return until && r->parent == r->floor && span_ieq(span_of(line), span_of(until));
}

bool reader_lines(struct reader *r, const char *until)
{
    char *line;
    enum line_result got;
    while ((got = reader_next(r, &line)) == LINE_YES) {
        if (ends(r, line, until))
            return true;
        if (*line && *line != '#' && !build_line(r, line))
            return false;
    }
    return got == LINE_END;
}

/* ---- files --------------------------------------------------------------------------------------------------- */

static bool not_closed(struct reader *r)
{
    struct buf text = { 0 };
    struct place_in_file at = nowhere;
    for (struct conf_node *n = r->parent; n != r->floor; n = n->parent) {
        buf_printf(&text, "%s%s:%d: %s> was not closed.", at.file ? "\n" : "", n->file, n->line,
                   language_canonical(r, n->name));
        at = (struct place_in_file){ n->file, n->line };
    }
    buf_add(&text, "", 1);
    reader_fault_at(r, at, buf_head(&text));
    buf_release(&text);
    return false;
}

/* Bytes with a name of their own: they open and close their own sections. */
static bool read_source(struct reader *r, const char *name, struct span bytes)
{
    struct source own = { .name = name, .p = bytes.p, .end = bytes.p + bytes.n };
    struct source *outer = r->source;
    struct conf_node *floor = r->floor;
    struct place_in_file at = r->at;
    r->source = &own;
    r->floor = r->parent;
    bool ok = reader_lines(r, NULL);
    if (ok && r->parent != r->floor)
        ok = not_closed(r);
    r->source = outer;
    r->floor = floor;
    r->at = at;
    return ok;
}

static void note_include(struct reader *r, const char *path, int line)
{
    struct conf_include *i = arena_alloc(r->arena, sizeof(*i));
    *i = (struct conf_include){ path, r->include_depth, line };
    vec_add(r->arena, &r->out->includes, i);
}

bool reader_file(struct reader *r, const char *path, int include_line)
{
    struct buf bytes = { 0 };
    const char *why = files_load(r, path, &bytes);
    bool ok = false;
    if (why) {
        reader_fault(r, "Could not open configuration file %s: %s", path, why);
    } else {
        path = arena_strdup(r->arena, path);
        note_include(r, path, include_line);
        ok = read_source(r, path, buf_span(&bytes));
    }
    buf_release(&bytes);
    return ok;
}

/* ---- the command line's lines ---------------------------------------------------------------------------------- */

static bool wrap_command_fault(struct reader *r)
{
    struct conf_error *e = &r->out->error;
    const char *deeper = "";
    if (e->file && strcmp(e->file, COMMANDS) != 0)
        deeper = arena_printf(r->arena, "Syntax error on line %d of %s: ", e->line, e->file);
    e->text = arena_concat(r->arena, "Syntax error in -C/-c directive: ", deeper, e->text, NULL);
    e->file = NULL;
    e->line = 0;
    return false;
}

static bool read_commands(struct reader *r, const char **lines, unsigned n)
{
    struct buf text = { 0 };
    for (unsigned i = 0; i < n; i++) {
        size_t at = buf_len(&text);
        buf_printf(&text, "%s \n", lines[i]); /* the blank: a backslash at its end continues nothing */
        for (char *p = buf_head(&text) + at; p < text.data + text.end - 1; p++)
            if (*p == '\n')
                *p = ' '; /* an argument is one line whatever is in it */
    }
    bool ok = read_source(r, COMMANDS, buf_span(&text));
    buf_release(&text);
    return ok || wrap_command_fault(r);
}

/* ---- all -----------------------------------------------------------------------------------------------------------
 */

static void free_map(void *map)
{
    map_free(map);
}

static struct map *arena_map(struct arena *a, enum map_case mode)
{
    struct map *m = map_new(mode);
    arena_on_free(a, free_map, m);
    return m;
}

static bool read_main(struct reader *r)
{
    const char *file = r->out->options->file;
    if (!file)
        return true;
    r->at = nowhere;
    const char *path = conf_path(r->arena, r->out->root, file);
    if (!path)
        return reader_fault(r, "AH00532: Invalid config file path %s", file);
    return reader_file(r, path, 0);
}

static struct conf_node *begin(struct reader *r, struct conf_reading *out)
{
    struct conf_node *root = arena_alloc(out->arena, sizeof(*root));
    root->name = root->args = root->file = "";
    *r = (struct reader){ .out = out, .arena = out->arena, .parent = root, .floor = root };
    return root;
}

static struct conf_node *end(struct reader *r, struct conf_node *root, bool ok)
{
    buf_release(&r->line);
    return ok && !r->out->error.text ? root : NULL;
}

struct conf_node *read_bytes(struct conf_reading *out, const char *name, struct span bytes)
{
    struct reader r;
    struct conf_node *root = begin(&r, out);
    return end(&r, root, read_source(&r, name, bytes));
}

struct conf_node *conf_read(struct conf_reading *out)
{
    const struct conf_options *o = out->options;
    struct reader r;
    struct conf_node *root = begin(&r, out);
    out->regex_flags = REGEX_DEFAULT;
    out->root = conf_path(out->arena, NULL, o->root ? o->root : ".");
    out->defines = arena_map(out->arena, MAP_EXACT);
    out->variables = arena_map(out->arena, MAP_NOCASE);
    for (unsigned i = 0; i < o->n_defines; i++)
        map_set(out->defines, o->defines[i], arena_strdup(out->arena, ""));
    return end(&r, root,
               read_commands(&r, o->before, o->n_before) && read_main(&r) && read_commands(&r, o->after, o->n_after));
}
