/* Request targets in parts (RFC 9112 section 3.2; httpd: ap_parse_uri over apr_uri_parse, and the scheme check of
 * ap_post_read_request). */
#include "bytes.h"
#include "http.h"

static struct span until(struct span s, const char *stops)
{
    for (; *stops; stops++) {
        const char *at = s.n ? memchr(s.p, *stops, s.n) : NULL;

        s.n = at ? (size_t)(at - s.p) : s.n;
    }
    return s;
}

static struct span past(struct span s, size_t n)
{
    return (struct span){ s.p + n, s.n - n };
}

static bool all_digits(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

/* Path, "?" query, "#" fragment. */
static void split_path(struct span s, struct http_target *t)
{
    t->path = until(s, "?#");
    s = past(s, t->path.n);
    if (s.n && *s.p == '?') {
        t->query = until(past(s, 1), "#");
        s = past(s, 1 + t->query.n);
    }
    if (s.n)
        t->fragment = past(s, 1);
}

/* host or [v6], then perhaps ":" and digits. */
static bool split_authority(struct span s, struct http_target *t)
{
    struct span rest;

    if (s.n && *s.p == '[') {
        t->host = until(s, "]");
        if (t->host.n == s.n)
            return false;
        t->host.n++;
    } else {
        t->host = until(s, ":");
    }
    rest = past(s, t->host.n);
    if (rest.n) {
        if (*rest.p != ':')
            return false;
        t->port = past(rest, 1);
    }
    return t->host.n > 0 && all_digits(t->port);
}

static bool parse_authority_form(struct span target, struct http_target *t)
{
    t->form = HTTP_AUTHORITY_FORM;
    return until(target, "/?#@").n == target.n && split_authority(target, t) && t->port.n > 0;
}

static bool parse_absolute_form(struct span method, struct span target, struct http_target *t)
{
    struct span rest, authority, user;

    t->form = HTTP_ABSOLUTE_FORM;
    t->scheme = until(target, ":/?#");
    rest = past(target, t->scheme.n);
    if (!span_istarts(rest, SPAN("://")) || (!span_ieq_str(t->scheme, "http") && !span_ieq_str(t->scheme, "https")))
        return false;
    authority = until(past(rest, 3), "/?#");
    rest = past(rest, 3 + authority.n);
    user = until(authority, "@");
    if (user.n < authority.n) {
        t->user = user;
        authority = past(authority, user.n + 1);
    }
    split_path(rest, t);
    if (t->path.n == 0)
        t->path = span_eq(method, SPAN("OPTIONS")) ? SPAN("*") : SPAN("/");
    return split_authority(authority, t);
}

/* Slashes before the first segment are one: "//host/x" is a path here, never an authority (httpd's PR 31875). */
static bool parse_origin_form(struct span target, struct http_target *t)
{
    while (target.n > 1 && target.p[0] == '/' && target.p[1] == '/')
        target = past(target, 1);
    split_path(target, t);
    if (t->path.n == 0)
        t->path = SPAN("/");
    return true;
}

bool http_parse_target(struct span method, struct span target, struct http_target *t)
{
    *t = (struct http_target){ .form = HTTP_ORIGIN_FORM };
    if (target.n == 0 || bytes_visible(target.p, target.n) < target.n)
        return false;
    if (span_eq(method, SPAN("CONNECT")))
        return parse_authority_form(target, t);
    /* Apache takes "?query" for "/?query", but not with a colon, where apr_uri_parse looks for a scheme. */
    if (*target.p == '/' || (*target.p == '?' && !memchr(target.p, ':', target.n)))
        return parse_origin_form(target, t);
    if (span_eq(target, SPAN("*"))) {
        t->form = HTTP_ASTERISK_FORM;
        t->path = target;
        return span_eq(method, SPAN("OPTIONS"));
    }
    return parse_absolute_form(method, target, t);
}
