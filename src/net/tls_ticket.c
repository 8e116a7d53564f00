/* Keys of session tickets (RFC 5077, RFC 8446 4.6.1): from SSLSessionTicketKeyFile, or the process's own, which live
 * through reloads and change twice a day, the previous one still accepted. httpd: ssl_callback_SessionTicket. */
#include "tls_impl.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEPT_MS = 12 * 60 * 60 * 1000 };

static struct {
    pthread_mutex_t lock;
    struct ticket_key now, before;
    uint64_t made_ms;
} keys = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool make_key(struct ticket_key *k)
{
    k->hmac_n = sizeof(k->hmac), k->aes_n = sizeof(k->aes);
    return RAND_bytes(k->name, sizeof(k->name)) == 1 && RAND_priv_bytes(k->hmac, sizeof(k->hmac)) == 1 &&
           RAND_priv_bytes(k->aes, sizeof(k->aes)) == 1;
}

static bool rotate(void)
{
    struct ticket_key fresh;
    if (!make_key(&fresh))
        return false;
    keys.before = keys.now;
    keys.now = fresh;
    keys.made_ms = base_now_ms();
    return true;
}

void tls_tickets_rotate(void)
{
    pthread_mutex_lock(&keys.lock);
    ASSERT(rotate());
    pthread_mutex_unlock(&keys.lock);
}

static bool same_name(const struct ticket_key *k, const unsigned char *name)
{
    return k->aes_n && memcmp(k->name, name, sizeof(k->name)) == 0;
}

/* The key to encrypt with (name NULL) or the one of that name, copied. 0: none; 1: the newest; 2: an older one. */
static int find_key(const struct tls_context *c, const unsigned char *name, struct ticket_key *out)
{
    int found = 0;

    if (c->file_key) {
        *out = *c->file_key;
        return !name || same_name(out, name);
    }
    pthread_mutex_lock(&keys.lock);
    if ((!keys.now.aes_n || base_now_ms() - keys.made_ms >= KEPT_MS) && !rotate())
        found = 0;
    else if (!name || same_name(&keys.now, name))
        found = 1, *out = keys.now;
    else if (same_name(&keys.before, name))
        found = 2, *out = keys.before;
    pthread_mutex_unlock(&keys.lock);
    return found;
}

static bool use_key(const struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *aes, EVP_MAC_CTX *mac,
                    int encrypt)
{
    const EVP_CIPHER *kind = k->aes_n == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
    static char digest[] = "SHA256";
    OSSL_PARAM how[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)k->hmac, k->hmac_n),
                         OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end() };
    return EVP_CipherInit_ex(aes, kind, NULL, k->aes, iv, encrypt) == 1 && EVP_MAC_CTX_set_params(mac, how) == 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *aes, EVP_MAC_CTX *mac,
                     int encrypt)
{
    const struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k;
    int found = find_key(c, encrypt ? NULL : name, &k);
    bool good;

    if (!found)
        return encrypt ? -1 : 0;
    if (encrypt) {
        memcpy(name, k.name, sizeof(k.name));
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
            return -1;
    }
    good = use_key(&k, iv, aes, mac, encrypt);
    OPENSSL_cleanse(&k, sizeof(k));
    if (!good)
        return -1;
    /* 2 asks for a fresh ticket: for an older key, and always in TLS 1.3, whose tickets are good for one use */
    return !encrypt && (found == 2 || SSL_version(ssl) == TLS1_3_VERSION) ? 2 : 1;
}

bool tls_load_ticket_key(struct tls_context *c, const char *file, char **error)
{
    unsigned char bytes[81];
    FILE *in = tls_open(file);
    size_t n = in ? fread(bytes, 1, sizeof(bytes), in) : 0, half = n == 80 ? 32 : 16;

    if (in)
        fclose(in);
    if (n != 48 && n != 80)
        return in ? tls_say(error, "AH02287: Failed to read 48 bytes from %s: it must hold 48 or 80 bytes", file)
                  : tls_say(error, "AH02286: Failed to open ticket key file %s: %s", file, strerror(errno));
    c->file_key = base_alloc(sizeof(*c->file_key));
    memcpy(c->file_key->name, bytes, 16);
    memcpy(c->file_key->hmac, bytes + 16, half);
    memcpy(c->file_key->aes, bytes + 16 + half, half);
    c->file_key->hmac_n = c->file_key->aes_n = (unsigned char)half;
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return true;
}

void tls_use_tickets(struct tls_context *c)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket);
}
