/* bench-load: loads a WebSocket server or proxy on 127.0.0.1 in one of several ways, checks every payload, and prints
 * one line of JSON. Latencies of `rate` count from the timetable, not from the sending, so that a stall is not left
 * out. Exit status: 0, 1 a payload was wrong, 2 connections failed or messages were lost, 64 usage. */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

enum { EVENTS = 256, RATE_RING = 1024, ECHOES_AT_ONCE = 256, SPARE_FILES = 20 };
#define PATIENCE (5 * SECOND) /* for what is under way at the end */

static void spin(struct load *l, int64_t until)
{
    struct epoll_event events[EVENTS];
    int64_t left = until - now();
    struct timespec t = { .tv_sec = left > 0 ? left / SECOND : 0, .tv_nsec = left > 0 ? left % SECOND : 0 };
    int n = epoll_pwait2(l->loop, events, EVENTS, &t, NULL);

    for (int i = 0; i < n; i++)
        conn_event(events[i].data.ptr, events[i].events);
}

static void spin_for(struct load *l, double seconds)
{
    int64_t until = now() + (int64_t)(seconds * 1e9);

    while (now() < until)
        spin(l, until);
}

/* A busy machine may let the other side rest for all of a short window: it lasts until something came. */
static void window(struct load *l)
{
    spin_for(l, l->warm);
    l->from = sample_take(l->pids);
    l->measuring = true;
    spin_for(l, l->seconds);
    while (!l->count && !l->errors && !l->wrong && now() < l->from.at + PATIENCE)
        spin(l, now() + SECOND / 100);
    l->measuring = false;
    l->to = sample_take(l->pids);
}

/* At most `parallel` unfinished and open_rate a second. false: not all opened. */
static bool open_all(struct load *l)
{
    int64_t begin = now(), until = begin + 30 * SECOND + (int64_t)l->connections * SECOND / 200;
    uint32_t i = 0;

    while (l->open + l->failed < l->connections && now() < until) {
        double may = l->open_rate > 0 ? (double)(now() - begin) / 1e9 * l->open_rate + 1 : l->connections;
        while (i < l->connections && i < may && i - (l->open + l->failed) < l->parallel)
            conn_start(&l->conns[i++]);
        spin(l, now() + SECOND / 1000);
    }
    if (l->open + l->failed < l->connections) {
        errno = ETIMEDOUT;
        l->errors++;
        load_note(l, NULL, "not all connections opened in time");
    }
    return l->open == l->connections;
}

static uint64_t under_way(const struct load *l)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < l->connections; i++)
        if (l->conns[i].state == CONN_OPEN)
            n += l->conns[i].allowed - l->conns[i].got.seq;
    return n;
}

/* What is under way must come back, or it was lost. */
static void drain(struct load *l)
{
    int64_t until = now() + PATIENCE;

    l->draining = true;
    while (under_way(l) && now() < until)
        spin(l, now() + SECOND / 100);
    if (under_way(l)) {
        errno = ETIMEDOUT;
        load_note(l, NULL, "messages never came back");
        l->errors += under_way(l);
    }
}

/* ---- the ways to load -----------------------------------------------------------------------------------------------
 */

/* Echoes and requests: one that came back lets the next go out. */
static void run_echo(struct load *l)
{
    if (!open_all(l))
        return;
    for (uint32_t i = 0; i < l->connections; i++) {
        for (uint32_t k = 0; k < l->flight; k++)
            conn_allow(&l->conns[i], now());
        conn_pump(&l->conns[i]);
    }
    window(l);
    drain(l);
}

static void run_push(struct load *l)
{
    if (open_all(l))
        window(l);
}

static void send_due(struct load *l, uint64_t i, int64_t due)
{
    struct conn *c = &l->conns[i % l->connections];

    if (c->state != CONN_OPEN)
        return;
    if (l->measuring)
        histogram_add(&l->late, now() - due);
    if (c->allowed - c->got.seq >= l->ring) {
        l->errors++;
        errno = 0;
        load_note(l, c, "too slow for this rate");
        return;
    }
    conn_allow(c, due);
    conn_pump(c);
}

static void run_rate(struct load *l)
{
    int64_t step = (int64_t)(1e9 / l->rate), begin, from, until;

    if (!open_all(l))
        return;
    begin = now();
    from = begin + (int64_t)(l->warm * 1e9);
    until = from + (int64_t)(l->seconds * 1e9);
    for (uint64_t i = 0; now() < until;) {
        for (int64_t due; (due = begin + (int64_t)i * step) <= now() && due < until; i++) {
            if (due >= from && !l->measuring) {
                l->from = sample_take(l->pids);
                l->measuring = true;
            }
            send_due(l, i, due);
        }
        spin(l, begin + (int64_t)i * step);
    }
    l->to = sample_take(l->pids);
    drain(l); /* late answers count in the latency */
    l->measuring = false;
}

static void run_connect(struct load *l)
{
    for (uint32_t i = 0; i < l->connections; i++)
        conn_start(&l->conns[i]);
    window(l);
}

/* One echo on each tunnel; how many came back. */
static uint64_t echo_all(struct load *l)
{
    uint64_t before = l->total, sent = 0;
    int64_t until = now() + 12 * PATIENCE;

    for (uint32_t i = 0; now() < until && (i < l->connections || under_way(l));) {
        for (; i < l->connections && sent - (l->total - before) < ECHOES_AT_ONCE; i++) {
            if (l->conns[i].state != CONN_OPEN)
                continue;
            conn_allow(&l->conns[i], now());
            conn_pump(&l->conns[i]);
            sent++;
        }
        spin(l, now() + SECOND / 100);
    }
    return l->total - before;
}

/* Opens the tunnels, uses each once, says "ready N SECONDS", holds them until a line comes, uses each again. */
static void run_idle(struct load *l)
{
    struct pollfd line = { .fd = 0, .events = POLLIN };
    int64_t begin = now();

    open_all(l);
    l->from.at = begin;
    l->to.at = now();
    echo_all(l);
    printf("ready %llu %.3f\n", (unsigned long long)l->open, (double)(l->to.at - begin) / 1e9);
    fflush(stdout);
    while (poll(&line, 1, 0) == 0)
        spin(l, now() + SECOND / 50);
    l->count = echo_all(l);
    if (l->count < l->connections) {
        errno = 0;
        l->errors++;
        load_note(l, NULL, "a tunnel was lost");
    }
}

static const struct {
    const char *name;
    void (*run)(struct load *l);
} modes[] = {
    [MODE_ECHO] = { "echo", run_echo }, [MODE_RATE] = { "rate", run_rate },          [MODE_PUSH] = { "push", run_push },
    [MODE_HTTP] = { "http", run_echo }, [MODE_CONNECT] = { "connect", run_connect }, [MODE_IDLE] = { "idle", run_idle },
};

/* ---- setting up
 * ------------------------------------------------------------------------------------------------------ */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct load *l = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (l->n_tickets == (l->once ? TICKETS : 1))
        SSL_SESSION_free(l->tickets[--l->n_tickets]);
    l->tickets[l->n_tickets++] = session;
    return 1;
}

static void set_up_tls(struct load *l)
{
    l->context = wire_tls(TLS_client_method());
    SSL_CTX_set_app_data(l->context, l);
    SSL_CTX_set_session_cache_mode(l->context,
                                   l->resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
    if (l->resume)
        SSL_CTX_sess_set_new_cb(l->context, keep_session);
}

static bool set_up_request(struct load *l)
{
    bool asks = l->mode == MODE_PUSH || l->mode == MODE_HTTP;
    int n = snprintf(l->request, sizeof(l->request), "GET %s", l->path);

    if (asks && n < (int)sizeof(l->request))
        n += snprintf(l->request + n, sizeof(l->request) - (size_t)n, "?size=%zu", l->size);
    if (n < (int)sizeof(l->request))
        n += snprintf(l->request + n, sizeof(l->request) - (size_t)n, " HTTP/1.1\r\nHost: localhost:%u\r\n%s\r\n",
                      l->port, l->mode == MODE_HTTP ? "" : CONN_HANDSHAKE);
    l->n_request = (size_t)n;
    return l->n_request < sizeof(l->request);
}

static void set_up(struct load *l)
{
    l->loop = epoll_create1(EPOLL_CLOEXEC);
    ASSERT(l->loop >= 0);
    prctl(PR_SET_TIMERSLACK, 1);
    frames_init(&l->frames, l->size, true);
    if (l->tls)
        set_up_tls(l);
    if (l->mode == MODE_CONNECT)
        l->connections = l->parallel;
    l->ring = l->mode == MODE_RATE ? RATE_RING : l->flight;
    l->conns = base_alloc(l->connections * sizeof(*l->conns));
    for (uint32_t i = 0; i < l->connections; i++)
        l->conns[i] =
            (struct conn){ .wire = { .fd = -1 }, .load = l, .id = i, .due = base_alloc(l->ring * sizeof(int64_t)) };
}

static int usage(void)
{
    fputs("usage: bench-load echo|rate|push|http|connect|idle [options] PORT PATH\n"
          "  -c N  connections (100)                 -k N  messages in flight on each (1)\n"
          "  -s N  bytes of a message (64)           -P N  handshakes at once (16)\n"
          "  -t S  seconds to measure (1)            -w S  seconds of warming up (0.2)\n"
          "  -r N  rate: messages a second (2000)    -o N  idle: connections opened a second (no limit)\n"
          "  -S    TLS                               -x    TLS: resume sessions\n"
          "                                          -X    the same, each ticket once\n"
          "  -p PID,PID  processes whose CPU time in the window is told\n",
          stderr);
    return 64;
}

static bool is_sane(const struct load *l, uint64_t files)
{
    return l->port > 0 && l->port < 65536 && l->path[0] == '/' && l->connections > 0 && l->parallel > 0 &&
           l->connections + SPARE_FILES <= files && l->flight > 0 && l->flight <= 1000 && l->size > 0 &&
           l->size <= MESSAGE_MAX && l->seconds > 0 && l->seconds <= 600 && l->warm >= 0 && l->warm <= 600 &&
           l->rate > 0;
}

static bool read_options(struct load *l, int argc, char **argv)
{
    while (l->mode < COUNT_OF(modes) && (argc < 2 || strcmp(argv[1], modes[l->mode].name) != 0))
        l->mode++;
    if (l->mode == COUNT_OF(modes))
        return false;
    optind = 2;
    for (int c; (c = getopt(argc, argv, "c:k:s:P:t:w:r:o:SxXp:")) >= 0;)
        switch (c) {
        case 'c': l->connections = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'k': l->flight = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 's': l->size = strtoul(optarg, NULL, 10); break;
        case 'P': l->parallel = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 't': l->seconds = atof(optarg); break;
        case 'w': l->warm = atof(optarg); break;
        case 'r': l->rate = atof(optarg); break;
        case 'o': l->open_rate = atof(optarg); break;
        case 'S': l->tls = true; break;
        case 'x': l->resume = true; break;
        case 'X': l->resume = l->once = true; break;
        case 'p': l->pids = optarg; break;
        default: return false;
        }
    if (optind + 2 != argc)
        return false;
    l->port = (unsigned)strtoul(argv[optind], NULL, 10);
    l->path = argv[optind + 1];
    return is_sane(l, sock_raise_files());
}

static void report(const struct load *l)
{
    double seconds = (double)(l->to.at - l->from.at) / 1e9;

    printf("{\"mode\":\"%s\",\"seconds\":%.6f,\"cpu_s\":%.9f,\"count\":%llu,\"bytes\":%llu,\"total\":%llu,",
           modes[l->mode].name, seconds, (double)(l->to.cpu - l->from.cpu) / 1e9, (unsigned long long)l->count,
           (unsigned long long)l->bytes, (unsigned long long)l->total);
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"late_p99_us\":%.1f,", histogram_us(&l->latency, .5),
           histogram_us(&l->latency, .99), (double)l->latency.most / 1e3, histogram_us(&l->late, .99));
    printf("\"open\":%llu,\"resumed\":%llu,\"reconnects\":%llu,\"errors\":%llu,\"wrong\":%llu,\"fault\":\"%s\"}\n",
           (unsigned long long)l->open, (unsigned long long)l->resumed, (unsigned long long)l->reconnects,
           (unsigned long long)l->errors, (unsigned long long)l->wrong, l->fault);
}

int main(int argc, char **argv)
{
    static struct load l = {
        .connections = 100, .flight = 1, .parallel = 16, .size = 64, .seconds = 1, .warm = .2, .rate = 2000
    };

    signal(SIGPIPE, SIG_IGN);
    if (!read_options(&l, argc, argv) || !set_up_request(&l))
        return usage();
    set_up(&l);
    modes[l.mode].run(&l);
    report(&l);
    return l.wrong ? 1 : l.errors ? 2 : 0;
}
