/* Nonces of Digest authentication, and the clients whose nonces are counted (AuthDigestNcCheck, one-time nonces). A
 * nonce is base64 of its time and a keyed hash of that, of the realm and of the client; nothing is kept for it. */
#include "auth_digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>

enum { CLIENTS = 4096, KEY = 32 };

static struct {
    pthread_mutex_t lock;
    bool keyed;
    unsigned char key[KEY]; /* of this process: nonces are good over reloads */
    uint64_t number;
    unsigned last_client;
    struct { /* by its number; a newer client takes the place of one long gone */
        unsigned id;
        uint64_t time, count;
    } client[CLIENTS];
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- nonces ---- */

static const unsigned char *key(void)
{
    pthread_mutex_lock(&known.lock);
    if (!known.keyed)
        ASSERT(RAND_bytes(known.key, KEY) == 1);
    known.keyed = true;
    pthread_mutex_unlock(&known.lock);
    return known.key;
}

static void add_hash(const char *realm, const char *opaque, char *nonce)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    struct buf text = { 0 };
    unsigned n = 0;

    buf_add(&text, nonce, DIGEST_NONCE_TIME);
    buf_adds(&text, opaque ? opaque : "");
    buf_add(&text, "", 1);
    buf_adds(&text, realm);
    ASSERT(HMAC(EVP_sha256(), key(), KEY, (const unsigned char *)buf_head(&text), buf_len(&text), bytes, &n));
    buf_release(&text);
    for (unsigned i = 0; i < 20; i++)
        snprintf(nonce + DIGEST_NONCE_TIME + 2 * i, 3, "%02x", bytes[i]);
}

void digest_make_nonce(uint64_t time, const char *realm, const char *opaque, char nonce[DIGEST_NONCE + 1])
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(time >> 8 * i);
    EVP_EncodeBlock((unsigned char *)nonce, bytes, 8);
    add_hash(realm, opaque, nonce);
}

bool digest_check_nonce(const char *nonce, const char *realm, const char *opaque, uint64_t *time,
                        char expected[DIGEST_NONCE + 1])
{
    unsigned char bytes[DIGEST_NONCE_TIME]; /* 8 and the one of the padding */

    ASSERT(strlen(nonce) == DIGEST_NONCE);
    memcpy(expected, nonce, DIGEST_NONCE_TIME);
    add_hash(realm, opaque, expected);
    if (!secret_equal(nonce, expected) || EVP_DecodeBlock(bytes, (const unsigned char *)nonce, DIGEST_NONCE_TIME) != 9)
        return false;
    *time = 0;
    for (unsigned i = 0; i < 8; i++)
        *time |= (uint64_t)bytes[i] << 8 * i;
    return true;
}

uint64_t digest_next_number(void)
{
    uint64_t number;

    pthread_mutex_lock(&known.lock);
    number = ++known.number;
    pthread_mutex_unlock(&known.lock);
    return number;
}

/* ---- clients ---- */

unsigned digest_new_client(void)
{
    unsigned id;

    pthread_mutex_lock(&known.lock);
    id = ++known.last_client ? known.last_client : ++known.last_client; /* 0 is nobody */
    known.client[id % CLIENTS].id = id;
    known.client[id % CLIENTS].time = known.client[id % CLIENTS].count = 0;
    pthread_mutex_unlock(&known.lock);
    return id;
}

bool digest_knows_client(unsigned id)
{
    bool found;

    pthread_mutex_lock(&known.lock);
    found = id && known.client[id % CLIENTS].id == id;
    pthread_mutex_unlock(&known.lock);
    return found;
}

enum digest_use digest_use_nonce(unsigned id, uint64_t time, bool once, uint64_t n, uint64_t *last)
{
    enum digest_use use = DIGEST_STRANGER;

    pthread_mutex_lock(&known.lock);
    if (id && known.client[id % CLIENTS].id == id) {
        uint64_t *when = &known.client[id % CLIENTS].time, *count = &known.client[id % CLIENTS].count;
        *last = *count;
        /* with a new nonce the count begins anew, and those before it are spent */
        use = time > *when || (time == *when && !once && n > *count) ? DIGEST_FRESH : DIGEST_USED;
        if (use == DIGEST_FRESH)
            *when = time, *count = n;
    }
    pthread_mutex_unlock(&known.lock);
    return use;
}
