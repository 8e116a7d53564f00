/* The PROXY protocol, versions 1 and 2: who stands behind the peer, said before a connection's first byte (haproxy's
 * proxy-protocol.txt). Faults are named as httpd's mod_remoteip.c names them (remoteip_process_v1_header and …v2…). */
#include "http.h"

#include <arpa/inet.h>
#include <stdio.h>

#define V1_MOST  107 /* a line with its CRLF */
#define V1_LEAST 15
#define V2_HEAD  16

static const char signature[12] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

static enum http_parse bad(struct http_proxy_fault *f, int ah, const char *format, ...) PRINTF(3, 4);
static enum http_parse bad(struct http_proxy_fault *f, int ah, const char *format, ...)
{
    va_list args;

    f->ah = ah;
    va_start(args, format);
    vsnprintf(f->text, sizeof(f->text), format, args);
    va_end(args);
    return HTTP_BAD;
}

/* A mapped address is its IPv4 address, as everywhere. */
static void set_peer(struct http_proxy_peer *peer, int family, const void *ip, unsigned port)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    const unsigned char *bytes = ip;

    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        bytes += sizeof(mapped);
    }
    peer->known = true;
    peer->family = family == AF_INET ? 4 : 6;
    memcpy(peer->ip, bytes, family == AF_INET ? 4 : 16);
    peer->port = (unsigned short)port;
    inet_ntop(family, peer->ip, peer->text, sizeof(peer->text));
}

/* ---- version 1: a line of words ---- */

/* The next word of the line, terminated; NULL: none. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    size_t n = strcspn(word, " ");

    if (!n)
        return NULL;
    *rest = word + n + (word[n] ? 1 : 0);
    word[n] = '\0';
    return word;
}

static enum http_parse no_word(struct http_proxy_fault *f, const char *what, const char *line)
{
    return bad(f, 3497, "RemoteIPProxyProtocol: no %s found in header '%s'", what, line);
}

static enum http_parse take_addresses(char *rest, int family, const char *line, struct http_proxy_peer *peer,
                                      struct http_proxy_fault *f)
{
    const char *client = next_word(&rest), *to = next_word(&rest), *port = next_word(&rest);
    unsigned char ip[16];
    uint64_t number;

    if (!client)
        return no_word(f, "client-address", line);
    if (client[strspn(client, family == AF_INET ? "0123456789." : "0123456789abcdefABCDEF:")])
        return bad(f, 3500, "RemoteIPProxyProtocol: invalid client-address '%s' found in header '%s'", client, line);
    if (!to || !port)
        return no_word(f, to ? "client-port" : "destination-address", line);
    if (!span_to_u64(span_of(port), &number) || number > 65535)
        return bad(f, 3501, "RemoteIPProxyProtocol: error parsing port '%s' in header '%s'", port, line);
    if (inet_pton(family, client, ip) != 1)
        return bad(f, 3502,
                   "RemoteIPProxyProtocol: error converting family '%d', host '%s', and port '%d' to sockaddr; header "
                   "was '%s'",
                   family, client, (int)number, line);
    set_peer(peer, family, ip, (unsigned)number);
    return HTTP_DONE;
}

static enum http_parse take_line(const char *line, struct http_proxy_peer *peer, struct http_proxy_fault *f)
{
    char copy[V1_MOST + 1], *rest = copy + sizeof("PROXY ") - 1, *family;

    strcpy(copy, line);
    family = next_word(&rest);
    if (!family)
        return no_word(f, "family", line);
    if (strcmp(family, "UNKNOWN") == 0)
        return HTTP_DONE;
    if (strcmp(family, "TCP4") != 0 && strcmp(family, "TCP6") != 0)
        return bad(f, 3499, "RemoteIPProxyProtocol: unknown family '%s' in header '%s'", family, line);
    return take_addresses(rest, family[3] == '4' ? AF_INET : AF_INET6, line, peer, f);
}

static enum http_parse parse_v1(struct span in, struct http_proxy_peer *peer, size_t *used, struct http_proxy_fault *f)
{
    char line[V1_MOST + 1] = "";
    const char *end = memchr(in.p, '\n', in.n < V1_MOST ? in.n : V1_MOST);
    size_t n = end ? (size_t)(end - in.p) : 0;

    if (!end && in.n < V1_MOST)
        return HTTP_MORE;
    if (!end)
        return bad(f, 10185, "RemoteIPProxyProtocol header too long, got %zu expected %d", in.n, V1_MOST);
    if (in.p[n - 1] != '\r' || memchr(in.p, '\0', n))
        return bad(f, 0,
                   "RemoteIPProxyProtocol: the header's line has no proper end / "
                   "PROXY ヘッダーの行末が正しくありません");
    memcpy(line, in.p, n - 1);
    *used = n + 1;
    return take_line(line, peer, f);
}

/* ---- version 2: binary ---- */

static unsigned two_bytes(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static enum http_parse take_address(const unsigned char *head, size_t n, struct http_proxy_peer *peer,
                                    struct http_proxy_fault *f)
{
    const unsigned char *address = head + V2_HEAD;
    size_t size = head[13] == 0x11 ? 4 : 16;

    if (head[13] != 0x11 && head[13] != 0x21)
        return bad(f, 10183, "RemoteIPProxyProtocol: unsupported protocol %.2x", head[13]);
    if (n < 2 * size + 4)
        return bad(f, 10597, "RemoteIPProxyProtocol: address length %zu too short for %s", n,
                   size == 4 ? "TCPv4" : "TCPv6");
    set_peer(peer, size == 4 ? AF_INET : AF_INET6, address, two_bytes(address + 2 * size));
    return HTTP_DONE;
}

static enum http_parse parse_v2(struct span in, struct http_proxy_peer *peer, size_t *used, struct http_proxy_fault *f)
{
    const unsigned char *head = (const unsigned char *)in.p;
    size_t n;

    if (in.n < V2_HEAD)
        return HTTP_MORE;
    n = two_bytes(head + 14);
    if (V2_HEAD + n > HTTP_PROXY_MOST)
        return bad(f, 10186, "RemoteIPProxyProtocol protocol header length too long");
    if (in.n < V2_HEAD + n)
        return HTTP_MORE;
    *used = V2_HEAD + n;
    if ((head[12] & 15) == 0) /* LOCAL: the proxy speaks for itself */
        return HTTP_DONE;
    if ((head[12] & 15) != 1)
        return bad(f, 3507, "RemoteIPProxyProtocol: unsupported command %.2x", head[12]);
    return take_address(head, n, peer, f);
}

/* ---- which ---- */

static bool begins(struct span in, const char *with, size_t n)
{
    return memcmp(in.p, with, in.n < n ? in.n : n) == 0;
}

enum http_parse http_parse_proxy_header(struct span in, struct http_proxy_peer *peer, size_t *used,
                                        struct http_proxy_fault *fault)
{
    *peer = (struct http_proxy_peer){ 0 };
    *used = 0;
    if (!in.n)
        return HTTP_MORE;
    if (begins(in, "PROXY ", sizeof("PROXY ") - 1))
        return in.n < V1_LEAST ? HTTP_MORE : parse_v1(in, peer, used, fault);
    if (begins(in, signature, sizeof(signature)) && (in.n <= 12 || (in.p[12] & 0xf0) == 0x20))
        return parse_v2(in, peer, used, fault);
    return bad(fault, 0,
               "RemoteIPProxyProtocol: the connection does not begin with a PROXY header / "
               "接続が PROXY ヘッダーで始まっていません");
}
