/* Expressions of a line, compiled and run over a request: httpd's ap_expr_parse_cmd, ap_expr_exec_re, ap_expr_str_exec.
 */
#include "mods.h"

unsigned vars_flags(const struct conf_cmd *cmd)
{
    return (cmd->overrides ? EXPR_RESTRICTED : 0) | EXPR_PATTERNS(cmd->reading->regex_flags);
}

const struct expr *vars_compile(struct conf_cmd *cmd, const char *text, unsigned flags, const char **fault)
{
    struct expr *e = expr_compile(cmd->arena, text, flags | vars_flags(cmd), vars_known, fault);

    if (e)
        expr_set_origin(e, arena_printf(cmd->arena, "%s:%d", cmd->node->file, cmd->node->line));
    return e;
}

static void say_fault(const struct request *r, const struct expr *e, const char *fault)
{
    if (fault)
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 0, "Evaluation of expression from %s failed: %s", expr_origin(e), fault);
}

int vars_holds(const struct request *r, const struct expr *e, struct regex_match *m, const char **fault)
{
    struct expr_env env;
    int result;

    vars_env(r, &env);
    result = expr_true(e, &env, fault);
    say_fault(r, e, *fault);
    if (m)
        *m = env.match;
    return result;
}

int vars_true(struct request *r, const struct expr *e, struct regex_match *m, const char **fault)
{
    struct http_fields read = { 0 };
    int result;

    r->varies = &read;
    result = vars_holds(r, e, m, fault);
    r->varies = NULL;
    if (result < 0)
        return result;
    HTTP_EACH_FIELD(f, &read)
    http_fields_merge(r->arena, &r->out, "Vary", f->value);
    return result;
}

struct span vars_text(const struct request *r, const struct expr *e, const char **fault)
{
    struct expr_env env;
    struct span text;

    vars_env(r, &env);
    text = expr_text(e, &env, fault);
    say_fault(r, e, *fault);
    return text;
}
