/* mod_ssl's rows of a site that need more than a word stored (ssl_engine_config.c). */
#include "names.h"
#include "ssl_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

const char *ssl_set_engine(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;

    (void)argc;
    s->engine = strcasecmp(argv[0], "on") == 0;
    if (s->engine || strcasecmp(argv[0], "off") == 0)
        return NULL;
    return strcasecmp(argv[0], "optional") == 0 ? names_refuse(cmd) : "Argument must be On or Off";
}

/* ---- certificates and keys --------------------------------------------------------------------------------------- */

static const char *add_file(struct conf_cmd *cmd, struct vec *list, const char *word)
{
    const char *path = NULL, *fault;

    if (strncmp(word, "pkcs11:", 7) == 0)
        return names_refuse(cmd);
    fault = ssl_find_file(cmd, word, &path);
    if (!fault)
        vec_add(cmd->arena, list, (void *)path);
    return fault;
}

const char *ssl_set_certificate(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return add_file(cmd, &((struct ssl_site *)settings)->certs, argv[0]);
}

const char *ssl_set_key(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)argc;
    return add_file(cmd, &((struct ssl_site *)settings)->keys, argv[0]);
}

static const char *read_program(struct conf_cmd *cmd, const char *word, struct ssl_phrase *phrase)
{
    phrase->kind = PHRASE_EXEC;
    phrase->program = conf_path(cmd->arena, cmd->reading->root, word);
    if (!phrase->program)
        return conf_fault(cmd, "Invalid SSLPassPhraseDialog exec: path %s", word);
    if (access(phrase->program, F_OK) == 0)
        return NULL;
    return conf_fault(cmd, "SSLPassPhraseDialog: file '%s' does not exist", phrase->program);
}

const char *ssl_set_passphrase(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_phrase *phrase = &((struct ssl_site *)settings)->phrase;
    const char *word = argv[0], *fault = NULL;

    (void)argc;
    if (strcasecmp(word, "builtin") == 0)
        *phrase = (struct ssl_phrase){ PHRASE_BUILTIN, NULL };
    else if (strncmp(word, "exec:", 5) == 0 && word[5])
        fault = read_program(cmd, word + 5, phrase);
    else if (word[0] == '|' && word[1])
        *phrase = (struct ssl_phrase){ PHRASE_PIPE, word + 1 };
    else
        return "SSLPassPhraseDialog: Invalid argument";
    return fault;
}

/* ---- ciphers and OpenSSL's own commands ---------------------------------------------------------------------------
 */

static const char *set_ciphers(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;
    const char *fault = ssl_read_ciphers(cmd, argc, argv, &s->ciphers, &s->suites);

    conf_touch(cmd, s, s->suites == argv[argc - 1] ? &s->suites : &s->ciphers);
    return fault;
}

const char *ssl_set_site_ciphers(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings;
    if (!cmd->section)
        return set_ciphers(cmd, site_part(cmd->site, cmd->module), argc, argv);
    if (argc > 1 && strcmp(argv[0], "TLSv1.3") == 0)
        return "TLSv1.3 ciphers cannot be set inside a directory context";
    if (argc > 1 && strcmp(argv[0], "SSL") != 0)
        return conf_fault(cmd, "protocol '%s' not supported", argv[0]);
    return names_refuse(cmd);
}

/* SSL_CONF_cmd_value_type of OpenSSL 3: a server's file commands. */
static const struct {
    const char *name;
    char value; /* 'f' a file, 'd' a directory, else a word */
} commands[] = {
    { "CipherString", 's' },
    { "Ciphersuites", 's' },
    { "Certificate", 'f' },
    { "PrivateKey", 'f' },
    { "ChainCAFile", 'f' },
    { "ChainCAPath", 'd' },
    { "ChainCAStore", 's' },
    { "VerifyCAFile", 'f' },
    { "VerifyCAPath", 'd' },
    { "VerifyCAStore", 's' },
    { "RequestCAFile", 'f' },
    { "RequestCAPath", 'd' },
    { "RequestCAStore", 's' },
    { "ClientCAFile", 'f' },
    { "ClientCAPath", 'd' },
    { "ClientCAStore", 's' },
    { "DHParameters", 'f' },
    { "RecordPadding", 's' },
    { "NumTickets", 's' },
    { "SignatureAlgorithms", 's' },
    { "ClientSignatureAlgorithms", 's' },
    { "Groups", 's' },
    { "Curves", 's' },
    { "ECDHParameters", 's' },
    { "MinProtocol", 's' },
    { "MaxProtocol", 's' },
    { "Protocol", 's' },
    { "Options", 's' },
    { "VerifyMode", 's' },
    { "ServerInfoFile", 'f' },
};

const char *ssl_set_command(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;
    struct ssl_command *c = arena_alloc(cmd->arena, sizeof(*c));
    const char *fault = NULL;
    char kind = '\0';

    (void)argc;
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcasecmp(commands[i].name, argv[0]) == 0)
            kind = commands[i].value;
    *c = (struct ssl_command){ argv[0], argv[1] };
    switch (kind) {
    case '\0': return conf_fault(cmd, "'%s': invalid OpenSSL configuration command", argv[0]);
    case 'f': fault = ssl_find_file(cmd, argv[1], &c->value); break;
    case 'd': fault = ssl_find_dir(cmd, argv[1], &c->value); break;
    default: break;
    }
    if (strcasecmp(argv[0], "CipherString") == 0)
        c->value = arena_concat(cmd->arena, argv[1], ssl_no_weak_ciphers, NULL);
    if (!fault)
        vec_add(cmd->arena, &s->commands, c);
    return fault;
}

/* ---- caches: mod_socache_shmcb's arguments are checked, its file is not needed -------------------------------------
 */

static const char *check_shmcb(struct conf_cmd *cmd, const char *text)
{
    const char *open = strrchr(text, '('), *last = *text ? text + strlen(text) - 1 : text;
    char *end;
    long long size;

    if (!open)
        return *last == ')' ? "Invalid argument: no opening parenthesis" : NULL;
    if (*last != ')')
        return "Invalid argument: no closing parenthesis or cache size missing after pathname with parenthesis";
    size = strtoll(open + 1, &end, 10);
    if (end != last)
        return "Invalid argument: cache size not numerical";
    if (size < 8192)
        return "Invalid argument: size has to be >= 8192 bytes";
    if (size >= UINT_MAX)
        return conf_fault(cmd, "Invalid argument: size has to be < %u bytes on this platform", UINT_MAX);
    return NULL;
}

static const char *check_cache(struct conf_cmd *cmd, const char *word, const char *kind, const char *stop)
{
    size_t n = strcspn(word, ":");
    const char *name = arena_strndup(cmd->arena, word, n), *fault;
    bool loaded = conf_module_present(cmd->reading, "socache_shmcb_module");

    if (loaded && (strcmp(name, "shmcb") == 0 || strcmp(name, "default") == 0))
        fault = check_shmcb(cmd, word[n] ? word + n + 1 : "");
    else
        fault = conf_fault(cmd,
                           "'%s' %s cache not supported (known names: %s)%s Maybe you need to load the appropriate "
                           "socache module (mod_socache_%s?)%s",
                           name, kind, loaded ? "default,shmcb" : "", stop, name, stop);
    return fault ? conf_fault(cmd, "%s: %s", cmd->row->name, fault) : NULL;
}

const char *ssl_set_session_cache(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;

    (void)argc;
    s->session_cache = strcasecmp(argv[0], "none") != 0;
    if (!s->session_cache || strcasecmp(argv[0], "nonenotnull") == 0)
        return NULL;
    return check_cache(cmd, argv[0], "session", ".");
}

const char *ssl_set_session_timeout(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;

    (void)cmd, (void)argc;
    s->session_timeout_s = atoi(argv[0]);
    return s->session_timeout_s < 0 ? "SSLSessionCacheTimeout: Invalid argument" : NULL;
}

const char *ssl_set_stapling_cache(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *s = settings;

    (void)argc;
    s->stapling.cache = argv[0];
    return check_cache(cmd, argv[0], "stapling", "");
}

const char *ssl_set_sni_policy(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    static const char *const words[] = { "strict", "secure", "authonly", "insecure" };
    struct ssl_site *s = settings;

    (void)argc;
    for (unsigned i = 0; i < COUNT_OF(words); i++)
        if (strcasecmp(words[i], argv[0]) == 0) {
            s->sni_policy = (int)i;
            return NULL;
        }
    return conf_fault(cmd, "Invalid SSLVhostSNIPolicy argument '%s'", argv[0]);
}

/* ---- words of which only some are what happens anyway --------------------------------------------------------------
 */

const char *ssl_check_device(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)cmd, (void)settings, (void)argc;
    return strcasecmp(argv[0], "builtin") == 0 ? NULL
                                               : "SSLCryptoDevice: Invalid argument; must be one of: 'builtin' (none)";
}

const char *ssl_check_compression(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)cmd, (void)settings, (void)argc;
    if (strcasecmp(argv[0], "on") != 0)
        return NULL;
    return "This version of OpenSSL does not have any compression methods available, cannot enable SSLCompression.";
}

const char *ssl_check_ocsp(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *rest = argv[0], *word = conf_word(cmd->arena, &rest), *more;
    bool off = word && strcasecmp(word, "off") == 0;

    (void)settings, (void)argc;
    if (!off && (!word || (strcasecmp(word, "on") != 0 && strcasecmp(word, "leaf") != 0)))
        return conf_fault(cmd, "%s: Invalid argument '%s'", cmd->row->name, word ? word : "");
    while ((more = conf_word(cmd->arena, &rest)))
        if (strcasecmp(more, "no_ocsp_for_cert_ok") != 0)
            return conf_fault(cmd, "%s: Invalid argument '%s'", cmd->row->name, more);
    return off ? NULL : names_refuse(cmd);
}

static const char *check_seed_path(struct conf_cmd *cmd, const char *word)
{
    bool prefixed = (strncmp(word, "file:", 5) == 0 || strncmp(word, "exec:", 5) == 0) && word[5];
    const char *path = conf_path(cmd->arena, cmd->reading->root, prefixed ? word + 5 : word);

    if (!path)
        return conf_fault(cmd, "Invalid SSLRandomSeed path %s", word);
    return access(path, F_OK) == 0 ? NULL : conf_fault(cmd, "SSLRandomSeed: source path '%s' does not exist", path);
}

const char *ssl_check_seed(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    bool builtin = strcasecmp(argv[1], "builtin") == 0;
    const char *fault = NULL;

    (void)settings;
    if (strcasecmp(argv[0], "startup") != 0 && strcasecmp(argv[0], "connect") != 0)
        return conf_fault(cmd, "SSLRandomSeed: invalid context: `%s'", argv[0]);
    if (!builtin)
        fault = check_seed_path(cmd, argv[1]);
    if (fault || argc < 3)
        return fault;
    if (builtin)
        return "SSLRandomSeed: byte specification not allowed for builtin seed source";
    return atoi(argv[2]) < 0 ? "SSLRandomSeed: invalid number of bytes specified" : NULL;
}
