/* Header and RequestHeader: httpd's mod_headers.c. Lines of all places are one list, in Apache's order; a pass picks
 * those of one table. */
#include "headers.h"
#include "names.h"

#include <ctype.h>
#include <strings.h>

enum action {
    ACTION_SET,
    ACTION_SETIFEMPTY,
    ACTION_ADD,
    ACTION_APPEND,
    ACTION_MERGE,
    ACTION_UNSET,
    ACTION_ECHO,
    ACTION_NOTE,
    ACTION_EDIT,
    ACTION_EDIT_ALL,
    ACTIONS
};
static const char *const action_names[ACTIONS] = { "set",   "setifempty", "add",  "append", "merge",
                                                   "unset", "echo",       "note", "edit",   "edit*" };
enum table { TABLE_REQUEST, TABLE_ONSUCCESS, TABLE_ALWAYS };

struct rule {
    enum action action;
    enum table table;
    const char *name;
    const struct regex *regex;         /* edit, edit*; the names of echo */
    const struct header_format *value; /* NULL for unset and echo */
    bool early, on_upgrade;
    const char *env; /* env=NAME; NULL none */
    bool without;    /* env=!NAME */
    const struct expr *condition;
};
struct headers_place {
    struct vec rules; /* struct rule * */
};

/* ---- reading a line ---------------------------------------------------------------------------------------------- */

struct words { /* behind "always" or "onsuccess" */
    const char *action, *name, *value, *third, *fourth;
};

static enum action find_action(const char *word)
{
    enum action a = ACTION_SET;

    while (a < ACTIONS && strcasecmp(word, action_names[a]))
        a++;
    return a;
}

static const char *compile(struct conf_cmd *cmd, const char *pattern, const struct regex **regex)
{
    const char *error = NULL;

    *regex = regex_compile(cmd->arena, pattern, cmd->reading->regex_flags, &error);
    return *regex ? NULL : error;
}

/* Which word is the value, which the replacement, and which the condition depends on the action. */
static const char *sort_words(struct conf_cmd *cmd, struct rule *rule, struct words *w, const char **value,
                              const char **condition)
{
    if (rule->action == ACTION_EDIT || rule->action == ACTION_EDIT_ALL) {
        if (!w->third)
            return "Header edit requires a match and a substitution";
        *value = w->third;
        *condition = w->fourth;
        return compile(cmd, w->value, &rule->regex) ? "Header edit regex could not be compiled" : NULL;
    }
    if (w->fourth)
        return "Too many arguments to directive";
    *value = w->value;
    *condition = w->third;
    if (rule->action != ACTION_UNSET && rule->action != ACTION_ECHO)
        return *value ? NULL : "Header requires three arguments";
    if (w->value && w->third)
        return rule->action == ACTION_UNSET ? "header unset takes two arguments" : "Header echo takes two arguments";
    *value = NULL;
    *condition = w->value;
    if (rule->action == ACTION_UNSET)
        return NULL;
    if (rule->table == TABLE_REQUEST)
        return "Header echo only valid on Header directives";
    return compile(cmd, w->name, &rule->regex) ? "Header echo regex could not be compiled" : NULL;
}

static const char *read_condition(struct conf_cmd *cmd, struct rule *rule, const char *text)
{
    const char *fault = NULL;

    if (strcasecmp(text, "early") == 0) {
        rule->early = true;
    } else if (strncasecmp(text, "env=", 4) == 0) {
        rule->without = text[4] == '!';
        rule->env = text + 4 + rule->without;
        if (!*rule->env)
            return "error: missing environment variable name. envclause should be in the form env=envar ";
    } else if (strncasecmp(text, "expr=", 5) == 0) {
        rule->condition = vars_compile(cmd, text + 5, 0, &fault);
        if (!rule->condition)
            return conf_fault(cmd, "Can't parse envclause/expression: %s", fault);
    } else {
        return conf_fault(cmd, "Unknown parameter: %s", text);
    }
    return NULL;
}

static const char *read_rule(struct conf_cmd *cmd, struct rule *rule, struct words *w)
{
    const char *value = NULL, *condition = NULL, *fault;

    rule->action = find_action(w->action);
    if (rule->action == ACTIONS)
        return "first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', 'note', 'edit', "
               "or 'edit*'.";
    if (rule->action == ACTION_NOTE && rule->table == TABLE_REQUEST)
        return "RequestHeader does not support the 'note' action";
    fault = sort_words(cmd, rule, w, &value, &condition);
    if (!fault && condition)
        fault = read_condition(cmd, rule, condition);
    rule->name = arena_strndup(cmd->arena, w->name, strcspn(w->name, ":"));
    rule->on_upgrade = rule->table == TABLE_REQUEST && strcasecmp(rule->name, "Upgrade") == 0;
    if (!fault && value)
        fault = header_format_compile(cmd, value, &rule->value);
    return fault;
}

static const char *take_word(struct conf_cmd *cmd, const char **rest)
{
    return **rest ? conf_word(cmd->arena, rest) : NULL;
}

static const char *read_line(struct conf_cmd *cmd, struct headers_place *place, enum table table, const char *rest)
{
    struct rule *rule = arena_alloc(cmd->arena, sizeof(*rule));
    const char *action = take_word(cmd, &rest), *fault;
    bool always = action && strcasecmp(action, "always") == 0;
    struct words w;

    if (table != TABLE_REQUEST && action && (always || strcasecmp(action, "onsuccess") == 0))
        action = take_word(cmd, &rest);
    rule->table = table != TABLE_REQUEST && always ? TABLE_ALWAYS : table;
    w.action = action ? action : "";
    w.name = take_word(cmd, &rest);
    w.name = w.name ? w.name : "";
    w.value = take_word(cmd, &rest);
    w.third = take_word(cmd, &rest);
    w.fourth = take_word(cmd, &rest);
    if (*rest)
        return conf_fault(cmd, "%s has too many arguments", cmd->row->name);
    fault = read_rule(cmd, rule, &w);
    if (!fault)
        vec_add(cmd->arena, &place->rules, rule);
    return fault;
}

static const char *set_header(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return read_line(cmd, settings, TABLE_ONSUCCESS, argv[0]);
}

static const char *set_request_header(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return read_line(cmd, settings, TABLE_REQUEST, argv[0]);
}

static const struct directive rows[] = {
    { "Header", OR_FILEINFO, ARGS_RAW, set_header, PLACE_SLOT(SLOT_LIST, struct headers_place, rules),
      "an optional condition, an action, header and value followed by optional env clause", CONF_WORKS, NULL },
    { "RequestHeader", OR_FILEINFO, ARGS_RAW, set_request_header, PLACE_SLOT(SLOT_LIST, struct headers_place, rules),
      "an action, header and value followed by optional env clause", CONF_WORKS, NULL },
    { 0 },
};

struct module headers_module = {
    .name = "headers_module",
    .source = "mod_headers.c",
    .directives = rows,
    .place_size = sizeof(struct headers_place),
};

/* ---- actions -------------------------------------------------------------------------------------------------------
 */

#define EDITED_MOST (1024 * 1024) /* bytes that edit* may make of one value */

struct pass { /* one table's rules over its fields */
    struct request *r;
    struct http_fields *fields;
    const char **content_type; /* httpd's r->content_type: what goes out whatever the tables say; NULL for a request */
    bool failed;               /* a pattern gave up */
};

/* A value is one line to a backend; what would be two to a client is an error (headers_sound). */
static struct span value_of(const struct pass *p, const struct rule *rule)
{
    const char *text = header_format_text(p->r, rule->value);

    if (p->fields == &p->r->head.fields && strpbrk(text, "\r\n")) {
        char *line = arena_strdup(p->r->arena, text);
        for (char *c = line; *c; c++)
            if (*c == '\r' || *c == '\n')
                *c = ' ';
        text = line;
    }
    return span_of(text);
}

static bool is_content_type(const struct pass *p, const struct rule *rule)
{
    return p->content_type && strcasecmp(rule->name, "Content-Type") == 0;
}

static void set(struct pass *p, const struct rule *rule)
{
    struct span value = value_of(p, rule);

    if (is_content_type(p, rule))
        *p->content_type = value.p;
    http_fields_set(p->r->arena, p->fields, rule->name, value);
}

/* The next element of a list, quotes respected; case counts, and what is behind the last blank of it as well. */
static bool holds(struct span list, struct span wanted)
{
    size_t i = 0;

    while (i < list.n) {
        size_t from;
        bool quoted = false;

        while (i < list.n && isspace((unsigned char)list.p[i]))
            i++;
        for (from = i; i < list.n && (quoted || list.p[i] != ','); i++)
            quoted ^= list.p[i] == '"';
        if (span_eq((struct span){ list.p + from, i - from }, wanted))
            return true;
        i++;
    }
    return false;
}

static void merge(struct pass *p, const struct rule *rule)
{
    struct span old = http_fields_get(p->fields, rule->name), value = value_of(p, rule);

    if (!old.p || !holds(old, value))
        http_fields_merge(p->r->arena, p->fields, rule->name, value);
}

static void echo(struct pass *p, const struct rule *rule)
{
    HTTP_EACH_FIELD(f, &p->r->head.fields)
    {
        struct span line = request_field_at(p->r, f);

        if (line.p && regex_search(rule->regex, f->name, NULL) == REGEX_YES)
            http_fields_add(p->r->arena, &p->r->out, f->name, line);
    }
}

static void note(struct pass *p, const struct rule *rule)
{
    struct span value = http_fields_get(p->fields, rule->name), name = value_of(p, rule);

    if (value.p)
        http_fields_set(p->r->arena, &p->r->notes, arena_span(p->r->arena, name), value);
    else
        http_fields_remove(&p->r->notes, name.p);
}

static bool give_up(struct pass *p)
{
    REQUEST_LOG(p->r, LOG_HEADERS, LEVEL_ERROR, 1504, "Regular expression replacement failed (replacement too long?)");
    p->failed = true;
    return false;
}

/* The value with its first match, or every match, replaced. An empty match steps on by one character. */
static bool edit_value(struct pass *p, const struct rule *rule, struct span value, struct span *edited)
{
    struct buf out = { 0 };
    bool changed = false;

    for (;;) {
        struct regex_match m = { 0 };
        enum regex_result found = regex_search(rule->regex, value, &m);

        if (found == REGEX_LIMIT || buf_len(&out) > EDITED_MOST) {
            buf_release(&out);
            return give_up(p);
        }
        if (found == REGEX_NO)
            break;
        changed = true;
        buf_add(&out, value.p, (size_t)(m.group[0].p - value.p));
        buf_adds(&out, regex_substitute(p->r->arena, value_of(p, rule).p, &m));
        size_t used = (size_t)(m.group[0].p + m.group[0].n - value.p);
        if (m.group[0].n == 0 && rule->action == ACTION_EDIT_ALL && used < value.n)
            buf_add(&out, value.p + used++, 1);
        value = (struct span){ value.p + used, value.n - used };
        if (rule->action == ACTION_EDIT || value.n == 0)
            break;
    }
    buf_add(&out, value.p, value.n);
    *edited = changed ? span_of(arena_span(p->r->arena, buf_span(&out))) : value;
    buf_release(&out);
    return true;
}

/* Each line of the name; what was edited stands behind the others then. */
static void edit(struct pass *p, const struct rule *rule)
{
    struct http_fields edited = { 0 };
    struct span value;

    if (is_content_type(p, rule) && *p->content_type) {
        if (!edit_value(p, rule, span_of(*p->content_type), &value))
            return;
        *p->content_type = value.p;
    }
    HTTP_EACH_FIELD(f, p->fields)
    if (span_ieq_str(f->name, rule->name)) {
        if (!edit_value(p, rule, f->value, &value))
            return;
        http_fields_add(p->r->arena, &edited, f->name, value);
    }
    http_fields_remove(p->fields, rule->name);
    HTTP_EACH_FIELD(f, &edited)
    http_fields_add(p->r->arena, p->fields, f->name, f->value);
}

/* httpd joins a client's lines of one name when it reads them; here they stay apart until a rule asks for the value, or
 * adds a line of its own. */
static void join_lines(struct pass *p, const char *name)
{
    struct request *r = p->r;
    struct span joined;

    if (p->fields != &r->head.fields || http_fields_find(&r->joined, name))
        return;
    joined = http_fields_join(r->arena, p->fields, name);
    if (joined.p)
        http_fields_set(r->arena, p->fields, name, joined);
    http_fields_add(r->arena, &r->joined, span_of(name), joined);
}

static void act(struct pass *p, const struct rule *rule)
{
    struct arena *a = p->r->arena;

    switch (rule->action) {
    case ACTION_SET: set(p, rule); return;
    case ACTION_SETIFEMPTY:
        if (!http_fields_find(p->fields, rule->name))
            set(p, rule);
        return;
    case ACTION_UNSET:
        http_fields_remove(p->fields, rule->name);
        if (is_content_type(p, rule))
            *p->content_type = NULL;
        return;
    case ACTION_ECHO: echo(p, rule); return;
    case ACTION_NOTE: note(p, rule); return;
    default: break;
    }
    join_lines(p, rule->name);
    if (rule->action == ACTION_ADD)
        http_fields_add(a, p->fields, span_of(rule->name), value_of(p, rule));
    else if (rule->action == ACTION_APPEND)
        http_fields_merge(a, p->fields, rule->name, value_of(p, rule));
    else if (rule->action == ACTION_MERGE)
        merge(p, rule);
    else
        edit(p, rule);
}

/* ---- passes ---------------------------------------------------------------------------------------------------------
 */

/* A condition that fails to evaluate does not keep the rule from acting, as in httpd. */
static bool applies(struct request *r, const struct rule *rule)
{
    const char *fault = NULL;
    int result;

    if (rule->env)
        return (http_fields_get(&r->env, rule->env).p == NULL) == rule->without;
    if (!rule->condition)
        return true;
    result = vars_true(r, rule->condition, NULL, &fault);
    if (result < 0)
        REQUEST_LOG(r, LOG_HEADERS, LEVEL_ERROR, 1501, "Failed to evaluate expression (%s) - ignoring", fault);
    return result != 0;
}

static bool run(struct pass *p, const struct vec *rules, enum table table, bool early)
{
    for (unsigned i = 0; i < rules->n && !p->failed; i++) {
        const struct rule *rule = rules->items[i];
        if (rule->table != table || rule->early != early || !applies(p->r, rule))
            continue;
        p->r->upgrade_written |= rule->on_upgrade;
        act(p, rule);
    }
    return !p->failed;
}

static bool run_table(struct request *r, enum table table, const char **content_type, bool early)
{
    const struct headers_place *place = place_part(r->place, &headers_module);
    struct pass p = { .r = r, .content_type = content_type };

    if (!place->rules.n)
        return true;
    p.fields = table == TABLE_REQUEST ? &r->head.fields : table == TABLE_ALWAYS ? &r->err_out : &r->out;
    return run(&p, &place->rules, table, early);
}

int headers_early(struct request *r)
{
    const char *type = NULL; /* the file's is not known yet, and will hold */
    bool good = run_table(r, TABLE_REQUEST, NULL, true) && run_table(r, TABLE_ALWAYS, &type, true) &&
                run_table(r, TABLE_ONSUCCESS, &type, true);

    return good ? 0 : 500;
}

int headers_request(struct request *r)
{
    return run_table(r, TABLE_REQUEST, NULL, false) ? 0 : 500;
}

/* httpd keeps the type apart from the tables, and a backend's in one of them as well. It is what conditions and values
 * see of it from here on. */
static void take_type(struct request *r, struct span type, bool in_table)
{
    r->content_type = type.p ? arena_span(r->arena, type) : NULL;
    r->type_settled = true;
    if (!in_table)
        http_fields_remove(&r->out, "Content-Type");
}

/* What the answer's type became is the only one. */
static void settle_type(struct request *r)
{
    if (!r->content_type)
        return;
    http_fields_remove(&r->err_out, "Content-Type");
    http_fields_set(r->arena, &r->out, "Content-Type", span_of(r->content_type));
}

int headers_answer(struct request *r)
{
    struct span type = http_fields_get(&r->out, "Content-Type");
    bool of_backend = r->proxy && type.p != r->content_type, good;

    take_type(r, type, of_backend);
    good =
        run_table(r, TABLE_ALWAYS, &r->content_type, false) && run_table(r, TABLE_ONSUCCESS, &r->content_type, false);
    settle_type(r);
    return good ? 0 : 500;
}

int headers_error(struct request *r)
{
    bool good;

    take_type(r, http_fields_get(&r->out, "Content-Type"), false);
    good = run_table(r, TABLE_ALWAYS, &r->content_type, false);
    settle_type(r);
    return good ? 0 : 500;
}

/* ---- what may go out ---- */

static void refuse_field(const struct request *r, const struct http_field *f)
{
    const char *name = http_escape_log(r->arena, f->name);

    if (f->name.n == 0)
        REQUEST_LOG(r, LOG_HTTP, LEVEL_ERROR, 2428, "Empty response header name, aborting request");
    else if (!http_is_token(f->name))
        REQUEST_LOG(r, LOG_HTTP, LEVEL_ERROR, 2429,
                    "Response header name '%s' contains invalid characters, aborting request", name);
    else
        REQUEST_LOG(r, LOG_HTTP, LEVEL_ERROR, 2430,
                    "Response header '%s' value of '%s' contains invalid characters, aborting request", name,
                    http_escape_log(r->arena, f->value));
}

static bool lies_in(struct span part, struct span bytes)
{
    return (uintptr_t)part.p - (uintptr_t)bytes.p < bytes.n;
}

static bool sound(const struct request *r, const struct http_fields *fields, struct span checked)
{
    HTTP_EACH_FIELD(f, fields)
    if (!(lies_in(f->name, checked) && lies_in(f->value, checked)) &&
        (!http_is_token(f->name) || !http_is_value(f->value))) {
        refuse_field(r, f);
        return false;
    }
    return true;
}

bool headers_sound(const struct request *r, struct span checked)
{
    return sound(r, &r->out, checked) && sound(r, &r->err_out, checked);
}
