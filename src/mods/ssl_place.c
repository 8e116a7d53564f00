/* mod_ssl's rows that stand in places, or both there and in sites (ssl_engine_config.c). */
#include "names.h"
#include "ssl_parts.h"

#include <stdlib.h>
#include <strings.h>

/* ---- client certificates ----------------------------------------------------------------------------------------- */

const char *ssl_set_client(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *site = site_part(cmd->site, cmd->module);
    struct ssl_place *place = place_part(cmd->place, cmd->module);
    void *part = cmd->section ? (void *)place : (void *)site;
    int *mode = cmd->section ? &place->verify : &site->verify.mode;
    const char *fault = ssl_read_mode(cmd, argv[0], mode);

    (void)settings, (void)argc;
    conf_touch(cmd, part, mode);
    return fault;
}

const char *ssl_set_client_depth(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_site *site = site_part(cmd->site, cmd->module);
    struct ssl_place *place = place_part(cmd->place, cmd->module);
    void *part = cmd->section ? (void *)place : (void *)site;
    int *depth = cmd->section ? &place->depth : &site->verify.depth;
    const char *fault = ssl_read_depth(cmd, argv[0], depth);

    (void)settings, (void)argc;
    conf_touch(cmd, part, depth);
    return fault;
}

static const char no_ca_here[] = "Your SSL library does not have support for per-directory CA";

const char *ssl_set_ca_file(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *fault = ssl_set_file(cmd, settings, argc, argv);

    return fault ? fault : cmd->section ? no_ca_here : NULL;
}

const char *ssl_set_ca_dir(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    const char *fault = ssl_set_dir(cmd, settings, argc, argv);

    return fault ? fault : cmd->section ? no_ca_here : NULL;
}

/* ---- SSLOptions -------------------------------------------------------------------------------------------------- */

static int find_option(const char *word)
{
    static const struct {
        const char *word;
        int bit;
    } options[] = {
        { "StdEnvVars", SSL_OPT_STDENVVARS },   { "ExportCertData", SSL_OPT_EXPORTCERT },
        { "FakeBasicAuth", SSL_OPT_FAKEBASIC }, { "StrictRequire", SSL_OPT_STRICTREQUIRE },
        { "OptRenegotiate", SSL_OPT_OPTRENEG }, { "LegacyDNStringFormat", SSL_OPT_LEGACYDN },
    };

    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (strcasecmp(word, options[i].word) == 0)
            return options[i].bit;
    return 0;
}

static void apply_option(struct ssl_place *p, char sign, int bit)
{
    if (sign == '-') {
        p->options_add &= ~bit;
        p->options_del |= bit;
        p->options &= ~bit;
    } else if (sign == '+') {
        p->options_add |= bit;
        p->options_del &= ~bit;
        p->options |= bit;
    } else { /* of several words without a sign the last one alone stands, as in httpd */
        p->options = p->options_add = bit;
        p->options_del = 0;
    }
}

const char *ssl_set_options(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_place *p = settings;
    const char *rest = argv[0], *word;

    (void)argc;
    while ((word = conf_word(cmd->arena, &rest))) {
        char sign = *word == '+' || *word == '-' ? *word++ : '\0';
        int bit = find_option(word);

        if (!bit)
            return conf_fault(cmd, "SSLOptions: Illegal option '%s'", word);
        if (!sign && p->options_relative)
            p->options_relative = p->options = 0;
        apply_option(p, sign, bit);
    }
    conf_touch(cmd, p, &p->options_add);
    conf_touch(cmd, p, &p->options_del);
    conf_touch(cmd, p, &p->options_relative);
    return NULL;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* httpd looks at no word behind it. */
const char *ssl_set_require_ssl(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)cmd, (void)argc, (void)argv;
    ((struct ssl_place *)settings)->require_ssl = 1;
    return NULL;
}

const char *ssl_check_buffer(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    (void)settings, (void)argc;
    return atoi(argv[0]) < 0 ? conf_fault(cmd, "Invalid size for SSLRenegBufferSize: %s", argv[0]) : NULL;
}

const char *ssl_set_proxy_ciphers(struct conf_cmd *cmd, void *settings, int argc, char **argv)
{
    struct ssl_place *p = settings;
    const char *fault = ssl_read_ciphers(cmd, argc, argv, &p->proxy.ciphers, &p->proxy.suites);

    conf_touch(cmd, p, p->proxy.suites == argv[argc - 1] ? &p->proxy.suites : &p->proxy.ciphers);
    return fault;
}
