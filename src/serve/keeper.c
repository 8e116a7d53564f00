/* The keeper of privileges: a small process that stays root while the server becomes User. It opens what a reload needs
 * (a log to be reopened, a low port, a renewed certificate), hands the descriptor over, and removes the PidFile at the
 * end. A server that was broken into gets no more of it: logs are those named at the start, reached through folders
 * opened then, and only regular files; certificates and keys are read by paths named then, from folders in use then;
 * sockets are TCP on low ports. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum ask { ASK_APPEND = 1, ASK_LISTEN, ASK_UNLINK, ASK_READ };
struct question {
    enum ask ask;
    int backlog;
    struct addr addr;
    char path[PATH_MAX];
};
struct answer {
    int error; /* 0: done; a descriptor comes with it unless something was to be removed */
};

/* A file that may be asked for: its folder is held open, so that no later link leads elsewhere. */
struct known {
    const char *path, *base;
    int folder;       /* O_PATH; -1: not there at the start */
    const char *real; /* ASK_READ: the folder where the file lay at the start, links followed */
    enum ask use;
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

    if (!error && passed >= 0) {
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

    if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != sizeof(a) || a.error) {
        errno = a.error ? a.error : EIO;
        return -1;
    }
    if (!(c = CMSG_FIRSTHDR(&m)))
        return 0;
    memcpy(&passed, CMSG_DATA(c), sizeof(int));
    return passed;
}

/* ---- the keeper's side ---- */

static struct known *known_files;
static unsigned n_known;

static void cut_to_folder(char *path)
{
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
}

static void know(const char *path, enum ask use)
{
    struct known *k = &known_files[n_known];
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];

    if (path[0] != '/' || !slash[1] || strlen(path) >= sizeof(folder))
        return;
    memcpy(folder, path, (size_t)(slash - path) + 1);
    folder[slash - path + 1] = '\0';
    *k = (struct known){ path, slash + 1, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), NULL, use };
    if (use == ASK_READ && realpath(path, folder)) {
        cut_to_folder(folder);
        k->real = base_strdup(folder);
    }
    n_known += k->folder >= 0;
}

static const struct known *find_known(const char *path, enum ask use)
{
    for (unsigned i = 0; i < n_known; i++)
        if (known_files[i].use == use && strcmp(known_files[i].path, path) == 0)
            return &known_files[i];
    errno = EPERM;
    return NULL;
}

/* Neither a link, nor a device, nor a pipe that would hold us, nor a second name of another file. */
static int append_to(const struct known *k)
{
    struct stat st;
    int fd = openat(k->folder, k->base, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                    0640);

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

static bool was_in_use(const char *folder)
{
    for (unsigned i = 0; i < n_known; i++)
        if (known_files[i].real && strcmp(known_files[i].real, folder) == 0)
            return true;
    return false;
}

/* Links are followed, as a renewal moves them, but only to a regular file in a folder that was in use at the start. */
static bool is_in_place(int fd)
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
    return was_in_use(real);
}

/* O_NONBLOCK: a FIFO put in a file's place would hold the keeper up. */
static int read_from(const struct known *k)
{
    int fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || is_in_place(fd))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static int listen_on(struct addr *a, int backlog)
{
    int port = a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6 ? addr_port(a) : 0;

    a->len = a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
    if (port > 0 && port < 1024)
        return sock_listen(a, backlog);
    errno = EPERM;
    return -1;
}

/* A descriptor, or -1 with errno; *done: there is none, but it is done. */
static int fulfil(struct question *q, bool *done)
{
    const struct known *k;

    q->path[sizeof(q->path) - 1] = '\0';
    if (q->ask == ASK_LISTEN)
        return listen_on(&q->addr, q->backlog);
    k = find_known(q->path, q->ask);
    if (!k)
        return -1;
    if (q->ask == ASK_APPEND)
        return append_to(k);
    if (q->ask == ASK_READ)
        return read_from(k);
    *done = unlinkat(k->folder, k->base, 0) == 0;
    return -1;
}

/* What the server had open when it forked is none of ours: a listener held here would go on accepting. */
static int shed_descriptors(int fd)
{
    int null = open("/dev/null", O_RDWR);

    for (int i = 0; i < 3; i++)
        dup2(null, i);
    fd = dup2(fd, 3);
    close_range(4, ~0U, 0);
    return fd;
}

static _Noreturn void keep(int fd, const struct keeper_task *task, pid_t server)
{
    struct question q;

    prctl(PR_SET_NAME, "weir: keeper");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_DUMPABLE, 0);
    if (getppid() != server)
        _exit(0);
    fd = shed_descriptors(fd);
    known_files = base_alloc((task->logs.n + task->files.n + 1) * sizeof(*known_files));
    for (unsigned i = 0; i < task->logs.n; i++)
        know(task->logs.items[i], ASK_APPEND);
    for (unsigned i = 0; i < task->files.n; i++)
        know(task->files.items[i], ASK_READ);
    if (task->pid_file)
        know(task->pid_file, ASK_UNLINK);
    while (recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
        bool done = false;
        int opened = fulfil(&q, &done), error = opened < 0 && !done ? errno : 0;
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

void keeper_unlink(const char *path)
{
    struct question q = { .ask = ASK_UNLINK };

    if (strlen(path) < sizeof(q.path)) {
        strcpy(q.path, path);
        ask(&q);
    }
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

bool keeper_start(const struct keeper_task *task)
{
    int pair[2];
    pid_t server = getpid(), pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || (pid = fork()) < 0)
        return false;
    if (pid == 0)
        keep(pair[1], task, server);
    close(pair[1]);
    channel = pair[0];
    log_set_opener(open_append);
    return true;
}
