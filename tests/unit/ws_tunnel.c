/* The tunnel over socket pairs: bytes, ends, back-pressure, Close frames, idleness. The loop runs in a thread of its
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

struct scene {
    struct loop *loop;
    struct tunnels *all;
    pthread_t thread;
    int client, backend; /* the far ends, blocking */
    int near[2];
    struct tunnel_start start;
    struct tunnel_report report;
    bool ended;
};

static void on_end(void *owner, const void *notes, const struct tunnel_report *r)
{
    struct scene *s = *(struct scene *const *)notes;
    assert_ptr_equal(owner, s);
    s->report = *r;
    s->ended = true;
    loop_stop(s->loop);
}

static void on_nothing(struct stream *s)
{
    (void)s;
}

static void open_in_loop(void *arg)
{
    struct scene *s = arg;
    s->start.client = stream_tcp(s->loop, s->near[0], on_nothing, NULL);
    s->start.backend = stream_tcp(s->loop, s->near[1], on_nothing, NULL);
    s->start.notes = &s;
    s->start.notes_size = sizeof(s);
    tunnel_open(s->all, &s->start);
}

static void *run(void *arg)
{
    loop_run(((struct scene *)arg)->loop);
    return NULL;
}

static int far_end(int *near)
{
    struct timeval limit = { .tv_sec = 60 };
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0); /* as a stream's is: splice(2) asks the descriptor */
    *near = pair[0];
    return pair[1];
}

static struct scene *begin(struct tunnel_policy policy)
{
    struct scene *s = base_alloc(sizeof(*s));
    s->loop = loop_new();
    s->all = tunnels_new(s->loop, on_end, s);
    s->client = far_end(&s->near[0]);
    s->backend = far_end(&s->near[1]);
    s->start.policy = policy;
    return s;
}

static void go(struct scene *s)
{
    loop_call(s->loop, open_in_loop, s);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

/* Waits for the tunnel's own end. */
static void finish(struct scene *s)
{
    pthread_join(s->thread, NULL);
    assert_true(s->ended);
    assert_int_equal(tunnels_count(s->all), 0);
    tunnels_free(s->all);
    loop_free(s->loop);
    close(s->client);
    close(s->backend);
}

static void expect(int fd, const char *text)
{
    char got[256] = { 0 };
    size_t n = 0;
    while (n < strlen(text)) {
        ssize_t k = read(fd, got + n, strlen(text) - n);
        assert_true(k > 0);
        n += (size_t)k;
    }
    assert_string_equal(got, text);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_bytes_and_half_close(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 10000, .half_close = true });
    (void)state;
    buf_adds(&s->start.owed, "101 head,");
    buf_adds(&s->start.early[TUNNEL_BACKEND], "early answer");
    buf_adds(&s->start.early[TUNNEL_CLIENT], "early question");
    go(s);
    expect(s->client, "101 head,early answer");
    expect(s->backend, "early question");
    say(s->client, "more");
    expect(s->backend, "more");
    shutdown(s->client, SHUT_WR);
    char end;
    assert_int_equal(read(s->backend, &end, 1), 0); /* the FIN came through … */
    say(s->backend, "still talking");               /* … and the other way is open */
    expect(s->client, "still talking");
    shutdown(s->backend, SHUT_WR);
    finish(s);
    assert_int_equal(s->report.why, TUNNEL_CLOSED);
    assert_int_equal(s->report.bytes[TUNNEL_CLIENT], 18);
    assert_int_equal(s->report.bytes[TUNNEL_BACKEND], 25);
    free(s);
}

static void test_first_fin_ends_without_half_close(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 10000 });
    char end;
    (void)state;
    go(s);
    shutdown(s->backend, SHUT_WR);
    assert_int_equal(read(s->client, &end, 1), 0);
    finish(s);
    assert_int_equal(s->report.why, TUNNEL_CLOSED);
    free(s);
}

static void test_close_frames_end_it_at_once(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 10000, .half_close = true, .websocket = true });
    char frame[8];
    (void)state;
    go(s);
    assert_int_equal(write(s->client, "\x88\x82\0\0\0\0\x03\xe8", 8), 8);
    assert_int_equal(read(s->backend, frame, 8), 8);
    assert_int_equal(write(s->backend, "\x88\x02\x03\xe8", 4), 4);
    assert_int_equal(read(s->client, frame, 8), 4);
    finish(s); /* neither side has closed */
    assert_int_equal(s->report.why, TUNNEL_CLOSE_FRAMES);
    free(s);
}

static void test_idle_names_the_silent_side(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 2000, .half_close = true });
    (void)state;
    go(s);
    usleep(60000); /* so that the two sides' silences differ */
    say(s->backend, "x");
    expect(s->client, "x");
    finish(s);
    assert_int_equal(s->report.why, TUNNEL_IDLE);
    assert_int_equal(s->report.who, TUNNEL_CLIENT);
    assert_true(s->report.lasted_ms >= 2000);
    free(s);
}

struct writer {
    int fd;
    size_t n, written;
};

static void *write_much(void *arg)
{
    struct writer *w = arg;
    static char block[65536];
    while (w->written < w->n) {
        ssize_t k = write(w->fd, block, w->n - w->written < sizeof(block) ? w->n - w->written : sizeof(block));
        if (k <= 0)
            break;
        w->written += (size_t)k;
    }
    shutdown(w->fd, SHUT_WR);
    return NULL;
}

static void test_a_slow_reader_stops_the_writer(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 20000, .half_close = true });
    struct writer w = { s->backend, 64u << 20, 0 };
    pthread_t thread;
    size_t got = 0;
    ssize_t n;
    char *block = malloc(1 << 20);
    (void)state;
    go(s);
    assert_int_equal(pthread_create(&thread, NULL, write_much, &w), 0);
    usleep(200000); /* nothing is read: what is under way must stay bounded */
    assert_true(w.written < 4u << 20);
    while ((n = read(s->client, block, 1 << 20)) > 0)
        got += (size_t)n;
    assert_int_equal(got, 64u << 20);
    shutdown(s->client, SHUT_WR);
    pthread_join(thread, NULL);
    finish(s);
    assert_int_equal(s->report.bytes[TUNNEL_BACKEND], 64u << 20);
    free(block);
    free(s);
}

/* Frames of many sizes, each payload a pattern of its own, then a Close: what large ones do in the kernel must leave
 * every byte in place and the Close seen. */
static size_t add_frame(char *out, unsigned i, size_t length, bool masked)
{
    struct ws_frame f = {
        .opcode = WS_BINARY, .fin = true, .masked = masked, .length = length, .mask = { 1, 2, 3, 4 }
    };
    size_t header = ws_build_frame(&f, (unsigned char *)out);

    for (size_t k = 0; k < length; k++)
        out[header + k] = (char)(i * 31 + k * 7 + k / 4096);
    return header + length;
}

struct bulk {
    int from, to;
    char *sent;
    size_t n;
};

static void *send_bulk(void *arg)
{
    struct bulk *b = arg;

    for (size_t done = 0; done < b->n;) {
        ssize_t k = write(b->from, b->sent + done, b->n - done < 300000 ? b->n - done : 300000);
        assert_true(k > 0);
        done += (size_t)k;
    }
    return NULL;
}

static void build_bulk(struct bulk *b, bool masked)
{
    static const size_t lengths[] = { 1 << 20, 65536,  65526,  3, 32768, 32767, 200000, 0, 126,
                                      125,     500000, 131072, 1, 65535, 40000, 300000, 5, 1 << 21 };

    b->sent = malloc(16u << 20);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < COUNT_OF(lengths); i++)
            b->n += add_frame(b->sent + b->n, i, lengths[i], masked);
    memcpy(b->sent + b->n, masked ? "\x88\x80\1\2\3\4" : "\x88\x00", masked ? 6 : 2);
    b->n += masked ? 6 : 2;
}

static void check_bulk(const struct bulk *b)
{
    char *got = malloc(b->n);
    size_t n = 0;

    while (n < b->n) {
        ssize_t k = read(b->to, got + n, b->n - n < 777777 ? b->n - n : 777777);
        assert_true(k > 0);
        n += (size_t)k;
    }
    assert_memory_equal(got, b->sent, b->n);
    free(got);
}

static void test_large_frames_keep_every_byte_and_the_close_behind_them_is_seen(void **state)
{
    struct scene *s = begin((struct tunnel_policy){ .idle_ms = 20000, .half_close = true, .websocket = true });
    struct bulk up = { s->client, s->backend, NULL, 0 }, down = { s->backend, s->client, NULL, 0 };
    pthread_t threads[2];

    (void)state;
    build_bulk(&up, true);
    build_bulk(&down, false);
    go(s);
    assert_int_equal(pthread_create(&threads[0], NULL, send_bulk, &up), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, send_bulk, &down), 0);
    usleep(50000); /* both directions are full before anything is read */
    check_bulk(&up);
    check_bulk(&down);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    finish(s);
    assert_int_equal(s->report.why, TUNNEL_CLOSE_FRAMES);
    assert_int_equal(s->report.bytes[TUNNEL_CLIENT], up.n);
    assert_int_equal(s->report.bytes[TUNNEL_BACKEND], down.n);
    assert_int_equal(s->report.messages[TUNNEL_CLIENT], 36);
    assert_int_equal(s->report.messages[TUNNEL_BACKEND], 36);
    free(up.sent);
    free(down.sent);
    free(s);
}

struct stopper {
    struct timer timer;
    struct loop *loop;
};

static void stop_loop(struct timer *t)
{
    loop_stop(CONTAINER_OF(t, struct stopper, timer)->loop);
}

static void stop_one(struct tunnel *t, void *arg)
{
    (void)arg;
    tunnel_stop(t);
}

static void on_own_time(void *owner, const void *notes, const struct tunnel_report *r)
{
    const uint64_t *idle_ms = notes;
    (void)owner;
    assert_true(r->why == TUNNEL_STOPPED || r->lasted_ms >= *idle_ms);
}

/* Many deadlines near and far: each tunnel ends when its own has passed, whatever slot of the wheel it waited in. */
static void test_each_tunnel_ends_at_its_own_deadline(void **state)
{
    enum { N = 40 };
    struct loop *loop = loop_new();
    struct tunnels *all = tunnels_new(loop, on_own_time, NULL);
    int far[N][2];

    (void)state;
    for (int i = 0; i < N; i++) {
        struct tunnel_start start = { .policy = { .idle_ms = i < N / 2 ? 100 + (uint64_t)i * 40 : 3600000 } };
        int near[2];
        start.notes = &start.policy.idle_ms, start.notes_size = sizeof(start.policy.idle_ms);
        far[i][0] = far_end(&near[0]);
        far[i][1] = far_end(&near[1]);
        start.client = stream_tcp(loop, near[0], on_nothing, NULL);
        start.backend = stream_tcp(loop, near[1], on_nothing, NULL);
        assert_non_null(tunnel_open(all, &start));
    }
    struct stopper stop = { { .on_time = stop_loop }, loop };
    for (unsigned turns = 0; turns < 400 && tunnels_count(all) > N / 2; turns++) {
        timer_set(loop, &stop.timer, 50);
        loop_run(loop);
    }
    assert_int_equal(tunnels_count(all), N / 2);
    tunnels_each(all, stop_one, NULL);
    assert_int_equal(tunnels_count(all), 0);
    for (int i = 0; i < N; i++)
        close(far[i][0]), close(far[i][1]);
    tunnels_free(all);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_and_half_close),
        cmocka_unit_test(test_first_fin_ends_without_half_close),
        cmocka_unit_test(test_close_frames_end_it_at_once),
        cmocka_unit_test(test_idle_names_the_silent_side),
        cmocka_unit_test(test_a_slow_reader_stops_the_writer),
        cmocka_unit_test(test_large_frames_keep_every_byte_and_the_close_behind_them_is_seen),
        cmocka_unit_test(test_each_tunnel_ends_at_its_own_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
