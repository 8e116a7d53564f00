/* ws: WebSocket. The handshake (RFC 6455 4), frames, and the tunnel after a 101. */
#ifndef WEIR_WS_H
#define WEIR_WS_H

#include "http.h"
#include "net.h"

/* ---- handshake ------------------------------------------------------------------------------------- */

enum ws_fault { /* why a handshake is none; ws_fault_text says it in words */
                WS_OK,
                WS_NOT_GET,
                WS_HAS_BODY,
                WS_NO_UPGRADE,
                WS_NO_CONNECTION,
                WS_BAD_KEY,
                WS_BAD_VERSION,
                WS_OLD_HTTP,
                WS_WRONG_UPGRADE /* the backend's */,
                WS_NO_CONNECTION_BACK,
                WS_WRONG_ACCEPT,
                WS_BODY_IN_101
};
const char *ws_fault_text(enum ws_fault f);
bool ws_is_websocket(struct span upgrade); /* does the Upgrade value name websocket? */
/* A client's request for a WebSocket: method, body, tokens, key (16 bytes in base64) and version 13. */
enum ws_fault ws_check_request(const struct http_request_head *h);
/* The backend's 101 to a request that carried `upgrade` and, when websocket, `key`. */
enum ws_fault ws_check_response(const struct http_response_head *h, struct span upgrade, struct span key);
#define WS_ACCEPT_SIZE 29
void ws_accept(struct span key, char out[WS_ACCEPT_SIZE]); /* base64(SHA-1(key + GUID)), terminated */

/* ---- frames: no I/O ------------------------------------------------------------------------------------ */

enum { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
struct ws_frame {
    unsigned char opcode, rsv;
    bool fin, masked;
    unsigned char mask[4];
    uint64_t length;
    unsigned header; /* bytes of the header, 2 to 14 */
};
/* HTTP_MORE, HTTP_DONE, HTTP_BAD (length with the top bit set, control frame over 125 or fragmented, reserved opcode).
 */
enum http_parse ws_parse_frame(struct span in, struct ws_frame *f);
size_t ws_build_frame(const struct ws_frame *f, unsigned char out[14]); /* header only; f->header ignored */
void ws_mask(char *p, size_t n, const unsigned char mask[4], size_t offset);

/* Follows frame boundaries in a passing stream without keeping bytes: enough to see a Close go by. */
struct ws_scan {
    uint64_t left;               /* payload of the frame under way; while its header is, its length so far */
    uint32_t messages;           /* final data frames seen */
    unsigned char first, second; /* of the header under way */
    unsigned char n_head;        /* how many of its bytes came; 0 between headers */
    bool closed : 1;             /* a whole Close frame went by */
    bool lost : 1;               /* not WebSocket framing: no more is looked at */
    bool in_close : 1;
    bool big : 1; /* the frame under way, or the last one, has WS_BIG of payload or more */
};
#define WS_BIG 32768
void ws_scan(struct ws_scan *s, struct span bytes);
/* What may pass unseen: the rest of the frame under way (0 between frames and in a Close), anything when lost. */
uint64_t ws_scan_unseen(const struct ws_scan *s);
void ws_scan_skip(struct ws_scan *s, uint64_t n); /* n of them went by */

/* ---- tunnel: two ends, one pump --------------------------------------------------------------------------- */

struct tunnel;
enum tunnel_end {
    TUNNEL_CLOSED /* both sides ended */,
    TUNNEL_CLOSE_FRAMES,
    TUNNEL_IDLE,
    TUNNEL_CLIENT_ERROR,
    TUNNEL_BACKEND_ERROR,
    TUNNEL_STOPPED
};
enum tunnel_side { TUNNEL_CLIENT, TUNNEL_BACKEND };
struct tunnel_policy {
    uint64_t idle_ms; /* over both directions together; 0: none */
    bool half_close;  /* pass FIN on and wait for the other; false (proxy-nohalfclose): the first FIN ends both */
    bool websocket;   /* follow frames: close at once after both Close frames */
};
struct tunnel_report { /* given once, at the end */
    enum tunnel_end why;
    enum tunnel_side who; /* of errors; of idle: the side silent for longer */
    int os_error;
    uint64_t bytes[2];    /* [TUNNEL_CLIENT] read from the client, [TUNNEL_BACKEND] read from the backend */
    uint64_t messages[2]; /* frames of data seen, 0 unless websocket */
    uint64_t idle_ms[2];  /* since each side last sent */
    uint64_t lasted_ms;
};
struct tunnels; /* all of one worker: pool of memory, shared read buffer */
/* Called once for each tunnel, with the notes it was opened with; its streams are gone then, and the notes go when it
 * returns. */
typedef void tunnel_end_fn(void *owner, const void *notes, const struct tunnel_report *r);
struct tunnels *tunnels_new(struct loop *l, tunnel_end_fn *on_end, void *owner);
void tunnels_free(struct tunnels *t);
unsigned tunnels_count(const struct tunnels *t);
struct tunnel_start {
    struct stream *client, *backend; /* taken over */
    struct buf owed;     /* to the client, before anything of the backend: the rest of the 101 head; taken */
    struct buf early[2]; /* read from each side together with its head; taken */
    struct tunnel_policy policy;
    const void *notes; /* what is to be known at its end: copied into the tunnel */
    size_t notes_size;
};
struct tunnel *tunnel_open(struct tunnels *all, struct tunnel_start *start);
void tunnels_each(struct tunnels *t, void (*visit)(struct tunnel *, void *), void *arg);
void tunnel_stop(struct tunnel *t);               /* ends it now with TUNNEL_STOPPED */
const char *tunnel_end_text(enum tunnel_end why); /* "idle", "close frames", … */

#endif
