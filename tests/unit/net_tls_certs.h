/* Certificates for tests, made on the spot: an authority, and leaves with any names, times and faults, as files in a
 * temporary directory. */
#ifndef NET_TLS_CERTS_H
#define NET_TLS_CERTS_H

#pragma GCC diagnostic ignored "-Wunused-function" /* each file uses some of these */

#include "base.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char certs_dir[] = "/tmp/weir-tls-XXXXXX";

static const char *certs_path(const char *name)
{
    static char kept[16][256];
    static unsigned next;
    char *out = kept[next++ % 16];
    snprintf(out, sizeof(kept[0]), "%s/%s", certs_dir, name);
    return out;
}

struct made {
    X509 *cert;
    EVP_PKEY *key;
};

static void add_extension(X509 *to, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, to, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ASSERT(e && X509_add_ext(to, e, -1));
    X509_EXTENSION_free(e);
}

struct recipe {
    const char *cn, *san; /* san: "DNS:a.test,DNS:b.test" or NULL */
    bool rsa, ca;
    int from_days, to_days; /* of validity, from today; 0 0: a year */
    long serial;
};

static struct made make_cert(const struct recipe *r, const struct made *by)
{
    struct made m = { X509_new(), r->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256") };
    X509_NAME *name = X509_get_subject_name(m.cert);
    const struct made *issuer = by ? by : &m;

    X509_set_version(m.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m.cert), r->serial ? r->serial : 1);
    X509_gmtime_adj(X509_getm_notBefore(m.cert), (long)(r->from_days ? r->from_days : -1) * 86400);
    X509_gmtime_adj(X509_getm_notAfter(m.cert), (long)(r->to_days ? r->to_days : 365) * 86400 + 3600);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"Weir tests", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)r->cn, -1, -1, 0);
    X509_set_pubkey(m.cert, m.key);
    X509_set_issuer_name(m.cert, X509_get_subject_name(issuer->cert));
    add_extension(m.cert, issuer->cert, NID_basic_constraints, r->ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(m.cert, issuer->cert, NID_subject_key_identifier, "hash");
    if (r->san)
        add_extension(m.cert, issuer->cert, NID_subject_alt_name, r->san);
    ASSERT(X509_sign(m.cert, issuer->key, EVP_sha256()) > 0);
    return m;
}

static void free_made(struct made *m)
{
    X509_free(m->cert);
    EVP_PKEY_free(m->key);
}

enum { WRITE_CERT = 1, WRITE_KEY = 2 };
static const char *write_pem(const char *name, const struct made *m, int what, const char *passphrase)
{
    const char *path = certs_path(name);
    FILE *f = fopen(path, "a");
    ASSERT(f);
    if (what & WRITE_CERT)
        ASSERT(PEM_write_X509(f, m->cert));
    if (what & WRITE_KEY)
        ASSERT(PEM_write_PrivateKey(f, m->key, passphrase ? EVP_aes_128_cbc() : NULL, (const unsigned char *)passphrase,
                                    passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    fclose(f);
    return path;
}

/* A revocation list of the authority, naming one serial. */
static const char *write_crl(const char *name, const struct made *by, long serial)
{
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *next = X509_gmtime_adj(NULL, 86400);
    const char *path = certs_path(name);

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(by->cert));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, next);
    ASN1_INTEGER_set(number, serial);
    X509_REVOKED_set_serialNumber(r, number);
    X509_REVOKED_set_revocationDate(r, now);
    X509_CRL_add0_revoked(crl, r);
    ASSERT(X509_CRL_sign(crl, by->key, EVP_sha256()) > 0);
    FILE *f = fopen(path, "w");
    ASSERT(f && PEM_write_X509_CRL(f, crl));
    fclose(f);
    X509_CRL_free(crl);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return path;
}

static void write_file(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(certs_path(name), "w");
    ASSERT(f && fwrite(p, 1, n, f) == n);
    fclose(f);
}

#endif
