/* The demo's certificate, an EC P-256 key signed by itself. RFC 5280 4.1 and 4.2; RFC 6125: browsers look at
 * subjectAltName only. */
#include "demo_cert.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, HOLDS_DAYS = 31 /* nothing to warn of on its first day */ };

/* Random: Firefox refuses a second certificate of the same issuer and number. */
static bool set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool good =
        n && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

    BN_free(n);
    return good;
}

static bool set_name(X509 *x)
{
    X509_NAME *name = X509_get_subject_name(x);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0) &&
           X509_set_issuer_name(x, name);
}

/* No keyUsage: without keyCertSign a client that is told to trust it would not take it for its own issuer. */
static bool add_extensions(X509 *x)
{
    static const struct {
        int nid;
        const char *value;
    } wanted[] = {
        { NID_basic_constraints, "critical,CA:FALSE" },
        { NID_ext_key_usage, "serverAuth" },
        { NID_subject_key_identifier, "hash" },
        { NID_subject_alt_name, "DNS:localhost,DNS:example.com,IP:127.0.0.1,IP:::1" },
    };
    bool good = true;
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    for (size_t i = 0; good && i < COUNT_OF(wanted); i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, wanted[i].nid, wanted[i].value);
        good = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    return good;
}

static bool fill_in(X509 *x, EVP_PKEY *key)
{
    return X509_set_version(x, X509_VERSION_3) && set_serial(x) && X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) &&
           X509_gmtime_adj(X509_getm_notAfter(x), (long)HOLDS_DAYS * DAY_S) && set_name(x) && X509_set_pubkey(x, key) &&
           add_extensions(x) && X509_sign(x, key, EVP_sha256()) > 0;
}

/* ---- files ---- */

static FILE *create(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (fd >= 0 && !f)
        close(fd);
    return f;
}

static bool write_both(X509 *x, EVP_PKEY *key, const char *cert_path, const char *key_path)
{
    FILE *f = create(cert_path, 0644);
    bool good = f && PEM_write_X509(f, x);

    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        return false;
    f = create(key_path, 0600);
    good = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    return f && fclose(f) == 0 && good;
}

bool demo_cert_write(const char *cert, const char *key)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    bool made = pair && x && fill_in(x, pair);
    bool good = made && write_both(x, pair, cert, key);

    X509_free(x);
    EVP_PKEY_free(pair);
    if (!made)
        errno = ENOTSUP; /* this machine's OpenSSL is set up to do without P-256 or SHA-256 */
    return good;
}
