/* `weir echo`: the backend by itself, to try a proxy with. */
#include "backend.h"
#include "mods.h"
#include "tools.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MAX_ADDRESSES = 16 };

struct echo {
    struct loop *loop;
    struct backend backend;
    struct watch signals;
    int signal_fd; /* -1: none */
    struct addr addresses[MAX_ADDRESSES];
    unsigned n_addresses;
};

static const char usage[] =
    "Usage: weir echo [-l ADDRESS]... [-m BYTES]\n"
    "A WebSocket backend to try a proxy with: every path echoes text and binary messages, a path that ends in /chat\n"
    "is a chat room, / is a page that uses both, /healthz says ok.\n"
    "プロキシを試すための WebSocket バックエンドです。どのパスもメッセージをそのまま返し、/chat で終わるパスは\n"
    "チャット、/ は両方を試せるページ、/healthz は ok を返します。\n"
    "\n"
    "  -l, --listen ADDRESS     ADDR:PORT, [ADDR6]:PORT, PORT (of 127.0.0.1; 0: a free one) or unix:PATH;\n"
    "                           may be given again. Default 127.0.0.1:3000\n"
    "  -m, --max-message BYTES  longer messages are closed with 1009. Default 16777216\n"
    "  -h, --help               this text\n"
    "  -V, --version            the version\n";

/* "127.0.0.1:3000", "[::1]:3000", "localhost:3000", "*:3000", "3000" or "unix:PATH". */
static bool read_address(const char *text, struct addr *a)
{
    const char *colon = strrchr(text, ':');
    char host[ADDR_TEXT] = "127.0.0.1";
    size_t n = colon ? (size_t)(colon - text) : 0;
    uint64_t port;

    if (strncmp(text, "unix:", 5) == 0)
        return addr_unix(text + 5, a);
    if (!span_to_u64(span_of(colon ? colon + 1 : text), &port) || port > 65535 || n >= sizeof(host))
        return false;
    if (n > 2 && text[0] == '[' && text[n - 1] == ']')
        text++, n -= 2;
    if (span_eq((struct span){ text, n }, SPAN("*")))
        return addr_parse("0.0.0.0", (int)port, a);
    if (n > 0 && !span_ieq((struct span){ text, n }, SPAN("localhost"))) {
        memcpy(host, text, n);
        host[n] = '\0';
    }
    return addr_parse(host, (int)port, a);
}

/* A socket file that nobody answers at was left behind by one that is gone. */
static bool remove_stale(const struct addr *a)
{
    int fd = a->sa.sa_family == AF_UNIX ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    bool stale = fd >= 0 && connect(fd, &a->sa, a->len) != 0 && errno == ECONNREFUSED;

    if (fd >= 0)
        close(fd);
    return stale && unlink(a->un.sun_path) == 0;
}

static bool listen_at(struct echo *e, struct addr *a)
{
    char text[ADDR_TEXT];
    int fd = sock_listen(a, SOMAXCONN);

    if (fd < 0 && errno == EADDRINUSE && remove_stale(a))
        fd = sock_listen(a, SOMAXCONN);
    if (fd < 0 || !sock_local(fd, a) || !backend_listen(&e->backend, fd)) {
        fprintf(stderr, "weir echo: %s: %s\n", addr_text(a, text, sizeof(text)), strerror(errno));
        return false;
    }
    printf(a->sa.sa_family == AF_UNIX ? "weir echo: listening on unix:%s\n" : "weir echo: listening on ws://%s/\n",
           addr_text(a, text, sizeof(text)));
    return true;
}

static void on_signal(struct watch *w, uint32_t events)
{
    (void)events;
    loop_stop(CONTAINER_OF(w, struct echo, signals)->loop);
}

static const struct watch_kind signals_kind = { on_signal };

static bool watch_signals(struct echo *e)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    e->signals.kind = &signals_kind;
    e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return e->signal_fd >= 0 && loop_watch(e->loop, &e->signals, e->signal_fd);
}

static bool open_all(struct echo *e)
{
    if (e->n_addresses == 0)
        ASSERT(read_address("127.0.0.1:3000", &e->addresses[e->n_addresses++]));
    for (unsigned i = 0; i < e->n_addresses; i++)
        if (!listen_at(e, &e->addresses[i])) {
            e->n_addresses = i;
            return false;
        }
    fflush(stdout);
    return watch_signals(e);
}

static int run(struct echo *e)
{
    bool good;

    sock_raise_files();
    good = open_all(e);
    if (good)
        loop_run(e->loop);
    backend_end(&e->backend);
    for (unsigned i = 0; i < e->n_addresses; i++)
        if (e->addresses[i].sa.sa_family == AF_UNIX)
            unlink(e->addresses[i].un.sun_path);
    return good ? 0 : 1;
}

static bool read_size(const char *text, size_t *size)
{
    uint64_t n;

    if (!span_to_u64(span_of(text), &n) || n < 1 || n > (uint64_t)1 << 32)
        return false;
    *size = (size_t)n;
    return true;
}

static int misused(const char *what)
{
    fprintf(stderr, "weir echo: %s\nTry 'weir echo --help'. / 'weir echo --help' を見てください。\n", what);
    return 2;
}

/* -1: go on; else the exit status. */
static int read_options(struct echo *e, int argc, char **argv)
{
    static const struct option names[] = { { "listen", required_argument, NULL, 'l' },
                                           { "max-message", required_argument, NULL, 'm' },
                                           { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'V' },
                                           { 0 } };
    opterr = 0;
    optind = 0; /* the command line before the verb may have been read with getopt */
    for (int c; (c = getopt_long(argc, argv, "l:m:hV", names, NULL)) >= 0;) {
        if (c == 'h')
            return fputs(usage, stdout) < 0;
        if (c == 'V')
            return printf("weir echo %s\n", WEIR_VERSION) < 0;
        if (c == 'l' && (e->n_addresses == MAX_ADDRESSES || !read_address(optarg, &e->addresses[e->n_addresses++])))
            return misused("-l takes ADDR:PORT, PORT or unix:PATH, 16 times at most");
        if (c == 'm' && !read_size(optarg, &e->backend.max_message))
            return misused("-m takes a number of bytes");
        if (c == '?')
            return misused("unknown option or missing argument");
    }
    return optind < argc ? misused("unexpected argument") : -1;
}

int tool_echo(int argc, char **argv)
{
    struct echo e = { .loop = loop_new(), .signal_fd = -1 };
    int status;

    backend_init(&e.backend, e.loop);
    status = read_options(&e, argc, argv);
    if (status < 0)
        status = run(&e);
    loop_free(e.loop);
    if (e.signal_fd >= 0)
        close(e.signal_fd);
    return status;
}
