/* The keeper of privileges: a small process that stays root while the server becomes User. It opens what a reload needs (a log
 * to be reopened, a low port, a renewed certificate) and hands the descriptor over. It opens logs only in folders, and
 * certificates and keys only by paths, that were named at the start, so that a server that was broken into cannot make it
 * write or read elsewhere. */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum ask { ASK_APPEND = 1, ASK_LISTEN = 2, ASK_READ = 3 };
struct question {
    enum ask ask;
    int backlog;
    struct addr addr;
    char path[PATH_MAX];
};
struct answer {
    int error; /* 0: a descriptor comes with it */
};

static int channel = -1;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* log writer and control thread; never a worker */

/* ---- descriptors over the channel ---- */

static bool send_answer(int fd, int error, int passed)
{
    struct answer a = { error };
    struct iovec v = { &a, sizeof(a) };
    char space[CMSG_SPACE(sizeof(int))] = { 0 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

    if (!error) {
        struct cmsghdr *c;
        m.msg_control = space;
        m.msg_controllen = sizeof(space);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &passed, sizeof(int));
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) == sizeof(a);
}

static int receive_answer(int fd)
{
    struct answer a = { EIO };
    struct iovec v = { &a, sizeof(a) };
    char space[CMSG_SPACE(sizeof(int))];
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
    struct cmsghdr *c;
    int passed = -1;

    if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != sizeof(a) || a.error || !(c = CMSG_FIRSTHDR(&m))) {
        errno = a.error ? a.error : EIO;
        return -1;
    }
    memcpy(&passed, CMSG_DATA(c), sizeof(int));
    return passed;
}

/* ---- the keeper's side ---- */

static bool folder_of(const char *path, char out[PATH_MAX])
{
    char copy[PATH_MAX];
    char *slash;

    if (strlen(path) >= sizeof(copy) || path[0] != '/')
        return false;
    strcpy(copy, path);
    slash = strrchr(copy, '/');
    *slash = '\0';
    return realpath(slash == copy ? "/" : copy, out) != NULL;
}

struct allowed {
    struct vec folders;      /* to append in */
    struct vec files;        /* to read */
    struct vec file_folders; /* where they lay at the start, links followed */
};

static bool is_one_of(const struct vec *list, const char *path)
{
    for (unsigned i = 0; i < list->n; i++)
        if (strcmp(list->items[i], path) == 0)
            return true;
    return false;
}

static void cut_to_folder(char *path)
{
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
}

static bool may_append(const struct allowed *may, const char *path)
{
    char folder[PATH_MAX];
    return folder_of(path, folder) && is_one_of(&may->folders, folder);
}

/* Links are followed, as a renewal moves them, but only to a file in a folder that was in use at the start. */
static bool is_in_place(const struct allowed *may, int fd)
{
    char link[40], real[PATH_MAX];
    struct stat st;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, real, sizeof(real) - 1);
    if (n <= 0 || real[0] != '/' || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    real[n] = '\0';
    cut_to_folder(real);
    return is_one_of(&may->file_folders, real);
}

/* O_NONBLOCK: a FIFO put in a file's place would hold the keeper up. */
static int open_file(const struct allowed *may, const char *path)
{
    int fd = is_one_of(&may->files, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

    if (!is_one_of(&may->files, path))
        errno = EPERM;
    if (fd < 0 || is_in_place(may, fd))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static int fulfil(const struct allowed *may, struct question *q)
{
    q->path[sizeof(q->path) - 1] = '\0';
    if (q->ask == ASK_LISTEN)
        return sock_listen(&q->addr, q->backlog);
    if (q->ask == ASK_READ)
        return open_file(may, q->path);
    if (q->ask == ASK_APPEND && may_append(may, q->path))
        return open(q->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    errno = EPERM;
    return -1;
}

static _Noreturn void keep(int fd, const struct allowed *may, pid_t server)
{
    struct question q;

    prctl(PR_SET_NAME, "weir: keeper");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server)
        _exit(0);
    while (recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
        int opened = fulfil(may, &q), error = opened < 0 ? errno : 0;
        if (!send_answer(fd, error, opened))
            break;
        if (opened >= 0)
            close(opened);
    }
    _exit(0);
}

/* ---- the server's side ---- */

static int ask(struct question *q)
{
    int fd = -1;

    if (channel < 0) {
        errno = EACCES;
        return -1;
    }
    pthread_mutex_lock(&one_at_a_time);
    if (send(channel, q, sizeof(*q), MSG_NOSIGNAL) == sizeof(*q))
        fd = receive_answer(channel);
    pthread_mutex_unlock(&one_at_a_time);
    return fd;
}

int keeper_listen(const struct addr *a, int backlog)
{
    struct question q = { .ask = ASK_LISTEN, .addr = *a, .backlog = backlog };
    return ask(&q);
}

static int open_append(const char *path)
{
    struct question q = { .ask = ASK_APPEND };
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0 || errno != EACCES || strlen(path) >= sizeof(q.path))
        return fd;
    strcpy(q.path, path);
    return ask(&q);
}

int keeper_read(const char *path)
{
    struct question q = { .ask = ASK_READ };

    if (strlen(path) >= sizeof(q.path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(q.path, path);
    return ask(&q);
}

bool keeper_start(struct arena *a, const struct vec *log_paths, const struct vec *read_paths)
{
    struct allowed may = { .files = *read_paths };
    char folder[PATH_MAX];
    int pair[2];
    pid_t server = getpid(), pid;

    for (unsigned i = 0; i < log_paths->n; i++)
        if (folder_of(log_paths->items[i], folder))
            vec_add(a, &may.folders, arena_strdup(a, folder));
    for (unsigned i = 0; i < read_paths->n; i++)
        if (realpath(read_paths->items[i], folder)) {
            cut_to_folder(folder);
            vec_add(a, &may.file_folders, arena_strdup(a, folder));
        }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0)
        return false;
    if (pid == 0) {
        close(pair[0]);
        keep(pair[1], &may, server);
    }
    close(pair[1]);
    channel = pair[0];
    log_set_opener(open_append);
    return true;
}
