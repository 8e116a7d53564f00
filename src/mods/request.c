/* A request as its environment, its names and its log see it: httpd's ap_get_server_name, ap_get_server_port,
 * ap_construct_url, set_banner. And the path that it asks for (ap_process_request_internal's beginning). */
#include "mods.h"
#include "proxying.h"

void request_set_peer(struct request *r, const struct peer_info *peer)
{
    r->peer = peer;
    r->client_ip = peer->ip;
    r->client_text = peer->text;
    r->client_port = peer->port;
    r->client_address = (struct span){ 0 };
    if (peer->family)
        r->client_address = (struct span){ (const char *)peer->address, peer->family == 4 ? 4 : 16 };
}

/* ---- environment ----------------------------------------------------------------------------------------------- */

struct span request_field_at(const struct request *r, const struct http_field *line)
{
    const char *name = arena_span(r->arena, line->name);

    if (http_fields_find(&r->joined, name))
        return line->value;
    return http_fields_find(&r->head.fields, name) == line ? request_field(r, name) : (struct span){ NULL, 0 };
}

void request_set_env(struct request *r, const char *name, const char *value)
{
    if (value)
        http_fields_set(r->arena, &r->env, arena_strdup(r->arena, name), span_of(arena_strdup(r->arena, value)));
    else
        http_fields_remove(&r->env, name);
}

void request_rename_env(struct request *r)
{
    struct http_fields before = r->env;

    r->env = (struct http_fields){ 0 };
    HTTP_EACH_FIELD(f, &before)
    request_set_env(r, arena_concat(r->arena, "REDIRECT_", arena_span(r->arena, f->name), NULL),
                    arena_span(r->arena, f->value));
    request_set_env(r, "REDIRECT_STATUS",
                    arena_printf(r->arena, "%d", r->previous->status ? r->previous->status : 200));
}

/* ---- log --------------------------------------------------------------------------------------------------------- */

static const struct place *place_of(const struct request *r)
{
    return r->place ? r->place : &r->site->place;
}

const struct log_target *request_log_of_place(const struct request *r)
{
    static _Thread_local struct log_target target;

    target = r->site->log;
    target.levels = core_place_of(place_of(r))->levels;
    return &target;
}

struct log_event request_event(const struct request *r, struct log_event e)
{
    struct span referer = http_fields_get(&r->head.fields, "Referer");

    if (r->logged)
        *r->logged = true;
    e.client = r->client_text;
    e.local = arena_printf(r->arena, "%s:%u", r->peer->local_ip, r->peer->local_port);
    e.connection_id = r->peer->id;
    e.request_id = r->id;
    e.referer = referer.p ? arena_span(r->arena, referer) : NULL;
    e.keepalives = r->peer->served;
    e.request = r;
    if (r->site) {
        e.vhost = r->site->server_name;
        e.server_name = request_server_name(r);
    }
    return e;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

const char *request_server_name(const struct request *r)
{
    if (core_place_of(place_of(r))->canonical_name == CANONICAL_ON || !r->hostname)
        return r->site->server_name;
    return r->hostname;
}

/* http_core.c: a server behind something that ends TLS for it says so in its ServerName. */
const char *request_scheme(const struct request *r)
{
    const char *named = r->site ? r->site->scheme : NULL;

    return r->peer->tls || (named && strcmp(named, "https") == 0) ? "https" : "http";
}

int request_default_port(const struct request *r)
{
    return http_default_port(span_of(request_scheme(r)));
}

static int first_port(int a, int b, int c)
{
    return a ? a : b ? b : c;
}

int request_server_port(const struct request *r)
{
    int physical = core_site_of(r->site)->canonical_physical_port ? r->peer->local_port : 0;
    int own = r->site->server_port;

    if (core_place_of(place_of(r))->canonical_name == CANONICAL_ON)
        return first_port(own, physical, request_default_port(r));
    return first_port(r->host_port, physical, own ? own : request_default_port(r));
}

const char *request_url(const struct request *r, const char *path)
{
    const char *name = request_server_name(r);
    bool v6 = strchr(name, ':') && *name != '[';
    int port = request_server_port(r);

    name = arena_concat(r->arena, request_scheme(r), "://", v6 ? "[" : "", name, v6 ? "]" : "", NULL);
    if (port == request_default_port(r))
        return arena_concat(r->arena, name, path, NULL);
    return arena_printf(r->arena, "%s:%d%s", name, port, path);
}

const char *request_filename(const struct request *r)
{
    return r->proxy ? arena_concat(r->arena, "proxy:", r->proxy->url, NULL) : r->filename;
}

const char *request_server_banner(const struct request *r)
{
    switch (core_site_of(r->snapshot->main)->tokens) {
    case TOKENS_PROD: return "Weir";
    case TOKENS_MAJOR: return arena_strndup(r->arena, "Weir/" WEIR_VERSION, strcspn("Weir/" WEIR_VERSION, "."));
    case TOKENS_MINOR:
        return arena_strndup(r->arena, "Weir/" WEIR_VERSION,
                             strlen("Weir/" WEIR_VERSION) - strlen(strrchr(WEIR_VERSION, '.')));
    case TOKENS_MINIMAL: return "Weir/" WEIR_VERSION;
    default: return "Weir/" WEIR_VERSION " (Unix)";
    }
}

/* ---- its path -----------------------------------------------------------------------------------------------------
 */

static enum http_path_result normalise(const struct request *r, struct span raw, enum http_slashes how,
                                       const char **uri)
{
    char *path = NULL;
    enum http_path_result result = http_normalize_path(r->arena, raw, how, core_site_of(r->site)->merge_slashes, &path);

    if (result != HTTP_PATH_BAD)
        *uri = path;
    return result;
}

int request_refuse_path(const struct request *r)
{
    REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 26, "found %%2f (encoded '/') in URI path (%s), returning 404",
                http_escape_log(r->arena, r->unparsed_uri));
    return 404;
}

int request_take_path(struct request *r, struct span raw)
{
    enum http_path_result result =
        normalise(r, raw, (enum http_slashes)core_site_of(r->site)->encoded_slashes, &r->uri);

    r->encoded = NULL;
    if (result == HTTP_PATH_BAD) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 10244, "invalid URI path (%s)",
                    http_escape_log(r->arena, r->unparsed_uri));
        return 400;
    }
    if (proxy_site_of(r->site)->maps_encoded) {
        normalise(r, raw, HTTP_ENCODED, &r->encoded);
        r->undecodable = result != HTTP_PATH_OK;
        return 0;
    }
    return result == HTTP_PATH_OK ? 0 : request_refuse_path(r);
}

size_t request_directory_length(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? (size_t)(slash + 1 - path) : 0;
}
