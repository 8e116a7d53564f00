/* What the files that read .htaccess share; nothing here is for other rooms. */
#ifndef WEIR_HTACCESS_H
#define WEIR_HTACCESS_H

#include "core.h"

#define HTACCESS_BYTES_MOST  ((size_t)512 << 10) /* of one file */
#define HTACCESS_DEPTH_MOST  64                  /* files for one request */
#define HTACCESS_FILES_MOST  1024u               /* kept, and all their weight */
#define HTACCESS_WEIGHT_MOST ((size_t)64 << 20)

/* ---- htaccess_cache.c ---- */

struct htaccess_stamp { /* what a file was like: another stamp, another content */
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
};
struct htaccess { /* a file as it was read, for one site and one AllowOverride; reference-counted */
    uint32_t magic;
    _Atomic int refs;
    struct arena *arena;
    const char *key;
    struct htaccess_stamp stamp;
    struct conf_local local;
    size_t weight;    /* the cache's */
    struct link link; /* the cache's */
};
struct htaccess_cache;
struct htaccess *htaccess_new(const char *key, const struct htaccess_stamp *stamp); /* one reference is the caller's */
struct htaccess *htaccess_hold(struct htaccess *h);
void htaccess_drop(struct htaccess *h);
struct htaccess_cache *htaccess_cache_new(struct arena *a); /* ends with the arena */
/* Held for the caller; NULL when it is not there or was another file. */
struct htaccess *htaccess_get(struct htaccess_cache *c, const char *key, const struct htaccess_stamp *stamp);
void htaccess_put(struct htaccess_cache *c, struct htaccess *h); /* in place of the key's older one */
void htaccess_cache_size(struct htaccess_cache *c, unsigned *n, size_t *weight);

/* ---- htaccess.c ---- */

struct override { /* what AllowOverride says where a request has come to */
    int classes;  /* core_place.override */
    int options;
    const struct vec *names;
};
/* The section that the .htaccess of a directory (with its "/") is: 0 with *section, NULL when there is none; a status,
 * said in the log; or FILES_AWAY when it must be read first and this is a worker's loop. */
int htaccess_find(struct request *r, const struct override *o, struct span directory, const struct section **section);

#endif
