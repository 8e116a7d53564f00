/* %{…} of RewriteCond and RewriteRule: fewer names than expressions have, a few of its own, and looks ahead at what
 * would become of the request (mod_rewrite.c, lookup_variable). */
#include "rewrite.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum variable_kind {
    VARIABLE_NONE,
    VARIABLE_CONSTANT,
    VARIABLE_HEADER,
    VARIABLE_CALL,
    VARIABLE_LOOK_URL,
    VARIABLE_LOOK_FILE
};
struct rewrite_variable {
    enum variable_kind kind;
    const char *name; /* the argument of `give`; the header's; what a constant is */
    unsigned number;  /* of a header that has a name of its own, from 1; 0 */
    bool varies;      /* the header decides an answer that says so in Vary */
    vars_fn *give;
    const char *inner_name; /* LA-U:NAME */
    const struct rewrite_variable *inner;
};

/* ---- names ---------------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *field;
} headers[REWRITE_HEADERS] = {
    { "HTTP_HOST", "Host" },
    { "HTTP_ACCEPT", "Accept" },
    { "HTTP_COOKIE", "Cookie" },
    { "HTTP_REFERER", "Referer" },
    { "HTTP_USER_AGENT", "User-Agent" },
    { "HTTP_FORWARDED", "Forwarded" },
    { "HTTP_PROXY_CONNECTION", "Proxy-Connection" },
};

/* What expressions know under the same name and mod_rewrite knows too. */
static const char *const shared[] = {
    "TIME",
    "IPV6",
    "HTTPS",
    "TIME_DAY",
    "TIME_SEC",
    "TIME_MIN",
    "TIME_MON",
    "TIME_WDAY",
    "TIME_YEAR",
    "IS_SUBREQ",
    "PATH_INFO",
    "AUTH_TYPE",
    "TIME_HOUR",
    "SERVER_NAME",
    "REMOTE_ADDR",
    "THE_REQUEST",
    "SERVER_PORT",
    "REMOTE_HOST",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_URI",
    "REMOTE_IDENT",
    "QUERY_STRING",
    "SERVER_ADMIN",
    "DOCUMENT_ROOT",
    "CONTEXT_PREFIX",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "SCRIPT_FILENAME",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "CONN_REMOTE_ADDR",
    "REQUEST_FILENAME",
    "CONTEXT_DOCUMENT_ROOT",
};

static struct span give_local_address(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->peer->local_ip);
}

/* %{ENV:…}: notes, the request's environment, the process's. */
static struct span give_env(const struct request *r, const char *name)
{
    struct span value = http_fields_get(&r->notes, name);

    if (!value.p)
        value = http_fields_get(&r->env, name);
    return value.p ? value : span_of(getenv(name));
}

/* ---- once ----------------------------------------------------------------------------------------------------------
 */

/* What decides an answer is named in its Vary, but for Host (RFC 9110 12.5.5). */
static void find_header(struct rewrite_variable *v, const char *field)
{
    v->kind = VARIABLE_HEADER;
    v->name = field;
    v->varies = strcasecmp(field, "Host") != 0;
}

static void find_plain(struct arena *a, struct rewrite_variable *v, const char *name)
{
    char *upper = arena_strdup(a, name);

    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    v->name = upper;
    for (unsigned i = 0; i < COUNT_OF(headers); i++) {
        if (strcmp(upper, headers[i].name) == 0) {
            v->number = i + 1;
            find_header(v, headers[i].field);
        }
    }
    for (unsigned i = 0; i < COUNT_OF(shared); i++) {
        if (strcmp(upper, shared[i]) == 0) {
            v->kind = VARIABLE_CALL;
            v->give = vars_find(upper);
        }
    }
    if (strcmp(upper, "SERVER_ADDR") == 0) {
        v->kind = VARIABLE_CALL;
        v->give = give_local_address;
    } else if (strcmp(upper, "API_VERSION") == 0) {
        v->kind = VARIABLE_CONSTANT;
        v->name = "20120211:142"; /* of 2.4.71 */
    } else if (strcmp(upper, "SCRIPT_USER") == 0 || strcmp(upper, "SCRIPT_GROUP") == 0) {
        v->kind = VARIABLE_CONSTANT;
        v->name = "<unknown>";
    }
}

static void find_call(struct rewrite_variable *v, vars_fn *give, const char *name)
{
    if (!*name)
        return;
    v->kind = VARIABLE_CALL;
    v->give = give;
    v->name = name;
}

const struct rewrite_variable *rewrite_variable_find(struct arena *a, const char *name, bool *looks_ahead)
{
    struct rewrite_variable *v = arena_alloc(a, sizeof(*v));
    size_t n = strlen(name);

    if (n >= 4 && name[3] == ':') {
        if (strncasecmp(name, "ENV", 3) == 0)
            find_call(v, give_env, name + 4);
        else if (strncasecmp(name, "SSL", 3) == 0)
            find_call(v, vars_find_function("ssl"), name + 4);
    } else if (n > 5 && name[4] == ':') {
        bool url = strncasecmp(name, "LA-U", 4) == 0;
        if (strncasecmp(name, "HTTP", 4) == 0) {
            find_header(v, name + 5);
        } else if (url || strncasecmp(name, "LA-F", 4) == 0) {
            v->kind = url ? VARIABLE_LOOK_URL : VARIABLE_LOOK_FILE;
            v->inner_name = name + 5;
            /* One look is enough: a look ahead of a look ahead finds nothing. */
            v->inner = rewrite_variable_find(a, strncasecmp(name + 5, "LA-", 3) ? name + 5 : "", looks_ahead);
            *looks_ahead = true;
        }
    } else if (n >= 4) {
        find_plain(a, v, name);
    }
    return v;
}

/* ---- for a request --------------------------------------------------------------------------------------------------
 */

static struct span header_value(struct rewriting *w, const struct rewrite_variable *v)
{
    unsigned bit = v->number ? 1u << (v->number - 1) : 0;
    struct span value;

    if (w->headers_known & bit)
        return w->headers[v->number - 1];
    value = request_field(w->r, v->name);
    if (bit)
        w->headers[v->number - 1] = value;
    w->headers_known |= bit;
    return value;
}

static struct span header(struct rewriting *w, const struct rewrite_variable *v)
{
    struct span value = header_value(w, v);

    if (value.p && v->varies)
        w->vary_test = w->vary_test ? arena_concat(w->r->arena, w->vary_test, ", ", v->name, NULL) : v->name;
    return value;
}

static struct span look_ahead(struct rewriting *w, const struct rewrite_variable *v)
{
    const struct rewrite_place *place = rewrite_place_of(w->r->place);
    bool file = v->kind == VARIABLE_LOOK_FILE && !(w->directory && *w->uri == '/');
    const char *path = w->uri, *inside = file ? place->directory : place->base ? place->base : place->directory;
    struct rewriting other = *w;
    struct span value;

    if (!path || !request_may_look(w->r))
        return (struct span){ "", 0 };
    if (w->directory && *path != '/')
        path = arena_concat(w->r->arena, inside, path, NULL);
    other.r = file ? request_look_at_file(w->r, path) : request_look_at(w->r, path);
    value = rewrite_variable_get(&other, v->inner);
    w->vary_test = other.vary_test;
    REWRITE_LOG(w, 5, "lookahead: path=%s var=%s -> val=%.*s", path, v->inner_name, (int)value.n,
                value.n ? value.p : "");
    return value;
}

static struct span value_of(struct rewriting *w, const struct rewrite_variable *v)
{
    switch (v->kind) {
    case VARIABLE_CONSTANT: return span_of(v->name);
    case VARIABLE_HEADER: return header(w, v);
    case VARIABLE_CALL: return v->give(w->r, v->name);
    case VARIABLE_LOOK_URL:
    case VARIABLE_LOOK_FILE: return look_ahead(w, v);
    default: return (struct span){ "", 0 };
    }
}

/* A NUL ends a value as it does in httpd, whose texts are C's. */
struct span rewrite_variable_get(struct rewriting *w, const struct rewrite_variable *v)
{
    struct span value = value_of(w, v);

    return value.p ? (struct span){ value.p, strnlen(value.p, value.n) } : (struct span){ "", 0 };
}
