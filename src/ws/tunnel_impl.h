/* The tunnel from within: tunnel.c has its life, pump.c moves its bytes. */
#ifndef WEIR_TUNNEL_IMPL_H
#define WEIR_TUNNEL_IMPL_H

#include "ws.h"

#define TUNNEL_MAGIC 0x54554e31u
#define READ_SIZE    (64 * 1024)

struct held { /* what a side does not take yet: in memory or in a pipe, never in both */
    struct buf bytes;
    struct pipe *pipe;
};

struct end {
    struct stream *stream;
    struct held *held;   /* for this side; NULL: nothing */
    uint64_t bytes;      /* read from this side */
    struct ws_scan scan; /* frames of what it sends */
    uint32_t heard;      /* last read from it, in ticks */
    unsigned char ahead; /* bytes of a header that were looked at and are still to be moved */
    bool ended : 1;      /* its FIN was read */
    bool bulk : 1;       /* it sends faster than the buffer takes: large frames go through a pipe */
};

struct tunnel {
    uint32_t magic;
    bool half_close : 1, websocket : 1;
    bool again : 1;   /* more to read, after the others */
    uint32_t idle_ms; /* 0: no limit */
    uint32_t moved;   /* last progress, in ticks */
    struct tunnels *all;
    struct link link; /* in a slot of the wheel */
    uint64_t begun_ms;
    struct end end[2];
    uint64_t notes[]; /* on_end's */
};

/* Times of a tunnel are in ticks of 16 ms that wrap after two years. */
static inline uint32_t tick_of(uint64_t ms)
{
    return (uint32_t)(ms >> 4);
}
static inline uint64_t ms_since(uint64_t now_ms, uint32_t tick)
{
    return (uint64_t)(uint32_t)(tick_of(now_ms) - tick) << 4;
}

#define WHEEL_SLOTS 256u /* of 256 ms each: what lies farther waits in the last and is looked at again */
struct tunnels {
    struct loop *loop;
    tunnel_end_fn *on_end;
    void *owner;
    struct pipes *pipes;
    unsigned count;
    struct task again;      /* runs those below: few at a time, so that the others need no room for it */
    struct tunnel **agains; /* NULL: ended meanwhile */
    unsigned n_agains, cap_agains;
    uint64_t wheel_at; /* the slot that was looked at last, counted since ever */
    struct timer tick;
    struct link slots[WHEEL_SLOTS];
    struct link unlimited;  /* those without an idle time-out */
    char buffer[READ_SIZE]; /* shared by all tunnels of the loop */
};

/* tunnel.c */
void tunnel_end_now(struct tunnel *t, enum tunnel_end why, enum tunnel_side who, int os_error);
/* pump.c. False: the tunnel is gone. */
bool tunnel_pump_both(struct tunnel *t, enum tunnel_side first);
bool tunnel_hand_over(struct tunnel *t, enum tunnel_side from, struct span bytes); /* as if read now */
void tunnel_again(struct tunnel *t);        /* pump it once more, after this turn's events */
void tunnel_on_again(struct task *task);    /* runs those */
void tunnel_forget_again(struct tunnel *t); /* it ends */
struct held *tunnel_hold(struct end *e);    /* made when there is none yet */
void tunnel_drop_held(struct tunnel *t, struct end *e);

#endif
