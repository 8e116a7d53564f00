/* OCSP stapling: a thread that keeps an answer of the responder at hand for each certificate, so that no handshake
 * waits. */
#ifndef WEIR_STAPLER_H
#define WEIR_STAPLER_H

#include "tls_sites.h"

struct stapler;
/* These contexts are in use from now on; the thread starts with the first that is to be stapled. References of its own.
 */
void stapler_use(struct stapler **st, struct snapshot *s, struct tls_sites *t);
void stapler_free(struct stapler *st); /* ends the thread; NULL is fine */

#endif
