/* The certificates that we show to backends: read from SSLProxyMachineCertificateFile and …Path, chosen by the
 * authorities that a backend names. httpd: ssl_init_proxy_certs, ssl_callback_proxy_cert. RFC 8446 4.3.2. */
#include "tls_impl.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct machine {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* to be sent with it */
};

struct tls_machines {
    unsigned n;
    struct machine *of;
    STACK_OF(X509) * others; /* certificates without a key */
};

/* ---- reading ---- */

static void add(struct tls_machines *m, X509 *cert, EVP_PKEY *key)
{
    m->of = realloc(m->of, (m->n + 1) * sizeof(*m->of));
    ASSERT(m->of && X509_up_ref(cert) && EVP_PKEY_up_ref(key));
    m->of[m->n++] = (struct machine){ .cert = cert, .key = key };
}

static void add_other(struct tls_machines *m, X509 *cert)
{
    ASSERT(X509_up_ref(cert) && sk_X509_push(m->others, cert) > 0);
}

static EVP_PKEY *key_of(STACK_OF(X509_INFO) * all, const X509 *cert)
{
    for (int i = 0; i < sk_X509_INFO_num(all); i++) {
        const X509_INFO *one = sk_X509_INFO_value(all, i);
        EVP_PKEY *key = one->x_pkey ? one->x_pkey->dec_pkey : NULL;
        if (key && X509_check_private_key(cert, key) == 1)
            return key;
    }
    return NULL;
}

/* Certificates and keys in any order; false: it cannot be opened, errno says why. */
static bool read_file(struct tls_machines *m, const char *file)
{
    FILE *f = tls_open(file);
    BIO *in = f ? BIO_new_fp(f, BIO_CLOSE) : NULL;
    STACK_OF(X509_INFO) *all = in ? PEM_X509_INFO_read_bio(in, NULL, NULL, (void *)"") : NULL;

    for (int i = 0; i < sk_X509_INFO_num(all); i++) {
        X509 *cert = sk_X509_INFO_value(all, i)->x509;
        EVP_PKEY *key = cert ? key_of(all, cert) : NULL;
        if (key)
            add(m, cert, key);
        else if (cert)
            add_other(m, cert);
    }
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(in);
    ERR_clear_error();
    return f != NULL;
}

static bool load_file(struct tls_machines *m, const struct tls_config *how, char **error)
{
    unsigned before = m->n;

    if (!read_file(m, how->machine_file))
        return tls_say(error, "AH02252: cannot open the client cert for SSL proxy %s: %s", how->machine_file,
                       strerror(errno));
    return m->n > before ||
           tls_say(error,
                   "AH02252: incomplete client cert configured for SSL proxy (missing or encrypted private key?) in %s",
                   how->machine_file);
}

static bool load_folder(struct tls_machines *m, const struct tls_config *how, char **error)
{
    struct dirent **entries;
    int n = scandir(how->machine_path, &entries, NULL, alphasort);
    unsigned before = m->n;
    char path[4096];

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", how->machine_path, entries[i]->d_name);
        if (entries[i]->d_type != DT_DIR)
            read_file(m, path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return m->n > before || tls_say(error, "AH02206: no client certs found for SSL proxy in %s%s%s", how->machine_path,
                                    n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
}

/* ---- chains ---- */

enum { CHAIN_MOST = 10 };

static X509 *issuer_of(const struct tls_machines *m, X509 *cert)
{
    for (int i = 0; i < sk_X509_num(m->others); i++)
        if (X509_check_issued(sk_X509_value(m->others, i), cert) == X509_V_OK)
            return sk_X509_value(m->others, i);
    return NULL;
}

static void chain_up(const struct tls_machines *m, struct machine *one)
{
    X509 *above = issuer_of(m, one->cert);

    one->chain = sk_X509_new_null();
    while (above && sk_X509_num(one->chain) < CHAIN_MOST && X509_check_issued(above, above) != X509_V_OK) {
        ASSERT(X509_up_ref(above) && sk_X509_push(one->chain, above) > 0);
        above = issuer_of(m, above);
    }
    ERR_clear_error();
}

/* ---- choosing ---- */

static bool is_named(const STACK_OF(X509_NAME) * names, X509 *cert)
{
    for (int i = 0; i < sk_X509_NAME_num(names); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(names, i), X509_get_issuer_name(cert)) == 0)
            return true;
    return false;
}

static bool suits(const STACK_OF(X509_NAME) * names, const struct machine *one)
{
    bool yes = is_named(names, one->cert);

    for (int i = 0; !yes && i < sk_X509_num(one->chain); i++)
        yes = is_named(names, sk_X509_value(one->chain, i));
    return yes;
}

/* The backend wants a certificate. One that names no authorities gets the first; none that suits: none is sent. */
static int on_wanted(SSL *ssl, void *arg)
{
    const struct tls_machines *m = ((struct tls_context *)arg)->machines;
    const STACK_OF(X509_NAME) *names = SSL_get_client_CA_list(ssl);
    unsigned i = 0;

    while (i < m->n && sk_X509_NAME_num(names) > 0 && !suits(names, &m->of[i]))
        i++;
    return i == m->n || SSL_use_cert_and_key(ssl, m->of[i].cert, m->of[i].key, m->of[i].chain, 1) == 1;
}

/* ---- all of it ---- */

bool tls_load_machines(struct tls_context *c, const struct tls_config *how, char **error)
{
    struct tls_machines *m;

    if (!how->machine_file && !how->machine_path)
        return true;
    c->machines = m = base_alloc(sizeof(*m));
    m->others = sk_X509_new_null();
    if ((how->machine_file && !load_file(m, how, error)) || (how->machine_path && !load_folder(m, how, error)))
        return false;
    if (how->machine_chain && !read_file(m, how->machine_chain))
        return tls_say(error, "AH01903: Failed to configure CA certificate chain! %s: %s", how->machine_chain,
                       strerror(errno));
    for (unsigned i = 0; i < m->n; i++)
        chain_up(m, &m->of[i]);
    SSL_CTX_set_cert_cb(c->ssl, on_wanted, c);
    return true;
}

void tls_machines_free(struct tls_machines *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < m->n; i++) {
        X509_free(m->of[i].cert);
        EVP_PKEY_free(m->of[i].key);
        sk_X509_pop_free(m->of[i].chain, X509_free);
    }
    sk_X509_pop_free(m->others, X509_free);
    free(m->of);
    free(m);
}
