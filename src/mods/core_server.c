/* Rows of the process: where it lives, as whom it runs, what it says of itself. httpd's core.c, mpm_common.c,
 * mod_unixd.c. */
#include "core.h"

#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

static const char *directory(struct conf_cmd *cmd, const char *word)
{
    struct stat st;
    const char *path = conf_path(cmd->arena, cmd->reading->root, word);

    return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

const char *core_set_server_root(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)argc;
    s->server_root = directory(cmd, argv[0]);
    return s->server_root ? NULL : "ServerRoot must be a valid directory";
}

const char *core_set_runtime_dir(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)argc;
    s->runtime_dir = directory(cmd, argv[0]);
    return s->runtime_dir ? NULL : "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot";
}

/* "#1000" is a number, as in httpd; 0 would serve the network as root. */
const char *core_set_user(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    const struct passwd *user = argv[0][0] == '#' ? NULL : getpwnam(argv[0]);

    (void)argc;
    if (argv[0][0] != '#' && !user)
        return conf_fault(cmd, "AH00543: weir: bad user name %s", argv[0]);
    if (user ? user->pw_uid == 0 : core_number(argv[0] + 1) <= 0)
        return conf_fault(cmd, "User %s: Weir does not serve as root / Weir は root で動作しません", argv[0]);
    s->user = arena_strdup(cmd->arena, argv[0]);
    return NULL;
}

const char *core_set_group(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)argc;
    if (argv[0][0] != '#' && !getgrnam(argv[0]))
        return conf_fault(cmd, "AH00544: weir: bad group name %s", argv[0]);
    s->group = arena_strdup(cmd->arena, argv[0]);
    return NULL;
}

const char *core_set_backlog(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    s->backlog = core_number(argv[0]);
    return s->backlog < 1 ? "ListenBacklog must be > 0" : NULL;
}

const char *core_set_threads(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)argc;
    s->threads = core_number(argv[0]);
    if (s->threads < 1) {
        conf_note(cmd, LEVEL_WARN, LOG_MPM_EVENT, 509, "WARNING: ThreadsPerChild of %d not allowed, increasing to 1.",
                  s->threads);
        s->threads = 1;
    }
    return NULL;
}

const char *core_set_shutdown_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    int seconds = core_number(argv[0]);

    (void)cmd, (void)argc;
    s->shutdown_timeout_us = seconds > 0 ? (int64_t)seconds * 1000000 : 0;
    return NULL;
}

const char *core_set_tokens(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = {
        { "Full", TOKENS_FULL },   { "OS", TOKENS_OS },       { "Min", TOKENS_MINIMAL }, { "Minimal", TOKENS_MINIMAL },
        { "Minor", TOKENS_MINOR }, { "Major", TOKENS_MAJOR }, { "Prod", TOKENS_PROD },   { "ProductOnly", TOKENS_PROD },
    };
    struct core_site *s = settings;

    (void)cmd, (void)argc;
    if (core_find_word(words, COUNT_OF(words), argv[0], &s->tokens))
        return NULL;
    return "ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'";
}

/* Whatever it is called, what is spoken is HTTP; "https" turns TLS on where there are certificates (ssl_finish.c). */
const char *core_set_protocol(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;
    char *word = arena_strdup(cmd->arena, argv[0]);

    (void)argc;
    for (char *p = word; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    s->protocol = word;
    return NULL;
}

const char *core_set_protocols(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct core_site *s = settings;

    (void)argc;
    vec_add(cmd->arena, &s->protocols, argv[0]);
    if (strcasecmp(argv[0], "http/1.1") != 0)
        conf_note(cmd, LEVEL_NOTICE, LOG_HTTP2, 0,
                  "Protocols %s: HTTP/1.1 is spoken in this version / この版は HTTP/1.1 で通信します", argv[0]);
    return NULL;
}

const char *core_note_name_virtual_host(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc, (void)argv;
    conf_note(cmd, LEVEL_NOTICE, LOG_CORE, 548,
              "NameVirtualHost has no effect and will be removed in the next release %s:%d", cmd->node->file,
              cmd->node->line);
    return NULL;
}

/* The file's author speaks: one pair of quotes around it is not part of the message. */
const char *core_set_error(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *text = argv[0];
    size_t n = strlen(text);

    (void)settings, (void)argc;
    if (!n)
        return "The Error directive was used with no message.";
    if (n > 1 && (*text == '"' || *text == '\'') && text[n - 1] == *text)
        return arena_strndup(cmd->arena, text + 1, n - 2);
    return text;
}

/* For the patterns of the lines that follow, those of .htaccess files too. */
const char *core_set_regex_options(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const struct core_word words[] = { { "ICASE", REGEX_NOCASE },
                                              { "DOTALL", REGEX_DOTALL },
                                              { "DOLLAR_ENDONLY", REGEX_DOLLAR_ENDONLY } };
    unsigned *flags = &cmd->reading->regex_flags;
    const char *rest = argv[0];
    char *word;

    (void)settings, (void)argc;
    while ((word = conf_word(cmd->arena, &rest))) {
        bool none = strcasecmp(word, "none") == 0;
        char sign = *word == '+' || *word == '-' ? *word++ : '\0';
        int flag = 0;
        if (!none && !core_find_word(words, COUNT_OF(words), word, &flag))
            return conf_fault(cmd, "%s: option '%s' unknown", cmd->row->name, word);
        *flags = sign == '+' ? *flags | (unsigned)flag : sign == '-' ? *flags & ~(unsigned)flag : (unsigned)flag;
    }
    return NULL;
}
