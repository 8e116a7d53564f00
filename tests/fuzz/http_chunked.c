/* A chunked body cut anywhere decodes to the same bytes and the same verdict. The first byte of an input: L lax line
 * ends; the second, how it is cut. */
#include "http.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum http_parse result;
    size_t used;
    struct buf payload;
    struct http_fault fault;
};

static void decode(struct outcome *o, struct span in, bool lax, size_t step)
{
    struct http_body b = { .framing = HTTP_CHUNKED, .lax = lax };

    while (o->used < in.n && o->result == HTTP_MORE) {
        size_t n = in.n - o->used < step ? in.n - o->used : step, used;
        char *copy = malloc(n);
        struct span payload;

        memcpy(copy, in.p + o->used, n);
        o->result = http_body_decode(&b, (struct span){ copy, n }, &payload, &used);
        ASSERT(used > 0 && used <= n && payload.p >= copy && payload.n <= used);
        buf_add(&o->payload, payload.p, payload.n);
        o->used += used;
        free(copy);
    }
    ASSERT(b.taken == buf_len(&o->payload) && b.done == (o->result == HTTP_DONE));
    if (o->result == HTTP_BAD)
        http_body_fault(&b, &o->fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = { .result = HTTP_MORE }, cut = { .result = HTTP_MORE };
    struct span in;

    if (size < 2)
        return 0;
    in = (struct span){ (const char *)data + 2, size - 2 };
    decode(&whole, in, data[0] == 'L', in.n);
    decode(&cut, in, data[0] == 'L', 1 + data[1] % 7);
    ASSERT(whole.result == cut.result && whole.used == cut.used && whole.fault.status == cut.fault.status);
    ASSERT(span_eq(buf_span(&whole.payload), buf_span(&cut.payload)));
    buf_release(&whole.payload);
    buf_release(&cut.payload);
    return 0;
}
