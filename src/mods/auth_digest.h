/* What the files of Digest authentication share; nothing here is for other rooms. */
#ifndef WEIR_AUTH_DIGEST_H
#define WEIR_AUTH_DIGEST_H

#include "access.h"

struct digest_answer { /* an Authorization field of the scheme Digest, in parts; NULL where one is missing */
    const char *username, *realm, *nonce, *uri, *response, *algorithm, *cnonce, *opaque, *qop, *nc;
    bool valid;         /* no needed part is missing */
    bool proved;        /* its password was right and its nonce good */
    const char *secret; /* then: MD5 of "user:realm:password" */
    uint64_t nonce_time;
};
/* auth_digest_parse.c: the field without its scheme; false when a needed part is missing. No I/O. */
bool digest_parse(struct arena *a, struct span field, struct digest_answer *d);
/* Is the URI that the client signed the one it asked for: as sent, or in its parts. -1: it is no URI. */
int digest_same_uri(struct arena *a, const struct request *r, const char *uri);

/* auth_digest_nonce.c: nonces, and what is remembered of clients. Any thread; it may have to wait for another. */
#define DIGEST_NONCE_TIME 12
#define DIGEST_NONCE      (DIGEST_NONCE_TIME + 40)
/* A nonce for this time (µs, or the number of a nonce for one use) and client. */
void digest_make_nonce(uint64_t time, const char *realm, const char *opaque, char nonce[DIGEST_NONCE + 1]);
/* Did we make it? *time is when; expected what it ought to be. */
bool digest_check_nonce(const char *nonce, const char *realm, const char *opaque, uint64_t *time,
                        char expected[DIGEST_NONCE + 1]);
uint64_t digest_next_number(void); /* of a nonce for one use: 1, 2, … */
unsigned digest_new_client(void);  /* its number, which is the opaque field in hexadecimal */
bool digest_knows_client(unsigned id);
enum digest_use { DIGEST_FRESH, DIGEST_STRANGER, DIGEST_USED };
/* Takes the nonce's use number n, or its only use, of a client; *last is the number before. */
enum digest_use digest_use_nonce(unsigned id, uint64_t time, bool once, uint64_t n, uint64_t *last);

#endif
