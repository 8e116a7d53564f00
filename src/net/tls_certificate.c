/* What a certificate says, in mod_ssl's words: ssl_var_lookup_ssl_cert and its parts. */
#include "tls_impl.h"
#include "tls_vars.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* Takes what was printed into the arena; nothing printed is no value. */
static struct span printed(BIO *out, struct arena *a)
{
    char *p;
    long n = BIO_get_mem_data(out, &p);
    struct span s = n > 0 ? (struct span){ arena_strndup(a, p, (size_t)n), (size_t)n } : (struct span){ 0 };
    BIO_free(out);
    return s;
}

static BIO *paper(void)
{
    BIO *out = BIO_new(BIO_s_mem());
    ASSERT(out);
    return out;
}

static struct span string_text(const ASN1_STRING *s, struct arena *a, bool raw)
{
    BIO *out = paper();
    ASN1_STRING_print_ex(out, s, ASN1_STRFLGS_ESC_CTRL | (raw ? 0 : ASN1_STRFLGS_UTF8_CONVERT));
    return printed(out, a);
}

struct span tls_certificate_pem(const X509 *x, struct arena *a)
{
    BIO *out = paper();
    PEM_write_bio_X509(out, (X509 *)x);
    return printed(out, a);
}

static struct span name_text(const X509_NAME *name, struct arena *a, unsigned long flags)
{
    BIO *out = paper();
    X509_NAME_print_ex(out, name, 0, flags);
    return printed(out, a);
}

struct span tls_certificate_assertion(const X509 *x, struct arena *a)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *decimal = number ? BN_bn2dec(number) : NULL;
    struct span issuer = name_text(X509_get_issuer_name(x), a, XN_FLAG_RFC2253), text = { 0 };

    if (decimal)
        text = span_of(
            arena_printf(a, "{ serialNumber %s, issuer rdnSequence:\"%s\" }", decimal, issuer.p ? issuer.p : ""));
    OPENSSL_free(decimal);
    BN_free(number);
    return text;
}

/* ---- names ---- */

static const struct {
    const char *name;
    int nid;
} parts[] = { { "C", NID_countryName },
              { "ST", NID_stateOrProvinceName },
              { "SP", NID_stateOrProvinceName },
              { "L", NID_localityName },
              { "O", NID_organizationName },
              { "OU", NID_organizationalUnitName },
              { "CN", NID_commonName },
              { "T", NID_title },
              { "I", NID_initials },
              { "G", NID_givenName },
              { "S", NID_surname },
              { "D", NID_description },
              { "UID", NID_userId },
              { "Email", NID_pkcs9_emailAddress } };

static int nid_of(struct span part)
{
    for (unsigned i = 0; i < COUNT_OF(parts); i++)
        if (strlen(parts[i].name) == part.n && strncmp(parts[i].name, part.p, part.n) == 0)
            return parts[i].nid;
    return NID_undef;
}

/* "CN", "OU_1" (the second), "CN_RAW", "OU_1_RAW" */
static struct span name_part(const X509_NAME *name, struct arena *a, const char *which)
{
    struct span w = span_of(which);
    bool raw = w.n > 4 && strcmp(which + w.n - 4, "_RAW") == 0;
    const char *mark;
    uint64_t nth = 0;
    int nid, at = -1;

    w.n -= raw ? 4 : 0;
    mark = memchr(w.p, '_', w.n);
    if (mark && span_to_u64((struct span){ mark + 1, w.n - (size_t)(mark - w.p) - 1 }, &nth))
        w.n = (size_t)(mark - w.p);
    if ((nid = nid_of(w)) == NID_undef)
        return (struct span){ 0 };
    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        if (nth-- == 0)
            return string_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), a, raw);
    return (struct span){ 0 };
}

/* ---- alternative names ---- */

struct wanted {
    int type, nid, form; /* of an otherName: its kind and ASN.1 type */
};

static const ASN1_STRING *alternative(const GENERAL_NAME *g, struct wanted w)
{
    const OTHERNAME *other;

    if (g->type != w.type)
        return NULL;
    if (g->type != GEN_OTHERNAME)
        return g->d.ia5;
    other = g->d.otherName;
    if (OBJ_obj2nid(other->type_id) != w.nid || other->value->type != w.form)
        return NULL;
    return other->value->value.asn1_string;
}

static struct span nth_alternative(const X509 *x, struct arena *a, struct wanted w, uint64_t nth)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct span text = { 0 };

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const ASN1_STRING *s = alternative(sk_GENERAL_NAME_value(names, i), w);
        if (s && nth-- == 0) {
            text = string_text(s, a, false);
            break;
        }
    }
    GENERAL_NAMES_free(names);
    return text;
}

static struct span alternative_name(const X509 *x, struct arena *a, const char *which)
{
    static const struct {
        const char *prefix;
        struct wanted wanted;
    } kinds[] = { { "Email_", { GEN_EMAIL, 0, 0 } },
                  { "DNS_", { GEN_DNS, 0, 0 } },
                  { "OTHER_msUPN_", { GEN_OTHERNAME, NID_ms_upn, V_ASN1_UTF8STRING } },
                  { "OTHER_dnsSRV_", { GEN_OTHERNAME, NID_SRVName, V_ASN1_IA5STRING } } };
    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        size_t n = strlen(kinds[i].prefix);
        uint64_t nth;
        if (strncasecmp(which, kinds[i].prefix, n) == 0 && strlen(which + n) <= 4 &&
            span_to_u64(span_of(which + n), &nth))
            return nth_alternative(x, a, kinds[i].wanted, nth);
    }
    return (struct span){ 0 };
}

/* ---- the rest ---- */

static struct span time_text(const ASN1_TIME *when, struct arena *a)
{
    BIO *out = paper();
    ASN1_TIME_print(out, when);
    return printed(out, a);
}

static struct span version(const X509 *x, struct arena *a)
{
    return span_of(arena_printf(a, "%ld", X509_get_version(x) + 1));
}

static struct span serial(const X509 *x, struct arena *a)
{
    BIO *out = paper();
    i2a_ASN1_INTEGER(out, X509_get0_serialNumber(x));
    return printed(out, a);
}

static struct span begins(const X509 *x, struct arena *a)
{
    return time_text(X509_get0_notBefore(x), a);
}

static struct span ends(const X509 *x, struct arena *a)
{
    return time_text(X509_get0_notAfter(x), a);
}

static struct span days_left(const X509 *x, struct arena *a)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) != 1 || days < 0)
        days = 0;
    return span_of(arena_printf(a, "%d", days));
}

static struct span subject(const X509 *x, struct arena *a)
{
    return name_text(X509_get_subject_name(x), a, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
}

static struct span issuer(const X509 *x, struct arena *a)
{
    return name_text(X509_get_issuer_name(x), a, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
}

static struct span kind_text(const ASN1_OBJECT *kind)
{
    int nid = OBJ_obj2nid(kind);
    return nid == NID_undef ? SPAN("UNKNOWN") : span_of(OBJ_nid2ln(nid));
}

static struct span signature_kind(const X509 *x, struct arena *a)
{
    const ASN1_OBJECT *kind;
    (void)a;
    X509_ALGOR_get0(&kind, NULL, NULL, X509_get0_tbs_sigalg(x));
    return kind_text(kind);
}

static struct span key_kind(const X509 *x, struct arena *a)
{
    ASN1_OBJECT *kind;
    (void)a;
    X509_PUBKEY_get0_param(&kind, NULL, NULL, NULL, X509_get_X509_PUBKEY(x));
    return kind_text(kind);
}

static const struct {
    const char *name;
    struct span (*get)(const X509 *x, struct arena *a);
} rows[] = { { "M_VERSION", version },  { "M_SERIAL", serial },
             { "V_START", begins },     { "V_END", ends },
             { "V_REMAIN", days_left }, { "S_DN", subject },
             { "I_DN", issuer },        { "A_SIG", signature_kind },
             { "A_KEY", key_kind },     { "CERT", tls_certificate_pem } };

struct span tls_certificate_variable(const X509 *x, struct arena *a, const char *name)
{
    for (unsigned i = 0; i < COUNT_OF(rows); i++)
        if (strcasecmp(name, rows[i].name) == 0)
            return rows[i].get(x, a);
    if (strncasecmp(name, "S_DN_", 5) == 0)
        return name_part(X509_get_subject_name(x), a, name + 5);
    if (strncasecmp(name, "I_DN_", 5) == 0)
        return name_part(X509_get_issuer_name(x), a, name + 5);
    if (strncasecmp(name, "SAN_", 4) == 0)
        return alternative_name(x, a, name + 4);
    return (struct span){ 0 };
}

/* ---- the leaf of a context ---- */

struct names {
    char **list;
    unsigned n;
};

static void add_name(struct names *to, const ASN1_STRING *text)
{
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, text);

    if (n > 0 && !memchr(utf8, 0, (size_t)n)) {
        to->list = base_realloc(to->list, (to->n + 2) * sizeof(*to->list));
        to->list[to->n++] = base_strdup((const char *)utf8);
        to->list[to->n] = NULL;
    }
    OPENSSL_free(utf8);
}

static void add_address(struct names *to, const ASN1_OCTET_STRING *ip)
{
    struct addr a = { 0 };
    char text[ADDR_TEXT];

    if (ASN1_STRING_length(ip) == 4)
        a.in.sin_family = AF_INET, memcpy(&a.in.sin_addr, ASN1_STRING_get0_data(ip), 4), a.len = sizeof(a.in);
    else if (ASN1_STRING_length(ip) == 16)
        a.in6.sin6_family = AF_INET6, memcpy(&a.in6.sin6_addr, ASN1_STRING_get0_data(ip), 16), a.len = sizeof(a.in6);
    else
        return;
    to->list = base_realloc(to->list, (to->n + 2) * sizeof(*to->list));
    to->list[to->n++] = base_strdup(addr_ip(&a, text, sizeof(text)));
    to->list[to->n] = NULL;
}

static char **names_of(const X509 *x, unsigned *n_alternative)
{
    struct names all = { base_alloc(sizeof(char *)), 0 };
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *who = X509_get_subject_name(x);
    int i;

    for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS)
            add_name(&all, g->d.dNSName);
        else if (g->type == GEN_IPADD)
            add_address(&all, g->d.iPAddress);
    }
    GENERAL_NAMES_free(names);
    *n_alternative = all.n;
    for (i = -1; (i = X509_NAME_get_index_by_NID(who, NID_commonName, i)) >= 0;)
        add_name(&all, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(who, i)));
    return all.list;
}

int64_t tls_seconds(const ASN1_TIME *when)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, epoch, when);
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

bool tls_context_leaf(const struct tls_context *c, unsigned i, struct tls_leaf *leaf)
{
    struct arena *a;
    const EVP_PKEY *key;

    CHECK_MAGIC(c, TLS_CONTEXT_MAGIC);
    if (i >= c->n_own)
        return false;
    a = arena_new();
    key = X509_get0_pubkey(c->own[i].leaf);
    *leaf = (struct tls_leaf){ .not_after = tls_seconds(X509_get0_notAfter(c->own[i].leaf)) };
    leaf->names = names_of(c->own[i].leaf, &leaf->n_alternative);
    leaf->serial = base_strdup(serial(c->own[i].leaf, a).p);
    leaf->kind = base_strdup(key && EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "unknown");
    arena_free(a);
    return true;
}

void tls_leaf_release(struct tls_leaf *leaf)
{
    for (char **n = leaf->names; n && *n; n++)
        free(*n);
    free(leaf->names);
    free(leaf->serial);
    free(leaf->kind);
    *leaf = (struct tls_leaf){ 0 };
}
