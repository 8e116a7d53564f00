/* Who is asked for the pass phrase of a key: a program (exec:), a piped program (|), or whoever sits at the terminal.
 * httpd: ssl_engine_pphrase.c, which keeps the opened keys over restarts where this keeps the phrases. */
#include "tls_phrase.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { KNOWN_MOST = 64, TRIES_MOST = 5, WORDS_MOST = 32, PROGRAM_MS = 60 * 1000 };

static struct {
    char *phrase[KNOWN_MOST];
    unsigned n;
    bool started;
} known;

/* ---- programs ---- */

/* The first line of what it says; -1: nothing in time. */
static int read_line(int fd, char *out, int size)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    uint64_t end = base_now_ms() + PROGRAM_MS, now;
    int n = 0;

    while (n < size && (now = base_now_ms()) < end && poll(&p, 1, (int)(end - now)) > 0 && read(fd, out + n, 1) == 1 &&
           out[n] != '\n')
        n++;
    if (n > 0 && n < size && out[n - 1] == '\r')
        n--;
    return n > 0 && n < size ? n : -1;
}

static void become(char **argv, int fd, bool piped)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(fd, STDOUT_FILENO);
    if (piped)
        dup2(fd, STDIN_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

/* prompt NULL: the program is not told anything. */
static int run(char **argv, const char *prompt, char *out, int size)
{
    int ends[2], n;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    pid = fork();
    if (pid == 0)
        become(argv, ends[1], prompt != NULL);
    close(ends[1]);
    if (pid > 0 && prompt)
        (void)!send(ends[0], prompt, strlen(prompt), MSG_NOSIGNAL);
    n = pid > 0 ? read_line(ends[0], out, size) : -1;
    close(ends[0]);
    if (pid > 0 && n < 0)
        kill(pid, SIGTERM);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return n;
}

/* "host:port" and the key: "RSA", "DSA", "ECC" stand for the first three whatever they are, as in httpd. */
static int ask_program(const struct tls_phrase_asking *a, const struct tls_key_question *q, char *out, int size)
{
    static const char *const kinds[] = { "RSA", "DSA", "ECC" };
    char number[16], name[300];
    char *argv[] = { (char *)a->how->program, name, number, NULL };

    snprintf(name, sizeof(name), "%s", a->name);
    if (q->index < COUNT_OF(kinds))
        snprintf(number, sizeof(number), "%s", kinds[q->index]);
    else
        snprintf(number, sizeof(number), "%u", q->index);
    return run(argv, NULL, out, size);
}

static int ask_pipe(const struct tls_phrase_asking *a, const struct tls_key_question *q, char *out, int size)
{
    struct arena *words = arena_new();
    const char *rest = a->how->program;
    char *argv[WORDS_MOST + 1] = { NULL };
    int n = -1;

    for (unsigned i = 0; i < WORDS_MOST && (argv[i] = conf_word(words, &rest)) != NULL; i++)
        ;
    if (argv[0])
        n = run(argv, arena_printf(words, "Private key %s:%u (%s)\nEnter pass phrase:\n", a->name, q->index, q->file),
                out, size);
    arena_free(words);
    return n;
}

/* ---- the terminal ---- */

enum { CONTROL_C = 3, CONTROL_D = 4, BACKSPACE = 8, DELETE = 127 };

/* Byte by byte, for the signals of a starting server are not delivered: Control-C is an answer as well. */
static int type_line(int tty, char *out, int size)
{
    int n = 0;

    while (n < size && read(tty, out + n, 1) == 1 && out[n] != '\n' && out[n] != '\r') {
        if (out[n] == CONTROL_C || out[n] == CONTROL_D)
            return -1;
        if (out[n] == BACKSPACE || out[n] == DELETE)
            n -= n > 0;
        else
            n++;
    }
    return n > 0 && n < size ? n : -1;
}

/* TCSAFLUSH would wait for the terminal to take our words, however long it takes none. */
static void set_terminal(const struct termios *how)
{
    tcflush(STDIN_FILENO, TCIFLUSH);
    tcsetattr(STDIN_FILENO, TCSANOW, how);
}

static int ask_terminal(const struct tls_phrase_asking *a, const struct tls_key_question *q, char *out, int size)
{
    struct termios before, quiet;
    int n;

    if (known.started || tcgetattr(STDIN_FILENO, &before) < 0)
        return -1;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    set_terminal(&quiet); /* before the question: what was typed is forgotten */
    fprintf(stderr, "Private key %s:%u (%s)\nEnter pass phrase / パスフレーズを入力してください:", a->name, q->index,
            q->file);
    n = type_line(STDIN_FILENO, out, size);
    set_terminal(&before);
    fputc('\n', stderr);
    return n;
}

/* ---- what is known ---- */

static int ask_anew(const struct tls_phrase_asking *a, const struct tls_key_question *q, char *out, int size)
{
    unsigned nth = q->attempt - known.n;

    if (a->how->kind == PHRASE_BUILTIN)
        return nth < TRIES_MOST ? ask_terminal(a, q, out, size) : -1;
    if (nth > 0)
        return -1;
    return a->how->kind == PHRASE_EXEC ? ask_program(a, q, out, size) : ask_pipe(a, q, out, size);
}

int tls_phrase_ask(void *ctx, const struct tls_key_question *q, char *out, int size)
{
    size_t n;

    if (q->attempt >= known.n)
        return ask_anew(ctx, q, out, size);
    n = strlen(known.phrase[q->attempt]);
    if (n > (size_t)size)
        return -1;
    memcpy(out, known.phrase[q->attempt], n);
    return (int)n;
}

void tls_phrase_fits(void *ctx, const char *phrase, int n)
{
    (void)ctx;
    for (unsigned i = 0; i < known.n; i++)
        if (strlen(known.phrase[i]) == (size_t)n && memcmp(known.phrase[i], phrase, (size_t)n) == 0)
            return;
    if (known.n == KNOWN_MOST || memchr(phrase, 0, (size_t)n))
        return;
    known.phrase[known.n] = base_alloc((size_t)n + 1);
    memcpy(known.phrase[known.n++], phrase, (size_t)n);
}

void tls_phrase_end_start(void)
{
    known.started = true;
}

void tls_phrase_forget(void)
{
    for (unsigned i = 0; i < known.n; i++) {
        explicit_bzero(known.phrase[i], strlen(known.phrase[i]));
        free(known.phrase[i]);
    }
    known.n = 0;
}
