/* Output filters: which answers are coded, what their fields say then, and that a coder gives back what it was given.
 */
#include "mods_request.h"

#include <zlib.h>

#define SET "SetOutputFilter DEFLATE\n"

static struct request *answer(const char *conf, const char *accept)
{
    struct snapshot *s = kept(conf);
    struct request *r = make_request(s, s->main);

    r->env = (struct http_fields){ 0 };
    r->out = r->err_out = (struct http_fields){ 0 };
    add(&r->out, "Content-Type", "text/html; charset=utf-8");
    add(&r->out, "Content-Length", "1000");
    add(&r->out, "ETag", "\"x\"");
    if (accept)
        add(&r->head.fields, "Accept-Encoding", accept);
    return r;
}

static const char *field(struct request *r, const char *name)
{
    struct span v = http_fields_get(&r->out, name);
    return v.p ? arena_span(arena, v) : NULL;
}

static void a_coded_answer_says_so_and_has_another_tag(void **state)
{
    struct request *r = answer(SET, "gzip");

    (void)state;
    assert_non_null(filter_choose(r, 1000));
    assert_string_equal(field(r, "Content-Encoding"), "gzip");
    assert_string_equal(field(r, "Vary"), "Accept-Encoding");
    assert_string_equal(field(r, "ETag"), "\"x-gzip\"");
    assert_null(field(r, "Content-Length"));
}

static void one_that_is_not_stays_as_it_was_but_for_vary(void **state)
{
    struct request *r = answer(SET, "gzip;q=0");

    (void)state;
    assert_null(filter_choose(r, 1000));
    assert_null(field(r, "Content-Encoding"));
    assert_string_equal(field(r, "Vary"), "Accept-Encoding");
    assert_string_equal(field(r, "ETag"), "\"x\"");
    assert_string_equal(field(r, "Content-Length"), "1000");
}

static void a_body_smaller_than_what_coding_adds_is_left_alone(void **state)
{
    (void)state;
    assert_null(filter_choose(answer(SET, "gzip"), 68));
    assert_non_null(filter_choose(answer(SET, "gzip"), 69));
    assert_non_null(filter_choose(answer(SET, "gzip"), UINT64_MAX));
}

static void types_decide_and_only_for_a_200(void **state)
{
    struct request *r = answer("AddOutputFilterByType DEFLATE text/css text/html", "gzip");

    (void)state;
    assert_non_null(filter_choose(r, 1000));
    assert_null(filter_choose(answer("AddOutputFilterByType DEFLATE text/plain text/htm", "gzip"), 1000));
    r = answer("AddOutputFilterByType DEFLATE text/html", "gzip");
    r->status = 404;
    assert_null(filter_choose(r, 1000));
}

static void brotli_goes_first_where_both_may(void **state)
{
    const char *conf = "AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/html";
    struct request *r = answer(conf, "gzip, br");

    (void)state;
    assert_non_null(filter_choose(r, 1000));
    assert_string_equal(field(r, "Content-Encoding"), "br");
    r = answer(conf, "gzip");
    assert_non_null(filter_choose(r, 1000));
    assert_string_equal(field(r, "Content-Encoding"), "gzip");
}

/* All of it in pieces of three, flushed now and then: what was coded so far must be readable at each flush. */
static void a_coder_gives_back_what_it_was_given(void **state)
{
    struct coder *coder = filter_choose(answer(SET "DeflateBufferSize 1", "gzip"), UINT64_MAX);
    struct buf coded = { 0 };
    unsigned char back[4096];
    z_stream z = { 0 };

    (void)state;
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    z.next_out = back;
    z.avail_out = sizeof(back);
    for (int i = 0; i <= 1000; i++) {
        enum coder_flush how = i == 1000 ? CODER_END : i % 100 ? CODER_MORE : CODER_FLUSH;
        coder->code(coder, i == 1000 ? (struct span){ 0 } : SPAN("abc"), how, &coded);
        if (how == CODER_MORE)
            continue;
        z.next_in = (Bytef *)buf_head(&coded);
        z.avail_in = (unsigned)buf_len(&coded);
        assert_int_equal(inflate(&z, Z_NO_FLUSH), how == CODER_END ? Z_STREAM_END : Z_OK);
        assert_int_equal(z.total_out, how == CODER_END ? 3000 : 3 * (i + 1));
        buf_consume(&coded, buf_len(&coded));
    }
    for (int i = 0; i < 3000; i++)
        assert_int_equal(back[i], "abc"[i % 3]);
    inflateEnd(&z);
    buf_release(&coded);
}

static void bad_words_have_httpds_texts(void **state)
{
    static const char *const rows[][2] = {
        { "DeflateCompressionLevel 10", "Compression Level must be between 1 and 9" },
        { "DeflateMemLevel 0", "DeflateMemLevel must be between 1 and 9" },
        { "DeflateWindowSize 16", "DeflateWindowSize must be between 1 and 15" },
        { "DeflateBufferSize 0", "DeflateBufferSize should be positive" },
        { "DeflateFilterNote sum x", "Unknown note type sum" },
        { "DeflateAlterETag x", "DeflateAlterETAG accepts only 'NoChange', 'AddSuffix', and 'Remove'" },
        { "DeflateInflateLimitRequestBody x", "DeflateInflateLimitRequestBody requires a non-negative integer." },
        { "DeflateInflateRatioLimit 0", "DeflateInflateRatioLimit must be positive" },
        { "DeflateInflateRatioBurst 0", "DeflateInflateRatioBurst must be positive" },
        { "BrotliCompressionQuality 12", "BrotliCompressionQuality must be between 0 and 11" },
        { "BrotliCompressionWindow 9", "BrotliCompressionWindow must be between 10 and 24" },
        { "BrotliCompressionMaxInputBlock 1", "BrotliCompressionMaxInputBlock must be between 16 and 24" },
        { "BrotliFilterNote sum x", "Unknown BrotliFilterNote type 'sum'" },
        { "BrotliAlterETag x", "BrotliAlterETag accepts only 'AddSuffix', 'NoChange' and 'Remove'" },
        { "AddOutputFilterByType DEFLATE", "AddOutputFilterByType requires at least two arguments" },
        { "FilterProtocol Q change=yes", "FilterProtocol: No such filter" },
        { "FilterDeclare Q\nFilterProtocol Q DEFLATE change=yes", "FilterProtocol: No such provider for this filter" },
        { "FilterProvider Q WHAT true", "Unknown filter provider WHAT" },
        { "FilterTrace Q 1", "Undeclared smart filter Q" },
    };
    const char *fault;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        assert_null(load(rows[i][0], &fault));
        assert_string_equal(fault, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_coded_answer_says_so_and_has_another_tag, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_not_stays_as_it_was_but_for_vary, begin, end),
        cmocka_unit_test_setup_teardown(a_body_smaller_than_what_coding_adds_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(types_decide_and_only_for_a_200, begin, end),
        cmocka_unit_test_setup_teardown(brotli_goes_first_where_both_may, begin, end),
        cmocka_unit_test_setup_teardown(a_coder_gives_back_what_it_was_given, begin, end),
        cmocka_unit_test_setup_teardown(bad_words_have_httpds_texts, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
