/* The table of bytes (httpd: server/gen_test_char.c; RFC 9110 5.6.2, RFC 3986 2.3). */
#include "bytes.h"

enum {
    MARK = BYTE_VISIBLE | BYTE_PLAIN, /* a visible byte that nothing else is true of */
    WORD = MARK | BYTE_TOKEN | BYTE_UNRESERVED | BYTE_PATH,
    TOKEN_PATH = MARK | BYTE_TOKEN | BYTE_PATH
};

const unsigned char http_bytes[256] = {
    [0 ... 8] = BYTE_CONTROL,
    ['\t'] = BYTE_SPACE,
    ['\n' ... '\r'] = BYTE_CONTROL | BYTE_SPACE,
    [14 ... 31] = BYTE_CONTROL,
    [' '] = BYTE_SPACE | BYTE_PLAIN,
    ['!'] = TOKEN_PATH,
    ['"'] = BYTE_VISIBLE,
    ['#'] = MARK | BYTE_TOKEN,
    ['$'] = TOKEN_PATH,
    ['%'] = MARK | BYTE_TOKEN,
    ['&' ... '\''] = TOKEN_PATH,
    ['(' ... ')'] = MARK | BYTE_PATH,
    ['*' ... '+'] = TOKEN_PATH,
    [','] = MARK | BYTE_PATH,
    ['-' ... '.'] = WORD,
    ['/'] = MARK | BYTE_PATH,
    ['0' ... '9'] = WORD | BYTE_HEX,
    [':' ... ';'] = MARK | BYTE_PATH,
    ['<'] = MARK,
    ['='] = MARK | BYTE_PATH,
    ['>' ... '?'] = MARK,
    ['@'] = MARK | BYTE_PATH,
    ['A' ... 'F'] = WORD | BYTE_HEX,
    ['G' ... 'Z'] = WORD,
    ['['] = MARK,
    ['\\'] = BYTE_VISIBLE,
    [']'] = MARK,
    ['^'] = MARK | BYTE_TOKEN,
    ['_'] = WORD,
    ['`'] = MARK | BYTE_TOKEN,
    ['a' ... 'f'] = WORD | BYTE_HEX,
    ['g' ... 'z'] = WORD,
    ['{'] = MARK,
    ['|'] = MARK | BYTE_TOKEN,
    ['}'] = MARK,
    ['~'] = WORD,
    [127] = BYTE_CONTROL,
    [128 ... 255] = BYTE_VISIBLE,
};
