/* What expressions ask of a request: the variables and functions of httpd's util_expr_eval.c (request_var_fn,
 * conn_var_fn, misc_var_fn, req_table_func). Names are compared without case. */
#include "digest.h"
#include "ssl.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

static const struct span unset = { NULL, 0 };

/* ---- variables --------------------------------------------------------------------------------------------------- */

static struct span number(const struct request *r, int n)
{
    return span_of(arena_printf(r->arena, "%d", n));
}

static struct span give_nothing(const struct request *r, const char *name)
{
    (void)r, (void)name;
    return unset;
}

/* HTTP_USER_AGENT: the field User-Agent. */
static const char *header_of(const char *name)
{
    static const char *const fields[][2] = {
        { "HTTP_USER_AGENT", "User-Agent" }, { "HTTP_PROXY_CONNECTION", "Proxy-Connection" },
        { "HTTP_REFERER", "Referer" },       { "HTTP_COOKIE", "Cookie" },
        { "HTTP_FORWARDED", "Forwarded" },   { "HTTP_ACCEPT", "Accept" },
    };

    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (!strcasecmp(name, fields[i][0]))
            return fields[i][1];
    return "Host";
}

static struct span give_header(const struct request *r, const char *name)
{
    return request_field(r, header_of(name));
}

static struct span give_method(const struct request *r, const char *name)
{
    (void)name;
    return r->head.method;
}

static struct span give_scheme(const struct request *r, const char *name)
{
    (void)name;
    return span_of(request_scheme(r));
}

static struct span give_uri(const struct request *r, const char *name)
{
    struct span uri = !strcasecmp(name, "DOCUMENT_URI") ? http_fields_get(&r->env, "DOCUMENT_URI") : unset;

    return uri.p ? uri : span_of(r->uri);
}

static struct span give_filename(const struct request *r, const char *name)
{
    (void)name;
    return span_of(request_filename(r));
}

static struct span give_query(const struct request *r, const char *name)
{
    (void)name;
    return r->args;
}

static struct span give_request_line(const struct request *r, const char *name)
{
    (void)name;
    return r->head.line;
}

static struct span give_status(const struct request *r, const char *name)
{
    (void)name;
    return number(r, r->status ? r->status : 200); /* "until further notice", as httpd has it */
}

static struct span give_handler(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->handler);
}

static struct span give_content_type(const struct request *r, const char *name)
{
    struct span said = http_fields_get(&r->out, "Content-Type");

    (void)name;
    return said.p && !r->type_settled ? said : span_of(r->content_type);
}

static struct span give_request_id(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->id);
}

static struct span give_user(const struct request *r, const char *name)
{
    return span_of(!strcasecmp(name, "AUTH_TYPE") ? r->auth_type : r->user);
}

static struct span give_subrequest(const struct request *r, const char *name)
{
    (void)name;
    return r->main || r->looked_from ? SPAN("true") : SPAN("false");
}

static struct span give_address(const struct request *r, const char *name)
{
    (void)name; /* REMOTE_HOST too: no name is looked up */
    return span_of(r->client_ip);
}

static struct span give_peer_address(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->peer->ip);
}

static struct span give_remote_port(const struct request *r, const char *name)
{
    (void)name;
    return number(r, r->peer->port);
}

static struct span give_connection_id(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->peer->id);
}

static struct span give_https(const struct request *r, const char *name)
{
    (void)name;
    return r->peer->tls ? SPAN("on") : SPAN("off");
}

static struct span give_ipv6(const struct request *r, const char *name)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

    (void)name;
    return r->peer->family == 6 && memcmp(r->peer->address, mapped, sizeof(mapped)) ? SPAN("on") : SPAN("off");
}

static struct span give_http2(const struct request *r, const char *name)
{
    (void)name;
    return r->head.version == 20 ? SPAN("on") : SPAN("off");
}

/* A name for URLs: an IPv6 address gets its brackets. */
static struct span give_server_name(const struct request *r, const char *name)
{
    const char *server = request_server_name(r);

    (void)name;
    if (strchr(server, ':') && *server != '[')
        server = arena_concat(r->arena, "[", server, "]", NULL);
    return span_of(server);
}

static struct span give_server_port(const struct request *r, const char *name)
{
    (void)name;
    return number(r, request_server_port(r));
}

static struct span give_admin(const struct request *r, const char *name)
{
    (void)name;
    return span_of(core_site_of(r->site)->server_admin);
}

static struct span give_root(const struct request *r, const char *name)
{
    (void)name;
    return span_of(core_site_of(r->site)->document_root);
}

static struct span give_context_prefix(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->context_prefix);
}

static struct span give_context_root(const struct request *r, const char *name)
{
    return r->context_root ? span_of(r->context_root) : give_root(r, name);
}

static struct span give_path_info(const struct request *r, const char *name)
{
    (void)name;
    return span_of(r->path_info);
}

static struct span give_banner(const struct request *r, const char *name)
{
    (void)name;
    return span_of(request_server_banner(r));
}

static struct span give_api_version(const struct request *r, const char *name)
{
    (void)r, (void)name;
    return SPAN("20120211"); /* MODULE_MAGIC_NUMBER_MAJOR of every 2.4 */
}

/* SERVER_PROTOCOL; and of httpd 2.5 SERVER_PROTOCOL_VERSION ("1001"), …_MAJOR, …_MINOR. */
static struct span give_protocol(const struct request *r, const char *name)
{
    int major = r->head.version / 10, minor = r->head.version % 10;

    switch (strlen(name) - strlen("SERVER_PROTOCOL")) {
    case 0: return span_of(arena_printf(r->arena, "HTTP/%d.%d", major, minor));
    case 8: return number(r, major * 1000 + minor);
    default: return number(r, !strcasecmp(name, "SERVER_PROTOCOL_VERSION_MAJOR") ? major : minor);
    }
}

static struct tm local_time(int64_t us)
{
    time_t t = (time_t)(us / 1000000);
    struct tm tm;

    localtime_r(&t, &tm);
    return tm;
}

static struct span format_time(const struct request *r, const char *pattern, const struct tm *tm)
{
    char text[32];

    strftime(text, sizeof(text), pattern, tm);
    return span_of(arena_strdup(r->arena, text));
}

static struct span give_time(const struct request *r, const char *name)
{
    static const char *const parts[][2] = {
        { "TIME", "%Y%m%d%H%M%S" }, { "TIME_YEAR", "%Y" }, { "TIME_MON", "%m" }, { "TIME_DAY", "%d" },
        { "TIME_HOUR", "%H" },      { "TIME_MIN", "%M" },  { "TIME_SEC", "%S" }, { "TIME_WDAY", "%w" },
    };
    struct tm now = local_time(base_wall_us());

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!strcasecmp(name, parts[i][0]))
            return format_time(r, parts[i][1], &now);
    return unset;
}

/* r->mtime of what is no file. */
static struct span give_last_modified(const struct request *r, const char *name)
{
    struct tm epoch = local_time(0);

    (void)name;
    return format_time(r, "%Y%m%d%H%M%S", &epoch);
}

static const struct variable {
    const char *name;
    vars_fn *give;
} variables[] = {
    { "REQUEST_METHOD", give_method },
    { "REQUEST_URI", give_uri },
    { "REQUEST_SCHEME", give_scheme },
    { "REQUEST_FILENAME", give_filename },
    { "REQUEST_STATUS", give_status },
    { "REQUEST_LOG_ID", give_request_id },
    { "QUERY_STRING", give_query },
    { "THE_REQUEST", give_request_line },
    { "DOCUMENT_URI", give_uri },
    { "DOCUMENT_ROOT", give_root },
    { "SCRIPT_FILENAME", give_filename },
    { "SCRIPT_USER", give_nothing },
    { "SCRIPT_GROUP", give_nothing },
    { "PATH_INFO", give_path_info },
    { "LAST_MODIFIED", give_last_modified },
    { "CONTEXT_PREFIX", give_context_prefix },
    { "CONTEXT_DOCUMENT_ROOT", give_context_root },
    { "CONTENT_TYPE", give_content_type },
    { "HANDLER", give_handler },
    { "IS_SUBREQ", give_subrequest },
    { "AUTH_TYPE", give_user },
    { "REMOTE_USER", give_user },
    { "REMOTE_ADDR", give_address },
    { "REMOTE_HOST", give_address },
    { "REMOTE_PORT", give_remote_port },
    { "REMOTE_IDENT", give_nothing },
    { "CONN_REMOTE_ADDR", give_peer_address },
    { "CONN_LOG_ID", give_connection_id },
    { "HTTPS", give_https },
    { "HTTP2", give_http2 },
    { "IPV6", give_ipv6 },
    { "SERVER_NAME", give_server_name },
    { "SERVER_PORT", give_server_port },
    { "SERVER_ADMIN", give_admin },
    { "SERVER_PROTOCOL", give_protocol },
    { "SERVER_PROTOCOL_VERSION", give_protocol },
    { "SERVER_PROTOCOL_VERSION_MAJOR", give_protocol },
    { "SERVER_PROTOCOL_VERSION_MINOR", give_protocol },
    { "SERVER_SOFTWARE", give_banner },
    { "API_VERSION", give_api_version },
    { "TIME_YEAR", give_time },
    { "TIME_MON", give_time },
    { "TIME_DAY", give_time },
    { "TIME_HOUR", give_time },
    { "TIME_MIN", give_time },
    { "TIME_SEC", give_time },
    { "TIME_WDAY", give_time },
    { "TIME", give_time },
    { "HTTP_USER_AGENT", give_header },
    { "HTTP_PROXY_CONNECTION", give_header },
    { "HTTP_REFERER", give_header },
    { "HTTP_COOKIE", give_header },
    { "HTTP_FORWARDED", give_header },
    { "HTTP_HOST", give_header },
    { "HTTP_ACCEPT", give_header },
};

vars_fn *vars_find(const char *name)
{
    if (!strncasecmp(name, "SSL_", 4)) /* mod_ssl knows each of them */
        return ssl_session_variable;
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        if (!strcasecmp(name, variables[i].name))
            return variables[i].give;
    return NULL;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static struct span call_req(const struct request *r, const char *arg)
{
    return request_field(r, arg);
}

static struct span call_req_novary(const struct request *r, const char *arg)
{
    return call_req(r, arg);
}

static struct span call_resp(const struct request *r, const char *arg)
{
    struct span value = http_fields_get(&r->out, arg);

    return value.p ? value : http_fields_get(&r->err_out, arg);
}

static struct span call_reqenv(const struct request *r, const char *arg)
{
    return http_fields_get(&r->env, arg);
}

static struct span call_note(const struct request *r, const char *arg)
{
    return http_fields_get(&r->notes, arg);
}

static struct span call_osenv(const struct request *r, const char *arg)
{
    (void)r;
    return span_of(getenv(arg));
}

/* Notes, then the request's environment, then the process's. */
static struct span call_env(const struct request *r, const char *arg)
{
    struct span value = call_note(r, arg);

    value = value.p ? value : call_reqenv(r, arg);
    return value.p ? value : call_osenv(r, arg);
}

static struct span call_md5(const struct request *r, const char *arg)
{
    char hex[33];

    digest_md5(span_of(arg), hex);
    return span_of(arena_strdup(r->arena, hex));
}

static struct span call_sha1(const struct request *r, const char *arg)
{
    char hex[41];

    digest_sha1(span_of(arg), hex);
    return span_of(arena_strdup(r->arena, hex));
}

static const struct {
    const char *name;
    vars_fn *call; /* with the argument in place of the name */
} functions[] = {
    { "req", call_req },   { "http", call_req },      { "req_novary", call_req_novary },
    { "resp", call_resp }, { "reqenv", call_reqenv }, { "env", call_env },
    { "note", call_note }, { "osenv", call_osenv },   { "md5", call_md5 },
    { "sha1", call_sha1 }, { "ssl", ssl_variable },
};

vars_fn *vars_find_function(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (!strcasecmp(name, functions[i].name))
            return functions[i].call;
    return NULL;
}

/* ---- as an environment ------------------------------------------------------------------------------------------- */

/* What the answer depends on; Host is every answer's key anyway. */
static void note_vary(const struct request *r, const char *field)
{
    if (r->varies && strcasecmp(field, "Host"))
        http_fields_add(r->arena, r->varies, SPAN("Vary"), span_of(arena_strdup(r->arena, field)));
}

static struct span on_variable(void *ctx, struct arena *a, const char *name)
{
    vars_fn *give = vars_find(name);

    (void)a;
    if (give == give_header)
        note_vary(ctx, header_of(name));
    return give ? give(ctx, name) : unset;
}

static struct span on_function(void *ctx, struct arena *a, const char *name, struct span arg)
{
    vars_fn *call = vars_find_function(name);

    if (call == call_req)
        note_vary(ctx, arena_span(a, arg));
    return call ? call(ctx, arena_span(a, arg)) : unset;
}

/* A worker's loop checks no password; who could not be asked may not pass. */
static bool was_checked(const struct request *sub)
{
    if (sub->off_loop || !authz_may_block(sub))
        return true;
    REQUEST_LOG(sub, LOG_CORE, LEVEL_ERROR, 0,
                "-U and -F of a path that wants a login are false outside of RewriteCond / "
                "認証を要するパスの -U と -F は RewriteCond 以外では偽になります");
    return false;
}

/* op_url_subr, op_file_subr */
static bool on_look(void *ctx, char op, const char *word)
{
    const struct request *sub;
    struct stat st;

    if (!request_may_look(ctx))
        return false;
    sub = op == 'F' ? request_look_at_file(ctx, word) : request_look_at(ctx, word);
    if (sub->status >= (op == 'F' ? 300 : 400) || (op == 'F' && stat(word, &st)))
        return false;
    return was_checked(sub);
}

void vars_env(const struct request *r, struct expr_env *env)
{
    *env = (struct expr_env){ .ctx = (void *)r,
                              .arena = r->arena,
                              .variable = on_variable,
                              .function = on_function,
                              .leads_somewhere = on_look };
}

bool vars_known(const char *kind, const char *name)
{
    if (!strcmp(kind, "variable"))
        return vars_find(name) != NULL;
    return !strcmp(kind, "function") && vars_find_function(name) != NULL;
}
