/* URLs of a configuration or of a rewritten request (RFC 3986 section 3; httpd: ap_proxy_canon_netloc). */
#include "bytes.h"
#include "http.h"

static const struct {
    const char *scheme;
    int port;
} ports[] = {
    { "http", 80 },  { "https", 443 },   { "ws", 80 },       { "wss", 443 },      { "h2c", 80 },    { "h2", 443 },
    { "ftp", 21 },   { "ajp", 8009 },    { "fcgi", 8000 },   { "scgi", 4000 },    { "gopher", 70 }, { "ldap", 389 },
    { "nntp", 119 }, { "snews", 563 },   { "imap", 143 },    { "pop", 110 },      { "sip", 5060 },  { "rtsp", 554 },
    { "wais", 210 }, { "z39.50r", 210 }, { "z39.50s", 210 }, { "prospero", 191 }, { "nfs", 2049 },  { "tip", 3372 },
    { "acap", 674 }, { "telnet", 23 },   { "ssh", 22 },
};

int http_default_port(struct span scheme)
{
    for (size_t i = 0; i < COUNT_OF(ports); i++)
        if (span_ieq_str(scheme, ports[i].scheme))
            return ports[i].port;
    return 0;
}

static bool take_scheme(struct span *rest, struct span *scheme)
{
    size_t n = 0;

    while (n < rest->n && (byte_is(rest->p[n], BYTE_UNRESERVED) || rest->p[n] == '+'))
        n++;
    *scheme = (struct span){ rest->p, n };
    if (n == 0 || is_digit(*rest->p) || !span_istarts((struct span){ rest->p + n, rest->n - n }, SPAN("://")))
        return false;
    *rest = (struct span){ rest->p + n + 3, rest->n - n - 3 };
    return true;
}

static bool parse_port(struct span s, int *port)
{
    uint64_t value;

    if (!span_to_u64(s, &value) || value < 1 || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

static bool parse_authority(struct span s, struct http_url *u)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL, *colon;

    for (size_t i = 0; i < s.n; i++)
        if (!byte_is(s.p[i], BYTE_VISIBLE))
            return false;
    if (at) {
        u->user = (struct span){ s.p, (size_t)(at - s.p) };
        s = (struct span){ at + 1, s.n - u->user.n - 1 };
    }
    u->host = s;
    if (s.n && *s.p == '[') {
        const char *close = memchr(s.p, ']', s.n);

        if (!close)
            return false;
        u->host = (struct span){ s.p + 1, (size_t)(close - s.p) - 1 };
        colon = close + 1 < s.p + s.n ? close + 1 : NULL;
        if (colon && *colon != ':')
            return false;
    } else {
        colon = s.n ? memchr(s.p, ':', s.n) : NULL;
        if (colon)
            u->host.n = (size_t)(colon - s.p);
    }
    return u->host.n > 0 &&
           (!colon || parse_port((struct span){ colon + 1, (size_t)(s.p + s.n - colon) - 1 }, &u->port));
}

bool http_parse_url(struct span url, struct http_url *u)
{
    struct span rest = url, authority;
    const char *question;

    *u = (struct http_url){ 0 };
    if (!take_scheme(&rest, &u->scheme))
        return false;
    authority = rest;
    for (authority.n = 0; authority.n < rest.n && !strchr("/?#", rest.p[authority.n]); authority.n++)
        ;
    u->path = (struct span){ rest.p + authority.n, rest.n - authority.n };
    question = u->path.n ? memchr(u->path.p, '?', u->path.n) : NULL;
    if (question) {
        u->query = (struct span){ question + 1, (size_t)(u->path.p + u->path.n - question) - 1 };
        u->path.n = (size_t)(question - u->path.p);
    }
    return parse_authority(authority, u);
}
