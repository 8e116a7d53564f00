/* LogFormat and CustomLog: the line of each item for a made-up request, as httpd 2.4 writes it; which log a request
 * goes to; and a tunnel's line, begun at the 101 and finished when neither request nor configuration are there any
 * more. */
#include "logs.h"

#include "mods_request.h"

static const struct log_end at_end = { .bytes_in = 1000,
                                       .bytes_out = 5300,
                                       .body = 5000,
                                       .lasted_us = 3723004,
                                       .wall_us = BEGUN + 3723004,
                                       .keepalive = true };

static const struct log_format *compile(const char *text)
{
    const struct log_format *f = NULL;
    const char *fault = log_format_compile(arena, text, &f);

    if (fault)
        fail_msg("%s: %s", text, fault);
    return f;
}

static const char *line_of(const struct request *r, const char *format, const struct log_end *e)
{
    struct buf b = { 0 };
    const char *line;

    log_line_add(&b, compile(format), r, e);
    line = arena_span(arena, buf_span(&b));
    buf_release(&b);
    return line;
}

/* The same line in two goes, as a tunnel writes it. */
static const char *line_in_two_goes(const struct request *r, const char *format, const struct log_end *e)
{
    struct buf open = { 0 }, closed = { 0 };
    const char *line;

    log_line_add(&open, compile(format), r, NULL);
    log_line_close(&closed, buf_span(&open), e);
    line = arena_span(arena, buf_span(&closed));
    buf_release(&open);
    buf_release(&closed);
    return line;
}

static const struct row {
    const char *format, *line;
} rows[] = {
    { "", "" },
    { "plain 100%% \\t\\\\ \\d\\n", "plain 100% \t\\ \\d\n" },
    { "%h %l %u %t \"%r\" %>s %b",
      "192.0.2.1 - - [04/Mar/2026:05:06:07 +0000] \"GET /a%22b?x=\\\"1 HTTP/1.1\" 200 5000" },
    { "%a %{c}a %A %{c}h", "192.0.2.1 192.0.2.1 192.0.2.9 192.0.2.1" },
    { "%m|%U|%q|%H|%R", "GET|/a\\\"b|?x=\\\"1|HTTP/1.1|proxy-server" },
    { "%f", "/usr/a\\\"b" },
    { "%v %V %p %{canonical}p %{local}p %{remote}p %{bogus}p", "main.example ho.st 8080 8080 80 5000 bogus" },
    { "%s %>s %<s", "200 200 200" },
    { "%B %b %I %O %S", "5000 5000 1000 5300 6300" },
    { "%D %T %{s}T %{ms}T %{us}T %{S}T %{x}T", "3723004 3 3 3723 3723004 3 x" },
    { "%^FB", "3000" },
    { "%k %X", "2 +" },
    { "%L %{c}L", "REQ-1 conn1" },
    { "%{User-Agent}i|%{x-dup}i|%{Nope}i|%i", "q\\\"\\\\\\t\\xe9x|1, 2|-|-" },
    { "%{Content-Type}o|%{X-O}o|%{Set-Cookie}o|%{Nope}o", "text/html|0|a=1, b=2|-" },
    { "%{a}C|%{B}C|%{c}C|%{zz}C", "1|2|-|-" },
    { "%{FOO}e|%{foo}e|%{nope}e|%{note}n|%{nope}n", "b\\\"ar|b\\\"ar|-|n|-" },
    { "%{X-T}^ti|%{x-t}^to|%{no}^ti", "in|out|-" },
    { "%{SSL_PROTOCOL}x %{version}c", "- -" },
    { "%{sec}t %{msec}t %{usec}t %{msec_frac}t %{usec_frac}t", "1772600767 1772600767089 1772600767089012 089 089012" },
    { "%{%Y-%m-%d}t.%{begin:%H}t|%{begin}t|%{begin:}t",
      "2026-03-04.05|[04/Mar/2026:05:06:07 +0000]|[04/Mar/2026:05:06:07 +0000]" },
    { "%{end}t|%{end:sec}t|%{end:usec_frac}t|%{end:%M:%S}t|%{end:}t",
      "[04/Mar/2026:05:06:10 +0000]|1772600770|812016|06:10|[04/Mar/2026:05:06:10 +0000]" },
    { "%{beginx}t|%{msecx}t|%{endx}t", "beginx|msecx|endx" },
    { "%200,304{Referer}i|%!200,304{Referer}i|%404U|%!404m|%404b", "http://ref/|-|-|GET|-" },
    { "%{a}}i", "-" },
    { "%{x}P", "x" },
};

static void each_item(void **state)
{
    struct snapshot *s = must_load("DocumentRoot /usr");
    struct request *r = make_request(s, s->main);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *line = line_of(r, rows[i].format, &at_end), *late = line_in_two_goes(r, rows[i].format, &at_end);

        if (strcmp(line, rows[i].line))
            fail_msg("%s\n  gives %s\n  wants %s", rows[i].format, line, rows[i].line);
        if (strcmp(late, line))
            fail_msg("%s\n  in two goes %s\n  at once    %s", rows[i].format, late, line);
    }
    snapshot_drop(s);
}

static void what_is_missing_is_a_dash(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);
    struct log_end nothing = { .aborted = true };
    struct request bare = {
        .arena = arena, .snapshot = s, .site = s->main, .peer = r->peer, .client_ip = r->client_ip, .uri = ""
    };

    (void)state;
    assert_string_equal(line_of(&bare, "%r %m %U%q %s %R %b %B %X %L %H %u %V %^FB", &nothing),
                        "- - - - - - 0 X - HTTP/1.0 - main.example -");
    strcpy(bare.id, "REQ-2"); /* nothing of it is in the error log */
    assert_string_equal(line_of(&bare, "%L", &nothing), "-");
    bare.user = "";
    assert_string_equal(line_of(&bare, "%u", &nothing), "\"\"");
    bare.user = "o\"k";
    assert_string_equal(line_of(&bare, "%u", &nothing), "o\\\"k");
    snapshot_drop(s);
}

static void requests_on_the_connection(void **state)
{
    struct snapshot *s = must_load("MaxKeepAliveRequests 3");
    struct request *r = make_request(s, s->main);
    struct peer_info fresh = peer, second = peer;

    (void)state;
    fresh.served = 0;
    second.served = 1;
    r->keepalive = false;
    request_set_peer(r, &fresh);
    assert_string_equal(line_of(r, "%k", &at_end), "0");
    request_set_peer(r, &second);
    assert_string_equal(line_of(r, "%k", &at_end), "0");
    request_set_peer(r, &peer);
    assert_string_equal(line_of(r, "%k", &at_end), "2"); /* the last that the maximum allows */
    request_set_peer(r, &second);
    r->keepalive = true;
    assert_string_equal(line_of(r, "%k", &at_end), "1");
    snapshot_drop(s);
}

static void a_password_in_the_target_is_hidden(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);

    (void)state;
    r->head.line = SPAN("GET http://me:secret@h/x HTTP/1.1");
    r->head.target = SPAN("http://me:secret@h/x");
    r->head.parts.user = (struct span){ r->head.line.p + 11, 9 };
    assert_string_equal(line_of(r, "%r", &at_end), "GET http://me:XXXXXXXX@h/x HTTP/1.1");
    snapshot_drop(s);
}

static void original_and_final_request(void **state)
{
    struct snapshot *s = must_load("");
    struct request *first = make_request(s, s->main), *last = make_request(s, s->main);

    (void)state;
    first->status = 404;
    last->previous = first;
    last->uri = "/error.html";
    assert_string_equal(line_of(last, "%s %>s %<s %U %>U %m", &at_end), "404 200 404 /a\\\"b /error.html GET");
    assert_string_equal(line_of(last, "%200U %404U", &at_end), "/a\\\"b -");
    snapshot_drop(s);
}

static void faults(void **state)
{
    static const struct row wrong[] = {
        { "CustomLog x \"%Z\"", "Unrecognized LogFormat directive %Z" },
        { "CustomLog x \"%^FX\"", "Unrecognized LogFormat directive %^" },
        { "CustomLog x \"%\"", "Ran off end of LogFormat parsing args to some directive" },
        { "LogFormat \"%{a\" c", "Ran off end of LogFormat parsing args to some directive" },
        { "CustomLog x common foo", "error in condition clause" },
        { "CustomLog x common env=", "missing environment variable name" },
        { "CustomLog x common env=!", "missing environment variable name" },
        { "CustomLog x common expr=", "missing condition" },
        { "CustomLog x common expr=foo", "syntax error, unexpected $end, expecting '('" },
        { "CustomLog x", "CustomLog takes two or three arguments, a file name, a custom log format string or format "
                         "name, and an optional "
                         "\"env=\" or \"expr=\" clause (see docs)" },
        { "<VirtualHost *:80>\nGlobalLog x common\n</VirtualHost>",
          "GlobalLog cannot occur within <VirtualHost> section" },
        { "<Location />\nCustomLog x common\n</Location>", "CustomLog not allowed in <Location> context" },
        { "BufferedLogs maybe", "BufferedLogs must be On or Off" },
        { "TransferLog a b", "TransferLog takes one argument, the filename of the access log" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const char *fault = NULL;

        assert_null(load(wrong[i].format, &fault));
        if (strcmp(fault, wrong[i].line))
            fail_msg("%s\n  says  %s\n  wants %s", wrong[i].format, fault, wrong[i].line);
    }
}

static void a_log_that_cannot_be_opened_is_a_fault(void **state)
{
    const char *fault = NULL;

    (void)state;
    assert_null(load("CustomLog no/such/directory/log common", &fault));
    assert_non_null(strstr(fault, "AH00649: could not open transfer log file "));
}

/* ---- which log --------------------------------------------------------------------------------------------------- */

static const char *content(const char *name)
{
    char text[4096] = "";
    FILE *f = fopen(arena_printf(arena, "%s/%s", directory, name), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    text[n] = '\0';
    if (f)
        fclose(f);
    unlink(arena_printf(arena, "%s/%s", directory, name));
    return arena_strdup(arena, text);
}

static const struct site *named(const struct snapshot *s, const char *name)
{
    for (unsigned i = 0; i < s->sites.n; i++) {
        const struct site *site = s->sites.items[i];

        if (!strcmp(site->server_name, name))
            return site;
    }
    return s->main;
}

static void nicknames_inheritance_and_global_logs(void **state)
{
    struct snapshot *s = must_load("LogFormat \"main-%m\" nick\n"
                                   "LogFormat \"maindef-%m\"\n"
                                   "CustomLog g0 nick\n"
                                   "GlobalLog gg \"glob %v\"\n"
                                   "TransferLog gt\n"
                                   "<VirtualHost *:80>\nServerName one\n"
                                   "LogFormat \"v1-%m\" NICK\nLogFormat \"v1def-%m\"\n</VirtualHost>\n"
                                   "<VirtualHost *:80>\nServerName two\n"
                                   "CustomLog g2 later\nLogFormat \"early\" later\nLogFormat \"late-%m\" later\n"
                                   "CustomLog g2m misspelt\nCustomLog g2c clf\nLogFormat later\nTransferLog g2t\n"
                                   "</VirtualHost>\n");

    (void)state;
    logs_access(make_request(s, s->main));
    assert_string_equal(content("g0"), "main-GET\n");
    assert_string_equal(content("gg"), "glob main.example\n");
    assert_string_equal(content("gt"), "maindef-GET\n");
    snapshot_drop(s);
}

static void a_site_without_logs_uses_mains(void **state)
{
    struct snapshot *s = must_load("LogFormat \"main-%m\" nick\nCustomLog g0 nick\nTransferLog gt\n"
                                   "<VirtualHost *:80>\nServerName one\n"
                                   "LogFormat \"v1-%m\" NICK\nLogFormat \"v1def-%m\"\n</VirtualHost>\n");

    (void)state;
    logs_access(make_request(s, named(s, "one")));
    assert_string_equal(content("g0"), "v1-GET\n");
    assert_string_equal(content("gt"), "v1def-GET\n");
    snapshot_drop(s);
}

static void a_site_with_logs_uses_its_own_and_the_global(void **state)
{
    struct snapshot *s = must_load("CustomLog g0 main\nGlobalLog gg \"glob %v\"\n"
                                   "<VirtualHost *:80>\nServerName two\n"
                                   "CustomLog g2 later\nLogFormat \"early\" later\nLogFormat \"late-%m\" later\n"
                                   "CustomLog g2m misspelt\nCustomLog g2c clf\nLogFormat later\nTransferLog g2t\n"
                                   "</VirtualHost>\n");

    (void)state;
    logs_access(make_request(s, named(s, "two")));
    assert_string_equal(content("g0"), "");
    assert_string_equal(content("gg"), "glob two\n");
    assert_string_equal(content("g2"), "late-GET\n");
    assert_string_equal(content("g2m"), "misspelt\n");
    assert_string_equal(content("g2t"), "late-GET\n");
    assert_string_equal(content("g2c"),
                        "192.0.2.1 - - [04/Mar/2026:05:06:07 +0000] \"GET /a%22b?x=\\\"1 HTTP/1.1\" 200 42\n");
    snapshot_drop(s);
}

static void conditions(void **state)
{
    struct snapshot *s = must_load("CustomLog set \"%m\" env=FOO\nCustomLog unset \"%m\" env=!FOO\n"
                                   "CustomLog no \"%m\" env=NOPE\nCustomLog yes \"%m\" env=!NOPE\n"
                                   "CustomLog match \"%m\" \"expr=%{REQUEST_URI} =~ m#^/a#\"\n"
                                   "CustomLog nomatch \"%m\" \"expr=%{REQUEST_STATUS} -ge 400\"\n"
                                   "CustomLog broken \"%m\" \"expr=file('/no/such') == ''\"\n");

    (void)state;
    logs_access(make_request(s, s->main));
    assert_string_equal(content("set"), "GET\n");
    assert_string_equal(content("unset"), "");
    assert_string_equal(content("no"), "");
    assert_string_equal(content("yes"), "GET\n");
    assert_string_equal(content("match"), "GET\n");
    assert_string_equal(content("nomatch"), "");
    assert_string_equal(content("broken"), "");
    snapshot_drop(s);
}

static void no_log_without_a_line(void **state)
{
    struct snapshot *s = must_load("LogFormat \"%h\"");

    (void)state;
    logs_access(make_request(s, s->main));
    assert_null(logs_prepare(make_request(s, s->main)));
    snapshot_drop(s);
}

static void every_path_is_told(void **state)
{
    struct snapshot *s =
        must_load("CustomLog g0 \"%m\"\n<VirtualHost *:80>\nServerName v\nCustomLog g2 \"%m\"\n</VirtualHost>");
    struct vec paths = { 0 };

    (void)state;
    logs_each_path(s, arena, &paths);
    assert_int_equal(paths.n, 2);
    assert_string_equal(paths.items[0], arena_printf(arena, "%s/g0", directory));
    assert_string_equal(paths.items[1], arena_printf(arena, "%s/g2", directory));
    snapshot_drop(s);
}

/* ---- tunnels -------------------------------------------------------------------------------------------------------
 */

static const char *const combined =
    "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\n"
    "CustomLog tunnel combined\n";

static void a_tunnel_is_logged_when_it_ends(void **state)
{
    struct snapshot *s = must_load(arena_concat(
        arena, combined, "CustomLog more \"%I %O %S %B %b %X %s %{ms}T %{end:sec}t\"\nCustomLog no \"%m\" env=NOPE\n",
        NULL));
    struct request *r = make_request(s, s->main);
    struct access_record *rec;

    (void)state;
    r->status = 101;
    r->begun_us = base_wall_us() + 3600000000; /* a clock set back meanwhile: nothing was spent before the 101 */
    rec = logs_prepare(r);
    r->begun_us = BEGUN;
    assert_non_null(rec);
    snapshot_drop(s); /* reloaded: the record keeps its logs open */
    assert_string_equal(content("no"), "");
    logs_finish(rec, 1100, 5300, 61234567, BEGUN + 61234567, false);
    assert_string_equal(content("more"), "1100 5300 6400 5000 5000 - 101 61234 1772600828\n");
    assert_non_null(strstr(content("tunnel"),
                           "] \"GET /a%22b?x=\\\"1 HTTP/1.1\" 101 5300 \"http://ref/\" \"q\\\"\\\\\\t\\xe9x\"\n"));
}

static void a_tunnel_that_broke_and_carried_nothing(void **state)
{
    struct snapshot *s = must_load("CustomLog more \"%b %B %X\"\n");
    struct request *r = make_request(s, s->main);
    struct access_record *rec;

    (void)state;
    rec = logs_prepare(r);
    logs_finish(rec, r->bytes_in, r->bytes_out, 5, BEGUN, true);
    assert_string_equal(content("more"), "- 0 X\n");
    snapshot_drop(s);
}

static void the_time_before_the_101_counts(void **state)
{
    struct snapshot *s = must_load("CustomLog more \"%D\"\n");
    struct request *r = make_request(s, s->main);
    struct access_record *rec;
    long long lasted;

    (void)state;
    r->begun_us = base_wall_us() - 2000000;
    rec = logs_prepare(r);
    logs_finish(rec, 0, 0, 1000000, BEGUN, false);
    lasted = atoll(content("more"));
    assert_in_range(lasted, 3000000, 8000000);
    snapshot_drop(s);
}

static void a_record_is_small(void **state)
{
    struct snapshot *s = must_load(combined);
    struct request *r = make_request(s, s->main);
    struct access_record *rec;

    (void)state;
    http_fields_set(
        arena, &r->head.fields, "User-Agent",
        SPAN("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"));
    rec = logs_prepare(r);
    assert_in_range(logs_record_size(rec), 100, 400);
    logs_finish(rec, 0, 0, 0, BEGUN, false);
    content("tunnel");
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_item, begin, end),
        cmocka_unit_test_setup_teardown(what_is_missing_is_a_dash, begin, end),
        cmocka_unit_test_setup_teardown(requests_on_the_connection, begin, end),
        cmocka_unit_test_setup_teardown(a_password_in_the_target_is_hidden, begin, end),
        cmocka_unit_test_setup_teardown(original_and_final_request, begin, end),
        cmocka_unit_test_setup_teardown(faults, begin, end),
        cmocka_unit_test_setup_teardown(a_log_that_cannot_be_opened_is_a_fault, begin, end),
        cmocka_unit_test_setup_teardown(nicknames_inheritance_and_global_logs, begin, end),
        cmocka_unit_test_setup_teardown(a_site_without_logs_uses_mains, begin, end),
        cmocka_unit_test_setup_teardown(a_site_with_logs_uses_its_own_and_the_global, begin, end),
        cmocka_unit_test_setup_teardown(conditions, begin, end),
        cmocka_unit_test_setup_teardown(no_log_without_a_line, begin, end),
        cmocka_unit_test_setup_teardown(every_path_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_tunnel_is_logged_when_it_ends, begin, end),
        cmocka_unit_test_setup_teardown(a_tunnel_that_broke_and_carried_nothing, begin, end),
        cmocka_unit_test_setup_teardown(the_time_before_the_101_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_record_is_small, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
