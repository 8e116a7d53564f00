/* .htaccess: what is kept of the files that were read, for how long and how much; what a request is told of them. */
#include "mods_proxy.h"

#include "folder.h"

#include "htaccess.h"

#include <pthread.h>
#include <sys/stat.h>
#include <utime.h>

/* ---- the cache ---- */

static const struct htaccess_stamp stamp = { .device = 1, .inode = 2, .size = 10, .modified_ns = 3, .changed_ns = 4 };

static struct htaccess_cache *new_cache(void)
{
    return htaccess_cache_new(bench_arena);
}

static void put(struct htaccess_cache *c, const char *key, uint64_t size)
{
    struct htaccess_stamp s = stamp;
    struct htaccess *h;

    s.size = size;
    h = htaccess_new(key, &s);
    htaccess_put(c, h);
    htaccess_drop(h);
}

static bool has(struct htaccess_cache *c, const char *key, uint64_t size)
{
    struct htaccess_stamp s = stamp;
    struct htaccess *h;

    s.size = size;
    h = htaccess_get(c, key, &s);
    if (h)
        htaccess_drop(h);
    return h != NULL;
}

static unsigned number(struct htaccess_cache *c)
{
    unsigned n;
    size_t weight;

    htaccess_cache_size(c, &n, &weight);
    assert_int_equal(weight == 0, n == 0);
    return n;
}

static void a_file_is_known_by_its_stamp(void **state)
{
    struct htaccess_cache *c = new_cache();
    struct htaccess_stamp others[] = { stamp, stamp, stamp, stamp, stamp };

    (void)state;
    others[0].device++, others[1].inode++, others[2].size++, others[3].modified_ns++, others[4].changed_ns++;
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        put(c, "a", stamp.size);
        assert_true(has(c, "a", stamp.size));
        assert_null(htaccess_get(c, "a", &others[i]));
        assert_int_equal(number(c), 0); /* and forgotten by that */
    }
    assert_false(has(c, "b", stamp.size));
}

static void a_newer_one_takes_its_place(void **state)
{
    struct htaccess_cache *c = new_cache();

    (void)state;
    put(c, "a", 1);
    put(c, "a", 2);
    assert_int_equal(number(c), 1);
    assert_true(has(c, "a", 2));
    assert_false(has(c, "a", 1));
}

static void those_used_last_are_kept(void **state)
{
    struct htaccess_cache *c = new_cache();

    (void)state;
    for (unsigned i = 0; i < HTACCESS_FILES_MOST; i++)
        put(c, arena_printf(bench_arena, "%u", i), 1);
    assert_true(has(c, "0", 1));
    put(c, "more", 1);
    assert_int_equal(number(c), HTACCESS_FILES_MOST);
    assert_true(has(c, "0", 1) && has(c, "more", 1) && has(c, "2", 1));
    assert_false(has(c, "1", 1));
}

static void large_ones_weigh_more(void **state)
{
    struct htaccess_cache *c = new_cache();
    unsigned n;
    size_t weight;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        put(c, arena_printf(bench_arena, "%u", i), HTACCESS_BYTES_MOST);
        htaccess_cache_size(c, &n, &weight);
        assert_true(n >= 1 && n < 10 && weight <= HTACCESS_WEIGHT_MOST);
    }
    assert_true(has(c, "99", HTACCESS_BYTES_MOST));
    put(c, "too much", HTACCESS_WEIGHT_MOST);
    assert_false(has(c, "too much", HTACCESS_WEIGHT_MOST));
}

static void who_holds_one_keeps_it(void **state)
{
    struct arena *a = arena_new();
    struct htaccess_cache *c = htaccess_cache_new(a);
    struct htaccess *h;

    (void)state;
    put(c, "a", stamp.size);
    h = htaccess_get(c, "a", &stamp);
    put(c, "a", 2);
    arena_free(a);
    assert_string_equal(h->key, "a");
    htaccess_drop(h);
}

static void *use_cache(void *arg)
{
    char key[8];

    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "%u", i * 7 % 50);
        if (!has(arg, key, 1 + i % 3))
            put(arg, key, 1 + i % 3);
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    struct htaccess_cache *c = new_cache();
    pthread_t threads[4];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, c), 0);
    for (unsigned i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(number(c) <= 50);
}

/* ---- what is let in ---- */

static struct snapshot *loaded;

static struct conf_local read_as(const struct conf_overrides *o, const char *text)
{
    struct conf_local local;

    conf_read_local(&local, bench_arena, loaded->main, o, "/srv/", "/srv/.htaccess", span_of(text));
    assert_true(!local.fault == !!local.section);
    return local;
}

static const char *fault_of(unsigned classes, const char *text)
{
    const struct conf_overrides o = { .classes = classes, .options = OPTION_INDEXES };
    const char *fault = read_as(&o, text).fault;

    return fault ? fault : "";
}

static void lines_are_let_in_by_their_class(void **state)
{
    static const struct {
        unsigned class;
        const char *line;
    } rows[] = { { OVERRIDE_AUTHCFG, "Require all granted" },
                 { OVERRIDE_FILEINFO, "RewriteEngine On" },
                 { OVERRIDE_INDEXES, "DirectoryIndex x" },
                 { OVERRIDE_LIMIT, "Deny from all" },
                 { OVERRIDE_OPTIONS, "Options Indexes" } };

    (void)state;
    loaded = bench_must_load("");
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(fault_of(rows[i].class, rows[i].line), "");
        assert_non_null(strstr(fault_of(IN_HTACCESS & ~rows[i].class, rows[i].line), " not allowed here"));
    }
    assert_string_equal(fault_of(IN_HTACCESS, "Options -Includes"), "Option Includes not allowed here");
    assert_string_equal(fault_of(IN_HTACCESS, "Include x"), "Include not allowed here");
    assert_string_equal(fault_of(0, "<IfModule x>\n</IfModule>"), "<IfModule not allowed here");
    assert_string_equal(fault_of(OVERRIDE_FILEINFO, "<Files x>\nRequire all denied\n</Files>"),
                        "Require not allowed in <Files> context");
    assert_non_null(strstr(fault_of(IN_HTACCESS, "AddHandler lua-script .lua"), "refused"));
}

static void others_are_left_out_where_that_is_written(void **state)
{
    const struct conf_overrides o = { .classes = OVERRIDE_FILEINFO, .skips_forbidden = true, .skips_unknown = true };
    struct conf_local local;

    (void)state;
    loaded = bench_must_load("");
    local = read_as(&o, "Options None\nFooBar\n<Limit GET>\nRequire all denied\n</Limit>\nForceType a/b\n");
    assert_null(local.fault);
    assert_int_equal(local.notices.n, 3);
    assert_string_equal(core_place_of(&local.section->place)->force_type, "a/b");
    assert_string_equal(((struct conf_notice *)local.notices.items[0])->text,
                        "Options in .htaccess forbidden by AllowOverride");
    assert_non_null(strstr(((struct conf_notice *)local.notices.items[1])->text, "Unknown directive foobar perhaps"));
}

/* Rewriting marks its site, <Limit> its methods, a macro its name. */
static void the_configuration_stays_as_it_was(void **state)
{
    const struct conf_overrides o = { .classes = IN_HTACCESS, .options = OPTION_ALL };
    const char *text = "<Macro M>\nRewriteEngine On\n</Macro>\nUse M\nRewriteOptions Inherit\nRewriteRule ^ - [F]\n"
                       "<Files x>\nForceType a/b\n</Files>\n";
    size_t before;

    (void)state;
    loaded = bench_must_load("");
    before = arena_size(loaded->arena);
    for (int i = 0; i < 100; i++)
        assert_null(read_as(&o, text).fault);
    assert_int_equal(arena_size(loaded->arena), before);
    assert_string_equal(read_as(&o, "Use M").fault, "no macro defined before Use");
    assert_string_equal(read_as(&o, "<Limit FOOX>\nRequire all denied\n</Limit>").fault,
                        "Could not register method 'FOOX' for <Limit from .htaccess configuration");
    assert_int_equal(core_site_of(loaded->main)->methods.n, 0);
    assert_int_equal(loaded->main->files.n, 0);
}

/* ---- a request ---- */

static char root[] = "/tmp/weir-htaccess-XXXXXX";

static void write_file(const char *name, const char *text, bool old)
{
    const char *path = arena_printf(bench_arena, "%s/%s", root, name);
    struct utimbuf then = { 1700000000, 1700000000 };
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    if (old) {
        utime(path, &then);
        usleep(60000); /* until its ctime may be trusted */
    }
}

static int make_tree(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    bench_arena = arena_new();
    mkdir(arena_printf(bench_arena, "%s/d", root), 0755);
    write_file("d/x", "x", false);
    arena_free(bench_arena);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    return folder_remove(root);
}

static struct snapshot *load(const char *allowed)
{
    return bench_must_load(
        arena_printf(bench_arena,
                     "ErrorLog /dev/null\nDocumentRoot %s\n<Directory %s>\nAllowOverride %s\nForceType "
                     "section\n</Directory>\n<Files x>\nFileETag None\n</Files>\n",
                     root, root, allowed));
}

static struct request *begin(struct snapshot *s, bool off_loop)
{
    struct request *r = bench_request(s, "GET /d/x HTTP/1.1\nHost: h");

    r->off_loop = off_loop;
    assert_int_equal(files_translate(r), 0);
    return r;
}

static int map(struct snapshot *s, bool off_loop)
{
    return files_map(begin(s, off_loop));
}

static void what_is_not_known_is_read_off_the_loop(void **state)
{
    struct snapshot *s = load("All");

    (void)state;
    write_file("d/.htaccess", "ForceType file\n", true);
    assert_int_equal(map(s, false), FILES_AWAY);
    assert_int_equal(map(s, true), 0);
    assert_int_equal(map(s, false), 0);
    assert_int_equal(number(core_site_of(s->main)->htaccess), 1);
    write_file("d/.htaccess", "ForceType other\n", true);
    assert_int_equal(map(s, false), FILES_AWAY);
}

static void what_is_young_is_not_kept(void **state)
{
    struct snapshot *s = load("All");

    (void)state;
    write_file("d/.htaccess", "ForceType file\n", false);
    assert_int_equal(map(s, true), 0);
    assert_int_equal(map(s, false), FILES_AWAY);
    assert_int_equal(number(core_site_of(s->main)->htaccess), 0);
}

static void what_depends_on_other_files_is_not_kept(void **state)
{
    struct snapshot *s = load("All");

    (void)state;
    write_file("d/.htaccess", "<IfFile /nowhere>\nFoo\n</IfFile>\n", true);
    assert_int_equal(map(s, true), 0);
    assert_int_equal(map(s, false), FILES_AWAY);
}

static void a_fault_is_kept_too(void **state)
{
    struct snapshot *s = load("All");

    (void)state;
    write_file("d/.htaccess", "Foo\n", true);
    assert_int_equal(map(s, true), 500);
    assert_int_equal(map(s, false), 500);
}

static void each_AllowOverride_has_its_own_reading(void **state)
{
    struct snapshot *all = load("All"), *some = load("Options");

    (void)state;
    write_file("d/.htaccess", "ForceType file\n", true);
    assert_int_equal(map(all, true), 0);
    assert_int_equal(map(some, true), 500);
    assert_int_equal(map(load("None"), false), 0);
}

/* A redirect or a look ahead finds what the request found before, even when the file has gone since. */
static void a_request_sees_one_file(void **state)
{
    struct request *r = begin(load("All"), true);

    (void)state;
    write_file("d/.htaccess", "ForceType file\n", true);
    assert_int_equal(files_map(r), 0);
    assert_int_equal(r->locals.n, 1);
    write_file("d/.htaccess", "Foo\n", true);
    assert_int_equal(files_map(r), 0);
    assert_int_equal(map(load("All"), true), 500);
}

/* The memo knows nothing of what may end before the snapshot: with it and without it the place is the same. */
static void its_place_stands_behind_its_directorys(void **state)
{
    struct snapshot *s = load("All");
    struct place_memo *memo = place_memo_new(s);

    (void)state;
    write_file("d/.htaccess", "ForceType file\n", true);
    for (int i = 0; i < 3; i++) {
        struct request *r = begin(s, true);
        assert_int_equal(files_map(r), 0);
        assert_int_equal(core_walk(r, i == 1 ? NULL : memo, WALK_FINAL), 0);
        assert_string_equal(core_place_of(r->place)->force_type, "file");
        assert_int_equal(core_place_of(r->place)->etag.bits, ETAG_NONE);
    }
    place_memo_free(memo);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_known_by_its_stamp),
        TEST(a_newer_one_takes_its_place),
        TEST(those_used_last_are_kept),
        TEST(large_ones_weigh_more),
        TEST(who_holds_one_keeps_it),
        TEST(threads_share_it),
        TEST(lines_are_let_in_by_their_class),
        TEST(others_are_left_out_where_that_is_written),
        TEST(the_configuration_stays_as_it_was),
        TEST(what_is_not_known_is_read_off_the_loop),
        TEST(what_is_young_is_not_kept),
        TEST(what_depends_on_other_files_is_not_kept),
        TEST(a_fault_is_kept_too),
        TEST(each_AllowOverride_has_its_own_reading),
        TEST(a_request_sees_one_file),
        TEST(its_place_stands_behind_its_directorys),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
