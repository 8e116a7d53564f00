/* RewriteMap prg: a program that is told a key and answers with a line, one request at a time (mod_rewrite.c,
 * lookup_map_program). It runs as long as its configuration; one that is late or ended is started anew. Asked off the
 * worker's loop. */
#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define ANSWER_MOST (64 * 1024)
#define RESTART_MS  1000 /* not more often, or a broken program would eat the machine */
#define END_MS      100  /* it has to end by itself */

struct rewrite_program {
    pthread_mutex_t lock; /* of all below: whose turn it is */
    char **argv;
    pid_t pid; /* 0: it does not run */
    int in, out;
    uint64_t started_ms;
};

/* ---- its life -------------------------------------------------------------------------------------------------------
 */

static int spawn(struct rewrite_program *p, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    error = posix_spawn(&p->pid, p->argv[0], &actions, &attr, p->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return error;
}

static int start(struct rewrite_program *p)
{
    int to[2], from[2], error;

    p->pid = 0;
    p->started_ms = base_now_ms();
    if (pipe2(to, O_CLOEXEC) != 0)
        return errno;
    if (pipe2(from, O_CLOEXEC) != 0) {
        error = errno;
        close(to[0]), close(to[1]);
        return error;
    }
    error = spawn(p, to[0], from[1]);
    close(to[0]), close(from[1]);
    if (error) {
        p->pid = 0;
        close(to[1]), close(from[0]);
        return error;
    }
    p->in = to[1], p->out = from[0];
    fcntl(p->in, F_SETFL, O_NONBLOCK);
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    return 0;
}

static void stop(struct rewrite_program *p)
{
    const struct timespec moment = { .tv_nsec = 2000000 };
    uint64_t end = base_now_ms() + END_MS;

    if (!p->pid)
        return;
    close(p->in), close(p->out);
    kill(-p->pid, SIGTERM);
    while (waitpid(p->pid, NULL, WNOHANG) == 0 && base_now_ms() < end)
        nanosleep(&moment, NULL);
    kill(-p->pid, SIGKILL); /* and what it has started */
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

static void on_free(void *arg)
{
    struct rewrite_program *p = arg;

    stop(p);
    pthread_mutex_destroy(&p->lock);
}

struct rewrite_program *rewrite_program_new(struct arena *a, char **argv)
{
    struct rewrite_program *p = arena_alloc(a, sizeof(*p));

    p->argv = argv;
    pthread_mutex_init(&p->lock, NULL);
    arena_on_free(a, on_free, p);
    return p;
}

int rewrite_program_start(struct rewrite_program *p)
{
    int error;

    pthread_mutex_lock(&p->lock);
    error = p->pid ? 0 : start(p);
    pthread_mutex_unlock(&p->lock);
    return error;
}

/* ---- a question
 * ------------------------------------------------------------------------------------------------------ */

static const char *const late = "did not answer in time", *const ended = "ended",
                         *const endless = "answers without end", *const busy = "is still answering others",
                         *const broken = "does not start";

static bool wait_for(int fd, short events, uint64_t end)
{
    uint64_t now = base_now_ms();
    struct pollfd p = { .fd = fd, .events = events };

    return now < end && poll(&p, 1, (int)(end - now)) > 0;
}

/* What it has said unasked is nobody's answer. */
static const char *forget(struct rewrite_program *p)
{
    char unasked[1024];
    size_t all = 0;
    ssize_t got;

    while ((got = read(p->out, unasked, sizeof(unasked))) > 0)
        if ((all += (size_t)got) > ANSWER_MOST)
            return endless;
    return got == 0 ? ended : NULL;
}

static const char *tell(struct rewrite_program *p, const char *key, size_t n, uint64_t end)
{
    while (n) {
        ssize_t done = write(p->in, key, n);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return ended;
        if (done > 0)
            key += done, n -= (size_t)done;
        else if (!wait_for(p->in, POLLOUT, end))
            return late;
    }
    return NULL;
}

/* A line without its end. */
static const char *hear(struct rewrite_program *p, struct buf *line, uint64_t end)
{
    const char *newline = NULL;

    while (!newline) {
        char *at = buf_reserve(line, 1024);
        ssize_t got = read(p->out, at, 1024);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return ended;
        if (got < 0 && !wait_for(p->out, POLLIN, end))
            return late;
        line->end += got > 0 ? (size_t)got : 0;
        newline = got > 0 ? memchr(at, '\n', (size_t)got) : NULL;
        if (!newline && buf_len(line) > ANSWER_MOST)
            return endless;
    }
    line->end = (size_t)(newline - line->data);
    return NULL;
}

static const char *ask_once(struct rewrite_program *p, const char *question, struct buf *answer, uint64_t end)
{
    const char *fault;

    if (!p->pid && (base_now_ms() - p->started_ms < RESTART_MS || start(p) != 0))
        return broken;
    fault = forget(p);
    if (!fault)
        fault = tell(p, question, strlen(question), end);
    if (!fault)
        fault = hear(p, answer, end);
    if (fault) /* what it says later would be taken for the next answer */
        stop(p);
    return fault;
}

static bool take_turn(struct rewrite_program *p, unsigned wait_ms)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += wait_ms / 1000;
    end.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000)
        end.tv_sec++, end.tv_nsec -= 1000000000;
    return pthread_mutex_clocklock(&p->lock, CLOCK_MONOTONIC, &end) == 0;
}

enum program_result rewrite_program_ask(struct rewrite_program *p, struct arena *a, const char *key, unsigned wait_ms,
                                        const char **answer)
{
    uint64_t end = base_now_ms() + wait_ms;
    const char *question = arena_concat(a, key, "\n", NULL), *fault = busy;
    struct buf line = { 0 };

    if (take_turn(p, wait_ms)) {
        fault = ask_once(p, question, &line, end);
        if (fault == ended) { /* perhaps since the last question */
            buf_consume(&line, buf_len(&line));
            fault = ask_once(p, question, &line, end);
        }
        pthread_mutex_unlock(&p->lock);
    }
    *answer = fault ? fault : arena_span(a, buf_span(&line));
    buf_release(&line);
    if (fault)
        return PROGRAM_FAILED;
    return strcasecmp(*answer, "NULL") == 0 ? PROGRAM_NONE : PROGRAM_ANSWERED;
}
