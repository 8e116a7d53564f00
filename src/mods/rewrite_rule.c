/* RewriteCond and RewriteRule as they are written (mod_rewrite.c: parseargline, cmd_parseflagfield, cmd_rewritecond,
 * cmd_rewriterule and their flags). httpd takes these lines apart itself, so that backslashes stay in patterns. */
#include "core.h"
#include "names.h"
#include "rewrite.h"

#include <ctype.h>
#include <strings.h>

#define MAX_ROUNDS 32000

/* ---- words ---------------------------------------------------------------------------------------------------------
 */

/* The next word, ended in place; a backslash before a blank keeps it. *closed: something follows the word, if only its
 * quote. */
static char *take_word(char **rest, bool *closed)
{
    char *p = *rest, *word, quote;

    while (isspace((unsigned char)*p))
        p++;
    quote = *p == '"' || *p == '\'' ? *p++ : '\0';
    for (word = p; *p; p++) {
        if (quote ? *p == quote : isspace((unsigned char)*p))
            break;
        if (*p == '\\' && isspace((unsigned char)p[1]))
            p++;
    }
    *closed = *p != '\0';
    *rest = *closed ? p + 1 : p;
    *p = '\0';
    return word;
}

struct words {
    char *first, *second, *flags; /* flags NULL: none */
};

static bool take_words(char *line, struct words *w)
{
    bool closed;

    w->first = take_word(&line, &closed);
    if (!closed)
        return false;
    w->second = take_word(&line, &closed);
    line += strspn(line, " \t\n\v\f\r");
    w->flags = *line ? take_word(&line, &closed) : NULL;
    return true;
}

/* ---- flags ---------------------------------------------------------------------------------------------------------
 */

typedef const char *set_flag_fn(struct conf_cmd *cmd, void *of, char *key, char *value);

/* "[NC,OR]", "[E=a:b]": each with what is behind its "=", or "". */
static const char *read_flags(struct conf_cmd *cmd, char *text, set_flag_fn *set, void *of)
{
    size_t n = strlen(text);
    const char *fault = NULL;

    if (n < 2 || text[0] != '[' || text[n - 1] != ']')
        return "bad flag delimiters";
    text[n - 1] = ',';
    for (char *key = text + 1, *end; *key && !fault; key = end + 1) {
        char *last, *value;

        while (isspace((unsigned char)*key))
            key++;
        end = strchr(key, ',');
        if (!end)
            break;
        for (last = end; isspace((unsigned char)last[-1]); last--)
            ;
        *last = '\0';
        value = strchr(key, '=');
        if (value)
            *value++ = '\0';
        fault = set(cmd, of, key, value ? value : last);
    }
    return fault;
}

static bool is_word(const char *key, const char *brief, const char *full)
{
    return strcasecmp(key, brief) == 0 || strcasecmp(key, full) == 0;
}

static const char *set_cond_flag(struct conf_cmd *cmd, void *of, char *key, char *value)
{
    struct rewrite_cond *c = of;

    (void)value;
    if (is_word(key, "NC", "nocase"))
        c->no_case = true;
    else if (is_word(key, "OR", "ornext"))
        c->or_next = true;
    else if (is_word(key, "NV", "novary"))
        c->no_vary = true;
    else
        return conf_fault(cmd, "unknown flag '%s'", key);
    return NULL;
}

static const struct {
    const char *brief, *full;
    unsigned bits;
} plain_flags[] = {
    { "BNP", "backrefernoplus", RULE_NO_PLUS },
    { "BCTLS", "BCTLS", RULE_ESCAPE_CONTROLS | RULE_ESCAPE_GROUPS },
    { "C", "chain", RULE_CHAIN },
    { "END", "END", RULE_END },
    { "L", "last", RULE_LAST },
    { "NE", "noescape", RULE_NO_ESCAPE },
    { "NS", "nosubreq", RULE_NO_SUBREQUEST },
    { "NC", "nocase", RULE_NO_CASE },
    { "P", "proxy", RULE_PROXY },
    { "PT", "passthrough", RULE_PASS },
    { "QSA", "qsappend", RULE_ADD_QUERY },
    { "QSD", "qsdiscard", RULE_DROP_QUERY },
    { "QSL", "qslast", RULE_LAST_QUERY },
    { "UnsafePrefixStat", "UnsafePrefixStat", RULE_ANY_PREFIX },
    { "UnsafeAllow3F", "UnsafeAllow3F", RULE_ALLOW_QUERY },
    { "UNC", "UNC", RULE_KEEP_SLASHES },
};

static bool set_plain_flag(struct rewrite_rule *rule, const char *key)
{
    for (unsigned i = 0; i < COUNT_OF(plain_flags); i++) {
        if (is_word(key, plain_flags[i].brief, plain_flags[i].full)) {
            rule->flags |= plain_flags[i].bits;
            return true;
        }
    }
    if (is_word(key, "D", "DPI") || strcasecmp(key, "discardpath") == 0)
        rule->flags |= RULE_DROP_PATH_INFO;
    return toupper((unsigned char)key[0]) == 'D'; /* httpd takes every flag that begins with D, and knows these */
}

static const char *set_redirect(struct conf_cmd *cmd, struct rewrite_rule *rule, const char *value)
{
    rule->flags |= RULE_REDIRECT;
    if (!*value)
        return NULL;
    rule->status = strcasecmp(value, "permanent") == 0  ? 301
                   : strcasecmp(value, "temp") == 0     ? 302
                   : strcasecmp(value, "seeother") == 0 ? 303
                                                        : 0;
    if (!isdigit((unsigned char)*value))
        return NULL;
    rule->status = core_number(value);
    if (strcmp(http_reason(rule->status), "Unknown Reason") == 0)
        return conf_fault(cmd, "invalid HTTP response code '%s' for flag 'R'", value);
    if (rule->status < 300 || rule->status > 399)
        rule->flags |= RULE_STATUS | RULE_NO_SUBSTITUTION;
    return NULL;
}

static void set_status(struct rewrite_rule *rule, int status)
{
    rule->flags |= RULE_STATUS | RULE_NO_SUBSTITUTION;
    rule->status = status;
}

static const char *add_text(struct conf_cmd *cmd, struct vec *to, const char *source)
{
    const struct rewrite_text *text = rewrite_text_compile(cmd->arena, source);

    if (!text)
        return "maps are nested too deeply / マップの入れ子が深すぎます";
    vec_add(cmd->arena, to, (void *)(uintptr_t)text);
    return NULL;
}

static const char *set_text(struct conf_cmd *cmd, const struct rewrite_text **to, const char *source)
{
    struct vec one = { 0 };
    const char *fault = add_text(cmd, &one, source);

    *to = fault ? NULL : one.items[0];
    return fault;
}

/* As SetHandler and ForceType: a script is not shown instead of run. */
static const char *set_kind(struct conf_cmd *cmd, const struct rewrite_text **to, char *value, bool handler)
{
    const char *fault;

    for (char *p = value; handler && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    fault = set_text(cmd, to, value);

    if (fault || !*value)
        return fault;
    if (!core_note_handler(cmd, value) && handler && !core_is_handler(value) && !strpbrk(value, "%$\\"))
        return conf_fault(cmd, "flag H=%s: refused: " WHY_HANDLER, value);
    return NULL;
}

static const char *set_escapes(struct rewrite_rule *rule, char *value)
{
    rule->flags |= RULE_ESCAPE_GROUPS;
    if (*value)
        rule->escapes = value;
    return NULL;
}

static const char *set_rule_flag(struct conf_cmd *cmd, void *of, char *key, char *value)
{
    struct rewrite_rule *rule = of;

    if (is_word(key, "B", "backrefescaping"))
        return set_escapes(rule, value);
    if (is_word(key, "R", "redirect"))
        return set_redirect(cmd, rule, value);
    if (is_word(key, "CO", "cookie"))
        return add_text(cmd, &rule->cookies, value);
    if (is_word(key, "E", "env"))
        return add_text(cmd, &rule->env, value);
    if (is_word(key, "T", "type"))
        return set_kind(cmd, &rule->type, value, false);
    if (is_word(key, "H", "handler"))
        return set_kind(cmd, &rule->handler, value, true);
    if (is_word(key, "F", "forbidden"))
        set_status(rule, 403);
    else if (is_word(key, "G", "gone"))
        set_status(rule, 410);
    else if (is_word(key, "S", "skip"))
        rule->skip = core_number(value);
    else if (strcasecmp(key, "BNE") == 0 && !*value)
        return "flag 'BNE' wants a list of characters (i.e. [BNE=...])";
    else if (strcasecmp(key, "BNE") == 0)
        rule->no_escapes = value;
    else if (is_word(key, "N", "next")) {
        rule->flags |= RULE_NEXT;
        rule->max_rounds = *value ? core_number(value) : rule->max_rounds;
    } else if (!set_plain_flag(rule, key))
        return conf_fault(cmd, "unknown flag '%s'", key);
    return NULL;
}

/* ---- RewriteCond ----------------------------------------------------------------------------------------------------
 */

static enum rewrite_test file_test(struct rewrite_cond *c, char letter)
{
    if (letter == 'U' || letter == 'F')
        return letter == 'U' ? TEST_URL : TEST_PATH;
    if (!strchr("fsdxhLl", letter))
        return TEST_REGEX;
    c->letter = letter == 'h' || letter == 'L' ? 'l' : letter;
    return TEST_FILE;
}

/* "-ge5"; "-ge" alone is a pattern. */
static enum rewrite_test number_test(struct rewrite_cond *c, const char **p)
{
    static const struct {
        char word[3];
        enum rewrite_test test;
    } operators[] = {
        { "lt", TEST_NUMBER_LESS },          { "le", TEST_NUMBER_LESS_EQUAL }, { "gt", TEST_NUMBER_GREATER },
        { "ge", TEST_NUMBER_GREATER_EQUAL }, { "eq", TEST_NUMBER_EQUAL },      { "ne", TEST_NUMBER_EQUAL },
    };

    for (unsigned i = 0; i < COUNT_OF(operators); i++) {
        if (strncmp(*p + 1, operators[i].word, 2) == 0 && (*p)[3]) {
            c->negated ^= strncmp(*p + 1, "ne", 2) == 0;
            *p += 3;
            return operators[i].test;
        }
    }
    return TEST_REGEX;
}

static enum rewrite_test word_test(const char **p)
{
    char op = **p;
    bool equal;

    if (op != '<' && op != '>' && op != '=')
        return TEST_REGEX;
    ++*p;
    if (op == '=') {
        if (strcmp(*p, "\"\"") == 0) /* the empty text */
            *p += 2;
        return TEST_EQUAL;
    }
    equal = **p == '=';
    *p += equal;
    if (op == '<')
        return equal ? TEST_LESS_EQUAL : TEST_LESS;
    return equal ? TEST_GREATER_EQUAL : TEST_GREATER;
}

static void choose_test(struct rewrite_cond *c)
{
    const char *p = c->written;

    c->negated = *p == '!';
    p += c->negated;
    if (strcasecmp(c->input->source, "expr") == 0)
        c->test = TEST_EXPR;
    else if (p[0] && p[1])
        c->test = p[0] != '-' ? word_test(&p) : p[2] ? number_test(c, &p) : file_test(c, p[1]);
    c->pattern = p;
}

static const char *compile_cond(struct conf_cmd *cmd, struct rewrite_cond *c)
{
    const char *error;

    if (c->no_case && (c->test != TEST_REGEX && (c->test < TEST_LESS || c->test > TEST_GREATER_EQUAL))) {
        conf_note(cmd, LEVEL_WARN, LOG_REWRITE, 665,
                  "RewriteCond: NoCase option for non-regex pattern '%s' is not supported and will be ignored.",
                  c->pattern);
        c->no_case = false;
    }
    if (c->test == TEST_EXPR && !(c->expr = vars_compile(cmd, c->pattern, 0, &error)))
        return conf_fault(cmd, "RewriteCond: cannot compile expression %s\"%s\" %s",
                          cmd->overrides ? "in htaccess context " : "", c->pattern, error);
    if (c->test == TEST_REGEX &&
        !(c->regex = regex_compile(cmd->arena, c->pattern, cmd->reading->regex_flags | (c->no_case ? REGEX_NOCASE : 0),
                                   &error)))
        return conf_fault(cmd, "RewriteCond: cannot compile regular expression '%s'", c->pattern);
    return NULL;
}

const char *rewrite_set_cond(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_list *list = rewrite_list_of(cmd, settings);
    struct rewrite_cond *c = arena_alloc(cmd->arena, sizeof(*c));
    struct words words;
    const char *fault;

    (void)argc;
    if (!take_words(argv[0] = arena_strdup(cmd->arena, argv[0]), &words))
        return conf_fault(cmd, "RewriteCond: bad argument line '%s'", argv[0]);
    fault = set_text(cmd, &c->input, words.first);
    if (!fault && words.flags)
        fault = read_flags(cmd, words.flags, set_cond_flag, c);
    if (fault)
        return conf_fault(cmd, "RewriteCond: %s", fault);
    c->written = words.second;
    choose_test(c);
    fault = compile_cond(cmd, c);
    if (!fault)
        vec_add(cmd->arena, &list->conds, c);
    return fault;
}

/* ---- RewriteRule ----------------------------------------------------------------------------------------------------
 */

/* A "?" at the end takes the query away; with QSA it only marks where it would begin. */
static void settle_query(struct rewrite_rule *rule, char *output)
{
    size_t n = strlen(output);

    if (n && output[n - 1] == '?') {
        if (rule->flags & RULE_ADD_QUERY) {
            rule->flags |= RULE_LAST_QUERY;
        } else {
            rule->flags |= RULE_NO_QUERY;
            output[n - 1] = '\0';
        }
    } else if (rule->flags & RULE_DROP_QUERY && !strchr(output, '?')) {
        rule->flags |= RULE_NO_QUERY;
    }
}

static void note_text(struct rewrite_rule *rule, const struct rewrite_text *text)
{
    rule->asks_map |= text && text->asks_map;
    rule->looks_ahead |= text && text->looks_ahead;
}

static void note_needs(struct rewrite_rule *rule, struct rewrite_list *list)
{
    note_text(rule, rule->substitution);
    note_text(rule, rule->type);
    note_text(rule, rule->handler);
    for (unsigned i = 0; i < rule->env.n; i++)
        note_text(rule, rule->env.items[i]);
    for (unsigned i = 0; i < rule->cookies.n; i++)
        note_text(rule, rule->cookies.items[i]);
    for (unsigned i = 0; i < rule->conds.n; i++) {
        const struct rewrite_cond *c = rule->conds.items[i];
        note_text(rule, c->input);
        rule->looks_ahead |= c->test == TEST_URL || c->test == TEST_PATH;
    }
    list->asks_map |= rule->asks_map;
    list->looks_ahead |= rule->looks_ahead;
}

static const char *compile_rule(struct conf_cmd *cmd, struct rewrite_rule *rule, struct words *words)
{
    const char *pattern = words->first, *error;

    if (*pattern == '!') {
        rule->flags |= RULE_NEGATED;
        pattern++;
    }
    rule->pattern = pattern;
    rule->regex = regex_compile(cmd->arena, pattern,
                                cmd->reading->regex_flags | (rule->flags & RULE_NO_CASE ? REGEX_NOCASE : 0), &error);
    if (!rule->regex)
        return conf_fault(cmd, "cannot compile regular expression '%s'", pattern);
    if (strcmp(words->second, "-") == 0)
        rule->flags |= RULE_NO_SUBSTITUTION;
    settle_query(rule, words->second);
    rule->output = words->second;
    return set_text(cmd, &rule->substitution, words->second);
}

const char *rewrite_set_rule(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct rewrite_list *list = rewrite_list_of(cmd, settings);
    struct rewrite_rule *rule = arena_alloc(cmd->arena, sizeof(*rule));
    struct words words;
    const char *fault = NULL;

    (void)argc;
    rule->status = 302;
    rule->max_rounds = MAX_ROUNDS;
    if (!take_words(argv[0] = arena_strdup(cmd->arena, argv[0]), &words))
        return conf_fault(cmd, "RewriteRule: bad argument line '%s'", argv[0]);
    if (words.flags)
        fault = read_flags(cmd, words.flags, set_rule_flag, rule);
    if (!fault)
        fault = compile_rule(cmd, rule, &words);
    if (fault)
        return conf_fault(cmd, "RewriteRule: %s", fault);
    rule->conds = list->conds;
    list->conds = (struct vec){ 0 };
    note_needs(rule, list);
    vec_add(cmd->arena, &list->rules, rule);
    return NULL;
}
