/* TLS behind the stream face: contexts (OpenSSL's SSL_CTX, made once a configuration, counted, shared by threads) and streams.
 * All of OpenSSL's TLS is in this room; other rooms see these structs only. RFC 8446, RFC 5246; httpd: mod_ssl. */
#ifndef WEIR_TLS_H
#define WEIR_TLS_H

#include "net.h"

/* Before anything of OpenSSL's is used: buffers for records stay with the thread. Too late, it does nothing. */
void tls_keep_buffers(void);

/* ---- contexts ------------------------------------------------------------------------------------------- */

enum { TLS_1_0 = 1, TLS_1_1 = 2, TLS_1_2 = 4, TLS_1_3 = 8 };
enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_OPTIONAL, TLS_VERIFY_REQUIRE, TLS_VERIFY_OPTIONAL_NO_CA };
enum tls_crl { TLS_CRL_NONE, TLS_CRL_LEAF, TLS_CRL_CHAIN }; /* SSLCARevocationCheck; no_crl_for_cert_ok is a flag of its own */
/* Whose order of ciphers: mixed is the server's up to TLS 1.2, but ChaCha20 for a client that names it first, and the
 * client's of TLS 1.3's suites, which are all strong. */
enum tls_order { TLS_ORDER_CLIENT, TLS_ORDER_SERVER, TLS_ORDER_MIXED };
struct tls_pair { /* SSLCertificateFile with its SSLCertificateKeyFile */
    const char *cert, *key; /* key NULL: in the certificate's file */
};
struct tls_command {
    const char *name, *value; /* SSLOpenSSLConfCmd */
};
struct tls_key_question {
    const char *file;
    unsigned index;   /* which of the pairs */
    unsigned attempt; /* 0: the first; asked again while the answer does not fit */
};
struct tls_config { /* strings are borrowed for the call */
    const char *name;          /* "host:port" of the site, for messages */
    bool server;               /* in front; false: towards backends */
    const struct tls_pair *pairs;
    unsigned n_pairs;
    const char *chain_file;    /* SSLCertificateChainFile */
    const char *machine_file, *machine_path, *machine_chain; /* SSLProxyMachineCertificate… */
    const char *ca_file, *ca_path, *ca_names_file, *ca_names_path, *crl_file, *crl_path;
    enum tls_verify verify;
    int depth;
    enum tls_crl crl;
    bool crl_missing_ok;
    unsigned protocols;        /* TLS_1_2 | TLS_1_3 */
    const char *ciphers;       /* up to TLS 1.2; NULL: OpenSSL's */
    const char *suites;        /* TLS 1.3 */
    enum tls_order order;
    bool compression, tickets, insecure_renegotiation;
    const char *ticket_key_file; /* 48 or 80 bytes, as SSLSessionTicketKeyFile */
    int session_timeout_s;
    bool session_cache;
    const struct tls_command *commands;
    unsigned n_commands;
    const char *alpn;          /* "http/1.1" or "h2,http/1.1": order of preference; NULL: none */
    /* The passphrase of an encrypted key: written into out, its length, or -1: there is no other. */
    int (*passphrase)(void *ctx, const struct tls_key_question *q, char *out, int size);
    void (*passphrase_fits)(void *ctx, const char *phrase, int n);
    void *passphrase_ctx;
};
struct tls_context;
/* Builds it: reads files. NULL and *error (malloc'd, with what OpenSSL says) on a fault. */
struct tls_context *tls_context_new(const struct tls_config *c, char **error);
struct tls_context *tls_context_hold(struct tls_context *c);
void tls_context_drop(struct tls_context *c);
/* What the leaf of pair i says: names (subjectAltName and CN, NUL-terminated each, malloc'd vector ended by NULL), notAfter. */
struct tls_leaf {
    char **names;      /* those of subjectAltName first */
    unsigned n_alternative;
    int64_t not_after; /* seconds since the epoch */
    char *serial, *kind; /* "RSA", "EC" */
};
bool tls_context_leaf(const struct tls_context *c, unsigned i, struct tls_leaf *leaf);
void tls_leaf_release(struct tls_leaf *leaf);
bool tls_name_matches(const char *pattern, const char *name); /* as modssl_X509_match_name: "*." stands for one label */
/* How certificates, keys and ticket keys are opened where open(2) says EACCES: the keeper of privileges, set before any
 * context is made; -1 with errno. */
void tls_set_opener(int (*open_read)(const char *path));
/* The OCSP answer to be stapled for pair i: copied; NULL takes it away. Any thread. */
void tls_context_staple(struct tls_context *c, unsigned i, struct span der);

/* ---- OCSP: the answer to be stapled, RFC 6960 ------------------------------------------------------------------- */

/* A question about the certificate of pair i, and the reading of answers; immutable once made. NULL: who issued it is
 * neither in the chain nor among the authorities. */
struct tls_ocsp;
struct tls_ocsp *tls_ocsp_new(const struct tls_context *c, unsigned i);
void tls_ocsp_free(struct tls_ocsp *o);
const char *tls_ocsp_url(const struct tls_ocsp *o);    /* the certificate's; NULL: it names none */
const char *tls_ocsp_key(const struct tls_ocsp *o);    /* the certificate's digest */
struct span tls_ocsp_request(const struct tls_ocsp *o); /* DER */
enum tls_ocsp_verdict {
    TLS_OCSP_GOOD,     /* fit to be stapled, and so says the status */
    TLS_OCSP_BAD_CERT, /* the same, but the certificate is revoked or unknown: status, reason */
    TLS_OCSP_REFUSED,  /* the responder's own error: status */
    TLS_OCSP_GARBAGE,  /* it cannot be read */
    TLS_OCSP_BASIC,    /* its inner part cannot */
    TLS_OCSP_OTHER,    /* about another certificate */
    TLS_OCSP_TIMES,    /* not valid now */
    TLS_OCSP_FORGED,   /* not signed by whom it should be */
};
struct tls_ocsp_answer {
    enum tls_ocsp_verdict verdict;
    const char *status, *reason; /* static text */
    int64_t next_update;         /* seconds since the epoch; 0: it does not say */
};
/* max_age_s -1: none. */
struct tls_ocsp_answer tls_ocsp_read(const struct tls_ocsp *o, struct span der, int skew_s, int max_age_s);

/* ---- streams ------------------------------------------------------------------------------------------------- */

/* Asked once the ClientHello is read: the context for this name (NULL sni: none sent), or NULL: refused with unrecognized_name.
 * ctx is the stream's `hello_ctx`. */
typedef struct tls_context *tls_choose_fn(void *ctx, const char *sni);
struct tls_accept {
    struct tls_context *context; /* until the choice */
    tls_choose_fn *choose;       /* NULL: context stays */
    void *choose_ctx;
    uint64_t timeout_ms;         /* handshake; 0 none (the owner has its own) */
};
/* A client's connection: on_ready comes with WRITABLE once the handshake stands (`connecting` is false then), or with FAILED:
 * then tls_error says why. Takes fd. */
struct stream *stream_tls_accept(struct loop *l, int fd, const struct tls_accept *how, void (*on_ready)(struct stream *), void *owner);
struct tls_connect {
    struct tls_context *context;
    const char *sni;             /* NULL: none (an address) */
    const char *check_name;      /* SSLProxyCheckPeerName/CN: the certificate must cover it; NULL: not checked */
    bool check_cn_only, check_expire;
    struct tls_session_cache *sessions; /* NULL or where sessions to this origin are kept */
};
/* Begins TLS on a connected TCP stream, which becomes the TLS stream's (its owner and callback move): on_ready as above. */
struct stream *stream_tls_connect(struct stream *tcp, const struct tls_connect *how, void (*on_ready)(struct stream *), void *owner);
bool stream_is_tls(const struct stream *s);
/* From here on it carries application data only: what the handshake left behind is given back where that can be done,
 * and the variables below are gone. */
void stream_tls_settle(struct stream *s);
enum tls_fault { TLS_OK, TLS_HTTP_REQUEST /* plain HTTP on a TLS port */, TLS_NOT_TLS, TLS_ENDED, TLS_NO_SITE, TLS_CLIENT_CERT, TLS_PEER_CERT, TLS_OTHER,
    TLS_TIMEOUT };
enum tls_fault tls_fault(const struct stream *s);
/* Text for the log: reason and OpenSSL's words; into out. */
const char *tls_error(const struct stream *s, char *out, size_t size);
int tls_fault_ah(const struct stream *s); /* the AH number mod_ssl logs it with, 0: none */
/* For TLS_HTTP_REQUEST: the descriptor back as a plain stream so that the 400 page can be sent; the TLS stream is gone. The bytes
 * read so far are lost on purpose: the request is not to be served. */
struct stream *stream_tls_to_plain(struct stream *s, void (*on_ready)(struct stream *), void *owner);

/* ---- what is known of an established session: for SSL_* variables ----------------------------------------------- */

/* The variable's value ("SSL_PROTOCOL", "SSL_CLIENT_S_DN_CN", …) in the arena; {NULL,0} when it has none. */
struct span tls_variable(const struct stream *s, struct arena *a, const char *name);
const char *tls_sni(const struct stream *s);   /* NULL: none */
const char *tls_alpn(const struct stream *s, size_t *n);
bool tls_client_verified(const struct stream *s);

struct tls_session_cache *tls_session_cache_new(void); /* one an origin and thread */
void tls_session_cache_free(struct tls_session_cache *c);

#endif
