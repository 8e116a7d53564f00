/* For fuzz targets of modules: a configuration from text, and lines out of the input. */
#ifndef WEIR_FUZZ_CONFIG_H
#define WEIR_FUZZ_CONFIG_H

#include "mods.h"

static const char *give_text(void *ctx, const char *path, size_t *n)
{
    (void)path;
    *n = strlen(ctx);
    return ctx;
}

/* NULL: it is at fault, and says so. */
static struct snapshot *load_text(const char *text)
{
    struct conf_options o = {
        .file = "/fuzz.conf", .root = "/", .modules = all_modules, .others = other_modules, .version = APACHE_VERSION
    };
    struct arena *a = arena_new();
    struct conf_error error = { 0 };
    struct snapshot *s;

    o.load = give_text;
    o.load_ctx = (void *)(uintptr_t)text;
    o.check_only = true;
    s = conf_load(&o, a, &error);
    ASSERT(!s == !!error.text);
    arena_free(a);
    return s;
}

/* A GET from 192.0.2.1 at the main server, before anything was decided. */
static inline struct request get_request(struct arena *a, const struct snapshot *s, struct span line)
{
    static const struct peer_info peer = { .ip = "192.0.2.1", .text = "192.0.2.1:5", .family = 4 };
    struct request r = { .magic = REQUEST_MAGIC, .arena = a, .snapshot = s, .site = s->main, .place = &s->main->place };

    request_set_peer(&r, &peer);
    r.head.method = SPAN("GET");
    r.head.line = line;
    r.head.version = 11;
    return r;
}

/* As a line of a file: without what would end it or join it to the next. */
static inline char *next_conf_line(struct arena *a, const char **p)
{
    size_t n = strcspn(*p, "\n");
    char *line = arena_strndup(a, *p, n);

    *p += n + ((*p)[n] == '\n');
    for (char *c = line; *c; c++)
        if (*c == '\r')
            *c = ' ';
    n = strlen(line);
    while (n && line[n - 1] == '\\')
        line[--n] = '\0';
    return line;
}

#endif
