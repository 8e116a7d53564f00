/* Two ends in one loop: a client and a server stream over a socket pair, what each has read, and contexts made of the
 * files of net_tls_certs.h. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "loop.h"
#include "net_tls_certs.h"
#include "tls_impl.h"

#include <errno.h>

struct end {
    struct stream *s;
    struct buf in;
    unsigned calls;
    bool up, failed, ended, deaf; /* deaf: does not read */
    int error;
    void (*then)(struct end *e); /* after each call */
};

static void read_all(struct end *e)
{
    while (!e->ended && !e->error && (e->s->ready & STREAM_READABLE)) {
        ssize_t n = stream_read(e->s, buf_reserve(&e->in, 20000), 20000);
        if (n > 0)
            e->in.end += (size_t)n;
        else if (n == 0)
            e->ended = true;
        else if (errno != EAGAIN)
            e->error = errno;
    }
}

static void on_end(struct stream *s)
{
    struct end *e = s->owner;
    e->calls++;
    e->up |= !s->connecting && (s->ready & STREAM_WRITABLE) && !tls_fault(s);
    e->failed |= (s->ready & STREAM_FAILED) != 0;
    if (e->up && !e->deaf)
        read_all(e);
    if (e->then)
        e->then(e);
    loop_stop(l);
}

static void close_end(struct end *e)
{
    if (e->s)
        stream_close(e->s);
    buf_release(&e->in);
    e->s = NULL;
    run_for(0);
}

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void serve_on(struct end *e, int fd, struct tls_accept how)
{
    *e = (struct end){ 0 };
    e->s = stream_tls_accept(l, fd, &how, on_end, e);
    assert_non_null(e->s);
}

static void connect_on(struct end *e, int fd, struct tls_connect how)
{
    *e = (struct end){ 0 };
    e->s = stream_tls_connect(stream_tcp(l, fd, on_end, e), &how, on_end, e);
    assert_non_null(e->s);
}

/* Until both ends know how it went. */
static void shake(struct end *client, struct end *server)
{
    while (!((client->up || client->failed) && (server->up || server->failed)))
        loop_run(l);
}

static void meet(struct end *client, struct end *server, struct tls_connect c, struct tls_accept s)
{
    int fds[2];
    make_pair(fds);
    serve_on(server, fds[0], s);
    connect_on(client, fds[1], c);
    shake(client, server);
}

static ssize_t send_text(struct end *e, const char *text)
{
    struct iovec v = { (void *)(uintptr_t)text, strlen(text) };
    return stream_write(e->s, &v, 1);
}

static void expect_text(struct end *e, const char *text)
{
    while (buf_len(&e->in) < strlen(text) && !e->ended && !e->error)
        loop_run(l);
    assert_int_equal(buf_len(&e->in), strlen(text));
    assert_memory_equal(buf_head(&e->in), text, strlen(text));
    buf_release(&e->in);
}

static struct made authority, stranger;
static struct tls_pair ec_pair, rsa_pair;

/* An authority and what a server of www.weir.test shows. */
static void make_certs(void)
{
    ASSERT(mkdtemp(certs_dir));
    authority = make_cert(&(struct recipe){ .cn = "Weir test authority", .ca = true }, NULL);
    stranger = make_cert(&(struct recipe){ .cn = "Somebody else", .ca = true }, NULL);
    write_pem("ca.pem", &authority, WRITE_CERT, NULL);
    write_pem("stranger.pem", &stranger, WRITE_CERT, NULL);
    struct made ec =
        make_cert(&(struct recipe){ .cn = "www.weir.test", .san = "DNS:www.weir.test,DNS:*.wild.test", .serial = 11 },
                  &authority);
    struct made rsa = make_cert(&(struct recipe){ .cn = "www.weir.test", .rsa = true, .serial = 12 }, &authority);
    write_pem("ec.pem", &ec, WRITE_CERT, NULL);
    write_pem("ec.key", &ec, WRITE_KEY, NULL);
    write_pem("rsa.pem", &rsa, WRITE_CERT | WRITE_KEY, NULL);
    ec_pair = (struct tls_pair){ strdup(certs_path("ec.pem")), strdup(certs_path("ec.key")) };
    rsa_pair = (struct tls_pair){ strdup(certs_path("rsa.pem")), NULL };
    free_made(&ec);
    free_made(&rsa);
}

static void remove_certs(void)
{
    char command[64];
    free_made(&authority);
    free_made(&stranger);
    free((void *)(uintptr_t)ec_pair.cert);
    free((void *)(uintptr_t)ec_pair.key);
    free((void *)(uintptr_t)rsa_pair.cert);
    snprintf(command, sizeof(command), "rm -rf %s", certs_dir);
    if (system(command) != 0)
        perror(command);
}

static struct tls_config server_config(void)
{
    return (struct tls_config){ .name = "example.com:443",
                                .server = true,
                                .pairs = &ec_pair,
                                .n_pairs = 1,
                                .depth = 1,
                                .tickets = true,
                                .session_cache = true,
                                .session_timeout_s = 300 };
}

static struct tls_config client_config(void)
{
    static char ca[256];
    snprintf(ca, sizeof(ca), "%s", certs_path("ca.pem"));
    return (struct tls_config){
        .name = "example.com:443", .ca_file = ca, .verify = TLS_VERIFY_REQUIRE, .depth = 3, .session_timeout_s = 300
    };
}

static struct tls_context *context(struct tls_config c)
{
    char *error = NULL;
    struct tls_context *made = tls_context_new(&c, &error);
    if (!made)
        fail_msg("no context: %s", error);
    return made;
}

/* The context is refused, and the words say why. */
static void assert_refused(struct tls_config c, const char *words)
{
    char *error = NULL;
    assert_null(tls_context_new(&c, &error));
    assert_non_null(error);
    if (!strstr(error, words))
        fail_msg("\"%s\" does not say \"%s\"", error, words);
    free(error);
}

static void assert_variable(const struct end *e, const char *name, const char *value)
{
    struct arena *a = arena_new();
    struct span got = tls_variable(e->s, a, name);
    if (!span_eq(got, span_of(value)))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, (int)got.n, got.p ? got.p : "", value ? value : "");
    arena_free(a);
}

/* A client of OpenSSL's own, turn by turn with the loop. */
static SSL *foreign_resumes(struct end *s, struct tls_context *server, SSL_CTX *ctx, SSL_SESSION *session)
{
    int fds[2];
    make_pair(fds);
    serve_on(s, fds[0], (struct tls_accept){ .context = server });
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fds[1]);
    if (session)
        SSL_set_session(ssl, session);
    while (SSL_connect(ssl) != 1)
        run_for(1);
    while (!s->up)
        loop_run(l);
    return ssl;
}

static SSL *foreign_client(struct end *s, struct tls_context *server, SSL_CTX *ctx)
{
    return foreign_resumes(s, server, ctx, NULL);
}

static void end_foreign(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
}

#endif
