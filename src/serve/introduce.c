/* A PROXY header in front of TLS and HTTP: it is looked at in the socket's buffer until it is whole, so that not a byte
 * of what follows is taken. httpd: mod_remoteip.c, remoteip_input_filter. */
#include "server.h"

#include <errno.h>

static void refuse(struct client *c, const struct http_proxy_fault *fault)
{
    LOG_AT(&c->site->log, LOG_REMOTEIP, LEVEL_ERROR, fault->ah, 0, c->peer.text, "%s", fault->text);
    client_close(c);
}

static void take(struct client *c, const struct http_proxy_peer *peer, size_t used)
{
    char head[HTTP_PROXY_MOST];
    int fd;

    ASSERT(used <= sizeof(head));
    if (stream_read(c->stream, head, used) != (ssize_t)used) {
        client_close(c);
        return;
    }
    c->claim = base_alloc(sizeof(*c->claim));
    *c->claim = *peer;
    c->peer.claim = c->claim;
    LOG_AT(&c->site->log, LOG_REMOTEIP, LEVEL_DEBUG, 3511, 0, c->peer.text,
           "RemoteIPProxyProtocol: received valid PROXY header: %s:%u", peer->known ? peer->text : c->peer.ip,
           peer->known ? peer->port : c->peer.port);
    fd = stream_release(c->stream);
    c->stream = NULL;
    client_start(c, fd);
}

static void ended(struct client *c, int os_error)
{
    LOG_AT(&c->site->log, LOG_REMOTEIP, LEVEL_INFO, 10634, os_error, c->peer.text,
           "RemoteIPProxyProtocol: connection closed before a complete header was received");
    client_close(c);
}

void introduce_read(struct client *c)
{
    struct http_proxy_fault fault = { 0 };
    struct http_proxy_peer peer;
    char head[HTTP_PROXY_MOST];
    size_t used = 0;
    ssize_t n;

    if (!(c->stream->ready & STREAM_READABLE))
        return;
    c->stream->ready &= (unsigned char)~STREAM_READABLE; /* more of it is a new edge */
    n = sock_peek(c->stream->fd, head, sizeof(head));
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        ended(c, n < 0 ? errno : 0);
        return;
    }
    switch (http_parse_proxy_header((struct span){ head, (size_t)n }, &peer, &used, &fault)) {
    case HTTP_DONE: take(c, &peer, used); break;
    case HTTP_BAD: refuse(c, &fault); break;
    case HTTP_MORE:
        if (c->stream->ready & (STREAM_EOF | STREAM_FAILED))
            ended(c, 0);
        break;
    }
}

void introduce_late(struct client *c)
{
    LOG_AT(&c->site->log, LOG_REQTIMEOUT, LEVEL_INFO, 1382, 0, c->peer.text,
           "Request header read timeout (PROXY header) / PROXY ヘッダーが時間内に届きません");
}
