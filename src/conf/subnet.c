/* Networks as Apache writes them: apr_ipsubnet_create and apr_ipsubnet_test without any name look-up. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "expr.h"

/* One to four decimal octets; a trailing dot is allowed after fewer than four. Returns how many, 0 when malformed. */
static unsigned parse_octets(const char *p, unsigned char ip[4])
{
    unsigned n = 0;

    while (*p) {
        unsigned value = 0, digits = 0;

        for (; *p >= '0' && *p <= '9'; p++, digits++)
            value = value * 10 + (unsigned)(*p - '0');
        if (digits == 0 || digits > 3 || value > 255 || n == 4)
            return 0;
        ip[n++] = (unsigned char)value;
        if (*p == '.' && n < 4)
            p++;
        else if (*p)
            return 0;
    }
    return n;
}

static bool is_mapped(const unsigned char ip[16])
{
    static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

static void mask_bits(unsigned char mask[16], long bits)
{
    memset(mask, 0, 16);
    for (long i = 0; i < bits; i++)
        mask[i / 8] |= (unsigned char)(0x80 >> (i % 8));
}

static bool parse_mask(const char *text, struct subnet *s)
{
    char *end;
    long bits = strtol(text, &end, 10);

    if (end != text && !*end && bits > 0 && bits <= (s->family == 4 ? 32 : 128)) {
        mask_bits(s->mask, bits);
        return true;
    }
    memset(s->mask, 0, sizeof(s->mask));
    return s->family == 4 && parse_octets(text, s->mask) == 4;
}

static bool parse_v6(const char *text, const char *mask, struct subnet *s)
{
    if (inet_pton(AF_INET6, text, s->ip) != 1)
        return false;
    s->family = 6;
    mask_bits(s->mask, 128);
    if (is_mapped(s->ip)) { /* a mapped address is its IPv4 address; httpd takes no mask then */
        memmove(s->ip, s->ip + 12, 4);
        s->family = 4;
        return mask == NULL;
    }
    return !mask || parse_mask(mask, s);
}

bool subnet_parse(const char *text, struct subnet *s)
{
    char address[64];
    const char *slash = strchr(text, '/'), *mask = slash ? slash + 1 : NULL;
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    unsigned octets;

    memset(s, 0, sizeof(*s));
    if (n >= sizeof(address))
        return false;
    memcpy(address, text, n);
    address[n] = '\0';
    if (strchr(address, ':'))
        return parse_v6(address, mask, s);
    octets = parse_octets(address, s->ip);
    s->family = 4;
    mask_bits(s->mask, octets * 8);
    if (octets == 0 || (mask && octets < 4))
        return false;
    return !mask || parse_mask(mask, s);
}

bool subnet_holds(const struct subnet *s, struct span address)
{
    char text[64];
    unsigned char ip[16] = { 0 };
    unsigned size = s->family == 4 ? 4 : 16, family = 4;

    if (!address.p || address.n >= sizeof(text))
        return false;
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    if (inet_pton(AF_INET, text, ip) != 1) {
        if (inet_pton(AF_INET6, text, ip) != 1)
            return false;
        family = 6;
        if (is_mapped(ip) && s->family == 4) {
            memmove(ip, ip + 12, 4);
            family = 4;
        }
    }
    if (family != s->family)
        return false;
    for (unsigned i = 0; i < size; i++)
        if ((ip[i] & s->mask[i]) != (s->ip[i] & s->mask[i]))
            return false;
    return true;
}
