/* A stream that a tunnel takes over: from there on it carries application data, and nobody asks about its handshake. In
 * OpenSSL 3.0 what only a handshake needs lives as long as the connection: the session with its resumption secret and
 * the connection's copy of the certificate table, 1.6 KB of 13. SSL_dup shares both between connections that stand, by
 * SSL_copy_session_id; here they are exchanged for those of one blank connection that all settled ones share.
 *
 * Why TLS 1.3 alone: in TLS 1.2 the record layer decides by the session whether there is a MAC. Why servers alone: a
 * client's session must be there when the server's ticket comes, which is after the handshake. */
#include "tls_impl.h"

#include <stdlib.h>

enum { FIRST_CIPHER = 0x1301, CIPHERS = 5 }; /* of TLS 1.3: RFC 8446 B.4 */

static SSL *_Atomic blanks[CIPHERS]; /* one a cipher, for good */

/* A server's connection of this version and cipher without certificates, secrets or a peer. Its context has the method
 * of the version that was agreed, or SSL_set_session would begin that connection anew. */
static SSL *make_blank(const SSL *like)
{
    SSL_CTX *context = SSL_CTX_new(SSL_get_ssl_method(like));
    SSL_SESSION *session = SSL_SESSION_new();
    SSL *blank = context ? SSL_new(context) : NULL;

    ASSERT(blank && session && SSL_SESSION_set_cipher(session, SSL_get_current_cipher(like)) &&
           SSL_SESSION_set_protocol_version(session, SSL_version(like)) && SSL_set_session(blank, session));
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
    return blank;
}

static const SSL *blank_like(const SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    unsigned i = cipher ? SSL_CIPHER_get_protocol_id(cipher) - FIRST_CIPHER : CIPHERS;
    SSL *there, *made;

    if (i >= CIPHERS)
        return NULL;
    there = atomic_load(&blanks[i]);
    if (there)
        return there;
    made = make_blank(ssl);
    if (atomic_compare_exchange_strong(&blanks[i], &there, made))
        return made;
    SSL_free(made);
    return there;
}

/* The exchange was read out of the sources of 3.0; others keep what they have. */
static bool known_library(void)
{
    return OpenSSL_version_num() >> 20 == 0x300;
}

/* Records no longer than the client asked for (RFC 6066 4): the session knows that. */
static bool bounds_records(const SSL *ssl)
{
    unsigned mode = SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl));
    return mode >= TLSEXT_max_fragment_length_512 && mode <= TLSEXT_max_fragment_length_4096;
}

static bool may_settle(const struct tls_stream *t)
{
    return t->server && !t->s.connecting && !t->broken && known_library() && SSL_version(t->ssl) == TLS1_3_VERSION &&
           !SSL_in_init(t->ssl) && !bounds_records(t->ssl);
}

/* The client's list of ciphers; to reserve nothing gives back what a stack has to spare. */
static void forget_ciphers(SSL *ssl)
{
    STACK_OF(SSL_CIPHER) *offered = SSL_get_client_ciphers(ssl);

    if (!offered)
        return;
    sk_SSL_CIPHER_zero(offered);
    sk_SSL_CIPHER_reserve(offered, 0);
}

void stream_tls_settle(struct stream *s)
{
    struct tls_stream *t = tls_of(s);
    const SSL *blank = may_settle(t) ? blank_like(t->ssl) : NULL;
    int shut;

    free(t->sni);
    t->sni = NULL;
    if (!blank || SSL_get_ssl_method(blank) != SSL_get_ssl_method(t->ssl) ||
        !SSL_set_SSL_CTX(t->ssl, SSL_get_SSL_CTX(blank)))
        return;
    shut = SSL_get_shutdown(t->ssl);
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN); /* or the session would count as spoilt: it may be resumed */
    ASSERT(SSL_copy_session_id(t->ssl, blank) && SSL_version(t->ssl) == TLS1_3_VERSION);
    SSL_set_shutdown(t->ssl, shut);
    forget_ciphers(t->ssl);
    tls_forget_errors();
}
