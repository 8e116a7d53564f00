/* mod_ssl's settings as serve reads them; the rows are in ssl.c. No OpenSSL here: net/tls.h builds contexts of these. */
#ifndef WEIR_SSL_H
#define WEIR_SSL_H

#include "mods.h"

enum { SSL_PROTO_1_0 = 1, SSL_PROTO_1_1 = 2, SSL_PROTO_1_2 = 4, SSL_PROTO_1_3 = 8 }; /* = TLS_1_0 … of net */
enum { SSL_VERIFY_OFF, SSL_VERIFY_OPT, SSL_VERIFY_REQ, SSL_VERIFY_OPT_NO_CA };       /* = tls_verify */
enum { SSL_CRL_OFF, SSL_CRL_LEAF, SSL_CRL_CHAIN };
struct ssl_command { const char *name, *value; };
struct ssl_phrase { enum { PHRASE_BUILTIN, PHRASE_EXEC, PHRASE_PIPE } kind; const char *program; };

struct ssl_verify { /* the trust of one direction */
    const char *ca_file, *ca_path, *crl_file, *crl_path;
    int mode, depth, crl, crl_missing_ok;
};
struct ssl_site {
    int engine;                      /* SSLEngine on; 2: set by "Listen … https" */
    struct vec certs, keys;          /* char * paths: the n-th key belongs to the n-th certificate */
    const char *chain_file, *ca_names_file, *ca_names_path;
    struct ssl_verify verify;
    int protocols;                   /* SSL_PROTO_… set; -1: OpenSSL's and Debian's default (1.2 and 1.3) */
    const char *ciphers, *suites;
    int server_order, compression, tickets, insecure_renegotiation, strict_sni, session_cache;
    const char *ticket_key_file;
    int session_timeout_s;
    struct vec commands;             /* struct ssl_command * */
    struct ssl_phrase phrase;
    const char *user_name;           /* SSLUserName: a variable */
    struct ssl_stapling {
        int on, return_errors, fake_try_later, responder_timeout_s, standard_timeout_s, error_timeout_s, max_age_s, skew_s;
        const char *force_url, *cache;
    } stapling;
};
struct ssl_proxy_part {              /* per site and, since 2.4.30, in <Proxy> */
    int engine;
    struct ssl_verify verify;
    int check_cn, check_name, check_expire, protocols;
    const char *ciphers, *suites, *machine_file, *machine_path, *machine_chain;
};
enum { SSL_OPT_STDENVVARS = 1, SSL_OPT_EXPORTCERT = 2, SSL_OPT_FAKEBASIC = 4, SSL_OPT_STRICTREQUIRE = 8, SSL_OPT_OPTRENEG = 16, SSL_OPT_LEGACYDN = 32 };
struct ssl_place {
    int require_ssl;                 /* SSLRequireSSL */
    struct vec require;              /* SSLRequire: const struct expr * */
    int options;                     /* SSL_OPT_… in force (+/- merged as Options are) */
    int verify, depth;               /* SSLVerifyClient/Depth in a place; -1 not written */
    const char *ciphers;             /* SSLCipherSuite in a place: refused at load */
    struct ssl_proxy_part proxy;
};
extern struct module ssl_module;
const struct ssl_site *ssl_site_of(const struct site *s);
const struct ssl_place *ssl_place_of(const struct place *p);
/* SSLRequireSSL and SSLRequire: 0 or 403 (AH02219, AH02265…); before authz_check. */
int ssl_check(struct request *r);
/* Directory of variables for expressions, logs (%{…}x) and headers: asks r->peer's connection through this function, which serve
 * sets; {NULL,0} when there is no TLS. */
extern struct span (*ssl_lookup)(const struct request *r, struct arena *a, const char *name);

#endif
