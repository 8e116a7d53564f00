/* Base64 (RFC 4648 4). */
#include "base.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct span base64_encode(struct arena *a, struct span data)
{
    char *out = arena_alloc(a, (data.n + 2) / 3 * 4 + 1);
    size_t n = 0;

    for (size_t i = 0; i < data.n; i += 3) {
        size_t left = data.n - i;
        unsigned v = (unsigned)(unsigned char)data.p[i] << 16;

        v |= left > 1 ? (unsigned)(unsigned char)data.p[i + 1] << 8 : 0;
        v |= left > 2 ? (unsigned)(unsigned char)data.p[i + 2] : 0;
        out[n++] = digits[v >> 18];
        out[n++] = digits[(v >> 12) & 63];
        out[n++] = left > 1 ? digits[(v >> 6) & 63] : '=';
        out[n++] = left > 2 ? digits[v & 63] : '=';
    }
    return (struct span){ out, n };
}

struct span base64_decode(struct arena *a, struct span text)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    unsigned v = 0, bits = 0;

    for (size_t i = 0; i < text.n; i++) {
        const char *digit = text.p[i] ? strchr(digits, text.p[i]) : NULL;

        if (!digit)
            break;
        v = (v << 6) | (unsigned)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(v >> bits);
        }
    }
    return (struct span){ out, n };
}
