/* Every directive of httpd's bundled modules is known to exactly one row, or is a word of the language itself. */
#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mods.h"

static unsigned rows_of(const char *name)
{
    unsigned n = 0;

    for (const struct module *const *m = all_modules; *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++)
            n += strcasecmp(d->name, name) == 0;
    return n;
}

static bool is_language(const char *name)
{
    const char *word, *help, *module;
    bool local;

    for (unsigned i = 0; (word = conf_language(i, &help, &module, &local)); i++)
        if (strcasecmp(word, name) == 0)
            return true;
    return false;
}

static void every_name_is_known_once(void **state)
{
    char line[128];
    unsigned names = 0, faults = 0;
    FILE *file = fopen(WEIR_SOURCE_ROOT "/tests/data/apache-directives.txt", "r");

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        names++;
        unsigned known = rows_of(line);
        if (known != 1 && !(is_language(line) && known <= 1)) {
            fprintf(stderr, "%s: %u rows\n", line, known);
            faults++;
        }
    }
    fclose(file);
    assert_true(names > 700);
    assert_int_equal(faults, 0);
}

static void no_row_has_a_name_of_its_own_invention(void **state)
{
    char text[65536] = "\n";
    FILE *file = fopen(WEIR_SOURCE_ROOT "/tests/data/apache-directives.txt", "r");

    (void)state;
    assert_non_null(file);
    size_t n = fread(text + 1, 1, sizeof(text) - 2, file);
    assert_true(n < sizeof(text) - 2);
    fclose(file);
    for (const struct module *const *m = all_modules; *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++) {
            char word[128];
            snprintf(word, sizeof(word), "\n%s\n", d->name);
            if (!strcasestr(text, word))
                fail_msg("%s is in no module of httpd", d->name);
        }
}

/* A row that does nothing says why, in both languages; one that works has something to do. */
static void every_row_is_whole(void **state)
{
    (void)state;
    for (const struct module *const *m = all_modules; *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++) {
            if (d->class == CONF_WORKS && !d->set && d->slot.kind == SLOT_NONE && d->args != ARGS_FLAG)
                fail_msg("%s works, and nothing is done", d->name);
            if (d->class != CONF_WORKS && (!d->why || !strstr(d->why, " / ")))
                fail_msg("%s does not say why", d->name);
            if (d->class != CONF_REFUSED && !d->help)
                fail_msg("%s has no help", d->name);
            if (!d->where)
                fail_msg("%s may stand nowhere", d->name);
            if ((d->name[0] == '<') != (d->args == ARGS_SECTION))
                fail_msg("%s: section or line?", d->name);
        }
}

static void modules_are_numbered_and_named_once(void **state)
{
    (void)state;
    for (int i = 0; all_modules[i]; i++) {
        assert_int_equal(all_modules[i]->index, i);
        for (int k = 0; k < i; k++)
            if (all_modules[i]->name && all_modules[k]->name)
                assert_string_not_equal(all_modules[i]->name, all_modules[k]->name);
    }
}

static bool present(const char *name)
{
    struct conf_options o = { .modules = all_modules };
    struct conf_reading r = { .options = &o };

    return conf_module_present(&r, name);
}

static void contained_modules_are_seen_and_others_are_not(void **state)
{
    (void)state;
    assert_true(present("mod_proxy_wstunnel.c"));
    assert_true(present("rewrite_module"));
    assert_true(present("http_core.c"));
    assert_true(present("event.c"));
    assert_false(present("mod_lua.c"));
    assert_false(present("mod_php7.c"));
    assert_false(present("mod_security2.c"));
}

static const struct other_module *find_other(const char *name)
{
    for (const struct other_module *o = other_modules; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static void what_may_be_loaded_and_is_not_contained_is_named_once_and_whole(void **state)
{
    (void)state;
    for (const struct other_module *o = other_modules; o->name; o++) {
        const char *end = strstr(o->name, "_module");
        assert_ptr_equal(find_other(o->name), o);
        assert_false(present(o->name));
        assert_false(present(o->source));
        assert_true(end && strcmp(end, "_module") == 0 && strstr(o->source, ".c"));
        assert_true(o->lacks ? strstr(o->lacks, " / ") != NULL : !o->refused);
    }
}

/* Of systems that Debian is not, or examples: nobody loads them here. */
static bool is_elsewhere(const char *module)
{
    return strcmp(module, "isapi_module") == 0 || strcmp(module, "nw_ssl_module") == 0 ||
           strcmp(module, "privileges_module") == 0 || strcmp(module, "example_hooks_module") == 0;
}

static void rows_that_are_nobodys_name_a_module_that_may_be_loaded(void **state)
{
    (void)state;
    for (const struct module *const *m = all_modules; *m; m++)
        for (const struct directive *d = (*m)->directives; d && d->name; d++) {
            assert_true(!d->other == !!(*m)->name);
            if (d->other && !find_other(d->other) && !is_elsewhere(d->other))
                fail_msg("%s is of %s, which is not listed", d->name, d->other);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_known_once),
        cmocka_unit_test(no_row_has_a_name_of_its_own_invention),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(modules_are_numbered_and_named_once),
        cmocka_unit_test(contained_modules_are_seen_and_others_are_not),
        cmocka_unit_test(what_may_be_loaded_and_is_not_contained_is_named_once_and_whole),
        cmocka_unit_test(rows_that_are_nobodys_name_a_module_that_may_be_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
