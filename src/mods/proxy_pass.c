/* Directives that take a path and a URL: ProxyPass, ProxyPassMatch, ProxyPassReverse* (mod_proxy.c, add_pass). */
#include "proxy.h"

#include <strings.h>

/* ---- ProxyPass ---------------------------------------------------------------------------------- */

struct pass { /* one line, taken apart */
    const char *fake, *real;
    bool match;
    unsigned flags;
    struct vec params; /* struct proxy_param * */
};

/* cmd->path of httpd: the pattern of the section around the line. */
static const char *location_of(const struct conf_cmd *cmd)
{
    return cmd->section ? cmd->section->pattern : NULL;
}

static const char *take_mapping(struct conf_cmd *cmd, struct pass *pass, const char *how)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);

    if (strcasecmp(how, "servlet") == 0)
        pass->flags |= ALIAS_ENCODED | ALIAS_SERVLET;
    else if (strcasecmp(how, "encoded") == 0)
        pass->flags |= ALIAS_ENCODED;
    else
        return "unknown mapping";
    site->maps_encoded = 1;
    conf_touch(cmd, site, &site->maps_encoded);
    return NULL;
}

static const char *take_word(struct conf_cmd *cmd, struct pass *pass, char *word)
{
    if (strcasecmp(word, "nocanon") == 0) {
        pass->flags |= ALIAS_NOCANON;
        return NULL;
    }
    if (strcasecmp(word, "interpolate") == 0) {
        pass->flags |= ALIAS_INTERPOLATE;
        return NULL;
    }
    if (strcasecmp(word, "noquery") == 0) {
        conf_note(cmd, LEVEL_NOTICE, LOG_PROXY, 0,
                  "ProxyPass noquery has no effect in httpd 2.4 on http: and ws: backends, nor here");
        return NULL;
    }
    char *value = strchr(word, '=');
    if (!value && location_of(cmd) && pass->real[0] == '/')
        return "ProxyPass|ProxyPassMatch can not have a path when defined in a location.";
    if (!value)
        return "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'.";
    *value++ = '\0';
    if (strcasecmp(word, "mapping") == 0)
        return take_mapping(cmd, pass, value);
    proxy_keep_param(cmd, &pass->params, word, value);
    return NULL;
}

static const char *split_line(struct conf_cmd *cmd, struct pass *pass, const char *rest)
{
    bool regex_directive = pass->match;
    const char *fault = NULL;
    char *word;

    pass->fake = location_of(cmd);
    while (!fault && (word = conf_word(cmd->arena, &rest))) {
        if (!pass->fake && strcmp(word, "~") == 0) {
            if (regex_directive)
                return "ProxyPassMatch invalid syntax ('~' usage).";
            pass->match = true;
        } else if (!pass->fake) {
            pass->fake = word;
        } else if (!pass->real) {
            pass->real = word;
        } else {
            fault = take_word(cmd, pass, word);
        }
    }
    return fault;
}

static bool has_wildcard(const char *path) /* apr_fnmatch_test */
{
    bool open = false;
    for (; *path; path++) {
        if (*path == '?' || *path == '*' || (*path == ']' && open))
            return true;
        if (*path == '\\' && path[1])
            path++;
        open |= *path == '[';
    }
    return false;
}

static void keep_alias(struct conf_cmd *cmd, struct proxy_alias *alias)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    if (!location_of(cmd)) {
        vec_add(cmd->arena, &site->aliases, alias);
        conf_touch(cmd, site, &site->aliases);
        return;
    }
    struct proxy_place *place = place_part(cmd->place, &proxy_module);
    place->alias = alias;
    conf_touch(cmd, place, &place->alias);
}

static const char *add_alias(struct conf_cmd *cmd, struct pass *pass, const char *real)
{
    struct proxy_alias *alias = arena_alloc(cmd->arena, sizeof(*alias));
    const char *error;

    *alias = (struct proxy_alias){ .fake = pass->fake, .real = real, .flags = pass->flags };
    if (location_of(cmd) && has_wildcard(pass->fake))
        pass->match = true;
    if (pass->match) {
        alias->regex = regex_compile(cmd->arena, pass->fake, cmd->reading->regex_flags, &error);
        if (!alias->regex)
            return "Regular expression could not be compiled.";
    }
    if (!pass->match && !(pass->flags & ALIAS_INTERPOLATE))
        alias->origin = proxy_origin_ahead(cmd->arena, real, &alias->origin_length);
    keep_alias(cmd, alias);
    return NULL;
}

static void note_sharing(struct conf_cmd *cmd, const struct proxy_worker *w, const struct pass *pass, const char *real)
{
    const char *name = proxy_worker_label(cmd->arena, w);
    conf_note(cmd, LEVEL_INFO, LOG_PROXY, 1145, "Sharing worker '%s' instead of creating new worker '%s'", name, real);
    for (unsigned i = 0; i < pass->params.n; i++) {
        const struct proxy_param *p = pass->params.items[i];
        conf_note(cmd, LEVEL_WARN, LOG_PROXY, 1146,
                  "Ignoring parameter '%s=%s' for worker '%s' because of worker sharing", p->key, p->value, name);
    }
}

static const char *add_balancer(struct conf_cmd *cmd, const struct pass *pass)
{
    struct proxy_balancer *b;
    const char *path = pass->match ? NULL : pass->fake, *fault = proxy_balancer_need(cmd, pass->real, path, &b);

    for (unsigned i = 0; !fault && i < pass->params.n; i++) {
        const struct proxy_param *p = pass->params.items[i];
        fault = proxy_balancer_set(cmd, b, p->key, p->value);
    }
    if (fault)
        return conf_fault(cmd, "ProxyPass %s", fault);
    if (path)
        b->path = path;
    return NULL;
}

static const char *add_worker(struct conf_cmd *cmd, const struct pass *pass, const char *real)
{
    struct proxy_site *site = site_part(cmd->site, &proxy_module);
    unsigned kind = pass->match ? WORKER_MATCH : WORKER_PREFIX;
    struct proxy_worker *w = proxy_worker_find(cmd->arena, &site->workers, real, kind);

    if (w) {
        note_sharing(cmd, w, pass, real);
        return NULL;
    }
    const char *fault = proxy_worker_define(cmd, pass->real, kind, &w);
    for (unsigned i = 0; !fault && i < pass->params.n; i++) {
        const struct proxy_param *p = pass->params.items[i];
        fault = proxy_worker_set(cmd, w, p->key, p->value);
    }
    return fault ? conf_fault(cmd, "ProxyPass %s", fault) : NULL;
}

static const char *set_pass(struct conf_cmd *cmd, const char *words, bool match)
{
    struct pass pass = { .match = match };
    const char *fault = split_line(cmd, &pass, words);

    if (fault)
        return fault;
    if (!pass.real)
        return "ProxyPass|ProxyPassMatch needs a path when not defined in a location";
    const char *real = proxy_without_socket(cmd->arena, pass.real);
    if (!real)
        return "ProxyPass|ProxyPassMatch uses an invalid \"unix:\" URL";
    fault = add_alias(cmd, &pass, real);
    if (fault || strcmp(pass.real, "!") == 0)
        return fault;
    return proxy_is_balancer(pass.real) ? add_balancer(cmd, &pass) : add_worker(cmd, &pass, real);
}

const char *proxy_set_pass(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_pass(cmd, argv[0], false);
}

const char *proxy_set_pass_match(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_pass(cmd, argv[0], true);
}

/* ---- ProxyPassReverse and its kin --------------------------------------------------------------- */

static void add_reverse(struct conf_cmd *cmd, struct vec *to, const struct proxy_reverse *given)
{
    struct proxy_reverse *kept = arena_copy(cmd->arena, given, sizeof(*given));
    kept->fake = arena_strdup(cmd->arena, given->fake);
    kept->real = arena_strdup(cmd->arena, given->real);
    vec_add(cmd->arena, to, kept);
}

const char *proxy_set_reverse(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_place *place = settings;
    const char *path = location_of(cmd);
    const char *second = argc > 1 ? argv[1] : NULL;
    bool says_interpolate = second && strcasecmp(second, "interpolate") == 0;

    if (!path && (!second || says_interpolate))
        return "ProxyPassReverse needs a path when not defined in a location";
    if (path && second && !says_interpolate)
        return "ProxyPassReverse can not have a path when defined in a location";
    if (path)
        add_reverse(cmd, &place->reverse, &(struct proxy_reverse){ path, argv[0], second != NULL });
    else
        add_reverse(cmd, &place->reverse, &(struct proxy_reverse){ argv[0], second, argc > 2 });
    return NULL;
}

const char *proxy_set_cookie_path(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_place *place = settings;
    add_reverse(cmd, &place->cookie_paths, &(struct proxy_reverse){ argv[0], argv[1], argc > 2 });
    return NULL;
}

const char *proxy_set_cookie_domain(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct proxy_place *place = settings;
    add_reverse(cmd, &place->cookie_domains, &(struct proxy_reverse){ argv[0], argv[1], argc > 2 });
    return NULL;
}
