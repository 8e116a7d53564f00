/* Frames of RFC 6455 5.2: parse, build, mask, and follow their boundaries in a passing stream. No I/O. */
#include "ws.h"

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };

static unsigned header_size(unsigned char second)
{
    unsigned n = 2 + (second & MASKED ? 4 : 0);
    if ((second & LENGTH) == 126)
        n += 2;
    else if ((second & LENGTH) == 127)
        n += 8;
    return n;
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
        f->length = big_endian(p + 2, f->length == 126 ? 2 : 8);
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

/* Takes header bytes until the header is whole; returns how many were taken. */
static size_t scan_header(struct ws_scan *s, struct span in)
{
    size_t taken = 0;
    struct ws_frame f;
    enum http_parse result = HTTP_MORE;

    while (taken < in.n && result == HTTP_MORE) {
        s->head[s->n_head++] = (unsigned char)in.p[taken++];
        result = ws_parse_frame((struct span){ (const char *)s->head, s->n_head }, &f);
    }
    if (result == HTTP_MORE)
        return taken;
    s->n_head = 0;
    s->lost = result == HTTP_BAD;
    s->left = s->lost ? 0 : f.length;
    s->in_close = !s->lost && f.opcode == WS_CLOSE;
    s->closed = s->in_close && s->left == 0;
    s->messages += !s->lost && f.fin && f.opcode < WS_CLOSE;
    return taken;
}

void ws_scan(struct ws_scan *s, struct span bytes)
{
    while (bytes.n && !s->lost && !s->closed) {
        size_t n;
        if (s->left) {
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
