/* What the files of mod_mime share; nothing here is for other rooms. */
#ifndef WEIR_MIME_H
#define WEIR_MIME_H

#include "mods.h"

enum mime_kind { MIME_TYPE, MIME_CHARSET, MIME_LANGUAGE, MIME_ENCODING, MIME_HANDLER, MIME_FILTERS, MIME_KINDS };
struct mime_extension {
    const char *of[MIME_KINDS]; /* NULL unset; "" for RemoveType: not even TypesConfig's */
};
struct mime_removal {
    const char *extension;
    enum mime_kind kind;
};
struct mime_site {
    const char *types_config; /* as written; NULL: the default */
    int loaded;               /* the module is there */
    struct mime_types *types; /* of the main server's file; NULL none */
};
struct mime_place {
    struct map *extensions; /* lower case -> struct mime_extension *; NULL none */
    struct vec removals;    /* struct mime_removal *: of this section, act when it is merged */
    const char *default_language;
    int use_path_info;
};
extern struct module mime_module;
struct map *mime_map(struct arena *a);                 /* an empty one, freed with the arena */
const char *mime_load_types(struct snapshot_build *b); /* mime_types.c; NULL or the fault */
const char *mime_type_of(const struct mime_types *types, const char *extension);

#endif
