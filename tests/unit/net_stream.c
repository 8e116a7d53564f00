/* Streams over real sockets of this machine: readiness bits, ends, resets, connects that stand and that fail. */
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned calls;
static void on_ready(struct stream *s)
{
    (void)s;
    calls++;
    loop_stop(l);
}

static struct stream *pair(int *peer)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *peer = fds[1];
    struct stream *s = stream_tcp(l, fds[0], on_ready, NULL);
    assert_non_null(s);
    run_for(1); /* the first edge tells only what is known */
    calls = 0;
    return s;
}

static struct iovec piece(const char *text)
{
    return (struct iovec){ (void *)(uintptr_t)text, strlen(text) };
}

static void close_now(struct stream *s)
{
    stream_close(s);
    run_for(0);
}

static int listen_tcp(struct addr *at)
{
    struct addr a;
    assert_true(addr_parse("127.0.0.1", 0, &a));
    int fd = sock_listen(&a, 8);
    assert_true(fd >= 0);
    assert_true(sock_local(fd, at));
    assert_true(addr_port(at) > 0);
    return fd;
}

/* ---- reading ---- */

static void fresh_stream_is_writable_and_quiet(void **state)
{
    (void)state;
    int peer;
    struct stream *s = pair(&peer);
    assert_int_equal(s->ready, STREAM_WRITABLE);
    run_for(5);
    assert_int_equal(calls, 0);
    close_now(s);
    close(peer);
}

static void short_read_clears_readable_and_the_next_byte_gives_it_back(void **state)
{
    (void)state;
    int peer;
    char out[64];
    struct stream *s = pair(&peer);
    assert_int_equal(write(peer, "hello", 5), 5);
    loop_run(l);
    assert_true(s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s, out, 3), 3); /* full: more may be there */
    assert_true(s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s, out, sizeof(out)), 2);
    assert_false(s->ready & STREAM_READABLE);
    assert_int_equal(write(peer, "x", 1), 1);
    calls = 0;
    loop_run(l);
    assert_int_equal(calls, 1);
    assert_int_equal(stream_read(s, out, 1), 1);
    assert_int_equal(stream_read(s, out, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(s->ready & STREAM_READABLE);
    close_now(s);
    close(peer);
}

/* The edge of the FIN came together with the bytes: no other will, so READABLE stays until the 0 is read. */
static void end_behind_a_short_read_is_still_found(void **state)
{
    (void)state;
    int peer;
    char out[64];
    struct stream *s = pair(&peer);
    assert_int_equal(write(peer, "bye", 3), 3);
    assert_int_equal(shutdown(peer, SHUT_WR), 0);
    loop_run(l);
    assert_true(s->ready & STREAM_EOF);
    assert_int_equal(stream_read(s, out, sizeof(out)), 3);
    assert_true(s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s, out, sizeof(out)), 0);
    assert_int_equal(stream_flush(s, &(struct buf){ 0 }), 1);
    struct iovec v = piece("still");
    assert_int_equal(stream_write(s, &v, 1), 5); /* half-closed: this way is open */
    assert_int_equal(read(peer, out, sizeof(out)), 5);
    close_now(s);
    close(peer);
}

static void peer_that_closes_with_bytes_in_flight_is_an_end_not_a_failure(void **state)
{
    (void)state;
    int peer;
    char out[64];
    struct stream *s = pair(&peer);
    assert_int_equal(write(peer, "last", 4), 4);
    close(peer);
    loop_run(l);
    assert_false(s->ready & STREAM_FAILED);
    assert_int_equal(stream_read(s, out, sizeof(out)), 4);
    assert_int_equal(stream_read(s, out, sizeof(out)), 0);
    close_now(s);
}

/* ---- writing ---- */

static void full_socket_takes_writable_back_until_the_peer_reads(void **state)
{
    (void)state;
    int peer;
    static char block[65536];
    struct stream *s = pair(&peer);
    struct buf b = { 0 };
    for (int i = 0; i < 64; i++)
        buf_add(&b, block, sizeof(block));
    assert_int_equal(stream_flush(s, &b), 0);
    assert_false(s->ready & STREAM_WRITABLE);
    size_t got = 0, all = 64 * sizeof(block);
    while (got < all) {
        ssize_t n = read(peer, block, sizeof(block));
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        loop_run(l); /* the room made is an edge */
        assert_true(s->ready & STREAM_WRITABLE);
        assert_int_not_equal(stream_flush(s, &b), -1);
    }
    assert_int_equal(stream_flush(s, &b), 1);
    buf_release(&b);
    close_now(s);
    close(peer);
}

static void several_pieces_leave_in_one_write(void **state)
{
    (void)state;
    int peer;
    char out[16] = "";
    struct stream *s = pair(&peer);
    struct iovec v[] = { piece("ab"), piece(""), piece("cde") };
    assert_int_equal(stream_write(s, v, 3), 5);
    assert_int_equal(read(peer, out, sizeof(out)), 5);
    assert_string_equal(out, "abcde");
    close_now(s);
    close(peer);
}

static void writing_to_the_gone_is_an_error_not_a_signal(void **state)
{
    (void)state;
    int peer;
    struct stream *s = pair(&peer);
    close(peer);
    struct iovec v = piece("x");
    assert_int_equal(stream_write(s, &v, 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_true(s->ready & STREAM_FAILED);
    close_now(s);
}

static void shutdown_sends_one_end(void **state)
{
    (void)state;
    int peer;
    char out[4];
    struct stream *s = pair(&peer);
    assert_int_equal(stream_shutdown(s), 0);
    assert_int_equal(stream_shutdown(s), 0);
    assert_int_equal(read(peer, out, sizeof(out)), 0);
    close_now(s);
    close(peer);
}

/* ---- connecting ---- */

static struct stream *connect_pair(struct stream **server, bool keepalive)
{
    struct addr at, from, bind_to;
    int listener = listen_tcp(&at);
    assert_true(addr_parse("127.0.0.1", 0, &bind_to));
    struct stream *c = stream_connect(l, &at, &bind_to, keepalive, on_ready, NULL);
    assert_non_null(c);
    assert_true(c->connecting);
    loop_run(l);
    assert_false(c->connecting);
    assert_int_equal(c->ready, STREAM_WRITABLE);
    assert_int_equal(stream_error(c), 0);
    int fd = sock_accept(listener, &from);
    assert_true(fd >= 0);
    *server = stream_tcp(l, fd, on_ready, NULL);
    run_for(1);
    struct addr mine;
    assert_true(sock_local(c->fd, &mine));
    assert_int_equal(addr_port(&mine), addr_port(&from));
    assert_int_equal(sock_accept(listener, &from), -1);
    assert_int_equal(errno, EAGAIN);
    close(listener);
    return c;
}

static void wait_for(struct stream *s, unsigned bits)
{
    while (!(s->ready & bits))
        loop_run(l);
}

static void tcp_echo_there_and_back(void **state)
{
    (void)state;
    char out[64] = "";
    struct stream *server, *c = connect_pair(&server, true);
    struct iovec ping = piece("ping");
    assert_int_equal(stream_write(c, &ping, 1), 4);
    wait_for(server, STREAM_READABLE);
    assert_int_equal(stream_read(server, out, sizeof(out)), 4);
    struct iovec pong = { out, 4 };
    assert_int_equal(stream_write(server, &pong, 1), 4);
    wait_for(c, STREAM_READABLE);
    assert_int_equal(stream_read(c, out, sizeof(out)), 4);
    assert_int_equal(stream_shutdown(c), 0);
    wait_for(server, STREAM_EOF);
    assert_int_equal(stream_read(server, out, sizeof(out)), 0);
    stream_close(server);
    close_now(c);
}

static void reset_is_seen_as_a_failure(void **state)
{
    (void)state;
    char out[8];
    struct stream *server, *c = connect_pair(&server, false);
    stream_reset(c);
    wait_for(server, STREAM_FAILED);
    assert_int_equal(stream_read(server, out, sizeof(out)), -1);
    assert_int_equal(errno, ECONNRESET);
    close_now(server);
}

static void refused_connect_fails_and_says_why(void **state)
{
    (void)state;
    struct addr at;
    close(listen_tcp(&at)); /* a port where nobody listens now */
    struct stream *c = stream_connect(l, &at, NULL, false, on_ready, NULL);
    if (!c) {
        assert_int_equal(errno, ECONNREFUSED);
        return;
    }
    loop_run(l);
    assert_true(c->ready & STREAM_FAILED);
    assert_false(c->connecting);
    assert_int_equal(stream_error(c), ECONNREFUSED);
    close_now(c);
}

static void unix_connect_stands_or_fails(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-unit-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    struct addr a, peer;
    assert_true(addr_unix(path, &a));
    assert_null(stream_connect(l, &a, NULL, false, on_ready, NULL));
    assert_int_equal(errno, ENOENT);
    int listener = sock_listen(&a, 1);
    assert_true(listener >= 0);
    calls = 0;
    struct stream *c = stream_connect(l, &a, NULL, false, on_ready, NULL);
    assert_non_null(c);
    assert_int_equal(calls, 0); /* never from within */
    loop_run(l);
    assert_int_equal(calls, 1);
    assert_true(c->ready & STREAM_WRITABLE);
    assert_false(c->ready & STREAM_FAILED);
    int fd = sock_accept(listener, &peer);
    assert_true(fd >= 0);
    assert_int_equal(peer.sa.sa_family, AF_UNIX);
    close(fd), close(listener), close_now(c);
    unlink(path), rmdir(dir);
}

/* EAGAIN of a unix connect means that the queue is full and nothing was begun: no event would ever come. */
static void full_queue_of_a_unix_listener_is_a_failure(void **state)
{
    (void)state;
    char dir[] = "/tmp/weir-unit-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    struct addr a;
    assert_true(addr_unix(path, &a));
    int listener = sock_listen(&a, 1);
    struct stream *held[16] = { 0 };
    unsigned n = 0;
    while (n < COUNT_OF(held) && (held[n] = stream_connect(l, &a, NULL, false, on_ready, NULL)))
        n++;
    assert_in_range(n, 1, COUNT_OF(held) - 1);
    assert_int_equal(errno, EAGAIN);
    while (n > 0)
        stream_close(held[--n]);
    run_for(1);
    close(listener), unlink(path), rmdir(dir);
}

static void closed_stream_is_never_called(void **state)
{
    (void)state;
    int peer;
    struct stream *s = pair(&peer);
    assert_int_equal(write(peer, "x", 1), 1);
    stream_close(s);
    run_for(5);
    assert_int_equal(calls, 0);
    close(peer);
}

static void descriptor_that_epoll_refuses_is_closed(void **state)
{
    (void)state;
    char name[] = "/tmp/weir-unit-XXXXXX";
    int fd = mkstemp(name); /* a plain file is nothing for epoll */
    unlink(name);
    assert_null(stream_tcp(l, fd, on_ready, NULL));
    assert_int_equal(errno, EPERM);
    assert_int_equal(close(fd), -1);
}

static void an_idle_stream_stays_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct stream) <= 64);
    assert_true(sizeof(struct timer) <= 24);
}

int main(void)
{
#define STORY(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        STORY(fresh_stream_is_writable_and_quiet),
        STORY(short_read_clears_readable_and_the_next_byte_gives_it_back),
        STORY(end_behind_a_short_read_is_still_found),
        STORY(peer_that_closes_with_bytes_in_flight_is_an_end_not_a_failure),
        STORY(full_socket_takes_writable_back_until_the_peer_reads),
        STORY(several_pieces_leave_in_one_write),
        STORY(writing_to_the_gone_is_an_error_not_a_signal),
        STORY(shutdown_sends_one_end),
        STORY(tcp_echo_there_and_back),
        STORY(reset_is_seen_as_a_failure),
        STORY(refused_connect_fails_and_says_why),
        STORY(unix_connect_stands_or_fails),
        STORY(full_queue_of_a_unix_listener_is_a_failure),
        STORY(closed_stream_is_never_called),
        STORY(descriptor_that_epoll_refuses_is_closed),
        STORY(an_idle_stream_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
