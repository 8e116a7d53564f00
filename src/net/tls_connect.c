/* TLS towards backends: SNI, whether the peer is who it should be, sessions used again.
 * httpd: ssl_io_filter_handshake's proxy part, modssl_X509_match_name. */
#include "tls_impl.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

struct stream *stream_tls_connect(struct stream *tcp, const struct tls_connect *how, void (*on_ready)(struct stream *),
                                  void *owner)
{
    struct loop *l = tcp->loop;
    struct tls_stream *t = tls_stream_new(l, stream_release(tcp), how->context);

    if (!t)
        return NULL;
    t->s.on_ready = on_ready;
    t->s.owner = owner;
    t->sni = how->sni ? base_strdup(how->sni) : NULL;
    t->handshake->check_name = how->check_name ? base_strdup(how->check_name) : NULL;
    t->handshake->check_cn_only = how->check_cn_only;
    t->handshake->check_expire = how->check_expire;
    t->sessions = tls_session_cache_hold(how->sessions);
    return &t->s;
}

/* ---- is it who it should be? ---- */

bool tls_name_matches(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');
    if (pattern[0] == '*' && pattern[1] == '.' && dot && strcasecmp(pattern + 1, dot) == 0)
        return true;
    return strcasecmp(pattern, name) == 0;
}

static bool text_matches(const ASN1_STRING *text, const char *name)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, text);
    /* a NUL inside is a forger's */
    bool yes = n > 0 && memchr(utf8, 0, (size_t)n) == NULL && tls_name_matches((const char *)utf8, name);
    OPENSSL_free(utf8);
    return yes;
}

static bool cn_matches(const X509 *cert, const char *name, bool first_only)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int i = -1;

    while ((i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0) {
        if (text_matches(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), name))
            return true;
        if (first_only)
            return false;
    }
    return false;
}

/* Alternative names and then common names, these too when there are those: so does httpd. */
static bool certificate_covers(const X509 *cert, const char *name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool yes = false;

    for (int i = 0; !yes && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        yes = g->type == GEN_DNS && text_matches(g->d.dNSName, name);
    }
    GENERAL_NAMES_free(names);
    return yes || cn_matches(cert, name, false);
}

static bool in_its_time(const X509 *cert)
{
    return cert && X509_cmp_current_time(X509_get0_notBefore(cert)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(cert)) > 0;
}

static void name_fault(struct tls_stream *t, const X509 *cert)
{
    const struct tls_handshake *h = t->handshake;
    char text[768], cn[256] = "";

    if (h->check_cn_only) {
        if (cert)
            X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
        snprintf(text, sizeof(text),
                 "SSL Proxy: Peer certificate CN mismatch: Certificate CN: %s Requested hostname: %.255s", cn,
                 h->check_name);
    } else {
        snprintf(text, sizeof(text), "SSL Proxy: Peer certificate does not match for hostname %.255s", h->check_name);
    }
    tls_failed(t, TLS_PEER_CERT, h->check_cn_only ? 2005 : 2411, text);
}

/* Kilobytes that nobody asks for again; the leaf stays, for the next use of the session. */
static void forget_chain(SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    while (chain && sk_X509_num(chain) > 1)
        X509_free(sk_X509_pop(chain));
}

/* Of each connection, resumed ones too: the session remembers the certificate, and time goes on. */
bool tls_check_peer(struct tls_stream *t)
{
    const struct tls_handshake *h = t->handshake;
    const X509 *cert = SSL_get0_peer_certificate(t->ssl);
    bool named;

    if (h->check_expire && !in_its_time(cert)) {
        tls_failed(t, TLS_PEER_CERT, 2004, "SSL Proxy: Peer certificate is expired");
        return false;
    }
    forget_chain(t->ssl);
    if (!h->check_name)
        return true;
    named =
        cert && (h->check_cn_only ? cn_matches(cert, h->check_name, true) : certificate_covers(cert, h->check_name));
    if (!named)
        name_fault(t, cert);
    return named;
}

/* ---- sessions kept for an origin: by one thread, so that counting needs no atomics ---- */

enum { KEPT = 8 };
struct tls_session_cache {
    unsigned refs, n;
    SSL_SESSION *kept[KEPT]; /* oldest first */
};

struct tls_session_cache *tls_session_cache_new(void)
{
    struct tls_session_cache *c = base_alloc(sizeof(*c));
    c->refs = 1;
    return c;
}

struct tls_session_cache *tls_session_cache_hold(struct tls_session_cache *c)
{
    if (c)
        c->refs++;
    return c;
}

static SSL_SESSION *take_out(struct tls_session_cache *c, unsigned i)
{
    SSL_SESSION *s = c->kept[i];
    memmove(c->kept + i, c->kept + i + 1, (--c->n - i) * sizeof(*c->kept));
    return s;
}

void tls_session_cache_free(struct tls_session_cache *c)
{
    if (!c || --c->refs)
        return;
    while (c->n)
        SSL_SESSION_free(take_out(c, 0));
    free(c);
}

/* 1: the session is ours now. */
int tls_on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session_cache *c = tls_of_ssl(ssl)->sessions;
    if (!c)
        return 0;
    if (c->n == KEPT)
        SSL_SESSION_free(take_out(c, 0));
    c->kept[c->n++] = session;
    return 1;
}

static bool usable(const struct tls_stream *t, const SSL_SESSION *s)
{
    unsigned n;
    const unsigned char *id = SSL_SESSION_get0_id_context(s, &n);
    /* OpenSSL would end the handshake over a session of another context */
    return n == sizeof(t->context->id) && memcmp(id, t->context->id, n) == 0 && SSL_SESSION_is_resumable(s) &&
           SSL_SESSION_get_time(s) + SSL_SESSION_get_timeout(s) > loop_wall_us(t->s.loop) / 1000000;
}

/* The newest that still holds. Those of TLS 1.3 are used once (RFC 8446 C.4). */
void tls_session_use(struct tls_stream *t)
{
    struct tls_session_cache *c = t->sessions;
    for (unsigned i = c ? c->n : 0; i-- > 0;) {
        SSL_SESSION *s = c->kept[i];
        if (!usable(t, s))
            continue;
        SSL_set_session(t->ssl, s);
        if (SSL_SESSION_get_protocol_version(s) == TLS1_3_VERSION)
            SSL_SESSION_free(take_out(c, i));
        return;
    }
}
