/* What went wrong, in words and by kind. httpd: ssl_io_filter_handshake, ssl_log_ssl_error. */
#include "tls_impl.h"

#include <stdio.h>
#include <stdlib.h>

static void openssl_words(char *out, size_t size)
{
    unsigned long first = ERR_peek_error();
    out[0] = '\0';
    if (first)
        ERR_error_string_n(first, out, size);
}

bool tls_say(char **error, const char *format, ...)
{
    char what[1024], words[256];
    va_list args;
    size_t n;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    openssl_words(words, sizeof(words));
    ERR_clear_error();
    n = strlen(what) + strlen(words) + 3;
    *error = base_alloc(n);
    snprintf(*error, n, "%s%s%s", what, words[0] ? ": " : "", words);
    return false;
}

void tls_failed(struct tls_stream *t, enum tls_fault fault, int ah, const char *text)
{
    char words[256];

    openssl_words(words, sizeof(words));
    if (!t->fault) {
        t->fault = (unsigned char)fault;
        t->ah = ah;
        t->error = base_strdup(text          ? text
                               : words[0]    ? words
                               : t->os_error ? strerror(t->os_error)
                                             : "connection broke");
    }
    t->broken = true;
    t->s.ready |= STREAM_FAILED | STREAM_READABLE;
    ERR_clear_error();
}

static enum tls_fault fault_of_reason(const struct tls_stream *t, int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST: return TLS_HTTP_REQUEST;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return t->server ? TLS_CLIENT_CERT : TLS_PEER_CERT;
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_LENGTH_TOO_SHORT: return TLS_NOT_TLS;
    default: return TLS_OTHER;
    }
}

static int ah_of(const struct tls_stream *t, int ssl_error)
{
    if (!t->server)
        return 2003;
    return ssl_error == SSL_ERROR_ZERO_RETURN ? 2006 : ssl_error == SSL_ERROR_SYSCALL ? 2007 : 2008;
}

void tls_note_failure(struct tls_stream *t, int result)
{
    int ssl_error = SSL_get_error(t->ssl, result);
    unsigned long first = ERR_peek_error();
    bool ended =
        !first || (ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_UNEXPECTED_EOF_WHILE_READING);

    if (ended) {
        const char *why = t->os_error ? strerror(t->os_error) : "connection was closed";
        tls_failed(t, TLS_ENDED, ah_of(t, t->os_error ? SSL_ERROR_SYSCALL : SSL_ERROR_ZERO_RETURN), why);
    } else {
        enum tls_fault fault =
            ERR_GET_LIB(first) == ERR_LIB_SSL ? fault_of_reason(t, ERR_GET_REASON(first)) : TLS_OTHER;
        char words[512], *at = words;
        openssl_words(words, sizeof(words) / 2);
        if ((fault == TLS_CLIENT_CERT || fault == TLS_PEER_CERT) && t->verify_error)
            at += strlen(words), snprintf(at, sizeof(words) / 2, " (%s)", t->verify_error);
        tls_failed(t, fault, ah_of(t, ssl_error), words);
    }
}

enum tls_fault tls_fault(const struct stream *s)
{
    return tls_of(s)->fault;
}

int tls_fault_ah(const struct stream *s)
{
    return tls_of(s)->ah;
}

const char *tls_error(const struct stream *s, char *out, size_t size)
{
    const struct tls_stream *t = tls_of(s);
    snprintf(out, size, "%s", t->error ? t->error : "");
    return out;
}
