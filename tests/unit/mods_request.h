/* For unit tests of modules: a configuration from text, and a made-up request to it with something of everything. */
#ifndef WEIR_TEST_MODS_REQUEST_H
#define WEIR_TEST_MODS_REQUEST_H

#include "arena.h"
#include "folder.h"
#include "mods.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char directory[] = "/tmp/weir-logs-XXXXXX";

/* NULL and the fault's text in the arena. */
static struct snapshot *load(const char *text, const char **fault)
{
    const char *path = arena_printf(arena, "%s/httpd.conf", directory), *no_defines[1] = { NULL };
    struct conf_options o = {
        .file = path, .root = directory, .defines = no_defines, .modules = all_modules, .version = APACHE_VERSION
    };
    struct conf_error error = { 0 };
    struct snapshot *s;
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f, "ServerName main.example:8080\n%s\n", text);
    fclose(f);
    s = conf_load(&o, arena, &error);
    *fault = error.text;
    return s;
}

static struct snapshot *must_load(const char *text)
{
    const char *fault;
    struct snapshot *s = load(text, &fault);

    if (!s)
        fail_msg("%s\n%s", text, fault);
    return s;
}

static void drop_snapshot(void *s)
{
    snapshot_drop(s);
}

/* Held until the test's arena goes. */
static inline struct snapshot *kept(const char *text)
{
    struct snapshot *s = must_load(text);

    arena_on_free(arena, drop_snapshot, s);
    return s;
}

struct line_fault {
    const char *line, *fault; /* what its text holds */
};
static inline void check_faults(const struct line_fault *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *fault = NULL;

        assert_null(load(cases[i].line, &fault));
        if (!strstr(fault, cases[i].fault))
            fail_msg("%s\n%s", cases[i].line, fault);
    }
}

static struct peer_info peer = {
    .ip = "192.0.2.1",
    .local_ip = "192.0.2.9",
    .port = 5000,
    .local_port = 80,
    .family = 4,
    .served = 2,
    .id = "conn1",
    .text = "192.0.2.1:5000",
};

static void add(struct http_fields *f, const char *name, const char *value)
{
    http_fields_add(arena, f, span_of(name), span_of(value));
}

/* 2026-03-04 05:06:07.089012 UTC */
#define BEGUN 1772600767089012

static struct request *make_request(const struct snapshot *s, const struct site *site)
{
    struct request *r = arena_alloc(arena, sizeof(*r));

    *r = (struct request){ .magic = REQUEST_MAGIC, .arena = arena, .snapshot = s, .site = site, .place = &site->place };
    request_set_peer(r, &peer);
    r->head = (struct http_request_head){
        .method = SPAN("GET"), .target = SPAN("/a%22b?x=\"1"), .line = SPAN("GET /a%22b?x=\"1 HTTP/1.1"), .version = 11
    };
    add(&r->head.fields, "Host", "Ho.St:99");
    add(&r->head.fields, "User-Agent", "q\"\\\t\xe9x");
    add(&r->head.fields, "X-Dup", "1");
    add(&r->head.fields, "x-dup", "2");
    add(&r->head.fields, "Cookie", "a = 1 ; b=2;c;a=3");
    add(&r->head.fields, "Referer", "http://ref/");
    add(&r->env, "FOO", "b\"ar");
    add(&r->notes, "note", "n");
    add(&r->trailers_in, "X-T", "in");
    add(&r->trailers_out, "X-T", "out");
    add(&r->out, "Content-Type", "text/html ; charset=utf-8");
    add(&r->out, "X-O", "1");
    add(&r->err_out, "X-O", "0");
    add(&r->out, "Set-Cookie", "a=1");
    add(&r->out, "Set-Cookie", "b=2");
    r->unparsed_uri = r->head.target;
    r->uri = "/a\"b";
    r->args = SPAN("x=\"1");
    r->filename = "/usr/a\"b";
    r->hostname = "ho.st";
    r->host_port = 99;
    r->handler = "proxy-server";
    r->status = 200;
    strcpy(r->id, "REQ-1");
    r->logged = arena_copy(arena, &(bool){ true }, sizeof(bool));
    r->begun_us = BEGUN;
    r->begun_ms = 1000;
    r->first_byte_ms = 1003;
    r->bytes_in = 100;
    r->bytes_out = 300;
    r->body_out = 42;
    r->keepalive = true;
    return r;
}

static int begin(void **state)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    return make_arena(state);
}

static int end(void **state)
{
    return free_arena(state);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return folder_remove(directory);
}

#endif
