/* TLS in front against clients of OpenSSL's own: ends, faults and what is left when nothing is said, before and after a
 * tunnel has taken the stream over (stream_tls_settle). */
#include "net_tls.h"

#include <malloc.h>
#include <openssl/err.h>

static struct tls_context *front;
static SSL_CTX *ctx; /* the client's */

/* ---- ends and faults ---- */

static struct end s;
static SSL *ssl;

static void begin(struct tls_context *server, bool settled)
{
    ssl = foreign_client(&s, server, ctx);
    if (settled)
        stream_tls_settle(s.s);
}

static void over(void)
{
    close_end(&s);
    end_foreign(ssl);
}

static void renegotiation_is_refused(void **state)
{
    (void)state;
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    for (int settled = 0; settled < 2; settled++) {
        int result;
        begin(front, settled);
        assert_int_equal(SSL_renegotiate(ssl), 1);
        for (int i = 0;
             (result = SSL_do_handshake(ssl)) != 1 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ && i < 100; i++)
            run_for(1);
        assert_int_not_equal(result, 1);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
        over();
    }
}

static void close_notify_is_the_end_and_is_answered(void **state)
{
    (void)state;
    for (int settled = 0; settled < 2; settled++) {
        char out[16];
        begin(front, settled);
        assert_int_equal(SSL_write(ssl, "bye", 3), 3);
        assert_int_equal(SSL_shutdown(ssl), 0);
        while (!s.ended)
            loop_run(l);
        assert_int_equal(buf_len(&s.in), 3);
        assert_true(s.s->ready & STREAM_EOF);
        assert_int_equal(stream_read(s.s, out, sizeof(out)), 0); /* and stays so */
        assert_int_equal(send_text(&s, "last"), 4);              /* the other half is open */
        assert_int_equal(SSL_read(ssl, out, sizeof(out)), 4);
        assert_int_equal(stream_shutdown(s.s), 0);
        assert_int_equal(SSL_read(ssl, out, sizeof(out)), 0);
        assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
        assert_int_equal(send_text(&s, "after"), -1);
        over();
    }
}

static void missing_close_notify_is_an_end(void **state)
{
    (void)state;
    for (int settled = 0; settled < 2; settled++) {
        begin(front, settled);
        SSL_write(ssl, "cut", 3);
        shutdown(SSL_get_fd(ssl), SHUT_WR);
        while (!s.ended && !s.error)
            loop_run(l);
        assert_true(s.ended);
        assert_int_equal(buf_len(&s.in), 3);
        over();
    }
}

static void broken_record_gets_an_alert(void **state)
{
    (void)state;
    for (int settled = 0; settled < 2; settled++) {
        char out[16];
        begin(front, settled);
        assert_int_equal(write(SSL_get_fd(ssl),
                               "\x17\x03\x03\x00\x20"
                               "not what the key would have made",
                               37),
                         37);
        while (!s.error)
            loop_run(l);
        assert_true(s.failed || (s.s->ready & STREAM_FAILED));
        assert_true(SSL_read(ssl, out, sizeof(out)) <= 0);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
        ERR_clear_error();
        over();
    }
}

static void flood_of_key_updates_does_not_grow_memory(void **state)
{
    (void)state;
    for (int settled = 0; settled < 2; settled++) {
        bool full = false;
        begin(front, settled);
        for (int i = 0; i < 20000 && !full; i++) {
            SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
            for (int tries = 0; SSL_write(ssl, "x", 1) != 1 && !full; tries++) {
                run_for(0);
                full = tries > 20; /* nothing goes any more: the server waits for us to read */
            }
        }
        assert_true(full);
        assert_in_range(buf_len(&tls_of(s.s)->unsent), 1, 300 * 1024);
        static char out[65536]; /* once we take its answers, the server reads on */
        size_t heard = buf_len(&s.in);
        for (int i = 0; i < 100 && buf_len(&s.in) == heard; i++) {
            assert_true(read(SSL_get_fd(ssl), out, sizeof(out)) != 0);
            run_for(1);
        }
        assert_true(buf_len(&s.in) > heard);
        stream_reset(s.s), s.s = NULL;
        over();
    }
}

/* ---- settled ---- */

/* A message each way, of several records. */
static void talk(size_t n)
{
    static char there[200000], back[200000];
    struct iovec v = { there, n };
    size_t got = 0;

    assert_true(n <= sizeof(there));
    for (size_t i = 0; i < n; i++)
        there[i] = (char)(i * 7 / 3);
    for (int went = -1; went <= 0; run_for(0))
        went = SSL_write(ssl, there, (int)n);
    while (buf_len(&s.in) < n && !s.error)
        loop_run(l);
    assert_int_equal(buf_len(&s.in), n);
    assert_memory_equal(buf_head(&s.in), there, n);
    buf_release(&s.in);
    while (got < n) {
        ssize_t went = v.iov_len ? stream_write(s.s, &v, 1) : 0;
        if (went > 0)
            v.iov_base = (char *)v.iov_base + went, v.iov_len -= (size_t)went;
        run_for(0);
        for (int some; got < n && (some = SSL_read(ssl, back + got, (int)(n - got))) > 0;)
            got += (size_t)some;
    }
    assert_memory_equal(back, there, n);
}

static bool has_own_session(void)
{
    return SSL_SESSION_get_master_key(SSL_get0_session(tls_of(s.s)->ssl), NULL, 0) > 0;
}

static void settled_stream_changes_keys_with_each_cipher(void **state)
{
    (void)state;
    static const char *const suites[] = { "TLS_AES_256_GCM_SHA384",   "TLS_CHACHA20_POLY1305_SHA256",
                                          "TLS_AES_128_GCM_SHA256",   "TLS_AES_128_CCM_SHA256",
                                          "TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_GCM_SHA256" };
    struct tls_config config = server_config();
    config.suites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
                    "TLS_AES_128_CCM_8_SHA256";
    struct tls_context *server = context(config);
    for (unsigned i = 0; i < COUNT_OF(suites); i++) {
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suites[i]), 1);
        begin(server, false);
        assert_true(has_own_session());
        assert_variable(&s, "SSL_CIPHER", suites[i]);
        stream_tls_settle(s.s);
        stream_tls_settle(s.s); /* once more does no harm */
        assert_false(has_own_session());
        assert_variable(&s, "SSL_CIPHER", suites[i]);
        talk(64);
        for (int turn = 0; turn < 3; turn++) {
            assert_int_equal(SSL_key_update(ssl, turn % 2 ? SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED),
                             1);
            talk(100);
            assert_int_equal(SSL_key_update(tls_of(s.s)->ssl, SSL_KEY_UPDATE_REQUESTED), 1); /* and ours */
            talk(turn == 2 ? 200000 : 5000);
        }
        over();
    }
    tls_context_drop(server);
}

static void settled_stream_hears_a_fatal_alert(void **state)
{
    (void)state;
    begin(front, true);
    /* a record that the client cannot open: it sends bad_record_mac and gives up */
    assert_int_equal(write(s.s->fd,
                           "\x17\x03\x03\x00\x20"
                           "not what the key would have made",
                           37),
                     37);
    char out[16];
    assert_true(SSL_read(ssl, out, sizeof(out)) <= 0);
    ERR_clear_error(); /* the client's: who leaves errors in a thread empties the queue */
    while (!s.error && !s.ended)
        loop_run(l);
    assert_int_not_equal(s.error, 0);
    assert_non_null(strstr(tls_error(s.s, (char[256]){ 0 }, 256), "alert"));
    over();
}

/* What a settled connection gave its client, tickets or numbers that the server remembers, is good for the next one. */
static void session_of_a_settled_stream_is_resumed(void **state)
{
    (void)state;
    for (int tickets = 0; tickets < 2; tickets++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct tls_config config = server_config();
            config.tickets = tickets;
            struct tls_context *server = context(config);
            SSL_CTX_set_max_proto_version(ctx, version);
            begin(server, true);
            talk(10);
            SSL_SESSION *kept = SSL_get1_session(ssl);
            SSL_shutdown(ssl);
            over();
            ssl = foreign_resumes(&s, server, ctx, kept);
            assert_int_equal(SSL_session_reused(ssl), 1);
            assert_variable(&s, "SSL_SESSION_RESUMED", "Resumed");
            stream_tls_settle(s.s);
            talk(10);
            over();
            SSL_SESSION_free(kept);
            tls_context_drop(server);
        }
}

/* Towards a backend the ticket comes after the handshake, perhaps to a settled stream: the next one resumes. */
static void settled_client_still_takes_tickets(void **state)
{
    (void)state;
    struct tls_context *behind = context(client_config());
    struct tls_session_cache *kept = tls_session_cache_new();
    for (int i = 0; i < 3; i++) {
        struct end c, back;
        meet(&c, &back, (struct tls_connect){ .context = behind, .sessions = kept, .check_name = "www.weir.test" },
             (struct tls_accept){ .context = front });
        assert_variable(&c, "SSL_SESSION_RESUMED", i ? "Resumed" : "Initial");
        stream_tls_settle(c.s);
        stream_tls_settle(back.s);
        send_text(&back, "x");
        expect_text(&c, "x");
        send_text(&c, "y");
        expect_text(&back, "y");
        close_end(&c);
        close_end(&back);
    }
    tls_session_cache_free(kept);
    tls_context_drop(behind);
}

static void older_protocol_keeps_what_its_records_need(void **state)
{
    (void)state;
    static const char *const ciphers[] = { "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                                           "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305" };
    struct tls_config config = server_config();
    config.ciphers = "ALL";
    struct tls_context *server = context(config);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    for (unsigned i = 0; i < COUNT_OF(ciphers); i++) {
        SSL_CTX_set_cipher_list(ctx, ciphers[i]);
        begin(server, true);
        assert_variable(&s, "SSL_CIPHER", ciphers[i]);
        assert_true(has_own_session());
        talk(100);
        talk(100000);
        over();
    }
    tls_context_drop(server);
}

/* RFC 6066 4: the client wants short records, and they are to stay short. */
static void bound_of_records_outlives_settling(void **state)
{
    (void)state;
    SSL_CTX_set_tlsext_max_fragment_length(ctx, TLSEXT_max_fragment_length_512);
    for (int settled = 0; settled < 2; settled++) {
        begin(front, settled);
        assert_int_equal(SSL_SESSION_get_max_fragment_length(SSL_get0_session(tls_of(s.s)->ssl)),
                         TLSEXT_max_fragment_length_512);
        talk(5000);
        over();
    }
}

/* ---- memory ---- */

static size_t live, live_blocks;

static void *count_alloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    void *p = malloc(n);
    live += malloc_usable_size(p) + sizeof(size_t);
    live_blocks++;
    return p;
}

static void count_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    live -= p ? malloc_usable_size(p) + sizeof(size_t) : 0;
    live_blocks -= p != NULL;
    free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    live -= p ? malloc_usable_size(p) + sizeof(size_t) : 0;
    live_blocks += p == NULL;
    p = realloc(p, n);
    live += malloc_usable_size(p) + sizeof(size_t);
    return p;
}

static void idle_stream_holds_no_buffers(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(ctx, version);
        begin(front, true);
        talk(5);
        size_t bytes = live, blocks = live_blocks;
        close_end(&s);
        bytes -= live, blocks -= live_blocks;
        print_message("           %s, idle: %zu bytes in %zu blocks of OpenSSL's, %zu of ours\n", SSL_get_version(ssl),
                      bytes, blocks, sizeof(struct tls_stream));
        assert_in_range(bytes, 1000, version == TLS1_3_VERSION ? 12200 : 15000);
        over();
    }
}

static int make_all(void **state)
{
    (void)state;
    make_certs();
    front = context(server_config());
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    tls_context_drop(front);
    remove_certs();
    return 0;
}

static int start_client(void **state)
{
    ctx = SSL_CTX_new(TLS_client_method());
    return start(state);
}

static int finish_client(void **state)
{
    SSL_CTX_free(ctx);
    return finish(state);
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, start_client, finish_client)

int main(void)
{
    const struct CMUnitTest stories[] = {
        STORY(renegotiation_is_refused),
        STORY(close_notify_is_the_end_and_is_answered),
        STORY(missing_close_notify_is_an_end),
        STORY(broken_record_gets_an_alert),
        STORY(flood_of_key_updates_does_not_grow_memory),
        STORY(settled_stream_changes_keys_with_each_cipher),
        STORY(settled_stream_hears_a_fatal_alert),
        STORY(session_of_a_settled_stream_is_resumed),
        STORY(settled_client_still_takes_tickets),
        STORY(older_protocol_keeps_what_its_records_need),
        STORY(bound_of_records_outlives_settling),
        STORY(idle_stream_holds_no_buffers),
    };
    ASSERT(CRYPTO_set_mem_functions(count_alloc, count_realloc, count_free));
    return cmocka_run_group_tests(stories, make_all, remove_all);
}
