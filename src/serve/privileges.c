/* Started as root: the server becomes User and Group once sockets, logs and keys are open. */
#include "control.h"
#include "tls_sites.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* "name" or "#id". */
static bool find_user(const char *text, uid_t *uid, gid_t *gid, const char **name)
{
    const struct passwd *p = text[0] == '#' ? getpwuid((uid_t)strtoul(text + 1, NULL, 10)) : getpwnam(text);

    if (p) {
        *uid = p->pw_uid;
        *gid = p->pw_gid;
        *name = p->pw_name;
    } else if (text[0] == '#') {
        *uid = (uid_t)strtoul(text + 1, NULL, 10);
    }
    return p || text[0] == '#';
}

static bool find_group(const char *text, gid_t *gid)
{
    const struct group *g = text[0] == '#' ? NULL : getgrnam(text);

    if (text[0] == '#')
        *gid = (gid_t)strtoul(text + 1, NULL, 10);
    else if (g)
        *gid = g->gr_gid;
    return g || text[0] == '#';
}

static const char *become(const struct core_site *core, struct arena *a)
{
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    const char *name = NULL;

    if (!find_user(core->user, &uid, &gid, &name))
        return arena_printf(a, "bad user name %s", core->user);
    if (core->group && !find_group(core->group, &gid))
        return arena_printf(a, "bad group name %s", core->group);
    if (gid == (gid_t)-1 || uid == (uid_t)-1)
        return "User #-1 or Group #-1 is nobody in particular: name an account";
    if (setgid(gid) < 0 || (name ? initgroups(name, gid) : setgroups(1, &gid)) < 0 || setuid(uid) < 0)
        return arena_printf(a, "cannot become %s: %s", core->user, strerror(errno));
    if (uid != 0 && setuid(0) == 0)
        return "privileges came back after they were dropped";
    prctl(PR_SET_DUMPABLE, 0);
    return NULL;
}

static void add_log_paths(struct arena *a, const struct snapshot *s, struct vec *paths)
{
    for (unsigned i = 0; i < snapshot_sites(s); i++) {
        const struct log_sink *sink = snapshot_site(s, i)->log.sink;
        if (sink)
            vec_add(a, paths, (void *)log_sink_spec(sink));
    }
    logs_each_path(s, a, paths);
}

struct paths {
    struct arena *arena;
    struct vec all;
};

/* Folders are not opened by anybody else: what is in them has to be User's to read. */
static void add_file(void *arg, const char *path)
{
    struct paths *p = arg;
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    vec_add(p->arena, &p->all, (void *)path);
}

/* After privileges are gone: what was not in use at the start has nobody who may read it. */
static int read_by_keeper(const char *path)
{
    int fd = keeper_read(path);

    if (fd < 0 && errno == EPERM)
        LOG_SERVER(LOG_UNIXD, LEVEL_ERROR, 0,
                   "%s cannot be read as User and was not in use when weir started: restart weir to use it / "
                   "%s は起動時に使われておらず、現在の権限では読めません。weir を再起動してください",
                   path, path);
    return fd;
}

static bool can_read(const char *path)
{
    int fd = read_by_keeper(path);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

const char *privileges_drop(const struct server *server, struct arena *a)
{
    const struct snapshot *s = server->snapshot;
    const struct core_site *core = core_site_of(s->main);
    struct keeper_task task = { .pid_file = server->pid_file };
    struct paths files = { .arena = a };

    if (geteuid() != 0)
        return NULL;
    if (!core->user) {
        LOG_SERVER(LOG_UNIXD, LEVEL_NOTICE, 0,
                   "running as root: no User is named / User が無いため root のまま動作します");
        return NULL;
    }
    if (strcmp(core->user, "root") == 0 || strcmp(core->user, "#0") == 0)
        return NULL;
    add_log_paths(a, s, &task.logs);
    tls_sites_each_file(s, server->tls, add_file, &files);
    task.files = files.all;
    if (!keeper_start(&task))
        return "cannot start the keeper of privileges";
    tls_set_opener(read_by_keeper);
    ssl_file_elsewhere = can_read;
    return become(core, a);
}
