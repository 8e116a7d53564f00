/* What the log is to say about certificates in use: how long they hold, and whom they name. */
#ifndef WEIR_TLS_WARN_H
#define WEIR_TLS_WARN_H

#include "tls_sites.h"

/* How near the end is: the days of the warning that is due, 0 once it has expired, -1 while there is nothing to say. */
int tls_warn_days(int64_t not_after, int64_t now);
/* Is a ServerName or ServerAlias one that the names cover (RFC 6125 6.4)? Aliases whose wildcards no certificate can
 * have are not judged: true. */
bool tls_warn_covered(const char *const *names, unsigned n, const char *asked);

struct tls_warnings; /* what was said already */
struct tls_warnings *tls_warnings_new(void);
void tls_warnings_free(struct tls_warnings *w);
void tls_warn_expiry(struct tls_warnings *w, const struct snapshot *s,
                     const struct tls_sites *t); /* once for each step */
void tls_warn_names(const struct snapshot *s, const struct tls_sites *t);

#endif
