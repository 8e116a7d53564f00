/* `weir demo`: packaging/examples/tutorial.conf and tutorial-tls.conf served on this machine, with the echo backend
 * behind them and a certificate made for the occasion. */
#include "backend.h"
#include "demo_cert.h"
#include "serve.h"
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned char tutorial[] = {
#include "tutorial.inc"
    '\n',
#include "tutorial-tls.inc"
};

enum { DEFAULT_PORT = 8080, DEFAULT_TLS_PORT = 8443, ATTEMPTS = 20 };

struct demo {
    int port, tls_port; /* -1: the default, or a free one */
    int backend_port;
    bool v6;          /* this machine has ::1 */
    int listeners[2]; /* the backend's; -1: none */
    int lifeline;     /* the backend lives until this closes, however we end */
    pid_t backend;
    char directory[256], file[300], cert[300], key[300];
};

static const char usage[] =
    "Usage: weir demo [-p PORT] [-s PORT]\n"
    "Serves a page with an echo and a chat through Weir, over a virtual host as tutorials for Apache write it.\n"
    "Apache の解説どおりのバーチャルホストで Weir "
    "を動かし、エコーとチャットのページを公開します(このマシンからのみ)。\n"
    "\n"
    "  -p, --port PORT      the page's port (0: a free one). Default 8080, or a free one when that is taken\n"
    "  -s, --tls-port PORT  the same over TLS. Default 8443\n"
    "  -h, --help           this text\n"
    "  -V, --version        the version\n";

static int complain(const char *what)
{
    fprintf(stderr, "weir demo: %s: %s\n", what, strerror(errno));
    return 1;
}

/* ---- ports: this machine only, and the same one over IPv4 and IPv6, since browsers take either for localhost ---- */

/* Not SO_REUSEPORT, with which another Weir's port would look free. 0: free; else errno. */
static int probe(const char *ip, int *port)
{
    struct addr a;
    int error = 0, on = 1;

    ASSERT(addr_parse(ip, *port, &a));
    int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 || bind(fd, &a.sa, a.len) != 0 ||
        listen(fd, 1) != 0 || !sock_local(fd, &a))
        error = errno;
    else
        *port = addr_port(&a);
    close(fd);
    return error;
}

/* *port 0 is replaced by a free one; `other` counts as taken. */
static int probe_both(int *port, int other, bool v6)
{
    bool any = *port == 0;
    int error = 0;

    for (int i = 0; i < ATTEMPTS; i++) {
        *port = any ? 0 : *port;
        error = probe("127.0.0.1", port);
        if (!error && v6)
            error = probe("::1", port);
        if (!error && *port == other)
            error = EADDRINUSE;
        if (!error || !any)
            break;
    }
    return error;
}

static bool choose_port(int *port, int usual, int other, bool v6)
{
    bool chosen = *port >= 0;

    *port = chosen ? *port : usual;
    errno = probe_both(port, other, v6);
    if (errno && !chosen) {
        printf("Port %d is taken, another one is used. / ポート %d は使用中のため、別のポートを使います。\n", usual,
               usual);
        *port = 0;
        errno = probe_both(port, other, v6);
    }
    if (errno)
        fprintf(stderr, "weir demo: port %d of this machine: %s / ポート %d を使えません\n", *port, strerror(errno),
                *port);
    return errno == 0;
}

/* ---- the backend: a child ---- */

static bool open_backend(struct demo *d)
{
    static const char *const ips[] = { "127.0.0.1", "::1" };
    struct addr a;

    if ((errno = probe_both(&d->backend_port, 0, d->v6)) != 0)
        return false;
    for (int i = 0; i < (d->v6 ? 2 : 1); i++) {
        ASSERT(addr_parse(ips[i], d->backend_port, &a));
        d->listeners[i] = sock_listen(&a, SOMAXCONN);
        if (d->listeners[i] < 0)
            return false;
    }
    return true;
}

struct life {
    struct watch watch;
    struct loop *loop;
};

static void on_parent_gone(struct watch *w, uint32_t events)
{
    (void)events;
    loop_stop(CONTAINER_OF(w, struct life, watch)->loop);
}

static const struct watch_kind life_kind = { on_parent_gone };

/* The terminal is gone: Weir itself would take its SIGHUP for a wish to reload. */
static void on_hangup(int number)
{
    (void)number;
    kill(getppid(), SIGTERM);
}

static void run_backend(const struct demo *d, int lifeline)
{
    struct life life = { .watch = { &life_kind }, .loop = loop_new() };
    struct backend b;

    signal(SIGINT, SIG_IGN); /* Ctrl-C is for Weir, which ends us */
    signal(SIGHUP, on_hangup);
    sock_raise_files();
    backend_init(&b, life.loop);
    ASSERT(loop_watch_level(life.loop, &life.watch, lifeline, EPOLLIN));
    for (size_t i = 0; i < COUNT_OF(d->listeners); i++)
        if (d->listeners[i] >= 0)
            ASSERT(backend_listen(&b, d->listeners[i]));
    loop_run(life.loop);
    backend_end(&b);
    loop_free(life.loop);
}

static bool start_backend(struct demo *d)
{
    int ends[2];

    if (!open_backend(d) || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    fflush(NULL); /* or the child says it again */
    d->backend = fork();
    if (d->backend == 0) {
        close(ends[1]);
        run_backend(d, ends[0]);
        exit(0);
    }
    close(ends[0]);
    d->lifeline = ends[1];
    for (size_t i = 0; i < COUNT_OF(d->listeners); i++)
        if (d->listeners[i] >= 0)
            close(d->listeners[i]);
    return d->backend > 0;
}

/* ---- the configuration ---- */

/* Each `from` in the text becomes `to`. */
static void replace(struct buf *text, const char *from, const char *to)
{
    struct span left = buf_span(text);
    struct buf out = { 0 };
    size_t n = strlen(from);
    const char *hit;

    while ((hit = memmem(left.p, left.n, from, n)) != NULL) {
        buf_add(&out, left.p, (size_t)(hit - left.p));
        buf_add(&out, to, strlen(to));
        left.n -= (size_t)(hit - left.p) + n;
        left.p = hit + n;
    }
    buf_add(&out, left.p, left.n);
    buf_release(text);
    *text = out;
}

/* This machine only, where the tutorials listen to all the world. */
static void replace_listener(const struct demo *d, struct buf *text, int from, int to)
{
    const char *listen = d->v6 ? "\nListen 127.0.0.1:%1$d\nListen [::1]:%1$d\n" : "\nListen 127.0.0.1:%d\n";
    char before[32], after[80];

    snprintf(before, sizeof(before), "\nListen %d\n", from);
    snprintf(after, sizeof(after), listen, to);
    replace(text, before, after);
    snprintf(before, sizeof(before), "*:%d>", from);
    snprintf(after, sizeof(after), "*:%d>", to);
    replace(text, before, after);
}

static void replace_file(struct buf *text, const char *from, const char *to)
{
    char quoted[304];

    snprintf(quoted, sizeof(quoted), "\"%s\"", to);
    replace(text, from, quoted);
}

static bool write_whole(const char *path, struct span text)
{
    FILE *f = fopen(path, "wxe");
    bool good = f && fwrite(text.p, 1, text.n, f) == text.n;

    return f && fclose(f) == 0 && good;
}

static bool make_directory(struct demo *d)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(d->directory, sizeof(d->directory), "%s/weir-demo-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(d->directory)) {
        d->directory[0] = '\0';
        return false;
    }
    snprintf(d->file, sizeof(d->file), "%s/tutorial.conf", d->directory);
    snprintf(d->cert, sizeof(d->cert), "%s/localhost.pem", d->directory);
    snprintf(d->key, sizeof(d->key), "%s/localhost.key", d->directory);
    return true;
}

static bool write_configuration(const struct demo *d)
{
    struct buf text = { 0 };
    char backend[16];

    snprintf(backend, sizeof(backend), ":%d", d->backend_port);
    buf_add(&text, (const char *)tutorial, sizeof(tutorial));
    replace(&text, ":3000", backend);
    replace_listener(d, &text, 80, d->port);
    replace_listener(d, &text, 443, d->tls_port);
    replace_file(&text, "/etc/letsencrypt/live/example.com/fullchain.pem", d->cert);
    replace_file(&text, "/etc/letsencrypt/live/example.com/privkey.pem", d->key);
    bool good = write_whole(d->file, buf_span(&text));
    buf_release(&text);
    return good;
}

/* ---- all of it ---- */

static void say_what_to_try(const struct demo *d)
{
    printf("\n"
           "  Page / ページ:            http://localhost:%d/\n"
           "  TLS:                      https://localhost:%d/\n"
           "  Configuration / 設定:     %s\n"
           "  Backend / バックエンド:   ws://localhost:%d/\n"
           "\n"
           "Over https the browser warns, since the certificate is self-made: go on to localhost all the same.\n"
           "https では、証明書が自作のためブラウザーが警告を出します。そのまま localhost に進んでください。\n"
           "\n"
           "Open the page in two windows and chat. Then edit the configuration and reload it; the sockets stay open:\n"
           "ページを 2 つのウィンドウで開いて会話してみてください。設定を編集して再読み込みしても、接続は切れません。\n"
           "\n"
           "  kill -USR1 %ld\n"
           "\n"
           "Ctrl-C ends everything. / Ctrl-C ですべて終了します。\n\n",
           d->port, d->tls_port, d->file, d->backend_port, (long)getpid());
    fflush(stdout);
}

static int serve(const struct demo *d)
{
    struct conf_options o = {
        .file = d->file, .root = d->directory, .modules = all_modules, .version = APACHE_VERSION
    };
    struct arena *a = arena_new();
    struct conf_error error = { 0 };
    struct snapshot *s = conf_load(&o, a, &error);
    int status = 1;

    if (s) {
        say_what_to_try(d);
        status = serve_run(&o, s, SERVE_FOREGROUND);
    } else {
        fprintf(stderr, "%s\n", conf_error_text(a, &error));
    }
    arena_free(a);
    return status;
}

static void clean_up(const struct demo *d)
{
    if (d->directory[0]) {
        unlink(d->file);
        unlink(d->cert);
        unlink(d->key);
        rmdir(d->directory);
    }
    if (d->backend > 0) {
        close(d->lifeline);
        waitpid(d->backend, NULL, 0); /* ECHILD when the server has reaped it */
    }
}

static int run(struct demo *d)
{
    sigset_t ends;
    int none = 0, status;

    d->v6 = probe("::1", &none) == 0;
    if (!choose_port(&d->port, DEFAULT_PORT, d->tls_port, d->v6) ||
        !choose_port(&d->tls_port, DEFAULT_TLS_PORT, d->port, d->v6))
        return 1;
    if (!start_backend(d))
        return complain("backend");
    sigemptyset(&ends); /* from here on there is something to clean up: serve_run takes these */
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (!make_directory(d) || !write_configuration(d))
        status = complain("configuration");
    else
        status = demo_cert_write(d->cert, d->key) ? serve(d) : complain("certificate");
    clean_up(d);
    return status;
}

static int misused(const char *what)
{
    fprintf(stderr, "weir demo: %s\nTry 'weir demo --help'. / 'weir demo --help' を見てください。\n", what);
    return 2;
}

static bool read_port(const char *text, int *port)
{
    uint64_t n;

    if (!span_to_u64(span_of(text), &n) || n > 65535)
        return false;
    *port = (int)n;
    return true;
}

int tool_demo(int argc, char **argv)
{
    static const struct option names[] = {
        { "port", required_argument, NULL, 'p' },
        { "tls-port", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    struct demo d = { .port = -1, .tls_port = -1, .listeners = { -1, -1 }, .lifeline = -1 };

    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "p:s:hV", names, NULL)) >= 0;) {
        if (c == 'h')
            return fputs(usage, stdout) < 0;
        if (c == 'V')
            return printf("weir demo %s\n", WEIR_VERSION) < 0;
        if ((c != 'p' && c != 's') || !read_port(optarg, c == 'p' ? &d.port : &d.tls_port))
            return misused("bad option or port");
    }
    return optind < argc ? misused("unexpected argument") : run(&d);
}
