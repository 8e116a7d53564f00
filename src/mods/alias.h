/* What the files of mod_alias share; nothing here is for other rooms. */
#ifndef WEIR_ALIAS_H
#define WEIR_ALIAS_H

#include "mods.h"

struct alias {
    const char *fake, *real; /* real NULL: a status that leads nowhere */
    struct regex *regex;
    int status;  /* of a Redirect */
    bool script; /* of a ScriptAlias: its files are programs */
};
struct alias_site {
    struct vec aliases, redirects; /* struct alias *, the virtual host's own first */
};
struct alias_place {
    struct vec redirects; /* struct alias *, the innermost section's first */
    const struct expr *alias, *redirect;
    const char *alias_fake; /* the <Location> of an Alias with one argument; NULL for a pattern */
    int redirect_status;    /* of a Redirect without a path; 0 none */
    int relative, preserve_path;
};
extern struct module alias_module;

#endif
