/* The providers of mod_ssl.c for Require: ssl, ssl-verify-client. */
#include "access.h"
#include "ssl.h"

static const char *parse_nothing(struct conf_cmd *cmd, struct authz_line *line)
{
    (void)cmd;
    if (!*line->args)
        return NULL;
    return conf_fault(cmd, "'Require %s' does not take arguments", line->provider);
}

static enum verdict check_ssl(struct request *r, const struct authz_line *line)
{
    (void)line;
    return r->peer->tls ? VERDICT_GRANTED : VERDICT_DENIED;
}

static enum verdict check_client(struct request *r, const struct authz_line *line)
{
    (void)line;
    return span_eq(ssl_session_variable(r, "SSL_CLIENT_VERIFY"), SPAN("SUCCESS")) ? VERDICT_GRANTED : VERDICT_DENIED;
}

const struct authz_provider authz_ssl_providers[] = {
    { "ssl", parse_nothing, check_ssl, 0 },
    { "ssl-verify-client", parse_nothing, check_client, 0 },
    { 0 },
};
