/* TLS streams between a client and a server of our own, and against peers that are none: bytes, ends, faults. */
#include "net_tls_ends.h"

/* ---- bytes ---- */

static void text_goes_both_ways(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    assert_true(c.up && s.up);
    assert_true(stream_is_tls(c.s));
    assert_int_equal(send_text(&c, "hello"), 5);
    expect_text(&s, "hello");
    assert_int_equal(send_text(&s, "and good day"), 12);
    expect_text(&c, "and good day");
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.3");
    assert_variable(&s, "HTTPS", "on");
    assert_variable(&s, "SSL_SERVER_S_DN_CN", "www.weir.test");
    close_both(&c, &s);
}

static void pieces_are_joined_and_empty_ones_skipped(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    struct iovec v[] = { { (void *)(uintptr_t) "", 0 },      { (void *)(uintptr_t) "one ", 4 },
                         { (void *)(uintptr_t) "", 0 },      { (void *)(uintptr_t) "two ", 4 },
                         { (void *)(uintptr_t) "three", 5 }, { (void *)(uintptr_t) "", 0 } };
    unsigned long sends = tls_io_counts().sends;
    assert_int_equal(stream_write(c.s, v, 6), 13);
    assert_int_equal(tls_io_counts().sends - sends, 1);
    expect_text(&s, "one two three");
    assert_int_equal(stream_write(c.s, v, 1), 0);
    close_both(&c, &s);
}

static void small_message_costs_one_recv_and_one_send(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    run_for(5); /* tickets */
    for (int i = 0; i < 3; i++) {
        struct tls_io_counts before = tls_io_counts();
        assert_int_equal(send_text(&c, "a message"), 9);
        expect_text(&s, "a message");
        assert_false(s.s->ready & STREAM_READABLE);
        struct tls_io_counts after = tls_io_counts();
        assert_int_equal(after.sends - before.sends, 1);
        assert_int_equal(after.recvs - before.recvs, 1);
    }
    close_both(&c, &s);
}

static void short_room_keeps_readable_until_all_is_read(void **state)
{
    (void)state;
    struct end c, s;
    char out[16];
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    s.deaf = true;
    send_text(&c, "0123456789");
    while (!(s.s->ready & STREAM_READABLE))
        loop_run(l);
    assert_int_equal(stream_read(s.s, out, 4), 4);
    assert_true(s.s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s.s, out, 6), 6); /* no more than fits was asked for */
    assert_false(s.s->ready & STREAM_READABLE);
    assert_int_equal(stream_read(s.s, out, 6), -1);
    assert_int_equal(errno, EAGAIN);
    close_both(&c, &s);
}

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 31 + (at >> 11));
}

enum { BIG = 16 << 20 };
struct sender {
    struct end end; /* first */
    size_t sent, got;
    bool blocked;
};

static void send_big(struct sender *x)
{
    static char chunk[200000];
    while (x->sent < BIG && (x->end.s->ready & STREAM_WRITABLE)) {
        size_t n = sizeof(chunk) < BIG - x->sent ? sizeof(chunk) : BIG - x->sent;
        for (size_t i = 0; i < n; i++)
            chunk[i] = (char)pattern(x->sent + i);
        struct iovec v[] = { { chunk, n / 3 }, { chunk + n / 3, n - n / 3 } };
        ssize_t went = stream_write(x->end.s, v, 2);
        assert_true(went >= 0 || errno == EAGAIN);
        x->sent += went > 0 ? (size_t)went : 0;
        x->blocked |= !(x->end.s->ready & STREAM_WRITABLE);
    }
}

static void check_big(struct sender *x)
{
    const unsigned char *p = (const unsigned char *)buf_head(&x->end.in);
    for (size_t i = 0; i < buf_len(&x->end.in); i++)
        assert_int_equal(p[i], pattern(x->got + i));
    x->got += buf_len(&x->end.in);
    buf_consume(&x->end.in, buf_len(&x->end.in));
}

static void on_big(struct end *e)
{
    struct sender *x = (struct sender *)e;
    if (buf_len(&e->in))
        check_big(x);
    if (e->up)
        send_big(x);
}

static void big_transfers_survive_back_pressure_both_ways(void **state)
{
    (void)state;
    struct sender c = { 0 }, s = { 0 };
    int fds[2];
    make_pair(fds);
    serve_on(&s.end, fds[0], (struct tls_accept){ .context = front });
    connect_on(&c.end, fds[1], (struct tls_connect){ .context = behind });
    c.end.then = s.end.then = on_big;
    while (c.got < BIG || s.got < BIG)
        loop_run(l);
    assert_true(c.blocked && s.blocked);
    assert_int_equal(c.got, BIG);
    assert_int_equal(s.got, BIG);
    close_both(&c.end, &s.end);
}

static void what_was_written_arrives_though_the_owner_closed(void **state)
{
    (void)state;
    struct sender c = { 0 }, s = { 0 };
    int fds[2];
    make_pair(fds);
    serve_on(&s.end, fds[0], (struct tls_accept){ .context = front });
    connect_on(&c.end, fds[1], (struct tls_connect){ .context = behind });
    c.end.deaf = true;
    shake(&c.end, &s.end);
    send_big(&s);
    assert_true(s.sent > 0 && s.sent < BIG);
    assert_int_equal(stream_shutdown(s.end.s), 0);
    close_end(&s.end);
    c.end.deaf = false;
    read_all(&c.end);
    while (!c.end.ended)
        loop_run(l);
    check_big(&c);
    assert_int_equal(c.got, s.sent);
    close_end(&c.end);
}

static void records_begin_small_and_grow(void **state)
{
    (void)state;
    struct end c, s;
    static char bytes[64 * 1024];
    struct iovec v = { bytes, sizeof(bytes) };
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    struct tls_stream *t = tls_of(s.s);
    unsigned long sends = tls_io_counts().sends;
    ssize_t went = stream_write(s.s, &v, 1);
    assert_true(went == sizeof(bytes) && tls_io_counts().sends == sends + 1); /* some fifty records by one send */
    assert_true(t->burst >= 64 * 1024);
    expect_text(&c, ""), buf_release(&c.in);
    close_both(&c, &s);
}

/* ---- peers that misbehave ---- */

static void raw_peer(struct end *s, int *peer, uint64_t timeout_ms)
{
    int fds[2];
    make_pair(fds);
    *peer = fds[1];
    serve_on(s, fds[0], (struct tls_accept){ .context = front, .timeout_ms = timeout_ms });
}

static void plain_http_is_told_and_the_connection_goes_on_plain(void **state)
{
    (void)state;
    struct end s;
    int peer;
    char out[64];
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), 27);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_HTTP_REQUEST, "http request");
    s.s = stream_tls_to_plain(s.s, on_end, &s);
    assert_non_null(s.s);
    assert_false(stream_is_tls(s.s));
    assert_int_equal(send_text(&s, "HTTP/1.1 400 Bad Request"), 24);
    assert_int_equal(read(peer, out, sizeof(out)), 24); /* and nothing before it */
    assert_memory_equal(out, "HTTP", 4);
    s.then = NULL;
    stream_close(s.s);
    run_for(0);
    close(peer);
}

static void garbage_is_told_from_tls_and_answered_by_nothing(void **state)
{
    (void)state;
    struct end s;
    int peer;
    unsigned char out[64];
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "SSH-2.0-OpenSSH_9.2\r\n", 21), 21);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_NOT_TLS, "wrong version number");
    close_end(&s);
    assert_int_equal(read(peer, out, sizeof(out)), 0);
    close(peer);
}

static void half_a_handshake_ends_quietly(void **state)
{
    (void)state;
    struct end s;
    int peer;
    raw_peer(&s, &peer, 0);
    assert_int_equal(write(peer, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 11);
    run_for(5);
    assert_false(s.failed);
    close(peer);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_ENDED, "closed");
    assert_int_equal(tls_fault_ah(s.s), 2006);
    close_end(&s);
}

static void silence_ends_by_time(void **state)
{
    (void)state;
    struct end s;
    int peer;
    raw_peer(&s, &peer, 20);
    while (!s.failed)
        loop_run(l);
    assert_fault(&s, TLS_TIMEOUT, "timed out");
    assert_null(tls_of(s.s)->ssl); /* nothing was made for one who said nothing */
    close_end(&s);
    close(peer);
}

static void missing_close_notify_is_a_fault_behind(void **state)
{
    (void)state;
    struct end c, s;
    meet(&c, &s, (struct tls_connect){ .context = behind }, (struct tls_accept){ .context = front });
    send_text(&s, "half an answ");
    expect_text(&c, "half an answ");
    close_end(&s);
    while (!c.ended && !c.error)
        loop_run(l);
    assert_int_not_equal(c.error, 0);
    close_end(&c);
}

/* A peer of OpenSSL's own between memory and a descriptor: the test decides which bytes go when. */
struct puppet {
    SSL *ssl;
    int fd;
    size_t at_once; /* bytes a turn; 0: all */
};

static void hear(struct puppet *p)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(p->fd, bytes, sizeof(bytes))) > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(p->ssl), bytes, (int)n), n);
}

static void say(struct puppet *p, size_t most)
{
    char bytes[4096];
    int n = BIO_read(SSL_get_wbio(p->ssl), bytes, (int)(most && most < sizeof(bytes) ? most : sizeof(bytes)));
    if (n > 0)
        assert_int_equal(write(p->fd, bytes, (size_t)n), n);
}

static struct puppet puppet(SSL_CTX *ctx, int fd)
{
    struct puppet p = { SSL_new(ctx), fd, 0 };
    SSL_set_bio(p.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return p;
}

static void play_handshake(struct puppet *p)
{
    while (SSL_do_handshake(p->ssl) != 1 || BIO_pending(SSL_get_wbio(p->ssl))) {
        say(p, p->at_once);
        run_for(0);
        hear(p);
    }
}

static void free_puppet(struct puppet *p)
{
    SSL_free(p->ssl);
    close(p->fd);
}

static void hello_byte_by_byte_still_finds_its_context(void **state)
{
    (void)state;
    struct end s;
    int fds[2];
    struct tls_config old = server_config();
    old.pairs = &rsa_pair, old.protocols = TLS_1_2;
    sites[0] = front, sites[1] = context(old);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    make_pair(fds);
    serve_on(&s, fds[0], (struct tls_accept){ .context = front, .choose = choose_site });
    struct puppet p = puppet(ctx, fds[1]);
    p.at_once = 1;
    SSL_set_connect_state(p.ssl);
    SSL_set_tlsext_host_name(p.ssl, "old.weir.test");
    play_handshake(&p);
    while (!s.up)
        loop_run(l);
    assert_variable(&s, "SSL_PROTOCOL", "TLSv1.2");
    assert_variable(&s, "SSL_SERVER_A_KEY", "rsaEncryption");
    close_end(&s);
    free_puppet(&p);
    tls_context_drop(sites[1]);
    SSL_CTX_free(ctx);
}

/* Else at once: it carries the acknowledgement that the client's kernel may wait for. */
static void ticket_leaves_with_the_answer_when_the_request_is_there(void **state)
{
    (void)state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    for (int asks = 0; asks < 2; asks++) {
        struct end s;
        int fds[2];
        char out[16];
        unsigned long sends = tls_io_counts().sends;
        make_pair(fds);
        serve_on(&s, fds[0], (struct tls_accept){ .context = front });
        struct puppet p = puppet(ctx, fds[1]);
        SSL_set_connect_state(p.ssl);
        assert_int_equal(SSL_do_handshake(p.ssl), -1);
        say(&p, 0);
        run_for(1);
        hear(&p);
        assert_int_equal(SSL_do_handshake(p.ssl), 1);
        if (asks)
            assert_int_equal(SSL_write(p.ssl, "why?", 4), 4);
        say(&p, 0);
        while (!s.up)
            loop_run(l);
        assert_int_equal(tls_io_counts().sends - sends, asks ? 1 : 2);
        assert_int_equal(send_text(&s, "so."), 3);
        assert_int_equal(tls_io_counts().sends - sends, asks ? 2 : 3);
        hear(&p);
        assert_int_equal(SSL_read(p.ssl, out, sizeof(out)), 3);
        assert_true(SSL_SESSION_is_resumable(SSL_get_session(p.ssl)));
        close_end(&s);
        free_puppet(&p);
    }
    SSL_CTX_free(ctx);
}

static void half_a_ticket_holds_writing_up_for_a_while(void **state)
{
    (void)state;
    struct end c = { 0 };
    int fds[2];
    char out[16];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, ec_pair.cert, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, ec_pair.key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_max_send_fragment(ctx, 512);
    make_pair(fds);
    struct puppet p = puppet(ctx, fds[1]);
    SSL_set_accept_state(p.ssl);
    connect_on(&c, fds[0], (struct tls_connect){ .context = behind });
    run_for(0);
    hear(&p);
    play_handshake(&p);
    while (!c.up)
        loop_run(l);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(p.ssl), certs_dir, sizeof(certs_dir)); /* any: makes it longer */
    assert_int_equal(SSL_new_session_ticket(p.ssl), 1);
    /* a message in two records, of which one arrives */
    static const unsigned char more[600];
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(p.ssl), more, sizeof(more));
    assert_int_equal(SSL_do_handshake(p.ssl), 1);
    assert_true(BIO_pending(SSL_get_wbio(p.ssl)) > 540);
    c.calls = 0;
    say(&p, 540);
    run_for(2);
    assert_int_equal(c.calls, 0); /* nothing an owner should wake for */
    assert_int_equal(send_text(&c, "now?"), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(c.s->ready & STREAM_WRITABLE);
    say(&p, 0);
    while (!(c.s->ready & STREAM_WRITABLE))
        loop_run(l);
    assert_int_equal(send_text(&c, "now."), 4);
    hear(&p);
    assert_int_equal(SSL_read(p.ssl, out, sizeof(out)), 4);
    assert_memory_equal(out, "now.", 4);
    close_end(&c);
    free_puppet(&p);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest stories[] = {
        STORY(text_goes_both_ways),
        STORY(pieces_are_joined_and_empty_ones_skipped),
        STORY(small_message_costs_one_recv_and_one_send),
        STORY(short_room_keeps_readable_until_all_is_read),
        STORY(big_transfers_survive_back_pressure_both_ways),
        STORY(what_was_written_arrives_though_the_owner_closed),
        STORY(records_begin_small_and_grow),
        STORY(plain_http_is_told_and_the_connection_goes_on_plain),
        STORY(garbage_is_told_from_tls_and_answered_by_nothing),
        STORY(half_a_handshake_ends_quietly),
        STORY(silence_ends_by_time),
        STORY(missing_close_notify_is_a_fault_behind),
        STORY(hello_byte_by_byte_still_finds_its_context),
        STORY(ticket_leaves_with_the_answer_when_the_request_is_there),
        STORY(half_a_ticket_holds_writing_up_for_a_while),
    };
    return cmocka_run_group_tests(stories, make_all, remove_all);
}
