/* The control thread: start, signals, reload, privileges. It touches no request. */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "server.h"

struct sockets;
struct offload;
struct server {
    const struct conf_options *options;
    struct snapshot *snapshot;
    struct tls_sites *tls;
    struct renewal *renewal;            /* renew.c */
    struct stapler *stapler;            /* stapler.c */
    struct tls_warnings *warnings;      /* tls_warn.c */
    struct offload *offloads[OFFLOADS]; /* offload.c */
    uint64_t warn_at_ms;
    struct worker **workers;
    unsigned n_workers;
    struct sockets *sockets;  /* in use */
    struct sockets *starting; /* open, while there are no workers yet */
    _Atomic unsigned running; /* workers not yet ended */
    int done_fd;              /* eventfd: a worker ended */
    sem_t there;              /* a worker has done what it was sent */
    int phase;
    uint64_t drain_until_ms; /* GracefulShutdownTimeout; 0: as long as it takes */
    bool foreground_tty;
    char *pid_file; /* written by us; owned */
};
/* offload.c: threads for what blocks; freed when every worker's thread has ended, before the workers are */
struct offload *offload_new(void);
void offload_free(struct offload *o);
/* sockets.c: two steps, so that a bad file changes nothing */
struct sockets *sockets_open(struct server *s, const struct snapshot *next,
                             char **error);            /* opens what is new; *error malloc'd */
void sockets_use(struct server *s, struct sockets *k); /* hands them out, closes what is no longer named */
void sockets_cancel(struct server *s, struct sockets *k);
unsigned sockets_count(const struct sockets *k);
void sockets_free(struct sockets *k);
/* privileges.c, keeper.c */
const char *privileges_drop(const struct server *s, struct arena *a); /* NULL or why not */
struct keeper_task {
    struct vec logs, files; /* char *: to be appended to; to be read (certificates, keys) */
    const char *pid_file;   /* to be removed at the end; NULL */
};
bool keeper_start(const struct keeper_task *task);
int keeper_read(const char *path);                    /* -1 with errno */
void keeper_unlink(const char *path);                 /* the PidFile that it was told of */
int keeper_listen(const struct addr *a, int backlog); /* -1 with errno */
/* pidfile.c */
const char *pidfile_path(const struct snapshot *s);
pid_t pidfile_running(const char *path); /* 0: none */
bool pidfile_write(const char *path);
/* notify.c */
void notify_begin(void);                      /* before any other program is started */
void notify_state(const char *state);         /* nothing without NOTIFY_SOCKET */
int notify_take_socket(const struct addr *a); /* a socket handed over for this address, or -1 */

#endif
