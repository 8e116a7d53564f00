/* mod_log_config: which logs a site has, and their lines. A tunnel's line is prepared at its start and finished at its
 * end, so that neither the request nor the configuration must live as long as it does. */
#include "logs.h"

#include <stdlib.h>
#include <strings.h>

struct nickname {
    const char *name, *text;
};
struct custom_log {
    const char *path;   /* as written */
    const char *format; /* text or nickname; NULL: the site's default */
    const char *env;    /* only when it is set, or not set */
    bool env_unset;
    const struct expr *condition;
    bool global; /* GlobalLog */
};
struct open_log {
    const struct custom_log *log;
    const struct log_format *format;
    struct log_sink *sink;
};
struct log_site {
    struct vec own, inherited;  /* struct custom_log * */
    struct vec nicknames;       /* struct nickname *, the site's before main's */
    const char *default_format; /* of a LogFormat without a nickname */
    int buffered;               /* BufferedLogs: main's counts */
    struct open_log *logs;
    unsigned n_logs;
};

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static const char *set_condition(struct conf_cmd *cmd, struct custom_log *log, const char *clause)
{
    const char *fault = NULL;

    if (!strncasecmp(clause, "env=", 4)) {
        log->env_unset = clause[4] == '!';
        log->env = clause + 4 + log->env_unset;
        return *log->env ? NULL : "missing environment variable name";
    }
    if (strncasecmp(clause, "expr=", 5))
        return "error in condition clause";
    if (!clause[5])
        return "missing condition";
    log->condition = vars_compile(cmd, clause + 5, 0, &fault);
    return fault;
}

static const char *add_custom_log(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct log_site *site = settings;
    struct custom_log *log = arena_alloc(cmd->arena, sizeof(*log));
    const struct log_format *unused;
    const char *fault = NULL;

    log->path = arena_strdup(cmd->arena, argv[0]);
    log->format = argc > 1 ? arena_strdup(cmd->arena, argv[1]) : NULL;
    log->global = !strcasecmp(cmd->row->name, "GlobalLog");
    if (argc > 2)
        fault = set_condition(cmd, log, arena_strdup(cmd->arena, argv[2]));
    if (!fault && log->format) /* a nickname is text without a "%" and passes */
        fault = log_format_compile(cmd->arena, log->format, &unused);
    vec_add(cmd->arena, &site->own, log);
    conf_touch(cmd, site, &site->own);
    return fault;
}

static struct nickname *find_nickname(const struct vec *all, const char *name)
{
    for (unsigned i = 0; i < all->n; i++) {
        struct nickname *n = all->items[i];

        if (!strcasecmp(n->name, name))
            return n;
    }
    return NULL;
}

static const char *set_log_format(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct log_site *site = settings;
    const char *text = arena_strdup(cmd->arena, argv[0]);
    const struct log_format *unused;
    const char *fault = log_format_compile(cmd->arena, text, &unused);
    struct nickname *n;

    if (argc < 2) {
        site->default_format = text;
        conf_touch(cmd, site, &site->default_format);
        return fault;
    }
    n = find_nickname(&site->nicknames, argv[1]);
    if (!n) {
        n = arena_alloc(cmd->arena, sizeof(*n));
        n->name = arena_strdup(cmd->arena, argv[1]);
        vec_add(cmd->arena, &site->nicknames, n);
    }
    n->text = text;
    conf_touch(cmd, site, &site->nicknames);
    return fault;
}

/* One switch for the whole server, wherever it stands. */
static const char *set_buffered(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct log_site *main = site_part(cmd->snapshot->main, &log_config_module);

    (void)settings, (void)argc;
    main->buffered = !strcasecmp(argv[0], "on");
    return NULL;
}

#define SITE_PART                                                                                                      \
    {                                                                                                                  \
        SLOT_NONE, PART_SITE, 0, 0                                                                                     \
    }

static const struct directive directives[] = {
    { "CustomLog", IN_SITES, ARGS_23, add_custom_log, SITE_PART,
      "a file name, a custom log format string or format name, and an optional \"env=\" or \"expr=\" clause (see "
      "docs)" },
    { "GlobalLog", IN_GLOBAL, ARGS_23, add_custom_log, SITE_PART,
      "Same as CustomLog, but forces virtualhosts to inherit the log" },
    { "TransferLog", IN_SITES, ARGS_1, add_custom_log, SITE_PART, "the filename of the access log" },
    { "LogFormat", IN_SITES, ARGS_12, set_log_format, SITE_PART,
      "a log format string (see docs) and an optional format name" },
    { "BufferedLogs", IN_SITES, ARGS_FLAG, set_buffered, SITE_PART, "Enable Buffered Logging (experimental)" },
    { 0 },
};

static void merge_site(struct arena *a, void *merged, const void *base, const void *over)
{
    const struct log_site *b = base, *o = over;
    struct log_site *m = merged;

    *m = (struct log_site){ .own = o->own, .inherited = b->own };
    m->default_format = o->default_format ? o->default_format : b->default_format;
    vec_append(a, &m->nicknames, &o->nicknames);
    vec_append(a, &m->nicknames, &b->nicknames);
}

/* ---- once all is read ---------------------------------------------------------------------------------------------
 */

static const struct log_format *resolve(struct arena *a, const struct log_site *site, const char *text)
{
    const struct nickname *n = find_nickname(&site->nicknames, text);
    const struct log_format *f = NULL;
    const char *fault = log_format_compile(a, n ? n->text : !strcasecmp(text, "CLF") ? LOG_DEFAULT_FORMAT : text, &f);

    ASSERT(!fault); /* each text was compiled when its line was read */
    return f;
}

static void drop_sink(void *sink)
{
    log_sink_drop(sink);
}

static const char *open_sink(struct snapshot_build *b, struct open_log *o)
{
    struct arena *a = b->arena;
    const char *path = o->log->path, *fault;
    const struct log_site *main = site_part(b->snapshot->main, &log_config_module);
    char *error = NULL;

    if (*path != '|')
        path = conf_path(a, b->snapshot->reading->root, path);
    if (!path)
        return arena_printf(a, "AH00648: invalid transfer log path %s.", o->log->path);
    if (b->snapshot->reading->options->check_only)
        return NULL;
    o->sink = log_sink_hold(path, LOG_SINK_ACCESS, &error);
    if (!o->sink) {
        fault = arena_strdup(a, error);
        free(error);
        return fault;
    }
    log_sink_set_buffered(o->sink, main->buffered);
    arena_on_free(a, drop_sink, o->sink);
    return NULL;
}

/* As in httpd such a word is a format, of which every line is the same. */
static void warn_of_plain_word(struct snapshot_build *b, const struct log_site *site, const struct custom_log *log)
{
    const char *text = log->format;

    if (!text || strchr(text, '%') || !strcasecmp(text, "CLF") || find_nickname(&site->nicknames, text))
        return;
    snapshot_note(b, LEVEL_WARN, LOG_LOG_CONFIG, 0,
                  "CustomLog %s %s: no LogFormat has this name, so each line is this word / LogFormat "
                  "にこの名前が無いため、どの行もこの語になります",
                  log->path, text);
}

static const char *open_log(struct snapshot_build *b, struct log_site *site, const struct custom_log *log)
{
    struct open_log *o = &site->logs[site->n_logs++];
    const char *text = log->format ? log->format : site->default_format ? site->default_format : LOG_DEFAULT_FORMAT;

    o->log = log;
    o->format = resolve(b->arena, site, text);
    warn_of_plain_word(b, site, log);
    return open_sink(b, o);
}

static const char *finish_site(struct snapshot_build *b, struct site *s)
{
    struct log_site *site = site_part(s, &log_config_module);
    const char *fault = NULL;

    site->logs = arena_alloc(b->arena, (site->own.n + site->inherited.n + 1) * sizeof(*site->logs));
    for (unsigned i = 0; !fault && i < site->own.n; i++)
        fault = open_log(b, site, site->own.items[i]);
    for (unsigned i = 0; !fault && i < site->inherited.n; i++) {
        const struct custom_log *log = site->inherited.items[i];

        if (log->global || !site->own.n)
            fault = open_log(b, site, log);
    }
    return fault;
}

struct module log_config_module = {
    .name = "log_config_module",
    .source = "mod_log_config.c",
    .directives = directives,
    .site_size = sizeof(struct log_site),
    .merge_site = merge_site,
    .finish_site = finish_site,
};

static void add_paths(struct arena *a, const struct site *s, struct vec *paths)
{
    const struct log_site *site = site_part(s, &log_config_module);

    for (unsigned i = 0; i < site->n_logs; i++)
        vec_add(a, paths, (void *)log_sink_spec(site->logs[i].sink));
}

void logs_each_path(const struct snapshot *s, struct arena *a, struct vec *paths)
{
    for (unsigned i = 0; i < snapshot_sites(s); i++)
        add_paths(a, snapshot_site(s, i), paths);
}

/* ---- lines --------------------------------------------------------------------------------------------------------
 */

static bool condition_holds(const struct request *r, const struct expr *condition)
{
    const char *error = NULL;
    int result = vars_holds(r, condition, NULL, &error);

    if (result < 0)
        REQUEST_LOG(r, LOG_LOG_CONFIG, LEVEL_WARN, 644, "Error evaluating log condition: %s", error);
    return result > 0;
}

static bool wanted(const struct custom_log *log, const struct request *r)
{
    if (log->env)
        return (http_fields_get(&r->env, log->env).p != NULL) != log->env_unset;
    return !log->condition || condition_holds(r, log->condition);
}

static uint64_t since(int64_t begun_us, int64_t now)
{
    return now > begun_us ? (uint64_t)(now - begun_us) : 0;
}

void logs_access(const struct request *r)
{
    const struct log_site *site = site_part(r->site, &log_config_module);
    struct log_end end = { .bytes_in = r->bytes_in, .bytes_out = r->bytes_out, .body = r->body_out };
    struct buf line = { 0 };

    end.wall_us = base_wall_us();
    end.lasted_us = since(log_original(r)->begun_us, end.wall_us);
    end.keepalive = r->keepalive;
    end.aborted = r->aborted;
    if (site->n_logs)
        buf_reserve(&line, BUF_HEAD);
    for (unsigned i = 0; i < site->n_logs; i++) {
        const struct open_log *o = &site->logs[i];

        if (!wanted(o->log, log_original(r)))
            continue;
        log_line_add(&line, o->format, r, &end);
        buf_add(&line, "\n", 1);
        log_sink_write(o->sink, buf_head(&line), buf_len(&line), LEVEL_INFO);
        buf_consume(&line, buf_len(&line));
    }
    buf_release(&line);
}

/* ---- a tunnel's lines -----------------------------------------------------------------------------------------------
 */

#define RECORD_MAGIC 0x4c4f4752u

struct access_record {
    uint32_t magic;
    unsigned n;
    uint64_t head_out; /* bytes to the client before the first of the tunnel */
    uint64_t spent_us; /* before the tunnel */
    struct record_line {
        struct log_sink *sink;
        size_t end; /* of its text, which lies behind the last of these */
    } lines[];
};

static char *record_text(const struct access_record *rec)
{
    return (char *)&rec->lines[rec->n];
}

static size_t size_of_record(unsigned n, size_t text)
{
    return sizeof(struct access_record) + n * sizeof(struct record_line) + text;
}

size_t logs_record_size(const struct access_record *rec)
{
    return size_of_record(rec->n, rec->lines[rec->n - 1].end);
}

static struct access_record *make_record(const struct request *r, struct span text, const struct record_line *lines,
                                         unsigned n)
{
    struct access_record *rec = base_alloc(size_of_record(n, text.n));

    rec->magic = RECORD_MAGIC;
    rec->n = n;
    rec->head_out = r->bytes_out;
    rec->spent_us = since(log_original(r)->begun_us, base_wall_us());
    memcpy(rec->lines, lines, n * sizeof(*lines));
    memcpy(record_text(rec), text.p, text.n);
    return rec;
}

struct access_record *logs_prepare(const struct request *r)
{
    const struct log_site *site = site_part(r->site, &log_config_module);
    struct record_line *lines = arena_alloc(r->arena, (site->n_logs + 1) * sizeof(*lines));
    struct access_record *rec = NULL;
    struct buf text = { 0 };
    unsigned n = 0;

    if (site->n_logs)
        buf_reserve(&text, BUF_HEAD);
    for (unsigned i = 0; i < site->n_logs; i++) {
        const struct open_log *o = &site->logs[i];

        if (!wanted(o->log, log_original(r)))
            continue;
        log_line_add(&text, o->format, r, NULL);
        buf_add(&text, "\n", 1);
        lines[n].sink = log_sink_again(o->sink);
        ASSERT(lines[n].sink);
        lines[n++].end = buf_len(&text);
    }
    if (n)
        rec = make_record(r, buf_span(&text), lines, n);
    buf_release(&text);
    return rec;
}

void logs_finish(struct access_record *rec, uint64_t bytes_in, uint64_t bytes_out, uint64_t lasted_us,
                 int64_t end_wall_us, bool aborted)
{
    struct log_end end = { .bytes_in = bytes_in, .bytes_out = bytes_out, .aborted = aborted };
    struct buf line = { 0 };
    size_t start = 0;

    CHECK_MAGIC(rec, RECORD_MAGIC);
    end.body = bytes_out > rec->head_out ? bytes_out - rec->head_out : 0;
    end.lasted_us = rec->spent_us + lasted_us;
    end.wall_us = end_wall_us;
    buf_reserve(&line, BUF_HEAD);
    for (unsigned i = 0; i < rec->n; i++) {
        struct record_line *l = &rec->lines[i];

        log_line_close(&line, (struct span){ record_text(rec) + start, l->end - start }, &end);
        log_sink_write(l->sink, buf_head(&line), buf_len(&line), LEVEL_INFO);
        buf_consume(&line, buf_len(&line));
        log_sink_drop(l->sink);
        start = l->end;
    }
    buf_release(&line);
    rec->magic = 0;
    free(rec);
}
