/* Passwords against what htpasswd writes, with the libraries that httpd has this from: libxcrypt (bcrypt, SHA-256/512,
 * MD5 and DES crypt) and apr-util (apr1, {SHA}). */
#include "access.h"

#include <apr_md5.h>
#include <apr_sha1.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>

bool secret_equal(const char *a, const char *b)
{
    size_t n = strlen(a);

    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

/* ---- hashes ---- */

static bool matches_crypt(const char *password, const char *hash)
{
    void *data = NULL;
    int size = 0;
    const char *made = crypt_ra(password, hash, &data, &size);
    bool same = made && made[0] != '*' && secret_equal(made, hash);

    if (data)
        OPENSSL_cleanse(data, (size_t)size);
    free(data);
    return same;
}

static bool matches(const char *password, const char *hash)
{
    char made[120];

    if (strncmp(hash, "$apr1$", 6) == 0)
        return apr_md5_encode(password, hash, made, sizeof(made)) == APR_SUCCESS && secret_equal(made, hash);
    if (strncmp(hash, APR_SHA1PW_ID, APR_SHA1PW_IDLEN) != 0)
        return matches_crypt(password, hash);
    apr_sha1_base64(password, (int)strlen(password), made);
    return secret_equal(made, hash);
}

/* ---- what matched a moment ago: a page's fifty requests are not to cost fifty times a quarter of a second ---- */

enum { SLOTS = 1024, TAG = 32, REMEMBERED_MS = 60000 };

static struct {
    pthread_mutex_t lock;
    bool keyed;
    unsigned char key[TAG]; /* of this process: the tags tell nothing of the passwords */
    struct {
        unsigned char tag[TAG];
        uint64_t until_ms;
    } slot[SLOTS];
} memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void make_key(void)
{
    pthread_mutex_lock(&memory.lock);
    if (!memory.keyed)
        ASSERT(RAND_bytes(memory.key, TAG) == 1);
    memory.keyed = true;
    pthread_mutex_unlock(&memory.lock);
}

/* The hash is in the tag: a changed password has nothing to do with what was remembered. */
static void make_tag(const char *password, const char *hash, unsigned char tag[TAG])
{
    struct buf text = { 0 };
    unsigned n = TAG;

    make_key();
    buf_add(&text, password, strlen(password) + 1);
    buf_adds(&text, hash);
    ASSERT(HMAC(EVP_sha256(), memory.key, TAG, (const unsigned char *)buf_head(&text), buf_len(&text), tag, &n));
    OPENSSL_cleanse(text.data, text.end);
    buf_release(&text);
}

static unsigned slot_of(const unsigned char tag[TAG])
{
    return (tag[0] | (unsigned)tag[1] << 8) % SLOTS;
}

static bool remembers(const unsigned char tag[TAG])
{
    unsigned i = slot_of(tag);
    bool known;

    pthread_mutex_lock(&memory.lock);
    known = memory.slot[i].until_ms > base_now_ms() && CRYPTO_memcmp(memory.slot[i].tag, tag, TAG) == 0;
    pthread_mutex_unlock(&memory.lock);
    return known;
}

static void remember(const unsigned char tag[TAG])
{
    unsigned i = slot_of(tag);

    pthread_mutex_lock(&memory.lock);
    memcpy(memory.slot[i].tag, tag, TAG);
    memory.slot[i].until_ms = base_now_ms() + REMEMBERED_MS;
    pthread_mutex_unlock(&memory.lock);
}

bool password_matches(const char *password, const char *hash)
{
    unsigned char tag[TAG];

    make_tag(password, hash, tag);
    if (remembers(tag))
        return true;
    if (!matches(password, hash))
        return false;
    remember(tag);
    return true;
}
