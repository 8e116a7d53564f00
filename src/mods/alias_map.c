/* Alias and Redirect on a request: httpd's mod_alias.c (translate_alias_redir, fixup_redir). */
#include "alias.h"
#include "core.h"
#include "proxy.h"

#define FAILED (-1) /* said in the log: 500 */

/* ---- where a Redirect leads ---- */

/* The path escaped, what begins with "?" or "#" as it is; a port that goes without saying is dropped, as in
 * apr_uri_unparse. */
static const char *tidy_target(struct request *r, const char *target)
{
    size_t n = strcspn(target, "?#");
    struct span path = { target, n };
    struct http_url u;
    const char *port = "";

    if (!http_parse_url(path, &u))
        return arena_concat(r->arena, http_escape_path(r->arena, path), target + n, NULL);
    if (u.port && u.port != http_default_port(u.scheme))
        port = arena_printf(r->arena, ":%d", u.port);
    path = span_of(arena_concat(r->arena, arena_span(r->arena, u.scheme), "://", arena_span(r->arena, u.user),
                                u.user.p ? "@" : "", memchr(u.host.p, ':', u.host.n) ? "[" : "",
                                arena_span(r->arena, u.host), memchr(u.host.p, ':', u.host.n) ? "]" : "", port,
                                arena_span(r->arena, u.path), NULL));
    return arena_concat(r->arena, http_escape_path(r->arena, path), target + n, NULL);
}

static const char *evaluate(struct request *r, const struct expr *e, int ah, const char *what)
{
    const char *error = NULL;
    struct span text = vars_text(r, e, &error);

    if (text.p)
        return arena_span(r->arena, text);
    REQUEST_LOG(r, LOG_ALIAS, LEVEL_ERROR, ah, "Can't evaluate %s expression: %s", what, error ? error : "");
    return NULL;
}

static const char *substitute(struct request *r, const struct alias *alias, const struct regex_match *m)
{
    const char *found = regex_substitute(r->arena, alias->real, m);

    if (!found)
        REQUEST_LOG(r, LOG_ALIAS, LEVEL_ERROR, 672, "Regex substitution in '%s' failed. Replacement too long?",
                    alias->real);
    return found;
}

/* A status, 0 when the list says nothing, FAILED. */
static int try_list(struct request *r, const struct vec *list, const char **target)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct alias *a = list->items[i];
        struct regex_match m;
        size_t n;

        *target = "";
        if (a->regex && regex_search(a->regex, span_of(r->uri), &m) == REGEX_YES) {
            const char *found = a->real ? substitute(r, a, &m) : "";
            *target = found && a->real ? tidy_target(r, found) : "";
            return found ? a->status : FAILED;
        }
        if (!a->regex && (n = proxy_alias_match(r->uri, a->fake))) {
            r->context_prefix = a->fake, r->context_root = a->real;
            if (a->real)
                *target = arena_concat(r->arena, a->real, http_escape_path(r->arena, span_of(r->uri + n)), NULL);
            return a->status;
        }
    }
    return 0;
}

static int try_place(struct request *r, const struct alias_place *place, const char **target)
{
    if (!place->redirect_status)
        return 0;
    *target = "";
    if (place->redirect) {
        const char *text = evaluate(r, place->redirect, 2826, "redirect");
        if (!text)
            return FAILED;
        *target = tidy_target(r, text);
    }
    return place->redirect_status;
}

/* Location as a whole URL, with the request's own query unless the target has one. 0, or 500. */
static int set_location(struct request *r, const char *target, bool fixup)
{
    const struct alias_place *place = place_part(r->place, &alias_module);

    if (*target == '/' && !place->relative) {
        const char *whole = request_url(r, target);
        REQUEST_LOG(r, LOG_ALIAS, LEVEL_DEBUG, fixup ? 675 : 673,
                    "incomplete redirection target of '%s' for URI '%s' modified to '%s'", target, r->uri, whole);
        target = whole;
    }
    if (*target != '/' && !core_is_url(target)) {
        REQUEST_LOG(r, LOG_ALIAS, LEVEL_ERROR, fixup ? 676 : 674,
                    "cannot redirect '%s' to '%s'; target is not a valid absoluteURI or abs_path", r->uri, target);
        return 500;
    }
    if (r->args.p && !strchr(target, '?'))
        target = arena_concat(r->arena, target, "?", arena_span(r->arena, r->args), NULL);
    http_fields_set(r->arena, &r->out, "Location", span_of(target));
    return 0;
}

static int redirect(struct request *r, const struct vec *list, bool fixup)
{
    const char *target = "";
    int status = try_place(r, place_part(r->place, &alias_module), &target);

    if (!status)
        status = try_list(r, list, &target);
    if (status == FAILED)
        return 500;
    if (core_is_redirect(status) && set_location(r, target, fixup) != 0)
        return 500;
    return status;
}

/* ---- what an Alias maps to ---- */

/* A part of the path that a pattern took may begin with dots: with what the file says before it they would lead up. */
static int set_filename(struct request *r, const char *found, bool written)
{
    if (!written && files_climb(found)) {
        REQUEST_LOG(r, LOG_ALIAS, LEVEL_ERROR, 10297, "Cannot map %s to file", http_escape_log(r->arena, r->head.line));
        return 403;
    }
    r->filename = conf_path(r->arena, core_site_of(r->snapshot->main)->server_root, found);
    return 0;
}

static int map_place(struct request *r, const struct alias_place *place)
{
    const char *found = evaluate(r, place->alias, 2825, "alias");
    size_t n = found && place->alias_fake && place->preserve_path ? proxy_alias_match(r->uri, place->alias_fake) : 0;

    if (!found)
        return 500;
    if (n) {
        r->context_prefix = place->alias_fake, r->context_root = found;
        found = arena_concat(r->arena, found, r->uri + n, NULL);
    }
    return set_filename(r, found, false);
}

/* Once it is taken: what answers its files sees that they are to be run, and does not send them. */
static void take(struct request *r, const struct alias *a)
{
    if (a->script)
        r->forced_handler = CGI_HANDLER;
    if (!a->regex)
        r->context_prefix = a->fake, r->context_root = a->real;
}

static int map_list(struct request *r, const struct vec *list)
{
    for (unsigned i = 0; i < list->n; i++) {
        const struct alias *a = list->items[i];
        struct regex_match m;
        size_t n;

        if (a->regex && regex_search(a->regex, span_of(r->uri), &m) == REGEX_YES) {
            const char *found = substitute(r, a, &m);
            take(r, a);
            return found ? set_filename(r, found, files_climb(a->real)) : 500;
        }
        if (!a->regex && (n = proxy_alias_match(r->uri, a->fake))) {
            take(r, a);
            return set_filename(r, arena_concat(r->arena, a->real, r->uri + n, NULL), true);
        }
    }
    return 0;
}

int alias_translate(struct request *r)
{
    const struct alias_site *site = site_part(r->site, &alias_module);
    const struct alias_place *place = place_part(r->place, &alias_module);
    int status;

    CHECK_MAGIC(r, REQUEST_MAGIC);
    status = redirect(r, &site->redirects, false);
    if (status)
        return status;
    return place->alias ? map_place(r, place) : map_list(r, &site->aliases);
}

int alias_fixup(struct request *r)
{
    const struct alias_place *place = place_part(r->place, &alias_module);

    CHECK_MAGIC(r, REQUEST_MAGIC);
    return redirect(r, &place->redirects, true);
}
