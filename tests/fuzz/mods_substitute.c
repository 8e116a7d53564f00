/* Substitute: any line is taken or refused, and what was taken edits any body, to the same text in whatever pieces it
 * comes. The input is two lines' arguments and the body behind them. */
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST "ServerName fuzz.test\nSetOutputFilter SUBSTITUTE\nSubstituteMaxLineLength 2000\n"

/* True: edited to its end. */
static bool edit(struct arena *a, const struct snapshot *s, struct span body, size_t piece, struct buf *out)
{
    struct request r = get_request(a, s, SPAN("GET /x HTTP/1.1"));
    struct coder *c;

    r.uri = "/x";
    r.status = 200;
    http_fields_add(a, &r.out, SPAN("Content-Type"), SPAN("text/html"));
    c = filter_choose(&r, body.n);
    ASSERT(c && !http_fields_find(&r.out, "Content-Length"));
    for (size_t i = 0; i < body.n && !c->failed; i += piece)
        c->code(c, (struct span){ body.p + i, body.n - i < piece ? body.n - i : piece }, CODER_MORE, out);
    if (!c->failed)
        c->code(c, (struct span){ 0 }, CODER_END, out);
    return !c->failed;
}

static void compare(const struct snapshot *s, struct span body)
{
    struct arena *a = arena_new();
    struct buf whole = { 0 }, pieces = { 0 };
    bool good = edit(a, s, body, body.n + 1, &whole);

    ASSERT(edit(a, s, body, 1 + body.n % 7, &pieces) == good);
    if (good)
        ASSERT(span_eq(buf_span(&whole), buf_span(&pieces)));
    buf_release(&whole);
    buf_release(&pieces);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *p = arena_strndup(a, (const char *)data, size);
    const char *first = next_conf_line(a, &p), *second = next_conf_line(a, &p);
    struct snapshot *s =
        load_text(arena_concat(a, HOST "Substitute ", first, "\n", *second ? "Substitute " : "#", second, "\n", NULL));

    if (s && *p) /* no body needs no filter */
        compare(s, span_of(p));
    if (s)
        snapshot_drop(s);
    arena_free(a);
    return 0;
}
