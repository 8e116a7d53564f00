/* Regular expressions as httpd's ap_regcomp, ap_regexec and ap_pregsub mean them, and bounded. */
#include "arena.h"

#include <setjmp.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

static struct regex *compile(const char *pattern, unsigned flags)
{
    const char *error = NULL;
    struct regex *r = regex_compile(arena, pattern, flags, &error);

    assert_non_null(r);
    return r;
}

static void assert_matches(const char *pattern, unsigned flags, const char *subject, enum regex_result expected)
{
    assert_int_equal(regex_search(compile(pattern, flags), span_of(subject), NULL), expected);
}

static void groups_point_into_the_subject(void **state)
{
    const char *path = "/chat/room42/ws";
    struct regex *r = compile("^/chat/([a-z]+)(\\d+)(x)?/(.*)$", 0);
    struct regex_match m;

    (void)state;
    assert_int_equal(regex_search(r, span_of(path), &m), REGEX_YES);
    assert_int_equal(regex_captures(r), 4);
    assert_int_equal(m.n, 5);
    assert_ptr_equal(m.group[1].p, path + 6);
    assert_true(span_eq(m.group[2], SPAN("42")));
    assert_null(m.group[3].p); /* took no part */
    assert_true(span_eq(m.group[4], SPAN("ws")));
    assert_null(m.group[9].p);
    assert_int_equal(regex_search(r, SPAN("/chat/"), &m), REGEX_NO);
}

static void flags_mean_what_httpd_means(void **state)
{
    (void)state;
    assert_matches("^/WS$", 0, "/ws", REGEX_NO);
    assert_matches("^/WS$", REGEX_NOCASE, "/ws", REGEX_YES);
    assert_matches("/ws$", 0, "/ws\n", REGEX_YES); /* plain PCRE lets $ stand before a last newline */
    assert_matches("/ws$", REGEX_DOLLAR_ENDONLY, "/ws\n", REGEX_NO);
    assert_matches("a.b", 0, "a\nb", REGEX_NO);
    assert_matches("a.b", REGEX_DOTALL, "a\nb", REGEX_YES);
    assert_matches("^b", REGEX_MULTILINE, "a\nb", REGEX_YES);
    assert_matches("a b # c", REGEX_EXTENDED, "ab", REGEX_YES);
    assert_matches("(?<n>a)|(?<n>b)", 0, "b", REGEX_YES); /* httpd allows names twice */
}

/* A start that is plain text is compared before anything is matched: it must not keep out what matches. */
static void a_fixed_start_keeps_out_what_cannot_match_alone(void **state)
{
    (void)state;
    assert_matches("^/chat", 0, "/chat/1", REGEX_YES);
    assert_matches("^/chat", 0, "/chap/1", REGEX_NO);
    assert_matches("^/chat", 0, "/cha", REGEX_NO);
    assert_matches("^/chat", 0, "", REGEX_NO);
    assert_matches("^/chats?$", 0, "/chat", REGEX_YES);
    assert_matches("^/chats*$", 0, "/chat", REGEX_YES);
    assert_matches("^/chats{0,2}$", 0, "/chat", REGEX_YES);
    assert_matches("^/chat+$", 0, "/chat", REGEX_YES);
    assert_matches("^/chat+$", 0, "/cha", REGEX_NO);
    assert_matches("^/a|/b$", 0, "/b", REGEX_YES);
    assert_matches("^/a(b|c)", 0, "/ac", REGEX_YES);
    assert_matches("^/CHAT", REGEX_NOCASE, "/chat", REGEX_YES);
    assert_matches("^b", REGEX_MULTILINE, "a\nb", REGEX_YES);
    assert_matches("^ a", REGEX_EXTENDED, "a", REGEX_YES);
    assert_matches("^(?i)/CHAT", 0, "/chat", REGEX_YES);
    assert_matches("^\\Q/a", 0, "/a", REGEX_YES);
    assert_matches("^$", 0, "", REGEX_YES);
    assert_matches("^", 0, "x", REGEX_YES);
    assert_int_equal(regex_search(compile("^/", 0), (struct span){ NULL, 0 }, NULL), REGEX_NO);
}

static void bytes_are_bytes(void **state)
{
    struct regex *r = compile("^.$", 0);

    (void)state;
    assert_int_equal(regex_search(r, SPAN("\xff"), NULL), REGEX_YES); /* no UTF-8 unless the pattern asks */
    assert_int_equal(regex_search(r, SPAN("\0"), NULL), REGEX_YES);
    assert_int_equal(regex_search(r, span_of("\xc3\xa4"), NULL), REGEX_NO);
    assert_int_equal(regex_search(compile("(*UTF)a", 0), SPAN("\xff"), NULL), REGEX_LIMIT);
    assert_int_equal(regex_search(compile("^$", 0), span_of(NULL), NULL), REGEX_YES);
}

static void a_bad_pattern_says_where(void **state)
{
    const char *error = NULL;

    (void)state;
    assert_null(regex_compile(arena, "^/(unclosed", 0, &error));
    assert_non_null(strstr(error, "missing closing parenthesis"));
    assert_non_null(strstr(error, "at offset 11"));
}

static void a_hostile_subject_ends_at_the_limit(void **state)
{
    char *subject = base_alloc(30001);
    uint64_t start = base_now_ms();

    (void)state;
    memset(subject, 'a', 30000);
    assert_matches("^(a+)+$", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", REGEX_LIMIT);
    /* Without JIT: bounded in memory and depth too. */
    assert_matches("(*NO_JIT)^(a+)+$", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", REGEX_LIMIT);
    assert_matches("(*NO_JIT)^(?:(a)|b)*c", 0, subject, REGEX_LIMIT);
    assert_in_range(base_now_ms() - start, 0, 5000);
    assert_matches("^a+$", 0, subject, REGEX_YES); /* and an honest one of that length is no trouble */
    free(subject);
}

static void more_groups_than_nine_keep_the_first(void **state)
{
    struct regex_match m;

    (void)state;
    assert_int_equal(regex_search(compile("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", 0), SPAN("abcdefghijk"), &m), REGEX_YES);
    assert_int_equal(m.n, REGEX_GROUPS);
    assert_true(span_eq(m.group[0], SPAN("abcdefghijk")));
    assert_true(span_eq(m.group[9], SPAN("i")));
}

static void a_match_may_end_before_it_starts(void **state)
{
    struct regex_match m;

    (void)state; /* \K moves the start to 2 in the lookahead, the match ends at 0 */
    assert_int_equal(regex_search(compile("(?=(?1))(?:(ab\\K)){0}", 0), SPAN("ab"), &m), REGEX_YES);
    assert_int_equal(m.group[0].n, 0);
}

static void named_groups_are_listed(void **state)
{
    struct regex *r = compile("(?<site>[a-z]+)/(\\d+)/(?<room>.+)", 0);
    unsigned group = 0;

    (void)state;
    assert_string_equal(regex_name(r, 0, &group), "room"); /* PCRE2 sorts them */
    assert_int_equal(group, 3);
    assert_string_equal(regex_name(r, 1, &group), "site");
    assert_int_equal(group, 1);
    assert_null(regex_name(r, 2, &group));
    assert_null(regex_name(compile("a", 0), 0, &group));
}

static void substitution_is_ap_pregsub(void **state)
{
    struct regex_match m;

    (void)state;
    assert_int_equal(regex_search(compile("^/(\\w+)/(\\w*)(z)?", 0), SPAN("/chat/42"), &m), REGEX_YES);
    assert_string_equal(regex_substitute(arena, "ws://b/$1?id=$2&all=$0", &m), "ws://b/chat?id=42&all=/chat/42");
    assert_string_equal(regex_substitute(arena, "\\$1 \\\\ \\x $3$9 $a $", &m), "$1 \\ x  $a $");
    assert_string_equal(regex_substitute(arena, "$11", &m), "chat1"); /* one digit only */
    assert_string_equal(regex_substitute(arena, "end\\", &m), "end\\");
    assert_string_equal(regex_substitute(arena, "", &m), "");
    assert_string_equal(regex_substitute(arena, "$1\\$", NULL), "$1\\$");
}

static void *search_in_thread(void *arg)
{
    struct regex_match m;

    for (int i = 0; i < 2000; i++)
        if (regex_search(arg, SPAN("/a/bc"), &m) != REGEX_YES || !span_eq(m.group[2], SPAN("bc")))
            return arg;
    return NULL;
}

static void threads_share_the_compiled_pattern(void **state)
{
    struct regex *r = compile("^/(a)/(b.)$", 0);
    pthread_t thread[4];
    void *failed;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, search_in_thread, r), 0);
    for (unsigned i = 0; i < COUNT_OF(thread); i++) {
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_point_into_the_subject),
        cmocka_unit_test(flags_mean_what_httpd_means),
        cmocka_unit_test(a_fixed_start_keeps_out_what_cannot_match_alone),
        cmocka_unit_test(bytes_are_bytes),
        cmocka_unit_test(a_bad_pattern_says_where),
        cmocka_unit_test(a_hostile_subject_ends_at_the_limit),
        cmocka_unit_test(more_groups_than_nine_keep_the_first),
        cmocka_unit_test(a_match_may_end_before_it_starts),
        cmocka_unit_test(named_groups_are_listed),
        cmocka_unit_test(substitution_is_ap_pregsub),
        cmocka_unit_test(threads_share_the_compiled_pattern),
    };

    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
