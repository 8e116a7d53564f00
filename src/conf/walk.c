/* Which sections apply to a name (request.c, ap_location_walk, ap_directory_walk, ap_file_walk; mod_proxy.c,
 * proxy_walk). */
#include "build.h"

void walk_add(struct arena *a, struct walk *w, const struct section *s)
{
    unsigned fixed = COUNT_OF(w->sections);
    if (w->n < fixed) {
        w->sections[w->n++] = s;
        return;
    }
    if (w->n - fixed == w->cap) {
        unsigned cap = w->cap ? w->cap * 2 : fixed;
        const struct section **more = arena_alloc(a, cap * sizeof(struct section *));
        if (w->cap)
            memcpy(more, w->more, w->cap * sizeof(struct section *));
        w->more = more;
        w->cap = cap;
    }
    w->more[w->n++ - fixed] = s;
}

static bool starts_with(struct span text, const struct section *s)
{
    return text.n >= s->length && memcmp(text.p, s->pattern, s->length) == 0;
}

/* "/app" is for /app and /app/x, not for /apple. */
static bool location_matches(const struct section *s, struct span path)
{
    if (s->wildcard)
        return glob_match(s->pattern, path, GLOB_PATHNAME);
    if (!starts_with(path, s))
        return false;
    bool whole = s->length == 0 || s->pattern[s->length - 1] == '/';
    return whole || path.n == s->length || path.p[s->length] == '/';
}

/* A wildcard section is for the directory of as many segments as it has itself, and all below. */
static bool directory_matches(const struct section *s, struct span file)
{
    if (!s->wildcard)
        return starts_with(file, s);
    size_t want = 0, n = 0;
    for (const char *p = s->pattern; *p; p++)
        want += *p == '/';
    while (n < file.n && want)
        want -= file.p[n++] == '/';
    return want == 0 && glob_match(s->pattern, (struct span){ file.p, n }, GLOB_PATHNAME);
}

static struct span base_name(struct span file)
{
    const char *slash = file.n ? memrchr(file.p, '/', file.n) : NULL;
    if (!slash)
        return file;
    size_t skip = (size_t)(slash - file.p) + 1;
    return (struct span){ file.p + skip, file.n - skip };
}

static bool files_match(const struct section *s, struct span name)
{
    if (s->wildcard)
        return glob_match(s->pattern, name, GLOB_PATHNAME);
    return span_eq(name, (struct span){ s->pattern, s->length });
}

static bool proxy_matches(const struct section *s, struct span url)
{
    return s->wildcard ? glob_match(s->pattern, url, 0) : starts_with(url, s);
}

bool section_matches(const struct section *s, struct span text, struct regex_match *m)
{
    ASSERT(s->kind != SECTION_IF && s->kind != SECTION_SITE);
    if (s->kind == SECTION_FILES)
        text = base_name(text);
    if (m)
        m->n = 0;
    if (s->regex)
        return regex_search(s->regex, text, m) == REGEX_YES;
    switch (s->kind) {
    case SECTION_DIRECTORY: return directory_matches(s, text);
    case SECTION_FILES: return files_match(s, text);
    case SECTION_PROXY: return proxy_matches(s, text);
    default: return location_matches(s, text);
    }
}
