/* Targets, paths, hosts and URLs: parts lie inside of the whole, a normalised path stays below its root and is stable,
 * an encoded one is plain ASCII and decodes to what it was. */
#include "http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct span part, struct span whole)
{
    ASSERT(!part.p || part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n) ||
           span_eq(part, SPAN("/")) || span_eq(part, SPAN("*")));
}

static void run_target(struct span method, struct span in)
{
    struct http_target t;

    if (!http_parse_target(method, in, &t))
        return;
    check_inside(t.scheme, in);
    check_inside(t.host, in);
    check_inside(t.port, in);
    check_inside(t.path, in);
    check_inside(t.query, in);
    ASSERT(t.form == HTTP_AUTHORITY_FORM || (t.path.n > 0 && (*t.path.p == '/' || *t.path.p == '*')));
    ASSERT(t.form != HTTP_ABSOLUTE_FORM || t.host.n > 0);
}

static void check_below_root(const char *path)
{
    ASSERT(*path == '/' || strcmp(path, "*") == 0);
    ASSERT(!strstr(path, "/../") && !strstr(path, "/./"));
    ASSERT(strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static void run_path(struct arena *a, struct span in, enum http_slashes slashes, bool merge)
{
    char *path, *again;
    struct span sent;

    if (http_normalize_path(a, in, slashes, merge, &path) != HTTP_PATH_OK)
        return;
    ASSERT(strlen(path) <= in.n);
    check_below_root(path);
    ASSERT(!merge || !strstr(path, "//"));
    sent = http_encode_path(a, span_of(path), slashes == HTTP_SLASHES_NODECODE);
    if (!sent.p)
        return;
    for (const char *c = sent.p; c < sent.p + sent.n; c++)
        ASSERT(*c > ' ' && *c < 127 && *c != '?' && *c != '#');
    /* where escapes stay a "%" that stood for itself is encoded once more, so the way back is another */
    if (slashes < HTTP_SLASHES_NODECODE && *path == '/') {
        ASSERT(http_normalize_path(a, sent, slashes, merge, &again) == HTTP_PATH_OK);
        ASSERT(strcmp(again, path) == 0);
    }
}

static void run_host(struct arena *a, struct span in, bool strict)
{
    char *host;
    int port;

    if (!http_parse_host(a, in, strict, &host, &port))
        return;
    ASSERT(port >= 0 && port <= 65535 && strlen(host) <= in.n);
    ASSERT(!strpbrk(host, "/\\ABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strstr(host, ".."));
    ASSERT(!strict || strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") == strlen(host));
}

static void run_url(struct span in)
{
    struct http_url u;

    if (!http_parse_url(in, &u))
        return;
    check_inside(u.host, in);
    check_inside(u.path, in);
    check_inside(u.query, in);
    check_inside(u.user, in);
    ASSERT(u.scheme.n > 0 && u.host.n > 0 && u.port >= 0 && u.port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = { size ? (const char *)data : "", size };
    struct arena *a = arena_new();

    run_target(SPAN("GET"), in);
    run_target(SPAN("OPTIONS"), in);
    run_target(SPAN("CONNECT"), in);
    for (int i = 0; i < 8; i++)
        run_path(a, in, (enum http_slashes)(i % 4), i < 4);
    run_host(a, in, true);
    run_host(a, in, false);
    run_url(in);
    ASSERT(strlen(http_escape_log(a, in)) >= size);
    ASSERT(!strpbrk(http_escape_html(a, in), "<>\""));
    arena_free(a);
    return 0;
}
