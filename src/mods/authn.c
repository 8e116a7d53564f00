/* AuthType, AuthName, and who is asked about a user: mod_authn_core.c. */
#include "access.h"
#include "names.h"
#include "ssl.h"

#include <strings.h>

struct authn_place {
    const struct expr *type, *name;
};
struct authn_site {
    int basic_loaded, digest_loaded, ssl_loaded;
};

/* ---- rows ---- */

static const char *parse(struct conf_cmd *cmd, const char *text, const struct expr **to)
{
    const char *error = NULL;

    *to = vars_compile(cmd, text, EXPR_STRING, &error);
    return *to ? NULL : conf_fault(cmd, "Cannot parse expression '%s' in %s: %s", text, cmd->row->name, error);
}

static const char *set_type(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct authn_place *place = settings;

    (void)argc;
    return parse(cmd, argv[0], &place->type);
}

static const char *set_name(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct authn_place *place = settings;

    (void)argc;
    return parse(cmd, argv[0], &place->name);
}

static const char *finish_site(struct snapshot_build *b, struct site *site)
{
    struct authn_site *s = site_part(site, &authn_core_module);

    s->basic_loaded = conf_module_present(b->snapshot->reading, "auth_basic_module");
    s->digest_loaded = conf_module_present(b->snapshot->reading, "auth_digest_module");
    s->ssl_loaded = conf_module_present(b->snapshot->reading, "ssl_module");
    return NULL;
}

/* ---- a request ---- */

static const struct authn_place *part_of_place(const struct place *p)
{
    return place_part(p, &authn_core_module);
}

bool authn_wanted(const struct place *p)
{
    return part_of_place(p)->type != NULL;
}

const char *authn_type(struct request *r)
{
    const struct authn_place *place = part_of_place(r->place);
    const char *error = NULL, *type = place->type ? access_text(r, place->type, &error) : NULL;

    if (place->type && !type)
        REQUEST_LOG(r, LOG_AUTHN_CORE, LEVEL_ERROR, 2834, "AuthType expression could not be evaluated: %s", error);
    return type && strcasecmp(type, "None") != 0 ? type : NULL;
}

/* ap_escape_quotes: a backslash before each quote that has none. */
const char *authn_escape_quotes(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 1), *to = out;

    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1])
            *to++ = *p++;
        else if (*p == '"')
            *to++ = '\\';
        *to++ = *p;
    }
    return out;
}

const char *authn_name(struct request *r)
{
    const struct authn_place *place = part_of_place(r->place);
    const char *error = NULL, *name = place->name ? access_text(r, place->name, &error) : NULL;

    if (place->name && !name)
        REQUEST_LOG(r, LOG_AUTHN_CORE, LEVEL_ERROR, 2835, "AuthName expression could not be evaluated: %s", error);
    return name ? authn_escape_quotes(r->arena, name) : NULL;
}

struct span authn_field(const struct request *r, const char *scheme)
{
    struct span field = http_fields_get(&r->head.fields, "Authorization");
    size_t n = strlen(scheme);

    if (!span_istarts(field, span_of(scheme)) || (field.n > n && field.p[n] != ' '))
        return (struct span){ NULL, 0 };
    return span_trim((struct span){ field.p + n, field.n - n });
}

void authn_note_failure(struct request *r)
{
    const char *type = authn_type(r), *realm = authn_name(r);

    if (!type)
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 571, "need AuthType to note auth failure: %s", r->uri);
    else if (realm && strcasecmp(type, "Basic") == 0)
        basic_note_failure(r, realm);
    else if (realm && strcasecmp(type, "Digest") == 0)
        digest_note_failure(r, realm);
}

static int without_realm(struct request *r, bool basic)
{
    if (basic)
        REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_ERROR, 1615, "need AuthName: %s", r->uri);
    else
        REQUEST_LOG(r, LOG_AUTH_DIGEST, LEVEL_ERROR, 1780, "need AuthName: %s", r->uri);
    return 500;
}

int authn_check(struct request *r)
{
    const struct authn_site *site = site_part(r->site, &authn_core_module);
    int status = site->ssl_loaded ? ssl_check_user(r) : 0;
    const char *type = authn_type(r), *realm;
    bool basic = type && site->basic_loaded && strcasecmp(type, "Basic") == 0;
    bool digest = type && site->digest_loaded && strcasecmp(type, "Digest") == 0;

    if (status || !type)
        return status;
    realm = basic || digest ? authn_name(r) : NULL;
    if ((basic || digest) && !realm)
        return without_realm(r, basic);
    status = basic ? basic_check(r, realm) : digest ? digest_check(r, realm) : DECLINED;
    if (status != DECLINED)
        return status;
    REQUEST_LOG(r, LOG_AUTHN_CORE, LEVEL_ERROR, 1796, "AuthType %s configured without corresponding module", type);
    return 500;
}

int auth_fixup(struct request *r)
{
    digest_fixup(r);
    return basic_fixup(r);
}

/* ---- for the rows of mod_auth_basic and mod_auth_digest ---- */

const char *authn_check_provider(struct conf_cmd *cmd, const char *name)
{
    static const char *const known[] = { "anon", "dbd", "dbm", "ldap", "socache" };

    if (strcmp(name, "file") == 0)
        return NULL;
    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i], name) == 0)
            return names_refuse(cmd);
    return conf_fault(cmd, "Unknown Authn provider: %s", name);
}

static const struct directive rows[] = {
    { "AuthType", OR_AUTHCFG, ARGS_1, set_type, PLACE_SLOT(SLOT_CUSTOM, struct authn_place, type),
      "an HTTP authorization type (e.g., \"Basic\")" },
    { "AuthName", OR_AUTHCFG, ARGS_1, set_name, PLACE_SLOT(SLOT_CUSTOM, struct authn_place, name),
      "the authentication realm (e.g. \"Members Only\")" },
    REFUSED_SECTION("<AuthnProviderAlias", IN_SITES, WHY_GUARDS),
    { 0 },
};

struct module authn_core_module = {
    .name = "authn_core_module",
    .source = "mod_authn_core.c",
    .directives = rows,
    .site_size = sizeof(struct authn_site),
    .place_size = sizeof(struct authn_place),
    .finish_site = finish_site,
};
