/* A file as the source of an answer: whole or in parts (RFC 9110 14, httpd's byterange_filter.c), by the kernel's own
 * sendfile where its bytes go out as they are, else read piece by piece while the client takes them. */
#include "reply.h"

#include <errno.h>
#include <unistd.h>

#define READ_STEP (32 * 1024)
#define A_TURN    (512 * 1024) /* then others have their turn */

struct piece {
    struct span head; /* of a part; goes before its bytes */
    uint64_t at, left;
};
struct file_source {
    int fd;
    struct piece *pieces;
    unsigned n, i;
};

void file_close(struct exchange *ex)
{
    if (ex->file && ex->file->fd >= 0)
        close(ex->file->fd);
    ex->file = NULL;
}

/* ---- parts ---- */

static struct span part_head(struct exchange *ex, const struct http_multipart *m, const struct http_range *range)
{
    struct buf text = { 0 };
    struct span head;

    if (range)
        http_part_head(&text, m, range);
    else
        http_part_end(&text, m);
    head = (struct span){ arena_span(ex->arena, buf_span(&text)), buf_len(&text) };
    buf_release(&text);
    return head;
}

static void add_parts(struct exchange *ex, const struct http_ranges *ranges, const struct http_multipart *m)
{
    struct file_source *f = ex->file;
    bool several = ranges->n > 1;

    f->pieces = arena_alloc(ex->arena, (ranges->n + 1) * sizeof(*f->pieces));
    f->n = ranges->n + several;
    for (unsigned i = 0; i < ranges->n; i++) {
        const struct http_range *range = &ranges->items[i];
        f->pieces[i] = (struct piece){ .at = range->first, .left = range->last - range->first + 1 };
        if (several)
            f->pieces[i].head = part_head(ex, m, range);
    }
    if (several)
        f->pieces[ranges->n].head = part_head(ex, m, NULL);
}

/* 0, or 416. What a filter recodes has no length any more, and is sent whole. */
static int choose_parts(struct exchange *ex)
{
    struct http_ranges ranges;
    struct http_multipart m;

    if (!http_fields_find(&ex->r.out, "Content-Length"))
        return 0;
    switch (parts_asked(ex, &ranges)) {
    case HTTP_RANGES_NONE: return 0;
    case HTTP_RANGES_BEYOND: return 416;
    case HTTP_RANGES_SOME: break;
    }
    ex->answer_body.left = parts_head(ex, &ranges, &m);
    add_parts(ex, &ranges, &m);
    return 0;
}

/* ---- the handler ---- */

static void begin(struct exchange *ex, int fd)
{
    struct file_source *f = arena_alloc(ex->arena, sizeof(*f));

    f->fd = fd;
    f->n = 1;
    f->pieces = arena_alloc(ex->arena, sizeof(*f->pieces));
    f->pieces[0].left = fd < 0 ? 0 : ex->r.file.size;
    ex->file = f;
    ex->answer_body = (struct http_body){ .framing = HTTP_LENGTH, .left = f->pieces[0].left };
    if (ex->r.status == 304 || (ex->r.header_only && !ex->r.file.size))
        http_fields_remove(&ex->r.out, "Content-Length");
    else if (fd < 0)
        http_fields_set(ex->arena, &ex->r.out, "Content-Length", SPAN("0"));
}

/* ap_invoke_handler: while it answers, a file without a handler goes by its type. */
static int edit(struct exchange *ex)
{
    struct request *r = &ex->r;
    const char *handler = r->handler, *type = r->content_type;
    int status;

    if (!handler && type)
        r->handler = arena_strndup(ex->arena, type, strcspn(type, "; \t"));
    status = reply_edit(ex);
    r->handler = handler;
    return status;
}

enum step_result file_answer(struct exchange *ex)
{
    int fd = -1, status = files_open(&ex->r, &fd);

    if (!status) {
        begin(ex, fd);
        status = edit(ex);
    }
    if (!status)
        status = choose_parts(ex);
    if (status) {
        file_close(ex);
        ex->r.status = status;
        return STEP_REPLY;
    }
    relay_discard_request(ex);
    reply_head(ex);
    if (!file_relay(ex))
        return ex->magic == EXCHANGE_MAGIC ? STEP_WAIT : STEP_DONE;
    return STEP_WAIT;
}

/* ---- its bytes ---- */

/* What goes out as it is need not pass through here; little of it is quicker beside its head. */
static bool may_hand_over(const struct exchange *ex, const struct piece *p)
{
    const struct stream *s = ex->client->stream;

    return stream_kind(s)->send_file && p->left > READ_STEP && sink_is_plain(ex) &&
           core_place_of(ex->r.place)->sendfile;
}

static ssize_t hand_over(struct exchange *ex, struct piece *p)
{
    struct client *c = ex->client;
    int flushed = client_flush(c);
    ssize_t n;

    if (flushed <= 0) {
        errno = flushed < 0 ? EPIPE : EAGAIN;
        return -1;
    }
    n = stream_send_file(c->stream, ex->file->fd, p->at, p->left < A_TURN ? (size_t)p->left : A_TURN);
    if (n > 0) {
        ex->r.bytes_out += (uint64_t)n;
        ex->r.body_out += (uint64_t)n;
    }
    return n;
}

static ssize_t read_some(struct exchange *ex, struct piece *p)
{
    char bytes[READ_STEP];
    ssize_t n;

    do
        n = pread(ex->file->fd, bytes, p->left < sizeof(bytes) ? (size_t)p->left : sizeof(bytes), (off_t)p->at);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        sink_write(ex, (struct span){ bytes, (size_t)n });
    return n;
}

/* The length is promised: the client learns by the connection's end that the file is no longer whole. */
static bool broken_off(struct exchange *ex, ssize_t n)
{
    bool client_gone = n < 0 && (errno == EPIPE || errno == ECONNRESET);

    if (!client_gone)
        REQUEST_LOG_OS(&ex->r, LOG_CORE, LEVEL_ERROR, 0, n < 0 ? errno : 0,
                       "the file ended before its length was sent: %s / 送信中にファイルが短くなりました",
                       ex->r.filename);
    client_flush(ex->client);
    exchange_abort(ex);
    return false;
}

/* Of the piece under way. False: the exchange is gone; *wait: nothing more goes for now. */
static bool send_some(struct exchange *ex, struct piece *p, bool *wait)
{
    ssize_t n = may_hand_over(ex, p) ? hand_over(ex, p) : read_some(ex, p);

    *wait = n < 0 && errno == EAGAIN;
    if (*wait)
        return true;
    if (n <= 0)
        return broken_off(ex, n);
    p->at += (uint64_t)n;
    p->left -= (uint64_t)n;
    return true;
}

bool file_relay(struct exchange *ex)
{
    struct file_source *f = ex->file;
    uint64_t before = ex->r.body_out;
    bool wait = false;

    if (ex->r.header_only)
        f->i = f->n;
    while (f->i < f->n && !wait && relay_has_room(ex)) {
        struct piece *p = &f->pieces[f->i];
        if (ex->r.body_out - before >= A_TURN) {
            loop_post(ex->worker->loop, &ex->client->next);
            break;
        }
        if (p->head.n)
            sink_write(ex, p->head);
        p->head.n = 0;
        if (p->left && !send_some(ex, p, &wait))
            return false;
        f->i = ex->coder && ex->coder->failed ? f->n : f->i + !p->left;
    }
    if (f->i == f->n) {
        file_close(ex);
        sink_end(ex, &(struct http_fields){ 0 });
    }
    if (client_flush(ex->client) >= 0)
        return true;
    exchange_abort(ex);
    return false;
}
