/* Include and IncludeOptional: files, directories with all below them, wildcards in any part of the path (core.c,
 * include_config; util.c, ap_dir_fnmatch). */
#include "build.h"
#include "reader.h"

#include <errno.h>

#define DEPTH_MAX 128 /* AP_MAX_INCLUDE_DEPTH and AP_MAX_FNMATCH_DIR_DEPTH */
#define PREFIX    "Include/IncludeOptional: "

struct visit {
    struct reader *reader;
    bool optional;
    int line; /* of the Include */
    unsigned depth;
};

static bool visit_path(struct visit *v, const char *path);

static bool visit_directory(struct visit *v, const char *path)
{
    struct vec entries = { 0 };
    if (++v->depth > DEPTH_MAX)
        return reader_fault(v->reader,
                            PREFIX "Directory '%s' exceeds the maximum include directory nesting level of %u. You "
                                   "have probably a recursion somewhere.",
                            path, DEPTH_MAX);
    const char *why = files_list(v->reader, path, NULL, false, &entries);
    if (why)
        return reader_fault(v->reader, PREFIX "Could not open directory %s: %s", path, why);
    for (unsigned i = 0; i < entries.n; i++)
        if (!visit_path(v, entries.items[i]))
            return false;
    v->depth--;
    return true;
}

static bool visit_path(struct visit *v, const char *path)
{
    enum file_kind kind = files_kind(v->reader, path);
    if (kind == FILE_DIRECTORY)
        return visit_directory(v, path);
    if (kind == FILE_NONE && v->optional)
        return true;
    return reader_file(v->reader, path, v->line);
}

/* rest: what of the pattern is still to be found below path; one component a call. */
static bool visit_pattern(struct visit *v, const char *path, const char *rest)
{
    struct reader *r = v->reader;
    struct vec found = { 0 };
    size_t n = strcspn(rest, "/");
    const char *name = arena_strndup(r->arena, rest, n);
    const char *after = rest[n] ? rest + n + 1 : NULL;
    if (!glob_has_wildcard(name)) {
        path = arena_concat(r->arena, path, path[strlen(path) - 1] == '/' ? "" : "/", name, NULL);
        return after ? visit_pattern(v, path, after) : visit_path(v, path);
    }
    const char *why = files_list(r, path, name, after != NULL, &found);
    if (why && v->optional && errno == ENOENT)
        return true;
    if (why)
        return reader_fault(r, PREFIX "Could not open directory %s: %s", path, why);
    if (found.n == 0 && !v->optional)
        return reader_fault(r, PREFIX "No matches for the wildcard '%s' in '%s', failing", name, path);
    for (unsigned i = 0; i < found.n; i++)
        if (after ? !visit_pattern(v, found.items[i], after) : !visit_path(v, found.items[i]))
            return false;
    return true;
}

static bool include(struct reader *r, const char *name, bool optional)
{
    struct visit v = { .reader = r, .optional = optional, .line = r->source->line };
    if (++r->include_depth > DEPTH_MAX)
        return reader_fault(r, "Exceeded maximum include depth of %u, There appears to be a recursion.", DEPTH_MAX);
    const char *path = conf_path(r->arena, r->out->root, name);
    if (!path)
        return reader_fault(r, "Invalid Include path %s", name);
    bool ok = glob_has_wildcard(path) ? visit_pattern(&v, "/", path + 1) : visit_path(&v, path);
    r->include_depth--;
    return ok;
}

bool include_files(struct reader *r, const struct word *w, char **argv)
{
    (void)w;
    return include(r, argv[0], false);
}

bool include_optional(struct reader *r, const struct word *w, char **argv)
{
    (void)w;
    return include(r, argv[0], true);
}
