/* mod_rewrite from within: texts taken apart and put together, URLs, maps, programs, and what a request becomes. */
#include "mods_proxy.h"
#include "proxying.h"
#include "rewrite.h"

#include <sys/stat.h>
#include <unistd.h>

static struct request *rewritten(const char *config, const char *head, int status)
{
    struct snapshot *s = bench_must_load(config);
    struct request *r = bench_request(s, head);

    assert_int_equal(rewrite_translate(r), status);
    return r;
}

static void leads_to(const char *rules, const char *head, const char *url)
{
    struct request *r = rewritten(arena_concat(bench_arena, "RewriteEngine On\n", rules, NULL), head, 0);

    assert_non_null(r->proxy);
    assert_string_equal(r->proxy->url, url);
}

static void redirects_to(const char *rules, const char *head, const char *url)
{
    struct request *r = rewritten(arena_concat(bench_arena, "RewriteEngine On\n", rules, NULL), head, 302);
    struct span location = http_fields_get(&r->out, "Location");

    assert_string_equal(arena_span(bench_arena, location), url);
}

#define WS "GET /app/x?q HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: WebSocket"

static void a_rule_sets_the_target_as_proxypass_does(void **state)
{
    (void)state;
    leads_to("RewriteCond %{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) ws://b:1/$1 [P,L]", WS, "ws://b:1/app/x");
    leads_to("RewriteRule ^/(.*) http://b:1/$1 [P,NE]", WS, "http://b:1/app/x?q");
    leads_to("RewriteRule ^/(.*) unix:/run/b|http://b/$1 [P]", WS, "http://b/app/x");
}

static void a_socket_in_the_target_is_taken_out_of_it(void **state)
{
    struct request *r =
        rewritten("RewriteEngine On\nRewriteRule ^/(.*) unix:/run/b|http://b/$1 [P]", "GET /x HTTP/1.1\nHost: h", 0);

    (void)state;
    assert_string_equal(r->proxy->unix_path, "/run/b");
}

static void what_a_client_sent_is_not_expanded(void **state)
{
    (void)state;
    redirects_to("RewriteMap m int:toupper\nRewriteRule ^/(.*) http://x/?a=$1 [R,NE]",
                 "GET /${m:a}%25{REMOTE_ADDR}$1\\a HTTP/1.1\nHost: h", "http://x/?a=${m:a}%{REMOTE_ADDR}$1\\a");
    redirects_to("RewriteMap m int:toupper\nRewriteRule ^/(.*) http://x/?a=${m:$1} [R,NE]",
                 "GET /${m:a}%25{b} HTTP/1.1\nHost: h", "http://x/?a=${M:A}%{B}");
}

static void groups_are_escaped_byte_by_byte(void **state)
{
    struct rewrite_rule rule = { .flags = RULE_ESCAPE_GROUPS };

    (void)state;
    assert_string_equal(rewrite_escape_group(bench_arena, SPAN("a_ /\xe4"), &rule), "a_+%2f%e4");
    rule.flags |= RULE_NO_PLUS;
    assert_string_equal(rewrite_escape_group(bench_arena, SPAN("a /"), &rule), "a%20%2f");
    rule.escapes = "/";
    assert_string_equal(rewrite_escape_group(bench_arena, SPAN("a /"), &rule), "a %2f");
    rule.escapes = NULL, rule.no_escapes = "/";
    assert_string_equal(rewrite_escape_group(bench_arena, SPAN("/?"), &rule), "/%3f");
    rule.flags = RULE_ESCAPE_GROUPS | RULE_ESCAPE_CONTROLS, rule.no_escapes = NULL;
    assert_string_equal(rewrite_escape_group(bench_arena, SPAN("\x01?\x7f "), &rule), "%01?%7f+");
}

static void schemes_are_those_that_httpd_knows(void **state)
{
    bool query;

    (void)state;
    assert_int_equal(rewrite_scheme("http://h/", &query), 7);
    assert_true(query);
    assert_int_equal(rewrite_scheme("WSS://h", NULL), 6);
    assert_int_equal(rewrite_scheme("unix:/s|http://h/", NULL), 5);
    assert_int_equal(rewrite_scheme("ftp://h/", &query), 6);
    assert_false(query);
    assert_int_equal(rewrite_scheme("ws://", NULL), 0); /* too short to be one */
    assert_int_equal(rewrite_scheme("/http://h/", NULL), 0);
    assert_int_equal(rewrite_scheme("https:h", NULL), 0);
    assert_int_equal(rewrite_scheme("", NULL), 0);
}

static void urls_are_escaped_behind_their_host(void **state)
{
    (void)state;
    assert_string_equal(rewrite_escape_url(bench_arena, "http://h h/a b%", 7), "http://h h/a%20b%25");
    assert_string_equal(rewrite_escape_url(bench_arena, "http://h", 7), "http://h");
    assert_string_equal(rewrite_escape_url(bench_arena, "mailto:a b", 7), "mailto:a%20b");
    assert_string_equal(rewrite_escape_url(bench_arena, "ldap://h/a b?c d?e?f?g?h", 7),
                        "ldap://h/a%20b?c%20d?e?f?g%3fh");
}

static void texts_nested_without_sense_are_refused(void **state)
{
    struct buf text = { 0 };

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        buf_adds(&text, "${m:");
    for (unsigned i = 0; i < 100; i++)
        buf_adds(&text, "}");
    assert_null(rewrite_text_compile(bench_arena, arena_span(bench_arena, buf_span(&text))));
    buf_release(&text);
    assert_non_null(rewrite_text_compile(bench_arena, "${m:${m:${m:x|%{LA-U:LA-U:LA-U:REQUEST_URI}}}}"));
}

static void texts_are_cut_into_few_pieces(void **state)
{
    const struct rewrite_text *t = rewrite_text_compile(bench_arena, "a$b%c${d}%{E");

    (void)state;
    assert_int_equal(t->n, 1); /* nothing of it means anything */
    t = rewrite_text_compile(bench_arena, "http://h:$1%{REQUEST_URI}?${m:%1|$2}\\$x");
    assert_int_equal(t->n, 7);
    assert_true(t->asks_map && !t->looks_ahead);
    assert_int_equal(t->pieces[4].kind, PIECE_MAP);
    assert_int_equal(t->pieces[4].key->pieces[0].kind, PIECE_COND_GROUP);
    assert_int_equal(t->pieces[5].kind, PIECE_ESCAPED);
}

static void a_backtracking_pattern_ends_with_500(void **state)
{
    (void)state;
    rewritten("RewriteEngine On\nRewriteRule ^/(a+)+$ - [F]",
              "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! HTTP/1.1\nHost: h", 500);
    rewritten("RewriteEngine On\nRewriteCond %{REQUEST_URI} !^/(a+)+$\nRewriteRule ^ - [F]",
              "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! HTTP/1.1\nHost: h", 500);
}

static int deny(struct request *sub)
{
    return strcmp(sub->uri, "/denied") == 0 ? 403 : 0;
}

static void a_look_ahead_is_answered_by_who_knows_the_way(void **state)
{
    struct snapshot *s = bench_must_load("RewriteEngine On\nRewriteCond $1 -U\nRewriteRule (.*) - [G]");
    struct request *r = bench_request(s, "GET /denied HTTP/1.1\nHost: h");

    (void)state;
    assert_int_equal(rewrite_translate(r), 0); /* nobody */
    assert_true(rewrite_translate_blocks(r));
    r->look_up = deny;
    assert_int_equal(rewrite_translate(r), 0);
    r->uri = "/granted";
    assert_int_equal(rewrite_translate(r), 410);
}

static void the_path_is_decoded_for_a_look_ahead(void **state)
{
    struct snapshot *s = bench_must_load("RewriteEngine On");
    struct request *r = bench_request(s, "GET /a/b HTTP/1.1\nHost: h"), *sub;

    (void)state;
    r->look_up = deny;
    sub = request_look_at(r, "/x/../d%65nied?q");
    assert_string_equal(sub->uri, "/denied");
    assert_int_equal(sub->status, 403);
    assert_int_equal(request_look_at(r, "/%zz")->status, 400);
    assert_string_equal(request_look_at(r, "c")->uri, "/a/c");
    assert_false(request_may_look(sub) && request_may_look(request_look_at(sub, "/denied")));
}

/* ---- maps ---- */

static const char *write_file(const char *text, unsigned mode)
{
    char *path = arena_strdup(bench_arena, "/tmp/weir-rewrite-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    fchmod(fd, mode);
    close(fd);
    return path;
}

static void the_first_line_of_a_key_counts(void **state)
{
    const char *path = write_file("k one\nk two\n# c\n x y\nlong\n", 0644);
    const char *rules = arena_concat(bench_arena, "RewriteMap m txt:", path,
                                     "\nRewriteRule ^ http://x/${m:k}-${m:x}-${m:long}-${m:#|d} [R]", NULL);

    (void)state;
    redirects_to(rules, "GET / HTTP/1.1\nHost: h", "http://x/one---d");
    unlink(path);
}

static struct rewrite_program *start_program(const char *script, const char **path)
{
    char **argv = arena_alloc(bench_arena, 2 * sizeof(*argv));
    struct rewrite_program *p;

    *path = write_file(script, 0755);
    argv[0] = arena_strdup(bench_arena, *path);
    p = rewrite_program_new(bench_arena, argv);
    assert_int_equal(rewrite_program_start(p), 0);
    return p;
}

static void a_program_is_asked_and_answers(void **state)
{
    const char *path, *answer;
    struct rewrite_program *p = start_program("#!/bin/sh\nwhile read k; do echo \"<$k>\"; done\n", &path);

    (void)state;
    assert_int_equal(rewrite_program_ask(p, bench_arena, "a b", 5000, &answer), PROGRAM_ANSWERED);
    assert_string_equal(answer, "<a b>");
    assert_int_equal(rewrite_program_ask(p, bench_arena, "", 5000, &answer), PROGRAM_ANSWERED);
    assert_string_equal(answer, "<>");
    unlink(path);
}

static void a_program_may_know_nothing(void **state)
{
    const char *path, *answer;
    struct rewrite_program *p = start_program("#!/bin/sh\nwhile read k; do echo Null; done\n", &path);

    (void)state;
    assert_int_equal(rewrite_program_ask(p, bench_arena, "a", 5000, &answer), PROGRAM_NONE);
    unlink(path);
}

static void a_program_that_is_late_fails_in_time(void **state)
{
    const char *path, *answer;
    struct rewrite_program *p = start_program("#!/bin/sh\nread k\nexec sleep 60\n", &path);
    uint64_t begun = base_now_ms();

    (void)state;
    assert_int_equal(rewrite_program_ask(p, bench_arena, "a", 200, &answer), PROGRAM_FAILED);
    assert_true(base_now_ms() - begun < 5000);
    assert_int_equal(rewrite_program_ask(p, bench_arena, "a", 200, &answer), PROGRAM_FAILED);
    assert_string_equal(answer, "does not start"); /* not twice a second */
    unlink(path);
}

/* ---- merging ---- */

static void conditions_wait_for_the_next_rule_of_their_place(void **state)
{
    struct snapshot *s =
        bench_must_load("RewriteCond a b\n<Location /x>\nRewriteCond c d\nRewriteCond e f\nRewriteRule g h\n"
                        "</Location>\nRewriteRule i j\nRewriteRule k l");
    const struct vec *rules = &rewrite_site_of(s->main)->list.rules;
    const struct section *x = s->main->locations.items[0];
    const struct rewrite_place *place = rewrite_place_of(&x->place);

    (void)state;
    assert_int_equal(rules->n, 2);
    assert_int_equal(((struct rewrite_rule *)rules->items[0])->conds.n, 1);
    assert_int_equal(((struct rewrite_rule *)rules->items[1])->conds.n, 0);
    assert_int_equal(((struct rewrite_rule *)place->list.rules.items[0])->conds.n, 2);
    assert_string_equal(place->directory, "/x/");
}

static void only_rules_that_ask_programs_or_look_ahead_leave_the_loop(void **state)
{
    struct request *r = bench_request(
        bench_must_load("RewriteEngine On\nRewriteMap m int:toupper\nRewriteRule ^ ${m:x}"), "GET / HTTP/1.1\nHost: h");

    (void)state;
    assert_false(rewrite_translate_blocks(r));
    assert_false(rewrite_place_blocks(r));
    r = bench_request(bench_must_load("RewriteEngine On\nRewriteMap m prg:/bin/cat\nRewriteRule ^ -"),
                      "GET / HTTP/1.1\nHost: h");
    assert_false(rewrite_translate_blocks(r));
    r = bench_request(
        bench_must_load("RewriteEngine On\nRewriteMap m prg:/bin/cat\nRewriteCond ${m:a} b\nRewriteRule ^ -"),
        "GET / HTTP/1.1\nHost: h");
    assert_true(rewrite_translate_blocks(r));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        TEST(a_rule_sets_the_target_as_proxypass_does),
        TEST(a_socket_in_the_target_is_taken_out_of_it),
        TEST(what_a_client_sent_is_not_expanded),
        TEST(groups_are_escaped_byte_by_byte),
        TEST(schemes_are_those_that_httpd_knows),
        TEST(urls_are_escaped_behind_their_host),
        TEST(texts_nested_without_sense_are_refused),
        TEST(texts_are_cut_into_few_pieces),
        TEST(a_backtracking_pattern_ends_with_500),
        TEST(a_look_ahead_is_answered_by_who_knows_the_way),
        TEST(the_path_is_decoded_for_a_look_ahead),
        TEST(the_first_line_of_a_key_counts),
        TEST(a_program_is_asked_and_answers),
        TEST(a_program_may_know_nothing),
        TEST(a_program_that_is_late_fails_in_time),
        TEST(conditions_wait_for_the_next_rule_of_their_place),
        TEST(only_rules_that_ask_programs_or_look_ahead_leave_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
