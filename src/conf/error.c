/* A configuration's fault as httpd prints it (config.c, ap_process_config_tree), and what was noticed in it. */
#include "conf.h"

char *conf_error_text(struct arena *a, const struct conf_error *e)
{
    if (!e->file)
        return arena_strdup(a, e->text);
    return arena_printf(a, "AH00526: Syntax error on line %d of %s:\n%s", e->line, e->file, e->text);
}

void conf_say_notices(const struct conf_options *o, const struct vec *notices)
{
    for (unsigned i = 0; i < notices->n; i++) {
        const struct conf_notice *n = notices->items[i];
        if (o->said_levels && (int)n->level >= o->said_levels)
            continue;
        if (n->file)
            LOG_SERVER(n->module, n->level, n->ah, "%s (%s:%d)", n->text, n->file, n->line);
        else
            LOG_SERVER(n->module, n->level, n->ah, "%s", n->text);
    }
}
