/* Messages of the echo backend and its chat room: RFC 6455 5 (frames), 7.4 (close codes), 8.1 (UTF-8). */
#include "backend.h"

#include <stdio.h>

enum {
    MAX_UNSENT = 1 << 20, /* what a chat guest may leave unread before the room goes on without it */
    MAX_CHAT = 64 * 1024, /* a message in the chat: everybody gets a copy */
};

enum {
    CLOSE_PROTOCOL = 1002,
    CLOSE_UNSUPPORTED = 1003,
    CLOSE_NOT_UTF8 = 1007,
    CLOSE_TOO_BIG = 1009,
    CLOSE_TRY_LATER = 1013
};

/* ---- UTF-8 ---- */

/* Bytes that follow a first byte, with the bounds of the second one (Unicode table 3-7); -1: it begins nothing. */
static int utf8_tail(unsigned char c, unsigned char *low, unsigned char *high)
{
    *low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    *high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c < 0x80)
        return 0;
    if (c >= 0xc2 && c <= 0xdf)
        return 1;
    if (c >= 0xe0 && c <= 0xef)
        return 2;
    return c >= 0xf0 && c <= 0xf4 ? 3 : -1;
}

static bool is_utf8(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;

    while (p < end) {
        unsigned char low, high;
        int tail = utf8_tail(*p++, &low, &high);
        if (tail < 0 || end - p < tail)
            return false;
        for (; tail > 0; tail--, p++, low = 0x80, high = 0xbf)
            if (*p < low || *p > high)
                return false;
    }
    return true;
}

/* ---- sending ---- */

void backend_send(struct backend_peer *p, unsigned char opcode, struct span payload)
{
    struct ws_frame f = { .opcode = opcode, .fin = true, .length = payload.n };
    unsigned char head[14];

    buf_add(&p->out, head, ws_build_frame(&f, head));
    buf_add(&p->out, payload.p, payload.n);
}

void backend_close(struct backend_peer *p, unsigned code, const char *reason)
{
    char payload[125] = { (char)(code >> 8), (char)code };
    int n = code ? snprintf(payload + 2, sizeof(payload) - 2, "%s", reason) + 2 : 0;

    ASSERT(n <= (int)sizeof(payload));
    backend_send(p, WS_CLOSE, (struct span){ payload, (size_t)n });
    backend_finish(p);
}

/* ---- the room ---- */

/* Nobody waits for the slowest: who has too much unread is asked to come back later. */
static void tell_guest(struct backend_peer *guest, struct span text)
{
    if (guest->state != PEER_OPEN)
        return;
    if (buf_len(&guest->out) > MAX_UNSENT)
        backend_close(guest, CLOSE_TRY_LATER, "too slow: too much unread");
    else
        backend_send(guest, WS_TEXT, text);
    loop_post(guest->backend->loop, &guest->again);
}

static void tell_room(struct backend *b, struct span text)
{
    for (struct link *i = b->room.next, *next; i != &b->room; i = next) {
        next = i->next; /* a guest that is closed leaves the room */
        tell_guest(CONTAINER_OF(i, struct backend_peer, room), text);
    }
}

static void announce(struct backend *b)
{
    char text[128];
    int n =
        snprintf(text, sizeof(text), "* someone joined, %u here / 参加がありました(現在 %u 人)", b->n_room, b->n_room);
    tell_room(b, (struct span){ text, (size_t)n });
}

void backend_open(struct backend_peer *p, bool chat)
{
    p->state = PEER_OPEN;
    if (!chat)
        return;
    link_push(&p->backend->room, &p->room);
    p->backend->n_room++;
    announce(p->backend);
}

/* ---- receiving ---- */

static void take_message(struct backend_peer *p)
{
    struct buf message = p->message; /* ours: a peer that is closed meanwhile releases its own */
    struct span text = buf_span(&message);
    unsigned char opcode = p->opcode;

    p->message = (struct buf){ 0 };
    p->opcode = 0;
    if (opcode == WS_TEXT && !is_utf8(text))
        backend_close(p, CLOSE_NOT_UTF8, "text is not UTF-8");
    else if (link_empty(&p->room))
        backend_send(p, opcode, text);
    else if (opcode == WS_TEXT)
        tell_room(p->backend, text);
    else
        backend_close(p, CLOSE_UNSUPPORTED, "the chat takes text only");
    buf_release(&message);
}

static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void take_close(struct backend_peer *p, struct span payload)
{
    unsigned code = payload.n >= 2 ? (unsigned)(unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1] : 0;

    if (payload.n == 0)
        backend_close(p, 0, "");
    else if (!is_close_code(code))
        backend_close(p, CLOSE_PROTOCOL, "bad close code");
    else if (!is_utf8((struct span){ payload.p + 2, payload.n - 2 }))
        backend_close(p, CLOSE_NOT_UTF8, "close reason is not UTF-8");
    else
        backend_close(p, code, "");
}

static bool take_control(struct backend_peer *p, const struct ws_frame *f)
{
    size_t n = (size_t)f->length;

    if (buf_len(&p->in) < f->header + n)
        return false;
    char *payload = buf_head(&p->in) + f->header;
    ws_mask(payload, n, f->mask, 0);
    if (f->opcode == WS_PING)
        backend_send(p, WS_PONG, (struct span){ payload, n });
    else if (f->opcode == WS_CLOSE)
        take_close(p, (struct span){ payload, n });
    buf_consume(&p->in, f->header + n);
    return true;
}

/* Payload goes into the message as it comes: no frame has to fit into the input buffer. */
static bool take_payload(struct backend_peer *p)
{
    size_t n = buf_len(&p->in) < p->left ? buf_len(&p->in) : (size_t)p->left;

    if (n == 0 && p->left)
        return false;
    if (n) {
        char *bytes = buf_head(&p->in);
        ws_mask(bytes, n, p->frame.mask, (size_t)(p->passed & 3));
        buf_add(&p->message, bytes, n);
        buf_consume(&p->in, n);
        p->passed += n;
        p->left -= n;
    }
    if (p->left == 0) {
        p->in_frame = false;
        if (p->frame.fin)
            take_message(p);
    }
    return true;
}

static const char *frame_fault(const struct backend_peer *p, const struct ws_frame *f)
{
    if (f->rsv)
        return "reserved bits without an extension";
    if (!f->masked)
        return "a client's frame must be masked";
    if (f->opcode == WS_CONTINUATION && !p->opcode)
        return "continuation of nothing";
    if ((f->opcode == WS_TEXT || f->opcode == WS_BINARY) && p->opcode)
        return "a message within a message";
    return NULL;
}

static void begin_data(struct backend_peer *p, const struct ws_frame *f)
{
    size_t most = link_empty(&p->room) ? p->backend->max_message : MAX_CHAT;

    if (f->length > most - buf_len(&p->message)) {
        backend_close(p, CLOSE_TOO_BIG, "message too big");
        return;
    }
    if (f->opcode != WS_CONTINUATION)
        p->opcode = f->opcode;
    p->frame = *f;
    p->left = f->length;
    p->passed = 0;
    p->in_frame = true;
    buf_consume(&p->in, f->header);
}

bool backend_take_frames(struct backend_peer *p)
{
    struct ws_frame f;
    const char *fault;

    if (p->in_frame)
        return take_payload(p);
    switch (ws_parse_frame(buf_span(&p->in), &f)) {
    case HTTP_MORE: return false;
    case HTTP_BAD: fault = "malformed frame"; break;
    default: fault = frame_fault(p, &f);
    }
    if (fault) {
        backend_close(p, CLOSE_PROTOCOL, fault);
        return true;
    }
    if (f.opcode >= WS_CLOSE)
        return take_control(p, &f);
    begin_data(p, &f);
    return true;
}
