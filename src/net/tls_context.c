/* Contexts: one SSL_CTX a configuration, made before any worker sees it. httpd: ssl_init_ctx and its parts. */
#include "tls_impl.h"

#include <stdlib.h>

static bool set_protocols(struct tls_context *c, unsigned wanted, char **error)
{
    static const struct {
        unsigned bit;
        int version;
        uint64_t off;
    } known[] = { { TLS_1_0, TLS1_VERSION, SSL_OP_NO_TLSv1 },
                  { TLS_1_1, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1 },
                  { TLS_1_2, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2 },
                  { TLS_1_3, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3 } };
    int least = 0, most = 0;

    if (!wanted)
        wanted = TLS_1_2 | TLS_1_3;
    for (unsigned i = 0; i < COUNT_OF(known); i++) {
        if (wanted & known[i].bit) {
            least = least ? least : known[i].version;
            most = known[i].version;
        } else {
            SSL_CTX_set_options(c->ssl, known[i].off);
        }
    }
    if (SSL_CTX_set_min_proto_version(c->ssl, least) == 1 && SSL_CTX_set_max_proto_version(c->ssl, most) == 1)
        return true;
    return tls_say(error, "cannot set the protocol versions");
}

static void set_options(struct tls_context *c, const struct tls_config *how)
{
    uint64_t on = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION | SSL_OP_SINGLE_DH_USE |
                  SSL_OP_SINGLE_ECDH_USE;
    if (!how->compression)
        on |= SSL_OP_NO_COMPRESSION;
    if (how->server) /* browsers close without close_notify; a backend's answer cut short is to be seen */
        on |= SSL_OP_IGNORE_UNEXPECTED_EOF;
    if (how->order != TLS_ORDER_CLIENT)
        on |= SSL_OP_CIPHER_SERVER_PREFERENCE;
    if (how->order == TLS_ORDER_MIXED) /* who names it first has no AES */
        on |= SSL_OP_PRIORITIZE_CHACHA;
    if (how->server && !how->tickets)
        on |= SSL_OP_NO_TICKET;
    if (how->insecure_renegotiation)
        on |= SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION;
    SSL_CTX_set_options(c->ssl, on);
    SSL_CTX_set_num_tickets(c->ssl,
                            1); /* a socket that comes back needs one, and making it is a twentieth of a handshake */
    SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!how->ca_file && !how->ca_path) /* OpenSSL would look for issuers with every handshake, in vain */
        SSL_CTX_set_mode(c->ssl, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(c->ssl, 1);
    SSL_CTX_set_dh_auto(c->ssl, 1);
    SSL_CTX_set_max_early_data(c->ssl, 0);
}

static bool set_ciphers(struct tls_context *c, const struct tls_config *how, char **error)
{
    if (how->ciphers && SSL_CTX_set_cipher_list(c->ssl, how->ciphers) != 1)
        return tls_say(error, "AH01898: Unable to configure permitted SSL ciphers \"%s\"", how->ciphers);
    if (how->suites && SSL_CTX_set_ciphersuites(c->ssl, how->suites) != 1)
        return tls_say(error, "AH10127: Unable to configure permitted TLSv1.3 ciphers \"%s\"", how->suites);
    return true;
}

/* ---- sessions ---- */

static void hash_text(EVP_MD_CTX *h, const char *text)
{
    EVP_DigestUpdate(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* A session counts only where the same is asked of a peer and the same certificates are shown. Made of what a
 * configuration says and not of what the files hold: it outlives a renewal, and machines that share ticket keys agree.
 */
static void set_session_id(struct tls_context *c, const struct tls_config *how)
{
    int trust[] = { how->server, (int)how->verify, how->depth, (int)how->crl, how->crl_missing_ok };
    EVP_MD_CTX *h = EVP_MD_CTX_new();

    ASSERT(h && EVP_DigestInit_ex(h, EVP_sha256(), NULL));
    EVP_DigestUpdate(h, trust, sizeof(trust));
    hash_text(h, how->ca_file), hash_text(h, how->ca_path);
    hash_text(h, how->crl_file), hash_text(h, how->crl_path);
    hash_text(h, how->machine_file), hash_text(h, how->machine_path);
    for (unsigned i = 0; i < how->n_pairs; i++)
        hash_text(h, how->pairs[i].cert);
    ASSERT(EVP_DigestFinal_ex(h, c->id, NULL));
    EVP_MD_CTX_free(h);
    ASSERT(SSL_CTX_set_session_id_context(c->ssl, c->id, sizeof(c->id)));
}

enum { SESSIONS_MOST = 4096 }; /* in memory, about 1 KB each: those of clients without tickets */

static bool set_sessions(struct tls_context *c, const struct tls_config *how, char **error)
{
    set_session_id(c, how);
    if (how->session_timeout_s > 0)
        SSL_CTX_set_timeout(c->ssl, how->session_timeout_s);
    if (!how->server) {
        SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c->ssl, tls_on_new_session);
        return true;
    }
    SSL_CTX_set_session_cache_mode(c->ssl, how->session_cache ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_cache_size(c->ssl, SESSIONS_MOST);
    if (!how->tickets)
        return true;
    if (how->ticket_key_file && !tls_load_ticket_key(c, how->ticket_key_file, error))
        return false;
    tls_use_tickets(c);
    return true;
}

/* ---- names of protocols ---- */

static bool set_alpn(struct tls_context *c, const char *list, char **error)
{
    struct span rest = span_of(list), name;

    c->alpn = base_alloc(strlen(list) + 2);
    while (span_next_token(&rest, &name)) {
        if (name.n == 0 || name.n > 255)
            return tls_say(error, "bad protocol name in \"%s\"", list);
        c->alpn[c->alpn_n] = (unsigned char)name.n;
        memcpy(c->alpn + c->alpn_n + 1, name.p, name.n);
        c->alpn_n += 1 + (unsigned)name.n;
    }
    if (c->server || SSL_CTX_set_alpn_protos(c->ssl, c->alpn, c->alpn_n) == 0)
        return true;
    return tls_say(error, "cannot offer the protocols \"%s\"", list);
}

/* ---- SSLOpenSSLConfCmd ---- */

static bool run_command(SSL_CONF_CTX *run, const struct tls_command *k, const char *name, char **error)
{
    return SSL_CONF_cmd(run, k->name, k->value) > 0 ||
           tls_say(error, "AH02407: \"SSLOpenSSLConfCmd %s %s\" failed for %s", k->name, k->value, name);
}

static bool run_commands(struct tls_context *c, const struct tls_config *how, char **error)
{
    SSL_CONF_CTX *run = SSL_CONF_CTX_new();
    bool good = true;

    ASSERT(run);
    SSL_CONF_CTX_set_flags(run, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_CERTIFICATE | SSL_CONF_FLAG_SHOW_ERRORS |
                                    (how->server ? SSL_CONF_FLAG_SERVER : SSL_CONF_FLAG_CLIENT));
    SSL_CONF_CTX_set_ssl_ctx(run, c->ssl);
    for (unsigned i = 0; good && i < how->n_commands; i++)
        good = run_command(run, &how->commands[i], how->name, error);
    if (good && SSL_CONF_CTX_finish(run) != 1)
        good = tls_say(error, "SSL_CONF_CTX_finish failed");
    SSL_CONF_CTX_free(run);
    return good;
}

/* ---- life ---- */

static bool load_pairs(struct tls_context *c, const struct tls_config *how, char **error)
{
    c->own = base_alloc((how->n_pairs + 1) * sizeof(*c->own));
    for (unsigned i = 0; i < how->n_pairs; i++)
        if (!tls_load_pair(c, how, &how->pairs[i], error))
            return false;
    return !how->chain_file || tls_load_chain(c, how->chain_file, error);
}

static bool build(struct tls_context *c, const struct tls_config *how, char **error)
{
    set_options(c, how);
    tls_set_callbacks(c);
    return set_protocols(c, how->protocols, error) && set_ciphers(c, how, error) && load_pairs(c, how, error) &&
           tls_load_machines(c, how, error) && tls_load_trust(c, how, error) && set_sessions(c, how, error) &&
           (!how->alpn || set_alpn(c, how->alpn, error)) && run_commands(c, how, error);
}

struct tls_context *tls_context_new(const struct tls_config *how, char **error)
{
    struct tls_context *c = base_alloc(sizeof(*c));

    ERR_clear_error();
    c->magic = TLS_CONTEXT_MAGIC;
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->staple_lock, NULL);
    c->server = how->server;
    c->verify = how->verify;
    c->depth = how->depth;
    c->crl_missing_ok = how->crl_missing_ok;
    c->client_order_13 = how->order == TLS_ORDER_MIXED && (how->protocols & TLS_1_3);
    c->ssl = SSL_CTX_new(how->server ? TLS_server_method() : TLS_client_method());
    if (!c->ssl)
        tls_say(error, "cannot make a context");
    if (c->ssl && build(c, how, error))
        return c;
    tls_context_drop(c);
    return NULL;
}

struct tls_context *tls_context_hold(struct tls_context *c)
{
    CHECK_MAGIC(c, TLS_CONTEXT_MAGIC);
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void tls_context_drop(struct tls_context *c)
{
    if (!c)
        return;
    CHECK_MAGIC(c, TLS_CONTEXT_MAGIC);
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(c->ssl);
    for (unsigned i = 0; i < c->n_own; i++) {
        X509_free(c->own[i].leaf);
        X509_free(c->own[i].issuer);
        free(c->own[i].staple);
    }
    free(c->own);
    tls_machines_free(c->machines);
    free(c->alpn);
    if (c->file_key)
        OPENSSL_cleanse(c->file_key, sizeof(*c->file_key));
    free(c->file_key);
    pthread_mutex_destroy(&c->staple_lock);
    c->magic = 0;
    free(c);
}

void tls_context_staple(struct tls_context *c, unsigned i, struct span der)
{
    unsigned char *copy = NULL, *old;

    CHECK_MAGIC(c, TLS_CONTEXT_MAGIC);
    ASSERT(i < c->n_own);
    if (der.n) {
        copy = base_alloc(der.n);
        memcpy(copy, der.p, der.n);
    }
    pthread_mutex_lock(&c->staple_lock);
    old = c->own[i].staple;
    c->own[i].staple = copy;
    c->own[i].staple_n = der.n;
    pthread_mutex_unlock(&c->staple_lock);
    free(old);
}
