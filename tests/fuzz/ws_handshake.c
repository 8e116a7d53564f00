/* A client's head and a backend's 101, split at the first NUL byte: the gates must only ever answer. */
#include "ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_limits limits = { 8190, 100, 8190, false, true, true };
    const uint8_t *cut = memchr(data, 0, size);
    struct span client = { (const char *)data, cut ? (size_t)(cut - data) : size };
    struct span backend = { (const char *)(cut ? cut + 1 : data + size), cut ? size - client.n - 1 : 0 };
    struct arena *a = arena_new();
    struct http_request_head q = { 0 };
    struct http_response_head h = { 0 };
    struct http_scan one = { 0 }, two = { 0 };
    struct http_fault fault = { 0 };
    size_t used;

    if (http_parse_request(a, client, &limits, &one, &q, &used, &fault) == HTTP_DONE) {
        bool sane = ws_check_request(&q) == WS_OK;
        struct span key = http_fields_get(&q.fields, "Sec-WebSocket-Key"),
                    upgrade = http_fields_get(&q.fields, "Upgrade");
        ASSERT(!sane || key.n == 24);
        if (sane && http_parse_response(a, backend, 8192, &two, &h, &used, &fault) == HTTP_DONE)
            ASSERT(ws_check_response(&h, upgrade, key) != WS_OK ||
                   http_fields_get(&h.fields, "Sec-WebSocket-Accept").n == WS_ACCEPT_SIZE - 1);
    }
    arena_free(a);
    return 0;
}
