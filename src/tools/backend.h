/* The WebSocket backend behind `weir echo` and `weir demo`: echo on every path, a chat room on /chat, a page for the
 * rest. */
#ifndef WEIR_BACKEND_H
#define WEIR_BACKEND_H

#include "ws.h"

struct backend { /* one thread, one loop */
    struct loop *loop;
    size_t max_message;
    struct link listeners; /* struct backend_listener */
    struct link peers;     /* struct backend_peer by link */
    struct link room;      /* those in the chat, by room */
    unsigned n_room;
};
#define BACKEND_MAX_MESSAGE ((size_t)16 << 20)

void backend_init(struct backend *b, struct loop *l);
bool backend_listen(struct backend *b, int fd); /* takes fd; false: errno */
void backend_end(struct backend *b);            /* says 1001 to whom it can, closes all; before loop_free */

/* ---- between backend.c (connections, HTTP) and backend_ws.c (frames) ---- */

enum peer_state { PEER_HEAD, PEER_OPEN, PEER_CLOSING /* the last bytes are queued; what still comes is dropped */ };
#define PEER_MAGIC 0x50454552u
struct backend_peer {
    uint32_t magic;
    enum peer_state state;
    struct backend *backend;
    struct stream *stream;
    struct link link, room; /* room: not in it when empty */
    struct timer timer;     /* for a head, and for the end */
    struct task again;      /* there is something to send, or more to read */
    struct buf in, out;
    struct http_scan scan;
    struct ws_frame frame; /* the data frame under way */
    uint64_t left, passed; /* of its payload */
    struct buf message;    /* what came of the message so far */
    unsigned char opcode;  /* of the message under way, 0: none */
    bool in_frame, ended;  /* ended: its FIN was read */
};
/* Takes one step through p->in; false: it needs more bytes. */
bool backend_take_frames(struct backend_peer *p);
void backend_open(struct backend_peer *p, bool chat); /* its 101 is queued */
void backend_send(struct backend_peer *p, unsigned char opcode, struct span payload);
/* Queues a Close and reads no more messages; code 0: a Close without one. */
void backend_close(struct backend_peer *p, unsigned code, const char *reason);
void backend_finish(struct backend_peer *p); /* what is queued is the last: send it, then FIN */

#endif
