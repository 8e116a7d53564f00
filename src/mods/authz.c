/* Require all granted|denied and its containers, with httpd's merging and limits to methods: mod_authz_core.c. Every
 * other provider is refused by name until it acts. */
#include "core.h"
#include "names.h"

#include <strings.h>

enum logic { LOGIC_UNSET, LOGIC_AND, LOGIC_OR, LOGIC_OFF };
enum verdict { NEUTRAL, DENIED, GRANTED };

struct rule {         /* a Require line or a container of them */
    enum logic logic; /* UNSET: a line */
    bool negate, granted, merged;
    uint64_t methods;
    struct rule *first, *next;
};
struct authz_place {
    struct rule *rules;
    int merging; /* enum logic, of AuthMerging */
};
extern struct module authz_core_module;

static struct rule *new_rule(struct arena *a, enum logic logic)
{
    struct rule *rule = arena_alloc(a, sizeof(*rule));
    rule->logic = logic;
    return rule;
}

/* What httpd's debug lines call it. */
static const char *label(const struct rule *rule)
{
    if (rule->logic == LOGIC_UNSET)
        return rule->negate ? (rule->granted ? "Require not all granted" : "Require not all denied")
                            : (rule->granted ? "Require all granted" : "Require all denied");
    if (rule->merged)
        return rule->logic == LOGIC_AND ? "AuthMerging All" : "AuthMerging Any";
    return rule->logic == LOGIC_AND ? "<RequireAll>" : rule->negate ? "<RequireNone>" : "<RequireAny>";
}

/* ---- rows ---- */

static void append(struct rule *container, struct rule *child)
{
    struct rule **end = &container->first;

    while (*end)
        end = &(*end)->next;
    *end = child;
}

/* Providers of httpd's modules: they protect, so they are not taken in silence. */
static bool is_provider(const char *name)
{
    static const char *const known[] = { "user",       "valid-user",     "group",       "ip",
                                         "host",       "local",          "env",         "method",
                                         "expr",       "forward-dns",    "file-owner",  "file-group",
                                         "dbm-group",  "dbm-file-group", "dbd-group",   "dbd-login",
                                         "dbd-logout", "session",        "ldap-user",   "ldap-group",
                                         "ldap-dn",    "ldap-attribute", "ldap-filter", "ldap-search" };

    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (strcasecmp(known[i], name) == 0)
            return true;
    return false;
}

static const char *parse_line(struct conf_cmd *cmd, const char *text, struct rule *rule)
{
    const char *rest = text, *provider = conf_word(cmd->arena, &rest);

    if (provider && strcasecmp(provider, "not") == 0) {
        rule->negate = true;
        provider = conf_word(cmd->arena, &rest);
    }
    if (!provider || (strcasecmp(provider, "all") != 0 && !is_provider(provider)))
        return conf_fault(cmd, "Unknown Authz provider: %s", provider ? provider : "");
    if (strcasecmp(provider, "all") != 0)
        return names_refuse(cmd);
    rule->granted = strcasecmp(rest, "granted") == 0;
    if (!rule->granted && strcasecmp(rest, "denied") != 0)
        return "Argument for 'Require all' must be 'granted' or 'denied'";
    return NULL;
}

/* The container that a line at this place belongs to; a section's own is made by its first line. */
static struct rule *container_of(struct conf_cmd *cmd)
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
    struct rule *rule = new_rule(cmd->arena, LOGIC_UNSET), *container;
    const char *fault = parse_line(cmd, argv[0], rule);

    (void)settings, (void)argc;
    if (fault)
        return fault;
    container = container_of(cmd);
    if (rule->negate && container->logic == LOGIC_OR)
        return conf_fault(cmd, "negative Require directive has no effect in %s directive", label(container));
    rule->methods = cmd->methods;
    container->methods |= rule->methods;
    append(container, rule);
    return NULL;
}

static bool only_negative(const struct rule *container)
{
    for (const struct rule *child = container->first; child; child = child->next)
        if (!child->negate)
            return false;
    return true;
}

static const char *close_container(struct conf_cmd *cmd, struct rule *rule)
{
    struct rule *parent;

    if (!rule->first)
        return conf_fault(cmd, "%s directive contains no authorization directives", label(rule));
    if (only_negative(rule))
        return conf_fault(cmd, "AH01624: %s directive contains only negative authorization directives", label(rule));
    parent = container_of(cmd);
    if (rule->negate && parent->logic == LOGIC_OR)
        return conf_fault(cmd, "%s directive has no effect in %s directive", label(rule), label(parent));
    parent->methods |= rule->methods;
    append(parent, !rule->negate && rule->logic == parent->logic ? rule->first : rule);
    return NULL;
}

static const char *set_container(struct conf_cmd *cmd, enum logic logic, bool negate, const char *text)
{
    struct rule *rule = new_rule(cmd->arena, logic);
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

static struct rule *combine(struct arena *a, const struct rule *base, const struct rule *over, enum logic logic)
{
    struct rule *both = new_rule(a, logic);

    both->merged = true;
    both->methods = base->methods | over->methods;
    both->first = arena_copy(a, base, sizeof(*base));
    both->first->next = arena_copy(a, over, sizeof(*over));
    return both;
}

static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct authz_place *b = base, *o = over;
    struct authz_place *m = merged;

    if (o->merging == LOGIC_UNSET && !o->rules) {
        *m = *b;
        return;
    }
    *m = *o;
    if (o->merging == LOGIC_OFF || o->merging == LOGIC_UNSET || !b->rules)
        return;
    m->rules = o->rules ? combine(a, b->rules, o->rules, (enum logic)o->merging) : b->rules;
}

/* ---- a request ---- */

static const char *verdict_name(enum verdict v)
{
    return v == GRANTED ? "granted" : v == DENIED ? "denied" : "neutral";
}

static enum verdict apply(const struct request *r, const struct rule *rule, uint64_t method, enum logic parent);

/* One refusal decides an "all", one grant an "any"; what says nothing leaves it to the others. */
static enum verdict apply_children(const struct request *r, const struct rule *rule, uint64_t method)
{
    enum verdict decides = rule->logic == LOGIC_AND ? DENIED : GRANTED, result = NEUTRAL;

    for (const struct rule *child = rule->first; child && result != decides; child = child->next) {
        enum verdict v = apply(r, child, method, rule->logic);
        if (v == decides || result == NEUTRAL)
            result = v == NEUTRAL ? result : v;
    }
    return result;
}

static enum verdict apply(const struct request *r, const struct rule *rule, uint64_t method, enum logic parent)
{
    enum verdict result;

    if (!(rule->methods & method)) {
        result = parent == LOGIC_AND ? GRANTED : NEUTRAL;
        REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1625,
                    "authorization result of %s: %s (directive limited to other methods)", label(rule),
                    verdict_name(result));
        return result;
    }
    if (rule->logic == LOGIC_UNSET)
        result = rule->granted ? GRANTED : DENIED;
    else
        result = apply_children(r, rule, method);
    if (rule->negate && result != NEUTRAL) /* not being refused is no reason to grant */
        result = result == GRANTED ? DENIED : NEUTRAL;
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1626, "authorization result of %s: %s", label(rule),
                verdict_name(result));
    return result;
}

int authz_check(struct request *r)
{
    const struct authz_place *place = place_part(r->place, &authz_core_module);
    uint64_t method = core_method_bit(core_site_of(r->snapshot->main), r->head.method);
    const char *file;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!place->rules) {
        REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_DEBUG, 1628, "authorization result: granted (no directives)");
        return 0;
    }
    if (apply(r, place->rules, method, LOGIC_AND) == GRANTED)
        return 0;
    file = r->proxy || r->uri[0] == '/' ? request_filename(r) : NULL;
    REQUEST_LOG(r, LOG_AUTHZ_CORE, LEVEL_ERROR, 1630, "client denied by server configuration: %s%s", file ? "" : "uri ",
                file ? file : r->uri);
    return 403;
}

#define PLACE(field) PLACE_SLOT(SLOT_CUSTOM, struct authz_place, field)
#define NO_SLOT                                                                                                        \
    {                                                                                                                  \
        0                                                                                                              \
    }

static const struct directive rows[] = {
    { "Require", GUARDS, ARGS_RAW, set_require, NO_SLOT,
      "specifies authorization directives which one must pass (or not) for a request to suceeed", CONF_WORKS,
      WHY_GUARDS },
    { "<RequireAll", GUARDS, ARGS_SECTION, set_all, NO_SLOT,
      "container for grouping authorization directives of which none must fail and at least one must pass for a "
      "request to"
      " succeed" },
    { "<RequireAny", GUARDS, ARGS_SECTION, set_any, NO_SLOT,
      "container for grouping authorization directives of which one must pass for a request to succeed" },
    { "<RequireNone", GUARDS, ARGS_SECTION, set_none, NO_SLOT,
      "container for grouping authorization directives of which none must pass for a request to succeed" },
    { "AuthMerging", GUARDS, ARGS_1, set_merging, PLACE(merging),
      "controls how a <Directory>, <Location>, or similar directive's authorization directives are combined with those "
      "of"
      " its predecessor" },
    INERT("AuthzSendForbiddenOnFailure", GUARDS, ARGS_FLAG,
          "Controls if an authorization failure should result in a '403 FORBIDDEN' response instead of the "
          "HTTP-conforming"
          " '401 UNAUTHORIZED'",
          "refusals are always 403 in this version / この版の拒否は常に 403 です"),
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
