/* Where rewriting leads: to a backend, a redirect, a file, another path (mod_rewrite.c: hook_uri2file, hook_fixup,
 * hook_mimetype). In a server the result is final and nothing else translates the path; in a directory the request has
 * been mapped already, and another path means that it begins again. */
#include "core.h"
#include "proxy.h"
#include "rewrite.h"

#include <sys/stat.h>

/* ---- what both do
 * -------------------------------------------------------------------------------------------------------- */

static bool is_clean(struct span s) /* ap_scan_vchar_obstext */
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_same(struct span a, struct span b)
{
    return a.p && b.p && span_eq(a, b);
}

/* A query goes out as it is unless it is escaped with the rest of a redirect. */
static int check_query(struct rewriting *w, enum rewrite_outcome outcome)
{
    const struct request *r = w->r;
    bool escaped = outcome != REWRITE_DONE_RAW && rewrite_scheme(r->filename, NULL);

    if (!r->args.p || escaped || is_clean(r->args))
        return 0;
    REQUEST_LOG(r, LOG_REWRITE, LEVEL_ERROR, w->directory ? 10411 : 10410,
                "Rewritten query string contains control characters or spaces");
    return 403;
}

static bool is_proxy(const char *filename)
{
    return strncmp(filename, "proxy:", 6) == 0 && filename[6];
}

static int go_to_backend(struct rewriting *w, bool raw)
{
    struct request *r = w->r;
    const char *url = r->filename + strlen("proxy:");
    bool encoded = r->proxy && r->proxy->encoded;

    if (!rewrite_site_of(r->site)->proxy_loaded) {
        REQUEST_LOG(r, LOG_REWRITE, LEVEL_ERROR, w->directory ? 10160 : 669,
                    "attempt to make remote request from mod_rewrite without proxy enabled: %s", r->filename);
        return 403;
    }
    if (raw && r->args.p)
        url = arena_concat(r->arena, url, "?", arena_span(r->arena, r->args), NULL);
    REWRITE_LOG(w, 1, "go-ahead with proxy request proxy:%s [OK]", url);
    r->filename = NULL;
    proxy_accept(r, url, raw);
    r->proxy->encoded = encoded;
    return 0;
}

/* [F], [G], [R=404]: of an error's page as well it is what is told. */
static int refuse(struct rewriting *w)
{
    w->r->errs_anew = true;
    return w->status;
}

static int redirect(struct rewriting *w, bool raw, struct span old_args)
{
    struct request *r = w->r;
    bool as_is = raw || is_same(r->args, old_args);
    const char *url = r->filename, *args;
    int status = w->redirect ? w->redirect : 302;

    if (!raw) {
        REWRITE_LOG(w, 1, "escaping %s for redirect", url);
        url = rewrite_escape_url(r->arena, url, rewrite_scheme(url, NULL));
    }
    if (r->args.p) {
        args = as_is ? arena_span(r->arena, r->args) : http_escape_path(r->arena, r->args);
        url = arena_concat(r->arena, url, "?", args, NULL);
        REWRITE_LOG(w, 1, "%s %.*s to query string for redirect %s", as_is ? "copying" : "escaping", (int)r->args.n,
                    r->args.p, as_is ? "" : args);
    }
    http_fields_set(r->arena, &r->out, "Location", span_of(url));
    r->errs_anew = true;
    REWRITE_LOG(w, 1, "redirect to %s [REDIRECT/%d]", url, status);
    return status;
}

/* ---- the server's rules
 * ------------------------------------------------------------------------------------------------ */

/* SCRIPT_URL, SCRIPT_URI: the request's own path and URL, whatever becomes of it. */
static void set_script_variables(struct request *r)
{
    const char *first = request_env(r, r->main || r->looked_from ? "SCRIPT_URL" : "REDIRECT_SCRIPT_URL");
    const char *url = first ? first : r->uri;

    request_set_env(r, "SCRIPT_URL", url);
    request_set_env(r, "SCRIPT_URI", request_url(r, url));
}

static bool begins(struct rewriting *w, const char *text, const char *with)
{
    bool found = with && strncmp(text, with, strlen(with)) == 0;

    REWRITE_LOG(w, 5, "prefix_stat startsWith(%s, %s) %d", text, with ? with : "", found);
    return found;
}

/* Is the path one of the file system? Only if its first part is there, and the rule itself or the root names it. */
static bool is_file_path(struct rewriting *w, const char *path)
{
    const char *root = core_site_of(w->r->site)->document_root, *first = path + strspn(path, "/");
    struct stat st;

    first = arena_strndup(w->arena, first, strcspn(first, "/"));
    if (strcmp(first, "..") == 0)
        return false;
    first = arena_concat(w->arena, "/", strcmp(first, ".") ? first : "", NULL);
    if (stat(first, &st) != 0)
        return false;
    if (!w->last || rewrite_site_of(w->r->site)->options & OPTION_ANY_PREFIX) {
        REWRITE_LOG(w, 3, "prefix_stat no lastsub subst prefix %s", first);
        return true;
    }
    REWRITE_LOG(w, 3, "prefix_stat compare statpath %s and lastsub output %s STATOK %d ", first, w->last->output,
                (int)(w->last->flags & RULE_ANY_PREFIX));
    return w->last->flags & RULE_ANY_PREFIX || begins(w, w->last->output, first) || begins(w, path, root);
}

static int put_below_root(struct rewriting *w)
{
    struct request *r = w->r;
    const char *uri = r->uri;
    int status;

    r->uri = r->filename;
    r->filename = NULL;
    status = files_translate(r);
    if (status)
        REWRITE_LOG(w, 1, "prefixing with document_root of %s FAILED", r->uri);
    r->uri = uri;
    return status;
}

static int go_to_file(struct rewriting *w)
{
    struct request *r = w->r;
    int status;

    REWRITE_LOG(w, 2, "local path result: %s", r->filename);
    if (*r->filename != '/')
        return 400;
    if (w->reduced || !is_file_path(w, r->filename)) {
        status = put_below_root(w);
        if (status)
            return status;
        REWRITE_LOG(w, 2, "prefixed with document_root to %s", r->filename);
    }
    REWRITE_LOG(w, 1, "go-ahead with %s [OK]", r->filename);
    return 0;
}

/* [PT]: the next translation has the path. What is none, of [P] or [R] beside it, nobody takes. */
static int pass(struct rewriting *w)
{
    struct request *r = w->r;

    r->uri = r->filename;
    r->filename = NULL;
    if (*r->uri == '/')
        return 0;
    REQUEST_LOG(r, LOG_CORE, LEVEL_ERROR, 126, "Invalid URI in request '%s' '%s'",
                http_escape_log(r->arena, span_of(r->uri)), http_escape_log(r->arena, r->head.line));
    return 400;
}

static int go(struct rewriting *w, enum rewrite_outcome outcome, struct span old_args)
{
    struct request *r = w->r;
    bool raw = outcome == REWRITE_DONE_RAW;
    int status = check_query(w, outcome);

    if (status)
        return status;
    if (is_proxy(r->filename) && !w->passes)
        return go_to_backend(w, raw);
    r->proxy = NULL; /* of an encoded path */
    if (w->passes)
        return pass(w);
    if (rewrite_scheme(r->filename, NULL))
        return redirect(w, raw, old_args);
    return go_to_file(w);
}

static bool is_wanted(struct rewriting *w)
{
    const struct request *r = w->r;

    if (r->rewrite_ended) {
        REWRITE_LOG(w, 8, "Declining, no further rewriting due to END flag");
        return false;
    }
    if (r->uri[0] == '/' || rewrite_place_of(r->place)->options & OPTION_ANY_URI)
        return true;
    REWRITE_LOG(w, 8,
                "Declining, request-URI '%s' is not a URL-path. Consult the manual entry for the RewriteOptions "
                "directive for options and caveats about matching other strings.",
                r->uri);
    return false;
}

static int translate(struct request *r)
{
    struct rewriting w = { .r = r, .arena = r->arena };
    struct span old_args = r->args;
    enum rewrite_outcome outcome;

    w.traces = log_wants(request_log(r), LOG_REWRITE, LEVEL_TRACE1);
    if (!is_wanted(&w))
        return 0;
    set_script_variables(r);
    r->filename = r->proxy ? request_filename(r) : r->uri;
    if (r->proxy)
        REWRITE_LOG(&w, 2, "init rewrite engine with passed filename %s. Original uri = %s", r->filename, r->uri);
    else
        REWRITE_LOG(&w, 2, "init rewrite engine with requested uri %s", r->filename);
    outcome = rewrite_apply(&w, &rewrite_site_of(r->site)->list.rules);
    if (outcome == REWRITE_NOTHING) {
        REWRITE_LOG(&w, 1, "pass through %s", r->filename);
        r->filename = NULL;
    }
    if (outcome == REWRITE_NOTHING)
        return 0;
    return outcome == REWRITE_STATUS ? refuse(&w) : go(&w, outcome, old_args);
}

int rewrite_translate(struct request *r)
{
    bool enabled = rewrite_place_of(r->place)->enabled && rewrite_site_of(r->site)->owner == r->site;

    return enabled ? translate(r) : 0;
}

/* ---- a directory's rules
 * ------------------------------------------------------------------------------------------------- */

/* Without its slash the directory itself is mod_dir's to redirect. */
static bool is_directory_itself(const struct request *r, const struct rewrite_place *place)
{
    size_t n = strlen(place->directory) - 1;
    const char *file = request_filename(r);

    return !r->proxy && !(place->options & OPTION_NO_SLASH) && file && strlen(file) == n &&
           strncmp(file, place->directory, n) == 0;
}

/* A path below the directory, in a URL: it is known outside by RewriteBase. */
static void replace_directory(struct rewriting *w)
{
    const struct rewrite_place *place = rewrite_place_of(w->r->place);
    struct request *r = w->r;
    const char *path = strchr(r->filename + rewrite_scheme(r->filename, NULL), '/'), *other;

    if (!place->base || !path || !*++path)
        return;
    REWRITE_LOG(w, 2, "trying to replace prefix %s with %s", place->directory, place->base);
    other = rewrite_replace_prefix(w, path, place->directory + (*place->directory == '/'), place->base + 1);
    if (strcmp(other, path) != 0)
        r->filename =
            arena_concat(r->arena, arena_strndup(r->arena, r->filename, (size_t)(path - r->filename)), other, NULL);
}

static const char *without_root(struct rewriting *w, const char *path)
{
    const char *root = core_site_of(w->r->site)->document_root;
    size_t n = root ? strlen(root) : 0;

    n -= n && root[n - 1] == '/';
    if (!root || strncmp(path, root, n) != 0 || path[n] != '/')
        return path;
    REWRITE_LOG(w, 2, "strip document_root prefix: %s -> %s", path, path + n);
    return path + n;
}

/* Alias: what the file system calls CONTEXT_DOCUMENT_ROOT is CONTEXT_PREFIX outside. */
static const char *with_context(struct rewriting *w, const char *path)
{
    struct span root = vars_find("CONTEXT_DOCUMENT_ROOT")(w->r, "CONTEXT_DOCUMENT_ROOT");
    struct span prefix = vars_find("CONTEXT_PREFIX")(w->r, "CONTEXT_PREFIX");

    if (!root.p || !prefix.p || rewrite_place_of(w->r->place)->options & OPTION_IGNORE_CONTEXT)
        return path;
    REWRITE_LOG(w, 2, "trying to replace context docroot %.*s with context prefix %.*s", (int)root.n, root.p,
                (int)prefix.n, prefix.p);
    return rewrite_replace_prefix(w, path, arena_span(w->r->arena, root), arena_span(w->r->arena, prefix));
}

static int begin_again(struct rewriting *w, const char *old_name)
{
    const struct rewrite_place *place = rewrite_place_of(w->r->place);
    struct request *r = w->r;
    const char *path = r->filename, *mapped;

    r->filename = old_name;
    if (*path != '/')
        return 400;
    if (old_name && strcmp(path, old_name) == 0) {
        REWRITE_LOG(w, 1, "initial URL equal rewritten URL: %s [IGNORING REWRITE]", path);
        return 0;
    }
    if (place->base) {
        REWRITE_LOG(w, 2, "trying to replace prefix %s with %s", place->directory, place->base);
        mapped = rewrite_replace_prefix(w, path, place->directory, place->base);
    } else {
        mapped = without_root(w, path);
    }
    if (mapped == path)
        mapped = with_context(w, path);
    REWRITE_LOG(w, 1, "internal redirect with %s [INTERNAL REDIRECT]", mapped);
    r->keeps_vary = true;
    r->redirect =
        arena_concat(r->arena, mapped, r->args.p ? "?" : "", r->args.p ? arena_span(r->arena, r->args) : "", NULL);
    return 0;
}

static int go_on(struct rewriting *w, enum rewrite_outcome outcome, const char *old_name, struct span old_args)
{
    struct request *r = w->r;
    bool raw = outcome == REWRITE_DONE_RAW;
    int status = check_query(w, outcome);

    if (status)
        return status;
    if (is_proxy(r->filename) && !w->passes)
        return go_to_backend(w, raw);
    if (!w->passes && rewrite_scheme(r->filename, NULL)) {
        replace_directory(w);
        return redirect(w, raw, old_args);
    }
    return begin_again(w, old_name);
}

/* A rule reaches as far as a link would. */
static bool may_rewrite(const struct request *r)
{
    if (core_place_of(r->place)->options.bits & (OPTION_FOLLOW | OPTION_OWNER))
        return true;
    REQUEST_LOG(r, LOG_REWRITE, LEVEL_ERROR, 670,
                "Options FollowSymLinks and SymLinksIfOwnerMatch are both off, so the RewriteRule directive is also "
                "forbidden due to its similar ability to circumvent directory restrictions : %s",
                request_filename(r));
    return false;
}

static int rewrite_in(struct request *r, const struct rewrite_place *place)
{
    struct rewriting w = { .r = r, .arena = r->arena, .directory = place->directory, .proxied = r->proxy != NULL };
    const char *old_name = r->filename;
    struct span old_args = r->args;
    enum rewrite_outcome outcome;

    w.traces = log_wants(request_log(r), LOG_REWRITE, LEVEL_TRACE1);
    if (r->rewrite_ended) {
        REWRITE_LOG(&w, 8, "Declining, no further rewriting due to END flag");
        return 0;
    }
    if (!may_rewrite(r))
        return 403;
    r->filename = request_filename(r);
    outcome = rewrite_apply(&w, &place->list.rules);
    if (outcome == REWRITE_NOTHING) {
        REWRITE_LOG(&w, 1, "pass through %s", r->filename);
        r->filename = old_name;
        return 0;
    }
    if (outcome == REWRITE_STATUS) {
        r->filename = old_name;
        return refuse(&w);
    }
    return go_on(&w, outcome, old_name, old_args);
}

int rewrite_place(struct request *r)
{
    const struct rewrite_place *place = rewrite_place_of(r->place);

    return place->enabled && place->directory && !is_directory_itself(r, place) ? rewrite_in(r, place) : 0;
}

/* ---- [T=], [H=]
 * ------------------------------------------------------------------------------------------------------------ */

void rewrite_kind(struct request *r)
{
    struct rewriting w = { .r = r, .arena = r->arena, .traces = true };

    if (r->forced_type) {
        REWRITE_LOG(&w, 1, "force filename %s to have MIME-type '%s'", request_filename(r), r->forced_type);
        r->content_type = r->forced_type;
    }
    if (r->forced_handler) {
        REWRITE_LOG(&w, 1, "force filename %s to have the Content-handler '%s'", request_filename(r),
                    r->forced_handler);
        r->handler = r->forced_handler;
    }
}
