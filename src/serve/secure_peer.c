/* TLS towards a backend, once its TCP connection stands. httpd: ssl_engine_io.c's ssl_io_filter_handshake. */
#include "tls_sites.h"
#include "upstream.h"

/* The name that the certificate must cover, by SSLProxyCheckPeerName and SSLProxyCheckPeerCN. */
static const char *name_to_check(const struct proxy_target *t)
{
    return ssl_peer_check(t->ssl) == SSL_PEER_ANY ? NULL : t->tls_name;
}

struct stream *secure_connect(struct exchange *ex, struct stream *tcp, struct origin *o,
                              void (*on_ready)(struct stream *), void *owner)
{
    const struct proxy_target *t = ex->r.proxy;
    struct tls_connect how = {
        .context = tls_sites_towards(ex->epoch->tls, t->ssl),
        .sni = t->sni,
        .check_name = name_to_check(t),
        .check_cn_only = ssl_peer_check(t->ssl) == SSL_PEER_CN,
        .check_expire = !ssl_peer_may_expire(t->ssl),
    };

    ASSERT(how.context); /* prepare has seen SSLProxyEngine on, and each such part has one */
    if (!o->sessions)
        o->sessions = tls_session_cache_new();
    how.sessions = o->sessions;
    return stream_tls_connect(tcp, &how, on_ready, owner);
}

int secure_connect_failed(struct exchange *ex, const struct stream *s)
{
    char text[256];

    REQUEST_LOG(&ex->r, LOG_SSL, LEVEL_INFO, tls_fault_ah(s), "SSL Proxy handshake with %s failed: %s",
                ex->r.proxy->host, tls_error(s, text, sizeof(text)));
    return proxy_error(&ex->r, 500, "Error during SSL Handshake with remote server");
}
