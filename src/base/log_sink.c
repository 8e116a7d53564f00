/* Where the bytes of a log go: files, piped programs (httpd server/log.c, "|", "||" and "|$"), syslog, open
 * descriptors. */
#include "log_sink.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

extern char **environ;

enum { GROUP = 64 }; /* lines of one writev */

/* ---- programs ---- */

static pid_t *leaving; /* children whose pipe is closed, still to be waited for */
static unsigned n_leaving;

void sink_reap(void)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n_leaving; i++)
        if (waitpid(leaving[i], NULL, WNOHANG) == 0)
            leaving[kept++] = leaving[i];
    n_leaving = kept;
}

static void leave_child(struct log_sink *s)
{
    if (s->fd >= 0)
        close(s->fd);
    if (s->child > 0) {
        leaving = base_realloc(leaving, (n_leaving + 1) * sizeof(*leaving));
        leaving[n_leaving++] = s->child;
    }
    s->fd = -1;
    s->child = 0;
    sink_reap();
}

/* The next word in place, as apr_tokenize_to_argv: quotes of either kind at its start, a backslash takes the next byte.
 */
static char *next_word(char **rest)
{
    char *in = *rest, *out;
    while (isspace((unsigned char)*in))
        in++;
    if (!*in)
        return NULL;
    char quote = *in == '"' || *in == '\'' ? *in++ : 0, *word = out = in;
    while (*in && (quote ? *in != quote : !isspace((unsigned char)*in))) {
        if (*in == '\\' && in[1])
            in++;
        *out++ = *in++;
    }
    *rest = *in ? in + 1 : in;
    *out = '\0';
    return word;
}

/* argv points into command; by shell: the command as it stands. */
static void split_command(char *command, bool shell, char **argv, unsigned size)
{
    static char sh[] = "/bin/sh", option[] = "-c";
    unsigned n = 0;
    if (shell) {
        argv[n++] = sh, argv[n++] = option, argv[n++] = command;
    } else {
        for (char *word; n + 1 < size && (word = next_word(&command));)
            argv[n++] = word;
    }
    argv[n] = NULL;
}

/* A group of its own: Control-C in a terminal must not end the logger before the last lines are through. */
static int spawn(char **argv, int input, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    int error = argv[0] ? posix_spawn(child, argv[0], &actions, &attr, argv, environ) : ENOENT;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return error;
}

static int start_program(struct log_sink *s)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    const char *at = s->spec + 1;
    at += *at == '|';
    bool shell = *at == '$';
    char *command = base_strdup(at + shell), *argv[64];
    split_command(command, shell, argv, COUNT_OF(argv));
    s->spawned = base_now_ms();
    int error = spawn(argv, ends[0], &s->child);
    free(command);
    close(ends[0]);
    if (error) {
        s->child = 0;
        close(ends[1]);
        return error;
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    s->fd = ends[1];
    s->polled = true;
    return 0;
}

/* The line that was on its way begins anew. At most one start a second, or a broken program would eat the machine. */
static void restart_program(struct log_sink *s)
{
    if (s->fd >= 0)
        log_complain(s, 0, "piped log program '%s' failed unexpectedly", s->spec + 1);
    leave_child(s);
    s->offset = 0;
    if (base_now_ms() - s->spawned < SINK_RESPAWN_MS)
        return;
    int error = start_program(s);
    if (error)
        log_complain(s, error, "unable to start piped log program '%s'", s->spec + 1);
}

/* ---- files and open descriptors ---- */

static int borrow(const char *spec)
{
    static const char *const names[][3] = { { "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1" },
                                            { "/dev/stderr", "/proc/self/fd/2", "/dev/fd/2" } };
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        for (unsigned j = 0; j < COUNT_OF(names[i]); j++)
            if (strcmp(spec, names[i][j]) == 0)
                return (int)i + 1;
    return -1;
}

static void set_file(struct log_sink *s, int fd)
{
    struct stat st;
    s->fd = fd;
    s->polled = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

/* ---- syslog ---- */

static const struct {
    const char *name;
    int facility;
} facilities[] = { { "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
                   { "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },           { "kern", LOG_KERN },
                   { "lpr", LOG_LPR },       { "mail", LOG_MAIL },         { "news", LOG_NEWS },
                   { "syslog", LOG_SYSLOG }, { "user", LOG_USER },         { "uucp", LOG_UUCP },
                   { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },     { "local2", LOG_LOCAL2 },
                   { "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },     { "local5", LOG_LOCAL5 },
                   { "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 } };

/* A facility may be shortened, as in httpd. */
static int find_facility(const char *name, size_t n)
{
    for (unsigned i = 0; i < COUNT_OF(facilities); i++)
        if (strncasecmp(name, facilities[i].name, n) == 0)
            return facilities[i].facility;
    return -1;
}

static int open_syslog(struct log_sink *s)
{
    const char *facility = s->spec[6] ? s->spec + 7 : "", *colon = strchr(facility, ':');
    size_t n = colon ? (size_t)(colon - facility) : strlen(facility);
    s->facility = n ? find_facility(facility, n) : LOG_LOCAL7;
    if (s->facility < 0)
        return EINVAL;
    s->tag = base_strdup(colon && colon[1] ? colon + 1 : program_invocation_short_name);
    return 0;
}

static const char *syslog_tag; /* whose openlog is in force */

static void say_to_syslog(struct log_sink *s, const char *line, size_t n, int level)
{
    if (syslog_tag != s->tag) {
        openlog(s->tag, LOG_CONS | LOG_PID, s->facility);
        syslog_tag = s->tag;
    }
    if (n > 0 && line[n - 1] == '\n')
        n--;
    syslog(s->facility | (level < LOG_DEBUG ? level : LOG_DEBUG), "%.*s", (int)n, line);
}

/* ---- open and close ---- */

static enum sink_form form_of(const char *spec)
{
    if (*spec == '|')
        return SINK_PROGRAM;
    if (strcmp(spec, "syslog") == 0 || strncmp(spec, "syslog:", 7) == 0)
        return SINK_SYSLOG;
    return borrow(spec) > 0 ? SINK_BORROWED : SINK_FILE;
}

/* httpd's messages at start-up. */
static char *explain(const struct log_sink *s, int error)
{
    const char *me = program_invocation_short_name;
    struct buf b = { 0 };
    char os[128];
    buf_printf(&b, "(%d)%s: ", error, strerror_r(error, os, sizeof(os)));
    if (s->form == SINK_PROGRAM && s->kind == LOG_SINK_ERROR)
        buf_printf(&b, "AH00089: Couldn't start ErrorLog process '%s'.", s->spec + 1);
    else if (s->form == SINK_PROGRAM)
        buf_printf(&b, "unable to start piped log program '%s'", s->spec + 1);
    else if (s->form == SINK_SYSLOG)
        buf_printf(&b, "AH10036: %s: could not open syslog error log %s.", me, s->spec[6] ? s->spec + 7 : "");
    else if (s->kind == LOG_SINK_ERROR)
        buf_printf(&b, "AH00091: %s: could not open error log file %s.", me, s->spec);
    else
        buf_printf(&b, "AH00649: could not open transfer log file %s.", s->spec);
    buf_add(&b, "", 1);
    return b.data;
}

bool sink_open(struct log_sink *s, char **error)
{
    int failed = 0, fd = -1;
    s->fd = -1;
    s->form = form_of(s->spec);
    if (s->form == SINK_PROGRAM)
        failed = start_program(s);
    else if (s->form == SINK_SYSLOG)
        failed = open_syslog(s);
    else if ((fd = s->form == SINK_FILE ? log_open_append(s->spec)
                                        : fcntl(borrow(s->spec), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0)
        failed = errno;
    else
        set_file(s, fd);
    if (failed && error)
        *error = explain(s, failed);
    return failed == 0;
}

void sink_reopen(struct log_sink *s)
{
    if (s->form != SINK_FILE)
        return;
    int fd = log_open_append(s->spec);
    if (fd < 0) {
        log_complain(s, errno, "could not open log file %s again, the old one stays in use", s->spec);
        return;
    }
    close(s->fd);
    set_file(s, fd);
}

void sink_close(struct log_sink *s)
{
    if (s->tag && syslog_tag == s->tag) {
        closelog();
        syslog_tag = NULL;
    }
    if (s->form == SINK_PROGRAM)
        leave_child(s);
    else if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* ---- writing ---- */

static void drop_first(struct log_sink *s)
{
    struct line *l = s->first;
    s->first = atomic_load_explicit(&l->next, memory_order_relaxed);
    if (!s->first)
        s->last = NULL;
    s->pending -= l->n;
    s->offset = 0;
    log_line_free(l);
}

void sink_discard(struct log_sink *s)
{
    s->torn = s->torn || s->offset > 0;
    while (s->first) {
        log_count_lost(s, 1);
        drop_first(s);
    }
}

static int gather(const struct log_sink *s, struct iovec *v, size_t most)
{
    int n = 0;
    size_t skip = s->offset;
    for (struct line *l = s->first; l && n < GROUP && most > 0; n++, skip = 0) {
        size_t len = l->n - skip < most ? l->n - skip : most;
        v[n] = (struct iovec){ l->bytes + skip, len };
        most -= len;
        l = atomic_load_explicit(&l->next, memory_order_relaxed);
    }
    return n;
}

static void advance(struct log_sink *s, size_t sent)
{
    while (s->first && sent >= s->first->n - s->offset) {
        sent -= s->first->n - s->offset;
        drop_first(s);
    }
    s->offset += sent;
}

/* Is there room for PIPE_BUF bytes? -1: whoever read there is gone. */
static int ask_room(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    if (poll(&p, 1, 0) <= 0)
        return 0;
    if (p.revents & (POLLERR | POLLNVAL))
        return -1;
    return (p.revents & POLLOUT) ? 1 : 0;
}

/* One group of lines: 1 written, 0 to be tried later, -1 gone for ever. */
static int write_group(struct log_sink *s)
{
    struct iovec v[GROUP];
    int room = s->polled ? ask_room(s->fd) : 1;
    if (room <= 0)
        return room;
    ssize_t sent = writev(s->fd, v, gather(s, v, s->polled ? PIPE_BUF : SIZE_MAX));
    if (sent < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    advance(s, (size_t)sent);
    return 1;
}

/* Told where they are missing, once there is room again; false: there is none. */
static bool tell_lost(struct log_sink *s)
{
    size_t lost = atomic_load(&s->lost);
    char message[64], line[256] = "\n";
    if (lost == 0)
        return true;
    int room = s->polled ? ask_room(s->fd) : 1;
    if (room <= 0)
        return room < 0;
    snprintf(message, sizeof(message), "%zu log line%s lost", lost, lost == 1 ? "" : "s");
    struct log_event e = { .level = LEVEL_WARN, .module = LOG_CORE, .message = message };
    size_t n = s->torn; /* half a line stands there: begin a new one */
    n += s->form == SINK_SYSLOG ? log_render_unstamped(&e, line + n, sizeof(line) - 2)
                                : log_render_default(&e, line + n, sizeof(line) - 2);
    line[n++] = '\n';
    if (s->form == SINK_SYSLOG)
        say_to_syslog(s, line, n, LEVEL_WARN);
    else if (write(s->fd, line, n) != (ssize_t)n)
        return true; /* no better than before: with the next lines */
    s->torn = false;
    atomic_fetch_sub(&s->lost, lost);
    return true;
}

bool sink_flush(struct log_sink *s)
{
    while (s->first) {
        if (s->form == SINK_SYSLOG) {
            say_to_syslog(s, s->first->bytes, s->first->n, s->first->level);
            drop_first(s);
            continue;
        }
        int result = s->fd >= 0 ? write_group(s) : -1;
        if (result == 0)
            return false;
        if (result > 0)
            continue;
        if (s->form != SINK_PROGRAM || s->closing) {
            sink_discard(s); /* a full disk, a closed terminal: the next lines try again */
            continue;
        }
        restart_program(s);
        if (s->fd < 0)
            return false;
    }
    return tell_lost(s);
}
