/* net, inside: variables of one certificate, tls_certificate.c. */
#ifndef WEIR_TLS_VARS_H
#define WEIR_TLS_VARS_H

#include "base.h"

#include <openssl/x509.h>
#include <strings.h>

/* "S_DN_CN", "V_END", "SAN_DNS_0", "CERT"…: what follows SSL_CLIENT_ or SSL_SERVER_. {NULL,0}: none. */
struct span tls_certificate_variable(const X509 *x, struct arena *a, const char *name);
struct span tls_certificate_pem(const X509 *x, struct arena *a);
struct span tls_certificate_assertion(const X509 *x, struct arena *a); /* CertificateExactAssertion, RFC 4523 */

#endif
