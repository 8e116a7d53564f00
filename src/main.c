/* The command line: httpd's own options, and the verbs (httpd's main.c). */
#include "serve.h"
#include "tls.h"
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct command { /* what the command line asks for */
    const char *program;
    struct conf_options conf;
    struct arena *arena;
    struct vec defines, before, after;
    struct vec notices;     /* struct conf_notice *: of a reading that came to nothing */
    const char *verb;       /* -k */
    const char *error_file; /* -E */
    int level;              /* -e; -1 not given */
    bool test, dump, debug;
    bool show_build, show_directives;
};

static const struct tool {
    const char *verb;
    int (*run)(int argc, char **argv);
} tools[] = { { "demo", tool_demo }, { "echo", tool_echo } };

/* ---- options ---------------------------------------------------------------------------------------------- */

/* httpd prints the whole help behind the fault, which then is out of sight. */
static _Noreturn void misused(const struct command *c)
{
    fprintf(stderr, "Try '%s -h'. / '%s -h' を見てください。\n", c->program, c->program);
    exit(1);
}

static _Noreturn void wrong_value(const struct command *c, char option, const char *value, const char *takes)
{
    fprintf(stderr, "%s: -%c %s: it takes %s / -%c に指定できるのは %s です\n", c->program, option, value, takes,
            option, takes);
    misused(c);
}

static void define(struct command *c, const char *name)
{
    vec_add(c->arena, &c->defines, (void *)name);
    if (strcmp(name, "DUMP_VHOSTS") == 0 || strcmp(name, "DUMP_RUN_CFG") == 0 || strcmp(name, "DUMP_MODULES") == 0 ||
        strcmp(name, "DUMP_INCLUDES") == 0)
        c->dump = true;
}

static void take_verb(struct command *c, const char *verb)
{
    static const char *const known[] = { "start", "restart", "graceful", "graceful-stop", "stop" };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i], verb) == 0)
            c->verb = known[i];
    if (!c->verb)
        wrong_value(c, 'k', verb, "start | restart | graceful | graceful-stop | stop");
}

static _Noreturn void show(void (*print)(const struct module *const *))
{
    print(all_modules);
    exit(0);
}

/* httpd's words for what getopt found wrong. */
static _Noreturn void wrong_option(const struct command *c, int fault)
{
    const char *what = fault == ':' ? "option requires an argument" : "illegal option";
    fprintf(stderr, "%s: %s -- %c\n", c->program, what, optopt);
    misused(c);
}

static _Noreturn void take_information(struct command *c, int option)
{
    switch (option) {
    case 'v': usage_version(); exit(0);
    case 'h': usage_print(stdout, c->program); exit(0);
    case 'l': show(dump_contained);
    case 'L': show(dump_directives);
    default: wrong_option(c, option);
    }
}

static void take_option(struct command *c, int option, const char *value)
{
    switch (option) {
    case 'c': vec_add(c->arena, &c->after, (void *)value); break;
    case 'C': vec_add(c->arena, &c->before, (void *)value); break;
    case 'd': c->conf.root = value; break;
    case 'D': define(c, value); break;
    case 'e':
        if ((c->level = log_level_find(value)) < 0)
            wrong_value(c, 'e', value, "emerg | alert | crit | error | warn | notice | info | debug | trace1 … trace8");
        break;
    case 'E': c->error_file = value; break;
    case 'f': c->conf.file = value; break;
    case 'k': take_verb(c, value); break;
    case 't': c->test = true; break;
    case 'T': break;
    case 'S':
        define(c, "DUMP_VHOSTS");
        define(c, "DUMP_RUN_CFG");
        break;
    case 'M': define(c, "DUMP_MODULES"); break;
    case 'V': c->show_build = true; break;
    case 'X':
        define(c, "DEBUG");
        c->debug = true;
        break;
    default: take_information(c, option);
    }
}

/* Debian's file, that of other layouts of httpd, Weir's own: the first that is there. */
static const char *default_file(struct arena *a, const char *root)
{
    static const char *const names[] = { "apache2.conf", "conf/httpd.conf", "conf/weir.conf" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *path = conf_path(a, root, names[i]);
        if (path && access(path, F_OK) == 0)
            return names[i];
    }
    return names[0];
}

/* httpd looks below ServerRoot only; a name that is not there but here is meant to be this one. */
static const char *chosen_file(struct arena *a, const char *root, const char *name)
{
    const char *path = conf_path(a, root, name);
    char *here = path && access(path, F_OK) != 0 ? realpath(name, NULL) : NULL;
    if (!here)
        return name;
    path = arena_strdup(a, here);
    free(here);
    return path;
}

/* httpd's message names its one place, and would send people to a folder that they did not mean. */
static _Noreturn void missing(const struct command *c, int error)
{
    char *here = realpath(".", NULL);

    fprintf(stderr,
            "%s: Could not open configuration file %s, neither below %s nor in %s: %s / "
            "設定ファイルが見つかりません\n",
            c->program, c->conf.file, c->conf.root, here ? here : ".", strerror(error));
    exit(1);
}

static _Noreturn void nothing_to_run(const struct command *c, const char *path, int error)
{
    fprintf(stderr,
            "%s: Could not open configuration file %s: %s. Another one is named with -f FILE; '%s demo' shows Weir "
            "without one / 設定ファイルがありません。-f FILE で指定するか、'%s demo' で試せます\n",
            c->program, path, strerror(error), c->program, c->program);
    exit(1);
}

static void settle(struct command *c)
{
    struct conf_options *o = &c->conf;
    bool named = o->file != NULL;
    const char *root = o->root ? o->root : HTTPD_ROOT;
    if (!(o->root = conf_path(c->arena, NULL, root)))
        wrong_value(c, 'd', root, "DIRECTORY");
    o->file = named ? chosen_file(c->arena, o->root, o->file) : default_file(c->arena, o->root);
    if (c->show_build) {
        usage_build(o->file);
        exit(0);
    }
    /* With -C or -c the default file need not exist. */
    const char *path = conf_path(c->arena, o->root, o->file);
    if (path && access(path, F_OK) != 0 && *o->file != '/') {
        if (named)
            missing(c, errno);
        if (!c->before.n && !c->after.n)
            nothing_to_run(c, path, errno);
        o->file = NULL;
    }
    o->defines = (const char **)c->defines.items;
    o->n_defines = c->defines.n;
    o->before = (const char **)c->before.items;
    o->n_before = c->before.n;
    o->after = (const char **)c->after.items;
    o->n_after = c->after.n;
    o->modules = all_modules;
    o->others = other_modules;
    o->version = APACHE_VERSION;
}

static void take_options(struct command *c, int argc, char **argv)
{
    int option;
    opterr = 0;
    while ((option = getopt(argc, argv, "+:C:c:D:d:E:e:f:k:vVlLtTSMhX")) != -1)
        take_option(c, option, optarg);
    if (optind < argc) {
        fprintf(stderr,
                "%s: %s is neither an option nor a verb; a file is named with -f / 設定ファイルは -f で指定します\n",
                c->program, argv[optind]);
        misused(c);
    }
    settle(c);
}

/* ---- what was noticed while reading -------------------------------------------------------------------------- */

/* Kept for the case that a fault follows, whose cause they may name; the snapshot and its own list are gone then. */
static void on_notice(void *ctx, const struct conf_notice *notice)
{
    struct command *c = ctx;
    struct conf_notice *copy = arena_copy(c->arena, notice, sizeof(*notice));
    copy->text = arena_strdup(c->arena, notice->text);
    copy->file = notice->file ? arena_strdup(c->arena, notice->file) : NULL;
    vec_add(c->arena, &c->notices, copy);
}

static void start_log(struct command *c)
{
    if (c->level >= 0) {
        c->conf.said_levels = c->level + 1;
        log_deepen((enum log_level)c->level);
        memset(log_main.levels.of, c->level, sizeof(log_main.levels.of));
    }
    if (!c->error_file)
        return;
    int fd = open(c->error_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        fprintf(stderr, "%s: could not open error log file %s.\n", c->program, c->error_file);
    if (fd >= 0)
        close(fd);
}

/* ---- what to do ------------------------------------------------------------------------------------------------- */

static struct snapshot *load(struct command *c)
{
    struct conf_error error = { 0 };
    c->conf.on_notice = on_notice;
    c->conf.notice_ctx = c;
    struct snapshot *s = conf_load(&c->conf, c->arena, &error);
    c->conf.on_notice = NULL;
    if (s)
        return s;
    conf_say_notices(&c->conf, &c->notices);
    fprintf(stderr, "%s%s%s\n", error.file ? "" : c->program, error.file ? "" : ": ",
            conf_error_text(c->arena, &error));
    return NULL;
}

static bool defined(const struct snapshot *s, const char *name)
{
    return map_get(s->reading->defines, name) != NULL;
}

static int dump(const struct snapshot *s)
{
    if (defined(s, "DUMP_INCLUDES"))
        dump_includes(s);
    if (defined(s, "DUMP_VHOSTS"))
        dump_sites(s);
    if (defined(s, "DUMP_RUN_CFG"))
        dump_run(s);
    if (defined(s, "DUMP_MODULES"))
        dump_loaded(s);
    return 0;
}

/* -k stop and its like: the file only says where the PidFile is. */
static bool only_signals(const struct command *c)
{
    return c->verb && strcmp(c->verb, "start") != 0;
}

static int run(struct command *c, struct snapshot *s)
{
    enum serve_mode mode = c->debug ? SERVE_DEBUG : SERVE_FOREGROUND;
    if (only_signals(c)) {
        int status = serve_control(s, c->verb);
        snapshot_drop(s);
        if (status != SERVE_CONTROL_START)
            return status;
        c->conf.check_only = false;
        if (!(s = load(c)))
            return 1;
    }
    if (c->verb && !c->debug && !defined(s, "FOREGROUND") && !defined(s, "NO_DETACH"))
        mode = SERVE_DAEMON;
    return serve_run(&c->conf, s, mode);
}

static int act(struct command *c)
{
    int status = 0;
    bool looks = c->test || c->dump;
    c->conf.check_only = looks || only_signals(c);
    struct snapshot *s = load(c);
    if (!s)
        return 1;
    if (!looks)
        return run(c, s);
    conf_say_notices(&c->conf, &s->reading->notices);
    if (c->dump)
        status = dump(s);
    else
        fprintf(stderr, "Syntax OK\n");
    snapshot_drop(s);
    return status;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
    struct command c = { .program = argc > 0 ? base_name(argv[0]) : "weir", .level = -1 };

    tls_keep_buffers();
    for (size_t i = 0; argc > 1 && i < COUNT_OF(tools); i++)
        if (strcmp(argv[1], tools[i].verb) == 0)
            return tools[i].run(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        take_information(&c, 'h');
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        take_information(&c, 'v');
    c.arena = arena_new();
    take_options(&c, argc, argv);
    start_log(&c);
    const char *file = c.conf.file ? conf_path(c.arena, c.conf.root, c.conf.file) : NULL;
    if (file && !envvars_take(c.arena, c.program, file))
        return 1;
    int status = act(&c);
    arena_free(c.arena);
    return status;
}
