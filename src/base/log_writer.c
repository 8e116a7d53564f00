/* The writer thread: any thread pushes lines into one queue without a lock (D. Vyukov's queue of many producers and one
 * consumer), the writer hands them to their sinks in groups. Without the thread, lines are written at once. */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    LINGER_MS = 2,        /* after work the writer sleeps so long without being woken: lines gather */
    LAST_WORDS_MS = 5000, /* for pipes that do not take their lines when all ends */
    PANIC_MS = 300
};

static pthread_mutex_t registry_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP; /* a complaint may arise within */
static struct link registry = { &registry, &registry };
static pthread_mutex_t direct_lock = PTHREAD_MUTEX_INITIALIZER; /* of writing at once */

static struct log_sink stderr_sink = { .form = SINK_BORROWED,
                                       .fd = STDERR_FILENO,
                                       .polled = true,
                                       .holds = 1,
                                       .busy = { &stderr_sink.busy, &stderr_sink.busy } };

static atomic_size_t limit = 16u << 20, total_queued, total_lost;
static int (*opener)(const char *path);

/* ---- the queue ---- */

static struct line stub;
static _Atomic(struct line *) newest = &stub;
static struct line *oldest = &stub; /* the writer's */
static atomic_bool running, asleep, hurry;
static int wake_fd = -1;

static void push(struct line *l)
{
    atomic_store_explicit(&l->next, NULL, memory_order_relaxed);
    struct line *before = atomic_exchange(&newest, l);
    atomic_store(&before->next, l);
}

/* NULL too while a push stands half-way: its thread then sees that we sleep and wakes us. */
static struct line *pop(void)
{
    struct line *l = oldest, *next = atomic_load(&l->next);
    if (l == &stub) {
        if (!next)
            return NULL;
        oldest = l = next;
        next = atomic_load(&l->next);
    }
    if (!next) {
        if (l != atomic_load(&newest))
            return NULL;
        push(&stub); /* so that the last line can be taken too */
        next = atomic_load(&l->next);
        if (!next)
            return NULL;
    }
    oldest = next;
    return l;
}

static void wake(void)
{
    uint64_t one = 1;
    if (atomic_load(&asleep) && atomic_exchange(&asleep, false) && write(wake_fd, &one, sizeof(one)) < 0)
        ASSERT(errno == EAGAIN);
}

static void send_line(struct line *l)
{
    push(l);
    wake();
}

static struct line *new_line(struct log_sink *s, enum line_op op, const char *bytes, size_t n)
{
    struct line *l = malloc(sizeof(*l) + n);
    ASSERT(l != NULL);
    *l = (struct line){ .sink = s, .op = (unsigned char)op, .n = (uint32_t)n };
    if (n)
        memcpy(l->bytes, bytes, n);
    atomic_fetch_add_explicit(&s->queued, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&total_queued, n, memory_order_relaxed);
    return l;
}

void log_line_free(struct line *l)
{
    atomic_fetch_sub_explicit(&l->sink->queued, l->n, memory_order_relaxed);
    atomic_fetch_sub_explicit(&total_queued, l->n, memory_order_relaxed);
    free(l);
}

void log_count_lost(struct log_sink *s, size_t lines)
{
    atomic_fetch_add(&s->lost, lines);
    atomic_fetch_add(&total_lost, lines);
}

size_t log_lines_lost(void)
{
    return atomic_load(&total_lost);
}
void log_set_limit(size_t bytes)
{
    atomic_store(&limit, bytes);
}

/* ---- the writer's side of a sink ---- */

static struct link busy = { &busy, &busy }; /* sinks with lines to write */

static void append(struct log_sink *s, struct line *l)
{
    atomic_store_explicit(&l->next, NULL, memory_order_relaxed);
    if (s->last)
        atomic_store_explicit(&s->last->next, l, memory_order_relaxed);
    else
        s->first = l, s->since = base_now_ms();
    s->last = l;
    s->pending += l->n;
    if (link_empty(&s->busy))
        link_push(&busy, &s->busy);
}

static void destroy(struct log_sink *s)
{
    sink_discard(s);
    sink_close(s);
    link_remove(&s->busy);
    free(s->tag);
    free(s->spec);
    free(s);
}

static bool held_back(const struct log_sink *s, uint64_t now)
{
    return atomic_load_explicit(&s->buffered, memory_order_relaxed) && s->pending < SINK_BUFFER_BYTES &&
           now - s->since < SINK_BUFFER_MS && !s->closing && !atomic_load_explicit(&hurry, memory_order_relaxed);
}

static void flush_busy(bool all)
{
    uint64_t now = base_now_ms();
    for (struct link *at = busy.next, *next; at != &busy; at = next) {
        struct log_sink *s = CONTAINER_OF(at, struct log_sink, busy);
        next = at->next;
        if ((!all && held_back(s, now)) || !sink_flush(s))
            continue;
        link_remove(&s->busy);
        if (s->closing)
            destroy(s);
    }
}

/* What was queued before it is in s's own list: written to the old file, or nowhere if that cannot be. */
static void reopen(struct log_sink *s)
{
    sink_flush(s);
    sink_reopen(s);
}

/* One entry of the queue; false: the end. */
static bool handle(struct line *l)
{
    struct log_sink *s = l->sink;
    enum line_op op = l->op;
    if (op == LINE_WRITE) {
        append(s, l);
        return true;
    }
    log_line_free(l);
    if (op == LINE_REOPEN)
        reopen(s);
    if (op != LINE_DROP)
        return op != LINE_STOP;
    s->closing = true;
    if (!s->first)
        destroy(s);
    return true;
}

/* Takes what is there; *more: something was. Bounded, so that files are fed while others keep on pushing. */
static bool take_lines(bool *more)
{
    struct line *l;
    *more = false;
    for (unsigned n = 0; n < 4096 && (l = pop()); n++) {
        *more = true;
        if (!handle(l))
            return false;
    }
    return true;
}

/* ---- the thread ---- */

/* Until a line comes, a pipe has room, or a buffer or a dead program is due. */
static void wait_for_work(int most_ms)
{
    struct pollfd fds[64] = { { .fd = wake_fd, .events = POLLIN } };
    nfds_t n = 1;
    uint64_t now = base_now_ms();
    for (struct link *at = busy.next; at != &busy; at = at->next) {
        const struct log_sink *s = CONTAINER_OF(at, struct log_sink, busy);
        int ms = held_back(s, now) ? (int)(SINK_BUFFER_MS - (now - s->since)) : s->fd < 0 ? SINK_RESPAWN_MS / 4 : -1;
        if (ms < 0 && n < COUNT_OF(fds))
            fds[n++] = (struct pollfd){ .fd = s->fd, .events = POLLOUT };
        else if (ms < 0)
            ms = 10; /* too many stuck pipes for the list: look again soon */
        if (ms >= 0 && (most_ms < 0 || ms < most_ms))
            most_ms = ms;
    }
    uint64_t count;
    if (poll(fds, n, most_ms) > 0 && (fds[0].revents & POLLIN) && read(wake_fd, &count, sizeof(count)) < 0)
        ASSERT(errno == EAGAIN);
}

static void sleep_until_woken(void)
{
    atomic_store(&asleep, true);
    if (atomic_load(&newest) == oldest) /* else a line came meanwhile, or stands half-way */
        wait_for_work(-1);
    atomic_store(&asleep, false);
}

static void last_words(void)
{
    for (uint64_t end = base_now_ms() + LAST_WORDS_MS; !link_empty(&busy) && base_now_ms() < end;) {
        flush_busy(true);
        if (!link_empty(&busy))
            wait_for_work(50);
    }
    while (!link_empty(&busy)) {
        struct log_sink *s = CONTAINER_OF(busy.next, struct log_sink, busy);
        link_remove(&s->busy);
        sink_discard(s);
        if (s->closing)
            destroy(s);
    }
}

static void *write_logs(void *arg)
{
    (void)arg;
    bool more, going = true;
    while (going) {
        going = take_lines(&more);
        flush_busy(false);
        sink_reap();
        if (more)
            wait_for_work(LINGER_MS);
        else if (going)
            sleep_until_woken();
    }
    last_words();
    return NULL;
}

/* ---- start and stop ---- */

static pthread_t writer;
static struct sigaction abort_before;

/* abort() anywhere: the writer still runs, and is given a moment for what is queued. Async-signal-safe. */
static void on_abort(int signal_number)
{
    (void)signal_number;
    const struct timespec moment = { .tv_nsec = 5000000 };
    uint64_t one = 1;
    if (!atomic_load(&running) || pthread_equal(pthread_self(), writer))
        return;
    atomic_store(&hurry, true);
    if (write(wake_fd, &one, sizeof(one)) < 0)
        return;
    for (int waited = 0; waited < PANIC_MS && atomic_load(&total_queued) > 0; waited += 5)
        nanosleep(&moment, NULL);
}

static void start_thread(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others; SIGPIPE becomes EPIPE */
    int error = pthread_create(&writer, NULL, write_logs, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(error == 0);
    pthread_setname_np(writer, "weir-log");
}

void log_writer_start(void)
{
    ASSERT(!atomic_load(&running));
    struct sigaction action = { .sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND };
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ASSERT(wake_fd >= 0);
    sigaction(SIGABRT, &action, &abort_before);
    atomic_store(&running, true); /* first: from now on only the writer touches what is pending */
    start_thread();
}

void log_writer_stop(void)
{
    if (!atomic_load(&running))
        return;
    send_line(new_line(&stderr_sink, LINE_STOP, NULL, 0));
    pthread_join(writer, NULL);
    sigaction(SIGABRT, &abort_before, NULL);
    pthread_mutex_lock(&direct_lock);
    atomic_store(&running, false);
    for (struct line *l; (l = pop());) /* pushed behind the end */
        handle(l);
    last_words();
    close(wake_fd);
    wake_fd = -1;
    pthread_mutex_unlock(&direct_lock);
}

/* ---- writing at once ---- */

static void write_now(struct line *l)
{
    const struct timespec no_wait = { 0 };
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    pthread_mutex_lock(&direct_lock);
    handle(l);
    last_words();
    pthread_mutex_unlock(&direct_lock);
    sigtimedwait(&pipe, NULL, &no_wait); /* ours, if it came: a dead reader is no reason to die */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void dispatch(struct line *l)
{
    if (atomic_load(&running))
        send_line(l);
    else
        write_now(l);
}

void log_sink_write(struct log_sink *s, const char *line, size_t n, enum log_level level_for_syslog)
{
    if (!s)
        s = &stderr_sink;
    size_t bound = atomic_load_explicit(&limit, memory_order_relaxed);
    if (n > bound || atomic_load_explicit(&s->queued, memory_order_relaxed) > bound - n ||
        atomic_load_explicit(&total_queued, memory_order_relaxed) / 4 > bound) {
        log_count_lost(s, 1);
        return;
    }
    struct line *l = new_line(s, LINE_WRITE, line, n);
    l->level = (unsigned char)level_for_syslog;
    dispatch(l);
}

/* ---- sinks ---- */

void log_set_opener(int (*open_append)(const char *path))
{
    opener = open_append;
}

int log_open_append(const char *path)
{
    return opener ? opener(path) : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
}

static struct log_sink *find(const char *spec, enum log_sink_kind kind)
{
    for (struct link *at = registry.next; at != &registry; at = at->next) {
        struct log_sink *s = CONTAINER_OF(at, struct log_sink, all);
        if (s->kind == kind && strcmp(s->spec, spec) == 0)
            return s;
    }
    return NULL;
}

static struct log_sink *make(const char *spec, enum log_sink_kind kind, char **error)
{
    struct log_sink *s = base_alloc(sizeof(*s));
    s->spec = base_strdup(spec);
    s->kind = kind;
    link_init(&s->busy);
    if (sink_open(s, error)) {
        link_push(&registry, &s->all);
        return s;
    }
    free(s->spec);
    free(s);
    return NULL;
}

struct log_sink *log_sink_hold(const char *spec, enum log_sink_kind kind, char **error)
{
    pthread_mutex_lock(&registry_lock);
    struct log_sink *s = find(spec, kind);
    if (!s)
        s = make(spec, kind, error);
    if (s)
        s->holds++;
    pthread_mutex_unlock(&registry_lock);
    return s;
}

struct log_sink *log_sink_again(struct log_sink *s)
{
    if (s)
        ASSERT(atomic_fetch_add(&s->holds, 1) > 0);
    return s;
}

/* Only the last reference needs the registry: nobody can take another from it without the lock. */
static bool drop_but_last(struct log_sink *s)
{
    unsigned n = atomic_load(&s->holds);

    while (n > 1)
        if (atomic_compare_exchange_weak(&s->holds, &n, n - 1))
            return true;
    return false;
}

void log_sink_drop(struct log_sink *s)
{
    if (!s || drop_but_last(s))
        return;
    pthread_mutex_lock(&registry_lock);
    bool last = atomic_fetch_sub(&s->holds, 1) == 1;
    if (last)
        link_remove(&s->all);
    pthread_mutex_unlock(&registry_lock);
    if (last)
        dispatch(new_line(s, LINE_DROP, NULL, 0));
}

const char *log_sink_spec(const struct log_sink *s)
{
    return s->spec;
}
bool log_sink_is_syslog(const struct log_sink *s)
{
    return s && s->form == SINK_SYSLOG;
}
void log_sink_set_buffered(struct log_sink *s, bool on)
{
    atomic_store(&s->buffered, on);
}

void log_reopen_all(void)
{
    pthread_mutex_lock(&registry_lock);
    for (struct link *at = registry.next; at != &registry; at = at->next)
        dispatch(new_line(CONTAINER_OF(at, struct log_sink, all), LINE_REOPEN, NULL, 0));
    pthread_mutex_unlock(&registry_lock);
}

/* ---- the writer's own complaints ---- */

static struct log_sink *error_sink(struct log_sink *s)
{
    struct log_sink *found = &stderr_sink;

    if (s->kind == LOG_SINK_ERROR && !s->closing)
        return s;
    pthread_mutex_lock(&registry_lock);
    for (struct link *at = registry.next; at != &registry && found == &stderr_sink; at = at->next)
        if (CONTAINER_OF(at, struct log_sink, all)->kind == LOG_SINK_ERROR)
            found = CONTAINER_OF(at, struct log_sink, all);
    pthread_mutex_unlock(&registry_lock);
    return found; /* freed by the writer alone, which is who asks */
}

void log_complain(struct log_sink *s, int os_error, const char *format, ...)
{
    char message[1024], line[2048];
    struct log_event e = { .level = LEVEL_ERROR, .module = LOG_LOG_CONFIG, .os_error = os_error, .message = message };
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    size_t n = log_render_default(&e, line, sizeof(line) - 1);
    line[n++] = '\n';
    if (!atomic_load(&running)) { /* we stand inside a writing at once */
        if (write(STDERR_FILENO, line, n) < 0)
            log_count_lost(s, 1);
        return;
    }
    pthread_mutex_lock(&registry_lock); /* keeps the other sink alive until the line is queued */
    log_sink_write(error_sink(s), line, n, LEVEL_ERROR);
    pthread_mutex_unlock(&registry_lock);
}
