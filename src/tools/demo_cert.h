/* The certificate that `weir demo` shows: self-made, for this machine's names. */
#ifndef WEIR_DEMO_CERT_H
#define WEIR_DEMO_CERT_H

#include "base.h"

/* Writes a new certificate and its key (mode 0600), PEM each, to files that do not exist yet; false: errno. */
bool demo_cert_write(const char *cert, const char *key);

#endif
