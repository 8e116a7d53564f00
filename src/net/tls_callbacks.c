/* What OpenSSL asks during a handshake: whose name, which protocol, is this certificate good enough, is there an OCSP
 * answer. httpd: ssl_callback_ClientHello, _alpn_select, _SSLVerify, stapling_cb. RFC 6066 3, RFC 7301. */
#include "tls_impl.h"

#include <openssl/x509.h>
#include <stdlib.h>

/* ---- the name ---- */

static unsigned take16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* A list of names, of which there is one of type host_name. NULL: absent or malformed, which OpenSSL refuses by itself
 * later. */
static char *read_sni(SSL *ssl)
{
    const unsigned char *p;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 || take16(p) != n - 2)
        return NULL;
    if (p[2] != TLSEXT_NAMETYPE_host_name || take16(p + 3) != n - 5 || n - 5 == 0 || n - 5 > 255 ||
        memchr(p + 5, 0, n - 5))
        return NULL;
    char *name = base_alloc(n - 5 + 1);
    memcpy(name, p + 5, n - 5);
    return name;
}

/* ---- whose order of ciphers ---- */

static bool offers_13(SSL *ssl)
{
    const unsigned char *p;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &p, &n) != 1 || n % 2 == 0 || p[0] != n - 1)
        return false;
    for (size_t i = 1; i < n; i += 2)
        if (take16(p + i) == TLS1_3_VERSION)
            return true;
    return false;
}

static int go_on_with(SSL *ssl, const struct tls_context *c)
{
    if (c->client_order_13 && offers_13(ssl))
        SSL_clear_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_stream *t = tls_of_ssl(ssl);
    struct tls_handshake *h = t->handshake;
    struct tls_context *c;

    (void)arg;
    if (!h || h->chosen)
        return go_on_with(ssl, t->context);
    h->chosen = true;
    t->sni = read_sni(ssl);
    c = h->choose ? h->choose(h->choose_ctx, t->sni) : t->context;
    if (!c) {
        tls_failed(t, TLS_NO_SITE, 0, "no site of this name");
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (c == t->context) {
        buf_release(&h->hello);
        return go_on_with(ssl, c);
    }
    h->next = tls_context_hold(c);
    return SSL_CLIENT_HELLO_RETRY;
}

/* The name was seen to already; this says so to the client. */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- the protocol ---- */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n,
                   void *arg)
{
    const struct tls_context *c = arg;
    unsigned char *chosen;

    (void)ssl;
    if (!c->alpn || SSL_select_next_proto(&chosen, n, c->alpn, c->alpn_n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- the peer's certificate ---- */

bool tls_forgivable(int error)
{
    return error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || error == X509_V_ERR_CERT_UNTRUSTED ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static int on_verify(int ok, X509_STORE_CTX *x)
{
    struct tls_stream *t = tls_of_ssl(X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const struct tls_context *c = t->context;
    int error = X509_STORE_CTX_get_error(x);

    if (c->verify == TLS_VERIFY_NONE)
        return 1;
    if (c->verify == TLS_VERIFY_OPTIONAL_NO_CA && tls_forgivable(error))
        ok = 1;
    if (!ok && error == X509_V_ERR_UNABLE_TO_GET_CRL && c->crl_missing_ok) {
        X509_STORE_CTX_set_error(x, X509_V_OK);
        ok = 1;
    }
    if (!ok && error == X509_V_ERR_CRL_HAS_EXPIRED) /* or the alert would say that the certificate has */
        X509_STORE_CTX_set_error(x, -1);
    if (X509_STORE_CTX_get_error_depth(x) > c->depth) {
        error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
        X509_STORE_CTX_set_error(x, error);
        ok = 0;
    }
    if (!ok)
        t->verify_error = X509_verify_cert_error_string(error);
    return ok;
}

static int verify_mode(const struct tls_context *c)
{
    switch (c->verify) {
    case TLS_VERIFY_NONE: return SSL_VERIFY_NONE;
    case TLS_VERIFY_REQUIRE: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    default: return SSL_VERIFY_PEER;
    }
}

/* ---- stapling ---- */

static int on_status(SSL *ssl, void *arg)
{
    struct tls_context *c = arg;
    const struct tls_own *own = c->own, *end = c->own + c->n_own;
    unsigned char *copy = NULL;
    size_t n = 0;

    while (own < end && own->leaf != SSL_get_certificate(ssl))
        own++;
    if (own == end)
        return SSL_TLSEXT_ERR_NOACK;
    pthread_mutex_lock(&c->staple_lock);
    if (own->staple && (copy = OPENSSL_malloc(own->staple_n)) != NULL) {
        n = own->staple_n;
        memcpy(copy, own->staple, n);
    }
    pthread_mutex_unlock(&c->staple_lock);
    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)n); /* which owns it from here */
    return SSL_TLSEXT_ERR_OK;
}

void tls_set_callbacks(struct tls_context *c)
{
    SSL_CTX_set_app_data(c->ssl, c);
    SSL_CTX_set_verify(c->ssl, verify_mode(c), on_verify);
    if (!c->server)
        return;
    SSL_CTX_set_client_hello_cb(c->ssl, on_client_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(c->ssl, on_servername);
    SSL_CTX_set_alpn_select_cb(c->ssl, on_alpn, c);
    SSL_CTX_set_tlsext_status_cb(c->ssl, on_status);
    SSL_CTX_set_tlsext_status_arg(c->ssl, c);
}
