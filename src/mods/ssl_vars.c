/* The variables that mod_ssl gives to expressions, logs and headers (ssl_engine_vars.c). */
#include "ssl_parts.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

static struct span find_nothing(const struct request *r, struct arena *a, const char *name)
{
    (void)r, (void)a, (void)name;
    return (struct span){ NULL, 0 };
}

struct span (*ssl_lookup)(const struct request *r, struct arena *a, const char *name) = find_nothing;

/* ---- SSLOptions LegacyDNStringFormat: "CN=a,O=b\, c" -> "/O=b, c/CN=a" ----------------------------------------------
 */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* As X509_NAME_oneline has it: what is not ASCII or not printable is \xHH, and what would end a part is escaped. */
static void add_byte(struct buf *out, char c)
{
    if (c < ' ' || c > '~')
        buf_printf(out, "\\x%02X", (unsigned char)c);
    else
        buf_printf(out, "%s%c", c == '/' || c == '+' ? "\\" : "", c);
}

/* The value of an escape behind its backslash. */
static size_t unescape(struct buf *out, const char *p, size_t n)
{
    if (n >= 2 && hex_digit(p[0]) >= 0 && hex_digit(p[1]) >= 0) {
        add_byte(out, (char)(hex_digit(p[0]) << 4 | hex_digit(p[1])));
        return 2;
    }
    if (n)
        add_byte(out, p[0]);
    return n ? 1 : 0;
}

static void add_part(struct buf *out, const char *p, size_t n)
{
    buf_adds(out, "/");
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\')
            i += unescape(out, p + i + 1, n - i - 1);
        else if (p[i] == '+')
            buf_adds(out, "/");
        else
            add_byte(out, p[i]);
    }
}

static bool is_escaped(struct span s, size_t at)
{
    size_t n = 0;

    while (n < at && s.p[at - n - 1] == '\\')
        n++;
    return n % 2 == 1;
}

static struct span legacy_name(struct arena *a, struct span name)
{
    struct buf out = { 0 };
    size_t end = name.n;
    struct span result;

    for (size_t i = name.n; i-- > 0;) {
        if (name.p[i] != ',' || is_escaped(name, i))
            continue;
        add_part(&out, name.p + i + 1, end - i - 1);
        end = i;
    }
    add_part(&out, name.p, end);
    result = span_of(arena_span(a, buf_span(&out)));
    buf_release(&out);
    return result;
}

static bool is_whole_name(const char *name)
{
    static const char *const names[] = { "SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN", "SSL_SERVER_S_DN", "SSL_SERVER_I_DN" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* ---- of the session -------------------------------------------------------------------------------------------------
 */

static struct span version_variable(struct arena *a, const char *name)
{
    if (strcasecmp(name, "SSL_VERSION_INTERFACE") == 0)
        return SPAN("mod_ssl/" APACHE_VERSION);
    if (strcasecmp(name, "SSL_VERSION_LIBRARY") == 0 || strcasecmp(name, "SSL_VERSION_LIBRARY_INTERFACE") == 0)
        return span_of(arena_concat(a, "OpenSSL/", OpenSSL_version(OPENSSL_VERSION_STRING), NULL));
    return (struct span){ NULL, 0 };
}

struct span ssl_client_name(const struct request *r)
{
    return legacy_name(r->arena, ssl_lookup(r, r->arena, "SSL_CLIENT_S_DN"));
}

struct span ssl_session_variable(const struct request *r, const char *name)
{
    const struct place *place = r->place ? r->place : &r->site->place;
    struct span value = { NULL, 0 };

    if (!r->peer->tls)
        return value;
    value = version_variable(r->arena, name);
    if (!value.p)
        value = ssl_lookup(r, r->arena, name);
    if (value.p && is_whole_name(name) && (ssl_place_of(place)->options & SSL_OPT_LEGACYDN))
        return legacy_name(r->arena, value);
    return value;
}

/* ---- of the request too: ssl_var_lookup
 * ------------------------------------------------------------------------------ */

static bool is_request_variable(const char *name)
{
    static const char *const names[] = {
        "HTTP_USER_AGENT",
        "HTTP_REFERER",
        "HTTP_COOKIE",
        "HTTP_FORWARDED",
        "HTTP_HOST",
        "HTTP_PROXY_CONNECTION",
        "HTTP_ACCEPT",
        "REQUEST_METHOD",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "REQUEST_FILENAME",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "SERVER_ADMIN",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SCRIPT_FILENAME",
        "PATH_INFO",
        "QUERY_STRING",
        "IS_SUBREQ",
        "DOCUMENT_ROOT",
        "AUTH_TYPE",
        "THE_REQUEST",
        "HTTPS",
        "SERVER_SOFTWARE",
        "API_VERSION",
        "TIME_YEAR",
        "TIME_MON",
        "TIME_DAY",
        "TIME_HOUR",
        "TIME_MIN",
        "TIME_SEC",
        "TIME_WDAY",
        "TIME",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static struct span environment(const struct request *r, const char *name)
{
    struct span value = http_fields_get(&r->notes, name);

    if (!value.p)
        value = http_fields_get(&r->env, name);
    return value.p ? value : span_of(getenv(name));
}

struct span ssl_variable(const struct request *r, const char *name)
{
    struct expr_env env;

    if (strncasecmp(name, "SSL_", 4) == 0) {
        struct span value = ssl_session_variable(r, name);
        return value.p ? value : version_variable(r->arena, name);
    }
    if (strncasecmp(name, "HTTP:", 5) == 0)
        return http_fields_get(&r->head.fields, name + 5);
    if (strncasecmp(name, "ENV:", 4) == 0)
        return environment(r, name + 4);
    if (!is_request_variable(name) || !r->site)
        return (struct span){ NULL, 0 };
    vars_env(r, &env);
    return env.variable(env.ctx, r->arena, name);
}

/* ---- %{…}c
 * ----------------------------------------------------------------------------------------------------------- */

struct span ssl_log_variable(const struct request *r, const char *name)
{
    static const char *const names[][2] = {
        { "version", "SSL_PROTOCOL" },
        { "cipher", "SSL_CIPHER" },
        { "subjectdn", "SSL_CLIENT_S_DN" },
        { "clientcert", "SSL_CLIENT_S_DN" },
        { "issuerdn", "SSL_CLIENT_I_DN" },
        { "cacert", "SSL_CLIENT_I_DN" },
        { "errstr", "SSL_CLIENT_VERIFY_ERRSTR" },
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i][0], name) == 0)
            return ssl_session_variable(r, names[i][1]);
    return (struct span){ NULL, 0 };
}
