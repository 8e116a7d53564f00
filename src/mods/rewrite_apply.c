/* A list of rules on a request: what matches, what it is rewritten to, which rule comes next (mod_rewrite.c:
 * apply_rewrite_list, apply_rewrite_rule and what they call). r->filename and r->args are rewritten as it goes. */
#include "core.h"
#include "rewrite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* ---- flags that set something
 * ------------------------------------------------------------------------------------------ */

static void set_variables(struct rewriting *w)
{
    for (unsigned i = 0; i < w->rule->env.n && !w->status; i++) {
        const char *name = rewrite_expand(w, w->rule->env.items[i]), *colon;

        if (*name == '!') {
            request_set_env(w->r, name + 1, NULL);
            REWRITE_LOG(w, 5, "unsetting env variable '%s'", name + 1);
            continue;
        }
        colon = strchrnul(name, ':');
        name = arena_strndup(w->arena, name, (size_t)(colon - name));
        colon += *colon == ':';
        request_set_env(w->r, name, colon);
        REWRITE_LOG(w, 5, "setting env variable '%s' to '%s'", name, colon);
    }
}

/* apr_strtok: empty parts are none. */
static char *next_part(char **rest, char separator)
{
    char *p = *rest, *end;

    while (p && *p == separator)
        p++;
    if (!p || !*p)
        return NULL;
    end = strchrnul(p, separator);
    *rest = *end ? end + 1 : NULL;
    *end = '\0';
    return p;
}

static const char *cookie_date(struct arena *a, int64_t us)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)(us / 1000000);
    struct tm tm;

    if (!gmtime_r(&t, &tm))
        return "";
    return arena_printf(a, "; expires=%.3s, %.2d-%.3s-%.4d %.2d:%.2d:%.2d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
                        months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool says(const char *text, const char *word)
{
    return text && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcasecmp(text, word) == 0);
}

enum {
    COOKIE_NAME,
    COOKIE_VALUE,
    COOKIE_DOMAIN,
    COOKIE_MINUTES,
    COOKIE_PATH,
    COOKIE_SECURE,
    COOKIE_HTTP,
    COOKIE_SITE,
    COOKIE_PARTS
};

static const char *cookie_text(const struct request *r, char *const part[])
{
    long long minutes = part[COOKIE_MINUTES] ? strtoll(part[COOKIE_MINUTES], NULL, 10) : 0;
    const char *site = part[COOKIE_SITE];
    bool limited = minutes && minutes > -100000000 && minutes < 100000000;

    if (site && (strcmp(site, "0") == 0 || strcasecmp(site, "false") == 0))
        site = NULL;
    return arena_concat(
        r->arena, part[COOKIE_NAME], "=", part[COOKIE_VALUE], "; path=", part[COOKIE_PATH] ? part[COOKIE_PATH] : "/",
        "; domain=", part[COOKIE_DOMAIN], limited ? cookie_date(r->arena, r->begun_us + minutes * 60000000) : "",
        says(part[COOKIE_SECURE], "secure") ? "; secure" : "", says(part[COOKIE_HTTP], "HttpOnly") ? "; HttpOnly" : "",
        site ? "; SameSite=" : "", site ? site : "", NULL);
}

static bool is_known(const struct request *r, const char *name)
{
    for (unsigned i = 0; i < r->cookies_set.n; i++)
        if (strcmp(r->cookies_set.items[i], name) == 0)
            return true;
    return false;
}

/* NAME:VALUE:DOMAIN[:…], or with ";" when it begins with one; a name is set once in a request. A look ahead's are the
 * request's own, whatever becomes of it. */
static void set_cookie(struct rewriting *w, char *text)
{
    struct request *r = request_first(w->r);
    char separator = *text == ';' ? ';' : ':', *part[COOKIE_PARTS] = { NULL };
    const char *cookie;

    for (unsigned i = 0; i < COOKIE_PARTS && (part[i] = next_part(&text, separator)); i++)
        ;
    if (!part[COOKIE_DOMAIN])
        return;
    if (is_known(r, part[COOKIE_NAME])) {
        REWRITE_LOG(w, 5, "skipping already set cookie '%s'", part[COOKIE_NAME]);
        return;
    }
    cookie = cookie_text(r, part);
    http_fields_add(r->arena, &r->err_out, SPAN("Set-Cookie"), span_of(cookie));
    vec_add(r->arena, &r->cookies_set, part[COOKIE_NAME]);
    REWRITE_LOG(w, 5, "setting cookie '%s'", cookie);
}

static void set_cookies(struct rewriting *w)
{
    for (unsigned i = 0; i < w->rule->cookies.n && !w->status; i++)
        set_cookie(w, arena_strdup(w->r->arena, rewrite_expand(w, w->rule->cookies.items[i])));
}

/* [T=] and [H=] act once all rewriting is over. */
static void remember(struct rewriting *w, const struct rewrite_text *text, const char **to, const char *what)
{
    char *value;

    if (!text)
        return;
    w->escapes = w->rule->flags & RULE_ESCAPE_GROUPS;
    value = arena_strdup(w->r->arena, rewrite_expand(w, text));
    w->escapes = false;
    if (!*value)
        return;
    for (char *p = value; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    REWRITE_LOG(w, 2, "remember %s to have %s '%s'", w->r->filename, what, value);
    *to = value;
}

static void remember_kind(struct rewriting *w)
{
    remember(w, w->rule->type, &w->r->forced_type, "MIME-type");
    remember(w, w->rule->handler, &w->r->forced_handler, "Content-handler");
}

/* ---- the query
 * ----------------------------------------------------------------------------------------------------------- */

static void take_query(struct rewriting *w, char *query)
{
    struct request *r = w->r;
    const char *old = r->args.p ? arena_span(w->arena, r->args) : "", *args = query;
    size_t n;

    if (w->rule->flags & RULE_ADD_QUERY)
        args = *query ? arena_concat(w->arena, query, "&", old, NULL) : r->args.p ? old : NULL;
    n = args ? strlen(args) : 0;
    n -= n && args[n - 1] == '&';
    r->args = n ? (struct span){ arena_strndup(w->arena, args, n), n } : (struct span){ 0 };
    if (args && *args && !n) /* a lone "&" leaves an empty query */
        r->args.p = "";
}

static void split_query(struct rewriting *w, char *name)
{
    struct request *r = w->r;
    unsigned flags = w->rule->flags, scheme;
    bool takes_query;
    char *query;

    r->filename = name;
    if (flags & RULE_NO_QUERY) {
        REWRITE_LOG(w, 2, "discarding query string, no parse from substitution");
        r->args = (struct span){ 0 };
        return;
    }
    scheme = rewrite_scheme(name, &takes_query);
    if (flags & RULE_DROP_QUERY || (scheme && !takes_query))
        r->args = (struct span){ 0 };
    if (scheme && !takes_query)
        return;
    if (flags & RULE_DROP_QUERY)
        REWRITE_LOG(w, 2, "discarding query string");
    query = flags & RULE_LAST_QUERY ? strrchr(name + scheme, '?') : strchr(name + scheme, '?');
    if (!query)
        return;
    name = w->traces ? arena_strdup(w->arena, name) : name;
    *query = '\0';
    take_query(w, query + 1);
    REWRITE_LOG(w, 3, "split uri=%s -> uri=%s, args=%.*s", name, r->filename, r->args.p ? (int)r->args.n : 6,
                r->args.p ? r->args.p : "<none>");
}

/* ---- one rule
 * ------------------------------------------------------------------------------------------------------------- */

/* What a rule in a directory sees: the path below it. */
static void choose_subject(struct rewriting *w)
{
    struct request *r = w->r;
    size_t n;

    w->uri = r->filename;
    if (!w->directory)
        return;
    if (r->path_info && *r->path_info) {
        REWRITE_LOG(w, 3, "add path info postfix: %s -> %s%s", w->uri, w->uri, r->path_info);
        w->uri = arena_concat(w->arena, w->uri, r->path_info, NULL);
    }
    n = strlen(w->directory);
    if (!w->proxied && strncmp(w->uri, w->directory, n) == 0) {
        REWRITE_LOG(w, 3, "strip per-dir prefix: %s -> %s", w->uri, w->uri + n);
        w->uri += n;
    }
}

static bool pattern_holds(struct rewriting *w)
{
    bool negated = w->rule->flags & RULE_NEGATED;
    enum regex_result found;

    REWRITE_LOG(w, 3, "applying pattern '%s' to uri '%s'", w->rule->pattern, w->uri);
    found = regex_search(w->rule->regex, span_of(w->uri), &w->groups);
    if (found == REGEX_LIMIT)
        rewrite_gave_up(w, w->rule->pattern);
    if (w->status || (found == REGEX_YES) == negated)
        return false;
    if (negated)
        w->groups.n = 0;
    w->cond_groups.n = 0;
    return true;
}

/* The substitution, or NULL: a "?" that the client sent would begin its query. */
static char *substitute(struct rewriting *w)
{
    const char *out;
    bool unsafe;

    w->escapes = w->rule->flags & RULE_ESCAPE_GROUPS;
    out = rewrite_expand_checked(w, w->rule->substitution, &unsafe);
    w->escapes = false;
    REWRITE_LOG(w, 2, "rewrite '%s' -> '%s'", w->uri, out);
    if (!unsafe || w->rule->flags & RULE_ALLOW_QUERY)
        return arena_strdup(w->arena, out);
    REQUEST_LOG(w->r, LOG_REWRITE, LEVEL_ERROR, 10508, "Unsafe URL with %%3f URL rewritten without UnsafeAllow3F");
    w->status = 403;
    return NULL;
}

/* A relative path is one below the directory; in a server it begins at the root, or what a client sent might be taken
 * for a scheme. */
static char *add_prefix(struct rewriting *w, char *name)
{
    if (w->proxied || *name == '/' || rewrite_scheme(name, NULL))
        return name;
    if (w->directory) {
        REWRITE_LOG(w, 3, "add per-dir prefix: %s -> %s%s", name, w->directory, name);
        return arena_concat(w->arena, w->directory, name, NULL);
    }
    if (w->rule->flags & (RULE_PROXY | RULE_REDIRECT))
        return name;
    REWRITE_LOG(w, 3, "add root prefix: %s -> /%s", name, name);
    return arena_concat(w->arena, "/", name, NULL);
}

/* A URL of this very site is a path again. */
static void reduce(struct rewriting *w)
{
    struct request *r = w->r;
    const char *path = rewrite_reduce(r, r->filename);

    if (!path)
        return;
    REWRITE_LOG(w, 3, "reduce %s -> %s", r->filename, path);
    r->filename = path;
    w->reduced |= !(rewrite_site_of(r->site)->options & OPTION_LEGACY_PREFIX);
}

static void merge_slashes(struct rewriting *w)
{
    const char *output = w->rule->output;

    if (w->rule->flags & RULE_KEEP_SLASHES || (output[0] == '/' && output[1] == '/'))
        return;
    while (w->r->filename[0] == '/' && w->r->filename[1] == '/')
        w->r->filename++;
}

/* [P], [R], a URL elsewhere, or a path. */
static void settle(struct rewriting *w, bool prefixed)
{
    struct request *r = w->r;

    if (w->rule->flags & RULE_PROXY) {
        r->filename = rewrite_qualify(r, r->filename);
        REWRITE_LOG(w, 2, "forcing proxy-throughput with %s", r->filename);
        r->filename = arena_concat(w->arena, "proxy:", r->filename, NULL);
        return;
    }
    if (w->rule->flags & RULE_REDIRECT) {
        r->filename = rewrite_qualify(r, r->filename);
        REWRITE_LOG(w, 2, "explicitly forcing redirect with %s", r->filename);
        w->redirect = w->rule->status;
        return;
    }
    reduce(w);
    if (rewrite_scheme(r->filename, NULL)) {
        REWRITE_LOG(w, 2, "implicitly forcing redirect (rc=%d with %s", w->rule->status, r->filename);
        w->redirect = w->rule->status;
        return;
    }
    if (!prefixed)
        merge_slashes(w);
    remember_kind(w);
}

enum verdict { NO_MATCH, MATCHED, MATCHED_ONLY /* nothing is substituted */ };

static void rewrite(struct rewriting *w, char *name)
{
    char *whole = add_prefix(w, name);

    if (w->directory && w->rule->flags & RULE_DROP_PATH_INFO)
        w->r->path_info = NULL;
    split_query(w, whole);
    settle(w, whole != name);
}

static enum verdict apply_rule(struct rewriting *w)
{
    bool only = w->rule->flags & RULE_NO_SUBSTITUTION;
    char *name = NULL;

    choose_subject(w);
    w->vary = w->vary_test = NULL;
    if (!pattern_holds(w) || !rewrite_conds_hold(w))
        return NO_MATCH;
    if (!only && !(name = substitute(w)))
        return MATCHED;
    set_variables(w);
    set_cookies(w);
    if (w->status)
        return MATCHED;
    if (!only) {
        rewrite(w, name);
        return MATCHED;
    }
    remember_kind(w);
    if (w->rule->flags & RULE_STATUS) {
        REWRITE_LOG(w, 2, "forcing responsecode %d for %s", w->rule->status, w->r->filename);
        w->status = w->rule->status;
    }
    return MATCHED_ONLY;
}

/* ---- the list
 * -------------------------------------------------------------------------------------------------------------- */

/* A loop that makes the path grow ends here. */
static void check_length(struct rewriting *w)
{
    int most = 2 * core_site_of(w->r->site)->limit_line;

    if (strlen(w->r->filename) <= (size_t)most)
        return;
    REQUEST_LOG(w->r, LOG_REWRITE, LEVEL_ERROR, 0, "RewriteRule '%s' and URI '%s' exceeded maximum length (%d)",
                w->rule->pattern, w->r->uri, most);
    w->status = 500;
}

static void move_texts(struct rewriting *w, struct arena *to)
{
    w->r->filename = arena_strdup(to, w->r->filename);
    if (w->r->args.p)
        w->r->args.p = arena_span(to, w->r->args);
    if (w->r->path_info)
        w->r->path_info = arena_strdup(to, w->r->path_info);
    if (w->arena != w->r->arena)
        arena_free(w->arena);
    w->arena = to;
}

/* [N]: what the round made is given back, for there may be thousands. */
static bool begin_round(struct rewriting *w, int round)
{
    if (round < w->rule->max_rounds) {
        move_texts(w, arena_new());
        return true;
    }
    REQUEST_LOG(w->r, LOG_REWRITE, LEVEL_ERROR, 2596,
                "RewriteRule '%s' and URI '%s' exceeded maximum number of rounds (%d) via the [N] flag",
                w->rule->pattern, w->r->uri, w->rule->max_rounds);
    w->status = 500;
    return false;
}

static bool is_for_main(const struct rewriting *w)
{
    return (w->r->main || w->r->looked_from) && w->rule->flags & (RULE_NO_SUBREQUEST | RULE_REDIRECT);
}

static unsigned skip_chain(const struct vec *rules, unsigned i)
{
    while (i < rules->n && ((const struct rewrite_rule *)rules->items[i])->flags & RULE_CHAIN)
        i++;
    return i;
}

/* After a match: does this list end here? */
static bool ends_list(struct rewriting *w, enum rewrite_outcome *outcome)
{
    unsigned flags = w->rule->flags;

    if (flags & RULE_PASS) {
        REWRITE_LOG(w, 2, "forcing '%s' to get passed through to next API URI-to-filename handler", w->r->filename);
        w->passes = true;
        *outcome = REWRITE_DONE;
        return true;
    }
    if (flags & RULE_END) {
        REWRITE_LOG(w, 8, "Rule has END flag, no further rewriting for this request");
        w->r->rewrite_ended = true;
    }
    return flags & (RULE_END | RULE_PROXY | RULE_LAST);
}

static void take_match(struct rewriting *w, enum verdict verdict, enum rewrite_outcome *outcome)
{
    if (!(w->rule->flags & RULE_NO_SUBSTITUTION)) {
        REWRITE_LOG(w, 2, "setting lastsub to rule with output %s", w->rule->output);
        w->last = w->rule;
    }
    if (!w->status)
        check_length(w);
    if (w->vary)
        http_fields_merge(w->r->arena, &w->r->out, "Vary", span_of(w->vary));
    if (!w->status && verdict == MATCHED)
        *outcome = w->rule->flags & RULE_NO_ESCAPE ? REWRITE_DONE_RAW : REWRITE_DONE;
}

static enum rewrite_outcome run(struct rewriting *w, const struct vec *rules)
{
    enum rewrite_outcome outcome = REWRITE_NOTHING;
    int round = 1;

    for (unsigned i = 0; i < rules->n; i++) {
        enum verdict verdict;

        w->rule = rules->items[i];
        if (is_for_main(w))
            continue;
        verdict = apply_rule(w);
        if (verdict != NO_MATCH)
            take_match(w, verdict, &outcome);
        if (w->status)
            return REWRITE_STATUS;
        if (verdict == NO_MATCH) {
            i = skip_chain(rules, i);
            continue;
        }
        if (ends_list(w, &outcome))
            break;
        if (w->rule->flags & RULE_NEXT) {
            if (!begin_round(w, ++round))
                return REWRITE_STATUS;
            i = (unsigned)-1;
        } else if (w->rule->skip > 0) {
            i += (unsigned)w->rule->skip < rules->n - i ? (unsigned)w->rule->skip : rules->n - i - 1;
        }
    }
    return outcome;
}

enum rewrite_outcome rewrite_apply(struct rewriting *w, const struct vec *rules)
{
    enum rewrite_outcome outcome;

    w->traces = log_wants(request_log(w->r), LOG_REWRITE, LEVEL_TRACE1);
    w->arena = w->r->arena;
    outcome = run(w, rules);
    if (w->arena != w->r->arena)
        move_texts(w, w->r->arena);
    return outcome;
}
