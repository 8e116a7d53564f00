/* Pass phrases of encrypted keys: SSLPassPhraseDialog. On the control thread only. */
#ifndef WEIR_TLS_PHRASE_H
#define WEIR_TLS_PHRASE_H

#include "ssl.h"
#include "tls.h"

struct tls_phrase_asking {
    const char *name; /* "host:port" of the site */
    const struct ssl_phrase *how;
};
/* tls_config's `passphrase` and `passphrase_fits`; ctx is the asking. Phrases that fitted once are tried before anyone
 * is asked: a reload and a renewal ask nobody. */
int tls_phrase_ask(void *ctx, const struct tls_key_question *q, char *out, int size);
void tls_phrase_fits(void *ctx, const char *phrase, int n);
void tls_phrase_end_start(void); /* from now on nobody sits at the terminal */
void tls_phrase_forget(void);

#endif
