/* What the files of mod_rewrite share; nothing here is for others. */
#ifndef WEIR_REWRITE_H
#define WEIR_REWRITE_H

#include "mods.h"

/* ---- rewrite_text.c: strings with variables, maps and groups, compiled once ------------------------------------- */

struct rewrite_text;
struct rewrite_variable;
enum rewrite_piece_kind {
    PIECE_TEXT,
    PIECE_ESCAPED /* behind a backslash: its "?" does not count as written */,
    PIECE_VARIABLE,
    PIECE_MAP,
    PIECE_RULE_GROUP /* $1 */,
    PIECE_COND_GROUP /* %1 */
};
struct rewrite_piece {
    enum rewrite_piece_kind kind;
    unsigned group;
    struct span text;
    const struct rewrite_variable *variable;
    const char *map;
    const struct rewrite_text *key, *otherwise; /* of a map; otherwise NULL: none */
};
struct rewrite_text {
    const char *source;
    struct rewrite_piece *pieces;
    unsigned n;
    bool asks_map, looks_ahead;
};
/* NULL: its maps are nested beyond any sense. */
const struct rewrite_text *rewrite_text_compile(struct arena *a, const char *source);

/* ---- rewrite_rule.c: RewriteCond and RewriteRule as they are written -----------------------------------------------
 */

enum rewrite_test {
    TEST_REGEX,
    TEST_FILE /* by rewrite_cond.letter */,
    TEST_URL /* -U */,
    TEST_PATH /* -F */,
    TEST_LESS,
    TEST_LESS_EQUAL,
    TEST_EQUAL,
    TEST_GREATER,
    TEST_GREATER_EQUAL,
    TEST_NUMBER_LESS,
    TEST_NUMBER_LESS_EQUAL,
    TEST_NUMBER_EQUAL,
    TEST_NUMBER_GREATER,
    TEST_NUMBER_GREATER_EQUAL,
    TEST_EXPR
};
struct rewrite_cond {
    const struct rewrite_text *input;
    enum rewrite_test test;
    char letter;             /* f d s l x */
    const char *written;     /* the pattern with its "!" and operator, for the log */
    const char *pattern;     /* without them */
    struct regex *regex;     /* TEST_REGEX */
    const struct expr *expr; /* TEST_EXPR */
    bool no_case, negated, or_next, no_vary;
};
enum rewrite_flags {
    RULE_REDIRECT = 1,
    RULE_LAST = 2,
    RULE_NEXT = 4,
    RULE_CHAIN = 8,
    RULE_NO_SUBREQUEST = 0x10,
    RULE_NEGATED = 0x20,
    RULE_PROXY = 0x40,
    RULE_PASS = 0x80,
    RULE_ADD_QUERY = 0x100,
    RULE_NO_CASE = 0x200,
    RULE_NO_ESCAPE = 0x400,
    RULE_NO_SUBSTITUTION = 0x800,
    RULE_STATUS = 0x1000,
    RULE_ESCAPE_GROUPS = 0x2000,
    RULE_DROP_PATH_INFO = 0x4000,
    RULE_DROP_QUERY = 0x8000,
    RULE_END = 0x10000,
    RULE_NO_PLUS = 0x20000,
    RULE_LAST_QUERY = 0x40000,
    RULE_NO_QUERY = 0x80000, /* the substitution ends in "?" */
    RULE_ESCAPE_CONTROLS = 0x100000,
    RULE_ANY_PREFIX = 0x200000,   /* UnsafePrefixStat */
    RULE_ALLOW_QUERY = 0x400000,  /* UnsafeAllow3F */
    RULE_KEEP_SLASHES = 0x800000, /* UNC */
};
struct rewrite_rule {
    struct vec conds; /* struct rewrite_cond * */
    const char *pattern, *output;
    struct regex *regex;
    const struct rewrite_text *substitution, *type, *handler; /* type, handler: NULL none */
    unsigned flags;
    int status, skip, max_rounds;
    struct vec env, cookies; /* struct rewrite_text * */
    const char *escapes, *no_escapes;
    bool asks_map, looks_ahead; /* its conditions too: it may block */
};
conf_set_fn rewrite_set_cond, rewrite_set_rule;

/* ---- rewrite.c: settings ---------------------------------------------------------------------------------------- */

enum rewrite_options {
    OPTION_INHERIT = 1,
    OPTION_INHERIT_BEFORE = 2,
    OPTION_NO_SLASH = 4,
    OPTION_ANY_URI = 8,
    OPTION_MERGE_BASE = 0x10,
    OPTION_INHERIT_DOWN = 0x20,
    OPTION_INHERIT_DOWN_BEFORE = 0x40,
    OPTION_IGNORE_INHERIT = 0x80,
    OPTION_IGNORE_CONTEXT = 0x100,
    OPTION_LEGACY_PREFIX = 0x200,
    OPTION_ANY_PREFIX = 0x400
};
struct rewrite_list { /* rules, and the conditions that wait for theirs */
    struct vec rules; /* struct rewrite_rule * */
    struct vec conds;
    int asks_map, looks_ahead;
};
struct rewrite_site {
    const struct site *owner; /* whose lines these are: a virtual host without any has no rules */
    int options;
    struct rewrite_list list;
    struct vec maps;  /* struct rewrite_map * */
    int proxy_loaded; /* mod_proxy */
    int asks_program; /* one of the maps is a program */
};
struct rewrite_place {
    int enabled, options;
    const char *directory; /* of the innermost section with lines, ends in "/"; NULL: no section */
    const char *base;      /* RewriteBase */
    struct rewrite_list list;
};
const struct rewrite_site *rewrite_site_of(const struct site *s);
const struct rewrite_place *rewrite_place_of(const struct place *p);
/* Where a line's rules go: the site's list, or the section's. */
struct rewrite_list *rewrite_list_of(struct conf_cmd *cmd, void *settings);

/* ---- rewrite_map.c, rewrite_program.c ---------------------------------------------------------------------------- */

enum rewrite_map_kind { MAP_TEXT, MAP_RANDOM, MAP_PROGRAM, MAP_FUNCTION };
struct rewrite_file;
struct rewrite_program;
struct rewrite_map {
    const char *name;
    enum rewrite_map_kind kind;
    const char *path;
    struct rewrite_file *file;       /* MAP_TEXT, MAP_RANDOM */
    struct rewrite_program *program; /* MAP_PROGRAM */
    bool started;                    /* asked only then: the engine of a server that names it is on */
    const char *(*function)(struct arena *a, const char *key);
    const char *user; /* MAP_PROGRAM: whom it is to run as, or NULL */
};
conf_set_fn rewrite_set_map;
const struct rewrite_map *rewrite_map_find(const struct vec *maps, const char *name); /* the last of that name */
struct rewriting;
/* NULL: not in the map. A program that fails ends the request: w->status is 500 then. */
const char *rewrite_map_look(struct rewriting *w, const struct rewrite_map *m, const char *key);

/* Runs from rewrite_program_start on until the arena ends. */
struct rewrite_program *rewrite_program_new(struct arena *a, char **argv);
int rewrite_program_start(struct rewrite_program *p); /* 0 or an errno */
enum program_result { PROGRAM_ANSWERED, PROGRAM_NONE /* "NULL" */, PROGRAM_FAILED /* *answer says why */ };
/* May block up to wait_ms. */
enum program_result rewrite_program_ask(struct rewrite_program *p, struct arena *a, const char *key, unsigned wait_ms,
                                        const char **answer);

/* ---- rewrite_url.c -------------------------------------------------------------------------------------------------
 */

/* How much of a URI its scheme takes, with "://"; 0: none that mod_rewrite knows. takes_query may be NULL. */
unsigned rewrite_scheme(const char *uri, bool *takes_query);
char *rewrite_escape_url(struct arena *a, const char *url, unsigned scheme);
char *rewrite_escape_group(struct arena *a, struct span group, const struct rewrite_rule *rule);
/* The path of a URL of the request's own site, or NULL. */
const char *rewrite_reduce(const struct request *r, const char *url);
const char *rewrite_qualify(const struct request *r, const char *path);

/* ---- the engine ----------------------------------------------------------------------------------------------------
 */

#define REWRITE_HEADERS 7 /* that have a name of their own, as %{HTTP_HOST} */
struct rewriting {        /* one list of rules on one request */
    struct request *r;
    struct arena *arena;                    /* of what a round makes: the request's own, but with [N] one a round */
    const char *directory;                  /* NULL: the server's rules */
    const char *uri;                        /* what patterns see */
    const struct rewrite_rule *rule, *last; /* last: whose substitution was taken */
    struct regex_match groups, cond_groups;
    const char *vary, *vary_test;         /* header names; of the condition under way */
    struct span headers[REWRITE_HEADERS]; /* as far as they were asked for: rules ask for one many times */
    unsigned headers_known;               /* a bit each */
    bool escapes;                         /* groups are escaped as the rule's B flags say */
    bool proxied, reduced, passes /* [PT] */, traces;
    int redirect; /* status of a redirect that a rule asked for */
    int status;   /* set: the request ends with it */
};
enum rewrite_outcome { REWRITE_NOTHING, REWRITE_DONE, REWRITE_DONE_RAW /* [NE] */, REWRITE_STATUS };

/* rewrite_text.c */
const char *rewrite_expand(struct rewriting *w, const struct rewrite_text *t);
struct span rewrite_expand_span(struct rewriting *w, const struct rewrite_text *t); /* a lone piece is not copied */
/* The same, and whether the "?" that begins the query came from what the client sent. */
const char *rewrite_expand_checked(struct rewriting *w, const struct rewrite_text *t, bool *unsafe);
/* rewrite_url.c: what stands for a directory outside (RewriteBase); the input itself when it is not below it. */
const char *rewrite_replace_prefix(struct rewriting *w, const char *input, const char *match, const char *by);
/* rewrite_vars.c */
const struct rewrite_variable *rewrite_variable_find(struct arena *a, const char *name, bool *looks_ahead);
struct span rewrite_variable_get(struct rewriting *w, const struct rewrite_variable *v);
/* rewrite_test.c */
bool rewrite_conds_hold(struct rewriting *w);
/* rewrite_apply.c */
enum rewrite_outcome rewrite_apply(struct rewriting *w, const struct vec *rules);

int rewrite_gave_up(struct rewriting *w, const char *pattern); /* a match limit: said, 500 */
const char *rewrite_log_prefix(const struct request *r, const char *directory);
#define REWRITE_LOG(w, n, ...)                                                                                         \
    do {                                                                                                               \
        if ((w)->traces)                                                                                               \
            REQUEST_LOG((w)->r, LOG_REWRITE, LEVEL_DEBUG + (n), 0, "%s%s", rewrite_log_prefix((w)->r, (w)->directory), \
                        arena_printf((w)->arena, __VA_ARGS__));                                                        \
    } while (0)

#endif
