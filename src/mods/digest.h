/* MD5 (RFC 1321) and SHA-1 (RFC 3174) in hexadecimal, for expressions' md5() and sha1(): names for things, no
 * protection. */
#ifndef WEIR_DIGEST_H
#define WEIR_DIGEST_H

#include "base.h"

void digest_md5(struct span data, char out[33]);
void digest_sha1(struct span data, char out[41]);

#endif
