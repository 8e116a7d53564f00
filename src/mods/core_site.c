/* Rows of a site: its names, time-outs and limits. httpd's core.c and http_core.c. */
#include "core.h"

#include <ctype.h>
#include <strings.h>
#include <sys/stat.h>

static char *lower(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

/* [scheme://]name[:port] */
const char *core_set_server_name(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct site *site = cmd->site;
    const char *text = argv[0], *scheme = strstr(text, "://"), *colon;
    int port = 0;

    (void)settings, (void)argc;
    if (strpbrk(text, "*?["))
        return conf_fault(cmd, "Invalid ServerName \"%s\" use ServerAlias to set multiple server names.", text);
    if (scheme) {
        site->scheme = lower(cmd->arena, arena_strndup(cmd->arena, text, (size_t)(scheme - text)));
        text = scheme + 3;
    }
    colon = strchr(text, ':');
    if (colon && ((port = core_number(colon + 1)) <= 0 || port >= 65536))
        return conf_fault(cmd, "The port number \"%s\" is outside the appropriate range (i.e., 1..65535).", argv[0]);
    site->server_name = arena_strndup(cmd->arena, text, colon ? (size_t)(colon - text) : strlen(text));
    site->server_port = port;
    site->named = true;
    return NULL;
}

const char *core_set_server_alias(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct site *site = cmd->site;
    const char *rest = argv[0];
    char *name;

    (void)settings, (void)argc;
    if (site->main)
        return "ServerAlias only used in <VirtualHost>";
    while ((name = conf_word(cmd->arena, &rest)) && *name)
        vec_add(cmd->arena, strpbrk(name, "*?") ? &site->wild_aliases : &site->aliases, lower(cmd->arena, name));
    return NULL;
}

const char *core_set_document_root(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    struct stat st;
    const char *path = conf_path(cmd->arena, cmd->reading->root, argv[0]);

    (void)argc;
    if (!path)
        return "DocumentRoot must be a directory";
    s->document_root = path;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return NULL;
    if (cmd->site->main)
        return conf_fault(cmd, "DocumentRoot '%s' is not a directory, or is not readable", path);
    conf_note(cmd, LEVEL_WARN, LOG_CORE, 112, "Warning: DocumentRoot [%s] does not exist", path);
    return NULL;
}

/* ---- time ---- */

const char *core_set_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    int seconds = core_number(argv[0]);

    (void)cmd, (void)argc;
    s->timeout_us = seconds > 0 ? (int64_t)seconds * 1000000 : 0;
    return NULL;
}

const char *core_set_keepalive_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    return conf_time(argv[0], "s", &s->keepalive_timeout_us) ? NULL : "KeepAliveTimeout has wrong format";
}

const char *core_set_max_keepalive(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    int most = core_number(argv[0]);

    (void)cmd, (void)argc;
    s->max_keepalive = most > 0 ? most : 0;
    return NULL;
}

/* ---- sizes ---- */

static const char *set_limit(struct conf_cmd *cmd, int *field, const char *text, const char *more)
{
    *field = core_number(text);
    if (*field >= 0)
        return NULL;
    return conf_fault(cmd, "%s \"%s\" must be a non-negative integer%s", cmd->row->name, text, more);
}

const char *core_set_limit_line(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_limit(cmd, &((struct core_site *)settings)->limit_line, argv[0], "");
}

const char *core_set_limit_fields(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_limit(cmd, &((struct core_site *)settings)->limit_fields, argv[0], " (0 = no limit)");
}

const char *core_set_limit_field_size(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return set_limit(cmd, &((struct core_site *)settings)->limit_field_size, argv[0], "");
}

const char *core_set_max_redirects(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)cmd;
    s->max_redirects = core_number(argv[0]);
    if (s->max_redirects <= 0)
        return "The recursion limit must be greater than zero.";
    if (argc > 1 && argv[1] && core_number(argv[1]) <= 0)
        return "The subrequest recursion limit must be greater than zero.";
    return NULL;
}

/* ---- words ---- */

const char *core_set_trace(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", TRACE_ON },
                                              { "off", TRACE_OFF },
                                              { "extended", TRACE_EXTENDED } };
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], &s->trace))
        return NULL;
    return "TraceEnable must be one of 'on', 'off', or 'extended'";
}

const char *core_set_encoded_slashes(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", HTTP_SLASHES_ON },
                                              { "off", HTTP_SLASHES_OFF },
                                              { "nodecode", HTTP_SLASHES_NODECODE } };
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], &s->encoded_slashes))
        return NULL;
    return "AllowEncodedSlashes must be On, Off, or NoDecode";
}

const char *core_set_physical_port(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "on", 1 }, { "off", 0 } };
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    return core_find_word(words, COUNT_OF(words), argv[0], &s->canonical_physical_port)
               ? NULL
               : "parameter must be 'on' or 'off'";
}

static const char *choose(struct conf_cmd *cmd, struct core_site *s, int *field, int value)
{
    bool again = part_has(s, field);

    if (again && *field != value)
        return field == &s->http_unsafe ? "HttpProtocolOptions 'Strict' and 'Unsafe' are mutually exclusive"
               : field == &s->no_http09 ? "HttpProtocolOptions 'Allow0.9' and 'Require1.0' are mutually exclusive"
                                        : "HttpProtocolOptions 'RegisteredMethods' and 'LenientMethods'"
                                          " are mutually exclusive";
    *field = value;
    conf_touch(cmd, s, field);
    return NULL;
}

/* Each word is one side of a choice; both sides in one server are a fault. */
const char *core_set_protocol_options(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    const struct {
        const char *word;
        int *field, value;
    } options[] = {
        { "Allow0.9", &s->no_http09, 0 },
        { "Require1.0", &s->no_http09, 1 },
        { "Strict", &s->http_unsafe, 0 },
        { "Unsafe", &s->http_unsafe, 1 },
        { "RegisteredMethods", &s->methods_registered, 1 },
        { "LenientMethods", &s->methods_registered, 0 },
    };

    (void)argc;
    for (unsigned i = 0; i < COUNT_OF(options); i++)
        if (strcasecmp(argv[0], options[i].word) == 0)
            return choose(cmd, s, options[i].field, options[i].value);
    return "HttpProtocolOptions accepts 'Unsafe' or 'Strict' (default), 'RegisteredMethods' or 'LenientMethods' "
           "(default),"
           " and 'Require1.0' or 'Allow0.9' (default)";
}
