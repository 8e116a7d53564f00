/* What the files of the expression compiler and evaluator share: tokens, nodes, operators' functions. */
#ifndef WEIR_EXPR_IMPL_H
#define WEIR_EXPR_IMPL_H

#include "expr.h"

/* ---- expr_lex.c ------------------------------------------------------------------------------------------- */

/* In the order in which Apache's parser declares them: messages list expected tokens in this order. */
enum expr_token {
    TOK_END,
    TOK_TRUE,
    TOK_FALSE,
    TOK_ERROR,
    TOK_DIGIT,
    TOK_ID,
    TOK_STRING,
    TOK_REGEX,
    TOK_REGEX_I,
    TOK_BACKREF,
    TOK_UNARY,
    TOK_BINARY,
    TOK_STR_BEGIN,
    TOK_STR_END,
    TOK_VAR_BEGIN,
    TOK_VAR_END,
    TOK_EQ,
    TOK_NE,
    TOK_LT,
    TOK_LE,
    TOK_GT,
    TOK_GE,
    TOK_MATCH,
    TOK_NO_MATCH,
    TOK_IN,
    TOK_STR_EQ,
    TOK_STR_NE,
    TOK_STR_LT,
    TOK_STR_LE,
    TOK_STR_GT,
    TOK_STR_GE,
    TOK_CONCAT,
    TOK_OR,
    TOK_AND,
    TOK_NOT,
    TOK_OPEN,
    TOK_CLOSE,
    TOK_BRACE_OPEN,
    TOK_BRACE_CLOSE,
    TOK_COMMA,
    TOK_COLON
};
const char *expr_token_name(enum expr_token t); /* as Apache prints it: "T_OP_EQ", "'('", "$end" */

enum expr_lex_state { LEX_EXPR, LEX_STRING, LEX_VARIABLE, LEX_ARGUMENT };
#define EXPR_TEXT_MAX 8192 /* MAX_STRING_LEN, Apache's bound of one string or regex */
#define EXPR_NEST_MAX 32   /* variables inside variables' arguments */
struct expr_lexer {
    struct arena *arena;
    const char *p;
    enum expr_lex_state state, outer[EXPR_NEST_MAX];
    unsigned depth;
    bool string_mode;
    char delimiter;
    size_t n;
    char text[EXPR_TEXT_MAX];
    const char *value; /* of TOK_ID, TOK_STRING, TOK_DIGIT, TOK_REGEX, TOK_UNARY, TOK_BINARY */
    int number;        /* of TOK_BACKREF */
    const char *error; /* of TOK_ERROR */
};
enum expr_token expr_lex(struct expr_lexer *l);

/* ---- expr_parse.c ----------------------------------------------------------------------------------------- */

enum expr_op {
    EXPR_TRUE,
    EXPR_FALSE,
    EXPR_NOT,
    EXPR_OR,
    EXPR_AND,
    EXPR_COMPARE, /* number: the token of the operator */
    EXPR_MATCH,
    EXPR_NO_MATCH,
    EXPR_IN,      /* kids: words */
    EXPR_IN_CALL, /* right: the list function's argument */
    EXPR_UNARY,
    EXPR_BINARY,
    EXPR_WORD,
    EXPR_CONCAT,
    EXPR_VARIABLE,
    EXPR_CALL,
    EXPR_CAPTURE
};
struct expr_function;
struct expr_node {
    enum expr_op op;
    int number;
    const char *text;
    const struct expr_node *left, *right;
    struct vec kids;                      /* struct expr_node * */
    const struct expr_function *function; /* NULL: the environment's */
    const struct regex *regex;
    const struct subnet *subnet;
};
struct expr {
    unsigned flags;
    const struct expr_node *root;
    const char *origin;
};

/* ---- expr_func.c: functions and operators that need no request --------------------------------------------- */

struct expr_function {
    const char *name;
    struct span (*call)(struct arena *a, struct span arg, const char **error);
    bool restricted; /* not where EXPR_RESTRICTED is set */
};
const struct expr_function *expr_function_find(const char *name);
enum { EXPR_UNARY_UNKNOWN, EXPR_UNARY_PLAIN, EXPR_UNARY_SUBNET };
int expr_unary_kind(const char *name);
bool expr_unary_file(char op, const char *path); /* d e f s L h x */
bool expr_unary_truthy(struct span word);        /* T */
bool expr_binary_known(const char *name);        /* fnmatch strmatch strcmatch; ipmatch */
bool expr_binary_glob(struct arena *a, const char *name, struct span word, struct span pattern);

#endif
