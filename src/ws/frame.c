/* Frames of RFC 6455 5.2: parse, build, mask, and follow their boundaries in a passing stream. No I/O. */
#include "ws.h"

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };

/* Bytes that the length takes beyond the second one. */
static unsigned extended_length(unsigned char second)
{
    unsigned length = second & LENGTH;
    return length == 127 ? 8 : length == 126 ? 2 : 0;
}

static unsigned header_size(unsigned char second)
{
    return 2 + extended_length(second) + (second & MASKED ? 4 : 0);
}

static uint64_t big_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

static bool frame_is_legal(const struct ws_frame *f)
{
    if (f->opcode > WS_PONG || (f->opcode > WS_BINARY && f->opcode < WS_CLOSE))
        return false;
    if (f->opcode >= WS_CLOSE && (!f->fin || f->length > 125))
        return false;
    return !(f->length >> 63);
}

enum http_parse ws_parse_frame(struct span in, struct ws_frame *f)
{
    const unsigned char *p = (const unsigned char *)in.p;

    if (in.n < 2 || in.n < header_size(p[1]))
        return HTTP_MORE;
    *f = (struct ws_frame){
        .opcode = p[0] & OPCODE, .rsv = (p[0] & RSV) >> 4, .fin = p[0] & FIN, .masked = p[1] & MASKED
    };
    f->header = header_size(p[1]);
    f->length = p[1] & LENGTH;
    if (f->length >= 126)
        f->length = big_endian(p + 2, extended_length(p[1]));
    if (f->masked)
        memcpy(f->mask, p + f->header - 4, 4);
    return frame_is_legal(f) ? HTTP_DONE : HTTP_BAD;
}

size_t ws_build_frame(const struct ws_frame *f, unsigned char out[14])
{
    unsigned extra = f->length > 0xffff ? 8 : f->length > 125 ? 2 : 0;
    size_t n = 2;

    out[0] = (unsigned char)((f->fin ? FIN : 0) | f->rsv << 4 | f->opcode);
    out[1] = (unsigned char)((f->masked ? MASKED : 0) | (extra == 8 ? 127 : extra == 2 ? 126 : f->length));
    for (unsigned i = extra; i-- > 0;)
        out[n++] = (unsigned char)(f->length >> 8 * i);
    if (f->masked) {
        memcpy(out + n, f->mask, 4);
        n += 4;
    }
    return n;
}

void ws_mask(char *p, size_t n, const unsigned char mask[4], size_t offset)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(p[i] ^ mask[(offset + i) & 3]);
}

static void note_frame(struct ws_scan *s, const struct ws_frame *f)
{
    s->left = f->length;
    s->big = f->length >= WS_BIG;
    s->in_close = f->opcode == WS_CLOSE;
    s->closed = s->in_close && f->length == 0;
    s->messages += f->fin && f->opcode < WS_CLOSE;
}

/* One more byte of a header that came in pieces. True: it is whole. */
static bool join_byte(struct ws_scan *s, unsigned char byte)
{
    if (s->n_head == 0)
        s->first = byte;
    if (s->n_head == 1) {
        s->second = byte;
        s->left = 0;
    }
    if (s->n_head >= 2 && s->n_head < 2 + extended_length(s->second))
        s->left = s->left << 8 | byte;
    return ++s->n_head >= 2 && s->n_head == header_size(s->second);
}

static enum http_parse take_joined(struct ws_scan *s, struct ws_frame *f)
{
    *f = (struct ws_frame){ .opcode = s->first & OPCODE, .fin = s->first & FIN, .length = s->second & LENGTH };
    if (f->length >= 126)
        f->length = s->left;
    s->n_head = 0;
    s->left = 0;
    return frame_is_legal(f) ? HTTP_DONE : HTTP_BAD;
}

static size_t join_header(struct ws_scan *s, struct span in, struct ws_frame *f, enum http_parse *result)
{
    size_t taken = 0;
    bool whole = false;

    while (taken < in.n && !whole)
        whole = join_byte(s, (unsigned char)in.p[taken++]);
    *result = whole ? take_joined(s, f) : HTTP_MORE;
    return taken;
}

static size_t scan_header(struct ws_scan *s, struct span in)
{
    struct ws_frame f;
    enum http_parse result = s->n_head ? HTTP_MORE : ws_parse_frame(in, &f);
    size_t taken = result == HTTP_DONE ? f.header : in.n;

    if (result == HTTP_MORE)
        taken = join_header(s, in, &f, &result);
    s->lost = result == HTTP_BAD;
    if (result == HTTP_DONE)
        note_frame(s, &f);
    return taken;
}

void ws_scan(struct ws_scan *s, struct span bytes)
{
    while (bytes.n && !s->lost && !s->closed) {
        size_t n;
        if (s->left && !s->n_head) {
            n = bytes.n < s->left ? bytes.n : (size_t)s->left;
            s->left -= n;
            s->closed = s->in_close && s->left == 0;
        } else {
            n = scan_header(s, bytes);
        }
        bytes.p += n;
        bytes.n -= n;
    }
}

uint64_t ws_scan_unseen(const struct ws_scan *s)
{
    if (s->lost)
        return UINT64_MAX;
    return s->in_close || s->n_head ? 0 : s->left;
}

void ws_scan_skip(struct ws_scan *s, uint64_t n)
{
    ASSERT(n <= ws_scan_unseen(s));
    if (!s->lost)
        s->left -= n;
}
