/* Certificates that are renewed while the server runs: their files are watched, their contexts made anew. */
#ifndef WEIR_RENEW_H
#define WEIR_RENEW_H

#include "tls_sites.h"

struct renewal;
struct renewal *renewal_new(void);
void renewal_free(struct renewal *r);
int renewal_fd(const struct renewal *r); /* readable: renewal_turn; -1: no inotify here, the clock alone */
int renewal_wait_ms(const struct renewal *r);
/* The files of a snapshot and of its contexts that were just made: from now on changes to them count. Best called with
 * the rights to read them. */
void renewal_watch(struct renewal *r, const struct snapshot *s, const struct tls_sites *t);
/* After the descriptor or the clock: the contexts to be used in place of t, or NULL: nothing to do. What is new is
 * logged. */
struct tls_sites *renewal_turn(struct renewal *r, const struct snapshot *s, const struct tls_sites *t);

#endif
