/* What the files that apply a configuration share; nothing here is for other rooms. */
#ifndef WEIR_CONF_BUILD_H
#define WEIR_CONF_BUILD_H

#include "conf.h"

#define SNAPSHOT_MAGIC 0x534e4150u

/* ---- read.c, language.c ---------------------------------------------------------------------------------- */

struct conf_node *read_bytes(struct conf_reading *out, const char *name, struct span bytes);
/* Is the row's module there, contained or only loaded? */
bool language_has_row(const struct conf_reading *out, const struct module *m, const struct directive *d);
/* A word that acts while reading; *local: a .htaccess may hold it. */
bool language_has_word(const struct conf_reading *out, const char *name, bool *local);
/* Does what the file may say cover the directive, which may stand `where`? */
bool overrides_allow(const struct conf_overrides *o, const char *name, unsigned where);

/* ---- slots.c: a module's part with its set bits ------------------------------------------------------ */

struct layout { /* of one module's site or place part */
    unsigned size, n_lists;
    unsigned short *lists; /* offsets of the SLOT_LIST fields, each once */
    void *defaults;
};
struct part { /* lies in front of the data that modules see */
    uint32_t magic;
    bool touched; /* differs from the defaults: only such a part is merged over another */
    const struct layout *layout;
    unsigned char *set;
};
struct layout *layouts_new(struct arena *a, const struct module *const *modules, enum conf_part which);
struct part *part_of(const void *data);
struct settings part_new(struct arena *a, const struct layout *l);
struct settings *parts_new(struct arena *a, const struct layout *layouts, unsigned n);
void parts_seal(struct settings *parts, unsigned n); /* works out `touched` */
const char *slot_store(struct conf_cmd *cmd, void *settings, int argc, char **argv);

/* ---- merge.c ---------------------------------------------------------------------------------------------- */

/* Merges base under what is there, in place: pointers into the parts stay good. */
void site_inherit(struct arena *a, const struct module *const *modules, struct site *site, const struct site *base);

/* ---- args.c -------------------------------------------------------------------------------------------------- */

struct counted {
    char *word[4]; /* NULL behind the last */
    int n;
    const char *fault; /* what the kind takes, when these are others; else NULL */
};
/* The words of a kind that says how many; false: this one does not. */
bool args_count(enum conf_args kind, struct arena *a, const char *text, struct counted *out);
const char *args_invoke(struct conf_cmd *cmd); /* splits the words of cmd->node as cmd->row wants them and calls it */

/* ---- load.c, apply.c ------------------------------------------------------------------------------------------- */

struct row { /* rows of one name, in the order of the modules */
    const struct directive *directive;
    const struct module *module;
    struct row *next;
};
struct loading {
    struct snapshot *snapshot;
    struct conf_reading *reading;
    struct arena *arena;
    struct map *rows;
    struct map *noted; /* "file\nname" of what was said to have no effect */
    struct layout *site_layouts, *place_layouts;
    unsigned n_modules;
    struct vec sections; /* all of them, by id */
};
const char *apply_lines(const struct conf_cmd *outer, const struct conf_node *first);
const struct row *apply_find(const struct loading *l, const char *name); /* NULL: no module that is present has it */
struct map *loading_map(struct arena *a, enum map_case mode);
struct site *site_new(struct loading *l, const char *file, int line);

/* ---- section.c, sites.c, choose.c -------------------------------------------------------------------------------- */

void directories_sort(struct arena *a, struct vec *directories);
void sites_name(struct loading *l);

struct candidate {
    struct site *site;
    const struct site_address *address;
};
struct site_choice {
    const struct site_address *address; /* NULL: the main server alone */
    struct site *first;
    struct candidate *candidates; /* in file order */
    unsigned n;
    struct map *names;      /* ServerName and plain aliases -> the first candidate that has it */
    unsigned *wild, n_wild; /* candidates with wildcard aliases */
};
void choices_build(struct loading *l);

/* ---- glob.c --------------------------------------------------------------------------------------------------------
 */

enum glob_flags {
    GLOB_PATHNAME = 1 /* "/" is matched by itself only */,
    GLOB_NAME = 2 /* case ignored, only * and ? */
};
bool glob_match(const char *pattern, struct span text, unsigned flags);
bool glob_has_wildcard(const char *pattern); /* apr_fnmatch_test */

#endif
