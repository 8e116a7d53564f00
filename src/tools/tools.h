/* tools: the verbs, and what the command line shows instead of serving. */
#ifndef WEIR_TOOLS_H
#define WEIR_TOOLS_H

#include <stdio.h>

#include "mods.h"

#define HTTPD_ROOT "/etc/apache2" /* -d's default, as Debian's httpd */

/* ---- verbs: argv[0] is the verb; the exit status ------------------------------------------------------ */

int tool_demo(int argc, char **argv);
int tool_echo(int argc, char **argv);

/* ---- usage.c ------------------------------------------------------------------------------------------ */

void usage_print(FILE *to, const char *program);
void usage_version(void); /* -v */
/* -V; file: the configuration that is read when -f does not name one. */
void usage_build(const char *file);

/* ---- dump.c ------------------------------------------------------------------------------------------- */

void dump_directives(const struct module *const *modules); /* -L */
void dump_contained(const struct module *const *modules);  /* -l */
void dump_loaded(const struct snapshot *s);                /* -M */
void dump_includes(const struct snapshot *s);              /* -D DUMP_INCLUDES */
void dump_sites(const struct snapshot *s);                 /* -D DUMP_VHOSTS */
void dump_run(const struct snapshot *s);                   /* -D DUMP_RUN_CFG */

/* envvars.c: takes what an envvars beside the file exports, unless the environment has it already. false: it was said
 * why not. */
bool envvars_take(struct arena *a, const char *program, const char *conf_file);

#endif
