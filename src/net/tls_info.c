/* What is known of an established session. The SSL_* variables are formatted as mod_ssl does: ssl_engine_vars.c. */
#include "tls_impl.h"
#include "tls_vars.h"

#include <stdio.h>
#include <stdlib.h>

const char *tls_sni(const struct stream *s)
{
    return tls_of(s)->sni;
}

const char *tls_alpn(const struct stream *s, size_t *n)
{
    const unsigned char *name = NULL;
    unsigned size = 0;
    if (tls_of(s)->ssl)
        SSL_get0_alpn_selected(tls_of(s)->ssl, &name, &size);
    *n = size;
    return (const char *)name;
}

bool tls_client_verified(const struct stream *s)
{
    const SSL *ssl = tls_of(s)->ssl;
    return ssl && SSL_get0_peer_certificate(ssl) && SSL_get_verify_result(ssl) == X509_V_OK && !tls_of(s)->verify_error;
}

/* ---- variables of the connection ---- */

static struct span text_of(struct arena *a, const char *text)
{
    return text ? span_of(arena_strdup(a, text)) : (struct span){ 0 };
}

static struct span number(struct arena *a, int value)
{
    return span_of(arena_printf(a, "%d", value));
}

static struct span session_id(const struct tls_stream *t, struct arena *a)
{
    static const char hex[] = "0123456789abcdef";
    const SSL_SESSION *session = SSL_get0_session(t->ssl);
    unsigned n = 0;
    const unsigned char *id = session ? SSL_SESSION_get_id(session, &n) : NULL;
    char *out;

    if (!session)
        return (struct span){ 0 };
    out = arena_alloc(a, n * 2 + 1);
    for (unsigned i = 0; i < n; i++)
        out[i * 2] = hex[id[i] >> 4], out[i * 2 + 1] = hex[id[i] & 15];
    return (struct span){ out, n * 2 };
}

static struct span cipher(const struct tls_stream *t, struct arena *a, const char *rest)
{
    const SSL_CIPHER *c = SSL_get_current_cipher(t->ssl);
    int all = 0, used = c ? SSL_CIPHER_get_bits(c, &all) : 0;

    if (!*rest)
        return c ? text_of(a, SSL_CIPHER_get_name(c)) : (struct span){ 0 };
    if (strcasecmp(rest, "_EXPORT") == 0)
        return used < 56 ? SPAN("true") : SPAN("false");
    if (strcasecmp(rest, "_USEKEYSIZE") == 0)
        return number(a, used);
    if (strcasecmp(rest, "_ALGKEYSIZE") == 0)
        return number(a, all);
    return (struct span){ 0 };
}

/* An unknown issuer forgiven by optional_no_ca is GENEROUS; in TLS 1.3 httpd says FAILED all the same. */
static bool generous(const struct tls_stream *t, long result)
{
    return t->context->verify == TLS_VERIFY_OPTIONAL_NO_CA && tls_forgivable((int)result) &&
           SSL_version(t->ssl) < TLS1_3_VERSION;
}

static struct span client_verify(const struct tls_stream *t, struct arena *a)
{
    long result = SSL_get_verify_result(t->ssl);

    if (result == X509_V_OK && !t->verify_error)
        return SSL_get0_peer_certificate(t->ssl) ? SPAN("SUCCESS") : SPAN("NONE");
    if (!t->verify_error && generous(t, result))
        return SPAN("GENEROUS");
    return span_of(
        arena_printf(a, "FAILED:%s", t->verify_error ? t->verify_error : X509_verify_cert_error_string(result)));
}

static struct span chain_certificate(const struct tls_stream *t, struct arena *a, const char *digits)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl);
    uint64_t i;

    if (!span_to_u64(span_of(digits), &i) || i >= (uint64_t)(chain ? sk_X509_num(chain) : 0))
        return (struct span){ 0 };
    return tls_certificate_pem(sk_X509_value(chain, (int)i), a);
}

static struct span resumed(const struct tls_stream *t, struct arena *a)
{
    (void)a;
    return SSL_session_reused(t->ssl) ? SPAN("Resumed") : SPAN("Initial");
}

static struct span protocol(const struct tls_stream *t, struct arena *a)
{
    return text_of(a, SSL_get_version(t->ssl));
}

static struct span secure_renegotiation(const struct tls_stream *t, struct arena *a)
{
    (void)a;
    return SSL_get_secure_renegotiation_support(t->ssl) ? SPAN("true") : SPAN("false");
}

static struct span compression(const struct tls_stream *t, struct arena *a)
{
    (void)t;
    (void)a;
    return SPAN("NULL"); /* never on */
}

static struct span sni(const struct tls_stream *t, struct arena *a)
{
    return text_of(a, t->sni);
}

static struct span verify_error(const struct tls_stream *t, struct arena *a)
{
    return text_of(a, t->verify_error);
}

static struct span exact_assertion(const struct tls_stream *t, struct arena *a)
{
    const X509 *x = SSL_get0_peer_certificate(t->ssl);
    return x ? tls_certificate_assertion(x, a) : (struct span){ 0 };
}

static const struct {
    const char *name;
    struct span (*get)(const struct tls_stream *t, struct arena *a);
} simple[] = { { "PROTOCOL", protocol },
               { "SESSION_ID", session_id },
               { "SESSION_RESUMED", resumed },
               { "SECURE_RENEG", secure_renegotiation },
               { "COMPRESS_METHOD", compression },
               { "TLS_SNI", sni },
               { "CLIENT_VERIFY", client_verify },
               { "CLIENT_VERIFY_ERRSTR", verify_error },
               { "CLIENT_CERT_RFC4523_CEA", exact_assertion } };

static bool after(const char *name, const char *prefix, const char **rest)
{
    size_t n = strlen(prefix);
    if (strncasecmp(name, prefix, n) != 0)
        return false;
    *rest = name + n;
    return true;
}

/* Of one certificate or another; the name is what follows SSL_. */
static struct span of_certificates(const struct tls_stream *t, struct arena *a, const char *name)
{
    const X509 *x;
    const char *rest;

    if (after(name, "CIPHER", &rest))
        return cipher(t, a, rest);
    if (after(name, "CLIENT_CERT_CHAIN_", &rest))
        return chain_certificate(t, a, rest);
    if (after(name, "CLIENT_", &rest))
        x = SSL_get0_peer_certificate(t->ssl);
    else if (after(name, "SERVER_", &rest))
        x = SSL_get_certificate(t->ssl);
    else
        return (struct span){ 0 };
    return x ? tls_certificate_variable(x, a, rest) : (struct span){ 0 };
}

struct span tls_variable(const struct stream *s, struct arena *a, const char *name)
{
    const struct tls_stream *t = tls_of(s);
    const char *rest;
    struct span value;

    if (strcasecmp(name, "HTTPS") == 0)
        return SPAN("on");
    if (!t->ssl || !after(name, "SSL_", &rest))
        return (struct span){ 0 };
    for (unsigned i = 0; i < COUNT_OF(simple); i++)
        if (strcasecmp(rest, simple[i].name) == 0)
            return simple[i].get(t, a);
    value = of_certificates(t, a, rest);
    tls_forget_errors(); /* a peer's certificate may hold what OpenSSL cannot read */
    return value;
}
