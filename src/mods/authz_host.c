/* The providers of mod_authz_host.c: ip, host, forward-dns, local; and addresses as its directives take them. */
#include "access.h"

/* ---- ip ---- */

struct subnets {
    unsigned n;
    struct subnet *subnet;
};

static const char *parse_ip(struct conf_cmd *cmd, struct authz_line *line)
{
    struct subnets *s = arena_alloc(cmd->arena, sizeof(*s));
    const char *rest = line->args, *word, *fault;

    s->subnet = arena_alloc(cmd->arena, (strlen(line->args) + 1) / 2 * sizeof(*s->subnet));
    while ((word = conf_word(cmd->arena, &rest)) && *word) {
        enum address_fault kind = address_parse(word, &s->subnet[s->n++], &fault);
        if (kind != ADDRESS_OK)
            return conf_fault(cmd, "ip address '%s' appears to be invalid%s%s", word, kind == ADDRESS_NONE ? "" : ": ",
                              kind == ADDRESS_NONE ? "" : fault);
    }
    line->parsed = s;
    return s->n ? NULL : "'require ip' requires an argument";
}

static enum verdict check_ip(struct request *r, const struct authz_line *line)
{
    const struct subnets *s = line->parsed;

    for (unsigned i = 0; i < s->n; i++)
        if (subnet_holds(&s->subnet[i], span_of(r->client_ip)))
            return VERDICT_GRANTED;
    return VERDICT_DENIED;
}

/* ---- local ---- */

static enum verdict check_local(struct request *r, const struct authz_line *line)
{
    static const struct subnet loopback = { .family = 4, .ip = { 127 }, .mask = { 255 } };

    (void)line;
    if (strcmp(r->client_ip, r->peer->local_ip) == 0 || strcmp(r->client_ip, "::1") == 0 ||
        subnet_holds(&loopback, span_of(r->client_ip)))
        return VERDICT_GRANTED;
    return VERDICT_DENIED;
}

/* ---- host ---- */

/* What stands before a "#"; NULL when there is nothing. */
static const char *without_comment(struct request *r, const char *text)
{
    const char *hash = strchr(text, '#');

    if (!hash)
        return text;
    if (hash == text) {
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_ERROR, 10120,
                    "authz_host authorize: dubious empty 'Require host %s' with only comment", text);
        return NULL;
    }
    REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_WARN, 10121, "authz_host authorize: ignoring comment in 'Require host %s'",
                text);
    return arena_strndup(r->arena, text, (size_t)(hash - text));
}

static enum verdict check_host(struct request *r, const struct authz_line *line)
{
    const char *name = client_name(r), *error = NULL, *rest, *word;

    if (!name) {
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_ERROR, 1753,
                    "access check of '%s' to %s failed, reason: unable to get the remote host name", line->args,
                    r->uri);
        return VERDICT_DENIED;
    }
    rest = authz_text(r, line, &error);
    if (!rest) {
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_ERROR, 2593,
                    "authz_host authorize: require host: Can't evaluate require expression: %s", error);
        return VERDICT_DENIED;
    }
    rest = without_comment(r, rest);
    while (rest && (word = conf_word(r->arena, &rest)) && *word)
        if (client_name_within(name, word))
            return VERDICT_GRANTED;
    return VERDICT_DENIED;
}

/* ---- forward-dns ---- */

static enum verdict check_forward_dns(struct request *r, const struct authz_line *line)
{
    const char *error = NULL, *rest = authz_text(r, line, &error);
    char *word, *hash = NULL;

    if (!rest)
        REQUEST_LOG(r, LOG_AUTHZ_HOST, LEVEL_ERROR, 3354,
                    "authz_host authorize: require forward-dns: Can't evaluate require expression: %s", error);
    while (rest && !hash && (word = conf_word(r->arena, &rest)) && *word) {
        hash = strchr(word, '#');
        if (hash)
            *hash = '\0';
        if (*word && client_has_name(r, word))
            return VERDICT_GRANTED;
    }
    return VERDICT_DENIED;
}

const struct authz_provider authz_host_providers[] = {
    { "ip", parse_ip, check_ip, 0 },
    { "local", NULL, check_local, 0 },
    { "host", authz_parse_text, check_host, BLOCKS_ON_NAMES },
    { "forward-dns", authz_parse_text, check_forward_dns, BLOCKS_ON_NAMES },
    { 0 },
};
