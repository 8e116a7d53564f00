/* A configuration's fault as httpd prints it (config.c, ap_process_config_tree). */
#include "conf.h"

char *conf_error_text(struct arena *a, const struct conf_error *e)
{
    if (!e->file)
        return arena_strdup(a, e->text);
    return arena_printf(a, "AH00526: Syntax error on line %d of %s:\n%s", e->line, e->file, e->text);
}
