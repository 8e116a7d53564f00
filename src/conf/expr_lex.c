/* The words of an Apache expression, as httpd 2.4's util_expr_scan.l divides them: conditions, quoted strings, variable
 * names and their arguments each have a lexer state of their own. */
#include "expr_impl.h"

static const char *const token_names[] = {
    [TOK_END] = "$end",
    [TOK_TRUE] = "T_TRUE",
    [TOK_FALSE] = "T_FALSE",
    [TOK_ERROR] = "T_ERROR",
    [TOK_DIGIT] = "T_DIGIT",
    [TOK_ID] = "T_ID",
    [TOK_STRING] = "T_STRING",
    [TOK_REGEX] = "T_REGEX",
    [TOK_REGEX_I] = "T_REGEX_I",
    [TOK_BACKREF] = "T_REGEX_BACKREF",
    [TOK_UNARY] = "T_OP_UNARY",
    [TOK_BINARY] = "T_OP_BINARY",
    [TOK_STR_BEGIN] = "T_STR_BEGIN",
    [TOK_STR_END] = "T_STR_END",
    [TOK_VAR_BEGIN] = "T_VAR_BEGIN",
    [TOK_VAR_END] = "T_VAR_END",
    [TOK_EQ] = "T_OP_EQ",
    [TOK_NE] = "T_OP_NE",
    [TOK_LT] = "T_OP_LT",
    [TOK_LE] = "T_OP_LE",
    [TOK_GT] = "T_OP_GT",
    [TOK_GE] = "T_OP_GE",
    [TOK_MATCH] = "T_OP_REG",
    [TOK_NO_MATCH] = "T_OP_NRE",
    [TOK_IN] = "T_OP_IN",
    [TOK_STR_EQ] = "T_OP_STR_EQ",
    [TOK_STR_NE] = "T_OP_STR_NE",
    [TOK_STR_LT] = "T_OP_STR_LT",
    [TOK_STR_LE] = "T_OP_STR_LE",
    [TOK_STR_GT] = "T_OP_STR_GT",
    [TOK_STR_GE] = "T_OP_STR_GE",
    [TOK_CONCAT] = "T_OP_CONCAT",
    [TOK_OR] = "T_OP_OR",
    [TOK_AND] = "T_OP_AND",
    [TOK_NOT] = "T_OP_NOT",
    [TOK_OPEN] = "'('",
    [TOK_CLOSE] = "')'",
    [TOK_BRACE_OPEN] = "'{'",
    [TOK_BRACE_CLOSE] = "'}'",
    [TOK_COMMA] = "','",
    [TOK_COLON] = "':'",
};

static const struct {
    const char *word;
    enum expr_token token;
} words[] = {
    { "and", TOK_AND },  { "or", TOK_OR },       { "not", TOK_NOT }, { "lt", TOK_LT }, { "le", TOK_LE },
    { "gt", TOK_GT },    { "ge", TOK_GE },       { "ne", TOK_NE },   { "eq", TOK_EQ }, { "in", TOK_IN },
    { "true", TOK_TRUE }, { "false", TOK_FALSE },
}, dashed[] = {
    { "in", TOK_IN }, { "eq", TOK_EQ }, { "ne", TOK_NE }, { "ge", TOK_GE }, { "le", TOK_LE }, { "gt", TOK_GT },
    { "lt", TOK_LT },
}, signs[] = { /* the longer first */
    { "==", TOK_STR_EQ }, { "=~", TOK_MATCH },   { "!=", TOK_STR_NE }, { "!~", TOK_NO_MATCH },
    { "<=", TOK_STR_LE }, { ">=", TOK_STR_GE },  { "&&", TOK_AND },    { "||", TOK_OR },
    { "=", TOK_STR_EQ },  { "<", TOK_STR_LT },   { ">", TOK_STR_GT },  { "!", TOK_NOT },
    { ".", TOK_CONCAT },  { "(", TOK_OPEN },     { ")", TOK_CLOSE },   { "{", TOK_BRACE_OPEN },
    { "}", TOK_BRACE_CLOSE }, { ",", TOK_COMMA }, { ":", TOK_COLON },
};

const char *expr_token_name(enum expr_token t)
{
    return token_names[t];
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_alpha(c) || is_digit(c) || c == '_';
}

static enum expr_token fail(struct expr_lexer *l, const char *error)
{
    l->error = error;
    return TOK_ERROR;
}

static enum expr_token fail_near(struct expr_lexer *l, const char *what, char c)
{
    return fail(l, arena_printf(l->arena, "%s '%c'", what, c));
}

static bool append(struct expr_lexer *l, char c)
{
    if (l->n >= sizeof(l->text) - 1)
        return false;
    l->text[l->n++] = c;
    return true;
}

static enum expr_token give_text(struct expr_lexer *l, enum expr_token t)
{
    l->value = arena_strndup(l->arena, l->text, l->n);
    l->n = 0;
    return t;
}

static enum expr_token enter_variable(struct expr_lexer *l)
{
    if (l->depth == EXPR_NEST_MAX)
        return fail(l, "Variables nested too deeply");
    l->outer[l->depth++] = l->state;
    l->state = LEX_VARIABLE;
    l->p += 2;
    return TOK_VAR_BEGIN;
}

static enum expr_token leave_variable(struct expr_lexer *l)
{
    ASSERT(l->depth > 0);
    l->state = l->outer[--l->depth];
    l->p++;
    return TOK_VAR_END;
}

static enum expr_token lex_backref(struct expr_lexer *l)
{
    l->number = l->p[1] - '0';
    l->p += 2;
    return TOK_BACKREF;
}

/* \n, \101 and the like: p is at the backslash. NULL or what is wrong. */
static const char *escape(struct expr_lexer *l)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    const char *p = l->p + 1, *special;
    size_t digits = strspn(p, "0123456789"), octal = strspn(p, "01234567");
    int c = 0;

    if (digits > 0) {
        if (octal < digits || digits > 3)
            return "Bad escape sequence";
        for (size_t i = 0; i < digits; i++)
            c = c * 8 + (p[i] - '0');
        if (c > 0xff)
            return "Escape sequence out of bound";
        l->p = p + digits;
    } else if (!*p) {
        return "Unterminated string or variable";
    } else {
        special = strchr(from, *p);
        c = special ? to[special - from] : *p;
        l->p = p + 1;
    }
    return append(l, (char)c) ? NULL : "String too long";
}

/* The end of what surrounds: the closing quote or the argument's brace. */
static bool at_end(const struct expr_lexer *l)
{
    if (l->state == LEX_ARGUMENT)
        return *l->p == '}';
    return l->delimiter && *l->p == l->delimiter;
}

static bool starts_token(const struct expr_lexer *l)
{
    const char *p = l->p;

    return at_end(l) || (p[0] == '$' && is_digit(p[1])) || (p[0] == '%' && p[1] == '{');
}

static enum expr_token lex_string_end(struct expr_lexer *l)
{
    if (l->state == LEX_ARGUMENT)
        return leave_variable(l);
    l->p++;
    l->state = LEX_EXPR;
    return TOK_STR_END;
}

/* Inside quotes, a template or the argument of %{func:…}. */
static enum expr_token lex_string(struct expr_lexer *l)
{
    for (;;) {
        const char *error = NULL;

        if (starts_token(l)) {
            if (l->n > 0)
                return give_text(l, TOK_STRING);
            if (at_end(l))
                return lex_string_end(l);
            return *l->p == '$' ? lex_backref(l) : enter_variable(l);
        }
        if (!*l->p && l->string_mode && l->state == LEX_STRING) {
            l->state = LEX_EXPR;
            return give_text(l, TOK_STRING);
        }
        if (!*l->p || *l->p == '\n')
            return fail(l, "Unterminated string or variable");
        if (l->state == LEX_ARGUMENT && (*l->p == '"' || *l->p == '\''))
            return fail_near(l, "Parse error near", *l->p);
        if (*l->p == '\\')
            error = escape(l);
        else if (!append(l, *l->p++))
            error = "String too long";
        if (error)
            return fail(l, error);
    }
}

static enum expr_token lex_name(struct expr_lexer *l)
{
    const char *start = l->p;

    while (is_name(*l->p))
        l->p++;
    l->value = arena_strndup(l->arena, start, (size_t)(l->p - start));
    return TOK_ID;
}

/* Inside %{ }: a name, then ':' or the end. */
static enum expr_token lex_variable(struct expr_lexer *l)
{
    if (is_alpha(*l->p))
        return lex_name(l);
    if (*l->p == '}')
        return leave_variable(l);
    if (*l->p == ':') {
        l->p++;
        l->state = LEX_ARGUMENT;
        return TOK_COLON;
    }
    if (!*l->p)
        return fail(l, "Unterminated string or variable");
    return fail_near(l, "Invalid character in variable name", *l->p);
}

/* p is behind the opening delimiter; no escape protects the closing one. */
static enum expr_token lex_regex(struct expr_lexer *l, char delimiter)
{
    for (; *l->p != delimiter; l->p++) {
        if (!*l->p)
            return TOK_END;
        if (!append(l, *l->p))
            return fail(l, "Regexp too long");
    }
    l->p++;
    if (*l->p != 'i')
        return give_text(l, TOK_REGEX);
    l->p++;
    return give_text(l, TOK_REGEX_I);
}

static enum expr_token lex_dash(struct expr_lexer *l)
{
    enum expr_token t;

    l->p++;
    lex_name(l);
    t = l->value[1] ? TOK_BINARY : TOK_UNARY;
    for (size_t i = 0; i < COUNT_OF(dashed); i++)
        if (!strcmp(l->value, dashed[i].word))
            t = dashed[i].token;
    return t;
}

static enum expr_token lex_number(struct expr_lexer *l)
{
    const char *start = l->p++;

    while (is_digit(*l->p))
        l->p++;
    l->value = arena_strndup(l->arena, start, (size_t)(l->p - start));
    return TOK_DIGIT;
}

static enum expr_token lex_word(struct expr_lexer *l)
{
    enum expr_token t = lex_name(l);

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!strcmp(l->value, words[i].word))
            t = words[i].token;
    return t;
}

static bool starts_regex(const char *p)
{
    if (p[0] != 'm' || !p[1])
        return false;
    return p[1] == '_' ? !is_name(p[2]) : strchr("/#$%^,;:?|-!.'\"", p[1]) != NULL;
}

static enum expr_token lex_sign(struct expr_lexer *l)
{
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        size_t n = strlen(signs[i].word);

        if (!strncmp(l->p, signs[i].word, n)) {
            l->p += n;
            return signs[i].token;
        }
    }
    return fail_near(l, "Parse error near", *l->p);
}

static enum expr_token lex_expr(struct expr_lexer *l)
{
    const char *p = l->p += strspn(l->p, " \t\n");

    if (!*p)
        return TOK_END;
    if (*p == '"' || *p == '\'') {
        l->delimiter = *l->p++;
        l->state = LEX_STRING;
        return TOK_STR_BEGIN;
    }
    if (p[0] == '%' && p[1] == '{')
        return enter_variable(l);
    if (p[0] == '$' && is_digit(p[1]))
        return lex_backref(l);
    if (*p == '/' || starts_regex(p)) {
        l->p += *p == '/' ? 1 : 2;
        return lex_regex(l, l->p[-1]);
    }
    if (is_alpha(*p))
        return lex_word(l);
    if (is_digit(*p) || (*p == '-' && is_digit(p[1])))
        return lex_number(l);
    if (*p == '-' && (is_alpha(p[1]) || p[1] == '_'))
        return lex_dash(l);
    return lex_sign(l);
}

enum expr_token expr_lex(struct expr_lexer *l)
{
    switch (l->state) {
    case LEX_STRING:
    case LEX_ARGUMENT: return lex_string(l);
    case LEX_VARIABLE: return lex_variable(l);
    case LEX_EXPR: break;
    }
    return lex_expr(l);
}
