/* TLS contexts of a snapshot's sites. Built by the control thread, shared by the workers, counted. */
#ifndef WEIR_TLS_SITES_H
#define WEIR_TLS_SITES_H

#include "server.h"
#include "ssl.h"
#include "tls.h"

struct tls_sites *tls_sites_new(const struct snapshot *s, char **error); /* NULL and *error (malloc'd) */
/* Every file that a context in use was made of; some more than once. */
typedef void tls_file_fn(void *arg, const char *path);
void tls_sites_each_file(const struct snapshot *s, const struct tls_sites *t, tls_file_fn *visit, void *arg);
/* The same sites: contexts made of a file whose path is a key of `changed` are made anew, and where that fails (which
 * is logged) and for all others those of old are taken on. */
struct tls_sites *tls_sites_renew(const struct snapshot *s, const struct tls_sites *old, const struct map *changed);
struct tls_sites *tls_sites_hold(struct tls_sites *t);
void tls_sites_drop(struct tls_sites *t);
/* For a merged place's SSLProxy… settings; NULL: none was made, their engine is off. */
struct tls_context *tls_sites_towards(const struct tls_sites *t, const struct ssl_proxy_part *part);
struct tls_context *tls_sites_of(const struct tls_sites *t, const struct site *s); /* NULL: no TLS */

#endif
