/* Require lines, their containers and how sections merge: the configuration of mod_authz_core.c. authz_check.c decides.
 */
#include "access.h"
#include "names.h"

#include <strings.h>

static struct authz_rule *new_rule(struct arena *a, enum authz_logic logic)
{
    struct authz_rule *rule = arena_alloc(a, sizeof(*rule));
    rule->logic = logic;
    return rule;
}

const char *authz_label(struct arena *a, const struct authz_rule *rule)
{
    if (rule->logic == LOGIC_UNSET)
        return arena_concat(a, "Require ", rule->negate ? "not " : "", rule->line.provider, " ", rule->line.args, NULL);
    if (rule->merged)
        return rule->logic == LOGIC_AND ? "AuthMerging All" : "AuthMerging Any";
    if (rule->logic == LOGIC_AND) /* nobody writes <RequireNotAll>: an "all" that was inside a "none" is one */
        return rule->negate ? "<RequireNotAll>" : "<RequireAll>";
    return rule->negate ? "<RequireNone>" : "<RequireAny>";
}

/* ---- rows ---- */

static void append(struct authz_rule *container, struct authz_rule *child)
{
    struct authz_rule **end = &container->first;

    while (*end)
        end = &(*end)->next;
    *end = child;
}

static const struct authz_provider *find_provider(const char *name)
{
    const struct authz_provider *const tables[] = { authz_core_providers, authz_host_providers, authz_user_providers,
                                                    authz_ssl_providers };

    for (unsigned i = 0; i < COUNT_OF(tables); i++)
        for (const struct authz_provider *p = tables[i]; p->name; p++)
            if (strcmp(p->name, name) == 0)
                return p;
    return NULL;
}

/* Providers of httpd's other modules: they protect, so they are not taken in silence. */
static bool is_refused(const char *name)
{
    static const char *const known[] = { "file-owner", "file-group",  "dbm-group",      "dbm-file-group", "dbd-group",
                                         "dbd-login",  "dbd-logout",  "session",        "ldap-user",      "ldap-group",
                                         "ldap-dn",    "ldap-filter", "ldap-attribute", "ldap-search" };

    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static const char *parse_line(struct conf_cmd *cmd, const char *text, struct authz_rule *rule)
{
    const char *rest = text, *provider = conf_word(cmd->arena, &rest);

    if (provider && strcasecmp(provider, "not") == 0) {
        rule->negate = true;
        provider = conf_word(cmd->arena, &rest);
    }
    rule->provider = provider ? find_provider(provider) : NULL;
    if (!rule->provider)
        return provider && is_refused(provider)
                   ? names_refuse(cmd)
                   : conf_fault(cmd, "Unknown Authz provider: %s", provider ? provider : "");
    rule->line = (struct authz_line){ .provider = provider, .args = rest };
    rule->blocks = rule->provider->blocks;
    rule->methods = cmd->methods;
    return rule->provider->parse ? rule->provider->parse(cmd, &rule->line) : NULL;
}

/* The container that a line at this place belongs to; a section's own is made by its first line. */
static struct authz_rule *container_of(struct conf_cmd *cmd)
{
    struct authz_place *place = place_part(cmd->place, &authz_core_module);

    if (cmd->group)
        return cmd->group;
    if (!place->rules)
        place->rules = new_rule(cmd->arena, LOGIC_OR);
    conf_touch(cmd, place, &place->rules);
    return place->rules;
}

static const char *set_require(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct authz_rule *rule = new_rule(cmd->arena, LOGIC_UNSET), *container;
    const char *fault = parse_line(cmd, argv[0], rule);

    (void)settings, (void)argc;
    if (fault)
        return fault;
    container = container_of(cmd);
    if (rule->negate && container->logic == LOGIC_OR)
        return conf_fault(cmd, "negative Require directive has no effect in %s directive",
                          authz_label(cmd->arena, container));
    container->methods |= rule->methods;
    container->blocks |= rule->blocks;
    append(container, rule);
    return NULL;
}

static bool only_negative(const struct authz_rule *container)
{
    for (const struct authz_rule *child = container->first; child; child = child->next)
        if (!child->negate)
            return false;
    return true;
}

/* What may go into the parent line by line: "any" in "any", "all" in "all", and "none" in "all" with each line negated.
 */
static struct authz_rule *dissolve(struct authz_rule *rule, const struct authz_rule *parent)
{
    if (rule->negate ? rule->logic == parent->logic : rule->logic != parent->logic)
        return rule;
    for (struct authz_rule *child = rule->first; child && rule->negate; child = child->next)
        child->negate = !child->negate;
    return rule->first;
}

static const char *close_container(struct conf_cmd *cmd, struct authz_rule *rule)
{
    const char *label = authz_label(cmd->arena, rule);
    struct authz_rule *parent;

    if (!rule->first)
        return conf_fault(cmd, "%s directive contains no authorization directives", label);
    if (only_negative(rule) && !cmd->overrides) /* httpd looks for it once all is read: in a .htaccess it never does */
        return conf_fault(cmd, "AH01624: %s directive contains only negative authorization directives", label);
    parent = container_of(cmd);
    if (rule->negate && parent->logic == LOGIC_OR)
        return conf_fault(cmd, "%s directive has no effect in %s directive", label, authz_label(cmd->arena, parent));
    parent->methods |= rule->methods;
    parent->blocks |= rule->blocks;
    append(parent, dissolve(rule, parent));
    return NULL;
}

static const char *set_container(struct conf_cmd *cmd, enum authz_logic logic, bool negate, const char *text)
{
    struct authz_rule *rule = new_rule(cmd->arena, logic);
    const char *fault;

    rule->negate = negate;
    if (*text)
        return conf_fault(cmd, "%s> directive doesn't take additional arguments", cmd->row->name);
    fault = conf_apply_inside(cmd, cmd->methods, rule);
    return fault ? fault : close_container(cmd, rule);
}

static const char *set_all(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_container(cmd, LOGIC_AND, false, argv[0]);
}

static const char *set_any(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_container(cmd, LOGIC_OR, false, argv[0]);
}

static const char *set_none(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return set_container(cmd, LOGIC_OR, true, argv[0]);
}

static const char *set_merging(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "Off", LOGIC_OFF }, { "And", LOGIC_AND }, { "Or", LOGIC_OR } };
    struct authz_place *place = settings;

    (void)cmd, (void)argc;
    return core_find_word(words, COUNT_OF(words), argv[0], &place->merging)
               ? NULL
               : "AuthMerging must be one of: Off | And | Or";
}

/* ---- merging: the later section's rules stand alone unless it says AuthMerging ---- */

static struct authz_rule *combine(struct arena *a, const struct authz_rule *base, const struct authz_rule *over,
                                  enum authz_logic logic)
{
    struct authz_rule *both = new_rule(a, logic);

    both->merged = true;
    both->methods = base->methods | over->methods;
    both->blocks = base->blocks | over->blocks;
    both->first = arena_copy(a, base, sizeof(*base));
    both->first->next = arena_copy(a, over, sizeof(*over));
    return both;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct authz_place *b = base, *o = over;
    struct authz_place *m = merged;

    m->rules = o->rules;
    m->merging = o->merging;
    if (o->merging == LOGIC_UNSET && !o->rules) {
        m->rules = b->rules;
        m->merging = b->merging;
    } else if (b->rules && (o->merging == LOGIC_AND || o->merging == LOGIC_OR)) {
        m->rules = o->rules ? combine(a, b->rules, o->rules, (enum authz_logic)o->merging) : b->rules;
    }
}

#define PLACE(kind, field) PLACE_SLOT(kind, struct authz_place, field)
#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }

static const struct directive rows[] = {
    { "Require", OR_AUTHCFG, ARGS_RAW, set_require, NO_SLOT,
      "specifies authorization directives which one must pass (or not) for a request to suceeed", CONF_WORKS,
      WHY_GUARDS },
    { "<RequireAll", OR_AUTHCFG, ARGS_SECTION, set_all, NO_SLOT,
      "container for grouping authorization directives of which none must fail and at least one must pass for a "
      "request to"
      " succeed" },
    { "<RequireAny", OR_AUTHCFG, ARGS_SECTION, set_any, NO_SLOT,
      "container for grouping authorization directives of which one must pass for a request to succeed" },
    { "<RequireNone", OR_AUTHCFG, ARGS_SECTION, set_none, NO_SLOT,
      "container for grouping authorization directives of which none must pass for a request to succeed" },
    { "AuthMerging", OR_AUTHCFG, ARGS_1, set_merging, PLACE(SLOT_CUSTOM, merging),
      "controls how a <Directory>, <Location>, or similar directive's authorization directives are combined with those "
      "of"
      " its predecessor" },
    { "AuthzSendForbiddenOnFailure", OR_AUTHCFG, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, forbidden_on_failure),
      "Controls if an authorization failure should result in a '403 FORBIDDEN' response instead of the HTTP-conforming"
      " '401 UNAUTHORIZED'" },
    REFUSED_SECTION("<AuthzProviderAlias", IN_SITES, WHY_GUARDS),
    { 0 },
};

struct module authz_core_module = {
    .name = "authz_core_module",
    .source = "mod_authz_core.c",
    .directives = rows,
    .place_size = sizeof(struct authz_place),
    .merge_place = merge_place,
};
