/* TLS contexts of a snapshot's sites. Built by the control thread, shared by the workers, counted. */
#ifndef WEIR_TLS_SITES_H
#define WEIR_TLS_SITES_H

#include "server.h"
#include "ssl.h"
#include "tls.h"

struct tls_sites *tls_sites_new(const struct snapshot *s, char **error); /* NULL and *error (malloc'd) */
struct tls_sites *tls_sites_hold(struct tls_sites *t);
void tls_sites_drop(struct tls_sites *t);
/* For a merged place's SSLProxy… settings; NULL: none was made, their engine is off. */
struct tls_context *tls_sites_towards(const struct tls_sites *t, const struct ssl_proxy_part *part);
struct tls_context *tls_sites_of(const struct tls_sites *t, const struct site *s); /* NULL: no TLS */

#endif
