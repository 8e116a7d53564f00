/* For the proxy's unit tests: a configuration from a text, and a request to it. */
#ifndef WEIR_TEST_MODS_PROXY_H
#define WEIR_TEST_MODS_PROXY_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mods.h"

static struct arena *bench_arena; /* of the test that runs */
static struct conf_error bench_fault;

static int bench_begin(void **state)
{
    (void)state;
    bench_arena = arena_new();
    bench_fault = (struct conf_error){ 0 };
    return 0;
}

static int bench_end(void **state)
{
    (void)state;
    arena_free(bench_arena);
    return 0;
}

static void bench_drop(void *snapshot)
{
    snapshot_drop(snapshot);
}

/* NULL when the text is faulty: bench_fault says why. */
static struct snapshot *bench_load(const char *text)
{
    char path[] = "/tmp/weir-unit-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    const char *defines[1] = { NULL };
    struct conf_options o = {
        .file = path, .root = "/tmp", .defines = defines, .modules = all_modules, .version = APACHE_VERSION
    };

    assert_non_null(file);
    fprintf(file, "ServerName main.example\n%s\n", text);
    fclose(file);
    struct snapshot *s = conf_load(&o, bench_arena, &bench_fault);
    unlink(path);
    if (s)
        arena_on_free(bench_arena, bench_drop, s);
    return s;
}

static struct snapshot *bench_must_load(const char *text)
{
    struct snapshot *s = bench_load(text);
    if (!s)
        fail_msg("line %d: %s", bench_fault.line, bench_fault.text);
    return s;
}

static void bench_forget(void *memo)
{
    place_memo_free(memo);
}

static const struct peer_info bench_peer = {
    .ip = "192.0.2.1", .local_ip = "192.0.2.9", .port = 5000, .local_port = 80, .family = 4, .text = "192.0.2.1:5000"
};

/* "GET /path HTTP/1.1" and fields, a line each, to the main server; its <Location> sections are walked. */
static inline struct request *bench_request(struct snapshot *s, const char *head)
{
    struct request *r = arena_alloc(bench_arena, sizeof(*r));
    struct http_limits limits = { .line = 8190, .fields = 100, .field_size = 8190, .any_method = true };
    struct http_scan scan = { 0 };
    struct http_fault fault = { 0 };
    struct buf bytes = { 0 };
    size_t used;
    char *uri = NULL;

    for (; *head; head++)
        if (*head == '\n')
            buf_add(&bytes, "\r\n", 2);
        else
            buf_add(&bytes, head, 1);
    buf_add(&bytes, "\r\n\r\n", 4);
    *r = (struct request){ .magic = REQUEST_MAGIC,
                           .arena = bench_arena,
                           .snapshot = s,
                           .site = s->main,
                           .peer = &bench_peer,
                           .client_ip = bench_peer.ip };
    assert_int_equal(http_parse_request(bench_arena, buf_span(&bytes), &limits, &scan, &r->head, &used, &fault),
                     HTTP_DONE);
    buf_release(&bytes);
    assert_true(http_parse_target(r->head.method, r->head.target, &r->head.parts));
    struct span host = http_fields_get(&r->head.fields, "Host");
    char *name = NULL;
    if (host.n)
        assert_true(http_parse_host(bench_arena, host, false, &name, &r->host_port));
    r->hostname = name;
    r->args = r->head.parts.query;
    r->unparsed_uri = r->head.target;
    assert_int_equal(http_normalize_path(bench_arena, r->head.parts.path,
                                         (enum http_slashes)core_site_of(r->site)->encoded_slashes, true, &uri),
                     HTTP_PATH_OK);
    r->uri = uri;
    r->place = &s->main->place;
    struct place_memo *memo = place_memo_new(s);
    arena_on_free(bench_arena, bench_forget, memo);
    assert_int_equal(core_walk(r, memo, WALK_LOCATION), 0);
    return r;
}

#endif
