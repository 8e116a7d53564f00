/* Answers to a client: their heads, and their bodies from whatever source. */
#ifndef WEIR_REPLY_H
#define WEIR_REPLY_H

#include "server.h"

/* reply.c: heads and answers of our own */
/* What modules change in the head of an answer that is no error page, be it a backend's, a file's or our own; comes
 * before reply_head. 0, or 500: then nothing of the head is left. */
int reply_edit(struct exchange *ex);
void reply_head(struct exchange *ex);       /* status line and fields of ex->r into client->out; framing chosen */
const char *reply_own(struct exchange *ex); /* a whole answer for r.status; or a local path to redirect to */
bool reply_refuses_body(
    struct exchange *ex); /* LimitRequestBody, of what is answered here: it is longer; said in the log */
void reply_interim(struct exchange *ex, const struct http_response_head *h);
/* sink.c: an answer's body, whatever its source, framed for the client; a body may be dropped there (HEAD) */
void sink_write(struct exchange *ex, struct span payload);
void sink_choose(struct exchange *ex);         /* its filters, and what they change in the head */
void sink_push(struct exchange *ex);           /* no more for now: all so far is to reach the client */
bool sink_is_plain(const struct exchange *ex); /* bytes go out as they are, so that a file may use sendfile */
void sink_end(struct exchange *ex, const struct http_fields *trailers);   /* the whole reply is in client->out then */
void chunk_add(struct buf *out, struct span payload);                     /* the payload as one chunk */
void chunk_add_last(struct buf *out, const struct http_fields *trailers); /* less what must not follow a body */
/* parts.c: ranges */
int parts_choose(struct exchange *ex); /* of a backend's answer: 0 or 416 */
/* What of the whole (answer_body.left) is asked for and may be given; and the head for that: its length. */
enum http_ranges_result parts_asked(struct exchange *ex, struct http_ranges *ranges);
uint64_t parts_head(struct exchange *ex, const struct http_ranges *ranges, struct http_multipart *m);
/* file.c: a file as the source of an answer */
enum step_result file_answer(struct exchange *ex); /* the default handler */
bool file_relay(struct exchange *ex);              /* sends on; false: the exchange is gone */
void file_close(struct exchange *ex);

#endif
