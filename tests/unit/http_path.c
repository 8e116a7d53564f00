/* A path's way through the proxy: decoded, its segments resolved, encoded again; each line as httpd 2.4 forwards it. */
#include "http.h"
#include <setjmp.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int normalize(struct arena *a, const char *raw, enum http_slashes slashes, bool merge, char **out)
{
    switch (http_normalize_path(a, span_of(raw), slashes, merge, out)) {
    case HTTP_PATH_OK: return 200;
    case HTTP_PATH_BAD: return 400;
    default: return 404;
    }
}

static void assert_sent(struct arena *a, const char *path, bool keep_slash, const char *expected)
{
    struct span sent = http_encode_path(a, span_of(path), keep_slash);

    assert_non_null(sent.p);
    assert_string_equal(arena_span(a, sent), expected);
}

static void an_encoded_path_keeps_its_escapes_and_is_resolved(void **state)
{
    static const struct {
        const char *raw;
        int status;
        const char *path;
    } paths[] = {
        { "/a%20b/%2fc/%00", 200, "/a%20b/%2fc/%00" },
        { "/%41%7e%2D", 200, "/A~-" },
        { "/a/%2e%2E/b//c/.", 200, "/b/c/" },
        { "/a/..%2fb", 200, "/a/..%2fb" },
        { "/a/..;x/b", 200, "/a/..;x/b" },
        { "/%zz", 400, NULL },
        { "/../a", 400, NULL },
    };
    struct arena *a = arena_new();
    char *path;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(paths); i++) {
        assert_int_equal(normalize(a, paths[i].raw, HTTP_ENCODED, true, &path), paths[i].status);
        if (paths[i].path)
            assert_string_equal(path, paths[i].path);
    }
    arena_free(a);
}

static void paths_are_decoded_and_resolved(void **state)
{
    static const struct {
        const char *raw;
        int status;
        const char *path, *sent;
    } paths[] = {
        { "/", 200, "/", "/" },
        { "/a%20b", 200, "/a b", "/a%20b" },
        { "/a+b%2b", 200, "/a+b+", "/a+b+" },
        { "/%41%7E", 200, "/A~", "/A~" },
        { "/\xc3\xa9%c3%A9", 200, "/\xc3\xa9\xc3\xa9", "/%C3%A9%C3%A9" },
        { "/\"<>{}|^`\\", 200, "/\"<>{}|^`\\", "/%22%3C%3E%7B%7D%7C%5E%60%5C" },
        { "/a;b=c,d:e@f&g!h*i'(j)$_-.~", 200, "/a;b=c,d:e@f&g!h*i'(j)$_-.~", "/a;b=c,d:e@f&g!h*i'(j)$_-.~" },
        { "/%3f%23%25", 200, "/?#%", "/%3F%23%25" },
        { "/%2541", 200, "/%41", "/%2541" },
        { "/a//b///c", 200, "/a/b/c", "/a/b/c" },
        { "/a/./b/.", 200, "/a/b/", "/a/b/" },
        { "/a/b/../c", 200, "/a/c", "/a/c" },
        { "/a/b/..", 200, "/a/", "/a/" },
        { "/a//../b", 200, "/b", "/b" },
        { "/a/%2e%2E/b/.%2e/c", 200, "/c", "/c" },
        { "/..a/...", 200, "/..a/...", "/..a/..." },
        { "/a%0a", 200, "/a\n", "/a%0A" },
        { "*", 200, "*", "*" },
        { "/..", 400, NULL, NULL },
        { "/a/../../b", 400, NULL, NULL },
        { "/%2e%2e/", 400, NULL, NULL },
        { "/%zz", 400, NULL, NULL },
        { "/%", 400, NULL, NULL },
        { "/%2", 400, NULL, NULL },
        { "/%zz%2f", 400, NULL, NULL },
        { "a", 400, NULL, NULL },
        { "", 400, NULL, NULL },
        { "/a%2fb", 404, NULL, NULL },
        { "/a%2Fb", 404, NULL, NULL },
        { "/a%00b", 404, NULL, NULL },
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char *path;

        assert_int_equal(normalize(a, paths[i].raw, HTTP_SLASHES_OFF, true, &path), paths[i].status);
        if (paths[i].path) {
            assert_string_equal(path, paths[i].path);
            assert_sent(a, path, false, paths[i].sent);
        }
    }
    assert_int_equal(http_normalize_path(a, (struct span){ "/a\0b", 4 }, HTTP_SLASHES_OFF, true, &(char *){ NULL }),
                     HTTP_PATH_BAD);
    arena_free(a);
}

static void encoded_slashes_follow_their_directive(void **state)
{
    struct arena *a = arena_new();
    char *path;

    (void)state;
    assert_int_equal(normalize(a, "/a%2fb", HTTP_SLASHES_ON, true, &path), 200);
    assert_string_equal(path, "/a/b");
    assert_int_equal(normalize(a, "/a%2f..%2f%2fb", HTTP_SLASHES_ON, true, &path), 200);
    assert_string_equal(path, "/b");
    /* above the root only once decoded: not an error, and nothing above the root */
    assert_int_equal(normalize(a, "/..%2f..%2fb", HTTP_SLASHES_ON, true, &path), 200);
    assert_string_equal(path, "/b");
    assert_int_equal(normalize(a, "/a%2fb%00", HTTP_SLASHES_ON, true, &path), 404);

    assert_int_equal(normalize(a, "/a%2fb%2F..", HTTP_SLASHES_NODECODE, true, &path), 200);
    assert_string_equal(path, "/a%2fb%2F..");
    assert_sent(a, path, true, "/a%2fb%2F..");
    assert_sent(a, path, false, "/a%252fb%252F..");
    /* a lone "%" cannot be told from an escape any more: Apache answers 400 */
    assert_int_equal(normalize(a, "/a%25b", HTTP_SLASHES_NODECODE, true, &path), 200);
    assert_null(http_encode_path(a, span_of(path), true).p);
    assert_sent(a, "/%41", true, "/%2541");
    arena_free(a);
}

static void empty_segments_stay_without_merge_slashes(void **state)
{
    struct arena *a = arena_new();
    char *path;

    (void)state;
    assert_int_equal(normalize(a, "/a//b///", HTTP_SLASHES_OFF, false, &path), 200);
    assert_string_equal(path, "/a//b///");
    assert_int_equal(normalize(a, "/a//../b", HTTP_SLASHES_OFF, false, &path), 200);
    assert_string_equal(path, "/a/b");
    assert_int_equal(normalize(a, "//..", HTTP_SLASHES_OFF, false, &path), 200);
    assert_string_equal(path, "/");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_decoded_and_resolved),
        cmocka_unit_test(an_encoded_path_keeps_its_escapes_and_is_resolved),
        cmocka_unit_test(encoded_slashes_follow_their_directive),
        cmocka_unit_test(empty_segments_stay_without_merge_slashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
