/* OpenSSL's digests, in lower-case hexadecimal. */
#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>

static void digest(const EVP_MD *kind, struct span data, char *out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    ASSERT(EVP_Digest(data.p ? data.p : "", data.n, bytes, &n, kind, NULL) == 1);
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void digest_md5(struct span data, char out[33])
{
    digest(EVP_md5(), data, out);
}

void digest_sha1(struct span data, char out[41])
{
    digest(EVP_sha1(), data, out);
}
