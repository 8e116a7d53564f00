/* mod_ssl's hooks on a request: access, user, environment (ssl_engine_kernel.c, ssl_hook_Access, ssl_hook_Fixup). */
#include "ssl_parts.h"

/* ---- access -------------------------------------------------------------------------------------------------------
 */

/* The note is for SSLOptions StrictRequire, should another module let the request pass. */
static int forbid(struct request *r)
{
    http_fields_set(r->arena, &r->notes, "ssl-access-forbidden", SPAN("1"));
    return 403;
}

static bool at_least(int needed, int agreed)
{
    if (needed == SSL_VERIFY_REQ)
        return agreed == SSL_VERIFY_REQ;
    return needed <= SSL_VERIFY_OFF || agreed != SSL_VERIFY_OFF;
}

static bool has_no_certificate(const struct request *r)
{
    struct span verdict = ssl_session_variable(r, "SSL_CLIENT_VERIFY");

    return !verdict.n || span_eq(verdict, SPAN("NONE"));
}

bool ssl_wants_certificate(const struct request *r, const struct site *handshake)
{
    int place = ssl_place_of(r->place)->verify, needed = place < 0 ? ssl_site_of(r->site)->verify.mode : place;

    return !at_least(needed, ssl_site_of(handshake)->verify.mode) && has_no_certificate(r);
}

/* What a place or the site requires must be so by now, whichever site the handshake was for. */
static int check_certificate(struct request *r)
{
    bool required =
        ssl_place_of(r->place)->verify == SSL_VERIFY_REQ || ssl_site_of(r->site)->verify.mode == SSL_VERIFY_REQ;

    if (!required || span_eq(ssl_session_variable(r, "SSL_CLIENT_VERIFY"), SPAN("SUCCESS")))
        return 0;
    if (has_no_certificate(r))
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2263, "Re-negotiation handshake failed: Client certificate missing");
    else
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2262, "Re-negotiation handshake failed: Client verification failed");
    return 403;
}

static void set_user(struct request *r)
{
    const struct ssl_place *place = ssl_place_of(r->place);
    struct span user;

    if (!place->user_name || (place->options & SSL_OPT_FAKEBASIC))
        return;
    user = ssl_variable(r, place->user_name);
    if (user.n)
        r->user = arena_span(r->arena, user), r->auth_type = "ClientCert";
    else
        REQUEST_LOG(r, LOG_SSL, LEVEL_WARN, 2227, "Failed to set r->user to '%s'", place->user_name);
}

static int check_requirement(struct request *r, const struct ssl_requirement *q)
{
    const char *file = request_filename(r), *error = NULL;
    int met = ssl_requirement_met(r, q, &error);

    if (met > 0)
        return 0;
    if (met < 0) {
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2265,
                    "access to %s failed, reason: Failed to execute SSL requirement expression: %s", file,
                    error ? error : "");
        return forbid(r);
    }
    REQUEST_LOG(r, LOG_SSL, LEVEL_INFO, 2266, "Access to %s denied for %s (requirement expression not fulfilled)", file,
                r->client_ip);
    REQUEST_LOG(r, LOG_SSL, LEVEL_INFO, 2228, "Failed expression: %s", q->text);
    REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2229, "access to %s failed, reason: %s", file,
                "SSL requirement expression not fulfilled");
    return forbid(r);
}

int ssl_check(struct request *r)
{
    const struct ssl_place *place = ssl_place_of(r->place);
    int status;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (place->require_ssl && !r->peer->tls) {
        REQUEST_LOG(r, LOG_SSL, LEVEL_ERROR, 2219, "access to %s failed, reason: %s", request_filename(r),
                    "SSL connection required");
        return forbid(r);
    }
    if (!r->peer->tls)
        return 0;
    status = check_certificate(r);
    if (!status)
        set_user(r);
    for (unsigned i = 0; !status && i < place->require.n; i++)
        status = check_requirement(r, place->require.items[i]);
    return status;
}

/* ---- environment ----------------------------------------------------------------------------------------------------
 */

/* false: there is no such value. */
static bool export_one(struct request *r, const char *name)
{
    struct span value = ssl_session_variable(r, name);

    if (value.n)
        http_fields_set(r->arena, &r->env, arena_strdup(r->arena, name), value);
    return value.p != NULL;
}

static void export_standard(struct request *r)
{
    static const char *const names[] = {
        "SSL_VERSION_INTERFACE", "SSL_VERSION_LIBRARY", "SSL_PROTOCOL",         "SSL_SECURE_RENEG",
        "SSL_COMPRESS_METHOD",   "SSL_CIPHER",          "SSL_CIPHER_EXPORT",    "SSL_CIPHER_USEKEYSIZE",
        "SSL_CIPHER_ALGKEYSIZE", "SSL_CLIENT_VERIFY",   "SSL_CLIENT_M_VERSION", "SSL_CLIENT_M_SERIAL",
        "SSL_CLIENT_V_START",    "SSL_CLIENT_V_END",    "SSL_CLIENT_V_REMAIN",  "SSL_CLIENT_S_DN",
        "SSL_CLIENT_I_DN",       "SSL_CLIENT_A_KEY",    "SSL_CLIENT_A_SIG",     "SSL_CLIENT_CERT_RFC4523_CEA",
        "SSL_SERVER_M_VERSION",  "SSL_SERVER_M_SERIAL", "SSL_SERVER_V_START",   "SSL_SERVER_V_END",
        "SSL_SERVER_S_DN",       "SSL_SERVER_I_DN",     "SSL_SERVER_A_KEY",     "SSL_SERVER_A_SIG",
        "SSL_SESSION_ID",        "SSL_SESSION_RESUMED",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        export_one(r, names[i]);
}

#define MOST_PARTS 64 /* of one kind in one certificate */

/* "SSL_CLIENT_S_DN_OU", "…_OU_1", …: the first of a kind has no number. */
static void export_names(struct request *r)
{
    static const char *const whose[] = { "SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN", "SSL_SERVER_S_DN", "SSL_SERVER_I_DN" };
    static const char *const parts[] = { "C", "ST", "L", "O", "OU", "CN", "T", "I", "G", "S", "D", "UID", "Email" };

    for (size_t i = 0; i < COUNT_OF(whose); i++)
        for (size_t k = 0; k < COUNT_OF(parts); k++) {
            bool more = export_one(r, arena_printf(r->arena, "%s_%s", whose[i], parts[k]));
            for (unsigned n = 1; more && n < MOST_PARTS; n++)
                more = export_one(r, arena_printf(r->arena, "%s_%s_%u", whose[i], parts[k], n));
        }
}

static void export_numbered(struct request *r, const char *prefix)
{
    unsigned n = 0;

    while (n < MOST_PARTS && export_one(r, arena_printf(r->arena, "%s%u", prefix, n)))
        n++;
}

static void export_alternative_names(struct request *r)
{
    static const char *const kinds[] = {
        "SSL_CLIENT_SAN_Email_", "SSL_CLIENT_SAN_DNS_", "SSL_CLIENT_SAN_OTHER_msUPN_",
        "SSL_SERVER_SAN_Email_", "SSL_SERVER_SAN_DNS_", "SSL_SERVER_SAN_OTHER_dnsSRV_"
    };

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        export_numbered(r, kinds[i]);
}

void ssl_fixup(struct request *r)
{
    int options = ssl_place_of(r->place)->options;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!r->peer->tls)
        return;
    request_set_env(r, "HTTPS", "on");
    export_one(r, "SSL_TLS_SNI");
    if (options & SSL_OPT_STDENVVARS) {
        export_names(r);
        export_alternative_names(r);
        export_standard(r);
    }
    if (options & SSL_OPT_EXPORTCERT) {
        request_set_env(r, "SSL_CLIENT_CERT", ""); /* there, even when there is none */
        export_one(r, "SSL_SERVER_CERT");
        export_one(r, "SSL_CLIENT_CERT");
        export_numbered(r, "SSL_CLIENT_CERT_CHAIN_");
    }
}
