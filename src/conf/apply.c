/* The tree's lines, one after the other, to the rows that know them (config.c, ap_walk_config; core.c,
 * ap_check_cmd_context). */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

char *conf_fault(struct conf_cmd *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(cmd->arena, format, args);
    va_end(args);
    return text;
}

void conf_note(struct conf_cmd *cmd, enum log_level level, enum log_module module, int ah, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct conf_notice *note = arena_alloc(cmd->arena, sizeof(*note));
    *note = (struct conf_notice){ .level = level, .module = module, .ah = ah };
    note->file = cmd->node ? cmd->node->file : NULL;
    note->line = cmd->node ? cmd->node->line : 0;
    note->text = arena_vprintf(cmd->arena, format, args);
    va_end(args);
    vec_add(cmd->arena, &cmd->reading->notices, note);
}

struct conf_notice *snapshot_note(struct snapshot_build *b, enum log_level level, enum log_module module, int ah,
                                  const char *format, ...)
{
    struct conf_notice *note = arena_alloc(b->arena, sizeof(*note));
    va_list args;

    *note = (struct conf_notice){ .level = level, .module = module, .ah = ah };
    va_start(args, format);
    note->text = arena_vprintf(b->arena, format, args);
    va_end(args);
    vec_add(b->arena, b->notices, note);
    return note;
}

/* ---- where a line may stand -------------------------------------------------------------------------------- */

static unsigned bits_around(const struct conf_cmd *cmd)
{
    unsigned bits = 0;
    for (const struct conf_cmd *c = cmd->outer; c; c = c->outer)
        bits |= c->opens;
    return bits;
}

static const char *not_in_context(struct conf_cmd *cmd)
{
    if (!cmd->outer)
        return conf_fault(cmd, "%s not allowed here", cmd->row->name);
    return conf_fault(cmd, "%s not allowed in %s> context", cmd->row->name, cmd->outer->row->name);
}

static const char *cannot_occur(struct conf_cmd *cmd, const char *within)
{
    const char *name = cmd->row->name;
    return conf_fault(cmd, "%s%s cannot occur within %s section", name, *name == '<' ? ">" : "", within);
}

static const struct conf_cmd *find_around(const struct conf_cmd *cmd, unsigned bit)
{
    const struct conf_cmd *c = cmd->outer;
    while (c && !(c->opens & bit))
        c = c->outer;
    return c;
}

/* Apache has two sentences: one for a line whose kind of directive has no business there (req_override), one for a
 * place that the directive's own function turns down. A row that is good in no section gets the first. */
static const char *check_place(struct conf_cmd *cmd, unsigned around)
{
    static const unsigned order[] = { IN_DIRECTORY, IN_LOCATION, IN_FILES, IN_IF, IN_PROXY };
    unsigned where = cmd->row->where;
    if ((around & IN_PLACES) && !(where & IN_PLACES))
        return not_in_context(cmd);
    if ((around & IN_LIMIT) && !(where & IN_LIMIT) && (where & IN_PLACES) != IN_PLACES)
        return cannot_occur(cmd, "<Limit> or <LimitExcept>");
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const struct conf_cmd *c = find_around(cmd, order[i] & ~where);
        if (c)
            return cannot_occur(cmd, arena_concat(cmd->arena, c->row->name, ">", NULL));
    }
    return NULL;
}

static const char *check_where(struct conf_cmd *cmd)
{
    unsigned around = bits_around(cmd), where = cmd->row->where;
    const char *fault = check_place(cmd, around);
    if (fault || (around & IN_PLACES) || cmd->overrides)
        return fault;
    if (cmd->site->main)
        return where & IN_SERVER ? NULL : not_in_context(cmd);
    if (where & IN_SITE)
        return NULL;
    return where & IN_SERVER ? cannot_occur(cmd, "<VirtualHost>") : not_in_context(cmd);
}

/* ---- what a .htaccess may say (config.c, invoke_cmd) ---------------------------------------------------------------
 */

bool overrides_allow(const struct conf_overrides *o, const char *name, unsigned where)
{
    if (where & o->classes & IN_HTACCESS)
        return true;
    for (unsigned i = 0; o->names && i < o->names->n; i++)
        if (strcasecmp(o->names->items[i], name) == 0)
            return true;
    return false;
}

static const char *forbidden(struct conf_cmd *cmd)
{
    if (!cmd->overrides->skips_forbidden)
        return not_in_context(cmd);
    conf_note(cmd, LEVEL_WARN, LOG_CORE, 2295, "%s in .htaccess forbidden by AllowOverride", cmd->row->name);
    return NULL;
}

/* Lines may go wherever a place is all that they write to. Of what is not contained a .htaccess's line is refused. */
static bool is_listable(const struct directive *d)
{
    return (d->other && d->class == CONF_REFUSED) || d->where & IN_HTACCESS ||
           (d->where & IN_DIRECTORY && d->slot.part == PART_PLACE);
}

enum conf_listed conf_may_list(const struct conf_cmd *cmd, const char *name)
{
    const struct row *row = apply_find(cmd->loading, name);
    bool local;
    if (row)
        return is_listable(row->directive) ? LISTED_YES : LISTED_NEVER;
    if (!language_has_word(cmd->reading, name, &local))
        return LISTED_UNKNOWN;
    return local ? LISTED_YES : LISTED_NEVER;
}

/* ---- rows that do nothing ------------------------------------------------------------------------------------ */

/* A row says why in English and, after " / ", in Japanese: both sentences are made whole. */
static char *say_both(struct conf_cmd *cmd, const char *english, const char *japanese)
{
    const char *name = cmd->row->name, *gt = *name == '<' ? ">" : "";
    const char *why = cmd->row->why ? cmd->row->why : "it does not exist here / ここにはありません";
    const char *foreign = why, *slash = NULL;
    while (*foreign && (unsigned char)*foreign < 0x80)
        foreign++;
    for (const char *p = why; p + 3 <= foreign; p++)
        if (strncmp(p, " / ", 3) == 0)
            slash = p;
    int n = slash ? (int)(slash - why) : (int)strlen(why);
    return conf_fault(cmd, "%s%s%s: %.*s / %s%s%s: %s", name, gt, english, n, why, name, gt, japanese,
                      slash ? slash + 3 : why);
}

static const char *refuse(struct conf_cmd *cmd)
{
    return say_both(cmd, ": refused", ": 受け付けません");
}

/* Once a file and name: a tuned server has hundreds of such lines. */
static void say_no_effect(struct conf_cmd *cmd)
{
    const char *key = arena_concat(cmd->arena, cmd->node->file, "\n", cmd->row->name, NULL);
    if (!map_set(cmd->loading->noted, key, cmd->loading))
        conf_note(cmd, LEVEL_NOTICE, LOG_CORE, 0, "%s",
                  say_both(cmd, " is accepted and has no effect", " は受け付けますが効果はありません"));
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static const char *apply_row(struct conf_cmd *cmd)
{
    bool refused = cmd->row->class == CONF_REFUSED;
    if (cmd->overrides && !(refused && cmd->row->other) &&
        !overrides_allow(cmd->overrides, cmd->row->name, cmd->row->where))
        return forbidden(cmd);
    if (refused)
        return refuse(cmd);
    const char *fault = check_where(cmd);
    if (fault)
        return fault;
    if (cmd->row->class == CONF_NO_EFFECT)
        say_no_effect(cmd);
    fault = args_invoke(cmd);
    if (!fault && cmd->open)
        fault = apply_lines(cmd, cmd->node->children);
    return fault;
}

const struct row *apply_find(const struct loading *l, const char *name)
{
    const struct row *row = map_get(l->rows, name);
    while (row && !language_has_row(l->reading, row->module, row->directive))
        row = row->next;
    return row;
}

static const char *unknown(struct conf_cmd *cmd)
{
    char *name = arena_strdup(cmd->arena, cmd->node->name);
    if (!cmd->overrides || !cmd->overrides->skips_unknown)
        return conf_fault(cmd,
                          "Invalid command '%s', perhaps misspelled or defined by a module not included in the server "
                          "configuration",
                          name);
    for (char *p = name; *p; p++) /* as httpd has it then */
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    conf_note(cmd, LEVEL_WARN, LOG_CORE, 2296,
              "Unknown directive %s perhaps misspelled or defined by a module not included in the server configuration",
              name);
    return NULL;
}

/* What the configuration itself names is known even when its module was not loaded, and told what becomes of it. */
static const char *apply_line(struct conf_cmd *cmd)
{
    const struct row *row =
        cmd->overrides ? apply_find(cmd->loading, cmd->node->name) : map_get(cmd->loading->rows, cmd->node->name);
    if (!row)
        return unknown(cmd);
    const struct conf_cmd before = *cmd;
    const char *fault = NULL;
    for (; row && !fault; row = row->next) {
        *cmd = before; /* one module's section is not another's place */
        cmd->row = row->directive;
        cmd->module = row->module;
        fault = apply_row(cmd);
    }
    return fault;
}

/* The innermost line at fault is the one that is named. */
static void remember_fault(struct conf_reading *r, const struct conf_node *node, const char *text)
{
    if (r->error.text)
        return;
    r->error.file = arena_strdup(r->arena, node->file);
    r->error.line = node->line;
    r->error.text = arena_strdup(r->arena, text);
}

/* Recurses for each section line; the reader bounds how deep those nest. */
const char *apply_lines(const struct conf_cmd *outer, const struct conf_node *first)
{
    const char *fault = NULL;
    for (const struct conf_node *node = first; node && !fault; node = node->next) {
        struct conf_cmd cmd = *outer;
        cmd.outer = outer->node ? outer : NULL;
        cmd.node = node;
        cmd.open = false;
        cmd.opens = 0;
        fault = apply_line(&cmd);
        if (fault)
            remember_fault(cmd.reading, node, fault);
    }
    return fault;
}

const char *conf_apply_inside(struct conf_cmd *cmd, uint64_t methods, void *group)
{
    struct conf_cmd inside = *cmd;
    inside.methods = methods;
    inside.group = group;
    inside.opens |= IN_LIMIT;
    return apply_lines(&inside, cmd->node->children);
}
