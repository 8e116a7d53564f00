/* From a path to a file: DocumentRoot, links under Options, path info, files of settings, and the answer's head. */
#include "mods_proxy.h"

#include "folder.h"

#include <dirent.h>
#include <sys/stat.h>
#include <utime.h>

static char root[] = "/tmp/weir-files-XXXXXX";

static void put(const char *name, const char *text)
{
    FILE *f = fopen(arena_printf(bench_arena, "%s/%s", root, name), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make_directory(const char *name)
{
    assert_int_equal(mkdir(arena_printf(bench_arena, "%s/%s", root, name), 0755), 0);
}

static void make_link(const char *name, const char *target)
{
    assert_int_equal(symlink(target, arena_printf(bench_arena, "%s/%s", root, name)), 0);
}

static int make_tree(void **state)
{
    struct utimbuf old = { 1700000000, 1700000000 };

    (void)state;
    if (!mkdtemp(root))
        return -1;
    chmod(root, 0755);
    bench_arena = arena_new();
    make_directory("www");
    make_directory("www/sub");
    make_directory("www/ht");
    put("www/a.txt", "text");
    put("www/sub/x.html", "<p>");
    put("www/ht/.htaccess", "Options None\n");
    put("www/ht/x", "x");
    put("secret", "s");
    make_link("www/link", "a.txt");
    make_link("www/out", "../secret");
    make_link("www/dir", "sub");
    utime(arena_printf(bench_arena, "%s/www/a.txt", root), &old);
    arena_free(bench_arena);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    return folder_remove(root);
}

static struct snapshot *load_with(const char *lines)
{
    return bench_must_load(arena_printf(
        bench_arena, "DocumentRoot %s/www\n<Directory %s>\nAllowOverride None\n</Directory>\n%s", root, root, lines));
}

static bool reads_files; /* as one of the threads for what blocks */

static struct request *map(struct snapshot *s, const char *path, int expected)
{
    struct request *r = bench_request(s, arena_printf(bench_arena, "GET %s HTTP/1.1\nHost: h", path));
    int status = files_translate(r);

    r->off_loop = reads_files;
    assert_int_equal(status ? status : files_map(r), expected);
    return r;
}

/* The file's name below the root, "+" and the path info. */
static const char *leads_to(struct snapshot *s, const char *path)
{
    struct request *r = map(s, path, 0);

    assert_int_equal(strncmp(r->filename, root, strlen(root)), 0);
    return arena_concat(bench_arena, r->filename + strlen(root), "+", r->path_info, NULL);
}

static void a_path_leads_as_far_as_there_is_something(void **state)
{
    (void)state;
    struct snapshot *s = load_with("");

    assert_string_equal(leads_to(s, "/"), "/www/+");
    assert_string_equal(leads_to(s, "/a.txt"), "/www/a.txt+");
    assert_string_equal(leads_to(s, "/a.txt/more/x"), "/www/a.txt+/more/x");
    assert_string_equal(leads_to(s, "/a.txt/"), "/www/a.txt+/");
    assert_string_equal(leads_to(s, "/sub"), "/www/sub+");
    assert_string_equal(leads_to(s, "/sub/"), "/www/sub/+");
    assert_string_equal(leads_to(s, "/none/x/y"), "/www/none+/x/y");
    assert_int_equal(map(s, "/a.txt", 0)->file.kind, RESOURCE_FILE);
    assert_int_equal(map(s, "/a.txt", 0)->file.size, 4);
    assert_int_equal(map(s, "/sub", 0)->file.kind, RESOURCE_DIRECTORY);
    assert_int_equal(map(s, "/none", 0)->file.kind, RESOURCE_NONE);
    assert_int_equal(map(s, "/a.txt/x", 0)->file.kind, RESOURCE_FILE);
}

static void links_are_followed_where_options_say_so(void **state)
{
    (void)state;
    struct snapshot *all = load_with(""), *none = load_with("<Directory />\nOptions None\n</Directory>");

    assert_string_equal(leads_to(all, "/link"), "/www/link+");
    assert_string_equal(leads_to(all, "/out"), "/www/out+");
    assert_string_equal(leads_to(none, "/a.txt"), "/www/a.txt+");
    map(none, "/link", 403);
    map(none, "/out", 403);
    map(none, "/dir/x.html", 403);
    map(none, "/dir/none", 403);
}

/* Options that hold further down do not reach back. */
static void each_directory_has_its_own_options(void **state)
{
    (void)state;
    struct snapshot *s = load_with(
        arena_printf(bench_arena,
                     "<Directory %s/www>\nOptions None\n</Directory>\n<Directory %s/www/dir>\nOptions FollowSymLinks\n"
                     "</Directory>",
                     root, root));

    map(s, "/dir/x.html", 403);
    assert_string_equal(leads_to(s, "/sub/x.html"), "/www/sub/x.html+");
}

/* A worker's loop is told that the file is to be read elsewhere, and then is told what it says. */
static void a_file_of_settings_is_never_left_out_in_silence(void **state)
{
    (void)state;
    struct snapshot *read = bench_must_load(arena_printf(bench_arena, "DocumentRoot %s/www\nErrorLog /dev/null", root));
    struct snapshot *other = bench_must_load(
        arena_printf(bench_arena, "DocumentRoot %s/www\nAccessFileName .other .more\nErrorLog /dev/null", root));

    map(read, "/ht/x", FILES_AWAY);
    reads_files = true;
    map(read, "/ht/x", 500);
    map(read, "/ht/none", 500);
    map(read, "/ht", 500);
    map(other, "/ht/x", 0);
    map(load_with(""), "/ht/x", 0);
    map(load_with(arena_printf(
            bench_arena, "ErrorLog /dev/null\n<Directory %s/www/ht>\nAllowOverride AuthConfig\n</Directory>", root)),
        "/ht/x", 500);
    map(load_with(arena_printf(
            bench_arena, "ErrorLog /dev/null\n<Directory %s/www/ht>\nAllowOverrideList Redirect\n</Directory>", root)),
        "/ht/x", 500);
    map(load_with(arena_printf(bench_arena,
                               "ErrorLog /dev/null\n<Directory %s/www/ht>\nAllowOverride Options\n</Directory>", root)),
        "/ht/x", 0);
    reads_files = false;
}

static void what_is_too_long_or_climbs_is_refused(void **state)
{
    (void)state;
    struct snapshot *s = load_with("ErrorLog /dev/null");
    char name[400], path[5000] = "/";
    struct request *r;

    memset(name, 'a', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    map(s, name, 403);
    for (int i = 0; i < 2400; i++)
        memcpy(path + 1 + 2 * i, "b/", 3);
    map(s, path, 403);
    r = bench_request(s, "GET /x HTTP/1.1\nHost: h");
    r->uri = "/../secret"; /* as no request has it, and a module might */
    assert_int_equal(files_translate(r), 403);
}

static void lines_have_httpds_faults(void **state)
{
    static const struct {
        const char *line, *fault;
    } rows[] = {
        { "Options +All", "You may not use 'Options +All' or 'Options -All'." },
        { "Options Indexes +FollowSymLinks", "Either all Options must start with + or -, or no Option may." },
        { "Options FollowSymLinks All", "'Options All' must be the first option given." },
        { "Options Foo", "Illegal option Foo" },
        { "AllowOverride All", "AllowOverride not allowed here" },
        { "<Directory /x>\nAllowOverride Foo\n</Directory>", "Illegal override option Foo" },
        { "<Directory /x>\nAllowOverride Options=Foo\n</Directory>", "Illegal option Foo" },
        { "<Directory /x>\nAllowOverride Nonfatal\n</Directory>",
          "=Override, =Unknown or =All expected after Nonfatal" },
        { "FileETag Foo", "Unknown keyword 'Foo' for FileETag directive" },
        { "FileETag +None", "FileETag keyword 'None' cannot be used with '+' or '-'" },
        { "AcceptPathInfo x", "AcceptPathInfo must be set to on, off or default" },
        { "EnableSendfile x", "parameter must be 'on' or 'off'" },
        { "DirectorySlash x", "DirectorySlash must be On or Off" },
        { "DirectoryCheckHandler x", "DirectoryCheckHandler must be On or Off" },
        { "DirectoryIndexRedirect x", "DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx" },
        { "DirectoryIndexRedirect 200", "DirectoryIndexRedirect only accepts values between 300 and 399" },
        { "MaxRanges x", "MaxRanges requires 'none', 'default', 'unlimited' or a positive integer" },
        { "MaxRangeReversals -1", "MaxRangeReversals requires 'none', 'default', 'unlimited' or a positive integer" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_null(bench_load(rows[i].line));
        assert_string_equal(bench_fault.text, rows[i].fault);
    }
}

static bool has_notice(const struct snapshot *s, const char *text)
{
    for (unsigned i = 0; i < s->reading->notices.n; i++)
        if (strstr(((struct conf_notice *)s->reading->notices.items[i])->text, text))
            return true;
    return false;
}

static void what_does_nothing_is_said(void **state)
{
    (void)state;
    assert_true(has_notice(bench_must_load("Options Indexes MultiViews"), "MultiViews has no effect"));
    assert_false(has_notice(bench_must_load("Options -MultiViews"), "MultiViews has no effect"));
    assert_true(has_notice(bench_must_load("DefaultType text/x"), "Ignoring deprecated use of DefaultType"));
    assert_false(has_notice(bench_must_load("DefaultType None"), "DefaultType"));
    assert_true(has_notice(bench_must_load("<Location /x>\nAllowOverride All\n</Location>"), "Useless use of"));
}

/* ---- the head ---- */

static struct request *opened(struct snapshot *s, const char *head, int expected)
{
    struct request *r = bench_request(s, head);
    int fd = -1;

    r->begun_us = 1800000000 * (int64_t)1000000;
    assert_int_equal(files_translate(r), 0);
    assert_int_equal(files_map(r), 0);
    assert_int_equal(files_open(r, &fd), expected);
    if (fd >= 0)
        close(fd);
    return r;
}

static const char *field(const struct request *r, const char *name)
{
    struct span value = http_fields_get(&r->out, name);

    return value.p ? arena_span(bench_arena, value) : "";
}

static void a_files_head_says_when_and_what(void **state)
{
    (void)state;
    struct request *r = opened(load_with(""), "GET /a.txt HTTP/1.1\nHost: h", 0);

    assert_int_equal(r->status, 200);
    assert_string_equal(field(r, "Last-Modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_string_equal(field(r, "ETag"), "\"4-60a24181e4000\"");
    assert_string_equal(field(r, "Accept-Ranges"), "bytes");
    assert_string_equal(field(r, "Content-Length"), "4");
    assert_string_equal(
        field(opened(load_with("MaxRanges none\nFileETag Size"), "GET /a.txt HTTP/1.1\nHost: h", 0), "ETag"), "\"4\"");
    assert_string_equal(field(opened(load_with("FileETag None"), "GET /a.txt HTTP/1.1\nHost: h", 0), "ETag"), "");
}

static void conditions_are_met_or_not(void **state)
{
    (void)state;
    struct snapshot *s = load_with("");

    assert_int_equal(opened(s, "GET /a.txt HTTP/1.1\nHost: h\nIf-None-Match: \"4-60a24181e4000\"", 0)->status, 304);
    assert_int_equal(opened(s, "GET /a.txt HTTP/1.1\nHost: h\nIf-Match: \"x\"", 0)->status, 412);
    assert_int_equal(opened(s, "GET /a.txt HTTP/1.1\nHost: h\nIf-None-Match: \"x\"", 0)->status, 200);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct snapshot *s = load_with("ErrorLog /dev/null");

    opened(s, "GET /none HTTP/1.1\nHost: h", 404);
    opened(s, "GET /a.txt/x HTTP/1.1\nHost: h", 404);
    opened(s, "GET /sub/ HTTP/1.1\nHost: h", 403);
    opened(s, "PUT /a.txt HTTP/1.1\nHost: h", 405);
    opened(load_with("AcceptPathInfo On"), "GET /a.txt/x HTTP/1.1\nHost: h", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_leads_as_far_as_there_is_something, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(links_are_followed_where_options_say_so, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(each_directory_has_its_own_options, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_file_of_settings_is_never_left_out_in_silence, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(what_is_too_long_or_climbs_is_refused, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(lines_have_httpds_faults, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(what_does_nothing_is_said, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_files_head_says_when_and_what, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(conditions_are_met_or_not, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
