/* RewriteCond, RewriteRule and RewriteMap: any line is taken or refused, and what was taken can be applied. The input
 * is a condition, a rule and a map, a line each. */
#include "config.h"
#include "proxying.h"
#include "rewrite.h"

#include <ctype.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Programs are not for here, and rounds of a bad pattern take their time. */
static bool is_tame(const struct snapshot *s)
{
    const struct vec *rules = &rewrite_site_of(s->main)->list.rules;

    for (unsigned i = 0; i < rules->n; i++)
        if (((const struct rewrite_rule *)rules->items[i])->flags & RULE_NEXT)
            return false;
    return rewrite_site_of(s->main)->asks_program == 0;
}

static void apply(struct arena *a, const struct snapshot *s)
{
    struct request r = get_request(a, s, SPAN("GET /app/x?q=1 HTTP/1.1"));
    int status;

    r.uri = "/app/x";
    r.args = SPAN("q=1");
    r.hostname = "h";
    http_fields_add(a, &r.head.fields, SPAN("Upgrade"), SPAN("websocket"));
    status = rewrite_translate(&r);
    ASSERT(status == 0 || (status >= 100 && status < 600));
    ASSERT(r.uri && (!r.proxy || r.proxy->url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *p = arena_strndup(a, (const char *)data, size);
    const char *cond = next_conf_line(a, &p), *rule = next_conf_line(a, &p), *map = next_conf_line(a, &p);
    struct snapshot *s = load_text(
        arena_concat(a, "ServerName fuzz.test\nRewriteEngine On\n", *map ? "RewriteMap m " : "#", map, "\nRewriteCond ",
                     cond, "\nRewriteRule ", rule, "\n<Location /x>\nRewriteRule ", rule, "\n</Location>\n", NULL));

    if (s && is_tame(s))
        apply(a, s);
    if (s)
        snapshot_drop(s);
    arena_free(a);
    return 0;
}
