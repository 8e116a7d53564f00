/* Reads configurations held in memory and writes down what came of them: the tree, a line a node, then the notices; or
 * the fault. */
#ifndef WEIR_CONF_TEXT_H
#define WEIR_CONF_TEXT_H

#include "conf.h"

#include <setjmp.h>
#include <stdio.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct text_file {
    const char *path, *text;
};
static struct text_file text_files[8]; /* what Include finds; ends with an empty one */
static const char *text_defines[4];
static const char *text_before[4], *text_after[4];
static size_t text_max_bytes;

static const struct directive text_rows[] = {
    { "ServerName", IN_SITES, ARGS_1, NULL, { 0 }, NULL, 0, NULL },
    { "<VirtualHost", IN_SITES, ARGS_SECTION, NULL, { 0 }, NULL, 0, NULL },
    { "<Location", IN_SITES, ARGS_SECTION, NULL, { 0 }, NULL, 0, NULL },
    { 0 },
};
static const struct directive text_ssl_rows[] = {
    { "SSLEngine", IN_SITES, ARGS_FLAG, NULL, { 0 }, NULL, 0, NULL },
    { 0 },
};
static struct module text_core = { "core_module", "core.c", text_rows, .static_in_httpd = true };
static struct module text_so = { "so_module", "mod_so.c", .static_in_httpd = true };
static struct module text_version = { "version_module", "mod_version.c", .static_in_httpd = true };
static struct module text_macro = { "macro_module", "mod_macro.c" };
static struct module text_ssl = { "ssl_module", "mod_ssl.c", text_ssl_rows };
static struct module text_mpm = { "mpm_event_module", "event.c", .in_whole_files = true };
static const struct directive text_outside_rows[] = {
    { "UserDir", IN_SITES, ARGS_RAW, NULL, { 0 }, NULL, CONF_REFUSED, "a / b", "userdir_module" },
    { 0 },
};
static struct module text_nameless = { NULL, NULL, text_outside_rows };
static const struct other_module text_others[] = {
    { "userdir_module", "mod_userdir.c", NULL, false },
    { "unique_id_module", "mod_unique_id.c", "no names / 名なし", false },
    { "php7_module", "mod_php7.c", "it would be shown / 見えます", true },
    { 0 },
};
static const struct module *const text_modules[] = { &text_core,  &text_so,  &text_mpm,      &text_version,
                                                     &text_macro, &text_ssl, &text_nameless, NULL };

static const char *text_load(void *main_text, const char *path, size_t *n)
{
    const char *text = strcmp(path, "/etc/weir/main.conf") == 0 ? main_text : NULL;
    for (const struct text_file *f = text_files; !text && f->path; f++)
        if (strcmp(f->path, path) == 0)
            text = f->text;
    *n = text ? strlen(text) : 0;
    return text;
}

static void text_render(const struct conf_node *n, int depth, struct buf *out)
{
    for (; n; n = n->next) {
        buf_printf(out, "%*s%d: %s%s%s\n", 2 * depth, "", n->line, n->name, *n->args ? " " : "", n->args);
        text_render(n->children, depth + 1, out);
    }
}

static unsigned text_count(const char **list)
{
    unsigned n = 0;
    while (n < 4 && list[n])
        n++;
    return n;
}

static char text_result[65536];

/* What is read stays until the next call, for tests that look further. */
static struct arena *text_arena;
static struct conf_reading text_reading;

static inline const char *text_read(const char *text)
{
    static struct conf_options o;
    struct buf out = { 0 };
    if (text_arena)
        arena_free(text_arena);
    text_arena = arena_new();
    o = (struct conf_options){ .file = "main.conf", .root = "/etc/weir", .modules = text_modules, .version = "2.4.62" };
    o.others = text_others;
    o.load = text_load;
    o.load_ctx = (void *)text;
    o.max_bytes = text_max_bytes;
    o.defines = text_defines;
    o.n_defines = text_count(text_defines);
    o.before = text_before;
    o.n_before = text_count(text_before);
    o.after = text_after;
    o.n_after = text_count(text_after);
    text_reading = (struct conf_reading){ .options = &o, .arena = text_arena };
    const struct conf_node *root = conf_read(&text_reading);
    const struct conf_error *e = &text_reading.error;
    if (root)
        text_render(root->children, 0, &out);
    for (unsigned i = 0; i < text_reading.notices.n; i++) {
        const struct conf_notice *n = text_reading.notices.items[i];
        buf_printf(&out, "AH%05d: %s\n", n->ah, n->text);
    }
    if (!root && e->file)
        buf_printf(&out, "line %d of %s: %s\n", e->line, e->file, e->text);
    else if (!root)
        buf_printf(&out, "%s\n", e->text);
    snprintf(text_result, sizeof(text_result), "%.*s", (int)buf_len(&out), out.data ? buf_head(&out) : "");
    buf_release(&out);
    return text_result;
}

static inline int text_forget(void **state)
{
    (void)state;
    if (text_arena)
        arena_free(text_arena);
    text_arena = NULL;
    memset(text_files, 0, sizeof(text_files));
    memset(text_defines, 0, sizeof(text_defines));
    memset(text_before, 0, sizeof(text_before));
    memset(text_after, 0, sizeof(text_after));
    text_max_bytes = 0;
    return 0;
}

#define assert_read(text, expected) assert_string_equal(text_read(text), expected)
#define TELLS(test)                 cmocka_unit_test_teardown(test, text_forget)

#endif
