/* expr_compile: recursive descent over the grammar of httpd 2.4's util_expr_parse.y, with the messages that its
 * generated parser gives. Precedence, loosest first: ||, &&, !; "." joins words. */
#include "expr_impl.h"

#define DEPTH_MAX 100 /* of parentheses and function calls; evaluation gives up long before */

struct parser {
    struct expr_lexer lexer;
    struct arena *arena;
    enum expr_token token;
    unsigned flags, depth;
    bool (*known)(const char *kind, const char *name);
    bool failed;
    const char *syntax; /* the parser's complaint */
    const char *detail; /* the lexer's, or a name that does not exist */
};

static const struct expr_node *parse_or(struct parser *p);
static const struct expr_node *parse_word(struct parser *p);

static void advance(struct parser *p)
{
    p->token = expr_lex(&p->lexer);
    if (p->token == TOK_ERROR)
        p->detail = p->lexer.error;
}

static void *fail(struct parser *p, const char *syntax)
{
    if (!p->failed)
        p->syntax = syntax;
    p->failed = true;
    return NULL;
}

/* expected: what the message lists after "expecting", NULL when there would be more than four. */
static void *unexpected(struct parser *p, const char *expected)
{
    return fail(p, arena_printf(p->arena, "syntax error, unexpected %s%s%s", expr_token_name(p->token),
                                expected ? ", expecting " : "", expected ? expected : ""));
}

static struct expr_node *node(struct parser *p, enum expr_op op)
{
    struct expr_node *n = arena_alloc(p->arena, sizeof(*n));

    n->op = op;
    return n;
}

/* Does the environment know the name? A missing one is remembered; the rest is still parsed, as httpd does. */
static void check_known(struct parser *p, const char *kind, const char *title, const char *name)
{
    if (p->known && !p->known(kind, name))
        p->detail = arena_printf(p->arena, "%s '%s' does not exist", title, name);
}

static const struct expr_node *make_call(struct parser *p, const char *name, const struct expr_node *arg)
{
    struct expr_node *n = node(p, EXPR_CALL);

    n->text = name;
    n->right = arg;
    n->function = expr_function_find(name);
    if (!n->function)
        check_known(p, "function", "Function", name);
    else if (n->function->restricted && (p->flags & EXPR_RESTRICTED))
        p->detail = arena_printf(p->arena, "%s not available in restricted context", n->function->name);
    return n;
}

static const struct subnet *make_subnet(struct parser *p, const char *operator, const struct expr_node * word)
{
    struct subnet *s = arena_alloc(p->arena, sizeof(*s));

    if (word->op != EXPR_WORD || word->number)
        p->detail = arena_printf(p->arena, "-%s requires subnet/netmask as constant argument", operator);
    else if (!subnet_parse(word->text, s))
        p->detail = "parsing of subnet/netmask failed";
    return s;
}

/* Inside quotes or an argument: text, variables and captures side by side. */
static const struct expr_node *parse_string(struct parser *p, const char *first, const char *next);

static const struct expr_node *parse_variable(struct parser *p)
{
    struct expr_node *n = NULL;
    const struct expr_node *arg;
    const char *name;

    advance(p);
    if (p->token != TOK_ID)
        return unexpected(p, "T_ID");
    name = p->lexer.value;
    advance(p);
    if (p->token == TOK_VAR_END) {
        check_known(p, "variable", "Variable", name);
        advance(p);
        n = node(p, EXPR_VARIABLE);
        n->text = name;
        return n;
    }
    if (p->token != TOK_COLON)
        return unexpected(p, "T_VAR_END or ':'");
    advance(p);
    arg = parse_string(p, "T_ERROR or T_STRING or T_REGEX_BACKREF or T_VAR_BEGIN",
                       "T_STRING or T_REGEX_BACKREF or T_VAR_BEGIN or T_VAR_END");
    if (!arg)
        return NULL;
    if (p->token != TOK_VAR_END)
        return unexpected(p, "T_STRING or T_REGEX_BACKREF or T_VAR_BEGIN or T_VAR_END");
    advance(p);
    return make_call(p, name, arg);
}

static const struct expr_node *parse_part(struct parser *p)
{
    struct expr_node *n;

    if (p->token == TOK_VAR_BEGIN)
        return parse_variable(p);
    n = node(p, p->token == TOK_BACKREF ? EXPR_CAPTURE : EXPR_WORD);
    if (p->token == TOK_BACKREF)
        n->number = p->lexer.number;
    else
        n->text = p->lexer.value;
    advance(p);
    return n;
}

static const struct expr_node *join(struct parser *p, const struct vec *parts)
{
    struct expr_node *n;

    if (parts->n == 1)
        return parts->items[0];
    n = node(p, EXPR_CONCAT);
    n->kids = *parts;
    return n;
}

static bool is_part(enum expr_token t)
{
    return t == TOK_STRING || t == TOK_BACKREF || t == TOK_VAR_BEGIN;
}

static const struct expr_node *parse_string(struct parser *p, const char *first, const char *next)
{
    struct vec parts = { 0 };

    if (p->token == TOK_ERROR)
        return fail(p, NULL);
    if (!is_part(p->token))
        return unexpected(p, first);
    while (is_part(p->token)) {
        const struct expr_node *part = parse_part(p);

        if (!part)
            return NULL;
        vec_add(p->arena, &parts, (void *)part);
    }
    if (p->token == TOK_ERROR)
        return unexpected(p, next);
    return join(p, &parts);
}

static const struct expr_node *parse_quoted(struct parser *p)
{
    struct expr_node *empty;
    const struct expr_node *n;

    advance(p);
    if (p->token == TOK_STR_END) {
        advance(p);
        empty = node(p, EXPR_WORD);
        empty->text = "";
        return empty;
    }
    n = parse_string(p, NULL, "T_STRING or T_REGEX_BACKREF or T_STR_END or T_VAR_BEGIN");
    if (!n)
        return NULL;
    ASSERT(p->token == TOK_STR_END);
    advance(p);
    return n;
}

/* name(word), for functions and list functions alike. */
static const struct expr_node *parse_argument(struct parser *p)
{
    const struct expr_node *arg;

    if (p->token != TOK_OPEN)
        return unexpected(p, "'('");
    if (++p->depth > DEPTH_MAX)
        return fail(p, "Expression nested too deeply");
    advance(p);
    arg = parse_word(p);
    p->depth--;
    if (!arg)
        return NULL;
    if (p->token != TOK_CLOSE)
        return unexpected(p, "T_OP_CONCAT or ')'");
    advance(p);
    return arg;
}

static const struct expr_node *parse_call(struct parser *p)
{
    const char *name = p->lexer.value;
    const struct expr_node *arg;

    advance(p);
    arg = parse_argument(p);
    return arg ? make_call(p, name, arg) : NULL;
}

static const struct expr_node *parse_single_word(struct parser *p)
{
    struct expr_node *n;

    switch (p->token) {
    case TOK_DIGIT:
        n = node(p, EXPR_WORD);
        n->text = p->lexer.value;
        n->number = 1; /* digits are no constant to -R and -ipmatch */
        advance(p);
        return n;
    case TOK_VAR_BEGIN:
    case TOK_BACKREF: return parse_part(p);
    case TOK_ID: return parse_call(p);
    case TOK_STR_BEGIN: return parse_quoted(p);
    default: return unexpected(p, NULL);
    }
}

static const struct expr_node *parse_word(struct parser *p)
{
    struct vec parts = { 0 };

    for (;;) {
        const struct expr_node *part = parse_single_word(p);

        if (!part)
            return NULL;
        vec_add(p->arena, &parts, (void *)part);
        if (p->token != TOK_CONCAT)
            return join(p, &parts);
        advance(p);
    }
}

static const struct expr_node *parse_match(struct parser *p, const struct expr_node *word)
{
    struct expr_node *n = node(p, p->token == TOK_MATCH ? EXPR_MATCH : EXPR_NO_MATCH);
    unsigned flags = p->flags >> 8 ^ REGEX_DEFAULT;
    const char *error;

    n->left = word;
    advance(p);
    if (p->token == TOK_REGEX_I)
        flags |= REGEX_NOCASE;
    else if (p->token != TOK_REGEX)
        return unexpected(p, "T_REGEX or T_REGEX_I");
    n->regex = regex_compile(p->arena, p->lexer.value, flags, &error);
    if (!n->regex)
        return fail(p, "Failed to compile regular expression");
    advance(p);
    return n;
}

static const struct expr_node *parse_braces(struct parser *p, struct expr_node *n)
{
    do {
        const struct expr_node *word;

        advance(p);
        word = parse_word(p);
        if (!word)
            return NULL;
        vec_add(p->arena, &n->kids, (void *)word);
    } while (p->token == TOK_COMMA);
    if (p->token != TOK_BRACE_CLOSE)
        return unexpected(p, "'}' or ','");
    advance(p);
    return n;
}

static const struct expr_node *parse_in(struct parser *p, const struct expr_node *word)
{
    struct expr_node *n = node(p, EXPR_IN);

    n->left = word;
    advance(p);
    if (p->token == TOK_BRACE_OPEN)
        return parse_braces(p, n);
    if (p->token != TOK_ID)
        return unexpected(p, "T_ID or '{'");
    n->op = EXPR_IN_CALL;
    n->text = p->lexer.value;
    advance(p);
    n->right = parse_argument(p);
    if (!n->right)
        return NULL;
    check_known(p, "list", "List-returning function", n->text);
    return n;
}

static const struct expr_node *parse_compare(struct parser *p, const struct expr_node *word)
{
    struct expr_node *n = node(p, EXPR_COMPARE);

    n->number = (int)p->token;
    n->left = word;
    advance(p);
    n->right = parse_word(p);
    return n->right ? n : NULL;
}

static const struct expr_node *parse_binary(struct parser *p, const struct expr_node *word)
{
    struct expr_node *n = node(p, EXPR_BINARY);

    n->text = p->lexer.value;
    n->left = word;
    advance(p);
    n->right = parse_word(p);
    if (!n->right)
        return NULL;
    if (!expr_binary_known(n->text))
        p->detail = arena_printf(p->arena, "Binary operator '-%s' does not exist", n->text);
    else if (!strcasecmp(n->text, "ipmatch"))
        n->subnet = make_subnet(p, "ipmatch", n->right);
    return n;
}

static const struct expr_node *parse_unary(struct parser *p)
{
    struct expr_node *n = node(p, EXPR_UNARY);

    n->text = p->lexer.value;
    n->number = *n->text;
    advance(p);
    n->right = parse_word(p);
    if (!n->right)
        return NULL;
    switch (expr_unary_kind(n->text)) {
    case EXPR_UNARY_UNKNOWN: p->detail = arena_printf(p->arena, "Unary operator '-%s' does not exist", n->text); break;
    case EXPR_UNARY_SUBNET: n->subnet = make_subnet(p, n->text, n->right); break;
    default: break;
    }
    return n;
}

static const struct expr_node *parse_comparison(struct parser *p)
{
    const struct expr_node *word = parse_word(p);

    if (!word)
        return NULL;
    if ((p->token >= TOK_EQ && p->token <= TOK_GE) || (p->token >= TOK_STR_EQ && p->token <= TOK_STR_GE))
        return parse_compare(p, word);
    switch (p->token) {
    case TOK_MATCH:
    case TOK_NO_MATCH: return parse_match(p, word);
    case TOK_IN: return parse_in(p, word);
    case TOK_BINARY: return parse_binary(p, word);
    default: return unexpected(p, NULL);
    }
}

static const struct expr_node *parse_parentheses(struct parser *p)
{
    const struct expr_node *n;

    if (++p->depth > DEPTH_MAX)
        return fail(p, "Expression nested too deeply");
    advance(p);
    n = parse_or(p);
    p->depth--;
    if (!n)
        return NULL;
    if (p->token != TOK_CLOSE)
        return unexpected(p, "T_OP_OR or T_OP_AND or ')'");
    advance(p);
    return n;
}

static const struct expr_node *parse_condition(struct parser *p)
{
    switch (p->token) {
    case TOK_TRUE: advance(p); return node(p, EXPR_TRUE);
    case TOK_FALSE: advance(p); return node(p, EXPR_FALSE);
    case TOK_UNARY: return parse_unary(p);
    case TOK_OPEN: return parse_parentheses(p);
    case TOK_ERROR: return fail(p, NULL);
    default: return parse_comparison(p);
    }
}

static const struct expr_node *parse_not(struct parser *p)
{
    const struct expr_node *inner;
    struct expr_node *n;
    bool negated = false;

    for (; p->token == TOK_NOT; advance(p))
        negated = !negated;
    inner = parse_condition(p);
    if (!inner || !negated)
        return inner;
    n = node(p, EXPR_NOT);
    n->right = inner;
    return n;
}

/* One level of a chain: a && b && c, or a || b || c. */
static const struct expr_node *parse_chain(struct parser *p, enum expr_token between, enum expr_op op,
                                           const struct expr_node *(*parse)(struct parser *))
{
    const struct expr_node *one = parse(p);
    struct expr_node *n;

    if (!one || p->token != between)
        return one;
    n = node(p, op);
    vec_add(p->arena, &n->kids, (void *)one);
    while (p->token == between) {
        advance(p);
        one = parse(p);
        if (!one)
            return NULL;
        vec_add(p->arena, &n->kids, (void *)one);
    }
    return n;
}

static const struct expr_node *parse_and(struct parser *p)
{
    return parse_chain(p, TOK_AND, EXPR_AND, parse_not);
}

static const struct expr_node *parse_or(struct parser *p)
{
    return parse_chain(p, TOK_OR, EXPR_OR, parse_and);
}

static const char *fault(const struct parser *p)
{
    if (p->syntax && p->detail)
        return arena_printf(p->arena, "%s: %s", p->syntax, p->detail);
    return p->syntax ? p->syntax : p->detail;
}

struct expr *expr_compile(struct arena *a, const char *text, unsigned flags,
                          bool (*known)(const char *kind, const char *name), const char **error)
{
    struct parser p = { .arena = a, .flags = flags, .known = known };
    struct expr *e = arena_alloc(a, sizeof(*e));

    p.lexer.arena = a;
    p.lexer.p = text;
    p.lexer.string_mode = (flags & EXPR_STRING) != 0;
    p.lexer.state = p.lexer.string_mode ? LEX_STRING : LEX_EXPR;
    advance(&p);
    e->flags = flags;
    e->root = p.lexer.string_mode ? parse_string(&p, NULL, "$end") : parse_or(&p);
    if (e->root && p.token != TOK_END)
        unexpected(&p, "$end");
    *error = fault(&p);
    return *error ? NULL : e;
}

void expr_set_origin(struct expr *e, const char *origin)
{
    e->origin = origin;
}

const char *expr_origin(const struct expr *e)
{
    return e->origin ? e->origin : "";
}
