/* Frames: build, parse, mask, and the scanner that must see a Close however the stream is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws.h"

static void test_built_is_parsed(void **state)
{
    static const uint64_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 1u << 30, (uint64_t)1 << 40 };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths); i++)
        for (int masked = 0; masked < 2; masked++) {
            struct ws_frame f = { .opcode = WS_BINARY,
                                  .fin = true,
                                  .masked = masked,
                                  .mask = { 1, 2, 3, 4 },
                                  .length = lengths[i] },
                            g;
            unsigned char out[14];
            size_t n = ws_build_frame(&f, out);
            for (size_t part = 0; part < n; part++)
                assert_int_equal(ws_parse_frame((struct span){ (char *)out, part }, &g), HTTP_MORE);
            assert_int_equal(ws_parse_frame((struct span){ (char *)out, n }, &g), HTTP_DONE);
            assert_int_equal(g.header, n);
            assert_true(g.length == lengths[i] && g.fin && g.masked == f.masked && g.opcode == WS_BINARY);
            assert_true(!masked || memcmp(g.mask, f.mask, 4) == 0);
        }
}

static void test_illegal_frames(void **state)
{
    static const char *const bad[] = { "\x83\x00", "\x8b\x00", "\x08\x00" /* fragmented Close */,
                                       "\x89\x7e\x00\x7e" /* long Ping */, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00" };
    static const size_t size[] = { 2, 2, 2, 4, 10 };
    struct ws_frame f;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(ws_parse_frame((struct span){ bad[i], size[i] }, &f), HTTP_BAD);
}

static void test_masking_twice_is_nothing(void **state)
{
    char text[] = "a message of some length", copy[sizeof(text)];
    static const unsigned char mask[4] = { 0xde, 0xad, 0xbe, 0xef };
    (void)state;
    memcpy(copy, text, sizeof(text));
    ws_mask(text, sizeof(text), mask, 0);
    ws_mask(text, 10, mask, 0);
    ws_mask(text + 10, sizeof(text) - 10, mask, 10);
    assert_memory_equal(text, copy, sizeof(text));
}

/* text "hi", ping, 200 bytes of binary, Close 1000: cut at every place the scanner must come to the same view. */
static void test_scanner_sees_close_at_any_cut(void **state)
{
    char stream[512];
    size_t n = 0;
    (void)state;
    memcpy(stream + n, "\x81\x02hi\x89\x00", 6), n += 6;
    memcpy(stream + n, "\x82\x7e\x00\xc8", 4), n += 4;
    memset(stream + n, 0x88, 200), n += 200; /* looks like Close frames, is payload */
    memcpy(stream + n, "\x88\x82\x01\x02\x03\x04\xff\xff", 8), n += 8;
    for (size_t cut = 0; cut <= n; cut++) {
        struct ws_scan s = { 0 };
        ws_scan(&s, (struct span){ stream, cut });
        assert_true(s.closed == (cut == n));
        ws_scan(&s, (struct span){ stream + cut, n - cut });
        assert_true(s.closed && !s.lost);
        assert_int_equal(s.messages, 2);
    }
}

static void test_scanner_gives_up_on_other_protocols(void **state)
{
    struct ws_scan s = { 0 };
    (void)state;
    ws_scan(&s, SPAN("\xff\xff not frames at all"));
    assert_true(s.lost && !s.closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_is_parsed),
        cmocka_unit_test(test_illegal_frames),
        cmocka_unit_test(test_masking_twice_is_nothing),
        cmocka_unit_test(test_scanner_sees_close_at_any_cut),
        cmocka_unit_test(test_scanner_gives_up_on_other_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
