/* ${NAME} in a line: a Define with a value, else the environment, else it stays (core.c, ap_resolve_env). */
#include "reader.h"

#include <stdlib.h>

static const char *lookup(const struct reader *r, const char *name)
{
    const char *value = map_get(r->out->variables, name);
    return value ? value : getenv(name);
}

/* p is at "${" and its "}" exists. Returns what follows it. */
static const char *add_variable(struct reader *r, struct buf *out, const char *p)
{
    const char *end = strchr(p, '}') + 1;
    const char *name = arena_strndup(r->arena, p + 2, (size_t)(end - p - 3));
    const char *value = lookup(r, name);
    if (value) {
        buf_adds(out, value);
        return end;
    }
    /* With a colon it is a rewrite map, which mod_rewrite reads. */
    if (!strchr(name, ':'))
        reader_note(r, LOG_CORE, 111, "Config variable ${%s} is not defined", name);
    buf_add(out, p, (size_t)(end - p));
    return end;
}

char *reader_resolve(struct reader *r, const char *line)
{
    struct buf out = { 0 };
    bool closed = true; /* without it a line of "${${${…" would be searched to its end each time */
    for (const char *p = line; *p && buf_len(&out) < LINE_MAX_BYTES;) {
        size_t plain = strcspn(p, "$");
        buf_add(&out, p, plain);
        p += plain;
        if (p[0] == '$' && p[1] == '{' && closed)
            closed = strchr(p, '}') != NULL;
        if (p[0] == '$' && p[1] == '{' && closed)
            p = add_variable(r, &out, p);
        else if (*p)
            buf_add(&out, p++, 1);
    }
    char *resolved = NULL;
    if (buf_len(&out) < LINE_MAX_BYTES)
        resolved = arena_strndup(r->arena, buf_len(&out) ? buf_head(&out) : "", buf_len(&out));
    buf_release(&out);
    return resolved;
}
