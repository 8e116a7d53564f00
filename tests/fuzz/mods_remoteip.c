/* RemoteIPHeader's field: any bytes leave a request whose client is an address, and a field that is no longer. */
#include "config.h"

#include <arpa/inet.h>

static const char conf[] = "ServerName fuzz.test\nRemoteIPHeader X-F\nRemoteIPProxiesHeader X-By\n"
                           "RemoteIPInternalProxy 192.0.2.1 10.0.0.0/8\nRemoteIPTrustedProxy 8.8.8.8 2001:db8::/32\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snapshot *s;
    struct arena *a = arena_new();
    struct request r;
    unsigned char ip[16];
    struct span left;

    s = s ? s : load_text(conf);
    ASSERT(s);
    r = get_request(a, s, SPAN("GET / HTTP/1.1"));
    http_fields_add(a, &r.head.fields, SPAN("X-F"), (struct span){ arena_strndup(a, (const char *)data, size), size });
    remoteip_take(&r);
    left = http_fields_get(&r.head.fields, "X-F");
    ASSERT(left.n <= size);
    ASSERT(inet_pton(strchr(r.client_ip, ':') ? AF_INET6 : AF_INET, r.client_ip, ip) == 1);
    arena_free(a);
    return 0;
}
