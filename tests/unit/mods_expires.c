/* mod_expires: what the codes mean, which of them is taken, and from when it counts. */
#include "mods_request.h"

#define ON "ExpiresActive On\n"

/* max-age of an answer of that type; -1: none. */
static long age(const char *conf, const char *type)
{
    struct snapshot *s = must_load(conf);
    struct request *r = make_request(s, s->main);
    struct span control;
    long value;

    r->out = r->err_out = (struct http_fields){ 0 };
    if (type)
        add(&r->out, "Content-Type", type);
    r->file = (struct resource){ .kind = RESOURCE_FILE, .mtime_us = BEGUN - (int64_t)100 * 1000000 };
    expires_edit(r);
    control = http_fields_get(&r->out, "Cache-Control");
    assert_int_equal(control.p != NULL, http_fields_find(&r->out, "Expires") != NULL);
    value = control.p ? strtol(control.p + strlen("max-age="), NULL, 10) : -1;
    snapshot_drop(s);
    return value;
}

static void codes_are_seconds_from_the_access_or_the_modification(void **state)
{
    static const struct {
        const char *code;
        long age;
    } rows[] = {
        { "A3600", 3600 },
        { "A-5", 0 },
        { "M300", 200 },
        { "M50", 0 }, /* over already */
        { "\"access plus 1 month\"", 30 * 86400 },
        { "\"now 1 year 2 days 3 hours 4 minutes 5 seconds\"", 365 * 86400 + 2 * 86400 + 3 * 3600 + 4 * 60 + 5 },
        { "\"modification plus 1 hour\"", 3500 },
        { "\"a p 2 w\"", 14 * 86400 },
        { "\"Access plus 1 day\"", 0 }, /* as httpd reads a capital A */
        { "access", 0 },
        { "\"access plus 100 years\"", (long)100 * 365 * 86400 },
    };

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(age(arena_printf(arena, ON "ExpiresDefault %s", rows[i].code), "text/html"), rows[i].age);
}

static void the_type_goes_before_the_star_and_the_default(void **state)
{
    const char *conf = ON "ExpiresByType text/html A1\nExpiresByType text/* A2\nExpiresDefault A3";

    (void)state;
    assert_int_equal(age(conf, "text/html; charset=utf-8"), 1);
    assert_int_equal(age(conf, "text/css"), 2);
    assert_int_equal(age(conf, "image/png"), 3);
    assert_int_equal(age(conf, NULL), 3);
    assert_int_equal(age(ON "ExpiresByType text/html A1", "image/png"), -1);
    assert_int_equal(age("ExpiresDefault A3", "image/png"), -1);
}

static void an_answer_that_says_when_or_is_an_error_is_left_alone(void **state)
{
    struct snapshot *s = must_load(ON "ExpiresDefault A3");
    struct request *r = make_request(s, s->main);

    (void)state;
    add(&r->err_out, "Expires", "0");
    expires_edit(r);
    assert_null(http_fields_find(&r->out, "Expires"));
    r->err_out = (struct http_fields){ 0 };
    r->status = 404;
    expires_edit(r);
    assert_null(http_fields_find(&r->out, "Expires"));
    r->status = 301;
    expires_edit(r);
    assert_non_null(http_fields_find(&r->out, "Expires"));
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(codes_are_seconds_from_the_access_or_the_modification, begin, end),
        cmocka_unit_test_setup_teardown(the_type_goes_before_the_star_and_the_default, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_that_says_when_or_is_an_error_is_left_alone, begin, end),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
