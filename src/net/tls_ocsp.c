/* OCSP for stapling: the request for a certificate, and what a response is worth. No I/O. RFC 6960; httpd:
 * ssl_util_stapling.c, which passes on what it gets where this looks at the signature as well. */
#include "tls_impl.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct tls_ocsp {
    X509 *leaf, *issuer;
    OCSP_CERTID *id;
    char *url;
    unsigned char *request;
    size_t request_n;
    char key[2 * 32 + 1];
};

/* ---- the question ---- */

static X509 *find_issuer(const struct tls_context *c, const struct tls_own *own)
{
    X509_STORE_CTX *look;
    X509 *issuer = NULL;

    if (own->issuer) {
        X509_up_ref(own->issuer);
        return own->issuer;
    }
    look = X509_STORE_CTX_new();
    ASSERT(look);
    if (X509_STORE_CTX_init(look, SSL_CTX_get_cert_store(c->ssl), NULL, NULL) != 1 ||
        X509_STORE_CTX_get1_issuer(&issuer, look, own->leaf) <= 0)
        issuer = NULL;
    X509_STORE_CTX_free(look);
    return issuer;
}

static void note_url(struct tls_ocsp *o)
{
    STACK_OF(OPENSSL_STRING) *all = X509_get1_ocsp(o->leaf);

    if (all && sk_OPENSSL_STRING_num(all) > 0)
        o->url = base_strdup(sk_OPENSSL_STRING_value(all, sk_OPENSSL_STRING_num(all) - 1)); /* the last, as mod_ssl */
    X509_email_free(all);
}

static void note_key(struct tls_ocsp *o)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    ASSERT(X509_digest(o->leaf, EVP_sha256(), digest, &n) == 1 && n == 32);
    for (unsigned i = 0; i < n; i++)
        snprintf(o->key + 2 * i, 3, "%02x", digest[i]);
}

static bool make_request(struct tls_ocsp *o)
{
    OCSP_REQUEST *q = OCSP_REQUEST_new();
    OCSP_CERTID *id = o->id ? OCSP_CERTID_dup(o->id) : NULL;
    unsigned char *der = NULL;
    int n = -1;

    if (q && id && OCSP_request_add0_id(q, id)) {
        id = NULL; /* the request's now */
        n = i2d_OCSP_REQUEST(q, &der);
    }
    if (n > 0) {
        o->request = base_alloc((size_t)n);
        memcpy(o->request, der, (size_t)n);
        o->request_n = (size_t)n;
    }
    OPENSSL_free(der);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(q);
    return n > 0;
}

struct tls_ocsp *tls_ocsp_new(const struct tls_context *c, unsigned i)
{
    X509 *issuer = i < c->n_own ? find_issuer(c, &c->own[i]) : NULL;
    struct tls_ocsp *o;

    ERR_clear_error();
    if (!issuer)
        return NULL;
    o = base_alloc(sizeof(*o));
    o->leaf = c->own[i].leaf;
    X509_up_ref(o->leaf);
    o->issuer = issuer;
    o->id = OCSP_cert_to_id(NULL, o->leaf, issuer); /* SHA-1: what responders know; it protects nothing */
    note_url(o);
    note_key(o);
    if (make_request(o))
        return o;
    tls_ocsp_free(o);
    return NULL;
}

void tls_ocsp_free(struct tls_ocsp *o)
{
    if (!o)
        return;
    X509_free(o->leaf);
    X509_free(o->issuer);
    OCSP_CERTID_free(o->id);
    free(o->url);
    free(o->request);
    free(o);
}

const char *tls_ocsp_url(const struct tls_ocsp *o)
{
    return o->url;
}

const char *tls_ocsp_key(const struct tls_ocsp *o)
{
    return o->key;
}

struct span tls_ocsp_request(const struct tls_ocsp *o)
{
    return (struct span){ (const char *)o->request, o->request_n };
}

/* ---- the answer ---- */

/* By the issuer itself, or by one whom it let sign answers (RFC 6960 4.2.2.2). */
static bool is_signed(const struct tls_ocsp *o, OCSP_BASICRESP *basic)
{
    X509_STORE *trusted = X509_STORE_new();
    STACK_OF(X509) *known = sk_X509_new_null();
    bool good;

    ASSERT(trusted && known && X509_STORE_add_cert(trusted, o->issuer) == 1 && sk_X509_push(known, o->issuer) > 0);
    X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN);
    good = OCSP_basic_verify(basic, known, trusted, 0) == 1;
    sk_X509_free(known);
    X509_STORE_free(trusted);
    return good;
}

static void judge(const struct tls_ocsp *o, OCSP_BASICRESP *basic, int skew_s, int max_age_s, struct tls_ocsp_answer *a)
{
    ASN1_GENERALIZEDTIME *revoked, *from, *next = NULL;
    int status = -1, reason = -1;

    if (OCSP_resp_find_status(basic, o->id, &status, &reason, &revoked, &from, &next) != 1) {
        a->verdict = TLS_OCSP_OTHER;
        return;
    }
    a->status = OCSP_cert_status_str(status);
    a->reason = reason >= 0 ? OCSP_crl_reason_str(reason) : "n/a";
    a->next_update = next ? tls_seconds(next) : 0;
    if (OCSP_check_validity(from, next, skew_s, max_age_s) != 1)
        a->verdict = TLS_OCSP_TIMES;
    else if (!is_signed(o, basic))
        a->verdict = TLS_OCSP_FORGED;
    else
        a->verdict = status == V_OCSP_CERTSTATUS_GOOD ? TLS_OCSP_GOOD : TLS_OCSP_BAD_CERT;
}

struct tls_ocsp_answer tls_ocsp_read(const struct tls_ocsp *o, struct span der, int skew_s, int max_age_s)
{
    struct tls_ocsp_answer a = { .verdict = TLS_OCSP_GARBAGE };
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *r = der.n < 1 << 20 ? d2i_OCSP_RESPONSE(NULL, &p, (long)der.n) : NULL;
    OCSP_BASICRESP *basic = NULL;

    if (r && p == (const unsigned char *)der.p + der.n) {
        int status = OCSP_response_status(r);
        a.verdict = status == OCSP_RESPONSE_STATUS_SUCCESSFUL ? TLS_OCSP_BASIC : TLS_OCSP_REFUSED;
        a.status = OCSP_response_status_str(status);
        basic = a.verdict == TLS_OCSP_BASIC ? OCSP_response_get1_basic(r) : NULL;
    }
    if (basic)
        judge(o, basic, skew_s, max_age_s, &a);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(r);
    ERR_clear_error();
    return a;
}
