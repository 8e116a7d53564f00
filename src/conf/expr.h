/* Apache expressions (ap_expr): compiled once at load, evaluated for a request. */
#ifndef WEIR_EXPR_H
#define WEIR_EXPR_H

#include "base.h"

struct expr_env { /* the world an expression is evaluated in; functions return spans in the arena */
    void *ctx;
    struct arena *arena;
    struct span (*variable)(void *ctx, struct arena *a, const char *name); /* %{REQUEST_URI}; {NULL,0} unknown */
    struct span (*function)(void *ctx, struct arena *a, const char *name,
                            struct span arg); /* req, resp, reqenv, note …: what needs a request */
    bool (*leads_somewhere)(void *ctx, char op, const char *word); /* -U, -A a path, -F a file; NULL: none does */
    struct regex_match match;                                      /* captures of the last =~ */
};
enum expr_flags {
    EXPR_STRING = 1 /* a string template, "%{A}-x", not a condition */,
    EXPR_RESTRICTED = 2 /* .htaccess */
};
#define EXPR_PATTERNS(regex_flags)                                                                                     \
    (((regex_flags) ^ REGEX_DEFAULT) << 8) /* RegexDefaultOptions: not the default ones */
/* Compiled into the arena; NULL and *error on a fault. known tells whether a variable or function name exists: kind is
 * "variable", "function" or "list" (a list function's values are separated by NUL); NULL: every name does. */
struct expr *expr_compile(struct arena *a, const char *text, unsigned flags,
                          bool (*known)(const char *kind, const char *name), const char **error);
/* Where it was written, "FILE:LINE", for messages. */
void expr_set_origin(struct expr *e, const char *origin);
const char *expr_origin(const struct expr *e);
int expr_true(const struct expr *e, struct expr_env *env, const char **error);         /* 1, 0, -1 evaluation failed */
struct span expr_text(const struct expr *e, struct expr_env *env, const char **error); /* p is NULL when it failed */

/* ---- subnet.c: what -R and -ipmatch compare with (apr_ipsubnet): numeric only, no name is looked up --------- */

struct subnet {
    unsigned char family; /* 4 or 6 */
    unsigned char ip[16], mask[16];
};
/* "10.1", "10.0.0.0/8", "10.0.0.0/255.0.0.0", "fe80::/10" */
bool subnet_parse(const char *text, struct subnet *s);
bool subnet_holds(const struct subnet *s, struct span address); /* false when it is no address */

#endif
