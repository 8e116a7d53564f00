/* http: bytes <-> messages. No I/O, no configuration. RFC 9110, RFC 9112. */
#ifndef WEIR_HTTP_H
#define WEIR_HTTP_H

#include "fields.h"

/* ---- heads ---------------------------------------------------------------------------------- */

enum http_parse { HTTP_MORE, HTTP_DONE, HTTP_BAD };

/* Why a head was refused: what to answer and what Apache writes in the log. */
struct http_fault {
    int status;             /* requests 400, 413, 414, 501; responses 500, 502, as Apache answers */
    int ah;                 /* AH number or 0 */
    enum log_level level;   /* Apache's: info for limits, debug for other requests, warn or error for responses */
    const char *reason;     /* English, for the log; static: print "reason: detail" */
    const char *note;       /* what Apache adds to the answer's body ("error-notes"), static, or NULL */
    const char *detail;     /* offending bytes, in the arena, or NULL: at most 80 bytes, made printable */
    enum log_module module; /* who says it; the core when nothing is set */
};

struct http_limits { /* LimitRequestLine, LimitRequestFields, LimitRequestFieldSize; 0 fields: no limit */
    unsigned line, fields, field_size;
    bool unsafe;     /* HttpProtocolOptions Unsafe: bare LF, whitespace and obs-fold as Apache's lenient mode; line
                      * folding is refused otherwise (RFC 9112 5.2), though Apache's strict mode joins it */
    bool any_method; /* LenientMethods (default); false: RegisteredMethods -> 501 */
    bool allow_09;   /* Allow0.9 (default) */
    const struct vec *methods; /* of RegisteredMethods: char *, those besides httpd's own; or NULL */
};

struct http_target { /* a request target in parts; spans into the arena */
    enum { HTTP_ORIGIN_FORM, HTTP_ABSOLUTE_FORM, HTTP_AUTHORITY_FORM, HTTP_ASTERISK_FORM } form;
    struct span scheme, host, port; /* absolute and authority form; the host keeps its brackets */
    struct span path, query;        /* still encoded; query.p NULL when there is no "?"; leading slashes are one */
    struct span user, fragment;     /* p NULL when absent; a strict request line holds neither */
};
struct http_request_head {
    struct span method, target; /* as they came */
    struct http_target parts;   /* the target's, of a good head */
    struct span line;           /* the request line, for logs */
    int version;                /* 9, 10, 11: major*10+minor */
    struct http_fields fields;
};
struct http_response_head {
    int version, status;
    unsigned ignored; /* lines without a colon, left out by HTTP_HEADER_IGNORE */
    struct span reason;
    struct span bytes; /* the whole head, checked: names and values lie in it, and nobody changes it */
    struct http_fields fields;
};

/* A parser that remembers how far it has looked, so that a slow head is not rescanned (zero it for each head). */
enum http_bad_header { HTTP_HEADER_REFUSE, HTTP_HEADER_IGNORE, HTTP_HEADER_BODY }; /* ProxyBadHeader */
struct http_scan {
    size_t seen;                     /* bytes already searched for the end */
    size_t head, line;               /* where the first line and the line under way start */
    unsigned lines;                  /* whole lines found, the first one included */
    unsigned blank;                  /* empty lines skipped before the first */
    bool started;                    /* the first line was seen (leading CRLF skipped) */
    bool checked;                    /* and was found good */
    enum http_bad_header bad_header; /* set by the caller of http_parse_response */
};
/* Looks for a whole head at the start of `in`, which begins with the same byte at each call for one head. On HTTP_DONE
 * the head is copied into the arena and *used says how many bytes it took. On HTTP_BAD the fault says why; fields
 * parsed so far are kept for the log and the answer. A good head's target is there in parts. Version 9 has no
 * fields. */
enum http_parse http_parse_request(struct arena *a, struct span in, const struct http_limits *limits,
                                   struct http_scan *scan, struct http_request_head *head, size_t *used,
                                   struct http_fault *fault);
/* For a head that was refused or given up after its first line: what that line says, for the log. */
void http_note_request_line(struct arena *a, struct span in, const struct http_limits *limits,
                            const struct http_scan *scan, struct http_request_head *head);
/* max_line: bytes of one field line (responsefieldsize), fields bounded to 1000 and the head to 64 fields' worth of it.
 * Bytes that are no status line are an HTTP/0.9 response as in Apache: version 9, status 200, all is body (*used is 0
 * but for a stray empty line). A line that begins with "HTTP/" and is no status line is refused. */
enum http_parse http_parse_response(struct arena *a, struct span in, size_t max_line, struct http_scan *scan,
                                    struct http_response_head *head, size_t *used, struct http_fault *fault);
/* Trailer section after the last chunk: fields until the empty line, 64 KiB at most. */
enum http_parse http_parse_trailers(struct arena *a, struct span in, const struct http_limits *limits,
                                    struct http_fields *fields, size_t *used, struct http_fault *fault);

/* ---- body framing ------------------------------------------------------------------------------ */

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };
struct http_body { /* a decoder; zero cost to copy */
    enum http_framing framing;
    uint64_t left;               /* of the length or of the chunk under way */
    uint64_t taken;              /* payload bytes decoded so far */
    unsigned char state, blanks; /* chunked: internal */
    unsigned short line;         /* chunked: bytes of the size line so far */
    bool done;                   /* for chunked: after the last chunk, the trailers are still to be read */
    bool lax;                    /* set it under HttpProtocolOptions Unsafe: a bare LF ends a chunk's line */
    bool close;                  /* framing is doubtful (both kinds, or chunked in 1.0): close after this message */
};
/* RFC 9112 6.3. A request's second Content-Length is a fault (400), chunked not last too, another coding before chunked
 * is 501 (where Apache's proxy says 500). With both kinds chunked holds and the length is not to be sent on, as in
 * Apache; what is forwarded is framed anew in any case. */
bool http_request_framing(const struct http_request_head *h, struct http_body *b, struct http_fault *fault);
bool http_response_framing(const struct http_response_head *h, struct span method, struct http_body *b,
                           struct http_fault *fault);
/* Takes from `in`: *payload is the next piece of payload inside `in` (may be empty), *used the bytes taken including
 * framing. Call again while *used > 0. Chunk size lines are bounded; extensions are skipped. */
enum http_parse http_body_decode(struct http_body *b, struct span in, struct span *payload, size_t *used);
/* What to answer once http_body_decode said HTTP_BAD: 413 for a size past all bounds, else 400. */
void http_body_fault(const struct http_body *b, struct http_fault *fault);
/* "1a\r\n" for a chunk of n bytes; returns its length (at most 18). */
size_t http_chunk_head(uint64_t n, char out[20]);

/* ---- targets and paths ------------------------------------------------------------------------- */

/* false: 400. Absolute form is http or https with a host; its path is "/" when empty, "*" for OPTIONS as in Apache. */
bool http_parse_target(struct span method, struct span target, struct http_target *t);

enum http_slashes { /* AllowEncodedSlashes, and with the last no escape is decoded but those of unreserved bytes */
                    HTTP_SLASHES_OFF,
                    HTTP_SLASHES_ON,
                    HTTP_SLASHES_NODECODE,
                    HTTP_ENCODED
};
/* 400 AH10244 "invalid URI path"; 404: %2F (AH00026) or %00 */
enum http_path_result { HTTP_PATH_OK, HTTP_PATH_BAD, HTTP_PATH_NOT_FOUND };
/* Decodes and normalises as Apache does before translate_name (ap_normalize_path + ap_unescape_url): %XX, dot segments,
 * runs of "/" merged when merge. out is in the arena, NUL-terminated, holds no NUL inside. */
enum http_path_result http_normalize_path(struct arena *a, struct span raw, enum http_slashes slashes, bool merge,
                                          char **out);
/* ap_proxy_canonenc_ex(enc_path): letters, digits, "~$-_.+!*'(),;:@&=/" stay, all else %XX in upper case; with
 * keep_slash (AllowEncodedSlashes NoDecode) an encoded slash in the input stays as it is, and a "%" that encodes
 * nothing gives {NULL, 0} (400). A path that stays is the path itself. */
struct span http_encode_path(struct arena *a, struct span path, bool keep_slash);
/* ap_escape_uri: the same bytes stay, all else %xx in lower case. */
char *http_escape_path(struct arena *a, struct span path);
/* ap_unescape_url: in place, slashes too; what encodes nothing stays. */
void http_unescape(char *text);
/* A printable form for logs as ap_escape_logitem: \" \\ \b \n \r \t \v, other bytes not ASCII-printable \xhh. */
COLD char *http_escape_log(struct arena *a, struct span s);
char *http_escape_html(struct arena *a, struct span s);
struct http_url { /* scheme://[user@]host[:port]path?query; IPv6 host without brackets */
    struct span scheme, user, host, path, query;
    int port; /* 0 when not written */
};
bool http_parse_url(struct span url, struct http_url *u);
int http_default_port(struct span scheme); /* http ws 80, https wss 443, ftp 21 …, 0 unknown */
/* Host field or authority -> lower-case host without port and trailing dot, checked (ap_get_server_name rules,
 * strict_host_check of vhost.c); false: 400. *port 0 when absent. */
bool http_parse_host(struct arena *a, struct span authority, bool strict, char **host, int *port);
struct http_host {
    const char *scheme; /* in: the connection's; a target of another scheme leaves the choice to the Host field */
    bool strict;        /* in */
    bool from_target;   /* the target named it: Apache then replaces the Host field (AH02417) */
    char *name;         /* NULL when none was named (only before HTTP/1.1) */
    int port;
};
/* Whom a request is for (ap_update_vhost_from_headers, ap_check_request_header); false: missing, malformed or two. */
bool http_request_host(struct arena *a, const struct http_request_head *h, struct http_host *host,
                       struct http_fault *fault);

/* ---- PROXY protocol ---------------------------------------------------------------------------------- */

#define HTTP_PROXY_MOST 232 /* bytes of a header, as in httpd */
struct http_proxy_peer {
    bool known; /* false: LOCAL or UNKNOWN, the connection's own address holds */
    unsigned char family /* 4 or 6 */, ip[16];
    unsigned short port;
    char text[46];
};
struct http_proxy_fault {
    int ah; /* 0: httpd says nothing */
    char text[400];
};
/* Looks at a connection's first bytes; *used: what the header takes. */
enum http_parse http_parse_proxy_header(struct span in, struct http_proxy_peer *peer, size_t *used,
                                        struct http_proxy_fault *fault);

/* ---- parts and conditions: range.c, conditional.c ------------------------------------------------- */

struct http_range {
    uint64_t first, last; /* both included */
};
struct http_ranges {
    struct http_range *items; /* in the arena, merged, in the order asked for */
    unsigned n, cap;
    unsigned overlaps, reversals; /* as MaxRangeOverlaps and MaxRangeReversals count them */
    uint64_t sum;                 /* bytes of all */
};
enum http_ranges_result { HTTP_RANGES_NONE /* all of it */, HTTP_RANGES_SOME, HTTP_RANGES_BEYOND /* 416 */ };
/* A Range field on length bytes. What is malformed, of another unit, or larger than the whole is as if not asked. */
enum http_ranges_result http_parse_ranges(struct arena *a, struct span field, uint64_t length, struct http_ranges *out);
struct http_validators {   /* of what would be sent */
    const char *etag;      /* with its quotes; NULL none */
    int64_t modified, now; /* seconds; now: the answer's Date, or the request's begin */
};
/* If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, If-Range: 0, 304 or 412. get: GET or HEAD. */
int http_conditions(struct arena *a, const struct http_fields *request, bool get, const struct http_validators *is);
bool http_range_applies(struct arena *a, const struct http_fields *request, const struct http_validators *is);

/* multipart.c: an answer of several parts */
struct http_multipart {
    const char *boundary;
    struct span type; /* of the whole; n 0 when it has none */
    uint64_t whole;   /* its bytes */
};
void http_part_head(struct buf *out, const struct http_multipart *m, const struct http_range *range);
void http_part_end(struct buf *out, const struct http_multipart *m);
uint64_t http_parts_length(const struct http_multipart *m, const struct http_ranges *ranges); /* of all together */

/* ---- words ------------------------------------------------------------------------------------------ */

const char *http_reason(int status); /* "Not Found"; "Unknown Reason" for codes without a text */
bool http_is_token(struct span s);
bool http_is_value(struct span s);      /* no control but HTAB: what a field may hold */
int64_t http_parse_date(struct span s); /* seconds; 0 when it is none */
#define HTTP_DATE_LENGTH 29
size_t http_date(int64_t seconds, char out[32]); /* "Sun, 06 Nov 1994 08:49:37 GMT" */
bool http_registered_method(struct span m,
                            const struct vec *more); /* httpd's own, without mod_dav's two, or one of more */

#endif
