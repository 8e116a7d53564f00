/* The providers of mod_authz_core.c: all, env, method, expr. */
#include "access.h"

#include <strings.h>

/* ---- texts with %{…}, for other modules' providers too ---- */

static const char *cannot_parse(struct conf_cmd *cmd, const char *error)
{
    return conf_fault(cmd, "Cannot parse expression in require line: %s", error);
}

const char *authz_parse_text(struct conf_cmd *cmd, struct authz_line *line)
{
    const char *error = NULL;

    line->parsed = vars_compile(cmd, line->args, EXPR_STRING, &error);
    return line->parsed ? NULL : cannot_parse(cmd, error);
}

const char *access_text(struct request *r, const struct expr *text, const char **error)
{
    struct span value = vars_text(r, text, error);

    return value.p ? arena_span(r->arena, value) : NULL;
}

const char *authz_text(struct request *r, const struct authz_line *line, const char **error)
{
    return access_text(r, line->parsed, error);
}

/* ---- all ---- */

static const char *parse_all(struct conf_cmd *cmd, struct authz_line *line)
{
    static const bool granted = true;

    (void)cmd;
    if (strcasecmp(line->args, "granted") == 0)
        line->parsed = &granted;
    else if (strcasecmp(line->args, "denied") != 0)
        return "Argument for 'Require all' must be 'granted' or 'denied'";
    return NULL;
}

static enum verdict check_all(struct request *r, const struct authz_line *line)
{
    (void)r;
    return line->parsed ? VERDICT_GRANTED : VERDICT_DENIED;
}

/* ---- env ---- */

static enum verdict check_env(struct request *r, const struct authz_line *line)
{
    const char *rest = line->args, *name;

    while ((name = conf_word(r->arena, &rest)) && *name)
        if (http_fields_get(&r->env, name).p)
            return VERDICT_GRANTED;
    return VERDICT_DENIED;
}

/* ---- method ---- */

static const char *parse_method(struct conf_cmd *cmd, struct authz_line *line)
{
    const struct core_site *main = core_site_of(cmd->snapshot->main);
    uint64_t *allowed = arena_alloc(cmd->arena, sizeof(*allowed));
    const char *rest = line->args, *word;

    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        uint64_t bit = core_method_bit(main, span_of(word));
        if (bit == core_method_bit(main, SPAN("")))
            return conf_fault(cmd, "Invalid Method '%s'", word);
        *allowed |= bit;
    }
    line->parsed = allowed;
    return NULL;
}

static enum verdict check_method(struct request *r, const struct authz_line *line)
{
    uint64_t method = core_method_bit(core_site_of(r->snapshot->main), r->head.method);

    return *(const uint64_t *)line->parsed & method ? VERDICT_GRANTED : VERDICT_DENIED;
}

/* ---- expr ---- */

struct condition {
    struct expr *expr;
    bool wants_user; /* it looks at REMOTE_USER: who logs in may make it true */
};
static _Thread_local bool user_seen; /* of the expression that is being compiled */

static bool note_user(const char *kind, const char *name)
{
    user_seen |= strcmp(kind, "variable") == 0 && strcasecmp(name, "REMOTE_USER") == 0;
    return vars_known(kind, name);
}

static const char *parse_expr(struct conf_cmd *cmd, struct authz_line *line)
{
    struct condition *c = arena_alloc(cmd->arena, sizeof(*c));
    const char *text = line->args, *error = NULL;
    size_t n = strlen(text);

    if (n && text[0] == '"' && text[n - 1] == '"')
        text = n > 1 ? arena_strndup(cmd->arena, text + 1, n - 2) : "";
    user_seen = false;
    c->expr = expr_compile(cmd->arena, text, vars_flags(cmd), note_user, &error);
    c->wants_user = user_seen;
    line->parsed = c;
    if (!c->expr)
        return cannot_parse(cmd, error);
    expr_set_origin(c->expr, arena_printf(cmd->arena, "%s:%d", cmd->node->file, cmd->node->line));
    return NULL;
}

static enum verdict check_expr(struct request *r, const struct authz_line *line)
{
    const struct condition *c = line->parsed;
    const char *error = NULL;
    int result = vars_true(r, c->expr, NULL, &error);

    if (result > 0)
        return VERDICT_GRANTED;
    if (result == 0)
        return c->wants_user ? VERDICT_NO_USER : VERDICT_DENIED;
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 2320, "Error evaluating expression in 'Require expr': %s",
                error ? error : "");
    return VERDICT_FAILED;
}

const struct authz_provider authz_core_providers[] = {
    { "all", parse_all, check_all, 0 },
    { "env", NULL, check_env, 0 },
    { "method", parse_method, check_method, 0 },
    { "expr", parse_expr, check_expr, 0 },
    { 0 },
};
