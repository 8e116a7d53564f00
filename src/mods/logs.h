/* What the files of mod_log_config share: a compiled LogFormat, and a line being written. */
#ifndef WEIR_LOGS_H
#define WEIR_LOGS_H

#include "mods.h"

/* ---- log_format.c: from text to items ------------------------------------------------------------------------ */

enum log_what { /* other values are the directive's own letter */
                LOG_TEXT = 1,
                LOG_TRAILER_IN,
                LOG_TRAILER_OUT,
                LOG_FIRST_BYTE
};
enum log_time_form { TIME_STRFTIME, TIME_CLF, TIME_SEC, TIME_MSEC, TIME_USEC, TIME_MSEC_FRAC, TIME_USEC_FRAC };
struct log_item {
    int what;
    bool original;            /* of the request before an internal redirect */
    bool negated;             /* statuses: all but these */
    const char *arg;          /* never NULL */
    size_t n;                 /* its length */
    unsigned short *statuses; /* an item for these only */
    unsigned n_statuses;
    enum log_time_form form; /* of %t; arg is the strftime pattern */
    bool at_end;             /* %{end:…}t */
};
struct log_format {
    struct log_item *items;
    unsigned n;
};
#define LOG_DEFAULT_FORMAT "%h %l %u %t \"%r\" %>s %b"
/* NULL, or Apache's fault. */
const char *log_format_compile(struct arena *a, const char *text, const struct log_format **out);

/* ---- log_line.c: from items to a line -------------------------------------------------------------------------- */

struct log_end { /* what only the end tells */
    uint64_t bytes_in, bytes_out, body;
    uint64_t lasted_us;
    int64_t wall_us;
    bool keepalive, aborted;
};
/* Adds the line without its newline. With end NULL, what only the end tells is left open: a NUL, the item's letter and
 * its argument up to another NUL; log_line_close fills it in. */
void log_line_add(struct buf *out, const struct log_format *f, const struct request *r, const struct log_end *end);
void log_line_close(struct buf *out, struct span open, const struct log_end *end);
const struct request *log_original(const struct request *r); /* before any internal redirect */

#endif
