/* net, inside: what the tls_*.c files share. Only they know OpenSSL's types. */
#ifndef WEIR_TLS_IMPL_H
#define WEIR_TLS_IMPL_H

#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- contexts ---- */

struct ticket_key {
    unsigned char name[16], hmac[32], aes[32];
    unsigned char hmac_n, aes_n; /* 16 and 16, or 32 and 32 */
};

struct tls_own {         /* a pair's certificate */
    X509 *leaf, *issuer; /* issuer: where the chain has it, or NULL */
    unsigned char *staple;
    size_t staple_n;
};

#define TLS_CONTEXT_MAGIC 0x544c5343u
struct tls_context {
    uint32_t magic;
    _Atomic unsigned refs;
    SSL_CTX *ssl;
    enum tls_verify verify;
    int depth;
    bool server, crl_missing_ok;
    bool client_order_13; /* and not ours, where TLS 1.3 is agreed upon */
    unsigned char id[32]; /* session id context */
    unsigned n_own;
    struct tls_own *own;           /* one a pair */
    struct tls_machines *machines; /* towards backends; or NULL */
    unsigned char *alpn;           /* as on the wire: a length before each name */
    unsigned alpn_n;
    struct ticket_key *file_key; /* NULL: those of the process */
    pthread_mutex_t staple_lock; /* held for a copy only */
};

/* The reason in OpenSSL's words after ours: "what: error:0A…"; false for the caller to return. Empties the error queue.
 */
bool tls_say(char **error, const char *format, ...) PRINTF(2, 3);
bool tls_load_pair(struct tls_context *c, const struct tls_config *how, const struct tls_pair *p, char **error);
bool tls_load_chain(struct tls_context *c, const char *file, char **error);
bool tls_load_machines(struct tls_context *c, const struct tls_config *how, char **error);
void tls_machines_free(struct tls_machines *m);
bool tls_load_trust(struct tls_context *c, const struct tls_config *how, char **error);
FILE *tls_open(const char *file); /* for reading; NULL with errno */
bool tls_load_ticket_key(struct tls_context *c, const char *file, char **error);
int64_t tls_seconds(const ASN1_TIME *when); /* since the epoch */
void tls_use_tickets(struct tls_context *c);
void tls_tickets_rotate(void); /* what twelve hours do, for tests */
void tls_set_callbacks(struct tls_context *c);

/* ---- streams ---- */

struct tls_handshake { /* what only the handshake needs */
    struct tls_stream *of;
    struct timer timeout;
    bool chosen; /* the ClientHello was read and the context stands */
    tls_choose_fn *choose;
    void *choose_ctx;
    struct tls_context *next; /* chosen, and not the one the handshake began with */
    struct buf hello;         /* the bytes it began with, for a second reading with the chosen context */
    char *check_name;
    bool check_cn_only, check_expire;
};

#define TLS_STREAM_MAGIC 0x544c5353u
struct tls_stream {
    struct stream s;
    uint32_t magic;
    unsigned char fault; /* enum tls_fault */
    bool server : 1;
    bool drained : 1;       /* the last recv took all there was */
    bool writable : 1;      /* the socket, as far as is known */
    bool fin_seen : 1;      /* recv gave 0 */
    bool ended : 1;         /* close_notify, or what stands for it */
    bool broken : 1;        /* no more TLS on this connection */
    bool fin_later : 1;     /* shutdown(2) once unsent is gone */
    bool read_blocked : 1;  /* an answer of TLS itself must go out before reading goes on */
    bool write_blocked : 1; /* OpenSSL must first read the rest of a message of its own */
    bool closing : 1;       /* the owner is gone, what it wrote is not */
    int ah, os_error;
    SSL *ssl;
    struct tls_context *context;
    struct tls_handshake *handshake; /* NULL once it stands */
    struct buf unsent;               /* records the socket did not take yet */
    struct buf ticket;               /* goes out with the next record: tls_bio_keep_ticket */
    struct tls_session_cache *sessions;
    char *sni, *error;
    const char *verify_error; /* static text */
    uint64_t wrote_ms;
    unsigned burst; /* bytes written since the last pause */
};

extern const struct stream_kind tls_kind;
struct tls_stream *tls_of(const struct stream *s);
struct tls_stream *tls_of_ssl(const SSL *ssl);
/* A stream whose handshake begins with the first event; NULL with errno, the descriptor closed. */
struct tls_stream *tls_stream_new(struct loop *l, int fd, struct tls_context *c);
void tls_failed(struct tls_stream *t, enum tls_fault fault, int ah, const char *text); /* text NULL: OpenSSL's */
void tls_note_failure(struct tls_stream *t, int result); /* after a call of SSL_do_handshake */
bool tls_more_to_read(const struct tls_stream *t);
void tls_handshake_new(struct tls_stream *t);
void tls_handshake_go_on(struct tls_stream *t);
void tls_handshake_free(struct tls_stream *t);
bool tls_forgivable(int verify_error); /* an issuer that is not known: what optional_no_ca forgives */
bool tls_check_peer(struct tls_stream *t);
void tls_session_use(struct tls_stream *t);
int tls_on_new_session(SSL *ssl, SSL_SESSION *session);
struct tls_session_cache *tls_session_cache_hold(struct tls_session_cache *c);

/* SSL_get_error reads the thread's error queue, which is to hold this call's errors only. To look whether it is empty
 * costs 200 instructions: who may have left something there empties it; who moves data relies on that. */
static inline void tls_expect_no_errors(void)
{
#ifdef __SANITIZE_ADDRESS__ /* in tests it costs nothing */
    ASSERT(ERR_peek_error() == 0);
#endif
}
static inline void tls_forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

/* The BIO: writes are collected for the length of one call and leave by one send. */
BIO *tls_bio_new(struct tls_stream *t);
void tls_bio_flush(struct tls_stream *t);  /* sends what was collected; the rest goes to unsent */
void tls_bio_resume(struct tls_stream *t); /* sends unsent */
/* After a call that ended a server's handshake: in TLS 1.3 it wrote a ticket, or nothing, and a client who has asked
 * already waits for the answer alone: they share a packet. To others it goes at once: their kernel may hold the request
 * back until the handshake's last bytes are acknowledged (Nagle), which waits 40 ms for something to travel with. */
void tls_bio_keep_ticket(struct tls_stream *t);
struct tls_io_counts {
    unsigned long recvs, sends;
};
struct tls_io_counts tls_io_counts(void); /* of this thread, for tests */

#endif
