/* mod_mime: what the extensions of a name say, and how sections change it. */
#include "mods_proxy.h"

static char types[] = "/tmp/weir-types-XXXXXX";

static int write_types(void **state)
{
    int fd = mkstemp(types);
    static const char text[] = "# comment\ntext/html\thtml htm\ntext/plain txt\napplication/gzip gz\nimage/none\n";

    (void)state;
    return fd >= 0 && write(fd, text, strlen(text)) > 0 && close(fd) == 0 ? 0 : -1;
}

static int remove_types(void **state)
{
    (void)state;
    return unlink(types);
}

static struct snapshot *load_with(const char *lines)
{
    return bench_must_load(arena_printf(bench_arena, "TypesConfig %s\n%s", types, lines));
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

/* "type encoding language handler" */
static const char *kind(struct snapshot *s, const char *name)
{
    struct request *r = bench_request(s, "GET /x HTTP/1.1\nHost: h");

    r->filename = arena_concat(bench_arena, "/srv/dir.html/", name, NULL);
    r->path_info = "/y.txt";
    r->file.kind = RESOURCE_FILE;
    mime_find(r);
    core_override_type(r);
    return arena_printf(bench_arena, "%s %s %s %s", or_dash(r->content_type), or_dash(r->content_encoding),
                        or_dash(r->content_language), or_dash(r->handler));
}

static void each_extension_says_something(void **state)
{
    (void)state;
    struct snapshot *s =
        load_with("AddEncoding x-gzip .gz\nAddLanguage en EN\nAddLanguage de de\nAddCharset UTF-8 utf8\n"
                  "AddType \"text/x; charset=a; b=c\" x");

    assert_string_equal(kind(s, "a.html"), "text/html - - -");
    assert_string_equal(kind(s, "a.HTM"), "text/html - - -");
    assert_string_equal(kind(s, "a.html.gz"), "application/gzip x-gzip - -");
    assert_string_equal(kind(s, "a.gz.html"), "text/html x-gzip - -");
    assert_string_equal(kind(s, "a.en.html.de"), "text/html - en,de -");
    assert_string_equal(kind(s, "a.html.utf8"), "text/html; charset=utf-8 - - -");
    assert_string_equal(kind(s, "a.x"), "text/x; charset=a; b=c - - -");
    assert_string_equal(kind(s, "a.x.utf8"), "text/x; charset=utf-8; b=c - - -");
    assert_string_equal(kind(s, "html"), "- - - -");
    assert_string_equal(kind(s, ".html"), "- - - -");
    assert_string_equal(kind(s, "a."), "- - - -");
    assert_string_equal(kind(s, "a..html"), "text/html - - -");
    assert_string_equal(kind(s, "a.unknown"), "- - - -");
}

static void sections_take_away_and_add(void **state)
{
    (void)state;
    assert_string_equal(kind(load_with("<Location />\nRemoveType .html\n</Location>"), "a.html"), "- - - -");
    assert_string_equal(kind(load_with("AddEncoding z .gz\n<Location />\nRemoveEncoding gz\n</Location>"), "a.gz"),
                        "application/gzip - - -");
    assert_string_equal(
        kind(load_with("AddLanguage en .en\n<Location />\nRemoveLanguage en\nAddType a/b en\n</Location>"), "a.en"),
        "a/b - - -");
    assert_string_equal(kind(load_with("AddCharset a .html\n<Location />\nRemoveCharset html\n</Location>"), "a.html"),
                        "text/html - - -");
    assert_string_equal(kind(load_with("ForceType a/b"), "a.html"), "a/b - - -");
    assert_string_equal(kind(load_with("ForceType a/b\n<Location />\nForceType none\n</Location>"), "a.html"),
                        "text/html - - -");
    assert_string_equal(kind(load_with("DefaultLanguage fr"), "a.html"), "text/html - fr -");
    assert_string_equal(kind(load_with("<Location />\nModMimeUsePathInfo On\n</Location>"), "a.html"),
                        "text/plain - - -");
}

static void handlers_come_by_name_or_by_force(void **state)
{
    (void)state;
    assert_string_equal(kind(load_with("AddHandler type-map .var"), "a.var"), "- - - type-map");
    assert_string_equal(
        kind(load_with("AddHandler type-map .var\n<Location />\nRemoveHandler .var\n</Location>"), "a.var"), "- - - -");
    assert_string_equal(kind(load_with("AddHandler type-map .var\nSetHandler default-handler"), "a.var"),
                        "- - - default-handler");
    assert_string_equal(kind(load_with("SetHandler default-handler\n<Location />\nSetHandler None\n</Location>"), "a"),
                        "- - - -");
    assert_string_equal(kind(load_with("AddHandler CGI-Script .cgi"), "a.cgi"), "- - - cgi-script");
    assert_string_equal(kind(load_with("AddHandler server-info .i"), "a.i"), "- - - server-info");
    assert_null(bench_load("AddHandler foo-handler .cgi"));
    assert_non_null(strstr(bench_fault.text, "AddHandler foo-handler .cgi: refused: Weir has no such handler / "));
}

static void a_file_of_types_that_is_missing_is_a_fault(void **state)
{
    (void)state;
    assert_null(bench_load("TypesConfig /no/such/file"));
    assert_string_equal(bench_fault.text, "AH01597: could not open mime types config file /no/such/file.");
}

static const char *sent_as(const char *lines, const char *type)
{
    struct request *r = bench_request(load_with(lines), "GET /x HTTP/1.1\nHost: h");

    http_fields_set(bench_arena, &r->out, "Content-Type", span_of(type));
    mime_charset(r);
    return arena_span(bench_arena, http_fields_get(&r->out, "Content-Type"));
}

static void text_without_a_charset_gets_the_default_one(void **state)
{
    (void)state;
    assert_string_equal(sent_as("", "text/html"), "text/html");
    assert_string_equal(sent_as("AddDefaultCharset On", "text/html"), "text/html; charset=iso-8859-1");
    assert_string_equal(sent_as("AddDefaultCharset utf-8", "Text/Plain"), "Text/Plain; charset=utf-8");
    assert_string_equal(sent_as("AddDefaultCharset utf-8", "text/html;CharSet=x"), "text/html;CharSet=x");
    assert_string_equal(sent_as("AddDefaultCharset utf-8", "text/css"), "text/css");
    assert_string_equal(
        sent_as("AddDefaultCharset utf-8\n<Location />\nAddDefaultCharset Off\n</Location>", "text/html"), "text/html");
}

/* The table of a file is kept for the next configuration; what has another path, or was written anew, is read. */
static void a_changed_file_of_types_is_read_anew(void **state)
{
    static char one[] = "/tmp/weir-types-XXXXXX";
    static const char *const texts[] = { "text/one x\n", "text/two x\n", "text/red x\n" };
    const char *lines;
    struct snapshot *before = NULL, *now;
    int fd = mkstemp(one);

    (void)state;
    lines = arena_printf(bench_arena, "TypesConfig %s", one);
    for (unsigned i = 0; i < COUNT_OF(texts); i++, before = now) {
        assert_int_equal(pwrite(fd, texts[i], strlen(texts[i]), 0), strlen(texts[i]));
        now = bench_must_load(lines);
        assert_string_equal(kind(now, "a.x"), arena_printf(bench_arena, "%.8s - - -", texts[i]));
        if (before) /* it still has its own */
            assert_string_equal(kind(before, "a.x"), arena_printf(bench_arena, "%.8s - - -", texts[i - 1]));
        assert_string_equal(kind(load_with(""), "a.x"), "- - - -");
    }
    close(fd);
    unlink(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_extension_says_something, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(sections_take_away_and_add, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(handlers_come_by_name_or_by_force, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_file_of_types_that_is_missing_is_a_fault, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_changed_file_of_types_is_read_anew, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(text_without_a_charset_gets_the_default_one, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, write_types, remove_types);
}
