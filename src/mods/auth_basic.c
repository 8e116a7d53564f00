/* Basic authentication (RFC 7617): mod_auth_basic.c. */
#include "access.h"
#include "digest.h"
#include "names.h"

#include <strings.h>

struct basic_place {
    int authoritative;
    int md5; /* AuthBasicUseDigestAlgorithm MD5: the file has hashes of "user:realm:password" */
    const struct expr *fake_user, *fake_password; /* AuthBasicFake; NULL: off */
};

/* ---- rows ---- */

static const char *set_provider(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return authn_check_provider(cmd, argv[0]);
}

static const char *parse_fake(struct conf_cmd *cmd, const char *user, const char *password, struct basic_place *place)
{
    const char *error = NULL;

    place->fake_user = vars_compile(cmd, user, EXPR_STRING, &error);
    if (!place->fake_user)
        return conf_fault(cmd, "Could not parse fake username expression '%s': %s", user, error);
    place->fake_password = vars_compile(cmd, password, EXPR_STRING, &error);
    if (!place->fake_password)
        return conf_fault(cmd, "Could not parse fake password expression associated to user '%s': %s", user, error);
    return NULL;
}

static const char *set_fake(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct basic_place *place = settings;

    (void)argc;
    conf_touch(cmd, place, &place->fake_password);
    place->fake_user = place->fake_password = NULL;
    if (strcasecmp(argv[0], "off") == 0)
        return NULL;
    return parse_fake(cmd, argv[0], argv[1] ? argv[1] : "password", place);
}

static const char *set_algorithm(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct basic_place *place = settings;

    (void)argc;
    place->md5 = strcasecmp(argv[0], "MD5") == 0;
    if (!place->md5 && strcasecmp(argv[0], "Off") != 0)
        return conf_fault(cmd, "Invalid algorithm in AuthBasicUseDigestAlgorithm: %s", argv[0]);
    return NULL;
}

static void defaults(void *p)
{
    ((struct basic_place *)p)->authoritative = 1;
}

/* ---- the field ---- */

void basic_credentials(struct arena *a, struct span field, const char **user, const char **password)
{
    char *text = arena_span(a, base64_decode(a, field)), *colon = strchr(text, ':');

    if (colon)
        *colon = '\0';
    *user = text;
    *password = colon ? colon + 1 : "";
}

struct span basic_field(struct arena *a, const char *user, const char *password)
{
    struct span pair = span_of(arena_concat(a, user, ":", password, NULL));

    return span_of(arena_concat(a, "Basic ", base64_encode(a, pair).p, NULL));
}

/* ---- a request ---- */

void basic_note_failure(struct request *r, const char *realm)
{
    http_fields_set(r->arena, &r->err_out, "WWW-Authenticate",
                    span_of(arena_concat(r->arena, "Basic realm=\"", realm, "\"", NULL)));
}

static int ask_again(struct request *r, const char *realm)
{
    basic_note_failure(r, realm);
    return 401;
}

static enum authn_result check_md5(struct request *r, const char *user, const char *realm, const char *password)
{
    const char *known = NULL;
    enum authn_result result = authn_file_digest(r, user, realm, &known);
    char hash[33];

    if (result != AUTHN_GRANTED)
        return result;
    digest_md5(span_of(arena_concat(r->arena, user, ":", realm, ":", password, NULL)), hash);
    return secret_equal(hash, known) ? AUTHN_GRANTED : AUTHN_DENIED;
}

int basic_check(struct request *r, const char *realm)
{
    const struct basic_place *place = place_part(r->place, &auth_basic_module);
    struct span field = authn_field(r, "Basic");
    const char *user, *password;
    enum authn_result result;

    r->auth_type = authn_type(r); /* as the line wrote it */
    if (!field.p) {
        if (http_fields_get(&r->head.fields, "Authorization").p)
            REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_ERROR, 1614, "client used wrong authentication scheme: %s", r->uri);
        return ask_again(r, realm);
    }
    basic_credentials(r->arena, field, &user, &password);
    r->user = user;
    result = place->md5 ? check_md5(r, user, realm, password) : authn_file_password(r, user, password);
    if (result == AUTHN_GRANTED)
        return 0;
    if (!place->authoritative && result != AUTHN_DENIED)
        return DECLINED;
    if (result == AUTHN_ERROR)
        return 500;
    if (result == AUTHN_DENIED)
        REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_ERROR, 1617,
                    "user %s: authentication failure for \"%s\": Password Mismatch", user, r->uri);
    else
        REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_ERROR, 1618, "user %s not found: %s", user, r->uri);
    return ask_again(r, realm);
}

/* ---- AuthBasicFake ---- */

/* "" where there is nothing to send: then the client's own goes away too. */
static const char *fake_part(struct request *r, const struct expr *text, const char *what, int failed, int empty)
{
    const char *error = NULL, *value = access_text(r, text, &error);

    if (!value)
        REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_ERROR, failed,
                    "AuthBasicFake: could not evaluate %s expression for URI '%s': %s", what, r->uri, error);
    else if (!*value)
        REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_INFO, empty, "AuthBasicFake: empty %sexpression for URI '%s', ignoring",
                    strcmp(what, "user") == 0 ? "username " : "password ", r->uri);
    if (value && !*value)
        http_fields_remove(&r->head.fields, "Authorization");
    return value;
}

int basic_fixup(struct request *r)
{
    const struct basic_place *place = place_part(r->place, &auth_basic_module);
    const char *user, *password = "";
    struct span field;

    if (!place->fake_user)
        return 0;
    user = fake_part(r, place->fake_user, "user", 2455, 2458);
    if (user && *user)
        password = fake_part(r, place->fake_password, "password", 2456, 2459);
    if (!user || !password)
        return 500;
    if (!*user || !*password)
        return 0;
    field = basic_field(r->arena, user, password);
    http_fields_set(r->arena, &r->head.fields, "Authorization", field);
    REQUEST_LOG(r, LOG_AUTH_BASIC, LEVEL_INFO, 2457, "AuthBasicFake: \"Authorization: %s\"", field.p);
    return 0;
}

#define PLACE(kind, field) PLACE_SLOT(kind, struct basic_place, field)

static const struct directive rows[] = {
    { "AuthBasicProvider",
      OR_AUTHCFG,
      ARGS_ITERATE,
      set_provider,
      { SLOT_NONE, PART_PLACE, 0, 0 },
      "specify the auth providers for a directory or location",
      CONF_WORKS,
      WHY_GUARDS },
    { "AuthBasicAuthoritative", OR_AUTHCFG, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, authoritative),
      "Set to 'Off' to allow access control to be passed along to lower modules if the UserID is not known to this "
      "module" },
    { "AuthBasicFake", OR_AUTHCFG, ARGS_12, set_fake, PLACE(SLOT_CUSTOM, fake_user),
      "Fake basic authentication using the given expressions for username and password, 'off' to disable. Password "
      "defaults to 'password' if missing." },
    { "AuthBasicUseDigestAlgorithm", OR_AUTHCFG, ARGS_1, set_algorithm, PLACE(SLOT_CUSTOM, md5),
      "Set to 'MD5' to use the auth provider's authentication check for digest auth, using a hash of "
      "'user:realm:pass'" },
    { 0 },
};

struct module auth_basic_module = {
    .name = "auth_basic_module",
    .source = "mod_auth_basic.c",
    .directives = rows,
    .place_size = sizeof(struct basic_place),
    .place_defaults = defaults,
};
