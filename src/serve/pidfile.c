/* PidFile, and -k stop|restart|graceful|graceful-stop through it. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define DEFAULT_PID_FILE "/run/weir.pid"

const char *pidfile_path(const struct snapshot *s)
{
    const char *path = core_site_of(s->main)->pid_file;
    return path ? path : DEFAULT_PID_FILE;
}

/* A number that was given to another program since is not us: signalling it would hit a stranger. */
static bool is_weir(pid_t pid)
{
    char path[64], name[32] = { 0 }, own[32] = { 0 };
    int fd;

    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* no /proc to ask */
    (void)!read(fd, name, sizeof(name) - 1);
    close(fd);
    prctl(PR_GET_NAME, own);
    name[strcspn(name, "\n")] = '\0';
    return strcmp(name, own) == 0;
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
    return pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM) && is_weir((pid_t)pid) ? (pid_t)pid : 0;
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
    static const struct {
        const char *verb;
        int signal;
    } table[] = {
        { "stop", SIGTERM },
        { "restart", SIGHUP },
        { "graceful", SIGUSR1 },
        { "graceful-stop", SIGWINCH },
    };
    const char *path = pidfile_path(s);
    pid_t pid = pidfile_running(path);

    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].verb, verb) != 0)
            continue;
        if (!pid) {
            bool starts = table[i].signal == SIGHUP || table[i].signal == SIGUSR1;
            printf("weir (%s) not running%s\n", path, starts ? ", trying to start" : "");
            if (!core_site_of(s->main)->pid_file)
                printf("No PidFile is named: then only what -k start began is found / PidFile が無いので、-k start で"
                       "起動したものだけが見つかります\n");
            fflush(stdout);
            return starts ? SERVE_CONTROL_START : 0; /* as httpd: what is to be stopped is stopped */
        }
        if (kill(pid, table[i].signal) == 0)
            return 0;
        fprintf(stderr, "weir: sending the signal to %ld: %s\n", (long)pid, strerror(errno));
        return 1;
    }
    return 1;
}
