/* Paths decoded and encoded as httpd does it before it maps and before it forwards (ap_process_request_internal,
 * ap_normalize_path, ap_unescape_url_ex, ap_proxy_canonenc_ex; RFC 3986 sections 5.2.4 and 6.2.2). */
#include "bytes.h"
#include "http.h"

static bool is_escape(const char *s)
{
    return s[0] == '%' && byte_is(s[1], BYTE_HEX) && byte_is(s[2], BYTE_HEX);
}

static char escaped_byte(const char *s)
{
    return (char)(hex_value(s[1]) << 4 | hex_value(s[2]));
}

/* Escapes of letters, digits and "-._~" become those, in place: "%2e%2e" is "..". False: a "%" that encodes nothing. */
static bool decode_unreserved(char *s)
{
    char *to = s = strchrnul(s, '%');

    while (*s) {
        if (*s != '%') {
            *to++ = *s++;
        } else if (!is_escape(s)) {
            return false;
        } else if (byte_is(escaped_byte(s), BYTE_UNRESERVED)) {
            *to++ = escaped_byte(s);
            s += 3;
        } else {
            to = (char *)memmove(to, s, 3) + 3;
            s += 3;
        }
    }
    *to = '\0';
    return true;
}

/* Takes "." and ".." out of a path that begins with "/", in place, and empty segments when merge. A dot segment at the
 * end leaves its slash. False: a ".." pointed above the root (it is left out all the same). */
static bool remove_segments(char *path, bool merge)
{
    char *from = path + 1, *to = path + 1;
    bool inside = true;

    while (*from) {
        char *end = strchrnul(from, '/');
        size_t n = (size_t)(end - from), whole = n + (*end == '/');

        if (n == 2 && from[0] == '.' && from[1] == '.') {
            inside = inside && to > path + 1;
            while (to > path + 1 && *(--to - 1) != '/')
                ;
        } else if (!(n == 1 && *from == '.') && !(n == 0 && merge)) {
            to = (char *)memmove(to, from, whole) + whole;
        }
        from += whole;
    }
    *to = '\0';
    return inside;
}

/* The remaining escapes, in place; decode_unreserved has seen that each is one. What is refused is decoded, too: logs
 * and pages show it so. */
static enum http_path_result decode_rest(char *s, enum http_slashes slashes)
{
    enum http_path_result result = HTTP_PATH_OK;
    char *to = s = strchrnul(s, '%');

    while (*s) {
        char c = *s == '%' ? escaped_byte(s) : *s;

        if (*s != '%') {
            *to++ = *s++;
        } else if (c == '/' && slashes == HTTP_SLASHES_NODECODE) {
            to = (char *)memmove(to, s, 3) + 3;
            s += 3;
        } else {
            if (c == '\0' || (c == '/' && slashes == HTTP_SLASHES_OFF))
                result = HTTP_PATH_NOT_FOUND;
            *to++ = c;
            s += 3;
        }
    }
    *to = '\0';
    return result;
}

enum http_path_result http_normalize_path(struct arena *a, struct span raw, enum http_slashes slashes, bool merge,
                                          char **out)
{
    enum http_path_result result;
    char *path = arena_span(a, raw);

    *out = path;
    if (span_eq(raw, SPAN("*")))
        return HTTP_PATH_OK;
    if (*path != '/' || strlen(path) != raw.n)
        return HTTP_PATH_BAD;
    if (!decode_unreserved(path) || !remove_segments(path, merge))
        return HTTP_PATH_BAD;
    if (slashes == HTTP_ENCODED)
        return HTTP_PATH_OK;
    result = decode_rest(path, slashes);
    /* A decoded slash may have made new segments, as in "/.%2F/"; above the root is nothing then, not an error. */
    if (result == HTTP_PATH_OK && slashes == HTTP_SLASHES_ON)
        remove_segments(path, merge);
    return result;
}

char *http_escape_path(struct arena *a, struct span path)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_room(a, 3 * path.n + 1), *to = out;

    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];

        if (byte_is(path.p[i], BYTE_PATH))
            *to++ = path.p[i];
        else
            *to++ = '%', *to++ = digits[c >> 4], *to++ = digits[c & 15];
    }
    *to = '\0';
    return out;
}

void http_unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p; to++) {
        bool escape = is_escape(p);

        *to = escape ? escaped_byte(p) : *p;
        p += escape ? 3 : 1;
    }
    *to = '\0';
}

struct span http_encode_path(struct arena *a, struct span path, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t same = 0;
    char *out, *to;

    while (same < path.n && byte_is(path.p[same], BYTE_PATH))
        same++;
    if (same == path.n)
        return path;
    out = to = arena_room(a, 3 * path.n + 1);
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];

        if (byte_is(path.p[i], BYTE_PATH)) {
            *to++ = path.p[i];
            continue;
        }
        if (keep_slash && c == '%') {
            if (path.n - i < 3 || !is_escape(path.p + i))
                return (struct span){ 0 };
            if (escaped_byte(path.p + i) == '/') {
                to = (char *)memcpy(to, path.p + i, 3) + 3;
                i += 2;
                continue;
            }
        }
        *to++ = '%', *to++ = digits[c >> 4], *to++ = digits[c & 15];
    }
    *to = '\0';
    return (struct span){ out, (size_t)(to - out) };
}
