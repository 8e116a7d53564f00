/* PidFile, and -k stop|restart|graceful|graceful-stop through it. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_PID_FILE "/run/weir.pid"

const char *pidfile_path(const struct snapshot *s)
{
    const char *path = core_site_of(s->main)->pid_file;
    return path ? path : DEFAULT_PID_FILE;
}

pid_t pidfile_running(const char *path)
{
    char text[32] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long pid;

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof(text) - 1) <= 0)
        text[0] = '\0';
    close(fd);
    pid = strtol(text, NULL, 10);
    return pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM) ? (pid_t)pid : 0;
}

bool pidfile_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good;

    if (fd < 0)
        return false;
    good = dprintf(fd, "%ld\n", (long)getpid()) > 0;
    return close(fd) == 0 && good;
}

int serve_control(const struct snapshot *s, const char *verb)
{
    static const struct { const char *verb; int signal; } table[] = {
        { "stop", SIGTERM }, { "restart", SIGHUP }, { "graceful", SIGUSR1 }, { "graceful-stop", SIGWINCH },
    };
    const char *path = pidfile_path(s);
    pid_t pid = pidfile_running(path);

    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].verb, verb) != 0)
            continue;
        if (!pid) {
            bool starts = table[i].signal == SIGHUP || table[i].signal == SIGUSR1;
            fprintf(stderr, "weir (%s) not running%s\n", path, starts ? ", trying to start" : "");
            return starts ? SERVE_CONTROL_START : 1;
        }
        if (kill(pid, table[i].signal) == 0)
            return 0;
        fprintf(stderr, "weir: sending the signal to %ld: %s\n", (long)pid, strerror(errno));
        return 1;
    }
    return 1;
}
