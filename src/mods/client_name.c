/* Names of clients and addresses of names, asked of the system's resolver (httpd's ap_get_useragent_host with
 * REMOTE_DOUBLE_REV); and what looks like an address in a line (apr_ipsubnet_create). The look-ups block. */
#include "access.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <strings.h>

/* ---- addresses ---- */

static bool looks_like_address(const char *text)
{
    return strchr(text, ':') || text[strspn(text, "0123456789.")] == '\0';
}

enum address_fault address_parse(const char *text, struct subnet *s, const char **fault)
{
    size_t n = strcspn(text, "/");
    char host[64];
    struct subnet alone;

    if (subnet_parse(text, s))
        return ADDRESS_OK;
    if (n >= sizeof(host))
        return ADDRESS_NONE;
    memcpy(host, text, n);
    host[n] = '\0';
    if (!looks_like_address(host))
        return ADDRESS_NONE;
    *fault = text[n] && subnet_parse(host, &alone) ? "The specified network mask is invalid."
                                                   : "The specified IP address is invalid.";
    return ADDRESS_BAD;
}

/* ---- look-ups ---- */

/* The client as a socket address; 0 when it has none. */
static socklen_t sockaddr_of(const struct request *r, struct sockaddr_storage *s)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)s;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)s;

    memset(s, 0, sizeof(*s));
    if (r->client_address.n == 4) {
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, r->client_address.p, 4);
        return sizeof(*v4);
    }
    if (r->client_address.n == 16) {
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, r->client_address.p, 16);
        return sizeof(*v6);
    }
    return 0;
}

static bool same_address(const struct sockaddr *a, struct span b)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct span own = { NULL, 0 };

    if (a->sa_family == AF_INET)
        own = (struct span){ (const char *)&((const struct sockaddr_in *)a)->sin_addr, 4 };
    else if (a->sa_family == AF_INET6)
        own = (struct span){ (const char *)&((const struct sockaddr_in6 *)a)->sin6_addr, 16 };
    if (own.n == 4 && b.n == 16 && memcmp(b.p, mapped, sizeof(mapped)) == 0)
        b = (struct span){ b.p + 12, 4 };
    return own.p && span_eq(own, b);
}

/* A name server that does not answer is asked once and briefly: what resolv.conf allows may be minutes. The state is
 * the thread's own. */
static void hurry(void)
{
    static _Thread_local bool done;

    if (done || res_init() != 0)
        return;
    _res.retrans = 2;
    _res.retry = 1;
    done = true;
}

/* found: there is such a name at all. */
static bool name_is_of_client(struct request *r, const char *name, bool *found)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
    bool same = false;

    hurry();
    *found = getaddrinfo(name, NULL, &hints, &all) == 0;
    for (struct addrinfo *i = *found ? all : NULL; i && !same; i = i->ai_next)
        same = same_address(i->ai_addr, r->client_address);
    if (all)
        freeaddrinfo(all);
    return same;
}

bool client_has_name(struct request *r, const char *name)
{
    bool found, same = name_is_of_client(r, name, &found);

    if (found)
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_DEBUG, 3355, "access check for %s as '%s': %s", r->client_ip, name,
                    same ? "yes" : "no");
    else
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_WARN, 3356, "No sockaddr info for \"%s\"", name);
    return same;
}

/* A name that does not lead back to the address says whatever its owner likes. */
static const char *look_up(struct request *r)
{
    struct sockaddr_storage s;
    socklen_t n = sockaddr_of(r, &s);
    char name[NI_MAXHOST];
    bool found;

    hurry();
    if (!n || getnameinfo((struct sockaddr *)&s, n, name, sizeof(name), NULL, 0, NI_NAMEREQD) != 0)
        return "";
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return name_is_of_client(r, name, &found) ? arena_strdup(r->arena, name) : "";
}

const char *client_name(struct request *r)
{
    if (!r->client_name)
        r->client_name = look_up(r);
    return *r->client_name ? r->client_name : NULL;
}

bool client_name_within(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);

    if (n < d || strcasecmp(name + n - d, domain) != 0)
        return false;
    return n == d || domain[0] == '.' || name[n - d - 1] == '.';
}
