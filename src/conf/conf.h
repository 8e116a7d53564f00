/* conf: Apache's configuration language. Knows the language's own words (Include, Define, If…, Macro) and no other
 * directive: those are rows in the modules' tables. Result: an immutable snapshot of sites, sections and settings. */
#ifndef WEIR_CONF_H
#define WEIR_CONF_H

#include "base.h"
#include "http.h"

/* ---- errors ------------------------------------------------------------------------------------------ */

struct conf_error { /* what httpd prints before it exits with 1 */
    char *file;     /* NULL: no place, text stands alone */
    int line;
    char *text; /* Apache's message; Weir's own refusals end in English / 日本語 */
};
/* "AH00526: Syntax error on line N of FILE:\nTEXT" */
char *conf_error_text(struct arena *a, const struct conf_error *e);

/* ---- the tree: read.c, language.c ------------------------------------------------------------------------ */

struct conf_node {
    const char *name; /* as written: "ProxyPass"; of a section "<VirtualHost" */
    const char *args; /* the rest of the line, continued lines joined, ${VAR} replaced, trimmed; of a section it
                       * still ends in its ">", and is ">" alone when nothing else is written, as in httpd */
    const char *file; /* "FILE" or "macro 'M' (defined on line N of "FILE") used on line K of "FILE"" */
    int line;
    bool section;
    struct conf_node *parent, *next, *children;
};

struct module;
struct other_module;
struct snapshot_build;
struct site;
struct conf_notice;
struct conf_options {     /* what the command line says */
    const char *file;     /* -f, absolute or relative to root */
    const char *root;     /* -d; ServerRoot until the file says otherwise */
    const char **defines; /* -D */
    unsigned n_defines;
    const char **before, **after; /* -C, -c directives */
    unsigned n_before, n_after;
    const struct module *const *modules; /* NULL-terminated */
    const struct other_module *others;   /* known and not contained; ends with a nameless one; NULL: none */
    bool check_only;                     /* -t: opens no log, starts no program */
    const char *version;                 /* what <IfVersion> compares with: "2.4.62" */
    /* Where files come from; NULL: the file system. The n bytes are borrowed until conf_read returns; NULL: no such
     * file. With it nothing of the file system is touched. */
    const char *(*load)(void *ctx, const char *path, size_t *n);
    void *load_ctx;
    /* Each notice of the reader as it comes, for those who want to say it even if a fault follows; may be NULL. */
    void (*on_notice)(void *ctx, const struct conf_notice *notice);
    void *notice_ctx;
    int said_levels;  /* -e: so many levels of what is noticed are said, the gravest first; 0: all */
    size_t max_bytes; /* bound of all lines together, macros and variables expanded; 0: 1 GiB */
};
struct conf_reading { /* state and by-products of reading */
    const struct conf_options *options;
    struct arena *arena;
    const char *root;      /* ServerRoot as it stands */
    struct map *defines;   /* Define, -D; values "" or text */
    struct map *variables; /* those Defines that have a value: ${NAME} ignores case, <IfDefine> does not */
    struct map *macros;
    unsigned regex_flags;                   /* RegexDefaultOptions as it stands, for patterns of lines */
    const struct conf_overrides *overrides; /* of a .htaccess; NULL: it is the configuration itself */
    bool asked_files;                       /* by <IfFile> */
    struct map *loaded;  /* identifiers named by LoadModule; NULL while no LoadModule line was seen */
    bool loads_all;      /* one of them is in_whole_files: what is not loaded is not there */
    struct vec includes; /* struct conf_include *: every file read, in order */
    struct vec notices;  /* struct conf_notice * */
    struct conf_error error;
};
struct conf_include { /* for DUMP_INCLUDES */
    const char *file;
    unsigned depth; /* 0: the main file */
    int line;       /* of the Include line; 0 for the main file */
};
struct conf_notice { /* logged once the error log is open; printed by -t */
    enum log_level level;
    enum log_module module;
    int ah;
    const char *file;
    int line;
    const char *text;
};
/* In the log of the server, as far down as said_levels wants them. */
void conf_say_notices(const struct conf_options *o, const struct vec *notices);
/* The caller gives a zeroed conf_reading with options and arena set; the rest is filled in here.
 * NULL and reading->error on a fault. The tree's root has the top-level lines as children. */
struct conf_node *conf_read(struct conf_reading *r);
/* Next word of a raw argument string, unquoted as ap_getword_conf does; NULL at the end. */
char *conf_word(struct arena *a, const char **rest);
/* ap_server_root_relative: absolute as it is, else below root; dots removed. NULL when malformed. */
char *conf_path(struct arena *a, const char *root, const char *path);
bool conf_module_present(const struct conf_reading *r, const char *name); /* contained: source name or identifier */
bool conf_other_loaded(const struct conf_reading *r, const char *name);   /* not contained, and named by LoadModule */
/* The language's own words, which act while reading, for -L: the i-th, its help, its module's identifier and whether a
 * .htaccess may hold it; NULL past the last. */
const char *conf_language(unsigned i, const char **help, const char **module, bool *local);

/* ---- rows ---------------------------------------------------------------------------------------------------- */

enum conf_where {                /* where a line may stand; a row's `where` is a set */
                  IN_SERVER = 1, /* main server, outside every section */
                  IN_SITE = 2,   /* <VirtualHost> */
                  IN_LOCATION = 4,
                  IN_DIRECTORY = 8,
                  IN_FILES = 16,
                  IN_PROXY = 32,
                  IN_IF = 64,
                  IN_LIMIT = 128, /* inside <Limit>, <LimitExcept>, <Require…> the enclosing place counts too; all of
                                     IN_PLACES has it */
                  OVERRIDE_AUTHCFG = 256, /* in a .htaccess where AllowOverride names one of the row's classes */
                  OVERRIDE_FILEINFO = 512,
                  OVERRIDE_INDEXES = 1024,
                  OVERRIDE_LIMIT = 2048,
                  OVERRIDE_OPTIONS = 4096,
                  IN_HTACCESS =
                      OVERRIDE_AUTHCFG | OVERRIDE_FILEINFO | OVERRIDE_INDEXES | OVERRIDE_LIMIT | OVERRIDE_OPTIONS,
                  IN_GLOBAL = IN_SERVER,
                  IN_SITES = IN_SERVER | IN_SITE,
                  IN_PLACES = IN_LOCATION | IN_DIRECTORY | IN_FILES | IN_PROXY | IN_IF,
                  IN_ANY = IN_SITES | IN_PLACES,
};
enum conf_args { /* Apache's kinds, with Apache's messages; argv[argc] and what an optional word leaves out are NULL */
                 ARGS_NONE,
                 ARGS_FLAG /* argv[0] is "on" or "off" */,
                 ARGS_1,
                 ARGS_2,
                 ARGS_3,
                 ARGS_12,
                 ARGS_13,
                 ARGS_23,
                 ARGS_123,
                 ARGS_ITERATE,  /* set is called once for each word */
                 ARGS_ITERATE2, /* first word with each of the others */
                 ARGS_LIST,     /* TAKE_ARGV */
                 ARGS_RAW,      /* argv[0] is the raw text */
                 ARGS_SECTION, /* row "<Name": argv[0] is the raw text before the last ">", "" when empty (split it with
                                * conf_word). See "sections" below for how set opens it. */
};
enum conf_class { CONF_WORKS, CONF_NO_EFFECT /* accepted, said once at notice */, CONF_REFUSED };
enum conf_kind {
    SLOT_NONE,
    SLOT_CUSTOM,
    SLOT_FLAG,
    SLOT_INT,
    SLOT_STRING,
    SLOT_PATH,
    SLOT_SECONDS_US /* int64 µs */,
    SLOT_LIST
};
enum conf_part { PART_NONE, PART_SITE, PART_PLACE };
struct conf_slot { /* the field a row sets: its bit is recorded, scalars merge by themselves, SLOT_LIST (struct vec)
                      appends */
    enum conf_kind kind;
    enum conf_part part;
    unsigned short offset, size;
};
#define SITE_SLOT(kind, type, field)                                                                                   \
    {                                                                                                                  \
        kind, PART_SITE, offsetof(type, field), sizeof(((type *)0)->field)                                             \
    }
#define PLACE_SLOT(kind, type, field)                                                                                  \
    {                                                                                                                  \
        kind, PART_PLACE, offsetof(type, field), sizeof(((type *)0)->field)                                            \
    }

/* What AllowOverride and AllowOverrideList let a .htaccess say. */
struct conf_overrides {
    unsigned classes;                    /* OVERRIDE_… */
    bool skips_forbidden, skips_unknown; /* Nonfatal= */
    unsigned options;                    /* of which words of Options; for the module that has it */
    const struct vec *names;             /* char *: directives beyond the classes; NULL none */
};
struct loading;
struct conf_cmd;
/* Returns NULL or the fault's text (in cmd->arena or static). settings: the module's site or place part by the slot,
 * NULL for PART_NONE (then take site_part(cmd->site, cmd->module) or place_part(cmd->place, cmd->module)). When it
 * returns NULL the slot's field is marked as set; every other field that it writes must be marked with conf_touch, or
 * it does not merge. */
typedef const char *conf_set_fn(struct conf_cmd *cmd, void *settings, int argc, char **argv);
struct directive {
    const char *name;
    unsigned where;
    enum conf_args args;
    conf_set_fn *set; /* NULL: the slot's kind stores it */
    struct conf_slot slot;
    const char *help;      /* one line; Apache uses it after "takes one argument, " */
    enum conf_class class; /* zero: works */
    const char *why; /* of a refusal or of no effect: "English" or "English / 日本語", without the directive's name */
    const char *other; /* identifier of the module that has it and is not contained; NULL: the row's own module */
};

struct module {
    const char *name;                   /* "proxy_module" */
    const char *source;                 /* "mod_proxy.c" */
    const struct directive *directives; /* ends with a zero row; may be NULL */
    unsigned site_size, place_size;
    void (*site_defaults)(void *site);
    void (*place_defaults)(void *place);
    /* For what the slots cannot merge; called after them. base and over are unmerged inputs, merged is the result. */
    void (*merge_site)(struct arena *a, void *merged, const void *base, const void *over);
    void (*merge_place)(struct arena *a, void *merged, const void *base, const void *over);
    /* Once all is read and merged, then for each site, main's first: checks across lines, tables. NULL or the fault. */
    const char *(*finish)(struct snapshot_build *b);
    const char *(*finish_site)(struct snapshot_build *b, struct site *s);
    bool in_whole_files;  /* who loads it loads all there is to be; other LoadModule lines may be part of a file */
    bool static_in_httpd; /* compiled into Debian's httpd: <IfModule> is true without LoadModule */
    int index;            /* set by the list of modules */
};

/* A module that people load and that is not contained: it has no place, no row of its own and does nothing. LoadModule
 * takes it with a warning, and <IfModule> is true then. */
struct other_module {
    const char *name, *source; /* as a struct module's */
    const char *lacks; /* "English / 日本語": what is not done though no line asks for it; NULL: its lines say it */
    bool refused;      /* LoadModule takes it not, for what `lacks` says */
};

struct settings { /* one module's part: the data and which fields were set */
    void *data;
    unsigned char *set; /* bit i: the 4-byte word at offset 4 i was set by a line */
};
/* All modules' parts of one place: place[module->index].data */
struct place {
    struct settings *parts;
    unsigned n;
};

struct section;
struct snapshot;
struct conf_cmd { /* what a row's function is given */
    const struct directive *row;
    const struct module *module;
    const struct conf_node *node;
    struct arena *arena; /* the snapshot's */
    struct snapshot *snapshot;
    struct site *site;            /* the main server or the virtual host */
    struct section *section;      /* innermost section with a place; NULL outside */
    struct place *place;          /* that section's, or the site's default place */
    struct conf_reading *reading; /* ServerRoot, notices */
    uint64_t methods;             /* <Limit>: bit set of methods, ~0 outside */
    void *group;                  /* <RequireAny> and the like: the innermost, for the module that opened it */
    bool open;                    /* conf_open, conf_open_site: the lines inside are applied when set returns */
    const struct conf_cmd *outer; /* of the section line around this one; NULL at the top */
    unsigned opens;               /* IN_… bit that this section line opened */
    const struct conf_overrides *overrides; /* of a .htaccess; NULL elsewhere */
    struct loading *loading;                /* conf's own */
};
/* Marks one more field as set: conf_touch(cmd, settings, &settings->levels). cmd may be NULL (in finish). */
#define conf_touch(cmd, settings, field) conf_touch_bytes((cmd), (settings), (field), sizeof(*(field)))
void conf_touch_bytes(struct conf_cmd *cmd, const void *settings, const void *field, size_t size);
/* Was this field of a part (a set's settings, site_part(), place_part(), what merge_* is given) set by a line? */
bool part_has(const void *part, const void *field);
bool part_touched(const void *part); /* any field */
void conf_note(struct conf_cmd *cmd, enum log_level level, enum log_module module, int ah, const char *format, ...)
    PRINTF(5, 6);
/* A file that a line names, whole and in the arena: NULL, or why not. */
const char *conf_read_file(struct conf_cmd *cmd, const char *path, struct span *text);
char *conf_fault(struct conf_cmd *cmd, const char *format, ...) PRINTF(2, 3); /* a message to return */
/* Apache's time words: "5", "5s", "500ms", "2min" (mi), "1h"; default unit given. false: malformed or overflow. */
bool conf_time(const char *text, const char *default_unit, int64_t *us);

#include "snapshot.h"

#endif
