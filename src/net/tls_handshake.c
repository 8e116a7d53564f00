/* Handshakes: driven by events, with the context that the ClientHello's name asks for. RFC 8446 4; httpd:
 * ssl_io_filter_handshake. */
#include "tls_impl.h"

#include <stdlib.h>

static void begin(struct tls_stream *t)
{
    BIO *b;
    t->ssl = SSL_new(t->context->ssl);
    ASSERT(t->ssl);
    b = tls_bio_new(t);
    SSL_set_bio(t->ssl, b, b);
    if (t->server) {
        SSL_set_accept_state(t->ssl);
        return;
    }
    SSL_set_connect_state(t->ssl);
    if (t->sni)
        SSL_set_tlsext_host_name(t->ssl, t->sni);
    tls_session_use(t);
}

/* The name asks for another context: begin again with that one, which then holds in everything, and read the hello once
 * more. */
static void change_context(struct tls_stream *t)
{
    struct tls_handshake *h = t->handshake;
    SSL_free(t->ssl);
    tls_context_drop(t->context);
    t->context = h->next;
    h->next = NULL;
    begin(t);
}

enum step { STEP_DONE, STEP_WAIT, STEP_FAILED };

static enum step shake_hands(struct tls_stream *t)
{
    for (;;) {
        tls_forget_errors();
        int r = SSL_do_handshake(t->ssl);
        if (r == 1)
            return t->server || tls_check_peer(t) ? STEP_DONE : STEP_FAILED;
        switch (SSL_get_error(t->ssl, r)) {
        case SSL_ERROR_WANT_CLIENT_HELLO_CB: change_context(t); break;
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: return STEP_WAIT;
        default: tls_note_failure(t, r); return STEP_FAILED;
        }
    }
}

/* The alert is on its way; unread bytes at close(2) would let a reset overtake it. */
static void give_up(struct tls_stream *t)
{
    char rest[4096];
    tls_handshake_free(t);
    t->s.connecting = false;
    t->s.ready |= STREAM_FAILED;
    if (t->fault != TLS_HTTP_REQUEST) {
        shutdown(t->s.fd, SHUT_WR);
        for (int i = 0; i < 16 && recv(t->s.fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
            ;
    }
    t->s.on_ready(&t->s);
}

/* OpenSSL keeps the ephemeral keys as long as the connection: half a kilobyte, and a secret that has done its work. */
static void forget_keys(SSL *ssl)
{
    EVP_PKEY *ours = NULL, *theirs = NULL;

    if (SSL_get_tmp_key(ssl, &ours))
        EVP_PKEY_set_type(ours, EVP_PKEY_get_id(ours));
    if (SSL_get_peer_tmp_key(ssl, &theirs))
        EVP_PKEY_set_type(theirs, EVP_PKEY_get_id(theirs));
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    tls_forget_errors();
}

static void stand(struct tls_stream *t)
{
    t->s.connecting = false;
    t->s.ready |= STREAM_WRITABLE;
    if (tls_more_to_read(t))
        t->s.ready |= STREAM_READABLE;
    t->s.on_ready(&t->s);
}

static void on_timeout(struct timer *timer)
{
    struct tls_stream *t = CONTAINER_OF(timer, struct tls_handshake, timeout)->of;
    tls_failed(t, TLS_TIMEOUT, 0, "handshake timed out");
    give_up(t);
}

void tls_handshake_new(struct tls_stream *t)
{
    t->handshake = base_alloc(sizeof(*t->handshake));
    *t->handshake = (struct tls_handshake){ .of = t, .timeout.on_time = on_timeout };
}

void tls_handshake_free(struct tls_stream *t)
{
    struct tls_handshake *h = t->handshake;
    if (!h)
        return;
    timer_cancel(t->s.loop, &h->timeout);
    tls_context_drop(h->next);
    buf_release(&h->hello);
    free(h->check_name);
    free(h);
    t->handshake = NULL;
}

void tls_handshake_go_on(struct tls_stream *t)
{
    struct tls_handshake *h = t->handshake;

    if (h) {
        enum step step;
        if (!t->ssl)
            begin(t);
        step = shake_hands(t);
        if (step == STEP_DONE)
            tls_bio_keep_ticket(t);
        tls_bio_flush(t);
        if (step == STEP_FAILED) {
            give_up(t);
            return;
        }
        if (step == STEP_WAIT)
            return;
        tls_handshake_free(t);
        forget_keys(t->ssl);
    }
    if (!buf_len(&t->unsent))
        stand(t);
}

struct stream *stream_tls_accept(struct loop *l, int fd, const struct tls_accept *how,
                                 void (*on_ready)(struct stream *), void *owner)
{
    struct tls_stream *t = tls_stream_new(l, fd, how->context);
    if (!t)
        return NULL;
    t->s.on_ready = on_ready;
    t->s.owner = owner;
    t->handshake->choose = how->choose;
    t->handshake->choose_ctx = how->choose_ctx;
    if (how->timeout_ms)
        timer_set(l, &t->handshake->timeout, how->timeout_ms);
    return &t->s;
}
