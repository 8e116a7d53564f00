/* Debian's envvars: a shell script beside the main file that says what ${APACHE_RUN_DIR} and the like are; apache2ctl
 * sources it before it starts httpd. Here /bin/sh is asked for the environment that it makes. */
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST    (1 << 20)
#define WAIT_MS 10000

extern char **environ;

/* What it says is done as whoever starts the server: nobody else may have written it. */
static const char *check_owner(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return strerror(errno);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & S_IWOTH))
        return "it is not root's own, or anybody may write it / root 以外が書き込めるファイルは読み込みません";
    return S_ISREG(st.st_mode) ? NULL : "not a regular file";
}

static pid_t start_shell(const char *path, const char *directory, int out)
{
    const char *argv[] = { "sh", "-c", "APACHE_CONFDIR=$2; . \"$1\" >&2 && env -0", "sh", path, directory, NULL };
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (posix_spawn(&pid, "/bin/sh", &actions, NULL, (char **)(uintptr_t)argv, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Until the shell's end, or the time is up. */
static bool read_all(int fd, struct buf *text)
{
    uint64_t until = base_now_ms() + WAIT_MS;

    for (;;) {
        uint64_t now = base_now_ms();
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (now >= until || buf_len(text) > MOST || poll(&p, 1, (int)(until - now)) == 0)
            return false;
        n = read(fd, buf_reserve(text, 4096), 4096);
        if (n <= 0)
            return n == 0;
        text->end += (size_t)n;
    }
}

static const char *run(const char *path, const char *directory, struct buf *text)
{
    int ends[2], status = 0;
    bool whole;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return strerror(errno);
    pid = start_shell(path, directory, ends[1]);
    close(ends[1]);
    whole = pid > 0 && read_all(ends[0], text);
    close(ends[0]);
    if (pid > 0 && !whole)
        kill(pid, SIGKILL);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (!whole)
        return "the shell did not end in time / シェルが時間内に終わりません";
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? NULL
               : "the shell found a fault in it / シェルがエラーを報告しました";
}

/* The shell's own variables are no part of what the file says. */
static void take(const char *line)
{
    static const char *const own[] = { "PWD", "OLDPWD", "SHLVL", "_" };
    const char *equals = strchr(line, '=');
    char name[256];
    size_t n = equals ? (size_t)(equals - line) : 0;

    if (!n || n >= sizeof(name))
        return;
    memcpy(name, line, n);
    name[n] = '\0';
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (strcmp(name, own[i]) == 0)
            return;
    setenv(name, equals + 1, 1);
}

bool envvars_take(struct arena *a, const char *program, const char *conf_file)
{
    const char *slash = strrchr(conf_file, '/'), *fault;
    char *directory = slash ? arena_strndup(a, conf_file, (size_t)(slash - conf_file)) : arena_strdup(a, ".");
    char *path = arena_concat(a, directory, "/envvars", NULL);
    struct buf text = { 0 };

    if (getenv("APACHE_RUN_DIR") || access(path, F_OK) != 0)
        return true;
    fault = check_owner(path);
    if (!fault)
        fault = run(path, directory, &text);
    if (fault)
        fprintf(stderr, "%s: %s: %s\n", program, path, fault);
    buf_add(&text, "", 1); /* what is there is terminated */
    for (const char *p = buf_head(&text), *end = p + buf_len(&text); !fault && p < end; p += strlen(p) + 1)
        take(p);
    buf_release(&text);
    return !fault;
}
