/* Header, RequestHeader and SetEnvIf: any line is taken or refused, and what was taken acts on a hostile request. The
 * input is a header line without its first word, a SetEnvIf line without it, and the value of a field, a line each. */
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void act(struct arena *a, const struct snapshot *s, const char *value)
{
    struct request r = get_request(a, s, SPAN("GET /x?q=1 HTTP/1.1"));

    r.uri = "/x";
    r.args = SPAN("q=1");
    http_fields_add(a, &r.head.fields, SPAN("X"), span_of(value));
    http_fields_add(a, &r.head.fields, SPAN("x"), SPAN("2"));
    http_fields_add(a, &r.out, SPAN("X"), span_of(value));
    http_fields_add(a, &r.out, SPAN("Content-Type"), SPAN("text/html"));
    http_fields_add(a, &r.err_out, SPAN("X"), SPAN("e"));
    setenvif_site(&r);
    headers_early(&r);
    headers_request(&r);
    HTTP_EACH_FIELD(f, &r.head.fields)
    ASSERT(!f->value.n || (!memchr(f->value.p, '\n', f->value.n) && !memchr(f->value.p, '\r', f->value.n)));
    headers_answer(&r);
    headers_error(&r);
    headers_sound(&r, (struct span){ 0 });
}

static void load_and_act(struct arena *a, const char *directive, const char *line, const char *condition,
                         const char *value)
{
    struct snapshot *s = load_text(arena_concat(a, "ServerName fuzz.test\n", directive, " ", line,
                                                *condition ? "\nSetEnvIf " : "\n#", condition, "\n", NULL));

    if (!s)
        return;
    act(a, s, value);
    snapshot_drop(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    const char *p = arena_strndup(a, (const char *)data, size);
    const char *line = next_conf_line(a, &p), *condition = next_conf_line(a, &p), *value = next_conf_line(a, &p);

    load_and_act(a, "Header", line, condition, value);
    load_and_act(a, "RequestHeader", line, condition, value);
    arena_free(a);
    return 0;
}
