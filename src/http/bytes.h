/* What a byte may be part of; one table for every check in this room. Private to http. */
#ifndef WEIR_HTTP_BYTES_H
#define WEIR_HTTP_BYTES_H

#include "lanes.h"

enum {
    BYTE_TOKEN = 1,       /* RFC 9110 5.6.2 */
    BYTE_CONTROL = 2,     /* C0 without HTAB, and DEL */
    BYTE_VISIBLE = 4,     /* VCHAR and obs-text */
    BYTE_SPACE = 8,       /* C's isspace */
    BYTE_UNRESERVED = 16, /* RFC 3986 2.3 */
    BYTE_PATH = 32,       /* what mod_proxy leaves as it is in a path, "/" included */
    BYTE_PLAIN = 64,      /* what a log line may hold unescaped */
    BYTE_HEX = 128
};
extern const unsigned char http_bytes[256];

static inline bool byte_is(char c, unsigned kinds)
{
    return (http_bytes[(unsigned char)c] & kinds) != 0;
}

/* How many bytes from p on are visible. */
static inline size_t bytes_visible(const char *p, size_t n)
{
    size_t i = 0;

    for (; n - i >= LANES; i += LANES) {
        lanes bytes = lanes_load(p + i);
        unsigned first = lanes_first((lanes)((bytes <= ' ') | (bytes == 0x7f)));

        if (first < LANES)
            return i + first;
    }
    while (i < n && byte_is(p[i], BYTE_VISIBLE))
        i++;
    return i;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline unsigned hex_value(char c)
{
    return is_digit(c) ? (unsigned)(c - '0') : ((unsigned char)c | 0x20u) - 'a' + 10u;
}

#endif
