/* What mod_deflate, mod_brotli and mod_filter share: a coder turns an answer's body into a shorter one, piece by piece.
 */
#ifndef WEIR_COMPRESS_H
#define WEIR_COMPRESS_H

#include "mods.h"

enum etag_mode { ETAG_ADD_SUFFIX, ETAG_NO_CHANGE, ETAG_REMOVE };
struct compress_notes { /* names of notes; NULL: none */
    const char *ratio, *input, *output;
};
/* What the two have in common; each fills it from its settings. */
struct compress_rule {
    const char *coding, *suffix; /* "gzip": the token, and what an ETag gets */
    const char *never;           /* the variable that forbids it */
    enum etag_mode etag;
    const struct compress_notes *notes;
};

/* Is this answer to be coded so, for this client? Vary is set as soon as it depends on the client; Content-Encoding,
 * ETag and lengths are changed when it is. */
bool compress_agrees(struct request *r, const struct compress_rule *rule);
/* At the end of a body, for logs. */
void compress_note(struct request *r, const struct compress_notes *notes, uint64_t in, uint64_t out);
bool compress_etag_mode(const char *word, int *mode);
bool compress_set_notes(struct compress_notes *notes, char **argv); /* false: no such kind */
/* NULL when they decline. */
struct coder *deflate_coder(struct request *r, uint64_t body); /* its bytes, UINT64_MAX: not known */
struct coder *brotli_coder(struct request *r);
/* substitute.c: what it makes of a body goes into next, or out when there is none. */
struct coder *substitute_coder(struct request *r, struct coder *next);

#endif
