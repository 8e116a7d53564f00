/* What a virtual host has from the main server, a section from its site, and what the memo keeps. */
#include "conf_fake.h"

static const struct fake_place *fake_of(const struct place *p)
{
    return place_part(p, &fake_module);
}

static void what_a_host_sets_wins_and_the_rest_comes_from_main(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\nFlag on\nNumber 3\nString main\nTime 9\nList a b\n"
                                   "<VirtualHost *:80>\nFlag off\nString host\nList c\n</VirtualHost>\n");
    const struct fake_site *f = site_at(s, 0);
    assert_int_equal(f->flag, 0); /* written Off counts, though it is the default */
    assert_int_equal(f->number, 3);
    assert_string_equal(f->string, "host");
    assert_true(f->time_us == 9000000);
    assert_int_equal(f->list.n, 3);
    assert_string_equal(f->list.items[0], "a");
    assert_string_equal(f->list.items[2], "c");
    assert_int_equal(f->merges, 1);
    assert_int_equal(((struct fake_site *)site_part(s->main, &fake_module))->list.n, 2);
    snapshot_drop(s);
}

static void defaults_hold_where_nobody_spoke(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\n<VirtualHost *:80>\nFlag on\n</VirtualHost>\n");
    const struct fake_site *f = site_at(s, 0);
    assert_int_equal(f->number, 7);
    assert_string_equal(f->string, "default");
    assert_true(part_has(f, &f->flag));
    assert_false(part_has(f, &f->number));
    assert_false(
        part_has(site_part(s->main, &fake_module), &((struct fake_site *)site_part(s->main, &fake_module))->flag));
    snapshot_drop(s);
}

static void the_main_server_need_not_come_first(void **state)
{
    (void)state;
    struct snapshot *s = load_good("<VirtualHost *:80>\nList c\n</VirtualHost>\nServerName m\nNumber 5\nList a\n");
    assert_int_equal(site_at(s, 0)->number, 5);
    assert_string_equal(site_at(s, 0)->list.items[0], "a");
    assert_string_equal(site_at(s, 0)->list.items[1], "c");
    snapshot_drop(s);
}

static void touched_fields_merge_like_others(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\nPair 1 2\n<VirtualHost *:80>\nPair 3 4\n</VirtualHost>\n"
                                   "<VirtualHost *:81>\n</VirtualHost>\n");
    assert_int_equal(site_at(s, 0)->pair.x, 3);
    assert_int_equal(site_at(s, 0)->pair.z, 4);
    assert_int_equal(site_at(s, 1)->pair.x, 1);
    assert_int_equal(site_at(s, 1)->pair.z, 2);
    snapshot_drop(s);
}

static const char sections[] = "ServerName m\nColour white\nMark m\n"
                               "<Location /a>\nColour red\nMark a\nSize 2\n</Location>\n"
                               "<VirtualHost *:80>\nMark v\n"
                               "<Location /b>\nMark b\n</Location>\n"
                               "<Location /c>\nColour blue\n</Location>\n</VirtualHost>\n";

static void later_sections_go_over_earlier_ones(void **state)
{
    (void)state;
    struct snapshot *s = load_good(sections);
    const struct site *site = s->sites.items[0];
    struct place_memo *memo = place_memo_new(s);
    struct arena *exchange = arena_new();
    struct walk w = { 0 };
    assert_int_equal(site->locations.n, 3); /* main's first */
    for (unsigned i = 0; i < 3; i++)
        walk_add(exchange, &w, site->locations.items[i]);
    const struct fake_place *p = fake_of(place_merge(memo, exchange, site, &w));
    assert_string_equal(p->colour, "blue");
    assert_int_equal(p->size, 2);
    assert_int_equal(p->marks.n, 4);
    assert_string_equal(p->marks.items[0], "m");
    assert_string_equal(p->marks.items[1], "v");
    assert_string_equal(p->marks.items[2], "a");
    assert_string_equal(p->marks.items[3], "b");
    arena_free(exchange);
    place_memo_free(memo);
    snapshot_drop(s);
}

static void a_combination_is_merged_once(void **state)
{
    (void)state;
    struct snapshot *s = load_good(sections);
    const struct site *site = s->sites.items[0];
    struct place_memo *memo = place_memo_new(s);
    struct arena *exchange = arena_new();
    struct walk ab = { 0 }, ac = { 0 }, none = { 0 };
    walk_add(exchange, &ab, site->locations.items[0]);
    walk_add(exchange, &ab, site->locations.items[1]);
    walk_add(exchange, &ac, site->locations.items[0]);
    walk_add(exchange, &ac, site->locations.items[2]);
    const struct place *first = place_merge(memo, exchange, site, &ab);
    assert_ptr_equal(place_merge(memo, exchange, site, &ab), first);
    assert_ptr_not_equal(place_merge(memo, exchange, site, &ac), first);
    assert_ptr_not_equal(place_merge(memo, exchange, s->main, &ab), first); /* another site, another place */
    assert_ptr_equal(place_merge(memo, exchange, site, &none), &site->place);
    arena_free(exchange);
    assert_string_equal(fake_of(first)->colour, "red"); /* outlives the exchange */
    place_memo_free(memo);
    snapshot_drop(s);
}

static void a_module_without_a_line_shares_what_was(void **state)
{
    (void)state;
    struct snapshot *s = load_good("ServerName m\n<Location /x>\nLevel 4\n</Location>\n");
    struct arena *a = arena_new();
    const struct section *x = s->main->locations.items[0];
    struct place merged;
    place_merge_into(a, fake_modules, &merged, &s->main->place, &x->place);
    assert_ptr_equal(merged.parts[0].data, s->main->place.parts[0].data);
    assert_int_equal(((struct other_place *)place_part(&merged, &other_module))->level, 4);
    arena_free(a);
    snapshot_drop(s);
}

static void beyond_its_bound_the_memo_does_not_grow(void **state)
{
    (void)state;
    enum { SECTIONS = 11 };
    struct buf b = { 0 };
    buf_adds(&b, "ServerName m\n");
    for (int i = 0; i < SECTIONS; i++)
        buf_printf(&b, "<Location /%d>\nMark %d\n</Location>\n", i, i);
    buf_add(&b, "", 1);
    struct snapshot *s = load_good(buf_head(&b));
    buf_release(&b);
    struct place_memo *memo = place_memo_new(s);
    for (unsigned set = 0; set < 1u << SECTIONS; set++) { /* 2047 places, each one more than another */
        struct arena *exchange = arena_new();
        struct walk w = { 0 };
        unsigned expected = 0;
        for (unsigned i = 0; i < SECTIONS; i++)
            if (set >> i & 1) {
                walk_add(exchange, &w, s->main->locations.items[i]);
                expected++;
            }
        const struct fake_place *p = fake_of(place_merge(memo, exchange, s->main, &w));
        assert_int_equal(p->marks.n, expected);
        if (expected)
            assert_string_equal(
                p->marks.items[expected - 1],
                ((const struct fake_place *)fake_of(&walk_at(&w, expected - 1)->place))->marks.items[0]);
        arena_free(exchange);
    }
    place_memo_free(memo);
    snapshot_drop(s);
}

static void a_long_walk_spills_into_the_arena(void **state)
{
    (void)state;
    enum { SECTIONS = 200 };
    struct buf b = { 0 };
    buf_adds(&b, "ServerName m\n");
    for (int i = 0; i < SECTIONS; i++)
        buf_printf(&b, "<Location />\nMark %d\nSize %d\n</Location>\n", i, i);
    buf_add(&b, "", 1);
    struct snapshot *s = load_good(buf_head(&b));
    buf_release(&b);
    struct place_memo *memo = place_memo_new(s);
    struct arena *exchange = arena_new();
    struct walk w = { 0 };
    for (unsigned i = 0; i < SECTIONS; i++)
        walk_add(exchange, &w, s->main->locations.items[i]);
    for (unsigned i = 0; i < SECTIONS; i++)
        assert_ptr_equal(walk_at(&w, i), s->main->locations.items[i]);
    const struct fake_place *p = fake_of(place_merge(memo, exchange, s->main, &w));
    assert_int_equal(p->marks.n, SECTIONS);
    assert_int_equal(p->size, SECTIONS - 1);
    arena_free(exchange);
    place_memo_free(memo);
    snapshot_drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_host_sets_wins_and_the_rest_comes_from_main),
        cmocka_unit_test(defaults_hold_where_nobody_spoke),
        cmocka_unit_test(the_main_server_need_not_come_first),
        cmocka_unit_test(touched_fields_merge_like_others),
        cmocka_unit_test(later_sections_go_over_earlier_ones),
        cmocka_unit_test(a_combination_is_merged_once),
        cmocka_unit_test(a_module_without_a_line_shares_what_was),
        cmocka_unit_test(beyond_its_bound_the_memo_does_not_grow),
        cmocka_unit_test(a_long_walk_spills_into_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
