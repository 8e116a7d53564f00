/* mod_dir: what a directory shows, and what stands in for a file that is missing. The same names and refusals as
 * httpd's mod_dir.c; of mod_autoindex only that it lists nothing. */
#include "core.h"
#include "names.h"

#include <strings.h>

#define INDEX "index.html"

enum { INDEX_UNSET = 1 /* httpd's REDIRECT_UNSET */ };
struct dir_site {
    int loaded, lists; /* the module is there; mod_autoindex is */
};
struct dir_place {
    struct vec names;         /* char *: DirectoryIndex */
    int names_set;            /* so that "disabled" is not the default */
    int slash, check_handler; /* flags */
    int redirect;             /* DirectoryIndexRedirect: a status, 0 off */
    const char *fallback;
};
extern struct module dir_module;

/* ---- rows ---- */

/* "disabled" alone takes away the names before it. */
static const char *set_index(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct dir_place *place = settings;
    const char *rest = argv[0], *word = conf_word(cmd->arena, &rest);

    (void)argc;
    conf_touch(cmd, place, &place->names_set);
    place->names_set = 1;
    if (word && strcasecmp(word, "disabled") == 0 && !*rest) {
        place->names = (struct vec){ 0 };
        return NULL;
    }
    for (; word && *word; word = conf_word(cmd->arena, &rest))
        vec_add(cmd->arena, &place->names, (char *)(uintptr_t)word);
    return NULL;
}

static const char *set_redirect(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = {
        { "on", 302 }, { "off", 0 }, { "permanent", 301 }, { "temp", 302 }, { "seeother", 303 }
    };
    struct dir_place *place = settings;

    (void)cmd, (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], &place->redirect))
        return NULL;
    if (argv[0][0] < '0' || argv[0][0] > '9')
        return "DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx";
    place->redirect = core_number(argv[0]);
    return core_is_redirect(place->redirect) ? NULL : "DirectoryIndexRedirect only accepts values between 300 and 399";
}

/* ---- requests ---- */

static const struct dir_place *place_of(const struct request *r)
{
    return place_part(r->place, &dir_module);
}

static const char *with_args(const struct request *r, const char *path)
{
    return r->args.p ? arena_concat(r->arena, path, "?", arena_span(r->arena, r->args), NULL) : path;
}

static int add_slash(struct request *r)
{
    const char *path = with_args(r, arena_concat(r->arena, http_escape_path(r->arena, span_of(r->uri)), "/", NULL));

    if (!span_eq(r->head.method, SPAN("GET")) && !r->header_only && request_env(r, "redirect-carefully"))
        return 0;
    http_fields_set(r->arena, &r->out, "Location", span_of(request_url(r, path)));
    return 301;
}

/* A page is taken when it is a file, or a backend's; otherwise its trouble may be ours. */
static bool is_page(const struct request *sub)
{
    return sub->status == 200 && (sub->proxy || sub->file.kind == RESOURCE_FILE);
}

static void take_fields(struct request *r, const struct request *sub)
{
    http_fields_copy(r->arena, &r->out, &sub->out);
    http_fields_copy(r->arena, &r->err_out, &sub->err_out);
}

/* ap_internal_fast_redirect: a look ahead goes no further, so it is what was found. */
static int become(struct request *r, const struct request *sub, const char *path)
{
    if (r->main) {
        r->uri = sub->uri;
        r->args = sub->args;
        r->filename = sub->filename;
        r->path_info = sub->path_info;
        r->file = sub->file;
        r->proxy = sub->proxy;
        r->handler = sub->handler;
        return 0;
    }
    r->redirect = path;
    r->redirect_fast = true;
    return 0;
}

static int go_to_index(struct request *r, const struct request *sub, const char *path)
{
    int redirect = place_of(r)->redirect;

    if (!core_is_redirect(redirect))
        return become(r, sub, path);
    http_fields_set(r->arena, &r->out, "Location", span_of(request_url(r, sub->uri)));
    return redirect;
}

/* A name is a local URL, or lies in the directory asked for. */
static const char *index_path(const struct request *r, const char *name)
{
    return with_args(r, *name == '/' ? name
                                     : arena_concat(r->arena, http_escape_path(r->arena, span_of(r->uri)), name, NULL));
}

static int find_index(struct request *r)
{
    static const char *standard[] = { INDEX };
    const struct dir_place *place = place_of(r);
    const char *const *names = place->names_set ? (const char *const *)place->names.items : standard;
    unsigned n = place->names_set ? place->names.n : 1;
    int trouble = 0;

    for (unsigned i = 0; i < n; i++) {
        const char *path = index_path(r, names[i]);
        struct request *sub = request_look_at(r, path);
        if (is_page(sub))
            return go_to_index(r, sub, path);
        if (core_is_redirect(sub->status) || ((sub->status == 406 || sub->status == 401) && i + 1 == n)) {
            take_fields(r, sub);
            return sub->status;
        }
        if (sub->status && sub->status != 404 && sub->status != 200)
            trouble = sub->status;
    }
    return trouble;
}

static int fix_directory(struct request *r)
{
    const struct dir_place *place = place_of(r);
    size_t n = strlen(r->uri);

    if (!r->handler)
        r->handler = DIRECTORY_TYPE;
    if (r->path_info && *r->path_info)
        return 0;
    if (!n || r->uri[n - 1] != '/')
        return place->slash ? add_slash(r) : 0;
    if (r->redirect) /* a rule leads elsewhere */
        return 0;
    if (place->check_handler && (r->proxy || strcmp(r->handler, DIRECTORY_TYPE) != 0)) {
        r->content_type = NULL;
        return 0;
    }
    return request_may_nest(r) ? find_index(r) : 0;
}

/* A fallback that is missing itself leads to itself. */
static int look_too_far(struct request *r)
{
    REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 125,
                "Request exceeded the limit of %d subrequest nesting levels due to probable configuration error. Use "
                "'LimitInternalRecursion' to increase the limit if necessary. Use 'LogLevel debug' to get a backtrace.",
                core_site_of(r->site)->max_redirects);
    return 500;
}

static int fall_back(struct request *r)
{
    const char *path = place_of(r)->fallback;
    struct request *sub;

    if (!path || strcasecmp(path, "disabled") == 0)
        return 0;
    if (!request_may_look(r))
        return r->main ? look_too_far(r) : 0;
    path = with_args(r, path);
    sub = request_look_at(r, path);
    if (is_page(sub))
        return become(r, sub, path);
    if (core_is_redirect(sub->status))
        take_fields(r, sub);
    return sub->status == 404 || sub->status == 200 ? 0 : sub->status;
}

bool dir_fixup_looks(const struct request *r)
{
    return r->file.kind == RESOURCE_DIRECTORY || (!r->proxy && r->file.kind == RESOURCE_NONE && place_of(r)->fallback);
}

int dir_fixup(struct request *r)
{
    const struct dir_site *main = site_part(r->snapshot->main, &dir_module);

    CHECK_MAGIC(r, REQUEST_MAGIC);
    if (!main->loaded)
        return 0;
    if (r->file.kind == RESOURCE_DIRECTORY) /* even when a rule of a section proxies it */
        return fix_directory(r);
    if (r->proxy || !r->filename)
        return 0;
    return r->file.kind == RESOURCE_NONE && !r->handler && !r->redirect ? fall_back(r) : 0;
}

/* Those that were looked for. */
static const char *joined_names(const struct request *r, const struct dir_site *main)
{
    const struct dir_place *place = place_of(r);
    const char *text = place->names_set ? "" : INDEX;

    if (!main->loaded || r->uri[strlen(r->uri) - 1] != '/')
        return "none";
    for (unsigned i = 0; i < place->names.n; i++)
        text = arena_concat(r->arena, text, i ? "," : "", place->names.items[i], NULL);
    return text;
}

int dir_answer(struct request *r, bool get)
{
    const struct dir_site *main = site_part(r->snapshot->main, &dir_module);

    if (!get || !main->lists || (r->handler && *r->handler && strcmp(r->handler, DIRECTORY_TYPE) != 0)) {
        REQUEST_LOG(r, LOG_CORE, LEVEL_INFO, 129, "Attempt to serve directory: %s", r->filename);
        return 404;
    }
    REQUEST_LOG(
        r, LOG_AUTOINDEX, LEVEL_ERROR, 1276,
        "Cannot serve directory %s: No matching DirectoryIndex (%s) found, and server-generated directory index "
        "forbidden by Options directive",
        r->filename, joined_names(r, main));
    return 403;
}

/* ---- settings ---- */

static void set_place_defaults(void *place)
{
    *(struct dir_place *)place = (struct dir_place){ .slash = 1, .redirect = INDEX_UNSET };
}

/* Names of a section replace those around it. */
static void merge_place(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct dir_place *o = over;

    (void)a, (void)base;
    if (o->names_set)
        ((struct dir_place *)merged)->names = o->names;
}

static const char *finish(struct snapshot_build *b)
{
    struct dir_site *main = site_part(b->snapshot->main, &dir_module);

    main->loaded = conf_module_present(b->snapshot->reading, "dir_module");
    main->lists = conf_module_present(b->snapshot->reading, "autoindex_module");
    return NULL;
}

#define PLACE(kind, field) PLACE_SLOT(kind, struct dir_place, field)

static const struct directive rows[] = {
    { "DirectoryCheckHandler", OR_INDEXES, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, check_handler), "On or Off" },
    { "DirectoryIndex", OR_INDEXES, ARGS_RAW, set_index, PLACE(SLOT_CUSTOM, names), "a list of file names" },
    { "DirectoryIndexRedirect", OR_INDEXES, ARGS_1, set_redirect, PLACE(SLOT_CUSTOM, redirect),
      "On, Off, or a 3xx status code." },
    { "DirectorySlash", OR_INDEXES, ARGS_FLAG, NULL, PLACE(SLOT_FLAG, slash), "On or Off" },
    { "FallbackResource", OR_INDEXES, ARGS_1, NULL, PLACE(SLOT_STRING, fallback), "Set a default handler" },
    { 0 },
};

struct module dir_module = {
    .name = "dir_module",
    .source = "mod_dir.c",
    .directives = rows,
    .site_size = sizeof(struct dir_site),
    .place_size = sizeof(struct dir_place),
    .place_defaults = set_place_defaults,
    .merge_place = merge_place,
    .finish = finish,
};
