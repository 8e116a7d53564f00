/* Section rows: httpd's core.c (dirsection, urlsection, filesection, ifsection, ap_limit_section, virtualhost_section)
 * and mod_proxy.c (proxysection). */
#include "core.h"
#include "proxying.h"

#include <strings.h>

static const char *missing_argument(struct conf_cmd *cmd)
{
    return conf_fault(cmd, "%s> directive requires additional arguments", cmd->row->name);
}

static const char *compile(struct conf_cmd *cmd, const char *pattern, struct regex **regex)
{
    const char *error;

    *regex = regex_compile(cmd->arena, pattern, cmd->reading->regex_flags, &error);
    return *regex ? NULL : "Regex could not be compiled";
}

/* "path", "~ pattern" or, for …Match, "pattern"; *rest is what follows. */
static const char *open_pattern(struct conf_cmd *cmd, enum section_kind kind, bool match, const char **rest)
{
    struct regex *regex = NULL;
    const char *word = conf_word(cmd->arena, rest), *fault = NULL;

    if (!word)
        return missing_argument(cmd);
    if (strcmp(word, "~") == 0 && !match) {
        word = conf_word(cmd->arena, rest);
        match = true;
    }
    if (match)
        fault = compile(cmd, word ? word : "", &regex);
    if (fault)
        return fault;
    if (kind == SECTION_DIRECTORY && !regex)
        word = conf_path(cmd->arena, cmd->reading->root, word);
    if (!word && kind == SECTION_DIRECTORY && !regex)
        return "<Directory> path is invalid.";
    conf_open(cmd, kind, word ? word : "", regex);
    return NULL;
}

static const char *open_one(struct conf_cmd *cmd, enum section_kind kind, bool match, const char *text)
{
    const char *rest = text, *fault = open_pattern(cmd, kind, match, &rest);

    if (fault || !*rest)
        return fault;
    return conf_fault(cmd, "Multiple %s> arguments not (yet) supported.", cmd->row->name);
}

const char *core_location(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_one(cmd, SECTION_LOCATION, false, argv[0]);
}

const char *core_location_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_one(cmd, SECTION_LOCATION, true, argv[0]);
}

const char *core_directory(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_one(cmd, SECTION_DIRECTORY, false, argv[0]);
}

const char *core_directory_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_one(cmd, SECTION_DIRECTORY, true, argv[0]);
}

static const char *refuse_in_limit(struct conf_cmd *cmd)
{
    if (cmd->methods == ~(uint64_t)0 && !cmd->group)
        return NULL;
    return conf_fault(cmd, "%s> cannot occur within <Limit> or <LimitExcept> section", cmd->row->name);
}

const char *core_files(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *fault = refuse_in_limit(cmd);

    (void)settings, (void)argc;
    return fault ? fault : open_one(cmd, SECTION_FILES, false, argv[0]);
}

const char *core_files_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *fault = refuse_in_limit(cmd);

    (void)settings, (void)argc;
    return fault ? fault : open_one(cmd, SECTION_FILES, true, argv[0]);
}

/* ---- <Proxy> ---- */

static const char *open_proxy(struct conf_cmd *cmd, bool match, const char *text)
{
    const char *rest = text, *word = conf_word(cmd->arena, &rest), *fault = NULL;
    struct regex *regex = NULL;
    struct section *s;

    if (!word)
        word = "";
    if (strncasecmp(word, "proxy:", 6) == 0)
        word += 6;
    if (match)
        fault = compile(cmd, word, &regex);
    if (fault)
        return fault;
    s = conf_open(cmd, SECTION_PROXY, word, regex);
    if (!*rest)
        return NULL;
    if (match)
        return "Multiple <ProxyMatch> arguments not (yet) supported.";
    if (s->wildcard)
        return "<Proxy> arguments are not supported for wildchar url.";
    if (!strchr(word, ':'))
        return "<Proxy> arguments are not supported for non url.";
    return proxy_section_params(cmd, word, rest, match);
}

const char *core_proxy(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_proxy(cmd, false, argv[0]);
}

const char *core_proxy_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return open_proxy(cmd, true, argv[0]);
}

/* ---- <If>, <ElseIf>, <Else> ---- */

static const char *open_condition(struct conf_cmd *cmd, struct section *before, const char *text)
{
    const char *rest = text, *word = conf_word(cmd->arena, &rest), *error = NULL;
    const struct expr *condition;
    struct section *s;

    if (!word)
        return missing_argument(cmd);
    condition = vars_compile(cmd, word, 0, &error);
    if (!condition)
        return conf_fault(cmd, "Cannot parse condition clause: %s", error);
    if (*rest)
        return conf_fault(cmd, "Multiple %s> arguments not supported.", cmd->row->name);
    s = conf_open(cmd, SECTION_IF, word, NULL);
    s->condition = condition;
    s->otherwise_of = before;
    return NULL;
}

static const char *const lonely_else =
    "<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope";

const char *core_if(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *fault = refuse_in_limit(cmd);

    (void)settings, (void)argc;
    return fault ? fault : open_condition(cmd, NULL, argv[0]);
}

const char *core_else_if(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct section *before = conf_last_if(cmd);
    const char *fault = refuse_in_limit(cmd);

    (void)settings, (void)argc;
    if (fault || !before)
        return fault ? fault : lonely_else;
    return open_condition(cmd, before, argv[0]);
}

const char *core_else(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct section *before = conf_last_if(cmd);
    const char *fault = refuse_in_limit(cmd);

    (void)settings, (void)argc;
    if (!fault && argv[0][0])
        fault = "<Else> does not take an argument";
    if (fault || !before)
        return fault ? fault : lonely_else;
    conf_open(cmd, SECTION_IF, "", NULL)->otherwise_of = before;
    return NULL;
}

/* ---- <Limit>, <LimitExcept> ---- */

static const char *read_methods(struct conf_cmd *cmd, const char *text, bool except, uint64_t *methods)
{
    struct core_site *main = site_part(cmd->snapshot->main, &core_module);
    const char *rest = text, *word;

    *methods = 0;
    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        if (strcmp(word, "TRACE") == 0 && !except)
            return "TRACE cannot be controlled by <Limit>, see TraceEnable";
        if (cmd->overrides && core_method_bit(main, span_of(word)) == core_method_bit(main, SPAN("")))
            return conf_fault(cmd, "Could not register method '%s' for %s from .htaccess configuration", word,
                              cmd->row->name);
        if (!core_method_add(cmd->arena, main, word))
            return conf_fault(cmd, "Could not register method '%s' for %s>", word, cmd->row->name);
        *methods |= core_method_bit(main, span_of(word));
    }
    if (except)
        *methods = ~*methods;
    return NULL;
}

static const char *limit(struct conf_cmd *cmd, const char *text, bool except)
{
    uint64_t methods = 0;
    const char *fault = *text ? read_methods(cmd, text, except, &methods) : missing_argument(cmd);

    if (fault)
        return fault;
    if (!(cmd->methods & methods))
        return conf_fault(cmd, "%s> directive excludes all methods", cmd->row->name);
    if ((cmd->methods & methods) == cmd->methods)
        return conf_fault(cmd, "%s> directive specifies methods already excluded", cmd->row->name);
    return conf_apply_inside(cmd, cmd->methods & methods, cmd->group);
}

const char *core_limit(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return limit(cmd, argv[0], false);
}

const char *core_limit_except(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return limit(cmd, argv[0], true);
}

const char *core_virtual_host(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return conf_open_site(cmd, argv[0]);
}
