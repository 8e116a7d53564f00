/* The holder of a client's certificate as a user of Basic authentication: ssl_engine_kernel.c, ssl_hook_UserCheck. */
#include "access.h"
#include "ssl_parts.h"

/* A name and password such as FakeBasicAuth makes, from somebody who has no certificate to show. */
static bool is_spoof(struct request *r, const char **user)
{
    struct span field = authn_field(r, "Basic");
    const char *password;

    if (!field.p)
        return false;
    basic_credentials(r->arena, field, user, &password);
    return **user == '/' && strcmp(password, "password") == 0;
}

bool ssl_fakes_user(const struct request *r)
{
    return r->peer->tls && (ssl_place_of(r->place)->options & SSL_OPT_FAKEBASIC) && authn_wanted(r->place);
}

/* "/C=…/CN=…", or what SSLUserName names; NULL when there is none. */
static const char *holder(struct request *r)
{
    const char *named = ssl_place_of(r->place)->user_name;
    struct span user;

    if (!ssl_session_variable(r, "SSL_CLIENT_S_DN").n)
        return NULL;
    user = named ? ssl_variable(r, named) : ssl_client_name(r);
    if (!user.n && named)
        REQUEST_LOG(r, LOG_SSL, LEVEL_WARN, 2434,
                    "Failed to set FakeBasicAuth username to '%s', did not exist in certificate", named);
    return user.n ? arena_span(r->arena, user) : NULL;
}

static int fake(struct request *r, const char *user)
{
    struct span field;

    if (strchr(user, ':')) {
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 10096, "Cannot use FakeBasicAuth for username containing a colon: %s",
                    user);
        return 403;
    }
    field = basic_field(r->arena, user, "password");
    http_fields_set(r->arena, &r->head.fields, "Authorization", field);
    REQUEST_LOG(r, LOG_SSL, LEVEL_INFO, 2036, "Faking HTTP Basic Auth header: \"Authorization: %s\"", field.p);
    return 0;
}

int ssl_check_user(struct request *r)
{
    bool strict = ssl_place_of(r->place)->options & SSL_OPT_STRICTREQUIRE;
    const char *user = NULL;

    if (strict && http_fields_get(&r->notes, "ssl-access-forbidden").p)
        return 403;
    if (r->previous) /* the field is there already if it was made */
        return 0;
    if (is_spoof(r, &user)) {
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2035, "Encountered FakeBasicAuth spoof: %s", user);
        return 403;
    }
    user = ssl_fakes_user(r) && !r->user ? holder(r) : NULL;
    return user ? fake(r, user) : 0;
}
