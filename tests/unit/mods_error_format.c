/* ErrorLogFormat: fields, flags and items for a made-up event, compared with httpd 2.4's. */
#include "mods_request.h"

static const void *compile(const char *text, const char *kind)
{
    const void *format = NULL;
    const char *fault = error_format_compile(arena, text, kind, &format);

    if (fault)
        fail_msg("%s: %s", text, fault);
    return format;
}

static const char *line_of(const char *text, const char *kind, const struct log_event *e)
{
    char out[512];
    size_t n = error_format_render(compile(text, kind), e, out, sizeof(out));

    return arena_strndup(arena, out, n);
}

static struct log_event event(void)
{
    return (struct log_event){ .level = LEVEL_ERROR,
                               .module = LOG_PROXY,
                               .ah = 957,
                               .os_error = ECONNREFUSED,
                               .file = "mods/proxy.c",
                               .line = 42,
                               .client = "192.0.2.1:5000",
                               .connection_id = "conn1",
                               .keepalives = 2,
                               .vhost = "main.example",
                               .message = "http: it \"failed\"\n",
                               .wall_us = BEGUN };
}

static void items_without_a_request(void **state)
{
    static const char *const rows[][2] = {
        { "[%{u}t] [%-m:%l] %7F: %E: [client\\ %a] %M% ,\\ referer\\ %{Referer}i",
          "[Wed Mar 04 05:06:07.089012 2026] [proxy:error] (111)Connection refused: [client 192.0.2.1:5000] AH00957: "
          "http: it "
          "\"failed\"\\n" },
        { "%t|%{cu}t|%{cz}t|%{uz}t|%{%Y}t %M", "Wed Mar 04 05:06:07 2026|2026-03-04 05:06:07.089012|2026-03-04 "
                                               "05:06:07 +0000|Wed Mar 04 05:06:07.089012 2026 "
                                               "+0000|2026 AH00957: http: it \"failed\"\\n" },
        { "%F %l %m %v %k%% %M", "proxy.c(42) error proxy main.example 2% AH00957: http: it \"failed\"\\n" },
        { "A% B %M% %A %v", "AB AH00957: http: it \"failed\"\\n main.example" },
        { "%A %M", " AH00957: http: it \"failed\"\\n" },
        { "%-A %M", "- AH00957: http: it \"failed\"\\n" },
        { "%L|%{c}L %M", " AH00957: http: it \"failed\"\\n" },
        { "%{c}L %{C}L %M", "conn1 conn1 AH00957: http: it \"failed\"\\n" },
        { "%{Referer}i [x %{nope}e y] z %M", " [x y] z AH00957: http: it \"failed\"\\n" },
        { "%7l %3l %8m [%4v] %M", " error AH00957: http: it \"failed\"\\n" },
        { "%M x\\t\\%y", "AH00957: http: it \"failed\"\\n x\t%y" },
    };
    struct log_event e = event();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (strcmp(line_of(rows[i][0], NULL, &e), rows[i][1]))
            fail_msg("%s\n  gives %s\n  wants %s", rows[i][0], line_of(rows[i][0], NULL, &e), rows[i][1]);
}

static void items_of_a_request(void **state)
{
    struct snapshot *s = must_load("");
    struct request *r = make_request(s, s->main);
    struct log_event e = request_event(r, event());

    (void)state;
    assert_string_equal(line_of("%a %A %M", NULL, &e), "192.0.2.1:5000 192.0.2.9:80 AH00957: http: it \"failed\"\\n");
    assert_string_equal(line_of("%{Referer}i %{FOO}e %{note}n %{X}e %M", NULL, &e),
                        "http://ref/ b\"ar n AH00957: http: it \"failed\"\\n");
    assert_string_equal(line_of("%L %{c}L %-{C}L %V %v %M", NULL, &e),
                        "REQ-1 conn1 - ho.st main.example AH00957: http: it \"failed\"\\n");
    snapshot_drop(s);
}

static void a_required_item_decides_over_the_line(void **state)
{
    struct log_event e = event();

    (void)state;
    assert_string_equal(line_of("[%+{c}L] %a", "connection", &e), "[conn1] 192.0.2.1:5000");
    e.connection_id = NULL;
    assert_string_equal(line_of("[%+{c}L] %a", "connection", &e), "");
}

static void a_long_line_is_cut(void **state)
{
    struct log_event e = event();
    char out[40], message[200];
    size_t n;

    (void)state;
    memset(message, 'm', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    e.message = message;
    n = error_format_render(compile("%m %M %v %l", NULL), &e, out, sizeof(out));
    assert_in_range(n, 30, sizeof(out) - 1); /* the newline fits */
    assert_memory_equal(out, "proxy AH00957: mmm", 18);
}

static void faults(void **state)
{
    static const char *const rows[][3] = {
        { "%Z %M", NULL, "Unrecognized error log format directive %Z" },
        { "%", NULL, "Ran off end of error log format parsing args to some directive" },
        { "%M %{a", NULL, "Ran off end of error log format parsing args to some directive" },
        { "%l", NULL, "main ErrorLogFormat must contain message format string '%M'" },
        { "%+a %M", NULL, "The '+' flag cannot be used in the main error log format" },
        { "%99a %M", NULL, "The specified loglevel modifier is out of range" },
        { "%M", "request", "%M cannot be used in once-per-request or once-per-connection formats" },
        { "%7a", "connection",
          "The loglevel cannot be used as a condition in once-per-request or once-per-connection formats" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const void *format;
        const char *fault = error_format_compile(arena, rows[i][0], rows[i][1], &format);

        assert_non_null(fault);
        assert_string_equal(fault, rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(items_without_a_request, begin, end),
        cmocka_unit_test_setup_teardown(items_of_a_request, begin, end),
        cmocka_unit_test_setup_teardown(a_required_item_decides_over_the_line, begin, end),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(faults, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
