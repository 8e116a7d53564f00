/* Bytes of a peer made fit for a log line or an HTML page (httpd: ap_escape_logitem, ap_escape_html). */
#include "bytes.h"
#include "http.h"

static const char *log_letter(char c)
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\v': return "\\v";
    default: return NULL;
    }
}

char *http_escape_log(struct arena *a, struct span s)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, 4 * s.n + 1), *end = out;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char *letter = log_letter(s.p[i]);

        if (byte_is(s.p[i], BYTE_PLAIN)) {
            *end++ = s.p[i];
        } else if (letter) {
            *end++ = letter[0], *end++ = letter[1];
        } else {
            *end++ = '\\', *end++ = 'x';
            *end++ = digits[c >> 4], *end++ = digits[c & 15];
        }
    }
    return out;
}

static const char *html_entity(char c)
{
    switch (c) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    default: return NULL;
    }
}

char *http_escape_html(struct arena *a, struct span s)
{
    size_t extra = 0;
    char *out, *end;

    for (size_t i = 0; i < s.n; i++)
        extra += html_entity(s.p[i]) ? strlen(html_entity(s.p[i])) - 1 : 0;
    out = end = arena_alloc(a, s.n + extra + 1);
    for (size_t i = 0; i < s.n; i++) {
        const char *entity = html_entity(s.p[i]);

        if (entity)
            end = stpcpy(end, entity);
        else
            *end++ = s.p[i];
    }
    return out;
}
