/* Borrowed bytes: comparison, trimming and the comma lists of RFC 9110 section 5.6.1. ASCII only, whatever the locale.
 */
#include "base.h"
#include "lanes.h"

static unsigned char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : (unsigned char)c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool ieq_bytes(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/* Bits in which they differ, of four bytes or more; the last ones overlap those before. */
static lanes difference(const char *a, const char *b, size_t n)
{
    lanes bits;

    if (n <= LANES)
        return lanes_of_few(a, n) ^ lanes_of_few(b, n);
    bits = lanes_load(a + n - LANES) ^ lanes_load(b + n - LANES);
    for (size_t i = 0; i + LANES < n; i += LANES)
        bits |= lanes_load(a + i) ^ lanes_load(b + i);
    return bits;
}

/* Peers write nearly all names as we do; what differs in more than the bit of the case is another one. */
bool span_istarts(struct span s, struct span prefix)
{
    if (s.n < prefix.n)
        return false;
    if (prefix.n >= 4) {
        lanes bits = difference(s.p, prefix.p, prefix.n);

        if (!lanes_any(bits))
            return true;
        if (lanes_any(bits & 0xdf))
            return false;
    }
    return ieq_bytes(s.p, prefix.p, prefix.n);
}

static bool long_has_control(struct span s)
{
    lanes found = lanes_controls(lanes_load(s.p + s.n - LANES));

    for (size_t i = 0; i + LANES < s.n; i += LANES)
        found |= lanes_controls(lanes_load(s.p + i));
    return lanes_any(found);
}

/* Many bytes at a time; the last ones overlap those before. */
bool span_has_control(struct span s)
{
    if (s.n >= LANES)
        return long_has_control(s);
    if (s.n >= 4)
        return lanes_any(lanes_controls(lanes_of_few(s.p, s.n)));
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

size_t span_put_number(char *out, uint64_t value, unsigned base)
{
    char digits[20];
    size_t n = sizeof(digits);

    ASSERT(base == 10 || base == 16);
    if (base == 16) /* a constant each: no division */
        do
            digits[--n] = "0123456789abcdef"[value % 16];
        while (value /= 16);
    else
        do
            digits[--n] = (char)('0' + value % 10);
        while (value /= 10);
    memcpy(out, digits + n, sizeof(digits) - n);
    return sizeof(digits) - n;
}

struct span span_trim(struct span s)
{
    while (s.n && is_blank(*s.p))
        s.p++, s.n--;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Where the element that starts s ends: at a comma outside of a quoted string. An unclosed quote reaches to the end,
 * so that a comma behind it never makes a token out of quoted text. */
static size_t element_length(struct span s)
{
    const char *quote = memchr(s.p, '"', s.n), *comma = memchr(s.p, ',', s.n);
    bool quoted = false;
    size_t i;

    if (!quote || (comma && comma < quote))
        return comma ? (size_t)(comma - s.p) : s.n;
    for (i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (quoted && s.p[i] == '\\' && i + 1 < s.n)
            i++;
        else if (!quoted && s.p[i] == ',')
            break;
    }
    return i;
}

bool span_next_token(struct span *rest, struct span *token)
{
    while (rest->n) {
        size_t n = element_length(*rest);
        size_t used = n < rest->n ? n + 1 : n;

        *token = span_trim((struct span){ rest->p, n });
        rest->p += used, rest->n -= used;
        if (token->n)
            return true;
    }
    *token = (struct span){ rest->p, 0 };
    return false;
}

bool span_has_token(struct span list, struct span token)
{
    struct span element;

    if (span_ieq(list, token)) /* as nearly all lists are */
        return true;
    while (span_next_token(&list, &element))
        if (span_ieq(element, token))
            return true;
    return false;
}

bool span_to_u64(struct span s, uint64_t *value)
{
    uint64_t sum = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

        if (digit > 9 || __builtin_mul_overflow(sum, (uint64_t)10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}
