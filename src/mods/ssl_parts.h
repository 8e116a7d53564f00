/* What mod_ssl's files share; nothing here is for other rooms. */
#ifndef WEIR_SSL_PARTS_H
#define WEIR_SSL_PARTS_H

#include "ssl.h"

/* ---- ssl_words.c: setters that store into the field of their row's slot ------------------------------------------ */

conf_set_fn ssl_set_file, ssl_set_dir; /* const char *: the path, once it is there */
conf_set_fn ssl_set_mode;              /* struct ssl_verify's mode */
conf_set_fn ssl_set_depth, ssl_set_seconds;
conf_set_fn ssl_set_crl_check; /* struct ssl_verify's crl, and crl_missing_ok beside it */
conf_set_fn ssl_set_protocols; /* int: a set of SSL_PROTO_… */
const char *ssl_read_mode(struct conf_cmd *cmd, const char *word, int *mode);
const char *ssl_read_depth(struct conf_cmd *cmd, const char *word, int *depth);
const char *ssl_find_file(struct conf_cmd *cmd, const char *word, const char **path);
const char *ssl_find_dir(struct conf_cmd *cmd, const char *word, const char **path);
/* "TLSv1.3 LIST", "SSL LIST" or "LIST": one of the two fields. */
const char *ssl_read_ciphers(struct conf_cmd *cmd, int argc, char **argv, const char **ciphers, const char **suites);
extern const char ssl_no_weak_ciphers[]; /* what httpd adds to each list */

/* ---- ssl_set.c: rows of a site; ssl_place.c: rows of a place -------------------------------------------------------
 */

conf_set_fn ssl_set_engine, ssl_set_certificate, ssl_set_key, ssl_set_passphrase, ssl_set_site_ciphers,
    ssl_set_session_cache, ssl_set_session_timeout, ssl_set_stapling_cache, ssl_set_command, ssl_set_sni_policy,
    ssl_check_device, ssl_check_compression, ssl_check_ocsp, ssl_check_seed;
conf_set_fn ssl_set_client, ssl_set_client_depth, ssl_set_ca_file, ssl_set_ca_dir, ssl_set_options, ssl_set_require_ssl,
    ssl_check_buffer, ssl_set_proxy_ciphers;

/* ---- ssl_require.c ----------------------------------------------------------------------------------------------- */

conf_set_fn ssl_set_require;
int ssl_requirement_met(const struct request *r, const struct ssl_requirement *q, const char **error); /* 1, 0, -1 */

/* ---- ssl_finish.c ------------------------------------------------------------------------------------------------ */

const char *ssl_finish_site(struct snapshot_build *b, struct site *s);

/* ssl_vars.c: the subject of the client's certificate as X509_NAME_oneline writes it */
struct span ssl_client_name(const struct request *r);

#endif
