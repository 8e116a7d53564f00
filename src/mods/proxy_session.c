/* Which route a request's session has: in the path, in the query, in a cookie (mod_proxy_balancer.c, get_path_param,
 * get_cookie_param, find_session_route). */
#include "proxy.h"

#include <ctype.h>

/* What stands behind "NAME=" up to the next delimiter; any NAME counts, even at the end of another word. */
const char *proxy_session_in_url(struct arena *a, const char *url, const char *name, bool semicolon)
{
    const char *delimiters = semicolon ? ";?&" : "?&";
    size_t n = strlen(name);

    for (const char *at = strstr(url, name); at; at = *at ? strstr(at + 1, name) : NULL) {
        at += n;
        if (at[0] != '=' || !at[1])
            continue;
        at += 1 + strspn(at + 1, delimiters);
        return *at ? arena_strndup(a, at, strcspn(at, delimiters)) : NULL;
    }
    return NULL;
}

const char *proxy_session_in_cookie(struct arena *a, const char *cookies, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = strstr(cookies, name); at; at = *at ? strstr(at + 1, name) : NULL) {
        if (at != cookies && !strchr(";,", at[-1]) && !isspace((unsigned char)at[-1]))
            continue;
        const char *value = at + n;
        while (isspace((unsigned char)*value))
            value++;
        if (value[0] == '=' && value[1])
            return arena_strndup(a, value + 1, strcspn(value + 1, ";,"));
    }
    return NULL;
}

static const char *find_value(const struct request *r, const struct proxy_balancer *b, const char **name)
{
    const char *value = proxy_session_in_url(r->arena, r->proxy->balancer_path, b->parameter, b->semicolon);

    *name = b->parameter;
    if (!value) {
        struct span cookies = request_field(r, "Cookie");
        *name = b->cookie;
        value = cookies.p ? proxy_session_in_cookie(r->arena, arena_span(r->arena, cookies), b->cookie) : NULL;
        if (value)
            REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1160, "Found value %s for stickysession %s", value,
                        b->cookie);
    } else {
        REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1159, "Found value %s for stickysession %s", value,
                    b->parameter);
    }
    return value;
}

struct proxy_session proxy_session(const struct request *r)
{
    const struct proxy_balancer *b = r->proxy->balancer;
    struct proxy_session s = { 0 };

    if (!b->cookie || !(s.route = find_value(r, b, &s.name)))
        return s;
    const char *dot = b->separator ? strchr(s.route, b->separator) : NULL;
    if (b->separator)
        s.route = dot ? dot + 1 : NULL;
    if (s.route && *s.route)
        REQUEST_LOG(r, LOG_PROXY_BALANCER, LEVEL_DEBUG, 1161, "Found route %s", s.route);
    return s;
}
