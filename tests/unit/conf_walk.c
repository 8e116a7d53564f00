/* Which names a section is for, and in what order sections lie. Patterns were tried on a running apache2. */
#include "conf_fake.h"

static struct snapshot *loaded;

static bool matches(const char *section, const char *kind, const char *text)
{
    char conf[512];
    snprintf(conf, sizeof(conf), "ServerName m\n<%s %s>\n</%s>\n", kind, section, kind);
    loaded = load_good(conf);
    struct site *m = loaded->main;
    struct vec *lists[] = { &m->locations, &m->directories, &m->files, &m->proxies };
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (lists[i]->n)
            found = section_matches(lists[i]->items[0], span_of(text), NULL);
    snapshot_drop(loaded);
    return found;
}

static void a_location_is_for_whole_segments(void **state)
{
    (void)state;
    assert_true(matches("/app", "Location", "/app"));
    assert_true(matches("/app", "Location", "/app/x"));
    assert_false(matches("/app", "Location", "/apple"));
    assert_false(matches("/app", "Location", "/ap"));
    assert_false(matches("/app/", "Location", "/app"));
    assert_true(matches("/app/", "Location", "/app/x"));
    assert_true(matches("/", "Location", "/anything"));
    assert_false(matches("/App", "Location", "/app"));
}

static void location_wildcards_stop_at_slashes(void **state)
{
    (void)state;
    assert_true(matches("/u/*/x", "Location", "/u/me/x"));
    assert_false(matches("/u/*/x", "Location", "/u/me/too/x"));
    assert_false(matches("/u/*/x", "Location", "/u/me/x/y"));
    assert_true(matches("/u?", "Location", "/ux"));
    assert_false(matches("/u?x", "Location", "/u/x"));
    assert_true(matches("/[a-c]*", "Location", "/bob"));
    assert_false(matches("/[!a-c]*", "Location", "/bob"));
    assert_true(matches("/*a*b*c", "Location", "/xxaxxbxxc"));
    assert_false(matches("/a[/]b*", "Location", "/a/bc"));
    assert_true(matches("/[x*", "Location", "/[xy"));
}

static void many_stars_cost_no_more_than_their_product(void **state)
{
    (void)state;
    char pattern[200] = "/", text[4001];
    for (int i = 0; i < 60; i++)
        strcat(pattern, "*a");
    strcat(pattern, "*b");
    memset(text, 'a', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_false(matches(pattern, "Location", text));
}

static void a_regex_is_searched_and_its_groups_kept(void **state)
{
    (void)state;
    loaded = load_good("ServerName m\n<LocationMatch \"/room/(\\d+)\">\n</LocationMatch>\n");
    const struct section *s = loaded->main->locations.items[0];
    struct regex_match m;
    assert_true(section_matches(s, SPAN("/x/room/42/y"), &m));
    assert_int_equal(m.n, 2);
    assert_true(span_eq(m.group[1], SPAN("42")));
    assert_false(section_matches(s, SPAN("/room/x"), &m));
    snapshot_drop(loaded);
}

static void a_directory_is_for_all_below(void **state)
{
    (void)state;
    assert_true(matches("/var/www", "Directory", "/var/www/"));
    assert_true(matches("/var/www", "Directory", "/var/www/a/b.html"));
    assert_false(matches("/var/www", "Directory", "/var/www2/x"));
    assert_true(matches("/", "Directory", "/etc/passwd"));
    assert_true(matches("/home/*/pub", "Directory", "/home/me/pub/deep/x"));
    assert_false(matches("/home/*/pub", "Directory", "/home/me/too/pub/x"));
    assert_false(matches("/home/*/pub", "Directory", "/home/me/"));
    assert_true(matches("/pub/", "DirectoryMatch", "/home/me/pub/x"));
}

static void files_are_compared_by_their_last_part(void **state)
{
    (void)state;
    assert_true(matches(".htaccess", "Files", "/var/www/.htaccess"));
    assert_false(matches(".htaccess", "Files", "/var/.htaccess/x"));
    assert_true(matches("*.png", "Files", "/a/b.png"));
    assert_true(matches("\"^\\.ht\"", "FilesMatch", "/var/www/.htpasswd"));
    assert_false(matches("\"^\\.ht\"", "FilesMatch", "/var/.ht/index"));
}

static void a_proxy_section_is_a_prefix_or_a_pattern(void **state)
{
    (void)state;
    assert_true(matches("http://h:3000", "Proxy", "http://h:3000/x"));
    assert_true(matches("http://h:3", "Proxy", "http://h:3000/x"));
    assert_false(matches("http://h:3000", "Proxy", "ws://h:3000/x"));
    assert_true(matches("*", "Proxy", "ws://h:3000/a/b"));
    assert_true(matches("ws://*/b", "Proxy", "ws://h:3000/a/b")); /* "*" takes slashes here */
}

static void directories_lie_shortest_first_and_patterns_last(void **state)
{
    (void)state;
    static const char *const expected[] = { "/", "/b/", "/c/", "/a/b/", "/x/y/", "x", "/a/b/c" };
    struct snapshot *s =
        load_good("ServerName m\n<Directory /a/b>\n</Directory>\n<DirectoryMatch /a/b/c>\n</DirectoryMatch>\n"
                  "<Directory /b>\n</Directory>\n<DirectoryMatch x>\n</DirectoryMatch>\n"
                  "<VirtualHost *:80>\n<Directory /c>\n</Directory>\n<Directory />\n</Directory>\n"
                  "<Directory /x/y>\n</Directory>\n</VirtualHost>\n");
    const struct site *site = s->sites.items[0];
    assert_int_equal(site->directories.n, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_string_equal(((struct section *)site->directories.items[i])->pattern, expected[i]);
    assert_int_equal(s->main->directories.n, 4);
    snapshot_drop(s);
}

static void files_and_conditions_stay_inside_their_section(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\n<If \"a\">\n</If>\n<Directory /d>\n<Files f>\nColour red\n</Files>\n"
                                   "<If \"b\">\n</If>\n<Else>\nColour blue\n</Else>\n</Directory>\n"
                                   "<VirtualHost *:80>\n<If \"c\">\n</If>\n</VirtualHost>\n");
    const struct section *d = s->main->directories.items[0];
    assert_int_equal(d->inner.n, 3);
    assert_int_equal(s->main->files.n, 0);
    assert_int_equal(s->main->ifs.n, 1);
    const struct section *otherwise = d->inner.items[2];
    assert_ptr_equal(otherwise->otherwise_of, d->inner.items[1]);
    assert_null(otherwise->condition);
    const struct site *site = s->sites.items[0];
    assert_int_equal(site->ifs.n, 2); /* main's first */
    assert_string_equal(((struct section *)site->ifs.items[1])->pattern, "\"c\"");
    assert_int_equal(s->n_sections, 6);
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_location_is_for_whole_segments),
        cmocka_unit_test(location_wildcards_stop_at_slashes),
        cmocka_unit_test(many_stars_cost_no_more_than_their_product),
        cmocka_unit_test(a_regex_is_searched_and_its_groups_kept),
        cmocka_unit_test(a_directory_is_for_all_below),
        cmocka_unit_test(files_are_compared_by_their_last_part),
        cmocka_unit_test(a_proxy_section_is_a_prefix_or_a_pattern),
        cmocka_unit_test(directories_lie_shortest_first_and_patterns_last),
        cmocka_unit_test(files_and_conditions_stay_inside_their_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
