/* What the parsers of request heads, response heads and trailers share. Private to http. */
#ifndef WEIR_HTTP_HEAD_H
#define WEIR_HTTP_HEAD_H

#include "http.h"

/* Fills the fault from a model; the detail is made printable and short. Always false. */
COLD bool head_refuse(struct arena *a, struct http_fault *fault, const struct http_fault *model, struct span detail);

/* The next whole line of `in` without its line end; bare says that it ended in LF alone. */
bool head_next_line(struct span in, struct http_scan *scan, struct span *line, bool *bare);

struct head_lines { /* the lines of a whole head, in memory of our own: folded ones are joined in place */
    char *next, *end;
    bool empty_fold; /* a line that continued another was empty */
};
/* The next line, joined with those that continue it when fold. *folded counts those. False at the end. */
bool head_take_line(struct head_lines *lines, bool fold, struct span *line, unsigned *folded);

/* Nearly all heads: here as a whole, lines of at most `most` bytes altogether that end in CRLF, no folding, good
 * fields. Copies it. False, with nothing but memory spent: another one, and the long way finds out what it is. */
struct head_usual {
    struct span bytes, first; /* the head with the empty line at its end; its first line */
    struct http_fields fields;
};
bool head_take_usual(struct arena *a, struct span in, size_t most, struct head_usual *head);

/* A token before a colon, and after it no control byte but HTAB; both parts trimmed as RFC 9112 5.1 says. */
enum head_field { HEAD_FIELD_OK, HEAD_FIELD_NAME, HEAD_FIELD_VALUE };
enum head_field head_split_field(struct span line, struct http_field *field);

/* The field lines of a request head or of a trailer section, copied already. */
struct head_fields {
    struct arena *arena;
    const struct http_limits *limits;
    struct http_fields *fields;
    struct http_fault *fault;
};
bool head_parse_fields(const struct head_fields *to, struct head_lines lines);
/* Is a field line, whole or not yet, within LimitRequestFieldSize? */
bool head_check_size(const struct head_fields *to, struct span line);
bool head_too_many(const struct head_fields *to);

#endif
