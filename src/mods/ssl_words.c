/* Words that several of mod_ssl's directives take: files, directories, verification, protocols, ciphers
 * (ssl_engine_config.c). */
#include "names.h"
#include "ssl_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

static void *field_of(const struct conf_cmd *cmd, void *settings)
{
    return (char *)settings + cmd->row->slot.offset;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

bool (*ssl_file_elsewhere)(const char *path);

const char *ssl_find_file(struct conf_cmd *cmd, const char *word, const char **path)
{
    struct stat st;

    *path = conf_path(cmd->arena, cmd->reading->root, word);
    if (!*path)
        return conf_fault(cmd, "%s: Invalid file path %s", cmd->row->name, word);
    if (stat(*path, &st) == 0 ? S_ISREG(st.st_mode) && st.st_size > 0
                              : errno == EACCES && ssl_file_elsewhere && ssl_file_elsewhere(*path))
        return NULL;
    return conf_fault(cmd, "%s: file '%s' does not exist or is empty", cmd->row->name, *path);
}

const char *ssl_find_dir(struct conf_cmd *cmd, const char *word, const char **path)
{
    struct stat st;

    *path = conf_path(cmd->arena, cmd->reading->root, word);
    if (!*path)
        return conf_fault(cmd, "%s: Invalid dir path %s", cmd->row->name, word);
    if (stat(*path, &st) == 0 && S_ISDIR(st.st_mode))
        return NULL;
    return conf_fault(cmd, "%s: directory '%s' does not exist", cmd->row->name, *path);
}

const char *ssl_set_file(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return ssl_find_file(cmd, argv[0], field_of(cmd, settings));
}

const char *ssl_set_dir(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return ssl_find_dir(cmd, argv[0], field_of(cmd, settings));
}

/* ---- verification ------------------------------------------------------------------------------------------------ */

static const char *invalid(struct conf_cmd *cmd, const char *word)
{
    return conf_fault(cmd, "%s: Invalid argument '%s'", cmd->row->name, word);
}

static int find_word(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcasecmp(words[i], word) == 0)
            return i;
    return -1;
}

const char *ssl_read_mode(struct conf_cmd *cmd, const char *word, int *mode)
{
    static const char *const words[] = { "none", "off", "optional", "require", "on", "optional_no_ca", NULL };
    static const int modes[] = { SSL_VERIFY_OFF, SSL_VERIFY_OFF, SSL_VERIFY_OPT,
                                 SSL_VERIFY_REQ, SSL_VERIFY_REQ, SSL_VERIFY_OPT_NO_CA };
    int found = find_word(words, word);

    if (found < 0)
        return invalid(cmd, word);
    *mode = modes[found];
    return NULL;
}

const char *ssl_set_mode(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return ssl_read_mode(cmd, argv[0], field_of(cmd, settings));
}

const char *ssl_read_depth(struct conf_cmd *cmd, const char *word, int *depth)
{
    *depth = atoi(word);
    return *depth < 0 ? invalid(cmd, word) : NULL;
}

const char *ssl_set_depth(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return ssl_read_depth(cmd, argv[0], field_of(cmd, settings));
}

const char *ssl_set_seconds(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int *seconds = field_of(cmd, settings);

    (void)argc;
    *seconds = atoi(argv[0]);
    return *seconds < 0 ? conf_fault(cmd, "%s: invalid argument", cmd->row->name) : NULL;
}

const char *ssl_set_crl_check(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char *const modes[] = { "none", "leaf", "chain", NULL };
    struct ssl_verify *v = CONTAINER_OF((int *)field_of(cmd, settings), struct ssl_verify, crl);
    const char *rest = argv[0], *word = conf_word(cmd->arena, &rest);
    int mode = find_word(modes, word ? word : "");

    (void)argc;
    if (mode < 0)
        return invalid(cmd, word ? word : "");
    v->crl = mode; /* SSL_CRL_OFF, SSL_CRL_LEAF, SSL_CRL_CHAIN */
    v->crl_missing_ok = 0;
    while ((word = conf_word(cmd->arena, &rest))) {
        if (strcasecmp(word, "no_crl_for_cert_ok") != 0)
            return invalid(cmd, word);
        v->crl_missing_ok = 1;
    }
    conf_touch(cmd, settings, &v->crl_missing_ok);
    return NULL;
}

/* ---- protocols and ciphers --------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    int set;
} protocols[] = {
    { "TLSv1", SSL_PROTO_1_0 },
    { "TLSv1.1", SSL_PROTO_1_1 },
    { "TLSv1.2", SSL_PROTO_1_2 },
    { "TLSv1.3", SSL_PROTO_1_3 },
    { "all", SSL_PROTO_1_0 | SSL_PROTO_1_1 | SSL_PROTO_1_2 | SSL_PROTO_1_3 },
};

/* Debian's OpenSSL has neither SSLv2 nor SSLv3: they may be taken away, and that is all. *set 0: nothing to do. */
static const char *read_protocol(struct conf_cmd *cmd, const char *word, char sign, int *set)
{
    *set = 0;
    for (size_t i = 0; i < COUNT_OF(protocols); i++)
        if (strcasecmp(word, protocols[i].word) == 0)
            *set = protocols[i].set;
    if (strcasecmp(word, "SSLv2") == 0)
        return sign == '-' ? NULL : "SSLProtocol: SSLv2 is no longer supported";
    if (strcasecmp(word, "SSLv3") == 0)
        return sign == '-' ? NULL : "SSLv3 not supported by this version of OpenSSL";
    return *set ? NULL : conf_fault(cmd, "%s: Illegal protocol '%s'", cmd->row->name, word);
}

static void replace_protocols(struct conf_cmd *cmd, int *field, int set, const char *word)
{
    if (*field)
        conf_note(cmd, LEVEL_WARN, LOG_SSL, 2532,
                  "%s: Protocol '%s' overrides already set parameter(s). Check if a +/- prefix is missing.",
                  cmd->row->name, word);
    *field = set;
}

const char *ssl_set_protocols(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    int *field = field_of(cmd, settings), set;
    const char *rest = argv[0], *word, *fault;

    (void)argc;
    *field = 0;
    while ((word = conf_word(cmd->arena, &rest))) {
        char sign = *word == '+' || *word == '-' ? *word++ : '\0';

        fault = read_protocol(cmd, word, sign, &set);
        if (fault)
            return fault;
        if (sign == '-')
            *field &= ~set;
        else if (sign == '+')
            *field |= set;
        else
            replace_protocols(cmd, field, set, word);
    }
    return NULL;
}

const char ssl_no_weak_ciphers[] = ":!aNULL:!eNULL:!EXP";

const char *ssl_read_ciphers(struct conf_cmd *cmd, int argc, char **argv, const char **ciphers, const char **suites)
{
    const char *protocol = argc > 1 ? argv[0] : "SSL", *list = argv[argc - 1];

    if (strcmp(protocol, "SSL") == 0)
        *ciphers = arena_concat(cmd->arena, list, ssl_no_weak_ciphers, NULL);
    else if (strcmp(protocol, "TLSv1.3") == 0)
        *suites = list;
    else
        return conf_fault(cmd, "protocol '%s' not supported", protocol);
    return NULL;
}
