/* The opening handshake as a proxy sees it: RFC 6455 4.2.1 (the request) and 4.1 (the answer). */
#define OPENSSL_API_COMPAT 0x10101000L /* SHA1_Init: through EVP the hash of a key costs half as much again */
#include "ws.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const char *ws_fault_text(enum ws_fault f)
{
    static const char *const text[] = {
        [WS_OK] = "handshake is complete",
        [WS_NOT_GET] = "the method is not GET",
        [WS_HAS_BODY] = "the request has a body",
        [WS_NO_UPGRADE] = "no Upgrade: websocket",
        [WS_NO_CONNECTION] = "Connection does not name Upgrade",
        [WS_BAD_KEY] = "Sec-WebSocket-Key is missing or not 16 bytes in base64",
        [WS_BAD_VERSION] = "Sec-WebSocket-Version is not 13",
        [WS_OLD_HTTP] = "HTTP/1.1 is needed",
        [WS_WRONG_UPGRADE] = "the backend's Upgrade is not what was asked for",
        [WS_NO_CONNECTION_BACK] = "the backend's Connection does not name Upgrade",
        [WS_WRONG_ACCEPT] = "the backend's Sec-WebSocket-Accept does not belong to the key",
        [WS_BODY_IN_101] = "the backend's 101 announces a body",
    };
    ASSERT((size_t)f < COUNT_OF(text));
    return text[f];
}

bool ws_is_websocket(struct span upgrade)
{
    return upgrade.p && span_has_token(upgrade, SPAN("websocket"));
}

/* 16 bytes are 22 characters of base64 and "==": the last one may carry only two of its six bits. */
static bool key_is_sane(struct span key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return strchr("AQgw", key.p[21]) != NULL;
}

static unsigned count_fields(const struct http_fields *fields, const char *name)
{
    unsigned n = 0;
    HTTP_EACH_FIELD(f, fields)
    n += span_ieq_str(f->name, name);
    return n;
}

static bool announces_body(const struct http_fields *f)
{
    struct span length = http_fields_get(f, "Content-Length");
    return http_fields_get(f, "Transfer-Encoding").p || (length.p && !span_eq(length, SPAN("0")));
}

enum ws_fault ws_check_request(const struct http_request_head *h)
{
    if (!span_eq(h->method, SPAN("GET")))
        return WS_NOT_GET;
    if (h->version < 11)
        return WS_OLD_HTTP;
    if (announces_body(&h->fields))
        return WS_HAS_BODY;
    if (!http_fields_has_token(&h->fields, "Upgrade", "websocket"))
        return WS_NO_UPGRADE;
    if (!http_fields_has_token(&h->fields, "Connection", "upgrade"))
        return WS_NO_CONNECTION;
    if (count_fields(&h->fields, "Sec-WebSocket-Key") != 1 ||
        !key_is_sane(http_fields_get(&h->fields, "Sec-WebSocket-Key")))
        return WS_BAD_KEY;
    if (!span_eq(http_fields_get(&h->fields, "Sec-WebSocket-Version"), SPAN("13")))
        return WS_BAD_VERSION;
    return WS_OK;
}

void ws_accept(struct span key, char out[WS_ACCEPT_SIZE])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA_CTX sha1;

    SHA1_Init(&sha1);
    SHA1_Update(&sha1, key.p, key.n);
    SHA1_Update(&sha1, GUID, sizeof(GUID) - 1);
    SHA1_Final(digest, &sha1);
    ASSERT(EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest)) == WS_ACCEPT_SIZE - 1);
}

/* Only a WebSocket carries a proof that the backend understood it (RFC 6455 4.2.2, 5.4). */
static enum ws_fault check_accept(const struct http_response_head *h, struct span key)
{
    char expected[WS_ACCEPT_SIZE];

    ws_accept(key, expected);
    if (count_fields(&h->fields, "Sec-WebSocket-Accept") != 1 ||
        !span_eq(http_fields_get(&h->fields, "Sec-WebSocket-Accept"), span_of(expected)))
        return WS_WRONG_ACCEPT;
    return WS_OK;
}

enum ws_fault ws_check_response(const struct http_response_head *h, struct span upgrade, struct span key)
{
    struct span got = http_fields_get(&h->fields, "Upgrade");

    /* The client may have offered a list ("h2c, websocket"): the answer must be one of it. */
    if (!got.p || got.n == 0 || !(span_ieq(got, upgrade) || span_has_token(upgrade, got)))
        return WS_WRONG_UPGRADE;
    if (!http_fields_has_token(&h->fields, "Connection", "upgrade"))
        return WS_NO_CONNECTION_BACK;
    if (announces_body(&h->fields))
        return WS_BODY_IN_101;
    return ws_is_websocket(got) && key.p ? check_accept(h, key) : WS_OK;
}
