/* The running server from within: what a worker has of clients, and each request on its way. */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H

#include "proxying.h"
#include "serve.h"
#include "worker.h"

#include <fcntl.h>
#include <stdio.h>

/* ---- client: one connection of HTTP/1 ------------------------------------------------------------------------ */

enum client_state {
    CLIENT_INTRODUCING /* its PROXY header */,
    CLIENT_HANDSHAKING,
    CLIENT_READING,
    CLIENT_BUSY,
    CLIENT_LINGERING
};
#define CLIENT_MAGIC 0x434c4931u
struct exchange;
struct origin;
struct tls_context;
struct tls_sites;
struct client {
    uint32_t magic;
    enum client_state state;
    struct worker *worker;
    struct stream *stream;
    struct link link;
    struct timer timer; /* head time-out, keep-alive, lingering; the exchange's own while busy */
    struct buf in, out;
    struct http_scan scan;
    struct exchange *exchange;        /* while busy */
    const struct site_choice *choice; /* the sites of its local address */
    struct site *site;                /* the address's first: limits and time-outs before a Host is known */
    const struct site *tls_site;      /* whom the handshake was for; NULL without TLS */
    struct epoch *epoch;              /* holds site alive */
    uint64_t head_begun_ms;           /* when the head's first byte came, or the connection */
    uint64_t head_bytes;
    uint64_t linger_until_ms;
    struct peer_info peer;
    struct http_proxy_peer *claim; /* peer.claim; owned */
    struct task next;              /* more to do after the others' events: a pipelined request, a body's next pieces */
    bool half_closed;              /* its FIN was read */
};
void client_accept(struct listener *l, int fd, const struct addr *peer);
void client_set_local(struct peer_info *p, const struct addr *local); /* where it was accepted */
void client_close(struct client *c);
void client_start(struct client *c, int fd); /* what the connection speaks first: TLS or HTTP; takes fd */
void client_begin(struct client *c);         /* the connection stands: heads may come */
void client_set_closing(struct client *c);   /* no more requests: CLIENT_LINGERING */
void client_refuse(struct client *c, const struct http_fault *fault);
void client_stop_idle(struct client *c);                  /* draining: close when between requests */
void client_finish_exchange(struct client *c, bool keep); /* next request, or the end */
struct stream *client_release(struct client *c);          /* gives its stream to a tunnel and frees the rest */
bool client_fill(struct client *c); /* reads once into in; false: end or failure (half_closed says which) */
int client_flush(struct client *c); /* 1 all out, 0 waiting, -1 failed */

/* introduce.c: a PROXY header in front of all else */
void introduce_read(struct client *c);
void introduce_late(struct client *c); /* it did not come in time */

/* secure.c: TLS in front */
struct stream *secure_accept(struct client *c, int fd, struct tls_context *t, void (*on_ready)(struct stream *));
void secure_handshake_over(struct client *c); /* it stands, or it failed: said in the log, the client closed */
int secure_check_site(struct client *c, const struct site *asked, const char *host); /* 0, 403 or 421 */
void secure_begin(void); /* once: SSL_* variables are looked up in clients' streams */
/* secure_peer.c: TLS on a connected stream to a backend; it becomes the new one's (NULL: it is gone, errno) */
struct stream *secure_connect(struct exchange *ex, struct stream *tcp, struct origin *o,
                              void (*on_ready)(struct stream *), void *owner);
int secure_connect_failed(struct exchange *ex, const struct stream *s); /* said in the log; the status */

/* ---- exchange: a request on its way ---------------------------------------------------------------------------- */

enum step_result {
    STEP_NEXT,
    STEP_AGAIN, /* ex->step was set: from there on */
    STEP_WAIT,  /* for exchange_resume */
    STEP_REPLY, /* an answer of our own: r.status */
    STEP_DONE   /* the exchange is gone */
};
enum reply_state { REPLY_NONE, REPLY_BEGUN, REPLY_COMPLETE };
#define EXCHANGE_MAGIC 0x45584331u
struct upstream;
enum offload_kind {                 /* who waits for the one does not wait for the other */
                    OFFLOAD_OWN,    /* hashes and files: it ends */
                    OFFLOAD_OTHERS, /* name servers, programs: it ends when they say so, or late */
                    OFFLOADS
};
struct errand {       /* what is done for an exchange off the loop */
    struct link link; /* in the queue; alone once it is begun */
    struct offload *by;
    int (*work)(struct request *r);
    int status;
};
struct exchange {
    uint32_t magic;
    unsigned step;
    bool running, resumed; /* exchange_resume came while a step ran: resume_how */
    enum step_result resume_how;
    struct arena *arena;
    struct client *client;
    struct worker *worker;
    struct epoch *epoch;
    struct request r;
    bool logged; /* r.logged */
    bool away;   /* off the loop: r and the arena are not ours to touch */
    bool left;   /* the client went meanwhile */
    struct errand errand;
    /* the request's body */
    struct http_body body; /* decoder of what the client sends */
    bool body_done;        /* all of it was taken */
    bool deaf;             /* the backend takes no more of it */
    bool hold_body;        /* ping=: wait for the backend's 100 first */
    bool collecting;       /* a chunked body is taken in whole, into collected */
    struct buf collected;
    uint64_t body_begun_ms;
    /* the answer */
    struct http_response_head answer;
    struct http_body answer_body;
    bool answer_seen;
    unsigned interim; /* 1xx answers so far */
    enum reply_state reply;
    bool keep;                /* the client connection takes another request */
    bool chunked;             /* the reply goes out in chunks */
    struct file_source *file; /* what the body is read from; NULL */
    struct coder *coder;      /* what its body goes through first; NULL */
    bool unflushed;           /* the coder may hold something back */
    bool http_continue;       /* the client waits for a 100 */
    /* the backend */
    struct balance *balance; /* of a balancer: its member, the attempts; NULL */
    struct connect *connect; /* while a connection is made */
    struct upstream *upstream;
    bool retried;
    struct timer timer; /* whom it waits for is asked when it fires */
    struct timer abort; /* grace after the client's FIN */
};
struct exchange *exchange_new(struct client *c);
void exchange_free(struct exchange *ex);                                   /* lets go of everything but the client */
void exchange_begin(struct exchange *ex);                                  /* its head is whole */
void exchange_refuse(struct exchange *ex, const struct http_fault *fault); /* its head is bad, or late (408) */
void exchange_run(struct exchange *ex);                          /* from its step on, until it waits or is gone */
void exchange_resume(struct exchange *ex, enum step_result how); /* what a step waited for came */
/* An answer of our own from wherever the exchange is; when a head is out already, the connection ends instead. */
void exchange_fail(struct exchange *ex, int status);
void exchange_on_client(struct exchange *ex); /* its client is readable, writable or gone */
void exchange_abort(struct exchange *ex);     /* the client is gone: log, drop the backend, close */
void exchange_complete(struct exchange *ex);  /* the whole reply is in client->out: flush, log, next request */
void exchange_settle(struct exchange *ex);    /* complete it, or arm its timer */
void exchange_arm(struct exchange *ex);       /* the timer, for whom it waits now */
bool exchange_waits_for_client(const struct exchange *ex);

/* request.c */
/* Takes one step after the other, up to what is not STEP_NEXT or to the whole answer. */
enum step_result request_go(struct exchange *ex);
enum step_result request_decide(struct exchange *ex,
                                int status);    /* what a module's status, or its redirect, leads to */
int request_look_up(struct request *r);         /* as far as the fix-ups: 0, or a status */
void request_choose_again(struct exchange *ex); /* stands at the choice of a balancer's member now: STEP_AGAIN */
void request_reconnect(struct exchange *ex);    /* from the connect on, with a fresh connection */
void request_show(struct exchange *ex, const char *path); /* ErrorDocument: GET path instead, from the walk on */

/* offload.c: a step that may block. The result of a step: STEP_WAIT, then request_decide goes on with work's status; or
 * STEP_REPLY (503) when too many wait. work has r and its arena for itself; it must not touch anything of the worker's
 * (its memo of places). */
enum step_result exchange_offload(struct exchange *ex, enum offload_kind kind, int (*work)(struct request *r));
bool offload_leave(struct exchange *ex); /* the client of an exchange that is away left: true when it is back by that */

/* relay.c: bodies; both may end the exchange: false then */
bool relay_request(struct exchange *ex);         /* client -> backend, as far as it goes */
bool relay_response(struct exchange *ex);        /* backend -> client */
bool relay_count_whole(struct exchange *ex);     /* a chunked body that is all here has a length now */
bool relay_collect(struct exchange *ex);         /* a chunked body, to be sent with its length; true: it waits */
bool relay_has_room(struct exchange *ex);        /* the client takes what is sent: more of the body may be read */
void relay_discard_request(struct exchange *ex); /* what of the body is here already is dropped */
/* answer.c: the backend's heads */
void answer_on_ready(struct stream *s); /* an upstream's stream, busy or pooled */
void answer_on_look(struct task *t);    /* the same, asked for by ourselves */
bool answer_read(struct exchange *ex);  /* reads on; false: the exchange is gone or went on */
/* upgrade.c */
bool upgrade_is_sane(struct exchange *ex); /* before connecting: else it is forwarded as plain HTTP */
void upgrade_on_end(void *worker, const void *passage, const struct tunnel_report *r); /* a tunnel's last words */
void upgrade_refused(struct exchange *ex);              /* the backend gave an ordinary answer: says so */
enum step_result upgrade_answered(struct exchange *ex); /* a 101: STEP_DONE (a tunnel now) or STEP_REPLY */

#endif
