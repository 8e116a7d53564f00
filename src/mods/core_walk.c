/* Which sections a request falls under, in httpd's order (request.c: ap_process_request_internal, ap_directory_walk,
 * ap_file_walk, ap_location_walk, ap_if_walk; mod_proxy.c: proxy_walk, which stands where <Directory> stands). */
#include "core.h"
#include "proxying.h"

#include <ctype.h>

/* Named groups of …Match sections become variables: (?<room>…) is MATCH_ROOM. */
static void set_captures(struct request *r, const struct section *s, const struct regex_match *m)
{
    const char *name;
    unsigned group;

    for (unsigned i = 0; (name = regex_name(s->regex, i, &group)); i++) {
        char *variable;
        if (group >= m->n || !m->group[group].p)
            continue;
        variable = arena_concat(r->arena, "MATCH_", name, NULL);
        for (char *p = variable; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        request_set_env(r, variable, arena_span(r->arena, m->group[group]));
    }
}

static bool matches(struct request *r, const struct section *s, struct span text)
{
    struct regex_match m = { 0 };

    if (!section_matches(s, text, &m))
        return false;
    if (s->regex)
        set_captures(r, s, &m);
    return true;
}

static void walk_list(struct request *r, struct walk *w, const struct vec *sections, struct span text)
{
    for (unsigned i = 0; i < sections->n; i++)
        if (matches(r, sections->items[i], text))
            walk_add(r->arena, w, sections->items[i]);
}

/* Plain <Location> paths see one slash where MergeSlashes Off leaves several; patterns see what is there. */
static struct span merged_path(struct request *r)
{
    char *out = arena_strdup(r->arena, r->uri);
    size_t n = 0;

    for (const char *p = out; *p; p++)
        if (*p != '/' || n == 0 || out[n - 1] != '/')
            out[n++] = *p;
    return (struct span){ out, n };
}

static void walk_locations(struct request *r, struct walk *w)
{
    const struct vec *locations = &r->site->locations;
    struct span uri = span_of(r->uri);
    struct span path = core_site_of(r->site)->merge_slashes || !locations->n ? uri : merged_path(r);

    for (unsigned i = 0; i < locations->n; i++) {
        const struct section *s = locations->items[i];
        if (matches(r, s, s->regex ? uri : path))
            walk_add(r->arena, w, s);
    }
}

/* <Files> of the server, then those inside each <Directory> that applies. */
static void walk_files(struct request *r, struct walk *w, struct span file)
{
    unsigned directories = w->n;

    walk_list(r, w, &r->site->files, file);
    for (unsigned i = 0; i < directories; i++) {
        const struct vec *inner = &walk_at(w, i)->inner;
        for (unsigned k = 0; k < inner->n; k++) {
            const struct section *s = inner->items[k];
            if (s->kind == SECTION_FILES && matches(r, s, file))
                walk_add(r->arena, w, s);
        }
    }
}

static unsigned depth_of(const struct section *s)
{
    unsigned n = 0;

    for (const char *p = s->pattern; *p; p++)
        n += *p == '/';
    return n;
}

/* A .htaccess comes after the sections of its directory and before those of the ones within. */
static void walk_locals(struct request *r, struct walk *w, unsigned *next, const struct section *before)
{
    for (; *next < r->locals.n; (*next)++) {
        const struct section *local = r->locals.items[*next];
        if (before && !before->regex && depth_of(before) <= depth_of(local))
            return;
        walk_add(r->arena, w, local);
    }
}

/* httpd keeps the walk of a directory or file, and takes it again for a file beside it that it leads to. */
static const struct request *first_beside(const struct request *r)
{
    size_t n = request_directory_length(r->filename);
    const struct request *before = r;

    while (before && request_directory_length(before->filename) == n && memcmp(before->filename, r->filename, n) == 0) {
        r = before;
        before = request_before(r);
    }
    return r;
}

/* With the slash at its end that a directory's section has. A file that is there is matched as well, so that
 * <Directory "/srv/x*"> is for the files of /srv too. */
static struct span directory_text(const struct request *r)
{
    struct span file = span_of(r->filename);
    bool whole =
        r->file.kind == RESOURCE_DIRECTORY || (r->file.kind == RESOURCE_FILE && !(r->path_info && *r->path_info));

    return whole && file.p[file.n - 1] != '/' ? span_of(arena_concat(r->arena, r->filename, "/", NULL)) : file;
}

/* A pattern sees the name as it was asked for. */
static void walk_directories(struct request *r, struct walk *w)
{
    const struct vec *all = &r->site->directories;
    const struct request *asked = first_beside(r);
    struct span file = span_of(asked->filename), directory = directory_text(asked);
    unsigned local = 0;

    for (unsigned i = 0; i < all->n; i++) {
        const struct section *s = all->items[i];
        if (!matches(r, s, s->regex ? file : directory))
            continue;
        walk_locals(r, w, &local, s);
        walk_add(r->arena, w, s);
    }
    walk_locals(r, w, &local, NULL);
}

static void walk_target(struct request *r, struct walk *w)
{
    if (r->proxy) {
        struct span url = span_of(r->proxy->url);
        const char *query = memchr(url.p, '?', url.n);
        if (query) /* httpd adds the query later */
            url.n = (size_t)(query - url.p);
        walk_list(r, w, &r->site->proxies, url);
    } else if (r->filename) {
        unsigned directories;

        walk_directories(r, w);
        directories = w->n;
        r->within = directories != 0;
        walk_files(r, w, span_of(r->filename));
        r->named = w->n != directories;
    }
}

/* ---- <If> ---- */

static bool holds(struct request *r, const struct section *s)
{
    const char *error = NULL;
    int result = vars_true(r, s->condition, NULL, &error);

    if (result < 0)
        REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 39, "Failed to evaluate <If > condition: %s", error ? error : "");
    return result > 0;
}

/* Of each chain <If>, <ElseIf>, <Else> the first that holds. */
static void add_conditions(struct request *r, struct walk *w, const struct vec *sections)
{
    bool taken = false;

    for (unsigned i = 0; i < sections->n; i++) {
        const struct section *s = sections->items[i];
        if (s->kind != SECTION_IF || (s->otherwise_of && taken))
            continue;
        taken = !s->condition || holds(r, s);
        if (taken)
            walk_add(r->arena, w, s);
    }
}

/* Those of the site, of the sections that apply, then those inside the ones that held. */
static void walk_conditions(struct request *r, struct walk *w)
{
    unsigned sections = w->n;

    add_conditions(r, w, &r->site->ifs);
    for (unsigned i = 0; i < sections; i++)
        add_conditions(r, w, &walk_at(w, i)->inner);
    for (unsigned i = sections; i < w->n; i++)
        add_conditions(r, w, &walk_at(w, i)->inner);
}

/* A number for the sections in their order, the same wherever they are found. */
static uint64_t number_of(const struct walk *w)
{
    uint64_t n = w->n;

    for (unsigned i = 0; i < w->n; i++)
        n = (n ^ (uintptr_t)walk_at(w, i)) * 0x9e3779b97f4a7c15u;
    return n;
}

int core_walk(struct request *r, struct place_memo *memo, enum walk_stage stage)
{
    struct walk w;
    unsigned before;

    walk_begin(&w);
    CHECK_MAGIC(r, REQUEST_MAGIC);
    r->named = r->within = false;
    if (stage == WALK_FINAL)
        walk_target(r, &w);
    before = w.n;
    walk_locations(r, &w);
    r->located = w.n != before;
    r->place = place_merge(memo, r->arena, r->site, &w);
    before = w.n;
    walk_conditions(r, &w);
    r->conditional = w.n != before;
    if (r->conditional)
        r->place = place_merge(memo, r->arena, r->site, &w);
    r->sections = number_of(&w);
    return 0;
}
