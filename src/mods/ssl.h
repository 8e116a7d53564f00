/* mod_ssl's settings as serve reads them; the rows are in ssl_rows.c. No OpenSSL here: net/tls.h builds contexts of
 * these. */
#ifndef WEIR_SSL_H
#define WEIR_SSL_H

#include "mods.h"

enum { SSL_PROTO_1_0 = 1, SSL_PROTO_1_1 = 2, SSL_PROTO_1_2 = 4, SSL_PROTO_1_3 = 8 }; /* = TLS_1_0 … of net */
enum { SSL_VERIFY_OFF, SSL_VERIFY_OPT, SSL_VERIFY_REQ, SSL_VERIFY_OPT_NO_CA };       /* = tls_verify */
enum { SSL_CRL_OFF, SSL_CRL_LEAF, SSL_CRL_CHAIN };
struct ssl_command {
    const char *name, *value;
};
struct ssl_phrase {
    enum { PHRASE_BUILTIN, PHRASE_EXEC, PHRASE_PIPE } kind;
    const char *program;
};

/* SSLVHostSNIPolicy: what may differ between the site of the handshake and the site of Host. */
enum {
    SSL_SNI_STRICT,   /* nothing: it is one site */
    SSL_SNI_SECURE,   /* names only: certificates, protocols, ciphers and client verification are the same */
    SSL_SNI_AUTHONLY, /* all but client verification */
    SSL_SNI_INSECURE, /* all */
};
struct ssl_verify { /* the trust of one direction */
    const char *ca_file, *ca_path, *crl_file, *crl_path;
    int mode, depth, crl, crl_missing_ok;
};
struct ssl_site {
    int engine;             /* SSLEngine on; 2: set by "Listen … https" */
    struct vec certs, keys; /* char * paths: the n-th key belongs to the n-th certificate */
    const char *chain_file, *ca_names_file, *ca_names_path;
    struct ssl_verify verify;
    int protocols; /* SSL_PROTO_… set; -1: OpenSSL's and Debian's default (1.2 and 1.3) */
    const char *ciphers, *suites;
    int server_order, compression, tickets, insecure_renegotiation, strict_sni, session_cache, sni_policy;
    const char *ticket_key_file;
    int session_timeout_s;
    struct vec commands; /* struct ssl_command * */
    struct ssl_phrase phrase;
    struct ssl_stapling {
        int on, return_errors, fake_try_later, responder_timeout_s, standard_timeout_s, error_timeout_s, max_age_s,
            skew_s;
        const char *force_url, *cache;
    } stapling;
};
struct ssl_proxy_part { /* of a site and, since httpd 2.4.30, of <Proxy>; no padding in it: it is compared as bytes */
    int engine;
    int whole; /* a <Proxy> section's: its site's are in it already, and it replaces what other sections gave */
    struct ssl_verify verify;
    int check_cn, check_name, check_expire; /* -1 not written; ssl_peer_check() says what they come to */
    int protocols;
    const char *ciphers, *suites, *machine_file, *machine_path, *machine_chain;
};
struct ssl_requirement {
    const char *text;
    const struct expr *expr;
};
enum {
    SSL_OPT_STDENVVARS = 1,
    SSL_OPT_EXPORTCERT = 2,
    SSL_OPT_FAKEBASIC = 4,
    SSL_OPT_STRICTREQUIRE = 8,
    SSL_OPT_OPTRENEG = 16,
    SSL_OPT_LEGACYDN = 32
};
struct ssl_place {
    int require_ssl;                                /* SSLRequireSSL */
    struct vec require;                             /* SSLRequire: const struct ssl_requirement * */
    int options;                                    /* SSL_OPT_… in force */
    int options_add, options_del, options_relative; /* how they were written: for merging */
    int verify, depth;                              /* SSLVerifyClient/Depth in a place; -1 not written */
    const char *user_name;                          /* SSLUserName: a variable */
    struct ssl_proxy_part proxy;
};
extern struct module ssl_module;
const struct ssl_site *ssl_site_of(const struct site *s);
const struct ssl_place *ssl_place_of(const struct place *p);
/* Access: SSLRequireSSL (AH02219), a place's SSLVerifyClient require (AH02262, AH02263), SSLUserName, SSLRequire
 * (AH02229, AH02265): 0 or 403; of authz_check. */
int ssl_check(struct request *r);
/* Over TLS: does the place, or the site where it says nothing, ask for more of the client than the handshake for that
 * other site did? Then a certificate would have to be asked for before ssl_check. */
bool ssl_wants_certificate(const struct request *r, const struct site *handshake);
/* Who it is, before another module is asked: SSLOptions StrictRequire, and FakeBasicAuth's Authorization field in the
 * name of the certificate's holder. 0, or 403 (AH02035: somebody types such a name in). */
int ssl_check_user(struct request *r);
bool ssl_fakes_user(const struct request *r); /* would it, and so have a password checked? */
/* HTTPS, SSL_TLS_SNI and what SSLOptions exports into r->env: after env_fixup. */
void ssl_fixup(struct request *r);
/* What must be so of a backend's certificate: SSLProxyCheckPeerName and SSLProxyCheckPeerCN with their defaults. */
enum ssl_peer_check {
    SSL_PEER_ANY,
    SSL_PEER_NAME /* a subjectAltName or the CN */,
    SSL_PEER_CN /* the CN alone, as it is */
};
enum ssl_peer_check ssl_peer_check(const struct ssl_proxy_part *p);
static inline bool ssl_peer_may_expire(const struct ssl_proxy_part *p)
{
    return p->check_expire == 0;
}
/* Every settings that a site, or a <Proxy> section on it, gives with its engine on: for contexts that are made before
 * privileges are dropped. Equal settings are equal bytes (memcmp), also in the copies of merged places. */
void ssl_each_proxy(const struct snapshot *s, struct arena *a,
                    void (*visit)(void *, const struct site *, const struct ssl_proxy_part *), void *arg);
/* "host:port" of a site, as mod_ssl names it in its messages. */
const char *ssl_site_name(struct arena *a, const struct site *s);

/* A variable of the session ("SSL_PROTOCOL", …): asks r->peer's connection through this function, which serve sets;
 * {NULL,0} when there is no TLS or no such value. */
extern struct span (*ssl_lookup)(const struct request *r, struct arena *a, const char *name);
/* Can a file that stat(2) says EACCES of be opened by other means? Set by serve once privileges are dropped. */
extern bool (*ssl_file_elsewhere)(const char *path);
struct span ssl_session_variable(const struct request *r, const char *name); /* %{SSL_…}: nothing without TLS */
struct span ssl_variable(const struct request *r, const char *name);     /* SSL(…), %{…}x: those of a request too */
struct span ssl_log_variable(const struct request *r, const char *name); /* %{version}c and its kin */

#endif
