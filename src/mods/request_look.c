/* Looks ahead: what would become of another path, of a file, were it asked for instead of the request's own (httpd's
 * ap_sub_req_lookup_uri, ap_sub_req_lookup_file). Rules may ask for many, each of which has rules: both are bounded. */
#include "mods.h"

#define LOOKS_NESTED 5
#define LOOKS_MOST   200 /* each may begin others: five deep they would be millions */

static bool has_looks_left(const struct request *r)
{
    struct request *first = request_first(r);

    if (first->looks < LOOKS_MOST)
        return true;
    if (first->looks == LOOKS_MOST) {
        first->looks++;
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 0,
                    "the rules of this request looked ahead %d times: no more paths are looked at / "
                    "先読みが多すぎるため、これ以上は行いません",
                    LOOKS_MOST);
    }
    return false;
}

bool request_may_nest(const struct request *r)
{
    unsigned depth = 0;

    for (const struct request *m = r->main; m; m = m->main)
        if (depth++ == LOOKS_NESTED)
            return false;
    return r->look_up != NULL && has_looks_left(r);
}

bool request_may_look(const struct request *r)
{
    for (const struct request *m = r->main; m; m = m->main)
        if (strcmp(m->uri, r->uri) == 0)
            return false;
    return request_may_nest(r);
}

static struct request *begin_look(const struct request *r)
{
    struct request *sub = arena_copy(r->arena, r, sizeof(*r));

    request_first(r)->looks++;
    sub->main = (struct request *)(uintptr_t)r;
    sub->previous = NULL;
    sub->place = &r->site->place;
    sub->proxy = NULL;
    sub->filename = sub->path_info = sub->handler = sub->redirect = NULL;
    sub->rewrite_ended = false;
    sub->encoded = NULL;
    sub->file = (struct resource){ 0 };
    sub->locals = (struct vec){ 0 };
    sub->env = sub->notes = sub->out = sub->err_out = (struct http_fields){ 0 };
    sub->head.method = SPAN("GET");
    http_fields_copy(r->arena, &sub->env, &r->env);
    return sub;
}

static struct request *end_look(struct request *sub, int status)
{
    if (!status)
        status = sub->look_up(sub);
    sub->status = status ? status : 200;
    return sub;
}

/* ap_sub_req_lookup_uri: a relative path is one beside the request's own. */
struct request *request_look_at(const struct request *r, const char *path)
{
    struct request *sub = begin_look(r);
    struct span raw;

    if (*path != '/')
        path = arena_concat(r->arena, arena_strndup(r->arena, r->uri, request_directory_length(r->uri)), path, NULL);
    raw = (struct span){ path, strcspn(path, "?") };
    sub->args = path[raw.n] ? span_of(path + raw.n + 1) : (struct span){ 0 };
    sub->unparsed_uri = span_of(path);
    sub->uri = path;
    return end_look(sub, request_take_path(sub, raw));
}

/* Of a file beside the request's own; elsewhere no path of ours is known to lead. */
static const char *path_of_file(const struct request *r, const char *name)
{
    size_t n = request_directory_length(r->filename);

    if (!n || strncmp(name, r->filename, n) != 0 || strchr(name + n, '/'))
        return "";
    return arena_concat(r->arena, arena_strndup(r->arena, r->uri, request_directory_length(r->uri)), name + n, NULL);
}

/* ap_sub_req_lookup_file */
struct request *request_look_at_file(const struct request *r, const char *name)
{
    struct request *sub = begin_look(r);

    sub->uri = path_of_file(r, name);
    sub->args = (struct span){ 0 };
    sub->filename = arena_strdup(r->arena, name);
    return end_look(sub, *name == '/' ? 0 : 404);
}
