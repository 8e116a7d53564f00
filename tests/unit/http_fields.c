/* Fields as an ordered multimap: order, case and duplicates are a peer's own. */
#include "http.h"
#include <setjmp.h>
/* cmocka wants the standard headers before it */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_span(struct span s, const char *expected)
{
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static struct http_fields three_colours(struct arena *a)
{
    struct http_fields f = { 0 };

    http_fields_add(a, &f, SPAN("Colour"), SPAN("red"));
    http_fields_add(a, &f, SPAN("Shape"), SPAN("round"));
    http_fields_add(a, &f, SPAN("colour"), SPAN("green, blue"));
    http_fields_add(a, &f, SPAN("COLOUR"), SPAN(""));
    return f;
}

static void names_ignore_case_and_keep_it(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = three_colours(a);

    (void)state;
    assert_span(http_fields_get(&f, "cOLOUR"), "red");
    assert_span(http_fields_find(&f, "shape")->name, "Shape");
    assert_null(http_fields_get(&f, "Size").p);
    assert_null(http_fields_find(&f, "Colou"));
    arena_free(a);
}

static void duplicates_join_like_apr_table_merge(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = three_colours(a);

    (void)state;
    assert_span(http_fields_join(a, &f, "Colour"), "red, green, blue, ");
    assert_span(http_fields_join(a, &f, "Shape"), "round");
    assert_null(http_fields_join(a, &f, "Size").p);
    http_fields_merge(a, &f, "shape", SPAN("flat"));
    assert_span(http_fields_get(&f, "Shape"), "round, flat");
    http_fields_merge(a, &f, "Size", SPAN("small"));
    assert_span(http_fields_get(&f, "Size"), "small");
    arena_free(a);
}

static void shared_fields_are_edited_apart(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = three_colours(a), shared = { 0 };

    (void)state;
    http_fields_share(a, &shared, &f);
    http_fields_remove(&shared, "Shape");
    http_fields_set(a, &shared, "Colour", SPAN("black"));
    for (unsigned i = 0; i < 20; i++)
        http_fields_add(a, &shared, SPAN("More"), SPAN("x"));
    assert_span(http_fields_get(&shared, "Colour"), "black");
    assert_null(http_fields_get(&shared, "Shape").p);
    assert_span(http_fields_join(a, &f, "Colour"), "red, green, blue, ");
    assert_span(http_fields_get(&f, "Shape"), "round");
    assert_null(http_fields_get(&f, "More").p);
    arena_free(a);
}

static void set_replaces_all_in_the_first_place(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = three_colours(a);
    unsigned seen = 0;

    (void)state;
    http_fields_set(a, &f, "colour", SPAN("grey"));
    HTTP_EACH_FIELD(field, &f)
    {
        assert_span(field->name, seen ? "Shape" : "Colour");
        assert_span(field->value, seen ? "round" : "grey");
        seen++;
    }
    assert_int_equal(seen, 2);
    http_fields_set(a, &f, "New", SPAN("x"));
    assert_span(http_fields_get(&f, "new"), "x");
    arena_free(a);
}

static void removed_fields_are_gone_and_the_rest_stays(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = three_colours(a), copy = { 0 };

    (void)state;
    assert_int_equal(http_fields_remove(&f, "Colour"), 3);
    assert_int_equal(http_fields_remove(&f, "Colour"), 0);
    assert_null(http_fields_find(&f, "Colour"));
    http_fields_copy(a, &copy, &f);
    assert_int_equal(copy.n, 1);
    assert_span(http_fields_get(&copy, "Shape"), "round");
    assert_ptr_not_equal(http_fields_get(&copy, "Shape").p, http_fields_get(&f, "Shape").p);
    arena_free(a);
}

static void tokens_are_found_on_any_line(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = { 0 };

    (void)state;
    http_fields_add(a, &f, SPAN("Connection"), SPAN("keep-alive"));
    http_fields_add(a, &f, SPAN("connection"), SPAN("x-upgrade,  UPGRADE"));
    assert_true(http_fields_has_token(&f, "Connection", "upgrade"));
    assert_true(http_fields_has_token(&f, "Connection", "Keep-Alive"));
    assert_false(http_fields_has_token(&f, "Connection", "x"));
    assert_false(http_fields_has_token(&f, "Upgrade", "upgrade"));
    arena_free(a);
}

static void hundreds_are_kept_in_order(void **state)
{
    struct arena *a = arena_new();
    struct http_fields f = { 0 };
    unsigned i = 0;

    (void)state;
    for (unsigned n = 0; n < 500; n++) {
        char *name = arena_printf(a, "X-%u", n);

        http_fields_add(a, &f, span_of(name), SPAN("v"));
    }
    HTTP_EACH_FIELD(field, &f) assert_span(field->name, arena_printf(a, "X-%u", i++));
    assert_int_equal(i, 500);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_ignore_case_and_keep_it),
        cmocka_unit_test(duplicates_join_like_apr_table_merge),
        cmocka_unit_test(shared_fields_are_edited_apart),
        cmocka_unit_test(set_replaces_all_in_the_first_place),
        cmocka_unit_test(removed_fields_are_gone_and_the_rest_stays),
        cmocka_unit_test(tokens_are_found_on_any_line),
        cmocka_unit_test(hundreds_are_kept_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
