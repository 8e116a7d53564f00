/* `weir demo`: packaging/examples/tutorial.conf served on this machine, with the echo backend behind it. */
#include "backend.h"
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
};

enum { DEFAULT_PORT = 8080, ATTEMPTS = 20 };

struct demo {
    int port, backend_port; /* port -1: the default, or a free one */
    bool v6;                /* this machine has ::1 */
    int listeners[2];       /* the backend's; -1: none */
    int lifeline;           /* the backend lives until this closes, however we end */
    pid_t backend;
    char directory[256], file[300];
};

static const char usage[] =
    "Usage: weir demo [-p PORT]\n"
    "Serves a page with an echo and a chat through Weir, over a virtual host as tutorials for Apache write it.\n"
    "Apache の解説どおりのバーチャルホストで Weir "
    "を動かし、エコーとチャットのページを公開します(このマシンからのみ)。\n"
    "\n"
    "  -p, --port PORT  the page's port (0: a free one). Default 8080, or a free one when that is taken\n"
    "  -h, --help       this text\n"
    "  -V, --version    the version\n";

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

/* *port 0 is replaced by a free one. */
static int probe_both(int *port, bool v6)
{
    bool any = *port == 0;
    int error = 0;

    for (int i = 0; i < ATTEMPTS; i++) {
        *port = any ? 0 : *port;
        error = probe("127.0.0.1", port);
        if (!error && v6)
            error = probe("::1", port);
        if (!error || !any)
            break;
    }
    return error;
}

static bool choose_port(struct demo *d)
{
    bool chosen = d->port >= 0;

    d->port = chosen ? d->port : DEFAULT_PORT;
    errno = probe_both(&d->port, d->v6);
    if (errno && !chosen) {
        printf("Port %d is taken, another one is used. / ポート %d は使用中のため、別のポートを使います。\n",
               DEFAULT_PORT, DEFAULT_PORT);
        d->port = 0;
        errno = probe_both(&d->port, d->v6);
    }
    return errno == 0;
}

/* ---- the backend: a child ---- */

static bool open_backend(struct demo *d)
{
    static const char *const ips[] = { "127.0.0.1", "::1" };
    struct addr a;

    if ((errno = probe_both(&d->backend_port, d->v6)) != 0)
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

/* The terminal is gone: Weir itself would take its SIGHUP for a wish to reload. */
static void on_hangup(int number)
{
    (void)number;
    kill(getppid(), SIGTERM);
}

static void run_backend(const struct demo *d, int lifeline)
{
    struct life life = { .watch = { .fd = lifeline, .on_event = on_parent_gone }, .loop = loop_new() };
    struct backend b;

    signal(SIGINT, SIG_IGN); /* Ctrl-C is for Weir, which ends us */
    signal(SIGHUP, on_hangup);
    sock_raise_files();
    backend_init(&b, life.loop);
    ASSERT(loop_watch_level(life.loop, &life.watch, EPOLLIN));
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

/* The text with each `from` replaced by `to` and a port. */
static struct buf replace(struct span text, const char *from, const char *to, int port)
{
    struct buf out = { 0 };
    size_t n = strlen(from);
    const char *hit;

    while ((hit = memmem(text.p, text.n, from, n)) != NULL) {
        buf_add(&out, text.p, (size_t)(hit - text.p));
        buf_printf(&out, to, port);
        text.n -= (size_t)(hit - text.p) + n;
        text.p = hit + n;
    }
    buf_add(&out, text.p, text.n);
    return out;
}

static bool write_whole(const char *path, struct span text)
{
    FILE *f = fopen(path, "wxe");
    bool good = f && fwrite(text.p, 1, text.n, f) == text.n;

    return f && fclose(f) == 0 && good;
}

static bool write_configuration(struct demo *d)
{
    const char *tmp = getenv("TMPDIR");
    const char *listen = d->v6 ? "\nListen 127.0.0.1:%1$d\nListen [::1]:%1$d\n" : "\nListen 127.0.0.1:%d\n";

    snprintf(d->directory, sizeof(d->directory), "%s/weir-demo-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(d->directory)) {
        d->directory[0] = '\0';
        return false;
    }
    snprintf(d->file, sizeof(d->file), "%s/tutorial.conf", d->directory);
    struct buf a = replace((struct span){ (const char *)tutorial, sizeof(tutorial) }, ":3000", ":%d", d->backend_port);
    struct buf b = replace(buf_span(&a), "*:80>", "*:%d>", d->port);
    struct buf c = replace(buf_span(&b), "\nListen 80\n", listen, d->port);
    bool good = write_whole(d->file, buf_span(&c));
    buf_release(&a);
    buf_release(&b);
    buf_release(&c);
    return good;
}

/* ---- all of it ---- */

static void say_what_to_try(const struct demo *d)
{
    printf("\n"
           "  Page / ページ:            http://localhost:%d/\n"
           "  Configuration / 設定:     %s\n"
           "  Backend / バックエンド:   ws://localhost:%d/\n"
           "\n"
           "Open the page in two windows and chat. Then edit the configuration and reload it; the sockets stay open:\n"
           "ページを 2 つのウィンドウで開いて会話してみてください。設定を編集して再読み込みしても、接続は切れません。\n"
           "\n"
           "  kill -USR1 %ld\n"
           "\n"
           "Ctrl-C ends everything. / Ctrl-C ですべて終了します。\n\n",
           d->port, d->file, d->backend_port, (long)getpid());
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
    if (!choose_port(d))
        return complain("port");
    if (!start_backend(d))
        return complain("backend");
    sigemptyset(&ends); /* from here on there is something to clean up: serve_run takes these */
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    status = write_configuration(d) ? serve(d) : complain("configuration");
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
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { 0 },
    };
    struct demo d = { .port = -1, .listeners = { -1, -1 }, .lifeline = -1 };

    opterr = 0;
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "p:hV", names, NULL)) >= 0;) {
        if (c == 'h')
            return fputs(usage, stdout) < 0;
        if (c == 'V')
            return printf("weir demo %s\n", WEIR_VERSION) < 0;
        if (c != 'p' || !read_port(optarg, &d.port))
            return misused("bad option or port");
    }
    return optind < argc ? misused("unexpected argument") : run(&d);
}
