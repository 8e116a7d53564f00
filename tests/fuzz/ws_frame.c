/* Frames of any bytes: what parses builds to the same header, and the scanner does not depend on how the stream is cut.
 */
#include "ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct span in)
{
    struct ws_frame f, g;
    unsigned char out[14];

    if (ws_parse_frame(in, &f) != HTTP_DONE)
        return;
    size_t n = ws_build_frame(&f, out);
    ASSERT(n <= f.header && ws_parse_frame((struct span){ (char *)out, n }, &g) == HTTP_DONE && g.length == f.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_scan whole = { 0 }, cut = { 0 };

    check_round_trip((struct span){ (const char *)data, size });
    ws_scan(&whole, (struct span){ (const char *)data, size });
    for (size_t i = 0; i < size; i++)
        ws_scan(&cut, (struct span){ (const char *)data + i, 1 });
    ASSERT(whole.closed == cut.closed && whole.lost == cut.lost && whole.left == cut.left &&
           whole.messages == cut.messages);
    return 0;
}
