/* Files of users and groups, passwords, and the fields of Basic authentication. */
#include "access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *a;

static int begin(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static const char *find(const char *file, const char *user)
{
    return userfile_find(a, span_of(file), user, NULL);
}

#define assert_found(file, user, hash)                                                                                 \
    do {                                                                                                               \
        const char *found = find(file, user);                                                                          \
        assert_non_null(found);                                                                                        \
        assert_string_equal(found, hash);                                                                              \
    } while (0)

/* ---- users ---- */

static void a_user_is_found_by_the_whole_name(void **state)
{
    static const char file[] = "alice:one\nbob:two\n";

    (void)state;
    assert_found(file, "alice", "one");
    assert_found(file, "bob", "two");
    assert_null(find(file, "ali"));
    assert_null(find(file, "Alice"));
    assert_null(find(file, ""));
    assert_null(find("", "alice"));
}

static void the_first_line_of_a_user_counts(void **state)
{
    (void)state;
    assert_found("alice:one\nalice:two\n", "alice", "one");
}

static void comments_blanks_and_further_parts_are_passed_over(void **state)
{
    (void)state;
    assert_found("# alice:no\n\n  alice:one  \r\n", "alice", "one");
    assert_found("alice:one:more:still", "alice", "one");
    assert_found("alice::one", "alice", "one"); /* ap_getword takes the colons together */
    assert_found("alice", "alice", "");
    assert_null(find("#alice:no", "#alice"));
}

static void a_backslash_joins_lines(void **state)
{
    (void)state;
    assert_found("al\\\nice:o\\\nne\nbob:two", "alice", "one");
    assert_found("al\\\nice:one\nbob:two", "bob", "two");
    assert_found("alice:one\\", "alice", "one");
}

static void a_digest_is_found_by_user_and_realm(void **state)
{
    static const char file[] = "dora:other:0\neve:r:1\ndora:r:2\n";

    (void)state;
    assert_string_equal(userfile_find(a, span_of(file), "dora", "r"), "2");
    assert_string_equal(userfile_find(a, span_of(file), "dora", "other"), "0");
    assert_null(userfile_find(a, span_of(file), "dora", "R"));
}

/* ---- groups ---- */

static void a_user_may_be_in_several_groups(void **state)
{
    struct vec groups = { 0 };

    (void)state;
    userfile_groups(a, span_of("# nobody: bob\nops: alice bob\nstaff : 'bob'\nothers: bobby\nbob: eve\nops: bob\n"),
                    "bob", &groups);
    assert_int_equal(groups.n, 3);
    assert_string_equal(groups.items[0], "ops");
    assert_string_equal(groups.items[1], "staff");
    assert_string_equal(groups.items[2], "ops");
}

/* ---- reading ---- */

static void only_files_that_can_be_read_are(void **state)
{
    char path[] = "/tmp/weir-users-XXXXXX";
    int fd = mkstemp(path);
    struct span file;

    (void)state;
    assert_int_equal(write(fd, "alice:one\n", 10), 10);
    close(fd);
    assert_true(userfile_read(a, path, &file));
    assert_true(span_eq(file, SPAN("alice:one\n")));
    unlink(path);
    assert_false(userfile_read(a, path, &file));
    assert_int_equal(errno, ENOENT);
    assert_false(userfile_read(a, "/tmp", &file));
    assert_int_equal(errno, EBADF);
}

/* ---- passwords ---- */

static void every_kind_of_hash_matches_its_password_and_no_other(void **state)
{
    static const char *const hashes[] = {
        /* of "secret" */
        "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2",
        "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/"
        "crpIjl8NJSAqXV/",
        "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
        "abNANd1rDfiNc",
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(hashes); i++) {
        assert_false(password_matches("Secret", hashes[i]));
        assert_false(password_matches("", hashes[i]));
        if (!password_matches("secret", hashes[i]))
            fail_msg("%s", hashes[i]);
        assert_true(password_matches("secret", hashes[i])); /* as remembered */
        assert_false(password_matches("secret2", hashes[i]));
    }
}

static void what_is_no_hash_matches_nothing(void **state)
{
    static const char *const hashes[] = {
        "",        "secret",  "*",    "*0",         "*1",      "$",   "$2y$",
        "$apr1$",  "{SHA}",   "x",    "$2y$99$abc", "$6$",     "!",   "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ",
        "$apr1$x", "$9$abc$", "\xff", "$1$",        "{SSHA}x", "xx-", "{PLAIN}secret"
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(hashes); i++) {
        if (password_matches("secret", hashes[i]) || password_matches("", hashes[i]) ||
            password_matches("*0", hashes[i]))
            fail_msg("%s", hashes[i]);
    }
}

static void secrets_are_equal_byte_by_byte(void **state)
{
    (void)state;
    assert_true(secret_equal("", ""));
    assert_true(secret_equal("abc", "abc"));
    assert_false(secret_equal("abc", "abd"));
    assert_false(secret_equal("abc", "ab"));
    assert_false(secret_equal("", "a"));
}

/* ---- Basic ---- */

static void a_field_is_a_name_and_a_password(void **state)
{
    static const struct {
        const char *field, *user, *password;
    } cases[] = {
        { "YWxpY2U6c2VjcmV0", "alice", "secret" },
        { "YWxpY2U6", "alice", "" },
        { "YWxpY2U=", "alice", "" },
        { "OnB3", "", "pw" },
        { "", "", "" },
        { "!", "", "" },
        { "YTpiOmM=", "a", "b:c" },
        { "YWxpY2U6c2VjcmV0 more", "alice", "secret" },
        { "YQA6Yg==", "a", "" }, /* a NUL ends it, as in httpd */
    };
    const char *user, *password;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        basic_credentials(a, span_of(cases[i].field), &user, &password);
        assert_string_equal(user, cases[i].user);
        assert_string_equal(password, cases[i].password);
    }
    assert_string_equal(basic_field(a, "alice", "secret").p, "Basic YWxpY2U6c2VjcmV0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_user_is_found_by_the_whole_name),
        TEST(the_first_line_of_a_user_counts),
        TEST(comments_blanks_and_further_parts_are_passed_over),
        TEST(a_backslash_joins_lines),
        TEST(a_digest_is_found_by_user_and_realm),
        TEST(a_user_may_be_in_several_groups),
        TEST(only_files_that_can_be_read_are),
        TEST(every_kind_of_hash_matches_its_password_and_no_other),
        TEST(what_is_no_hash_matches_nothing),
        TEST(secrets_are_equal_byte_by_byte),
        TEST(a_field_is_a_name_and_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
