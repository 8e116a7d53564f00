/* Certificates, keys, authorities and revocation lists from files. httpd: ssl_init_server_certs, ssl_init_ctx_verify,
 * _crl. */
#include "tls_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files ---- */

static int (*open_elsewhere)(const char *path);

void tls_set_opener(int (*open_read)(const char *path))
{
    open_elsewhere = open_read;
}

FILE *tls_open(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    FILE *f;

    if (fd < 0 && errno == EACCES && open_elsewhere)
        fd = open_elsewhere(file);
    f = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

/* Why it cannot be opened is put where OpenSSL's own reasons are. */
static BIO *open_file(const char *file)
{
    FILE *f = tls_open(file);

    if (f)
        return BIO_new_fp(f, BIO_CLOSE);
    ERR_raise_data(ERR_LIB_SYS, errno, "open %s", file);
    return NULL;
}

/* ---- certificates ---- */

/* Every certificate of a file, the leaf first; NULL when there is none. */
static STACK_OF(X509) * read_certificates(const char *file)
{
    BIO *in = open_file(file);
    STACK_OF(X509) *all = in ? sk_X509_new_null() : NULL;
    X509 *one = in ? PEM_read_bio_X509_AUX(in, NULL, NULL, NULL) : NULL;

    for (; one; one = PEM_read_bio_X509(in, NULL, NULL, NULL))
        ASSERT(sk_X509_push(all, one));
    BIO_free(in);
    if (all && sk_X509_num(all) > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error(); /* what the end of a file looks like */
        return all;
    }
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

/* ---- keys ---- */

struct asking {
    const struct tls_config *how;
    struct tls_key_question question;
    bool asked; /* in this attempt; OpenSSL asks twice, in the new way of reading and in the old */
    int n;
    char phrase[PEM_BUFSIZE];
};

static int on_passphrase(char *out, int size, int writing, void *arg)
{
    struct asking *a = arg;

    (void)writing;
    if (!a->asked && a->how->passphrase)
        a->n = a->how->passphrase(a->how->passphrase_ctx, &a->question, a->phrase, sizeof(a->phrase));
    a->asked = true;
    if (a->n > 0 && a->n <= size)
        memcpy(out, a->phrase, (size_t)a->n);
    return a->n <= size ? a->n : -1;
}

static EVP_PKEY *read_pem(BIO *in, struct asking *a)
{
    EVP_PKEY *key;

    do {
        a->asked = false;
        a->n = -1;
        ERR_clear_error();
        key = PEM_read_bio_PrivateKey(in, NULL, on_passphrase, a);
        a->question.attempt++;
    } while (!key && a->asked && a->n >= 0 && BIO_seek(in, 0) == 0);
    if (key && a->asked && a->n > 0 && a->how->passphrase_fits)
        a->how->passphrase_fits(a->how->passphrase_ctx, a->phrase, a->n);
    OPENSSL_cleanse(a->phrase, sizeof(a->phrase));
    return key;
}

static EVP_PKEY *read_key(const struct tls_config *how, const char *file, unsigned index)
{
    struct asking a = { .how = how, .question = { file, index, 0 } };
    BIO *in = open_file(file);
    EVP_PKEY *key;

    if (!in)
        return NULL;
    key = read_pem(in, &a);
    if (!key && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE && BIO_seek(in, 0) == 0) {
        key = d2i_PrivateKey_bio(in, NULL);
        if (key)
            ERR_clear_error();
    }
    BIO_free(in);
    return key;
}

/* DH parameters may stand in the file of the first certificate, as mod_ssl reads them; without them OpenSSL chooses. */
static void read_dh(struct tls_context *c, const char *file)
{
    BIO *in = open_file(file);
    EVP_PKEY *dh = in ? PEM_read_bio_Parameters(in, NULL) : NULL;

    if (dh && (!EVP_PKEY_is_a(dh, "DH") || SSL_CTX_set0_tmp_dh_pkey(c->ssl, dh) != 1))
        EVP_PKEY_free(dh);
    BIO_free(in);
    ERR_clear_error();
}

/* Whoever signed a leaf: an OCSP request names it. */
static void note_issuer(struct tls_context *c, X509 *one)
{
    for (struct tls_own *own = c->own; own < c->own + c->n_own; own++)
        if (!own->issuer && X509_check_issued(one, own->leaf) == X509_V_OK) {
            X509_up_ref(one);
            own->issuer = one;
        }
}

static bool bad_certificate(const struct tls_config *how, unsigned index, const char *file, char **error)
{
    return tls_say(error, "AH02562: Failed to configure certificate %s:%u (with chain), check %s", how->name, index,
                   file);
}

static bool use_pair(struct tls_context *c, const struct tls_config *how, const struct tls_pair *p,
                     STACK_OF(X509) * chain, char **error)
{
    const char *key_file = p->key ? p->key : p->cert;
    unsigned index = c->n_own;
    EVP_PKEY *key = read_key(how, key_file, index);
    X509 *leaf = sk_X509_shift(chain);
    bool good;

    c->own[c->n_own++].leaf = leaf;
    for (int i = 0; i < sk_X509_num(chain); i++)
        note_issuer(c, sk_X509_value(chain, i));
    if (!key)
        return tls_say(error, "AH02564: Failed to configure encrypted (?) private key %s:%u, check %s", how->name,
                       index, key_file);
    if (X509_check_private_key(leaf, key) != 1)
        good = tls_say(error, "AH02565: Certificate and private key %s:%u from %s and %s do not match", how->name,
                       index, p->cert, key_file);
    else
        good = SSL_CTX_use_cert_and_key(c->ssl, leaf, key, sk_X509_num(chain) ? chain : NULL, 1) == 1 ||
               bad_certificate(how, index, p->cert, error);
    EVP_PKEY_free(key);
    return good;
}

bool tls_load_pair(struct tls_context *c, const struct tls_config *how, const struct tls_pair *p, char **error)
{
    STACK_OF(X509) *chain = read_certificates(p->cert);
    bool good;

    if (!chain)
        return bad_certificate(how, c->n_own, p->cert, error);
    good = use_pair(c, how, p, chain, error);
    sk_X509_pop_free(chain, X509_free);
    if (good && how->server && c->n_own == 1)
        read_dh(c, p->cert);
    return good;
}

/* SSLCertificateChainFile: for the certificates that bring no chain of their own. */
bool tls_load_chain(struct tls_context *c, const char *file, char **error)
{
    STACK_OF(X509) *chain = read_certificates(file);
    X509 *one;

    if (!chain)
        return tls_say(error, "AH01903: Failed to configure CA certificate chain! %s", file);
    while ((one = sk_X509_shift(chain)) != NULL) {
        bool own = c->n_own > 0 && X509_cmp(one, c->own[0].leaf) == 0; /* a file that begins with the leaf */
        if (!own)
            note_issuer(c, one);
        if (own || SSL_CTX_add_extra_chain_cert(c->ssl, one) != 1)
            X509_free(one);
    }
    sk_X509_free(chain);
    return true;
}

/* ---- trust ---- */

static bool load_authorities(struct tls_context *c, const struct tls_config *how, char **error)
{
    const char *bad = NULL;

    if (how->ca_file && SSL_CTX_load_verify_file(c->ssl, how->ca_file) != 1)
        bad = how->ca_file;
    else if (how->ca_path && SSL_CTX_load_verify_dir(c->ssl, how->ca_path) != 1)
        bad = how->ca_path;
    return !bad ||
           tls_say(error, "AH01895: Unable to configure verify locations for client authentication from %s", bad);
}

static bool load_crls(struct tls_context *c, const struct tls_config *how, char **error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
    X509_LOOKUP *file = how->crl_file ? X509_STORE_add_lookup(store, X509_LOOKUP_file()) : NULL;
    X509_LOOKUP *path = how->crl_path ? X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir()) : NULL;
    const char *bad = NULL;
    unsigned long flags =
        how->crl == TLS_CRL_CHAIN ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : X509_V_FLAG_CRL_CHECK;

    if (file && X509_LOOKUP_load_file(file, how->crl_file, X509_FILETYPE_PEM) <= 0)
        bad = how->crl_file;
    else if (path && X509_LOOKUP_add_dir(path, how->crl_path, X509_FILETYPE_PEM) <= 0)
        bad = how->crl_path;
    if (bad)
        return tls_say(error,
                       "AH01901: Host %s: unable to configure X.509 CRL storage for certificate revocation from %s",
                       how->name, bad);
    if (how->crl != TLS_CRL_NONE && !how->crl_file && !how->crl_path)
        return tls_say(error,
                       "AH01899: Host %s: CRL checking has been enabled, but neither %sCARevocationFile nor "
                       "%sCARevocationPath is configured",
                       how->name, how->server ? "SSL" : "SSLProxy", how->server ? "SSL" : "SSLProxy");
    if (how->crl != TLS_CRL_NONE)
        X509_STORE_set_flags(store, flags);
    return true;
}

/* The authorities a client is told of: those of SSLCADNRequest*, else those that are trusted. */
static bool load_names(struct tls_context *c, const struct tls_config *how, char **error)
{
    bool own = how->ca_names_file || how->ca_names_path;
    const char *file = own ? how->ca_names_file : how->ca_file, *path = own ? how->ca_names_path : how->ca_path;
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

    ASSERT(names);
    SSL_CTX_set_client_CA_list(c->ssl, names);
    if (file && SSL_add_file_cert_subjects_to_stack(names, file) != 1)
        return tls_say(error, "cannot read the names of authorities from \"%s\"", file);
    if (path && SSL_add_dir_cert_subjects_to_stack(names, path) != 1)
        return tls_say(error, "cannot read the names of authorities from \"%s\"", path);
    return true;
}

bool tls_load_trust(struct tls_context *c, const struct tls_config *how, char **error)
{
    return load_authorities(c, how, error) && load_crls(c, how, error) && (!how->server || load_names(c, how, error));
}
