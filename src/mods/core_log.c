/* ErrorLogFormat, LogLevel, and the error log of each site. httpd's core.c (set_loglevel), config.c
 * (ap_merge_log_config), log.c (ap_open_logs). */
#include "core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

const char *core_set_error_log_format(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    const char *kind = argv[1] ? argv[0] : NULL, *fault;
    const void *compiled;

    (void)argc;
    if (kind && strcasecmp(kind, "connection") != 0 && strcasecmp(kind, "request") != 0)
        return "ErrorLogFormat type must be one of request, connection";
    fault = error_format_compile(cmd->arena, argv[kind ? 1 : 0], kind, &compiled);
    if (fault)
        return fault;
    if (kind) {
        conf_note(cmd, LEVEL_NOTICE, LOG_CORE, 0,
                  "ErrorLogFormat %s: such lines are not written by this version / この版はこの行を書きません", kind);
        return NULL;
    }
    s->error_log_format = arena_strdup(cmd->arena, argv[0]);
    conf_touch(cmd, s, &s->error_log_format);
    return NULL;
}

/* ---- LogLevel ---- */

static bool is_module(const struct module *m, const char *name)
{
    size_t n = strlen(name);

    if (!m->name)
        return false;
    if (strcmp(m->name, name) == 0 || strcmp(m->source, name) == 0)
        return true;
    return strncmp(m->name, name, n) == 0 && strcmp(m->name + n, "_module") == 0;
}

static bool is_known(struct conf_cmd *cmd, const char *name)
{
    for (const struct module *const *m = cmd->snapshot->modules; *m; m++)
        if (is_module(*m, name))
            return true;
    return conf_other_loaded(cmd->reading, name) ||
           conf_other_loaded(cmd->reading, arena_concat(cmd->arena, name, "_module", NULL));
}

static const char *const level_fault =
    "Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8";

static const char *set_module_level(struct conf_cmd *cmd, struct log_levels *levels, const char *name, const char *word)
{
    int level = log_level_find(word), module = log_module_find(name);

    if (!*word)
        return conf_fault(cmd, "Module specifier '%s' must be followed by a log level keyword", name);
    if (level < 0)
        return conf_fault(cmd, "%s:%s: %s", name, word, level_fault);
    if (!is_known(cmd, name))
        return conf_fault(cmd, "Cannot find module %s", name);
    log_deepen((enum log_level)level);
    if (module >= 0) /* modules that never speak have no level of their own */
        levels->of[module] = (signed char)level;
    return NULL;
}

static const char *set_level(struct conf_cmd *cmd, struct log_levels *levels, const char *text)
{
    const char *colon = strrchr(text, ':');
    int level;

    if (colon)
        return set_module_level(cmd, levels, arena_strndup(cmd->arena, text, (size_t)(colon - text)), colon + 1);
    level = log_level_find(text);
    if (level < 0)
        return level_fault;
    log_deepen((enum log_level)level);
    memset(levels, level, sizeof(*levels)); /* and forgets what modules had */
    return NULL;
}

const char *core_set_log_level(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *site = site_part(cmd->site, &core_module);
    struct core_place *place;
    const char *fault;

    (void)settings, (void)argc;
    if (!cmd->section) {
        fault = set_level(cmd, &site->levels, argv[0]);
        conf_touch(cmd, site, &site->levels);
        return fault;
    }
    place = place_part(cmd->place, &core_module);
    fault = set_level(cmd, &place->levels, argv[0]);
    place->has_levels = 1;
    conf_touch(cmd, place, &place->has_levels);
    return fault;
}

void core_merge_levels(struct log_levels *merged, const struct log_levels *base, const struct log_levels *over)
{
    for (unsigned m = 0; m < LOG_MODULES; m++)
        merged->of[m] = over->of[m] >= 0 ? over->of[m] : base->of[m];
}

/* ---- where the lines go ---- */

static bool is_path(const char *spec)
{
    return *spec != '|' && strcmp(spec, "syslog") != 0 && strncmp(spec, "syslog:", 7) != 0;
}

/* Before anything is opened, as httpd -t looks at it. */
static const char *check_directory(struct arena *a, const struct site *site, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *directory = arena_strndup(a, path, slash ? (size_t)(slash - path) + 1 : 0);

    if (access(directory, F_OK) == 0)
        return NULL;
    if (site->main)
        return arena_printf(a, "(%d)%s: AH02291: Cannot access directory '%s' for main error log", errno,
                            strerror(errno), directory);
    return arena_printf(a, "(%d)%s: AH02291: Cannot access directory '%s' for error log of vhost defined at %s:%d",
                        errno, strerror(errno), directory, site->file, site->line);
}

static void drop_sink(void *sink)
{
    log_sink_drop(sink);
}

static const char *hold_sink(struct arena *a, struct site *site, const char *spec)
{
    char *error = NULL;
    const char *fault;

    if (is_path(spec)) {
        spec = conf_path(a, core_site_of(site)->server_root, spec);
        if (!spec)
            return "ErrorLog path is invalid";
        fault = check_directory(a, site, spec);
        if (fault)
            return fault;
    }
    if (site->snapshot->reading->options->check_only)
        return NULL;
    site->log.sink = log_sink_hold(spec, LOG_SINK_ERROR, &error);
    if (!site->log.sink) {
        fault = arena_strdup(a, error);
        free(error);
        return fault;
    }
    arena_on_free(a, drop_sink, site->log.sink);
    return NULL;
}

const char *core_open_log(struct snapshot_build *b, struct site *site)
{
    const struct core_site *core = core_site_of(site);
    const char *fault = NULL;

    for (unsigned m = 0; m < LOG_MODULES; m++)
        site->log.levels.of[m] = core->levels.of[m] >= 0 ? core->levels.of[m] : LEVEL_WARN;
    if (core->error_log_format) {
        fault = error_format_compile(b->arena, core->error_log_format, NULL, &site->log.format);
        site->log.render = error_format_render;
    }
    return fault || !core->error_log ? fault : hold_sink(b->arena, site, core->error_log);
}
