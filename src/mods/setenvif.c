/* SetEnvIf, SetEnvIfNoCase, SetEnvIfExpr, BrowserMatch, BrowserMatchNoCase: httpd's mod_setenvif.c. Lines outside of
 * sections act before anything is decided, those in sections once the place is known. */
#include "mods.h"
#include "names.h"

#include <ctype.h>
#include <strings.h>

typedef struct span value_fn(const struct request *r, const char *name);

struct variable {
    const char *name, *value; /* value NULL: take it away */
};
struct rule {
    bool site;                 /* stands outside of sections */
    const char *name;          /* the attribute, one pointer for all lines of a place with that name; NULL: expr */
    value_fn *attribute;       /* NULL: name_regex */
    const struct regex *names; /* the last field whose name matches */
    const char *literal;       /* what the value holds; or */
    bool nocase;
    const struct regex *regex; /* what it matches; or */
    const struct expr *expr;
    struct vec variables; /* struct variable * */
};
struct setenvif_place {
    struct vec rules; /* struct rule * */
};

/* ---- attributes ---- */

static struct span give_address(const struct request *r, const char *name)
{
    (void)name; /* Remote_Host too: no name is looked up */
    return span_of(r->client_ip);
}

static struct span give_local(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->peer->local_ip);
}

static struct span give_uri(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->uri);
}

static struct span give_method(const struct request *r, const char *name)
{
    (void)name;
    return r->head.method;
}

static struct span give_protocol(const struct request *r, const char *name)
{
    (void)name;
    return span_of(arena_printf(r->arena, "HTTP/%d.%d", r->head.version / 10, r->head.version % 10));
}

/* A field of the request, else a variable. */
static struct span give_field(const struct request *r, const char *name)
{
    struct span value = request_field(r, name);

    return value.p ? value : http_fields_get(&r->env, name);
}

static value_fn *find_attribute(const char *name)
{
    static const struct {
        const char *name;
        value_fn *give;
    } known[] = {
        { "remote_addr", give_address },   { "remote_host", give_address }, { "request_uri", give_uri },
        { "request_method", give_method }, { "server_addr", give_local },   { "request_protocol", give_protocol },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!strcasecmp(name, known[i].name))
            return known[i].give;
    return give_field;
}

/* ---- reading a line ---- */

static const struct regex *compile(struct conf_cmd *cmd, const char *pattern, bool nocase)
{
    const char *error = NULL;

    return regex_compile(cmd->arena, pattern, cmd->reading->regex_flags | (nocase ? REGEX_NOCASE : 0u), &error);
}

/* A pattern without special characters is looked for as it is, its escapes taken off; NULL: it is a pattern. */
static const char *literal_of(struct arena *a, const char *pattern)
{
    char *text = arena_alloc(a, strlen(pattern) + 1), *end = text;

    for (const char *p = pattern; *p; p++) {
        bool escaped = *p == '\\';

        p += escaped && p[1];
        if (escaped ? !strchr("^.$|()[]*+?{}\\", *p) : strchr("^.$|()[]*+?{}", *p) != NULL)
            return NULL;
        *end++ = *p;
    }
    return text;
}

static const char *read_variables(struct conf_cmd *cmd, struct rule *rule, const char *rest)
{
    const char *word;

    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        struct variable *v = arena_alloc(cmd->arena, sizeof(*v));
        size_t n = strcspn(word, "=");
        const char *value = word + n + strspn(word + n, "=");

        v->name = arena_strndup(cmd->arena, word, n);
        v->value = *value ? value : "1";
        if (!*value && *v->name == '!')
            v->name++, v->value = NULL;
        if (*value == '!')
            v->value = NULL;
        vec_add(cmd->arena, &rule->variables, v);
    }
    return rule->variables.n ? NULL : conf_fault(cmd, "Missing envariable expression for %s", cmd->row->name);
}

static bool is_field_name(const char *name)
{
    return name[strspn(name, "-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* Lines of one name share its pointer, so that the value is taken once for a run of them. */
static const char *shared_name(const struct setenvif_place *place, const char *name)
{
    for (unsigned i = 0; i < place->rules.n; i++) {
        const struct rule *rule = place->rules.items[i];
        if (rule->name && !strcasecmp(rule->name, name))
            return rule->name;
    }
    return name;
}

static const char *read_pattern(struct conf_cmd *cmd, struct rule *rule, const char *pattern)
{
    rule->literal = literal_of(cmd->arena, pattern);
    if (!rule->literal && !(rule->regex = compile(cmd, pattern, rule->nocase)))
        return conf_fault(cmd, "%s regex could not be compiled.", cmd->row->name);
    rule->attribute = find_attribute(rule->name);
    if (rule->attribute != give_field || is_field_name(rule->name))
        return NULL;
    rule->attribute = NULL;
    rule->names = compile(cmd, rule->name, rule->nocase);
    return rule->names ? NULL : conf_fault(cmd, "%sHeader name regex could not be compiled.", cmd->row->name);
}

static struct rule *new_rule(struct conf_cmd *cmd)
{
    struct rule *rule = arena_alloc(cmd->arena, sizeof(*rule));

    rule->site = !cmd->section;
    rule->nocase = strstr(cmd->row->name, "NoCase") != NULL;
    return rule;
}

static const char *add(struct conf_cmd *cmd, struct setenvif_place *place, const char *name, const char *rest)
{
    struct rule *rule = new_rule(cmd);
    const char *pattern = conf_word(cmd->arena, &rest), *fault;

    if (!pattern || !*pattern)
        return conf_fault(cmd, "Missing regular expression for %s", cmd->row->name);
    rule->name = shared_name(place, name);
    fault = read_pattern(cmd, rule, pattern);
    if (!fault)
        fault = read_variables(cmd, rule, rest);
    vec_add(cmd->arena, &place->rules, rule);
    return fault;
}

static const char *set_env_if(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *rest = argv[0], *name = conf_word(cmd->arena, &rest);

    (void)argc;
    if (!name || !*name)
        return conf_fault(cmd, "Missing header-field name for %s", cmd->row->name);
    return add(cmd, settings, name, rest);
}

static const char *set_browser_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return add(cmd, settings, "User-Agent", argv[0]);
}

static const char *set_env_if_expr(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct setenvif_place *place = settings;
    struct rule *rule = new_rule(cmd);
    const char *rest = argv[0], *text = conf_word(cmd->arena, &rest), *fault = NULL;

    (void)argc;
    if (!text || !*text)
        return conf_fault(cmd, "Missing expression for %s", cmd->row->name);
    rule->expr = vars_compile(cmd, text, 0, &fault);
    if (!rule->expr)
        return conf_fault(cmd, "Could not parse expression \"%s\": %s", text, fault);
    vec_add(cmd->arena, &place->rules, rule);
    return read_variables(cmd, rule, rest);
}

#define ROW(name, set, help)                                                                                           \
    {                                                                                                                  \
        name, OR_FILEINFO, ARGS_RAW, set, PLACE_SLOT(SLOT_LIST, struct setenvif_place, rules), help, CONF_WORKS, NULL  \
    }
static const struct directive rows[] = {
    ROW("SetEnvIf", set_env_if, "A header-name, regex and a list of variables."),
    ROW("SetEnvIfNoCase", set_env_if, "a header-name, regex and a list of variables."),
    ROW("SetEnvIfExpr", set_env_if_expr, "an expression and a list of variables."),
    ROW("BrowserMatch", set_browser_match, "A browser regex and a list of variables."),
    ROW("BrowserMatchNoCase", set_browser_match, "A browser regex and a list of variables."),
    { 0 },
};

struct module setenvif_module = {
    .name = "setenvif_module",
    .source = "mod_setenvif.c",
    .directives = rows,
    .place_size = sizeof(struct setenvif_place),
};

/* ---- over a request ---- */

struct subject { /* of a run of lines with one name */
    const char *name;
    struct span value;
};

/* The last field whose name matches. */
static struct span named_field(const struct request *r, const struct regex *names)
{
    struct span value = { NULL, 0 };

    HTTP_EACH_FIELD(f, &r->head.fields)
    {
        struct span line = request_field_at(r, f);

        if (line.p && regex_search(names, f->name, NULL) == REGEX_YES)
            value = line;
    }
    return value;
}

static void look(const struct request *r, const struct rule *rule, struct subject *s)
{
    if (!rule->name || rule->name == s->name)
        return;
    s->name = rule->name;
    s->value = rule->names ? named_field(r, rule->names) : rule->attribute(r, rule->name);
}

static bool contains(struct span text, const char *part, bool nocase)
{
    size_t n = strlen(part);
    char lower = (char)tolower((unsigned char)*part), upper = (char)toupper((unsigned char)*part);

    if (text.n < n) /* a field that is not there has no bytes at all; no pattern is empty */
        return false;
    if (!nocase)
        return memmem(text.p, text.n, part, n) != NULL;
    for (size_t i = 0; i + n <= text.n; i++)
        if ((text.p[i] == lower || text.p[i] == upper) && strncasecmp(text.p + i, part, n) == 0)
            return true;
    return false;
}

static enum regex_result matches(struct request *r, const struct rule *rule, struct span value, struct regex_match *m)
{
    const char *fault = NULL;

    if (rule->literal)
        return contains(value, rule->literal, rule->nocase) ? REGEX_YES : REGEX_NO;
    if (rule->regex)
        return regex_search(rule->regex, value, m);
    switch (vars_true(r, rule->expr, m, &fault)) {
    case 1: return REGEX_YES;
    case 0: return REGEX_NO;
    default: return REGEX_NO; /* said in the log */
    }
}

/* $1 of a match; a literal has none, its value stays as it is written. */
static void assign(struct request *r, const struct rule *rule, const struct regex_match *m)
{
    for (unsigned i = 0; i < rule->variables.n; i++) {
        const struct variable *v = rule->variables.items[i];
        const char *value = v->value;

        if (value && !rule->literal)
            value = regex_substitute(r->arena, value, m);
        request_set_env(r, v->name, value);
    }
}

static int run(struct request *r, const struct place *where, bool site)
{
    const struct setenvif_place *place = place_part(where, &setenvif_module);
    struct subject s = { 0 };

    for (unsigned i = 0; i < place->rules.n; i++) {
        const struct rule *rule = place->rules.items[i];
        struct regex_match m;

        if (rule->site != site)
            continue;
        look(r, rule, &s);
        m.n = 0;
        switch (matches(r, rule, s.value, &m)) {
        case REGEX_YES: assign(r, rule, &m); break;
        case REGEX_NO: break;
        case REGEX_LIMIT: /* what it decides is not to be guessed */
            REQUEST_LOG(r, LOG_SETENVIF, LEVEL_ERROR, 0,
                        "SetEnvIf %s: the regular expression gave up / 正規表現の評価を打ち切りました", rule->name);
            return 500;
        }
    }
    return 0;
}

int setenvif_site(struct request *r)
{
    return run(r, &r->site->place, true);
}

int setenvif_place(struct request *r)
{
    return run(r, r->place, false);
}
