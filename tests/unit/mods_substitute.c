/* mod_substitute: lines stay whole in whatever pieces a body comes, memory is bounded, and what cannot be edited fails.
 */
#include "mods_request.h"

#define SET "SetOutputFilter SUBSTITUTE\n"

static void drop(void *s)
{
    snapshot_drop(s);
}

static struct coder *coder_of(const char *conf)
{
    struct snapshot *s = must_load(conf);
    struct request *r = make_request(s, s->main);
    struct coder *c;

    arena_on_free(arena, drop, s);
    r->env = (struct http_fields){ 0 };
    add(&r->out, "Content-Type", "text/html");
    add(&r->out, "Content-Length", "1000");
    c = filter_choose(r, 1000);
    assert_non_null(c);
    assert_null(http_fields_get(&r->out, "Content-Length").p);
    return c;
}

/* The text in pieces of n bytes. */
static const char *edited(const char *conf, const char *text, size_t n)
{
    struct coder *c = coder_of(conf);
    struct span rest = span_of(text);
    struct buf out = { 0 };
    const char *whole;

    while (rest.n && !c->failed) {
        size_t some = rest.n < n ? rest.n : n;
        c->code(c, (struct span){ rest.p, some }, CODER_MORE, &out);
        rest = (struct span){ rest.p + some, rest.n - some };
    }
    c->code(c, (struct span){ 0 }, CODER_END, &out);
    whole = c->failed ? "FAILED" : arena_span(arena, buf_span(&out));
    buf_release(&out);
    return whole;
}

static void lines_are_whole_in_any_pieces(void **state)
{
    static const char text[] = "foo one\nfo\n\noo foofoo";

    (void)state;
    for (size_t n = 1; n < sizeof(text); n++) {
        assert_string_equal(edited(SET "Substitute s/foo/<$0>/", text, n), "<foo> one\nfo\n\noo <foo><foo>");
        assert_string_equal(edited(SET "Substitute s/^foo/x/\nSubstitute s/x/$0/n", text, n),
                            "$0 one\nfo\n\noo foofoo");
        assert_string_equal(edited(SET "Substitute s/o\\n/0|/", text, n), "foo one\nf0|\noo foofoo");
    }
}

static void what_is_literal_is_no_pattern(void **state)
{
    (void)state;
    assert_string_equal(edited(SET "Substitute \"s|a.b[$](\\\\|\\\\$1|n\"", "a.b[$](\\ axb[$](\\", 99),
                        "\\$1 axb[$](\\");
    assert_string_equal(edited(SET "Substitute s/\xc3\xa9T/e/ni", "\xc3\xa9t", 99), "e");
}

static void a_flush_keeps_the_beginning_of_a_line(void **state)
{
    struct coder *c = coder_of(SET "Substitute s/foo/bar/");
    struct buf out = { 0 };

    (void)state;
    c->code(c, SPAN("one\nfo"), CODER_MORE, &out);
    c->code(c, (struct span){ 0 }, CODER_FLUSH, &out);
    assert_string_equal(arena_span(arena, buf_span(&out)), "one\n");
    c->code(c, SPAN("o"), CODER_END, &out);
    assert_string_equal(arena_span(arena, buf_span(&out)), "one\nbar");
    buf_release(&out);
}

static void what_has_no_end_fails(void **state)
{
    (void)state;
    assert_string_equal(edited(SET "SubstituteMaxLineLength 4", "12345", 2), "FAILED");
    assert_string_equal(edited(SET "SubstituteMaxLineLength 4", "12345\n", 99), "FAILED");
    assert_string_equal(edited(SET "SubstituteMaxLineLength 4", "123\n1234", 1), "123\n1234");
    assert_string_equal(edited(SET "SubstituteMaxLineLength 4\nSubstitute s/2/zzz/", "123\n", 99), "FAILED");
    assert_string_equal(edited(SET "Substitute s/x*/-/", "abc", 99), "FAILED");
    assert_string_equal(edited(SET "Substitute \"s/(a+)+$/-/\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 99),
                        "FAILED");
    assert_string_equal(edited(SET
                               "Substitute s/a/$0$0$0$0$0$0$0$0/\nSubstitute s/a/aaaaaaaa/\nSubstitute s/a+/$0$0$0$0/\n"
                               "SubstituteMaxLineLength 255",
                               "a", 99),
                        "FAILED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_whole_in_any_pieces, begin, end),
        cmocka_unit_test_setup_teardown(what_is_literal_is_no_pattern, begin, end),
        cmocka_unit_test_setup_teardown(a_flush_keeps_the_beginning_of_a_line, begin, end),
        cmocka_unit_test_setup_teardown(what_has_no_end_fails, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
