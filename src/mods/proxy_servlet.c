/* ProxyPass … mapping=servlet: a path as servlet containers read it, parameters of segments left out (mod_proxy.c,
 * alias_match_servlet). What they would take for "..", as in "/..;x/", is no way around the line's own path. */
#include "proxy.h"

struct segment {
    size_t begin;      /* in the path as sent */
    size_t parameters; /* where its ";" is; 0 none */
    size_t kept;       /* its begin in the path without parameters */
};

struct servlet_path {
    const char *sent;
    char *kept;
    size_t n_kept;
    struct segment *segments;
    unsigned n;
    size_t begin; /* of the segment to come, with what is left out before it; 0: where it stands */
};

static bool is_dots(const char *segment, size_t n)
{
    return n && n <= 2 && segment[0] == '.' && segment[n - 1] == '.';
}

/* One segment at `at` and its slash, up to `end`. False: above the root. */
static bool take_segment(struct servlet_path *p, size_t at, size_t end)
{
    const char *segment = p->sent + at;
    size_t n = strcspn(segment, ";/"), whole = strcspn(segment, "/");

    if (is_dots(segment, n)) {
        if (n == 2 && !p->n)
            return false;
        if (n == 2) {
            p->n_kept = p->segments[--p->n].kept;
            p->begin = 0;
        }
        return true;
    }
    if (n) {
        size_t begin = p->begin ? p->begin + strspn(p->sent + p->begin, "/") : at;
        p->segments[p->n++] = (struct segment){ begin, n < whole ? at + n : 0, p->n_kept };
        memcpy(p->kept + p->n_kept, segment, n);
        p->n_kept += n;
        if (end > at + whole)
            p->kept[p->n_kept++] = '/';
        p->begin = end;
    }
    return true;
}

static unsigned count_segments(const char *path)
{
    unsigned n = 0;

    for (const char *c = path; *c; c++)
        n += *c == '/' && c[1] && c[1] != '/';
    return n;
}

static bool read_path(struct arena *a, struct servlet_path *p)
{
    p->kept = arena_alloc(a, strlen(p->sent) + 1);
    p->kept[p->n_kept++] = '/';
    p->segments = arena_alloc(a, count_segments(p->sent) * sizeof(*p->segments));
    p->begin = 1;
    for (size_t at = 1, end; p->sent[at]; at = end) {
        end = at + strcspn(p->sent + at, "/");
        end += p->sent[end] == '/';
        if (!take_segment(p, at, end))
            return false;
    }
    p->kept[p->n_kept] = '\0';
    return true;
}

size_t proxy_servlet_match(struct arena *a, const char **uri, const char *alias)
{
    struct servlet_path p = { .sent = *uri };
    unsigned depth = count_segments(alias);
    size_t n = strlen(alias), at = strlen(*uri);
    bool slash = n && alias[n - 1] == '/';

    if (*alias != '/' || !read_path(a, &p) || !proxy_alias_match(p.kept, alias))
        return 0;
    if (depth < p.n)
        at = !slash && depth && p.segments[depth - 1].parameters ? p.segments[depth - 1].parameters
                                                                 : p.segments[depth].begin;
    if (!slash && p.sent[at - 1] == '/')
        at--;
    *uri = p.kept;
    return at;
}
