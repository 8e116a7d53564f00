/* The control thread: start, signals, reload, stop. It touches no request; workers are spoken to through their loops.
 */
#include "control.h"
#include "renew.h"
#include "stapler.h"
#include "tls_phrase.h"
#include "tls_warn.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNNING, DRAINING, STOPPING };

/* ---- start ---- */

static unsigned worker_count(const struct snapshot *s, enum serve_mode mode)
{
    int asked = core_site_of(s->main)->threads;
    unsigned n = 1;
    cpu_set_t cores; /* those this process may use: taskset and containers count */

    if (sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 0)
        n = (unsigned)CPU_COUNT(&cores);

    if (mode == SERVE_DEBUG)
        return 1;
    return asked > 0 && (unsigned)asked < n ? (unsigned)asked : n;
}

static int take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGWINCH);
    ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* httpd's -k start: the caller returns once the server listens, with its verdict. */
static int become_daemon(int *ready_fd)
{
    int ends[2];
    pid_t pid;
    char verdict = 1;

    if (pipe(ends) < 0 || (pid = fork()) < 0)
        return 1;
    if (pid == 0) {
        close(ends[0]);
        *ready_fd = ends[1];
        setsid();
        return -1;
    }
    close(ends[1]);
    if (read(ends[0], &verdict, 1) != 1)
        verdict = 1;
    close(ends[0]);
    return verdict;
}

static void say_ready(int ready_fd, char verdict)
{
    if (ready_fd < 0)
        return;
    (void)!write(ready_fd, &verdict, 1);
    close(ready_fd);
    /* Standard error stays only where it is the log. */
    for (int fd = 0; fd < (log_main.sink ? 3 : 2) && verdict == 0; fd++) {
        int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
        if (null >= 0) {
            dup2(null, fd);
            close(null);
        }
    }
}

static bool start_sockets(struct server *s)
{
    char *error = NULL;
    struct sockets *k = sockets_open(s, s->snapshot, &error);

    if (k && sockets_count(k)) {
        s->starting = k;
        return true;
    }
    fprintf(stderr, "%s\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n",
            error ? error : "AH00451: no listening sockets available, shutting down");
    LOG_SERVER(LOG_CORE, LEVEL_CRIT, 0, "%s",
               error ? error : "AH00451: no Listen in the configuration / Listen がありません");
    free(error);
    if (k)
        sockets_cancel(s, k);
    return false;
}

/* Keys are read while there are the rights to. */
static bool start_tls(struct server *s)
{
    char *error = NULL;

    s->tls = tls_sites_new(s->snapshot, &error);
    if (s->tls) {
        renewal_watch(s->renewal, s->snapshot, s->tls);
        tls_phrase_end_start();
        return true;
    }
    fprintf(stderr, "%s\nAH02312: Fatal error initialising mod_ssl, exiting.\nAH00016: Configuration Failed\n", error);
    LOG_SERVER(LOG_SSL, LEVEL_EMERG, 0, "%s", error);
    free(error);
    return false;
}

static bool write_pid_file(struct server *s, enum serve_mode mode)
{
    if (!core_site_of(s->snapshot->main)->pid_file && mode != SERVE_DAEMON)
        return true;
    s->pid_file = base_strdup(pidfile_path(s->snapshot));
    if (pidfile_write(s->pid_file))
        return true;
    LOG_AT(&log_main, LOG_CORE, LEVEL_ERROR, 100, errno, NULL, "weir: could not log pid to file %s", s->pid_file);
    return mode != SERVE_DAEMON;
}

static bool drop_privileges(struct server *s)
{
    struct arena *a = arena_new();
    const char *why = privileges_drop(s, a);

    if (why) {
        fprintf(stderr, "AH00543: weir: %s\n", why);
        LOG_SERVER(LOG_UNIXD, LEVEL_EMERG, 543, "weir: %s", why);
    }
    arena_free(a);
    return !why;
}

static void start_workers(struct server *s)
{
    s->workers = base_alloc(s->n_workers * sizeof(*s->workers));
    for (unsigned i = 0; i < s->n_workers; i++)
        s->workers[i] = worker_start(s, i);
    sockets_use(s, s->starting);
    s->starting = NULL;
}

/* ---- certificates ---- */

enum { DAY_MS = 86400000 };

static void warn_of_expiry(struct server *s)
{
    tls_warn_expiry(s->warnings, s->snapshot, s->tls);
    s->warn_at_ms = base_now_ms() + DAY_MS;
}

/* What the log is to say about the contexts that have come into use, and the OCSP answers they need. */
static void look_after_tls(struct server *s)
{
    tls_warn_names(s->snapshot, s->tls);
    warn_of_expiry(s);
    stapler_use(&s->stapler, s->snapshot, s->tls);
}

static void renew_tls(struct server *s)
{
    struct tls_sites *next = renewal_turn(s->renewal, s->snapshot, s->tls);

    if (!next)
        return;
    tls_sites_drop(s->tls);
    s->tls = next;
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_publish(s->workers[i], s->snapshot, next);
    look_after_tls(s);
}

/* ---- reload ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is settled at the start and stays: better said than found out. */
static void say_what_needs_a_restart(const struct snapshot *old, const struct snapshot *next)
{
    const struct core_site *a = core_site_of(old->main), *b = core_site_of(next->main);
    const struct {
        const char *name;
        bool same;
    } kept[] = {
        { "User", same_text(a->user, b->user) },
        { "Group", same_text(a->group, b->group) },
        { "PidFile", same_text(a->pid_file, b->pid_file) },
        { "ThreadsPerChild", a->threads == b->threads },
    };

    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (!kept[i].same)
            LOG_SERVER(LOG_CORE, LEVEL_WARN, 0,
                       "%s has changed: it takes effect when the server is stopped and started / "
                       "%s の変更は停止して再起動するまで反映されません",
                       kept[i].name, kept[i].name);
}

/* "In charge" is said when it is true of each, and the next reload finds the ports free that this one gave up. */
static void wait_for_workers(struct server *s)
{
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_tell(s->workers[i], &s->there);
    for (unsigned i = 0; i < s->n_workers; i++)
        while (sem_wait(&s->there) != 0) /* a signal */
            ;
}

static void take_over(struct server *s, struct snapshot *next, struct sockets *sockets, struct tls_sites *tls)
{
    struct snapshot *old = s->snapshot;

    tls_sites_drop(s->tls);
    s->tls = tls;

    next->generation = old->generation + 1;
    s->snapshot = next;
    log_main = next->main->log;
    log_reopen_all();
    rewrite_start(next);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_publish(s->workers[i], next, tls);
    sockets_use(s, sockets);
    wait_for_workers(s);
    conf_say_notices(s->options, &next->reading->notices);
    say_what_needs_a_restart(old, next);
    renewal_watch(s->renewal, next, tls);
    look_after_tls(s);
    LOG_SERVER(LOG_MPM_EVENT, LEVEL_NOTICE, 493,
               "configuration %u is in charge, tunnels go on / 設定 %u に切り替えました(トンネルは継続)",
               next->generation, next->generation);
    snapshot_drop(old);
}

static void keep_old(struct server *s, const char *why)
{
    LOG_SERVER(LOG_CORE, LEVEL_ERROR, 0,
               "reload refused, configuration %u stays in charge / 再読み込みを中止し現在の設定を維持します: %s",
               s->snapshot->generation, why);
    log_reopen_all(); /* rotation must not wait for a good file */
}

static void reload(struct server *s)
{
    struct arena *a = arena_new();
    struct conf_error error = { 0 };
    struct snapshot *next;
    struct sockets *sockets;
    char *why = NULL;
    struct tls_sites *tls;

    notify_state("RELOADING=1");
    next = conf_load(s->options, a, &error);
    tls = next ? tls_sites_new(next, &why) : NULL;
    sockets = tls ? sockets_open(s, next, &why) : NULL;
    if (sockets) {
        take_over(s, next, sockets, tls);
    } else {
        keep_old(s, next ? why : conf_error_text(a, &error));
        tls_sites_drop(tls);
        if (next)
            snapshot_drop(next);
    }
    free(why);
    arena_free(a);
    notify_state("READY=1");
}

/* ---- the end ---- */

static void each_worker(struct server *s, void (*tell)(struct worker *))
{
    for (unsigned i = 0; i < s->n_workers; i++)
        tell(s->workers[i]);
}

static void on_signal(struct server *s, int signal_number)
{
    switch (signal_number) {
    case SIGHUP:
    case SIGUSR1:
        LOG_SERVER(LOG_MPM_EVENT, LEVEL_NOTICE, signal_number == SIGHUP ? 173 : 171,
                   "%s received: reading the configuration anew / 設定を読み直します",
                   signal_number == SIGHUP ? "SIGHUP" : "SIGUSR1");
        if (s->phase == RUNNING)
            reload(s);
        break;
    case SIGWINCH:
        if (s->phase != RUNNING || s->foreground_tty)
            break; /* a terminal's resize is no wish to stop */
        s->phase = DRAINING;
        s->drain_until_ms = core_site_of(s->snapshot->main)->shutdown_timeout_us / 1000;
        s->drain_until_ms += s->drain_until_ms ? base_now_ms() : 0;
        LOG_SERVER(LOG_MPM_EVENT, LEVEL_NOTICE, 492, "caught SIGWINCH, shutting down gracefully");
        notify_state("STOPPING=1");
        each_worker(s, worker_drain);
        break;
    default:
        s->phase = STOPPING;
        LOG_SERVER(LOG_MPM_EVENT, LEVEL_NOTICE, 491, "caught SIGTERM, shutting down");
        notify_state("STOPPING=1");
        each_worker(s, worker_stop);
    }
}

static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int left_ms(uint64_t when)
{
    uint64_t now = base_now_ms();
    return when > now ? (int)(when - now) : 0;
}

static int wait_ms(const struct server *s)
{
    if (s->phase == RUNNING)
        return sooner(renewal_wait_ms(s->renewal), left_ms(s->warn_at_ms));
    return s->phase == DRAINING && s->drain_until_ms ? left_ms(s->drain_until_ms) : -1;
}

static void on_time(struct server *s)
{
    uint64_t now = base_now_ms();

    if (s->phase == DRAINING && s->drain_until_ms && now >= s->drain_until_ms) {
        s->phase = STOPPING;
        each_worker(s, worker_stop);
    }
    if (s->phase != RUNNING)
        return;
    renew_tls(s);
    if (now >= s->warn_at_ms)
        warn_of_expiry(s);
}

static void control(struct server *s, int signals)
{
    struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
                            { .fd = s->done_fd, .events = POLLIN },
                            { .fd = renewal_fd(s->renewal), .events = POLLIN } };
    struct signalfd_siginfo info;
    uint64_t ended;

    while (s->running) {
        fds[2].fd = s->phase == RUNNING ? renewal_fd(s->renewal) : -1;
        poll(fds, COUNT_OF(fds), wait_ms(s));
        on_time(s);
        while (read(signals, &info, sizeof(info)) == sizeof(info))
            on_signal(s, (int)info.ssi_signo);
        (void)!read(s->done_fd, &ended, sizeof(ended));
        while (waitpid(-1, NULL, WNOHANG) >
               0) /* piped log programs are reaped by the writer; nothing else may linger */
            ;
    }
}

static void end_server(struct server *s)
{
    for (unsigned i = 0; i < OFFLOADS; i++)
        offload_free(s->offloads[i]);
    each_worker(s, worker_join);
    stapler_free(s->stapler);
    renewal_free(s->renewal);
    tls_warnings_free(s->warnings);
    if (s->pid_file && unlink(s->pid_file) < 0 && errno != ENOENT)
        keeper_unlink(s->pid_file);
    log_writer_stop();
    log_main = (struct log_target){ .levels = log_main.levels };
    sockets_free(s->sockets);
    tls_sites_drop(s->tls);
    tls_phrase_forget();
    snapshot_drop(s->snapshot);
    free(s->workers);
    free(s->pid_file);
    close(s->done_fd);
}

/* A start that failed: no thread runs yet. */
static void abandon(struct server *s)
{
    renewal_free(s->renewal);
    tls_warnings_free(s->warnings);
    if (s->tls)
        tls_sites_drop(s->tls);
    log_main = (struct log_target){ .levels = log_main.levels };
    snapshot_drop(s->snapshot);
    free(s->pid_file);
    close(s->done_fd);
}

/* ---- all of it ---- */

static bool begin(struct server *s, enum serve_mode mode)
{
    uint64_t files = sock_raise_files();

    secure_begin();
    status_begin();
    notify_begin();
    s->renewal = renewal_new();
    s->warnings = tls_warnings_new();
    log_main = s->snapshot->main->log;
    if (!start_tls(s) || !start_sockets(s) || !write_pid_file(s, mode) || !drop_privileges(s))
        return false;
    log_writer_start();
    for (unsigned i = 0; i < OFFLOADS; i++)
        s->offloads[i] = offload_new();
    sock_share_files(files, s->done_fd);
    rewrite_start(s->snapshot);
    start_workers(s);
    conf_say_notices(s->options, &s->snapshot->reading->notices);
    look_after_tls(s);
    LOG_SERVER(LOG_MPM_EVENT, LEVEL_NOTICE, 489,
               "Weir/%s configured -- resuming normal operations (%u worker%s, %llu files)", WEIR_VERSION, s->n_workers,
               s->n_workers == 1 ? "" : "s", (unsigned long long)files);
    notify_state("READY=1");
    return true;
}

int serve_run(const struct conf_options *o, struct snapshot *snapshot, enum serve_mode mode)
{
    struct server s = {
        .options = o, .snapshot = snapshot, .n_workers = worker_count(snapshot, mode), .phase = RUNNING
    };
    int signals, ready_fd = -1;

    if (mode == SERVE_DAEMON) {
        pid_t pid = pidfile_running(pidfile_path(snapshot));
        int verdict;
        if (pid) {
            fprintf(stderr, "weir (pid %ld) already running\n", (long)pid);
            return 0;
        }
        verdict = become_daemon(&ready_fd);
        if (verdict >= 0)
            _exit(verdict); /* the snapshot, with its logs' programs, is the child's */
    }
    snapshot->generation = 1;
    s.foreground_tty = mode != SERVE_DAEMON && isatty(STDIN_FILENO);
    signals = take_signals();
    s.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ASSERT(sem_init(&s.there, 0, 0) == 0);
    if (!begin(&s, mode)) {
        abandon(&s);
        say_ready(ready_fd, 1);
        return 1;
    }
    say_ready(ready_fd, 0);
    control(&s, signals);
    end_server(&s);
    close(signals);
    return 0;
}
