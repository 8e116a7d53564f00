/* Whom a request is for: the Host field or the target's authority, checked (RFC 9112 section 3.2; httpd: fix_hostname
 * and strict_hostname_check of vhost.c, ap_check_request_header). */
#include "bytes.h"
#include "head.h"
#include "http.h"
#include <arpa/inet.h>

static bool is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + ('a' - 'A'));
}

static size_t trailing_digits(struct span s)
{
    size_t n = 0;

    while (n < s.n && is_digit(s.p[s.n - 1 - n]))
        n++;
    return n;
}

static bool read_port(struct span digits, int *port)
{
    uint64_t value;

    if (!span_to_u64(digits, &value))
        return false;
    *port = value <= 65535 ? (int)value : 0;
    return *port > 0;
}

/* Cuts ":digits" off the end. */
static bool take_port(struct span *authority, int *port)
{
    size_t digits = trailing_digits(*authority), colon = authority->n - digits - 1;

    if (digits == 0 || authority->p[colon] != ':')
        return true;
    authority->n = colon;
    return colon > 0 && read_port((struct span){ authority->p + colon + 1, digits }, port);
}

static bool is_ipv6(const char *s)
{
    struct in6_addr unused;

    return inet_pton(AF_INET6, s, &unused) == 1;
}

/* Four parts without leading zeroes; what they count up to is not asked, as in Apache. */
static bool dotted_quad(const char *s)
{
    int dots = 0;
    bool start = true;

    for (; *s; s++) {
        if (start && (*s == '.' || (s[0] == '0' && is_digit(s[1]))))
            return false;
        start = *s == '.';
        dots += start;
    }
    return dots == 3;
}

static bool strict_name(const char *s)
{
    bool numbers = true;
    const char *top = s;

    for (const char *c = s; *c; c++) {
        if (is_alpha(*c) || *c == '-' || *c == '_')
            numbers = false;
        else if (*c == '.')
            top = c + 1;
        else if (!is_digit(*c))
            return false; /* a comma too, and so two Host fields joined */
    }
    if (numbers)
        return dotted_quad(s);
    return top == s || *top == '\0' || is_alpha(*top);
}

/* "www.example.com:8080", as nearly all are: labels that begin with a letter. False: what else it is takes longer to
 * see. */
static bool take_plain(struct span authority, char *host, int *port)
{
    struct span rest = authority;
    char before = '.';

    while (rest.n && *rest.p != ':') {
        char c = *rest.p;

        if (is_alpha(c))
            c |= 0x20;
        else if (before == '.' || (c != '.' && c != '-' && c != '_' && !is_digit(c)))
            return false;
        *host++ = before = c;
        rest.p++, rest.n--;
    }
    *host = '\0';
    return before != '.' && (rest.n == 0 || read_port((struct span){ rest.p + 1, rest.n - 1 }, port));
}

bool http_parse_host(struct arena *a, struct span authority, bool strict, char **host, int *port)
{
    size_t n;

    *port = 0;
    *host = arena_room(a, authority.n + 1);
    if (take_plain(authority, *host, port))
        return true;
    *port = 0;
    *host = arena_span(a, authority);
    if (authority.n == 0)
        return true;
    if (memchr(authority.p, '\0', authority.n))
        return false;
    if (trailing_digits(authority) == authority.n)
        return !strict; /* RFC 3986 7.4 */
    if (!take_port(&authority, port))
        return false;
    n = authority.n;
    (*host)[n] = '\0';
    lower(*host);
    if (**host == '[') {
        if ((*host)[n - 1] != ']')
            return false;
        *host = arena_strndup(a, *host + 1, n - 2);
        return is_ipv6(*host);
    }
    if (strpbrk(*host, "/\\") || strstr(*host, "..") || strcmp(*host, ".") == 0)
        return false;
    if ((*host)[n - 1] == '.')
        (*host)[n - 1] = '\0';
    return !strict || strict_name(*host);
}

static const struct http_fault missing_host = {
    400, 569, LEVEL_DEBUG, "client sent HTTP/1.1 request without hostname (see RFC2616 section 14.23)", NULL, NULL
};
static const struct http_fault malformed_host = {
    400, 550, LEVEL_DEBUG, "Client sent malformed Host header", NULL, NULL
};

/* Two Host fields make one with a comma: refused even when lax, for one hop may believe the first and the next the
 * other (RFC 9112 3.2). */
static bool one_host(const struct http_fields *fields)
{
    unsigned n = 0;

    HTTP_EACH_FIELD(f, fields) n += span_ieq_str(f->name, "Host");
    return n <= 1;
}

static struct span target_authority(const struct http_target *t, struct http_host *host)
{
    host->from_target =
        t->form == HTTP_AUTHORITY_FORM || (t->form == HTTP_ABSOLUTE_FORM && span_ieq_str(t->scheme, host->scheme));
    if (!host->from_target)
        return (struct span){ NULL, 0 };
    /* Host and port lie side by side in the target; an empty port counts as none. */
    return (struct span){ t->host.p, t->host.n + (t->port.n ? 1 + t->port.n : 0) };
}

bool http_request_host(struct arena *a, const struct http_request_head *h, struct http_host *host,
                       struct http_fault *fault)
{
    struct span field = http_fields_get(&h->fields, "Host");
    struct span named = target_authority(&h->parts, host);

    host->name = NULL;
    host->port = 0;
    if (!host->from_target)
        named = field;
    if (!one_host(&h->fields) || (named.n && !http_parse_host(a, named, host->strict, &host->name, &host->port)))
        return head_refuse(a, fault, &malformed_host, http_fields_join(a, &h->fields, "Host"));
    if (named.n == 0)
        host->name = NULL;
    if ((h->version >= 11 && !host->name) || (h->version == 11 && !field.p))
        return head_refuse(a, fault, &missing_host, h->target);
    return true;
}
