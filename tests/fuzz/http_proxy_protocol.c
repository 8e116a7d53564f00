/* PROXY headers: any bytes are a header, the start of one, or a fault; never more is taken than there is. */
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { (const char *)data, size };
    struct http_proxy_fault fault = { 0 };
    struct http_proxy_peer peer;
    size_t used = 0;

    switch (http_parse_proxy_header(in, &peer, &used, &fault)) {
    case HTTP_DONE: ASSERT(used && used <= size && used <= HTTP_PROXY_MOST && (!peer.known || peer.text[0])); break;
    case HTTP_MORE: ASSERT(size < HTTP_PROXY_MOST); break;
    case HTTP_BAD: ASSERT(fault.text[0]); break;
    }
    return 0;
}
