/* TLS in front: whose certificate a name gets, what a failed handshake is told, and whether a Host may be served over
 * what was agreed. httpd: ssl_callback_ServerNameIndication, ssl_hook_ReadReq. */
#include "tls_sites.h"

static struct tls_context *choose(void *ctx, const char *sni)
{
    struct client *c = ctx;
    const struct site *site = site_choose(c->choice, sni, c->peer.local_port);
    struct tls_context *t = tls_sites_of(c->epoch->tls, site);

    c->tls_site = !sni && ssl_site_of(c->site)->strict_sni ? c->site /* said with the first request: 403 */ : site;
    return t ? t : tls_sites_of(c->epoch->tls, c->site);
}

struct stream *secure_accept(struct client *c, int fd, struct tls_context *t, void (*on_ready)(struct stream *))
{
    struct tls_accept how = { .context = t, .choose = choose, .choose_ctx = c };

    c->tls_site = c->site;
    return stream_tls_accept(c->worker->loop, fd, &how, on_ready, c);
}

/* "Speaking plain HTTP to an SSL-enabled server port": the 400 page in plain text, as httpd does. */
static void answer_plain(struct client *c)
{
    static const struct http_fault plain = {
        .status = 400,
        .ah = 1996,
        .module = LOG_SSL,
        .level = LEVEL_INFO,
        .reason = "SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page",
        .note = "You're speaking plain HTTP to an SSL-enabled server port. "
                "Instead use the HTTPS scheme to access this URL, please."
    };

    c->stream = stream_tls_to_plain(c->stream, c->stream->on_ready, c);
    c->tls_site = NULL;
    if (!c->stream)
        client_close(c);
    else
        client_refuse(c, &plain);
}

static void say_failed(struct client *c)
{
    char text[256];

    if (tls_fault(c->stream) == TLS_ENDED) {
        LOG_AT(&c->site->log, LOG_SSL, LEVEL_INFO, 2006, 0, c->peer.text,
               "SSL handshake stopped: connection was closed");
        return;
    }
    LOG_AT(&c->site->log, LOG_SSL, LEVEL_INFO, tls_fault_ah(c->stream), 0, c->peer.text,
           "SSL library error 1 in handshake (server %s:%d): %s", c->site->server_name, c->peer.local_port,
           tls_error(c->stream, text, sizeof(text)));
}

void secure_handshake_over(struct client *c)
{
    enum tls_fault fault;

    if (c->stream->connecting)
        return;
    fault = tls_fault(c->stream);
    if (fault == TLS_OK && !(c->stream->ready & STREAM_FAILED)) {
        c->peer.tls = true;
        client_begin(c);
    } else if (fault == TLS_HTTP_REQUEST) {
        answer_plain(c);
    } else {
        say_failed(c);
        client_close(c);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_files(const struct vec *a, const struct vec *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static bool same_verification(const struct ssl_site *one, const struct ssl_site *other)
{
    const struct ssl_verify *a = &one->verify, *b = &other->verify;

    return a->mode == b->mode && a->depth == b->depth && a->crl == b->crl && a->crl_missing_ok == b->crl_missing_ok &&
           same_text(a->ca_file, b->ca_file) && same_text(a->ca_path, b->ca_path) &&
           same_text(a->crl_file, b->crl_file) && same_text(a->crl_path, b->crl_path) &&
           same_text(one->ca_names_file, other->ca_names_file) && same_text(one->ca_names_path, other->ca_names_path);
}

/* SSLVHostSNIPolicy: may what was agreed for one site serve another? */
static bool compatible(const struct site *one, const struct site *other)
{
    const struct ssl_site *a = ssl_site_of(one), *b = ssl_site_of(other);

    switch (b->sni_policy) {
    case SSL_SNI_INSECURE: return true;
    case SSL_SNI_AUTHONLY: return a->engine && b->engine && same_verification(a, b);
    case SSL_SNI_STRICT: return false;
    default: break;
    }
    return a->engine && b->engine && same_files(&a->certs, &b->certs) && same_files(&a->keys, &b->keys) &&
           a->protocols == b->protocols && same_text(a->ciphers, b->ciphers) && same_text(a->suites, b->suites) &&
           same_verification(a, b);
}

static const char *policy_name(int policy)
{
    return policy == SSL_SNI_STRICT     ? "strict"
           : policy == SSL_SNI_AUTHONLY ? "authonly"
           : policy == SSL_SNI_INSECURE ? "insecure"
                                        : "secure";
}

int secure_check_site(struct client *c, const struct site *asked, const char *host)
{
    const char *sni = c->peer.tls ? tls_sni(c->stream) : NULL;

    if (!c->peer.tls)
        return 0;
    if (sni && !host) {
        LOG_AT(&asked->log, LOG_SSL, LEVEL_ERROR, 2031, 0, c->peer.text,
               "Hostname %s provided via SNI, but no hostname provided in HTTP request", sni);
        return 400;
    }
    if (!sni && (ssl_site_of(c->site)->strict_sni || ssl_site_of(asked)->strict_sni)) {
        LOG_AT(&asked->log, LOG_SSL, LEVEL_ERROR, 2033, 0, c->peer.text,
               "No hostname was provided via SNI for a name based virtual host");
        return 403;
    }
    if (asked == c->tls_site || compatible(asked, c->tls_site))
        return 0;
    LOG_AT(&asked->log, LOG_SSL, LEVEL_ERROR, 2032, 0, c->peer.text,
           "Hostname %s %s and hostname %s provided via HTTP have no compatible SSL setup for policy '%s'",
           sni ? sni : c->tls_site->server_name, sni ? "provided via SNI" : "(default host as no SNI was provided)",
           host ? host : "(none)", policy_name(ssl_site_of(asked)->sni_policy));
    return 421;
}

static struct span look_up(const struct request *r, struct arena *a, const char *name)
{
    const struct client *c = CONTAINER_OF(r->peer, struct client, peer);

    return r->peer->tls && c->stream ? tls_variable(c->stream, a, name) : (struct span){ 0 };
}

void secure_begin(void)
{
    ssl_lookup = look_up;
}
