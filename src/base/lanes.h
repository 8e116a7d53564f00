/* Sixteen bytes at a time, by whatever the processor has for them: tests of text that peers send. What is found makes
 * its lane all ones. */
#ifndef WEIR_LANES_H
#define WEIR_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned char lanes __attribute__((vector_size(16)));
#define LANES 16

static inline lanes lanes_load(const char *p)
{
    lanes bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes;
}

/* All of 4 to 16 bytes: the first ones and the last ones, which overlap. In no order. */
static inline lanes lanes_of_few(const char *p, size_t n)
{
    uint64_t half[2] = { 0, 0 };
    lanes bytes;

    if (n >= 8) {
        memcpy(&half[0], p, 8);
        memcpy(&half[1], p + n - 8, 8);
    } else {
        uint32_t quarter[2];

        memcpy(&quarter[0], p, 4);
        memcpy(&quarter[1], p + n - 4, 4);
        half[0] = half[1] = quarter[0] | (uint64_t)quarter[1] << 32;
    }
    memcpy(&bytes, half, sizeof(bytes));
    return bytes;
}

static inline bool lanes_any(lanes found)
{
    uint64_t half[2];

    memcpy(half, &found, sizeof(half));
    return (half[0] | half[1]) != 0;
}

static inline unsigned lanes_low(uint64_t half)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (unsigned)__builtin_ctzll(half) / 8;
#else
    return (unsigned)__builtin_clzll(half) / 8;
#endif
}

/* Which is the first that was found; LANES: none. */
static inline unsigned lanes_first(lanes found)
{
    uint64_t half[2];

    memcpy(half, &found, sizeof(half));
    if (half[0])
        return lanes_low(half[0]);
    return half[1] ? 8 + lanes_low(half[1]) : LANES;
}

/* C0 with HTAB, and DEL. */
static inline lanes lanes_controls(lanes bytes)
{
    return (lanes)((bytes < ' ') | (bytes == 0x7f));
}

/* What is neither a letter, a digit, "-" nor "_": few names of fields hold anything else. */
static inline lanes lanes_not_word(lanes bytes)
{
    lanes letter = (bytes | 0x20) - 'a', digit = bytes - '0';

    return ~(lanes)((letter < 26) | (digit < 10) | (bytes == '-') | (bytes == '_'));
}

#endif
