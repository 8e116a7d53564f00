/* The Authorization field of Digest authentication (RFC 7616 3.4), read as mod_auth_digest.c reads it. */
#include "auth_digest.h"

#include <stdlib.h>
#include <strings.h>

/* ---- key=value, key="value" ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip(struct span *s, size_t n)
{
    *s = (struct span){ s->p + n, s->n - n };
}

static void skip_spaces(struct span *s)
{
    while (s->n && is_space(s->p[0]))
        skip(s, 1);
}

static bool ends_token(char c)
{
    return c == ',' || is_space(c);
}

static struct span cut_key(struct span *s)
{
    size_t n = 0;
    struct span k;

    skip_spaces(s);
    while (n < s->n && s->p[n] != '=' && !ends_token(s->p[n]))
        n++;
    k = (struct span){ s->p, n };
    skip(s, n);
    skip_spaces(s);
    return k;
}

static const char *cut_quoted(struct arena *a, struct span *s)
{
    char *out = arena_alloc(a, s->n + 1);
    size_t n = 0;

    skip(s, 1);
    while (s->n && s->p[0] != '"') {
        if (s->p[0] == '\\' && s->n > 1)
            skip(s, 1);
        out[n++] = s->p[0];
        skip(s, 1);
    }
    return out;
}

static const char *cut_value(struct arena *a, struct span *s)
{
    size_t n = 0;
    struct span token;

    if (!s->n || s->p[0] != '=')
        return "";
    skip(s, 1);
    skip_spaces(s);
    if (s->n && s->p[0] == '"')
        return cut_quoted(a, s);
    while (n < s->n && !ends_token(s->p[n]))
        n++;
    token = (struct span){ s->p, n };
    skip(s, n);
    return arena_span(a, token);
}

/* To behind the next comma. */
static void skip_rest(struct span *s)
{
    const char *comma = s->n ? memchr(s->p, ',', s->n) : NULL;

    skip(s, comma ? (size_t)(comma - s->p) + 1 : s->n);
}

static const char **place_of(struct digest_answer *d, struct span name)
{
    const struct {
        const char *name;
        const char **value;
    } parts[] = {
        { "username", &d->username }, { "realm", &d->realm },
        { "nonce", &d->nonce },       { "uri", &d->uri },
        { "response", &d->response }, { "algorithm", &d->algorithm },
        { "cnonce", &d->cnonce },     { "opaque", &d->opaque },
        { "qop", &d->qop },           { "nc", &d->nc },
    };

    for (unsigned i = 0; i < COUNT_OF(parts); i++)
        if (span_ieq_str(name, parts[i].name))
            return parts[i].value;
    return NULL;
}

bool digest_parse(struct arena *a, struct span field, struct digest_answer *d)
{
    while (field.n) {
        const char **place = place_of(d, cut_key(&field)), *value = cut_value(a, &field);

        if (place)
            *place = value;
        skip_rest(&field);
    }
    return d->username && d->realm && d->nonce && d->uri && d->response && (!d->qop || (d->cnonce && d->nc)) &&
           strlen(d->response) == 32 && strlen(d->nonce) == DIGEST_NONCE && d->nonce[DIGEST_NONCE_TIME - 1] == '=';
}

/* ---- the URI that was signed ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static struct span decode(struct arena *a, struct span s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
        out[n++] = escape ? (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2])) : s.p[i];
        i += escape ? 2 : 0;
    }
    return (struct span){ out, n };
}

static bool same_part(struct arena *a, struct span x, struct span y)
{
    return !x.p == !y.p && span_eq(decode(a, x), decode(a, y));
}

/* Where it names a server: it must be this one, with its port unless that is the scheme's own. */
static bool same_server(const struct request *r, const struct http_target *t)
{
    int port = request_server_port(r);
    uint64_t written = 0;

    if (t->form != HTTP_ABSOLUTE_FORM)
        return true;
    if (!span_ieq_str(t->host, request_server_name(r)))
        return false;
    return t->port.n ? span_to_u64(t->port, &written) && written == (uint64_t)port : port == request_default_port(r);
}

int digest_same_uri(struct arena *a, const struct request *r, const char *uri)
{
    struct http_target signed_one;

    if (span_eq(span_of(uri), r->head.target))
        return 1;
    if (!*uri)
        return 0;
    if (!http_parse_target(r->head.method, span_of(uri), &signed_one))
        return strstr(uri, "://") ? -1 : 0;
    return same_server(r, &signed_one) && same_part(a, signed_one.path, r->head.parts.path) &&
           same_part(a, signed_one.query, r->head.parts.query);
}
