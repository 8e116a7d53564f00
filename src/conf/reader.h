/* What the files that read a configuration share; nothing here is for other rooms. */
#ifndef WEIR_CONF_READER_H
#define WEIR_CONF_READER_H

#include "conf.h"

#define LINE_MAX_BYTES (16u * 1024 * 1024) /* VARBUF_MAX_LEN */
#define NESTING_MAX    128                 /* sections, conditions and macros within each other; httpd has no bound */

/* Lines come from a file or, while a macro is used, from its body; then from what is below it again. */
struct source {
    const char *name; /* in the arena: nodes point to it */
    const char *p, *end;
    int line; /* the last physical line taken, as httpd counts */
    unsigned depth;
    struct source *below;
};

struct place_in_file {
    const char *file;
    int line;
};

struct reader {
    struct conf_reading *out;
    struct arena *arena;
    struct source *source;
    struct buf line;
    struct conf_node *parent, *last; /* where the next node goes; last: parent's youngest child */
    struct conf_node *floor;         /* a file or condition closes only the sections that it opened */
    struct place_in_file at;         /* of the line under way: faults name it */
    unsigned include_depth, nesting;
    size_t spent;
};

/* ---- read.c ------------------------------------------------------------------------------------------- */

/* The first fault stays; all return false so that callers can return them. */
bool reader_fault(struct reader *r, const char *format, ...) PRINTF(2, 3);
bool reader_fault_at(struct reader *r, struct place_in_file at, const char *text);
void reader_note(struct reader *r, enum log_module module, int ah, const char *format, ...) PRINTF(4, 5);
bool reader_spend(struct reader *r, size_t bytes);
/* Lines into the tree; until (NULL: none) is the word that ends them, as in "</IfModule>". */
bool reader_lines(struct reader *r, const char *until);
bool reader_file(struct reader *r, const char *path, int include_line);
bool reader_add(struct reader *r, const char *name, const char *args);

/* ---- words.c ------------------------------------------------------------------------------------------ */

void words_quote(struct buf *out, const char *value); /* so that conf_word gives it back */

/* ---- lines.c ------------------------------------------------------------------------------------------ */

enum line_result { LINE_END, LINE_YES, LINE_FAULT };
/* The next line, continued ones joined, trimmed, in r->line and terminated. */
enum line_result reader_next(struct reader *r, char **line);

/* ---- files.c ------------------------------------------------------------------------------------------ */

enum file_kind { FILE_NONE, FILE_PLAIN, FILE_DIRECTORY };
/* All bytes of a configuration file; NULL, or why not. */
const char *files_load(struct reader *r, const char *path, struct buf *bytes);
enum file_kind files_kind(const struct reader *r, const char *path); /* symbolic links are followed */
/* Paths of a directory's entries, sorted. pattern NULL: all; else what matches, a leading "." only by ".";
 * only_directories leaves symbolic links out, as httpd does. NULL, or why not with errno. */
const char *files_list(struct reader *r, const char *directory, const char *pattern, bool only_directories,
                       struct vec *out);

/* ---- variables.c -------------------------------------------------------------------------------------- */

/* ap_resolve_env into the arena; NULL when the line becomes too long. */
char *reader_resolve(struct reader *r, const char *line);

/* ---- language.c, version.c, macro.c, include.c -------------------------------------------------------- */

struct word { /* of the language itself: acts while reading */
    const char *name;
    const char *module; /* identifier; the word is unknown while a file's LoadModule lines leave it out */
    enum conf_args args;
    bool (*run)(struct reader *r, const struct word *w, char **argv);
    bool (*test)(struct reader *r, const char *name);
    const char *help;
    bool local; /* a .htaccess may hold it, as OR_ALL is to httpd */
};
const struct word *language_find(const struct reader *r, const char *name);
bool language_allowed(struct reader *r, const struct word *w, bool *skip);
bool language_run(struct reader *r, const struct word *w, const char *args);
/* As the directive's table writes it; the name itself when no module that is present knows it. */
const char *language_canonical(const struct reader *r, const char *name);
/* Reads the lines of <name …> when it holds, skips them otherwise. */
bool language_condition(struct reader *r, const char *name, bool holds);

bool version_section(struct reader *r, const struct word *w, char **argv);
bool macro_section(struct reader *r, const struct word *w, char **argv);
bool macro_use(struct reader *r, const struct word *w, char **argv);
bool macro_undef(struct reader *r, const struct word *w, char **argv);
bool include_files(struct reader *r, const struct word *w, char **argv);
bool include_optional(struct reader *r, const struct word *w, char **argv);

#endif
